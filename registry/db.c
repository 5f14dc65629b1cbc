/*
 * db.c -- SQLite; see db.h.  WAL with synchronous=FULL: a commit that
 * returned is on the disk.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "registry/db.h"

#define BUSY_MS 10000 /* a reader may wait so long for the WAL's recovery */
#define WAL_LATE 8    /* times the pages that ask for a checkpoint */

struct db {
	sqlite3 *sqlite;
	const char *error; /* of the last failure; lives with the database */
	unsigned wal_pages;
	size_t nq;
	sqlite3_stmt **q;
	const char *const *sql;
};

/* ---- one way to run a statement ---- */

void
db_bind_int(struct db *db, size_t q, int i, int64_t v)
{
	(void)sqlite3_bind_int64(db->q[q], i, v);
}

void
db_bind_double(struct db *db, size_t q, int i, double v)
{
	(void)sqlite3_bind_double(db->q[q], i, v);
}

void
db_bind_blob(struct db *db, size_t q, int i, struct span v)
{
	/* A NULL pointer would bind NULL. */
	(void)sqlite3_bind_blob64(db->q[q], i, v.p == NULL ? "" :
	    (const void *)v.p, v.len, SQLITE_STATIC);
}

void
db_bind_text(struct db *db, size_t q, int i, struct span v)
{
	(void)sqlite3_bind_text64(db->q[q], i, v.p == NULL ? "" :
	    (const char *)v.p, v.len, SQLITE_STATIC, SQLITE_UTF8);
}

enum ac_err
db_step(struct db *db, size_t q)
{
	switch (sqlite3_step(db->q[q])) {
	case SQLITE_ROW:
		return AC_OK;
	case SQLITE_DONE:
		return AC_ERR_NOT_FOUND;
	default:
		db->error = sqlite3_errmsg(db->sqlite);
		return AC_ERR_IO;
	}
}

void
db_reset(struct db *db, size_t q)
{
	(void)sqlite3_reset(db->q[q]);
	(void)sqlite3_clear_bindings(db->q[q]);
}

enum ac_err
db_run(struct db *db, size_t q)
{
	enum ac_err e = db_step(db, q);

	db_reset(db, q);
	return e == AC_ERR_NOT_FOUND ? AC_OK : AC_ERR_IO;
}

enum ac_err
db_get_int(struct db *db, size_t q, uint64_t *out)
{
	enum ac_err e = db_step(db, q);

	if (e == AC_OK)
		*out = (uint64_t)db_column_int(db, q, 0);
	db_reset(db, q);
	return e;
}

enum ac_err
db_get_ints(struct db *db, size_t q, uint64_t out[], size_t *n, size_t max)
{
	enum ac_err e = AC_OK;
	size_t i = 0;

	while (i < max && (e = db_step(db, q)) == AC_OK)
		out[i++] = (uint64_t)db_column_int(db, q, 0);
	db_reset(db, q);
	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		return e;
	*n = i;
	return AC_OK;
}

uint64_t
db_changes(struct db *db)
{
	return (uint64_t)sqlite3_changes64(db->sqlite);
}

int64_t
db_inserted(struct db *db)
{
	return sqlite3_last_insert_rowid(db->sqlite);
}

struct span
db_column(struct db *db, size_t q, int i)
{
	const void *p = sqlite3_column_blob(db->q[q], i);
	int n = sqlite3_column_bytes(db->q[q], i);

	return span_of(p, n > 0 ? (size_t)n : 0);
}

int64_t
db_column_int(struct db *db, size_t q, int i)
{
	return sqlite3_column_int64(db->q[q], i);
}

double
db_column_double(struct db *db, size_t q, int i)
{
	return sqlite3_column_double(db->q[q], i);
}

enum ac_err
db_column_exact(struct db *db, size_t q, int i, void *out, size_t len)
{
	struct span v = db_column(db, q, i);

	if (v.len != len || v.p == NULL)
		return db_fail(db, "a value has the wrong length");
	memcpy(out, v.p, len);
	return AC_OK;
}

/* ---- life ---- */

const char *
db_error(const struct db *db)
{
	return db->error;
}

enum ac_err
db_fail(struct db *db, const char *error)
{
	db->error = error;
	return AC_ERR_IO;
}

static enum ac_err
execute(sqlite3 *sqlite, const char *text, struct message *why)
{
	if (sqlite3_exec(sqlite, text, NULL, NULL, NULL) == SQLITE_OK)
		return AC_OK;
	message_set(why, "the database says: %s", sqlite3_errmsg(sqlite));
	return AC_ERR_IO;
}

/* An integer pragma, or -1. */
static int64_t
pragma(sqlite3 *sqlite, const char *text)
{
	sqlite3_stmt *q = NULL;
	int64_t v = -1;

	if (sqlite3_prepare_v2(sqlite, text, -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	(void)sqlite3_finalize(q);
	return v;
}

static bool
is_wal(sqlite3 *sqlite)
{
	sqlite3_stmt *q = NULL;
	bool wal = false;

	if (sqlite3_prepare_v2(sqlite, "PRAGMA journal_mode", -1, &q, NULL) ==
	    SQLITE_OK && sqlite3_step(q) == SQLITE_ROW) {
		const unsigned char *mode = sqlite3_column_text(q, 0);

		wal = mode != NULL && strcmp((const char *)mode, "wal") == 0;
	}
	(void)sqlite3_finalize(q);
	return wal;
}

enum ac_err
db_create(const char *path, const char *script, struct message *why)
{
	enum ac_err e = AC_ERR_IO;
	struct stat st;
	sqlite3 *sqlite = NULL;

	if (lstat(path, &st) == 0) {
		message_set(why, "%s is there already", path);
		return AC_ERR_EXISTS;
	}
	if (sqlite3_open_v2(path, &sqlite, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		message_set(why, "cannot create %s: %s", path,
		    sqlite == NULL ? "no memory" : sqlite3_errmsg(sqlite));
		goto out;
	}
	/* A page holds three statements of the usual 2 KB. */
	e = execute(sqlite, "PRAGMA page_size = 8192; "
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", why);
	if (e == AC_OK)
		e = execute(sqlite, "BEGIN", why);
	if (e == AC_OK)
		e = execute(sqlite, script, why);
	if (e == AC_OK)
		e = execute(sqlite, "COMMIT", why);
out:
	(void)sqlite3_close(sqlite);
	return e;
}

/* Copy all pages in one step, so that no commit comes between. */
static enum ac_err
copy_pages(sqlite3 *to, sqlite3 *from, struct message *why)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int code = SQLITE_ERROR;

	if (b != NULL) {
		do
			code = sqlite3_backup_step(b, -1);
		while (code == SQLITE_BUSY || code == SQLITE_LOCKED);
		(void)sqlite3_backup_finish(b);
	}
	if (code == SQLITE_DONE)
		return AC_OK;
	message_set(why, "cannot copy the database: %s", sqlite3_errmsg(to));
	return AC_ERR_IO;
}

enum ac_err
db_backup(const char *path, const char *to, struct message *why)
{
	sqlite3 *from = NULL, *copy = NULL;
	enum ac_err e = AC_ERR_IO;
	struct stat st;

	if (lstat(to, &st) == 0) {
		message_set(why, "%s is there already", to);
		return AC_ERR_EXISTS;
	}
	if (sqlite3_open_v2(path, &from, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(from, BUSY_MS) != SQLITE_OK) {
		message_set(why, "cannot open %s: %s", path, from == NULL ?
		    "no memory" : sqlite3_errmsg(from));
		goto out;
	}
	if (sqlite3_open_v2(to, &copy, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		message_set(why, "cannot create %s: %s", to, copy == NULL ?
		    "no memory" : sqlite3_errmsg(copy));
		goto out;
	}
	e = execute(copy, "PRAGMA synchronous = FULL", why);
	if (e == AC_OK)
		e = copy_pages(copy, from, why);
	/* What is not whole is no copy. */
	if (e != AC_OK)
		(void)unlink(to);
out:
	(void)sqlite3_close(copy);
	(void)sqlite3_close(from);
	return e;
}

/* How large the write-ahead log is after a commit. */
static int
on_commit(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
	struct db *db = arg;

	(void)sqlite;
	(void)name;
	db->wal_pages = pages > 0 ? (unsigned)pages : 0;
	return SQLITE_OK;
}

enum ac_err
db_checkpoint(struct db *db, unsigned pages)
{
	int mode = SQLITE_CHECKPOINT_PASSIVE;

	if (db->wal_pages < pages)
		return AC_OK;
	/* A log that no passive checkpoint ends is begun anew, with waiting. */
	if (db->wal_pages >= WAL_LATE * pages)
		mode = SQLITE_CHECKPOINT_RESTART;
	db->wal_pages = 0;
	/* Readers that hinder it are no error. */
	switch (sqlite3_wal_checkpoint_v2(db->sqlite, NULL, mode, NULL,
	    NULL)) {
	case SQLITE_OK:
	case SQLITE_BUSY:
		return AC_OK;
	default:
		return db_fail(db, sqlite3_errmsg(db->sqlite));
	}
}

/* Set the connection up; the statements are prepared after it. */
static enum ac_err
configure(struct db *db, size_t cache, struct message *why)
{
	char text[64];
	enum ac_err e;

	e = execute(db->sqlite, "PRAGMA foreign_keys = ON; "
	    "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; "
	    "PRAGMA wal_autocheckpoint = 0", why);
	(void)sqlite3_snprintf(sizeof(text), text, "PRAGMA cache_size = -%d",
	    (int)(cache / 1024));
	if (e == AC_OK)
		e = execute(db->sqlite, text, why);
	(void)sqlite3_wal_hook(db->sqlite, on_commit, db);
	return e;
}

enum ac_err
db_open(struct db **out, const char *path, bool writer, struct db_kind kind,
    const char *const sql[], size_t nsql, size_t cache, struct message *why)
{
	struct db *db = calloc(1, sizeof(*db));
	enum ac_err e = AC_ERR_IO;

	if (db == NULL || (db->q = calloc(nsql, sizeof(db->q[0]))) == NULL) {
		message_set(why, "no memory to open %s", path);
		e = AC_ERR_MEMORY;
		goto out;
	}
	db->error = "no error";
	db->sql = sql;
	if (sqlite3_open_v2(path, &db->sqlite, (writer ?
	    SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		message_set(why, "cannot open %s: %s; a log's directory is "
		    "made by \"aicert-registry init\"", path,
		    db->sqlite == NULL ? "no memory" :
		    sqlite3_errmsg(db->sqlite));
		goto out;
	}
	(void)sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	if (pragma(db->sqlite, "PRAGMA application_id") !=
	    kind.application_id ||
	    pragma(db->sqlite, "PRAGMA user_version") != kind.version ||
	    !is_wal(db->sqlite)) {
		message_set(why, "%s is not a database of this version of "
		    "aicert-registry: %s", path, sqlite3_errmsg(db->sqlite));
		goto out;
	}
	e = configure(db, cache, why);
	if (e != AC_OK)
		goto out;
	for (size_t q = 0; q < nsql; q++) {
		if (sqlite3_prepare_v3(db->sqlite, sql[q], -1,
		    SQLITE_PREPARE_PERSISTENT, &db->q[q], NULL) == SQLITE_OK) {
			db->nq++;
			continue;
		}
		message_set(why, "%s has not the tables of this version: %s",
		    path, sqlite3_errmsg(db->sqlite));
		e = AC_ERR_IO;
		goto out;
	}
	*out = db;
	db = NULL; /* transferred */
	e = AC_OK;
out:
	db_close(db);
	return e;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	for (size_t q = 0; q < db->nq; q++)
		(void)sqlite3_finalize(db->q[q]);
	(void)sqlite3_close(db->sqlite);
	free(db->q);
	free(db);
}

enum ac_err
db_plan(struct db *db, size_t q, struct writer *w)
{
	char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", db->sql[q]);
	sqlite3_stmt *plan = NULL;
	enum ac_err e = AC_ERR_IO;

	if (text == NULL || sqlite3_prepare_v2(db->sqlite, text, -1, &plan,
	    NULL) != SQLITE_OK)
		goto out;
	while (sqlite3_step(plan) == SQLITE_ROW) {
		wr_str(w, (const char *)sqlite3_column_text(plan, 3));
		wr_u8(w, '\n');
	}
	e = AC_OK;
out:
	(void)sqlite3_finalize(plan);
	sqlite3_free(text);
	return e;
}
