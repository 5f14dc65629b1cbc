/* tiles.c -- tiles, bundles, proofs out of them; see tiles.h. */
#include <inttypes.h>

#include "auditor/tiles.h"
#include "common/reader.h"

static enum ac_err
wrong_form(const struct source *s, const char *path, struct message *why,
    const char *what)
{
	message_set(why, "%s in ", path);
	message_add_quoted(why, span_str(source_place(s)));
	message_add(why, " is not %s", what);
	return AC_ERR_FORMAT;
}

/* Read a tile or bundle; *width is what was there, maybe the full one. */
static enum ac_err
get(struct source *s, struct buf *out, char path[MERKLE_TILE_PATH_MAX],
    struct merkle_tile *tile, bool entries, size_t max, struct message *why)
{
	enum ac_err e;

	merkle_tile_path(path, tile, entries);
	e = source_get(s, out, path, max, why);
	if (e == AC_ERR_NOT_FOUND && tile->width < MERKLE_TILE_WIDTH) {
		struct message ignored;

		tile->width = MERKLE_TILE_WIDTH;
		merkle_tile_path(path, tile, entries);
		e = source_get(s, out, path, max, &ignored);
		if (e != AC_OK && e != AC_ERR_NOT_FOUND)
			*why = ignored;
	}
	return e;
}

enum ac_err
tiles_read(struct source *s, struct digest hash[MERKLE_TILE_WIDTH],
    const struct merkle_tile *tile, struct message *why)
{
	char path[MERKLE_TILE_PATH_MAX];
	struct merkle_tile had = *tile;
	struct buf b = { 0 };
	enum ac_err e;

	e = get(s, &b, path, &had, false, sizeof(hash[0]) * MERKLE_TILE_WIDTH,
	    why);
	if (e == AC_OK && b.len != had.width * sizeof(hash[0]))
		e = wrong_form(s, path, why, "of as many hashes as its name "
		    "says");
	if (e == AC_ERR_LIMIT)
		e = AC_ERR_FORMAT;
	if (e == AC_OK)
		memcpy(hash, b.p, tile->width * sizeof(hash[0]));
	buf_free(&b);
	return e;
}

enum ac_err
tiles_split(struct span entry[MERKLE_TILE_WIDTH], struct span bundle,
    unsigned width)
{
	struct reader r = rd_of(bundle);

	for (unsigned i = 0; i < width; i++)
		if (!rd_take_be16(&r, &entry[i], LEAF_MAX))
			return AC_ERR_FORMAT;
	return rd_end(&r) ? AC_OK : AC_ERR_FORMAT;
}

enum ac_err
tiles_bundle(struct source *s, struct buf *out,
    struct span entry[MERKLE_TILE_WIDTH], uint64_t index, unsigned width,
    struct message *why)
{
	struct merkle_tile had = { 0, index, width };
	char path[MERKLE_TILE_PATH_MAX];
	struct span all[MERKLE_TILE_WIDTH];
	struct buf b = { 0 };
	enum ac_err e;

	e = get(s, &b, path, &had, true, TILES_BUNDLE_MAX, why);
	if (e == AC_OK && tiles_split(all, buf_span(&b), had.width) != AC_OK)
		e = wrong_form(s, path, why, "a bundle of as many entries as "
		    "its name says");
	if (e == AC_ERR_LIMIT)
		e = AC_ERR_FORMAT;
	if (e != AC_OK) {
		buf_free(&b);
		return e;
	}
	memcpy(entry, all, width * sizeof(entry[0]));
	*out = b;
	return AC_OK;
}

/* The hash of a node of the tree of size leaves. */
static enum ac_err
get_node(struct tiles *t, struct digest *out, struct merkle_node node,
    uint64_t size, struct message *why)
{
	struct merkle_tile tile;
	unsigned offset, count;
	enum ac_err e = AC_OK;

	merkle_tile_of_node(&tile, &offset, &count, node, size);
	if (!t->last[tile.level].used ||
	    t->last[tile.level].tile.index != tile.index ||
	    t->last[tile.level].tile.width < offset + count) {
		t->last[tile.level].used = false;
		e = tiles_read(t->source, t->last[tile.level].hash, &tile, why);
		t->last[tile.level].tile = tile;
		t->last[tile.level].used = e == AC_OK;
	}
	if (e == AC_OK)
		*out = merkle_perfect_root(t->last[tile.level].hash + offset,
		    count);
	return e;
}

enum ac_err
tiles_consistency(struct tiles *t, struct digest nodes[MERKLE_PROOF_MAX + 1],
    size_t *n, uint64_t size1, uint64_t size2, struct message *why)
{
	struct merkle_plan plan;
	size_t m = 0;
	enum ac_err e;

	if (merkle_plan_consistency(&plan, size1, size2) != AC_OK ||
	    size1 == size2) {
		message_set(why, "no consistency proof can lead from size %"
		    PRIu64 " to %" PRIu64, size1, size2);
		return AC_ERR_FORMAT;
	}
	if ((size1 & (size1 - 1)) == 0) {
		struct merkle_node first = {
			(unsigned)__builtin_ctzll(size1), 0 };

		e = get_node(t, &nodes[m++], first, size2, why);
		if (e != AC_OK)
			return e;
	}
	for (size_t i = 0; i < plan.nhashes; i++) {
		struct digest part[2 * MERKLE_PROOF_MAX];
		size_t first = plan.first[i], k = plan.first[i + 1] - first;

		for (size_t j = 0; j < k; j++) {
			e = get_node(t, &part[j], plan.nodes[first + j], size2,
			    why);
			if (e != AC_OK)
				return e;
		}
		nodes[m++] = merkle_fold(part, k);
	}
	*n = m;
	return AC_OK;
}
