/*
 * Whole builds under a real swtpm: what the certificate says is what the TPM
 * saw, and whatever goes wrong leaves nothing behind.
 */
#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cert/dsse.h"
#include "cert/oms.h"
#include "common/sha256.h"
#include "producer/build.h"
#include "producer/key.h"
#include "producer/tree.h"
#include "tests/producer/sim.h"
#include "verifier/certificate.h"
#include "verifier/quote.h"

static const char text[] = "some text\n";
static const char note[] = "log.example.org\n0\n"
    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"
    "\xe2\x80\x94 log.example.org AAAAAAAA\n";

struct rig {
	struct simtest sim;
	char chain[96], key[64], config[64], out[64], checkpoint[64];
	struct build_options options;
	struct build_result result;
	struct message why;
	/* What a callback does when the training says something. */
	void (*on_output)(struct rig *t);
	int cancel[2];
	bool waited; /* for the TPM's clock */
	struct spki spki;
	struct digest config_sha256;
};

static struct rig rig; /* the TPM is made once for all tests */

static void
progress(void *arg, struct span sentence)
{
	struct rig *t = arg;
	static const char waits[] = "waiting for the TPM's clock";

	if (memmem(sentence.p, sentence.len, waits, sizeof(waits) - 1) != NULL)
		t->waited = true;
}

static void
output(void *arg, struct span bytes)
{
	struct rig *t = arg;

	(void)bytes;
	if (t->on_output != NULL)
		t->on_output(t);
	t->on_output = NULL;
}

static void
write_config(struct rig *t, const char *command)
{
	struct digest d = sha256_of(span_str(text));
	struct buf b;
	struct writer w;

	wr_init(&w, 4096);
	wr_printf(&w, "version: 2\ntrainer: command\ncommand: [sh, -c, \"%s\"]\n"
	    "inputs: [{name: text, type: dataset, uri: text, role: dataset, "
	    "pin: \"sha256:", command);
	wr_hex(&w, span_digest(&d));
	wr_str(&w, "\"}]\noutputs: [\"**/*.bin\"]\n");
	assert_ok(wr_end(&w, &b));
	t->config_sha256 = sha256_of(buf_span(&b));
	assert_ok(file_write(t->config, buf_span(&b), 0600));
	buf_free(&b);
}

static int
begin(void **state)
{
	struct rig *t = &rig;

	*state = t;
	t->on_output = NULL;
	t->waited = false;
	t->why.text[0] = '\0';
	assert_int_equal(pipe2(t->cancel, O_CLOEXEC), 0);
	(void)snprintf(t->chain, sizeof(t->chain), "%.47s/ak-chain.pem",
	    t->sim.dir);
	(void)snprintf(t->config, sizeof(t->config), "%.31s/job.yaml",
	    t->sim.top);
	(void)snprintf(t->out, sizeof(t->out), "%.31s/model",
	    t->sim.top);
	t->options = (struct build_options){
		.config = t->config, .out = t->out, .key = t->key,
		.checkpoint = t->checkpoint,
		.recorder = {
			.measured = true,
			.attest = { .tcti = (const char *)t->sim.tcti.p,
			    .ak_chain = t->chain, .reset = "reset it" },
			.limits = { .pids = 64, .wall_s = 60 },
			.clock_s = 10,
		},
		.watch = { progress, output, t },
		.cancel_fd = t->cancel[0],
	};
	assert_tpm(tpmsim_reset(t->sim.dir, &t->sim.why), &t->sim.why);
	write_config(t, "mkdir sub && cat /inputs/text > sub/m.bin && "
	    "cp sub/m.bin n.bin && touch log.txt && echo done");
	return 0;
}

/* Beside what the tests made there is nothing but, perhaps, the model. */
static size_t
count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n - 2;
}

static int
finish(void **state)
{
	struct rig *t = *state;

	(void)close(t->cancel[0]);
	(void)close(t->cancel[1]);
	assert_ok(tree_remove(t->out));
	/* tpm, key, key.pub, text, note, job.yaml */
	assert_int_equal(count_entries(t->sim.top), 6);
	return 0;
}

static void
build(struct rig *t)
{
	if (build_model(&t->result, &t->options, &t->why) != AC_OK)
		fail_msg("%s", t->why.text);
}

static void
refused(struct rig *t, enum ac_err err, const char *says)
{
	enum ac_err e = build_model(&t->result, &t->options, &t->why);

	if (e != err || strstr(t->why.text, says) == NULL)
		fail_msg("%d: %s", e, t->why.text);
	assert_int_equal(access(t->out, F_OK), -1);
}

static struct buf
read_out(const struct rig *t, const char *name)
{
	char path[96];
	struct buf b;

	(void)snprintf(path, sizeof(path), "%s/%s", t->out, name);
	assert_ok(file_read(&b, path, MODEL_SIG_MAX));
	return b;
}

static struct certificate *
read_certificate(struct rig *t, struct buf *jsonl)
{
	struct certificate *c = malloc(sizeof(*c));

	assert_non_null(c);
	*jsonl = read_out(t, "aicert.jsonl");
	if (certificate_decode(c, buf_span(jsonl), &t->why) != AC_OK ||
	    certificate_check_builder(c, &t->spki, &t->why) != AC_OK)
		fail_msg("%s", t->why.text);
	return c;
}

static struct digest
replay(const struct buf lines[], size_t n)
{
	struct digest pcr = { { 0 } };

	for (size_t i = 0; i < n; i++) {
		struct digest d = sha256_of(buf_span(&lines[i]));

		pcr = sha256_of2(span_digest(&pcr), span_digest(&d));
	}
	return pcr;
}

static void
check_quote(const struct evidence *ev, enum evidence_when when,
    const struct digest *extra)
{
	const struct evidence_quote *q = &ev->quote[when];
	struct quote_public k;
	struct message why;
	struct quote parsed;

	assert_ok(quote_parse(&parsed, buf_span(&q->attest), &why));
	assert_ok(quote_parse_public(&k, buf_span(&ev->ak_public), &why));
	assert_ok(quote_check_attributes(&k, &why));
	assert_ok(quote_check_signature(buf_span(&q->attest),
	    buf_span(&q->signature), &k, &why));
	assert_ok(quote_check_pcrs(&parsed, &k, EVIDENCE_PCRS, q->pcr, &why));
	assert_true(span_equal(parsed.extra_data, span_digest(extra)));
	assert_true(parsed.safe);
}

/* The certificate, and what the TPM itself still says afterwards. */
static void
measured(void **state)
{
	struct rig *t = *state;
	static const struct digest zero;
	static const enum event_type order[] = { EVENT_CONFIGURATION,
		EVENT_INPUT_RESOURCE, EVENT_START, EVENT_TIMING,
		EVENT_COMPUTE };
	const struct evidence *ev;
	struct digest pcr[TPM_PCRS], d, extra;
	struct certificate *c;
	struct buf jsonl;
	struct tpm *tpm;

	build(t);
	c = read_certificate(t, &jsonl);
	ev = &c->evidence;
	assert_true(c->provenance.measured && c->has_evidence);
	assert_true(digest_equal(&c->line[0].d, &t->result.d));
	assert_true(digest_equal(&c->provenance.root, &t->result.root));
	assert_false(c->provenance.has_image_root);

	extra = dsse_bind_start(&t->config_sha256, span_str(note));
	check_quote(ev, EVIDENCE_START, &extra);
	extra = dsse_bind_end(&c->line[0].d);
	check_quote(ev, EVIDENCE_END, &extra);

	assert_int_equal(ev->ninputs, 5);
	for (size_t i = 0; i < 5; i++) {
		struct event e;

		assert_ok(event_decode(&e, buf_span(&ev->inputs_log[i])));
		assert_int_equal(e.type, order[i]);
		event_free(&e);
	}
	tpm = sim_tpm_open(&t->sim);
	assert_tpm(tpm_pcr_read(tpm, EVIDENCE_PCRS, pcr), &t->sim.why);
	tpm_close(tpm);
	d = replay(ev->inputs_log, 5);
	assert_true(digest_equal(&d, &pcr[14]));
	assert_true(digest_equal(&d, &ev->quote[EVIDENCE_END].pcr[14]));
	d = replay(ev->inputs_log, 2);
	assert_true(digest_equal(&d, &ev->quote[EVIDENCE_START].pcr[14]));
	d = replay(ev->outputs_log, ev->noutputs);
	assert_true(digest_equal(&d, &pcr[8]));
	assert_true(digest_equal(&d, &ev->quote[EVIDENCE_END].pcr[8]));
	assert_true(digest_equal(&zero, &ev->quote[EVIDENCE_START].pcr[8]));
	assert_true(digest_equal(&zero, &pcr[15]));
	certificate_free(c);
	free(c);
	buf_free(&jsonl);
}

/* model.sig, the subjects and the folder name the same files. */
static void
model(void **state)
{
	struct rig *t = *state;
	char pub[SPKI_HINT_MAX];
	struct buf jsonl, sig;
	struct certificate *c;
	struct bundle b;
	struct digest d;
	struct stat st;
	struct oms o;
	char path[96];

	build(t);
	c = read_certificate(t, &jsonl);
	sig = read_out(t, "model.sig");
	assert_ok(bundle_decode(&b, buf_span(&sig), OMS_STATEMENT_MAX));
	spki_hint_oms(pub, &t->spki);
	assert_string_equal(b.hint, pub);
	assert_string_equal(b.keyid, "");
	d = sha256_of(buf_span(&b.statement));
	assert_true(digest_equal(&d, &c->provenance.manifest));
	assert_ok(oms_decode(&o, buf_span(&b.statement)));
	assert_int_equal(o.nfiles, 2);
	assert_true(span_is(o.file[0].name, "n.bin"));
	assert_true(span_is(o.file[1].name, "sub/m.bin"));
	d = sha256_of(span_str(text));
	assert_true(digest_equal(&d, &o.file[1].sha256));
	assert_true(digest_equal(&o.root, &t->result.root));
	/* n.bin, sub, aicert.jsonl, model.sig; no log.txt. */
	assert_int_equal(count_entries(t->out), 4);
	(void)snprintf(path, sizeof(path), "%s/sub/m.bin", t->out);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	oms_free(&o);
	bundle_free(&b);
	buf_free(&sig);
	certificate_free(c);
	free(c);
	buf_free(&jsonl);
}

static void
self_asserted(void **state)
{
	struct rig *t = *state;
	struct certificate *c;
	struct buf jsonl;

	t->options.recorder.measured = false;
	t->options.checkpoint = NULL;
	build(t);
	c = read_certificate(t, &jsonl);
	assert_int_equal(c->nlines, 1);
	assert_false(c->provenance.measured);
	assert_false(json_present(c->provenance.checkpoint));
	certificate_free(c);
	free(c);
	buf_free(&jsonl);
}

/* ---- the TPM says no, or nothing ---- */

static void
extend(struct rig *t, unsigned pcr)
{
	struct digest d = { { 1 } };
	struct tpm *tpm = sim_tpm_open(&t->sim);

	assert_tpm(tpm_pcr_extend(tpm, pcr, &d), &t->sim.why);
	tpm_close(tpm);
}

static void
not_zero(void **state)
{
	struct rig *t = *state;
	static const unsigned pcr[] = { 8, 14, 15 };
	char says[32];

	for (size_t i = 0; i < 3; i++) {
		assert_tpm(tpmsim_reset(t->sim.dir, &t->sim.why),
		    &t->sim.why);
		extend(t, pcr[i]);
		(void)snprintf(says, sizeof(says), "PCR %u is not zero",
		    pcr[i]);
		refused(t, AC_ERR_EXISTS, says);
		assert_non_null(strstr(t->why.text, "reset it"));
	}
}

static void
extend_inputs(struct rig *t)
{
	extend(t, 14);
}

static void
extend_outputs(struct rig *t)
{
	extend(t, 8);
}

static void
extend_boot(struct rig *t)
{
	extend(t, 3);
}

/* Somebody else uses the TPM while it trains. */
static void
extended_inputs(void **state)
{
	struct rig *t = *state;

	t->on_output = extend_inputs;
	refused(t, AC_ERR_MISMATCH, "somebody else extended PCR 14");
}

static void
extended_outputs(void **state)
{
	struct rig *t = *state;

	t->on_output = extend_outputs;
	refused(t, AC_ERR_MISMATCH, "somebody else extended PCR 8");
}

/* What the verifier would refuse (START and END differ) is not signed. */
static void
extended_boot(void **state)
{
	struct rig *t = *state;

	t->on_output = extend_boot;
	refused(t, AC_ERR_MISMATCH, "PCR 3");
}

static void
silent(void **state)
{
	struct rig *t = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char tcti[160];

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%.47s/mute",
	    t->sim.dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	(void)snprintf(tcti, sizeof(tcti), "swtpm:path=%s", at.sun_path);
	t->options.recorder.attest.tcti = tcti;
	refused(t, AC_ERR_IO, "does not answer");
	(void)close(fd);
	(void)unlink(at.sun_path);
}

/*
 * Switch the TPM off without a word, so that its clock may have gone back.
 * swtpm's is safe again at the next multiple of 4096 ms, when it is saved:
 * there shall be more than a second until then.
 */
static void
cut_power(struct rig *t)
{
	struct tpm_clock clock;
	struct tpm *tpm;

	do {
		/* Time goes on only by what a shutdown in order saves. */
		assert_tpm(tpmsim_reset(t->sim.dir, &t->sim.why),
		    &t->sim.why);
		/* From now on its state on the disk is not a shutdown's. */
		extend(t, 3);
		assert_int_equal(kill(sim_process(&t->sim), SIGKILL), 0);
		while (tpmsim_stop(t->sim.dir, &t->sim.why) !=
		    AC_ERR_NOT_FOUND)
			continue;
		assert_tpm(tpmsim_start(t->sim.dir, &t->sim.why),
		    &t->sim.why);
		tpm = sim_tpm_open(&t->sim);
		assert_tpm(tpm_clock(tpm, &clock), &t->sim.why);
		tpm_close(tpm);
	} while (clock.safe || clock.clock_ms % 4096 > 2800);
}

static void
unsafe_clock(void **state)
{
	struct rig *t = *state;

	cut_power(t);
	t->options.recorder.clock_s = 0;
	refused(t, AC_ERR_BUSY, "clock is not safe after 0 seconds");
	assert_false(t->waited);
}

static void
clock_gets_safe(void **state)
{
	struct rig *t = *state;

	cut_power(t);
	build(t);
	assert_true(t->waited);
}

static void
short_ak(void **state)
{
	struct rig *t = *state;

	/* The certificate lasts a year. */
	t->options.recorder.limits.wall_s = 352 * 86400;
	refused(t, AC_ERR_MISMATCH, "--accept-short-ak");
	t->options.recorder.attest.accept_short_ak = true;
	build(t);
}

static void
chain_of_another(void **state)
{
	struct rig *t = *state;

	(void)snprintf(t->chain, sizeof(t->chain), "%.47s/root.pem",
	    t->sim.dir);
	refused(t, AC_ERR_FORMAT, "expected at least leaf and root");
	(void)snprintf(t->chain, sizeof(t->chain), "%.47s/nothing",
	    t->sim.dir);
	refused(t, AC_ERR_NOT_FOUND, "nothing");
}

/* ---- other ends ---- */

static void
cancel(struct rig *t)
{
	assert_int_equal(write(t->cancel[1], "x", 1), 1);
}

static void
cancelled(void **state)
{
	struct rig *t = *state;

	write_config(t, "echo go; sleep 1000");
	t->on_output = cancel;
	refused(t, AC_ERR_BUSY, "interrupted");
}

static void
out_exists(void **state)
{
	struct rig *t = *state;

	assert_int_equal(mkdir(t->out, 0700), 0);
	assert_int_equal(build_model(&t->result, &t->options, &t->why),
	    AC_ERR_EXISTS);
	assert_int_equal(count_entries(t->out), 0);
}

static void
out_nowhere(void **state)
{
	struct rig *t = *state;

	(void)snprintf(t->out, sizeof(t->out), "%.31s/no/model",
	    t->sim.top);
	refused(t, AC_ERR_IO, "cannot make a folder");
}

static void
no_note(void **state)
{
	struct rig *t = *state;

	t->options.checkpoint = t->config;
	refused(t, AC_ERR_FORMAT, "no signed note");
}

static void
no_key(void **state)
{
	struct rig *t = *state;

	t->options.key = t->config;
	assert_int_not_equal(build_model(&t->result, &t->options, &t->why),
	    AC_OK);
	assert_int_equal(access(t->out, F_OK), -1);
}

static int
prepare(struct rig *t)
{
	char path[64];
	int code = sim_begin(&t->sim);

	if (code != 0)
		return code;
	(void)snprintf(t->key, sizeof(t->key), "%.31s/key",
	    t->sim.top);
	(void)snprintf(path, sizeof(path), "%.31s/text",
	    t->sim.top);
	(void)snprintf(t->checkpoint, sizeof(t->checkpoint), "%.31s/note",
	    t->sim.top);
	if (key_create(&t->spki, t->key, &t->why) != AC_OK ||
	    file_create(path, span_str(text), 0600) != AC_OK ||
	    file_create(t->checkpoint, span_str(note), 0600) != AC_OK)
		return 1;
	return 0;
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(measured),
		T(model),
		T(self_asserted),
		T(not_zero),
		T(extended_inputs),
		T(extended_outputs),
		T(extended_boot),
		T(silent),
		T(unsafe_clock),
		T(clock_gets_safe),
		T(short_ak),
		T(chain_of_another),
		T(cancelled),
		T(out_exists),
		T(out_nowhere),
		T(no_note),
		T(no_key),
	};
	enum sandbox_how how;
	struct sandbox_why why;
	int code;

	(void)signal(SIGPIPE, SIG_IGN);
	if (sandbox_check(&how, &why) != AC_OK) {
		(void)printf("skipped: %s\n", why.text);
		return TEST_SKIPPED;
	}
	code = prepare(&rig);
	if (code != 0)
		return code;
	code = cmocka_run_group_tests(tests, NULL, NULL);
	sim_finish(&rig.sim);
	return code;
}
