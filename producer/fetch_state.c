/*
 * fetch_state.c -- numbers out of trainer_state.json; see fetch_state.h.
 *
 * The file has a record for each step and may be large, and Python's JSON is
 * not everybody's: so this is no reader of JSON.  It follows strings, brackets
 * and commas byte by byte, and looks at the values of the outermost object.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "producer/fetch_state.h"

#define CHUNK ((size_t)1 << 16)
#define TOKEN_MAX 64   /* bytes of a key or a number that matters */
#define DIGITS_MAX 40  /* of a figure, with its point */
#define FRACTION_MAX 9 /* after the point */
#define EXPONENT_MAX 99

static const struct {
	const char *key, *name;
} wanted[] = {
	{ "total_flos", "flops" },
	{ "num_input_tokens_seen", "tokens" },
	{ "global_step", "steps" },
};
#define NWANTED (sizeof(wanted) / sizeof(wanted[0]))

struct scan {
	bool begun, ended;       /* the outermost object */
	bool in_string, escaped;
	bool key;                /* what comes is a key */
	size_t depth;
	char token[TOKEN_MAX + 1]; /* key or value of the outermost object */
	size_t len;              /* over TOKEN_MAX: of no matter */
	size_t which;            /* key that its value is of; NWANTED: none */
	bool seen[NWANTED];
	char value[NWANTED][TOKEN_MAX + 1];
};

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
add(struct scan *s, uint8_t c)
{
	if (s->len < TOKEN_MAX)
		s->token[s->len] = (char)c;
	if (s->len <= TOKEN_MAX)
		s->len++;
}

/* A key ends.  False: it stood before. */
static bool
take_key(struct scan *s)
{
	s->which = NWANTED;
	for (size_t i = 0; i < NWANTED; i++)
		if (s->len <= TOKEN_MAX && span_is(span_of(s->token, s->len),
		    wanted[i].key)) {
			s->which = i;
			if (s->seen[i])
				return false;
			s->seen[i] = true;
		}
	s->len = 0;
	s->key = false;
	return true;
}

static void
take_value(struct scan *s)
{
	while (s->len > 0 && s->len <= TOKEN_MAX &&
	    is_space((uint8_t)s->token[s->len - 1]))
		s->len--;
	if (s->which < NWANTED && s->len <= TOKEN_MAX) {
		memcpy(s->value[s->which], s->token, s->len);
		s->value[s->which][s->len] = '\0';
	}
	s->which = NWANTED;
	s->len = 0;
	s->key = true;
}

static bool
step_string(struct scan *s, uint8_t c)
{
	if (s->escaped) {
		s->escaped = false;
	} else if (c == '\\') {
		s->escaped = true;
	} else if (c == '"') {
		s->in_string = false;
		return s->depth != 1 || !s->key || take_key(s);
	}
	if (s->depth == 1 && s->key)
		add(s, c);
	return true;
}

/* One byte; false: this is no such file. */
static bool
step(struct scan *s, uint8_t c)
{
	if (s->in_string)
		return step_string(s, c);
	if (!s->begun || s->ended) {
		if (s->begun || c != '{')
			return is_space(c);
		s->begun = s->key = true;
		s->depth = 1;
		return true;
	}
	if (c == '"') {
		s->in_string = true;
		/* A value that is a string is no number. */
		if (s->depth == 1 && !s->key)
			s->which = NWANTED;
	} else if (c == '{' || c == '[') {
		s->depth++;
		s->which = s->depth == 2 ? NWANTED : s->which;
	} else if (c == '}' || c == ']') {
		if (s->depth == 1 && !s->key)
			take_value(s);
		s->ended = --s->depth == 0;
	} else if (s->depth == 1 && c == ',') {
		take_value(s);
	} else if (s->depth == 1 && !s->key &&
	    (s->len > 0 || (c != ':' && !is_space(c)))) {
		add(s, c);
	}
	return true;
}

/* ---- numbers ---- */

/* The digits of a number, with the point after the first n of them. */
struct number {
	char digit[TOKEN_MAX];
	size_t len;
	long point;
};

static bool
read_digits(struct number *out, const char **p)
{
	size_t n = 0;

	for (; **p >= '0' && **p <= '9'; ++*p, n++)
		out->digit[out->len++] = **p;
	return n > 0;
}

/* digits[.digits][e[+-]digits]; without a sign, which no such number has. */
static bool
read_number(struct number *out, const char *p)
{
	long exponent = 0;
	bool minus = false;

	*out = (struct number){ .len = 0 };
	if (!read_digits(out, &p))
		return false;
	out->point = (long)out->len;
	if (*p == '.') {
		p++;
		if (!read_digits(out, &p))
			return false;
	}
	if (*p == 'e' || *p == 'E') {
		size_t n = 0;

		p++;
		minus = *p == '-';
		p += *p == '-' || *p == '+';
		for (; *p >= '0' && *p <= '9'; p++, n++) {
			exponent = exponent * 10 + (*p - '0');
			if (exponent > EXPONENT_MAX)
				return false;
		}
		if (n == 0)
			return false;
	}
	out->point += minus ? -exponent : exponent;
	return *p == '\0';
}

/*
 * Write "name value\n", where the value is above 0 and its whole part fits;
 * of what stands after the point, as much as does.
 */
static void
write_number(struct writer *w, const char *name, const struct number *n)
{
	const char *digit = n->digit;
	long len = (long)n->len, point = n->point, at;

	for (; len > 0 && *digit == '0'; digit++, len--)
		point--;
	while (len > 0 && digit[len - 1] == '0')
		len--;
	if (len == 0 || point > DIGITS_MAX || point <= -FRACTION_MAX)
		return;
	wr_printf(w, "%s %s", name, point <= 0 ? "0" : "");
	for (at = 0; at < point; at++)
		wr_u8(w, (uint8_t)(at < len ? digit[at] : '0'));
	if (len > point && point < DIGITS_MAX - 1 - FRACTION_MAX) {
		wr_u8(w, '.');
		for (at = point; at < len && at < point + FRACTION_MAX; at++)
			wr_u8(w, (uint8_t)(at >= 0 ? digit[at] : '0'));
	}
	wr_u8(w, '\n');
}

/* ---- the whole ---- */

static enum ac_err
read_all(struct scan *s, int fd, uint8_t *chunk, struct message *why)
{
	uint64_t total = 0;

	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return BECAUSE(why, AC_ERR_IO, "it cannot be read");
		if (n == 0)
			break;
		total += (uint64_t)n;
		if (total > FETCH_STATE_MAX)
			return BECAUSE(why, AC_ERR_LIMIT, "it has more than "
			    "%llu bytes", (unsigned long long)FETCH_STATE_MAX);
		for (size_t i = 0; i < (size_t)n; i++)
			if (!step(s, chunk[i]))
				return BECAUSE(why, AC_ERR_FORMAT, "it is not "
				    "what a trainer writes, at byte %llu",
				    (unsigned long long)total - (size_t)n + i);
	}
	return s->ended ? AC_OK :
	    BECAUSE(why, AC_ERR_FORMAT, "it is empty or cut off");
}

enum ac_err
fetch_state(struct writer *w, int fd, struct message *why)
{
	struct scan *s = calloc(1, sizeof(*s));
	uint8_t *chunk = malloc(CHUNK);
	enum ac_err e = AC_ERR_MEMORY;
	struct number n;

	message_set(why, "no memory");
	if (s == NULL || chunk == NULL)
		goto out;
	s->which = NWANTED;
	e = read_all(s, fd, chunk, why);
	if (e != AC_OK)
		goto out;
	for (size_t i = 0; i < NWANTED; i++)
		if (read_number(&n, s->value[i]))
			write_number(w, wanted[i].name, &n);
	e = AC_OK;
out:
	free(s);
	free(chunk);
	return e;
}
