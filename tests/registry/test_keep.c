/* test_keep.c -- the cache: what is found, replaced, dropped and released. */
#include <pthread.h>
#include <stdio.h>

#include "registry/keep.h"
#include "tests/test.h"

#define THREADS 4
#define ROUNDS 20000

struct thing {
	int value;
	bool released;
};

static void
release(void *thing)
{
	struct thing *t = thing;

	assert_false(t->released);
	t->released = true;
}

static void
see(void *arg, void *thing)
{
	int *out = arg;

	*out = ((struct thing *)thing)->value;
}

static int
get(struct keep *k, const char *name)
{
	int value = -1;

	return keep_use(k, span_str(name), see, &value) ? value : -1;
}

static void
test_found_and_replaced(void **state)
{
	struct thing a = { .value = 1 }, b = { .value = 2 };
	struct keep *k = NULL;

	(void)state;
	assert_ok(keep_new(&k, 1 << 20, 1024, release));
	assert_int_equal(get(k, "/a"), -1);
	keep_put(k, span_str("/a"), &a, 10);
	assert_int_equal(get(k, "/a"), 1);
	assert_int_equal(get(k, "/"), -1);
	assert_int_equal(get(k, "/aa"), -1);
	assert_int_equal(get(k, ""), -1);
	assert_int_equal(get(k, "/A"), -1);
	keep_put(k, span_str("/a"), &b, 10);
	assert_true(a.released && !b.released);
	assert_int_equal(get(k, "/a"), 2);
	keep_free(k);
	assert_true(b.released);
	keep_free(NULL);
}

static void
test_too_large_is_not_kept(void **state)
{
	struct thing a = { .value = 1 };
	struct keep *k = NULL;

	(void)state;
	assert_ok(keep_new(&k, 1600, 1024, release));
	/* A shard has a sixteenth. */
	keep_put(k, span_str("/a"), &a, 101);
	assert_true(a.released);
	assert_int_equal(get(k, "/a"), -1);
	keep_free(k);
}

/* So many things of so many bytes: what was used last is there. */
static void
fill(size_t max_bytes, size_t max_things, size_t bytes)
{
	struct thing *t = calloc(2000, sizeof(*t));
	struct keep *k = NULL;
	size_t left = 0;
	char name[16];

	assert_non_null(t);
	assert_ok(keep_new(&k, max_bytes, max_things, release));
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "/%d", i);
		t[i].value = i;
		keep_put(k, span_str(name), &t[i], bytes);
		assert_int_equal(get(k, name), i);
		/* Whoever is asked for stays. */
		assert_int_equal(get(k, "/0"), 0);
	}
	for (int i = 0; i < 2000; i++)
		left += !t[i].released;
	assert_true(left > 0 && left * bytes <= max_bytes &&
	    left <= max_things);
	keep_free(k);
	for (int i = 0; i < 2000; i++)
		assert_true(t[i].released);
	free(t);
}

static void
test_caps(void **state)
{
	(void)state;
	fill(16 * 1000, 1 << 20, 100); /* bytes decide */
	fill(1 << 30, 160, 100);       /* things do */
}

/* Many threads that put, replace and use the same few names. */
static void
release_heap(void *thing)
{
	free(thing);
}

static void
see_heap(void *arg, void *thing)
{
	int *sum = arg;

	*sum += *(int *)thing;
}

static void *
run(void *arg)
{
	struct keep *k = arg;
	int sum = 0, found = 0;

	for (int i = 0; i < ROUNDS; i++) {
		char name[16];
		int *v = malloc(sizeof(*v));

		if (v == NULL)
			return NULL;
		*v = 1;
		(void)snprintf(name, sizeof(name), "/%d", i % 7);
		keep_put(k, span_str(name), v, 100);
		/* Another thread may have dropped it by now. */
		found += keep_use(k, span_str(name), see_heap, &sum);
	}
	return sum == found && found > 0 ? k : NULL;
}

static void
test_threads(void **state)
{
	pthread_t thread[THREADS];
	struct keep *k = NULL;

	(void)state;
	assert_ok(keep_new(&k, 16 * 150, 1024, release_heap));
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, run, k), 0);
	for (int i = 0; i < THREADS; i++) {
		void *result = NULL;

		assert_int_equal(pthread_join(thread[i], &result), 0);
		assert_ptr_equal(result, k);
	}
	keep_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_and_replaced),
		cmocka_unit_test(test_too_large_is_not_kept),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
