/*
 * sha256.h -- SHA-256 (FIPS 180-4).
 *
 * The state lives with the caller and no call can fail, so that the pure
 * rooms above need no error path for hashing.
 */
#ifndef AICERT_COMMON_SHA256_H
#define AICERT_COMMON_SHA256_H

#include "common/bytes.h"

struct sha256 {
	uint64_t opaque[16]; /* large enough for the library's state */
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, struct span data);
struct digest sha256_final(struct sha256 *s);

/* Bytes to the end of the block that was begun, 0..63. */
size_t sha256_wanting(const struct sha256 *s);

/*
 * Between two blocks: read the eight words of the state; and set them to what
 * they are after blocks more (sha256lanes.c).
 */
void sha256_state(uint32_t h[static 8], const struct sha256 *s);
void sha256_resume(struct sha256 *s, const uint32_t h[static 8],
    size_t blocks);

/* SHA-256(data). */
struct digest sha256_of(struct span data);

/* SHA-256(a || b): the extension of a PCR, the node of a tree. */
struct digest sha256_of2(struct span a, struct span b);

#endif
