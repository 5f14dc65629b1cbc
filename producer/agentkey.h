/*
 * agentkey.h -- the key of an agent's TLS: made at its start, gone with it.
 * The certificate around it says nothing that counts: who checks the machine
 * compares the key with PCR 15.
 */
#ifndef AICERT_PRODUCER_AGENTKEY_H
#define AICERT_PRODUCER_AGENTKEY_H

#include "cert/spki.h"
#include "common/message.h"
#include "common/writer.h"

struct agentkey {
	struct buf key, certificate; /* PEM, each with a NUL behind it */
	struct spki spki;
};

/* A new key on P-256.  AC_ERR_CRYPTO, AC_ERR_MEMORY; *why is set. */
AC_MUST_CHECK enum ac_err agentkey_make(struct agentkey *out,
    struct message *why);

/* Wipe and free. */
void agentkey_free(struct agentkey *k);

#endif
