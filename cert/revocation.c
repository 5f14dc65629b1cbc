/* revocation.c -- revocations, removals, their state; see revocation.h. */
#include "cert/form.h"
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

#define STATE_SUBJECT "revocations"

/* The one encoding of each. */
#define FORM(subject, type, predicate) \
    "(_type '" STATEMENT_TYPE "' subject [(name " subject " digest (sha256 " \
    "x)) 1-1] predicateType '" type "' predicate " predicate ")"
#define TARGET "'statement'|'image-release'|'key'"

static const struct {
	enum revocation_kind kind;
	bool from;
	const char *form;
} forms[] = {
	{ REVOCATION, false, FORM(TARGET, TYPE_REVOCATION,
	    "(scope 'all' reason T)") },
	{ REVOCATION, true, FORM(TARGET, TYPE_REVOCATION,
	    "(scope 'from' from (origin N index i) reason T)") },
	{ REVOCATION_REMOVAL, false, FORM("'statement'", TYPE_REMOVAL,
	    "(reason T)") },
	{ REVOCATION_STATE, false, FORM("'" STATE_SUBJECT "'",
	    TYPE_REVOCATION_STATE, "(origin N treeSize i count i)") },
};

bool
revocation_is(struct span predicate_type)
{
	for (size_t i = 0; i < AC_COUNT(kind_type); i++)
		if (span_is(predicate_type, kind_type[i]))
			return true;
	return false;
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
	struct revocation again;
	struct buf bytes = { 0 };
	struct writer w;
	enum ac_err e;

	if (r->index > JSON_INT_MAX || r->tree_size > JSON_INT_MAX ||
	    r->count > JSON_INT_MAX)
		return AC_ERR_LIMIT;
	wr_init(&w, STATEMENT_MAX);
	statement_write_head(&w);
	statement_write_subject(&w, span_str(r->kind == REVOCATION_STATE ?
	    STATE_SUBJECT : target_name[r->target]), &r->digest);
	statement_write_type(&w, kind_type[r->kind]);
	write_predicate(&w, r);
	e = wr_end(&w, &bytes);
	/* What may be read may be written. */
	if (e == AC_OK)
		e = revocation_decode(&again, buf_span(&bytes));
	if (e != AC_OK) {
		buf_free(&bytes);
		return e;
	}
	revocation_free(&again);
	*out = bytes;
	return AC_OK;
}

/* The values of what has the i-th form. */
static bool
take(struct revocation *r, size_t i, struct json root)
{
	struct json p = json_get(root, "predicate");
	struct json at = forms[i].from ? json_get(p, "from") : p;
	struct json origin = json_get(at, "origin");
	bool state = forms[i].kind == REVOCATION_STATE;
	struct span name;

	r->kind = forms[i].kind;
	r->from = forms[i].from;
	if (!statement_subject(json_first(json_get(root, "subject")), &name,
	    &r->digest))
		return false;
	for (unsigned k = 0; k < AC_COUNT(target_name); k++)
		if (span_is(name, target_name[k]))
			r->target = (enum revocation_target)k;
	if (json_present(origin) && !json_string(origin, &r->origin))
		return false;
	if (r->from && !json_uint(json_get(at, "index"), &r->index,
	    JSON_INT_MAX))
		return false;
	if (!state)
		return json_string(json_get(p, "reason"), &r->reason);
	return json_uint(json_get(p, "treeSize"), &r->tree_size,
	    JSON_INT_MAX) &&
	    json_uint(json_get(p, "count"), &r->count, JSON_INT_MAX);
}

enum ac_err
revocation_decode(struct revocation *out, struct span bytes)
{
	struct revocation r = { 0 };
	enum ac_err e = json_parse_compact(&r.doc, bytes);
	struct json root = json_root(&r.doc);
	size_t i = 0;

	if (e == AC_OK)
		while ((e = form_check(root, forms[i].form, NULL)) ==
		    AC_ERR_FORMAT && i + 1 < AC_COUNT(forms))
			i++;
	if (e == AC_OK && !take(&r, i, root))
		e = AC_ERR_FORMAT;
	if (e == AC_OK)
		*out = r; /* transferred */
	else
		revocation_free(&r);
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
