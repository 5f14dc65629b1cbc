/* release.c -- what a VM image measures as; see release.h. */
#include "cert/form.h"
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

/* May tuple i stand behind those before it? */
static bool
check_tuple(const struct release *r, size_t i)
{
	const struct release_tuple *t = &r->tuple[i];

	for (size_t k = 0; k < i; k++)
		if (r->tuple[k].secure_boot == t->secure_boot &&
		    span_equal(r->tuple[k].firmware, t->firmware))
			return false;
	return !digest_equal(&t->pcr4, &zeros) &&
	    !digest_equal(&t->pcr11, &zeros) &&
	    !(t->has_pcr9 && digest_equal(&t->pcr9, &zeros));
}

/* What no form says: nothing twice, and no PCR that nothing extended. */
static bool
check_values(const struct release *r)
{
	for (size_t i = 0; i < r->ntuples; i++)
		if (!check_tuple(r, i))
			return false;
	for (size_t i = 0; i < r->ncontainers; i++)
		for (size_t k = 0; k < i; k++)
			if (span_equal(r->container[k].name,
			    r->container[i].name))
				return false;
	return true;
}

enum ac_err
release_encode(struct buf *out, const struct release *r)
{
	struct buf bytes = { 0 };
	struct release again;
	struct writer w;
	enum ac_err e;

	if (r->ntuples > RELEASE_TUPLES_MAX ||
	    r->ncontainers > RELEASE_CONTAINERS_MAX)
		return AC_ERR_LIMIT;
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
	e = wr_end(&w, &bytes);
	/* What may be read may be written. */
	if (e == AC_OK)
		e = release_decode(&again, buf_span(&bytes));
	if (e != AC_OK) {
		buf_free(&bytes);
		return e;
	}
	release_free(&again);
	*out = bytes;
	return AC_OK;
}

/* Its one encoding. */
#define RELEASE "(_type '" STATEMENT_TYPE "' subject [(name s digest " \
    "(sha256 x)) 2-2] predicateType '" TYPE_RELEASE "' predicate (name N " \
    "version N debug f stub N tuples [(firmware N secureBoot f pcrs (4 x " \
    "9? x 11 x)) 1-" FORM_NUMBER(RELEASE_TUPLES_MAX) "] containers [(name " \
    "N sha256 x) " FORM_NUMBER(RELEASE_CONTAINERS_MAX) "]))"

static bool
take_tuple(struct release_tuple *t, struct json j)
{
	struct json pcrs = json_get(j, "pcrs"), pcr9 = json_get(pcrs, "9");

	t->has_pcr9 = json_present(pcr9);
	return json_string(json_get(j, "firmware"), &t->firmware) &&
	    json_bool(json_get(j, "secureBoot"), &t->secure_boot) &&
	    json_digest(json_get(pcrs, "4"), &t->pcr4) &&
	    (!t->has_pcr9 || json_digest(pcr9, &t->pcr9)) &&
	    json_digest(json_get(pcrs, "11"), &t->pcr11);
}

static bool
take_container(struct release_container *c, struct json j)
{
	return json_string(json_get(j, "name"), &c->name) &&
	    json_digest(json_get(j, "sha256"), &c->sha256);
}

/* The values of what has the form. */
static bool
take(struct release *r, struct json root)
{
	struct json uki = json_first(json_get(root, "subject"));
	struct json p = json_get(root, "predicate");
	struct span first, second;

	if (!statement_subject(uki, &first, &r->uki) ||
	    !statement_subject(json_next(uki), &second, &r->root) ||
	    !span_is(first, SUBJECT_UKI) ||
	    !span_is(second, SUBJECT_IMAGE_ROOT) ||
	    !json_string(json_get(p, "name"), &r->name) ||
	    !json_string(json_get(p, "version"), &r->version) ||
	    !json_bool(json_get(p, "debug"), &r->debug) ||
	    !json_string(json_get(p, "stub"), &r->stub))
		return false;
	JSON_EACH(j, json_get(p, "tuples"))
		if (!take_tuple(&r->tuple[r->ntuples++], j))
			return false;
	JSON_EACH(j, json_get(p, "containers"))
		if (!take_container(&r->container[r->ncontainers++], j))
			return false;
	return check_values(r);
}

enum ac_err
release_decode(struct release *out, struct span bytes)
{
	struct release r = { 0 };
	enum ac_err e = json_parse_compact(&r.doc, bytes);

	if (e == AC_OK)
		e = form_check(json_root(&r.doc), RELEASE, NULL);
	if (e == AC_OK && !take(&r, json_root(&r.doc)))
		e = AC_ERR_FORMAT;
	if (e == AC_OK)
		*out = r; /* transferred */
	else
		release_free(&r);
	return e;
}

void
release_free(struct release *r)
{
	json_free(&r->doc);
	*r = (struct release){ 0 };
}
