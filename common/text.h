/*
 * text.h -- strict text codecs: hex, base64 (RFC 4648 section 4), decimal,
 * UTF-8.  Each value has one accepted encoding: lower-case hex, padded base64
 * with zero spare bits, decimal without leading zeros.
 */
#ifndef AICERT_COMMON_TEXT_H
#define AICERT_COMMON_TEXT_H

#include "common/bytes.h"
#include "common/err.h"

/* Write 2 * s.len characters to out; no NUL. */
void text_hex(char *out, struct span s);

/* Decode exactly 2 * len lower-case hex digits into out[0..len). */
AC_MUST_CHECK bool text_unhex(uint8_t *out, size_t len, struct span text);

/* "sha256"-sized hex: exactly 64 lower-case digits. */
AC_MUST_CHECK bool text_unhex_digest(struct digest *out, struct span text);

/* Characters of the padded base64 of len bytes. */
size_t text_base64_len(size_t len);

/* Write text_base64_len(s.len) characters to out; no NUL. */
void text_base64(char *out, struct span s);

/*
 * Decode text into out[0..*len); room for text.len / 4 * 3 bytes is needed.
 * False: not the canonical padded encoding of anything.
 */
AC_MUST_CHECK bool text_unbase64(uint8_t *out, size_t *len, struct span text);

/* Decode text that must encode exactly len bytes. */
AC_MUST_CHECK bool text_unbase64_exact(uint8_t *out, size_t len,
    struct span text);

/* Decimal of at most max, without sign or leading zeros. */
AC_MUST_CHECK bool text_undec(uint64_t *out, struct span text, uint64_t max);

/* Is s well-formed UTF-8 (no surrogates, no overlong forms)?  NUL is. */
bool text_is_utf8(struct span s);

/* Is s UTF-8 without control characters (C0, DEL, U+0080 to U+009F)? */
bool text_is_plain(struct span s);

/*
 * The one of names[0..n) that is at most two edits (insert, drop, change, swap
 * neighbours) from word, the nearest; NULL where none is.
 */
const char *text_nearest(const char *const names[], size_t n,
    struct span word);

#endif
