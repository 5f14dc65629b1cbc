/* follow.c -- tailing a log; see follow.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "auditor/entries.h"
#include "auditor/follow.h"
#include "auditor/ledger.h"
#include "auditor/mark.h"
#include "auditor/split.h"
#include "cert/dsse.h"
#include "common/file.h"
#include "common/hook.h"
#include "common/sha256.h"
#include "common/text.h"

#define RECHECK_MAX 64      /* missing statements asked for in one pass */
#define AFFECTED_MAX 1000   /* certificates listed in one alert */
#define AFFECTED_BYTES (1 * MIB)

/* What the threads found out about an entry of the bundle. */
struct seen {
	struct facts facts;
	struct watch_hits hits;
};

struct follow {
	struct follow_options o;
	int lock;
	char *mark_path;
	struct mark *mark;
	struct ledger *ledger;
	struct entries *entries;
	struct tiles tiles;
	struct head head;      /* being looked at */
	int64_t now_s;
	int64_t failing_since_s; /* 0: it is not */
	size_t ask_from;         /* of what is missing, in the next pass */
	uint64_t settled_size;   /* of the ledger, when what is missing was
				    last compared with its removals */
	struct message *why;
	uint64_t first;        /* index of seen[0] */
	struct entry entry[MERKLE_TILE_WIDTH];
	struct seen seen[MERKLE_TILE_WIDTH];
	struct facts facts[MERKLE_TILE_WIDTH];
	struct writer affected; /* of the revocation being told */
	size_t naffected;
};

/* ---- telling ---- */

static struct alert
alert_of(const struct follow *f, const char *kind, bool fault,
    const struct message *what)
{
	return (struct alert){ .kind = kind, .fault = fault,
		.origin = f->mark->origin, .size = f->mark->size,
		.message = span_str(what->text) };
}

static enum ac_err
give(struct follow *f, const struct alert *a)
{
	enum ac_err e = alerts_give(f->o.alerts, a, f->now_s, f->why);

	hook_at("follow-alert-given");
	return e;
}

/* About the entry with these facts. */
static enum ac_err
tell_entry(struct follow *f, const char *kind, bool fault, uint64_t index,
    const struct facts *about, const char *watch, const struct message *what)
{
	struct alert a = alert_of(f, kind, fault, what);

	a.has_index = true;
	a.index = index;
	a.watch = watch;
	if (about != NULL) {
		a.d = &about->d;
		a.key = &about->key;
	}
	return give(f, &a);
}

static enum ac_err
save(struct follow *f)
{
	return mark_write(f->mark, f->mark_path, f->why);
}

/* Something lasting begins; told once until it is over. */
static enum ac_err
begin(struct follow *f, enum mark_condition c, const char *evidence,
    const struct message *what)
{
	struct alert a = alert_of(f, mark_name(c), true, what);
	enum ac_err e;

	if (f->mark->since[c] != 0)
		return AC_OK;
	a.evidence = evidence;
	e = give(f, &a);
	if (e != AC_OK)
		return e;
	f->mark->since[c] = f->now_s > 0 ? f->now_s : 1;
	return save(f);
}

/* It is over, if it was. */
static enum ac_err
end(struct follow *f, enum mark_condition c)
{
	struct message what;
	struct alert a;
	enum ac_err e;

	if (f->mark->since[c] == 0)
		return AC_OK;
	message_set(&what, "it is over: %s, which was told at unix time %"
	    PRId64, mark_name(c), f->mark->since[c]);
	a = alert_of(f, "over", false, &what);
	a.condition = mark_name(c);
	e = give(f, &a);
	if (e != AC_OK)
		return e;
	f->mark->since[c] = 0;
	return save(f);
}

/* ---- checkpoints ---- */

/* The evidence of a fork, as a file in the state's folder; *path is owned. */
static enum ac_err
write_split(struct follow *f, char **path, struct span smaller,
    struct span larger, const struct digest node[], size_t n)
{
	struct buf file = { 0 };
	char hex[65] = "";
	struct digest d;
	struct writer w;
	enum ac_err e;

	wr_init(&w, SPLIT_FILE_MAX);
	split_write(&w, smaller, larger, node, n);
	e = wr_end(&w, &file);
	if (e == AC_OK) {
		d = sha256_of(buf_span(&file));
		text_hex(hex, span_digest(&d));
		if (asprintf(path, "%s/%.16s.split", f->o.dir, hex) < 0) {
			*path = NULL;
			e = AC_ERR_MEMORY;
		}
	}
	if (e == AC_OK)
		e = file_write(*path, buf_span(&file), 0644);
	buf_free(&file);
	if (e != AC_OK)
		message_set(f->why, "cannot write the evidence of a split "
		    "view: %s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
	return e;
}

/* The new head against the accepted one, whichever is larger. */
static enum ac_err
compare_heads(struct follow *f, struct message *what, char **evidence)
{
	bool grown = f->head.size >= f->mark->size;
	struct digest node[SPLIT_NODES_MAX];
	size_t n = 0;
	enum ac_err e;

	e = split_find(node, &n, &f->tiles,
	    grown ? f->mark->size : f->head.size,
	    grown ? &f->mark->root : &f->head.root,
	    grown ? f->head.size : f->mark->size,
	    grown ? &f->head.root : &f->mark->root, what);
	/* Told once, with one file; cosignatures make each look another. */
	if (e == AC_ERR_MISMATCH && f->mark->since[MARK_FORKED] == 0) {
		enum ac_err wrote = write_split(f, evidence,
		    grown ? buf_span(&f->mark->note) :
		    buf_span(&f->head.note),
		    grown ? buf_span(&f->head.note) :
		    buf_span(&f->mark->note), node, n);

		if (wrote != AC_OK)
			return AC_ERR_IO;
	}
	return e;
}

static bool
is_transient(enum ac_err e)
{
	return e == AC_ERR_BUSY;
}

/* A failure that is of this machine, not of the log. */
static bool
is_ours(enum ac_err e)
{
	return e == AC_ERR_IO || e == AC_ERR_MEMORY || e == AC_ERR_CRYPTO;
}

static enum ac_err
accept_head(struct follow *f)
{
	struct mark *m = f->mark;

	if (m->note.len > 0 && m->size == f->head.size &&
	    span_equal(buf_span(&m->note), buf_span(&f->head.note)))
		return AC_OK;
	memcpy(m->origin, f->head.log->name, sizeof(m->origin));
	buf_free(&m->note);
	m->note = f->head.note;
	f->head.note = (struct buf){ 0 }; /* transferred */
	m->size = f->head.size;
	m->root = f->head.root;
	return save(f);
}

/*
 * Fetch and judge the checkpoint.  *go says whether there are entries to look
 * at below the accepted one.
 */
static enum ac_err
check_signature(struct follow *f, bool *go)
{
	struct message what = { "" }, more;
	struct buf note = { 0 };
	enum ac_err e;

	*go = false;
	e = source_get(f->o.log, &note, "checkpoint", NOTE_MAX, &what);
	if (is_transient(e) || is_ours(e)) {
		*f->why = what;
		return e;
	}
	if (e == AC_OK)
		e = head_check(&f->head, f->o.policy, buf_span(&note), &more);
	else
		more = what;
	buf_free(&note);
	if (e == AC_ERR_MEMORY) {
		message_set(f->why, "out of memory");
		return e;
	}
	if (e == AC_OK && f->mark->origin[0] != '\0' &&
	    strcmp(f->mark->origin, f->head.log->name) != 0) {
		message_set(&more, "it is a checkpoint of the log %s, this "
		    "folder follows %s", f->head.log->name, f->mark->origin);
		e = AC_ERR_MISMATCH;
	}
	if (e != AC_OK) {
		message_set(&what, "the checkpoint cannot be accepted: %s",
		    more.text);
		return begin(f, MARK_BAD_CHECKPOINT, NULL, &what);
	}
	e = end(f, MARK_BAD_CHECKPOINT);
	*go = e == AC_OK;
	return e;
}

/* Quorum and age. */
static enum ac_err
check_quorum(struct follow *f, bool *go)
{
	struct message what;
	enum ac_err e;

	*go = false;
	if (!f->head.quorum) {
		message_set(&what, "the checkpoint of size %" PRIu64 " lacks "
		    "the policy's quorum and is not accepted: %s",
		    f->head.size, f->head.quorum_why.text);
		return begin(f, MARK_NO_QUORUM, NULL, &what);
	}
	e = end(f, MARK_NO_QUORUM);
	if (e != AC_OK)
		return e;
	*go = true;
	if (f->o.max_age_s > 0 && f->head.has_time &&
	    f->now_s - f->head.time_s > (int64_t)f->o.max_age_s) {
		message_set(&what, "the newest checkpoint is %" PRId64 " s "
		    "old, at most %u s are expected", f->now_s -
		    f->head.time_s, f->o.max_age_s);
		return begin(f, MARK_STALE, NULL, &what);
	}
	return end(f, MARK_STALE);
}

/* Does the head extend the accepted one?  Then it is accepted. */
static enum ac_err
check_growth(struct follow *f, bool *go)
{
	struct message what = { "" }, more;
	char *evidence = NULL;
	enum ac_err e, r = AC_OK;

	*go = false;
	e = compare_heads(f, &what, &evidence);
	if (e == AC_ERR_MISMATCH) {
		message_set(&more, "the log signed two pasts: %s", what.text);
		r = begin(f, MARK_FORKED, evidence, &more);
	} else if (is_transient(e) || is_ours(e)) {
		if (what.text[0] != '\0')
			*f->why = what;
		r = e;
	} else if (f->head.size < f->mark->size) {
		message_set(&more, "the log serves a checkpoint of size %"
		    PRIu64 ", after one of size %" PRIu64, f->head.size,
		    f->mark->size);
		r = begin(f, MARK_SHRUNK, NULL, &more);
	} else if (e != AC_OK) {
		message_set(&more, "the checkpoint of size %" PRIu64 " is not "
		    "accepted, that it extends the one of size %" PRIu64
		    " cannot be shown: %s", f->head.size, f->mark->size,
		    what.text);
		r = begin(f, MARK_BAD_TILES, NULL, &more);
	} else {
		r = end(f, MARK_FORKED);
		if (r == AC_OK)
			r = end(f, MARK_SHRUNK);
		if (r == AC_OK)
			r = end(f, MARK_BAD_TILES);
		if (r == AC_OK)
			r = accept_head(f);
		*go = r == AC_OK;
	}
	free(evidence);
	return r;
}

/* ---- entries ---- */

/* A statement is there; a look of entries.h, from several threads. */
static enum ac_err
look(void *arg, const struct entry *e, struct span statement,
    struct message *why)
{
	struct follow *f = arg;
	struct seen *s = &f->seen[e->index - f->first];
	struct statement doc = { .predicate = { NULL } };
	enum ac_err r;

	r = facts_read(&s->facts, &doc, &e->leaf, statement,
	    span_str(f->mark->origin));
	if (r != AC_OK) {
		message_set(why, "out of memory");
		return r;
	}
	watch_match(f->o.watch, &s->hits, &s->facts, &doc);
	statement_free(&doc);
	return AC_OK;
}

/* Write one certificate into the list; a ledger_each. */
static enum ac_err
list_affected(void *arg, uint64_t index, const struct facts *c)
{
	struct follow *f = arg;
	struct writer *w = &f->affected;

	if (f->naffected++ >= AFFECTED_MAX)
		return AC_OK;
	wr_str(w, f->naffected == 1 ? "[{\"index\":" : ",{\"index\":");
	wr_dec(w, index);
	wr_str(w, ",\"statement\":\"");
	wr_hex(w, span_digest(&c->d));
	wr_str(w, "\",\"builder\":\"");
	wr_hex(w, span_digest(&c->key));
	wr_str(w, "\"}");
	return AC_OK;
}

static enum ac_err
tell_revocation(struct follow *f, uint64_t index, const struct facts *x)
{
	static const char *const targets[] = { "the statement",
		"the image release", "the key" };
	struct ledger_target t = { x->target, x->about, x->from && x->here,
		x->index };
	struct message what;
	struct alert a;
	struct buf list = { 0 };
	bool counts = false;
	enum ac_err e;

	e = ledger_counts(f->ledger, &counts, x, f->o.policy, f->why);
	if (e != AC_OK)
		return e;
	message_set(&what, "a revocation of %s ", targets[x->target]);
	message_add_digest(&what, &x->about);
	if (x->from && x->here)
		message_add(&what, " from entry %" PRIu64 " on", x->index);
	message_add(&what, counts ? "" : "; it does not count: its signer is "
	    "neither who signed the target, nor the key itself, nor a revoker "
	    "of the policy");
	f->naffected = 0;
	wr_init(&f->affected, AFFECTED_BYTES);
	e = ledger_affected(f->ledger, &t, list_affected, f, f->why);
	if (e == AC_OK) {
		wr_str(&f->affected, f->naffected == 0 ? "[]" : "]");
		e = wr_end(&f->affected, &list);
		if (e != AC_OK)
			message_set(f->why, "cannot list what is affected: %s",
			    ac_strerror(e));
	}
	wr_free(&f->affected);
	if (e != AC_OK)
		return e;
	if (f->naffected > AFFECTED_MAX)
		message_add(&what, "; it affects %zu certificates, of which "
		    "the first %d are listed", f->naffected, AFFECTED_MAX);
	a = alert_of(f, !counts ? "revocation-ignored" :
	    x->target == REVOCATION_IMAGE ? "image-recall" : "revocation",
	    false, &what);
	a.has_index = true;
	a.index = index;
	a.d = &x->d;
	a.key = &x->key;
	a.affected = buf_span(&list);
	e = give(f, &a);
	buf_free(&list);
	return e;
}

/* Is it by the key that the policy has for this log's registry? */
static bool
is_registry(const struct follow *f, const struct facts *x)
{
	const struct policy_registry *r = policy_registry_by(f->o.policy,
	    span_str(f->mark->origin));

	return r != NULL && digest_equal(&r->fingerprint, &x->key);
}

static enum ac_err
tell_state(struct follow *f, uint64_t index, const struct facts *x)
{
	struct message what;
	bool right = false;

	if (!is_registry(f, x))
		return AC_OK; /* anybody may say so, it counts for nothing */
	ledger_check_state(f->ledger, &right, x);
	if (right)
		return AC_OK;
	message_set(&what, "the registry's state of revocations is not what "
	    "the log has: it counts %" PRIu32 " of the first %" PRIu64
	    " entries, with another list or number", x->count, x->index);
	return tell_entry(f, "false-revocation-state", true, index, x, NULL,
	    &what);
}

/* Everything there is to tell about an entry whose facts are known. */
static enum ac_err
tell_facts(struct follow *f, uint64_t index, const struct facts *x,
    struct watch_hits *hits)
{
	struct message what;
	enum ac_err e = AC_OK;

	watch_match_facts(f->o.watch, hits, x);
	for (size_t i = 0; e == AC_OK && i < watch_count(f->o.watch); i++) {
		if (!watch_is_hit(hits, i))
			continue;
		message_set(&what, "an entry matches what is watched for");
		e = tell_entry(f, "watched", false, index, x,
		    watch_label(f->o.watch, i), &what);
	}
	if (e == AC_OK && x->kind == FACTS_REVOCATION)
		e = tell_revocation(f, index, x);
	if (e == AC_OK && x->kind == FACTS_STATE)
		e = tell_state(f, index, x);
	if (e == AC_OK && x->kind == FACTS_REMOVAL && is_registry(f, x)) {
		message_set(&what, "the registry withholds the content of ");
		message_add_digest(&what, &x->about);
		e = tell_entry(f, "removal", false, index, x, NULL, &what);
	}
	return e;
}

/* The statement is not to be had; it is asked for again in later passes. */
static enum ac_err
miss(struct follow *f, const struct entry *x)
{
	struct mark *m = f->mark;

	if (m->nmissing == MARK_MISSING_MAX) {
		message_set(f->why, "more than %d statements are missing; "
		    "nothing further is checked before some are served",
		    MARK_MISSING_MAX);
		return AC_ERR_BUSY;
	}
	m->missing[m->nmissing++] = (struct mark_missing){ x->index,
		x->leaf.d, x->state == ENTRY_BAD_CONTENT };
	return AC_OK;
}

/* One entry of the bundle, of which the threads are done. */
static enum ac_err
tell_one(struct follow *f, size_t i)
{
	const struct entry *x = &f->entry[i];
	struct seen *s = &f->seen[i];
	enum ac_err e = AC_OK;

	switch (x->state) {
	case ENTRY_GOOD:
		return tell_facts(f, x->index, &s->facts, &s->hits);
	case ENTRY_WITHHELD:
	case ENTRY_BAD_CONTENT:
		e = miss(f, x);
		if (e == AC_OK && x->state == ENTRY_BAD_CONTENT)
			break;
		/* The key is in the leaf; a builder may be watched for. */
		return e == AC_OK ? tell_facts(f, x->index, &s->facts,
		    &s->hits) : e;
	case ENTRY_BAD_LEAF:
	case ENTRY_BAD_SIGNATURE:
		break;
	}
	if (e != AC_OK)
		return e;
	return tell_entry(f, entries_state_name(x->state), true, x->index,
	    x->state == ENTRY_BAD_LEAF ? NULL : &s->facts, NULL, &x->why);
}

/* Which entry is it that the tree does not have?  For the sentence only. */
static void
name_entry(struct follow *f, struct message *what, const struct span entry[],
    uint64_t first, unsigned offset, unsigned width)
{
	struct merkle_tile tile = { 0, first / MERKLE_TILE_WIDTH, width };
	struct digest hash[MERKLE_TILE_WIDTH];
	struct message ignored;

	if (tiles_read(f->o.log, hash, &tile, &ignored) != AC_OK)
		return;
	for (unsigned i = offset; i < width; i++) {
		struct digest leaf = merkle_leaf(entry[i]);

		if (!digest_equal(&leaf, &hash[i])) {
			message_add(what, "; entry %" PRIu64 " differs from "
			    "the tile", first + i);
			return;
		}
	}
}

/* The frontier after these leaves, if the accepted tree begins so. */
static enum ac_err
check_prefix(struct follow *f, struct merkle_frontier *frontier,
    const struct span entry[], unsigned offset, unsigned width,
    uint64_t first, struct message *what)
{
	struct digest node[SPLIT_NODES_MAX], root;
	size_t n = 0;
	enum ac_err e = AC_OK;

	for (unsigned i = offset; e == AC_OK && i < width; i++) {
		struct digest leaf = merkle_leaf(entry[i]);

		e = merkle_push(frontier, &leaf);
	}
	if (e != AC_OK)
		return e;
	root = merkle_root(frontier);
	e = split_find(node, &n, &f->tiles, frontier->size, &root,
	    f->mark->size, &f->mark->root, what);
	if (e == AC_ERR_MISMATCH) {
		message_set(what, "the entries up to %" PRIu64 " are not those "
		    "of the checkpoint", frontier->size);
		name_entry(f, what, entry, first, offset, width);
	}
	return e;
}

/* Set up the threads' work on entry[offset..width). */
static size_t
prepare(struct follow *f, const struct span entry[], uint64_t first,
    unsigned offset, unsigned width)
{
	size_t n = 0;

	f->first = first + offset;
	for (unsigned i = offset; i < width; i++, n++) {
		f->entry[n] = (struct entry){ .index = first + i,
			.body = entry[i] };
		f->seen[n] = (struct seen){ .facts = { .content = false } };
	}
	return n;
}

/* What the leaf alone says, where the statement did not say more. */
static void
fill_facts(struct follow *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct facts *x = &f->seen[i].facts;

		if (!x->content && f->entry[i].state != ENTRY_BAD_LEAF) {
			x->d = f->entry[i].leaf.d;
			x->key = spki_digest(&f->entry[i].leaf.key);
		}
		f->facts[i] = *x;
	}
}

/* Check the bundle's entries that are new, tell, and move on. */
static enum ac_err
take_entries(struct follow *f, const struct span entry[], uint64_t first,
    unsigned offset, unsigned width, const struct merkle_frontier *frontier)
{
	struct merkle_frontier was = f->mark->checked;
	size_t missing = f->mark->nmissing;
	uint64_t before = ledger_size(f->ledger);
	size_t n = prepare(f, entry, first, offset, width);
	enum ac_err e;

	e = entries_check(f->entries, f->entry, n, f->why);
	if (e != AC_OK)
		return e;
	fill_facts(f, n);
	/* Before the alerts: who is affected may stand in the same bundle. */
	e = ledger_append(f->ledger, f->facts, n, f->why);
	for (size_t i = 0; e == AC_OK && i < n; i++)
		e = tell_one(f, i);
	if (e == AC_OK) {
		f->mark->checked = *frontier;
		e = save(f);
	}
	if (e != AC_OK) {
		f->mark->checked = was;
		f->mark->nmissing = missing;
		ledger_rewind(f->ledger, before);
	}
	return e;
}

/* The bundle in which the first unchecked entry is. */
static enum ac_err
take_bundle(struct follow *f, bool *go)
{
	struct merkle_frontier frontier = f->mark->checked;
	uint64_t index = frontier.size / MERKLE_TILE_WIDTH;
	uint64_t first = index * MERKLE_TILE_WIDTH, left = f->mark->size -
	    first;
	unsigned width = left < MERKLE_TILE_WIDTH ? (unsigned)left :
	    MERKLE_TILE_WIDTH;
	unsigned offset = (unsigned)(frontier.size - first);
	struct span entry[MERKLE_TILE_WIDTH];
	struct message what = { "" };
	struct buf bundle = { 0 };
	enum ac_err e;

	*go = false;
	e = tiles_bundle(f->o.log, &bundle, entry, index, width, &what);
	if (e == AC_OK)
		e = check_prefix(f, &frontier, entry, offset, width, first,
		    &what);
	if (is_transient(e) || is_ours(e)) {
		*f->why = what;
	} else if (e != AC_OK) {
		struct message more;

		message_set(&more, "the entries from %" PRIu64 " on cannot be "
		    "checked: %s", f->mark->checked.size, what.text);
		e = begin(f, MARK_BAD_ENTRY, NULL, &more);
	} else {
		e = end(f, MARK_BAD_ENTRY);
		if (e == AC_OK)
			e = take_entries(f, entry, first, offset, width,
			    &frontier);
		*go = e == AC_OK;
	}
	buf_free(&bundle);
	return e;
}

/* ---- what is missing ---- */

struct covered {
	const struct follow *f;
	struct mark *mark;
	bool is[MARK_MISSING_MAX];
};

/* Does this record excuse something?  A ledger_each. */
static enum ac_err
cover(void *arg, uint64_t index, const struct facts *x)
{
	struct covered *c = arg;

	(void)index;
	if (x->kind != FACTS_REMOVAL || !is_registry(c->f, x))
		return AC_OK;
	for (size_t i = 0; i < c->mark->nmissing; i++)
		if (digest_equal(&c->mark->missing[i].d, &x->about))
			c->is[i] = true;
	return AC_OK;
}

/* Ask again for what was missing; *there: it is served now, and was told. */
static enum ac_err
ask_again(struct follow *f, const struct mark_missing *m, bool *there)
{
	char path[SOURCE_STATEMENT_PATH_MAX];
	struct statement doc = { .predicate = { NULL } };
	struct watch_hits hits = { { 0 } };
	struct buf statement = { 0 };
	struct facts was, now;
	struct message what;
	struct digest d;
	enum ac_err e;

	*there = false;
	source_statement_path(path, &m->d);
	e = source_get(f->o.log, &statement, path, STATEMENT_MAX, f->why);
	if (e != AC_OK)
		return is_ours(e) || is_transient(e) ? e : AC_OK;
	d = dsse_digest(buf_span(&statement));
	if (!digest_equal(&d, &m->d)) {
		buf_free(&statement);
		return AC_OK; /* still missing: this is another statement */
	}
	e = ledger_read(f->ledger, &was, m->index, f->why);
	if (e == AC_OK) {
		struct leaf leaf = { .d = m->d };

		e = facts_read(&now, &doc, &leaf, buf_span(&statement),
		    span_str(f->mark->origin));
	}
	buf_free(&statement);
	if (e == AC_OK) {
		now.key = was.key;
		watch_match(f->o.watch, &hits, &now, &doc);
		statement_free(&doc);
		e = ledger_replace(f->ledger, m->index, &now, f->why);
	}
	if (e == AC_OK)
		e = tell_facts(f, m->index, &now, &hits);
	if (e == AC_OK && m->told) {
		message_set(&what, "a statement that was withheld is served");
		e = tell_entry(f, "restored", false, m->index, &now, NULL,
		    &what);
	}
	*there = e == AC_OK;
	return e;
}

/* Drop what is covered or served again; tell what is withheld. */
static enum ac_err
settle_missing(struct follow *f)
{
	struct covered *c;
	struct mark *m = f->mark;
	size_t kept = 0, n = m->nmissing;
	enum ac_err e;

	if (n == 0)
		return AC_OK;
	c = calloc(1, sizeof(*c)); /* nothing is covered */
	if (c == NULL) {
		message_set(f->why, "out of memory");
		return AC_ERR_MEMORY;
	}
	c->f = f;
	c->mark = m;
	/* Removals that were there before covered what was missing then. */
	e = f->settled_size == ledger_size(f->ledger) ? AC_OK :
	    ledger_walk(f->ledger, 0, cover, c, f->why);
	for (size_t i = 0; i < n; i++) {
		struct mark_missing *x = &m->missing[i];
		bool there = c->is[i];
		/* In turns, so that each is asked for at some time. */
		bool turn = (i + n - f->ask_from % n) % n < RECHECK_MAX;

		if (e == AC_OK && !there && turn)
			e = ask_again(f, x, &there);
		if (e == AC_OK && !there && !x->told) {
			struct facts facts = { .d = x->d };
			struct message what;

			e = ledger_read(f->ledger, &facts, x->index, f->why);
			message_set(&what, "the statement of a logged leaf is "
			    "not served, and no removal by the registry's key "
			    "covers it");
			if (e == AC_OK)
				e = tell_entry(f, "withheld", true, x->index,
				    &facts, NULL, &what);
			x->told = e == AC_OK;
		}
		if (!there)
			m->missing[kept++] = *x;
	}
	m->nmissing = kept;
	f->ask_from += RECHECK_MAX;
	free(c);
	if (e == AC_OK)
		f->settled_size = ledger_size(f->ledger);
	return e == AC_OK || e == AC_ERR_BUSY ? save(f) == AC_OK ? e :
	    AC_ERR_IO : e;
}

/* ---- a pass ---- */

static enum ac_err
look_at_log(struct follow *f)
{
	bool go = false;
	enum ac_err e;

	e = check_signature(f, &go);
	if (e == AC_OK && go)
		e = check_quorum(f, &go);
	if (e == AC_OK && go)
		e = check_growth(f, &go);
	while (e == AC_OK && go && f->mark->checked.size < f->mark->size &&
	    (f->o.stop == NULL || *f->o.stop == 0))
		e = take_bundle(f, &go);
	if (e == AC_OK && f->mark->checked.size == f->mark->size)
		e = settle_missing(f);
	return e;
}

/* It could not be reached; told once that has lasted. */
static enum ac_err
unreachable(struct follow *f)
{
	struct message what;

	if (f->failing_since_s == 0)
		f->failing_since_s = f->now_s > 0 ? f->now_s : 1;
	if (f->now_s - f->failing_since_s < (int64_t)f->o.patience_s)
		return AC_OK;
	message_set(&what, "the log cannot be looked at: %s", f->why->text);
	return begin(f, MARK_UNREACHABLE, NULL, &what);
}

enum ac_err
follow_pass(struct follow *f, struct follow_result *out, int64_t now_s,
    struct message *why)
{
	struct message first;
	enum ac_err e, r = AC_OK;

	f->now_s = now_s;
	f->why = why;
	message_set(why, "%s", "");
	e = look_at_log(f);
	first = *why;
	if (e == AC_ERR_BUSY) {
		r = unreachable(f);
	} else if (e == AC_OK) {
		f->failing_since_s = 0;
		r = end(f, MARK_UNREACHABLE);
	}
	head_free(&f->head);
	if (r != AC_OK)
		return r;
	*out = (struct follow_result){ .size = f->mark->size,
		.checked = f->mark->checked.size,
		.reached = e != AC_ERR_BUSY, .why = first };
	for (unsigned c = 0; c < MARK_CONDITIONS; c++)
		out->open = out->open || f->mark->since[c] != 0;
	for (size_t i = 0; i < f->mark->nmissing; i++)
		out->open = out->open || f->mark->missing[i].told;
	*why = first;
	return e;
}

/* ---- life ---- */

static enum ac_err
take_folder(struct follow *f, struct message *why)
{
	char *path = NULL;

	if (asprintf(&path, "%s/lock", f->o.dir) < 0)
		return AC_ERR_MEMORY;
	f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(path);
	if (f->lock >= 0 && flock(f->lock, LOCK_EX | LOCK_NB) == 0)
		return AC_OK;
	message_set(why, "cannot take the state folder ");
	message_add_quoted(why, span_str(f->o.dir));
	message_add(why, ": %s", f->lock >= 0 && errno == EWOULDBLOCK ?
	    "another follower runs in it" : strerror(errno));
	return AC_ERR_IO;
}

/* Is the accepted checkpoint still one that counts? */
static enum ac_err
check_mark(struct follow *f, struct message *why)
{
	struct head head;
	struct message what;
	enum ac_err e;

	if (f->mark->note.len == 0)
		return AC_OK;
	e = head_check(&head, f->o.policy, buf_span(&f->mark->note), &what);
	if (e == AC_OK) {
		head_free(&head);
		return e;
	}
	message_set(why, "the checkpoint in the state does not hold under this "
	    "policy: %s", what.text);
	return AC_ERR_MISMATCH;
}

/* Images that are watched by their release; a ledger_each. */
static enum ac_err
learn(void *arg, uint64_t index, const struct facts *x)
{
	struct follow *f = arg;
	struct watch_hits ignored = { { 0 } };

	(void)index;
	if (x->kind == FACTS_RELEASE)
		watch_match_facts(f->o.watch, &ignored, x);
	return AC_OK;
}

enum ac_err
follow_open(struct follow **out, const struct follow_options *o,
    struct message *why)
{
	struct follow *f = calloc(1, sizeof(*f));
	struct entries_options eo = { NULL, o->nthreads, look, f,
		NULL };
	char *path = NULL;
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	if (f == NULL)
		return e;
	f->o = *o;
	f->lock = -1;
	f->tiles.source = o->log;
	if (source_has_statements(o->log))
		eo.statements = o->log;
	if (asprintf(&f->mark_path, "%s/state", o->dir) < 0) {
		f->mark_path = NULL;
		goto out;
	}
	if (asprintf(&path, "%s/ledger", o->dir) < 0) {
		path = NULL;
		goto out;
	}
	e = take_folder(f, why);
	if (e == AC_OK)
		e = mark_read(&f->mark, f->mark_path, why);
	if (e == AC_OK)
		e = check_mark(f, why);
	if (e == AC_OK)
		e = ledger_open(&f->ledger, path, f->mark->checked.size, false,
		    why);
	if (e == AC_OK)
		e = entries_new(&f->entries, &eo);
	if (e == AC_OK && watch_count(o->watch) > 0)
		e = ledger_walk(f->ledger, 0, learn, f, why);
	if (e != AC_OK)
		goto out;
	*out = f;
	f = NULL; /* transferred */
	e = AC_OK;
out:
	free(path);
	follow_close(f);
	return e;
}

void
follow_close(struct follow *f)
{
	if (f == NULL)
		return;
	entries_free(f->entries);
	ledger_close(f->ledger);
	mark_free(f->mark);
	head_free(&f->head);
	free(f->mark_path);
	if (f->lock >= 0)
		(void)close(f->lock);
	free(f);
}
