/* tpmopt.c -- which TPM is meant; see tpmopt.h. */
#include <stdio.h>
#include <stdlib.h>

#include "producer/tpmopt.h"
#include "producer/tpmsim.h"

enum ac_err
tpmopt_find(struct tpmopt *t, struct attest_options *out, struct message *why)
{
	struct message quoted = { "" }, said = { "" };
	enum ac_err e;

	out->reset = "reboot the machine";
	if (t->sim == NULL)
		return AC_OK;
	e = tpmsim_tcti(t->sim, &t->tcti, &said);
	if (e != AC_OK) {
		message_set(why, "%s", said.text);
		return e;
	}
	message_add_quoted(&quoted, span_str(t->sim));
	message_set(why, "no memory");
	if (asprintf(&t->ak_chain, "%s/ak-chain.pem", t->sim) < 0) {
		t->ak_chain = NULL;
		return AC_ERR_MEMORY;
	}
	if (asprintf(&t->reset, "run: aicert tpm-sim reset %s",
	    quoted.text) < 0) {
		t->reset = NULL;
		return AC_ERR_MEMORY;
	}
	out->tcti = (const char *)t->tcti.p;
	out->ak_chain = t->ak_chain;
	out->reset = t->reset;
	return AC_OK;
}

void
tpmopt_free(struct tpmopt *t)
{
	buf_free(&t->tcti);
	free(t->ak_chain);
	free(t->reset);
	*t = (struct tpmopt){ .sim = NULL };
}
