/*
 * main.c -- aicert, the AI builder's program: one table of subcommands.  It
 * finds the one that is meant and hands its words over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "producer/cmd.h"

#define NAME_MAX_LEN 31 /* bytes of a word that is compared for nearness */
#define NEAR 2          /* edits that a suggestion may be away */

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv); /* NULL: not in this build */
};

static const struct command commands[] = {
	{ "keygen", "make the builder's key", cmd_keygen },
	{ "tpm-sim", "keep a software TPM, for trying things out",
	    cmd_tpmsim
	},
	{ "build", "train a model as a file says, and certify it",
	    cmd_build
	},
	{ "publish", "put a certificate into a registry's log", cmd_publish },
	{ "policy", "write a policy: whom to trust, for what", cmd_policy },
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
help(void)
{
	(void)printf("usage: aicert COMMAND [ARGUMENT...]\n\n"
	    "Proves what an AI model was made from, by whom, and on what "
	    "machine.\n\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		(void)printf("  %-9s %s%s\n", commands[i].name,
		    commands[i].summary,
		    commands[i].run == NULL ? " (not in this build)" : "");
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

/* Edits (insert, drop, change, swap neighbours) from a to b. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[3][NAME_MAX_LEN + 1] = { { 0 } };
	size_t n = strlen(a), m = strlen(b);

	if (n > NAME_MAX_LEN || m > NAME_MAX_LEN)
		return NAME_MAX_LEN;
	for (size_t j = 0; j <= m; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *now = row[i % 3], *last = row[(i - 1) % 3];
		const size_t *before = row[(i + 1) % 3]; /* of i - 2 */

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t d = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < d)
				d = last[j] + 1;
			if (now[j - 1] + 1 < d)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < d)
				d = before[j - 2] + 1;
			now[j] = d;
		}
	}
	return row[n % 3][m];
}

static int
unknown(const char *word)
{
	struct message m;
	const char *nearest = NULL;
	size_t best = NEAR + 1;

	for (size_t i = 0; i < NCOMMANDS; i++) {
		size_t d = distance(word, commands[i].name);

		if (d < best) {
			best = d;
			nearest = commands[i].name;
		}
	}
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
	for (size_t i = 0; i < NCOMMANDS; i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		if (commands[i].run == NULL) {
			(void)fprintf(stderr, "aicert %s: not in this build\n",
			    commands[i].name);
			return CMD_USAGE;
		}
		return commands[i].run(argc, argv);
	}
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
