/* In-toto Statement v1, as far as all lines have it in common. */
#include "cert/statement.h"
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

#define SUBJECT "{\"name\":\"a\",\"digest\":{\"sha256\":\"00ff\"}}"
#define RIGHT "{\"_type\":\"https://in-toto.io/Statement/v1\"," \
    "\"subject\":[" SUBJECT "],\"predicateType\":\"https://p.example/v1\"," \
    "\"predicate\":{\"x\":1}}"

static enum ac_err
decode(struct span bytes)
{
	struct statement s = { 0 };
	enum ac_err e = statement_decode(&s, bytes);

	statement_free(&s);
	return e;
}

static void
decoded(void **state)
{
	struct statement s;

	(void)state;
	assert_ok(statement_decode(&s, span_str(RIGHT)));
	assert_true(span_is(s.predicate_type, "https://p.example/v1"));
	assert_int_equal(json_count(s.subjects), 1);
	assert_true(json_closed(s.predicate, "x"));
	statement_free(&s);
	assert_false(json_present(s.predicate));
}

static void
accepted(void **state)
{
	static const struct wrong right[] = {
		{ "no predicate", ",\"predicate\":{\"x\":1}", "", 0 },
		{ "no name", "\"name\":\"a\",", "", 0 },
		{ "two digests", "\"sha256\":\"00ff\"", "\"sha256\":\"00\","
		    "\"gitCommit\":\"ab\"", 0 },
		{ "every member", "\"name\":\"a\"", "\"name\":\"a\",\"uri\":"
		    "\"u\",\"content\":\"\",\"downloadLocation\":\"d\","
		    "\"mediaType\":\"m\",\"annotations\":{\"k\":[1]}", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++) {
		struct buf b = wrong_make(span_str(RIGHT), right[i].from,
		    right[i].to);

		if (decode(buf_span(&b)) != AC_OK)
			fail_msg("refused: %s", right[i].what);
		buf_free(&b);
	}
}

static void
refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "Statement v0.1", "Statement/v1", "Statement/v0.1", 0 },
		{ "type missing",
		    "\"_type\":\"https://in-toto.io/Statement/v1\",", "", 0 },
		{ "member _Type", "\"_type\"", "\"_Type\"", 0 },
		{ "unknown member", "\"subject\"", "\"x\":1,\"subject\"", 0 },
		{ "subject missing", "\"subject\":[" SUBJECT "],", "", 0 },
		{ "no subject", "[" SUBJECT "]", "[]", 0 },
		{ "subject an object", "[" SUBJECT "]", SUBJECT, 0 },
		{ "subject a string", SUBJECT, "\"a\"", 0 },
		{ "subject null", SUBJECT, "null", 0 },
		{ "unknown member of a subject", "\"name\"",
		    "\"x\":1,\"name\"", 0 },
		{ "name a number", "\"name\":\"a\"", "\"name\":1", 0 },
		{ "name null", "\"name\":\"a\"", "\"name\":null", 0 },
		{ "uri an object", "\"name\":\"a\"", "\"uri\":{}", 0 },
		{ "annotations an array", "\"name\":\"a\"",
		    "\"annotations\":[]", 0 },
		{ "digest missing", ",\"digest\":{\"sha256\":\"00ff\"}", "",
		    0 },
		{ "digest empty", "{\"sha256\":\"00ff\"}", "{}", 0 },
		{ "digest a string", "{\"sha256\":\"00ff\"}", "\"00ff\"", 0 },
		{ "digest value empty", "00ff", "", 0 },
		{ "digest value in capitals", "00ff", "00FF", 0 },
		{ "digest value in base64", "00ff", "AP8=", 0 },
		{ "digest value a number", "\"00ff\"", "0", 0 },
		{ "predicate type missing", "\"predicateType\":"
		    "\"https://p.example/v1\",", "", 0 },
		{ "predicate type empty", "https://p.example/v1", "", 0 },
		{ "predicate type a number", "\"https://p.example/v1\"", "1",
		    0 },
		{ "predicate a string", "{\"x\":1}", "\"x\"", 0 },
		{ "predicate null", "{\"x\":1}", "null", 0 },
		{ "predicate an array", "{\"x\":1}", "[]", 0 },
		{ "an array", "{\"_type\"", "[{\"_type\"", 0 },
		{ "garbage after", NULL, "x", 0 },
	};

	(void)state;
	wrong_check(span_str(RIGHT), wrong, COUNT(wrong), decode);
	wrong_check_truncated(span_str(RIGHT), decode);
}

/* A statement of so many subjects, the first with so many digests. */
static enum ac_err
decode_many(size_t nsubjects, size_t ndigests)
{
	struct digest d = sample_digest(1);
	struct writer w;
	struct buf b;
	enum ac_err e;

	wr_init(&w, MIB);
	statement_write_head(&w);
	wr_str(&w, "{\"digest\":{");
	for (size_t k = 0; k < ndigests; k++)
		wr_printf(&w, "%s\"d%zu\":\"00\"", k == 0 ? "" : ",", k);
	wr_str(&w, "}}");
	for (size_t i = 1; i < nsubjects; i++) {
		wr_u8(&w, ',');
		statement_write_subject(&w, span_str("\"\\"), &d);
	}
	statement_write_type(&w, "t");
	wr_str(&w, "{}}");
	assert_ok(wr_end(&w, &b));
	e = decode(buf_span(&b));
	buf_free(&b);
	return e;
}

static void
limits(void **state)
{
	(void)state;
	assert_ok(decode_many(SUBJECTS_MAX, 1));
	assert_int_equal(decode_many(SUBJECTS_MAX + 1, 1), AC_ERR_LIMIT);
	assert_ok(decode_many(1, 32));
	assert_int_equal(decode_many(1, 33), AC_ERR_LIMIT);
}

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static enum ac_err
take_subject(struct span text)
{
	struct json_doc doc = { 0 };
	struct digest d;
	struct span name;
	enum ac_err e = json_parse(&doc, text);

	if (e == AC_OK && !statement_subject(json_root(&doc), &name, &d))
		e = AC_ERR_FORMAT;
	json_free(&doc);
	return e;
}

/* Our own subjects: exactly a name and one SHA-256. */
static void
own_subjects(void **state)
{
	static const struct wrong wrong[] = {
		{ "digest too short", "aaaa", "", 0 },
		{ "digest in capitals", "aaaa", "AAAA", 0 },
		{ "no name", "\"name\":\"a\",", "", 0 },
		{ "name a number", "\"a\"", "1", 0 },
		{ "SHA-512", "sha256", "sha512", 0 },
		{ "two digests", "{\"sha256\"", "{\"x\":\"0\",\"sha256\"", 0 },
		{ "a uri", "\"digest\"", "\"uri\":\"u\",\"digest\"", 0 },
		{ "digest a string", "{\"sha256\":\"" HEX "\"}", "\"" HEX "\"",
		    0 },
		{ "a list", "{\"name\":\"a\",\"digest\":{\"sha256\":\"" HEX
		    "\"}}", "[]", 0 },
		{ "null", "{\"name\":\"a\",\"digest\":{\"sha256\":\"" HEX
		    "\"}}", "null", 0 },
	};

	(void)state;
	wrong_check(span_str("{\"name\":\"a\",\"digest\":{\"sha256\":\"" HEX
	    "\"}}"), wrong, COUNT(wrong), take_subject);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoded),
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(own_subjects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
