/*
 * Steps 12 and 13: the boot log, what may stand in it, and which boot the
 * policy trusts.  The attacks on the log (E1 to E19) are made with their PCRs
 * extended, quoted and released accordingly, unless the attack is that they
 * are not; so what refuses them is the one check that is named.
 */
#include "tests/verifier/rows.h"

/* All that a certificate of a real boot needs of a policy. */
#define TRUSTED                                                               \
	"log @log\nlog-time @time\nquorum none\nbuilder test @builder\n"      \
	"ak-root @root sim simulated\n"
#define FIRMWARE                                                              \
	"pcr 0 @pcr0.\npcr 1 @pcr1.\npcr 3 @pcr3.\npcr 5 @pcr5.\n"            \
	"pcr 7 @pcr7.\n"
#define IMAGE TRUSTED FIRMWARE "image ours @release\n"
#define ZEROS                                                                 \
	"0000000000000000000000000000000000000000000000000000000000000000"
#define ONES                                                                  \
	"1111111111111111111111111111111111111111111111111111111111111111"

#define BOOTED .booted = true, .policy = IMAGE
#define EVENTS BOOTED, .at = FIXTURE_BOOT_EVENTS
#define BYTES BOOTED, .at = FIXTURE_BOOT_LOG
#define RELEASE BOOTED, .at = FIXTURE_RELEASE
#define LOG .step = VERIFY_BOOT_LOG, .status = VERIFY_FAILED
#define WRONG .step = VERIFY_BOOT, .status = VERIFY_FAILED
#define UNKNOWN .step = VERIFY_BOOT, .status = VERIFY_NOT_ACCEPTED

/* ---- Changes of the events ---- */

static const uint8_t zeros[4], ones[4] = { 0xff, 0xff, 0xff, 0xff };

static struct bootlog_event *
event(struct fixture *f, uint32_t pcr, uint32_t type, size_t nth)
{
	return &f->boot.event[bootlog_find(&f->boot, pcr, type, nth)];
}

static void
append(struct fixture *f, uint32_t pcr, uint32_t type, const char *data)
{
	struct bootlog_event e = bootlog_measured(pcr, type, span_str(data));

	bootlog_append(&f->boot, &e);
}

/* Before the event of that PCR and type. */
static void
insert(struct fixture *f, uint32_t pcr, uint32_t type, size_t nth,
    struct bootlog_event e)
{
	bootlog_insert(&f->boot, bootlog_find(&f->boot, pcr, type, nth), &e);
}

static struct bootlog_event
action(uint32_t pcr, const char *text)
{
	return bootlog_measured(pcr, BOOTLOG_ACTION, span_str(text));
}

static struct bootlog_event
application(const char *what)
{
	struct bootlog_event e = bootlog_measured(4, BOOTLOG_APPLICATION,
	    span_str(what));

	e.datalen = 0;
	return e;
}

static void
drop(struct fixture *f, uint32_t pcr, uint32_t type, size_t nth)
{
	bootlog_drop(&f->boot, bootlog_find(&f->boot, pcr, type, nth));
}

static void
exchange(struct fixture *f, size_t a, size_t b)
{
	struct bootlog_event e = f->boot.event[a];

	f->boot.event[a] = f->boot.event[b];
	f->boot.event[b] = e;
}

/* Other data whose digest the event has. */
static void
measure(struct bootlog_event *e, struct span data)
{
	*e = bootlog_measured(e->pcr, e->type, data);
}

/* ---- Boots that are right ---- */

HOOK(secure_boot, f->secure_boot = true);
HOOK(sha1_too, f->boot.sha1 = true);
HOOK(variable_empty, *event(f, 7, BOOTLOG_VARIABLE, 0) =
    bootlog_variable("SecureBoot", span_of(NULL, 0)));
HOOK(exit_not_logged, f->boot.n -= 2);
HOOK(driver, insert(f, 2, BOOTLOG_SEPARATOR, 0,
    bootlog_measured(2, BOOTLOG_DRIVER, span_str("a driver"))));
HOOK(host, insert(f, 6, BOOTLOG_SEPARATOR, 0,
    bootlog_measured(6, 0x0000000c, span_str("the host's"))));
HOOK(smbios, insert(f, 4, BOOTLOG_APPLICATION, 0,
    bootlog_measured(1, BOOTLOG_EVENT_TAG, span_str("SMBIOS"))));
HOOK(partitions, insert(f, 4, BOOTLOG_APPLICATION, 0,
    bootlog_measured(5, BOOTLOG_GPT, span_str("EFI PART"))));
HOOK(sixth_variable, insert(f, 7, BOOTLOG_SEPARATOR, 0,
    bootlog_variable("dbt", span_str(""))));
HOOK(empty_signature_list, *event(f, 7, BOOTLOG_VARIABLE, 3) =
    bootlog_variable("db", span_of("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    20)));

static void
two_failed(struct fixture *f)
{
	for (int i = 0; i < 2; i++) {
		insert(f, 4, BOOTLOG_APPLICATION, 0, action(4,
		    BOOTLOG_RETURNING));
		insert(f, 4, BOOTLOG_APPLICATION, 0, action(4,
		    BOOTLOG_CALLING));
	}
}

static void
locality(struct fixture *f, uint8_t from, uint8_t stated)
{
	struct bootlog_event e = { .type = BOOTLOG_NO_ACTION, .datalen = 17 };

	memcpy(e.data, "StartupLocality", 16);
	e.data[16] = stated;
	bootlog_insert(&f->boot, 0, &e);
	f->boot.locality = from;
}

HOOK(locality_3, locality(f, 3, 3));
HOOK(locality_4, locality(f, 4, 4));

static void
exit_again(struct fixture *f)
{
	insert(f, 5, BOOTLOG_ACTION, 0, action(5, BOOTLOG_EXITING));
	insert(f, 5, BOOTLOG_ACTION, 1, action(5,
	    "Exit Boot Services Returned with Failure"));
}

static void
second_tuple(struct fixture *f)
{
	f->release.ntuples = 2;
	f->release.tuple[1] = f->release.tuple[0];
	f->release.tuple[0].firmware = span_str("azure");
	f->release.tuple[0].pcr4.b[0] ^= 1;
	f->release.tuple[0].pcr11.b[0] ^= 1;
}

HOOK(debug, f->release.debug = true);

#define MEASURED .booted = true, .policy = TRUSTED FIRMWARE                   \
    "measurements measurements.json\n", .at = FIXTURE_SETUP
#define MEASURED_ALL .booted = true, .policy = TRUSTED                        \
    "measurements measurements.json\n", .at = FIXTURE_SETUP
#define FILE(text) f->measurements_form = "{\n    \"measurements\": {" text   \
    "}}\n"

HOOK(file_of_three, FILE("\"4\": \"@pcr4.\", \"9\": \"@pcr9.\", "
    "\"11\": \"@pcr11.\""));
HOOK(file_of_all, FILE("\"0\": \"@pcr0.\", \"1\": \"@pcr1.\", "
    "\"2\": \"@pcr2.\", \"3\": \"@pcr3.\", \"4\": \"@pcr4.\", "
    "\"5\": \"@pcr5.\", \"6\": \"@pcr6.\", \"7\": \"@pcr7.\", "
    "\"9\": \"@pcr9.\", \"11\": \"@pcr11.\", \"12\": \"" ZEROS "\", "
    "\"13\": \"" ZEROS "\""));

static const struct row right[] = {
	{ .name = "a whole boot", BOOTED },
	{ .name = "Secure Boot", BOOTED, .at = FIXTURE_SETUP,
	  .hook = secure_boot },
	{ .name = "a bank of SHA-1 too", EVENTS, .hook = sha1_too },
	{ .name = "two boot options that failed", EVENTS,
	  .hook = two_failed },
	{ .name = "started from locality 3", EVENTS, .hook = locality_3 },
	{ .name = "started from locality 4", EVENTS, .hook = locality_4 },
	{ .name = "SecureBoot does not exist", EVENTS,
	  .hook = variable_empty },
	{ .name = "the exit is not in the log, nor in the PCR", EVENTS,
	  .hook = exit_not_logged },
	{ .name = "the exit at the second attempt", EVENTS,
	  .hook = exit_again },
	{ .name = "a driver in PCR 2, which is listed", .booted = true,
	  .policy = IMAGE "pcr 2 @pcr2.\n", .at = FIXTURE_BOOT_EVENTS,
	  .hook = driver },
	{ .name = "PCR 6 is not judged", EVENTS, .hook = host },
	{ .name = "PCR 6 as listed", .booted = true,
	  .policy = IMAGE "pcr 6 @pcr6.\n", .at = FIXTURE_BOOT_EVENTS,
	  .hook = host },
	{ .name = "PCR 2 as listed", .booted = true,
	  .policy = IMAGE "pcr 2 " ONES " @pcr2.\n" },
	{ .name = "one of several values", .booted = true,
	  .policy = IMAGE "pcr 0 " ONES "\n" },
	{ .name = "tables of the host in PCR 1", EVENTS, .hook = smbios },
	{ .name = "partitions in PCR 5", EVENTS, .hook = partitions },
	{ .name = "a variable more in PCR 7", EVENTS,
	  .hook = sixth_variable },
	{ .name = "E17: a signature list of size 0, which nobody reads",
	  EVENTS, .hook = empty_signature_list },
	{ .name = "the second tuple", RELEASE, .hook = second_tuple },
	{ .name = "a debug image, allowed", .booted = true,
	  .policy = IMAGE "allow debug-image\n", .at = FIXTURE_RELEASE,
	  .hook = debug },
	{ .name = "measurements of 4, 9 and 11", MEASURED,
	  .hook = file_of_three },
	{ .name = "measurements of all", MEASURED_ALL, .hook = file_of_all },
	{ .name = "measurements, and a release not trusted", .booted = true,
	  .policy = TRUSTED FIRMWARE "image other " ONES "\n"
	  "measurements measurements.json\n", .at = FIXTURE_SETUP,
	  .hook = file_of_three },
};

static void
boots(void **state)
{
	(void)state;
	rows_run(ROWS(right));
}

/* ---- The log as bytes ---- */

/* The log without its PCRs: they stay what they were. */
static void
rewrite(struct fixture *f)
{
	buf_free(&f->ev.boot_log);
	f->ev.boot_log = bootlog_bytes(&f->boot);
}

static void
pad(struct fixture *f, uint8_t byte, size_t n)
{
	struct writer w;

	wr_init(&w, MIB);
	wr_bytes(&w, buf_span(&f->ev.boot_log));
	while (n-- > 0)
		wr_u8(&w, byte);
	buf_free(&f->ev.boot_log);
	assert_ok(wr_end(&w, &f->ev.boot_log));
}

static void
patch(struct fixture *f, size_t at, const char *bytes, size_t len)
{
	memcpy(f->ev.boot_log.p + at, bytes, len);
}

HOOK(padded_zeros, pad(f, 0, 64));
HOOK(padded_ones, pad(f, 0xff, 64));
HOOK(padded_byte, pad(f, 0, 1));
HOOK(cut_off, f->ev.boot_log.len--);
HOOK(header_alone, f->ev.boot_log.len = 65);
HOOK(half_a_header, f->ev.boot_log.len = 40);
HOOK(no_banks, patch(f, 56, "\0", 1));
HOOK(banks_1000, patch(f, 56, "\xe8\3", 2));
HOOK(sha256_of_20, patch(f, 62, "\24", 1));
HOOK(vendor_overrun, patch(f, 64, "\xff", 1));
HOOK(version_1, patch(f, 52, "\2\1", 2));
HOOK(legacy, patch(f, 45, "00", 2));
HOOK(no_digest, patch(f, 73, "\0", 1));
HOOK(digests_255, patch(f, 73, "\xff", 1));
HOOK(another_bank, patch(f, 77, "\4", 1));
HOOK(no_sha256, patch(f, 60, "\22", 1));
HOOK(size_max, patch(f, 111, "\xff\xff\xff\xff", 4));
HOOK(size_beyond, patch(f, 111, "\0\0\1", 3));
HOOK(pcr_24, patch(f, 65, "\30", 1));
HOOK(pcr_max, patch(f, 65, "\xff\xff\xff\xff", 4));
HOOK(no_log, buf_free(&f->ev.boot_log));

static void
too_long(struct fixture *f)
{
	/* Over the limit of the evidence itself. */
	pad(f, 0, BOOT_LOG_MAX + 1 - f->ev.boot_log.len);
}

static void
two_sha256(struct fixture *f)
{
	f->boot.sha1 = true;
	rewrite(f);
	patch(f, 81, "\13\0", 2);
}

static const struct row bytes[] = {
	{ .name = "E12: zeros after the log", BYTES, .hook = padded_zeros, LOG,
	  .says = "malformed" },
	{ .name = "E12: 0xff after the log", BYTES, .hook = padded_ones, LOG,
	  .says = "malformed" },
	{ .name = "E12: one byte after the log", BYTES, .hook = padded_byte,
	  LOG, .says = "malformed" },
	{ .name = "E11: cut off within an event", BYTES, .hook = cut_off, LOG,
	  .says = "malformed" },
	{ .name = "cut off within the header", BYTES, .hook = half_a_header,
	  LOG, .says = "does not begin with" },
	{ .name = "E5: no bank", BYTES, .hook = no_banks, LOG,
	  .says = "Specification ID event is malformed" },
	{ .name = "E5: 1000 banks", BYTES, .hook = banks_1000, LOG,
	  .says = "1000 banks" },
	{ .name = "E5: SHA-256 of 20 bytes", BYTES, .hook = sha256_of_20, LOG,
	  .says = "Specification ID event is malformed" },
	{ .name = "E5: vendor information beyond the event", BYTES,
	  .hook = vendor_overrun, LOG,
	  .says = "Specification ID event is malformed" },
	{ .name = "E5: version 1.2", BYTES, .hook = version_1, LOG,
	  .says = "version 1.2, expected 2.0" },
	{ .name = "E5: the form of PC Client 1.2", BYTES, .hook = legacy, LOG,
	  .says = "not in the crypto-agile form" },
	{ .name = "E6: no digest", BYTES, .hook = no_digest, LOG,
	  .says = "event 1 of the boot log is malformed" },
	{ .name = "E6: 255 digests", BYTES, .hook = digests_255, LOG,
	  .says = "event 1 of the boot log is malformed" },
	{ .name = "E6: a digest of no bank", BYTES, .hook = another_bank, LOG,
	  .says = "event 1 of the boot log is malformed" },
	{ .name = "E6: two digests of one bank", BYTES, .hook = two_sha256,
	  LOG, .says = "event 1 of the boot log is malformed" },
	{ .name = "E7: data of 2^32 - 1 bytes", BYTES, .hook = size_max, LOG,
	  .says = "event 1 of the boot log is malformed" },
	{ .name = "E7: data beyond the end", BYTES, .hook = size_beyond, LOG,
	  .says = "event 1 of the boot log is malformed" },
	{ .name = "E8: PCR 24", BYTES, .hook = pcr_24, LOG,
	  .says = "event 1 of the boot log is malformed" },
	{ .name = "E8: PCR 2^32 - 1", BYTES, .hook = pcr_max, LOG,
	  .says = "event 1 of the boot log is malformed" },
	{ .name = "E9: no SHA-256", BYTES, .hook = no_sha256, LOG,
	  .says = "no SHA-256 bank" },
	{ .name = "over 256 KiB", BYTES, .hook = too_long,
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED, .says = "line 2" },
};

static void
malformed(void **state)
{
	(void)state;
	rows_run(ROWS(bytes));
}

/* ---- The log against the quote ---- */

static void
longer(struct fixture *f)
{
	insert(f, 9, BOOTLOG_EVENT_TAG, 0,
	    bootlog_measured(11, BOOTLOG_IPL, span_str("one more")));
	rewrite(f);
}

static void
shorter(struct fixture *f)
{
	f->boot.n--;
	rewrite(f);
}

static void
reordered(struct fixture *f)
{
	exchange(f, bootlog_find(&f->boot, 11, BOOTLOG_IPL, 0),
	    bootlog_find(&f->boot, 11, BOOTLOG_IPL, 1));
	rewrite(f);
}

static void
forged(struct fixture *f)
{
	event(f, 4, BOOTLOG_APPLICATION, 0)->digest.b[0] ^= 1;
	rewrite(f);
}

HOOK(not_in_log, f->ev.quote[0].pcr[9].b[0] ^= 1);
HOOK(nine_not_in_log, drop(f, 9, BOOTLOG_EVENT_TAG, 0);
    drop(f, 9, BOOTLOG_EVENT_TAG, 0); rewrite(f));
HOOK(all_zeros, memset(f->ev.quote[0].pcr, 0, 8 * sizeof(struct digest));
    memset(&f->ev.quote[0].pcr[9], 0, 3 * sizeof(struct digest)));
HOOK(other_locality, locality(f, 0, 3));
HOOK(locality_not_logged, f->boot.locality = 3);
HOOK(no_firmware, f->no_firmware = true; f->with_release = false;
    f->nlines = 2);

static const struct row replayed[] = {
	{ .name = "E10: a PCR of which the log has no event", BYTES,
	  .hook = nine_not_in_log, LOG,
	  .says = "does not replay to PCR 9: it has no event of it" },
	{ .name = "a PCR that holds something else", BOOTED,
	  .at = FIXTURE_START_PCRS, .hook = not_in_log, LOG,
	  .says = "does not replay to PCR 9: it leads to" },
	{ .name = "E11: longer than what was quoted", BYTES, .hook = longer,
	  LOG, .says = "does not replay to PCR 11" },
	{ .name = "E11: shorter than what was quoted", BYTES,
	  .hook = shorter, LOG, .says = "does not replay to PCR 5" },
	{ .name = "E11: the header alone", BYTES, .hook = header_alone, LOG,
	  .says = "does not replay to PCR 0: it has no event of it" },
	{ .name = "another order", BYTES, .hook = reordered, LOG,
	  .says = "does not replay to PCR 11" },
	{ .name = "another image than was measured", BYTES, .hook = forged,
	  LOG, .says = "does not replay to PCR 4" },
	{ .name = "E19: no PCR was extended, the log is made up",
	  .policy = TRUSTED, .at = FIXTURE_START_PCRS, .hook = all_zeros, LOG,
	  .says = "does not replay to PCR 0" },
	{ .name = "another startup locality", EVENTS, .hook = other_locality,
	  LOG, .says = "does not replay to PCR 0" },
	{ .name = "a startup locality that the log does not have", EVENTS,
	  .hook = locality_not_logged, LOG,
	  .says = "does not replay to PCR 0" },
	{ .name = "no log, though firmware measured", BYTES, .hook = no_log,
	  LOG, .says = "and there is no boot log" },
	{ .name = "no log, and nothing was measured", .policy = TRUSTED,
	  .at = FIXTURE_SETUP, .hook = no_firmware, .step = VERIFY_BOOT_LOG,
	  .status = VERIFY_NOT_ACCEPTED,
	  .says = "nothing that booted was measured" },
};

static void
replays(void **state)
{
	(void)state;
	rows_run(ROWS(replayed));
}

/* ---- The grammar ---- */

HOOK(image_unused, event(f, 4, BOOTLOG_APPLICATION, 0)->type =
    BOOTLOG_UNUSED);
HOOK(image_blob, event(f, 4, BOOTLOG_APPLICATION, 0)->type = BOOTLOG_BLOB);
HOOK(driver_in_4, insert(f, 4, BOOTLOG_APPLICATION, 0,
    bootlog_measured(4, BOOTLOG_DRIVER, span_str("a driver"))));
HOOK(crtm_unused, event(f, 0, BOOTLOG_BLOB, 0)->type = BOOTLOG_UNUSED);
HOOK(unknown_type, event(f, 0, BOOTLOG_BLOB, 0)->type = 0x8000ffffu);
HOOK(after_separator, insert(f, 4, BOOTLOG_APPLICATION, 0,
    bootlog_measured(3, BOOTLOG_BLOB, span_str("late"))));
HOOK(driver_late, insert(f, 4, BOOTLOG_APPLICATION, 0,
    bootlog_measured(2, BOOTLOG_DRIVER, span_str("late"))));
HOOK(variable_late, insert(f, 4, BOOTLOG_APPLICATION, 0,
    bootlog_variable("dbt", span_str(""))));
HOOK(grub_in_8, insert(f, 9, BOOTLOG_EVENT_TAG, 0,
    bootlog_measured(8, BOOTLOG_IPL, span_str("x"))));
HOOK(stub_in_10, insert(f, 9, BOOTLOG_EVENT_TAG, 0,
    bootlog_measured(10, BOOTLOG_IPL, span_str("x"))));
HOOK(moklist, insert(f, 9, BOOTLOG_EVENT_TAG, 0,
    bootlog_measured(14, BOOTLOG_IPL, span_str("MokList"))));
HOOK(resettable, insert(f, 9, BOOTLOG_EVENT_TAG, 0,
    bootlog_measured(16, BOOTLOG_IPL, span_str("x"))));
HOOK(late_launch, insert(f, 9, BOOTLOG_EVENT_TAG, 0,
    bootlog_measured(17, BOOTLOG_IPL, span_str("x"))));

HOOK(separator_twice, insert(f, 4, BOOTLOG_APPLICATION, 0,
    bootlog_measured(1, BOOTLOG_SEPARATOR, span_of(zeros, 4))));
HOOK(separator_missing, drop(f, 1, BOOTLOG_SEPARATOR, 0));
HOOK(separator7_missing, drop(f, 7, BOOTLOG_SEPARATOR, 0));
HOOK(separator_error, measure(event(f, 1, BOOTLOG_SEPARATOR, 0),
    span_of(ones, 4)));
HOOK(separator_of_1, measure(event(f, 1, BOOTLOG_SEPARATOR, 0),
    span_of("\1\0\0\0", 4)));
HOOK(separator_of_5, measure(event(f, 1, BOOTLOG_SEPARATOR, 0),
    span_of("\0\0\0\0\0", 5)));
HOOK(separator_data, memset(event(f, 1, BOOTLOG_SEPARATOR, 0)->data, 0xff, 4));
HOOK(separator_hidden, insert(f, 1, BOOTLOG_SEPARATOR, 0,
    bootlog_measured(1, BOOTLOG_ACTION, span_of(zeros, 4))));
HOOK(separator_in_9, insert(f, 9, BOOTLOG_EVENT_TAG, 0,
    bootlog_measured(9, BOOTLOG_SEPARATOR, span_of(zeros, 4))));

HOOK(action_data, event(f, 4, BOOTLOG_ACTION, 0)->data[0] = 'c');
HOOK(crtm_data, event(f, 0, BOOTLOG_CRTM_VERSION, 0)->data[0] = 1);
HOOK(variable_data, event(f, 7, BOOTLOG_VARIABLE, 3)->data[0] ^= 1);
HOOK(partition_data, partitions(f);
    event(f, 5, BOOTLOG_GPT, 0)->data[0] = 'e');
HOOK(action_hidden, insert(f, 1, BOOTLOG_SEPARATOR, 0,
    bootlog_measured(1, 0x0000000au, span_str(BOOTLOG_EXITED))));

HOOK(image_first, insert(f, 4, BOOTLOG_ACTION, 0, application("early")));
HOOK(before_separator, insert(f, 4, BOOTLOG_SEPARATOR, 0,
    application("early")));
HOOK(called_twice, insert(f, 4, BOOTLOG_ACTION, 0, action(4,
    BOOTLOG_CALLING)));
HOOK(called_again, insert(f, 4, BOOTLOG_APPLICATION, 0, action(4,
    BOOTLOG_CALLING)));
HOOK(not_called, drop(f, 4, BOOTLOG_ACTION, 0));
HOOK(returned_from_image, insert(f, 4, BOOTLOG_APPLICATION, 1, action(4,
    BOOTLOG_RETURNING)));
HOOK(returned_only, insert(f, 4, BOOTLOG_APPLICATION, 0, action(4,
    BOOTLOG_RETURNING)));
HOOK(another_action, insert(f, 4, BOOTLOG_APPLICATION, 0, action(4,
    "Booting something else")));
HOOK(third_application, insert(f, 4, BOOTLOG_APPLICATION, 1,
    application("another")));
HOOK(no_kernel, drop(f, 4, BOOTLOG_APPLICATION, 1));

/* Secure Boot was on. */
static void
under_secure_boot(struct fixture *f)
{
	f->secure_boot = true;
	bootlog_ovmf(&f->boot, true);
}

HOOK(no_image, under_secure_boot(f); drop(f, 4, BOOTLOG_APPLICATION, 0));
HOOK(secure_kernel, under_secure_boot(f); insert(f, 9, BOOTLOG_EVENT_TAG, 0,
    application("the kernel")));

/* The kernel only after the firmware handed over. */
static void
kernel_after_exit(struct fixture *f)
{
	struct bootlog_event e = *event(f, 4, BOOTLOG_APPLICATION, 1);

	drop(f, 4, BOOTLOG_APPLICATION, 1);
	bootlog_append(&f->boot, &e);
}

static void
kernel_while_exiting(struct fixture *f)
{
	struct bootlog_event e = *event(f, 4, BOOTLOG_APPLICATION, 1);

	drop(f, 4, BOOTLOG_APPLICATION, 1);
	bootlog_insert(&f->boot, f->boot.n - 1, &e);
}

HOOK(exit_twice, append(f, 5, BOOTLOG_ACTION, BOOTLOG_EXITED));
HOOK(partition_after_exit, append(f, 5, BOOTLOG_GPT, "EFI PART"));

static void
set_variable(struct fixture *f, const char *value, size_t len)
{
	*event(f, 7, BOOTLOG_VARIABLE, 0) = bootlog_variable("SecureBoot",
	    span_of(value, len));
}

HOOK(secure_2, set_variable(f, "\2", 1));
HOOK(secure_two_bytes, set_variable(f, "\0\0", 2));
HOOK(secure_twice, insert(f, 7, BOOTLOG_SEPARATOR, 0,
    bootlog_variable("SecureBoot", span_of("\1", 1))));
HOOK(secure_renamed, *event(f, 7, BOOTLOG_VARIABLE, 0) =
    bootlog_variable("secureboot", span_of(zeros, 1)));
HOOK(secure_missing, drop(f, 7, BOOTLOG_VARIABLE, 0));
HOOK(dbx_missing, drop(f, 7, BOOTLOG_VARIABLE, 4));
HOOK(variables_exchanged, exchange(f,
    bootlog_find(&f->boot, 7, BOOTLOG_VARIABLE, 3),
    bootlog_find(&f->boot, 7, BOOTLOG_VARIABLE, 4)));

/* One byte of SecureBoot's variable set, and measured so. */
static void
variable_byte(struct fixture *f, size_t at, uint8_t byte)
{
	struct bootlog_event e = *event(f, 7, BOOTLOG_VARIABLE, 0);

	e.data[at] = byte;
	*event(f, 7, BOOTLOG_VARIABLE, 0) = bootlog_measured(7,
	    BOOTLOG_VARIABLE, span_of(e.data, e.datalen));
}

static void
variable_length(struct fixture *f, size_t len)
{
	struct bootlog_event e = *event(f, 7, BOOTLOG_VARIABLE, 0);

	*event(f, 7, BOOTLOG_VARIABLE, 0) = bootlog_measured(7,
	    BOOTLOG_VARIABLE, span_of(e.data, len));
}

HOOK(other_vendor, variable_byte(f, 0, 0x62));
HOOK(name_beyond, variable_byte(f, 16, 0xff));
HOOK(name_overflow, variable_byte(f, 23, 0x80));
HOOK(value_beyond, variable_byte(f, 24, 2));
HOOK(value_overflow, variable_byte(f, 31, 0xff));
HOOK(byte_left, variable_length(f, 54));
HOOK(half_a_character, variable_length(f, 51));
HOOK(no_lengths, variable_length(f, 20));
HOOK(no_data, variable_length(f, 0));

static void
no_action(struct fixture *f, uint8_t digest, const char *data, size_t len,
    size_t at)
{
	struct bootlog_event e = { .type = BOOTLOG_NO_ACTION, .datalen = len };

	e.digest.b[0] = digest;
	memcpy(e.data, data, len);
	bootlog_insert(&f->boot, at, &e);
}

HOOK(no_action_digest, no_action(f, 1, "x", 1, 0));
HOOK(locality_late, no_action(f, 0, "StartupLocality\0\0", 17, 3));
HOOK(locality_1, locality(f, 1, 1));
HOOK(locality_twice, locality(f, 3, 3); locality(f, 3, 3));

#define PLACE .says = "an event of this type has no place here"
#define ORDER .says = "stands out of order"
#define DATA .says = "its digest is not that of its data"
#define MALFORMED .says = "malformed as a UEFI variable"

static const struct row grammar[] = {
	{ .name = "E1: the image as an unused event", EVENTS,
	  .hook = image_unused, LOG, PLACE },
	{ .name = "E1: firmware as an unused event", EVENTS,
	  .hook = crtm_unused, LOG, PLACE },
	{ .name = "E1: a type that is unknown", EVENTS, .hook = unknown_type,
	  LOG, PLACE },
	{ .name = "E1: a copy of the call appended", EVENTS,
	  .hook = called_again, LOG, ORDER },
	{ .name = "E2: the image as a firmware blob", EVENTS,
	  .hook = image_blob, LOG, PLACE },
	{ .name = "E2: a driver in PCR 4", EVENTS, .hook = driver_in_4, LOG,
	  PLACE },
	{ .name = "E3: a separator twice", EVENTS, .hook = separator_twice,
	  LOG, .says = "of PCR 1: a second separator" },
	{ .name = "E3: a separator missing", EVENTS,
	  .hook = separator_missing, LOG, .says = "no separator of PCR 1" },
	{ .name = "E3: the separator of PCR 7 missing", EVENTS,
	  .hook = separator7_missing, LOG,
	  .says = "no separator of PCR 7" },
	{ .name = "E3: a separator of 0xffffffff", EVENTS,
	  .hook = separator_error, LOG, .says = "an error occurred" },
	{ .name = "E3: a separator of 1", EVENTS, .hook = separator_of_1, LOG,
	  .says = "an error occurred" },
	{ .name = "E3: a separator of five bytes", EVENTS,
	  .hook = separator_of_5, LOG, .says = "an error occurred" },
	{ .name = "E3: a separator whose data is another", EVENTS,
	  .hook = separator_data, LOG, DATA },
	{ .name = "E3: a separator's digest under another type", EVENTS,
	  .hook = separator_hidden, LOG,
	  .says = "a separator under another type" },
	{ .name = "a separator in PCR 9", EVENTS, .hook = separator_in_9, LOG,
	  PLACE },
	{ .name = "E4: an EV_NO_ACTION with a digest", EVENTS,
	  .hook = no_action_digest, LOG, .says = "but states a digest" },
	{ .name = "E4: the locality after PCR 0 was extended", EVENTS,
	  .hook = locality_late, LOG, .says = "the startup locality" },
	{ .name = "E4: locality 1", EVENTS, .hook = locality_1, LOG,
	  .says = "the startup locality" },
	{ .name = "E4: two startup localities", EVENTS,
	  .hook = locality_twice, LOG, .says = "the startup locality" },
	{ .name = "E13: an action that is another than was measured", EVENTS,
	  .hook = action_data, LOG, DATA },
	{ .name = "E13: a version that is another than was measured", EVENTS,
	  .hook = crtm_data, LOG, DATA },
	{ .name = "E13: a variable that is another than was measured", EVENTS,
	  .hook = variable_data, LOG, DATA },
	{ .name = "E13: partitions that are others than were measured",
	  EVENTS, .hook = partition_data, LOG, DATA },
	{ .name = "E14: an image before the call", EVENTS,
	  .hook = image_first, LOG, ORDER },
	{ .name = "an image before the separator", EVENTS,
	  .hook = before_separator, LOG, ORDER },
	{ .name = "E15: two calls", EVENTS, .hook = called_twice, LOG,
	  ORDER },
	{ .name = "no call", EVENTS, .hook = not_called, LOG, ORDER },
	{ .name = "a return without another call", EVENTS,
	  .hook = returned_only, LOG, ORDER },
	{ .name = "a return from the image", EVENTS,
	  .hook = returned_from_image, LOG, ORDER },
	{ .name = "another action in PCR 4", EVENTS, .hook = another_action,
	  LOG, ORDER },
	{ .name = "three applications", EVENTS, .hook = third_application,
	  LOG, ORDER },
	{ .name = "no kernel, Secure Boot off", EVENTS, .hook = no_kernel,
	  LOG, .says = "no kernel, though Secure Boot is off" },
	{ .name = "a kernel of its own, Secure Boot on", EVENTS,
	  .hook = secure_kernel, LOG,
	  .says = "a kernel of its own, though Secure Boot is on" },
	{ .name = "no image", EVENTS, .hook = no_image, LOG,
	  .says = "no image in PCR 4" },
	{ .name = "E16: a kernel after the exit", EVENTS,
	  .hook = kernel_after_exit, LOG,
	  .says = "after the firmware handed over" },
	{ .name = "E16: a kernel between call and exit", EVENTS,
	  .hook = kernel_while_exiting, LOG,
	  .says = "after the firmware handed over" },
	{ .name = "an exit after the exit", EVENTS, .hook = exit_twice, LOG,
	  .says = "after the firmware handed over" },
	{ .name = "partitions after the exit", EVENTS,
	  .hook = partition_after_exit, LOG,
	  .says = "after the firmware handed over" },
	{ .name = "an action under another type", EVENTS,
	  .hook = action_hidden, LOG,
	  .says = "an action under another type" },
	{ .name = "firmware after the separator", EVENTS,
	  .hook = after_separator, LOG, PLACE },
	{ .name = "a driver after the separator", .booted = true,
	  .policy = IMAGE "pcr 2 @pcr2.\n", .at = FIXTURE_BOOT_EVENTS,
	  .hook = driver_late, LOG, PLACE },
	{ .name = "a variable after the separator", EVENTS,
	  .hook = variable_late, LOG, PLACE },
	{ .name = "an event of PCR 8", EVENTS, .hook = grub_in_8, LOG, PLACE },
	{ .name = "an event of PCR 10", EVENTS, .hook = stub_in_10, LOG, PLACE },
	{ .name = "an event of PCR 14", EVENTS, .hook = moklist, LOG, PLACE },
	{ .name = "an event of PCR 16", EVENTS, .hook = resettable, LOG, PLACE },
	{ .name = "an event of PCR 17", EVENTS, .hook = late_launch, LOG,
	  PLACE },
	{ .name = "E17: a variable's name beyond the end", EVENTS,
	  .hook = name_beyond, LOG, MALFORMED },
	{ .name = "E17: a variable's name of 2^63 characters", EVENTS,
	  .hook = name_overflow, LOG, MALFORMED },
	{ .name = "E17: a variable's value beyond the end", EVENTS,
	  .hook = value_beyond, LOG, MALFORMED },
	{ .name = "E17: a variable's value of 2^63 bytes", EVENTS,
	  .hook = value_overflow, LOG, MALFORMED },
	{ .name = "E17: a variable with a byte left", EVENTS,
	  .hook = byte_left, LOG, MALFORMED },
	{ .name = "E17: a variable cut off within its lengths", EVENTS,
	  .hook = no_lengths, LOG, MALFORMED },
	{ .name = "E17: a variable of no bytes", EVENTS, .hook = no_data, LOG,
	  MALFORMED },
	{ .name = "E18: a variable's name of half a character", EVENTS,
	  .hook = half_a_character, LOG, MALFORMED },
	{ .name = "SecureBoot is 2", EVENTS, .hook = secure_2, LOG,
	  .says = "SecureBoot is neither 0 nor 1" },
	{ .name = "SecureBoot of two bytes", EVENTS,
	  .hook = secure_two_bytes, LOG,
	  .says = "SecureBoot is neither 0 nor 1" },
	{ .name = "SecureBoot a second time", EVENTS, .hook = secure_twice,
	  LOG, .says = "SecureBoot a second time" },
	{ .name = "SecureBoot in small letters", EVENTS,
	  .hook = secure_renamed, LOG, .says = "expected the variables" },
	{ .name = "SecureBoot of another vendor", EVENTS,
	  .hook = other_vendor, LOG, .says = "expected the variables" },
	{ .name = "no SecureBoot", EVENTS, .hook = secure_missing, LOG,
	  .says = "expected the variables" },
	{ .name = "no dbx", EVENTS, .hook = dbx_missing, LOG,
	  .says = "the separator comes before" },
	{ .name = "variables in another order", EVENTS,
	  .hook = variables_exchanged, LOG,
	  .says = "expected the variables" },
};

static void
grammars(void **state)
{
	(void)state;
	rows_run(ROWS(grammar));
}

/* ---- What booted ---- */

HOOK(override, insert(f, 9, BOOTLOG_EVENT_TAG, 0,
    bootlog_measured(12, BOOTLOG_IPL, span_str("evil=1"))));
HOOK(extension, insert(f, 9, BOOTLOG_EVENT_TAG, 0,
    bootlog_measured(13, BOOTLOG_IPL, span_str("a system extension"))));
HOOK(other_4, f->release.tuple[0].pcr4.b[31] ^= 1);
HOOK(other_9, f->release.tuple[0].pcr9.b[31] ^= 1);
HOOK(other_11, f->release.tuple[0].pcr11.b[31] ^= 1);
HOOK(other_root, f->release.root.b[0] ^= 1);
HOOK(no_9, f->release.tuple[0].has_pcr9 = false);
HOOK(other_state, f->release.tuple[0].secure_boot = true);

/* Each value is in the release, but not in one tuple. */
static void
mixed_4_11(struct fixture *f)
{
	f->release.ntuples = 2;
	f->release.tuple[1] = f->release.tuple[0];
	f->release.tuple[1].firmware = span_str("azure");
	f->release.tuple[0].pcr4.b[0] ^= 1;
	f->release.tuple[1].pcr11.b[0] ^= 1;
}

static void
mixed_9(struct fixture *f)
{
	f->release.ntuples = 2;
	f->release.tuple[1] = f->release.tuple[0];
	f->release.tuple[1].firmware = span_str("azure");
	f->release.tuple[0].pcr9.b[0] ^= 1;
	f->release.tuple[1].pcr4.b[0] ^= 1;
	f->release.tuple[1].pcr11.b[0] ^= 1;
}

HOOK(root_unnamed, fixture_replace(&f->statement,
    ",\"builderDependencies\":[{\"name\":\"image\",\"digest\":{\"sha256\":",
    ",\"x\":[{\"name\":\"image\",\"digest\":{\"sha256\":"));

static const struct row judged[] = {
	{ .name = "PCR 12: the command line overridden", EVENTS,
	  .hook = override, WRONG,
	  .says = "expected zeros: something was added to the image's "
	  "command line" },
	{ .name = "PCR 13: the system extended", EVENTS, .hook = extension,
	  WRONG, .says = "expected zeros: something extends the image's "
	  "system" },
	{ .name = "another PCR 4", RELEASE, .hook = other_4, UNKNOWN,
	  .says = "no image that the policy trusts leads to" },
	{ .name = "another PCR 9", RELEASE, .hook = other_9, UNKNOWN,
	  .says = "no image that the policy trusts leads to" },
	{ .name = "another PCR 11", RELEASE, .hook = other_11, UNKNOWN,
	  .says = "no image that the policy trusts leads to" },
	{ .name = "PCRs 4 and 11 of two tuples", RELEASE, .hook = mixed_4_11,
	  UNKNOWN, .says = "no image that the policy trusts leads to" },
	{ .name = "PCR 9 of another tuple", RELEASE, .hook = mixed_9,
	  UNKNOWN, .says = "no image that the policy trusts leads to" },
	{ .name = "no value for PCR 9", RELEASE, .hook = no_9, UNKNOWN,
	  .says = "PCR 9 is not established" },
	{ .name = "another root", RELEASE, .hook = other_root, WRONG,
	  .says = ", the statement names " },
	{ .name = "the statement names no image", BOOTED,
	  .at = FIXTURE_STATEMENT, .hook = root_unnamed, WRONG,
	  .says = "and the statement names none" },
	{ .name = "values for when Secure Boot is on", RELEASE,
	  .hook = other_state, UNKNOWN,
	  .says = "Secure Boot is off, and the reference values are for when "
	  "it is on" },
	{ .name = "a debug image", RELEASE, .hook = debug, UNKNOWN,
	  .says = "the image is a debug image" },
	{ .name = "the policy names no image", .booted = true,
	  .policy = TRUSTED FIRMWARE, UNKNOWN,
	  .says = "the policy names no image" },
	{ .name = "the policy names another image", .booted = true,
	  .policy = TRUSTED FIRMWARE "image other " ONES "\n", UNKNOWN,
	  .says = "no line of the certificate is an image release that the "
	  "policy names" },
	{ .name = "the certificate holds no release", .policy = IMAGE,
	  UNKNOWN, .says = "no line of the certificate is an image release" },
	{ .name = "a root that is not simulated", .booted = true,
	  .policy = "log @log\nlog-time @time\nquorum none\n"
	  "builder test @builder\nak-root @root real\n" FIRMWARE, UNKNOWN,
	  .says = "the policy names no image" },
};

static void
images(void **state)
{
	(void)state;
	rows_run(ROWS(judged));
}

/* ---- The firmware's PCRs ---- */

#define WITH(lines) .booted = true, .policy = TRUSTED "image ours @release\n" \
    lines

static const struct row firmware[] = {
	{ .name = "no pcr line", WITH(""), UNKNOWN,
	  .says = "the firmware is not established: PCR 0 is " },
	{ .name = "nothing about PCR 0",
	  WITH("pcr 1 @pcr1.\npcr 3 @pcr3.\npcr 5 @pcr5.\npcr 7 @pcr7.\n"),
	  UNKNOWN, .says = ", and no pcr line is about it" },
	{ .name = "nothing about PCR 1",
	  WITH("pcr 0 @pcr0.\npcr 3 @pcr3.\npcr 5 @pcr5.\npcr 7 @pcr7.\n"),
	  UNKNOWN, .says = "PCR 1 is " },
	{ .name = "nothing about PCR 3",
	  WITH("pcr 0 @pcr0.\npcr 1 @pcr1.\npcr 5 @pcr5.\npcr 7 @pcr7.\n"),
	  UNKNOWN, .says = "PCR 3 is " },
	{ .name = "nothing about PCR 5",
	  WITH("pcr 0 @pcr0.\npcr 1 @pcr1.\npcr 3 @pcr3.\npcr 7 @pcr7.\n"),
	  UNKNOWN, .says = "PCR 5 is " },
	{ .name = "nothing about PCR 7",
	  WITH("pcr 0 @pcr0.\npcr 1 @pcr1.\npcr 3 @pcr3.\npcr 5 @pcr5.\n"),
	  UNKNOWN, .says = "PCR 7 is " },
	{ .name = "another PCR 0",
	  WITH("pcr 0 " ONES "\npcr 1 @pcr1.\npcr 3 @pcr3.\npcr 5 @pcr5.\n"
	  "pcr 7 @pcr7.\n"), UNKNOWN,
	  .says = ", not a value that the policy lists" },
	{ .name = "PCR 0 has the value of PCR 1",
	  WITH("pcr 0 @pcr1.\npcr 1 @pcr1.\npcr 3 @pcr3.\npcr 5 @pcr5.\n"
	  "pcr 7 @pcr7.\n"), UNKNOWN,
	  .says = ", not a value that the policy lists" },
	{ .name = "another PCR 7",
	  WITH("pcr 0 @pcr0.\npcr 1 @pcr1.\npcr 3 @pcr3.\npcr 5 @pcr5.\n"
	  "pcr 7 " ONES "\n"), UNKNOWN,
	  .says = "PCR 7 is " },
	{ .name = "a driver in PCR 2, not listed", EVENTS, .hook = driver,
	  UNKNOWN, .says = "the firmware is not established: PCR 2 is " },
	{ .name = "PCR 2 is the separator alone, and another is listed",
	  .booted = true, .policy = IMAGE "pcr 2 " ONES "\n", UNKNOWN,
	  .says = "PCR 2 is 3d458cfe" },
	{ .name = "PCR 6 is another than listed", .booted = true,
	  .policy = IMAGE "pcr 6 " ONES "\n", UNKNOWN,
	  .says = "PCR 6 is 3d458cfe" },
};

static void
firmwares(void **state)
{
	(void)state;
	rows_run(ROWS(firmware));
}

/* ---- Files of reference values ---- */

HOOK(file_of_the_original, FILE("\"0\": \"@pcr0.\", \"1\": \"@pcr1.\", "
    "\"2\": \"@pcr2.\", \"3\": \"@pcr3.\", \"4\": \"@pcr4.\", "
    "\"12\": \"" ZEROS "\", \"13\": \"" ZEROS "\""));
HOOK(file_without_9, FILE("\"4\": \"@pcr4.\", \"11\": \"@pcr11.\""));
HOOK(file_without_11, FILE("\"4\": \"@pcr4.\", \"9\": \"@pcr9.\""));
HOOK(file_without_4, FILE("\"9\": \"@pcr9.\", \"11\": \"@pcr11.\""));
HOOK(file_of_another, FILE("\"4\": \"@pcr4.\", \"9\": \"@pcr9.\", "
    "\"11\": \"" ONES "\""));
HOOK(file_of_another_0, FILE("\"0\": \"" ONES "\", \"4\": \"@pcr4.\", "
    "\"9\": \"@pcr9.\", \"11\": \"@pcr11.\""));

static void
measured_override(struct fixture *f)
{
	f->measurements_form = "{\"measurements\":{\"4\":\"@pcr4.\","
	    "\"9\":\"@pcr9.\",\"11\":\"@pcr11.\"}}";
	override(f);
}

static const struct row files[] = {
	{ .name = "measurements of the original: PCR 4 alone", MEASURED,
	  .hook = file_of_the_original, UNKNOWN,
	  .says = "PCRs 4, 9 and 11 are not all among them: not established" },
	{ .name = "measurements without PCR 9", MEASURED,
	  .hook = file_without_9, UNKNOWN, .says = "not all among them" },
	{ .name = "measurements without PCR 11", MEASURED,
	  .hook = file_without_11, UNKNOWN, .says = "not all among them" },
	{ .name = "measurements without PCR 4", MEASURED,
	  .hook = file_without_4, UNKNOWN, .says = "not all among them" },
	{ .name = "measurements of another PCR 11", MEASURED,
	  .hook = file_of_another, UNKNOWN,
	  .says = "no image that the policy trusts leads to" },
	{ .name = "measurements of another PCR 0", MEASURED,
	  .hook = file_of_another_0, UNKNOWN,
	  .says = "no image that the policy trusts leads to" },
	{ .name = "measurements, and no pcr line", MEASURED_ALL,
	  .hook = file_of_three, UNKNOWN,
	  .says = "the firmware is not established: PCR 0 is " },
	{ .name = "measurements, the command line overridden",
	  .booted = true, .policy = TRUSTED FIRMWARE
	  "measurements measurements.json\n", .at = FIXTURE_BOOT_EVENTS,
	  .hook = measured_override, WRONG, .says = "PCR 12 is " },
};

static void
measurements(void **state)
{
	(void)state;
	rows_run(ROWS(files));
}

/* ---- Line 3 as a statement of the same log ---- */

#define ENTRY f->line[2].entry

HOOK(another_signer, f->publisher = f->keys->other_builder);
HOOK(by_the_builder, f->publisher = f->publisher_named = f->keys->builder);
HOOK(not_logged, f->line[2].logged = false);
HOOK(leaf_of_another, fixture_set(&ENTRY.body, buf_span(&f->leaf[0])));
HOOK(other_index, ENTRY.index = ENTRY.top_index = FIXTURE_INDEX);
HOOK(proof_broken, ENTRY.proof[0].b[0] ^= 1);
HOOK(checkpoint_broken, fixture_replace(&ENTRY.checkpoint,
    "log.example.org\n", "log.example.com\n"));

/* A checkpoint of the same tree that no witness cosigned. */
static void
unwitnessed(struct fixture *f)
{
	const uint8_t *end = memmem(ENTRY.checkpoint.p, ENTRY.checkpoint.len,
	    "\xe2\x80\x94 witness", 11);

	assert_non_null(end);
	ENTRY.checkpoint.len = (size_t)(end - ENTRY.checkpoint.p);
}

static const struct row lines[] = {
	{ .name = "published by the builder", BOOTED, .at = FIXTURE_SETUP,
	  .hook = by_the_builder },
	{ .name = "an unknown member", BOOTED,
	  .at = FIXTURE_RELEASE_STATEMENT, .from = "{\"name\":\"vm\"",
	  .to = "{\"x\":0,\"name\":\"vm\"", .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 3: " },
	{ .name = "white space in it", BOOTED,
	  .at = FIXTURE_RELEASE_STATEMENT, .from = "\"debug\":",
	  .to = "\"debug\": ", .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 3: " },
	{ .name = "signed by another key than its hint names", BOOTED,
	  .at = FIXTURE_SETUP, .hook = another_signer,
	  .step = VERIFY_BUILDER, .status = VERIFY_FAILED,
	  .says = "line 3: the signature is not by the key" },
	{ .name = "the release is not logged", BOOTED, .at = FIXTURE_ENTRIES,
	  .hook = not_logged, .step = VERIFY_LEAF, .status = VERIFY_FAILED,
	  .says = "line 3 is not logged" },
	{ .name = "the release has another's leaf", BOOTED,
	  .at = FIXTURE_ENTRIES, .hook = leaf_of_another,
	  .step = VERIFY_LEAF, .status = VERIFY_FAILED, .says = "line 3: " },
	{ .name = "the release at another index", BOOTED,
	  .at = FIXTURE_ENTRIES, .hook = other_index,
	  .step = VERIFY_INCLUSION, .status = VERIFY_FAILED,
	  .says = "line 3: " },
	{ .name = "the release's proof broken", BOOTED,
	  .at = FIXTURE_ENTRIES, .hook = proof_broken,
	  .step = VERIFY_INCLUSION, .status = VERIFY_FAILED,
	  .says = "line 3: " },
	{ .name = "the release in another log", BOOTED,
	  .at = FIXTURE_ENTRIES, .hook = checkpoint_broken,
	  .step = VERIFY_CHECKPOINT, .status = VERIFY_FAILED,
	  .says = "lines 1 and 3 are in different logs" },
	{ .name = "the release without its quorum", .booted = true,
	  .cosigned = true, .policy = "log @log\nwitness a @w0\nquorum a\n"
	  "builder test @builder\nak-root @root sim simulated\n"
	  FIRMWARE "image ours @release\n", .at = FIXTURE_ENTRIES,
	  .hook = unwitnessed, .step = VERIFY_QUORUM,
	  .status = VERIFY_FAILED },
	{ .name = "the release with its quorum", .booted = true,
	  .cosigned = true, .policy = "log @log\nwitness a @w0\nquorum a\n"
	  "builder test @builder\nak-root @root sim simulated\n"
	  FIRMWARE "image ours @release\n" },
};

static void
third_lines(void **state)
{
	(void)state;
	rows_run(ROWS(lines));
}

/* What a report needs is there. */
static void
found(void **state)
{
	const struct row row = { .name = "found", BOOTED };
	struct rows_result r = { 0 };
	struct fixture f;

	(void)state;
	rows_make(&f, &row);
	rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
	assert_int_equal(r.verdict, VERIFY_VERIFIED);
	assert_true(r.v->has_boot);
	assert_false(r.v->boot.secure_boot);
	assert_true(digest_equal(&r.v->boot.image,
	    &event(&f, 4, BOOTLOG_APPLICATION, 0)->digest));
	assert_true(digest_equal(&r.v->boot.kernel,
	    &event(&f, 4, BOOTLOG_APPLICATION, 1)->digest));
	assert_non_null(r.v->booted);
	assert_true(span_is(r.v->booted->release.version, "1.2"));
	assert_string_equal(r.v->booted_pin->name.s, "ours");
	assert_string_equal(r.v->step[VERIFY_FORMAT].text.text,
	    "3 lines, measured, with TPM evidence, 1 image release");
	rows_free(&r);
	fixture_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boots),
		cmocka_unit_test(malformed),
		cmocka_unit_test(replays),
		cmocka_unit_test(grammars),
		cmocka_unit_test(images),
		cmocka_unit_test(firmwares),
		cmocka_unit_test(measurements),
		cmocka_unit_test(third_lines),
		cmocka_unit_test(found),
	};

	return rows_main("verify_boot", ROWS(tests));
}
