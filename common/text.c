/* text.c -- strict text codecs; see text.h. */
#include "common/text.h"

#define NEAR 2      /* edits that a suggestion may be away */
#define NEAR_MAX 47 /* bytes of a word that is compared */

static const char b64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
text_hex(char *out, struct span s)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < s.len; i++) {
		out[2 * i] = digits[s.p[i] >> 4];
		out[2 * i + 1] = digits[s.p[i] & 15];
	}
}

/* Values of the lower-case hex digits plus 1; 0 is none. */
static const uint8_t unhex[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
	['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16
};

bool
text_unhex(uint8_t *out, size_t len, struct span text)
{
	if (text.len % 2 != 0 || text.len / 2 != len)
		return false;
	/* out is written only once all is known to be good. */
	for (size_t i = 0; i < text.len; i++)
		if (unhex[text.p[i]] == 0)
			return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)((unhex[text.p[2 * i]] - 1) << 4 |
		    (unhex[text.p[2 * i + 1]] - 1));
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
	size_t i;

	for (i = 0; i + 3 <= s.len; i += 3) {
		uint32_t v = (uint32_t)s.p[i] << 16 |
		    (uint32_t)s.p[i + 1] << 8 | s.p[i + 2];

		*out++ = b64[v >> 18];
		*out++ = b64[v >> 12 & 63];
		*out++ = b64[v >> 6 & 63];
		*out++ = b64[v & 63];
	}
	if (s.len - i == 1) {
		*out++ = b64[s.p[i] >> 2];
		*out++ = b64[(s.p[i] & 3) << 4];
		*out++ = '=';
		*out++ = '=';
	} else if (s.len - i == 2) {
		*out++ = b64[s.p[i] >> 2];
		*out++ = b64[(s.p[i] & 3) << 4 | s.p[i + 1] >> 4];
		*out++ = b64[(s.p[i + 1] & 15) << 2];
		*out++ = '=';
	}
}

/* Values of the base64 digits plus 1; 0 is none. */
static const uint8_t unb64[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6,
	['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12,
	['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17,
	['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
	['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27,
	['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37,
	['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47,
	['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52,
	['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57,
	['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62,
	['+'] = 63, ['/'] = 64
};

/* Three bytes of four digits; false: one is none. */
static bool
unbase64_group(uint32_t *v, const uint8_t p[4])
{
	uint32_t a = unb64[p[0]], b = unb64[p[1]], c = unb64[p[2]];
	uint32_t d = unb64[p[3]];

	*v = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
	return a > 0 && b > 0 && c > 0 && d > 0;
}

bool
text_unbase64(uint8_t *out, size_t *len, struct span text)
{
	size_t pad = 0, n = 0, whole = text.len;
	uint8_t last[4];
	uint32_t v;

	if (text.len % 4 != 0)
		return false;
	if (text.len > 0 && text.p[text.len - 1] == '=') {
		pad = text.p[text.len - 2] == '=' ? 2 : 1;
		whole -= 4;
	}
	for (size_t i = 0; i < whole; i += 4) {
		if (!unbase64_group(&v, text.p + i))
			return false;
		out[n++] = (uint8_t)(v >> 16);
		out[n++] = (uint8_t)(v >> 8);
		out[n++] = (uint8_t)v;
	}
	if (pad > 0) {
		memcpy(last, text.p + whole, 4);
		memset(last + 4 - pad, 'A', pad);
		/* Spare bits must be zero: one encoding a value. */
		if (!unbase64_group(&v, last) ||
		    (v & (pad == 1 ? 0xff : 0xffff)) != 0)
			return false;
		out[n++] = (uint8_t)(v >> 16);
		if (pad == 1)
			out[n++] = (uint8_t)(v >> 8);
	}
	*len = n;
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
