/* D and the digests that a TPM signs, spelt out byte by byte. */
#include "cert/dsse.h"
#include "common/sha256.h"
#include "tests/cert/sample.h"
#include "tests/test.h"

static void
assert_digest_of(struct digest got, struct span message)
{
	struct digest want = sha256_of(message);

	assert_memory_equal(got.b, want.b, sizeof(want.b));
}

static void
pae(void **state)
{
	(void)state;
	assert_digest_of(dsse_digest(span_str("hello world")),
	    span_str("DSSEv1 28 application/vnd.in-toto+json 11 hello world"));
	assert_digest_of(dsse_digest(span_of(NULL, 0)),
	    span_str("DSSEv1 28 application/vnd.in-toto+json 0 "));
	/* Bytes, not characters, and none is special. */
	assert_digest_of(dsse_digest(span_of("\xc3\xa9\0\n", 4)),
	    span_of("DSSEv1 28 application/vnd.in-toto+json 4 \xc3\xa9\0\n",
	    45));
}

static void
bindings(void **state)
{
	struct digest d = sample_digest('d'), config = sample_digest('c');
	struct digest note = sha256_of(span_str("note"));
	struct digest none = sha256_of(span_of(NULL, 0));
	uint8_t nonce[32], text[128];

	(void)state;
	memset(nonce, 'n', sizeof(nonce));
	memcpy(text, "AICERT-TPM-BIND-V1", 19);
	memcpy(text + 19, d.b, 32);
	assert_digest_of(dsse_bind_end(&d), span_of(text, 51));
	memcpy(text, "AICERT-START-V1", 16);
	memcpy(text + 16, config.b, 32);
	memcpy(text + 48, note.b, 32);
	assert_digest_of(dsse_bind_start(&config, span_str("note")),
	    span_of(text, 80));
	/* Without a checkpoint: the digest of nothing. */
	memcpy(text + 48, none.b, 32);
	assert_digest_of(dsse_bind_start(&config, span_of(NULL, 0)),
	    span_of(text, 80));
	memcpy(text, "AICERT-CHALLENGE-V1", 20);
	memcpy(text + 20, nonce, 32);
	assert_digest_of(dsse_bind_challenge(nonce), span_of(text, 52));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pae),
		cmocka_unit_test(bindings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
