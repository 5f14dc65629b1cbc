/*
 * spki.h -- the one public key form of statements: P-256 as the 91-byte DER
 * SubjectPublicKeyInfo with named curve and uncompressed point (RFC 5480).
 * Pure: whether the point lies on the curve is found when the key is used.
 */
#ifndef AICERT_CERT_SPKI_H
#define AICERT_CERT_SPKI_H

#include "common/bytes.h"
#include "common/err.h"

#define SPKI_LEN 91
#define SPKI_POINT_LEN 65
#define SPKI_PEM_LEN 178  /* characters of the PEM text, without a NUL */
#define SPKI_HINT_MAX 65  /* the longer hint with its NUL */

struct spki {
	uint8_t b[SPKI_LEN];
};

/* Exactly the 91 bytes, with the one prefix.  False otherwise. */
AC_MUST_CHECK bool spki_parse(struct spki *out, struct span der);

/* One "PUBLIC KEY" block of a PEM text, which may hold nothing else. */
AC_MUST_CHECK bool spki_from_pem(struct spki *out, struct span pem);

/* From the uncompressed point 04 || X || Y. */
void spki_from_point(struct spki *out, const uint8_t point[SPKI_POINT_LEN]);

/* That point within the key. */
static inline const uint8_t *
spki_point(const struct spki *key)
{
	return key->b + SPKI_LEN - SPKI_POINT_LEN;
}

/* The PEM text: 64 columns, LF, final LF, and a NUL. */
void spki_pem(char out[SPKI_PEM_LEN + 1], const struct spki *key);

/* SHA-256 of the DER: names the builder's key in statements and policies. */
struct digest spki_digest(const struct spki *key);

/* Hint of certificate lines: base64 of that digest, with NUL. */
void spki_hint(char out[SPKI_HINT_MAX], const struct spki *key);

/* Hint of model.sig: hex SHA-256 of the PEM text, with NUL. */
void spki_hint_oms(char out[SPKI_HINT_MAX], const struct spki *key);

#endif
