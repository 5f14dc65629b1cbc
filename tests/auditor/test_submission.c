/* add-checkpoint requests: one form, and no other. */
#include "auditor/submission.h"
#include "common/writer.h"
#include "tests/test.h"

#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

static enum ac_err
parse(struct submission *s, const char *text)
{
	return submission_parse(s, span_str(text));
}

static void
good(void **state)
{
	struct submission s;

	(void)state;
	assert_ok(parse(&s, "old 0\n\n"));
	assert_int_equal(s.old, 0);
	assert_int_equal(s.nproof, 0);
	assert_int_equal(s.note.len, 0);
	assert_ok(parse(&s, "old 9223372036854775807\n" HASH HASH "\nnote\n\n"));
	assert_true(s.old == MERKLE_SIZE_MAX);
	assert_int_equal(s.nproof, 2);
	assert_true(span_is(s.note, "note\n\n"));
}

static void
bad(void **state)
{
	static const char *const texts[] = {
		"", "\n", "old 1", "old 1\n", "old\n\n", "old \n\n",
		"old 01\n\n", "old -1\n\n", "old 1 \n\n", "old  1\n\n",
		" old 1\n\n", "OLD 1\n\n", "old 1\r\n\r\n",
		"old 9223372036854775808\n\n", "old 1\nA\n\n",
		"old 1\n" HASH, "old 1\n" HASH "=\n\n",
		"old 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n\n",
	};
	struct submission s;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse(&s, texts[i]) != AC_ERR_FORMAT)
			fail_msg("accepted: %s", texts[i]);
}

static void
limits(void **state)
{
	struct submission s;
	struct buf b = { 0 };
	struct writer w;

	(void)state;
	for (unsigned n = SUBMISSION_PROOF_MAX; n <= SUBMISSION_PROOF_MAX + 1;
	    n++) {
		wr_init(&w, SUBMISSION_MAX);
		wr_str(&w, "old 1\n");
		for (unsigned i = 0; i < n; i++)
			wr_str(&w, HASH);
		wr_str(&w, "\nx");
		assert_ok(wr_end(&w, &b));
		assert_int_equal(submission_parse(&s, buf_span(&b)),
		    n == SUBMISSION_PROOF_MAX ? AC_OK : AC_ERR_FORMAT);
		buf_free(&b);
	}
	wr_init(&w, SUBMISSION_MAX + 1);
	wr_str(&w, "old 1\n\n");
	while (w.len < SUBMISSION_MAX)
		wr_u8(&w, 'x');
	assert_ok(submission_parse(&s, span_of(w.p, w.len)));
	wr_u8(&w, 'x');
	assert_int_equal(submission_parse(&s, span_of(w.p, w.len)),
	    AC_ERR_LIMIT);
	wr_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
