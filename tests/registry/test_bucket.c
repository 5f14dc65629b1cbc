/* test_bucket.c -- token buckets: rates, bursts, addresses, a full table. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "registry/bucket.h"
#include "tests/test.h"

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} u;
};

static struct address
address(const char *text)
{
	struct address a = { 0 };

	if (inet_pton(AF_INET, text, &a.u.four.sin_addr) == 1) {
		a.u.four.sin_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text,
		    &a.u.six.sin6_addr), 1);
		a.u.six.sin6_family = AF_INET6;
	}
	return a;
}

static unsigned
take(struct bucket *b, const char *text, int64_t now_ms)
{
	struct address a = address(text);

	return bucket_take(b, &a.u.any, now_ms);
}

static void
test_rate_and_burst(void **state)
{
	struct bucket_options o = { .rate = 10, .burst = 5 };
	struct bucket *b = NULL;

	(void)state;
	assert_ok(bucket_new(&b, &o));
	for (int i = 0; i < 5; i++)
		assert_int_equal(take(b, "192.0.2.1", 1000), 0);
	assert_int_equal(take(b, "192.0.2.1", 1000), 1);
	assert_int_equal(take(b, "192.0.2.1", 1099), 1);
	assert_int_equal(take(b, "192.0.2.1", 1100), 0);
	assert_int_equal(take(b, "192.0.2.1", 1100), 1);
	/* A clock that stands or goes back gives nothing. */
	assert_int_equal(take(b, "192.0.2.1", 500), 1);
	/* After any rest it is full and no more. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(take(b, "192.0.2.1", INT64_MAX / 2), 0);
	assert_int_equal(take(b, "192.0.2.1", INT64_MAX / 2), 1);
	bucket_free(b);
	bucket_free(NULL);
}

static void
test_slow_rate_says_how_long(void **state)
{
	struct bucket_options o = { .rate = 1, .burst = 1 };
	struct bucket *b = NULL;

	(void)state;
	assert_ok(bucket_new(&b, &o));
	assert_int_equal(take(b, "192.0.2.1", 0), 0);
	assert_int_equal(take(b, "192.0.2.1", 0), 2);
	assert_int_equal(take(b, "192.0.2.1", 500), 1);
	assert_int_equal(take(b, "192.0.2.1", 1000), 0);
	bucket_free(b);
}

static void
test_addresses(void **state)
{
	static const struct {
		const char *first, *second;
		bool same;
	} pairs[] = {
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "2001:db8::1", "2001:db8::ffff:1", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
	};
	struct bucket_options o = { .rate = 1, .burst = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct bucket *b = NULL;

		assert_ok(bucket_new(&b, &o));
		assert_int_equal(take(b, pairs[i].first, 0), 0);
		assert_int_equal(take(b, pairs[i].second, 0) != 0,
		    pairs[i].same);
		bucket_free(b);
	}
}

static void
test_who_is_not_limited(void **state)
{
	static const char *const own[] = { "127.0.0.1", "127.1.2.3", "::1",
		"::ffff:127.0.0.1" };
	struct sockaddr other = { .sa_family = AF_UNIX };
	struct bucket_options o = { .rate = 1, .burst = 1 };
	struct bucket *b = NULL;

	(void)state;
	assert_ok(bucket_new(&b, &o));
	for (size_t i = 0; i < 4; i++)
		for (int n = 0; n < 3; n++)
			assert_int_equal(take(b, own[i], 0), 0);
	for (int n = 0; n < 3; n++) {
		assert_int_equal(bucket_take(b, &other, 0), 0);
		assert_int_equal(bucket_take(b, NULL, 0), 0);
	}
	bucket_free(b);
	o.loopback = true;
	assert_ok(bucket_new(&b, &o));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(take(b, own[i], 0), 0);
		assert_true(take(b, own[i], 0) > 0);
	}
	bucket_free(b);
	o.rate = 0;
	assert_ok(bucket_new(&b, &o));
	for (int n = 0; n < 100; n++)
		assert_int_equal(take(b, "192.0.2.1", 0), 0);
	bucket_free(b);
}

/*
 * More addresses than there is room for: nobody new is refused, and one that
 * asks all the time stays limited.
 */
static void
test_full_table(void **state)
{
	struct bucket_options o = { .rate = 1, .burst = 4 };
	struct bucket *b = NULL;
	unsigned refused = 0;

	(void)state;
	assert_ok(bucket_new(&b, &o));
	for (uint32_t i = 0; i < 200000; i++) {
		struct address a = { 0 };

		a.u.four.sin_family = AF_INET;
		a.u.four.sin_addr.s_addr = htonl(0x0a000000 + i);
		assert_int_equal(bucket_take(b, &a.u.any, 0), 0);
		if (i % 10 == 0)
			refused += take(b, "192.0.2.1", 0) != 0;
	}
	/* Of 20,000 requests it got its burst of four. */
	assert_int_equal(refused, 20000 - 4);
	bucket_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_and_burst),
		cmocka_unit_test(test_slow_rate_says_how_long),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_who_is_not_limited),
		cmocka_unit_test(test_full_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
