/* search.c -- query strings to searches; see search.h. */
#include <ctype.h>

#include "common/reader.h"
#include "common/text.h"
#include "registry/search.h"

#define EXPONENT_MAX 60

static const char *const names[SEARCH_FIELDS] = {
	[SEARCH_BUILDER] = "builder",
	[SEARCH_DATASET] = "dataset",
	[SEARCH_BASE_MODEL] = "base_model",
	[SEARCH_CODE] = "code",
	[SEARCH_IMAGE] = "image",
	[SEARCH_LICENSE] = "license",
	[SEARCH_TYPE] = "type",
	[SEARCH_MIN_FLOPS] = "min_flops",
	[SEARCH_AFTER] = "after",
	[SEARCH_LIMIT_TO] = "limit",
	[SEARCH_ORDER] = "order",
};

const char *
search_name(enum search_field f)
{
	return names[f];
}

void
search_init(struct search *s)
{
	*s = (struct search){ .limit = SEARCH_LIMIT };
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
search_decode(uint8_t out[SEARCH_VALUE_MAX], size_t *len, struct span value)
{
	size_t n = 0;

	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.p[i];

		if (c == '%') {
			int high = value.len - i > 2 ?
			    hex_digit(value.p[i + 1]) : -1;
			int low = high < 0 ? -1 : hex_digit(value.p[i + 2]);

			if (low < 0)
				return false;
			c = (uint8_t)(high << 4 | low);
			i += 2;
		} else if (c == '+') {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f || n == SEARCH_VALUE_MAX)
			return false;
		out[n++] = c;
	}
	*len = n;
	return text_is_utf8(span_of(out, n));
}

/* "<algorithm>:<hex>"; false: it is something else, a name or uri. */
static bool
get_digest(struct store_term *out, enum store_role role, struct span text)
{
	uint8_t value[STORE_VALUE_MAX];
	struct reader rd = rd_of(text);
	struct span alg;

	if (!rd_until(&rd, &alg, ':') || alg.len == 0 ||
	    alg.len > STORE_ALG_MAX || rd.left.len == 0 ||
	    rd.left.len % 2 != 0 || rd.left.len > 2 * sizeof(value) ||
	    !text_unhex(value, rd.left.len / 2, rd.left))
		return false;
	for (size_t i = 0; i < alg.len; i++)
		if (!isalnum(alg.p[i]))
			return false;
	*out = store_term_digest(role, alg, span_of(value, rd.left.len / 2));
	return true;
}

/* Add what the criterion is. */
static bool
add(struct search *s, enum store_role role, struct span text)
{
	struct store_term term;

	if (text.len == 0)
		return false;
	if (role == STORE_LICENSE || role == STORE_TYPE ||
	    !get_digest(&term, role, text))
		term = store_term_text(role, text);
	s->query.criterion[s->query.ncriteria++] = term;
	return true;
}

/* "1200", "1e24", "1.5e24": digits, and an exponent where it is large. */
static bool
get_flops(double *out, struct span text)
{
	struct reader rd = rd_of(text);
	uint64_t exponent = 0;
	double value = 0, unit = 1;
	bool fraction = false;
	struct span mantissa;

	if (rd_until(&rd, &mantissa, 'e')) {
		if (!text_undec(&exponent, rd.left, EXPONENT_MAX))
			return false;
	} else {
		mantissa = text;
	}
	if (mantissa.len == 0 || mantissa.len > 30 ||
	    !isdigit(mantissa.p[0]) || !isdigit(mantissa.p[mantissa.len - 1]))
		return false;
	for (size_t i = 0; i < mantissa.len; i++) {
		uint8_t c = mantissa.p[i];

		if (c == '.' && !fraction) {
			fraction = true;
			continue;
		}
		if (!isdigit(c))
			return false;
		value = 10 * value + (c - '0');
		if (fraction)
			unit *= 10;
	}
	value /= unit;
	while (exponent-- > 0)
		value *= 10;
	*out = value;
	return value >= 1;
}

static bool
take(struct search *s, enum search_field f, struct span text)
{
	struct digest key;
	uint64_t n;

	switch (f) {
	case SEARCH_BUILDER:
		if (!text_unhex_digest(&key, text))
			return false;
		s->query.criterion[s->query.ncriteria++] =
		    store_term_builder(&key);
		return true;
	case SEARCH_DATASET:
		return add(s, STORE_DATASET, text);
	case SEARCH_BASE_MODEL:
		return add(s, STORE_BASE_MODEL, text);
	case SEARCH_CODE:
		return add(s, STORE_CODE, text);
	case SEARCH_IMAGE:
		return add(s, STORE_IMAGE, text);
	case SEARCH_LICENSE:
		return add(s, STORE_LICENSE, text);
	case SEARCH_TYPE:
		return add(s, STORE_TYPE, text);
	case SEARCH_MIN_FLOPS:
		s->query.has_min_flops = get_flops(&s->query.min_flops, text);
		return s->query.has_min_flops;
	case SEARCH_AFTER:
		s->has_after = text_undec(&s->after, text, MERKLE_SIZE_MAX - 1);
		return s->has_after;
	case SEARCH_LIMIT_TO:
		if (!text_undec(&n, text, SEARCH_LIMIT_MAX) || n == 0)
			return false;
		s->limit = (size_t)n;
		return true;
	case SEARCH_ORDER:
		s->query.newest_first = span_is(text, "newest");
		return s->query.newest_first || span_is(text, "oldest");
	case SEARCH_FIELDS:
		break;
	}
	return false;
}

bool
search_take(struct search *s, struct span name, struct span value)
{
	uint8_t text[SEARCH_VALUE_MAX];
	size_t len;

	for (int f = 0; f < SEARCH_FIELDS; f++) {
		if (!span_is(name, names[f]))
			continue;
		if (s->given[f].p != NULL || !search_decode(text, &len, value))
			return false;
		s->given[f] = value;
		return take(s, (enum search_field)f, span_of(text, len));
	}
	return false;
}

bool
search_query(const struct search *s, struct store_query *out, uint64_t size)
{
	*out = s->query;
	out->size = size;
	out->from = s->query.newest_first ? size : 0;
	if (s->has_after && s->query.newest_first) {
		if (s->after == 0)
			return false;
		out->from = s->after - 1;
	} else if (s->has_after) {
		out->from = s->after + 1;
	}
	return size > 0;
}

uint64_t
search_cursor(const struct search *s, uint64_t next)
{
	if (s->query.newest_first)
		return next + 1;
	return next == 0 ? 0 : next - 1;
}
