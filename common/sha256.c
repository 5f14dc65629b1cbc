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

size_t
sha256_wanting(const struct sha256 *s)
{
	SHA256_CTX c;

	memcpy(&c, s->opaque, sizeof(c));
	return (SHA256_CBLOCK - c.num) % SHA256_CBLOCK;
}

void
sha256_state(uint32_t h[static 8], const struct sha256 *s)
{
	SHA256_CTX c;

	memcpy(&c, s->opaque, sizeof(c));
	for (size_t i = 0; i < 8; i++)
		h[i] = c.h[i];
}

void
sha256_resume(struct sha256 *s, const uint32_t h[static 8], size_t blocks)
{
	SHA256_CTX c;
	uint64_t bits;

	memcpy(&c, s->opaque, sizeof(c));
	for (size_t i = 0; i < 8; i++)
		c.h[i] = h[i];
	bits = ((uint64_t)c.Nh << 32 | c.Nl) + (uint64_t)blocks * 512;
	c.Nl = (SHA_LONG)bits;
	c.Nh = (SHA_LONG)(bits >> 32);
	memcpy(s->opaque, &c, sizeof(c));
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
