/*
 * merkle.h -- the Merkle tree of the log: hashing, growing, proofs, tiles.
 *
 * Pure: no I/O, no allocation, no clock, no global state.  Sizes and indices
 * count leaves.  Hashes are SHA-256 with the leaf and node prefixes of
 * RFC 6962 section 2.1; proofs are those of RFC 9162 section 2.1; tiles are
 * those of C2SP tlog-tiles.
 */
#ifndef AICERT_MERKLE_MERKLE_H
#define AICERT_MERKLE_MERKLE_H

#include "common/bytes.h"
#include "common/err.h"

#define MERKLE_SIZE_MAX ((uint64_t)INT64_MAX) /* leaves; SQLite's INTEGER */
#define MERKLE_PROOF_MAX 64                   /* hashes, any proof, any size */
#define MERKLE_TILE_WIDTH 256                 /* hashes of a full tile */
#define MERKLE_TILE_PATH_MAX 96               /* bytes of a tile's path + NUL */

/* The perfect subtrees of a growing tree, largest first.  Zeroed = empty. */
struct merkle_frontier {
	uint64_t size;          /* popcount(size) of peak[] are in use */
	struct digest peak[63];
};

/* One stored node: root of the leaves [index << level, (index+1) << level). */
struct merkle_node {
	unsigned level;
	uint64_t index;
};

/*
 * Which nodes a proof is made of, in the order of the proof.  Hash i of the
 * proof is the root over nodes[first[i] .. first[i+1]), folded from the right
 * (the last two are joined first): more than one only where the proof steps
 * over the incomplete right edge of the tree.
 */
struct merkle_plan {
	size_t nhashes;                              /* length of the proof */
	size_t first[MERKLE_PROOF_MAX + 1];          /* into nodes[] */
	struct merkle_node nodes[2 * MERKLE_PROOF_MAX];
};

/* One tile of C2SP tlog-tiles. */
struct merkle_tile {
	unsigned level;  /* 0..63; none above 7 up to MERKLE_SIZE_MAX */
	uint64_t index;
	unsigned width;  /* hashes, 1..256; < 256 is a partial tile */
};

/* Hash of one entry: SHA-256(0x00 || entry).  Any length is valid. */
struct digest merkle_leaf(struct span entry);

/* Hash of an interior node: SHA-256(0x01 || left || right). */
struct digest merkle_node_hash(const struct digest *left,
    const struct digest *right);

/* Root of the empty tree: SHA-256(""). */
struct digest merkle_empty(void);

/* Append one leaf hash.  AC_ERR_LIMIT, and *f unchanged, at MERKLE_SIZE_MAX. */
AC_MUST_CHECK enum ac_err merkle_push(struct merkle_frontier *f,
    const struct digest *leaf);

/* Root of the tree in *f. */
struct digest merkle_root(const struct merkle_frontier *f);

/*
 * Root over nodes[0..n), perfect subtrees from left to right, folded from the
 * right; n >= 1.
 */
struct digest merkle_fold(const struct digest nodes[], size_t n);

/*
 * The nodes that the inclusion proof of leaf index in a tree of size leaves
 * is made of (RFC 9162 section 2.1.3.1).  AC_ERR_FORMAT unless
 * index < size <= MERKLE_SIZE_MAX.
 */
AC_MUST_CHECK enum ac_err merkle_plan_inclusion(struct merkle_plan *plan,
    uint64_t index, uint64_t size);

/*
 * The same for the consistency proof from size1 to size2 (section 2.1.4.1);
 * no hashes where size1 == size2.  AC_ERR_FORMAT unless
 * 1 <= size1 <= size2 <= MERKLE_SIZE_MAX.
 */
AC_MUST_CHECK enum ac_err merkle_plan_consistency(struct merkle_plan *plan,
    uint64_t size1, uint64_t size2);

/*
 * Root that leaf, the index-th of size leaves, and proof[0..nproof) lead to
 * (section 2.1.3.2; proof runs from the leaf's sibling up).
 * AC_ERR_FORMAT: not index < size <= MERKLE_SIZE_MAX, or nproof is not the one
 * right length.  Sizes of the same shape around index lead to the same root:
 * only a root known for size, as a checkpoint states it, says that size is true.
 */
AC_MUST_CHECK enum ac_err merkle_root_from_inclusion(struct digest *root,
    uint64_t index, uint64_t size, const struct digest *leaf,
    const struct digest proof[], size_t nproof);

/* merkle_root_from_inclusion(), then AC_ERR_MISMATCH unless it is root. */
AC_MUST_CHECK enum ac_err merkle_check_inclusion(uint64_t index, uint64_t size,
    const struct digest *leaf, const struct digest *root,
    const struct digest proof[], size_t nproof);

/*
 * Is the tree (size2, root2) an extension of (size1, root1)?
 * proof[0..nproof) is that of section 2.1.4.1, empty if and only if
 * size1 == size2.  AC_ERR_FORMAT: not 1 <= size1 <= size2 <= MERKLE_SIZE_MAX,
 * or nproof is not the one right length; AC_ERR_MISMATCH: the proof leads to
 * other roots.  Sizes and roots belong together, as above.
 */
AC_MUST_CHECK enum ac_err merkle_check_consistency(uint64_t size1,
    uint64_t size2, const struct digest *root1, const struct digest *root2,
    const struct digest proof[], size_t nproof);

/*
 * The roots of both trees that nodes[0..n) lead to: nodes[0] is the last
 * perfect subtree of the first tree, nodes[1..n) the rest of the consistency
 * proof, which itself leaves nodes[0] out where size1 is a power of two.  Where
 * *root2 is that of a known tree, *root1 is the root of its first size1 leaves,
 * whatever anybody else says.  AC_ERR_FORMAT: not 1 <= size1 < size2 <=
 * MERKLE_SIZE_MAX, or n is not the one right length.
 */
AC_MUST_CHECK enum ac_err merkle_roots_from_consistency(struct digest *root1,
    struct digest *root2, uint64_t size1, uint64_t size2,
    const struct digest nodes[], size_t n);

/*
 * Path of a tile below the log's prefix, "tile/<L>/<N>[.p/<W>]", with NUL;
 * entries: "tile/entries/<N>[.p/<W>]", level not read.
 */
void merkle_tile_path(char out[MERKLE_TILE_PATH_MAX],
    const struct merkle_tile *tile, bool entries);

/*
 * Parse exactly such a path (no leading "/", no leading zeros, every element
 * but the last with its "x"; level <= 63, index <= MERKLE_SIZE_MAX).  False
 * otherwise.  For entries the level is 0.
 */
AC_MUST_CHECK bool merkle_tile_parse(struct merkle_tile *tile, bool *entries,
    struct span path);

/*
 * Is tile one that a log of size leaves has: full, or of exactly the width
 * that size leaves at its right edge?  Entry bundles ask with level 0.
 */
bool merkle_tile_exists(const struct merkle_tile *tile, uint64_t size);

/*
 * Where the hash of a node is stored: the tile (with the width it has in a
 * tree of size leaves) and the range [*offset, *offset + *count) of its
 * hashes whose fold is the node; *count is a power of two up to 128, 1 where
 * the node itself is stored.  The node lies within size.
 */
void merkle_tile_of_node(struct merkle_tile *tile, unsigned *offset,
    unsigned *count, struct merkle_node node, uint64_t size);

/* Root of the perfect subtree over hashes[0..n), n a power of two <= 256. */
struct digest merkle_perfect_root(const struct digest hashes[], size_t n);

#endif
