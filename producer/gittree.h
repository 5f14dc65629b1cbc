/*
 * gittree.h -- the ids that git gives to files, folders and commits, computed
 * anew from what was stored, so that a commit that is pinned says something
 * about the files that are there.
 *
 * An id is the SHA-1, or in a repository of the other kind the SHA-256, of an
 * object's type, length, NUL and content (gitformat-loose(5), gittutorial-2(7)).
 * SHA-1 is not trusted alone: what is recorded has a SHA-256 beside it.
 */
#ifndef AICERT_PRODUCER_GITTREE_H
#define AICERT_PRODUCER_GITTREE_H

#include "common/message.h"

#define GITTREE_ID_MAX 32

struct gittree_id {
	uint8_t b[GITTREE_ID_MAX];
	size_t len; /* 20: SHA-1; 32: SHA-256 */
};

/* 40 or 64 lower-case hex digits? */
AC_MUST_CHECK bool gittree_id_parse(struct gittree_id *out, struct span hex);

struct gittree;

/* The tree of that commit, without a file so far.  AC_ERR_MEMORY. */
AC_MUST_CHECK enum ac_err gittree_new(struct gittree **out,
    const struct gittree_id *commit);
void gittree_free(struct gittree *t);

/*
 * A file of the tree, whose bytes fd is open on, from the first to the last.
 * path is one of oms.h.  AC_ERR_IO, AC_ERR_MEMORY, AC_ERR_CRYPTO.
 */
AC_MUST_CHECK enum ac_err gittree_add(struct gittree *t, const char *path,
    bool executable, int fd, uint64_t bytes);

/*
 * The content of a commit object, whose tree is what lies below path: "" for
 * the commit itself, else a submodule's.  AC_ERR_EXISTS: a second one of that
 * path; AC_ERR_FORMAT: it begins with no tree; AC_ERR_LIMIT: more submodules
 * than GIT_MODULES_MAX; AC_ERR_MEMORY; AC_ERR_CRYPTO; *why is set.
 */
AC_MUST_CHECK enum ac_err gittree_commit(struct gittree *t, const char *path,
    struct span object, struct message *why);

/*
 * After the last: do the files make the trees that the commits name, and is
 * the first the commit asked for?  AC_ERR_MISMATCH: no, with both ids;
 * AC_ERR_FORMAT: no commit, a ".git" in a path, or paths that differ only in
 * case; AC_ERR_MEMORY; AC_ERR_CRYPTO; *why is set.
 */
AC_MUST_CHECK enum ac_err gittree_check(struct gittree *t,
    struct message *why);

#endif
