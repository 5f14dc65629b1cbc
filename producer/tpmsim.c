/* tpmsim.c -- a software TPM in a folder; see tpmsim.h. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/reader.h"
#include "producer/simca.h"
#include "producer/tpmsim.h"

#define SIM_TOOL_MS 120000 /* for swtpm_setup to find its four RSA keys */
#define SIM_END_MS 5000    /* for swtpm to end when it is told to */
#define SIM_TAIL 180       /* bytes of the log in a message */
#define SIM_SOCKET "tpm.sock"
#define SIM_CTRL SIM_SOCKET ".ctrl"
#define SIM_COMPLETE "ak-chain.pem"

/* A folder being worked on: locked, its path absolute. */
struct sim {
	char *dir;
	int fd; /* of dir, holding the lock */
	struct message *why;
};

static enum ac_err sim_fail(struct message *why, enum ac_err e,
    const char *fmt, ...) AC_PRINTF(3, 4);

/* Say why; returns e. */
static enum ac_err
sim_fail(struct message *why, enum ac_err e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	errno = saved;
	return e;
}

/* Say that the operating system refused to do something with what. */
static enum ac_err
sim_errno(struct message *why, const char *doing, const char *what)
{
	return sim_fail(why, errno == ENOMEM ? AC_ERR_MEMORY : AC_ERR_IO,
	    "%s %s: %s", doing, what, strerror(errno));
}

static void
sim_close(struct sim *s)
{
	if (s->fd >= 0)
		(void)close(s->fd); /* and with it the lock */
	free(s->dir);
	*s = (struct sim){ .fd = -1 };
}

/*
 * Open and lock the folder.  The lock keeps two starts apart: a second swtpm
 * fails, but removes the first one's sockets as it ends.
 */
static enum ac_err
sim_open(struct sim *out, const char *dir, struct message *why)
{
	enum ac_err e;
	struct sim s = { .fd = -1, .why = why };
	const size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	*why = (struct message){ "" };
	s.dir = realpath(dir, NULL);
	if (s.dir == NULL && errno == ENOENT) {
		e = sim_fail(why, AC_ERR_NOT_FOUND,
		    "%s does not exist; aicert tpm-sim init makes it", dir);
		goto out;
	}
	if (s.dir == NULL) {
		e = sim_errno(why, "opening", dir);
		goto out;
	}
	if (strchr(s.dir, ',') != NULL) {
		e = sim_fail(why, AC_ERR_FORMAT,
		    "%s: a path with a comma cannot be told to swtpm; choose "
		    "another folder", s.dir);
		goto out;
	}
	if (strlen(s.dir) + strlen("/" SIM_CTRL) > most) {
		e = sim_fail(why, AC_ERR_LIMIT,
		    "%s: too long a path for a socket in it (%zu bytes, at "
		    "most %zu); choose a shorter one", s.dir, strlen(s.dir),
		    most - strlen("/" SIM_CTRL));
		goto out;
	}
	s.fd = open(s.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.fd < 0) {
		e = sim_errno(why, "opening", s.dir);
		goto out;
	}
	if (flock(s.fd, LOCK_EX | LOCK_NB) != 0) {
		e = errno == EWOULDBLOCK ?
		    sim_fail(why, AC_ERR_BUSY,
			"another tpm-sim command is at work in %s", s.dir) :
		    sim_errno(why, "locking", s.dir);
		goto out;
	}
	*out = s;
	s = (struct sim){ .fd = -1 }; /* transferred */
	e = AC_OK;
out:
	sim_close(&s);
	return e;
}

/* The same for a folder that must hold a complete TPM. */
static enum ac_err
sim_open_complete(struct sim *out, const char *dir, struct message *why)
{
	struct sim s;
	enum ac_err e = sim_open(&s, dir, why);

	if (e != AC_OK)
		return e;
	if (faccessat(s.fd, SIM_COMPLETE, F_OK, 0) != 0) {
		e = sim_fail(why, AC_ERR_NOT_FOUND,
		    "%s holds no simulated TPM; aicert tpm-sim init makes one",
		    s.dir);
		sim_close(&s);
		return e;
	}
	*out = s;
	return AC_OK;
}

/* printf into *out; false where memory is lacking. */
static bool
sim_text(char **out, const char *fmt, ...) AC_PRINTF(2, 3);

static bool
sim_text(char **out, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(out, fmt, ap);
	va_end(ap);
	if (n < 0)
		*out = NULL;
	return n >= 0;
}

/* Wait until the process of pidfd ended; false where ms were not enough. */
static bool
pidfd_ended(int pidfd, int ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/*
 * The end of the log in one line, for a message: a failed init takes the log
 * away with it.  swtpm_setup's last line only says that it ends.
 */
static void
log_tail(const struct sim *s, char line[static SIM_TAIL + 1])
{
	off_t from = 0, end;
	ssize_t got = 0;
	size_t n;
	int fd = openat(s->fd, "log", O_RDONLY | O_CLOEXEC);

	line[0] = '\0';
	if (fd < 0)
		return;
	end = lseek(fd, 0, SEEK_END);
	if (end > SIM_TAIL)
		from = end - SIM_TAIL;
	if (end > 0)
		got = pread(fd, line, SIM_TAIL, from);
	(void)close(fd);
	n = got > 0 ? (size_t)got : 0;
	while (n > 0 && line[n - 1] == '\n')
		n--;
	line[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (line[i] < ' ' || line[i] > '~')
			line[i] = line[i] == '\n' ? '|' : '?';
}

/*
 * Run a program of the swtpm packages to its end, found in PATH, in the
 * folder, with both its outputs in the log, its temporary files beside it,
 * and no descriptor of ours (swtpm stays, and would hold them).
 */
static enum ac_err
sim_run(const struct sim *s, const char *const argv[])
{
	enum ac_err e = AC_ERR_MEMORY;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t signals;
	char *tmp = NULL, **env = NULL;
	char tail[SIM_TAIL + 1];
	size_t n = 0, kept = 0;
	int pidfd = -1, status = 0, error;
	pid_t pid;

	if (posix_spawnattr_init(&attr) != 0)
		return sim_fail(s->why, e, "out of memory");
	if (posix_spawn_file_actions_init(&actions) != 0) {
		(void)posix_spawnattr_destroy(&attr);
		return sim_fail(s->why, e, "out of memory");
	}
	/* swtpm must hear SIGTERM, whatever the caller blocks or ignores. */
	(void)sigemptyset(&signals);
	(void)posix_spawnattr_setsigmask(&attr, &signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)posix_spawnattr_setsigdefault(&attr, &signals);
	(void)posix_spawnattr_setflags(&attr,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	while (environ[n] != NULL)
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (env == NULL || !sim_text(&tmp, "TMPDIR=%s", s->dir) ||
	    posix_spawn_file_actions_addchdir_np(&actions, s->dir) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY,
		0) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, 1, "log",
		O_WRONLY | O_CREAT | O_APPEND, 0600) != 0 ||
	    posix_spawn_file_actions_adddup2(&actions, 1, 2) != 0 ||
	    posix_spawn_file_actions_addclosefrom_np(&actions, 3) != 0) {
		(void)sim_fail(s->why, e, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "TMPDIR=", 7) != 0)
			env[kept++] = environ[i];
	env[kept] = tmp;

	/* posix_spawnp() changes no string; its type is older than const. */
	error = posix_spawnp(&pid, argv[0], &actions, &attr,
	    (char *const *)(const void *)argv, env);
	if (error == ENOENT) {
		e = sim_fail(s->why, AC_ERR_UNSUPPORTED,
		    "%s is not installed; apt-get install swtpm swtpm-tools",
		    argv[0]);
		goto out;
	}
	if (error != 0) {
		errno = error;
		e = sim_errno(s->why, "running", argv[0]);
		goto out;
	}
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0 || !pidfd_ended(pidfd, SIM_TOOL_MS))
		(void)kill(pid, SIGKILL); /* ours, and not waited for yet */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		log_tail(s, tail);
		e = sim_fail(s->why, AC_ERR_IO, "%s failed: ...%s", argv[0],
		    tail);
		goto out;
	}
	e = AC_OK;
out:
	if (pidfd >= 0)
		(void)close(pidfd);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	free(env);
	free(tmp);
	return e;
}

/*
 * Who runs this TPM?  swtpm holds a lock on a file in its state as long as it
 * lives, so that no process id is ever believed that only a file remembers.
 * 0: nobody; -1: somebody whose process id cannot be seen from here.
 */
static pid_t
sim_pid(const struct sim *s)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	pid_t pid = 0;
	int fd = openat(s->fd, "state/.lock",
	    O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1; /* swtpm makes it */
	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		pid = lock.l_pid > 0 ? lock.l_pid : -1;
	(void)close(fd);
	return pid;
}

static enum ac_err
sim_tcti(const struct sim *s, char **out)
{
	if (!sim_text(out, "swtpm:path=%s/" SIM_SOCKET, s->dir))
		return sim_fail(s->why, AC_ERR_MEMORY, "out of memory");
	return AC_OK;
}

/* Open the running TPM. */
static enum ac_err
sim_tpm(const struct sim *s, struct tpm **out)
{
	char *tcti;
	enum ac_err e = sim_tcti(s, &tcti);

	if (e != AC_OK)
		return e;
	e = tpm_open(out, tcti, s->why);
	free(tcti);
	return e;
}

/* End the process that runs the TPM, not asking the TPM. */
static enum ac_err
sim_end(const struct sim *s)
{
	enum ac_err e;
	pid_t pid = sim_pid(s);
	int fd = -1;

	if (pid == 0)
		return AC_OK;
	if (pid > 0)
		fd = pidfd_open(pid, 0);
	if (pid > 0 && fd < 0 && errno == ESRCH)
		return AC_OK;
	if (fd < 0)
		return sim_fail(s->why, AC_ERR_IO,
		    "the TPM in %s is run by a process that cannot be seen "
		    "from here", s->dir);
	/* Only if the lock is still its own is fd surely that process. */
	if (sim_pid(s) == pid) {
		(void)pidfd_send_signal(fd, SIGTERM, NULL, 0);
		if (!pidfd_ended(fd, SIM_END_MS))
			(void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
	}
	e = AC_OK;
	if (!pidfd_ended(fd, SIM_END_MS))
		e = sim_fail(s->why, AC_ERR_IO, "process %ld does not end",
		    (long)pid);
	(void)close(fd);
	return e;
}

static enum ac_err
sim_stop(const struct sim *s)
{
	enum ac_err e, orderly;
	struct tpm *t = NULL;

	if (sim_pid(s) == 0)
		return sim_fail(s->why, AC_ERR_NOT_FOUND,
		    "the TPM in %s does not run", s->dir);
	orderly = sim_tpm(s, &t);
	if (orderly == AC_OK)
		orderly = tpm_shutdown(t);
	tpm_close(t);
	if (orderly != AC_OK) {
		struct message why = *s->why;

		orderly = sim_fail(s->why, AC_ERR_IO,
		    "ended without an orderly shutdown: %.250s", why.text);
	}
	e = sim_end(s);
	return e != AC_OK ? e : orderly;
}

/* Nobody may run it; what one that was killed left is removed. */
static enum ac_err
sim_make_ready(const struct sim *s)
{
	if (sim_pid(s) != 0)
		return sim_fail(s->why, AC_ERR_EXISTS,
		    "the TPM in %s runs already", s->dir);
	(void)unlinkat(s->fd, SIM_SOCKET, 0);
	(void)unlinkat(s->fd, SIM_CTRL, 0);
	(void)unlinkat(s->fd, "tpm.pid", 0);
	return AC_OK;
}

/*
 * Run swtpm: for programs, which find it started; or for a virtual machine,
 * which starts it itself over the control socket.
 */
static enum ac_err
sim_spawn(const struct sim *s, bool machine)
{
	enum ac_err e = AC_ERR_MEMORY;
	char *state = NULL, *server = NULL, *ctrl = NULL, *pid = NULL;

	if (!sim_text(&state, "dir=%s/state", s->dir) ||
	    !sim_text(&server, "type=unixio,path=%s/" SIM_SOCKET, s->dir) ||
	    !sim_text(&ctrl, "type=unixio,path=%s/" SIM_CTRL, s->dir) ||
	    !sim_text(&pid, "file=%s/tpm.pid", s->dir))
		(void)sim_fail(s->why, e, "out of memory");
	else if (machine)
		e = sim_run(s, (const char *const[]){ "swtpm", "socket",
		    "--tpm2", "--tpmstate", state, "--ctrl", ctrl,
		    "--pid", pid, "--terminate", "--daemon", NULL });
	else
		e = sim_run(s, (const char *const[]){ "swtpm", "socket",
		    "--tpm2", "--tpmstate", state,
		    "--server", server, "--ctrl", ctrl,
		    "--flags", "not-need-init,startup-clear",
		    "--pid", pid, "--daemon", NULL });
	free(state);
	free(server);
	free(ctrl);
	free(pid);
	return e;
}

static enum ac_err
sim_start(const struct sim *s)
{
	struct tpm *t = NULL;
	enum ac_err e = sim_make_ready(s);

	if (e == AC_OK)
		e = sim_spawn(s, false);
	if (e != AC_OK)
		return e;
	e = sim_tpm(s, &t);
	if (e != AC_OK) {
		struct message why = *s->why;

		(void)sim_end(s);
		*s->why = why;
	}
	tpm_close(t);
	return e;
}

/* Write the file name in the folder. */
static enum ac_err
sim_write(const struct sim *s, const char *name, unsigned mode,
    struct span data)
{
	char *path;
	enum ac_err e;

	if (!sim_text(&path, "%s/%s", s->dir, name))
		return sim_fail(s->why, AC_ERR_MEMORY, "out of memory");
	e = file_write(path, data, mode);
	if (e != AC_OK)
		e = sim_errno(s->why, "writing", path);
	free(path);
	return e;
}

/*
 * Manufacture the TPM: swtpm_setup makes the endorsement keys and has their
 * certificates made by a CA in ek/, told so by three files of configuration.
 * It runs in the folder, so that no path is written into them.
 */
static enum ac_err
sim_manufacture(const struct sim *s)
{
	static const char setup[] = "create_certs_tool = swtpm_localca\n"
	    "create_certs_tool_config = ek/localca.conf\n"
	    "create_certs_tool_options = ek/localca.options\n";
	static const char ca[] = "statedir = ek\n"
	    "signingkey = ek/signkey.pem\n"
	    "issuercert = ek/issuercert.pem\n"
	    "certserial = ek/certserial\n";
	static const char options[] = "--platform-manufacturer AICert\n"
	    "--platform-model SIMULATED\n"
	    "--platform-version 1\n";
	static const char *const argv[] = { "swtpm_setup", "--tpm2",
		"--tpmstate", "dir://state", "--config", "ek/setup.conf",
		"--create-ek-cert", "--lock-nvram", "--pcr-banks", "sha256",
		"--vmid", "AICert-SIMULATED", NULL };
	enum ac_err e;

	if (mkdirat(s->fd, "state", 0700) != 0 ||
	    mkdirat(s->fd, "ek", 0700) != 0 || mkdirat(s->fd, "ca", 0700) != 0)
		return sim_errno(s->why, "making folders in", s->dir);
	if ((e = sim_write(s, "ek/setup.conf", 0600, span_str(setup))) !=
		AC_OK ||
	    (e = sim_write(s, "ek/localca.conf", 0600, span_str(ca))) !=
		AC_OK ||
	    (e = sim_write(s, "ek/localca.options", 0600,
		 span_str(options))) != AC_OK)
		return e;
	return sim_run(s, argv);
}

/*
 * The modulus of an RSA-2048 TPMT_PUBLIC of tpm_create_ak()'s template (Part
 * 2, 12.2.4), borrowed: whatever the attributes are.
 */
static bool
modulus_of(struct span tpmt_public, struct span *modulus)
{
	struct reader r = rd_of(tpmt_public);
	uint16_t type, name_alg, symmetric, scheme, hash, bits;
	uint32_t attributes, exponent;
	struct span policy;

	return rd_be16(&r, &type) && rd_be16(&r, &name_alg) &&
	    rd_be32(&r, &attributes) && rd_take_be16(&r, &policy, 64) &&
	    rd_be16(&r, &symmetric) && rd_be16(&r, &scheme) &&
	    rd_be16(&r, &hash) && rd_be16(&r, &bits) &&
	    rd_be32(&r, &exponent) && rd_take_be16(&r, modulus, 256) &&
	    rd_end(&r);
}

/* Make the attestation key in the running TPM, and its certificate. */
static enum ac_err
sim_certify(const struct sim *s, struct tpm *t,
    const struct tpmsim_options *options, struct simca *ca)
{
	enum ac_err e;
	struct buf public = { 0 };
	struct span modulus;

	if ((e = tpm_create_ak(t, TPM_AK_HANDLE, options->ak_cleared)) !=
		AC_OK ||
	    (e = tpm_ak_public(t, TPM_AK_HANDLE, &public)) != AC_OK)
		goto out;
	e = AC_ERR_CRYPTO;
	if (modulus_of(buf_span(&public), &modulus))
		e = simca_issue(ca, modulus, (int64_t)time(NULL),
		    options->days);
	if (e != AC_OK) {
		(void)sim_fail(s->why, e, "certifying the attestation key: %s",
		    ac_strerror(e));
		goto out;
	}
	e = tpm_nv_create(t, TPM_AK_CERT_INDEX, buf_span(&ca->leaf));
out:
	buf_free(&public);
	return e;
}

/* Is the folder empty? */
static bool
sim_is_empty(const struct sim *s)
{
	char *const paths[] = { s->dir, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	bool empty = false;

	if (fts == NULL)
		return false;
	if (fts_read(fts) != NULL)
		empty = fts_children(fts, 0) == NULL && errno == 0;
	(void)fts_close(fts);
	return empty;
}

/* Remove what a failed init made: everything in the folder. */
static void
sim_clear(const struct sim *s)
{
	char *const paths[] = { s->dir, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *f;

	if (fts == NULL)
		return;
	while ((f = fts_read(fts)) != NULL) {
		if (f->fts_level == FTS_ROOTLEVEL)
			continue;
		if (f->fts_info == FTS_DP)
			(void)rmdir(f->fts_accpath);
		else if (f->fts_info != FTS_D)
			(void)unlink(f->fts_accpath);
	}
	(void)fts_close(fts);
}

/* Everything that init makes in an empty folder. */
static enum ac_err
sim_make(const struct sim *s, const struct tpmsim_options *options)
{
	enum ac_err e;
	struct simca ca = { 0 };
	struct tpm *t = NULL;

	if ((e = sim_manufacture(s)) != AC_OK || (e = sim_start(s)) != AC_OK ||
	    (e = sim_tpm(s, &t)) != AC_OK ||
	    (e = sim_certify(s, t, options, &ca)) != AC_OK)
		goto out;
	tpm_close(t);
	t = NULL;
	if ((e = sim_stop(s)) != AC_OK ||
	    (e = sim_write(s, "ca/root.key", 0600, buf_span(&ca.root_key))) !=
		AC_OK ||
	    (e = sim_write(s, "ca/intermediate.key", 0600,
		 buf_span(&ca.intermediate_key))) != AC_OK ||
	    (e = sim_write(s, "root.pem", 0644, buf_span(&ca.root))) != AC_OK ||
	    (e = sim_write(s, SIM_COMPLETE, 0644, buf_span(&ca.chain))) !=
		AC_OK)
		goto out;
out:
	tpm_close(t);
	simca_free(&ca);
	return e;
}

enum ac_err
tpmsim_init(const char *dir, const struct tpmsim_options *options,
    struct message *why)
{
	enum ac_err e;
	struct sim s = { .fd = -1 };
	bool made;

	if (options->days == 0 || options->days > SIMCA_CA_DAYS)
		return sim_fail(why, AC_ERR_LIMIT,
		    "a certificate of %u days: 1 to %u are possible",
		    options->days, SIMCA_CA_DAYS);
	made = mkdir(dir, 0700) == 0;
	if (!made && errno != EEXIST)
		return sim_errno(why, "making", dir);
	e = sim_open(&s, dir, why);
	if (e != AC_OK)
		goto out;
	if (!sim_is_empty(&s)) {
		e = sim_fail(why, AC_ERR_EXISTS,
		    faccessat(s.fd, SIM_COMPLETE, F_OK, 0) == 0 ?
			"%s holds a simulated TPM already" :
			"%s is not empty; remove it, or choose another folder",
		    s.dir);
		goto out;
	}
	e = fchmod(s.fd, 0700) != 0 ?
	    sim_errno(why, "changing the mode of", s.dir) :
	    sim_make(&s, options);
	if (e != AC_OK) {
		struct message first = *why;

		(void)sim_end(&s);
		sim_clear(&s);
		*why = first;
	}
out:
	if (e != AC_OK && made)
		(void)rmdir(dir);
	sim_close(&s);
	return e;
}

enum ac_err
tpmsim_start(const char *dir, struct message *why)
{
	struct sim s;
	enum ac_err e = sim_open_complete(&s, dir, why);

	if (e != AC_OK)
		return e;
	e = sim_start(&s);
	sim_close(&s);
	return e;
}

enum ac_err
tpmsim_serve(const char *dir, struct message *why)
{
	struct sim s;
	enum ac_err e = sim_open_complete(&s, dir, why);

	if (e != AC_OK)
		return e;
	e = sim_make_ready(&s);
	if (e == AC_OK)
		e = sim_spawn(&s, true);
	sim_close(&s);
	return e;
}

/*
 * End one that serves a machine which never came: it has no lock, and so no
 * process that is known, until the machine starts it.  false: there is none.
 */
static bool
sim_dismiss(const struct sim *s)
{
	static const uint8_t shutdown[] = { 0, 0, 0, 3 }; /* CMD_SHUTDOWN */
	struct timeval limit = { .tv_sec = SIM_END_MS / 1000 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	uint8_t answer[64];
	bool sent;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/" SIM_CTRL,
	    s->dir);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	sent = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
	    send(fd, shutdown, sizeof(shutdown), MSG_NOSIGNAL) ==
	    (ssize_t)sizeof(shutdown);
	/* The end of file is that of the process. */
	while (sent && recv(fd, answer, sizeof(answer), 0) > 0)
		continue;
	(void)close(fd);
	return sent;
}

enum ac_err
tpmsim_stop(const char *dir, struct message *why)
{
	struct sim s;
	enum ac_err e = sim_open(&s, dir, why);

	if (e != AC_OK)
		return e;
	e = sim_pid(&s) == 0 && sim_dismiss(&s) ? AC_OK : sim_stop(&s);
	sim_close(&s);
	return e;
}

enum ac_err
tpmsim_reset(const char *dir, struct message *why)
{
	struct sim s;
	enum ac_err e = sim_open_complete(&s, dir, why);

	if (e != AC_OK)
		return e;
	if (sim_pid(&s) != 0)
		e = sim_stop(&s);
	if (e == AC_OK)
		e = sim_start(&s);
	sim_close(&s);
	return e;
}

enum ac_err
tpmsim_tcti(const char *dir, struct buf *out, struct message *why)
{
	char *path = realpath(dir, NULL);
	struct writer w;
	enum ac_err e;

	if (path == NULL)
		return sim_errno(why, "opening", dir);
	wr_init(&w, PATH_MAX + 64);
	wr_printf(&w, "swtpm:path=%s/" SIM_SOCKET, path);
	free(path);
	e = wr_end(&w, out);
	return e == AC_OK ? e : sim_fail(why, e, "%s: %s", dir, ac_strerror(e));
}
