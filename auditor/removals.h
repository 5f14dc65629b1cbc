/*
 * removals.h -- which statements are missing, and which of them may be: those
 * that a logged removal by the registry's key covers.  Bounded.
 */
#ifndef AICERT_AUDITOR_REMOVALS_H
#define AICERT_AUDITOR_REMOVALS_H

#include "auditor/entries.h"
#include "verifier/policy.h"

#define REMOVALS_MAX 1000000 /* removals; missing statements likewise */

struct removals;

/* AC_ERR_MEMORY. */
AC_MUST_CHECK enum ac_err removals_new(struct removals **out);
void removals_free(struct removals *r);

/* The content of entry index, named D, is missing.  AC_ERR_LIMIT, _MEMORY. */
AC_MUST_CHECK enum ac_err removals_missing(struct removals *r, uint64_t index,
    const struct digest *d);

/* A removal of D that counts is logged.  Likewise.  From any thread. */
AC_MUST_CHECK enum ac_err removals_covers(struct removals *r,
    const struct digest *d);

struct removals_item {
	uint64_t index;
	struct digest d;
};

/*
 * Drop what is covered; *item = the *n missing that are not, in order of
 * index, borrowed until the next call; *ncovered those that are.
 */
void removals_settle(struct removals *r, const struct removals_item **item,
    size_t *n, size_t *ncovered);

/* *item = the removals that count, borrowed likewise. */
void removals_list(const struct removals *r, const struct removals_item **item,
    size_t *n);

/*
 * If statement, signed by the key in e, is a removal that counts under p for
 * the log origin, *d is what it removes.
 */
AC_MUST_CHECK bool removals_read(struct digest *d, const struct policy *p,
    struct span origin, const struct leaf *leaf, struct span statement);

#endif
