/* evidence.c -- the TPM's evidence; see evidence.h. */
#include <stdlib.h>

#include "cert/evidence.h"
#include "cert/form.h"
#include "common/text.h"

#define PCRS "(0 x 1 x 2 x 3 x 4 x 5 x 6 x 7 x 8 x 9 x 11 x 12 x 13 x 14 x 15 x)"
#define QUOTE(when) "{when " when " attest s signature s pcrs " PCRS "}"
/* What does not differ between a run and a challenge. */
#define MACHINE "ak {public s certChain [s 2-" FORM_NUMBER(AK_CHAIN_MAX) \
    "]} bootEventLog? s inputsLog [s] outputsLog [s] tlsKey? s " \
    "hclReport? s snp? {report s certChain [s " FORM_NUMBER(SNP_CHAIN_LEN) \
    "-" FORM_NUMBER(SNP_CHAIN_LEN) "]} tdx? s "
#define EVIDENCE "{boundDigest x quotes [" QUOTE("'start'|'end'") " 2-2] " \
    MACHINE "gpu? [*]}"
#define CHALLENGE "{quote " QUOTE("'challenge'") " " MACHINE "image? x}"

static void
write_base64(struct writer *w, const char *before, const struct buf *b)
{
	wr_str(w, before);
	wr_base64(w, buf_span(b));
	wr_u8(w, '"');
}

static void
write_quote(struct writer *w, const char *when, const struct evidence_quote *q)
{
	bool first = true;

	wr_printf(w, "{\"when\":\"%s\"", when);
	write_base64(w, ",\"attest\":\"", &q->attest);
	write_base64(w, ",\"signature\":\"", &q->signature);
	wr_str(w, ",\"pcrs\":{");
	for (unsigned i = 0; i < 16; i++) {
		if ((EVIDENCE_PCRS >> i & 1) == 0)
			continue;
		wr_printf(w, "%s\"%u\":\"", first ? "" : ",", i);
		first = false;
		wr_hex(w, span_digest(&q->pcr[i]));
		wr_u8(w, '"');
	}
	wr_str(w, "}}");
}

static void
write_lines(struct writer *w, const char *before, const struct buf lines[],
    size_t n)
{
	wr_str(w, before);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			wr_u8(w, ',');
		wr_json(w, buf_span(&lines[i]));
	}
	wr_u8(w, ']');
}

/* What does not differ between a run and a challenge. */
static void
write_machine(struct writer *w, const struct evidence *ev)
{
	write_base64(w, "\"ak\":{\"public\":\"", &ev->ak_public);
	wr_str(w, ",\"certChain\":[");
	for (size_t i = 0; i < ev->nchain; i++)
		write_base64(w, i == 0 ? "\"" : ",\"", &ev->chain[i]);
	wr_str(w, "]}");
	if (ev->boot_log.len > 0)
		write_base64(w, ",\"bootEventLog\":\"", &ev->boot_log);
	write_lines(w, ",\"inputsLog\":[", ev->inputs_log, ev->ninputs);
	write_lines(w, ",\"outputsLog\":[", ev->outputs_log, ev->noutputs);
	if (ev->tls_key.len > 0)
		write_base64(w, ",\"tlsKey\":\"", &ev->tls_key);
	if (ev->hcl.len > 0)
		write_base64(w, ",\"hclReport\":\"", &ev->hcl);
	if (ev->snp.len > 0) {
		write_base64(w, ",\"snp\":{\"report\":\"", &ev->snp);
		wr_str(w, ",\"certChain\":[");
		for (size_t i = 0; i < SNP_CHAIN_LEN; i++)
			write_base64(w, i == 0 ? "\"" : ",\"",
			    &ev->snp_chain[i]);
		wr_str(w, "]}");
	}
	if (ev->tdx.len > 0)
		write_base64(w, ",\"tdx\":\"", &ev->tdx);
}

enum ac_err
evidence_encode(struct buf *out, const struct evidence *ev)
{
	struct writer w;

	wr_init(&w, STATEMENT_MAX);
	statement_write_head(&w);
	statement_write_subject(&w, span_str(SUBJECT_PROVENANCE), &ev->bound);
	wr_u8(&w, ',');
	statement_write_subject(&w, span_str(SUBJECT_ROOT), &ev->root);
	statement_write_type(&w, TYPE_EVIDENCE);
	wr_str(&w, "{\"boundDigest\":\"");
	wr_hex(&w, span_digest(&ev->bound));
	wr_str(&w, "\",\"quotes\":[");
	write_quote(&w, "start", &ev->quote[EVIDENCE_START]);
	wr_u8(&w, ',');
	write_quote(&w, "end", &ev->quote[EVIDENCE_END]);
	wr_str(&w, "],");
	write_machine(&w, ev);
	wr_str(&w, "}}");
	return wr_end(&w, out);
}

enum ac_err
evidence_encode_challenge(struct buf *out, const struct evidence *ev,
    const struct digest *image)
{
	struct writer w;

	wr_init(&w, STATEMENT_MAX);
	wr_str(&w, "{\"quote\":");
	write_quote(&w, "challenge", &ev->quote[EVIDENCE_END]);
	wr_u8(&w, ',');
	write_machine(&w, ev);
	if (image != NULL) {
		wr_str(&w, ",\"image\":\"");
		wr_hex(&w, span_digest(image));
		wr_u8(&w, '"');
	}
	wr_u8(&w, '}');
	return wr_end(&w, out);
}

enum ac_err
evidence_append(struct buf **log, size_t *n, struct span line)
{
	struct buf *grown;
	enum ac_err e;

	if (*n >= EVENTS_MAX)
		return AC_ERR_LIMIT;
	grown = realloc(*log, (*n + 1) * sizeof(**log));
	if (grown == NULL)
		return AC_ERR_MEMORY;
	*log = grown;
	e = buf_copy(&grown[*n], line);
	if (e == AC_OK)
		(*n)++;
	return e;
}

static enum ac_err
take_lines(struct buf **log, size_t *n, struct json list)
{
	struct span line;
	enum ac_err e = AC_OK;

	JSON_EACH(j, list)
		if (e == AC_OK && json_string(j, &line))
			e = evidence_append(log, n, line);
	return e;
}

/* base64, which is something where it is there. */
static enum ac_err
take_base64(struct buf *out, struct json j, size_t max)
{
	enum ac_err e = json_present(j) ? json_base64(out, j, max) : AC_OK;

	return e == AC_OK && json_present(j) && out->len == 0 ?
	    AC_ERR_FORMAT : e;
}

static enum ac_err
take_chain(struct buf chain[], size_t *n, struct json list)
{
	enum ac_err e = AC_OK;

	JSON_EACH(j, list)
		if (e == AC_OK)
			e = take_base64(&chain[(*n)++], j, CERT_DER_MAX);
	return e;
}

static enum ac_err
take_quote(struct evidence_quote *q, struct json j, const char *when)
{
	enum ac_err e;
	uint64_t i;

	if (!json_is(json_get(j, "when"), when))
		return AC_ERR_FORMAT;
	JSON_EACH(pcr, json_get(j, "pcrs"))
		if (!text_undec(&i, json_name(pcr), 15) ||
		    !json_digest(pcr, &q->pcr[i]))
			return AC_ERR_FORMAT;
	e = json_base64(&q->attest, json_get(j, "attest"), ATTEST_MAX);
	return e != AC_OK ? e : json_base64(&q->signature,
	    json_get(j, "signature"), ATTEST_MAX);
}

/* Subjects: line 1's D, which is boundDigest, and the root. */
static bool
take_subjects(struct evidence *ev, struct json subjects)
{
	struct json first = json_first(subjects), second = json_next(first);
	struct digest d;
	struct span name;

	return json_count(subjects) == 2 &&
	    statement_subject(first, &name, &d) &&
	    span_is(name, SUBJECT_PROVENANCE) &&
	    statement_subject(second, &name, &ev->root) &&
	    span_is(name, SUBJECT_ROOT) && digest_equal(&d, &ev->bound);
}

static enum ac_err
take_machine(struct evidence *ev, struct json p)
{
	struct json ak = json_get(p, "ak"), snp = json_get(p, "snp");
	const struct {
		struct buf *out;
		struct json j;
		size_t max;
	} parts[] = {
		{ &ev->ak_public, json_get(ak, "public"), TPMT_PUBLIC_MAX },
		{ &ev->boot_log, json_get(p, "bootEventLog"), BOOT_LOG_MAX },
		{ &ev->tls_key, json_get(p, "tlsKey"), CERT_DER_MAX },
		{ &ev->hcl, json_get(p, "hclReport"), REPORT_MAX },
		{ &ev->snp, json_get(snp, "report"), REPORT_MAX },
		{ &ev->tdx, json_get(p, "tdx"), REPORT_MAX },
	};
	enum ac_err e = AC_OK;
	size_t n = 0;

	for (size_t i = 0; e == AC_OK && i < AC_COUNT(parts); i++)
		e = take_base64(parts[i].out, parts[i].j, parts[i].max);
	if (e == AC_OK)
		e = take_chain(ev->chain, &ev->nchain,
		    json_get(ak, "certChain"));
	if (e == AC_OK)
		e = take_chain(ev->snp_chain, &n, json_get(snp, "certChain"));
	if (e == AC_OK)
		e = take_lines(&ev->inputs_log, &ev->ninputs,
		    json_get(p, "inputsLog"));
	if (e == AC_OK)
		e = take_lines(&ev->outputs_log, &ev->noutputs,
		    json_get(p, "outputsLog"));
	return e;
}

enum ac_err
evidence_decode(struct evidence *out, const struct statement *s)
{
	struct json p = s->predicate;
	struct json start = json_first(json_get(p, "quotes"));
	struct evidence ev = { .has_gpu = json_present(json_get(p, "gpu")) };
	enum ac_err e = form_check(p, EVIDENCE, NULL);

	if (e == AC_OK && (!span_is(s->predicate_type, TYPE_EVIDENCE) ||
	    !json_digest(json_get(p, "boundDigest"), &ev.bound) ||
	    !take_subjects(&ev, s->subjects)))
		e = AC_ERR_FORMAT;
	if (e == AC_OK)
		e = take_quote(&ev.quote[EVIDENCE_START], start, "start");
	if (e == AC_OK)
		e = take_quote(&ev.quote[EVIDENCE_END], json_next(start),
		    "end");
	if (e == AC_OK)
		e = take_machine(&ev, p);
	if (e == AC_OK)
		*out = ev; /* transferred */
	else
		evidence_free(&ev);
	return e;
}

enum ac_err
evidence_decode_challenge(struct evidence *out, bool *has_image,
    struct digest *image, struct span text)
{
	struct evidence ev = { 0 };
	struct json_doc doc = { 0 };
	struct json p, root;
	struct digest d = { 0 };
	enum ac_err e = text.len > STATEMENT_MAX ? AC_ERR_LIMIT :
	    json_parse(&doc, text);

	if (e != AC_OK)
		return e;
	p = json_root(&doc);
	root = json_get(p, "image");
	e = form_check(p, CHALLENGE, NULL);
	if (e == AC_OK && json_present(root) && !json_digest(root, &d))
		e = AC_ERR_FORMAT;
	/* Each owns its own bytes. */
	for (size_t i = 0; e == AC_OK && i < 2; i++)
		e = take_quote(&ev.quote[i], json_get(p, "quote"), "challenge");
	if (e == AC_OK)
		e = take_machine(&ev, p);
	if (e == AC_OK) {
		*has_image = json_present(root);
		*image = d;
		*out = ev; /* transferred */
	} else {
		evidence_free(&ev);
	}
	json_free(&doc);
	return e;
}

static void
free_lines(struct buf *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_free(&lines[i]);
	free(lines);
}

void
evidence_free(struct evidence *ev)
{
	for (size_t i = 0; i < 2; i++) {
		buf_free(&ev->quote[i].attest);
		buf_free(&ev->quote[i].signature);
	}
	for (size_t i = 0; i < ev->nchain; i++)
		buf_free(&ev->chain[i]);
	buf_free(&ev->ak_public);
	buf_free(&ev->boot_log);
	buf_free(&ev->tls_key);
	buf_free(&ev->hcl);
	buf_free(&ev->snp);
	for (size_t i = 0; i < SNP_CHAIN_LEN; i++)
		buf_free(&ev->snp_chain[i]);
	buf_free(&ev->tdx);
	free_lines(ev->inputs_log, ev->ninputs);
	free_lines(ev->outputs_log, ev->noutputs);
	*ev = (struct evidence){ 0 };
}
