/*
 * remote.h -- the client's side of an agent: attestation first, on every
 * connection, and only then a request.  What an agent says is believed as far
 * as its TPM vouches for the software that says it; the result is judged again
 * (judge.h).
 */
#ifndef AICERT_PRODUCER_REMOTE_H
#define AICERT_PRODUCER_REMOTE_H

#include <signal.h>

#include "cert/oms.h"
#include "common/http.h"
#include "producer/run.h"
#include "verifier/verify.h"

/* How long an agent may be out of reach before it is given up for now. */
#define REMOTE_PATIENCE_S 120

struct remote_options {
	const char *address;         /* HOST:PORT, or https://HOST:PORT */
	const struct policy *policy;
	struct span releases;        /* lines of image releases */
	unsigned patience_s;
	const volatile sig_atomic_t *stop; /* not 0: end; NULL: never */
	/* Told of what happens to the connection. */
	void (*tell)(void *arg, const char *text);
	void *arg;
};

/* What makes a build ours, once there is one. */
struct remote_build {
	uint8_t token[32];
	struct digest config;  /* SHA-256 of the configuration */
	struct digest builder; /* fingerprint of the builder's key */
	struct digest key;     /* SHA-256 of the SPKI of the machine's TLS key */
	bool has_key;          /* it is known from an earlier connection */
	bool configured;       /* the machine has the configuration */
};

struct remote;

/* options and build outlive *out; build->key is learned from it. */
AC_MUST_CHECK enum ac_err remote_new(struct remote **out,
    const struct remote_options *options, struct remote_build *build,
    struct message *why);

void remote_free(struct remote *r);

/*
 * Connect and check the machine: by the policy; that it has the key of the
 * first connection; that it is untouched, or else that what it measured is our
 * configuration, which build->configured tells.  AC_ERR_MISMATCH: it is not that machine,
 * *why names the check; AC_ERR_BUSY: it is out of reach; as http_peer_greet().
 * Every request below connects where there is no connection, and again, for
 * patience_s, where it ended; and fails as this does, or with AC_ERR_EXISTS
 * (409), AC_ERR_NOT_FOUND (404), AC_ERR_FORMAT (422, or an answer that is not
 * of its form), AC_ERR_LIMIT, AC_ERR_IO: it failed (410).
 */
AC_MUST_CHECK enum ac_err remote_connect(struct remote *r,
    struct message *why);

/* What the machine showed on the last connection; borrowed until the next. */
const struct verification *remote_shown(const struct remote *r);

/* Send the configuration, which is called name. */
AC_MUST_CHECK enum ac_err remote_configure(struct remote *r, const char *name,
    struct span bytes, struct message *why);

AC_MUST_CHECK enum ac_err remote_run(struct remote *r, struct span checkpoint,
    struct message *why);

/* What a build tells while it goes on. */
struct remote_watch {
	void (*phase)(void *arg, struct span name, int64_t since_s);
	void (*progress)(void *arg, struct span sentence);
	void (*line)(void *arg, struct span line); /* of the training */
	void *arg;
};

/*
 * Follow the build, from its first event, until it is done, or *why says why it
 * failed (AC_ERR_IO).
 */
AC_MUST_CHECK enum ac_err remote_follow(struct remote *r,
    const struct remote_watch *watch, struct message *why);

AC_MUST_CHECK enum ac_err remote_result(struct remote *r,
    struct run_result *out, struct message *why);

/* The lengths of the files of oms, bytes[0..oms->nfiles). */
AC_MUST_CHECK enum ac_err remote_sizes(struct remote *r, uint64_t bytes[],
    const struct oms *oms, struct message *why);

/*
 * Append to fd, which has *have bytes of it already, what is missing of the
 * output path up to bytes; moved is told of what came.  AC_ERR_LIMIT: there is
 * more.  *have counts along.
 */
AC_MUST_CHECK enum ac_err remote_download(struct remote *r, const char *path,
    int fd, uint64_t *have, uint64_t bytes,
    void (*moved)(void *arg, uint64_t bytes), void *arg, struct message *why);

/*
 * Let the machine send the output path to url, an https URL that was signed
 * beforehand, and wait until it is there; *why does not hold the URL.
 */
AC_MUST_CHECK enum ac_err remote_upload(struct remote *r, const char *path,
    const char *url, struct message *why);

#endif
