/* publish.c -- the public folder; see publish.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert/checkpoint.h"
#include "cert/note.h"
#include "common/file.h"
#include "registry/publish.h"

#define PATH_LEN 4096
#define MADE_MAX 4    /* of bundles, of tiles of the three lowest levels */
#define FRESH_MAX 128 /* files that are made durable together */
#define BUNDLE_MAX (MERKLE_TILE_WIDTH * (LEAF_MAX + (size_t)2))

/* A file that is written and has its name only once it is durable. */
struct fresh {
	int fd;
	char *tmp, *path;
};

struct publish {
	char dir[PATH_LEN];
	/* The folders that were made and synced, newest first. */
	char made[MADE_MAX][PATH_LEN];
	size_t nfresh, nnamed;
	struct fresh fresh[FRESH_MAX];
};

enum ac_err
publish_new(struct publish **out, const char *dir)
{
	struct publish *p = calloc(1, sizeof(*p));
	int n;

	if (p == NULL)
		return AC_ERR_MEMORY;
	n = snprintf(p->dir, sizeof(p->dir), "%s", dir);
	if (n < 0 || (size_t)n >= sizeof(p->dir) - MERKLE_TILE_PATH_MAX - 16) {
		free(p);
		return AC_ERR_LIMIT;
	}
	*out = p;
	return AC_OK;
}

void
publish_free(struct publish *p)
{
	free(p);
}

static enum ac_err
failed(struct message *why, const char *what, const char *path, enum ac_err e)
{
	message_set(why, "cannot %s %s: %s", what, path,
	    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
	return e;
}

static void
tile_path(char out[PATH_LEN], const struct publish *p,
    const struct merkle_tile *tile, bool entries)
{
	char below[MERKLE_TILE_PATH_MAX];
	size_t n = strlen(p->dir), m;

	merkle_tile_path(below, tile, entries);
	m = strlen(below);
	memcpy(out, p->dir, n);
	out[n] = '/';
	memcpy(out + n + 1, below, m + 1);
}

/* Was the folder made and synced by us? */
static bool
is_made(struct publish *p, const char *dir)
{
	for (size_t i = 0; i < MADE_MAX; i++)
		if (strcmp(dir, p->made[i]) == 0)
			return true;
	return false;
}

static void
remember_made(struct publish *p, const char *dir)
{
	memmove(p->made[1], p->made[0], sizeof(p->made) -
	    sizeof(p->made[0]));
	memcpy(p->made[0], dir, strlen(dir) + 1);
}

/*
 * Make the folders of path below p->dir and sync each one's parent, whether
 * it was there or not: a process that died may have left it unsynced.
 */
static enum ac_err
make_folders(struct publish *p, const char *path)
{
	char dir[PATH_LEN];
	size_t n = (size_t)(strrchr(path, '/') - path);
	size_t at = strlen(p->dir);

	memcpy(dir, path, n);
	dir[n] = '\0';
	if (is_made(p, dir))
		return AC_OK;
	while (at < n) {
		enum ac_err e;

		dir[at] = '\0';
		e = file_sync_dir(dir);
		dir[at] = '/';
		if (e != AC_OK)
			return e;
		do
			at++;
		while (at < n && dir[at] != '/');
		dir[at] = '\0';
		if (mkdir(dir, 0755) == 0) {
			char *slash = strrchr(dir, '/');

			*slash = '\0';
			e = file_sync_dir(dir);
			*slash = '/';
			if (e != AC_OK)
				return e;
		} else if (errno != EEXIST) {
			return AC_ERR_IO;
		}
		if (at < n)
			dir[at] = '/';
	}
	remember_made(p, dir);
	return AC_OK;
}

/* Give up the files that have no name yet. */
static void
drop_fresh(struct publish *p)
{
	for (size_t i = 0; i < p->nfresh; i++) {
		struct fresh *f = &p->fresh[i];

		if (f->fd >= 0)
			(void)close(f->fd);
		if (i >= p->nnamed)
			(void)unlink(f->tmp);
		free(f->tmp);
		free(f->path);
	}
	p->nfresh = p->nnamed = 0;
}

/* Is the file that is there already what it should be? */
static enum ac_err
compare(const char *path, int fd, struct message *why)
{
	struct buf old = { 0 }, new = { 0 };
	enum ac_err e = file_read(&old, path, BUNDLE_MAX);

	if (e == AC_OK)
		e = file_read_fd(&new, fd, BUNDLE_MAX);
	if (e == AC_OK && !span_equal(buf_span(&old), buf_span(&new)))
		e = AC_ERR_MISMATCH;
	buf_free(&old);
	buf_free(&new);
	if (e == AC_ERR_MISMATCH || e == AC_ERR_LIMIT) {
		message_set(why, "%s is there and differs from what the "
		    "database says it is; tiles never change, so one of the "
		    "two is damaged", path);
		return AC_ERR_MISMATCH;
	}
	return e == AC_OK ? AC_OK : failed(why, "compare", path, e);
}

/* Sync the folder of path, unless it is the one that was synced last. */
static enum ac_err
sync_folder_of(const char *path, char last[PATH_LEN])
{
	size_t n = (size_t)(strrchr(path, '/') - path);

	if (strncmp(path, last, n) == 0 && last[n] == '\0')
		return AC_OK;
	memcpy(last, path, n);
	last[n] = '\0';
	return file_sync_dir(last);
}

/*
 * Make all that was written durable, then give it its names, then make those
 * durable: two rounds of waiting for the disk, however many files there are.
 */
static enum ac_err
settle(struct publish *p, struct message *why)
{
	char folder[PATH_LEN] = "";
	enum ac_err e = AC_OK;

	for (size_t i = 0; e == AC_OK && i < p->nfresh; i++)
		if (fsync(p->fresh[i].fd) != 0)
			e = failed(why, "sync", p->fresh[i].tmp, AC_ERR_IO);
	for (; e == AC_OK && p->nnamed < p->nfresh; p->nnamed++) {
		struct fresh *f = &p->fresh[p->nnamed];

		if (renameat2(AT_FDCWD, f->tmp, AT_FDCWD, f->path,
		    RENAME_NOREPLACE) == 0)
			continue;
		if (errno != EEXIST) {
			e = failed(why, "name", f->path, AC_ERR_IO);
			break;
		}
		e = compare(f->path, f->fd, why);
		if (e != AC_OK)
			break;
		(void)unlink(f->tmp);
	}
	/* Files of one folder come one after the other, bundles and tiles. */
	for (size_t i = 0; e == AC_OK && i < p->nfresh; i += 2)
		if (sync_folder_of(p->fresh[i].path, folder) != AC_OK)
			e = failed(why, "sync the folder of",
			    p->fresh[i].path, AC_ERR_IO);
	folder[0] = '\0';
	for (size_t i = 1; e == AC_OK && i < p->nfresh; i += 2)
		if (sync_folder_of(p->fresh[i].path, folder) != AC_OK)
			e = failed(why, "sync the folder of",
			    p->fresh[i].path, AC_ERR_IO);
	drop_fresh(p);
	return e;
}

/* Write data as path, which never changes afterwards; settle() ends it. */
static enum ac_err
write_immutable(struct publish *p, const char *path, struct span data,
    struct message *why)
{
	struct fresh f = { .fd = -1 };
	enum ac_err e = AC_OK;

	if (p->nfresh == FRESH_MAX)
		e = settle(p, why);
	if (e != AC_OK)
		return e;
	e = make_folders(p, path);
	if (e != AC_OK)
		return failed(why, "make the folder of", path, e);
	e = AC_ERR_MEMORY;
	f.path = strdup(path);
	if (f.path == NULL || asprintf(&f.tmp, "%s.XXXXXX", path) < 0) {
		f.tmp = NULL;
		goto out;
	}
	e = AC_ERR_IO;
	f.fd = mkostemp(f.tmp, O_CLOEXEC);
	if (f.fd < 0)
		goto out;
	p->fresh[p->nfresh++] = f;
	if (fchmod(f.fd, 0444) != 0 || file_write_all(f.fd, data) != AC_OK)
		return failed(why, "write", path, AC_ERR_IO);
	return AC_OK;
out:
	e = failed(why, "write", path, e);
	free(f.tmp);
	free(f.path);
	return e;
}

static enum ac_err
write_bundle(struct publish *p, struct store *s,
    const struct merkle_tile *tile, struct message *why)
{
	struct buf data = { 0 };
	char path[PATH_LEN];
	struct writer w;
	enum ac_err e;

	wr_init(&w, BUNDLE_MAX);
	e = store_bundle(s, &w, tile->index * MERKLE_TILE_WIDTH, tile->width);
	if (e != AC_OK) {
		wr_free(&w);
		message_set(why, "cannot read entries from the database: %s",
		    e == AC_ERR_IO ? store_error(s) : ac_strerror(e));
		return e;
	}
	e = wr_end(&w, &data);
	tile_path(path, p, tile, true);
	e = e == AC_OK ? write_immutable(p, path, buf_span(&data), why) :
	    failed(why, "write", path, e);
	buf_free(&data);
	return e;
}

static enum ac_err
write_tile(struct publish *p, struct store *s, const struct merkle_tile *tile,
    struct message *why)
{
	struct digest hash[MERKLE_TILE_WIDTH];
	char path[PATH_LEN];
	size_t n = 0;
	enum ac_err e = store_tile(s, hash, &n, tile->level, tile->index);

	if (e == AC_OK && n < tile->width)
		e = AC_ERR_NOT_FOUND;
	if (e != AC_OK) {
		message_set(why, "cannot read a tile from the database: %s",
		    e == AC_ERR_IO ? store_error(s) : ac_strerror(e));
		return e;
	}
	tile_path(path, p, tile, false);
	return write_immutable(p, path, span_of(hash, tile->width *
	    sizeof(hash[0])), why);
}

static enum ac_err
write_all(struct publish *p, struct store *s, uint64_t from, uint64_t to,
    struct message *why)
{
	/* In hashes of the level, until nothing is left of the new ones. */
	for (unsigned level = 0; to > 0; level++) {
		uint64_t index = from / MERKLE_TILE_WIDTH;

		for (; from < to && index * MERKLE_TILE_WIDTH < to; index++) {
			uint64_t left = to - index * MERKLE_TILE_WIDTH;
			struct merkle_tile t = { level, index,
				left < MERKLE_TILE_WIDTH ? (unsigned)left :
				MERKLE_TILE_WIDTH };
			enum ac_err e = AC_OK;

			if (level == 0)
				e = write_bundle(p, s, &t, why);
			if (e == AC_OK)
				e = write_tile(p, s, &t, why);
			if (e != AC_OK)
				return e;
		}
		from /= MERKLE_TILE_WIDTH;
		to /= MERKLE_TILE_WIDTH;
	}
	return AC_OK;
}

enum ac_err
publish_tiles(struct publish *p, struct store *s, uint64_t from, uint64_t to,
    struct message *why)
{
	enum ac_err e = write_all(p, s, from, to, why);

	if (e == AC_OK)
		e = settle(p, why);
	drop_fresh(p);
	return e;
}

static void
checkpoint_path(char out[PATH_LEN], const struct publish *p)
{
	size_t n = strlen(p->dir);

	memcpy(out, p->dir, n);
	memcpy(out + n, "/checkpoint", sizeof("/checkpoint"));
}

enum ac_err
publish_checkpoint(struct publish *p, struct span note, struct message *why)
{
	char path[PATH_LEN];
	enum ac_err e;

	checkpoint_path(path, p);
	e = file_write(path, note, 0644);
	return e == AC_OK ? AC_OK : failed(why, "replace", path, e);
}

enum ac_err
publish_size(struct publish *p, uint64_t *size, struct digest *root,
    struct message *why)
{
	struct buf bytes = { 0 };
	struct checkpoint c = { 0 };
	struct note *note = malloc(sizeof(*note));
	char path[PATH_LEN];
	enum ac_err e = AC_ERR_MEMORY;

	checkpoint_path(path, p);
	if (note == NULL)
		return failed(why, "read", path, e);
	e = file_read(&bytes, path, NOTE_MAX);
	if (e == AC_ERR_NOT_FOUND) {
		*size = 0;
		*root = merkle_empty();
		e = AC_OK;
		goto out;
	}
	if (e == AC_OK)
		e = note_parse(note, buf_span(&bytes));
	if (e == AC_OK)
		e = checkpoint_parse(&c, note->text);
	if (e != AC_OK) {
		e = failed(why, "read", path, e);
		goto out;
	}
	*size = c.size;
	*root = c.root;
	e = AC_OK;
out:
	free(note);
	buf_free(&bytes);
	return e;
}

enum ac_err
publish_open(struct publish *p, int *fd, uint64_t *bytes,
    const struct merkle_tile *tile, bool entries)
{
	char path[PATH_LEN];
	struct stat st;
	int f;

	tile_path(path, p, tile, entries);
	f = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (f < 0)
		return errno == ENOENT || errno == ENOTDIR ? AC_ERR_NOT_FOUND :
		    AC_ERR_IO;
	if (fstat(f, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0) {
		(void)close(f);
		return AC_ERR_IO;
	}
	*fd = f;
	*bytes = (uint64_t)st.st_size;
	return AC_OK;
}
