/*
 * submission.h -- the body of a tlog-witness add-checkpoint request: old size,
 * consistency proof, checkpoint.  The form only; pure.
 */
#ifndef AICERT_AUDITOR_SUBMISSION_H
#define AICERT_AUDITOR_SUBMISSION_H

#include "cert/limits.h"
#include "merkle/merkle.h"

#define SUBMISSION_PROOF_MAX 63 /* lines, as the specification says */
/* Bytes of a request: the lines before the checkpoint, and that. */
#define SUBMISSION_MAX (32 + 45 * SUBMISSION_PROOF_MAX + NOTE_MAX)

struct submission {
	uint64_t old;
	size_t nproof;
	struct digest proof[SUBMISSION_PROOF_MAX];
	struct span note; /* borrowed; not looked at */
};

/* Parse a whole body.  AC_ERR_FORMAT, AC_ERR_LIMIT. */
AC_MUST_CHECK enum ac_err submission_parse(struct submission *out,
    struct span body);

#endif
