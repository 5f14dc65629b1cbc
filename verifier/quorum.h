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

/*
 * *time_s = the time by the policy's log-time key of the log origin.
 * AC_ERR_NOT_FOUND: the policy has no such key; AC_ERR_MISMATCH: it has, and
 * the note has no line by it, or one that does not hold.
 */
AC_MUST_CHECK enum ac_err quorum_log_time(int64_t *time_s,
    const struct policy *p, const struct note *note, struct span origin,
    struct message *why);

#endif
