/*
 * advance.h -- the way of a committed head to the public: signed, its tiles
 * durable, cosigned, its note stored, the checkpoint replaced.  Init, start,
 * every batch and the idle log all go this one way, each arrow only after the
 * one before (design section 3).
 */
#ifndef AICERT_REGISTRY_ADVANCE_H
#define AICERT_REGISTRY_ADVANCE_H

#include "registry/proof.h"
#include "registry/publish.h"
#include "registry/published.h"
#include "registry/signer.h"

/* Everything borrowed. */
struct advance {
	struct store *store; /* the writer's */
	struct proof *proof; /* out of it */
	struct signer *signer;
	struct publish *publish;
	struct published *published;
};

/*
 * Does the database know everything that was signed or made public?
 * AC_ERR_MISMATCH: no; *why says what is newer and what to do.
 */
AC_MUST_CHECK enum ac_err advance_check(struct advance *a, struct message *why);

/*
 * Take the newest committed head through every arrow that it has not passed,
 * or, if it has passed all, cosign it again.  now_s is the clock; batch says
 * that new entries wait for it.  On any error nothing further may be
 * committed.
 */
AC_MUST_CHECK enum ac_err advance_head(struct advance *a, int64_t now_s,
    bool batch, struct message *why);

#endif
