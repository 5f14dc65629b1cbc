/* eventlog.c -- the firmware's boot event log; see eventlog.h. */
#include "common/sha256.h"
#include "verifier/check.h"
#include "verifier/eventlog.h"

#define SHA1_LEN 20
#define SPEC_ID "Spec ID Event03" /* and a NUL, as the next */
#define LOCALITY "StartupLocality"

/* Digest lengths that are fixed (TCG Algorithm Registry). */
static const struct eventlog_bank known[] = {
	{ 0x0004, SHA1_LEN }, /* SHA-1 */
	{ EVENTLOG_SHA256, 32 },
	{ 0x000c, 48 },       /* SHA-384 */
	{ 0x000d, 64 },       /* SHA-512 */
	{ 0x0012, 32 },       /* SM3-256 */
	{ 0x0027, 32 },       /* SHA3-256 */
	{ 0x0028, 48 },
	{ 0x0029, 64 },
};

/* Index of the bank of alg, or nbanks. */
static size_t
find_bank(const struct eventlog *log, uint16_t alg)
{
	size_t i = 0;

	while (i < log->nbanks && log->bank[i].alg != alg)
		i++;
	return i;
}

/* May the bank stand there: once, and with the length of its algorithm? */
static bool
bank_is_right(const struct eventlog *log, const struct eventlog_bank *b)
{
	if (b->len == 0 || b->len > EVENTLOG_DIGEST_MAX ||
	    find_bank(log, b->alg) < log->nbanks)
		return false;
	for (size_t i = 0; i < AC_COUNT(known); i++)
		if (known[i].alg == b->alg)
			return known[i].len == b->len;
	return true;
}

/* The TCG_EfiSpecIDEvent in data. */
static enum ac_err
parse_spec_id(struct eventlog *log, struct span data, struct message *why)
{
	struct reader r = rd_of(data);
	uint8_t nul, minor, major, errata, uintn, vendorlen;
	uint32_t class, nbanks;
	struct span vendor;

	if (!rd_text(&r, SPEC_ID) || !rd_u8(&r, &nul) || nul != 0)
		return BECAUSE(why, AC_ERR_UNSUPPORTED, "the boot log is not "
		    "in the crypto-agile form: it begins with no \"Spec ID "
		    "Event03\"");
	if (!rd_le32(&r, &class) || !rd_u8(&r, &minor) || !rd_u8(&r, &major) ||
	    !rd_u8(&r, &errata) || !rd_u8(&r, &uintn) || !rd_le32(&r, &nbanks))
		goto malformed;
	if (major != 2 || minor != 0)
		return BECAUSE(why, AC_ERR_UNSUPPORTED, "the boot log's "
		    "specification has version %u.%u, expected 2.0", major,
		    minor);
	if (nbanks > EVENTLOG_BANKS_MAX)
		return BECAUSE(why, AC_ERR_LIMIT, "the boot log has %lu banks, "
		    "at most %d are read", (unsigned long)nbanks,
		    EVENTLOG_BANKS_MAX);
	for (uint32_t i = 0; i < nbanks; i++) {
		struct eventlog_bank b;

		if (!rd_le16(&r, &b.alg) || !rd_le16(&r, &b.len) ||
		    !bank_is_right(log, &b))
			goto malformed;
		log->bank[log->nbanks++] = b;
	}
	if (!rd_u8(&r, &vendorlen) || !rd_take(&r, &vendor, vendorlen) ||
	    !rd_end(&r))
		goto malformed;
	if (find_bank(log, EVENTLOG_SHA256) == log->nbanks)
		return BECAUSE(why, AC_ERR_UNSUPPORTED, "the boot log has no "
		    "SHA-256 bank");
	return AC_OK;
malformed:
	return BECAUSE(why, AC_ERR_FORMAT, "the boot log's Specification ID "
	    "event is malformed");
}

/* The first event, a TCG_PCR_EVENT: PCR 0, EV_NO_ACTION, SHA-1 of zeros. */
static enum ac_err
parse_header(struct eventlog *log, struct reader *r, struct message *why)
{
	uint32_t pcr, type, len;
	struct span sha1, data;

	if (!rd_le32(r, &pcr) || !rd_le32(r, &type) ||
	    !rd_take(r, &sha1, SHA1_LEN) || !rd_le32(r, &len) ||
	    !rd_take(r, &data, len) || pcr != 0 ||
	    type != EVENTLOG_NO_ACTION || !span_is_zero(sha1))
		return BECAUSE(why, AC_ERR_FORMAT, "the boot log does not "
		    "begin with a whole Specification ID event");
	return parse_spec_id(log, data, why);
}

bool
eventlog_next(struct eventlog_event *out, struct reader *r,
    const struct eventlog *log)
{
	struct eventlog_event e = { 0 };
	uint32_t ndigests, len;
	size_t i;

	if (!rd_le32(r, &e.pcr) || e.pcr >= EVENTLOG_PCRS ||
	    !rd_le32(r, &e.type) || !rd_le32(r, &ndigests) ||
	    ndigests != log->nbanks)
		return false;
	/* So many as there are banks, none twice: one for each. */
	for (uint32_t k = 0; k < ndigests; k++) {
		uint16_t alg;

		if (!rd_le16(r, &alg) ||
		    (i = find_bank(log, alg)) == log->nbanks ||
		    e.digest[i].p != NULL ||
		    !rd_take(r, &e.digest[i], log->bank[i].len))
			return false;
	}
	if (!rd_le32(r, &len) || !rd_take(r, &e.data, len))
		return false;
	i = find_bank(log, EVENTLOG_SHA256);
	memcpy(e.sha256.b, e.digest[i].p, sizeof(e.sha256.b));
	*out = e;
	return true;
}

/* An EV_NO_ACTION informs and extends nothing. */
static enum ac_err
check_no_action(struct eventlog *log, const struct eventlog_event *e,
    bool *located, bool extended, struct message *why)
{
	struct reader r = rd_of(e->data);
	uint8_t nul, from;

	for (size_t i = 0; i < log->nbanks; i++) {
		if (!CHECK(boot_no_action, span_is_zero(e->digest[i])))
			return BECAUSE(why, AC_ERR_FORMAT, "event %zu of the "
			    "boot log extends nothing (EV_NO_ACTION), but "
			    "states a digest", log->nevents);
	}
	if (!rd_text(&r, LOCALITY) || !rd_u8(&r, &nul) || nul != 0)
		return AC_OK;
	if (rd_u8(&r, &from) && rd_end(&r) && CHECK(boot_locality,
	    e->pcr == 0 && !*located && !extended &&
	    (from == 0 || from == 3 || from == 4))) {
		*located = true;
		log->locality = from;
		return AC_OK;
	}
	return BECAUSE(why, AC_ERR_FORMAT, "event %zu of the boot log, the "
	    "startup locality, is not 0, 3 or 4, or stands a second time or "
	    "after PCR 0 was extended", log->nevents);
}

enum ac_err
eventlog_parse(struct eventlog *out, struct span bytes, struct message *why)
{
	struct eventlog log = { 0 };
	struct reader r = rd_of(bytes);
	bool located = false, extended = false;
	enum ac_err e;

	if (bytes.len > BOOT_LOG_MAX)
		return BECAUSE(why, AC_ERR_LIMIT, "the boot log has %zu bytes, "
		    "the limit is %zu", bytes.len, BOOT_LOG_MAX);
	e = parse_header(&log, &r, why);
	if (e != AC_OK)
		return e;
	log.events = r.left;
	while (!rd_end(&r)) {
		struct eventlog_event event;

		log.nevents++;
		if (!eventlog_next(&event, &r, &log))
			return BECAUSE(why, AC_ERR_FORMAT, "event %zu of the "
			    "boot log is malformed: cut off, of a PCR beyond "
			    "23, or without one digest for each bank",
			    log.nevents);
		if (event.type == EVENTLOG_NO_ACTION) {
			e = check_no_action(&log, &event, &located, extended,
			    why);
			if (e != AC_OK)
				return e;
		} else if (event.pcr == 0) {
			extended = true;
		}
	}
	*out = log;
	return AC_OK;
}

uint32_t
eventlog_replay(struct digest pcr[EVENTLOG_PCRS], const struct eventlog *log)
{
	struct reader r = eventlog_begin(log);
	struct eventlog_event e;
	uint32_t extended = 0;

	memset(pcr, 0, EVENTLOG_PCRS * sizeof(pcr[0]));
	pcr[0].b[sizeof(pcr[0].b) - 1] = log->locality;
	while (eventlog_next(&e, &r, log)) {
		if (e.type == EVENTLOG_NO_ACTION)
			continue;
		extended |= (uint32_t)1 << e.pcr;
		pcr[e.pcr] = sha256_of2(span_digest(&pcr[e.pcr]),
		    span_digest(&e.sha256));
	}
	return extended;
}
