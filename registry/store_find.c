/* store_find.c -- entries, statements and tiles of the store; see store.h. */
#include "cert/leaf.h"
#include "registry/store_db.h"

enum ac_err
store_find(struct store *s, uint64_t *index, const struct digest *d,
    const struct spki *key)
{
	store_bind_stated(s, Q_FIND, 1, d);
	db_bind_blob(s->db, Q_FIND, 3, span_of(key->b, SPKI_LEN));
	return db_get_int(s->db, Q_FIND, index);
}

enum ac_err
store_find_all(struct store *s, uint64_t index[], size_t *n, size_t max,
    const struct digest *d, uint64_t size)
{
	store_bind_stated(s, Q_FIND_ALL, 1, d);
	db_bind_int(s->db, Q_FIND_ALL, 3, (int64_t)size);
	db_bind_int(s->db, Q_FIND_ALL, 4, (int64_t)max);
	return db_get_ints(s->db, Q_FIND_ALL, index, n, max);
}

enum ac_err
store_lines(struct store *s, uint64_t index[], size_t *n, size_t max,
    uint64_t certificate, uint64_t size)
{
	db_bind_int(s->db, Q_LINES, 1, (int64_t)certificate);
	db_bind_int(s->db, Q_LINES, 2, (int64_t)size);
	db_bind_int(s->db, Q_LINES, 3, (int64_t)max);
	return db_get_ints(s->db, Q_LINES, index, n, max);
}

enum ac_err
store_evidence(struct store *s, struct digest *d, uint64_t certificate)
{
	enum ac_err e;

	db_bind_int(s->db, Q_EVIDENCE, 1, (int64_t)certificate);
	e = db_step(s->db, Q_EVIDENCE);
	if (e == AC_OK)
		e = db_column_exact(s->db, Q_EVIDENCE, 0, d->b, sizeof(d->b));
	db_reset(s->db, Q_EVIDENCE);
	return e;
}

/* A signature, which is short. */
static enum ac_err
column_sig(struct store *s, enum store_q q, int i, uint8_t sig[P256_SIG_MAX],
    size_t *len)
{
	struct span v = db_column(s->db, q, i);

	if (v.p == NULL || v.len > P256_SIG_MAX)
		return db_fail(s->db, "a signature has the wrong length");
	memcpy(sig, v.p, v.len);
	*len = v.len;
	return AC_OK;
}

enum ac_err
store_row(struct store *s, struct store_row *out, uint64_t index)
{
	struct store_row row = { 0 };
	uint64_t removal;
	enum ac_err e;

	db_bind_int(s->db, Q_ROW, 1, (int64_t)index);
	e = db_step(s->db, Q_ROW);
	if (e == AC_OK)
		e = db_column_exact(s->db, Q_ROW, 0, row.d.b, sizeof(row.d.b));
	if (e == AC_OK)
		e = db_column_exact(s->db, Q_ROW, 1, row.key.b, SPKI_LEN);
	if (e == AC_OK)
		e = column_sig(s, Q_ROW, 2, row.sig, &row.siglen);
	if (e == AC_OK)
		e = buf_copy(&row.type, db_column(s->db, Q_ROW, 3));
	if (e == AC_OK)
		e = buf_copy(&row.statement, db_column(s->db, Q_ROW, 4));
	if (e == AC_OK)
		e = leaf_encode(&row.body, &row.d, span_of(row.sig,
		    row.siglen), &row.key);
	if (e != AC_OK)
		goto out;
	/* What is withheld is not asked for again. */
	row.missing = row.type.len == 0 &&
	    store_removed(s, &removal, &row.d) == AC_ERR_NOT_FOUND;
	row.withheld = row.statement.len == 0 && !row.missing;
	*out = row;
	row = (struct store_row){ 0 }; /* transferred */
	e = AC_OK;
out:
	store_row_free(&row);
	db_reset(s->db, Q_ROW);
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
	uint64_t removal;
	enum ac_err e;

	store_bind_stated(s, Q_STATEMENT, 1, d);
	db_bind_int(s->db, Q_STATEMENT, 3, (int64_t)size);
	e = db_step(s->db, Q_STATEMENT);
	if (e == AC_OK)
		e = buf_copy(out, db_column(s->db, Q_STATEMENT, 0));
	db_reset(s->db, Q_STATEMENT);
	/* A leaf alone, whose content is withheld. */
	if (e == AC_ERR_NOT_FOUND &&
	    store_removed(s, &removal, d) == AC_OK && removal < size)
		e = buf_copy(out, span_of(NULL, 0));
	return e;
}

enum ac_err
store_removed(struct store *s, uint64_t *entry, const struct digest *d)
{
	store_bind_digest(s, Q_REMOVED, 1, d);
	return db_get_int(s->db, Q_REMOVED, entry);
}

/* ---- the tree ---- */

enum ac_err
store_tile(struct store *s, struct digest hashes[MERKLE_TILE_WIDTH], size_t *n,
    unsigned level, uint64_t index)
{
	struct span v;
	enum ac_err e;

	db_bind_int(s->db, Q_TILE, 1, level);
	db_bind_int(s->db, Q_TILE, 2, (int64_t)index);
	e = db_step(s->db, Q_TILE);
	if (e == AC_OK) {
		v = db_column(s->db, Q_TILE, 0);
		if (v.p == NULL || v.len % sizeof(hashes[0]) != 0 ||
		    v.len > MERKLE_TILE_WIDTH * sizeof(hashes[0])) {
			e = db_fail(s->db, "a tile has the wrong length");
		} else {
			memcpy(hashes, v.p, v.len);
			*n = v.len / sizeof(hashes[0]);
		}
	}
	db_reset(s->db, Q_TILE);
	return e;
}

/* Append the leaf of the row that stands ready, which is entry index. */
static enum ac_err
write_leaf(struct store *s, struct writer *w, uint64_t index)
{
	uint8_t sig[P256_SIG_MAX];
	struct buf body = { 0 };
	struct spki key;
	struct digest d;
	size_t siglen = 0;
	enum ac_err e;

	if ((uint64_t)db_column_int(s->db, Q_LEAVES, 0) != index)
		return AC_ERR_NOT_FOUND;
	e = db_column_exact(s->db, Q_LEAVES, 1, d.b, sizeof(d.b));
	if (e == AC_OK)
		e = column_sig(s, Q_LEAVES, 2, sig, &siglen);
	if (e == AC_OK)
		e = db_column_exact(s->db, Q_LEAVES, 3, key.b, SPKI_LEN);
	if (e == AC_OK)
		e = leaf_encode(&body, &d, span_of(sig, siglen), &key);
	if (e != AC_OK)
		return e;
	wr_be16(w, (uint16_t)body.len); /* leaves are far below 2^16 bytes */
	wr_bytes(w, buf_span(&body));
	buf_free(&body);
	return AC_OK;
}

enum ac_err
store_bundle(struct store *s, struct writer *w, uint64_t first, unsigned n)
{
	enum ac_err e = AC_OK;

	db_bind_int(s->db, Q_LEAVES, 1, (int64_t)first);
	db_bind_int(s->db, Q_LEAVES, 2, n);
	for (unsigned i = 0; e == AC_OK && i < n; i++) {
		e = db_step(s->db, Q_LEAVES);
		if (e == AC_OK)
			e = write_leaf(s, w, first + i);
	}
	db_reset(s->db, Q_LEAVES);
	return e;
}
