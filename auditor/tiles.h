/*
 * tiles.h -- tiles and entry bundles of a log: their form, and the proofs that
 * they hold.  What they say is not checked but for that.
 */
#ifndef AICERT_AUDITOR_TILES_H
#define AICERT_AUDITOR_TILES_H

#include "auditor/source.h"
#include "cert/limits.h"
#include "merkle/merkle.h"

/* Bytes of an entry bundle. */
#define TILES_BUNDLE_MAX (MERKLE_TILE_WIDTH * (LEAF_MAX + (size_t)2))
#define TILES_LEVELS 8 /* tile levels that MERKLE_SIZE_MAX needs */

/* The tiles read last, one of each level. */
struct tiles {
	struct source *source; /* borrowed */
	struct {
		bool used;
		struct merkle_tile tile;
		struct digest hash[MERKLE_TILE_WIDTH];
	} last[TILES_LEVELS];
};

/*
 * hash[0..tile->width) = the tile.  Where a partial tile is absent, the full
 * one stands in.  AC_ERR_FORMAT: not of that many hashes; else as
 * source_get().
 */
AC_MUST_CHECK enum ac_err tiles_read(struct source *s,
    struct digest hash[MERKLE_TILE_WIDTH], const struct merkle_tile *tile,
    struct message *why);

/*
 * entry[0..width) = the entries of bundle index, which borrow from *out; owned
 * by the caller.  Likewise.
 */
AC_MUST_CHECK enum ac_err tiles_bundle(struct source *s, struct buf *out,
    struct span entry[MERKLE_TILE_WIDTH], uint64_t index, unsigned width,
    struct message *why);

/* Take a bundle of exactly width entries apart.  AC_ERR_FORMAT. */
AC_MUST_CHECK enum ac_err tiles_split(struct span entry[MERKLE_TILE_WIDTH],
    struct span bundle, unsigned width);

/*
 * nodes[0..*n) as merkle_roots_from_consistency() takes them, from the tiles of
 * the tree of size2; 1 <= size1 < size2.
 */
AC_MUST_CHECK enum ac_err tiles_consistency(struct tiles *t,
    struct digest nodes[MERKLE_PROOF_MAX + 1], size_t *n, uint64_t size1,
    uint64_t size2, struct message *why);

#endif
