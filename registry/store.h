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
#define STORE_CRITERIA_MAX 8

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

/* What a term is to the entry that is found by it. */
enum store_role {
	STORE_SUBJECT,    /* digest of a subject */
	STORE_DEPENDENCY, /* digest, name or uri of a dependency */
	STORE_DATASET,    /* the same, of a dependency in that role */
	STORE_BASE_MODEL,
	STORE_CODE,
	STORE_IMAGE,
	STORE_BUILDER,    /* fingerprint of the signing key */
	STORE_LICENSE,    /* of a dependency */
	STORE_TYPE,       /* predicateType */
	STORE_FLOPS,      /* power of two below the figure */
	STORE_LEAF,       /* the store's own: leaf hash */
};

/*
 * Something that an entry is found by.  Of digests and texts 8 bytes of their
 * SHA-256 are kept: that two of them meet is improbable, and who makes them
 * meet is found by both, as whoever names both is.
 */
struct store_term {
	int64_t value;
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
	struct span sig, type, statement;
	struct digest leaf;
	bool has_flops;
	double flops;
	const struct store_term *term;
	size_t nterms;
};

/* An entry as stored; owned. */
struct store_row {
	struct digest d;
	struct spki key;
	uint8_t sig[P256_SIG_MAX];
	size_t siglen;
	bool withheld; /* statement is empty, and so it shall be */
	bool missing;  /* likewise, until it is posted again: a leaf alone */
	struct buf type, statement, body; /* body: of the leaf */
};

/* One finding of a search. */
struct store_found {
	uint64_t index;
	struct digest d;
	struct spki key;
	enum store_role role; /* by which it was found first */
	struct buf type;      /* owned */
};

/* What entries are searched for: all that is asked must hold. */
struct store_query {
	size_t ncriteria;
	struct store_term criterion[STORE_CRITERIA_MAX];
	bool has_min_flops;
	double min_flops;
	bool newest_first;
	uint64_t from; /* first index that is looked at; newest first: last */
	uint64_t size; /* indices are below it */
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

/*
 * Copy the database at path, which may be in use, to the new file to: as it
 * is after some commit.  AC_ERR_EXISTS.
 */
AC_MUST_CHECK enum ac_err store_backup(const char *path, const char *to,
    struct message *why);

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

/*
 * Keep the note under which the head of this size is first published, or, in
 * place of one without it, the first that has the witnesses' quorum.
 * AC_ERR_EXISTS: there is no such head, or its note stands.
 */
AC_MUST_CHECK enum ac_err store_keep_note(struct store *s, uint64_t size,
    struct span note, bool complete);

/* The note of the head of this size.  AC_ERR_NOT_FOUND. */
AC_MUST_CHECK enum ac_err store_note(struct store *s, struct buf *note,
    bool *complete, uint64_t size);

/* ---- terms; pure ---- */

/* A digest, by whatever algorithm. */
struct store_term store_term_digest(enum store_role role, struct span alg,
    struct span value);

/* A name, a uri, a licence, a type. */
struct store_term store_term_text(enum store_role role, struct span text);

struct store_term store_term_builder(const struct digest *fingerprint);

/* The power of two below flops, which is positive. */
struct store_term store_term_flops(double flops);

/* ---- writing ---- */

/*
 * Writing: store_begin(), then any of the store_put functions, then
 * store_commit(), whose failure leaves the outcome unknown: the caller ends
 * the process.  Reads between them see what was put.
 */
AC_MUST_CHECK enum ac_err store_begin(struct store *s);

/*
 * AC_ERR_EXISTS: the statement is there under that key, as entry *index; of
 * an entry that is a leaf alone (its type is empty) its statement was put.
 */
AC_MUST_CHECK enum ac_err store_put_entry(struct store *s, uint64_t *index,
    const struct store_entry *e);

/*
 * Withhold the content of statement d, now and whenever it comes again; entry
 * is the removal that says so.  AC_ERR_NOT_FOUND: d is not logged;
 * AC_ERR_EXISTS: it is withheld already.
 */
AC_MUST_CHECK enum ac_err store_put_removal(struct store *s,
    const struct digest *d, uint64_t entry);
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

/*
 * Keep the database's files small; between batches, since it takes time.  On
 * failure as after store_commit().
 */
AC_MUST_CHECK enum ac_err store_tidy(struct store *s);

/* ---- finding ---- */

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

/*
 * The statement's bytes, logged below size; empty: withheld.
 * AC_ERR_NOT_FOUND, also where only its leaf is there.
 */
AC_MUST_CHECK enum ac_err store_statement(struct store *s, struct buf *out,
    const struct digest *d, uint64_t size);

/*
 * The first published head that covers entry index, with its note: the first
 * that has the witnesses' quorum, where one has.  AC_ERR_NOT_FOUND.
 */
AC_MUST_CHECK enum ac_err store_first_head(struct store *s,
    struct store_head *out, struct buf *note, uint64_t index);

/* The entry that withholds the content of d.  AC_ERR_NOT_FOUND. */
AC_MUST_CHECK enum ac_err store_removed(struct store *s, uint64_t *entry,
    const struct digest *d);

/*
 * At most max entries from..size of statements that name this digest as
 * subject or dependency, in order of index, once for each role; the caller
 * frees type of each.
 */
AC_MUST_CHECK enum ac_err store_by_digest(struct store *s,
    struct store_found out[], size_t *n, size_t max, struct span alg,
    struct span value, uint64_t from, uint64_t size);

/*
 * At most max entries that the query asks for, in its order; the caller frees
 * type of each.  *more: *next is the from that goes on.  After a bounded
 * number of steps it ends with what it has, *n maybe 0 and *more true.
 */
AC_MUST_CHECK enum ac_err store_search(struct store *s,
    struct store_found out[], size_t *n, size_t max, bool *more,
    uint64_t *next, const struct store_query *query);

/*
 * Indices, ascending, of the entries of this predicateType from..size; at
 * most max.
 */
AC_MUST_CHECK enum ac_err store_of_type(struct store *s, uint64_t index[],
    size_t *n, size_t max, const char *type, uint64_t from, uint64_t size);

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

/* The plan of statement q of this file's queries.  AC_ERR_NOT_FOUND. */
AC_MUST_CHECK enum ac_err store_plan(struct store *s, struct buf *plan,
    size_t q);

#endif
