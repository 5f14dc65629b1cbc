/* stream.c -- the tree stream, written and read; see stream.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cert/oms.h"
#include "common/file.h"
#include "common/reader.h"
#include "producer/stream.h"

#define MAGIC_LEN (sizeof(STREAM_MAGIC) - 1)
#define THROUGH ((size_t)16 << 10) /* bytes that are worth a call of their own */

/* ---- writing ---- */

static void
flush(struct stream_writer *w)
{
	if (w->err == AC_OK && w->used > 0)
		w->err = file_write_all(w->fd, span_of(w->buffer, w->used));
	w->used = 0;
}

static void
put(struct stream_writer *w, struct span s)
{
	while (w->err == AC_OK && s.len > 0) {
		size_t n = sizeof(w->buffer) - w->used;

		if (n > s.len)
			n = s.len;
		memcpy(w->buffer + w->used, s.p, n);
		w->used += n;
		s = span_of(s.p + n, s.len - n);
		if (w->used == sizeof(w->buffer))
			flush(w);
	}
}

static void
put_u8(struct stream_writer *w, uint8_t v)
{
	put(w, span_of(&v, 1));
}

static void
put_be16(struct stream_writer *w, struct span s, size_t max)
{
	uint8_t v[2] = { (uint8_t)(s.len >> 8), (uint8_t)s.len };

	if (s.len > max && w->err == AC_OK)
		w->err = AC_ERR_LIMIT;
	put(w, span_of(v, sizeof(v)));
	put(w, s);
}

static void
put_length(struct stream_writer *w, size_t n, size_t max)
{
	uint8_t v[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16),
		(uint8_t)(n >> 8), (uint8_t)n };

	if (n > max && w->err == AC_OK)
		w->err = AC_ERR_LIMIT;
	put(w, span_of(v, sizeof(v)));
}

static void
put_be32(struct stream_writer *w, struct span s, size_t max)
{
	put_length(w, s.len, max);
	put(w, s);
}

void
stream_begin(struct stream_writer *w, int fd)
{
	w->fd = fd;
	w->err = AC_OK;
	w->used = 0;
	put(w, span_str(STREAM_MAGIC));
}

void
stream_file(struct stream_writer *w, struct span path, bool executable)
{
	put_u8(w, STREAM_FILE);
	put_u8(w, executable);
	put_be16(w, path, FILE_PATH_MAX);
}

/* What is in the buffer, then s as it lies there: one call, no copy. */
static void
put_through(struct stream_writer *w, struct span s)
{
	while (w->err == AC_OK && s.len > 0) {
		union {
			const uint8_t *given;
			void *base;
		} p = { s.p };
		struct iovec part[2] = { { w->buffer, w->used },
			{ p.base, s.len } };
		ssize_t n = writev(w->fd, part, 2);

		if (n < 0 && errno != EINTR)
			w->err = AC_ERR_IO;
		if (n < 0)
			continue;
		if ((size_t)n < w->used) {
			w->used -= (size_t)n;
			memmove(w->buffer, w->buffer + n, w->used);
			continue;
		}
		s = span_of(s.p + ((size_t)n - w->used),
		    s.len - ((size_t)n - w->used));
		w->used = 0;
	}
}

void
stream_data(struct stream_writer *w, struct span bytes)
{
	while (w->err == AC_OK && bytes.len > 0) {
		size_t n = bytes.len < STREAM_CHUNK_MAX ? bytes.len :
		    STREAM_CHUNK_MAX;

		put_length(w, n, STREAM_CHUNK_MAX);
		if (n >= THROUGH)
			put_through(w, span_of(bytes.p, n));
		else
			put(w, span_of(bytes.p, n));
		bytes = span_of(bytes.p + n, bytes.len - n);
	}
}

void
stream_file_end(struct stream_writer *w)
{
	put_be32(w, span_of(NULL, 0), STREAM_CHUNK_MAX);
}

void
stream_link(struct stream_writer *w, struct span path, struct span target)
{
	put_u8(w, STREAM_LINK);
	put_be16(w, path, FILE_PATH_MAX);
	put_be16(w, target, LINK_TARGET_MAX);
}

void
stream_object(struct stream_writer *w, struct span path, struct span object)
{
	put_u8(w, STREAM_OBJECT);
	put_be16(w, path, FILE_PATH_MAX);
	put_be32(w, object, GIT_OBJECT_MAX);
}

void
stream_same(struct stream_writer *w, struct span path)
{
	put_u8(w, STREAM_SAME);
	put_be16(w, path, FILE_PATH_MAX);
}

void
stream_folder(struct stream_writer *w, struct span path)
{
	put_u8(w, STREAM_FOLDER);
	put_be16(w, path, FILE_PATH_MAX);
}

enum ac_err
stream_finish(struct stream_writer *w)
{
	put_u8(w, STREAM_END);
	flush(w);
	return w->err;
}

/* ---- reading ---- */

static enum ac_err
wrong(struct message *why, enum ac_err e, const char *text)
{
	message_set(why, "the tree stream %s", text);
	return e;
}

static enum ac_err
wrong_path(struct message *why, enum ac_err e, const char *path,
    const char *text)
{
	message_set(why, "%s", "");
	message_add_quoted(why, span_str(path));
	message_add(why, " %s", text);
	return e;
}

/* Have something in the buffer; *ended where the source has. */
static enum ac_err
fill(struct stream_reader *r, bool *ended, struct message *why)
{
	size_t n = 0;
	enum ac_err e;

	*ended = false;
	if (r->at < r->end)
		return AC_OK;
	e = r->source.read(r->source.arg, r->buffer, sizeof(r->buffer), &n,
	    why);
	if (e != AC_OK)
		return e;
	r->at = 0;
	r->end = n;
	*ended = n == 0;
	return AC_OK;
}

/* Exactly p[0..len). */
static enum ac_err
take(struct stream_reader *r, void *p, size_t len, struct message *why)
{
	uint8_t *to = p;

	while (len > 0) {
		bool ended;
		size_t n;
		enum ac_err e = fill(r, &ended, why);

		if (e != AC_OK)
			return e;
		if (ended)
			return wrong(why, AC_ERR_FORMAT,
			    "was cut off before its end");
		n = r->end - r->at;
		if (n > len)
			n = len;
		memcpy(to, r->buffer + r->at, n);
		r->at += n;
		to += n;
		len -= n;
	}
	return AC_OK;
}

static enum ac_err
take_be32(struct stream_reader *r, size_t *out, struct message *why)
{
	uint8_t v[4];
	struct reader in = rd_of(span_of(v, sizeof(v)));
	uint32_t n = 0;
	enum ac_err e = take(r, v, sizeof(v), why);

	if (e == AC_OK && !rd_be32(&in, &n))
		e = AC_ERR_FORMAT;
	if (e == AC_OK)
		*out = n;
	return e;
}

/* A u16 length and as many bytes, at most max, and a NUL. */
static enum ac_err
take_text(struct stream_reader *r, char *out, size_t max, struct message *why)
{
	uint8_t v[2];
	struct reader in = rd_of(span_of(v, sizeof(v)));
	uint16_t n = 0;
	enum ac_err e = take(r, v, sizeof(v), why);

	if (e == AC_OK && !rd_be16(&in, &n))
		e = AC_ERR_FORMAT;
	if (e == AC_OK && n > max)
		e = wrong(why, AC_ERR_LIMIT, "has a path that is too long");
	if (e == AC_OK)
		e = take(r, out, n, why);
	if (e != AC_OK)
		return e;
	out[n] = '\0';
	if (memchr(out, '\0', n) != NULL)
		return wrong(why, AC_ERR_FORMAT, "has a NUL in a path");
	return AC_OK;
}

static enum ac_err
check_path(struct stream_reader *r, const struct stream_item *item,
    struct message *why)
{
	bool empty = item->path[0] == '\0';

	if (empty && item->type == STREAM_OBJECT)
		return AC_OK;
	if (empty && item->type == STREAM_FILE && r->items == 0) {
		r->alone = true;
		return AC_OK;
	}
	if (!empty && oms_path_is_valid(span_str(item->path)))
		return AC_OK;
	return wrong_path(why, AC_ERR_FORMAT, item->path, "is no path of a "
	    "file: it leads out of its folder, or is not UTF-8 without "
	    "control characters");
}

static enum ac_err
take_object(struct stream_reader *r, struct stream_item *out,
    struct message *why)
{
	size_t n = 0;
	enum ac_err e = take_be32(r, &n, why);

	if (e != AC_OK)
		return e;
	if (n > GIT_OBJECT_MAX)
		return wrong(why, AC_ERR_LIMIT, "has an object that is too "
		    "large");
	out->object.p = malloc(n + 1);
	if (out->object.p == NULL)
		return wrong(why, AC_ERR_MEMORY, "does not fit in memory");
	out->object.len = n;
	out->object.p[n] = '\0';
	return take(r, out->object.p, n, why);
}

static enum ac_err
take_end(struct stream_reader *r, struct message *why)
{
	bool ended;
	enum ac_err e;

	if (r->items == 0)
		return wrong(why, AC_ERR_FORMAT, "has no file");
	e = fill(r, &ended, why);
	if (e == AC_OK && !ended)
		e = wrong(why, AC_ERR_FORMAT, "goes on after its end");
	return e;
}

static enum ac_err
take_item(struct stream_reader *r, struct stream_item *out,
    struct message *why)
{
	uint8_t type = 0, mode = 0;
	enum ac_err e = take(r, &type, 1, why);

	if (e != AC_OK)
		return e;
	if (type < STREAM_FILE || type > STREAM_FOLDER)
		return wrong(why, AC_ERR_FORMAT, "has an item of no known "
		    "type");
	out->type = (enum stream_type)type;
	if (out->type == STREAM_END)
		return take_end(r, why);
	if (r->alone)
		return wrong(why, AC_ERR_FORMAT, "has something beside its "
		    "one file without a name");
	if (r->items >= r->items_max) {
		message_set(why, "more than %zu files; a certificate holds no "
		    "more", r->items_max);
		return AC_ERR_LIMIT;
	}
	if (out->type == STREAM_FILE) {
		e = take(r, &mode, 1, why);
		if (e == AC_OK && mode > 1)
			e = wrong(why, AC_ERR_FORMAT, "has a mode that is "
			    "neither 0 nor 1");
		out->executable = mode == 1;
	}
	if (e == AC_OK)
		e = take_text(r, out->path, FILE_PATH_MAX, why);
	if (e == AC_OK)
		e = check_path(r, out, why);
	if (e == AC_OK && out->type == STREAM_LINK)
		e = take_text(r, out->target, LINK_TARGET_MAX, why);
	if (e == AC_OK && out->type == STREAM_LINK && out->target[0] == '\0')
		e = wrong(why, AC_ERR_FORMAT, "has a link to nothing");
	if (e == AC_OK && out->type == STREAM_OBJECT)
		e = take_object(r, out, why);
	if (e == AC_OK) {
		r->items++;
		r->in_file = out->type == STREAM_FILE;
	}
	return e;
}

void
stream_open(struct stream_reader *r, const struct stream_source *source,
    uint64_t max)
{
	memset(r, 0, offsetof(struct stream_reader, buffer));
	r->source = *source;
	r->max = max;
	r->items_max = FILES_MAX;
}

enum ac_err
stream_next(struct stream_reader *r, struct stream_item *out,
    struct message *why)
{
	char magic[MAGIC_LEN];
	enum ac_err e = AC_OK;

	out->object = (struct buf){ 0 };
	out->path[0] = out->target[0] = '\0';
	out->executable = false;
	if (r->in_file)
		return wrong(why, AC_ERR_FORMAT, "was not read to the end of "
		    "a file");
	if (!r->begun) {
		e = take(r, magic, sizeof(magic), why);
		if (e == AC_OK && !span_is(span_of(magic, MAGIC_LEN),
		    STREAM_MAGIC))
			e = wrong(why, AC_ERR_FORMAT, "does not begin as one");
		r->begun = e == AC_OK;
	}
	if (e == AC_OK)
		e = take_item(r, out, why);
	if (e != AC_OK)
		buf_free(&out->object);
	return e;
}

enum ac_err
stream_read(struct stream_reader *r, struct span *out, struct message *why)
{
	enum ac_err e = AC_OK;
	bool ended;
	size_t n;

	if (r->in_file && r->chunk == 0) {
		e = take_be32(r, &r->chunk, why);
		if (e == AC_OK && r->chunk > STREAM_CHUNK_MAX)
			e = wrong(why, AC_ERR_LIMIT, "has a chunk that is too "
			    "long");
		if (e == AC_OK && r->chunk > r->max - r->bytes) {
			message_set(why, "more than %llu bytes in all, which "
			    "is what may be taken of it",
			    (unsigned long long)r->max);
			e = AC_ERR_LIMIT;
		}
		if (e != AC_OK)
			return e;
		r->bytes += r->chunk;
		r->in_file = r->chunk > 0;
	}
	if (!r->in_file) {
		*out = span_of(NULL, 0);
		return AC_OK;
	}
	e = fill(r, &ended, why);
	if (e == AC_OK && ended)
		e = wrong(why, AC_ERR_FORMAT, "was cut off before its end");
	if (e != AC_OK)
		return e;
	n = r->end - r->at;
	if (n > r->chunk)
		n = r->chunk;
	*out = span_of(r->buffer + r->at, n);
	r->at += n;
	r->chunk -= n;
	return AC_OK;
}
