/*
 * fetch_git.h -- a commit of a repository and its submodules, as a tree
 * stream, by the git program.  Part of aicert-fetch.
 */
#ifndef AICERT_PRODUCER_FETCH_GIT_H
#define AICERT_PRODUCER_FETCH_GIT_H

#include "common/message.h"

/* Without a word of git's for so long, its server is given up. */
#define FETCH_GIT_SILENT_S 300

/*
 * Fetch commit (hex) from the repository at url, alone where its server gives
 * a commit alone, and write it, its files and those of its submodules to
 * out_fd; the working folder is used up.  Nothing is checked out: files are
 * read from git's objects, so that no filter, hook or attribute runs.
 * AC_ERR_FORMAT: an address that is not fetched, a link, a name that no file
 * may have; AC_ERR_LIMIT; AC_ERR_NOT_FOUND: the server has no such commit;
 * AC_ERR_BUSY: it cannot be reached, or stalls; AC_ERR_UNSUPPORTED: no git;
 * AC_ERR_IO with errno: out_fd; AC_ERR_MEMORY.  *why is set.
 */
AC_MUST_CHECK enum ac_err fetch_git(int out_fd, const char *commit,
    const char *url, void (*told)(const char *text), struct message *why);

/*
 * out[0..64] = the commit (hex, NUL) that ref, such as "refs/heads/main", is
 * at url now; of a tag with a message, the commit that it is of.
 * AC_ERR_NOT_FOUND: the server has no such reference, or is not there;
 * AC_ERR_FORMAT, AC_ERR_UNSUPPORTED, AC_ERR_MEMORY; *why is set.
 */
AC_MUST_CHECK enum ac_err fetch_git_commit(char out[static 65],
    const char *ref, const char *url, struct message *why);

#endif
