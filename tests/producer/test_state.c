/* trainer_state.json: the numbers that are taken, and what is no such file. */
#include <sys/mman.h>
#include <unistd.h>

#include "common/file.h"
#include "producer/fetch_state.h"
#include "tests/test.h"

static enum ac_err
read_bytes(struct buf *out, struct span text, struct message *why)
{
	int fd = memfd_create("state", MFD_CLOEXEC);
	struct writer w;
	enum ac_err e;

	assert_true(fd >= 0);
	assert_ok(file_write_all(fd, text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	wr_init(&w, FETCH_STATE_ANSWER_MAX);
	e = fetch_state(&w, fd, why);
	(void)close(fd);
	if (e != AC_OK)
		wr_free(&w);
	else
		e = wr_end(&w, out);
	return e;
}

static void
says(const char *name, const char *text, const char *expected)
{
	struct message why = { "" };
	struct buf b = { 0 };
	enum ac_err e = read_bytes(&b, span_str(text), &why);

	if (e != AC_OK || !span_is(buf_span(&b), expected))
		fail_msg("%s: %s, \"%.*s\"", name, why.text, (int)b.len,
		    (const char *)b.p);
	buf_free(&b);
}

static void
right(void **state)
{
	(void)state;
	/* As the Trainer writes it. */
	says("a whole file", "{\n  \"best_metric\": null,\n  \"epoch\": 1.0,\n"
	    "  \"global_step\": 500,\n  \"log_history\": [\n    {\n"
	    "      \"loss\": NaN,\n      \"total_flos\": 1.0,\n"
	    "      \"text\": \"a \\\"quoted\\\" ] } word\"\n    }\n  ],\n"
	    "  \"num_input_tokens_seen\": 262144,\n"
	    "  \"total_flos\": 1.187512320e+18,\n"
	    "  \"trial_params\": {\"global_step\": 3}\n}\n",
	    "flops 1187512320000000000\ntokens 262144\nsteps 500\n");
	says("an empty object", "{}", "");
	says("blanks around it", " \n{ } \n", "");
	says("none of them", "{\"a\": [1, 2, {\"total_flos\": 1}]}", "");
}

static void
numbers(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{ "1", "1" }, { "1.0", "1" }, { "0.5", "0.5" },
		{ "123.4560", "123.456" }, { "1e3", "1000" },
		{ "1E+3", "1000" }, { "1.5e1", "15" }, { "15e-1", "1.5" },
		{ "5e-3", "0.005" }, { "100", "100" }, { "1000e-3", "1" },
		{ "0.0000000019", "0.000000001" }, { "12e38",
		    "1200000000000000000000000000000000000000" },
		{ "1.0000000001", "1.000000000" },
		{ "123456789012345678901234567890.123456789",
		    "123456789012345678901234567890" },
		{ "9e39", "9000000000000000000000000000000000000000" },
		/* None that a figure could say. */
		{ "0", NULL }, { "0.0", NULL }, { "-1", NULL },
		{ "1e40", NULL }, { "1e-10", NULL }, { "1e999", NULL },
		{ "NaN", NULL }, { "Infinity", NULL }, { "null", NULL },
		{ "true", NULL }, { "\"5\"", NULL }, { "[5]", NULL },
		{ "{\"a\": 5}", NULL }, { "0x10", NULL }, { "1.", NULL },
		{ ".5", NULL }, { "1e", NULL }, { "1 2", NULL }, { "1:2", NULL }, { "1\n", "1" },
		{ "+1", NULL }, { "", NULL },
		{ "1111111111222222222233333333334444444444555555555566666"
		    "666667777", NULL },
	};
	char text[256], expected[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"total_flos\": %s}",
		    cases[i].text);
		(void)snprintf(expected, sizeof(expected), "flops %s\n",
		    cases[i].value == NULL ? "" : cases[i].value);
		says(cases[i].text, text, cases[i].value == NULL ? "" :
		    expected);
	}
}

static void
wrong(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "nothing", "" }, { "blanks", " \n" }, { "a list", "[1]" },
		{ "a number", "1" }, { "a word", "x" },
		{ "cut off in a key", "{\"total_f" },
		{ "cut off in a value", "{\"total_flos\": 1" },
		{ "cut off in a list", "{\"a\": [1" },
		{ "cut off in an escape", "{\"a\": \"\\" },
		{ "more after it", "{} {}" }, { "a byte after it", "{}x" },
		{ "a key twice", "{\"total_flos\": 1, \"total_flos\": 2}" },
		{ "steps twice", "{\"global_step\": 1, \"a\": {}, "
		    "\"global_step\": 1}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message why = { "" };
		struct buf b = { 0 };

		if (read_bytes(&b, span_str(cases[i].text), &why) !=
		    AC_ERR_FORMAT || why.text[0] == '\0')
			fail_msg("%s is taken", cases[i].name);
	}
}

/* Deeper than any reader goes: nothing here calls itself. */
static void
deep(void **state)
{
	const size_t n = 1000000;
	char *text = malloc(2 * n + 32);
	struct message why = { "" };
	struct buf b = { 0 };
	const size_t len = sizeof("{\"a\":") - 1;

	(void)state;
	assert_non_null(text);
	memcpy(text, "{\"a\":", len);
	memset(text + len, '[', n);
	memset(text + len + n, ']', n);
	text[len + 2 * n] = '}';
	assert_ok(read_bytes(&b, span_of(text, len + 2 * n + 1), &why));
	assert_int_equal(b.len, 0);
	buf_free(&b);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right),
		cmocka_unit_test(numbers),
		cmocka_unit_test(wrong),
		cmocka_unit_test(deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
