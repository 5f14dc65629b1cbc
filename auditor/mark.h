/*
 * mark.h -- how far a follower is: the last checkpoint it accepted, the entries
 * it checked below it, what is still missing, and what is wrong at the moment.
 * One file, replaced whole and durably.
 */
#ifndef AICERT_AUDITOR_MARK_H
#define AICERT_AUDITOR_MARK_H

#include "auditor/head.h"

#define MARK_MISSING_MAX 10000

/* What lasts: told when it begins, and when it is over. */
enum mark_condition {
	MARK_UNREACHABLE,
	MARK_BAD_CHECKPOINT,
	MARK_NO_QUORUM,
	MARK_STALE,
	MARK_SHRUNK,
	MARK_FORKED,
	MARK_BAD_TILES,
	MARK_BAD_ENTRY,
	MARK_CONDITIONS,
};

struct mark_missing {
	uint64_t index;
	struct digest d;
	bool told;
};

struct mark {
	char origin[NOTE_NAME_MAX + 1]; /* "": nothing was accepted yet */
	struct buf note;                /* the accepted checkpoint, owned */
	uint64_t size;                  /* its size and root */
	struct digest root;
	struct merkle_frontier checked; /* of the entries that were checked */
	int64_t since[MARK_CONDITIONS]; /* unix seconds; 0: not so */
	size_t nmissing;
	struct mark_missing missing[MARK_MISSING_MAX];
};

/* "unreachable", "forked", ... */
const char *mark_name(enum mark_condition c);

/*
 * Read the file; an empty mark where there is none.  Freed by mark_free().
 * AC_ERR_FORMAT: damaged.
 */
AC_MUST_CHECK enum ac_err mark_read(struct mark **out, const char *path,
    struct message *why);

/* Replace the file. */
AC_MUST_CHECK enum ac_err mark_write(const struct mark *m, const char *path,
    struct message *why);

void mark_free(struct mark *m);

#endif
