/* Line 1: from typed values to S and back, and wrong in every member. */
#include "common/sha256.h"
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

static enum ac_err
decode(struct span bytes)
{
	struct statement s = { 0 };
	struct provenance_view v;
	enum ac_err e = statement_decode(&s, bytes);

	if (e == AC_OK)
		e = provenance_view(&v, &s);
	statement_free(&s);
	return e;
}

static void
assert_subject(struct json j, struct span name, const struct digest *d)
{
	struct span got_name;
	struct digest got;

	assert_true(statement_subject(j, &got_name, &got));
	assert_true(span_equal(got_name, name));
	assert_true(digest_equal(&got, d));
}

static void
assert_hex(struct json j, const struct digest *want)
{
	struct digest d;

	assert_true(json_digest(j, &d));
	assert_true(digest_equal(&d, want));
}

static void
check_dependencies(const struct sample *s, struct json j)
{
	struct json digest = json_get(j, "digest");
	struct json notes = json_get(j, "annotations");
	uint64_t n;

	assert_true(json_is(json_get(j, "name"), "trainer"));
	assert_hex(json_get(digest, "sha256"), &s->image.sha256);
	assert_true(json_closed(notes, "role root manifest"));
	assert_true(json_is(json_get(notes, "role"), "image"));
	assert_hex(json_get(notes, "root"), &s->image.root);
	assert_hex(json_get(notes, "manifest"), &s->image.manifest);
	j = json_next(j);
	digest = json_get(j, "digest");
	notes = json_get(j, "annotations");
	assert_true(json_closed(digest, "sha256"));
	assert_hex(json_get(digest, "sha256"), &s->measured[0].sha256);
	assert_true(json_closed(notes, "role bytes"));
	assert_true(json_uint(json_get(notes, "bytes"), &n, JSON_INT_MAX) &&
	    n == s->measured[0].bytes);
	j = json_next(j);
	digest = json_get(j, "digest");
	notes = json_get(j, "annotations");
	assert_true(json_is(json_get(j, "uri"), "https://h.example/b"));
	assert_true(json_is(json_get(digest, "gitCommit"),
	    s->measured[1].git_commit));
	assert_true(json_closed(notes, "role license certificate manifest "
	    "bytes"));
	assert_true(json_is(json_get(notes, "license"), "Apache-2.0"));
	assert_hex(json_get(notes, "manifest"), &s->measured[1].manifest);
	assert_false(json_present(json_next(j)));
}

static void
round_trip(void **state)
{
	struct statement st = { 0 };
	struct provenance_view v;
	struct buf b, note = { 0 }, line;
	struct event ev = { 0 };
	struct sample s;

	(void)state;
	sample_fill(&s, true);
	b = sample_provenance(&s);
	assert_ok(statement_decode(&st, buf_span(&b)));
	assert_ok(provenance_view(&v, &st));
	assert_true(digest_equal(&v.root, &s.outputs.root));
	assert_true(digest_equal(&v.manifest, &s.outputs.manifest));
	assert_int_equal(json_count(st.subjects), 4);
	assert_subject(v.weights, s.file[0].name, &s.file[0].sha256);
	assert_subject(json_next(v.weights), s.file[2].name,
	    &s.file[2].sha256);
	assert_true(digest_equal(&v.builder_key, &s.request.builder_key));
	assert_true(v.measured);
	assert_true(v.has_image_root);
	assert_true(digest_equal(&v.image_root, &s.provenance.image_root));
	assert_ok(json_base64(&note, v.checkpoint, NOTE_MAX));
	assert_true(span_equal(buf_span(&note), s.provenance.checkpoint));
	assert_true(json_is(json_get(json_get(v.internal, "sandbox"), "kind"),
	    "bubblewrap"));
	assert_true(json_is(json_get(v.metadata, "invocationId"), "run-1"));
	check_dependencies(&s, json_first(v.dependencies));
	assert_int_equal(v.unjudged, 0);

	/* What was asked and what it took are the events' own objects. */
	line = sample_event(&s, EVENT_CONFIGURATION);
	assert_ok(event_decode(&ev, buf_span(&line)));
	assert_true(json_equal(v.external, ev.spec));
	event_free(&ev);
	buf_free(&line);
	line = sample_event(&s, EVENT_COMPUTE);
	assert_ok(event_decode(&ev, buf_span(&line)));
	assert_true(json_equal(v.compute, ev.resolved));
	event_free(&ev);
	buf_free(&line);
	line = sample_event(&s, EVENT_TIMING);
	assert_ok(event_decode(&ev, buf_span(&line)));
	assert_true(json_equal(json_get(v.metadata, "startedOn"),
	    json_get(ev.resolved, "startedOn")));
	assert_true(json_equal(json_get(v.metadata, "finishedOn"),
	    json_get(ev.resolved, "finishedOn")));
	event_free(&ev);
	buf_free(&line);
	statement_free(&st);
	buf_free(&note);
	buf_free(&b);
}

static void
round_trip_least(void **state)
{
	struct statement st = { 0 };
	struct provenance_view v;
	struct sample s;
	struct buf b;

	(void)state;
	sample_fill(&s, false);
	b = sample_provenance(&s);
	assert_ok(statement_decode(&st, buf_span(&b)));
	assert_ok(provenance_view(&v, &st));
	assert_false(v.measured || v.has_image_root);
	assert_false(json_present(v.checkpoint));
	assert_int_equal(json_count(v.dependencies), 0);
	assert_int_equal(json_count(v.compute), 0);
	assert_true(json_present(v.compute));
	statement_free(&st);
	buf_free(&b);
}

#define A "{\"name\":\"a/b.safetensors\""
#define ZEROS "{\"sha256\":\"" \
    "0000000000000000000000000000000000000000000000000000000000000000\"}"

static void
refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "other predicate type", "slsa.dev/provenance/v1",
		    "slsa.dev/provenance/v0.2", 0 },
		{ "first subject another", "\"oms-root\"", "\"oms-roots\"", 0 },
		{ "second subject another", "\"oms-manifest\"",
		    "\"manifest\"", 0 },
		{ "root twice", "\"oms-manifest\"", "\"oms-root\"", 0 },
		{ "subjects in other order", "\"subject\":[", "\"subject\":["
		    "{\"name\":\"oms-manifest\",\"digest\":" ZEROS "},", 0 },
		{ "a weight file first", "\"subject\":[", "\"subject\":["
		    "{\"name\":\"a\",\"digest\":" ZEROS "},", 0 },
		{ "a weight file called oms-root", A, "{\"name\":\"oms-root\"",
		    0 },
		{ "a weight file called oms-manifest", A,
		    "{\"name\":\"oms-manifest\"", 0 },
		{ "weight files not in order", A, "{\"name\":\"z\"", 0 },
		{ "a weight file twice", A, "{\"name\":\"model.safetensors\"",
		    0 },
		{ "a weight file outside", A, "{\"name\":\"../b\"", 0 },
		{ "a weight file without name", A, "{\"uri\":\"a\"", 0 },
		{ "a weight file with SHA-512 too", "\"sha256\":\"a0",
		    "\"sha512\":\"00\",\"sha256\":\"a0", 0 },
		{ "a weight file with annotations", A ",", A
		    ",\"annotations\":{},", 0 },
		{ "other build type", "/training/v1", "/training/v2", 0 },
		{ "build type missing", "\"buildType\"", "\"BuildType\"", 0 },
		{ "definition missing", "\"buildDefinition\"",
		    "\"builddefinition\"", 0 },
		{ "definition a list", "\"buildDefinition\":",
		    "\"buildDefinition\":[],\"x\":", 0 },
		{ "external parameters missing", "\"externalParameters\"",
		    "\"external\"", 0 },
		{ "an external parameter more", "\"externalParameters\":{",
		    "\"externalParameters\":{\"network\":\"none\",", 0 },
		{ "an external parameter less", "\"trainer\":\"command\",", "",
		    0 },
		{ "builder's key missing", "\"builderKey\"", "\"key\"", 0 },
		{ "internal parameters a list", "\"internalParameters\":",
		    "\"internalParameters\":[],\"x\":", 0 },
		{ "sandbox missing", "\"sandbox\"", "\"Sandbox\"", 0 },
		{ "sandbox a string", "\"sandbox\":", "\"sandbox\":\"none\","
		    "\"x\":", 0 },
		{ "checkpoint an object", "\"logCheckpointAtStart\":",
		    "\"logCheckpointAtStart\":{},\"x\":", 0 },
		{ "checkpoint null", "\"logCheckpointAtStart\":",
		    "\"logCheckpointAtStart\":null,\"x\":", 0 },
		{ "dependencies an object", "\"resolvedDependencies\":",
		    "\"resolvedDependencies\":{},\"x\":", 0 },
		{ "dependencies missing", "\"resolvedDependencies\"",
		    "\"dependencies\"", 0 },
		{ "unknown builder", "/builder/measured/v1",
		    "/builder/measured/v2", 0 },
		{ "somebody else's builder", "\"id\":\"https://aicert.",
		    "\"id\":\"https://github.", 0 },
		{ "builder missing", "\"builder\"", "\"Builder\"", 0 },
		{ "builder's id a number", "\"id\":", "\"id\":1,\"x\":", 0 },
		{ "image under another name", "[{\"name\":\"image\"",
		    "[{\"name\":\"Image\"", 0 },
		{ "two images", "\"builderDependencies\":[",
		    "\"builderDependencies\":[{\"name\":\"image\",\"digest\":"
		    ZEROS "},", 0 },
		{ "no image in the list", "\"builderDependencies\":[",
		    "\"builderDependencies\":[],\"x\":[", 0 },
		{ "image list null", "\"builderDependencies\":",
		    "\"builderDependencies\":null,\"x\":", 0 },
		{ "image's digest in capitals", "\"sha256\":\"77",
		    "\"sha256\":\"7A", 0 },
		{ "run details missing", "\"runDetails\"", "\"details\"", 0 },
		{ "metadata missing", "\"metadata\"", "\"Metadata\"", 0 },
		{ "invocation missing", "\"invocationId\"",
		    "\"invocationID\"", 0 },
		{ "start without zone", "06:40Z\",\"fin", "06:40\",\"fin", 0 },
		{ "end missing", "\"finishedOn\"", "\"finished\"", 0 },
		{ "figure verified", "\"measured\"}", "\"verified\"}", 0 },
		{ "figures a list", "/compute/v1\":", "/compute/v1\":[],\"x\":",
		    0 },
		{ "unknown member of the statement", "\"subject\"",
		    "\"x\":1,\"subject\"", 0 },
		{ "predicate a list", "\"predicate\":", "\"predicate\":[],\"x\":",
		    0 },
	};
	struct sample s;
	struct buf b;

	(void)state;
	sample_fill(&s, true);
	b = sample_provenance(&s);
	wrong_check(buf_span(&b), wrong, COUNT(wrong), decode);
	wrong_check_truncated(buf_span(&b), decode);
	buf_free(&b);
}

/* What is not ours is counted, wherever it stands. */
static void
unjudged(void **state)
{
	static const char *const inside[] = { "\"predicate\":{",
		"\"buildDefinition\":{", "\"internalParameters\":{",
		"\"runDetails\":{", "\"builder\":{", "\"metadata\":{" };
	struct statement st = { 0 };
	struct provenance_view v;
	struct sample s;
	struct buf b;

	(void)state;
	sample_fill(&s, true);
	b = sample_provenance(&s);
	for (size_t i = 0; i < COUNT(inside); i++) {
		char to[64];
		struct buf other;

		(void)snprintf(to, sizeof(to), "%s\"x\":{\"y\":0.5},\"z\":[],",
		    inside[i]);
		other = wrong_make(buf_span(&b), inside[i], to);
		assert_ok(statement_decode(&st, buf_span(&other)));
		assert_ok(provenance_view(&v, &st));
		assert_int_equal(v.unjudged, 2);
		statement_free(&st);
		buf_free(&other);
	}
	buf_free(&b);
}

/* A statement without any weight file is none of a training. */
static void
no_weights(void **state)
{
	struct statement st = { 0 };
	struct provenance_view v;
	struct sample s;
	struct buf b;

	(void)state;
	sample_fill(&s, true);
	s.outputs.nfiles = 0;
	b = sample_provenance(&s);
	assert_ok(statement_decode(&st, buf_span(&b)));
	assert_int_equal(provenance_view(&v, &st), AC_ERR_FORMAT);
	statement_free(&st);
	buf_free(&b);
}

static void
not_encoded(void **state)
{
	static char name[WEIGHTS_MAX + 1][16];
	static struct oms_file file[WEIGHTS_MAX + 1];
	struct sample s;
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i <= WEIGHTS_MAX; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "%04u.bin",
		    (unsigned)i % 10000U);
		file[i].name = span_str(name[i]);
	}
	sample_fill(&s, true);
	s.outputs.file = file;
	s.outputs.nfiles = WEIGHTS_MAX;
	assert_ok(provenance_encode(&b, &s.provenance));
	assert_ok(decode(buf_span(&b)));
	buf_free(&b);
	s.outputs.nfiles = WEIGHTS_MAX + 1;
	assert_int_equal(provenance_encode(&b, &s.provenance), AC_ERR_LIMIT);
	s.outputs.nfiles = 1;
	file[0].name = span_str("oms-root");
	assert_int_equal(provenance_encode(&b, &s.provenance), AC_ERR_FORMAT);
	file[0].name = span_str("oms-manifest");
	assert_int_equal(provenance_encode(&b, &s.provenance), AC_ERR_FORMAT);
	file[0].name = span_str("../x.bin");
	assert_int_equal(provenance_encode(&b, &s.provenance), AC_ERR_FORMAT);
	sample_fill(&s, true);
	s.timing.started_s = -1;
	assert_int_equal(provenance_encode(&b, &s.provenance), AC_ERR_LIMIT);
	sample_fill(&s, true);
	s.request.trainer = span_str("\xff");
	assert_int_equal(provenance_encode(&b, &s.provenance), AC_ERR_FORMAT);
	assert_null(b.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(round_trip_least),
		cmocka_unit_test(refused),
		cmocka_unit_test(unjudged),
		cmocka_unit_test(no_weights),
		cmocka_unit_test(not_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
