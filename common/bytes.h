/*
 * bytes.h -- borrowed byte spans, constant-time comparison, wiping, and
 * checked arithmetic.
 */
#ifndef AICERT_COMMON_BYTES_H
#define AICERT_COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Elements of an array. */
#define AC_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Borrowed bytes p[0..len): valid as long as whatever they point into. */
struct span {
	const uint8_t *p;
	size_t len;
};

/* A SHA-256 digest. */
struct digest {
	uint8_t b[32];
};

static inline struct span
span_of(const void *p, size_t len)
{
	return (struct span){ p, len };
}

/* The characters of s, without its NUL. */
static inline struct span
span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static inline struct span
span_digest(const struct digest *d)
{
	return (struct span){ d->b, sizeof(d->b) };
}

/* Do a[0..len) and b[0..len) hold the same bytes?  Constant time in len. */
bool ac_equal(const void *a, const void *b, size_t len);

/* Same length and same bytes?  Constant time in the length. */
bool span_equal(struct span a, struct span b);

/* Is s the string str? */
bool span_is(struct span s, const char *str);

/* Does s begin, or end, with str? */
bool span_begins(struct span s, const char *str);
bool span_ends(struct span s, const char *str);

/* Is every byte of s zero? */
bool span_is_zero(struct span s);

bool digest_equal(const struct digest *a, const struct digest *b);

/*
 * Order of s and t as unsigned bytes, the shorter first where one begins the
 * other: negative, 0 or positive.  UTF-8 sorts by code point.
 */
int span_compare(struct span s, struct span t);

/* Overwrite p[0..len) so that the compiler cannot leave it out. */
void ac_wipe(void *p, size_t len);

/* *sum = a + b, or false and *sum unchanged where it does not fit. */
static inline bool
ac_add(size_t *sum, size_t a, size_t b)
{
	size_t s;

	if (__builtin_add_overflow(a, b, &s))
		return false;
	*sum = s;
	return true;
}

/* *product = a * b, or false and *product unchanged where it does not fit. */
static inline bool
ac_mul(size_t *product, size_t a, size_t b)
{
	size_t s;

	if (__builtin_mul_overflow(a, b, &s))
		return false;
	*product = s;
	return true;
}

#endif
