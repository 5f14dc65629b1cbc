/*
 * judge.h -- is what came back from an agent what its builder may put a name
 * under?  The whole verification but for the log, on the certificate as it
 * would be signed and on the files; and that it is of this build.
 */
#ifndef AICERT_PRODUCER_JUDGE_H
#define AICERT_PRODUCER_JUDGE_H

#include "cert/oms.h"
#include "producer/remote.h"

struct judge {
	const struct policy *policy;
	const struct remote_build *build;
	struct span jsonl, model_sig;
	struct span checkpoint;       /* that was sent with the run, or nothing */
	const struct oms_file *file;  /* what lies in the folder, hashed */
	size_t nfiles;
	int64_t now_s;
};

/*
 * AC_OK: it is; *notes is what the policy does not say of it, or "".
 * AC_ERR_MISMATCH: it is not, *why names the step; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err judge_result(const struct judge *j,
    struct message *notes, struct message *why);

#endif
