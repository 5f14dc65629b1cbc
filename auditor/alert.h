/*
 * alert.h -- what a follower has to tell: lines of JSON on standard output or
 * at the end of a file, and to a command.  An alert is given before the state
 * moves past what it is about, so that none is lost; after a crash one may come
 * twice.
 */
#ifndef AICERT_AUDITOR_ALERT_H
#define AICERT_AUDITOR_ALERT_H

#include <signal.h>

#include "common/message.h"
#include "common/writer.h"

#define ALERT_COMMAND_S 60 /* a command that takes longer is ended */

struct alert {
	const char *kind;      /* "forked", ...: our own text */
	bool fault;            /* of the log; else something of interest */
	const char *origin;
	uint64_t size;         /* of the checkpoint at hand */
	bool has_index;
	uint64_t index;        /* of the entry it is about */
	const struct digest *d;       /* of the statement, or NULL */
	const struct digest *key;     /* SHA-256 of its signer's SPKI, or NULL */
	const char *watch;     /* the label of what was watched for, or NULL */
	const char *condition; /* of "over": what is over; else NULL */
	const char *evidence;  /* a file, or NULL */
	struct span affected;  /* JSON array, or empty */
	struct span message;
};

struct alerts;

struct alerts_options {
	const char *file;    /* appended to; NULL: standard output */
	const char *command; /* run by /bin/sh -c; NULL: none */
	const volatile sig_atomic_t *stop;
};

AC_MUST_CHECK enum ac_err alerts_open(struct alerts **out,
    const struct alerts_options *o, struct message *why);
void alerts_close(struct alerts *a);

/*
 * Give x, at now_s.  AC_ERR_IO: it could not be written, or the command failed;
 * nobody may act as if it had been given.
 */
AC_MUST_CHECK enum ac_err alerts_give(struct alerts *a, const struct alert *x,
    int64_t now_s, struct message *why);

/* So many were given. */
uint64_t alerts_count(const struct alerts *a);

#endif
