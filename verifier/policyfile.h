/*
 * policyfile.h -- the policy file on disk: where it is looked for, and the PEM
 * files that it names beside it.
 */
#ifndef AICERT_VERIFIER_POLICYFILE_H
#define AICERT_VERIFIER_POLICYFILE_H

#include "verifier/policy.h"

/*
 * option itself where it is not NULL, else the first of $AICERT_POLICY,
 * ~/.config/aicert/policy and /etc/aicert/policy that is there, in a new
 * string; NULL where there is none.
 */
char *policyfile_find(const char *option);

/*
 * Where the newest snapshot of that log's revocations is kept, below
 * $XDG_CACHE_HOME or ~/.cache, in a new string; NULL where there can be none.
 */
char *policyfile_snapshot(const char *origin);

/*
 * Read and parse the policy at path; freed by policy_free().  Fails as
 * file_read() and policy_parse() do; *why names the file.
 */
AC_MUST_CHECK enum ac_err policyfile_load(struct policy **out,
    const char *path, struct message *why);

/*
 * *out = the lines of the policy at path that are C2SP tlog-policy's own.
 * Fails as policyfile_load() does, which the policy has to pass.
 */
AC_MUST_CHECK enum ac_err policyfile_tlog(struct buf *out, const char *path,
    struct message *why);

#endif
