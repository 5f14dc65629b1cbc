/* writer.c -- the sticky writer and owned buffers; see writer.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/text.h"
#include "common/writer.h"

void
buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void
buf_wipe(struct buf *b)
{
	if (b->p != NULL)
		ac_wipe(b->p, b->len);
	buf_free(b);
}

enum ac_err
buf_copy(struct buf *out, struct span s)
{
	uint8_t *p = malloc(s.len + 1);

	if (p == NULL)
		return AC_ERR_MEMORY;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	*out = (struct buf){ p, s.len };
	return AC_OK;
}

void
wr_init(struct writer *w, size_t max)
{
	*w = (struct writer){ .max = max };
}

/* Room for n more bytes and a NUL, or NULL with w->err set. */
static uint8_t *
wr_room(struct writer *w, size_t n)
{
	size_t need, cap;
	uint8_t *p;

	if (w->err != AC_OK)
		return NULL;
	if (n > w->max - w->len || !ac_add(&need, w->len, n + 1)) {
		w->err = AC_ERR_LIMIT;
		return NULL;
	}
	if (need > w->cap) {
		cap = w->cap > SIZE_MAX / 2 ? need : w->cap * 2;
		if (cap < need)
			cap = need;
		if (cap < 256)
			cap = 256;
		p = realloc(w->p, cap);
		if (p == NULL) {
			w->err = AC_ERR_MEMORY;
			return NULL;
		}
		w->p = p;
		w->cap = cap;
	}
	return w->p + w->len;
}

void
wr_bytes(struct writer *w, struct span s)
{
	uint8_t *p = wr_room(w, s.len);

	if (p == NULL || s.len == 0)
		return;
	memcpy(p, s.p, s.len);
	w->len += s.len;
}

void
wr_str(struct writer *w, const char *s)
{
	wr_bytes(w, span_str(s));
}

void
wr_u8(struct writer *w, uint8_t v)
{
	wr_bytes(w, span_of(&v, 1));
}

static void
wr_uint(struct writer *w, uint64_t v, unsigned n)
{
	uint8_t b[8];

	for (unsigned i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> 8 * (n - 1 - i));
	wr_bytes(w, span_of(b, n));
}

void
wr_be16(struct writer *w, uint16_t v)
{
	wr_uint(w, v, 2);
}

void
wr_be32(struct writer *w, uint32_t v)
{
	wr_uint(w, v, 4);
}

void
wr_be64(struct writer *w, uint64_t v)
{
	wr_uint(w, v, 8);
}

void
wr_le32(struct writer *w, uint32_t v)
{
	wr_uint(w, __builtin_bswap32(v), 4);
}

void
wr_printf(struct writer *w, const char *fmt, ...)
{
	va_list ap;
	uint8_t *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		if (w->err == AC_OK)
			w->err = AC_ERR_FORMAT;
		return;
	}
	p = wr_room(w, (size_t)n);
	if (p == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf((char *)p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	w->len += (size_t)n;
}

/* What encode() makes of s, n characters. */
static void
wr_encoded(struct writer *w, struct span s, size_t n,
    void (*encode)(char *, struct span))
{
	uint8_t *p = wr_room(w, n);

	if (p == NULL)
		return;
	encode((char *)p, s);
	w->len += n;
}

void
wr_hex(struct writer *w, struct span s)
{
	wr_encoded(w, s, s.len * 2, text_hex);
}

void
wr_base64(struct writer *w, struct span s)
{
	wr_encoded(w, s, text_base64_len(s.len), text_base64);
}

void
wr_dec(struct writer *w, uint64_t v)
{
	wr_printf(w, "%llu", (unsigned long long)v);
}

void
wr_json(struct writer *w, struct span s)
{
	static const char escape[] = "btn\0fr";
	size_t from = 0; /* what stands for itself and is not written yet */

	if (!text_is_utf8(s)) {
		if (w->err == AC_OK)
			w->err = AC_ERR_FORMAT;
		return;
	}
	wr_u8(w, '"');
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		wr_bytes(w, span_of(s.p + from, i - from));
		from = i + 1;
		if (c >= 0x20) {
			wr_u8(w, '\\');
			wr_u8(w, c);
		} else if (c >= '\b' && c <= '\r' && c != '\v') {
			wr_u8(w, '\\');
			wr_u8(w, (uint8_t)escape[c - '\b']);
		} else {
			wr_printf(w, "\\u%04x", c);
		}
	}
	wr_bytes(w, span_of(s.p + from, s.len - from));
	wr_u8(w, '"');
}

enum ac_err
wr_end(struct writer *w, struct buf *out)
{
	enum ac_err e;

	if (wr_room(w, 0) == NULL) {
		e = w->err;
		wr_free(w);
		return e;
	}
	w->p[w->len] = '\0';
	*out = (struct buf){ w->p, w->len };
	*w = (struct writer){ .max = w->max }; /* transferred */
	return AC_OK;
}

void
wr_free(struct writer *w)
{
	free(w->p);
	*w = (struct writer){ .max = w->max };
}
