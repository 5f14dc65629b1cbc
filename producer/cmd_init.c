/* cmd_init.c -- "aicert init": a configuration to begin with. */
#include <getopt.h>
#include <stdio.h>

#include "common/file.h"
#include "producer/cmd.h"

#define NAME "init"

/* A build of it works as it is: what it reads every Debian has. */
static const char template[] =
    "# What to train, from what.  Everything in this file becomes public, in "
    "the\n"
    "# certificate and in the log.  All of it: man aicert.yaml\n"
    "version: 2\n"
    "\n"
    "# command: any program.  hf-trainer: one that writes "
    "trainer_state.json.\n"
    "# axolotl: that, configured by an input (config: its name).\n"
    "trainer: command\n"
    "\n"
    "# A program and its words; there is no shell but one that stands here.\n"
    "# It starts in /workspace, without a network; inputs are in /inputs.\n"
    "command:\n"
    "  - sh\n"
    "  - -c\n"
    "  - cat /inputs/text > model.bin\n"
    "\n"
    "inputs:\n"
    "    # The name below /inputs.\n"
    "  - name: text\n"
    "    # file or dataset: a file or folder.  archive: a tar or zip.\n"
    "    type: dataset\n"
    "    # A path from here, file:///..., or https://...\n"
    "    uri: file:///usr/share/common-licenses/GPL-3\n"
    "    # sha256: of what is there; where it is not that, nothing runs.\n"
    "    # latest: what is there when \"aicert pin\" is run.\n"
    "    pin: latest\n"
    "    # base_model, dataset, code, tokenizer, config, lock, evaluation, "
    "other\n"
    "    role: dataset\n"
    "    # By its SPDX identifier; some policies ask for it.\n"
    "    license: LicenseRef-GNU-verbatim-copying\n"
    "    # compression: gzip     or zstd: it is unpacked\n"
    "    # disclose: false       the uri is not published\n"
    "\n"
    "# Files below /workspace that become the model.\n"
    "outputs: [\"*.bin\"]\n"
    "\n"
    "# Variables of the training, of a short list.\n"
    "# env: {OMP_NUM_THREADS: \"1\"}\n"
    "\n"
    "# Stated; the training gets it by its command.\n"
    "# seed: 42\n";

static int
help(void)
{
	(void)printf("usage: aicert init [FILE]\n\n"
	    "Writes FILE, aicert.yaml where none is named: a configuration "
	    "with a comment on\n"
	    "every part, to be changed.  Nothing is overwritten.\n\n"
	    "Example: aicert init && aicert pin && aicert check\n");
	return CMD_OK;
}

int
cmd_init(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = CMD_CONFIG;
	struct message why, file = { "" };
	enum ac_err e;
	int c;

	optind = 0; /* a first call for this argv */
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1)
		return c == 'h' ? help() : cmd_bad_option(NAME, c, argv);
	if (argc - optind > 1 || (argc > optind && argv[optind][0] == '\0'))
		return cmd_usage(NAME, "name one file, or none");
	if (argc > optind)
		path = argv[optind];
	message_add_quoted(&file, span_str(path));
	e = file_create(path, span_str(template), 0644);
	if (e != AC_OK) {
		if (e == AC_ERR_EXISTS)
			message_set(&why, "%s is there already, and nothing is "
			    "overwritten", file.text);
		else
			message_set(&why, "cannot write %s: %s", file.text,
			    ac_strerror(e));
		return cmd_failed(NAME, &why);
	}
	(void)printf("%s\nNext: change it; then aicert pin %s, and aicert "
	    "check %s\n", file.text, file.text, file.text);
	return CMD_OK;
}
