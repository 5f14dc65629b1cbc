/*
 * A helper's world, attacked from within by tests/producer/escape.c: what it
 * may not reach, and what stopped it.  Each attempt is first made outside,
 * where it succeeds: a test that could not fail would show nothing.
 */
#include <fcntl.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "producer/tree.h"
#include "producer/world.h"
#include "tests/test.h"

#define ANSWER_MAX 4096

struct rig {
	char top[40], key[64], socket[64], abstract[64], port[16];
	int unix_fd, abstract_fd, tcp_fd;
};

static int
listen_at(const struct sockaddr_un *to, size_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const void *)to, (socklen_t)len), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int
begin(void **state)
{
	struct rig *t = calloc(1, sizeof(*t));
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);

	assert_non_null(t);
	strcpy(t->top, "/tmp/aicert-world-XXXXXX");
	assert_non_null(mkdtemp(t->top));
	(void)snprintf(t->key, sizeof(t->key), "%s/builder.key", t->top);
	(void)snprintf(t->socket, sizeof(t->socket), "%s/tpm.sock", t->top);
	(void)snprintf(t->abstract, sizeof(t->abstract), "@%s", t->top);
	assert_ok(file_create(t->key, span_str("secret\n"), 0644));
	strcpy(to.sun_path, t->socket);
	t->unix_fd = listen_at(&to, sizeof(to));
	memset(&to.sun_path, 0, sizeof(to.sun_path));
	strcpy(to.sun_path + 1, t->top);
	t->abstract_fd = listen_at(&to, offsetof(struct sockaddr_un, sun_path)
	    + 1 + strlen(t->top));
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	t->tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(t->tcp_fd, (const void *)&in, sizeof(in)), 0);
	assert_int_equal(listen(t->tcp_fd, 8), 0);
	assert_int_equal(getsockname(t->tcp_fd, (void *)&in, &len), 0);
	(void)snprintf(t->port, sizeof(t->port), "%u",
	    (unsigned)ntohs(in.sin_port));
	*state = t;
	return 0;
}

static int
finish(void **state)
{
	struct rig *t = *state;

	(void)close(t->unix_fd);
	(void)close(t->abstract_fd);
	(void)close(t->tcp_fd);
	assert_ok(tree_remove(t->top));
	free(t);
	return 0;
}

/*
 * One attempt inside: "escaped" or the errno that stopped it must be what it
 * prints.
 */
static void
attempt(const char *what, bool network, const char *expected)
{
	struct world_spec spec = { .program = ESCAPE, .in_fd = -1,
		.wall_s = 60, .network = network };
	struct world w = WORLD_NONE;
	struct message why = { "" };
	char copy[128], said[128] = "", *rest = copy;
	ssize_t n;
	int p[2];

	(void)snprintf(copy, sizeof(copy), "%s", what);
	spec.verb = strsep(&rest, " ");
	spec.task = rest;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	spec.out_fd = p[1];
	if (world_start(&w, &spec, &why) != AC_OK)
		fail_msg("%s", why.text);
	(void)close(p[1]);
	n = read(p[0], said, sizeof(said) - 1);
	(void)close(p[0]);
	said[n > 0 ? n - 1 : 0] = '\0';
	if (strcmp(said, expected) != 0)
		fail_msg("%s, %s network: %s", what, network ? "with" :
		    "without", said);
	assert_int_equal(world_result(&w, &why), strcmp(said, "escaped") == 0 ?
	    AC_OK : AC_ERR_IO);
	world_end(&w);
}

/* The same by the same program, but not confined. */
static bool
escapes_outside(const char *what)
{
	char copy[128], *rest = copy;
	const char *verb;
	int status;
	pid_t pid;

	(void)snprintf(copy, sizeof(copy), "%s", what);
	verb = strsep(&rest, " ");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const char *second = rest == NULL ? NULL : strsep(&rest, " ");

		(void)!freopen("/dev/null", "w", stdout);
		(void)execl(ESCAPE, "escape", verb, second, rest, (char *)NULL);
		_exit(3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The mount namespace does not have it. */
static void
host_file(void **state)
{
	struct rig *t = *state;
	char what[128];

	(void)snprintf(what, sizeof(what), "read %s", t->key);
	assert_true(escapes_outside(what));
	attempt(what, false, "ENOENT");
	attempt(what, true, "ENOENT");
	attempt("read /etc/passwd", false, "escaped"); /* its own */
}

/* Nor this, and with network the filter refuses the socket itself. */
static void
tpm_socket(void **state)
{
	struct rig *t = *state;
	char what[128];

	(void)snprintf(what, sizeof(what), "unix %s", t->socket);
	assert_true(escapes_outside(what));
	attempt(what, false, "ENOENT");
	attempt(what, true, "EPERM");
	attempt("read /dev/tpm0", true, "ENOENT");
	attempt("read /dev/tpmrm0", true, "ENOENT");
}

/* The network namespace does not have it; with network the filter. */
static void
abstract_socket(void **state)
{
	struct rig *t = *state;
	char what[128];

	(void)snprintf(what, sizeof(what), "unix %s", t->abstract);
	assert_true(escapes_outside(what));
	attempt(what, false, "ECONNREFUSED");
	attempt(what, true, "EPERM");
}

/* The filter refuses all of these. */
static void
calls(void **state)
{
	(void)state;
	for (int network = 0; network < 2; network++) {
		attempt("ptrace", network == 1, "EPERM");
		attempt("unshare", network == 1, "EPERM");
		attempt("clone", network == 1, "EPERM");
		attempt("clone3", network == 1, "ENOSYS");
		attempt("mount /tmp", network == 1, "EPERM");
	}
}

/* Its programs and its own program are mounted read-only. */
static void
writing(void **state)
{
	(void)state;
	attempt("create /inputs/made-by-a-helper", true, "EROFS");
	attempt("create /usr/bin/made-by-a-helper", true, "EROFS");
	attempt("create /etc/made-by-a-helper", true, "EROFS");
	attempt("create /tmp/made-by-a-helper", false, "escaped");
}

/* A port of the host's loopback: the one thing that network is for. */
static void
loopback(void **state)
{
	struct rig *t = *state;
	struct message why = { "" };
	struct buf b = { 0 };
	char script[160];

	assert_non_null(t);
	for (int network = 0; network < 2; network++) {
		struct world_spec spec = { .program = "/bin/bash", .verb =
			"-c", .task = script, .in_fd = -1,
			.network = network == 1, .wall_s = 60 };

		(void)snprintf(script, sizeof(script),
		    "exec 5<>/dev/tcp/127.0.0.1/%s && echo reached", t->port);
		if (network == 1) {
			if (world_ask(&b, &spec, ANSWER_MAX, -1, &why) !=
			    AC_OK)
				fail_msg("%s", why.text);
			assert_true(span_is(buf_span(&b), "reached\n"));
			buf_free(&b);
		} else {
			assert_int_equal(world_ask(&b, &spec, ANSWER_MAX, -1,
			    &why), AC_ERR_IO);
		}
	}
}

/* ---- what it says ---- */

static enum ac_err
ask(struct buf *out, const char *script, uint64_t wall_s, struct message *why)
{
	const struct world_spec spec = { .program = "/bin/sh", .verb = "-c",
		.task = script, .in_fd = -1, .wall_s = wall_s };

	why->text[0] = '\0';
	return world_ask(out, &spec, ANSWER_MAX, -1, why);
}

static void
answers(void **state)
{
	struct message why;
	struct buf b = { 0 };

	(void)state;
	assert_ok(ask(&b, "echo +on its way >&2; echo an answer", 60, &why));
	assert_true(span_is(buf_span(&b), "an answer\n"));
	buf_free(&b);
	/* Nothing on 0, no descriptor but three, no variable of ours. */
	assert_int_equal(setenv("AICERT_SECRET", "x", 1), 0);
	assert_ok(ask(&b, "cat; test -e /proc/$$/fd/3 || echo three; "
	    "echo ${AICERT_SECRET-none}; echo $HOME/*", 60, &why));
	assert_string_equal((const char *)b.p, "three\nnone\n/root/*\n");
	buf_free(&b);
}

struct wrong {
	const char *name, *script, *says;
	enum ac_err err;
};

static const struct wrong wrongs[] = {
	{ "it says why", "echo '!2 a reason' >&2; exit 1", "a reason",
	    AC_ERR_LIMIT },
	{ "it says why and exits 0", "echo '!2 a reason' >&2", "a reason",
	    AC_ERR_LIMIT },
	{ "the first reason counts", "echo '!2 first' >&2; echo '!3 x' >&2",
	    "first", AC_ERR_LIMIT },
	{ "no code", "echo '!reason' >&2; exit 1", "without a word",
	    AC_ERR_IO },
	{ "code 0", "echo '!0 reason' >&2; exit 1", "without a word",
	    AC_ERR_IO },
	{ "a code that is none", "echo '!99 reason' >&2; exit 1",
	    "without a word", AC_ERR_IO },
	{ "it dies", "kill -9 $$", "exit status 137", AC_ERR_IO },
	{ "it ends without a word", "exit 7", "status 7", AC_ERR_IO },
	{ "it answers for ever", "yes", "too much", AC_ERR_LIMIT },
	{ "escapes for a terminal", "printf '!2 a\\033[2Jb\\n' >&2", "a?[2Jb",
	    AC_ERR_LIMIT },
	{ "it stalls", "sleep 1000", "longer than its time", AC_ERR_BUSY },
	{ "it stalls, its voices closed", "exec >&- 2>&-; sleep 1000",
	    "longer than its time", AC_ERR_BUSY },
};

static void
wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		const struct wrong *w = &wrongs[i];
		struct buf b = { 0 };
		struct message why;
		enum ac_err e = ask(&b, w->script, w->err == AC_ERR_BUSY ? 1 :
		    60, &why);

		if (e != w->err || strstr(why.text, w->says) == NULL)
			fail_msg("%s: %d: %s", w->name, e, why.text);
	}
}

/* Whoever waits for it may stop. */
static void
cancelled(void **state)
{
	const struct world_spec spec = { .program = "/bin/sh", .verb = "-c",
		.task = "sleep 1000", .in_fd = -1 };
	struct message why;
	struct buf b = { 0 };
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(world_ask(&b, &spec, ANSWER_MAX, p[0], &why),
	    AC_ERR_BUSY);
	(void)close(p[0]);
	(void)close(p[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_file),
		cmocka_unit_test(tpm_socket),
		cmocka_unit_test(abstract_socket),
		cmocka_unit_test(calls),
		cmocka_unit_test(writing),
		cmocka_unit_test(loopback),
		cmocka_unit_test(answers),
		cmocka_unit_test(wrong),
		cmocka_unit_test(cancelled),
	};
	struct sandbox_why why;
	enum sandbox_how how;

	if (sandbox_check(&how, &why) != AC_OK) {
		(void)printf("skipped: no sandbox here: %s\n", why.text);
		return TEST_SKIPPED;
	}
	return cmocka_run_group_tests(tests, begin, finish);
}
