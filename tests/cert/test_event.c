/* Event lines: each type encoded, decoded, and wrong in ten ways. */
#include "cert/limits.h"
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

static enum ac_err
decode(struct span line)
{
	struct event ev = { 0 };
	enum ac_err e = event_decode(&ev, line);

	event_free(&ev);
	return e;
}

static const enum event_type types[] = { EVENT_CONFIGURATION,
	EVENT_INPUT_IMAGE, EVENT_INPUT_RESOURCE, EVENT_START, EVENT_TIMING,
	EVENT_COMPUTE, EVENT_OUTPUTS };

/* The line of type, decoded; the caller frees. */
static struct event
must_decode(const struct sample *s, enum event_type type)
{
	struct buf line = sample_event(s, type);
	struct event ev = { 0 };

	assert_ok(event_decode(&ev, buf_span(&line)));
	assert_int_equal(ev.type, type);
	buf_free(&line);
	return ev;
}

static void
assert_digest(struct json j, uint8_t byte)
{
	struct digest d, want = sample_digest(byte);

	assert_true(json_digest(j, &d));
	assert_true(digest_equal(&d, &want));
}

static void
assert_uint(struct json j, uint64_t want)
{
	uint64_t n;

	assert_true(json_uint(j, &n, JSON_INT_MAX));
	assert_true(n == want);
}

static void
round_trip_inputs(void **state)
{
	struct sample s;
	struct event ev;
	struct digest d;

	(void)state;
	sample_fill(&s, true);
	ev = must_decode(&s, EVENT_CONFIGURATION);
	assert_true(request_check(ev.spec));
	assert_digest(json_get(ev.resolved, "sha256"), 0xc0);
	assert_true(json_digest(json_get(ev.resolved, "builderKey"), &d));
	assert_true(digest_equal(&d, &s.request.builder_key));
	event_free(&ev);

	ev = must_decode(&s, EVENT_INPUT_IMAGE);
	assert_true(json_is(json_get(ev.spec, "name"), "trainer"));
	assert_true(json_is(json_get(ev.spec, "pin"), "sha256:33"));
	assert_digest(json_get(ev.resolved, "sha256"), 0x33);
	assert_digest(json_get(ev.resolved, "manifest"), 0x34);
	assert_digest(json_get(ev.resolved, "root"), 0x35);
	event_free(&ev);

	ev = must_decode(&s, EVENT_INPUT_RESOURCE);
	assert_true(json_is(json_get(ev.spec, "type"), "git"));
	assert_true(json_is(json_get(ev.spec, "license"), "Apache-2.0"));
	assert_digest(json_get(ev.resolved, "sha256"), 0x22);
	assert_digest(json_get(ev.resolved, "manifest"), 0x23);
	assert_true(json_is(json_get(ev.resolved, "gitCommit"),
	    s.measured[1].git_commit));
	assert_uint(json_get(ev.resolved, "bytes"), 0);
	event_free(&ev);

	s.measured[1].has_download = true;
	s.measured[1].download = sample_digest(0x29);
	s.measured[1].download_bytes = 7;
	ev = must_decode(&s, EVENT_INPUT_RESOURCE);
	assert_digest(json_get(json_get(ev.resolved, "download"), "sha256"),
	    0x29);
	assert_uint(json_get(json_get(ev.resolved, "download"), "bytes"), 7);
	event_free(&ev);

	ev = must_decode(&s, EVENT_START);
	assert_digest(json_get(ev.resolved, "attest"), 0x44);
	event_free(&ev);
}

static void
round_trip_results(void **state)
{
	struct sample s;
	struct event ev;
	struct json j;

	(void)state;
	sample_fill(&s, true);
	ev = must_decode(&s, EVENT_TIMING);
	assert_true(json_is(json_get(ev.resolved, "startedOn"),
	    "2026-11-18T11:06:40Z"));
	assert_true(json_is(json_get(ev.resolved, "finishedOn"),
	    "2026-11-18T11:07:41Z"));
	assert_true(json_is(json_get(ev.resolved, "wallSeconds"), "61.042"));
	event_free(&ev);

	ev = must_decode(&s, EVENT_COMPUTE);
	assert_int_equal(json_count(ev.resolved), SAMPLE_NFIGURES);
	j = json_get(ev.resolved, "flops");
	assert_true(json_is(json_get(j, "value"), s.figure[0].value));
	assert_true(json_is(json_get(j, "unit"), "FLOP"));
	assert_true(json_is(json_get(j, "assurance"), "derived"));
	event_free(&ev);

	ev = must_decode(&s, EVENT_OUTPUTS);
	assert_int_equal(json_count(json_get(ev.spec, "globs")), 2);
	assert_uint(json_get(ev.resolved, "count"), 3);
	assert_uint(json_get(ev.resolved, "bytes"), 1000023);
	j = json_get(ev.resolved, "weights");
	assert_int_equal(json_count(j), 2);
	j = json_first(j);
	assert_true(json_is(json_get(j, "name"), "a/b.safetensors"));
	assert_digest(json_get(j, "sha256"), 0xa0);
	assert_uint(json_get(j, "bytes"), 1000000);
	event_free(&ev);
}

/* One file, no optional member; no figure. */
static void
round_trip_least(void **state)
{
	struct sample s;
	struct event ev = { 0 };
	struct writer w;
	struct buf b;

	(void)state;
	sample_fill(&s, true);
	wr_init(&w, 10000);
	event_input(&w, &s.input[0], &s.measured[0]);
	assert_ok(wr_end(&w, &b));
	assert_ok(event_decode(&ev, buf_span(&b)));
	assert_true(json_closed(ev.spec, "name type uri pin role"));
	assert_true(json_closed(ev.resolved, "sha256 bytes"));
	event_free(&ev);
	buf_free(&b);
	event_compute(&w, NULL, 0);
	assert_ok(wr_end(&w, &b));
	assert_ok(event_decode(&ev, buf_span(&b)));
	assert_int_equal(json_count(ev.resolved), 0);
	event_free(&ev);
	buf_free(&b);
}

/* What is wrong with the line of any type. */
static void
refused_all(void **state)
{
	static const struct wrong wrong[] = {
		{ "unknown type", "\"event_type\":\"", "\"event_type\":\"x",
		    0 },
		{ "an original's type beside", "\"event_type\":\"",
		    "\"event_type\":\"build_request\",\"x\":\"", 0 },
		{ "type null", "\"event_type\":\"",
		    "\"event_type\":null,\"x\":\"", 0 },
		{ "member of other case", "\"event_type\"", "\"Event_type\"",
		    0 },
		{ "unknown member", "{\"event_type\"",
		    "{\"x\":1,\"event_type\"", 0 },
		{ "content renamed", "\"content\"", "\"contents\"", 0 },
		{ "unknown member of content", "{\"spec\"", "{\"x\":1,\"spec\"",
		    0 },
		{ "spec missing", "\"spec\":", "\"Spec\":", 0 },
		{ "spec null", "\"spec\":", "\"spec\":null,\"x\":", 0 },
		{ "resolved missing", "\"resolved\":", "\"Resolved\":", 0 },
		{ "resolved a list", "\"resolved\":", "\"resolved\":[],\"x\":",
		    0 },
		{ "unknown member of resolved", "\"resolved\":{",
		    "\"resolved\":{\"x\":1,", 0 },
		{ "line in a list", "{\"event_type\"", "[{\"event_type\"",
		    0 },
		{ "two lines", NULL, "\n{}", 0 },
		{ "brace too many", NULL, "}", 0 },
	};
	struct sample s;

	(void)state;
	sample_fill(&s, true);
	for (size_t i = 0; i < COUNT(types); i++) {
		struct buf b = sample_event(&s, types[i]);

		wrong_check(buf_span(&b), wrong, COUNT(wrong), decode);
		wrong_check_truncated(buf_span(&b), decode);
		buf_free(&b);
	}
}

/* No type's content passes under another type's name. */
static void
refused_as_another_type(void **state)
{
	struct sample s;

	(void)state;
	sample_fill(&s, true);
	for (size_t i = 0; i < COUNT(types); i++)
		for (size_t k = 0; k < COUNT(types); k++) {
			struct buf b = sample_event(&s, types[i]), other;
			char from[32], to[32];

			(void)snprintf(from, sizeof(from), "\"%s\"",
			    event_name(types[i]));
			(void)snprintf(to, sizeof(to), "\"%s\"",
			    event_name(types[k]));
			other = wrong_make(buf_span(&b), from, to);
			if ((decode(buf_span(&other)) == AC_OK) != (i == k))
				fail_msg("%s as %s", from, to);
			buf_free(&other);
			buf_free(&b);
		}
}

static void
check_type(enum event_type type, const struct wrong list[], size_t n)
{
	struct sample s;
	struct buf b;

	sample_fill(&s, true);
	b = sample_event(&s, type);
	wrong_check(buf_span(&b), list, n, decode);
	buf_free(&b);
}

#define X8(s) s s s s s s s s

static void
refused_inputs(void **state)
{
	static const struct wrong configuration[] = {
		{ "request without a member", "\"trainer\":\"command\",", "",
		    0 },
		{ "request with a member more", "\"trainer\"",
		    "\"x\":1,\"trainer\"", 0 },
		{ "spec with an unknown member", "\"spec\":{",
		    "\"spec\":{\"x\":\"\",", 0 },
		{ "digest in capitals", "\"resolved\":{\"sha256\":\"c0",
		    "\"resolved\":{\"sha256\":\"C0", 0 },
		{ "digest too short", "\"resolved\":{\"sha256\":\"c0",
		    "\"resolved\":{\"sha256\":\"", 0 },
		{ "digest of another name", "\"resolved\":{\"sha256\":",
		    "\"resolved\":{\"sha512\":", 0 },
		{ "digest missing", "\"resolved\":{\"sha256\":\"" X8("c0c0c0c0")
		    "\",", "\"resolved\":{", 0 },
		{ "digest null", "\"resolved\":{\"sha256\":\"" X8("c0c0c0c0")
		    "\"", "\"resolved\":{\"sha256\":null", 0 },
		{ "request's digest a number", "\"sha256\":\"" X8("c0c0c0c0")
		    "\"", "\"sha256\":0", 0 },
		{ "builder's key twice", "\"resolved\":{", "\"resolved\":{"
		    "\"builderKey\":\"\",", 0 },
	};
	static const struct wrong image[] = {
		{ "name a number", "\"trainer\"", "1", 0 },
		{ "name missing", "\"name\":\"trainer\",", "", 0 },
		{ "pin missing", ",\"pin\":\"sha256:33\"", "", 0 },
		{ "a role", ",\"pin\":\"sha256:33\"",
		    ",\"pin\":\"sha256:33\",\"role\":\"x\"", 0 },
		{ "root missing", "\"root\":\"" X8("35353535") "\",", "", 0 },
		{ "root in base64", "\"root\":\"35", "\"root\":\"NT", 0 },
		{ "root null", "\"" X8("35353535") "\"", "null", 0 },
		{ "manifest missing", ",\"manifest\":\"" X8("34343434") "\"",
		    "", 0 },
		{ "manifest too long", "\"manifest\":\"34",
		    "\"manifest\":\"3434", 0 },
		{ "manifest a number", "\"" X8("34343434") "\"", "34", 0 },
		{ "bytes", "\"root\":", "\"bytes\":1,\"root\":", 0 },
	};
	static const struct wrong resource[] = {
		{ "pin missing", ",\"pin\":\"sha1:22\"", "", 0 },
		{ "uri null", "\"https://h.example/b\"", "null", 0 },
		{ "license a list", "\"Apache-2.0\"", "[]", 0 },
		{ "role missing", ",\"role\":\"base-model\"", "", 0 },
		{ "unknown member", "\"type\":", "\"kind\":\"\",\"type\":",
		    0 },
		{ "digest in capitals", "\"manifest\":\"23",
		    "\"manifest\":\"2A", 0 },
		{ "git commit too short", "\"gitCommit\":\"01",
		    "\"gitCommit\":\"", 0 },
		{ "git commit in capitals", "\"gitCommit\":\"0123456789a",
		    "\"gitCommit\":\"0123456789A", 0 },
		{ "git commit of 22 bytes", "\"gitCommit\":\"",
		    "\"gitCommit\":\"0123", 0 },
		{ "git commit empty",
		    "\"0123456789abcdef0123456789abcdef01234567\"", "\"\"", 0 },
		{ "download a digest", "\"bytes\":0", "\"bytes\":0,"
		    "\"download\":\"" X8("22222222") "\"", 0 },
		{ "download of no size", "\"bytes\":0", "\"bytes\":0,"
		    "\"download\":{\"sha256\":\"" X8("22222222") "\"}", 0 },
		{ "download of no digest", "\"bytes\":0", "\"bytes\":0,"
		    "\"download\":{\"bytes\":1}", 0 },
		{ "download with more", "\"bytes\":0", "\"bytes\":0,"
		    "\"download\":{\"sha256\":\"" X8("22222222") "\","
		    "\"bytes\":1,\"uri\":\"\"}", 0 },
		{ "download of negative size", "\"bytes\":0", "\"bytes\":0,"
		    "\"download\":{\"sha256\":\"" X8("22222222") "\","
		    "\"bytes\":-1}", 0 },
		{ "bytes a string", "\"bytes\":0", "\"bytes\":\"0\"", 0 },
		{ "bytes negative", "\"bytes\":0", "\"bytes\":-1", 0 },
		{ "bytes with a fraction", "\"bytes\":0", "\"bytes\":0.5", 0 },
		{ "bytes of 2^53", "\"bytes\":0", "\"bytes\":9007199254740992",
		    0 },
		{ "bytes missing", ",\"bytes\":0", "", 0 },
	};
	static const struct wrong start[] = {
		{ "attest of another name", "\"attest\"", "\"quote\"", 0 },
		{ "attest missing", "\"attest\":\"" X8("44444444") "\"", "",
		    0 },
		{ "attest in capitals", "\"attest\":\"44", "\"attest\":\"4A",
		    0 },
		{ "attest too short", "\"attest\":\"44", "\"attest\":\"", 0 },
		{ "attest too long", "\"attest\":\"44", "\"attest\":\"4444",
		    0 },
		{ "attest null", "\"" X8("44444444") "\"", "null", 0 },
		{ "attest in base64", "\"" X8("44444444") "\"", "\"RERERERERERE"
		    "RERERERERERERERERERERERERERERERERE=\"", 0 },
		{ "a spec", "\"spec\":{}", "\"spec\":{\"a\":\"\"}", 0 },
		{ "spec a list", "\"spec\":{}", "\"spec\":[]", 0 },
		{ "spec a string", "\"spec\":{}", "\"spec\":\"\"", 0 },
	};

	(void)state;
	check_type(EVENT_CONFIGURATION, configuration, COUNT(configuration));
	check_type(EVENT_INPUT_IMAGE, image, COUNT(image));
	check_type(EVENT_INPUT_RESOURCE, resource, COUNT(resource));
	check_type(EVENT_START, start, COUNT(start));
}

static void
refused_results(void **state)
{
	static const struct wrong timing[] = {
		{ "a spec", "\"spec\":{}", "\"spec\":{\"a\":\"\"}", 0 },
		{ "a local time", "11:06:40Z", "11:06:40+01:00", 0 },
		{ "a fraction", "11:06:40Z", "11:06:40.0Z", 0 },
		{ "small letters", "11:06:40Z", "11:06:40z", 0 },
		{ "a space for the T", "18T11:06", "18 11:06", 0 },
		{ "a day that is not", "2026-11-18", "2026-11-31", 0 },
		{ "a leap second", "11:06:40Z", "11:06:60Z", 0 },
		{ "a number", "\"2026-11-18T11:06:40Z\"", "1795000000", 0 },
		{ "start missing", "\"startedOn\":\"2026-11-18T11:06:40Z\",",
		    "", 0 },
		{ "wall seconds a number", "\"61.042\"", "61.042", 0 },
		{ "wall seconds negative", "61.042", "-61.042", 0 },
		{ "wall seconds with a unit", "61.042", "61.042s", 0 },
		{ "wall seconds empty", "61.042", "", 0 },
	};
	static const struct wrong compute[] = {
		{ "a spec", "\"spec\":{}", "\"spec\":{\"a\":\"\"}", 0 },
		{ "verified", "\"measured\"", "\"verified\"", 0 },
		{ "capitals", "\"measured\"", "\"Measured\"", 0 },
		{ "assurance missing", ",\"assurance\":\"measured\"", "", 0 },
		{ "assurance null", "\"measured\"", "null", 0 },
		{ "value a number", "\"61.042\"", "61.042", 0 },
		{ "value empty", "\"61.042\"", "\"\"", 0 },
		{ "value with an exponent", "\"61.042\"", "\"6e1\"", 0 },
		{ "value negative", "\"61.042\"", "\"-1\"", 0 },
		{ "value with a leading zero", "\"61.042\"", "\"061.042\"",
		    0 },
		{ "value of two zeros", "\"61.042\"", "\"00\"", 0 },
		{ "value of a point", "\"61.042\"", "\".\"", 0 },
		{ "value begins with a point", "\"61.042\"", "\".5\"", 0 },
		{ "value ends with a point", "\"61.042\"", "\"61.\"", 0 },
		{ "value with two points", "\"61.042\"", "\"61.0.2\"", 0 },
		{ "ten digits after the point", "\"61.042\"",
		    "\"61.0123456789\"", 0 },
		{ "value of 41 characters", "\"61.042\"",
		    "\"12345678901234567890123456789012345678901\"", 0 },
		{ "unit a number", "\"s\"", "1", 0 },
		{ "a figure a string", "{\"value\":\"61.042\",\"unit\":\"s\","
		    "\"assurance\":\"measured\"}", "\"61 s\"", 0 },
		{ "unknown member", "\"unit\":\"s\"", "\"unit\":\"s\",\"x\":1",
		    0 },
		{ "a figure twice", "\"wall\":", "\"flops\":", 0 },
	};
	static const struct wrong outputs[] = {
		{ "globs a string", "[\"*.safetensors\",\"config.json\"]",
		    "\"*\"", 0 },
		{ "globs an object", "[\"*.safetensors\",\"config.json\"]",
		    "{}", 0 },
		{ "globs missing", "\"globs\":[\"*.safetensors\","
		    "\"config.json\"]", "", 0 },
		{ "a glob null", "\"globs\":[", "\"globs\":[null,", 0 },
		{ "root of another name", "\"root\"", "\"Root\"", 0 },
		{ "manifest of another name", "\"manifest\"", "\"Manifest\"",
		    0 },
		{ "count a string", "\"count\":3", "\"count\":\"3\"", 0 },
		{ "count missing", "\"count\":3,", "", 0 },
		{ "bytes negative", "\"bytes\":1000023", "\"bytes\":-1", 0 },
		{ "weights of another name", "\"weights\"", "\"weight\"", 0 },
		{ "a weight a string", "\"weights\":[", "\"weights\":[\"a\",",
		    0 },
		{ "a weight without bytes", ",\"bytes\":3}", "}", 0 },
		{ "a weight's name a number", "\"model.safetensors\"", "1",
		    0 },
		{ "a weight's digest in capitals", "\"sha256\":\"a0",
		    "\"sha256\":\"A0", 0 },
		{ "a weight's unknown member", "\"bytes\":3}",
		    "\"bytes\":3,\"x\":1}", 0 },
	};

	(void)state;
	check_type(EVENT_TIMING, timing, COUNT(timing));
	check_type(EVENT_COMPUTE, compute, COUNT(compute));
	check_type(EVENT_OUTPUTS, outputs, COUNT(outputs));
}

/* What an encoder cannot say it does not say. */
static void
not_encoded(void **state)
{
	struct sample s;
	struct writer w;
	struct buf b;

	(void)state;
	sample_fill(&s, true);
	wr_init(&w, 10000);
	s.timing.finished_s = -1;
	event_timing(&w, &s.timing);
	assert_int_equal(wr_end(&w, &b), AC_ERR_LIMIT);
	s.file[0].bytes = JSON_INT_MAX;
	event_outputs(&w, &s.request, &s.outputs);
	assert_int_equal(wr_end(&w, &b), AC_ERR_LIMIT);
	s.file[0].bytes = UINT64_MAX;
	event_outputs(&w, &s.request, &s.outputs);
	assert_int_equal(wr_end(&w, &b), AC_ERR_LIMIT);
	s.input[0].uri = span_str("\xff");
	event_input(&w, &s.input[0], &s.measured[0]);
	assert_int_equal(wr_end(&w, &b), AC_ERR_FORMAT);
	/* No files: no weights, which no decoder takes. */
	s.outputs.nfiles = 0;
	event_outputs(&w, &s.request, &s.outputs);
	assert_ok(wr_end(&w, &b));
	assert_int_equal(decode(buf_span(&b)), AC_ERR_FORMAT);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip_inputs),
		cmocka_unit_test(round_trip_results),
		cmocka_unit_test(round_trip_least),
		cmocka_unit_test(refused_all),
		cmocka_unit_test(refused_as_another_type),
		cmocka_unit_test(refused_inputs),
		cmocka_unit_test(refused_results),
		cmocka_unit_test(not_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
