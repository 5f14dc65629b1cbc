/* proof.c -- proofs from tiles; see proof.h. */
#include <stdlib.h>

#include "registry/proof.h"

#define SLOTS 64  /* expanded tiles, 16 KiB each */
#define HEIGHTS 9 /* of the nodes within a tile: 2^0..2^8 hashes below */

/* A tile and every perfect subtree within it. */
struct expanded {
	bool used;
	unsigned level, width;
	uint64_t index;
	/* Those of height h begin at 512 - (512 >> h). */
	struct digest node[2 * MERKLE_TILE_WIDTH];
};

struct proof {
	struct store *store;
	struct expanded slot[SLOTS];
};

enum ac_err
proof_new(struct proof **out, struct store *s)
{
	struct proof *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return AC_ERR_MEMORY;
	p->store = s;
	*out = p;
	return AC_OK;
}

void
proof_free(struct proof *p)
{
	free(p);
}

static struct digest *
nodes_at(struct expanded *t, unsigned height)
{
	return t->node + (512u - (512u >> height));
}

/* *out = the tile with at least so many hashes. */
static enum ac_err
load(struct proof *p, struct expanded **out, unsigned level, uint64_t index,
    unsigned width)
{
	struct expanded *t = &p->slot[(index * 5 + level) % SLOTS];
	size_t n = 0;
	enum ac_err e;

	if (t->used && t->level == level && t->index == index &&
	    t->width >= width) {
		*out = t;
		return AC_OK;
	}
	t->used = false;
	e = store_tile(p->store, t->node, &n, level, index);
	if (e == AC_ERR_NOT_FOUND || (e == AC_OK && n < width))
		return AC_ERR_IO;
	if (e != AC_OK)
		return e;
	for (unsigned h = 1; h < HEIGHTS; h++)
		for (size_t i = 0; i < n >> h; i++)
			nodes_at(t, h)[i] = merkle_node_hash(
			    &nodes_at(t, h - 1)[2 * i],
			    &nodes_at(t, h - 1)[2 * i + 1]);
	t->level = level;
	t->index = index;
	t->width = (unsigned)n;
	t->used = true;
	*out = t;
	return AC_OK;
}

static enum ac_err
get_node(struct proof *p, struct digest *out, struct merkle_node node,
    uint64_t size)
{
	struct merkle_tile tile;
	struct expanded *t = NULL;
	unsigned offset, count, height = 0;
	enum ac_err e;

	merkle_tile_of_node(&tile, &offset, &count, node, size);
	e = load(p, &t, tile.level, tile.index, offset + count);
	if (e != AC_OK)
		return e;
	while (count >> height > 1)
		height++;
	*out = nodes_at(t, height)[offset >> height];
	return AC_OK;
}

static enum ac_err
follow(struct proof *p, struct digest hashes[MERKLE_PROOF_MAX], size_t *n,
    const struct merkle_plan *plan, uint64_t size)
{
	for (size_t i = 0; i < plan->nhashes; i++) {
		struct digest part[2 * MERKLE_PROOF_MAX];
		size_t first = plan->first[i], m = plan->first[i + 1] - first;

		for (size_t k = 0; k < m; k++) {
			enum ac_err e = get_node(p, &part[k],
			    plan->nodes[first + k], size);

			if (e != AC_OK)
				return e;
		}
		hashes[i] = merkle_fold(part, m);
	}
	*n = plan->nhashes;
	return AC_OK;
}

enum ac_err
proof_inclusion(struct proof *p, struct digest hashes[MERKLE_PROOF_MAX],
    size_t *n, uint64_t index, uint64_t size)
{
	struct merkle_plan plan;
	enum ac_err e = merkle_plan_inclusion(&plan, index, size);

	return e == AC_OK ? follow(p, hashes, n, &plan, size) : e;
}

enum ac_err
proof_root(struct proof *p, struct digest *root, uint64_t size)
{
	struct digest hashes[MERKLE_PROOF_MAX], leaf;
	struct merkle_node last = { 0, size - 1 };
	size_t n = 0;
	enum ac_err e = proof_inclusion(p, hashes, &n, size - 1, size);

	if (e == AC_OK)
		e = get_node(p, &leaf, last, size);
	return e == AC_OK ? merkle_root_from_inclusion(root, size - 1, size,
	    &leaf, hashes, n) : e;
}

enum ac_err
proof_consistency(struct proof *p, struct digest hashes[MERKLE_PROOF_MAX],
    size_t *n, uint64_t size1, uint64_t size2)
{
	struct merkle_plan plan;
	enum ac_err e = merkle_plan_consistency(&plan, size1, size2);

	return e == AC_OK ? follow(p, hashes, n, &plan, size2) : e;
}
