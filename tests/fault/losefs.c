/*
 * losefs.c -- a file system that forgets what was not synced.
 *
 * It lives in memory and keeps two versions of everything: what programs see,
 * and what a disk would hold after a power cut.  fsync and fdatasync of a file
 * save its content and size, fsync of a folder saves its names; nothing else
 * does, neither close nor rename nor time.  At the cut it writes the saved
 * version below a folder, says "cut" on standard output, and answers every
 * further call with EIO.
 *
 * usage: losefs MOUNTPOINT FROM TO [at=N] [seed=N]
 *
 * FROM holds the first content, all of it saved; TO, which must be empty, gets
 * the saved one.  The cut comes with SIGUSR1, or, with at=N, in place of the
 * N-th sync.  With a seed each file and each folder that was not saved
 * survives with probability one half, as caches do write back.
 *
 * A model for tests: it keeps no times, owners or special files.
 */
#define FUSE_USE_VERSION 31

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN 128
#define PATH_LEN 4096
#define DEPTH 32

struct bytes {
	uint8_t *p;
	size_t len, room;
};

struct names;

struct node {
	mode_t mode;
	struct bytes seen, saved; /* of a file */
	struct names *names, *saved_names; /* of a folder */
	bool dirty; /* seen is not saved */
};

struct name {
	char s[NAME_LEN];
	struct node *node;
};

struct names {
	size_t n, room;
	struct name *of;
};

/* Nodes are never freed: a saved folder may still name them. */
static struct {
	pthread_mutex_t mutex;
	struct node *root;
	const char *to;
	unsigned long nsyncs, at;
	unsigned seed;
	bool seeded, cut;
} fs = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void
die(const char *what)
{
	perror(what);
	_exit(1);
}

static void *
must(void *p)
{
	if (p == NULL)
		die("losefs: memory");
	return p;
}

static void
bytes_resize(struct bytes *b, size_t len)
{
	if (len > b->room) {
		b->room = len + len / 2;
		b->p = must(realloc(b->p, b->room));
	}
	if (len > b->len)
		memset(b->p + b->len, 0, len - b->len);
	b->len = len;
}

static void
bytes_copy(struct bytes *to, const struct bytes *from)
{
	bytes_resize(to, from->len);
	if (from->len > 0)
		memcpy(to->p, from->p, from->len);
}

static void
names_copy(struct names *to, const struct names *from)
{
	to->of = must(realloc(to->of, (from->n + 1) * sizeof(*to->of)));
	to->n = to->room = from->n;
	if (from->n > 0)
		memcpy(to->of, from->of, from->n * sizeof(*to->of));
}

static struct node *
node_new(mode_t mode)
{
	struct node *n = must(calloc(1, sizeof(*n)));

	n->mode = mode;
	if (S_ISDIR(mode)) {
		n->names = must(calloc(1, sizeof(*n->names)));
		n->saved_names = must(calloc(1, sizeof(*n->saved_names)));
	}
	return n;
}

static struct name *
names_find(const struct names *names, const char *s)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->of[i].s, s) == 0)
			return &names->of[i];
	return NULL;
}

static int
names_add(struct node *dir, const char *s, struct node *node)
{
	struct names *names = dir->names;
	struct name *name;

	if (strlen(s) >= NAME_LEN)
		return -ENAMETOOLONG;
	if (names->n == names->room) {
		names->room = 2 * names->room + 16;
		names->of = must(realloc(names->of,
		    names->room * sizeof(*names->of)));
	}
	name = &names->of[names->n++];
	memset(name, 0, sizeof(*name));
	memcpy(name->s, s, strlen(s));
	name->node = node;
	dir->dirty = true;
	return 0;
}

static void
names_remove(struct node *dir, struct name *name)
{
	struct names *names = dir->names;

	if (name == NULL)
		die("losefs: a name that is not there");
	*name = names->of[--names->n];
	dir->dirty = true;
}

static void
save(struct node *n)
{
	if (S_ISDIR(n->mode))
		names_copy(n->saved_names, n->names);
	else
		bytes_copy(&n->saved, &n->seen);
	n->dirty = false;
}

/* ---- the cut ---- */

/* Does this node's unsaved version survive the cut? */
static bool
survives(const struct node *n)
{
	return n->dirty && fs.seeded && rand_r(&fs.seed) % 2 == 0;
}

static void
write_file(const char *path, const struct bytes *b, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t done = 0;

	if (fd < 0)
		die(path);
	while (done < b->len) {
		ssize_t n = write(fd, b->p + done, b->len - done);

		if (n < 0)
			die(path);
		done += (size_t)n;
	}
	if (fchmod(fd, mode & 07777) != 0 || close(fd) != 0)
		die(path);
}

/* Write what a disk would hold.  mutex is held. */
static void
write_tree(struct node *n, const char *path, unsigned depth)
{
	const struct names *names;

	if (!S_ISDIR(n->mode)) {
		write_file(path, survives(n) ? &n->seen : &n->saved, n->mode);
		return;
	}
	if (depth > 0 && mkdir(path, n->mode & 07777) != 0)
		die(path);
	if (depth == DEPTH)
		die("losefs: too deep");
	names = survives(n) ? n->names : n->saved_names;
	for (size_t i = 0; i < names->n; i++) {
		char below[PATH_LEN];

		if (snprintf(below, sizeof(below), "%s/%s", path,
		    names->of[i].s) >= (int)sizeof(below))
			die("losefs: path");
		write_tree(names->of[i].node, below, depth + 1);
	}
}

static void
cut(void)
{
	if (fs.cut)
		return;
	fs.cut = true;
	write_tree(fs.root, fs.to, 0);
	printf("cut after %lu syncs\n", fs.nsyncs);
	(void)fflush(stdout);
}

static void *
await_signal(void *arg)
{
	const sigset_t *set = arg;
	int sig;

	while (sigwait(set, &sig) == 0) {
		(void)pthread_mutex_lock(&fs.mutex);
		cut();
		(void)pthread_mutex_unlock(&fs.mutex);
	}
	return NULL;
}

/* ---- calls ---- */

/* The folder of path, and in *last the name in it. */
static struct node *
parent_of(const char *path, const char **last)
{
	struct node *n = fs.root;

	for (;;) {
		const char *end = strchrnul(++path, '/');
		char s[NAME_LEN];
		struct name *found;

		if (*end == '\0') {
			*last = path;
			return n;
		}
		if ((size_t)(end - path) >= sizeof(s))
			return NULL;
		memcpy(s, path, (size_t)(end - path));
		s[end - path] = '\0';
		found = names_find(n->names, s);
		if (found == NULL || !S_ISDIR(found->node->mode))
			return NULL;
		n = found->node;
		path = end;
	}
}

static struct node *
node_of(const char *path, struct fuse_file_info *fi)
{
	const char *last;
	struct node *dir;
	struct name *name;

	if (fi != NULL && fi->fh != 0)
		return (struct node *)(uintptr_t)fi->fh;
	if (path == NULL)
		return NULL;
	if (strcmp(path, "/") == 0)
		return fs.root;
	dir = parent_of(path, &last);
	name = dir == NULL ? NULL : names_find(dir->names, last);
	return name == NULL ? NULL : name->node;
}

/* Begin a call: 0 with the mutex held, or -EIO after the cut. */
static int
begin(void)
{
	(void)pthread_mutex_lock(&fs.mutex);
	if (!fs.cut)
		return 0;
	(void)pthread_mutex_unlock(&fs.mutex);
	return -EIO;
}

static int
end(int result)
{
	(void)pthread_mutex_unlock(&fs.mutex);
	return result;
}

static int
op_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct node *n;

	if (begin() != 0)
		return -EIO;
	n = node_of(path, fi);
	if (n == NULL)
		return end(-ENOENT);
	memset(st, 0, sizeof(*st));
	st->st_mode = n->mode;
	st->st_nlink = 1;
	st->st_size = (off_t)n->seen.len;
	st->st_uid = getuid();
	st->st_gid = getgid();
	return end(0);
}

static int
make(const char *path, mode_t mode, struct node **out)
{
	const char *last;
	struct node *dir = parent_of(path, &last);

	if (dir == NULL)
		return -ENOENT;
	if (names_find(dir->names, last) != NULL)
		return -EEXIST;
	*out = node_new(mode);
	/* A new node exists on disk, empty, as soon as a saved name is there. */
	save(*out);
	return names_add(dir, last, *out);
}

static int
op_mkdir(const char *path, mode_t mode)
{
	struct node *n;

	return begin() != 0 ? -EIO : end(make(path, S_IFDIR | mode, &n));
}

static int
op_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	struct node *n = NULL;
	int r;

	if (begin() != 0)
		return -EIO;
	r = make(path, S_IFREG | mode, &n);
	if (r == 0)
		fi->fh = (uintptr_t)n;
	return end(r);
}

static int
op_open(const char *path, struct fuse_file_info *fi)
{
	struct node *n;

	if (begin() != 0)
		return -EIO;
	n = node_of(path, NULL);
	if (n == NULL)
		return end(-ENOENT);
	if ((fi->flags & O_TRUNC) != 0) {
		bytes_resize(&n->seen, 0);
		n->dirty = true;
	}
	fi->fh = (uintptr_t)n;
	return end(0);
}

static int
op_read(const char *path, char *buf, size_t size, off_t offset,
    struct fuse_file_info *fi)
{
	struct node *n;
	size_t at = (size_t)offset;

	if (begin() != 0)
		return -EIO;
	n = node_of(path, fi);
	if (at >= n->seen.len)
		return end(0);
	if (size > n->seen.len - at)
		size = n->seen.len - at;
	memcpy(buf, n->seen.p + at, size);
	return end((int)size);
}

static void sync_node(struct node *n);

static int
op_write(const char *path, const char *buf, size_t size, off_t offset,
    struct fuse_file_info *fi)
{
	struct node *n;
	size_t to = (size_t)offset + size;

	if (begin() != 0)
		return -EIO;
	n = node_of(path, fi);
	if (to > n->seen.len)
		bytes_resize(&n->seen, to);
	memcpy(n->seen.p + offset, buf, size);
	n->dirty = true;
	if ((fi->flags & (O_SYNC | O_DSYNC)) != 0)
		sync_node(n);
	return end(fs.cut ? -EIO : (int)size);
}

static int
op_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	struct node *n;

	if (begin() != 0)
		return -EIO;
	n = node_of(path, fi);
	if (n == NULL)
		return end(-ENOENT);
	bytes_resize(&n->seen, (size_t)size);
	n->dirty = true;
	return end(0);
}

static int
op_unlink(const char *path)
{
	const char *last;
	struct node *dir;
	struct name *name;

	if (begin() != 0)
		return -EIO;
	dir = parent_of(path, &last);
	name = dir == NULL ? NULL : names_find(dir->names, last);
	if (name == NULL)
		return end(-ENOENT);
	if (S_ISDIR(name->node->mode) && name->node->names->n > 0)
		return end(-ENOTEMPTY);
	names_remove(dir, name);
	return end(0);
}

static int
op_link(const char *from, const char *to)
{
	const char *last;
	struct node *n, *dir;

	if (begin() != 0)
		return -EIO;
	n = node_of(from, NULL);
	dir = parent_of(to, &last);
	if (n == NULL || dir == NULL)
		return end(-ENOENT);
	if (names_find(dir->names, last) != NULL)
		return end(-EEXIST);
	return end(names_add(dir, last, n));
}

static int
op_rename(const char *from, const char *to, unsigned flags)
{
	const char *last_from, *last_to;
	struct node *dir_from, *dir_to, *n;
	struct name *name;

	if (begin() != 0)
		return -EIO;
	dir_from = parent_of(from, &last_from);
	dir_to = parent_of(to, &last_to);
	n = node_of(from, NULL);
	if (dir_from == NULL || dir_to == NULL || n == NULL)
		return end(-ENOENT);
	name = names_find(dir_to->names, last_to);
	if (name != NULL && (flags & 1) != 0) /* RENAME_NOREPLACE */
		return end(-EEXIST);
	if (name != NULL)
		names_remove(dir_to, name);
	names_remove(dir_from, names_find(dir_from->names, last_from));
	return end(names_add(dir_to, last_to, n));
}

static int
op_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset,
    struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	struct node *n;

	(void)offset;
	(void)flags;
	if (begin() != 0)
		return -EIO;
	n = node_of(path, fi);
	if (n == NULL)
		return end(-ENOENT);
	(void)fill(buf, ".", NULL, 0, 0);
	(void)fill(buf, "..", NULL, 0, 0);
	for (size_t i = 0; i < n->names->n; i++)
		(void)fill(buf, n->names->of[i].s, NULL, 0, 0);
	return end(0);
}

/* Save a node, or cut in place of it.  mutex is held. */
static void
sync_node(struct node *n)
{
	fs.nsyncs++;
	if (fs.nsyncs == fs.at)
		cut();
	else
		save(n);
}

static int
op_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	struct node *n;

	(void)datasync;
	if (begin() != 0)
		return -EIO;
	n = node_of(path, fi);
	if (n == NULL)
		return end(-ENOENT);
	sync_node(n);
	return end(fs.cut ? -EIO : 0);
}

static int
op_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	struct node *n;

	if (begin() != 0)
		return -EIO;
	n = node_of(path, fi);
	if (n == NULL)
		return end(-ENOENT);
	n->mode = (n->mode & S_IFMT) | (mode & 07777);
	return end(0);
}

static int
op_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
	(void)path;
	(void)uid;
	(void)gid;
	(void)fi;
	return 0;
}

static int
op_utimens(const char *path, const struct timespec t[2],
    struct fuse_file_info *fi)
{
	(void)path;
	(void)t;
	(void)fi;
	return 0;
}

static void *
op_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	(void)conn;
	cfg->hard_remove = 1;
	cfg->nullpath_ok = 1;
	return NULL;
}

static const struct fuse_operations operations = {
	.init = op_init,
	.getattr = op_getattr,
	.mkdir = op_mkdir,
	.create = op_create,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.truncate = op_truncate,
	.unlink = op_unlink,
	.rmdir = op_unlink,
	.link = op_link,
	.rename = op_rename,
	.opendir = op_open,
	.readdir = op_readdir,
	.fsync = op_fsync,
	.fsyncdir = op_fsync,
	.chmod = op_chmod,
	.chown = op_chown,
	.utimens = op_utimens,
};

/* ---- the first content ---- */

static void
load(struct node *dir, const char *path, unsigned depth)
{
	DIR *d = opendir(path);
	struct dirent *entry;

	if (d == NULL || depth == DEPTH)
		die(path);
	while ((entry = readdir(d)) != NULL) {
		char below[PATH_LEN];
		struct node *n;
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path,
		    entry->d_name) >= (int)sizeof(below) ||
		    lstat(below, &st) != 0)
			die(path);
		n = node_new(st.st_mode);
		if (names_add(dir, entry->d_name, n) != 0)
			die(below);
		if (S_ISDIR(st.st_mode)) {
			load(n, below, depth + 1);
		} else {
			int fd = open(below, O_RDONLY | O_CLOEXEC);

			bytes_resize(&n->seen, (size_t)st.st_size);
			if (fd < 0 || (st.st_size > 0 && read(fd, n->seen.p,
			    n->seen.len) != (ssize_t)n->seen.len))
				die(below);
			(void)close(fd);
			save(n);
		}
	}
	(void)closedir(d);
	save(dir);
}

int
main(int argc, char **argv)
{
	char *args[] = { argv[0], NULL, NULL };
	struct fuse_args fuse_args = FUSE_ARGS_INIT(1, args);
	struct fuse *fuse;
	pthread_t thread;
	sigset_t set;
	int r;

	if (argc < 4) {
		(void)fputs("usage: losefs MOUNTPOINT FROM TO [at=N] "
		    "[seed=N]\n", stderr);
		return 2;
	}
	fs.to = argv[3];
	for (int i = 4; i < argc; i++) {
		if (strncmp(argv[i], "at=", 3) == 0) {
			fs.at = strtoul(argv[i] + 3, NULL, 10);
		} else {
			fs.seed = (unsigned)strtoul(argv[i] + 5, NULL, 10);
			fs.seeded = true;
		}
	}
	fs.root = node_new(S_IFDIR | 0755);
	load(fs.root, argv[2], 0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
	    pthread_create(&thread, NULL, await_signal, &set) != 0)
		die("losefs: signals");
	fuse = fuse_new(&fuse_args, &operations, sizeof(operations), NULL);
	if (fuse == NULL || fuse_mount(fuse, argv[1]) != 0 ||
	    fuse_set_signal_handlers(fuse_get_session(fuse)) != 0)
		return 1;
	puts("mounted");
	(void)fflush(stdout);
	r = fuse_loop(fuse);
	fuse_unmount(fuse);
	fuse_destroy(fuse);
	printf("%lu syncs\n", fs.nsyncs);
	return r == 0 ? 0 : 1;
}
