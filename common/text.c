/* text.c -- strict text codecs; see text.h. */
#include "common/text.h"

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

/* Value of a lower-case hex digit, or -1. */
static int
unhex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool
text_unhex(uint8_t *out, size_t len, struct span text)
{
	if (text.len % 2 != 0 || text.len / 2 != len)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (unhex_digit(text.p[i]) < 0)
			return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(unhex_digit(text.p[2 * i]) << 4 |
		    unhex_digit(text.p[2 * i + 1]));
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

/* Value of a base64 digit, or -1. */
static int
unbase64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
text_unbase64(uint8_t *out, size_t *len, struct span text)
{
	size_t pad = 0, n = 0;

	if (text.len % 4 != 0)
		return false;
	if (text.len > 0 && text.p[text.len - 1] == '=')
		pad = text.p[text.len - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < text.len; i += 4) {
		size_t drop = i + 4 == text.len ? pad : 0;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k >= 4 - drop ? 0 :
			    unbase64_digit(text.p[i + k]);

			if (d < 0)
				return false;
			v = v << 6 | (uint32_t)d;
		}
		/* Spare bits must be zero: one encoding a value. */
		if ((drop == 1 && (v & 0xff) != 0) ||
		    (drop == 2 && (v & 0xffff) != 0))
			return false;
		out[n++] = (uint8_t)(v >> 16);
		if (drop < 2)
			out[n++] = (uint8_t)(v >> 8);
		if (drop < 1)
			out[n++] = (uint8_t)v;
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
		uint8_t c = s.p[i];
		size_t n = c < 0x80 ? 0 : c < 0xc2 ? 4 : c < 0xe0 ? 1 :
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
