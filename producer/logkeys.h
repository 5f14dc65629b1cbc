/*
 * logkeys.h -- a log's public keys, as the lines "log ...", "log-time ..." and
 * "registry ..." that a registry serves at /api/v1/log-keys and writes at init
 * (formats.md section 5).
 */
#ifndef AICERT_PRODUCER_LOGKEYS_H
#define AICERT_PRODUCER_LOGKEYS_H

#include "common/writer.h"
#include "verifier/policy.h"

#define LOGKEYS_FILE_MAX (64 * KIB)
#define LOGKEYS_MAX 32 /* keys of one kind */

struct logkeys {
	size_t nlog, ntime, nregistry;
	struct note_key log[LOGKEYS_MAX];
	struct note_key time[LOGKEYS_MAX];
	struct policy_registry registry[LOGKEYS_MAX];
};

/*
 * Parse text: comments and those three kinds of line, at least one log.
 * AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_MEMORY; *why says where.
 */
AC_MUST_CHECK enum ac_err logkeys_parse(struct logkeys *out, struct span text,
    struct message *why);

/* Read and parse a file.  Also AC_ERR_NOT_FOUND, AC_ERR_IO. */
AC_MUST_CHECK enum ac_err logkeys_read(struct logkeys *out, const char *path,
    struct message *why);

/* The log key whose hash is log_id; NULL where there is none. */
const struct note_key *logkeys_by_id(const struct logkeys *k,
    const struct digest *log_id);

#endif
