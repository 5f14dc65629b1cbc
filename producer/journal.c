/* journal.c -- events for an agent's owner; see journal.h. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "producer/journal.h"

struct entry {
	char *text;
	size_t len;
};

struct journal {
	pthread_mutex_t mutex;
	pthread_cond_t more;
	struct entry *entry; /* a ring: number n is at n % cap */
	size_t cap, bytes;
	uint64_t first, next; /* those that are kept: [first, next) */
	bool closed;
};

#define ENTRIES ((size_t)1 << 17) /* no more than that, however small */

struct journal *
journal_new(void)
{
	struct journal *j = calloc(1, sizeof(*j));
	pthread_condattr_t attr;

	if (j == NULL)
		return NULL;
	j->cap = ENTRIES;
	j->entry = calloc(j->cap, sizeof(*j->entry));
	j->first = j->next = 1;
	if (j->entry == NULL || pthread_condattr_init(&attr) != 0) {
		free(j->entry);
		free(j);
		return NULL;
	}
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&j->mutex, NULL);
	(void)pthread_cond_init(&j->more, &attr);
	(void)pthread_condattr_destroy(&attr);
	return j;
}

static void
drop_first(struct journal *j)
{
	struct entry *old = &j->entry[j->first++ % j->cap];

	j->bytes -= old->len;
	free(old->text);
	*old = (struct entry){ 0 };
}

void
journal_free(struct journal *j)
{
	if (j == NULL)
		return;
	while (j->first < j->next)
		drop_first(j);
	(void)pthread_cond_destroy(&j->more);
	(void)pthread_mutex_destroy(&j->mutex);
	free(j->entry);
	free(j);
}

void
journal_add(struct journal *j, const char *name, struct span data)
{
	char *text = NULL;
	int n;

	(void)pthread_mutex_lock(&j->mutex);
	n = asprintf(&text, "id: %" PRIu64 "\nevent: %s\ndata: %.*s\n\n",
	    j->next, name, (int)data.len, (const char *)data.p);
	if (n < 0)
		text = NULL;
	if (text != NULL && (size_t)n > JOURNAL_EVENT_MAX) {
		free(text);
		text = NULL;
	}
	while (j->first < j->next && (j->next - j->first == j->cap ||
	    j->bytes + (size_t)(n > 0 ? n : 0) > JOURNAL_BYTES))
		drop_first(j);
	j->entry[j->next++ % j->cap] = (struct entry){ text,
		text == NULL ? 0 : (size_t)n };
	j->bytes += text == NULL ? 0 : (size_t)n;
	(void)pthread_cond_broadcast(&j->more);
	(void)pthread_mutex_unlock(&j->mutex);
}

void
journal_close(struct journal *j)
{
	(void)pthread_mutex_lock(&j->mutex);
	j->closed = true;
	(void)pthread_cond_broadcast(&j->more);
	(void)pthread_mutex_unlock(&j->mutex);
}

/* Wait for a number after at; the mutex is held. */
static void
await(struct journal *j, uint64_t at, unsigned wait_ms)
{
	struct timespec due;

	(void)clock_gettime(CLOCK_MONOTONIC, &due);
	due.tv_sec += wait_ms / 1000;
	due.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (due.tv_nsec >= 1000000000) {
		due.tv_nsec -= 1000000000;
		due.tv_sec++;
	}
	while (at + 1 >= j->next && !j->closed)
		if (pthread_cond_timedwait(&j->more, &j->mutex, &due) != 0)
			return;
}

ssize_t
journal_read(struct journal *j, uint64_t *at, char *to, size_t max,
    unsigned wait_ms)
{
	size_t len = 0;
	bool ended;

	(void)pthread_mutex_lock(&j->mutex);
	/* A number that is not reached yet is of an earlier agent. */
	if (*at >= j->next)
		*at = 0;
	await(j, *at, wait_ms);
	if (*at + 1 < j->first) {
		int n = snprintf(to, max, "event: lost\ndata: {\"events\":%"
		    PRIu64 "}\n\n", j->first - *at - 1);

		len = n < 0 ? 0 : (size_t)n;
		*at = j->first - 1;
	}
	while (*at + 1 < j->next) {
		const struct entry *entry = &j->entry[(*at + 1) % j->cap];

		if (entry->len > max - len)
			break;
		if (entry->len > 0)
			memcpy(to + len, entry->text, entry->len);
		len += entry->len;
		(*at)++;
	}
	ended = j->closed && len == 0 && *at + 1 >= j->next;
	(void)pthread_mutex_unlock(&j->mutex);
	return ended ? -1 : (ssize_t)len;
}
