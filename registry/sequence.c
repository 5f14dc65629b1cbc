/* sequence.c -- the sequencer; see sequence.h. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/hook.h"
#include "registry/sequence.h"
#include "registry/tree.h"

#define SIGNERS_MAX 64 /* of one statement that are looked at */
#define POOL_UNITS 16384           /* certificates waiting */
#define POOL_BYTES ((size_t)256 * MIB) /* of their bodies */

struct sequence {
	struct advance advance;
	struct sequence_options options;
	struct tree tree; /* the sequencer's thread only */
	struct store_head head;
	struct timespec idle; /* when the head is cosigned again */
	bool blocked;         /* the newest head is not public yet */
	struct timespec retry; /* when blocked: when it is tried again */
	pthread_t thread;

	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t wake;
	struct unit *first, **last;
	size_t nunits, nbytes;
	struct timespec oldest; /* when the pool's first unit came */
	bool stopping;
	enum ac_err error; /* once failed */
	struct message why;
};

static struct timespec
monotonic(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t;
}

static struct timespec
later(struct timespec t, uint64_t ms)
{
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static bool
is_past(struct timespec t)
{
	struct timespec now = monotonic();

	return now.tv_sec > t.tv_sec ||
	    (now.tv_sec == t.tv_sec && now.tv_nsec >= t.tv_nsec);
}

/* ---- writing a batch ---- */

/* Give the line the index it has, or the next one. */
static enum ac_err
put_line(struct sequence *s, struct unit_line *line)
{
	struct store_entry entry = {
		.index = s->tree.size,
		.d = line->d,
		.key = line->key,
		.sig = span_of(line->sig, line->siglen),
		.type = buf_span(&line->type),
		.statement = buf_span(&line->statement),
		.leaf = line->leaf,
		.has_flops = line->has_flops,
		.flops = line->flops,
		.term = line->term,
		.nterms = line->nterms,
	};
	struct store *store = s->advance.store;
	uint64_t removal;
	enum ac_err e;

	e = store_put_entry(store, &line->index, &entry);
	if (e == AC_ERR_EXISTS)
		return AC_OK;
	if (e == AC_OK)
		e = tree_push(&s->tree, store, &line->leaf);
	if (e == AC_OK)
		e = store_removed(store, &removal, &line->d);
	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		return e;
	line->fresh = e == AC_ERR_NOT_FOUND;
	line->index = entry.index;
	return AC_OK;
}

/* Is line 1 logged with other evidence than the unit's? */
static enum ac_err
find_conflict(struct sequence *s, struct unit *u)
{
	struct store *store = s->advance.store;
	struct digest stored;
	uint64_t index;
	enum ac_err e;

	if (!u->has_evidence)
		return AC_OK;
	e = store_find(store, &index, &u->line[0].d, &u->line[0].key);
	if (e == AC_OK)
		e = store_evidence(store, &stored, index);
	if (e == AC_ERR_NOT_FOUND)
		return AC_OK;
	if (e == AC_OK && !digest_equal(&stored, &u->line[1].d)) {
		u->verdict = UNIT_CONFLICT;
		u->stored = stored;
	}
	return e;
}

static enum store_part
part_of(const struct unit *u, size_t i)
{
	if (i == 1 && u->has_evidence)
		return STORE_EVIDENCE;
	return ac_equal(u->line[i].key.b, u->line[0].key.b, SPKI_LEN) ?
	    STORE_OWN_LINE : STORE_LINE;
}

/* Is one of the entries of d, of which there are n, by key? */
static enum ac_err
is_by_one(struct sequence *s, bool *by, const uint64_t index[], size_t n,
    const struct spki *key)
{
	*by = false;
	for (size_t i = 0; i < n && !*by; i++) {
		struct store_row row = { 0 };
		enum ac_err e = store_row(s->advance.store, &row, index[i]);

		if (e != AC_OK)
			return e;
		*by = ac_equal(row.key.b, key->b, SPKI_LEN);
		store_row_free(&row);
	}
	return AC_OK;
}

/* Does the log have an entry by the key of that fingerprint? */
static enum ac_err
knows_key(struct sequence *s, bool *known, const struct digest *fingerprint)
{
	struct store_query q = { .ncriteria = 1, .newest_first = true,
		.from = s->head.size, .size = s->head.size };
	struct store_found found;
	uint64_t next;
	size_t n = 0;
	bool more;
	enum ac_err e;

	q.criterion[0] = store_term_builder(fingerprint);
	e = store_search(s->advance.store, &found, &n, 1, &more, &next, &q);
	if (e == AC_OK && n > 0)
		buf_free(&found.type);
	*known = n > 0;
	return e;
}

/*
 * May the unit's signer revoke its target?  Of what this log does not have
 * that cannot be told here; whoever verifies ignores what does not count.
 */
static enum ac_err
check_authority(struct sequence *s, struct unit *u)
{
	struct digest signer = spki_digest(&u->line[0].key);
	uint64_t index[SIGNERS_MAX];
	bool good = u->is_revoker, known = false;
	size_t n = 0;
	enum ac_err e = AC_OK;

	if (good || (u->of_key && digest_equal(&u->target, &signer)))
		return AC_OK;
	if (u->of_key)
		e = knows_key(s, &known, &u->target);
	else
		e = store_find_all(s->advance.store, index, &n, SIGNERS_MAX,
		    &u->target, s->tree.size);
	if (e == AC_OK && n > 0)
		e = is_by_one(s, &good, index, n, &u->line[0].key);
	if (e == AC_OK && (known || (n > 0 && !good)))
		u->verdict = UNIT_STRANGER;
	return e;
}

/* Is there something to withhold that is not withheld yet? */
static enum ac_err
check_removal(struct sequence *s, struct unit *u)
{
	struct store *store = s->advance.store;
	uint64_t index;
	size_t n = 0;
	enum ac_err e = store_removed(store, &index, &u->target);

	if (e == AC_ERR_NOT_FOUND)
		e = store_find_all(store, &index, &n, 1, &u->target,
		    s->tree.size);
	if (e == AC_OK && n == 0)
		u->verdict = UNIT_NOTHING;
	return e;
}

/* What keeps the unit out of the log as it is now: its verdict. */
static enum ac_err
check_unit(struct sequence *s, struct unit *u)
{
	switch (u->kind) {
	case UNIT_CERTIFICATE:
		return find_conflict(s, u);
	case UNIT_REVOCATION:
		return check_authority(s, u);
	case UNIT_REMOVAL:
		return check_removal(s, u);
	case UNIT_RELEASE:
	case UNIT_STATE:
		break;
	}
	return AC_OK;
}

/*
 * Give every line the index it has, in the database or earlier in this
 * batch, or the next one.
 */
static enum ac_err
place(struct sequence *s, struct unit *u)
{
	struct store *store = s->advance.store;
	enum ac_err e = check_unit(s, u);

	if (e != AC_OK || u->verdict != UNIT_WAITING)
		return e;
	for (size_t i = 0; i < u->nlines; i++) {
		struct unit_line *line = &u->line[i];

		e = put_line(s, line);
		if (e == AC_OK && i > 0)
			e = store_put_line(store, u->line[0].index,
			    part_of(u, i), line->index);
		if (e != AC_OK)
			return e;
	}
	return u->kind == UNIT_REMOVAL ? store_put_removal(store, &u->target,
	    u->line[0].index) : AC_OK;
}

/* One transaction: everything of the batch and its unsigned head. */
static enum ac_err
commit(struct sequence *s, struct unit *batch)
{
	struct store *store = s->advance.store;
	struct store_head head;
	enum ac_err e = store_begin(store);

	for (struct unit *u = batch; e == AC_OK && u != NULL; u = u->next)
		e = place(s, u);
	if (e == AC_OK && s->tree.size > s->head.size) {
		e = tree_save(&s->tree, store);
		head = (struct store_head){ s->tree.size,
			tree_root(&s->tree) };
		if (e == AC_OK)
			e = store_put_head(store, &s->head, &head);
		if (e == AC_OK)
			s->head = head;
	}
	if (e == AC_OK) {
		hook_at("before-commit");
		e = store_commit(store);
	}
	if (e == AC_OK)
		hook_at("committed");
	return e;
}

/* Bring the newest head to the public, or cosign it again. */
static enum ac_err
advance(struct sequence *s, bool batch, struct message *why)
{
	enum ac_err e = advance_head(&s->advance, (int64_t)time(NULL), batch,
	    why);

	s->idle = later(monotonic(), s->options.idle_ms);
	s->retry = later(monotonic(), s->options.retry_ms);
	s->blocked = e == AC_ERR_BUSY;
	return e;
}

static enum ac_err
write_batch(struct sequence *s, struct unit *batch, struct message *why)
{
	uint64_t before = s->head.size;
	enum ac_err e = commit(s, batch);

	if (e != AC_OK) {
		message_set(why, "cannot commit a batch: %s",
		    e == AC_ERR_MEMORY ? ac_strerror(e) :
		    store_error(s->advance.store));
		/* Whatever it was: the outcome is unknown. */
		return e == AC_ERR_BUSY ? AC_ERR_IO : e;
	}
	if (s->head.size > before)
		return advance(s, true, why);
	/* Duplicates alone must not keep the head from being cosigned. */
	return is_past(s->idle) ? advance(s, false, why) : AC_OK;
}

/* ---- the pool ---- */

static void
give_back(struct sequence *s, struct unit *units, enum unit_verdict verdict)
{
	while (units != NULL) {
		struct unit *u = units;

		units = u->next;
		/* A conflict with what was never committed is none. */
		if (u->verdict == UNIT_WAITING || verdict == UNIT_LOST)
			u->verdict = verdict;
		s->options.done(s->options.arg, u);
	}
}

/* At most batch_max units, in order of arrival; the mutex is held. */
static struct unit *
take(struct sequence *s)
{
	struct unit *batch = s->first, *u = batch;

	for (size_t n = 1; u != NULL; u = u->next, n++) {
		s->nunits--;
		s->nbytes -= u->bytes;
		if (n == s->options.batch_max)
			break;
	}
	if (u == NULL) {
		s->first = NULL;
		s->last = &s->first;
	} else {
		s->first = u->next;
		if (s->first == NULL)
			s->last = &s->first;
		u->next = NULL;
	}
	/* What is left has waited long enough. */
	return batch;
}

/*
 * Wait for a batch.  NULL: the log was idle for so long that its head is
 * cosigned again, or the head that is not public yet is tried again, or
 * (*stop) there is nothing left to do.
 */
static struct unit *
wait_for_batch(struct sequence *s, bool *stop)
{
	struct unit *batch = NULL;

	*stop = false;
	(void)pthread_mutex_lock(&s->mutex);
	while (s->blocked && !s->stopping && !is_past(s->retry))
		(void)pthread_cond_timedwait(&s->wake, &s->mutex, &s->retry);
	while (!s->blocked && s->first == NULL && !s->stopping &&
	    !is_past(s->idle))
		(void)pthread_cond_timedwait(&s->wake, &s->mutex, &s->idle);
	if (s->blocked && s->stopping) {
		*stop = true;
	} else if (s->first != NULL) {
		struct timespec due = later(s->oldest, s->options.batch_ms);

		while (!s->blocked && !s->stopping &&
		    s->nunits < s->options.batch_max && !is_past(due))
			(void)pthread_cond_timedwait(&s->wake, &s->mutex,
			    &due);
		batch = take(s);
	} else if (s->stopping) {
		*stop = true;
	}
	(void)pthread_mutex_unlock(&s->mutex);
	return batch;
}

/* Give everything in the pool back, after a failure where e says so. */
static void
empty(struct sequence *s, enum unit_verdict verdict, enum ac_err e,
    const struct message *why)
{
	struct unit *left;

	(void)pthread_mutex_lock(&s->mutex);
	if (e != AC_OK) {
		s->error = e;
		s->why = *why;
	}
	left = s->first;
	s->first = NULL;
	s->last = &s->first;
	s->nunits = s->nbytes = 0;
	(void)pthread_mutex_unlock(&s->mutex);
	give_back(s, left, verdict);
}

static void *
run(void *arg)
{
	struct sequence *s = arg;

	s->idle = later(monotonic(), s->options.idle_ms);
	for (;;) {
		struct message why = { "" };
		enum unit_verdict verdict;
		enum ac_err e;
		bool stop;
		struct unit *batch = wait_for_batch(s, &stop);

		if (stop) {
			empty(s, UNIT_LOST, AC_OK, NULL);
			return NULL;
		}
		/* The newest head before anything new. */
		e = batch == NULL || s->blocked ? advance(s, false, &why) :
		    AC_OK;
		if (e == AC_OK && batch != NULL)
			e = write_batch(s, batch, &why);
		if (e == AC_ERR_BUSY) {
			verdict = advance_is_halted(&s->advance) ?
			    UNIT_HALTED : UNIT_UNWITNESSED;
			give_back(s, batch, verdict);
			empty(s, verdict, AC_OK, NULL);
			continue;
		}
		give_back(s, batch, e == AC_OK ? UNIT_LOGGED : UNIT_LOST);
		/* Nobody waits for this. */
		if (e == AC_OK) {
			e = store_tidy(s->advance.store);
			if (e != AC_OK)
				message_set(&why, "cannot keep the database "
				    "small: %s",
				    store_error(s->advance.store));
		}
		if (e != AC_OK) {
			empty(s, UNIT_LOST, e, &why);
			s->options.failed(s->options.arg);
			return NULL;
		}
	}
}

enum ac_err
sequence_submit(struct sequence *s, struct unit *u)
{
	enum ac_err e = AC_ERR_BUSY;

	(void)pthread_mutex_lock(&s->mutex);
	if (!s->stopping && s->error == AC_OK && s->nunits < POOL_UNITS &&
	    s->nbytes + u->bytes <= POOL_BYTES) {
		if (s->first == NULL)
			s->oldest = monotonic();
		u->next = NULL;
		u->verdict = UNIT_WAITING;
		*s->last = u;
		s->last = &u->next;
		s->nunits++;
		s->nbytes += u->bytes;
		/* The thread waits for the first unit and for a full batch. */
		if (s->nunits == 1 || s->nunits == s->options.batch_max)
			(void)pthread_cond_signal(&s->wake);
		e = AC_OK;
	}
	(void)pthread_mutex_unlock(&s->mutex);
	return e;
}

/* ---- life ---- */

static bool
init_locks(struct sequence *s)
{
	pthread_condattr_t attr;
	bool good;

	if (pthread_mutex_init(&s->mutex, NULL) != 0)
		return false;
	good = pthread_condattr_init(&attr) == 0;
	if (good) {
		good = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
		    pthread_cond_init(&s->wake, &attr) == 0;
		(void)pthread_condattr_destroy(&attr);
	}
	if (!good)
		(void)pthread_mutex_destroy(&s->mutex);
	return good;
}

enum ac_err
sequence_start(struct sequence **out, const struct advance *a,
    const struct sequence_options *o, struct message *why)
{
	struct sequence *s = calloc(1, sizeof(*s));
	bool published;
	enum ac_err e;

	if (s == NULL) {
		message_set(why, "no memory for the sequencer");
		return AC_ERR_MEMORY;
	}
	s->advance = *a;
	s->options = *o;
	s->blocked = !a->is_public;
	s->last = &s->first;
	e = store_head(a->store, &s->head, &published);
	if (e == AC_OK)
		e = tree_load(&s->tree, a->store, &s->head);
	if (e == AC_ERR_MISMATCH)
		message_set(why, "the tree in the database has not the root "
		    "of its newest head: the database is damaged");
	else if (e != AC_OK)
		message_set(why, "cannot read the tree from the database: %s",
		    store_error(a->store));
	if (e != AC_OK)
		goto out;
	e = AC_ERR_MEMORY;
	if (!init_locks(s)) {
		message_set(why, "no memory for the sequencer");
		goto out;
	}
	if (pthread_create(&s->thread, NULL, run, s) != 0) {
		message_set(why, "cannot start the sequencer's thread");
		(void)pthread_cond_destroy(&s->wake);
		(void)pthread_mutex_destroy(&s->mutex);
		goto out;
	}
	/* What an operator, and the tests of faults, find it by. */
	(void)pthread_setname_np(s->thread, "sequencer");
	*out = s;
	s = NULL; /* transferred */
	e = AC_OK;
out:
	free(s);
	return e;
}

size_t
sequence_waiting(struct sequence *s)
{
	size_t n;

	(void)pthread_mutex_lock(&s->mutex);
	n = s->nunits;
	(void)pthread_mutex_unlock(&s->mutex);
	return n;
}

enum ac_err
sequence_stop(struct sequence *s, struct message *why)
{
	enum ac_err e;

	(void)pthread_mutex_lock(&s->mutex);
	s->stopping = true;
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->mutex);
	(void)pthread_join(s->thread, NULL);
	e = s->error;
	if (e != AC_OK)
		*why = s->why;
	return e;
}

void
sequence_free(struct sequence *s)
{
	if (s == NULL)
		return;
	(void)pthread_cond_destroy(&s->wake);
	(void)pthread_mutex_destroy(&s->mutex);
	free(s);
}
