/* fetch_layers.c -- an image's layers as one tree; see fetch_layers.h. */
#include <fcntl.h>
#include <locale.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "cert/oms.h"
#include "common/file.h"
#include "common/reader.h"
#include "common/text.h"
#include "producer/fetch_layers.h"
#include "producer/image.h"
#include "producer/stream.h"

#define BLOCK ((size_t)64 << 10)
#define NAME_BYTES 255 /* of one part of a path */
#define HOPS_MAX 40    /* links on one way, as the kernel has it */
#define WAY_MAX 8192   /* bytes of a way with links put in */

enum kind { FOLDER, FILE_BYTES, LINK };

struct node {
	struct node *parent; /* the top is its own */
	struct node *child, *next, *before;
	enum kind kind;
	bool executable;
	unsigned layer;    /* that put it there */
	unsigned of_layer; /* that has a file's bytes, and at which entry */
	size_t of_entry;
	char *target;      /* of a link; owned */
	const char *name;  /* behind the struct */
};

struct layers {
	struct image_manifest manifest;
	const char *folder;
	struct message *why;
	struct node *top;
	void *index; /* of tsearch(3): every node but the top */
	size_t nnodes, nentries;
	unsigned layer; /* that is read */
	struct stream_writer *w;
	uint8_t *block;
};

/* ---- errors ---- */

static enum ac_err
no_memory(struct layers *t)
{
	message_set(t->why, "out of memory");
	return AC_ERR_MEMORY;
}

static enum ac_err
refused(struct layers *t, struct span path, const char *text)
{
	message_set(t->why, "layer %u of the image: its entry ", t->layer + 1);
	message_add_quoted(t->why, path);
	message_add(t->why, " %s", text);
	return AC_ERR_FORMAT;
}

/* ---- the tree ---- */

static int
compare(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->parent != y->parent)
		return (uintptr_t)x->parent < (uintptr_t)y->parent ? -1 : 1;
	return strcmp(x->name, y->name);
}

static struct node *
new_node(struct node *parent, struct span name)
{
	struct node *n = calloc(1, sizeof(*n) + name.len + 1);
	char *to;

	if (n == NULL)
		return NULL;
	to = (char *)(n + 1);
	memcpy(to, name.p, name.len);
	n->parent = parent;
	n->name = to;
	return n;
}

static struct node *
find(const struct layers *t, struct node *parent, struct span name)
{
	char text[NAME_BYTES + 1];
	const struct node key = { .parent = parent, .name = text };
	struct node *const *found;

	if (name.len > NAME_BYTES)
		return NULL;
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	found = tfind(&key, &t->index, compare);
	return found == NULL ? NULL : *found;
}

static void
free_node(struct node *n)
{
	free(n->target);
	free(n);
}

/* Take a node without children out of the tree. */
static void
drop(struct layers *t, struct node *n)
{
	(void)tdelete(n, &t->index, compare);
	if (n->before != NULL)
		n->before->next = n->next;
	else
		n->parent->child = n->next;
	if (n->next != NULL)
		n->next->before = n->before;
	t->nnodes--;
	free_node(n);
}

/*
 * Take away what layers below the present one put beneath n, and n itself
 * where whole is set and nothing keeps it.
 */
static void
prune(struct layers *t, struct node *n, bool whole)
{
	struct node *at = n;

	while (at->child != NULL)
		at = at->child;
	for (;;) {
		struct node *next = at->next, *parent = at->parent;
		bool last = at == n;

		if (at->child != NULL)
			at->layer = t->layer; /* holds something new */
		else if (at->layer < t->layer && (!last || whole))
			drop(t, at);
		if (last)
			return;
		if (next == NULL) {
			at = parent;
			continue;
		}
		for (at = next; at->child != NULL;)
			at = at->child;
	}
}

/* Take n away with all beneath it. */
static void
cut(struct layers *t, struct node *n)
{
	struct node *at = n;

	for (;;) {
		struct node *parent = at->parent;
		bool last = at == n;

		if (at->child != NULL) {
			at = at->child;
			continue;
		}
		drop(t, at);
		if (last)
			return;
		at = parent;
	}
}

static enum ac_err
add(struct layers *t, struct node **out, struct node *parent,
    struct span name, enum kind kind)
{
	struct node *n;

	if (t->nnodes == IMAGE_FILES_MAX) {
		message_set(t->why, "the image has more than %d files",
		    IMAGE_FILES_MAX);
		return AC_ERR_LIMIT;
	}
	n = new_node(parent, name);
	if (n == NULL)
		return no_memory(t);
	n->kind = kind;
	n->layer = t->layer;
	if (tsearch(n, &t->index, compare) == NULL) {
		free(n);
		return no_memory(t);
	}
	n->next = parent->child;
	if (n->next != NULL)
		n->next->before = n;
	parent->child = n;
	t->nnodes++;
	*out = n;
	return AC_OK;
}

/*
 * The folder where way leads, within the image; *out is NULL where there is
 * none and make is not set.
 */
static enum ac_err
walk(struct layers *t, struct node **out, struct span way, bool make)
{
	char buffer[2][WAY_MAX];
	unsigned hops = 0;
	struct node *at = t->top;
	struct reader r = rd_of(way);

	while (r.left.len > 0) {
		struct node *next;
		struct span part;
		enum ac_err e;

		if (!rd_until(&r, &part, '/')) {
			part = r.left;
			r.left = span_of(NULL, 0);
		}
		if (part.len == 0 || span_is(part, "."))
			continue;
		if (span_is(part, "..")) {
			at = at->parent;
			continue;
		}
		if (part.len > NAME_BYTES)
			return refused(t, way, "has too long a name in it");
		next = find(t, at, part);
		if (next == NULL && !make) {
			*out = NULL;
			return AC_OK;
		}
		if (next == NULL) {
			e = add(t, &next, at, part, FOLDER);
			if (e != AC_OK)
				return e;
		}
		if (next->kind == FILE_BYTES)
			return refused(t, way, "lies in something that is a "
			    "file, not a folder");
		if (next->kind == LINK) {
			char *to = buffer[hops % 2];
			int n = snprintf(to, WAY_MAX, "%s/%.*s", next->target,
			    (int)r.left.len, r.left.len == 0 ? "" :
			    (const char *)r.left.p);

			if (++hops > HOPS_MAX || n < 0 || n >= WAY_MAX)
				return refused(t, way, "lies behind too many "
				    "links");
			if (next->target[0] == '/')
				at = t->top;
			r = rd_of(span_of(to, (size_t)n));
			continue;
		}
		at = next;
	}
	*out = at;
	return AC_OK;
}

/* The folder of path, and the name in it. */
static struct span
split(struct span *folder, struct span path)
{
	size_t n = path.len;

	while (n > 0 && path.p[n - 1] != '/')
		n--;
	*folder = span_of(path.p, n);
	return span_of(path.p + n, path.len - n);
}

/* Something new at path, in the place of what was there. */
static enum ac_err
put(struct layers *t, struct node **out, struct span path, enum kind kind)
{
	struct span folder, name = split(&folder, path);
	struct node *parent, *old;
	enum ac_err e = walk(t, &parent, folder, true);

	if (e != AC_OK)
		return e;
	if (name.len > NAME_BYTES)
		return refused(t, path, "has too long a name in it");
	old = find(t, parent, name);
	if (old != NULL && old->kind == FOLDER && kind == FOLDER) {
		old->layer = t->layer;
		*out = old;
		return AC_OK;
	}
	if (old != NULL)
		cut(t, old);
	return add(t, out, parent, name, kind);
}

/* ---- entries ---- */

static enum ac_err
put_hard_link(struct layers *t, struct span path, struct span to)
{
	struct span folder, name;
	struct node *parent = NULL, *old = NULL, *n;
	struct node had;
	char *target = NULL;
	enum ac_err e;

	while (to.len >= 2 && to.p[0] == '.' && to.p[1] == '/')
		to = span_of(to.p + 2, to.len - 2);
	if (!oms_path_is_valid(to))
		return refused(t, path, "is a hard link that leads out of the "
		    "image");
	name = split(&folder, to);
	e = walk(t, &parent, folder, false);
	if (e != AC_OK)
		return e;
	if (parent != NULL)
		old = find(t, parent, name);
	if (old == NULL || old->kind == FOLDER)
		return refused(t, path, "is a hard link to what is not there");
	if (old->kind == LINK && (target = strdup(old->target)) == NULL)
		return no_memory(t);
	had = *old; /* which may be what is put away */
	e = put(t, &n, path, had.kind);
	if (e != AC_OK) {
		free(target);
		return e;
	}
	n->executable = had.executable;
	n->of_layer = had.of_layer;
	n->of_entry = had.of_entry;
	n->target = target; /* transferred */
	return AC_OK;
}

static enum ac_err
put_link(struct layers *t, struct span path, const char *to)
{
	struct node *n;
	size_t len = to == NULL ? 0 : strlen(to);
	enum ac_err e;

	if (len == 0 || len > LINK_TARGET_MAX)
		return refused(t, path, "is a link to nothing");
	e = put(t, &n, path, LINK);
	if (e != AC_OK)
		return e;
	n->target = strdup(to);
	return n->target == NULL ? no_memory(t) : AC_OK;
}

/* ".wh.": a name that is gone, or what its folder had. */
static enum ac_err
take_away(struct layers *t, struct span path, struct span folder,
    struct span name)
{
	bool all = span_is(name, ".wh..opq");
	struct node *parent, *n;
	enum ac_err e;

	/* What AUFS kept for itself. */
	if (!all && name.len >= 4 && span_is(span_of(name.p, 4), ".wh."))
		return AC_OK;
	if (name.len == 0 || name.len > NAME_BYTES || span_is(name, ".") ||
	    span_is(name, ".."))
		return refused(t, path, "takes no name away");
	e = walk(t, &parent, folder, false);
	if (e != AC_OK || parent == NULL)
		return e;
	if (all) {
		prune(t, parent, false);
		return AC_OK;
	}
	n = find(t, parent, name);
	if (n != NULL)
		prune(t, n, true);
	return AC_OK;
}

static enum ac_err
take_special(struct layers *t, struct span path, const char *text)
{
	bool fresh = path.len > 4 && span_is(span_of(path.p, 4), "dev/");

	return fresh ? AC_OK : refused(t, path, text);
}

/* Put one entry into the tree, without its bytes. */
static enum ac_err
take_entry(struct layers *t, struct archive_entry *entry, size_t ordinal)
{
	const char *given = archive_entry_pathname(entry);
	const char *hard = archive_entry_hardlink(entry);
	struct span path = span_str(given == NULL ? "" : given), folder, name;
	struct node *n;
	enum ac_err e;

	while (path.len >= 2 && path.p[0] == '.' && path.p[1] == '/')
		path = span_of(path.p + 2, path.len - 2);
	while (path.len > 1 && path.p[path.len - 1] == '/')
		path.len--;
	if ((path.len == 0 || span_is(path, ".")) && hard == NULL &&
	    archive_entry_filetype(entry) == AE_IFDIR)
		return AC_OK; /* the top itself */
	if (!oms_path_is_valid(path))
		return refused(t, path, "is no relative path of a file in "
		    "UTF-8, or leads out of the image");
	name = split(&folder, path);
	if (name.len >= 4 && span_is(span_of(name.p, 4), ".wh."))
		return take_away(t, path, folder, span_of(name.p + 4,
		    name.len - 4));
	if (hard != NULL)
		return put_hard_link(t, path, span_str(hard));
	switch (archive_entry_filetype(entry)) {
	case AE_IFDIR:
		return put(t, &n, path, FOLDER);
	case AE_IFLNK:
		return put_link(t, path, archive_entry_symlink(entry));
	case AE_IFREG:
		e = put(t, &n, path, FILE_BYTES);
		if (e != AC_OK)
			return e;
		n->executable = (archive_entry_perm(entry) & 0111) != 0;
		n->of_layer = t->layer;
		n->of_entry = ordinal;
		return AC_OK;
	case AE_IFCHR:
	case AE_IFBLK:
		return take_special(t, path, "is a device");
	case AE_IFIFO:
		return take_special(t, path, "is a FIFO");
	default:
		return take_special(t, path, "is no file, folder or link");
	}
}

/* ---- layers ---- */

static enum ac_err
damaged(struct layers *t, struct archive *a)
{
	const char *reason = archive_error_string(a);

	message_set(t->why, "layer %u of the image is no whole tar, alone or "
	    "in gzip or zstd: ", t->layer + 1);
	message_add_quoted(t->why, span_str(reason == NULL ? "unreadable" :
	    reason));
	return AC_ERR_FORMAT;
}

static enum ac_err
open_layer(struct layers *t, struct archive **out)
{
	char path[4096], hex[65];
	struct archive *a = archive_read_new();
	enum ac_err e = AC_OK;

	if (a == NULL)
		return no_memory(t);
	text_hex(hex, span_digest(&t->manifest.layer[t->layer].sha256));
	hex[64] = '\0';
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", t->folder, hex) >=
	    sizeof(path) ||
	    archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_open_filename(a, path, BLOCK) != ARCHIVE_OK)
		e = damaged(t, a);
	if (e == AC_OK)
		*out = a;
	else
		(void)archive_read_free(a);
	return e;
}

/* The next entry; NULL after the last. */
static enum ac_err
next_entry(struct layers *t, struct archive *a, struct archive_entry **out)
{
	int r = archive_read_next_header(a, out);

	if (r == ARCHIVE_EOF) {
		*out = NULL;
		return AC_OK;
	}
	if (r < ARCHIVE_WARN || archive_filter_count(a) > 2)
		return damaged(t, a);
	if (++t->nentries > 4 * (size_t)IMAGE_FILES_MAX) {
		message_set(t->why, "the image's layers have too many "
		    "entries");
		return AC_ERR_LIMIT;
	}
	return AC_OK;
}

static enum ac_err
read_names(struct layers *t)
{
	struct archive *a = NULL;
	enum ac_err e = open_layer(t, &a);

	for (size_t i = 0; e == AC_OK; i++) {
		struct archive_entry *entry;

		e = next_entry(t, a, &entry);
		if (e != AC_OK || entry == NULL)
			break;
		e = take_entry(t, entry, i);
	}
	if (a != NULL)
		(void)archive_read_free(a);
	return e;
}

/* ---- writing ---- */

/* The path of n, in out[0..FILE_PATH_MAX]. */
static enum ac_err
path_of(struct layers *t, struct span *out, char buffer[FILE_PATH_MAX],
    const struct node *n)
{
	size_t at = FILE_PATH_MAX;

	for (; n != t->top; n = n->parent) {
		size_t len = strlen(n->name);

		if (len + 1 > at) {
			message_set(t->why, "the image has a path of more "
			    "than %d bytes", FILE_PATH_MAX);
			return AC_ERR_LIMIT;
		}
		if (at < FILE_PATH_MAX)
			buffer[--at] = '/';
		at -= len;
		memcpy(buffer + at, n->name, len);
	}
	*out = span_of(buffer + at, FILE_PATH_MAX - at);
	return AC_OK;
}

/* The node after n, each folder before what is in it; NULL after the last. */
static struct node *
following(const struct layers *t, struct node *n)
{
	if (n->child != NULL)
		return n->child;
	while (n != t->top && n->next == NULL)
		n = n->parent;
	return n == t->top ? NULL : n->next;
}

static int
compare_bytes(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	if ((*x)->of_layer != (*y)->of_layer)
		return (*x)->of_layer < (*y)->of_layer ? -1 : 1;
	if ((*x)->of_entry != (*y)->of_entry)
		return (*x)->of_entry < (*y)->of_entry ? -1 : 1;
	return 0;
}

/* All files, those with the same bytes together. */
static enum ac_err
collect(struct layers *t, struct node ***out, size_t *nout)
{
	struct node **files = calloc(t->nnodes + 1, sizeof(struct node *));
	size_t n = 0;

	if (files == NULL)
		return no_memory(t);
	for (struct node *at = t->top; at != NULL; at = following(t, at))
		if (at->kind == FILE_BYTES)
			files[n++] = at;
	qsort(files, n, sizeof(struct node *), compare_bytes);
	*out = files;
	*nout = n;
	return AC_OK;
}

static enum ac_err
write_file(struct layers *t, struct archive *a, const struct node *n)
{
	char buffer[FILE_PATH_MAX];
	struct span path;
	la_ssize_t got;
	enum ac_err e = path_of(t, &path, buffer, n);

	if (e != AC_OK)
		return e;
	stream_file(t->w, path, n->executable);
	while (t->w->err == AC_OK && (got = archive_read_data(a, t->block,
	    BLOCK)) != 0) {
		if (got < 0)
			return refused(t, path, "cannot be read");
		stream_data(t->w, span_of(t->block, (size_t)got));
	}
	stream_file_end(t->w);
	return AC_OK;
}

/* Write the files of the present layer, file[0..n), in order of its entries. */
static enum ac_err
write_layer(struct layers *t, struct node *const file[], size_t n)
{
	char buffer[FILE_PATH_MAX];
	struct archive *a = NULL;
	struct span path;
	enum ac_err e = open_layer(t, &a);
	size_t at = 0;

	for (size_t i = 0; e == AC_OK && at < n; i++) {
		struct archive_entry *entry;

		e = next_entry(t, a, &entry);
		if (e == AC_OK && entry == NULL)
			e = damaged(t, a);
		if (e != AC_OK || file[at]->of_entry != i)
			continue;
		e = write_file(t, a, file[at++]);
		for (; e == AC_OK && at < n && file[at]->of_entry == i; at++) {
			e = path_of(t, &path, buffer, file[at]);
			if (e == AC_OK)
				stream_same(t->w, path);
		}
		if (t->w->err != AC_OK)
			break; /* said by stream_finish() */
	}
	if (a != NULL)
		(void)archive_read_free(a);
	return e;
}

static enum ac_err
write_files(struct layers *t)
{
	struct node **file = NULL;
	size_t n = 0, end;
	enum ac_err e = collect(t, &file, &n);

	t->nentries = 0;
	for (size_t i = 0; e == AC_OK && i < n && t->w->err == AC_OK;
	    i = end) {
		t->layer = file[i]->of_layer;
		for (end = i; end < n && file[end]->of_layer == t->layer;)
			end++;
		e = write_layer(t, file + i, end - i);
	}
	free(file);
	return e;
}

/* Empty folders, then links: nothing is made in what a link leads to. */
static enum ac_err
write_rest(struct layers *t, enum kind kind)
{
	char buffer[FILE_PATH_MAX];
	struct span path;
	enum ac_err e = AC_OK;

	for (struct node *n = following(t, t->top); e == AC_OK && n != NULL;
	    n = following(t, n)) {
		if (n->kind != kind || n->child != NULL)
			continue;
		e = path_of(t, &path, buffer, n);
		if (e == AC_OK && kind == LINK)
			stream_link(t->w, path, span_str(n->target));
		else if (e == AC_OK)
			stream_folder(t->w, path);
	}
	return e;
}

/* ---- the whole ---- */

static enum ac_err
read_manifest(struct layers *t)
{
	struct buf text = { 0 };
	char path[4096];
	enum ac_err e = AC_ERR_LIMIT;

	if ((size_t)snprintf(path, sizeof(path), "%s/" IMAGE_MANIFEST,
	    t->folder) < sizeof(path))
		e = file_read(&text, path, IMAGE_JSON_MAX);
	if (e != AC_OK) {
		message_set(t->why, "the image's manifest cannot be read");
		return e;
	}
	e = image_manifest_decode(&t->manifest, buf_span(&text), t->why);
	buf_free(&text);
	if (e == AC_OK && t->manifest.is_index) {
		message_set(t->why, "an index leads to an index");
		e = AC_ERR_UNSUPPORTED;
	}
	return e;
}

enum ac_err
fetch_layers(int out_fd, const char *folder, struct message *why)
{
	struct layers *t = calloc(1, sizeof(*t));
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	if (t == NULL)
		return e;
	t->folder = folder;
	t->why = why;
	t->w = malloc(sizeof(*t->w));
	t->block = malloc(BLOCK);
	t->top = new_node(NULL, span_str(""));
	if (t->w == NULL || t->block == NULL || t->top == NULL)
		goto out;
	t->top->parent = t->top;
	/* Names in UTF-8 stay what they are. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	stream_begin(t->w, out_fd);
	e = read_manifest(t);
	for (; e == AC_OK && t->layer < t->manifest.nlayers; t->layer++)
		e = read_names(t);
	if (e == AC_OK)
		e = write_files(t);
	if (e == AC_OK)
		e = write_rest(t, FOLDER);
	if (e == AC_OK)
		e = write_rest(t, LINK);
	if (e != AC_OK)
		goto out;
	e = stream_finish(t->w);
	if (e != AC_OK)
		message_set(why, "nobody takes what is unpacked");
out:
	if (t->top != NULL) {
		while (t->top->child != NULL)
			cut(t, t->top->child);
		free_node(t->top);
	}
	free(t->block);
	free(t->w);
	free(t);
	return e;
}
