/* test_web.c -- the page: what it shows is escaped, its style is allowed. */
#include "common/sha256.h"
#include "common/text.h"
#include "registry/web.h"
#include "tests/test.h"

static void
test_page(void **state)
{
	struct web web = { .origin = "log.example.org",
		.url = "http://127.0.0.1:80", .keys = span_str("log <k>&\"\n"),
		.head = { 42, { { 0xab } } }, .note = span_str("n<o>t\001e\n"),
		.witnessing = "fail-open" };
	char policy[WEB_POLICY_MAX], digest[45] = { 0 };
	const char *page, *from, *to;
	struct buf out = { 0 };
	struct digest d;

	(void)state;
	assert_ok(web_page(&out, &web));
	page = (const char *)out.p;
	assert_non_null(strstr(page, "log &lt;k&gt;&amp;&quot;"));
	assert_non_null(strstr(page, "n&lt;o&gt;te"));
	assert_non_null(strstr(page, "<dd>42 statements</dd>"));
	assert_non_null(strstr(page, "ab00000000"));
	assert_non_null(strstr(page, "http://127.0.0.1:80/checkpoint"));
	assert_non_null(strstr(page, "not judged"));
	assert_null(strstr(page, "<script"));
	assert_null(strstr(page, "<k>"));

	from = strstr(page, "<style>");
	assert_non_null(from);
	to = strstr(page, "</style>");
	assert_non_null(to);
	from += strlen("<style>");
	d = sha256_of(span_of(from, (size_t)(to - from)));
	text_base64(digest, span_digest(&d));
	web_policy(policy);
	assert_non_null(strstr(policy, digest));
	assert_non_null(strstr(policy, "default-src 'none'"));
	assert_non_null(strstr(policy, "frame-ancestors 'none'"));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
