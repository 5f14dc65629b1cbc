/* judge.c -- the client repeats the checks on the result; see judge.h. */
#include "common/sha256.h"
#include "producer/judge.h"

/*
 * Steps that a policy may leave open before there is a log entry: of builder
 * and log it may say nothing to whoever builds.  Nothing is left open of the
 * machine (8 to 14).
 */
static bool
may_be_open(enum verify_step s)
{
	return s < VERIFY_EVIDENCE || s > VERIFY_REPLAY;
}

static enum ac_err
check_steps(const struct verification *v, struct message *notes,
    struct message *why)
{
	message_set(notes, "%s", "");
	for (unsigned i = 1; i <= VERIFY_NSTEPS; i++) {
		const struct verify_result *r = &v->step[i];
		bool refused = r->status == VERIFY_NOT_ACCEPTED;

		if (r->status == VERIFY_FAILED || r->status ==
		    VERIFY_NOT_REACHED || (refused && !may_be_open(i)))
			return BECAUSE(why, AC_ERR_MISMATCH, "the result does "
			    "not verify: step %u, %s: %s", i,
			    verify_step_name(i), r->text.text);
		if (refused)
			message_add(notes, "%sstep %u, %s: %s",
			    notes->text[0] == '\0' ? "" : "; ", i,
			    verify_step_name(i), r->text.text);
	}
	return AC_OK;
}

/* Is it of this machine, this configuration and this checkpoint? */
static enum ac_err
check_ours(const struct verification *v, const struct judge *j,
    struct message *why)
{
	struct json config = json_get(v->cert.provenance.external, "config");
	struct digest key = sha256_of(buf_span(&v->cert.evidence.tls_key));
	struct json note = v->cert.provenance.checkpoint;
	struct buf bytes = { 0 };
	struct digest d;
	bool same;

	if (!v->cert.has_evidence)
		return BECAUSE(why, AC_ERR_MISMATCH, "the result is "
		    "self-asserted: no TPM vouches for it");
	if (!digest_equal(&key, &j->build->key))
		return BECAUSE(why, AC_ERR_MISMATCH, "the result is of another "
		    "machine than the one that was asked: its TLS key differs");
	if (!json_digest(json_get(config, "sha256"), &d) ||
	    !digest_equal(&d, &j->build->config) ||
	    !digest_equal(&v->cert.provenance.builder_key,
	    &j->build->builder))
		return BECAUSE(why, AC_ERR_MISMATCH, "the result is of another "
		    "configuration or builder");
	if (json_present(note) && json_base64(&bytes, note, NOTE_MAX) !=
	    AC_OK)
		return BECAUSE(why, AC_ERR_MISMATCH, "the checkpoint in the "
		    "result is malformed");
	same = span_equal(buf_span(&bytes), j->checkpoint);
	buf_free(&bytes);
	return same ? AC_OK : BECAUSE(why, AC_ERR_MISMATCH, "the result has "
	    "another checkpoint of the log than was sent");
}

enum ac_err
judge_result(const struct judge *j, struct message *notes,
    struct message *why)
{
	struct verification *v = verification_new(j->policy,
	    VERIFY_MODE_UNLOGGED);
	enum ac_err e;

	if (v == NULL)
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	verification_certificate(v, j->jsonl, j->model_sig, j->now_s);
	verification_files(v, j->file, j->nfiles);
	(void)verification_verdict(v);
	e = check_steps(v, notes, why);
	if (e == AC_OK)
		e = check_ours(v, j, why);
	verification_free(v);
	return e;
}
