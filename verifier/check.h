/*
 * check.h -- the name of every refusal.
 *
 * CHECK(name, condition) is the condition.  Only the mutation run of the
 * tests (AICERT_MUTATION) compiles it otherwise: there one named check at a
 * time passes whatever comes, to see that nothing else would have refused.
 * So what follows a check must be safe to run after it failed; where it is
 * not, as after a parse, there is no CHECK.  A name is used once.
 */
#ifndef AICERT_VERIFIER_CHECK_H
#define AICERT_VERIFIER_CHECK_H

#include "common/bytes.h"

#ifdef AICERT_MUTATION
/* The check of that name failed: is it switched off?  tests/verifier. */
bool check_is_off(const char *name);

#define CHECK(name, condition) ((condition) || check_is_off(#name))
#else
#define CHECK(name, condition) (condition)
#endif

#endif
