/* dsse.c -- D, and the domain-separated digests that a TPM signs. */
#include <stdio.h>

#include "cert/dsse.h"
#include "common/sha256.h"

struct digest
dsse_digest(struct span statement)
{
	struct sha256 s;
	char head[96];
	int n;

	n = snprintf(head, sizeof(head), "DSSEv1 %zu %s %zu ",
	    strlen(DSSE_PAYLOAD_TYPE), DSSE_PAYLOAD_TYPE, statement.len);
	sha256_init(&s);
	sha256_update(&s, span_of(head, (size_t)n));
	sha256_update(&s, statement);
	return sha256_final(&s);
}

/* SHA-256(tag || 0x00 || a || b). */
static struct digest
tagged(const char *tag, struct span a, struct span b)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, span_of(tag, strlen(tag) + 1));
	sha256_update(&s, a);
	sha256_update(&s, b);
	return sha256_final(&s);
}

struct digest
dsse_bind_end(const struct digest *d)
{
	return tagged("AICERT-TPM-BIND-V1", span_digest(d), span_of(NULL, 0));
}

struct digest
dsse_bind_start(const struct digest *config, struct span checkpoint)
{
	struct digest note = sha256_of(checkpoint);

	return tagged("AICERT-START-V1", span_digest(config),
	    span_digest(&note));
}

struct digest
dsse_bind_challenge(const uint8_t nonce[32])
{
	return tagged("AICERT-CHALLENGE-V1", span_of(nonce, 32),
	    span_of(NULL, 0));
}
