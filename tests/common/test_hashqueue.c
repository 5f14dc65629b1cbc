/*
 * The queue of files: digests as sha256.h has them, the same first error
 * whatever the threads do, and files that are not what they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/hashqueue.h"
#include "common/sha256.h"
#include "tests/test.h"

#define FILES 60
#define LARGEST 3000000

/* A folder of files of very different sizes. */
struct folder {
	char path[32];
	int fd;
	char name[FILES][16];
	struct digest want[FILES];
	struct hashqueue_job job[FILES];
};

static void
list(struct folder *f)
{
	for (size_t i = 0; i < FILES; i++) {
		struct stat st;

		assert_int_equal(fstatat(f->fd, f->name[i], &st, 0), 0);
		f->job[i] = (struct hashqueue_job){ .dir_fd = f->fd,
			.path = f->name[i], .state = hashqueue_state_of(&st),
			.end = (uint64_t)st.st_size };
	}
}

static int
setup(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));
	uint8_t *bytes = malloc(LARGEST);

	assert_non_null(f);
	assert_non_null(bytes);
	for (size_t i = 0; i < LARGEST; i++)
		bytes[i] = (uint8_t)(i * 2654435761U >> 11);
	(void)snprintf(f->path, sizeof(f->path), "/tmp/hashqueue.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY);
	assert_true(f->fd >= 0);
	for (size_t i = 0; i < FILES; i++) {
		size_t len = i < 4 ? i * 64 : i * i * i * 13 % LARGEST;
		int fd;

		(void)snprintf(f->name[i], sizeof(f->name[i]), "f%zu", i);
		fd = openat(f->fd, f->name[i], O_WRONLY | O_CREAT, 0600);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, bytes, len), (ssize_t)len);
		(void)close(fd);
		f->want[i] = sha256_of(span_of(bytes, len));
	}
	free(bytes);
	list(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct folder *f = *state;

	for (size_t i = 0; i < FILES; i++)
		(void)unlinkat(f->fd, f->name[i], 0);
	(void)close(f->fd);
	(void)rmdir(f->path);
	free(f);
	return 0;
}

static void
same_digests(void **state)
{
	struct folder *f = *state;

	for (unsigned threads = 0; threads <= 5; threads++) {
		size_t failed = 0;

		list(f);
		assert_ok(hashqueue_run(f->job, FILES, threads, NULL,
		    &failed));
		assert_int_equal(failed, FILES);
		for (size_t i = 0; i < FILES; i++)
			assert_memory_equal(f->job[i].sha256.b, f->want[i].b,
			    32);
	}
}

static void
nothing(void **state)
{
	struct hashqueue_job none[1];
	size_t failed = 7;

	(void)state;
	assert_ok(hashqueue_run(none, 0, 0, NULL, &failed));
	assert_int_equal(failed, 0);
}

/* A file in pieces: each is the digest of its bytes. */
static void
ranges(void **state)
{
	struct folder *f = *state;
	struct hashqueue_job job[8];
	uint64_t len = f->job[FILES - 1].end;
	uint8_t *bytes = malloc(len);
	size_t failed;
	int fd = openat(f->fd, f->name[FILES - 1], O_RDONLY);

	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, len), (ssize_t)len);
	(void)close(fd);
	for (size_t i = 0; i < 8; i++) {
		job[i] = f->job[FILES - 1];
		job[i].start = len * i / 8;
		job[i].end = len * (i + 1) / 8;
	}
	assert_ok(hashqueue_run(job, 8, 2, NULL, &failed));
	for (size_t i = 0; i < 8; i++) {
		struct digest want = sha256_of(span_of(bytes + job[i].start,
		    job[i].end - job[i].start));

		assert_memory_equal(job[i].sha256.b, want.b, 32);
	}
	free(bytes);
}

struct told {
	uint64_t done, all;
};

static void
note(void *ctx, uint64_t done, uint64_t all)
{
	struct told *t = ctx;

	assert_true(done >= t->done && done <= all);
	*t = (struct told){ done, all };
}

static void
progress_ends_at_all(void **state)
{
	struct folder *f = *state;
	struct told told = { 0 };
	struct hashqueue_progress progress = { note, &told };
	uint64_t all = 0;
	size_t failed;

	for (size_t i = 0; i < FILES; i++)
		all += f->job[i].end;
	assert_ok(hashqueue_run(f->job, FILES, 2, &progress, &failed));
	assert_int_equal(told.all, all);
	assert_int_equal(told.done, all);
}

/* The first wrong one in order, not in time; a second one stands further on. */
static void
fails_with(struct folder *f, size_t i, enum ac_err e, const char *what)
{
	for (unsigned run = 0; run < 20; run++) {
		size_t failed = 0;
		enum ac_err got = hashqueue_run(f->job, FILES, run % 4, NULL,
		    &failed);

		if (got != e || failed != i)
			fail_msg("%s: error %d at %zu, wanted %d at %zu", what,
			    (int)got, failed, (int)e, i);
	}
}

static void
wrong_files(void **state)
{
	struct folder *f = *state;
	struct hashqueue_job right[FILES];

	memcpy(right, f->job, sizeof(right));
	f->job[50].path = "absent";
	fails_with(f, 50, AC_ERR_NOT_FOUND, "no such file");
	f->job[7].path = f->name[8];
	fails_with(f, 7, AC_ERR_MISMATCH, "another file");
	f->job[6].state.modified.tv_nsec ^= 1;
	fails_with(f, 6, AC_ERR_MISMATCH, "another time");
	f->job[5].state.bytes++;
	fails_with(f, 5, AC_ERR_MISMATCH, "another size");
	f->job[4].path = ".";
	fails_with(f, 4, AC_ERR_FORMAT, "a folder");
	assert_int_equal(symlinkat(f->name[3], f->fd, "link"), 0);
	f->job[3].path = "link";
	fails_with(f, 3, AC_ERR_MISMATCH, "a link to the file itself");
	(void)unlinkat(f->fd, "link", 0);
	assert_int_equal(mkfifoat(f->fd, "fifo", 0600), 0);
	f->job[2].path = "fifo";
	fails_with(f, 2, AC_ERR_FORMAT, "a FIFO");
	(void)unlinkat(f->fd, "fifo", 0);
	f->job[1].end++;
	fails_with(f, 1, AC_ERR_MISMATCH, "shorter than it should be");
	memcpy(f->job, right, sizeof(right));
}

static void
changed_after_listing(void **state)
{
	struct folder *f = *state;
	size_t failed;
	int fd = openat(f->fd, f->name[30], O_WRONLY | O_APPEND);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(hashqueue_run(f->job, FILES, 2, NULL, &failed),
	    AC_ERR_MISMATCH);
	assert_int_equal(failed, 30);
	assert_int_equal(ftruncate(fd, (off_t)f->job[30].end), 0);
	(void)close(fd);
	/* The same bytes again, but at another time. */
	assert_int_equal(hashqueue_run(f->job, FILES, 2, NULL, &failed),
	    AC_ERR_MISMATCH);
	assert_int_equal(failed, 30);
	list(f);
	assert_ok(hashqueue_run(f->job, FILES, 2, NULL, &failed));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_digests),
		cmocka_unit_test(nothing),
		cmocka_unit_test(ranges),
		cmocka_unit_test(progress_ends_at_all),
		cmocka_unit_test(wrong_files),
		cmocka_unit_test(changed_after_listing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
