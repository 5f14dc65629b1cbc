/*
 * listen.h -- a server's listening socket, from the address a person writes.
 */
#ifndef AICERT_COMMON_LISTEN_H
#define AICERT_COMMON_LISTEN_H

#include "common/message.h"

#define LISTEN_URL_MAX 320
#define LISTEN_PORT_MAX 16

/*
 * *out = a socket bound to "ADDR:PORT" or "[ADDR]:PORT" and listening; url is
 * where it is reached, "http://ADDR:PORT", and bound the port alone, which for
 * port 0 is any that was free.  AC_ERR_FORMAT, AC_ERR_IO; *why is set.
 */
AC_MUST_CHECK enum ac_err listen_open(int *out, char url[LISTEN_URL_MAX],
    char bound[LISTEN_PORT_MAX], const char *listen_at, struct message *why);

#endif
