/* cmd.c -- what every command of aicert-audit does alike; see cmd.h. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auditor/cmd.h"
#include "common/file.h"
#include "common/text.h"
#include "verifier/policyfile.h"

int
cmd_failed(const char *name, enum ac_err e, const struct message *why)
{
	(void)fprintf(stderr, "aicert-audit %s: %s\n", name, why->text);
	return e == AC_ERR_BUSY ? CMD_LATER : CMD_CANNOT;
}

int
cmd_usage(const char *name, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "aicert-audit %s: ", name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\nTry \"aicert-audit help %s\".\n", name);
	return CMD_CANNOT;
}

int
cmd_bad_option(const char *name, int c, char **argv)
{
	struct message m;

	message_set(&m, c == ':' ? "this option needs a value: " :
	    "no such option, or not in that form: ");
	message_add_quoted(&m, span_str(argv[optind - 1]));
	return cmd_usage(name, "%s", m.text);
}

bool
cmd_number(unsigned *out, const char *name, const char *option,
    const char *text, unsigned min, unsigned max)
{
	uint64_t v;

	if (!text_undec(&v, span_str(text), max) || v < min) {
		(void)cmd_usage(name, "%s wants a number of %u to %u", option,
		    min, max);
		return false;
	}
	*out = (unsigned)v;
	return true;
}

/* The lines of log_keys and a quorum that asks for nobody. */
static enum ac_err
policy_of_keys(struct policy **out, const char *log_keys, struct message *why)
{
	struct buf keys = { 0 }, text = { 0 };
	struct message what = { "" };
	struct writer w;
	enum ac_err e;

	e = file_read(&keys, log_keys, POLICY_MAX);
	if (e != AC_OK) {
		message_set(why, "cannot read the log's keys ");
		message_add_quoted(why, span_str(log_keys));
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
		return e;
	}
	wr_init(&w, POLICY_MAX);
	wr_bytes(&w, buf_span(&keys));
	wr_str(&w, "\nquorum none\n");
	e = wr_end(&w, &text);
	if (e == AC_OK)
		e = policy_parse(out, buf_span(&text), NULL, &what);
	if (e != AC_OK) {
		message_set(why, "log keys ");
		message_add_quoted(why, span_str(log_keys));
		message_add(why, ", %s", what.text);
	}
	buf_free(&keys);
	buf_free(&text);
	return e;
}

enum ac_err
cmd_policy(struct policy **out, const char *policy, const char *log_keys,
    struct message *why)
{
	enum ac_err e = AC_ERR_NOT_FOUND;
	char *path;

	if (policy == NULL && log_keys != NULL)
		return policy_of_keys(out, log_keys, why);
	path = policyfile_find(policy);
	if (path == NULL)
		message_set(why, "no policy: name one with --policy, or the "
		    "log's keys alone with --log-keys");
	else
		e = policyfile_load(out, path, why);
	free(path);
	return e;
}

int
cmd_print(const char *name, struct writer *w, int code)
{
	struct buf text = { 0 };
	enum ac_err e = wr_end(w, &text);

	if (e == AC_OK)
		e = file_write_all(STDOUT_FILENO, buf_span(&text));
	buf_free(&text);
	if (e == AC_OK)
		return code;
	(void)fprintf(stderr, "aicert-audit %s: cannot print the result: %s\n",
	    name, e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
	return CMD_CANNOT;
}

unsigned
cmd_threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 4 : n > 4 ? 16 : 4 * (unsigned)n;
}
