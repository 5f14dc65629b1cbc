/*
 * walk.h -- the files of a model's folder: listed, and hashed on all cores.
 * The I/O half of step 16; what they should be is decided by the library.
 */
#ifndef AICERT_VERIFIER_WALK_H
#define AICERT_VERIFIER_WALK_H

#include "cert/oms.h"
#include "common/hashqueue.h"
#include "common/message.h"
#include "verifier/verify.h"

/* Where the bytes of a file are. */
struct walk_place {
	int dir_fd; /* borrowed */
	char *path; /* owned */
	struct hashqueue_state state;
};

struct walk {
	struct oms_file *file; /* owned, as are the names; in order of name */
	struct walk_place *place; /* owned, of file[i] */
	size_t nfiles, cap;
};

/*
 * A folder of the Hugging Face cache has links, each to a file in "blobs" of
 * the same model: <model>/snapshots/<revision>/<path> to ../../blobs/<hash>.
 * If dir_fd is such a revision, *fd = its blobs, open; else -1.
 */
void walk_open_blobs(int *fd, int dir_fd);

/*
 * List what is below dir_fd, but for the ignored paths.  Links lead into
 * blobs_fd, or are refused.  AC_ERR_FORMAT: a link, a special file, an
 * impossible name; AC_ERR_LIMIT: over FILES_MAX; AC_ERR_IO; AC_ERR_MEMORY.
 * *why names the path, the first in order of name where several are wrong.
 */
AC_MUST_CHECK enum ac_err walk_folder(struct walk *out, int dir_fd,
    int blobs_fd, struct message *why);

/* The same of the one file name in dir_fd; AC_ERR_NOT_FOUND. */
AC_MUST_CHECK enum ac_err walk_file(struct walk *out, int dir_fd,
    int blobs_fd, const char *name, struct message *why);

/*
 * got[i] = the digest of part[i], whose files are those of w.
 * AC_ERR_MISMATCH: a file changed; AC_ERR_IO; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err walk_hash(struct digest got[], const struct walk *w,
    const struct verify_part part[], size_t n,
    const struct hashqueue_progress *progress, struct message *why);

void walk_free(struct walk *w);

#endif
