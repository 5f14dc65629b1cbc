/*
 * sandbox.c -- run one command where it reaches its inputs, its workspace and
 * nothing else, and see it gone.
 *
 * It turns a sandbox_spec into bubblewrap's arguments, starts it without a
 * shell, holds the job's first process by a pidfd, and ends it.  It hashes
 * nothing and judges no output.  Which system calls are refused is filter.c's
 * business, control groups are cgroup.c's.  What it relies on: bwrap(1),
 * pid_namespaces(7), pidfd_open(2), user_namespaces(7).
 *
 * The handshake, in order.  We fork; the child becomes bwrap.  bwrap clones
 * process 1 of the namespaces and writes its number to the status pipe.  We
 * open its pidfd and check its parent.  Process 1 mounts everything, drops
 * its capabilities, and then reads one byte from the gate, a socket pair
 * whose other end we hold; it closes the gate, loads the filter and begins
 * the job.  So a closed gate with the byte taken means that all is set up; a
 * closed gate with the byte left in it means that process 1 died, and bwrap's
 * message is in the output.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "producer/filter.h"
#include "producer/sandbox.h"

#define SANDBOX_ARGS_MAX (1U << 20)
#define SANDBOX_START_S 60 /* to the gate; the disk may be slow */
#define SANDBOX_END_S 60
#define SANDBOX_MEMORY_MIN (UINT64_C(16) << 20)
#define SANDBOX_ID "1000" /* the job's user and group, inside */
#define SANDBOX_PATH                                                           \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SECOND_NS INT64_C(1000000000)

/* bwrap's own processes, which the limits count: process 1; the monitor. */
#define SANDBOX_INIT_PIDS 1
#define SANDBOX_BWRAP_PIDS 2

/* Descriptors of bwrap, besides 0, 1 and 2. */
enum {
	FD_STATUS = 3,
	FD_GATE,
	FD_ARGS,
	FD_FILTER,
	FD_PASSWD,
	FD_GROUP,
	FD_HOSTS,
	FD_NSSWITCH,
	FD_END,
	FD_OOPS = FD_END, /* closed by exec */
};

static const char etc_passwd[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "job:x:" SANDBOX_ID ":" SANDBOX_ID ":job:/root:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n";
static const char etc_group[] =
    "root:x:0:\njob:x:" SANDBOX_ID ":\nnogroup:x:65534:\n";
static const char etc_hosts[] = "127.0.0.1 localhost\n::1 localhost\n";
/* No service of the host is asked for a name, but DNS. */
static const char etc_nsswitch[] = "passwd: files\ngroup: files\n"
    "hosts: files dns\n";

/* Something of the host that is bound into the sandbox. */
struct source {
	const char *host;
	char staged[16]; /* where root puts it, in a /tmp of its own */
	bool folder;
	int tree; /* detached copy of the mount, in the child */
};

enum step {
	STEP_NAMESPACE,
	STEP_OPEN,
	STEP_STAGE,
	STEP_CGROUP,
	STEP_IDENTITY,
	STEP_ACCESS,
	STEP_DESCRIPTORS,
	STEP_EXEC,
};

/* What a child says that could not become bwrap. */
struct oops {
	enum step step;
	int error;
	size_t source; /* index, for STEP_OPEN, _STAGE and _ACCESS */
};

/* All that the child needs, made before the fork. */
struct launch {
	const struct sandbox_spec *spec;
	const char *bwrap;
	bool staged; /* the caller is root */
	uid_t uid;
	gid_t gid;
	struct source *sources; /* inputs, then workspace, then root */
	size_t nsources;
	struct source *workspace, *root; /* among them, or NULL */
	const char **argv;
	int fds[FD_END]; /* by the number they get; -1: none */
	int in_fd, out_fd; /* of a helper, the caller's; -1: none */
	int output_r, output_w, status_r, gate, oops_r, oops_w, cgroup_fd;
	pid_t parent;
};

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int64_t
now_ns(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

/* Milliseconds to deadline_ns for poll, rounded up; -1 where there is none. */
static int
left_ms(int64_t deadline_ns)
{
	int64_t ms;

	if (deadline_ns == 0)
		return -1;
	ms = (deadline_ns - now_ns() + 999999) / 1000000;
	if (ms < 0)
		return 0;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* Wait until fd has something or ended; false: not before deadline_ns. */
static bool
wait_readable(int fd, int64_t deadline_ns)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		int n = poll(&p, 1, left_ms(deadline_ns));

		if (n > 0)
			return true;
		if (n == 0 && left_ms(deadline_ns) == 0)
			return false;
		if (n < 0 && errno != EINTR)
			return false;
	}
}

static ssize_t
read_some(int fd, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Say e for a reason; the text is one printable line, cut where it must. */
static enum ac_err AC_PRINTF(3, 4)
because(struct sandbox_why *why, enum ac_err e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	for (char *p = why->text; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			*p = ' ';
	return e;
}

/* --- the specification --------------------------------------------------- */

static bool
is_name(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= SANDBOX_NAME_MAX &&
	    strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	              "0123456789._-") == len &&
	    strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static bool
is_variable(const char *s)
{
	size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                       "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len > 0 && !isdigit((unsigned char)s[0]) && s[len] == '=';
}

/* A device below /dev, and never a TPM. */
static bool
is_device(const char *s)
{
	struct stat st;

	return strncmp(s, "/dev/", 5) == 0 && strncmp(s, "/dev/tpm", 8) != 0 &&
	    strstr(s, "..") == NULL && strstr(s, "//") == NULL &&
	    lstat(s, &st) == 0 && S_ISCHR(st.st_mode);
}

static enum ac_err
check_spec(const struct sandbox_spec *spec, struct sandbox_why *why)
{
	uint64_t memory = spec->limits.memory_bytes;

	if (spec->argv == NULL || spec->argv[0] == NULL ||
	    spec->argv[0][0] == '\0')
		return because(why, AC_ERR_FORMAT,
		    "the sandbox was given no command");
	if (spec->ninputs > SANDBOX_INPUTS_MAX || spec->nenv > SANDBOX_ENV_MAX ||
	    spec->ngpus > SANDBOX_GPUS_MAX)
		return because(why, AC_ERR_LIMIT,
		    "at most %d inputs, %d variables and %d devices go into a "
		    "sandbox",
		    SANDBOX_INPUTS_MAX, SANDBOX_ENV_MAX, SANDBOX_GPUS_MAX);
	for (size_t i = 0; i < spec->nenv; i++)
		if (!is_variable(spec->env[i]))
			return because(why, AC_ERR_FORMAT,
			    "\"%s\" is not NAME=value", spec->env[i]);
	for (size_t i = 0; i < spec->ninputs; i++) {
		if (!is_name(spec->inputs[i].name))
			return because(why, AC_ERR_FORMAT,
			    "\"%s\" cannot be an input's name: use letters, "
			    "digits and . _ -",
			    spec->inputs[i].name);
		for (size_t k = 0; k < i; k++)
			if (strcmp(spec->inputs[i].name,
			        spec->inputs[k].name) == 0)
				return because(why, AC_ERR_FORMAT,
				    "two inputs are called \"%s\"",
				    spec->inputs[i].name);
	}
	for (size_t i = 0; i < spec->ngpus; i++)
		if (!is_device(spec->gpus[i]))
			return because(why, AC_ERR_FORMAT,
			    "\"%s\" is not a device that may be given to a job",
			    spec->gpus[i]);
	if (spec->network && (spec->ends == NULL || spec->root != NULL))
		return because(why, AC_ERR_FORMAT,
		    "a job has no network");
	if (memory != 0 && memory < SANDBOX_MEMORY_MIN)
		return because(why, AC_ERR_FORMAT,
		    "a memory limit of %llu bytes holds no process; the least "
		    "is %llu",
		    (unsigned long long)memory,
		    (unsigned long long)SANDBOX_MEMORY_MIN);
	/* Both grow by a little below, and a deadline is in nanoseconds. */
	if (memory > INT64_MAX || spec->limits.pids > INT32_MAX ||
	    spec->limits.wall_s > INT32_MAX)
		return because(why, AC_ERR_FORMAT, "a limit is out of range");
	return AC_OK;
}

/* Where bwrap is; NULL: not installed.  PATH is not asked: what runs here
 * decides what a certificate says. */
static const char *
find_bwrap(void)
{
	static const char *const places[] = { "/usr/bin/bwrap",
		"/usr/local/bin/bwrap", "/bin/bwrap" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static enum ac_err
add_source(struct launch *l, struct source **out, const char *host,
    bool folder_only, struct sandbox_why *why)
{
	struct source *s = &l->sources[l->nsources];
	struct stat st;

	if (stat(host, &st) != 0)
		return because(why, AC_ERR_NOT_FOUND, "cannot use %s: %s", host,
		    strerror(errno));
	if (!S_ISDIR(st.st_mode) && (folder_only || !S_ISREG(st.st_mode)))
		return because(why, AC_ERR_FORMAT, "%s is not a %s", host,
		    folder_only ? "folder" : "regular file or folder");
	s->host = host;
	s->folder = S_ISDIR(st.st_mode);
	s->tree = -1;
	(void)snprintf(s->staged, sizeof(s->staged), "/tmp/%zu", l->nsources);
	l->nsources++;
	*out = s;
	return AC_OK;
}

static enum ac_err
add_sources(struct launch *l, struct sandbox_why *why)
{
	const struct sandbox_spec *spec = l->spec;
	struct source *s;
	enum ac_err e;

	l->sources = calloc(spec->ninputs + 2, sizeof(*l->sources));
	if (l->sources == NULL)
		return because(why, AC_ERR_MEMORY, "no memory");
	for (size_t i = 0; i < spec->ninputs; i++) {
		e = add_source(l, &s, spec->inputs[i].host, false, why);
		if (e != AC_OK)
			return e;
	}
	if (spec->workspace != NULL) {
		e = add_source(l, &l->workspace, spec->workspace, true, why);
		if (e != AC_OK)
			return e;
		if (l->staged && chown(spec->workspace, l->uid, l->gid) != 0)
			return because(why, AC_ERR_IO,
			    "cannot give %s to user %u: %s", spec->workspace,
			    (unsigned)l->uid, strerror(errno));
	}
	if (spec->root != NULL)
		return add_source(l, &l->root, spec->root, true, why);
	return AC_OK;
}

/* --- bwrap's arguments --------------------------------------------------- */

/* Append one argument, a followed by b. */
static void
arg2(struct writer *w, const char *a, const char *b)
{
	wr_str(w, a);
	wr_str(w, b);
	wr_u8(w, 0);
}

static void
arg(struct writer *w, const char *a)
{
	arg2(w, a, "");
}

static void
arg_number(struct writer *w, uint64_t n)
{
	wr_dec(w, n);
	wr_u8(w, 0);
}

static const char *
where(const struct launch *l, const struct source *s)
{
	return l->staged ? s->staged : s->host;
}

static void
add_tmpfs(struct writer *w, const struct launch *l, const char *path,
    const char *mode)
{
	if (l->spec->limits.memory_bytes != 0) {
		arg(w, "--size");
		arg_number(w, l->spec->limits.memory_bytes);
	}
	arg(w, "--perms");
	arg(w, mode);
	arg(w, "--tmpfs");
	arg(w, path);
}

static void
add_file(struct writer *w, int fd, const char *path)
{
	arg(w, "--perms");
	arg(w, "0444");
	arg(w, "--file");
	arg_number(w, (uint64_t)fd);
	arg(w, path);
}

/*
 * Show name of the folder seen (from is the same folder as bwrap will see
 * it) as /name, read-only; links as links, so that they lead within the new
 * root.  False: what a link says cannot be read.
 */
static bool
add_entry(struct writer *w, const char *seen, const char *from,
    const char *name)
{
	char path[4096], target[4096];
	struct stat st;
	ssize_t n;

	n = snprintf(path, sizeof(path), "%s/%s", seen, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return false;
	if (lstat(path, &st) != 0)
		return errno == ENOENT;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			return false;
		target[n] = '\0';
		arg(w, "--symlink");
		arg(w, target);
	} else if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) {
		arg(w, "--ro-bind");
		wr_str(w, from);
		arg2(w, "/", name);
	} else {
		return true;
	}
	arg2(w, "/", name);
	return true;
}

/* The host's programs and libraries, and the few files of /etc that these
 * need to start. */
static bool
add_host_root(struct writer *w, bool network)
{
	static const char *const entries[] = { "usr", "bin", "sbin", "lib",
		"lib32", "lib64", "libx32", "etc/ld.so.cache", "etc/ld.so.conf",
		"etc/ld.so.conf.d", "etc/alternatives" };

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (!add_entry(w, "", "", entries[i]))
			return false;
	add_file(w, FD_PASSWD, "/etc/passwd");
	add_file(w, FD_GROUP, "/etc/group");
	if (!network)
		add_file(w, FD_HOSTS, "/etc/hosts");
	return true;
}

/*
 * What finds and checks a server.  The resolver's file is often a link into
 * /run, which is fresh here: what it leads to is shown in its place.
 */
static bool
add_network(struct writer *w)
{
	static const char *const entries[] = { "etc/ssl/certs",
		"etc/ssl/openssl.cnf", "etc/ca-certificates", "etc/pki/tls",
		"etc/hosts", "etc/gai.conf", "etc/services" };

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (!add_entry(w, "", "", entries[i]))
			return false;
	if (access("/etc/resolv.conf", R_OK) == 0) {
		arg(w, "--ro-bind");
		arg(w, "/etc/resolv.conf");
		arg(w, "/etc/resolv.conf");
	}
	add_file(w, FD_NSSWITCH, "/etc/nsswitch.conf");
	return true;
}

/* Is there something in the folder name of the image? */
static bool
has_entries(const struct launch *l, const char *name)
{
	char path[4096];
	struct dirent *entry;
	bool has = false;
	DIR *d;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", l->root->host,
	    name) >= sizeof(path) || (d = opendir(path)) == NULL)
		return false;
	while (!has && (entry = readdir(d)) != NULL)
		has = strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0;
	(void)closedir(d);
	return has;
}

/*
 * A folder that is fresh over the host's root, and over an image's where that
 * has nothing in it: some keep programs in /root.
 */
static bool
is_fresh(const struct launch *l, const char *name)
{
	return l->root == NULL || !has_entries(l, name);
}

/* All of an unpacked image but what is made fresh. */
static bool
add_image_root(struct writer *w, const struct launch *l)
{
	static const char *const fresh[] = { ".", "..", "tmp", "run",
		"dev", "proc", "sys", "inputs", "workspace" };
	static const char *const perhaps[] = { "root", "home", "var" };
	DIR *d = opendir(l->root->host);
	bool ok = d != NULL;

	while (ok) {
		const struct dirent *entry;
		bool skip = false;

		errno = 0;
		entry = readdir(d);
		if (entry == NULL) {
			ok = errno == 0;
			break;
		}
		for (size_t i = 0; i < sizeof(fresh) / sizeof(fresh[0]); i++)
			if (strcmp(entry->d_name, fresh[i]) == 0)
				skip = true;
		for (size_t i = 0; i < sizeof(perhaps) / sizeof(perhaps[0]);
		    i++)
			if (strcmp(entry->d_name, perhaps[i]) == 0 &&
			    is_fresh(l, perhaps[i]))
				skip = true;
		if (!skip)
			ok = add_entry(w, l->root->host, where(l, l->root),
			    entry->d_name);
	}
	if (d != NULL)
		(void)closedir(d);
	return ok;
}

static bool
add_args(struct writer *w, const struct launch *l)
{
	static const char *const fixed[] = { "--unshare-user", "--unshare-pid",
		"--unshare-ipc", "--unshare-uts",
		"--unshare-cgroup-try", "--disable-userns", "--hostname",
		"sandbox", "--uid", SANDBOX_ID, "--gid", SANDBOX_ID,
		"--cap-drop", "ALL", "--new-session", "--die-with-parent",
		"--chdir", "/workspace", "--clearenv", "--setenv", "PATH",
		SANDBOX_PATH, "--setenv", "HOME", "/root", "--setenv", "TMPDIR",
		"/tmp", "--setenv", "LANG", "C.UTF-8" };
	const struct sandbox_spec *spec = l->spec;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		arg(w, fixed[i]);
	/* A home that can be written. */
	if (!is_fresh(l, "root")) {
		arg(w, "--setenv");
		arg(w, "HOME");
		arg(w, "/tmp");
	}
	if (!spec->network)
		arg(w, "--unshare-net");
	/* Set inside: in bwrap's own environment an LD_PRELOAD would run
	 * outside. */
	for (size_t i = 0; i < spec->nenv; i++) {
		const char *value = strchr(spec->env[i], '=') + 1;

		arg(w, "--setenv");
		wr_bytes(w, span_of(spec->env[i],
		    (size_t)(value - spec->env[i]) - 1));
		wr_u8(w, 0);
		arg(w, value);
	}
	arg(w, "--json-status-fd");
	arg_number(w, FD_STATUS);
	arg(w, "--block-fd");
	arg_number(w, FD_GATE);
	arg(w, "--seccomp");
	arg_number(w, FD_FILTER);

	if (spec->root == NULL ? !add_host_root(w, spec->network) :
	    !add_image_root(w, l))
		return false;
	if (spec->network && !add_network(w))
		return false;
	arg(w, "--proc");
	arg(w, "/proc");
	arg(w, "--dev");
	arg(w, "/dev");
	add_tmpfs(w, l, "/dev/shm", "1777");
	for (size_t i = 0; i < spec->ngpus; i++) {
		arg(w, "--dev-bind");
		arg(w, spec->gpus[i]);
		arg(w, spec->gpus[i]);
	}
	add_tmpfs(w, l, "/tmp", "1777");
	add_tmpfs(w, l, "/run", "0755");
	if (is_fresh(l, "root"))
		add_tmpfs(w, l, "/root", "0700");
	if (is_fresh(l, "home"))
		add_tmpfs(w, l, "/home", "0755");
	if (is_fresh(l, "var")) {
		add_tmpfs(w, l, "/var", "0755");
		arg(w, "--perms");
		arg(w, "1777");
		arg(w, "--dir");
		arg(w, "/var/tmp");
	}
	arg(w, "--dir");
	arg(w, "/inputs");
	for (size_t i = 0; i < spec->ninputs; i++) {
		arg(w, "--ro-bind");
		arg(w, where(l, &l->sources[i]));
		arg2(w, "/inputs/", spec->inputs[i].name);
	}
	if (l->workspace != NULL) {
		arg(w, "--bind");
		arg(w, where(l, l->workspace));
		arg(w, "/workspace");
	} else {
		add_tmpfs(w, l, "/workspace", "0755");
	}
	/* What is left of the scaffolding. */
	arg(w, "--remount-ro");
	arg(w, "/dev");
	arg(w, "--remount-ro");
	arg(w, "/");
	return true;
}

/* A memfd with the bytes s, at offset 0. */
static enum ac_err
make_memfd(int *out, struct span s)
{
	int fd = memfd_create("sandbox", MFD_CLOEXEC);

	if (fd < 0)
		return AC_ERR_IO;
	if (file_write_all(fd, s) != AC_OK || lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		return AC_ERR_IO;
	}
	*out = fd;
	return AC_OK;
}

/* bwrap's options travel in a memfd, the job's command in its argv. */
static enum ac_err
make_args(struct launch *l, struct sandbox_why *why)
{
	enum ac_err e;
	struct writer w;
	struct buf b = { 0 };
	struct digest unused;
	size_t n = 0;

	wr_init(&w, SANDBOX_ARGS_MAX);
	if (!add_args(&w, l)) {
		wr_free(&w);
		return because(why, AC_ERR_IO,
		    "cannot compose the sandbox's root from %s: %s",
		    l->root == NULL ? "/" : l->root->host, strerror(errno));
	}
	e = wr_end(&w, &b);
	if (e != AC_OK)
		return because(why, e, "the sandbox's arguments: %s",
		    ac_strerror(e));
	e = make_memfd(&l->fds[FD_ARGS], buf_span(&b));
	buf_free(&b);
	if (e == AC_OK && l->root == NULL)
		e = make_memfd(&l->fds[FD_PASSWD], span_str(etc_passwd));
	if (e == AC_OK && l->root == NULL)
		e = make_memfd(&l->fds[FD_GROUP], span_str(etc_group));
	if (e == AC_OK && l->root == NULL && !l->spec->network)
		e = make_memfd(&l->fds[FD_HOSTS], span_str(etc_hosts));
	if (e == AC_OK && l->spec->network)
		e = make_memfd(&l->fds[FD_NSSWITCH], span_str(etc_nsswitch));
	if (e == AC_OK)
		e = filter_new(&l->fds[FD_FILTER], &unused,
		    l->spec->network ? FILTER_NETWORK : FILTER_JOB);
	if (e != AC_OK)
		return because(why, e, "cannot prepare the sandbox: %s",
		    ac_strerror(e));

	while (l->spec->argv[n] != NULL)
		n++;
	l->argv = calloc(n + 5, sizeof(*l->argv));
	if (l->argv == NULL)
		return because(why, AC_ERR_MEMORY, "no memory");
	l->argv[0] = "bwrap";
	l->argv[1] = "--args";
	l->argv[2] = "5"; /* FD_ARGS */
	l->argv[3] = "--";
	for (size_t i = 0; i < n; i++)
		l->argv[4 + i] = l->spec->argv[i];
	return AC_OK;
}
_Static_assert(FD_ARGS == 5, "make_args() spells it out");

static enum ac_err
make_pipes(struct launch *l, struct sandbox_why *why)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) != 0)
		goto fail;
	l->output_r = p[0];
	l->output_w = p[1];
	if (pipe2(p, O_CLOEXEC) != 0)
		goto fail;
	l->status_r = p[0];
	l->fds[FD_STATUS] = p[1];
	if (pipe2(p, O_CLOEXEC) != 0)
		goto fail;
	l->oops_r = p[0];
	l->oops_w = p[1];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) != 0)
		goto fail;
	l->gate = p[0];
	l->fds[FD_GATE] = p[1];
	return AC_OK;
fail:
	return because(why, AC_ERR_IO, "cannot make a pipe: %s",
	    strerror(errno));
}

/* --- the child, between fork and exec: async-signal-safe calls only ------ */

_Noreturn static void
child_fail(const struct launch *l, enum step step, size_t source)
{
	struct oops o = { .step = step, .error = errno, .source = source };

	/* Nobody is left to hear of it where this fails too. */
	if (write(l->oops_w, &o, sizeof(o)) != (ssize_t)sizeof(o))
		_exit(126);
	_exit(127);
}

/*
 * Root's inputs lie where the job's user cannot go.  In a mount namespace of
 * its own, which ends with bwrap, the child covers /tmp and puts there what
 * is to be bound; the host sees none of it.
 */
static void
child_stage(struct launch *l)
{
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) != 0)
		child_fail(l, STEP_NAMESPACE, 0);
	for (size_t i = 0; i < l->nsources; i++) {
		struct source *s = &l->sources[i];

		s->tree = open_tree(AT_FDCWD, s->host,
		    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (s->tree < 0)
			child_fail(l, STEP_OPEN, i);
	}
	if (mount("sandbox", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV,
	        "mode=0755,size=1m") != 0)
		child_fail(l, STEP_NAMESPACE, 0);
	for (size_t i = 0; i < l->nsources; i++) {
		const struct source *s = &l->sources[i];
		int fd = -1;

		if (s->folder ? mkdir(s->staged, 0755) != 0 :
		                (fd = open(s->staged,
		                     O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC,
		                     0644)) < 0)
			child_fail(l, STEP_STAGE, i);
		if (fd >= 0)
			close(fd);
		if (move_mount(s->tree, "", AT_FDCWD, s->staged,
		        MOVE_MOUNT_F_EMPTY_PATH) != 0)
			child_fail(l, STEP_STAGE, i);
	}
}

/* Raw calls: the C library's would signal threads that a fork has not. */
static bool
drop(const struct launch *l)
{
	return syscall(SYS_setgroups, 0, NULL) == 0 &&
	    syscall(SYS_setresgid, l->gid, l->gid, l->gid) == 0 &&
	    syscall(SYS_setresuid, l->uid, l->uid, l->uid) == 0;
}

/* Descriptors 0, 1, 2 and those of bwrap in their places; nothing else. */
static void
child_descriptors(struct launch *l)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int in_fd = l->in_fd < 0 ? null : l->in_fd;
	int out_fd = l->out_fd < 0 ? l->output_w : l->out_fd;
	int *all[FD_END + 4];
	size_t n = 0;

	all[n++] = &in_fd;
	all[n++] = &out_fd;
	all[n++] = &l->output_w;
	all[n++] = &l->oops_w;
	for (size_t i = FD_STATUS; i < FD_END; i++)
		if (l->fds[i] >= 0)
			all[n++] = &l->fds[i];
	/* Away from the places first: the caller may have had 0 closed. */
	for (size_t i = 0; i < n; i++) {
		int high = fcntl(*all[i], F_DUPFD_CLOEXEC, FD_END + 1);

		if (high < 0)
			child_fail(l, STEP_DESCRIPTORS, 0);
		*all[i] = high;
	}
	if (dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 ||
	    dup2(l->output_w, 2) < 0)
		child_fail(l, STEP_DESCRIPTORS, 0);
	for (int i = FD_STATUS; i < FD_END; i++)
		if (l->fds[i] < 0)
			(void)close(i);
		else if (dup2(l->fds[i], i) < 0)
			child_fail(l, STEP_DESCRIPTORS, 0);
	if (dup3(l->oops_w, FD_OOPS, O_CLOEXEC) < 0)
		child_fail(l, STEP_DESCRIPTORS, 0);
	l->oops_w = FD_OOPS;
	if (close_range(FD_OOPS + 1, UINT32_MAX, 0) != 0)
		child_fail(l, STEP_DESCRIPTORS, 0);
}

_Noreturn static void
child_main(struct launch *l)
{
	char *const env[] = { NULL };
	/* 1, not 0: the value at which the kernel starts no dump helper,
	 * which would run outside (core(5)). */
	const struct rlimit no_core = { 1, 1 };
	sigset_t none;
	const char *const *argv = l->argv;

	if (l->staged)
		child_stage(l);
	if (l->cgroup_fd >= 0 && write(l->cgroup_fd, "0", 1) != 1)
		child_fail(l, STEP_CGROUP, 0);
	if (l->staged && !drop(l))
		child_fail(l, STEP_IDENTITY, 0);
	for (size_t i = 0; i < l->nsources; i++) {
		const struct source *s = &l->sources[i];
		int mode = s->folder ? R_OK | X_OK : R_OK;

		if (s == l->workspace)
			mode |= W_OK;
		if (access(where(l, s), mode) != 0)
			child_fail(l, STEP_ACCESS, i);
	}
	child_descriptors(l);
	for (int sig = 1; sig < SIGRTMAX; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)umask(022);
	if (setrlimit(RLIMIT_CORE, &no_core) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		child_fail(l, STEP_IDENTITY, 0);
	if (getppid() != l->parent)
		_exit(127); /* died before it could be asked to signal us */
	/* execve takes strings that it does not change, without saying so. */
	(void)syscall(SYS_execve, l->bwrap, argv, env);
	child_fail(l, STEP_EXEC, 0);
}

/* --- the start ----------------------------------------------------------- */

static enum ac_err
explain_oops(const struct launch *l, const struct oops *o,
    struct sandbox_why *why)
{
	const char *host = "";
	const char *error = strerror(o->error);

	if (o->source < l->nsources)
		host = l->sources[o->source].host;
	switch (o->step) {
	case STEP_NAMESPACE:
		return because(why, AC_ERR_UNSUPPORTED,
		    "root cannot make a mount namespace here (%s): give it "
		    "CAP_SYS_ADMIN, or run as an ordinary user",
		    error);
	case STEP_OPEN:
	case STEP_STAGE:
		return because(why, AC_ERR_IO,
		    "cannot bring %s into the sandbox: %s", host, error);
	case STEP_CGROUP:
		return because(why, AC_ERR_IO,
		    "cannot enter the control group made for the job: %s",
		    error);
	case STEP_IDENTITY:
		return because(why, AC_ERR_IO,
		    "cannot become the job's user %u: %s", (unsigned)l->uid,
		    error);
	case STEP_ACCESS:
		return because(why, AC_ERR_IO,
		    "the job's user %u cannot use %s (%s): change its owner or "
		    "its mode",
		    (unsigned)l->uid, host, error);
	case STEP_DESCRIPTORS:
		return because(why, AC_ERR_IO,
		    "cannot arrange the job's descriptors: %s", error);
	case STEP_EXEC:
		break;
	}
	return because(why, AC_ERR_IO, "cannot execute %s: %s", l->bwrap,
	    error);
}

static uint64_t
sysctl_value(const char *path, uint64_t otherwise)
{
	char text[32];
	uint64_t v = otherwise;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return otherwise;
	if (fgets(text, sizeof(text), f) != NULL) {
		size_t len = strcspn(text, "\n");

		if (!text_undec(&v, span_of(text, len), UINT64_MAX))
			v = otherwise;
	}
	(void)fclose(f);
	return v;
}

/* The usual reasons why bwrap fails, as something to do. */
static const char *
advice(const char *said)
{
	if (strstr(said, "nknown option") != NULL)
		return "; bubblewrap 0.8 or newer is needed";
	if (sysctl_value("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		return "; run: sysctl kernel.unprivileged_userns_clone=1";
	if (sysctl_value("/proc/sys/user/max_user_namespaces", 1) == 0)
		return "; user namespaces are off: set "
		       "user.max_user_namespaces to 1000 with sysctl";
	if (sysctl_value("/proc/sys/kernel/apparmor_restrict_unprivileged_"
	                 "userns", 0) == 1)
		return "; AppArmor forbids user namespaces: run sysctl "
		       "kernel.apparmor_restrict_unprivileged_userns=0, or "
		       "install a profile for bwrap";
	if (strstr(said, "ermission") != NULL ||
	    strstr(said, "not permitted") != NULL)
		return "; in a container, allow it user namespaces and an "
		       "unmasked /proc; in a chroot, enter by pivot_root "
		       "instead";
	return "";
}

/* bwrap did not get to the gate: what it said is in the output. */
static enum ac_err
explain_output(const struct launch *l, struct sandbox_why *why)
{
	char said[512];
	size_t len = 0;
	int64_t until = now_ns() + SANDBOX_END_S * SECOND_NS;

	while (len < sizeof(said) - 1 && wait_readable(l->output_r, until)) {
		ssize_t n = read_some(l->output_r, said + len,
		    sizeof(said) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	while (len > 0 && said[len - 1] == '\n')
		len--;
	said[len] = '\0';
	return because(why, AC_ERR_UNSUPPORTED,
	    "the sandbox cannot be set up: %s%s",
	    len == 0 ? "bwrap ended without a word" : said, advice(said));
}

/* The decimal after "key": in a line of bwrap's status. */
static bool
status_member(uint64_t *out, const char *status, const char *key, uint64_t max)
{
	const char *p = strstr(status, key);

	if (p == NULL)
		return false;
	p += strlen(key);
	p += strspn(p, "\": ");
	return text_undec(out, span_of(p, strspn(p, "0123456789")), max);
}

/* Is bwrap the parent of the process called pid? */
static bool
is_child_of(uint64_t pid, pid_t bwrap)
{
	char path[64], line[256];
	uint64_t parent = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%llu/status",
	    (unsigned long long)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "PPid:\t", 6) == 0) {
			size_t len = strcspn(line + 6, "\n");

			if (!text_undec(&parent, span_of(line + 6, len),
			        INT32_MAX))
				parent = 0;
		}
	(void)fclose(f);
	return parent == (uint64_t)bwrap;
}

/* Hold process 1 of the sandbox: step 2 of the header's argument. */
static enum ac_err
hold_init(struct sandbox *s, pid_t *init, const struct launch *l,
    struct sandbox_why *why)
{
	int64_t until = now_ns() + SANDBOX_START_S * SECOND_NS;
	char status[1024];
	size_t len = 0;
	uint64_t pid;
	int fd;

	do {
		ssize_t n;

		if (!wait_readable(l->status_r, until))
			return because(why, AC_ERR_IO,
			    "bwrap did not begin in %d seconds",
			    SANDBOX_START_S);
		n = read_some(l->status_r, status + len,
		    sizeof(status) - 1 - len);
		if (n <= 0)
			return explain_output(l, why);
		len += (size_t)n;
		status[len] = '\0';
	} while (strchr(status, '\n') == NULL && len < sizeof(status) - 1);
	if (!status_member(&pid, status, "\"child-pid", INT32_MAX))
		return because(why, AC_ERR_IO, "bwrap's status is not JSON");
	fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0)
		return explain_output(l, why);
	/* Asked after the pidfd is open, so both are about one process. */
	if (!is_child_of(pid, s->bwrap)) {
		close(fd);
		return because(why, AC_ERR_IO,
		    "process %llu is not of this sandbox: is /proc mounted "
		    "for this PID namespace?",
		    (unsigned long long)pid);
	}
	s->init_fd = fd;
	*init = (pid_t)pid;
	return AC_OK;
}

/* Limits that process 1 hands down to the job; it waits at the gate. */
static int
limit_init(const struct sandbox_limits *limits, pid_t init)
{
	struct rlimit r;

	/* Of data, not of address space: programs reserve much more than
	 * they use, GPU runtimes above all. */
	r.rlim_cur = r.rlim_max = (rlim_t)limits->memory_bytes;
	if (limits->memory_bytes != 0 &&
	    prlimit(init, RLIMIT_DATA, &r, NULL) != 0)
		return errno;
	/* Counted per user namespace (Linux >= 5.14), so others' processes
	 * of the same user do not count; this is why it waits until bwrap
	 * has made the namespace. */
	r.rlim_cur = r.rlim_max = (rlim_t)limits->pids + SANDBOX_INIT_PIDS;
	if (limits->pids != 0 && prlimit(init, RLIMIT_NPROC, &r, NULL) != 0)
		return errno;
	return 0;
}

/*
 * Only the same user may do so, or who has CAP_SYS_RESOURCE, which the root
 * of a container often lacks: so a child of root does it as the job's user.
 */
static enum ac_err
set_rlimits(const struct launch *l, pid_t init, struct sandbox_why *why)
{
	const struct sandbox_limits *limits = &l->spec->limits;
	int error = EIO, p[2];
	pid_t child;

	if (!l->staged) {
		error = limit_init(limits, init);
	} else if (pipe2(p, O_CLOEXEC) == 0) {
		child = fork();
		if (child == 0) {
			error = drop(l) ? limit_init(limits, init) : errno;
			_exit(write(p[1], &error, sizeof(error)) !=
			    (ssize_t)sizeof(error));
		}
		close(p[1]);
		if (child < 0 || read_some(p[0], &error, sizeof(error)) !=
		        (ssize_t)sizeof(error))
			error = EIO;
		close(p[0]);
		/* No child of ours where SIGCHLD is ignored. */
		if (child > 0)
			(void)waitpid(child, NULL, 0);
	}
	if (error != 0)
		return because(why, AC_ERR_IO, "cannot limit the job: %s",
		    strerror(error));
	return AC_OK;
}

/* Let process 1 through, once it has set up everything. */
static enum ac_err
open_gate(struct launch *l, struct sandbox_why *why)
{
	int64_t until = now_ns() + SANDBOX_START_S * SECOND_NS;
	char byte = 0;

	if (send(l->gate, &byte, 1, MSG_NOSIGNAL) != 1)
		return explain_output(l, why);
	if (!wait_readable(l->gate, until))
		return because(why, AC_ERR_IO,
		    "the sandbox was not set up in %d seconds",
		    SANDBOX_START_S);
	/* ECONNRESET: closed with the byte in it. */
	if (read_some(l->gate, &byte, 1) != 0)
		return explain_output(l, why);
	return AC_OK;
}

static void
kill_fd(int pidfd)
{
	if (pidfd >= 0)
		(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}

/*
 * Take what is left of bwrap and, if it outlived bwrap and so became our
 * child, of process 1; both have ended.  Where SIGCHLD is ignored nothing is.
 */
static void
reap(struct sandbox *s)
{
	siginfo_t info;

	if (s->bwrap_fd >= 0)
		(void)waitid(P_PIDFD, (id_t)s->bwrap_fd, &info, WEXITED);
	if (s->init_fd >= 0)
		(void)waitid(P_PIDFD, (id_t)s->init_fd, &info,
		    WEXITED | WNOHANG);
	close_fd(&s->init_fd);
	close_fd(&s->bwrap_fd);
	if (!s->was_subreaper)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* Give up before the job began.  The output ends when bwrap and process 1,
 * its only writers, are gone. */
static void
abandon(struct sandbox *s, struct launch *l)
{
	int64_t until = now_ns() + SANDBOX_END_S * SECOND_NS;
	char sink[512];

	kill_fd(s->init_fd);
	kill_fd(s->bwrap_fd);
	while (wait_readable(l->output_r, until) &&
	    read_some(l->output_r, sink, sizeof(sink)) > 0)
		continue;
	if (wait_readable(s->bwrap_fd, until))
		reap(s);
}

static enum ac_err
begin(struct sandbox *s, struct launch *l, struct sandbox_why *why)
{
	enum ac_err e;
	struct oops oops;
	ssize_t n;
	pid_t init = -1;
	int subreaper = 0;

	l->parent = getpid();
	s->bwrap = fork();
	if (s->bwrap < 0)
		return because(why, AC_ERR_IO, "cannot fork: %s",
		    strerror(errno));
	if (s->bwrap == 0)
		child_main(l);
	close_fd(&l->output_w);
	close_fd(&l->oops_w);
	close_fd(&l->cgroup_fd);
	for (size_t i = FD_STATUS; i < FD_END; i++)
		close_fd(&l->fds[i]);

	/* Our own child, not waited for: the number is still its. */
	s->bwrap_fd = pidfd_open(s->bwrap, 0);
	if (s->bwrap_fd < 0) {
		e = because(why, AC_ERR_UNSUPPORTED,
		    "this kernel has no pidfds (%s): Linux 5.14 or newer is "
		    "needed",
		    strerror(errno));
		(void)kill(s->bwrap, SIGKILL);
		(void)waitpid(s->bwrap, NULL, 0);
		return e;
	}
	(void)prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
	s->was_subreaper = subreaper != 0;
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	n = read_some(l->oops_r, &oops, sizeof(oops));
	if (n == (ssize_t)sizeof(oops))
		e = explain_oops(l, &oops, why);
	else
		e = hold_init(s, &init, l, why);
	if (e == AC_OK && s->how == SANDBOX_RLIMIT)
		e = set_rlimits(l, init, why);
	if (e == AC_OK)
		e = open_gate(l, why);
	if (e != AC_OK)
		abandon(s, l);
	return e;
}

enum ac_err
sandbox_start(struct sandbox *out, const struct sandbox_spec *spec,
    struct sandbox_why *why)
{
	struct sandbox s = SANDBOX_NONE;
	struct launch l = { .spec = spec, .output_r = -1, .output_w = -1,
		.status_r = -1, .gate = -1, .oops_r = -1, .oops_w = -1,
		.in_fd = -1, .out_fd = -1, .cgroup_fd = -1 };
	const struct sandbox_limits *limits = &spec->limits;
	enum ac_err e;

	for (size_t i = 0; i < FD_END; i++)
		l.fds[i] = -1;
	why->text[0] = '\0';
	e = check_spec(spec, why);
	if (e != AC_OK)
		goto out;
	l.bwrap = find_bwrap();
	if (l.bwrap == NULL) {
		e = because(why, AC_ERR_NOT_FOUND,
		    "bwrap is missing: apt-get install bubblewrap");
		goto out;
	}
	if (spec->ends != NULL) {
		l.in_fd = spec->ends->in_fd;
		l.out_fd = spec->ends->out_fd;
	}
	l.staged = geteuid() == 0;
	l.uid = !l.staged ? geteuid() : spec->uid == 0 ? SANDBOX_NOBODY :
	                                                spec->uid;
	l.gid = !l.staged ? getegid() : spec->gid == 0 ? SANDBOX_NOBODY :
	                                                spec->gid;
	e = add_sources(&l, why);
	if (e == AC_OK)
		e = make_args(&l, why);
	if (e == AC_OK)
		e = make_pipes(&l, why);
	if (e != AC_OK)
		goto out;
	s.how = SANDBOX_RLIMIT;
	if (cgroup_new(&s.cgroup, limits->memory_bytes,
	        limits->pids == 0 ? 0 : limits->pids + SANDBOX_BWRAP_PIDS) ==
	        AC_OK &&
	    cgroup_join_fd(&s.cgroup, &l.cgroup_fd) == AC_OK)
		s.how = SANDBOX_CGROUP;
	e = begin(&s, &l, why);
	if (e != AC_OK)
		goto out;
	s.started_ns = now_ns();
	if (limits->wall_s != 0)
		s.deadline_ns = s.started_ns +
		    (int64_t)limits->wall_s * SECOND_NS;
	s.output_fd = l.output_r;
	s.status_fd = l.status_r;
	l.output_r = l.status_r = -1; /* transferred */
	*out = s;
	e = AC_OK;
out:
	if (e != AC_OK)
		(void)!cgroup_end(&s.cgroup, SANDBOX_END_S);
	close_fd(&l.output_r);
	close_fd(&l.output_w);
	close_fd(&l.status_r);
	close_fd(&l.gate);
	close_fd(&l.oops_r);
	close_fd(&l.oops_w);
	close_fd(&l.cgroup_fd);
	for (size_t i = 0; i < FD_END; i++)
		close_fd(&l.fds[i]);
	free(l.argv);
	free(l.sources);
	return e;
}

/* --- the run and the end ------------------------------------------------- */

/* Wait for fd; at the wall limit end the job, which makes fd ready too. */
static bool
wait_within(struct sandbox *s, int fd)
{
	if (wait_readable(fd, s->timed_out ? 0 : s->deadline_ns))
		return true;
	if (s->deadline_ns == 0 || s->timed_out)
		return false;
	s->timed_out = true;
	kill_fd(s->init_fd);
	return wait_readable(fd, 0);
}

bool
sandbox_is_late(const struct sandbox *s)
{
	return s->deadline_ns != 0 && now_ns() >= s->deadline_ns;
}

enum ac_err
sandbox_read(struct sandbox *s, void *buf, size_t len, size_t *n)
{
	ssize_t got;

	if (!wait_within(s, s->output_fd))
		return AC_ERR_IO;
	got = read_some(s->output_fd, buf, len);
	if (got < 0)
		return AC_ERR_IO;
	*n = (size_t)got;
	return AC_OK;
}

enum ac_err
sandbox_wait(struct sandbox *s, struct sandbox_result *result)
{
	struct sandbox_result r = { 0 };
	siginfo_t info = { 0 };
	char status[256];
	size_t len = 0;
	ssize_t n;
	uint64_t code;

	if (!wait_within(s, s->bwrap_fd))
		return AC_ERR_IO;
	r.wall_ns = now_ns() - s->started_ns;
	r.timed_out = s->timed_out;
	/* bwrap was its last writer. */
	while (len < sizeof(status) - 1 &&
	    (n = read_some(s->status_fd, status + len,
	         sizeof(status) - 1 - len)) > 0)
		len += (size_t)n;
	status[len] = '\0';
	if (status_member(&code, status, "\"exit-code", 255)) {
		r.exit_status = (int)code;
	} else if (s->timed_out) {
		r.exit_status = 128 + SIGKILL;
	} else {
		if (waitid(P_PIDFD, (id_t)s->bwrap_fd, &info,
		        WEXITED | WNOWAIT) == 0 && info.si_code == CLD_EXITED)
			return AC_ERR_NOT_FOUND;
		return AC_ERR_IO;
	}
	*result = r;
	return AC_OK;
}

enum ac_err
sandbox_end(struct sandbox *s)
{
	int64_t until = now_ns() + SANDBOX_END_S * SECOND_NS;
	enum ac_err e;

	if (s->init_fd < 0)
		return AC_OK;
	kill_fd(s->init_fd);
	kill_fd(s->bwrap_fd);
	if (!wait_readable(s->init_fd, until) ||
	    !wait_readable(s->bwrap_fd, until))
		return AC_ERR_BUSY;
	e = cgroup_end(&s->cgroup, SANDBOX_END_S);
	if (e != AC_OK)
		return e;
	reap(s);
	close_fd(&s->status_fd);
	close_fd(&s->output_fd);
	*s = SANDBOX_NONE;
	return AC_OK;
}

/* --- what is said about it ----------------------------------------------- */

enum ac_err
sandbox_describe(struct writer *w, const struct sandbox_spec *spec,
    enum sandbox_how how)
{
	const struct sandbox_limits *limits = &spec->limits;
	const char *name = how == SANDBOX_CGROUP ? "cgroup" : "rlimit";
	struct digest filter;
	enum ac_err e;
	int fd;

	e = filter_new(&fd, &filter, FILTER_JOB);
	if (e != AC_OK)
		return e;
	close(fd);
	wr_str(w, "{\"kind\":\"bubblewrap\",\"root\":");
	wr_str(w, spec->root == NULL ? "\"host\"" : "\"image\"");
	wr_str(w, ",\"network\":\"none\",\"capabilities\":\"none\","
	          "\"noNewPrivileges\":true,\"userNamespaces\":\"none\","
	          "\"seccomp\":{\"sha256\":\"");
	wr_hex(w, span_digest(&filter));
	wr_str(w, "\"},\"limits\":{");
	if (limits->memory_bytes != 0)
		wr_printf(w,
		    "\"memory\":{\"bytes\":%llu,\"how\":\"%s\",\"per\":\"%s\"},",
		    (unsigned long long)limits->memory_bytes, name,
		    how == SANDBOX_CGROUP ? "job" : "process");
	if (limits->pids != 0)
		wr_printf(w, "\"pids\":{\"max\":%llu,\"how\":\"%s\"},",
		    (unsigned long long)limits->pids, name);
	if (limits->wall_s != 0)
		wr_printf(w, "\"wallSeconds\":{\"max\":%llu,\"how\":\"kill\"},",
		    (unsigned long long)limits->wall_s);
	wr_str(w, "\"core\":{\"bytes\":0,\"how\":\"rlimit\"}}}");
	return AC_OK;
}

enum ac_err
sandbox_check(enum sandbox_how *how, struct sandbox_why *why)
{
	const char *const argv[] = { "true", NULL };
	const struct sandbox_spec spec = {
		.argv = argv,
		.limits = { .memory_bytes = UINT64_C(1) << 30, .pids = 16,
		    .wall_s = SANDBOX_START_S },
	};
	struct sandbox s = SANDBOX_NONE;
	struct sandbox_result r = { 0 };
	enum sandbox_how found;
	char said[256] = "", sink[256];
	size_t n, len = 0;
	enum ac_err e, end;

	e = sandbox_start(&s, &spec, why);
	if (e != AC_OK)
		return e;
	found = s.how;
	do {
		e = sandbox_read(&s, sink, sizeof(sink), &n);
		if (e == AC_OK && n < sizeof(said) - len) {
			memcpy(said + len, sink, n);
			len += n;
			said[len] = '\0';
		}
	} while (e == AC_OK && n != 0);
	if (e == AC_OK)
		e = sandbox_wait(&s, &r);
	end = sandbox_end(&s);
	if (e != AC_OK || end != AC_OK || r.exit_status != 0)
		return because(why, AC_ERR_UNSUPPORTED,
		    "\"true\" did not run in a sandbox (exit status %d): %s",
		    r.exit_status, said);
	*how = found;
	return AC_OK;
}
