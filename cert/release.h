/*
 * release.h -- AICERT/image-release/v1: what a published VM image measures
 * as, by kind of firmware and state of Secure Boot (design section 6).  It
 * says what its publisher says; who may publish is the policy's business.
 * One encoding: what is read is what the encoder writes, byte for byte.
 */
#ifndef AICERT_CERT_RELEASE_H
#define AICERT_CERT_RELEASE_H

#include "cert/statement.h"

/* What PCRs 4, 9 and 11 hold after one kind of boot: counts as a whole. */
struct release_tuple {
	struct span firmware;         /* "ovmf", "azure" ... */
	bool secure_boot;
	bool has_pcr9;                /* not every stub's is predictable */
	struct digest pcr4, pcr9, pcr11;
};

struct release_container {
	struct span name;
	struct digest sha256;
};

/* For writing, or borrowed from what was read: doc then owns the strings. */
struct release {
	struct json_doc doc;
	struct digest uki;  /* SHA-256 of the Unified Kernel Image */
	struct digest root; /* dm-verity root hash */
	struct span name, version;
	bool debug;         /* has a way in */
	struct span stub;   /* the boot stub's version */
	size_t ntuples;     /* at least 1 */
	struct release_tuple tuple[RELEASE_TUPLES_MAX];
	size_t ncontainers;
	struct release_container container[RELEASE_CONTAINERS_MAX];
};

/*
 * *out = the statement of r.  AC_ERR_FORMAT: a string is empty or no plain
 * text, no tuple, two tuples for one firmware and state, two containers of one
 * name, or a PCR of zeros, which is no measurement; AC_ERR_LIMIT: beyond the
 * caps of limits.h; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err release_encode(struct buf *out,
    const struct release *r);

/*
 * Decode the statement in bytes; freed by release_free().  AC_ERR_FORMAT: not
 * exactly what release_encode() writes; AC_ERR_LIMIT; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err release_decode(struct release *out,
    struct span bytes);

/* Free what decoding allocated. */
void release_free(struct release *r);

#endif
