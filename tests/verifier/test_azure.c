/*
 * Real evidence of Azure's virtual machines, three generations of the PKI that
 * certifies their attestation keys, and of AMD's and Intel's hardware: what is
 * right in it, and what a verifier has to refuse.
 */
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "cert/evidence.h"
#include "cert/json.h"
#include "common/file.h"
#include "common/reader.h"
#include "common/sha256.h"
#include "common/text.h"
#include "common/time.h"
#include "tests/test.h"
#include "verifier/akcert.h"
#include "verifier/hcl.h"
#include "verifier/policy.h"
#include "verifier/quote.h"

#define TPM AICERT_CORPUS "/tpm/"
#define OLD TPM "azure/aicert-2022/"
#define TDX TPM "azure/flashbots-tdx-2025-12/"

#define EKU_AK "2.23.133.8.3"
#define EKU_DOCUMENTS "1.3.6.1.4.1.311.10.3.12"
#define TRUSTED_VM "1.3.6.1.4.1.311.108"
#define CONFIDENTIAL_VM "1.3.6.1.4.1.311.108.200.2"
/* Azure's template: what the key of a primary AK states. */
#define ATTRIBUTES 0x00050472

static struct message why;

static struct buf
load(const char *path)
{
	struct buf b = { 0 };

	assert_ok(file_read(&b, path, 4 * MIB));
	return b;
}

/* Certificate number at of a PEM file, in DER. */
static struct buf
certificate(const char *path, unsigned at)
{
	FILE *in = fopen(path, "re");
	unsigned char *der = NULL;
	struct buf b = { 0 };
	X509 *x = NULL;
	int len;

	assert_non_null(in);
	for (unsigned i = 0; i <= at; i++) {
		X509_free(x);
		x = PEM_read_X509(in, NULL, NULL, NULL);
		assert_non_null(x);
	}
	(void)fclose(in);
	len = i2d_X509(x, &der);
	assert_true(len > 0);
	assert_ok(buf_copy(&b, span_of(der, (size_t)len)));
	OPENSSL_free(der);
	X509_free(x);
	return b;
}

/* TPMT_PUBLIC of an RSA key of Azure's template. */
static struct buf
public_of(struct span modulus)
{
	struct buf b = { 0 };
	struct writer w;

	wr_init(&w, 1024);
	wr_be32(&w, 0x0001000b);
	wr_be32(&w, ATTRIBUTES);
	wr_be32(&w, 0x00000010);
	wr_be32(&w, 0x0014000b);
	wr_be16(&w, (uint16_t)(8 * modulus.len));
	wr_be32(&w, 0);
	wr_be16(&w, (uint16_t)modulus.len);
	wr_bytes(&w, modulus);
	assert_ok(wr_end(&w, &b));
	return b;
}

static struct buf
public_of_pem(const char *path)
{
	FILE *in = fopen(path, "re");
	EVP_PKEY *key;
	uint8_t n[256];
	BIGNUM *bn = NULL;

	assert_non_null(in);
	key = PEM_read_PUBKEY(in, NULL, NULL, NULL);
	(void)fclose(in);
	assert_true(key != NULL && EVP_PKEY_get_bn_param(key,
	    OSSL_PKEY_PARAM_RSA_N, &bn) == 1 &&
	    BN_bn2binpad(bn, n, sizeof(n)) == sizeof(n));
	BN_free(bn);
	EVP_PKEY_free(key);
	return public_of(span_of(n, sizeof(n)));
}

/* A raw RSA signature as TPMT_SIGNATURE. */
static struct buf
signature_of(struct span raw)
{
	struct buf b = { 0 };
	struct writer w;

	wr_init(&w, 1024);
	wr_be32(&w, 0x0014000b);
	wr_be16(&w, (uint16_t)raw.len);
	wr_bytes(&w, raw);
	assert_ok(wr_end(&w, &b));
	return b;
}

static int64_t
at(const char *text)
{
	int64_t t = 0;

	assert_true(time_parse(&t, span_str(text)));
	return t;
}

/* A chain that is refused, and what is said of it. */
static void
refused(const struct buf der[], size_t n, const char *eku,
    const char *policy, const char *time, const char *says)
{
	struct akcert ak;

	assert_int_not_equal(akcert_check(&ak, der, n, eku, policy, at(time),
	    &why), AC_OK);
	if (strstr(why.text, says) == NULL)
		fail_msg("%s, not %s", why.text, says);
}

static void
accepted(struct akcert *ak, const struct buf der[], size_t n, const char *eku,
    const char *policy, const char *time)
{
	if (akcert_check(ak, der, n, eku, policy, at(time), &why) != AC_OK)
		fail_msg("at %s: %s", time, why.text);
}

static void
free_all(struct buf b[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_free(&b[i]);
}

/* ---- Trusted Launch of 2023, under the AME root ---- */

static void
chain_of_2023(void **state)
{
	struct buf der[] = { load(OLD "ak_cert.der"),
		certificate(TPM "certs/azure-ame-infra-ca-02.pem", 0),
		certificate(TPM "certs/azure-ameroot.pem", 0) };
	struct buf other[] = { load(OLD "ak_cert.der"),
		certificate(TPM "certs/azure-ame-infra-ca-06.pem", 0),
		certificate(TPM "certs/azure-ameroot.pem", 0) };
	struct buf global[] = { load(OLD "ak_cert.der"),
		certificate(TPM "certs/azure-global-vtpm-ca-01.pem", 0),
		certificate(TPM "certs/azure-vtpm-root-2023.pem", 0) };
	struct digest root = chain_root(der, 3);
	struct policy *p;
	struct akcert ak;

	(void)state;
	/* Its root has to be named: the one that is built in is another. */
	assert_ok(policy_parse(&p, span_str("quorum none\nak-root azure-2023 "
	    "azure\n"), NULL, &why));
	assert_null(policy_ak_root_by(p, &root));
	policy_free(p);
	accepted(&ak, der, 3, EKU_DOCUMENTS, "", "2023-08-01T00:00:00Z");
	assert_int_equal(ak.machine, AKCERT_TRUSTED_VM);
	assert_int_equal(ak.not_before_s, at("2023-06-22T11:02:01Z"));
	assert_int_equal(ak.not_after_s, at("2024-06-16T11:02:01Z"));
	assert_non_null(memmem(der[0].p, der[0].len,
	    "1c78afef1820.TrustedVM.Azure.Microsoft", 38));
	accepted(&ak, der, 3, EKU_DOCUMENTS, TRUSTED_VM,
	    "2023-06-22T11:02:01Z");
	accepted(&ak, der, 3, EKU_DOCUMENTS, "", "2024-06-16T11:02:01Z");
	refused(der, 3, EKU_DOCUMENTS, "", "2023-06-22T11:02:00Z",
	    "certificate 1: certificate is not yet valid");
	refused(der, 3, EKU_DOCUMENTS, "", "2024-06-16T11:02:02Z",
	    "certificate 1: certificate has expired");
	refused(der, 3, EKU_DOCUMENTS, "", "2026-11-22T00:00:00Z",
	    "has expired");
	/* It was never made for attestation keys. */
	refused(der, 3, EKU_AK, "", "2023-08-01T00:00:00Z",
	    "lacks the extended key usage 2.23.133.8.3");
	refused(der, 3, EKU_DOCUMENTS, CONFIDENTIAL_VM, "2023-08-01T00:00:00Z",
	    "lacks the certificate policy");
	refused(other, 3, EKU_DOCUMENTS, "", "2023-08-01T00:00:00Z",
	    "unable to get local issuer");
	refused(global, 3, EKU_DOCUMENTS, "", "2023-08-01T00:00:00Z",
	    "unable to get local issuer");
	free_all(der, 3);
	free_all(other, 3);
	free_all(global, 3);
}

/* PCR i of tpm2-tools' serialized form: counts, then eight of 66 bytes. */
static struct span
serialized_pcr(const struct buf *b, unsigned i)
{
	size_t list = 4 + 16 * 8 + 4 + (size_t)(i / 8) * (4 + 8 * 66);
	size_t start = list + 4 + (size_t)(i % 8) * 66 + 2;

	assert_true(start + 32 <= b->len);
	return span_of(b->p + start, 32);
}

static void
quote_of_2023(void **state)
{
	struct buf attest = load(OLD "quote.msg");
	struct buf sig = load(OLD "quote.sig"), pcrs = load(OLD "quote.pcr");
	struct buf public = public_of_pem(OLD "ak.pem");
	struct buf json = load(OLD "attestation.json");
	struct buf other = load(TDX "quote.msg");
	struct digest stated[16] = { { { 0 } } }, d, log = { { 0 } };
	struct json_doc doc;
	struct quote_public k;
	struct sha256 h;
	struct quote q;

	(void)state;
	assert_ok(quote_parse(&q, buf_span(&attest), &why));
	assert_ok(quote_parse_public(&k, buf_span(&public), &why));
	assert_ok(quote_check_signature(buf_span(&attest), buf_span(&sig), &k,
	    &why));
	assert_int_equal(q.clock_ms, 862195395);
	assert_int_equal(q.reset_count, 8);
	assert_int_equal(q.restart_count, 0);
	assert_true(q.safe);
	assert_int_equal(q.firmware, 0x2020031200120000);
	assert_int_equal(q.bank, 0x000b);
	assert_int_equal(q.pcrs, 0xffffff);
	sha256_init(&h);
	for (unsigned i = 0; i < 24; i++)
		sha256_update(&h, serialized_pcr(&pcrs, i));
	d = sha256_final(&h);
	assert_true(span_equal(q.pcr_digest, span_digest(&d)));
	/* It is bound to nothing, and to more PCRs than may be. */
	assert_int_equal(q.extra_data.len, 0);
	for (unsigned i = 0; i < 16; i++)
		memcpy(stated[i].b, serialized_pcr(&pcrs, i).p, 32);
	assert_int_equal(quote_check_pcrs(&q, &k, EVIDENCE_PCRS, stated, &why),
	    AC_ERR_MISMATCH);
	assert_non_null(strstr(why.text, "selects PCRs 0xffffff"));
	/* Nor does the signer's name follow from the key as a primary one. */
	assert_false(quote_is_endorsement_primary(&q, &k));
	/* Its events lead to PCR 16, which anybody may reset, and not to 14. */
	assert_ok(json_parse(&doc, buf_span(&json)));
	for (struct json e = json_first(json_get(json_root(&doc),
	    "event_log")); json_present(e); e = json_next(e)) {
		struct span line;

		assert_true(json_string(e, &line));
		d = sha256_of(line);
		log = sha256_of2(span_digest(&log), span_digest(&d));
	}
	assert_true(span_equal(span_digest(&log), serialized_pcr(&pcrs, 16)));
	assert_false(span_equal(span_digest(&log), serialized_pcr(&pcrs, 14)));
	/* Not of another machine's, nor of a bit more or less. */
	assert_int_equal(quote_check_signature(buf_span(&other),
	    buf_span(&sig), &k, &why), AC_ERR_MISMATCH);
	attest.p[50] ^= 1;
	assert_int_equal(quote_check_signature(buf_span(&attest),
	    buf_span(&sig), &k, &why), AC_ERR_MISMATCH);
	json_free(&doc);
	buf_free(&other);
	buf_free(&json);
	buf_free(&public);
	buf_free(&pcrs);
	buf_free(&sig);
	buf_free(&attest);
}

/* ---- A confidential VM with TDX, 2025 ---- */

static void
chain_of_2025(void **state)
{
	struct buf der[] = { load(TDX "ak_cert.der"),
		certificate(TPM "certs/azure-global-vtpm-ca-03.pem", 0),
		certificate(TPM "certs/azure-vtpm-root-2023.pem", 0) };
	struct buf padded = load(TDX "ak_cert_nv_padded.bin"), leaf = der[0];
	struct policy *p;
	struct digest root = chain_root(der, 3);
	struct akcert ak;

	(void)state;
	accepted(&ak, der, 3, EKU_AK, "", "2025-12-02T00:00:00Z");
	assert_int_equal(ak.machine, AKCERT_CONFIDENTIAL_VM);
	accepted(&ak, der, 3, EKU_AK, CONFIDENTIAL_VM, "2025-12-02T00:00:00Z");
	refused(der, 3, EKU_AK, TRUSTED_VM, "2025-12-02T00:00:00Z",
	    "lacks the certificate policy");
	refused(der, 3, EKU_AK, "", "2027-01-01T00:00:00Z",
	    "certificate 1: certificate has expired");
	/* As the NV index has it, with zeros to 4,096 bytes; nothing else. */
	assert_int_equal(padded.len, 4096);
	der[0] = padded;
	accepted(&ak, der, 3, EKU_AK, CONFIDENTIAL_VM, "2025-12-02T00:00:00Z");
	padded.p[4095] = 1;
	refused(der, 3, EKU_AK, "", "2025-12-02T00:00:00Z",
	    "not one X.509 certificate in DER");
	der[0] = leaf;
	/* Without its intermediate; and that, which may issue, as the AK. */
	refused((struct buf[]){ der[0], der[2] }, 2, EKU_AK, "",
	    "2025-12-02T00:00:00Z", "unable to get local issuer");
	refused(der + 1, 2, EKU_AK, "", "2025-12-02T00:00:00Z",
	    "lacks the critical key usage");
	assert_ok(policy_parse(&p, span_str("quorum none\nak-root azure-2023 "
	    "azure\n"), NULL, &why));
	assert_non_null(policy_ak_root_by(p, &root));
	policy_free(p);
	buf_free(&padded);
	free_all(der, 3);
}

static void
quote_of_2025(void **state)
{
	struct buf attest = load(TDX "quote.msg"), raw = load(TDX "quote.sig");
	struct buf pcrs = load(TDX "pcrs.bin"), sig = signature_of(
	    buf_span(&raw));
	struct buf public = public_of_pem(TDX "ak.pem");
	struct buf report = load(TDX "hcl_report.bin");
	struct buf td = load(TDX "td_quote.bin");
	struct quote_public k;
	struct digest d;
	struct quote q;
	struct hcl h;

	(void)state;
	assert_ok(quote_parse(&q, buf_span(&attest), &why));
	assert_ok(quote_parse_public(&k, buf_span(&public), &why));
	assert_ok(quote_check_signature(buf_span(&attest), buf_span(&sig), &k,
	    &why));
	assert_true(quote_is_endorsement_primary(&q, &k));
	d = sha256_of(buf_span(&pcrs));
	assert_true(span_equal(q.pcr_digest, span_digest(&d)));
	assert_ok(hcl_parse(&h, buf_span(&report), &why));
	assert_int_equal(h.kind, HCL_TDX);
	assert_true(hcl_names_ak(&h, k.modulus));
	assert_ok(hcl_check_td_quote(&h, buf_span(&td), &why));
	td.p[568] ^= 1;
	assert_int_equal(hcl_check_td_quote(&h, buf_span(&td), &why),
	    AC_ERR_MISMATCH);
	for (size_t i = 0; i < 8 * report.len; i++) {
		report.p[i / 8] ^= (uint8_t)(1 << i % 8);
		/* What no digest covers: the hardware report but its data. */
		if (hcl_parse(&h, buf_span(&report), &why) == AC_OK)
			assert_true(i >= 8 * 32 && i < 8 * (32 + 1024) &&
			    (i < 8 * (32 + 128) || i >= 8 * (32 + 192)));
		report.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	buf_free(&td);
	buf_free(&report);
	buf_free(&public);
	buf_free(&sig);
	buf_free(&pcrs);
	buf_free(&raw);
	buf_free(&attest);
}

/* ---- SEV-SNP ---- */

/* base64url, padded or not. */
static struct buf
unbase64url(struct span s)
{
	size_t len = (s.len + 3) / 4 * 4, n = 0;
	char *text = malloc(len);
	struct buf b = { malloc(len), 0 };

	assert_true(text != NULL && b.p != NULL);
	memset(text, '=', len);
	for (size_t i = 0; i < s.len; i++)
		text[i] = (char)(s.p[i] == '-' ? '+' : s.p[i] == '_' ? '/' :
		    s.p[i]);
	assert_true(text_unbase64(b.p, &n, span_of(text, len)));
	b.len = n;
	free(text);
	return b;
}

static struct buf
hex(struct json j)
{
	struct buf b = { 0 };
	struct span s;

	assert_true(json_string(j, &s));
	b.p = malloc(s.len / 2 + 1);
	assert_non_null(b.p);
	b.len = s.len / 2;
	assert_true(text_unhex(b.p, b.len, s));
	return b;
}

/* Bytes as a list of numbers. */
static struct buf
numbers(struct json j)
{
	struct buf b = { 0 };
	struct writer w;
	uint64_t v;

	wr_init(&w, MIB);
	for (j = json_first(j); json_present(j); j = json_next(j)) {
		assert_true(json_uint(j, &v, 255));
		wr_u8(&w, (uint8_t)v);
	}
	assert_ok(wr_end(&w, &b));
	return b;
}

/* The TPM's quote is by the key that the HCL report names. */
static void
check_bound(const struct hcl *h, struct span attest, struct span raw)
{
	struct buf n = unbase64url(span_str(h->ak_n));
	struct buf public = public_of(buf_span(&n)), sig = signature_of(raw);
	struct quote_public k;
	struct quote q;

	assert_ok(quote_parse(&q, attest, &why));
	assert_ok(quote_parse_public(&k, buf_span(&public), &why));
	assert_ok(quote_check_signature(attest, buf_span(&sig), &k, &why));
	assert_true(quote_is_endorsement_primary(&q, &k));
	assert_true(hcl_names_ak(h, k.modulus));
	buf_free(&sig);
	buf_free(&public);
	buf_free(&n);
}

static void
check_snp(struct buf *report, struct buf der[SNP_CHAIN_LEN],
    const char *root, const struct snp_tcb *tcb)
{
	struct message text;
	struct snp_signer by;
	struct policy *p;
	struct snp s;
	struct hcl h;

	assert_ok(hcl_parse(&h, buf_span(report), &why));
	assert_int_equal(h.kind, HCL_SNP);
	assert_ok(snp_parse(&s, h.hardware, &why));
	if (snp_check(&by, &s, der, SNP_CHAIN_LEN, at("2025-06-01T00:00:00Z"),
	    &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_memory_equal(&by.tcb, tcb, sizeof(*tcb));
	message_set(&text, "quorum none\nak-root %s x\n", root);
	assert_ok(policy_parse(&p, span_str(text.text), NULL, &why));
	assert_non_null(policy_ak_root_by(p, &by.root));
	/* Azure's own ID keys, which the line has unless it names others. */
	assert_memory_equal(p->ak_root[0].id_key[1], s.id_key_digest.p,
	    SNP_ID_KEY_LEN);
	policy_free(p);
	assert_int_equal(snp_check(&by, &s, der, SNP_CHAIN_LEN,
	    at("2033-01-01T00:00:00Z"), &why), AC_ERR_MISMATCH);
	assert_non_null(strstr(why.text, "has expired"));
	/* Every bit of the report is covered, or has to be zero. */
	for (size_t i = 0; i < 8 * SNP_REPORT_LEN; i += 7) {
		uint8_t *b = report->p + 32 + i / 8;

		*b ^= (uint8_t)(1 << i % 8);
		if (snp_parse(&s, h.hardware, &why) == AC_OK)
			assert_int_not_equal(snp_check(&by, &s, der,
			    SNP_CHAIN_LEN, CHAIN_NO_TIME, &why), AC_OK);
		*b ^= (uint8_t)(1 << i % 8);
	}
}

static void
snp_milan(void **state)
{
	static const struct snp_tcb tcb = { 0, 4, 0, 0x18, 0xdb };
	struct buf text = load(TPM "azure/trustee-az-snp-evidence-v2.json");
	struct buf der[SNP_CHAIN_LEN] = { { 0 },
		certificate(TPM "certs/amd/milan-ask-ark-asvk.pem", 0),
		certificate(TPM "certs/amd/milan-ask-ark-asvk.pem", 1) };
	struct buf report, attest, raw, asvk;
	struct snp_signer by;
	struct json_doc doc;
	struct json j;
	struct span s;
	struct hcl h;
	struct snp snp;

	(void)state;
	assert_ok(json_parse(&doc, buf_span(&text)));
	j = json_root(&doc);
	assert_true(json_string(json_get(j, "hcl_report"), &s));
	report = unbase64url(s);
	assert_true(json_string(json_get(j, "vcek"), &s));
	der[0] = unbase64url(s);
	check_snp(&report, der, "amd-milan", &tcb);
	attest = hex(json_get(json_get(j, "tpm_quote"), "message"));
	raw = hex(json_get(json_get(j, "tpm_quote"), "signature"));
	assert_ok(hcl_parse(&h, buf_span(&report), &why));
	check_bound(&h, buf_span(&attest), buf_span(&raw));
	/* The CA of VLEKs in the place of that of VCEKs. */
	asvk = certificate(TPM "certs/amd/milan-ask-ark-asvk.pem", 2);
	assert_ok(snp_parse(&snp, h.hardware, &why));
	assert_int_equal(snp_check(&by, &snp, (struct buf[]){ der[0], asvk,
	    der[2] }, SNP_CHAIN_LEN, CHAIN_NO_TIME, &why), AC_ERR_MISMATCH);
	buf_free(&asvk);
	buf_free(&raw);
	buf_free(&attest);
	buf_free(&report);
	free_all(der, SNP_CHAIN_LEN);
	json_free(&doc);
	buf_free(&text);
}

static void
snp_genoa(void **state)
{
	static const struct snp_tcb tcb = { 0, 10, 0, 0x17, 0x54 };
	struct buf text = load(TPM "azure/trustee-az-snp-evidence-genoa.json");
	struct buf der[SNP_CHAIN_LEN] = { { 0 },
		certificate(TPM "certs/amd/genoa-ask-ark-asvk.pem", 0),
		certificate(TPM "certs/amd/genoa-ask-ark-asvk.pem", 1) };
	struct buf report, attest, raw, pem;
	char path[] = "/tmp/aicert-test-XXXXXX";
	struct json_doc doc;
	struct json j;
	struct span s;
	struct hcl h;
	int fd;

	(void)state;
	assert_ok(json_parse(&doc, buf_span(&text)));
	j = json_root(&doc);
	report = numbers(json_get(j, "report"));
	assert_true(json_string(json_get(j, "vcek"), &s));
	assert_ok(buf_copy(&pem, s));
	fd = mkstemp(path);
	assert_true(fd >= 0 && file_write_all(fd, s) == AC_OK);
	(void)close(fd);
	der[0] = certificate(path, 0);
	(void)unlink(path);
	check_snp(&report, der, "amd-genoa", &tcb);
	attest = numbers(json_get(json_get(j, "quote"), "message"));
	raw = numbers(json_get(json_get(j, "quote"), "signature"));
	assert_ok(hcl_parse(&h, buf_span(&report), &why));
	check_bound(&h, buf_span(&attest), buf_span(&raw));
	buf_free(&pem);
	buf_free(&raw);
	buf_free(&attest);
	buf_free(&report);
	free_all(der, SNP_CHAIN_LEN);
	json_free(&doc);
	buf_free(&text);
}

/* ---- The others, which bind ---- */

static void
tdx_of_trustee(void **state)
{
	struct buf text = load(TPM "azure/trustee-az-tdx-evidence-v1.json");
	struct buf report, td, attest, raw;
	struct json_doc doc;
	struct json j;
	struct span s;
	struct hcl h;

	(void)state;
	assert_ok(json_parse(&doc, buf_span(&text)));
	j = json_root(&doc);
	assert_true(json_string(json_get(j, "hcl_report"), &s));
	report = unbase64url(s);
	assert_true(json_string(json_get(j, "td_quote"), &s));
	td = unbase64url(s);
	attest = hex(json_get(json_get(j, "tpm_quote"), "message"));
	raw = hex(json_get(json_get(j, "tpm_quote"), "signature"));
	assert_ok(hcl_parse(&h, buf_span(&report), &why));
	assert_int_equal(h.kind, HCL_TDX);
	assert_ok(hcl_check_td_quote(&h, buf_span(&td), &why));
	check_bound(&h, buf_span(&attest), buf_span(&raw));
	buf_free(&raw);
	buf_free(&attest);
	buf_free(&td);
	buf_free(&report);
	json_free(&doc);
	buf_free(&text);
}

static void
hcl_of_2023(void **state)
{
	struct buf snp = load(TPM "hcl/hcl-report-snp.bin");
	struct buf tdx = load(TPM "hcl/hcl-report-tdx.bin");
	struct buf public = public_of_pem(TPM "hcl/azsnp-akpub.pem");
	struct quote_public k;
	struct buf both = load(TPM "hcl/azsnp-quote.bin"), sig;
	struct reader r = rd_of(buf_span(&both));
	struct span raw = { 0 }, attest = { 0 };
	struct quote q;
	struct snp s;
	struct hcl h;
	uint64_t n64;

	(void)state;
	assert_ok(quote_parse_public(&k, buf_span(&public), &why));
	/* Signature and attestation, each after its length; then PCRs. */
	assert_true(rd_le64(&r, &n64) && rd_take(&r, &raw, n64) &&
	    rd_le64(&r, &n64) && rd_take(&r, &attest, n64));
	sig = signature_of(raw);
	assert_ok(quote_parse(&q, attest, &why));
	assert_ok(quote_check_signature(attest, buf_span(&sig), &k, &why));
	assert_true(span_is(q.extra_data, "challenge"));
	buf_free(&sig);
	buf_free(&both);
	assert_ok(hcl_parse(&h, buf_span(&snp), &why));
	/* Another machine's. */
	assert_false(hcl_names_ak(&h, k.modulus));
	assert_ok(snp_parse(&s, h.hardware, &why));
	assert_int_equal(s.version, 2);
	assert_int_equal(s.vmpl, 0);
	for (size_t n = 0; n < SNP_REPORT_LEN; n++)
		assert_int_equal(snp_parse(&s, span_of(h.hardware.p, n), &why),
		    AC_ERR_FORMAT);
	for (size_t n = 0; n < 32 + SNP_REPORT_LEN + 20 + 583; n++)
		assert_int_not_equal(hcl_parse(&h, span_of(snp.p, n), &why),
		    AC_OK);
	assert_ok(hcl_parse(&h, buf_span(&tdx), &why));
	assert_int_equal(h.kind, HCL_TDX);
	assert_false(hcl_names_ak(&h, k.modulus));
	buf_free(&public);
	buf_free(&tdx);
	buf_free(&snp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_of_2023),
		cmocka_unit_test(quote_of_2023),
		cmocka_unit_test(chain_of_2025),
		cmocka_unit_test(quote_of_2025),
		cmocka_unit_test(snp_milan),
		cmocka_unit_test(snp_genoa),
		cmocka_unit_test(tdx_of_trustee),
		cmocka_unit_test(hcl_of_2023),
	};
	struct stat st;

	if (stat(OLD "ak.pem", &st) != 0) {
		(void)printf("skipped: no %s\n", OLD);
		return TEST_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
