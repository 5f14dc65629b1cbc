/* test_search.c -- query strings to searches. */
#include <stdio.h>

#include "registry/search.h"
#include "tests/test.h"

#define HEX64 "00112233445566778899aabbccddeeff" \
    "00112233445566778899aabbccddeeff"

static bool
take(struct search *s, const char *name, const char *value)
{
	return search_take(s, span_str(name), span_str(value));
}

static bool
same(struct store_term a, struct store_term b)
{
	return a.value == b.value && a.role == b.role;
}

static void
test_right(void **state)
{
	static const uint8_t digest[] = { 0x00, 0xff };
	struct search s;

	(void)state;
	search_init(&s);
	assert_true(take(&s, "dataset", "http%3a%2F%2fx+y%C3%a4"));
	assert_true(take(&s, "code", "gitCommit:00ff"));
	assert_true(take(&s, "license", "sha256:00ff"));
	assert_true(take(&s, "builder", HEX64));
	assert_true(take(&s, "type", "t"));
	assert_true(take(&s, "base_model", "sha256:00f"));
	assert_true(take(&s, "image", "x:y"));
	assert_true(take(&s, "min_flops", "1.5e24"));
	assert_true(take(&s, "after", "7"));
	assert_true(take(&s, "limit", "100"));
	assert_true(take(&s, "order", "oldest"));
	assert_int_equal(s.query.ncriteria, 7);
	assert_true(same(s.query.criterion[0], store_term_text(STORE_DATASET,
	    span_str("http://x y\xc3\xa4"))));
	assert_true(same(s.query.criterion[1], store_term_digest(STORE_CODE,
	    span_str("gitCommit"), span_of(digest, 2))));
	/* What no field has as a digest is text. */
	assert_true(same(s.query.criterion[2], store_term_text(STORE_LICENSE,
	    span_str("sha256:00ff"))));
	assert_true(same(s.query.criterion[5], store_term_text(
	    STORE_BASE_MODEL, span_str("sha256:00f"))));
	assert_true(s.query.has_min_flops && s.query.min_flops > 1.49e24 &&
	    s.query.min_flops < 1.51e24);
	assert_int_equal(s.limit, 100);
	assert_true(!s.query.newest_first);
}

static void
test_wrong(void **state)
{
	static const char *const wrong[][2] = {
		{ "dataset", "" }, { "dataset", "%" }, { "dataset", "%2" },
		{ "dataset", "%2g" }, { "dataset", "%g2" },
		{ "dataset", "a%00b" }, { "dataset", "a%0Ab" },
		{ "dataset", "a%7f" }, { "dataset", "\x01" },
		{ "dataset", "%ff" }, { "dataset", "%c3" },
		{ "dataset", "%ed%a0%80" },
		{ "builder", "me" }, { "builder", HEX64 "0" },
		{ "builder", "AABB" },
		{ "min_flops", "0" }, { "min_flops", "-1" },
		{ "min_flops", "1e" }, { "min_flops", "e9" },
		{ "min_flops", "1e61" }, { "min_flops", "1.e2" },
		{ "min_flops", ".5" }, { "min_flops", "1.2.3" },
		{ "min_flops", "inf" }, { "min_flops", "0x10" },
		{ "min_flops", "1e-9" }, { "min_flops", "1E9" },
		{ "after", "-1" }, { "after", "01" }, { "after", "x" },
		{ "after", "9223372036854775807" },
		{ "limit", "0" }, { "limit", "101" }, { "limit", "" },
		{ "order", "best" }, { "order", "" },
		{ "from", "1" }, { "", "" }, { "Dataset", "x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct search s;

		search_init(&s);
		assert_false(take(&s, wrong[i][0], wrong[i][1]));
	}
}

static void
test_caps(void **state)
{
	char value[SEARCH_VALUE_MAX + 2];
	struct search s;

	(void)state;
	memset(value, 'x', sizeof(value));
	value[SEARCH_VALUE_MAX] = '\0';
	search_init(&s);
	assert_true(take(&s, "dataset", value));
	/* Once only. */
	assert_false(take(&s, "dataset", "y"));
	value[SEARCH_VALUE_MAX] = 'x';
	value[SEARCH_VALUE_MAX + 1] = '\0';
	search_init(&s);
	assert_false(take(&s, "dataset", value));
}

static void
test_cursor(void **state)
{
	struct store_query q;
	struct search s;

	(void)state;
	search_init(&s);
	assert_false(search_query(&s, &q, 0));
	assert_true(search_query(&s, &q, 10));
	assert_true(q.from == 0 && q.size == 10);
	assert_int_equal(search_cursor(&s, 5), 4);
	assert_true(take(&s, "after", "4"));
	assert_true(search_query(&s, &q, 10));
	assert_int_equal(q.from, 5);
	search_init(&s);
	assert_true(take(&s, "order", "newest"));
	assert_true(search_query(&s, &q, 10));
	assert_int_equal(q.from, 10);
	assert_int_equal(search_cursor(&s, 5), 6);
	assert_true(take(&s, "after", "6"));
	assert_true(search_query(&s, &q, 10));
	assert_int_equal(q.from, 5);
	search_init(&s);
	assert_true(take(&s, "order", "newest"));
	assert_true(take(&s, "after", "0"));
	assert_false(search_query(&s, &q, 10));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
