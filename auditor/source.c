/* source.c -- reading a log by HTTP or from files; see source.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "auditor/source.h"
#include "common/file.h"
#include "common/text.h"

#define STATEMENTS "api/v1/statements"
#define PAUSE_MS 200      /* before the second try; then doubled */
#define PAUSE_MAX_MS 60000
#define SLICE_MS 100      /* between two looks at stop */

struct source {
	char *place;
	struct http_client *http; /* NULL: a folder */
	struct source_options options;
	bool statements;
};

static enum ac_err
no_memory(struct message *why)
{
	message_set(why, "out of memory");
	return AC_ERR_MEMORY;
}

static bool
is_url(const char *place)
{
	return strncasecmp(place, "http://", 7) == 0 ||
	    strncasecmp(place, "https://", 8) == 0;
}

static bool
is_in(const char *dir, const char *name)
{
	char *path = NULL;
	bool there;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return false;
	there = access(path, F_OK) == 0;
	free(path);
	return there;
}

static enum ac_err
open_folder(struct source *s, const char *dir, struct message *why)
{
	char *below = NULL;

	if (!is_in(dir, "checkpoint") && is_in(dir, "public/checkpoint")) {
		if (asprintf(&below, "%s/public", dir) < 0)
			return no_memory(why);
		free(s->place);
		s->place = below;
	} else if (!is_in(dir, "checkpoint")) {
		message_set(why, "there is no log in ");
		message_add_quoted(why, span_str(dir));
		message_add(why, ": it has no file \"checkpoint\", nor "
		    "\"public/checkpoint\"; name a folder laid out as "
		    "tlog-tiles says, or an http(s) URL");
		return AC_ERR_NOT_FOUND;
	}
	s->statements = is_in(s->place, STATEMENTS);
	return AC_OK;
}

enum ac_err
source_open(struct source **out, const char *place,
    const struct source_options *o, struct message *why)
{
	struct source *s = calloc(1, sizeof(*s));
	enum ac_err e = AC_ERR_MEMORY;
	char *url = NULL;

	if (s == NULL || (s->place = strdup(place)) == NULL) {
		e = no_memory(why);
		goto out;
	}
	s->options = *o;
	if (is_url(place)) {
		e = http_url(&url, place, "", why);
		if (e == AC_OK && http_client_new(&s->http, o->stop) != AC_OK)
			e = no_memory(why);
		s->statements = true;
	} else {
		e = open_folder(s, place, why);
	}
	if (e != AC_OK)
		goto out;
	*out = s;
	s = NULL; /* transferred */
	e = AC_OK;
out:
	free(url);
	source_close(s);
	return e;
}

enum ac_err
source_again(struct source **out, const struct source *s)
{
	struct source *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return AC_ERR_MEMORY;
	t->options = s->options;
	t->statements = s->statements;
	t->place = strdup(s->place);
	if (t->place == NULL || (s->http != NULL &&
	    http_client_new(&t->http, s->options.stop) != AC_OK)) {
		source_close(t);
		return AC_ERR_MEMORY;
	}
	*out = t;
	return AC_OK;
}

void
source_close(struct source *s)
{
	if (s == NULL)
		return;
	http_client_free(s->http);
	free(s->place);
	free(s);
}

const char *
source_place(const struct source *s)
{
	return s->place;
}

const char *
source_folder(const struct source *s)
{
	return s->http == NULL ? s->place : NULL;
}

bool
source_has_statements(const struct source *s)
{
	return s->statements;
}

void
source_statement_path(char out[SOURCE_STATEMENT_PATH_MAX],
    const struct digest *d)
{
	size_t n = strlen(STATEMENTS);

	memcpy(out, STATEMENTS, n);
	out[n] = '/';
	text_hex(out + n + 1, span_digest(d));
	out[n + 1 + 2 * sizeof(d->b)] = '\0';
}

/* ---- reading ---- */

static enum ac_err
read_file(struct source *s, struct buf *out, const char *path, size_t max,
    struct message *why)
{
	char *full = NULL;
	enum ac_err e;

	if (asprintf(&full, "%s/%s", s->place, path) < 0)
		return no_memory(why);
	e = file_read(out, full, max);
	if (e != AC_OK) {
		message_set(why, "cannot read ");
		message_add_quoted(why, span_str(full));
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    e == AC_ERR_NOT_FOUND ? "it is not there" :
		    e == AC_ERR_FORMAT ? "it is not a regular file" :
		    e == AC_ERR_LIMIT ? "it is larger than it may be" :
		    ac_strerror(e));
		if (e == AC_ERR_IO && errno == ENOTDIR)
			e = AC_ERR_NOT_FOUND;
	}
	free(full);
	return e;
}

/* The verdict on an answer that is not 200. */
static enum ac_err
judge_status(const struct http_answer *a, const char *url,
    struct message *why)
{
	bool absent = a->status == 404 || a->status == 410 || a->status == 451;
	bool later = a->status == 408 || a->status == 429 || a->status >= 500;

	message_set(why, "the answer of ");
	message_add_quoted(why, span_str(url));
	message_add(why, " is %u%s", a->status, a->status == 451 ?
	    " (withheld)" : absent ? " (not there)" :
	    later ? " (not now)" : "");
	return absent ? AC_ERR_NOT_FOUND : later ? AC_ERR_BUSY :
	    AC_ERR_MISMATCH;
}

/* One request; *wait_ms is what the server asks for. */
static enum ac_err
request(struct source *s, struct buf *out, const char *path, size_t max,
    int64_t *wait_ms, struct message *why)
{
	unsigned timeout_s = s->options.timeout_s == 0 ? HTTP_TIMEOUT_S :
	    s->options.timeout_s;
	struct http_answer a = { 0 };
	char *url = NULL;
	enum ac_err e;

	e = http_url(&url, s->place, path, why);
	if (e == AC_OK)
		e = http_client_get(s->http, &a, url, max, timeout_s, why);
	/* A server whose TLS is not trusted now may be put right. */
	if (e == AC_ERR_CRYPTO)
		e = AC_ERR_BUSY;
	if (e == AC_OK && a.status != 200) {
		e = judge_status(&a, url, why);
		if (a.has_retry && a.retry_s < PAUSE_MAX_MS / 1000)
			*wait_ms = (int64_t)a.retry_s * 1000;
	}
	if (e == AC_OK) {
		*out = a.body;
		a.body = (struct buf){ 0 }; /* transferred */
	}
	http_answer_free(&a);
	free(url);
	return e;
}

static bool
is_stopped(const struct source *s)
{
	return s->options.stop != NULL && *s->options.stop != 0;
}

static void
pause_ms(const struct source *s, int64_t ms)
{
	while (ms > 0 && !is_stopped(s)) {
		int64_t slice = ms < SLICE_MS ? ms : SLICE_MS;
		struct timespec t = { 0, (long)slice * 1000000 };

		(void)nanosleep(&t, NULL);
		ms -= slice;
	}
}

enum ac_err
source_get(struct source *s, struct buf *out, const char *path, size_t max,
    struct message *why)
{
	int64_t wait_ms = PAUSE_MS;
	enum ac_err e;

	if (s->http == NULL)
		return read_file(s, out, path, max, why);
	for (unsigned i = 1;; i++) {
		int64_t asked_ms = 0;

		e = request(s, out, path, max, &asked_ms, why);
		if (e != AC_ERR_BUSY || i >= s->options.tries || is_stopped(s))
			return e;
		pause_ms(s, asked_ms > wait_ms ? asked_ms : wait_ms);
		if (wait_ms < PAUSE_MAX_MS)
			wait_ms *= 2;
	}
}
