/* sample.c -- a made-up training run; see sample.h. */
#include <stdlib.h>

#include "cert/checkpoint.h"
#include "cert/dsse.h"
#include "cert/leaf.h"
#include "cert/note.h"
#include "common/sha256.h"
#include "tests/cert/sample.h"

#define STARTED 1795000000

static void
must(enum ac_err e)
{
	if (e != AC_OK)
		abort();
}

struct digest
sample_digest(uint8_t byte)
{
	struct digest d;

	memset(d.b, byte, sizeof(d.b));
	return d;
}

struct spki
sample_key(void)
{
	uint8_t point[SPKI_POINT_LEN];
	struct spki key;

	point[0] = 4;
	memset(point + 1, 0x5a, sizeof(point) - 1);
	spki_from_point(&key, point);
	return key;
}

static void
fill_request(struct sample *s, bool full)
{
	struct spki key = sample_key();
	struct request *r = &s->request;

	s->command[0] = span_str("sh");
	s->command[1] = span_str("-c");
	s->command[2] = span_str("train --say \"\xc3\xa9\\\n\x01\"");
	s->output[0] = span_str("*.safetensors");
	s->output[1] = span_str("config.json");
	s->env[0] = (struct request_env){ span_str("EPOCHS"), span_str("3") };
	s->env[1] = (struct request_env){ span_str("LANG"), span_str("") };
	s->input[0] = (struct request_input){ .name = span_str("text"),
		.type = span_str("file"), .uri = span_str("file:GPL-3"),
		.pin = span_str("sha256:11"), .role = span_str("dataset") };
	s->input[1] = (struct request_input){ .name = span_str("base"),
		.type = span_str("git"), .uri = span_str("https://h.example/b"),
		.pin = span_str("sha1:22"), .role = span_str("base-model") };
	*r = (struct request){ .config_name = span_str("aicert.yaml"),
		.config_sha256 = sample_digest(0xc0),
		.builder_key = spki_digest(&key),
		.trainer = span_str("command"), .command = s->command,
		.ncommand = full ? 3 : 0, .input = s->input,
		.ninputs = full ? 2 : 0, .output = s->output,
		.noutputs = 2, .env = s->env, .nenv = full ? 2 : 0 };
	if (!full)
		return;
	s->input[1].license = span_str("Apache-2.0");
	s->input[1].certificate = span_str("00ff");
	r->has_image = true;
	r->image = (struct request_input){ .name = span_str("trainer"),
		.uri = span_str("oci://h.example/trainer"),
		.pin = span_str("sha256:33") };
	r->has_seed = true;
	r->seed = 9007199254740991;
}

static void
fill_measured(struct sample *s)
{
	s->image = (struct measured){ .sha256 = sample_digest(0x33),
		.manifest = sample_digest(0x34), .root = sample_digest(0x35),
		.tree = true, .bytes = 4096 };
	s->measured[0] = (struct measured){ .sha256 = sample_digest(0x11),
		.bytes = 35149 };
	s->measured[1] = (struct measured){ .sha256 = sample_digest(0x22),
		.tree = true, .manifest = sample_digest(0x23),
		.git_commit = "0123456789abcdef0123456789abcdef01234567",
		.bytes = 0 };
}

static void
fill_outputs(struct sample *s)
{
	struct oms_file *f = s->file;
	struct buf list;

	f[0] = (struct oms_file){ span_str("a/b.safetensors"),
		sample_digest(0xa0), 1000000 };
	f[1] = (struct oms_file){ span_str("config.json"),
		sample_digest(0xa1), 20 };
	f[2] = (struct oms_file){ span_str("model.safetensors"),
		sample_digest(0xa2), 3 };
	list = sample_oms(s);
	s->outputs = (struct outputs){ f, SAMPLE_NFILES,
		oms_root(f, SAMPLE_NFILES), sha256_of(buf_span(&list)) };
	buf_free(&list);
}

void
sample_fill(struct sample *s, bool full)
{
	static const char note[] = "log.example.org\n0\n";

	*s = (struct sample){ 0 };
	fill_request(s, full);
	fill_measured(s);
	fill_outputs(s);
	s->timing = (struct timing){ STARTED, STARTED + 61, 61042 };
	s->figure[0] = (struct figure){ "flops", "123456789012345678901234",
		"FLOP", "derived" };
	s->figure[1] = (struct figure){ "wall", "61.042", "s", "measured" };
	s->figure[2] = (struct figure){ "loss", "0.5", "nat", "reported" };
	s->provenance = (struct provenance){ .request = &s->request,
		.sandbox = span_str("{\"kind\":\"bubblewrap\"}"),
		.image = &s->image, .input = s->measured,
		.outputs = &s->outputs, .measured = full, .version = "0.1.0",
		.invocation_id = "run-1", .timing = &s->timing,
		.figure = s->figure, .nfigures = full ? SAMPLE_NFIGURES : 0 };
	if (!full)
		return;
	s->provenance.checkpoint = span_str(note);
	s->provenance.has_image_root = true;
	s->provenance.image_root = sample_digest(0x77);
}

struct buf
sample_provenance(const struct sample *s)
{
	struct buf out = { 0 };

	must(provenance_encode(&out, &s->provenance));
	return out;
}

struct buf
sample_oms(const struct sample *s)
{
	struct buf out = { 0 };

	must(oms_encode(&out, s->file, SAMPLE_NFILES, oms_ignore, OMS_NIGNORE));
	return out;
}

struct buf
sample_event(const struct sample *s, enum event_type type)
{
	struct digest attest = sample_digest(0x44);
	struct buf out = { 0 };
	struct writer w;

	wr_init(&w, STATEMENT_MAX);
	switch (type) {
	case EVENT_CONFIGURATION:
		event_configuration(&w, &s->request);
		break;
	case EVENT_INPUT_IMAGE:
		event_image(&w, &s->request.image, &s->image);
		break;
	case EVENT_INPUT_RESOURCE:
		event_input(&w, &s->input[1], &s->measured[1]);
		break;
	case EVENT_START:
		event_start(&w, &attest);
		break;
	case EVENT_TIMING:
		event_timing(&w, &s->timing);
		break;
	case EVENT_COMPUTE:
		event_compute(&w, s->figure, SAMPLE_NFIGURES);
		break;
	case EVENT_OUTPUTS:
		event_outputs(&w, &s->request, &s->outputs);
		break;
	}
	must(wr_end(&w, &out));
	return out;
}

/* Append the line of type to a log, which is one of evidence's. */
static void
append(struct buf **log, size_t *n, const struct sample *s,
    enum event_type type)
{
	struct buf line = sample_event(s, type);

	must(evidence_append(log, n, buf_span(&line)));
	buf_free(&line);
}

struct evidence
sample_evidence(const struct sample *s, bool full)
{
	struct buf statement = sample_provenance(s);
	struct evidence ev = { .bound = dsse_digest(buf_span(&statement)),
		.root = s->outputs.root };

	buf_free(&statement);
	for (size_t i = 0; i < 2; i++) {
		uint8_t tag = (uint8_t)i;

		must(buf_copy(&ev.quote[i].attest, span_of("\xff" "TCG", 4)));
		must(buf_copy(&ev.quote[i].signature, span_of(&tag, 1)));
		for (unsigned pcr = 0; pcr < 16; pcr++)
			if ((EVIDENCE_PCRS >> pcr & 1) != 0)
				ev.quote[i].pcr[pcr] =
				    sample_digest((uint8_t)(16 * i + pcr));
	}
	must(buf_copy(&ev.ak_public, span_str("public")));
	ev.nchain = full ? AK_CHAIN_MAX : 2;
	for (size_t i = 0; i < ev.nchain; i++)
		must(buf_copy(&ev.chain[i], span_of("\x30\x01\x02\x03", i % 4 + 1)));
	append(&ev.inputs_log, &ev.ninputs, s, EVENT_CONFIGURATION);
	append(&ev.inputs_log, &ev.ninputs, s, EVENT_START);
	append(&ev.outputs_log, &ev.noutputs, s, EVENT_OUTPUTS);
	if (full) {
		append(&ev.inputs_log, &ev.ninputs, s, EVENT_TIMING);
		must(buf_copy(&ev.boot_log, span_of("\0log", 4)));
		must(buf_copy(&ev.tls_key, span_str("spki")));
		must(buf_copy(&ev.hcl, span_str("HCLA")));
		must(buf_copy(&ev.snp, span_str("snp")));
		for (size_t i = 0; i < SNP_CHAIN_LEN; i++)
			must(buf_copy(&ev.snp_chain[i], span_str("amd")));
		must(buf_copy(&ev.tdx, span_str("td")));
	}
	return ev;
}

struct buf
sample_note(void)
{
	struct checkpoint c = { span_str("log.example.org"), 5,
		sample_digest(0x99) };
	struct note_key log = { "log.example.org", NOTE_ED25519, { 1 } };
	struct note_key witness = { "witness.example.net/w1", NOTE_COSIGNATURE,
		{ 2 } };
	uint8_t sig[64];
	struct buf out = { 0 };
	struct writer w;

	memset(sig, 0xab, sizeof(sig));
	wr_init(&w, NOTE_MAX);
	checkpoint_write(&w, &c);
	wr_u8(&w, '\n');
	note_signature_write(&w, &log, 0, sig);
	note_signature_write(&w, &witness, STARTED, sig);
	must(wr_end(&w, &out));
	return out;
}

struct bundle
sample_bundle(struct span statement, bool logged)
{
	struct digest d = dsse_digest(statement);
	struct spki key = sample_key();
	struct bundle b = { .siglen = 70, .logged = logged };

	spki_hint(b.hint, &key);
	spki_hint(b.keyid, &key);
	memset(b.sig, 0x30, b.siglen);
	must(buf_copy(&b.statement, statement));
	if (!logged)
		return b;
	b.entry = (struct bundle_entry){ .top_index = 3, .index = 3,
		.log_id = sample_digest(0x66), .root = sample_digest(0x99),
		.size = 5, .nproof = 3 };
	for (size_t i = 0; i < b.entry.nproof; i++)
		b.entry.proof[i] = sample_digest((uint8_t)(0xe0 + i));
	b.entry.checkpoint = sample_note();
	must(leaf_encode(&b.entry.body, &d, span_of(b.sig, b.siglen), &key));
	return b;
}

struct buf
sample_bundle_line(const struct bundle *b)
{
	struct buf out = { 0 };
	struct writer w;

	wr_init(&w, CERTIFICATE_MAX);
	bundle_write(&w, b);
	must(wr_end(&w, &out));
	return out;
}

struct buf
sample_evidence_bytes(const struct evidence *ev)
{
	struct buf out = { 0 };

	must(evidence_encode(&out, ev));
	return out;
}

struct release
sample_release(bool full)
{
	struct release r = { .uki = sample_digest(0x31),
		.root = sample_digest(0x32), .name = span_str("aicert-vm"),
		.version = span_str("1.0"), .stub = span_str("252.39-1~deb12u2"),
		.ntuples = 1 };

	r.tuple[0] = (struct release_tuple){ .firmware = span_str("ovmf"),
		.pcr4 = sample_digest(0x44), .pcr11 = sample_digest(0x4b) };
	if (!full)
		return r;
	r.debug = true;
	r.ntuples = 2;
	r.tuple[1] = r.tuple[0];
	r.tuple[1].secure_boot = true;
	r.tuple[1].has_pcr9 = true;
	r.tuple[1].pcr4 = sample_digest(0x54);
	r.tuple[1].pcr9 = sample_digest(0x59);
	r.ncontainers = 1;
	r.container[0] = (struct release_container){ span_str("trainer"),
		sample_digest(0xc0) };
	return r;
}

struct buf
sample_release_bytes(const struct release *r)
{
	struct buf out = { 0 };

	must(release_encode(&out, r));
	return out;
}
