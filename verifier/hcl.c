/* hcl.c -- Azure's HCL reports; see hcl.h. */
#include "cert/json.h"
#include "cert/limits.h"
#include "common/reader.h"
#include "common/sha256.h"
#include "common/text.h"
#include "verifier/check.h"
#include "verifier/hcl.h"

#define MAGIC 0x414c4348 /* "HCLA" */
#define REQUEST_ATTESTATION 2
#define HEADER_LEN 32
#define HARDWARE_LEN 1184
#define DATA_HEADER_LEN 20
#define HASH_SHA256 1
#define SNP_REPORT_DATA 0x50
#define TDREPORT_LEN 1024
#define TDREPORT_REPORT_DATA 128 /* in REPORTMACSTRUCT */

/* Of a TDX quote: its header, and report_data in a TD 1.0 or 1.5 body. */
#define TD_QUOTE_HEADER_LEN 48
#define TD_TYPE 0x81
#define TD_BODY_REPORT_DATA 520

static enum ac_err
malformed(struct message *why, const char *what)
{
	return BECAUSE(why, AC_ERR_FORMAT, "HCL report: %s", what);
}

/* The one key HCLAkPub among the claims. */
static bool
read_ak(struct hcl *h, struct json claims)
{
	struct json found = { 0 };
	struct span n;

	JSON_EACH(k, json_get(claims, "keys")) {
		if (!json_is(json_get(k, "kid"), "HCLAkPub"))
			continue;
		if (!CHECK(hcl_one_ak, !json_present(found)))
			return false;
		found = k;
	}
	/* Its key_ops said "encrypt" in 2023: what it does the TPM says. */
	if (!CHECK(hcl_ak_kind, json_is(json_get(found, "kty"), "RSA") &&
	    json_is(json_get(found, "e"), "AQAB")) ||
	    !json_string(json_get(found, "n"), &n) || n.len > HCL_N_MAX)
		return false;
	memcpy(h->ak_n, n.p, n.len);
	h->ak_n[n.len] = '\0';
	return true;
}

static enum ac_err
parse_claims(struct hcl *h, struct span text, struct message *why)
{
	struct json_doc doc = { 0 };
	enum ac_err e = json_parse(&doc, text);
	struct digest d = sha256_of(text);

	if (e != AC_OK)
		return malformed(why, "the claims are no strict JSON");
	if (!json_is_object(json_root(&doc)) ||
	    !read_ak(h, json_root(&doc)))
		e = malformed(why, "the claims do not hold exactly one RSA "
		    "key HCLAkPub");
	json_free(&doc);
	memcpy(h->report_data, d.b, sizeof(d.b));
	return e;
}

enum ac_err
hcl_parse(struct hcl *out, struct span report, struct message *why)
{
	struct reader r = rd_of(report);
	struct hcl h = { 0 };
	uint32_t magic, version, size, request, datasize, dataversion, kind;
	uint32_t hash, claimslen;
	struct span rest, hardware, claims, bound;
	enum ac_err e;

	if (!rd_le32(&r, &magic) || magic != MAGIC ||
	    !rd_le32(&r, &version) || version < 1 || version > 2 ||
	    !rd_le32(&r, &size) || !rd_le32(&r, &request) ||
	    request != REQUEST_ATTESTATION || !rd_take(&r, &rest, 16) ||
	    !span_is_zero(rest))
		return malformed(why, "the header");
	if (!rd_take(&r, &hardware, HARDWARE_LEN) ||
	    !rd_le32(&r, &datasize) || !rd_le32(&r, &dataversion) ||
	    dataversion != 1 || !rd_le32(&r, &kind) ||
	    (kind != HCL_SNP && kind != HCL_TDX) || !rd_le32(&r, &hash) ||
	    hash != HASH_SHA256 || !rd_le32(&r, &claimslen) ||
	    claimslen > REPORT_MAX || datasize != DATA_HEADER_LEN + claimslen ||
	    size != HEADER_LEN + HARDWARE_LEN + datasize)
		return malformed(why, "the description of the claims");
	if (!rd_take(&r, &claims, claimslen) ||
	    !CHECK(hcl_end, span_is_zero(r.left)))
		return malformed(why, "the claims' length");
	h.kind = (enum hcl_kind)kind;
	h.hardware = hardware;
	bound = span_of(hardware.p + SNP_REPORT_DATA, sizeof(h.report_data));
	if (h.kind == HCL_TDX) {
		h.hardware.len = TDREPORT_LEN;
		bound.p = hardware.p + TDREPORT_REPORT_DATA;
		if (!span_is_zero(span_of(hardware.p + TDREPORT_LEN,
		    HARDWARE_LEN - TDREPORT_LEN)))
			return malformed(why, "bytes after the TDREPORT");
	}
	e = parse_claims(&h, claims, why);
	if (e != AC_OK)
		return e;
	if (!CHECK(hcl_bound, span_equal(bound, span_of(h.report_data,
	    sizeof(h.report_data)))))
		return BECAUSE(why, AC_ERR_MISMATCH, "HCL report: report_data "
		    "is not the SHA-256 of the claims");
	*out = h;
	return AC_OK;
}

bool
hcl_names_ak(const struct hcl *h, struct span modulus)
{
	char text[HCL_N_MAX + 2];
	size_t len = text_base64_len(modulus.len);

	if (len > sizeof(text))
		return false;
	text_base64(text, modulus);
	while (len > 0 && text[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	return len > 0 && span_equal(span_str(h->ak_n), span_of(text, len));
}

enum ac_err
hcl_check_td_quote(const struct hcl *h, struct span quote, struct message *why)
{
	struct reader r = rd_of(quote);
	uint16_t version, keytype, bodytype;
	struct span skipped, data;
	uint32_t type, bodylen;

	if (!rd_le16(&r, &version) || (version != 4 && version != 5) ||
	    !rd_le16(&r, &keytype) || !rd_le32(&r, &type) || type != TD_TYPE ||
	    !rd_take(&r, &skipped, TD_QUOTE_HEADER_LEN - 8) ||
	    (version == 5 && (!rd_le16(&r, &bodytype) ||
	    !rd_le32(&r, &bodylen))) ||
	    !rd_take(&r, &skipped, TD_BODY_REPORT_DATA) ||
	    !rd_take(&r, &data, sizeof(h->report_data)))
		return BECAUSE(why, AC_ERR_FORMAT, "the TDX quote is none of "
		    "version 4 or 5");
	if (!CHECK(td_bound, h->kind == HCL_TDX &&
	    span_equal(data, span_of(h->report_data,
	    sizeof(h->report_data)))))
		return BECAUSE(why, AC_ERR_MISMATCH, "the TDX quote is not "
		    "bound to the HCL report's claims");
	return AC_OK;
}
