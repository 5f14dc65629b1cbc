/*
 * file.h -- files at the edges: read whole under a cap, write whole or not
 * at all, hash as a stream.
 */
#ifndef AICERT_COMMON_FILE_H
#define AICERT_COMMON_FILE_H

#include "common/bytes.h"
#include "common/err.h"
#include "common/writer.h"

/*
 * Read the regular file path into *out.  AC_ERR_LIMIT: larger than max, or
 * it grew; AC_ERR_FORMAT: not a regular file; AC_ERR_NOT_FOUND; AC_ERR_IO.
 * Never blocks on a FIFO.
 */
AC_MUST_CHECK enum ac_err file_read(struct buf *out, const char *path,
    size_t max);

/* The same for an open descriptor, which stays open. */
AC_MUST_CHECK enum ac_err file_read_fd(struct buf *out, int fd, size_t max);

/*
 * Replace path by data, with mode: temporary file in the same folder, fsync,
 * rename, fsync of the folder.  At every moment path is the old file or the
 * whole new one.
 */
AC_MUST_CHECK enum ac_err file_write(const char *path, struct span data,
    unsigned mode);

/* The same, but AC_ERR_EXISTS where path is there already. */
AC_MUST_CHECK enum ac_err file_create(const char *path, struct span data,
    unsigned mode);

/* fsync the folder path. */
AC_MUST_CHECK enum ac_err file_sync_dir(const char *path);

/* SHA-256 and length of what can be read from fd until its end. */
AC_MUST_CHECK enum ac_err file_hash_fd(struct digest *out, uint64_t *bytes,
    int fd);

/* Write all of data to fd. */
AC_MUST_CHECK enum ac_err file_write_all(int fd, struct span data);

#endif
