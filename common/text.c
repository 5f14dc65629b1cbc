/* text.c -- strict text codecs; see text.h. */
#include "common/text.h"

#define NEAR 2      /* edits that a suggestion may be away */
#define NEAR_MAX 47 /* bytes of a word that is compared */

static const char digits[] = "0123456789abcdef";
static const char b64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
text_hex(char *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		out[2 * i] = digits[s.p[i] >> 4];
		out[2 * i + 1] = digits[s.p[i] & 15];
	}
}

/* Of one of the sixteen digits. */
static unsigned
hex_value(uint8_t c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

bool
text_unhex(uint8_t *out, size_t len, struct span text)
{
	if (text.len % 2 != 0 || text.len / 2 != len)
		return false;
	/* out is written only once all is known to be good. */
	for (size_t i = 0; i < text.len; i++)
		if (memchr(digits, text.p[i], 16) == NULL)
			return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(hex_value(text.p[2 * i]) << 4 |
		    hex_value(text.p[2 * i + 1]));
	return true;
}

bool
text_unhex_digest(struct digest *out, struct span text)
{
	return text_unhex(out->b, sizeof(out->b), text);
}

size_t
text_base64_len(size_t len)
{
	return len / 3 * 4 + (len % 3 > 0 ? 4 : 0);
}

void
text_base64(char *out, struct span s)
{
	for (size_t i = 0; i < s.len; i += 3) {
		size_t n = s.len - i;
		uint32_t v = (uint32_t)s.p[i] << 16 |
		    (n > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) |
		    (n > 2 ? s.p[i + 2] : 0);

		*out++ = b64[v >> 18];
		*out++ = b64[v >> 12 & 63];
		*out++ = n > 1 ? b64[v >> 6 & 63] : '=';
		*out++ = n > 2 ? b64[v & 63] : '=';
	}
}

#define NONE 64 /* no digit; the bit that no value has */

/* Values of the base64 digits, from '+' to 'z'. */
static const uint8_t unb64[] = {
	62, NONE, NONE, NONE, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NONE,
	NONE, NONE, NONE, NONE, NONE, NONE, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NONE, NONE,
	NONE, NONE, NONE, NONE, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,
	38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51
};

static uint32_t
base64_value(uint8_t c)
{
	return c < '+' || c > 'z' ? NONE : unb64[c - '+'];
}

bool
text_unbase64(uint8_t *out, size_t *len, struct span text)
{
	size_t pad = 0, n = 0;
	uint8_t last[4];

	if (text.len % 4 != 0)
		return false;
	if (text.len > 0 && text.p[text.len - 1] == '=')
		pad = text.p[text.len - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < text.len; i += 4) {
		const uint8_t *p = text.p + i;
		uint32_t a, b, c, d, v;

		if (pad > 0 && i + 4 == text.len) {
			memcpy(last, p, 4);
			memset(last + 4 - pad, 'A', pad);
			p = last;
		}
		a = base64_value(p[0]);
		b = base64_value(p[1]);
		c = base64_value(p[2]);
		d = base64_value(p[3]);
		v = a << 18 | b << 12 | c << 6 | d;
		/* Spare bits must be zero: one encoding a value. */
		if (((a | b | c | d) & NONE) != 0 ||
		    (p == last && (v & ((1u << 8 * pad) - 1)) != 0))
			return false;
		out[n++] = (uint8_t)(v >> 16);
		out[n++] = (uint8_t)(v >> 8);
		out[n++] = (uint8_t)v;
	}
	*len = n - pad;
	return true;
}

bool
text_unbase64_exact(uint8_t *out, size_t len, struct span text)
{
	uint8_t buf[4104];
	size_t n;

	if (len > 4096 || text.len != text_base64_len(len) ||
	    !text_unbase64(buf, &n, text) || n != len)
		return false;
	memcpy(out, buf, len);
	return true;
}

bool
text_undec(uint64_t *out, struct span text, uint64_t max)
{
	uint64_t v = 0;

	if (text.len == 0 || text.len > 20 ||
	    (text.len > 1 && text.p[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint64_t d = (uint64_t)text.p[i] - '0';

		if (text.p[i] < '0' || text.p[i] > '9' ||
		    __builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, d, &v))
			return false;
	}
	if (v > max)
		return false;
	*out = v;
	return true;
}

bool
text_is_utf8(struct span s)
{
	size_t i = 0;

	while (i < s.len) {
		uint64_t eight;
		uint8_t c;
		size_t n;

		/* ASCII, as nearly all of it is, by eight. */
		while (s.len - i >= sizeof(eight)) {
			memcpy(&eight, s.p + i, sizeof(eight));
			if ((eight & UINT64_C(0x8080808080808080)) != 0)
				break;
			i += sizeof(eight);
		}
		if (i == s.len)
			break;
		c = s.p[i];
		n = c < 0x80 ? 0 : c < 0xc2 ? 4 : c < 0xe0 ? 1 :
		    c < 0xf0 ? 2 : c < 0xf5 ? 3 : 4;

		if (n == 4 || n > s.len - i - 1)
			return false;
		for (size_t k = 1; k <= n; k++)
			if ((s.p[i + k] & 0xc0) != 0x80)
				return false;
		if (n > 0) {
			uint8_t d = s.p[i + 1];

			/* Overlong forms, surrogates, above U+10FFFF. */
			if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) ||
			    (c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f))
				return false;
		}
		i += n + 1;
	}
	return true;
}

bool
text_is_plain(struct span s)
{
	if (!text_is_utf8(s))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f ||
		    /* U+0080 to U+009F: terminals obey those too. */
		    (s.p[i] == 0xc2 && s.p[i + 1] < 0xa0))
			return false;
	return true;
}

/* Edits (insert, drop, change, swap neighbours) from a to b. */
static size_t
distance(struct span a, struct span b)
{
	size_t row[3][NEAR_MAX + 1] = { { 0 } };

	if (a.len > NEAR_MAX || b.len > NEAR_MAX)
		return NEAR_MAX;
	for (size_t j = 0; j <= b.len; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *now = row[i % 3], *last = row[(i - 1) % 3];
		const size_t *before = row[(i + 1) % 3]; /* of i - 2 */

		now[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t d = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);

			if (last[j] + 1 < d)
				d = last[j] + 1;
			if (now[j - 1] + 1 < d)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1] && before[j - 2] + 1 < d)
				d = before[j - 2] + 1;
			now[j] = d;
		}
	}
	return row[a.len % 3][b.len];
}

const char *
text_nearest(const char *const names[], size_t n, struct span word)
{
	const char *nearest = NULL;
	size_t best = NEAR + 1;

	for (size_t i = 0; i < n; i++) {
		size_t d = distance(word, span_str(names[i]));

		if (d < best && d < strlen(names[i])) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}
