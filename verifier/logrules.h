/*
 * logrules.h -- the policy's lines about logs and witnesses: the four kinds
 * of C2SP tlog-policy, and log-time.
 */
#ifndef AICERT_VERIFIER_LOGRULES_H
#define AICERT_VERIFIER_LOGRULES_H

#include "verifier/rule.h"

/* Each takes one line of its kind into the policy. */
AC_MUST_CHECK enum ac_err logrules_log(const struct rule *x);
AC_MUST_CHECK enum ac_err logrules_witness(const struct rule *x);
AC_MUST_CHECK enum ac_err logrules_group(const struct rule *x);
AC_MUST_CHECK enum ac_err logrules_quorum(const struct rule *x);
AC_MUST_CHECK enum ac_err logrules_log_time(const struct rule *x);

/*
 * After the last line: no log-time key, which vouches for a log's clock, is
 * anybody else's.
 */
AC_MUST_CHECK enum ac_err logrules_check(const struct policy *p,
    struct message *why);

#endif
