/*
 * own.h -- what the registry says itself: which content it withholds, and the
 * state of the revocations in its log.  It makes the lines; they go into the
 * log as any others do, and only what the log has published counts.
 *
 * An operator asks for a removal by a file in the folder "removals" of the
 * log's directory, named by D, whose content is the reason; it is gone once
 * the removal is in the log.  So the key stays with the server.
 */
#ifndef AICERT_REGISTRY_OWN_H
#define AICERT_REGISTRY_OWN_H

#include "cert/note.h"
#include "registry/journal.h"
#include "registry/notary.h"
#include "registry/unit.h"

struct own;

struct own_options {
	const char *dir, *database, *origin;
	const struct notary *notary;
	const struct journal *journal;
	const struct note_key *time; /* of the log: when a state was made */
	unsigned state_s; /* a state is made at least so often; 0: never */
	/*
	 * Put a line into the log; own_done() gets the unit that it made.
	 * False: not now.
	 */
	bool (*submit)(void *arg, struct span line);
	void *arg;
};

AC_MUST_CHECK enum ac_err own_start(struct own **out,
    const struct own_options *o, struct message *why);
void own_free(struct own *o);

/*
 * To be called about every second, by one thread: say what is to be said of
 * the log as it is published at this size, now_s being the clock.
 */
void own_tick(struct own *o, uint64_t size, int64_t now_s);

/* From any thread: a line of ours has its verdict. */
void own_done(struct own *o, const struct unit *u);

/*
 * Ask the server of dir to withhold the content of d, which its log has.
 * AC_ERR_NOT_FOUND: it has not; AC_ERR_EXISTS: that was asked or done.
 */
AC_MUST_CHECK enum ac_err own_ask_removal(const char *dir,
    const struct digest *d, const char *reason, struct message *why);

#endif
