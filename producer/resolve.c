/* resolve.c -- floating references; see resolve.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cert/limits.h"
#include "common/text.h"
#include "producer/intake.h"
#include "producer/measure.h"
#include "producer/resolve.h"
#include "producer/rules.h"
#include "producer/world.h"

#define STALL_S 900      /* how long a stream may be silent */
#define COPY "copy"      /* its name in the scratch folder */
#define COMMIT_MAX 65    /* 64 digits and LF */

/* What a helper fetches, on its way to the scratch folder. */
struct pull {
	int fd, store_fd, stop[2];
	struct measured found;
	enum ac_err err;
	struct message why;
};

static void *
take(void *arg)
{
	struct pull *p = arg;
	const struct intake_options options = { .bytes_max = INPUT_BYTES_MAX,
		.stall_s = STALL_S, .stop_fd = p->stop[0] };

	p->err = intake_stream(&p->found, p->fd, p->store_fd, COPY, &options,
	    &p->why);
	(void)close(p->fd); /* a writer that goes on hears of it */
	return NULL;
}

/* Hear the helper until it ends, or the user wishes it. */
static enum ac_err
hear(struct world *w, int cancel_fd, const struct resolve_watch *watch,
    struct message *why)
{
	bool ended = false;
	enum ac_err e = AC_OK;

	while (e == AC_OK && !ended) {
		struct pollfd p[2] = {
			{ .fd = world_fd(w), .events = POLLIN },
			{ .fd = cancel_fd, .events = POLLIN },
		};

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return BECAUSE(why, AC_ERR_IO, "cannot wait");
		if (p[1].revents != 0)
			return BECAUSE(why, AC_ERR_BUSY, "interrupted");
		if (p[0].revents != 0)
			e = world_read(w, watch->progress, watch->arg, &ended);
	}
	return e == AC_OK ? world_result(w, why) :
	    BECAUSE(why, e, "its helper cannot be heard");
}

/* Fetch uri and measure it. */
static enum ac_err
fetch(struct measured *out, const char *uri, int store_fd, int cancel_fd,
    const struct resolve_watch *watch, struct message *why)
{
	struct world_spec spec = { .verb = "file", .in_fd = -1, .task = uri,
		.network = true };
	struct pull pull = { .store_fd = store_fd, .stop = { -1, -1 } };
	struct world w = WORLD_NONE;
	enum ac_err e = AC_ERR_IO;
	pthread_t thread;
	int p[2];

	message_set(why, "no pipe for a helper");
	if (pipe2(p, O_CLOEXEC) != 0)
		return e;
	if (pipe2(pull.stop, O_CLOEXEC) != 0) {
		(void)close(p[0]);
		(void)close(p[1]);
		return e;
	}
	spec.out_fd = p[1];
	pull.fd = p[0];
	e = world_start(&w, &spec, why);
	(void)close(p[1]);
	if (e != AC_OK) {
		(void)close(p[0]);
		goto out;
	}
	if (pthread_create(&thread, NULL, take, &pull) != 0) {
		(void)close(p[0]);
		e = BECAUSE(why, AC_ERR_MEMORY, "no thread");
		goto out;
	}
	e = hear(&w, cancel_fd, watch, why);
	world_end(&w);
	if (e != AC_OK)
		(void)!write(pull.stop[1], "", 1);
	(void)pthread_join(thread, NULL);
	if (e == AC_OK && pull.err != AC_OK) {
		e = pull.err;
		*why = pull.why;
	}
	if (e == AC_OK)
		*out = pull.found;
out:
	world_end(&w);
	(void)close(pull.stop[0]);
	(void)close(pull.stop[1]);
	return e;
}

static enum ac_err
measure_local(struct measured *out, const char *path, int store_fd,
    bool model, struct message *why)
{
	/* A FIFO must not hold it up; it is refused. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum ac_err e;

	if (fd < 0) {
		e = errno == ENOENT ? AC_ERR_NOT_FOUND : AC_ERR_IO;
		message_set(why, "cannot read ");
		message_add_quoted(why, span_str(path));
		message_add(why, ": %s", strerror(errno));
		return e;
	}
	e = measure_input(out, fd, store_fd, COPY, model, why);
	(void)close(fd);
	return e;
}

/* "latest": what is there now. */
static enum ac_err
resolve_latest(char **out, const struct config *c, size_t i, int store_fd,
    int cancel_fd, const struct resolve_watch *watch, struct message *why)
{
	const struct config_input *where = &c->input[i];
	bool packed = where->compression != WIRE_NONE ||
	    rules_is_archive(&c->request.input[i]);
	struct measured m = { .tree = false };
	char hex[65] = { 0 };
	enum ac_err e = where->path[0] != '\0' ?
	    measure_local(&m, where->path, store_fd,
	    rules_is_certified(&c->request.input[i]), why) :
	    fetch(&m, where->uri, store_fd, cancel_fd, watch, why);

	if (e != AC_OK)
		return e;
	text_hex(hex, span_digest(&m.sha256));
	if (asprintf(out, "%ssha256:%s", packed ? "download:" : "", hex) < 0)
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	return AC_OK;
}

/* "gitCommit:" and what a helper says: 40 or 64 hex digits and an LF. */
static enum ac_err
take_commit(char **out, struct span said, struct message *why)
{
	struct span hex, pin;
	char *made;
	int n = asprintf(&made, "gitCommit:%.*s", (int)said.len -
	    (said.len > 0 && said.p[said.len - 1] == '\n'),
	    (const char *)said.p);

	if (n < 0)
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	pin = span_of(made, (size_t)n);
	if (!rules_git_pin(&hex, pin)) {
		free(made);
		return BECAUSE(why, AC_ERR_FORMAT, "what is answered is no "
		    "commit");
	}
	*out = made;
	return AC_OK;
}

/* The commit that a reference of git, or a revision of a hub, is now. */
static enum ac_err
resolve_commit(char **out, const struct config *c, size_t i, const char *kind,
    struct span name, int cancel_fd, struct message *why)
{
	static const char *const passed[] = { "HF_ENDPOINT", "HF_TOKEN" };
	const struct request_input *in = &c->request.input[i];
	char *reference = NULL, *env[2] = { NULL };
	const char *more[] = { NULL, c->input[i].uri, NULL };
	struct world_spec spec = { .verb = "resolve", .in_fd = -1,
		.network = true, .more = more,
		.env = (const char *const *)env };
	struct buf said = { 0 };
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory");
	spec.task = rules_is_git(in) ? "git" :
	    span_is(in->type, "dataset") ? "dataset" : "model";
	if (asprintf(&reference, "%s%.*s", kind, (int)name.len,
	    (const char *)name.p) < 0) {
		reference = NULL;
		goto out;
	}
	more[0] = reference;
	for (size_t k = 0; !rules_is_git(in) && k < 2; k++) {
		const char *value = getenv(passed[k]);

		if (value == NULL)
			continue;
		if (asprintf(&env[spec.nenv], "%s=%s", passed[k], value) < 0) {
			env[spec.nenv] = NULL;
			goto out;
		}
		spec.nenv++;
	}
	e = world_ask(&said, &spec, COMMIT_MAX, cancel_fd, why);
	if (e == AC_OK)
		e = take_commit(out, buf_span(&said), why);
out:
	for (size_t k = 0; k < spec.nenv; k++) {
		ac_wipe(env[k], strlen(env[k]));
		free(env[k]);
	}
	free(reference);
	buf_free(&said);
	return e;
}

enum ac_err
resolve_pin(char **out, const struct config *c, size_t i, const char *scratch,
    int cancel_fd, const struct resolve_watch *watch, struct message *why)
{
	const struct request_input *in = &c->request.input[i];
	struct span name;
	enum ac_err e;
	int store_fd;

	if (rules_floats_as(&name, in->pin, "branch"))
		return resolve_commit(out, c, i, "refs/heads/", name,
		    cancel_fd, why);
	if (rules_floats_as(&name, in->pin, "tag"))
		return resolve_commit(out, c, i, "refs/tags/", name,
		    cancel_fd, why);
	if (rules_floats_as(&name, in->pin, "revision"))
		return resolve_commit(out, c, i, "", name, cancel_fd, why);
	store_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store_fd < 0)
		return BECAUSE(why, AC_ERR_IO, "the scratch folder is gone");
	e = resolve_latest(out, c, i, store_fd, cancel_fd, watch, why);
	(void)close(store_fd);
	return e;
}
