/*
 * writer.h -- append bytes to a growing buffer under a cap.
 *
 * Sticky: after the first failure (over the cap, no memory) every further
 * write does nothing, and wr_end() is the one check.
 */
#ifndef AICERT_COMMON_WRITER_H
#define AICERT_COMMON_WRITER_H

#include "common/bytes.h"
#include "common/err.h"

struct writer {
	uint8_t *p;
	size_t len, cap, max;
	enum ac_err err;
};

/* Owned bytes p[0..len), p[len] is NUL; freed by buf_free(). */
struct buf {
	uint8_t *p;
	size_t len;
};

static inline struct span
buf_span(const struct buf *b)
{
	return span_of(b->p, b->len);
}

/* Free what b owns and zero it; nothing for a zeroed b. */
void buf_free(struct buf *b);

/* Wipe, then free. */
void buf_wipe(struct buf *b);

/* *out = a copy of s.  AC_ERR_MEMORY. */
AC_MUST_CHECK enum ac_err buf_copy(struct buf *out, struct span s);

/* An empty writer that takes at most max bytes. */
void wr_init(struct writer *w, size_t max);

void wr_bytes(struct writer *w, struct span s);
void wr_str(struct writer *w, const char *s);
void wr_u8(struct writer *w, uint8_t v);
void wr_be16(struct writer *w, uint16_t v);
void wr_be32(struct writer *w, uint32_t v);
void wr_be64(struct writer *w, uint64_t v);
void wr_le32(struct writer *w, uint32_t v);
void wr_printf(struct writer *w, const char *fmt, ...) AC_PRINTF(2, 3);

/* Lower-case hex, standard padded base64, decimal of v. */
void wr_hex(struct writer *w, struct span s);
void wr_base64(struct writer *w, struct span s);
void wr_dec(struct writer *w, uint64_t v);

/*
 * s as a JSON string with its quotes.  Escaped are what RFC 8259 demands
 * (\" \\ \b \f \n \r \t and \u00XX); s must be UTF-8, else AC_ERR_FORMAT.
 */
void wr_json(struct writer *w, struct span s);

/*
 * Hand the bytes over to *out and leave *w empty.  AC_ERR_LIMIT,
 * AC_ERR_MEMORY or AC_ERR_FORMAT: the first thing that went wrong; *w is
 * freed then.
 */
AC_MUST_CHECK enum ac_err wr_end(struct writer *w, struct buf *out);

/* Give up: free what was written. */
void wr_free(struct writer *w);

#endif
