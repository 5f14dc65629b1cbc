/* file.c -- whole files, atomically; see file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sha256.h"

#define FILE_CHUNK ((size_t)1 << 20) /* bytes read at a time when hashing */

enum ac_err
file_read_fd(struct buf *out, int fd, size_t max)
{
	size_t len = 0, size;
	struct stat st;
	uint8_t *p;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return AC_ERR_IO;
	if (!S_ISREG(st.st_mode))
		return AC_ERR_FORMAT;
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return AC_ERR_LIMIT;
	size = (size_t)st.st_size;
	p = malloc(size + 1);
	if (p == NULL)
		return AC_ERR_MEMORY;
	/* One byte more than expected shows a file that grew. */
	do {
		n = pread(fd, p + len, size + 1 - len, (off_t)len);
		len += n > 0 ? (size_t)n : 0;
	} while (len <= size && (n > 0 || (n < 0 && errno == EINTR)));
	if (n < 0 || len > size) {
		free(p);
		return n < 0 ? AC_ERR_IO : AC_ERR_LIMIT;
	}
	p[len] = '\0';
	*out = (struct buf){ p, len };
	return AC_OK;
}

enum ac_err
file_read(struct buf *out, const char *path, size_t max)
{
	enum ac_err e;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return errno == ENOENT ? AC_ERR_NOT_FOUND : AC_ERR_IO;
	e = file_read_fd(out, fd, max);
	(void)close(fd);
	return e;
}

enum ac_err
file_write_all(int fd, struct span data)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.p, data.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return AC_ERR_IO;
		data = span_of(data.p + n, data.len - (size_t)n);
	}
	return AC_OK;
}

enum ac_err
file_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum ac_err e = AC_ERR_IO;

	if (fd < 0)
		return AC_ERR_IO;
	if (fsync(fd) == 0)
		e = AC_OK;
	(void)close(fd);
	return e;
}

/* The folder of path in a new string, or NULL. */
static char *
dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	if (slash == path)
		return strdup("/");
	return strndup(path, (size_t)(slash - path));
}

/* Write data beside path and put it there, over an old file or not. */
static enum ac_err
file_put(const char *path, struct span data, unsigned mode, bool replace)
{
	enum ac_err e = AC_ERR_MEMORY;
	char *tmp = NULL, *dir = dir_of(path);
	bool made = false;
	int fd = -1;

	if (dir == NULL || asprintf(&tmp, "%s.XXXXXX", path) < 0) {
		tmp = NULL;
		goto out;
	}
	e = AC_ERR_IO;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		goto out;
	made = true;
	if (fchmod(fd, (mode_t)mode) != 0 || file_write_all(fd, data) != AC_OK ||
	    fsync(fd) != 0)
		goto out;
	if (replace ? rename(tmp, path) != 0 : link(tmp, path) != 0) {
		if (errno == EEXIST)
			e = AC_ERR_EXISTS;
		goto out;
	}
	if (replace)
		made = false;
	e = file_sync_dir(dir);
out:
	if (fd >= 0)
		(void)close(fd);
	if (made) {
		int saved = errno;

		(void)unlink(tmp);
		errno = saved;
	}
	free(tmp);
	free(dir);
	return e;
}

enum ac_err
file_write(const char *path, struct span data, unsigned mode)
{
	return file_put(path, data, mode, true);
}

enum ac_err
file_create(const char *path, struct span data, unsigned mode)
{
	return file_put(path, data, mode, false);
}

enum ac_err
file_hash_fd(struct digest *out, uint64_t *bytes, int fd)
{
	enum ac_err e = AC_ERR_IO;
	struct sha256 s;
	uint64_t total = 0;
	uint8_t *p = malloc(FILE_CHUNK);

	if (p == NULL)
		return AC_ERR_MEMORY;
	sha256_init(&s);
	for (;;) {
		ssize_t n = read(fd, p, FILE_CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto out;
		if (n == 0)
			break;
		sha256_update(&s, span_of(p, (size_t)n));
		total += (uint64_t)n;
	}
	*out = sha256_final(&s);
	*bytes = total;
	e = AC_OK;
out:
	free(p);
	return e;
}
