/*
 * Escapes from the sandbox, each with what stopped it and a control that
 * succeeds without the sandbox; then limits, results, and refused
 * specifications.  Run once as whoever calls it and, by root, once as an
 * ordinary user (--as-user).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sha256.h"
#include "producer/filter.h"
#include "producer/sandbox.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)
#define ARGS_MAX 8

static char dir[] = "/tmp/aicert-test-XXXXXX";
static char bin[64], data[64], work[64], key[64], sock[64], node[64];
static char helper[128], port[8], abstract[64];
static int tcp_fd = -1, unix_fd = -1, abstract_fd = -1;
static bool have_node;

/* What one run of the helper said. */
struct said {
	char text[8192]; /* without the last newline */
	int status;
	struct sandbox_result result;
};

static void
put_file(const char *path, const char *text, unsigned mode)
{
	assert_ok(file_write(path, span_str(text), mode));
	assert_int_equal(chmod(path, mode), 0);
}

static struct sandbox_spec
spec_of(const char *const *argv)
{
	static struct sandbox_mount inputs[3];

	inputs[0] = (struct sandbox_mount){ bin, "bin" };
	inputs[1] = (struct sandbox_mount){ data, "data" };
	inputs[2] = (struct sandbox_mount){ node, "dev" };
	return (struct sandbox_spec){
		.argv = argv,
		.inputs = inputs,
		.ninputs = 3,
		.workspace = work,
		.limits = { .memory_bytes = 512 * MIB, .pids = 64,
		    .wall_s = 120 },
	};
}

static void
start(struct sandbox *s, const struct sandbox_spec *spec)
{
	struct sandbox_why why;

	if (sandbox_start(s, spec, &why) != AC_OK)
		fail_msg("%s", why.text);
}

/* All the output; its first bytes into said. */
static uint64_t
drain(struct sandbox *s, struct said *said)
{
	static char buf[65536];
	uint64_t total = 0;
	size_t n, len = 0;

	for (;;) {
		assert_ok(sandbox_read(s, buf, sizeof(buf), &n));
		if (n == 0)
			break;
		total += n;
		if (n > sizeof(said->text) - 1 - len)
			n = sizeof(said->text) - 1 - len;
		memcpy(said->text + len, buf, n);
		len += n;
	}
	if (len > 0 && said->text[len - 1] == '\n')
		len--;
	said->text[len] = '\0';
	return total;
}

static void
run_spec(struct said *said, const struct sandbox_spec *spec)
{
	struct sandbox s = SANDBOX_NONE;

	start(&s, spec);
	(void)drain(&s, said);
	assert_ok(sandbox_wait(&s, &said->result));
	said->status = said->result.exit_status;
	assert_ok(sandbox_end(&s));
	assert_int_equal(s.init_fd, -1);
}

/* Run the helper with up to three arguments inside. */
static void
inside(struct said *said, const char *mode, const char *a, const char *b,
    const char *c)
{
	const char *const argv[] = { "/inputs/bin/escape", mode, a, b, c,
		NULL };
	const struct sandbox_spec spec = spec_of(argv);

	run_spec(said, &spec);
}

/*
 * The same without a sandbox; as_nobody: as an ordinary user.  What root
 * mounts there ends with the attempt: it has a mount namespace of its own,
 * from which nothing reaches the machine's.
 */
static void
outside_as(struct said *said, bool as_nobody, const char *mode, const char *a,
    const char *b, const char *c)
{
	int p[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		const char *const argv[] = { "escape", mode, a, b, c, NULL };
		char *const env[] = { NULL };
		int fd;

		if (geteuid() == 0 &&
		    (unshare(CLONE_NEWNS) != 0 ||
		        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0))
			_exit(2);
		/* After that: across mount namespaces nothing is setuid. */
		fd = open(helper, O_PATH | O_CLOEXEC);
		if (as_nobody &&
		    (setgroups(0, NULL) != 0 ||
		        setresgid(65534, 65534, 65534) != 0 ||
		        setresuid(65534, 65534, 65534) != 0))
			_exit(2);
		(void)dup2(p[1], 1);
		(void)syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
		_exit(2);
	}
	close(p[1]);
	while ((n = read(p[0], said->text + len,
	            sizeof(said->text) - 1 - len)) > 0)
		len += (size_t)n;
	close(p[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (len > 0 && said->text[len - 1] == '\n')
		len--;
	said->text[len] = '\0';
	said->status = WIFEXITED(status) ? WEXITSTATUS(status) :
	                                   128 + WTERMSIG(status);
}

static void
outside(struct said *said, const char *mode, const char *a, const char *b,
    const char *c)
{
	outside_as(said, false, mode, a, b, c);
}

/* The attempt is stopped inside, by exactly this errno. */
static void
stopped(const char *what, const char *by, const char *error, const char *mode,
    const char *a, const char *b, const char *c)
{
	struct said said;

	inside(&said, mode, a, b, c);
	print_message("%s: %s, %s\n", what, said.text, by);
	assert_string_equal(said.text, error);
	assert_int_equal(said.status, 1);
}

/* The control: the attempt succeeds outside. */
static void
succeeds(const char *mode, const char *a, const char *b, const char *c)
{
	struct said said;

	outside(&said, mode, a, b, c);
	assert_string_equal(said.text, "escaped");
	assert_int_equal(said.status, 0);
}

/* --- the seven escapes --- */

static void
network(void **state)
{
	struct said said;

	(void)state;
	succeeds("tcp", "127.0.0.1", port, NULL);
	stopped("a listener of the host on loopback",
	    "the network namespace has a loopback of its own", "ECONNREFUSED",
	    "tcp", "127.0.0.1", port, NULL);
	stopped("an address outside", "the network namespace has no route",
	    "ENETUNREACH", "tcp", "192.0.2.1", "9", NULL);
	/* The control asks for a route only, and sends nothing. */
	outside(&said, "route", "192.0.2.1", "9", NULL);
	if (said.status != 0)
		print_message("no control for an address outside: this "
		              "machine has no route either\n");
	stopped("a route outside", "the network namespace has none",
	    "ENETUNREACH", "route", "192.0.2.1", "9", NULL);
}

static void
abstract_socket(void **state)
{
	(void)state;
	succeeds("unix", abstract, NULL, NULL);
	stopped("an abstract socket of the host", "the network namespace",
	    "ECONNREFUSED", "unix", abstract, NULL, NULL);
}

static void
tpm_socket(void **state)
{
	(void)state;
	succeeds("unix", sock, NULL, NULL);
	stopped("the TPM's socket", "it is not in the mount namespace",
	    "ENOENT", "unix", sock, NULL, NULL);
}

static void
builders_key(void **state)
{
	(void)state;
	succeeds("read", key, NULL, NULL);
	stopped("the builder's key", "it is not in the mount namespace",
	    "ENOENT", "read", key, NULL, NULL);
}

static void
writing_an_input(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/file", data);
	succeeds("write", path, NULL, NULL);
	stopped("writing an input", "it is mounted read-only", "EROFS",
	    "write", "/inputs/data/file", NULL, NULL);
	stopped("adding to an input", "it is mounted read-only", "EROFS",
	    "create", "/inputs/data/new", NULL, NULL);
	stopped("removing an input", "it is mounted read-only", "EROFS",
	    "unlink", "/inputs/data/file", NULL, NULL);
	stopped("adding an input", "the root is read-only", "EROFS", "create",
	    "/inputs/new", NULL, NULL);
}

static void
tpm_devices(void **state)
{
	struct said said;
	char path[128];

	(void)state;
	stopped("/dev/tpm0", "it is not in the job's /dev", "ENOENT", "read",
	    "/dev/tpm0", NULL, NULL);
	stopped("/dev/tpmrm0", "it is not in the job's /dev", "ENOENT", "read",
	    "/dev/tpmrm0", NULL, NULL);
	if (access("/dev/tpmrm0", R_OK) == 0)
		succeeds("read", "/dev/tpmrm0", NULL, NULL);
	else
		print_message("no control for /dev/tpm*: this machine shows "
		              "this user no TPM\n");
	inside(&said, "list", "/dev", NULL, NULL);
	assert_string_equal(said.text,
	    "core fd full null ptmx pts random shm stderr stdin stdout tty "
	    "urandom zero ");
	stopped("making a device in /dev", "it is read-only", "EROFS",
	    "create", "/dev/tpm0", NULL, NULL);

	if (!have_node) {
		print_message("a device node in an input: *skipped*, only "
		              "root makes one\n");
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/tpm0", node);
	succeeds("read", path, NULL, NULL);
	stopped("a device node in an input", "inputs are mounted nodev",
	    "EACCES", "read", "/inputs/dev/tpm0", NULL, NULL);
}

/* Wait until path is longer than len. */
static void
wait_growth(const char *path, off_t len)
{
	const struct timespec tick = { 0, 1000000 };
	struct stat st;

	for (int i = 0; i < 20000; i++) {
		if (stat(path, &st) == 0 && st.st_size > len)
			return;
		(void)nanosleep(&tick, NULL);
	}
	fail_msg("%s does not grow", path);
}

static off_t
size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Does some process hold the lock that the helper took? */
static bool
is_held(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool held;

	assert_true(fd >= 0);
	held = flock(fd, LOCK_EX | LOCK_NB) != 0;
	close(fd);
	return held;
}

/* Its lock is free and its file still: it is gone. */
static void
assert_gone(const char *path)
{
	const struct timespec a_while = { 0, 100000000 };
	off_t len = size_of(path);

	assert_false(is_held(path));
	assert_true(len > 0);
	(void)nanosleep(&a_while, NULL);
	assert_int_equal(size_of(path), len);
}

static void
survivor(void **state)
{
	struct said said;
	char path[128];
	pid_t pid;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/survivor-outside", dir);
	outside(&said, "survive", path, NULL, NULL);
	assert_int_equal(said.status, 0);
	wait_growth(path, size_of(path));
	assert_true(is_held(path));
	pid = (pid_t)strtol(said.text, NULL, 10);
	assert_true(pid > 1);
	assert_int_equal(kill(pid, SIGKILL), 0);

	(void)snprintf(path, sizeof(path), "%s/survivor", work);
	inside(&said, "survive", "survivor", NULL, NULL);
	assert_int_equal(said.status, 0);
	assert_gone(path);
	print_message("a process that survives (twice forked, own session, "
	              "deaf to signals): gone, the PID namespace ended\n");
}

/* --- more ways of ending --- */

static void
ended_while_it_runs(void **state)
{
	const char *const argv[] = { "/inputs/bin/escape", "stay", "stay",
		NULL };
	const struct sandbox_spec spec = spec_of(argv);
	struct sandbox s = SANDBOX_NONE;
	char path[128], c;
	size_t n;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/stay", work);
	start(&s, &spec);
	assert_ok(sandbox_read(&s, &c, 1, &n));
	assert_int_equal(n, 1);
	wait_growth(path, size_of(path));
	assert_true(is_held(path));
	assert_ok(sandbox_end(&s));
	assert_gone(path);
	assert_ok(sandbox_end(&s)); /* a second time: nothing to do */
}

/* What outside is killed first does not matter. */
static void
ended_without_bwrap(void **state)
{
	const char *const argv[] = { "/inputs/bin/escape", "stay", "orphan",
		NULL };
	const struct sandbox_spec spec = spec_of(argv);
	struct sandbox s = SANDBOX_NONE;
	struct sandbox_result r;
	char path[128], c;
	size_t n;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/orphan", work);
	start(&s, &spec);
	assert_ok(sandbox_read(&s, &c, 1, &n));
	assert_int_equal(kill(s.bwrap, SIGKILL), 0);
	assert_int_equal(sandbox_wait(&s, &r), AC_ERR_IO);
	assert_ok(sandbox_end(&s));
	assert_gone(path);
}

/* A caller that is killed takes its job along. */
static void
caller_killed(void **state)
{
	const struct timespec tick = { 0, 1000000 };
	const char *const argv[] = { "/inputs/bin/escape", "stay", "widow",
		NULL };
	const struct sandbox_spec spec = spec_of(argv);
	char path[128];
	pid_t caller;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/widow", work);
	caller = fork();
	if (caller == 0) {
		struct sandbox s = SANDBOX_NONE;
		struct sandbox_why why;

		if (sandbox_start(&s, &spec, &why) == AC_OK)
			(void)pause();
		_exit(1);
	}
	wait_growth(path, 0);
	assert_int_equal(kill(caller, SIGKILL), 0);
	assert_int_equal(waitpid(caller, NULL, 0), caller);
	for (int i = 0; i < 20000 && is_held(path); i++)
		(void)nanosleep(&tick, NULL);
	assert_gone(path);
}

static void
wall_limit(void **state)
{
	const char *const argv[] = { "/inputs/bin/escape", "sleep", NULL };
	struct sandbox_spec spec = spec_of(argv);
	struct said said;

	(void)state;
	spec.limits.wall_s = 1;
	run_spec(&said, &spec);
	assert_true(said.result.timed_out);
	assert_int_equal(said.status, 128 + SIGKILL);
	assert_true(said.result.wall_ns >= 1000000000);
	assert_true(said.result.wall_ns < 20000000000);
}

/* --- privileges --- */

static void
identity(void **state)
{
	struct said said;

	(void)state;
	inside(&said, "identity", NULL, NULL, NULL);
	assert_string_equal(said.text,
	    "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
	    "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
	    "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	    "uid 1000");
	inside(&said, "list", "/", NULL, NULL);
	print_message("the job's root: %s\n", said.text);
	assert_null(strstr(said.text, "sys"));
	assert_null(strstr(said.text, "boot"));
	inside(&said, "list", "/etc", NULL, NULL);
	print_message("the job's /etc: %s\n", said.text);
	assert_null(strstr(said.text, "shadow"));
	inside(&said, "list", "/inputs", NULL, NULL);
	assert_string_equal(said.text, "bin data dev ");
	inside(&said, "list", "/run", NULL, NULL);
	assert_string_equal(said.text, "");
}

static void
setuid_binary(void **state)
{
	const char *const argv[] = { "/inputs/bin/setuid", "identity", NULL };
	const struct sandbox_spec spec = spec_of(argv);
	struct said said;
	char path[128], saved[sizeof(helper)];

	(void)state;
	if (geteuid() != 0) {
		print_message("*skipped*: only root makes a setuid binary of "
		              "root\n");
		skip();
	}
	(void)snprintf(path, sizeof(path), "%s/setuid", bin);
	memcpy(saved, helper, sizeof(saved));
	(void)snprintf(helper, sizeof(helper), "%s", path);
	outside_as(&said, true, "identity", NULL, NULL, NULL);
	memcpy(helper, saved, sizeof(saved));
	assert_non_null(strstr(said.text, "uid 0"));
	run_spec(&said, &spec);
	assert_non_null(strstr(said.text, "NoNewPrivs:\t1"));
	assert_non_null(strstr(said.text, "uid 1000"));
}

/* One attempt per system call; the control is another answer outside, where
 * the kernel itself, not the filter, says no (or yes). */
static void
system_calls(void **state)
{
	static const struct {
		const char *what, *mode, *a, *b, *c, *error;
	} calls[] = {
		{ "tracing a sibling", "ptrace", NULL, NULL, NULL, "EPERM" },
		{ "unshare of users", "unshare", NULL, NULL, NULL, "EPERM" },
		{ "clone of users", "clone", NULL, NULL, NULL, "EPERM" },
		{ "clone3", "clone3", NULL, NULL, NULL, "ENOSYS" },
		{ "typing into a terminal", "tiocsti", NULL, NULL, NULL,
		    "EPERM" },
		{ "the same, high bits set", "tiocsti-high", NULL, NULL, NULL,
		    "EPERM" },
		{ "mounting", "mount", "/proc/self/fdinfo", NULL, NULL,
		    "EPERM" },
		{ "AF_VSOCK", "socket", "40", "1", "0", "EPERM" },
		{ "AF_ALG", "socket", "38", "5", "0", "EPERM" },
		{ "AF_PACKET", "socket", "17", "3", "0", "EPERM" },
		{ "AF_X25", "socket", "9", "5", "0", "EPERM" },
		{ "AF_X25, high bits set", "socket", "0x100000009", "5", "0",
		    "EPERM" },
		{ "NETLINK_AUDIT", "socket", "16", "3", "9", "EPERM" },
#ifdef __x86_64__
		{ "process_vm_readv", "call", "310", NULL, NULL, "EPERM" },
		{ "process_vm_writev", "call", "311", NULL, NULL, "EPERM" },
		{ "io_uring_setup", "call", "425", NULL, NULL, "EPERM" },
		{ "io_uring_enter", "call", "426", NULL, NULL, "EPERM" },
		{ "bpf", "call", "321", NULL, NULL, "EPERM" },
		{ "perf_event_open", "call", "298", NULL, NULL, "EPERM" },
		{ "userfaultfd", "call", "323", NULL, NULL, "EPERM" },
		{ "keyctl", "call", "250", NULL, NULL, "EPERM" },
		{ "add_key", "call", "248", NULL, NULL, "EPERM" },
		{ "request_key", "call", "249", NULL, NULL, "EPERM" },
		{ "setns", "call", "308", NULL, NULL, "EPERM" },
		{ "open_tree", "call", "428", NULL, NULL, "EPERM" },
		{ "move_mount", "call", "429", NULL, NULL, "EPERM" },
		{ "fsopen", "call", "430", NULL, NULL, "EPERM" },
		{ "pidfd_getfd", "call", "438", NULL, NULL, "EPERM" },
		{ "name_to_handle_at", "call", "303", NULL, NULL, "EPERM" },
		{ "open_by_handle_at", "call", "304", NULL, NULL, "EPERM" },
		{ "personality", "call", "135", "0x40000", NULL, "EPERM" },
		{ "statmount, newer than the list", "call", "457", NULL, NULL,
		    "ENOSYS" },
#endif
	};
	struct said said;

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		outside(&said, calls[i].mode, calls[i].a, calls[i].b,
		    calls[i].c);
		if (strcmp(said.text, calls[i].error) == 0)
			print_message("no control for %s: outside %s too\n",
			    calls[i].what, said.text);
		stopped(calls[i].what, "the seccomp filter", calls[i].error,
		    calls[i].mode, calls[i].a, calls[i].b, calls[i].c);
	}
	succeeds("ptrace", NULL, NULL, NULL);
	succeeds("clone", NULL, NULL, NULL);
	if (geteuid() == 0)
		succeeds("mount", work, NULL, NULL);
#ifdef __x86_64__
	outside(&said, "foreign", NULL, NULL, NULL);
	print_message("a 32-bit call outside: %s (%d)\n", said.text,
	    said.status);
	inside(&said, "foreign", NULL, NULL, NULL);
	assert_int_equal(said.status, 128 + SIGSYS);
	/* Asking for the personality is allowed. */
	inside(&said, "call", "135", "0xffffffff", NULL);
	assert_string_equal(said.text, "escaped");
#endif
}

/* With a terminal the control is real: outside the kernel types, or says
 * EIO where it was told not to. */
static void
terminal(void **state)
{
	const char *const argv[] = { "/inputs/bin/escape", "tiocsti", NULL };
	const struct sandbox_spec spec = spec_of(argv);
	struct sandbox_why why;
	int status, master;
	pid_t child;

	(void)state;
	child = forkpty(&master, NULL, NULL, NULL);
	assert_true(child >= 0);
	if (child == 0) {
		struct sandbox s = SANDBOX_NONE;
		char said[16] = "";
		size_t n = 0;
		bool ok;

		ok = sandbox_start(&s, &spec, &why) == AC_OK &&
		    sandbox_read(&s, said, sizeof(said) - 1, &n) == AC_OK &&
		    sandbox_end(&s) == AC_OK;
		_exit(ok && strcmp(said, "EPERM\n") == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	close(master);
	assert_int_equal(status, 0);
}

static void
read_only_root(void **state)
{
	static const char *const paths[] = { "/usr/bin/x", "/usr/lib/x",
		"/bin/x", "/etc/x", "/x", "/inputs/x", "/dev/x" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		stopped(paths[i], "mounted read-only", "EROFS", "create",
		    paths[i], NULL, NULL);
	if (geteuid() == 0) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/x", bin);
		succeeds("create", path, NULL, NULL);
	}
}

static void
inherited_descriptor(void **state)
{
	int open_fds[3], moved;
	struct said said;

	(void)state;
	open_fds[0] = open(key, O_RDONLY);
	open_fds[1] = dup(tcp_fd);
	open_fds[2] = open(dir, O_RDONLY | O_DIRECTORY);
	moved = fcntl(open_fds[0], F_DUPFD, 500);
	assert_true(moved >= 500);
	outside(&said, "fds", NULL, NULL, NULL);
	assert_non_null(strstr(said.text, "500 "));
	inside(&said, "fds", NULL, NULL, NULL);
	assert_string_equal(said.text, "none");
	for (size_t i = 0; i < 3; i++)
		close(open_fds[i]);
	close(moved);
}

/* Start with 0, 1 and 2 closed, where our own pipes get those numbers. */
static void
closed_descriptors(void **state)
{
	const char *const argv[] = { "/inputs/bin/escape", "fds", NULL };
	const struct sandbox_spec spec = spec_of(argv);
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		struct sandbox s = SANDBOX_NONE;
		struct sandbox_why why;
		char said[64] = "";
		size_t n = 0;
		bool ok;

		(void)close_range(0, UINT32_MAX, 0);
		ok = sandbox_start(&s, &spec, &why) == AC_OK &&
		    sandbox_read(&s, said, sizeof(said) - 1, &n) == AC_OK &&
		    sandbox_end(&s) == AC_OK;
		_exit(ok && strcmp(said, "none\n") == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
environment(void **state)
{
	static const char *const given[] = { "SEED=7", "EMPTY=",
		"LANG=C", "LD_PRELOAD=/workspace/evil.so" };
	const char *const argv[] = { "/inputs/bin/escape", "environ", NULL };
	struct sandbox_spec spec = spec_of(argv);
	struct said said;

	(void)state;
	assert_int_equal(setenv("AICERT_SECRET", "hush", 1), 0);
	run_spec(&said, &spec);
	assert_string_equal(said.text,
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	    "\nHOME=/root\nTMPDIR=/tmp\nLANG=C.UTF-8\nPWD=/workspace");
	spec.env = given;
	spec.nenv = 4;
	run_spec(&said, &spec);
	assert_non_null(strstr(said.text, "\nSEED=7\n"));
	assert_non_null(strstr(said.text, "\nEMPTY=\n"));
	assert_non_null(strstr(said.text, "\nLANG=C\n"));
	/* The loader complains once, from the job; bwrap never saw it. */
	assert_non_null(strstr(said.text, "\nLD_PRELOAD="));
	assert_null(strstr(said.text, "hush"));
	assert_int_equal(unsetenv("AICERT_SECRET"), 0);
}

/* --- limits --- */

static void
memory_limit(void **state)
{
	const char *const argv[] = { "/inputs/bin/escape", "memory", "256",
		NULL };
	struct sandbox_spec spec = spec_of(argv);
	struct sandbox s = SANDBOX_NONE;
	struct sandbox_result r;
	struct said said;

	(void)state;
	run_spec(&said, &spec);
	assert_string_equal(said.text, "escaped"); /* below the limit */
	spec.limits.memory_bytes = 128 * MIB;
	start(&s, &spec);
	(void)drain(&s, &said);
	assert_ok(sandbox_wait(&s, &r));
	print_message("256 MiB under a limit of 128, by %s: %s, exit %d\n",
	    s.how == SANDBOX_CGROUP ? "cgroup" : "rlimit", said.text,
	    r.exit_status);
	if (s.how == SANDBOX_CGROUP)
		assert_int_equal(r.exit_status, 128 + SIGKILL);
	else
		assert_string_equal(said.text, "ENOMEM");
	assert_ok(sandbox_end(&s));
}

static void
fresh_folders_are_bounded(void **state)
{
	static const char *const files[] = { "/tmp/x", "/dev/shm/x",
		"/root/x" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char *const argv[] = { "/inputs/bin/escape", "fill",
			files[i], "33", NULL };
		struct sandbox_spec spec = spec_of(argv);
		struct said said;

		spec.limits.memory_bytes = 32 * MIB;
		run_spec(&said, &spec);
		if (said.status == 1)
			assert_string_equal(said.text, "ENOSPC");
		else
			assert_int_equal(said.status, 128 + SIGKILL);
	}
}

static void
process_limit(void **state)
{
	const char *const argv[] = { "/inputs/bin/escape", "fork", "200",
		NULL };
	struct sandbox_spec spec = spec_of(argv);
	struct said said;

	(void)state;
	spec.limits.pids = 20;
	run_spec(&said, &spec);
	/* The one that forks is one of the twenty. */
	assert_string_equal(said.text, "19 EAGAIN");
	assert_int_equal(said.status, 1);
	spec.limits.pids = 300;
	run_spec(&said, &spec);
	assert_string_equal(said.text, "200 escaped");
}

/* --- results --- */

static void
ordinary_work(void **state)
{
	const char *const cc[] = { "sh", "-c",
		"echo 'int main(void){return 42;}' > t.c && cc -o t t.c && ./t",
		NULL };
	struct sandbox_spec spec = spec_of(cc);
	struct said said;

	(void)state;
	inside(&said, "work", NULL, NULL, NULL);
	assert_string_equal(said.text, "err\nescaped\n/workspace");
	assert_int_equal(said.status, 0);
	assert_true(said.result.wall_ns > 0);
	assert_false(said.result.timed_out);
	if (access("/usr/bin/cc", X_OK) != 0)
		return;
	run_spec(&said, &spec);
	assert_int_equal(said.status, 42);
}

static void
exit_codes(void **state)
{
	static const struct {
		const char *mode, *arg;
		int status;
	} ends[] = {
		{ "exit", "0", 0 },
		{ "exit", "1", 1 },
		{ "exit", "127", 127 },
		{ "exit", "255", 255 },
		{ "signal", "9", 137 },
		{ "signal", "11", 139 },
		{ "signal", "15", 143 },
		{ "signal", "13", 141 },
	};
	struct said said;

	(void)state;
	/* An ignored signal of the caller is none of the job's. */
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		inside(&said, ends[i].mode, ends[i].arg, NULL, NULL);
		assert_int_equal(said.status, ends[i].status);
	}
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	/* Whoever reaps our children, the result is the same. */
	assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	inside(&said, "exit", "3", NULL, NULL);
	assert_true(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
	assert_int_equal(said.status, 3);
}

static void
no_such_command(void **state)
{
	const char *const argv[] = { "no-such-command", NULL };
	const struct sandbox_spec spec = spec_of(argv);
	struct sandbox s = SANDBOX_NONE;
	struct sandbox_result r;
	struct said said;

	(void)state;
	start(&s, &spec);
	(void)drain(&s, &said);
	assert_non_null(strstr(said.text, "no-such-command"));
	assert_int_equal(sandbox_wait(&s, &r), AC_ERR_NOT_FOUND);
	assert_ok(sandbox_end(&s));
}

static void
much_output(void **state)
{
	const char *const argv[] = { "/inputs/bin/escape", "flood",
		"104857600", NULL };
	const struct sandbox_spec spec = spec_of(argv);
	struct sandbox s = SANDBOX_NONE;
	struct sandbox_result r;
	struct said said;

	(void)state;
	start(&s, &spec);
	assert_int_equal(drain(&s, &said), 104857600);
	assert_ok(sandbox_wait(&s, &r));
	assert_int_equal(r.exit_status, 0);
	assert_ok(sandbox_end(&s));
}

static void
fresh_workspace(void **state)
{
	const char *const argv[] = { "sh", "-c", "echo x > y && cat y", NULL };
	struct sandbox_spec spec = spec_of(argv);
	struct said said;

	(void)state;
	spec.workspace = NULL;
	run_spec(&said, &spec);
	assert_string_equal(said.text, "x");
}

/* An unpacked image whose folders and links try to lead out. */
static void
image_root(void **state)
{
	const char *const argv[] = { "/bin/escape", "list", "/", NULL };
	const char *const follow[] = { "/bin/escape", "read", "/out", NULL };
	struct sandbox_spec spec = spec_of(argv);
	char root[64], path[128], command[1024];
	struct said said;

	(void)state;
	(void)snprintf(root, sizeof(root), "%s/image", dir);
	(void)snprintf(command, sizeof(command),
	    "mkdir -p %s/bin %s/tmp/x %s/app && cp -p %s %s/bin/escape && "
	    "cp -rL --parents $(ldd %s | grep -o '/[^ ]*') %s && "
	    "ln -s %s %s/out && chmod -R go+rX %s",
	    root, root, root, helper, root, helper, root, key, root, root);
	assert_int_equal(system(command), 0);
	spec.root = root;
	run_spec(&said, &spec);
	print_message("the image's root: %s\n", said.text);
	assert_non_null(strstr(said.text, "app "));
	assert_null(strstr(said.text, "usr "));
	spec.argv = follow;
	run_spec(&said, &spec);
	assert_string_equal(said.text, "ENOENT");
	(void)snprintf(path, sizeof(path), "%s/out", root);
	succeeds("read", path, NULL, NULL);
}

/* --- refused specifications --- */

static void
refuse(const char *what, const struct sandbox_spec *spec, enum ac_err e,
    const char *word)
{
	struct sandbox s = SANDBOX_NONE;
	struct sandbox_why why;

	print_message("%s: ", what);
	assert_int_equal(sandbox_start(&s, spec, &why), e);
	print_message("%s\n", why.text);
	assert_non_null(strstr(why.text, word));
	assert_int_equal(s.init_fd, -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
}

static void
refused(void **state)
{
	static const char *const bad_names[] = { "", ".", "..", "a/b", "a b",
		"a\nb", "\xc3\xa4" };
	static const char *const bad_env[] = { "NAME", "=x", "1A=x", "A B=x",
		"A-B=x" };
	static const char *const bad_gpus[] = { "/dev/tpm0", "/dev/tpmrm0",
		"/dev/../etc/passwd", "/etc/passwd", "/dev/none", "/dev//tpm0",
		"null" };
	const char *const none[] = { NULL };
	const char *const argv[] = { "true", NULL };
	const struct sandbox_spec good = spec_of(argv);
	struct sandbox_mount m[2] = { { bin, "bin" }, { data, "bin" } };
	struct sandbox_spec spec = good;
	char long_name[SANDBOX_NAME_MAX + 2];

	(void)state;
	spec.argv = none;
	refuse("no command", &spec, AC_ERR_FORMAT, "no command");
	spec = good;
	spec.inputs = m;
	spec.ninputs = 2;
	refuse("a name twice", &spec, AC_ERR_FORMAT, "two inputs");
	spec.ninputs = 1;
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(*bad_names); i++) {
		m[0].name = bad_names[i];
		refuse("a name", &spec, AC_ERR_FORMAT, "name");
	}
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	m[0].name = long_name;
	refuse("a long name", &spec, AC_ERR_FORMAT, "name");
	m[0] = (struct sandbox_mount){ "/no/such/input", "x" };
	refuse("an absent input", &spec, AC_ERR_NOT_FOUND, "/no/such/input");
	m[0] = (struct sandbox_mount){ sock, "x" };
	refuse("a socket as input", &spec, AC_ERR_FORMAT, "regular file");
	m[0] = (struct sandbox_mount){ "/dev/null", "x" };
	refuse("a device as input", &spec, AC_ERR_FORMAT, "regular file");
	spec.ninputs = SANDBOX_INPUTS_MAX + 1;
	refuse("too many inputs", &spec, AC_ERR_LIMIT, "at most");
	spec = good;
	spec.workspace = "/no/such/folder";
	refuse("no workspace", &spec, AC_ERR_NOT_FOUND, "/no/such/folder");
	spec.workspace = key;
	refuse("a file as workspace", &spec, AC_ERR_FORMAT, "folder");
	spec = good;
	spec.root = "/no/such/image";
	refuse("no image", &spec, AC_ERR_NOT_FOUND, "/no/such/image");
	spec = good;
	spec.nenv = 1;
	for (size_t i = 0; i < sizeof(bad_env) / sizeof(*bad_env); i++) {
		spec.env = &bad_env[i];
		refuse("a variable", &spec, AC_ERR_FORMAT, "NAME=value");
	}
	spec = good;
	spec.ngpus = 1;
	for (size_t i = 0; i < sizeof(bad_gpus) / sizeof(*bad_gpus); i++) {
		spec.gpus = &bad_gpus[i];
		refuse("a device", &spec, AC_ERR_FORMAT, "device");
	}
	spec = good;
	spec.limits.memory_bytes = 1;
	refuse("a tiny memory", &spec, AC_ERR_FORMAT, "least");
	spec = good;
	spec.limits.wall_s = UINT64_MAX;
	refuse("an endless limit", &spec, AC_ERR_FORMAT, "range");
	spec = good;
	m[0] = (struct sandbox_mount){ key, "key" };
	if (geteuid() == 0) {
		spec.inputs = m;
		spec.ninputs = 1;
		refuse("an input that the job cannot read", &spec, AC_ERR_IO,
		    "cannot use");
	}
}

/*
 * Where no user namespace can be made the message says what to do.  The limit
 * set here is that of a user namespace made for it by an ordinary user, who
 * could not set the machine's.
 */
static void
set_up_fails(void **state)
{
	enum sandbox_how how;
	struct sandbox_why why;
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		int fd;

		if (geteuid() == 0 &&
		    (setgroups(0, NULL) != 0 ||
		        setresgid(65534, 65534, 65534) != 0 ||
		        setresuid(65534, 65534, 65534) != 0))
			_exit(2);
		if (unshare(CLONE_NEWUSER) != 0)
			_exit(3);
		fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY);
		if (fd < 0 || write(fd, "0", 1) != 1)
			_exit(4);
		if (sandbox_check(&how, &why) != AC_ERR_UNSUPPORTED)
			_exit(5);
		print_message("%s\n", why.text);
		_exit(strstr(why.text, "user.max_user_namespaces") == NULL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
checked_and_described(void **state)
{
	const char *const argv[] = { "true", NULL };
	struct sandbox_spec spec = spec_of(argv);
	struct sandbox_why why;
	enum sandbox_how how = SANDBOX_CGROUP;
	struct writer w;
	struct buf a = { 0 }, b = { 0 };
	char expected[512], hex[65] = "";
	struct digest filter;
	int fd;

	(void)state;
	if (sandbox_check(&how, &why) != AC_OK)
		fail_msg("%s", why.text);
	wr_init(&w, SANDBOX_DESCRIBE_MAX);
	assert_ok(sandbox_describe(&w, &spec, SANDBOX_RLIMIT));
	assert_ok(wr_end(&w, &a));
	wr_init(&w, SANDBOX_DESCRIBE_MAX);
	assert_ok(sandbox_describe(&w, &spec, SANDBOX_RLIMIT));
	assert_ok(wr_end(&w, &b));
	print_message("%s\n", (const char *)a.p);
	assert_true(span_equal(buf_span(&a), buf_span(&b)));
	assert_ok(filter_new(&fd, &filter, FILTER_JOB));
	close(fd);
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", filter.b[i]);
	(void)snprintf(expected, sizeof(expected),
	    "{\"kind\":\"bubblewrap\",\"root\":\"host\",\"network\":\"none\","
	    "\"capabilities\":\"none\",\"noNewPrivileges\":true,"
	    "\"userNamespaces\":\"none\",\"seccomp\":{\"sha256\":\"%s\"},"
	    "\"limits\":{\"memory\":{\"bytes\":536870912,\"how\":\"rlimit\","
	    "\"per\":\"process\"},\"pids\":{\"max\":64,\"how\":\"rlimit\"},"
	    "\"wallSeconds\":{\"max\":120,\"how\":\"kill\"},"
	    "\"core\":{\"bytes\":0,\"how\":\"rlimit\"}}}",
	    hex);
	assert_string_equal((const char *)a.p, expected);
	buf_free(&a);
	buf_free(&b);
	memset(&spec.limits, 0, sizeof(spec.limits));
	spec.root = "/some/where";
	wr_init(&w, SANDBOX_DESCRIBE_MAX);
	assert_ok(sandbox_describe(&w, &spec, SANDBOX_CGROUP));
	assert_ok(wr_end(&w, &a));
	assert_null(strstr((const char *)a.p, "where"));
	assert_null(strstr((const char *)a.p, "memory"));
	buf_free(&a);
}

static double
ms_since(const struct timespec *t)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - t->tv_sec) * 1e3 +
	    (double)(now.tv_nsec - t->tv_nsec) / 1e6;
}

static void
overhead(void **state)
{
	const char *const argv[] = { "true", NULL };
	const struct sandbox_spec spec = spec_of(argv);
	double started = 0, whole = 0;
	const int rounds = 20;

	(void)state;
	for (int i = 0; i < rounds; i++) {
		struct sandbox s = SANDBOX_NONE;
		struct sandbox_result r;
		struct said said;
		struct timespec t;

		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		start(&s, &spec);
		started += ms_since(&t);
		(void)drain(&s, &said);
		assert_ok(sandbox_wait(&s, &r));
		assert_ok(sandbox_end(&s));
		whole += ms_since(&t);
	}
	print_message("start %.1f ms, start to end of \"true\" %.1f ms (mean "
	              "of %d)\n",
	    started / rounds, whole / rounds, rounds);
}

/* --- the scene --- */

static int
listen_unix(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, name, len);
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&a,
	        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) !=
	        0 ||
	    listen(fd, 64) != 0)
		return -1;
	return fd;
}

static int
setup(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	char path[128];

	(void)state;
	(void)snprintf(data, sizeof(data), "%s/data", dir);
	(void)snprintf(work, sizeof(work), "%s/work", dir);
	(void)snprintf(key, sizeof(key), "%s/builder.key", dir);
	(void)snprintf(sock, sizeof(sock), "%s/tpm.sock", dir);
	(void)snprintf(abstract, sizeof(abstract), "@%s", dir + 5);
	if (mkdir(data, 0755) != 0 || mkdir(work, 0755) != 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/file", data);
	put_file(path, "data", 0666);
	put_file(key, "secret", 0600);
	tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(tcp_fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(tcp_fd, 64) != 0 ||
	    getsockname(tcp_fd, (struct sockaddr *)&a, &len) != 0)
		return -1;
	(void)snprintf(port, sizeof(port), "%u", ntohs(a.sin_port));
	unix_fd = listen_unix(sock);
	abstract_fd = listen_unix(abstract);
	return unix_fd < 0 || abstract_fd < 0;
}

/* What needs root, or the build folder, which an ordinary user may not
 * reach. */
static bool
prepare(bool as_user)
{
	char command[512];

	if (mkdtemp(dir) == NULL)
		return false;
	(void)snprintf(bin, sizeof(bin), "%s/bin", dir);
	(void)snprintf(node, sizeof(node), "%s/dev", dir);
	(void)snprintf(helper, sizeof(helper), "%s/escape", bin);
	if (mkdir(bin, 0755) != 0 || mkdir(node, 0755) != 0)
		return false;
	(void)snprintf(command, sizeof(command),
	    "cp %s %s/escape && cp %s %s/setuid && chmod 755 %s/escape && "
	    "chmod 4755 %s/setuid",
	    ESCAPE, bin, ESCAPE, bin, bin, bin);
	if (system(command) != 0)
		return false;
	if (geteuid() == 0) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/tpm0", node);
		have_node = mknod(path, S_IFCHR | 0666, makedev(1, 3)) == 0 &&
		    chmod(path, 0666) == 0;
	}
	if (!as_user)
		return true;
	return chown(dir, 65534, 65534) == 0 && chown(bin, 65534, 65534) == 0 &&
	    chown(node, 65534, 65534) == 0 && setgroups(0, NULL) == 0 &&
	    setresgid(65534, 65534, 65534) == 0 &&
	    setresuid(65534, 65534, 65534) == 0 &&
	    prctl(PR_SET_DUMPABLE, 1) == 0;
}

static void
clean_up(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf --one-file-system %s", dir);
	if (system(command) != 0)
		(void)fprintf(stderr, "%s is left\n", dir);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checked_and_described),
		cmocka_unit_test(network),
		cmocka_unit_test(abstract_socket),
		cmocka_unit_test(tpm_socket),
		cmocka_unit_test(builders_key),
		cmocka_unit_test(writing_an_input),
		cmocka_unit_test(tpm_devices),
		cmocka_unit_test(survivor),
		cmocka_unit_test(ended_while_it_runs),
		cmocka_unit_test(ended_without_bwrap),
		cmocka_unit_test(caller_killed),
		cmocka_unit_test(wall_limit),
		cmocka_unit_test(identity),
		cmocka_unit_test(setuid_binary),
		cmocka_unit_test(system_calls),
		cmocka_unit_test(terminal),
		cmocka_unit_test(read_only_root),
		cmocka_unit_test(inherited_descriptor),
		cmocka_unit_test(closed_descriptors),
		cmocka_unit_test(environment),
		cmocka_unit_test(memory_limit),
		cmocka_unit_test(fresh_folders_are_bounded),
		cmocka_unit_test(process_limit),
		cmocka_unit_test(ordinary_work),
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(no_such_command),
		cmocka_unit_test(much_output),
		cmocka_unit_test(fresh_workspace),
		cmocka_unit_test(image_root),
		cmocka_unit_test(refused),
		cmocka_unit_test(set_up_fails),
		cmocka_unit_test(overhead),
	};
	bool as_user = argc > 1 && strcmp(argv[1], "--as-user") == 0;
	int failed;

	if (as_user && geteuid() != 0) {
		(void)printf("*skipped*: already an ordinary user, as in "
		             "producer_sandbox\n");
		return TEST_SKIPPED;
	}
	if (access("/usr/bin/bwrap", X_OK) != 0 &&
	    access("/usr/local/bin/bwrap", X_OK) != 0) {
		(void)printf("*skipped*: bubblewrap is not installed\n");
		return TEST_SKIPPED;
	}
	if (!prepare(as_user)) {
		perror("the scene");
		return 1;
	}
	failed = cmocka_run_group_tests(tests, setup, NULL);
	clean_up();
	return failed;
}
