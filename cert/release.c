/* release.c -- what a VM image measures as; see release.h. */
#include "cert/release.h"

static const struct digest zeros;

static void
write_pcr(struct writer *w, const char *before, const struct digest *d)
{
	wr_str(w, before);
	wr_hex(w, span_digest(d));
	wr_u8(w, '"');
}

static void
write_text(struct writer *w, const char *before, struct span s)
{
	wr_str(w, before);
	wr_json(w, s);
}

static void
write_tuple(struct writer *w, const struct release_tuple *t)
{
	write_text(w, "{\"firmware\":", t->firmware);
	wr_printf(w, ",\"secureBoot\":%s,\"pcrs\":{",
	    t->secure_boot ? "true" : "false");
	write_pcr(w, "\"4\":\"", &t->pcr4);
	if (t->has_pcr9)
		write_pcr(w, ",\"9\":\"", &t->pcr9);
	write_pcr(w, ",\"11\":\"", &t->pcr11);
	wr_str(w, "}}");
}

/* A name or a version: something, and fit to be shown. */
static enum ac_err
check_text(struct span s)
{
	return s.len == 0 ? AC_ERR_FORMAT : statement_check_text(s);
}

/* Is tuple i one that may stand behind those before it? */
static enum ac_err
check_tuple(const struct release *r, size_t i)
{
	const struct release_tuple *t = &r->tuple[i];

	if (digest_equal(&t->pcr4, &zeros) || digest_equal(&t->pcr11, &zeros) ||
	    (t->has_pcr9 && digest_equal(&t->pcr9, &zeros)))
		return AC_ERR_FORMAT;
	for (size_t k = 0; k < i; k++)
		if (r->tuple[k].secure_boot == t->secure_boot &&
		    span_equal(r->tuple[k].firmware, t->firmware))
			return AC_ERR_FORMAT;
	return check_text(t->firmware);
}

static enum ac_err
check_container(const struct release *r, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (span_equal(r->container[k].name, r->container[i].name))
			return AC_ERR_FORMAT;
	return check_text(r->container[i].name);
}

static enum ac_err
check(const struct release *r)
{
	enum ac_err e;

	if (r->ntuples > RELEASE_TUPLES_MAX ||
	    r->ncontainers > RELEASE_CONTAINERS_MAX)
		return AC_ERR_LIMIT;
	e = r->ntuples == 0 ? AC_ERR_FORMAT : check_text(r->name);
	if (e == AC_OK)
		e = check_text(r->version);
	if (e == AC_OK)
		e = check_text(r->stub);
	for (size_t i = 0; e == AC_OK && i < r->ntuples; i++)
		e = check_tuple(r, i);
	for (size_t i = 0; e == AC_OK && i < r->ncontainers; i++)
		e = check_container(r, i);
	return e;
}

enum ac_err
release_encode(struct buf *out, const struct release *r)
{
	enum ac_err e = check(r);
	struct writer w;

	if (e != AC_OK)
		return e;
	wr_init(&w, STATEMENT_MAX);
	statement_write_head(&w);
	statement_write_subject(&w, span_str(SUBJECT_UKI), &r->uki);
	wr_u8(&w, ',');
	statement_write_subject(&w, span_str(SUBJECT_IMAGE_ROOT), &r->root);
	statement_write_type(&w, TYPE_RELEASE);
	write_text(&w, "{\"name\":", r->name);
	write_text(&w, ",\"version\":", r->version);
	wr_printf(&w, ",\"debug\":%s", r->debug ? "true" : "false");
	write_text(&w, ",\"stub\":", r->stub);
	wr_str(&w, ",\"tuples\":[");
	for (size_t i = 0; i < r->ntuples; i++) {
		if (i > 0)
			wr_u8(&w, ',');
		write_tuple(&w, &r->tuple[i]);
	}
	wr_str(&w, "],\"containers\":[");
	for (size_t i = 0; i < r->ncontainers; i++) {
		write_text(&w, i == 0 ? "{\"name\":" : ",{\"name\":",
		    r->container[i].name);
		write_pcr(&w, ",\"sha256\":\"", &r->container[i].sha256);
		wr_u8(&w, '}');
	}
	wr_str(&w, "]}}");
	return wr_end(&w, out);
}

static enum ac_err
take_tuple(struct release *r, struct json j)
{
	struct json pcrs = json_get(j, "pcrs");
	struct release_tuple t = { .has_pcr9 =
		json_present(json_get(pcrs, "9")) };

	if (r->ntuples == RELEASE_TUPLES_MAX)
		return AC_ERR_LIMIT;
	if (!json_string(json_get(j, "firmware"), &t.firmware) ||
	    !json_bool(json_get(j, "secureBoot"), &t.secure_boot) ||
	    !json_digest(json_get(pcrs, "4"), &t.pcr4) ||
	    (t.has_pcr9 && !json_digest(json_get(pcrs, "9"), &t.pcr9)) ||
	    !json_digest(json_get(pcrs, "11"), &t.pcr11))
		return AC_ERR_FORMAT;
	r->tuple[r->ntuples++] = t;
	return AC_OK;
}

static enum ac_err
take_container(struct release *r, struct json j)
{
	struct release_container c;

	if (r->ncontainers == RELEASE_CONTAINERS_MAX)
		return AC_ERR_LIMIT;
	if (!json_string(json_get(j, "name"), &c.name) ||
	    !json_digest(json_get(j, "sha256"), &c.sha256))
		return AC_ERR_FORMAT;
	r->container[r->ncontainers++] = c;
	return AC_OK;
}

/*
 * Only what the encoder needs is taken out; that the statement holds nothing
 * else, and in no other form, is seen by encoding it again.
 */
static enum ac_err
take(struct release *r, const struct statement *s)
{
	struct json uki = json_first(s->subjects), p = s->predicate;
	struct json j = json_first(json_get(p, "tuples"));
	struct span name;
	enum ac_err e = AC_OK;

	if (!span_is(s->predicate_type, TYPE_RELEASE) ||
	    !statement_subject(uki, &name, &r->uki) ||
	    !statement_subject(json_next(uki), &name, &r->root) ||
	    !json_string(json_get(p, "name"), &r->name) ||
	    !json_string(json_get(p, "version"), &r->version) ||
	    !json_bool(json_get(p, "debug"), &r->debug) ||
	    !json_string(json_get(p, "stub"), &r->stub))
		return AC_ERR_FORMAT;
	for (; e == AC_OK && json_present(j); j = json_next(j))
		e = take_tuple(r, j);
	j = json_first(json_get(p, "containers"));
	for (; e == AC_OK && json_present(j); j = json_next(j))
		e = take_container(r, j);
	return e;
}

enum ac_err
release_decode(struct release *out, struct span bytes)
{
	struct release r = { 0 };
	struct statement s = { 0 };
	struct buf again = { 0 };
	enum ac_err e;

	e = statement_decode(&s, bytes);
	if (e == AC_OK)
		e = take(&r, &s);
	if (e == AC_OK)
		e = release_encode(&again, &r);
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
release_free(struct release *r)
{
	json_free(&r->doc);
	*r = (struct release){ 0 };
}
