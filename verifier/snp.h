/*
 * snp.h -- AMD SEV-SNP attestation reports, versions 2 to 5, and the chain
 * VCEK, ASK, ARK that signs them.  Layout and rules: AMD, SEV Secure Nested
 * Paging Firmware ABI (56860), table ATTESTATION_REPORT; VCEK Certificate and
 * KDS Interface (57230).
 */
#ifndef AICERT_VERIFIER_SNP_H
#define AICERT_VERIFIER_SNP_H

#include "cert/limits.h"
#include "common/message.h"
#include "common/writer.h"

#define SNP_REPORT_LEN 1184
#define SNP_ID_KEY_LEN 48
#define SNP_CHIP_ID_LEN 64

enum snp_product { SNP_MILAN, SNP_GENOA, SNP_TURIN };

/* Security versions of what the chip runs; fmc is Turin's only, else 0. */
struct snp_tcb {
	uint8_t fmc, bootloader, tee, snp, microcode;
};

/* A report; borrows from its bytes. */
struct snp {
	uint32_t version;
	uint64_t policy;
	uint32_t vmpl;
	uint8_t tcb[8];              /* reported; its form is the product's */
	struct span id_key_digest;   /* SHA-384 of who signed the guest */
	struct span chip_id;
	struct span signed_part, r, s; /* r, s: little-endian */
};

/* What the signer's certificate says. */
struct snp_signer {
	enum snp_product product;
	struct snp_tcb tcb;
	struct digest root; /* SHA-256 of the ARK's DER */
};

const char *snp_product_name(enum snp_product p);

/*
 * Parse exactly one report: signed by a VCEK with ECDSA P-384 and SHA-384,
 * reserved bytes zero.  AC_ERR_FORMAT.
 */
AC_MUST_CHECK enum ac_err snp_parse(struct snp *out, struct span report,
    struct message *why);

/*
 * Is the report by the VCEK that der[0..n) = VCEK, ASK, ARK certifies at
 * time_s (CHAIN_NO_TIME: validity is not judged), of this chip and TCB; is it
 * of VMPL 0, and may nobody debug the guest or take it elsewhere?  Whose the
 * ARK is, how new the TCB must be and what runs in the guest are the caller's
 * to judge.  AC_ERR_FORMAT, AC_ERR_MISMATCH, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err snp_check(struct snp_signer *out,
    const struct snp *report, const struct buf der[], size_t n, int64_t time_s,
    struct message *why);

/* Is no part of the TCB below that of floor? */
bool snp_tcb_reaches(const struct snp_tcb *tcb, const struct snp_tcb *floor);

#endif
