/*
 * The event logs of the shared corpus: every one that is in the form we read
 * leads to the PCRs that were computed independently, in each of its banks;
 * those in older forms hold what was computed too, and are refused.  One is of a
 * Unified Kernel Image and follows the grammar; the others, of other boot
 * loaders, do not.
 */
#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "tests/test.h"
#include "verifier/boot.h"

#define TPM AICERT_CORPUS "/tpm/"

static const struct {
	const char *name;
	uint16_t alg;
} banks[] = { { "sha1", 0x0004 }, { "sha256", 0x000b }, { "sha384", 0x000c } };

/* PCRs of one bank, of any algorithm. */
struct pcrs {
	const EVP_MD *md;
	unsigned len;
	bool extended[EVENTLOG_PCRS];
	uint8_t b[EVENTLOG_PCRS][EVENTLOG_DIGEST_MAX];
};

static void
extend(struct pcrs *p, uint32_t pcr, const uint8_t *digest)
{
	uint8_t both[2 * EVENTLOG_DIGEST_MAX];

	assert_true(pcr < EVENTLOG_PCRS);
	memcpy(both, p->b[pcr], p->len);
	memcpy(both + p->len, digest, p->len);
	assert_int_equal(EVP_Digest(both, (size_t)2 * p->len, p->b[pcr], NULL,
	    p->md, NULL), 1);
	p->extended[pcr] = true;
}

/* Are these the values of the bank, and no PCR more? */
static void
compare(const char *file, const struct pcrs *p, const cJSON *want)
{
	for (int i = 0; i < EVENTLOG_PCRS; i++) {
		char name[16], hex[2 * EVENTLOG_DIGEST_MAX + 1];
		const cJSON *value;

		(void)snprintf(name, sizeof(name), "%d", i);
		value = cJSON_GetObjectItemCaseSensitive(want, name);
		if ((value != NULL) != p->extended[i])
			fail_msg("%s: PCR %d %s", file, i, value == NULL ?
			    "has events" : "has no event");
		if (value == NULL)
			continue;
		text_hex(hex, span_of(p->b[i], p->len));
		hex[2 * p->len] = '\0';
		assert_string_equal(hex, value->valuestring);
	}
}

/* A bank of a log in the crypto-agile form. */
static void
check_bank(const char *file, const struct eventlog *log, size_t bank,
    const cJSON *replay)
{
	struct reader r = eventlog_begin(log);
	struct pcrs p = { .len = log->bank[bank].len };
	struct eventlog_event e;
	const char *name = NULL;

	for (size_t i = 0; i < sizeof(banks) / sizeof(banks[0]); i++)
		if (banks[i].alg == log->bank[bank].alg)
			name = banks[i].name;
	assert_non_null(name);
	p.md = EVP_get_digestbyname(name);
	p.b[0][p.len - 1] = log->locality;
	while (eventlog_next(&e, &r, log))
		if (e.type != EVENTLOG_NO_ACTION)
			extend(&p, e.pcr, e.digest[bank].p);
	assert_true(rd_end(&r));
	compare(file, &p, cJSON_GetObjectItemCaseSensitive(replay, name));
}

static void
check_agile(const char *file, const struct eventlog *log, const cJSON *want)
{
	const cJSON *replay = cJSON_GetObjectItemCaseSensitive(want, "replay");
	struct digest pcr[EVENTLOG_PCRS];
	uint32_t extended;

	assert_int_equal(log->nevents,
	    cJSON_GetObjectItemCaseSensitive(want, "events")->valueint);
	assert_int_equal(log->nbanks, cJSON_GetArraySize(
	    cJSON_GetObjectItemCaseSensitive(want, "spec_algs")));
	for (size_t i = 0; i < log->nbanks; i++)
		check_bank(file, log, i, replay);
	/* What the verifier itself calls. */
	extended = eventlog_replay(pcr, log);
	for (int i = 0; i < EVENTLOG_PCRS; i++) {
		char name[16], hex[65] = "";
		const cJSON *value;

		(void)snprintf(name, sizeof(name), "%d", i);
		value = cJSON_GetObjectItemCaseSensitive(
		    cJSON_GetObjectItemCaseSensitive(replay, "sha256"), name);
		assert_int_equal(value != NULL, extended >> i & 1);
		if (value == NULL)
			continue;
		text_hex(hex, span_digest(&pcr[i]));
		assert_string_equal(hex, value->valuestring);
	}
}

/* An older log is read here only, to see that it is what it is said to be. */
static void
check_old(const char *file, struct span bytes, const cJSON *want)
{
	struct pcrs p = { .md = EVP_sha1(), .len = 20 };
	struct reader r = rd_of(bytes);
	int n = 0;

	while (!rd_end(&r)) {
		uint32_t pcr = 0, type = 0, len = 0;
		struct span digest = { 0 }, data = { 0 };

		assert_true(rd_le32(&r, &pcr) && rd_le32(&r, &type) &&
		    rd_take(&r, &digest, 20) && rd_le32(&r, &len) &&
		    rd_take(&r, &data, len));
		n++;
		if (type == EVENTLOG_NO_ACTION && data.len == 17)
			p.b[0][19] = data.p[16], p.extended[0] = true;
		else if (type != EVENTLOG_NO_ACTION)
			extend(&p, pcr, digest.p);
	}
	assert_int_equal(n,
	    cJSON_GetObjectItemCaseSensitive(want, "events")->valueint);
	compare(file, &p, cJSON_GetObjectItemCaseSensitive(
	    cJSON_GetObjectItemCaseSensitive(want, "replay"), "sha1"));
}

/* What the grammar says of each log that is read. */
static const struct {
	const char *file, *says; /* NULL: it follows the grammar */
} judged[] = {
	{ "qemu-ovmf2022.11-uki-sdstub252.bin", NULL },
	{ "event-sd-boot-fedora37.bin", "no image in PCR 4" },
	{ "event-moklisttrusted.bin", "of PCR 14: an event of this type has no "
	  "place here" },
	{ "eventlogwithsp800155.bin", "of PCR 14: an event of this type has no "
	  "place here" },
	{ "gce-rhel8-uefi.bin", "of PCR 14: an event of this type has no "
	  "place here" },
	{ "gce-ubuntu-2104-no-secure-boot.bin", "of PCR 14: an event of this "
	  "type has no place here" },
	{ "sb_cert_eventlog.bin", "of PCR 4: stands out of order" },
};

static void
check_grammar(const char *file, const struct eventlog *log)
{
	struct message why = { "" };
	struct boot boot = { 0 };
	enum ac_err e = boot_check(&boot, log, &why);
	char hex[65] = "";

	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
		if (strcmp(judged[i].file, file) != 0)
			continue;
		if ((e == AC_OK) != (judged[i].says == NULL) ||
		    (e != AC_OK && strstr(why.text, judged[i].says) == NULL))
			fail_msg("%s: %s", file, why.text);
		if (e != AC_OK)
			return;
		/* The Authenticode digests of the image and its kernel. */
		assert_false(boot.secure_boot);
		assert_true(boot.has_kernel);
		text_hex(hex, span_digest(&boot.image));
		assert_memory_equal(hex, "ee61daae", 8);
		text_hex(hex, span_digest(&boot.kernel));
		assert_memory_equal(hex, "5f21ff2c", 8);
		return;
	}
	fail_msg("%s: a log that nobody judged", file);
}

static void
every_log(void **state)
{
	struct buf json = { 0 };
	size_t agile = 0, old = 0, malformed = 0;
	cJSON *all;

	(void)state;
	assert_ok(file_read(&json, TPM "expected_replay.json", MIB));
	all = cJSON_Parse((const char *)json.p);
	assert_non_null(all);
	for (const cJSON *want = all->child; want != NULL; want = want->next) {
		struct eventlog log;
		struct message why = { "" };
		struct buf bytes;
		char path[4096];
		enum ac_err e;

		(void)snprintf(path, sizeof(path), TPM "eventlogs/%s",
		    want->string);
		assert_ok(file_read(&bytes, path, MIB));
		e = eventlog_parse(&log, buf_span(&bytes), &why);
		if (e == AC_OK) {
			agile++;
			check_agile(want->string, &log, want);
			check_grammar(want->string, &log);
		} else if (cJSON_GetObjectItemCaseSensitive(want,
		    "parse_error") != NULL) {
			malformed++;
			assert_int_equal(e, AC_ERR_FORMAT);
		} else {
			old++;
			assert_string_equal(cJSON_GetArrayItem(
			    cJSON_GetObjectItemCaseSensitive(want, "spec_algs"),
			    0)->valuestring, "sha1");
			check_old(want->string, buf_span(&bytes), want);
		}
		buf_free(&bytes);
	}
	assert_int_equal(agile, 7);
	assert_int_equal(old, 5);
	assert_int_equal(malformed, 2);
	cJSON_Delete(all);
	buf_free(&json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_log),
	};
	struct buf probe = { 0 };

	if (file_read(&probe, TPM "expected_replay.json", MIB) != AC_OK) {
		(void)printf("skipped: no event logs in %s\n", TPM);
		return TEST_SKIPPED;
	}
	buf_free(&probe);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
