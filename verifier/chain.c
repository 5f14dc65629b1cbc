/* chain.c -- X.509 chains with their root; see chain.h. */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "common/sha256.h"
#include "verifier/chain.h"
#include "verifier/check.h"

#define AUTH_LEVEL 2 /* OpenSSL's: 112 bits, no SHA-1, RSA of 2048 or more */

struct digest
chain_root(const struct buf der[], size_t n)
{
	return sha256_of(n > 0 ? buf_span(&der[n - 1]) : span_of(NULL, 0));
}

/* Is s what x is in DER?  What was signed within it stays as it was. */
static bool
is_der(X509 *x, struct span s)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);
	bool same = len > 0 && span_equal(s, span_of(der, (size_t)len));

	OPENSSL_free(der);
	return same;
}

static X509 *
parse(struct span der, bool zero_padded)
{
	const unsigned char *p = der.p;
	X509 *x;

	x = d2i_X509(NULL, &p, (long)der.len);
	if (x == NULL)
		return NULL;
	if (!CHECK(der_form, is_der(x, span_of(der.p, (size_t)(p - der.p))))) {
		X509_free(x);
		return NULL;
	}
	for (const unsigned char *end = der.p + der.len; p < end; p++) {
		if (!CHECK(der_end, zero_padded && *p == 0)) {
			X509_free(x);
			return NULL;
		}
	}
	return x;
}

enum ac_err
chain_parse(struct chain *out, const struct buf der[], size_t n,
    struct message *why)
{
	struct chain c = { 0 };
	enum ac_err e = AC_ERR_FORMAT;

	if (n < 2 || n > AK_CHAIN_MAX) {
		message_set(why, "the chain has %zu certificates, expected 2 "
		    "to %d", n, AK_CHAIN_MAX);
		goto out;
	}
	for (; c.n < n; c.n++) {
		c.x[c.n] = parse(buf_span(&der[c.n]), c.n == 0);
		if (c.x[c.n] == NULL) {
			message_set(why, "certificate %zu of the chain is not "
			    "one X.509 certificate in DER", c.n + 1);
			goto out;
		}
		for (size_t k = 0; k < c.n; k++) {
			if (CHECK(chain_twice, X509_cmp(c.x[c.n], c.x[k]) !=
			    0))
				continue;
			message_set(why, "certificates %zu and %zu of the "
			    "chain are the same", k + 1, c.n + 1);
			X509_free(c.x[c.n]);
			e = AC_ERR_MISMATCH;
			goto out;
		}
	}
	*out = c;
	c = (struct chain){ 0 }; /* transferred */
	e = AC_OK;
out:
	ERR_clear_error();
	chain_free(&c);
	return e;
}

void
chain_free(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		X509_free(c->x[i]);
	*c = (struct chain){ 0 };
}

/* The whole chain by OpenSSL's rules, with nothing trusted but its root. */
static enum ac_err
check_path(const struct chain *c, enum chain_rules rules, struct message *why)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	X509_VERIFY_PARAM *param;
	enum ac_err e = AC_ERR_MEMORY;
	unsigned long flags = X509_V_FLAG_CHECK_SS_SIGNATURE |
	    X509_V_FLAG_NO_CHECK_TIME;

	if (store == NULL || ctx == NULL || between == NULL ||
	    X509_STORE_add_cert(store, c->x[c->n - 1]) != 1)
		goto out;
	for (size_t i = 1; i + 1 < c->n; i++)
		if (sk_X509_push(between, c->x[i]) <= 0)
			goto out;
	if (X509_STORE_CTX_init(ctx, store, c->x[0], between) != 1)
		goto out;
	param = X509_STORE_CTX_get0_param(ctx);
	if (rules == CHAIN_STRICT)
		flags |= X509_V_FLAG_X509_STRICT;
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
	    (size_t)sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) == c->n)) {
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

/* Certificate i is valid from *from_s to *until_s, both included. */
static bool
validity(const struct chain *c, size_t i, int64_t *from_s, int64_t *until_s)
{
	return unix_time(from_s, X509_get0_notBefore(c->x[i])) &&
	    unix_time(until_s, X509_get0_notAfter(c->x[i]));
}

enum ac_err
chain_check(const struct chain *c, enum chain_rules rules, int64_t time_s,
    struct message *why)
{
	enum ac_err e = check_path(c, rules, why);
	int64_t from, until;

	for (size_t i = 0; e == AC_OK && i < c->n; i++) {
		if (!validity(c, i, &from, &until))
			e = AC_ERR_FORMAT;
		else if (!CHECK(chain_valid, time_s == CHAIN_NO_TIME ||
		    (from <= time_s && time_s <= until)))
			e = AC_ERR_MISMATCH;
		if (e != AC_OK)
			message_set(why, "the chain does not verify at "
			    "certificate %zu: certificate %s", i + 1,
			    e == AC_ERR_FORMAT ? "has a malformed validity" :
			    time_s < from ? "is not yet valid" : "has expired");
	}
	return e;
}

bool
chain_validity(const struct chain *c, int64_t *from_s, int64_t *until_s)
{
	int64_t first = INT64_MIN, last = INT64_MAX;

	for (size_t i = 0; i < c->n; i++) {
		int64_t from, until;

		if (!validity(c, i, &from, &until))
			return false;
		first = from > first ? from : first;
		last = until < last ? until : last;
	}
	*from_s = first;
	*until_s = last;
	return true;
}
