/*
 * library.c -- libaicert-verify: the steps and the report behind one call; see
 * aicert-verify.h.
 */
#include <stdlib.h>

#include "cert/dsse.h"
#include "common/reader.h"
#include "verifier/aicert-verify.h"
#include "verifier/policyfile.h"
#include "verifier/report.h"

_Static_assert(AICERT_VERIFIED == (int)VERIFY_VERIFIED &&
    AICERT_NOT_VERIFIED == (int)VERIFY_NOT_VERIFIED &&
    AICERT_COULD_NOT_RUN == (int)VERIFY_COULD_NOT_RUN &&
    AICERT_NOT_ACCEPTED == (int)VERIFY_REFUSED, "the verdicts are the same");

static struct span
span_in(const struct aicert_bytes *b)
{
	return span_of(b->p, b->p == NULL ? 0 : b->len);
}

/* A policy that is given as text names no files. */
static enum ac_err
load_nothing(void *ctx, struct buf *out, const char *path)
{
	(void)ctx;
	(void)out;
	(void)path;
	return AC_ERR_NOT_FOUND;
}

static enum ac_err
get_policy(struct policy **out, const struct aicert_request *q,
    struct message *why)
{
	static const struct policy_loader loader = { load_nothing, NULL };

	if (q->policy_file != NULL)
		return policyfile_load(out, q->policy_file, why);
	if (q->policy.len > POLICY_MAX)
		return BECAUSE(why, AC_ERR_LIMIT, "the policy is over its "
		    "limit");
	return policy_parse(out, span_in(&q->policy), &loader, why);
}

/* Among the ancestors, the one whose first line has that D. */
static enum ac_err
find_ancestor(void *ctx, struct buf *out, const struct digest *d)
{
	const struct aicert_request *q = ctx;

	for (size_t i = 0; i < q->nancestors; i++) {
		struct span all = span_in(&q->ancestors[i]), line;
		struct reader r = rd_of(all);
		struct bundle b = { 0 };
		struct digest got;

		if (all.len > CERTIFICATE_MAX || !rd_line(&r, &line) ||
		    bundle_decode(&b, line, STATEMENT_MAX) != AC_OK)
			continue;
		got = dsse_digest(buf_span(&b.statement));
		bundle_free(&b);
		if (digest_equal(&got, d))
			return buf_copy(out, all);
	}
	return AC_ERR_NOT_FOUND;
}

/* Step 16, with the caller's list in the order that it needs. */
static enum ac_err
judge_files(struct verification *v, const struct aicert_request *q)
{
	struct oms_file *file;

	if (q->files == NULL)
		return AC_OK;
	if (q->nfiles > FILES_MAX)
		return AC_ERR_LIMIT;
	file = calloc(q->nfiles + 1, sizeof(*file));
	if (file == NULL)
		return AC_ERR_MEMORY;
	for (size_t i = 0; i < q->nfiles; i++) {
		file[i].name = span_str(q->files[i].name);
		memcpy(file[i].sha256.b, q->files[i].sha256,
		    sizeof(file[i].sha256.b));
	}
	if (q->nfiles > 0)
		qsort(file, q->nfiles, sizeof(*file), oms_compare);
	verification_files(v, file, q->nfiles);
	free(file);
	return AC_OK;
}

/* AC_OK, or why nothing could be judged. */
static enum ac_err
judge(struct verification *v, const struct aicert_request *q,
    struct message *why)
{
	enum ac_err e = AC_OK;

	verification_certificate(v, span_in(&q->certificate),
	    span_in(&q->model_sig), 0);
	for (size_t i = 0; e == AC_OK && i < q->nrevocations; i++)
		e = verification_revocations(v, span_in(&q->revocations[i]),
		    q->now_s);
	if (e == AC_OK)
		e = judge_files(v, q);
	if (e != AC_OK)
		message_set(why, "%s", e == AC_ERR_MEMORY ? "no memory" :
		    "more files or revocation snapshots than can be");
	return e;
}

static void
write_report(char **out, const struct report *r)
{
	struct buf text = { 0 };
	struct writer w;

	wr_init(&w, 64 * MIB);
	report_json(&w, r);
	if (wr_end(&w, &text) == AC_OK)
		*out = (char *)text.p;
}

int
aicert_verify(const struct aicert_request *q, char **report)
{
	struct aicert_request copy;
	struct report r = { .verdict = VERIFY_COULD_NOT_RUN, .subject = "" };
	struct verification *v = NULL;
	struct policy *policy = NULL;
	struct message why = { "" };

	if (report != NULL)
		*report = NULL;
	if (q == NULL || q->size != sizeof(*q)) {
		message_set(&why, "the request is of another version of this "
		    "library");
		goto out;
	}
	copy = *q;
	r.subject = q->subject != NULL ? q->subject : "";
	r.policy = q->policy_file;
	r.certificate = span_in(&q->certificate);
	r.now_s = q->now_s;
	if (get_policy(&policy, q, &why) != AC_OK)
		goto out;
	v = verification_new(policy, VERIFY_MODE_LOGGED);
	if (v == NULL) {
		message_set(&why, "no memory");
		goto out;
	}
	verification_ancestors(v, find_ancestor, &copy);
	if (judge(v, q, &why) != AC_OK)
		goto out;
	r.v = v;
	r.verdict = verification_verdict(v);
out:
	if (why.text[0] != '\0')
		r.problem = why.text;
	if (report != NULL)
		write_report(report, &r);
	verification_free(v);
	policy_free(policy);
	return (int)r.verdict;
}

void
aicert_verify_free(char *report)
{
	free(report);
}

const char *
aicert_verify_version(void)
{
	return AICERT_VERSION;
}
