/* ancestor.c -- the certificate of an input; see ancestor.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cert/json.h"
#include "common/writer.h"
#include "producer/ancestor.h"

#define PROGRAM "aicert-verify"
#define CHUNK 4096
#define REPORT_BYTES ((size_t)4 << 20) /* of a report as JSON */

/* Beside this program, else where PATH finds it. */
static void
find_program(char path[4096])
{
	ssize_t n = readlink("/proc/self/exe", path, 4096);
	char *slash = n <= 0 || n == 4096 ? NULL : memrchr(path, '/',
	    (size_t)n);

	if (slash != NULL && (size_t)(slash + 1 - path) + sizeof(PROGRAM) <=
	    4096) {
		memcpy(slash + 1, PROGRAM, sizeof(PROGRAM));
		if (access(path, X_OK) == 0)
			return;
	}
	memcpy(path, PROGRAM, sizeof(PROGRAM));
}

/* A child that writes to out_fd, and reads nothing. */
static enum ac_err
start(pid_t *pid, const char *folder, const char *policy, int out_fd,
    struct message *why)
{
	char path[4096], name[] = PROGRAM, json[] = "--json";
	char option[] = "--policy", end[] = "--";
	char *given = policy == NULL ? NULL : strdup(policy);
	char *model = strdup(folder);
	char *words[7] = { name, json };
	posix_spawn_file_actions_t actions;
	size_t n = 2;
	int error;

	if (model == NULL || (policy != NULL && given == NULL) ||
	    posix_spawn_file_actions_init(&actions) != 0) {
		free(given);
		free(model);
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	}
	if (given != NULL) {
		words[n++] = option;
		words[n++] = given;
	}
	words[n++] = end;
	words[n++] = model;
	words[n] = NULL;
	find_program(path);
	error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null",
	    O_RDONLY, 0);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
	if (error == 0)
		error = posix_spawn_file_actions_addopen(&actions, 2,
		    "/dev/null", O_WRONLY, 0);
	if (error == 0)
		error = posix_spawnp(pid, path, &actions, NULL, words,
		    environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	free(given);
	free(model);
	if (error == 0)
		return AC_OK;
	message_set(why, "cannot run " PROGRAM ": %s; it belongs beside this "
	    "program", strerror(error));
	return AC_ERR_NOT_FOUND;
}

/* Read what it says to its end. */
static enum ac_err
listen_to(struct buf *out, int fd, int cancel_fd, struct message *why)
{
	uint8_t chunk[CHUNK];
	struct writer w;
	enum ac_err e;
	ssize_t n;

	wr_init(&w, REPORT_BYTES);
	for (;;) {
		struct pollfd p[2] = {
			{ .fd = fd, .events = POLLIN },
			{ .fd = cancel_fd, .events = POLLIN },
		};

		if (poll(p, 2, -1) < 0 && errno != EINTR) {
			e = BECAUSE(why, AC_ERR_IO, PROGRAM " cannot be "
			    "heard");
			break;
		}
		if (p[1].revents != 0) {
			e = BECAUSE(why, AC_ERR_BUSY, "interrupted; nothing "
			    "was kept");
			break;
		}
		n = p[0].revents == 0 ? -1 : read(fd, chunk, sizeof(chunk));
		if (n < 0)
			continue;
		if (n == 0)
			return wr_end(&w, out);
		wr_bytes(&w, span_of(chunk, (size_t)n));
	}
	wr_free(&w);
	return e;
}

/* Why it is not verified: what the deciding check says, or the problem. */
static void
explain(struct message *why, struct json report, struct span verdict)
{
	struct span text;
	uint64_t by, step;

	message_set(why, "its certificate is ");
	message_add_quoted(why, verdict);
	if (json_string(json_get(report, "problem"), &text)) {
		message_add(why, ": ");
		message_add_quoted(why, text);
	}
	if (!json_uint(json_get(report, "decidedBy"), &by, 99))
		return;
	JSON_EACH(j, json_get(report, "checks")) {
		if (!json_uint(json_get(j, "step"), &step, 99) || step != by ||
		    !json_string(json_get(j, "detail"), &text))
			continue;
		message_add(why, ", by step %u: ", (unsigned)by);
		message_add_quoted(why, text);
	}
}

static enum ac_err
read_report(struct digest *d, struct digest *root, struct span text,
    struct message *why)
{
	struct json_doc doc = { 0 };
	struct json report;
	struct span verdict;
	enum ac_err e;

	message_set(why, PROGRAM " says nothing of its certificate that can "
	    "be read; run it on the input");
	e = json_parse(&doc, text);
	if (e != AC_OK)
		return e;
	report = json_root(&doc);
	e = AC_ERR_FORMAT;
	if (!json_string(json_get(report, "verdict"), &verdict))
		goto out;
	if (!span_is(verdict, "VERIFIED")) {
		explain(why, report, verdict);
		e = AC_ERR_MISMATCH;
		goto out;
	}
	if (json_digest(json_get(report, "statement"), d) &&
	    json_digest(json_get(report, "omsRoot"), root))
		e = AC_OK;
out:
	json_free(&doc);
	return e;
}

enum ac_err
ancestor_verify(struct digest *d, struct digest *root, const char *folder,
    const char *policy, int cancel_fd, struct message *why)
{
	struct buf text = { 0 };
	int p[2], status = -1;
	enum ac_err e;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) != 0)
		return BECAUSE(why, AC_ERR_IO, "no pipe for " PROGRAM);
	e = start(&pid, folder, policy, p[1], why);
	(void)close(p[1]);
	if (e != AC_OK) {
		(void)close(p[0]);
		return e;
	}
	e = listen_to(&text, p[0], cancel_fd, why);
	(void)close(p[0]);
	if (e != AC_OK)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (e == AC_OK)
		e = read_report(d, root, buf_span(&text), why);
	/* It says so twice, and means it. */
	if (e == AC_OK && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		e = BECAUSE(why, AC_ERR_IO, PROGRAM " ended with an error");
	buf_free(&text);
	return e;
}
