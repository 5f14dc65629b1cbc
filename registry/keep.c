/* keep.c -- hash tables with a list in order of use; see keep.h. */
#include <pthread.h>
#include <stdlib.h>

#include "registry/keep.h"

#define SHARDS 16 /* each with a lock of its own; a power of two */
#define SLOTS 1024 /* chains of a shard; a power of two */

struct thing {
	struct thing *chain;         /* of the same slot */
	struct thing *newer, *older; /* by use */
	void *thing;
	size_t bytes;
	uint64_t hash;
	size_t namelen;
	uint8_t name[];
};

struct shard {
	pthread_mutex_t mutex;
	struct thing *slot[SLOTS];
	struct thing *newest, *oldest;
	size_t bytes, n;
};

struct keep {
	size_t max_bytes, max_things; /* of one shard */
	void (*release)(void *thing);
	unsigned nshards;             /* whose mutex is there */
	struct shard shard[SHARDS];
};

enum ac_err
keep_new(struct keep **out, size_t max_bytes, size_t max_things,
    void (*release)(void *thing))
{
	struct keep *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return AC_ERR_MEMORY;
	k->max_bytes = max_bytes / SHARDS;
	k->max_things = max_things / SHARDS;
	k->release = release;
	while (k->nshards < SHARDS) {
		if (pthread_mutex_init(&k->shard[k->nshards].mutex, NULL) !=
		    0) {
			keep_free(k);
			return AC_ERR_MEMORY;
		}
		k->nshards++;
	}
	*out = k;
	return AC_OK;
}

/* FNV-1a; names are our own paths, each of which exists. */
static uint64_t
hash_of(struct span name)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ name.p[i]) * 0x100000001b3;
	return h ^ h >> 29;
}

static struct thing **
find(struct shard *s, uint64_t hash, struct span name)
{
	struct thing **at = &s->slot[hash / SHARDS % SLOTS];

	while (*at != NULL && ((*at)->hash != hash ||
	    !span_equal(span_of((*at)->name, (*at)->namelen), name)))
		at = &(*at)->chain;
	return at;
}

static void
unlist(struct shard *s, struct thing *t)
{
	*(t->newer != NULL ? &t->newer->older : &s->newest) = t->older;
	*(t->older != NULL ? &t->older->newer : &s->oldest) = t->newer;
}

static void
list(struct shard *s, struct thing *t)
{
	t->newer = NULL;
	t->older = s->newest;
	*(t->older != NULL ? &t->older->newer : &s->oldest) = t;
	s->newest = t;
}

/* Take the thing at *at out of the shard and release it. */
static void
drop(struct keep *k, struct shard *s, struct thing **at)
{
	struct thing *t = *at;

	*at = t->chain;
	unlist(s, t);
	s->bytes -= t->bytes;
	s->n--;
	k->release(t->thing);
	free(t);
}

static void
drop_oldest(struct keep *k, struct shard *s)
{
	struct thing *t = s->oldest;

	drop(k, s, find(s, t->hash, span_of(t->name, t->namelen)));
}

bool
keep_use(struct keep *k, struct span name, void (*use)(void *arg, void *thing),
    void *arg)
{
	uint64_t hash = hash_of(name);
	struct shard *s = &k->shard[hash % SHARDS];
	struct thing *t;

	(void)pthread_mutex_lock(&s->mutex);
	t = *find(s, hash, name);
	if (t != NULL) {
		unlist(s, t);
		list(s, t);
		use(arg, t->thing);
	}
	(void)pthread_mutex_unlock(&s->mutex);
	return t != NULL;
}

void
keep_put(struct keep *k, struct span name, void *thing, size_t bytes)
{
	uint64_t hash = hash_of(name);
	struct shard *s = &k->shard[hash % SHARDS];
	struct thing *t = bytes > k->max_bytes ? NULL :
	    malloc(sizeof(*t) + name.len), **at;

	if (t == NULL) {
		k->release(thing);
		return;
	}
	t->thing = thing;
	t->bytes = bytes;
	t->hash = hash;
	t->namelen = name.len;
	memcpy(t->name, name.p, name.len);
	(void)pthread_mutex_lock(&s->mutex);
	at = find(s, hash, name);
	if (*at != NULL)
		drop(k, s, at);
	while (s->n > 0 && (s->n >= k->max_things ||
	    s->bytes + bytes > k->max_bytes))
		drop_oldest(k, s);
	at = &s->slot[hash / SHARDS % SLOTS];
	t->chain = *at;
	*at = t;
	list(s, t);
	s->bytes += bytes;
	s->n++;
	(void)pthread_mutex_unlock(&s->mutex);
}

void
keep_free(struct keep *k)
{
	if (k == NULL)
		return;
	for (unsigned i = 0; i < k->nshards; i++) {
		while (k->shard[i].n > 0)
			drop_oldest(k, &k->shard[i]);
		(void)pthread_mutex_destroy(&k->shard[i].mutex);
	}
	free(k);
}
