/* The growing tree has the root that the definition gives it. */
#include "merkle/merkle.h"
#include "tests/merkle/tree.h"
#include "tests/test.h"

static void
every_size_to_300(void **state)
{
	struct merkle_frontier f = { 0 };
	struct digest leaf[300], want, got;

	(void)state;
	got = merkle_root(&f);
	want = merkle_empty();
	assert_true(digest_equal(&got, &want));
	for (size_t n = 1; n <= 300; n++) {
		leaf[n - 1] = tree_leaf(n - 1);
		assert_ok(merkle_push(&f, &leaf[n - 1]));
		assert_int_equal(f.size, n);
		got = merkle_root(&f);
		want = tree_root(leaf, n);
		assert_true(digest_equal(&got, &want));
	}
}

/* The frontier of size leaves that are all tree_leaf(0). */
static struct merkle_frontier
uniform(uint64_t size)
{
	struct merkle_frontier f = { .size = size };
	size_t n = 0;

	for (unsigned k = 63; k-- > 0;)
		if ((size >> k & 1) != 0)
			f.peak[n++] = tree_uniform_root((uint64_t)1 << k);
	return f;
}

static void
huge_sizes(void **state)
{
	static const uint64_t size[] = { ((uint64_t)1 << 32) - 1,
		(uint64_t)1 << 32, ((uint64_t)1 << 62) - 2,
		((uint64_t)1 << 62) - 1, (uint64_t)1 << 62,
		((uint64_t)1 << 62) + 1, MERKLE_SIZE_MAX - 2,
		MERKLE_SIZE_MAX - 1 };
	struct digest leaf = tree_leaf(0), want, got;

	(void)state;
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		struct merkle_frontier f = uniform(size[i]);

		got = merkle_root(&f);
		want = tree_uniform_root(size[i]);
		assert_true(digest_equal(&got, &want));
		assert_ok(merkle_push(&f, &leaf));
		assert_true(f.size == size[i] + 1);
		got = merkle_root(&f);
		want = tree_uniform_root(size[i] + 1);
		assert_true(digest_equal(&got, &want));
	}
}

static void
full_tree_stays(void **state)
{
	struct merkle_frontier f = uniform(MERKLE_SIZE_MAX), before = f;
	struct digest leaf = tree_leaf(0);

	(void)state;
	assert_int_equal(merkle_push(&f, &leaf), AC_ERR_LIMIT);
	assert_memory_equal(&f, &before, sizeof(f));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_to_300),
		cmocka_unit_test(huge_sizes),
		cmocka_unit_test(full_tree_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
