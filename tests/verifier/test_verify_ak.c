/*
 * Steps 7 to 9, 12 and 13: the AK's certificate chain, its root, what its
 * public area says, and machines whose boot is not judged.
 */
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "common/sha256.h"
#include "tests/verifier/rows.h"

#define LOGGED "log @log\nlog-time @time\nquorum none\nbuilder test @builder\n"

#define CHAIN .step = VERIFY_AK_CHAIN, .status = VERIFY_FAILED
#define CHAIN_REFUSED .step = VERIFY_AK_CHAIN, .status = VERIFY_NOT_ACCEPTED
#define PUBLIC .step = VERIFY_AK_PUBLIC, .status = VERIFY_FAILED

/* Extension number i of certificate c (leaf, intermediate, root). */
#define EXT(c, i) f->cert[c].extension[i]

HOOK(leaf_expired, f->cert[0].not_after_s = FIXTURE_TIME - 1);
HOOK(leaf_later, f->cert[0].not_before_s = FIXTURE_TIME + 1);
HOOK(middle_expired, f->cert[1].not_after_s = FIXTURE_TIME - 1);
HOOK(root_expired, f->cert[2].not_after_s = FIXTURE_TIME - 1);
HOOK(leaf_expired_since, f->cert[0].not_after_s = FIXTURE_TIME + 1);
HOOK(leaf_valid_since, f->cert[0].not_before_s = FIXTURE_TIME);
HOOK(middle_no_ca, EXT(1, 0).value = "critical,CA:FALSE");
HOOK(middle_no_sign, EXT(1, 1).value = "critical,digitalSignature");
/* ECDSA has no MD5. */
HOOK(leaf_md5, (f->cert[1].key = f->cert[0].issuer_key = f->keys->other_ak,
    f->cert[0].md = EVP_md5()));
HOOK(middle_may_issue, (EXT(1, 4).name = "extendedKeyUsage",
    EXT(1, 4).value = "2.23.133.8.1,2.23.133.8.3"));
HOOK(middle_sha1, f->cert[1].md = EVP_sha1());
HOOK(leaf_sha1, f->cert[0].md = EVP_sha1());
HOOK(leaf_ca, EXT(0, 0).value = "critical,CA:TRUE");
HOOK(leaf_cert_sign,
    EXT(0, 1).value = "critical,digitalSignature,keyCertSign");
HOOK(leaf_no_signature, EXT(0, 1).value = "critical,keyEncipherment");
HOOK(leaf_usage_not_critical, EXT(0, 1).value = "digitalSignature");
HOOK(leaf_eku_ek, EXT(0, 2).value = "2.23.133.8.1");
HOOK(leaf_eku_both, EXT(0, 2).value = "2.23.133.8.1,2.23.133.8.3");
HOOK(leaf_eku_tls, EXT(0, 2).value = "serverAuth");
HOOK(same_name_ca, f->cert[0].issuer_key = f->keys->other_ca);
HOOK(middle_of_other_root, f->cert[1].issuer_key = f->keys->other_ca);

static void
leaf_no_usage(struct fixture *f)
{
	for (size_t i = 1; i < 6; i++)
		EXT(0, i) = EXT(0, i + 1);
}

static void
leaf_no_eku(struct fixture *f)
{
	for (size_t i = 2; i < 6; i++)
		EXT(0, i) = EXT(0, i + 1);
}

static void
unknown_critical(struct fixture *f)
{
	EXT(0, 5) = (struct fixture_extension){ "1.3.6.1.4.1.99999.1",
		"critical,DER:0500" };
}

static void
unknown_extension(struct fixture *f)
{
	EXT(0, 5) = (struct fixture_extension){ "1.3.6.1.4.1.99999.1",
		"DER:0500" };
}

HOOK(nul_in_subject, (f->cert[0].subject = "Test\0AK",
    f->cert[0].subjectlen = 7));

static void
with_policy(struct fixture *f)
{
	/* 1.3.6.1.4.1.311.108.200.2 */
	EXT(0, 5) = (struct fixture_extension){ "certificatePolicies",
		"DER:300f300d060b2b0601040182376c814802" };
}

/* The machine of Trusted Launch, whose policy begins as the other's. */
static void
trusted_vm(struct fixture *f)
{
	/* 1.3.6.1.4.1.311.108 */
	EXT(0, 5) = (struct fixture_extension){ "certificatePolicies",
		"DER:300c300a06082b0601040182376c" };
}

/* An intermediate, whose key quotes, with the usages of an AK. */
static void
middle_as_ak(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP) {
		f->ak = f->certified = f->keys->intermediate;
		f->ak_scheme = FIXTURE_ECDSA;
		middle_may_issue(f);
		EXT(1, 1).value = "critical,keyCertSign,digitalSignature";
	}
	if (f->stage == FIXTURE_CHAIN) {
		buf_free(&f->ev.chain[0]);
		f->ev.chain[0] = f->ev.chain[1];
		f->ev.chain[1] = f->ev.chain[2];
		f->ev.chain[2] = (struct buf){ 0 };
		f->ev.nchain = 2;
	}
}

/* Leaf, two CAs and a root, as Azure's of 2026: SHA-512 between them. */
static void
two_cas(struct fixture *f)
{
	struct fixture_cert upper = f->cert[1], lower = f->cert[1];
	struct fixture_cert leaf = f->cert[0];

	upper.extension[0].value = "critical,CA:TRUE,pathlen:1";
	upper.md = lower.md = EVP_sha512();
	lower.subject = "Test Lower";
	lower.issuer = "Test Intermediate";
	lower.key = f->keys->other_ca;
	lower.issuer_key = f->keys->intermediate;
	leaf.issuer = lower.subject;
	leaf.issuer_key = f->keys->other_ca;
	leaf.extension[2].value = "1.3.6.1.4.1.311.10.3.12,2.23.133.8.3";
	f->ev.chain[3] = f->ev.chain[2];
	f->ev.chain[2] = (struct buf){ 0 };
	fixture_certify(&f->ev.chain[2], &upper);
	fixture_certify(&f->ev.chain[1], &lower);
	fixture_certify(&f->ev.chain[0], &leaf);
	f->ev.nchain = 4;
}

/* The leaf signs itself, and nothing else is shown. */
static void
self_signed(struct fixture *f)
{
	f->cert[0].issuer = f->cert[0].subject;
	f->cert[0].issuer_key = f->keys->ak;
}

/* Another intermediate below the one that allows none below it. */
static void
pathlen(struct fixture *f)
{
	struct fixture_cert below = f->cert[1], leaf = f->cert[0];

	below.subject = "Test Below";
	below.issuer = "Test Intermediate";
	below.key = f->keys->other_ca;
	below.issuer_key = f->keys->intermediate;
	leaf.issuer = below.subject;
	leaf.issuer_key = f->keys->other_ca;
	f->ev.chain[3] = f->ev.chain[2];
	f->ev.chain[2] = f->ev.chain[1];
	f->ev.chain[1] = (struct buf){ 0 };
	fixture_certify(&f->ev.chain[1], &below);
	fixture_certify(&f->ev.chain[0], &leaf);
	f->ev.nchain = 4;
}

/* The root's own key signs the leaf: a chain of two is one. */
static void
chain_of_two(struct fixture *f)
{
	struct fixture_cert leaf = f->cert[0];

	leaf.issuer = "Test Root";
	leaf.issuer_key = f->keys->root;
	fixture_certify(&f->ev.chain[0], &leaf);
	buf_free(&f->ev.chain[1]);
	f->ev.chain[1] = f->ev.chain[2];
	f->ev.chain[2] = (struct buf){ 0 };
	f->ev.nchain = 2;
}

static void
swap(struct fixture *f, size_t a, size_t b)
{
	struct buf c = f->ev.chain[a];

	f->ev.chain[a] = f->ev.chain[b];
	f->ev.chain[b] = c;
}

HOOK(leaf_last, swap(f, 0, 2));
HOOK(leaf_second, swap(f, 0, 1));
HOOK(root_second, swap(f, 1, 2));

static void
no_intermediate(struct fixture *f)
{
	swap(f, 1, 2);
	buf_free(&f->ev.chain[2]);
	f->ev.nchain = 2;
}

static void
no_root(struct fixture *f)
{
	buf_free(&f->ev.chain[2]);
	f->ev.nchain = 2;
}

/* A certificate more that nothing in the chain needs. */
static void
extra(struct fixture *f)
{
	struct fixture_cert spec = f->cert[1];

	spec.subject = "Test Bystander";
	spec.key = f->keys->other_ca;
	f->ev.chain[3] = f->ev.chain[2];
	f->ev.chain[2] = (struct buf){ 0 };
	fixture_certify(&f->ev.chain[2], &spec);
	f->ev.nchain = 4;
}

static void
twice(struct fixture *f)
{
	f->ev.chain[3] = f->ev.chain[2];
	f->ev.chain[2] = (struct buf){ 0 };
	fixture_set(&f->ev.chain[2], buf_span(&f->ev.chain[1]));
	f->ev.nchain = 4;
}

/* Bytes after the DER of a certificate. */
static void
pad(struct fixture *f, size_t i, uint8_t last, size_t n)
{
	struct writer w;

	wr_init(&w, CERT_DER_MAX);
	wr_bytes(&w, buf_span(&f->ev.chain[i]));
	for (size_t k = 1; k < n; k++)
		wr_u8(&w, 0);
	wr_u8(&w, last);
	buf_free(&f->ev.chain[i]);
	assert_ok(wr_end(&w, &f->ev.chain[i]));
}

/* The length of the whole in one byte more than it takes. */
static void
leaf_ber(struct fixture *f)
{
	struct buf *b = &f->ev.chain[0];
	struct writer w;

	assert_int_equal(b->p[1], 0x82);
	wr_init(&w, CERT_DER_MAX);
	wr_u8(&w, b->p[0]);
	wr_be16(&w, 0x8300);
	wr_bytes(&w, span_of(b->p + 2, b->len - 2));
	buf_free(b);
	assert_ok(wr_end(&w, b));
}

HOOK(leaf_zeros, pad(f, 0, 0, 3000));
HOOK(leaf_not_zeros, pad(f, 0, 1, 3000));
HOOK(leaf_trailing, pad(f, 0, 0x30, 1));
HOOK(middle_zeros, pad(f, 1, 0, 1));
HOOK(leaf_cut, f->ev.chain[0].len--);
HOOK(leaf_garbage, fixture_set(&f->ev.chain[0], span_str("certificate")));

/* The root that the policy pins, with another key and the same name. */
static void
root_of_other_key(struct fixture *f)
{
	struct fixture_cert root = f->cert[2], middle = f->cert[1];

	root.key = root.issuer_key = f->keys->other_ca;
	middle.issuer_key = f->keys->other_ca;
	fixture_certify(&f->ev.chain[2], &root);
	fixture_certify(&f->ev.chain[1], &middle);
}

#define ROOT(words) LOGGED "ak-root @root sim " words "\n"
#define SIMULATED ROOT("simulated unmeasured-boot")

static const struct row chain[] = {
	{ .name = "expired before the inclusion", .hook = leaf_expired, CHAIN,
	  .says = "certificate 1: certificate has expired" },
	{ .name = "valid only after the inclusion", .hook = leaf_later, CHAIN,
	  .says = "certificate 1: certificate is not yet valid" },
	{ .name = "intermediate expired", .hook = middle_expired, CHAIN,
	  .says = "certificate 2: certificate has expired" },
	{ .name = "root expired", .hook = root_expired, CHAIN,
	  .says = "certificate 3: certificate has expired" },
	{ .name = "valid then, expired since", .hook = leaf_expired_since },
	{ .name = "valid since that second", .hook = leaf_valid_since },
	{ .name = "the time is the witnesses', which is later",
	  .hook = leaf_expired_since, .cosigned = true,
	  .policy = "log @log\nwitness w @w0\nquorum w\nbuilder test "
	  "@builder\nak-root @root sim simulated unmeasured-boot\n", CHAIN,
	  .says = "has expired" },
	{ .name = "no time to judge by", .policy = "log @log\nquorum none\n"
	  "builder test @builder\nak-root @root sim simulated "
	  "unmeasured-boot\n", .step = VERIFY_QUORUM,
	  .status = VERIFY_NOT_ACCEPTED },
	{ .name = "self-signed leaf", .hook = self_signed, CHAIN,
	  .says = "does not verify at certificate 1" },
	{ .name = "leaf last", .at = FIXTURE_CHAIN, .hook = leaf_last, CHAIN },
	{ .name = "leaf second", .at = FIXTURE_CHAIN, .hook = leaf_second,
	  CHAIN },
	{ .name = "root second", .at = FIXTURE_CHAIN, .hook = root_second,
	  CHAIN },
	{ .name = "a certificate more", .at = FIXTURE_CHAIN, .hook = extra,
	  CHAIN, .says = "do not belong" },
	{ .name = "a certificate twice", .at = FIXTURE_CHAIN, .hook = twice,
	  CHAIN, .says = "are the same" },
	{ .name = "no intermediate", .at = FIXTURE_CHAIN,
	  .hook = no_intermediate, CHAIN, .says = "does not verify" },
	{ .name = "no root", .at = FIXTURE_CHAIN, .hook = no_root, CHAIN,
	  .says = "does not verify" },
	{ .name = "an intermediate that is no CA", .hook = middle_no_ca,
	  CHAIN, .says = "at certificate 2: invalid CA certificate" },
	{ .name = "an intermediate that may not sign certificates",
	  .hook = middle_no_sign, CHAIN, .says = "does not verify" },
	{ .name = "more CAs than the path may have", .at = FIXTURE_CHAIN,
	  .hook = pathlen, CHAIN, .says = "path length" },
	{ .name = "a CA of the same name and another key",
	  .hook = same_name_ca, CHAIN, .says = "does not verify" },
	{ .name = "an intermediate by another root's key",
	  .hook = middle_of_other_root, CHAIN, .says = "does not verify" },
	{ .name = "the intermediate is signed with SHA-1",
	  .hook = middle_sha1, CHAIN, .says = "CA signature digest" },
	{ .name = "the leaf is signed with SHA-1", .hook = leaf_sha1, CHAIN,
	  .says = "digest algorithm too weak" },
	{ .name = "the leaf is signed with MD5", .hook = leaf_md5, CHAIN,
	  .says = "digest algorithm too weak" },
	{ .name = "an intermediate that may issue EK certificates",
	  .hook = middle_may_issue },
	{ .name = "an intermediate as AK", EVERY(middle_as_ak), CHAIN,
	  .says = "certificate is that of a CA" },
	{ .name = "two intermediates", .at = FIXTURE_CHAIN, .hook = two_cas },
	{ .name = "the leaf is a CA", .hook = leaf_ca, CHAIN },
	{ .name = "the leaf may sign certificates", .hook = leaf_cert_sign,
	  CHAIN },
	{ .name = "the leaf has no digitalSignature",
	  .hook = leaf_no_signature, CHAIN,
	  .says = "lacks the critical key usage" },
	{ .name = "the leaf's key usage is not critical",
	  .hook = leaf_usage_not_critical, CHAIN,
	  .says = "lacks the critical key usage" },
	{ .name = "the leaf has no key usage", .hook = leaf_no_usage, CHAIN,
	  .says = "lacks the critical key usage" },
	{ .name = "the leaf has no extended key usage", .hook = leaf_no_eku,
	  CHAIN, .says = "lacks the extended key usage 2.23.133.8.3" },
	{ .name = "the leaf is an endorsement key's", .hook = leaf_eku_ek,
	  CHAIN, .says = "lacks the extended key usage 2.23.133.8.3" },
	{ .name = "the leaf is a server's", .hook = leaf_eku_tls, CHAIN,
	  .says = "lacks the extended key usage 2.23.133.8.3" },
	{ .name = "both usages", .hook = leaf_eku_both },
	{ .name = "another usage, which the policy asks for",
	  .hook = leaf_eku_ek,
	  .policy = ROOT("simulated unmeasured-boot eku 2.23.133.8.1") },
	{ .name = "not the usage that the policy asks for",
	  .policy = ROOT("simulated unmeasured-boot eku 2.23.133.8.1"), CHAIN,
	  .says = "lacks the extended key usage 2.23.133.8.1" },
	{ .name = "not the policy that the policy asks for",
	  .policy = ROOT("simulated unmeasured-boot policy "
	  "1.3.6.1.4.1.311.108.200.2"), CHAIN,
	  .says = "lacks the certificate policy" },
	{ .name = "TrustedVM where ConfidentialVM is asked for",
	  .hook = trusted_vm,
	  .policy = ROOT("simulated unmeasured-boot policy "
	  "1.3.6.1.4.1.311.108.200.2"), CHAIN,
	  .says = "lacks the certificate policy" },
	{ .name = "ConfidentialVM where TrustedVM is asked for",
	  .hook = with_policy,
	  .policy = ROOT("simulated unmeasured-boot policy "
	  "1.3.6.1.4.1.311.108"), CHAIN,
	  .says = "lacks the certificate policy" },
	{ .name = "TrustedVM where it is asked for", .hook = trusted_vm,
	  .policy = ROOT("simulated unmeasured-boot policy "
	  "1.3.6.1.4.1.311.108"), .step = VERIFY_AK_CHAIN,
	  .status = VERIFY_OK, .says = "TrustedVM" },
	{ .name = "the leaf has no extended key usage, and none is asked for",
	  .hook = leaf_no_eku,
	  .policy = ROOT("simulated unmeasured-boot eku 2.5.29.37.0") },
	{ .name = "another usage, where any is asked for",
	  .hook = leaf_eku_tls,
	  .policy = ROOT("simulated unmeasured-boot eku 2.5.29.37.0"), CHAIN,
	  .says = "lacks the extended key usage 2.5.29.37.0" },
	{ .name = "the policy that the policy asks for", .hook = with_policy,
	  .policy = ROOT("simulated unmeasured-boot policy "
	  "1.3.6.1.4.1.311.108.200.2") },
	{ .name = "an unknown critical extension", .hook = unknown_critical,
	  CHAIN, .says = "unhandled critical extension" },
	{ .name = "an unknown extension", .hook = unknown_extension },
	{ .name = "a NUL in the subject", .hook = nul_in_subject, CHAIN,
	  .says = "subject has control characters" },
	{ .name = "zeros after the leaf", .at = FIXTURE_CHAIN,
	  .hook = leaf_zeros },
	{ .name = "other bytes after zeros after the leaf",
	  .at = FIXTURE_CHAIN, .hook = leaf_not_zeros, CHAIN,
	  .says = "certificate 1 of the chain is not one" },
	{ .name = "a byte after the leaf", .at = FIXTURE_CHAIN,
	  .hook = leaf_trailing, CHAIN,
	  .says = "certificate 1 of the chain is not one" },
	{ .name = "a zero after the intermediate", .at = FIXTURE_CHAIN,
	  .hook = middle_zeros, CHAIN,
	  .says = "certificate 2 of the chain is not one" },
	{ .name = "the leaf in BER", .at = FIXTURE_CHAIN, .hook = leaf_ber,
	  CHAIN, .says = "certificate 1 of the chain is not one" },
	{ .name = "the leaf is cut off", .at = FIXTURE_CHAIN,
	  .hook = leaf_cut, CHAIN,
	  .says = "certificate 1 of the chain is not one" },
	{ .name = "the leaf is none", .at = FIXTURE_CHAIN,
	  .hook = leaf_garbage, CHAIN,
	  .says = "certificate 1 of the chain is not one" },
	{ .name = "a chain of two", .at = FIXTURE_CHAIN,
	  .hook = chain_of_two },
	{ .name = "no ak-root line", .policy = LOGGED, CHAIN_REFUSED,
	  .says = "is not in the policy" },
	{ .name = "another root", .policy = LOGGED "ak-root azure-2023 azure\n",
	  CHAIN_REFUSED, .says = "is not in the policy" },
	{ .name = "a root of the same name and another key",
	  .at = FIXTURE_CHAIN, .hook = root_of_other_key, CHAIN_REFUSED,
	  .says = "is not in the policy" },
	{ .name = "an unknown root and an expired leaf",
	  .hook = leaf_expired, .policy = LOGGED, CHAIN,
	  .says = "has expired" },
	{ .name = "this vm", .policy = SIMULATED "vm @vm\n" },
	{ .name = "another vm", .policy = SIMULATED "vm @root\n",
	  CHAIN_REFUSED, .says = "is on no vm line" },
	{ .name = "this vm and another",
	  .policy = SIMULATED "vm @root\nvm @vm\n" },
	{ .name = "simulated, measured boot", .policy = ROOT("simulated"),
	  .step = VERIFY_BOOT, .status = VERIFY_NOT_ACCEPTED,
	  .says = "the policy names no image" },
	{ .name = "not simulated", .policy = ROOT(""),
	  .step = VERIFY_BOOT, .status = VERIFY_NOT_ACCEPTED,
	  .says = "the policy names no image" },
};

static void
chains(void **state)
{
	(void)state;
	rows_run(ROWS(chain));
}

/* Without `unmeasured-boot` the log is judged, and nothing known of it. */
static void
boot(void **state)
{
	struct rows_result r = { 0 };
	struct fixture f;

	(void)state;
	fixture_make(&f, &rows_keys, ROOT("simulated"), NULL);
	rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
	assert_int_equal(r.verdict, VERIFY_REFUSED);
	assert_int_equal(r.v->step[VERIFY_BOOT_LOG].status, VERIFY_OK);
	assert_int_equal(r.v->step[VERIFY_BOOT].status, VERIFY_NOT_ACCEPTED);
	assert_true(r.v->simulated);
	rows_free(&r);
	fixture_free(&f);
	fixture_make(&f, &rows_keys, ROOT(""), NULL);
	rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
	assert_int_equal(r.verdict, VERIFY_REFUSED);
	assert_int_equal(r.v->step[VERIFY_BOOT].status, VERIFY_NOT_ACCEPTED);
	assert_false(r.v->simulated);
	rows_free(&r);
	fixture_free(&f);
}

/* The root of the subject and that of the evidence are one. */
static void
another_root(struct fixture *f)
{
	f->ev.root = sha256_of(span_str("another root"));
}

#define CLEARED(name, bit) HOOK(name, f->ak_attributes &= ~(1u << (bit)))

CLEARED(not_fixed_tpm, 1);
CLEARED(not_fixed_parent, 4);
CLEARED(not_origin, 5);
CLEARED(not_restricted, 16);
CLEARED(not_sign, 18);
HOOK(decrypts, f->ak_attributes |= 1u << 17);
HOOK(other_key_certified, f->certified = f->keys->other_ak);
HOOK(short_key, f->ak = f->certified = f->keys->short_ak);
HOOK(odd_key, f->ak = f->certified = f->keys->odd_ak);
HOOK(ec_key_certified, f->certified = f->keys->other_builder);

/* The AK's modulus under another exponent; made by its test. */
static EVP_PKEY *exponent_17;

static void
make_exponent_17(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	BIGNUM *n = NULL;

	assert_true(ctx != NULL && bld != NULL &&
	    EVP_PKEY_get_bn_param(rows_keys.ak, OSSL_PKEY_PARAM_RSA_N, &n) ==
	    1 && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_uint(bld, OSSL_PKEY_PARAM_RSA_E, 17) == 1);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_true(params != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &exponent_17, EVP_PKEY_PUBLIC_KEY,
	    params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
}

HOOK(exponent_certified, f->certified = exponent_17);

/* Byte at of the TPMT_PUBLIC, which is stated and certified by nobody. */
#define PUBLIC_BYTE(name, at, value) HOOK(name, f->ev.ak_public.p[at] = (value))

PUBLIC_BYTE(type_ecc, 1, 0x23);
PUBLIC_BYTE(type_symmetric, 1, 0x25);
PUBLIC_BYTE(named_by_sha1, 3, 0x04);
PUBLIC_BYTE(symmetric_aes, 11, 0x06);
PUBLIC_BYTE(scheme_pss, 13, 0x16);
PUBLIC_BYTE(scheme_ecdsa, 13, 0x18);
PUBLIC_BYTE(scheme_null, 13, 0x10);
PUBLIC_BYTE(scheme_sha1, 15, 0x04);
PUBLIC_BYTE(bits_1024, 16, 0x04);
PUBLIC_BYTE(exponent_3, 21, 0x03);
PUBLIC_BYTE(modulus_other, 100, (uint8_t)(f->ev.ak_public.p[100] ^ 1));
HOOK(public_cut, f->ev.ak_public.len--);

static void
public_trailing(struct fixture *f)
{
	struct writer w;

	wr_init(&w, TPMT_PUBLIC_MAX);
	wr_bytes(&w, buf_span(&f->ev.ak_public));
	wr_u8(&w, 0);
	buf_free(&f->ev.ak_public);
	assert_ok(wr_end(&w, &f->ev.ak_public));
}

static const struct row public_area[] = {
	{ .name = "evidence of another root", .at = FIXTURE_EVIDENCE,
	  .hook = another_root, .step = VERIFY_EVIDENCE,
	  .status = VERIFY_FAILED, .says = "another root" },
	{ .name = "not restricted", .hook = not_restricted, PUBLIC,
	  .says = "not restricted" },
	{ .name = "not sign", .hook = not_sign, PUBLIC, .says = "not sign" },
	{ .name = "not fixedTPM", .hook = not_fixed_tpm, PUBLIC,
	  .says = "not fixedTPM" },
	{ .name = "not fixedParent", .hook = not_fixed_parent, PUBLIC,
	  .says = "not fixedParent" },
	{ .name = "not sensitiveDataOrigin", .hook = not_origin, PUBLIC,
	  .says = "not sensitiveDataOrigin" },
	{ .name = "decrypt", .hook = decrypts, PUBLIC,
	  .says = "may decrypt" },
	{ .name = "AK certificate for another key",
	  .hook = other_key_certified, PUBLIC,
	  .says = "certificate is for another key" },
	{ .name = "AK certificate for the modulus and another exponent",
	  .hook = exponent_certified, PUBLIC, .says = "for another key" },
	{ .name = "AK certificate for an EC key", .hook = ec_key_certified,
	  PUBLIC, .says = "for another key" },
	{ .name = "another type of key", .at = FIXTURE_CHAIN,
	  .hook = type_ecc, PUBLIC, .says = "scheme" },
	{ .name = "a symmetric key", .at = FIXTURE_CHAIN,
	  .hook = type_symmetric, PUBLIC, .says = "not an RSA or ECC key" },
	{ .name = "named by SHA-1", .at = FIXTURE_CHAIN,
	  .hook = named_by_sha1, PUBLIC, .says = "named by SHA-256" },
	{ .name = "with a symmetric algorithm", .at = FIXTURE_CHAIN,
	  .hook = symmetric_aes, PUBLIC, .says = "scheme" },
	{ .name = "ECDSA by an RSA key", .at = FIXTURE_CHAIN,
	  .hook = scheme_ecdsa, PUBLIC, .says = "scheme" },
	{ .name = "stated as RSAPSS only", .at = FIXTURE_CHAIN,
	  .hook = scheme_pss, .step = VERIFY_QUOTES,
	  .status = VERIFY_FAILED, .says = "not exactly one of RSAPSS" },
	{ .name = "no scheme", .at = FIXTURE_CHAIN, .hook = scheme_null,
	  PUBLIC, .says = "scheme is not" },
	{ .name = "RSASSA with SHA-1", .at = FIXTURE_CHAIN,
	  .hook = scheme_sha1, PUBLIC, .says = "scheme is not" },
	{ .name = "1024 bits, stated only", .at = FIXTURE_CHAIN,
	  .hook = bits_1024, PUBLIC, .says = "RSA parameters" },
	{ .name = "1024 bits", .hook = short_key, CHAIN,
	  .says = "certificate 1: EE certificate key too weak" },
	{ .name = "exponent 3, stated only", .at = FIXTURE_CHAIN,
	  .hook = exponent_3, PUBLIC, .says = "exponent is not 65537" },
	{ .name = "exponent 3", .hook = odd_key, PUBLIC,
	  .says = "exponent is not 65537" },
	{ .name = "another modulus", .at = FIXTURE_CHAIN,
	  .hook = modulus_other, PUBLIC, .says = "for another key" },
	{ .name = "cut off", .at = FIXTURE_CHAIN, .hook = public_cut, PUBLIC,
	  .says = "RSA parameters" },
	{ .name = "trailing byte", .at = FIXTURE_CHAIN,
	  .hook = public_trailing, PUBLIC, .says = "RSA parameters" },
};

static void
public_areas(void **state)
{
	(void)state;
	make_exponent_17();
	rows_run(ROWS(public_area));
	EVP_PKEY_free(exponent_17);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains),
		cmocka_unit_test(boot),
		cmocka_unit_test(public_areas),
	};

	return rows_main("verify_ak", ROWS(tests));
}
