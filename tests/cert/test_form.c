/* Forms: each kind of value, right, and wrong by one thing. */
#include "cert/form.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

#define HEX64 \
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static enum ac_err
check(const char *text, const char *form, size_t *others)
{
	struct json_doc doc = { 0 };
	enum ac_err e;

	assert_ok(json_parse(&doc, span_str(text)));
	e = form_check(json_root(&doc), form, others);
	json_free(&doc);
	return e;
}

struct row {
	const char *form, *text;
	enum ac_err want;
};

static void
check_rows(const struct row rows[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum ac_err e = check(rows[i].text, rows[i].form, NULL);

		if (e != rows[i].want)
			fail_msg("%s as %s: %s", rows[i].text, rows[i].form,
			    ac_strerror(e));
	}
}

static void
scalars(void **state)
{
	static const struct row rows[] = {
		{ "s", "\"\"", AC_OK },
		{ "s", "1", AC_ERR_FORMAT },
		{ "s", "null", AC_ERR_FORMAT },
		{ "w", "\"a\\nb\"", AC_OK },
		{ "T", "\"\"", AC_OK },
		{ "T", "\"a\\nb\"", AC_ERR_FORMAT },
		{ "T", "\"\xc2\x9b\"", AC_ERR_FORMAT },
		{ "N", "\"a\"", AC_OK },
		{ "N", "\"\"", AC_ERR_FORMAT },
		{ "x", "\"" HEX64 "\"", AC_OK },
		{ "x", "\"" HEX64 "0\"", AC_ERR_FORMAT },
		{ "x", "\"00\"", AC_ERR_FORMAT },
		{ "h", "\"0f\"", AC_OK },
		{ "h", "\"0F\"", AC_ERR_FORMAT },
		{ "h", "\"\"", AC_ERR_FORMAT },
		{ "y", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
		    AC_OK },
		{ "y", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\"",
		    AC_ERR_FORMAT },
		{ "y", "\"" HEX64 "\"", AC_ERR_FORMAT },
		{ "g", "\"0123456789abcdef0123456789abcdef01234567\"", AC_OK },
		{ "g", "\"" HEX64 "\"", AC_OK },
		{ "g", "\"0123456789abcdef0123456789abcdef0123456\"",
		    AC_ERR_FORMAT },
		{ "t", "\"2026-01-31T12:00:00Z\"", AC_OK },
		{ "t", "\"2026-01-32T12:00:00Z\"", AC_ERR_FORMAT },
		{ "n", "\"0\"", AC_OK },
		{ "n", "\"0.5\"", AC_OK },
		{ "n", "\"61.123456789\"", AC_OK },
		{ "n", "\"61.1234567890\"", AC_ERR_FORMAT },
		{ "n", "\"01\"", AC_ERR_FORMAT },
		{ "n", "\"1.\"", AC_ERR_FORMAT },
		{ "n", "\".1\"", AC_ERR_FORMAT },
		{ "n", "\"1.2.3\"", AC_ERR_FORMAT },
		{ "n", "\"\"", AC_ERR_FORMAT },
		{ "n", "1", AC_ERR_FORMAT },
		{ "d", "\"18\"", AC_OK },
		{ "d", "\"018\"", AC_ERR_FORMAT },
		{ "d", "18", AC_ERR_FORMAT },
		{ "i", "9007199254740991", AC_OK },
		{ "i", "-1", AC_ERR_FORMAT },
		{ "i", "0.5", AC_ERR_FORMAT },
		{ "i", "\"1\"", AC_ERR_FORMAT },
		{ "=12", "12", AC_OK },
		{ "=12", "11", AC_ERR_FORMAT },
		{ "=12", "13", AC_ERR_FORMAT },
		{ "f", "true", AC_OK },
		{ "f", "0", AC_ERR_FORMAT },
		{ "F", "false", AC_OK },
		{ "F", "true", AC_ERR_FORMAT },
		{ "F", "null", AC_ERR_FORMAT },
		{ "*", "null", AC_OK },
		{ "'a'", "\"a\"", AC_OK },
		{ "'a'", "\"ab\"", AC_ERR_FORMAT },
		{ "'a'", "\"\"", AC_ERR_FORMAT },
		{ "'a'|'bc'", "\"bc\"", AC_OK },
		{ "'a'|'bc'", "\"a\"", AC_OK },
		{ "'a'|'bc'", "\"a'|'bc\"", AC_ERR_FORMAT },
		{ "q", "\"a\"", AC_ERR_FORMAT },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void
lists(void **state)
{
	static const struct row rows[] = {
		{ "[i]", "[]", AC_OK },
		{ "[i]", "[1,2]", AC_OK },
		{ "[i]", "{\"a\":1}", AC_ERR_FORMAT },
		{ "[i]", "[1,\"2\"]", AC_ERR_FORMAT },
		{ "[i]", "[\"1\",2]", AC_ERR_FORMAT },
		{ "[i]", "1", AC_ERR_FORMAT },
		{ "[i 2]", "[1,2]", AC_OK },
		{ "[i 2]", "[1,2,3]", AC_ERR_LIMIT },
		{ "[i 2]", "[1,2,\"\"]", AC_ERR_FORMAT },
		{ "[i 1-2]", "[]", AC_ERR_FORMAT },
		{ "[i 1-2]", "[1]", AC_OK },
		{ "[i 1-2]", "[1,2,3]", AC_ERR_LIMIT },
		{ "[i 2-2]", "[1,2]", AC_OK },
		{ "[i 2-2]", "[1]", AC_ERR_FORMAT },
		{ "[i 2-2]", "[1,2,3]", AC_ERR_FORMAT },
		{ "<s>", "{}", AC_OK },
		{ "<s>", "{\"a\":\"\"}", AC_OK },
		{ "<s>", "{\"a\":1}", AC_ERR_FORMAT },
		{ "<s>", "[\"a\"]", AC_ERR_FORMAT },
		{ "<s 1>", "{\"a\":\"\",\"b\":\"\"}", AC_ERR_LIMIT },
		{ "[[i 1] 1]", "[[1]]", AC_OK },
		{ "[[i 1] 1]", "[[1,2]]", AC_ERR_LIMIT },
		{ "[{a i} 2]", "[{\"a\":1},{\"a\":2}]", AC_OK },
		{ "[{a i} 2]", "[{\"a\":1},{\"b\":2}]", AC_ERR_FORMAT },
		{ "[{a i} 2]", "[{\"a\":1},{}]", AC_ERR_FORMAT },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void
objects(void **state)
{
	static const struct row rows[] = {
		{ "{}", "{}", AC_OK },
		{ "{}", "[]", AC_ERR_FORMAT },
		{ "{}", "{\"a\":1}", AC_ERR_FORMAT },
		{ "{a i}", "{\"a\":1}", AC_OK },
		{ "{a i}", "{}", AC_ERR_FORMAT },
		{ "{a i}", "{\"A\":1}", AC_ERR_FORMAT },
		{ "{a i}", "{\"a\":1,\"b\":1}", AC_ERR_FORMAT },
		{ "{a i b i}", "{\"b\":1,\"a\":1}", AC_OK },
		{ "{a i b? i}", "{\"a\":1}", AC_OK },
		{ "{a i b? i}", "{\"a\":1,\"b\":\"\"}", AC_ERR_FORMAT },
		{ "{a i b? i}", "{\"b\":1}", AC_ERR_FORMAT },
		{ "{a? {b i} c i}", "{\"c\":1}", AC_OK },
		{ "{a? [{b i} 1-2] c i}", "{\"c\":1}", AC_OK },
		{ "{a? 'x'|'y' c i}", "{\"c\":1}", AC_OK },
		{ "{a? <i 3> c i}", "{\"a\":{},\"c\":1}", AC_OK },
		{ "{a {b i} c i}", "{\"a\":{},\"c\":1}", AC_ERR_FORMAT },
		{ "{a {b i} c i}", "{\"a\":{\"b\":1},\"c\":1}", AC_OK },
		{ "(a i b i)", "{\"a\":1,\"b\":1}", AC_OK },
		{ "(a i b i)", "{\"b\":1,\"a\":1}", AC_ERR_FORMAT },
		{ "(a i b? i c i)", "{\"a\":1,\"c\":1}", AC_OK },
		{ "(a i b? i c i)", "{\"a\":1,\"c\":1,\"b\":1}",
		    AC_ERR_FORMAT },
		{ "(a i)", "{\"a\":1,\"b\":1}", AC_ERR_FORMAT },
		{ "{a i ...}", "{\"b\":1,\"a\":1}", AC_OK },
		{ "{a i ...}", "{\"b\":1}", AC_ERR_FORMAT },
	};
	size_t others = 9;

	(void)state;
	check_rows(rows, COUNT(rows));
	assert_ok(check("{\"a\":{\"x\":1,\"y\":[]},\"z\":{\"q\":1}}",
	    "{a {x i ...} b? {...} ...}", &others));
	assert_int_equal(others, 2);
	assert_int_equal(form_check((struct json){ NULL }, "*", NULL),
	    AC_ERR_FORMAT);
	assert_int_equal(form_check((struct json){ NULL }, "{}", NULL),
	    AC_ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars),
		cmocka_unit_test(lists),
		cmocka_unit_test(objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
