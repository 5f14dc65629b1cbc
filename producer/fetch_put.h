/*
 * fetch_put.h -- an output goes to where its builder wants it: one HTTPS PUT to
 * a URL that was signed beforehand, such as Azure Blob's (a SAS) or S3's.
 */
#ifndef AICERT_PRODUCER_FETCH_PUT_H
#define AICERT_PRODUCER_FETCH_PUT_H

#include "common/message.h"

/* The variable in which the URL comes: it is a secret, and words are seen. */
#define FETCH_PUT_URL "AICERT_PUT_URL"

/* Bytes of one file: what both take in one request. */
#define FETCH_PUT_MAX (UINT64_C(5000) << 20)

/*
 * Send the file that fd is open on.  AC_ERR_FORMAT: no https URL, or no file;
 * AC_ERR_LIMIT; AC_ERR_MISMATCH: the server refused; as http_client_put();
 * *why is set, and does not hold the URL.
 */
AC_MUST_CHECK enum ac_err fetch_put(int fd, const char *url,
    void (*tell)(const char *text), struct message *why);

#endif
