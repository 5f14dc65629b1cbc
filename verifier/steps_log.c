/*
 * steps_log.c -- steps 3 to 6: lines 1 and 2, and image releases, are in a log
 * that the policy knows, under a checkpoint that its quorum cosigned, and since
 * when.
 */
#include "common/time.h"
#include "verifier/check.h"
#include "verifier/entry.h"
#include "verifier/logged.h"
#include "verifier/steps.h"

/* Lines of the builder's: provenance and evidence. */
static size_t
own_lines(const struct verification *v)
{
	return v->cert.has_evidence ? 2 : 1;
}

/* How many lines the log must hold: the builder's, and image releases. */
static size_t
needed_lines(const struct verification *v)
{
	return own_lines(v) + v->images.n;
}

/* Index of the k-th of them. */
static size_t
needed_line(const struct verification *v, size_t k)
{
	size_t own = own_lines(v);

	return k < own ? k : v->images.image[k - own].line;
}

/* Whose signature the log entry of the k-th is about. */
static const struct spki *
needed_key(const struct verification *v, size_t k)
{
	size_t own = own_lines(v);

	return k < own ? &v->cert.key : &v->images.image[k - own].key;
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
	for (size_t k = 0; k < needed_lines(v); k++) {
		size_t i = needed_line(v, k);
		const struct certificate_line *line = &v->cert.line[i];

		if (!line->bundle.logged)
			return BECAUSE(why, VERIFY_FAILED, "line %zu is not "
			    "logged; the builder runs \"aicert publish\"",
			    i + 1);
		if (entry_check_leaf(line, needed_key(v, k), why) != AC_OK) {
			name_line(why, i);
			return VERIFY_FAILED;
		}
	}
	return BECAUSE(why, VERIFY_OK, "digest, signature and key are this "
	    "statement's");
}

enum verify_status
steps_inclusion(struct verification *v, struct message *why)
{
	for (size_t k = 0; k < needed_lines(v); k++) {
		size_t i = needed_line(v, k);

		if (entry_check_inclusion(&v->cert.line[i], why) != AC_OK) {
			name_line(why, i);
			return VERIFY_FAILED;
		}
	}
	return BECAUSE(why, VERIFY_OK, "index %llu of %llu",
	    (unsigned long long)v->cert.line[0].bundle.entry.index,
	    (unsigned long long)v->cert.line[0].bundle.entry.size);
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

	for (size_t k = 0; k < needed_lines(v); k++) {
		size_t i = needed_line(v, k);
		const struct note_key *log;
		struct span origin;

		if (logged_origin(&origin, buf_span(
		    &v->cert.line[i].bundle.entry.checkpoint)) != AC_OK)
			return BECAUSE(why, VERIFY_FAILED, "line %zu: no "
			    "checkpoint", i + 1);
		if (i == 0)
			v->origin = origin;
		if (!CHECK(one_log, span_equal(v->origin, origin)))
			return BECAUSE(why, VERIFY_FAILED, "lines 1 and %zu "
			    "are in different logs", i + 1);
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
	message_set(why, "log %s", message_quoted(v->origin).text);
	if (!CHECK(log_known, known)) {
		message_add(why, v->policy->nlog == 0 ?
		    "; the policy names no log" :
		    ", which the policy does not name");
		return VERIFY_NOT_ACCEPTED;
	}
	return VERIFY_OK;
}

static enum verify_status
check_quorum(struct verification *v, struct message *why)
{
	if (v->step[VERIFY_CHECKPOINT].status != VERIFY_OK)
		return BECAUSE(why, VERIFY_NOT_ESTABLISHED, "nothing to judge "
		    "an unknown log by");
	for (size_t k = 0; k < needed_lines(v); k++) {
		size_t i = needed_line(v, k);
		struct verify_time image = { 0 };
		enum verify_status s = logged_time(k < own_lines(v) ?
		    &v->logged[k] : &image, v->policy,
		    buf_span(&v->cert.line[i].bundle.entry.checkpoint),
		    v->origin, why);

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
	return BECAUSE(why, VERIFY_OK, "quorum %s complete",
	    v->policy->node[v->policy->quorum].name.s);
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
