/*
 * tree.h -- the right edge of the growing log: the last tile of each level,
 * from which a batch makes new tiles and the new root.  It is loaded from a
 * store and saved to it; it decides nothing.
 */
#ifndef AICERT_REGISTRY_TREE_H
#define AICERT_REGISTRY_TREE_H

#include "registry/store.h"

#define TREE_LEVELS 8 /* tile levels that MERKLE_SIZE_MAX needs */

struct tree {
	uint64_t size;
	struct {
		unsigned n; /* hashes in the tile at the edge: 0..255 */
		bool dirty; /* n > 0 and not as stored */
		struct digest hash[MERKLE_TILE_WIDTH];
	} edge[TREE_LEVELS];
};

/*
 * Load the tree of head from s.  AC_ERR_MISMATCH: the stored tiles do not
 * have that root; AC_ERR_IO.
 */
AC_MUST_CHECK enum ac_err tree_load(struct tree *out, struct store *s,
    const struct store_head *head);

/* Append a leaf hash; tiles that it fills are put into s. */
AC_MUST_CHECK enum ac_err tree_push(struct tree *t, struct store *s,
    const struct digest *leaf);

/* Put the tiles at the edge into s. */
AC_MUST_CHECK enum ac_err tree_save(struct tree *t, struct store *s);

struct digest tree_root(const struct tree *t);

#endif
