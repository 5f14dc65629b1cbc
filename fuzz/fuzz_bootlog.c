/*
 * The boot event log: of one that parses, every event is read again, within
 * its bounds, and the replay names exactly the PCRs that were extended; one
 * that follows the grammar extends each PCR of the firmware, and no PCR that is
 * not a boot's.
 */
#include "fuzz/fuzz.h"
#include "verifier/boot.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest pcr[EVENTLOG_PCRS], zero = { { 0 } };
	struct eventlog_event e;
	struct eventlog log;
	struct message why;
	struct reader r;
	struct boot boot;
	uint32_t extended;
	size_t n = 0;

	if (eventlog_parse(&log, span_of(data, size), &why) != AC_OK)
		return 0;
	extended = eventlog_replay(pcr, &log);
	for (r = eventlog_begin(&log); eventlog_next(&e, &r, &log); n++) {
		fuzz_must(e.pcr < EVENTLOG_PCRS);
		fuzz_must(e.type == EVENTLOG_NO_ACTION ||
		    (extended >> e.pcr & 1) != 0);
	}
	fuzz_must(rd_end(&r) && n == log.nevents);
	for (unsigned i = 1; i < EVENTLOG_PCRS; i++)
		fuzz_must((extended >> i & 1) != 0 ||
		    digest_equal(&pcr[i], &zero));
	if (boot_check(&boot, &log, &why) == AC_OK) {
		fuzz_must((extended & 0xff) == 0xff);
		fuzz_must((extended & ~BOOT_PCRS) == 0);
		fuzz_must(boot.has_kernel != boot.secure_boot);
	}
	return 0;
}
