/* bootlog.c -- a boot event log made up; see bootlog.h. */
#include <stdio.h>
#include <stdlib.h>

#include "cert/limits.h"
#include "common/sha256.h"
#include "tests/support/bootlog.h"

#define MUST(x) must((x), #x, __LINE__)

static void
must(bool ok, const char *what, int line)
{
	if (ok)
		return;
	(void)fprintf(stderr, "bootlog.c:%d: cannot do %s\n", line, what);
	abort();
}

struct bootlog_event
bootlog_event(uint32_t pcr, uint32_t type, const struct digest *digest,
    struct span data)
{
	struct bootlog_event e = { .pcr = pcr, .type = type,
		.digest = *digest, .datalen = data.len };

	MUST(data.len <= sizeof(e.data));
	if (data.len > 0)
		memcpy(e.data, data.p, data.len);
	return e;
}

struct bootlog_event
bootlog_measured(uint32_t pcr, uint32_t type, struct span data)
{
	struct digest d = sha256_of(data);

	return bootlog_event(pcr, type, &d, data);
}

struct bootlog_event
bootlog_variable(const char *name, struct span value)
{
	static const uint8_t global[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93,
		0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
	struct bootlog_event e;
	struct buf data;
	struct writer w;

	wr_init(&w, BOOTLOG_DATA_MAX);
	wr_bytes(&w, span_of(global, sizeof(global)));
	wr_le32(&w, (uint32_t)strlen(name));
	wr_le32(&w, 0);
	wr_le32(&w, (uint32_t)value.len);
	wr_le32(&w, 0);
	for (const char *p = name; *p != '\0'; p++) {
		wr_u8(&w, (uint8_t)*p);
		wr_u8(&w, 0);
	}
	wr_bytes(&w, value);
	MUST(wr_end(&w, &data) == AC_OK);
	e = bootlog_measured(7, BOOTLOG_VARIABLE, buf_span(&data));
	buf_free(&data);
	return e;
}

void
bootlog_insert(struct bootlog *b, size_t at, const struct bootlog_event *e)
{
	struct bootlog_event copy = *e;

	MUST(at <= b->n && b->n < BOOTLOG_EVENTS_MAX);
	memmove(b->event + at + 1, b->event + at,
	    (b->n - at) * sizeof(b->event[0]));
	b->event[at] = copy;
	b->n++;
}

void
bootlog_append(struct bootlog *b, const struct bootlog_event *e)
{
	bootlog_insert(b, b->n, e);
}

void
bootlog_drop(struct bootlog *b, size_t at)
{
	MUST(at < b->n);
	b->n--;
	memmove(b->event + at, b->event + at + 1,
	    (b->n - at) * sizeof(b->event[0]));
}

size_t
bootlog_find(const struct bootlog *b, uint32_t pcr, uint32_t type, size_t nth)
{
	size_t i = 0;

	for (; i < b->n; i++)
		if (b->event[i].pcr == pcr && b->event[i].type == type &&
		    nth-- == 0)
			break;
	MUST(i < b->n);
	return i;
}

static void
measure(struct bootlog *b, uint32_t pcr, uint32_t type, struct span data)
{
	struct bootlog_event e = bootlog_measured(pcr, type, data);

	bootlog_append(b, &e);
}

/* The digest of something named what, which the event's data only names. */
static void
extend(struct bootlog *b, uint32_t pcr, uint32_t type, const char *what,
    const char *data)
{
	struct digest d = sha256_of(span_str(what));
	struct bootlog_event e = bootlog_event(pcr, type, &d, span_str(data));

	bootlog_append(b, &e);
}

static void
variable(struct bootlog *b, const char *name, const char *value)
{
	struct bootlog_event e = bootlog_variable(name, span_str(value));

	bootlog_append(b, &e);
}

void
bootlog_ovmf(struct bootlog *b, bool secure_boot)
{
	static const uint8_t zeros[4];
	const struct span separator = span_of(zeros, sizeof(zeros));
	const uint8_t on = secure_boot ? 1 : 0;
	struct bootlog_event e = bootlog_variable("SecureBoot",
	    span_of(&on, 1));

	*b = (struct bootlog){ 0 };
	measure(b, 0, BOOTLOG_CRTM_VERSION, span_of(zeros, 2));
	extend(b, 0, BOOTLOG_BLOB, "firmware", "base and length");
	bootlog_append(b, &e);
	variable(b, "PK", secure_boot ? "a platform key" : "");
	variable(b, "KEK", secure_boot ? "an exchange key" : "");
	variable(b, "db", secure_boot ? "a signer" : "");
	variable(b, "dbx", "");
	measure(b, 7, BOOTLOG_SEPARATOR, separator);
	extend(b, 1, BOOTLOG_VARIABLE_BOOT, "order", "BootOrder");
	measure(b, 4, BOOTLOG_ACTION, span_str(BOOTLOG_CALLING));
	for (uint32_t pcr = 0; pcr < 7; pcr++)
		measure(b, pcr, BOOTLOG_SEPARATOR, separator);
	if (secure_boot)
		extend(b, 7, BOOTLOG_AUTHORITY, "db entry", "db");
	extend(b, 4, BOOTLOG_APPLICATION, "the image", "device path");
	extend(b, 11, BOOTLOG_IPL, ".linux", ".linux");
	extend(b, 11, BOOTLOG_IPL, "kernel", ".linux");
	extend(b, 11, BOOTLOG_IPL, ".initrd", ".initrd");
	extend(b, 11, BOOTLOG_IPL, "initrd", ".initrd");
	if (!secure_boot)
		extend(b, 4, BOOTLOG_APPLICATION, "the kernel", "device path");
	extend(b, 9, BOOTLOG_EVENT_TAG, "options", "LoadOptions");
	extend(b, 9, BOOTLOG_EVENT_TAG, "initrd", "Linux initrd");
	measure(b, 5, BOOTLOG_ACTION, span_str(BOOTLOG_EXITING));
	measure(b, 5, BOOTLOG_ACTION, span_str(BOOTLOG_EXITED));
}

void
bootlog_replay(struct digest pcr[BOOTLOG_PCRS], const struct bootlog *b)
{
	memset(pcr, 0, BOOTLOG_PCRS * sizeof(pcr[0]));
	pcr[0].b[31] = b->locality;
	for (size_t i = 0; i < b->n; i++) {
		const struct bootlog_event *e = &b->event[i];

		if (e->type != BOOTLOG_NO_ACTION && e->pcr < BOOTLOG_PCRS)
			pcr[e->pcr] = sha256_of2(span_digest(&pcr[e->pcr]),
			    span_digest(&e->digest));
	}
}

struct buf
bootlog_bytes(const struct bootlog *b)
{
	static const uint8_t zeros[20];
	struct buf out;
	struct writer w;

	wr_init(&w, MIB);
	wr_le32(&w, 0);
	wr_le32(&w, BOOTLOG_NO_ACTION);
	wr_bytes(&w, span_of(zeros, sizeof(zeros)));
	wr_le32(&w, b->sha1 ? 37 : 33);
	wr_bytes(&w, span_of("Spec ID Event03", 16));
	wr_le32(&w, 0);
	wr_bytes(&w, span_of("\0\2\0\2", 4)); /* 2.0, UINTN of 64 bits */
	wr_le32(&w, b->sha1 ? 2 : 1);
	if (b->sha1)
		wr_bytes(&w, span_of("\4\0\24\0", 4));
	wr_bytes(&w, span_of("\13\0\40\0", 4));
	wr_u8(&w, 0);
	for (size_t i = 0; i < b->n; i++) {
		const struct bootlog_event *e = &b->event[i];

		wr_le32(&w, e->pcr);
		wr_le32(&w, e->type);
		wr_le32(&w, b->sha1 ? 2 : 1);
		if (b->sha1) {
			/* Any digest does: nobody reads this bank. */
			wr_bytes(&w, span_of("\4\0", 2));
			wr_bytes(&w, e->type == BOOTLOG_NO_ACTION ?
			    span_of(zeros, 20) : span_of(e->digest.b, 20));
		}
		wr_bytes(&w, span_of("\13\0", 2));
		wr_bytes(&w, span_digest(&e->digest));
		wr_le32(&w, (uint32_t)e->datalen);
		wr_bytes(&w, span_of(e->data, e->datalen));
	}
	MUST(wr_end(&w, &out) == AC_OK);
	return out;
}
