/* tree.c -- the edge tiles of the log; see tree.h. */
#include "registry/tree.h"

enum ac_err
tree_load(struct tree *out, struct store *s, const struct store_head *head)
{
	uint64_t size = head->size; /* in hashes of this level */
	struct digest root;

	*out = (struct tree){ .size = head->size };
	for (unsigned l = 0; l < TREE_LEVELS; l++) {
		unsigned n = (unsigned)(size % MERKLE_TILE_WIDTH);
		size_t stored = 0;
		enum ac_err e;

		size /= MERKLE_TILE_WIDTH;
		out->edge[l].n = n;
		if (n == 0)
			continue;
		e = store_tile(s, out->edge[l].hash, &stored, l, size);
		if (e == AC_ERR_NOT_FOUND || (e == AC_OK && stored != n))
			return AC_ERR_MISMATCH;
		if (e != AC_OK)
			return e;
	}
	root = tree_root(out);
	return digest_equal(&root, &head->root) ? AC_OK : AC_ERR_MISMATCH;
}

/* Index of the tile at the edge of level l. */
static uint64_t
edge_index(const struct tree *t, unsigned l)
{
	return (t->size >> (8 * l)) / MERKLE_TILE_WIDTH;
}

enum ac_err
tree_push(struct tree *t, struct store *s, const struct digest *leaf)
{
	struct digest hash = *leaf;

	if (t->size == MERKLE_SIZE_MAX)
		return AC_ERR_LIMIT;
	for (unsigned l = 0; l < TREE_LEVELS; l++) {
		enum ac_err e;

		t->edge[l].hash[t->edge[l].n++] = hash;
		t->edge[l].dirty = true;
		if (t->edge[l].n < MERKLE_TILE_WIDTH)
			break;
		e = store_put_tile(s, l, edge_index(t, l), t->edge[l].hash,
		    MERKLE_TILE_WIDTH);
		if (e != AC_OK)
			return e;
		hash = merkle_perfect_root(t->edge[l].hash, MERKLE_TILE_WIDTH);
		t->edge[l].n = 0;
		t->edge[l].dirty = false;
	}
	t->size++;
	return AC_OK;
}

enum ac_err
tree_save(struct tree *t, struct store *s)
{
	for (unsigned l = 0; l < TREE_LEVELS; l++) {
		enum ac_err e;

		if (!t->edge[l].dirty)
			continue;
		e = store_put_tile(s, l, edge_index(t, l), t->edge[l].hash,
		    t->edge[l].n);
		if (e != AC_OK)
			return e;
		t->edge[l].dirty = false;
	}
	return AC_OK;
}

struct digest
tree_root(const struct tree *t)
{
	struct digest peak[TREE_LEVELS * 8];
	size_t n = 0;

	if (t->size == 0)
		return merkle_empty();
	/* The perfect subtrees, largest first. */
	for (unsigned l = TREE_LEVELS; l-- > 0;) {
		unsigned at = 0;

		for (unsigned bit = MERKLE_TILE_WIDTH / 2; bit > 0; bit /= 2) {
			if ((t->edge[l].n & bit) == 0)
				continue;
			peak[n++] = merkle_perfect_root(&t->edge[l].hash[at],
			    bit);
			at += bit;
		}
	}
	return merkle_fold(peak, n);
}
