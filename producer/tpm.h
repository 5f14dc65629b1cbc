/*
 * tpm.h -- the TPM, in the few verbs that AICert needs.
 *
 * The one door to tpm2-tss's ESYS.  It asks and hands over bytes; what a
 * quote must say is the verifier's business.  Clauses are those of the TPM
 * 2.0 Library, Part 3 (commands) and Part 2 (structures).  All
 * authorisations are empty passwords, as in the virtual TPMs of clouds; the
 * only PCR bank is SHA-256.
 *
 * A verb that fails has said why in the struct tpm_why given to tpm_open():
 *   AC_ERR_NOT_FOUND  no such key or NV index
 *   AC_ERR_EXISTS     the handle or index is taken
 *   AC_ERR_BUSY       in lockout, or still busy after the retries
 *   AC_ERR_IO         no answer (errno says why; ETIMEDOUT: none in time)
 *   AC_ERR_LIMIT      more than the stated maximum, or than the TPM takes
 *   AC_ERR_CRYPTO     the TPM refused; the text has its decoded answer
 * Retries of what the TPM asks to be repeated end after about two seconds.
 */
#ifndef AICERT_PRODUCER_TPM_H
#define AICERT_PRODUCER_TPM_H

#include "common/bytes.h"
#include "common/err.h"
#include "common/writer.h"

#define TPM_PCRS 24u                    /* PC Client: PCR 0 to 23 */
#define TPM_AK_HANDLE 0x81000003u       /* where Azure keeps the AK */
#define TPM_AK_CERT_INDEX 0x01C101D0u   /* NV index of its certificate */
#define TPM_NV_MAX 65535u               /* an NV index is never larger */

/* Attributes of the AK, TPMA_OBJECT (Part 2, 8.3). */
#define TPM_ATTR_FIXED_TPM 0x00000002u
#define TPM_ATTR_FIXED_PARENT 0x00000010u
#define TPM_ATTR_SENSITIVE_DATA_ORIGIN 0x00000020u
#define TPM_ATTR_RESTRICTED 0x00010000u
#define TPM_ATTR_SIGN 0x00040000u

struct tpm;

/* What failed and why, one line without a full stop; "" before that. */
struct tpm_why {
	char text[320];
};

/* TPMS_CLOCK_INFO (Part 2, 10.11.1). */
struct tpm_clock {
	uint64_t clock_ms; /* time powered, over all boots */
	uint32_t resets;   /* boots since the TPM was made */
	uint32_t restarts; /* resumes since this boot */
	bool safe;         /* clock_ms never ran backwards; after a crash
			      this returns only with some seconds of running
			      (Part 1, 36), not with another boot */
};

/*
 * For main(), before there are threads: keep tpm2-tss from writing to
 * stderr, unless the user set TSS2_LOG.
 */
void tpm_quiet(void);

/*
 * Open the TPM that tcti names (see tcti.h) and see that it answers within
 * five seconds, is a TPM 2.0 and was started.  *why is used until
 * tpm_close() and shall outlive *out.
 */
AC_MUST_CHECK enum ac_err tpm_open(struct tpm **out, const char *tcti,
    struct tpm_why *why);

void tpm_close(struct tpm *t);

/* TPM2_PCR_Extend (22.2): PCR = SHA-256(PCR || d).  pcr < TPM_PCRS. */
AC_MUST_CHECK enum ac_err tpm_pcr_extend(struct tpm *t, unsigned pcr,
    const struct digest *d);

/*
 * TPM2_PCR_Read (22.4): values[i] = PCR i for each bit i of mask, all others
 * zero; all of one moment, though the TPM tells eight at a time.
 */
AC_MUST_CHECK enum ac_err tpm_pcr_read(struct tpm *t, uint32_t mask,
    struct digest values[TPM_PCRS]);

/*
 * TPM2_Quote (18.4) with the key at handle, in its own scheme, over the PCRs
 * in mask: *attest = the signed TPMS_ATTEST, *signature = the TPMT_SIGNATURE.
 */
AC_MUST_CHECK enum ac_err tpm_quote(struct tpm *t, uint32_t handle,
    const struct digest *extra_data, uint32_t mask, struct buf *attest,
    struct buf *signature);

/* TPM2_ReadPublic (12.4): *tpmt_public = the TPMT_PUBLIC, no size before. */
AC_MUST_CHECK enum ac_err tpm_ak_public(struct tpm *t, uint32_t handle,
    struct buf *tpmt_public);

/*
 * TPM2_NV_Read (31.13): the whole content of index, at most max bytes; read
 * as the owner where the index allows it, else by its own authorisation.
 */
AC_MUST_CHECK enum ac_err tpm_nv_read(struct tpm *t, uint32_t index,
    struct buf *out, size_t max);

/*
 * TPM2_NV_DefineSpace (31.3) and TPM2_NV_Write (31.7): make index, just as
 * large as data, written by the owner, read by owner or index.
 */
AC_MUST_CHECK enum ac_err tpm_nv_create(struct tpm *t, uint32_t index,
    struct span data);

/* TPM2_ReadClock (29.1). */
AC_MUST_CHECK enum ac_err tpm_clock(struct tpm *t, struct tpm_clock *out);

/*
 * TPM2_CreatePrimary (24.1) in the endorsement hierarchy and
 * TPM2_EvictControl (28.5): an attestation key of exactly Azure's template
 * (RSA-2048, RSASSA with SHA-256, attributes 00050472), kept at handle.
 * cleared: TPM_ATTR_* to leave out, 0 for a proper key; tests make the
 * improper ones.  A TPM refuses some: fixedTPM and fixedParent go together,
 * and sensitiveDataOrigin cannot go.
 */
AC_MUST_CHECK enum ac_err tpm_create_ak(struct tpm *t, uint32_t handle,
    uint32_t cleared);

/* TPM2_Shutdown(CLEAR) (9.4): the next start is an orderly one. */
AC_MUST_CHECK enum ac_err tpm_shutdown(struct tpm *t);

#endif
