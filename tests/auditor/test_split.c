/* The evidence file: written and read, and the algebra behind it for every
 * pair of small sizes. */
#include "auditor/split.h"
#include "tests/test.h"

#define SIZES 40

static struct digest
leaf_of(uint64_t i)
{
	return merkle_leaf(span_of(&i, sizeof(i)));
}

static void
round_trip(void **state)
{
	struct digest node[3] = { leaf_of(1), leaf_of(2), leaf_of(3) };
	struct buf file = { 0 }, again = { 0 };
	struct split s;
	struct writer w;

	(void)state;
	wr_init(&w, SPLIT_FILE_MAX);
	split_write(&w, span_str("a\n\"\\\xe2\x80\x94"), span_str("b"), node, 3);
	assert_ok(wr_end(&w, &file));
	assert_ok(split_decode(&s, buf_span(&file)));
	assert_true(span_is(buf_span(&s.note[0]), "a\n\"\\\xe2\x80\x94"));
	assert_int_equal(s.n, 3);
	wr_init(&w, SPLIT_FILE_MAX);
	split_write(&w, buf_span(&s.note[0]), buf_span(&s.note[1]), s.node,
	    s.n);
	assert_ok(wr_end(&w, &again));
	assert_true(span_equal(buf_span(&file), buf_span(&again)));
	split_free(&s);
	for (size_t n = 0; n < file.len - 1; n++)
		assert_int_equal(split_decode(&s, span_of(file.p, n)),
		    AC_ERR_FORMAT);
	buf_free(&file);
	buf_free(&again);
}

/* nodes[] of merkle_roots_from_consistency(), by definition. */
static size_t
nodes_of(struct digest nodes[], uint64_t size1, uint64_t size2,
    const struct digest leaf[])
{
	struct merkle_plan plan;
	size_t n = 0;

	if ((size1 & (size1 - 1)) == 0)
		nodes[n++] = merkle_perfect_root(leaf, (size_t)size1);
	assert_ok(merkle_plan_consistency(&plan, size1, size2));
	for (size_t i = 0; i < plan.nhashes; i++) {
		struct digest part[2 * MERKLE_PROOF_MAX];
		size_t m = plan.first[i + 1] - plan.first[i];

		for (size_t k = 0; k < m; k++) {
			struct merkle_node x = plan.nodes[plan.first[i] + k];

			part[k] = merkle_perfect_root(leaf +
			    (x.index << x.level), (size_t)1 << x.level);
		}
		nodes[n++] = merkle_fold(part, m);
	}
	return n;
}

static struct digest
root_of(const struct digest leaf[], uint64_t size)
{
	struct merkle_frontier f = { .size = 0 };

	for (uint64_t i = 0; i < size; i++)
		assert_ok(merkle_push(&f, &leaf[i]));
	return merkle_root(&f);
}

static void
both_roots(void **state)
{
	struct digest leaf[SIZES], nodes[SPLIT_NODES_MAX + 1], a, b, x, y;

	(void)state;
	for (uint64_t i = 0; i < SIZES; i++)
		leaf[i] = leaf_of(i);
	for (uint64_t size2 = 2; size2 <= SIZES; size2++)
		for (uint64_t size1 = 1; size1 < size2; size1++) {
			size_t n = nodes_of(nodes, size1, size2, leaf);

			a = root_of(leaf, size1);
			b = root_of(leaf, size2);
			assert_ok(merkle_roots_from_consistency(&x, &y, size1,
			    size2, nodes, n));
			assert_true(digest_equal(&a, &x));
			assert_true(digest_equal(&b, &y));
			assert_int_equal(merkle_roots_from_consistency(&x, &y,
			    size1, size2, nodes, n + 1), AC_ERR_FORMAT);
			assert_int_equal(merkle_roots_from_consistency(&x, &y,
			    size1, size2, nodes, n - 1), AC_ERR_FORMAT);
			/* A changed hash leads away from the larger root. */
			for (size_t i = 0; i < n; i++) {
				nodes[i].b[0] ^= 1;
				assert_ok(merkle_roots_from_consistency(&x, &y,
				    size1, size2, nodes, n));
				assert_false(digest_equal(&b, &y));
				nodes[i].b[0] ^= 1;
			}
		}
	assert_int_equal(merkle_roots_from_consistency(&x, &y, 0, 3, nodes, 1),
	    AC_ERR_FORMAT);
	assert_int_equal(merkle_roots_from_consistency(&x, &y, 3, 3, nodes, 1),
	    AC_ERR_FORMAT);
	assert_int_equal(merkle_roots_from_consistency(&x, &y, 4, 3, nodes, 1),
	    AC_ERR_FORMAT);
	assert_int_equal(merkle_roots_from_consistency(&x, &y, 1,
	    MERKLE_SIZE_MAX + 1, nodes, 1), AC_ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(both_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
