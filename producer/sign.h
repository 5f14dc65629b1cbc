/*
 * sign.h -- a statement and a key become a bundle: a line of aicert.jsonl, or
 * model.sig (formats.md section 4).
 */
#ifndef AICERT_PRODUCER_SIGN_H
#define AICERT_PRODUCER_SIGN_H

#include "common/writer.h"
#include "producer/key.h"

/*
 * *out = the line of aicert.jsonl, LF included, of the statement signed by k:
 * hint = keyid = base64 SHA-256 of the SPKI; not logged.  AC_ERR_LIMIT: over
 * STATEMENT_MAX; AC_ERR_CRYPTO, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err sign_line(struct buf *out, struct span statement,
    const struct key *k);

/*
 * *out = model.sig, without LF, of the OMS statement signed by k: hint = hex
 * SHA-256 of the PEM text, keyid empty; not logged.  AC_ERR_LIMIT: over
 * OMS_STATEMENT_MAX; AC_ERR_CRYPTO, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err sign_model(struct buf *out, struct span statement,
    const struct key *k);

/*
 * Both files of a certificate: *jsonl = provenance as line 1, evidence, where
 * it is not empty, as line 2, then lines as they are; *sig = model.sig of oms.
 * Fails as the two above.
 */
AC_MUST_CHECK enum ac_err sign_both(struct buf *jsonl, struct buf *sig,
    struct span provenance, struct span evidence, struct span oms,
    struct span lines, const struct key *k);

#endif
