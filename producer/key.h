/*
 * key.h -- the builder's private key: an ECDSA key on P-256 in a PEM file that
 * only its owner can read.  It never leaves this file's struct; everybody else
 * sees its SPKI and its signatures.
 */
#ifndef AICERT_PRODUCER_KEY_H
#define AICERT_PRODUCER_KEY_H

#include "cert/limits.h"
#include "cert/spki.h"
#include "common/message.h"

struct key;

/*
 * Make a key and write it: path with mode 0600 (PKCS#8 PEM) and path.pub with
 * 0644 (SPKI PEM), whatever the umask.  *out is its public half.
 * AC_ERR_EXISTS: one of the two is there already, and nothing was written;
 * AC_ERR_IO, AC_ERR_CRYPTO, AC_ERR_MEMORY.  *why is set on failure.
 */
AC_MUST_CHECK enum ac_err key_create(struct spki *out, const char *path,
    struct message *why);

/*
 * Load the unencrypted PEM key of path.  AC_ERR_MISMATCH: others can read the
 * file, or the key is not a whole one on P-256; AC_ERR_FORMAT: no private key
 * in PEM; AC_ERR_NOT_FOUND, AC_ERR_LIMIT, AC_ERR_IO, AC_ERR_MEMORY.  *why is
 * set on failure.
 */
AC_MUST_CHECK enum ac_err key_load(struct key **out, const char *path,
    struct message *why);

/* The public half; lives as long as k. */
const struct spki *key_spki(const struct key *k);

/*
 * sig[0..*len) = the DER signature (ECDSA, SHA-256) of the digest d.
 * AC_ERR_CRYPTO.
 */
AC_MUST_CHECK enum ac_err key_sign(const struct key *k, const struct digest *d,
    uint8_t sig[P256_SIG_MAX], size_t *len);

/* Wipe and free. */
void key_free(struct key *k);

#endif
