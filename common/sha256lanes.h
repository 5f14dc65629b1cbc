/*
 * sha256lanes.h -- SHA-256 of many independent streams at once: a vector
 * register holds the same word of 16 streams (AVX-512) or of 8 (AVX2), and one
 * instruction is a step of all of them; or two streams take turns in the CPU's
 * SHA extensions, which wait for each other less than one does for itself.
 *
 * The states are those of sha256.h and live there between calls, so that a
 * stream moves freely between this, sha256_update() and sha256_final().  What
 * the CPU lacks is left to sha256_update().  x86-64 only; elsewhere all is.
 */
#ifndef AICERT_COMMON_SHA256LANES_H
#define AICERT_COMMON_SHA256LANES_H

#include "common/sha256.h"

#define SHA256LANES_MAX 16 /* streams that one call can use well */

/* Ways to hash several streams: bits of a set. */
enum sha256lanes_way {
	SHA256LANES_PAIRS = 1, /* two streams in the SHA extensions */
	SHA256LANES_8 = 2,     /* eight in AVX2 */
	SHA256LANES_16 = 4,    /* sixteen in AVX-512 */
};

/* The ways of this CPU; ask once, the answer takes microseconds. */
unsigned sha256lanes_ways(void);

/*
 * sha256_update(s[i], data[i]) for every i of [0..n), n <= SHA256LANES_MAX,
 * all of s different, by the best of ways, a subset of sha256lanes_ways().
 * Best in large pieces of about one length.
 */
void sha256lanes_update(unsigned ways, struct sha256 *const s[],
    const struct span data[], size_t n);

#endif
