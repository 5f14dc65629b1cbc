/* Whole files: caps, kinds of file, atomic replacement, refusal to overwrite. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sha256.h"
#include "tests/test.h"

static char dir[] = "/tmp/aicert-test-XXXXXX";

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL || chdir(dir) != 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink("a");
	(void)unlink("fifo");
	return chdir("/") != 0 || rmdir(dir) != 0;
}

static void
round_trip(void **state)
{
	struct buf b;
	struct stat st;
	struct digest d, want = sha256_of(span_str("two"));
	uint64_t bytes;
	int fd;

	(void)state;
	assert_ok(file_create("a", span_str("one"), 0600));
	assert_int_equal(file_create("a", span_str("two"), 0600),
	    AC_ERR_EXISTS);
	assert_ok(file_read(&b, "a", 3));
	assert_string_equal((char *)b.p, "one");
	buf_free(&b);
	assert_ok(file_write("a", span_str("two"), 0644));
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	fd = open("a", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_ok(file_hash_fd(&d, &bytes, fd));
	assert_int_equal(close(fd), 0);
	assert_true(digest_equal(&d, &want) && bytes == 3);
}

static void
refused(void **state)
{
	struct buf b;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(file_read(&b, "fifo", 10), AC_ERR_FORMAT);
	assert_int_equal(file_read(&b, ".", 10), AC_ERR_FORMAT);
	assert_int_equal(file_read(&b, "a", 2), AC_ERR_LIMIT);
	assert_int_equal(file_read(&b, "none", 2), AC_ERR_NOT_FOUND);
	assert_int_equal(file_read(&b, "a/b", 2), AC_ERR_IO);
	assert_int_equal(file_write("none/b", span_str("x"), 0600), AC_ERR_IO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
