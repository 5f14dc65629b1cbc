/*
 * message.h -- one sentence for a person, made where something went wrong and
 * printed by the program.  Text from outside enters only escaped.
 */
#ifndef AICERT_COMMON_MESSAGE_H
#define AICERT_COMMON_MESSAGE_H

#include "common/bytes.h"
#include "common/err.h"

#define MESSAGE_MAX 768

struct message {
	char text[MESSAGE_MAX]; /* NUL-terminated; cut off where too long */
};

/* Set the text.  Every %s must be our own text. */
void message_set(struct message *m, const char *fmt, ...) AC_PRINTF(2, 3);

/* Append to the text. */
void message_add(struct message *m, const char *fmt, ...) AC_PRINTF(2, 3);

/* Append s in quotes: printable ASCII as it is, other bytes as \xHH. */
void message_add_quoted(struct message *m, struct span s);

/* Append a digest in hex. */
void message_add_digest(struct message *m, const struct digest *d);

/* s so, and a digest in hex, as a message of its own: for a %s of another. */
struct message message_quoted(struct span s);
struct message message_digest(const struct digest *d);

/* Likewise a time in UTC, "(no time)" where it is out of range. */
struct message message_time(int64_t unix_s);

/* e, once m says why: how a check ends that did not hold. */
#define BECAUSE(m, e, ...) (message_set(m, __VA_ARGS__), (e))

#endif
