/*
 * quorum.h -- which witnesses cosigned a checkpoint, and when a policy's
 * quorum was complete (design section 3, "Time").
 */
#ifndef AICERT_VERIFIER_QUORUM_H
#define AICERT_VERIFIER_QUORUM_H

#include "verifier/policy.h"

#define QUORUM_NEVER INT64_MAX

/*
 * *time_s = the smallest T such that cosignatures with a time of at most T
 * satisfy the policy's quorum; QUORUM_NEVER under "quorum none".
 * AC_ERR_NOT_FOUND: not satisfied; AC_ERR_MISMATCH: a line by a known witness
 * does not hold.
 */
AC_MUST_CHECK enum ac_err quorum_time(int64_t *time_s, const struct policy *p,
    const struct note *note, struct message *why);

/* The policy's log-time key of the log origin, or NULL. */
const struct note_key *quorum_log_time_key(const struct policy *p,
    struct span origin);

/*
 * *time_s = the time by that key.  AC_ERR_NOT_FOUND: there is no such key, or
 * no line by it; AC_ERR_MISMATCH: a line by it does not hold.
 */
AC_MUST_CHECK enum ac_err quorum_log_time(int64_t *time_s,
    const struct policy *p, const struct note *note, struct span origin,
    struct message *why);

#endif
