/* statement.c -- in-toto Statement v1; see statement.h. */
#include "cert/statement.h"
#include "common/text.h"

/* Is the member a string, where it is present? */
static bool
is_string_or_absent(struct json object, const char *name)
{
	struct json j = json_get(object, name);
	struct span s;

	return !json_present(j) || json_string(j, &s);
}

/* A ResourceDescriptor with a digest set of hex values, of known members. */
static bool
check_subject(struct json subject)
{
	struct json digests = json_get(subject, "digest");
	struct json annotations = json_get(subject, "annotations");
	struct span hex;

	if (!json_closed(subject, "name? uri? digest content? downloadLocation? "
	    "mediaType? annotations?") ||
	    !is_string_or_absent(subject, "name") ||
	    !is_string_or_absent(subject, "uri") ||
	    !is_string_or_absent(subject, "content") ||
	    !is_string_or_absent(subject, "downloadLocation") ||
	    !is_string_or_absent(subject, "mediaType") ||
	    (json_present(annotations) && !json_is_object(annotations)) ||
	    !json_is_object(digests) || json_count(digests) == 0 ||
	    json_count(digests) > 32)
		return false;
	JSON_EACH(d, digests) {
		if (!json_string(d, &hex) || hex.len == 0)
			return false;
		for (size_t i = 0; i < hex.len; i++)
			if (memchr("0123456789abcdef", hex.p[i], 16) == NULL)
				return false;
	}
	return true;
}

/* The statement in doc, which is handed over even on failure. */
static enum ac_err
decode(struct statement *out, struct json_doc doc)
{
	struct statement s = { .doc = doc };
	enum ac_err e = AC_ERR_FORMAT;
	struct json root;

	root = json_root(&s.doc);
	s.subjects = json_get(root, "subject");
	s.predicate = json_get(root, "predicate");
	if (!json_closed(root, "_type subject predicateType predicate?") ||
	    !json_is(json_get(root, "_type"), STATEMENT_TYPE) ||
	    !json_string(json_get(root, "predicateType"), &s.predicate_type) ||
	    s.predicate_type.len == 0 || !json_is_array(s.subjects) ||
	    json_count(s.subjects) == 0 ||
	    (json_present(s.predicate) && !json_is_object(s.predicate)))
		goto out;
	if (json_count(s.subjects) > SUBJECTS_MAX) {
		e = AC_ERR_LIMIT;
		goto out;
	}
	JSON_EACH(j, s.subjects)
		if (!check_subject(j))
			goto out;
	*out = s;
	s = (struct statement){ 0 }; /* transferred */
	e = AC_OK;
out:
	statement_free(&s);
	return e;
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

enum ac_err
statement_check_text(struct span s)
{
	if (s.len > TEXT_MAX)
		return AC_ERR_LIMIT;
	return text_is_plain(s) ? AC_OK : AC_ERR_FORMAT;
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
