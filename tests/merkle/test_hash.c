/* The hashes of the tree against the known tree of eight Certificate
 * Transparency test entries. */
#include "common/text.h"
#include "merkle/merkle.h"
#include "tests/merkle/tree.h"
#include "tests/test.h"

static const struct span entry[] = {
	{ (const uint8_t *)"", 0 },
	{ (const uint8_t *)"\x00", 1 },
	{ (const uint8_t *)"\x10", 1 },
	{ (const uint8_t *)"\x20\x21", 2 },
	{ (const uint8_t *)"\x30\x31", 2 },
	{ (const uint8_t *)"\x40\x41\x42\x43", 4 },
	{ (const uint8_t *)"\x50\x51\x52\x53\x54\x55\x56\x57", 8 },
	{ (const uint8_t *)"\x60\x61\x62\x63\x64\x65\x66\x67"
			   "\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16 },
};

/* root[i] is that of the first i entries. */
static const char *const root[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static void
known_tree(void **state)
{
	struct merkle_frontier f = { 0 };
	struct digest leaf[8], want, got;

	(void)state;
	for (size_t i = 0; i <= 8; i++) {
		assert_true(text_unhex_digest(&want, span_str(root[i])));
		got = merkle_root(&f);
		assert_true(digest_equal(&got, &want));
		if (i == 0) {
			got = merkle_empty();
			assert_true(digest_equal(&got, &want));
		} else {
			got = tree_root(leaf, i);
			assert_true(digest_equal(&got, &want));
		}
		if (i < 8) {
			leaf[i] = merkle_leaf(entry[i]);
			assert_ok(merkle_push(&f, &leaf[i]));
		}
	}
}

/* A leaf whose bytes are a node's input is not that node. */
static void
leaf_is_no_node(void **state)
{
	struct digest l = tree_leaf(1), r = tree_leaf(2), node, leaf;
	uint8_t both[64];

	(void)state;
	memcpy(both, l.b, 32);
	memcpy(both + 32, r.b, 32);
	node = merkle_node_hash(&l, &r);
	leaf = merkle_leaf(span_of(both, sizeof(both)));
	assert_false(digest_equal(&node, &leaf));
	leaf = merkle_node_hash(&r, &l);
	assert_false(digest_equal(&node, &leaf));
}

static void
perfect_rows(void **state)
{
	struct digest leaf[MERKLE_TILE_WIDTH], want, got;

	(void)state;
	for (size_t i = 0; i < MERKLE_TILE_WIDTH; i++)
		leaf[i] = tree_leaf(i);
	for (size_t n = 1; n <= MERKLE_TILE_WIDTH; n *= 2) {
		want = tree_root(leaf, n);
		got = merkle_perfect_root(leaf, n);
		assert_true(digest_equal(&got, &want));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_tree),
		cmocka_unit_test(leaf_is_no_node),
		cmocka_unit_test(perfect_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
