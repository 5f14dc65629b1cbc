/*
 * cmd.h -- the subcommands of aicert, and what they share on the way in and
 * out.  argv[0] is the subcommand's name; what is returned is the exit code.
 */
#ifndef AICERT_PRODUCER_CMD_H
#define AICERT_PRODUCER_CMD_H

#include <signal.h>

#include "common/message.h"
#include "common/writer.h"

enum cmd_exit {
	CMD_OK = 0,
	CMD_FAILED = 1, /* it was tried and did not work */
	CMD_USAGE = 2,  /* the command line is wrong; nothing was done */
};

#define CMD_CONFIG "aicert.yaml" /* where none is named */

int cmd_attach(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_tpmsim(int argc, char **argv);
int cmd_build(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_finetune(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_init(int argc, char **argv);
int cmd_pin(int argc, char **argv);
int cmd_publish(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_revoke(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_sign(int argc, char **argv);

/* Set by SIGINT, SIGTERM and SIGHUP, which are caught from now on. */
const volatile sig_atomic_t *cmd_stop(void);

/* Print "aicert <name>: <text>" on standard error; CMD_FAILED. */
int cmd_failed(const char *name, const struct message *why);

/*
 * Let *fd be readable, instead of the program ended, where the user wishes it
 * to end: Ctrl-C, a hang-up, SIGTERM.  cmd_release() is the end of that; what
 * came meanwhile is answered then.
 */
void cmd_catch(int *fd, sigset_t *stops, sigset_t *before);
void cmd_release(int fd, const sigset_t *stops, const sigset_t *before);

/* Print what w has on standard output, freeing it; main() checks the output. */
AC_MUST_CHECK enum ac_err cmd_print(struct writer *w);

/*
 * Print the message and where help is on standard error; CMD_USAGE.  Every %s
 * must be our own text or a name that getopt knows.
 */
int cmd_usage(const char *name, const char *fmt, ...) AC_PRINTF(2, 3);

/*
 * What getopt_long() disliked, as returned in c ('?' or ':') with optstring
 * beginning with "+:" or ":".  CMD_USAGE.
 */
int cmd_bad_option(const char *name, int c, char **argv);

#endif
