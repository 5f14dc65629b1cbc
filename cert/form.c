/* form.c -- JSON values against their form; see form.h. */
#include "cert/form.h"
#include "common/text.h"
#include "common/time.h"
#include "merkle/merkle.h"

/*
 * Where in the text of the form, and what was found so far.  The text is ours,
 * and read to its end whatever the value is: an absent one has no form.
 */
struct form {
	const char *at;
	bool over;     /* more or longer than may be */
	size_t others;
};

static bool check_value(struct form *f, struct json j);

/* Digits, and at most nine more after a point. */
static bool
is_figure(struct span s)
{
	size_t point = 0;

	if (s.len == 0 || s.len > 40 ||
	    (s.p[0] == '0' && s.len > 1 && s.p[1] != '.'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '.' && point == 0 && i > 0)
			point = i;
		else if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return point == 0 || (point < s.len - 1 && s.len - 1 - point <= 9);
}

static bool
is_hex(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (memchr("0123456789abcdef", s.p[i], 16) == NULL)
			return false;
	return s.len > 0;
}

static uint64_t
take_number(struct form *f)
{
	uint64_t n = 0;

	for (; *f->at >= '0' && *f->at <= '9'; f->at++)
		n = n * 10 + (uint64_t)(*f->at - '0');
	return n;
}

/* A string of that kind. */
static bool
check_string(struct form *f, char kind, struct span s)
{
	uint64_t n;
	int64_t t;

	switch (kind) {
	case 's':
		return true;
	case 'w':
		return s.len <= WORD_MAX;
	case 'T':
	case 'N':
		f->over |= s.len > TEXT_MAX;
		return text_is_plain(s) && (kind == 'T' || s.len > 0);
	case 'x':
		return s.len == 64 && is_hex(s);
	case 'h':
		return is_hex(s);
	case 'g':
		return (s.len == 40 || s.len == 64) && is_hex(s);
	case 't':
		return time_parse(&t, s);
	case 'n':
		return is_figure(s);
	case 'd':
		return text_undec(&n, s, MERKLE_SIZE_MAX);
	default:
		return false;
	}
}

static bool
check_scalar(struct form *f, char kind, struct json j)
{
	struct digest d;
	struct span s;
	uint64_t n, want;
	bool b;

	switch (kind) {
	case '*':
		return json_present(j);
	case 'i':
		return json_uint(j, &n, JSON_INT_MAX);
	case '=':
		want = take_number(f);
		return json_uint(j, &n, want) && n == want;
	case 'f':
		return json_bool(j, &b);
	case 'F':
		return json_bool(j, &b) && !b;
	case 'y':
		return json_digest64(j, &d);
	default:
		return json_string(j, &s) && check_string(f, kind, s);
	}
}

/* One of the strings in quotes; at is after the first quote. */
static bool
check_choice(struct form *f, struct json j)
{
	bool ok = false;
	struct span s;

	for (;;) {
		size_t n = strcspn(f->at, "'");

		ok = ok || (json_string(j, &s) &&
		    span_equal(s, span_of(f->at, n)));
		f->at += n + 1;
		if (*f->at != '|')
			return ok;
		f->at += strlen("|'");
	}
}

/* Every value of an array or of an object; at is after the bracket. */
static bool
check_list(struct form *f, struct json j)
{
	bool ok = f->at[-1] == '[' ? json_is_array(j) : json_is_object(j);
	const char *element = f->at;
	struct json e = json_first(j);
	uint64_t n = json_count(j), least, most;

	do {
		f->at = element;
		ok = (check_value(f, e) || n == 0) && ok;
		e = json_next(e);
	} while (json_present(e));
	if (*f->at++ != ' ') /* no number, but the closing bracket */
		return ok;
	least = most = take_number(f);
	if (*f->at++ == '-') {
		most = take_number(f);
		f->at++;
	} else {
		least = 0;
	}
	f->over |= n > most;
	return ok && n >= least && (n <= most || least < most);
}

static struct json
find_member(struct json object, const char *name, size_t len)
{
	JSON_EACH(m, object)
		if (span_equal(json_name(m), span_of(name, len)))
			return m;
	return (struct json){ NULL };
}

/* An object with the members named; at is after the bracket. */
static bool
check_object(struct form *f, struct json j)
{
	const char end = f->at[-1] == '(' ? ')' : '}';
	bool ok = json_is_object(j);
	struct json next = json_first(j);
	size_t others = json_count(j);

	while (*f->at != end && *f->at != '.') {
		size_t len = strcspn(f->at, " ?");
		struct json m = find_member(j, f->at, len);
		bool optional = f->at[len] == '?', right;

		f->at += len + (optional ? 2 : 1);
		right = check_value(f, m);
		f->at += *f->at == ' ';
		if (!json_present(m)) {
			ok = ok && optional;
			continue;
		}
		ok = ok && right && (end == '}' || m.v == next.v);
		next = json_next(next);
		others--;
	}
	if (*f->at == '.') {
		f->at += strlen("...");
		f->others += others;
		others = 0;
	}
	f->at++;
	return ok && others == 0;
}

static bool
check_value(struct form *f, struct json j)
{
	char kind = *f->at++;

	switch (kind) {
	case '[':
	case '<':
		return check_list(f, j);
	case '{':
	case '(':
		return check_object(f, j);
	case '\'':
		return check_choice(f, j);
	default:
		return check_scalar(f, kind, j);
	}
}

enum ac_err
form_check(struct json j, const char *form, size_t *others)
{
	struct form f = { .at = form };

	if (!check_value(&f, j))
		return AC_ERR_FORMAT;
	if (f.over)
		return AC_ERR_LIMIT;
	if (others != NULL)
		*others = f.others;
	return AC_OK;
}
