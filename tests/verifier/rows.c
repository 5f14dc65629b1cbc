/* rows.c -- one thing wrong at a time; see rows.h. */
#include "tests/verifier/mutation.h"
#include "tests/verifier/rows.h"

struct fixture_keys rows_keys;
verify_ancestors *rows_ancestors;

static const struct row *current;

/* Files that policies of rows may name: builder.pem, measurements.json. */
static enum ac_err
load(void *ctx, struct buf *out, const char *path)
{
	struct spki key = fixture_spki(rows_keys.builder);
	struct span *measurements = ctx;
	char pem[SPKI_PEM_LEN + 1];

	if (strcmp(path, "measurements.json") == 0)
		return buf_copy(out, *measurements);
	if (strcmp(path, "builder.pem") != 0)
		return AC_ERR_NOT_FOUND;
	spki_pem(pem, &key);
	return buf_copy(out, span_str(pem));
}

void
rows_verify(struct rows_result *r, const struct fixture *f,
    enum verify_mode mode, int64_t unlogged_s)
{
	struct span measurements = buf_span(&f->measurements);
	const struct policy_loader loader = { load, &measurements };
	struct message why = { "" };

	if (policy_parse(&r->policy, buf_span(&f->policy), &loader, &why) !=
	    AC_OK)
		fail_msg("the row's policy: %s", why.text);
	r->v = verification_new(r->policy, mode);
	assert_non_null(r->v);
	verification_certificate(r->v, buf_span(&f->jsonl), buf_span(&f->sig),
	    unlogged_s);
	verification_files(r->v, f->folder, f->nfolder);
	if (f->snapshot.len > 0)
		assert_ok(verification_revocations(r->v, buf_span(&f->snapshot),
		    ROWS_NOW));
	verification_ancestors(r->v, rows_ancestors, NULL);
	r->verdict = verification_verdict(r->v);
}

void
rows_free(struct rows_result *r)
{
	verification_free(r->v);
	policy_free(r->policy);
}

#ifdef AICERT_MUTATION
void
rows_mutate(const char *name, const struct fixture *f)
{
	enum verify_verdict verdict;

	mutation_begin(name);
	do {
		struct rows_result r = { 0 };

		rows_verify(&r, f, VERIFY_MODE_LOGGED, 0);
		verdict = r.verdict;
		rows_free(&r);
	} while (verdict != VERIFY_VERIFIED && mutation_next());
	mutation_end(verdict == VERIFY_VERIFIED);
}
#else
void
rows_mutate(const char *name, const struct fixture *f)
{
	(void)name;
	(void)f;
}
#endif

/* The buffer that the row's from stands in. */
static struct buf *
text_of(struct fixture *f, const char *from)
{
	struct evidence *ev = &f->ev;

	switch (f->stage) {
	case FIXTURE_MANIFEST:
		return &f->manifest;
	case FIXTURE_START_NOTE:
		return &f->start_note;
	case FIXTURE_STATEMENT:
		return &f->statement;
	case FIXTURE_EVIDENCE_STATEMENT:
		return &f->evidence;
	case FIXTURE_RELEASE_STATEMENT:
		return &f->release_statement;
	case FIXTURE_LEAF:
		return &f->leaf[0];
	case FIXTURE_NOTE:
		return &f->note;
	case FIXTURE_RESULT:
		return &f->jsonl;
	case FIXTURE_INPUT_EVENTS:
	case FIXTURE_EVENTS:
	case FIXTURE_EVIDENCE:
		for (size_t i = 0; i < ev->ninputs; i++)
			if (memmem(ev->inputs_log[i].p, ev->inputs_log[i].len,
			    from, strlen(from)) != NULL)
				return &ev->inputs_log[i];
		return &ev->outputs_log[0];
	case FIXTURE_SNAPSHOT:
		return &f->logged[0].entry.checkpoint;
	case FIXTURE_SETUP:
	case FIXTURE_REVOKE:
	case FIXTURE_STATES:
	case FIXTURE_REVOKED:
	case FIXTURE_CHAIN:
	case FIXTURE_START_CHECKPOINT:
	case FIXTURE_BOOT_EVENTS:
	case FIXTURE_BOOT_LOG:
	case FIXTURE_RELEASE:
	case FIXTURE_START_PCRS:
	case FIXTURE_START_ATTEST:
	case FIXTURE_START_BYTES:
	case FIXTURE_START_SIGNATURE:
	case FIXTURE_END_PCRS:
	case FIXTURE_END_ATTEST:
	case FIXTURE_END_BYTES:
	case FIXTURE_END_SIGNATURE:
	case FIXTURE_BUNDLES:
	case FIXTURE_CHECKPOINT:
	case FIXTURE_ENTRIES:
		break;
	}
	fail_msg("%s: no text at this stage", current->name);
	return NULL;
}

void
rows_cosigned(struct fixture *f)
{
	if (f->stage != FIXTURE_CHECKPOINT)
		return;
	for (size_t i = 0; i < FIXTURE_WITNESSES; i++)
		f->cosigned_s[i] = FIXTURE_TIME + 10 * (int64_t)(i + 1);
}

static void
at_stage(struct fixture *f)
{
	if (current->cosigned)
		rows_cosigned(f);
	if (current->booted && f->stage == FIXTURE_SETUP)
		fixture_with_release(f);
	if (!current->every && f->stage != current->at)
		return;
	if (current->hook != NULL)
		current->hook(f);
	else if (current->from != NULL)
		fixture_replace(text_of(f, current->from), current->from,
		    current->to);
}

static bool
passes(enum verify_status s)
{
	return s != VERIFY_FAILED && s != VERIFY_NOT_ACCEPTED &&
	    s != VERIFY_NOT_REACHED;
}

/* Is it judged as wanted? */
static bool
check(const struct row *r, const struct rows_result *got)
{
	const struct verify_result *s = &got->v->step[r->step];
	enum verify_verdict want = r->step == 0 ? VERIFY_VERIFIED :
	    r->status == VERIFY_FAILED ? VERIFY_NOT_VERIFIED :
	    r->status == VERIFY_NOT_ACCEPTED ? VERIFY_REFUSED :
	    VERIFY_VERIFIED;
	size_t end = r->step == 0 ? VERIFY_NSTEPS + 1 : r->step;

	for (size_t i = 1; i < end; i++) {
		if (passes(got->v->step[i].status))
			continue;
		print_error("%s: refused at step %zu already: %s\n", r->name,
		    i, got->v->step[i].text.text);
		return false;
	}
	if (r->step != 0 && (s->status != r->status ||
	    (r->says != NULL && strstr(s->text.text, r->says) == NULL))) {
		print_error("%s: step %u %s: \"%s\", wanted %s: \"%s\"\n",
		    r->name, r->step, verify_status_name(s->status),
		    s->text.text, verify_status_name(r->status),
		    r->says != NULL ? r->says : "");
		return false;
	}
	if (got->verdict != want) {
		print_error("%s: %s, wanted %s\n", r->name,
		    verify_verdict_name(got->verdict),
		    verify_verdict_name(want));
		return false;
	}
	return true;
}

void
rows_make(struct fixture *f, const struct row *row)
{
	current = row;
	fixture_make(f, &rows_keys, row->policy, at_stage);
}

void
rows_run(const struct row rows[], size_t n)
{
	size_t wrong = 0;

	for (size_t i = 0; i < n; i++) {
		struct rows_result got = { 0 };
		struct fixture f;

		rows_make(&f, &rows[i]);
		rows_verify(&got, &f, VERIFY_MODE_LOGGED, 0);
		wrong += !check(&rows[i], &got);
		if (got.verdict != VERIFY_VERIFIED)
			rows_mutate(rows[i].name, &f);
		rows_free(&got);
		fixture_free(&f);
	}
	if (wrong > 0)
		fail_msg("%zu of %zu judged otherwise", wrong, n);
}

int
rows_main(const char *name, const struct CMUnitTest tests[], size_t n)
{
	int failed;

	fixture_keys_new(&rows_keys);
	failed = _cmocka_run_group_tests(name, tests, n, NULL, NULL);
	fixture_keys_free(&rows_keys);
	return failed;
}
