/*
 * source.h -- where a log is read: an http(s) URL, or a folder laid out as one
 * (C2SP tlog-tiles, and statements at api/v1/statements/<hex D>).
 *
 * What fails for a while is tried again, with growing pauses; what is absent
 * is not.  Nothing that is read here is checked.
 */
#ifndef AICERT_AUDITOR_SOURCE_H
#define AICERT_AUDITOR_SOURCE_H

#include "common/http.h"
#include "common/message.h"

struct source;

struct source_options {
	unsigned tries;     /* at most so many of one request; 0: 1 */
	unsigned timeout_s; /* of one request; 0: HTTP_TIMEOUT_S */
	/* Where not NULL: *stop != 0 ends waiting with AC_ERR_BUSY. */
	const volatile sig_atomic_t *stop;
};

/*
 * Open place: a URL, or a folder with a file "checkpoint" or "public/checkpoint"
 * in it.  AC_ERR_NOT_FOUND, AC_ERR_FORMAT, AC_ERR_MEMORY; *why is set.
 */
AC_MUST_CHECK enum ac_err source_open(struct source **out, const char *place,
    const struct source_options *o, struct message *why);

/* The same place again, for another thread. */
AC_MUST_CHECK enum ac_err source_again(struct source **out,
    const struct source *s);

void source_close(struct source *s);

/*
 * *out = what is at path, at most max bytes.  AC_ERR_NOT_FOUND: it is absent
 * (404, 410), or withheld (451); AC_ERR_BUSY: not to be had now;
 * AC_ERR_LIMIT: larger; AC_ERR_MISMATCH: refused otherwise; AC_ERR_IO;
 * AC_ERR_MEMORY.  *why names the place.
 */
AC_MUST_CHECK enum ac_err source_get(struct source *s, struct buf *out,
    const char *path, size_t max, struct message *why);

/* The place, as it was given or found. */
const char *source_place(const struct source *s);

/* The folder, or NULL where it is a URL. */
const char *source_folder(const struct source *s);

/* May statements be expected there?  A bare folder of tiles has none. */
bool source_has_statements(const struct source *s);

#define SOURCE_STATEMENT_PATH_MAX 96

/* Path of the statement D, with its NUL. */
void source_statement_path(char out[SOURCE_STATEMENT_PATH_MAX],
    const struct digest *d);

#endif
