/*
 * leaf.h -- the log entry of a statement: the Rekor v2 hashedrekord 0.0.2
 * body in canonical JSON (RFC 8785).
 *
 * Whoever has D, signature and key checks a leaf by building its one body and
 * comparing bytes; the decoder is for those who read a log, and takes nothing
 * but what the encoder writes.
 */
#ifndef AICERT_CERT_LEAF_H
#define AICERT_CERT_LEAF_H

#include "cert/limits.h"
#include "cert/spki.h"
#include "common/writer.h"

#define LEAF_KIND "hashedrekord"
#define LEAF_VERSION "0.0.2"

/*
 * *out = the body for D, the DER signature sig of at most P256_SIG_MAX bytes,
 * and key; owned by the caller.
 */
AC_MUST_CHECK enum ac_err leaf_encode(struct buf *out, const struct digest *d,
    struct span sig, const struct spki *key);

/* What a leaf says: key signed the statement named D. */
struct leaf {
	struct digest d;
	uint8_t sig[P256_SIG_MAX]; /* DER; not verified */
	size_t siglen;
	struct spki key;
};

/* Decode exactly what leaf_encode() makes of some leaf.  AC_ERR_FORMAT. */
AC_MUST_CHECK enum ac_err leaf_decode(struct leaf *out, struct span body);

#endif
