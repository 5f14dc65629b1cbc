/* published.c -- the public head under a mutex; see published.h. */
#include <pthread.h>
#include <stdlib.h>

#include "registry/published.h"

struct published {
	pthread_mutex_t mutex;
	struct store_head head;
	struct buf note;
};

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

enum ac_err
published_set(struct published *p, const struct store_head *head,
    struct span note)
{
	struct buf copy = { 0 };
	enum ac_err e = buf_copy(&copy, note);

	if (e != AC_OK)
		return e;
	(void)pthread_mutex_lock(&p->mutex);
	if (head->size < p->head.size || (head->size == p->head.size &&
	    !digest_equal(&head->root, &p->head.root))) {
		e = AC_ERR_MISMATCH;
	} else {
		struct buf old = p->note;

		p->head = *head;
		p->note = copy;
		copy = old;
	}
	(void)pthread_mutex_unlock(&p->mutex);
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
