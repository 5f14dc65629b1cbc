/* answer.c -- replies out of the store; see answer.h. */
#include <stdlib.h>

#include "cert/bundle.h"
#include "cert/dsse.h"
#include "cert/leaf.h"
#include "common/time.h"
#include "registry/answer.h"
#include "registry/proof.h"
#include "registry/web.h"

#define FOUND_MAX 100        /* findings in one answer */
#define JSON_MAX (1 * MIB)   /* bytes of an answer that is no certificate */
/* A certificate with a log entry on each line. */
#define LOGGED_MAX (CERTIFICATE_MAX * 2)
#define JSONL "application/jsonl"
#define JSON "application/json"

struct answer {
	const struct answer_log *log;
	struct store *store;
	struct proof *proof;
	struct bundle bundle; /* the one being written; large */
};

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

static uint64_t
published_size(struct answer *a)
{
	return published_head(a->log->published).size;
}

/* The reply where e kept us from making a better one. */
static void
failed(struct reply *out, enum ac_err e)
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

/* The text of w as the body of a 200, or the reply for what went wrong. */
static void
finish(struct reply *out, struct writer *w, enum ac_err e, const char *type,
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
		failed(out, e);
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

/* Append the line of entry index, with its LF. */
static enum ac_err
write_line(struct answer *a, struct writer *w, uint64_t index)
{
	struct bundle *b = &a->bundle;
	struct store_row row = { 0 };
	enum ac_err e = store_row(a->store, &row, index);

	if (e == AC_OK && row.missing)
		e = AC_ERR_NOT_FOUND;
	if (e != AC_OK) {
		store_row_free(&row);
		return e;
	}
	*b = (struct bundle){ .logged = true };
	e = fill_entry(a, &b->entry, index, buf_span(&row.body));
	if (e == AC_OK) {
		spki_hint(b->hint, &row.key);
		memcpy(b->sig, row.sig, row.siglen);
		b->siglen = row.siglen;
		b->statement = row.statement;
		row.statement = (struct buf){ 0 }; /* transferred */
		b->entry.body = row.body;
		row.body = (struct buf){ 0 }; /* transferred */
		bundle_write(w, b);
		wr_u8(w, '\n');
	}
	bundle_free(b);
	store_row_free(&row);
	return e;
}

void
answer_unit(struct answer *a, struct reply *out, const struct unit *u)
{
	struct writer w;
	enum ac_err e = AC_OK;

	if (u->verdict == UNIT_CONFLICT) {
		problem_reply(out, PROBLEM_OTHER_EVIDENCE, "Line 1 is logged "
		    "already, with the evidence whose D is in \"stored\"; a "
		    "statement has one evidence.", &u->stored);
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
	for (size_t i = 0; e == AC_OK && i < u->nlines; i++)
		e = write_line(a, &w, u->line[i].index);
	/* What is logged is found; else the database is damaged. */
	finish(out, &w, e == AC_ERR_NOT_FOUND ? AC_ERR_IO : e, JSONL,
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
	uint64_t size = published_size(a);
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
	enum ac_err e = store_statement(a->store, &body, d, published_size(a));

	if (e == AC_OK)
		*out = reply_ok(DSSE_PAYLOAD_TYPE, REPLY_SHORT, body);
	else
		failed(out, e);
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
	    published_size(a));
	if (e == AC_OK)
		e = write_line(a, w, index);
	for (size_t i = 0; e == AC_OK && i < n; i++) {
		size_t before = w->len;

		e = write_line(a, w, line[i]);
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
	    published_size(a));
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
	finish(out, &w, e, JSONL, REPLY_FRESH);
}

static void
write_found(struct writer *w, const struct store_found *f)
{
	struct digest key = spki_digest(&f->key);

	wr_str(w, "{\"statement\":\"");
	wr_hex(w, span_digest(&f->d));
	wr_str(w, "\",\"predicateType\":");
	wr_json(w, buf_span(&f->type));
	wr_printf(w, ",\"role\":\"%s\",\"index\":", f->role == STORE_SUBJECT ?
	    "subject" : "dependency");
	wr_dec(w, f->index);
	wr_str(w, ",\"key\":\"");
	wr_hex(w, span_digest(&key));
	wr_str(w, "\"}");
}

static void
read_by_digest(struct answer *a, struct reply *out, const struct route *r)
{
	struct store_found *found = calloc(FOUND_MAX + 1, sizeof(*found));
	uint64_t size = published_size(a);
	enum ac_err e = AC_ERR_MEMORY;
	struct writer w;
	size_t n = 0;

	/* One more than is shown tells whether there are more. */
	if (found != NULL)
		e = store_by_digest(a->store, found, &n, FOUND_MAX + 1,
		    span_str(r->alg), span_of(r->value, r->valuelen), r->from,
		    size);
	wr_init(&w, JSON_MAX);
	wr_printf(&w, "{\"digest\":{\"%s\":\"", r->alg);
	wr_hex(&w, span_of(r->value, r->valuelen));
	wr_str(&w, "\"},\"treeSize\":");
	wr_dec(&w, size);
	wr_str(&w, ",\"statements\":[");
	for (size_t i = 0; i < n && i < FOUND_MAX; i++) {
		if (i > 0)
			wr_u8(&w, ',');
		write_found(&w, &found[i]);
	}
	wr_u8(&w, ']');
	if (n > FOUND_MAX) {
		wr_str(&w, ",\"next\":");
		wr_dec(&w, found[FOUND_MAX].index);
	}
	wr_str(&w, "}\n");
	for (size_t i = 0; i < n; i++)
		buf_free(&found[i].type);
	free(found);
	if (e == AC_OK && n == 0)
		e = AC_ERR_NOT_FOUND;
	finish(out, &w, e, JSON, REPLY_FRESH);
}

static void
write_inclusion(struct writer *w, uint64_t index, uint64_t size,
    const struct digest *leaf, const struct digest *root,
    const struct digest proof[], size_t nproof)
{
	wr_str(w, "{\"index\":");
	wr_dec(w, index);
	wr_str(w, ",\"treeSize\":");
	wr_dec(w, size);
	wr_str(w, ",\"leafHash\":\"");
	wr_hex(w, span_digest(leaf));
	wr_str(w, "\",\"rootHash\":\"");
	wr_hex(w, span_digest(root));
	wr_str(w, "\",\"hashes\":[");
	for (size_t i = 0; i < nproof; i++) {
		wr_str(w, i == 0 ? "\"" : ",\"");
		wr_hex(w, span_digest(&proof[i]));
		wr_u8(w, '"');
	}
	wr_u8(w, ']');
}

static void
read_inclusion(struct answer *a, struct reply *out, const struct route *r)
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
		problem_reply(out, PROBLEM_NOT_FOUND, "The index is not below "
		    "the size, or the size is above the log's.", NULL);
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
		write_inclusion(&w, index, size, &leaf, &root, proof, n);
		wr_printf(&w, ",\"witnessing\":\"%s\"", a->log->witnessing);
		if (size == head.size) {
			wr_str(&w, ",\"checkpoint\":");
			wr_json(&w, buf_span(&note));
		}
		wr_str(&w, "}\n");
	}
	finish(out, &w, e, JSON, REPLY_FRESH);
out:
	wr_free(&w);
	buf_free(&note);
	store_row_free(&row);
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
	finish(out, &w, e, JSON, REPLY_SHORT);
}

static void
read_page(struct answer *a, struct reply *out)
{
	struct web web = { .origin = a->log->origin, .url = a->log->url,
		.keys = a->log->keys, .witnessing = a->log->witnessing };
	struct buf note = { 0 }, body = { 0 };
	enum ac_err e;

	e = published_note(a->log->published, &web.head, &note);
	web.note = buf_span(&note);
	if (e == AC_OK)
		e = web_page(&body, &web);
	if (e == AC_OK) {
		*out = reply_ok("text/html; charset=utf-8", REPLY_FRESH, body);
		out->policy = a->log->page_policy;
	} else {
		failed(out, e);
	}
	buf_free(&note);
}

static void
read_keys(struct answer *a, struct reply *out)
{
	struct buf body = { 0 };
	enum ac_err e = buf_copy(&body, a->log->keys);

	if (e == AC_OK)
		*out = reply_ok("text/plain; charset=utf-8", REPLY_SHORT, body);
	else
		failed(out, e);
}

void
answer_read(struct answer *a, struct reply *out, const struct route *r)
{
	switch (r->place) {
	case ROUTE_PAGE:
		read_page(a, out);
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
	case ROUTE_BY_DIGEST:
		read_by_digest(a, out, r);
		return;
	case ROUTE_INCLUSION:
		read_inclusion(a, out, r);
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
	failed(out, AC_ERR_UNSUPPORTED);
}
