/* removals.c -- missing statements and what excuses them; see removals.h. */
#include <pthread.h>
#include <stdlib.h>

#include "auditor/removals.h"
#include "cert/revocation.h"

struct list {
	struct removals_item *item;
	size_t n, cap;
};

struct removals {
	pthread_mutex_t mutex;
	struct list missing, covered;
};

enum ac_err
removals_new(struct removals **out)
{
	struct removals *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return AC_ERR_MEMORY;
	if (pthread_mutex_init(&r->mutex, NULL) != 0) {
		free(r);
		return AC_ERR_MEMORY;
	}
	*out = r;
	return AC_OK;
}

void
removals_free(struct removals *r)
{
	if (r == NULL)
		return;
	(void)pthread_mutex_destroy(&r->mutex);
	free(r->missing.item);
	free(r->covered.item);
	free(r);
}

static enum ac_err
append(struct removals *r, struct list *l, uint64_t index,
    const struct digest *d)
{
	enum ac_err e = AC_ERR_LIMIT;

	(void)pthread_mutex_lock(&r->mutex);
	if (l->n >= REMOVALS_MAX)
		goto out;
	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 64 : 2 * l->cap;
		struct removals_item *p = reallocarray(l->item, cap,
		    sizeof(*p));

		e = AC_ERR_MEMORY;
		if (p == NULL)
			goto out;
		l->item = p;
		l->cap = cap;
	}
	l->item[l->n++] = (struct removals_item){ index, *d };
	e = AC_OK;
out:
	(void)pthread_mutex_unlock(&r->mutex);
	return e;
}

enum ac_err
removals_missing(struct removals *r, uint64_t index, const struct digest *d)
{
	return append(r, &r->missing, index, d);
}

enum ac_err
removals_covers(struct removals *r, const struct digest *d)
{
	return append(r, &r->covered, 0, d);
}

static int
by_digest(const void *a, const void *b)
{
	const struct removals_item *x = a, *y = b;

	return span_compare(span_digest(&x->d), span_digest(&y->d));
}

static int
by_index(const void *a, const void *b)
{
	const struct removals_item *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

/* Sort; of those that compare equal one stays. */
static void
sort_unique(struct list *l, int (*compare)(const void *, const void *))
{
	size_t kept = 0;

	if (l->n == 0)
		return;
	qsort(l->item, l->n, sizeof(*l->item), compare);
	for (size_t i = 0; i < l->n; i++)
		if (kept == 0 || compare(&l->item[kept - 1], &l->item[i]) != 0)
			l->item[kept++] = l->item[i];
	l->n = kept;
}

void
removals_settle(struct removals *r, const struct removals_item **item,
    size_t *n, size_t *ncovered)
{
	struct list *m = &r->missing;
	size_t kept = 0;

	sort_unique(m, by_index);
	sort_unique(&r->covered, by_digest);
	for (size_t i = 0; i < m->n; i++)
		if (r->covered.n == 0 || bsearch(&m->item[i], r->covered.item,
		    r->covered.n, sizeof(*r->covered.item), by_digest) == NULL)
			m->item[kept++] = m->item[i];
	*ncovered = m->n - kept;
	m->n = kept;
	*item = m->item;
	*n = kept;
}

void
removals_list(const struct removals *r, const struct removals_item **item,
    size_t *n)
{
	*item = r->covered.item;
	*n = r->covered.n;
}

/* Is key the one that p has for the registry of the log origin? */
static bool
is_registry(const struct policy *p, struct span origin,
    const struct digest *key)
{
	const struct policy_registry *r = policy_registry_by(p, origin);

	return r != NULL && digest_equal(&r->fingerprint, key);
}

bool
removals_read(struct digest *d, const struct policy *p, struct span origin,
    const struct leaf *leaf, struct span statement)
{
	struct digest key = spki_digest(&leaf->key);
	struct revocation r;
	bool counts;

	/* Most statements are larger than any of these: no need to parse. */
	if (statement.len > 8 * KIB ||
	    memmem(statement.p, statement.len, TYPE_REMOVAL,
	    strlen(TYPE_REMOVAL)) == NULL ||
	    revocation_decode(&r, statement) != AC_OK)
		return false;
	counts = r.kind == REVOCATION_REMOVAL &&
	    is_registry(p, origin, &key);
	if (counts)
		*d = r.digest;
	revocation_free(&r);
	return counts;
}
