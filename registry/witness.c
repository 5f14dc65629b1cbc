/* witness.c -- the client of C2SP tlog-witness; see witness.h. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "cert/checkpoint.h"
#include "common/file.h"
#include "common/http.h"
#include "common/reader.h"
#include "common/text.h"
#include "registry/proof.h"
#include "registry/witness.h"
#include "verifier/quorum.h"
#include "verifier/sig.h"

#define TIMEOUT_S 10          /* of one request */
#define TIME_SLACK_S 60       /* a cosignature's time is so near to ours */
#define REQUESTS_MAX 3        /* for one head: a 409 tells where to begin */
#define LAGGARD_MS 100        /* for those beyond the quorum */
#define ANSWER_MAX ((size_t)16 * KIB)
#define SIZE_TYPE "text/x.tlog.size"

/* One witness and its thread. */
struct one {
	struct witness *all;
	const struct policy_node *node;
	char *url;
	struct http_client *http;
	pthread_t thread;
	bool started;

	/* Guarded by the mutex of all. */
	uint64_t asked;     /* serial of the job that it has or had */
	bool busy;
	bool failing;       /* its last answer was no cosignature */
	struct message why; /* ... because */
	struct buf line;    /* its cosignature of the head; empty: none */

	uint64_t old;       /* the thread's: size that it cosigned last */
};

struct witness {
	struct policy *policy;
	const struct note_key *log;
	struct halt *halt;
	const struct journal *journal;
	struct store *store; /* for proofs, under proof_mutex */
	struct proof *proof;
	pthread_mutex_t proof_mutex;
	volatile sig_atomic_t stop; /* ends requests */
	bool locks;

	pthread_mutex_t mutex;
	pthread_cond_t wake, moved;
	bool stopping;
	uint64_t serial;    /* of the newest job */
	struct store_head head;
	struct buf note;
	size_t nones;
	struct one one[POLICY_NODES_MAX];
};

/* ---- one request ---- */

/* The body of add-checkpoint. */
static enum ac_err
write_request(struct witness *w, struct buf *out, uint64_t old,
    const struct store_head *head, struct span note)
{
	struct digest proof[MERKLE_PROOF_MAX];
	enum ac_err e = AC_OK;
	struct writer body;
	size_t n = 0;

	if (old > 0 && old < head->size) {
		(void)pthread_mutex_lock(&w->proof_mutex);
		e = proof_consistency(w->proof, proof, &n, old, head->size);
		(void)pthread_mutex_unlock(&w->proof_mutex);
	}
	if (e != AC_OK)
		return e;
	wr_init(&body, NOTE_MAX + 8 * KIB);
	wr_str(&body, "old ");
	wr_dec(&body, old);
	wr_u8(&body, '\n');
	for (size_t i = 0; i < n; i++) {
		wr_base64(&body, span_digest(&proof[i]));
		wr_u8(&body, '\n');
	}
	wr_u8(&body, '\n');
	wr_bytes(&body, note);
	return wr_end(&body, out);
}

/*
 * Take the cosignature out of the answer's lines.  It counts if it is by this
 * witness over this head, and its time is near to ours.
 */
static enum ac_err
take_cosignature(const struct one *one, struct buf *line, struct span text,
    struct span lines, struct message *why)
{
	struct note *note = malloc(sizeof(*note));
	const struct note_key *key = &one->node->key;
	struct buf whole = { 0 };
	struct writer w;
	int64_t time_s, now = (int64_t)time(NULL);
	enum ac_err e;

	wr_init(&w, NOTE_MAX);
	wr_bytes(&w, text);
	wr_u8(&w, '\n');
	wr_bytes(&w, lines);
	e = wr_end(&w, &whole);
	if (e == AC_OK && note == NULL)
		e = AC_ERR_MEMORY;
	if (e == AC_OK)
		e = note_parse(note, buf_span(&whole));
	if (e == AC_OK)
		e = sig_note(&time_s, note, key);
	if (e != AC_OK) {
		message_set(why, "its answer is no cosignature by its key: %s",
		    ac_strerror(e));
		goto out;
	}
	if (time_s > now + TIME_SLACK_S || time_s < now - TIME_SLACK_S) {
		message_set(why, "its cosignature does not count: it states "
		    "the time %" PRId64 ", the clock here says %" PRId64
		    "; one of the two is wrong", time_s, now);
		e = AC_ERR_MISMATCH;
		goto out;
	}
	/* Its line only; whatever else the answer holds is ignored. */
	wr_init(&w, NOTE_MAX);
	for (size_t i = 0; i < note->nsignatures && w.len == 0; i++) {
		const struct note_signature *s = &note->signature[i];

		if (!note_signature_is_by(s, key))
			continue;
		wr_str(&w, "\xe2\x80\x94 ");
		wr_bytes(&w, s->name);
		wr_u8(&w, ' ');
		wr_bytes(&w, s->blob);
		wr_u8(&w, '\n');
	}
	e = wr_end(&w, line);
out:
	free(note);
	buf_free(&whole);
	return e;
}

/* A status that is no answer to go on with. */
static void
explain(struct message *why, const struct http_answer *a)
{
	switch (a->status) {
	case 403:
		message_set(why, "it answers 403: it does not trust this log's "
		    "key; its operator must add the line of log-keys");
		return;
	case 404:
		message_set(why, "it answers 404: it does not know this log; "
		    "check its URL, and ask its operator to add it");
		return;
	case 422:
		message_set(why, "it answers 422: it refuses the consistency "
		    "proof; if it knows another tree of this log, the log "
		    "went back in time or was forked");
		return;
	default:
		message_set(why, "it answers %u", a->status);
	}
}

/* The body of a 409: the size that it cosigned last. */
static bool
parse_size(uint64_t *size, const struct http_answer *a)
{
	return strcmp(a->type, SIZE_TYPE) == 0 && a->body.len > 1 &&
	    a->body.p[a->body.len - 1] == '\n' &&
	    text_undec(size, span_of(a->body.p, a->body.len - 1), INT64_MAX);
}

/* What a note signs: all before its last empty line. */
static struct span
text_of(struct span note)
{
	for (size_t n = note.len; n >= 2; n--)
		if (note.p[n - 1] == '\n' && note.p[n - 2] == '\n')
			return span_of(note.p, n - 1);
	return note;
}

/* Ask until there is a cosignature or none is to be had. */
static enum ac_err
ask_one(struct one *one, struct buf *line, const struct store_head *head,
    struct span note, struct message *why)
{
	struct witness *w = one->all;
	enum ac_err e = AC_ERR_BUSY;

	if (one->old > head->size)
		one->old = head->size;
	for (unsigned n = 0; n < REQUESTS_MAX && e == AC_ERR_BUSY; n++) {
		struct http_answer a = { 0 };
		struct buf body = { 0 };
		uint64_t size;

		e = write_request(w, &body, one->old, head, note);
		if (e != AC_OK) {
			message_set(why, "no request can be made: %s",
			    ac_strerror(e));
			return AC_ERR_IO;
		}
		e = http_client_post(one->http, &a, one->url, "text/plain",
		    buf_span(&body), ANSWER_MAX, TIMEOUT_S, why);
		buf_free(&body);
		if (e != AC_OK)
			return AC_ERR_IO;
		e = AC_ERR_MISMATCH;
		if (a.status == 200) {
			e = take_cosignature(one, line, text_of(note),
			    buf_span(&a.body), why);
		} else if (a.status != 409) {
			explain(why, &a);
		} else if (!parse_size(&size, &a)) {
			message_set(why, "it answers 409 without the size "
			    "that tlog-witness asks for");
		} else if (size > head->size) {
			message_set(why, "it says that it cosigned size %"
			    PRIu64 ", which this log has not", size);
			halt_by_witness(w->halt, one->node->name.s, size,
			    head->size);
		} else {
			message_set(why, "it answers 409 again and again");
			one->old = size;
			e = AC_ERR_BUSY;
		}
		http_answer_free(&a);
	}
	if (e == AC_OK)
		one->old = head->size;
	return e;
}

/* ---- the threads ---- */

static void
note_outcome(struct one *one, enum ac_err e, const struct message *why)
{
	struct message m;
	bool failing = e != AC_OK;

	if (failing == one->failing && (!failing ||
	    strcmp(one->why.text, why->text) == 0))
		return;
	one->failing = failing;
	one->why = *why;
	message_set(&m, "witness ");
	message_add_quoted(&m, span_str(one->node->name.s));
	if (failing)
		message_add(&m, ": %s", why->text);
	else
		message_add(&m, " cosigns again");
	journal_say(one->all->journal, failing ? JOURNAL_WARNING :
	    JOURNAL_NOTICE, "witness", m.text);
}

static void *
run(void *arg)
{
	struct one *one = arg;
	struct witness *w = one->all;

	(void)pthread_mutex_lock(&w->mutex);
	while (!w->stopping) {
		struct buf line = { 0 }, note = { 0 };
		struct message why = { "" };
		struct store_head head;
		uint64_t serial;
		enum ac_err e;

		if (one->asked == w->serial) {
			(void)pthread_cond_wait(&w->wake, &w->mutex);
			continue;
		}
		one->asked = serial = w->serial;
		one->busy = true;
		head = w->head;
		e = buf_copy(&note, buf_span(&w->note));
		(void)pthread_mutex_unlock(&w->mutex);
		if (e == AC_OK)
			e = ask_one(one, &line, &head, buf_span(&note), &why);
		buf_free(&note);
		(void)pthread_mutex_lock(&w->mutex);
		if (w->stop == 0)
			note_outcome(one, e, &why);
		if (e == AC_OK && head.size == w->head.size) {
			buf_free(&one->line);
			one->line = line;
			line = (struct buf){ 0 }; /* transferred */
		}
		buf_free(&line);
		one->busy = false;
		(void)pthread_cond_broadcast(&w->moved);
	}
	(void)pthread_mutex_unlock(&w->mutex);
	return NULL;
}

/* ---- the quorum ---- */

static void
write_lines(struct witness *w, struct writer *out)
{
	for (size_t i = 0; i < w->nones; i++)
		wr_bytes(out, buf_span(&w->one[i].line));
}

/* Is the quorum complete with the lines at hand?  The mutex is held. */
static enum ac_err
check_quorum(struct witness *w, struct message *why)
{
	struct note *note;
	struct buf whole = { 0 };
	struct writer out;
	int64_t time_s;
	enum ac_err e;

	if (w->policy->quorum_none)
		return AC_OK;
	note = malloc(sizeof(*note));
	wr_init(&out, NOTE_MAX);
	wr_bytes(&out, buf_span(&w->note));
	write_lines(w, &out);
	e = wr_end(&out, &whole);
	if (e == AC_OK && note == NULL)
		e = AC_ERR_MEMORY;
	if (e == AC_OK)
		e = note_parse(note, buf_span(&whole));
	if (e == AC_OK)
		e = quorum_time(&time_s, w->policy, note, why);
	free(note);
	buf_free(&whole);
	return e;
}

/*
 * Is there anybody left whose answer may come; hopeful: of those whose last
 * one was good?  The mutex is held.
 */
static bool
is_waiting(const struct witness *w, bool hopeful)
{
	for (size_t i = 0; i < w->nones; i++) {
		const struct one *one = &w->one[i];

		if ((one->busy || one->asked != w->serial) &&
		    !(hopeful && one->failing))
			return true;
	}
	return false;
}

static struct timespec
after(unsigned ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Who is missing, for a person.  The mutex is held. */
static void
say_missing(struct witness *w, struct message *why)
{
	message_add(why, "; missing:");
	for (size_t i = 0; i < w->nones; i++) {
		if (w->one[i].line.len > 0)
			continue;
		message_add(why, " ");
		message_add_quoted(why, span_str(w->one[i].node->name.s));
		message_add(why, " (%s)", w->one[i].why.text[0] != '\0' ?
		    w->one[i].why.text : "no answer yet");
	}
}

/* Make head the newest job.  The mutex is held. */
static enum ac_err
set_job(struct witness *w, const struct store_head *head, struct span note,
    bool again)
{
	bool other = head->size != w->head.size ||
	    !digest_equal(&head->root, &w->head.root) || w->note.len == 0;
	struct buf copy = { 0 };
	enum ac_err e = buf_copy(&copy, note);

	if (e != AC_OK)
		return e;
	buf_free(&w->note);
	w->note = copy;
	w->head = *head;
	w->serial++;
	for (size_t i = 0; i < w->nones; i++) {
		struct one *one = &w->one[i];

		if (other)
			buf_free(&one->line);
		else if (!again && one->line.len > 0)
			one->asked = w->serial;
	}
	(void)pthread_cond_broadcast(&w->wake);
	return AC_OK;
}

enum ac_err
witness_ask(struct witness *w, const struct store_head *head, struct span note,
    bool again, unsigned wait_ms, struct message *why)
{
	struct timespec until = after(wait_ms), laggards;
	enum ac_err e;

	(void)pthread_mutex_lock(&w->mutex);
	e = set_job(w, head, note, again);
	if (e != AC_OK)
		goto out;
	for (;;) {
		e = check_quorum(w, why);
		/* A refresh, which old lines complete, waits for new ones. */
		if ((e == AC_OK && !again) ||
		    (e != AC_OK && e != AC_ERR_NOT_FOUND))
			break;
		if (halt_is(w->halt, NULL) || !is_waiting(w, e == AC_OK) ||
		    pthread_cond_timedwait(&w->moved, &w->mutex, &until) ==
		    ETIMEDOUT)
			break;
	}
	/* The others of a complete quorum get a moment, if they are well. */
	laggards = after(LAGGARD_MS);
	while (e == AC_OK && is_waiting(w, true) &&
	    pthread_cond_timedwait(&w->moved, &w->mutex, &laggards) == 0)
		continue;
	e = check_quorum(w, why);
	if (e == AC_ERR_NOT_FOUND) {
		say_missing(w, why);
		e = AC_ERR_BUSY;
	}
out:
	(void)pthread_mutex_unlock(&w->mutex);
	return e;
}

void
witness_write(struct witness *w, struct writer *note)
{
	(void)pthread_mutex_lock(&w->mutex);
	write_lines(w, note);
	(void)pthread_mutex_unlock(&w->mutex);
}

void
witness_count(struct witness *w, size_t *all, size_t *cosigned)
{
	(void)pthread_mutex_lock(&w->mutex);
	*all = w->nones;
	*cosigned = 0;
	for (size_t i = 0; i < w->nones; i++)
		if (w->one[i].line.len > 0)
			(*cosigned)++;
	(void)pthread_mutex_unlock(&w->mutex);
}

bool
witness_is_required(const struct witness *w)
{
	return !w->policy->quorum_none;
}

/* ---- start and end ---- */

/* A file of witnesses names no others. */
static enum ac_err
load_nothing(void *ctx, struct buf *out, const char *path)
{
	(void)ctx;
	(void)out;
	(void)path;
	return AC_ERR_UNSUPPORTED;
}

/* Lines of tlog-policy only: what a verifier trusts is none of the log's. */
static enum ac_err
check_kinds(struct span text, struct message *why)
{
	static const char *const kinds[] = { "log", "witness", "group",
		"quorum" };
	struct reader r = rd_of(text);
	struct span line;

	for (size_t number = 1; rd_line(&r, &line); number++) {
		size_t start = 0, end, k = 0;

		while (start < line.len &&
		    (line.p[start] == ' ' || line.p[start] == '\t'))
			start++;
		for (end = start; end < line.len && line.p[end] != ' ' &&
		    line.p[end] != '\t';)
			end++;
		while (k < sizeof(kinds) / sizeof(kinds[0]) &&
		    !span_is(span_of(line.p + start, end - start), kinds[k]))
			k++;
		if (k < sizeof(kinds) / sizeof(kinds[0]) || start == end ||
		    line.p[start] == '#')
			continue;
		message_set(why, "line %zu, column %zu: expected log, witness, "
		    "group or quorum (C2SP tlog-policy), found ", number,
		    start + 1);
		message_add_quoted(why, span_of(line.p + start, end - start));
		return AC_ERR_FORMAT;
	}
	return AC_OK;
}

static enum ac_err
check_log(const struct policy *p, const struct note_key *log,
    struct message *why)
{
	const struct note_key *own = policy_log_by(p, span_str(log->name));

	if (p->nlog > 0 && (own == NULL || !ac_equal(own->pub, log->pub,
	    sizeof(own->pub)))) {
		message_set(why, "it has log lines, and none is that of this "
		    "log; is it the policy of another?");
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

static enum ac_err
read_policy(struct witness *w, const char *path, struct message *why)
{
	const struct policy_loader loader = { load_nothing, NULL };
	struct message said = { "" };
	struct buf text = { 0 };
	enum ac_err e = file_read(&text, path, POLICY_MAX);

	if (e != AC_OK) {
		message_set(why, "cannot read the witness policy %s: %s", path,
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
		return e;
	}
	e = check_kinds(buf_span(&text), &said);
	if (e == AC_OK)
		e = policy_parse(&w->policy, buf_span(&text), &loader, &said);
	if (e == AC_OK)
		e = check_log(w->policy, w->log, &said);
	if (e != AC_OK)
		message_set(why, "the witness policy %s: %s", path, said.text);
	buf_free(&text);
	return e;
}

static bool
is_without(const struct witness_options *o, const char *name)
{
	for (size_t i = 0; i < o->nwithout; i++)
		if (strcmp(o->without[i], name) == 0)
			return true;
	return false;
}

static enum ac_err
check_without(const struct witness *w, const struct witness_options *o,
    struct message *why)
{
	for (size_t i = 0; i < o->nwithout; i++) {
		size_t k = 0;

		while (k < w->policy->nnode && (w->policy->node[k].group ||
		    strcmp(w->policy->node[k].name.s, o->without[i]) != 0))
			k++;
		if (k == w->policy->nnode) {
			message_set(why, "--without-witness ");
			message_add_quoted(why, span_str(o->without[i]));
			message_add(why, ": %s names no such witness",
			    o->policy);
			return AC_ERR_NOT_FOUND;
		}
	}
	return AC_OK;
}

static enum ac_err
add_one(struct witness *w, const char *policy, const struct policy_node *node,
    struct message *why)
{
	struct one *one = &w->one[w->nones];
	struct message said;
	enum ac_err e;

	if (node->url[0] == '\0') {
		message_set(why, "the witness policy %s gives no URL for ",
		    policy);
		message_add_quoted(why, span_str(node->name.s));
		message_add(why, "; it is the last word of a witness line");
		return AC_ERR_FORMAT;
	}
	*one = (struct one){ .all = w, .node = node };
	e = http_url(&one->url, node->url, "add-checkpoint", &said);
	if (e == AC_OK)
		e = http_client_new(&one->http, &w->stop);
	w->nones++;
	if (e == AC_OK)
		return AC_OK;
	message_set(why, "the witness policy %s, ", policy);
	message_add_quoted(why, span_str(node->name.s));
	message_add(why, ": %s", e == AC_ERR_MEMORY ? "no memory" : said.text);
	return e;
}

static bool
init_locks(struct witness *w)
{
	pthread_condattr_t attr;

	/* Of these only conditions can fail, and only without memory. */
	if (pthread_condattr_init(&attr) != 0)
		return false;
	w->locks = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	    pthread_mutex_init(&w->mutex, NULL) == 0 &&
	    pthread_mutex_init(&w->proof_mutex, NULL) == 0 &&
	    pthread_cond_init(&w->wake, &attr) == 0 &&
	    pthread_cond_init(&w->moved, &attr) == 0;
	(void)pthread_condattr_destroy(&attr);
	return w->locks;
}

enum ac_err
witness_start(struct witness **out, const struct witness_options *o,
    struct message *why)
{
	struct witness *w = calloc(1, sizeof(*w));
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory for the witnesses");
	if (w == NULL || !init_locks(w))
		goto out;
	w->log = o->log;
	w->halt = o->halt;
	w->journal = o->journal;
	e = read_policy(w, o->policy, why);
	if (e == AC_OK)
		e = check_without(w, o, why);
	if (e == AC_OK)
		e = store_open(&w->store, o->database, false, why);
	if (e == AC_OK)
		e = proof_new(&w->proof, w->store);
	for (size_t i = 0; e == AC_OK && i < w->policy->nnode; i++) {
		const struct policy_node *node = &w->policy->node[i];

		if (!node->group && !is_without(o, node->name.s))
			e = add_one(w, o->policy, node, why);
	}
	for (size_t i = 0; e == AC_OK && i < w->nones; i++) {
		if (pthread_create(&w->one[i].thread, NULL, run,
		    &w->one[i]) == 0) {
			w->one[i].started = true;
			continue;
		}
		message_set(why, "cannot start a thread for a witness");
		e = AC_ERR_MEMORY;
	}
	if (e != AC_OK)
		goto out;
	*out = w;
	w = NULL; /* transferred */
	e = AC_OK;
out:
	witness_stop(w);
	return e;
}

void
witness_stop(struct witness *w)
{
	if (w == NULL)
		return;
	w->stop = 1;
	if (w->locks) {
		(void)pthread_mutex_lock(&w->mutex);
		w->stopping = true;
		(void)pthread_cond_broadcast(&w->wake);
		(void)pthread_mutex_unlock(&w->mutex);
	}
	for (size_t i = 0; i < w->nones; i++) {
		if (w->one[i].started)
			(void)pthread_join(w->one[i].thread, NULL);
		http_client_free(w->one[i].http);
		free(w->one[i].url);
		buf_free(&w->one[i].line);
	}
	if (w->locks) {
		(void)pthread_cond_destroy(&w->wake);
		(void)pthread_cond_destroy(&w->moved);
		(void)pthread_mutex_destroy(&w->mutex);
		(void)pthread_mutex_destroy(&w->proof_mutex);
	}
	proof_free(w->proof);
	store_close(w->store);
	policy_free(w->policy);
	buf_free(&w->note);
	free(w);
}
