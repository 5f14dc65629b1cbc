/* akchain.c -- the attestation key's certificates; see akchain.h. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/file.h"
#include "common/reader.h"
#include "producer/akchain.h"

#define TPM_ALG_RSA 0x0001
#define TPM_ALG_NULL 0x0010
#define RSA_EXPONENT 65537u /* where a TPM writes 0 */
#define RSA_MAX 1024        /* bytes of a modulus */

struct chain {
	X509 *x[AK_CHAIN_MAX];
	size_t n;
};

static void
free_chain(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		X509_free(c->x[i]);
	/* Nothing of ours stays in the thread's queue. */
	ERR_clear_error();
}

static enum ac_err
parse_pem(struct chain *c, struct span pem, struct message *why)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	enum ac_err e = AC_ERR_FORMAT;

	if (bio == NULL)
		return AC_ERR_MEMORY;
	for (;;) {
		X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

		if (x == NULL)
			break;
		if (c->n == AK_CHAIN_MAX) {
			X509_free(x);
			message_add(why, ": more than %d certificates",
			    AK_CHAIN_MAX);
			e = AC_ERR_LIMIT;
			goto out;
		}
		c->x[c->n++] = x;
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		message_add(why, ": certificate %zu cannot be read", c->n + 1);
		goto out;
	}
	if (c->n < 2) {
		message_add(why, ": %zu certificate%s, expected at least leaf "
		    "and root", c->n, c->n == 1 ? "" : "s");
		goto out;
	}
	e = AC_OK;
out:
	BIO_free(bio);
	return e;
}

/* Each issued by the next, the last by itself. */
static enum ac_err
check_order(const struct chain *c, struct message *why)
{
	for (size_t i = 0; i < c->n; i++) {
		X509 *issuer = c->x[i + 1 < c->n ? i + 1 : i];

		if (X509_check_issued(issuer, c->x[i]) == X509_V_OK &&
		    X509_verify(c->x[i], X509_get0_pubkey(issuer)) == 1)
			continue;
		message_add(why, i + 1 < c->n ? ": certificate %zu is not "
		    "issued by the one after it" : ": certificate %zu, the "
		    "last, is no self-signed root", i + 1);
		return AC_ERR_FORMAT;
	}
	return AC_OK;
}

static enum ac_err
take_der(struct akchain *out, const struct chain *c, struct message *why)
{
	out->not_after_s = INT64_MAX;
	for (size_t i = 0; i < c->n; i++) {
		const ASN1_TIME *end = X509_get0_notAfter(c->x[i]);
		unsigned char *der = NULL;
		int64_t end_s;
		struct tm tm;
		enum ac_err e;
		int len = i2d_X509(c->x[i], &der);

		if (len < 0)
			return AC_ERR_MEMORY;
		e = (size_t)len > CERT_DER_MAX ? AC_ERR_LIMIT :
		    buf_copy(&out->der[i], span_of(der, (size_t)len));
		OPENSSL_free(der);
		if (e != AC_OK) {
			message_add(why, ": certificate %zu: %s", i + 1,
			    ac_strerror(e));
			return e;
		}
		out->n++;
		if (ASN1_TIME_to_tm(end, &tm) != 1) {
			message_add(why, ": certificate %zu has no readable "
			    "end", i + 1);
			return AC_ERR_FORMAT;
		}
		end_s = (int64_t)timegm(&tm);
		if (end_s < out->not_after_s)
			out->not_after_s = end_s;
	}
	return AC_OK;
}

enum ac_err
akchain_read(struct akchain *out, const char *path, struct message *why)
{
	struct akchain a = { 0 };
	struct chain c = { 0 };
	struct buf pem = { 0 };
	enum ac_err e;

	message_set(why, "the certificates of the attestation key, ");
	message_add_quoted(why, span_str(path));
	e = file_read(&pem, path, PEM_MAX);
	if (e != AC_OK) {
		message_add(why, ": %s", ac_strerror(e));
		return e;
	}
	e = parse_pem(&c, buf_span(&pem), why);
	if (e == AC_OK)
		e = check_order(&c, why);
	if (e == AC_OK)
		e = take_der(&a, &c, why);
	if (e == AC_OK) {
		*out = a;
		a = (struct akchain){ 0 }; /* transferred */
	}
	akchain_free(&a);
	free_chain(&c);
	buf_free(&pem);
	return e;
}

/* Modulus and exponent of a TPMT_PUBLIC (TPM 2.0 Part 2, 12.2.4). */
static bool
parse_public(struct span *modulus, uint32_t *exponent, struct span tpmt)
{
	struct reader r = rd_of(tpmt);
	uint16_t type, name, symmetric, scheme, other;
	uint32_t attributes;
	struct span policy;

	if (!rd_be16(&r, &type) || type != TPM_ALG_RSA ||
	    !rd_be16(&r, &name) || !rd_be32(&r, &attributes) ||
	    !rd_take_be16(&r, &policy, 64) || !rd_be16(&r, &symmetric) ||
	    symmetric != TPM_ALG_NULL || !rd_be16(&r, &scheme) ||
	    (scheme != TPM_ALG_NULL && !rd_be16(&r, &other)) ||
	    !rd_be16(&r, &other) || !rd_be32(&r, exponent) ||
	    !rd_take_be16(&r, modulus, RSA_MAX) || !rd_end(&r))
		return false;
	if (*exponent == 0)
		*exponent = RSA_EXPONENT;
	return true;
}

enum ac_err
akchain_check_key(const struct akchain *c, struct span tpmt_public,
    struct message *why)
{
	const unsigned char *der = c->der[0].p;
	X509 *leaf = d2i_X509(NULL, &der, (long)c->der[0].len);
	EVP_PKEY *key = leaf == NULL ? NULL : X509_get0_pubkey(leaf);
	BIGNUM *n = NULL, *e_of_cert = NULL, *expected = NULL;
	struct span modulus;
	uint32_t exponent;
	enum ac_err e;

	if (!parse_public(&modulus, &exponent, tpmt_public)) {
		message_set(why, "the attestation key is not an RSA signing "
		    "key; other kinds are not built yet");
		e = AC_ERR_UNSUPPORTED;
		goto out;
	}
	e = AC_ERR_MISMATCH;
	expected = BN_bin2bn(modulus.p, (int)modulus.len, NULL);
	if (expected == NULL || key == NULL ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e_of_cert) !=
	    1 || BN_cmp(n, expected) != 0 ||
	    !BN_is_word(e_of_cert, exponent)) {
		message_set(why, "the certificate is not of this TPM's "
		    "attestation key; give the --ak-chain of this machine");
		goto out;
	}
	e = AC_OK;
out:
	BN_free(n);
	BN_free(e_of_cert);
	BN_free(expected);
	X509_free(leaf);
	ERR_clear_error();
	return e;
}

void
akchain_free(struct akchain *c)
{
	for (size_t i = 0; i < AK_CHAIN_MAX; i++)
		buf_free(&c->der[i]);
	*c = (struct akchain){ 0 };
}
