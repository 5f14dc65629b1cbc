/*
 * events.h -- server-sent events (WHATWG HTML, section 9.2) taken apart as they
 * come, in pieces of any size.  Of the format only what an agent writes is
 * read: id, event and one line of data; other fields are passed over.  Pure.
 */
#ifndef AICERT_PRODUCER_EVENTS_H
#define AICERT_PRODUCER_EVENTS_H

#include "common/bytes.h"
#include "common/err.h"

#define EVENTS_LINE_MAX ((size_t)32 << 10)
#define EVENTS_NAME_MAX 32

struct events {
	char line[EVENTS_LINE_MAX + 1];
	size_t len;
	bool too_long;       /* the line that was begun */
	uint64_t id;         /* of the last event that was whole; 0: none */
	uint64_t next_id;
	char name[EVENTS_NAME_MAX + 1];
	char data[EVENTS_LINE_MAX + 1];
	size_t datalen;
	bool has_data;
};

/* Told of an event; the spans live as long as the call. */
typedef enum ac_err events_fn(void *arg, struct span name, struct span data);

/* Begin anew after a connection ended; id stays. */
void events_restart(struct events *e);

/* Take bytes; what take() returns but AC_OK ends it. */
AC_MUST_CHECK enum ac_err events_feed(struct events *e, struct span bytes,
    events_fn *take, void *arg);

#endif
