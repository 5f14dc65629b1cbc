/* verify.c -- the order of the steps, and the verdict; see verify.h. */
#include <stdlib.h>

#include "cert/dsse.h"
#include "verifier/check.h"
#include "verifier/sig.h"
#include "verifier/steps.h"

struct verification *
verification_new(const struct policy *policy, enum verify_mode mode)
{
	struct verification *v = calloc(1, sizeof(*v));

	if (v != NULL) {
		v->policy = policy;
		v->mode = mode;
		v->alone = mode == VERIFY_MODE_ADMISSION;
	}
	return v;
}

void
verification_free(struct verification *v)
{
	if (v == NULL)
		return;
	certificate_free(&v->cert);
	bundle_free(&v->model_sig);
	oms_free(&v->oms);
	images_free(&v->images);
	free(v->part);
	free(v);
}

void
verification_judge_at(struct verification *v, int64_t unix_s)
{
	v->judged = (struct verify_time){ .known = true, .unix_s = unix_s };
}

bool
verification_failed(const struct verification *v)
{
	for (size_t i = 1; i <= VERIFY_NSTEPS; i++)
		if (v->step[i].status == VERIFY_FAILED)
			return true;
	return false;
}

/* Step 1: the lines and model.sig are of the one form each has. */
static enum verify_status
step_format(struct verification *v, struct message *why)
{
	struct span line = v->model_sig_line;
	size_t judged;
	enum ac_err e;

	if (certificate_decode(&v->cert, v->jsonl, why) != AC_OK)
		return VERIFY_FAILED;
	if (v->alone)
		goto decoded;
	if (line.len == 0)
		return BECAUSE(why, VERIFY_FAILED, "there is no model.sig "
		    "beside the certificate, or it is empty");
	/* Other tools write model.sig with or without a final line feed. */
	if (line.p[line.len - 1] == '\n')
		line.len--;
	if (line.len > MODEL_SIG_MAX ||
	    bundle_decode(&v->model_sig, line, OMS_STATEMENT_MAX) != AC_OK ||
	    v->model_sig.logged)
		return BECAUSE(why, VERIFY_FAILED, "model.sig is not a "
		    "Sigstore bundle with one signature and no log entry");
	e = oms_decode(&v->oms, buf_span(&v->model_sig.statement));
	if (e != AC_OK)
		return BECAUSE(why, VERIFY_FAILED, e == AC_ERR_MISMATCH ? "the "
		    "root in model.sig is not that of its list of files" :
		    "model.sig holds no OMS v1.0 statement of files by sha256 "
		    "with our list of ignored paths");
decoded:
	if (images_decode(&v->images, &v->cert, why) != AC_OK)
		return VERIFY_FAILED;
	v->decoded = true;
	message_set(why, "%zu line%s, %s", v->cert.nlines,
	    v->cert.nlines == 1 ? "" : "s", v->cert.has_evidence ?
	    "measured, with TPM evidence" : "self-asserted");
	if (v->images.n > 0)
		message_add(why, ", %zu image release%s", v->images.n,
		    v->images.n == 1 ? "" : "s");
	judged = v->images.n + (v->cert.has_evidence ? 2 : 1);
	if (v->cert.nlines > judged)
		message_add(why, "; %zu further not judged",
		    v->cert.nlines - judged);
	if (v->cert.provenance.unjudged > 0)
		message_add(why, "; %zu members of the provenance not judged",
		    v->cert.provenance.unjudged);
	return VERIFY_OK;
}

/* The same key signs model.sig, and its hint has OMS's form. */
static enum verify_status
check_model_sig(const struct verification *v, struct message *why)
{
	const struct bundle *b = &v->model_sig;
	struct digest d = dsse_digest(buf_span(&b->statement));
	char hint[SPKI_HINT_MAX];
	struct sig_key *k;
	enum ac_err e;

	spki_hint_oms(hint, &v->cert.key);
	if (!CHECK(oms_hint, span_is(span_str(hint), b->hint) &&
	    b->keyid[0] == '\0'))
		return BECAUSE(why, VERIFY_FAILED, "model.sig names another "
		    "key than the certificate's: expected hint %s and an empty "
		    "keyid", hint);
	if (sig_key_new(&k, &v->cert.key) != AC_OK)
		return BECAUSE(why, VERIFY_FAILED, "the builder's key is "
		    "unusable");
	e = sig_p256(k, &d, span_of(b->sig, b->siglen));
	sig_key_free(k);
	if (!CHECK(oms_signature, e == AC_OK))
		return BECAUSE(why, VERIFY_FAILED, "model.sig: the signature "
		    "does not hold");
	return VERIFY_OK;
}

/* Step 2: one builder signs everything, and the policy knows it. */
static enum verify_status
step_builder(struct verification *v, struct message *why)
{
	const struct policy *p = v->policy;
	struct digest fingerprint = v->cert.provenance.builder_key;

	v->builder = policy_builder_by(p, &fingerprint);
	if (certificate_check_builder(&v->cert,
	    v->builder != NULL && v->builder->has_key ? &v->builder->key : NULL,
	    why) != AC_OK ||
	    (!v->alone && check_model_sig(v, why) != VERIFY_OK) ||
	    images_check(&v->images, &v->cert, why) != AC_OK)
		return VERIFY_FAILED;
	if (!CHECK(builder_known, v->builder != NULL)) {
		message_set(why, "signed by %s",
		    message_digest(&fingerprint).text);
		message_add(why, p->nbuilder == 0 ?
		    ", and the policy names no builder" :
		    ", whom the policy does not name as a builder");
		return VERIFY_NOT_ACCEPTED;
	}
	message_set(why, "%s, %s", v->builder != NULL ? v->builder->name.s : "",
	    message_digest(&fingerprint).text);
	if (!CHECK(self_asserted, v->cert.provenance.measured ||
	    policy_allows_self_asserted(p, v->builder))) {
		message_add(why, "; SELF-ASSERTED, which the policy does not "
		    "allow: no machine vouches for any of it");
		return VERIFY_NOT_ACCEPTED;
	}
	return VERIFY_OK;
}

/* Which steps there are, and where there is something that they need. */
static const struct {
	const char *name;
	enum verify_status (*run)(struct verification *, struct message *);
	enum { ALWAYS, LOGGED, MEASURED, WHOLE } when;
} steps[VERIFY_NSTEPS + 1] = {
	[VERIFY_FORMAT] = { "format and set of lines", step_format, ALWAYS },
	[VERIFY_BUILDER] = { "builder's signatures", step_builder, ALWAYS },
	[VERIFY_LEAF] = { "log entry is about this statement", steps_leaf,
	    LOGGED },
	[VERIFY_INCLUSION] = { "inclusion in the log", steps_inclusion,
	    LOGGED },
	[VERIFY_CHECKPOINT] = { "checkpoint by the log's key",
	    steps_checkpoint, LOGGED },
	[VERIFY_QUORUM] = { "witness quorum and time", steps_quorum, LOGGED },
	[VERIFY_EVIDENCE] = { "evidence is about this statement",
	    steps_evidence, MEASURED },
	[VERIFY_AK_CHAIN] = { "AK certificate chain", steps_ak_chain,
	    MEASURED },
	[VERIFY_AK_PUBLIC] = { "AK is restricted to its TPM", steps_ak_public,
	    MEASURED },
	[VERIFY_QUOTES] = { "quotes", steps_quotes, MEASURED },
	[VERIFY_BINDINGS] = { "bindings of the quotes", steps_bindings,
	    MEASURED },
	[VERIFY_BOOT_LOG] = { "boot log", steps_boot_log, MEASURED },
	[VERIFY_BOOT] = { "boot state", steps_boot, MEASURED },
	[VERIFY_REPLAY] = { "events replay to the PCRs", steps_replay,
	    MEASURED },
	[VERIFY_ENTAILMENT] = { "statement follows from the events",
	    steps_entailment, ALWAYS },
	[VERIFY_FILES] = { "files", NULL, WHOLE },
	[VERIFY_REVOCATION] = { "revocation", steps_revocation, LOGGED },
	[VERIFY_LINEAGE] = { "lineage", steps_lineage, ALWAYS },
};

/* The steps from one to another, unless an earlier one failed. */
static void
run(struct verification *v, enum verify_step from, enum verify_step to)
{
	for (unsigned i = from; i <= to && !verification_failed(v); i++) {
		struct verify_result *r = &v->step[i];

		if (steps[i].when == LOGGED && v->mode != VERIFY_MODE_LOGGED)
			r->status = BECAUSE(&r->text, VERIFY_NOT_CHECKED,
			    "not logged yet");
		else if (steps[i].when == MEASURED && !v->cert.has_evidence)
			r->status = BECAUSE(&r->text, VERIFY_NOT_NEEDED,
			    "self-asserted: there is no evidence");
		else if (steps[i].run != NULL)
			r->status = steps[i].run(v, &r->text);
		else if (v->alone)
			r->status = VERIFY_NOT_CHECKED;
	}
}

void
verification_certificate(struct verification *v, struct span jsonl,
    struct span model_sig, int64_t unlogged_s)
{
	v->jsonl = jsonl;
	v->model_sig_line = model_sig;
	v->unlogged_s = unlogged_s;
	run(v, VERIFY_FORMAT, VERIFY_ENTAILMENT);
}

enum ac_err
verification_revocations(struct verification *v, struct span snapshot,
    int64_t now_s)
{
	if (v->nsnapshots == VERIFY_SNAPSHOTS_MAX)
		return AC_ERR_LIMIT;
	v->snapshot[v->nsnapshots++] = snapshot;
	v->now_s = now_s;
	return AC_OK;
}

void
verification_ancestors(struct verification *v, verify_ancestors *load,
    void *ctx)
{
	v->ancestors = load;
	v->ancestors_ctx = ctx;
}

enum verify_verdict
verification_verdict(struct verification *v)
{
	bool accepted = true;

	run(v, VERIFY_FILES, VERIFY_LINEAGE);
	for (size_t i = 1; i <= VERIFY_NSTEPS; i++) {
		switch (v->step[i].status) {
		case VERIFY_NOT_REACHED:
		case VERIFY_FAILED:
			return VERIFY_NOT_VERIFIED;
		case VERIFY_NOT_ACCEPTED:
			accepted = false;
			break;
		case VERIFY_OK:
		case VERIFY_NOT_ESTABLISHED:
		case VERIFY_NOT_CHECKED:
		case VERIFY_NOT_NEEDED:
			break;
		}
	}
	/* What is not logged is never "verified". */
	if (v->mode != VERIFY_MODE_LOGGED)
		return VERIFY_NOT_VERIFIED;
	return accepted ? VERIFY_VERIFIED : VERIFY_REFUSED;
}

const char *
verify_step_name(enum verify_step s)
{
	return steps[s].name;
}

const char *
verify_status_name(enum verify_status s)
{
	static const char *const names[] = { "not reached", "ok", "FAILED",
		"NOT ACCEPTED", "not established", "not checked",
		"not needed" };

	return names[s];
}

const char *
verify_verdict_name(enum verify_verdict verdict)
{
	static const char *const names[] = { "VERIFIED", "NOT VERIFIED",
		"COULD NOT RUN", "NOT ACCEPTED" };

	return names[verdict];
}
