/* test_problem.c -- the problem documents, and the table that explains them. */
#include "cert/json.h"
#include "cert/limits.h"
#include "common/file.h"
#include "registry/problem.h"
#include "tests/test.h"

static void
test_documents(void **state)
{
	struct digest d = { { 1, 2, 3 } };

	(void)state;
	for (int p = 0; p < PROBLEM_COUNT; p++) {
		const struct problem_kind *k = problem_kind((enum problem)p);
		struct json_doc doc = { 0 };
		struct reply r = { 0 };
		char type[128];
		uint64_t status;
		struct digest got;

		problem_reply(&r, (enum problem)p, "say \"why\"\n",
		    p % 2 == 0 ? &d : NULL);
		assert_int_equal(r.status, k->status);
		assert_int_equal(r.problem, p + 1);
		assert_string_equal(r.cache, "no-store");
		assert_int_equal(r.retry_after_s > 0, r.status == 503);
		assert_ok(json_parse(&doc, buf_span(&r.body)));
		assert_true(json_closed(json_root(&doc),
		    "type title status detail stored?"));
		(void)snprintf(type, sizeof(type), AICERT_URI "/problem/%s",
		    k->name);
		assert_true(json_is(json_get(json_root(&doc), "type"), type));
		assert_true(json_is(json_get(json_root(&doc), "detail"),
		    "say \"why\"\n"));
		assert_true(json_uint(json_get(json_root(&doc), "status"),
		    &status, 599));
		assert_int_equal(status, k->status);
		if (p % 2 == 0) {
			assert_true(json_digest(json_get(json_root(&doc),
			    "stored"), &got));
			assert_true(digest_equal(&got, &d));
		}
		json_free(&doc);
		reply_free(&r);
	}
}

static void
test_each_is_documented(void **state)
{
	struct buf text = { 0 };

	(void)state;
	assert_ok(file_read(&text, AICERT_SOURCE "/docs/registry-errors.md",
	    MIB));
	for (int p = 0; p < PROBLEM_COUNT; p++) {
		const struct problem_kind *k = problem_kind((enum problem)p);
		char row[64];

		(void)snprintf(row, sizeof(row), "\n| %u | `%s` | ", k->status,
		    k->name);
		assert_non_null(strstr((const char *)text.p, row));
	}
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_each_is_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
