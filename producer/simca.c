/* simca.c -- the certificate authority of a simulated TPM; see simca.h. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "producer/simca.h"

#define SIMCA_KEY_BITS 2048u
#define SIMCA_EARLY_S 300 /* how far before now validity begins */

/* One extension: its NID and its value in the words of x509v3_config(5). */
struct extension {
	int nid;
	const char *value;
};

/* What tells one of the three certificates from the others. */
struct profile {
	const char *name;
	unsigned days;
	struct extension extensions[5];
};

static const struct profile root_profile = {
	"AICert SIMULATED TPM Root CA",
	SIMCA_CA_DAYS,
	{
	    { NID_basic_constraints, "critical,CA:TRUE" },
	    { NID_key_usage, "critical,keyCertSign" },
	    { NID_subject_key_identifier, "hash" },
	},
};

static const struct profile intermediate_profile = {
	"AICert SIMULATED TPM Intermediate CA",
	SIMCA_CA_DAYS,
	{
	    { NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
	    { NID_key_usage, "critical,keyCertSign" },
	    { NID_subject_key_identifier, "hash" },
	    { NID_authority_key_identifier, "keyid:always" },
	},
};

static const struct profile leaf_profile = {
	"AICert SIMULATED TPM Attestation Key",
	0, /* the caller's */
	{
	    { NID_basic_constraints, "critical,CA:FALSE" },
	    { NID_key_usage, "critical,digitalSignature" },
	    { NID_ext_key_usage, "2.23.133.8.3" },
	    { NID_subject_key_identifier, "hash" },
	    { NID_authority_key_identifier, "keyid:always" },
	},
};

/* The public RSA key of modulus and 65537, or NULL. */
static EVP_PKEY *
key_of(struct span modulus)
{
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params = NULL;
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *n = NULL;

	if (modulus.len <= 1024)
		n = BN_bin2bn(modulus.p, (int)modulus.len, NULL);
	if (bld == NULL || ctx == NULL || n == NULL ||
	    !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) ||
	    !OSSL_PARAM_BLD_push_uint(bld, OSSL_PKEY_PARAM_RSA_E, 65537) ||
	    (params = OSSL_PARAM_BLD_to_param(bld)) == NULL ||
	    EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	return key;
}

/* A positive serial number of 127 random bits (RFC 5280, 4.1.2.2). */
static bool
set_serial(X509 *cert)
{
	uint8_t b[16];
	BIGNUM *n = NULL;
	bool ok = false;

	if (RAND_bytes(b, sizeof(b)) != 1)
		return false;
	b[0] = (uint8_t)((b[0] & 0x7f) | 0x40); /* of constant length */
	n = BN_bin2bn(b, sizeof(b), NULL);
	if (n != NULL)
		ok = BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
	BN_free(n);
	return ok;
}

static bool
set_name(X509 *cert, const char *cn)
{
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
		   MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0) == 1;
}

/* Certify key under issuer and its issuer_key; self-signed without issuer. */
static X509 *
certify(const struct profile *profile, EVP_PKEY *key, X509 *issuer,
    EVP_PKEY *issuer_key, int64_t now_s, unsigned days)
{
	const size_t n = sizeof(profile->extensions) /
	    sizeof(profile->extensions[0]);
	X509 *cert = X509_new();
	X509V3_CTX ctx;

	if (cert == NULL)
		return NULL;
	if (issuer == NULL)
		issuer = cert;
	if (!X509_set_version(cert, X509_VERSION_3) || !set_serial(cert) ||
	    ASN1_TIME_set(X509_getm_notBefore(cert), now_s - SIMCA_EARLY_S) ==
		NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(cert),
		now_s + (int64_t)days * 86400) == NULL ||
	    !set_name(cert, profile->name) ||
	    !X509_set_issuer_name(cert, X509_get_subject_name(issuer)) ||
	    !X509_set_pubkey(cert, key))
		goto fail;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	for (size_t i = 0; i < n && profile->extensions[i].value != NULL; i++) {
		X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx,
		    profile->extensions[i].nid, profile->extensions[i].value);
		int ok = x != NULL && X509_add_ext(cert, x, -1);

		X509_EXTENSION_free(x);
		if (!ok)
			goto fail;
	}
	if (X509_sign(cert, issuer_key, EVP_sha256()) <= 0)
		goto fail;
	return cert;
fail:
	X509_free(cert);
	return NULL;
}

/* What a memory BIO holds, in a buffer; the BIO is freed. */
static enum ac_err
bio_end(BIO *bio, bool ok, struct buf *out)
{
	enum ac_err e = AC_ERR_CRYPTO;
	char *p = NULL;
	long len = 0;

	if (bio != NULL && ok)
		len = BIO_get_mem_data(bio, &p);
	if (len > 0 && p != NULL)
		e = buf_copy(out, span_of(p, (size_t)len));
	BIO_free(bio);
	return e;
}

static enum ac_err
key_pem(struct buf *out, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	bool ok = bio != NULL &&
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
		NULL) == 1;

	return bio_end(bio, ok, out);
}

static enum ac_err
certs_pem(struct buf *out, X509 *const certs[], size_t n)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio != NULL;

	for (size_t i = 0; i < n && ok; i++)
		ok = PEM_write_bio_X509(bio, certs[i]) == 1;
	return bio_end(bio, ok, out);
}

static enum ac_err
cert_der(struct buf *out, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio != NULL && i2d_X509_bio(bio, cert) == 1;

	return bio_end(bio, ok, out);
}

enum ac_err
simca_issue(struct simca *out, struct span modulus, int64_t now_s,
    unsigned days)
{
	enum ac_err e = AC_ERR_CRYPTO;
	struct simca s = { 0 };
	EVP_PKEY *ak = NULL, *root_key = NULL, *key = NULL;
	X509 *chain[3] = { NULL, NULL, NULL }; /* leaf, intermediate, root */

	if (days == 0 || days > SIMCA_CA_DAYS)
		return AC_ERR_LIMIT;
	ak = key_of(modulus);
	root_key = EVP_RSA_gen(SIMCA_KEY_BITS);
	key = EVP_RSA_gen(SIMCA_KEY_BITS);
	if (ak == NULL || root_key == NULL || key == NULL)
		goto out;
	chain[2] = certify(&root_profile, root_key, NULL, root_key, now_s,
	    root_profile.days);
	if (chain[2] == NULL)
		goto out;
	chain[1] = certify(&intermediate_profile, key, chain[2], root_key,
	    now_s, intermediate_profile.days);
	if (chain[1] == NULL)
		goto out;
	chain[0] = certify(&leaf_profile, ak, chain[1], key, now_s, days);
	if (chain[0] == NULL)
		goto out;
	if ((e = key_pem(&s.root_key, root_key)) != AC_OK ||
	    (e = key_pem(&s.intermediate_key, key)) != AC_OK ||
	    (e = certs_pem(&s.root, &chain[2], 1)) != AC_OK ||
	    (e = certs_pem(&s.chain, chain, 3)) != AC_OK ||
	    (e = cert_der(&s.leaf, chain[0])) != AC_OK)
		goto out;
	*out = s;
	s = (struct simca){ 0 }; /* transferred */
	e = AC_OK;
out:
	simca_free(&s);
	for (size_t i = 0; i < 3; i++)
		X509_free(chain[i]);
	EVP_PKEY_free(ak);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(key);
	return e;
}

void
simca_free(struct simca *s)
{
	buf_wipe(&s->root_key);
	buf_wipe(&s->intermediate_key);
	buf_free(&s->root);
	buf_free(&s->chain);
	buf_free(&s->leaf);
}
