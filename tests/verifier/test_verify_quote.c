/*
 * Steps 10 and 11: quotes that a TPM would not make or that are of something
 * else, and quotes that are not bound to this run.
 */
#include <openssl/rsa.h>

#include "cert/dsse.h"
#include "common/sha256.h"
#include "tests/verifier/rows.h"

#define REST                                                                  \
	"builder test @builder\n"                                             \
	"ak-root @root sim simulated unmeasured-boot\n"
#define LOGGED "log @log\nlog-time @time\nquorum none\n" REST

#define QUOTE .step = VERIFY_QUOTES, .status = VERIFY_FAILED
#define PUBLIC .step = VERIFY_AK_PUBLIC, .status = VERIFY_FAILED
#define BINDING .step = VERIFY_BINDINGS, .status = VERIFY_FAILED
#define END_ATTEST .at = FIXTURE_END_ATTEST, .hook
#define START_ATTEST .at = FIXTURE_START_ATTEST, .hook

#define START (&f->attest[0])
#define END (&f->attest[1])

HOOK(start_magic, START->magic = 0x41414141);
HOOK(magic, END->magic = 0xff544346);
HOOK(certify, END->type = 0x8017);
HOOK(time_type, END->type = 0x8019);
HOOK(creation, END->type = 0x801a);
HOOK(nv, END->type = 0x8014);
HOOK(signer_long, END->signerlen = 67);
HOOK(signer_none, END->signerlen = START->signerlen = 0);
HOOK(signer_4, END->signerlen = START->signerlen = 4);
HOOK(signer_33, END->signerlen = START->signerlen = 33);
HOOK(signer_sha384, START->signer[1] = END->signer[1] = 0x0c);
HOOK(select_1, END->nselect = 1);
HOOK(extra_long, END->extralen = 65);
HOOK(unsafe, END->safe = 0);
HOOK(start_unsafe, START->safe = 0);
HOOK(safe_2, END->safe = 2);
HOOK(no_selection, END->nselections = 0);
HOOK(two_selections, END->nselections = 2);
HOOK(many_selections, END->nselections = 17);
HOOK(all_selections, END->nselections = UINT32_MAX);
/* The number says two; the bytes have one. */
static void
selections_miscounted(struct fixture *f)
{
	static const uint8_t one[] = { 0, 0, 0, 1, 0, 11, 3 };
	struct buf *b = &f->ev.quote[1].attest;
	uint8_t *at = memmem(b->p, b->len, one, sizeof(one));

	assert_non_null(at);
	at[3] = 2;
}

HOOK(select_0, END->nselect = 0);
HOOK(select_2, END->nselect = 2);
HOOK(select_4, END->nselect = 4);
HOOK(select_255, END->nselect = 255);
HOOK(sha1_bank, END->bank = 0x0004);
HOOK(sha384_bank, END->bank = 0x000c);
HOOK(with_10, END->pcrs |= 1u << 10);
HOOK(with_16, END->pcrs |= 1u << 16);
HOOK(without_0, END->pcrs &= ~1u);
HOOK(without_15, END->pcrs &= ~(1u << 15));
HOOK(start_without_14, START->pcrs &= ~(1u << 14));
HOOK(only_16_23, END->pcrs = 0xff0000);
HOOK(none_selected, END->pcrs = 0);
HOOK(by_other_key, END->key = f->keys->other_ak);
HOOK(start_by_other_key, START->key = f->keys->other_ak);
HOOK(stated_pss, END->alg = 0x0016);
HOOK(stated_null, END->alg = 0x0010);
HOOK(stated_ecdsa, END->alg = 0x0018);
HOOK(stated_sha1, END->hash = 0x0004);

static void
add_byte(struct buf *b)
{
	struct writer w;

	wr_init(&w, ATTEST_MAX);
	wr_bytes(&w, buf_span(b));
	wr_u8(&w, 0);
	buf_free(b);
	assert_ok(wr_end(&w, b));
}

/* An AK of another scheme. */
#define AK(name, key, scheme, digest)                                         \
	static void name(struct fixture *f)                                   \
	{                                                                     \
		f->ak = f->certified = f->keys->key;                          \
		f->ak_scheme = FIXTURE_##scheme;                              \
		f->ak_hash = FIXTURE_##digest;                                \
	}                                                                     \
	static fixture_hook name

AK(rsassa_384, ak, RSASSA, SHA384);
AK(rsassa_512, ak, RSASSA, SHA512);
AK(rsapss, ak, RSAPSS, SHA256);
AK(rsapss_512, ak, RSAPSS, SHA512);
AK(ecdsa, ec_ak, ECDSA, SHA256);
AK(ecdsa_384, ec384_ak, ECDSA, SHA384);

/* Of that key, with something wrong at END's attestation or signature. */
#define AK_WRONG(name, ak_hook, at, statement)                                \
	static void name(struct fixture *f)                                   \
	{                                                                     \
		if (f->stage == FIXTURE_SETUP)                                \
			ak_hook(f);                                           \
		if (f->stage == (at)) {                                       \
			statement;                                            \
		}                                                             \
	}                                                                     \
	static fixture_hook name

AK_WRONG(rsassa_by_rsapss, rsapss, FIXTURE_END_ATTEST,
    END->padding = RSA_PKCS1_PADDING; END->alg = FIXTURE_RSASSA);
AK_WRONG(salted_as_rsassa, rsapss, FIXTURE_END_ATTEST,
    END->alg = FIXTURE_RSASSA);
AK_WRONG(weaker_digest, rsassa_384, FIXTURE_END_ATTEST,
    END->md = EVP_sha256(); END->hash = FIXTURE_SHA256);
AK_WRONG(digest_of_bank, rsassa_384, FIXTURE_END_ATTEST,
    END->pcr_hash = FIXTURE_SHA256);
AK_WRONG(ecdsa_other, ecdsa, FIXTURE_END_SIGNATURE,
    f->ev.quote[1].signature.p[20] ^= 1);
AK_WRONG(ecdsa_short, ecdsa, FIXTURE_END_SIGNATURE,
    f->ev.quote[1].signature.p[5]--);
AK_WRONG(ecdsa_s_zero, ecdsa, FIXTURE_END_SIGNATURE,
    memset(f->ev.quote[1].signature.p + 40, 0, 32));
AK_WRONG(ecdsa_trailing, ecdsa, FIXTURE_END_SIGNATURE,
    add_byte(&f->ev.quote[1].signature));
AK_WRONG(ecdsa_off_curve, ecdsa, FIXTURE_CHAIN,
    f->ev.ak_public.p[f->ev.ak_public.len - 1] ^= 1);
AK_WRONG(ecdsa_curve, ecdsa, FIXTURE_CHAIN, f->ev.ak_public.p[17] = 0x05);
AK_WRONG(ecdsa_kdf, ecdsa, FIXTURE_CHAIN, f->ev.ak_public.p[19] = 0x20);
AK_WRONG(ecdsa_more, ecdsa, FIXTURE_CHAIN, add_byte(&f->ev.ak_public));
AK_WRONG(ecdsa_cut, ecdsa, FIXTURE_CHAIN, f->ev.ak_public.len--);

static void
digest_wrong(struct fixture *f)
{
	END->has_digest = true;
	END->pcr_digestlen = 32;
}

static void
digest_short(struct fixture *f)
{
	END->has_digest = true;
	END->pcr_digestlen = 20;
}

static void
digest_long(struct fixture *f)
{
	END->has_digest = true;
	END->pcr_digestlen = 64;
}

static void
really_sha1(struct fixture *f)
{
	END->md = EVP_sha1();
	END->hash = 0x0004;
}

/* Signed with SHA-1, stated as SHA-256. */
HOOK(sha1_as_sha256, END->md = EVP_sha1());

static void
really_pss(struct fixture *f)
{
	END->padding = RSA_PKCS1_PSS_PADDING;
	END->alg = 0x0016;
}

HOOK(pss_as_rsassa, END->padding = RSA_PKCS1_PSS_PADDING);

HOOK(attest_trailing, add_byte(&f->ev.quote[1].attest));
HOOK(start_trailing, add_byte(&f->ev.quote[0].attest));
HOOK(sig_trailing, add_byte(&f->ev.quote[1].signature));
HOOK(sig_bit, f->ev.quote[1].signature.p[100] ^= 1);
HOOK(sig_len_255, f->ev.quote[1].signature.p[5]--);
HOOK(sig_ff, memset(f->ev.quote[1].signature.p + 6, 0xff, 256));
HOOK(sig_zero, memset(f->ev.quote[1].signature.p + 6, 0, 256));
HOOK(attest_bit, f->ev.quote[1].attest.p[60] ^= 1);
static void
leading_zero(struct fixture *f)
{
	struct buf *b = &f->ev.quote[1].signature;
	struct writer w;

	wr_init(&w, ATTEST_MAX);
	wr_bytes(&w, span_of(b->p, 4));
	wr_be16(&w, 257);
	wr_u8(&w, 0);
	wr_bytes(&w, span_of(b->p + 6, 256));
	buf_free(b);
	assert_ok(wr_end(&w, b));
}

/* Another selection of 4 bytes, with a PCR in the fourth. */
static void
select_pcr_24(struct fixture *f)
{
	END->nselect = 4;
	END->pcrs |= 1u << 24;
}

static void
largest(struct fixture *f)
{
	for (size_t i = 0; i < 2; i++) {
		f->attest[i].clock_ms = UINT64_MAX - 1 + i;
		f->attest[i].firmware = UINT64_MAX;
		f->attest[i].reset = f->attest[i].restart = UINT32_MAX;
	}
}

HOOK(extra_length, f->ev.quote[1].attest.p[6 + 2 + 34] = 0xff);
HOOK(qualified_length, f->ev.quote[1].attest.p[6] = 0xff);

/* Stated values of other indices, digest and signature untouched. */
static void
relabelled(struct fixture *f)
{
	struct digest *pcr = f->ev.quote[1].pcr, d = pcr[0];

	pcr[0] = pcr[1];
	pcr[1] = d;
}

/* The AK signs whatever stands there; START says the same. */
static void
pcr_ones(struct fixture *f)
{
	if (f->stage == FIXTURE_START_PCRS)
		memset(f->ev.quote[0].pcr[5].b, 0xff, 32);
}

HOOK(value_changed, f->ev.quote[1].pcr[4].b[0] ^= 1);
HOOK(start_value_changed, f->ev.quote[0].pcr[8].b[31] ^= 1);

static void
quotes_swapped(struct fixture *f)
{
	struct evidence_quote q = f->ev.quote[0];

	f->ev.quote[0] = f->ev.quote[1];
	f->ev.quote[1] = q;
}

static void
start_twice(struct fixture *f)
{
	fixture_set(&f->ev.quote[1].attest, buf_span(&f->ev.quote[0].attest));
	fixture_set(&f->ev.quote[1].signature,
	    buf_span(&f->ev.quote[0].signature));
	memcpy(f->ev.quote[1].pcr, f->ev.quote[0].pcr,
	    sizeof(f->ev.quote[1].pcr));
}

static void
other_names(struct fixture *f)
{
	f->attest[f->stage == FIXTURE_END_ATTEST].signer[5] ^= 1;
}

static struct fixture lent;

static void
other_seed(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP) {
		f->request.seed = 43;
		f->request.config_sha256 = sha256_of(span_str("another"));
	}
}

/* Another certificate of the same builder, machine and inputs. */
static void
make_lent(void)
{
	fixture_make(&lent, &rows_keys, NULL, other_seed);
}

static void
other_events(struct fixture *f)
{
	make_lent();
	for (size_t i = 0; i < f->ev.ninputs; i++)
		fixture_set(&f->ev.inputs_log[i],
		    buf_span(&lent.ev.inputs_log[i]));
	fixture_free(&lent);
}

static void
other_quotes(struct fixture *f)
{
	make_lent();
	for (size_t i = 0; i < 2; i++) {
		struct evidence_quote q = f->ev.quote[i];

		f->ev.quote[i] = lent.ev.quote[i];
		lent.ev.quote[i] = q;
	}
	fixture_free(&lent);
}

static const struct row quote[] = {
	{ .name = "START: magic", START_ATTEST = start_magic, QUOTE,
	  .says = "START quote: magic is not TPM_GENERATED" },
	{ .name = "END: magic", END_ATTEST = magic, QUOTE,
	  .says = "END quote: magic is not TPM_GENERATED" },
	{ .name = "type certify", END_ATTEST = certify, QUOTE,
	  .says = "not a quote" },
	{ .name = "type time", END_ATTEST = time_type, QUOTE,
	  .says = "not a quote" },
	{ .name = "type creation", END_ATTEST = creation, QUOTE,
	  .says = "not a quote" },
	{ .name = "type nv", END_ATTEST = nv, QUOTE, .says = "not a quote" },
	{ .name = "trailing byte", .at = FIXTURE_END_BYTES,
	  .hook = attest_trailing, QUOTE, .says = "trailing bytes" },
	{ .name = "START: trailing byte", .at = FIXTURE_START_BYTES,
	  .hook = start_trailing, QUOTE, .says = "START quote: trailing" },
	{ .name = "trailing byte after the signature",
	  .at = FIXTURE_END_SIGNATURE, .hook = sig_trailing, QUOTE,
	  .says = "TPMT_SIGNATURE is not exactly" },
	{ .name = "a signer's name that is too long", END_ATTEST = signer_long,
	  QUOTE, .says = "qualifiedSigner" },
	{ .name = "a signer's name beyond the end", .at = FIXTURE_END_BYTES,
	  .hook = qualified_length, QUOTE, .says = "qualifiedSigner" },
	{ .name = "a signer's name of no bytes", EVERY(signer_none),
	  QUOTE, .says = "START quote: qualifiedSigner" },
	{ .name = "a signer's name of 4 bytes", EVERY(signer_4), QUOTE,
	  .says = "START quote: qualifiedSigner" },
	{ .name = "a signer's name of 33 bytes", EVERY(signer_33),
	  QUOTE, .says = "START quote: qualifiedSigner" },
	{ .name = "a signer's name by SHA-384", EVERY(signer_sha384),
	  QUOTE, .says = "START quote: qualifiedSigner" },
	{ .name = "extraData beyond the end", .at = FIXTURE_END_BYTES,
	  .hook = extra_length, QUOTE, .says = "extraData" },
	{ .name = "a selection of 1 byte", END_ATTEST = select_1, QUOTE,
	  .says = "the PCR selection" },
	{ .name = "PCR 24 in a selection of 4 bytes",
	  END_ATTEST = select_pcr_24, QUOTE, .says = "the PCR selection" },
	{ .name = "a leading zero before the signature",
	  .at = FIXTURE_END_SIGNATURE, .hook = leading_zero, QUOTE,
	  .says = "TPMT_SIGNATURE" },
	{ .name = "a PCR of ones", EVERY(pcr_ones), QUOTE,
	  .says = "START quote: PCR 5 is all ones" },
	{ .name = "clock, firmware and counts at their largest",
	  EVERY(largest) },
	{ .name = "extraData that is too long", END_ATTEST = extra_long,
	  QUOTE, .says = "extraData" },
	{ .name = "not safe", END_ATTEST = unsafe, QUOTE,
	  .says = "END quote: the TPM's clock was not safe" },
	{ .name = "START: not safe", START_ATTEST = start_unsafe, QUOTE,
	  .says = "START quote: the TPM's clock was not safe" },
	{ .name = "safe is neither yes nor no", END_ATTEST = safe_2, QUOTE,
	  .says = "clockInfo" },
	{ .name = "no selection", END_ATTEST = no_selection, QUOTE,
	  .says = "not exactly one PCR selection" },
	{ .name = "two selections", END_ATTEST = two_selections, QUOTE,
	  .says = "not exactly one PCR selection" },
	{ .name = "two selections, of which one is there",
	  .at = FIXTURE_END_BYTES, .hook = selections_miscounted, QUOTE,
	  .says = "not exactly one PCR selection" },
	{ .name = "17 selections", END_ATTEST = many_selections, QUOTE,
	  .says = "not exactly one PCR selection" },
	{ .name = "2^32 - 1 selections", END_ATTEST = all_selections, QUOTE,
	  .says = "not exactly one PCR selection" },
	{ .name = "a selection of no bytes", END_ATTEST = select_0, QUOTE,
	  .says = "the PCR selection" },
	{ .name = "a selection of 2 bytes", END_ATTEST = select_2, QUOTE,
	  .says = "the PCR selection" },
	{ .name = "a selection of 4 bytes", END_ATTEST = select_4, QUOTE,
	  .says = "the PCR selection" },
	{ .name = "a selection of 255 bytes", END_ATTEST = select_255, QUOTE,
	  .says = "the PCR selection" },
	{ .name = "SHA-1 bank", END_ATTEST = sha1_bank, QUOTE,
	  .says = "bank is 0x0004, not SHA-256" },
	{ .name = "SHA-384 bank", END_ATTEST = sha384_bank, QUOTE,
	  .says = "bank is 0x000c, not SHA-256" },
	{ .name = "PCR 10 too", END_ATTEST = with_10, QUOTE,
	  .says = "selects PCRs 0x00ffff" },
	{ .name = "PCR 16 too", END_ATTEST = with_16, QUOTE,
	  .says = "selects PCRs 0x01fbff" },
	{ .name = "without PCR 0", END_ATTEST = without_0, QUOTE,
	  .says = "selects PCRs 0x00fbfe" },
	{ .name = "without PCR 15", END_ATTEST = without_15, QUOTE,
	  .says = "selects PCRs 0x007bff" },
	{ .name = "START: without PCR 14", START_ATTEST = start_without_14,
	  QUOTE, .says = "START quote: the quote selects PCRs 0x00bbff" },
	{ .name = "resettable PCRs", END_ATTEST = only_16_23, QUOTE,
	  .says = "selects PCRs 0xff0000" },
	{ .name = "no PCR", END_ATTEST = none_selected, QUOTE,
	  .says = "selects PCRs 0x000000" },
	{ .name = "relabelled PCRs", .at = FIXTURE_EVIDENCE,
	  .hook = relabelled, QUOTE, .says = "pcrDigest" },
	{ .name = "a stated value changed", .at = FIXTURE_EVIDENCE,
	  .hook = value_changed, QUOTE, .says = "END quote: pcrDigest" },
	{ .name = "START: a stated value changed", .at = FIXTURE_EVIDENCE,
	  .hook = start_value_changed, QUOTE,
	  .says = "START quote: pcrDigest" },
	{ .name = "pcrDigest of something else", END_ATTEST = digest_wrong,
	  QUOTE, .says = "pcrDigest" },
	{ .name = "pcrDigest of 20 bytes", END_ATTEST = digest_short, QUOTE,
	  .says = "pcrDigest" },
	{ .name = "pcrDigest of 64 bytes", END_ATTEST = digest_long, QUOTE,
	  .says = "pcrDigest" },
	{ .name = "signed by another key", END_ATTEST = by_other_key, QUOTE,
	  .says = "END quote: the signature does not hold under the AK" },
	{ .name = "START: signed by another key",
	  START_ATTEST = start_by_other_key, QUOTE,
	  .says = "START quote: the signature does not hold" },
	{ .name = "SHA-1 signature", END_ATTEST = really_sha1, QUOTE,
	  .says = "RSASSA with SHA-256" },
	{ .name = "SHA-1 signature, stated as SHA-256",
	  END_ATTEST = sha1_as_sha256, QUOTE, .says = "does not hold" },
	{ .name = "SHA-256 signature, stated as SHA-1",
	  END_ATTEST = stated_sha1, QUOTE, .says = "RSASSA with SHA-256" },
	{ .name = "RSAPSS signature", END_ATTEST = really_pss, QUOTE,
	  .says = "RSASSA with SHA-256" },
	{ .name = "RSAPSS signature, stated as RSASSA",
	  END_ATTEST = pss_as_rsassa, QUOTE, .says = "does not hold" },
	{ .name = "stated as RSAPSS", END_ATTEST = stated_pss, QUOTE,
	  .says = "RSASSA with SHA-256" },
	{ .name = "stated as no signature", END_ATTEST = stated_null, QUOTE,
	  .says = "RSASSA with SHA-256" },
	{ .name = "stated as ECDSA", END_ATTEST = stated_ecdsa, QUOTE,
	  .says = "RSASSA with SHA-256" },
	{ .name = "a bit of the signature", .at = FIXTURE_END_SIGNATURE,
	  .hook = sig_bit, QUOTE, .says = "does not hold" },
	{ .name = "a length of 255", .at = FIXTURE_END_SIGNATURE,
	  .hook = sig_len_255, QUOTE, .says = "TPMT_SIGNATURE" },
	{ .name = "a signature beyond the modulus",
	  .at = FIXTURE_END_SIGNATURE, .hook = sig_ff, QUOTE,
	  .says = "does not hold" },
	{ .name = "a signature of zero", .at = FIXTURE_END_SIGNATURE,
	  .hook = sig_zero, QUOTE, .says = "does not hold" },
	{ .name = "a bit of the quote", .at = FIXTURE_END_SIGNATURE,
	  .hook = attest_bit, QUOTE },
	{ .name = "RSASSA with SHA-384", .hook = rsassa_384 },
	{ .name = "RSASSA with SHA-512", .hook = rsassa_512 },
	{ .name = "RSAPSS with SHA-256", .hook = rsapss },
	{ .name = "RSAPSS with SHA-512", .hook = rsapss_512 },
	{ .name = "ECDSA P-256 with SHA-256", .hook = ecdsa },
	{ .name = "ECDSA P-384 with SHA-384", .hook = ecdsa_384 },
	{ .name = "RSASSA by a key of RSAPSS", EVERY(rsassa_by_rsapss), QUOTE,
	  .says = "not exactly one of RSAPSS with SHA-256" },
	{ .name = "RSAPSS stated as RSASSA by a key of RSAPSS",
	  EVERY(salted_as_rsassa), QUOTE, .says = "not exactly one of RSAPSS" },
	{ .name = "SHA-256 by a key of SHA-384", EVERY(weaker_digest), QUOTE,
	  .says = "not exactly one of RSASSA with SHA-384" },
	{ .name = "pcrDigest of 32 bytes by a key of SHA-384",
	  EVERY(digest_of_bank), QUOTE, .says = "pcrDigest" },
	{ .name = "ECDSA: a bit of r", EVERY(ecdsa_other), QUOTE,
	  .says = "does not hold" },
	{ .name = "ECDSA: r of 31 bytes", EVERY(ecdsa_short), QUOTE,
	  .says = "not exactly one of ECDSA" },
	{ .name = "ECDSA: s is zero", EVERY(ecdsa_s_zero), QUOTE,
	  .says = "does not hold" },
	{ .name = "ECDSA: trailing byte", EVERY(ecdsa_trailing), QUOTE,
	  .says = "not exactly one of ECDSA" },
	{ .name = "ECDSA: a point off the curve", EVERY(ecdsa_off_curve),
	  PUBLIC, .says = "no usable key" },
	{ .name = "ECDSA: P-521", EVERY(ecdsa_curve), PUBLIC,
	  .says = "curve is not P-256 or P-384" },
	{ .name = "ECDSA: with a KDF", EVERY(ecdsa_kdf), PUBLIC,
	  .says = "ECC parameters" },
	{ .name = "ECDSA: a byte after the public area", EVERY(ecdsa_more),
	  PUBLIC, .says = "ECC parameters" },
	{ .name = "ECDSA: public area cut off", EVERY(ecdsa_cut), PUBLIC,
	  .says = "ECC parameters" },
	{ .name = "events of another certificate", .at = FIXTURE_EVIDENCE,
	  .hook = other_events, .step = VERIFY_REPLAY,
	  .status = VERIFY_FAILED, .says = "do not replay to PCR 14" },
	{ .name = "quotes of another certificate", .at = FIXTURE_EVIDENCE,
	  .hook = other_quotes, BINDING, .says = "START's extraData" },
	{ .name = "END stands as START", .at = FIXTURE_EVIDENCE,
	  .hook = quotes_swapped, BINDING, .says = "START's extraData" },
	{ .name = "START stands as END", .at = FIXTURE_EVIDENCE,
	  .hook = start_twice, BINDING, .says = "END's extraData" },
};

static void
quotes(void **state)
{
	(void)state;
	rows_run(ROWS(quote));
}

static size_t cut_to;

HOOK(cut_attest, f->ev.quote[1].attest.len = cut_to);
HOOK(cut_signature, f->ev.quote[1].signature.len = cut_to);

/* Every truncation, signed as it is. */
static void
truncations(void **state)
{
	static const struct row cut[] = {
		{ .name = "attest cut off", .at = FIXTURE_END_BYTES,
		  .hook = cut_attest, QUOTE, .says = "END quote" },
		{ .name = "signature cut off", .at = FIXTURE_END_SIGNATURE,
		  .hook = cut_signature, QUOTE, .says = "TPMT_SIGNATURE" },
	};
	struct fixture f;
	size_t n, m;

	(void)state;
	fixture_make(&f, &rows_keys, NULL, NULL);
	n = f.ev.quote[1].attest.len;
	m = f.ev.quote[1].signature.len;
	fixture_free(&f);
	for (cut_to = 0; cut_to < n; cut_to++)
		rows_run(&cut[0], 1);
	for (cut_to = 0; cut_to < m; cut_to++)
		rows_run(&cut[1], 1);
}

/* The AK's name: reported always, and decides only where it is asked for. */
static void
both_names(struct fixture *f)
{
	if (f->stage == FIXTURE_START_ATTEST || f->stage == FIXTURE_END_ATTEST)
		other_names(f);
}

static void
ak_name(void **state)
{
	static const struct row asked = { .name = "require ak-name",
		.policy = LOGGED "require ak-name\n" };
	struct rows_result r = { 0 };
	struct fixture f;

	(void)state;
	rows_run(&asked, 1);
	fixture_make(&f, &rows_keys, NULL, both_names);
	rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
	assert_int_equal(r.verdict, VERIFY_VERIFIED);
	assert_false(r.v->ak_name_matches);
	assert_non_null(strstr(r.v->step[VERIFY_QUOTES].text.text,
	    "does not name the AK"));
	rows_free(&r);
	fixture_free(&f);
	fixture_make(&f, &rows_keys, LOGGED "require ak-name\n", both_names);
	rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
	assert_int_equal(r.verdict, VERIFY_REFUSED);
	assert_int_equal(r.v->step[VERIFY_QUOTES].status, VERIFY_NOT_ACCEPTED);
	rows_mutate("ak-name", &f);
	rows_free(&r);
	fixture_free(&f);
}

/* ---- Step 11 ---- */

static void
raw_d(struct fixture *f)
{
	memcpy(END->extra, f->ev.bound.b, 32);
}

static void
other_d(struct fixture *f)
{
	struct digest d = sha256_of(span_str("another statement"));

	d = dsse_bind_end(&d);
	memcpy(END->extra, d.b, 32);
}

/* A challenge of a peer, quoted under its own tag, is no END quote. */
static void
challenged(struct fixture *f)
{
	struct digest d = dsse_bind_challenge(f->ev.bound.b);

	memcpy(END->extra, d.b, 32);
}

static void
other_config(struct fixture *f)
{
	struct digest d = sha256_of(span_str("another configuration"));

	d = dsse_bind_start(&d, buf_span(&f->start_note));
	memcpy(START->extra, d.b, 32);
}

static void
other_checkpoint(struct fixture *f)
{
	struct digest d = dsse_bind_start(&f->request.config_sha256,
	    span_str("another note"));

	memcpy(START->extra, d.b, 32);
}

static void
no_checkpoint(struct fixture *f)
{
	struct digest d = dsse_bind_start(&f->request.config_sha256,
	    span_of(NULL, 0));

	memcpy(START->extra, d.b, 32);
}

HOOK(extra_empty, END->extralen = 0);
HOOK(extra_short, END->extralen = 31);
HOOK(extra_more, END->extralen = 33);
HOOK(start_extra_empty, START->extralen = 0);
HOOK(other_reset, END->reset++);
HOOK(other_restart, END->restart++);
HOOK(other_firmware, END->firmware ^= 1);
HOOK(other_signer, END->signer[5] ^= 1);
HOOK(clock_back, END->clock_ms = START->clock_ms - 1);
HOOK(clock_equal, END->clock_ms = START->clock_ms);
HOOK(start_8, f->ev.quote[0].pcr[8].b[0] = 1);
HOOK(start_14_zero, memset(f->ev.quote[0].pcr[14].b, 0, 32));
HOOK(end_0, f->ev.quote[1].pcr[0].b[0] ^= 1);
HOOK(end_7, f->ev.quote[1].pcr[7].b[0] ^= 1);
HOOK(end_9, f->ev.quote[1].pcr[9].b[0] ^= 1);
HOOK(end_11, f->ev.quote[1].pcr[11].b[0] ^= 1);
HOOK(end_13, f->ev.quote[1].pcr[13].b[0] ^= 1);
HOOK(end_15, f->ev.quote[1].pcr[15].b[0] ^= 1);

/* PCR 14 of START as it was an event earlier, and one later. */
static void
start_14_fewer(struct fixture *f)
{
	struct digest *pcr = &f->ev.quote[0].pcr[14];

	*pcr = (struct digest){ { 0 } };
	for (size_t i = 0; i + 1 < f->ev.ninputs; i++) {
		struct digest d = sha256_of(buf_span(&f->ev.inputs_log[i]));

		*pcr = sha256_of2(span_digest(pcr), span_digest(&d));
	}
}

static void
start_14_more(struct fixture *f)
{
	struct digest *pcr = &f->ev.quote[0].pcr[14];
	struct digest d = sha256_of(span_str("one more"));

	*pcr = sha256_of2(span_digest(pcr), span_digest(&d));
}

/* An input enters between START and the start event. */
static void
input_before_start(struct fixture *f)
{
	char line[4096];
	const struct buf *last = &f->ev.inputs_log[2];

	assert_true(last->len < sizeof(line));
	memcpy(line, last->p, last->len);
	line[last->len] = '\0';
	fixture_insert_event(&f->ev.inputs_log, &f->ev.ninputs, 3, line);
}

/* The start event names another quote; everything after it follows. */
static void
start_names_other(struct fixture *f)
{
	fixture_drop_event(&f->ev.inputs_log, &f->ev.ninputs, 3);
	fixture_insert_event(&f->ev.inputs_log, &f->ev.ninputs, 3,
	    "{\"event_type\":\"start\",\"content\":{\"spec\":{},\"resolved\":"
	    "{\"attest\":\"00000000000000000000000000000000000000000000000000"
	    "00000000000000\"}}}");
}

HOOK(no_start_event, f->no_start = true);

static void
start_larger(struct fixture *f)
{
	f->start_checkpoint.size = FIXTURE_INDEX + 1;
}

static void
start_broken(struct fixture *f)
{
	static const char head[] = "\xe2\x80\x94 log.example.org ";
	uint8_t *at = memmem(f->start_note.p, f->start_note.len, head,
	    strlen(head));

	assert_non_null(at);
	at[strlen(head) + 30] = at[strlen(head) + 30] == 'A' ? 'B' : 'A';
}

/* The line by the known log is not there at all. */
static void
start_unsigned(struct fixture *f)
{
	fixture_replace(&f->start_note, "\xe2\x80\x94 log.example.org ",
	    "\xe2\x80\x94 log.example.com ");
}

static void
start_of_other_log(struct fixture *f)
{
	struct fixture other;

	fixture_make(&other, &rows_keys, NULL, NULL);
	fixture_set(&f->start_note, buf_span(&other.start_note));
	fixture_free(&other);
	fixture_replace(&f->start_note, "log.example.org\n",
	    "log.example.net\n");
}

HOOK(start_garbage, fixture_set(&f->start_note, span_str("no note")));
HOOK(start_no_note, f->with_start_note = false);

static void
start_cosigned(struct fixture *f)
{
	f->start_cosigned_s[0] = FIXTURE_START_TIME + 5;
	f->start_cosigned_s[1] = FIXTURE_START_TIME + 9;
}

/* Only the entry's checkpoint is by enough witnesses. */
#define TWO                                                                   \
	"log @log\nwitness w0 @w0\nwitness w1 @w1\n"                          \
	"group g all w0 w1\nquorum g\n" REST
#define EARLIEST "require earliest-time\n"

/* The note that the client handed over was cosigned by nobody yet. */
static void
start_without_time(struct fixture *f)
{
	static const char head[] = "\xe2\x80\x94 log.example.org/time ";
	uint8_t *at = memmem(f->start_note.p, f->start_note.len, head,
	    strlen(head));

	assert_non_null(at);
	f->start_note.len = (size_t)(at - f->start_note.p);
}

static void
start_time_broken(struct fixture *f)
{
	/* The time line is the last one. */
	uint8_t *at = f->start_note.p + f->start_note.len - 10;

	*at = *at == 'A' ? 'B' : 'A';
}

HOOK(start_later, f->start_time_s = FIXTURE_TIME + 100);

#define TIMELESS(words) .step = VERIFY_BINDINGS, .status = VERIFY_OK,         \
	.says = "no earliest time: " words
#define UNMET .step = VERIFY_BINDINGS, .status = VERIFY_NOT_ACCEPTED

static const struct row binding[] = {
	{ .name = "END: D raw", END_ATTEST = raw_d, BINDING,
	  .says = "END's extraData is not bound to this statement" },
	{ .name = "END: another D", END_ATTEST = other_d, BINDING,
	  .says = "END's extraData" },
	{ .name = "END: a challenge", END_ATTEST = challenged, BINDING,
	  .says = "END's extraData" },
	{ .name = "END: empty", END_ATTEST = extra_empty, BINDING,
	  .says = "END's extraData" },
	{ .name = "END: a byte less", END_ATTEST = extra_short, BINDING,
	  .says = "END's extraData" },
	{ .name = "END: a byte more", END_ATTEST = extra_more, BINDING,
	  .says = "END's extraData" },
	{ .name = "START: empty", START_ATTEST = start_extra_empty, BINDING,
	  .says = "START's extraData is not bound to this configuration" },
	{ .name = "START: another configuration", START_ATTEST = other_config,
	  BINDING, .says = "START's extraData" },
	{ .name = "START: another checkpoint", START_ATTEST = other_checkpoint,
	  BINDING, .says = "START's extraData" },
	{ .name = "START: no checkpoint", START_ATTEST = no_checkpoint,
	  BINDING, .says = "START's extraData" },
	{ .name = "another resetCount", END_ATTEST = other_reset, BINDING,
	  .says = "restarted between START and END" },
	{ .name = "another restartCount", END_ATTEST = other_restart, BINDING,
	  .says = "restarted between START and END" },
	{ .name = "another firmwareVersion", END_ATTEST = other_firmware,
	  BINDING, .says = "by different TPMs" },
	{ .name = "another qualifiedSigner", END_ATTEST = other_signer,
	  BINDING, .says = "by different TPMs" },
	{ .name = "the clock went back", END_ATTEST = clock_back, BINDING,
	  .says = "clock did not go forward" },
	{ .name = "the clock stood still", END_ATTEST = clock_equal, BINDING,
	  .says = "clock did not go forward" },
	{ .name = "START: PCR 8 is not zero", .at = FIXTURE_START_PCRS,
	  .hook = start_8, BINDING, .says = "START: PCR 8 is" },
	{ .name = "START: PCR 14 is zero", .at = FIXTURE_START_PCRS,
	  .hook = start_14_zero, BINDING, .says = "START: PCR 14 is" },
	{ .name = "START: PCR 14 of an event fewer", .at = FIXTURE_START_PCRS,
	  .hook = start_14_fewer, BINDING, .says = "START: PCR 14 is" },
	{ .name = "START: PCR 14 of an event more", .at = FIXTURE_START_PCRS,
	  .hook = start_14_more, BINDING, .says = "START: PCR 14 is" },
	{ .name = "an input after START", .at = FIXTURE_EVENTS,
	  .hook = input_before_start, BINDING, .says = "START: PCR 14 is" },
	{ .name = "PCR 0 differs", .at = FIXTURE_END_PCRS, .hook = end_0,
	  BINDING, .says = "START: PCR 0 is" },
	{ .name = "PCR 7 differs", .at = FIXTURE_END_PCRS, .hook = end_7,
	  BINDING, .says = "START: PCR 7 is" },
	{ .name = "PCR 9 differs", .at = FIXTURE_END_PCRS, .hook = end_9,
	  BINDING, .says = "START: PCR 9 is" },
	{ .name = "PCR 11 differs", .at = FIXTURE_END_PCRS, .hook = end_11,
	  BINDING, .says = "START: PCR 11 is" },
	{ .name = "PCR 13 differs", .at = FIXTURE_END_PCRS, .hook = end_13,
	  BINDING, .says = "START: PCR 13 is" },
	{ .name = "PCR 15 differs", .at = FIXTURE_END_PCRS, .hook = end_15,
	  BINDING, .says = "START: PCR 15 is" },
	{ .name = "the start event names another quote",
	  .at = FIXTURE_EVENTS, .hook = start_names_other, BINDING,
	  .says = "does not name the START quote" },
	{ .name = "no start event", .hook = no_start_event, BINDING,
	  .says = "no start event" },
	{ .name = "a checkpoint larger than the index",
	  .at = FIXTURE_START_CHECKPOINT, .hook = start_larger, BINDING,
	  .says = "of a later tree than the entry: size 4, index 3" },
	{ .name = "a forged checkpoint of the known log",
	  .at = FIXTURE_START_NOTE, .hook = start_broken, BINDING,
	  .says = "not signed by the log it names" },
	{ .name = "an unsigned checkpoint of the known log",
	  .at = FIXTURE_START_NOTE, .hook = start_unsigned, BINDING,
	  .says = "not signed by the log it names" },
	{ .name = "a checkpoint that is none", .at = FIXTURE_START_NOTE,
	  .hook = start_garbage, BINDING, .says = "malformed" },
	{ .name = "a checkpoint in no base64", .at = FIXTURE_STATEMENT,
	  .from = "\"logCheckpointAtStart\":\"",
	  .to = "\"logCheckpointAtStart\":\"=", BINDING,
	  .says = "malformed" },
	{ .name = "a checkpoint of an unknown log", .at = FIXTURE_START_NOTE,
	  .hook = start_of_other_log,
	  TIMELESS("the checkpoint is of a log that the policy") },
	{ .name = "the same, earliest time required",
	  .at = FIXTURE_START_NOTE, .hook = start_of_other_log,
	  .policy = LOGGED EARLIEST, UNMET, .says = "no earliest time" },
	{ .name = "no checkpoint at the start", .hook = start_no_note,
	  TIMELESS("no checkpoint was handed over") },
	{ .name = "the same, earliest time required", .hook = start_no_note,
	  .policy = LOGGED EARLIEST, UNMET, .says = "no earliest time" },
	{ .name = "a checkpoint without the log's time",
	  .at = FIXTURE_START_NOTE, .hook = start_without_time,
	  TIMELESS("the log's time cosignature is absent") },
	{ .name = "the same, earliest time required",
	  .at = FIXTURE_START_NOTE, .hook = start_without_time,
	  .policy = LOGGED EARLIEST, UNMET, .says = "is absent" },
	{ .name = "a checkpoint with a broken time of the log",
	  .at = FIXTURE_START_NOTE, .hook = start_time_broken, BINDING,
	  .says = "time cosignature does not hold" },
	{ .name = "a checkpoint without quorum", .cosigned = true,
	  .policy = TWO, TIMELESS("the quorum g is not complete") },
	{ .name = "the same, earliest time required", .cosigned = true,
	  .policy = TWO EARLIEST, UNMET, .says = "not complete" },
	{ .name = "a checkpoint with quorum", .cosigned = true,
	  .at = FIXTURE_START_CHECKPOINT, .hook = start_cosigned,
	  .policy = TWO EARLIEST },
	{ .name = "earliest time required", .policy = LOGGED EARLIEST },
	{ .name = "a checkpoint of a later time than the entry",
	  .hook = start_later, .step = VERIFY_BINDINGS, .status = VERIFY_OK,
	  .says = "later time than the entry" },
};

static void
bindings(void **state)
{
	(void)state;
	rows_run(ROWS(binding));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes),
		cmocka_unit_test(truncations),
		cmocka_unit_test(ak_name),
		cmocka_unit_test(bindings),
	};

	return rows_main("verify_quote", ROWS(tests));
}
