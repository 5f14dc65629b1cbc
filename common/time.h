/*
 * time.h -- RFC 3339 times in UTC, whole seconds: "2026-11-20T10:00:00Z".
 * Pure: the clock is read at the edges and travels as int64_t unix_s.
 */
#ifndef AICERT_COMMON_TIME_H
#define AICERT_COMMON_TIME_H

#include "common/bytes.h"
#include "common/err.h"

#define TIME_RFC3339_LEN 20 /* characters, without a NUL */

/* Write unix_s (years 1970 to 9999) to out with a NUL; else AC_ERR_LIMIT. */
AC_MUST_CHECK enum ac_err time_format(char out[TIME_RFC3339_LEN + 1],
    int64_t unix_s);

/* Parse exactly that form. */
AC_MUST_CHECK bool time_parse(int64_t *unix_s, struct span text);

#endif
