/*
 * mirror.h -- a copy of a log in a folder, which any web server can serve as
 * C2SP tlog-tiles says, statements included.
 *
 * Bundles and statements are fetched, checked, and made durable; tiles are
 * derived from the entries; the checkpoint is replaced last, so that whatever
 * it says is there.  Interrupted at any moment, it goes on where it was.
 */
#ifndef AICERT_AUDITOR_MIRROR_H
#define AICERT_AUDITOR_MIRROR_H

#include "auditor/entries.h"
#include "auditor/head.h"

struct mirror_options {
	struct source *log;
	const struct policy *policy;
	const char *dir;      /* exists */
	bool statements;      /* copy them too */
	unsigned nthreads;
	/* Called for each entry that is not as it must be, and after bundles. */
	void (*found)(void *arg, const struct entry *e);
	void (*progress)(void *arg, uint64_t done, uint64_t all);
	void *arg;
	const volatile sig_atomic_t *stop;
};

struct mirror_result {
	char origin[NOTE_NAME_MAX + 1];
	uint64_t before, size;  /* of the checkpoints before and now */
	uint64_t nbundles;      /* fetched in this run */
	uint64_t nstatements;   /* likewise */
	uint64_t nbad;          /* entries with a wrong leaf or signature */
	uint64_t ngaps;         /* statements that are missing, in all */
	uint64_t nremoved;      /* and those that a removal covers */
	bool shrunk;            /* the log serves less than is here: left alone */
};

/*
 * Bring the copy up to the log's checkpoint.  AC_ERR_BUSY: the log, or some of
 * it, cannot be had now, or another process has the folder; AC_ERR_MISMATCH:
 * what the log serves does not extend what is here, or is not what its
 * checkpoint says; evidence is in the folder where that proves a split view;
 * AC_ERR_NOT_FOUND: a bundle is missing; AC_ERR_IO; *why is set.
 */
AC_MUST_CHECK enum ac_err mirror_run(struct mirror_result *out,
    const struct mirror_options *o, struct message *why);

#endif
