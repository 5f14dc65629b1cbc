/* agentkey.c -- an agent's TLS key and certificate, by OpenSSL; agentkey.h. */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "producer/agentkey.h"

#define VERSION_3 2 /* as X.509 counts */

/* No client judges the time: it is that of a boot, wherever clocks stand. */
static const char not_before[] = "19700101000000Z";
static const char not_after[] = "99991231235959Z"; /* RFC 5280: none */

static bool
fill(X509 *x, EVP_PKEY *pkey)
{
	X509_NAME *name = X509_get_subject_name(x);

	return X509_set_version(x, VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
	    ASN1_TIME_set_string_X509(X509_getm_notBefore(x), not_before) ==
	    1 && ASN1_TIME_set_string_X509(X509_getm_notAfter(x),
	    not_after) == 1 &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"aicert-producer", -1, -1, 0) == 1 &&
	    X509_set_issuer_name(x, name) == 1 &&
	    X509_set_pubkey(x, pkey) == 1 &&
	    X509_sign(x, pkey, EVP_sha256()) > 0;
}

/* What bio holds, with a NUL. */
static bool
take_text(struct buf *out, BIO *bio)
{
	char *text;
	long n = BIO_get_mem_data(bio, &text);

	return n > 0 && buf_copy(out, span_of(text, (size_t)n)) == AC_OK;
}

static bool
write_pem(struct agentkey *k, EVP_PKEY *pkey, X509 *x)
{
	BIO *secret = BIO_new(BIO_s_secmem()), *open = BIO_new(BIO_s_mem());
	bool ok = secret != NULL && open != NULL &&
	    PEM_write_bio_PKCS8PrivateKey(secret, pkey, NULL, NULL, 0, NULL,
	    NULL) == 1 && PEM_write_bio_X509(open, x) == 1 &&
	    take_text(&k->key, secret) && take_text(&k->certificate, open);

	BIO_free(secret);
	BIO_free(open);
	return ok;
}

static bool
take_spki(struct agentkey *k, EVP_PKEY *pkey)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);
	bool ok = n > 0 && spki_parse(&k->spki, span_of(der, (size_t)n));

	OPENSSL_free(der);
	return ok;
}

enum ac_err
agentkey_make(struct agentkey *out, struct message *why)
{
	struct agentkey k = { .key = { 0 } };
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	enum ac_err e = AC_ERR_CRYPTO;

	message_set(why, "OpenSSL makes no key for TLS");
	if (pkey == NULL || x == NULL || !fill(x, pkey) ||
	    !take_spki(&k, pkey) || !write_pem(&k, pkey, x))
		goto out;
	*out = k;
	k = (struct agentkey){ .key = { 0 } }; /* transferred */
	e = AC_OK;
out:
	agentkey_free(&k);
	X509_free(x);
	EVP_PKEY_free(pkey);
	return e;
}

void
agentkey_free(struct agentkey *k)
{
	buf_wipe(&k->key);
	buf_free(&k->certificate);
}
