/*
 * fetch_git.c -- a commit out of a repository, by the git program; see
 * fetch_git.h.
 *
 * git is started with no configuration but what stands here, no hook, no
 * helper that would ask for a password, and three protocols.  Its repositories
 * are bare and begin empty, one for each submodule.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cert/limits.h"
#include "cert/oms.h"
#include "common/file.h"
#include "common/reader.h"
#include "common/text.h"
#include "producer/fetch_git.h"
#include "producer/stream.h"

#define TELL_S 2 /* between two words about how far it is */
#define WORDS 48
#define SILENT_MS (FETCH_GIT_SILENT_S * 1000)
#define LINE_MAX_LEN 512
#define BLOCK ((size_t)256 << 10)
#define MODULES_TEXT_MAX ((size_t)1 << 20) /* of .gitmodules */

extern char **environ;

/* A repository: the one asked for, or a submodule. */
struct module {
	char *url, *path, *commit; /* owned; path: "" or where it lies */
};

struct fetch {
	struct stream_writer *stream;
	void (*told)(const char *text);
	struct message *why;
	struct module module[GIT_MODULES_MAX + 1];
	size_t nmodules;
	size_t files;
	uint8_t *block;
	time_t told_at;
};

/* A git that runs; to and from are our ends of pipes, from NULL: none. */
struct git {
	pid_t pid;
	int to; /* -1: none */
	FILE *from;
};

#define GIT_NONE ((struct git){ .pid = -1, .to = -1 })

static enum ac_err
no_memory(struct fetch *f)
{
	return BECAUSE(f->why, AC_ERR_MEMORY, "out of memory");
}

static enum ac_err
wrong_file(struct fetch *f, enum ac_err e, const char *path, const char *text)
{
	message_set(f->why, "%s", "");
	message_add_quoted(f->why, span_str(path));
	message_add(f->why, " %s", text);
	return e;
}

/* ---- the program ---- */

/* What every git finds: nothing of a user's, and the caller's way out. */
static enum ac_err
set_environment(struct fetch *f)
{
	static const char *const set[][2] = {
		{ "GIT_CONFIG_NOSYSTEM", "1" },
		{ "GIT_CONFIG_GLOBAL", "/dev/null" },
		{ "GIT_ATTR_NOSYSTEM", "1" },
		{ "GIT_TERMINAL_PROMPT", "0" },
		{ "GIT_ASKPASS", "false" },
		{ "GIT_ALLOW_PROTOCOL", "http:https:git" },
		{ "GIT_OPTIONAL_LOCKS", "0" },
		{ "LC_ALL", "C" },
	};
	const char *bundle = getenv("CURL_CA_BUNDLE");
	const char *dir = getenv("SSL_CERT_DIR");
	bool ok = true;

	if (bundle == NULL)
		bundle = getenv("SSL_CERT_FILE");
	for (size_t i = 0; ok && i < sizeof(set) / sizeof(set[0]); i++)
		ok = setenv(set[i][0], set[i][1], 1) == 0;
	if (ok && bundle != NULL)
		ok = setenv("GIT_SSL_CAINFO", bundle, 1) == 0;
	if (ok && dir != NULL)
		ok = setenv("GIT_SSL_CAPATH", dir, 1) == 0;
	return ok ? AC_OK : no_memory(f);
}

/* argv[0..) of git with our settings, then words, which end with NULL. */
static void
make_words(const char *argv[WORDS], const char *const words[])
{
	static const char *const settings[] = { "git",
		"-c", "core.hooksPath=/dev/null", "-c", "credential.helper=",
		"-c", "protocol.version=2", "-c", "gc.auto=0",
		"-c", "maintenance.auto=false", "-c", "core.fsmonitor=false",
		"-c", "fetch.unpackLimit=1", "-c", "pack.threads=2",
		"-c", "core.bigFileThreshold=16m",
		"-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60" };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		argv[n++] = settings[i];
	for (size_t i = 0; words[i] != NULL && n < WORDS - 1; i++)
		argv[n++] = words[i];
	argv[n] = NULL;
}

/* Close its pipes and wait; did it end well? */
static bool
finish(struct git *g)
{
	int status = -1;

	if (g->to >= 0)
		(void)close(g->to);
	if (g->from != NULL)
		(void)fclose(g->from);
	if (g->pid > 0)
		while (waitpid(g->pid, &status, 0) < 0 && errno == EINTR)
			continue;
	*g = GIT_NONE;
	return status == 0;
}

enum ends { QUIET, ANSWERS, ASKED, HEARD };

static bool
add_pipe(int p[2], posix_spawn_file_actions_t *a, int its, int number)
{
	return pipe2(p, O_CLOEXEC) == 0 &&
	    posix_spawn_file_actions_adddup2(a, p[its], number) == 0;
}

static void
close_pipe(int p[2])
{
	for (size_t i = 0; i < 2; i++)
		if (p[i] >= 0)
			(void)close(p[i]);
}

/*
 * Start git.  ANSWERS: its 1 is read; ASKED: its 0 is written as well;
 * HEARD: its 2 is read; else each is nothing.
 */
static enum ac_err
start(struct fetch *f, struct git *out, enum ends ends,
    const char *const words[])
{
	union {
		const char *given[WORDS];
		char *base[WORDS];
	} argv;
	posix_spawn_file_actions_t a;
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	int hears = ends == HEARD ? STDERR_FILENO : STDOUT_FILENO;
	struct git g = GIT_NONE;
	bool ok;
	int error = 0;

	make_words(argv.given, words);
	if (posix_spawn_file_actions_init(&a) != 0)
		return no_memory(f);
	ok = posix_spawn_file_actions_addopen(&a, STDIN_FILENO, "/dev/null",
	    O_RDONLY, 0) == 0 &&
	    posix_spawn_file_actions_addopen(&a, STDOUT_FILENO, "/dev/null",
	    O_WRONLY, 0) == 0 &&
	    posix_spawn_file_actions_addopen(&a, STDERR_FILENO, "/dev/null",
	    O_WRONLY, 0) == 0 &&
	    (ends != ASKED || add_pipe(to, &a, 0, STDIN_FILENO)) &&
	    (ends == QUIET || add_pipe(from, &a, 1, hears));
	if (ok)
		error = posix_spawnp(&g.pid, "git", &a, NULL, argv.base,
		    environ);
	(void)posix_spawn_file_actions_destroy(&a);
	if (ok && error == 0 && ends == ASKED) {
		g.to = to[1];
		to[1] = -1; /* transferred */
	}
	if (ok && error == 0 && ends != QUIET) {
		g.from = fdopen(from[0], "r");
		from[0] = g.from == NULL ? from[0] : -1;
	}
	close_pipe(to);
	close_pipe(from);
	if (error == ENOENT)
		return BECAUSE(f->why, AC_ERR_UNSUPPORTED, "the program git "
		    "is not installed, which fetches repositories");
	if (!ok || error != 0 || (ends != QUIET && g.from == NULL)) {
		(void)finish(&g);
		return BECAUSE(f->why, AC_ERR_IO, "git cannot be started");
	}
	*out = g;
	return AC_OK;
}

static enum ac_err
run(struct fetch *f, bool *ok, const char *const words[])
{
	struct git g;
	enum ac_err e = start(f, &g, QUIET, words);

	if (e == AC_OK)
		*ok = finish(&g);
	return e;
}

/* ---- fetching ---- */

static void
tell(struct fetch *f, const char *text)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < f->told_at + TELL_S)
		return;
	f->told_at = now.tv_sec;
	f->told(text);
}

/* A line of what git says: its progress, or its reason. */
static void
hear_line(struct fetch *f, const char *line, char reason[LINE_MAX_LEN])
{
	static const char *const progress[] = { "Receiving objects:",
		"Resolving deltas:", "remote: Counting objects:",
		"remote: Compressing objects:" };
	static const char fatal[] = "fatal: ", error[] = "error: ";
	const char *text = line;

	for (size_t i = 0; i < sizeof(progress) / sizeof(progress[0]); i++)
		if (strncmp(line, progress[i], strlen(progress[i])) == 0) {
			tell(f, line);
			return;
		}
	if (strncmp(text, fatal, sizeof(fatal) - 1) == 0)
		text += sizeof(fatal) - 1;
	else if (strncmp(text, error, sizeof(error) - 1) == 0)
		text += sizeof(error) - 1;
	else
		return;
	/* The first says what happened, later ones what that led to. */
	if (reason[0] == '\0')
		(void)snprintf(reason, LINE_MAX_LEN, "%s", text);
}

/* Read what it says until it ends, or is silent for too long. */
static enum ac_err
hear(struct fetch *f, struct git *g, char reason[LINE_MAX_LEN])
{
	struct pollfd p = { .fd = fileno(g->from), .events = POLLIN };
	char line[LINE_MAX_LEN], chunk[4096];
	size_t len = 0;

	for (;;) {
		int ready = poll(&p, 1, SILENT_MS);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0) {
			(void)kill(g->pid, SIGKILL);
			return BECAUSE(f->why, AC_ERR_BUSY, "not a word came "
			    "from the git server in %d seconds",
			    FETCH_GIT_SILENT_S);
		}
		n = ready < 0 ? -1 : read(p.fd, chunk, sizeof(chunk));
		if (n <= 0)
			return AC_OK;
		for (ssize_t i = 0; i < n; i++) {
			if (chunk[i] != '\n' && chunk[i] != '\r') {
				if (len < sizeof(line) - 1)
					line[len++] = chunk[i];
				continue;
			}
			while (len > 0 && line[len - 1] == ' ')
				len--;
			line[len] = '\0';
			hear_line(f, line, reason);
			len = 0;
		}
	}
}

/* One git fetch of what into the repository dir; reason: what git said. */
static enum ac_err
fetch_refs(struct fetch *f, bool *ok, const char *dir, const char *depth,
    const char *url, const char *what, char reason[LINE_MAX_LEN])
{
	const char *const words[] = { "--git-dir", dir, "fetch", "--progress",
		depth, "--no-tags", "--no-write-fetch-head",
		"--no-recurse-submodules", "--", url, what, NULL };
	struct git g;
	enum ac_err e = start(f, &g, HEARD, words);

	if (e != AC_OK)
		return e;
	reason[0] = '\0';
	e = hear(f, &g, reason);
	*ok = finish(&g);
	return e;
}

/* Does the server only give what a name points to, or only whole histories? */
static bool
wants_names(const char *reason)
{
	return strstr(reason, "unadvertised object") != NULL ||
	    strstr(reason, "shallow") != NULL ||
	    strstr(reason, "dumb http") != NULL;
}

static enum ac_err
not_fetched(struct fetch *f, const struct module *m, const char *reason)
{
	if (strstr(reason, "not our ref") != NULL) {
		message_set(f->why, "the repository ");
		message_add_quoted(f->why, span_str(m->url));
		message_add(f->why, " has no commit %s", m->commit);
		return AC_ERR_NOT_FOUND;
	}
	message_set(f->why, "git cannot fetch commit %s from ", m->commit);
	message_add_quoted(f->why, span_str(m->url));
	message_add(f->why, ": ");
	message_add_quoted(f->why, span_str(reason[0] != '\0' ? reason :
	    "it does not say why"));
	return AC_ERR_BUSY;
}

/* Have the commit of m in the new repository dir. */
static enum ac_err
fetch_commit(struct fetch *f, const struct module *m, const char *dir)
{
	const char *format = strlen(m->commit) == 40 ? "--object-format=sha1" :
	    "--object-format=sha256";
	const char *const init[] = { "init", "-q", "--bare", "--template=",
		format, "--", dir, NULL };
	char reason[LINE_MAX_LEN] = "", object[80];
	const char *const there[] = { "--git-dir", dir, "cat-file", "-e",
		object, NULL };
	bool ok = false;
	enum ac_err e = run(f, &ok, init);

	if (e == AC_OK && !ok)
		return BECAUSE(f->why, AC_ERR_IO, "git cannot make a "
		    "repository of its own; is the disk full?");
	if (e == AC_OK)
		e = fetch_refs(f, &ok, dir, "--depth=1", m->url, m->commit,
		    reason);
	if (e == AC_OK && !ok && wants_names(reason))
		e = fetch_refs(f, &ok, dir, "--no-auto-gc", m->url,
		    "+refs/*:refs/from/*", reason);
	if (e == AC_OK && !ok)
		e = not_fetched(f, m, reason);
	if (e != AC_OK)
		return e;
	(void)snprintf(object, sizeof(object), "%s^{commit}", m->commit);
	e = run(f, &ok, there);
	if (e == AC_OK && !ok)
		e = not_fetched(f, m, "not our ref");
	return e;
}

/* ---- submodules ---- */

/* Of the protocols above, of a host, without a user? */
static bool
is_address(const char *url)
{
	static const char *const schemes[] = { "https://", "http://",
		"git://" };

	for (const char *p = url; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i]);

		if (strncmp(url, schemes[i], n) == 0)
			return url[n] != '/' && url[n] != '\0' && url[n] != '-'
			    && memchr(url + n, '@', strcspn(url + n, "/")) ==
			    NULL;
	}
	return false;
}

/* *out = the address url, which may be relative to the repository base. */
static enum ac_err
resolve(struct fetch *f, char **out, const char *base, const char *url)
{
	size_t n = strlen(base);
	const char *host = strstr(base, "://");
	bool relative = strncmp(url, "./", 2) == 0 ||
	    strncmp(url, "../", 3) == 0;
	char *s;

	if (!relative)
		n = 0;
	while (n > 0 && base[n - 1] == '/')
		n--;
	while (relative) {
		if (strncmp(url, "./", 2) == 0) {
			url += 2;
		} else if (strncmp(url, "../", 3) == 0) {
			url += 3;
			while (n > 0 && base[n - 1] != '/')
				n--;
			while (n > 0 && base[n - 1] == '/')
				n--;
		} else {
			break;
		}
	}
	if (asprintf(&s, "%.*s%s%s", (int)n, base, relative ? "/" : "", url) <
	    0)
		return no_memory(f);
	if (!is_address(s) || (relative && n < (size_t)(host - base) + 4)) {
		message_set(f->why, "a repository at ");
		message_add_quoted(f->why, span_str(s));
		message_add(f->why, " is not fetched: only https://, http:// "
		    "and git:// without a user are");
		free(s);
		return AC_ERR_FORMAT;
	}
	*out = s;
	return AC_OK;
}

/* The values of .gitmodules: "submodule.NAME.KEY LF VALUE NUL" each. */
static enum ac_err
read_modules(struct fetch *f, struct buf *out, const struct module *m,
    const char *dir)
{
	char blob[96];
	const char *const words[] = { "--git-dir", dir, "config", "-z",
		"--blob", blob, "--get-regexp", "^submodule\\.", NULL };
	struct writer w;
	struct git g;
	enum ac_err e;
	size_t n;

	(void)snprintf(blob, sizeof(blob), "%s:.gitmodules", m->commit);
	e = start(f, &g, ANSWERS, words);
	if (e != AC_OK)
		return e;
	wr_init(&w, MODULES_TEXT_MAX);
	while ((n = fread(f->block, 1, BLOCK, g.from)) > 0)
		wr_bytes(&w, span_of(f->block, n));
	(void)finish(&g);
	e = wr_end(&w, out);
	return e == AC_OK ? AC_OK : BECAUSE(f->why, e, ".gitmodules has more "
	    "than %zu bytes", MODULES_TEXT_MAX);
}

/*
 * The value of the key ".path" or ".url" of the submodule called name (len
 * bytes), or, where name is NULL, *name and *len of the one whose path is
 * path.
 */
static const char *
find_value(struct span text, const char *key, const char **name, size_t *len,
    const char *path)
{
	static const char prefix[] = "submodule.";
	size_t k = strlen(key), n = sizeof(prefix) - 1;

	for (const char *p = (const char *)text.p,
	    *end = p + text.len; p < end;) {
		size_t all = strlen(p), head = strcspn(p, "\n");
		const char *value = head < all ? p + head + 1 : "";
		size_t namelen = head > n + k ? head - n - k : 0;

		if (namelen > 0 && strncmp(p + head - k, key, k) == 0) {
			if (path != NULL && strcmp(value, path) == 0) {
				*name = p + n;
				*len = namelen;
				return value;
			}
			if (path == NULL && namelen == *len &&
			    strncmp(p + n, *name, *len) == 0)
				return value;
		}
		p += all + 1;
	}
	return NULL;
}

/* A submodule of m at path (of m), whose commit is commit: fetch it later. */
static enum ac_err
add_module(struct fetch *f, const struct module *m, const char *dir,
    const char *path, const char *whole, const char *commit)
{
	struct module new = { 0 };
	struct buf text = { 0 };
	const char *name = NULL, *url = NULL;
	size_t len = 0;
	enum ac_err e;

	if (f->nmodules > GIT_MODULES_MAX)
		return BECAUSE(f->why, AC_ERR_LIMIT, "more than %d submodules",
		    GIT_MODULES_MAX);
	e = read_modules(f, &text, m, dir);
	if (e == AC_OK &&
	    find_value(buf_span(&text), ".path", &name, &len, path) != NULL)
		url = find_value(buf_span(&text), ".url", &name, &len, NULL);
	if (e == AC_OK && url == NULL)
		e = wrong_file(f, AC_ERR_FORMAT, whole, "is a submodule whose "
		    "address does not stand in .gitmodules");
	if (e == AC_OK)
		e = resolve(f, &new.url, m->url, url);
	buf_free(&text);
	if (e != AC_OK)
		return e;
	new.path = strdup(whole);
	new.commit = strdup(commit);
	f->module[f->nmodules++] = new; /* transferred */
	return new.path == NULL || new.commit == NULL ? no_memory(f) : AC_OK;
}

/* ---- files ---- */

/* Ask for an object; *bytes of it follow. */
static enum ac_err
ask_object(struct fetch *f, struct git *g, const char *id, const char *type,
    uint64_t *bytes)
{
	char line[160];
	struct span what, size;
	struct reader r;

	(void)snprintf(line, sizeof(line), "%s\n", id);
	if (file_write_all(g->to, span_str(line)) == AC_OK &&
	    fgets(line, sizeof(line), g->from) != NULL) {
		r = rd_of(span_str(line)); /* "id type size" */
		if (rd_until(&r, &what, ' ') && rd_until(&r, &what, ' ') &&
		    span_is(what, type) && rd_line(&r, &size) &&
		    text_undec(bytes, size, INPUT_BYTES_MAX))
			return AC_OK;
	}
	return BECAUSE(f->why, AC_ERR_MISMATCH, "the repository lacks the %s "
	    "%s", type, id);
}

/* Its next bytes, at most a block. */
static enum ac_err
read_object(struct fetch *f, struct git *g, uint64_t left, size_t *n)
{
	size_t want = left < BLOCK ? (size_t)left : BLOCK;

	*n = fread(f->block, 1, want, g->from);
	return *n == want ? AC_OK : BECAUSE(f->why, AC_ERR_IO, "git ended in "
	    "the middle of a file; is memory short?");
}

static enum ac_err
write_file(struct fetch *f, struct git *g, const char *path, bool executable,
    const char *id)
{
	uint64_t left = 0;
	size_t n;
	enum ac_err e = ask_object(f, g, id, "blob", &left);

	if (e != AC_OK)
		return e;
	if (++f->files > FILES_MAX)
		return BECAUSE(f->why, AC_ERR_LIMIT, "more than %d files; a "
		    "certificate holds no more", FILES_MAX);
	stream_file(f->stream, span_str(path), executable);
	for (; left > 0; left -= n) {
		e = read_object(f, g, left, &n);
		if (e != AC_OK)
			return e;
		stream_data(f->stream, span_of(f->block, n));
		if (f->stream->err != AC_OK)
			return f->stream->err;
	}
	stream_file_end(f->stream);
	(void)fgetc(g->from); /* the LF behind each */
	return f->stream->err;
}

static enum ac_err
write_commit(struct fetch *f, struct git *g, const struct module *m)
{
	uint64_t left = 0;
	struct buf object = { 0 };
	struct writer w;
	size_t n;
	enum ac_err e = ask_object(f, g, m->commit, "commit", &left);

	if (e != AC_OK)
		return e;
	if (left > GIT_OBJECT_MAX)
		return BECAUSE(f->why, AC_ERR_LIMIT, "the commit %s has more "
		    "than %zu bytes", m->commit, GIT_OBJECT_MAX);
	wr_init(&w, GIT_OBJECT_MAX);
	for (; e == AC_OK && left > 0; left -= n) {
		e = read_object(f, g, left, &n);
		if (e != AC_OK)
			break;
		wr_bytes(&w, span_of(f->block, n));
	}
	(void)fgetc(g->from);
	if (e != AC_OK)
		wr_free(&w);
	else
		e = wr_end(&w, &object);
	if (e != AC_OK)
		return e;
	stream_object(f->stream, span_str(m->path), buf_span(&object));
	buf_free(&object);
	return f->stream->err;
}

/* One line of git ls-tree: "mode type id TAB path". */
static enum ac_err
write_entry(struct fetch *f, struct git *g, const struct module *m,
    const char *dir, const char *entry)
{
	char id[2 * 32 + 1], whole[FILE_PATH_MAX + 1];
	struct reader r = rd_of(span_str(entry));
	struct span mode, type, hex;
	const char *path;
	int n;

	if (!rd_until(&r, &mode, ' ') || !rd_until(&r, &type, ' ') ||
	    !rd_until(&r, &hex, '\t') || hex.len >= sizeof(id))
		return BECAUSE(f->why, AC_ERR_FORMAT, "git lists a tree in "
		    "an unknown way");
	memcpy(id, hex.p, hex.len);
	id[hex.len] = '\0';
	path = (const char *)r.left.p; /* ends with entry's NUL */
	n = snprintf(whole, sizeof(whole), "%s%s%s", m->path,
	    m->path[0] == '\0' ? "" : "/", path);
	if (n < 0 || (size_t)n >= sizeof(whole))
		return wrong_file(f, AC_ERR_LIMIT, path, "has a path that is "
		    "too long");
	if (!oms_path_is_valid(span_str(whole)))
		return wrong_file(f, AC_ERR_FORMAT, whole, "is no path of a "
		    "file: it leads out of its folder, or is not UTF-8 "
		    "without control characters");
	if (span_is(mode, "120000"))
		return wrong_file(f, AC_ERR_FORMAT, whole, "is a link; only "
		    "regular files are taken");
	if (span_is(mode, "160000"))
		return add_module(f, m, dir, path, whole, id);
	/* Whatever else it is, the ids of the trees will tell. */
	return write_file(f, g, whole, span_is(mode, "100755"), id);
}

static enum ac_err
write_tree(struct fetch *f, struct git *g, const struct module *m,
    const char *dir)
{
	const char *const words[] = { "--git-dir", dir, "ls-tree", "-r", "-z",
		"--full-tree", m->commit, NULL };
	struct git list;
	char *entry = NULL;
	size_t cap = 0;
	enum ac_err e = start(f, &list, ANSWERS, words);

	if (e != AC_OK)
		return e;
	while (e == AC_OK && getdelim(&entry, &cap, '\0', list.from) > 0)
		e = write_entry(f, g, m, dir, entry);
	free(entry);
	if (e != AC_OK)
		(void)kill(list.pid, SIGKILL);
	if (!finish(&list) && e == AC_OK)
		e = BECAUSE(f->why, AC_ERR_MISMATCH, "git cannot list the "
		    "files of commit %s", m->commit);
	return e;
}

static enum ac_err
write_module(struct fetch *f, const struct module *m, const char *dir)
{
	const char *const words[] = { "--git-dir", dir, "cat-file", "--batch",
		NULL };
	struct git g;
	enum ac_err e = start(f, &g, ASKED, words);

	if (e != AC_OK)
		return e;
	e = write_commit(f, &g, m);
	if (e == AC_OK)
		e = write_tree(f, &g, m, dir);
	if (e != AC_OK)
		(void)kill(g.pid, SIGKILL);
	(void)finish(&g);
	return e;
}

enum ac_err
fetch_git(int out_fd, const char *commit, const char *url,
    void (*told)(const char *text), struct message *why)
{
	struct fetch f = { .told = told, .why = why };
	struct module *top = &f.module[0];
	struct timespec now = { 0 };
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	f.stream = malloc(sizeof(*f.stream));
	f.block = malloc(BLOCK);
	top->path = strdup("");
	top->commit = strdup(commit);
	f.nmodules = 1;
	if (f.stream == NULL || f.block == NULL || top->path == NULL ||
	    top->commit == NULL)
		goto out;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	f.told_at = now.tv_sec;
	stream_begin(f.stream, out_fd);
	e = resolve(&f, &top->url, "", url);
	if (e == AC_OK)
		e = set_environment(&f);
	/* Each may add more behind it. */
	for (size_t i = 0; e == AC_OK && i < f.nmodules; i++) {
		char dir[32];

		(void)snprintf(dir, sizeof(dir), "repository-%zu", i);
		e = fetch_commit(&f, &f.module[i], dir);
		if (e == AC_OK)
			e = write_module(&f, &f.module[i], dir);
	}
	if (e == AC_OK)
		e = stream_finish(f.stream);
	if (f.stream->err != AC_OK)
		message_set(why, "nobody takes what is fetched");
out:
	for (size_t i = 0; i < f.nmodules; i++) {
		free(f.module[i].url);
		free(f.module[i].path);
		free(f.module[i].commit);
	}
	free(f.block);
	free(f.stream);
	return e;
}

/* "HEX<TAB>ref": take the id where ref is name, with behind it end. */
static bool
take_id(char out[static 65], const char *line, const char *name,
    const char *end)
{
	size_t n = strspn(line, "0123456789abcdef");
	size_t len = strlen(name);

	if ((n != 40 && n != 64) || line[n] != '\t' ||
	    strncmp(line + n + 1, name, len) != 0 ||
	    strcmp(line + n + 1 + len, end) != 0)
		return false;
	memcpy(out, line, n);
	out[n] = '\0';
	return true;
}

enum ac_err
fetch_git_commit(char out[static 65], const char *ref, const char *url,
    struct message *why)
{
	struct fetch f = { .why = why };
	char line[LINE_MAX_LEN], peeled[LINE_MAX_LEN], plain[65] = "";
	char inner[65] = "", *whole = NULL;
	struct git g = GIT_NONE;
	const char *words[] = { "ls-remote", "--exit-code", "--", NULL, ref,
		peeled, NULL };
	enum ac_err e = resolve(&f, &whole, "", url);

	if (e == AC_OK)
		e = set_environment(&f);
	(void)snprintf(peeled, sizeof(peeled), "%s^{}", ref);
	words[3] = whole;
	if (e == AC_OK)
		e = start(&f, &g, ANSWERS, words);
	if (e != AC_OK)
		goto out;
	while (fgets(line, sizeof(line), g.from) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (!take_id(plain, line, ref, ""))
			(void)!take_id(inner, line, ref, "^{}");
	}
	if (!finish(&g) || plain[0] == '\0') {
		message_set(why, "the repository has no %s, or cannot be "
		    "reached: ", ref);
		message_add_quoted(why, span_str(whole));
		e = AC_ERR_NOT_FOUND;
		goto out;
	}
	memcpy(out, inner[0] != '\0' ? inner : plain, sizeof(plain));
out:
	free(whole);
	return e;
}
