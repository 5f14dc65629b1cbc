/* Tiles out of leaves: the same as the tree's algebra says. */
#include <inttypes.h>

#include "auditor/derive.h"
#include "tests/test.h"

#define SIZES 700

struct seen {
	const struct digest *leaf;
	uint64_t size;
	unsigned ntiles;
};

static struct digest
leaf_of(uint64_t i)
{
	return merkle_leaf(span_of(&i, sizeof(i)));
}

/* Each hash of a tile is the root of the leaves below it. */
static enum ac_err
check_tile(void *arg, const struct merkle_tile *tile,
    const struct digest hash[])
{
	struct seen *s = arg;
	uint64_t below = 1;

	s->ntiles++;
	assert_true(merkle_tile_exists(tile, s->size));
	for (unsigned l = 0; l < tile->level; l++)
		below *= MERKLE_TILE_WIDTH;
	for (unsigned i = 0; i < tile->width; i++) {
		uint64_t first = (tile->index * MERKLE_TILE_WIDTH + i) * below;
		struct merkle_frontier f = { .size = 0 };
		struct digest root;

		assert_true(first + below <= s->size);
		for (uint64_t k = 0; k < below; k++)
			assert_ok(merkle_push(&f, &s->leaf[first + k]));
		root = merkle_root(&f);
		assert_true(digest_equal(&root, &hash[i]));
	}
	return AC_OK;
}

static void
every_size(void **state)
{
	static struct digest leaf[SIZES];
	struct derive *d = calloc(1, sizeof(*d));
	struct merkle_frontier f = { .size = 0 };

	(void)state;
	assert_non_null(d);
	for (uint64_t i = 0; i < SIZES; i++)
		leaf[i] = leaf_of(i);
	for (uint64_t size = 0; size <= SIZES; size++) {
		struct seen s = { leaf, size, 0 };
		struct digest want = merkle_root(&f), root = derive_root(d);

		assert_true(digest_equal(&want, &root));
		/* Every level below the top has one partial tile, if any. */
		assert_ok(derive_edge(d, check_tile, &s));
		assert_int_equal(s.ntiles, (size % 256 != 0) +
		    (size / 256 % 256 != 0));
		if (size == SIZES)
			break;
		s.size = size + 1;
		s.ntiles = 0;
		assert_ok(derive_push(d, &leaf[size], check_tile, &s));
		assert_int_equal(s.ntiles, (size + 1) % 256 == 0);
		assert_ok(merkle_push(&f, &leaf[size]));
	}
	free(d);
}

/* What a tile's taker returns ends it. */
static enum ac_err
refuse(void *arg, const struct merkle_tile *tile, const struct digest hash[])
{
	(void)arg;
	(void)tile;
	(void)hash;
	return AC_ERR_BUSY;
}

static void
failures(void **state)
{
	struct derive *d = calloc(1, sizeof(*d));
	struct digest leaf = leaf_of(0);

	(void)state;
	assert_non_null(d);
	for (unsigned i = 0; i < 255; i++)
		assert_ok(derive_push(d, &leaf, refuse, NULL));
	assert_int_equal(derive_edge(d, refuse, NULL), AC_ERR_BUSY);
	assert_int_equal(derive_push(d, &leaf, refuse, NULL), AC_ERR_BUSY);
	d->size = MERKLE_SIZE_MAX;
	assert_int_equal(derive_push(d, &leaf, refuse, NULL), AC_ERR_LIMIT);
	free(d);
}

static enum ac_err
count(void *arg, const struct merkle_tile *tile, const struct digest hash[])
{
	unsigned *n = arg;

	(void)hash;
	n[tile->level]++;
	return AC_OK;
}

/* Three levels: 65,536 leaves and one more. */
static void
third_level(void **state)
{
	struct derive *d = calloc(1, sizeof(*d));
	struct merkle_frontier f = { .size = 0 };
	unsigned n[TILES_LEVELS] = { 0 };
	struct digest want, root;

	(void)state;
	assert_non_null(d);
	for (uint64_t i = 0; i < 65537; i++) {
		struct digest leaf = leaf_of(i);

		assert_ok(merkle_push(&f, &leaf));
		assert_ok(derive_push(d, &leaf, count, n));
	}
	assert_int_equal(n[0], 256);
	assert_int_equal(n[1], 1);
	assert_ok(derive_edge(d, count, n));
	assert_int_equal(n[0], 257);
	assert_int_equal(n[1], 1);
	assert_int_equal(n[2], 1);
	want = merkle_root(&f);
	root = derive_root(d);
	assert_true(digest_equal(&want, &root));
	free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size),
		cmocka_unit_test(failures),
		cmocka_unit_test(third_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
