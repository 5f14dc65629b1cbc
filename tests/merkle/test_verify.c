/* Proofs built from stored nodes are accepted, and nothing near them is. */
#include "merkle/merkle.h"
#include "tests/merkle/tree.h"
#include "tests/test.h"

#define SIZES 130 /* every size up to it */

/* The stored nodes of a tree, and the root of each of its sizes. */
struct store {
	struct digest node[8][SIZES + 1]; /* by level and index */
	struct digest root[SIZES + 2];
};

static struct store store;

static int
fill(void **state)
{
	*state = &store;
	for (size_t i = 0; i <= SIZES; i++)
		store.node[0][i] = tree_leaf(i);
	for (unsigned level = 1; level < 8; level++)
		for (size_t i = 0; i < (size_t)(SIZES + 1) >> level; i++)
			store.node[level][i] = merkle_node_hash(
			    &store.node[level - 1][2 * i],
			    &store.node[level - 1][2 * i + 1]);
	for (size_t n = 1; n <= SIZES + 1; n++)
		store.root[n] = tree_root(store.node[0], n);
	return 0;
}

/* A proof with room for one hash too many. */
struct proof {
	struct digest h[MERKLE_PROOF_MAX + 1];
	size_t n;
};

static struct proof
read_proof(const struct store *s, const struct merkle_plan *plan)
{
	struct proof p = { .n = plan->nhashes };

	for (size_t i = 0; i < p.n; i++) {
		struct digest row[MERKLE_PROOF_MAX];
		size_t n = 0;

		for (size_t k = plan->first[i]; k < plan->first[i + 1]; k++)
			row[n++] = s->node[plan->nodes[k].level]
					  [plan->nodes[k].index];
		p.h[i] = merkle_fold(row, n);
	}
	return p;
}

/* d with one bit flipped; which one depends on i. */
static struct digest
flip(struct digest d, size_t i)
{
	d.b[i * 7 % 32] ^= (uint8_t)(1U << i % 8);
	return d;
}

/* One kind of proof, so that both are changed in the same ways. */
struct claim {
	uint64_t a, b; /* index and size, or both sizes */
	struct digest x, y; /* leaf and root, or both roots */
	enum ac_err (*check)(uint64_t, uint64_t, const struct digest *,
	    const struct digest *, const struct digest[], size_t);
};

static void
assert_check(const struct claim *c, const struct proof *p, enum ac_err want)
{
	assert_int_equal(c->check(c->a, c->b, &c->x, &c->y, p->h, p->n), want);
}

/* Each hash dropped, doubled, swapped with the next, and flipped. */
static void
change_proof(const struct claim *c, const struct proof *good)
{
	struct claim wrong;
	struct proof p;

	for (size_t i = 0; i < good->n; i++) {
		p = *good;
		p.n--;
		memmove(&p.h[i], &good->h[i + 1], (p.n - i) * sizeof(p.h[0]));
		assert_check(c, &p, AC_ERR_FORMAT);

		p = *good;
		p.n++;
		memmove(&p.h[i + 1], &good->h[i],
		    (good->n - i) * sizeof(p.h[0]));
		assert_check(c, &p, AC_ERR_FORMAT);

		p = *good;
		p.h[i] = flip(p.h[i], i);
		assert_check(c, &p, AC_ERR_MISMATCH);

		if (i + 1 < good->n) {
			p = *good;
			p.h[i] = good->h[i + 1];
			p.h[i + 1] = good->h[i];
			assert_check(c, &p, AC_ERR_MISMATCH);
		}
	}
	p = *good;
	p.h[p.n++] = c->y;
	assert_check(c, &p, AC_ERR_FORMAT);

	wrong = *c;
	wrong.x = flip(c->x, (size_t)c->a);
	assert_check(&wrong, good, AC_ERR_MISMATCH);
	wrong = *c;
	wrong.y = flip(c->y, (size_t)c->b);
	assert_check(&wrong, good, AC_ERR_MISMATCH);
	wrong = *c;
	wrong.x = c->y;
	wrong.y = c->x;
	if (!digest_equal(&c->x, &c->y))
		assert_check(&wrong, good, AC_ERR_MISMATCH);
}

static void
every_inclusion(void **state)
{
	const struct store *s = *state;
	struct merkle_plan plan;

	for (uint64_t size = 1; size <= SIZES; size++)
		for (uint64_t i = 0; i < size; i++) {
			struct claim c = { i, size, s->node[0][i],
				s->root[size], merkle_check_inclusion };
			struct digest root;
			struct proof p;

			assert_ok(merkle_plan_inclusion(&plan, i, size));
			p = read_proof(s, &plan);
			assert_check(&c, &p, AC_OK);
			assert_ok(merkle_root_from_inclusion(&root, i, size,
			    &c.x, p.h, p.n));
			assert_true(digest_equal(&root, &c.y));
			change_proof(&c, &p);
		}
}

static void
every_consistency(void **state)
{
	const struct store *s = *state;
	struct merkle_plan plan;

	for (uint64_t size2 = 1; size2 <= SIZES; size2++)
		for (uint64_t size1 = 1; size1 <= size2; size1++) {
			struct claim c = { size1, size2, s->root[size1],
				s->root[size2], merkle_check_consistency };
			struct proof p;

			assert_ok(merkle_plan_consistency(&plan, size1,
			    size2));
			p = read_proof(s, &plan);
			assert_check(&c, &p, AC_OK);
			change_proof(&c, &p);
		}
}

/*
 * The proof of one index and size told for another: what the shapes of the
 * two say under the old root, and never accepted under the root that the
 * other size has.
 */
static void
other_index_or_size(void **state)
{
	static const int other[][2] = { { 1, 0 }, { -1, 0 }, { 0, 1 },
		{ 0, -1 }, { 1, 1 }, { -1, -1 } };
	const struct store *s = *state;
	struct merkle_plan plan;
	size_t naccepted = 0;

	for (uint64_t size = 1; size <= SIZES; size++)
		for (uint64_t i = 0; i < size; i++)
			for (size_t o = 0; o < 6; o++) {
				struct claim c = { i + (uint64_t)other[o][0],
					size + (uint64_t)other[o][1],
					s->node[0][i], s->root[size],
					merkle_check_inclusion };
				struct tree_proof was, now;
				enum ac_err want = AC_ERR_FORMAT;
				struct proof p;

				assert_ok(merkle_plan_inclusion(&plan, i,
				    size));
				p = read_proof(s, &plan);
				if (c.a < c.b) {
					was = tree_inclusion(i, size);
					now = tree_inclusion(c.a, c.b);
					want = tree_verdict(&was, &now);
				}
				assert_check(&c, &p, want);
				if (want == AC_OK)
					naccepted++;
				/* An index alone is always told apart. */
				assert_true(want != AC_OK || c.b != size);
				c.y = s->root[c.b];
				if (want == AC_OK)
					want = AC_ERR_MISMATCH;
				assert_check(&c, &p, want);
			}
	assert_true(naccepted > 0);
}

static void
other_sizes(void **state)
{
	static const int other[][2] = { { 1, 0 }, { -1, 0 }, { 0, 1 },
		{ 0, -1 }, { 1, 1 }, { -1, -1 } };
	const struct store *s = *state;
	struct merkle_plan plan;

	for (uint64_t size2 = 1; size2 <= SIZES; size2++)
		for (uint64_t size1 = 1; size1 <= size2; size1++)
			for (size_t o = 0; o < 6; o++) {
				struct claim c = {
					size1 + (uint64_t)other[o][0],
					size2 + (uint64_t)other[o][1],
					s->root[size1], s->root[size2],
					merkle_check_consistency };
				struct tree_proof was, now;
				enum ac_err want = AC_ERR_FORMAT;
				struct proof p;

				assert_ok(merkle_plan_consistency(&plan,
				    size1, size2));
				p = read_proof(s, &plan);
				if (c.a >= 1 && c.a <= c.b) {
					was = tree_consistency(size1, size2);
					now = tree_consistency(c.a, c.b);
					want = tree_verdict(&was, &now);
				}
				assert_check(&c, &p, want);
				/* Of two equal sizes any root proves itself. */
				if (size1 == size2 && c.a == c.b)
					continue;
				c.x = s->root[c.a];
				c.y = s->root[c.b];
				if (want == AC_OK)
					want = AC_ERR_MISMATCH;
				assert_check(&c, &p, want);
			}
}

static void
equal_sizes(void **state)
{
	const struct store *s = *state;
	struct digest any[1] = { s->root[3] };

	assert_ok(merkle_check_consistency(3, 3, &any[0], &s->root[3], NULL,
	    0));
	assert_int_equal(merkle_check_consistency(3, 3, &s->root[2],
	    &s->root[3], NULL, 0), AC_ERR_MISMATCH);
	assert_int_equal(merkle_check_consistency(3, 3, &s->root[3],
	    &s->root[3], any, 1), AC_ERR_FORMAT);
	assert_int_equal(merkle_check_consistency(0, 0, &any[0], &any[0], NULL,
	    0), AC_ERR_FORMAT);
}

/* Proofs of trees whose leaves are all the same, which have any size. */
static struct proof
uniform_proof(const struct tree_proof *t)
{
	struct proof p = { .n = t->n };

	for (size_t i = 0; i < t->n; i++)
		p.h[i] = tree_uniform_root(t->part[i].end - t->part[i].start);
	return p;
}

static void
huge_sizes(void **state)
{
	static const uint64_t size[] = { ((uint64_t)1 << 32) + 1,
		((uint64_t)1 << 62) - 1, (uint64_t)1 << 62,
		((uint64_t)1 << 62) + 1, ((uint64_t)1 << 62) + 12345,
		MERKLE_SIZE_MAX - 1, MERKLE_SIZE_MAX };
	uint64_t seed = 2;

	(void)state;
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		uint64_t index[] = { 0, 1, 2, size[i] / 2 - 1, size[i] / 2,
			size[i] - 2, size[i] - 1,
			tree_random(&seed) % size[i],
			tree_random(&seed) % size[i] };

		for (size_t k = 0; k < sizeof(index) / sizeof(index[0]); k++) {
			struct claim c = { index[k], size[i], tree_leaf(0),
				tree_uniform_root(size[i]),
				merkle_check_inclusion };
			struct tree_proof t = tree_inclusion(c.a, c.b);
			struct proof p = uniform_proof(&t);

			assert_check(&c, &p, AC_OK);
			p.h[p.n / 2] = flip(p.h[p.n / 2], k);
			assert_check(&c, &p, AC_ERR_MISMATCH);
			p.n--;
			assert_check(&c, &p, AC_ERR_FORMAT);

			c.a = index[k] + 1;
			c.x = tree_uniform_root(c.a);
			c.check = merkle_check_consistency;
			t = tree_consistency(c.a, c.b);
			p = uniform_proof(&t);
			assert_check(&c, &p, AC_OK);
			if (p.n == 0)
				continue;
			p.h[p.n / 2] = flip(p.h[p.n / 2], k);
			assert_check(&c, &p, AC_ERR_MISMATCH);
			p.n--;
			assert_check(&c, &p, AC_ERR_FORMAT);
		}
	}
}

/* Sizes and indices that no tree has, with every length of proof. */
static void
impossible(void **state)
{
	static const uint64_t inclusion[][2] = { { 0, 0 }, { 1, 1 }, { 8, 7 },
		{ UINT64_MAX, 7 }, { UINT64_MAX, UINT64_MAX },
		{ UINT64_MAX - 1, UINT64_MAX }, { 0, UINT64_MAX },
		{ 0, MERKLE_SIZE_MAX + 1 },
		{ MERKLE_SIZE_MAX, MERKLE_SIZE_MAX + 1 } };
	static const uint64_t consistency[][2] = { { 0, 0 }, { 0, 1 },
		{ 2, 1 }, { UINT64_MAX, 1 }, { 1, UINT64_MAX },
		{ UINT64_MAX, UINT64_MAX }, { 1, MERKLE_SIZE_MAX + 1 },
		{ MERKLE_SIZE_MAX + 1, MERKLE_SIZE_MAX + 1 },
		{ MERKLE_SIZE_MAX, MERKLE_SIZE_MAX + 1 } };
	struct digest d = tree_leaf(0), root = d;
	struct proof p = { 0 };

	(void)state;
	for (p.n = 0; p.n <= MERKLE_PROOF_MAX + 1; p.n++)
		for (size_t i = 0; i < 9; i++) {
			struct claim c = { inclusion[i][0], inclusion[i][1], d,
				d, merkle_check_inclusion };

			assert_check(&c, &p, AC_ERR_FORMAT);
			assert_int_equal(merkle_root_from_inclusion(&root,
			    c.a, c.b, &d, p.h, p.n), AC_ERR_FORMAT);
			c.a = consistency[i][0];
			c.b = consistency[i][1];
			c.check = merkle_check_consistency;
			assert_check(&c, &p, AC_ERR_FORMAT);
		}
	assert_true(digest_equal(&root, &d)); /* written only on success */
}

/* Random hashes over random sizes: the right code, and memory that is ours. */
static void
random_proofs(void **state)
{
	uint64_t seed = 3;
	size_t nright = 0;

	(void)state;
	for (size_t round = 0; round < 100000; round++) {
		uint64_t r = tree_random(&seed);
		uint64_t b = tree_random(&seed) >> (r & 63);
		uint64_t a = tree_random(&seed) >> (r >> 8 & 63);
		struct merkle_plan plan;
		struct digest *h, x, y;
		enum ac_err want;
		size_t n = r >> 16 & 127;

		if ((r >> 24 & 1) != 0 && b > 0)
			a %= b;
		/* On the heap, so that a sanitizer sees one hash too far. */
		for (int kind = 0; kind < 2; kind++) {
			want = kind == 0 ?
			    merkle_plan_inclusion(&plan, a, b) :
			    merkle_plan_consistency(&plan, a, b);
			if (want == AC_OK && (r >> 25 & 1) != 0)
				n = plan.nhashes;
			want = want == AC_OK && n == plan.nhashes ?
			    AC_ERR_MISMATCH : AC_ERR_FORMAT;
			h = malloc(n * sizeof(*h) + 1);
			assert_non_null(h);
			for (size_t i = 0; i < n; i++)
				h[i] = tree_leaf(tree_random(&seed) & 7);
			x = tree_leaf(tree_random(&seed));
			y = tree_leaf(tree_random(&seed));
			assert_int_equal(kind == 0 ?
			    merkle_check_inclusion(a, b, &x, &y, h, n) :
			    merkle_check_consistency(a, b, &x, &y, h, n),
			    want);
			if (want == AC_ERR_MISMATCH)
				nright++;
			free(h);
		}
	}
	assert_true(nright > 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_inclusion),
		cmocka_unit_test(every_consistency),
		cmocka_unit_test(other_index_or_size),
		cmocka_unit_test(other_sizes),
		cmocka_unit_test(equal_sizes),
		cmocka_unit_test(huge_sizes),
		cmocka_unit_test(impossible),
		cmocka_unit_test(random_proofs),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
