/*
 * store.c -- the store in SQLite: the one door to sqlite3; see store.h.
 * WAL with synchronous=FULL: a commit that returned is on the disk.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "registry/schema.h"
#include "registry/store.h"

#define APPLICATION_ID 0x61694365 /* as in schema.sql */
#define SCHEMA_VERSION 1
#define BUSY_MS 10000 /* a reader may wait so long for the WAL's recovery */

enum query {
	Q_LOG,
	Q_HEAD,
	Q_PUBLISHED,
	Q_FIND,
	Q_FIND_LEAF,
	Q_FIND_ALL,
	Q_LINES,
	Q_EVIDENCE,
	Q_ROW,
	Q_STATEMENT,
	Q_FIRST_HEAD,
	Q_BY_DIGEST,
	Q_TILE,
	Q_BODIES,
	Q_READS, /* what follows is the writer's */
	Q_BEGIN = Q_READS,
	Q_COMMIT,
	Q_KEEP_NOTE,
	Q_PUT_STATEMENT,
	Q_PUT_KEY,
	Q_PUT_ENTRY,
	Q_PUT_NAMED,
	Q_PUT_LINE,
	Q_PUT_TILE,
	Q_PUT_HEAD,
	Q_ALL
};

static const char *const sql[Q_ALL] = {
	[Q_LOG] = "SELECT origin, url, created FROM log",
	[Q_HEAD] = "SELECT size, root, note IS NOT NULL FROM head "
	    "ORDER BY size DESC LIMIT 1",
	[Q_PUBLISHED] = "SELECT size, root, 1 FROM head "
	    "WHERE note IS NOT NULL ORDER BY size DESC LIMIT 1",
	[Q_FIND] = "SELECT e.idx FROM statement s "
	    "JOIN entry e ON e.statement = s.id "
	    "JOIN key k ON k.id = e.key WHERE s.d = ?1 AND k.spki = ?2",
	[Q_FIND_LEAF] = "SELECT idx FROM entry WHERE leaf = ?1",
	[Q_FIND_ALL] = "SELECT e.idx FROM statement s "
	    "JOIN entry e ON e.statement = s.id "
	    "WHERE s.d = ?1 AND e.idx < ?2 ORDER BY e.idx LIMIT ?3",
	[Q_LINES] = "SELECT entry FROM line WHERE certificate = ?1 "
	    "AND entry < ?2 ORDER BY part, entry LIMIT ?3",
	[Q_EVIDENCE] = "SELECT s.d FROM line l JOIN entry e ON e.idx = l.entry "
	    "JOIN statement s ON s.id = e.statement "
	    "WHERE l.certificate = ?1 AND l.part = 2",
	[Q_ROW] = "SELECT s.d, k.spki, e.sig, s.type, s.content, e.body "
	    "FROM entry e JOIN statement s ON s.id = e.statement "
	    "JOIN key k ON k.id = e.key WHERE e.idx = ?1",
	[Q_STATEMENT] = "SELECT content FROM statement s WHERE d = ?1 AND "
	    "EXISTS (SELECT 1 FROM entry WHERE statement = s.id AND idx < ?2)",
	[Q_FIRST_HEAD] = "SELECT size, root, note FROM head "
	    "WHERE size > ?1 AND note IS NOT NULL ORDER BY size LIMIT 1",
	[Q_BY_DIGEST] = "SELECT e.idx, s.d, k.spki, n.role, s.type "
	    "FROM named n JOIN entry e ON e.idx = n.entry "
	    "JOIN statement s ON s.id = e.statement "
	    "JOIN key k ON k.id = e.key "
	    "WHERE n.value = ?1 AND n.alg = ?2 AND n.entry >= ?3 "
	    "AND n.entry < ?4 ORDER BY n.entry, n.role LIMIT ?5",
	[Q_TILE] = "SELECT hashes FROM tile WHERE level = ?1 AND idx = ?2",
	[Q_BODIES] = "SELECT idx, body FROM entry WHERE idx >= ?1 "
	    "ORDER BY idx LIMIT ?2",
	[Q_BEGIN] = "BEGIN IMMEDIATE",
	[Q_COMMIT] = "COMMIT",
	[Q_KEEP_NOTE] = "UPDATE head SET note = ?2 "
	    "WHERE size = ?1 AND note IS NULL",
	[Q_PUT_STATEMENT] = "INSERT INTO statement (d, type, content) "
	    "VALUES (?1, ?2, ?3) ON CONFLICT (d) DO NOTHING",
	[Q_PUT_KEY] = "INSERT INTO key (spki) VALUES (?1) "
	    "ON CONFLICT (spki) DO NOTHING",
	[Q_PUT_ENTRY] = "INSERT INTO entry (idx, statement, key, sig, leaf, "
	    "body) VALUES (?1, (SELECT id FROM statement WHERE d = ?2), "
	    "(SELECT id FROM key WHERE spki = ?3), ?4, ?5, ?6)",
	[Q_PUT_NAMED] = "INSERT INTO named (value, alg, entry, role) "
	    "VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
	[Q_PUT_LINE] = "INSERT INTO line (certificate, part, entry) "
	    "VALUES (?1, ?2, ?3) "
	    "ON CONFLICT (certificate, part, entry) DO NOTHING",
	[Q_PUT_TILE] = "INSERT INTO tile (level, idx, hashes) "
	    "VALUES (?1, ?2, ?3) ON CONFLICT (level, idx) "
	    "DO UPDATE SET hashes = excluded.hashes",
	/* The compare-and-swap: no row where the newest head is another. */
	[Q_PUT_HEAD] = "INSERT INTO head (size, root) SELECT ?3, ?4 "
	    "FROM head WHERE size = (SELECT max(size) FROM head) "
	    "AND size = ?1 AND root = ?2 AND ?3 > ?1",
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *q[Q_ALL];
	const char *error; /* of the last failure; lives with the database */
};

/* ---- one way to run a statement ---- */

static void
bind_int(struct store *s, enum query q, int i, uint64_t v)
{
	(void)sqlite3_bind_int64(s->q[q], i, (sqlite3_int64)v);
}

/* The bytes stay with the caller until the statement is reset. */
static void
bind_blob(struct store *s, enum query q, int i, struct span v)
{
	/* A NULL pointer would bind NULL. */
	(void)sqlite3_bind_blob64(s->q[q], i, v.p == NULL ? "" :
	    (const void *)v.p, v.len, SQLITE_STATIC);
}

static void
bind_digest(struct store *s, enum query q, int i, const struct digest *d)
{
	bind_blob(s, q, i, span_digest(d));
}

static void
bind_text(struct store *s, enum query q, int i, struct span v)
{
	(void)sqlite3_bind_text64(s->q[q], i, v.p == NULL ? "" :
	    (const char *)v.p, v.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* AC_OK: a row stands ready; AC_ERR_NOT_FOUND: no more rows. */
static enum ac_err
step(struct store *s, enum query q)
{
	switch (sqlite3_step(s->q[q])) {
	case SQLITE_ROW:
		return AC_OK;
	case SQLITE_DONE:
		return AC_ERR_NOT_FOUND;
	default:
		s->error = sqlite3_errmsg(s->db);
		return AC_ERR_IO;
	}
}

static void
reset(struct store *s, enum query q)
{
	(void)sqlite3_reset(s->q[q]);
	(void)sqlite3_clear_bindings(s->q[q]);
}

/* Run a statement that gives no rows. */
static enum ac_err
run(struct store *s, enum query q)
{
	enum ac_err e = step(s, q);

	reset(s, q);
	return e == AC_ERR_NOT_FOUND ? AC_OK : AC_ERR_IO;
}

static struct span
column(struct store *s, enum query q, int i)
{
	const void *p = sqlite3_column_blob(s->q[q], i);
	int n = sqlite3_column_bytes(s->q[q], i);

	return span_of(p, n > 0 ? (size_t)n : 0);
}

static uint64_t
column_int(struct store *s, enum query q, int i)
{
	return (uint64_t)sqlite3_column_int64(s->q[q], i);
}

/* A column of exactly len bytes. */
static enum ac_err
column_exact(struct store *s, enum query q, int i, void *out, size_t len)
{
	struct span v = column(s, q, i);

	if (v.len != len || v.p == NULL) {
		s->error = "a value has the wrong length";
		return AC_ERR_IO;
	}
	memcpy(out, v.p, len);
	return AC_OK;
}

static enum ac_err
column_digest(struct store *s, enum query q, int i, struct digest *out)
{
	return column_exact(s, q, i, out->b, sizeof(out->b));
}

/* One row, one integer. */
static enum ac_err
get_int(struct store *s, enum query q, uint64_t *out)
{
	enum ac_err e = step(s, q);

	if (e == AC_OK)
		*out = column_int(s, q, 0);
	reset(s, q);
	return e;
}

/* The first column of at most max rows. */
static enum ac_err
get_ints(struct store *s, enum query q, uint64_t out[], size_t *n, size_t max)
{
	enum ac_err e = AC_OK;
	size_t i = 0;

	while (i < max && (e = step(s, q)) == AC_OK)
		out[i++] = column_int(s, q, 0);
	reset(s, q);
	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		return e;
	*n = i;
	return AC_OK;
}

/* ---- opening ---- */

/* An integer pragma, or -1. */
static int64_t
pragma(sqlite3 *db, const char *text)
{
	sqlite3_stmt *q = NULL;
	int64_t v = -1;

	if (sqlite3_prepare_v2(db, text, -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	(void)sqlite3_finalize(q);
	return v;
}

static bool
is_wal(sqlite3 *db)
{
	sqlite3_stmt *q = NULL;
	bool wal = false;

	if (sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &q, NULL) ==
	    SQLITE_OK && sqlite3_step(q) == SQLITE_ROW) {
		const unsigned char *mode = sqlite3_column_text(q, 0);

		wal = mode != NULL && strcmp((const char *)mode, "wal") == 0;
	}
	(void)sqlite3_finalize(q);
	return wal;
}

static enum ac_err
execute(sqlite3 *db, const char *text, struct message *why)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK)
		return AC_OK;
	message_set(why, "the database says: %s", sqlite3_errmsg(db));
	return AC_ERR_IO;
}

static enum ac_err
insert_log(sqlite3 *db, const char *origin, const char *url, int64_t created_s,
    struct message *why)
{
	sqlite3_stmt *q = NULL;
	enum ac_err e = AC_OK;

	if (sqlite3_prepare_v2(db, "INSERT INTO log VALUES (1, ?1, ?2, ?3)",
	    -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(q, 1, origin, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(q, 2, url, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(q, 3, created_s) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_DONE) {
		message_set(why, "the database says: %s", sqlite3_errmsg(db));
		e = AC_ERR_IO;
	}
	(void)sqlite3_finalize(q);
	return e;
}

static enum ac_err
insert_empty_head(sqlite3 *db, struct message *why)
{
	struct digest empty = merkle_empty();
	sqlite3_stmt *q = NULL;
	enum ac_err e = AC_OK;

	if (sqlite3_prepare_v2(db, "INSERT INTO head (size, root) "
	    "VALUES (0, ?1)", -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_bind_blob(q, 1, empty.b, sizeof(empty.b), SQLITE_STATIC) !=
	    SQLITE_OK || sqlite3_step(q) != SQLITE_DONE) {
		message_set(why, "the database says: %s", sqlite3_errmsg(db));
		e = AC_ERR_IO;
	}
	(void)sqlite3_finalize(q);
	return e;
}

enum ac_err
store_create(const char *path, const char *origin, const char *url,
    int64_t created_s, struct message *why)
{
	enum ac_err e = AC_ERR_IO;
	struct stat st;
	sqlite3 *db = NULL;

	if (lstat(path, &st) == 0) {
		message_set(why, "%s is there already", path);
		return AC_ERR_EXISTS;
	}
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		message_set(why, "cannot create %s: %s", path,
		    db == NULL ? "no memory" : sqlite3_errmsg(db));
		goto out;
	}
	e = execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
	    why);
	if (e == AC_OK)
		e = execute(db, "BEGIN", why);
	if (e == AC_OK)
		e = execute(db, schema_sql, why);
	if (e == AC_OK)
		e = insert_log(db, origin, url, created_s, why);
	if (e == AC_OK)
		e = insert_empty_head(db, why);
	if (e == AC_OK)
		e = execute(db, "COMMIT", why);
out:
	(void)sqlite3_close(db);
	return e;
}

enum ac_err
store_open(struct store **out, const char *path, bool writer,
    struct message *why)
{
	struct store *s = calloc(1, sizeof(*s));
	int last = writer ? Q_ALL : Q_READS;
	enum ac_err e = AC_ERR_IO;

	if (s == NULL) {
		message_set(why, "no memory to open %s", path);
		return AC_ERR_MEMORY;
	}
	s->error = "no error";
	if (sqlite3_open_v2(path, &s->db, (writer ? SQLITE_OPEN_READWRITE :
	    SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		message_set(why, "cannot open %s: %s; a log's directory is "
		    "made by \"aicert-registry init\"", path,
		    s->db == NULL ? "no memory" : sqlite3_errmsg(s->db));
		goto out;
	}
	(void)sqlite3_busy_timeout(s->db, BUSY_MS);
	if (pragma(s->db, "PRAGMA application_id") != APPLICATION_ID ||
	    pragma(s->db, "PRAGMA user_version") != SCHEMA_VERSION ||
	    !is_wal(s->db)) {
		message_set(why, "%s is not a database of this version of "
		    "aicert-registry: %s", path, sqlite3_errmsg(s->db));
		goto out;
	}
	e = execute(s->db, "PRAGMA foreign_keys = ON; "
	    "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF", why);
	if (e != AC_OK)
		goto out;
	for (int q = 0; q < last; q++) {
		if (sqlite3_prepare_v3(s->db, sql[q], -1,
		    SQLITE_PREPARE_PERSISTENT, &s->q[q], NULL) == SQLITE_OK)
			continue;
		message_set(why, "%s has not the tables of this version: %s",
		    path, sqlite3_errmsg(s->db));
		e = AC_ERR_IO;
		goto out;
	}
	*out = s;
	s = NULL; /* transferred */
	e = AC_OK;
out:
	store_close(s);
	return e;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (size_t q = 0; q < Q_ALL; q++)
		(void)sqlite3_finalize(s->q[q]);
	(void)sqlite3_close(s->db);
	free(s);
}

const char *
store_error(const struct store *s)
{
	return s->error;
}

enum ac_err
store_log(struct store *s, struct store_log *out)
{
	struct store_log log = { 0 };
	enum ac_err e = step(s, Q_LOG);

	if (e != AC_OK)
		goto out;
	log.created_s = sqlite3_column_int64(s->q[Q_LOG], 2);
	e = buf_copy(&log.origin, column(s, Q_LOG, 0));
	if (e == AC_OK)
		e = buf_copy(&log.url, column(s, Q_LOG, 1));
	if (e != AC_OK)
		goto out;
	*out = log;
	log = (struct store_log){ 0 }; /* transferred */
	e = AC_OK;
out:
	store_log_free(&log);
	reset(s, Q_LOG);
	return e;
}

void
store_log_free(struct store_log *log)
{
	buf_free(&log->origin);
	buf_free(&log->url);
}

/* ---- heads ---- */

static enum ac_err
get_head(struct store *s, enum query q, struct store_head *out, bool *published)
{
	struct store_head h;
	enum ac_err e = step(s, q);

	if (e == AC_OK)
		e = column_digest(s, q, 1, &h.root);
	if (e == AC_OK) {
		h.size = column_int(s, q, 0);
		*published = column_int(s, q, 2) != 0;
		*out = h;
	}
	reset(s, q);
	return e;
}

enum ac_err
store_head(struct store *s, struct store_head *out, bool *published)
{
	return get_head(s, Q_HEAD, out, published);
}

enum ac_err
store_published(struct store *s, struct store_head *out)
{
	bool ignored;

	return get_head(s, Q_PUBLISHED, out, &ignored);
}

enum ac_err
store_keep_note(struct store *s, uint64_t size, struct span note)
{
	enum ac_err e;

	bind_int(s, Q_KEEP_NOTE, 1, size);
	bind_blob(s, Q_KEEP_NOTE, 2, note);
	e = run(s, Q_KEEP_NOTE);
	if (e == AC_OK && sqlite3_changes(s->db) != 1) {
		s->error = "the head has its note already";
		return AC_ERR_EXISTS;
	}
	return e;
}

enum ac_err
store_first_head(struct store *s, struct store_head *out, struct buf *note,
    uint64_t index)
{
	struct store_head h;
	enum ac_err e;

	bind_int(s, Q_FIRST_HEAD, 1, index);
	e = step(s, Q_FIRST_HEAD);
	if (e == AC_OK)
		e = column_digest(s, Q_FIRST_HEAD, 1, &h.root);
	if (e == AC_OK)
		e = buf_copy(note, column(s, Q_FIRST_HEAD, 2));
	if (e == AC_OK) {
		h.size = column_int(s, Q_FIRST_HEAD, 0);
		*out = h;
	}
	reset(s, Q_FIRST_HEAD);
	return e;
}

/* ---- writing ---- */

enum ac_err
store_begin(struct store *s)
{
	return run(s, Q_BEGIN);
}

enum ac_err
store_commit(struct store *s)
{
	return run(s, Q_COMMIT);
}

enum ac_err
store_put_entry(struct store *s, const struct store_entry *en)
{
	enum ac_err e;

	bind_digest(s, Q_PUT_STATEMENT, 1, &en->d);
	bind_text(s, Q_PUT_STATEMENT, 2, en->type);
	bind_blob(s, Q_PUT_STATEMENT, 3, en->statement);
	e = run(s, Q_PUT_STATEMENT);
	if (e != AC_OK)
		return e;
	bind_blob(s, Q_PUT_KEY, 1, span_of(en->key.b, SPKI_LEN));
	e = run(s, Q_PUT_KEY);
	if (e != AC_OK)
		return e;
	bind_int(s, Q_PUT_ENTRY, 1, en->index);
	bind_digest(s, Q_PUT_ENTRY, 2, &en->d);
	bind_blob(s, Q_PUT_ENTRY, 3, span_of(en->key.b, SPKI_LEN));
	bind_blob(s, Q_PUT_ENTRY, 4, en->sig);
	bind_digest(s, Q_PUT_ENTRY, 5, &en->leaf);
	bind_blob(s, Q_PUT_ENTRY, 6, en->body);
	e = run(s, Q_PUT_ENTRY);
	for (size_t i = 0; e == AC_OK && i < en->nnamed; i++) {
		const struct store_named *n = &en->named[i];

		bind_blob(s, Q_PUT_NAMED, 1, span_of(n->value, n->valuelen));
		bind_text(s, Q_PUT_NAMED, 2, n->alg);
		bind_int(s, Q_PUT_NAMED, 3, en->index);
		bind_int(s, Q_PUT_NAMED, 4, (uint64_t)n->role);
		e = run(s, Q_PUT_NAMED);
	}
	return e;
}

enum ac_err
store_put_line(struct store *s, uint64_t certificate, enum store_part part,
    uint64_t entry)
{
	bind_int(s, Q_PUT_LINE, 1, certificate);
	bind_int(s, Q_PUT_LINE, 2, (uint64_t)part);
	bind_int(s, Q_PUT_LINE, 3, entry);
	return run(s, Q_PUT_LINE);
}

enum ac_err
store_put_tile(struct store *s, unsigned level, uint64_t index,
    const struct digest hashes[], size_t n)
{
	bind_int(s, Q_PUT_TILE, 1, level);
	bind_int(s, Q_PUT_TILE, 2, index);
	bind_blob(s, Q_PUT_TILE, 3, span_of(hashes, n * sizeof(hashes[0])));
	return run(s, Q_PUT_TILE);
}

enum ac_err
store_put_head(struct store *s, const struct store_head *from,
    const struct store_head *to)
{
	enum ac_err e;

	bind_int(s, Q_PUT_HEAD, 1, from->size);
	bind_digest(s, Q_PUT_HEAD, 2, &from->root);
	bind_int(s, Q_PUT_HEAD, 3, to->size);
	bind_digest(s, Q_PUT_HEAD, 4, &to->root);
	e = run(s, Q_PUT_HEAD);
	if (e == AC_OK && sqlite3_changes(s->db) != 1) {
		s->error = "the newest head is not the one this process built "
		    "on: another process wrote to the database";
		return AC_ERR_MISMATCH;
	}
	return e;
}

/* ---- finding ---- */

enum ac_err
store_find(struct store *s, uint64_t *index, const struct digest *d,
    const struct spki *key)
{
	bind_digest(s, Q_FIND, 1, d);
	bind_blob(s, Q_FIND, 2, span_of(key->b, SPKI_LEN));
	return get_int(s, Q_FIND, index);
}

enum ac_err
store_find_leaf(struct store *s, uint64_t *index, const struct digest *leaf)
{
	bind_digest(s, Q_FIND_LEAF, 1, leaf);
	return get_int(s, Q_FIND_LEAF, index);
}

enum ac_err
store_find_all(struct store *s, uint64_t index[], size_t *n, size_t max,
    const struct digest *d, uint64_t size)
{
	bind_digest(s, Q_FIND_ALL, 1, d);
	bind_int(s, Q_FIND_ALL, 2, size);
	bind_int(s, Q_FIND_ALL, 3, max);
	return get_ints(s, Q_FIND_ALL, index, n, max);
}

enum ac_err
store_lines(struct store *s, uint64_t index[], size_t *n, size_t max,
    uint64_t certificate, uint64_t size)
{
	bind_int(s, Q_LINES, 1, certificate);
	bind_int(s, Q_LINES, 2, size);
	bind_int(s, Q_LINES, 3, max);
	return get_ints(s, Q_LINES, index, n, max);
}

enum ac_err
store_evidence(struct store *s, struct digest *d, uint64_t certificate)
{
	enum ac_err e;

	bind_int(s, Q_EVIDENCE, 1, certificate);
	e = step(s, Q_EVIDENCE);
	if (e == AC_OK)
		e = column_digest(s, Q_EVIDENCE, 0, d);
	reset(s, Q_EVIDENCE);
	return e;
}

enum ac_err
store_row(struct store *s, struct store_row *out, uint64_t index)
{
	struct store_row row = { 0 };
	struct span sig;
	enum ac_err e;

	bind_int(s, Q_ROW, 1, index);
	e = step(s, Q_ROW);
	if (e == AC_OK)
		e = column_digest(s, Q_ROW, 0, &row.d);
	if (e == AC_OK)
		e = column_exact(s, Q_ROW, 1, row.key.b, SPKI_LEN);
	if (e != AC_OK)
		goto out;
	sig = column(s, Q_ROW, 2);
	if (sig.p == NULL || sig.len > sizeof(row.sig)) {
		s->error = "a signature has the wrong length";
		e = AC_ERR_IO;
		goto out;
	}
	memcpy(row.sig, sig.p, sig.len);
	row.siglen = sig.len;
	e = buf_copy(&row.type, column(s, Q_ROW, 3));
	if (e == AC_OK)
		e = buf_copy(&row.statement, column(s, Q_ROW, 4));
	if (e == AC_OK)
		e = buf_copy(&row.body, column(s, Q_ROW, 5));
	if (e != AC_OK)
		goto out;
	*out = row;
	row = (struct store_row){ 0 }; /* transferred */
	e = AC_OK;
out:
	store_row_free(&row);
	reset(s, Q_ROW);
	return e;
}

void
store_row_free(struct store_row *row)
{
	buf_free(&row->type);
	buf_free(&row->statement);
	buf_free(&row->body);
}

enum ac_err
store_statement(struct store *s, struct buf *out, const struct digest *d,
    uint64_t size)
{
	enum ac_err e;

	bind_digest(s, Q_STATEMENT, 1, d);
	bind_int(s, Q_STATEMENT, 2, size);
	e = step(s, Q_STATEMENT);
	if (e == AC_OK)
		e = buf_copy(out, column(s, Q_STATEMENT, 0));
	reset(s, Q_STATEMENT);
	return e;
}

enum ac_err
store_by_digest(struct store *s, struct store_found out[], size_t *n,
    size_t max, struct span alg, struct span value, uint64_t from,
    uint64_t size)
{
	enum ac_err e = AC_OK;
	size_t i = 0;

	bind_blob(s, Q_BY_DIGEST, 1, value);
	bind_text(s, Q_BY_DIGEST, 2, alg);
	bind_int(s, Q_BY_DIGEST, 3, from);
	bind_int(s, Q_BY_DIGEST, 4, size);
	bind_int(s, Q_BY_DIGEST, 5, max);
	while (i < max && (e = step(s, Q_BY_DIGEST)) == AC_OK) {
		struct store_found *f = &out[i];

		f->index = column_int(s, Q_BY_DIGEST, 0);
		f->role = column_int(s, Q_BY_DIGEST, 3) == 0 ? STORE_SUBJECT :
		    STORE_DEPENDENCY;
		e = column_digest(s, Q_BY_DIGEST, 1, &f->d);
		if (e == AC_OK)
			e = column_exact(s, Q_BY_DIGEST, 2, f->key.b, SPKI_LEN);
		if (e == AC_OK)
			e = buf_copy(&f->type, column(s, Q_BY_DIGEST, 4));
		if (e != AC_OK)
			break;
		i++;
	}
	reset(s, Q_BY_DIGEST);
	if (e != AC_OK && e != AC_ERR_NOT_FOUND) {
		while (i > 0)
			buf_free(&out[--i].type);
		return e;
	}
	*n = i;
	return AC_OK;
}

/* ---- the tree ---- */

enum ac_err
store_tile(struct store *s, struct digest hashes[MERKLE_TILE_WIDTH], size_t *n,
    unsigned level, uint64_t index)
{
	struct span v;
	enum ac_err e;

	bind_int(s, Q_TILE, 1, level);
	bind_int(s, Q_TILE, 2, index);
	e = step(s, Q_TILE);
	if (e == AC_OK) {
		v = column(s, Q_TILE, 0);
		if (v.p == NULL || v.len % sizeof(hashes[0]) != 0 ||
		    v.len > MERKLE_TILE_WIDTH * sizeof(hashes[0])) {
			s->error = "a tile has the wrong length";
			e = AC_ERR_IO;
		} else {
			memcpy(hashes, v.p, v.len);
			*n = v.len / sizeof(hashes[0]);
		}
	}
	reset(s, Q_TILE);
	return e;
}

enum ac_err
store_bundle(struct store *s, struct writer *w, uint64_t first, unsigned n)
{
	enum ac_err e = AC_OK;

	bind_int(s, Q_BODIES, 1, first);
	bind_int(s, Q_BODIES, 2, n);
	for (unsigned i = 0; i < n; i++) {
		struct span body;

		e = step(s, Q_BODIES);
		if (e != AC_OK)
			break;
		body = column(s, Q_BODIES, 1);
		if (column_int(s, Q_BODIES, 0) != first + i) {
			e = AC_ERR_NOT_FOUND;
			break;
		}
		if (body.len > LEAF_MAX) {
			e = AC_ERR_LIMIT;
			break;
		}
		wr_be16(w, (uint16_t)body.len);
		wr_bytes(w, body);
	}
	reset(s, Q_BODIES);
	return e;
}
