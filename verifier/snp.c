/* snp.c -- SEV-SNP reports; see snp.h. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/reader.h"
#include "verifier/chain.h"
#include "verifier/check.h"
#include "verifier/sig.h"
#include "verifier/snp.h"

#define SIGNED_LEN 0x2a0
#define ECDSA_P384_SHA384 1
#define FIELD_LEN 48
#define R_LEN 72 /* of r or s, padded with zeros at the end */

/* GUEST_POLICY. */
#define POLICY_MUST_BE_ONE (UINT64_C(1) << 17)
#define POLICY_MIGRATE (UINT64_C(1) << 18)
#define POLICY_DEBUG (UINT64_C(1) << 19)
/* The only bit of the signer that a VCEK's report may have. */
#define AUTHOR_KEY_EN 1

/* Extensions of a VCEK. */
#define OID_AMD "1.3.6.1.4.1.3704.1."
#define OID_PRODUCT OID_AMD "2"
#define OID_BOOTLOADER OID_AMD "3.1"
#define OID_TEE OID_AMD "3.2"
#define OID_SNP OID_AMD "3.3"
#define OID_MICROCODE OID_AMD "3.8"
#define OID_FMC OID_AMD "3.9"
#define OID_CHIP OID_AMD "4"
#define TURIN_CHIP_LEN 8

static const char *const product_name[] = { "Milan", "Genoa", "Turin" };

static enum ac_err
refuse(struct message *why, enum ac_err e, const char *what)
{
	return BECAUSE(why, e, "SNP report: %s", what);
}

const char *
snp_product_name(enum snp_product p)
{
	return product_name[p];
}

static bool
is_zero(struct span s)
{
	return CHECK(snp_zeros, span_is_zero(s));
}

static bool
rd_zeros(struct reader *r, size_t n)
{
	struct span s;

	return rd_take(r, &s, n) && is_zero(s);
}

/* What stands from committed_tcb to the signature, by version. */
static bool
parse_end(struct reader *r, uint32_t version)
{
	struct span skipped;

	/* COMMITTED_TCB, CURRENT and COMMITTED versions, LAUNCH_TCB. */
	if (!rd_take(r, &skipped, 8) || !rd_take(r, &skipped, 3) ||
	    !rd_zeros(r, 1) || !rd_take(r, &skipped, 3) || !rd_zeros(r, 1) ||
	    !rd_take(r, &skipped, 8))
		return false;
	/* LAUNCH and CURRENT MIT_VECTOR. */
	if (version >= 5 && !rd_take(r, &skipped, 16))
		return false;
	return rd_zeros(r, version >= 5 ? 152 : 168);
}

enum ac_err
snp_parse(struct snp *out, struct span report, struct message *why)
{
	struct reader r = rd_of(report);
	struct snp n = { 0 };
	struct span skipped, tcb;
	uint32_t algorithm, signer;

	if (report.len != SNP_REPORT_LEN || !rd_le32(&r, &n.version) ||
	    n.version < 2 || n.version > 5)
		return refuse(why, AC_ERR_FORMAT, "not one of version 2 to 5 "
		    "in 1184 bytes");
	/* GUEST_SVN; FAMILY_ID and IMAGE_ID; CURRENT_TCB and PLATFORM_INFO. */
	if (!rd_take(&r, &skipped, 4) || !rd_le64(&r, &n.policy) ||
	    !rd_take(&r, &skipped, 32) || !rd_le32(&r, &n.vmpl) ||
	    !rd_le32(&r, &algorithm) || !rd_take(&r, &skipped, 16) ||
	    !rd_le32(&r, &signer) || !rd_zeros(&r, 4))
		return refuse(why, AC_ERR_FORMAT, "its reserved bytes are set");
	if (!CHECK(snp_algorithm, algorithm == ECDSA_P384_SHA384))
		return refuse(why, AC_ERR_FORMAT,
		    "not signed with ECDSA P-384 and SHA-384");
	if (!CHECK(snp_signer, signer <= AUTHOR_KEY_EN))
		return refuse(why, AC_ERR_FORMAT,
		    "not signed by an unmasked VCEK");
	/*
	 * REPORT_DATA, MEASUREMENT and HOST_DATA; then the ID key, the author
	 * key's digest, REPORT_ID and that of the migration agent.
	 */
	if (!rd_take(&r, &skipped, 64 + 48 + 32) ||
	    !rd_take(&r, &n.id_key_digest, SNP_ID_KEY_LEN) ||
	    !rd_take(&r, &skipped, 48 + 32 + 32) || !rd_take(&r, &tcb, 8) ||
	    /* Family, model and stepping of the CPU. */
	    (n.version >= 3 && !rd_take(&r, &skipped, 3)) ||
	    !rd_zeros(&r, n.version >= 3 ? 21 : 24) ||
	    !rd_take(&r, &n.chip_id, SNP_CHIP_ID_LEN) ||
	    !parse_end(&r, n.version) || !rd_take(&r, &n.r, R_LEN) ||
	    !rd_take(&r, &n.s, R_LEN) || !rd_zeros(&r, 368) || !rd_end(&r))
		return refuse(why, AC_ERR_FORMAT, "its reserved bytes are set");
	memcpy(n.tcb, tcb.p, sizeof(n.tcb));
	n.signed_part = span_of(report.p, SIGNED_LEN);
	*out = n;
	return AC_OK;
}

/* The value of the extension of that OID, within the certificate. */
static bool
extension(struct span *out, X509 *x, const char *oid)
{
	ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
	int at = o == NULL ? -1 : X509_get_ext_by_OBJ(x, o, -1);
	const ASN1_OCTET_STRING *s;

	ASN1_OBJECT_free(o);
	if (at < 0)
		return false;
	s = X509_EXTENSION_get_data(X509_get_ext(x, at));
	*out = span_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	return true;
}

/* An INTEGER of 0 to 255 in DER. */
static bool
extension_byte(uint8_t *out, X509 *x, const char *oid)
{
	struct span s;

	if (!extension(&s, x, oid) || s.len < 3 || s.p[0] != 0x02 ||
	    s.p[1] != s.len - 2 || s.len > 4 ||
	    (s.len == 4 && (s.p[2] != 0 || s.p[3] < 0x80)) ||
	    (s.len == 3 && s.p[2] >= 0x80))
		return false;
	*out = s.p[s.len - 1];
	return true;
}

/* An IA5String that begins with a product's name: "Milan-B0". */
static bool
extension_product(enum snp_product *out, X509 *x)
{
	struct span s;

	if (!extension(&s, x, OID_PRODUCT) || s.len < 7 || s.p[0] != 0x16 ||
	    s.p[1] != s.len - 2)
		return false;
	for (unsigned i = SNP_MILAN; i <= SNP_TURIN; i++) {
		if (span_is(span_of(s.p + 2, 5), product_name[i])) {
			*out = (enum snp_product)i;
			return true;
		}
	}
	return false;
}

static struct snp_tcb
tcb_of(const uint8_t b[8], enum snp_product product)
{
	if (product == SNP_TURIN)
		return (struct snp_tcb){ b[0], b[1], b[2], b[3], b[7] };
	return (struct snp_tcb){ 0, b[0], b[1], b[6], b[7] };
}

/* Is the VCEK's certificate for the report's chip and TCB? */
static enum ac_err
check_vcek(struct snp_signer *out, X509 *x, const struct snp *n,
    struct message *why)
{
	struct snp_tcb t = { 0 }, v = { 0 };
	size_t chiplen = SNP_CHIP_ID_LEN;
	struct span chip, rest;

	if (!extension_product(&out->product, x))
		return refuse(why, AC_ERR_MISMATCH, "its signer's certificate "
		    "is not a VCEK of Milan, Genoa or Turin");
	t = tcb_of(n->tcb, out->product);
	if (!CHECK(snp_tcb, extension_byte(&v.bootloader, x, OID_BOOTLOADER) &&
	    extension_byte(&v.tee, x, OID_TEE) &&
	    extension_byte(&v.snp, x, OID_SNP) &&
	    extension_byte(&v.microcode, x, OID_MICROCODE) &&
	    (out->product != SNP_TURIN ||
	    extension_byte(&v.fmc, x, OID_FMC)) &&
	    v.bootloader == t.bootloader && v.tee == t.tee &&
	    v.snp == t.snp && v.microcode == t.microcode && v.fmc == t.fmc))
		return refuse(why, AC_ERR_MISMATCH,
		    "the VCEK is for another TCB than the reported one");
	if (out->product == SNP_TURIN)
		chiplen = TURIN_CHIP_LEN;
	rest = span_of(n->chip_id.p + chiplen, SNP_CHIP_ID_LEN - chiplen);
	if (!CHECK(snp_chip, extension(&chip, x, OID_CHIP) &&
	    span_equal(chip, span_of(n->chip_id.p, chiplen)) &&
	    is_zero(rest)))
		return refuse(why, AC_ERR_MISMATCH,
		    "the VCEK is another chip's");
	out->tcb = t;
	return AC_OK;
}

/* A little-endian number of the curve's field, padded with zeros. */
static BIGNUM *
number(struct span s)
{
	struct span rest = span_of(s.p + FIELD_LEN, s.len - FIELD_LEN);

	if (!is_zero(rest))
		return NULL;
	return BN_lebin2bn(s.p, FIELD_LEN, NULL);
}

static bool
signature_holds(EVP_PKEY *key, const struct snp *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char *der = NULL;
	int len = sig_ecdsa_der(&der, number(n->r), number(n->s));
	bool holds = key != NULL && EVP_PKEY_is_a(key, "EC") == 1 &&
	    EVP_PKEY_get_bits(key) == 8 * FIELD_LEN && len > 0 &&
	    ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL,
	    key) == 1 && EVP_DigestVerify(ctx, der, (size_t)len,
	    n->signed_part.p, n->signed_part.len) == 1;

	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	return holds;
}

/* The chain, and what it signed. */
static enum ac_err
check_report(struct snp_signer *found, const struct snp *n,
    const struct chain *c, int64_t time_s, struct message *why)
{
	struct message what;
	enum ac_err e = chain_check(c, CHAIN_AMD, time_s, &what);

	if (e != AC_OK)
		return refuse(why, e, what.text);
	e = check_vcek(found, c->x[0], n, why);
	if (e != AC_OK)
		return e;
	e = AC_ERR_MISMATCH;
	if (!CHECK(snp_signature,
	    signature_holds(X509_get0_pubkey(c->x[0]), n)))
		return refuse(why, e, "its signature does not hold under the "
		    "VCEK");
	if (!CHECK(snp_vmpl, n->vmpl == 0))
		return refuse(why, e, "not of VMPL 0: the guest itself could "
		    "have asked for it");
	if (!CHECK(snp_debug, (n->policy & POLICY_MUST_BE_ONE) != 0 &&
	    (n->policy & POLICY_DEBUG) == 0))
		return refuse(why, e, "its guest policy lets the host debug "
		    "the guest");
	if (!CHECK(snp_migrate, (n->policy & POLICY_MIGRATE) == 0))
		return refuse(why, e, "its guest policy lets an agent take the "
		    "guest elsewhere");
	return AC_OK;
}

enum ac_err
snp_check(struct snp_signer *out, const struct snp *n, const struct buf der[],
    size_t nder, int64_t time_s, struct message *why)
{
	struct snp_signer found = { .root = chain_root(der, nder) };
	struct chain c = { 0 };
	struct message what;
	enum ac_err e;

	if (nder != SNP_CHAIN_LEN)
		return refuse(why, AC_ERR_FORMAT, "its chain is not VCEK, ASK "
		    "and ARK");
	e = chain_parse(&c, der, nder, &what);
	if (e != AC_OK)
		return refuse(why, e, what.text);
	e = check_report(&found, n, &c, time_s, why);
	if (e == AC_OK)
		*out = found;
	chain_free(&c);
	ERR_clear_error();
	return e;
}

bool
snp_tcb_reaches(const struct snp_tcb *t, const struct snp_tcb *floor)
{
	return t->fmc >= floor->fmc && t->bootloader >= floor->bootloader &&
	    t->tee >= floor->tee && t->snp >= floor->snp &&
	    t->microcode >= floor->microcode;
}
