/* Revocations, removals and states: one encoding each. */
#include "cert/revocation.h"
#include "common/sha256.h"
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ORIGIN "log.example.org"
#define HEAD(name) "{\"_type\":\"https://in-toto.io/Statement/v1\"," \
    "\"subject\":[{\"name\":\"" name "\",\"digest\":{\"sha256\":\"" \
    "0707070707070707070707070707070707070707070707070707070707070707" \
    "\"}}],\"predicateType\":\"https://aicert.mithrilsecurity.io/"
#define ALL HEAD("statement") "revocation/v1\",\"predicate\":" \
    "{\"scope\":\"all\",\"reason\":\"key lost\"}}"
#define FROM HEAD("key") "revocation/v1\",\"predicate\":" \
    "{\"scope\":\"from\",\"from\":{\"origin\":\"" ORIGIN "\"," \
    "\"index\":41},\"reason\":\"\"}}"
#define REMOVAL HEAD("statement") "removal/v1\",\"predicate\":" \
    "{\"reason\":\"by \\\"law\\\"\"}}"
#define STATE HEAD("revocations") "revocation-state/v1\",\"predicate\":" \
    "{\"origin\":\"" ORIGIN "\",\"treeSize\":9007199254740991,\"count\":2}}"

static enum ac_err
decode(struct span bytes)
{
	struct revocation r = { 0 };
	enum ac_err e = revocation_decode(&r, bytes);

	revocation_free(&r);
	return e;
}

/* What the encoder makes of r. */
static void
assert_encodes(struct revocation r, const char *want)
{
	struct revocation again = { 0 };
	struct buf b = { 0 };

	assert_ok(revocation_encode(&b, &r));
	assert_string_equal((const char *)b.p, want);
	assert_ok(revocation_decode(&again, buf_span(&b)));
	assert_int_equal(again.kind, r.kind);
	assert_int_equal(again.target, r.target);
	assert_true(digest_equal(&again.digest, &r.digest));
	assert_int_equal(again.from, r.from);
	assert_true(span_equal(again.origin, r.origin));
	assert_true(span_equal(again.reason, r.reason));
	assert_int_equal(again.index, r.index);
	assert_int_equal(again.tree_size, r.tree_size);
	assert_int_equal(again.count, r.count);
	revocation_free(&again);
	buf_free(&b);
}

static void
round_trip(void **state)
{
	struct digest d = sample_digest(7);

	(void)state;
	assert_encodes((struct revocation){ .kind = REVOCATION, .digest = d,
	    .reason = span_str("key lost") }, ALL);
	assert_encodes((struct revocation){ .kind = REVOCATION,
	    .target = REVOCATION_KEY, .digest = d, .from = true,
	    .origin = span_str(ORIGIN), .index = 41 }, FROM);
	assert_encodes((struct revocation){ .kind = REVOCATION_REMOVAL,
	    .digest = d, .reason = span_str("by \"law\"") }, REMOVAL);
	assert_encodes((struct revocation){ .kind = REVOCATION_STATE,
	    .digest = d, .origin = span_str(ORIGIN),
	    .tree_size = JSON_INT_MAX, .count = 2 }, STATE);
	assert_ok(decode(span_str(HEAD("image-release") "revocation/v1\","
	    "\"predicate\":{\"scope\":\"all\",\"reason\":\"\xc2\xa0\"}}")));
	assert_true(revocation_is(span_str(TYPE_REVOCATION)));
	assert_true(revocation_is(span_str(TYPE_REMOVAL)));
	assert_true(revocation_is(span_str(TYPE_REVOCATION_STATE)));
	assert_false(revocation_is(span_str(TYPE_EVIDENCE)));
	assert_false(revocation_is(span_str("")));
}

/* What no kind may have. */
static void
refused_everywhere(void **state)
{
	static const struct wrong wrong[] = {
		{ "unknown predicate type", "/v1\",\"predicate\"",
		    "/v2\",\"predicate\"", 0 },
		{ "another kind's type", "mithrilsecurity.io/",
		    "mithrilsecurity.io/x", 0 },
		{ "white space", "{\"_type\"", "{ \"_type\"", 0 },
		{ "a line feed after", NULL, "\n", 0 },
		{ "unknown member", "\"predicate\":{",
		    "\"predicate\":{\"x\":1,", 0 },
		{ "unknown member at the end", "}}", ",\"x\":1}}", 0 },
		{ "predicate a list", "\"predicate\":", "\"predicate\":[],\"p\":",
		    0 },
		{ "two subjects", "\"subject\":[", "\"subject\":[{\"name\":\"a\""
		    ",\"digest\":{\"sha256\":\"" ZEROS "\"}},", 0 },
		{ "unknown subject", "[{\"name\":\"", "[{\"name\":\"x", 0 },
		{ "subject with a uri", "\"digest\"", "\"uri\":\"\",\"digest\"",
		    0 },
		{ "digest of another algorithm", "sha256", "sha512", 0 },
		{ "digest in capitals", "\"07", "\"AF", 0 },
		{ "digest too short", "\"07", "\"", 0 },
		{ "an escape that is not needed", "\"name\":\"",
		    "\"n\\u0061me\":\"", 0 },
		{ "the type after the subject",
		    "{\"_type\":\"https://in-toto.io/Statement/v1\"", "{", 0 },
	};
	static const char *const right[] = { ALL, FROM, REMOVAL, STATE };

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++) {
		wrong_check(span_str(right[i]), wrong, COUNT(wrong), decode);
		wrong_check_truncated(span_str(right[i]), decode);
	}
}

static void
refused_revocations(void **state)
{
	static const struct wrong all[] = {
		{ "unknown scope", "\"all\"", "\"some\"", 0 },
		{ "scope in capitals", "\"all\"", "\"All\"", 0 },
		{ "scope missing", "\"scope\":\"all\",", "", 0 },
		{ "scope null", "\"all\"", "null", 0 },
		{ "scope from without from", "\"all\"", "\"from\"", 0 },
		{ "reason missing", ",\"reason\":\"key lost\"", "", 0 },
		{ "reason null", "\"key lost\"", "null", 0 },
		{ "reason a list", "\"key lost\"", "[\"key lost\"]", 0 },
		{ "reason of two lines", "key lost", "key\\nlost", 0 },
		{ "reason with an escape sequence", "key", "\\u001b[2J", 0 },
		{ "reason with DEL", "key", "\x7f", 0 },
		{ "reason with a control of C1", "key", "\xc2\x9b", 0 },
		{ "reason not UTF-8", "key", "\xff", 0 },
		{ "reason first", "\"scope\":\"all\",\"reason\":\"key lost\"",
		    "\"reason\":\"key lost\",\"scope\":\"all\"", 0 },
		{ "subject of a state", "\"statement\"", "\"revocations\"", 0 },
		{ "subject image", "\"statement\"", "\"image\"", 0 },
		{ "the predicate of a state", "\"scope\":\"all\",\"reason\":"
		    "\"key lost\"", "\"origin\":\"a\",\"treeSize\":1,"
		    "\"count\":0", 0 },
		{ "a removal's type", "revocation/v1", "removal/v1", 0 },
		{ "scope all with from", "\"all\"", "\"all\",\"from\":{"
		    "\"origin\":\"a\",\"index\":1}", 0 },
	};
	static const struct wrong from[] = {
		{ "index a string", ":41", ":\"41\"", 0 },
		{ "index negative", ":41", ":-1", 0 },
		{ "index with a fraction", ":41", ":41.5", 0 },
		{ "index over 2^53 - 1", ":41", ":9007199254740992", 0 },
		{ "index 041", ":41", ":041", 0 },
		{ "index 41.0", ":41", ":41.0", 0 },
		{ "index missing", ",\"index\":41", "", 0 },
		{ "origin missing", "\"origin\":\"" ORIGIN "\",", "", 0 },
		{ "origin empty", ORIGIN, "", 0 },
		{ "origin a number", "\"" ORIGIN "\"", "1", 0 },
		{ "origin with a line feed", ORIGIN, "a\\nb", 0 },
		{ "index before origin", "\"origin\":\"" ORIGIN "\","
		    "\"index\":41", "\"index\":41,\"origin\":\"" ORIGIN "\"",
		    0 },
		{ "unknown member of from", "\"index\"", "\"x\":1,\"index\"",
		    0 },
		{ "from a list", "{\"origin\"", "[],\"f\":{\"origin\"", 0 },
		{ "scope all with from", "\"scope\":\"from\"",
		    "\"scope\":\"all\"", 0 },
	};

	(void)state;
	wrong_check(span_str(ALL), all, COUNT(all), decode);
	wrong_check(span_str(FROM), from, COUNT(from), decode);
}

static void
refused_of_registry(void **state)
{
	static const struct wrong removal[] = {
		{ "of an image release", "\"statement\"", "\"image-release\"",
		    0 },
		{ "of a key", "\"statement\"", "\"key\"", 0 },
		{ "of the revocations", "\"statement\"", "\"revocations\"", 0 },
		{ "with a scope", "{\"reason\"", "{\"scope\":\"all\",\"reason\"",
		    0 },
		{ "with from", "{\"reason\"", "{\"from\":{\"origin\":\"a\","
		    "\"index\":1},\"reason\"", 0 },
		{ "reason missing", "\"reason\":\"by \\\"law\\\"\"", "", 0 },
		{ "reason a number", "\"by \\\"law\\\"\"", "451", 0 },
		{ "reason with a tab", "by ", "by\\t", 0 },
		{ "member Reason", "\"reason\"", "\"Reason\"", 0 },
	};
	static const struct wrong right[] = {
		{ "of a statement", "\"revocations\"", "\"statement\"", 0 },
		{ "origin missing", "\"origin\":\"" ORIGIN "\",", "", 0 },
		{ "origin empty", ORIGIN, "", 0 },
		{ "tree size missing", "\"treeSize\":9007199254740991,", "",
		    0 },
		{ "tree size a string", "9007199254740991",
		    "\"9007199254740991\"", 0 },
		{ "tree size over 2^53 - 1", "9007199254740991",
		    "9007199254740992", 0 },
		{ "count missing", ",\"count\":2", "", 0 },
		{ "count negative", "\"count\":2", "\"count\":-2", 0 },
		{ "count first", "{\"origin\"", "{\"count\":2,\"origin\"", 0 },
		{ "count null", "\"count\":2", "\"count\":null", 0 },
		{ "a reason", "\"count\":2", "\"count\":2,\"reason\":\"\"", 0 },
	};

	(void)state;
	wrong_check(span_str(REMOVAL), removal, COUNT(removal), decode);
	wrong_check(span_str(STATE), right, COUNT(right), decode);
}

static enum ac_err
encode(const struct revocation *r)
{
	struct buf b = { 0 };
	enum ac_err e = revocation_encode(&b, r);

	buf_free(&b);
	return e;
}

static void
limits(void **state)
{
	char text[TEXT_MAX + 2];
	struct revocation r = { .kind = REVOCATION,
		.origin = span_str("a") };

	(void)state;
	memset(text, 'a', sizeof(text));
	r.reason = span_of(text, TEXT_MAX);
	assert_ok(encode(&r));
	r.reason.len++;
	assert_int_equal(encode(&r), AC_ERR_LIMIT);
	r.reason.len = 0;
	r.from = true;
	assert_ok(encode(&r));
	r.index = JSON_INT_MAX;
	assert_ok(encode(&r));
	r.index++;
	assert_int_equal(encode(&r), AC_ERR_LIMIT);
	r.index = 0;
	r.origin = span_of(text, TEXT_MAX + 1);
	assert_int_equal(encode(&r), AC_ERR_LIMIT);
	r.origin.len = 0;
	assert_int_equal(encode(&r), AC_ERR_FORMAT);
	r = (struct revocation){ .kind = REVOCATION_STATE,
		.origin = span_str("a"), .count = JSON_INT_MAX };
	assert_ok(encode(&r));
	r.count++;
	assert_int_equal(encode(&r), AC_ERR_LIMIT);
	r.count = 0;
	r.tree_size = (uint64_t)JSON_INT_MAX + 1;
	assert_int_equal(encode(&r), AC_ERR_LIMIT);
}

static void
list_digest(void **state)
{
	struct digest d[2] = { sample_digest(1), sample_digest(2) };
	struct digest none = sha256_of(span_str(""));
	struct digest both = sha256_of2(span_digest(&d[0]),
	    span_digest(&d[1]));
	struct digest got = revocation_list_digest(NULL, 0);

	(void)state;
	assert_true(digest_equal(&got, &none));
	got = revocation_list_digest(d, 2);
	assert_true(digest_equal(&got, &both));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refused_everywhere),
		cmocka_unit_test(refused_revocations),
		cmocka_unit_test(refused_of_registry),
		cmocka_unit_test(limits),
		cmocka_unit_test(list_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
