/*
 * main.c -- aicert-audit: one table of commands.  It finds the one that is
 * meant and hands its words over; signals come in here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auditor/cmd.h"

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "follow", "tail a log, tell what is wrong and what is watched for",
	    cmd_follow },
	{ "affected", "whom a revocation or recall concerns", cmd_affected },
	{ "fsck", "derive a whole log anew, and compare", cmd_fsck },
	{ "mirror", "copy a log for any web server", cmd_mirror },
	{ "witness", "cosign checkpoints that take nothing back", cmd_witness },
	{ "compare", "do two views of a log tell one story?", cmd_compare },
	{ "check-evidence", "does a file prove that they do not?",
	    cmd_check_evidence },
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static volatile sig_atomic_t stopped;

static void
on_signal(int signal)
{
	(void)signal;
	stopped = 1;
}

const volatile sig_atomic_t *
cmd_stop(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	(void)sigemptyset(&act.sa_mask);
	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return &stopped;
}

static void
help(void)
{
	(void)printf("usage: aicert-audit COMMAND [ARGUMENT...]\n\n"
	    "Keeps a log of AI models' certificates honest: everybody is shown "
	    "the same, nothing\nthat was logged changes or is hidden.\n\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		(void)printf("  %-15s %s\n", commands[i].name,
		    commands[i].summary);
	(void)printf("  %-15s %s\n", "help", "say more of one of them: "
	    "aicert-audit help COMMAND");
	(void)printf("\nExit status: 0 all is as it must be, 1 something is "
	    "not, 2 it could not run, 3 nothing\nis decided, try again "
	    "later.\n");
}

static int
run(int argc, char **argv)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].run(argc, argv);
	(void)fprintf(stderr, "aicert-audit: no such command.  Try "
	    "\"aicert-audit --help\".\n");
	return CMD_CANNOT;
}

/* The words of "help [COMMAND]". */
static int
run_help(int argc, char **argv)
{
	char option[] = "--help";
	char *words[] = { argc > 1 ? argv[1] : NULL, option, NULL };

	if (argc > 2) {
		(void)fprintf(stderr, "aicert-audit help: one command at a "
		    "time\n");
		return CMD_CANNOT;
	}
	if (argc == 2)
		return run(2, words);
	help();
	return CMD_GOOD;
}

static int
dispatch(int argc, char **argv)
{
	if (argc < 2) {
		(void)fprintf(stderr, "aicert-audit: which command?  Try "
		    "\"aicert-audit --help\".\n");
		return CMD_CANNOT;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("aicert-audit " AICERT_VERSION "\n");
		return CMD_GOOD;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help();
		return CMD_GOOD;
	}
	if (strcmp(argv[1], "help") == 0)
		return run_help(argc - 1, argv + 1);
	return run(argc - 1, argv + 1);
}

int
main(int argc, char **argv)
{
	int code = dispatch(argc, argv);

	/* A full disk or a closed pipe must not look like success. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == CMD_GOOD) {
		(void)fprintf(stderr, "aicert-audit: cannot write the output: "
		    "%s\n", strerror(errno));
		code = CMD_CANNOT;
	}
	return code;
}
