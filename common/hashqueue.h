/*
 * hashqueue.h -- SHA-256 of many files, or of ranges of them, on all cores:
 * one queue, from which every thread takes as many at a time as it can hash
 * side by side.  Each byte is read once; a file that is not, or does not stay,
 * what it was when it was listed is refused.
 *
 * What comes out does not depend on which thread did what.
 */
#ifndef AICERT_COMMON_HASHQUEUE_H
#define AICERT_COMMON_HASHQUEUE_H

#include <sys/stat.h>
#include <time.h>

#include "common/bytes.h"
#include "common/err.h"

#define HASHQUEUE_THREADS_MAX 32 /* of 16 open files and 1 MiB each */

/* Which file it was, and as of when. */
struct hashqueue_state {
	dev_t device;
	ino_t inode;
	uint64_t bytes;
	struct timespec modified, changed;
};

struct hashqueue_state hashqueue_state_of(const struct stat *st);

struct hashqueue_job {
	int dir_fd;
	const char *path; /* beneath dir_fd; its last part is not a link */
	struct hashqueue_state state;
	uint64_t start, end; /* bytes [start, end) of the file */
	struct digest sha256; /* out */
};

/*
 * Told from the calling thread, about four times a second and at the end:
 * bytes so far, of how many.
 */
struct hashqueue_progress {
	void (*tell)(void *ctx, uint64_t done, uint64_t all);
	void *ctx;
};

/*
 * Hash job[0..n) on at most threads threads, 0 for one a core.  On failure
 * *failed is the first job, by its place in job[], that failed: AC_ERR_MISMATCH
 * where its file is another, or changed; AC_ERR_FORMAT: no regular file;
 * AC_ERR_NOT_FOUND; AC_ERR_IO, with errno set.  *failed = n: AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err hashqueue_run(struct hashqueue_job job[], size_t n,
    unsigned threads, const struct hashqueue_progress *progress,
    size_t *failed);

#endif
