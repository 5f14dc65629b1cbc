/*
 * store.c -- the store in a database: its life, its heads, and writing; see
 * store.h.  What is found in it: store_find.c and store_search.c.
 */
#include <stdlib.h>

#include "registry/schema.h"
#include "registry/store_db.h"

#define APPLICATION_ID 0x61694365 /* as in schema.sql */
#define SCHEMA_VERSION 3
#define WRITER_CACHE (64 * MIB)
#define READER_CACHE (4 * MIB)
#define WAL_PAGES 4096 /* of the write-ahead log, before it is moved */
#define SCRIPT_MAX (64 * KIB)

#define BY_STATEMENT "t.d8 = ?1 AND e.d = ?2"
#define BY_TERM "segment = ?1 AND term = ?2 AND role BETWEEN ?3 AND ?4"

/* Without the journal of a statement, which is undone as a whole otherwise. */
#define PUT_TERM "INSERT OR FAIL INTO term (segment, term, entry, role) VALUES "
#define ROW "(?, ?, ?, ?)"
#define ROWS_8 ROW ", " ROW ", " ROW ", " ROW ", " ROW ", " ROW ", " ROW ", " ROW
#define ROWS_32 ROWS_8 ", " ROWS_8 ", " ROWS_8 ", " ROWS_8

static const char *const sql[Q_ALL] = {
	[Q_LOG] = "SELECT origin, url, created FROM log WHERE one = 1",
	[Q_HEAD] = "SELECT size, root, note IS NOT NULL FROM head "
	    "WHERE size = (SELECT max(size) FROM head)",
	[Q_PUBLISHED] = "SELECT size, root, 1 FROM head WHERE size >= 0 "
	    "AND note IS NOT NULL ORDER BY size DESC LIMIT 1",
	[Q_FIND] = "SELECT e.idx FROM stated t CROSS JOIN entry e "
	    "ON e.idx = t.entry CROSS JOIN key k ON k.id = e.key "
	    "WHERE " BY_STATEMENT " AND k.spki = ?3",
	[Q_FIND_ALL] = "SELECT e.idx FROM stated t CROSS JOIN entry e "
	    "ON e.idx = t.entry WHERE " BY_STATEMENT
	    " AND t.entry < ?3 ORDER BY t.entry LIMIT ?4",
	[Q_LINES] = "SELECT entry FROM line WHERE certificate = ?1 "
	    "AND entry < ?2 ORDER BY part, entry LIMIT ?3",
	[Q_EVIDENCE] = "SELECT e.d FROM line l CROSS JOIN entry e "
	    "ON e.idx = l.entry WHERE l.certificate = ?1 AND l.part = 2",
	[Q_ROW] = "SELECT e.d, k.spki, e.sig, e.type, e.content "
	    "FROM entry e CROSS JOIN key k ON k.id = e.key WHERE e.idx = ?1",
	[Q_STATEMENT] = "SELECT e.content FROM stated t CROSS JOIN entry e "
	    "ON e.idx = t.entry WHERE " BY_STATEMENT
	    " AND e.type <> '' AND t.entry < ?3 ORDER BY t.entry LIMIT 1",
	[Q_NOTE] = "SELECT complete, note FROM head "
	    "WHERE size = ?1 AND note IS NOT NULL",
	[Q_FIRST_COMPLETE] = "SELECT size, root, note FROM head "
	    "WHERE size > ?1 AND complete = 1 ORDER BY size LIMIT 1",
	[Q_FIRST_HEAD] = "SELECT size, root, note FROM head "
	    "WHERE size > ?1 AND note IS NOT NULL ORDER BY size LIMIT 1",
	[Q_BEFORE] = "SELECT max(size) FROM head WHERE size < ?1",
	[Q_REMOVED] = "SELECT entry FROM removed WHERE d = ?1",
	[Q_UP] = "SELECT entry, role FROM term WHERE " BY_TERM
	    " AND entry >= ?5 AND entry < ?6 ORDER BY entry LIMIT 1",
	[Q_DOWN] = "SELECT entry, role FROM term WHERE " BY_TERM
	    " AND entry <= ?5 ORDER BY entry DESC LIMIT 1",
	[Q_FLOPS] = "SELECT flops FROM entry WHERE idx = ?1",
	[Q_FOUND] = "SELECT e.d, k.spki, e.type FROM entry e "
	    "CROSS JOIN key k ON k.id = e.key WHERE e.idx = ?1",
	[Q_TILE] = "SELECT hashes FROM tile WHERE level = ?1 AND idx = ?2",
	[Q_LEAVES] = "SELECT e.idx, e.d, e.sig, k.spki FROM entry e "
	    "CROSS JOIN key k ON k.id = e.key "
	    "WHERE e.idx >= ?1 AND e.idx < ?1 + ?2 ORDER BY e.idx",
	[Q_BEGIN] = "BEGIN IMMEDIATE",
	[Q_COMMIT] = "COMMIT",
	[Q_KEEP_NOTE] = "UPDATE head SET note = ?2, complete = ?3 "
	    "WHERE size = ?1 AND (note IS NULL OR complete < ?3)",
	[Q_KEY] = "SELECT id FROM key WHERE spki = ?1",
	[Q_PUT_KEY] = "INSERT INTO key (spki) VALUES (?1)",
	[Q_PUT_ENTRY] = "INSERT INTO entry (idx, d, key, sig, type, flops, "
	    "content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[Q_FILL] = "UPDATE entry SET type = ?2, flops = ?3, content = ?4 "
	    "WHERE idx = ?1 AND type = ''",
	[Q_PUT_STATED] = "INSERT INTO stated (d8, entry) VALUES (?1, ?2)",
	[Q_PUT_TERM] = PUT_TERM ROW,
	[Q_PUT_TERMS] = PUT_TERM ROWS_32,
	[Q_PUT_LINE] = "INSERT INTO line (certificate, part, entry) "
	    "VALUES (?1, ?2, ?3) "
	    "ON CONFLICT (certificate, part, entry) DO NOTHING",
	[Q_PUT_REMOVED] = "INSERT INTO removed (d, entry) VALUES (?1, ?2) "
	    "ON CONFLICT (d) DO NOTHING",
	[Q_WITHHOLD] = "UPDATE entry SET content = x'' WHERE idx IN "
	    "(SELECT entry FROM stated WHERE d8 = ?1) AND d = ?2",
	[Q_PUT_TILE] = "INSERT INTO tile (level, idx, hashes) "
	    "VALUES (?1, ?2, ?3) ON CONFLICT (level, idx) "
	    "DO UPDATE SET hashes = excluded.hashes",
	/* The compare-and-swap: no row where the newest head is another. */
	[Q_PUT_HEAD] = "INSERT INTO head (size, root) SELECT ?3, ?4 "
	    "FROM head WHERE size = (SELECT max(size) FROM head) "
	    "AND size = ?1 AND root = ?2 AND ?3 > ?1",
};

/* ---- life ---- */

/* text as an SQL string. */
static void
write_quoted(struct writer *w, const char *text)
{
	wr_u8(w, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			wr_u8(w, '\'');
		wr_u8(w, (uint8_t)*text);
	}
	wr_u8(w, '\'');
}

enum ac_err
store_create(const char *path, const char *origin, const char *url,
    int64_t created_s, struct message *why)
{
	struct digest empty = merkle_empty();
	struct buf script = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, SCRIPT_MAX);
	wr_str(&w, schema_sql);
	wr_str(&w, "INSERT INTO log VALUES (1, ");
	write_quoted(&w, origin);
	wr_str(&w, ", ");
	write_quoted(&w, url);
	wr_str(&w, ", ");
	wr_dec(&w, (uint64_t)created_s);
	wr_str(&w, ");\nINSERT INTO head (size, root) VALUES (0, x'");
	wr_hex(&w, span_digest(&empty));
	wr_str(&w, "');\n");
	e = wr_end(&w, &script);
	if (e != AC_OK) {
		message_set(why, "no memory to make %s", path);
		return e;
	}
	e = db_create(path, (const char *)script.p, why);
	buf_free(&script);
	return e;
}

enum ac_err
store_open(struct store **out, const char *path, bool writer,
    struct message *why)
{
	const struct db_kind kind = { APPLICATION_ID, SCHEMA_VERSION };
	struct store *s = calloc(1, sizeof(*s));
	enum ac_err e = AC_ERR_MEMORY;

	if (s == NULL || (writer && (s->key = calloc(STORE_KEYS,
	    sizeof(*s->key))) == NULL)) {
		message_set(why, "no memory to open %s", path);
		goto out;
	}
	e = db_open(&s->db, path, writer, kind, sql, writer ? Q_ALL : Q_READS,
	    writer ? WRITER_CACHE : READER_CACHE, why);
	if (e != AC_OK)
		goto out;
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
	db_close(s->db);
	free(s->pending);
	free(s->key);
	buf_free(&s->first_note);
	free(s);
}

const char *
store_error(const struct store *s)
{
	return db_error(s->db);
}

enum ac_err
store_log(struct store *s, struct store_log *out)
{
	struct store_log log = { 0 };
	enum ac_err e = db_step(s->db, Q_LOG);

	if (e != AC_OK)
		goto out;
	log.created_s = db_column_int(s->db, Q_LOG, 2);
	e = buf_copy(&log.origin, db_column(s->db, Q_LOG, 0));
	if (e == AC_OK)
		e = buf_copy(&log.url, db_column(s->db, Q_LOG, 1));
	if (e != AC_OK)
		goto out;
	*out = log;
	log = (struct store_log){ 0 }; /* transferred */
	e = AC_OK;
out:
	store_log_free(&log);
	db_reset(s->db, Q_LOG);
	return e;
}

void
store_log_free(struct store_log *log)
{
	buf_free(&log->origin);
	buf_free(&log->url);
}

enum ac_err
store_plan(struct store *s, struct buf *plan, size_t q)
{
	struct writer w;
	enum ac_err e;

	if (q >= Q_ALL)
		return AC_ERR_NOT_FOUND;
	wr_init(&w, 16 * KIB);
	e = db_plan(s->db, q, &w);
	if (e != AC_OK) {
		wr_free(&w);
		return e;
	}
	return wr_end(&w, plan);
}

/* ---- heads ---- */

static enum ac_err
get_head(struct store *s, enum store_q q, struct store_head *out,
    bool *published)
{
	struct store_head h;
	enum ac_err e = db_step(s->db, q);

	if (e == AC_OK)
		e = db_column_exact(s->db, q, 1, h.root.b, sizeof(h.root.b));
	if (e == AC_OK) {
		h.size = (uint64_t)db_column_int(s->db, q, 0);
		*published = db_column_int(s->db, q, 2) != 0;
		*out = h;
	}
	db_reset(s->db, q);
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
store_keep_note(struct store *s, uint64_t size, struct span note,
    bool complete)
{
	enum ac_err e;

	db_bind_int(s->db, Q_KEEP_NOTE, 1, (int64_t)size);
	db_bind_blob(s->db, Q_KEEP_NOTE, 2, note);
	db_bind_int(s->db, Q_KEEP_NOTE, 3, complete);
	e = db_run(s->db, Q_KEEP_NOTE);
	if (e == AC_OK && db_changes(s->db) != 1) {
		(void)db_fail(s->db, "the head has its note already");
		return AC_ERR_EXISTS;
	}
	return e;
}

enum ac_err
store_note(struct store *s, struct buf *note, bool *complete, uint64_t size)
{
	enum ac_err e;

	db_bind_int(s->db, Q_NOTE, 1, (int64_t)size);
	e = db_step(s->db, Q_NOTE);
	if (e == AC_OK)
		e = buf_copy(note, db_column(s->db, Q_NOTE, 1));
	if (e == AC_OK)
		*complete = db_column_int(s->db, Q_NOTE, 0) != 0;
	db_reset(s->db, Q_NOTE);
	return e;
}

static enum ac_err
get_first(struct store *s, enum store_q q, struct store_head *out,
    struct buf *note, uint64_t index)
{
	struct store_head h;
	enum ac_err e;

	db_bind_int(s->db, q, 1, (int64_t)index);
	e = db_step(s->db, q);
	if (e == AC_OK)
		e = db_column_exact(s->db, q, 1, h.root.b, sizeof(h.root.b));
	if (e == AC_OK)
		e = buf_copy(note, db_column(s->db, q, 2));
	if (e == AC_OK) {
		h.size = (uint64_t)db_column_int(s->db, q, 0);
		*out = h;
	}
	db_reset(s->db, q);
	return e;
}

/*
 * A complete head never changes, and no other is between it and the one
 * before: the entries of a batch all ask for the same.
 */
static enum ac_err
remember_first(struct store *s, const struct store_head *head,
    struct span note, uint64_t index)
{
	struct buf copy = { 0 };
	uint64_t from = 0;
	enum ac_err e;

	db_bind_int(s->db, Q_BEFORE, 1, (int64_t)head->size);
	e = db_get_int(s->db, Q_BEFORE, &from);
	if (e != AC_OK || index < from)
		return e;
	e = buf_copy(&copy, note);
	if (e != AC_OK)
		return e;
	buf_free(&s->first_note);
	s->from = from;
	s->first = *head;
	s->first_note = copy;
	return AC_OK;
}

enum ac_err
store_first_head(struct store *s, struct store_head *out, struct buf *note,
    uint64_t index)
{
	enum ac_err e;

	if (index >= s->from && index < s->first.size) {
		e = buf_copy(note, buf_span(&s->first_note));
		if (e == AC_OK)
			*out = s->first;
		return e;
	}
	e = get_first(s, Q_FIRST_COMPLETE, out, note, index);
	if (e == AC_ERR_NOT_FOUND)
		return get_first(s, Q_FIRST_HEAD, out, note, index);
	if (e == AC_OK && (e = remember_first(s, out, buf_span(note), index))
	    != AC_OK)
		buf_free(note);
	return e;
}

/* ---- writing ---- */

enum ac_err
store_begin(struct store *s)
{
	s->npending = 0;
	return db_run(s->db, Q_BEGIN);
}

static int
compare_pending(const void *a, const void *b)
{
	const struct store_pending *x = a, *y = b;
	uint64_t sx = x->entry / STORE_SEGMENT, sy = y->entry / STORE_SEGMENT;

	if (sx != sy)
		return sx < sy ? -1 : 1;
	if (x->term.value != y->term.value)
		return x->term.value < y->term.value ? -1 : 1;
	if (x->entry != y->entry)
		return x->entry < y->entry ? -1 : 1;
	return (int)x->term.role - (int)y->term.role;
}

/* Put p[0..n) by the statement that takes so many. */
static enum ac_err
put_terms_by(struct store *s, enum store_q q, const struct store_pending p[],
    int n)
{
	for (int i = 0; i < n; i++) {
		db_bind_int(s->db, q, 4 * i + 1,
		    (int64_t)(p[i].entry / STORE_SEGMENT));
		db_bind_int(s->db, q, 4 * i + 2, p[i].term.value);
		db_bind_int(s->db, q, 4 * i + 3, (int64_t)p[i].entry);
		db_bind_int(s->db, q, 4 * i + 4, p[i].term.role);
	}
	return db_run(s->db, q);
}

/* In the order of the index, so that each of its pages is visited once. */
static enum ac_err
put_pending(struct store *s)
{
	struct store_pending *p = s->pending;
	enum ac_err e = AC_OK;
	size_t n = 0, i;

	if (s->npending > 0)
		qsort(p, s->npending, sizeof(*p), compare_pending);
	/* A statement may name the same thing twice. */
	for (i = 0; i < s->npending; i++)
		if (n == 0 || compare_pending(&p[n - 1], &p[i]) != 0)
			p[n++] = p[i];
	for (i = 0; e == AC_OK && n - i >= STORE_ROWS; i += STORE_ROWS)
		e = put_terms_by(s, Q_PUT_TERMS, &p[i], STORE_ROWS);
	for (; e == AC_OK && i < n; i++)
		e = put_terms_by(s, Q_PUT_TERM, &p[i], 1);
	s->npending = 0;
	return e;
}

enum ac_err
store_commit(struct store *s)
{
	enum ac_err e = put_pending(s);

	return e == AC_OK ? db_run(s->db, Q_COMMIT) : e;
}

enum ac_err
store_tidy(struct store *s)
{
	return db_checkpoint(s->db, WAL_PAGES);
}

static enum ac_err
add_pending(struct store *s, struct store_term t, uint64_t entry)
{
	if (s->npending == s->maxpending) {
		size_t max = s->maxpending == 0 ? 1024 : 2 * s->maxpending;
		struct store_pending *p = realloc(s->pending,
		    max * sizeof(*p));

		if (p == NULL)
			return AC_ERR_MEMORY;
		s->pending = p;
		s->maxpending = max;
	}
	s->pending[s->npending++] = (struct store_pending){ t, entry };
	return AC_OK;
}

/* The row of a key, which is made where there is none. */
static enum ac_err
key_id(struct store *s, int64_t *id, const struct spki *key)
{
	struct span spki = span_of(key->b, SPKI_LEN);
	struct store_key *known;
	uint64_t found = 0;
	enum ac_err e;

	/* The last bytes of a point are as good as a hash of it. */
	known = &s->key[(key->b[SPKI_LEN - 2] << 8 | key->b[SPKI_LEN - 1]) %
	    STORE_KEYS];
	if (known->used && ac_equal(known->key.b, key->b, SPKI_LEN)) {
		*id = known->id;
		return AC_OK;
	}
	db_bind_blob(s->db, Q_KEY, 1, spki);
	e = db_get_int(s->db, Q_KEY, &found);
	if (e == AC_ERR_NOT_FOUND) {
		db_bind_blob(s->db, Q_PUT_KEY, 1, spki);
		e = db_run(s->db, Q_PUT_KEY);
		found = (uint64_t)db_inserted(s->db);
	}
	if (e != AC_OK)
		return e;
	*known = (struct store_key){ true, *key, (int64_t)found };
	*id = (int64_t)found;
	return AC_OK;
}

/* Is the content of d withheld? */
static enum ac_err
is_withheld(struct store *s, bool *withheld, const struct digest *d)
{
	uint64_t entry;
	enum ac_err e = store_removed(s, &entry, d);

	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		return e;
	*withheld = e == AC_OK;
	return AC_OK;
}

static enum ac_err
put_stated(struct store *s, const struct digest *d, uint64_t entry)
{
	db_bind_int(s->db, Q_PUT_STATED, 1, store_first_bytes(d));
	db_bind_int(s->db, Q_PUT_STATED, 2, (int64_t)entry);
	return db_run(s->db, Q_PUT_STATED);
}

/* What an entry is found by, beside D and its leaf. */
static enum ac_err
put_terms(struct store *s, uint64_t index, const struct store_entry *en)
{
	enum ac_err e = AC_OK;

	for (size_t i = 0; e == AC_OK && i < en->nterms; i++)
		e = add_pending(s, en->term[i], index);
	return e;
}

/* Entry index is there; where it is a leaf alone, it gets its statement. */
static enum ac_err
fill(struct store *s, uint64_t index, const struct store_entry *en)
{
	bool withheld = false;
	enum ac_err e = is_withheld(s, &withheld, &en->d);

	if (e != AC_OK)
		return e;
	db_bind_int(s->db, Q_FILL, 1, (int64_t)index);
	db_bind_text(s->db, Q_FILL, 2, en->type);
	if (en->has_flops)
		db_bind_double(s->db, Q_FILL, 3, en->flops);
	db_bind_blob(s->db, Q_FILL, 4, withheld ? span_of(NULL, 0) :
	    en->statement);
	e = db_run(s->db, Q_FILL);
	return e == AC_OK && db_changes(s->db) == 1 ?
	    put_terms(s, index, en) : e;
}

enum ac_err
store_put_entry(struct store *s, uint64_t *index, const struct store_entry *en)
{
	bool withheld = false;
	int64_t key = 0;
	enum ac_err e;

	e = store_find(s, index, &en->d, &en->key);
	if (e == AC_OK)
		e = fill(s, *index, en);
	if (e != AC_ERR_NOT_FOUND)
		return e == AC_OK ? AC_ERR_EXISTS : e;
	e = is_withheld(s, &withheld, &en->d);
	if (e == AC_OK)
		e = key_id(s, &key, &en->key);
	if (e != AC_OK)
		return e;
	db_bind_int(s->db, Q_PUT_ENTRY, 1, (int64_t)en->index);
	store_bind_digest(s, Q_PUT_ENTRY, 2, &en->d);
	db_bind_int(s->db, Q_PUT_ENTRY, 3, key);
	db_bind_blob(s->db, Q_PUT_ENTRY, 4, en->sig);
	db_bind_text(s->db, Q_PUT_ENTRY, 5, en->type);
	if (en->has_flops)
		db_bind_double(s->db, Q_PUT_ENTRY, 6, en->flops);
	db_bind_blob(s->db, Q_PUT_ENTRY, 7, withheld ? span_of(NULL, 0) :
	    en->statement);
	e = db_run(s->db, Q_PUT_ENTRY);
	/* Found by further entries of this very transaction. */
	if (e == AC_OK)
		e = put_stated(s, &en->d, en->index);
	if (e == AC_OK)
		e = add_pending(s, store_term_leaf(&en->leaf), en->index);
	return e == AC_OK ? put_terms(s, en->index, en) : e;
}

enum ac_err
store_backup(const char *path, const char *to, struct message *why)
{
	return db_backup(path, to, why);
}

enum ac_err
store_put_removal(struct store *s, const struct digest *d, uint64_t entry)
{
	enum ac_err e;

	store_bind_stated(s, Q_WITHHOLD, 1, d);
	e = db_run(s->db, Q_WITHHOLD);
	if (e != AC_OK)
		return e;
	if (db_changes(s->db) == 0)
		return AC_ERR_NOT_FOUND;
	store_bind_digest(s, Q_PUT_REMOVED, 1, d);
	db_bind_int(s->db, Q_PUT_REMOVED, 2, (int64_t)entry);
	e = db_run(s->db, Q_PUT_REMOVED);
	return e == AC_OK && db_changes(s->db) == 0 ? AC_ERR_EXISTS : e;
}

enum ac_err
store_put_line(struct store *s, uint64_t certificate, enum store_part part,
    uint64_t entry)
{
	db_bind_int(s->db, Q_PUT_LINE, 1, (int64_t)certificate);
	db_bind_int(s->db, Q_PUT_LINE, 2, part);
	db_bind_int(s->db, Q_PUT_LINE, 3, (int64_t)entry);
	return db_run(s->db, Q_PUT_LINE);
}

enum ac_err
store_put_tile(struct store *s, unsigned level, uint64_t index,
    const struct digest hashes[], size_t n)
{
	db_bind_int(s->db, Q_PUT_TILE, 1, level);
	db_bind_int(s->db, Q_PUT_TILE, 2, (int64_t)index);
	db_bind_blob(s->db, Q_PUT_TILE, 3, span_of(hashes, n *
	    sizeof(hashes[0])));
	return db_run(s->db, Q_PUT_TILE);
}

enum ac_err
store_put_head(struct store *s, const struct store_head *from,
    const struct store_head *to)
{
	enum ac_err e;

	db_bind_int(s->db, Q_PUT_HEAD, 1, (int64_t)from->size);
	store_bind_digest(s, Q_PUT_HEAD, 2, &from->root);
	db_bind_int(s->db, Q_PUT_HEAD, 3, (int64_t)to->size);
	store_bind_digest(s, Q_PUT_HEAD, 4, &to->root);
	e = db_run(s->db, Q_PUT_HEAD);
	if (e == AC_OK && db_changes(s->db) != 1) {
		(void)db_fail(s->db, "the newest head is not the one this "
		    "process built on: another process wrote to the database");
		return AC_ERR_MISMATCH;
	}
	return e;
}
