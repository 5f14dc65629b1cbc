/* derive.c -- tiles out of leaves; see derive.h. */
#include "auditor/derive.h"

enum ac_err
derive_push(struct derive *d, const struct digest *leaf, derive_take *take,
    void *arg)
{
	struct digest h = *leaf;

	if (d->size >= MERKLE_SIZE_MAX)
		return AC_ERR_LIMIT;
	d->size++;
	for (unsigned l = 0; l < TILES_LEVELS; l++) {
		struct merkle_tile tile = { l, d->level[l].index,
			MERKLE_TILE_WIDTH };
		enum ac_err e;

		d->level[l].hash[d->level[l].n++] = h;
		if (d->level[l].n < MERKLE_TILE_WIDTH)
			return AC_OK;
		e = take(arg, &tile, d->level[l].hash);
		if (e != AC_OK)
			return e;
		h = merkle_perfect_root(d->level[l].hash, MERKLE_TILE_WIDTH);
		d->level[l].index++;
		d->level[l].n = 0;
	}
	return AC_OK;
}

enum ac_err
derive_edge(const struct derive *d, derive_take *take, void *arg)
{
	for (unsigned l = 0; l < TILES_LEVELS; l++) {
		struct merkle_tile tile = { l, d->level[l].index,
			d->level[l].n };
		enum ac_err e;

		if (d->level[l].n == 0)
			continue;
		e = take(arg, &tile, d->level[l].hash);
		if (e != AC_OK)
			return e;
	}
	return AC_OK;
}

void
derive_frontier(const struct derive *d, struct merkle_frontier *out)
{
	size_t n = 0;

	out->size = d->size;
	/* From the left: of each level, from the top, its perfect subtrees. */
	for (unsigned l = TILES_LEVELS; l-- > 0;) {
		unsigned at = 0;

		for (unsigned width = MERKLE_TILE_WIDTH / 2; width > 0;
		    width /= 2)
			if ((d->level[l].n & width) != 0) {
				out->peak[n++] = merkle_perfect_root(
				    d->level[l].hash + at, width);
				at += width;
			}
	}
}

struct digest
derive_root(const struct derive *d)
{
	struct merkle_frontier f;

	derive_frontier(d, &f);
	return merkle_root(&f);
}
