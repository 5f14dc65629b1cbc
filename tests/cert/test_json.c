/* The gate: what RFC 8259 and our stricter rules allow, and nothing else. */
#include "cert/json.h"
#include "cert/limits.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

static enum ac_err
parse(struct span text)
{
	struct json_doc doc = { 0 };
	enum ac_err e = json_parse(&doc, text);

	json_free(&doc);
	return e;
}

/* The document of a text that is right. */
static struct json_doc
must_parse(const char *text)
{
	struct json_doc doc = { 0 };

	assert_ok(json_parse(&doc, span_str(text)));
	return doc;
}

static void
accepted(void **state)
{
	static const char *const right[] = { "{}", "[]", "\"\"", "null", "true",
		"false", "0", "-1", "10", "0.5", "-0.5", "123.456",
		"9007199254740991", "-9007199254740991", "0.10000000000001",
		" \t\r\n[ 1 , 2 ] ", "{\"a\":{\"a\":[[],{}]}}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u00e9\\uD83D\\ude00\"",
		"\"\xc3\xa9 \xe2\x80\x94 \xf0\x9f\x98\x80 \x7f\"",
		"{\"\":0,\"a\":1,\"A\":2,\"a \":3}", "[null,true,false]" };

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++)
		if (parse(span_str(right[i])) != AC_OK)
			fail_msg("refused: %s", right[i]);
}

static void
refused(void **state)
{
	static const struct {
		const char *what, *text;
	} wrong[] = {
		{ "empty", "" },
		{ "white space only", " \n" },
		{ "byte order mark", "\xef\xbb\xbf{}" },
		{ "two values", "1 2" },
		{ "two objects", "{}{}" },
		{ "bracket too many", "[]]" },
		{ "wrong bracket", "[1}" },
		{ "wrong bracket of an object", "{\"a\":1]" },
		{ "not closed", "[1" },
		{ "only opened", "{" },
		{ "comma at the end of an array", "[1,]" },
		{ "comma at the end of an object", "{\"a\":1,}" },
		{ "comma at the start", "[,1]" },
		{ "two commas", "[1,,2]" },
		{ "comma alone", "[,]" },
		{ "no comma", "[1 2]" },
		{ "no colon", "{\"a\" 1}" },
		{ "two colons", "{\"a\"::1}" },
		{ "comma for colon", "{\"a\",1}" },
		{ "colon in an array", "[\"a\":1]" },
		{ "name only", "{\"a\"}" },
		{ "value only", "{1}" },
		{ "name without quotes", "{a:1}" },
		{ "name is a number", "{1:1}" },
		{ "single quotes", "'a'" },
		{ "line comment", "[1] // one" },
		{ "block comment", "/**/1" },
		{ "capital True", "True" },
		{ "word cut off", "tru" },
		{ "word too long", "nullx" },
		{ "NaN", "NaN" },
		{ "Infinity", "Infinity" },
		{ "negative infinity", "-Infinity" },
		{ "leading zero", "01" },
		{ "two zeros", "00" },
		{ "negative leading zero", "-01" },
		{ "negative zero", "-0" },
		{ "plus", "+1" },
		{ "minus alone", "-" },
		{ "minus within", "1-1" },
		{ "no digit before the point", ".5" },
		{ "no digit after the point", "1." },
		{ "integer with a fraction", "1.0" },
		{ "zero with a fraction", "0.0" },
		{ "negative zero with a fraction", "-0.0" },
		{ "zero at the end of a fraction", "1.50" },
		{ "exponent", "1e3" },
		{ "capital exponent", "1E3" },
		{ "exponent after a fraction", "1.5e3" },
		{ "exponent with sign", "1e-3" },
		{ "exponent without digits", "1e" },
		{ "hex", "0x10" },
		{ "2^53", "9007199254740992" },
		{ "-2^53", "-9007199254740992" },
		{ "beyond 64 bits", "18446744073709551616" },
		{ "beyond a double", "1" "00000000000000000000000000000000000000"
		    "0000000000000000000000000000000000000000000000000000000" },
		{ "fraction next to an integer", "1.00000000000000000001" },
		{ "fraction next to 2^53", "9007199254740990.7" },
		{ "fraction of 80 digits", "0.11111111111111111111111111111111"
		    "111111111111111111111111111111111111111111111111" },
		{ "string not closed", "\"a" },
		{ "string ends in an escape", "\"\\" },
		{ "unknown escape", "\"\\x41\"" },
		{ "escaped single quote", "\"\\'\"" },
		{ "capital escape", "\"\\N\"" },
		{ "octal escape", "\"\\101\"" },
		{ "capital U", "\"\\U0041\"" },
		{ "three hex digits", "\"\\u004\"" },
		{ "bad hex digit", "\"\\u00g1\"" },
		{ "escaped NUL", "\"\\u0000\"" },
		{ "escaped NUL in a name", "{\"a\\u0000\":1}" },
		{ "high surrogate alone", "\"\\ud83d\"" },
		{ "high surrogate and a letter", "\"\\ud83dx\"" },
		{ "high surrogate and an escape", "\"\\ud83d\\n\"" },
		{ "two high surrogates", "\"\\ud83d\\ud83d\"" },
		{ "low surrogate alone", "\"\\ude00\"" },
		{ "surrogates in the wrong order", "\"\\ude00\\ud83d\"" },
		{ "line feed in a string", "\"\n\"" },
		{ "tab in a string", "\"\t\"" },
		{ "control character in a string", "\"\x1f\"" },
		{ "control character between", "[1,\x01" "2]" },
		{ "form feed between", "[1,\f2]" },
		{ "vertical tab between", "[1,\v2]" },
		{ "no-break space between", "[1,\xc2\xa0" "2]" },
		{ "UTF-8 cut off", "\"\xc3\"" },
		{ "UTF-8 continuation alone", "\"\x80\"" },
		{ "UTF-8 overlong", "\"\xc0\xaf\"" },
		{ "UTF-8 surrogate", "\"\xed\xa0\x80\"" },
		{ "beyond Unicode", "\"\xf4\x90\x80\x80\"" },
		{ "Latin-1", "\"\xe9\"" },
		{ "a name twice", "{\"a\":1,\"a\":1}" },
		{ "a name twice, once escaped", "{\"\\u0061\":1,\"a\":1}" },
		{ "an empty name twice", "{\"\":1,\"\":1}" },
		{ "an emoji twice", "{\"\\ud83d\\ude00\":1,"
		    "\"\xf0\x9f\x98\x80\":1}" },
		{ "a name twice, far apart", "{\"a\":1,\"b\":{},\"c\":[1],"
		    "\"d\":2,\"a\":3}" },
		{ "a name twice, deep inside", "[[{\"b\":{\"a\":1,\"a\":2}}]]" },
		{ "a name twice after an array", "[[],{\"a\":1,\"a\":2}]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		enum ac_err e = parse(span_str(wrong[i].text));

		if (e != AC_ERR_FORMAT)
			fail_msg("%s: %s", wrong[i].what, ac_strerror(e));
	}
	assert_int_equal(parse(span_of("[1]\0", 4)), AC_ERR_FORMAT);
	assert_int_equal(parse(span_of("[\0001]", 4)), AC_ERR_FORMAT);
	assert_int_equal(parse(span_of("\"\0\"", 3)), AC_ERR_FORMAT);
	assert_int_equal(parse(span_of("\0", 1)), AC_ERR_FORMAT);
}

/* Text made of n times unit, between before and after. */
static struct buf
repeat(const char *before, const char *unit, size_t n, const char *after)
{
	struct buf out = { 0 };
	struct writer w;

	wr_init(&w, 64 * MIB);
	wr_str(&w, before);
	for (size_t i = 0; i < n; i++)
		wr_str(&w, unit);
	wr_str(&w, after);
	assert_ok(wr_end(&w, &out));
	return out;
}

static enum ac_err
parse_repeated(const char *before, const char *unit, size_t n,
    const char *after)
{
	struct buf b = repeat(before, unit, n, after);
	enum ac_err e = parse(buf_span(&b));

	buf_free(&b);
	return e;
}

static enum ac_err
parse_nested(const char *open, const char *inside, const char *close, size_t n)
{
	struct buf left = repeat("", open, n, inside);
	struct buf all = repeat((const char *)left.p, close, n, "");
	enum ac_err e = parse(buf_span(&all));

	buf_free(&left);
	buf_free(&all);
	return e;
}

/* An object of n members, "0" to "n-1". */
static enum ac_err
parse_members(size_t n)
{
	struct buf out = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, 64 * MIB);
	wr_u8(&w, '{');
	for (size_t i = 0; i < n; i++)
		wr_printf(&w, "%s\"%zu\":0", i == 0 ? "" : ",", i);
	wr_u8(&w, '}');
	assert_ok(wr_end(&w, &out));
	e = parse(buf_span(&out));
	buf_free(&out);
	return e;
}

static void
limits(void **state)
{
	(void)state;
	assert_ok(parse_nested("[", "", "]", JSON_DEPTH_MAX));
	assert_ok(parse_nested("{\"a\":", "1", "}", JSON_DEPTH_MAX));
	assert_int_equal(parse_nested("[", "", "]", JSON_DEPTH_MAX + 1),
	    AC_ERR_LIMIT);
	assert_int_equal(parse_nested("{\"a\":", "1", "}", JSON_DEPTH_MAX + 1),
	    AC_ERR_LIMIT);
	assert_int_equal(parse_repeated("", "[", 1000000, ""), AC_ERR_LIMIT);
	assert_ok(parse_members(JSON_MEMBERS_MAX));
	assert_int_equal(parse_members(JSON_MEMBERS_MAX + 1), AC_ERR_LIMIT);
	assert_int_equal(parse_members(500000), AC_ERR_LIMIT);
	assert_ok(parse_repeated("[", "0,", JSON_VALUES_MAX - 2, "0]"));
	assert_int_equal(parse_repeated("[", "0,", JSON_VALUES_MAX - 1, "0]"),
	    AC_ERR_LIMIT);
}

static void
untouched_on_failure(void **state)
{
	struct json_doc doc = { 0 };

	(void)state;
	assert_int_equal(json_parse(&doc, span_str("{\"a\":1,\"a\":2}")),
	    AC_ERR_FORMAT);
	assert_null(doc.root);
	json_free(&doc);
}

static void
absent_is_nothing(void **state)
{
	struct json none = { NULL };
	struct digest d;
	struct span s;
	struct buf b;
	uint64_t n;
	bool yes;

	(void)state;
	assert_false(json_present(none));
	assert_false(json_is_object(none) || json_is_array(none));
	assert_false(json_present(json_get(none, "a")));
	assert_false(json_present(json_first(none)));
	assert_false(json_present(json_next(none)));
	assert_int_equal(json_count(none), 0);
	assert_int_equal(json_name(none).len, 0);
	assert_false(json_closed(none, "") || json_is(none, "") ||
	    json_string(none, &s) || json_uint(none, &n, 1) ||
	    json_bool(none, &yes) || json_digest(none, &d) ||
	    json_sha256(none, &d) || json_digest64(none, &d));
	assert_int_equal(json_base64(&b, none, 1), AC_ERR_FORMAT);
	assert_true(json_equal(none, none));
}

static void
closed(void **state)
{
	static const struct {
		const char *text, *schema;
		bool want;
	} v[] = {
		{ "{}", "", true },
		{ "{\"a\":1}", "", false },
		{ "{\"a\":1}", "a", true },
		{ "{\"a\":1,\"b\":2}", "a b", true },
		{ "{\"b\":1,\"a\":2}", "a b", true },
		{ "{\"a\":1}", "a b?", true },
		{ "{\"a\":1,\"b\":2}", "a b?", true },
		{ "{\"b\":2}", "a? b", true },
		{ "{\"b\":2}", "a b?", false },
		{ "{}", "a? b?", true },
		{ "{}", "a", false },
		{ "{\"A\":1}", "a", false },
		{ "{\"a?\":1}", "a?", false },
		{ "{\"a b\":1}", "a b", false },
		{ "{\"\":1}", "a", false },
		{ "{\"ab\":1}", "a b", false },
		{ "{\"a\":1,\"c\":2}", "a b?", false },
		{ "[]", "", false },
		{ "\"a\"", "a", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(v); i++) {
		struct json_doc doc = must_parse(v[i].text);

		if (json_closed(json_root(&doc), v[i].schema) != v[i].want)
			fail_msg("%s as \"%s\"", v[i].text, v[i].schema);
		json_free(&doc);
	}
}

static void
walk(void **state)
{
	struct json_doc doc = must_parse("{\"a\":[1,2,3],\"b\":\"x\",\"A\":{}}");
	struct json root = json_root(&doc), j;
	struct span s;
	uint64_t n;

	(void)state;
	assert_int_equal(json_count(root), 3);
	j = json_get(root, "a");
	assert_int_equal(json_count(j), 3);
	for (uint64_t want = 1; want <= 3; want++) {
		j = want == 1 ? json_first(j) : json_next(j);
		assert_true(json_uint(j, &n, 3) && n == want);
	}
	assert_false(json_present(json_next(j)));
	assert_true(json_is_object(json_get(root, "A")));
	assert_true(json_string(json_get(root, "b"), &s) && span_is(s, "x"));
	assert_true(json_is(json_get(root, "b"), "x"));
	assert_false(json_is(json_get(root, "b"), "X"));
	assert_false(json_present(json_get(root, "B")));
	assert_false(json_present(json_get(json_get(root, "a"), "a")));
	assert_true(json_is(json_at(root, "b"), "x"));
	assert_false(json_present(json_at(root, "b.c")) ||
	    json_present(json_at(root, "A.b")) ||
	    json_present(json_at(root, "c.b")));
	assert_true(span_is(json_name(json_first(root)), "a"));
	assert_int_equal(json_count(json_get(root, "b")), 0);
	json_free(&doc);
}

/* What the characters of a string stand for. */
static void
decoded(void **state)
{
	static const struct {
		const char *text, *want;
	} v[] = {
		{ "\"\"", "" },
		{ "\"plain, and more than eight\"",
		    "plain, and more than eight" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"1234567\\n\"", "1234567\n" },
		{ "\"12345678\\n12345678\"", "12345678\n12345678" },
		{ "\"\\u0001\\u0041\\u007f\"", "\x01" "A\x7f" },
		{ "\"\\u0080\\u00e9\\u07FF\"", "\xc2\x80\xc3\xa9\xdf\xbf" },
		{ "\"\\u0800\\ud7ff\\ue000\\uffff\"",
		    "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf" },
		{ "\"\\ud800\\udc00\\uDBFF\\uDFFF\"",
		    "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
		{ "\"a\\\\\\u005c\\\"z\"", "a\\\\\"z" },
		{ "\"\xc3\xa9\\n\xf0\x9f\x98\x80\"",
		    "\xc3\xa9\n\xf0\x9f\x98\x80" },
	};
	struct json_doc doc;
	struct span s;

	(void)state;
	for (size_t i = 0; i < COUNT(v); i++) {
		doc = must_parse(v[i].text);
		assert_true(json_string(json_root(&doc), &s));
		if (!span_is(s, v[i].want) || s.p[s.len] != '\0')
			fail_msg("%s", v[i].text);
		json_free(&doc);
	}
	doc = must_parse("{\"\\u0061\\n\":\"\\u0062\",\"c\":\"\\t\"}");
	assert_true(json_is(json_get(json_root(&doc), "a\n"), "b"));
	assert_true(json_is(json_get(json_root(&doc), "c"), "\t"));
	json_free(&doc);
}

/* Elements of a JSON array of which take() is to accept the first n only. */
static void
check_elements(const char *text, size_t n, bool (*take)(struct json))
{
	struct json_doc doc = must_parse(text);
	size_t i = 0;

	for (struct json j = json_first(json_root(&doc)); json_present(j);
	    j = json_next(j), i++)
		if (take(j) != (i < n))
			fail_msg("element %zu of %s", i, text);
	json_free(&doc);
}

static bool
take_uint(struct json j)
{
	uint64_t n;

	return json_uint(j, &n, 9);
}

static bool
take_bool(struct json j)
{
	bool b;

	return json_bool(j, &b);
}

static bool
take_digest(struct json j)
{
	struct digest d;

	return json_digest(j, &d);
}

static bool
take_sha256(struct json j)
{
	struct digest d;

	return json_sha256(j, &d);
}

static bool
take_digest64(struct json j)
{
	struct digest d;

	return json_digest64(j, &d);
}

static bool
take_base64(struct json j)
{
	struct buf b;

	if (json_base64(&b, j, 4) != AC_OK)
		return false;
	buf_free(&b);
	return true;
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"
#define B64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void
typed(void **state)
{
	(void)state;
	check_elements("[0,1,9,10,-1,0.5,\"1\",true,null,[1],{}]", 3, take_uint);
	check_elements("[true,false,0,1,\"true\",null]", 2, take_bool);
	check_elements("[\"" HEX "f\",\"" HEX "\",\"" HEX "F\",\"" HEX "ff\","
	    "\" " HEX "\",\"" HEX "g\",\"\",0]", 1, take_digest);
	check_elements("[{\"sha256\":\"" HEX "f\"},{\"sha256\":\"" HEX "F\"},"
	    "{\"SHA256\":\"" HEX "f\"},{\"sha256\":\"" HEX "f\",\"a\":1},{},"
	    "[\"" HEX "f\"],\"" HEX "f\"]", 1, take_sha256);
	check_elements("[\"" B64 "A=\",\"" B64 "B=\",\"" B64 "A\",\"" B64
	    "==\",\"" B64 "AA\",\"" B64 "A=\\n\",\"\",0]", 1, take_digest64);
	check_elements("[\"\",\"AA==\",\"AAAAAA==\",\"AAAAAAA=\",\"AB==\","
	    "\"AA\",\"A\",\"AAAA\\n\",\"AA-_\",\"AAAAAAAAAAAA\",0]", 3,
	    take_base64);
}

static void
equal(void **state)
{
	static const struct {
		const char *a, *b;
		bool want;
	} v[] = {
		{ "1", "1", true },
		{ "1", "2", false },
		{ "1", "\"1\"", false },
		{ "0.1", "0.10000000000001", false },
		{ "-1", "1", false },
		{ "-0.25", "-0.25", true },
		{ "1", "true", false },
		{ "true", "false", false },
		{ "null", "false", false },
		{ "\"a\"", "\"\\u0061\"", true },
		{ "\"a\"", "\"A\"", false },
		{ "\"a\"", "\"ab\"", false },
		{ "{}", "{ }", true },
		{ "{}", "[]", false },
		{ "[]", "[[]]", false },
		{ "[1,2]", "[1,2]", true },
		{ "[1,2]", "[2,1]", false },
		{ "[1,2]", "[1]", false },
		{ "[1]", "[1,2]", false },
		{ "[[1],2]", "[[1,2]]", false },
		{ "[[],[]]", "[[[]]]", false },
		{ "[[1]]", "[[]]", false },
		{ "[[]]", "[[1]]", false },
		{ "{\"a\":1}", "{\"a\":1}", true },
		{ "{\"a\":1}", "{\"b\":1}", false },
		{ "{\"a\":1}", "{\"A\":1}", false },
		{ "{\"a\":1}", "{\"a\":2}", false },
		{ "{\"a\":1}", "{\"a\":1,\"b\":2}", false },
		{ "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", false },
		{ "{\"a\":{\"b\":[1,{\"c\":2}]}}", "{\"a\":{\"b\":[1,{\"c\":2}]}}",
		    true },
		{ "{\"a\":{\"b\":[1,{\"c\":2}]}}", "{\"a\":{\"b\":[1,{\"c\":3}]}}",
		    false },
		{ "{\"a\":{\"b\":1},\"c\":2}", "{\"a\":{\"b\":1,\"c\":2}}", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(v); i++) {
		struct json_doc a = must_parse(v[i].a), b = must_parse(v[i].b);

		if (json_equal(json_root(&a), json_root(&b)) != v[i].want ||
		    json_equal(json_root(&b), json_root(&a)) != v[i].want)
			fail_msg("%s and %s", v[i].a, v[i].b);
		json_free(&a);
		json_free(&b);
	}
}

/* Values are compared apart from their names and neighbours. */
static void
equal_members(void **state)
{
	struct json_doc a = must_parse("{\"x\":{\"k\":[1]},\"y\":0}");
	struct json_doc b = must_parse("[0,{\"k\":[1]}]");
	struct json x = json_get(json_root(&a), "x");

	(void)state;
	assert_true(json_equal(x, json_next(json_first(json_root(&b)))));
	assert_true(json_equal(json_get(json_root(&a), "y"),
	    json_first(json_root(&b))));
	assert_false(json_equal(x, (struct json){ NULL }));
	assert_false(json_equal((struct json){ NULL }, x));
	json_free(&a);
	json_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(untouched_on_failure),
		cmocka_unit_test(absent_is_nothing),
		cmocka_unit_test(closed),
		cmocka_unit_test(walk),
		cmocka_unit_test(decoded),
		cmocka_unit_test(typed),
		cmocka_unit_test(equal),
		cmocka_unit_test(equal_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
