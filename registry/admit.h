/*
 * admit.h -- admission: is what was posted, a certificate or one statement of
 * the other kinds, well-formed, do its lines agree, and does every signature
 * hold?  It judges no builder; what is logged is who claims what.  Evidence is
 * judged only where the options say so.
 */
#ifndef AICERT_REGISTRY_ADMIT_H
#define AICERT_REGISTRY_ADMIT_H

#include "registry/reply.h"
#include "registry/unit.h"
#include "verifier/certificate.h"

/* What one thread keeps between certificates: keys it has seen. */
struct admit;

/* Whom the registry lets revoke, and by what it judges evidence. */
struct policy;
AC_MUST_CHECK enum ac_err admit_policy_load(struct policy **out,
    const char *path, struct message *why);
void admit_policy_free(struct policy *p);

struct admit_options {
	struct digest own; /* fingerprint of the registry's statement key */
	const struct policy *policy; /* borrowed; NULL: there is none */
	/* Judge evidence by the policy, which there is then. */
	bool evidence;
};

AC_MUST_CHECK enum ac_err admit_new(struct admit **out,
    const struct admit_options *o);
void admit_free(struct admit *a);

/*
 * Judge the bytes of an aicert.jsonl; log entries in it are ignored.  True:
 * *out is the unit, owned by the caller; false: *refusal says why not.  What
 * only the registry says is admitted from its own key; that it is the
 * registry itself who posts it is left to the caller.
 */
AC_MUST_CHECK bool admit_certificate(struct admit *a, struct unit **out,
    struct reply *refusal, struct span jsonl);

#endif
