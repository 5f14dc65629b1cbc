/*
 * revocation.h -- what is said about other statements: revocations, and the
 * registry's own removals and states of revocation.
 *
 * One encoding each: what is read is what the encoder writes, byte for byte.
 * Who may say it, and whether it is logged, is not judged here.
 */
#ifndef AICERT_CERT_REVOCATION_H
#define AICERT_CERT_REVOCATION_H

#include "cert/statement.h"

#define TYPE_REVOCATION AICERT_URI "/revocation/v1"
#define TYPE_REMOVAL AICERT_URI "/removal/v1"
#define TYPE_REVOCATION_STATE AICERT_URI "/revocation-state/v1"

enum revocation_kind {
	REVOCATION,       /* target is void, everywhere or from an index on */
	REVOCATION_REMOVAL, /* the content of target is withheld */
	REVOCATION_STATE, /* target digests the list of revocations */
};

enum revocation_target {
	REVOCATION_STATEMENT, /* digest is a D */
	REVOCATION_IMAGE,     /* digest is the D of an image release */
	REVOCATION_KEY,       /* digest is the SHA-256 of a key's SPKI */
};

/* For writing, or borrowed from what was read: doc then owns the strings. */
struct revocation {
	struct json_doc doc;
	enum revocation_kind kind;
	enum revocation_target target; /* of REVOCATION; else 0 */
	struct digest digest;
	bool from;            /* REVOCATION: only from origin and index on */
	struct span origin;   /* of from, of REVOCATION_STATE; 1..TEXT_MAX */
	uint64_t index;       /* of from; at most JSON_INT_MAX */
	uint64_t tree_size, count; /* of REVOCATION_STATE; JSON_INT_MAX */
	struct span reason;   /* not of REVOCATION_STATE; maybe empty */
};

/* Is it one of the three predicate types? */
bool revocation_is(struct span predicate_type);

/*
 * *out = the statement of r.  AC_ERR_FORMAT: a string is empty where it may
 * not be, not UTF-8, or has control characters; AC_ERR_LIMIT: a string or
 * number over its cap; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err revocation_encode(struct buf *out,
    const struct revocation *r);

/*
 * Decode the statement in bytes; freed by revocation_free().  AC_ERR_FORMAT:
 * not exactly what revocation_encode() writes; AC_ERR_LIMIT; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err revocation_decode(struct revocation *out,
    struct span bytes);

/* Free what decoding allocated. */
void revocation_free(struct revocation *r);

/*
 * The digest of a state: SHA-256 of the Ds of d[0..n), one for each entry of a
 * revocation statement below the tree size, in order of index.
 */
struct digest revocation_list_digest(const struct digest d[], size_t n);

#endif
