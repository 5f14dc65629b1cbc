/* answer.c -- replies out of the store; see answer.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "cert/bundle.h"
#include "cert/dsse.h"
#include "cert/leaf.h"
#include "common/time.h"
#include "registry/answer_own.h"
#include "registry/openapi.h"

/* A certificate with a log entry on each line. */
#define LOGGED_MAX (CERTIFICATE_MAX * 2)

enum ac_err
answer_new(struct answer **out, const struct answer_log *log, const char *path,
    struct message *why)
{
	struct answer *a = calloc(1, sizeof(*a));
	enum ac_err e = AC_ERR_MEMORY;

	if (a == NULL) {
		message_set(why, "no memory for a worker");
		goto out;
	}
	a->log = log;
	e = store_open(&a->store, path, false, why);
	if (e != AC_OK)
		goto out;
	e = proof_new(&a->proof, a->store);
	if (e != AC_OK) {
		message_set(why, "no memory for a worker");
		goto out;
	}
	*out = a;
	a = NULL; /* transferred */
	e = AC_OK;
out:
	answer_free(a);
	return e;
}

void
answer_free(struct answer *a)
{
	if (a == NULL)
		return;
	proof_free(a->proof);
	store_close(a->store);
	free(a);
}

uint64_t
answer_size(struct answer *a)
{
	return published_head(a->log->published).size;
}

void
answer_failed(struct reply *out, enum ac_err e)
{
	if (e == AC_ERR_NOT_FOUND)
		problem_reply(out, PROBLEM_NOT_FOUND,
		    "The log has no such statement.", NULL);
	else if (e == AC_ERR_MEMORY)
		problem_reply(out, PROBLEM_BUSY, "There is no memory for the "
		    "answer now; ask again later.", NULL);
	else
		problem_reply(out, PROBLEM_INTERNAL, "The answer could not be "
		    "made from the database; the operator must look.", NULL);
}

void
answer_finish(struct reply *out, struct writer *w, enum ac_err e, const char *type,
    const char *cache)
{
	struct buf body = { 0 };

	if (e == AC_OK)
		e = wr_end(w, &body);
	else
		wr_free(w);
	if (e == AC_OK)
		*out = reply_ok(type, cache, body);
	else
		answer_failed(out, e);
}

/* ---- logged lines ---- */

/* The log entry of a stored row: as it was when it was first published. */
static enum ac_err
fill_entry(struct answer *a, struct bundle_entry *entry, uint64_t index,
    struct span body)
{
	struct digest leaf = merkle_leaf(body);
	struct store_head head;
	enum ac_err e;

	e = store_first_head(a->store, &head, &entry->checkpoint, index);
	if (e == AC_OK)
		e = proof_inclusion(a->proof, entry->proof, &entry->nproof,
		    index, head.size);
	/* Nothing leaves that a client would refuse. */
	if (e == AC_OK && merkle_check_inclusion(index, head.size, &leaf,
	    &head.root, entry->proof, entry->nproof) != AC_OK)
		e = AC_ERR_IO;
	if (e != AC_OK)
		return e;
	entry->top_index = entry->index = index;
	entry->log_id = note_key_hash(&a->log->log);
	entry->root = head.root;
	entry->size = head.size;
	return AC_OK;
}

/*
 * Append the line of entry index by that key; statement and body are handed
 * over even on failure.
 */
static enum ac_err
write_line(struct answer *a, struct writer *w, uint64_t index,
    const struct spki *key, struct span sig, struct buf statement,
    struct buf body)
{
	struct bundle *b = &a->bundle;
	enum ac_err e;

	*b = (struct bundle){ .logged = true, .statement = statement };
	b->entry.body = body;
	e = fill_entry(a, &b->entry, index, buf_span(&body));
	if (e == AC_OK) {
		spki_hint(b->hint, key);
		memcpy(b->sig, sig.p, sig.len);
		b->siglen = sig.len;
		bundle_write(w, b);
		wr_u8(w, '\n');
	}
	bundle_free(b);
	return e;
}

/* What was put a moment ago need not be read again. */
static enum ac_err
write_fresh(struct answer *a, struct writer *w, struct unit_line *line)
{
	struct span sig = span_of(line->sig, line->siglen);
	struct buf body = { 0 }, statement = line->statement;
	enum ac_err e = leaf_encode(&body, &line->d, sig, &line->key);

	if (e != AC_OK)
		return e;
	line->statement = (struct buf){ 0 }; /* transferred */
	return write_line(a, w, line->index, &line->key, sig, statement, body);
}

enum ac_err
answer_line(struct answer *a, struct writer *w, uint64_t index)
{
	struct store_row row = { 0 };
	enum ac_err e = store_row(a->store, &row, index);

	if (e == AC_OK && row.missing)
		e = AC_ERR_NOT_FOUND;
	if (e == AC_OK && row.withheld)
		e = AC_ERR_MISMATCH;
	if (e != AC_OK) {
		store_row_free(&row);
		return e;
	}
	e = write_line(a, w, index, &row.key, span_of(row.sig, row.siglen),
	    row.statement, row.body);
	row.statement = row.body = (struct buf){ 0 }; /* transferred */
	store_row_free(&row);
	return e;
}

void
answer_removed(struct answer *a, struct reply *out, const struct digest *d)
{
	struct message what;
	uint64_t entry;
	enum ac_err e = store_removed(a->store, &entry, d);

	if (e != AC_OK) {
		/* Else it is missing since a recovery, until it is posted. */
		answer_failed(out, e);
		return;
	}
	message_set(&what, "The registry withholds this content; entry %"
	    PRIu64 " is the removal, which says why. That it was logged can "
	    "still be proved.", entry);
	problem_reply(out, PROBLEM_REMOVED, what.text, NULL);
}

enum ac_err
answer_time(struct answer *a, int64_t *out, uint64_t index)
{
	const struct note_key *key = &a->log->time;
	uint8_t blob[NOTE_COSIGNATURE_BLOB - 4];
	struct buf bytes = { 0 };
	struct store_head head;
	enum ac_err e = store_first_head(a->store, &head, &bytes, index);
	uint64_t time_s = 0;

	if (e == AC_OK)
		e = note_parse(&a->note, buf_span(&bytes));
	if (e != AC_OK)
		goto out;
	e = AC_ERR_IO;
	for (size_t i = 0; i < a->note.nsignatures; i++)
		if (note_signature_is_by(&a->note.signature[i], key) &&
		    note_signature_bytes(blob, sizeof(blob),
		    &a->note.signature[i]))
			e = AC_OK;
	if (e != AC_OK)
		goto out;
	for (size_t i = 0; i < 8; i++)
		time_s = time_s << 8 | blob[i];
	*out = (int64_t)(time_s & INT64_MAX);
	e = AC_OK;
out:
	buf_free(&bytes);
	return e;
}

void
answer_unit(struct answer *a, struct reply *out, struct unit *u)
{
	struct writer w;
	enum ac_err e = AC_OK;

	if (u->verdict == UNIT_CONFLICT) {
		problem_reply(out, PROBLEM_OTHER_EVIDENCE, "Line 1 is logged "
		    "already, with the evidence whose D is in \"stored\"; a "
		    "statement has one evidence.", &u->stored);
		return;
	}
	if (u->verdict == UNIT_STRANGER) {
		problem_reply(out, PROBLEM_AUTHORITY, "A revocation is by the "
		    "key that signed its target, by the revoked key itself, "
		    "or by a revoker of this registry's policy; this one is "
		    "by another.", NULL);
		return;
	}
	if (u->verdict == UNIT_UNWITNESSED) {
		problem_reply(out, PROBLEM_UNWITNESSED, "The newest head of "
		    "the log has not the cosignatures of its witnesses yet. "
		    "Post again later: whatever is logged already keeps its "
		    "index, and a retry returns the same.", NULL);
		return;
	}
	if (u->verdict == UNIT_HALTED) {
		problem_reply(out, PROBLEM_HALTED, "The log signs nothing "
		    "until its operator acts. Post again later: whatever is "
		    "logged already keeps its index.", NULL);
		return;
	}
	if (u->verdict != UNIT_LOGGED) {
		problem_reply(out, PROBLEM_STOPPING, "The registry stopped "
		    "before it could answer. Post again later: whatever is "
		    "logged already keeps its index.", NULL);
		return;
	}
	wr_init(&w, LOGGED_MAX);
	for (size_t i = 0; e == AC_OK && i < u->nlines; i++) {
		e = u->line[i].fresh ? write_fresh(a, &w, &u->line[i]) :
		    answer_line(a, &w, u->line[i].index);
		if (e == AC_ERR_MISMATCH) {
			wr_free(&w);
			answer_removed(a, out, &u->line[i].d);
			return;
		}
	}
	/* What is logged is found; else the database is damaged. */
	answer_finish(out, &w, e == AC_ERR_NOT_FOUND ? AC_ERR_IO : e, JSONL,
	    REPLY_NEVER);
}

/* Is entry index a leaf alone, whose statement is to be taken again? */
static bool
is_missing(struct answer *a, uint64_t index)
{
	struct store_row row = { 0 };
	bool missing = store_row(a->store, &row, index) == AC_OK &&
	    row.missing;

	store_row_free(&row);
	return missing;
}

bool
answer_duplicate(struct answer *a, struct reply *out, struct unit *u)
{
	uint64_t size = answer_size(a);
	struct digest stored;

	/* Whether further lines belong to the certificate is written down. */
	if (u->nlines > (u->has_evidence ? 2 : 1))
		return false;
	for (size_t i = 0; i < u->nlines; i++)
		if (store_find(a->store, &u->line[i].index, &u->line[i].d,
		    &u->line[i].key) != AC_OK || u->line[i].index >= size ||
		    is_missing(a, u->line[i].index))
			return false;
	if (u->has_evidence && (store_evidence(a->store, &stored,
	    u->line[0].index) != AC_OK ||
	    !digest_equal(&stored, &u->line[1].d)))
		return false;
	u->verdict = UNIT_LOGGED;
	answer_unit(a, out, u);
	return true;
}

/* ---- reads ---- */

static void
read_statement(struct answer *a, struct reply *out, const struct digest *d)
{
	struct buf body = { 0 };
	enum ac_err e = store_statement(a->store, &body, d, answer_size(a));

	if (e == AC_OK && body.len == 0) {
		buf_free(&body);
		answer_removed(a, out, d);
	} else if (e == AC_OK) {
		*out = reply_ok(DSSE_PAYLOAD_TYPE, REPLY_SHORT, body);
	} else {
		answer_failed(out, e);
	}
}

/* Is entry index one by the key of that SHA-256? */
static enum ac_err
is_by(struct answer *a, bool *by, uint64_t index, const struct digest *key)
{
	struct store_row row = { 0 };
	enum ac_err e = store_row(a->store, &row, index);

	if (e == AC_OK) {
		struct digest d = spki_digest(&row.key);

		*by = digest_equal(&d, key);
	}
	store_row_free(&row);
	return e;
}

/*
 * The certificate that begins with entry index; a statement of another kind
 * is its one line.  Further lines, which anybody may add, end where the whole
 * would be larger than a certificate may be.
 */
static enum ac_err
write_certificate(struct answer *a, struct writer *w, uint64_t index)
{
	uint64_t line[CERTIFICATE_LINES_MAX];
	size_t n = 0;
	enum ac_err e;

	e = store_lines(a->store, line, &n, CERTIFICATE_LINES_MAX - 1, index,
	    answer_size(a));
	if (e == AC_OK)
		e = answer_line(a, w, index);
	for (size_t i = 0; e == AC_OK && i < n; i++) {
		size_t before = w->len;

		e = answer_line(a, w, line[i]);
		/* What is withheld of it is left out. */
		if (e == AC_ERR_MISMATCH)
			e = AC_OK;
		if (w->len > CERTIFICATE_MAX) {
			w->len = before;
			break;
		}
	}
	return e;
}

static void
read_certificate(struct answer *a, struct reply *out, const struct route *r)
{
	uint64_t index[CERTIFICATE_LINES_MAX];
	size_t n = 0, written = 0;
	struct writer w;
	enum ac_err e;

	wr_init(&w, LOGGED_MAX);
	e = store_find_all(a->store, index, &n, CERTIFICATE_LINES_MAX, &r->d,
	    answer_size(a));
	for (size_t i = 0; e == AC_OK && i < n && w.len < CERTIFICATE_MAX;
	    i++) {
		bool wanted = true;

		if (r->has_key)
			e = is_by(a, &wanted, index[i], &r->key);
		if (e == AC_OK && wanted) {
			e = write_certificate(a, &w, index[i]);
			written++;
		}
	}
	if (e == AC_OK && written == 0)
		e = AC_ERR_NOT_FOUND;
	if (e == AC_ERR_MISMATCH) {
		wr_free(&w);
		answer_removed(a, out, &r->d);
		return;
	}
	answer_finish(out, &w, e, JSONL, REPLY_FRESH);
}

static void
read_trusted_root(struct answer *a, struct reply *out)
{
	/* SubjectPublicKeyInfo of an Ed25519 key before its 32 bytes. */
	static const uint8_t prefix[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
		0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };
	uint8_t spki[sizeof(prefix) + 32];
	struct digest id = note_key_hash(&a->log->log);
	char start[TIME_RFC3339_LEN + 1] = "";
	struct writer w;
	enum ac_err e = time_format(start, a->log->created_s);

	memcpy(spki, prefix, sizeof(prefix));
	memcpy(spki + sizeof(prefix), a->log->log.pub, 32);
	wr_init(&w, JSON_MAX);
	wr_str(&w, "{\"mediaType\":\"application/vnd.dev.sigstore.trustedroot"
	    "+json;version=0.1\",\"tlogs\":[{\"baseUrl\":");
	wr_json(&w, span_str(a->log->root_url));
	wr_str(&w, ",\"hashAlgorithm\":\"SHA2_256\",\"publicKey\":{"
	    "\"rawBytes\":\"");
	wr_base64(&w, span_of(spki, sizeof(spki)));
	wr_printf(&w, "\",\"keyDetails\":\"PKIX_ED25519\",\"validFor\":{"
	    "\"start\":\"%s\"}},\"logId\":{\"keyId\":\"", start);
	wr_base64(&w, span_digest(&id));
	wr_str(&w, "\"},\"checkpointKeyId\":{\"keyId\":\"");
	wr_base64(&w, span_digest(&id));
	wr_str(&w, "\"}}],\"certificateAuthorities\":[],\"ctlogs\":[],"
	    "\"timestampAuthorities\":[]}");
	answer_finish(out, &w, e, JSON, REPLY_SHORT);
}

static void
read_keys(struct answer *a, struct reply *out)
{
	struct buf body = { 0 };
	enum ac_err e = buf_copy(&body, a->log->keys);

	if (e == AC_OK)
		*out = reply_ok("text/plain; charset=utf-8", REPLY_SHORT, body);
	else
		answer_failed(out, e);
}

static void
read_openapi(struct reply *out)
{
	struct buf body = { 0 };
	enum ac_err e = buf_copy(&body, span_of(openapi_json,
	    sizeof(openapi_json)));

	if (e == AC_OK)
		*out = reply_ok(JSON, REPLY_SHORT, body);
	else
		answer_failed(out, e);
}

void
answer_read(struct answer *a, struct reply *out, const struct route *r)
{
	switch (r->place) {
	case ROUTE_PAGE:
		answer_home(a, out);
		return;
	case ROUTE_CERTIFICATE_PAGE:
		answer_certificate_page(a, out, r);
		return;
	case ROUTE_SEARCH_PAGE:
		answer_search_page(a, out, r);
		return;
	case ROUTE_OPENAPI:
		read_openapi(out);
		return;
	case ROUTE_TRUSTED_ROOT:
		read_trusted_root(a, out);
		return;
	case ROUTE_LOG_KEYS:
		read_keys(a, out);
		return;
	case ROUTE_STATEMENT:
		read_statement(a, out, &r->d);
		return;
	case ROUTE_CERTIFICATE:
		read_certificate(a, out, r);
		return;
	case ROUTE_ENTRY:
		answer_entry(a, out, r);
		return;
	case ROUTE_TLOG_PROOF:
		answer_tlog_proof(a, out, r);
		return;
	case ROUTE_BY_DIGEST:
		answer_by_digest(a, out, r);
		return;
	case ROUTE_SEARCH:
		answer_search(a, out, r);
		return;
	case ROUTE_FEED:
		answer_feed(a, out, r);
		return;
	case ROUTE_INCLUSION:
		answer_inclusion(a, out, r);
		return;
	case ROUTE_CONSISTENCY:
		answer_consistency(a, out, r);
		return;
	case ROUTE_REVOCATIONS:
		answer_revocations(a, out);
		return;
	case ROUTE_NONE:
	case ROUTE_HEALTH:
	case ROUTE_METRICS:
	case ROUTE_CHECKPOINT:
	case ROUTE_TILE:
	case ROUTE_SUBMIT:
	case ROUTE_COUNT:
		break;
	}
	answer_failed(out, AC_ERR_UNSUPPORTED);
}
