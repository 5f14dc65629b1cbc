/* answer_proof.c -- entries of the log and proofs about them; see answer.h. */
#include "registry/answer_own.h"

static void
write_hashes(struct writer *w, const struct digest hashes[], size_t n)
{
	wr_str(w, ",\"hashes\":[");
	for (size_t i = 0; i < n; i++) {
		wr_str(w, i == 0 ? "\"" : ",\"");
		wr_hex(w, span_digest(&hashes[i]));
		wr_u8(w, '"');
	}
	wr_u8(w, ']');
}

static void
refuse_beyond(struct reply *out)
{
	problem_reply(out, PROBLEM_NOT_FOUND, "The index is not below the "
	    "size, or the size is above the log's.", NULL);
}

void
answer_entry(struct answer *a, struct reply *out, const struct route *r)
{
	struct store_row row = { 0 };
	struct digest leaf, key;
	struct writer w;
	uint64_t removal = 0;
	enum ac_err e = AC_ERR_NOT_FOUND;

	wr_init(&w, JSON_MAX);
	if (r->index >= answer_size(a)) {
		refuse_beyond(out);
		goto out;
	}
	e = store_row(a->store, &row, r->index);
	if (e == AC_OK && row.withheld)
		e = store_removed(a->store, &removal, &row.d);
	if (e == AC_OK) {
		leaf = merkle_leaf(buf_span(&row.body));
		key = spki_digest(&row.key);
		wr_str(&w, "{\"index\":");
		wr_dec(&w, r->index);
		wr_str(&w, ",\"statement\":\"");
		wr_hex(&w, span_digest(&row.d));
		wr_str(&w, "\",\"predicateType\":");
		wr_json(&w, buf_span(&row.type));
		wr_str(&w, ",\"key\":\"");
		wr_hex(&w, span_digest(&key));
		wr_str(&w, "\",\"leafHash\":\"");
		wr_hex(&w, span_digest(&leaf));
		wr_str(&w, "\",\"body\":\"");
		wr_base64(&w, buf_span(&row.body));
		wr_printf(&w, "\",\"withheld\":%s", row.withheld ? "true" :
		    "false");
		if (row.withheld) {
			wr_str(&w, ",\"removal\":");
			wr_dec(&w, removal);
		}
		wr_str(&w, "}\n");
	}
	/* An entry below the size is there; else the database is damaged. */
	answer_finish(out, &w, e == AC_ERR_NOT_FOUND ? AC_ERR_IO : e, JSON,
	    REPLY_FRESH);
out:
	wr_free(&w);
	store_row_free(&row);
}

/* Under the checkpoint that the entry was first published with (C2SP). */
void
answer_tlog_proof(struct answer *a, struct reply *out, const struct route *r)
{
	struct digest proof[MERKLE_PROOF_MAX];
	struct buf note = { 0 };
	struct store_head head;
	struct writer w;
	size_t n = 0;
	enum ac_err e;

	wr_init(&w, JSON_MAX);
	if (r->index >= answer_size(a)) {
		refuse_beyond(out);
		goto out;
	}
	e = store_first_head(a->store, &head, &note, r->index);
	if (e == AC_OK)
		e = proof_inclusion(a->proof, proof, &n, r->index, head.size);
	if (e == AC_OK) {
		wr_str(&w, "c2sp.org/tlog-proof@v1\nindex ");
		wr_dec(&w, r->index);
		wr_u8(&w, '\n');
		for (size_t i = 0; i < n; i++) {
			wr_base64(&w, span_digest(&proof[i]));
			wr_u8(&w, '\n');
		}
		wr_u8(&w, '\n');
		wr_bytes(&w, buf_span(&note));
	}
	answer_finish(out, &w, e == AC_ERR_NOT_FOUND ? AC_ERR_IO : e,
	    "text/plain; charset=utf-8", REPLY_SHORT);
out:
	wr_free(&w);
	buf_free(&note);
}

static void
write_inclusion(struct writer *w, uint64_t index, uint64_t size,
    const struct digest *leaf, const struct digest *root)
{
	wr_str(w, "{\"index\":");
	wr_dec(w, index);
	wr_str(w, ",\"treeSize\":");
	wr_dec(w, size);
	wr_str(w, ",\"leafHash\":\"");
	wr_hex(w, span_digest(leaf));
	wr_str(w, "\",\"rootHash\":\"");
	wr_hex(w, span_digest(root));
	wr_u8(w, '"');
}

/*
 * End a proof: with what a head waits for before it is published, and with
 * the checkpoint where it is about the newest head.
 */
static void
write_end(struct answer *a, struct writer *w, uint64_t size,
    const struct store_head *head, const struct buf *note)
{
	wr_printf(w, ",\"witnessing\":\"%s\"", a->log->witnessing);
	if (size == head->size) {
		wr_str(w, ",\"checkpoint\":");
		wr_json(w, buf_span(note));
	}
	wr_str(w, "}\n");
}

void
answer_inclusion(struct answer *a, struct reply *out, const struct route *r)
{
	struct digest proof[MERKLE_PROOF_MAX], leaf, root;
	uint64_t index = r->index, size = r->size;
	struct store_row row = { 0 };
	struct buf note = { 0 };
	struct store_head head;
	struct writer w;
	size_t n = 0;
	enum ac_err e;

	wr_init(&w, JSON_MAX);
	e = published_note(a->log->published, &head, &note);
	if (e == AC_OK && !r->has_size)
		size = head.size;
	if (e == AC_OK && r->has_hash)
		e = store_find_leaf(a->store, &index, &r->hash);
	if (e == AC_OK && (size > head.size || index >= size)) {
		refuse_beyond(out);
		goto out;
	}
	if (e == AC_OK)
		e = store_row(a->store, &row, index);
	if (e == AC_OK)
		e = proof_inclusion(a->proof, proof, &n, index, size);
	if (e == AC_OK) {
		leaf = merkle_leaf(buf_span(&row.body));
		e = merkle_root_from_inclusion(&root, index, size, &leaf, proof,
		    n);
	}
	if (e == AC_OK) {
		write_inclusion(&w, index, size, &leaf, &root);
		write_hashes(&w, proof, n);
		write_end(a, &w, size, &head, &note);
	}
	answer_finish(out, &w, e, JSON, REPLY_FRESH);
out:
	wr_free(&w);
	buf_free(&note);
	store_row_free(&row);
}

/* The proof from..to, and that it leads from one root to the other. */
static enum ac_err
prove(struct answer *a, struct writer *w, uint64_t from, uint64_t to)
{
	struct digest proof[MERKLE_PROOF_MAX], first, second;
	size_t n = 0;
	enum ac_err e = proof_consistency(a->proof, proof, &n, from, to);

	if (e == AC_OK)
		e = proof_root(a->proof, &first, from);
	if (e == AC_OK)
		e = proof_root(a->proof, &second, to);
	/* Nothing leaves that a client would refuse. */
	if (e == AC_OK && merkle_check_consistency(from, to, &first, &second,
	    proof, n) != AC_OK)
		e = AC_ERR_IO;
	if (e != AC_OK)
		return e;
	wr_str(w, "{\"from\":");
	wr_dec(w, from);
	wr_str(w, ",\"to\":");
	wr_dec(w, to);
	wr_str(w, ",\"fromRootHash\":\"");
	wr_hex(w, span_digest(&first));
	wr_str(w, "\",\"rootHash\":\"");
	wr_hex(w, span_digest(&second));
	wr_u8(w, '"');
	write_hashes(w, proof, n);
	return AC_OK;
}

void
answer_consistency(struct answer *a, struct reply *out, const struct route *r)
{
	uint64_t to = r->size;
	struct buf note = { 0 };
	struct store_head head;
	struct writer w;
	enum ac_err e;

	wr_init(&w, JSON_MAX);
	e = published_note(a->log->published, &head, &note);
	if (e == AC_OK && !r->has_size)
		to = head.size;
	if (e == AC_OK && (to > head.size || r->from > to)) {
		problem_reply(out, PROBLEM_NOT_FOUND, "The log has not so many "
		    "entries.", NULL);
		goto out;
	}
	if (e == AC_OK)
		e = prove(a, &w, r->from, to);
	if (e == AC_OK)
		write_end(a, &w, to, &head, &note);
	answer_finish(out, &w, e, JSON, REPLY_FRESH);
out:
	wr_free(&w);
	buf_free(&note);
}
