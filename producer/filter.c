/*
 * filter.c -- the system calls a confined process is refused, as a BPF program.
 *
 * Its single job is the list.  It allows by default, because training code is
 * everybody's code, and takes away what a job never needs and what kernel
 * exploits and escapes start from: mounts, namespaces, tracing, keys, kernel
 * loading, io_uring, rare socket families, typing into terminals.  It is the
 * second fence: the first are the namespaces and the missing capabilities of
 * sandbox.c.  Refused calls answer EPERM; calls of an architecture other than
 * the machine's own kill the process; calls newer than this list answer
 * ENOSYS, as on an older kernel.  The one door to libseccomp.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/file.h"
#include "producer/filter.h"

/* What libseccomp's headers may be too old to name. */
#define FILTER_CLONE_NEWTIME 0x00000080
#define FILTER_NETLINK_ROUTE 0
#define FILTER_SOCK_TYPES 16 /* the kernel takes no others for AF_UNIX */

/*
 * Numbers are shared by all architectures since 403; Linux 5.17 ends at 450,
 * and what comes later was not looked at here.
 */
#define FILTER_FIRST_UNKNOWN 451
#define FILTER_LAST_UNKNOWN 511

static const char *const refused[] = {
	/* the mount namespace */
	"mount", "umount", "umount2", "pivot_root", "chroot", "move_mount",
	"open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
	"mount_setattr",
	/* other namespaces; clone is below */
	"unshare", "setns",
	/* other processes' memory and descriptors */
	"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd",
	"kcmp", "process_madvise",
	/* keys, which no namespace separates from the caller's session */
	"keyctl", "add_key", "request_key",
	/* the kernel itself */
	"kexec_load", "kexec_file_load", "bpf", "perf_event_open",
	"userfaultfd", "init_module", "finit_module", "delete_module",
	"create_module", "reboot", "swapon", "swapoff", "quotactl",
	"quotactl_fd", "acct", "syslog", "fanotify_init", "lookup_dcookie",
	"nfsservctl", "vhangup", "iopl", "ioperm", "modify_ldt", "vm86",
	"vm86old", "uselib", "_sysctl", "settimeofday", "clock_settime",
	"clock_adjtime", "adjtimex", "sethostname", "setdomainname",
	/* files by handle go round the mount namespace */
	"name_to_handle_at", "open_by_handle_at",
	/* work done by kernel threads, beyond this filter's sight */
	"io_uring_setup", "io_uring_enter", "io_uring_register",
};

static const unsigned new_namespaces[] = {
	CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC,
	CLONE_NEWUTS, CLONE_NEWCGROUP, FILTER_CLONE_NEWTIME,
};

/* Add one rule; a call that this architecture lacks needs none. */
static bool
refuse(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned nargs,
    const struct scmp_arg_cmp *args)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr == __NR_SCMP_ERROR)
		return true;
	return seccomp_rule_add_array(ctx, action, nr, nargs, args) == 0;
}

/* A comparison that, as the kernel does, sees the low 32 bits only. */
static struct scmp_arg_cmp
low32(unsigned arg, uint32_t mask, uint32_t value)
{
	return SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, (scmp_datum_t)mask,
	    (scmp_datum_t)value);
}

/*
 * Allow AF_UNIX, AF_INET, AF_INET6 and NETLINK_ROUTE (getifaddrs); refuse
 * AF_VSOCK, AF_ALG, AF_PACKET and every other family.  The comparisons are
 * over 64 bits, so that a family with rubbish in its upper half counts as
 * larger than the last and is refused too.
 */
static bool
refuse_sockets(scmp_filter_ctx ctx, uint32_t eperm, const char *name)
{
	struct scmp_arg_cmp a[2];

	for (unsigned family = 0; family < AF_NETLINK; family++) {
		if (family == AF_UNIX || family == AF_INET ||
		    family == AF_INET6)
			continue;
		a[0] = SCMP_A0(SCMP_CMP_EQ, family, 0);
		if (!refuse(ctx, eperm, name, 1, a))
			return false;
	}
	a[0] = SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0);
	if (!refuse(ctx, eperm, name, 1, a))
		return false;
	a[0] = SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0);
	a[1] = SCMP_A2(SCMP_CMP_NE, FILTER_NETLINK_ROUTE, 0);
	return refuse(ctx, eperm, name, 2, a);
}

/*
 * Refuse AF_UNIX: sockets, and pairs of any type but SOCK_STREAM.  One of a
 * datagram pair could connect elsewhere; a connected stream cannot.
 */
static bool
refuse_unix(scmp_filter_ctx ctx, uint32_t eperm)
{
	const uint32_t types = ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct scmp_arg_cmp a[2];

	a[0] = low32(0, UINT32_MAX, AF_UNIX);
	if (!refuse(ctx, eperm, "socket", 1, a))
		return false;
	for (uint32_t type = 0; type < FILTER_SOCK_TYPES; type++) {
		if (type == SOCK_STREAM)
			continue;
		a[1] = low32(1, types, type);
		if (!refuse(ctx, eperm, "socketpair", 2, a))
			return false;
	}
	return true;
}

static bool
add_rules(scmp_filter_ctx ctx, enum filter_kind kind)
{
	const uint32_t eperm = SCMP_ACT_ERRNO(EPERM);
	const uint32_t enosys = SCMP_ACT_ERRNO(ENOSYS);
	const uint32_t typing[] = { TIOCSTI, TIOCLINUX };
	struct scmp_arg_cmp a;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!refuse(ctx, eperm, refused[i], 0, NULL))
			return false;
	for (size_t i = 0;
	     i < sizeof(new_namespaces) / sizeof(new_namespaces[0]); i++) {
		a = low32(0, new_namespaces[i], new_namespaces[i]);
		if (!refuse(ctx, eperm, "clone", 1, &a))
			return false;
	}
	/* Its flags lie in memory, where no filter can read them; every libc
	 * falls back to clone. */
	if (!refuse(ctx, enosys, "clone3", 0, NULL))
		return false;
	for (size_t i = 0; i < sizeof(typing) / sizeof(typing[0]); i++) {
		a = low32(1, UINT32_MAX, typing[i]);
		if (!refuse(ctx, eperm, "ioctl", 1, &a))
			return false;
	}
	/* Asking for the personality is allowed, changing it is not. */
	a = SCMP_A0(SCMP_CMP_NE, UINT32_MAX, 0);
	if (!refuse(ctx, eperm, "personality", 1, &a))
		return false;
	for (int nr = FILTER_FIRST_UNKNOWN; nr <= FILTER_LAST_UNKNOWN; nr++)
		if (seccomp_rule_add_array(ctx, enosys, nr, 0, NULL) != 0)
			return false;
	if (kind == FILTER_NETWORK && !refuse_unix(ctx, eperm))
		return false;
	return refuse_sockets(ctx, eperm, "socket") &&
	    refuse_sockets(ctx, eperm, "socketpair");
}

enum ac_err
filter_new(int *fd, struct digest *digest, enum filter_kind kind)
{
	enum ac_err e = AC_ERR_MEMORY;
	scmp_filter_ctx ctx;
	struct digest d;
	uint64_t bytes;
	int mem = -1;

	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (ctx == NULL)
		goto out;
	e = AC_ERR_UNSUPPORTED;
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	        SCMP_ACT_KILL_PROCESS) != 0 || !add_rules(ctx, kind))
		goto out;
	e = AC_ERR_IO;
	mem = memfd_create("seccomp", MFD_CLOEXEC);
	if (mem < 0 || seccomp_export_bpf(ctx, mem) != 0 ||
	    lseek(mem, 0, SEEK_SET) != 0)
		goto out;
	e = file_hash_fd(&d, &bytes, mem);
	if (e != AC_OK)
		goto out;
	e = AC_ERR_IO;
	if (lseek(mem, 0, SEEK_SET) != 0)
		goto out;
	*digest = d;
	*fd = mem;
	mem = -1; /* transferred */
	e = AC_OK;
out:
	if (mem >= 0)
		close(mem);
	seccomp_release(ctx);
	return e;
}
