/* serve.c -- the parts of a running registry; see serve.h. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hook.h"
#include "common/listen.h"
#include "registry/admit.h"
#include "registry/answer.h"
#include "registry/batch.h"
#include "registry/collect.h"
#include "registry/home.h"
#include "registry/html.h"
#include "registry/http.h"
#include "registry/own.h"
#include "registry/sequence.h"
#include "registry/serve.h"
#include "registry/shelf.h"
#include "registry/status.h"

#define NTHREADS_MAX 16
#define NETWORK_THREADS 2
#define WAITING_MAX 16384  /* requests that no worker has begun */
#define DRAIN_MS 30000     /* for clients to take their answers */
#define REAP_MS 1000
#define RETRY_MS 1000     /* a head without its quorum is tried so often */

struct registry {
	const struct serve_options *options;
	struct store_log log;
	struct advance advance;
	struct sequence *sequence;
	struct work *work;
	struct http *http;
	unsigned nthreads;
	struct admit *admit[NTHREADS_MAX];
	struct answer *answer[NTHREADS_MAX];
	struct notary *notary;
	struct own *own;         /* of the thread that watches */
	struct admit *own_admit; /* of the same */
	struct policy *judge;    /* of --policy, or NULL */
	struct answer_log shared;
	struct buf keys;
	struct metrics *metrics;
	struct collect *collect;
	atomic_bool failed; /* the sequencer */
	char url[LISTEN_URL_MAX], root_url[LISTEN_URL_MAX];
	char policy[HTML_POLICY_MAX];
	int lock_fd, failed_fd;
	bool frozen;
	atomic_uint unwitnessed; /* starts of this process that were so */
};

/* ---- what the threads do ---- */

static void
serve_metrics(struct registry *r, struct http_exchange *x)
{
	struct published *p = r->advance.published;
	/* Not r->http: that is set once all of its threads run. */
	struct http_counts counts = http_count(x->http);
	struct metrics_now now = {
		.tree_size = published_head(p).size,
		.checkpoint_age_s = (double)published_age_ms(p) / 1000,
		.connections = counts.open,
		.accepted = counts.accepted,
		.overdue = counts.overdue,
		.body_bytes = counts.body_bytes,
		.work_waiting = work_waiting(r->work),
		.pool_waiting = r->sequence == NULL ? 0 :
		    (unsigned)sequence_waiting(r->sequence),
		.failed = atomic_load(&r->failed),
	};

	if (r->advance.witness != NULL)
		witness_count(r->advance.witness, &now.witnesses,
		    &now.cosigned);
	now.halted = advance_is_halted(&r->advance);
	now.frozen = r->frozen;
	now.unwitnessed_starts = atomic_load(&r->unwitnessed);
	status_metrics(&x->reply, r->metrics, &now);
}

/* On the network's thread: replies that cost nothing. */
static bool
on_at_once(void *arg, struct http_exchange *x)
{
	struct registry *r = arg;
	struct published *p = r->advance.published;

	if (x->route.place == ROUTE_TILE)
		return shelf_tile(&x->reply, p, r->advance.publish, &x->route);
	if (x->route.place == ROUTE_CHECKPOINT)
		shelf_checkpoint(&x->reply, p);
	else if (x->route.place == ROUTE_HEALTH)
		/* A frozen log has its last head. */
		status_health(&x->reply, published_head(p).size, r->frozen ?
		    0 : published_age_ms(p), r->options->cosign_s,
		    atomic_load(&r->failed));
	else if (x->route.place == ROUTE_METRICS)
		serve_metrics(r, x);
	else
		return false;
	return true;
}

static uint64_t
on_generation(void *arg)
{
	struct registry *r = arg;

	return published_generation(r->advance.published);
}

static void
on_answered(void *arg, const struct http_exchange *x, uint64_t us)
{
	struct registry *r = arg;

	metrics_request(r->metrics, x->route.place, x->status,
	    x->problem == 0 ? PROBLEM_COUNT : (enum problem)(x->problem - 1),
	    us);
}

/* On the sequencer's thread. */
static void
on_grown(void *arg, uint64_t entries)
{
	struct registry *r = arg;

	metrics_batch(r->metrics, entries);
}

static void
on_take(void *arg, struct http_exchange *x)
{
	struct registry *r = arg;

	if (work_begin(r->work, &x->item) == AC_OK)
		return;
	problem_reply(&x->reply, PROBLEM_BUSY, "Too many requests wait; ask "
	    "again later.", NULL);
	http_answer(x);
}

/*
 * Judge a certificate; false: the sequencer has it now, for x and, where it is
 * one of many, its item.
 */
static bool
submit(struct registry *r, unsigned thread, struct reply *out,
    struct span jsonl, struct http_exchange *x, struct batch_item *item)
{
	struct unit *u = NULL;

	if (!admit_certificate(r->admit[thread], &u, out, jsonl))
		return true;
	hook_at("admitted");
	if (answer_duplicate(r->answer[thread], out, u)) {
		unit_free(u);
		return true;
	}
	if (u->kind == UNIT_REMOVAL || u->kind == UNIT_STATE) {
		unit_free(u);
		problem_reply(out, PROBLEM_AUTHORITY, "The registry itself "
		    "logs what it says; it is not posted.", NULL);
		return true;
	}
	u->owner = x;
	u->item = item;
	if (sequence_submit(r->sequence, u) == AC_OK) {
		hook_at("pooled");
		return false;
	}
	unit_free(u);
	problem_reply(out, PROBLEM_BUSY, "As many certificates wait as may; "
	    "post again later.", NULL);
	return true;
}

/* All items of a batch have their replies. */
static void
finish_batch(struct http_exchange *x)
{
	struct batch *b = x->unit;

	x->unit = NULL;
	batch_reply(b, &x->reply);
	batch_free(b);
}

/* The same for an array of them. */
static bool
submit_batch(struct registry *r, unsigned thread, struct http_exchange *x)
{
	struct batch *b = NULL;
	enum ac_err e = batch_parse(&b, buf_span(&x->body));

	buf_free(&x->body);
	if (e != AC_OK) {
		problem_reply(&x->reply, e == AC_ERR_LIMIT ?
		    PROBLEM_TOO_LARGE : e == AC_ERR_MEMORY ? PROBLEM_BUSY :
		    PROBLEM_MALFORMED, "Expected a JSON array of 1 to 1000 "
		    "strings, each an aicert.jsonl.", NULL);
		return true;
	}
	b->owner = x;
	x->unit = b;
	for (size_t i = 0; i < b->n; i++)
		if (submit(r, thread, &b->item[i].reply, b->item[i].jsonl, x,
		    &b->item[i]))
			(void)!batch_is_last(b); /* this loop is one itself */
	if (!batch_is_last(b))
		return false;
	finish_batch(x);
	return true;
}

/* False: the sequencer has it now. */
static bool
submit_any(struct registry *r, unsigned thread, struct http_exchange *x)
{
	struct buf body = x->body;
	bool answered;

	if (r->frozen) {
		buf_free(&x->body);
		problem_reply(&x->reply, PROBLEM_FROZEN, "This log has its "
		    "last head and takes nothing more; what is in it stays. "
		    "Post to another log.", NULL);
		return true;
	}
	if (x->route.batch)
		return submit_batch(r, thread, x);
	/* Once the sequencer has it, the exchange is another's. */
	x->body = (struct buf){ 0 };
	answered = submit(r, thread, &x->reply, buf_span(&body), x, NULL);
	buf_free(&body);
	return answered;
}

static void
on_begin(void *arg, unsigned thread, void *subject)
{
	struct registry *r = arg;
	struct http_exchange *x = subject;

	if (x->route.place == ROUTE_TILE)
		shelf_bundle(&x->reply, r->advance.publish, &x->route);
	else if (x->route.place != ROUTE_SUBMIT)
		answer_read(r->answer[thread], &x->reply, &x->route);
	else if (!submit_any(r, thread, x))
		return;
	http_answer(x);
}

/* On the sequencer's thread: pass the verdict on. */
static void
on_verdict(void *arg, struct unit *u)
{
	struct registry *r = arg;
	struct http_exchange *x = u->owner;
	struct batch_item *item = u->item;

	if (x == NULL) {
		own_done(r->own, u);
		unit_free(u);
		return;
	}
	if (item == NULL) {
		x->unit = u;
	} else {
		item->unit = u;
		if (!batch_is_last(item->batch))
			return;
	}
	work_finish(r->work, &x->item);
}

/* A line that the registry says itself. */
static bool
on_own(void *arg, struct span line)
{
	struct reply refusal = { 0 };
	struct registry *r = arg;
	struct unit *u = NULL;

	if (!admit_certificate(r->own_admit, &u, &refusal, line)) {
		reply_free(&refusal);
		return false;
	}
	if (sequence_submit(r->sequence, u) == AC_OK)
		return true;
	unit_free(u);
	return false;
}

static void
on_finish(void *arg, unsigned thread, void *subject)
{
	struct registry *r = arg;
	struct http_exchange *x = subject;

	if (!x->route.batch) {
		answer_unit(r->answer[thread], &x->reply, x->unit);
		unit_free(x->unit);
		x->unit = NULL;
	} else {
		struct batch *b = x->unit;

		for (size_t i = 0; i < b->n; i++)
			if (b->item[i].unit != NULL)
				answer_unit(r->answer[thread],
				    &b->item[i].reply, b->item[i].unit);
		finish_batch(x);
	}
	http_answer(x);
}

static void
on_failed(void *arg)
{
	struct registry *r = arg;
	uint64_t one = 1;

	atomic_store(&r->failed, true);
	/* An event counter of 1 cannot overflow. */
	(void)!write(r->failed_fd, &one, sizeof(one));
}

/* ---- start and end ---- */

/* An unwitnessed start was needed and accepted: count it, and say so. */
static void
on_accepted(void *arg, const char *text)
{
	struct registry *r = arg;
	struct message m;
	uint64_t n = 0;

	atomic_store(&r->unwitnessed, 1);
	if (home_count_start(r->options->dir, &n, &m) == AC_OK)
		message_set(&m, "the newest head is not confirmed by anybody "
		    "else (%s), and --accept-unwitnessed-start goes on; start "
		    "%" PRIu64 " of this log that does", text, n);
	journal_say(r->options->journal, JOURNAL_WARNING, "unwitnessed-start",
	    m.text);
}

/* Witnesses that the operator does without are no reason to stop. */
static enum ac_err
open_halt(struct registry *r, struct message *why)
{
	const struct serve_options *o = r->options;
	struct advance *a = &r->advance;
	struct message said;
	enum ac_err e = halt_open(&a->halt, o->dir, o->journal, why);

	for (size_t i = 0; e == AC_OK && i < o->nwithout; i++)
		e = halt_without(a->halt, o->without[i], why);
	if (e == AC_OK && halt_is(a->halt, &said))
		journal_say(o->journal, JOURNAL_ERROR, "halted", said.text);
	return e;
}

static enum ac_err
open_witnesses(struct registry *r, const char *database, struct message *why)
{
	const struct serve_options *o = r->options;
	struct advance *a = &r->advance;
	struct witness_options wo = { .policy = o->witness_policy,
		.without = o->without, .nwithout = o->nwithout,
		.log = signer_log_key(a->signer), .database = database,
		.halt = a->halt, .journal = o->journal };

	if (r->frozen || o->witness_policy == NULL)
		return AC_OK;
	return witness_start(&a->witness, &wo, why);
}

/* What must confirm the newest head, or the operator's word for it. */
static enum ac_err
open_outside(struct registry *r, const char *database, struct message *why)
{
	const struct serve_options *o = r->options;
	struct advance *a = &r->advance;
	struct outside_options oo = { .url = (const char *)r->log.url.p,
		.log = signer_log_key(a->signer), .database = database,
		.again_s = o->cosign_s, .halt = a->halt,
		.journal = o->journal };
	bool required = a->witness != NULL && witness_is_required(a->witness);

	if (r->frozen)
		return AC_OK;
	a->fail_open = o->fail_open;
	a->accept_start = o->accept_start && (!required || o->fail_open);
	if (!required && !o->accept_start) {
		message_set(why, "nobody outside of this machine can tell "
		    "whether this log went back in time, for no witnesses are "
		    "asked; name some with --witness-policy FILE, or say "
		    "--accept-unwitnessed-start");
		return AC_ERR_MISMATCH;
	}
	if (oo.url[0] == '\0')
		return AC_OK;
	return outside_start(&a->outside, &oo, why);
}

/* Remove what a process that died left, and get ready for what is to come. */
static enum ac_err
open_collect(struct registry *r, struct message *why)
{
	const struct serve_options *o = r->options;
	char public[HOME_PATH_MAX];
	struct message said;
	unsigned n = 0;
	enum ac_err e = home_path(public, o->dir, HOME_PUBLIC, why);

	if (e == AC_OK)
		e = collect_leftovers(o->dir, &n, why);

	if (e == AC_OK && n > 0) {
		message_set(&said, "removed %u temporary files of a server "
		    "that did not end in order", n);
		journal_say(o->journal, JOURNAL_NOTICE, "leftovers", said.text);
	}
	if (e == AC_OK)
		e = collect_new(&r->collect, public, o->keep_partial_s);
	if (e == AC_ERR_MEMORY)
		message_set(why, "no memory for the log");
	return e;
}

/* The store, the signer and the public folder. */
static enum ac_err
open_parts(struct registry *r, char database[HOME_PATH_MAX],
    struct message *why)
{
	const char *dir = r->options->dir;
	struct advance *a = &r->advance;
	char public[HOME_PATH_MAX];
	enum ac_err e;

	e = home_path(database, dir, HOME_DATABASE, why);
	if (e == AC_OK)
		e = home_path(public, dir, HOME_PUBLIC, why);
	if (e == AC_OK)
		e = store_open(&a->store, database, true, why);
	if (e != AC_OK)
		return e;
	e = store_log(a->store, &r->log);
	if (e != AC_OK) {
		message_set(why, "cannot read %s: %s", database,
		    store_error(a->store));
		return e;
	}
	e = signer_open(&a->signer, dir, (const char *)r->log.origin.p, why);
	if (e == AC_OK)
		e = notary_open(&r->notary, dir, why);
	if (e != AC_OK)
		return e;
	e = proof_new(&a->proof, a->store);
	if (e == AC_OK)
		e = publish_new(&a->publish, public);
	if (e == AC_OK)
		e = published_new(&a->published);
	if (e == AC_OK)
		e = metrics_new(&r->metrics);
	if (e == AC_OK)
		published_watch(a->published, on_grown, r);
	else
		message_set(why, "no memory for the log");
	return e;
}

/* The log, and that what is known of it agrees. */
static enum ac_err
open_log(struct registry *r, bool serving, struct message *why)
{
	char database[HOME_PATH_MAX];
	struct advance *a = &r->advance;
	enum ac_err e = open_parts(r, database, why);

	if (e != AC_OK)
		return e;
	a->serving = serving;
	a->journal = r->options->journal;
	a->accepted = on_accepted;
	a->arg = r;
	r->frozen = signer_is_frozen(a->signer);
	e = advance_check(a, why);
	if (e == AC_OK)
		e = open_halt(r, why);
	if (e == AC_OK)
		e = open_witnesses(r, database, why);
	if (e == AC_OK && serving)
		e = open_outside(r, database, why);
	if (e == AC_OK)
		e = advance_resume(a, why);
	/*
	 * The newest head before anything new.  Where somebody outside must be
	 * asked, the sequencer does it: the public URL may be our own.
	 */
	if (e == AC_OK && serving && !r->frozen && a->witness == NULL &&
	    a->outside == NULL)
		e = advance_head(a, (int64_t)time(NULL), false, why);
	return e == AC_ERR_BUSY ? AC_OK : e;
}

/* What all answers share. */
static enum ac_err
fill_shared(struct registry *r, const char *bound, struct message *why)
{
	const char *origin = (const char *)r->log.origin.p;
	const char *url = (const char *)r->log.url.p;
	struct answer_log *s = &r->shared;
	struct digest registry;
	enum ac_err e;

	s->published = r->advance.published;
	s->log = *signer_log_key(r->advance.signer);
	s->time = *signer_time_key(r->advance.signer);
	s->origin = origin;
	s->created_s = r->log.created_s;
	s->witnessing = r->advance.witness == NULL ||
	    !witness_is_required(r->advance.witness) ? "none" :
	    r->options->fail_open ? "fail-open" : "fail-closed";
	(void)snprintf(r->url, sizeof(r->url), "%s", url[0] != '\0' ? url :
	    bound);
	s->url = r->url;
	(void)snprintf(r->root_url, sizeof(r->root_url), "https://%s", origin);
	s->root_url = r->root_url;
	html_policy(r->policy);
	s->page_policy = r->policy;
	registry = notary_fingerprint(r->notary);
	s->own = registry;
	e = home_keys(&r->keys, &s->log, &s->time, &registry, url);
	if (e != AC_OK)
		message_set(why, "no memory for the log's keys");
	s->keys = buf_span(&r->keys);
	return e;
}

static enum ac_err
start_workers(struct registry *r, const char *dir, struct message *why)
{
	long ncpu = sysconf(_SC_NPROCESSORS_ONLN);
	char database[HOME_PATH_MAX];
	struct work_options o = { .max = WAITING_MAX, .begin = on_begin,
		.finish = on_finish, .arg = r };
	struct admit_options ao = { .own = notary_fingerprint(r->notary),
		.policy = r->judge, .evidence = r->options->admit_evidence };
	enum ac_err e = home_path(database, dir, HOME_DATABASE, why);

	r->nthreads = ncpu < 2 ? 2 : ncpu > NTHREADS_MAX ? NTHREADS_MAX :
	    (unsigned)ncpu;
	o.nthreads = r->nthreads;
	for (unsigned i = 0; e == AC_OK && i < r->nthreads; i++) {
		e = answer_new(&r->answer[i], &r->shared, database, why);
		if (e == AC_OK && admit_new(&r->admit[i], &ao) != AC_OK) {
			message_set(why, "no memory for a worker");
			e = AC_ERR_MEMORY;
		}
	}
	if (e != AC_OK)
		return e;
	e = work_start(&r->work, &o);
	if (e != AC_OK)
		message_set(why, "cannot start the worker threads");
	return e;
}

/* What the registry says itself, from now on. */
static enum ac_err
start_own(struct registry *r, struct message *why)
{
	char database[HOME_PATH_MAX];
	struct own_options o = { .dir = r->options->dir, .database = database,
		.origin = (const char *)r->log.origin.p, .notary = r->notary,
		.journal = r->options->journal,
		.time = signer_time_key(r->advance.signer),
		.state_s = r->options->state_s, .submit = on_own, .arg = r };
	struct admit_options ao = { .own = notary_fingerprint(r->notary) };
	enum ac_err e = home_path(database, o.dir, HOME_DATABASE, why);

	if (e == AC_OK && admit_new(&r->own_admit, &ao) != AC_OK) {
		message_set(why, "no memory for the registry's statements");
		e = AC_ERR_MEMORY;
	}
	return e == AC_OK ? own_start(&r->own, &o, why) : e;
}

static enum ac_err
start(struct registry *r, const struct serve_options *o, int *listener,
    const char *bound, struct message *why)
{
	struct sequence_options so = { .batch_ms = o->batch_ms,
		.batch_max = o->batch_max, .idle_ms = o->cosign_s * 1000,
		.retry_ms = RETRY_MS, .done = on_verdict,
		.failed = on_failed, .arg = r };
	struct http_options ho = { .listen_fd = *listener,
		.nthreads = NETWORK_THREADS, .limits = o->limits,
		.at_once = on_at_once, .take = on_take,
		.generation = on_generation, .answered = on_answered,
		.arg = r };
	enum ac_err e = AC_OK;

	if (o->admit_evidence && o->policy == NULL) {
		message_set(why, "--admit evidence needs the policy by which "
		    "it is judged: --policy FILE");
		return AC_ERR_FORMAT;
	}
	if (o->policy != NULL)
		e = admit_policy_load(&r->judge, o->policy, why);
	if (e == AC_OK)
		e = open_log(r, true, why);
	if (e == AC_OK)
		e = open_collect(r, why);
	if (e == AC_OK)
		e = fill_shared(r, bound, why);
	if (e == AC_OK)
		e = start_workers(r, o->dir, why);
	if (e == AC_OK && !r->frozen)
		e = start_own(r, why);
	if (e == AC_OK && !r->frozen)
		e = sequence_start(&r->sequence, &r->advance, &so, why);
	if (e == AC_OK)
		e = http_start(&r->http, &ho, why);
	if (e == AC_OK)
		*listener = -1; /* transferred */
	return e;
}

/* Remove partial tiles that are superseded; a failure is said once. */
static void
collect(struct registry *r)
{
	struct message why = { "" };

	if (r->collect == NULL || collect_partial(r->collect,
	    published_head(r->advance.published).size, (int64_t)time(NULL),
	    &why) == AC_OK)
		return;
	journal_say(r->options->journal, JOURNAL_WARNING, "collect", why.text);
	collect_free(r->collect);
	r->collect = NULL;
}

/* Wait for the word to stop, or for a failure of the sequencer. */
static void
watch(struct registry *r, int stop_fd)
{
	struct pollfd fds[] = { { .fd = stop_fd, .events = POLLIN },
		{ .fd = r->failed_fd, .events = POLLIN } };

	for (;;) {
		int n = poll(fds, 2, REAP_MS);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0 && (fds[0].revents != 0 || fds[1].revents != 0))
			return;
		http_reap(r->http);
		collect(r);
		if (r->own != NULL)
			own_tick(r->own,
			    published_head(r->advance.published).size,
			    (int64_t)time(NULL));
		r->options->alive();
	}
}

/*
 * From the outside to the inside: take no more, answer what is there, end
 * the threads, close the files.  AC_OK, or why the sequencer failed.
 */
static enum ac_err
end(struct registry *r, struct message *why)
{
	enum ac_err e = AC_OK;

	if (r->http != NULL) {
		r->options->stopping();
		http_drain(r->http, DRAIN_MS);
	}
	if (r->sequence != NULL)
		e = sequence_stop(r->sequence, why);
	if (r->work != NULL)
		work_stop(r->work);
	http_stop(r->http);
	/* Until here a late request may still have asked them. */
	sequence_free(r->sequence);
	work_free(r->work);
	for (unsigned i = 0; i < r->nthreads; i++) {
		answer_free(r->answer[i]);
		admit_free(r->admit[i]);
	}
	own_free(r->own);
	admit_free(r->own_admit);
	admit_policy_free(r->judge);
	notary_close(r->notary);
	outside_stop(r->advance.outside);
	witness_stop(r->advance.witness);
	halt_free(r->advance.halt);
	collect_free(r->collect);
	metrics_free(r->metrics);
	published_free(r->advance.published);
	publish_free(r->advance.publish);
	proof_free(r->advance.proof);
	signer_close(r->advance.signer);
	store_close(r->advance.store);
	store_log_free(&r->log);
	buf_free(&r->keys);
	return e;
}

/* Say where we are, now that requests are answered. */
static enum ac_err
announce(const struct serve_options *o, const char *url, const char *port,
    struct message *why)
{
	struct message unsaid;
	char line[32];
	enum ac_err e = AC_OK;

	(void)snprintf(line, sizeof(line), "%s\n", port);
	if (o->port_file != NULL)
		e = file_write(o->port_file, span_str(line), 0644);
	if (e != AC_OK) {
		message_set(why, "cannot write %s: %s", o->port_file,
		    strerror(errno));
		return e;
	}
	if (!o->ready(url)) {
		message_set(&unsaid, "cannot write to standard output that "
		    "the server listens on %s; it goes on", url);
		journal_say(o->journal, JOURNAL_WARNING, "ready", unsaid.text);
	}
	return AC_OK;
}

enum ac_err
serve_run(const struct serve_options *o, int stop_fd, struct message *why)
{
	struct registry *r = calloc(1, sizeof(*r));
	char url[LISTEN_URL_MAX] = "", port[16] = "";
	struct message ending = { "" };
	int listener = -1;
	enum ac_err e = AC_ERR_MEMORY, ended;

	if (r == NULL) {
		message_set(why, "no memory");
		return e;
	}
	r->options = o;
	r->lock_fd = -1;
	r->failed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->failed_fd < 0) {
		message_set(why, "cannot make an event counter: %s",
		    strerror(errno));
		e = AC_ERR_IO;
		goto out;
	}
	e = home_lock(&r->lock_fd, o->dir, why);
	if (e == AC_OK)
		e = listen_open(&listener, url, port, o->listen, why);
	if (e == AC_OK)
		e = start(r, o, &listener, url, why);
	if (e == AC_OK)
		e = announce(o, url, port, why);
	if (e == AC_OK)
		watch(r, stop_fd);
out:
	ended = end(r, &ending);
	if (e == AC_OK && ended != AC_OK) {
		e = ended;
		*why = ending;
	}
	if (listener >= 0)
		(void)close(listener);
	if (r->failed_fd >= 0)
		(void)close(r->failed_fd);
	if (r->lock_fd >= 0)
		(void)close(r->lock_fd);
	free(r);
	return e;
}

enum ac_err
serve_freeze(const struct serve_options *o, uint64_t *size,
    struct message *why)
{
	struct registry *r = calloc(1, sizeof(*r));
	struct message ending;
	enum ac_err e = AC_ERR_MEMORY;

	if (r == NULL) {
		message_set(why, "no memory");
		return e;
	}
	r->options = o;
	r->failed_fd = r->lock_fd = -1;
	e = home_lock(&r->lock_fd, o->dir, why);
	if (e == AC_OK)
		e = open_log(r, false, why);
	if (e == AC_OK && r->frozen) {
		message_set(why, "this log is frozen already");
		e = AC_ERR_EXISTS;
	}
	if (e == AC_OK && !advance_is_halted(&r->advance))
		e = advance_head(&r->advance, (int64_t)time(NULL), false,
		    why);
	if (e == AC_OK)
		e = signer_freeze(r->advance.signer, why);
	if (e == AC_OK)
		*size = published_head(r->advance.published).size;
	if (end(r, &ending) != AC_OK)
		e = AC_ERR_IO; /* cannot be: no sequencer runs */
	if (r->lock_fd >= 0)
		(void)close(r->lock_fd);
	free(r);
	return e;
}
