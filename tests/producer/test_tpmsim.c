/* The life of a simulated TPM: boots, crashes, and hands that slip. */
#include <errno.h>
#include <sys/file.h>

#include "common/sha256.h"
#include "tests/producer/sim.h"

#define PROGRAM AICERT_BIN "/aicert-tpmsim-test"

static struct simtest sim;
static const struct tpmsim_options usual = { .days = TPMSIM_DAYS };

static struct tpm_clock
clock_now(struct simtest *s)
{
	struct tpm *t = sim_tpm_open(s);
	struct tpm_clock c = { 0 };

	assert_tpm(tpm_clock(t, &c), &s->why);
	tpm_close(t);
	return c;
}

static struct digest
pcr(struct simtest *s, unsigned i)
{
	struct tpm *t = sim_tpm_open(s);
	struct digest pcrs[TPM_PCRS];

	assert_tpm(tpm_pcr_read(t, 1u << i, pcrs), &s->why);
	tpm_close(t);
	return pcrs[i];
}

static bool
is_zero(struct digest d)
{
	const struct digest zero = { { 0 } };

	return digest_equal(&d, &zero);
}

/* Extend a PCR, so that a boot can be seen to clear it. */
static void
dirty(struct simtest *s, unsigned i)
{
	const struct digest d = sha256_of(span_str("dirty"));
	struct tpm *t = sim_tpm_open(s);

	assert_tpm(tpm_pcr_extend(t, i, &d), &s->why);
	tpm_close(t);
	assert_false(is_zero(pcr(s, i)));
}

static bool
exists(const struct simtest *s, const char *name)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	return access(path, F_OK) == 0;
}

static bool
lives(pid_t pid)
{
	return kill(pid, 0) == 0;
}

static void
folder(void **state)
{
	static const struct {
		const char *name;
		unsigned mode;
	} files[] = {
		{ "", 0700 },
		{ "ca/root.key", 0600 },
		{ "ca/intermediate.key", 0600 },
		{ "root.pem", 0644 },
		{ "ak-chain.pem", 0644 },
	};
	struct stat st;
	char path[96];

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", sim.dir,
		    files[i].name);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, files[i].mode);
	}
	(void)snprintf(path, sizeof(path), "swtpm:path=%s/tpm.sock", sim.dir);
	assert_string_equal((const char *)sim.tcti.p, path);
}

static void
orderly_boot(void **state)
{
	struct tpm_clock a, b;
	pid_t pid = sim_process(&sim);
	double t0;

	(void)state;
	dirty(&sim, 14);
	a = clock_now(&sim);
	assert_true(a.safe);
	t0 = sim_now_s();
	assert_tpm(tpmsim_stop(sim.dir, &sim.why), &sim.why);
	(void)printf("stop %.1f ms\n", (sim_now_s() - t0) * 1e3);
	assert_false(exists(&sim, "tpm.sock"));
	assert_int_equal(tpmsim_stop(sim.dir, &sim.why), AC_ERR_NOT_FOUND);
	assert_tpm(tpmsim_start(sim.dir, &sim.why), &sim.why);
	assert_int_not_equal(sim_process(&sim), pid);
	b = clock_now(&sim);
	assert_int_equal(b.resets, a.resets + 1);
	assert_int_equal(b.restarts, 0);
	assert_true(b.safe);
	assert_true(b.clock_ms >= a.clock_ms);
	assert_true(is_zero(pcr(&sim, 14)));
}

static void
reset_is_a_boot(void **state)
{
	struct tpm_clock a, b;
	double t0;

	(void)state;
	dirty(&sim, 8);
	a = clock_now(&sim);
	t0 = sim_now_s();
	assert_tpm(tpmsim_reset(sim.dir, &sim.why), &sim.why);
	(void)printf("reset %.1f ms\n", (sim_now_s() - t0) * 1e3);
	b = clock_now(&sim);
	assert_int_equal(b.resets, a.resets + 1);
	assert_int_equal(b.restarts, 0);
	assert_true(b.safe);
	assert_true(is_zero(pcr(&sim, 8)));

	/* A stopped one is started. */
	assert_tpm(tpmsim_stop(sim.dir, &sim.why), &sim.why);
	assert_tpm(tpmsim_reset(sim.dir, &sim.why), &sim.why);
	assert_int_equal(clock_now(&sim).resets, a.resets + 2);
}

static void
start_twice(void **state)
{
	struct tpm_clock a, b;
	pid_t pid = sim_process(&sim);

	(void)state;
	dirty(&sim, 14);
	a = clock_now(&sim);
	assert_int_equal(tpmsim_start(sim.dir, &sim.why), AC_ERR_EXISTS);
	assert_non_null(strstr(sim.why.text, "runs already"));
	b = clock_now(&sim);
	assert_int_equal(a.resets, b.resets);
	assert_false(is_zero(pcr(&sim, 14)));
	assert_int_equal(sim_process(&sim), pid);
}

/* Did the clock pass one of the marks, 4096 ms apart, that mend it? */
static bool
just_marked(uint64_t clock_ms)
{
	return clock_ms % 4096 < 1000;
}

/* Power is lost: the next boot works, and does not vouch for its clock. */
static void
killed(void **state)
{
	struct tpm_clock a = clock_now(&sim), b;
	pid_t pid = sim_process(&sim);

	(void)state;
	dirty(&sim, 14);
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (lives(pid))
		(void)usleep(1000); /* not our child: nothing to wait on */
	assert_true(exists(&sim, "tpm.sock")); /* stale, as is tpm.pid */
	assert_true(exists(&sim, "tpm.pid"));
	assert_int_equal(tpmsim_stop(sim.dir, &sim.why), AC_ERR_NOT_FOUND);
	assert_tpm(tpmsim_start(sim.dir, &sim.why), &sim.why);
	b = clock_now(&sim);
	assert_int_equal(b.resets, a.resets + 1);
	assert_int_equal(b.restarts, 0);
	assert_true(!b.safe || just_marked(b.clock_ms));
	assert_true(is_zero(pcr(&sim, 14)));

	/* An orderly boot does not mend it; the clock's next mark does. */
	assert_tpm(tpmsim_reset(sim.dir, &sim.why), &sim.why);
	b = clock_now(&sim);
	assert_true(!b.safe || just_marked(b.clock_ms));
	while (!b.safe && b.clock_ms < a.clock_ms + 30000) {
		(void)usleep(20000);
		b = clock_now(&sim);
	}
	assert_true(b.safe);
	(void)printf("safe again %llu ms of TPM time after the crash\n",
	    (unsigned long long)(b.clock_ms - a.clock_ms));
	assert_tpm(tpmsim_reset(sim.dir, &sim.why), &sim.why);
	assert_true(clock_now(&sim).safe);
}

/* A process that a stale tpm.pid names by chance is left alone. */
static void
stale_pid(void **state)
{
	char path[96], text[16];
	pid_t other = fork();

	(void)state;
	assert_true(other >= 0);
	if (other == 0) {
		(void)pause();
		_exit(0);
	}
	assert_tpm(tpmsim_stop(sim.dir, &sim.why), &sim.why);
	(void)snprintf(path, sizeof(path), "%s/tpm.pid", sim.dir);
	(void)snprintf(text, sizeof(text), "%ld", (long)other);
	assert_ok(file_write(path, span_str(text), 0644));
	assert_int_equal(tpmsim_stop(sim.dir, &sim.why), AC_ERR_NOT_FOUND);
	assert_tpm(tpmsim_reset(sim.dir, &sim.why), &sim.why);
	assert_int_equal(waitpid(other, NULL, WNOHANG), 0); /* lives */
	assert_int_equal(kill(other, SIGKILL), 0);
	assert_int_equal(waitpid(other, NULL, 0), other);
}

/* A TPM that hangs is ended all the same, and the user is told. */
static void
hung(void **state)
{
	pid_t pid = sim_process(&sim);

	(void)state;
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(tpmsim_stop(sim.dir, &sim.why), AC_ERR_IO);
	assert_non_null(strstr(sim.why.text, "without an orderly shutdown"));
	assert_non_null(strstr(sim.why.text, "no answer"));
	assert_tpm(tpmsim_start(sim.dir, &sim.why), &sim.why);
	assert_tpm(tpmsim_reset(sim.dir, &sim.why), &sim.why);
}

static void
two_tpms(void **state)
{
	struct simtest other;
	struct buf a, b;
	pid_t pid = sim_process(&sim);

	(void)state;
	assert_int_equal(sim_begin(&other), 0);
	assert_int_not_equal(sim_process(&other), pid);
	dirty(&sim, 14);
	assert_true(is_zero(pcr(&other, 14)));
	dirty(&other, 15);
	assert_true(is_zero(pcr(&sim, 15)));
	a = sim_file(&sim, "root.pem");
	b = sim_file(&other, "root.pem");
	assert_false(span_equal(buf_span(&a), buf_span(&b)));
	buf_free(&a);
	buf_free(&b);
	assert_tpm(tpmsim_stop(other.dir, &other.why), &other.why);
	assert_false(is_zero(pcr(&sim, 14)));
	assert_int_equal(sim_process(&sim), pid);
	sim_finish(&other);
}

static void
init_refuses(void **state)
{
	const struct tpmsim_options none = { .days = 0 }, many = { .days =
								 7301 };
	struct tpm_why why;
	char path[256], *end;
	struct stat st;
	struct buf before = sim_file(&sim, "ak-chain.pem"), after;

	(void)state;
	assert_int_equal(tpmsim_init(sim.dir, &usual, &why), AC_ERR_EXISTS);
	assert_non_null(strstr(why.text, "already"));
	after = sim_file(&sim, "ak-chain.pem");
	assert_true(span_equal(buf_span(&before), buf_span(&after)));
	assert_true(lives(sim_process(&sim)));
	buf_free(&before);
	buf_free(&after);

	assert_int_equal(tpmsim_init(sim.top, &usual, &why), AC_ERR_EXISTS);
	assert_non_null(strstr(why.text, "not empty"));
	(void)snprintf(path, sizeof(path), "%s/root.pem", sim.dir);
	assert_int_equal(tpmsim_init(path, &usual, &why), AC_ERR_IO);
	(void)snprintf(path, sizeof(path), "%s/no/folder", sim.top);
	assert_int_equal(tpmsim_init(path, &usual, &why), AC_ERR_IO);
	assert_int_equal(tpmsim_init("", &usual, &why), AC_ERR_IO);
	assert_int_equal(errno, ENOENT);

	(void)snprintf(path, sizeof(path), "%s/new", sim.top);
	assert_int_equal(tpmsim_init(path, &none, &why), AC_ERR_LIMIT);
	assert_int_equal(tpmsim_init(path, &many, &why), AC_ERR_LIMIT);
	assert_int_equal(stat(path, &st), -1);
	(void)snprintf(path, sizeof(path), "%s/a,b", sim.top);
	assert_int_equal(tpmsim_init(path, &usual, &why), AC_ERR_FORMAT);
	assert_int_equal(stat(path, &st), -1);
	(void)snprintf(path, sizeof(path), "%s/", sim.top);
	end = path + strlen(path);
	memset(end, 'l', 107);
	end[94 - strlen(sim.top)] = '\0'; /* 95 + "/tpm.sock.ctrl" = 109 */
	assert_int_equal(tpmsim_init(path, &usual, &why), AC_ERR_LIMIT);
	assert_non_null(strstr(why.text, "at most 93"));
	assert_int_equal(stat(path, &st), -1);
}

/* The longest path that fits, with characters that shells dislike. */
static void
init_odd_path(void **state)
{
	char path[256];
	struct tpm_why why;
	size_t n;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/a b'\"$(x)#=%%s;", sim.top);
	n = strlen(path);
	memset(path + n, 'l', 93 - n);
	path[93] = '\0';
	assert_tpm(tpmsim_init(path, &usual, &why), &why);
	assert_tpm(tpmsim_start(path, &why), &why);
	assert_tpm(tpmsim_stop(path, &why), &why);
}

/* Without swtpm_setup nothing is left behind and the package is named. */
static void
init_without_swtpm(void **state)
{
	char path[96], *was = strdup(getenv("PATH"));
	struct tpm_why why;
	struct stat st;
	enum ac_err e;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/without", sim.top);
	assert_int_equal(setenv("PATH", sim.top, 1), 0);
	e = tpmsim_init(path, &usual, &why);
	assert_int_equal(setenv("PATH", was, 1), 0);
	free(was);
	assert_int_equal(e, AC_ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "apt-get install swtpm"));
	assert_int_equal(stat(path, &st), -1);
}

/* A swtpm_setup that fails: its last line is shown, nothing is left. */
static void
init_fails_midway(void **state)
{
	static const char script[] = "#!/bin/sh\necho first\n"
	    "echo no entropy today >&2\nexit 1\n";
	char bin[64], tool[96], path[96], *was = strdup(getenv("PATH"));
	struct tpm_why why;
	struct stat st;
	enum ac_err e;

	(void)state;
	(void)snprintf(bin, sizeof(bin), "%s/bin", sim.top);
	(void)snprintf(tool, sizeof(tool), "%s/swtpm_setup", bin);
	(void)snprintf(path, sizeof(path), "%s/midway", sim.top);
	assert_int_equal(mkdir(bin, 0700), 0);
	assert_ok(file_write(tool, span_str(script), 0700));
	assert_int_equal(mkdir(path, 0755), 0); /* an empty one stays */
	assert_int_equal(setenv("PATH", bin, 1), 0);
	e = tpmsim_init(path, &usual, &why);
	assert_int_equal(setenv("PATH", was, 1), 0);
	free(was);
	assert_int_equal(e, AC_ERR_IO);
	assert_non_null(strstr(why.text,
	    "swtpm_setup failed: ...first|no entropy today"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(rmdir(path), 0);
}

static void
not_a_tpm(void **state)
{
	struct tpm_why why;
	char path[96];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/absent", sim.top);
	assert_int_equal(tpmsim_start(path, &why), AC_ERR_NOT_FOUND);
	assert_non_null(strstr(why.text, "tpm-sim init"));
	assert_int_equal(tpmsim_stop(path, &why), AC_ERR_NOT_FOUND);
	assert_int_equal(tpmsim_start(sim.top, &why), AC_ERR_NOT_FOUND);
	assert_non_null(strstr(why.text, "no simulated TPM"));
	assert_int_equal(tpmsim_reset(sim.top, &why), AC_ERR_NOT_FOUND);
	assert_int_equal(tpmsim_stop(sim.top, &why), AC_ERR_NOT_FOUND);
}

static void
locked(void **state)
{
	struct tpm_why why;
	int fd = open(sim.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(tpmsim_start(sim.dir, &why), AC_ERR_BUSY);
	assert_int_equal(tpmsim_stop(sim.dir, &why), AC_ERR_BUSY);
	assert_int_equal(tpmsim_reset(sim.dir, &why), AC_ERR_BUSY);
	assert_int_equal(tpmsim_init(sim.dir, &usual, &why), AC_ERR_BUSY);
	assert_int_equal(close(fd), 0);
}

/* Run the command with its output to fd; its exit code. */
static int
command(int fd, const char *a, const char *b, const char *c, const char *d)
{
	const char *argv[] = { "tpm-sim", a, b, c, d, NULL };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
			_exit(127);
		(void)execv(PROGRAM, (char *const *)(const void *)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
command_line(void **state)
{
	static const struct {
		const char *a, *b, *c, *d;
		int code;
		const char *says;
	} lines[] = {
		{ "--help", NULL, NULL, NULL, 0, "examples:" },
		{ "-h", NULL, NULL, NULL, 0, "exit codes:" },
		{ "start", "DIR", NULL, NULL, 0, "runs already" },
		{ "stop", "DIR", NULL, NULL, 0, "" },
		{ "stop", "DIR", NULL, NULL, 0, "does not run" },
		{ "start", "DIR", NULL, NULL, 0, "swtpm:path=/" },
		{ "reset", "DIR", NULL, NULL, 0, "swtpm:path=/" },
		{ "init", "DIR", NULL, NULL, 1, "holds a simulated TPM" },
		{ "start", "/no/such", NULL, NULL, 1, "does not exist" },
		{ NULL, NULL, NULL, NULL, 2, "usage:" },
		{ "start", NULL, NULL, NULL, 2, "folder" },
		{ "start", "DIR", "DIR", NULL, 2, "folder" },
		{ "restart", "DIR", NULL, NULL, 2, "no such verb: restart" },
		{ "init", "--days", NULL, NULL, 2, "--days" },
		{ "init", "--days", "0", "x", 2, "not 0" },
		{ "init", "--days", "-1", "x", 2, "not -1" },
		{ "init", "--days", "1e3", "x", 2, "not 1e3" },
		{ "init", "--days", "7301", "/tmp/x", 1, "1 to 7300" },
		{ "start", "--days", "5", "DIR", 2, "for init" },
		{ "init", "--force", "DIR", NULL, 2, "--force" },
	};
#define ARG(x) ((x) != NULL && strcmp((x), "DIR") == 0 ? sim.dir : (x))
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char out[4096];
		size_t n = 0;
		ssize_t got;
		int fds[2], code;

		assert_int_equal(pipe(fds), 0);
		code = command(fds[1], ARG(lines[i].a), ARG(lines[i].b),
		    ARG(lines[i].c), ARG(lines[i].d));
		assert_int_equal(close(fds[1]), 0);
		/* Ends only if the started swtpm holds no end of the pipe. */
		while ((got = read(fds[0], out + n, sizeof(out) - 1 - n)) > 0)
			n += (size_t)got;
		assert_int_equal(close(fds[0]), 0);
		out[n] = '\0';
		if (code != lines[i].code ||
		    strstr(out, lines[i].says) == NULL)
			fail_msg("line %zu: exit %d, \"%s\"", i, code, out);
	}
#undef ARG
}

/* Started by one who blocks SIGTERM, it still ends when it is told to. */
static void
caller_blocks_sigterm(void **state)
{
	sigset_t term, before;
	double t0;

	(void)state;
	assert_int_equal(sigemptyset(&term), 0);
	assert_int_equal(sigaddset(&term, SIGTERM), 0);
	assert_int_equal(sigprocmask(SIG_BLOCK, &term, &before), 0);
	assert_tpm(tpmsim_reset(sim.dir, &sim.why), &sim.why);
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	t0 = sim_now_s();
	assert_tpm(tpmsim_reset(sim.dir, &sim.why), &sim.why);
	assert_true(sim_now_s() - t0 < 4); /* no need of SIGKILL */
}

/* Many starts at one time: one TPM, and it works. */
static void
race(void **state)
{
	pid_t pids[6];
	int status, done = 0;

	(void)state;
	assert_tpm(tpmsim_stop(sim.dir, &sim.why), &sim.why);
	for (size_t i = 0; i < 6; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct tpm_why why;

			_exit((int)tpmsim_start(sim.dir, &why));
		}
	}
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		done += WEXITSTATUS(status) == AC_OK;
		assert_true(WEXITSTATUS(status) == AC_OK ||
		    WEXITSTATUS(status) == AC_ERR_BUSY ||
		    WEXITSTATUS(status) == AC_ERR_EXISTS);
	}
	assert_int_equal(done, 1);
	(void)clock_now(&sim);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folder),
		cmocka_unit_test(orderly_boot),
		cmocka_unit_test(reset_is_a_boot),
		cmocka_unit_test(start_twice),
		cmocka_unit_test(killed),
		cmocka_unit_test(stale_pid),
		cmocka_unit_test(two_tpms),
		cmocka_unit_test(init_refuses),
		cmocka_unit_test(init_odd_path),
		cmocka_unit_test(init_without_swtpm),
		cmocka_unit_test(init_fails_midway),
		cmocka_unit_test(not_a_tpm),
		cmocka_unit_test(locked),
		cmocka_unit_test(command_line),
		cmocka_unit_test(caller_blocks_sigterm),
		cmocka_unit_test(race),
		cmocka_unit_test(hung),
	};
	int rc = sim_begin(&sim);

	if (rc != 0)
		return rc;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	sim_finish(&sim);
	return rc;
}
