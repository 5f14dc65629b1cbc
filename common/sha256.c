/*
 * sha256.c -- SHA-256 by OpenSSL's low-level functions.
 *
 * They are the same SHA-NI code as EVP's, need no allocation, cannot fail,
 * and are the fastest for the short inputs of a Merkle tree.  OpenSSL 3 marks
 * them deprecated in favour of EVP; this file is the one place that uses
 * them, and the one to change should they go.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "common/sha256.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256),
    "struct sha256 holds the library's state");

void
sha256_init(struct sha256 *s)
{
	SHA256_CTX c;

	(void)SHA256_Init(&c);
	memcpy(s->opaque, &c, sizeof(c));
}

void
sha256_update(struct sha256 *s, struct span data)
{
	SHA256_CTX c;

	if (data.len == 0)
		return;
	memcpy(&c, s->opaque, sizeof(c));
	(void)SHA256_Update(&c, data.p, data.len);
	memcpy(s->opaque, &c, sizeof(c));
}

struct digest
sha256_final(struct sha256 *s)
{
	struct digest d;
	SHA256_CTX c;

	memcpy(&c, s->opaque, sizeof(c));
	(void)SHA256_Final(d.b, &c);
	return d;
}

struct digest
sha256_of(struct span data)
{
	return sha256_of2(data, span_of(NULL, 0));
}

struct digest
sha256_of2(struct span a, struct span b)
{
	struct digest d;
	SHA256_CTX c;

	(void)SHA256_Init(&c);
	if (a.len > 0)
		(void)SHA256_Update(&c, a.p, a.len);
	if (b.len > 0)
		(void)SHA256_Update(&c, b.p, b.len);
	(void)SHA256_Final(d.b, &c);
	return d;
}
