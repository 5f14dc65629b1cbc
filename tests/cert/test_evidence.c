/* Line 2: exactly two quotes, fifteen PCRs, two to five certificates. */
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

static enum ac_err
decode(struct span bytes)
{
	struct statement s = { 0 };
	struct evidence ev = { 0 };
	enum ac_err e = statement_decode(&s, bytes);

	if (e == AC_OK)
		e = evidence_decode(&ev, &s);
	evidence_free(&ev);
	statement_free(&s);
	return e;
}

static bool
same_lines(const struct buf a[], size_t na, const struct buf b[], size_t nb)
{
	for (size_t i = 0; i < na && i < nb; i++)
		if (!span_equal(buf_span(&a[i]), buf_span(&b[i])))
			return false;
	return na == nb;
}

static bool
same_buf(const struct buf *a, const struct buf *b)
{
	return same_lines(a, 1, b, 1);
}

static bool
same(const struct evidence *a, const struct evidence *b)
{
	for (size_t i = 0; i < 2; i++) {
		const struct evidence_quote *q = &a->quote[i], *r = &b->quote[i];

		if (!same_buf(&q->attest, &r->attest) ||
		    !same_buf(&q->signature, &r->signature))
			return false;
		for (unsigned pcr = 0; pcr < 16; pcr++)
			if (!digest_equal(&q->pcr[pcr], &r->pcr[pcr]))
				return false;
	}
	return digest_equal(&a->bound, &b->bound) &&
	    digest_equal(&a->root, &b->root) &&
	    same_buf(&a->ak_public, &b->ak_public) &&
	    same_lines(a->chain, a->nchain, b->chain, b->nchain) &&
	    same_buf(&a->boot_log, &b->boot_log) &&
	    same_lines(a->inputs_log, a->ninputs, b->inputs_log, b->ninputs) &&
	    same_lines(a->outputs_log, a->noutputs, b->outputs_log,
	    b->noutputs) && same_buf(&a->tls_key, &b->tls_key) &&
	    same_buf(&a->hcl, &b->hcl) && same_buf(&a->snp, &b->snp) &&
	    same_lines(a->snp_chain, SNP_CHAIN_LEN, b->snp_chain,
	    SNP_CHAIN_LEN) && same_buf(&a->tdx, &b->tdx);
}

static void
round_trip(void **state)
{
	(void)state;
	for (int full = 0; full <= 1; full++) {
		struct evidence ev, again = { 0 };
		struct statement st = { 0 };
		struct sample s;
		struct buf b, second;

		sample_fill(&s, full == 1);
		ev = sample_evidence(&s, full == 1);
		b = sample_evidence_bytes(&ev);
		assert_ok(statement_decode(&st, buf_span(&b)));
		assert_ok(evidence_decode(&again, &st));
		assert_true(same(&ev, &again));
		assert_false(again.has_gpu);
		second = sample_evidence_bytes(&again);
		assert_true(same_buf(&b, &second));
		statement_free(&st);
		evidence_free(&again);
		evidence_free(&ev);
		buf_free(&second);
		buf_free(&b);
	}
}

/* The sample's statement with every optional member. */
static struct buf
right(void)
{
	struct evidence ev;
	struct sample s;
	struct buf b;

	sample_fill(&s, true);
	ev = sample_evidence(&s, true);
	b = sample_evidence_bytes(&ev);
	evidence_free(&ev);
	return b;
}

#define PCR(n, hex) "\"" n "\":\"" hex hex hex hex hex hex hex hex hex hex \
    hex hex hex hex hex hex hex hex hex hex hex hex hex hex hex hex hex hex \
    hex hex hex hex "\""

static void
refused_quotes(void **state)
{
	static const struct wrong wrong[] = {
		{ "quotes in other order", "\"when\":\"start\"",
		    "\"when\":\"end\"", 0 },
		{ "two starts", "\"when\":\"end\"", "\"when\":\"start\"", 0 },
		{ "an unknown time", "\"when\":\"end\"", "\"when\":\"middle\"",
		    0 },
		{ "no quotes", "\"quotes\":[", "\"quotes\":[],\"x\":[", 0 },
		{ "quotes an object", "\"quotes\":", "\"quotes\":{},\"x\":", 0 },
		{ "a quote null", "\"quotes\":[", "\"quotes\":[null,", 0 },
		{ "a third quote", "\"quotes\":[", "\"quotes\":[{},", 0 },
		{ "attest missing", "\"attest\"", "\"quote\"", 0 },
		{ "attest not base64", "\"attest\":\"", "\"attest\":\"*", 0 },
		{ "attest null", "\"attest\":\"", "\"attest\":null,\"x\":\"", 0 },
		{ "signature missing", "\"signature\"", "\"Signature\"", 0 },
		{ "signature with spare bits", "\"AA==\"", "\"AB==\"", 0 },
		{ "unknown member of a quote", "{\"when\"", "{\"x\":1,\"when\"",
		    0 },
		{ "PCRs missing", "\"pcrs\"", "\"PCRs\"", 0 },
		{ "PCRs a list", "\"pcrs\":", "\"pcrs\":[],\"x\":", 0 },
		{ "no PCR", "\"pcrs\":{", "\"pcrs\":{},\"x\":{", 0 },
		{ "PCR 0 missing", PCR("0", "00") ",", "", 0 },
		{ "PCR 15 missing", "," PCR("15", "0f"), "", 0 },
		{ "PCR 10 for 11", "\"11\"", "\"10\"", 0 },
		{ "PCR 10 too", "\"11\"", PCR("10", "0a") ",\"11\"", 0 },
		{ "PCR 16 too", PCR("15", "0f"), PCR("15", "0f") ","
		    PCR("16", "00"), 0 },
		{ "PCR 23 for 15", "\"15\"", "\"23\"", 0 },
		{ "PCRs in other order", PCR("0", "00") "," PCR("1", "01"),
		    PCR("1", "01") "," PCR("0", "00"), 0 },
		{ "PCR 01", "\"1\"", "\"01\"", 0 },
		{ "PCR twice", PCR("2", "02"), PCR("2", "02") ","
		    PCR("2", "02"), 0 },
		{ "PCR in capitals", "0f0f0f", "0F0f0f", 0 },
		{ "PCR of SHA-1", PCR("3", "03"), "\"3\":\""
		    "0303030303030303030303030303030303030303\"", 0 },
		{ "PCR in base64", PCR("3", "03"), "\"3\":\"AwMDAwMDAwMDAwMDAwMD"
		    "AwMDAwMDAwMDAwMDAwMDAwMDAwM=\"", 0 },
		{ "PCR a number", PCR("3", "03"), "\"3\":3", 0 },
	};
	struct buf b = right();

	(void)state;
	wrong_check(buf_span(&b), wrong, COUNT(wrong), decode);
	buf_free(&b);
}

static void
refused_rest(void **state)
{
	static const struct wrong wrong[] = {
		{ "other predicate type", "/tpm-evidence/v1",
		    "/tpm-evidence/v2", 0 },
		{ "other first subject", "{\"name\":\"provenance\"",
		    "{\"name\":\"provenances\"", 0 },
		{ "other second subject", "{\"name\":\"oms-root\"",
		    "{\"name\":\"oms-manifest\"", 0 },
		{ "one subject more", "\"subject\":[", "\"subject\":[{\"name\":"
		    "\"a\",\"digest\":{\"sha256\":\"00\"}},", 0 },
		{ "bound to another D", "\"boundDigest\":\"",
		    "\"boundDigest\":\"00000000000000000000000000000000000000"
		    "00000000000000000000000000\",\"x\":\"", 0 },
		{ "D missing", "\"boundDigest\"", "\"BoundDigest\"", 0 },
		{ "unknown member", "{\"boundDigest\"", "{\"x\":1,\"boundDigest\"",
		    0 },
		{ "ak missing", "\"ak\"", "\"AK\"", 0 },
		{ "ak a string", "\"ak\":", "\"ak\":\"\",\"x\":", 0 },
		{ "public area missing", "\"public\"", "\"pub\"", 0 },
		{ "public area not base64", "\"public\":\"", "\"public\":\"-", 0 },
		{ "unknown member of ak", "\"certChain\"",
		    "\"x\":1,\"certChain\"", 0 },
		{ "chain missing", "\"certChain\"", "\"chain\"", 0 },
		{ "chain a string", "\"certChain\":[", "\"certChain\":\"\","
		    "\"x\":[", 0 },
		{ "no certificate", "\"certChain\":[", "\"certChain\":[],\"x\":[",
		    0 },
		{ "one certificate", "[\"MA==\",\"MAE=\",\"MAEC\",\"MAECAw==\","
		    "\"MA==\"]", "[\"MA==\"]", 0 },
		{ "six certificates", "\"certChain\":[", "\"certChain\":["
		    "\"MA==\",", AC_ERR_LIMIT },
		{ "a certificate null", "[\"MA==\",", "[null,", 0 },
		{ "a certificate in PEM", "[\"MA==\",", "[\"-----BEGIN\",", 0 },
		{ "boot log empty", "\"bootEventLog\":\"AGxvZw==\"",
		    "\"bootEventLog\":\"\"", 0 },
		{ "boot log null", "\"bootEventLog\":\"AGxvZw==\"",
		    "\"bootEventLog\":null", 0 },
		{ "boot log for URLs", "\"AGxvZw==\"", "\"_GxvZw==\"", 0 },
		{ "inputs log missing", "\"inputsLog\"", "\"inputs\"", 0 },
		{ "inputs log a string", "\"inputsLog\":", "\"inputsLog\":\"\","
		    "\"x\":", 0 },
		{ "an event as an object", "\"inputsLog\":[",
		    "\"inputsLog\":[{},", 0 },
		{ "an event null", "\"inputsLog\":[", "\"inputsLog\":[null,", 0 },
		{ "outputs log missing", "\"outputsLog\"", "\"outputs\"", 0 },
		{ "outputs log null", "\"outputsLog\":", "\"outputsLog\":null,"
		    "\"x\":", 0 },
		{ "TLS key empty", "\"tlsKey\":\"c3BraQ==\"", "\"tlsKey\":\"\"",
		    0 },
		{ "HCL report empty", "\"hclReport\":\"SENMQQ==\"",
		    "\"hclReport\":\"\"", 0 },
		{ "HCL report null", "\"hclReport\":\"SENMQQ==\"",
		    "\"hclReport\":null", 0 },
		{ "snp a string", "\"snp\":", "\"snp\":\"\",\"x\":", 0 },
		{ "snp without report", "\"report\":\"c25w\",", "", 0 },
		{ "snp report empty", "\"report\":\"c25w\"",
		    "\"report\":\"\"", 0 },
		{ "unknown member of snp", "{\"report\"", "{\"x\":1,\"report\"",
		    0 },
		{ "snp with two certificates", "[\"YW1k\",", "[", 0 },
		{ "snp with four certificates", "[\"YW1k\",",
		    "[\"YW1k\",\"YW1k\",", 0 },
		{ "snp with an empty certificate", "[\"YW1k\",", "[\"\",", 0 },
		{ "snp with a certificate null", "[\"YW1k\",", "[null,", 0 },
		{ "TDX quote empty", "\"tdx\":\"dGQ=\"", "\"tdx\":\"\"", 0 },
		{ "TDX quote a list", "\"tdx\":\"dGQ=\"", "\"tdx\":[]", 0 },
		{ "GPU reports an object", "\"bootEventLog\"",
		    "\"gpu\":{},\"bootEventLog\"", 0 },
		{ "TLS key a number", "\"tlsKey\":\"c3BraQ==\"", "\"tlsKey\":1",
		    0 },
	};
	struct buf b = right();

	(void)state;
	wrong_check(buf_span(&b), wrong, COUNT(wrong), decode);
	wrong_check_truncated(buf_span(&b), decode);
	buf_free(&b);
}

/* GPU reports are not read, but at least said to be there. */
static void
gpu_reports(void **state)
{
	struct buf b = right(), other = wrong_make(buf_span(&b),
	    "\"bootEventLog\"", "\"gpu\":[],\"bootEventLog\"");
	struct statement st = { 0 };
	struct evidence ev = { 0 };

	(void)state;
	assert_ok(statement_decode(&st, buf_span(&other)));
	assert_ok(evidence_decode(&ev, &st));
	assert_true(ev.has_gpu);
	evidence_free(&ev);
	statement_free(&st);
	buf_free(&other);
	buf_free(&b);
}

/* What the encoder makes of ev, decoded. */
static enum ac_err
encode_and_decode(const struct evidence *ev)
{
	struct buf b = { 0 };
	enum ac_err e = evidence_encode(&b, ev);

	if (e == AC_OK)
		e = decode(buf_span(&b));
	buf_free(&b);
	return e;
}

static void
resize(struct buf *b, size_t len)
{
	buf_free(b);
	b->p = calloc(len + 1, 1);
	assert_non_null(b->p);
	b->len = len;
}

static void
limits(void **state)
{
	struct evidence ev;
	struct sample s;
	struct {
		struct buf *b;
		size_t max;
	} part[7];

	(void)state;
	sample_fill(&s, true);
	ev = sample_evidence(&s, true);
	part[0].b = &ev.quote[0].attest;
	part[1].b = &ev.quote[1].attest;
	part[2].b = &ev.quote[0].signature;
	part[0].max = part[1].max = part[2].max = ATTEST_MAX;
	part[3].b = &ev.ak_public;
	part[3].max = TPMT_PUBLIC_MAX;
	part[4].b = &ev.chain[0];
	part[5].b = &ev.tls_key;
	part[4].max = part[5].max = CERT_DER_MAX;
	part[6].b = &ev.boot_log;
	part[6].max = BOOT_LOG_MAX;
	for (size_t i = 0; i < COUNT(part); i++) {
		resize(part[i].b, part[i].max + 1);
		assert_int_equal(encode_and_decode(&ev), AC_ERR_LIMIT);
		resize(part[i].b, part[i].max);
		assert_ok(encode_and_decode(&ev));
	}
	while (ev.ninputs < EVENTS_MAX)
		assert_ok(evidence_append(&ev.inputs_log, &ev.ninputs,
		    span_str("")));
	assert_int_equal(evidence_append(&ev.inputs_log, &ev.ninputs,
	    span_str("")), AC_ERR_LIMIT);
	assert_ok(encode_and_decode(&ev));
	resize(&ev.boot_log, STATEMENT_MAX);
	assert_int_equal(encode_and_decode(&ev), AC_ERR_LIMIT);
	evidence_free(&ev);
}

static void
lines_are_text(void **state)
{
	struct evidence ev;
	struct sample s;

	(void)state;
	sample_fill(&s, false);
	ev = sample_evidence(&s, false);
	assert_ok(evidence_append(&ev.inputs_log, &ev.ninputs,
	    span_str("\xff")));
	assert_int_equal(encode_and_decode(&ev), AC_ERR_FORMAT);
	evidence_free(&ev);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refused_quotes),
		cmocka_unit_test(refused_rest),
		cmocka_unit_test(gpu_reports),
		cmocka_unit_test(limits),
		cmocka_unit_test(lines_are_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
