/*
 * cmd_pin.c -- "aicert pin": says what pins that float mean now, keeps that
 * beside the configuration, and shows what changed.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "producer/cmd.h"
#include "producer/resolve.h"
#include "producer/rules.h"
#include "producer/tree.h"

#define NAME "pin"

struct pin {
	const char *path;
	bool json;
	char *lock_path;
	int cancel_fd;
	struct config config;
	struct lock before; /* n = 0: there was none */
	struct lock_entry now[INPUTS_MAX];
	char *made[INPUTS_MAX]; /* pins, owned */
	size_t n;
	size_t which; /* input that is resolved */
};

static int
help(void)
{
	(void)printf("usage: aicert pin [CONFIG] [--json]\n\n"
	    "Finds out what the pins of CONFIG (aicert.yaml) mean that float, "
	    "writes it to\n"
	    "aicert.lock beside it, and shows what changed.  A build then takes "
	    "them from\n"
	    "there.  Pins that do not float stay as they are.\n\n"
	    "  latest           what is there now, by its SHA-256\n"
	    "  branch: or tag:  of git, and its name: the commit\n"
	    "  revision:        of a hub's model or dataset: the commit\n\n"
	    "  --json           say what was found as JSON\n\n"
	    "Example: aicert pin && git diff aicert.lock\n");
	return CMD_OK;
}

static void
tell(void *arg, struct span sentence)
{
	const struct pin *p = arg;
	struct message name =
	    message_quoted(p->config.request.input[p->which].name);

	(void)fprintf(stderr, "aicert pin: input %s: %.*s\n", name.text,
	    (int)sentence.len, (const char *)sentence.p);
}

/* The lock as it is; one that is not there, or cannot be read, is replaced. */
static void
read_before(struct pin *p)
{
	struct message why = { "" };

	if (access(p->lock_path, F_OK) == 0 &&
	    lock_read(&p->before, p->lock_path, &why) != AC_OK)
		(void)fprintf(stderr, "aicert pin: %s\n", why.text);
}

/* Resolve input i with copies in a folder of its own. */
static enum ac_err
resolve(struct pin *p, size_t i, struct message *why)
{
	const struct resolve_watch watch = { tell, p };
	const struct request_input *in = &p->config.request.input[i];
	char *scratch;
	enum ac_err e;

	if (asprintf(&scratch, "%s.partial-XXXXXX", p->lock_path) < 0)
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	if (mkdtemp(scratch) == NULL) {
		e = BECAUSE(why, AC_ERR_IO, "cannot make a folder beside the "
		    "lock: %s", strerror(errno));
		free(scratch);
		return e;
	}
	p->which = i;
	e = resolve_pin(&p->made[p->n], &p->config, i, scratch, p->cancel_fd,
	    &watch, why);
	if (tree_remove(scratch) != AC_OK)
		(void)fprintf(stderr, "aicert pin: cannot remove the copies "
		    "beside the lock\n");
	free(scratch);
	if (e != AC_OK) {
		config_place(&p->config.input[i], p->path, why);
		return e;
	}
	p->now[p->n] = (struct lock_entry){ .name = in->name,
		.uri = span_str(p->config.input[i].uri),
		.reference = in->pin, .pin = span_str(p->made[p->n]) };
	p->n++;
	return AC_OK;
}

/* What the lock said of it before, where that was of the same. */
static struct span
before(const struct pin *p, const struct lock_entry *now)
{
	const struct lock_entry *was = lock_find(&p->before, now->name);

	return was != NULL && span_equal(was->uri, now->uri) &&
	    span_equal(was->reference, now->reference) ? was->pin :
	    span_of(NULL, 0);
}

static void
put_text(const struct pin *p)
{
	struct message lock = message_quoted(span_str(p->lock_path));

	for (size_t i = 0; i < p->n; i++) {
		const struct lock_entry *in = &p->now[i];
		struct message name = message_quoted(in->name);
		struct span was = before(p, in);

		(void)printf("%s  %.*s\n", name.text,
		    (int)in->reference.len, (const char *)in->reference.p);
		if (was.len == 0)
			(void)printf("  new      ");
		else if (span_equal(was, in->pin))
			(void)printf("  as it was ");
		else
			(void)printf("  was      %.*s\n  changed  ",
			    (int)was.len, (const char *)was.p);
		(void)printf("%.*s\n", (int)in->pin.len,
		    (const char *)in->pin.p);
	}
	for (size_t i = 0; i < p->before.n; i++) {
		struct message name = message_quoted(p->before.entry[i].name);
		bool kept = false;

		for (size_t k = 0; k < p->n; k++)
			kept = kept || span_equal(p->now[k].name,
			    p->before.entry[i].name);
		if (!kept)
			(void)printf("%s\n  gone     it does not float any "
			    "more\n", name.text);
	}
	if (p->n == 0)
		(void)printf("No pin floats; %s is not needed.\n", lock.text);
	else
		(void)printf("Written: %s; keep it with the configuration.\n",
		    lock.text);
}

static enum ac_err
put_json(const struct pin *p)
{
	struct writer w;

	wr_init(&w, LOCK_MAX);
	wr_str(&w, "{\"inputs\":[");
	for (size_t i = 0; i < p->n; i++) {
		struct span was = before(p, &p->now[i]);

		wr_str(&w, i == 0 ? "{\"name\":" : ",{\"name\":");
		wr_json(&w, p->now[i].name);
		wr_str(&w, ",\"reference\":");
		wr_json(&w, p->now[i].reference);
		wr_str(&w, ",\"pin\":");
		wr_json(&w, p->now[i].pin);
		if (was.len > 0) {
			wr_str(&w, ",\"was\":");
			wr_json(&w, was);
		}
		wr_u8(&w, '}');
	}
	wr_str(&w, "]}\n");
	return cmd_print(&w);
}

static enum ac_err
pin(struct pin *p, struct message *why)
{
	const struct request *r = &p->config.request;
	enum ac_err e = config_read_floating(&p->config, p->path,
	    p->cancel_fd, why);

	if (e != AC_OK)
		return e;
	p->lock_path = lock_path(p->path);
	if (p->lock_path == NULL)
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	read_before(p);
	for (size_t i = 0; e == AC_OK && i < r->ninputs; i++)
		if (rules_floats(r->input[i].pin) &&
		    !span_is(r->input[i].role, RULES_LOCK_ROLE))
			e = resolve(p, i, why);
	if (e != AC_OK)
		return e;
	if (p->n > 0)
		e = lock_write(p->lock_path, p->now, p->n);
	else if (unlink(p->lock_path) != 0 && errno != ENOENT)
		e = AC_ERR_IO;
	if (e != AC_OK) {
		message_set(why, "cannot write ");
		message_add_quoted(why, span_str(p->lock_path));
		message_add(why, ": %s", ac_strerror(e));
		return e;
	}
	if (!p->json)
		put_text(p);
	else if (put_json(p) != AC_OK)
		return BECAUSE(why, AC_ERR_FORMAT, "what was found is not "
		    "UTF-8, which JSON cannot say");
	return AC_OK;
}

static int
run(struct pin *p)
{
	struct message why = { "" };
	sigset_t stops, old;
	enum ac_err e;

	cmd_catch(&p->cancel_fd, &stops, &old);
	e = pin(p, &why);
	cmd_release(p->cancel_fd, &stops, &old);
	for (size_t i = 0; i < p->n; i++)
		free(p->made[i]);
	free(p->lock_path);
	lock_free(&p->before);
	config_free(&p->config);
	return e == AC_OK ? CMD_OK : cmd_failed(NAME, &why);
}

int
cmd_pin(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct pin *p = calloc(1, sizeof(*p));
	int c, code = CMD_OK;

	if (p == NULL)
		return cmd_failed(NAME, &(struct message){ "no memory" });
	p->path = CMD_CONFIG;
	optind = 0; /* a first call for this argv */
	while (code == CMD_OK &&
	    (c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h') {
			free(p);
			return help();
		}
		if (c == 'j')
			p->json = true;
		else
			code = cmd_bad_option(NAME, c, argv);
	}
	if (code == CMD_OK && (argc - optind > 1 ||
	    (argc > optind && argv[optind][0] == '\0')))
		code = cmd_usage(NAME, "name one configuration, or none");
	if (code == CMD_OK && argc > optind)
		p->path = argv[optind];
	if (code == CMD_OK)
		code = run(p);
	free(p);
	return code;
}
