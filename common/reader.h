/*
 * reader.h -- a cursor over borrowed bytes.
 *
 * Every parse of binary bytes from outside goes through it: an || chain in
 * the order of the format, closed by rd_end().  A read that would pass the
 * end returns false and moves nothing.
 */
#ifndef AICERT_COMMON_READER_H
#define AICERT_COMMON_READER_H

#include "common/bytes.h"
#include "common/err.h"

struct reader {
	struct span left; /* what is not read yet */
};

static inline struct reader
rd_of(struct span s)
{
	return (struct reader){ s };
}

/* Next integer, big-endian; the _le forms little-endian. */
AC_MUST_CHECK bool rd_u8(struct reader *r, uint8_t *out);
AC_MUST_CHECK bool rd_be16(struct reader *r, uint16_t *out);
AC_MUST_CHECK bool rd_be32(struct reader *r, uint32_t *out);
AC_MUST_CHECK bool rd_be64(struct reader *r, uint64_t *out);
AC_MUST_CHECK bool rd_le16(struct reader *r, uint16_t *out);
AC_MUST_CHECK bool rd_le32(struct reader *r, uint32_t *out);
AC_MUST_CHECK bool rd_le64(struct reader *r, uint64_t *out);

/* Next n bytes, borrowed. */
AC_MUST_CHECK bool rd_take(struct reader *r, struct span *out, size_t n);

/* A big-endian 16-bit (32-bit) length of at most max, then so many bytes. */
AC_MUST_CHECK bool rd_take_be16(struct reader *r, struct span *out, size_t max);
AC_MUST_CHECK bool rd_take_be32(struct reader *r, struct span *out, size_t max);

/* The bytes up to the next LF, which is consumed and not part of *out. */
AC_MUST_CHECK bool rd_line(struct reader *r, struct span *out);

/* The bytes up to the next c, consumed likewise. */
AC_MUST_CHECK bool rd_until(struct reader *r, struct span *out, uint8_t c);

/* Exactly these characters. */
AC_MUST_CHECK bool rd_text(struct reader *r, const char *text);

/* All that is left, maybe nothing. */
struct span rd_rest(struct reader *r);

/* Is nothing left? */
AC_MUST_CHECK bool rd_end(const struct reader *r);

#endif
