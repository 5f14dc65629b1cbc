/*
 * recover.h -- the way back of a log whose database is older than what was
 * signed: leaves are read from another copy of the log until the root equals
 * the largest signed head.  Nothing is signed here, and no head but that one
 * is made.  The statements come from that copy as well, or from another one;
 * what neither has is taken again when it is posted.
 */
#ifndef AICERT_REGISTRY_RECOVER_H
#define AICERT_REGISTRY_RECOVER_H

#include "registry/restore.h"

struct recover_result {
	uint64_t before, after; /* sizes of the database's newest head */
	bool made;              /* the database was lost, and made anew */
	struct restore_result statements;
};

/*
 * Recover the log in dir, which no server has, from the copy at from: a folder
 * or an http(s) URL with C2SP tlog-tiles; statements is another such place, or
 * NULL: the same.  AC_ERR_MISMATCH: the copy is not of this log, does not
 * reach the largest signed head, or leads to another root; then nothing is
 * changed, and *why says what is left to do.  Where only statements failed,
 * the leaves are there and the same call goes on.
 */
AC_MUST_CHECK enum ac_err recover_run(const char *dir, const char *from,
    const char *statements, struct recover_result *out, struct message *why);

#endif
