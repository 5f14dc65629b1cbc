/*
 * rows.h -- tables of certificates that are right but for one thing, and the
 * step that must say so.  In the mutation run (mutation_test.py) each row is
 * verified again without the check that refused it.
 */
#ifndef AICERT_TESTS_VERIFIER_ROWS_H
#define AICERT_TESTS_VERIFIER_ROWS_H

#include "tests/support/fixture.h"
#include "tests/test.h"
#include "verifier/verify.h"

/*
 * At a stage of the making either hook is called, or from is replaced by to in
 * the text that the stage names (of events: in the line that holds it).
 */
struct row {
	const char *name;
	enum fixture_stage at;
	fixture_hook *hook;
	bool every;         /* hook at every stage, and not only at one */
	const char *from, *to;
	bool cosigned;      /* by all witnesses */
	bool booted;        /* line 3 is a release of what booted */
	const char *policy; /* NULL: the accepting one */
	/* Wanted; the verdict follows from the status.  step 0: VERIFIED. */
	enum verify_step step;
	enum verify_status status;
	const char *says;   /* part of the step's sentence */
};

/* A hook of one statement about f; ends with a semicolon. */
#define HOOK(name, statement)                                                 \
	static void name(struct fixture *f)                                   \
	{                                                                     \
		statement;                                                    \
	}                                                                     \
	static fixture_hook name

#define EVERY(name) .every = true, .hook = name

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

/* The row's certificate; freed by fixture_free(). */
void rows_make(struct fixture *f, const struct row *row);

/* Fails the test with the names of the rows that were judged otherwise. */
void rows_run(const struct row rows[], size_t n);

/*
 * In the mutation run: which checks refuse f under the name of a row, written
 * to the log of that run.  Else nothing.
 */
void rows_mutate(const char *name, const struct fixture *f);

/* Where certificates of inputs are found; NULL: nowhere. */
extern verify_ancestors *rows_ancestors;

/* By which the age of a revocation state is told: 36 hours after it. */
#define ROWS_NOW (FIXTURE_TIME + FIXTURE_DAY + 36 * 3600)

/* At the checkpoint: cosigned by all witnesses, 10 seconds apart. */
fixture_hook rows_cosigned;

/* One verification; freed by rows_free(). */
struct rows_result {
	struct policy *policy;
	struct verification *v;
	enum verify_verdict verdict;
};

void rows_verify(struct rows_result *r, const struct fixture *f,
    enum verify_mode mode, int64_t unlogged_s);
void rows_free(struct rows_result *r);

/* The keys of all rows of a program. */
extern struct fixture_keys rows_keys;

/* Run the tests with rows_keys made. */
int rows_main(const char *name, const struct CMUnitTest tests[], size_t n);

#endif
