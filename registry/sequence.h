/*
 * sequence.h -- the one thread that writes: it takes admitted certificates
 * from a bounded pool, gives each line the index it has or gets, commits a
 * batch, brings its head to the public, and only then gives the verdicts.
 * While the newest head cannot go there (it lacks its witnesses, or nothing is
 * signed) it commits nothing further, and says so to whoever waits.
 */
#ifndef AICERT_REGISTRY_SEQUENCE_H
#define AICERT_REGISTRY_SEQUENCE_H

#include "registry/advance.h"
#include "registry/unit.h"

struct sequence;

struct sequence_options {
	unsigned batch_ms; /* the first of a batch waits so long for others */
	size_t batch_max;  /* certificates in a batch */
	unsigned idle_ms;  /* so long without a new head: cosign the old */
	/* So long without its quorum: the newest head is tried again. */
	unsigned retry_ms;
	/*
	 * Called by the sequencer's thread for each unit with its verdict;
	 * the unit is the callee's again.  It must not wait.
	 */
	void (*done)(void *arg, struct unit *u);
	/* Called once if the sequencer fails; nothing is written any more. */
	void (*failed)(void *arg);
	void *arg;
};

/*
 * Load the tree and start the thread.  *a is copied; what it borrows must
 * outlive the sequence.
 */
AC_MUST_CHECK enum ac_err sequence_start(struct sequence **out,
    const struct advance *a, const struct sequence_options *o,
    struct message *why);

/*
 * Put a unit into the pool; it is the sequencer's until done() has it.
 * AC_ERR_BUSY: the pool is full, or the sequencer failed or stops.
 */
AC_MUST_CHECK enum ac_err sequence_submit(struct sequence *s, struct unit *u);

/* Certificates in the pool. */
size_t sequence_waiting(struct sequence *s);

/*
 * Sequence what is in the pool and end the thread.  AC_OK, or why the
 * sequencer failed, before or now.
 */
AC_MUST_CHECK enum ac_err sequence_stop(struct sequence *s,
    struct message *why);

/* After sequence_stop(). */
void sequence_free(struct sequence *s);

#endif
