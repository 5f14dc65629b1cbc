/*
 * cmd_check.c -- "aicert check": what a configuration would run and what would
 * become public, without fetching or running anything.
 */
#include <getopt.h>
#include <stdio.h>

#include "common/text.h"
#include "producer/cmd.h"
#include "producer/config.h"
#include "producer/rules.h"

#define NAME "check"
#define JSON_BYTES_MAX (4 * MIB)

static int
help(void)
{
	(void)printf("usage: aicert check [CONFIG] [--json]\n\n"
	    "Says what CONFIG (aicert.yaml) would run and what would become "
	    "public, and runs\n"
	    "nothing.  What is fetched is not looked at: whether the pins "
	    "hold, a build finds\n"
	    "out before it runs.\n\n"
	    "  --json    the same as JSON; \"public\" is externalParameters, "
	    "but for the\n"
	    "            builder's key, which is 0\n\n"
	    "Example: aicert check examples/charlm/aicert.yaml\n");
	return CMD_OK;
}

static void
put_word(const char *before, struct span s)
{
	struct message m = message_quoted(s);

	(void)printf("%s%s", before, m.text);
}

static void
put_inputs(const struct config *c)
{
	static const char *const compression[] = { "", ", out of gzip",
		", out of zstd" };
	const struct request *r = &c->request;

	for (size_t i = 0; i < r->ninputs; i++) {
		const struct request_input *in = &r->input[i];
		const struct config_input *where = &c->input[i];
		bool local = where->path[0] != '\0';

		put_word("input        ", in->name);
		put_word(": ", in->type);
		put_word(", ", in->role);
		(void)printf("%s\n", rules_is_archive(in) ? ", unpacked" :
		    compression[where->compression]);
		put_word(local ? "  copied     " : "  fetched    ",
		    span_str(local ? where->path : where->uri));
		put_word("\n  pin        ", in->pin);
		put_word("\n  public     ", in->uri);
		if (in->license.len > 0)
			put_word("\n  licence    ", in->license);
		else
			(void)printf("\n  licence    not said; a policy may ask "
			    "for it");
		(void)printf("\n");
	}
}

static void
put_text(const struct config *c)
{
	const struct request *r = &c->request;
	char hex[65] = { 0 };

	text_hex(hex, span_digest(&r->config_sha256));
	put_word("trainer      ", r->trainer);
	(void)printf("\ncommand     ");
	for (size_t i = 0; i < r->ncommand; i++)
		put_word(" ", r->command[i]);
	(void)printf("\n");
	for (size_t i = 0; i < r->nenv; i++) {
		put_word("env          ", r->env[i].name);
		put_word("=", r->env[i].value);
		(void)printf("\n");
	}
	if (r->has_image) {
		put_word("image        ", r->image.uri);
		put_word("\n  pin        ", r->image.pin);
		(void)printf("\n");
	}
	put_inputs(c);
	(void)printf("outputs     ");
	for (size_t i = 0; i < r->noutputs; i++)
		put_word(" ", r->output[i]);
	(void)printf(", at most %d files, %d of them weights\n", FILES_MAX,
	    WEIGHTS_MAX);
	if (r->has_seed)
		(void)printf("seed         %llu\n", (unsigned long long)r->seed);
	(void)printf("sandbox      no network, inputs read-only, writes to "
	    "/workspace\n"
	    "public       all of the above but where inputs are copied and "
	    "fetched from;\n"
	    "             the digests of inputs and outputs, the names of "
	    "weight files, the\n"
	    "             builder's key, times and figures of the run; the "
	    "file's name and digest:\n"
	    "             %s\n"
	    "not public   the contents of inputs, outputs and of the file\n"
	    "Nothing was fetched or run.\n", hex);
}

static enum ac_err
put_json(const struct config *c)
{
	const struct request *r = &c->request;
	struct writer w;

	wr_init(&w, JSON_BYTES_MAX);
	wr_str(&w, "{\"reads\":[");
	for (size_t i = 0; i < r->ninputs + r->has_image; i++) {
		const struct config_input *where = &c->input[i];
		bool local = where->path[0] != '\0';

		wr_str(&w, i == 0 ? "{\"name\":" : ",{\"name\":");
		wr_json(&w, i < r->ninputs ? r->input[i].name :
		    r->image.name);
		wr_str(&w, local ? ",\"path\":" : ",\"uri\":");
		wr_json(&w, span_str(local ? where->path : where->uri));
		wr_u8(&w, '}');
	}
	wr_str(&w, "],\"public\":");
	request_write(&w, r);
	wr_str(&w, "}\n");
	return cmd_print(&w);
}

int
cmd_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = CMD_CONFIG;
	struct message why = { "" };
	struct config config;
	bool json = false;
	enum ac_err e;
	int c;

	optind = 0; /* a first call for this argv */
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h')
			return help();
		if (c != 'j')
			return cmd_bad_option(NAME, c, argv);
		json = true;
	}
	if (argc - optind > 1 || (argc > optind && argv[optind][0] == '\0'))
		return cmd_usage(NAME, "name one configuration, or none");
	if (argc > optind)
		path = argv[optind];
	e = config_read(&config, path, -1, &why);
	if (e != AC_OK)
		return cmd_failed(NAME, &why);
	if (json)
		e = put_json(&config);
	else
		put_text(&config);
	config_free(&config);
	if (e == AC_OK)
		return CMD_OK;
	message_set(&why, "a path is not UTF-8, which JSON cannot say");
	return cmd_failed(NAME, &why);
}
