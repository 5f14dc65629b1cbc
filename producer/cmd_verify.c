/*
 * cmd_verify.c -- "aicert verify", as the first AICert had it: hands over to
 * aicert-verify, which stands alone so that who verifies needs nothing else.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "producer/cmd.h"

#define NAME "verify"
#define PROGRAM "aicert-verify"

static int
help(void)
{
	(void)printf("usage: aicert verify [--dir DIR] [WORD...]\n\n"
	    "Verifies a model: runs aicert-verify with the same words; see "
	    "aicert-verify --help.\n"
	    "Without a word it is this folder's.  Exit status: 0 verified, 1 "
	    "not verified,\n"
	    "2 could not run, 3 not accepted.\n\n"
	    "  --dir DIR    the model's folder\n\n"
	    "Example: aicert verify --dir model --policy policy\n");
	return CMD_OK;
}

/* Beside this program, else where PATH finds it. */
static void
run(char **words)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	char *slash = n <= 0 || (size_t)n == sizeof(path) ? NULL :
	    memrchr(path, '/', (size_t)n);

	if (slash != NULL && (size_t)(slash + 1 - path) + sizeof(PROGRAM) <=
	    sizeof(path)) {
		memcpy(slash + 1, PROGRAM, sizeof(PROGRAM));
		if (access(path, X_OK) == 0)
			(void)execv(path, words);
	}
	(void)execvp(PROGRAM, words);
}

/* The one option of its own; all others are handed on. */
static const struct option own[] = {
	{ "dir", required_argument, NULL, 0 },
};

/* Is it that option?  *value: what stands behind its '=', or NULL. */
static bool
is_own(char *word, char **value)
{
	size_t n = strlen(own[0].name);

	if (strncmp(word, "--", 2) != 0 ||
	    strncmp(word + 2, own[0].name, n) != 0)
		return false;
	*value = word[2 + n] == '=' ? word + 3 + n : NULL;
	return word[2 + n] == '=' || word[2 + n] == '\0';
}

int
cmd_verify(int argc, char **argv)
{
	char program[] = PROGRAM, here[] = ".";
	char **words = calloc((size_t)argc + 2, sizeof(*words));
	struct message why = { "no memory" };
	size_t n = 0;

	if (words == NULL)
		return cmd_failed(NAME, &why);
	words[n++] = program;
	for (int i = 1; i < argc; i++) {
		char *value = NULL;

		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			free(words);
			return help();
		}
		if (!is_own(argv[i], &value)) {
			words[n++] = argv[i];
			continue;
		}
		if (value == NULL && i + 1 == argc) {
			free(words);
			return cmd_usage(NAME, "--dir needs a folder");
		}
		words[n++] = value != NULL ? value : argv[++i];
	}
	if (n == 1)
		words[n++] = here;
	run(words);
	message_set(&why, "cannot run aicert-verify: %s; it belongs beside "
	    "this program", strerror(errno));
	free(words);
	(void)cmd_failed(NAME, &why);
	return CMD_USAGE; /* could not run, as aicert-verify has it */
}
