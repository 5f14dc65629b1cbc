/* The stored nodes of each proof cover the leaves that the definition says. */
#include "merkle/merkle.h"
#include "tests/merkle/tree.h"
#include "tests/test.h"

/*
 * Hash i of the plan: stored nodes from left to right, without a gap, over
 * exactly the leaves of part i; several only at the right edge of size, where
 * they are the perfect subtrees, each smaller than the one before.
 */
static void
assert_plan(const struct merkle_plan *plan, const struct tree_proof *want,
    uint64_t size)
{
	assert_int_equal(plan->nhashes, want->n);
	assert_int_equal(plan->first[0], 0);
	for (size_t i = 0; i < want->n; i++) {
		size_t first = plan->first[i], end = plan->first[i + 1];
		uint64_t at = want->part[i].start;

		assert_true(first < end);
		assert_in_range(end, 1, 2 * MERKLE_PROOF_MAX);
		for (size_t k = first; k < end; k++) {
			const struct merkle_node *n = &plan->nodes[k];

			assert_in_range(n->level, 0, 62);
			assert_true(n->index == at >> n->level);
			assert_true(at == n->index << n->level);
			at += (uint64_t)1 << n->level;
			assert_true(k == first ||
			    n->level < plan->nodes[k - 1].level);
		}
		assert_true(at == want->part[i].end);
		assert_true(end - first == 1 || at == size);
	}
}

static void
check_inclusion(uint64_t index, uint64_t size)
{
	struct tree_proof want = tree_inclusion(index, size);
	struct merkle_plan plan;

	assert_ok(merkle_plan_inclusion(&plan, index, size));
	assert_plan(&plan, &want, size);
}

static void
check_consistency(uint64_t size1, uint64_t size2)
{
	struct tree_proof want = tree_consistency(size1, size2);
	struct merkle_plan plan;

	assert_ok(merkle_plan_consistency(&plan, size1, size2));
	assert_plan(&plan, &want, size2);
}

static void
every_size_to_300(void **state)
{
	(void)state;
	for (uint64_t size = 1; size <= 300; size++)
		for (uint64_t i = 0; i < size; i++) {
			check_inclusion(i, size);
			check_consistency(i + 1, size);
		}
}

/* Within 3 of every power of two, of both ends, and anywhere. */
static void
huge_sizes(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned k = 32; k <= 63; k++)
		for (uint64_t d = 0; d < 6; d++) {
			uint64_t size = ((uint64_t)1 << k) - 3 + d;

			if (size > MERKLE_SIZE_MAX)
				continue;
			for (uint64_t i = 0; i < 6; i++) {
				uint64_t any = tree_random(&seed) % size;
				uint64_t near = (size >> i) -
				    (tree_random(&seed) & 3);

				check_inclusion(i, size);
				check_inclusion(size - 1 - i, size);
				check_inclusion(any, size);
				check_inclusion(near - 1, size);
				check_consistency(i + 1, size);
				check_consistency(size - i, size);
				check_consistency(any + 1, size);
				check_consistency(near, size);
			}
		}
}

static void
longest(void **state)
{
	struct merkle_plan plan;

	(void)state;
	assert_ok(merkle_plan_inclusion(&plan, 0, MERKLE_SIZE_MAX));
	assert_int_equal(plan.nhashes, MERKLE_PROOF_MAX - 1);
	assert_ok(merkle_plan_consistency(&plan, 3, MERKLE_SIZE_MAX));
	assert_int_equal(plan.nhashes, MERKLE_PROOF_MAX);
	assert_ok(merkle_plan_consistency(&plan, MERKLE_SIZE_MAX,
	    MERKLE_SIZE_MAX));
	assert_int_equal(plan.nhashes, 0);
}

static void
refused(void **state)
{
	static const uint64_t inclusion[][2] = {
		{ 0, 0 },			 /* empty tree */
		{ 1, 1 }, { 7, 7 },		 /* one past the end */
		{ 8, 7 }, { UINT64_MAX, 7 },	 /* beyond */
		{ UINT64_MAX, UINT64_MAX },
		{ 0, MERKLE_SIZE_MAX + 1 },	 /* no such size */
		{ 0, UINT64_MAX },
		{ MERKLE_SIZE_MAX, MERKLE_SIZE_MAX },
	};
	static const uint64_t consistency[][2] = {
		{ 0, 0 }, { 0, 1 }, { 0, 7 },	 /* nothing to prove from */
		{ 2, 1 }, { 8, 7 }, { UINT64_MAX, 7 }, /* shrinks */
		{ 7, 0 },
		{ 1, MERKLE_SIZE_MAX + 1 },	 /* no such size */
		{ MERKLE_SIZE_MAX + 1, MERKLE_SIZE_MAX + 1 },
		{ 1, UINT64_MAX }, { UINT64_MAX, UINT64_MAX },
	};
	struct merkle_plan plan, before;

	(void)state;
	memset(&plan, 0xa5, sizeof(plan));
	before = plan;
	for (size_t i = 0; i < sizeof(inclusion) / sizeof(inclusion[0]); i++)
		assert_int_equal(merkle_plan_inclusion(&plan, inclusion[i][0],
		    inclusion[i][1]), AC_ERR_FORMAT);
	for (size_t i = 0; i < sizeof(consistency) / sizeof(consistency[0]);
	    i++)
		assert_int_equal(merkle_plan_consistency(&plan,
		    consistency[i][0], consistency[i][1]), AC_ERR_FORMAT);
	assert_memory_equal(&plan, &before, sizeof(plan));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_to_300),
		cmocka_unit_test(huge_sizes),
		cmocka_unit_test(longest),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
