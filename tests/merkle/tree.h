/*
 * tree.h -- the tree and its proofs as RFC 6962 section 2.1 and RFC 9162
 * section 2.1 define them: by recursion over ranges of leaves, slowly and
 * without any code of merkle/ but the hash of a node.
 */
#ifndef AICERT_TESTS_MERKLE_TREE_H
#define AICERT_TESTS_MERKLE_TREE_H

#include "merkle/merkle.h"

/*
 * One hash of a proof: the root of the leaves [start, end), which stand 'L'
 * or 'R' of the way up, or are its seed 'S'.
 */
struct tree_part {
	uint64_t start, end;
	char side;
};

struct tree_proof {
	size_t n;
	struct tree_part part[MERKLE_PROOF_MAX];
};

/* Leaf hash of entry number i of every tree of these tests. */
struct digest tree_leaf(uint64_t i);

/* MTH(leaves[0..n)), n >= 1. */
struct digest tree_root(const struct digest leaves[], uint64_t n);

/* MTH of n >= 1 leaves that are all tree_leaf(0): a tree of any size. */
struct digest tree_uniform_root(uint64_t n);

/* PATH(index, D[size]) and PROOF(size1, D[size2]). */
struct tree_proof tree_inclusion(uint64_t index, uint64_t size);
struct tree_proof tree_consistency(uint64_t size1, uint64_t size2);

/*
 * What a verifier must say to the hashes of proof was when the indices and
 * sizes it is told belong to proof now, roots and leaf unchanged.
 */
enum ac_err tree_verdict(const struct tree_proof *was,
    const struct tree_proof *now);

/* Next of a sequence that is the same in every run. */
uint64_t tree_random(uint64_t *state);

#endif
