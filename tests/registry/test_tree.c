/*
 * test_tree.c -- edge tiles and proofs from tiles, against the tree of
 * merkle.h and its checks.
 */
#include "registry/proof.h"
#include "tests/registry/folder.h"
#include "tests/test.h"

#define SIZE 1000 /* three full tiles, level 1, a partial one */

struct fixture {
	struct folder folder;
	struct store *s;
	struct tree tree;
	struct store_head head;
	struct digest leaf[SIZE], root[SIZE + 1];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct merkle_frontier frontier = { 0 };
	bool published;

	assert_non_null(f);
	folder_make(&f->folder);
	f->s = folder_store(&f->folder);
	assert_ok(store_head(f->s, &f->head, &published));
	assert_ok(tree_load(&f->tree, f->s, &f->head));
	f->root[0] = merkle_empty();
	for (uint64_t i = 0; i < SIZE; i++) {
		f->leaf[i] = folder_entry(i).leaf;
		assert_ok(merkle_push(&frontier, &f->leaf[i]));
		f->root[i + 1] = merkle_root(&frontier);
	}
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

static void
test_grows_as_the_frontier_does(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 3, 255, 256, 257, 511, 512,
		700, 768, 769, SIZE };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tree *again = calloc(1, sizeof(*again));

		assert_non_null(again);
		folder_grow(f->s, &f->tree, &f->head, sizes[i]);
		assert_true(digest_equal(&f->head.root, &f->root[sizes[i]]));
		/* What is loaded is what was saved. */
		assert_ok(tree_load(again, f->s, &f->head));
		for (unsigned l = 0; l < TREE_LEVELS; l++) {
			unsigned n = f->tree.edge[l].n;

			assert_int_equal(again->edge[l].n, n);
			assert_memory_equal(again->edge[l].hash,
			    f->tree.edge[l].hash, n * sizeof(struct digest));
		}
		free(again);
	}
}

static void
test_damage_is_seen(void **state)
{
	struct fixture *f = *state;
	struct digest wrong[MERKLE_TILE_WIDTH] = { { { 1 } } };
	struct store_head head;
	struct tree t;

	folder_grow(f->s, &f->tree, &f->head, 300);
	head = f->head;
	head.root.b[5] ^= 1;
	assert_int_equal(tree_load(&t, f->s, &head), AC_ERR_MISMATCH);
	head = f->head;
	head.size++;
	assert_int_equal(tree_load(&t, f->s, &head), AC_ERR_MISMATCH);
	assert_ok(store_begin(f->s));
	assert_ok(store_put_tile(f->s, 1, 0, wrong, 1));
	assert_ok(store_commit(f->s));
	assert_int_equal(tree_load(&t, f->s, &f->head), AC_ERR_MISMATCH);
}

/* Every proof of some indices and all later sizes, one cache for all. */
static void
test_inclusion(void **state)
{
	struct fixture *f = *state;
	struct digest hashes[MERKLE_PROOF_MAX];
	struct proof *p = NULL;
	size_t n = 0, checked = 0;

	assert_ok(proof_new(&p, f->s));
	for (uint64_t size = 1; size <= SIZE; size += size < 20 ? 1 : 61) {
		folder_grow(f->s, &f->tree, &f->head, size);
		for (uint64_t i = 0; i < size; i += 1 + i / 8) {
			assert_ok(proof_inclusion(p, hashes, &n, i, size));
			assert_ok(merkle_check_inclusion(i, size, &f->leaf[i],
			    &f->root[size], hashes, n));
			checked++;
		}
	}
	/* Older sizes, from tiles that grew since. */
	for (uint64_t size = 1; size < f->head.size; size += 37) {
		assert_ok(proof_inclusion(p, hashes, &n, size / 2, size));
		assert_ok(merkle_check_inclusion(size / 2, size,
		    &f->leaf[size / 2], &f->root[size], hashes, n));
		checked++;
	}
	assert_true(checked > 400);
	assert_int_equal(proof_inclusion(p, hashes, &n, 5, 5), AC_ERR_FORMAT);
	/* Beyond what is stored. */
	assert_int_equal(proof_inclusion(p, hashes, &n, 5, 2 * SIZE),
	    AC_ERR_IO);
	proof_free(p);
}

static void
test_consistency(void **state)
{
	struct fixture *f = *state;
	struct digest hashes[MERKLE_PROOF_MAX];
	struct proof *p = NULL;
	size_t n = 0;

	assert_ok(proof_new(&p, f->s));
	folder_grow(f->s, &f->tree, &f->head, SIZE);
	for (uint64_t a = 1; a <= SIZE; a += 1 + a / 7)
		for (uint64_t b = a; b <= SIZE; b += 1 + b / 5) {
			assert_ok(proof_consistency(p, hashes, &n, a, b));
			assert_ok(merkle_check_consistency(a, b, &f->root[a],
			    &f->root[b], hashes, n));
		}
	assert_int_equal(proof_consistency(p, hashes, &n, 0, 5),
	    AC_ERR_FORMAT);
	assert_int_equal(proof_consistency(p, hashes, &n, 6, 5),
	    AC_ERR_FORMAT);
	proof_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_grows_as_the_frontier_does, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage_is_seen, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_inclusion, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_consistency, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
