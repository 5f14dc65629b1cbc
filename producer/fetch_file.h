/*
 * fetch_file.h -- one file from an HTTP server, and one file out of its
 * compression, as tree streams.  Part of aicert-fetch.
 */
#ifndef AICERT_PRODUCER_FETCH_FILE_H
#define AICERT_PRODUCER_FETCH_FILE_H

#include "common/message.h"

/*
 * Fetch url, resumed where the connection breaks, into a stream of one file
 * without a name to out_fd; told is told how far it is, some times.  Errors as
 * http_client_fetch(); AC_ERR_IO with errno: out_fd.  *why is set.
 */
AC_MUST_CHECK enum ac_err fetch_file(int out_fd, const char *url,
    void (*told)(const char *text), struct message *why);

#endif
