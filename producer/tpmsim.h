/*
 * tpmsim.h -- a software TPM in a folder, as if it were a machine's.
 *
 * Runs swtpm and its tools; what they do not do (the attestation key and
 * its certificate, where Azure has them) is done here.  It protects nothing:
 * whoever reads the folder owns the TPM, and every certificate says
 * SIMULATED.  The folder, mode 0700:
 *
 *   state/              swtpm's own: the TPM
 *   ek/                 the CA of the endorsement key, by swtpm's tools
 *   ca/                 root.key, intermediate.key (mode 0600)
 *   root.pem            the CA of the attestation key
 *   ak-chain.pem        attestation key's certificate, intermediate, root;
 *                       written last: the folder is complete
 *   tpm.sock[.ctrl]     while it runs
 *   tpm.pid, log        swtpm's process id, what swtpm and its tools said
 *
 * Every function returns AC_ERR_BUSY while another one is at work in dir,
 * AC_ERR_UNSUPPORTED where swtpm is not installed, AC_ERR_IO or what the
 * TPM or the file system said, with the reason in *why.
 */
#ifndef AICERT_PRODUCER_TPMSIM_H
#define AICERT_PRODUCER_TPMSIM_H

#include "producer/tpm.h"

#define TPMSIM_DAYS 365u /* the usual validity of an AK's certificate */

struct tpmsim_options {
	unsigned days;       /* validity of the AK's certificate, 1 to 7300 */
	uint32_t ak_cleared; /* TPM_ATTR_* its key lacks; 0 but in tests */
};

/*
 * Make the folder dir (or use it where it is empty) and a TPM in it, stopped
 * in order.  All or nothing: what an error leaves is removed again.
 * AC_ERR_EXISTS: dir is there and not empty; AC_ERR_LIMIT: its path is too
 * long for a socket, or days are out of range; AC_ERR_FORMAT: its path has a
 * comma, which swtpm's options cannot carry.
 */
AC_MUST_CHECK enum ac_err tpmsim_init(const char *dir,
    const struct tpmsim_options *options, struct message *why);

/*
 * A new boot: PCRs are zero.  Returns when the TPM answers.  AC_ERR_EXISTS:
 * it runs already; AC_ERR_NOT_FOUND: dir has no complete TPM.
 */
AC_MUST_CHECK enum ac_err tpmsim_start(const char *dir, struct message *why);

/*
 * Let one virtual machine have it, whose firmware starts it: the socket
 * dir/tpm.sock.ctrl then takes QEMU's connection, and the TPM ends with that.
 * As tpmsim_start().
 */
AC_MUST_CHECK enum ac_err tpmsim_serve(const char *dir, struct message *why);

/*
 * Shut the TPM down in order and see its process gone.  It is gone too after
 * AC_ERR_IO that says it did not shut down; its next start is then not safe.
 * AC_ERR_NOT_FOUND: it does not run.  An incomplete folder will do: an init
 * that was killed may have left its TPM running.
 */
AC_MUST_CHECK enum ac_err tpmsim_stop(const char *dir, struct message *why);

/* Stop, if it runs, and start. */
AC_MUST_CHECK enum ac_err tpmsim_reset(const char *dir, struct message *why);

/* The name that tpm_open() and tpm2-tools know it by: "swtpm:path=...". */
AC_MUST_CHECK enum ac_err tpmsim_tcti(const char *dir, struct buf *out,
    struct message *why);

#endif
