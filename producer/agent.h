/*
 * agent.h -- one build on a machine that its builder has never seen, from the
 * first challenge to the last byte of the result: what aicert-producer does
 * between its door (answers.h) and its recorder (recorder.h).
 *
 * One build a boot.  Who sends the first configuration owns the build: all
 * else is said to nobody but whoever has the same token.  Every function but
 * open and close may be called from any thread.
 */
#ifndef AICERT_PRODUCER_AGENT_H
#define AICERT_PRODUCER_AGENT_H

#include "cert/oms.h"
#include "producer/agentkey.h"
#include "producer/journal.h"
#include "producer/run.h"

enum agent_phase {
	AGENT_WAITING,    /* for a configuration */
	AGENT_CONFIGURED, /* waits to be told to run */
	AGENT_INPUTS,
	AGENT_START,      /* a safe clock, the quote */
	AGENT_TRAINING,
	AGENT_OUTPUTS,    /* being hashed */
	AGENT_DONE,
	AGENT_FAILED,
};

struct agent_options {
	const char *work; /* a folder of ours; what is made in it goes again */
	struct recorder_options recorder; /* its folders are filled in here */
	/* Told of what an operator may see; no word of the training's. */
	void (*tell)(void *arg, const char *text);
	void *arg;
};

struct agent;

/*
 * Fork the recorder, make the key and measure it.  To be called before there
 * is a thread, and before anything from outside is read.  As run_begin().
 */
AC_MUST_CHECK enum ac_err agent_open(struct agent **out,
    const struct agent_options *options, struct message *why);

/* Stop what runs; then nobody waits for the journal any longer. */
void agent_stop(struct agent *a);

/* Remove everything; nobody may call anything any more. */
void agent_close(struct agent *a);

const struct agentkey *agent_key(const struct agent *a);
struct journal *agent_journal(struct agent *a);
enum agent_phase agent_phase(struct agent *a);
const char *agent_phase_name(enum agent_phase p);

/* As run_challenge(). */
AC_MUST_CHECK enum ac_err agent_challenge(struct agent *a, struct buf *out,
    const uint8_t nonce[32], struct message *why);

/* Is there an owner, and is token that of his requests? */
bool agent_is_owned(struct agent *a);
bool agent_is_owner(struct agent *a, const struct digest *token);

/*
 * Take the configuration bytes, called name, of whoever has token and will
 * sign with the key of that fingerprint.  AC_ERR_EXISTS: there is one already;
 * AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_UNSUPPORTED: it is none, and nothing
 * changed; else the machine is of no more use.  *why is set.
 */
AC_MUST_CHECK enum ac_err agent_configure(struct agent *a,
    const struct digest *token, const char *name,
    const struct digest *builder, struct span bytes, struct message *why);

/*
 * Begin; checkpoint is a whole signed note, or nothing.  AC_ERR_EXISTS: it was
 * begun already; AC_ERR_NOT_FOUND: there is no configuration; AC_ERR_FORMAT.
 */
AC_MUST_CHECK enum ac_err agent_run(struct agent *a, struct span checkpoint,
    struct message *why);

/* One JSON object: phase, since when, and what is known. */
void agent_write_status(struct agent *a, struct writer *w);

/*
 * What the recorder handed back, and the list of files in it; they stay until
 * agent_close().  False: not yet, or never (agent_phase()).
 */
AC_MUST_CHECK bool agent_result(struct agent *a,
    const struct run_result **result, const struct oms **files);

/*
 * *fd is open on the output path, which is in the list, and has *bytes.
 * AC_ERR_NOT_FOUND: no such output; AC_ERR_IO.
 */
AC_MUST_CHECK enum ac_err agent_output(struct agent *a, const char *path,
    int *fd, uint64_t *bytes, struct digest *sha256);

/*
 * Begin to send the output path to url, an https URL that was signed
 * beforehand; agent_write_status() says how it goes.  AC_ERR_NOT_FOUND: no such
 * output; AC_ERR_EXISTS: another one is on its way; AC_ERR_FORMAT: no https
 * URL; AC_ERR_IO, AC_ERR_MEMORY; *why is set.
 */
AC_MUST_CHECK enum ac_err agent_upload(struct agent *a, const char *path,
    struct span url, struct message *why);

#endif
