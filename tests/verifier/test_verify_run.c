/*
 * Steps 14 to 16: events that are not what the PCRs hold or follow no
 * grammar, statements that do not follow from the events, and files.
 */
#include "common/sha256.h"
#include "tests/verifier/rows.h"

#define ACCEPTING                                                             \
	"log @log\nlog-time @time\nquorum none\nbuilder test @builder\n"      \
	"ak-root @root sim simulated unmeasured-boot\n"

#define REPLAY .step = VERIFY_REPLAY, .status = VERIFY_FAILED
#define ENTAIL .step = VERIFY_ENTAILMENT, .status = VERIFY_FAILED
#define UNWANTED .step = VERIFY_ENTAILMENT, .status = VERIFY_NOT_ACCEPTED
#define FILES .step = VERIFY_FILES, .status = VERIFY_FAILED

#define LOG &f->ev.inputs_log, &f->ev.ninputs
#define OUT &f->ev.outputs_log, &f->ev.noutputs

/* Lines of the inputs log: configuration, corpus, base, start, timing, ... */
static void
event_twice(struct fixture *f, size_t i)
{
	const struct buf *line = &f->ev.inputs_log[i];
	char text[4096];

	assert_true(line->len < sizeof(text));
	memcpy(text, line->p, line->len);
	text[line->len] = '\0';
	fixture_insert_event(LOG, i + 1, text);
}

static void
swap(struct fixture *f, size_t a, size_t b)
{
	struct buf line = f->ev.inputs_log[a];

	f->ev.inputs_log[a] = f->ev.inputs_log[b];
	f->ev.inputs_log[b] = line;
}

HOOK(input_dropped, fixture_drop_event(LOG, 1));
HOOK(last_dropped, fixture_drop_event(LOG, f->ev.ninputs - 1));
HOOK(start_dropped, fixture_drop_event(LOG, 3));
HOOK(input_again, event_twice(f, 1));
HOOK(configuration_again, event_twice(f, 0));
HOOK(start_again, event_twice(f, 3));
HOOK(timing_again, event_twice(f, 4));
HOOK(inputs_swapped, swap(f, 1, 2));
HOOK(timing_first, swap(f, 4, 5));
HOOK(input_before_configuration, swap(f, 0, 1));
HOOK(one_more, fixture_append_event(LOG, "{\"event_type\":\"note\"}"));
HOOK(no_timing, f->no_timing = true);
HOOK(no_compute, f->no_compute = true);
HOOK(no_outputs, fixture_drop_event(OUT, 0));
HOOK(unknown_event, fixture_insert_event(LOG, 3, "{\"event_type\":\"note\","
    "\"content\":{\"spec\":{},\"resolved\":{}}}"));
HOOK(original_event, fixture_insert_event(LOG, 1,
    "{\"event_type\":\"build_request\",\"content\":{\"spec\":{},"
    "\"resolved\":{}}}"));
HOOK(no_json, fixture_insert_event(LOG, 3, "plain text"));
HOOK(empty_line, fixture_insert_event(LOG, 3, ""));

/* An input after the start, with PCRs that say the same. */
static void
input_after_start(struct fixture *f)
{
	event_twice(f, 2);
	swap(f, 3, 4);
}

static void
outputs_twice(struct fixture *f)
{
	struct buf *line = &f->ev.outputs_log[0];
	struct buf copy;

	assert_ok(buf_copy(&copy, buf_span(line)));
	assert_ok(evidence_append(OUT, buf_span(&copy)));
	buf_free(&copy);
}

/* The outputs event among the inputs, and an input among the outputs. */
static void
outputs_in_inputs(struct fixture *f)
{
	assert_ok(evidence_append(LOG, buf_span(&f->ev.outputs_log[0])));
}

static void
start_in_outputs(struct fixture *f)
{
	fixture_set(&f->ev.outputs_log[0], buf_span(&f->ev.inputs_log[3]));
}

HOOK(with_key, f->tls_key = span_str("a key of the VM"));
HOOK(key_added, fixture_set(&f->ev.tls_key, span_str("a key of the VM")));
HOOK(key_changed, f->ev.tls_key.p[0] ^= 1);
HOOK(key_dropped, buf_free(&f->ev.tls_key));

/* A local build on a machine where PCR 15 was used. */
static void
pcr_15_used(struct fixture *f)
{
	f->ev.quote[0].pcr[15] = sha256_of(span_str("extended by somebody"));
}

static void
with_key_then(struct fixture *f, fixture_hook *then)
{
	if (f->stage == FIXTURE_SETUP)
		with_key(f);
	if (f->stage == FIXTURE_EVIDENCE)
		then(f);
}

/* No change to what the PCRs hold: only the stated log is another. */
#define STATED .at = FIXTURE_EVIDENCE
#define EXTENDED .at = FIXTURE_EVENTS

static const struct row replayed[] = {
	{ .name = "the dishonest builder: an input's digest changed", STATED,
	  .from = "\"resolved\":{\"sha256\":\"3a6e",
	  .to = "\"resolved\":{\"sha256\":\"0000", REPLAY,
	  .says = "the events do not replay to PCR 14" },
	{ .name = "an input's uri changed", STATED,
	  .from = "example.org/corpus", .to = "example.org/curpus", REPLAY,
	  .says = "PCR 14" },
	{ .name = "a figure changed", STATED, .from = "\"123456\"",
	  .to = "\"123457\"", REPLAY, .says = "PCR 14" },
	{ .name = "the start event changed", STATED,
	  .from = "\"attest\":\"", .to = "\"attest\": \"", REPLAY,
	  .says = "PCR 14" },
	{ .name = "white space", STATED, .from = "{\"event_type\"",
	  .to = "{ \"event_type\"", REPLAY, .says = "PCR 14" },
	{ .name = "an input dropped", STATED, .hook = input_dropped, REPLAY,
	  .says = "PCR 14" },
	{ .name = "the last event dropped", STATED, .hook = last_dropped,
	  REPLAY, .says = "PCR 14" },
	{ .name = "the start event dropped", STATED, .hook = start_dropped,
	  REPLAY, .says = "PCR 14" },
	{ .name = "an event added", STATED, .hook = one_more, REPLAY,
	  .says = "PCR 14" },
	{ .name = "an event twice", STATED, .hook = input_again, REPLAY,
	  .says = "PCR 14" },
	{ .name = "events in another order", STATED, .hook = inputs_swapped,
	  REPLAY, .says = "PCR 14" },
	{ .name = "outputs changed", STATED, .from = "\"globs\":[\"*\"]",
	  .to = "\"globs\":[\"**\"]", REPLAY, .says = "PCR 8" },
	{ .name = "outputs stated twice", STATED, .hook = outputs_twice,
	  REPLAY, .says = "PCR 8" },
	{ .name = "no outputs stated", STATED, .hook = no_outputs, REPLAY,
	  .says = "PCR 8" },
	{ .name = "a TLS key, PCR 15 is zero", STATED, .hook = key_added,
	  REPLAY, .says = "PCR 15" },
	{ .name = "no TLS key, PCR 15 is not zero", .at = FIXTURE_START_PCRS,
	  .hook = pcr_15_used, REPLAY, .says = "PCR 15" },
	{ .name = "a TLS key", .hook = with_key },
	/* The PCRs hold these events. */
	{ .name = "two configurations", EXTENDED,
	  .hook = configuration_again, .step = VERIFY_BINDINGS,
	  .status = VERIFY_FAILED, .says = "PCR 14" },
	{ .name = "two configurations before START",
	  .at = FIXTURE_INPUT_EVENTS, .hook = configuration_again, REPLAY,
	  .says = "event 2, configuration, stands where" },
	{ .name = "an input before the configuration",
	  .at = FIXTURE_INPUT_EVENTS, .hook = input_before_configuration,
	  REPLAY, .says = "event 2, configuration, stands where" },
	{ .name = "an input after the start", EXTENDED,
	  .hook = input_after_start, REPLAY,
	  .says = "event 5, input_resource, stands where" },
	{ .name = "two starts", EXTENDED, .hook = start_again, REPLAY,
	  .says = "event 5, start, stands where" },
	{ .name = "two timings", EXTENDED, .hook = timing_again, REPLAY,
	  .says = "event 6, timing, stands where" },
	{ .name = "figures before the timing", EXTENDED,
	  .hook = timing_first, REPLAY, .says = "event 6, timing" },
	{ .name = "no timing", .hook = no_timing, REPLAY,
	  .says = "there is no timing event" },
	{ .name = "no figures", .hook = no_compute, REPLAY,
	  .says = "there is no compute_consumed event" },
	{ .name = "an unknown event", .at = FIXTURE_INPUT_EVENTS,
	  .hook = unknown_event, REPLAY, .says = "event 4 is malformed" },
	{ .name = "an event of the original",
	  .at = FIXTURE_INPUT_EVENTS, .hook = original_event, REPLAY,
	  .says = "event 2 is malformed" },
	{ .name = "a line that is no JSON", .at = FIXTURE_INPUT_EVENTS,
	  .hook = no_json, REPLAY, .says = "event 4 is malformed" },
	{ .name = "an empty line", .at = FIXTURE_INPUT_EVENTS,
	  .hook = empty_line, REPLAY, .says = "event 4 is malformed" },
	{ .name = "an unknown event at the end", EXTENDED, .hook = one_more,
	  REPLAY, .says = "event 7 is malformed" },
	{ .name = "a member twice", .at = FIXTURE_INPUT_EVENTS,
	  .from = "{\"event_type\"",
	  .to = "{\"event_type\":\"start\",\"event_type\"", REPLAY,
	  .says = "event 1 is malformed" },
	{ .name = "outputs twice", EXTENDED, .hook = outputs_twice, REPLAY,
	  .says = "PCR 8: expected exactly one outputs event" },
	{ .name = "no outputs", EXTENDED, .hook = no_outputs, REPLAY,
	  .says = "PCR 8: expected exactly one outputs event" },
	{ .name = "outputs among the inputs", EXTENDED,
	  .hook = outputs_in_inputs, REPLAY, .says = "outputs, stands where" },
	{ .name = "another event among the outputs", EXTENDED,
	  .hook = start_in_outputs, REPLAY,
	  .says = "PCR 8: expected exactly one outputs event" },
};

static void
replays(void **state)
{
	(void)state;
	rows_run(ROWS(replayed));
}

static void
change_key(struct fixture *f)
{
	with_key_then(f, key_changed);
}

static void
drop_key(struct fixture *f)
{
	with_key_then(f, key_dropped);
}

/* A VM with a key in PCR 15, of which the evidence says otherwise. */
static void
tls_keys(void **state)
{
	fixture_hook *const hooks[] = { change_key, drop_key };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rows_result r = { 0 };
		struct fixture f;

		fixture_make(&f, &rows_keys, NULL, hooks[i]);
		rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
		assert_int_equal(r.verdict, VERIFY_NOT_VERIFIED);
		assert_int_equal(r.v->step[VERIFY_REPLAY].status,
		    VERIFY_FAILED);
		assert_non_null(strstr(r.v->step[VERIFY_REPLAY].text.text,
		    "PCR 15"));
		rows_mutate("TLS keys", &f);
		rows_free(&r);
		fixture_free(&f);
	}
}

/* ---- Step 15: S says something else than the events. ---- */

#define SAYS .at = FIXTURE_STATEMENT

HOOK(with_image, f->request.has_image = true);
HOOK(no_licence, f->input[0].license = span_of(NULL, 0));
HOOK(no_figures, f->nfigures = 0);
HOOK(pinned_otherwise, f->found[0].sha256.b[0] ^= 1);
/* The digest of its download is all zeros. */
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000"
HOOK(download_pinned, (f->found[0].has_download = true,
    f->input[0].pin = span_str("download:sha256:" ZEROS "000")));
HOOK(download_otherwise, (f->found[0].has_download = true,
    f->input[0].pin = span_str("download:sha256:" ZEROS "001")));
HOOK(download_missing,
    f->input[0].pin = span_str("download:sha256:" ZEROS "000"));
HOOK(certified_input, f->input[1].certificate = span_str("0123"));

/* Swap the two resolvedDependencies. */
static void
dependencies_swapped(struct fixture *f)
{
	static const char head[] = "\"resolvedDependencies\":[";
	uint8_t *a = memmem(f->statement.p, f->statement.len, head,
	    strlen(head)), *b, *end;
	size_t na, nb;
	uint8_t copy[4096];

	assert_non_null(a);
	a += strlen(head);
	b = memmem(a, f->statement.len - (size_t)(a - f->statement.p),
	    "}},{", 4);
	assert_non_null(b);
	b += 3;
	end = memmem(b, f->statement.len - (size_t)(b - f->statement.p),
	    "}}]", 3);
	assert_non_null(end);
	end += 2;
	na = (size_t)(b - 1 - a);
	nb = (size_t)(end - b);
	assert_true(na < sizeof(copy));
	memcpy(copy, a, na);
	memmove(a, b, nb);
	a[nb] = ',';
	memcpy(a + nb + 1, copy, na);
}

/* Cut out from up to and including to. */
static void
cut(struct buf *b, const char *from, const char *to)
{
	uint8_t *p = memmem(b->p, b->len, from, strlen(from)), *q;

	assert_non_null(p);
	q = memmem(p, b->len - (size_t)(p - b->p), to, strlen(to));
	assert_non_null(q);
	q += strlen(to);
	memmove(p, q, b->len - (size_t)(q - b->p));
	b->len -= (size_t)(q - p);
}

HOOK(dependency_missing, cut(&f->statement, ",{\"name\":\"base\",\"uri\":"
    "\"https://example.org/base\",\"digest\"", "}}"));
HOOK(weight_missing, cut(&f->statement, ",{\"name\":\"model.safetensors\"",
    "}}"));
HOOK(compute_missing, cut(&f->statement,
    ",\"https://aicert.mithrilsecurity.io/compute/v1\":", "}}"));

/* The run of another list of files, signed by the right key. */
static void
other_manifest(struct fixture *f)
{
	fixture_replace(&f->manifest, "config.json", "config.yaml");
}

static void
manifest_after(struct fixture *f)
{
	other_manifest(f);
	fixture_set(&f->model_sig.statement, buf_span(&f->manifest));
	fixture_sign(&f->model_sig, f->signer[2]);
	f->file[0].name = span_str("config.yaml"); /* as is the folder's */
}

/* A digest in the outputs event, which S follows or not. */
static void
outputs_field(struct fixture *f, const char *name)
{
	char head[32];
	struct buf *b = &f->ev.outputs_log[0];
	uint8_t *at;

	(void)snprintf(head, sizeof(head), "\"%s\":\"", name);
	at = memmem(b->p, b->len, head, strlen(head));
	assert_non_null(at);
	at += strlen(head);
	*at = *at == '0' ? '1' : '0';
}

HOOK(event_root, outputs_field(f, "root"));
HOOK(event_manifest, outputs_field(f, "manifest"));
HOOK(event_weight, outputs_field(f, "sha256"));

#define WEIGHT ",{\"name\":\"model.safetensors\","

static const struct row entailed[] = {
	{ .name = "a dependency's digest", SAYS,
	  .from = "\"digest\":{\"sha256\":\"3a6e",
	  .to = "\"digest\":{\"sha256\":\"0000", ENTAIL,
	  .says = "dependencies" },
	{ .name = "a dependency's uri", SAYS,
	  .from = "example.org/corpus\",\"digest\"",
	  .to = "example.org/curpus\",\"digest\"", ENTAIL,
	  .says = "dependencies" },
	{ .name = "a dependency's role", SAYS,
	  .from = "\"annotations\":{\"role\":\"dataset\"",
	  .to = "\"annotations\":{\"role\":\"code\"", ENTAIL,
	  .says = "dependencies" },
	{ .name = "a dependency's licence", SAYS,
	  .from = "\"role\":\"dataset\",\"license\":\"Apache-2.0\",\"bytes\"",
	  .to = "\"role\":\"dataset\",\"license\":\"CC0-1.0\",\"bytes\"",
	  ENTAIL, .says = "dependencies" },
	{ .name = "a dependency's licence left out", SAYS,
	  .from = "\"role\":\"dataset\",\"license\":\"Apache-2.0\",\"bytes\"",
	  .to = "\"role\":\"dataset\",\"bytes\"", ENTAIL,
	  .says = "dependencies" },
	{ .name = "a dependency's manifest", SAYS,
	  .from = "\"manifest\":\"", .to = "\"manifest\":\"0", ENTAIL,
	  .says = "dependencies" },
	{ .name = "a dependency's size", SAYS, .from = "\"bytes\":1001",
	  .to = "\"bytes\":1002", ENTAIL, .says = "dependencies" },
	{ .name = "a dependency's download", SAYS,
	  .from = "\"bytes\":1001",
	  .to = "\"bytes\":1001,\"download\":{\"sha256\":\"00\",\"bytes\":1}",
	  ENTAIL, .says = "dependencies" },
	{ .name = "a dependency's certificate", SAYS,
	  .from = "\"license\":\"MIT\",\"manifest\"",
	  .to = "\"license\":\"MIT\",\"certificate\":\"00\",\"manifest\"",
	  ENTAIL, .says = "dependencies" },
	{ .name = "a dependency's git commit", SAYS,
	  .from = "adc8b7\"},\"annotations\"",
	  .to = "adc8b7\",\"gitCommit\":\"00\"},\"annotations\"", ENTAIL,
	  .says = "dependencies" },
	{ .name = "a member more of a dependency's digest", SAYS,
	  .from = "\"},\"annotations\":{",
	  .to = "\",\"sha512\":\"00\"},\"annotations\":{", ENTAIL,
	  .says = "dependencies" },
	{ .name = "dependencies in another order", SAYS,
	  .hook = dependencies_swapped, ENTAIL, .says = "dependencies" },
	{ .name = "a dependency missing", SAYS, .hook = dependency_missing,
	  ENTAIL, .says = "dependencies" },
	{ .name = "a dependency more", SAYS,
	  .from = "\"resolvedDependencies\":[",
	  .to = "\"resolvedDependencies\":[{\"name\":\"x\",\"uri\":\"x\","
	  "\"digest\":{\"sha256\":\"00\"},\"annotations\":{}},", ENTAIL,
	  .says = "dependencies" },
	{ .name = "a dependency more at the end", SAYS,
	  .from = "}}]},\"runDetails\"",
	  .to = "}},{\"name\":\"x\",\"uri\":\"x\",\"digest\":{\"sha256\":"
	  "\"00\"},\"annotations\":{}}]},\"runDetails\"", ENTAIL,
	  .says = "dependencies" },
	{ .name = "a measured digest that is not the pin's",
	  .hook = pinned_otherwise, ENTAIL,
	  .says = "measured as another digest than its pin" },
	{ .name = "a download that is not the pin's",
	  .hook = download_otherwise, ENTAIL,
	  .says = "measured as another digest than its pin" },
	{ .name = "a pinned download that there was not",
	  .hook = download_missing, ENTAIL,
	  .says = "measured as another digest than its pin" },
	{ .name = "a pinned download", .hook = download_pinned },
	{ .name = "externalParameters: command", SAYS,
	  .from = "\"--steps=5\"", .to = "\"--steps=6\"", ENTAIL,
	  .says = "externalParameters" },
	{ .name = "externalParameters: seed", SAYS, .from = "\"seed\":42",
	  .to = "\"seed\":43", ENTAIL, .says = "externalParameters" },
	{ .name = "externalParameters: an input's pin", SAYS,
	  .from = "sha256:3a6e", .to = "sha256:0000", ENTAIL,
	  .says = "externalParameters" },
	{ .name = "externalParameters: env", SAYS, .from = "\"env\":{}",
	  .to = "\"env\":{\"LANG\":\"C\"}", ENTAIL,
	  .says = "externalParameters" },
	{ .name = "a reported figure", SAYS, .from = "\"123456\"",
	  .to = "\"999999\"", ENTAIL, .says = "figures" },
	{ .name = "a measured figure", SAYS, .from = "\"12.345\"",
	  .to = "\"12.346\"", ENTAIL, .says = "wallSeconds" },
	{ .name = "a figure's assurance", SAYS,
	  .from = "\"assurance\":\"reported\"",
	  .to = "\"assurance\":\"measured\"", ENTAIL, .says = "figures" },
	{ .name = "a figure that the event has not", SAYS,
	  .from = "/compute/v1\":{",
	  .to = "/compute/v1\":{\"flops\":{\"value\":\"1\",\"unit\":\"1\","
	  "\"assurance\":\"measured\"},", ENTAIL, .says = "figures" },
	{ .name = "no figures", SAYS, .hook = compute_missing, ENTAIL,
	  .says = "figures" },
	{ .name = "no figures at all", .hook = no_figures },
	{ .name = "startedOn", SAYS, .from = "\"startedOn\":\"2025",
	  .to = "\"startedOn\":\"2024", ENTAIL, .says = "start and end" },
	{ .name = "finishedOn", SAYS, .from = "\"finishedOn\":\"2025",
	  .to = "\"finishedOn\":\"2026", ENTAIL, .says = "start and end" },
	{ .name = "a weight file missing among the subjects", SAYS,
	  .hook = weight_missing, .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "subjects" },
	{ .name = "a subject more", SAYS, .from = WEIGHT,
	  .to = ",{\"name\":\"config.json\",\"digest\":{\"sha256\":\"00000000"
	  "00000000000000000000000000000000000000000000000000000000\"}}"
	  WEIGHT, ENTAIL, .says = "the subjects are not the weight files" },
	{ .name = "a subject more at the end", SAYS,
	  .from = "}}],\"predicateType\"",
	  .to = "}},{\"name\":\"x\",\"digest\":{\"sha256\":\"00000000000000000"
	  "00000000000000000000000000000000000000000000000\"}}],"
	  "\"predicateType\"", ENTAIL,
	  .says = "the subjects are not the weight files" },
	{ .name = "a weight file's name", SAYS,
	  .from = "\"model.safetensors\"", .to = "\"other.safetensors\"",
	  ENTAIL, .says = "the subjects are not the weight files" },
	{ .name = "a weight file's digest", SAYS,
	  .from = "\"model.safetensors\",\"digest\":{\"sha256\":\"",
	  .to = "\"model.safetensors\",\"digest\":{\"sha256\":\"0",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED },
	{ .name = "model.sig of other names", .at = FIXTURE_BUNDLES,
	  .hook = manifest_after, ENTAIL,
	  .says = "model.sig is not the manifest" },
	{ .name = "outputs: root", EXTENDED, .hook = event_root, ENTAIL,
	  .says = "outputs" },
	{ .name = "outputs: manifest", EXTENDED, .hook = event_manifest,
	  ENTAIL, .says = "outputs" },
	{ .name = "outputs: a weight's digest", EXTENDED,
	  .hook = event_weight, ENTAIL, .says = "weights" },
	{ .name = "outputs: a weight's name", EXTENDED,
	  .from = "\"model.safetensors\"", .to = "\"other.safetensors\"",
	  ENTAIL, .says = "weights" },
	{ .name = "outputs: a weight more", EXTENDED,
	  .from = "\"weights\":[",
	  .to = "\"weights\":[{\"name\":\"x.bin\",\"sha256\":\"00000000000000"
	  "00000000000000000000000000000000000000000000000000\",\"bytes\":1},",
	  ENTAIL, .says = "weights" },
	{ .name = "outputs: a weight more at the end", EXTENDED,
	  .from = "}]}}}",
	  .to = "},{\"name\":\"x.bin\",\"sha256\":\"00000000000000000000000000"
	  "00000000000000000000000000000000000000\",\"bytes\":1}]}}}", ENTAIL,
	  .says = "weights" },
	{ .name = "outputs: count", EXTENDED, .from = "\"count\":3",
	  .to = "\"count\":4", ENTAIL, .says = "outputs" },
	{ .name = "outputs: globs", EXTENDED, .from = "\"globs\":[\"*\"]",
	  .to = "\"globs\":[\"*.bin\"]", ENTAIL, .says = "outputs" },
	{ .name = "an input with a certificate", .hook = certified_input,
	  .step = VERIFY_LINEAGE, .status = VERIFY_NOT_CHECKED,
	  .says = "claimed, not verified" },
};

static void
entailments(void **state)
{
	(void)state;
	rows_run(ROWS(entailed));
}

/* ---- The same without evidence ---- */

#define ALLOWED                                                               \
	"log @log\nlog-time @time\nquorum none\nbuilder test @builder\n"      \
	"allow self-asserted\n"

static const struct row *self_row;

static void
self_asserted(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		fixture_self_asserted(f);
	if (f->stage != FIXTURE_STATEMENT)
		return;
	if (self_row->hook != NULL)
		self_row->hook(f);
	else
		fixture_replace(&f->statement, self_row->from, self_row->to);
}

static const struct row unmeasured[] = {
	{ .name = "a dependency's uri",
	  .from = "example.org/corpus\",\"digest\"",
	  .to = "example.org/curpus\",\"digest\"",
	  .says = "not the inputs" },
	{ .name = "a dependency's name", .from = "[{\"name\":\"corpus\",\"uri\"",
	  .to = "[{\"name\":\"purpus\",\"uri\"", .says = "not the inputs" },
	{ .name = "a dependency missing", .hook = dependency_missing,
	  .says = "not the inputs" },
	{ .name = "dependencies in another order",
	  .hook = dependencies_swapped, .says = "not the inputs" },
	{ .name = "a weight file's name", .from = "\"model.safetensors\"",
	  .to = "\"other.safetensors\"", .says = "the subjects are not the weight files" },
	{ .name = "a subject more at the end",
	  .from = "}}],\"predicateType\"",
	  .to = "}},{\"name\":\"x\",\"digest\":{\"sha256\":\"00000000000000000"
	  "00000000000000000000000000000000000000000000000\"}}],"
	  "\"predicateType\"", .says = "the subjects are not the weight files" },
};

static void
self_asserted_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unmeasured) / sizeof(unmeasured[0]);
	    i++) {
		const struct verify_result *s;
		struct rows_result r = { 0 };
		struct fixture f;

		self_row = &unmeasured[i];
		fixture_make(&f, &rows_keys, ALLOWED, self_asserted);
		rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
		s = &r.v->step[VERIFY_ENTAILMENT];
		if (r.verdict != VERIFY_NOT_VERIFIED ||
		    s->status != VERIFY_FAILED ||
		    strstr(s->text.text, self_row->says) == NULL)
			fail_msg("%s: %s", self_row->name, s->text.text);
		rows_mutate(self_row->name, &f);
		rows_free(&r);
		fixture_free(&f);
	}
}

/* An image whose dependency is another than its event says. */
static void
image_then(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		with_image(f);
	if (f->stage == FIXTURE_STATEMENT)
		fixture_replace(&f->statement, "{\"role\":\"image\",\"root\":\"",
		    "{\"role\":\"image\",\"root\":\"0");
}

/* An input of the configuration that was never measured. */
static void
input_unmeasured(struct fixture *f)
{
	if (f->stage == FIXTURE_INPUT_EVENTS)
		fixture_drop_event(LOG, 2);
	if (f->stage == FIXTURE_STATEMENT)
		dependency_missing(f);
}

static void
two_wrongs(void **state)
{
	fixture_hook *const hooks[] = { image_then, input_unmeasured };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rows_result r = { 0 };
		struct fixture f;

		fixture_make(&f, &rows_keys, NULL, hooks[i]);
		rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
		assert_int_equal(r.v->step[VERIFY_ENTAILMENT].status,
		    VERIFY_FAILED);
		assert_non_null(strstr(r.v->step[VERIFY_ENTAILMENT].text.text,
		    "dependencies"));
		assert_int_equal(r.verdict, VERIFY_NOT_VERIFIED);
		rows_mutate("two wrongs", &f);
		rows_free(&r);
		fixture_free(&f);
	}
}

static const struct row judged[] = {
	{ .name = "a denied input",
	  .policy = ACCEPTING "deny input sha256:@data\n", UNWANTED,
	  .says = "denies input \"corpus\"" },
	{ .name = "another input denied",
	  .policy = ACCEPTING "deny input sha256:@root\n" },
	{ .name = "the same digest of another algorithm denied",
	  .policy = ACCEPTING "deny input sha512:@data\n" },
	{ .name = "licences allowed",
	  .policy = ACCEPTING "allow licence MIT Apache-2.0\n" },
	{ .name = "licences allowed on two lines",
	  .policy = ACCEPTING "allow licence MIT\nallow licence Apache-2.0\n" },
	{ .name = "a licence not allowed",
	  .policy = ACCEPTING "allow licence MIT\n", UNWANTED,
	  .says = "does not allow the licence of \"corpus\"" },
	{ .name = "part of a licence's name",
	  .policy = ACCEPTING "allow licence MIT Apache\n", UNWANTED,
	  .says = "does not allow the licence of \"corpus\"" },
	{ .name = "no licence, the list is closed", .hook = no_licence,
	  .policy = ACCEPTING "allow licence MIT Apache-2.0\n", UNWANTED,
	  .says = "does not allow the licence of \"corpus\"" },
	{ .name = "no licence, no list", .hook = no_licence },
	{ .name = "an image", .hook = with_image },
	{ .name = "an image on the list", .hook = with_image,
	  .policy = ACCEPTING "container ours sha256:@image\n" },
	{ .name = "an image on another line", .hook = with_image,
	  .policy = ACCEPTING "container a sha256:@root\n"
	  "container ours sha256:@image\n" },
	{ .name = "an image not on the list", .hook = with_image,
	  .policy = ACCEPTING "container a sha256:@root\n", UNWANTED,
	  .says = "lists no container \"trainer\"" },
	{ .name = "a denied image", .hook = with_image,
	  .policy = ACCEPTING "deny input sha256:@image\n", UNWANTED,
	  .says = "denies input \"trainer\"" },
	{ .name = "an image, and licences of the inputs",
	  .hook = with_image,
	  .policy = ACCEPTING "allow licence MIT Apache-2.0\n" },
	{ .name = "no image, though the policy lists one",
	  .policy = ACCEPTING "container a sha256:@root\n", UNWANTED,
	  .says = "container" },
};

static void
judgements(void **state)
{
	(void)state;
	rows_run(ROWS(judged));
}

/* ---- Step 16 ---- */

HOOK(file_missing, f->nfolder--);
HOOK(all_missing, f->nfolder = 0);
HOOK(file_differs, f->folder[1].sha256.b[0] ^= 1);
HOOK(file_renamed, f->folder[0].name = span_str("config.jsoo"));

static void
first_missing(struct fixture *f)
{
	f->nfolder--;
	memmove(f->folder, f->folder + 1, f->nfolder * sizeof(f->folder[0]));
}

static void
file_extra(struct fixture *f)
{
	f->folder[f->nfolder++] = (struct oms_file){
		.name = span_str("vocabulary.txt") };
}

static void
file_extra_first(struct fixture *f)
{
	memmove(f->folder + 1, f->folder, f->nfolder * sizeof(f->folder[0]));
	f->folder[0].name = span_str("a\x1b[31m\n");
	f->nfolder++;
}

static void
two_exchanged(struct fixture *f)
{
	struct digest d = f->folder[0].sha256;

	f->folder[0].sha256 = f->folder[1].sha256;
	f->folder[1].sha256 = d;
}

static const struct row file[] = {
	{ .name = "the last file missing", .at = FIXTURE_RESULT,
	  .hook = file_missing, FILES,
	  .says = "missing file \"trainer_state.json\"" },
	{ .name = "the first file missing", .at = FIXTURE_RESULT,
	  .hook = first_missing, FILES,
	  .says = "missing file \"config.json\"" },
	{ .name = "no file at all", .at = FIXTURE_RESULT,
	  .hook = all_missing, FILES, .says = "missing file" },
	{ .name = "a file more", .at = FIXTURE_RESULT, .hook = file_extra,
	  FILES, .says = "extra file \"vocabulary.txt\"" },
	{ .name = "a file more, of a name that is no text",
	  .at = FIXTURE_RESULT, .hook = file_extra_first, FILES,
	  .says = "extra file \"a\\x1b[31m\\x0a\"" },
	{ .name = "a file differs", .at = FIXTURE_RESULT,
	  .hook = file_differs, FILES,
	  .says = "file \"model.safetensors\" differs: expected sha256" },
	{ .name = "a file renamed", .at = FIXTURE_RESULT,
	  .hook = file_renamed, FILES, .says = "config.js" },
	{ .name = "two files exchanged", .at = FIXTURE_RESULT,
	  .hook = two_exchanged, FILES, .says = "\"config.json\" differs" },
};

static void
files(void **state)
{
	(void)state;
	rows_run(ROWS(file));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays),
		cmocka_unit_test(tls_keys),
		cmocka_unit_test(entailments),
		cmocka_unit_test(self_asserted_ones),
		cmocka_unit_test(two_wrongs),
		cmocka_unit_test(judgements),
		cmocka_unit_test(files),
	};

	return rows_main("verify_run", ROWS(tests));
}
