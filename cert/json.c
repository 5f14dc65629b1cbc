/* json.c -- strict JSON; see json.h. */
#include <float.h>
#include <stdlib.h>

#include "cert/json.h"
#include "cert/limits.h"
#include "common/reader.h"
#include "common/text.h"

#define INTEGER_DIGITS_MAX 16 /* of JSON_INT_MAX */
#define FEW 16                /* members that are sorted without memory */

enum kind { NUL, NO, YES, NUMBER, STRING, ARRAY, OBJECT };

/*
 * A value; those in it follow, each with those in it, in the order of the
 * text.
 */
struct json_node {
	struct span name;   /* of a member */
	struct span string; /* decoded */
	double number;
	uint32_t size;      /* itself and all that is in it */
	uint8_t kind;
	bool last;          /* of its array or object, or the root */
};

struct parser {
	struct reader r; /* over a copy, in which strings are decoded */
	uint8_t *text;
	struct json_node *node;
	size_t n, max, depth;
	struct {
		size_t at, child; /* the bracket, the newest value in it */
	} open[JSON_DEPTH_MAX];
	bool protobuf;
};

/* ---- the grammar of RFC 8259 ---- */

static uint8_t
peek(const struct reader *r)
{
	return r->left.len > 0 ? r->left.p[0] : 0;
}

/* Is the next character c?  Then it is taken. */
static bool
take_char(struct reader *r, char c)
{
	struct span s;

	return r->left.len > 0 && r->left.p[0] == (uint8_t)c &&
	    rd_take(r, &s, 1);
}

/* The same after white space. */
static bool
take(struct parser *p, char c)
{
	while (take_char(&p->r, ' ') || take_char(&p->r, '\n') ||
	    take_char(&p->r, '\t') || take_char(&p->r, '\r'))
		;
	return take_char(&p->r, c);
}

/* After "\u": four hex digits. */
static bool
take_hex(struct reader *r, uint32_t *out)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	struct span s;

	if (!rd_take(r, &s, 4))
		return false;
	*out = 0;
	for (size_t i = 0; i < 4; i++) {
		const char *d = memchr(digits, s.p[i], sizeof(digits) - 1);

		if (d == NULL)
			return false;
		*out = *out << 4 | (uint32_t)(d - digits < 16 ? d - digits :
		    d - digits - 6);
	}
	return true;
}

/*
 * After the backslash: the character that is meant, which is not NUL, as
 * UTF-8 at *to, which is no longer than its escape was.
 */
static bool
take_escape(struct reader *r, uint8_t **to)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	const char *letter;
	uint32_t u, low;
	uint8_t c;
	size_t n;

	if (!rd_u8(r, &c))
		return false;
	letter = memchr(letters, c, sizeof(letters) - 1);
	if (letter != NULL) {
		*(*to)++ = (uint8_t)meant[letter - letters];
		return true;
	}
	if (c != 'u' || !take_hex(r, &u) || u == 0 || u >> 10 == 0x37)
		return false;
	if (u >> 10 == 0x36) { /* the first of two surrogates */
		if (!take_char(r, '\\') || !take_char(r, 'u') ||
		    !take_hex(r, &low) || low >> 10 != 0x37)
			return false;
		u = 0x10000 + ((u & 0x3ff) << 10 | (low & 0x3ff));
	}
	n = u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; u >>= 6)
		(*to)[i] = (uint8_t)(0x80 | (u & 0x3f));
	(*to)[0] = (uint8_t)(lead[n] | u);
	*to += n;
	return true;
}

/* Eight times the byte c; is one of the eight bytes of v below c <= 0x80? */
#define EIGHT(c) (UINT64_C(0x0101010101010101) * (c))
#define HAS_BELOW(v, c) (((v) - EIGHT(c)) & ~(v) & EIGHT(0x80))

/* Characters that stand for themselves, as nearly all do: by eight. */
static size_t
count_plain(struct span s)
{
	size_t n = 0;
	uint64_t v;

	for (; s.len - n >= 8; n += 8) {
		memcpy(&v, s.p + n, sizeof(v));
		if ((HAS_BELOW(v, 0x20) | HAS_BELOW(v ^ EIGHT('"'), 1) |
		    HAS_BELOW(v ^ EIGHT('\\'), 1)) != 0)
			break;
	}
	while (n < s.len && s.p[n] >= 0x20 && s.p[n] != '"' &&
	    s.p[n] != '\\')
		n++;
	return n;
}

/* After the opening quote: a string without control characters or NUL. */
static bool
take_string(struct parser *p, struct span *out)
{
	uint8_t *start = p->text + (p->r.left.p - p->text), *to = start;
	struct span plain;
	uint8_t c;

	do {
		if (!rd_take(&p->r, &plain, count_plain(p->r.left)) ||
		    !rd_u8(&p->r, &c))
			return false;
		if (to != plain.p)
			memmove(to, plain.p, plain.len);
		to += plain.len;
	} while (c == '\\' && take_escape(&p->r, &to));
	*to = '\0'; /* in the place of the closing quote, or before it */
	*out = span_of(start, (size_t)(to - start));
	return c == '"';
}

/* Append the digits to *v, which is true as long as they are few. */
static size_t
take_digits(struct reader *r, uint64_t *v)
{
	uint8_t c;
	size_t n = 0;

	for (; peek(r) >= '0' && peek(r) <= '9' && rd_u8(r, &c); n++)
		*v = 10 * *v + (uint64_t)(c - '0');
	return n;
}

/*
 * Numbers that stand for different values must not meet in one double: whole
 * ones are at most JSON_INT_MAX, those with a fraction have as many digits as
 * a double tells apart.  Both are then exact: a quotient of two whole numbers
 * is rounded once.
 */
static bool
take_number(struct reader *r, double *out, bool protobuf)
{
	bool minus = take_char(r, '-'), zero = peek(r) == '0';
	double power = 1;
	uint64_t v = 0;
	size_t whole = take_digits(r, &v), fraction;

	if (whole == 0 || (zero && whole > 1))
		return false;
	*out = (minus ? -1 : 1) * (double)v;
	if (!take_char(r, '.'))
		return whole <= INTEGER_DIGITS_MAX && v <= JSON_INT_MAX &&
		    !(minus && zero);
	fraction = take_digits(r, &v);
	if (protobuf && fraction == 1 && r->left.p[-1] == '0')
		return whole <= DBL_DIG && !(minus && zero);
	for (size_t i = 0; i < fraction; i++)
		power *= 10;
	*out = (minus ? -1 : 1) * (double)v / power;
	/* One form a value: 1.0, 1.50 and 1e3 have shorter ones. */
	return fraction > 0 && r->left.p[-1] != '0' &&
	    whole + fraction <= DBL_DIG;
}

/* A scalar, or an opening bracket, after white space. */
static bool
take_value(struct parser *p, struct json_node *node)
{
	static const char *const words[] = { "null", "false", "true" };
	struct span s;

	node->kind = take(p, '"') ? STRING : take_char(&p->r, '{') ? OBJECT :
	    take_char(&p->r, '[') ? ARRAY : NUMBER;
	if (node->kind == STRING)
		return take_string(p, &node->string);
	if (node->kind != NUMBER)
		return true;
	for (uint8_t i = NUL; i <= YES; i++)
		if (peek(&p->r) == (uint8_t)words[i][0]) {
			node->kind = i;
			return rd_take(&p->r, &s, strlen(words[i])) &&
			    span_is(s, words[i]);
		}
	return take_number(&p->r, &node->number, p->protobuf);
}

/* ---- the tree ---- */

static int
compare_names(const void *a, const void *b)
{
	const struct json_node *const *x = a, *const *y = b;

	return span_compare((*x)->name, (*y)->name);
}

/* No two members of one name. */
static enum ac_err
check_members(struct json object)
{
	const struct json_node *few[FEW], **sorted = few;
	size_t n = json_count(object), i = 0;
	enum ac_err e = AC_OK;

	if (n > JSON_MEMBERS_MAX)
		return AC_ERR_LIMIT;
	if (n > FEW && (sorted = calloc(n, sizeof(*sorted))) == NULL)
		return AC_ERR_MEMORY;
	JSON_EACH(m, object)
		sorted[i++] = m.v;
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (i = 1; i < n; i++)
		if (compare_names(&sorted[i - 1], &sorted[i]) == 0)
			e = AC_ERR_FORMAT;
	if (sorted != few)
		free(sorted);
	return e;
}

/* The array or object that is open, or NULL. */
static struct json_node *
innermost(const struct parser *p)
{
	return p->depth == 0 ? NULL : &p->node[p->open[p->depth - 1].at];
}

/* The next value, with its name in an object. */
static enum ac_err
add_value(struct parser *p)
{
	struct json_node node = { .size = 1, .last = true };
	const struct json_node *in = innermost(p);

	if ((in != NULL && in->kind == OBJECT && (!take(p, '"') ||
	    !take_string(p, &node.name) || !take(p, ':'))) ||
	    !take_value(p, &node))
		return AC_ERR_FORMAT;
	if (p->n == JSON_VALUES_MAX ||
	    (node.kind >= ARRAY && p->depth == JSON_DEPTH_MAX))
		return AC_ERR_LIMIT;
	if (p->n == p->max) {
		struct json_node *more = realloc(p->node,
		    2 * p->max * sizeof(*more));

		if (more == NULL)
			return AC_ERR_MEMORY;
		p->node = more;
		p->max *= 2;
	}
	if (p->depth > 0)
		p->open[p->depth - 1].child = p->n;
	if (node.kind >= ARRAY)
		p->open[p->depth++].at = p->n;
	p->node[p->n++] = node;
	return AC_OK;
}

static enum ac_err
build(struct parser *p)
{
	struct json_node *in;
	enum ac_err e;

	do {
		bool opened;

		e = add_value(p);
		if (e != AC_OK)
			return e;
		opened = p->node[p->n - 1].kind >= ARRAY;
		while ((in = innermost(p)) != NULL &&
		    take(p, in->kind == OBJECT ? '}' : ']')) {
			in->size = (uint32_t)(p->n - (size_t)(in - p->node));
			if (in->kind == OBJECT &&
			    (e = check_members((struct json){ in })) != AC_OK)
				return e;
			p->depth--;
			opened = false;
		}
		if (in != NULL && !opened) {
			if (!take(p, ','))
				return AC_ERR_FORMAT;
			p->node[p->open[p->depth - 1].child].last = false;
		}
	} while (in != NULL);
	return !take(p, '\0') && rd_end(&p->r) ? AC_OK : AC_ERR_FORMAT;
}

static enum ac_err
parse(struct json_doc *out, struct span text, bool protobuf)
{
	struct parser p = { .protobuf = protobuf, .max = 16 + text.len / 32 };
	struct buf copy = { 0 };
	enum ac_err e;

	if (!text_is_utf8(text))
		return AC_ERR_FORMAT;
	e = buf_copy(&copy, text);
	if (e != AC_OK)
		return e;
	p.r = rd_of(buf_span(&copy));
	p.text = copy.p;
	p.node = calloc(p.max, sizeof(*p.node));
	e = p.node == NULL ? AC_ERR_MEMORY : build(&p);
	if (e == AC_OK) {
		*out = (struct json_doc){ p.node, copy };
	} else {
		free(p.node);
		buf_free(&copy);
	}
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
		    (c != '"' && c != '\\')) : c <= ' ')
			return AC_ERR_FORMAT;
	}
	return json_parse(out, text);
}

void
json_free(struct json_doc *doc)
{
	free(doc->root);
	buf_free(&doc->text);
	doc->root = NULL;
}

static bool
is(struct json j, enum kind kind)
{
	return j.v != NULL && j.v->kind == kind;
}

bool
json_is_object(struct json j)
{
	return is(j, OBJECT);
}

bool
json_is_array(struct json j)
{
	return is(j, ARRAY);
}

struct json
json_get(struct json object, const char *name)
{
	struct span wanted = span_str(name);

	if (is(object, OBJECT))
		JSON_EACH(m, object)
			if (span_equal(m.v->name, wanted))
				return m;
	return (struct json){ NULL };
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

	if (!is(object, OBJECT))
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
	return (struct json){ j.v == NULL || j.v->size == 1 ? NULL : j.v + 1 };
}

struct json
json_next(struct json j)
{
	return (struct json){ j.v == NULL || j.v->last ? NULL :
	    j.v + j.v->size };
}

struct span
json_name(struct json member)
{
	return member.v == NULL ? span_of(NULL, 0) : member.v->name;
}

bool
json_string(struct json j, struct span *out)
{
	if (!is(j, STRING))
		return false;
	*out = j.v->string;
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

	if (!is(j, NUMBER))
		return false;
	d = j.v->number;
	/* The range first: only then has the conversion a meaning. */
	if (!(d >= 0) || d > (double)max || d > (double)JSON_INT_MAX ||
	    d != (double)(uint64_t)d)
		return false;
	*out = (uint64_t)d;
	return true;
}

bool
json_bool(struct json j, bool *out)
{
	if (!is(j, NO) && !is(j, YES))
		return false;
	*out = is(j, YES);
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

bool
json_equal(struct json a, struct json b)
{
	const struct json_node *x = a.v, *y = b.v;

	if (x == NULL || y == NULL)
		return x == y;
	/* The values' own names and neighbours do not belong to them. */
	for (uint32_t i = 0; i < a.v->size; i++, x++, y++)
		if (x->kind != y->kind || x->size != y->size ||
		    !span_equal(x->string, y->string) ||
		    x->number < y->number || x->number > y->number ||
		    (i > 0 && (x->last != y->last ||
		    !span_equal(x->name, y->name))))
			return false;
	return true;
}
