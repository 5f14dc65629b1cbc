/* What is hashed, what is refused, and that nothing leads out of a folder. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cert/limits.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "common/glob.h"
#include "producer/measure.h"
#include "producer/tree.h"
#include "tests/test.h"

struct folder {
	char top[40];
	char in[64], store[64];
	int in_fd, store_fd;
	bool model; /* what is measured is one */
	struct message why;
};

static int
begin(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->top, "/tmp/aicert-measure-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	(void)snprintf(f->in, sizeof(f->in), "%s/in", f->top);
	(void)snprintf(f->store, sizeof(f->store), "%s/store", f->top);
	assert_int_equal(mkdir(f->in, 0700), 0);
	assert_int_equal(mkdir(f->store, 0700), 0);
	f->in_fd = open(f->in, O_RDONLY | O_DIRECTORY);
	f->store_fd = open(f->store, O_RDONLY | O_DIRECTORY);
	assert_true(f->in_fd >= 0 && f->store_fd >= 0);
	*state = f;
	return 0;
}

static int
finish(void **state)
{
	struct folder *f = *state;
	struct stat st;

	(void)close(f->in_fd);
	(void)close(f->store_fd);
	assert_ok(tree_remove(f->top));
	assert_int_equal(lstat(f->top, &st), -1);
	free(f);
	return 0;
}

static void
put(const struct folder *f, const char *path, const char *text)
{
	int fd;

	assert_ok(tree_make_folders(f->in_fd, path));
	fd = openat(f->in_fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_ok(file_write_all(fd, span_str(text)));
	(void)close(fd);
}

static enum ac_err
input(struct folder *f, struct measured *m, const char *path)
{
	int fd = openat(f->in_fd, path, O_RDONLY | O_NONBLOCK);
	enum ac_err e;

	assert_true(fd >= 0);
	f->why.text[0] = '\0';
	e = measure_input(m, fd, f->store_fd, "copy", f->model,
	    &f->why);
	(void)close(fd);
	return e;
}

static enum ac_err
outputs(struct folder *f, struct measure_files *files, const char *glob)
{
	struct span g = span_str(glob);

	*files = (struct measure_files){ 0 };
	f->why.text[0] = '\0';
	return measure_outputs(files, f->in_fd, &g, 1, &f->why);
}

static bool
same_text(int dir_fd, const char *path, const char *text)
{
	int fd = openat(dir_fd, path, O_RDONLY);
	struct buf b;
	bool same;

	assert_true(fd >= 0);
	assert_ok(file_read_fd(&b, fd, MIB));
	same = span_is(buf_span(&b), text);
	buf_free(&b);
	(void)close(fd);
	return same;
}

/* ---- inputs ---- */

static void
one_file(void **state)
{
	struct folder *f = *state;
	struct digest d = sha256_of(span_str("hello"));
	struct measured m;
	struct stat st;

	put(f, "a", "hello");
	assert_ok(input(f, &m, "a"));
	assert_true(digest_equal(&d, &m.sha256));
	assert_false(m.tree);
	assert_int_equal(m.bytes, 5);
	assert_true(same_text(f->store_fd, "copy", "hello"));
	assert_int_equal(fstatat(f->store_fd, "copy", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	/* A copy is never overwritten. */
	assert_int_equal(input(f, &m, "a"), AC_ERR_EXISTS);
}

/* Of a model, what its certificate lists. */
static void
model(void **state)
{
	struct folder *f = *state;
	struct digest d = sha256_of(span_str("w"));
	struct sha256 s;
	struct digest root;
	struct measured m;
	struct stat st;

	put(f, "m/model.bin", "w");
	put(f, "m/aicert.jsonl", "x");
	put(f, "m/model.sig", "x");
	put(f, "m/.git/config", "x");
	put(f, "m/.cache/huggingface/x", "x");
	f->model = true;
	assert_ok(input(f, &m, "m"));
	sha256_init(&s);
	sha256_update(&s, span_digest(&d));
	root = sha256_final(&s);
	assert_true(m.tree && digest_equal(&root, &m.sha256));
	assert_int_equal(m.bytes, 1);
	assert_int_equal(fstatat(f->store_fd, "copy/aicert.jsonl", &st, 0), -1);
}

static void
empty_file(void **state)
{
	struct folder *f = *state;
	struct digest d = sha256_of(span_str(""));
	struct measured m;

	put(f, "a", "");
	assert_ok(input(f, &m, "a"));
	assert_true(digest_equal(&d, &m.sha256));
}

/*
 * A tree: the root is over the digests in order of code points ("a-b" before
 * "a/b", though folders are walked apart), the ignore list is empty.
 */
static void
tree(void **state)
{
	struct folder *f = *state;
	struct digest d[4] = { sha256_of(span_str("1")),
		sha256_of(span_str("2")), sha256_of(span_str("3")),
		sha256_of(span_str("4")) };
	struct sha256 s;
	struct digest root, manifest;
	struct measured m;
	struct buf lines;
	struct writer w;
	static const char *const name[] = { ".gitignore", "a-b", "a/b", "a0" };
	struct stat st;

	put(f, "t/a0", "4");
	put(f, "t/a/b", "3");
	put(f, "t/a-b", "2");
	put(f, "t/.gitignore", "1");
	assert_int_equal(mkdirat(f->in_fd, "t/empty", 0700), 0);
	assert_int_equal(fchmodat(f->in_fd, "t/a0", 0755, 0), 0);
	assert_ok(input(f, &m, "t"));
	sha256_init(&s);
	wr_init(&w, 4096);
	for (size_t i = 0; i < 4; i++) {
		sha256_update(&s, span_digest(&d[i]));
		wr_hex(&w, span_digest(&d[i]));
		wr_printf(&w, "  %s\n", name[i]);
	}
	root = sha256_final(&s);
	assert_ok(wr_end(&w, &lines));
	manifest = sha256_of(buf_span(&lines));
	buf_free(&lines);
	assert_true(m.tree);
	assert_true(digest_equal(&root, &m.sha256));
	assert_true(digest_equal(&manifest, &m.manifest));
	assert_int_equal(m.bytes, 4);
	assert_true(same_text(f->store_fd, "copy/a/b", "3"));
	/* What no digest names is not there for the training either. */
	assert_int_equal(fstatat(f->store_fd, "copy/empty", &st, 0), -1);
	assert_int_equal(fstatat(f->store_fd, "copy/a0", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
}

static void
bad_tree(struct folder *f, const char *says)
{
	struct measured m;

	assert_int_equal(input(f, &m, "t"), AC_ERR_FORMAT);
	if (strstr(f->why.text, says) == NULL)
		fail_msg("%s", f->why.text);
}

static void
tree_with_link(void **state)
{
	struct folder *f = *state;

	put(f, "t/a", "1");
	assert_int_equal(symlinkat("a", f->in_fd, "t/b"), 0);
	bad_tree(f, "\"b\" is a link");
}

static void
tree_with_link_to_folder(void **state)
{
	struct folder *f = *state;

	put(f, "t/a", "1");
	assert_int_equal(symlinkat("/etc", f->in_fd, "t/b"), 0);
	bad_tree(f, "\"b\" is a link");
}

static void
tree_with_hard_link(void **state)
{
	struct folder *f = *state;

	put(f, "t/a", "1");
	assert_int_equal(linkat(f->in_fd, "t/a", f->in_fd, "t/b", 0), 0);
	bad_tree(f, "hard link");
}

static void
tree_with_fifo(void **state)
{
	struct folder *f = *state;

	put(f, "t/a", "1");
	assert_int_equal(mkfifoat(f->in_fd, "t/b", 0600), 0);
	bad_tree(f, "special file");
}

static void
tree_with_socket(void **state)
{
	struct folder *f = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	put(f, "t/a", "1");
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/t/s", f->in);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	bad_tree(f, "special file");
	(void)close(fd);
}

static void
tree_with_line_feed(void **state)
{
	struct folder *f = *state;

	put(f, "t/a\nb", "1");
	bad_tree(f, "\"a\\x0ab\" is no name");
}

static void
tree_not_utf8(void **state)
{
	struct folder *f = *state;

	put(f, "t/a\xff", "1");
	bad_tree(f, "\"a\\xff\" is no name");
}

static void
tree_empty(void **state)
{
	struct folder *f = *state;

	assert_int_equal(mkdirat(f->in_fd, "t", 0700), 0);
	assert_int_equal(mkdirat(f->in_fd, "t/u", 0700), 0);
	bad_tree(f, "empty folder");
}

static void
neither(void **state)
{
	struct folder *f = *state;
	struct measured m;

	assert_int_equal(mkfifoat(f->in_fd, "p", 0600), 0);
	assert_int_equal(input(f, &m, "p"), AC_ERR_FORMAT);
	assert_non_null(strstr(f->why.text, "neither"));
}

struct grower {
	int fd;
	atomic_bool stop;
};

static void *
grow(void *arg)
{
	struct grower *g = arg;
	static const uint8_t more[4096];

	while (!atomic_load(&g->stop))
		if (pwrite(g->fd, more, sizeof(more), lseek(g->fd, 0,
		    SEEK_END)) < 0)
			break;
	return NULL;
}

/* Reading a file that grows ends, and ends in an error. */
static void
growing(void **state)
{
	struct folder *f = *state;
	struct grower g = { .fd = -1 };
	struct measured m;
	pthread_t t;
	enum ac_err e;

	put(f, "a", "x");
	g.fd = openat(f->in_fd, "a", O_WRONLY);
	assert_int_equal(ftruncate(g.fd, 64 << 20), 0);
	assert_int_equal(pthread_create(&t, NULL, grow, &g), 0);
	e = input(f, &m, "a");
	atomic_store(&g.stop, true);
	assert_int_equal(pthread_join(t, NULL), 0);
	(void)close(g.fd);
	assert_int_equal(e, AC_ERR_MISMATCH);
	assert_non_null(strstr(f->why.text, "changed while"));
}

/* ---- outputs ---- */

static void
by_glob(void **state)
{
	struct folder *f = *state;
	struct span glob[] = { span_str("*.bin"), span_str("sub/**") };
	struct measure_files files;
	struct digest d = sha256_of(span_str("w"));

	put(f, "m.bin", "w");
	put(f, "log.txt", "not asked for");
	put(f, "sub/deep/x", "w");
	put(f, "other/m.bin", "not in this folder");
	/* What no glob names may be anything. */
	assert_int_equal(symlinkat("/etc/passwd", f->in_fd, "link"), 0);
	assert_int_equal(mkfifoat(f->in_fd, "fifo", 0600), 0);
	assert_ok(measure_outputs(&files, f->in_fd, glob, 2, &f->why));
	assert_int_equal(files.n, 2);
	assert_true(span_is(files.file[0].name, "m.bin"));
	assert_true(span_is(files.file[1].name, "sub/deep/x"));
	assert_true(digest_equal(&files.file[0].sha256, &d));
	assert_int_equal(files.file[0].bytes, 1);
	measure_files_free(&files);
}

static void
bad_output(struct folder *f, const char *glob, enum ac_err err,
    const char *says)
{
	struct measure_files files;

	assert_int_equal(outputs(f, &files, glob), err);
	if (strstr(f->why.text, says) == NULL)
		fail_msg("%s", f->why.text);
}

/* An output is written to while it is hashed. */
static void
output_growing(void **state)
{
	struct folder *f = *state;
	struct grower g = { .fd = -1 };
	struct measure_files files;
	pthread_t t;
	enum ac_err e;

	put(f, "a.bin", "x");
	put(f, "b.bin", "x");
	g.fd = openat(f->in_fd, "b.bin", O_WRONLY);
	assert_int_equal(ftruncate(g.fd, 64 << 20), 0);
	assert_int_equal(pthread_create(&t, NULL, grow, &g), 0);
	e = outputs(f, &files, "*.bin");
	atomic_store(&g.stop, true);
	assert_int_equal(pthread_join(t, NULL), 0);
	(void)close(g.fd);
	assert_int_equal(e, AC_ERR_MISMATCH);
	assert_non_null(strstr(f->why.text, "\"b.bin\" changed while"));
}

/* Files of all sizes by all cores: each has its own digest, in order. */
static void
output_many(void **state)
{
	struct folder *f = *state;
	struct measure_files files;
	char name[32], text[512];

	for (size_t i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "%zu.bin", i * 7 % 300);
		memset(text, 'a' + (int)(i * 7 % 300 % 26), sizeof(text));
		text[i * 7 % 300] = '\0';
		put(f, name, text);
	}
	assert_ok(outputs(f, &files, "*.bin"));
	assert_int_equal(files.n, 300);
	for (size_t i = 0; i < files.n; i++) {
		const struct oms_file *o = &files.file[i];
		struct digest d;
		size_t n = 0;

		while (o->name.p[n] != '.')
			n++;
		{
			uint64_t k = 0;

			assert_true(text_undec(&k, span_of(o->name.p, n),
			    300));
			memset(text, 'a' + (int)(k % 26), sizeof(text));
			d = sha256_of(span_of(text, (size_t)k));
			assert_true(digest_equal(&d, &o->sha256));
			assert_int_equal(o->bytes, k);
		}
		assert_true(i == 0 || oms_compare(&files.file[i - 1], o) < 0);
	}
	measure_files_free(&files);
}

static void
output_none(void **state)
{
	put(*state, "a", "1");
	bad_output(*state, "*.bin", AC_ERR_NOT_FOUND, "no file that outputs");
}

static void
output_link(void **state)
{
	struct folder *f = *state;

	assert_int_equal(symlinkat("/etc/passwd", f->in_fd, "m.bin"), 0);
	bad_output(f, "*.bin", AC_ERR_FORMAT, "is a link");
}

/* A folder that is a link is not walked; what it leads to is not an output. */
static void
output_through_link(void **state)
{
	struct folder *f = *state;

	put(f, "real/m.bin", "1");
	assert_int_equal(symlinkat("real", f->in_fd, "sub"), 0);
	bad_output(f, "sub/*.bin", AC_ERR_NOT_FOUND, "no file");
	assert_int_equal(tree_open(f->in_fd, "sub/m.bin", O_RDONLY), -1);
	assert_int_equal(tree_open(f->in_fd, "../store", O_RDONLY), -1);
	assert_int_equal(tree_open(f->in_fd, "/etc/passwd", O_RDONLY), -1);
}

static void
output_hard_link(void **state)
{
	struct folder *f = *state;

	put(f, "m.bin", "1");
	assert_int_equal(linkat(f->in_fd, "m.bin", f->store_fd, "else", 0), 0);
	bad_output(f, "*.bin", AC_ERR_FORMAT, "hard link");
}

static void
output_fifo(void **state)
{
	struct folder *f = *state;

	assert_int_equal(mkfifoat(f->in_fd, "m.bin", 0600), 0);
	bad_output(f, "*.bin", AC_ERR_FORMAT, "special file");
}

static void
output_line_feed(void **state)
{
	put(*state, "a\n.bin", "1");
	bad_output(*state, "*.bin", AC_ERR_FORMAT, "\"a\\x0a.bin\" is no name");
}

static void
output_reserved(void **state)
{
	static const char *const name[] = { "aicert.jsonl", "model.sig",
		"oms-root", "oms-manifest", ".git/config", ".gitattributes",
		".cache/huggingface/x" };
	struct folder *f = *state;

	put(f, "m.bin", "1");
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		put(f, name[i], "1");
		bad_output(f, "**", AC_ERR_FORMAT, "needs for itself");
		assert_int_equal(unlinkat(f->in_fd, name[i], 0), 0);
	}
	put(f, "sub/model.sig", "1");
	{
		struct measure_files files;

		assert_ok(outputs(f, &files, "**"));
		assert_int_equal(files.n, 2);
		measure_files_free(&files);
	}
}

static void
too_many_weights(void **state)
{
	struct folder *f = *state;
	struct span glob = span_str("*.bin");
	char name[16];

	for (int i = 0; i < WEIGHTS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%04d.bin", i);
		put(f, name, "");
	}
	assert_ok(measure_count(f->in_fd, &glob, 1, &f->why));
	put(f, "one-more.bin", "");
	assert_int_equal(measure_count(f->in_fd, &glob, 1, &f->why),
	    AC_ERR_LIMIT);
	bad_output(f, "*.bin", AC_ERR_LIMIT, "1023 weight files");
	/* The same files beside one that is a weight by its suffix. */
	glob = span_str("0*");
	assert_ok(measure_count(f->in_fd, &glob, 1, &f->why));
}

/* ---- globs ---- */

/* The definition, tried in every way. */
static bool
matches(const char *g, const char *p)
{
	if (g[0] == '\0')
		return p[0] == '\0';
	if (g[0] == '*' && g[1] == '*') {
		const char *rest = g + 2;

		/* As a folder of its own it takes whole folders. */
		if (rest[0] == '/') {
			if (matches(rest + 1, p))
				return true;
			for (; *p != '\0'; p++)
				if (*p == '/' && matches(rest + 1, p + 1))
					return true;
			return false;
		}
		for (;; p++) {
			if (matches(rest, p))
				return true;
			if (*p == '\0')
				return false;
		}
	}
	if (g[0] == '*') {
		for (;; p++) {
			if (matches(g + 1, p))
				return true;
			if (*p == '\0' || *p == '/')
				return false;
		}
	}
	if (p[0] == '\0' || (g[0] != p[0] && !(g[0] == '?' && p[0] != '/')))
		return false;
	return matches(g + 1, p + 1);
}

static void
globs(void **state)
{
	static const struct {
		const char *glob, *path;
		bool matches;
	} cases[] = {
		{ "*.bin", "a.bin", true },
		{ "*.bin", ".bin", true },
		{ "*.bin", "a.bin.txt", false },
		{ "*.bin", "sub/a.bin", false },
		{ "**/*.bin", "a.bin", true },
		{ "**/*.bin", "x/y/a.bin", true },
		{ "**/a.bin", "xa.bin", false },
		{ "sub/**", "sub/x/y", true },
		{ "sub/**", "sub", false },
		{ "sub/**/z", "sub/z", true },
		{ "sub/**/z", "sub/x/y/z", true },
		{ "sub/**/z", "sub/xz", false },
		{ "a?c", "abc", true },
		{ "a?c", "a/c", false },
		{ "a?c", "ac", false },
		{ "a*b*c", "aXbYbZc", true },
		{ "*", "", true },
		{ "model", "model", true },
		{ "model", "Model", false },
		{ "[ab]", "a", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (glob_matches(span_str(cases[i].glob),
		    span_str(cases[i].path)) != cases[i].matches)
			fail_msg("%s %s", cases[i].glob, cases[i].path);
}

/* All globs of five and paths of six characters that can tell them apart. */
static void
globs_all(void **state)
{
	static const char gc[] = "a/*?", pc[] = "ab/";
	char g[6], p[7];
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 1024; i++) {
		for (unsigned k = 0, v = i; k < 5; k++, v /= 4)
			g[k] = gc[v % 4];
		g[5] = '\0';
		/* "a**" followed by '/' is no folder of its own. */
		if (strstr(g, "a**") != NULL || strstr(g, "?**") != NULL ||
		    strstr(g, "***") != NULL)
			continue;
		for (unsigned len = 0, all = 1; len <= 6; len++, all *= 3) {
			for (unsigned j = 0; j < all; j++) {
				for (unsigned k = 0, v = j; k < len;
				    k++, v /= 3)
					p[k] = pc[v % 3];
				p[len] = '\0';
				if (glob_matches(span_str(g), span_str(p)) !=
				    matches(g, p))
					fail_msg("%s %s", g, p);
				n++;
			}
		}
	}
	(void)printf("%u pairs of glob and path\n", n);
}

/* A glob that makes a careless matcher try for ever. */
static void
globs_patient(void **state)
{
	char g[601], p[1001];

	(void)state;
	for (size_t i = 0; i < 600; i += 2)
		memcpy(g + i, "*a", 2);
	g[600] = '\0';
	memset(p, 'a', 1000);
	p[1000] = '\0';
	assert_true(glob_matches(span_str(g), span_str(p)));
	p[999] = 'b';
	assert_false(glob_matches(span_str(g), span_str(p)));
}

/* ---- removal ---- */

/* Deeper than any path, unreadable, and with a link to what must stay. */
static void
removal(void **state)
{
	struct folder *f = *state;
	char name[201];
	int fd = dup(f->in_fd), next;

	put(f, "../keep", "stays");
	memset(name, 'x', 200);
	name[200] = '\0';
	for (int i = 0; i < 60; i++) {
		assert_int_equal(mkdirat(fd, name, 0700), 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		(void)close(fd);
		fd = next;
	}
	assert_int_equal(symlinkat(f->top, fd, "up"), 0);
	(void)close(fd);
	put(f, "locked/a", "1");
	assert_int_equal(fchmodat(f->in_fd, "locked", 0, 0), 0);
	assert_ok(tree_remove(f->in));
	assert_int_equal(access(f->in, F_OK), -1);
	assert_true(same_text(f->store_fd, "../keep", "stays"));
	assert_ok(tree_remove(f->in)); /* is gone already */
}

static void
removal_of_link(void **state)
{
	struct folder *f = *state;
	char link[80];

	put(f, "a", "stays");
	(void)snprintf(link, sizeof(link), "%s/link", f->top);
	assert_int_equal(symlink(f->in, link), 0);
	assert_int_equal(tree_remove(link), AC_ERR_IO);
	assert_true(same_text(f->in_fd, "a", "stays"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_file),
		T(model),
		T(empty_file),
		T(tree),
		T(tree_with_link),
		T(tree_with_link_to_folder),
		T(tree_with_hard_link),
		T(tree_with_fifo),
		T(tree_with_socket),
		T(tree_with_line_feed),
		T(tree_not_utf8),
		T(tree_empty),
		T(neither),
		T(growing),
		T(output_growing),
		T(output_many),
		T(by_glob),
		T(output_none),
		T(output_link),
		T(output_through_link),
		T(output_hard_link),
		T(output_fifo),
		T(output_line_feed),
		T(output_reserved),
		T(too_many_weights),
		cmocka_unit_test(globs),
		cmocka_unit_test(globs_all),
		cmocka_unit_test(globs_patient),
		T(removal),
		T(removal_of_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
