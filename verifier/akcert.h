/*
 * akcert.h -- what the certificate of an attestation key must be (step 8):
 * the leaf of a chain that a policy pins by its root.
 */
#ifndef AICERT_VERIFIER_AKCERT_H
#define AICERT_VERIFIER_AKCERT_H

#include "verifier/chain.h"

/* The extended key usage that asks for none: any (RFC 5280, 4.2.1.12). */
#define AKCERT_EKU_ANY "2.5.29.37.0"

/* Which machines Azure issued it for, by its certificate policies. */
enum akcert_machine {
	AKCERT_UNSAID,
	AKCERT_TRUSTED_VM,
	AKCERT_CONFIDENTIAL_VM,
};

/* What the leaf certifies. */
struct akcert {
	struct digest spki;              /* SHA-256 of the SPKI's DER */
	int64_t not_before_s, not_after_s; /* of the whole chain */
	enum akcert_machine machine;
};

/*
 * Check der[0..n) at time_s (unix; CHAIN_NO_TIME: validity is not judged) by
 * chain.h's strict rules, and its leaf: critical keyUsage digitalSignature,
 * not a CA, the extended key usage eku (AKCERT_EKU_ANY: that one, or no such
 * extension), no control characters in its subject, and, unless "", the
 * certificate policy.  AC_ERR_FORMAT: not certificates; AC_ERR_MISMATCH: a
 * rule is broken; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err akcert_check(struct akcert *out,
    const struct buf der[], size_t n, const char *eku, const char *policy,
    int64_t time_s, struct message *why);

#endif
