/*
 * evidence.h -- line 2: what the TPM signed about line 1
 * (formats.md section 3).  Parts stay bytes; nothing here believes them.
 */
#ifndef AICERT_CERT_EVIDENCE_H
#define AICERT_CERT_EVIDENCE_H

#include "cert/limits.h"
#include "cert/statement.h"

/* The PCRs of every quote: 0-9 and 11-15; 10 is the kernel's IMA. */
#define EVIDENCE_PCRS 0xfbffu
#define EVIDENCE_NPCRS 15

enum evidence_when { EVIDENCE_START, EVIDENCE_END };

struct evidence_quote {
	struct buf attest;      /* TPMS_ATTEST */
	struct buf signature;   /* TPMT_SIGNATURE */
	struct digest pcr[16];  /* those of EVIDENCE_PCRS */
};

/* Everything owned; used for writing and for what was read. */
struct evidence {
	struct digest bound;            /* D of line 1 */
	struct digest root;             /* OMS root, second subject */
	struct evidence_quote quote[2]; /* by enum evidence_when */
	struct buf ak_public;           /* TPMT_PUBLIC */
	size_t nchain;
	struct buf chain[AK_CHAIN_MAX]; /* DER, leaf first, root last */
	struct buf boot_log;            /* empty: there was none */
	size_t ninputs;
	struct buf *inputs_log;         /* lines of PCR 14 */
	size_t noutputs;
	struct buf *outputs_log;        /* lines of PCR 8 */
	struct buf tls_key;             /* DER SPKI; empty: a local build */
	struct buf hcl;                 /* HCL report; empty: none, as below */
	struct buf snp;                 /* SNP report */
	struct buf snp_chain[SNP_CHAIN_LEN]; /* DER: VCEK, ASK, ARK */
	struct buf tdx;                 /* TDX quote */
	bool has_gpu;                   /* present, not read here */
};

/* *out = the statement.  AC_ERR_LIMIT, AC_ERR_MEMORY, AC_ERR_FORMAT. */
AC_MUST_CHECK enum ac_err evidence_encode(struct buf *out,
    const struct evidence *ev);

/*
 * Take a decoded statement apart.  AC_ERR_FORMAT: not exactly of our form, or
 * the subject is not boundDigest; AC_ERR_LIMIT; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err evidence_decode(struct evidence *out,
    const struct statement *s);

/*
 * What a machine shows a peer (section 5 of the design): its quote of the
 * challenge, which stands for both of a run and is ev->quote[EVIDENCE_END], and
 * all else as in the evidence, so far.  image is the root hash that its kernel
 * was started with, or NULL.  As evidence_encode().
 */
AC_MUST_CHECK enum ac_err evidence_encode_challenge(struct buf *out,
    const struct evidence *ev, const struct digest *image);

/*
 * The same read; the quote stands in both places.  *has_image: *image is
 * stated.  Fails as evidence_decode().
 */
AC_MUST_CHECK enum ac_err evidence_decode_challenge(struct evidence *out,
    bool *has_image, struct digest *image, struct span text);

/* Append a copy of line to a log of events. */
AC_MUST_CHECK enum ac_err evidence_append(struct buf **log, size_t *n,
    struct span line);

void evidence_free(struct evidence *ev);

#endif
