/* statement.c -- in-toto Statement v1; see statement.h. */
#include "cert/form.h"
#include "cert/statement.h"

/* In-toto's ResourceDescriptors, by their digests. */
#define SUBJECT "{name? s uri? s digest <h 1-32> content? s " \
    "downloadLocation? s mediaType? s annotations? <*>}"
#define STATEMENT "{_type '" STATEMENT_TYPE "' subject [" SUBJECT " 1-" \
    FORM_NUMBER(SUBJECTS_MAX) "] predicateType s predicate? <*>}"

/* The statement in doc, which is handed over even on failure. */
static enum ac_err
decode(struct statement *out, struct json_doc doc)
{
	struct statement s = { .doc = doc };
	struct json root = json_root(&doc);
	enum ac_err e = form_check(root, STATEMENT, NULL);

	if (e == AC_OK && (!json_string(json_get(root, "predicateType"),
	    &s.predicate_type) || s.predicate_type.len == 0))
		e = AC_ERR_FORMAT;
	if (e != AC_OK) {
		statement_free(&s);
		return e;
	}
	s.subjects = json_get(root, "subject");
	s.predicate = json_get(root, "predicate");
	*out = s;
	return AC_OK;
}

enum ac_err
statement_decode(struct statement *out, struct span bytes)
{
	struct json_doc doc = { 0 };
	enum ac_err e = json_parse(&doc, bytes);

	return e == AC_OK ? decode(out, doc) : e;
}

enum ac_err
statement_decode_protobuf(struct statement *out, struct span bytes)
{
	struct json_doc doc = { 0 };
	enum ac_err e = json_parse_protobuf(&doc, bytes);

	return e == AC_OK ? decode(out, doc) : e;
}

void
statement_free(struct statement *s)
{
	json_free(&s->doc);
	*s = (struct statement){ 0 };
}

bool
statement_subject(struct json subject, struct span *name,
    struct digest *sha256)
{
	return json_closed(subject, "name digest") &&
	    json_string(json_get(subject, "name"), name) &&
	    json_sha256(json_get(subject, "digest"), sha256);
}

void
statement_write_subject(struct writer *w, struct span name,
    const struct digest *sha256)
{
	wr_str(w, "{\"name\":");
	wr_json(w, name);
	wr_str(w, ",\"digest\":{\"sha256\":\"");
	wr_hex(w, span_digest(sha256));
	wr_str(w, "\"}}");
}

void
statement_write_head(struct writer *w)
{
	wr_str(w, "{\"_type\":\"" STATEMENT_TYPE "\",\"subject\":[");
}

void
statement_write_type(struct writer *w, const char *type)
{
	wr_printf(w, "],\"predicateType\":\"%s\",\"predicate\":", type);
}
