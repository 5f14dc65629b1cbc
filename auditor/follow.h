/*
 * follow.h -- tail a log: every checkpoint, its consistency with the last one,
 * every leaf against its statement; tell what is wrong, and what is watched
 * for.
 *
 * The state moves only past what was checked, and only after its alerts were
 * given: a crash at any moment checks again, and skips nothing.
 */
#ifndef AICERT_AUDITOR_FOLLOW_H
#define AICERT_AUDITOR_FOLLOW_H

#include "auditor/alert.h"
#include "auditor/source.h"
#include "auditor/watch.h"
#include "verifier/policy.h"

struct follow;

struct follow_options {
	struct source *log;
	const struct policy *policy;
	struct watch *watch;
	struct alerts *alerts;
	const char *dir;      /* the state's folder, which exists */
	unsigned nthreads;
	unsigned max_age_s;   /* older checkpoints are stale; 0: any age */
	unsigned patience_s;  /* unreachable for so long is told */
	const volatile sig_atomic_t *stop;
};

/*
 * Take the folder.  AC_ERR_BUSY: another process has it; AC_ERR_FORMAT: it is
 * damaged; AC_ERR_MISMATCH: it is of a log that the policy does not name;
 * *why is set.
 */
AC_MUST_CHECK enum ac_err follow_open(struct follow **out,
    const struct follow_options *o, struct message *why);
void follow_close(struct follow *f);

struct follow_result {
	uint64_t size;    /* of the accepted checkpoint */
	uint64_t checked; /* entries below it that were checked */
	bool open;        /* something is wrong at the moment */
	bool reached;     /* a checkpoint could be had */
	struct message why; /* what keeps it from going on, or "" */
};

/*
 * One look at the log, at now_s.  AC_OK: done as far as it goes, *out says how
 * far.  AC_ERR_BUSY: some of it cannot be had now, *out likewise.  Else it
 * cannot go on: an alert cannot be given, the state not be written.
 */
AC_MUST_CHECK enum ac_err follow_pass(struct follow *f,
    struct follow_result *out, int64_t now_s, struct message *why);

#endif
