/*
 * report.h -- a verification as text for people and as JSON for programs:
 * the verdict first, then WHO, WHAT, FROM, HOW, WHEN, the roster of checks,
 * and what the certificate does not say.  Nothing that was only reported
 * stands beside the word "verified"; text from outside is escaped.
 */
#ifndef AICERT_VERIFIER_REPORT_H
#define AICERT_VERIFIER_REPORT_H

#include "common/writer.h"
#include "verifier/verify.h"

struct report {
	const struct verification *v; /* NULL: it could not run */
	enum verify_verdict verdict;
	const char *subject;          /* the model's path, as given */
	const char *policy;           /* the policy file used, or NULL */
	const char *problem;          /* why it could not run, or NULL */
	struct span certificate;      /* the bytes of aicert.jsonl */
	int64_t now_s;                /* the caller's clock */
	bool colour;                  /* of the text */
};

void report_text(struct writer *w, const struct report *r);
void report_json(struct writer *w, const struct report *r);

#endif
