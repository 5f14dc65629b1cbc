/* Tree streams into a folder: what is written, and what is refused. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sha256.h"
#include "producer/intake.h"
#include "producer/stream.h"
#include "producer/tree.h"
#include "tests/test.h"

struct rig {
	char top[40];
	int store_fd;
	int fd[2];
	struct measured m;
	struct message why;
};

static int
begin(void **state)
{
	struct rig *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	strcpy(t->top, "/tmp/aicert-intake-XXXXXX");
	assert_non_null(mkdtemp(t->top));
	t->store_fd = open(t->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->store_fd >= 0);
	assert_int_equal(pipe2(t->fd, O_CLOEXEC), 0);
	*state = t;
	return 0;
}

static int
finish(void **state)
{
	struct rig *t = *state;

	(void)close(t->fd[0]);
	(void)close(t->fd[1]);
	(void)close(t->store_fd);
	assert_ok(tree_remove(t->top));
	free(t);
	return 0;
}

/* Take in what was written to the pipe, as "in". */
static enum ac_err
take(struct rig *t, uint64_t max)
{
	const struct intake_options o = { .bytes_max = max, .stop_fd = -1,
		.stall_s = 30 };

	(void)close(t->fd[1]);
	t->fd[1] = -1;
	return intake_stream(&t->m, t->fd[0], t->store_fd, "in", &o, &t->why);
}

static void
put_file(struct stream_writer *w, const char *path, const char *text, bool x)
{
	stream_file(w, span_str(path), x);
	stream_data(w, span_str(text));
	stream_file_end(w);
}

/* The digest is that of the same folder, measured where it lies. */
static void
tree(void **state)
{
	struct rig *t = *state;
	struct stream_writer *w = malloc(sizeof(*w));
	struct oms_file file[3] = { { .name = span_str("a/b/c") },
		{ .name = span_str("a/run") }, { .name = span_str("z") } };
	struct digest root;
	struct stat st;
	char path[80];

	assert_non_null(w);
	stream_begin(w, t->fd[1]);
	put_file(w, "z", "", false);
	put_file(w, "a/run", "#!", true);
	put_file(w, "a/b/c", "text", false);
	assert_ok(stream_finish(w));
	free(w);
	if (take(t, 6) != AC_OK)
		fail_msg("%s", t->why.text);
	file[0].sha256 = sha256_of(span_str("text"));
	file[1].sha256 = sha256_of(span_str("#!"));
	file[2].sha256 = sha256_of(span_str(""));
	root = oms_root(file, 3);
	assert_true(t->m.tree);
	assert_true(digest_equal(&t->m.sha256, &root));
	root = oms_manifest(file, 3);
	assert_true(digest_equal(&t->m.manifest, &root));
	assert_int_equal(t->m.bytes, 6);
	(void)snprintf(path, sizeof(path), "%s/in/a/run", t->top);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0555);
	(void)snprintf(path, sizeof(path), "%s/in/a/b/c", t->top);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
}

static void
one_file(void **state)
{
	struct rig *t = *state;
	struct stream_writer *w = malloc(sizeof(*w));
	struct digest d = sha256_of(span_str("text"));

	assert_non_null(w);
	stream_begin(w, t->fd[1]);
	put_file(w, "", "text", false);
	assert_ok(stream_finish(w));
	free(w);
	assert_ok(take(t, 4));
	assert_false(t->m.tree);
	assert_true(digest_equal(&t->m.sha256, &d));
	assert_int_equal(t->m.bytes, 4);
}

/* The bytes, by hand, of files without content. */
#define FILE_OF(len, path) "\1\0\0" len path "\0\0\0\0"

struct wrong {
	const char *name;
	struct span bytes;
	const char *says;
	enum ac_err err;
};

#define BYTES(text) { (const uint8_t *)(text), sizeof(text) - 1 }

static const struct wrong wrongs[] = {
	{ "nothing", BYTES(""), "cut off", AC_ERR_FORMAT },
	{ "rubbish", BYTES("GET / HTTP/1.1\r\n"), "does not begin",
	    AC_ERR_FORMAT },
	{ "a way out", BYTES(STREAM_MAGIC FILE_OF("\4", "../x") "\4"),
	    "\"../x\" is no path", AC_ERR_FORMAT },
	{ "an absolute way", BYTES(STREAM_MAGIC FILE_OF("\7", "/tmp/.x") "\4"),
	    "is no path", AC_ERR_FORMAT },
	{ "a file twice", BYTES(STREAM_MAGIC FILE_OF("\1", "a")
	    FILE_OF("\1", "a") "\4"), "\"a\" is there a second time",
	    AC_ERR_EXISTS },
	{ "a file, then the same as a folder", BYTES(STREAM_MAGIC
	    FILE_OF("\1", "a") FILE_OF("\3", "a/b") "\4"),
	    "\"a/b\" lies in something that is a file", AC_ERR_FORMAT },
	{ "deeper", BYTES(STREAM_MAGIC FILE_OF("\1", "a")
	    FILE_OF("\5", "a/b/c") "\4"),
	    "\"a/b/c\" lies in something that is a file", AC_ERR_FORMAT },
	{ "a folder, then the same as a file", BYTES(STREAM_MAGIC
	    FILE_OF("\3", "a/b") FILE_OF("\1", "a") "\4"),
	    "\"a\" is there a second time", AC_ERR_EXISTS },
	{ "a link", BYTES(STREAM_MAGIC "\2\0\1l\0\1x\4"), "is a link",
	    AC_ERR_FORMAT },
	{ "a file behind a link", BYTES(STREAM_MAGIC FILE_OF("\1", "a")
	    "\2\0\1l\0\4/tmp" FILE_OF("\3", "l/x") "\4"), "is a link",
	    AC_ERR_FORMAT },
	{ "a commit", BYTES(STREAM_MAGIC "\3\0\0\0\0\0\1x\4"), "commit",
	    AC_ERR_FORMAT },
	{ "too large", BYTES(STREAM_MAGIC "\1\0\0\1a\0\0\0\5abcde\0\0\0\0"
	    "\4"), "more than 4 bytes", AC_ERR_LIMIT },
	{ "too large together", BYTES(STREAM_MAGIC "\1\0\0\1a\0\0\0\3abc"
	    "\0\0\0\0\1\0\0\1b\0\0\0\2de\0\0\0\0\4"),
	    "more than 4 bytes", AC_ERR_LIMIT },
	{ "cut off before a chunk", BYTES(STREAM_MAGIC "\1\0\0\1a"),
	    "cut off", AC_ERR_FORMAT },
	{ "cut off in a chunk", BYTES(STREAM_MAGIC "\1\0\0\1a\0\0\0\4abc"),
	    "cut off", AC_ERR_FORMAT },
	{ "cut off before the end", BYTES(STREAM_MAGIC FILE_OF("\1", "a")),
	    "cut off", AC_ERR_FORMAT },
	{ "bytes after the end", BYTES(STREAM_MAGIC FILE_OF("\1", "a") "\4x"),
	    "goes on", AC_ERR_FORMAT },
};

static void
wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		const struct wrong *w = &wrongs[i];
		struct stat st;
		void *rig;
		struct rig *t;
		enum ac_err e;

		assert_int_equal(begin(&rig), 0);
		t = rig;
		assert_ok(file_write_all(t->fd[1], w->bytes));
		e = take(t, 4);
		if (e != w->err || strstr(t->why.text, w->says) == NULL)
			fail_msg("%s: %d: %s", w->name, e, t->why.text);
		assert_int_equal(lstat("/tmp/.x", &st), -1);
		assert_int_equal(finish(&rig), 0);
	}
}

/* ---- images ---- */

static const struct wrong of_images[] = {
	{ "a link and a folder", BYTES(STREAM_MAGIC FILE_OF("\1", "a")
	    "\5\0\3b/c" "\6\0\1d" "\2\0\3l/m\0\1x" "\4"), NULL, AC_OK },
	{ "a file behind a link", BYTES(STREAM_MAGIC FILE_OF("\1", "a")
	    "\2\0\1l\0\4/tmp" FILE_OF("\4", "l/.x") "\4"),
	    "\"l/.x\" comes after a link", AC_ERR_FORMAT },
	{ "another name behind a link", BYTES(STREAM_MAGIC FILE_OF("\1", "a")
	    "\2\0\1l\0\4/tmp" "\5\0\4l/.x" "\4"),
	    "\"l/.x\" comes after a link", AC_ERR_FORMAT },
	{ "a folder behind a link", BYTES(STREAM_MAGIC
	    "\2\0\1l\0\4/tmp" "\6\0\4l/.x" "\4"), "is no folder",
	    AC_ERR_FORMAT },
	{ "a link behind a link", BYTES(STREAM_MAGIC
	    "\2\0\1l\0\4/tmp" "\2\0\4l/.x\0\1x" "\4"), "is no folder",
	    AC_ERR_FORMAT },
	{ "deep behind a link", BYTES(STREAM_MAGIC
	    "\2\0\1l\0\4/tmp" "\2\0\6l/.x/y\0\1x" "\4"), "is no folder",
	    AC_ERR_FORMAT },
	{ "a link behind a file", BYTES(STREAM_MAGIC FILE_OF("\1", "a")
	    "\2\0\3a/b\0\1x" "\4"), "is no folder", AC_ERR_FORMAT },
	{ "a link twice", BYTES(STREAM_MAGIC "\2\0\1l\0\1x"
	    "\2\0\1l\0\1x" "\4"), "second time", AC_ERR_EXISTS },
	{ "a folder twice", BYTES(STREAM_MAGIC "\6\0\1d" "\6\0\1d" "\4"),
	    "second time", AC_ERR_EXISTS },
	{ "another name twice", BYTES(STREAM_MAGIC FILE_OF("\1", "a")
	    "\5\0\1a" "\4"), "second time", AC_ERR_EXISTS },
	{ "another name of nothing", BYTES(STREAM_MAGIC "\5\0\1a" "\4"),
	    "of no file", AC_ERR_FORMAT },
	{ "a link that leads out of its name", BYTES(STREAM_MAGIC
	    "\2\0\4../l\0\1x" "\4"), "is no path", AC_ERR_FORMAT },
};

/* And none of it in a tree of data. */
static void
image(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(of_images) / sizeof(of_images[0]);
	    i++) {
		const struct wrong *w = &of_images[i / 2];
		bool yes = i % 2 == 0;
		const struct intake_options o = { .bytes_max = 9,
			.stop_fd = -1, .image = yes };
		struct stat st;
		struct rig *t;
		void *rig;
		enum ac_err e;

		assert_int_equal(begin(&rig), 0);
		t = rig;
		assert_ok(file_write_all(t->fd[1], w->bytes));
		(void)close(t->fd[1]);
		t->fd[1] = -1;
		e = intake_stream(&t->m, t->fd[0], t->store_fd, "in", &o,
		    &t->why);
		if (yes ? e != w->err || (w->says != NULL &&
		    strstr(t->why.text, w->says) == NULL) : e == AC_OK)
			fail_msg("%s: %d: %s", w->name, e, t->why.text);
		assert_int_equal(lstat("/tmp/.x", &st), -1);
		assert_int_equal(finish(&rig), 0);
	}
}

/* ---- commits ---- */

/* A commit of one file, "a" with "text", and its id. */
#define COMMIT "tree fa9ee080c0068b56131f41877fe4d6d99842ae40\n\nsaid\n"
#define COMMIT_ID "7907c1980547f7054122c18c06b121ce6de224a7"

struct of_git {
	const char *name;
	const char *commit;
	const char *at;   /* where it is said to lie; NULL: none comes */
	const char *path; /* of the one file */
	const char *text;
	bool executable;
	const char *says; /* NULL: taken */
	enum ac_err err;
};

static const struct of_git commits[] = {
	{ "the commit", COMMIT, "", "a", "text", false, NULL, AC_OK },
	{ "another commit", "tree fa9ee080c0068b56131f41877fe4d6d99842ae40\n\n"
	    "said!\n", "", "a", "text", false, "the pin is gitCommit:"
	    COMMIT_ID ", but what is there is", AC_ERR_MISMATCH },
	{ "a byte behind it", COMMIT "!", "", "a", "text", false, "the pin is",
	    AC_ERR_MISMATCH },
	{ "no commit", COMMIT, NULL, "a", "text", false, "no commit came",
	    AC_ERR_FORMAT },
	{ "a submodule's commit alone", COMMIT, "sub", "a", "text", false,
	    "no commit came", AC_ERR_FORMAT },
	{ "other bytes", COMMIT, "", "a", "test", false, "names fa9ee080",
	    AC_ERR_MISMATCH },
	{ "another name", COMMIT, "", "b", "text", false, "names fa9ee080",
	    AC_ERR_MISMATCH },
	{ "another mode", COMMIT, "", "a", "text", true, "names fa9ee080",
	    AC_ERR_MISMATCH },
	{ "another folder", COMMIT, "", "a/a", "text", false,
	    "names fa9ee080", AC_ERR_MISMATCH },
	{ "a commit without a tree", "parent 7907c1980547f7054122c18c06b121ce6d"
	    "e224a7\n", "", "a", "text", false, "begin with its tree",
	    AC_ERR_FORMAT },
	{ "a tree of another kind of id", "tree 0123456789abcdef0123456789abcd"
	    "ef0123456789abcdef0123456789abcdef\n", "", "a", "text", false,
	    "begin with its tree", AC_ERR_FORMAT },
	{ "a tree in capitals", "tree FA9EE080C0068B56131F41877FE4D6D99842AE40"
	    "\n", "", "a", "text", false, "begin with its tree",
	    AC_ERR_FORMAT },
	{ "an empty commit", "", "", "a", "text", false,
	    "begin with its tree", AC_ERR_FORMAT },
};

static void
git(void **state)
{
	struct gittree_id id;

	(void)state;
	assert_true(gittree_id_parse(&id, span_str(COMMIT_ID)));
	for (size_t i = 0; i < sizeof(commits) / sizeof(commits[0]); i++) {
		const struct of_git *g = &commits[i];
		struct intake_options o = { .bytes_max = 9, .stop_fd = -1,
			.git = &id };
		struct stream_writer *w = malloc(sizeof(*w));
		struct rig *t;
		void *rig;
		enum ac_err e;

		assert_non_null(w);
		assert_int_equal(begin(&rig), 0);
		t = rig;
		stream_begin(w, t->fd[1]);
		if (g->at != NULL)
			stream_object(w, span_str(g->at), span_str(g->commit));
		put_file(w, g->path, g->text, g->executable);
		assert_ok(stream_finish(w));
		free(w);
		(void)close(t->fd[1]);
		t->fd[1] = -1;
		e = intake_stream(&t->m, t->fd[0], t->store_fd, "in", &o,
		    &t->why);
		if (e != g->err || (g->says != NULL &&
		    strstr(t->why.text, g->says) == NULL))
			fail_msg("%s: %d: %s", g->name, e, t->why.text);
		if (e == AC_OK)
			assert_string_equal(t->m.git_commit, COMMIT_ID);
		assert_int_equal(finish(&rig), 0);
	}
}

/* What is in the store already stays as it is. */
static void
there_already(void **state)
{
	struct rig *t = *state;
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/in", t->top);
	assert_ok(file_create(path, span_str("mine"), 0644));
	assert_ok(file_write_all(t->fd[1], span_of(STREAM_MAGIC
	    "\1\0\0\0\0\0\0\0\4", sizeof(STREAM_MAGIC) + 8)));
	assert_int_equal(take(t, 4), AC_ERR_EXISTS);
}

static void
stopped(void **state)
{
	struct rig *t = *state;
	struct intake_options o = { .bytes_max = 4, .stop_fd = -1 };
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	o.stop_fd = p[0];
	assert_int_equal(intake_stream(&t->m, t->fd[0], t->store_fd, "in", &o,
	    &t->why), AC_ERR_BUSY);
	assert_non_null(strstr(t->why.text, "given up"));
	(void)close(p[0]);
	(void)close(p[1]);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(tree),
		T(one_file),
		cmocka_unit_test(wrong),
		cmocka_unit_test(image),
		cmocka_unit_test(git),
		T(there_already),
		T(stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
