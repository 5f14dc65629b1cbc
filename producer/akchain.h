/*
 * akchain.h -- the certificates of the attestation key, as the producer needs
 * them: is it a chain, is it this TPM's, does it last?  Whom one trusts is the
 * verifier's business.
 */
#ifndef AICERT_PRODUCER_AKCHAIN_H
#define AICERT_PRODUCER_AKCHAIN_H

#include "cert/evidence.h"
#include "common/message.h"

struct akchain {
	size_t n;
	struct buf der[AK_CHAIN_MAX]; /* owned; leaf first, root last */
	int64_t not_after_s;          /* the earliest of all */
};

/*
 * Read the PEM file path: the leaf, what issued it, and so on to a self-signed
 * root, nothing else.  AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_NOT_FOUND,
 * AC_ERR_IO, AC_ERR_MEMORY, with *why.
 */
AC_MUST_CHECK enum ac_err akchain_read(struct akchain *out, const char *path,
    struct message *why);

/*
 * Does the leaf certify the key whose TPMT_PUBLIC this is?  AC_ERR_MISMATCH;
 * AC_ERR_UNSUPPORTED: no RSA key, with *why.
 */
AC_MUST_CHECK enum ac_err akchain_check_key(const struct akchain *c,
    struct span tpmt_public, struct message *why);

void akchain_free(struct akchain *c);

#endif
