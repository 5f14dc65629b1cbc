/*
 * frontier.c -- a tree that grows by one leaf at a time and keeps only the
 * roots of its perfect subtrees.
 *
 * There is one such subtree for each 1 bit of the size, so that adding a leaf
 * is adding 1 in binary: every carry joins the last two subtrees.
 */
#include "merkle/merkle.h"

static size_t
npeaks(uint64_t size)
{
	return (size_t)__builtin_popcountll(size);
}

enum ac_err
merkle_push(struct merkle_frontier *f, const struct digest *leaf)
{
	struct digest h = *leaf;
	size_t n = npeaks(f->size);

	if (f->size >= MERKLE_SIZE_MAX)
		return AC_ERR_LIMIT;
	for (uint64_t carry = f->size; (carry & 1) != 0; carry >>= 1) {
		n--;
		h = merkle_node_hash(&f->peak[n], &h);
	}
	f->peak[n] = h;
	f->size++;
	return AC_OK;
}

struct digest
merkle_root(const struct merkle_frontier *f)
{
	if (f->size == 0)
		return merkle_empty();
	return merkle_fold(f->peak, npeaks(f->size));
}
