/*
 * init.c -- the whole initrd of a measured image: finds the root file system
 * that the command line names by its dm-verity root hash, sets verity up, and
 * hands over to the root's own init.  There is no shell in it, nothing that
 * reads a disk's format but the kernel, and nothing that can be asked: where it
 * cannot go on, it powers the machine off.
 *
 * The command line is measured and says all that decides: roothash=<hex> and
 * aicert.blocks=<4,096-byte blocks of data>, behind which the hash tree begins.
 * Which disk is taken does not matter: another one does not have that root.
 * Corrupt blocks panic the kernel.  Statically linked, and uses no library of
 * the project: it is the first program, and small.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/reboot.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096u
#define SECTORS (BLOCK / 512)
#define HASH_LEN 64
#define CMDLINE_MAX 4096
#define PARTITION "PARTNAME=aicert-root"
#define SALT "-"
#define DISK_WAIT_S 30
#define WAIT_NS 20000000 /* between two looks for the disk */

/* What the command line says. */
struct wanted {
	char root[HASH_LEN + 1];
	uint64_t blocks;
};

/* There is nobody to ask: say it on the console, and power off. */
static _Noreturn void
give_up(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void
give_up(const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	(void)fprintf(stderr, "aicert-init: ");
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "%s%s\n", error != 0 ? ": " : "",
	    error != 0 ? strerror(error) : "");
	(void)syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
	    LINUX_REBOOT_CMD_POWER_OFF, NULL);
	for (;;)
		(void)pause();
}

static void
attach(const char *type, const char *where, unsigned long flags)
{
	(void)mkdir(where, 0755);
	if (mount(type, where, type, flags, NULL) != 0)
		give_up("mounting %s", where);
}

/*
 * The modules, in the order of the file that names them.  Those for the devices
 * of another kind of machine refuse to load; if it was one that matters, the
 * root is not found.
 */
static void
load_modules(void)
{
	FILE *list = fopen("/modules/order", "re");
	char name[128], path[160];
	int fd;

	if (list == NULL)
		give_up("opening the list of modules");
	while (fgets(name, sizeof(name), list) != NULL) {
		name[strcspn(name, "\n")] = '\0';
		(void)snprintf(path, sizeof(path), "/modules/%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			give_up("opening the module %s", name);
		if (syscall(SYS_finit_module, fd, "", 0) != 0 &&
		    errno != ENODEV && errno != ENOENT)
			(void)fprintf(stderr, "aicert-init: loading %s: %s\n",
			    name, strerror(errno));
		(void)close(fd);
	}
	(void)fclose(list);
}

/* The value of the one word NAME=VALUE, or none. */
static const char *
value_of(char *const words[], size_t n, const char *name)
{
	const char *value = NULL;
	size_t len = strlen(name);

	for (size_t i = 0; i < n; i++) {
		if (strncmp(words[i], name, len) != 0 || words[i][len] != '=')
			continue;
		if (value != NULL)
			return NULL;
		value = words[i] + len + 1;
	}
	return value;
}

static void
read_cmdline(struct wanted *out)
{
	static char text[CMDLINE_MAX];
	char *words[CMDLINE_MAX / 2], *rest = text, *word, *end;
	const char *root, *blocks;
	size_t n = 0;
	ssize_t len;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (len = read(fd, text, sizeof(text) - 1)) < 0)
		give_up("reading the command line");
	(void)close(fd);
	text[len] = '\0';
	while ((word = strsep(&rest, " \n")) != NULL)
		words[n++] = word;
	errno = 0;
	root = value_of(words, n, "roothash");
	if (root == NULL || strlen(root) != HASH_LEN ||
	    strspn(root, "0123456789abcdef") != HASH_LEN)
		give_up("the command line has no one roothash=");
	blocks = value_of(words, n, "aicert.blocks");
	if (blocks == NULL || *blocks < '1' || *blocks > '9')
		give_up("the command line has no one aicert.blocks=");
	out->blocks = strtoull(blocks, &end, 10);
	if (*end != '\0' || out->blocks > UINT64_MAX / BLOCK)
		give_up("aicert.blocks= is no number of blocks");
	memcpy(out->root, root, HASH_LEN + 1);
}

/* Is the block device called name our partition?  dev: its number. */
static bool
is_ours(const char *name, char dev[static 32])
{
	char path[300], line[256], major[16] = "", minor[16] = "";
	bool ours = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/sys/class/block/%s/uevent", name);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "MAJOR=", 6) == 0)
			(void)snprintf(major, sizeof(major), "%.8s", line + 6);
		if (strncmp(line, "MINOR=", 6) == 0)
			(void)snprintf(minor, sizeof(minor), "%.8s", line + 6);
		if (strcmp(line, PARTITION) == 0)
			ours = true;
	}
	(void)fclose(f);
	(void)snprintf(dev, 32, "%s:%s", major, minor);
	return ours;
}

/* Disks come when they come: look until ours is there. */
static void
find_disk(char dev[static 32])
{
	const struct timespec wait = { .tv_nsec = WAIT_NS };
	struct timespec now, end;
	struct dirent *e;
	DIR *dir;

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += DISK_WAIT_S;
	do {
		dir = opendir("/sys/class/block");
		if (dir == NULL)
			give_up("looking for disks");
		while ((e = readdir(dir)) != NULL) {
			if (!is_ours(e->d_name, dev))
				continue;
			(void)closedir(dir);
			return;
		}
		(void)closedir(dir);
		(void)nanosleep(&wait, NULL);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec);
	errno = 0;
	give_up("no disk has a partition aicert-root");
}

/* A request of the device mapper, with room for one table line. */
struct request {
	struct dm_ioctl dm;
	struct dm_target_spec target;
	char params[512];
};

static struct request
request(uint32_t flags)
{
	struct request r = { .dm = { .version = { 4, 0, 0 },
		.data_size = sizeof(r), .data_start = sizeof(r.dm),
		.flags = flags } };

	(void)snprintf(r.dm.name, sizeof(r.dm.name), "aicert-root");
	return r;
}

/* Map the disk through verity; *out is the number of the new device. */
static void
map_root(dev_t *out, const char *dev, const struct wanted *w)
{
	struct request r = request(0);
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, DM_DEV_CREATE, &r) != 0)
		give_up("making the verity device");
	r = request(DM_READONLY_FLAG);
	r.dm.target_count = 1;
	r.target.length = w->blocks * SECTORS;
	(void)snprintf(r.target.target_type, sizeof(r.target.target_type),
	    "verity");
	(void)snprintf(r.params, sizeof(r.params), "1 %s %s %u %u %llu %llu "
	    "sha256 %s " SALT " 1 panic_on_corruption", dev, dev, BLOCK, BLOCK,
	    (unsigned long long)w->blocks, (unsigned long long)w->blocks,
	    w->root);
	if (ioctl(fd, DM_TABLE_LOAD, &r) != 0)
		give_up("setting up verity over %s", dev);
	r = request(0);
	if (ioctl(fd, DM_DEV_SUSPEND, &r) != 0) /* which resumes it */
		give_up("starting verity");
	*out = makedev((unsigned)(r.dm.dev >> 8 & 0xfff),
	    (unsigned)((r.dm.dev & 0xff) | (r.dm.dev >> 12 & 0xfff00)));
	(void)close(fd);
}

/* Make root the root, and run its init. */
static _Noreturn void
hand_over(void)
{
	static char init[] = "/usr/lib/systemd/systemd";
	char *const argv[] = { init, NULL };
	char *const env[] = { NULL };
	static const char *const kept[] = { "/dev", "/proc", "/sys" };
	char path[32];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "/root%s", kept[i]);
		if (mount(kept[i], path, NULL, MS_MOVE, NULL) != 0)
			give_up("moving %s", kept[i]);
	}
	if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 ||
	    chroot(".") != 0 || chdir("/") != 0)
		give_up("changing to the root file system");
	(void)execve(init, argv, env);
	give_up("starting %s", init);
}

int
main(void)
{
	struct wanted w;
	char dev[32];
	dev_t root;
	int fd;

	if (getpid() != 1) {
		(void)fprintf(stderr, "aicert-init: is the first program of a "
		    "machine and nothing else\n");
		return 1;
	}
	attach("devtmpfs", "/dev", MS_NOSUID);
	fd = open("/dev/console", O_RDWR);
	for (int i = 0; fd >= 0 && i < 3; i++)
		(void)dup2(fd, i);
	attach("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
	attach("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
	read_cmdline(&w);
	load_modules();
	find_disk(dev);
	map_root(&root, dev, &w);
	(void)mkdir("/root", 0755);
	if (mknod("/rootdev", S_IFBLK | 0600, root) != 0)
		give_up("making the device of the root");
	if (mount("/rootdev", "/root", "squashfs", MS_RDONLY | MS_NODEV, NULL) !=
	    0)
		give_up("mounting the root file system");
	hand_over();
}
