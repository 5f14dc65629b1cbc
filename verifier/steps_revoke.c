/*
 * steps_revoke.c -- step 17: is anything that this certificate rests on void,
 * as of the revocation states at hand?
 *
 * A snapshot is the state that a registry logged, and the revocations that it
 * counts.  It counts where the state is the policy's registry's own, logged,
 * and digests exactly that list.  Only revocations that name something of this
 * certificate are looked at closer: those have to be logged each, so that none
 * can be shown under another signature than its own.
 */
#include "cert/dsse.h"
#include "cert/revocation.h"
#include "common/reader.h"
#include "common/sha256.h"
#include "verifier/check.h"
#include "verifier/logged.h"
#include "verifier/steps.h"

#define TARGETS_MAX 6

/* Something that a revocation could name, and what was found of it. */
struct target {
	const char *name;
	enum revocation_target kind;
	struct digest digest, signer;
	uint64_t last;   /* index of the last entry that goes with it */
	bool everywhere; /* scope all */
	bool elsewhere;  /* scope from, in other logs */
	bool here;       /* scope from, in this log: from that index on */
	uint64_t from;
	struct digest by;        /* of the one that counts most */
	struct message reason;
};

struct targets {
	size_t n;
	struct target t[TARGETS_MAX];
	uint64_t ignored; /* revocations by somebody who may not */
	struct digest ignored_by;
};

static void
add_target(struct targets *ts, const char *name, enum revocation_target kind,
    const struct digest *digest, const struct digest *signer, uint64_t last)
{
	ts->t[ts->n++] = (struct target){ .name = name, .kind = kind,
		.digest = *digest, .signer = *signer, .last = last };
}

/* All that the certificate rests on; lines 1 and 2 stand and fall together. */
static void
collect(struct targets *ts, const struct verification *v)
{
	struct digest key = spki_digest(&v->cert.key);
	uint64_t last = v->cert.line[0].bundle.entry.index;

	if (v->cert.has_evidence && v->cert.line[1].bundle.entry.index > last)
		last = v->cert.line[1].bundle.entry.index;
	add_target(ts, "the provenance", REVOCATION_STATEMENT,
	    &v->cert.line[0].d, &key, last);
	add_target(ts, "the builder's key", REVOCATION_KEY, &key, &key, last);
	if (v->cert.has_evidence) {
		add_target(ts, "the evidence", REVOCATION_STATEMENT,
		    &v->cert.line[1].d, &key, last);
		add_target(ts, "the attestation key", REVOCATION_KEY,
		    &v->ak.spki, &v->ak.spki, last);
	}
	if (!v->release.known)
		return;
	add_target(ts, "the image's publisher", REVOCATION_KEY,
	    &v->release.signer, &v->release.signer, v->release.index);
	if (v->release.index > last)
		last = v->release.index;
	add_target(ts, "the image release", REVOCATION_IMAGE, &v->release.d,
	    &v->release.signer, last);
}

static struct target *
find_target(struct targets *ts, const struct revocation *r)
{
	for (size_t i = 0; i < ts->n; i++)
		if (ts->t[i].kind == r->target &&
		    digest_equal(&ts->t[i].digest, &r->digest))
			return &ts->t[i];
	return NULL;
}

static bool
may_revoke(const struct policy *p, const struct target *t,
    const struct digest *signer)
{
	return policy_named_by(p->revoker, p->nrevoker, signer) != NULL ||
	    digest_equal(&t->signer, signer);
}

/* Of several the one that voids most counts, and none is lifted. */
static void
note(struct target *t, const struct revocation *r, const struct digest *by,
    struct span origin)
{
	bool here = r->from && span_equal(r->origin, origin);
	bool most = !r->from ? !t->everywhere : t->everywhere ? false :
	    here ? !t->here || r->index < t->from : !t->here && !t->elsewhere;

	if (here && (!t->here || r->index < t->from))
		t->from = r->index;
	t->here = t->here || here;
	t->elsewhere = t->elsewhere || (r->from && !here);
	t->everywhere = t->everywhere || !r->from;
	if (!most)
		return;
	t->by = *by;
	message_set(&t->reason, "%s", message_quoted(r->reason).text);
}

/* Does what was found reach the entries of this certificate? */
static bool
is_void(const struct target *t)
{
	return t->everywhere || (t->here ? t->last >= t->from : t->elsewhere);
}

static enum ac_err
decode(struct certificate_line *line, struct revocation *r, struct span raw,
    bool state)
{
	enum ac_err e = bundle_decode(&line->bundle, raw, STATEMENT_MAX);

	if (e == AC_OK)
		e = revocation_decode(r, buf_span(&line->bundle.statement));
	if (e == AC_OK && (r->kind == REVOCATION_STATE) != state)
		e = AC_ERR_FORMAT;
	if (e == AC_OK && (r->kind == REVOCATION_REMOVAL ||
	    !line->bundle.logged))
		e = AC_ERR_FORMAT;
	line->raw = raw;
	line->d = dsse_digest(buf_span(&line->bundle.statement));
	return e;
}

/* One revocation of the list; *after is the index of the one before, or 0. */
static bool
take(struct targets *ts, const struct verification *v, struct span raw,
    const struct verify_state *state, struct sha256 *digest, uint64_t *after,
    struct message *why)
{
	struct certificate_line line = { 0 };
	struct revocation r = { 0 };
	struct logged l = { 0 };
	struct target *t;
	bool ok = false;

	if (decode(&line, &r, raw, false) != AC_OK) {
		message_set(why, "it is no logged revocation");
		goto out;
	}
	sha256_update(digest, span_digest(&line.d));
	if (!CHECK(revocation_order, line.bundle.entry.index >= *after &&
	    line.bundle.entry.index < state->tree_size)) {
		message_set(why, "it is not in the order of the log, or not "
		    "among the entries that the state covers");
		goto out;
	}
	*after = line.bundle.entry.index + 1;
	t = find_target(ts, &r);
	if (t == NULL) {
		ok = true;
		goto out;
	}
	if (!CHECK(revocation_logged,
	    logged_check(&l, v->policy, &line, why) == VERIFY_OK &&
	    span_equal(l.origin, state->origin)))
		goto out;
	if (may_revoke(v->policy, t, &l.signer)) {
		note(t, &r, &l.signer, v->origin);
	} else {
		ts->ignored++;
		ts->ignored_by = l.signer;
	}
	ok = true;
out:
	revocation_free(&r);
	bundle_free(&line.bundle);
	return ok;
}

/* The first line of a snapshot: *list is the digest of what follows. */
static enum verify_status
read_state(struct verify_state *state, struct digest *list,
    const struct verification *v, struct span raw, struct message *why)
{
	const struct policy_registry *registry;
	struct certificate_line line = { 0 };
	struct revocation r = { 0 };
	enum verify_status s = VERIFY_FAILED;
	struct logged l = { 0 };

	if (decode(&line, &r, raw, true) != AC_OK) {
		message_set(why, "it does not begin with a logged revocation "
		    "state");
		goto out;
	}
	registry = policy_registry_by(v->policy, r.origin);
	if (registry == NULL) {
		message_set(why, "the policy names no registry of %s",
		    message_quoted(r.origin).text);
		s = VERIFY_NOT_CHECKED;
		goto out;
	}
	s = logged_check(&l, v->policy, &line, why);
	if (s == VERIFY_NOT_ACCEPTED)
		s = VERIFY_NOT_CHECKED;
	if (s != VERIFY_OK)
		goto out;
	if (!CHECK(state_signer,
	    digest_equal(&l.signer, &registry->fingerprint))) {
		message_set(why, "the revocation state is signed by %s, which "
		    "is not the policy's registry of %s",
		    message_digest(&l.signer).text,
		    message_quoted(r.origin).text);
		s = VERIFY_NOT_CHECKED;
		goto out;
	}
	if (!CHECK(state_log, span_equal(l.origin, r.origin)) ||
	    !CHECK(state_size, r.tree_size <= l.index)) {
		message_set(why, "the revocation state is of another log, or "
		    "of a larger tree, than it is logged in");
		s = VERIFY_FAILED;
		goto out;
	}
	*state = (struct verify_state){ true, span_str(registry->origin),
		r.tree_size, r.count, l.time };
	*list = r.digest;
out:
	revocation_free(&r);
	bundle_free(&line.bundle);
	return s;
}

static enum verify_status
read_snapshot(struct targets *ts, struct verify_state *state,
    const struct verification *v, struct span snapshot, struct message *why)
{
	struct reader lines = rd_of(snapshot);
	struct digest list = { { 0 } }, got;
	struct message what = { "" };
	enum verify_status s;
	struct sha256 digest;
	uint64_t n = 0, after = 0;
	struct span raw;

	if (snapshot.len > REVOCATIONS_MAX)
		return BECAUSE(why, VERIFY_FAILED, "the snapshot has %zu "
		    "bytes, the limit is %zu", snapshot.len, REVOCATIONS_MAX);
	if (!rd_line(&lines, &raw))
		return BECAUSE(why, VERIFY_FAILED, "the snapshot has no line");
	s = read_state(state, &list, v, raw, why);
	if (s != VERIFY_OK)
		return s;
	sha256_init(&digest);
	for (; !rd_end(&lines); n++) {
		if (rd_line(&lines, &raw) &&
		    take(ts, v, raw, state, &digest, &after, &what))
			continue;
		return BECAUSE(why, VERIFY_FAILED, "revocation %llu of the "
		    "snapshot: %s", (unsigned long long)n + 1,
		    what.text[0] != '\0' ? what.text : "the line is cut off");
	}
	got = sha256_final(&digest);
	if (!CHECK(state_list, n == state->count && digest_equal(&got, &list)))
		return BECAUSE(why, VERIFY_FAILED, "the snapshot has %llu "
		    "revocations, which are not the %llu of the logged state",
		    (unsigned long long)n, (unsigned long long)state->count);
	return VERIFY_OK;
}

/* "5 h old", by the caller's clock. */
static void
add_age(struct message *why, int64_t age_s)
{
	message_add(why, age_s < 2 * 86400 ? ", %lld h old" : ", %lld days old",
	    (long long)(age_s / (age_s < 2 * 86400 ? 3600 : 86400)));
}

/* Nothing is void: what that is worth. */
static enum verify_status
judge_state(const struct verification *v, const struct targets *ts,
    struct message *why)
{
	const struct verify_state *s = &v->revocations;
	int64_t age_s = v->now_s > s->time.unix_s ?
	    v->now_s - s->time.unix_s : 0;

	message_set(why, "none of %llu revocations concerns this, in the first "
	    "%llu entries of %s as of %s", (unsigned long long)s->count,
	    (unsigned long long)s->tree_size, message_quoted(s->origin).text,
	    message_time(s->time.unix_s).text);
	add_age(why, age_s);
	if (s->tree_size <= v->cert.line[0].bundle.entry.index)
		message_add(why, ", before this certificate was logged");
	if (ts->ignored > 0) {
		message_add(why, "; %llu ignored, for they are by keys that "
		    "may not revoke this, such as %s",
		    (unsigned long long)ts->ignored, message_digest(&ts->ignored_by).text);
	}
	if (!CHECK(state_age, !v->policy->require_revocation_state ||
	    (span_equal(s->origin, v->origin) &&
	    age_s <= v->policy->revocation_state_s))) {
		message_add(why, "; the policy asks for one of this log, not "
		    "older than %lld h",
		    (long long)(v->policy->revocation_state_s / 3600));
		return VERIFY_NOT_ACCEPTED;
	}
	return VERIFY_OK;
}

enum verify_status
steps_revocation(struct verification *v, struct message *why)
{
	enum verify_status worst = VERIFY_NOT_CHECKED, s;
	struct targets ts = { 0 };
	struct message what = { "" };

	collect(&ts, v);
	message_set(why, "no revocation snapshot at hand");
	for (size_t i = 0; i < v->nsnapshots; i++) {
		struct verify_state state = { 0 };

		s = read_snapshot(&ts, &state, v, v->snapshot[i], &what);
		if (s == VERIFY_OK && (!v->revocations.known ||
		    span_equal(state.origin, v->origin)))
			v->revocations = state;
		if (s == VERIFY_OK && worst == VERIFY_NOT_CHECKED)
			worst = VERIFY_OK;
		else if (s != VERIFY_OK)
			message_set(why, "the revocation snapshot does not "
			    "count: %s", what.text);
		if (s == VERIFY_FAILED)
			return s;
	}
	for (size_t i = 0; i < ts.n; i++) {
		const struct target *t = &ts.t[i];

		if (CHECK(revoked, !is_void(t)))
			continue;
		message_set(why, "%s is revoked by %s", t->name,
		    message_digest(&t->by).text);
		if (!t->everywhere && t->here)
			message_add(why, " from entry %llu on, this has %llu",
			    (unsigned long long)t->from,
			    (unsigned long long)t->last);
		message_add(why, ": %s", t->reason.text);
		return VERIFY_FAILED;
	}
	if (worst == VERIFY_OK)
		return judge_state(v, &ts, why);
	if (CHECK(require_state, !v->policy->require_revocation_state))
		return VERIFY_NOT_CHECKED;
	message_add(why, "; the policy asks for one");
	return VERIFY_NOT_ACCEPTED;
}
