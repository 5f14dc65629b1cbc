/*
 * walk.c -- a model's folder; see walk.h.
 *
 * A walk keeps a list of folders still to read, not a stack of calls, and the
 * first fault in order of name, because folders have no order.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert/limits.h"
#include "verifier/walk.h"

#define HASH_MAX 64 /* hex digits of a blob's name: SHA-256, or git's SHA-1 */
#define FOLDERS_MAX FILES_MAX

/* One walk, and the first fault that it met. */
struct tour {
	struct walk *w;
	int dir_fd, blobs_fd;
	char **folder; /* still to read; owned */
	size_t nfolders, cap;

	enum ac_err e;
	int io_errno;
	const char *what;
	char *where; /* owned; NULL: no fault */
};

/* path is at fault, unless a fault before it is known. */
static void
fault(struct tour *t, enum ac_err e, const char *what, const char *path)
{
	int saved = errno;
	char *copy;

	if (t->where != NULL && strcmp(t->where, path) <= 0)
		return;
	copy = strdup(path);
	if (copy == NULL) {
		t->e = AC_ERR_MEMORY;
		return;
	}
	free(t->where);
	t->where = copy;
	t->e = e;
	t->io_errno = saved;
	t->what = what;
}

/* Make room for one more of items of size bytes; NULL: no memory. */
static void *
grow(void *items, size_t n, size_t *cap, size_t size)
{
	void *grown;

	if (n < *cap)
		return items;
	grown = reallocarray(items, *cap == 0 ? 64 : *cap * 2, size);
	if (grown != NULL)
		*cap = *cap == 0 ? 64 : *cap * 2;
	return grown;
}

static enum ac_err
add_folder(struct tour *t, const char *path)
{
	char **grown = grow(t->folder, t->nfolders, &t->cap, sizeof(*grown));

	if (grown == NULL)
		return AC_ERR_MEMORY;
	t->folder = grown;
	grown[t->nfolders] = strdup(path);
	return grown[t->nfolders] == NULL ? AC_ERR_MEMORY :
	    (t->nfolders++, AC_OK);
}

/* name is its path within the model, at is where it is below fd. */
static enum ac_err
add_file(struct walk *w, const char *name, int fd, const char *at,
    const struct stat *st)
{
	size_t cap = w->cap;
	struct oms_file *file = grow(w->file, w->nfiles, &cap, sizeof(*file));
	struct walk_place *place;
	char *copy, *path;

	if (file == NULL)
		return AC_ERR_MEMORY;
	w->file = file;
	cap = w->cap;
	place = grow(w->place, w->nfiles, &cap, sizeof(*place));
	if (place == NULL)
		return AC_ERR_MEMORY;
	w->place = place;
	w->cap = cap;
	copy = strdup(name);
	path = strdup(at);
	if (copy == NULL || path == NULL) {
		free(copy);
		free(path);
		return AC_ERR_MEMORY;
	}
	/* The place is found again by its number, once names are sorted. */
	file[w->nfiles] = (struct oms_file){ .name = span_str(copy),
		.bytes = w->nfiles };
	place[w->nfiles++] = (struct walk_place){ .dir_fd = fd, .path = path,
		.state = hashqueue_state_of(st) };
	return AC_OK;
}

/*
 * The blob that the link path points to, of a model's cache: as many "../" as
 * lead out of the revision and of "snapshots", then "blobs/" and a hash.
 */
static bool
blob_of_link(char blob[static HASH_MAX + 1], const struct tour *t,
    const char *path)
{
	char target[PATH_MAX];
	ssize_t len = t->blobs_fd < 0 ? -1 : readlinkat(t->dir_fd, path,
	    target, sizeof(target) - 1);
	const char *at = target;
	size_t up = 2, hash;

	if (len < 0)
		return false;
	target[len] = '\0';
	for (; *path != '\0'; path++)
		up += *path == '/';
	for (; up > 0; up--, at += 3)
		if (strncmp(at, "../", 3) != 0)
			return false;
	if (strncmp(at, "blobs/", 6) != 0)
		return false;
	at += 6;
	hash = strspn(at, "0123456789abcdef");
	if (at[hash] != '\0' || (hash != 40 && hash != HASH_MAX))
		return false;
	memcpy(blob, at, hash + 1);
	return true;
}

static enum ac_err
visit_link(struct tour *t, const char *path)
{
	char blob[HASH_MAX + 1];
	struct stat st;

	if (!blob_of_link(blob, t, path))
		fault(t, AC_ERR_FORMAT, t->blobs_fd < 0 ? "symbolic link" :
		    "symbolic link, not into the blobs of its model", path);
	else if (fstatat(t->blobs_fd, blob, &st, AT_SYMLINK_NOFOLLOW) != 0)
		fault(t, AC_ERR_IO, "cannot read", path);
	else if (!S_ISREG(st.st_mode))
		fault(t, AC_ERR_FORMAT, "link to what is no file", path);
	else
		return add_file(t->w, path, t->blobs_fd, blob, &st);
	return AC_OK;
}

static enum ac_err
visit(struct tour *t, const char *path)
{
	struct stat st;

	if (oms_is_ignored(span_str(path), oms_ignore, OMS_NIGNORE))
		return AC_OK;
	if (fstatat(t->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		fault(t, AC_ERR_IO, "cannot read", path);
	else if (!oms_path_is_valid(span_str(path)))
		fault(t, AC_ERR_FORMAT, "a name that no model's file may have",
		    path);
	else if (t->w->nfiles == FILES_MAX || t->nfolders == FOLDERS_MAX)
		return AC_ERR_LIMIT;
	else if (S_ISDIR(st.st_mode))
		return add_folder(t, path);
	else if (S_ISLNK(st.st_mode))
		return visit_link(t, path);
	else if (S_ISREG(st.st_mode))
		return add_file(t->w, path, t->dir_fd, path, &st);
	else
		fault(t, AC_ERR_FORMAT, "neither a file nor a folder", path);
	return AC_OK;
}

/* Every entry of one folder, "" being the model's own. */
static enum ac_err
read_folder(struct tour *t, const char *folder)
{
	int fd = openat(t->dir_fd, folder[0] == '\0' ? "." : folder,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	enum ac_err e = AC_OK;
	struct dirent *d;

	if (dir == NULL) {
		fault(t, AC_ERR_IO, "cannot read",
		    folder[0] == '\0' ? "." : folder);
		if (fd >= 0)
			(void)close(fd);
		return AC_OK;
	}
	while (e == AC_OK && (errno = 0, d = readdir(dir)) != NULL) {
		char *path;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (asprintf(&path, "%s%s%s", folder,
		    folder[0] == '\0' ? "" : "/", d->d_name) < 0)
			e = AC_ERR_MEMORY;
		else {
			e = visit(t, path);
			free(path);
		}
	}
	if (e == AC_OK && errno != 0)
		fault(t, AC_ERR_IO, "cannot read", folder);
	(void)closedir(dir);
	return e;
}

/* In order of name, file and place side by side. */
static enum ac_err
sort(struct walk *w)
{
	struct walk_place *place = calloc(w->nfiles + 1, sizeof(*place));

	if (place == NULL)
		return AC_ERR_MEMORY;
	if (w->nfiles > 0)
		qsort(w->file, w->nfiles, sizeof(w->file[0]), oms_compare);
	for (size_t i = 0; i < w->nfiles; i++) {
		place[i] = w->place[w->file[i].bytes];
		w->file[i].bytes = place[i].state.bytes;
	}
	free(w->place);
	w->place = place;
	w->cap = w->nfiles;
	return AC_OK;
}

/* What came of it, and whatever is left over. */
static enum ac_err
finish(struct tour *t, struct walk *out, enum ac_err e, struct message *why)
{
	if (e == AC_OK)
		e = t->e;
	if (e == AC_ERR_LIMIT)
		message_set(why, "more than %d files or folders",
		    FILES_MAX);
	else if (e == AC_ERR_MEMORY)
		message_set(why, "no memory");
	else if (e != AC_OK) {
		message_set(why, "%s: %s", t->what,
		    message_quoted(span_str(t->where)).text);
		if (e == AC_ERR_IO)
			message_add(why, ": %s", strerror(t->io_errno));
	} else
		e = sort(t->w);
	if (e == AC_OK)
		*out = *t->w; /* transferred */
	else
		walk_free(t->w);
	for (size_t i = 0; i < t->nfolders; i++)
		free(t->folder[i]);
	free(t->folder);
	free(t->where);
	return e;
}

enum ac_err
walk_folder(struct walk *out, int dir_fd, int blobs_fd, struct message *why)
{
	struct walk w = { 0 };
	struct tour t = { .w = &w, .dir_fd = dir_fd, .blobs_fd = blobs_fd };
	enum ac_err e = read_folder(&t, "");

	while (e == AC_OK && t.nfolders > 0) {
		char *folder = t.folder[--t.nfolders];

		e = read_folder(&t, folder);
		free(folder);
	}
	return finish(&t, out, e, why);
}

enum ac_err
walk_file(struct walk *out, int dir_fd, int blobs_fd, const char *name,
    struct message *why)
{
	struct walk w = { 0 };
	struct tour t = { .w = &w, .dir_fd = dir_fd, .blobs_fd = blobs_fd };
	enum ac_err e = visit(&t, name);

	if (e == AC_OK && t.where == NULL && w.nfiles == 0)
		fault(&t, AC_ERR_NOT_FOUND, "no file that a certificate covers",
		    name);
	return finish(&t, out, e, why);
}

/* Are a and b one file? */
static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

void
walk_open_blobs(int *fd, int dir_fd)
{
	struct stat up, snapshots;

	*fd = -1;
	if (fstatat(dir_fd, "..", &up, 0) == 0 &&
	    fstatat(dir_fd, "../../snapshots", &snapshots,
	    AT_SYMLINK_NOFOLLOW) == 0 && same_file(&up, &snapshots))
		*fd = openat(dir_fd, "../../blobs",
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

enum ac_err
walk_hash(struct digest got[], const struct walk *w,
    const struct verify_part part[], size_t n,
    const struct hashqueue_progress *progress, struct message *why)
{
	struct hashqueue_job *job = calloc(n + 1, sizeof(*job));
	size_t failed;
	enum ac_err e;

	if (job == NULL)
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	for (size_t i = 0; i < n; i++) {
		const struct walk_place *p = &w->place[part[i].file];

		job[i] = (struct hashqueue_job){ .dir_fd = p->dir_fd,
			.path = p->path, .state = p->state,
			.start = part[i].start, .end = part[i].end };
	}
	e = hashqueue_run(job, n, 0, progress, &failed);
	for (size_t i = 0; e == AC_OK && i < n; i++)
		got[i] = job[i].sha256;
	if (e == AC_OK || failed == n) {
		if (e != AC_OK)
			message_set(why, "%s", ac_strerror(e));
	} else if (e == AC_ERR_IO) {
		int saved = errno;

		message_set(why, "cannot read: %s: %s",
		    message_quoted(w->file[part[failed].file].name).text,
		    strerror(saved));
	} else {
		message_set(why, "the file changed while it was read: %s",
		    message_quoted(w->file[part[failed].file].name).text);
		e = AC_ERR_MISMATCH;
	}
	free(job);
	return e;
}

void
walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		char *name;

		/* The span is the copy that add_file() made. */
		memcpy(&name, &w->file[i].name.p, sizeof(name));
		free(name);
		free(w->place[i].path);
	}
	free(w->file);
	free(w->place);
	*w = (struct walk){ 0 };
}
