/* json.c -- strict JSON over cJSON; see json.h. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "cert/json.h"
#include "cert/limits.h"
#include "common/reader.h"
#include "common/text.h"

#define INTEGER_DIGITS_MAX 16 /* of JSON_INT_MAX */

/*
 * The grammar of RFC 8259, without building anything.  What may come next is
 * a state; open brackets are a bit each, set for an object.
 */
enum next {
	VALUE,          /* a value */
	VALUE_OR_CLOSE, /* a value or ']' : just after '[' */
	NAME,           /* a member's name: after ',' in an object */
	NAME_OR_CLOSE,  /* a name or '}' : just after '{' */
	COMMA_OR_CLOSE, /* after a value */
};

static bool
scan_hex4(struct reader *r, uint32_t *out)
{
	struct span s;
	uint32_t v = 0;

	if (!rd_take(r, &s, 4))
		return false;
	for (size_t i = 0; i < 4; i++) {
		uint8_t c = s.p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v << 4 | (uint32_t)((c | 32) - 'a' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

/* After the opening quote: a string without control characters or NUL. */
static bool
scan_string(struct reader *r)
{
	uint8_t c, lead[2];
	uint32_t u, low;
	struct span plain;
	size_t n;

	for (;;) {
		/* Nearly all characters stand for themselves. */
		for (n = 0; n < r->left.len && r->left.p[n] >= 0x20 &&
		    r->left.p[n] != '"' && r->left.p[n] != '\\'; n++)
			;
		if (!rd_take(r, &plain, n))
			return false;
		if (!rd_u8(r, &c) || c < 0x20)
			return false;
		if (c == '"')
			return true;
		/* A backslash. */
		if (!rd_u8(r, &c))
			return false;
		if (c != 'u') {
			if (memchr("\"\\/bfnrt", c, 8) == NULL)
				return false;
			continue;
		}
		if (!scan_hex4(r, &u) || u == 0 || (u >= 0xdc00 && u < 0xe000))
			return false;
		if (u >= 0xd800 && u < 0xdc00 &&
		    (!rd_u8(r, &lead[0]) || lead[0] != '\\' ||
		    !rd_u8(r, &lead[1]) || lead[1] != 'u' ||
		    !scan_hex4(r, &low) || low < 0xdc00 || low >= 0xe000))
			return false;
	}
}

static uint8_t
peek(const struct reader *r)
{
	return r->left.len > 0 ? r->left.p[0] : 0;
}

static size_t
scan_digits(struct reader *r)
{
	struct span s;
	size_t n = 0;

	while (peek(r) >= '0' && peek(r) <= '9' && rd_take(r, &s, 1))
		n++;
	return n;
}

/*
 * Numbers that stand for different values must not meet in one double: whole
 * ones have at most the digits of JSON_INT_MAX, which check_tree() compares,
 * those with a fraction as many as a double tells apart.
 */
static bool
scan_number(struct reader *r, bool protobuf)
{
	bool minus = peek(r) == '-', zero;
	size_t whole, fraction;
	struct span s;

	if (minus && !rd_take(r, &s, 1))
		return false;
	zero = peek(r) == '0';
	whole = scan_digits(r);
	if (whole == 0 || (zero && whole > 1))
		return false;
	if (peek(r) != '.')
		return whole <= INTEGER_DIGITS_MAX && !(minus && zero);
	if (!rd_take(r, &s, 1))
		return false;
	fraction = scan_digits(r);
	if (protobuf && fraction == 1 && r->left.p[-1] == '0')
		return whole <= DBL_DIG && !(minus && zero);
	/* One form a value: 1.0, 1.50 and 1e3 have shorter ones. */
	return fraction > 0 && r->left.p[-1] != '0' &&
	    whole + fraction <= DBL_DIG;
}

static bool
scan_word(struct reader *r, const char *word)
{
	struct span s;

	return rd_take(r, &s, strlen(word)) && span_is(s, word);
}

static void
skip_space(struct reader *r)
{
	struct span s;

	while (r->left.len > 0 && memchr(" \t\n\r", r->left.p[0], 4) != NULL)
		if (!rd_take(r, &s, 1))
			return;
}

/* A scalar, or an opening bracket, which the caller counts. */
static bool
scan_value(struct reader *r, uint8_t *open, bool protobuf)
{
	struct span s;
	uint8_t c = peek(r);

	*open = 0;
	switch (c) {
	case '{':
	case '[':
		*open = c;
		return rd_take(r, &s, 1);
	case '"':
		return rd_take(r, &s, 1) && scan_string(r);
	case 't':
		return scan_word(r, "true");
	case 'f':
		return scan_word(r, "false");
	case 'n':
		return scan_word(r, "null");
	default:
		return scan_number(r, protobuf);
	}
}

static enum ac_err
scan(struct span text, bool protobuf)
{
	struct reader r = rd_of(text);
	enum next next = VALUE;
	uint64_t objects = 0; /* bit 0: is the innermost bracket an object? */
	unsigned depth = 0;
	size_t values = 0;
	struct span s;
	uint8_t open;

	if (!text_is_utf8(text))
		return AC_ERR_FORMAT;
	for (;;) {
		bool in_object = depth > 0 && (objects & 1) != 0;

		skip_space(&r);
		if (depth == 0 && next == COMMA_OR_CLOSE)
			return rd_end(&r) ? AC_OK : AC_ERR_FORMAT;
		if ((next == VALUE_OR_CLOSE && peek(&r) == ']') ||
		    (next == NAME_OR_CLOSE && peek(&r) == '}') ||
		    (next == COMMA_OR_CLOSE &&
		    peek(&r) == (in_object ? '}' : ']'))) {
			if (!rd_take(&r, &s, 1))
				return AC_ERR_FORMAT;
			depth--;
			objects >>= 1;
			next = COMMA_OR_CLOSE;
			continue;
		}
		if (next == COMMA_OR_CLOSE) {
			if (!scan_word(&r, ","))
				return AC_ERR_FORMAT;
			next = in_object ? NAME : VALUE;
			continue;
		}
		if (next == NAME || next == NAME_OR_CLOSE) {
			if (!scan_word(&r, "\"") || !scan_string(&r))
				return AC_ERR_FORMAT;
			skip_space(&r);
			if (!scan_word(&r, ":"))
				return AC_ERR_FORMAT;
			next = VALUE;
			continue;
		}
		if (!scan_value(&r, &open, protobuf))
			return AC_ERR_FORMAT;
		if (++values > JSON_VALUES_MAX)
			return AC_ERR_LIMIT;
		next = COMMA_OR_CLOSE;
		if (open != 0) {
			if (++depth > JSON_DEPTH_MAX)
				return AC_ERR_LIMIT;
			objects = objects << 1 | (open == '{');
			next = open == '{' ? NAME_OR_CLOSE : VALUE_OR_CLOSE;
		}
	}
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

/* Is it finite and, where it is whole, exact in a double? */
static bool
number_is_exact(double d)
{
	return isfinite(d) && fabs(d) <= (double)JSON_INT_MAX;
}

/* Walk the tree with the parents on a stack, which the scan has bounded. */
static enum ac_err
check_tree(const cJSON *root)
{
	const cJSON *parent[JSON_DEPTH_MAX + 1];
	const cJSON *at = root;
	size_t depth = 0;
	enum ac_err e;

	while (at != NULL) {
		if (cJSON_IsNumber(at) && !number_is_exact(at->valuedouble))
			return AC_ERR_FORMAT;
		if (cJSON_IsObject(at) && (e = check_members(at)) != AC_OK)
			return e;
		if (at->child != NULL) {
			if (depth > JSON_DEPTH_MAX)
				return AC_ERR_LIMIT;
			parent[depth++] = at;
			at = at->child;
			continue;
		}
		while (depth > 0 && at->next == NULL)
			at = parent[--depth];
		at = depth > 0 ? at->next : NULL;
	}
	return AC_OK;
}

static enum ac_err
parse(struct json_doc *out, struct span text, bool protobuf)
{
	enum ac_err e = scan(text, protobuf);
	cJSON *root;

	if (e != AC_OK)
		return e;
	root = cJSON_ParseWithLength((const char *)text.p, text.len);
	if (root == NULL)
		return AC_ERR_MEMORY;
	e = check_tree(root);
	if (e != AC_OK) {
		cJSON_Delete(root);
		return e;
	}
	out->root = root;
	return AC_OK;
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

/* Is the name a word of schema, and is it an optional one? */
static bool
in_schema(const char *schema, struct span name, bool *optional)
{
	while (*schema != '\0') {
		size_t n = strcspn(schema, " ");
		size_t len = n;

		*optional = n > 0 && schema[n - 1] == '?';
		if (*optional)
			len--;
		if (span_equal(span_of(schema, len), name))
			return true;
		schema += n;
		schema += *schema == ' ';
	}
	return false;
}

/* Words of schema that are not optional. */
static size_t
schema_required(const char *schema)
{
	size_t n = 0;

	for (size_t i = 0; schema[i] != '\0'; i++)
		if ((schema[i + 1] == ' ' || schema[i + 1] == '\0') &&
		    schema[i] != '?')
			n++;
	return n;
}

bool
json_closed(struct json object, const char *schema)
{
	size_t required = 0;
	bool optional;

	if (!cJSON_IsObject(object.v))
		return false;
	JSON_EACH(m, object) {
		if (!in_schema(schema, json_name(m), &optional))
			return false;
		/* Names are distinct, so counting them is enough. */
		if (!optional)
			required++;
	}
	return required == schema_required(schema);
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
	if (!text_unbase64(p, &len, s)) {
		free(p);
		return AC_ERR_FORMAT;
	}
	if (len > max) {
		free(p);
		return AC_ERR_LIMIT;
	}
	p[len] = '\0';
	*out = (struct buf){ p, len };
	return AC_OK;
}

static bool
same_value(const cJSON *a, const cJSON *b)
{
	if ((a->type & 0xff) != (b->type & 0xff) ||
	    (a->child == NULL) != (b->child == NULL) ||
	    (a->next == NULL) != (b->next == NULL) ||
	    (a->string == NULL) != (b->string == NULL) ||
	    (a->string != NULL && !span_is(span_str(a->string), b->string)))
		return false;
	if (cJSON_IsString(a))
		return span_is(span_str(a->valuestring), b->valuestring);
	if (cJSON_IsNumber(a))
		return a->valuedouble >= b->valuedouble &&
		    a->valuedouble <= b->valuedouble;
	return true;
}

bool
json_equal(struct json a, struct json b)
{
	const cJSON *pa[JSON_DEPTH_MAX + 1], *pb[JSON_DEPTH_MAX + 1];
	const cJSON *x, *y;
	cJSON u, v;
	size_t depth = 0;

	if (a.v == NULL || b.v == NULL)
		return a.v == b.v;
	/* The roots' own names and neighbours do not belong to the values. */
	u = *a.v;
	v = *b.v;
	u.next = v.next = NULL;
	u.string = v.string = NULL;
	for (x = &u, y = &v; same_value(x, y); x = x->next, y = y->next) {
		while (x->child != NULL) {
			if (depth > JSON_DEPTH_MAX)
				return false;
			pa[depth] = x;
			pb[depth++] = y;
			x = x->child;
			y = y->child;
			if (!same_value(x, y))
				return false;
		}
		while (x->next == NULL) {
			if (depth == 0)
				return true;
			x = pa[--depth];
			y = pb[depth];
		}
	}
	return false;
}
