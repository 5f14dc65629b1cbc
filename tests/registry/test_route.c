/* test_route.c -- targets, methods and headers to places or refusals. */
#include "common/text.h"
#include "registry/route.h"
#include "tests/test.h"

#define HEX64 "00112233445566778899aabbccddeeff" \
    "00112233445566778899aabbccddeeff"

static bool
parse(struct route *r, unsigned *status, const char *method,
    const char *target, const char *type, uint64_t length)
{
	struct route_request req = { .method = method, .target = target,
		.content_type = type, .has_length = true, .length = length };
	struct reply refusal = { 0 };
	bool good = route_parse(r, &refusal, &req);

	*status = good ? 200 : refusal.status;
	if (!good) {
		assert_true(refusal.body.len > 0);
		assert_string_equal(refusal.type, "application/problem+json");
		assert_int_equal(refusal.status == 405, refusal.allow != NULL);
	}
	reply_free(&refusal);
	return good;
}

static void
test_places(void **state)
{
	static const struct {
		const char *target;
		enum route_place place;
	} right[] = {
		{ "/", ROUTE_PAGE },
		{ "/?", ROUTE_PAGE },
		{ "http://log.example.org", ROUTE_PAGE },
		{ "HTTPS://log.example.org/checkpoint", ROUTE_CHECKPOINT },
		{ "/healthz", ROUTE_HEALTH },
		{ "/checkpoint", ROUTE_CHECKPOINT },
		{ "/trusted_root.json", ROUTE_TRUSTED_ROOT },
		{ "/tile/0/000", ROUTE_TILE },
		{ "/tile/7/x123/456.p/255", ROUTE_TILE },
		{ "/tile/entries/x001/x234/067", ROUTE_TILE },
		{ "/api/v1/log-keys", ROUTE_LOG_KEYS },
		{ "/api/v1/statements/" HEX64, ROUTE_STATEMENT },
		{ "/api/v1/certificates/" HEX64, ROUTE_CERTIFICATE },
		{ "/api/v1/certificates/" HEX64 "?key=" HEX64,
		    ROUTE_CERTIFICATE },
		{ "/api/v1/by-digest/sha256/" HEX64, ROUTE_BY_DIGEST },
		{ "/api/v1/by-digest/gitCommit/00ff?from=3", ROUTE_BY_DIGEST },
		{ "/api/v1/proof/inclusion?index=0", ROUTE_INCLUSION },
		{ "/api/v1/proof/inclusion?size=9&index=8", ROUTE_INCLUSION },
		{ "/api/v1/proof/inclusion?hash=" HEX64, ROUTE_INCLUSION },
	};
	unsigned status;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct route r = { 0 };

		assert_true(parse(&r, &status, "GET", right[i].target, NULL,
		    0));
		assert_int_equal(r.place, right[i].place);
		assert_true(parse(&r, &status, "HEAD", right[i].target, NULL,
		    0));
	}
}

static void
test_arguments(void **state)
{
	struct route r = { 0 };
	struct digest d;
	unsigned status;

	(void)state;
	assert_true(text_unhex_digest(&d, span_str(HEX64)));
	assert_true(parse(&r, &status, "GET", "/api/v1/certificates/" HEX64
	    "?key=" HEX64, NULL, 0));
	assert_true(digest_equal(&r.d, &d) && r.has_key);
	assert_true(digest_equal(&r.key, &d));
	assert_true(parse(&r, &status, "GET",
	    "/api/v1/by-digest/gitCommit/00ff?from=3", NULL, 0));
	assert_string_equal(r.alg, "gitCommit");
	assert_int_equal(r.valuelen, 2);
	assert_memory_equal(r.value, "\x00\xff", 2);
	assert_int_equal(r.from, 3);
	assert_true(parse(&r, &status, "GET",
	    "/api/v1/proof/inclusion?index=9223372036854775807", NULL, 0));
	assert_true(r.index == MERKLE_SIZE_MAX && !r.has_size);
	assert_true(parse(&r, &status, "GET", "/tile/entries/x001/002.p/3",
	    NULL, 0));
	assert_true(r.entries && r.tile.index == 1002 && r.tile.width == 3);
}

static void
test_wrong_targets(void **state)
{
	static const struct {
		const char *target;
		unsigned status;
	} wrong[] = {
		{ "", 404 }, { "*", 404 }, { "x", 404 }, { "//", 404 },
		{ "/x", 404 }, { "/checkpoint/", 404 }, { "/Checkpoint", 404 },
		{ "/checkpoint%00", 404 }, { "/api/v1", 404 },
		{ "/api/v2/log-keys", 404 }, { "/tile", 404 }, { "/tile/", 404 },
		{ "/tile/0/000/", 404 }, { "/tile/0/../000", 404 },
		{ "/tile/0/00", 404 }, { "/tile/0/000.p/0", 404 },
		{ "/tile/0/000.p/256", 404 }, { "/tile/64/000", 404 },
		{ "ftp://log.example.org/", 404 },
		{ "/checkpoint?a=b", 400 }, { "/checkpoint?a", 400 },
		{ "/api/v1/statements/", 400 },
		{ "/api/v1/statements/" HEX64 "0", 400 },
		{ "/api/v1/statements/" HEX64 "?key=" HEX64, 400 },
		{ "/api/v1/certificates/" HEX64 "?key=", 400 },
		{ "/api/v1/certificates/" HEX64 "?key=" HEX64 "&key=" HEX64,
		    400 },
		{ "/api/v1/by-digest", 404 },
		{ "/api/v1/by-digest/sha256", 400 },
		{ "/api/v1/by-digest//00", 400 },
		{ "/api/v1/by-digest/sha256/", 400 },
		{ "/api/v1/by-digest/sha256/0", 400 },
		{ "/api/v1/by-digest/sha256/0G", 400 },
		{ "/api/v1/by-digest/a+b/00", 400 },
		{ "/api/v1/by-digest/sha512/" HEX64 HEX64 "00", 400 },
		{ "/api/v1/proof/inclusion", 400 },
		{ "/api/v1/proof/inclusion?size=3", 400 },
		{ "/api/v1/proof/inclusion?index=1&index=1", 400 },
		{ "/api/v1/proof/inclusion?index=1&hash=" HEX64, 400 },
		{ "/api/v1/proof/inclusion?index=9223372036854775808", 400 },
		{ "/api/v1/proof/inclusion?index=%31", 400 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct route r;
		unsigned status;

		assert_false(parse(&r, &status, "GET", wrong[i].target, NULL,
		    0));
		assert_int_equal(status, wrong[i].status);
	}
}

static void
test_submit(void **state)
{
	const char *at = "/api/v1/certificates";
	struct route_request chunked = { .method = "POST", .target = at,
		.content_type = "application/jsonl" };
	struct reply refusal = { 0 };
	struct route r;
	unsigned status;

	(void)state;
	assert_true(parse(&r, &status, "POST", at, "application/jsonl", 10));
	assert_int_equal(r.place, ROUTE_SUBMIT);
	assert_true(parse(&r, &status, "POST", at,
	    "Application/JSONL; charset=utf-8", CERTIFICATE_MAX));
	assert_false(parse(&r, &status, "POST", at, "application/jsonl",
	    CERTIFICATE_MAX + 1));
	assert_int_equal(status, 413);
	assert_false(parse(&r, &status, "POST", at, NULL, 1));
	assert_int_equal(status, 415);
	assert_false(parse(&r, &status, "POST", at, "application/jsonlx", 1));
	assert_int_equal(status, 415);
	assert_false(parse(&r, &status, "post", at, "application/jsonl", 1));
	assert_int_equal(status, 405);
	assert_false(parse(&r, &status, "GET", at, NULL, 0));
	assert_int_equal(status, 405);
	assert_false(parse(&r, &status, "POST", "/", "application/jsonl", 1));
	assert_int_equal(status, 405);
	assert_false(parse(&r, &status, "GET", "/", NULL, 1));
	assert_int_equal(status, 413);
	assert_false(route_parse(&r, &refusal, &chunked));
	assert_int_equal(refusal.status, 411);
	reply_free(&refusal);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_wrong_targets),
		cmocka_unit_test(test_submit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
