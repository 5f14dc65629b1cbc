/*
 * fsck.h -- a whole log derived anew from its entries, and compared: leaves
 * with statements, bundles with tiles, tiles of every level with each other,
 * the root with the checkpoint.  Goes on where something differs.
 */
#ifndef AICERT_AUDITOR_FSCK_H
#define AICERT_AUDITOR_FSCK_H

#include "auditor/entries.h"
#include "auditor/head.h"

struct fsck_finding {
	const char *kind;  /* "bad-tile", ...: our own text */
	const char *path;  /* of the file below the log's place */
	bool has_index;
	uint64_t index;    /* of the entry, where it is about one */
	const struct message *what;
};

struct fsck_options {
	struct source *log;
	const struct source *statements; /* NULL: leave contents out */
	const struct policy *policy;
	unsigned nthreads;
	/* Called for each finding, and after each bundle. */
	void (*found)(void *arg, const struct fsck_finding *f);
	void (*progress)(void *arg, uint64_t done, uint64_t all);
	void *arg;
};

struct fsck_result {
	char origin[NOTE_NAME_MAX + 1];
	uint64_t size;       /* of the checkpoint */
	struct digest root;
	uint64_t ntiles, nbundles, nstatements; /* compared */
	uint64_t npartials;  /* files of partial tiles of earlier sizes, likewise */
	uint64_t nremoved;   /* withheld under a logged removal */
	uint64_t nfindings;
	bool whole;          /* false: it could not go on to the end */
};

/*
 * AC_OK: done, *out says with what result.  AC_ERR_BUSY: the log is not to be
 * reached now; else as the source fails; *why is set.
 */
AC_MUST_CHECK enum ac_err fsck_run(struct fsck_result *out,
    const struct fsck_options *o, struct message *why);

#endif
