/* akcert.c -- certificates of attestation keys; see akcert.h. */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/sha256.h"
#include "verifier/akcert.h"
#include "verifier/check.h"

/* Certificate policies of Azure's virtual TPMs. */
#define POLICY_TRUSTED_VM "1.3.6.1.4.1.311.108"
#define POLICY_CONFIDENTIAL_VM "1.3.6.1.4.1.311.108.200.2"

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
	bool found = eku == NULL && span_is(span_str(oid), AKCERT_EKU_ANY) &&
	    X509_get_ext_by_NID(x, NID_ext_key_usage, -1) < 0;

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

/* A name with a NUL in it reads differently to different readers. */
static bool
name_is_plain(const X509_NAME *name)
{
	for (int i = 0; i < X509_NAME_entry_count(name); i++) {
		unsigned char *text = NULL;
		int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
		    X509_NAME_get_entry(name, i)));
		bool plain = len >= 0;

		for (int k = 0; k < len; k++)
			plain = plain && text[k] >= 0x20 && text[k] != 0x7f;
		OPENSSL_free(text);
		if (!plain)
			return false;
	}
	return true;
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
	    (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) != 0))
		return BECAUSE(why, AC_ERR_MISMATCH, "the AK certificate lacks "
		    "the critical key usage digitalSignature");
	if (!CHECK(ak_no_ca, (flags & EXFLAG_CA) == 0 &&
	    (X509_get_key_usage(x) & KU_KEY_CERT_SIGN) == 0))
		return BECAUSE(why, AC_ERR_MISMATCH, "the AK certificate is "
		    "that of a CA");
	if (!CHECK(ak_eku, has_eku(x, eku)))
		return BECAUSE(why, AC_ERR_MISMATCH, "the AK certificate lacks "
		    "the extended key usage %s", eku);
	if (!CHECK(ak_policy, policy[0] == '\0' || has_policy(x, policy)))
		return BECAUSE(why, AC_ERR_MISMATCH, "the AK certificate lacks "
		    "the certificate policy %s", policy);
	if (!CHECK(ak_subject, name_is_plain(X509_get_subject_name(x))))
		return BECAUSE(why, AC_ERR_MISMATCH, "the AK certificate's "
		    "subject has control characters");
	return AC_OK;
}

/* What is left to tell of a leaf that is right. */
static enum ac_err
read_leaf(struct akcert *out, X509 *x)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	if (len <= 0)
		return AC_ERR_MEMORY;
	out->spki = sha256_of(span_of(der, (size_t)len));
	OPENSSL_free(der);
	if (has_policy(x, POLICY_CONFIDENTIAL_VM))
		out->machine = AKCERT_CONFIDENTIAL_VM;
	else if (has_policy(x, POLICY_TRUSTED_VM))
		out->machine = AKCERT_TRUSTED_VM;
	return AC_OK;
}

enum ac_err
akcert_check(struct akcert *out, const struct buf der[], size_t n,
    const char *eku, const char *policy, int64_t time_s, struct message *why)
{
	struct akcert found = { 0 };
	struct chain c = { 0 };
	enum ac_err e;

	e = chain_parse(&c, der, n, why);
	if (e == AC_OK)
		e = chain_check(&c, CHAIN_STRICT, time_s, why);
	if (e == AC_OK)
		e = check_leaf(c.x[0], eku, policy, why);
	if (e == AC_OK && !chain_validity(&c, &found.not_before_s,
	    &found.not_after_s)) {
		message_set(why, "a certificate's validity is malformed");
		e = AC_ERR_FORMAT;
	}
	if (e == AC_OK)
		e = read_leaf(&found, c.x[0]);
	if (e == AC_OK)
		*out = found;
	chain_free(&c);
	ERR_clear_error();
	return e;
}
