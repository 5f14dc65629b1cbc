/*
 * derive.h -- every tile of a log out of its leaf hashes.  Pure: whoever feeds
 * the leaves is handed each tile when it is complete.
 */
#ifndef AICERT_AUDITOR_DERIVE_H
#define AICERT_AUDITOR_DERIVE_H

#include "auditor/tiles.h"

struct derive {
	uint64_t size;
	struct {
		uint64_t index; /* of the tile being filled */
		unsigned n;     /* its hashes so far, below 256 */
		struct digest hash[MERKLE_TILE_WIDTH];
	} level[TILES_LEVELS];
};

/* Takes a tile; what it returns ends the derivation. */
typedef enum ac_err derive_take(void *arg, const struct merkle_tile *tile,
    const struct digest hash[]);

/* Append one leaf; take() is given each tile that it fills.  AC_ERR_LIMIT. */
AC_MUST_CHECK enum ac_err derive_push(struct derive *d,
    const struct digest *leaf, derive_take *take, void *arg);

/* Give take() the partial tiles at the right edge. */
AC_MUST_CHECK enum ac_err derive_edge(const struct derive *d,
    derive_take *take, void *arg);

/* The perfect subtrees of the leaves so far. */
void derive_frontier(const struct derive *d, struct merkle_frontier *out);

/* Root of the leaves so far. */
struct digest derive_root(const struct derive *d);

#endif
