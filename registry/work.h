/*
 * work.h -- a fixed number of threads that do what must not be done on the
 * network's: signatures, JSON, the database.  Two queues: what is to be begun
 * is bounded; what is to be finished goes first and always finds room.
 */
#ifndef AICERT_REGISTRY_WORK_H
#define AICERT_REGISTRY_WORK_H

#include "common/err.h"

/* One thing to do; embedded in whatever it is about. */
struct work_item {
	struct work_item *next;
	void *subject;
};

struct work;

struct work_options {
	unsigned nthreads;
	unsigned max; /* items waiting to be begun */
	/* Called on thread 0..nthreads. */
	void (*begin)(void *arg, unsigned thread, void *subject);
	void (*finish)(void *arg, unsigned thread, void *subject);
	void *arg;
};

AC_MUST_CHECK enum ac_err work_start(struct work **out,
    const struct work_options *o);

/* AC_ERR_BUSY: as many wait as may, or the threads were ended. */
AC_MUST_CHECK enum ac_err work_begin(struct work *w, struct work_item *item);
void work_finish(struct work *w, struct work_item *item);

/* Items that no thread has taken yet. */
unsigned work_waiting(struct work *w);

/* Do what is queued and end the threads. */
void work_stop(struct work *w);

/* After work_stop(). */
void work_free(struct work *w);

#endif
