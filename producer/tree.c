/* tree.c -- folders that others filled; see tree.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cert/limits.h"
#include "producer/tree.h"

#define DEEP 2048 /* bytes of a path that openat2 surely takes */

enum ac_err
tree_push(struct tree_folders *f, char *path)
{
	if (f->n == f->cap) {
		size_t cap = f->cap == 0 ? 64 : f->cap * 2;
		char **grown = realloc(f->path, cap * sizeof(*grown));

		if (grown == NULL) {
			free(path);
			return AC_ERR_MEMORY;
		}
		f->path = grown;
		f->cap = cap;
	}
	f->path[f->n++] = path; /* transferred */
	return AC_OK;
}

void
tree_folders_free(struct tree_folders *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->path[i]);
	free(f->path);
	*f = (struct tree_folders){ 0 };
}

int
tree_open(int top_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOCTTY |
		    O_NONBLOCK),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, top_fd, path[0] == '\0' ? "." : path,
	    &how, sizeof(how));
}

enum ac_err
tree_make_folders(int top_fd, const char *path)
{
	char part[FILE_PATH_MAX + 1];

	for (size_t i = 0; path[i] != '\0'; i++) {
		if (i == FILE_PATH_MAX)
			return AC_ERR_LIMIT;
		part[i] = '\0';
		if (path[i] == '/' && mkdirat(top_fd, part, 0755) != 0 &&
		    errno != EEXIST)
			return AC_ERR_IO;
		part[i] = path[i];
	}
	return AC_OK;
}

enum ac_err
tree_open_folder(int *out, int top_fd, const char *path)
{
	int fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *slash;

	for (; fd >= 0 && (slash = strchr(path, '/')) != NULL;
	    path = slash + 1) {
		char part[FILE_PATH_MAX + 1];
		size_t n = (size_t)(slash - path);
		int next, error;

		if (n >= sizeof(part)) {
			(void)close(fd);
			return AC_ERR_LIMIT;
		}
		memcpy(part, path, n);
		part[n] = '\0';
		next = mkdirat(fd, part, 0755) != 0 && errno != EEXIST ? -1 :
		    openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
		error = errno;
		(void)close(fd);
		errno = error;
		fd = next;
	}
	if (fd < 0)
		return AC_ERR_IO;
	*out = fd;
	return AC_OK;
}

/*
 * A folder that is too deep for a path is moved to the top, under a name that
 * nobody has.
 */
static enum ac_err
lift(int top_fd, int dir_fd, const char *name, char **path)
{
	for (unsigned i = 0; i < 1000; i++) {
		free(*path);
		if (asprintf(path, "aicert-lifted-%u", i) < 0) {
			*path = NULL;
			return AC_ERR_MEMORY;
		}
		if (renameat2(dir_fd, name, top_fd, *path,
		    RENAME_NOREPLACE) == 0)
			return AC_OK;
		if (errno != EEXIST)
			break;
	}
	return AC_ERR_IO;
}

/* Remove one entry of dir; a folder goes to todo instead. */
static enum ac_err
remove_entry(int top_fd, int dir_fd, const char *folder, const char *name,
    struct tree_folders *todo)
{
	struct stat st;
	char *path;
	enum ac_err e = AC_OK;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return AC_ERR_IO;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(dir_fd, name, 0) == 0 ? AC_OK : AC_ERR_IO;
	(void)!fchmodat(dir_fd, name, 0700, 0);
	if (asprintf(&path, "%s%s%s", folder, folder[0] == '\0' ? "" : "/",
	    name) < 0)
		return AC_ERR_MEMORY;
	if (strlen(path) > DEEP)
		e = lift(top_fd, dir_fd, name, &path);
	if (e != AC_OK) {
		free(path);
		return e;
	}
	return tree_push(todo, path); /* transferred */
}

/* Empty a folder but for its folders, which go to todo. */
static enum ac_err
empty_folder(int top_fd, const char *folder, struct tree_folders *todo)
{
	int fd = tree_open(top_fd, folder, O_RDONLY | O_DIRECTORY);
	enum ac_err e = AC_OK;
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return AC_ERR_IO;
	(void)!fchmod(fd, 0700);
	dir = fdopendir(fd);
	if (dir == NULL) {
		(void)close(fd);
		return AC_ERR_MEMORY;
	}
	while (e == AC_OK && (errno = 0, entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			e = remove_entry(top_fd, dirfd(dir), folder,
			    entry->d_name, todo);
	if (e == AC_OK && errno != 0)
		e = AC_ERR_IO;
	(void)closedir(dir);
	return e;
}

enum ac_err
tree_remove(const char *path)
{
	struct tree_folders todo = { 0 };
	int top_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	enum ac_err e;

	if (top_fd < 0)
		return errno == ENOENT ? AC_OK : AC_ERR_IO;
	e = empty_folder(top_fd, "", &todo);
	/* Each folder stands after the one it lies in. */
	for (size_t i = 0; e == AC_OK && i < todo.n; i++)
		e = empty_folder(top_fd, todo.path[i], &todo);
	for (size_t i = todo.n; e == AC_OK && i-- > 0;)
		if (unlinkat(top_fd, todo.path[i], AT_REMOVEDIR) != 0)
			e = AC_ERR_IO;
	tree_folders_free(&todo);
	(void)close(top_fd);
	if (e == AC_OK && rmdir(path) != 0)
		e = AC_ERR_IO;
	return e;
}
