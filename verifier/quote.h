/*
 * quote.h -- what a TPM signs: TPMS_ATTEST of a quote, TPMT_SIGNATURE and
 * TPMT_PUBLIC (TPM 2.0 Library, Part 2), exact and without trailing bytes.
 */
#ifndef AICERT_VERIFIER_QUOTE_H
#define AICERT_VERIFIER_QUOTE_H

#include "common/bytes.h"
#include "common/message.h"

/* Bits of TPMA_OBJECT (Part 2, section 8.3). */
#define QUOTE_FIXED_TPM (1u << 1)
#define QUOTE_FIXED_PARENT (1u << 4)
#define QUOTE_SENSITIVE_DATA_ORIGIN (1u << 5)
#define QUOTE_RESTRICTED (1u << 16)
#define QUOTE_DECRYPT (1u << 17)
#define QUOTE_SIGN (1u << 18)

/* A TPMS_ATTEST of type quote; borrows from its bytes. */
struct quote {
	struct span qualified_signer;
	struct span extra_data;
	uint64_t clock_ms;
	uint32_t reset_count, restart_count;
	bool safe;
	uint64_t firmware;
	uint16_t bank;     /* TPM_ALG_ID of the one selection */
	uint32_t pcrs;     /* bit i: PCR i is selected */
	struct span pcr_digest;
};

/* A signing key's TPMT_PUBLIC; borrows from its bytes. */
struct quote_public {
	uint16_t type;         /* TPM_ALG_ID, as the next two */
	uint32_t attributes;
	uint16_t scheme, hash;
	uint16_t key_bits;     /* of the modulus, or of the curve's field */
	struct span modulus;   /* RSA */
	uint32_t exponent;     /* 65537, where the TPM writes 0 too */
	struct span x, y;      /* ECC */
	struct digest name;    /* without the two bytes of the algorithm */
};

/*
 * Parse; *why names the field that is wrong.  AC_ERR_FORMAT;
 * AC_ERR_UNSUPPORTED: a key that is neither RSA (2048 to 4096 bits, RSASSA or
 * RSAPSS) nor ECC (P-256 or P-384, ECDSA), fixed to SHA-256, 384 or 512.
 */
AC_MUST_CHECK enum ac_err quote_parse(struct quote *out, struct span attest,
    struct message *why);
AC_MUST_CHECK enum ac_err quote_parse_public(struct quote_public *out,
    struct span tpmt_public, struct message *why);

/*
 * Is the key one that signs only what its TPM made: restricted, sign,
 * fixedTPM, fixedParent, sensitiveDataOrigin, not decrypt (step 9)?
 * AC_ERR_MISMATCH names the attribute.
 */
AC_MUST_CHECK enum ac_err quote_check_attributes(const struct quote_public *k,
    struct message *why);

/* "RSASSA", "SHA-256" and the like. */
const char *quote_scheme_name(const struct quote_public *k);
const char *quote_hash_name(const struct quote_public *k);

/*
 * Is spki the SHA-256 of the key's SubjectPublicKeyInfo?  AC_ERR_MISMATCH.
 */
AC_MUST_CHECK enum ac_err quote_check_spki(const struct quote_public *k,
    const struct digest *spki, struct message *why);

/*
 * Does signature, a TPMT_SIGNATURE of exactly the key's own scheme and hash,
 * hold for attest under k?  AC_ERR_FORMAT, AC_ERR_MISMATCH.
 */
AC_MUST_CHECK enum ac_err quote_check_signature(struct span attest,
    struct span signature, const struct quote_public *k, struct message *why);

/*
 * Does the quote select exactly the PCRs of mask in the SHA-256 bank, and is
 * its digest, by k's hash, that of pcr[i] for every i of mask, in order?
 * AC_ERR_MISMATCH.
 */
AC_MUST_CHECK enum ac_err quote_check_pcrs(const struct quote *q,
    const struct quote_public *k, uint32_t mask, const struct digest pcr[16],
    struct message *why);

/* Is the qualified signer that of a primary key of the endorsement hierarchy? */
bool quote_is_endorsement_primary(const struct quote *q,
    const struct quote_public *k);

#endif
