/*
 * cgroup.h -- one control group (v2) of our own, with a memory and a process
 * limit.
 */
#ifndef AICERT_PRODUCER_CGROUP_H
#define AICERT_PRODUCER_CGROUP_H

#include <stdint.h>

#include "common/err.h"

#define CGROUP_NAME_LEN 23 /* "aicert-" and 16 hex digits */

struct cgroup {
	int parent_fd; /* the group it lies in */
	int dir_fd;
	char name[CGROUP_NAME_LEN + 1];
};

#define CGROUP_NONE ((struct cgroup){ .parent_fd = -1, .dir_fd = -1 })

/*
 * Make an empty group below the caller's own, limited to memory_bytes
 * (without swap) and pids processes; 0 is no limit.  AC_ERR_UNSUPPORTED: no
 * unified hierarchy is mounted, it is not ours to write, or its parent does
 * not hand the two controllers down; nothing is left behind then.
 */
AC_MUST_CHECK enum ac_err cgroup_new(struct cgroup *out, uint64_t memory_bytes,
    uint64_t pids);

/*
 * *fd = a descriptor; whoever writes "0" to it joins the group.  Close-on-
 * exec, closed by the caller.  AC_ERR_IO.
 */
AC_MUST_CHECK enum ac_err cgroup_join_fd(const struct cgroup *c, int *fd);

/*
 * Kill whatever is in the group, wait up to wait_s seconds until the kernel
 * says that it is empty, and remove it: *c is CGROUP_NONE afterwards.
 * AC_ERR_BUSY: not empty in time, *c is unchanged; AC_ERR_IO.  Nothing is
 * done for CGROUP_NONE.
 */
AC_MUST_CHECK enum ac_err cgroup_end(struct cgroup *c, unsigned wait_s);

#endif
