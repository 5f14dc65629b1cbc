/*
 * cmd_finetune.c -- "aicert finetune", as the first AICert had it: a build
 * whose files lie in one folder, under the names they had there.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "producer/cmd.h"
#include "producer/gpus.h"

#define NAME "finetune"
#define WORDS_ROOM 64
#define KEY_NAME "builder.key"

static int
help(void)
{
	(void)printf("usage: aicert finetune [--dir DIR] [--config FILE] "
	    "[--out DIR] [--key FILE]\n"
	    "           [--tpm-sim DIR | --tcti NAME --ak-chain PEM]\n"
	    "           [--log URL | --log-checkpoint FILE]\n"
	    "           [--time-limit SECONDS] [--memory BYTES[K|M|G]]\n"
	    "           [--image NAME@sha256:HEX] [--gpus] [--accept-short-ak]\n"
	    "           [--json] [--quiet]\n"
	    "           [--remote ADDR:PORT] [--policy FILE] "
	    "[--image-releases FILE]\n"
	    "           [--publish URL [--log-keys FILE]] "
	    "[--upload-to URL]\n\n"
	    "Fine-tunes as the first AICert did: reads DIR/aicert.yaml, an "
	    "axolotl file whose\n"
	    "base_model and datasets are repo@sha1:commit, or one of version "
	    "2, and leaves the\n"
	    "model in DIR/model.  This machine's GPUs are used where it has "
	    "any.  All else is\n"
	    "as aicert build has it.\n\n"
	    "  --dir DIR        where the files lie; this folder without\n"
	    "  --config FILE    aicert.yaml without; below DIR\n"
	    "  --out DIR        the model's folder; DIR/model without\n"
	    "  --key FILE       your key; DIR/" KEY_NAME " without\n\n"
	    "Example:\n"
	    "  aicert keygen " KEY_NAME " && aicert finetune --tcti "
	    "device:/dev/tpmrm0 \\\n"
	    "      --ak-chain ak.pem && aicert verify --dir model\n");
	return CMD_OK;
}

struct words {
	char *word[WORDS_ROOM];
	size_t n;
	char *made[WORDS_ROOM]; /* owned */
	size_t nmade;
	bool failed;
};

static void
add(struct words *w, char *word)
{
	if (w->n < WORDS_ROOM - 1)
		w->word[w->n++] = word;
	else
		w->failed = true;
}

/* Add what asprintf() made, or could not. */
static void
add_made(struct words *w, int made, char *word)
{
	if (made < 0 || w->nmade == WORDS_ROOM) {
		w->failed = true;
		return;
	}
	w->made[w->nmade++] = word;
	add(w, word);
}

/* Add dir/name; a name that begins with / stays. */
static void
add_path(struct words *w, const char *dir, const char *name)
{
	bool alone = name[0] == '/' || strcmp(dir, ".") == 0;
	char *path;
	int n = asprintf(&path, "%s%s%s", alone ? "" : dir, alone ? "" : "/",
	    name);

	add_made(w, n, path);
}

enum {
	OPT_DIR = 256, OPT_CONFIG, OPT_OUT, OPT_KEY, OPT_GPUS, OPT_REMOTE,
	OPT_OTHER,
};

/* Those of aicert build, but for four, are handed on. */
static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "dir", required_argument, NULL, OPT_DIR },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "out", required_argument, NULL, OPT_OUT },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "gpus", no_argument, NULL, OPT_GPUS },
	{ "image", required_argument, NULL, OPT_OTHER },
	{ "tpm-sim", required_argument, NULL, OPT_OTHER },
	{ "tcti", required_argument, NULL, OPT_OTHER },
	{ "ak-chain", required_argument, NULL, OPT_OTHER },
	{ "log", required_argument, NULL, OPT_OTHER },
	{ "log-checkpoint", required_argument, NULL, OPT_OTHER },
	{ "time-limit", required_argument, NULL, OPT_OTHER },
	{ "memory", required_argument, NULL, OPT_OTHER },
	{ "accept-short-ak", no_argument, NULL, OPT_OTHER },
	{ "remote", required_argument, NULL, OPT_REMOTE },
	{ "policy", required_argument, NULL, OPT_OTHER },
	{ "image-releases", required_argument, NULL, OPT_OTHER },
	{ "publish", required_argument, NULL, OPT_OTHER },
	{ "log-keys", required_argument, NULL, OPT_OTHER },
	{ "upload-to", required_argument, NULL, OPT_OTHER },
	{ "json", no_argument, NULL, OPT_OTHER },
	{ "quiet", no_argument, NULL, OPT_OTHER },
	{ NULL, 0, NULL, 0 },
};

/* Add an option of aicert build, as "--name" and its value. */
static void
add_option(struct words *w, int index)
{
	char *name;
	int n = asprintf(&name, "--%s", options[index].name);

	add_made(w, n, name);
	if (optarg != NULL)
		add(w, optarg);
}

static int
build(struct words *w, const char *dir, const char *config, const char *out,
    const char *key, bool gpus, bool remote)
{
	char name_out[] = "--out", name_key[] = "--key", name_gpus[] = "--gpus";
	struct message no_memory = { "no memory" };
	struct gpus found = { .n = 0 };

	add(w, name_out);
	out != NULL ? add_path(w, ".", out) : add_path(w, dir, "model");
	add(w, name_key);
	key != NULL ? add_path(w, ".", key) : add_path(w, dir, KEY_NAME);
	add_path(w, dir, config);
	/* Another machine's GPUs are its own business. */
	if (gpus || (!remote && gpus_find(&found, "/dev") && found.n > 0))
		add(w, name_gpus);
	gpus_free(&found);
	if (w->failed)
		return cmd_failed(NAME, &no_memory);
	w->word[w->n] = NULL;
	return cmd_build((int)w->n, w->word);
}

int
cmd_finetune(int argc, char **argv)
{
	const char *dir = ".", *config = CMD_CONFIG, *out = NULL, *key = NULL;
	char name[] = "build";
	struct words w = { .n = 0 };
	int c, index = 0, code = CMD_OK;
	bool gpus = false, remote = false;

	add(&w, name);
	optind = 0; /* a first call for this argv */
	while (code == CMD_OK &&
	    (c = getopt_long(argc, argv, ":h", options, &index)) != -1) {
		switch (c) {
		case 'h':
			return help();
		case OPT_DIR:
			dir = optarg;
			break;
		case OPT_CONFIG:
			config = optarg;
			break;
		case OPT_OUT:
			out = optarg;
			break;
		case OPT_KEY:
			key = optarg;
			break;
		case OPT_GPUS:
			gpus = true;
			break;
		case OPT_REMOTE:
			remote = true;
			add_option(&w, index);
			break;
		case OPT_OTHER:
			add_option(&w, index);
			break;
		default:
			code = cmd_bad_option(NAME, c, argv);
		}
	}
	if (code == CMD_OK && argc > optind)
		code = cmd_usage(NAME, "name the configuration by --config");
	if (code == CMD_OK && (dir[0] == '\0' || config[0] == '\0'))
		code = cmd_usage(NAME, "an empty name of a file");
	if (code == CMD_OK)
		code = build(&w, dir, config, out, key, gpus, remote);
	for (size_t i = 0; i < w.nmade; i++)
		free(w.made[i]);
	return code;
}
