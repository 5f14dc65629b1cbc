/* published.c -- the public head under a mutex; see published.h. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "registry/published.h"

struct published {
	pthread_mutex_t mutex;
	struct store_head head;
	struct buf note;
	_Atomic uint64_t generation;
	_Atomic int64_t set_ms;
	void (*grown)(void *arg, uint64_t entries);
	void *arg;
};

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

enum ac_err
published_new(struct published **out)
{
	struct published *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return AC_ERR_MEMORY;
	if (pthread_mutex_init(&p->mutex, NULL) != 0) {
		free(p);
		return AC_ERR_MEMORY;
	}
	p->head.root = merkle_empty();
	atomic_store(&p->set_ms, now_ms());
	*out = p;
	return AC_OK;
}

void
published_free(struct published *p)
{
	if (p == NULL)
		return;
	buf_free(&p->note);
	(void)pthread_mutex_destroy(&p->mutex);
	free(p);
}

void
published_watch(struct published *p,
    void (*grown)(void *arg, uint64_t entries), void *arg)
{
	p->grown = grown;
	p->arg = arg;
}

uint64_t
published_generation(struct published *p)
{
	return atomic_load(&p->generation);
}

int64_t
published_age_ms(struct published *p)
{
	return now_ms() - atomic_load(&p->set_ms);
}

enum ac_err
published_set(struct published *p, const struct store_head *head,
    struct span note)
{
	struct buf copy = { 0 };
	uint64_t grown = 0;
	enum ac_err e = buf_copy(&copy, note);

	if (e != AC_OK)
		return e;
	(void)pthread_mutex_lock(&p->mutex);
	if (head->size < p->head.size || (head->size == p->head.size &&
	    !digest_equal(&head->root, &p->head.root))) {
		e = AC_ERR_MISMATCH;
	} else {
		struct buf old = p->note;

		if (atomic_fetch_add(&p->generation, 1) > 0)
			grown = head->size - p->head.size;
		atomic_store(&p->set_ms, now_ms());
		p->head = *head;
		p->note = copy;
		copy = old;
	}
	(void)pthread_mutex_unlock(&p->mutex);
	if (grown > 0 && p->grown != NULL)
		p->grown(p->arg, grown);
	buf_free(&copy);
	return e;
}

struct store_head
published_head(struct published *p)
{
	struct store_head head;

	(void)pthread_mutex_lock(&p->mutex);
	head = p->head;
	(void)pthread_mutex_unlock(&p->mutex);
	return head;
}

enum ac_err
published_note(struct published *p, struct store_head *head, struct buf *note)
{
	enum ac_err e;

	(void)pthread_mutex_lock(&p->mutex);
	e = buf_copy(note, buf_span(&p->note));
	if (e == AC_OK)
		*head = p->head;
	(void)pthread_mutex_unlock(&p->mutex);
	return e;
}
