/*
 * confine.h -- takes away from a process what verifying does not need, for
 * good: Landlock leaves it the files beneath a few folders, to read; seccomp
 * leaves it the system calls of reading, memory and its own threads.  Written
 * by hand against landlock(7) and seccomp(2), so that aicert-verify needs no
 * library for it.
 */
#ifndef AICERT_VERIFIER_CONFINE_H
#define AICERT_VERIFIER_CONFINE_H

#include <stddef.h>

#include "common/err.h"
#include "common/message.h"

/*
 * From here on this process opens only what is beneath the folders, or is one
 * of the files, that fd[0..n) are open on, and only to read; -1 stands for
 * nothing.  What is open already stays so.  A system call that is not allowed
 * does not happen: the process tells relay.h its number and ends.
 *
 * *landlock = the version of Landlock's ABI, 0 where the kernel has none: then
 * any file can be opened, still only to read.  AC_ERR_UNSUPPORTED: no seccomp,
 * or another machine than x86-64 and aarch64; AC_ERR_IO.
 */
AC_MUST_CHECK enum ac_err confine(const int fd[], size_t n, int *landlock,
    struct message *why);

#endif
