/* RFC 3339 in UTC: known times both ways, impossible ones refused. */
#include "common/time.h"
#include "tests/test.h"

static void
known_times(void **state)
{
	static const struct {
		int64_t t;
		const char *text;
	} v[] = { { 0, "1970-01-01T00:00:00Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 1795000000, "2026-11-18T11:06:40Z" },
		{ 4102444799, "2099-12-31T23:59:59Z" },
		{ 253402300799, "9999-12-31T23:59:59Z" } };
	char text[TIME_RFC3339_LEN + 1];
	int64_t t;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_ok(time_format(text, v[i].t));
		assert_string_equal(text, v[i].text);
		assert_true(time_parse(&t, span_str(text)));
		assert_true(t == v[i].t);
	}
	for (t = 0; t < 200LL * 366 * 86400; t += 86399) {
		int64_t u;

		assert_ok(time_format(text, t));
		assert_true(time_parse(&u, span_str(text)) && u == t);
	}
}

static void
refused(void **state)
{
	static const char *const bad[] = { "", "2026-11-18T11:06:40",
		"2026-11-18 11:06:40Z", "2026-11-18T11:06:40z",
		"2026-11-18T11:06:60Z", "2026-11-18T24:00:00Z",
		"2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"1969-12-31T23:59:59Z", "2026-11-18T11:06:40+00:00",
		"+026-11-18T11:06:40Z" };
	char text[TIME_RFC3339_LEN + 1];
	int64_t t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(time_parse(&t, span_str(bad[i])));
	assert_int_equal(time_format(text, -1), AC_ERR_LIMIT);
	assert_int_equal(time_format(text, 253402300800), AC_ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_times),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
