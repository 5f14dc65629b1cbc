/*
 * bootrules.h -- the policy's lines about what may have booted: values of the
 * firmware's PCRs, files of reference values.
 */
#ifndef AICERT_VERIFIER_BOOTRULES_H
#define AICERT_VERIFIER_BOOTRULES_H

#include "verifier/rule.h"

rule_take bootrules_measurements; /* struct policy_measurements: a file */
rule_take bootrules_pcr;          /* the rest of a line: PCR and values */

#endif
