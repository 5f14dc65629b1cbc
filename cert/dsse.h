/*
 * dsse.h -- what is signed, quoted and logged: the digest D of a statement.
 */
#ifndef AICERT_CERT_DSSE_H
#define AICERT_CERT_DSSE_H

#include "common/bytes.h"

#define DSSE_PAYLOAD_TYPE "application/vnd.in-toto+json"

/*
 * D = SHA-256(PAE(DSSE_PAYLOAD_TYPE, statement)), the pre-authentication
 * encoding of DSSE v1.0.2.
 */
struct digest dsse_digest(struct span statement);

/* extraData of the quotes and challenges, formats.md section 3. */
struct digest dsse_bind_end(const struct digest *d);
struct digest dsse_bind_start(const struct digest *config,
    struct span checkpoint);
struct digest dsse_bind_challenge(const uint8_t nonce[32]);

#endif
