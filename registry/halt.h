/*
 * halt.h -- why this log signs nothing, until its operator acts: somebody
 * showed a head that this log does not know (design section 3, Storage).
 * The reason stands in the file "halted" of the log's directory, so that a
 * restart does not forget it.  Shared by all threads.
 */
#ifndef AICERT_REGISTRY_HALT_H
#define AICERT_REGISTRY_HALT_H

#include "registry/journal.h"
#include "registry/store.h"

#define HALT_NAME_MAX 64 /* bytes of a witness's name */

struct halt;

/*
 * The state of the log in dir.  journal may be NULL and is borrowed.
 * AC_ERR_FORMAT: the file is damaged.
 */
AC_MUST_CHECK enum ac_err halt_open(struct halt **out, const char *dir,
    const struct journal *journal, struct message *why);
void halt_free(struct halt *h);

/* Is nothing to be signed?  Then *why, unless NULL, says why. */
bool halt_is(struct halt *h, struct message *why);

/*
 * From now on nothing is signed, because the witness of this name says that
 * it cosigned a head of that size; the first reason counts.
 */
void halt_by_witness(struct halt *h, const char *name, uint64_t size,
    uint64_t ours);

/*
 * Likewise, because note, a checkpoint under the log's own signature that
 * came from where, is larger than the newest head, or another of its size.
 */
void halt_by_checkpoint(struct halt *h, const char *where, struct span note,
    uint64_t size, uint64_t ours);

/*
 * The operator says that the witness of this name is not asked any more: a
 * reason that was its word alone is gone.
 */
AC_MUST_CHECK enum ac_err halt_without(struct halt *h, const char *name,
    struct message *why);

/* The checkpoint that is the reason; AC_ERR_NOT_FOUND where none is. */
AC_MUST_CHECK enum ac_err halt_checkpoint(struct halt *h, struct buf *note);

/* The operator recovered: whatever was the reason is gone. */
AC_MUST_CHECK enum ac_err halt_clear(struct halt *h, struct message *why);

#endif
