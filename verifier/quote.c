/* quote.c -- TPM structures; see quote.h. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/reader.h"
#include "common/sha256.h"
#include "verifier/check.h"
#include "verifier/quote.h"
#include "verifier/sig.h"

/* TPM 2.0 Part 2. */
#define TPM_GENERATED_VALUE 0xff544347
#define TPM_ST_ATTEST_QUOTE 0x8018
#define TPM_ALG_RSA 0x0001
#define TPM_ALG_SHA256 0x000b
#define TPM_ALG_NULL 0x0010
#define TPM_ALG_SHA384 0x000c
#define TPM_ALG_SHA512 0x000d
#define TPM_ALG_RSASSA 0x0014
#define TPM_ALG_RSAPSS 0x0016
#define TPM_ALG_ECDSA 0x0018
#define TPM_ALG_ECC 0x0023
#define TPM_ECC_NIST_P256 0x0003
#define TPM_ECC_NIST_P384 0x0004
#define TPM_NAME_MAX 66 /* algorithm and the longest digest */
#define NAME_LEN (2 + 32)
#define TPM_DATA_MAX 64

static enum ac_err
malformed(struct message *why, const char *field)
{
	return BECAUSE(why, AC_ERR_FORMAT, "%s", field);
}

enum ac_err
quote_parse(struct quote *out, struct span attest, struct message *why)
{
	struct reader r = rd_of(attest);
	struct quote q = { 0 };
	struct span select;
	uint32_t magic, nbanks;
	uint16_t type;
	uint8_t safe, nselect;

	if (!rd_be32(&r, &magic) ||
	    !CHECK(quote_magic, magic == TPM_GENERATED_VALUE))
		return malformed(why, "magic is not TPM_GENERATED: a TPM did "
		    "not make these bytes itself");
	if (!rd_be16(&r, &type) ||
	    !CHECK(quote_type, type == TPM_ST_ATTEST_QUOTE))
		return malformed(why, "the attestation is not a quote");
	/* A name's algorithm is that of the AK's, of which one is taken. */
	if (!rd_take_be16(&r, &q.qualified_signer, TPM_NAME_MAX) ||
	    !CHECK(quote_signer, q.qualified_signer.len == NAME_LEN &&
	    q.qualified_signer.p[0] == TPM_ALG_SHA256 >> 8 &&
	    q.qualified_signer.p[1] == TPM_ALG_SHA256))
		return malformed(why, "qualifiedSigner is not a name by "
		    "SHA-256");
	if (!rd_take_be16(&r, &q.extra_data, TPM_DATA_MAX))
		return malformed(why, "extraData");
	if (!rd_be64(&r, &q.clock_ms) || !rd_be32(&r, &q.reset_count) ||
	    !rd_be32(&r, &q.restart_count) || !rd_u8(&r, &safe) ||
	    !CHECK(quote_safe_is_bool, safe <= 1) ||
	    !rd_be64(&r, &q.firmware))
		return malformed(why, "clockInfo or firmwareVersion");
	q.safe = safe == 1;
	if (!rd_be32(&r, &nbanks) || !CHECK(quote_one_selection, nbanks == 1))
		return malformed(why, "not exactly one PCR selection");
	if (!rd_be16(&r, &q.bank) || !rd_u8(&r, &nselect) || nselect != 3 ||
	    !rd_take(&r, &select, nselect))
		return malformed(why, "the PCR selection");
	q.pcrs = (uint32_t)select.p[0] | (uint32_t)select.p[1] << 8 |
	    (uint32_t)select.p[2] << 16;
	if (!rd_take_be16(&r, &q.pcr_digest, TPM_DATA_MAX))
		return malformed(why, "pcrDigest");
	if (!CHECK(quote_end, rd_end(&r)))
		return malformed(why, "trailing bytes after the quote");
	*out = q;
	return AC_OK;
}

/* Digests that a scheme may use, and the bank's is one of them. */
static const struct hash {
	uint16_t alg;
	const char *name;
} hashes[] = {
	{ TPM_ALG_SHA256, "SHA-256" },
	{ TPM_ALG_SHA384, "SHA-384" },
	{ TPM_ALG_SHA512, "SHA-512" },
};

static const struct hash *
hash_by(uint16_t alg)
{
	for (size_t i = 0; i < AC_COUNT(hashes); i++)
		if (hashes[i].alg == alg)
			return &hashes[i];
	return NULL;
}

/* TPMS_RSA_PARMS after the scheme, and the modulus. */
static bool
parse_rsa(struct reader *r, struct quote_public *k, struct message *why)
{
	if (!rd_be16(r, &k->key_bits) || !rd_be32(r, &k->exponent) ||
	    !rd_take_be16(r, &k->modulus, 512) || k->modulus.len == 0 ||
	    k->modulus.len * 8 != k->key_bits || k->modulus.p[0] < 0x80 ||
	    !CHECK(ak_rsa_end, rd_end(r)))
		return BECAUSE(why, false, "the RSA parameters of TPMT_PUBLIC");
	if (!CHECK(ak_bits, k->key_bits >= 2048))
		return BECAUSE(why, false, "the RSA modulus has %u bits, fewer "
		    "than 2048", k->key_bits);
	/* A TPM writes 0 for the usual exponent. */
	if (k->exponent == 0)
		k->exponent = RSA_F4;
	if (!CHECK(ak_exponent, k->exponent == RSA_F4))
		return BECAUSE(why, false, "the RSA exponent is not 65537");
	return true;
}

/* TPMS_ECC_PARMS after the scheme, and the point. */
static bool
parse_ecc(struct reader *r, struct quote_public *k, struct message *why)
{
	uint16_t curve, kdf;

	if (!rd_be16(r, &curve) ||
	    (curve != TPM_ECC_NIST_P256 && curve != TPM_ECC_NIST_P384))
		return BECAUSE(why, false, "the AK's curve is not P-256 or "
		    "P-384");
	k->key_bits = curve == TPM_ECC_NIST_P256 ? 256 : 384;
	if (!rd_be16(r, &kdf) || !CHECK(ak_kdf, kdf == TPM_ALG_NULL) ||
	    !rd_take_be16(r, &k->x, 48) || k->x.len * 8 != k->key_bits ||
	    !rd_take_be16(r, &k->y, 48) || k->y.len * 8 != k->key_bits ||
	    !CHECK(ak_ecc_end, rd_end(r)))
		return BECAUSE(why, false, "the ECC parameters of TPMT_PUBLIC");
	return true;
}

enum ac_err
quote_parse_public(struct quote_public *out, struct span tpmt_public,
    struct message *why)
{
	struct reader r = rd_of(tpmt_public);
	struct quote_public k = { 0 };
	uint16_t name_alg, symmetric;
	struct span policy;

	if (!rd_be16(&r, &k.type) || !rd_be16(&r, &name_alg) ||
	    !rd_be32(&r, &k.attributes) || !rd_take_be16(&r, &policy, 64))
		return malformed(why, "TPMT_PUBLIC");
	if ((k.type != TPM_ALG_RSA && k.type != TPM_ALG_ECC) ||
	    name_alg != TPM_ALG_SHA256)
		return BECAUSE(why, AC_ERR_UNSUPPORTED, "the AK is not an RSA "
		    "or ECC key named by SHA-256");
	if (!rd_be16(&r, &symmetric) || symmetric != TPM_ALG_NULL ||
	    !rd_be16(&r, &k.scheme) || !(k.type == TPM_ALG_ECC ?
	    k.scheme == TPM_ALG_ECDSA : k.scheme == TPM_ALG_RSASSA ||
	    k.scheme == TPM_ALG_RSAPSS) || !rd_be16(&r, &k.hash) ||
	    hash_by(k.hash) == NULL)
		return BECAUSE(why, AC_ERR_UNSUPPORTED, "the AK's scheme is "
		    "not RSASSA, RSAPSS or ECDSA with SHA-256, 384 or 512");
	if (k.type == TPM_ALG_RSA ? !parse_rsa(&r, &k, why) :
	    !parse_ecc(&r, &k, why))
		return AC_ERR_FORMAT;
	k.name = sha256_of(tpmt_public);
	*out = k;
	return AC_OK;
}

const char *
quote_scheme_name(const struct quote_public *k)
{
	return k->scheme == TPM_ALG_RSASSA ? "RSASSA" :
	    k->scheme == TPM_ALG_RSAPSS ? "RSAPSS" : "ECDSA";
}

const char *
quote_hash_name(const struct quote_public *k)
{
	const struct hash *h = hash_by(k->hash);

	return h != NULL ? h->name : "none"; /* decoding took one we have */
}

enum ac_err
quote_check_attributes(const struct quote_public *k, struct message *why)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} required[] = {
		{ QUOTE_RESTRICTED, "restricted" },
		{ QUOTE_SIGN, "sign" },
		{ QUOTE_FIXED_TPM, "fixedTPM" },
		{ QUOTE_FIXED_PARENT, "fixedParent" },
		{ QUOTE_SENSITIVE_DATA_ORIGIN, "sensitiveDataOrigin" },
	};

	for (size_t i = 0; i < AC_COUNT(required); i++) {
		if (!CHECK(ak_attributes,
		    (k->attributes & required[i].bit) != 0))
			return BECAUSE(why, AC_ERR_MISMATCH, "the AK is not %s",
			    required[i].name);
	}
	if (!CHECK(ak_decrypt, (k->attributes & QUOTE_DECRYPT) == 0))
		return BECAUSE(why, AC_ERR_MISMATCH, "the AK may decrypt");
	return AC_OK;
}

static EVP_PKEY *
load_key(const struct quote_public *k)
{
	char group[] = "P-256";
	unsigned int exponent = k->exponent;
	uint8_t point[1 + 2 * 48] = { POINT_CONVERSION_UNCOMPRESSED };
	uint8_t n[512]; /* as the CPU has numbers: the last byte first */
	OSSL_PARAM rsa[] = {
		OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n,
		    k->modulus.len),
		OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent),
		OSSL_PARAM_construct_end(),
	};
	OSSL_PARAM ec[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
		    group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
		    point, 1 + k->x.len + k->y.len),
		OSSL_PARAM_construct_end(),
	};
	bool is_rsa = k->type == TPM_ALG_RSA;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL,
	    is_rsa ? "RSA" : "EC", NULL);
	EVP_PKEY *key = NULL;

	for (size_t i = 0; i < k->modulus.len; i++)
		n[i] = k->modulus.p[k->modulus.len - 1 - i];
	if (!is_rsa) {
		memcpy(point + 1, k->x.p, k->x.len);
		memcpy(point + 1 + k->x.len, k->y.p, k->y.len);
		memcpy(group, k->key_bits == 256 ? "P-256" : "P-384",
		    sizeof(group));
	}
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, is_rsa ? rsa :
	    ec) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

enum ac_err
quote_check_spki(const struct quote_public *k, const struct digest *spki,
    struct message *why)
{
	EVP_PKEY *key = load_key(k);
	unsigned char *der = NULL;
	enum ac_err e = AC_ERR_MISMATCH;
	struct digest d = { { 0 } };
	int len = key == NULL ? 0 : i2d_PUBKEY(key, &der);

	if (len > 0)
		d = sha256_of(span_of(der, (size_t)len));
	if (len <= 0) {
		message_set(why, "the AK's public area holds no usable key");
		goto out;
	}
	if (!CHECK(ak_certified, digest_equal(&d, spki))) {
		message_set(why, "the AK certificate is for another key");
		goto out;
	}
	e = AC_OK;
out:
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return e;
}

static bool
set_scheme(EVP_PKEY_CTX *ctx, const struct quote_public *k, const EVP_MD *md)
{
	return EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
	    (k->type == TPM_ALG_ECC || EVP_PKEY_CTX_set_rsa_padding(ctx,
	    k->scheme == TPM_ALG_RSASSA ? RSA_PKCS1_PADDING :
	    RSA_PKCS1_PSS_PADDING) == 1);
}

/* Does sig, in OpenSSL's form, hold for attest? */
static enum ac_err
verify(struct span attest, struct span sig, const struct quote_public *k,
    struct message *why)
{
	EVP_MD *md = EVP_MD_fetch(NULL, quote_hash_name(k), NULL);
	EVP_PKEY *key = load_key(k);
	EVP_PKEY_CTX *ctx = key == NULL || md == NULL ? NULL :
	    EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned int len;
	enum ac_err e = AC_ERR_CRYPTO;

	if (ctx == NULL || !set_scheme(ctx, k, md) ||
	    EVP_Digest(attest.p, attest.len, d, &len, md, NULL) != 1) {
		message_set(why, "the AK could not be loaded");
		goto out;
	}
	if (!CHECK(quote_signature, EVP_PKEY_verify(ctx, sig.p, sig.len, d,
	    len) == 1)) {
		message_set(why, "the signature does not hold under the AK");
		e = AC_ERR_MISMATCH;
		goto out;
	}
	e = AC_OK;
out:
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	EVP_MD_free(md);
	ERR_clear_error();
	return e;
}

enum ac_err
quote_check_signature(struct span attest, struct span signature,
    const struct quote_public *k, struct message *why)
{
	struct reader r = rd_of(signature);
	bool ecc = k->type == TPM_ALG_ECC;
	size_t want = k->key_bits / 8;
	struct span a, b = { 0 };
	unsigned char *der = NULL;
	uint16_t alg, hash;
	enum ac_err e;
	int len;

	if (!rd_be16(&r, &alg) || !rd_be16(&r, &hash) ||
	    !CHECK(quote_scheme, alg == k->scheme) ||
	    !CHECK(quote_hash, hash == k->hash) ||
	    !rd_take_be16(&r, &a, 512) || a.len != want ||
	    (ecc && (!rd_take_be16(&r, &b, 48) || b.len != want)) ||
	    !CHECK(signature_end, rd_end(&r)))
		return BECAUSE(why, AC_ERR_FORMAT, "the TPMT_SIGNATURE is not "
		    "exactly one of %s with %s by a key of this size",
		    quote_scheme_name(k), quote_hash_name(k));
	if (!ecc)
		return verify(attest, a, k, why);
	len = sig_ecdsa_der(&der, BN_bin2bn(a.p, (int)a.len, NULL),
	    BN_bin2bn(b.p, (int)b.len, NULL));
	e = len <= 0 ? AC_ERR_MEMORY :
	    verify(attest, span_of(der, (size_t)len), k, why);
	OPENSSL_free(der);
	return e;
}

enum ac_err
quote_check_pcrs(const struct quote *q, const struct quote_public *k,
    uint32_t mask, const struct digest pcr[16], struct message *why)
{
	const struct hash *h = hash_by(k->hash);
	uint8_t values[16 * sizeof(struct digest)];
	unsigned char d[EVP_MAX_MD_SIZE];
	size_t len = 0, dlen;

	if (!CHECK(quote_bank, q->bank == TPM_ALG_SHA256))
		return BECAUSE(why, AC_ERR_MISMATCH, "the quoted bank is "
		    "0x%04x, not SHA-256", q->bank);
	if (!CHECK(quote_selection, q->pcrs == mask))
		return BECAUSE(why, AC_ERR_MISMATCH, "the quote selects PCRs "
		    "0x%06x, expected exactly 0x%06x", q->pcrs, mask);
	for (unsigned i = 0; i < 16; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		memcpy(values + len, pcr[i].b, sizeof(pcr[i].b));
		len += sizeof(pcr[i].b);
	}
	/* The digest is the signing scheme's (Part 3, TPM2_Quote). */
	if (EVP_Q_digest(NULL, h->name, NULL, values, len, d, &dlen) != 1)
		return AC_ERR_CRYPTO;
	if (!CHECK(pcr_digest, span_equal(q->pcr_digest, span_of(d, dlen))))
		return BECAUSE(why, AC_ERR_MISMATCH, "pcrDigest is not that of "
		    "the PCR values");
	return AC_OK;
}

bool
quote_is_endorsement_primary(const struct quote *q,
    const struct quote_public *k)
{
	/* TPM_RH_ENDORSEMENT, and the name: its algorithm and digest. */
	uint8_t in[4 + NAME_LEN] = { 0x40, 0x00, 0x00, 0x0b,
		TPM_ALG_SHA256 >> 8, TPM_ALG_SHA256 };
	struct span got = q->qualified_signer;
	struct digest d;

	memcpy(in + 6, k->name.b, sizeof(k->name.b));
	d = sha256_of(span_of(in, sizeof(in)));
	return got.len == NAME_LEN && ac_equal(got.p, in + 4, 2) &&
	    ac_equal(got.p + 2, d.b, sizeof(d.b));
}
