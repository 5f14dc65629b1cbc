/*
 * admit.h -- admission "signed": is a posted certificate well-formed, do its
 * lines agree, and does every signature hold?  It judges no evidence and no
 * builder; what is logged is who claims what.
 */
#ifndef AICERT_REGISTRY_ADMIT_H
#define AICERT_REGISTRY_ADMIT_H

#include "registry/reply.h"
#include "registry/unit.h"
#include "verifier/certificate.h"

/* What one thread keeps between certificates: keys it has seen. */
struct admit;

AC_MUST_CHECK enum ac_err admit_new(struct admit **out);
void admit_free(struct admit *a);

/*
 * Judge the bytes of an aicert.jsonl; log entries in it are ignored.  True:
 * *out is the unit, owned by the caller; false: *refusal says why not.
 */
AC_MUST_CHECK bool admit_certificate(struct admit *a, struct unit **out,
    struct reply *refusal, struct span jsonl);

#endif
