/* test_range.c -- Range headers: right ones, ignored ones, and outside ones. */
#include "registry/range.h"
#include "tests/test.h"

struct vector {
	const char *value;
	uint64_t bytes;
	enum range want;
	uint64_t first, len;
};

static const struct vector vectors[] = {
	{ "bytes=0-0", 10, RANGE_PART, 0, 1 },
	{ "bytes=0-9", 10, RANGE_PART, 0, 10 },
	{ "bytes=0-", 10, RANGE_PART, 0, 10 },
	{ "bytes=3-5", 10, RANGE_PART, 3, 3 },
	{ "bytes=9-", 10, RANGE_PART, 9, 1 },
	{ "BYTES=9-", 10, RANGE_PART, 9, 1 },
	/* a last position past the end is the end */
	{ "bytes=3-10", 10, RANGE_PART, 3, 7 },
	{ "bytes=3-18446744073709551615", 10, RANGE_PART, 3, 7 },
	{ "bytes=-1", 10, RANGE_PART, 9, 1 },
	{ "bytes=-10", 10, RANGE_PART, 0, 10 },
	{ "bytes=-11", 10, RANGE_PART, 0, 10 },
	{ "bytes=-18446744073709551615", 10, RANGE_PART, 0, 10 },

	/* the first byte is past the end */
	{ "bytes=10-", 10, RANGE_OUTSIDE, 0, 0 },
	{ "bytes=10-20", 10, RANGE_OUTSIDE, 0, 0 },
	{ "bytes=18446744073709551615-", 10, RANGE_OUTSIDE, 0, 0 },
	/* the last no bytes; anything of nothing */
	{ "bytes=-0", 10, RANGE_OUTSIDE, 0, 0 },
	{ "bytes=0-", 0, RANGE_OUTSIDE, 0, 0 },
	{ "bytes=-5", 0, RANGE_OUTSIDE, 0, 0 },

	/* empty, no unit, another unit, a unit that only begins so */
	{ "", 10, RANGE_WHOLE, 0, 0 },
	{ "0-1", 10, RANGE_WHOLE, 0, 0 },
	{ "lines=0-1", 10, RANGE_WHOLE, 0, 0 },
	{ "bytesx=0-1", 10, RANGE_WHOLE, 0, 0 },
	/* no positions, no hyphen, only a hyphen */
	{ "bytes=", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=5", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=-", 10, RANGE_WHOLE, 0, 0 },
	/* backwards */
	{ "bytes=5-3", 10, RANGE_WHOLE, 0, 0 },
	/* several ranges, also of one */
	{ "bytes=0-1,4-5", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=0-1,", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=-1,-2", 10, RANGE_WHOLE, 0, 0 },
	/* signs, spaces, hex, letters, a second hyphen */
	{ "bytes=+0-1", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes= 0-1", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=0-1 ", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=0x0-1", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=a-b", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=0--1", 10, RANGE_WHOLE, 0, 0 },
	/* more than 64 bits */
	{ "bytes=18446744073709551616-", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=0-18446744073709551616", 10, RANGE_WHOLE, 0, 0 },
};

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		uint64_t first = 0, len = 0;
		enum range got = range_parse(&first, &len, v->value, v->bytes);

		if (got != v->want || first != v->first || len != v->len)
			fail_msg("\"%s\" of %llu: %d, %llu + %llu", v->value,
			    (unsigned long long)v->bytes, (int)got,
			    (unsigned long long)first,
			    (unsigned long long)len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
