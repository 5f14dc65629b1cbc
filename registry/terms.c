/* terms.c -- what a statement names; see terms.h. */
#include <stdlib.h>

#include "common/text.h"
#include "registry/roots.h"
#include "registry/terms.h"

#define FLOPS_DIGITS 48 /* as in a figure of an event */

/* The algorithms of in-toto's digest sets by which models are looked up. */
static const char *const algorithms[] = { "sha256", "sha384", "sha512",
	"sha1", "gitCommit", "gitTree", "gitBlob", "gitTag" };

/* Terms as they are noted; those that find no memory fail at the end. */
struct terms {
	struct store_term *term;
	size_t n, max;
	bool failed;
};

static void
note(struct terms *t, struct store_term term)
{
	if (t->n == t->max) {
		size_t max = t->max == 0 ? 32 : 2 * t->max;
		struct store_term *more = realloc(t->term,
		    max * sizeof(*more));

		if (more == NULL) {
			t->failed = true;
			return;
		}
		t->term = more;
		t->max = max;
	}
	t->term[t->n++] = term;
}

static void
note_text(struct terms *t, enum store_role role, struct json text)
{
	struct span s;

	if (json_string(text, &s) && s.len > 0)
		note(t, store_term_text(role, s));
}

/* Note the digests of a resource; those of other algorithms are not. */
static void
note_digests(struct terms *t, enum store_role role, struct json resource)
{
	struct json set = json_get(resource, "digest");

	for (struct json d = json_first(set); json_present(d);
	    d = json_next(d)) {
		size_t n = sizeof(algorithms) / sizeof(algorithms[0]), i = 0;
		uint8_t value[STORE_VALUE_MAX];
		struct span hex;

		while (i < n && !span_is(json_name(d), algorithms[i]))
			i++;
		if (i < n && json_string(d, &hex) && hex.len > 0 &&
		    hex.len % 2 == 0 && hex.len <= 2 * sizeof(value) &&
		    text_unhex(value, hex.len / 2, hex))
			note(t, store_term_digest(role,
			    span_str(algorithms[i]), span_of(value,
			    hex.len / 2)));
	}
}

/* What a dependency is, as the statement annotates it. */
static enum store_role
role_of(struct json dependency)
{
	static const struct {
		const char *name;
		enum store_role role;
	} roles[] = { { "dataset", STORE_DATASET },
		{ "base_model", STORE_BASE_MODEL }, { "code", STORE_CODE },
		{ "image", STORE_IMAGE } };
	struct json role = json_get(json_get(dependency, "annotations"),
	    "role");

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (json_is(role, roles[i].name))
			return roles[i].role;
	return STORE_DEPENDENCY;
}

/* The FLOPs that a provenance states, under either name: a plain decimal. */
static bool
get_flops(double *out, struct json compute)
{
	struct json figure = json_get(compute, "flops");
	struct span text;
	double value = 0;

	if (!json_present(figure))
		figure = json_get(compute, "total_flos");
	if (!json_string(json_get(figure, "value"), &text) ||
	    text.len > FLOPS_DIGITS)
		return false;
	for (size_t i = 0; i < text.len && text.p[i] != '.'; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		value = 10 * value + (text.p[i] - '0');
	}
	if (value < 1)
		return false;
	*out = value;
	return true;
}

/* The OMS root as other tools compute it, where S tells it. */
static enum ac_err
note_other_root(struct terms *t, const struct provenance_view *provenance)
{
	struct digest root;
	enum ac_err e = roots_other(&root, provenance);

	if (e == AC_OK)
		note(t, store_term_digest(STORE_SUBJECT, span_str("sha256"),
		    span_digest(&root)));
	return e == AC_ERR_NOT_FOUND ? AC_OK : e;
}

enum ac_err
terms_of(struct unit_line *line, const struct statement *s,
    const struct provenance_view *provenance)
{
	struct digest fingerprint = spki_digest(&line->key);
	struct terms t = { 0 };

	note(&t, store_term_builder(&fingerprint));
	note(&t, store_term_text(STORE_TYPE, s->predicate_type));
	for (struct json r = json_first(s->subjects); json_present(r);
	    r = json_next(r))
		note_digests(&t, STORE_SUBJECT, r);
	for (struct json r = provenance == NULL ? (struct json){ NULL } :
	    json_first(provenance->dependencies); json_present(r);
	    r = json_next(r)) {
		enum store_role role = role_of(r);

		note_digests(&t, role, r);
		note_text(&t, role, json_get(r, "name"));
		note_text(&t, role, json_get(r, "uri"));
		note_text(&t, STORE_LICENSE, json_get(json_get(r,
		    "annotations"), "license"));
	}
	if (provenance != NULL && provenance->has_image_root)
		note(&t, store_term_digest(STORE_IMAGE, span_str("sha256"),
		    span_digest(&provenance->image_root)));
	if (provenance != NULL && note_other_root(&t, provenance) != AC_OK)
		t.failed = true;
	if (provenance != NULL && get_flops(&line->flops,
	    provenance->compute)) {
		line->has_flops = true;
		note(&t, store_term_flops(line->flops));
	}
	line->term = t.term;
	line->nterms = t.n;
	return t.failed ? AC_ERR_MEMORY : AC_OK;
}
