/*
 * bucket.c -- a set-associative table of token buckets; see bucket.h.  Whoever
 * chooses addresses does not choose places: they are hashed under a key of
 * this process (SipHash).  In a full set the fullest bucket goes, which is
 * the one that limits least.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

#include <sodium.h>

#include "registry/bucket.h"

#define SETS 4096 /* a power of two */
#define WAYS 8
#define TOKEN 1000 /* a request; buckets count thousandths */

struct place {
	uint64_t name;  /* of the address; 0: free */
	int64_t at_ms;  /* when level was true */
	uint64_t level;
};

struct bucket {
	struct bucket_options options;
	pthread_mutex_t mutex;
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct place place[SETS][WAYS];
};

enum ac_err
bucket_new(struct bucket **out, const struct bucket_options *o)
{
	struct bucket *b = calloc(1, sizeof(*b));

	if (b == NULL || pthread_mutex_init(&b->mutex, NULL) != 0) {
		free(b);
		return AC_ERR_MEMORY;
	}
	b->options = *o;
	randombytes_buf(b->key, sizeof(b->key));
	*out = b;
	return AC_OK;
}

void
bucket_free(struct bucket *b)
{
	if (b == NULL)
		return;
	(void)pthread_mutex_destroy(&b->mutex);
	free(b);
}

/* The bytes that count as one address; false: it is not limited. */
static bool
get_network(uint8_t out[9], const struct sockaddr *from, bool loopback)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xff, 0xff };
	static const uint8_t local[16] = { [15] = 1 };
	const uint8_t *four = NULL, *six = NULL;

	if (from->sa_family == AF_INET) {
		four = (const uint8_t *)&((const struct sockaddr_in *)
		    (const void *)from)->sin_addr;
	} else if (from->sa_family == AF_INET6) {
		six = ((const struct sockaddr_in6 *)(const void *)from)->
		    sin6_addr.s6_addr;
		if (ac_equal(six, mapped, sizeof(mapped)))
			four = six + sizeof(mapped);
	} else {
		return false;
	}
	memset(out, 0, 9);
	if (four != NULL) {
		out[0] = 4;
		memcpy(out + 1, four, 4);
		return loopback || four[0] != 127;
	}
	out[0] = 6;
	memcpy(out + 1, six, 8);
	return loopback || !ac_equal(six, local, sizeof(local));
}

/* What is in the bucket now. */
static uint64_t
level_at(const struct bucket *b, const struct place *p, int64_t now_ms)
{
	uint64_t full = (uint64_t)b->options.burst * TOKEN;
	uint64_t passed = now_ms > p->at_ms ? (uint64_t)(now_ms - p->at_ms) : 0;

	/* A thousandth of a token a millisecond, times the rate. */
	if (passed >= full / b->options.rate + 1)
		return full;
	return p->level + passed * b->options.rate > full ? full :
	    p->level + passed * b->options.rate;
}

/* The bucket of that name, which may be a new, full one. */
static struct place *
find(struct bucket *b, uint64_t name, int64_t now_ms)
{
	struct place *set = b->place[name % SETS], *best = &set[0];
	uint64_t most = 0;

	for (unsigned i = 0; i < WAYS; i++) {
		uint64_t level;

		if (set[i].name == name)
			return &set[i];
		level = set[i].name == 0 ? UINT64_MAX :
		    level_at(b, &set[i], now_ms);
		if (level > most) {
			most = level;
			best = &set[i];
		}
	}
	*best = (struct place){ .name = name, .at_ms = now_ms,
		.level = (uint64_t)b->options.burst * TOKEN };
	return best;
}

unsigned
bucket_take(struct bucket *b, const struct sockaddr *from, int64_t now_ms)
{
	uint8_t network[9], hash[crypto_shorthash_BYTES];
	struct place *p;
	uint64_t name = 0, missing = 0;

	if (b->options.rate == 0 || from == NULL ||
	    !get_network(network, from, b->options.loopback))
		return 0;
	(void)crypto_shorthash(hash, network, sizeof(network), b->key);
	memcpy(&name, hash, sizeof(name));
	name |= (uint64_t)1 << 63; /* 0 is a free place */
	(void)pthread_mutex_lock(&b->mutex);
	p = find(b, name, now_ms);
	p->level = level_at(b, p, now_ms);
	if (now_ms > p->at_ms)
		p->at_ms = now_ms;
	if (p->level >= TOKEN)
		p->level -= TOKEN;
	else
		missing = TOKEN - p->level;
	(void)pthread_mutex_unlock(&b->mutex);
	if (missing == 0)
		return 0;
	return (unsigned)(missing / b->options.rate / 1000 + 1);
}
