/*
 * proof.h -- Merkle proofs out of stored tiles, with the tiles that were used
 * last kept expanded, so that neighbouring entries cost no hashing.
 */
#ifndef AICERT_REGISTRY_PROOF_H
#define AICERT_REGISTRY_PROOF_H

#include "registry/store.h"

struct proof;

/* Proofs out of s, which must outlive *out.  For one thread. */
AC_MUST_CHECK enum ac_err proof_new(struct proof **out, struct store *s);
void proof_free(struct proof *p);

/*
 * hashes[0..*n): the inclusion proof of leaf index in the tree of size, which
 * is committed.  AC_ERR_FORMAT: index >= size; AC_ERR_IO.
 */
AC_MUST_CHECK enum ac_err proof_inclusion(struct proof *p,
    struct digest hashes[MERKLE_PROOF_MAX], size_t *n, uint64_t index,
    uint64_t size);

/* The root of the first size leaves, 0 < size, which are committed. */
AC_MUST_CHECK enum ac_err proof_root(struct proof *p, struct digest *root,
    uint64_t size);

/* As proof_inclusion(), the consistency proof; 1 <= size1 <= size2. */
AC_MUST_CHECK enum ac_err proof_consistency(struct proof *p,
    struct digest hashes[MERKLE_PROOF_MAX], size_t *n, uint64_t size1,
    uint64_t size2);

#endif
