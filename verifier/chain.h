/*
 * chain.h -- X.509 chains that carry their own root: leaf first, root last,
 * each certificate signed by the next.  Whose root it is, and what the leaf
 * is for, is the caller's to judge.
 */
#ifndef AICERT_VERIFIER_CHAIN_H
#define AICERT_VERIFIER_CHAIN_H

#include "cert/limits.h"
#include "common/message.h"
#include "common/writer.h"

#define CHAIN_NO_TIME INT64_MIN

struct x509_st;

struct chain {
	size_t n;
	struct x509_st *x[AK_CHAIN_MAX]; /* owned; freed by chain_free() */
};

/* What is asked of every certificate. */
enum chain_rules {
	CHAIN_STRICT, /* RFC 5280's rules for extensions */
	CHAIN_AMD,    /* those that AMD's certificates keep */
};

/*
 * SHA-256 of the DER of the last certificate: what a policy pins.
 */
struct digest chain_root(const struct buf der[], size_t n);

/*
 * Parse der[0..n), each one DER without trailing bytes; zeros may follow the
 * leaf, as Azure's NV index has it.  AC_ERR_FORMAT: not 2 to AK_CHAIN_MAX
 * certificates; AC_ERR_MISMATCH: two are the same.
 */
AC_MUST_CHECK enum ac_err chain_parse(struct chain *out,
    const struct buf der[], size_t n, struct message *why);

void chain_free(struct chain *c);

/*
 * Is every certificate signed by the next, with SHA-256 or stronger and 112
 * bits or more, and the last by itself; are all but the first CAs, with room
 * in their path lengths; and, unless time_s (unix) is CHAIN_NO_TIME, all
 * valid then?  Nothing is left over.  AC_ERR_MISMATCH, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err chain_check(const struct chain *c,
    enum chain_rules rules, int64_t time_s, struct message *why);

/* The time in which every certificate is valid. */
AC_MUST_CHECK bool chain_validity(const struct chain *c, int64_t *from_s,
    int64_t *until_s);

#endif
