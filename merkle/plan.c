/*
 * plan.c -- which stored nodes a proof is made of (RFC 9162 sections 2.1.3.1
 * and 2.1.4.1).
 *
 * Both proofs are the siblings on the way from one perfect subtree up to the
 * root: of the leaf itself, or of the last perfect subtree of the smaller
 * tree.  Nothing is read here, and nothing hashed.
 */
#include "merkle/merkle.h"

/*
 * Append the siblings of node (level, index), and of each of its ancestors
 * below the root of size leaves.
 *
 * A level of the tree holds size >> level whole nodes, and one more where
 * size has lower bits: the incomplete right edge, which is not stored but
 * folded from one perfect subtree for each of these bits.  The way from a
 * perfect subtree meets that edge once at most as a sibling; from there on it
 * is the edge, whose siblings are all whole and on its left, or absent.
 */
static void
add_siblings(struct merkle_plan *plan, unsigned level, uint64_t index,
    uint64_t size)
{
	size_t n = plan->first[plan->nhashes];

	for (; (size - 1) >> level > 0; level++, index >>= 1) {
		uint64_t sibling = index ^ 1, nwhole = size >> level;

		if (sibling < nwhole)
			plan->nodes[n++] =
			    (struct merkle_node){ level, sibling };
		else if (sibling == nwhole)
			for (unsigned k = level; k-- > 0;)
				if ((size >> k & 1) != 0)
					plan->nodes[n++] = (struct merkle_node){
						k, (size >> k) - 1 };
		if (n > plan->first[plan->nhashes])
			plan->first[++plan->nhashes] = n;
	}
}

enum ac_err
merkle_plan_inclusion(struct merkle_plan *plan, uint64_t index, uint64_t size)
{
	if (index >= size || size > MERKLE_SIZE_MAX)
		return AC_ERR_FORMAT;
	plan->nhashes = 0;
	plan->first[0] = 0;
	add_siblings(plan, 0, index, size);
	return AC_OK;
}

enum ac_err
merkle_plan_consistency(struct merkle_plan *plan, uint64_t size1,
    uint64_t size2)
{
	unsigned level;
	uint64_t index;

	if (size1 == 0 || size1 > size2 || size2 > MERKLE_SIZE_MAX)
		return AC_ERR_FORMAT;
	plan->nhashes = 0;
	plan->first[0] = 0;
	if (size1 == size2)
		return AC_OK;

	/*
	 * The last perfect subtree of the smaller tree comes first; the
	 * verifier has it already where it is that whole tree.
	 */
	level = (unsigned)__builtin_ctzll(size1);
	index = (size1 >> level) - 1;
	if (index > 0) {
		plan->nodes[0] = (struct merkle_node){ level, index };
		plan->first[++plan->nhashes] = 1;
	}
	add_siblings(plan, level, index, size2);
	return AC_OK;
}
