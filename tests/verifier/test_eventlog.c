/*
 * The boot event log: one exact form, every event whole, and what it leads to.
 * Wrong logs are made from a right one by changing bytes of it.
 */
#include "common/sha256.h"
#include "tests/support/bootlog.h"
#include "tests/test.h"
#include "verifier/eventlog.h"

/* Offsets in the bytes of a log of one bank. */
#define AT_PCR 0
#define AT_TYPE 4
#define AT_SHA1 8
#define AT_LEN 28
#define AT_SPEC_ID 32
#define AT_MINOR 52
#define AT_MAJOR 53
#define AT_NBANKS 56
#define AT_ALG 60
#define AT_ALG_LEN 62
#define AT_VENDOR 64
#define AT_EVENT 65 /* the first TCG_PCR_EVENT2 */
#define AT_NDIGESTS (AT_EVENT + 8)
#define AT_EVENT_ALG (AT_EVENT + 12)
#define AT_DATA_LEN (AT_EVENT + 46)

static struct bootlog sound;

/* Parse a copy of its own, so that a sanitizer sees its end. */
static enum ac_err
parse(struct span bytes, struct message *why)
{
	uint8_t *copy = malloc(bytes.len + 1);
	struct eventlog log;
	enum ac_err e;

	assert_non_null(copy);
	if (bytes.len > 0)
		memcpy(copy, bytes.p, bytes.len);
	e = eventlog_parse(&log, span_of(copy, bytes.len), why);
	free(copy);
	return e;
}

static void
replays(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct digest want[BOOTLOG_PCRS], pcr[EVENTLOG_PCRS];
		struct bootlog_event none = { .pcr = 0,
			.type = BOOTLOG_NO_ACTION, .datalen = 17 };
		struct eventlog log;
		struct message why;
		struct bootlog b;
		struct buf bytes;

		bootlog_ovmf(&b, (i & 1) != 0);
		b.sha1 = i >= 2;
		b.locality = (uint8_t)(i == 2 ? 3 : i == 3 ? 4 : 0);
		memcpy(none.data, "StartupLocality", 16);
		none.data[16] = b.locality;
		if (i > 0)
			bootlog_insert(&b, 0, &none);
		bytes = bootlog_bytes(&b);
		bootlog_replay(want, &b);
		assert_ok(eventlog_parse(&log, buf_span(&bytes), &why));
		assert_int_equal(log.nbanks, b.sha1 ? 2 : 1);
		assert_int_equal(log.nevents, b.n);
		assert_int_equal(log.locality, b.locality);
		assert_int_equal(eventlog_replay(pcr, &log), 0x0aff);
		for (unsigned k = 0; k < EVENTLOG_PCRS; k++)
			assert_true(digest_equal(&pcr[k], &want[k]));
		buf_free(&bytes);
	}
}

static void
no_events(void **state)
{
	struct bootlog empty = { .n = 0 };
	struct digest pcr[EVENTLOG_PCRS], zero = { { 0 } };
	struct buf bytes = bootlog_bytes(&empty);
	struct eventlog log;
	struct message why;

	(void)state;
	assert_ok(eventlog_parse(&log, buf_span(&bytes), &why));
	assert_int_equal(log.nevents, 0);
	assert_int_equal(eventlog_replay(pcr, &log), 0);
	for (unsigned k = 0; k < EVENTLOG_PCRS; k++)
		assert_true(digest_equal(&pcr[k], &zero));
	buf_free(&bytes);
}

static void
views(void **state)
{
	struct buf bytes = bootlog_bytes(&sound);
	struct eventlog_event e;
	struct eventlog log;
	struct message why;
	struct reader r;

	(void)state;
	assert_ok(eventlog_parse(&log, buf_span(&bytes), &why));
	r = eventlog_begin(&log);
	for (size_t i = 0; i < sound.n; i++) {
		const struct bootlog_event *want = &sound.event[i];

		assert_true(eventlog_next(&e, &r, &log));
		assert_int_equal(e.pcr, want->pcr);
		assert_int_equal(e.type, want->type);
		assert_true(digest_equal(&e.sha256, &want->digest));
		assert_true(span_equal(e.data,
		    span_of(want->data, want->datalen)));
	}
	assert_false(eventlog_next(&e, &r, &log));
	buf_free(&bytes);
}

static void
truncations(void **state)
{
	struct buf bytes = bootlog_bytes(&sound);
	size_t whole = 0, at = AT_EVENT;
	struct message why;

	(void)state;
	for (size_t len = 0; len < bytes.len; len++) {
		bool sound_one = len == at;

		/* A cut between two events is seen by replaying only. */
		if (sound_one && whole < sound.n)
			at += 50 + sound.event[whole++].datalen;
		if ((parse(span_of(bytes.p, len), &why) == AC_OK) != sound_one)
			fail_msg("the first %zu bytes", len);
	}
	assert_int_equal(whole, sound.n);
	buf_free(&bytes);
}

static const struct {
	const char *name;
	size_t at;
	const char *bytes; /* put there, in the place of what is there */
	size_t len;
	enum ac_err want;
	const char *says;
} wrong[] = {
	{ "first event of PCR 1", AT_PCR, "\1", 1, AC_ERR_FORMAT,
	  "does not begin with" },
	{ "first event is extended", AT_TYPE, "\4", 1, AC_ERR_FORMAT,
	  "does not begin with" },
	{ "first event has a digest", AT_SHA1, "\1", 1, AC_ERR_FORMAT,
	  "does not begin with" },
	{ "first event longer than the log", AT_LEN, "\xff\xff\xff\xff", 4,
	  AC_ERR_FORMAT, "does not begin with" },
	{ "first event empty", AT_LEN, "\0", 1, AC_ERR_UNSUPPORTED,
	  "crypto-agile" },
	{ "first event one byte shorter", AT_LEN, "\40", 1, AC_ERR_FORMAT,
	  "malformed" },
	{ "first event one byte longer", AT_LEN, "\42", 1, AC_ERR_FORMAT,
	  "malformed" },
	{ "specification of PC Client 1.2", AT_SPEC_ID + 13, "00", 2,
	  AC_ERR_UNSUPPORTED, "crypto-agile" },
	{ "specification of TPM 2.0's first form", AT_SPEC_ID + 13, "02", 2,
	  AC_ERR_UNSUPPORTED, "crypto-agile" },
	{ "signature without its NUL", AT_SPEC_ID + 15, "x", 1,
	  AC_ERR_UNSUPPORTED, "crypto-agile" },
	{ "a startup locality for a specification", AT_SPEC_ID,
	  "StartupLocality", 16, AC_ERR_UNSUPPORTED, "crypto-agile" },
	{ "version 1.2", AT_MINOR, "\2\1", 2, AC_ERR_UNSUPPORTED,
	  "version 1.2" },
	{ "version 2.1", AT_MINOR, "\1", 1, AC_ERR_UNSUPPORTED,
	  "version 2.1" },
	{ "version 3.0", AT_MAJOR, "\3", 1, AC_ERR_UNSUPPORTED,
	  "version 3.0" },
	{ "no bank", AT_NBANKS, "\0", 1, AC_ERR_FORMAT, "malformed" },
	{ "two banks, one described", AT_NBANKS, "\2", 1, AC_ERR_FORMAT,
	  "malformed" },
	{ "9 banks", AT_NBANKS, "\11", 1, AC_ERR_LIMIT, "9 banks" },
	{ "1000 banks", AT_NBANKS, "\xe8\3", 2, AC_ERR_LIMIT, "1000 banks" },
	{ "2^32 - 1 banks", AT_NBANKS, "\xff\xff\xff\xff", 4, AC_ERR_LIMIT,
	  "4294967295 banks" },
	{ "SHA-256 of 20 bytes", AT_ALG_LEN, "\24", 1, AC_ERR_FORMAT,
	  "malformed" },
	{ "SHA-256 of no bytes", AT_ALG_LEN, "\0", 1, AC_ERR_FORMAT,
	  "malformed" },
	{ "SHA-384 of 32 bytes", AT_ALG, "\14", 1, AC_ERR_FORMAT,
	  "malformed" },
	{ "SM3 alone", AT_ALG, "\22", 1, AC_ERR_UNSUPPORTED, "no SHA-256" },
	{ "an unknown bank alone", AT_ALG, "\x99\x99", 2, AC_ERR_UNSUPPORTED,
	  "no SHA-256" },
	{ "an unknown bank of 65 bytes", AT_ALG, "\x99\x99\x41", 3,
	  AC_ERR_FORMAT, "malformed" },
	{ "vendor information longer than the event", AT_VENDOR, "\1", 1,
	  AC_ERR_FORMAT, "malformed" },
	{ "vendor information of 255 bytes", AT_VENDOR, "\xff", 1,
	  AC_ERR_FORMAT, "malformed" },
	{ "an event of PCR 24", AT_EVENT, "\30", 1, AC_ERR_FORMAT,
	  "event 1 " },
	{ "an event of PCR 2^32 - 1", AT_EVENT, "\xff\xff\xff\xff", 4,
	  AC_ERR_FORMAT, "event 1 " },
	{ "no digest", AT_NDIGESTS, "\0", 1, AC_ERR_FORMAT, "event 1 " },
	{ "two digests for one bank", AT_NDIGESTS, "\2", 1, AC_ERR_FORMAT,
	  "event 1 " },
	{ "255 digests", AT_NDIGESTS, "\xff", 1, AC_ERR_FORMAT, "event 1 " },
	{ "2^32 - 1 digests", AT_NDIGESTS, "\xff\xff\xff\xff", 4,
	  AC_ERR_FORMAT, "event 1 " },
	{ "a digest of an algorithm that is no bank", AT_EVENT_ALG, "\14", 1,
	  AC_ERR_FORMAT, "event 1 " },
	{ "data of 2^32 - 1 bytes", AT_DATA_LEN, "\xff\xff\xff\xff", 4,
	  AC_ERR_FORMAT, "event 1 " },
	{ "data beyond the end", AT_DATA_LEN + 1, "\xff", 1, AC_ERR_FORMAT,
	  "event 1 " },
	{ "data one byte shorter", AT_DATA_LEN, "\1", 1, AC_ERR_FORMAT,
	  "event 2 " },
};

static void
check(const char *name, struct span bytes, enum ac_err want, const char *says)
{
	struct message why = { "" };
	enum ac_err got = parse(bytes, &why);

	if (got != want || strstr(why.text, says) == NULL)
		fail_msg("%s: %s, \"%s\"; wanted %s, \"%s\"", name,
		    ac_strerror(got), why.text, ac_strerror(want), says);
}

static void
refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct buf b = bootlog_bytes(&sound);

		memcpy(b.p + wrong[i].at, wrong[i].bytes, wrong[i].len);
		check(wrong[i].name, buf_span(&b), wrong[i].want,
		    wrong[i].says);
		buf_free(&b);
	}
}

/* One bank twice, and an event with two digests for one of two banks. */
static void
banks_twice(void **state)
{
	struct bootlog b = sound;
	struct buf bytes;

	(void)state;
	b.sha1 = true;
	bytes = bootlog_bytes(&b);
	memcpy(bytes.p + AT_ALG, "\13\0\40\0", 4);
	check("SHA-256 twice", buf_span(&bytes), AC_ERR_FORMAT, "malformed");
	buf_free(&bytes);
	bytes = bootlog_bytes(&b);
	memcpy(bytes.p + AT_EVENT_ALG + 4, "\13\0", 2);
	check("two digests of SHA-256", buf_span(&bytes), AC_ERR_FORMAT,
	    "event 1 ");
	buf_free(&bytes);
	bytes = bootlog_bytes(&b);
	bytes.p[AT_NDIGESTS + 4] = 1;
	check("the digest of SHA-256 missing", buf_span(&bytes), AC_ERR_FORMAT,
	    "event 1 ");
	buf_free(&bytes);
}

static void
padding(void **state)
{
	static const struct {
		const char *name;
		uint8_t byte;
		size_t n;
	} pad[] = { { "a zero byte", 0, 1 }, { "sixteen zero bytes", 0, 16 },
		{ "a page of zeros", 0, 4096 }, { "a byte 0xff", 0xff, 1 },
		{ "a page of 0xff", 0xff, 4096 } };

	(void)state;
	for (size_t i = 0; i < sizeof(pad) / sizeof(pad[0]); i++) {
		struct buf right = bootlog_bytes(&sound), padded;
		struct writer w;

		wr_init(&w, MIB);
		wr_bytes(&w, buf_span(&right));
		for (size_t k = 0; k < pad[i].n; k++)
			wr_u8(&w, pad[i].byte);
		assert_ok(wr_end(&w, &padded));
		check(pad[i].name, buf_span(&padded), AC_ERR_FORMAT,
		    "malformed");
		buf_free(&padded);
		buf_free(&right);
	}
}

static void
too_long(void **state)
{
	struct buf b = { calloc(BOOT_LOG_MAX + 2, 1), BOOT_LOG_MAX + 1 };

	(void)state;
	assert_non_null(b.p);
	check("over the limit", buf_span(&b), AC_ERR_LIMIT, "limit");
	b.len--;
	check("at the limit", buf_span(&b), AC_ERR_FORMAT, "begin");
	buf_free(&b);
}

/* A sound log with one EV_NO_ACTION put before event number at. */
static void
no_action(const char *name, uint32_t pcr, const char *data, size_t len,
    size_t at, size_t times, uint8_t digest, enum ac_err want,
    const char *says)
{
	struct bootlog_event e = { .pcr = pcr, .type = BOOTLOG_NO_ACTION,
		.datalen = len };
	struct bootlog b = sound;
	struct buf bytes;

	memcpy(e.data, data, len);
	e.digest.b[31] = digest;
	while (times-- > 0)
		bootlog_insert(&b, at, &e);
	bytes = bootlog_bytes(&b);
	check(name, buf_span(&bytes), want, says);
	buf_free(&bytes);
}

static void
no_actions(void **state)
{
	(void)state;
	no_action("information", 0, "SP800-155 Event", 16, 0, 2, 0, AC_OK, "");
	no_action("information in the middle", 5, "?", 1, 9, 1, 0, AC_OK, "");
	no_action("locality 0", 0, "StartupLocality\0", 17, 0, 1, 0, AC_OK,
	    "");
	no_action("locality 3", 0, "StartupLocality\0\3", 17, 0, 1, 0, AC_OK,
	    "");
	no_action("locality 4", 0, "StartupLocality\0\4", 17, 0, 1, 0, AC_OK,
	    "");
	no_action("a digest", 0, "?", 1, 0, 1, 1, AC_ERR_FORMAT,
	    "states a digest");
	no_action("a locality with a digest", 0, "StartupLocality\0\3", 17, 0,
	    1, 1, AC_ERR_FORMAT, "states a digest");
	no_action("locality 1", 0, "StartupLocality\0\1", 17, 0, 1, 0,
	    AC_ERR_FORMAT, "event 1 of the boot log, the startup locality");
	no_action("locality 2", 0, "StartupLocality\0\2", 17, 0, 1, 0,
	    AC_ERR_FORMAT, "startup locality");
	no_action("locality 255", 0, "StartupLocality\0\xff", 17, 0, 1, 0,
	    AC_ERR_FORMAT, "startup locality");
	no_action("no locality", 0, "StartupLocality", 16, 0, 1, 0,
	    AC_ERR_FORMAT, "startup locality");
	no_action("two bytes of locality", 0, "StartupLocality\0\3\0", 18, 0, 1,
	    0, AC_ERR_FORMAT, "startup locality");
	no_action("of PCR 1", 1, "StartupLocality\0\3", 17, 0, 1, 0,
	    AC_ERR_FORMAT, "startup locality");
	no_action("twice", 0, "StartupLocality\0\3", 17, 0, 2, 0,
	    AC_ERR_FORMAT, "event 2 of the boot log, the startup locality");
	no_action("0 twice", 0, "StartupLocality\0", 17, 0, 2, 0,
	    AC_ERR_FORMAT, "startup locality");
	no_action("after PCR 0 was extended", 0, "StartupLocality\0\3", 17, 1,
	    1, 0, AC_ERR_FORMAT, "startup locality");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays),
		cmocka_unit_test(no_events),
		cmocka_unit_test(views),
		cmocka_unit_test(truncations),
		cmocka_unit_test(refused),
		cmocka_unit_test(banks_twice),
		cmocka_unit_test(padding),
		cmocka_unit_test(too_long),
		cmocka_unit_test(no_actions),
	};

	bootlog_ovmf(&sound, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
