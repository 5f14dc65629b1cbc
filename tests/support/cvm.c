/*
 * cvm.c -- what a confidential VM of Azure adds to a certificate: an HCL
 * report whose claims name the AK, in it a SEV-SNP report or a TDREPORT, and
 * AMD's chain, all made of keys of our own; see fixture.h.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/sha256.h"
#include "common/text.h"
#include "tests/support/fixture.h"

#define SNP_LEN 1184
#define SNP_SIGNED 0x2a0
#define TDREPORT_REPORT_DATA 128
#define TD_QUOTE_REPORT_DATA 568
#define TD_QUOTE_LEN 640

#define MUST(x) must((x), #x, __LINE__)

static void
must(bool ok, const char *what, int line)
{
	if (ok)
		return;
	(void)fprintf(stderr, "cvm.c:%d: cannot do %s\n", line, what);
	abort();
}

/* The modulus of key in base64url, as JSON web keys have it. */
static void
write_modulus(struct writer *w, EVP_PKEY *key)
{
	uint8_t b[512];
	char text[700];
	BIGNUM *n = NULL;
	size_t len;

	MUST(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
	    BN_num_bytes(n) <= (int)sizeof(b));
	len = (size_t)BN_bn2bin(n, b);
	BN_free(n);
	text_base64(text, span_of(b, len));
	for (size_t i = 0; i < text_base64_len(len) && text[i] != '='; i++)
		wr_u8(w, (uint8_t)(text[i] == '+' ? '-' : text[i] == '/' ?
		    '_' : text[i]));
}

static void
make_claims(struct buf *out, const struct fixture *f)
{
	const struct fixture_cvm *c = &f->cvm;
	struct writer w;

	wr_init(&w, 64 * KIB);
	wr_str(&w, "{\"keys\":[{\"kid\":\"HCLAkPub\",\"key_ops\":[\"sign\"],"
	    "\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
	write_modulus(&w, c->named);
	wr_str(&w, "\"},{\"kid\":\"HCLEkPub\",\"key_ops\":[\"encrypt\"],"
	    "\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
	write_modulus(&w, f->keys->other_ak);
	wr_str(&w, "\"}],\"vm-configuration\":{\"console-enabled\":true,"
	    "\"secure-boot\":true,\"tpm-enabled\":true},\"user-data\":\"00\"}");
	MUST(wr_end(&w, out) == AC_OK);
	if (c->from != NULL)
		fixture_replace(out, c->from, c->to);
}

static void
put_le(uint8_t *at, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

/* A number of an ECDSA signature, little-endian. */
static void
put_number(uint8_t *at, const BIGNUM *n)
{
	MUST(BN_bn2lebinpad(n, at, 48) == 48);
}

/* ATTESTATION_REPORT, signed. */
static void
make_report(uint8_t b[SNP_LEN], const struct fixture *f,
    const struct digest *claims)
{
	const struct fixture_cvm *c = &f->cvm;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[200];
	const uint8_t *p = der;
	size_t len = sizeof(der);
	ECDSA_SIG *sig;

	memset(b, 0, SNP_LEN);
	put_le(b, c->version, 4);
	put_le(b + 8, c->policy, 8);
	put_le(b + 0x30, c->vmpl, 4);
	put_le(b + 0x34, c->algorithm, 4);
	memcpy(b + 0x38, c->tcb, 8);
	put_le(b + 0x48, c->signer, 4);
	memcpy(b + 0x50, claims->b, sizeof(claims->b));
	b[0x50] ^= c->claims_bit;
	memset(b + 0x90, 0x4d, 48);
	memcpy(b + 0xe0, c->id_key, sizeof(c->id_key));
	memset(b + 0x140, 0x1d, 32);
	memset(b + 0x160, 0xff, 32);
	memcpy(b + 0x180, c->tcb, 8);
	if (c->version >= 3)
		memcpy(b + 0x188, "\x19\x01\x01", 3);
	memcpy(b + 0x1a0, c->chip, sizeof(c->chip));
	memcpy(b + 0x1e0, c->tcb, 8);
	memcpy(b + 0x1e8, "\x1d\x37\x01\0\x1d\x37\x01", 7);
	memcpy(b + 0x1f0, c->tcb, 8);
	if (c->version >= 5)
		memset(b + 0x1f8, 0x05, 16);
	if (c->reserved != 0)
		b[c->reserved] = 1;
	MUST(ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL,
	    c->key) == 1 &&
	    EVP_DigestSign(ctx, der, &len, b, SNP_SIGNED) == 1);
	EVP_MD_CTX_free(ctx);
	sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	MUST(sig != NULL);
	put_number(b + SNP_SIGNED, ECDSA_SIG_get0_r(sig));
	put_number(b + SNP_SIGNED + 72, ECDSA_SIG_get0_s(sig));
	ECDSA_SIG_free(sig);
}

static void
make_hcl(struct buf *out, const struct fixture *f, const uint8_t hw[SNP_LEN],
    const struct buf *claims)
{
	struct writer w;

	wr_init(&w, 64 * KIB);
	wr_str(&w, "HCLA");
	wr_le32(&w, 2);
	wr_le32(&w, (uint32_t)(32 + SNP_LEN + 20 + claims->len));
	wr_le32(&w, 2);
	for (size_t i = 0; i < 4; i++)
		wr_le32(&w, 0);
	wr_bytes(&w, span_of(hw, SNP_LEN));
	wr_le32(&w, (uint32_t)(20 + claims->len));
	wr_le32(&w, 1);
	wr_le32(&w, f->cvm.kind);
	wr_le32(&w, 1);
	wr_le32(&w, (uint32_t)claims->len);
	wr_bytes(&w, buf_span(claims));
	for (size_t i = 0; i < 100; i++)
		wr_u8(&w, 0);
	MUST(wr_end(&w, out) == AC_OK);
}

static void
make_td_quote(struct buf *out, const struct fixture_cvm *c,
    const struct digest *claims)
{
	uint8_t b[TD_QUOTE_LEN] = { 4, 0, 2, 0, 0x81 };

	memcpy(b + TD_QUOTE_REPORT_DATA, claims->b, sizeof(claims->b));
	b[TD_QUOTE_REPORT_DATA] ^= c->quote_bit;
	fixture_set(out, span_of(b, sizeof(b)));
}

void
fixture_confidential(struct fixture *f)
{
	const struct fixture_cvm *c = &f->cvm;
	struct buf claims = { 0 };
	uint8_t hw[SNP_LEN] = { 0x81 };
	struct digest d;

	make_claims(&claims, f);
	d = sha256_of(buf_span(&claims));
	if (c->kind == FIXTURE_SNP) {
		make_report(hw, f, &d);
	} else {
		memcpy(hw + TDREPORT_REPORT_DATA, d.b, sizeof(d.b));
		hw[TDREPORT_REPORT_DATA] ^= c->claims_bit;
	}
	make_hcl(&f->ev.hcl, f, hw, &claims);
	if (c->kind == FIXTURE_TDX) {
		make_td_quote(&f->ev.tdx, c, &d);
	} else {
		if (c->twice)
			make_report(hw, f, &d);
		fixture_set(&f->ev.snp, span_of(hw, sizeof(hw)));
		for (size_t i = 0; i < SNP_CHAIN_LEN; i++)
			fixture_certify(&f->ev.snp_chain[i], &c->cert[i]);
		f->ark_der = sha256_of(buf_span(&f->ev.snp_chain[2]));
	}
	buf_free(&claims);
}

/* One of AMD's own: RSA, signed with PSS and SHA-384. */
static struct fixture_cert
amd_cert(const char *subject, const char *issuer, EVP_PKEY *key,
    EVP_PKEY *issuer_key)
{
	return (struct fixture_cert){
		.subject = subject, .issuer = issuer, .key = key,
		.issuer_key = issuer_key, .md = EVP_sha384(), .pss = true,
		.not_before_s = FIXTURE_TIME - 900LL * FIXTURE_DAY,
		.not_after_s = FIXTURE_TIME + 7000LL * FIXTURE_DAY,
	};
}

void
fixture_with_snp(struct fixture *f)
{
	static const struct fixture_extension vcek[] = {
		{ "1.3.6.1.4.1.3704.1.2", "DER:16084d696c616e2d4230" },
		{ "1.3.6.1.4.1.3704.1.3.1", "DER:020104" },
		{ "1.3.6.1.4.1.3704.1.3.2", "DER:020100" },
		{ "1.3.6.1.4.1.3704.1.3.3", "DER:020118" },
		{ "1.3.6.1.4.1.3704.1.3.8", "DER:020200db" },
		{ "1.3.6.1.4.1.3704.1.4", "DER:"
		    "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1"
		    "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1"
		    "c1c1c1c1c1c1" },
	};
	static const uint8_t tcb[8] = { 4, 0, 0, 0, 0, 0, 0x18, 0xdb };
	const struct fixture_keys *k = f->keys;
	struct fixture_cvm *c = &f->cvm;

	*c = (struct fixture_cvm){ .kind = FIXTURE_SNP, .version = 3,
		.policy = 0x3001f, .algorithm = 1, .named = f->ak,
		.key = k->vcek };
	memcpy(c->tcb, tcb, sizeof(tcb));
	memset(c->id_key, 0x77, sizeof(c->id_key));
	memset(c->chip, 0xc1, sizeof(c->chip));
	c->cert[2] = amd_cert("ARK-Test", "ARK-Test", k->ark, k->ark);
	c->cert[1] = amd_cert("SEV-Test", "ARK-Test", k->ask, k->ark);
	c->cert[0] = amd_cert("SEV-VCEK", "SEV-Test", k->vcek, k->ask);
	memcpy(c->cert[0].extension, vcek, sizeof(vcek));
	for (size_t i = 1; i < 3; i++) {
		struct fixture_extension *e = c->cert[i].extension;

		e[0] = (struct fixture_extension){ "basicConstraints",
			i == 1 ? "critical,CA:TRUE,pathlen:0" :
			"critical,CA:TRUE" };
		e[1] = (struct fixture_extension){ "keyUsage",
			"critical,keyCertSign" };
		e[2] = (struct fixture_extension){ "subjectKeyIdentifier",
			"hash" };
	}
}

void
fixture_with_tdx(struct fixture *f)
{
	f->cvm = (struct fixture_cvm){ .kind = FIXTURE_TDX, .named = f->ak };
}
