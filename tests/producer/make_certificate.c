/*
 * make_certificate KEY DIR TAG [measured] [more KEY2]: a model of one file in
 * DIR, with model.sig and aicert.jsonl by KEY.  TAG makes the statement
 * another.  measured: with a made-up evidence line, whose form alone is right;
 * more: with a further statement, signed by KEY2.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cert/dsse.h"
#include "cert/evidence.h"
#include "cert/provenance.h"
#include "common/file.h"
#include "common/sha256.h"
#include "producer/sign.h"

#define WEIGHTS "weights\n"

static void
must(enum ac_err e, const char *what)
{
	if (e == AC_OK)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, ac_strerror(e));
	exit(1);
}

static struct key *
load(const char *path)
{
	struct message why;
	struct key *k = NULL;

	if (key_load(&k, path, &why) != AC_OK) {
		(void)fprintf(stderr, "%s\n", why.text);
		exit(1);
	}
	return k;
}

static void
put(const char *dir, const char *name, struct span data)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	must(file_write(path, data, 0640), path);
}

static void
evidence_line(struct buf *out, const struct digest *d,
    const struct digest *root)
{
	struct evidence ev = { .bound = *d, .root = *root };
	struct writer w;
	struct buf line;

	for (size_t i = 0; i < 2; i++) {
		must(buf_copy(&ev.quote[i].attest, span_str("attest")), "");
		must(buf_copy(&ev.quote[i].signature, span_str("sig")), "");
	}
	must(buf_copy(&ev.ak_public, span_str("public")), "");
	ev.nchain = 2;
	must(buf_copy(&ev.chain[0], span_of("\x30\x00", 2)), "");
	must(buf_copy(&ev.chain[1], span_of("\x30\x01", 2)), "");
	wr_init(&w, 4096);
	event_start(&w, d);
	must(wr_end(&w, &line), "event");
	must(evidence_append(&ev.inputs_log, &ev.ninputs, buf_span(&line)), "");
	must(evidence_append(&ev.outputs_log, &ev.noutputs, buf_span(&line)),
	    "");
	buf_free(&line);
	must(evidence_encode(out, &ev), "evidence");
	evidence_free(&ev);
}

/* Append the signed statement. */
static void
add(struct writer *w, struct span statement, const struct key *k)
{
	struct buf line;

	must(sign_line(&line, statement, k), "sign");
	wr_bytes(w, buf_span(&line));
	buf_free(&line);
}

int
main(int argc, char **argv)
{
	struct span command = span_str("true"), glob = span_str("*");
	struct request request = { .config_name = span_str("aicert.yaml"),
		.trainer = span_str("command"), .command = &command,
		.ncommand = 1, .output = &glob, .noutputs = 1 };
	struct oms_file file = { span_str("model.safetensors"),
		sha256_of(span_str(WEIGHTS)), strlen(WEIGHTS) };
	struct outputs outputs = { .file = &file, .nfiles = 1 };
	struct timing timing = { 1795000000, 1795000061, 61000 };
	struct provenance p = { .request = &request,
		.sandbox = span_str("{}"), .outputs = &outputs,
		.version = "test", .timing = &timing };
	struct buf s, oms, sig, jsonl;
	struct writer w;
	struct digest d;
	struct key *k;
	int i = 4;

	if (argc < 4) {
		(void)fprintf(stderr, "usage: make_certificate KEY DIR TAG "
		    "[measured] [more KEY2]\n");
		return 2;
	}
	k = load(argv[1]);
	p.invocation_id = argv[3];
	p.measured = i < argc && strcmp(argv[i], "measured") == 0;
	i += p.measured ? 1 : 0;
	request.builder_key = spki_digest(key_spki(k));
	must(oms_encode(&oms, &file, 1, oms_ignore, OMS_NIGNORE), "oms");
	outputs.root = oms_root(&file, 1);
	outputs.manifest = sha256_of(buf_span(&oms));
	must(provenance_encode(&s, &p), "provenance");
	d = dsse_digest(buf_span(&s));
	wr_init(&w, CERTIFICATE_MAX);
	add(&w, buf_span(&s), k);
	buf_free(&s);
	if (p.measured) {
		evidence_line(&s, &d, &outputs.root);
		add(&w, buf_span(&s), k);
		buf_free(&s);
	}
	if (i + 1 < argc && strcmp(argv[i], "more") == 0) {
		struct key *other = load(argv[i + 1]);
		struct writer more;

		wr_init(&more, STATEMENT_MAX);
		statement_write_head(&more);
		statement_write_subject(&more, span_str("oms-root"),
		    &outputs.root);
		statement_write_type(&more, "https://example.org/result/v1");
		wr_str(&more, "{}}");
		must(wr_end(&more, &s), "more");
		add(&w, buf_span(&s), other);
		buf_free(&s);
		key_free(other);
	}
	must(wr_end(&w, &jsonl), "certificate");
	must(sign_model(&sig, buf_span(&oms), k), "model.sig");
	put(argv[2], "model.safetensors", span_str(WEIGHTS));
	put(argv[2], "model.sig", buf_span(&sig));
	put(argv[2], "aicert.jsonl", buf_span(&jsonl));
	buf_free(&jsonl);
	buf_free(&oms);
	buf_free(&sig);
	key_free(k);
	return 0;
}
