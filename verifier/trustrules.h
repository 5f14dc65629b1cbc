/*
 * trustrules.h -- the policy's lines about builders, machines and what they
 * were given: whom and what to trust, to allow, to require.
 */
#ifndef AICERT_VERIFIER_TRUSTRULES_H
#define AICERT_VERIFIER_TRUSTRULES_H

#include "verifier/rule.h"

/* Each takes one line of its kind into the policy. */
AC_MUST_CHECK enum ac_err trustrules_builder(const struct rule *x);
AC_MUST_CHECK enum ac_err trustrules_registry(const struct rule *x);
AC_MUST_CHECK enum ac_err trustrules_revoker(const struct rule *x);
AC_MUST_CHECK enum ac_err trustrules_ak_root(const struct rule *x);
AC_MUST_CHECK enum ac_err trustrules_vm(const struct rule *x);
AC_MUST_CHECK enum ac_err trustrules_container(const struct rule *x);
AC_MUST_CHECK enum ac_err trustrules_deny(const struct rule *x);
AC_MUST_CHECK enum ac_err trustrules_allow(const struct rule *x);
AC_MUST_CHECK enum ac_err trustrules_require(const struct rule *x);

#endif
