/*
 * main.c -- aicert-image: one table of commands.  It finds the one that is
 * meant and hands its words over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vm-image/cmd.h"

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "predict", "what an image measures as, from its file", cmd_predict },
	{ "diff", "which component changed which PCR", cmd_diff },
	{ "run", "boot an image in a virtual machine, with a software TPM",
	    cmd_run },
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
help(void)
{
	(void)printf("usage: aicert-image COMMAND [ARGUMENT...]\n\n"
	    "Measured images of virtual machines: what one measures as is "
	    "known before it boots.\nvm-image/build makes them.\n\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		(void)printf("  %-9s %s\n", commands[i].name,
		    commands[i].summary);
	(void)printf("  %-9s %s\n", "help", "say more of one of them: "
	    "aicert-image help COMMAND");
	(void)printf("\nExit status: 0 done, or the same; 1 not the same; 2 it "
	    "could not run.\n\n"
	    "Example: aicert-image predict image.efi --release release.json\n");
}

static int
run(int argc, char **argv)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].run(argc, argv);
	(void)fprintf(stderr, "aicert-image: no such command.  Try "
	    "\"aicert-image --help\".\n");
	return CMD_CANNOT;
}

/* The words of "help [COMMAND]". */
static int
run_help(int argc, char **argv)
{
	char option[] = "--help";
	char *words[] = { argc > 1 ? argv[1] : NULL, option, NULL };

	if (argc > 2) {
		(void)fprintf(stderr, "aicert-image help: one command at a "
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
		(void)fprintf(stderr, "aicert-image: which command?  Try "
		    "\"aicert-image --help\".\n");
		return CMD_CANNOT;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("aicert-image " AICERT_VERSION "\n");
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
	if ((fflush(stdout) != 0 || ferror(stdout)) && code != CMD_CANNOT) {
		(void)fprintf(stderr, "aicert-image: cannot write the output: "
		    "%s\n", strerror(errno));
		code = CMD_CANNOT;
	}
	return code;
}
