/* head.c -- checkpoints under a policy; see head.h. */
#include "auditor/head.h"
#include "verifier/quorum.h"
#include "verifier/sig.h"

/* The quorum's state and the time of the head. */
static void
take_quorum(struct head *h, const struct policy *p, const struct note *note)
{
	struct span origin = span_str(h->log->name);
	struct message ignored;
	int64_t t = 0;

	h->quorum = quorum_time(&t, p, note, &h->quorum_why) == AC_OK;
	if (h->quorum && t != QUORUM_NEVER) {
		h->has_time = true;
		h->time_s = t;
		return;
	}
	h->has_time = quorum_log_time(&h->time_s, p, note, origin,
	    &ignored) == AC_OK;
}

enum ac_err
head_check(struct head *out, const struct policy *p, struct span bytes,
    struct message *why)
{
	struct head h = { .size = 0 };
	struct checkpoint c;
	struct note note;
	int64_t t;
	enum ac_err e;

	e = note_parse(&note, bytes);
	if (e == AC_OK)
		e = checkpoint_parse(&c, note.text);
	if (e != AC_OK) {
		message_set(why, "it is no checkpoint: %s as a signed note of "
		    "a log's origin, size and root", ac_strerror(e));
		return AC_ERR_FORMAT;
	}
	h.log = policy_log_by(p, c.origin);
	if (h.log == NULL) {
		message_set(why, "it is a checkpoint of the log ");
		message_add_quoted(why, c.origin);
		message_add(why, ", of which the policy has no \"log\" line");
		return AC_ERR_NOT_FOUND;
	}
	e = sig_note(&t, &note, h.log);
	if (e != AC_OK) {
		message_set(why, e == AC_ERR_NOT_FOUND ?
		    "it has no signature by the key that the policy has of the "
		    "log " : "its signature does not hold under the key that "
		    "the policy has of the log ");
		message_add_quoted(why, c.origin);
		return e == AC_ERR_NOT_FOUND || e == AC_ERR_MEMORY ? e :
		    AC_ERR_MISMATCH;
	}
	h.size = c.size;
	h.root = c.root;
	if (c.size == 0) {
		struct digest empty = merkle_empty();

		if (!digest_equal(&empty, &c.root)) {
			message_set(why, "it is of size 0, and its root is not "
			    "that of the empty tree");
			return AC_ERR_MISMATCH;
		}
	}
	take_quorum(&h, p, &note);
	e = buf_copy(&h.note, bytes);
	if (e != AC_OK) {
		message_set(why, "out of memory");
		return e;
	}
	*out = h;
	return AC_OK;
}

void
head_free(struct head *h)
{
	buf_free(&h->note);
	*h = (struct head){ .size = 0 };
}
