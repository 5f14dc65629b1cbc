/* The one key form and its two hints. */
#include "cert/spki.h"
#include "common/text.h"
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

static void
round_trip(void **state)
{
	struct spki key = sample_key(), again;
	char pem[SPKI_PEM_LEN + 1];

	(void)state;
	assert_int_equal(spki_point(&key)[0], 4);
	assert_true(spki_parse(&again, span_of(key.b, SPKI_LEN)));
	assert_memory_equal(again.b, key.b, SPKI_LEN);
	spki_pem(pem, &key);
	assert_int_equal(strlen(pem), SPKI_PEM_LEN);
	memset(&again, 0, sizeof(again));
	assert_true(spki_from_pem(&again, span_str(pem)));
	assert_memory_equal(again.b, key.b, SPKI_LEN);
}

static enum ac_err
parse_pem(struct span pem)
{
	struct spki key;

	return spki_from_pem(&key, pem) ? AC_OK : AC_ERR_FORMAT;
}

static void
pem_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "private key", "BEGIN PUBLIC", "BEGIN PRIVATE", 0 },
		{ "EC label", "BEGIN PUBLIC", "BEGIN EC PUBLIC", 0 },
		{ "text before", "-----BEGIN", "key:\n-----BEGIN", 0 },
		{ "text after", NULL, "x", 0 },
		{ "empty line after", NULL, "\n", 0 },
		{ "two keys", NULL, "-----BEGIN PUBLIC KEY-----\n", 0 },
		{ "no line feed at the end", "END PUBLIC KEY-----\n",
		    "END PUBLIC KEY-----", 0 },
		{ "carriage return", "KEY-----\n", "KEY-----\r\n", 0 },
		{ "other end", "END PUBLIC", "END PRIVATE", 0 },
		{ "compressed point", "DQgAE", "DQgAC", 0 },
		{ "another curve", "AQcD", "AQgD", 0 },
		{ "a character too few", "MFkw", "MFk", 0 },
		{ "a group too many", "MFkw", "MFkwMFkw", 0 },
		{ "a space within", "MFkw", "MF kw", 0 },
		{ "padding within", "MFkw", "MFk=", 0 },
		{ "not canonical padding", "Wg==", "Wh==", 0 },
	};
	struct spki key = sample_key();
	char pem[SPKI_PEM_LEN + 1];

	(void)state;
	spki_pem(pem, &key);
	wrong_check(span_str(pem), wrong, COUNT(wrong), parse_pem);
	wrong_check_truncated(span_str(pem), parse_pem);
}

static void
der_refused(void **state)
{
	struct spki key = sample_key(), out;
	uint8_t der[SPKI_LEN + 1] = { 0 };

	(void)state;
	memcpy(der, key.b, SPKI_LEN);
	assert_false(spki_parse(&out, span_of(der, SPKI_LEN - 1)));
	assert_false(spki_parse(&out, span_of(der, SPKI_LEN + 1)));
	assert_false(spki_parse(&out, span_of(NULL, 0)));
	/* Every bit before X counts. */
	for (size_t i = 0; i <= SPKI_LEN - SPKI_POINT_LEN; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			der[i] ^= (uint8_t)(1U << bit);
			assert_false(spki_parse(&out, span_of(der, SPKI_LEN)));
			der[i] ^= (uint8_t)(1U << bit);
		}
	assert_true(spki_parse(&out, span_of(der, SPKI_LEN)));
}

static void
hints(void **state)
{
	struct spki key = sample_key();
	char hint[SPKI_HINT_MAX], oms[SPKI_HINT_MAX];
	struct digest d, named = spki_digest(&key);
	uint8_t b[32];

	(void)state;
	spki_hint(hint, &key);
	spki_hint_oms(oms, &key);
	assert_true(text_unbase64_exact(d.b, sizeof(d.b), span_str(hint)));
	assert_true(digest_equal(&d, &named));
	assert_true(text_unhex(b, sizeof(b), span_str(oms)));
	assert_memory_not_equal(b, named.b, sizeof(b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(pem_refused),
		cmocka_unit_test(der_refused),
		cmocka_unit_test(hints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
