/*
 * store_db.h -- what the files of the store share: its queries by name and
 * the store itself.  Nobody else includes it.
 */
#ifndef AICERT_REGISTRY_STORE_DB_H
#define AICERT_REGISTRY_STORE_DB_H

#include "registry/db.h"
#include "registry/store.h"

enum store_q {
	Q_LOG,
	Q_HEAD,
	Q_PUBLISHED,
	Q_FIND,
	Q_FIND_ALL,
	Q_LINES,
	Q_EVIDENCE,
	Q_ROW,
	Q_STATEMENT,
	Q_NOTE,
	Q_FIRST_COMPLETE,
	Q_FIRST_HEAD,
	Q_BEFORE,
	Q_REMOVED,
	Q_UP,
	Q_DOWN,
	Q_FLOPS,
	Q_FOUND,
	Q_TILE,
	Q_LEAVES,
	Q_READS, /* what follows is the writer's */
	Q_BEGIN = Q_READS,
	Q_COMMIT,
	Q_KEEP_NOTE,
	Q_KEY,
	Q_PUT_KEY,
	Q_PUT_ENTRY,
	Q_PUT_STATED,
	Q_FILL,
	Q_PUT_TERM,
	Q_PUT_TERMS, /* STORE_ROWS of them */
	Q_PUT_LINE,
	Q_PUT_REMOVED,
	Q_WITHHOLD,
	Q_PUT_TILE,
	Q_PUT_HEAD,
	Q_ALL
};

/* Entries of one segment of the terms. */
#define STORE_SEGMENT 8192

/* Terms that are put by one statement; less than half of the work. */
#define STORE_ROWS 32

/* A term of an entry of the open transaction. */
struct store_pending {
	struct store_term term;
	uint64_t entry;
};

/* Keys whose row is known; a builder posts more than once. */
#define STORE_KEYS 1024
struct store_key {
	bool used;
	struct spki key;
	int64_t id;
};

struct store {
	struct db *db;
	/* The writer's: terms are put in their order, at the commit. */
	struct store_pending *pending;
	size_t npending, maxpending;
	struct store_key *key; /* [STORE_KEYS] */
	/* The head above each index in from..first.size, and complete. */
	uint64_t from;
	struct store_head first; /* of size 0: none is known */
	struct buf first_note;
};

/* The first 8 bytes of a digest. */
int64_t store_first_bytes(const struct digest *d);

/* The term that only the store makes. */
struct store_term store_term_leaf(const struct digest *leaf);

static inline void
store_bind_digest(struct store *s, enum store_q q, int i,
    const struct digest *d)
{
	db_bind_blob(s->db, q, i, span_digest(d));
}

/* Parameters i and i + 1: what a statement is looked up by. */
static inline void
store_bind_stated(struct store *s, enum store_q q, int i,
    const struct digest *d)
{
	db_bind_int(s->db, q, i, store_first_bytes(d));
	store_bind_digest(s, q, i + 1, d);
}

#endif
