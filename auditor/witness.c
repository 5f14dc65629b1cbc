/* witness.c -- what a witness cosigns and remembers; see witness.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auditor/split.h"
#include "auditor/submission.h"
#include "auditor/witness.h"
#include "common/file.h"
#include "common/hook.h"
#include "common/sha256.h"
#include "common/text.h"
#include "verifier/sig.h"

#define PLAIN "text/plain; charset=utf-8"
#define SIZE_TYPE "text/x.tlog.size"

/* One origin, and the last checkpoint of it that was cosigned. */
struct known {
	struct span origin;    /* of the policy */
	char hash[65];         /* hex SHA-256 of it, with NUL */
	pthread_mutex_t mutex; /* guards what follows and the files */
	uint64_t size;
	struct digest root;
	uint64_t time_s;       /* of our last cosignature */
	struct buf note;       /* whole; empty: never cosigned */
	bool evidence_counted;
	unsigned nevidence;
};

struct witness {
	struct witness_options o;
	int lock;
	size_t nknown;
	struct known known[POLICY_LIST_MAX];
};

/* One request on its way. */
struct request {
	struct span body;
	struct submission s;
	struct note note;
	struct checkpoint c;
};

/* ---- replies ---- */

static void
refuse(struct witness_reply *out, unsigned status, const char *fmt, ...)
    AC_PRINTF(3, 4);

static void
refuse(struct witness_reply *out, unsigned status, const char *fmt, ...)
{
	va_list ap;
	int n;

	out->status = status;
	out->type = PLAIN;
	va_start(ap, fmt);
	n = vsnprintf(out->note.text, sizeof(out->note.text) - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		out->note.text[0] = '\0';
	/* Without memory for the sentence the status stands alone. */
	if (buf_copy(&out->body, span_str(out->note.text)) == AC_OK) {
		struct writer w;
		struct buf line = { 0 };

		wr_init(&w, sizeof(out->note.text) + 1);
		wr_bytes(&w, buf_span(&out->body));
		wr_u8(&w, '\n');
		if (wr_end(&w, &line) == AC_OK) {
			buf_free(&out->body);
			out->body = line;
		}
	}
}

/* ---- files ---- */

static enum ac_err
path_of(char **out, const struct witness *w, const struct known *k,
    const char *name)
{
	if (asprintf(out, "%s/%s/%s", w->o.dir, k->hash, name) < 0) {
		*out = NULL;
		return AC_ERR_MEMORY;
	}
	return AC_OK;
}

/* Make the folder of k, or one below it, durably. */
static enum ac_err
make_folder(const struct witness *w, const struct known *k, const char *name)
{
	char *path = NULL, *above = NULL;
	enum ac_err e = AC_ERR_MEMORY;

	if (asprintf(&path, "%s/%s%s%s", w->o.dir, k->hash,
	    name == NULL ? "" : "/", name == NULL ? "" : name) < 0)
		path = NULL;
	if (asprintf(&above, "%s%s%s", w->o.dir, name == NULL ? "" : "/",
	    name == NULL ? "" : k->hash) < 0)
		above = NULL;
	if (path != NULL && above != NULL) {
		e = AC_ERR_IO;
		if (mkdir(path, 0755) == 0 || errno == EEXIST)
			e = file_sync_dir(above);
	}
	free(path);
	free(above);
	return e;
}

/* The time of our newest line in the stored note; 0: there is none. */
static uint64_t
our_time(const struct witness *w, const struct note *note)
{
	uint64_t newest = 0;

	for (size_t i = 0; i < w->o.nkeys; i++) {
		int64_t t = 0;

		if (sig_note(&t, note, notekey_public(w->o.key[i])) == AC_OK &&
		    (uint64_t)t > newest)
			newest = (uint64_t)t;
	}
	return newest;
}

/* Does a line by a key of the origin hold, and none fail? */
static bool
is_signed(const struct witness *w, const struct note *note,
    struct span origin)
{
	bool found = false;

	for (size_t i = 0; i < w->o.logs->nlog; i++) {
		const struct note_key *key = &w->o.logs->log[i];
		int64_t t;
		enum ac_err e;

		if (!span_is(origin, key->name))
			continue;
		e = sig_note(&t, note, key);
		if (e != AC_OK && e != AC_ERR_NOT_FOUND)
			return false;
		found = found || e == AC_OK;
	}
	return found;
}

/* Take over what the folder has of k. */
static enum ac_err
load(const struct witness *w, struct known *k, struct message *why)
{
	struct buf bytes = { 0 };
	struct checkpoint c;
	struct note note;
	char *path = NULL;
	enum ac_err e;

	e = path_of(&path, w, k, "checkpoint");
	if (e == AC_OK)
		e = file_read(&bytes, path, NOTE_MAX);
	if (e == AC_ERR_NOT_FOUND) {
		k->root = merkle_empty();
		e = AC_OK;
		goto out;
	}
	if (e != AC_OK) {
		message_set(why, "cannot read the state ");
		message_add_quoted(why, span_str(path == NULL ? "" : path));
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
		goto out;
	}
	e = AC_ERR_MISMATCH;
	if (note_parse(&note, buf_span(&bytes)) != AC_OK ||
	    checkpoint_parse(&c, note.text) != AC_OK ||
	    !span_equal(c.origin, k->origin) ||
	    ((k->time_s = our_time(w, &note)) == 0 &&
	    !is_signed(w, &note, k->origin))) {
		message_set(why, "the state ");
		message_add_quoted(why, span_str(path));
		message_add(why, " is damaged, or was made with other keys: no "
		    "signature of the log's or the witness's keys holds.  "
		    "Bring the keys or a copy of the file; without it the "
		    "witness might sign what contradicts what it signed");
		goto out;
	}
	k->size = c.size;
	k->root = c.root;
	k->note = bytes;
	bytes = (struct buf){ 0 }; /* transferred */
	e = AC_OK;
out:
	buf_free(&bytes);
	free(path);
	return e;
}

/* ---- evidence ---- */

static unsigned
count_files(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n < 2 ? 0 : n - 2;
}

/*
 * Keep data as evidence/<SHA-256>.<ending>.  What cannot be kept is not: the
 * answer is the same.
 */
static void
keep(const struct witness *w, struct known *k, struct span data,
    const char *ending)
{
	struct digest d = sha256_of(data);
	char name[96] = "evidence/";
	char *folder = NULL, *path = NULL;
	size_t n = strlen(name);

	text_hex(name + n, span_digest(&d));
	(void)snprintf(name + n + 64, sizeof(name) - n - 64, ".%s", ending);
	if (make_folder(w, k, NULL) != AC_OK ||
	    make_folder(w, k, "evidence") != AC_OK ||
	    path_of(&folder, w, k, "evidence") != AC_OK)
		goto out;
	if (!k->evidence_counted) {
		k->nevidence = count_files(folder);
		k->evidence_counted = true;
	}
	if (k->nevidence >= WITNESS_EVIDENCE_MAX ||
	    path_of(&path, w, k, name) != AC_OK)
		goto out;
	if (file_create(path, data, 0644) == AC_OK)
		k->nevidence++;
out:
	free(folder);
	free(path);
}

/* The request and our state prove a split view: keep it as evidence. */
static void
keep_split(const struct witness *w, struct known *k, const struct request *q,
    const struct digest node[], size_t n)
{
	struct span ours = buf_span(&k->note);
	bool larger = q->c.size >= k->size;
	struct buf file = { 0 };
	struct writer out;

	wr_init(&out, SPLIT_FILE_MAX);
	split_write(&out, larger ? ours : q->s.note,
	    larger ? q->s.note : ours, node, n);
	if (wr_end(&out, &file) == AC_OK)
		keep(w, k, buf_span(&file), "split");
	buf_free(&file);
}

/*
 * Look for misbehaviour of the log in a request that its signature covers.
 * A proof that does not hold may be the fault of whoever sent it: the request
 * is kept, but it proves nothing.
 */
static void
look_for_evidence(const struct witness *w, struct known *k,
    const struct request *q, struct witness_reply *out)
{
	struct digest node[SUBMISSION_PROOF_MAX + 1], was, is;
	size_t n = 0;

	if (k->note.len == 0 || k->size == 0)
		return;
	if (q->c.size == k->size && !digest_equal(&q->c.root, &k->root)) {
		keep_split(w, k, q, NULL, 0);
		out->evidence = true;
		return;
	}
	if (q->s.old != k->size || q->c.size <= k->size)
		return;
	/* A proof that leaves the first node out begins with our root. */
	if ((k->size & (k->size - 1)) == 0)
		node[n++] = k->root;
	for (size_t i = 0; i < q->s.nproof; i++)
		node[n++] = q->s.proof[i];
	if (merkle_roots_from_consistency(&was, &is, k->size, q->c.size, node,
	    n) == AC_OK && digest_equal(&is, &q->c.root) &&
	    !digest_equal(&was, &k->root))
		keep_split(w, k, q, node, n);
	else
		keep(w, k, q->body, "request");
	out->evidence = true;
}

/* ---- add-checkpoint ---- */

/* Parse, and find the origin; NULL: refused. */
static struct known *
read_request(struct witness *w, struct request *q, struct witness_reply *out)
{
	if (submission_parse(&q->s, q->body) != AC_OK) {
		refuse(out, 400, "the body is not \"old <size>\", up to %d "
		    "lines of proof, an empty line and a checkpoint",
		    SUBMISSION_PROOF_MAX);
		return NULL;
	}
	if (note_parse(&q->note, q->s.note) != AC_OK ||
	    checkpoint_parse(&q->c, q->note.text) != AC_OK) {
		refuse(out, 400, "what follows the empty line is no signed "
		    "checkpoint");
		return NULL;
	}
	for (size_t i = 0; i < w->nknown; i++)
		if (span_equal(w->known[i].origin, q->c.origin))
			return &w->known[i];
	refuse(out, 404, "this witness does not know the checkpoint's origin");
	return NULL;
}

/* Do size, root and proof fit what was cosigned?  Else refused. */
static bool
check_request(const struct known *k, const struct request *q,
    struct witness_reply *out)
{
	const struct submission *s = &q->s;
	struct digest empty = merkle_empty();

	if (s->old > q->c.size) {
		refuse(out, 400, "the old size %" PRIu64 " is larger than the "
		    "checkpoint's, %" PRIu64, s->old, q->c.size);
		return false;
	}
	if (s->old != k->size) {
		char line[32];

		(void)snprintf(line, sizeof(line), "%" PRIu64 "\n", k->size);
		refuse(out, 409, "%s", "");
		buf_free(&out->body);
		out->type = SIZE_TYPE;
		if (buf_copy(&out->body, span_str(line)) != AC_OK)
			refuse(out, 500, "no memory");
		return false;
	}
	if (q->c.size == 0 && !digest_equal(&q->c.root, &empty)) {
		refuse(out, 422, "the root is not that of the empty tree");
		return false;
	}
	if (s->old == 0 || s->old == q->c.size) {
		if (s->nproof != 0) {
			refuse(out, 422, "from the old size %" PRIu64 " to %"
			    PRIu64 " there is no proof", s->old, q->c.size);
			return false;
		}
		if (s->old == q->c.size && !digest_equal(&k->root,
		    &q->c.root)) {
			refuse(out, 422, "the root differs from that of the "
			    "same size which was cosigned before");
			return false;
		}
		return true;
	}
	if (merkle_check_consistency(s->old, q->c.size, &k->root, &q->c.root,
	    s->proof, s->nproof) != AC_OK) {
		refuse(out, 422, "the consistency proof does not hold");
		return false;
	}
	return true;
}

/* Append the lines of the log's own keys, which were verified. */
static void
write_log_lines(const struct witness *w, struct writer *note,
    const struct request *q)
{
	for (size_t i = 0; i < q->note.nsignatures; i++) {
		const struct note_signature *s = &q->note.signature[i];

		for (size_t j = 0; j < w->o.logs->nlog; j++)
			if (span_is(q->c.origin, w->o.logs->log[j].name) &&
			    note_signature_is_by(s, &w->o.logs->log[j])) {
				wr_str(note, "\xe2\x80\x94 ");
				wr_bytes(note, s->name);
				wr_u8(note, ' ');
				wr_bytes(note, s->blob);
				wr_u8(note, '\n');
				break;
			}
	}
}

/* Sign, make it durable, and only then remember and answer. */
static enum ac_err
cosign(struct witness *w, struct known *k, const struct request *q,
    uint64_t time_s, struct witness_reply *out)
{
	struct buf note = { 0 }, lines = { 0 };
	struct writer whole, ours;
	char *path = NULL;
	enum ac_err e;

	wr_init(&ours, NOTE_MAX);
	wr_init(&whole, NOTE_MAX);
	for (size_t i = 0; i < w->o.nkeys; i++) {
		e = notekey_sign(&ours, w->o.key[i], q->note.text, time_s);
		if (e != AC_OK)
			goto out;
	}
	e = wr_end(&ours, &lines);
	if (e != AC_OK)
		goto out;
	wr_bytes(&whole, q->note.text);
	wr_u8(&whole, '\n');
	write_log_lines(w, &whole, q);
	wr_bytes(&whole, buf_span(&lines));
	e = wr_end(&whole, &note);
	if (e == AC_OK)
		e = path_of(&path, w, k, "checkpoint");
	if (e == AC_OK && k->note.len == 0)
		e = make_folder(w, k, NULL);
	hook_at("witness-before-state");
	if (e == AC_OK)
		e = file_write(path, buf_span(&note), 0644);
	hook_at("witness-after-state");
	if (e != AC_OK)
		goto out;
	buf_free(&k->note);
	k->note = note;
	note = (struct buf){ 0 }; /* transferred */
	k->size = q->c.size;
	k->root = q->c.root;
	k->time_s = time_s;
	out->status = 200;
	out->type = PLAIN;
	out->body = lines;
	lines = (struct buf){ 0 }; /* transferred */
	e = AC_OK;
out:
	wr_free(&whole);
	wr_free(&ours);
	buf_free(&note);
	buf_free(&lines);
	free(path);
	return e;
}

/* With k's mutex held: check and cosign are one step. */
static void
decide(struct witness *w, struct known *k, const struct request *q,
    struct witness_reply *out, int64_t now_s)
{
	uint64_t time_s = now_s <= 0 ? 1 : (uint64_t)now_s;
	enum ac_err e;

	if (!check_request(k, q, out)) {
		look_for_evidence(w, k, q, out);
		return;
	}
	/* A cosignature says what was newest then: time never runs back. */
	if (time_s < k->time_s) {
		if (k->time_s - time_s > WITNESS_CLOCK_SLACK_S) {
			refuse(out, 503, "the witness's clock is %" PRIu64 " s "
			    "behind its own last cosignature; it signs nothing "
			    "until its operator has set it", k->time_s -
			    time_s);
			out->retry_after_s = 60;
			return;
		}
		time_s = k->time_s;
	}
	e = cosign(w, k, q, time_s, out);
	if (e != AC_OK)
		refuse(out, 500, "the checkpoint could not be made durable, so "
		    "it is not cosigned: %s", e == AC_ERR_IO ?
		    strerror(errno) : ac_strerror(e));
}

void
witness_add_checkpoint(struct witness *w, struct witness_reply *out,
    struct span body, int64_t now_s)
{
	struct request q = { .body = body };
	struct known *k;

	*out = (struct witness_reply){ .status = 500 };
	k = read_request(w, &q, out);
	if (k == NULL)
		return;
	if (!is_signed(w, &q.note, q.c.origin)) {
		refuse(out, 403, "no signature by a key of the origin, or one "
		    "that does not hold");
		return;
	}
	(void)pthread_mutex_lock(&k->mutex);
	decide(w, k, &q, out, now_s);
	(void)pthread_mutex_unlock(&k->mutex);
}

void
witness_checkpoint(struct witness *w, struct witness_reply *out,
    struct span hash)
{
	*out = (struct witness_reply){ .status = 500 };
	for (size_t i = 0; i < w->nknown; i++) {
		struct known *k = &w->known[i];
		enum ac_err e = AC_ERR_NOT_FOUND;

		if (!span_is(hash, k->hash))
			continue;
		(void)pthread_mutex_lock(&k->mutex);
		if (k->note.len > 0)
			e = buf_copy(&out->body, buf_span(&k->note));
		(void)pthread_mutex_unlock(&k->mutex);
		if (e == AC_OK) {
			out->status = 200;
			out->type = PLAIN;
			return;
		}
		if (e != AC_ERR_NOT_FOUND) {
			refuse(out, 500, "no memory");
			return;
		}
	}
	refuse(out, 404, "this witness never cosigned a checkpoint of that "
	    "log");
}

/* ---- life ---- */

/* One entry for each origin of the policy. */
static enum ac_err
list_known(struct witness *w)
{
	for (size_t i = 0; i < w->o.logs->nlog; i++) {
		struct span origin = span_str(w->o.logs->log[i].name);
		struct known *k = &w->known[w->nknown];
		struct digest d = sha256_of(origin);
		bool there = false;

		for (size_t j = 0; j < w->nknown; j++)
			there = there || span_equal(w->known[j].origin,
			    origin);
		if (there)
			continue;
		k->origin = origin;
		text_hex(k->hash, span_digest(&d));
		if (pthread_mutex_init(&k->mutex, NULL) != 0)
			return AC_ERR_MEMORY;
		w->nknown++;
	}
	return AC_OK;
}

static enum ac_err
take_folder(struct witness *w, struct message *why)
{
	char *path = NULL;

	if (asprintf(&path, "%s/lock", w->o.dir) < 0)
		return AC_ERR_MEMORY;
	w->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(path);
	if (w->lock >= 0 && flock(w->lock, LOCK_EX | LOCK_NB) == 0)
		return AC_OK;
	message_set(why, "cannot take the state folder ");
	message_add_quoted(why, span_str(w->o.dir));
	message_add(why, ": %s", w->lock >= 0 && errno == EWOULDBLOCK ?
	    "another witness runs in it" : strerror(errno));
	return w->lock >= 0 && errno == EWOULDBLOCK ? AC_ERR_BUSY : AC_ERR_IO;
}

enum ac_err
witness_open(struct witness **out, const struct witness_options *o,
    struct message *why)
{
	struct witness *w = calloc(1, sizeof(*w));
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	if (w == NULL)
		return e;
	w->o = *o;
	w->lock = -1;
	e = list_known(w);
	if (e == AC_OK)
		e = take_folder(w, why);
	for (size_t i = 0; e == AC_OK && i < w->nknown; i++)
		e = load(w, &w->known[i], why);
	if (e != AC_OK)
		goto out;
	*out = w;
	w = NULL; /* transferred */
	e = AC_OK;
out:
	witness_close(w);
	return e;
}

void
witness_close(struct witness *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->nknown; i++) {
		(void)pthread_mutex_destroy(&w->known[i].mutex);
		buf_free(&w->known[i].note);
	}
	if (w->lock >= 0)
		(void)close(w->lock);
	free(w);
}
