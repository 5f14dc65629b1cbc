/*
 * tree.h -- folders that others filled: open, make and remove beneath a top
 * folder.  Every open goes from the top through openat2(2) without following a
 * link, so that a folder that is swapped for a link between two steps leads
 * nowhere.
 */
#ifndef AICERT_PRODUCER_TREE_H
#define AICERT_PRODUCER_TREE_H

#include <stddef.h>

#include "common/err.h"

/* Paths of folders; owned. */
struct tree_folders {
	char **path;
	size_t n, cap;
};

/* Append path, which is handed over even on failure.  AC_ERR_MEMORY. */
AC_MUST_CHECK enum ac_err tree_push(struct tree_folders *f, char *path);

void tree_folders_free(struct tree_folders *f);

/*
 * Open path, "" being the top itself, with flags and O_CLOEXEC, O_NOCTTY and
 * O_NONBLOCK; -1 and errno as openat2(2), ELOOP for any link on the way.
 */
int tree_open(int top_fd, const char *path, int flags);

/*
 * Make the folders on the way to path, at most FILE_PATH_MAX bytes, mode 0755
 * less the umask.  AC_ERR_LIMIT, AC_ERR_IO.
 */
AC_MUST_CHECK enum ac_err tree_make_folders(int top_fd, const char *path);

/*
 * The same, without following a link; *out is open on the last of them, to be
 * closed by the caller.  errno is set on AC_ERR_IO: ENOTDIR or ELOOP where
 * something else than a folder is on the way.
 */
AC_MUST_CHECK enum ac_err tree_open_folder(int *out, int top_fd,
    const char *path);

/*
 * Remove the folder path and all in it, whatever modes it has; AC_OK where
 * there is none.  AC_ERR_IO, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err tree_remove(const char *path);

#endif
