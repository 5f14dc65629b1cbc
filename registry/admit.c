/* admit.c -- admission by signatures; see admit.h. */
#include <stdlib.h>

#include "cert/leaf.h"
#include "common/text.h"
#include "registry/admit.h"
#include "registry/problem.h"
#include "verifier/sig.h"

/* Room for a log entry and the rest of a bundle on each answered line. */
#define ENTRY_ROOM ((size_t)8 << 10)
#define FLOPS_DIGITS 48 /* as in a figure of an event */
#define SETS 256 /* of keys that a thread remembers */
#define WAYS 4

/* Keys whose fingerprints begin with one byte, newest first. */
struct set {
	struct sig_key *key[WAYS];
	struct digest fingerprint[WAYS];
};

struct admit {
	struct set known[SETS];
	struct certificate certificate; /* of the one at hand; large */
};

enum ac_err
admit_new(struct admit **out)
{
	*out = calloc(1, sizeof(**out));
	return *out == NULL ? AC_ERR_MEMORY : AC_OK;
}

void
admit_free(struct admit *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < SETS; i++)
		for (size_t k = 0; k < WAYS; k++)
			sig_key_free(a->known[i].key[k]);
	free(a);
}

/* ---- keys: a bundle names its key only by digest ---- */

/* The loaded key, or NULL. */
static const struct sig_key *
recall(const struct admit *a, const struct digest *fingerprint)
{
	const struct set *s = &a->known[fingerprint->b[0]];

	for (size_t i = 0; i < WAYS; i++)
		if (s->key[i] != NULL &&
		    digest_equal(&s->fingerprint[i], fingerprint))
			return s->key[i];
	return NULL;
}

/* Load a key that was used; where that fails it is not remembered. */
static void
remember(struct admit *a, const struct spki *key)
{
	struct digest fingerprint = spki_digest(key);
	struct set *s = &a->known[fingerprint.b[0]];
	struct sig_key *loaded;

	if (sig_key_new(&loaded, key) != AC_OK)
		return;
	sig_key_free(s->key[WAYS - 1]);
	for (size_t i = WAYS - 1; i > 0; i--) {
		s->key[i] = s->key[i - 1];
		s->fingerprint[i] = s->fingerprint[i - 1];
	}
	s->key[0] = loaded;
	s->fingerprint[0] = fingerprint;
}

/* ---- what a statement names ---- */

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

/* Everything that the line is found by; provenance is NULL for others. */
static enum ac_err
note_terms(struct unit_line *line, const struct statement *s,
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
	if (provenance != NULL && get_flops(&line->flops,
	    provenance->compute)) {
		line->has_flops = true;
		note(&t, store_term_flops(line->flops));
	}
	line->term = t.term;
	line->nterms = t.n;
	return t.failed ? AC_ERR_MEMORY : AC_OK;
}

/* ---- from certificate to unit ---- */

/* Take over what the log keeps of one line. */
static enum ac_err
fill_line(struct unit_line *out, struct certificate_line *in,
    const struct spki *key, const struct provenance_view *provenance)
{
	struct buf body = { 0 };
	enum ac_err e;

	out->d = in->d;
	out->key = *key;
	memcpy(out->sig, in->bundle.sig, in->bundle.siglen);
	out->siglen = in->bundle.siglen;
	out->statement = in->bundle.statement;
	in->bundle.statement = (struct buf){ 0 }; /* transferred */
	e = note_terms(out, &in->statement, provenance);
	if (e == AC_OK)
		e = buf_copy(&out->type, in->statement.predicate_type);
	if (e == AC_OK)
		e = leaf_encode(&body, &out->d, span_of(out->sig, out->siglen),
		    key);
	if (e == AC_OK)
		out->leaf = merkle_leaf(buf_span(&body));
	buf_free(&body);
	return e;
}

static bool
refuse(struct reply *out, enum problem p, const struct message *why)
{
	problem_reply(out, p, why->text, NULL);
	return false;
}

/* The refusal for an error of decoding. */
static enum problem
problem_of(enum ac_err e)
{
	switch (e) {
	case AC_ERR_LIMIT:
		return PROBLEM_TOO_LARGE;
	case AC_ERR_MISMATCH:
		return PROBLEM_DISAGREEMENT;
	case AC_ERR_MEMORY:
		return PROBLEM_BUSY;
	case AC_OK:
	case AC_ERR_FORMAT:
	case AC_ERR_NOT_FOUND:
	case AC_ERR_EXISTS:
	case AC_ERR_IO:
	case AC_ERR_CRYPTO:
	case AC_ERR_BUSY:
	case AC_ERR_UNSUPPORTED:
		break;
	}
	return PROBLEM_MALFORMED;
}

/* Would the answer, with a log entry on each line, still be a certificate? */
static bool
check_room(const struct certificate *c, struct reply *refusal)
{
	struct message why;
	size_t room = 0;

	for (size_t i = 0; i < c->nlines; i++)
		room += text_base64_len(c->line[i].bundle.statement.len) +
		    ENTRY_ROOM;
	if (room <= CERTIFICATE_MAX)
		return true;
	message_set(&why, "with a log entry of up to %zu bytes on each line "
	    "the certificate would pass the limit of %zu bytes", ENTRY_ROOM,
	    CERTIFICATE_MAX);
	return refuse(refusal, PROBLEM_TOO_LARGE, &why);
}

static bool
check_builder(struct admit *a, struct reply *refusal)
{
	struct certificate *c = &a->certificate;
	const struct sig_key *known = recall(a, &c->provenance.builder_key);
	struct message why = { "" };
	enum ac_err e = known != NULL ?
	    certificate_check_builder_by(c, known, &why) :
	    certificate_check_builder(c, NULL, &why);

	if (e == AC_ERR_MEMORY)
		return refuse(refusal, PROBLEM_BUSY, &why);
	if (e != AC_OK)
		return refuse(refusal, PROBLEM_SIGNATURE, &why);
	if (known == NULL)
		remember(a, &c->key);
	return true;
}

/* Check and take over line i >= 1; the evidence is checked already. */
static bool
admit_line(struct admit *a, struct unit *u, struct reply *refusal, size_t i)
{
	struct certificate_line *line = &a->certificate.line[i];
	struct message why = { "" }, what = { "" };
	struct spki key = a->certificate.key;
	enum ac_err e = AC_OK;

	if (line->statement.doc.root == NULL) {
		message_set(&why, "line %zu: the payload is not an in-toto "
		    "Statement v1", i + 1);
		return refuse(refusal, PROBLEM_MALFORMED, &why);
	}
	if (i > 1 || !u->has_evidence)
		e = certificate_check_line(&key, line, &what);
	if (e != AC_OK) {
		message_set(&why, "line %zu: %s", i + 1, what.text);
		return refuse(refusal, e == AC_ERR_MEMORY ? PROBLEM_BUSY :
		    PROBLEM_SIGNATURE, &why);
	}
	if (fill_line(&u->line[i], line, &key, NULL) != AC_OK) {
		message_set(&why, "no memory for the certificate");
		return refuse(refusal, PROBLEM_BUSY, &why);
	}
	return true;
}

bool
admit_certificate(struct admit *a, struct unit **out, struct reply *refusal,
    struct span jsonl)
{
	struct certificate *c = &a->certificate;
	struct message why = { "" };
	struct unit *u = NULL;
	bool good = false;
	enum ac_err e;

	e = certificate_decode(c, jsonl, &why);
	if (e != AC_OK)
		return refuse(refusal, problem_of(e), &why);
	if (!check_room(c, refusal) || !check_builder(a, refusal))
		goto out;
	u = unit_new(c->nlines);
	if (u == NULL || fill_line(&u->line[0], &c->line[0], &c->key,
	    &c->provenance) != AC_OK) {
		message_set(&why, "no memory for the certificate");
		good = refuse(refusal, PROBLEM_BUSY, &why);
		goto out;
	}
	u->has_evidence = c->has_evidence;
	u->bytes = jsonl.len;
	for (size_t i = 1; i < c->nlines; i++)
		if (!admit_line(a, u, refusal, i))
			goto out;
	*out = u;
	u = NULL; /* transferred */
	good = true;
out:
	unit_free(u);
	certificate_free(c);
	return good;
}
