/*
 * main.c -- aicert, the AI builder's program: one table of subcommands.  It
 * finds the one that is meant and hands its words over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "producer/cmd.h"

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "keygen", "make the builder's key", cmd_keygen },
	{ "tpm-sim", "keep a software TPM, for trying things out", cmd_tpmsim },
	{ "init", "write a configuration to begin with", cmd_init },
	{ "pin", "say what pins that float mean now", cmd_pin },
	{ "check", "say what a configuration runs and makes public",
	    cmd_check },
	{ "build", "train a model as a file says, and certify it", cmd_build },
	{ "finetune", "build, with the first AICert's files and names",
	    cmd_finetune },
	{ "attach", "come back to a build on another machine", cmd_attach },
	{ "publish", "put a certificate into a registry's log", cmd_publish },
	{ "sign", "sign files or a statement made elsewhere", cmd_sign },
	{ "show", "say what a certificate states, for people", cmd_show },
	{ "export", "write a certificate in another form", cmd_export },
	{ "get", "find the certificate of a downloaded model", cmd_get },
	{ "revoke", "say that something is not to be relied on any more",
	    cmd_revoke },
	{ "verify", "verify a model, by aicert-verify", cmd_verify },
	{ "policy", "write a policy: whom to trust, for what", cmd_policy },
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
	(void)number;
	stopped = 1;
}

const volatile sig_atomic_t *
cmd_stop(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	(void)sigemptyset(&act.sa_mask);
	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
	(void)sigaction(SIGHUP, &act, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return &stopped;
}

static void
help(void)
{
	(void)printf("usage: aicert COMMAND [ARGUMENT...]\n\n"
	    "Proves what an AI model was made from, by whom, and on what "
	    "machine.\n\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		(void)printf("  %-9s %s\n", commands[i].name,
		    commands[i].summary);
	(void)printf("  %-9s %s\n", "help", "say more of one of them: aicert "
	    "help COMMAND");
	(void)printf("\nFrom nothing to a verified model:\n\n"
	    "  aicert keygen builder.key\n"
	    "  aicert tpm-sim init tpm && aicert tpm-sim start tpm\n"
	    "  aicert build aicert.yaml --key builder.key --tpm-sim tpm "
	    "--out model\n"
	    "  aicert publish model --registry https://log.example.org "
	    "--log-keys log-keys\n"
	    "  aicert policy init --builder me=builder.key.pub "
	    "--log-keys log-keys --quorum-none \\\n"
	    "      --log-time --tpm-sim tpm --unmeasured-boot > policy\n"
	    "  aicert-verify --policy policy model\n\n"
	    "Exit status: 0 done, 1 it did not work, 2 wrong usage.\n");
}

static int
unknown(const char *word)
{
	const char *names[NCOMMANDS], *nearest;
	struct message m;

	for (size_t i = 0; i < NCOMMANDS; i++)
		names[i] = commands[i].name;
	nearest = text_nearest(names, NCOMMANDS, span_str(word));
	message_set(&m, "aicert: no such command: ");
	message_add_quoted(&m, span_str(word));
	if (nearest != NULL)
		message_add(&m, "; did you mean \"%s\"?", nearest);
	(void)fprintf(stderr, "%s\nTry \"aicert --help\".\n", m.text);
	return CMD_USAGE;
}

static int
run(int argc, char **argv)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].run(argc, argv);
	return unknown(argv[0]);
}

/* The words of "help [COMMAND]". */
static int
run_help(int argc, char **argv)
{
	char option[] = "--help";
	char *words[] = { argc > 1 ? argv[1] : NULL, option, NULL };

	if (argc > 2) {
		(void)fprintf(stderr, "aicert help: one command at a time\n");
		return CMD_USAGE;
	}
	if (argc == 2)
		return run(2, words);
	help();
	return CMD_OK;
}

static int
dispatch(int argc, char **argv)
{
	if (argc < 2) {
		(void)fprintf(stderr, "aicert: which command?  Try "
		    "\"aicert --help\".\n");
		return CMD_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("aicert " AICERT_VERSION "\n");
		return CMD_OK;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help();
		return CMD_OK;
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
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == CMD_OK) {
		(void)fprintf(stderr, "aicert: cannot write the output: %s\n",
		    strerror(errno));
		code = CMD_FAILED;
	}
	return code;
}
