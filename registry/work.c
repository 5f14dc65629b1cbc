/* work.c -- worker threads; see work.h. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "registry/work.h"

struct queue {
	struct work_item *first, **last;
	unsigned n;
};

struct thread {
	struct work *work;
	unsigned number;
	pthread_t id;
};

struct work {
	struct work_options options;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct queue begin, finish;
	bool stopping;
	unsigned nthreads; /* that were started */
	struct thread *thread;
};

static void
put(struct queue *q, struct work_item *item)
{
	item->next = NULL;
	*q->last = item;
	q->last = &item->next;
	q->n++;
}

static struct work_item *
get(struct queue *q)
{
	struct work_item *item = q->first;

	if (item == NULL)
		return NULL;
	q->first = item->next;
	if (q->first == NULL)
		q->last = &q->first;
	q->n--;
	return item;
}

static void *
run(void *arg)
{
	struct thread *t = arg;
	struct work *w = t->work;

	(void)pthread_mutex_lock(&w->mutex);
	for (;;) {
		struct work_item *item = get(&w->finish);
		bool finish = item != NULL;

		if (item == NULL)
			item = get(&w->begin);
		if (item == NULL && w->stopping)
			break;
		if (item == NULL) {
			(void)pthread_cond_wait(&w->wake, &w->mutex);
			continue;
		}
		(void)pthread_mutex_unlock(&w->mutex);
		(finish ? w->options.finish : w->options.begin)(w->options.arg,
		    t->number, item->subject);
		(void)pthread_mutex_lock(&w->mutex);
	}
	(void)pthread_mutex_unlock(&w->mutex);
	return NULL;
}

enum ac_err
work_start(struct work **out, const struct work_options *o)
{
	struct work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return AC_ERR_MEMORY;
	w->options = *o;
	w->begin.last = &w->begin.first;
	w->finish.last = &w->finish.first;
	w->thread = calloc(o->nthreads, sizeof(*w->thread));
	if (w->thread == NULL || pthread_mutex_init(&w->mutex, NULL) != 0) {
		free(w->thread);
		free(w);
		return AC_ERR_MEMORY;
	}
	if (pthread_cond_init(&w->wake, NULL) != 0) {
		(void)pthread_mutex_destroy(&w->mutex);
		free(w->thread);
		free(w);
		return AC_ERR_MEMORY;
	}
	for (unsigned i = 0; i < o->nthreads; i++) {
		w->thread[i].work = w;
		w->thread[i].number = i;
		if (pthread_create(&w->thread[i].id, NULL, run,
		    &w->thread[i]) != 0) {
			work_stop(w);
			work_free(w);
			return AC_ERR_MEMORY;
		}
		w->nthreads++;
	}
	*out = w;
	return AC_OK;
}

enum ac_err
work_begin(struct work *w, struct work_item *item)
{
	enum ac_err e = AC_ERR_BUSY;

	(void)pthread_mutex_lock(&w->mutex);
	if (w->begin.n < w->options.max && !w->stopping) {
		put(&w->begin, item);
		(void)pthread_cond_signal(&w->wake);
		e = AC_OK;
	}
	(void)pthread_mutex_unlock(&w->mutex);
	return e;
}

void
work_finish(struct work *w, struct work_item *item)
{
	(void)pthread_mutex_lock(&w->mutex);
	put(&w->finish, item);
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->mutex);
}

unsigned
work_waiting(struct work *w)
{
	unsigned n;

	(void)pthread_mutex_lock(&w->mutex);
	n = w->begin.n + w->finish.n;
	(void)pthread_mutex_unlock(&w->mutex);
	return n;
}

void
work_stop(struct work *w)
{
	(void)pthread_mutex_lock(&w->mutex);
	w->stopping = true;
	(void)pthread_cond_broadcast(&w->wake);
	(void)pthread_mutex_unlock(&w->mutex);
	for (unsigned i = 0; i < w->nthreads; i++)
		(void)pthread_join(w->thread[i].id, NULL);
	w->nthreads = 0;
}

void
work_free(struct work *w)
{
	if (w == NULL)
		return;
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->mutex);
	free(w->thread);
	free(w);
}
