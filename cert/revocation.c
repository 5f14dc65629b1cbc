/* revocation.c -- revocations, removals, their state; see revocation.h. */
#include "cert/revocation.h"
#include "common/sha256.h"

static const char *const kind_type[] = {
	[REVOCATION] = TYPE_REVOCATION,
	[REVOCATION_REMOVAL] = TYPE_REMOVAL,
	[REVOCATION_STATE] = TYPE_REVOCATION_STATE,
};

static const char *const target_name[] = {
	[REVOCATION_STATEMENT] = "statement",
	[REVOCATION_IMAGE] = "image-release",
	[REVOCATION_KEY] = "key",
};

#define NKINDS (sizeof(kind_type) / sizeof(kind_type[0]))
#define NTARGETS (sizeof(target_name) / sizeof(target_name[0]))

#define STATE_SUBJECT "revocations"

static bool
find(unsigned *out, const char *const name[], size_t n, struct span s)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(s, name[i])) {
			*out = (unsigned)i;
			return true;
		}
	return false;
}

bool
revocation_is(struct span predicate_type)
{
	unsigned kind;

	return find(&kind, kind_type, NKINDS, predicate_type);
}

static enum ac_err
check(const struct revocation *r)
{
	bool named = r->kind == REVOCATION_STATE || r->from;
	enum ac_err e;

	if (r->index > JSON_INT_MAX || r->tree_size > JSON_INT_MAX ||
	    r->count > JSON_INT_MAX)
		return AC_ERR_LIMIT;
	if (named && r->origin.len == 0)
		return AC_ERR_FORMAT;
	e = statement_check_text(r->reason);
	return e == AC_OK && named ? statement_check_text(r->origin) : e;
}

static void
write_predicate(struct writer *w, const struct revocation *r)
{
	wr_u8(w, '{');
	if (r->kind == REVOCATION_STATE || r->from) {
		if (r->kind == REVOCATION)
			wr_str(w, "\"scope\":\"from\",\"from\":{");
		wr_str(w, "\"origin\":");
		wr_json(w, r->origin);
	} else if (r->kind == REVOCATION) {
		wr_str(w, "\"scope\":\"all\"");
	}
	if (r->kind == REVOCATION_STATE) {
		wr_str(w, ",\"treeSize\":");
		wr_dec(w, r->tree_size);
		wr_str(w, ",\"count\":");
		wr_dec(w, r->count);
	} else if (r->kind == REVOCATION && r->from) {
		wr_str(w, ",\"index\":");
		wr_dec(w, r->index);
		wr_u8(w, '}');
	}
	if (r->kind != REVOCATION_STATE) {
		wr_str(w, r->kind == REVOCATION ? ",\"reason\":" :
		    "\"reason\":");
		wr_json(w, r->reason);
	}
	wr_str(w, "}}");
}

enum ac_err
revocation_encode(struct buf *out, const struct revocation *r)
{
	enum ac_err e = check(r);
	struct writer w;

	if (e != AC_OK)
		return e;
	wr_init(&w, STATEMENT_MAX);
	statement_write_head(&w);
	statement_write_subject(&w, span_str(r->kind == REVOCATION_STATE ?
	    STATE_SUBJECT : target_name[r->target]), &r->digest);
	statement_write_type(&w, kind_type[r->kind]);
	write_predicate(&w, r);
	return wr_end(&w, out);
}

/*
 * Only what the encoder needs is taken out; that the statement holds nothing
 * else, and in no other form, is seen by encoding it again.
 */
static enum ac_err
take(struct revocation *r, const struct statement *s)
{
	struct json p = s->predicate, from = json_get(p, "from");
	struct span name;
	unsigned kind, target = 0;

	if (!find(&kind, kind_type, NKINDS, s->predicate_type) ||
	    !statement_subject(json_first(s->subjects), &name, &r->digest))
		return AC_ERR_FORMAT;
	r->kind = (enum revocation_kind)kind;
	if (r->kind == REVOCATION_STATE)
		return span_is(name, STATE_SUBJECT) &&
		    json_string(json_get(p, "origin"), &r->origin) &&
		    json_uint(json_get(p, "treeSize"), &r->tree_size,
		    JSON_INT_MAX) &&
		    json_uint(json_get(p, "count"), &r->count, JSON_INT_MAX) ?
		    AC_OK : AC_ERR_FORMAT;
	r->from = r->kind == REVOCATION && json_present(from);
	if (!find(&target, target_name, NTARGETS, name) ||
	    (r->kind == REVOCATION_REMOVAL &&
	    target != REVOCATION_STATEMENT) ||
	    !json_string(json_get(p, "reason"), &r->reason) ||
	    (r->from &&
	    (!json_string(json_get(from, "origin"), &r->origin) ||
	    !json_uint(json_get(from, "index"), &r->index, JSON_INT_MAX))))
		return AC_ERR_FORMAT;
	r->target = (enum revocation_target)target;
	return AC_OK;
}

enum ac_err
revocation_decode(struct revocation *out, struct span bytes)
{
	struct revocation r = { 0 };
	struct statement s = { 0 };
	struct buf again = { 0 };
	enum ac_err e;

	e = statement_decode(&s, bytes);
	if (e == AC_OK)
		e = take(&r, &s);
	if (e == AC_OK)
		e = revocation_encode(&again, &r);
	if (e != AC_OK)
		goto out;
	e = AC_ERR_FORMAT;
	if (!span_equal(buf_span(&again), bytes))
		goto out;
	r.doc = s.doc;
	s.doc = (struct json_doc){ 0 }; /* transferred */
	*out = r;
	e = AC_OK;
out:
	buf_free(&again);
	statement_free(&s);
	return e;
}

void
revocation_free(struct revocation *r)
{
	json_free(&r->doc);
	*r = (struct revocation){ 0 };
}

struct digest
revocation_list_digest(const struct digest d[], size_t n)
{
	return sha256_of(span_of(d, n * sizeof(d[0])));
}
