/*
 * relay.h -- what the confined child says to its parent, over a pipe that is
 * the child's standard output.  The parent believes no length and prints
 * nothing but plain text.
 */
#ifndef AICERT_VERIFIER_RELAY_H
#define AICERT_VERIFIER_RELAY_H

#include "common/bytes.h"
#include "common/err.h"
#include "common/writer.h"

#define RELAY_MAX ((size_t)4 << 20) /* bytes of what is said at once */

enum relay_kind {
	RELAY_PROGRESS = 'p', /* bytes hashed, of how many: be64 each */
	RELAY_OUT = 'o',      /* a report for standard output */
	RELAY_ERR = 'e',      /* a report for standard error */
	RELAY_NOTE = 'n',     /* a line for standard error */
	RELAY_DENIED = 'd',   /* a system call that was not allowed: be32 */
};

/* Say it to the parent.  AC_ERR_LIMIT: over RELAY_MAX; AC_ERR_IO. */
AC_MUST_CHECK enum ac_err relay_send(enum relay_kind kind, struct span text);

/* RELAY_DENIED, from a signal handler. */
void relay_denied(int nr);

/*
 * The next thing said on fd; text is owned by the caller.  AC_ERR_NOT_FOUND:
 * it was all; AC_ERR_FORMAT: no kind of ours, cut off, or over RELAY_MAX;
 * AC_ERR_IO; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err relay_next(enum relay_kind *kind, struct buf *text,
    int fd);

/*
 * Is text UTF-8 that can be printed: printable ASCII and line feeds, for json
 * also whatever JSON has unescaped in its strings, and where colour is on ESC
 * as the beginning of a colour (SGR)?
 */
bool relay_is_plain(struct span text, bool json, bool colour);

#endif
