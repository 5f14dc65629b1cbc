/*
 * certs.h -- certificates made in advance for a load on a registry, kept in
 * one file that is mapped when they are posted.
 */
#ifndef AICERT_BENCH_CERTS_H
#define AICERT_BENCH_CERTS_H

#include <stdbool.h>

#include "common/bytes.h"

#define CERTS_LINES_MAX 2

/* One certificate in the file; its bytes follow. */
struct certs_head {
	uint64_t len;
	uint32_t wrong;  /* its signature does not hold */
	uint32_t nlines;
	struct digest leaf[CERTS_LINES_MAX]; /* of each line, once logged */
};

struct certs_options {
	const char *path;
	const char *policy; /* with evidence: where its policy is written */
	uint64_t count;
	uint64_t first;     /* number of the first, which names it */
	size_t size;        /* bytes of a statement */
	size_t builders;    /* keys, in turn */
	uint64_t wrong;     /* one in so many; 0: none */
	bool evidence;
};

/* Make the file; ends the program where it cannot. */
void certs_make(const struct certs_options *o);

struct certs {
	const uint8_t *map;
	size_t maplen;
	size_t n;
	const struct certs_head **head; /* their bytes behind each */
};

/* Map it. */
void certs_open(struct certs *c, const char *path);

static inline struct span
certs_body(const struct certs_head *h)
{
	return span_of(h + 1, (size_t)h->len);
}

#endif
