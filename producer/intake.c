/* intake.c -- tree streams into the store; see intake.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "producer/intake.h"
#include "producer/measure.h"
#include "producer/stream.h"
#include "producer/tree.h"

#define SECOND_MS 1000

struct intake {
	const struct intake_options *options;
	struct message *why;
	int fd;       /* of the stream */
	int store_fd;
	int top_fd;   /* of the tree, once there is one */
	const char *name;
	struct stream_reader *reader;
	struct stream_item *item;
	struct measure_files files;
	struct gittree *git; /* NULL: not asked for */
	char last[FILE_PATH_MAX + 1]; /* the file before, of an image */
	bool linked; /* the first link came */
	struct measured measured;
};

static enum ac_err
refused(struct intake *t, enum ac_err e, const char *text)
{
	message_set(t->why, "%s", "");
	message_add_quoted(t->why, span_str(t->item->path));
	message_add(t->why, " %s", text);
	return e;
}

static enum ac_err
failed(struct intake *t, const char *what)
{
	int error = errno;

	message_set(t->why, "%s ", what);
	message_add_quoted(t->why, span_str(t->item->path[0] == '\0' ?
	    t->name : t->item->path));
	message_add(t->why, ": %s", strerror(error));
	return AC_ERR_IO;
}

/* Bytes of the pipe, as stream_source has it. */
static enum ac_err
read_pipe(void *arg, uint8_t *p, size_t len, size_t *n, struct message *why)
{
	struct intake *t = arg;
	unsigned stall_s = t->options->stall_s;

	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = t->fd, .events = POLLIN },
			{ .fd = t->options->stop_fd, .events = POLLIN },
		};
		int ready = poll(fds, 2, stall_s == 0 ? -1 :
		    (int)stall_s * SECOND_MS);
		ssize_t got;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0) {
			message_set(why, "not a byte came in %u seconds",
			    stall_s);
			return AC_ERR_BUSY;
		}
		if (ready > 0 && fds[1].revents != 0) {
			message_set(why, "given up");
			return AC_ERR_BUSY;
		}
		got = ready < 0 ? -1 : read(t->fd, p, len);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0) {
			message_set(why, "what is fetched cannot be read: %s",
			    strerror(errno));
			return AC_ERR_IO;
		}
		*n = (size_t)got;
		return AC_OK;
	}
}

/* Write and hash what comes of a file. */
static enum ac_err
take_bytes(struct intake *t, int fd, struct digest *sha256, uint64_t *bytes)
{
	struct sha256 s;
	uint64_t total = 0;

	sha256_init(&s);
	for (;;) {
		struct span part = { 0 };
		enum ac_err e = stream_read(t->reader, &part, t->why);

		if (e != AC_OK)
			return e;
		if (part.len == 0)
			break;
		sha256_update(&s, part);
		total += part.len;
		if (file_write_all(fd, part) != AC_OK)
			return failed(t, "cannot write");
	}
	*sha256 = sha256_final(&s);
	*bytes = total;
	return AC_OK;
}

/* A new file path beneath dir_fd. */
static enum ac_err
take_file(struct intake *t, int dir_fd, const char *path,
    struct digest *sha256, uint64_t *bytes)
{
	int fd = openat(dir_fd, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0444);
	enum ac_err e;

	if (fd < 0 && errno == EEXIST)
		return refused(t, AC_ERR_EXISTS, "is there a second time");
	if (fd < 0 && errno == ENOTDIR)
		return refused(t, AC_ERR_FORMAT, "lies in something that is "
		    "a file, not a folder");
	if (fd < 0)
		return failed(t, "cannot make");
	e = take_bytes(t, fd, sha256, bytes);
	if (e == AC_ERR_LIMIT && path == t->item->path) {
		struct message what = *t->why;

		(void)refused(t, e, "is too large: ");
		message_add(t->why, "%s", what.text);
	}
	if (e == AC_OK && t->git != NULL &&
	    gittree_add(t->git, t->item->path, t->item->executable, fd,
	    *bytes) != AC_OK)
		e = failed(t, "cannot hash");
	/* Whatever the umask; the job's user reads it. */
	if (e == AC_OK && fchmod(fd, t->item->executable ? 0555 : 0444) != 0)
		e = failed(t, "cannot make");
	if (close(fd) != 0 && e == AC_OK)
		e = failed(t, "cannot write");
	return e;
}

static enum ac_err
add_file(struct intake *t, const char *path, const struct digest *sha256,
    uint64_t bytes)
{
	if (measure_files_add(&t->files, path, sha256, bytes) == AC_OK)
		return AC_OK;
	message_set(t->why, "no memory");
	return AC_ERR_MEMORY;
}

/* The top folder of a tree is made with the first that is in it. */
static enum ac_err
open_top(struct intake *t)
{
	enum ac_err e;

	if (t->options->one_file)
		return refused(t, AC_ERR_FORMAT, "has a name where one file "
		    "without a name was fetched");
	if (t->top_fd < 0 && (mkdirat(t->store_fd, t->name, 0755) != 0 ||
	    (t->top_fd = openat(t->store_fd, t->name, O_RDONLY | O_DIRECTORY |
	    O_NOFOLLOW | O_CLOEXEC)) < 0)) {
		e = errno == EEXIST ? AC_ERR_EXISTS : AC_ERR_IO;
		(void)failed(t, "cannot make the folder of");
		return e;
	}
	return AC_OK;
}

/* A file of a tree. */
static enum ac_err
take_of_tree(struct intake *t)
{
	const char *path = t->item->path;
	struct digest sha256;
	uint64_t bytes = 0;
	enum ac_err e;

	if (tree_make_folders(t->top_fd, path) != AC_OK) {
		if (errno == ENOTDIR)
			return refused(t, AC_ERR_FORMAT, "lies in something "
			    "that is a file, not a folder");
		return failed(t, "cannot make the folder of");
	}
	e = take_file(t, t->top_fd, path, &sha256, &bytes);
	if (e != AC_OK)
		return e;
	memcpy(t->last, path, strlen(path) + 1);
	return add_file(t, path, &sha256, bytes);
}

/* ---- what only an image has, or a repository ---- */

/* Another name of the file before. */
static enum ac_err
take_same(struct intake *t)
{
	const char *path = t->item->path;
	const struct oms_file *last;

	if (t->last[0] == '\0' || t->files.n == 0)
		return refused(t, AC_ERR_FORMAT, "is another name of no file");
	if (tree_make_folders(t->top_fd, path) != AC_OK)
		return failed(t, "cannot make the folder of");
	if (linkat(t->top_fd, t->last, t->top_fd, path, 0) != 0)
		return errno == EEXIST ? refused(t, AC_ERR_EXISTS,
		    "is there a second time") : failed(t, "cannot make");
	last = &t->files.file[t->files.n - 1];
	return add_file(t, path, &last->sha256, last->bytes);
}

static enum ac_err
take_link(struct intake *t, int fd, const char *name)
{
	const char *target = t->item->target;
	struct digest sha256 = sha256_of(span_str(target));
	char path[FILE_PATH_MAX + 2];

	t->linked = true;
	if (symlinkat(target, fd, name) != 0)
		return errno == EEXIST ? refused(t, AC_ERR_EXISTS,
		    "is there a second time") : failed(t, "cannot make");
	(void)snprintf(path, sizeof(path), "%s@", t->item->path);
	return add_file(t, path, &sha256, strlen(target));
}

/* A link, or an empty folder, made without following a link. */
static enum ac_err
take_other(struct intake *t)
{
	const char *path = t->item->path, *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	enum ac_err e;
	int fd;

	if (tree_open_folder(&fd, t->top_fd, path) != AC_OK)
		return errno == ENOTDIR || errno == ELOOP ? refused(t,
		    AC_ERR_FORMAT, "lies in something that is no folder") :
		    failed(t, "cannot make the folder of");
	if (t->item->type == STREAM_LINK)
		e = take_link(t, fd, name);
	else if (mkdirat(fd, name, 0755) == 0)
		e = AC_OK;
	else
		e = errno == EEXIST ? refused(t, AC_ERR_EXISTS,
		    "is there a second time") : failed(t, "cannot make");
	(void)close(fd);
	return e;
}

static enum ac_err
take_commit(struct intake *t)
{
	enum ac_err e;

	if (t->git == NULL) {
		buf_free(&t->item->object);
		return refused(t, AC_ERR_FORMAT, "is a commit, where none is "
		    "asked for");
	}
	e = gittree_commit(t->git, t->item->path,
	    buf_span(&t->item->object), t->why);
	buf_free(&t->item->object);
	return e;
}

/* ---- the whole ---- */

static enum ac_err
take_item(struct intake *t)
{
	enum stream_type type = t->item->type;
	bool image = t->options->image;
	enum ac_err e;

	if (type == STREAM_OBJECT)
		return take_commit(t);
	if (!image && type == STREAM_LINK)
		return refused(t, AC_ERR_FORMAT, "is a link; only regular "
		    "files are taken");
	if (!image && type != STREAM_FILE)
		return refused(t, AC_ERR_FORMAT, "is what only an image has");
	if (type == STREAM_FILE && t->item->path[0] == '\0')
		return take_file(t, t->store_fd, t->name,
		    &t->measured.sha256, &t->measured.bytes);
	e = open_top(t);
	if (e != AC_OK)
		return e;
	if (type == STREAM_LINK || type == STREAM_FOLDER)
		return take_other(t);
	/* A link could lead whatever comes behind it out of the tree. */
	if (t->linked)
		return refused(t, AC_ERR_FORMAT, "comes after a link");
	return type == STREAM_SAME ? take_same(t) : take_of_tree(t);
}

static enum ac_err
take_items(struct intake *t)
{
	enum ac_err e;

	for (;;) {
		e = stream_next(t->reader, t->item, t->why);
		if (e != AC_OK || t->item->type == STREAM_END)
			return e;
		e = take_item(t);
		if (e != AC_OK)
			return e;
	}
}

enum ac_err
intake_stream(struct measured *out, int fd, int store_fd, const char *name,
    const struct intake_options *options, struct message *why)
{
	struct intake t = { .options = options, .why = why, .fd = fd,
		.store_fd = store_fd, .top_fd = -1, .name = name };
	const struct stream_source source = { read_pipe, &t };
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory");
	t.reader = malloc(sizeof(*t.reader));
	t.item = malloc(sizeof(*t.item));
	if (t.reader == NULL || t.item == NULL)
		goto out;
	if (options->git != NULL) {
		e = gittree_new(&t.git, options->git);
		if (e != AC_OK)
			goto out;
	}
	stream_open(t.reader, &source, options->bytes_max);
	if (options->image)
		t.reader->items_max = IMAGE_FILES_MAX;
	e = take_items(&t);
	if (e == AC_OK && t.git != NULL && t.top_fd < 0) {
		message_set(why, "the commit has no file");
		e = AC_ERR_FORMAT;
	}
	if (e == AC_OK && t.git != NULL)
		e = gittree_check(t.git, why);
	if (e != AC_OK)
		goto out;
	if (t.git != NULL)
		text_hex(t.measured.git_commit, span_of(options->git->b,
		    options->git->len));
	if (t.top_fd >= 0) {
		measure_files_sort(&t.files);
		t.measured.tree = true;
		t.measured.sha256 = oms_root(t.files.file, t.files.n);
		t.measured.manifest = oms_manifest(t.files.file, t.files.n);
		t.measured.bytes = t.reader->bytes;
	}
	*out = t.measured;
	if (options->keep != NULL) {
		*options->keep = t.files;
		t.files = (struct measure_files){ 0 }; /* transferred */
	}
	e = AC_OK;
out:
	if (t.top_fd >= 0)
		(void)close(t.top_fd);
	measure_files_free(&t.files);
	gittree_free(t.git);
	free(t.item);
	free(t.reader);
	return e;
}
