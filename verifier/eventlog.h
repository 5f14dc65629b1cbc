/*
 * eventlog.h -- the firmware's boot event log in the crypto-agile form (TCG PC
 * Client Platform Firmware Profile, section 10): a Specification ID event
 * version 2.0, then TCG_PCR_EVENT2 records to the last byte.  Views into the
 * log's bytes, no allocation.
 *
 * It says what the log holds and which PCR values that leads to; what an event
 * may mean is boot.h's.  Of an event, only the digests and the PCR are bound by
 * the TPM: its type and its data are what somebody wrote beside them.
 */
#ifndef AICERT_VERIFIER_EVENTLOG_H
#define AICERT_VERIFIER_EVENTLOG_H

#include "cert/limits.h"
#include "common/message.h"
#include "common/reader.h"

#define EVENTLOG_PCRS 24
#define EVENTLOG_DIGEST_MAX 64 /* bytes, of SHA-512 */
#define EVENTLOG_SHA256 0x000b /* TPM_ALG_ID */

/* Types that are known by name; boot.c has the others. */
#define EVENTLOG_NO_ACTION 0x00000003

/* One bank: its algorithm and the bytes of its digests. */
struct eventlog_bank {
	uint16_t alg, len;
};

struct eventlog {
	size_t nbanks;
	struct eventlog_bank bank[EVENTLOG_BANKS_MAX];
	struct span events;  /* all after the first, whole and sound */
	size_t nevents;      /* in there */
	uint8_t locality;    /* that the TPM was started from: 0, 3 or 4 */
};

struct eventlog_event {
	uint32_t pcr;        /* below EVENTLOG_PCRS */
	uint32_t type;
	struct span digest[EVENTLOG_BANKS_MAX]; /* by bank of the log */
	struct digest sha256;
	struct span data;
};

/*
 * Parse; *why says which event is wrong and how.  AC_ERR_FORMAT: not exactly
 * of the form, an event without a digest for each bank, an EV_NO_ACTION with
 * a digest other than zeros, a startup locality that is unknown, twice there,
 * or after PCR 0 was extended; AC_ERR_UNSUPPORTED: an older form, or no bank of
 * SHA-256; AC_ERR_LIMIT: over BOOT_LOG_MAX or EVENTLOG_BANKS_MAX.
 */
AC_MUST_CHECK enum ac_err eventlog_parse(struct eventlog *out,
    struct span bytes, struct message *why);

/* From the first event on. */
static inline struct reader
eventlog_begin(const struct eventlog *log)
{
	return rd_of(log->events);
}

/* The next event; false after the last. */
AC_MUST_CHECK bool eventlog_next(struct eventlog_event *out, struct reader *r,
    const struct eventlog *log);

/*
 * pcr[i] = what the SHA-256 bank's PCR i holds after all events; the return
 * value has bit i set for each PCR that any event extends.
 */
uint32_t eventlog_replay(struct digest pcr[EVENTLOG_PCRS],
    const struct eventlog *log);

#endif
