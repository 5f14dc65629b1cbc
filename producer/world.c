/* world.c -- a helper in a world of its own; see world.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cert/limits.h"
#include "common/text.h"
#include "producer/world.h"

#define PROGRAM "aicert-fetch"
#define INSIDE "/inputs/" PROGRAM
#define CHUNK 4096
#define PIDS 64
#define MOUNTS_MAX 5

/* Sanitizers reserve more than any limit, and look for leaks by ptrace. */
#ifdef AICERT_SANITIZED
#define MEMORY UINT64_C(0)
#define OPTIONS "detect_leaks=0"
#else
#define MEMORY (UINT64_C(2) << 30)
#define OPTIONS ""
#endif

/* Variables of ours that say how servers are reached. */
static const char *const proxies[] = { "http_proxy", "https_proxy",
	"HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY" };
/* And those that name a file or folder of CA certificates. */
static const char *const authorities[] = { "CURL_CA_BUNDLE", "SSL_CERT_FILE",
	"SSL_CERT_DIR" };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static enum ac_err
no_memory(struct message *why)
{
	message_set(why, "no memory");
	return AC_ERR_MEMORY;
}

enum ac_err
world_program(char **out, struct message *why)
{
	static const char *const places[] = { "", AICERT_LIBEXEC "/" };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		n = 0;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = 0; i < COUNT(places); i++) {
		char *path;

		if (asprintf(&path, "%s/%s" PROGRAM, self, places[i]) < 0)
			return no_memory(why);
		if (access(path, X_OK) == 0) {
			*out = path;
			return AC_OK;
		}
		free(path);
	}
	message_set(why, "the program %s is neither beside this one nor in %s "
	    "from there; install AICert as a whole", PROGRAM, AICERT_LIBEXEC);
	return AC_ERR_NOT_FOUND;
}

/* ---- the start ---- */

/* What a sandbox_spec borrows. */
struct job {
	const char *argv[WORLD_WORDS_MAX + 4];
	const char *env[WORLD_ENV_MAX];
	char *owned[WORLD_ENV_MAX];
	size_t nenv;
	struct sandbox_mount mount[MOUNTS_MAX];
	size_t nmounts;
	char *program;
};

static void
free_job(struct job *j)
{
	for (size_t i = 0; i < WORLD_ENV_MAX; i++)
		free(j->owned[i]);
	free(j->program);
}

static enum ac_err
add_env(struct job *j, const char *name, const char *before,
    const char *value, struct message *why)
{
	char *s;

	if (j->nenv == WORLD_ENV_MAX) {
		message_set(why, "too many variables for a helper");
		return AC_ERR_LIMIT;
	}
	if (asprintf(&s, "%s=%s%s", name, before, value) < 0)
		return no_memory(why);
	j->owned[j->nenv] = s;
	j->env[j->nenv++] = s;
	return AC_OK;
}

/* The way to servers is the caller's: its proxies, its CAs. */
static enum ac_err
add_network(struct job *j, struct message *why)
{
	enum ac_err e = AC_OK;

	for (size_t i = 0; e == AC_OK && i < COUNT(proxies); i++) {
		const char *value = getenv(proxies[i]);

		if (value != NULL)
			e = add_env(j, proxies[i], "", value, why);
	}
	for (size_t i = 0; e == AC_OK && i < COUNT(authorities); i++) {
		const char *value = getenv(authorities[i]);

		if (value == NULL || value[0] == '\0')
			continue;
		j->mount[j->nmounts++] = (struct sandbox_mount){ value,
			authorities[i] };
		e = add_env(j, authorities[i], "/inputs/", authorities[i],
		    why);
	}
	return e;
}

static enum ac_err
make_job(struct job *j, const struct world_spec *spec, struct message *why)
{
	enum ac_err e = AC_OK;

	if (spec->program != NULL) {
		j->program = strdup(spec->program);
		if (j->program == NULL)
			e = no_memory(why);
	} else {
		e = world_program(&j->program, why);
	}
	for (size_t i = 0; e == AC_OK && i < spec->nenv; i++) {
		if (j->nenv == WORLD_ENV_MAX) {
			message_set(why, "too many variables for a helper");
			e = AC_ERR_LIMIT;
		} else {
			j->env[j->nenv++] = spec->env[i];
		}
	}
	if (e == AC_OK && OPTIONS[0] != '\0')
		e = add_env(j, "ASAN_OPTIONS", "", OPTIONS, why);
	j->argv[0] = INSIDE;
	j->argv[1] = spec->verb;
	j->argv[2] = spec->task;
	for (size_t i = 0; spec->more != NULL && spec->more[i] != NULL; i++) {
		if (i == WORLD_WORDS_MAX)
			return BECAUSE(why, AC_ERR_LIMIT, "too many words for "
			    "a helper");
		j->argv[3 + i] = spec->more[i];
	}
	j->mount[j->nmounts++] = (struct sandbox_mount){ j->program, PROGRAM };
	if (spec->folder != NULL)
		j->mount[j->nmounts++] = (struct sandbox_mount){ spec->folder,
			&WORLD_FOLDER[sizeof("/inputs/") - 1] };
	if (e == AC_OK && spec->network)
		e = add_network(j, why);
	return e;
}

enum ac_err
world_start(struct world *out, const struct world_spec *spec,
    struct message *why)
{
	struct job j = { 0 };
	struct sandbox_why reason = { "" };
	struct world w = WORLD_NONE;
	enum ac_err e = make_job(&j, spec, why);

	if (e == AC_OK) {
		const struct sandbox_ends ends = { spec->in_fd,
			spec->out_fd };
		const struct sandbox_spec s = {
			.argv = j.argv,
			.env = j.env,
			.nenv = j.nenv,
			.inputs = j.mount,
			.ninputs = j.nmounts,
			.workspace = spec->scratch,
			.limits = { .memory_bytes = MEMORY, .pids = PIDS,
			    .wall_s = spec->wall_s },
			.ends = &ends,
			.network = spec->network,
		};

		e = sandbox_start(&w.sandbox, &s, &reason);
		if (e != AC_OK)
			message_set(why, "cannot confine %s: %s", PROGRAM,
			    reason.text);
	}
	free_job(&j);
	if (e == AC_OK)
		*out = w;
	return e;
}

/* ---- what it says ---- */

int
world_fd(const struct world *w)
{
	return w->sandbox.output_fd;
}

/* "!code why": the first is kept. */
static void
take_failure(struct world *w, struct span s)
{
	uint64_t code;
	size_t n = 0;

	while (n < s.len && s.p[n] != ' ')
		n++;
	if (w->failed || n == s.len ||
	    !text_undec(&code, span_of(s.p, n), AC_ERR_UNSUPPORTED) ||
	    code == AC_OK)
		return;
	w->failed = true;
	w->err = (enum ac_err)code;
	message_set(&w->why, "%.*s", (int)(s.len - n - 1),
	    (const char *)s.p + n + 1);
}

static void
take_line(struct world *w, void (*progress)(void *, struct span), void *arg)
{
	struct span s = span_of(w->line, w->len);

	for (size_t i = 0; i < w->len; i++)
		if (w->line[i] < 0x20 || w->line[i] > 0x7e)
			w->line[i] = '?';
	w->line[w->len] = '\0';
	if (s.len > 1 && s.p[0] == '!')
		take_failure(w, span_of(s.p + 1, s.len - 1));
	else if (s.len > 1 && s.p[0] == '+' && progress != NULL)
		progress(arg, span_of(s.p + 1, s.len - 1));
	w->len = 0;
}

enum ac_err
world_read(struct world *w, void (*progress)(void *arg, struct span sentence),
    void *arg, bool *ended)
{
	char chunk[CHUNK];
	size_t n = 0;
	enum ac_err e = sandbox_read(&w->sandbox, chunk, sizeof(chunk), &n);

	if (e != AC_OK)
		return e;
	for (size_t i = 0; i < n; i++) {
		if (chunk[i] == '\n')
			take_line(w, progress, arg);
		else if (w->len < WORLD_LINE_MAX)
			w->line[w->len++] = chunk[i];
	}
	*ended = n == 0;
	return AC_OK;
}

enum ac_err
world_result(struct world *w, struct message *why)
{
	struct sandbox_result r = { 0 };
	enum ac_err e = sandbox_wait(&w->sandbox, &r);

	if (e != AC_OK) {
		message_set(why, "the helper %s could not be run (%s)",
		    PROGRAM, ac_strerror(e));
		return e;
	}
	if (w->failed) {
		*why = w->why;
		return w->err;
	}
	if (r.timed_out) {
		message_set(why, "the helper %s took longer than its time",
		    PROGRAM);
		return AC_ERR_BUSY;
	}
	if (r.exit_status != 0) {
		message_set(why, "the helper %s ended with exit status %d "
		    "without a word%s", PROGRAM, r.exit_status,
		    r.exit_status > 128 ? "; is memory short?" : "");
		return AC_ERR_IO;
	}
	return AC_OK;
}

void
world_end(struct world *w)
{
	/* What does not die now dies with us; it has nothing of ours. */
	if (sandbox_end(&w->sandbox) == AC_OK)
		*w = WORLD_NONE;
}

/* ---- an answer ---- */

/* Read both of its voices to their ends. */
static enum ac_err
listen_to(struct world *w, struct writer *answer, int fd, int cancel_fd,
    struct message *why)
{
	bool said = false, answered = false;
	uint8_t chunk[CHUNK];
	enum ac_err e;

	while (!said || !answered) {
		struct pollfd p[3] = {
			{ .fd = answered ? -1 : fd, .events = POLLIN },
			{ .fd = said ? -1 : world_fd(w), .events = POLLIN },
			{ .fd = cancel_fd, .events = POLLIN },
		};
		ssize_t n;

		/* At its deadline world_read() ends it. */
		if (poll(p, 3, 1000) < 0 && errno != EINTR)
			return AC_ERR_IO;
		if (p[2].revents != 0) {
			message_set(why, "interrupted; nothing was kept");
			return AC_ERR_BUSY;
		}
		if (p[0].revents != 0) {
			n = read(fd, chunk, sizeof(chunk));
			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return AC_ERR_IO;
			answered = n == 0;
			wr_bytes(answer, span_of(chunk, (size_t)n));
			if (answer->err != AC_OK) {
				message_set(why, "the helper %s answers too "
				    "much", PROGRAM);
				return answer->err;
			}
		}
		if (p[1].revents != 0 || (!said && sandbox_is_late(
		    &w->sandbox))) {
			e = world_read(w, NULL, NULL, &said);
			if (e != AC_OK)
				return e;
		}
	}
	return AC_OK;
}

enum ac_err
world_ask(struct buf *out, const struct world_spec *spec, size_t max,
    int cancel_fd, struct message *why)
{
	struct world_spec s = *spec;
	struct world w = WORLD_NONE;
	struct buf got = { 0 };
	struct writer answer;
	int p[2];
	enum ac_err e;

	message_set(why, "the helper %s cannot be heard", PROGRAM);
	if (pipe2(p, O_CLOEXEC) != 0)
		return AC_ERR_IO;
	wr_init(&answer, max);
	s.out_fd = p[1];
	e = world_start(&w, &s, why);
	(void)close(p[1]);
	if (e == AC_OK)
		e = listen_to(&w, &answer, p[0], cancel_fd, why);
	if (e == AC_OK)
		e = world_result(&w, why);
	world_end(&w);
	(void)close(p[0]);
	if (e == AC_OK)
		e = wr_end(&answer, &got);
	else
		wr_free(&answer);
	if (e == AC_OK)
		*out = got;
	return e;
}
