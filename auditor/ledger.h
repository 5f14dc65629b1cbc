/*
 * ledger.h -- the facts of every entry that a follower checked, in one file of
 * fixed records: what a revocation needs to be judged, and whom it affects.
 *
 * Only appended to; records beyond the state's size are from before a crash and
 * are written again.
 */
#ifndef AICERT_AUDITOR_LEDGER_H
#define AICERT_AUDITOR_LEDGER_H

#include "auditor/facts.h"
#include "common/message.h"
#include "verifier/policy.h"

struct ledger;

/*
 * Open, or make, the file of size records at path.  AC_ERR_FORMAT: it has
 * fewer; AC_ERR_IO; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err ledger_open(struct ledger **out, const char *path,
    uint64_t size, bool read_only, struct message *why);
void ledger_close(struct ledger *l);

/* Append f[0..n), durably. */
AC_MUST_CHECK enum ac_err ledger_append(struct ledger *l,
    const struct facts f[], size_t n, struct message *why);

/* Forget the records from size on: they are appended again. */
void ledger_rewind(struct ledger *l, uint64_t size);

/* Write record index again. */
AC_MUST_CHECK enum ac_err ledger_replace(struct ledger *l, uint64_t index,
    const struct facts *f, struct message *why);

uint64_t ledger_size(const struct ledger *l);

AC_MUST_CHECK enum ac_err ledger_read(struct ledger *l, struct facts *out,
    uint64_t index, struct message *why);

/* Called with each record from first on; what it returns ends the walk. */
typedef enum ac_err ledger_each(void *arg, uint64_t index,
    const struct facts *f);

AC_MUST_CHECK enum ac_err ledger_walk(struct ledger *l, uint64_t first,
    ledger_each *each, void *arg, struct message *why);

/* What a revocation is of. */
struct ledger_target {
	enum revocation_target kind;
	struct digest d;
	bool from;      /* only what has a line at or after index */
	uint64_t index;
};

/*
 * Called with every certificate that the target affects: index and facts of its
 * line 1.
 */
AC_MUST_CHECK enum ac_err ledger_affected(struct ledger *l,
    const struct ledger_target *t, ledger_each *each, void *arg,
    struct message *why);

/*
 * Does revocation f count under p: is it signed by the key that signed the
 * target, by the revoked key itself, or by a revoker?
 */
AC_MUST_CHECK enum ac_err ledger_counts(struct ledger *l, bool *counts,
    const struct facts *f, const struct policy *p, struct message *why);

/* *right = is the revocation state f that of the first f->index records? */
void ledger_check_state(const struct ledger *l, bool *right,
    const struct facts *f);

#endif
