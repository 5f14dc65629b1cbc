/*
 * db.h -- the one door to sqlite3: a database file, its prepared statements
 * by number, and one way to bind, step and read.  It knows no table and no
 * meaning; the store does.
 */
#ifndef AICERT_REGISTRY_DB_H
#define AICERT_REGISTRY_DB_H

#include "common/message.h"
#include "common/writer.h"

struct db;

/* What a database is told apart by. */
struct db_kind {
	int64_t application_id, version;
};

/*
 * Make path, a database in WAL mode that is not there yet, and run script in
 * one transaction.  *why says what is wrong on failure.
 */
AC_MUST_CHECK enum ac_err db_create(const char *path, const char *script,
    struct message *why);

/*
 * Open path, which db_create() made, and prepare sql[0..nsql), which outlive
 * the database.  Not a writer: nothing can be written.  cache is the number
 * of bytes of pages that are kept.
 */
AC_MUST_CHECK enum ac_err db_open(struct db **out, const char *path,
    bool writer, struct db_kind kind, const char *const sql[], size_t nsql,
    size_t cache, struct message *why);

void db_close(struct db *db);

/*
 * Copy the database at path, which may be in use, to the new file to, as it is
 * after some commit, and make it durable.  AC_ERR_EXISTS.
 */
AC_MUST_CHECK enum ac_err db_backup(const char *path, const char *to,
    struct message *why);

/* What went wrong last, for a message; db_fail() says it itself. */
const char *db_error(const struct db *db);
enum ac_err db_fail(struct db *db, const char *error);

/* Parameter i, from 1, of statement q; bytes stay the caller's until reset. */
void db_bind_int(struct db *db, size_t q, int i, int64_t v);
void db_bind_double(struct db *db, size_t q, int i, double v);
void db_bind_blob(struct db *db, size_t q, int i, struct span v);
void db_bind_text(struct db *db, size_t q, int i, struct span v);

/* AC_OK: a row stands ready; AC_ERR_NOT_FOUND: no more rows; AC_ERR_IO. */
AC_MUST_CHECK enum ac_err db_step(struct db *db, size_t q);

/* Forget row and parameters. */
void db_reset(struct db *db, size_t q);

/* Run a statement that gives no rows, and reset it. */
AC_MUST_CHECK enum ac_err db_run(struct db *db, size_t q);

/* One row, one integer, and reset.  AC_ERR_NOT_FOUND. */
AC_MUST_CHECK enum ac_err db_get_int(struct db *db, size_t q, uint64_t *out);

/* The first column of at most max rows, and reset. */
AC_MUST_CHECK enum ac_err db_get_ints(struct db *db, size_t q, uint64_t out[],
    size_t *n, size_t max);

/* Rows that the last statement changed, and the row ID of the last insert. */
uint64_t db_changes(struct db *db);
int64_t db_inserted(struct db *db);

/* Column i, from 0, of the row that stands ready; borrowed until the step. */
struct span db_column(struct db *db, size_t q, int i);
int64_t db_column_int(struct db *db, size_t q, int i);
double db_column_double(struct db *db, size_t q, int i);

/* A column of exactly len bytes; AC_ERR_IO for any other. */
AC_MUST_CHECK enum ac_err db_column_exact(struct db *db, size_t q, int i,
    void *out, size_t len);

/*
 * Move what the write-ahead log holds into the database, as far as no reader
 * hinders it, once it has at least so many pages.
 */
AC_MUST_CHECK enum ac_err db_checkpoint(struct db *db, unsigned pages);

/* Append the query plan of statement q to w, a line for each step. */
AC_MUST_CHECK enum ac_err db_plan(struct db *db, size_t q, struct writer *w);

#endif
