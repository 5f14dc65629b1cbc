/*
 * Step 18: inputs that are said to have a certificate, with it at hand, with
 * another, with a wrong one, and with none.
 */
#include "cert/dsse.h"
#include "common/text.h"
#include "tests/verifier/rows.h"

#define TRUST                                                                 \
	"log @log\nlog-time @time\nquorum none\nbuilder test @builder\n"      \
	"ak-root @root sim simulated unmeasured-boot\n"

#define OPEN .step = VERIFY_LINEAGE, .status = VERIFY_NOT_CHECKED
#define HOLDS .step = VERIFY_LINEAGE, .status = VERIFY_OK
#define UNMET .step = VERIFY_LINEAGE, .status = VERIFY_NOT_ACCEPTED

#define DEEP 10

/* Certificates at hand: each but the first has the one before as an input. */
static struct ancestor {
	struct buf jsonl;
	struct digest d, root, ak_root;
} line[DEEP];
static size_t nline;
static size_t shown; /* so many of them are at hand */
static bool other;   /* what is found is not what was asked for */

static enum ac_err
find(void *ctx, struct buf *out, const struct digest *d)
{
	(void)ctx;
	for (size_t i = 0; i < shown; i++)
		if (digest_equal(&line[i].d, d))
			return buf_copy(out,
			    buf_span(&line[other ? 0 : i].jsonl));
	return AC_ERR_NOT_FOUND;
}

/* TRUST, the AK roots of all ancestors, and one line more. */
static const char *
policy(const char *more)
{
	static char text[4096];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s%s", TRUST, more);

	for (size_t i = 0; i < nline; i++) {
		char hex[65] = { 0 };

		text_hex(hex, span_digest(&line[i].ak_root));
		assert_true(n < sizeof(text));
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "ak-root %s sim%zu simulated unmeasured-boot\n", hex, i);
	}
	return text;
}

/* Input i is ancestor k, or has the digest of another model. */
static void
derive(struct fixture *f, size_t i, size_t k, bool same)
{
	static char named[2][65], pin[2][80];

	text_hex(named[i], span_digest(&line[k].d));
	f->found[i].sha256 = line[k].root;
	if (!same)
		f->found[i].sha256.b[0] ^= 1;
	memcpy(pin[i], "sha256:", 7);
	text_hex(pin[i] + 7, span_digest(&f->found[i].sha256));
	f->input[i].certificate = span_str(named[i]);
	f->input[i].pin = span_str(pin[i]);
}

static void
keep(struct fixture *f)
{
	struct ancestor *a = &line[nline++];

	a->d = dsse_digest(buf_span(&f->statement));
	a->root = f->outputs.root;
	a->ak_root = f->root_der;
	a->jsonl = f->jsonl;
	f->jsonl = (struct buf){ 0 }; /* transferred */
	fixture_free(f);
}

/* At FIXTURE_SETUP. */
static void
on_the_one_before(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		derive(f, 1, nline - 1, true);
}

HOOK(parent, derive(f, 1, 0, true));
HOOK(grandparent, derive(f, 1, 1, true));
HOOK(deep, derive(f, 1, DEEP - 1, true));
HOOK(other_root, derive(f, 1, 0, false));

static void
both(struct fixture *f)
{
	derive(f, 0, 0, true);
	derive(f, 1, 0, true);
}

static void
diamond(struct fixture *f)
{
	derive(f, 0, 0, true);
	derive(f, 1, 1, true);
}

static void
one_of_another_root(struct fixture *f)
{
	derive(f, 0, 0, true);
	derive(f, 1, 0, false);
}

static void
both_second(struct fixture *f)
{
	derive(f, 0, 1, true);
	derive(f, 1, 1, true);
}

static void
both_no_digest(struct fixture *f)
{
	both(f);
	f->input[1].certificate = span_str("abc");
}

HOOK(no_digest, f->input[1].certificate = span_str("abc"));
HOOK(no_inputs, f->request.ninputs = 0);

static const struct {
	struct row row;
	size_t shown;
	bool other, required;
} rows[] = {
	{ { .name = "no claim", .step = VERIFY_LINEAGE,
	  .status = VERIFY_NOT_NEEDED, .says = "no input claims" }, 0, false, false },
	{ { .name = "no claim, and one is required",
	  UNMET, .says = "named for the input \"corpus\"" }, DEEP, false, true },
	{ { .name = "no input, and claims are required", .hook = no_inputs,
	  .step = VERIFY_LINEAGE,
	  .status = VERIFY_NOT_NEEDED }, DEEP, false, true },
	{ { .name = "at hand", .hook = parent, HOLDS,
	  .says = "1 of 1 claims" }, 1, false, false },
	{ { .name = "not at hand", .hook = parent, OPEN,
	  .says = "is not at hand" }, 0, false, false },
	{ { .name = "not at hand, and required", .hook = both,
	  UNMET, .says = "is not at hand" }, 0, false, true },
	{ { .name = "one input has none, and all are required",
	  .hook = parent, UNMET,
	  .says = "named for the input \"corpus\"" }, 1, false, true },
	{ { .name = "all have one, and all are required", .hook = both,
	  HOLDS, .says = "2 of 2 claims" }, 1, false, true },
	{ { .name = "one is of another model, and all are required",
	  .hook = one_of_another_root, UNMET,
	  .says = "is of another model" }, 1, false, true },
	{ { .name = "what is at hand is another one, and all are required",
	  .hook = both_second, UNMET, .says = "does not verify" },
	  2, true, true },
	{ { .name = "one is named by no digest, and all are required",
	  .hook = both_no_digest, UNMET, .says = "is named by no digest" },
	  1, false, true },
	{ { .name = "twice the same", .hook = both, HOLDS,
	  .says = "2 of 2 claims" }, 1, false, false },
	{ { .name = "an input's input", .hook = grandparent, HOLDS,
	  .says = "2 of 2 claims" }, 2, false, false },
	{ { .name = "an input's input, which is not at hand",
	  .hook = grandparent, OPEN, .says = "1 of 2 claims" }, 0, false, false },
	{ { .name = "by two ways", .hook = diamond, HOLDS,
	  .says = "3 of 3 claims" }, 2, false, false },
	{ { .name = "ten deep", .hook = deep, OPEN,
	  .says = "beyond the depth" }, DEEP, false, false },
	{ { .name = "of another model", .hook = other_root, OPEN,
	  .says = "is of another model than the input" }, 1, false, false },
	{ { .name = "once of it, once of another", .hook = one_of_another_root,
	  OPEN, .says = "1 of 2 claims" }, 1, false, false },
	{ { .name = "what is at hand is another one", .hook = grandparent,
	  OPEN, .says = "does not verify" }, 2, true, false },
	{ { .name = "named by no digest", .hook = no_digest, OPEN,
	  .says = "is named by no digest" }, 1, false, false },
};

static void
claims(void **state)
{
	(void)state;
	rows_ancestors = find;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row r = rows[i].row;

		shown = rows[i].shown;
		other = rows[i].other;
		r.policy = policy(rows[i].required ?
		    "require certified-inputs\n" : "");
		/* Only the second is at hand. */
		if (strcmp(r.name, "an input's input, which is not at hand") ==
		    0) {
			struct ancestor a = line[0];

			line[0] = line[1];
			line[1] = a;
			shown = 1;
			r.hook = parent;
			rows_run(&r, 1);
			line[1] = line[0];
			line[0] = a;
			continue;
		}
		rows_run(&r, 1);
	}
}

/* A certificate that is at hand and wrong is no certificate. */
static void
wrong_ancestors(void **state)
{
	struct buf right = line[0].jsonl;
	struct row r = { .name = "a wrong one at hand", .hook = parent, OPEN,
		.says = "does not verify under this policy", .policy = policy("") };
	uint8_t *p;

	(void)state;
	shown = 1;
	other = false;
	for (size_t i = 0; i < 4; i++) {
		assert_ok(buf_copy(&line[0].jsonl, buf_span(&right)));
		p = line[0].jsonl.p;
		if (i == 0)
			line[0].jsonl.len = 0;
		else if (i == 1)
			line[0].jsonl.len /= 2;
		else if (i == 2)
			p[line[0].jsonl.len - 40] ^= 1;
		else
			memcpy(p, "garbage", 7);
		rows_run(&r, 1);
		buf_free(&line[0].jsonl);
	}
	line[0].jsonl = right;
	/* Under a policy that does not know its builder. */
	r.policy = "log @log\nlog-time @time\nquorum none\n"
	    "ak-root @root sim simulated unmeasured-boot\n"
	    "builder other @stranger\nrequire certified-inputs\n";
	r.step = VERIFY_BUILDER;
	r.status = VERIFY_NOT_ACCEPTED;
	r.says = "does not name";
	rows_run(&r, 1);
}

static void
make_line(void)
{
	struct fixture f;

	fixture_make(&f, &rows_keys, NULL, NULL);
	keep(&f);
	while (nline < DEEP) {
		fixture_make(&f, &rows_keys, NULL, on_the_one_before);
		keep(&f);
	}
}

static int
setup(void **state)
{
	(void)state;
	make_line();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < nline; i++)
		buf_free(&line[i].jsonl);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(claims, setup),
		cmocka_unit_test_teardown(wrong_ancestors, teardown),
	};

	return rows_main("verify_lineage", ROWS(tests));
}
