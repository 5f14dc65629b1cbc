/*
 * akcert.h -- the certificate chain of the attestation key (step 8): leaf
 * first, root included, the root pinned by the SHA-256 of its DER.
 */
#ifndef AICERT_VERIFIER_AKCERT_H
#define AICERT_VERIFIER_AKCERT_H

#include "cert/evidence.h"
#include "common/message.h"

#define AKCERT_NO_TIME INT64_MIN
#define AKCERT_RSA_MAX 512 /* bytes of a modulus */

/* What the leaf certifies. */
struct akcert {
	uint8_t modulus[AKCERT_RSA_MAX]; /* big-endian, without leading zeros */
	size_t moduluslen;
	uint64_t exponent;
	struct digest spki;              /* SHA-256 of the SPKI's DER */
	int64_t not_before_s, not_after_s; /* of the whole chain */
	char subject[256];               /* printable, escaped */
};

/*
 * SHA-256 of the DER of the last certificate: what a policy pins.
 */
struct digest akcert_root(const struct buf chain[], size_t n);

/*
 * Check chain[0..n) at time_s (unix; AKCERT_NO_TIME: validity is not judged):
 * every certificate one DER without trailing bytes (zero padding after the
 * leaf, as Azure's NV index has it, is accepted), each signed by the next with
 * SHA-256 or stronger, the last self-signed; the leaf with critical keyUsage
 * digitalSignature, not a CA, the extended key usage eku, and, unless "", the
 * certificate policy.  AC_ERR_FORMAT: not certificates; AC_ERR_MISMATCH: a
 * rule is broken; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err akcert_check(struct akcert *out,
    const struct buf chain[], size_t n, const char *eku, const char *policy,
    int64_t time_s, struct message *why);

#endif
