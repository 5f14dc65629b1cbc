/*
 * leaf.h -- the log entry of a statement: the Rekor v2 hashedrekord 0.0.2
 * body in canonical JSON (RFC 8785).
 *
 * There is no decoder: a leaf is checked by building the one body that D,
 * signature and key have, and comparing bytes.
 */
#ifndef AICERT_CERT_LEAF_H
#define AICERT_CERT_LEAF_H

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

#endif
