/*
 * lock.h -- aicert.lock: what "aicert pin" found that the floating references
 * of a configuration meant, so that a build means the same.  JSON, one input
 * a line; read strictly, for it travels with the configuration.
 */
#ifndef AICERT_PRODUCER_LOCK_H
#define AICERT_PRODUCER_LOCK_H

#include "cert/json.h"
#include "cert/limits.h"
#include "common/message.h"
#include "common/writer.h"

#define LOCK_MAX (4 * CONFIG_MAX) /* bytes */

/* Borrows from the lock, or from whoever made it. */
struct lock_entry {
	struct span name, uri; /* of the input */
	struct span reference; /* the pin in the configuration, which floats */
	struct span pin;
};

struct lock {
	struct lock_entry entry[INPUTS_MAX];
	size_t n;
	struct json_doc doc; /* private */
	struct buf bytes;
};

/* The lock's name beside the configuration config: owned; NULL: no memory. */
char *lock_path(const char *config);

/*
 * Read the file.  AC_ERR_NOT_FOUND: there is none; AC_ERR_FORMAT,
 * AC_ERR_LIMIT, AC_ERR_IO, AC_ERR_MEMORY; *why is set.
 */
AC_MUST_CHECK enum ac_err lock_read(struct lock *out, const char *path,
    struct message *why);

/* The entry of that name, or NULL. */
const struct lock_entry *lock_find(const struct lock *l, struct span name);

/* Replace the file.  AC_ERR_IO, AC_ERR_LIMIT, AC_ERR_FORMAT: not UTF-8. */
AC_MUST_CHECK enum ac_err lock_write(const char *path,
    const struct lock_entry entry[], size_t n);

void lock_free(struct lock *l);

#endif
