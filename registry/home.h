/*
 * home.h -- the directory of a log: what is where in it, how it is made, and
 * that one server at a time has it.
 *
 *	registry.db    the truth (SQLite)
 *	log.key        time.key        signer.state
 *	statement.key  of what the registry says itself
 *	log-keys       the policy lines of this log
 *	removals/      what an operator asked to withhold
 *	lock           held by the running server
 *	halted         why nothing is signed (halt.h), where that is so
 *	unwitnessed-starts  how many starts no witness confirmed
 *	public/        checkpoint and tiles, for any web server
 */
#ifndef AICERT_REGISTRY_HOME_H
#define AICERT_REGISTRY_HOME_H

#include "cert/note.h"
#include "common/message.h"
#include "common/writer.h"

#define HOME_PATH_MAX 4096 /* bytes of a path, with its NUL */

#define HOME_DATABASE "registry.db"
#define HOME_PUBLIC "public"
#define HOME_KEYS "log-keys"

/* out = dir/name.  AC_ERR_LIMIT: too long. */
AC_MUST_CHECK enum ac_err home_path(char out[HOME_PATH_MAX], const char *dir,
    const char *name, struct message *why);

/*
 * Make the directory of a new log, which must not exist or be empty, and
 * publish its head of size 0.  url may be empty.
 */
AC_MUST_CHECK enum ac_err home_init(const char *dir, const char *origin,
    const char *url, int64_t now_s, struct message *why);

/*
 * Take the directory for this process, until *fd is closed.  AC_ERR_BUSY:
 * another has it.
 */
AC_MUST_CHECK enum ac_err home_lock(int *fd, const char *dir,
    struct message *why);

/*
 * Count a start that no witness confirmed: *n of them so far, in the file
 * "unwitnessed-starts".
 */
AC_MUST_CHECK enum ac_err home_count_start(const char *dir, uint64_t *n,
    struct message *why);

/*
 * *out = the policy lines for these keys; registry is the fingerprint of the
 * statement key; url may be empty.
 */
AC_MUST_CHECK enum ac_err home_keys(struct buf *out,
    const struct note_key *log, const struct note_key *time,
    const struct digest *registry, const char *url);

#endif
