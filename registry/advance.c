/* advance.c -- from committed to public; see advance.h. */
#include <inttypes.h>
#include <time.h>

#include "common/hook.h"
#include "registry/advance.h"

#define WITNESS_MS 10000     /* a head waits so long for its quorum */
#define WITNESS_OPEN_MS 2000 /* the same where it may go without */
#define CLOCK_JUMP_S 300     /* so far the clock may be set while we run */

static enum ac_err
store_failed(const struct advance *a, enum ac_err e, const char *what,
    struct message *why)
{
	message_set(why, "cannot %s: %s", what, e == AC_ERR_MEMORY ?
	    ac_strerror(e) : store_error(a->store));
	return e;
}

enum ac_err
advance_check(struct advance *a, struct message *why)
{
	struct store_head last = signer_last(a->signer), head, public;
	bool published;
	enum ac_err e;

	e = store_head(a->store, &head, &published);
	if (e != AC_OK)
		return store_failed(a, e, "read the newest head", why);
	e = publish_size(a->publish, &public.size, &public.root, why);
	if (e != AC_OK)
		return e;
	if (last.size > head.size || (last.size == head.size &&
	    !digest_equal(&last.root, &head.root))) {
		message_set(why, "the signer signed a head of size %" PRIu64
		    ", the newest of the database has size %" PRIu64
		    ": the database was replaced or went back in time, and "
		    "nothing is signed; \"aicert-registry recover\" brings "
		    "back what is missing, from the public folder or another "
		    "copy of the log", last.size, head.size);
		return AC_ERR_MISMATCH;
	}
	if (public.size > head.size || (public.size == head.size &&
	    !digest_equal(&public.root, &head.root))) {
		message_set(why, "the public checkpoint has size %" PRIu64
		    ", the newest head of the database has size %" PRIu64
		    ": the database was replaced or went back in time, and "
		    "nothing is signed; \"aicert-registry recover\" brings "
		    "back what is missing, from the public folder or another "
		    "copy of the log", public.size, head.size);
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

/* Append the signed checkpoint of head. */
static enum ac_err
sign(struct advance *a, struct writer *note, const struct store_head *head,
    struct message *why)
{
	struct store_head last = signer_last(a->signer);
	struct digest proof[MERKLE_PROOF_MAX];
	size_t nproof = 0;

	if (last.size > 0 && last.size < head->size) {
		enum ac_err e = proof_consistency(a->proof, proof, &nproof,
		    last.size, head->size);

		if (e != AC_OK)
			return store_failed(a, e, "prove consistency", why);
	}
	return signer_sign(a->signer, note, head, proof, nproof, why);
}

static enum ac_err
write_tiles(struct advance *a, const struct store_head *head,
    struct message *why)
{
	struct store_head before = { 0 };
	enum ac_err e;

	if (a->tiles == head->size + 1)
		return AC_OK;
	e = store_published(a->store, &before);
	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		return store_failed(a, e, "read the published head", why);
	e = publish_tiles(a->publish, a->store, before.size, head->size, why);
	if (e == AC_OK)
		a->tiles = head->size + 1;
	return e;
}

/* The newest committed head, signed into note, with its tiles. */
static enum ac_err
sign_newest(struct advance *a, struct writer *note, struct store_head *head,
    bool *published, bool batch, struct message *why)
{
	enum ac_err e = store_head(a->store, head, published);

	if (e != AC_OK)
		return store_failed(a, e, "read the newest head", why);
	e = sign(a, note, head, why);
	if (e != AC_OK)
		return e;
	if (batch)
		hook_at("signed");
	if (!*published)
		e = write_tiles(a, head, why);
	if (e == AC_OK && batch)
		hook_at("tiles");
	return e;
}

/* Show the newest head that was published before. */
static enum ac_err
show_stored(struct advance *a, struct message *why)
{
	struct store_head head;
	struct buf note = { 0 };
	bool complete;
	enum ac_err e = store_published(a->store, &head);

	if (e == AC_ERR_NOT_FOUND)
		return AC_OK; /* init was interrupted: there is none yet */
	if (e == AC_OK)
		e = store_note(a->store, &note, &complete, head.size);
	if (e == AC_OK)
		e = published_set(a->published, &head, buf_span(&note));
	buf_free(&note);
	return e == AC_OK ? e : store_failed(a, e, "read the published head",
	    why);
}

bool
advance_is_halted(const struct advance *a)
{
	return a->halt != NULL && halt_is(a->halt, NULL);
}

enum ac_err
advance_resume(struct advance *a, struct message *why)
{
	struct store_head head;
	struct writer note;
	bool published;
	enum ac_err e = show_stored(a, why);

	if (e != AC_OK || advance_is_halted(a) || signer_is_frozen(a->signer))
		return e;
	e = store_head(a->store, &head, &published);
	if (e != AC_OK)
		return store_failed(a, e, "read the newest head", why);
	signer_resume(a->signer, head.size);
	wr_init(&note, NOTE_MAX);
	e = sign_newest(a, &note, &head, &published, false, why);
	wr_free(&note);
	return e;
}

/* ---- what must hold before a new size is signed ---- */

static int64_t
uptime(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec;
}

/*
 * A clock that was set while we run is not stated, lest the log be bound to a
 * wrong time for ever.
 */
static enum ac_err
check_clock(struct advance *a, int64_t now_s, struct message *why)
{
	int64_t jump;

	if (!a->has_clock) {
		a->clock_s = now_s;
		a->uptime_s = uptime();
		a->has_clock = true;
	}
	jump = now_s - a->clock_s - (uptime() - a->uptime_s);
	if (jump <= CLOCK_JUMP_S && jump >= -CLOCK_JUMP_S)
		return AC_OK;
	message_set(why, "the clock was set %s by more than %d s while this "
	    "server ran, and nothing is signed by it; set it right, or "
	    "restart the server to say that it is right now", jump < 0 ?
	    "back" : "forward", CLOCK_JUMP_S);
	return AC_ERR_BUSY;
}

/*
 * Does the head that was found at the start stand?  It is confirmed by a
 * quorum in this process and by the checkpoint that others are shown, or the
 * operator takes it upon himself.
 */
static enum ac_err
confirm(struct advance *a, bool quorum, struct message *why)
{
	struct message said = { "there are no witnesses" };
	enum ac_err e = AC_OK;

	if (a->confirmed)
		return AC_OK;
	if (a->outside != NULL)
		e = outside_check(a->outside, &said);
	if (e == AC_OK && quorum) {
		a->confirmed = true;
		signer_release(a->signer);
		journal_say(a->journal, JOURNAL_NOTICE, "confirmed",
		    "a quorum of witnesses confirmed the newest head");
		return AC_OK;
	}
	if (e == AC_OK && a->witness != NULL)
		message_set(&said, "its witnesses did not confirm it");
	if (!a->accept_start) {
		message_set(why, "nothing new is signed since the start, for "
		    "the newest head was not confirmed: %s", said.text);
		return AC_ERR_BUSY;
	}
	a->confirmed = true;
	signer_release(a->signer);
	if (a->accepted != NULL)
		a->accepted(a->arg, said.text);
	return AC_OK;
}

/* ---- the way ---- */

/*
 * Ask the witnesses for head, whose note is signed.  *quorum: a policy asks
 * for one and it is complete.  AC_ERR_BUSY: it is not.
 */
static enum ac_err
ask_witnesses(struct advance *a, bool *quorum, const struct store_head *head,
    struct span note, bool again, struct message *why)
{
	bool open = a->fail_open && a->confirmed;
	enum ac_err e;

	*quorum = false;
	if (a->witness == NULL)
		return AC_OK;
	e = witness_ask(a->witness, head, note, again,
	    open ? WITNESS_OPEN_MS : WITNESS_MS, why);
	*quorum = e == AC_OK && witness_is_required(a->witness);
	return e;
}

/* Store the note of head and replace the checkpoint. */
static enum ac_err
publish_note(struct advance *a, const struct store_head *head, struct span note,
    bool complete, bool batch, struct message *why)
{
	enum ac_err e = store_keep_note(a->store, head->size, note, complete);

	/* What stands already stays; this one is newer. */
	if (e != AC_OK && e != AC_ERR_EXISTS)
		return store_failed(a, e, "keep the checkpoint", why);
	if (batch)
		hook_at("cosigned");
	e = publish_checkpoint(a->publish, note, why);
	if (e != AC_OK)
		return e;
	if (batch)
		hook_at("published");
	e = published_set(a->published, head, note);
	if (e != AC_OK)
		message_set(why, "the head of size %" PRIu64 " cannot follow "
		    "the one that is public: %s", head->size, ac_strerror(e));
	return e;
}

/* Say when the quorum is lost or found. */
static void
note_quorum(struct advance *a, bool open, const struct message *why)
{
	if (open && !a->open)
		journal_say(a->journal, JOURNAL_WARNING, "fail-open",
		    why->text);
	else if (!open && a->open)
		journal_say(a->journal, JOURNAL_NOTICE, "quorum",
		    "the newest head has its quorum again");
	a->open = open;
}

/*
 * The rest of the way of head, whose checkpoint with the log's signature is
 * in *w.
 */
static enum ac_err
bring_out(struct advance *a, struct writer *w, const struct store_head *head,
    bool published, int64_t now_s, bool batch, struct message *why)
{
	struct buf signed_note = { 0 }, note = { 0 };
	enum ac_err e, confirmed = AC_OK;
	bool quorum, complete;

	e = wr_end(w, &signed_note);
	if (e != AC_OK)
		return store_failed(a, e, "sign the head", why);
	e = ask_witnesses(a, &quorum, head, buf_span(&signed_note), published,
	    why);
	complete = e == AC_OK;
	if (e != AC_OK && e != AC_ERR_BUSY)
		goto out;
	if (advance_is_halted(a)) {
		(void)halt_is(a->halt, why);
		e = AC_ERR_BUSY;
		goto out;
	}
	if (batch)
		hook_at("witnessed");
	if (a->serving)
		confirmed = confirm(a, quorum, complete ? why :
		    &(struct message){ "" });
	if (!complete && !(a->fail_open && a->confirmed))
		goto out; /* busy, as *why says */
	note_quorum(a, !complete, why);
	wr_init(w, NOTE_MAX);
	wr_bytes(w, buf_span(&signed_note));
	e = signer_cosign(a->signer, w, head, now_s, why);
	if (e != AC_OK)
		goto out;
	if (a->witness != NULL)
		witness_write(a->witness, w);
	e = wr_end(w, &note);
	if (e != AC_OK)
		e = store_failed(a, e, "cosign the head", why);
	else
		e = publish_note(a, head, buf_span(&note), complete, batch,
		    why);
	if (e == AC_OK)
		e = confirmed;
out:
	buf_free(&signed_note);
	buf_free(&note);
	return e;
}


static enum ac_err
go(struct advance *a, int64_t now_s, bool batch, struct message *why)
{
	struct store_head head;
	struct writer w;
	bool published;
	enum ac_err e = AC_OK;

	if (advance_is_halted(a)) {
		(void)halt_is(a->halt, why);
		return AC_ERR_BUSY;
	}
	if (a->serving)
		e = check_clock(a, now_s, why);
	if (e != AC_OK)
		return e;
	/* What others are shown, before anything is stated of the old head. */
	if (a->outside != NULL && !a->confirmed) {
		e = outside_check(a->outside, why);
		if (e != AC_OK && advance_is_halted(a))
			return AC_ERR_BUSY;
	}
	wr_init(&w, NOTE_MAX);
	e = sign_newest(a, &w, &head, &published, batch, why);
	if (e == AC_OK)
		e = bring_out(a, &w, &head, published, now_s, batch, why);
	wr_free(&w);
	return e;
}

enum ac_err
advance_head(struct advance *a, int64_t now_s, bool batch, struct message *why)
{
	enum ac_err e = go(a, now_s, batch, why);

	a->is_public = e == AC_OK;
	if (e == AC_ERR_BUSY && strcmp(a->blocked.text, why->text) != 0) {
		a->blocked = *why;
		journal_say(a->journal, JOURNAL_WARNING, "blocked", why->text);
	} else if (e == AC_OK && a->blocked.text[0] != '\0') {
		a->blocked.text[0] = '\0';
		journal_say(a->journal, JOURNAL_NOTICE, "unblocked",
		    "the newest head is public; the log goes on");
	}
	return e;
}
