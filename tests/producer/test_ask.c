/* test_ask.c -- what strangers ask an agent, and what of it is understood. */
#include "common/sha256.h"
#include "producer/ask.h"
#include "tests/test.h"

#define HEX64 \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static enum ask_result
ask(struct ask *a, const char *method, const char *target)
{
	const char *allow = NULL;
	enum ask_result r = ask_parse(a, &allow, method, target);

	assert_true(r == ASK_NOT_FOUND || allow != NULL);
	return r;
}

static void
right_requests(void **state)
{
	struct ask a;

	(void)state;
	assert_int_equal(ask(&a, "GET", "/attestation?nonce=" HEX64), ASK_OK);
	assert_int_equal(a.place, ASK_ATTESTATION);
	assert_int_equal(a.nonce[1], 0x11);
	assert_int_equal(ask(&a, "POST", "/configuration?name=a%20b.yaml"
	    "&builder=" HEX64), ASK_OK);
	assert_string_equal(a.name, "a b.yaml");
	assert_int_equal(a.builder.b[31], 0xff);
	assert_int_equal(ask(&a, "POST", "/run"), ASK_OK);
	assert_int_equal(ask(&a, "HEAD", "/status"), ASK_OK);
	assert_true(a.head);
	assert_int_equal(ask(&a, "GET", "/outputs"), ASK_OK);
	assert_int_equal(a.place, ASK_OUTPUTS);
	assert_int_equal(ask(&a, "GET", "/outputs/d/a%2Bb.bin"), ASK_OK);
	assert_int_equal(a.place, ASK_OUTPUT);
	assert_string_equal(a.name, "d/a+b.bin");
	assert_int_equal(ask(&a, "POST", "/upload?path=d%2fx"), ASK_OK);
	assert_string_equal(a.name, "d/x");
}

static void
wrong_requests(void **state)
{
	static const struct {
		const char *what, *method, *target;
		enum ask_result want;
	} row[] = {
		{ "another place", "GET", "/statusx", ASK_NOT_FOUND },
		{ "nothing", "GET", "", ASK_NOT_FOUND },
		{ "an absolute form", "GET", "http://x/status",
		    ASK_NOT_FOUND },
		{ "a list with a slash", "GET", "/outputs/", ASK_NOT_FOUND },
		{ "another method", "PUT", "/run", ASK_METHOD },
		{ "GET for POST", "GET", "/run", ASK_METHOD },
		{ "lower case", "get", "/status", ASK_METHOD },
		{ "no nonce", "GET", "/attestation", ASK_ARGUMENT },
		{ "an empty query", "GET", "/status?", ASK_ARGUMENT },
		{ "a query where none is", "GET", "/status?a=b",
		    ASK_ARGUMENT },
		{ "a short nonce", "GET", "/attestation?nonce=00",
		    ASK_ARGUMENT },
		{ "one more argument", "GET", "/attestation?nonce=" HEX64
		    "&x=y", ASK_ARGUMENT },
		{ "another order", "POST", "/configuration?builder=" HEX64
		    "&name=a", ASK_ARGUMENT },
		{ "no builder", "POST", "/configuration?name=a",
		    ASK_ARGUMENT },
		{ "an empty name", "POST", "/configuration?name=&builder="
		    HEX64, ASK_ARGUMENT },
		{ "a slash in a name", "POST", "/configuration?name=a%2Fb"
		    "&builder=" HEX64, ASK_ARGUMENT },
		{ "half an escape", "GET", "/outputs/a%2", ASK_ARGUMENT },
		{ "an escape that is none", "GET", "/outputs/a%zz",
		    ASK_ARGUMENT },
		{ "NUL", "GET", "/outputs/a%00", ASK_ARGUMENT },
		{ "a line feed", "GET", "/outputs/a%0Ab", ASK_ARGUMENT },
		{ "no UTF-8", "GET", "/outputs/%ff", ASK_ARGUMENT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct ask a;

		if (ask(&a, row[i].method, row[i].target) != row[i].want)
			fail_msg("%s", row[i].what);
	}
}

static void
a_name_has_a_cap(void **state)
{
	char target[3 * FILE_PATH_MAX + 64] = "/outputs/";
	size_t n = strlen(target);
	struct ask a;

	(void)state;
	memset(target + n, 'a', FILE_PATH_MAX);
	assert_int_equal(ask(&a, "GET", target), ASK_OK);
	target[n + FILE_PATH_MAX] = 'a';
	assert_int_equal(ask(&a, "GET", target), ASK_ARGUMENT);
}

static void
tokens(void **state)
{
	static const char *const wrong[] = { NULL, "", "Bearer ", "Bearer x",
		"bearer " HEX64, "Bearer  " HEX64, "Bearer " HEX64 " ",
		"Bearer " HEX64 "00", "Basic " HEX64, HEX64 };
	const uint8_t token[4] = { 0x00, 0x11, 0x22, 0x33 };
	struct digest d, want;
	uint8_t whole[32];

	(void)state;
	for (size_t i = 0; i < 32; i++)
		whole[i] = (uint8_t)(i % 16 * 0x11);
	assert_memory_equal(whole, token, 4);
	want = sha256_of(span_of(whole, 32));
	assert_true(ask_bearer(&d, "Bearer " HEX64));
	assert_true(digest_equal(&d, &want));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(ask_bearer(&d, wrong[i]));
}

static void
ranges(void **state)
{
	static const struct {
		const char *header;
		uint64_t bytes, from, count;
		bool there;
	} row[] = {
		{ NULL, 10, 0, 10, true },
		{ "bytes=0-", 10, 0, 10, true },
		{ "bytes=3-", 10, 3, 7, true },
		{ "bytes=3-4", 10, 3, 2, true },
		{ "bytes=3-99", 10, 3, 7, true },
		{ "bytes=9-", 10, 9, 1, true },
		{ "bytes=10-", 10, 0, 0, false },
		{ "bytes=0-", 0, 0, 0, false },
		{ "bytes=18446744073709551615-", 10, 0, 0, false },
		/* What is not understood asks for all. */
		{ "bytes=4-3", 10, 0, 10, true },
		{ "bytes=-3", 10, 0, 10, true },
		{ "bytes=1-2,4-5", 10, 0, 10, true },
		{ "bytes=+1-", 10, 0, 10, true },
		{ "lines=1-2", 10, 0, 10, true },
		{ "bytes=18446744073709551616-", 10, 0, 10, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint64_t from, count;
		bool there = ask_range(&from, &count, row[i].header,
		    row[i].bytes);

		if (there != row[i].there || (there && (from != row[i].from ||
		    count != row[i].count)))
			fail_msg("%s of %d", row[i].header,
			    (int)row[i].bytes);
	}
}

static void
last_events(void **state)
{
	(void)state;
	assert_int_equal(ask_last_event(NULL), 0);
	assert_int_equal(ask_last_event("7"), 7);
	assert_int_equal(ask_last_event("07"), 0);
	assert_int_equal(ask_last_event("-1"), 0);
	assert_int_equal(ask_last_event("18446744073709551615"), 0);
	assert_int_equal(ask_last_event("seven"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_requests),
		cmocka_unit_test(wrong_requests),
		cmocka_unit_test(a_name_has_a_cap),
		cmocka_unit_test(tokens),
		cmocka_unit_test(ranges),
		cmocka_unit_test(last_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
