/* The cursor: reads in order, and refuses to pass the end without moving. */
#include "common/reader.h"
#include "tests/test.h"

static void
reads_in_order(void **state)
{
	static const uint8_t in[] = { 1, 0, 2, 0, 0, 0, 3, 4, 0, 0, 0, 0, 2,
		'a', 'b', 'x', '\n' };
	struct reader r = rd_of(span_of(in, sizeof(in)));
	struct span s;
	uint8_t a;
	uint16_t b;
	uint32_t c, d;

	(void)state;
	assert_true(rd_u8(&r, &a) && a == 1);
	assert_true(rd_be16(&r, &b) && b == 2);
	assert_true(rd_be32(&r, &c) && c == 3);
	assert_true(rd_le32(&r, &d) && d == 4);
	assert_true(rd_take_be16(&r, &s, 2) && span_is(s, "ab"));
	assert_false(rd_end(&r));
	assert_true(rd_line(&r, &s) && span_is(s, "x"));
	assert_true(rd_end(&r));
	assert_false(rd_line(&r, &s));
	assert_false(rd_u8(&r, &a));
}

static void
never_passes_the_end(void **state)
{
	static const uint8_t in[] = { 0, 3, 'a', 'b' };
	struct reader r = rd_of(span_of(in, sizeof(in)));
	struct span s;
	uint64_t v;
	uint32_t w;

	(void)state;
	assert_false(rd_take_be16(&r, &s, 100)); /* length beyond the end */
	assert_int_equal(r.left.len, 4);
	assert_false(rd_take_be16(&r, &s, 2)); /* length over the cap */
	assert_false(rd_take_be32(&r, &s, SIZE_MAX));
	assert_false(rd_be64(&r, &v));
	assert_false(rd_take(&r, &s, 5));
	assert_false(rd_take(&r, &s, SIZE_MAX));
	assert_false(rd_line(&r, &s)); /* no LF */
	assert_int_equal(r.left.len, 4);
	assert_true(rd_be32(&r, &w));
	assert_true(rd_take(&r, &s, 0) && s.len == 0);
	assert_true(rd_end(&r));
}

static void
texts(void **state)
{
	struct reader r = rd_of(span_str("sha256:00"));
	struct span s;

	(void)state;
	assert_false(rd_text(&r, "sha512:"));
	assert_false(rd_text(&r, "sha256:00 "));
	assert_true(rd_text(&r, "") && rd_text(&r, "sha256:"));
	s = rd_rest(&r);
	assert_true(span_is(s, "00") && rd_end(&r));
	assert_int_equal(rd_rest(&r).len, 0);
	assert_false(rd_text(&r, "0"));
}

static void
spans(void **state)
{
	static const uint8_t zeros[3], last[3] = { 0, 0, 1 };

	(void)state;
	assert_true(span_begins(span_str("ab"), "ab") &&
	    span_begins(span_str("ab"), "a") && span_begins(span_str("ab"), ""));
	assert_false(span_begins(span_str("ab"), "abc") ||
	    span_begins(span_str("ab"), "b"));
	assert_true(span_ends(span_str("ab"), "ab") &&
	    span_ends(span_str("ab"), "b") && span_ends(span_str("ab"), ""));
	assert_false(span_ends(span_str("ab"), "cab") ||
	    span_ends(span_str("ab"), "a"));
	assert_true(span_is_zero(span_of(zeros, 3)) &&
	    span_is_zero(span_of(NULL, 0)));
	assert_false(span_is_zero(span_of(last, 3)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_in_order),
		cmocka_unit_test(never_passes_the_end),
		cmocka_unit_test(texts),
		cmocka_unit_test(spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
