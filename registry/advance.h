/*
 * advance.h -- the way of a committed head to the public: signed, its tiles
 * durable, cosigned by witnesses and by the log's clock, its note stored, the
 * checkpoint replaced.  Init, start, every batch and the idle log all go this
 * one way, each arrow only after the one before (design section 3).
 */
#ifndef AICERT_REGISTRY_ADVANCE_H
#define AICERT_REGISTRY_ADVANCE_H

#include "registry/outside.h"
#include "registry/proof.h"
#include "registry/publish.h"
#include "registry/published.h"
#include "registry/signer.h"
#include "registry/witness.h"

/* Everything borrowed; for one thread. */
struct advance {
	struct store *store; /* the writer's */
	struct proof *proof; /* out of it */
	struct signer *signer;
	struct publish *publish;
	struct published *published;

	/* Of a running server; NULL and false otherwise. */
	bool serving;
	struct witness *witness; /* NULL: none are asked */
	struct outside *outside; /* NULL: there is no public URL */
	struct halt *halt;
	const struct journal *journal;
	bool fail_open;    /* a head without its quorum is published */
	bool accept_start; /* --accept-unwitnessed-start */
	/* Called where that was needed; text says what was missing. */
	void (*accepted)(void *arg, const char *text);
	void *arg;

	/* advance.c's own. */
	bool is_public;    /* the newest head is, and stands */
	bool open;         /* it was published without its quorum */
	struct message blocked; /* why it is not, as the journal has it */
	bool confirmed;    /* the head found at the start stands */
	uint64_t tiles;    /* whose tiles are durable, of size + 1; 0: none */
	bool has_clock;
	int64_t clock_s, uptime_s; /* as they were at the start */
};

/*
 * Does the database know everything that was signed or made public?
 * AC_ERR_MISMATCH: no; *why says what is newer and what to do.
 */
AC_MUST_CHECK enum ac_err advance_check(struct advance *a, struct message *why);

/*
 * At the start of a server, before anybody outside is asked: sign the newest
 * committed head again, make its tiles durable, and show what was published
 * before.  A frozen or halted log signs nothing.
 */
AC_MUST_CHECK enum ac_err advance_resume(struct advance *a,
    struct message *why);

/*
 * Take the newest committed head through every arrow that it has not passed,
 * or, if it has passed all, cosign it again.  now_s is the clock; batch says
 * that new entries wait for it.  AC_ERR_BUSY: it cannot go on now, may later,
 * and nothing further may be committed before.  Any other error ends the
 * server.
 */
AC_MUST_CHECK enum ac_err advance_head(struct advance *a, int64_t now_s,
    bool batch, struct message *why);

/* Is nothing signed until the operator acts? */
bool advance_is_halted(const struct advance *a);

#endif
