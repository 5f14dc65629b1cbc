/*
 * sig.h -- signatures: one scheme per key.  P-256 and RSA by OpenSSL, Ed25519
 * by libsodium.  AC_OK: the signature holds; AC_ERR_MISMATCH: it does not, or
 * is malformed; AC_ERR_FORMAT: the key is unusable; AC_ERR_CRYPTO: a library
 * failed.
 */
#ifndef AICERT_VERIFIER_SIG_H
#define AICERT_VERIFIER_SIG_H

#include "cert/note.h"
#include "cert/spki.h"

/* A loaded P-256 key, to verify many signatures with; of one thread. */
struct sig_key;

AC_MUST_CHECK enum ac_err sig_key_new(struct sig_key **out,
    const struct spki *key);
void sig_key_free(struct sig_key *k);
const struct spki *sig_key_spki(const struct sig_key *k);

/* ECDSA with SHA-256: der over the digest d. */
AC_MUST_CHECK enum ac_err sig_p256(const struct sig_key *k,
    const struct digest *d, struct span der);

/*
 * The P-256 key whose SHA-256 (of the 91-byte SPKI) is fingerprint and by
 * which der signs d: a signature leads to its key, up to a sign, and the
 * fingerprint says which.  It is how a bundle, which carries only the hint,
 * gives up its key.  AC_ERR_NOT_FOUND: no such key.  The caller verifies the
 * signature as with any key.
 */
AC_MUST_CHECK enum ac_err sig_p256_recover(struct spki *out,
    const struct digest *d, struct span der, const struct digest *fingerprint);

/*
 * An ECDSA signature in DER of r and s, numbers of OpenSSL that it takes over,
 * to be freed by OPENSSL_free(); its length, 0 where there is none.
 */
struct bignum_st;
AC_MUST_CHECK int sig_ecdsa_der(unsigned char **out, struct bignum_st *r,
    struct bignum_st *s);

AC_MUST_CHECK enum ac_err sig_ed25519(const uint8_t pub[32], struct span text,
    const uint8_t sig[64]);

/*
 * The signatures of a note by one known key.  AC_ERR_NOT_FOUND: no line by
 * it; AC_ERR_MISMATCH: a line by it does not hold.  For a cosignature key the
 * earliest time of its lines is stored in *time_s, else 0.
 */
AC_MUST_CHECK enum ac_err sig_note(int64_t *time_s, const struct note *note,
    const struct note_key *key);

#endif
