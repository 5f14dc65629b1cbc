/* Checkpoints by C2SP tlog-checkpoint, and origins of our logs. */
#include "cert/checkpoint.h"
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

#define ROOT "mZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZk="
#define TEXT "log.example.org\n5\n" ROOT "\n"

static enum ac_err
parse(struct span text)
{
	struct checkpoint c;

	return checkpoint_parse(&c, text);
}

static void
round_trip(void **state)
{
	struct checkpoint c = { span_str("log.example.org"), 5,
		sample_digest(0x99) }, again;
	struct writer w;
	struct buf b;

	(void)state;
	wr_init(&w, 1000);
	checkpoint_write(&w, &c);
	assert_ok(wr_end(&w, &b));
	assert_true(span_is(buf_span(&b), TEXT));
	assert_ok(checkpoint_parse(&again, buf_span(&b)));
	assert_true(span_equal(again.origin, c.origin));
	assert_true(again.size == 5);
	assert_true(digest_equal(&again.root, &c.root));
	buf_free(&b);
	checkpoint_cosigned(&w, 17, span_str(TEXT));
	assert_ok(wr_end(&w, &b));
	assert_true(span_is(buf_span(&b), "cosignature/v1\ntime 17\n" TEXT));
	buf_free(&b);
}

static void
accepted(void **state)
{
	static const char *const right[] = {
		"o\n0\n" ROOT "\n",
		"o\n9223372036854775807\n" ROOT "\n",
		"an origin with spaces - 1\n5\n" ROOT "\n",
		TEXT "an extension\n",
		TEXT "one\ntwo\n \n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++)
		if (parse(span_str(right[i])) != AC_OK)
			fail_msg("refused: %s", right[i]);
}

static void
refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "no origin", "log.example.org\n", "\n", 0 },
		{ "no origin line", "log.example.org\n", "", 0 },
		{ "no size", "5\n", "\n", 0 },
		{ "no size line", "5\n", "", 0 },
		{ "no root", ROOT, "", 0 },
		{ "no root line", ROOT "\n", "", 0 },
		{ "last line without line feed", ROOT "\n", ROOT, 0 },
		{ "leading zero", "5\n", "05\n", 0 },
		{ "zero twice", "5\n", "00\n", 0 },
		{ "plus", "5\n", "+5\n", 0 },
		{ "minus", "5\n", "-5\n", 0 },
		{ "hex", "5\n", "0x5\n", 0 },
		{ "a fraction", "5\n", "5.0\n", 0 },
		{ "space before the size", "5\n", " 5\n", 0 },
		{ "space after the size", "5\n", "5 \n", 0 },
		{ "carriage return", "5\n", "5\r\n", 0 },
		{ "2^63", "5\n", "9223372036854775808\n", 0 },
		{ "2^64", "5\n", "18446744073709551616\n", 0 },
		{ "root without padding", "mZk=", "mZk", 0 },
		{ "root with spare bits", "mZk=", "mZl=", 0 },
		{ "root of 31 bytes", "mZk=", "mQ==", 0 },
		{ "root of 33 bytes", "mZk=", "mZmZ", 0 },
		{ "root in hex", ROOT, "99999999999999999999999999999999"
		    "99999999999999999999999999999999", 0 },
		{ "space after the root", ROOT, ROOT " ", 0 },
		{ "empty extension line", NULL, "\n", 0 },
		{ "empty line between extensions", NULL, "a\n\nb\n", 0 },
		{ "extension without line feed", NULL, "a", 0 },
	};

	(void)state;
	wrong_check(span_str(TEXT), wrong, COUNT(wrong), parse);
	wrong_check_truncated(span_str(TEXT), parse);
}

static void
origins(void **state)
{
	static const char *const right[] = { "log.example.org", "localhost",
		"127.0.0.1", "a", "a-b.c", "xn--bcher-kva.example" };
	static const char *const wrong[] = { "", ".", "-", "a.", ".a", "a..b",
		"-a", "a-", "a-.b", "a.-b", "Log.example.org", "a_b", "a b",
		"https://a", "a/b", "a:80", "a+b", "a@b", "b\xc3\xbc", "a\n",
		"log.example.org/", "[::1]", "a - 12", "*" };
	char longest[254];

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++)
		if (!checkpoint_origin_is_host(span_str(right[i])))
			fail_msg("refused: %s", right[i]);
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (checkpoint_origin_is_host(span_str(wrong[i])))
			fail_msg("accepted: %s", wrong[i]);
	memset(longest, 'a', sizeof(longest));
	assert_true(checkpoint_origin_is_host(span_of(longest, 253)));
	assert_false(checkpoint_origin_is_host(span_of(longest, 254)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(origins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
