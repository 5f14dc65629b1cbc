/* cmd.c -- what every command of aicert-image does alike; see cmd.h. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/file.h"
#include "vm-image/cmd.h"

int
cmd_failed(const char *name, const struct message *why)
{
	(void)fprintf(stderr, "aicert-image %s: %s\n", name, why->text);
	return CMD_CANNOT;
}

int
cmd_usage(const char *name, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "aicert-image %s: ", name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\nTry \"aicert-image help %s\".\n", name);
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

enum ac_err
cmd_uki(struct uki *u, struct buf *file, const char *path, struct message *why)
{
	struct message what = { "" };
	enum ac_err e = file_read(file, path, UKI_MAX);

	if (e != AC_OK)
		message_set(&what, "cannot be read: %s", e == AC_ERR_IO ?
		    strerror(errno) : ac_strerror(e));
	else
		e = uki_parse(u, buf_span(file), &what);
	if (e != AC_OK) {
		message_set(why, "the UKI ");
		message_add_quoted(why, span_str(path));
		message_add(why, ": %s", what.text);
	}
	return e;
}

int
cmd_print(const char *name, struct writer *w, int code)
{
	struct buf text = { 0 };
	enum ac_err e = wr_end(w, &text);

	if (e == AC_OK)
		(void)fwrite(text.p, 1, text.len, stdout);
	buf_free(&text);
	if (e == AC_OK)
		return code; /* main() checks the output */
	(void)fprintf(stderr, "aicert-image %s: cannot make the result: %s\n",
	    name, ac_strerror(e));
	return CMD_CANNOT;
}
