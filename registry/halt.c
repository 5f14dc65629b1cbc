/* halt.c -- a log that signs nothing; see halt.h. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "common/reader.h"
#include "common/text.h"
#include "registry/halt.h"

#define TITLE "aicert-halted/v1"
#define HALT_FILE_MAX (NOTE_MAX + (size_t)8192)
#define PATH_LEN 4096

/*
 * The file: title; "witness <name>" or "checkpoint"; one sentence; an empty
 * line; the checkpoint's note, empty for a witness.
 */
struct halt {
	pthread_mutex_t mutex;
	char path[PATH_LEN];
	const struct journal *journal;
	bool halted;
	char witness[HALT_NAME_MAX + 1]; /* "": a checkpoint is the reason */
	struct message why;
	struct buf note;
};

static bool
parse(struct halt *h, struct span text)
{
	struct reader r = rd_of(text);
	struct span title, kind, why, empty, word;
	struct reader rest;

	if (!rd_line(&r, &title) || !span_is(title, TITLE) ||
	    !rd_line(&r, &kind) || !rd_line(&r, &why) ||
	    why.len >= sizeof(h->why.text) || !text_is_plain(why) ||
	    !rd_line(&r, &empty) || empty.len != 0)
		return false;
	rest = rd_of(kind);
	if (!span_is(kind, "checkpoint")) {
		if (!rd_until(&rest, &word, ' ') ||
		    !span_is(word, "witness") || rest.left.len == 0 ||
		    rest.left.len > HALT_NAME_MAX || !rd_end(&r))
			return false;
		memcpy(h->witness, rest.left.p, rest.left.len);
	}
	memcpy(h->why.text, why.p, why.len);
	h->halted = true;
	return buf_copy(&h->note, r.left) == AC_OK;
}

enum ac_err
halt_open(struct halt **out, const char *dir, const struct journal *journal,
    struct message *why)
{
	struct halt *h = calloc(1, sizeof(*h));
	struct buf text = { 0 };
	enum ac_err e = AC_ERR_MEMORY;
	int n;

	if (h == NULL || pthread_mutex_init(&h->mutex, NULL) != 0) {
		free(h);
		message_set(why, "no memory");
		return e;
	}
	h->journal = journal;
	n = snprintf(h->path, sizeof(h->path), "%s/halted", dir);
	if (n < 0 || (size_t)n >= sizeof(h->path)) {
		message_set(why, "the path of the log is too long");
		e = AC_ERR_LIMIT;
		goto out;
	}
	e = file_read(&text, h->path, HALT_FILE_MAX);
	if (e == AC_ERR_NOT_FOUND) {
		e = AC_OK;
	} else if (e != AC_OK) {
		message_set(why, "cannot read %s: %s", h->path,
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
		goto out;
	} else if (!parse(h, buf_span(&text))) {
		message_set(why, "%s, which says why this log signs nothing, "
		    "is damaged; \"aicert-registry recover\" is the way on",
		    h->path);
		e = AC_ERR_FORMAT;
		goto out;
	}
	*out = h;
	h = NULL; /* transferred */
	e = AC_OK;
out:
	buf_free(&text);
	halt_free(h);
	return e;
}

void
halt_free(struct halt *h)
{
	if (h == NULL)
		return;
	buf_free(&h->note);
	(void)pthread_mutex_destroy(&h->mutex);
	free(h);
}

bool
halt_is(struct halt *h, struct message *why)
{
	bool halted;

	(void)pthread_mutex_lock(&h->mutex);
	halted = h->halted;
	if (halted && why != NULL)
		*why = h->why;
	(void)pthread_mutex_unlock(&h->mutex);
	return halted;
}

/* Write the reason down; the mutex is held. */
static void
keep(struct halt *h)
{
	struct buf text = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, HALT_FILE_MAX);
	wr_str(&w, TITLE "\n");
	if (h->witness[0] != '\0')
		wr_printf(&w, "witness %s\n", h->witness);
	else
		wr_str(&w, "checkpoint\n");
	wr_printf(&w, "%s\n\n", h->why.text);
	wr_bytes(&w, buf_span(&h->note));
	e = wr_end(&w, &text);
	if (e == AC_OK)
		e = file_write(h->path, buf_span(&text), 0600);
	buf_free(&text);
	if (e != AC_OK) {
		struct message m;

		message_set(&m, "cannot write %s: %s; this process signs "
		    "nothing, but the next one will not know why", h->path,
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
		journal_say(h->journal, JOURNAL_ERROR, "halted", m.text);
	}
}

static void
set(struct halt *h, const char *witness, const struct message *why,
    struct span note)
{
	(void)pthread_mutex_lock(&h->mutex);
	if (!h->halted) {
		h->halted = true;
		h->why = *why;
		(void)snprintf(h->witness, sizeof(h->witness), "%s", witness);
		if (buf_copy(&h->note, note) != AC_OK)
			h->note = (struct buf){ 0 };
		keep(h);
		journal_say(h->journal, JOURNAL_ERROR, "halted", why->text);
	}
	(void)pthread_mutex_unlock(&h->mutex);
}

void
halt_by_witness(struct halt *h, const char *name, uint64_t size, uint64_t ours)
{
	struct message m;

	message_set(&m, "nothing is signed: the witness ");
	message_add_quoted(&m, span_str(name));
	message_add(&m, " says that it cosigned a head of size %" PRIu64
	    ", the newest of this log has size %" PRIu64 ": the log went back "
	    "in time, or the witness is wrong; either \"aicert-registry "
	    "recover\" from a copy that has size %" PRIu64 ", or serve "
	    "--without-witness NAME", size, ours, size);
	set(h, name, &m, span_of(NULL, 0));
}

void
halt_by_checkpoint(struct halt *h, const char *where, struct span note,
    uint64_t size, uint64_t ours)
{
	struct message m;

	message_set(&m, "nothing is signed: ");
	message_add_quoted(&m, span_str(where));
	message_add(&m, " shows a checkpoint of size %" PRIu64 " under this "
	    "log's signature, %s %" PRIu64 ": the log went back in time, or "
	    "its key is used elsewhere; \"aicert-registry recover\" from a "
	    "copy that has it, else \"freeze\" and a new origin", size,
	    size > ours ? "the newest head here has size" : "which is not of "
	    "the tree here of size", ours);
	set(h, "", &m, note);
}

/* Forget the reason; the mutex is held. */
static enum ac_err
forget(struct halt *h, struct message *why)
{
	if (unlink(h->path) != 0 && errno != ENOENT) {
		message_set(why, "cannot remove %s: %s", h->path,
		    strerror(errno));
		return AC_ERR_IO;
	}
	h->halted = false;
	h->witness[0] = '\0';
	buf_free(&h->note);
	return AC_OK;
}

enum ac_err
halt_without(struct halt *h, const char *name, struct message *why)
{
	enum ac_err e = AC_OK;

	(void)pthread_mutex_lock(&h->mutex);
	if (h->halted && h->witness[0] != '\0' &&
	    strcmp(h->witness, name) == 0)
		e = forget(h, why);
	(void)pthread_mutex_unlock(&h->mutex);
	return e;
}

enum ac_err
halt_checkpoint(struct halt *h, struct buf *note)
{
	enum ac_err e = AC_ERR_NOT_FOUND;

	(void)pthread_mutex_lock(&h->mutex);
	if (h->halted && h->note.len > 0)
		e = buf_copy(note, buf_span(&h->note));
	(void)pthread_mutex_unlock(&h->mutex);
	return e;
}

enum ac_err
halt_clear(struct halt *h, struct message *why)
{
	enum ac_err e;

	(void)pthread_mutex_lock(&h->mutex);
	e = forget(h, why);
	(void)pthread_mutex_unlock(&h->mutex);
	return e;
}
