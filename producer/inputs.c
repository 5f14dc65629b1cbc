/*
 * inputs.c -- the way of the inputs to the recorder; see inputs.h.
 *
 * One thread that waits for everybody: the recorder, the helpers' voices, the
 * user.  An input is local (its descriptor goes to the recorder) or fetched (a
 * helper with network writes a tree stream to the recorder); where it is
 * packed that is its download, which comes back to be read by a second
 * helper, without network, whose tree stream is the input.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "producer/inputs.h"
#include "producer/rules.h"
#include "producer/tree.h"
#include "producer/world.h"

/* After its stream is refused, how long a helper may take to say more. */
#define LAST_WORD_MS 5000
#define PIPE_BYTES (1 << 20) /* of a tree stream on its way */

struct way {
	const struct request_input *in;
	const struct config_input *where;
	struct world world;
	bool begun, in_world, done;
	char *scratch; /* owned; a folder of its helper's, or NULL */
	struct inputs *all;
};

struct inputs {
	struct run *run;
	const struct request *request;
	const char *scratch, *store;
	struct message *why;
	struct way *way; /* the inputs', then the image's */
	size_t n, next, active, done;
	size_t failed; /* WIRE_NO_INPUT: none in particular */
};

static bool
is_image(const struct way *y)
{
	return y->in == &y->all->request->image;
}

/* "input NAME", or what the image is called. */
static void
set_name(struct message *out, const struct way *y)
{
	if (is_image(y)) {
		message_set(out, "the image");
		return;
	}
	message_set(out, "input ");
	message_add_quoted(out, y->in->name);
}

static void
tell(const struct way *y, struct span sentence)
{
	const struct run_watch *w = &y->all->run->watch;
	struct message m = { "" };

	set_name(&m, y);
	message_add(&m, ": %.*s", (int)sentence.len, (const char *)sentence.p);
	w->progress(w->arg, span_str(m.text));
}

static void
tell_progress(void *arg, struct span sentence)
{
	tell(arg, sentence);
}

/* Put the input's name before what is said. */
static enum ac_err
about(struct inputs *t, const struct way *y, enum ac_err e)
{
	struct message what = *t->why;

	set_name(t->why, y);
	message_add(t->why, ": %s; nothing was run", what.text);
	t->failed = (size_t)(y - t->way);
	return e;
}

/* ---- helpers ---- */

/* Start a helper whose answer goes to the recorder as verb. */
static enum ac_err
start_helper(struct inputs *t, struct way *y, enum wire_type verb,
    const struct world_spec *spec)
{
	struct world_spec s = *spec;
	enum ac_err e;
	int p[2];

	if (pipe2(p, O_CLOEXEC) != 0) {
		message_set(t->why, "no pipe for a helper");
		return about(t, y, AC_ERR_IO);
	}
	/* Fewer turns between the two; the kernel may refuse. */
	(void)fcntl(p[1], F_SETPIPE_SZ, PIPE_BYTES);
	s.out_fd = p[1];
	e = world_start(&y->world, &s, t->why);
	(void)close(p[1]);
	if (e == AC_OK) {
		y->in_world = true;
		run_send(t->run, verb, (size_t)(y - t->way), WIRE_STREAM,
		    p[0]);
	} else {
		e = about(t, y, e);
	}
	(void)close(p[0]);
	return e;
}

/* Fetch by a helper with network, as spec says. */
static enum ac_err
fetch_by(struct inputs *t, struct way *y, enum wire_type verb,
    const struct world_spec *spec)
{
	struct world_spec s = *spec;

	s.in_fd = -1;
	s.network = true;
	s.scratch = y->scratch;
	return start_helper(t, y, verb, &s);
}

/* The hex of the commit that is pinned. */
static enum ac_err
take_commit(struct inputs *t, const struct way *y, char out[65])
{
	struct span hex = { 0 };

	if (!rules_git_pin(&hex, y->in->pin)) {
		message_set(t->why, "no commit is pinned");
		return about(t, y, AC_ERR_FORMAT);
	}
	memcpy(out, hex.p, hex.len);
	out[hex.len] = '\0';
	return AC_OK;
}

/* A repository: its helper needs room on the disk. */
static enum ac_err
fetch_git(struct inputs *t, struct way *y)
{
	const char *const more[] = { y->where->uri, NULL };
	char commit[65];
	const struct world_spec spec = { .verb = "git", .task = commit,
		.more = more };
	enum ac_err e = take_commit(t, y, commit);

	if (e != AC_OK)
		return e;
	if (asprintf(&y->scratch, "%s/%.*s", t->scratch,
	    (int)y->in->name.len, (const char *)y->in->name.p) < 0) {
		y->scratch = NULL;
		message_set(t->why, "no memory");
		return about(t, y, AC_ERR_MEMORY);
	}
	if (mkdir(y->scratch, 0755) != 0) {
		message_set(t->why, "cannot make a folder to fetch into: %s",
		    strerror(errno));
		return about(t, y, AC_ERR_IO);
	}
	return fetch_by(t, y, WIRE_INPUT, &spec);
}

/* Append NAME=value, owned, where the caller has such a variable. */
static bool
add_variable(char *env[], size_t *n, const char *name)
{
	const char *value = getenv(name);

	if (value == NULL || value[0] == '\0')
		return true;
	if (asprintf(&env[*n], "%s=%s", name, value) < 0)
		return false;
	++*n;
	return true;
}

/* A hub: its token and address are the caller's, and nowhere else. */
static enum ac_err
fetch_hub(struct inputs *t, struct way *y)
{
	const char *more[2 + RULES_PATHS_MAX + 1] = { NULL };
	char *files = strdup(y->where->files), *left = files;
	char commit[65], *env[2];
	struct world_spec spec = { .verb = "hub", .more = more,
		.env = (const char *const *)env,
		.task = span_is(y->in->type, "dataset") ? "dataset" :
		    "model" };
	enum ac_err e = take_commit(t, y, commit);
	size_t n = 0;

	if (e == AC_OK && (files == NULL ||
	    !add_variable(env, &spec.nenv, "HF_ENDPOINT") ||
	    !add_variable(env, &spec.nenv, "HF_TOKEN"))) {
		message_set(t->why, "no memory");
		e = about(t, y, AC_ERR_MEMORY);
	}
	if (e != AC_OK)
		goto out;
	more[n++] = commit;
	more[n++] = y->where->uri;
	while (*left != '\0' && n < 2 + RULES_PATHS_MAX) {
		more[n++] = left;
		left += strcspn(left, "\n");
		if (*left != '\0')
			*left++ = '\0';
	}
	e = fetch_by(t, y, WIRE_INPUT, &spec);
out:
	for (size_t i = 0; i < spec.nenv; i++) {
		ac_wipe(env[i], strlen(env[i]));
		free(env[i]);
	}
	free(files);
	return e;
}

/* The parts of the image, from a registry or a folder of this machine. */
static enum ac_err
fetch_image(struct inputs *t, struct way *y)
{
	struct world_spec spec = { .verb = "image", .in_fd = -1 };
	struct span pin = y->in->pin;
	bool layout = y->where->path[0] != '\0';
	enum ac_err e;
	char *task;

	if (asprintf(&task, "%s@%.*s", layout ? "oci:" WORLD_FOLDER :
	    y->where->uri, (int)pin.len, (const char *)pin.p) < 0) {
		message_set(t->why, "no memory");
		return about(t, y, AC_ERR_MEMORY);
	}
	spec.task = task;
	spec.network = !layout;
	spec.folder = layout ? y->where->path : NULL;
	e = start_helper(t, y, WIRE_DOWNLOAD, &spec);
	free(task);
	return e;
}

static enum ac_err
unpack_image(struct inputs *t, struct way *y)
{
	struct world_spec spec = { .verb = "layers", .task = WORLD_FOLDER,
		.in_fd = -1 };
	enum ac_err e;
	char *parts;

	if (asprintf(&parts, "%s/" RECORDER_LAYERS, t->store) < 0) {
		message_set(t->why, "no memory");
		return about(t, y, AC_ERR_MEMORY);
	}
	spec.folder = parts;
	e = start_helper(t, y, WIRE_INPUT, &spec);
	free(parts);
	return e;
}

static enum ac_err
fetch(struct inputs *t, struct way *y, enum wire_type verb)
{
	const struct world_spec file = { .verb = "file",
		.task = y->where->uri };

	if (rules_is_hub(y->in))
		return fetch_hub(t, y);
	return rules_is_git(y->in) ? fetch_git(t, y) :
	    fetch_by(t, y, verb, &file);
}

/* What a helper had on the disk is needed no longer. */
static void
clear(struct way *y)
{
	if (y->scratch != NULL)
		(void)!tree_remove(y->scratch); /* the build's end tries again */
	free(y->scratch);
	y->scratch = NULL;
}

static enum ac_err
unpack(struct inputs *t, struct way *y, int fd)
{
	const struct world_spec spec = { .verb = "unpack",
		.task = rules_is_archive(y->in) ? "archive" :
		    y->where->compression == WIRE_GZIP ? "gzip" : "zstd",
		.in_fd = fd };

	return start_helper(t, y, WIRE_INPUT, &spec);
}

static enum ac_err
hear(struct inputs *t, struct way *y)
{
	bool ended = false;
	enum ac_err e = world_read(&y->world, tell_progress, y, &ended);

	if (e != AC_OK)
		message_set(t->why, "its helper cannot be heard");
	else if (!ended)
		return AC_OK;
	else
		e = world_result(&y->world, t->why);
	world_end(&y->world);
	y->in_world = false;
	return e == AC_OK ? AC_OK : about(t, y, e);
}

/*
 * The recorder refused input i with e.  Where its helper failed before, what
 * that says is the cause.
 */
static enum ac_err
ask_helper(struct inputs *t, size_t i, enum ac_err e)
{
	struct message said = *t->why, better = { "" };
	struct way *y = &t->way[i];
	struct pollfd p = { .events = POLLIN };
	bool ended = false;

	if (!y->in_world)
		return e;
	p.fd = world_fd(&y->world);
	while (!ended && poll(&p, 1, LAST_WORD_MS) > 0)
		if (world_read(&y->world, NULL, NULL, &ended) != AC_OK)
			break;
	if (ended && y->world.failed) {
		e = world_result(&y->world, &better);
		*t->why = better;
		return about(t, y, e);
	}
	*t->why = said;
	return e;
}

/* ---- an input ---- */

static enum ac_err
begin_local(struct inputs *t, struct way *y, enum wire_type verb)
{
	/* A FIFO must not hold the build up; the recorder refuses it. */
	int fd = open(y->where->path, O_RDONLY | O_CLOEXEC | O_NOCTTY |
	    O_NONBLOCK);

	if (fd < 0) {
		enum ac_err e = errno == ENOENT ? AC_ERR_NOT_FOUND :
		    AC_ERR_IO;

		message_set(t->why, "cannot read ");
		message_add_quoted(t->why, span_str(y->where->path));
		message_add(t->why, ": %s", strerror(errno));
		return about(t, y, e);
	}
	run_send(t->run, verb, (size_t)(y - t->way), WIRE_LOCAL, fd);
	(void)close(fd);
	return AC_OK;
}

/* A lock file is opened by the recorder, in what it has already. */
static enum ac_err
begin_lock(struct inputs *t, struct way *y)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		message_set(t->why, "cannot open /dev/null");
		return about(t, y, AC_ERR_IO);
	}
	run_send(t->run, WIRE_INPUT, (size_t)(y - t->way), WIRE_LOCAL, fd);
	(void)close(fd);
	return AC_OK;
}

static enum ac_err
begin(struct inputs *t, struct way *y)
{
	enum wire_type verb = y->where->compression == WIRE_NONE &&
	    !rules_is_archive(y->in) ? WIRE_INPUT : WIRE_DOWNLOAD;
	struct span path;
	size_t of;

	y->begun = true;
	if (is_image(y))
		return fetch_image(t, y);
	if (rules_is_lock(t->request, (size_t)(y - t->way), &of, &path))
		return begin_lock(t, y);
	return y->where->path[0] == '\0' ? fetch(t, y, verb) :
	    begin_local(t, y, verb);
}

static void
tell_measured(const struct way *y, const struct measured *m)
{
	struct message text;

	message_set(&text, "%llu bytes%s, sha256:",
	    (unsigned long long)m->bytes, is_image(y) ? " in all" : "");
	message_add_digest(&text, &m->sha256);
	if (m->git_commit[0] != '\0')
		message_add(&text, ", of commit %s", m->git_commit);
	message_add(&text, ", as pinned");
	tell(y, span_str(text.text));
}

static enum ac_err
take_answer(struct inputs *t)
{
	struct run_answer a = { .fd = -1 };
	bool answered;
	struct way *y;
	enum ac_err e = run_take(t->run, &a, &answered, &t->failed, t->why);

	if (e != AC_OK)
		return t->failed < t->n ? ask_helper(t, t->failed, e) : e;
	if (!answered)
		return AC_OK;
	if (a.index >= t->n || !t->way[a.index].begun ||
	    t->way[a.index].done) {
		message_set(t->why, "the recorder answers what was not asked");
		e = AC_ERR_FORMAT;
		goto out;
	}
	y = &t->way[a.index];
	/* Its helper has written all, and has nothing more to say. */
	if (y->in_world)
		world_end(&y->world);
	y->in_world = false;
	clear(y);
	if (a.type == WIRE_FETCHED) {
		e = is_image(y) ? unpack_image(t, y) : unpack(t, y, a.fd);
	} else {
		tell_measured(y, &a.measured);
		y->done = true;
		t->active--;
		t->done++;
	}
out:
	if (a.fd >= 0)
		(void)close(a.fd);
	return e;
}

/* Wait for whoever is next. */
static enum ac_err
step(struct inputs *t)
{
	struct pollfd p[RECORDER_AT_ONCE + 2];
	struct way *of[RECORDER_AT_ONCE];
	nfds_t n = 2;

	p[0] = (struct pollfd){ .fd = t->run->sock, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = t->run->cancel_fd, .events = POLLIN };
	for (size_t i = 0; i < t->n; i++) {
		struct way *y = &t->way[i];

		if (!y->in_world)
			continue;
		of[n - 2] = y;
		p[n++] = (struct pollfd){ .fd = world_fd(&y->world),
			.events = POLLIN };
	}
	if (poll(p, n, -1) < 0)
		return errno == EINTR ? AC_OK : AC_ERR_IO;
	if (p[1].revents != 0) {
		message_set(t->why, "interrupted; nothing was kept");
		return AC_ERR_BUSY;
	}
	for (nfds_t i = 2; i < n; i++)
		if (p[i].revents != 0)
			return hear(t, of[i - 2]);
	return p[0].revents != 0 ? take_answer(t) : AC_OK;
}

/* The next in turn: the image first, as it is recorded first. */
static size_t
in_turn(const struct inputs *t)
{
	if (!t->request->has_image)
		return t->next;
	return t->next == 0 ? t->n - 1 : t->next - 1;
}

/* Is there an input that can come now? */
static bool
may_begin(const struct inputs *t)
{
	struct span path;
	size_t of;

	return t->next < t->n && t->active < RECORDER_AT_ONCE &&
	    (is_image(&t->way[in_turn(t)]) ||
	    !rules_is_lock(t->request, in_turn(t), &of, &path) ||
	    t->way[of].done);
}

enum ac_err
inputs_give(struct run *r, const struct config *c, const char *scratch,
    const char *store, size_t *failed, struct message *why)
{
	struct inputs t = { .run = r, .why = why, .request = &c->request,
		.scratch = scratch, .store = store,
		.n = c->request.ninputs + c->request.has_image,
		.failed = WIRE_NO_INPUT };
	enum ac_err e = AC_OK;

	*failed = WIRE_NO_INPUT;
	t.way = calloc(t.n + 1, sizeof(*t.way));
	if (t.way == NULL) {
		message_set(why, "no memory");
		return AC_ERR_MEMORY;
	}
	for (size_t i = 0; i < t.n; i++)
		t.way[i] = (struct way){ .in = i == c->request.ninputs ?
			&c->request.image : &c->request.input[i],
			.where = &c->input[i], .world = WORLD_NONE,
			.all = &t };
	while (e == AC_OK && t.done < t.n) {
		if (may_begin(&t)) {
			size_t i = in_turn(&t);

			t.active++;
			t.next++;
			e = begin(&t, &t.way[i]);
		} else {
			e = step(&t);
		}
	}
	for (size_t i = 0; i < t.n; i++) {
		if (t.way[i].in_world)
			world_end(&t.way[i].world);
		clear(&t.way[i]);
	}
	if (e != AC_OK && t.failed < t.n)
		*failed = t.failed;
	free(t.way);
	return e;
}
