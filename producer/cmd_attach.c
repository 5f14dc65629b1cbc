/* cmd_attach.c -- "aicert attach": back to a build on another machine. */
#include <getopt.h>
#include <stdio.h>

#include "producer/cmd.h"
#include "producer/cmd_remote.h"

#define NAME "attach"

static int
help(void)
{
	(void)printf("usage: aicert attach DIR [--remote ADDR:PORT]\n"
	    "           [--publish URL [--log-keys FILE]] [--upload-to URL] "
	    "[--json] [--quiet]\n\n"
	    "Comes back to a build that aicert build --remote left to itself: "
	    "checks that it\n"
	    "is the same machine, shows what happened since, and fetches the "
	    "result into DIR.\n"
	    "DIR.remote says where it is; whoever has that file owns the "
	    "build.\n\n"
	    "  --remote ADDR:PORT  the machine has another address now\n"
	    "  --publish URL       and publish the result to that registry\n"
	    "  --log-keys FILE     its keys, see aicert publish\n"
	    "  --upload-to URL     as for aicert build\n"
	    "  --json              the result as JSON\n"
	    "  --quiet             do not show the training's output\n\n"
	    "Example:\n"
	    "  aicert attach model\n");
	return CMD_OK;
}

enum {
	OPT_REMOTE = 256, OPT_PUBLISH, OPT_LOG_KEYS, OPT_UPLOAD, OPT_JSON,
	OPT_QUIET,
};

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "remote", required_argument, NULL, OPT_REMOTE },
	{ "publish", required_argument, NULL, OPT_PUBLISH },
	{ "log-keys", required_argument, NULL, OPT_LOG_KEYS },
	{ "upload-to", required_argument, NULL, OPT_UPLOAD },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ NULL, 0, NULL, 0 },
};

static int
take_option(struct cmd_remote *r, int c, char **argv)
{
	switch (c) {
	case OPT_REMOTE:
		r->errand.address = optarg;
		return CMD_OK;
	case OPT_PUBLISH:
		r->registry = optarg;
		return CMD_OK;
	case OPT_LOG_KEYS:
		r->log_keys = optarg;
		return CMD_OK;
	case OPT_UPLOAD:
		r->errand.upload = optarg;
		return CMD_OK;
	case OPT_JSON:
		r->json = true;
		return CMD_OK;
	case OPT_QUIET:
		r->quiet = true;
		return CMD_OK;
	default:
		return cmd_bad_option(NAME, c, argv);
	}
}

int
cmd_attach(int argc, char **argv)
{
	struct cmd_remote r = { .name = NAME, .attach = true };
	int c, code = CMD_OK;

	optind = 0; /* a first call for this argv */
	while (code == CMD_OK &&
	    (c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h')
			return help();
		code = take_option(&r, c, argv);
	}
	if (code == CMD_OK && argc - optind != 1)
		code = cmd_usage(NAME, "name the folder that the model will "
		    "be in");
	if (code == CMD_OK && r.log_keys != NULL && r.registry == NULL)
		code = cmd_usage(NAME, "--log-keys goes with --publish");
	if (code != CMD_OK)
		return code;
	r.errand.out = argv[optind];
	return cmd_remote_run(&r);
}
