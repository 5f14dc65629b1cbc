/*
 * steps_log.c -- steps 3 to 6: lines 1 and 2, and image releases, are in a log
 * that the policy knows, under a checkpoint that its quorum cosigned, and since
 * when.
 */
#include "verifier/check.h"
#include "verifier/entry.h"
#include "verifier/logged.h"
#include "verifier/steps.h"

/* A line that the log must hold: the builder's, or an image release. */
struct needed {
	size_t number; /* of the line, from 1 */
	const struct certificate_line *line;
	const struct spki *key;   /* whose signature its log entry is about */
	struct verify_time *time; /* NULL: nobody asks */
};

/* The k-th of them; false after the last. */
static bool
next_needed(struct needed *out, struct verification *v, size_t k)
{
	size_t own = v->cert.has_evidence ? 2 : 1, at = k;

	*out = (struct needed){ .key = &v->cert.key };
	if (k < own) {
		out->time = &v->logged[k];
	} else if (k - own < v->images.n) {
		at = v->images.image[k - own].line;
		out->key = &v->images.image[k - own].key;
	} else
		return false;
	out->line = &v->cert.line[at];
	out->number = at + 1;
	return true;
}

/* Put "line N: " before what is wrong. */
static enum verify_status
fail(struct message *why, const struct needed *n)
{
	struct message what = *why;

	return BECAUSE(why, VERIFY_FAILED, "line %zu: %s", n->number,
	    what.text);
}

enum verify_status
steps_leaf(struct verification *v, struct message *why)
{
	struct needed n;

	for (size_t k = 0; next_needed(&n, v, k); k++) {
		if (!n.line->bundle.logged)
			return BECAUSE(why, VERIFY_FAILED, "line %zu is not "
			    "logged; the builder runs \"aicert publish\"",
			    n.number);
		if (entry_check_leaf(n.line, n.key, why) != AC_OK)
			return fail(why, &n);
	}
	return BECAUSE(why, VERIFY_OK, "digest, signature and key are this "
	    "statement's");
}

enum verify_status
steps_inclusion(struct verification *v, struct message *why)
{
	struct needed n;

	for (size_t k = 0; next_needed(&n, v, k); k++)
		if (entry_check_inclusion(n.line, why) != AC_OK)
			return fail(why, &n);
	return BECAUSE(why, VERIFY_OK, "index %llu of %llu",
	    (unsigned long long)v->cert.line[0].bundle.entry.index,
	    (unsigned long long)v->cert.line[0].bundle.entry.size);
}

/* The policy's log whose key the entry names, or NULL. */
static const struct note_key *
log_by_id(const struct policy *p, const struct bundle_entry *entry)
{
	for (size_t k = 0; k < p->nlog; k++) {
		struct digest id = note_key_hash(&p->log[k]);

		if (digest_equal(&id, &entry->log_id))
			return &p->log[k];
	}
	return NULL;
}

enum verify_status
steps_checkpoint(struct verification *v, struct message *why)
{
	bool known = true;
	struct needed n;

	for (size_t k = 0; next_needed(&n, v, k); k++) {
		const struct bundle_entry *entry = &n.line->bundle.entry;
		const struct note_key *log;
		struct span origin;

		if (logged_origin(&origin, buf_span(&entry->checkpoint)) !=
		    AC_OK)
			return BECAUSE(why, VERIFY_FAILED, "line %zu: no "
			    "checkpoint", n.number);
		if (k == 0)
			v->origin = origin;
		if (!CHECK(one_log, span_equal(v->origin, origin)))
			return BECAUSE(why, VERIFY_FAILED, "lines 1 and %zu "
			    "are in different logs", n.number);
		log = policy_log_by(v->policy, origin);
		/* A key ID binds the name: under another name it is wrong. */
		if (log == NULL)
			log = log_by_id(v->policy, entry);
		known = known && log != NULL;
		if (log != NULL &&
		    entry_check_checkpoint(n.line, log, why) != AC_OK)
			return fail(why, &n);
	}
	message_set(why, "log %s", message_quoted(v->origin).text);
	if (CHECK(log_known, known))
		return VERIFY_OK;
	message_add(why, v->policy->nlog == 0 ? "; the policy names no log" :
	    ", which the policy does not name");
	return VERIFY_NOT_ACCEPTED;
}

static enum verify_status
check_quorum(struct verification *v, struct message *why)
{
	struct needed n;

	if (v->step[VERIFY_CHECKPOINT].status != VERIFY_OK)
		return BECAUSE(why, VERIFY_NOT_ESTABLISHED, "nothing to judge "
		    "an unknown log by");
	for (size_t k = 0; next_needed(&n, v, k); k++) {
		struct verify_time image = { 0 };
		enum verify_status s = logged_time(n.time != NULL ? n.time :
		    &image, v->policy,
		    buf_span(&n.line->bundle.entry.checkpoint), v->origin,
		    why);

		if (s == VERIFY_FAILED)
			return fail(why, &n);
		if (s != VERIFY_OK)
			return s;
	}
	if (!v->policy->quorum_none)
		return BECAUSE(why, VERIFY_OK, "quorum %s complete",
		    v->policy->node[v->policy->quorum].name.s);
	message_set(why, "no witness asked for; the time is the log's word");
	return CHECK(require_witness, !v->policy->require_witness) ?
	    VERIFY_OK : VERIFY_NOT_ACCEPTED;
}

enum verify_status
steps_quorum(struct verification *v, struct message *why)
{
	enum verify_status s = check_quorum(v, why);

	if (s == VERIFY_FAILED || CHECK(judged_now, !v->judged.known))
		return s;
	message_add(why, "; certificates judged as of %s, as asked, and not "
	    "of the time of inclusion: for testing only",
	    message_time(v->judged.unix_s).text);
	return VERIFY_NOT_ACCEPTED;
}
