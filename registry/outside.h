/*
 * outside.h -- the checkpoint at the log's public URL, as others are shown
 * it: fetched at the start and from time to time by a thread of its own, and
 * compared with the tree here.  A larger or another one under the log's
 * signature stops all signing (halt.h).
 */
#ifndef AICERT_REGISTRY_OUTSIDE_H
#define AICERT_REGISTRY_OUTSIDE_H

#include "cert/note.h"
#include "registry/halt.h"

struct outside;

struct outside_options {
	const char *url;
	const struct note_key *log;    /* borrowed */
	const char *database;
	unsigned again_s;              /* from one look to the next */
	struct halt *halt;             /* borrowed */
	const struct journal *journal; /* borrowed; may be NULL */
};

AC_MUST_CHECK enum ac_err outside_start(struct outside **out,
    const struct outside_options *options, struct message *why);

void outside_stop(struct outside *o);

/*
 * Was the public checkpoint read in this process, and is it one of this tree?
 * Waits for the first answer.  AC_ERR_BUSY: it cannot be read, or halt says
 * why; *why says so.
 */
AC_MUST_CHECK enum ac_err outside_check(struct outside *o,
    struct message *why);

#endif
