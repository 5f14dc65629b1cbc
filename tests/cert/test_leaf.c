/* The hashedrekord body: every member in its place. */
#include "cert/json.h"
#include "cert/leaf.h"
#include "tests/cert/sample.h"
#include "tests/test.h"

static void
body(void **state)
{
	struct digest d = sample_digest(0), got;
	struct spki key = sample_key();
	struct json_doc doc = { 0 };
	struct buf out = { 0 }, sig = { 0 }, raw = { 0 };
	struct json j;

	(void)state;
	assert_ok(leaf_encode(&out, &d, span_str("sig"), &key));
	assert_ok(json_parse(&doc, buf_span(&out)));
	j = json_root(&doc);
	assert_true(json_closed(j, "apiVersion kind spec"));
	assert_true(json_is(json_get(j, "apiVersion"), "0.0.2"));
	assert_true(json_is(json_get(j, "kind"), "hashedrekord"));
	j = json_get(json_get(j, "spec"), "hashedRekordV002");
	assert_true(json_closed(j, "data signature"));
	assert_true(json_is(json_get(json_get(j, "data"), "algorithm"),
	    "SHA2_256"));
	assert_true(json_digest64(json_get(json_get(j, "data"), "digest"),
	    &got));
	assert_true(digest_equal(&got, &d));
	j = json_get(j, "signature");
	assert_ok(json_base64(&sig, json_get(j, "content"), P256_SIG_MAX));
	assert_true(span_is(buf_span(&sig), "sig"));
	j = json_get(j, "verifier");
	assert_true(json_is(json_get(j, "keyDetails"),
	    "PKIX_ECDSA_P256_SHA_256"));
	assert_ok(json_base64(&raw, json_get(json_get(j, "publicKey"),
	    "rawBytes"), SPKI_LEN));
	assert_true(span_equal(buf_span(&raw), span_of(key.b, SPKI_LEN)));
	buf_free(&raw);
	buf_free(&sig);
	buf_free(&out);
	json_free(&doc);
}

/* Any other D, signature or key is another leaf. */
static void
distinct(void **state)
{
	struct digest d = sample_digest(0), e = sample_digest(1);
	struct spki key = sample_key(), other = key;
	struct buf leaf[4] = { { 0 } };

	(void)state;
	other.b[SPKI_LEN - 1] ^= 1;
	assert_ok(leaf_encode(&leaf[0], &d, span_str("sig"), &key));
	assert_ok(leaf_encode(&leaf[1], &e, span_str("sig"), &key));
	assert_ok(leaf_encode(&leaf[2], &d, span_str("sih"), &key));
	assert_ok(leaf_encode(&leaf[3], &d, span_str("sig"), &other));
	for (size_t i = 1; i < 4; i++) {
		assert_false(span_equal(buf_span(&leaf[0]),
		    buf_span(&leaf[i])));
		buf_free(&leaf[i]);
	}
	buf_free(&leaf[0]);
}

/* What was encoded is decoded; no other bytes are. */
static void
decode(void **state)
{
	struct digest d = sample_digest(0);
	struct spki key = sample_key();
	struct buf out = { 0 };
	struct leaf l;

	(void)state;
	assert_ok(leaf_encode(&out, &d, span_str("signature"), &key));
	assert_ok(leaf_decode(&l, buf_span(&out)));
	assert_true(digest_equal(&l.d, &d));
	assert_true(span_is(span_of(l.sig, l.siglen), "signature"));
	assert_memory_equal(l.key.b, key.b, SPKI_LEN);
	for (size_t n = 0; n < out.len; n++)
		assert_int_equal(leaf_decode(&l, span_of(out.p, n)),
		    AC_ERR_FORMAT);
	/* A change is refused, or is another leaf of exactly those bytes. */
	for (size_t i = 0; i < 8 * out.len; i++) {
		out.p[i / 8] ^= (uint8_t)(1u << i % 8);
		if (leaf_decode(&l, buf_span(&out)) == AC_OK) {
			struct buf again = { 0 };

			assert_ok(leaf_encode(&again, &l.d,
			    span_of(l.sig, l.siglen), &l.key));
			assert_true(span_equal(buf_span(&again),
			    buf_span(&out)));
			buf_free(&again);
		}
		out.p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	buf_free(&out);
}

/* Values of the wrong length, each in a leaf that is else as it should be. */
static void
decode_lengths(void **state)
{
	uint8_t long_sig[P256_SIG_MAX + 1] = { 0 };
	struct digest d = sample_digest(0);
	struct spki key = sample_key();
	struct buf out = { 0 };
	struct leaf l;

	(void)state;
	assert_ok(leaf_encode(&out, &d, span_of(long_sig, P256_SIG_MAX),
	    &key));
	assert_ok(leaf_decode(&l, buf_span(&out)));
	buf_free(&out);
	assert_ok(leaf_encode(&out, &d, span_of(long_sig, sizeof(long_sig)),
	    &key));
	assert_int_equal(leaf_decode(&l, buf_span(&out)), AC_ERR_FORMAT);
	buf_free(&out);
	assert_ok(leaf_encode(&out, &d, span_of(NULL, 0), &key));
	assert_int_equal(leaf_decode(&l, buf_span(&out)), AC_ERR_FORMAT);
	buf_free(&out);
	key.b[0] ^= 1;
	assert_ok(leaf_encode(&out, &d, span_str("sig"), &key));
	assert_int_equal(leaf_decode(&l, buf_span(&out)), AC_ERR_FORMAT);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body),
		cmocka_unit_test(distinct),
		cmocka_unit_test(decode),
		cmocka_unit_test(decode_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
