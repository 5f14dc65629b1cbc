/*
 * bootrules.h -- the policy's lines about what may have booted: image releases
 * by their D, values of the firmware's PCRs, files of reference values.
 */
#ifndef AICERT_VERIFIER_BOOTRULES_H
#define AICERT_VERIFIER_BOOTRULES_H

#include "verifier/rule.h"

/* Each takes one line of its kind into the policy. */
AC_MUST_CHECK enum ac_err bootrules_image(const struct rule *x);
AC_MUST_CHECK enum ac_err bootrules_pcr(const struct rule *x);
AC_MUST_CHECK enum ac_err bootrules_measurements(const struct rule *x);

#endif
