/*
 * tcti.h -- the way to a TPM, with a clock.
 *
 * tpm2-tss waits for an answer for as long as it takes; here every command
 * ends within a stated time.  Knows nothing about what commands mean.
 * Standard: TCG TSS 2.0 TPM Command Transmission Interface, section 3.
 */
#ifndef AICERT_PRODUCER_TCTI_H
#define AICERT_PRODUCER_TCTI_H

#include "common/err.h"

struct tcti;
struct TSS2_TCTI_OPAQUE_CONTEXT_BLOB;

/*
 * Prepare the way that name describes, as tpm2-tss and its tools write it:
 * "swtpm:path=SOCKET", "device:/dev/tpmrm0", ...  The first is spoken here:
 * one connection a command, as tpm2-tss does, so that several programs can
 * take turns; the socket is not touched before the first command.  All
 * others are loaded by tpm2-tss; those that offer nothing to poll (its own
 * "swtpm:host=...") keep their own idea of waiting.
 * AC_ERR_IO: cannot be loaded or opened; AC_ERR_LIMIT: SOCKET is too long
 * for a socket's address (107 bytes); AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err tcti_open(struct tcti **out, const char *name);

void tcti_close(struct tcti *t);

/* For Esys_Initialize(); valid until tcti_close(). */
struct TSS2_TCTI_OPAQUE_CONTEXT_BLOB *tcti_context(struct tcti *t);

/* Every command from now on is answered within so many ms, or fails. */
void tcti_set_patience(struct tcti *t, unsigned ms);

/*
 * Why the last command got no answer: an errno value (ETIMEDOUT: none in
 * time; ECONNREFUSED: nobody serves the socket; ...), 0 where it got one or
 * the loaded module does not say.
 */
int tcti_errno(const struct tcti *t);

#endif
