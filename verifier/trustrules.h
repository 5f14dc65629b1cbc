/*
 * trustrules.h -- the policy's lines about builders, machines and what they
 * were given: whom and what to trust, to allow, to require.
 */
#ifndef AICERT_VERIFIER_TRUSTRULES_H
#define AICERT_VERIFIER_TRUSTRULES_H

#include "verifier/rule.h"

/* One word. */
rule_take trustrules_builder; /* struct policy_builder: its key */
rule_take trustrules_origin;  /* of a struct policy_registry */
rule_take trustrules_root;    /* struct policy_ak_root: which it is */
rule_take trustrules_input;   /* the word "input" */
rule_take trustrules_deny;    /* struct policy_deny */

/* The rest of a line, from word i on. */
rule_take trustrules_ak_root; /* struct policy_ak_root */
rule_take trustrules_allow;   /* nothing, as the next */
rule_take trustrules_require;

#endif
