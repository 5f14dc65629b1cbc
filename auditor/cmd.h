/*
 * cmd.h -- the commands of aicert-audit, and what they share on the way in and
 * out.  argv[0] is the command's name; what is returned is the exit code.
 */
#ifndef AICERT_AUDITOR_CMD_H
#define AICERT_AUDITOR_CMD_H

#include <signal.h>

#include "auditor/source.h"
#include "verifier/policy.h"

enum cmd_exit {
	CMD_GOOD = 0,   /* everything that was looked at is as it must be */
	CMD_BAD = 1,    /* something is not */
	CMD_CANNOT = 2, /* wrong usage, or it could not run */
	CMD_LATER = 3,  /* nothing is decided: the same again later */
};

int cmd_follow(int argc, char **argv);
int cmd_affected(int argc, char **argv);
int cmd_fsck(int argc, char **argv);
int cmd_mirror(int argc, char **argv);
int cmd_witness(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_check_evidence(int argc, char **argv);

/* Print "aicert-audit <name>: <text>" on standard error; the code for e. */
int cmd_failed(const char *name, enum ac_err e, const struct message *why);

/* Print the message and where help is on standard error; CMD_CANNOT. */
int cmd_usage(const char *name, const char *fmt, ...) AC_PRINTF(2, 3);

/*
 * What getopt_long() disliked, as returned in c ('?' or ':') with optstring
 * beginning with "+:" or ":".  CMD_CANNOT.
 */
int cmd_bad_option(const char *name, int c, char **argv);

/*
 * The policy in the file policy, or where that is NULL the one that the lines
 * of the file log_keys make with "quorum none", or where both are NULL the one
 * that policyfile_find() finds.  *why on failure.
 */
AC_MUST_CHECK enum ac_err cmd_policy(struct policy **out, const char *policy,
    const char *log_keys, struct message *why);

/* An option's number of min..max; false, having said so, for any other. */
AC_MUST_CHECK bool cmd_number(unsigned *out, const char *name,
    const char *option, const char *text, unsigned min, unsigned max);

/* Not 0 once SIGINT or SIGTERM came; from then on both are caught. */
const volatile sig_atomic_t *cmd_stop(void);

/* Threads to use where nothing is said: four for each processor, at most 16. */
unsigned cmd_threads(void);

/* Print what w has on standard output, freeing it; the exit code, or code. */
int cmd_print(const char *name, struct writer *w, int code);

#endif
