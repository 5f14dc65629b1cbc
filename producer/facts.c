/* facts.c -- rows of a certificate; see facts.h. */
#include <stdlib.h>

#include "common/reader.h"
#include "producer/facts.h"

#define ROW_MAX (64 * KIB) /* bytes of a value: all words of a command */

/* Rows being made; e is the first thing that went wrong. */
struct maker {
	struct facts *f;
	enum ac_err e;
};

const char *
facts_heading(enum facts_section section)
{
	static const char *const headings[FACTS_SECTIONS] = {
		[FACTS_WHO] = "WHO", [FACTS_WHAT] = "WHAT",
		[FACTS_FROM] = "FROM", [FACTS_HOW] = "HOW",
		[FACTS_WHEN] = "WHEN", [FACTS_LINES] = "LINES",
	};

	return headings[section];
}

void
facts_write_plain(struct writer *w, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] >= 0x20 && s.p[i] < 0x7f)
			wr_u8(w, s.p[i]);
		else
			wr_printf(w, "\\x%02x", s.p[i]);
	}
}

/* Add a row; *w, the value, is ended by it. */
static void
add(struct maker *m, enum facts_section section, struct span label,
    struct writer *w, const char *how)
{
	struct facts *f = m->f;
	struct fact row = { .section = section, .how = how };

	if (m->e == AC_OK && f->n == f->cap) {
		size_t cap = f->cap == 0 ? 64 : 2 * f->cap;
		struct fact *grown = reallocarray(f->fact, cap, sizeof(*grown));

		if (grown != NULL) {
			f->fact = grown;
			f->cap = cap;
		} else {
			m->e = AC_ERR_MEMORY;
		}
	}
	if (m->e == AC_OK)
		m->e = buf_copy(&row.label, label);
	if (m->e != AC_OK) {
		wr_free(w);
		return;
	}
	m->e = wr_end(w, &row.value);
	if (m->e == AC_OK)
		f->fact[f->n++] = row; /* transferred */
	else
		buf_free(&row.label);
}

static void
add_text(struct maker *m, enum facts_section section, const char *label,
    struct span text)
{
	struct writer w;

	wr_init(&w, ROW_MAX);
	wr_bytes(&w, text);
	add(m, section, span_str(label), &w, "stated");
}

static void
add_hex(struct maker *m, enum facts_section section, struct span label,
    const struct digest *d)
{
	struct writer w;

	wr_init(&w, ROW_MAX);
	wr_str(&w, "sha256 ");
	wr_hex(&w, span_digest(d));
	add(m, section, label, &w, "stated");
}

/* A string of the statement, where there is one. */
static void
add_json(struct maker *m, enum facts_section section, const char *label,
    struct json j)
{
	struct span s;

	if (json_string(j, &s))
		add_text(m, section, label, s);
}

/* Strings of an array, each after a space. */
static void
add_words(struct maker *m, enum facts_section section, const char *label,
    struct json list)
{
	struct writer w;
	struct span s;

	if (json_count(list) == 0)
		return;
	wr_init(&w, ROW_MAX);
	for (struct json j = json_first(list); json_present(j);
	    j = json_next(j)) {
		wr_str(&w, w.len > 0 ? " " : "");
		if (json_string(j, &s))
			wr_bytes(&w, s);
	}
	add(m, section, span_str(label), &w, "stated");
}

static void
add_part(struct writer *w, const char *before, struct json j)
{
	struct span s;

	if (!json_string(j, &s))
		return;
	wr_str(w, before);
	wr_bytes(w, s);
}

static void
make_from(struct maker *m, struct json dependencies)
{
	for (struct json j = json_first(dependencies); json_present(j);
	    j = json_next(j)) {
		struct json notes = json_get(j, "annotations");
		struct json digest = json_get(j, "digest");
		struct span name = span_str("input");
		struct writer w;

		(void)!json_string(json_get(j, "name"), &name);
		wr_init(&w, ROW_MAX);
		add_part(&w, "", json_get(notes, "role"));
		add_part(&w, ", from ", json_get(j, "uri"));
		add_part(&w, ", sha256 ", json_get(digest, "sha256"));
		add_part(&w, ", commit ", json_get(digest, "gitCommit"));
		add_part(&w, ", licence ", json_get(notes, "license"));
		add_part(&w, ", said to have the certificate ",
		    json_get(notes, "certificate"));
		add(m, FACTS_FROM, name, &w, "stated");
	}
}

/* How a figure is known; of a form that was checked. */
static const char *
assurance(struct json j)
{
	return json_is(j, "measured") ? "measured" :
	    json_is(j, "derived") ? "derived" : "reported";
}

static void
make_figures(struct maker *m, struct json compute)
{
	for (struct json j = json_first(compute); json_present(j);
	    j = json_next(j)) {
		struct writer w;

		wr_init(&w, ROW_MAX);
		add_part(&w, "", json_get(j, "value"));
		add_part(&w, " ", json_get(j, "unit"));
		add(m, FACTS_HOW, json_name(j), &w,
		    assurance(json_get(j, "assurance")));
	}
}

static void
make_how(struct maker *m, const struct provenance_view *p)
{
	add_text(m, FACTS_HOW, "run", span_str(p->measured ?
	    "measured by a TPM, as it says" :
	    "SELF-ASSERTED: the builder's own word, without a TPM"));
	add_json(m, FACTS_HOW, "trainer", json_get(p->external, "trainer"));
	add_words(m, FACTS_HOW, "command", json_get(p->external, "command"));
	add_words(m, FACTS_HOW, "outputs", json_get(p->external, "outputs"));
	add_json(m, FACTS_HOW, "configuration",
	    json_get(json_get(p->external, "config"), "name"));
	if (p->has_image_root)
		add_hex(m, FACTS_HOW, span_str("machine's image"),
		    &p->image_root);
	make_figures(m, p->compute);
}

/* The origin of a note, its first line. */
static struct span
origin_of(const struct buf *note)
{
	struct reader r = rd_of(buf_span(note));
	struct span origin = { 0 };

	(void)!rd_line(&r, &origin);
	return origin;
}

static void
make_lines(struct maker *m, const struct certificate *c)
{
	for (size_t i = 0; i < c->nlines; i++) {
		const struct certificate_line *l = &c->line[i];
		struct writer w, label;
		struct buf name = { 0 };

		wr_init(&label, KIB);
		wr_str(&label, "line ");
		wr_dec(&label, i + 1);
		if (wr_end(&label, &name) != AC_OK) {
			m->e = AC_ERR_MEMORY;
			return;
		}
		wr_init(&w, ROW_MAX);
		wr_bytes(&w, l->statement.predicate_type.len > 0 ?
		    l->statement.predicate_type : span_str("another kind"));
		wr_str(&w, ", D ");
		wr_hex(&w, span_digest(&l->d));
		if (l->bundle.logged) {
			wr_str(&w, ", entry ");
			wr_dec(&w, l->bundle.entry.index);
			wr_str(&w, " of ");
			wr_bytes(&w, origin_of(&l->bundle.entry.checkpoint));
		} else {
			wr_str(&w, ", not logged");
		}
		add(m, FACTS_LINES, buf_span(&name), &w, "stated");
		buf_free(&name);
	}
}

static void
make(struct maker *m)
{
	const struct certificate *c = m->f->c;
	const struct provenance_view *p = &c->provenance;

	add_hex(m, FACTS_WHO, span_str("builder's key"), &p->builder_key);
	add_hex(m, FACTS_WHAT, span_str("OMS root"), &p->root);
	add_hex(m, FACTS_WHAT, span_str("OMS manifest"), &p->manifest);
	for (struct json j = p->weights; json_present(j); j = json_next(j)) {
		struct span name;
		struct digest d;

		if (statement_subject(j, &name, &d))
			add_hex(m, FACTS_WHAT, name, &d);
	}
	make_from(m, p->dependencies);
	make_how(m, p);
	add_json(m, FACTS_WHEN, "training began",
	    json_get(p->metadata, "startedOn"));
	add_json(m, FACTS_WHEN, "training ended",
	    json_get(p->metadata, "finishedOn"));
	add_text(m, FACTS_WHEN, "not before", json_present(p->checkpoint) ?
	    span_str("a checkpoint of a log was bound into the start") :
	    span_str("no earliest time"));
	make_lines(m, c);
}

enum ac_err
facts_read(struct facts *out, struct span jsonl, struct message *why)
{
	struct facts f = { .c = calloc(1, sizeof(*f.c)) };
	struct maker m = { .f = &f };
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory");
	if (f.c == NULL)
		return e;
	e = certificate_decode(f.c, jsonl, why);
	if (e == AC_OK)
		e = certificate_check_builder(f.c, NULL, why);
	if (e != AC_OK)
		goto out;
	make(&m);
	e = m.e;
	if (e != AC_OK) {
		message_set(why, "%s", ac_strerror(e));
		goto out;
	}
	*out = f;
	f = (struct facts){ 0 }; /* transferred */
out:
	facts_free(&f);
	return e;
}

void
facts_free(struct facts *f)
{
	for (size_t i = 0; i < f->n; i++) {
		buf_free(&f->fact[i].label);
		buf_free(&f->fact[i].value);
	}
	free(f->fact);
	if (f->c != NULL)
		certificate_free(f->c);
	free(f->c);
	*f = (struct facts){ 0 };
}
