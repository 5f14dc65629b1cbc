/*
 * search.h -- the arguments of a search, as they stand in a query string: what
 * the store is asked for, and how much of it.  Pure; the same for /search,
 * /api/v1/search and the feed.
 */
#ifndef AICERT_REGISTRY_SEARCH_H
#define AICERT_REGISTRY_SEARCH_H

#include "registry/store.h"

#define SEARCH_VALUE_MAX 1024 /* bytes of a decoded value */
#define SEARCH_LIMIT_MAX 100  /* entries in one answer */
#define SEARCH_LIMIT 50       /* where none is asked for */

enum search_field {
	SEARCH_BUILDER,
	SEARCH_DATASET,
	SEARCH_BASE_MODEL,
	SEARCH_CODE,
	SEARCH_IMAGE,
	SEARCH_LICENSE,
	SEARCH_TYPE,
	SEARCH_MIN_FLOPS,
	SEARCH_AFTER, /* the cursor: what comes after this index */
	SEARCH_LIMIT_TO,
	SEARCH_ORDER, /* oldest or newest, first */
	SEARCH_FIELDS
};

struct search {
	struct span given[SEARCH_FIELDS]; /* encoded, borrowed; p NULL: not */
	struct store_query query;         /* from and size are left open */
	bool has_after;
	uint64_t after;
	size_t limit;
};

/* The name of a field in queries. */
const char *search_name(enum search_field f);

/* Nothing is asked yet. */
void search_init(struct search *s);

/*
 * Take one argument.  A digest is written "sha256:<hex>" or with another
 * algorithm; any other text is a name or uri.  False: an unknown name, one
 * that was given before, or a value that the field cannot have.
 */
AC_MUST_CHECK bool search_take(struct search *s, struct span name,
    struct span value);

/*
 * Decode a value of a query string ('+' is a space) into out[0..*len).  False:
 * a broken escape, a control character, no UTF-8, or over the cap.
 */
AC_MUST_CHECK bool search_decode(uint8_t out[SEARCH_VALUE_MAX], size_t *len,
    struct span value);

/*
 * The query for a log of size, from where the cursor says.  False: nothing
 * can be left there.
 */
AC_MUST_CHECK bool search_query(const struct search *s,
    struct store_query *out, uint64_t size);

/* The cursor that goes on where the store stopped, at index next. */
uint64_t search_cursor(const struct search *s, uint64_t next);

#endif
