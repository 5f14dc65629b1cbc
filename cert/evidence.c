/* evidence.c -- the TPM's evidence; see evidence.h. */
#include <stdio.h>
#include <stdlib.h>

#include "cert/evidence.h"

#define MEMBERS "boundDigest quotes ak bootEventLog? inputsLog outputsLog " \
    "tlsKey? hclReport? snp? tdx? gpu?"

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
	write_base64(&w, "],\"ak\":{\"public\":\"", &ev->ak_public);
	wr_str(&w, ",\"certChain\":[");
	for (size_t i = 0; i < ev->nchain; i++)
		write_base64(&w, i == 0 ? "\"" : ",\"", &ev->chain[i]);
	wr_str(&w, "]}");
	if (ev->boot_log.len > 0)
		write_base64(&w, ",\"bootEventLog\":\"", &ev->boot_log);
	write_lines(&w, ",\"inputsLog\":[", ev->inputs_log, ev->ninputs);
	write_lines(&w, ",\"outputsLog\":[", ev->outputs_log, ev->noutputs);
	if (ev->tls_key.len > 0)
		write_base64(&w, ",\"tlsKey\":\"", &ev->tls_key);
	if (ev->hcl.len > 0)
		write_base64(&w, ",\"hclReport\":\"", &ev->hcl);
	if (ev->snp.len > 0) {
		write_base64(&w, ",\"snp\":{\"report\":\"", &ev->snp);
		wr_str(&w, ",\"certChain\":[");
		for (size_t i = 0; i < SNP_CHAIN_LEN; i++)
			write_base64(&w, i == 0 ? "\"" : ",\"",
			    &ev->snp_chain[i]);
		wr_str(&w, "]}");
	}
	if (ev->tdx.len > 0)
		write_base64(&w, ",\"tdx\":\"", &ev->tdx);
	wr_str(&w, "}}");
	return wr_end(&w, out);
}

static enum ac_err
decode_pcrs(struct digest pcr[16], struct json j)
{
	struct json m = json_first(j);

	if (!json_is_object(j))
		return AC_ERR_FORMAT;
	for (unsigned i = 0; i < 16; i++) {
		char name[4];

		if ((EVIDENCE_PCRS >> i & 1) == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%u", i);
		if (!json_present(m) || !span_is(json_name(m), name) ||
		    !json_digest(m, &pcr[i]))
			return AC_ERR_FORMAT;
		m = json_next(m);
	}
	return json_present(m) ? AC_ERR_FORMAT : AC_OK;
}

static enum ac_err
decode_quote(struct evidence_quote *q, struct json j, const char *when)
{
	enum ac_err e;

	if (!json_closed(j, "when attest signature pcrs") ||
	    !json_is(json_get(j, "when"), when))
		return AC_ERR_FORMAT;
	e = json_base64(&q->attest, json_get(j, "attest"), ATTEST_MAX);
	if (e == AC_OK)
		e = json_base64(&q->signature, json_get(j, "signature"),
		    ATTEST_MAX);
	if (e == AC_OK)
		e = decode_pcrs(q->pcr, json_get(j, "pcrs"));
	return e;
}

static enum ac_err
decode_ak(struct evidence *ev, struct json ak)
{
	struct json chain = json_get(ak, "certChain");
	enum ac_err e;

	if (!json_closed(ak, "public certChain") || !json_is_array(chain) ||
	    json_count(chain) < 2)
		return AC_ERR_FORMAT;
	e = json_base64(&ev->ak_public, json_get(ak, "public"),
	    TPMT_PUBLIC_MAX);
	for (struct json j = json_first(chain); e == AC_OK && json_present(j);
	    j = json_next(j)) {
		if (ev->nchain == AK_CHAIN_MAX)
			return AC_ERR_LIMIT;
		e = json_base64(&ev->chain[ev->nchain], j, CERT_DER_MAX);
		if (e == AC_OK)
			ev->nchain++;
	}
	return e;
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
decode_lines(struct buf **log, size_t *n, struct json list)
{
	struct span line;
	enum ac_err e = AC_OK;

	if (!json_is_array(list))
		return AC_ERR_FORMAT;
	for (struct json j = json_first(list); e == AC_OK && json_present(j);
	    j = json_next(j)) {
		if (!json_string(j, &line))
			return AC_ERR_FORMAT;
		e = evidence_append(log, n, line);
	}
	return e;
}

/* An optional base64 member; absent leaves *out empty, "" is refused. */
static enum ac_err
decode_optional(struct buf *out, struct json j, size_t max)
{
	enum ac_err e;

	if (!json_present(j))
		return AC_OK;
	e = json_base64(out, j, max);
	return e == AC_OK && out->len == 0 ? AC_ERR_FORMAT : e;
}

static enum ac_err
decode_snp(struct evidence *ev, struct json snp)
{
	struct json chain = json_get(snp, "certChain"), j = json_first(chain);
	enum ac_err e;

	if (!json_present(snp))
		return AC_OK;
	if (!json_closed(snp, "report certChain") || !json_is_array(chain) ||
	    json_count(chain) != SNP_CHAIN_LEN)
		return AC_ERR_FORMAT;
	e = decode_optional(&ev->snp, json_get(snp, "report"), REPORT_MAX);
	for (size_t i = 0; e == AC_OK && i < SNP_CHAIN_LEN; i++) {
		e = decode_optional(&ev->snp_chain[i], j, CERT_DER_MAX);
		j = json_next(j);
	}
	return e;
}

static bool
check_subjects(struct evidence *ev, struct json subjects)
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

enum ac_err
evidence_decode(struct evidence *out, const struct statement *s)
{
	struct json p = s->predicate, quotes = json_get(p, "quotes");
	struct evidence ev = { 0 };
	enum ac_err e = AC_ERR_FORMAT;

	if (!span_is(s->predicate_type, TYPE_EVIDENCE) ||
	    !json_closed(p, MEMBERS) ||
	    !json_digest(json_get(p, "boundDigest"), &ev.bound) ||
	    (json_present(json_get(p, "gpu")) &&
	    !json_is_array(json_get(p, "gpu"))) ||
	    !check_subjects(&ev, s->subjects) || !json_is_array(quotes) ||
	    json_count(quotes) != 2)
		goto out;
	e = decode_quote(&ev.quote[EVIDENCE_START], json_first(quotes),
	    "start");
	if (e == AC_OK)
		e = decode_quote(&ev.quote[EVIDENCE_END],
		    json_next(json_first(quotes)), "end");
	if (e == AC_OK)
		e = decode_ak(&ev, json_get(p, "ak"));
	if (e == AC_OK)
		e = decode_optional(&ev.boot_log, json_get(p, "bootEventLog"),
		    BOOT_LOG_MAX);
	if (e == AC_OK)
		e = decode_optional(&ev.tls_key, json_get(p, "tlsKey"),
		    CERT_DER_MAX);
	if (e == AC_OK)
		e = decode_lines(&ev.inputs_log, &ev.ninputs,
		    json_get(p, "inputsLog"));
	if (e == AC_OK)
		e = decode_lines(&ev.outputs_log, &ev.noutputs,
		    json_get(p, "outputsLog"));
	if (e == AC_OK)
		e = decode_optional(&ev.hcl, json_get(p, "hclReport"),
		    REPORT_MAX);
	if (e == AC_OK)
		e = decode_snp(&ev, json_get(p, "snp"));
	if (e == AC_OK)
		e = decode_optional(&ev.tdx, json_get(p, "tdx"), REPORT_MAX);
	if (e != AC_OK)
		goto out;
	ev.has_gpu = json_is_array(json_get(p, "gpu"));
	*out = ev;
	ev = (struct evidence){ 0 }; /* transferred */
	e = AC_OK;
out:
	evidence_free(&ev);
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
