/* The sticky writer: exact bytes, one check at the end, a hard cap. */
#include "common/writer.h"
#include "tests/test.h"

static void
writes(void **state)
{
	struct writer w;
	struct buf b;

	(void)state;
	wr_init(&w, 1000);
	wr_u8(&w, 'a');
	wr_be16(&w, 0x6263);
	wr_be32(&w, 0x64656667);
	wr_le32(&w, 0x6b6a6968);
	wr_hex(&w, span_str("\xff"));
	wr_base64(&w, span_str("f"));
	wr_dec(&w, 12);
	wr_json(&w, span_str("q\"\\\n\x01/\xc3\xa9"));
	assert_ok(wr_end(&w, &b));
	assert_string_equal((char *)b.p,
	    "abcdefghijkffZg==12\"q\\\"\\\\\\n\\u0001/\xc3\xa9\"");
	assert_int_equal(b.len, strlen((char *)b.p));
	buf_free(&b);
	buf_free(&b);
}

static void
stops_at_the_cap(void **state)
{
	struct writer w;
	struct buf b = { 0 };

	(void)state;
	wr_init(&w, 4);
	wr_str(&w, "abcd");
	wr_u8(&w, 'e');
	wr_str(&w, "");
	assert_int_equal(wr_end(&w, &b), AC_ERR_LIMIT);
	assert_null(b.p);
	wr_init(&w, 4);
	wr_hex(&w, span_str("abc"));
	assert_int_equal(wr_end(&w, &b), AC_ERR_LIMIT);
	wr_init(&w, 4);
	wr_printf(&w, "%d", 12345);
	assert_int_equal(wr_end(&w, &b), AC_ERR_LIMIT);
	wr_init(&w, 4);
	assert_ok(wr_end(&w, &b));
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void
json_takes_only_utf8(void **state)
{
	struct writer w;
	struct buf b = { 0 };

	(void)state;
	wr_init(&w, 100);
	wr_json(&w, span_str("\xff"));
	assert_int_equal(wr_end(&w, &b), AC_ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes),
		cmocka_unit_test(stops_at_the_cap),
		cmocka_unit_test(json_takes_only_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
