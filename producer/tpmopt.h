/*
 * tpmopt.h -- which TPM a command line means: a simulated one, or one by its
 * name and its key's certificates.
 */
#ifndef AICERT_PRODUCER_TPMOPT_H
#define AICERT_PRODUCER_TPMOPT_H

#include "common/writer.h"
#include "producer/attest.h"

struct tpmopt {
	const char *sim;         /* a folder, or NULL */
	struct buf tcti;         /* of sim; owned, as what follows */
	char *ak_chain, *reset;
};

/*
 * Fill in tcti, ak_chain and reset of *out, which borrow from *t: those of
 * t->sim where it is not NULL; else only reset.  As tpmsim_tcti().
 */
AC_MUST_CHECK enum ac_err tpmopt_find(struct tpmopt *t,
    struct attest_options *out, struct message *why);

void tpmopt_free(struct tpmopt *t);

#endif
