/*
 * test_publish.c -- the public folder: exactly the tiles of a size, the same
 * whether written at once or in steps, never changed.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "registry/publish.h"
#include "tests/registry/folder.h"
#include "tests/test.h"

#define SIZE 700

struct fixture {
	struct folder folder;
	struct store *s;
	struct tree tree;
	struct store_head head;
	struct publish *p;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	bool published;

	assert_non_null(f);
	folder_make(&f->folder);
	f->s = folder_store(&f->folder);
	assert_ok(store_head(f->s, &f->head, &published));
	assert_ok(tree_load(&f->tree, f->s, &f->head));
	assert_int_equal(mkdir(folder_file(&f->folder, "public"), 0755), 0);
	assert_ok(publish_new(&f->p, folder_file(&f->folder, "public")));
	folder_grow(f->s, &f->tree, &f->head, SIZE);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	publish_free(f->p);
	store_close(f->s);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

/* Is there a file of that tile, with as many bytes as belong into it? */
static bool
has(struct fixture *f, unsigned level, uint64_t index, unsigned width,
    bool entries)
{
	struct merkle_tile t = { level, index, width };
	uint64_t bytes = 0;
	int fd = -1;
	enum ac_err e = publish_open(f->p, &fd, &bytes, &t, entries);

	if (e == AC_ERR_NOT_FOUND)
		return false;
	assert_ok(e);
	(void)close(fd);
	if (!entries)
		assert_int_equal(bytes, width * 32);
	return true;
}

static void
test_steps(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 200, 256, 300, 512, SIZE };
	struct fixture *f = *state;
	struct message why = { "" };
	uint64_t from = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_ok(publish_tiles(f->p, f->s, from, sizes[i], &why));
		/* Again from anywhere: the same files. */
		assert_ok(publish_tiles(f->p, f->s, 0, sizes[i], &why));
		from = sizes[i];
	}
	for (int entries = 0; entries < 2; entries++) {
		assert_true(has(f, 0, 0, 256, entries));
		assert_true(has(f, 0, 1, 256, entries));
		assert_true(has(f, 0, 2, SIZE - 512, entries));
		assert_true(has(f, 0, 0, 1, entries));
		assert_true(has(f, 0, 0, 200, entries));
		assert_true(has(f, 0, 1, 44, entries));
		assert_false(has(f, 0, 0, 3, entries));
		assert_false(has(f, 0, 2, 256, entries));
		assert_false(has(f, 0, 3, 1, entries));
	}
	assert_true(has(f, 1, 0, 1, false));
	assert_true(has(f, 1, 0, 2, false));
	assert_false(has(f, 1, 0, 3, false));
	assert_false(has(f, 2, 0, 1, false));
}

static void
test_nothing_to_do(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };

	assert_ok(publish_tiles(f->p, f->s, 0, 0, &why));
	assert_ok(publish_tiles(f->p, f->s, 5, 5, &why));
	assert_false(has(f, 0, 0, 5, false));
	/* A full tile's end leaves no partial one. */
	assert_ok(publish_tiles(f->p, f->s, 0, 256, &why));
	assert_true(has(f, 0, 0, 256, false));
	assert_true(has(f, 1, 0, 1, false));
	/* More than is stored. */
	assert_int_equal(publish_tiles(f->p, f->s, 0, SIZE + 1, &why),
	    AC_ERR_NOT_FOUND);
}

static void
test_never_changed(void **state)
{
	static const char *const names[] = { "public/tile/0/000.p/7",
		"public/tile/entries/000.p/7" };
	struct fixture *f = *state;
	struct message why = { "" };

	for (size_t i = 0; i < 2; i++) {
		const char *path;
		struct buf right = { 0 }, now = { 0 };
		struct stat st;

		assert_ok(publish_tiles(f->p, f->s, 0, 7, &why));
		path = folder_file(&f->folder, names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0444);
		assert_ok(file_read(&right, path, MIB));
		right.p[3] ^= 1;
		assert_ok(file_write(path, buf_span(&right), 0444));
		assert_int_equal(publish_tiles(f->p, f->s, 0, 7, &why),
		    AC_ERR_MISMATCH);
		assert_non_null(strstr(why.text, names[i]));
		assert_ok(file_read(&now, path, MIB));
		assert_true(span_equal(buf_span(&now), buf_span(&right)));
		buf_free(&now);
		/* Cut short, too. */
		assert_ok(file_write(path, span_of(right.p, right.len - 1),
		    0444));
		assert_int_equal(publish_tiles(f->p, f->s, 0, 7, &why),
		    AC_ERR_MISMATCH);
		assert_int_equal(unlink(path), 0);
		buf_free(&right);
	}
}

static void
test_checkpoint(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };
	struct digest root, empty = merkle_empty();
	uint64_t size = 9;

	assert_ok(publish_size(f->p, &size, &root, &why));
	assert_true(size == 0 && digest_equal(&root, &empty));
	assert_ok(publish_checkpoint(f->p, span_str("log.example\n7\n"
	    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\n"
	    "\xe2\x80\x94 log.example AAAAAAA=\n"), &why));
	assert_ok(publish_size(f->p, &size, &root, &why));
	assert_true(size == 7 && root.b[0] == 1 && root.b[31] == 1);
	assert_ok(publish_checkpoint(f->p, span_str("x\n"), &why));
	assert_int_equal(publish_size(f->p, &size, &root, &why),
	    AC_ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_to_do, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_never_changed, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_checkpoint, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
