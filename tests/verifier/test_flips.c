/*
 * Every single-bit flip and every truncation of aicert.jsonl and model.sig, of
 * certificates that carry exactly the signatures they need, is refused as not
 * verified: never accepted, and never called right but unknown.  But in line 3,
 * an image release: what is none any more is not judged, and then the policy
 * knows no image.
 *
 * AICERT_FLIP_STRIDE=1 tries all of them, 97 (the default) every 97th.
 */
#include "tests/verifier/rows.h"

#define STRIDE 97

#define BUILDER "builder test @builder\n"
#define ROOT "ak-root @root sim simulated unmeasured-boot\n"

static unsigned long stride = STRIDE;

static enum verify_verdict
judge(const struct policy *policy, const struct fixture *f, struct span jsonl,
    struct span sig)
{
	struct verification *v = verification_new(policy, VERIFY_MODE_LOGGED);
	enum verify_verdict verdict;

	assert_non_null(v);
	verification_certificate(v, jsonl, sig, 0);
	verification_files(v, f->folder, f->nfolder);
	verdict = verification_verdict(v);
	verification_free(v);
	return verdict;
}

static enum ac_err
load_nothing(void *ctx, struct buf *out, const char *path)
{
	(void)ctx;
	(void)out;
	(void)path;
	return AC_ERR_NOT_FOUND;
}

/* Where line 3 begins; the end, where there is none. */
static size_t
two_lines(const struct fixture *f)
{
	size_t at = 0;

	for (size_t lf = 0; at < f->jsonl.len && lf < 2; at++)
		lf += f->jsonl.p[at] == '\n';
	return at;
}

/* Is this what damage at byte at of the certificate leads to? */
static bool
refused(enum verify_verdict verdict, const struct fixture *f, bool model_sig,
    size_t at)
{
	return verdict == VERIFY_NOT_VERIFIED || (verdict == VERIFY_REFUSED &&
	    f->with_release && !model_sig && at >= two_lines(f));
}

static void
damage(const char *name, const struct policy *policy, const struct fixture *f,
    bool model_sig)
{
	const struct buf *file = model_sig ? &f->sig : &f->jsonl;
	unsigned long flips = 0, cuts = 0;
	struct buf copy;

	assert_ok(buf_copy(&copy, buf_span(file)));
	for (size_t bit = 0; bit < 8 * copy.len; bit += stride) {
		enum verify_verdict verdict;

		copy.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		verdict = judge(policy, f, model_sig ? buf_span(&f->jsonl) :
		    buf_span(&copy), model_sig ? buf_span(&copy) :
		    buf_span(&f->sig));
		if (!refused(verdict, f, model_sig, bit / 8))
			fail_msg("%s, bit %zu of byte %zu ('%c'): %s", name,
			    bit % 8, bit / 8, file->p[bit / 8],
			    verify_verdict_name(verdict));
		copy.p[bit / 8] = file->p[bit / 8];
		flips++;
	}
	for (size_t len = 0; len < copy.len; len += stride) {
		struct span cut = span_of(copy.p, len);
		enum verify_verdict verdict = judge(policy, f, model_sig ?
		    buf_span(&f->jsonl) : cut, model_sig ? cut :
		    buf_span(&f->sig));

		if (!refused(verdict, f, model_sig, len))
			fail_msg("%s, cut to %zu bytes: %s", name, len,
			    verify_verdict_name(verdict));
		cuts++;
	}
	(void)printf("%s: %lu of %zu flips, %lu of %zu truncations refused\n",
	    name, flips, 8 * copy.len, cuts, copy.len);
	buf_free(&copy);
}

static void
damage_both(const char *name, const char *form, fixture_hook *hook)
{
	static const struct policy_loader loader = { load_nothing, NULL };
	struct message why = { "" };
	struct policy *policy;
	struct fixture f;
	char what[128];

	fixture_make(&f, &rows_keys, form, hook);
	if (policy_parse(&policy, buf_span(&f.policy), &loader, &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_int_equal(judge(policy, &f, buf_span(&f.jsonl),
	    buf_span(&f.sig)), VERIFY_VERIFIED);
	(void)snprintf(what, sizeof(what), "%s, aicert.jsonl", name);
	damage(what, policy, &f, false);
	(void)snprintf(what, sizeof(what), "%s, model.sig", name);
	damage(what, policy, &f, true);
	policy_free(policy);
	fixture_free(&f);
}

/* Needed are the log's line and its time. */
static void
by_log_time(void **state)
{
	(void)state;
	damage_both("measured", "log @log\nlog-time @time\nquorum none\n"
	    BUILDER ROOT, NULL);
}

/* Nothing waived: line 3 and the boot log are needed too. */
static void
with_release(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		fixture_with_release(f);
}

static void
booted(void **state)
{
	(void)state;
	damage_both("booted", "log @log\nlog-time @time\nquorum none\n"
	    BUILDER "ak-root @root sim simulated\nimage ours @release\n"
	    "pcr 0 @pcr0.\npcr 1 @pcr1.\npcr 3 @pcr3.\npcr 5 @pcr5.\n"
	    "pcr 7 @pcr7.\n", with_release);
}

/* Needed are the log's line and one witness's. */
static void
one_witness(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		f->log_time = false;
	if (f->stage == FIXTURE_CHECKPOINT)
		f->cosigned_s[0] = FIXTURE_TIME;
}

static void
by_witness(void **state)
{
	(void)state;
	damage_both("witnessed", "log @log\nwitness w @w0\nquorum w\n" BUILDER
	    ROOT, one_witness);
}

static void
one_line(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		fixture_self_asserted(f);
}

static void
self_asserted(void **state)
{
	(void)state;
	damage_both("self-asserted", "log @log\nlog-time @time\nquorum none\n"
	    BUILDER "allow self-asserted\n", one_line);
}

static void
on_snp(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		fixture_with_snp(f);
}

static void
confidential(void **state)
{
	(void)state;
	damage_both("confidential", "log @log\nlog-time @time\nquorum none\n"
	    BUILDER ROOT "ak-root @ark amd snp id-key @idkey\n"
	    "require confidential\n", on_snp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_log_time),
		cmocka_unit_test(booted),
		cmocka_unit_test(by_witness),
		cmocka_unit_test(self_asserted),
		cmocka_unit_test(confidential),
	};
	const char *asked = getenv("AICERT_FLIP_STRIDE");

	if (asked != NULL)
		stride = strtoul(asked, NULL, 10);
	if (stride == 0)
		stride = STRIDE;
	return rows_main("flips", ROWS(tests));
}
