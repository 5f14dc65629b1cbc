/* quote.c -- TPM structures; see quote.h. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "common/reader.h"
#include "common/sha256.h"
#include "verifier/check.h"
#include "verifier/quote.h"

/* TPM 2.0 Part 2. */
#define TPM_GENERATED_VALUE 0xff544347
#define TPM_ST_ATTEST_QUOTE 0x8018
#define TPM_ALG_RSA 0x0001
#define TPM_ALG_SHA256 0x000b
#define TPM_ALG_NULL 0x0010
#define TPM_ALG_RSASSA 0x0014
#define TPM_NAME_MAX 66 /* algorithm and the longest digest */
#define TPM_DATA_MAX 64

static enum ac_err
malformed(struct message *why, const char *field)
{
	message_set(why, "%s", field);
	return AC_ERR_FORMAT;
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
	if (!rd_take_be16(&r, &q.qualified_signer, TPM_NAME_MAX))
		return malformed(why, "qualifiedSigner");
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

enum ac_err
quote_parse_public(struct quote_public *out, struct span tpmt_public,
    struct message *why)
{
	struct reader r = rd_of(tpmt_public);
	struct quote_public k = { 0 };
	uint16_t type, name_alg, symmetric;
	struct span policy;

	if (!rd_be16(&r, &type) || !rd_be16(&r, &name_alg) ||
	    !rd_be32(&r, &k.attributes) || !rd_take_be16(&r, &policy, 64))
		return malformed(why, "TPMT_PUBLIC");
	if (type != TPM_ALG_RSA || name_alg != TPM_ALG_SHA256) {
		message_set(why, "the AK is not an RSA key named by SHA-256");
		return AC_ERR_UNSUPPORTED;
	}
	if (!rd_be16(&r, &symmetric) || symmetric != TPM_ALG_NULL ||
	    !rd_be16(&r, &k.scheme) || k.scheme != TPM_ALG_RSASSA ||
	    !rd_be16(&r, &k.scheme_hash) || k.scheme_hash != TPM_ALG_SHA256) {
		message_set(why, "the AK's scheme is not RSASSA with SHA-256");
		return AC_ERR_UNSUPPORTED;
	}
	if (!rd_be16(&r, &k.key_bits) || k.key_bits < 2048 ||
	    k.key_bits > 4096 || !rd_be32(&r, &k.exponent) ||
	    !rd_take_be16(&r, &k.modulus, 512) ||
	    k.modulus.len * 8 != k.key_bits || k.modulus.p[0] < 0x80 ||
	    !rd_end(&r))
		return malformed(why, "the RSA parameters of TPMT_PUBLIC");
	if (k.exponent == 0)
		k.exponent = 65537;
	if (k.exponent != 65537)
		return malformed(why, "the RSA exponent is not 65537");
	k.name = sha256_of(tpmt_public);
	*out = k;
	return AC_OK;
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

	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		if (!CHECK(ak_attributes,
		    (k->attributes & required[i].bit) != 0)) {
			message_set(why, "the AK is not %s", required[i].name);
			return AC_ERR_MISMATCH;
		}
	}
	if (!CHECK(ak_decrypt, (k->attributes & QUOTE_DECRYPT) == 0)) {
		message_set(why, "the AK may decrypt");
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

static EVP_PKEY *
load_key(const struct quote_public *k)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn(k->modulus.p, (int)k->modulus.len, NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (bld == NULL || n == NULL || ctx == NULL ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_uint(bld, OSSL_PKEY_PARAM_RSA_E,
	    k->exponent) != 1)
		goto out;
	params = OSSL_PARAM_BLD_to_param(bld);
	if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
out:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	return key;
}

enum ac_err
quote_check_signature(struct span attest, struct span signature,
    const struct quote_public *k, struct message *why)
{
	struct reader r = rd_of(signature);
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key = NULL;
	struct digest d;
	struct span sig;
	uint16_t alg, hash;
	enum ac_err e = AC_ERR_CRYPTO;

	if (!rd_be16(&r, &alg) || !rd_be16(&r, &hash) ||
	    alg != TPM_ALG_RSASSA || hash != TPM_ALG_SHA256 ||
	    !rd_take_be16(&r, &sig, 512) || sig.len != k->modulus.len ||
	    !rd_end(&r))
		return malformed(why, "the TPMT_SIGNATURE is not exactly one "
		    "of RSASSA with SHA-256 by a key of this size");
	d = sha256_of(attest);
	key = load_key(k);
	ctx = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1) {
		message_set(why, "the AK could not be loaded");
		goto out;
	}
	if (!CHECK(quote_signature, EVP_PKEY_verify(ctx, sig.p, sig.len, d.b,
	    sizeof(d.b)) == 1)) {
		message_set(why, "the signature does not hold under the AK");
		e = AC_ERR_MISMATCH;
		goto out;
	}
	e = AC_OK;
out:
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return e;
}

enum ac_err
quote_check_pcrs(const struct quote *q, uint32_t mask,
    const struct digest pcr[16], struct message *why)
{
	struct sha256 s;
	struct digest d;

	if (!CHECK(quote_bank, q->bank == TPM_ALG_SHA256)) {
		message_set(why, "the quoted bank is 0x%04x, not SHA-256",
		    q->bank);
		return AC_ERR_MISMATCH;
	}
	if (!CHECK(quote_selection, q->pcrs == mask)) {
		message_set(why, "the quote selects PCRs 0x%06x, expected "
		    "exactly 0x%06x", q->pcrs, mask);
		return AC_ERR_MISMATCH;
	}
	sha256_init(&s);
	for (unsigned i = 0; i < 16; i++)
		if ((mask >> i & 1) != 0)
			sha256_update(&s, span_digest(&pcr[i]));
	d = sha256_final(&s);
	if (!CHECK(pcr_digest, span_equal(q->pcr_digest, span_digest(&d)))) {
		message_set(why, "pcrDigest is not that of the PCR values");
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

bool
quote_is_endorsement_primary(const struct quote *q,
    const struct quote_public *k)
{
	static const uint8_t alg[] = { TPM_ALG_SHA256 >> 8, TPM_ALG_SHA256 };
	/* TPM_RH_ENDORSEMENT */
	static const uint8_t hierarchy[] = { 0x40, 0x00, 0x00, 0x0b };
	uint8_t want[2 + 32];
	struct sha256 s;
	struct digest d;

	sha256_init(&s);
	sha256_update(&s, span_of(hierarchy, sizeof(hierarchy)));
	sha256_update(&s, span_of(alg, sizeof(alg)));
	sha256_update(&s, span_digest(&k->name));
	d = sha256_final(&s);
	memcpy(want, alg, sizeof(alg));
	memcpy(want + sizeof(alg), d.b, sizeof(d.b));
	return span_equal(q->qualified_signer, span_of(want, sizeof(want)));
}
