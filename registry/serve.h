/*
 * serve.h -- a running registry: its parts wired together, started in order
 * and ended in order.
 */
#ifndef AICERT_REGISTRY_SERVE_H
#define AICERT_REGISTRY_SERVE_H

#include "registry/http.h"
#include "registry/journal.h"

struct serve_options {
	const char *dir;
	const char *listen;     /* ADDR:PORT; port 0: any */
	const char *port_file;  /* the bound port is written there, or NULL */
	unsigned batch_ms;
	unsigned batch_max;
	unsigned cosign_s; /* an idle log cosigns its head so often */
	unsigned state_s;  /* revocations are stated so often; 0: never */
	const char *witness_policy; /* path, or NULL: no witnesses */
	const char *const *without; /* names of witnesses not to ask */
	size_t nwithout;
	const char *policy; /* path of the verifier's, or NULL */
	bool admit_evidence; /* judge evidence by it */
	bool fail_open;    /* publish heads that lack their quorum */
	bool accept_start; /* --accept-unwitnessed-start */
	const struct journal *journal;
	struct http_limits limits;
	unsigned keep_partial_s; /* that a partial tile stays beside the full */
	/* Called once with the address, when requests are answered. */
	bool (*ready)(const char *url); /* false: it could not be said */
	void (*alive)(void);    /* every second of a life in order */
	void (*stopping)(void); /* once, when the end begins */
};

/*
 * Serve until stop_fd is readable, then end what is at hand.  AC_OK: ended
 * as asked; else *why says what failed.
 */
AC_MUST_CHECK enum ac_err serve_run(const struct serve_options *o, int stop_fd,
    struct message *why);

/*
 * Make the newest committed head of the log in o->dir its last: public, with
 * its quorum where o names witnesses, and nothing is signed after it.  A log
 * that is halted is frozen as it is shown now.  *size is that of the last
 * head.  AC_ERR_BUSY: the quorum is missing, or a server runs.
 */
AC_MUST_CHECK enum ac_err serve_freeze(const struct serve_options *o,
    uint64_t *size, struct message *why);

#endif
