/* tree.c -- trees and proofs by definition; see tree.h. */
#include "merkle/merkle.h"
#include "tests/merkle/tree.h"
#include "tests/test.h"

/* The largest power of two below n >= 2. */
static uint64_t
split(uint64_t n)
{
	uint64_t k = 1;

	while (k < n - k)
		k *= 2;
	return k;
}

struct digest
tree_leaf(uint64_t i)
{
	return merkle_leaf(span_of(&i, sizeof(i)));
}

struct digest
tree_root(const struct digest leaves[], uint64_t n)
{
	struct digest left, right;
	uint64_t k;

	if (n == 1)
		return leaves[0];
	k = split(n);
	left = tree_root(leaves, k);
	right = tree_root(leaves + k, n - k);
	return merkle_node_hash(&left, &right);
}

struct digest
tree_uniform_root(uint64_t n)
{
	struct digest left = tree_leaf(0), right;
	uint64_t k;

	if (n == 1)
		return left;
	k = split(n);
	for (uint64_t m = 1; m < k; m *= 2)
		left = merkle_node_hash(&left, &left);
	right = n - k == k ? left : tree_uniform_root(n - k);
	return merkle_node_hash(&left, &right);
}

static void
add(struct tree_proof *p, uint64_t start, uint64_t end, char side)
{
	assert_in_range(p->n, 0, MERKLE_PROOF_MAX - 1);
	p->part[p->n++] = (struct tree_part){ start, end, side };
}

/* PATH(m, D[start:start + n]) */
static void
path(struct tree_proof *p, uint64_t m, uint64_t start, uint64_t n)
{
	uint64_t k;

	if (n == 1)
		return;
	k = split(n);
	if (m < k) {
		path(p, m, start, k);
		add(p, start + k, start + n, 'R');
	} else {
		path(p, m - k, start + k, n - k);
		add(p, start, start + k, 'L');
	}
}

/* SUBPROOF(m, D[start:start + n], b) */
static void
subproof(struct tree_proof *p, uint64_t m, uint64_t start, uint64_t n, bool b)
{
	uint64_t k;

	if (m == n) {
		if (!b)
			add(p, start, start + n, 'S');
		return;
	}
	k = split(n);
	if (m <= k) {
		subproof(p, m, start, k, b);
		add(p, start + k, start + n, 'R');
	} else {
		subproof(p, m - k, start + k, n - k, false);
		add(p, start, start + k, 'L');
	}
}

struct tree_proof
tree_inclusion(uint64_t index, uint64_t size)
{
	struct tree_proof p = { 0 };

	path(&p, index, 0, size);
	return p;
}

struct tree_proof
tree_consistency(uint64_t size1, uint64_t size2)
{
	struct tree_proof p = { 0 };

	subproof(&p, size1, 0, size2, true);
	return p;
}

enum ac_err
tree_verdict(const struct tree_proof *was, const struct tree_proof *now)
{
	if (was->n != now->n)
		return AC_ERR_FORMAT;
	for (size_t i = 0; i < was->n; i++)
		if (was->part[i].side != now->part[i].side)
			return AC_ERR_MISMATCH;
	/* The same hashing: nothing in the proof tells the two apart. */
	return AC_OK;
}

/* SplitMix64 */
uint64_t
tree_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}
