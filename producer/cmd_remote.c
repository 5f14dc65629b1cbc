/* cmd_remote.c -- builds on other machines; see cmd_remote.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "producer/cmd.h"
#include "producer/cmd_remote.h"
#include "producer/cmd_screen.h"

static void
put_result(const struct cmd_remote *c, const struct errand_result *r)
{
	struct message out = { "" };
	char d[65] = { 0 }, root[65] = { 0 };

	text_hex(d, span_digest(&r->build.d));
	text_hex(root, span_digest(&r->build.root));
	message_add_quoted(&out, span_str(c->errand.out));
	(void)printf("certificate  %s\n"
	    "model root   %s\n"
	    "assurance    %s\n"
	    "earliest     %s\n"
	    "model        %s, %zu file%s, aicert.jsonl, model.sig\n",
	    d, root, r->simulated ? "SIMULATED: by a software TPM, which "
	    "proves nothing to others" : "measured by the machine's TPM",
	    r->build.has_checkpoint ? "the log's checkpoint at the start" :
	    "not stated: no log's checkpoint was given",
	    out.text, r->build.nfiles, r->build.nfiles == 1 ? "" : "s");
	if (r->notes.text[0] != '\0')
		(void)printf("policy       leaves open: %s\n", r->notes.text);
	if (c->registry == NULL)
		(void)printf("next         aicert publish %s --registry URL\n",
		    out.text);
}

static int
put_json(const struct cmd_remote *c, const struct errand_result *r)
{
	struct writer w;

	wr_init(&w, 64 * KIB);
	wr_str(&w, "{\"certificate\":\"");
	wr_hex(&w, span_digest(&r->build.d));
	wr_str(&w, "\",\"root\":\"");
	wr_hex(&w, span_digest(&r->build.root));
	wr_printf(&w, "\",\"measured\":true,\"simulated\":%s,"
	    "\"logCheckpoint\":%s,\"files\":%zu,\"out\":",
	    r->simulated ? "true" : "false",
	    r->build.has_checkpoint ? "true" : "false", r->build.nfiles);
	wr_json(&w, span_str(c->errand.out));
	wr_str(&w, "}\n");
	if (cmd_print(&w) == AC_OK)
		return CMD_OK;
	(void)fprintf(stderr, "aicert %s: the name of the folder is not "
	    "UTF-8, which JSON cannot say\n", c->name);
	return CMD_FAILED;
}

/* The model is whole; the log is one more command. */
static int
publish(const struct cmd_remote *c)
{
	const char *given[] = { "publish", c->errand.out, "--registry",
		c->registry, "--log-keys", c->log_keys };
	int argc = c->log_keys == NULL ? 4 : 6, code = CMD_FAILED;
	char *argv[7] = { NULL };
	bool ok = true;

	for (int i = 0; i < argc; i++) {
		argv[i] = strdup(given[i]);
		ok = ok && argv[i] != NULL;
	}
	if (ok)
		code = cmd_publish(argc, argv);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return code;
}

int
cmd_remote_run(struct cmd_remote *c)
{
	struct cmd_screen screen = { .name = c->name, .quiet = c->quiet };
	struct errand_result result = { .simulated = false };
	struct message why = { "" }, out = { "" };
	char *trimmed = strdup(c->errand.out);
	size_t n = trimmed == NULL ? 0 : strlen(trimmed);
	bool away = false;
	int code = CMD_OK;
	enum ac_err e;

	if (trimmed == NULL)
		return CMD_FAILED;
	while (n > 1 && trimmed[n - 1] == '/')
		trimmed[--n] = '\0';
	c->errand.out = trimmed;
	c->errand.watch = (struct run_watch){ cmd_screen_progress,
		cmd_screen_output, &screen };
	c->errand.cancel_fd = -1;
	c->errand.stop = cmd_stop();
	e = c->attach ? errand_attach(&result, &c->errand, &away, &why) :
	    errand_build(&result, &c->errand, &away, &why);
	if (e != AC_OK) {
		cmd_screen_tail(&screen);
		code = cmd_failed(c->name, &why);
		message_add_quoted(&out, span_str(c->errand.out));
		if (away)
			(void)fprintf(stderr, "aicert %s: the build is left to "
			    "itself; come back with: aicert attach %s\n",
			    c->name, out.text);
	} else if (c->json) {
		code = put_json(c, &result);
	} else {
		put_result(c, &result);
	}
	cmd_screen_free(&screen);
	if (code == CMD_OK && c->registry != NULL)
		code = publish(c);
	free(trimmed);
	return code;
}
