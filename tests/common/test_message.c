/* Sentences: nothing from outside unescaped, never beyond the buffer. */
#include "common/message.h"
#include "tests/test.h"

static void
sentence(void **state)
{
	struct message m;
	struct digest d;

	(void)state;
	memset(d.b, 0xab, sizeof(d.b));
	message_set(&m, "line %d: ", 2);
	message_add_quoted(&m, span_str("a b"));
	message_add(&m, " has %s ", "digest");
	message_add_digest(&m, &d);
	assert_string_equal(m.text, "line 2: \"a b\" has digest "
	    "abababababababababababababababab"
	    "abababababababababababababababab");
	message_set(&m, "anew");
	assert_string_equal(m.text, "anew");
	assert_string_equal(message_time(0).text, "1970-01-01T00:00:00Z");
	assert_string_equal(message_time(-1).text, "(no time)");
}

static void
escaped(void **state)
{
	static const char text[] =
	    "\x1b[31m\r\n\t\"\\%s\x7f\xc2\x9b\xe2\x80\xae\0z";
	struct message m;

	(void)state;
	message_set(&m, "%s", "");
	message_add_quoted(&m, span_of(text, sizeof(text) - 1));
	assert_string_equal(m.text, "\"\\x1b[31m\\x0d\\x0a\\x09\\x22\\x5c%s"
	    "\\x7f\\xc2\\x9b\\xe2\\x80\\xae\\x00z\"");
}

static void
quoted_is_cut_off(void **state)
{
	struct message m;
	char text[201], want[210];

	(void)state;
	memset(text, 'x', sizeof(text));
	message_set(&m, "%s", "");
	message_add_quoted(&m, span_of(text, 200));
	(void)snprintf(want, sizeof(want), "\"%.200s\"", text);
	assert_string_equal(m.text, want);
	message_set(&m, "%s", "");
	message_add_quoted(&m, span_of(text, 201));
	(void)snprintf(want, sizeof(want), "\"%.200s...\"", text);
	assert_string_equal(m.text, want);
}

static void
never_beyond_the_end(void **state)
{
	struct {
		struct message m;
		uint8_t after[16];
	} s;
	uint8_t text[200];
	struct digest d = { { 0 } };

	(void)state;
	memset(s.after, 0x5a, sizeof(s.after));
	memset(text, 0xff, sizeof(text));
	message_set(&s.m, "%s", "");
	for (size_t i = 0; i < 5; i++) {
		message_add_quoted(&s.m, span_of(text, sizeof(text)));
		message_add_digest(&s.m, &d);
		message_add(&s.m, "%d", 1);
	}
	assert_int_equal(strlen(s.m.text), MESSAGE_MAX - 1);
	for (size_t i = 0; i < sizeof(s.after); i++)
		assert_int_equal(s.after[i], 0x5a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentence),
		cmocka_unit_test(escaped),
		cmocka_unit_test(quoted_is_cut_off),
		cmocka_unit_test(never_beyond_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
