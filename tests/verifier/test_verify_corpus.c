/*
 * Bytes that real TPM keys signed and that are no quotes of a measured run,
 * put into a certificate which is bound, signed and logged anew, with an AK
 * certificate for the very key: refused by name.
 */
#include <sys/stat.h>

#include <openssl/pem.h>

#include "common/file.h"
#include "tests/verifier/rows.h"

#define SAMPLES AICERT_CORPUS "/tpm/swtpm/"

/* What the current row puts in. */
static const char *key_pem, *key_public, *attest, *signature;
static EVP_PKEY *key;

static void
load(struct buf *out, const char *name)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s%s", SAMPLES, name);
	buf_free(out);
	assert_ok(file_read(out, path, MIB));
}

static void
as_evidence(struct fixture *f)
{
	struct evidence *ev = &f->ev;

	if (f->stage == FIXTURE_SETUP)
		f->certified = key;
	if (f->stage == FIXTURE_CHAIN) {
		load(&ev->ak_public, key_public);
		/* TPM2B_PUBLIC: a length before the TPMT_PUBLIC. */
		ev->ak_public.len -= 2;
		memmove(ev->ak_public.p, ev->ak_public.p + 2,
		    ev->ak_public.len);
	}
	for (size_t i = 0; i < 2; i++) {
		if (f->stage == (i == 0 ? FIXTURE_START_SIGNATURE :
		    FIXTURE_END_SIGNATURE)) {
			load(&ev->quote[i].attest, attest);
			load(&ev->quote[i].signature, signature);
		}
	}
}

static void
refused(enum verify_step step, const char *says)
{
	struct rows_result r = { 0 };
	char path[4096];
	struct fixture f;
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s%s", SAMPLES, key_pem);
	in = fopen(path, "re");
	assert_non_null(in);
	key = PEM_read_PUBKEY(in, NULL, NULL, NULL);
	assert_non_null(key);
	(void)fclose(in);
	fixture_make(&f, &rows_keys, NULL, as_evidence);
	rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
	assert_int_equal(r.verdict, VERIFY_NOT_VERIFIED);
	if (r.v->step[step].status != VERIFY_FAILED ||
	    strstr(r.v->step[step].text.text, says) == NULL)
		fail_msg("%s: step %u %s: %s", attest, step,
		    verify_status_name(r.v->step[step].status),
		    r.v->step[step].text.text);
	rows_free(&r);
	fixture_free(&f);
	EVP_PKEY_free(key);
}

static void
forged_by_unrestricted(void **state)
{
	(void)state;
	key_pem = "un.pem";
	key_public = "un.pub";
	attest = "forged.msg";
	signature = "forged_by_unrestricted.sig";
	refused(VERIFY_AK_PUBLIC, "the AK is not restricted");
}

static void
by_restricted(const char *name, const char *sig, const char *says)
{
	key_pem = "ak.pem";
	key_public = "ak.tpm2b_public";
	attest = name;
	signature = sig;
	refused(VERIFY_QUOTES, says);
}

static void
nogen_by_restricted_ak(void **state)
{
	(void)state;
	by_restricted("nogen.msg", "nogen_by_restricted_ak.sig",
	    "magic is not TPM_GENERATED");
}

static void
other_attestations(void **state)
{
	(void)state;
	by_restricted("time.msg", "time.sig", "the attestation is not a quote");
	by_restricted("certify.msg", "certify.sig",
	    "the attestation is not a quote");
}

static void
other_quotes(void **state)
{
	(void)state;
	by_restricted("q_all.msg", "q_all.sig", "selects PCRs 0xffffff");
	by_restricted("q_0_7.msg", "q_0_7.sig", "selects PCRs 0x0000ff");
	by_restricted("q_16_23.msg", "q_16_23.sig", "selects PCRs 0x8");
	by_restricted("q_two_banks.msg", "q_two_banks.sig",
	    "not exactly one PCR selection");
	by_restricted("q_sha1bank.msg", "q_sha1bank.sig",
	    "bank is 0x0004, not SHA-256");
	by_restricted("q_ecdsa.msg", "q_ecdsa.sig", "selects PCRs");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forged_by_unrestricted),
		cmocka_unit_test(nogen_by_restricted_ak),
		cmocka_unit_test(other_attestations),
		cmocka_unit_test(other_quotes),
	};
	struct stat st;

	if (stat(SAMPLES "ak.pem", &st) != 0) {
		(void)printf("skipped: no %s\n", SAMPLES);
		return TEST_SKIPPED;
	}
	return rows_main("verify_corpus", ROWS(tests));
}
