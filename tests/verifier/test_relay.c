/*
 * What a confined child says is not believed: lengths, kinds, and bytes that
 * are no plain text.
 */
#include <unistd.h>

#include "tests/test.h"
#include "verifier/relay.h"

/* What relay_next() makes of these bytes, all that is ever said. */
static enum ac_err
hear(struct span said, enum relay_kind *kind, struct buf *text)
{
	int ends[2];
	enum ac_err e;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], said.p, said.len), (ssize_t)said.len);
	(void)close(ends[1]);
	e = relay_next(kind, text, ends[0]);
	(void)close(ends[0]);
	return e;
}

static void
right(void **state)
{
	static const char kinds[] = "poend";
	enum relay_kind kind;
	struct buf text;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		uint8_t said[] = { (uint8_t)kinds[i], 0, 0, 0, 3, 'a', 'b',
			'c' };

		assert_ok(hear(span_of(said, sizeof(said)), &kind, &text));
		assert_int_equal(kind, kinds[i]);
		assert_true(span_is(buf_span(&text), "abc"));
		buf_free(&text);
	}
	assert_ok(hear(span_of("o\0\0\0\0", 5), &kind, &text));
	assert_int_equal(text.len, 0);
	buf_free(&text);
}

static void
wrong(void **state)
{
	static const struct {
		const char *what, *said;
		size_t len;
		enum ac_err want;
	} rows[] = {
		{ "nothing", "", 0, AC_ERR_NOT_FOUND },
		{ "another kind", "x\0\0\0\0", 5, AC_ERR_FORMAT },
		{ "kind 0", "\0\0\0\0\0", 5, AC_ERR_FORMAT },
		{ "a kind alone", "o", 1, AC_ERR_FORMAT },
		{ "a length cut off", "o\0\0\0", 4, AC_ERR_FORMAT },
		{ "a text cut off", "o\0\0\0\3ab", 7, AC_ERR_FORMAT },
		{ "no text", "o\0\0\0\3", 5, AC_ERR_FORMAT },
		{ "4 GiB", "o\xff\xff\xff\xff", 5, AC_ERR_FORMAT },
		{ "one over the cap", "o\0\x40\0\1", 5, AC_ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum relay_kind kind;
		struct buf text;

		if (hear(span_of(rows[i].said, rows[i].len), &kind, &text) !=
		    rows[i].want)
			fail_msg("%s", rows[i].what);
	}
}

static void
plain(void **state)
{
	static const struct {
		const char *text;
		bool plain, json, colour; /* in which of the three it passes */
	} rows[] = {
		{ "VERIFIED\n  step 1\n", true, true, true },
		{ "", true, true, true },
		{ "a\tb", false, false, false },
		{ "a\rb", false, false, false },
		{ "\a", false, false, false },
		{ "\x1b[31mred\x1b[0m", false, false, true },
		{ "\x1b[1;32m", false, false, true },
		{ "\x1b[2J", false, false, false },
		{ "\x1b[31", false, false, false },
		{ "\x1b", false, false, false },
		{ "\x1b]0;title\a", false, false, false },
		{ "\x1b[1;1;1;1;1;1;1;1;1m", false, false, false },
		{ "\x7f", false, true, false },
		{ "\xc3\xa9", false, true, false },
		{ "\xc2\x9b", false, true, false },
		{ "\xff", false, false, false },
		{ "\xc3", false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span s = span_str(rows[i].text);

		if (relay_is_plain(s, false, false) != rows[i].plain ||
		    relay_is_plain(s, true, false) != rows[i].json ||
		    relay_is_plain(s, false, true) != rows[i].colour)
			fail_msg("text %zu", i);
	}
	assert_false(relay_is_plain(span_of("a\0b", 3), true, true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(right),
		cmocka_unit_test(wrong), cmocka_unit_test(plain) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
