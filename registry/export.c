/* export.c -- a log for others to serve; see export.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cert/bundle.h"
#include "common/file.h"
#include "common/text.h"
#include "registry/export.h"
#include "registry/home.h"
#include "registry/publish.h"

#define STATEMENTS "api/v1/statements"
#define CERTIFICATES "api/v1/certificates"

static enum ac_err
cannot(struct message *why, const char *what, const char *path, enum ac_err e)
{
	message_set(why, "cannot %s %s: %s", what, path,
	    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
	return e;
}

static enum ac_err
make_folder(const char *path, struct message *why)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return AC_OK;
	return cannot(why, "make the folder", path, AC_ERR_IO);
}

/* dir/below/<hex of d>. */
static enum ac_err
path_of(char out[HOME_PATH_MAX], const char *dir, const char *below,
    const struct digest *d, struct message *why)
{
	char hex[2 * sizeof(d->b) + 1] = "";
	int n;

	text_hex(hex, span_digest(d));
	n = snprintf(out, HOME_PATH_MAX, "%s/%s/%s", dir, below, hex);
	if (n > 0 && n < HOME_PATH_MAX)
		return AC_OK;
	message_set(why, "the path of %s is too long", dir);
	return AC_ERR_LIMIT;
}

/* Write a file that never changes; one that is there is that one. */
static enum ac_err
write_once(const char *path, struct span data, struct message *why)
{
	enum ac_err e = file_create(path, data, 0644);

	return e == AC_OK || e == AC_ERR_EXISTS ? AC_OK :
	    cannot(why, "write", path, e);
}

/* The line of a row as it was posted, without its log entry. */
static enum ac_err
write_line(struct writer *w, struct store_row *row)
{
	struct bundle b = { .siglen = row->siglen };

	spki_hint(b.hint, &row->key);
	memcpy(b.sig, row->sig, row->siglen);
	b.statement = row->statement;
	bundle_write(w, &b);
	wr_u8(w, '\n');
	return w->err;
}

/* The certificate whose line 1 is row, entry index. */
static enum ac_err
write_certificate(const char *to, struct store *s, struct store_row *row,
    uint64_t index, uint64_t size, struct message *why)
{
	uint64_t line[CERTIFICATE_LINES_MAX];
	char path[HOME_PATH_MAX];
	struct buf text = { 0 };
	struct writer w;
	size_t n = 0;
	enum ac_err e;

	wr_init(&w, 2 * CERTIFICATE_MAX);
	e = store_lines(s, line, &n, CERTIFICATE_LINES_MAX - 1, index, size);
	if (e == AC_OK)
		e = write_line(&w, row);
	for (size_t i = 0; e == AC_OK && i < n; i++) {
		struct store_row more = { 0 };

		e = store_row(s, &more, line[i]);
		if (e == AC_OK && more.statement.len > 0)
			e = write_line(&w, &more);
		store_row_free(&more);
	}
	if (e == AC_OK)
		e = wr_end(&w, &text);
	else
		wr_free(&w);
	if (e != AC_OK) {
		message_set(why, "cannot read the certificate of entry %" PRIu64
		    ": %s", index, store_error(s));
		return e;
	}
	e = path_of(path, to, CERTIFICATES, &row->d, why);
	/* Further lines may have come since an older export. */
	if (e == AC_OK && file_write(path, buf_span(&text), 0644) != AC_OK)
		e = cannot(why, "write", path, AC_ERR_IO);
	buf_free(&text);
	return e;
}

static enum ac_err
write_statement(const char *to, struct store *s, uint64_t index, uint64_t size,
    struct export_result *out, struct message *why)
{
	struct store_row row = { 0 };
	char path[HOME_PATH_MAX];
	enum ac_err e = store_row(s, &row, index);

	if (e != AC_OK) {
		message_set(why, "cannot read entry %" PRIu64 ": %s", index,
		    store_error(s));
		return e;
	}
	if (row.statement.len == 0) {
		out->without++;
		store_row_free(&row);
		return AC_OK;
	}
	e = path_of(path, to, STATEMENTS, &row.d, why);
	if (e == AC_OK)
		e = write_once(path, buf_span(&row.statement), why);
	if (e == AC_OK)
		e = write_certificate(to, s, &row, index, size, why);
	if (e == AC_OK)
		out->statements++;
	store_row_free(&row);
	return e;
}

static enum ac_err
make_folders(const char *to, struct message *why)
{
	static const char *const below[] = { "api", "api/v1", STATEMENTS,
		CERTIFICATES };
	char path[HOME_PATH_MAX];
	enum ac_err e = make_folder(to, why);

	for (size_t i = 0; e == AC_OK && i < sizeof(below) / sizeof(below[0]);
	    i++) {
		e = home_path(path, to, below[i], why);
		if (e == AC_OK)
			e = make_folder(path, why);
	}
	return e;
}

static enum ac_err
copy_keys(const char *dir, const char *to, struct message *why)
{
	char from[HOME_PATH_MAX], path[HOME_PATH_MAX];
	struct buf text = { 0 };
	enum ac_err e = home_path(from, dir, HOME_KEYS, why);

	if (e == AC_OK)
		e = home_path(path, to, "api/v1/log-keys", why);
	if (e != AC_OK)
		return e;
	e = file_read(&text, from, NOTE_MAX);
	if (e != AC_OK)
		return cannot(why, "read", from, e);
	e = file_write(path, buf_span(&text), 0644);
	buf_free(&text);
	return e == AC_OK ? e : cannot(why, "write", path, e);
}

/* Everything that head covers; the checkpoint comes last. */
static enum ac_err
write_all(const char *to, struct store *s, struct publish *p,
    const struct store_head *head, struct export_result *out,
    struct message *why)
{
	struct buf note = { 0 };
	bool complete;
	enum ac_err e = publish_tiles(p, s, 0, head->size, why);

	for (uint64_t i = 0; e == AC_OK && i < head->size; i++)
		e = write_statement(to, s, i, head->size, out, why);
	if (e != AC_OK)
		return e;
	e = store_note(s, &note, &complete, head->size);
	if (e != AC_OK) {
		message_set(why, "cannot read the checkpoint: %s",
		    store_error(s));
		return e;
	}
	e = publish_checkpoint(p, buf_span(&note), why);
	buf_free(&note);
	out->size = head->size;
	return e;
}

enum ac_err
export_run(const char *dir, const char *to, struct export_result *out,
    struct message *why)
{
	struct export_result result = { 0 };
	char database[HOME_PATH_MAX];
	struct publish *p = NULL;
	struct store *s = NULL;
	struct store_head head;
	struct digest root;
	uint64_t size;
	enum ac_err e;

	e = home_path(database, dir, HOME_DATABASE, why);
	if (e == AC_OK)
		e = store_open(&s, database, false, why);
	if (e != AC_OK)
		return e;
	e = store_published(s, &head);
	if (e != AC_OK) {
		message_set(why, "%s has no published head yet", dir);
		goto out;
	}
	e = make_folders(to, why);
	if (e == AC_OK)
		e = copy_keys(dir, to, why);
	if (e != AC_OK)
		goto out;
	e = publish_new(&p, to);
	if (e != AC_OK) {
		message_set(why, "the path of %s is too long", to);
		goto out;
	}
	e = publish_size(p, &size, &root, why);
	if (e == AC_OK && size > head.size) {
		message_set(why, "%s holds a log of size %" PRIu64 ", larger "
		    "than that of %s, which has size %" PRIu64, to, size, dir,
		    head.size);
		e = AC_ERR_MISMATCH;
	}
	if (e == AC_OK)
		e = write_all(to, s, p, &head, &result, why);
	if (e == AC_OK)
		*out = result;
out:
	publish_free(p);
	store_close(s);
	return e;
}

enum ac_err
export_backup(const char *dir, const char *to, uint64_t *size,
    struct message *why)
{
	char database[HOME_PATH_MAX];
	struct store *s = NULL;
	struct store_head head;
	bool published;
	enum ac_err e = home_path(database, dir, HOME_DATABASE, why);

	/* It is the database of a log, and so is the copy. */
	if (e == AC_OK)
		e = store_open(&s, database, false, why);
	store_close(s);
	s = NULL;
	if (e == AC_OK)
		e = store_backup(database, to, why);
	if (e == AC_OK)
		e = store_open(&s, to, false, why);
	if (e != AC_OK)
		return e;
	e = store_head(s, &head, &published);
	if (e == AC_OK)
		*size = head.size;
	else
		message_set(why, "the copy %s cannot be read: %s", to,
		    store_error(s));
	store_close(s);
	return e;
}
