/*
 * Bytes that real TPM keys signed and that are no quotes of a measured run,
 * put into a certificate which is bound, signed and logged anew, with an AK
 * certificate for the very key: refused by name.  And a real boot of a Unified
 * Kernel Image, its log and the PCRs that the TPM had: what a release of it says
 * is established.
 */
#include <sys/stat.h>

#include <openssl/pem.h>

#include "common/file.h"
#include "common/text.h"
#include "tests/verifier/rows.h"

#define SAMPLES AICERT_CORPUS "/tpm/swtpm/"
#define BOOT_LOG AICERT_CORPUS "/tpm/eventlogs/" \
    "qemu-ovmf2022.11-uki-sdstub252.bin"
#define BOOT_PCR AICERT_CORPUS "/tpm/uki/qemu-pcrs.txt"

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

/* The values in lines of "PCR sha256 N HEX", of the firmware's PCRs. */
static void
read_pcrs(struct digest pcr[16])
{
	FILE *in = fopen(BOOT_PCR, "r");
	char line[256];
	size_t n = 0;

	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL) {
		char *end, *hex;
		unsigned long i;

		assert_int_equal(strncmp(line, "PCR sha256 ", 11), 0);
		i = strtoul(line + 11, &end, 10);
		if (i >= 16 || (BOOT_PCRS >> i & 1) == 0)
			continue;
		hex = end + 1;
		for (char *p = hex; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'F')
				*p = (char)(*p - 'A' + 'a');
		assert_true(text_unhex_digest(&pcr[i], span_of(hex, 64)));
		n++;
	}
	assert_int_equal(n, 12);
	(void)fclose(in);
}

static void
really_booted(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		fixture_with_release(f);
	if (f->stage == FIXTURE_BOOT_LOG) {
		buf_free(&f->ev.boot_log);
		assert_ok(file_read(&f->ev.boot_log, BOOT_LOG, MIB));
	}
	if (f->stage == FIXTURE_START_PCRS)
		read_pcrs(f->ev.quote[0].pcr);
}

static void
real_boot(void **state)
{
	static const struct row rows[] = {
		{ .name = "a real boot", .every = true,
		  .hook = really_booted, .policy = "log @log\nlog-time @time\n"
		  "quorum none\nbuilder test @builder\n"
		  "ak-root @root sim simulated\nimage ours @release\n"
		  "pcr 0 @pcr0.\npcr 1 @pcr1.\npcr 3 @pcr3.\npcr 5 @pcr5.\n"
		  "pcr 7 @pcr7.\n" },
		{ .name = "a real boot, its firmware not listed",
		  .every = true, .hook = really_booted,
		  .policy = "log @log\nlog-time @time\nquorum none\n"
		  "builder test @builder\nak-root @root sim simulated\n"
		  "image ours @release\n", .step = VERIFY_BOOT,
		  .status = VERIFY_NOT_ACCEPTED,
		  .says = "PCR 0 is eaa650ae9b6b9c6d" },
	};

	(void)state;
	rows_run(ROWS(rows));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forged_by_unrestricted),
		cmocka_unit_test(nogen_by_restricted_ak),
		cmocka_unit_test(other_attestations),
		cmocka_unit_test(other_quotes),
		cmocka_unit_test(real_boot),
	};
	struct stat st;

	if (stat(SAMPLES "ak.pem", &st) != 0) {
		(void)printf("skipped: no %s\n", SAMPLES);
		return TEST_SKIPPED;
	}
	return rows_main("verify_corpus", ROWS(tests));
}
