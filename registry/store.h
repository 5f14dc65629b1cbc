/*
 * store.h -- the log's truth, behind an interface that names no database.
 *
 * One writer appends under a transaction; any number of readers, one per
 * thread, see committed state.  The store knows nothing of signatures, files
 * or HTTP: it keeps what it is given and refuses what contradicts itself.
 */
#ifndef AICERT_REGISTRY_STORE_H
#define AICERT_REGISTRY_STORE_H

#include "cert/limits.h"
#include "cert/spki.h"
#include "common/message.h"
#include "common/writer.h"
#include "merkle/merkle.h"

#define STORE_ALG_MAX 32   /* bytes of a digest algorithm's name */
#define STORE_VALUE_MAX 64 /* bytes of a digest that is indexed */

struct store;

struct store_head {
	uint64_t size;
	struct digest root;
};

/* What the log is called; owned. */
struct store_log {
	struct buf origin, url;
	int64_t created_s;
};

enum store_role { STORE_SUBJECT = 0, STORE_DEPENDENCY = 1 };

/* A digest that a statement names; borrowed. */
struct store_named {
	struct span alg;
	uint8_t value[STORE_VALUE_MAX];
	size_t valuelen;
	enum store_role role;
};

/* Which part of a certificate an entry is. */
enum store_part {
	STORE_EVIDENCE = 2,
	STORE_OWN_LINE = 3,  /* further, by the builder's key */
	STORE_LINE = 4,      /* further, by another key */
};

/* An entry to be stored; borrowed. */
struct store_entry {
	uint64_t index;
	struct digest d;
	struct spki key;
	struct span sig, type, statement, body;
	struct digest leaf;
	const struct store_named *named;
	size_t nnamed;
};

/* An entry as stored; owned. */
struct store_row {
	struct digest d;
	struct spki key;
	uint8_t sig[P256_SIG_MAX];
	size_t siglen;
	struct buf type, statement, body;
};

/* One finding of a search by digest. */
struct store_found {
	uint64_t index;
	struct digest d;
	struct spki key;
	enum store_role role;
	struct buf type; /* owned */
};

/* Make path, a database that is not there yet, with a head of size 0. */
AC_MUST_CHECK enum ac_err store_create(const char *path, const char *origin,
    const char *url, int64_t created_s, struct message *why);

/*
 * Open path, which store_create() made.  A reader cannot write.  *why says
 * what is wrong on failure.
 */
AC_MUST_CHECK enum ac_err store_open(struct store **out, const char *path,
    bool writer, struct message *why);

void store_close(struct store *s);

/* What the database said last, for a message. */
const char *store_error(const struct store *s);

AC_MUST_CHECK enum ac_err store_log(struct store *s, struct store_log *out);
void store_log_free(struct store_log *log);

/* The newest committed head; *published: it has its note. */
AC_MUST_CHECK enum ac_err store_head(struct store *s, struct store_head *out,
    bool *published);

/* The newest head that has its note.  AC_ERR_NOT_FOUND: none has. */
AC_MUST_CHECK enum ac_err store_published(struct store *s,
    struct store_head *out);

/* Keep the note under which the head of this size is first published. */
AC_MUST_CHECK enum ac_err store_keep_note(struct store *s, uint64_t size,
    struct span note);

/*
 * Writing: store_begin(), then any of the store_put functions, then
 * store_commit(), whose failure leaves the outcome unknown: the caller ends
 * the process.  Reads between them see what was put.
 */
AC_MUST_CHECK enum ac_err store_begin(struct store *s);
AC_MUST_CHECK enum ac_err store_put_entry(struct store *s,
    const struct store_entry *e);
AC_MUST_CHECK enum ac_err store_put_line(struct store *s, uint64_t certificate,
    enum store_part part, uint64_t entry);
AC_MUST_CHECK enum ac_err store_put_tile(struct store *s, unsigned level,
    uint64_t index, const struct digest hashes[], size_t n);

/*
 * Add the head to, provided that the newest is from.  AC_ERR_MISMATCH: it is
 * another, so somebody else wrote.
 */
AC_MUST_CHECK enum ac_err store_put_head(struct store *s,
    const struct store_head *from, const struct store_head *to);
AC_MUST_CHECK enum ac_err store_commit(struct store *s);

/* The entry of statement d under key.  AC_ERR_NOT_FOUND. */
AC_MUST_CHECK enum ac_err store_find(struct store *s, uint64_t *index,
    const struct digest *d, const struct spki *key);

/* The entry with this leaf hash.  AC_ERR_NOT_FOUND. */
AC_MUST_CHECK enum ac_err store_find_leaf(struct store *s, uint64_t *index,
    const struct digest *leaf);

/*
 * Indices, ascending, of the entries below size that hold statement d under
 * any key; at most max.
 */
AC_MUST_CHECK enum ac_err store_find_all(struct store *s, uint64_t index[],
    size_t *n, size_t max, const struct digest *d, uint64_t size);

/*
 * The further entries below size of the certificate whose line 1 is entry
 * certificate: evidence first, then lines by its own key, then others; at
 * most max.
 */
AC_MUST_CHECK enum ac_err store_lines(struct store *s, uint64_t index[],
    size_t *n, size_t max, uint64_t certificate, uint64_t size);

/* D of the evidence of that certificate.  AC_ERR_NOT_FOUND. */
AC_MUST_CHECK enum ac_err store_evidence(struct store *s, struct digest *d,
    uint64_t certificate);

/* AC_ERR_NOT_FOUND: no such entry. */
AC_MUST_CHECK enum ac_err store_row(struct store *s, struct store_row *out,
    uint64_t index);
void store_row_free(struct store_row *row);

/* The statement's bytes, logged below size.  AC_ERR_NOT_FOUND. */
AC_MUST_CHECK enum ac_err store_statement(struct store *s, struct buf *out,
    const struct digest *d, uint64_t size);

/*
 * The first published head that covers entry index, with its note.
 * AC_ERR_NOT_FOUND.
 */
AC_MUST_CHECK enum ac_err store_first_head(struct store *s,
    struct store_head *out, struct buf *note, uint64_t index);

/*
 * At most max entries from..size of statements that name this digest, in
 * order of index; the caller frees type of each.
 */
AC_MUST_CHECK enum ac_err store_by_digest(struct store *s,
    struct store_found out[], size_t *n, size_t max, struct span alg,
    struct span value, uint64_t from, uint64_t size);

/* The hashes of one tile, as many as are stored.  AC_ERR_NOT_FOUND. */
AC_MUST_CHECK enum ac_err store_tile(struct store *s,
    struct digest hashes[MERKLE_TILE_WIDTH], size_t *n, unsigned level,
    uint64_t index);

/*
 * Append the entry bundle (C2SP tlog-tiles) of entries first..first+n to w.
 * AC_ERR_NOT_FOUND: one is missing.
 */
AC_MUST_CHECK enum ac_err store_bundle(struct store *s, struct writer *w,
    uint64_t first, unsigned n);

#endif
