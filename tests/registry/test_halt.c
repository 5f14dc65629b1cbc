/* test_halt.c -- what halts a log stands in its file, and outlives it. */
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "registry/halt.h"
#include "tests/registry/folder.h"
#include "tests/test.h"

struct fixture {
	struct folder folder;
	struct halt *h;
	int nsaid;
};

static void
on_say(void *arg, enum journal_level level, const char *event,
    const char *text)
{
	struct fixture *f = arg;

	assert_int_equal(level, JOURNAL_ERROR);
	assert_string_equal(event, "halted");
	assert_non_null(text);
	f->nsaid++;
}

static struct halt *
reopen(struct fixture *f)
{
	struct message why = { "" };

	halt_free(f->h);
	f->h = NULL;
	assert_ok(halt_open(&f->h, f->folder.path, NULL, &why));
	return f->h;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(&f->folder);
	(void)reopen(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	halt_free(f->h);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

static bool
is_file(struct fixture *f)
{
	return access(folder_file(&f->folder, "halted"), F_OK) == 0;
}

static void
test_witness(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };
	struct buf note = { 0 };

	assert_false(halt_is(f->h, &why));
	halt_by_witness(f->h, "w1", (uint64_t)1 << 60, 7);
	for (int i = 0; i < 2; i++) {
		assert_true(halt_is(f->h, &why));
		assert_non_null(strstr(why.text, "\"w1\""));
		assert_non_null(strstr(why.text, "1152921504606846976"));
		assert_non_null(strstr(why.text, "--without-witness"));
		assert_int_equal(halt_checkpoint(f->h, &note),
		    AC_ERR_NOT_FOUND);
		/* Another witness's name is no way out. */
		assert_ok(halt_without(f->h, "w2", &why));
		assert_ok(halt_without(f->h, "", &why));
		assert_ok(halt_without(f->h, "w11", &why));
		assert_true(halt_is(f->h, NULL));
		(void)reopen(f);
	}
	assert_ok(halt_without(f->h, "w1", &why));
	assert_false(halt_is(f->h, NULL));
	assert_false(is_file(f));
	assert_false(halt_is(reopen(f), NULL));
}

static void
test_checkpoint(void **state)
{
	struct fixture *f = *state;
	struct span shown = span_str("log.example\n9\nxxx\n\n\xe2\x80\x94 l x\n");
	struct message why = { "" };
	struct buf note = { 0 };

	halt_by_checkpoint(f->h, "https://log.example", shown, 9, 7);
	/* The first reason counts. */
	halt_by_witness(f->h, "w1", 10, 7);
	for (int i = 0; i < 2; i++) {
		assert_true(halt_is(f->h, &why));
		assert_non_null(strstr(why.text, "https://log.example"));
		assert_ok(halt_checkpoint(f->h, &note));
		assert_true(span_equal(buf_span(&note), shown));
		buf_free(&note);
		/* No witness is the reason. */
		assert_ok(halt_without(f->h, "w1", &why));
		assert_ok(halt_without(f->h, "", &why));
		assert_true(halt_is(f->h, NULL));
		(void)reopen(f);
	}
	assert_ok(halt_clear(f->h, &why));
	assert_false(halt_is(f->h, NULL));
	assert_ok(halt_clear(f->h, &why));
	assert_false(is_file(f));
}

static void
test_said_once(void **state)
{
	struct fixture *f = *state;
	const struct journal journal = { on_say, f };
	struct message why = { "" };

	halt_free(f->h);
	assert_ok(halt_open(&f->h, f->folder.path, &journal, &why));
	halt_by_witness(f->h, "w1", 9, 7);
	halt_by_witness(f->h, "w1", 9, 7);
	halt_by_checkpoint(f->h, "x", span_str("y"), 9, 7);
	assert_int_equal(f->nsaid, 1);
}

static void
test_damaged_files(void **state)
{
	static const char *const wrong[] = {
		"", "\n", "aicert-halted/v1\n", "aicert-halted/v1\nwitness w\n",
		"aicert-halted/v1\nwitness w\nwhy\n",
		"aicert-halted/v1\nwitness w\nwhy\nx\n",
		"aicert-halted/v1\nwitness \nwhy\n\n",
		"aicert-halted/v1\nwitness w\nwhy\n\nmore",
		"aicert-halted/v1\nwitnes w\nwhy\n\n",
		"aicert-halted/v1\ncheckpoin\nwhy\n\nx",
		"aicert-halted/v1\ncheckpoint\nw\x01y\n\nx",
		"aicert-halted/v2\ncheckpoint\nwhy\n\nx",
	};
	struct fixture *f = *state;
	char name[HALT_NAME_MAX + 64];
	struct message why;
	struct halt *h = NULL;

	for (size_t i = 0; i <= sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(name, sizeof(name),
		    "aicert-halted/v1\nwitness %065d\nwhy\n\n", 0);
		assert_ok(file_write(folder_file(&f->folder, "halted"),
		    span_str(i < sizeof(wrong) / sizeof(wrong[0]) ? wrong[i] :
		    name), 0600));
		why = (struct message){ "" };
		assert_int_equal(halt_open(&h, f->folder.path, NULL, &why),
		    AC_ERR_FORMAT);
		assert_non_null(strstr(why.text, "halted"));
		/* It is not taken for a log that may sign. */
		assert_true(is_file(f));
	}
}

/* A reason that cannot be written down holds for this process. */
static void
test_not_written(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(folder_file(&f->folder, "halted"), 0755), 0);
	halt_by_witness(f->h, "w1", 9, 7);
	assert_true(halt_is(f->h, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_witness, setup, teardown),
		cmocka_unit_test_setup_teardown(test_checkpoint, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_said_once, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_damaged_files, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_not_written, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
