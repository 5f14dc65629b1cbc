/*
 * cgroup.c -- one control group (v2) of our own, with a memory and a process
 * limit.
 *
 * It makes, limits, empties and removes that group, and does not decide what
 * runs in it.  The interface is the kernel's Documentation/admin-guide/
 * cgroup-v2.rst; the older hierarchies are not used, since their controllers
 * are shared with whatever manages the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "producer/cgroup.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"
#define CGROUP_PATH_MAX 4096
#define CGROUP_POLL_MS 50

/* Write s to the file name of the group dir. */
static bool
put(int dir, const char *name, const char *s)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = file_write_all(fd, span_str(s)) == AC_OK;
	close(fd);
	return ok;
}

static bool
put_number(int dir, const char *name, uint64_t n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return put(dir, name, text);
}

/* Open the group this process is in: the line "0::PATH". */
static int
open_own(void)
{
	char line[CGROUP_PATH_MAX], path[CGROUP_PATH_MAX + 32];
	FILE *f = fopen("/proc/self/cgroup", "re");
	int fd = -1;

	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s%s", CGROUP_MOUNT,
		    line + 3);
		fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	}
	(void)fclose(f);
	return fd;
}

static bool
limit(int dir, uint64_t memory_bytes, uint64_t pids)
{
	if (memory_bytes != 0) {
		if (!put_number(dir, "memory.max", memory_bytes))
			return false;
		/* Absent where the kernel has no swap accounting. */
		if (!put(dir, "memory.swap.max", "0") && errno != ENOENT)
			return false;
	}
	return pids == 0 || put_number(dir, "pids.max", pids);
}

enum ac_err
cgroup_new(struct cgroup *out, uint64_t memory_bytes, uint64_t pids)
{
	enum ac_err e = AC_ERR_UNSUPPORTED;
	struct cgroup c = CGROUP_NONE;
	struct statfs fs;
	uint8_t random[8];
	char name[CGROUP_NAME_LEN + 1] = "aicert-";
	bool made = false;

	if (statfs(CGROUP_MOUNT, &fs) != 0 ||
	    fs.f_type != (__fsword_t)CGROUP2_SUPER_MAGIC)
		goto out;
	c.parent_fd = open_own();
	if (c.parent_fd < 0)
		goto out;
	/* Fails where it is done already by another hand, or not allowed: the
	 * limits below tell which. */
	(void)put(c.parent_fd, "cgroup.subtree_control", "+memory +pids");
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		goto out;
	text_hex(name + strlen(name), span_of(random, sizeof(random)));
	name[CGROUP_NAME_LEN] = '\0';
	if (mkdirat(c.parent_fd, name, 0755) != 0)
		goto out;
	made = true;
	c.dir_fd = openat(c.parent_fd, name, O_DIRECTORY | O_CLOEXEC);
	if (c.dir_fd < 0 || !limit(c.dir_fd, memory_bytes, pids) ||
	    faccessat(c.dir_fd, "cgroup.kill", W_OK, 0) != 0)
		goto out;
	memcpy(c.name, name, sizeof(c.name));
	*out = c;
	e = AC_OK;
out:
	if (e != AC_OK) {
		if (made)
			(void)unlinkat(c.parent_fd, name, AT_REMOVEDIR);
		if (c.dir_fd >= 0)
			close(c.dir_fd);
		if (c.parent_fd >= 0)
			close(c.parent_fd);
	}
	return e;
}

enum ac_err
cgroup_join_fd(const struct cgroup *c, int *fd)
{
	int f = openat(c->dir_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (f < 0)
		return AC_ERR_IO;
	*fd = f;
	return AC_OK;
}

/* Does cgroup.events, open as fd, say that no process is left? */
static bool
is_empty(int fd)
{
	char text[256];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, "populated 0\n") != NULL;
}

enum ac_err
cgroup_end(struct cgroup *c, unsigned wait_s)
{
	enum ac_err e = AC_ERR_IO;
	struct pollfd p = { .fd = -1, .events = POLLPRI };
	struct timespec now;
	time_t until;

	if (c->dir_fd < 0)
		return AC_OK;
	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0 ||
	    !put(c->dir_fd, "cgroup.kill", "1"))
		goto out;
	until = now.tv_sec + (time_t)wait_s;
	p.fd = openat(c->dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (p.fd < 0)
		goto out;
	e = AC_ERR_BUSY;
	while (!is_empty(p.fd)) {
		if (clock_gettime(CLOCK_MONOTONIC, &now) != 0 ||
		    now.tv_sec >= until)
			goto out;
		(void)poll(&p, 1, CGROUP_POLL_MS);
	}
	if (unlinkat(c->parent_fd, c->name, AT_REMOVEDIR) != 0)
		goto out;
	close(c->dir_fd);
	close(c->parent_fd);
	*c = CGROUP_NONE;
	e = AC_OK;
out:
	if (p.fd >= 0)
		close(p.fd);
	return e;
}
