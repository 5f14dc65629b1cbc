/* akcert.c -- X.509 of attestation keys; see akcert.h. */
#include <stdlib.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "common/sha256.h"
#include "verifier/akcert.h"
#include "verifier/check.h"

#define AUTH_LEVEL 2 /* OpenSSL's: 112 bits, no SHA-1, RSA of 2048 or more */

struct digest
akcert_root(const struct buf chain[], size_t n)
{
	return sha256_of(n > 0 ? buf_span(&chain[n - 1]) : span_of(NULL, 0));
}

static X509 *
parse(struct span der, bool zero_padded)
{
	const unsigned char *p = der.p;
	X509 *x;

	x = d2i_X509(NULL, &p, (long)der.len);
	if (x == NULL)
		return NULL;
	for (const unsigned char *end = der.p + der.len; p < end; p++) {
		if (!CHECK(der_end, zero_padded && *p == 0)) {
			X509_free(x);
			return NULL;
		}
	}
	return x;
}

static enum ac_err
parse_all(X509 *x[], const struct buf chain[], size_t n, struct message *why)
{
	for (size_t i = 0; i < n; i++) {
		x[i] = parse(buf_span(&chain[i]), i == 0);
		if (x[i] == NULL) {
			message_set(why, "certificate %zu of the chain is not "
			    "one X.509 certificate in DER", i + 1);
			return AC_ERR_FORMAT;
		}
		for (size_t k = 0; k < i; k++) {
			if (!CHECK(chain_twice, X509_cmp(x[i], x[k]) != 0)) {
				message_set(why, "certificates %zu and %zu of "
				    "the chain are the same", k + 1, i + 1);
				return AC_ERR_MISMATCH;
			}
		}
	}
	return AC_OK;
}

/* The whole chain by OpenSSL's rules, with nothing trusted but its root. */
static enum ac_err
verify_chain(X509 *x[], size_t n, int64_t time_s, struct message *why)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	X509_VERIFY_PARAM *param;
	enum ac_err e = AC_ERR_MEMORY;
	unsigned long flags = X509_V_FLAG_X509_STRICT |
	    X509_V_FLAG_CHECK_SS_SIGNATURE;

	if (store == NULL || ctx == NULL || between == NULL ||
	    X509_STORE_add_cert(store, x[n - 1]) != 1)
		goto out;
	for (size_t i = 1; i + 1 < n; i++)
		if (sk_X509_push(between, x[i]) <= 0)
			goto out;
	if (X509_STORE_CTX_init(ctx, store, x[0], between) != 1)
		goto out;
	param = X509_STORE_CTX_get0_param(ctx);
	if (time_s == AKCERT_NO_TIME)
		flags |= X509_V_FLAG_NO_CHECK_TIME;
	else
		X509_VERIFY_PARAM_set_time(param, (time_t)time_s);
	(void)X509_VERIFY_PARAM_set_flags(param, flags);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	e = AC_ERR_MISMATCH;
	if (!CHECK(chain, X509_verify_cert(ctx) == 1)) {
		message_set(why, "the chain does not verify at certificate "
		    "%d: %s", X509_STORE_CTX_get_error_depth(ctx) + 1,
		    X509_verify_cert_error_string(
		    X509_STORE_CTX_get_error(ctx)));
		goto out;
	}
	/* The path found is the chain as given, nothing left over. */
	if (!CHECK(chain_whole,
	    (size_t)sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) == n)) {
		message_set(why, "the chain holds certificates that do not "
		    "belong to it");
		goto out;
	}
	e = AC_OK;
out:
	ERR_clear_error();
	sk_X509_free(between);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return e;
}

static bool
oid_is(const ASN1_OBJECT *object, const char *oid)
{
	char text[128];
	int n = OBJ_obj2txt(text, sizeof(text), object, 1);

	return n > 0 && (size_t)n < sizeof(text) &&
	    span_is(span_str(text), oid);
}

static bool
has_eku(X509 *x, const char *oid)
{
	EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(x, NID_ext_key_usage, NULL,
	    NULL);
	bool found = false;

	for (int i = 0; eku != NULL && i < sk_ASN1_OBJECT_num(eku); i++)
		found = found || oid_is(sk_ASN1_OBJECT_value(eku, i), oid);
	EXTENDED_KEY_USAGE_free(eku);
	return found;
}

static bool
has_policy(X509 *x, const char *oid)
{
	CERTIFICATEPOLICIES *cp = X509_get_ext_d2i(x, NID_certificate_policies,
	    NULL, NULL);
	bool found = false;

	for (int i = 0; cp != NULL && i < sk_POLICYINFO_num(cp); i++)
		found = found || oid_is(sk_POLICYINFO_value(cp, i)->policyid,
		    oid);
	CERTIFICATEPOLICIES_free(cp);
	return found;
}

static enum ac_err
check_leaf(X509 *x, const char *eku, const char *policy, struct message *why)
{
	const X509_EXTENSION *usage = NULL;
	uint32_t flags = X509_get_extension_flags(x);
	int at = X509_get_ext_by_NID(x, NID_key_usage, -1);

	if (at >= 0)
		usage = X509_get_ext(x, at);
	if (!CHECK(ak_usage, usage != NULL &&
	    X509_EXTENSION_get_critical(usage) != 0 &&
	    (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) != 0)) {
		message_set(why, "the AK certificate lacks the critical key "
		    "usage digitalSignature");
		return AC_ERR_MISMATCH;
	}
	if (!CHECK(ak_no_ca, (flags & EXFLAG_CA) == 0 &&
	    (X509_get_key_usage(x) & KU_KEY_CERT_SIGN) == 0)) {
		message_set(why, "the AK certificate is that of a CA");
		return AC_ERR_MISMATCH;
	}
	if (!CHECK(ak_eku, has_eku(x, eku))) {
		message_set(why, "the AK certificate lacks the extended key "
		    "usage %s", eku);
		return AC_ERR_MISMATCH;
	}
	if (!CHECK(ak_policy, policy[0] == '\0' || has_policy(x, policy))) {
		message_set(why, "the AK certificate lacks the certificate "
		    "policy %s", policy);
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

/* The RSA key that the leaf certifies, and its SPKI's digest. */
static enum ac_err
read_key(struct akcert *out, X509 *x, struct message *why)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	BIGNUM *n = NULL, *e = NULL;
	unsigned char *der = NULL;
	enum ac_err err = AC_ERR_MISMATCH;
	int len;

	message_set(why, "the AK certificate's key is not RSA of 2048 to 4096 "
	    "bits");
	if (key == NULL || EVP_PKEY_is_a(key, "RSA") != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1 ||
	    BN_num_bits(n) < 2048 || BN_num_bytes(n) > AKCERT_RSA_MAX ||
	    BN_num_bits(e) > 32)
		goto out;
	out->moduluslen = (size_t)BN_bn2bin(n, out->modulus);
	out->exponent = BN_get_word(e);
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	if (len <= 0) {
		err = AC_ERR_MEMORY;
		goto out;
	}
	out->spki = sha256_of(span_of(der, (size_t)len));
	message_set(why, "%s", "");
	err = AC_OK;
out:
	OPENSSL_free(der);
	BN_free(n);
	BN_free(e);
	return err;
}

static bool
unix_time(int64_t *out, const ASN1_TIME *t)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days, seconds;
	bool ok;

	ok = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, t) == 1;
	ASN1_TIME_free(epoch);
	if (ok)
		*out = (int64_t)days * 86400 + seconds;
	return ok;
}

/* The time in which every certificate is valid. */
static bool
read_validity(struct akcert *out, X509 *x[], size_t n)
{
	out->not_before_s = INT64_MIN;
	out->not_after_s = INT64_MAX;
	for (size_t i = 0; i < n; i++) {
		int64_t from, to;

		if (!unix_time(&from, X509_get0_notBefore(x[i])) ||
		    !unix_time(&to, X509_get0_notAfter(x[i])))
			return false;
		if (from > out->not_before_s)
			out->not_before_s = from;
		if (to < out->not_after_s)
			out->not_after_s = to;
	}
	return true;
}

static void
read_subject(struct akcert *out, X509 *x)
{
	struct message text = { "" };
	char *name = X509_NAME_oneline(X509_get_subject_name(x), NULL, 0);

	if (name != NULL)
		message_add_quoted(&text, span_str(name));
	OPENSSL_free(name);
	memcpy(out->subject, text.text, sizeof(out->subject) - 1);
	out->subject[sizeof(out->subject) - 1] = '\0';
}

enum ac_err
akcert_check(struct akcert *out, const struct buf chain[], size_t n,
    const char *eku, const char *policy, int64_t time_s, struct message *why)
{
	X509 *x[AK_CHAIN_MAX] = { NULL };
	struct akcert found = { 0 };
	enum ac_err e;

	if (n < 2 || n > AK_CHAIN_MAX) {
		message_set(why, "the chain has %zu certificates, expected 2 "
		    "to %d", n, AK_CHAIN_MAX);
		return AC_ERR_FORMAT;
	}
	e = parse_all(x, chain, n, why);
	if (e == AC_OK)
		e = verify_chain(x, n, time_s, why);
	if (e == AC_OK)
		e = check_leaf(x[0], eku, policy, why);
	if (e == AC_OK)
		e = read_key(&found, x[0], why);
	if (e == AC_OK && !read_validity(&found, x, n)) {
		message_set(why, "a certificate's validity is malformed");
		e = AC_ERR_FORMAT;
	}
	if (e == AC_OK) {
		read_subject(&found, x[0]);
		*out = found;
	}
	for (size_t i = 0; i < n; i++)
		X509_free(x[i]);
	ERR_clear_error();
	return e;
}
