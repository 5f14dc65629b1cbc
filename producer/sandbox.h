/*
 * sandbox.h -- run one command where it reaches its inputs, its workspace and
 * nothing else, and see it gone.
 *
 * What the job sees.  A root of the host's /usr /bin /sbin /lib* and the
 * linker's cache, read-only, and a made-up /etc, or of an unpacked image; fresh
 * /tmp /run /dev /proc, and /root /home /var where an image has nothing there;
 * inputs read-only at /inputs/<name>; one writable folder, /workspace, which is
 * also where it starts.  No network but a loopback of its own, no host process,
 * no capability, no new privileges, no descriptor but 0 (nothing), 1 and 2 (the
 * pipe), no variable of the caller's environment.  bubblewrap (>= 0.8) builds this; filter.c
 * says which system calls are refused on top.
 *
 * As whom.  The job's user is 1000 in a user namespace.  Outside that is the
 * caller, or, where the caller is root, spec->uid and spec->gid: a process
 * that the kernel takes for root is one forgotten check away from being it,
 * and no process limit holds for it.
 *
 * Why it is gone.  "The training is gone before the outputs are hashed" rests
 * on sandbox_end() alone:
 *
 *  1. The job lives in a PID namespace of its own.  It cannot leave it, nor
 *     make another: setns, unshare and clone with namespaces need a
 *     capability it lacks, and are refused by the filter; user namespaces,
 *     which would give it one, are besides used up (--disable-userns).
 *  2. sandbox_start() opens a pidfd of that namespace's process 1 *before*
 *     it lets the job begin, while process 1 still waits for our word, and
 *     checks that its parent is the bwrap we forked.  A pidfd names a process
 *     for ever; a number may be given to another.
 *  3. When process 1 ends, the kernel kills every process of the namespace
 *     and makes process 1 wait until each is dead and reaped
 *     (zap_pid_ns_processes, pid_namespaces(7)); only then does its pidfd
 *     turn readable.  Memory and descriptors are given up before that, so no
 *     write is in flight, and io_uring, whose work could outlive its process,
 *     is refused.
 *  4. sandbox_end() kills process 1 through the pidfd and returns AC_OK only
 *     after the pidfd was readable; where a cgroup is used, also only after
 *     the kernel reported it unpopulated.
 *
 * It does not rest on bwrap's exit, on the job's exit, on the end of the
 * output, on process numbers, or on anything the job says.  What it does not
 * cover: a process that the *caller* lets into the namespaces; sockets or
 * device nodes left in the workspace, which whoever opens outputs must
 * refuse; a socket inside an input, which a job could connect to: inputs are
 * plain files.
 *
 * Limits.  In a cgroup v2 where the caller may make one with both
 * controllers; else by rlimit: memory_bytes bounds the data of each process
 * and each fresh folder's size, pids the number of processes of the job's
 * user namespace.
 *
 * Where the caller is killed while a sandbox is being set up, bubblewrap's
 * other half may wait for ever for the first; it is process 1 of a namespace
 * in which nothing of the job was begun.
 *
 * One thread calls start, and lives until end: when it dies, the kernel kills
 * bwrap, and that the job.  Between the two the calling process is a
 * subreaper (PR_SET_CHILD_SUBREAPER), so that process 1, where bwrap ended
 * first, becomes its child and is reaped by sandbox_end(), not left to
 * whatever is process 1 of the machine.
 */
#ifndef AICERT_PRODUCER_SANDBOX_H
#define AICERT_PRODUCER_SANDBOX_H

#include <sys/types.h>

#include "common/writer.h"
#include "producer/cgroup.h"

#define SANDBOX_INPUTS_MAX 512
#define SANDBOX_ENV_MAX 512
#define SANDBOX_GPUS_MAX 64
#define SANDBOX_NAME_MAX 128      /* characters of an input's name */
#define SANDBOX_DESCRIBE_MAX 4096 /* bytes of the JSON object */
#define SANDBOX_NOBODY 65534

struct sandbox_mount {
	const char *host; /* a regular file or folder */
	const char *name; /* [A-Za-z0-9._-]+, not "." or ".." */
};

struct sandbox_limits {
	uint64_t memory_bytes; /* 0: none */
	uint64_t pids;         /* processes and threads; 0: none */
	uint64_t wall_s;       /* 0: none */
};

/* Descriptors of a helper; both are duplicated. */
struct sandbox_ends {
	int in_fd;  /* its 0; -1: nothing */
	int out_fd; /* its 1 */
};

/* Everything is borrowed, and only read. */
struct sandbox_spec {
	const char *const *argv; /* ends with NULL; argv[0] found by PATH */
	const char *const *env;  /* NAME=value, in addition to PATH, HOME,
	                          * TMPDIR and LANG or instead; NULL: none */
	size_t nenv;
	const struct sandbox_mount *inputs;
	size_t ninputs;
	const char *workspace; /* a folder; NULL: a fresh one, lost at the end */
	const char *const *gpus; /* device nodes below /dev */
	size_t ngpus;
	const char *root; /* an unpacked image; NULL: composed of the host's */
	struct sandbox_limits limits;
	const struct sandbox_ends *ends; /* NULL: as said above */
	bool network; /* the host's; for a helper, never for a job */
	/* Where the caller is root: who the job is outside; 0: nobody's
	 * 65534.  Inputs must be readable by it; the workspace's folder is
	 * given to it (chown) by sandbox_start(). */
	uid_t uid;
	gid_t gid;
};

/* What enforces the limits. */
enum sandbox_how {
	SANDBOX_RLIMIT,
	SANDBOX_CGROUP,
};

/* One line for a person, without a newline: what failed and what to do. */
struct sandbox_why {
	char text[1024];
};

/* A started job.  A caller may read output_fd and how; the rest is private. */
struct sandbox {
	int output_fd; /* stdout and stderr of the job, one pipe; of a
			* helper: stderr */
	enum sandbox_how how;
	int status_fd;
	int bwrap_fd; /* pidfds */
	int init_fd;
	pid_t bwrap;
	struct cgroup cgroup;
	int64_t started_ns, deadline_ns; /* CLOCK_MONOTONIC; no deadline: 0 */
	bool timed_out;
	bool was_subreaper;
};

#define SANDBOX_NONE                                                           \
	((struct sandbox){ .output_fd = -1, .status_fd = -1, .bwrap_fd = -1,   \
	    .init_fd = -1, .cgroup = CGROUP_NONE })

struct sandbox_result {
	int exit_status; /* as a shell has it: exit code, or 128 + signal */
	int64_t wall_ns; /* from the go-ahead to the end of argv's process */
	bool timed_out;  /* ended by limits.wall_s */
};

/*
 * Start the job.  On AC_OK everything is mounted, every limit set, and the
 * job has begun; sandbox_end() must follow.  On any error nothing of it ran,
 * nothing is left, and *why says what to do.  AC_ERR_FORMAT: spec is not of
 * the form above; AC_ERR_LIMIT: over a cap above; AC_ERR_NOT_FOUND: an input,
 * the workspace or bwrap is absent; AC_ERR_UNSUPPORTED: this machine does not
 * allow it; AC_ERR_IO; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err sandbox_start(struct sandbox *out,
    const struct sandbox_spec *spec, struct sandbox_why *why);

/*
 * Wait for output, which the job cannot go on without: buf[0..*n), *n <= len.
 * *n is 0 at its end, which comes when argv's process ended or the wall limit
 * did it.  AC_ERR_IO.
 */
AC_MUST_CHECK enum ac_err sandbox_read(struct sandbox *s, void *buf,
    size_t len, size_t *n);

/* Is the wall limit over, which sandbox_read() and sandbox_wait() enforce? */
bool sandbox_is_late(const struct sandbox *s);

/*
 * Wait until argv's process ended, or the wall limit ends all.
 * AC_ERR_NOT_FOUND: it could not be executed (the output says why);
 * AC_ERR_IO: bwrap was killed.  The job's other processes may still run.
 */
AC_MUST_CHECK enum ac_err sandbox_wait(struct sandbox *s,
    struct sandbox_result *result);

/*
 * Kill whatever is left and see it gone, whatever state the job is in.
 * AC_OK: no process of the job exists any more; *s is SANDBOX_NONE.
 * AC_ERR_BUSY: something did not die in a minute (it hangs in the kernel):
 * *s is unchanged, may be ended again, and nothing may be said about the
 * outputs.  AC_ERR_IO: likewise.  Does nothing for SANDBOX_NONE.
 */
AC_MUST_CHECK enum ac_err sandbox_end(struct sandbox *s);

/*
 * Append the JSON object internalParameters.sandbox.  It has no host path,
 * time or number of a process in it: the same spec and how give the same
 * bytes, for one build.  AC_ERR_IO, AC_ERR_MEMORY, AC_ERR_UNSUPPORTED.
 */
AC_MUST_CHECK enum ac_err sandbox_describe(struct writer *w,
    const struct sandbox_spec *spec, enum sandbox_how how);

/*
 * Does a sandbox work here?  Runs "true" in one.  Errors as sandbox_start();
 * *how is what would enforce limits.
 */
AC_MUST_CHECK enum ac_err sandbox_check(enum sandbox_how *how,
    struct sandbox_why *why);

#endif
