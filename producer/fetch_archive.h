/*
 * fetch_archive.h -- the files of an archive, as a tree stream: tar, alone or
 * in gzip, bzip2, xz or zstd, and zip.
 *
 * Data has no links: only folders and regular files are taken, at relative
 * paths that do not lead out.  Folders without a file are left out, as no
 * digest names them.  It looks at form only; who takes the stream refuses what
 * stands there twice and what is too large.
 */
#ifndef AICERT_PRODUCER_FETCH_ARCHIVE_H
#define AICERT_PRODUCER_FETCH_ARCHIVE_H

#include "common/message.h"

/*
 * Write the files of the archive that in_fd is open on to out_fd.
 * AC_ERR_FORMAT: no archive, damaged, a path that leads out, a link, a special
 * or an encrypted file, no file at all; AC_ERR_LIMIT: too many entries;
 * AC_ERR_MEMORY; AC_ERR_IO: errno as write(2).  *why names the entry.
 */
AC_MUST_CHECK enum ac_err fetch_archive(int out_fd, int in_fd,
    struct message *why);

#endif
