/* Bundles by the builder's key, read back by the verifier. */
#include <unistd.h>

#include "cert/dsse.h"
#include "cert/oms.h"
#include "common/sha256.h"
#include "producer/sign.h"
#include "tests/test.h"
#include "verifier/certificate.h"
#include "verifier/sig.h"

static char dir[] = "/tmp/aicert-test-XXXXXX";
static struct key *k;

static int
setup(void **state)
{
	struct message why;
	struct spki spki;

	(void)state;
	return mkdtemp(dir) == NULL || chdir(dir) != 0 ||
	    key_create(&spki, "k", &why) != AC_OK ||
	    key_load(&k, "k", &why) != AC_OK;
}

static int
teardown(void **state)
{
	(void)state;
	key_free(k);
	return unlink("k") != 0 || unlink("k.pub") != 0 || chdir("/") != 0 ||
	    rmdir(dir) != 0;
}

/* The statement of one file; owned by the caller. */
static struct buf
statement(void)
{
	struct oms_file file = { span_str("model.bin"),
		sha256_of(span_str("x")), 1 };
	struct buf out;

	assert_ok(oms_encode(&out, &file, 1, oms_ignore, OMS_NIGNORE));
	return out;
}

static void
line(void **state)
{
	struct certificate_line l = { .raw = { 0 } };
	struct buf s = statement(), text;
	char hint[SPKI_HINT_MAX];
	struct message why;
	struct spki found;

	(void)state;
	spki_hint(hint, key_spki(k));
	assert_ok(sign_line(&text, buf_span(&s), k));
	/* One LF, at the end. */
	assert_ptr_equal(memchr(text.p, '\n', text.len),
	    text.p + text.len - 1);
	assert_ok(bundle_decode(&l.bundle, span_of(text.p, text.len - 1),
	    STATEMENT_MAX));
	assert_true(span_equal(buf_span(&l.bundle.statement), buf_span(&s)));
	assert_string_equal(l.bundle.hint, hint);
	assert_string_equal(l.bundle.keyid, "");
	assert_false(l.bundle.logged);
	l.d = dsse_digest(buf_span(&s));
	assert_ok(certificate_check_line(&found, &l, &why));
	assert_memory_equal(found.b, key_spki(k)->b, SPKI_LEN);

	/* About this statement, not another one. */
	l.d.b[31] ^= 1;
	assert_int_equal(certificate_check_line(&found, &l, &why),
	    AC_ERR_MISMATCH);
	bundle_free(&l.bundle);
	buf_free(&text);
	buf_free(&s);
}

static void
model(void **state)
{
	struct bundle b = { .logged = false };
	struct buf s = statement(), text;
	struct digest d = dsse_digest(buf_span(&s));
	struct sig_key *pub;
	char hint[SPKI_HINT_MAX];

	(void)state;
	spki_hint_oms(hint, key_spki(k));
	assert_ok(sign_model(&text, buf_span(&s), k));
	assert_null(memchr(text.p, '\n', text.len));
	assert_ok(bundle_decode(&b, buf_span(&text), OMS_STATEMENT_MAX));
	assert_true(span_equal(buf_span(&b.statement), buf_span(&s)));
	assert_string_equal(b.hint, hint);
	assert_string_equal(b.keyid, "");
	assert_false(b.logged);
	assert_ok(sig_key_new(&pub, key_spki(k)));
	assert_ok(sig_p256(pub, &d, span_of(b.sig, b.siglen)));
	sig_key_free(pub);
	bundle_free(&b);
	buf_free(&text);
	buf_free(&s);
}

/* Exactly at the cap, and one byte more. */
static void
limits(void **state)
{
	uint8_t *big = calloc(1, OMS_STATEMENT_MAX + 1);
	struct buf text;

	(void)state;
	assert_non_null(big);
	memset(big, ' ', OMS_STATEMENT_MAX + 1);
	assert_ok(sign_line(&text, span_of(big, STATEMENT_MAX), k));
	buf_free(&text);
	assert_int_equal(sign_line(&text, span_of(big, STATEMENT_MAX + 1), k),
	    AC_ERR_LIMIT);
	assert_ok(sign_model(&text, span_of(big, OMS_STATEMENT_MAX), k));
	assert_true(text.len <= MODEL_SIG_MAX);
	buf_free(&text);
	assert_int_equal(sign_model(&text, span_of(big, OMS_STATEMENT_MAX + 1),
	    k), AC_ERR_LIMIT);
	free(big);
}

/* Many signatures: every length that ECDSA has fits, and each holds. */
static void
signatures(void **state)
{
	struct sig_key *pub;
	uint8_t sig[P256_SIG_MAX];
	size_t len;

	(void)state;
	assert_ok(sig_key_new(&pub, key_spki(k)));
	for (unsigned i = 0; i < 300; i++) {
		struct digest d = sha256_of(span_of(&i, sizeof(i)));

		assert_ok(key_sign(k, &d, sig, &len));
		assert_true(len <= sizeof(sig));
		assert_ok(sig_p256(pub, &d, span_of(sig, len)));
		d.b[0] ^= 1;
		assert_int_equal(sig_p256(pub, &d, span_of(sig, len)),
		    AC_ERR_MISMATCH);
	}
	sig_key_free(pub);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line),
		cmocka_unit_test(model),
		cmocka_unit_test(limits),
		cmocka_unit_test(signatures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
