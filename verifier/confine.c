/* confine.c -- Landlock and seccomp, by hand; see confine.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "verifier/confine.h"
#include "verifier/relay.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif

/* Rights over files that ABI versions 1, 2, 3 and 5 of Landlock know. */
static uint64_t
rights_of(int abi)
{
	unsigned bits = abi == 1 ? 13 : abi == 2 ? 14 : abi < 5 ? 15 : 16;

	return ((uint64_t)1 << bits) - 1;
}

static enum ac_err
add_rule(int rules, int fd)
{
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = fd,
	};
	struct stat st;

	if (fstat(fd, &st) != 0)
		return AC_ERR_IO;
	if (S_ISDIR(st.st_mode))
		beneath.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	return syscall(SYS_landlock_add_rule, rules,
	    LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0 ? AC_OK : AC_ERR_IO;
}

static enum ac_err
restrict_files(const int fd[], size_t n, int *abi)
{
	struct landlock_ruleset_attr attr = { 0 };
	enum ac_err e = AC_ERR_IO;
	int rules, version;

	version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 1) {
		*abi = 0;
		return AC_OK;
	}
	attr.handled_access_fs = rights_of(version);
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr,
	    sizeof(attr.handled_access_fs), 0);
	if (rules < 0)
		return AC_ERR_IO;
	for (size_t i = 0; i < n; i++)
		if (fd[i] >= 0 && add_rule(rules, fd[i]) != AC_OK)
			goto out;
	if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		goto out;
	*abi = version;
	e = AC_OK;
out:
	(void)close(rules);
	return e;
}

/* In place of a system call that is not allowed. */
static void
denied(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	relay_denied(info->si_syscall);
	_exit(2);
}

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
	    (uint32_t)offsetof(struct seccomp_data, field))
/* The low half of an argument; little endian. */
#define ARG(i) LOAD(args[i])
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define ALLOW(name) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
	RETURN(SECCOMP_RET_ALLOW)
/* The call fails with err; libc has another way. */
#define FAIL(name, err) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
	RETURN(SECCOMP_RET_ERRNO | (err))
/* Only where argument i has none, or at least one, of the bits. */
#define ALLOW_WITHOUT(name, i, bits) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), ARG(i), \
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), 0, 1), \
	RETURN(SECCOMP_RET_TRAP), RETURN(SECCOMP_RET_ALLOW)
#define ALLOW_WITH(name, i, bits) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), ARG(i), \
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), 1, 0), \
	RETURN(SECCOMP_RET_TRAP), RETURN(SECCOMP_RET_ALLOW)

static enum ac_err
restrict_calls(void)
{
	static const struct sock_filter filter[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		/* Reading, in the order of how often. */
		ALLOW(pread64), ALLOW(read), ALLOW(write), ALLOW(newfstatat),
		ALLOW(fstat), ALLOW(close), ALLOW(lseek), ALLOW(getdents64),
		ALLOW(readlinkat), ALLOW(fadvise64), ALLOW(fcntl),
		ALLOW_WITHOUT(openat, 2, O_WRONLY | O_RDWR | O_CREAT |
		    O_TRUNC | O_APPEND),
		/* Memory, never to execute. */
		ALLOW(munmap), ALLOW(brk), ALLOW(madvise), ALLOW(mremap),
		ALLOW_WITHOUT(mmap, 2, PROT_EXEC),
		ALLOW_WITHOUT(mprotect, 2, PROT_EXEC),
		/* Threads of this process, and no others. */
		FAIL(clone3, ENOSYS), ALLOW_WITH(clone, 0, CLONE_THREAD),
		/* libc has signals of its own for them, from 32 on. */
		ALLOW_WITH(rt_sigaction, 0, 32),
		ALLOW(futex), ALLOW(set_robust_list), ALLOW(rseq),
		ALLOW(sched_yield), ALLOW(sched_getaffinity), ALLOW(exit),
		ALLOW(exit_group), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn),
		/* The clock where it is no vDSO; random bytes; who we are. */
		ALLOW(clock_gettime), ALLOW(clock_nanosleep), ALLOW(getrandom),
		ALLOW(getpid), ALLOW(gettid),
		/* qsort asks how much memory there is. */
		ALLOW(sysinfo),
#ifdef AICERT_SANITIZED
		/* Sanitizers look at signals and stacks for themselves. */
		ALLOW(sigaltstack), ALLOW(prctl), ALLOW(ioctl), ALLOW(tgkill),
		ALLOW(prlimit64),
#ifdef SYS_readlink
		FAIL(readlink, EACCES), FAIL(open, EACCES),
#endif
#endif
		RETURN(SECCOMP_RET_TRAP),
	};
	/* The kernel reads the filter, and takes no const. */
	struct sock_filter copy[AC_COUNT(filter)];
	struct sock_fprog program = { AC_COUNT(filter),
		copy };
	struct sigaction act = { .sa_sigaction = denied,
		.sa_flags = SA_SIGINFO };

	memcpy(copy, filter, sizeof(copy));
	if (ARCH == 0)
		return AC_ERR_UNSUPPORTED;
	if (sigaction(SIGSYS, &act, NULL) != 0)
		return AC_ERR_IO;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		return errno == EINVAL || errno == ENOSYS ?
		    AC_ERR_UNSUPPORTED : AC_ERR_IO;
	return AC_OK;
}

enum ac_err
confine(const int fd[], size_t n, int *landlock, struct message *why)
{
	const char *what = "no new privileges";
	enum ac_err e = AC_ERR_IO;
	int abi = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
		what = "Landlock";
		e = restrict_files(fd, n, &abi);
	}
	if (e == AC_OK) {
		what = "seccomp";
		e = restrict_calls();
	}
	if (e != AC_OK)
		return BECAUSE(why, e, "cannot confine the process that reads "
		    "the model, %s: %s; --no-sandbox reads it unconfined", what,
		    e == AC_ERR_UNSUPPORTED ? "this system has none" :
		    strerror(errno));
	*landlock = abi;
	return AC_OK;
}
