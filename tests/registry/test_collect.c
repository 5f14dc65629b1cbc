/*
 * test_collect.c -- what is removed from a log's folders, and what never is.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "registry/collect.h"
#include "tests/registry/folder.h"
#include "tests/test.h"

#define NOW 2000000000

static int
setup(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	folder_remove(*state);
	free(*state);
	return 0;
}

/* Make the folders above the file name, and the file, last changed at. */
static void
put(struct folder *f, const char *name, int64_t at)
{
	struct timespec times[2] = { { (time_t)at, 0 }, { (time_t)at, 0 } };
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s", folder_file(f, name));
	for (char *p = path + strlen(folder_file(f, "")); *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			(void)mkdir(path, 0755);
			*p = '/';
		}
	assert_ok(file_write(path, span_str("x"), 0444));
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool
is_there(struct folder *f, const char *name)
{
	return access(folder_file(f, name), F_OK) == 0;
}

static void
test_leftovers(void **state)
{
	static const char *const gone[] = { "public/checkpoint.aB3xYz",
		"signer.state.000000", "halt.abcdef", "log-keys.ABCDEF",
		"public/tile/0/000.abcdef", "public/tile/entries/x001/067.zzzzzz",
		"public/tile/0/000.p/7.Q1w2E3", "public/tile/3/000.p/255.abcdef" };
	static const char *const stay[] = { "public/checkpoint", "signer.state",
		"public/tile/0/000", "public/tile/0/000.p/7", "registry.db",
		"registry.db-wal", "log.key.abcdef", "registry.db.backup",
		"public/index.abcdef", "public/checkpoint.abcde",
		"public/checkpoint.abcdefg", "public/checkpoint.abc-ef",
		"public/.abcdef", "public/tile/0/x00.abcdef",
		"public/tile/0/1000.abcdef", "backup/000.abcdef",
		"backup/checkpoint.abcdef" };
	struct folder *f = *state;
	struct message why = { "" };
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		put(f, gone[i], NOW);
	for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
		put(f, stay[i], NOW);
	assert_ok(collect_leftovers(folder_file(f, ""), &n, &why));
	assert_int_equal(n, sizeof(gone) / sizeof(gone[0]));
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		assert_false(is_there(f, gone[i]));
	for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
		assert_true(is_there(f, stay[i]));
	assert_ok(collect_leftovers(folder_file(f, ""), &n, &why));
	assert_int_equal(n, 0);
}

/* Links are removed as links or not at all, and never followed. */
static void
test_leftovers_follow_no_link(void **state)
{
	struct folder *f = *state;
	struct message why = { "" };
	unsigned n = 0;

	put(f, "public/checkpoint", NOW);
	put(f, "elsewhere/000.abcdef", NOW);
	assert_int_equal(symlink("../elsewhere", folder_file(f,
	    "public/tile")), 0);
	assert_int_equal(symlink("elsewhere/000.abcdef", folder_file(f,
	    "halt.abcdef")), 0);
	assert_ok(collect_leftovers(folder_file(f, ""), &n, &why));
	assert_int_equal(n, 0);
	assert_true(is_there(f, "elsewhere/000.abcdef"));
}

static void
test_partial(void **state)
{
	struct folder *f = *state;
	struct message why = { "" };
	struct collect *c = NULL;

	/* Size 600: two full tiles, one of 88; one of level 1 with 2. */
	put(f, "tile/0/000", NOW - 100);
	put(f, "tile/0/000.p/1", NOW - 200);
	put(f, "tile/0/000.p/255", NOW - 200);
	put(f, "tile/0/001", NOW - 10);
	put(f, "tile/0/001.p/9", NOW - 20);
	put(f, "tile/0/002.p/88", NOW - 5000);
	put(f, "tile/1/000.p/1", NOW - 5000);
	put(f, "tile/1/000.p/2", NOW - 5000);
	put(f, "tile/entries/000", NOW - 100);
	put(f, "tile/entries/000.p/1", NOW - 100);
	put(f, "tile/entries/002.p/88", NOW - 5000);
	assert_ok(collect_new(&c, folder_file(f, ""), 60));

	/* Nothing is published: nothing is superseded. */
	assert_ok(collect_partial(c, 0, NOW, &why));
	assert_ok(collect_partial(c, 255, NOW, &why));
	assert_true(is_there(f, "tile/0/000.p/1"));

	assert_ok(collect_partial(c, 600, NOW, &why));
	assert_false(is_there(f, "tile/0/000.p"));
	assert_false(is_there(f, "tile/entries/000.p"));
	assert_true(is_there(f, "tile/0/000"));
	/* The grace is not over. */
	assert_true(is_there(f, "tile/0/001.p/9"));
	/* What the checkpoint needs is old, and stays. */
	assert_true(is_there(f, "tile/0/002.p/88"));
	assert_true(is_there(f, "tile/1/000.p/2"));
	assert_true(is_there(f, "tile/1/000.p/1"));
	assert_true(is_there(f, "tile/entries/002.p/88"));

	/* A clock that goes back removes nothing. */
	assert_ok(collect_partial(c, 600, NOW - 1000, &why));
	assert_true(is_there(f, "tile/0/001.p/9"));
	assert_ok(collect_partial(c, 600, NOW + 51, &why));
	assert_false(is_there(f, "tile/0/001.p"));
	assert_true(is_there(f, "tile/0/002.p/88"));
	collect_free(c);
	collect_free(NULL);
}

/* A full tile that is missing keeps its partial ones, and those after it. */
static void
test_missing_full_tile(void **state)
{
	struct folder *f = *state;
	struct message why = { "" };
	struct collect *c = NULL;

	put(f, "tile/0/000.p/255", NOW - 5000);
	put(f, "tile/0/001", NOW - 5000);
	put(f, "tile/0/001.p/9", NOW - 5000);
	assert_ok(collect_new(&c, folder_file(f, ""), 60));
	assert_ok(collect_partial(c, 600, NOW, &why));
	assert_true(is_there(f, "tile/0/000.p/255"));
	collect_free(c);
}

static void
test_others_files_stay(void **state)
{
	struct folder *f = *state;
	struct message why = { "" };
	struct collect *c = NULL;

	put(f, "tile/0/000", NOW - 5000);
	put(f, "tile/0/000.p/7", NOW - 5000);
	put(f, "tile/0/000.p/notes", NOW - 5000);
	put(f, "tile/0/000.p/256", NOW - 5000);
	assert_ok(collect_new(&c, folder_file(f, ""), 0));
	assert_ok(collect_partial(c, 256, NOW, &why));
	assert_false(is_there(f, "tile/0/000.p/7"));
	assert_true(is_there(f, "tile/0/000.p/notes"));
	assert_true(is_there(f, "tile/0/000.p/256"));
	collect_free(c);
}

/* Many tiles take many steps, and each gets its turn. */
static void
test_bounded_steps(void **state)
{
	struct folder *f = *state;
	struct message why = { "" };
	struct collect *c = NULL;
	char name[64];

	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "tile/0/%03u", i);
		put(f, name, NOW - 5000);
		(void)snprintf(name, sizeof(name), "tile/0/%03u.p/3", i);
		put(f, name, NOW - 5000);
	}
	assert_ok(collect_new(&c, folder_file(f, ""), 0));
	assert_ok(collect_partial(c, 300 * 256, NOW, &why));
	assert_false(is_there(f, "tile/0/255.p"));
	assert_true(is_there(f, "tile/0/256.p"));
	assert_ok(collect_partial(c, 300 * 256, NOW, &why));
	assert_false(is_there(f, "tile/0/299.p"));
	collect_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_leftovers, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_leftovers_follow_no_link,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_partial, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_full_tile, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_others_files_stay, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_bounded_steps, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
