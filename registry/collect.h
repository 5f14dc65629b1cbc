/*
 * collect.h -- what nobody needs any more in a log's folders: temporary files
 * of a process that died, and partial tiles whose full tile has been there
 * for a while.  C2SP tlog-tiles allows a log to delete the latter; a tile that
 * the newest checkpoint needs is never one.
 */
#ifndef AICERT_REGISTRY_COLLECT_H
#define AICERT_REGISTRY_COLLECT_H

#include "common/message.h"

struct collect;

/* Collect in the public folder dir.  AC_ERR_MEMORY, AC_ERR_LIMIT. */
AC_MUST_CHECK enum ac_err collect_new(struct collect **out, const char *dir,
    unsigned grace_s);
void collect_free(struct collect *c);

/*
 * Remove temporary files in dir, the log's own, and in its public folder, to
 * which no other process writes: those that writing a tile, a checkpoint or a
 * state of the signer leaves, and no other.  *n says how many there were.
 */
AC_MUST_CHECK enum ac_err collect_leftovers(const char *dir, unsigned *n,
    struct message *why);

/*
 * Remove partial tiles and bundles that a log of published size has in full,
 * for grace_s seconds at now_s (unix time): a bounded number each time, going
 * on where it ended.
 */
AC_MUST_CHECK enum ac_err collect_partial(struct collect *c, uint64_t size,
    int64_t now_s, struct message *why);

#endif
