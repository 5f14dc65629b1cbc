/*
 * walk.h -- the files of a model's folder, hashed: the I/O half of step 16.
 */
#ifndef AICERT_VERIFIER_WALK_H
#define AICERT_VERIFIER_WALK_H

#include "cert/oms.h"
#include "common/message.h"

struct walk {
	struct oms_file *file; /* owned, as are the names; in order of name */
	size_t nfiles;
	uint64_t bytes;
};

/* Told of every file that was hashed: bytes so far, of how many in all. */
struct walk_progress {
	void (*tell)(void *ctx, uint64_t done, uint64_t all);
	void *ctx;
};

/*
 * List and hash what is below dir, but for the ignored paths.  AC_ERR_FORMAT:
 * a link, a special file, an impossible name; AC_ERR_MISMATCH: a file changed
 * while it was read; AC_ERR_LIMIT; AC_ERR_IO.  *why names the path.
 */
AC_MUST_CHECK enum ac_err walk_dir(struct walk *out, const char *dir,
    const struct walk_progress *progress, struct message *why);

void walk_free(struct walk *w);

#endif
