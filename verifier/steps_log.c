/*
 * steps_log.c -- steps 3 to 6: lines 1 and 2 are in a log that the policy
 * knows, under a checkpoint that its quorum cosigned, and since when.
 */
#include "cert/checkpoint.h"
#include "common/time.h"
#include "verifier/check.h"
#include "verifier/entry.h"
#include "verifier/quorum.h"
#include "verifier/sig.h"
#include "verifier/steps.h"

/* How many lines the log must hold: provenance and evidence. */
static size_t
needed_lines(const struct verification *v)
{
	return v->cert.has_evidence ? 2 : 1;
}

/* Put "line N: " before what is wrong. */
static void
name_line(struct message *why, size_t i)
{
	struct message what = *why;

	message_set(why, "line %zu: %s", i + 1, what.text);
}

enum verify_status
steps_leaf(struct verification *v, struct message *why)
{
	for (size_t i = 0; i < needed_lines(v); i++) {
		const struct certificate_line *line = &v->cert.line[i];

		if (!line->bundle.logged) {
			message_set(why, "line %zu is not logged; its builder "
			    "runs \"aicert publish\"", i + 1);
			return VERIFY_FAILED;
		}
		if (entry_check_leaf(line, &v->cert.key, why) != AC_OK) {
			name_line(why, i);
			return VERIFY_FAILED;
		}
	}
	message_set(why, "digest, signature and key are this statement's");
	return VERIFY_OK;
}

enum verify_status
steps_inclusion(struct verification *v, struct message *why)
{
	for (size_t i = 0; i < needed_lines(v); i++) {
		if (entry_check_inclusion(&v->cert.line[i], why) != AC_OK) {
			name_line(why, i);
			return VERIFY_FAILED;
		}
	}
	message_set(why, "index %llu of %llu",
	    (unsigned long long)v->cert.line[0].bundle.entry.index,
	    (unsigned long long)v->cert.line[0].bundle.entry.size);
	return VERIFY_OK;
}

/* Origin of the note in line i; step 4 has parsed it. */
static bool
origin_of(struct span *out, const struct verification *v, size_t i)
{
	struct checkpoint c;
	struct note note;

	if (note_parse(&note, buf_span(
	    &v->cert.line[i].bundle.entry.checkpoint)) != AC_OK ||
	    checkpoint_parse(&c, note.text) != AC_OK)
		return false;
	*out = c.origin;
	return true;
}

/* The policy's log whose key the entry of line i names, or NULL. */
static const struct note_key *
log_by_id(const struct verification *v, size_t i)
{
	for (size_t k = 0; k < v->policy->nlog; k++) {
		struct digest id = note_key_hash(&v->policy->log[k]);

		if (digest_equal(&id, &v->cert.line[i].bundle.entry.log_id))
			return &v->policy->log[k];
	}
	return NULL;
}

enum verify_status
steps_checkpoint(struct verification *v, struct message *why)
{
	bool known = true;

	for (size_t i = 0; i < needed_lines(v); i++) {
		const struct note_key *log;
		struct span origin;

		if (!origin_of(&origin, v, i)) {
			message_set(why, "line %zu: no checkpoint", i + 1);
			return VERIFY_FAILED;
		}
		if (i == 0)
			v->origin = origin;
		if (!CHECK(one_log, span_equal(v->origin, origin))) {
			message_set(why, "lines 1 and 2 are in different logs");
			return VERIFY_FAILED;
		}
		log = policy_log_by(v->policy, origin);
		/* A key ID binds the name: under another name it is wrong. */
		if (log == NULL)
			log = log_by_id(v, i);
		if (log == NULL) {
			known = false;
			continue;
		}
		if (entry_check_checkpoint(&v->cert.line[i], log, why) !=
		    AC_OK) {
			name_line(why, i);
			return VERIFY_FAILED;
		}
	}
	message_set(why, "log ");
	message_add_quoted(why, v->origin);
	if (!CHECK(log_known, known)) {
		message_add(why, v->policy->nlog == 0 ?
		    "; the policy names no log" :
		    ", which the policy does not name");
		return VERIFY_NOT_ACCEPTED;
	}
	return VERIFY_OK;
}

/* Inclusion time of line i under the policy. */
static enum verify_status
inclusion_time(struct verification *v, size_t i, struct message *why)
{
	const struct policy *p = v->policy;
	struct verify_time *t = &v->logged[i];
	struct note note;

	if (note_parse(&note, buf_span(
	    &v->cert.line[i].bundle.entry.checkpoint)) != AC_OK ||
	    quorum_time(&t->unix_s, p, &note, why) != AC_OK)
		return VERIFY_FAILED;
	if (t->unix_s != QUORUM_NEVER) {
		t->known = t->by_witnesses = true;
		return VERIFY_OK;
	}
	if (!CHECK(log_time_known, quorum_log_time_key(p, v->origin) != NULL)) {
		message_set(why, "no inclusion time: the policy says \"quorum "
		    "none\" and has no log-time key of this log");
		return VERIFY_NOT_ACCEPTED;
	}
	if (quorum_log_time(&t->unix_s, p, &note, v->origin, why) != AC_OK)
		return VERIFY_FAILED;
	t->known = true;
	return VERIFY_OK;
}

static enum verify_status
check_quorum(struct verification *v, struct message *why)
{
	if (v->step[VERIFY_CHECKPOINT].status != VERIFY_OK) {
		message_set(why, "nothing to judge an unknown log by");
		return VERIFY_NOT_ESTABLISHED;
	}
	for (size_t i = 0; i < needed_lines(v); i++) {
		enum verify_status s = inclusion_time(v, i, why);

		if (s == VERIFY_FAILED)
			name_line(why, i);
		if (s != VERIFY_OK)
			return s;
	}
	if (v->policy->quorum_none) {
		message_set(why, "no witness asked for; the time is the log's "
		    "word");
		return CHECK(require_witness, !v->policy->require_witness) ?
		    VERIFY_OK : VERIFY_NOT_ACCEPTED;
	}
	message_set(why, "quorum %s complete",
	    v->policy->node[v->policy->quorum].name.s);
	return VERIFY_OK;
}

enum verify_status
steps_quorum(struct verification *v, struct message *why)
{
	enum verify_status s = check_quorum(v, why);
	char at[TIME_RFC3339_LEN + 1];

	if (s == VERIFY_FAILED || CHECK(judged_now, !v->judged.known) ||
	    time_format(at, v->judged.unix_s) != AC_OK)
		return s;
	message_add(why, "; certificates judged as of %s, as asked, and not "
	    "of the time of inclusion: for testing only", at);
	return VERIFY_NOT_ACCEPTED;
}
