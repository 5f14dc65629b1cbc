/*
 * snapshot.h -- a registry's snapshot of revocations: fetched, checked as far
 * as a log's keys reach, and kept where aicert-verify looks for it, never in a
 * model's folder.  Whether the registry may say so is the policy's question.
 */
#ifndef AICERT_PRODUCER_SNAPSHOT_H
#define AICERT_PRODUCER_SNAPSHOT_H

#include "producer/publish.h"

struct snapshot {
	char origin[NOTE_NAME_MAX + 1];
	uint64_t tree_size, count; /* as its state says */
	uint64_t index;            /* of the state itself */
};

/*
 * Line 1 of text is a logged revocation-state, and the lines after it are all
 * the revocations that it counts, in the order whose digest it states; each
 * entry holds under keys, in one log.  AC_ERR_FORMAT, AC_ERR_MISMATCH,
 * AC_ERR_NOT_FOUND, AC_ERR_LIMIT, AC_ERR_MEMORY; *why is set.
 */
AC_MUST_CHECK enum ac_err snapshot_check(struct snapshot *out,
    struct span text, const struct logkeys *keys, struct message *why);

/*
 * Fetch the newest of registry and keep it; *path is where, owned by the
 * caller.  One that is kept already and is larger stays, and is *out.
 * AC_ERR_NOT_FOUND: the registry has none; as snapshot_check() and http_get();
 * AC_ERR_IO; *why is set.
 */
AC_MUST_CHECK enum ac_err snapshot_keep(struct snapshot *out, char **path,
    const char *registry, const struct logkeys *keys, unsigned timeout_s,
    struct message *why);

#endif
