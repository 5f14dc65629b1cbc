/* test_web.c -- the pages: what they show is escaped, their style allowed. */
#include "cert/limits.h"
#include "common/sha256.h"
#include "common/text.h"
#include "registry/html.h"
#include "registry/web.h"
#include "tests/test.h"

static const struct web web = { .origin = "log.example.org",
	.url = "http://127.0.0.1:80", .head = { 42, { { 0xab } } },
	.witnessing = "fail-open" };

/* Everything that a reader could take for markup of ours. */
#define HOSTILE "<script>alert(\"1\")</script>&'\001"

static const char *
text_of(struct buf *out, struct writer *w)
{
	assert_ok(wr_end(w, out));
	assert_null(strstr((const char *)out->p, "<script"));
	assert_null(strstr((const char *)out->p, "onload="));
	return (const char *)out->p;
}

static void
test_home(void **state)
{
	struct web home = web;
	struct buf out = { 0 };
	const char *page;
	struct writer w;

	(void)state;
	home.keys = span_str("log <k>&\"\n");
	home.note = span_str("n<o>t\001e\n");
	wr_init(&w, MIB);
	web_home(&w, &home);
	page = text_of(&out, &w);
	assert_non_null(strstr(page, "log &lt;k&gt;&amp;&quot;"));
	assert_non_null(strstr(page, "n&lt;o&gt;te"));
	assert_non_null(strstr(page, "<dd>42 statements</dd>"));
	assert_non_null(strstr(page, "ab00000000"));
	assert_non_null(strstr(page, "http://127.0.0.1:80/checkpoint"));
	assert_non_null(strstr(page, "not judged"));
	assert_non_null(strstr(page, "fail-open: a head may be published"));
	assert_null(strstr(page, "<k>"));
	buf_free(&out);
}

static void
test_policy(void **state)
{
	char policy[HTML_POLICY_MAX], digest[45] = { 0 };
	const char *page, *from, *to;
	struct buf out = { 0 };
	struct writer w;
	struct digest d;

	(void)state;
	wr_init(&w, MIB);
	html_begin(&w, span_str(HOSTILE), "log.example.org");
	html_end(&w);
	page = text_of(&out, &w);
	assert_non_null(strstr(page, "<title>&lt;script&gt;alert(&quot;1&quot;)"
	    "&lt;/script&gt;&amp;&#39;</title>"));
	from = strstr(page, "<style>");
	to = strstr(page, "</style>");
	assert_true(from != NULL && to != NULL);
	from += strlen("<style>");
	d = sha256_of(span_of(from, (size_t)(to - from)));
	text_base64(digest, span_digest(&d));
	html_policy(policy);
	assert_non_null(strstr(policy, digest));
	assert_non_null(strstr(policy, "default-src 'none'"));
	assert_non_null(strstr(policy, "frame-ancestors 'none'"));
	assert_null(strstr(policy, "script-src"));
	assert_null(strstr(policy, "unsafe"));
	buf_free(&out);
}

/* A statement in which every text is hostile. */
#define TEXT "<script>alert(\\\"1\\\")</script>&'"
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define FILE_DIGEST "\"digest\":{\"sha256\":\"" HEX "\"}"

static const char provenance[] =
    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":["
    "{\"name\":\"oms-root\"," FILE_DIGEST "},"
    "{\"name\":\"oms-manifest\"," FILE_DIGEST "},"
    "{\"name\":\"" TEXT ".bin\"," FILE_DIGEST "}],"
    "\"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":{"
    "\"buildDefinition\":{\"buildType\":\"" AICERT_URI "/training/v1\","
    "\"externalParameters\":{\"config\":{\"name\":\"c\",\"sha256\":\"" HEX
    "\"},\"builderKey\":\"" HEX "\",\"version\":2,\"trainer\":\"" TEXT "\","
    "\"command\":[\"x\"],\"inputs\":[],\"outputs\":[\"*\"],\"env\":{}},"
    "\"internalParameters\":{\"sandbox\":{},\"gpus\":[]},"
    "\"resolvedDependencies\":[{\"name\":\"" TEXT "\",\"uri\":\"" TEXT "\","
    FILE_DIGEST ",\"annotations\":{\"role\":\"dataset\",\"license\":\"" TEXT
    "\"}}]},\"runDetails\":{\"builder\":{\"id\":\"" AICERT_URI
    "/builder/self-asserted/v1\",\"version\":{\"aicert\":\"0\"}},"
    "\"metadata\":{\"invocationId\":\"x\",\"startedOn\":"
    "\"2026-11-20T10:00:00Z\",\"finishedOn\":\"2026-11-20T11:00:00Z\"}},"
    "\"" AICERT_URI "/compute/v1\":{\"flops\":{\"value\":\"7\",\"unit\":"
    "\"FLOP\",\"assurance\":\"reported\"},\"wall\":{\"value\":\"3\","
    "\"unit\":\"s\",\"assurance\":\"measured\"}}}}";

static void
test_certificate(void **state)
{
	struct store_row row = { .d = { { 0xcd } } };
	struct web_entry en = { .index = 7, .time_s = 1700000000,
		.row = &row };
	struct buf out = { 0 };
	const char *page;
	struct writer w;

	(void)state;
	assert_ok(buf_copy(&row.type, span_str(
	    "https://slsa.dev/provenance/v1")));
	assert_ok(buf_copy(&row.statement, span_str(provenance)));
	wr_init(&w, MIB);
	web_certificate_begin(&w, &web, &row.d);
	web_entry(&w, &en);
	html_end(&w);
	page = text_of(&out, &w);
	assert_non_null(strstr(page, "self-asserted"));
	assert_non_null(strstr(page, "judges nothing"));
	assert_non_null(strstr(page, "&lt;script&gt;alert(&quot;1&quot;)"
	    "&lt;/script&gt;&amp;&#39;.bin"));
	assert_non_null(strstr(page, "<td>dataset</td>"));
	assert_non_null(strstr(page, "<td>7</td><td>FLOP</td>"
	    "<td>reported</td>"));
	assert_non_null(strstr(page, "<td>3</td><td>s</td>"
	    "<td>measured</td>"));
	assert_non_null(strstr(page, "2023-11-14T22:13:20Z"));
	assert_non_null(strstr(page, "/api/v1/entries/7/tlog-proof"));
	buf_free(&out);

	/* Withheld: nothing of it, but who withholds it. */
	row.withheld = true;
	en.removal = 9;
	buf_free(&row.statement);
	wr_init(&w, MIB);
	web_entry(&w, &en);
	page = text_of(&out, &w);
	assert_non_null(strstr(page, "withheld"));
	assert_non_null(strstr(page, "/api/v1/entries/9"));
	assert_null(strstr(page, "dataset"));
	buf_free(&out);

	/* A type that nobody knows, as whoever signed it wrote it. */
	row.withheld = false;
	buf_free(&row.type);
	assert_ok(buf_copy(&row.type, span_str(HOSTILE)));
	assert_ok(buf_copy(&row.statement, span_str("{}")));
	wr_init(&w, MIB);
	web_entry(&w, &en);
	page = text_of(&out, &w);
	assert_non_null(strstr(page, "&lt;script&gt;"));
	buf_free(&out);
	store_row_free(&row);
}

static void
test_search(void **state)
{
	struct store_found found = { .index = 3, .d = { { 0xee } } };
	struct web_found f = { .found = &found, .n = 1, .more = true,
		.next = 3 };
	struct buf out = { 0 };
	struct search s;
	const char *page;
	struct writer w;

	(void)state;
	search_init(&s);
	assert_true(search_take(&s, span_str("dataset"),
	    span_str("%3Cscript%3E%22%27")));
	assert_ok(buf_copy(&found.type, span_str(HOSTILE)));
	wr_init(&w, MIB);
	web_search(&w, &web, &s, &f);
	page = text_of(&out, &w);
	assert_non_null(strstr(page, "value=\"&lt;script&gt;&quot;&#39;\""));
	assert_non_null(strstr(page,
	    "/search?dataset=%3Cscript%3E%22%27&amp;after=3"));
	assert_non_null(strstr(page, "/certificate/ee00"));
	assert_non_null(strstr(page, "<label for=\"dataset\">"));
	buf_free(&out);
	buf_free(&found.type);
	f = (struct web_found){ 0 };
	wr_init(&w, MIB);
	web_search(&w, &web, &s, &f);
	assert_non_null(strstr(text_of(&out, &w),
	    "The log has no such entry."));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_home),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
