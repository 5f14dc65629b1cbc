/*
 * verify.c -- do a proof's hashes lead to the root?  Same verdicts as the
 * algorithms of RFC 9162 sections 2.1.3.2 and 2.1.4.2, with the length of the
 * proof checked before anything is hashed.
 */
#include "merkle/merkle.h"

/*
 * The way up from leaf index in a tree of size leaves has two parts.  For
 * ninner levels it and the way of the last leaf are apart: each level has a
 * sibling, on the left where index has a 1 at this level.  Then both are one,
 * the right edge: its siblings are all on the left, and there is one for each
 * 1 that is left of index.
 */
struct way {
	size_t ninner, nborder;
};

static struct way
way_up(uint64_t index, uint64_t size)
{
	uint64_t apart = index ^ (size - 1);
	unsigned ninner = apart == 0 ? 0 : 64 - (unsigned)__builtin_clzll(apart);

	/* ninner <= 63, since size <= MERKLE_SIZE_MAX. */
	return (struct way){ ninner,
		(size_t)__builtin_popcountll(index >> ninner) };
}

enum ac_err
merkle_root_from_inclusion(struct digest *root, uint64_t index, uint64_t size,
    const struct digest *leaf, const struct digest proof[], size_t nproof)
{
	struct digest h = *leaf;
	struct way way;

	if (index >= size || size > MERKLE_SIZE_MAX)
		return AC_ERR_FORMAT;
	way = way_up(index, size);
	if (nproof != way.ninner + way.nborder)
		return AC_ERR_FORMAT;

	for (size_t i = 0; i < nproof; i++)
		if (i >= way.ninner || (index >> i & 1) != 0)
			h = merkle_node_hash(&proof[i], &h);
		else
			h = merkle_node_hash(&h, &proof[i]);
	*root = h;
	return AC_OK;
}

enum ac_err
merkle_check_inclusion(uint64_t index, uint64_t size,
    const struct digest *leaf, const struct digest *root,
    const struct digest proof[], size_t nproof)
{
	struct digest found;
	enum ac_err e;

	e = merkle_root_from_inclusion(&found, index, size, leaf, proof,
	    nproof);
	if (e != AC_OK)
		return e;
	return digest_equal(&found, root) ? AC_OK : AC_ERR_MISMATCH;
}

enum ac_err
merkle_roots_from_consistency(struct digest *root1, struct digest *root2,
    uint64_t size1, uint64_t size2, const struct digest nodes[], size_t n)
{
	struct digest h1, h2;
	struct way way;
	unsigned level;
	uint64_t index;

	if (size1 == 0 || size1 >= size2 || size2 > MERKLE_SIZE_MAX)
		return AC_ERR_FORMAT;

	/*
	 * Both roots grow from node (level, index), the last perfect subtree
	 * of the smaller tree: its way up is that of the last leaf of that
	 * tree without the first level steps.
	 */
	level = (unsigned)__builtin_ctzll(size1);
	index = (size1 >> level) - 1;
	way = way_up(size1 - 1, size2);
	way.ninner -= level; /* bit level is among the ninner: size1 < size2 */
	if (n != 1 + way.ninner + way.nborder)
		return AC_ERR_FORMAT;
	h1 = h2 = nodes[0];

	/* What stands on the left is in both trees, on the right in one. */
	for (size_t i = 0; i < way.ninner + way.nborder; i++)
		if (i >= way.ninner || (index >> i & 1) != 0) {
			h1 = merkle_node_hash(&nodes[1 + i], &h1);
			h2 = merkle_node_hash(&nodes[1 + i], &h2);
		} else {
			h2 = merkle_node_hash(&h2, &nodes[1 + i]);
		}
	*root1 = h1;
	*root2 = h2;
	return AC_OK;
}

enum ac_err
merkle_check_consistency(uint64_t size1, uint64_t size2,
    const struct digest *root1, const struct digest *root2,
    const struct digest proof[], size_t nproof)
{
	struct digest nodes[MERKLE_PROOF_MAX + 1], h1, h2;
	size_t n = 0;
	enum ac_err e;

	if (size1 == 0 || size1 > size2 || size2 > MERKLE_SIZE_MAX ||
	    nproof > MERKLE_PROOF_MAX)
		return AC_ERR_FORMAT;
	if (size1 == size2) {
		if (nproof != 0)
			return AC_ERR_FORMAT;
		return digest_equal(root1, root2) ? AC_OK : AC_ERR_MISMATCH;
	}
	/* A proof leaves out the first node where it is all of the first tree. */
	if ((size1 & (size1 - 1)) == 0)
		nodes[n++] = *root1;
	for (size_t i = 0; i < nproof; i++)
		nodes[n++] = proof[i];
	e = merkle_roots_from_consistency(&h1, &h2, size1, size2, nodes, n);
	if (e != AC_OK)
		return e;
	if (!digest_equal(&h1, root1) || !digest_equal(&h2, root2))
		return AC_ERR_MISMATCH;
	return AC_OK;
}
