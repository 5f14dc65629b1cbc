/*
 * hcl.h -- the report that Azure's paravisor (HCL) keeps in a confidential
 * VM's TPM: a hardware report whose report_data is the SHA-256 of claims in
 * JSON, among them the attestation key.  Whether the hardware report is
 * genuine is for snp.h.  Layout: Microsoft's confidential-VM guest
 * attestation, "HCL report".
 */
#ifndef AICERT_VERIFIER_HCL_H
#define AICERT_VERIFIER_HCL_H

#include "common/err.h"
#include "common/message.h"

#define HCL_N_MAX 683 /* characters of 512 bytes in base64url */

enum hcl_kind { HCL_SNP = 2, HCL_TDX = 4 };

struct hcl {
	enum hcl_kind kind;
	struct span hardware;      /* an SNP report or a TDREPORT; borrowed */
	uint8_t report_data[64];   /* the claims' digest and zeros */
	char ak_n[HCL_N_MAX + 1];  /* modulus of HCLAkPub, in base64url */
};

/*
 * Parse report, after which only zeros may follow, as in the NV index.
 * AC_ERR_FORMAT: not of that layout, or the claims are not JSON with exactly
 * one RSA key HCLAkPub; AC_ERR_MISMATCH: the hardware report's
 * report_data is not of these claims.
 */
AC_MUST_CHECK enum ac_err hcl_parse(struct hcl *out, struct span report,
    struct message *why);

/* Is the RSA key of this modulus (and 65537) the HCLAkPub? */
bool hcl_names_ak(const struct hcl *h, struct span modulus);

/*
 * Is quote a TDX quote (version 4 or 5) with the report_data of these claims?
 * Its signature is not checked.  AC_ERR_FORMAT, AC_ERR_MISMATCH.
 */
AC_MUST_CHECK enum ac_err hcl_check_td_quote(const struct hcl *h,
    struct span quote, struct message *why);

#endif
