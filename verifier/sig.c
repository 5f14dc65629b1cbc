/* sig.c -- signature verification; see sig.h. */
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <sodium.h>

#include "cert/checkpoint.h"
#include "verifier/sig.h"

struct sig_key {
	struct spki spki;
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *verify; /* ready for the next signature */
};

enum ac_err
sig_key_new(struct sig_key **out, const struct spki *key)
{
	char group[] = "P-256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
		    group, 0),
		OSSL_PARAM_construct_end(),
	};
	struct sig_key *k = calloc(1, sizeof(*k));
	EVP_PKEY_CTX *ctx = NULL;
	enum ac_err e = AC_ERR_MEMORY;

	if (k == NULL)
		return AC_ERR_MEMORY;
	/*
	 * Parameters first, then the point: a tenth of the time that decoding
	 * the SPKI takes.
	 */
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &k->pkey, EVP_PKEY_KEY_PARAMETERS,
	    params) != 1) {
		e = AC_ERR_CRYPTO;
		goto out;
	}
	e = AC_ERR_FORMAT;
	if (EVP_PKEY_set1_encoded_public_key(k->pkey, spki_point(key),
	    SPKI_POINT_LEN) != 1)
		goto out;
	k->spki = *key;
	k->verify = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	if (k->verify == NULL || EVP_PKEY_verify_init(k->verify) != 1) {
		e = AC_ERR_CRYPTO;
		goto out;
	}
	*out = k;
	k = NULL; /* transferred */
	e = AC_OK;
out:
	EVP_PKEY_CTX_free(ctx);
	sig_key_free(k);
	return e;
}

void
sig_key_free(struct sig_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_CTX_free(k->verify);
	EVP_PKEY_free(k->pkey);
	free(k);
}

const struct spki *
sig_key_spki(const struct sig_key *k)
{
	return &k->spki;
}

enum ac_err
sig_p256(const struct sig_key *k, const struct digest *d, struct span der)
{
	return EVP_PKEY_verify(k->verify, der.p, der.len, d->b,
	    sizeof(d->b)) == 1 ? AC_OK : AC_ERR_MISMATCH;
}

/*
 * Q = r^-1 (s R - d G) for the point R of abscissa r and the given parity
 * (SEC 1 section 4.1.6).  That r was reduced modulo the order happens once in
 * 2^128 and is not tried.
 */
static bool
recover_point(uint8_t out[SPKI_POINT_LEN], const EC_GROUP *group,
    const BIGNUM *order, const BIGNUM *r, const BIGNUM *s, const BIGNUM *d,
    int parity, BN_CTX *ctx)
{
	EC_POINT *R = EC_POINT_new(group), *q = EC_POINT_new(group);
	BIGNUM *inverse = BN_new(), *u = BN_new(), *v = BN_new();
	bool ok = false;

	if (R == NULL || q == NULL || inverse == NULL || u == NULL ||
	    v == NULL ||
	    EC_POINT_set_compressed_coordinates(group, R, r, parity, ctx) != 1 ||
	    BN_mod_inverse(inverse, r, order, ctx) == NULL ||
	    BN_mod_mul(u, s, inverse, order, ctx) != 1 ||
	    BN_mod_mul(v, d, inverse, order, ctx) != 1 ||
	    BN_mod_sub(v, order, v, order, ctx) != 1 ||
	    EC_POINT_mul(group, q, v, R, u, ctx) != 1 ||
	    EC_POINT_is_at_infinity(group, q) == 1)
		goto out;
	ok = EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, out,
	    SPKI_POINT_LEN, ctx) == SPKI_POINT_LEN;
out:
	BN_free(v);
	BN_free(u);
	BN_free(inverse);
	EC_POINT_free(q);
	EC_POINT_free(R);
	return ok;
}

enum ac_err
sig_p256_recover(struct spki *out, const struct digest *d, struct span der,
    const struct digest *fingerprint)
{
	const unsigned char *p = der.p;
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	ECDSA_SIG *sig = NULL;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *digest = BN_bin2bn(d->b, sizeof(d->b), NULL);
	enum ac_err e = AC_ERR_CRYPTO;
	const BIGNUM *order, *r, *s;

	if (group == NULL || ctx == NULL || digest == NULL)
		goto out;
	e = AC_ERR_NOT_FOUND;
	order = EC_GROUP_get0_order(group);
	sig = der.len > P256_SIG_MAX ? NULL :
	    d2i_ECDSA_SIG(NULL, &p, (long)der.len);
	if (sig == NULL)
		goto out;
	r = ECDSA_SIG_get0_r(sig);
	s = ECDSA_SIG_get0_s(sig);
	if (BN_is_zero(r) || BN_is_negative(r) || BN_cmp(r, order) >= 0 ||
	    BN_is_zero(s) || BN_is_negative(s) || BN_cmp(s, order) >= 0)
		goto out;
	for (int parity = 0; parity < 2 && e != AC_OK; parity++) {
		uint8_t point[SPKI_POINT_LEN];
		struct digest found;
		struct spki key;

		if (!recover_point(point, group, order, r, s, digest, parity,
		    ctx))
			continue;
		spki_from_point(&key, point);
		found = spki_digest(&key);
		if (digest_equal(&found, fingerprint)) {
			*out = key;
			e = AC_OK;
		}
	}
out:
	BN_free(digest);
	BN_CTX_free(ctx);
	ECDSA_SIG_free(sig);
	EC_GROUP_free(group);
	return e;
}

int
sig_ecdsa_der(unsigned char **out, BIGNUM *r, BIGNUM *s)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int len = 0;

	if (sig != NULL && r != NULL && s != NULL &&
	    ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL; /* transferred */
		len = i2d_ECDSA_SIG(sig, out);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return len > 0 ? len : 0;
}

enum ac_err
sig_ed25519(const uint8_t pub[32], struct span text, const uint8_t sig[64])
{
	return crypto_sign_ed25519_verify_detached(sig, text.p, text.len,
	    pub) == 0 ? AC_OK : AC_ERR_MISMATCH;
}

/* One line of a known key: 0x01 over the text, 0x04 over time and text. */
static enum ac_err
check_line(int64_t *time_s, const struct note *note,
    const struct note_signature *s, const struct note_key *key)
{
	uint8_t b[NOTE_COSIGNATURE_BLOB - 4];
	struct buf message = { 0 };
	struct writer w;
	uint64_t t = 0;
	enum ac_err e;

	if (key->type == NOTE_ED25519) {
		if (!note_signature_bytes(b, NOTE_ED25519_BLOB - 4, s))
			return AC_ERR_MISMATCH;
		*time_s = 0;
		return sig_ed25519(key->pub, note->text, b);
	}
	if (!note_signature_bytes(b, sizeof(b), s))
		return AC_ERR_MISMATCH;
	for (size_t i = 0; i < 8; i++)
		t = t << 8 | b[i];
	/* Zero says nothing about a time (tlog-cosignature). */
	if (t == 0 || t > INT64_MAX)
		return AC_ERR_MISMATCH;
	wr_init(&w, NOTE_MAX + 64);
	checkpoint_cosigned(&w, t, note->text);
	e = wr_end(&w, &message);
	if (e != AC_OK)
		return e;
	e = sig_ed25519(key->pub, buf_span(&message), b + 8);
	buf_free(&message);
	if (e == AC_OK)
		*time_s = (int64_t)t;
	return e;
}

enum ac_err
sig_note(int64_t *time_s, const struct note *note, const struct note_key *key)
{
	int64_t first = 0, t;
	bool found = false;
	enum ac_err e;

	for (size_t i = 0; i < note->nsignatures; i++) {
		if (!note_signature_is_by(&note->signature[i], key))
			continue;
		e = check_line(&t, note, &note->signature[i], key);
		if (e != AC_OK)
			return e;
		if (!found || t < first)
			first = t;
		found = true;
	}
	if (!found)
		return AC_ERR_NOT_FOUND;
	*time_s = first;
	return AC_OK;
}
