/*
 * store_search.c -- what entries are found by; see store.h.
 *
 * Every criterion is a set of streams, each the entries of one term in the
 * index, one segment after the other.  A search walks them side by side: it asks each for its next
 * entry at or after the furthest of all, so that what one of them skips no
 * other is read for.
 */
#include "common/sha256.h"
#include "registry/store_db.h"

#define STEPS_MAX 20000 /* look-ups in the index that one search may take */
#define FLOPS_MAX 128    /* powers of two that are told apart */

/* ---- terms ---- */

int64_t
store_first_bytes(const struct digest *d)
{
	int64_t v;

	memcpy(&v, d->b, sizeof(v));
	return v;
}

static struct store_term
hashed(enum store_role role, struct span kind, struct span text)
{
	struct sha256 s;
	struct digest d;

	sha256_init(&s);
	sha256_update(&s, kind);
	sha256_update(&s, span_of("", 1));
	sha256_update(&s, text);
	d = sha256_final(&s);
	return (struct store_term){ store_first_bytes(&d), role };
}

struct store_term
store_term_digest(enum store_role role, struct span alg, struct span value)
{
	return hashed(role, alg, value);
}

struct store_term
store_term_text(enum store_role role, struct span text)
{
	return hashed(role, span_of(NULL, 0), text);
}

struct store_term
store_term_builder(const struct digest *fingerprint)
{
	return (struct store_term){ store_first_bytes(fingerprint), STORE_BUILDER };
}

struct store_term
store_term_leaf(const struct digest *leaf)
{
	return (struct store_term){ store_first_bytes(leaf), STORE_LEAF };
}

struct store_term
store_term_flops(double flops)
{
	int64_t power = 0;

	while (flops >= 2 && power < FLOPS_MAX) {
		flops /= 2;
		power++;
	}
	return (struct store_term){ power, STORE_FLOPS };
}

/* ---- streams ---- */

/*
 * The entries of one term in the roles from its own to last, as far as one
 * segment has been looked at: none says that nothing follows there, else the
 * next one is at, in role.
 */
struct stream {
	struct store_term term;
	enum store_role last, role;
	bool known, none;
	uint64_t segment, at;
};

static struct stream
stream_of(struct store_term t)
{
	return (struct stream){ .term = t, .last = t.role };
}

/* A search under way. */
struct walk {
	struct store *s;
	bool down;     /* from the newest */
	bool whole;    /* however many steps it takes */
	uint64_t size;
	unsigned steps;
};

/* Is a before b in the order of the walk? */
static bool
before(const struct walk *w, uint64_t a, uint64_t b)
{
	return w->down ? a > b : a < b;
}

/*
 * Move st to its first entry in that segment which is not before x; what is
 * known already is not looked up again.
 */
static enum ac_err
seek(struct walk *w, struct stream *st, uint64_t segment, uint64_t x)
{
	enum store_q q = w->down ? Q_DOWN : Q_UP;
	struct db *db = w->s->db;
	enum ac_err e;

	if (st->known && st->segment == segment &&
	    (st->none || !before(w, st->at, x)))
		return AC_OK;
	w->steps++;
	db_bind_int(db, q, 1, (int64_t)segment);
	db_bind_int(db, q, 2, st->term.value);
	db_bind_int(db, q, 3, st->term.role);
	db_bind_int(db, q, 4, st->last);
	db_bind_int(db, q, 5, (int64_t)x);
	if (!w->down)
		db_bind_int(db, q, 6, (int64_t)w->size);
	e = db_step(db, q);
	if (e == AC_OK) {
		st->at = (uint64_t)db_column_int(db, q, 0);
		st->role = (enum store_role)db_column_int(db, q, 1);
	}
	db_reset(db, q);
	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		return e;
	st->known = true;
	st->none = e == AC_ERR_NOT_FOUND;
	st->segment = segment;
	return AC_OK;
}

/* The first index of the next segment; false: there is none. */
static bool
next_segment(const struct walk *w, uint64_t *x)
{
	uint64_t segment = *x / STORE_SEGMENT;

	if (w->down ? segment == 0 :
	    (segment + 1) * STORE_SEGMENT >= w->size)
		return false;
	*x = w->down ? segment * STORE_SEGMENT - 1 :
	    (segment + 1) * STORE_SEGMENT;
	return true;
}

/*
 * *x = the first entry at *x or after it in any of the streams, *which is the
 * first of those.  AC_ERR_NOT_FOUND: none; AC_ERR_BUSY: too many steps, and
 * *x is how far it got.
 */
static enum ac_err
any(struct walk *w, struct stream st[], size_t n, uint64_t *x, size_t *which)
{
	do {
		uint64_t at = 0;
		bool found = false;

		if (!w->whole && w->steps > STEPS_MAX)
			return AC_ERR_BUSY;
		for (size_t i = 0; i < n; i++) {
			enum ac_err e = seek(w, &st[i], *x / STORE_SEGMENT,
			    *x);

			if (e != AC_OK)
				return e;
			if (st[i].none || (found && !before(w, st[i].at, at)))
				continue;
			at = st[i].at;
			*which = i;
			found = true;
		}
		if (found) {
			*x = at;
			return AC_OK;
		}
	} while (next_segment(w, x));
	return AC_ERR_NOT_FOUND;
}

static enum ac_err
get_found(struct store *s, struct store_found *out, uint64_t index,
    enum store_role role)
{
	struct store_found f = { .index = index, .role = role };
	enum ac_err e;

	db_bind_int(s->db, Q_FOUND, 1, (int64_t)index);
	e = db_step(s->db, Q_FOUND);
	if (e == AC_OK)
		e = db_column_exact(s->db, Q_FOUND, 0, f.d.b, sizeof(f.d.b));
	if (e == AC_OK)
		e = db_column_exact(s->db, Q_FOUND, 1, f.key.b, SPKI_LEN);
	if (e == AC_OK)
		e = buf_copy(&f.type, db_column(s->db, Q_FOUND, 2));
	if (e == AC_OK)
		*out = f;
	db_reset(s->db, Q_FOUND);
	/* An entry that the index names is there. */
	return e == AC_ERR_NOT_FOUND ? db_fail(s->db, "the index names an "
	    "entry that is not there") : e;
}

static void
free_found(struct store_found found[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_free(&found[i].type);
}

/* The next role in which the entry at st has the term. */
static enum ac_err
next_role(struct walk *w, struct stream *st)
{
	struct stream same = *st;
	enum ac_err e;

	if (st->role == st->last)
		return AC_ERR_NOT_FOUND;
	same.term.role = (enum store_role)(st->role + 1);
	same.known = false;
	e = seek(w, &same, st->segment, st->at);
	if (e == AC_OK && (same.none || same.at != st->at))
		e = AC_ERR_NOT_FOUND;
	if (e == AC_OK)
		st->role = same.role;
	return e;
}

enum ac_err
store_by_digest(struct store *s, struct store_found out[], size_t *n,
    size_t max, struct span alg, struct span value, uint64_t from,
    uint64_t size)
{
	struct walk w = { .s = s, .whole = true, .size = size };
	struct stream st = stream_of(store_term_digest(STORE_SUBJECT, alg,
	    value));
	size_t found = 0, which;
	enum ac_err e;

	st.last = STORE_IMAGE;
	e = from < size ? any(&w, &st, 1, &from, &which) : AC_ERR_NOT_FOUND;
	while (e == AC_OK && found < max) {
		e = get_found(s, &out[found], st.at, st.role);
		if (e != AC_OK)
			break;
		found++;
		e = next_role(&w, &st);
		if (e == AC_ERR_NOT_FOUND && ++from < size)
			e = any(&w, &st, 1, &from, &which);
	}
	if (e != AC_OK && e != AC_ERR_NOT_FOUND) {
		free_found(out, found);
		return e;
	}
	*n = found;
	return AC_OK;
}

enum ac_err
store_find_leaf(struct store *s, uint64_t *index, const struct digest *leaf)
{
	struct walk w = { .s = s, .whole = true };
	struct stream st = stream_of(store_term_leaf(leaf));
	struct store_row row = { 0 };
	struct store_head head;
	struct digest found;
	uint64_t at = 0;
	bool published;
	size_t which;
	enum ac_err e;

	e = store_head(s, &head, &published);
	if (e != AC_OK)
		return e;
	w.size = head.size;
	e = any(&w, &st, 1, &at, &which);
	if (e == AC_OK)
		e = store_row(s, &row, at);
	if (e != AC_OK)
		return e;
	found = merkle_leaf(buf_span(&row.body));
	store_row_free(&row);
	if (!digest_equal(&found, leaf))
		return AC_ERR_NOT_FOUND;
	*index = at;
	return AC_OK;
}

/* ---- searching ---- */

struct search {
	struct walk walk;
	const struct store_query *query;
	struct stream criterion[STORE_CRITERIA_MAX];
	struct stream flops[FLOPS_MAX + 1];
	size_t nflops;
};

/* Has entry index at least the figure?  Only at the edge is it looked up. */
static enum ac_err
has_flops(struct search *s, bool *has, uint64_t index, size_t which)
{
	struct db *db = s->walk.s->db;
	enum ac_err e;

	*has = true;
	if (which > 0)
		return AC_OK;
	s->walk.steps++;
	db_bind_int(db, Q_FLOPS, 1, (int64_t)index);
	e = db_step(db, Q_FLOPS);
	if (e == AC_OK)
		*has = db_column_double(db, Q_FLOPS, 0) >=
		    s->query->min_flops;
	db_reset(db, Q_FLOPS);
	return e;
}

/* The entry after x in the order of the walk; false: there is none. */
static bool
step_on(const struct walk *w, uint64_t *x)
{
	if (w->down ? *x == 0 : *x + 1 >= w->size)
		return false;
	*x = w->down ? *x - 1 : *x + 1;
	return true;
}

/*
 * *x = the first entry at *x or after it that has everything.
 * AC_ERR_NOT_FOUND: none; AC_ERR_BUSY: too many steps, *x is how far it got.
 */
static enum ac_err
next_match(struct search *s, uint64_t *x)
{
	struct walk *w = &s->walk;
	size_t agree = 0, n = s->query->ncriteria + (s->nflops > 0);

	/* Round and round until all stand at the same entry. */
	for (size_t i = 0; agree < n; i = (i + 1) % n) {
		bool flops = i == s->query->ncriteria, good = true;
		uint64_t from = *x;
		size_t which = 0;
		enum ac_err e;

		e = flops ? any(w, s->flops, s->nflops, x, &which) :
		    any(w, &s->criterion[i], 1, x, &which);
		if (e == AC_OK && flops)
			e = has_flops(s, &good, *x, which);
		if (e != AC_OK)
			return e;
		agree = from == *x ? agree + 1 : 1;
		if (!good) {
			if (!step_on(w, x))
				return AC_ERR_NOT_FOUND;
			agree = 0;
		}
	}
	return AC_OK;
}

static void
begin(struct search *s, struct store *store, const struct store_query *query)
{
	struct store_term lowest;

	s->walk = (struct walk){ .s = store, .down = query->newest_first,
		.size = query->size };
	s->query = query;
	for (size_t i = 0; i < query->ncriteria; i++)
		s->criterion[i] = stream_of(query->criterion[i]);
	s->nflops = 0;
	if (!query->has_min_flops)
		return;
	lowest = store_term_flops(query->min_flops);
	for (int64_t p = lowest.value; p <= FLOPS_MAX; p++)
		s->flops[s->nflops++] = stream_of((struct store_term){ p,
		    STORE_FLOPS });
}

enum ac_err
store_search(struct store *s, struct store_found out[], size_t *n, size_t max,
    bool *more, uint64_t *next, const struct store_query *query)
{
	uint64_t x = query->from;
	enum ac_err e = AC_ERR_NOT_FOUND;
	struct search search;
	size_t found = 0;

	begin(&search, s, query);
	if (query->newest_first && x >= query->size)
		x = query->size - 1; /* where size is 0 nothing is read */
	if (x < query->size)
		e = AC_OK;
	while (e == AC_OK) {
		e = next_match(&search, &x);
		if (e != AC_OK || found == max)
			break;
		e = get_found(s, &out[found], x, query->ncriteria > 0 ?
		    query->criterion[0].role : STORE_SUBJECT);
		if (e != AC_OK)
			break;
		found++;
		if (!step_on(&search.walk, &x))
			e = AC_ERR_NOT_FOUND;
	}
	if (e != AC_OK && e != AC_ERR_NOT_FOUND && e != AC_ERR_BUSY) {
		free_found(out, found);
		return e;
	}
	*n = found;
	*more = e != AC_ERR_NOT_FOUND;
	*next = x;
	return AC_OK;
}

enum ac_err
store_of_type(struct store *s, uint64_t index[], size_t *n, size_t max,
    const char *type, uint64_t from, uint64_t size)
{
	struct walk w = { .s = s, .whole = true, .size = size };
	struct stream st = stream_of(store_term_text(STORE_TYPE,
	    span_str(type)));
	enum ac_err e = AC_OK;
	size_t found = 0, which;

	while (found < max && from < size &&
	    (e = any(&w, &st, 1, &from, &which)) == AC_OK)
		index[found++] = from++;
	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		return e;
	*n = found;
	return AC_OK;
}
