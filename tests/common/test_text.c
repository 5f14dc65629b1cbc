/* Strict codecs: one right encoding, the wrong ones named by what is wrong. */
#include "common/text.h"
#include "tests/test.h"

static void
hex_round_trip(void **state)
{
	static const uint8_t in[] = { 0x00, 0x9f, 0xab, 0xff };
	char text[8];
	uint8_t out[4];

	(void)state;
	text_hex(text, span_of(in, sizeof(in)));
	assert_memory_equal(text, "009fabff", 8);
	assert_true(text_unhex(out, 4, span_of(text, 8)));
	assert_memory_equal(out, in, 4);
}

static void
hex_refused(void **state)
{
	static const char *const bad[] = { "", "0", "009fabf", "009fabff0",
		"009FABFF", "009fabfg", " 09fabff", "0x9fabff", "009fab-f",
		"009fabff00" };
	uint8_t out[4];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_unhex(out, 4, span_str(bad[i])));
}

static void
base64_vectors(void **state)
{
	/* RFC 4648 section 10. */
	static const char *const v[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
	char text[16];
	uint8_t out[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		text_base64(text, span_str(v[i][0]));
		assert_int_equal(text_base64_len(strlen(v[i][0])),
		    strlen(v[i][1]));
		assert_memory_equal(text, v[i][1], strlen(v[i][1]));
		assert_true(text_unbase64(out, &len, span_str(v[i][1])));
		assert_int_equal(len, strlen(v[i][0]));
		assert_memory_equal(out, v[i][0], len);
	}
}

static void
base64_refused(void **state)
{
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zg===", "Zh==",
		"Zm9=", "Zm8", "Zm 9", "Zm9v\n", "Zm9-", "Zm9_", "=m9v",
		"Zg==Zg==", "====", "Z===", "Zm=v" };
	uint8_t out[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_unbase64(out, &len, span_str(bad[i])));
	assert_false(text_unbase64_exact(out, 2, span_str("Zm9v")));
	assert_false(text_unbase64_exact(out, 3, span_str("Zm8=")));
	assert_true(text_unbase64_exact(out, 3, span_str("Zm9v")));
}

static void
decimal(void **state)
{
	static const char *const bad[] = { "", "01", "00", "-1", "+1", " 1",
		"1 ", "1a", "18446744073709551616", "99999999999999999999",
		"100000000000000000000", "0x1" };
	uint64_t v;

	(void)state;
	assert_true(text_undec(&v, span_str("0"), 10));
	assert_true(text_undec(&v, span_str("18446744073709551615"),
	    UINT64_MAX));
	assert_true(v == UINT64_MAX);
	assert_false(text_undec(&v, span_str("11"), 10));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_undec(&v, span_str(bad[i]), UINT64_MAX));
}

static void
utf8(void **state)
{
	static const char *const good[] = { "", "a", "\xc3\xa9", "\xe2\x80\x94",
		"\xf0\x9f\x98\x80", "\xee\x80\x80", "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80", "\xc3", "\xc0\xaf",
		"\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xe2\x80",
		"\xc3(" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(text_is_utf8(span_str(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_utf8(span_str(bad[i])));
}

static void
plain(void **state)
{
	static const char *const good[] = { "", "a b", "\xc3\xa9", "\xc2\xa0",
		"\xe2\x82\x80" };
	static const char *const bad[] = { "a\nb", "\t", "\x1b[31m", "\x7f",
		"\xc2\x80", "a\xc2\x9f", "\xff", "\xc2" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(text_is_plain(span_str(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_plain(span_str(bad[i])));
	assert_false(text_is_plain(span_of("a\0b", 3)));
}

static void
nearest(void **state)
{
	static const char *const names[] = { "seed", "env", "pin", "uri" };

	(void)state;
	assert_string_equal(text_nearest(names, 4, span_str("sede")), "seed");
	assert_string_equal(text_nearest(names, 4, span_str("pins")), "pin");
	assert_null(text_nearest(names, 4, span_str("command")));
	assert_null(text_nearest(names, 4, span_str("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_round_trip),
		cmocka_unit_test(hex_refused),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(base64_refused),
		cmocka_unit_test(decimal),
		cmocka_unit_test(utf8),
		cmocka_unit_test(plain),
		cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
