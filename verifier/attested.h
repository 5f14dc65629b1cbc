/*
 * attested.h -- is the machine at the other end of a connection one that the
 * policy trusts?  Steps 8 to 10 and 12 to 14 of its answer to a challenge
 * (design section 5).  Pure, like verify.h.
 *
 * It says that *a* trusted machine holds the key of this connection, and what
 * was measured there so far; which one, only a vm line of the policy says.
 */
#ifndef AICERT_VERIFIER_ATTESTED_H
#define AICERT_VERIFIER_ATTESTED_H

#include "verifier/verify.h"

struct attested_peer {
	struct span answer;   /* what it said to the challenge, JSON */
	uint8_t nonce[32];    /* of the challenge */
	struct span spki;     /* DER of the key of the connection */
	struct span releases; /* lines of image releases, or nothing */
	int64_t now_s;        /* the caller's clock, for certificates */
};

/*
 * Judge it; v is new, of VERIFY_MODE_UNLOGGED.  AC_OK: every step holds; then
 * v->cert.evidence is what it showed.  AC_ERR_MISMATCH: a step does not, and
 * *why names it; AC_ERR_FORMAT, AC_ERR_LIMIT: answer or releases are not of
 * their form; AC_ERR_MEMORY.  The spans outlive v.
 */
AC_MUST_CHECK enum ac_err attested_check(struct verification *v,
    const struct attested_peer *peer, struct message *why);

#endif
