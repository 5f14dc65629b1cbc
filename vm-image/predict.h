/*
 * predict.h -- what PCRs 4, 9 and 11 (SHA-256) hold after a UKI booted: from
 * the file alone, with no TPM and no firmware.
 *
 * PCR 4: the firmware's announcement, its separator, the UKI; and the kernel,
 * which the firmware measures as the stub starts it, unless Secure Boot is on.
 * PCR 9: the command line and the initrd, by the kernel.  PCR 11: the name and
 * the content of each section, by the stub.  OVMF and the firmware of Azure's
 * Trusted Launch measure these alike.
 */
#ifndef AICERT_VM_IMAGE_PREDICT_H
#define AICERT_VM_IMAGE_PREDICT_H

#include "cert/release.h"
#include "vm-image/uki.h"

struct predict {
	struct digest pcr4, pcr9, pcr11;
	const char *no_pcr9; /* why pcr9 cannot be known; NULL where it is */
};

/*
 * Predict.  AC_ERR_MISMATCH: secure_boot, but the UKI is not signed, so that
 * it does not boot; AC_ERR_MEMORY; with *why.
 */
AC_MUST_CHECK enum ac_err predict_pcrs(struct predict *out,
    const struct uki *u, bool secure_boot, struct message *why);

/*
 * Fill the release of u but for its containers: *r borrows from u.  It has the
 * tuple of the firmware and state of Secure Boot that are said, of both where
 * firmware is NULL, and of both states where secure_boot is NULL and the UKI
 * is signed.  Its name and version are .osrel's IMAGE_ID and IMAGE_VERSION, its
 * root is the command line's roothash=, and it is for debugging where that has
 * the word aicert.debug.  AC_ERR_NOT_FOUND: one of these is missing or there
 * twice; else as predict_pcrs(); with *why.
 */
AC_MUST_CHECK enum ac_err predict_release(struct release *r,
    const struct uki *u, const char *firmware, const bool *secure_boot,
    struct message *why);

#endif
