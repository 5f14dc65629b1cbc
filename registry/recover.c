/* recover.c -- leaves and statements from elsewhere; see recover.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cert/checkpoint.h"
#include "cert/leaf.h"
#include "common/file.h"
#include "common/http.h"
#include "common/reader.h"
#include "registry/halt.h"
#include "registry/home.h"
#include "registry/proof.h"
#include "registry/recover.h"
#include "registry/signer.h"
#include "registry/tree.h"
#include "verifier/sig.h"

#define TIMEOUT_S 60
#define BUNDLE_MAX (MERKLE_TILE_WIDTH * (LEAF_MAX + (size_t)2))
#define HEADS_MAX 4 /* signer, public folder, halt, the copy */

/* A head under the log's signature, and who knows it. */
struct known {
	struct store_head head;
	const char *who;
};

/* A copy of the log. */
struct copy {
	const char *at;
	struct http_client *http; /* NULL: at is a folder */
};

struct recover {
	const char *dir;
	struct copy from, statements;
	int lock_fd;
	struct store *store;
	struct proof *proof;
	struct store_log log;
	struct signer *signer;
	struct halt *halt;
	struct store_head ours;
	struct tree tree;
	size_t nknown;
	struct known known[HEADS_MAX];
	struct known largest;
};

/* ---- the copy ---- */

static enum ac_err
open_copy(struct copy *c, const char *at, struct message *why)
{
	enum ac_err e = AC_OK;

	c->at = at;
	if (strstr(at, "://") != NULL)
		e = http_client_new(&c->http, NULL);
	if (e != AC_OK)
		message_set(why, "no memory");
	return e;
}

/* A file below the copy's prefix. */
static enum ac_err
fetch(const struct copy *c, struct buf *out, const char *path, size_t max,
    struct message *why)
{
	struct http_answer a = { 0 };
	char file[HOME_PATH_MAX];
	char *url = NULL;
	enum ac_err e;

	if (c->http == NULL) {
		e = home_path(file, c->at, path, why);
		if (e != AC_OK)
			return e;
		e = file_read(out, file, max);
		if (e != AC_OK)
			message_set(why, "cannot read %s: %s", file,
			    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
		return e;
	}
	e = http_url(&url, c->at, path, why);
	if (e == AC_OK)
		e = http_client_get(c->http, &a, url, max, TIMEOUT_S, why);
	if (e == AC_OK && a.status != 200) {
		message_set(why, "%s answers %u", url, a.status);
		/* Absent, gone, withheld; else it may yet have it. */
		e = a.status == 404 || a.status == 410 || a.status == 451 ?
		    AC_ERR_NOT_FOUND : AC_ERR_BUSY;
	}
	if (e == AC_OK) {
		*out = a.body;
		a.body = (struct buf){ 0 }; /* transferred */
	}
	http_answer_free(&a);
	free(url);
	return e;
}

/* ---- the signed heads ---- */

static enum ac_err
add_known(struct recover *r, const struct store_head *head, const char *who,
    struct message *why)
{
	for (size_t i = 0; i < r->nknown; i++) {
		const struct known *k = &r->known[i];

		if (k->head.size != head->size ||
		    digest_equal(&k->head.root, &head->root))
			continue;
		message_set(why, "two heads of size %" PRIu64 " were signed: "
		    "%s has one, %s another; this log is forked and cannot go "
		    "on: \"aicert-registry freeze\" it, and begin a new "
		    "origin", head->size, k->who, who);
		return AC_ERR_MISMATCH;
	}
	r->known[r->nknown++] = (struct known){ *head, who };
	if (r->nknown == 1 || head->size > r->largest.head.size)
		r->largest = r->known[r->nknown - 1];
	return AC_OK;
}

/* The head of a checkpoint that must be under this log's signature. */
static enum ac_err
add_note(struct recover *r, struct span bytes, const char *who,
    struct message *why)
{
	const struct note_key *key = signer_log_key(r->signer);
	struct note *note = malloc(sizeof(*note));
	struct store_head head;
	struct checkpoint c;
	int64_t time_s;
	enum ac_err e = AC_ERR_MEMORY;

	if (note != NULL)
		e = note_parse(note, bytes);
	if (e == AC_OK)
		e = checkpoint_parse(&c, note->text);
	if (e == AC_OK && !span_is(c.origin, key->name))
		e = AC_ERR_MISMATCH;
	if (e == AC_OK)
		e = sig_note(&time_s, note, key);
	if (e != AC_OK) {
		message_set(why, "the checkpoint of %s is none under the "
		    "signature of %s: %s", who, key->name, ac_strerror(e));
		goto out;
	}
	head = (struct store_head){ c.size, c.root };
	e = add_known(r, &head, who, why);
out:
	free(note);
	return e;
}

/* Everybody who may know a head of this log. */
static enum ac_err
collect(struct recover *r, struct message *why)
{
	struct store_head last = signer_last(r->signer);
	char path[HOME_PATH_MAX];
	struct buf note = { 0 };
	enum ac_err e;

	e = add_known(r, &last, "the signer's state", why);
	if (e == AC_OK)
		e = home_path(path, r->dir, HOME_PUBLIC "/checkpoint", why);
	if (e == AC_OK && file_read(&note, path, NOTE_MAX) == AC_OK)
		e = add_note(r, buf_span(&note), "the public folder", why);
	buf_free(&note);
	if (e == AC_OK && halt_checkpoint(r->halt, &note) == AC_OK)
		e = add_note(r, buf_span(&note), "the file \"halted\"", why);
	buf_free(&note);
	if (e == AC_OK)
		e = fetch(&r->from, &note, "checkpoint", NOTE_MAX, why);
	if (e == AC_OK)
		e = add_note(r, buf_span(&note), "the copy", why);
	buf_free(&note);
	if (e != AC_OK)
		return e;
	if (r->known[r->nknown - 1].head.size < r->largest.head.size) {
		message_set(why, "the copy has size %" PRIu64 ", and %s knows "
		    "a signed head of size %" PRIu64 ": find a copy that has "
		    "it; if there is none, \"aicert-registry freeze\" this "
		    "log and begin a new origin",
		    r->known[r->nknown - 1].head.size, r->largest.who,
		    r->largest.head.size);
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

/* ---- the leaves ---- */

static enum ac_err
put_leaf(struct recover *r, struct span body, struct message *why)
{
	struct store_entry entry = { .index = r->tree.size };
	struct leaf leaf;
	uint64_t index;
	enum ac_err e = leaf_decode(&leaf, body);

	if (e != AC_OK) {
		message_set(why, "entry %" PRIu64 " of the copy is no leaf of "
		    "this log", r->tree.size);
		return AC_ERR_MISMATCH;
	}
	entry.d = leaf.d;
	entry.key = leaf.key;
	entry.sig = span_of(leaf.sig, leaf.siglen);
	entry.leaf = merkle_leaf(body);
	e = store_put_entry(r->store, &index, &entry);
	if (e == AC_ERR_EXISTS) {
		message_set(why, "entry %" PRIu64 " of the copy repeats entry "
		    "%" PRIu64, entry.index, index);
		return AC_ERR_MISMATCH;
	}
	if (e == AC_OK)
		e = tree_push(&r->tree, r->store, &entry.leaf);
	if (e != AC_OK)
		message_set(why, "cannot store entry %" PRIu64 ": %s",
		    entry.index, store_error(r->store));
	return e;
}

/* The entries of one bundle that are not there yet. */
static enum ac_err
put_bundle(struct recover *r, uint64_t index, struct message *why)
{
	uint64_t first = index * MERKLE_TILE_WIDTH;
	uint64_t left = r->largest.head.size - first;
	struct merkle_tile tile = { 0, index, left < MERKLE_TILE_WIDTH ?
		(unsigned)left : MERKLE_TILE_WIDTH };
	char path[MERKLE_TILE_PATH_MAX];
	struct buf bundle = { 0 };
	struct reader in;
	struct span body;
	enum ac_err e;

	merkle_tile_path(path, &tile, true);
	e = fetch(&r->from, &bundle, path, BUNDLE_MAX, why);
	in = rd_of(buf_span(&bundle));
	for (unsigned i = 0; e == AC_OK && i < tile.width; i++) {
		if (!rd_take_be16(&in, &body, LEAF_MAX)) {
			message_set(why, "%s of the copy is damaged", path);
			e = AC_ERR_MISMATCH;
		} else if (first + i >= r->tree.size) {
			e = put_leaf(r, body, why);
		}
	}
	buf_free(&bundle);
	return e;
}

/* Is every signed head one of the tree that was read? */
static enum ac_err
check_known(struct recover *r, struct message *why)
{
	const struct store_head *to = &r->largest.head;

	for (size_t i = 0; i < r->nknown; i++) {
		const struct known *k = &r->known[i];
		struct digest proof[MERKLE_PROOF_MAX];
		size_t n = 0;
		enum ac_err e = AC_OK;

		if (k->head.size == 0)
			continue;
		e = proof_consistency(r->proof, proof, &n, k->head.size,
		    to->size);
		if (e == AC_OK)
			e = merkle_check_consistency(k->head.size, to->size,
			    &k->head.root, &to->root, proof, n);
		if (e != AC_OK) {
			message_set(why, "the head of size %" PRIu64 " that %s "
			    "knows is not of the tree of %s; this log is "
			    "forked and cannot go on: \"aicert-registry "
			    "freeze\" it, and begin a new origin",
			    k->head.size, k->who, r->largest.who);
			return AC_ERR_MISMATCH;
		}
	}
	return AC_OK;
}

/* One transaction: leaves, tiles and head, or nothing. */
static enum ac_err
import(struct recover *r, struct message *why)
{
	const struct store_head *to = &r->largest.head;
	struct digest root;
	enum ac_err e = store_begin(r->store);

	if (e != AC_OK) {
		message_set(why, "cannot write the database: %s",
		    store_error(r->store));
		return e;
	}
	while (e == AC_OK && r->tree.size < to->size)
		e = put_bundle(r, r->tree.size / MERKLE_TILE_WIDTH, why);
	if (e != AC_OK)
		return e;
	root = tree_root(&r->tree);
	if (!digest_equal(&root, &to->root)) {
		message_set(why, "with the copy's entries the tree has not the "
		    "root of the head of size %" PRIu64 " that %s knows: the "
		    "database here, or the copy, is of another tree; move "
		    "%s/" HOME_DATABASE " away to read everything from the "
		    "copy, or try another copy", to->size, r->largest.who,
		    r->dir);
		return AC_ERR_MISMATCH;
	}
	e = tree_save(&r->tree, r->store);
	if (e == AC_OK && to->size > r->ours.size)
		e = store_put_head(r->store, &r->ours, to);
	if (e != AC_OK) {
		message_set(why, "cannot write the database: %s",
		    store_error(r->store));
		return e;
	}
	e = check_known(r, why);
	if (e != AC_OK)
		return e;
	e = store_commit(r->store);
	if (e != AC_OK)
		message_set(why, "cannot commit: %s", store_error(r->store));
	return e;
}

/* ---- the log ---- */

/* The origin and URL of a log whose database is lost: its policy line. */
static enum ac_err
make_database(const char *dir, const char *database, struct message *why)
{
	struct span word, name, url = { NULL, 0 };
	char path[HOME_PATH_MAX], origin[256] = "", where[256] = "";
	struct buf text = { 0 };
	struct reader r, line;
	enum ac_err e = home_path(path, dir, HOME_KEYS, why);

	if (e != AC_OK)
		return e;
	e = file_read(&text, path, NOTE_MAX);
	if (e != AC_OK) {
		message_set(why, "cannot read %s, which says how the log of "
		    "the lost database is called: %s", path,
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
		return e;
	}
	r = rd_of(buf_span(&text));
	e = AC_ERR_FORMAT;
	if (rd_line(&r, &word)) {
		line = rd_of(word);
		if (rd_until(&line, &word, ' ') && span_is(word, "log") &&
		    rd_until(&line, &name, '+') &&
		    name.len < sizeof(origin)) {
			if (rd_until(&line, &word, ' '))
				url = line.left;
			e = AC_OK;
		}
	}
	if (e == AC_OK && url.len < sizeof(where)) {
		memcpy(origin, name.p, name.len);
		if (url.len > 0)
			memcpy(where, url.p, url.len);
		e = store_create(database, origin, where, (int64_t)time(NULL),
		    why);
	} else {
		message_set(why, "%s does not begin with the log's line", path);
	}
	buf_free(&text);
	return e;
}

static enum ac_err
open_log(struct recover *r, struct recover_result *out, struct message *why)
{
	char database[HOME_PATH_MAX];
	bool published;
	enum ac_err e;

	e = home_path(database, r->dir, HOME_DATABASE, why);
	if (e != AC_OK)
		return e;
	if (access(database, F_OK) != 0) {
		e = make_database(r->dir, database, why);
		if (e != AC_OK)
			return e;
		out->made = true;
	}
	e = home_lock(&r->lock_fd, r->dir, why);
	if (e == AC_OK)
		e = store_open(&r->store, database, true, why);
	if (e != AC_OK)
		return e;
	message_set(why, "no memory");
	e = store_log(r->store, &r->log);
	if (e == AC_OK)
		e = proof_new(&r->proof, r->store);
	if (e == AC_OK)
		e = signer_open(&r->signer, r->dir, (const char *)
		    r->log.origin.p, why);
	if (e == AC_OK)
		e = halt_open(&r->halt, r->dir, NULL, why);
	if (e == AC_ERR_FORMAT && r->signer != NULL)
		message_add(why, "; remove it after a look at it");
	if (e == AC_OK) {
		e = store_head(r->store, &r->ours, &published);
		if (e == AC_OK)
			e = tree_load(&r->tree, r->store, &r->ours);
		if (e != AC_OK)
			message_set(why, "the tree in %s cannot be read: move "
			    "it away to read everything from the copy",
			    database);
	}
	return e;
}

/* ---- the statements ---- */

static enum ac_err
get_statement(void *arg, struct buf *out, const char *path, size_t max,
    struct message *why)
{
	const struct copy *c = arg;

	return fetch(c, out, path, max, why);
}

/* Fill the leaves that are alone. */
static enum ac_err
restore(struct recover *r, struct restore_result *out, struct message *why)
{
	struct restore_options o = { .get = get_statement,
		.arg = &r->statements, .size = r->largest.head.size };
	struct notary *notary = NULL;
	enum ac_err e;

	/* Without its key nobody can tell which removals are the log's own. */
	if (notary_open(&notary, r->dir, why) == AC_OK)
		o.notary = notary;
	e = restore_run(r->store, &o, out, why);
	notary_close(notary);
	if (e != AC_OK)
		message_add(why, "; the leaves are there, and the same command "
		    "goes on with the statements");
	return e;
}

/* A database that was made and could not be filled. */
static void
remove_database(const char *dir)
{
	static const char *const name[] = { HOME_DATABASE,
		HOME_DATABASE "-wal", HOME_DATABASE "-shm" };
	char path[HOME_PATH_MAX];
	struct message ignored;

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		if (home_path(path, dir, name[i], &ignored) == AC_OK)
			(void)unlink(path);
}

enum ac_err
recover_run(const char *dir, const char *from, const char *statements,
    struct recover_result *out, struct message *why)
{
	struct recover *r = calloc(1, sizeof(*r));
	struct recover_result result = { 0 };
	enum ac_err e = AC_ERR_MEMORY;
	bool imported = false;

	message_set(why, "no memory");
	if (r == NULL)
		return e;
	*r = (struct recover){ .dir = dir, .lock_fd = -1 };
	e = open_log(r, &result, why);
	if (e == AC_OK)
		e = open_copy(&r->from, from, why);
	if (e == AC_OK)
		e = open_copy(&r->statements, statements != NULL ?
		    statements : from, why);
	if (e == AC_OK)
		e = collect(r, why);
	result.before = result.after = r->ours.size;
	if (e == AC_OK && r->largest.head.size < r->ours.size) {
		message_set(why, "there is nothing to recover: the database "
		    "has size %" PRIu64 ", and no larger head is known than "
		    "that of size %" PRIu64, r->ours.size,
		    r->largest.head.size);
		e = AC_ERR_EXISTS;
	}
	if (e == AC_OK)
		e = import(r, why);
	imported = e == AC_OK;
	if (e == AC_OK) {
		result.after = r->largest.head.size;
		e = halt_clear(r->halt, why);
	}
	if (e == AC_OK)
		e = restore(r, &result.statements, why);
	if (e == AC_OK)
		*out = result;
	halt_free(r->halt);
	signer_close(r->signer);
	proof_free(r->proof);
	store_log_free(&r->log);
	/* What was not committed is gone with this. */
	store_close(r->store);
	if (!imported && result.made)
		remove_database(dir);
	http_client_free(r->from.http);
	http_client_free(r->statements.http);
	if (r->lock_fd >= 0)
		(void)close(r->lock_fd);
	free(r);
	return e;
}
