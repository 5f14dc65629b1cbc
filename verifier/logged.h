/*
 * logged.h -- a statement of its own in a log, as revocations and image
 * releases are: by whom it is signed, where it is logged, and since when
 * (steps 2 to 6 for one line).
 */
#ifndef AICERT_VERIFIER_LOGGED_H
#define AICERT_VERIFIER_LOGGED_H

#include "verifier/verify.h"

struct logged {
	struct spki key;         /* by which it is signed */
	struct digest signer;    /* that key's fingerprint */
	struct span origin;      /* of the log; borrowed from the line */
	uint64_t index;
	struct verify_time time; /* of inclusion, under the policy */
};

/*
 * Is line signed by the key that its hint names, and logged so in a log of the
 * policy under the policy's quorum?  VERIFY_FAILED: something in it is wrong;
 * VERIFY_NOT_ACCEPTED: all of it is right, but the policy does not know the
 * log, or nothing by which to tell the time.  *out is set where VERIFY_OK.
 */
enum verify_status logged_check(struct logged *out, const struct policy *p,
    const struct certificate_line *line, struct message *why);

/*
 * *t = the inclusion time of an entry under checkpoint, the note of origin's
 * log: the witnesses', else the log's word.  Statuses as above.
 */
enum verify_status logged_time(struct verify_time *t, const struct policy *p,
    struct span checkpoint, struct span origin, struct message *why);

/* The origin in a note; AC_ERR_FORMAT: it is no checkpoint. */
AC_MUST_CHECK enum ac_err logged_origin(struct span *origin,
    struct span checkpoint);

#endif
