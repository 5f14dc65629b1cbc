/* entries.c -- leaves against statements, in threads; see entries.h. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "auditor/entries.h"
#include "cert/dsse.h"
#include "verifier/sig.h"

#define THREADS_MAX 32
#define KEYS 64 /* loaded keys that a thread remembers; builders sign often */

struct worker {
	struct entries *all;
	struct source *statements; /* its own connection */
	struct {
		struct spki spki;
		struct sig_key *key;
	} known[KEYS];
	enum ac_err err;
	struct message why;
};

struct entries {
	struct entries_options o;
	struct worker worker[THREADS_MAX];
	struct entry *entry; /* of the bundle at hand */
	size_t n;
	atomic_size_t next;
	atomic_bool failed;
};

enum ac_err
entries_new(struct entries **out, const struct entries_options *o)
{
	struct entries *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return AC_ERR_MEMORY;
	c->o = *o;
	if (c->o.nthreads > THREADS_MAX)
		c->o.nthreads = THREADS_MAX;
	for (unsigned i = 0; i < c->o.nthreads; i++) {
		c->worker[i].all = c;
		if (o->statements != NULL && source_again(
		    &c->worker[i].statements, o->statements) != AC_OK) {
			entries_free(c);
			return AC_ERR_MEMORY;
		}
	}
	*out = c;
	return AC_OK;
}

void
entries_free(struct entries *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->o.nthreads; i++) {
		source_close(c->worker[i].statements);
		for (size_t k = 0; k < KEYS; k++)
			sig_key_free(c->worker[i].known[k].key);
	}
	free(c);
}

const char *
entries_state_name(enum entry_state s)
{
	switch (s) {
	case ENTRY_GOOD:
		return "good";
	case ENTRY_BAD_LEAF:
		return "bad-leaf";
	case ENTRY_BAD_SIGNATURE:
		return "bad-signature";
	case ENTRY_BAD_CONTENT:
		return "bad-content";
	case ENTRY_WITHHELD:
		return "withheld";
	}
	return "unknown";
}

/* The loaded key; kept for the next entry.  AC_ERR_FORMAT: no point. */
static enum ac_err
load_key(struct worker *w, const struct sig_key **out, const struct spki *spki)
{
	/* A byte of the abscissa, which is as good as random. */
	unsigned slot = spki->b[SPKI_LEN - SPKI_POINT_LEN + 1] % KEYS;
	struct sig_key *key = NULL;
	enum ac_err e;

	if (w->known[slot].key == NULL || !span_equal(
	    span_of(w->known[slot].spki.b, SPKI_LEN),
	    span_of(spki->b, SPKI_LEN))) {
		e = sig_key_new(&key, spki);
		if (e != AC_OK)
			return e;
		sig_key_free(w->known[slot].key);
		w->known[slot].key = key;
		w->known[slot].spki = *spki;
	}
	*out = w->known[slot].key;
	return AC_OK;
}

static void
judge(struct entry *e, enum entry_state state, const char *what)
{
	e->state = state;
	message_set(&e->why, "%s", what);
}

/* Leaf and signature. */
static enum ac_err
check_leaf(struct worker *w, struct entry *e)
{
	const struct sig_key *key = NULL;
	enum ac_err r;

	e->state = ENTRY_GOOD;
	if (leaf_decode(&e->leaf, e->body) != AC_OK) {
		judge(e, ENTRY_BAD_LEAF, "the entry is not the canonical "
		    "hashedrekord 0.0.2 body of a P-256 signature");
		return AC_OK;
	}
	r = load_key(w, &key, &e->leaf.key);
	if (r == AC_OK)
		r = sig_p256(key, &e->leaf.d, span_of(e->leaf.sig,
		    e->leaf.siglen));
	if (r == AC_ERR_FORMAT || r == AC_ERR_MISMATCH) {
		judge(e, ENTRY_BAD_SIGNATURE, "the signature in the leaf does "
		    "not hold for its D under its key");
		return AC_OK;
	}
	if (r != AC_OK)
		message_set(&w->why, "cannot check a signature: %s",
		    ac_strerror(r));
	return r;
}

/* The statement that is served under D. */
static enum ac_err
check_content(struct worker *w, struct entry *e)
{
	const struct entries_options *o = &w->all->o;
	char path[SOURCE_STATEMENT_PATH_MAX];
	struct buf statement = { 0 };
	struct digest d;
	enum ac_err r;

	source_statement_path(path, &e->leaf.d);
	r = source_get(w->statements, &statement, path, STATEMENT_MAX,
	    &w->why);
	if (r == AC_ERR_NOT_FOUND) {
		e->state = ENTRY_WITHHELD;
		e->why = w->why;
		return AC_OK;
	}
	if (r == AC_ERR_LIMIT) {
		judge(e, ENTRY_BAD_CONTENT, "what is served under D is larger "
		    "than a statement may be");
		return AC_OK;
	}
	if (r != AC_OK)
		/* A refusal is no answer either: it is asked again. */
		return r == AC_ERR_MISMATCH ? AC_ERR_BUSY : r;
	d = dsse_digest(buf_span(&statement));
	if (!digest_equal(&d, &e->leaf.d)) {
		judge(e, ENTRY_BAD_CONTENT, "what is served under D is another "
		    "statement, whose D is ");
		message_add_digest(&e->why, &d);
	} else if (o->look != NULL) {
		r = o->look(o->arg, e, buf_span(&statement), &w->why);
	}
	buf_free(&statement);
	return r;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct entries *c = w->all;
	size_t i;

	w->err = AC_OK;
	while (w->err == AC_OK && !atomic_load(&c->failed) &&
	    (i = atomic_fetch_add(&c->next, 1)) < c->n) {
		struct entry *e = &c->entry[i];

		w->err = check_leaf(w, e);
		if (w->err == AC_OK && e->state == ENTRY_GOOD &&
		    w->statements != NULL && (c->o.has == NULL ||
		    !c->o.has(c->o.arg, e)))
			w->err = check_content(w, e);
	}
	if (w->err != AC_OK)
		atomic_store(&c->failed, true);
	return NULL;
}

enum ac_err
entries_check(struct entries *c, struct entry e[], size_t n,
    struct message *why)
{
	pthread_t thread[THREADS_MAX];
	unsigned nthreads = 0;

	c->entry = e;
	c->n = n;
	atomic_store(&c->next, 0);
	atomic_store(&c->failed, false);
	for (unsigned i = 0; i < c->o.nthreads; i++)
		c->worker[i].err = AC_OK;
	/* The last worker is this thread; fewer threads are only slower. */
	while (nthreads + 1 < c->o.nthreads && nthreads + 1 < n &&
	    pthread_create(&thread[nthreads], NULL, work,
	    &c->worker[nthreads]) == 0)
		nthreads++;
	(void)work(&c->worker[c->o.nthreads - 1]);
	for (unsigned i = 0; i < nthreads; i++)
		(void)pthread_join(thread[i], NULL);
	for (unsigned i = 0; i < c->o.nthreads; i++)
		if (c->worker[i].err != AC_OK) {
			*why = c->worker[i].why;
			return c->worker[i].err;
		}
	return AC_OK;
}
