/*
 * measure.c -- walk, copy and hash what others wrote; see measure.h.
 *
 * A walk keeps a list of folders still to read, not a stack of calls.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert/limits.h"
#include "cert/statement.h"
#include "cert/weights.h"
#include "common/file.h"
#include "common/glob.h"
#include "common/hashqueue.h"
#include "common/sha256.h"
#include "producer/measure.h"
#include "producer/tree.h"

#define CHUNK ((size_t)1 << 20) /* bytes read at a time */
#define CHANGED                                                                \
	"changed while it was read; see that nothing writes to it, and try "   \
	"again"

/* One walk: visit() is called for each entry that is no folder. */
struct walk {
	int top_fd;
	int store_fd; /* of copies; -1: none are made */
	const struct span *glob; /* NULL: every file counts */
	size_t nglobs;
	bool hash;
	bool model; /* without what a certificate ignores */
	struct measure_files files;
	/* Of files that are not copied, to be hashed at the end: one for each
	 * of files, in its order. */
	struct hashqueue_job *job;
	size_t jobcap;
	struct tree_folders todo;
	struct message *why;
};

static enum ac_err
no_memory(struct message *why)
{
	message_set(why, "no memory");
	return AC_ERR_MEMORY;
}

/* "what "name": the error of the system"; AC_ERR_IO. */
static enum ac_err
failed(struct message *why, const char *what, const char *name)
{
	int error = errno;

	message_set(why, "%s ", what);
	message_add_quoted(why, span_str(name));
	message_add(why, ": %s", strerror(error));
	errno = error;
	return AC_ERR_IO;
}

static enum ac_err
refused(struct message *why, enum ac_err e, const char *name, const char *what)
{
	message_set(why, "%s", "");
	message_add_quoted(why, span_str(name));
	message_add(why, " %s", what);
	return e;
}

void
measure_files_free(struct measure_files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		/* The names are ours; spans of others are const. */
		union {
			const uint8_t *borrowed;
			void *owned;
		} name = { f->file[i].name.p };

		free(name.owned);
	}
	free(f->file);
	*f = (struct measure_files){ 0 };
}

enum ac_err
measure_files_add(struct measure_files *f, const char *path,
    const struct digest *sha256, uint64_t bytes)
{
	char *name;

	if (f->n == f->cap) {
		size_t cap = f->cap == 0 ? 64 : f->cap * 2;
		struct oms_file *grown = realloc(f->file,
		    cap * sizeof(*grown));

		if (grown == NULL)
			return AC_ERR_MEMORY;
		f->file = grown;
		f->cap = cap;
	}
	name = strdup(path);
	if (name == NULL)
		return AC_ERR_MEMORY;
	f->file[f->n++] = (struct oms_file){ .name = span_str(name),
		.sha256 = *sha256, .bytes = bytes };
	return AC_OK;
}

void
measure_files_sort(struct measure_files *f)
{
	if (f->n > 0)
		qsort(f->file, f->n, sizeof(*f->file), oms_compare);
}

static bool
is_wanted(const struct walk *w, struct span path)
{
	for (size_t i = 0; i < w->nglobs; i++)
		if (glob_matches(w->glob[i], path))
			return true;
	return w->glob == NULL;
}

/* ---- one file ---- */

static bool
same_state(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_nlink == b->st_nlink &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	    a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/*
 * Hash fd to its end, writing the same bytes to copy_fd.  name is for messages.
 */
static enum ac_err
hash_file(struct digest *out, uint64_t *bytes, int fd, int copy_fd,
    const char *name, struct message *why)
{
	struct stat before, after;
	struct sha256 s;
	uint64_t total = 0;
	uint8_t *p = NULL;
	enum ac_err e = AC_ERR_IO;

	if (fstat(fd, &before) != 0) {
		e = failed(why, "cannot read", name);
		goto out;
	}
	p = malloc(CHUNK);
	if (p == NULL) {
		e = no_memory(why);
		goto out;
	}
	sha256_init(&s);
	for (;;) {
		ssize_t n = read(fd, p, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			e = failed(why, "cannot read", name);
			goto out;
		}
		if (n == 0)
			break;
		total += (uint64_t)n;
		/* It grows faster than it is read, perhaps for ever. */
		if (total > (uint64_t)before.st_size)
			break;
		sha256_update(&s, span_of(p, (size_t)n));
		if (file_write_all(copy_fd, span_of(p, (size_t)n)) != AC_OK) {
			e = failed(why, "cannot write a copy of", name);
			goto out;
		}
	}
	if (fstat(fd, &after) != 0 || !same_state(&before, &after) ||
	    total != (uint64_t)before.st_size) {
		e = refused(why, AC_ERR_MISMATCH, name, CHANGED);
		goto out;
	}
	*out = sha256_final(&s);
	*bytes = total;
	e = AC_OK;
out:
	free(p);
	return e;
}

static enum ac_err
copy_file(struct digest *out, uint64_t *bytes, int fd, int store_fd,
    const char *path, struct message *why)
{
	enum ac_err e = tree_make_folders(store_fd, path);
	int copy_fd;

	if (e != AC_OK)
		return failed(why, "cannot make the folder of", path);
	copy_fd = openat(store_fd, path, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0444);
	if (copy_fd < 0) {
		e = errno == EEXIST ? AC_ERR_EXISTS : AC_ERR_IO;
		(void)failed(why, "cannot make a copy of", path);
		return e;
	}
	e = hash_file(out, bytes, fd, copy_fd, path, why);
	/* Whatever the umask; the job's user reads it. */
	if (e == AC_OK && fchmod(copy_fd, 0444) != 0)
		e = failed(why, "cannot make a copy of", path);
	if (close(copy_fd) != 0 && e == AC_OK)
		e = failed(why, "cannot make a copy of", path);
	return e;
}

/* ---- a tree ---- */

/* Files of a model that a certificate needs for itself. */
static bool
is_reserved(struct span path)
{
	return span_is(path, SUBJECT_ROOT) || span_is(path, SUBJECT_MANIFEST) ||
	    oms_is_ignored(path, oms_ignore, OMS_NIGNORE);
}

/* Remember the file that was added last, of that state. */
static enum ac_err
add_job(struct walk *w, const struct stat *st)
{
	size_t n = w->files.n - 1;

	if (n == w->jobcap) {
		size_t cap = n == 0 ? 64 : 2 * n;
		struct hashqueue_job *grown = reallocarray(w->job, cap,
		    sizeof(*grown));

		if (grown == NULL)
			return no_memory(w->why);
		w->job = grown;
		w->jobcap = cap;
	}
	w->job[n] = (struct hashqueue_job){ .dir_fd = w->top_fd,
		.path = (const char *)w->files.file[n].name.p,
		.state = hashqueue_state_of(st), .end = (uint64_t)st->st_size };
	return AC_OK;
}

/* Hash what was found, on all cores. */
static enum ac_err
hash_found(struct walk *w)
{
	size_t failed_at;
	const char *path;
	enum ac_err e = hashqueue_run(w->job, w->files.n, 0, NULL, &failed_at);

	if (e == AC_OK) {
		for (size_t i = 0; i < w->files.n; i++)
			w->files.file[i].sha256 = w->job[i].sha256;
		return AC_OK;
	}
	if (failed_at == w->files.n)
		return no_memory(w->why);
	path = w->job[failed_at].path;
	if (e == AC_ERR_IO)
		return failed(w->why, "cannot read", path);
	return refused(w->why, AC_ERR_MISMATCH, path, CHANGED);
}

static enum ac_err
visit_file(struct walk *w, const char *path)
{
	struct digest d = { { 0 } };
	uint64_t bytes = 0;
	struct stat st;
	enum ac_err e;
	int fd;

	fd = tree_open(w->top_fd, path, O_RDONLY | O_NOFOLLOW);
	if (fd < 0 && (errno == ELOOP || errno == ENXIO))
		return refused(w->why, AC_ERR_FORMAT, path, "is a link or a "
		    "special file; only regular files can be certified");
	if (fd < 0)
		return failed(w->why, "cannot open", path);
	if (fstat(fd, &st) != 0) {
		e = failed(w->why, "cannot read", path);
	} else if (!S_ISREG(st.st_mode)) {
		e = refused(w->why, AC_ERR_FORMAT, path, "is a special file; "
		    "only regular files can be certified");
	} else if (st.st_nlink != 1) {
		e = refused(w->why, AC_ERR_FORMAT, path, "has a second name "
		    "(a hard link); give each file one name: cp it");
	} else if (w->store_fd >= 0) {
		e = copy_file(&d, &bytes, fd, w->store_fd, path, w->why);
	} else {
		bytes = (uint64_t)st.st_size;
		e = AC_OK;
	}
	(void)close(fd);
	if (e == AC_OK && measure_files_add(&w->files, path, &d, bytes) != AC_OK)
		e = no_memory(w->why);
	if (e == AC_OK && w->store_fd < 0)
		e = add_job(w, &st);
	return e;
}

/* An entry that is no folder. */
static enum ac_err
visit(struct walk *w, const char *path)
{
	static const struct digest none;

	if (!is_wanted(w, span_str(path)))
		return AC_OK;
	if (w->files.n == FILES_MAX) {
		message_set(w->why, "more than %d files; a certificate holds "
		    "no more", FILES_MAX);
		return AC_ERR_LIMIT;
	}
	if (!w->hash)
		return measure_files_add(&w->files, path, &none, 0) == AC_OK ? AC_OK :
		    no_memory(w->why);
	if (!oms_path_is_valid(span_str(path)))
		return refused(w->why, AC_ERR_FORMAT, path, "is no name that "
		    "a model's file may have: UTF-8 without control "
		    "characters, at most 1024 bytes");
	if (w->glob != NULL && is_reserved(span_str(path)))
		return refused(w->why, AC_ERR_FORMAT, path, "is a name that "
		    "the certificate or git needs for itself; let the "
		    "training use another, or exclude it from outputs");
	return visit_file(w, path);
}

/*
 * Read one folder.  While a training writes, entries come and go: what is not
 * there any more is not counted.
 */
static enum ac_err
walk_folder(struct walk *w, const char *folder)
{
	int fd = tree_open(w->top_fd, folder, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	enum ac_err e = AC_OK;
	struct dirent *entry;

	if (dir == NULL) {
		if (!w->hash)
			e = AC_OK;
		else
			e = failed(w->why, "cannot open the folder", folder);
		if (fd >= 0)
			(void)close(fd);
		return e;
	}
	while (e == AC_OK && (errno = 0, entry = readdir(dir)) != NULL) {
		struct stat st;
		char *path;

		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (asprintf(&path, "%s%s%s", folder,
		    folder[0] == '\0' ? "" : "/", entry->d_name) < 0) {
			e = no_memory(w->why);
			break;
		}
		if (w->model && oms_is_ignored(span_str(path), oms_ignore,
		    OMS_NIGNORE)) {
			free(path);
			continue;
		}
		if (fstatat(dirfd(dir), entry->d_name, &st,
		    AT_SYMLINK_NOFOLLOW) != 0) {
			if (w->hash)
				e = failed(w->why, "cannot read", path);
			free(path);
			continue;
		}
		if (!S_ISDIR(st.st_mode)) {
			e = visit(w, path);
			free(path);
			continue;
		}
		/* The folder of no valid path has no valid files in it. */
		if (w->todo.n == FILES_MAX || strlen(path) > FILE_PATH_MAX) {
			e = refused(w->why, AC_ERR_LIMIT, path, "lies too deep "
			    "or is one folder too many");
			free(path);
			continue;
		}
		if (tree_push(&w->todo, path) != AC_OK) /* transferred */
			e = no_memory(w->why);
	}
	if (e == AC_OK && errno != 0 && w->hash)
		e = failed(w->why, "cannot read the folder", folder);
	(void)closedir(dir);
	return e;
}

/* The whole tree, in any order. */
static enum ac_err
walk(struct walk *w)
{
	enum ac_err e = walk_folder(w, "");

	while (e == AC_OK && w->todo.n > 0) {
		char *folder = w->todo.path[--w->todo.n];

		e = walk_folder(w, folder);
		free(folder);
	}
	tree_folders_free(&w->todo);
	return e;
}

static enum ac_err
measure_tree(struct measured *out, int fd, int store_fd, const char *name,
    bool model, struct message *why)
{
	struct walk w = { .top_fd = fd, .store_fd = -1, .hash = true,
		.model = model, .why = why };
	struct measured m = { .tree = true };
	enum ac_err e = AC_ERR_IO;

	if (mkdirat(store_fd, name, 0755) != 0 ||
	    (w.store_fd = openat(store_fd, name, O_RDONLY | O_DIRECTORY |
	    O_NOFOLLOW | O_CLOEXEC)) < 0) {
		if (errno == EEXIST)
			e = AC_ERR_EXISTS;
		(void)failed(why, "cannot make a copy of", name);
		goto out;
	}
	e = walk(&w);
	if (e != AC_OK)
		goto out;
	if (w.files.n == 0) {
		e = refused(why, AC_ERR_FORMAT, name, "is an empty folder");
		goto out;
	}
	measure_files_sort(&w.files);
	for (size_t i = 0; i < w.files.n; i++) {
		if (__builtin_add_overflow(m.bytes, w.files.file[i].bytes,
		    &m.bytes)) {
			e = refused(why, AC_ERR_LIMIT, name, "is too large");
			goto out;
		}
	}
	m.sha256 = oms_root(w.files.file, w.files.n);
	m.manifest = oms_manifest(w.files.file, w.files.n);
	*out = m;
	e = AC_OK;
out:
	if (w.store_fd >= 0)
		(void)close(w.store_fd);
	measure_files_free(&w.files);
	return e;
}

enum ac_err
measure_input(struct measured *out, int fd, int store_fd, const char *name,
    bool model, struct message *why)
{
	struct measured m = { .tree = false };
	struct stat st;
	enum ac_err e;

	if (fstat(fd, &st) != 0)
		return failed(why, "cannot read", name);
	if (S_ISDIR(st.st_mode))
		return measure_tree(out, fd, store_fd, name, model, why);
	if (!S_ISREG(st.st_mode))
		return refused(why, AC_ERR_FORMAT, name, "is neither a regular "
		    "file nor a folder");
	e = copy_file(&m.sha256, &m.bytes, fd, store_fd, name, why);
	if (e == AC_OK)
		*out = m;
	return e;
}

/* ---- outputs ---- */

static enum ac_err
check_weights(const struct measure_files *f, struct message *why)
{
	size_t n = weights_count(f->file, f->n);

	if (n <= WEIGHTS_MAX)
		return AC_OK;
	message_set(why, "%zu weight files; a certificate names at most %d: "
	    "write larger shards", n, WEIGHTS_MAX);
	return AC_ERR_LIMIT;
}

enum ac_err
measure_outputs(struct measure_files *out, int dir_fd,
    const struct span glob[], size_t n, struct message *why)
{
	struct walk w = { .top_fd = dir_fd, .store_fd = -1, .glob = glob,
		.nglobs = n, .hash = true, .why = why };
	enum ac_err e = walk(&w);

	if (e == AC_OK && w.files.n == 0) {
		message_set(why, "the training left no file that outputs "
		    "match; its folder is /workspace, where it starts");
		e = AC_ERR_NOT_FOUND;
	}
	if (e == AC_OK)
		e = check_weights(&w.files, why);
	if (e == AC_OK)
		e = hash_found(&w);
	if (e == AC_OK) {
		measure_files_sort(&w.files);
		*out = w.files;
		w.files = (struct measure_files){ 0 }; /* transferred */
	}
	free(w.job);
	measure_files_free(&w.files);
	return e;
}

enum ac_err
measure_list(struct measure_files *out, int dir_fd, const struct span glob[],
    size_t n, struct message *why)
{
	struct walk w = { .top_fd = dir_fd, .store_fd = -1, .glob = glob,
		.nglobs = n, .hash = false, .why = why };
	enum ac_err e = walk(&w);

	if (e == AC_OK) {
		measure_files_sort(&w.files);
		*out = w.files;
		w.files = (struct measure_files){ 0 }; /* transferred */
	}
	measure_files_free(&w.files);
	return e;
}

enum ac_err
measure_count(int dir_fd, const struct span glob[], size_t n,
    struct message *why)
{
	struct measure_files files = { 0 };
	enum ac_err e = measure_list(&files, dir_fd, glob, n, why);

	if (e == AC_OK)
		e = check_weights(&files, why);
	measure_files_free(&files);
	return e;
}
