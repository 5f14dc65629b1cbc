/* logged.c -- one signed and logged statement; see logged.h. */
#include "cert/checkpoint.h"
#include "verifier/check.h"
#include "verifier/entry.h"
#include "verifier/logged.h"
#include "verifier/quorum.h"

enum ac_err
logged_origin(struct span *origin, struct span checkpoint)
{
	struct checkpoint c;
	struct note note;
	enum ac_err e = note_parse(&note, checkpoint);

	if (e == AC_OK)
		e = checkpoint_parse(&c, note.text);
	if (e != AC_OK)
		return AC_ERR_FORMAT;
	*origin = c.origin;
	return AC_OK;
}

enum verify_status
logged_time(struct verify_time *t, const struct policy *p,
    struct span checkpoint, struct span origin, struct message *why)
{
	struct note note;

	if (note_parse(&note, checkpoint) != AC_OK ||
	    quorum_time(&t->unix_s, p, &note, why) != AC_OK)
		return VERIFY_FAILED;
	if (t->unix_s != QUORUM_NEVER) {
		t->known = t->by_witnesses = true;
		return VERIFY_OK;
	}
	if (!CHECK(log_time_known, quorum_log_time_key(p, origin) != NULL))
		return BECAUSE(why, VERIFY_NOT_ACCEPTED, "no inclusion time: "
		    "the policy says \"quorum none\" and has no log-time key "
		    "of this log");
	if (quorum_log_time(&t->unix_s, p, &note, origin, why) != AC_OK)
		return VERIFY_FAILED;
	t->known = true;
	return VERIFY_OK;
}

enum verify_status
logged_check(struct logged *out, const struct policy *p,
    const struct certificate_line *line, struct message *why)
{
	const struct bundle_entry *entry = &line->bundle.entry;
	struct logged l = { .index = entry->index };
	const struct note_key *log;
	enum verify_status s;

	if (certificate_check_line(&l.key, line, why) != AC_OK ||
	    entry_check_leaf(line, &l.key, why) != AC_OK ||
	    entry_check_inclusion(line, why) != AC_OK)
		return VERIFY_FAILED;
	if (logged_origin(&l.origin, buf_span(&entry->checkpoint)) != AC_OK)
		return VERIFY_FAILED;
	log = policy_log_by(p, l.origin);
	if (log == NULL)
		return BECAUSE(why, VERIFY_NOT_ACCEPTED, "it is in the log %s, "
		    "which the policy does not name",
		    message_quoted(l.origin).text);
	if (entry_check_checkpoint(line, log, why) != AC_OK)
		return VERIFY_FAILED;
	s = logged_time(&l.time, p, buf_span(&entry->checkpoint), l.origin,
	    why);
	if (s != VERIFY_OK)
		return s;
	l.signer = spki_digest(&l.key);
	*out = l;
	return VERIFY_OK;
}
