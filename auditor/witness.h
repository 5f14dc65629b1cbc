/*
 * witness.h -- a C2SP tlog-witness: what it cosigns, and what it remembers.
 * It knows no HTTP library; requests come in as bytes, answers go out as status,
 * type and body.
 *
 * Its folder holds, for each log, <hex SHA-256 of the origin>/checkpoint: the
 * largest checkpoint that it cosigned, with the log's signature and its own.
 * That file is the state, and what it serves; it is durable before a signature
 * leaves.  Beside it lies evidence/, what logs signed that does not fit.
 */
#ifndef AICERT_AUDITOR_WITNESS_H
#define AICERT_AUDITOR_WITNESS_H

#include "cert/notekey.h"
#include "verifier/policy.h"

#define WITNESS_KEYS_MAX 8
#define WITNESS_EVIDENCE_MAX 64 /* files kept for one log */
#define WITNESS_CLOCK_SLACK_S 300 /* so far the clock may step back */

struct witness;

struct witness_options {
	const char *dir;            /* exists; belongs to this process alone */
	const struct policy *logs;  /* its log lines are whom it knows */
	struct notekey *key[WITNESS_KEYS_MAX]; /* cosignature keys, borrowed */
	size_t nkeys;               /* at least 1 */
};

struct witness_reply {
	unsigned status;
	const char *type;
	unsigned retry_after_s; /* 0: not said */
	struct buf body;        /* owned by the caller */
	bool evidence;          /* the log signed what does not fit; it was kept */
	struct message note;    /* of a status that is not 200: for a person */
};

/*
 * Take the folder.  AC_ERR_BUSY: another process has it; AC_ERR_MISMATCH: a
 * checkpoint in it is not one that we cosigned or the log signed; AC_ERR_IO;
 * AC_ERR_MEMORY.  o's pointers must outlive *out.
 */
AC_MUST_CHECK enum ac_err witness_open(struct witness **out,
    const struct witness_options *o, struct message *why);

void witness_close(struct witness *w);

/* Answer add-checkpoint with that body at now_s.  From any thread. */
void witness_add_checkpoint(struct witness *w, struct witness_reply *out,
    struct span body, int64_t now_s);

/* Answer GET <hash>/checkpoint; hash is what stands there.  From any thread. */
void witness_checkpoint(struct witness *w, struct witness_reply *out,
    struct span hash);

#endif
