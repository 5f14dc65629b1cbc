/*
 * restore.h -- statements from elsewhere for entries that are leaves alone:
 * what "recover" brings back of a lost database beside its tree.  A statement
 * is taken where its D is that of the leaf, so the copy is not trusted.
 */
#ifndef AICERT_REGISTRY_RESTORE_H
#define AICERT_REGISTRY_RESTORE_H

#include "registry/notary.h"
#include "registry/store.h"

struct restore_options {
	/*
	 * Get the copy's file at path, at most max bytes; owned by the caller.
	 * AC_ERR_NOT_FOUND: it has none.
	 */
	enum ac_err (*get)(void *arg, struct buf *out, const char *path,
	    size_t max, struct message *why);
	void *arg;
	const struct notary *notary; /* NULL: the log never had one */
	uint64_t size;               /* entries below it are looked at */
};

struct restore_result {
	uint64_t restored; /* statements */
	uint64_t missing;  /* that the copy has not */
	uint64_t wrong;    /* it has something else under their names */
};

/*
 * Fill every leaf alone of the store, a writer's, that the copy has the
 * statement of, and join each evidence to its provenance.  What was done
 * before a failure stays done.
 */
AC_MUST_CHECK enum ac_err restore_run(struct store *s,
    const struct restore_options *o, struct restore_result *out,
    struct message *why);

#endif
