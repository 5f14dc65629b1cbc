/*
 * steps_tpm.c -- steps 7, 10, 11 and 14: what the TPM signed is about this
 * statement and this run, and the events are those that the PCRs hold.
 */
#include "cert/checkpoint.h"
#include "cert/dsse.h"
#include "common/sha256.h"
#include "verifier/check.h"
#include "verifier/entry.h"
#include "verifier/quorum.h"
#include "verifier/sig.h"
#include "verifier/steps.h"

#define PCR_OUTPUTS 8
#define PCR_INPUTS 14
#define PCR_TLS 15

static const char *const when_name[] = { "START", "END" };

enum verify_status
steps_evidence(struct verification *v, struct message *why)
{
	const struct evidence *ev = &v->cert.evidence;

	if (!CHECK(evidence_statement,
	    digest_equal(&ev->bound, &v->cert.line[0].d)) ||
	    !CHECK(evidence_root,
	    digest_equal(&ev->root, &v->cert.provenance.root)))
		return BECAUSE(why, VERIFY_FAILED, "the evidence names another "
		    "statement or another root");
	if (ev->has_gpu)
		message_set(why, "GPU reports present, not verified");
	return VERIFY_OK;
}

/* No digest, and no reset of PCRs 0 to 15, leaves all ones in one. */
static bool
check_ones(const char *name, const struct digest pcr[16], struct message *why)
{
	struct digest ones;

	memset(ones.b, 0xff, sizeof(ones.b));
	for (unsigned i = 0; i < 16; i++) {
		if (!CHECK(pcr_ones, !digest_equal(&pcr[i], &ones)))
			return BECAUSE(why, false, "%s quote: PCR %u is all "
			    "ones, as only PCRs 17 to 22 can be", name, i);
	}
	return true;
}

/* Form, PCRs and signature of quote i, which is called name. */
static bool
check_quote(struct verification *v, size_t i, const char *name,
    struct message *why)
{
	const struct evidence_quote *q = &v->cert.evidence.quote[i];
	struct message what;

	if (quote_parse(&v->quote[i], buf_span(&q->attest), &what) !=
	    AC_OK || quote_check_pcrs(&v->quote[i], &v->ak_public,
	    EVIDENCE_PCRS, q->pcr, &what) != AC_OK ||
	    quote_check_signature(buf_span(&q->attest),
	    buf_span(&q->signature), &v->ak_public, &what) != AC_OK)
		return BECAUSE(why, false, "%s quote: %s", name, what.text);
	return check_ones(name, q->pcr, why);
}

enum verify_status
steps_quotes(struct verification *v, struct message *why)
{
	for (size_t i = EVIDENCE_START; i <= EVIDENCE_END; i++) {
		if (!check_quote(v, i, when_name[i], why))
			return VERIFY_FAILED;
		if (!CHECK(clock_safe, v->quote[i].safe))
			return BECAUSE(why, VERIFY_FAILED, "%s quote: the "
			    "TPM's clock was not safe", when_name[i]);
	}
	v->ak_name_matches =
	    quote_is_endorsement_primary(&v->quote[0], &v->ak_public) &&
	    quote_is_endorsement_primary(&v->quote[1], &v->ak_public);
	message_set(why, "two, %s with %s; the qualified signer %s the AK as a "
	    "primary key", quote_scheme_name(&v->ak_public),
	    quote_hash_name(&v->ak_public), v->ak_name_matches ? "names" :
	    "does not name");
	return CHECK(require_ak_name, !v->policy->require_ak_name ||
	    v->ak_name_matches) ? VERIFY_OK : VERIFY_NOT_ACCEPTED;
}

enum verify_status
steps_challenge(struct verification *v, const uint8_t nonce[32],
    struct message *why)
{
	const struct quote *q = &v->quote[EVIDENCE_END];
	struct digest want = dsse_bind_challenge(nonce);

	if (!check_quote(v, EVIDENCE_END, "the challenge's", why))
		return VERIFY_FAILED;
	if (span_equal(q->extra_data, span_of(nonce, 32)))
		return BECAUSE(why, VERIFY_FAILED, "the quote is over the "
		    "bare nonce, without the tag of a challenge: whoever "
		    "makes such quotes lets others choose what they say");
	if (!span_equal(q->extra_data, span_digest(&want)))
		return BECAUSE(why, VERIFY_FAILED, "the quote answers another "
		    "challenge than this one: it was made at another time, or "
		    "for somebody else");
	v->ak_name_matches = quote_is_endorsement_primary(q, &v->ak_public);
	if (v->policy->require_ak_name && !v->ak_name_matches)
		return BECAUSE(why, VERIFY_NOT_ACCEPTED, "the qualified "
		    "signer does not name the AK, as the policy requires");
	return BECAUSE(why, VERIFY_OK, "one, of this challenge");
}

/* One boot, one machine, a clock that went forward. */
static bool
check_continuity(const struct verification *v, struct message *why)
{
	const struct quote *s = &v->quote[EVIDENCE_START];
	const struct quote *t = &v->quote[EVIDENCE_END];

	if (!CHECK(one_boot, s->reset_count == t->reset_count &&
	    s->restart_count == t->restart_count))
		return BECAUSE(why, false, "the machine was restarted between "
		    "START and END");
	if (!CHECK(one_tpm, s->firmware == t->firmware &&
	    span_equal(s->qualified_signer, t->qualified_signer)))
		return BECAUSE(why, false, "START and END are by different "
		    "TPMs");
	if (!CHECK(clock_forward, s->clock_ms < t->clock_ms))
		return BECAUSE(why, false, "the TPM's clock did not go forward "
		    "from START to END");
	return true;
}

/* Extend a zero PCR with lines[0..n). */
static struct digest
replay(const struct buf lines[], size_t n)
{
	struct digest at = { { 0 } };

	for (size_t i = 0; i < n; i++) {
		struct digest line = sha256_of(buf_span(&lines[i]));

		at = sha256_of2(span_digest(&at), span_digest(&line));
	}
	return at;
}

/* Is the inputs log the one that END vouches for?  Decided by step 14. */
static bool
inputs_replay(const struct evidence *ev)
{
	struct digest at = replay(ev->inputs_log, ev->ninputs);

	return digest_equal(&at, &ev->quote[EVIDENCE_END].pcr[PCR_INPUTS]);
}

/*
 * Index of the start event and what it says; false where there is none.  Lines
 * that are no events are step 14's to refuse.
 */
static bool
find_start(size_t *at, struct digest *attest, const struct evidence *ev)
{
	for (size_t i = 0; i < ev->ninputs; i++) {
		struct event event;
		bool start;

		if (event_decode(&event, buf_span(&ev->inputs_log[i])) != AC_OK)
			continue;
		start = event.type == EVENT_START &&
		    json_digest(json_get(event.resolved, "attest"), attest);
		event_free(&event);
		if (start) {
			*at = i;
			return true;
		}
	}
	return false;
}

/*
 * What the PCRs of START must be, given those of END: one history.  PCR 14 is
 * compared with the inputs log only if that is the log which END vouches for:
 * a log that somebody changed is not START's fault, and step 14 refuses it.
 */
static bool
check_start_pcrs(const struct verification *v, struct message *why)
{
	static const struct digest zero = { { 0 } };
	const struct evidence *ev = &v->cert.evidence;
	const struct digest *s = ev->quote[EVIDENCE_START].pcr;
	const struct digest *t = ev->quote[EVIDENCE_END].pcr;
	bool judged = inputs_replay(ev);
	struct digest want = zero, attest = zero, found;
	size_t start = 0;

	if (!CHECK(start_event, !judged || find_start(&start, &attest, ev)))
		return BECAUSE(why, false, "the inputs log has no start event");
	if (judged)
		want = replay(ev->inputs_log, start);
	for (unsigned i = 0; i < 16; i++) {
		const struct digest *d = &t[i];

		if ((EVIDENCE_PCRS >> i & 1) == 0 ||
		    (i == PCR_INPUTS && !judged))
			continue;
		if (i == PCR_OUTPUTS)
			d = &zero;
		else if (i == PCR_INPUTS)
			d = &want;
		if (!CHECK(start_pcrs, digest_equal(&s[i], d)))
			return BECAUSE(why, false, "START: PCR %u is %s, "
			    "expected %s", i, message_digest(&s[i]).text,
			    message_digest(d).text);
	}
	found = sha256_of(buf_span(&ev->quote[EVIDENCE_START].attest));
	if (!CHECK(start_named, !judged || digest_equal(&attest, &found)))
		return BECAUSE(why, false, "the start event does not name the "
		    "START quote");
	return true;
}

/* The checkpoint handed over at the start: an earliest time, or none. */
static enum verify_status
check_start_note(struct verification *v, struct span bytes,
    struct message *why)
{
	const struct note_key *log;
	struct checkpoint c;
	struct note note;
	struct message what;
	enum ac_err e;
	int64_t t;

	if (note_parse(&note, bytes) != AC_OK ||
	    checkpoint_parse(&c, note.text) != AC_OK)
		return BECAUSE(why, VERIFY_FAILED, "the log checkpoint at the "
		    "start is malformed");
	if (!CHECK(start_note_size, v->mode != VERIFY_MODE_LOGGED ||
	    !span_equal(c.origin, v->origin) ||
	    c.size <= v->cert.line[0].bundle.entry.index))
		return BECAUSE(why, VERIFY_FAILED, "the checkpoint at the "
		    "start is of a later tree than the entry: size %llu, index "
		    "%llu", (unsigned long long)c.size, (unsigned long long)
		    v->cert.line[0].bundle.entry.index);
	log = policy_log_by(v->policy, c.origin);
	if (log == NULL)
		return BECAUSE(why, VERIFY_OK, "no earliest time: the "
		    "checkpoint is of a log that the policy does not name");
	if (!CHECK(start_note_signature, sig_note(&t, &note, log) == AC_OK))
		return BECAUSE(why, VERIFY_FAILED, "the checkpoint at the "
		    "start is not signed by the log it names");
	e = quorum_time(&t, v->policy, &note, &what);
	v->earliest.by_witnesses = e == AC_OK && t != QUORUM_NEVER;
	if (e == AC_OK && t == QUORUM_NEVER)
		e = quorum_log_time(&t, v->policy, &note, c.origin, &what);
	if (e == AC_ERR_NOT_FOUND)
		return BECAUSE(why, VERIFY_OK, "no earliest time: %s",
		    what.text);
	if (e != AC_OK) {
		*why = what;
		return VERIFY_FAILED;
	}
	v->earliest.known = true;
	v->earliest.unix_s = t;
	if (v->logged[0].known && t > v->logged[0].unix_s)
		message_set(why, "the checkpoint at the start has a later time "
		    "than the entry");
	return VERIFY_OK;
}

/* extraData of both quotes. */
static bool
check_extra_data(const struct verification *v, struct span note,
    struct message *why)
{
	struct json config = json_get(v->cert.provenance.external, "config");
	struct digest file, start, end;

	if (!json_digest(json_get(config, "sha256"), &file))
		return false;
	start = dsse_bind_start(&file, note);
	end = dsse_bind_end(&v->cert.line[0].d);
	if (!CHECK(start_bound, span_equal(v->quote[EVIDENCE_START].extra_data,
	    span_digest(&start))))
		return BECAUSE(why, false, "START's extraData is not bound to "
		    "this configuration and checkpoint");
	if (!CHECK(end_bound, span_equal(v->quote[EVIDENCE_END].extra_data,
	    span_digest(&end))))
		return BECAUSE(why, false, "END's extraData is not bound to "
		    "this statement");
	return true;
}

enum verify_status
steps_bindings(struct verification *v, struct message *why)
{
	enum verify_status s = VERIFY_FAILED;
	struct buf note = { 0 };

	if (json_present(v->cert.provenance.checkpoint) &&
	    json_base64(&note, v->cert.provenance.checkpoint, NOTE_MAX) !=
	    AC_OK)
		return BECAUSE(why, VERIFY_FAILED, "the log checkpoint at the "
		    "start is malformed");
	if (!check_extra_data(v, buf_span(&note), why) ||
	    !check_continuity(v, why) || !check_start_pcrs(v, why))
		goto out;
	s = VERIFY_OK;
	if (note.len > 0)
		s = check_start_note(v, buf_span(&note), why);
	else
		message_set(why, "no earliest time: no checkpoint was handed "
		    "over at the start");
	if (s == VERIFY_OK && !CHECK(require_earliest_time,
	    !v->policy->require_earliest_time || v->earliest.known))
		s = VERIFY_NOT_ACCEPTED;
out:
	buf_free(&note);
	return s;
}

/*
 * Does the order of types follow the grammar of PCR 14 (formats.md 1)?  A run
 * that goes on may lack what comes at its end.
 */
static bool
check_grammar(const struct evidence *ev, bool whole, struct message *why)
{
	/* Rank by type; only inputs may repeat. */
	int last = -1;
	bool seen[EVENT_OUTPUTS + 1] = { false };

	for (size_t i = 0; i < ev->ninputs; i++) {
		struct event event;
		int type;

		if (event_decode(&event, buf_span(&ev->inputs_log[i])) !=
		    AC_OK)
			return BECAUSE(why, false, "PCR 14: event %zu is "
			    "malformed", i + 1);
		type = (int)event.type;
		event_free(&event);
		if (!CHECK(event_order, type >= last &&
		    type != EVENT_OUTPUTS &&
		    (type != last || type == EVENT_INPUT_RESOURCE)))
			return BECAUSE(why, false, "PCR 14: event %zu, %s, "
			    "stands where the grammar has none", i + 1,
			    event_name((enum event_type)type));
		last = type;
		seen[type] = true;
	}
	for (int type = EVENT_CONFIGURATION; whole && type <= EVENT_COMPUTE;
	    type++) {
		if (!CHECK(event_missing, seen[type] ||
		    type == EVENT_INPUT_IMAGE ||
		    type == EVENT_INPUT_RESOURCE))
			return BECAUSE(why, false, "PCR 14: there is no %s "
			    "event", event_name((enum event_type)type));
	}
	return true;
}

static bool
check_outputs_grammar(const struct evidence *ev, struct message *why)
{
	struct event event;
	bool ok = false;

	if (ev->noutputs == 1 &&
	    event_decode(&event, buf_span(&ev->outputs_log[0])) == AC_OK) {
		ok = event.type == EVENT_OUTPUTS;
		event_free(&event);
	}
	if (CHECK(outputs_event, ok))
		return true;
	return BECAUSE(why, false, "PCR 8: expected exactly one outputs event");
}

/* Extend a zero PCR with lines[0..n), and compare. */
static bool
check_replay(const struct verification *v, unsigned pcr,
    const struct buf lines[], size_t n, struct message *why)
{
	const struct digest *want =
	    &v->cert.evidence.quote[EVIDENCE_END].pcr[pcr];
	struct digest at = replay(lines, n);

	if (CHECK(replay, digest_equal(&at, want)))
		return true;
	return BECAUSE(why, false, "the events do not replay to PCR %u: they "
	    "lead to %s, the quote has %s", pcr, message_digest(&at).text,
	    message_digest(want).text);
}

enum verify_status
steps_replay(struct verification *v, struct message *why)
{
	const struct evidence *ev = &v->cert.evidence;
	size_t has_key = ev->tls_key.len > 0 ? 1 : 0;

	if (!check_replay(v, PCR_INPUTS, ev->inputs_log, ev->ninputs, why) ||
	    !check_replay(v, PCR_OUTPUTS, ev->outputs_log, ev->noutputs, why) ||
	    !check_replay(v, PCR_TLS, &ev->tls_key, has_key, why) ||
	    !check_grammar(ev, true, why) || !check_outputs_grammar(ev, why))
		return VERIFY_FAILED;
	return BECAUSE(why, VERIFY_OK, "%zu events in PCR 14, %zu in PCR 8%s",
	    ev->ninputs, ev->noutputs, has_key ? ", the TLS key in PCR 15" :
	    ", PCR 15 unused");
}

enum verify_status
steps_replay_so_far(struct verification *v, struct span peer,
    struct message *why)
{
	const struct evidence *ev = &v->cert.evidence;

	if (ev->tls_key.len == 0)
		return BECAUSE(why, VERIFY_FAILED, "the machine measured no "
		    "TLS key");
	if (!check_replay(v, PCR_TLS, &ev->tls_key, 1, why))
		return VERIFY_FAILED;
	if (!span_equal(buf_span(&ev->tls_key), peer))
		return BECAUSE(why, VERIFY_FAILED, "the key of this "
		    "connection is not the one in PCR 15: whoever answers here "
		    "is not the machine that was quoted");
	if (!check_replay(v, PCR_INPUTS, ev->inputs_log, ev->ninputs, why) ||
	    !check_replay(v, PCR_OUTPUTS, ev->outputs_log, ev->noutputs, why) ||
	    !check_grammar(ev, false, why) ||
	    (ev->noutputs > 0 && !check_outputs_grammar(ev, why)))
		return VERIFY_FAILED;
	return BECAUSE(why, VERIFY_OK, "%zu events in PCR 14, %zu in PCR 8, "
	    "the key of this connection in PCR 15", ev->ninputs, ev->noutputs);
}
