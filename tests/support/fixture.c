/* fixture.c -- a certificate made in memory; see fixture.h. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "cert/dsse.h"
#include "cert/leaf.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "merkle/merkle.h"
#include "tests/support/fixture.h"

#define ALG_RSA 0x0001
#define ALG_NULL 0x0010
#define ALG_ECC 0x0023
#define CURVE_P256 0x0003
#define CURVE_P384 0x0004

#define MUST(x) must((x), #x, __LINE__)

static void
must(bool ok, const char *what, int line)
{
	if (ok)
		return;
	(void)fprintf(stderr, "fixture.c:%d: cannot do %s\n", line, what);
	abort();
}

/* ---- Bytes ---- */

void
fixture_set(struct buf *b, struct span s)
{
	struct buf copy;

	MUST(buf_copy(&copy, s) == AC_OK);
	buf_free(b);
	*b = copy;
}

void
fixture_replace(struct buf *b, const char *from, const char *to)
{
	uint8_t *at = memmem(b->p, b->len, from, strlen(from));
	struct writer w;
	struct buf out;
	size_t before;

	if (at == NULL)
		(void)fprintf(stderr, "not there: %s\n", from);
	MUST(at != NULL);
	before = (size_t)(at - b->p);
	wr_init(&w, 64 * MIB);
	wr_bytes(&w, span_of(b->p, before));
	wr_str(&w, to);
	wr_bytes(&w, span_of(at + strlen(from),
	    b->len - before - strlen(from)));
	MUST(wr_end(&w, &out) == AC_OK);
	buf_free(b);
	*b = out;
}

void
fixture_append_event(struct buf **log, size_t *n, const char *line)
{
	MUST(evidence_append(log, n, span_str(line)) == AC_OK);
}

void
fixture_insert_event(struct buf **log, size_t *n, size_t at, const char *line)
{
	struct buf last;

	fixture_append_event(log, n, line);
	last = (*log)[*n - 1];
	memmove(*log + at + 1, *log + at, (*n - 1 - at) * sizeof(**log));
	(*log)[at] = last;
}

void
fixture_drop_event(struct buf **log, size_t *n, size_t at)
{
	buf_free(&(*log)[at]);
	memmove(*log + at, *log + at + 1, (*n - 1 - at) * sizeof(**log));
	(*n)--;
}

/* ---- Keys ---- */

struct spki
fixture_spki(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	struct spki spki = { { 0 } };

	MUST(len == SPKI_LEN && spki_parse(&spki, span_of(der, SPKI_LEN)));
	OPENSSL_free(der);
	return spki;
}

static void
cosigner_new(struct fixture_cosigner *c, const char *name, uint8_t type)
{
	*c = (struct fixture_cosigner){ .key = { .type = type } };
	MUST(strlen(name) < sizeof(c->key.name));
	memcpy(c->key.name, name, strlen(name));
	MUST(crypto_sign_ed25519_keypair(c->key.pub, c->secret) == 0);
}

static EVP_PKEY *
rsa_with_exponent_3(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = BN_new();
	EVP_PKEY *key = NULL;

	MUST(ctx != NULL && e != NULL && BN_set_word(e, 3) == 1 &&
	    EVP_PKEY_keygen_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1 &&
	    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) == 1 &&
	    EVP_PKEY_generate(ctx, &key) == 1);
	EVP_PKEY_CTX_free(ctx);
	BN_free(e);
	return key;
}

void
fixture_keys_new(struct fixture_keys *k)
{
	*k = (struct fixture_keys){ 0 };
	MUST(sodium_init() >= 0);
	k->builder = EVP_EC_gen("P-256");
	k->other_builder = EVP_EC_gen("P-256");
	k->registry = EVP_EC_gen("P-256");
	k->revoker = EVP_EC_gen("P-256");
	k->publisher = EVP_EC_gen("P-256");
	k->ak = EVP_RSA_gen(2048);
	k->other_ak = EVP_RSA_gen(2048);
	k->ec_ak = EVP_EC_gen("P-256");
	k->ec384_ak = EVP_EC_gen("P-384");
	k->short_ak = EVP_RSA_gen(1024);
	k->odd_ak = rsa_with_exponent_3();
	k->root = EVP_EC_gen("P-256");
	k->intermediate = EVP_EC_gen("P-256");
	k->other_ca = EVP_EC_gen("P-256");
	MUST(k->registry != NULL && k->revoker != NULL && k->publisher != NULL);
	MUST(k->builder != NULL && k->other_builder != NULL && k->ak != NULL &&
	    k->other_ak != NULL && k->ec_ak != NULL &&
	    k->ec384_ak != NULL && k->short_ak != NULL && k->root != NULL &&
	    k->intermediate != NULL && k->other_ca != NULL);
	k->ark = EVP_RSA_gen(2048);
	k->ask = EVP_RSA_gen(2048);
	k->vcek = EVP_EC_gen("P-384");
	MUST(k->ark != NULL && k->ask != NULL && k->vcek != NULL);
	cosigner_new(&k->log, "log.example.org", NOTE_ED25519);
	cosigner_new(&k->log_time, "log.example.org/time", NOTE_COSIGNATURE);
	cosigner_new(&k->other_log, "log.example.org", NOTE_ED25519);
	for (size_t i = 0; i < FIXTURE_WITNESSES; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "witness%zu.example", i);
		cosigner_new(&k->witness[i], name, NOTE_COSIGNATURE);
	}
}

void
fixture_keys_free(struct fixture_keys *k)
{
	EVP_PKEY *keys[] = { k->builder, k->other_builder, k->publisher,
		k->registry, k->revoker, k->ak, k->other_ak,
		k->ec_ak, k->ec384_ak, k->short_ak, k->odd_ak, k->root,
		k->intermediate, k->other_ca, k->ark, k->ask, k->vcek };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		EVP_PKEY_free(keys[i]);
	*k = (struct fixture_keys){ 0 };
}

/* ---- Certificates ---- */

static void
set_cn(X509_NAME *name, const char *cn, int len)
{
	MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)cn, len > 0 ? len : -1, -1, 0) == 1);
}

static void
sign_certificate(X509 *cert, const struct fixture_cert *spec)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;

	MUST(ctx != NULL && EVP_DigestSignInit(ctx, &pctx, spec->md, NULL,
	    spec->issuer_key) == 1 && (!spec->pss ||
	    EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1) &&
	    X509_sign_ctx(cert, ctx) > 0);
	EVP_MD_CTX_free(ctx);
}

void
fixture_certify(struct buf *out, const struct fixture_cert *spec)
{
	X509 *cert = X509_new(), *issuer = X509_new();
	unsigned char *der = NULL;
	X509V3_CTX ctx;
	int len;

	/* The issuer only lends its name and key to the extensions. */
	MUST(cert != NULL && issuer != NULL &&
	    X509_set_pubkey(issuer, spec->issuer_key) == 1 &&
	    X509_set_version(cert, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1 +
	    (long)strlen(spec->subject)) == 1 &&
	    ASN1_TIME_set(X509_getm_notBefore(cert), spec->not_before_s) !=
	    NULL &&
	    ASN1_TIME_set(X509_getm_notAfter(cert), spec->not_after_s) !=
	    NULL && X509_set_pubkey(cert, spec->key) == 1);
	set_cn(X509_get_subject_name(cert), spec->subject, spec->subjectlen);
	set_cn(X509_get_issuer_name(cert), spec->issuer, 0);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	for (size_t i = 0; i < FIXTURE_EXTENSIONS && spec->extension[i].name != NULL; i++) {
		const struct fixture_extension *e = &spec->extension[i];
		X509_EXTENSION *x;

		/* The key identifier is that of the issuer's key. */
		if (strcmp(e->name, "authorityKeyIdentifier") == 0) {
			X509_EXTENSION *id;
			X509V3_CTX self;

			X509V3_set_ctx(&self, issuer, issuer, NULL, NULL, 0);
			id = X509V3_EXT_conf(NULL, &self,
			    "subjectKeyIdentifier", "hash");
			MUST(id != NULL && X509_add_ext(issuer, id, -1) == 1);
			X509_EXTENSION_free(id);
		}
		x = X509V3_EXT_conf(NULL, &ctx, e->name, e->value);
		if (x == NULL)
			(void)fprintf(stderr, "%s=%s\n", e->name, e->value);
		MUST(x != NULL && X509_add_ext(cert, x, -1) == 1);
		X509_EXTENSION_free(x);
	}
	sign_certificate(cert, spec);
	len = i2d_X509(cert, &der);
	MUST(len > 0);
	fixture_set(out, span_of(der, (size_t)len));
	OPENSSL_free(der);
	X509_free(issuer);
	X509_free(cert);
}

static void
wish_chain(struct fixture *f)
{
	const struct fixture_keys *k = f->keys;

	f->cert[2] = (struct fixture_cert){
		.subject = "Test Root", .issuer = "Test Root",
		.key = k->root, .issuer_key = k->root, .md = EVP_sha256(),
		.not_before_s = FIXTURE_TIME - 900 * FIXTURE_DAY,
		.not_after_s = FIXTURE_TIME + 4000LL * FIXTURE_DAY,
		.extension = {
			{ "basicConstraints", "critical,CA:TRUE" },
			{ "keyUsage", "critical,keyCertSign" },
			{ "subjectKeyIdentifier", "hash" },
		},
	};
	f->cert[1] = (struct fixture_cert){
		.subject = "Test Intermediate", .issuer = "Test Root",
		.key = k->intermediate, .issuer_key = k->root,
		.md = EVP_sha256(),
		.not_before_s = FIXTURE_TIME - 300 * FIXTURE_DAY,
		.not_after_s = FIXTURE_TIME + 600 * FIXTURE_DAY,
		.extension = {
			{ "basicConstraints", "critical,CA:TRUE,pathlen:0" },
			{ "keyUsage", "critical,keyCertSign" },
			{ "subjectKeyIdentifier", "hash" },
			{ "authorityKeyIdentifier", "keyid:always" },
		},
	};
	f->cert[0] = (struct fixture_cert){
		.subject = "Test AK", .issuer = "Test Intermediate",
		.key = k->ak, .issuer_key = k->intermediate,
		.md = EVP_sha256(),
		.not_before_s = FIXTURE_TIME - 30 * FIXTURE_DAY,
		.not_after_s = FIXTURE_TIME + 90 * FIXTURE_DAY,
		.extension = {
			{ "basicConstraints", "critical,CA:FALSE" },
			{ "keyUsage", "critical,digitalSignature" },
			{ "extendedKeyUsage", "2.23.133.8.3" },
			{ "subjectKeyIdentifier", "hash" },
			{ "authorityKeyIdentifier", "keyid:always" },
		},
	};
}

static bool
is_ec(EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "EC") == 1;
}

static const EVP_MD *
md_of(uint16_t hash)
{
	return hash == FIXTURE_SHA384 ? EVP_sha384() : hash == FIXTURE_SHA512 ?
	    EVP_sha512() : EVP_sha256();
}

/* The number of that name in key, big-endian, after its length. */
static void
write_number(struct writer *w, EVP_PKEY *key, const char *name, size_t len)
{
	uint8_t b[512];
	BIGNUM *n = NULL;

	MUST(len <= sizeof(b) && EVP_PKEY_get_bn_param(key, name, &n) == 1 &&
	    BN_bn2binpad(n, b, (int)len) == (int)len);
	BN_free(n);
	wr_be16(w, (uint16_t)len);
	wr_bytes(w, span_of(b, len));
}

/* TPMT_PUBLIC, as TPM 2.0 Part 2 section 12.2.4 has it. */
static void
write_public(struct buf *out, const struct fixture *f)
{
	size_t bits = (size_t)EVP_PKEY_get_bits(f->ak), len = bits / 8;
	struct writer w;

	wr_init(&w, 1024);
	wr_be16(&w, is_ec(f->ak) ? ALG_ECC : ALG_RSA);
	wr_be16(&w, FIXTURE_SHA256);
	wr_be32(&w, f->ak_attributes);
	wr_be16(&w, 0);
	wr_be16(&w, ALG_NULL);
	wr_be16(&w, f->ak_scheme);
	wr_be16(&w, f->ak_hash);
	if (is_ec(f->ak)) {
		wr_be16(&w, bits == 256 ? CURVE_P256 : CURVE_P384);
		wr_be16(&w, ALG_NULL);
		write_number(&w, f->ak, OSSL_PKEY_PARAM_EC_PUB_X, len);
		write_number(&w, f->ak, OSSL_PKEY_PARAM_EC_PUB_Y, len);
	} else {
		wr_be16(&w, (uint16_t)bits);
		wr_be32(&w, f->ak == f->keys->odd_ak ? 3 : 0);
		write_number(&w, f->ak, OSSL_PKEY_PARAM_RSA_N, len);
	}
	MUST(wr_end(&w, out) == AC_OK);
}

/* ---- Quotes ---- */

static void
write_attest(struct buf *out, struct fixture_attest *a,
    const struct digest pcr[16])
{
	struct writer w;

	if (!a->has_digest) {
		uint8_t values[16 * sizeof(struct digest)];
		unsigned int len;
		size_t n = 0;

		for (unsigned i = 0; i < 16; i++) {
			if ((a->pcrs >> i & 1) == 0)
				continue;
			memcpy(values + n, pcr[i].b, sizeof(pcr[i].b));
			n += sizeof(pcr[i].b);
		}
		MUST(EVP_Digest(values, n, a->pcr_digest, &len, md_of(a->pcr_hash),
		    NULL) == 1);
		a->pcr_digestlen = len;
	}
	wr_init(&w, 4096);
	wr_be32(&w, a->magic);
	wr_be16(&w, a->type);
	wr_be16(&w, (uint16_t)a->signerlen);
	wr_bytes(&w, span_of(a->signer, a->signerlen));
	wr_be16(&w, (uint16_t)a->extralen);
	wr_bytes(&w, span_of(a->extra, a->extralen));
	wr_be64(&w, a->clock_ms);
	wr_be32(&w, a->reset);
	wr_be32(&w, a->restart);
	wr_u8(&w, a->safe);
	wr_be64(&w, a->firmware);
	wr_be32(&w, a->nselections);
	for (uint32_t i = 0; i < a->nselections && i < 20; i++) {
		wr_be16(&w, a->bank);
		wr_u8(&w, a->nselect);
		for (unsigned k = 0; k < a->nselect; k++)
			wr_u8(&w, (uint8_t)(k < 4 ? a->pcrs >> 8 * k : 0));
	}
	wr_be16(&w, (uint16_t)a->pcr_digestlen);
	wr_bytes(&w, span_of(a->pcr_digest, a->pcr_digestlen));
	MUST(wr_end(&w, out) == AC_OK);
}

/* r and s of a DER signature, each as long as the field. */
static void
write_ecdsa(struct writer *w, const uint8_t *der, size_t derlen, size_t len)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)derlen);
	uint8_t b[48];

	MUST(sig != NULL && len <= sizeof(b) &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), b, (int)len) == (int)len);
	wr_be16(w, (uint16_t)len);
	wr_bytes(w, span_of(b, len));
	MUST(BN_bn2binpad(ECDSA_SIG_get0_s(sig), b, (int)len) == (int)len);
	wr_be16(w, (uint16_t)len);
	wr_bytes(w, span_of(b, len));
	ECDSA_SIG_free(sig);
}

static void
sign_attest(struct buf *out, const struct fixture_attest *a, struct span attest)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	uint8_t sig[512];
	size_t len = sizeof(sig);
	struct writer w;

	MUST(ctx != NULL && EVP_DigestSignInit(ctx, &pctx, a->md, NULL,
	    a->key) == 1 && (is_ec(a->key) ||
	    EVP_PKEY_CTX_set_rsa_padding(pctx, a->padding) == 1) &&
	    EVP_DigestSign(ctx, sig, &len, attest.p, attest.len) == 1);
	EVP_MD_CTX_free(ctx);
	wr_init(&w, 1024);
	wr_be16(&w, a->alg);
	wr_be16(&w, a->hash);
	if (is_ec(a->key)) {
		write_ecdsa(&w, sig, len,
		    (size_t)EVP_PKEY_get_bits(a->key) / 8);
	} else {
		wr_be16(&w, (uint16_t)len);
		wr_bytes(&w, span_of(sig, len));
	}
	MUST(wr_end(&w, out) == AC_OK);
}

/* The qualified name of a primary key of the endorsement hierarchy. */
static void
qualified_signer(struct fixture_attest *a, const struct buf *ak_public)
{
	static const uint8_t head[] = { 0x40, 0, 0, 0x0b, 0, 0x0b };
	struct digest name = sha256_of(buf_span(ak_public));

	name = sha256_of2(span_of(head, sizeof(head)), span_digest(&name));
	a->signer[0] = FIXTURE_SHA256 >> 8;
	a->signer[1] = FIXTURE_SHA256;
	memcpy(a->signer + 2, name.b, sizeof(name.b));
	a->signerlen = 2 + sizeof(name.b);
}

static void
call(struct fixture *f, fixture_hook *hook, enum fixture_stage stage)
{
	f->stage = stage;
	if (hook != NULL)
		hook(f);
}

/* Quote number i; its PCRs stand in f->ev already. */
static void
make_quote(struct fixture *f, fixture_hook *hook, size_t i,
    const struct digest *extra)
{
	int shift = i == 0 ? 0 : FIXTURE_END_PCRS - FIXTURE_START_PCRS;
	struct evidence_quote *q = &f->ev.quote[i];
	struct fixture_attest *a = &f->attest[i];

	call(f, hook, (enum fixture_stage)(FIXTURE_START_PCRS + shift));
	*a = (struct fixture_attest){
		.magic = 0xff544347, .type = 0x8018, .extralen = 32,
		.clock_ms = 1000000 + 60000 * i, .reset = 7, .restart = 0,
		.safe = 1, .firmware = 0x2020031200120004, .nselections = 1,
		.bank = FIXTURE_SHA256, .nselect = 3, .pcrs = EVIDENCE_PCRS,
		.key = f->ak, .md = md_of(f->ak_hash),
		.padding = f->ak_scheme == FIXTURE_RSAPSS ?
		    RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING,
		.alg = f->ak_scheme, .hash = f->ak_hash,
		.pcr_hash = f->ak_hash,
	};
	qualified_signer(a, &f->ev.ak_public);
	memcpy(a->extra, extra->b, sizeof(extra->b));
	call(f, hook, (enum fixture_stage)(FIXTURE_START_ATTEST + shift));
	write_attest(&q->attest, a, q->pcr);
	call(f, hook, (enum fixture_stage)(FIXTURE_START_BYTES + shift));
	sign_attest(&q->signature, a, buf_span(&q->attest));
	call(f, hook, (enum fixture_stage)(FIXTURE_START_SIGNATURE + shift));
}

/* ---- Events ---- */

static void
extend(struct digest *pcr, const struct buf lines[], size_t n)
{
	*pcr = (struct digest){ { 0 } };
	for (size_t i = 0; i < n; i++) {
		struct digest d = sha256_of(buf_span(&lines[i]));

		*pcr = sha256_of2(span_digest(pcr), span_digest(&d));
	}
}

/* Append what the writer holds. */
static void
append(struct buf **log, size_t *n, struct writer *w)
{
	struct buf line;

	MUST(wr_end(w, &line) == AC_OK &&
	    evidence_append(log, n, buf_span(&line)) == AC_OK);
	buf_free(&line);
}

static void
make_input_events(struct fixture *f)
{
	struct evidence *ev = &f->ev;
	struct writer w;

	wr_init(&w, MIB);
	event_configuration(&w, &f->request);
	append(&ev->inputs_log, &ev->ninputs, &w);
	if (f->request.has_image) {
		wr_init(&w, MIB);
		event_image(&w, &f->request.image, &f->image);
		append(&ev->inputs_log, &ev->ninputs, &w);
	}
	for (size_t i = 0; i < f->request.ninputs; i++) {
		wr_init(&w, MIB);
		event_input(&w, &f->request.input[i], &f->found[i]);
		append(&ev->inputs_log, &ev->ninputs, &w);
	}
}

static void
make_other_events(struct fixture *f)
{
	struct evidence *ev = &f->ev;
	struct digest start = sha256_of(buf_span(&ev->quote[0].attest));
	struct writer w;

	if (!f->no_start) {
		wr_init(&w, MIB);
		event_start(&w, &start);
		append(&ev->inputs_log, &ev->ninputs, &w);
	}
	if (!f->no_timing) {
		wr_init(&w, MIB);
		event_timing(&w, &f->timing);
		append(&ev->inputs_log, &ev->ninputs, &w);
	}
	if (!f->no_compute) {
		wr_init(&w, MIB);
		event_compute(&w, f->figure, f->nfigures);
		append(&ev->inputs_log, &ev->ninputs, &w);
	}
	wr_init(&w, MIB);
	event_outputs(&w, &f->request, &f->outputs);
	append(&ev->outputs_log, &ev->noutputs, &w);
}

static void
make_statement(struct fixture *f)
{
	struct provenance p = {
		.request = &f->request,
		.sandbox = span_str("{\"kind\":\"bubblewrap\"}"),
		.checkpoint = f->with_start_note ? buf_span(&f->start_note) :
		    span_of(NULL, 0),
		.image = &f->image,
		.input = f->found,
		.outputs = &f->outputs,
		.measured = f->measured,
		.version = "0.1.0",
		.has_image_root = f->with_release,
		.image_root = sha256_of(span_str("root of the image")),
		.invocation_id = "5d6f2a30",
		.timing = &f->timing,
		.figure = f->figure,
		.nfigures = f->nfigures,
	};

	MUST(provenance_encode(&f->statement, &p) == AC_OK);
}

/* ---- The boot ---- */

/* The firmware's log and the PCRs that it leads to. */
static void
make_boot(struct fixture *f, fixture_hook *hook, struct digest pcr[16])
{
	struct digest at[BOOTLOG_PCRS];

	if (f->no_firmware)
		return;
	bootlog_ovmf(&f->boot, f->secure_boot);
	call(f, hook, FIXTURE_BOOT_EVENTS);
	bootlog_replay(at, &f->boot);
	for (unsigned i = 0; i < 14; i++)
		if (i != 8)
			pcr[i] = at[i];
	f->ev.boot_log = bootlog_bytes(&f->boot);
	call(f, hook, FIXTURE_BOOT_LOG);
}

/* What a publisher says of the image that booted. */
static void
make_release(struct fixture *f, fixture_hook *hook)
{
	const struct digest *pcr = f->ev.quote[EVIDENCE_END].pcr;

	f->release = (struct release){ .uki = sha256_of(span_str("UKI")),
		.root = sha256_of(span_str("root of the image")),
		.name = span_str("vm"), .version = span_str("1.2"),
		.stub = span_str("252.39"), .ntuples = 1 };
	f->release.tuple[0] = (struct release_tuple){
		.firmware = span_str("ovmf"), .secure_boot = f->secure_boot,
		.has_pcr9 = true, .pcr4 = pcr[4], .pcr9 = pcr[9],
		.pcr11 = pcr[11] };
	call(f, hook, FIXTURE_RELEASE);
	MUST(release_encode(&f->release_statement, &f->release) == AC_OK);
	call(f, hook, FIXTURE_RELEASE_STATEMENT);
}

/* ---- The log ---- */

static void
cosign(struct writer *w, const struct fixture_cosigner *c, int64_t time_s,
    struct span text)
{
	struct buf message = { 0 };
	uint8_t sig[64];
	struct writer m;

	wr_init(&m, NOTE_MAX);
	if (c->key.type == NOTE_COSIGNATURE)
		checkpoint_cosigned(&m, (uint64_t)time_s, text);
	else
		wr_bytes(&m, text);
	MUST(wr_end(&m, &message) == AC_OK &&
	    crypto_sign_ed25519_detached(sig, NULL, message.p, message.len,
	    c->secret) == 0);
	note_signature_write(w, &c->key, (uint64_t)time_s, sig);
	buf_free(&message);
}

static void
make_note(struct buf *out, const struct fixture *f, const struct checkpoint *c,
    int64_t time_s, const int64_t cosigned_s[])
{
	struct writer w;
	struct buf text;

	wr_init(&w, NOTE_MAX);
	checkpoint_write(&w, c);
	MUST(wr_end(&w, &text) == AC_OK);
	wr_init(&w, NOTE_MAX);
	wr_bytes(&w, buf_span(&text));
	wr_u8(&w, '\n');
	cosign(&w, f->log, 0, buf_span(&text));
	if (f->log_time)
		cosign(&w, &f->keys->log_time, time_s, buf_span(&text));
	for (size_t i = 0; i < FIXTURE_WITNESSES; i++)
		if (cosigned_s[i] != 0)
			cosign(&w, &f->keys->witness[i], cosigned_s[i],
			    buf_span(&text));
	MUST(wr_end(&w, out) == AC_OK);
	buf_free(&text);
}

static struct digest
root_of(const struct digest leaves[], size_t n)
{
	struct merkle_frontier t = { 0 };

	for (size_t i = 0; i < n; i++)
		MUST(merkle_push(&t, &leaves[i]) == AC_OK);
	return merkle_root(&t);
}

static void
make_leaves(struct fixture *f, fixture_hook *hook)
{
	for (size_t i = 0; i < f->nlines; i++) {
		const struct bundle *b = &f->line[i];
		struct digest d = dsse_digest(buf_span(&b->statement));
		struct spki key = fixture_spki(i < 2 ? f->named[i] :
		    f->publisher_named);

		MUST(leaf_encode(&f->leaf[i], &d, span_of(b->sig, b->siglen),
		    &key) == AC_OK);
	}
	call(f, hook, FIXTURE_LEAF);
	for (size_t i = 0; i < f->nlines; i++)
		f->leaves[FIXTURE_INDEX + i] =
		    merkle_leaf(buf_span(&f->leaf[i]));
}

static void
make_proof(struct bundle_entry *e, const struct digest leaves[], uint64_t size)
{
	struct merkle_plan plan;

	MUST(merkle_plan_inclusion(&plan, e->index, size) == AC_OK);
	e->nproof = plan.nhashes;
	for (size_t i = 0; i < plan.nhashes; i++) {
		struct digest nodes[8];
		size_t n = 0;

		for (size_t k = plan.first[i]; k < plan.first[i + 1]; k++) {
			const struct merkle_node *node = &plan.nodes[k];

			nodes[n++] = merkle_perfect_root(
			    leaves + (node->index << node->level),
			    (size_t)1 << node->level);
		}
		e->proof[i] = merkle_fold(nodes, n);
	}
}

static void
make_entries(struct fixture *f)
{
	for (size_t i = 0; i < f->nlines; i++) {
		struct bundle_entry *e = &f->line[i].entry;

		f->line[i].logged = true;
		e->top_index = e->index = FIXTURE_INDEX + i;
		e->log_id = note_key_hash(&f->log->key);
		e->root = f->checkpoint.root;
		e->size = f->checkpoint.size;
		make_proof(e, f->leaves, FIXTURE_LEAVES);
		fixture_set(&e->checkpoint, buf_span(&f->note));
		fixture_set(&e->body, buf_span(&f->leaf[i]));
	}
}

/* ---- Bundles ---- */

void
fixture_sign(struct bundle *b, EVP_PKEY *key)
{
	struct digest d = dsse_digest(buf_span(&b->statement));
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	b->siglen = sizeof(b->sig);
	MUST(ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
	    EVP_PKEY_sign(ctx, b->sig, &b->siglen, d.b, sizeof(d.b)) == 1);
	EVP_PKEY_CTX_free(ctx);
}

static void
make_bundle(struct bundle *b, const struct buf *statement, EVP_PKEY *signer,
    EVP_PKEY *named, bool oms)
{
	struct spki key = fixture_spki(named);

	fixture_set(&b->statement, buf_span(statement));
	fixture_sign(b, signer);
	if (oms)
		spki_hint_oms(b->hint, &key);
	else
		spki_hint(b->hint, &key);
}

/* ---- Revocations ---- */

#define LATER (FIXTURE_STATE + 2) /* leaves of the tree with the state */

/* The same of all: they are logged in one tree, and shown when it was this. */
static void
log_all(struct fixture *f, struct bundle b[], size_t n)
{
	struct digest leaves[LATER] = { { { 0 } } };
	struct checkpoint c = { span_str(f->origin), LATER, { { 0 } } };
	struct buf note = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct digest d = dsse_digest(buf_span(&b[i].statement));
		struct spki key = fixture_spki(i == 0 ? f->registry :
		    f->revocation[i - 1].key);
		struct bundle_entry *e = &b[i].entry;

		MUST(e->index < LATER && leaf_encode(&e->body, &d,
		    span_of(b[i].sig, b[i].siglen), &key) == AC_OK);
		leaves[e->index] = merkle_leaf(buf_span(&e->body));
	}
	c.root = root_of(leaves, LATER);
	make_note(&note, f, &c, f->time_s + FIXTURE_DAY, f->cosigned_s);
	for (size_t i = 0; i < n; i++) {
		struct bundle_entry *e = &b[i].entry;

		e->top_index = e->index;
		e->log_id = note_key_hash(&f->log->key);
		e->root = c.root;
		e->size = c.size;
		make_proof(e, leaves, LATER);
		fixture_set(&e->checkpoint, buf_span(&note));
		b[i].logged = true;
	}
	buf_free(&note);
}

static void
make_snapshot(struct fixture *f, fixture_hook *hook)
{
	struct bundle *b = f->logged;
	struct digest d[FIXTURE_REVOCATIONS];
	struct buf s = { 0 };
	struct writer w;

	call(f, hook, FIXTURE_REVOKE);
	for (size_t i = 0; i < f->nrevocations; i++) {
		MUST(revocation_encode(&s, &f->revocation[i].r) == AC_OK);
		make_bundle(&b[i + 1], &s, f->revocation[i].key,
		    f->revocation[i].key, false);
		b[i + 1].entry.index = f->revocation[i].index;
		d[i] = dsse_digest(buf_span(&s));
		buf_free(&s);
	}
	f->state = (struct revocation){ .kind = REVOCATION_STATE,
		.digest = revocation_list_digest(d, f->nrevocations),
		.origin = span_str(f->origin), .tree_size = f->state_index,
		.count = f->nrevocations };
	call(f, hook, FIXTURE_STATES);
	MUST(revocation_encode(&s, &f->state) == AC_OK);
	make_bundle(&b[0], &s, f->registry, f->registry, false);
	b[0].entry.index = f->state_index;
	buf_free(&s);
	call(f, hook, FIXTURE_REVOKED);
	log_all(f, b, f->nrevocations + 1);
	call(f, hook, FIXTURE_SNAPSHOT);
	wr_init(&w, 64 * MIB);
	for (size_t i = 0; i <= f->nrevocations; i++) {
		bundle_write(&w, &b[i]);
		wr_u8(&w, '\n');
	}
	MUST(wr_end(&w, &f->snapshot) == AC_OK);
}

static void
make_result(struct fixture *f)
{
	struct writer w;

	wr_init(&w, 64 * MIB);
	for (size_t i = 0; i < f->nlines; i++) {
		bundle_write(&w, &f->line[i]);
		wr_u8(&w, '\n');
	}
	MUST(wr_end(&w, &f->jsonl) == AC_OK);
	wr_init(&w, 64 * MIB);
	bundle_write(&w, &f->model_sig);
	MUST(wr_end(&w, &f->sig) == AC_OK);
	memcpy(f->folder, f->file, sizeof(f->file));
	f->nfolder = FIXTURE_FILES;
}

/* ---- Policy ---- */

static const char accepting[] =
    "log @log\n"
    "log-time @time\n"
    "quorum none\n"
    "builder test @builder\n"
    "ak-root @root sim simulated unmeasured-boot\n";

static void
substitute(struct buf *policy, const char *name, struct buf *value)
{
	while (memmem(policy->p, policy->len, name, strlen(name)) != NULL)
		fixture_replace(policy, name, (const char *)value->p);
	buf_free(value);
}

static void
substitute_vkey(struct buf *policy, const char *name,
    const struct note_key *key)
{
	struct writer w;
	struct buf text;

	wr_init(&w, 4096);
	note_key_write(&w, key);
	MUST(wr_end(&w, &text) == AC_OK);
	substitute(policy, name, &text);
}

static void
substitute_bytes(struct buf *policy, const char *name, struct span bytes)
{
	struct writer w;
	struct buf text;

	wr_init(&w, 4096);
	wr_hex(&w, bytes);
	MUST(wr_end(&w, &text) == AC_OK);
	substitute(policy, name, &text);
}

static void
substitute_digest(struct buf *policy, const char *name,
    const struct digest *d)
{
	substitute_bytes(policy, name, span_digest(d));
}

static void
make_policy(struct fixture *f)
{
	const struct fixture_keys *k = f->keys;
	struct spki spki = fixture_spki(k->builder);
	struct digest d = spki_digest(&spki);
	unsigned char *der = NULL;
	int len;

	fixture_set(&f->policy, span_str(f->policy_form));
	substitute_vkey(&f->policy, "@log", &k->log.key);
	substitute_vkey(&f->policy, "@time", &k->log_time.key);
	substitute_vkey(&f->policy, "@otherlog", &k->other_log.key);
	for (size_t i = 0; i < FIXTURE_WITNESSES; i++) {
		char name[] = "@w0";

		name[2] = (char)('0' + i);
		substitute_vkey(&f->policy, name, &k->witness[i].key);
	}
	substitute_digest(&f->policy, "@builder", &d);
	spki = fixture_spki(k->other_builder);
	d = spki_digest(&spki);
	substitute_digest(&f->policy, "@stranger", &d);
	spki = fixture_spki(k->registry);
	d = spki_digest(&spki);
	substitute_digest(&f->policy, "@registry", &d);
	spki = fixture_spki(k->revoker);
	d = spki_digest(&spki);
	substitute_digest(&f->policy, "@revoker", &d);
	substitute_digest(&f->policy, "@root", &f->root_der);
	substitute_digest(&f->policy, "@ark", &f->ark_der);
	substitute_bytes(&f->policy, "@idkey", span_of(f->cvm.id_key,
	    sizeof(f->cvm.id_key)));
	len = i2d_PUBKEY(k->ak, &der);
	MUST(len > 0);
	d = sha256_of(span_of(der, (size_t)len));
	OPENSSL_free(der);
	substitute_digest(&f->policy, "@vm", &d);
	substitute_digest(&f->policy, "@data", &f->found[0].sha256);
	substitute_digest(&f->policy, "@image", &f->image.sha256);
	d = dsse_digest(buf_span(&f->release_statement));
	substitute_digest(&f->policy, "@release", &d);
	if (f->measurements_form != NULL)
		fixture_set(&f->measurements, span_str(f->measurements_form));
	for (unsigned i = 0; i < 14; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "@pcr%u.", i);
		substitute_digest(&f->policy, name,
		    &f->ev.quote[EVIDENCE_END].pcr[i]);
		if (f->measurements_form != NULL)
			substitute_digest(&f->measurements, name,
			    &f->ev.quote[EVIDENCE_END].pcr[i]);
	}
}

/* ---- The whole ---- */

static void
wish_request(struct fixture *f)
{
	static const struct span command[] = { { (const uint8_t *)"train", 5 },
		{ (const uint8_t *)"--steps=5", 9 } };
	static const struct span output[] = { { (const uint8_t *)"*", 1 } };
	static const char *const pin[FIXTURE_INPUTS] = {
		"sha256:3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3b"
		"b23adc8b7",
		"sha256:e59f3a3d6d4a6b6e2a7d0b7f6ba8f0c6f1a3c2b7a04d1d7a2f0b9c8"
		"d7e6f5a4b" };
	static const char *const image_pin =
	    "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f"
	    "6be03";

	for (size_t i = 0; i < FIXTURE_INPUTS; i++) {
		f->input[i] = (struct request_input){
			.name = span_str(i == 0 ? "corpus" : "base"),
			.type = span_str(i == 0 ? "file" : "dataset"),
			.uri = span_str(i == 0 ? "https://example.org/corpus" :
			    "https://example.org/base"),
			.pin = span_str(pin[i]),
			.role = span_str(i == 0 ? "dataset" : "base-model"),
			.license = span_str(i == 0 ? "Apache-2.0" : "MIT"),
		};
		MUST(text_unhex_digest(&f->found[i].sha256,
		    span_str(pin[i] + 7)));
		f->found[i].bytes = 1000 + i;
	}
	f->found[1].tree = true;
	f->found[1].manifest = sha256_of(span_str("manifest of base"));
	MUST(text_unhex_digest(&f->image.sha256, span_str(image_pin + 7)));
	f->image.root = sha256_of(span_str("image root"));
	f->image.manifest = sha256_of(span_str("image manifest"));
	f->request = (struct request){
		.config_name = span_str("aicert.yaml"),
		.config_sha256 = sha256_of(span_str("configuration")),
		.trainer = span_str("command"),
		.command = command, .ncommand = 2,
		.image = { .name = span_str("trainer"),
		    .uri = span_str("oci://example.org/trainer"),
		    .pin = span_str(image_pin) },
		.input = f->input, .ninputs = FIXTURE_INPUTS,
		.output = output, .noutputs = 1,
		.has_seed = true, .seed = 42,
	};
}

static void
wish(struct fixture *f, const struct fixture_keys *keys, const char *policy)
{
	static const char *const name[FIXTURE_FILES] = { "config.json",
		"model.safetensors", "trainer_state.json" };
	static const char *const content[FIXTURE_FILES] = { "{\"layers\":2}\n",
		"weights and weights\n", "{\"loss\":1.5}\n" };

	*f = (struct fixture){ .keys = keys, .measured = true, .nlines = 2,
		.policy_form = policy != NULL ? policy : accepting,
		.ak_attributes = 0x00050072, .ak = keys->ak,
		.ak_scheme = FIXTURE_RSASSA, .ak_hash = FIXTURE_SHA256,
		.certified = keys->ak,
		.with_start_note = true, .log = &keys->log,
		.origin = "log.example.org", .log_time = true,
		.time_s = FIXTURE_TIME, .start_time_s = FIXTURE_START_TIME,
		.nfigures = 2, .registry = keys->registry,
		.state_index = FIXTURE_STATE };
	f->figure = f->figures;
	f->figure[0] = (struct figure){ "wallSeconds", "12.345", "s",
		"measured" };
	f->figure[1] = (struct figure){ "parameters", "123456", "1",
		"reported" };
	f->timing = (struct timing){ FIXTURE_TIME - 7000, FIXTURE_TIME - 6988,
		12345 };
	for (size_t i = 0; i < 3; i++)
		f->signer[i] = f->named[i] = keys->builder;
	f->builder = fixture_spki(keys->builder);
	f->publisher = f->publisher_named = keys->publisher;
	for (size_t i = 0; i < FIXTURE_FILES; i++) {
		f->content[i] = content[i];
		f->file[i] = (struct oms_file){ .name = span_str(name[i]),
			.sha256 = sha256_of(span_str(content[i])),
			.bytes = strlen(content[i]) };
	}
	f->listed = f->file;
	f->nlisted = FIXTURE_FILES;
	for (size_t i = 0; i < FIXTURE_LEAVES; i++) {
		uint8_t entry = (uint8_t)i;

		f->leaves[i] = merkle_leaf(span_of(&entry, 1));
	}
	wish_chain(f);
	wish_request(f);
}

static void
make_chain(struct fixture *f)
{
	f->cert[0].key = f->certified;
	for (size_t i = 0; i < 3; i++)
		fixture_certify(&f->ev.chain[i], &f->cert[i]);
	f->ev.nchain = 3;
	f->root_der = sha256_of(buf_span(&f->ev.chain[2]));
	write_public(&f->ev.ak_public, f);
}

static void
make_manifest(struct fixture *f, fixture_hook *hook)
{
	MUST(oms_encode(&f->manifest, f->listed, f->nlisted, oms_ignore,
	    OMS_NIGNORE) == AC_OK);
	call(f, hook, FIXTURE_MANIFEST);
	f->outputs = (struct outputs){ f->listed, f->nlisted,
		oms_root(f->listed, f->nlisted),
		sha256_of(buf_span(&f->manifest)) };
}

static void
make_start(struct fixture *f, fixture_hook *hook)
{
	struct evidence_quote *q = &f->ev.quote[0];
	struct digest extra;

	f->start_checkpoint = (struct checkpoint){ span_str(f->origin),
		FIXTURE_START_SIZE, root_of(f->leaves, FIXTURE_START_SIZE) };
	call(f, hook, FIXTURE_START_CHECKPOINT);
	make_note(&f->start_note, f, &f->start_checkpoint, f->start_time_s,
	    f->start_cosigned_s);
	call(f, hook, FIXTURE_START_NOTE);
	make_input_events(f);
	call(f, hook, FIXTURE_INPUT_EVENTS);
	make_boot(f, hook, q->pcr);
	if (f->tls_key.len > 0)
		fixture_set(&f->ev.tls_key, f->tls_key);
	extend(&q->pcr[14], f->ev.inputs_log, f->ev.ninputs);
	extend(&q->pcr[15], &f->ev.tls_key, f->tls_key.len > 0 ? 1 : 0);
	extra = dsse_bind_start(&f->request.config_sha256,
	    f->with_start_note ? buf_span(&f->start_note) : span_of(NULL, 0));
	make_quote(f, hook, 0, &extra);
}

static void
make_end(struct fixture *f, fixture_hook *hook)
{
	struct evidence *ev = &f->ev;
	struct digest d;

	make_other_events(f);
	call(f, hook, FIXTURE_EVENTS);
	make_statement(f);
	call(f, hook, FIXTURE_STATEMENT);
	d = dsse_digest(buf_span(&f->statement));
	memcpy(ev->quote[1].pcr, ev->quote[0].pcr, sizeof(ev->quote[1].pcr));
	extend(&ev->quote[1].pcr[8], ev->outputs_log, ev->noutputs);
	extend(&ev->quote[1].pcr[14], ev->inputs_log, ev->ninputs);
	ev->bound = d;
	ev->root = f->outputs.root;
	d = dsse_bind_end(&d);
	make_quote(f, hook, 1, &d);
	if (f->cvm.kind != 0)
		fixture_confidential(f);
	call(f, hook, FIXTURE_EVIDENCE);
	MUST(evidence_encode(&f->evidence, ev) == AC_OK);
	call(f, hook, FIXTURE_EVIDENCE_STATEMENT);
}

void
fixture_make(struct fixture *f, const struct fixture_keys *keys,
    const char *policy, fixture_hook *hook)
{
	wish(f, keys, policy);
	call(f, hook, FIXTURE_SETUP);
	f->request.builder_key = spki_digest(&f->builder);
	make_chain(f);
	call(f, hook, FIXTURE_CHAIN);
	make_manifest(f, hook);
	make_start(f, hook);
	make_end(f, hook);
	make_bundle(&f->line[0], &f->statement, f->signer[0], f->named[0],
	    false);
	make_bundle(&f->line[1], &f->evidence, f->signer[1], f->named[1],
	    false);
	make_bundle(&f->model_sig, &f->manifest, f->signer[2], f->named[2],
	    true);
	if (f->with_release) {
		make_release(f, hook);
		make_bundle(&f->line[2], &f->release_statement, f->publisher,
		    f->publisher_named, false);
	}
	call(f, hook, FIXTURE_BUNDLES);
	make_leaves(f, hook);
	f->checkpoint = (struct checkpoint){ span_str(f->origin),
		FIXTURE_LEAVES, root_of(f->leaves, FIXTURE_LEAVES) };
	call(f, hook, FIXTURE_CHECKPOINT);
	make_note(&f->note, f, &f->checkpoint, f->time_s, f->cosigned_s);
	call(f, hook, FIXTURE_NOTE);
	make_entries(f);
	call(f, hook, FIXTURE_ENTRIES);
	if (f->with_snapshot)
		make_snapshot(f, hook);
	make_result(f);
	make_policy(f);
	call(f, hook, FIXTURE_RESULT);
}

void
fixture_with_release(struct fixture *f)
{
	f->with_release = true;
	f->nlines = FIXTURE_LINES;
}

void
fixture_self_asserted(struct fixture *f)
{
	f->measured = false;
	f->nlines = 1;
	for (size_t i = 0; i < f->nfigures; i++)
		f->figure[i].assurance = "reported";
}

void
fixture_free(struct fixture *f)
{
	buf_free(&f->manifest);
	buf_free(&f->statement);
	buf_free(&f->evidence);
	buf_free(&f->start_note);
	buf_free(&f->note);
	evidence_free(&f->ev);
	for (size_t i = 0; i < FIXTURE_LINES; i++) {
		bundle_free(&f->line[i]);
		buf_free(&f->leaf[i]);
	}
	buf_free(&f->release_statement);
	buf_free(&f->measurements);
	bundle_free(&f->model_sig);
	for (size_t i = 0; i <= FIXTURE_REVOCATIONS; i++)
		bundle_free(&f->logged[i]);
	buf_free(&f->snapshot);
	buf_free(&f->jsonl);
	buf_free(&f->sig);
	buf_free(&f->policy);
}

static void
write_in(const char *dir, const char *name, struct span data)
{
	char path[4096];

	MUST(snprintf(path, sizeof(path), "%s/%s", dir, name) <
	    (int)sizeof(path));
	MUST(file_write(path, data, 0644) == AC_OK);
}

void
fixture_write(const struct fixture *f, const char *dir, const char *policy)
{
	char path[4096];

	for (size_t i = 0; i < FIXTURE_FILES; i++)
		if (f->content[i] != NULL)
			write_in(dir, (const char *)f->file[i].name.p,
			    span_str(f->content[i]));
	write_in(dir, "aicert.jsonl", buf_span(&f->jsonl));
	write_in(dir, "model.sig", buf_span(&f->sig));
	MUST(file_write(policy, buf_span(&f->policy), 0644) == AC_OK);
	if (f->snapshot.len > 0) {
		MUST(snprintf(path, sizeof(path), "%s.revocations", policy) <
		    (int)sizeof(path));
		MUST(file_write(path, buf_span(&f->snapshot), 0644) == AC_OK);
	}
}
