/* walk.c -- a model's folder; see walk.h. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert/limits.h"
#include "common/file.h"
#include "verifier/walk.h"

static enum ac_err
complain(struct message *why, enum ac_err e, const char *what,
    struct span name)
{
	int saved = errno;

	message_set(why, "%s: ", what);
	message_add_quoted(why, name);
	if (e == AC_ERR_IO)
		message_add(why, ": %s", strerror(saved));
	return e;
}

static enum ac_err
add_file(struct walk *w, size_t *room, struct span name, uint64_t bytes)
{
	struct buf copy;
	enum ac_err e;

	if (w->nfiles == FILES_MAX)
		return AC_ERR_LIMIT;
	if (w->nfiles == *room) {
		size_t grown = *room == 0 ? 64 : *room * 2;
		struct oms_file *file = reallocarray(w->file, grown,
		    sizeof(*file));

		if (file == NULL)
			return AC_ERR_MEMORY;
		w->file = file;
		*room = grown;
	}
	e = buf_copy(&copy, name);
	if (e != AC_OK)
		return e;
	w->file[w->nfiles++] = (struct oms_file){ .name = buf_span(&copy),
	    .bytes = bytes };
	w->bytes += bytes;
	return AC_OK;
}

/* One thing that fts found below the root. */
static enum ac_err
visit(struct walk *w, size_t *room, FTS *fts, FTSENT *f, struct span name,
    struct message *why)
{
	enum ac_err e;

	if (oms_is_ignored(name, oms_ignore, OMS_NIGNORE)) {
		(void)fts_set(fts, f, FTS_SKIP);
		return AC_OK;
	}
	switch (f->fts_info) {
	case FTS_D:
	case FTS_DP:
		return AC_OK;
	case FTS_F:
		if (!oms_path_is_valid(name))
			return complain(why, AC_ERR_FORMAT,
			    "a name that no model's file may have", name);
		e = add_file(w, room, name, (uint64_t)f->fts_statp->st_size);
		return e == AC_OK ? AC_OK : complain(why, e,
		    e == AC_ERR_LIMIT ? "more files than a model may have" :
		    "no memory", name);
	case FTS_SL:
	case FTS_SLNONE:
		return complain(why, AC_ERR_FORMAT, "symbolic link", name);
	case FTS_DEFAULT:
		return complain(why, AC_ERR_FORMAT,
		    "neither a file nor a folder", name);
	default:
		errno = f->fts_errno;
		return complain(why, AC_ERR_IO, "cannot read", name);
	}
}

static enum ac_err
list(struct walk *w, const char *dir, struct message *why)
{
	/* fts takes the arguments of main(). */
	union {
		const char *in;
		char *out;
	} path = { .in = dir };
	char *const roots[] = { path.out, NULL };
	size_t room = 0, skip = strlen(dir);
	enum ac_err e = AC_OK;
	FTSENT *f;
	FTS *fts;

	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (fts == NULL)
		return complain(why, AC_ERR_IO, "cannot read", span_str(dir));
	while (e == AC_OK && (f = fts_read(fts)) != NULL) {
		struct span name = span_of(f->fts_path, f->fts_pathlen);

		if (f->fts_level == 0) {
			if (f->fts_info != FTS_D && f->fts_info != FTS_DP) {
				errno = ENOTDIR;
				e = complain(why, AC_ERR_IO, "cannot read",
				    span_str(dir));
			}
			continue;
		}
		name = span_of(name.p + skip, name.len - skip);
		while (name.len > 0 && name.p[0] == '/')
			name = span_of(name.p + 1, name.len - 1);
		e = visit(w, &room, fts, f, name, why);
	}
	(void)fts_close(fts);
	return e;
}

static bool
same_state(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_ino == b->st_ino &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	    a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static enum ac_err
hash_file(struct oms_file *file, int dirfd, struct message *why)
{
	struct stat before, after;
	enum ac_err e = AC_ERR_IO;
	uint64_t bytes;
	int fd;

	fd = openat(dirfd, (const char *)file->name.p,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return complain(why, AC_ERR_IO, "cannot read", file->name);
	if (fstat(fd, &before) == 0 && S_ISREG(before.st_mode))
		e = file_hash_fd(&file->sha256, &bytes, fd);
	if (e == AC_OK && fstat(fd, &after) != 0)
		e = AC_ERR_IO;
	if (e != AC_OK)
		e = complain(why, e, "cannot read", file->name);
	else if (!same_state(&before, &after) || bytes != file->bytes)
		e = complain(why, AC_ERR_MISMATCH,
		    "the file changed while it was read", file->name);
	(void)close(fd);
	return e;
}

enum ac_err
walk_dir(struct walk *out, const char *dir,
    const struct walk_progress *progress, struct message *why)
{
	struct walk w = { 0 };
	uint64_t done = 0;
	int dirfd = -1;
	enum ac_err e;

	e = list(&w, dir, why);
	if (e != AC_OK)
		goto out;
	if (w.nfiles > 0)
		qsort(w.file, w.nfiles, sizeof(w.file[0]), oms_compare);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		e = complain(why, AC_ERR_IO, "cannot read", span_str(dir));
		goto out;
	}
	for (size_t i = 0; i < w.nfiles; i++) {
		e = hash_file(&w.file[i], dirfd, why);
		if (e != AC_OK)
			goto out;
		done += w.file[i].bytes;
		progress->tell(progress->ctx, done, w.bytes);
	}
	*out = w;
	w = (struct walk){ 0 }; /* transferred */
	e = AC_OK;
out:
	if (dirfd >= 0)
		(void)close(dirfd);
	walk_free(&w);
	return e;
}

void
walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		struct buf name = { 0 };

		/* The span is the copy that add_file() made. */
		memcpy(&name.p, &w->file[i].name.p, sizeof(name.p));
		buf_free(&name);
	}
	free(w->file);
	*w = (struct walk){ 0 };
}
