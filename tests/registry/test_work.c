/* test_work.c -- the worker threads: everything once, the finished first. */
#include <pthread.h>

#include "registry/work.h"
#include "tests/test.h"

#define N 1000

struct bench {
	pthread_mutex_t mutex;
	pthread_cond_t moved;
	struct work *work;
	struct work_item item[N];
	int begun[N], finished[N], order[2 * N];
	int n, held;
};

static void
note(struct bench *b, void *subject, int *count, int sign)
{
	int i = (int)((struct work_item *)subject - b->item);

	(void)pthread_mutex_lock(&b->mutex);
	count[i]++;
	b->order[b->n++] = sign * (i + 1);
	(void)pthread_cond_broadcast(&b->moved);
	while (b->held > 0 && sign > 0)
		(void)pthread_cond_wait(&b->moved, &b->mutex);
	(void)pthread_mutex_unlock(&b->mutex);
}

static void
on_begin(void *arg, unsigned thread, void *subject)
{
	struct bench *b = arg;

	assert_true(thread < 4);
	note(b, subject, b->begun, 1);
	if (((struct work_item *)subject - b->item) % 2 == 0)
		work_finish(b->work, subject);
}

static void
on_finish(void *arg, unsigned thread, void *subject)
{
	struct bench *b = arg;

	assert_true(thread < 4);
	note(b, subject, b->finished, -1);
}

static struct bench *
bench_new(unsigned nthreads, unsigned max)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct work_options o = { nthreads, max, on_begin, on_finish, b };

	assert_non_null(b);
	(void)pthread_mutex_init(&b->mutex, NULL);
	(void)pthread_cond_init(&b->moved, NULL);
	for (int i = 0; i < N; i++)
		b->item[i].subject = &b->item[i];
	assert_ok(work_start(&b->work, &o));
	return b;
}

static void
bench_free(struct bench *b)
{
	work_free(b->work);
	(void)pthread_cond_destroy(&b->moved);
	(void)pthread_mutex_destroy(&b->mutex);
	free(b);
}

static void
test_everything_once(void **state)
{
	struct bench *b = bench_new(4, N);

	(void)state;
	for (int i = 0; i < N; i++)
		assert_ok(work_begin(b->work, &b->item[i]));
	work_stop(b->work);
	for (int i = 0; i < N; i++) {
		assert_int_equal(b->begun[i], 1);
		assert_int_equal(b->finished[i], i % 2 == 0);
	}
	assert_int_equal(work_begin(b->work, &b->item[0]), AC_ERR_BUSY);
	bench_free(b);
}

static void
test_bounded_and_finished_first(void **state)
{
	struct bench *b = bench_new(1, 2);

	(void)state;
	/* The one thread is held in item 0; two may wait, a third may not. */
	b->held = 1;
	assert_ok(work_begin(b->work, &b->item[0]));
	(void)pthread_mutex_lock(&b->mutex);
	while (b->n == 0)
		(void)pthread_cond_wait(&b->moved, &b->mutex);
	(void)pthread_mutex_unlock(&b->mutex);
	assert_ok(work_begin(b->work, &b->item[1]));
	assert_ok(work_begin(b->work, &b->item[3]));
	assert_int_equal(work_begin(b->work, &b->item[5]), AC_ERR_BUSY);
	/* What is to be finished always finds room. */
	work_finish(b->work, &b->item[7]);
	work_finish(b->work, &b->item[9]);
	(void)pthread_mutex_lock(&b->mutex);
	b->held = 0;
	(void)pthread_cond_broadcast(&b->moved);
	(void)pthread_mutex_unlock(&b->mutex);
	work_stop(b->work);
	assert_int_equal(b->n, 6);
	assert_int_equal(b->order[0], 1);
	assert_int_equal(b->order[1], -8);
	assert_int_equal(b->order[2], -10);
	/* Item 0 is even: it was put among the finished after those two. */
	assert_int_equal(b->order[3], -1);
	assert_int_equal(b->order[4], 2);
	assert_int_equal(b->order[5], 4);
	bench_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_once),
		cmocka_unit_test(test_bounded_and_finished_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
