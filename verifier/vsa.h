/*
 * vsa.h -- a verdict as a SLSA Verification Summary Attestation v1: an in-toto
 * statement, which whoever verified may sign.  Unsigned it is nobody's word.
 */
#ifndef AICERT_VERIFIER_VSA_H
#define AICERT_VERIFIER_VSA_H

#include "verifier/report.h"

/*
 * AC_ERR_NOT_FOUND: there is nothing that the summary could be about, since
 * the certificate could not be read.
 */
AC_MUST_CHECK enum ac_err vsa_write(struct writer *w, const struct report *r);

#endif
