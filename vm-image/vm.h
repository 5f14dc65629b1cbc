/*
 * vm.h -- a virtual machine of QEMU that boots a measured image: OVMF, a
 * software TPM of tpmsim.h, a network that reaches it through one port of this
 * machine's loopback, its console in a file.  It runs emulated unless told
 * otherwise, so anywhere.
 */
#ifndef AICERT_VM_IMAGE_VM_H
#define AICERT_VM_IMAGE_VM_H

#include <sys/types.h>

#include "common/message.h"

#define VM_AGENT_PORT 7443u

struct vm_options {
	const char *disk;
	const char *tpm;         /* folder of its TPM, complete */
	const char *run;         /* an empty folder, for what it needs */
	const char *console;     /* file that its console goes to */
	const char *vars;        /* OVMF's variables: Secure Boot is on; or NULL */
	const char *scratch;     /* file of its scratch disk, or NULL */
	const char *accel;       /* "tcg", or "kvm" */
	unsigned memory;         /* MiB */
	unsigned port;           /* on loopback; 0: any that is free */
	char *const *more;       /* further words for QEMU, NULL-terminated */
};

struct vm {
	pid_t pid;               /* of QEMU, ours to wait for */
	int pidfd;               /* readable once it ended */
	unsigned port;           /* the agent's, on loopback */
};

/*
 * Start.  It ends when it powers off or reboots, or when this process ends.
 * AC_ERR_UNSUPPORTED: QEMU or OVMF are not installed; AC_ERR_NOT_FOUND: no such
 * disk; AC_ERR_IO; with *why.
 */
AC_MUST_CHECK enum ac_err vm_start(struct vm *out,
    const struct vm_options *options, struct message *why);

/* End it, if it runs, and wait; its exit status as of waitpid(). */
int vm_end(struct vm *vm);

#endif
