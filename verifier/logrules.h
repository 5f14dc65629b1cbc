/*
 * logrules.h -- the policy's lines about logs and witnesses: the four kinds
 * of C2SP tlog-policy, and log-time.
 */
#ifndef AICERT_VERIFIER_LOGRULES_H
#define AICERT_VERIFIER_LOGRULES_H

#include "verifier/rule.h"

/* What a witness or group is called: a name that no other has. */
rule_take logrules_name; /* struct policy_name */

/* The rest of a line, from word i on, into what the words before began. */
rule_take logrules_log;     /* struct note_key */
rule_take logrules_witness; /* struct policy_node, as is that of a group */
rule_take logrules_group;
rule_take logrules_quorum;  /* nothing */

/*
 * After the last line: no log-time key, which vouches for a log's clock, is
 * anybody else's.
 */
AC_MUST_CHECK enum ac_err logrules_check(const struct policy *p,
    struct message *why);

#endif
