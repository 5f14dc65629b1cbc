/* cmd.c -- what every subcommand says alike; see cmd.h. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "producer/cmd.h"

int
cmd_failed(const char *name, const struct message *why)
{
	(void)fprintf(stderr, "aicert %s: %s\n", name, why->text);
	return CMD_FAILED;
}

enum ac_err
cmd_print(struct writer *w)
{
	struct buf text = { 0 };
	enum ac_err e = wr_end(w, &text);

	if (e == AC_OK)
		(void)fwrite(text.p, 1, text.len, stdout);
	buf_free(&text);
	return e;
}

void
cmd_catch(int *fd, sigset_t *stops, sigset_t *before)
{
	(void)sigemptyset(stops);
	(void)sigaddset(stops, SIGINT);
	(void)sigaddset(stops, SIGTERM);
	(void)sigaddset(stops, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, stops, before);
	*fd = signalfd(-1, stops, SFD_CLOEXEC | SFD_NONBLOCK);
}

void
cmd_release(int fd, const sigset_t *stops, const sigset_t *before)
{
	if (fd >= 0)
		(void)close(fd);
	while (sigtimedwait(stops, NULL, &(struct timespec){ 0 }) > 0)
		continue;
	(void)sigprocmask(SIG_SETMASK, before, NULL);
}

int
cmd_usage(const char *name, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "aicert %s: ", name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\nTry \"aicert help %s\".\n", name);
	return CMD_USAGE;
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
