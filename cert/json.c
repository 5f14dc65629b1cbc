/* json.c -- strict JSON over cJSON; see json.h. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "cert/json.h"
#include "cert/limits.h"
#include "common/reader.h"
#include "common/text.h"

#define INTEGER_DIGITS_MAX 16 /* of JSON_INT_MAX */
#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define SPACES " \t\r\n"

static uint8_t
peek(const struct reader *r)
{
	return r->left.len > 0 ? r->left.p[0] : 0;
}

/* Skip bytes of set; how many? */
static size_t
skip(struct reader *r, const char *set)
{
	size_t n = 0;

	while (n < r->left.len && r->left.p[n] != 0 &&
	    strchr(set, r->left.p[n]) != NULL)
		n++;
	r->left = span_of(r->left.p + n, r->left.len - n);
	return n;
}

/*
 * After the opening quote: a string without control characters, and no NUL by
 * four hex digits, as which cJSON also reads what are none.  It knows the
 * other escapes, and pairs of surrogates.
 */
static bool
scan_string(struct reader *r)
{
	struct span s;
	uint8_t c;

	for (;;) {
		if (!rd_u8(r, &c) || c < 0x20)
			return false;
		if (c == '"')
			return true;
		if (c != '\\')
			continue;
		if (!rd_u8(r, &c) || (c == 'u' && (!rd_take(r, &s, 4) ||
		    span_is(s, "0000") ||
		    skip(&(struct reader){ s }, HEX_DIGITS) != 4)))
			return false;
	}
}

/*
 * Numbers that stand for different values must not meet in one double: whole
 * ones have at most the digits of JSON_INT_MAX, which check_tree() compares,
 * those with a fraction as many as a double tells apart.
 */
static bool
scan_number(struct reader *r, bool protobuf)
{
	bool minus = skip(r, "-") > 0, zero = peek(r) == '0';
	size_t whole = skip(r, DIGITS), fraction;

	if (whole == 0 || (zero && whole > 1))
		return false;
	if (skip(r, ".") == 0)
		return whole <= INTEGER_DIGITS_MAX && !(minus && zero);
	fraction = skip(r, DIGITS);
	if (protobuf && fraction == 1 && r->left.p[-1] == '0')
		return whole <= DBL_DIG && !(minus && zero);
	/* One form a value: 1.0, 1.50 and 1e3 have shorter ones. */
	return fraction > 0 && r->left.p[-1] != '0' &&
	    whole + fraction <= DBL_DIG;
}

/*
 * Is every string, number and byte between them one that RFC 8259 has?  How
 * they may follow each other, cJSON knows; how deep and many they are, it
 * should not find out.
 */
static enum ac_err
scan(struct span text, bool protobuf)
{
	struct reader r = rd_of(text);
	size_t depth = 0, values = 1;
	uint8_t c;

	if (!text_is_utf8(text))
		return AC_ERR_FORMAT;
	while ((void)skip(&r, SPACES), !rd_end(&r)) {
		if (skip(&(struct reader){ r.left }, "-" DIGITS) > 0) {
			if (!scan_number(&r, protobuf) || (!rd_end(&r) &&
			    strchr(SPACES ",]}", peek(&r)) == NULL))
				return AC_ERR_FORMAT;
			continue;
		}
		if (!rd_u8(&r, &c) || c == 0 ||
		    strchr("[]{},:\"truefalsn", c) == NULL ||
		    (c == '"' && !scan_string(&r)))
			return AC_ERR_FORMAT;
		depth += c == '[' || c == '{';
		depth -= (c == ']' || c == '}') && depth > 0;
		values += c == '[' || c == '{' || c == ',';
		if (depth > JSON_DEPTH_MAX || values > JSON_VALUES_MAX)
			return AC_ERR_LIMIT;
	}
	return AC_OK;
}

static int
compare_names(const void *a, const void *b)
{
	const cJSON *const *x = a, *const *y = b;

	return span_compare(span_str((*x)->string), span_str((*y)->string));
}

/* No two members of one name. */
static enum ac_err
check_members(const cJSON *object)
{
	const cJSON **sorted;
	enum ac_err e = AC_OK;
	size_t n = 0, i = 0;

	for (const cJSON *a = object->child; a != NULL; a = a->next)
		if (++n > JSON_MEMBERS_MAX)
			return AC_ERR_LIMIT;
	sorted = calloc(n + 1, sizeof(*sorted));
	if (sorted == NULL)
		return AC_ERR_MEMORY;
	for (const cJSON *a = object->child; a != NULL; a = a->next)
		sorted[i++] = a;
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (i = 1; i < n; i++)
		if (compare_names(&sorted[i - 1], &sorted[i]) == 0)
			e = AC_ERR_FORMAT;
	free(sorted);
	return e;
}

/* A way through a tree, from each value to what is within or after it. */
struct way {
	const cJSON *up[JSON_DEPTH_MAX + 1]; /* scan() has bounded it */
	size_t depth;
};

static const cJSON *
step(struct way *w, const cJSON *at)
{
	if (at->child != NULL && w->depth <= JSON_DEPTH_MAX) {
		w->up[w->depth++] = at;
		return at->child;
	}
	while (w->depth > 0 && at->next == NULL)
		at = w->up[--w->depth];
	return w->depth > 0 ? at->next : NULL;
}

static enum ac_err
check_tree(const cJSON *root)
{
	struct way w = { .depth = 0 };
	enum ac_err e;

	for (const cJSON *at = root; at != NULL; at = step(&w, at)) {
		/* Finite and, where it is whole, exact in a double. */
		if (cJSON_IsNumber(at) && !(isfinite(at->valuedouble) &&
		    fabs(at->valuedouble) <= (double)JSON_INT_MAX))
			return AC_ERR_FORMAT;
		if (cJSON_IsObject(at) && (e = check_members(at)) != AC_OK)
			return e;
	}
	return AC_OK;
}

static enum ac_err
parse(struct json_doc *out, struct span text, bool protobuf)
{
	enum ac_err e = scan(text, protobuf);
	struct reader after = { text };
	const char *end;
	cJSON *root;

	if (e != AC_OK)
		return e;
	errno = 0;
	root = cJSON_ParseWithLengthOpts((const char *)text.p, text.len, &end,
	    false);
	if (root == NULL)
		return errno == ENOMEM ? AC_ERR_MEMORY : AC_ERR_FORMAT;
	e = check_tree(root);
	after.left = span_of(end, text.len -
	    (size_t)(end - (const char *)text.p));
	(void)skip(&after, SPACES);
	if (e == AC_OK && !rd_end(&after))
		e = AC_ERR_FORMAT;
	if (e == AC_OK)
		out->root = root;
	else
		cJSON_Delete(root);
	return e;
}

enum ac_err
json_parse(struct json_doc *out, struct span text)
{
	return parse(out, text, false);
}

enum ac_err
json_parse_protobuf(struct json_doc *out, struct span text)
{
	return parse(out, text, true);
}

enum ac_err
json_parse_compact(struct json_doc *out, struct span text)
{
	struct reader r = rd_of(text);
	bool string = false;
	uint8_t c;

	while (rd_u8(&r, &c)) {
		string ^= c == '"';
		if (string ? c == '\\' && (!rd_u8(&r, &c) ||
		    (c != '"' && c != '\\')) :
		    skip(&(struct reader){ span_of(&c, 1) }, SPACES) > 0)
			return AC_ERR_FORMAT;
	}
	return json_parse(out, text);
}

void
json_free(struct json_doc *doc)
{
	cJSON_Delete(doc->root);
	doc->root = NULL;
}

bool
json_is_object(struct json j)
{
	return cJSON_IsObject(j.v);
}

bool
json_is_array(struct json j)
{
	return cJSON_IsArray(j.v);
}

struct json
json_get(struct json object, const char *name)
{
	if (!cJSON_IsObject(object.v))
		return (struct json){ NULL };
	return (struct json){
		cJSON_GetObjectItemCaseSensitive(object.v, name)
	};
}

struct json
json_at(struct json object, const char *path)
{
	char name[32];
	size_t n;

	for (;; path += n + 1) {
		n = strcspn(path, ".");
		if (n >= sizeof(name))
			return (struct json){ NULL };
		memcpy(name, path, n);
		name[n] = '\0';
		object = json_get(object, name);
		if (path[n] == '\0')
			return object;
	}
}

bool
json_closed(struct json object, const char *schema)
{
	size_t found = 0;

	if (!cJSON_IsObject(object.v))
		return false;
	while (*schema != '\0') {
		size_t n = strcspn(schema, " ?");
		bool optional = schema[n] == '?', there = false;

		JSON_EACH(m, object)
			there = there || span_equal(json_name(m),
			    span_of(schema, n));
		if (!there && !optional)
			return false;
		found += there;
		schema += n + optional;
		schema += *schema == ' ';
	}
	return found == json_count(object);
}

size_t
json_count(struct json j)
{
	size_t n = 0;

	JSON_EACH(m, j)
		n++;
	return n;
}

struct json
json_first(struct json j)
{
	if (!cJSON_IsObject(j.v) && !cJSON_IsArray(j.v))
		return (struct json){ NULL };
	return (struct json){ j.v->child };
}

struct json
json_next(struct json j)
{
	return (struct json){ j.v == NULL ? NULL : j.v->next };
}

struct span
json_name(struct json member)
{
	if (member.v == NULL || member.v->string == NULL)
		return span_of(NULL, 0);
	return span_str(member.v->string);
}

bool
json_string(struct json j, struct span *out)
{
	if (!cJSON_IsString(j.v))
		return false;
	*out = span_str(j.v->valuestring);
	return true;
}

struct message
json_quoted(struct json object, const char *name)
{
	struct span s;

	return json_string(json_get(object, name), &s) ? message_quoted(s) :
	    (struct message){ "(none)" };
}

bool
json_is(struct json j, const char *s)
{
	struct span v;

	return json_string(j, &v) && span_is(v, s);
}

bool
json_uint(struct json j, uint64_t *out, uint64_t max)
{
	double d;

	if (!cJSON_IsNumber(j.v))
		return false;
	d = j.v->valuedouble;
	/* The range first: only then has the conversion a meaning. */
	if (!(d >= 0) || signbit(d) || d > (double)max ||
	    d > (double)JSON_INT_MAX || d != (double)(uint64_t)d)
		return false;
	*out = (uint64_t)d;
	return true;
}

bool
json_bool(struct json j, bool *out)
{
	if (!cJSON_IsBool(j.v))
		return false;
	*out = cJSON_IsTrue(j.v);
	return true;
}

bool
json_digest(struct json j, struct digest *out)
{
	struct span s;

	return json_string(j, &s) && text_unhex_digest(out, s);
}

bool
json_sha256(struct json j, struct digest *out)
{
	return json_closed(j, "sha256") &&
	    json_digest(json_get(j, "sha256"), out);
}

bool
json_digest64(struct json j, struct digest *out)
{
	struct span s;

	return json_string(j, &s) &&
	    text_unbase64_exact(out->b, sizeof(out->b), s);
}

enum ac_err
json_base64(struct buf *out, struct json j, size_t max)
{
	enum ac_err e;
	struct span s;
	uint8_t *p;
	size_t len;

	if (!json_string(j, &s))
		return AC_ERR_FORMAT;
	if (s.len / 4 > max / 3 + 1)
		return AC_ERR_LIMIT;
	p = malloc(s.len / 4 * 3 + 1);
	if (p == NULL)
		return AC_ERR_MEMORY;
	e = !text_unbase64(p, &len, s) ? AC_ERR_FORMAT :
	    len > max ? AC_ERR_LIMIT : AC_OK;
	if (e != AC_OK) {
		free(p);
		return e;
	}
	p[len] = '\0';
	*out = (struct buf){ p, len };
	return AC_OK;
}

/* But for what is within and after them. */
static bool
same_value(const cJSON *a, const cJSON *b)
{
	if ((a->type & 0xff) != (b->type & 0xff))
		return false;
	if (cJSON_IsString(a))
		return strcmp(a->valuestring, b->valuestring) == 0;
	return !cJSON_IsNumber(a) || (a->valuedouble >= b->valuedouble &&
	    a->valuedouble <= b->valuedouble);
}

bool
json_equal(struct json a, struct json b)
{
	struct way v = { .depth = 0 }, w = { .depth = 0 };
	const cJSON *x = a.v, *y = b.v;

	while (x != NULL && y != NULL) {
		/* The roots' own names do not belong to the values. */
		if (v.depth != w.depth || !same_value(x, y) || (v.depth > 0 &&
		    !span_equal(json_name((struct json){ x }),
		    json_name((struct json){ y }))))
			return false;
		x = step(&v, x);
		y = step(&w, y);
	}
	return x == y;
}
