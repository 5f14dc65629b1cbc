/*
 * head.h -- a checkpoint under a policy: which log signed it, whether its
 * quorum is complete, and as of when.  Pure.
 */
#ifndef AICERT_AUDITOR_HEAD_H
#define AICERT_AUDITOR_HEAD_H

#include "cert/checkpoint.h"
#include "merkle/merkle.h"
#include "verifier/policy.h"

struct head {
	const struct note_key *log; /* of the policy */
	struct buf note;            /* the whole signed note, owned */
	uint64_t size;
	struct digest root;
	bool quorum;                /* the policy's is complete */
	struct message quorum_why;  /* why it is not */
	bool has_time;
	int64_t time_s;             /* of the quorum, else of the log's clock */
};

/*
 * Check bytes as a checkpoint that a log of p signed under its own origin.
 * AC_ERR_FORMAT: it is none; AC_ERR_NOT_FOUND: p names no such log, or it has
 * no signature by it; AC_ERR_MISMATCH: a line by the log does not hold;
 * AC_ERR_MEMORY.  A quorum that is missing is no error here.
 */
AC_MUST_CHECK enum ac_err head_check(struct head *out, const struct policy *p,
    struct span bytes, struct message *why);

void head_free(struct head *h);

#endif
