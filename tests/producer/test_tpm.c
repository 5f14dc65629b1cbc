/* The TPM's verbs against a real swtpm, and against TPMs that misbehave. */
#include <errno.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "common/reader.h"
#include "common/sha256.h"
#include "tests/producer/fake.h"
#include "tests/producer/sim.h"

#define HIERARCHY_ENDORSEMENT "\x40\x00\x00\x0b"
#define NAME_SHA256 "\x00\x0b"
#define SELECTION 0xfbffu /* 0-9 and 11-15, as design section 1 */

static struct simtest sim;

/* The parts of a TPMS_ATTEST of a quote that the tests look at. */
struct quote {
	struct span signer, extra, select, digest;
	uint64_t clock;
	uint32_t resets, restarts;
	uint8_t safe;
};

static struct quote
quote_parse(struct span attest)
{
	struct reader r = rd_of(attest);
	struct quote q = { 0 };
	uint32_t magic = 0, count = 0;
	uint16_t type = 0, hash = 0;
	uint64_t firmware;
	uint8_t selectlen = 0;

	assert_true(rd_be32(&r, &magic) && rd_be16(&r, &type) &&
	    rd_take_be16(&r, &q.signer, 34) && rd_take_be16(&r, &q.extra, 64) &&
	    rd_be64(&r, &q.clock) && rd_be32(&r, &q.resets) &&
	    rd_be32(&r, &q.restarts) && rd_u8(&r, &q.safe) &&
	    rd_be64(&r, &firmware) && rd_be32(&r, &count) &&
	    rd_be16(&r, &hash) && rd_u8(&r, &selectlen) &&
	    rd_take(&r, &q.select, 3) && rd_take_be16(&r, &q.digest, 32) &&
	    rd_end(&r));
	assert_int_equal(magic, 0xff544347);
	assert_int_equal(type, 0x8018);
	assert_int_equal(count, 1);
	assert_int_equal(hash, 0x000b);
	assert_int_equal(selectlen, 3);
	return q;
}

/* Certificate number i of ak-chain.pem. */
static X509 *
chain_cert(unsigned i)
{
	struct buf pem = sim_file(&sim, "ak-chain.pem");
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	X509 *cert = NULL;

	for (unsigned n = 0; n <= i; n++) {
		X509_free(cert);
		cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	}
	BIO_free(bio);
	buf_free(&pem);
	return cert;
}

static bool
signature_good(struct span message, struct span tpmt_signature)
{
	struct reader r = rd_of(tpmt_signature);
	struct span sig = { NULL, 0 };
	uint16_t alg = 0, hash = 0;
	X509 *leaf = chain_cert(0);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	assert_true(rd_be16(&r, &alg) && rd_be16(&r, &hash) &&
	    rd_take_be16(&r, &sig, 256) && rd_end(&r));
	assert_int_equal(alg, 0x0014);
	assert_int_equal(hash, 0x000b);
	assert_int_equal(sig.len, 256);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
			     X509_get0_pubkey(leaf)), 1);
	ok = EVP_DigestVerify(ctx, sig.p, sig.len, message.p, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	X509_free(leaf);
	return ok;
}

static void
quote_says_what_is(void **state)
{
	const struct digest extra = sha256_of(span_str("extra"));
	struct tpm *t = sim_tpm_open(&sim);
	struct buf attest, signature, public;
	struct digest pcrs[TPM_PCRS], want, name, qualified;
	struct tpm_clock clock;
	struct sha256 h;
	struct quote q;

	(void)state;
	assert_tpm(tpm_pcr_read(t, SELECTION, pcrs), &sim.why);
	assert_tpm(tpm_quote(t, TPM_AK_HANDLE, &extra, SELECTION, &attest,
		       &signature), &sim.why);
	assert_tpm(tpm_clock(t, &clock), &sim.why);
	assert_tpm(tpm_ak_public(t, TPM_AK_HANDLE, &public), &sim.why);
	assert_true(signature_good(buf_span(&attest), buf_span(&signature)));

	q = quote_parse(buf_span(&attest));
	assert_true(span_equal(q.extra, span_digest(&extra)));
	assert_memory_equal(q.select.p, "\xff\xfb\x00", 3);
	assert_true(q.clock <= clock.clock_ms);
	assert_int_equal(q.safe, clock.safe);

	/* pcrDigest is over the selected values in order (Part 2, 10.12.1). */
	sha256_init(&h);
	for (unsigned i = 0; i < 16; i++)
		if ((SELECTION >> i & 1) != 0)
			sha256_update(&h, span_digest(&pcrs[i]));
	want = sha256_final(&h);
	assert_true(span_equal(q.digest, span_digest(&want)));

	/* A primary key of the endorsement hierarchy (Part 1, 16). */
	name = sha256_of(buf_span(&public));
	sha256_init(&h);
	sha256_update(&h, span_of(HIERARCHY_ENDORSEMENT, 4));
	sha256_update(&h, span_of(NAME_SHA256, 2));
	sha256_update(&h, span_digest(&name));
	qualified = sha256_final(&h);
	assert_int_equal(q.signer.len, 34);
	assert_memory_equal(q.signer.p, NAME_SHA256, 2);
	assert_memory_equal(q.signer.p + 2, qualified.b, 32);

	/* A signature is over every byte. */
	attest.p[attest.len - 1] ^= 1;
	assert_false(signature_good(buf_span(&attest), buf_span(&signature)));
	buf_free(&attest);
	buf_free(&signature);
	buf_free(&public);
	tpm_close(t);
}

static void
template_is_azures(void **state)
{
	static const uint8_t head[] = { 0x00, 0x01, 0x00, 0x0b, 0x00, 0x05,
		0x04, 0x72, 0x00, 0x00, 0x00, 0x10, 0x00, 0x14, 0x00, 0x0b,
		0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00 };
	struct tpm *t = sim_tpm_open(&sim);
	struct buf public;

	(void)state;
	assert_tpm(tpm_ak_public(t, TPM_AK_HANDLE, &public), &sim.why);
	assert_int_equal(public.len, sizeof(head) + 256);
	assert_memory_equal(public.p, head, sizeof(head));
	buf_free(&public);
	tpm_close(t);
}

static void
extend_is_a_hash(void **state)
{
	const struct digest d = sha256_of(span_str("event"));
	struct tpm *t = sim_tpm_open(&sim);
	struct digest before[TPM_PCRS], after[TPM_PCRS], want;

	(void)state;
	for (unsigned pcr = 0; pcr < 17; pcr += 8) {
		assert_tpm(tpm_pcr_read(t, 0xffffff, before), &sim.why);
		assert_tpm(tpm_pcr_extend(t, pcr, &d), &sim.why);
		assert_tpm(tpm_pcr_read(t, 0xffffff, after), &sim.why);
		want = sha256_of2(span_digest(&before[pcr]), span_digest(&d));
		assert_true(digest_equal(&after[pcr], &want));
		for (unsigned i = 0; i < TPM_PCRS; i++)
			assert_true(i == pcr ||
			    digest_equal(&before[i], &after[i]));
	}
	/* PCRs that were not asked for are zero. */
	assert_tpm(tpm_pcr_read(t, 1u << 8, after), &sim.why);
	memset(before, 0, sizeof(before));
	assert_true(digest_equal(&after[0], &before[0]));
	assert_false(digest_equal(&after[8], &before[8]));
	assert_tpm(tpm_pcr_read(t, 0, after), &sim.why);
	tpm_close(t);
}

static void
certificate_is_in_nv(void **state)
{
	struct tpm *t = sim_tpm_open(&sim);
	X509 *leaf = chain_cert(0);
	struct buf nv, public;
	uint8_t *der = NULL;
	int len = i2d_X509(leaf, &der);
	BIGNUM *n = NULL;
	uint8_t modulus[256];

	(void)state;
	assert_true(len > 0);
	assert_tpm(tpm_nv_read(t, TPM_AK_CERT_INDEX, &nv, 4096), &sim.why);
	assert_true(span_equal(buf_span(&nv), span_of(der, (size_t)len)));
	assert_tpm(tpm_ak_public(t, TPM_AK_HANDLE, &public), &sim.why);
	assert_int_equal(EVP_PKEY_get_bn_param(X509_get0_pubkey(leaf), "n", &n),
	    1);
	assert_int_equal(BN_bn2binpad(n, modulus, sizeof(modulus)), 256);
	assert_memory_equal(public.p + public.len - 256, modulus, 256);
	BN_free(n);
	OPENSSL_free(der);
	buf_free(&nv);
	buf_free(&public);
	X509_free(leaf);
	tpm_close(t);
}

static void
chain_verifies(void **state)
{
	X509 *c[3] = { chain_cert(0), chain_cert(1), chain_cert(2) };
	struct buf pem = sim_file(&sim, "root.pem");
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	X509 *root = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	char name[128];

	(void)state;
	assert_int_equal(X509_cmp(root, c[2]), 0);
	assert_null(chain_cert(3));
	for (unsigned i = 0; i < 3; i++) {
		assert_true(X509_NAME_get_text_by_NID(
				X509_get_subject_name(c[i]), NID_commonName,
				name, sizeof(name)) > 0);
		assert_non_null(strstr(name, "SIMULATED"));
	}
	assert_int_equal(X509_STORE_add_cert(store, root), 1);
	assert_int_equal(X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT),
	    1);
	assert_true(sk_X509_push(between, c[1]) > 0);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, c[0], between), 1);
	if (X509_verify_cert(ctx) != 1)
		fail_msg("%s", X509_verify_cert_error_string(
				   X509_STORE_CTX_get_error(ctx)));
	assert_int_equal(X509_get_extension_flags(c[0]) & EXFLAG_CA, 0);
	assert_int_equal(X509_get_key_usage(c[0]), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_pathlen(c[1]), 0);
	assert_int_equal(X509_get_key_usage(c[1]), KU_KEY_CERT_SIGN);
	X509_STORE_CTX_free(ctx);

	/* Without the intermediate there is no way to the root. */
	ctx = X509_STORE_CTX_new();
	assert_int_equal(X509_STORE_CTX_init(ctx, store, c[0], NULL), 1);
	assert_int_not_equal(X509_verify_cert(ctx), 1);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(between);
	for (unsigned i = 0; i < 3; i++)
		X509_free(c[i]);
	X509_free(root);
	BIO_free(bio);
	buf_free(&pem);
}

/* e, and a message that has want in it. */
static void
expect_why(enum ac_err got, enum ac_err e, const struct tpm_why *why,
    const char *want)
{
	if (got != e || strstr(why->text, want) == NULL)
		fail_msg("got %s: \"%s\", wanted %s: \"...%s...\"",
		    ac_strerror(got), why->text, ac_strerror(e), want);
	assert_null(strchr(why->text, '\n'));
}

static void
refused(void **state)
{
	const struct digest d = { { 0 } };
	struct tpm *t = sim_tpm_open(&sim);
	struct buf a = { 0 }, b = { 0 };
	uint8_t many[3000];

	(void)state;
	expect_why(tpm_quote(t, 0x81000004, &d, SELECTION, &a, &b),
	    AC_ERR_NOT_FOUND, &sim.why, "0x81000004");
	expect_why(tpm_quote(t, TPM_AK_CERT_INDEX, &d, SELECTION, &a, &b),
	    AC_ERR_CRYPTO, &sim.why, "0x01c101d0"); /* an NV index: no key */
	expect_why(tpm_quote(t, 0x81010001, &d, SELECTION, &a, &b),
	    AC_ERR_CRYPTO, &sim.why, "0x81010001"); /* the EK: no signer */
	expect_why(tpm_ak_public(t, 0x81000004, &a), AC_ERR_NOT_FOUND, &sim.why,
	    "nothing at that handle");
	expect_why(tpm_nv_read(t, 0x01c101d1, &a, 4096), AC_ERR_NOT_FOUND,
	    &sim.why, "0x01c101d1");
	expect_why(tpm_nv_read(t, TPM_AK_CERT_INDEX, &a, 100), AC_ERR_LIMIT,
	    &sim.why, "more than 100");
	expect_why(tpm_nv_create(t, TPM_AK_CERT_INDEX, span_str("x")),
	    AC_ERR_EXISTS, &sim.why, "0x01c101d0");
	expect_why(tpm_nv_create(t, 0x01800042, span_of(many, 65536)),
	    AC_ERR_LIMIT, &sim.why, "65536");
	expect_why(tpm_nv_create(t, 0x81000042, span_str("x")), AC_ERR_CRYPTO,
	    &sim.why, "0x81000042"); /* not an NV index */
	expect_why(tpm_create_ak(t, TPM_AK_HANDLE, 0), AC_ERR_EXISTS, &sim.why,
	    "0x81000003");
	expect_why(tpm_create_ak(t, 0x80000001, 0), AC_ERR_CRYPTO, &sim.why,
	    "0x80000001"); /* not a persistent handle */
	expect_why(tpm_pcr_extend(t, 24, &d), AC_ERR_LIMIT, &sim.why, "24");
	expect_why(tpm_pcr_extend(t, 17, &d), AC_ERR_CRYPTO, &sim.why,
	    "locality"); /* for a late launch only */
	assert_null(a.p);
	assert_null(b.p);
	tpm_close(t);
	tpm_close(NULL);
}

static void
nv_in_pieces(void **state)
{
	const uint32_t index = 0x01800001;
	struct tpm *t = sim_tpm_open(&sim);
	uint8_t data[2048]; /* the most swtpm keeps; two commands each way */
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 >> 3);
	assert_tpm(tpm_nv_create(t, index, span_of(data, sizeof(data))),
	    &sim.why);
	assert_tpm(tpm_nv_read(t, index, &b, sizeof(data)), &sim.why);
	assert_true(span_equal(buf_span(&b), span_of(data, sizeof(data))));
	buf_free(&b);
	tpm_close(t);
}

static void
improper_keys(void **state)
{
	static const struct {
		uint32_t cleared;
		bool made;
	} keys[] = {
		{ TPM_ATTR_RESTRICTED, true },
		{ TPM_ATTR_FIXED_TPM | TPM_ATTR_FIXED_PARENT, true },
		{ TPM_ATTR_SIGN, false },
		{ TPM_ATTR_FIXED_TPM, false },
		{ TPM_ATTR_FIXED_PARENT, false },
		{ TPM_ATTR_SENSITIVE_DATA_ORIGIN, false },
	};
	const struct digest d = { { 1 } };
	struct tpm *t = sim_tpm_open(&sim);

	(void)state;
	for (uint32_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct buf public, attest, signature;
		struct reader r;
		uint32_t head, attributes = 0, handle = 0x81000010 + i;

		if (!keys[i].made) {
			expect_why(tpm_create_ak(t, handle, keys[i].cleared),
			    AC_ERR_CRYPTO, &sim.why, "attribute");
			continue;
		}
		assert_tpm(tpm_create_ak(t, handle, keys[i].cleared),
		    &sim.why);
		assert_tpm(tpm_ak_public(t, handle, &public), &sim.why);
		r = rd_of(buf_span(&public));
		assert_true(rd_be32(&r, &head) && rd_be32(&r, &attributes));
		assert_int_equal(attributes, 0x00050472 & ~keys[i].cleared);
		assert_tpm(tpm_quote(t, handle, &d, SELECTION, &attest,
			       &signature), &sim.why);
		assert_false(signature_good(buf_span(&attest),
		    buf_span(&signature))); /* another key */
		buf_free(&public);
		buf_free(&attest);
		buf_free(&signature);
	}
	tpm_close(t);
}

static void
clock_runs(void **state)
{
	struct tpm *t = sim_tpm_open(&sim);
	struct tpm_clock a, b;

	(void)state;
	assert_tpm(tpm_clock(t, &a), &sim.why);
	do
		assert_tpm(tpm_clock(t, &b), &sim.why);
	while (b.clock_ms == a.clock_ms);
	assert_true(b.clock_ms > a.clock_ms);
	assert_int_equal(a.resets, b.resets);
	assert_int_equal(a.restarts, b.restarts);
	tpm_close(t);
}

/* Two programs take turns, command by command. */
static void
two_at_once(void **state)
{
	struct tpm *t = sim_tpm_open(&sim), *u = sim_tpm_open(&sim);
	const struct digest d = sha256_of(span_str("turn"));
	struct digest before[TPM_PCRS], after[TPM_PCRS], want;

	(void)state;
	assert_tpm(tpm_pcr_read(t, 1u << 9, before), &sim.why);
	want = before[9];
	for (unsigned i = 0; i < 10; i++) {
		assert_tpm(tpm_pcr_extend(i % 2 == 0 ? t : u, 9, &d), &sim.why);
		want = sha256_of2(span_digest(&want), span_digest(&d));
	}
	assert_tpm(tpm_pcr_read(u, 1u << 9, after), &sim.why);
	assert_true(digest_equal(&after[9], &want));
	tpm_close(t);
	tpm_close(u);
}

/* tpm2-tss's own module, loaded by its file name, does as well. */
static void
loaded_module(void **state)
{
	char name[160];
	struct tpm *t;
	struct digest pcrs[TPM_PCRS];

	(void)state;
	(void)snprintf(name, sizeof(name), "libtss2-tcti-swtpm.so.0:%s",
	    (const char *)sim.tcti.p + strlen("swtpm:"));
	assert_tpm(tpm_open(&t, name, &sim.why), &sim.why);
	assert_tpm(tpm_pcr_read(t, SELECTION, pcrs), &sim.why);
	tpm_close(t);
}

static void
cannot_open(void **state)
{
	static const uint8_t not_started[] = { 0x80, 0x01, 0, 0, 0, 10, 0, 0, 1,
		0 };
	static const uint8_t lockout[] = { 0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x09,
		0x21 };
	static const uint8_t tpm_1_2[] = { 0x00, 0xc4, 0, 0, 0, 10, 0, 0, 0,
		0x1e };
	static const uint8_t babble[] = "SSH-2.0-OpenSSH_9.2p1\r\n";
	const struct {
		struct span answer;
		enum ac_err e;
		const char *why;
	} wrong[] = {
		{ span_of(not_started, 10), AC_ERR_CRYPTO, "was not started" },
		{ span_of(lockout, 10), AC_ERR_BUSY, "TPM in lockout" },
		{ span_of(tpm_1_2, 10), AC_ERR_CRYPTO, "opening the TPM" },
		{ span_of(babble, 23), AC_ERR_IO, "Protocol error" },
	};
	struct tpm_why why;
	struct tpm *t;
	char long_name[160] = "swtpm:path=/";
	struct fake f;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fake_begin(&f, wrong[i].answer, 64, true);
		expect_why(tpm_open(&t, f.tcti, &why), wrong[i].e, &why,
		    wrong[i].why);
		fake_end(&f);
	}
	expect_why(tpm_open(&t, "swtpm:path=/no/such/socket", &why), AC_ERR_IO,
	    &why, "/no/such/socket: No such file or directory");
	expect_why(tpm_open(&t, "device:/dev/no-such-tpm", &why), AC_ERR_IO,
	    &why, "cannot open device:/dev/no-such-tpm");
	expect_why(tpm_open(&t, "", &why), AC_ERR_IO, &why, "cannot open");
	memset(long_name + strlen(long_name), 'x', 120);
	expect_why(tpm_open(&t, long_name, &why), AC_ERR_LIMIT, &why, "107");
}

static void
silent(void **state)
{
	struct tpm_why why;
	struct tpm *t;
	struct fake f;
	double begin = sim_now_s(), took;

	(void)state;
	fake_listen(&f);
	expect_why(tpm_open(&t, f.tcti, &why), AC_ERR_IO, &why,
	    "no answer from swtpm:path=");
	assert_int_equal(errno, ETIMEDOUT);
	took = sim_now_s() - begin;
	(void)printf("a silent TPM: %.1f s\n", took);
	assert_true(took < 15);
	fake_end(&f);
}

static void
busy_for_ever(void **state)
{
	static const uint8_t retry[] = { 0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x09,
		0x22 };
	struct tpm_why why;
	struct tpm *t;
	struct fake f;
	double begin = sim_now_s(), took;

	(void)state;
	fake_begin(&f, span_of(retry, sizeof(retry)), 64, true);
	expect_why(tpm_open(&t, f.tcti, &why), AC_ERR_BUSY, &why, "0x922");
	took = sim_now_s() - begin;
	(void)printf("a TPM that is busy for ever: %.1f s\n", took);
	assert_true(took > 1 && took < 30);
	fake_end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quote_says_what_is),
		cmocka_unit_test(template_is_azures),
		cmocka_unit_test(extend_is_a_hash),
		cmocka_unit_test(certificate_is_in_nv),
		cmocka_unit_test(chain_verifies),
		cmocka_unit_test(refused),
		cmocka_unit_test(nv_in_pieces),
		cmocka_unit_test(improper_keys),
		cmocka_unit_test(clock_runs),
		cmocka_unit_test(two_at_once),
		cmocka_unit_test(loaded_module),
		cmocka_unit_test(cannot_open),
		cmocka_unit_test(silent),
		cmocka_unit_test(busy_for_ever),
	};
	int rc = sim_begin(&sim);

	if (rc != 0)
		return rc;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	sim_finish(&sim);
	return rc;
}
