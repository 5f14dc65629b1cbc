/* alert.c -- alerts to files and commands; see alert.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auditor/alert.h"
#include "cert/limits.h"
#include "common/file.h"
#include "common/time.h"

#define LINE_MAX_BYTES (4 * MIB)
#define STEP_MS 20

struct alerts {
	struct alerts_options o;
	int fd;
	uint64_t n;
};

enum ac_err
alerts_open(struct alerts **out, const struct alerts_options *o,
    struct message *why)
{
	struct alerts *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	a->o = *o;
	a->fd = STDOUT_FILENO;
	if (o->file != NULL)
		a->fd = open(o->file, O_WRONLY | O_APPEND | O_CREAT |
		    O_CLOEXEC | O_NOCTTY, 0644);
	if (a->fd < 0) {
		message_set(why, "cannot write alerts to ");
		message_add_quoted(why, span_str(o->file));
		message_add(why, ": %s", strerror(errno));
		free(a);
		return AC_ERR_IO;
	}
	*out = a;
	return AC_OK;
}

void
alerts_close(struct alerts *a)
{
	if (a == NULL)
		return;
	if (a->fd != STDOUT_FILENO)
		(void)close(a->fd);
	free(a);
}

uint64_t
alerts_count(const struct alerts *a)
{
	return a->n;
}

static void
write_line(struct writer *w, const struct alert *x, int64_t now_s)
{
	char when[TIME_RFC3339_LEN + 1] = "";

	/* A clock beyond the year 9999 leaves the time out. */
	(void)!time_format(when, now_s);
	wr_printf(w, "{\"time\":\"%s\",\"alert\":\"%s\",\"severity\":\"%s\","
	    "\"log\":", when, x->kind, x->fault ? "fault" : "notice");
	wr_json(w, span_str(x->origin));
	wr_str(w, ",\"treeSize\":");
	wr_dec(w, x->size);
	if (x->has_index) {
		wr_str(w, ",\"index\":");
		wr_dec(w, x->index);
	}
	if (x->d != NULL) {
		wr_str(w, ",\"statement\":\"");
		wr_hex(w, span_digest(x->d));
		wr_u8(w, '"');
	}
	if (x->key != NULL) {
		wr_str(w, ",\"key\":\"");
		wr_hex(w, span_digest(x->key));
		wr_u8(w, '"');
	}
	if (x->watch != NULL) {
		wr_str(w, ",\"watch\":");
		wr_json(w, span_str(x->watch));
	}
	if (x->condition != NULL)
		wr_printf(w, ",\"condition\":\"%s\"", x->condition);
	if (x->evidence != NULL) {
		wr_str(w, ",\"evidence\":");
		wr_json(w, span_str(x->evidence));
	}
	if (x->affected.len > 0) {
		wr_str(w, ",\"affected\":");
		wr_bytes(w, x->affected);
	}
	wr_str(w, ",\"message\":");
	wr_json(w, x->message);
	wr_str(w, "}\n");
}

/* Wait for the child, at most ALERT_COMMAND_S. */
static bool
await(const struct alerts *a, pid_t pid)
{
	int status = 0;

	for (long ms = 0;; ms += STEP_MS) {
		struct timespec t = { 0, STEP_MS * 1000000L };
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0;
		if (got < 0 && errno != EINTR)
			return false;
		if (ms > ALERT_COMMAND_S * 1000L ||
		    (a->o.stop != NULL && *a->o.stop != 0))
			break;
		(void)nanosleep(&t, NULL);
	}
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return false;
}

/* Feed the command; a pipe may be full, and nobody may read it. */
static void
feed(int fd, struct span text)
{
	int64_t left_ms = (int64_t)ALERT_COMMAND_S * 1000;

	while (text.len > 0 && left_ms > 0) {
		struct pollfd p = { fd, POLLOUT, 0 };
		ssize_t n;

		if (poll(&p, 1, STEP_MS) < 0 && errno != EINTR)
			return;
		left_ms -= STEP_MS;
		n = write(fd, text.p, text.len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return; /* it does not want to know */
		if (n > 0)
			text = span_of(text.p + n, text.len - (size_t)n);
	}
}

/* Run the command with the line on its standard input. */
static enum ac_err
run(const struct alerts *a, struct span line, struct message *why)
{
	char sh[] = "/bin/sh", c[] = "-c";
	char *command = strdup(a->o.command);
	char *argv[] = { sh, c, command, NULL };
	posix_spawn_file_actions_t actions;
	bool good = false;
	int fd[2] = { -1, -1 }, error = ENOMEM;
	pid_t pid;

	if (command == NULL || posix_spawn_file_actions_init(&actions) != 0) {
		free(command);
		message_set(why, "no memory to run the command of --on-alert");
		return AC_ERR_MEMORY;
	}
	if (pipe2(fd, O_CLOEXEC) != 0 ||
	    fcntl(fd[1], F_SETFL, O_NONBLOCK) != 0 ||
	    posix_spawn_file_actions_adddup2(&actions, fd[0], 0) != 0)
		error = errno;
	else
		error = posix_spawn(&pid, sh, &actions, NULL, argv, environ);
	if (fd[0] >= 0)
		(void)close(fd[0]);
	if (error == 0) {
		feed(fd[1], line);
		(void)close(fd[1]);
		good = await(a, pid);
	} else if (fd[1] >= 0) {
		(void)close(fd[1]);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	free(command);
	if (good)
		return AC_OK;
	message_set(why, "the command of --on-alert %s; the alert counts as "
	    "not given, and is given again", error != 0 ? strerror(error) :
	    "failed, or took too long");
	return AC_ERR_IO;
}

enum ac_err
alerts_give(struct alerts *a, const struct alert *x, int64_t now_s,
    struct message *why)
{
	struct buf line = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, LINE_MAX_BYTES);
	write_line(&w, x, now_s);
	e = wr_end(&w, &line);
	if (e == AC_OK)
		e = file_write_all(a->fd, buf_span(&line));
	/* A pipe or terminal cannot be synced, a file is. */
	if (e == AC_OK && fsync(a->fd) != 0 && errno != EINVAL &&
	    errno != EROFS)
		e = AC_ERR_IO;
	if (e != AC_OK)
		message_set(why, "cannot write an alert: %s", e == AC_ERR_IO ?
		    strerror(errno) : ac_strerror(e));
	if (e == AC_OK && a->o.command != NULL)
		e = run(a, buf_span(&line), why);
	buf_free(&line);
	if (e == AC_OK)
		a->n++;
	return e;
}
