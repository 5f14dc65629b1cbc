/*
 * json.h -- the strict JSON gate: RFC 8259 and nothing beyond it.
 *
 * What other parsers are lenient about is refused: two members of one name,
 * names compared without case, NUL, numbers that do not survive a double, any
 * form of a value but the shortest.  Nothing here prints JSON: what was signed
 * travels as bytes.
 */
#ifndef AICERT_CERT_JSON_H
#define AICERT_CERT_JSON_H

#include "common/bytes.h"
#include "common/err.h"
#include "common/message.h"
#include "common/writer.h"

struct json_node;

/*
 * A value, borrowed from its document; v is NULL where it is absent.  Every
 * function takes an absent value and finds nothing in it, so that a path is
 * one expression.
 */
struct json {
	const struct json_node *v;
};

/* A parsed document, owned. */
struct json_doc {
	struct json_node *root;
	struct buf text; /* its strings, each with a NUL behind it */
};

/*
 * Parse text, exactly one JSON value with optional white space around it.
 * AC_ERR_FORMAT: not strict JSON, a duplicate name, a number beyond
 * +-JSON_INT_MAX, with a fraction and more than 15 digits, or not in its
 * shortest decimal form (1.0, 1e3, -0); AC_ERR_LIMIT: deeper, wider or of more
 * values than limits.h; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err json_parse(struct json_doc *out, struct span text);

/*
 * The same of what another tool made by way of a protobuf Struct, which has no
 * whole numbers: they may end in ".0".
 */
AC_MUST_CHECK enum ac_err json_parse_protobuf(struct json_doc *out,
    struct span text);

/*
 * The same of a statement that has one encoding: no white space, and in its
 * strings, which have no control characters, only \" and \\ are escaped.  In
 * which order its members stand, form.h checks.
 */
AC_MUST_CHECK enum ac_err json_parse_compact(struct json_doc *out,
    struct span text);

/* Free; nothing for a zeroed document. */
void json_free(struct json_doc *doc);

static inline struct json
json_root(const struct json_doc *doc)
{
	return (struct json){ doc->root };
}

static inline bool
json_present(struct json j)
{
	return j.v != NULL;
}

bool json_is_object(struct json j);
bool json_is_array(struct json j);

/* The member of that name, exact case; absent where there is none. */
struct json json_get(struct json object, const char *name);

/* The same, of members of members: "a.b" is b of a. */
struct json json_at(struct json object, const char *path);

/*
 * Is it an object with exactly the members of schema, names separated by one
 * space, those ending in '?' optional?  The closed form of our own objects.
 */
bool json_closed(struct json object, const char *schema);

/* Elements of an array or members of an object; 0 for anything else. */
size_t json_count(struct json j);

/* First element or member; absent for an empty or any other value. */
struct json json_first(struct json j);

/* The one after j in its array or object. */
struct json json_next(struct json j);

/* Each element or member of what is in in turn as j. */
#define JSON_EACH(j, in) \
	for (struct json j = json_first(in); json_present(j); j = json_next(j))

/* Name of a member. */
struct span json_name(struct json member);

/* The string's characters, decoded; false where j is no string. */
AC_MUST_CHECK bool json_string(struct json j, struct span *out);

/* The member of that name in quotes, for a person; "(none)". */
struct message json_quoted(struct json object, const char *name);

/* Is j the string s? */
bool json_is(struct json j, const char *s);

/* An integer of 0..max. */
AC_MUST_CHECK bool json_uint(struct json j, uint64_t *out, uint64_t max);

AC_MUST_CHECK bool json_bool(struct json j, bool *out);

/* A string of 64 lower-case hex digits. */
AC_MUST_CHECK bool json_digest(struct json j, struct digest *out);

/* The one digest of {"sha256": hex}, a closed object. */
AC_MUST_CHECK bool json_sha256(struct json j, struct digest *out);

/* A string of the canonical padded base64 of 32 bytes. */
AC_MUST_CHECK bool json_digest64(struct json j, struct digest *out);

/*
 * *out = the at most max bytes of which j is the canonical padded base64;
 * owned by the caller.  AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err json_base64(struct buf *out, struct json j,
    size_t max);

/*
 * Same type and value; objects with the same members in the same order,
 * which is how our encoders write them.
 */
bool json_equal(struct json a, struct json b);

#endif
