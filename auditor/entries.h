/*
 * entries.h -- the entries of one bundle against what they are about: leaf
 * byte-exact, signature, and the statement fetched by D.  Several threads;
 * memory for one bundle and one statement a thread, whatever the log's size.
 */
#ifndef AICERT_AUDITOR_ENTRIES_H
#define AICERT_AUDITOR_ENTRIES_H

#include "auditor/source.h"
#include "cert/leaf.h"
#include "merkle/merkle.h"

enum entry_state {
	ENTRY_GOOD,          /* all of it holds; content as far as asked for */
	ENTRY_BAD_LEAF,      /* no leaf in its one form */
	ENTRY_BAD_SIGNATURE, /* the key in the leaf did not sign D */
	ENTRY_BAD_CONTENT,   /* what is served under D is another statement */
	ENTRY_WITHHELD,      /* nothing is served under D */
};

struct entry {
	uint64_t index;
	struct span body;       /* borrowed */
	/* Set by entries_check(): */
	enum entry_state state;
	struct leaf leaf;       /* unless ENTRY_BAD_LEAF */
	struct message why;     /* unless ENTRY_GOOD */
};

struct entries;

struct entries_options {
	const struct source *statements; /* NULL: do not ask for content */
	unsigned nthreads;               /* at least 1 */
	/*
	 * Called for each statement that is there and is D's, from any of the
	 * threads, several at once but never for one entry; its failure is
	 * that of entries_check().  May be NULL.
	 */
	enum ac_err (*look)(void *arg, const struct entry *e,
	    struct span statement, struct message *why);
	void *arg;
	/*
	 * Is the statement at hand already, so that it is not asked for?
	 * Called likewise; may be NULL.
	 */
	bool (*has)(void *arg, const struct entry *e);
};

/* AC_ERR_MEMORY. */
AC_MUST_CHECK enum ac_err entries_new(struct entries **out,
    const struct entries_options *o);
void entries_free(struct entries *e);

/*
 * Check e[0..n), n at most MERKLE_TILE_WIDTH.  AC_OK: the state of each is
 * set, be it good or bad.  AC_ERR_BUSY: some could not be had now, nothing is
 * decided; AC_ERR_CRYPTO, AC_ERR_MEMORY, AC_ERR_IO likewise; *why is set.
 */
AC_MUST_CHECK enum ac_err entries_check(struct entries *c, struct entry e[],
    size_t n, struct message *why);

/* "bad leaf", "bad signature", ...: how a state is named. */
const char *entries_state_name(enum entry_state s);

#endif
