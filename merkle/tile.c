/*
 * tile.c -- names of the tiles of C2SP tlog-tiles, which of them a log has,
 * and where a node is found in them.
 *
 * A tile of level L holds nodes of level 8 * L of the tree; the levels
 * between are recomputed from it.
 */
#include <stdio.h>

#include "common/reader.h"
#include "common/text.h"
#include "merkle/merkle.h"

#define TILE_HEIGHT 8     /* levels of the tree in a level of tiles */
#define TILE_LEVEL_MAX 63 /* of a path */

void
merkle_tile_path(char out[MERKLE_TILE_PATH_MAX],
    const struct merkle_tile *tile, bool entries)
{
	/* 10^18 is the largest power of 1,000 that 64 bits hold. */
	uint64_t unit = 1;
	char *p = out, *end = out + MERKLE_TILE_PATH_MAX;

	if (entries)
		p += snprintf(p, (size_t)(end - p), "tile/entries");
	else
		p += snprintf(p, (size_t)(end - p), "tile/%u", tile->level);
	while (tile->index / unit >= 1000)
		unit *= 1000;
	for (; unit > 0; unit /= 1000)
		p += snprintf(p, (size_t)(end - p), "/%s%03u",
		    unit > 1 ? "x" : "",
		    (unsigned)(tile->index / unit % 1000));
	if (tile->width < MERKLE_TILE_WIDTH)
		(void)snprintf(p, (size_t)(end - p), ".p/%u", tile->width);
}

/* Is width absent (a full tile), or ".p/" and 1..255? */
static bool
parse_width(unsigned *width, struct span text)
{
	struct reader r = rd_of(text);
	struct span suffix;
	uint64_t v = MERKLE_TILE_WIDTH;

	if (text.len > 0 &&
	    (!rd_take(&r, &suffix, 3) || !span_is(suffix, ".p/") ||
		!text_undec(&v, r.left, MERKLE_TILE_WIDTH - 1) || v == 0))
		return false;
	*width = (unsigned)v;
	return true;
}

bool
merkle_tile_parse(struct merkle_tile *tile, bool *entries, struct span path)
{
	struct reader r = rd_of(path);
	struct merkle_tile t = { 0 };
	char again[MERKLE_TILE_PATH_MAX];
	struct span part;
	uint64_t level = 0;
	size_t len = 0;
	bool is_entries;

	if (!rd_until(&r, &part, '/') || !span_is(part, "tile") ||
	    !rd_until(&r, &part, '/'))
		return false;
	is_entries = span_is(part, "entries");
	if (!is_entries && !text_undec(&level, part, TILE_LEVEL_MAX))
		return false;
	t.level = (unsigned)level;

	while (len < r.left.len && r.left.p[len] != '.')
		len++;
	if (!rd_take(&r, &part, len) || !parse_width(&t.width, r.left))
		return false;
	for (size_t i = 0; i < part.len; i++) {
		uint8_t c = part.p[i];

		if (c == 'x' || c == '/')
			continue;
		if (c < '0' || c > '9' ||
		    __builtin_mul_overflow(t.index, 10U, &t.index) ||
		    __builtin_add_overflow(t.index, c - (unsigned)'0',
			&t.index))
			return false;
	}

	/* One path a tile: groups of three, their "x" and "/", no more. */
	merkle_tile_path(again, &t, is_entries);
	if (t.index > MERKLE_SIZE_MAX || !span_is(path, again))
		return false;
	*tile = t;
	*entries = is_entries;
	return true;
}

/* How many hashes the tiles of level hold for a log of size leaves. */
static uint64_t
nhashes(unsigned level, uint64_t size)
{
	return level < 64 / TILE_HEIGHT ? size >> (TILE_HEIGHT * level) : 0;
}

bool
merkle_tile_exists(const struct merkle_tile *tile, uint64_t size)
{
	uint64_t n = nhashes(tile->level, size);
	uint64_t nfull = n / MERKLE_TILE_WIDTH;

	if (tile->width == MERKLE_TILE_WIDTH)
		return tile->index < nfull;
	return tile->width > 0 && tile->index == nfull &&
	    tile->width == n % MERKLE_TILE_WIDTH;
}

void
merkle_tile_of_node(struct merkle_tile *tile, unsigned *offset,
    unsigned *count, struct merkle_node node, uint64_t size)
{
	unsigned level = node.level / TILE_HEIGHT;
	unsigned above = node.level % TILE_HEIGHT;
	uint64_t start = node.index << above; /* among the level's hashes */
	uint64_t index = start / MERKLE_TILE_WIDTH;
	uint64_t n = nhashes(level, size);

	tile->level = level;
	tile->index = index;
	tile->width = index < n / MERKLE_TILE_WIDTH ? MERKLE_TILE_WIDTH :
	    (unsigned)(n % MERKLE_TILE_WIDTH);
	*offset = (unsigned)(start % MERKLE_TILE_WIDTH);
	*count = 1U << above;
}
