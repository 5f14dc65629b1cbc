/*
 * Every single-bit flip and every truncation of aicert.jsonl and model.sig, of
 * certificates that carry exactly the signatures they need, is refused as not
 * verified: never accepted, and never called right but unknown.  But in line 3,
 * an image release: what is none any more is not judged, and then the policy
 * knows no image.  And but in signature lines of the checkpoint that the
 * policy does not need: those may pass, and are listed.
 *
 * AICERT_FLIP_STRIDE=1 tries all of them, 97 (the default) every 97th.
 */
#include "cert/dsse.h"
#include "common/text.h"
#include "tests/verifier/rows.h"

#define STRIDE 97

#define BUILDER "builder test @builder\n"
#define ROOT "ak-root @root sim simulated unmeasured-boot\n"

static unsigned long stride = STRIDE;

/* What can be damaged. */
enum file { JSONL, SIG, ANCESTOR, FILES };

static const char *const names[FILES] = { "aicert.jsonl", "model.sig",
	"an input's aicert.jsonl" };

/* A certificate as it is judged, and that of its inputs. */
struct setup {
	const char *name;
	const struct policy *policy;
	const struct fixture *f;
	struct span file[FILES];
	struct digest ancestor; /* its D */
};

static enum ac_err
find(void *ctx, struct buf *out, const struct digest *d)
{
	const struct setup *s = ctx;

	return s->file[ANCESTOR].p != NULL && digest_equal(d, &s->ancestor) ?
	    buf_copy(out, s->file[ANCESTOR]) : AC_ERR_NOT_FOUND;
}

static enum verify_verdict
judge(struct setup *s)
{
	struct verification *v = verification_new(s->policy,
	    VERIFY_MODE_LOGGED);
	enum verify_verdict verdict;

	assert_non_null(v);
	verification_ancestors(v, find, s);
	verification_certificate(v, s->file[JSONL], s->file[SIG], 0);
	verification_files(v, s->f->folder, s->f->nfolder);
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

/* Is byte at of the file within a witness's line of a checkpoint? */
static bool
in_witness_line(struct span file, size_t at)
{
	static const char mark[] = "\xe2\x80\x94 witness";
	struct span before = span_of(file.p, at);
	const uint8_t *from = NULL, *p = before.p;

	for (;;) {
		p = memmem(p, (size_t)(file.p + at + sizeof(mark) - 1 - p),
		    mark, sizeof(mark) - 1);
		if (p == NULL)
			break;
		from = p++;
	}
	/* It ends with the escaped line feed of a JSON string. */
	return from != NULL && from <= file.p + at &&
	    memchr(from, '\\', (size_t)(file.p + at - from)) == NULL;
}

/* Is this what damage at byte at of that file leads to? */
static bool
refused(const struct setup *s, enum file which, size_t at,
    enum verify_verdict verdict)
{
	if (verdict == VERIFY_NOT_VERIFIED)
		return true;
	return verdict == VERIFY_REFUSED && (which == ANCESTOR ||
	    (s->f->with_release && which == JSONL && at >= two_lines(s->f)));
}

/* Flips that may pass, as they come: lines of their bytes. */
struct passed {
	unsigned long n;
	size_t first, last; /* bytes of one line so far */
};

static void
end_line(struct passed *p, struct span file)
{
	if (p->n > 0)
		(void)printf("  may pass: byte %zu to %zu, in \"%.*s...\"\n",
		    p->first, p->last, 24, (const char *)file.p + p->first);
}

static void
note_passed(struct passed *p, struct span file, size_t at)
{
	if (p->n > 0 && memchr(file.p + p->last, '\\', at - p->last + 1) !=
	    NULL) {
		end_line(p, file);
		p->first = at;
	} else if (p->n == 0) {
		p->first = at;
	}
	p->last = at;
	p->n++;
}

/* Every flip and cut of one file; how many passed that may. */
static unsigned long
damage(struct setup *s, enum file which, bool witnesses_may)
{
	struct span whole = s->file[which];
	unsigned long flips = 0, cuts = 0;
	struct passed passed = { 0 };
	struct buf copy;

	assert_ok(buf_copy(&copy, whole));
	s->file[which] = buf_span(&copy);
	for (size_t bit = 0; bit < 8 * copy.len; bit += stride) {
		enum verify_verdict verdict;

		copy.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		verdict = judge(s);
		copy.p[bit / 8] = whole.p[bit / 8];
		flips++;
		if (refused(s, which, bit / 8, verdict))
			continue;
		if (verdict != VERIFY_VERIFIED || !witnesses_may ||
		    !in_witness_line(whole, bit / 8))
			fail_msg("%s, %s, bit %zu of byte %zu ('%c'): %s",
			    s->name, names[which], bit % 8, bit / 8,
			    whole.p[bit / 8], verify_verdict_name(verdict));
		note_passed(&passed, whole, bit / 8);
	}
	end_line(&passed, whole);
	for (size_t len = 0; len < whole.len; len += stride) {
		enum verify_verdict verdict;

		s->file[which] = span_of(copy.p, len);
		verdict = judge(s);
		if (!refused(s, which, len, verdict))
			fail_msg("%s, %s cut to %zu bytes: %s", s->name,
			    names[which], len, verify_verdict_name(verdict));
		cuts++;
	}
	(void)printf("%s, %s: %lu of %zu flips tried, %lu of them may pass; "
	    "%lu of %zu truncations refused\n", s->name, names[which], flips,
	    8 * whole.len, passed.n, cuts, whole.len);
	s->file[which] = whole;
	buf_free(&copy);
	return passed.n;
}

/* Make the certificate of form and hook, and damage all its files. */
static unsigned long
damage_all(struct setup *s, const char *form, fixture_hook *hook,
    bool witnesses_may)
{
	static const struct policy_loader loader = { load_nothing, NULL };
	struct message why = { "" };
	struct policy *policy;
	unsigned long passed;
	struct fixture f;

	fixture_make(&f, &rows_keys, form, hook);
	if (policy_parse(&policy, buf_span(&f.policy), &loader, &why) != AC_OK)
		fail_msg("%s", why.text);
	s->policy = policy;
	s->f = &f;
	s->file[JSONL] = buf_span(&f.jsonl);
	s->file[SIG] = buf_span(&f.sig);
	assert_int_equal(judge(s), VERIFY_VERIFIED);
	passed = damage(s, JSONL, witnesses_may);
	assert_int_equal(damage(s, SIG, false), 0);
	if (s->file[ANCESTOR].p != NULL)
		assert_int_equal(damage(s, ANCESTOR, false), 0);
	policy_free(policy);
	fixture_free(&f);
	return passed;
}

static void
damage_both(const char *name, const char *form, fixture_hook *hook)
{
	struct setup s = { .name = name };

	assert_int_equal(damage_all(&s, form, hook, false), 0);
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

/* Three witnesses cosigned, and the policy asks for none. */
static void
more_witnesses(struct fixture *f)
{
	if (f->stage == FIXTURE_CHECKPOINT)
		for (size_t i = 0; i < 3; i++)
			f->cosigned_s[i] = FIXTURE_TIME;
}

static void
unneeded_witnesses(void **state)
{
	struct setup s = { .name = "more witnesses" };

	(void)state;
	/* A cosignature nobody asks for may be anything (C2SP signed-note). */
	assert_true(damage_all(&s, "log @log\nlog-time @time\nquorum none\n"
	    BUILDER ROOT, more_witnesses, true) > 0);
}

/* Both inputs are said to be the model of another certificate. */
static struct fixture parent;

static void
derived(struct fixture *f)
{
	static char named[65], pin[80] = "sha256:";
	struct digest d = dsse_digest(buf_span(&parent.statement));

	if (f->stage != FIXTURE_SETUP)
		return;
	text_hex(named, span_digest(&d));
	text_hex(pin + 7, span_digest(&parent.outputs.root));
	for (size_t i = 0; i < FIXTURE_INPUTS; i++) {
		f->found[i].sha256 = parent.outputs.root;
		f->input[i].certificate = span_str(named);
		f->input[i].pin = span_str(pin);
	}
}

static void
lineage(void **state)
{
	struct setup s = { .name = "derived" };
	static char form[1024];
	char root[65] = { 0 };

	(void)state;
	fixture_make(&parent, &rows_keys, NULL, NULL);
	s.file[ANCESTOR] = buf_span(&parent.jsonl);
	s.ancestor = dsse_digest(buf_span(&parent.statement));
	text_hex(root, span_digest(&parent.root_der));
	(void)snprintf(form, sizeof(form), "log @log\nlog-time @time\n"
	    "quorum none\n" BUILDER ROOT "ak-root %s sim2 simulated "
	    "unmeasured-boot\nrequire certified-inputs\n", root);
	assert_int_equal(damage_all(&s, form, derived, false), 0);
	fixture_free(&parent);
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
		cmocka_unit_test(unneeded_witnesses),
		cmocka_unit_test(lineage),
	};
	const char *asked = getenv("AICERT_FLIP_STRIDE");

	if (asked != NULL)
		stride = strtoul(asked, NULL, 10);
	if (stride == 0)
		stride = STRIDE;
	return rows_main("flips", ROWS(tests));
}
