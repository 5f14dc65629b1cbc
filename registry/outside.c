/* outside.c -- what the log's public URL shows; see outside.h. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "cert/checkpoint.h"
#include "common/http.h"
#include "registry/outside.h"
#include "registry/proof.h"
#include "verifier/sig.h"

#define TIMEOUT_S 10
#define AGAIN_UNREAD_S 2 /* until there was a first */

struct outside {
	char *url;
	const struct note_key *log;
	struct halt *halt;
	const struct journal *journal;
	struct store *store;
	struct proof *proof;
	struct http_client *http;
	volatile sig_atomic_t stop;
	unsigned again_s;
	bool locks, started;
	pthread_t thread;

	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t moved;
	bool stopping;
	bool answered; /* whatever it was */
	bool good;     /* once: read, and of this tree */
	struct message why;
};

/* Is the head (size, root) one of the tree here, whose newest is ours? */
static enum ac_err
compare(struct outside *o, const struct checkpoint *c,
    const struct store_head *ours)
{
	struct digest proof[MERKLE_PROOF_MAX], empty = merkle_empty();
	size_t n = 0;
	enum ac_err e;

	if (c->size > ours->size)
		return AC_ERR_MISMATCH;
	if (c->size == 0)
		return digest_equal(&c->root, &empty) ? AC_OK :
		    AC_ERR_MISMATCH;
	e = proof_consistency(o->proof, proof, &n, c->size, ours->size);
	return e != AC_OK ? e : merkle_check_consistency(c->size, ours->size,
	    &c->root, &ours->root, proof, n);
}

static enum ac_err
judge(struct outside *o, struct span bytes, struct message *why)
{
	struct note *note = malloc(sizeof(*note));
	struct checkpoint c;
	struct store_head ours;
	bool published;
	int64_t time_s;
	enum ac_err e = AC_ERR_MEMORY;

	if (note != NULL)
		e = note_parse(note, bytes);
	if (e == AC_OK)
		e = checkpoint_parse(&c, note->text);
	if (e == AC_OK && !span_is(c.origin, o->log->name))
		e = AC_ERR_MISMATCH;
	if (e == AC_OK)
		e = sig_note(&time_s, note, o->log);
	if (e != AC_OK) {
		message_set(why, "what %s shows is no checkpoint under this "
		    "log's signature (%s); is the URL of this log right?",
		    o->url, ac_strerror(e));
		goto out;
	}
	/* After the fetch: whatever is public was committed before. */
	e = store_head(o->store, &ours, &published);
	if (e == AC_OK)
		e = compare(o, &c, &ours);
	if (e == AC_ERR_MISMATCH) {
		halt_by_checkpoint(o->halt, o->url, bytes, c.size, ours.size);
		(void)halt_is(o->halt, why);
	} else if (e != AC_OK) {
		message_set(why, "cannot compare the public checkpoint with "
		    "the database: %s", store_error(o->store));
	}
out:
	free(note);
	return e;
}

static enum ac_err
look(struct outside *o, struct message *why)
{
	struct http_answer a = { 0 };
	enum ac_err e;

	e = http_client_get(o->http, &a, o->url, NOTE_MAX, TIMEOUT_S, why);
	if (e != AC_OK)
		return e;
	if (a.status == 200) {
		e = judge(o, buf_span(&a.body), why);
	} else {
		message_set(why, "%s answers %u", o->url, a.status);
		e = AC_ERR_NOT_FOUND;
	}
	http_answer_free(&a);
	return e;
}

static void *
run(void *arg)
{
	struct outside *o = arg;

	(void)pthread_mutex_lock(&o->mutex);
	while (!o->stopping) {
		struct message why = { "" };
		struct timespec next;
		enum ac_err e;

		(void)pthread_mutex_unlock(&o->mutex);
		e = look(o, &why);
		(void)pthread_mutex_lock(&o->mutex);
		if (o->stopping)
			break;
		if (e != AC_OK && e != AC_ERR_MISMATCH &&
		    strcmp(o->why.text, why.text) != 0)
			journal_say(o->journal, JOURNAL_WARNING, "public-url",
			    why.text);
		o->why = why;
		o->answered = true;
		o->good = o->good || e == AC_OK;
		(void)pthread_cond_broadcast(&o->moved);
		(void)clock_gettime(CLOCK_MONOTONIC, &next);
		next.tv_sec += o->good ? o->again_s : AGAIN_UNREAD_S;
		while (!o->stopping && pthread_cond_timedwait(&o->moved,
		    &o->mutex, &next) == 0)
			continue;
	}
	(void)pthread_mutex_unlock(&o->mutex);
	return NULL;
}

enum ac_err
outside_check(struct outside *o, struct message *why)
{
	enum ac_err e;

	(void)pthread_mutex_lock(&o->mutex);
	while (!o->answered && !o->stopping)
		(void)pthread_cond_wait(&o->moved, &o->mutex);
	e = o->good ? AC_OK : AC_ERR_BUSY;
	if (e != AC_OK)
		*why = o->why;
	(void)pthread_mutex_unlock(&o->mutex);
	return e;
}

static bool
init_locks(struct outside *o)
{
	pthread_condattr_t attr;

	if (pthread_condattr_init(&attr) != 0)
		return false;
	o->locks = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	    pthread_mutex_init(&o->mutex, NULL) == 0 &&
	    pthread_cond_init(&o->moved, &attr) == 0;
	(void)pthread_condattr_destroy(&attr);
	return o->locks;
}

enum ac_err
outside_start(struct outside **out, const struct outside_options *options,
    struct message *why)
{
	struct outside *o = calloc(1, sizeof(*o));
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory to look at the public URL");
	if (o == NULL || !init_locks(o))
		goto out;
	o->log = options->log;
	o->halt = options->halt;
	o->journal = options->journal;
	o->again_s = options->again_s;
	e = http_url(&o->url, options->url, "checkpoint", why);
	if (e == AC_OK)
		e = store_open(&o->store, options->database, false, why);
	if (e == AC_OK)
		e = proof_new(&o->proof, o->store);
	if (e == AC_OK)
		e = http_client_new(&o->http, &o->stop);
	if (e == AC_OK && pthread_create(&o->thread, NULL, run, o) != 0)
		e = AC_ERR_MEMORY;
	if (e != AC_OK)
		goto out;
	o->started = true;
	*out = o;
	o = NULL; /* transferred */
	e = AC_OK;
out:
	outside_stop(o);
	return e;
}

void
outside_stop(struct outside *o)
{
	if (o == NULL)
		return;
	o->stop = 1;
	if (o->locks) {
		(void)pthread_mutex_lock(&o->mutex);
		o->stopping = true;
		(void)pthread_cond_broadcast(&o->moved);
		(void)pthread_mutex_unlock(&o->mutex);
	}
	if (o->started)
		(void)pthread_join(o->thread, NULL);
	if (o->locks) {
		(void)pthread_cond_destroy(&o->moved);
		(void)pthread_mutex_destroy(&o->mutex);
	}
	http_client_free(o->http);
	proof_free(o->proof);
	store_close(o->store);
	free(o->url);
	free(o);
}
