/*
 * bootlog.h -- a firmware's boot event log made up event by event, the PCRs
 * that it leads to, and its bytes.  Ends the program where the making fails.
 */
#ifndef AICERT_TESTS_BOOTLOG_H
#define AICERT_TESTS_BOOTLOG_H

#include "common/writer.h"

#define BOOTLOG_EVENTS_MAX 64
#define BOOTLOG_DATA_MAX 192
#define BOOTLOG_PCRS 24

/* Types of events. */
#define BOOTLOG_UNUSED 0x00000002
#define BOOTLOG_NO_ACTION 0x00000003
#define BOOTLOG_SEPARATOR 0x00000004
#define BOOTLOG_EVENT_TAG 0x00000006
#define BOOTLOG_CRTM_VERSION 0x00000008
#define BOOTLOG_IPL 0x0000000d
#define BOOTLOG_VARIABLE 0x80000001u
#define BOOTLOG_VARIABLE_BOOT 0x80000002u
#define BOOTLOG_APPLICATION 0x80000003u
#define BOOTLOG_DRIVER 0x80000004u
#define BOOTLOG_GPT 0x80000006u
#define BOOTLOG_ACTION 0x80000007u
#define BOOTLOG_BLOB 0x80000008u
#define BOOTLOG_AUTHORITY 0x800000e0u

#define BOOTLOG_CALLING "Calling EFI Application from Boot Option"
#define BOOTLOG_RETURNING "Returning from EFI Application from Boot Option"
#define BOOTLOG_EXITING "Exit Boot Services Invocation"
#define BOOTLOG_EXITED "Exit Boot Services Returned with Success"

struct bootlog_event {
	uint32_t pcr, type;
	struct digest digest; /* SHA-256 */
	uint8_t data[BOOTLOG_DATA_MAX];
	size_t datalen;
};

struct bootlog {
	size_t n;
	struct bootlog_event event[BOOTLOG_EVENTS_MAX];
	bool sha1;        /* a bank of SHA-1 before that of SHA-256 */
	uint8_t locality; /* PCR 0 starts from it; no event says so by itself */
};

/*
 * What OVMF and systemd's boot stub log of a Unified Kernel Image: the
 * application's kernel is measured only where Secure Boot is off.
 */
void bootlog_ovmf(struct bootlog *b, bool secure_boot);

/* An event whose data is what was measured, or with another digest. */
struct bootlog_event bootlog_measured(uint32_t pcr, uint32_t type,
    struct span data);
struct bootlog_event bootlog_event(uint32_t pcr, uint32_t type,
    const struct digest *digest, struct span data);

/* EV_EFI_VARIABLE_DRIVER_CONFIG of a global variable; name is ASCII. */
struct bootlog_event bootlog_variable(const char *name, struct span value);

/* Put e before number at; take number at out. */
void bootlog_insert(struct bootlog *b, size_t at,
    const struct bootlog_event *e);
void bootlog_append(struct bootlog *b, const struct bootlog_event *e);
void bootlog_drop(struct bootlog *b, size_t at);

/* Number of the nth (from 0) event of that PCR and type, which must exist. */
size_t bootlog_find(const struct bootlog *b, uint32_t pcr, uint32_t type,
    size_t nth);

/* The SHA-256 PCRs that the events lead to. */
void bootlog_replay(struct digest pcr[BOOTLOG_PCRS], const struct bootlog *b);

/* The log's bytes; freed by the caller. */
struct buf bootlog_bytes(const struct bootlog *b);

#endif
