/* externalParameters: the request, complete and closed. */
#include "cert/limits.h"
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

static enum ac_err
check(struct span text)
{
	struct json_doc doc = { 0 };
	enum ac_err e = json_parse(&doc, text);

	if (e == AC_OK && !request_check(json_root(&doc)))
		e = AC_ERR_FORMAT;
	json_free(&doc);
	return e;
}

static struct buf
encode(const struct request *r)
{
	struct buf b = { 0 };
	struct writer w;

	wr_init(&w, STATEMENT_MAX);
	request_write(&w, r);
	assert_ok(wr_end(&w, &b));
	return b;
}

static enum ac_err
encode_and_check(const struct request *r)
{
	struct buf b = encode(r);
	enum ac_err e = check(buf_span(&b));

	buf_free(&b);
	return e;
}

static void
round_trip(void **state)
{
	struct json_doc doc = { 0 };
	struct sample s;
	struct json j, in;
	struct span text;
	struct digest d;
	struct buf b;
	uint64_t n;

	(void)state;
	sample_fill(&s, true);
	b = encode(&s.request);
	assert_ok(check(buf_span(&b)));
	assert_ok(json_parse(&doc, buf_span(&b)));
	j = json_root(&doc);
	assert_true(json_is(json_get(json_get(j, "config"), "name"),
	    "aicert.yaml"));
	assert_true(json_digest(json_get(j, "builderKey"), &d) &&
	    digest_equal(&d, &s.request.builder_key));
	assert_true(json_uint(json_get(j, "version"), &n, 9) && n == 2);
	/* A word with a quote, a backslash, a control character, an accent. */
	assert_true(json_string(json_next(json_next(json_first(
	    json_get(j, "command")))), &text) &&
	    span_equal(text, s.command[2]));
	in = json_first(json_get(j, "inputs"));
	assert_false(json_present(json_get(in, "license")));
	in = json_next(in);
	assert_true(json_is(json_get(in, "license"), "Apache-2.0"));
	assert_true(json_is(json_get(in, "certificate"), "00ff"));
	assert_true(json_is(json_get(json_get(j, "env"), "EPOCHS"), "3"));
	assert_true(json_uint(json_get(j, "seed"), &n, JSON_INT_MAX) &&
	    n == s.request.seed);
	json_free(&doc);
	buf_free(&b);
	sample_fill(&s, false);
	assert_ok(encode_and_check(&s.request));
}

static void
refused(void **state)
{
	static const char *const members[] = { "config", "builderKey",
		"version", "trainer", "command", "inputs", "outputs", "env" };
	static const struct wrong wrong[] = {
		{ "unknown member", "\"config\"", "\"x\":1,\"config\"", 0 },
		{ "unknown member of config", "\"name\":\"aicert.yaml\"",
		    "\"name\":\"aicert.yaml\",\"x\":1", 0 },
		{ "config without its digest", ",\"sha256\":", ",\"md5\":",
		    0 },
		{ "config digest in capitals", "c0c0", "C0C0", 0 },
		{ "version 1", "\"version\":2", "\"version\":1", 0 },
		{ "version 3", "\"version\":2", "\"version\":3", 0 },
		{ "version a string", "\"version\":2", "\"version\":\"2\"",
		    0 },
		{ "trainer null", "\"trainer\":\"command\"",
		    "\"trainer\":null", 0 },
		{ "command an object", "[\"sh\",\"-c\",", "{\"sh\":\"-c\",",
		    0 },
		{ "a word a number", "[\"sh\",", "[1,", 0 },
		{ "a word a list", "[\"sh\",", "[[],", 0 },
		{ "image without pin", ",\"pin\":\"sha256:33\"", "", 0 },
		{ "image with a role", ",\"pin\":\"sha256:33\"",
		    ",\"pin\":\"sha256:33\",\"role\":\"x\"", 0 },
		{ "image's uri a number", "\"oci://h.example/trainer\"", "1",
		    0 },
		{ "input without pin", ",\"pin\":\"sha256:11\"", "", 0 },
		{ "input without role", ",\"role\":\"dataset\"", "", 0 },
		{ "input's pin null", "\"sha256:11\"", "null", 0 },
		{ "input's license a list", "\"Apache-2.0\"", "[]", 0 },
		{ "input's unknown member", "\"type\":\"file\"",
		    "\"type\":\"file\",\"x\":\"\"", 0 },
		{ "an input a string", "\"inputs\":[", "\"inputs\":[\"a\",",
		    0 },
		{ "an input null", "\"inputs\":[", "\"inputs\":[null,", 0 },
		{ "an output null", "\"outputs\":[", "\"outputs\":[null,", 0 },
		{ "outputs a string", "[\"*.safetensors\",\"config.json\"]",
		    "\"*\"", 0 },
		{ "outputs an object", "[\"*.safetensors\",\"config.json\"]",
		    "{}", 0 },
		{ "env a list", "{\"EPOCHS\":\"3\",\"LANG\":\"\"}", "[]", 0 },
		{ "env of numbers", "\"EPOCHS\":\"3\"", "\"EPOCHS\":3", 0 },
		{ "seed a string", "\"seed\":9007199254740991",
		    "\"seed\":\"1\"", 0 },
		{ "seed negative", "\"seed\":9007199254740991", "\"seed\":-1",
		    0 },
		{ "seed with a fraction", "\"seed\":9007199254740991",
		    "\"seed\":1.5", 0 },
		{ "seed of 2^53", "9007199254740991", "9007199254740992", 0 },
		{ "seed null", "\"seed\":9007199254740991", "\"seed\":null",
		    0 },
	};
	struct sample s;
	struct buf b;

	(void)state;
	sample_fill(&s, true);
	b = encode(&s.request);
	wrong_check(buf_span(&b), wrong, COUNT(wrong), check);
	wrong_check_truncated(buf_span(&b), check);
	for (size_t i = 0; i < COUNT(members); i++) {
		char from[40], to[40];
		struct wrong other = { members[i], from, to, 0 };

		(void)snprintf(from, sizeof(from), "\"%s\":", members[i]);
		(void)snprintf(to, sizeof(to), "\"%s\":", members[i]);
		to[1] = (char)(to[1] ^ 0x20);
		wrong_check(buf_span(&b), &other, 1, check);
	}
	buf_free(&b);
}

static void
limits(void **state)
{
	struct span *words = calloc(WORDS_MAX + 1, sizeof(*words));
	struct request_input *in = calloc(INPUTS_MAX + 1, sizeof(*in));
	char *word = malloc(WORD_MAX + 1);
	struct sample s;

	(void)state;
	assert_non_null(words);
	assert_non_null(in);
	assert_non_null(word);
	memset(word, 'w', WORD_MAX + 1);
	sample_fill(&s, false);
	s.request.command = words;
	s.request.ncommand = WORDS_MAX;
	s.request.input = in;
	s.request.ninputs = INPUTS_MAX;
	s.request.trainer = span_of(word, WORD_MAX);
	assert_ok(encode_and_check(&s.request));
	s.request.ncommand++;
	assert_int_equal(encode_and_check(&s.request), AC_ERR_FORMAT);
	s.request.ncommand--;
	s.request.ninputs++;
	assert_int_equal(encode_and_check(&s.request), AC_ERR_FORMAT);
	s.request.ninputs--;
	s.request.trainer.len++;
	assert_int_equal(encode_and_check(&s.request), AC_ERR_FORMAT);
	free(word);
	free(in);
	free(words);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
