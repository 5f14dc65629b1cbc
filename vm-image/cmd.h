/*
 * cmd.h -- the commands of aicert-image, and what they share on the way in and
 * out.  argv[0] is the command's name; what is returned is the exit code.
 */
#ifndef AICERT_VM_IMAGE_CMD_H
#define AICERT_VM_IMAGE_CMD_H

#include "common/writer.h"
#include "vm-image/uki.h"

enum cmd_exit {
	CMD_GOOD = 0,
	CMD_DIFFERS = 1, /* the two are not the same */
	CMD_CANNOT = 2,  /* wrong usage, or it could not be done */
};

int cmd_predict(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_run(int argc, char **argv);

/* Print "aicert-image <name>: <text>" on standard error; CMD_CANNOT. */
int cmd_failed(const char *name, const struct message *why);

/* Print the message and where help is on standard error; CMD_CANNOT. */
int cmd_usage(const char *name, const char *fmt, ...) AC_PRINTF(2, 3);

/*
 * What getopt_long() disliked, as returned in c ('?' or ':') with optstring
 * beginning with "+:" or ":".  CMD_CANNOT.
 */
int cmd_bad_option(const char *name, int c, char **argv);

/*
 * Read and parse the UKI in the file path.  *u borrows from *file, which the
 * caller frees.  *why names the file.
 */
AC_MUST_CHECK enum ac_err cmd_uki(struct uki *u, struct buf *file,
    const char *path, struct message *why);

/* Print what w has on standard output, freeing it; the exit code, or code. */
int cmd_print(const char *name, struct writer *w, int code);

#endif
