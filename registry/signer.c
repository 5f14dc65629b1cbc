/* signer.c -- the log's keys and what they may sign; see signer.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert/checkpoint.h"
#include "cert/notekey.h"
#include "common/file.h"
#include "common/reader.h"
#include "common/text.h"
#include "registry/signer.h"

#define STATE_TITLE "aicert-signer-state/v1"
#define FROZEN "frozen" /* a last line of the state */
#define STATE_MAX 1024
#define PATH_LEN 4096
#define CLOCK_SLACK_S 300 /* so far the clock may step back */

struct signer {
	char state[PATH_LEN];
	struct notekey *log, *time;
	struct store_head last;
	int64_t time_s;
	uint64_t bound; /* no larger size is signed, unless released */
	bool released, frozen;
};

/* ---- files ---- */

static enum ac_err
path_in(char out[PATH_LEN], const char *dir, const char *name,
    struct message *why)
{
	int n = snprintf(out, PATH_LEN, "%s/%s", dir, name);

	if (n > 0 && n < PATH_LEN)
		return AC_OK;
	message_set(why, "the path of %s is too long", name);
	return AC_ERR_LIMIT;
}

/* The name of the key of that type. */
static void
key_name(char name[NOTE_NAME_MAX + 1], uint8_t type, const char *origin)
{
	(void)snprintf(name, NOTE_NAME_MAX + 1, "%s%s", origin,
	    type == NOTE_COSIGNATURE ? "/time" : "");
}

/* Head and time, as they stand on the disk before anything is signed. */
static enum ac_err
write_state(const char *path, const struct store_head *head, int64_t time_s,
    bool frozen)
{
	struct buf text = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, STATE_MAX);
	wr_str(&w, STATE_TITLE "\n");
	wr_dec(&w, head->size);
	wr_u8(&w, '\n');
	wr_base64(&w, span_digest(&head->root));
	wr_u8(&w, '\n');
	wr_dec(&w, (uint64_t)time_s);
	wr_u8(&w, '\n');
	if (frozen)
		wr_str(&w, FROZEN "\n");
	e = wr_end(&w, &text);
	if (e == AC_OK)
		e = file_write(path, buf_span(&text), 0600);
	buf_free(&text);
	return e;
}

static enum ac_err
read_state(struct store_head *head, int64_t *time_s, bool *frozen,
    const char *path, struct message *why)
{
	struct span title, size, root, when, word = { NULL, 0 };
	struct buf text = { 0 };
	struct store_head h;
	struct reader r;
	uint64_t t;
	enum ac_err e;

	e = file_read(&text, path, STATE_MAX);
	if (e != AC_OK) {
		message_set(why, "cannot read the signer's state %s: %s", path,
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
		return e;
	}
	r = rd_of(buf_span(&text));
	e = AC_ERR_FORMAT;
	if (!rd_line(&r, &title) || !span_is(title, STATE_TITLE) ||
	    !rd_line(&r, &size) ||
	    !text_undec(&h.size, size, MERKLE_SIZE_MAX) ||
	    !rd_line(&r, &root) ||
	    !text_unbase64_exact(h.root.b, sizeof(h.root.b), root) ||
	    !rd_line(&r, &when) || !text_undec(&t, when, INT64_MAX) ||
	    (!rd_end(&r) && (!rd_line(&r, &word) ||
	    !span_is(word, FROZEN) || !rd_end(&r)))) {
		message_set(why, "the signer's state %s is damaged; nothing is "
		    "signed without it", path);
		goto out;
	}
	*head = h;
	*time_s = (int64_t)t;
	*frozen = word.len > 0;
	e = AC_OK;
out:
	buf_free(&text);
	return e;
}

static enum ac_err
create_key(const char *dir, const char *file, const char *origin, uint8_t type,
    struct message *why)
{
	char path[PATH_LEN], name[NOTE_NAME_MAX + 1];
	struct note_key public;
	struct buf text = { 0 };
	enum ac_err e = path_in(path, dir, file, why);

	if (e != AC_OK)
		return e;
	key_name(name, type, origin);
	e = notekey_generate(&text, &public, name, type);
	if (e == AC_OK)
		e = file_create(path, buf_span(&text), 0600);
	buf_wipe(&text);
	if (e != AC_OK)
		message_set(why, "cannot create %s: %s", path,
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
	return e;
}

static enum ac_err
open_key(struct notekey **out, const char *dir, const char *file,
    const char *origin, uint8_t type, struct message *why)
{
	char path[PATH_LEN], name[NOTE_NAME_MAX + 1];
	struct notekey *key = NULL;
	struct buf text = { 0 };
	struct stat st;
	enum ac_err e;
	int fd = -1;

	e = path_in(path, dir, file, why);
	if (e != AC_OK)
		return e;
	key_name(name, type, origin);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0) {
		message_set(why, "cannot read the key %s: %s", path,
		    strerror(errno));
		e = AC_ERR_IO;
		goto out;
	}
	if ((st.st_mode & 077) != 0) {
		message_set(why, "the key %s can be read by others; make it "
		    "private: chmod 600 %s", path, path);
		e = AC_ERR_MISMATCH;
		goto out;
	}
	e = file_read_fd(&text, fd, NOTEKEY_FILE_MAX);
	if (e == AC_OK)
		e = notekey_parse(&key, buf_span(&text));
	if (e == AC_ERR_MEMORY || e == AC_ERR_CRYPTO) {
		message_set(why, "cannot hold the key %s: %s", path,
		    ac_strerror(e));
		goto out;
	}
	if (e != AC_OK || notekey_public(key)->type != type ||
	    strcmp(notekey_public(key)->name, name) != 0) {
		message_set(why, "%s is not the private key of \"%s\"", path,
		    name);
		e = AC_ERR_FORMAT;
		goto out;
	}
	*out = key;
	key = NULL; /* transferred */
	e = AC_OK;
out:
	notekey_free(key);
	buf_wipe(&text);
	if (fd >= 0)
		(void)close(fd);
	return e;
}

enum ac_err
signer_create(const char *dir, const char *origin, struct message *why)
{
	struct store_head empty = { 0, merkle_empty() };
	char path[PATH_LEN];
	enum ac_err e;

	e = create_key(dir, "log.key", origin, NOTE_ED25519, why);
	if (e == AC_OK)
		e = create_key(dir, "time.key", origin, NOTE_COSIGNATURE, why);
	if (e == AC_OK)
		e = path_in(path, dir, "signer.state", why);
	if (e != AC_OK)
		return e;
	e = write_state(path, &empty, 0, false);
	if (e != AC_OK)
		message_set(why, "cannot write %s: %s", path, strerror(errno));
	return e;
}

enum ac_err
signer_open(struct signer **out, const char *dir, const char *origin,
    struct message *why)
{
	struct signer *s = calloc(1, sizeof(*s));
	enum ac_err e = AC_ERR_MEMORY;

	if (s == NULL) {
		message_set(why, "no memory for the signer");
		goto out;
	}
	e = open_key(&s->log, dir, "log.key", origin, NOTE_ED25519, why);
	if (e == AC_OK)
		e = open_key(&s->time, dir, "time.key", origin,
		    NOTE_COSIGNATURE, why);
	if (e == AC_OK)
		e = path_in(s->state, dir, "signer.state", why);
	if (e == AC_OK)
		e = read_state(&s->last, &s->time_s, &s->frozen, s->state,
		    why);
	if (e != AC_OK)
		goto out;
	s->bound = s->last.size;
	*out = s;
	s = NULL; /* transferred */
	e = AC_OK;
out:
	signer_close(s);
	return e;
}

void
signer_close(struct signer *s)
{
	if (s == NULL)
		return;
	notekey_free(s->log); /* which wipes */
	notekey_free(s->time);
	free(s);
}

const struct note_key *
signer_log_key(const struct signer *s)
{
	return notekey_public(s->log);
}

const struct note_key *
signer_time_key(const struct signer *s)
{
	return notekey_public(s->time);
}

struct store_head
signer_last(const struct signer *s)
{
	return s->last;
}

void
signer_resume(struct signer *s, uint64_t size)
{
	s->bound = size;
}

void
signer_release(struct signer *s)
{
	s->released = true;
}

/* ---- signing ---- */

static enum ac_err
refuse_frozen(const struct signer *s, struct message *why)
{
	message_set(why, "%s says that this log is frozen at size %" PRIu64
	    "; nothing is signed any more", s->state, s->last.size);
	return AC_ERR_MISMATCH;
}

/* May head be signed after s->last? */
static enum ac_err
check_head(const struct signer *s, const struct store_head *head,
    const struct digest proof[], size_t nproof, struct message *why)
{
	const struct store_head *last = &s->last;

	if (s->frozen)
		return refuse_frozen(s, why);
	if (!s->released && head->size > s->bound) {
		message_set(why, "the head of size %" PRIu64 " is new, and "
		    "that of size %" PRIu64 " was not confirmed since the "
		    "start; nothing new is signed before", head->size,
		    s->bound);
		return AC_ERR_MISMATCH;
	}
	if (head->size < last->size) {
		message_set(why, "the head of size %" PRIu64 " is older than "
		    "that of size %" PRIu64 ", which was signed: the database "
		    "went back in time; nothing is signed", head->size,
		    last->size);
		return AC_ERR_MISMATCH;
	}
	if (head->size == last->size ? !digest_equal(&head->root, &last->root) :
	    last->size > 0 && merkle_check_consistency(last->size, head->size,
	    &last->root, &head->root, proof, nproof) != AC_OK) {
		message_set(why, "the head of size %" PRIu64 " does not extend "
		    "that of size %" PRIu64 ", which was signed: the database "
		    "is not the one of this log; nothing is signed",
		    head->size, last->size);
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

static enum ac_err
keep_state(struct signer *s, const struct store_head *head, int64_t time_s,
    struct message *why)
{
	enum ac_err e = write_state(s->state, head, time_s, s->frozen);

	if (e != AC_OK) {
		message_set(why, "cannot write %s: %s", s->state,
		    strerror(errno));
		return e;
	}
	s->last = *head;
	s->time_s = time_s;
	return AC_OK;
}

/* The checkpoint's text, owned by the caller. */
static enum ac_err
write_text(struct buf *out, const struct signer *s,
    const struct store_head *head)
{
	struct checkpoint c = { span_str(notekey_public(s->log)->name),
		head->size, head->root };
	struct writer w;

	wr_init(&w, NOTE_MAX);
	checkpoint_write(&w, &c);
	return wr_end(&w, out);
}

enum ac_err
signer_sign(struct signer *s, struct writer *note,
    const struct store_head *head, const struct digest proof[], size_t nproof,
    struct message *why)
{
	struct buf text = { 0 };
	enum ac_err e;

	e = check_head(s, head, proof, nproof, why);
	if (e != AC_OK)
		return e;
	/* What is kept may be larger than what was signed, never smaller. */
	if (head->size > s->last.size)
		e = keep_state(s, head, s->time_s, why);
	if (e != AC_OK)
		return e;
	e = write_text(&text, s, head);
	if (e != AC_OK) {
		message_set(why, "no memory for a checkpoint");
		return e;
	}
	wr_bytes(note, buf_span(&text));
	wr_u8(note, '\n');
	e = notekey_sign(note, s->log, buf_span(&text), 0);
	buf_free(&text);
	if (e != AC_OK)
		message_set(why, "no memory for a checkpoint");
	return e;
}

enum ac_err
signer_cosign(struct signer *s, struct writer *note,
    const struct store_head *head, int64_t now_s, struct message *why)
{
	int64_t time_s = now_s > s->time_s ? now_s : s->time_s;
	struct buf text = { 0 };
	enum ac_err e;

	if (s->frozen)
		return refuse_frozen(s, why);
	if (head->size != s->last.size ||
	    !digest_equal(&head->root, &s->last.root)) {
		message_set(why, "only the last signed head is cosigned");
		return AC_ERR_MISMATCH;
	}
	if (now_s < s->time_s - CLOCK_SLACK_S) {
		message_set(why, "the clock is %" PRId64 " s behind the time "
		    "that this log stated last; set the clock", s->time_s -
		    now_s);
		return AC_ERR_MISMATCH;
	}
	if (time_s != s->time_s) {
		e = keep_state(s, head, time_s, why);
		if (e != AC_OK)
			return e;
	}
	e = write_text(&text, s, head);
	if (e == AC_OK)
		e = notekey_sign(note, s->time, buf_span(&text),
		    (uint64_t)time_s);
	if (e != AC_OK)
		message_set(why, "no memory for a cosignature");
	buf_free(&text);
	return e;
}

enum ac_err
signer_freeze(struct signer *s, struct message *why)
{
	enum ac_err e = write_state(s->state, &s->last, s->time_s, true);

	if (e == AC_OK)
		s->frozen = true;
	else
		message_set(why, "cannot write %s: %s", s->state,
		    strerror(errno));
	return e;
}

bool
signer_is_frozen(const struct signer *s)
{
	return s->frozen;
}
