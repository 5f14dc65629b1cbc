/*
 * notary.h -- the registry's statement key, by which it signs what it says
 * itself: removals and states of revocation.  It is an ordinary builder's key
 * (ECDSA P-256), no key of the log: signer.h has those.  The file is PEM.
 */
#ifndef AICERT_REGISTRY_NOTARY_H
#define AICERT_REGISTRY_NOTARY_H

#include "cert/spki.h"
#include "common/message.h"
#include "common/writer.h"

struct notary;

/* Make the key in folder dir, where there is none yet. */
AC_MUST_CHECK enum ac_err notary_create(const char *dir, struct message *why);

/* Open it.  A file that others can read is refused. */
AC_MUST_CHECK enum ac_err notary_open(struct notary **out, const char *dir,
    struct message *why);
void notary_close(struct notary *n);

/* SHA-256 of its SPKI: policies name it by that. */
struct digest notary_fingerprint(const struct notary *n);

/*
 * *line = the bundle of the statement, which is taken over, signed and not
 * logged, with its LF.
 */
AC_MUST_CHECK enum ac_err notary_sign(const struct notary *n, struct buf *line,
    struct buf *statement);

#endif
