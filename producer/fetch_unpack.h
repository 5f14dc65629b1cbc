/*
 * fetch_unpack.h -- one file out of its compression, as a tree stream.  Part
 * of aicert-fetch, and the one door to libarchive.
 */
#ifndef AICERT_PRODUCER_FETCH_UNPACK_H
#define AICERT_PRODUCER_FETCH_UNPACK_H

#include "common/message.h"

/*
 * The file that in_fd has, compressed as by "gzip" or "zstd", to out_fd as a
 * stream of one file without a name.  AC_ERR_UNSUPPORTED: another
 * compression; AC_ERR_FORMAT: it is not so compressed, damaged or cut off;
 * AC_ERR_IO: out_fd; AC_ERR_MEMORY.  *why is set.
 */
AC_MUST_CHECK enum ac_err fetch_unpack(int out_fd, int in_fd,
    const char *compression, struct message *why);

#endif
