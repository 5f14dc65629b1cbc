/* watch.c -- what is looked out for; see watch.h. */
#include <stdlib.h>

#include "auditor/watch.h"
#include "cert/provenance.h"
#include "common/reader.h"
#include "common/text.h"

enum kind {
	BUILDER,
	IMAGE,
	DATASET,
	BASE_MODEL,
	CODE,
	INPUT,
	MODEL,
	KINDS,
};

static const char *const kinds[KINDS] = { "builder", "image", "dataset",
	"base-model", "code", "input", "model" };

struct line {
	enum kind kind;
	bool digest;                    /* value is hex of alg */
	bool prefix;                    /* value begins the uri */
	struct digest d;                /* of BUILDER, IMAGE */
	bool has_root;                  /* IMAGE: d is its release's D */
	struct digest root;
	char alg[WATCH_WORD_MAX + 1];
	char value[WATCH_WORD_MAX + 1]; /* hex, or the uri */
	char label[WATCH_WORD_MAX + 1];
};

struct watch {
	size_t n;
	struct line line[WATCH_LINES_MAX];
};

enum ac_err
watch_new(struct watch **out)
{
	*out = calloc(1, sizeof(**out));
	return *out == NULL ? AC_ERR_MEMORY : AC_OK;
}

void
watch_free(struct watch *w)
{
	free(w);
}

size_t
watch_count(const struct watch *w)
{
	return w->n;
}

const char *
watch_label(const struct watch *w, size_t i)
{
	return w->line[i].label;
}

/* ---- reading ---- */

/* The next word of *s, without the blanks around it. */
static struct span
take_word(struct span *s)
{
	struct span word;

	while (s->len > 0 && (*s->p == ' ' || *s->p == '\t'))
		*s = span_of(s->p + 1, s->len - 1);
	word = span_of(s->p, 0);
	while (s->len > 0 && *s->p != ' ' && *s->p != '\t') {
		*s = span_of(s->p + 1, s->len - 1);
		word.len++;
	}
	return word;
}

static bool
copy_word(char out[WATCH_WORD_MAX + 1], struct span s)
{
	if (s.len == 0 || s.len > WATCH_WORD_MAX || !text_is_plain(s))
		return false;
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return true;
}

static bool
is_hex(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') ||
		    (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return s.len >= 32 && s.len <= 128 && s.len % 2 == 0;
}

/* "<alg>:<hex>" into l.  False: it is none. */
static bool
take_digest(struct line *l, struct span value)
{
	struct reader r = rd_of(value);
	struct span alg;

	if (!rd_until(&r, &alg, ':') || !is_hex(r.left) ||
	    !copy_word(l->alg, alg))
		return false;
	l->digest = true;
	return copy_word(l->value, r.left);
}

static bool
take_value(struct line *l, struct span value)
{
	switch (l->kind) {
	case BUILDER:
	case IMAGE:
		return text_unhex_digest(&l->d, value) &&
		    copy_word(l->value, value);
	case MODEL:
		return take_digest(l, value);
	case DATASET:
	case BASE_MODEL:
	case CODE:
	case INPUT:
	case KINDS:
		break;
	}
	if (take_digest(l, value))
		return true;
	if (value.len > 1 && value.p[value.len - 1] == '*') {
		l->prefix = true;
		value.len--;
	}
	return copy_word(l->value, value);
}

/* One line that is neither empty nor a comment; what is wrong, or NULL. */
static const char *
take_line(struct line *l, struct span text)
{
	struct span kind = take_word(&text), value = take_word(&text), label;

	l->kind = KINDS;
	for (unsigned k = 0; k < KINDS; k++)
		if (span_is(kind, kinds[k]))
			l->kind = (enum kind)k;
	if (l->kind == KINDS)
		return "expected builder, image, dataset, base-model, code, "
		    "input or model";
	if (!take_value(l, value))
		return l->kind == BUILDER || l->kind == IMAGE ?
		    "expected the 64 lower-case hex digits of a SHA-256" :
		    l->kind == MODEL ? "expected <algorithm>:<hex>" :
		    "expected <algorithm>:<hex>, or a uri";
	while (text.len > 0 && (*text.p == ' ' || *text.p == '\t'))
		text = span_of(text.p + 1, text.len - 1);
	label = text.len > 0 ? text : value;
	return copy_word(l->label, label) ? NULL :
	    "the label is too long, or has control characters";
}

enum ac_err
watch_add(struct watch *w, struct span text, struct message *why)
{
	struct reader r = rd_of(text);
	size_t number = 0;

	while (r.left.len > 0) {
		struct line l = { .digest = false };
		struct span line, rest, word;
		const char *wrong;

		number++;
		if (!rd_line(&r, &line)) {
			line = r.left;
			r.left.len = 0;
		}
		rest = line;
		word = take_word(&rest);
		if (word.len == 0 || word.p[0] == '#')
			continue;
		wrong = take_line(&l, line);
		if (wrong != NULL) {
			message_set(why, "line %zu: %s", number, wrong);
			return AC_ERR_FORMAT;
		}
		if (w->n == WATCH_LINES_MAX) {
			message_set(why, "line %zu: more than %d things to "
			    "watch", number, WATCH_LINES_MAX);
			return AC_ERR_LIMIT;
		}
		w->line[w->n++] = l;
	}
	return AC_OK;
}

/* ---- matching ---- */

/* Has the digest set the one that l names? */
static bool
has_digest(const struct line *l, struct json set)
{
	struct span hex;

	return json_string(json_get(set, l->alg), &hex) &&
	    span_is(hex, l->value);
}

static bool
is_role(enum kind kind, struct span role)
{
	switch (kind) {
	case DATASET:
		return span_is(role, "dataset");
	case BASE_MODEL:
		return span_is(role, "base_model") ||
		    span_is(role, "base-model") || span_is(role, "model");
	case CODE:
		return span_is(role, "code");
	case INPUT:
		return true;
	case BUILDER:
	case IMAGE:
	case MODEL:
	case KINDS:
		break;
	}
	return false;
}

static bool
is_uri(const struct line *l, struct json dependency)
{
	struct span uri;
	size_t n = strlen(l->value);

	if (!json_string(json_get(dependency, "uri"), &uri))
		return false;
	return l->prefix ? uri.len >= n &&
	    span_is(span_of(uri.p, n), l->value) : span_is(uri, l->value);
}

static bool
match_inputs(const struct line *l, const struct statement *s)
{
	struct json all = json_get(json_get(s->predicate, "buildDefinition"),
	    "resolvedDependencies");

	for (struct json d = json_first(all); json_present(d);
	    d = json_next(d)) {
		struct span role = { NULL, 0 };

		if (!json_string(json_get(json_get(d, "annotations"), "role"),
		    &role) && l->kind != INPUT)
			continue;
		if (is_role(l->kind, role) && (l->digest ?
		    has_digest(l, json_get(d, "digest")) : is_uri(l, d)))
			return true;
	}
	return false;
}

static bool
match_subjects(const struct line *l, const struct statement *s)
{
	for (struct json j = json_first(s->subjects); json_present(j);
	    j = json_next(j))
		if (has_digest(l, json_get(j, "digest")))
			return true;
	return false;
}

static void
hit(struct watch_hits *h, size_t i)
{
	h->bits[i / 64] |= (uint64_t)1 << i % 64;
}

void
watch_match(const struct watch *w, struct watch_hits *hits,
    const struct facts *f, const struct statement *s)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct line *l = &w->line[i];

		if (l->kind == MODEL ? match_subjects(l, s) :
		    l->kind != BUILDER && l->kind != IMAGE &&
		    f->kind == FACTS_PROVENANCE && match_inputs(l, s))
			hit(hits, i);
	}
}

void
watch_match_facts(struct watch *w, struct watch_hits *hits,
    const struct facts *f)
{
	bool image = (f->kind == FACTS_PROVENANCE ||
	    f->kind == FACTS_RELEASE) && facts_has_about(f);

	for (size_t i = 0; i < w->n; i++) {
		struct line *l = &w->line[i];

		if (l->kind == BUILDER && digest_equal(&l->d, &f->key))
			hit(hits, i);
		if (l->kind != IMAGE || !image)
			continue;
		if (f->kind == FACTS_RELEASE && digest_equal(&l->d, &f->d)) {
			l->root = f->about;
			l->has_root = true;
		}
		if (digest_equal(&l->d, &f->about) ||
		    (l->has_root && digest_equal(&l->root, &f->about)))
			hit(hits, i);
	}
}
