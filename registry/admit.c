/* admit.c -- what the log takes; see admit.h. */
#include <stdlib.h>
#include <time.h>

#include "cert/dsse.h"
#include "cert/leaf.h"
#include "cert/release.h"
#include "cert/revocation.h"
#include "common/text.h"
#include "registry/admit.h"
#include "registry/problem.h"
#include "registry/terms.h"
#include "verifier/policyfile.h"
#include "verifier/sig.h"
#include "verifier/verify.h"

/* Room for a log entry and the rest of a bundle on each answered line. */
#define ENTRY_ROOM ((size_t)8 << 10)
#define HOUR_S 3600
#define SETS 256 /* of keys that a thread remembers */
#define WAYS 4

/* Keys whose fingerprints begin with one byte, newest first. */
struct set {
	struct sig_key *key[WAYS];
	struct digest fingerprint[WAYS];
};

struct admit {
	struct admit_options options;
	struct set known[SETS];
	struct certificate certificate; /* of the one at hand; large */
};

enum ac_err
admit_new(struct admit **out, const struct admit_options *o)
{
	struct admit *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return AC_ERR_MEMORY;
	a->options = *o;
	*out = a;
	return AC_OK;
}

void
admit_free(struct admit *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < SETS; i++)
		for (size_t k = 0; k < WAYS; k++)
			sig_key_free(a->known[i].key[k]);
	free(a);
}

/* ---- keys: a bundle names its key only by digest ---- */

/* The loaded key, or NULL. */
static const struct sig_key *
recall(const struct admit *a, const struct digest *fingerprint)
{
	const struct set *s = &a->known[fingerprint->b[0]];

	for (size_t i = 0; i < WAYS; i++)
		if (s->key[i] != NULL &&
		    digest_equal(&s->fingerprint[i], fingerprint))
			return s->key[i];
	return NULL;
}

/* Load a key that was used; where that fails it is not remembered. */
static void
remember(struct admit *a, const struct spki *key)
{
	struct digest fingerprint = spki_digest(key);
	struct set *s = &a->known[fingerprint.b[0]];
	struct sig_key *loaded;

	if (sig_key_new(&loaded, key) != AC_OK)
		return;
	sig_key_free(s->key[WAYS - 1]);
	for (size_t i = WAYS - 1; i > 0; i--) {
		s->key[i] = s->key[i - 1];
		s->fingerprint[i] = s->fingerprint[i - 1];
	}
	s->key[0] = loaded;
	s->fingerprint[0] = fingerprint;
}

/* ---- from certificate to unit ---- */

/* Take over what the log keeps of one line. */
static enum ac_err
fill_line(struct unit_line *out, struct certificate_line *in,
    const struct spki *key, const struct provenance_view *provenance)
{
	struct buf body = { 0 };
	enum ac_err e;

	out->d = in->d;
	out->key = *key;
	memcpy(out->sig, in->bundle.sig, in->bundle.siglen);
	out->siglen = in->bundle.siglen;
	out->statement = in->bundle.statement;
	in->bundle.statement = (struct buf){ 0 }; /* transferred */
	e = terms_of(out, &in->statement, provenance);
	if (e == AC_OK)
		e = buf_copy(&out->type, in->statement.predicate_type);
	if (e == AC_OK)
		e = leaf_encode(&body, &out->d, span_of(out->sig, out->siglen),
		    key);
	if (e == AC_OK)
		out->leaf = merkle_leaf(buf_span(&body));
	buf_free(&body);
	return e;
}

static bool
refuse(struct reply *out, enum problem p, const struct message *why)
{
	problem_reply(out, p, why->text, NULL);
	return false;
}

/* The refusal for an error of decoding. */
static enum problem
problem_of(enum ac_err e)
{
	switch (e) {
	case AC_ERR_LIMIT:
		return PROBLEM_TOO_LARGE;
	case AC_ERR_MISMATCH:
		return PROBLEM_DISAGREEMENT;
	case AC_ERR_MEMORY:
		return PROBLEM_BUSY;
	case AC_OK:
	case AC_ERR_FORMAT:
	case AC_ERR_NOT_FOUND:
	case AC_ERR_EXISTS:
	case AC_ERR_IO:
	case AC_ERR_CRYPTO:
	case AC_ERR_BUSY:
	case AC_ERR_UNSUPPORTED:
		break;
	}
	return PROBLEM_MALFORMED;
}

/* Would the answer, with a log entry on each line, still be a certificate? */
static bool
check_room(const struct certificate *c, struct reply *refusal)
{
	struct message why;
	size_t room = 0;

	for (size_t i = 0; i < c->nlines; i++)
		room += text_base64_len(c->line[i].bundle.statement.len) +
		    ENTRY_ROOM;
	if (room <= CERTIFICATE_MAX)
		return true;
	message_set(&why, "with a log entry of up to %zu bytes on each line "
	    "the certificate would pass the limit of %zu bytes", ENTRY_ROOM,
	    CERTIFICATE_MAX);
	return refuse(refusal, PROBLEM_TOO_LARGE, &why);
}

static bool
check_builder(struct admit *a, struct reply *refusal)
{
	struct certificate *c = &a->certificate;
	const struct sig_key *known = recall(a, &c->provenance.builder_key);
	struct message why = { "" };
	enum ac_err e = known != NULL ?
	    certificate_check_builder_by(c, known, &why) :
	    certificate_check_builder(c, NULL, &why);

	if (e == AC_ERR_MEMORY)
		return refuse(refusal, PROBLEM_BUSY, &why);
	if (e != AC_OK)
		return refuse(refusal, PROBLEM_SIGNATURE, &why);
	if (known == NULL)
		remember(a, &c->key);
	return true;
}

/* Check and take over line i >= 1; the evidence is checked already. */
static bool
admit_line(struct admit *a, struct unit *u, struct reply *refusal, size_t i)
{
	struct certificate_line *line = &a->certificate.line[i];
	struct message why = { "" }, what = { "" };
	struct spki key = a->certificate.key;
	enum ac_err e = AC_OK;

	if (line->statement.doc.root == NULL) {
		message_set(&why, "line %zu: the payload is not an in-toto "
		    "Statement v1", i + 1);
		return refuse(refusal, PROBLEM_MALFORMED, &why);
	}
	if (i > 1 || !u->has_evidence)
		e = certificate_check_line(&key, line, &what);
	if (e != AC_OK) {
		message_set(&why, "line %zu: %s", i + 1, what.text);
		return refuse(refusal, e == AC_ERR_MEMORY ? PROBLEM_BUSY :
		    PROBLEM_SIGNATURE, &why);
	}
	if (fill_line(&u->line[i], line, &key, NULL) != AC_OK) {
		message_set(&why, "no memory for the certificate");
		return refuse(refusal, PROBLEM_BUSY, &why);
	}
	return true;
}

/* ---- evidence ---- */

enum ac_err
admit_policy_load(struct policy **out, const char *path, struct message *why)
{
	return policyfile_load(out, path, why);
}

void
admit_policy_free(struct policy *p)
{
	policy_free(p);
}

/*
 * What the verifier finds before a certificate is logged, by our clock with an
 * hour left on the AK's certificates.  Of step 2 only whether a self-asserted
 * certificate is allowed counts: we log builders whom we do not know.
 */
static bool
check_evidence(struct admit *a, struct reply *refusal, struct span jsonl)
{
	bool measured = a->certificate.provenance.measured, good = false;
	struct verification *v;
	struct message why;

	v = verification_new(a->options.policy, VERIFY_MODE_ADMISSION);
	if (v == NULL) {
		message_set(&why, "no memory to judge the evidence");
		return refuse(refusal, PROBLEM_BUSY, &why);
	}
	if (!measured && !policy_allows_self_asserted(a->options.policy,
	    policy_builder_by(a->options.policy,
	    &a->certificate.provenance.builder_key))) {
		message_set(&why, "the certificate is self-asserted, and this "
		    "registry takes only those with evidence");
		good = refuse(refusal, PROBLEM_EVIDENCE, &why);
		goto out;
	}
	verification_certificate(v, jsonl, span_of(NULL, 0),
	    (int64_t)time(NULL) + HOUR_S);
	for (unsigned i = VERIFY_FORMAT; i <= VERIFY_ENTAILMENT; i++) {
		const struct verify_result *r = &v->step[i];

		if (r->status != VERIFY_FAILED &&
		    (r->status != VERIFY_NOT_ACCEPTED || i == VERIFY_BUILDER))
			continue;
		message_set(&why, "step %u, %s: %s", i,
		    verify_step_name((enum verify_step)i), r->text.text);
		good = refuse(refusal, PROBLEM_EVIDENCE, &why);
		goto out;
	}
	good = true;
out:
	verification_free(v);
	return good;
}

/* ---- statements of other kinds ---- */

/* One of ours, or another that the log does not take alone. */
static bool
kind_of(enum unit_kind *out, struct span type)
{
	static const struct {
		const char *type;
		enum unit_kind kind;
	} kinds[] = { { TYPE_RELEASE, UNIT_RELEASE },
		{ TYPE_REVOCATION, UNIT_REVOCATION },
		{ TYPE_REMOVAL, UNIT_REMOVAL },
		{ TYPE_REVOCATION_STATE, UNIT_STATE } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (span_is(type, kinds[i].type)) {
			*out = kinds[i].kind;
			return true;
		}
	return false;
}

/*
 * Is jsonl one line with a statement of those kinds?  Then *line is that, to
 * be freed; else it is judged as a certificate.
 */
static bool
is_statement(struct certificate_line *line, enum unit_kind *kind,
    struct span jsonl)
{
	struct certificate_line l = { .raw = jsonl };
	bool is = false;

	if (jsonl.len < 2 || jsonl.p[jsonl.len - 1] != '\n' ||
	    memchr(jsonl.p, '\n', jsonl.len - 1) != NULL)
		return false;
	l.raw.len--;
	if (bundle_decode(&l.bundle, l.raw, STATEMENT_MAX) == AC_OK &&
	    statement_decode(&l.statement, buf_span(&l.bundle.statement)) ==
	    AC_OK)
		is = kind_of(kind, l.statement.predicate_type);
	if (is) {
		l.d = dsse_digest(buf_span(&l.bundle.statement));
		*line = l;
		return true;
	}
	bundle_free(&l.bundle);
	statement_free(&l.statement);
	return false;
}

/* Is it of the one form of its kind?  What it is about goes into u. */
static enum ac_err
check_form(struct unit *u, struct span statement)
{
	struct revocation r;
	struct release release;
	enum ac_err e;

	if (u->kind == UNIT_RELEASE) {
		e = release_decode(&release, statement);
		if (e == AC_OK)
			release_free(&release);
		return e;
	}
	e = revocation_decode(&r, statement);
	if (e != AC_OK)
		return e;
	u->target = r.digest;
	u->of_key = r.kind == REVOCATION && r.target == REVOCATION_KEY;
	revocation_free(&r);
	return AC_OK;
}

static bool
is_revoker(const struct policy *p, const struct digest *fingerprint)
{
	for (size_t i = 0; p != NULL && i < p->nrevoker; i++)
		if (digest_equal(&p->revoker[i].d, fingerprint))
			return true;
	return false;
}

/* Judge the one line; the unit is made and its kind set. */
static bool
admit_one(struct admit *a, struct unit *u, struct reply *refusal,
    struct certificate_line *line)
{
	struct message why = { "" };
	struct digest signer;
	struct spki key;
	enum ac_err e;

	e = check_form(u, buf_span(&line->bundle.statement));
	if (e != AC_OK) {
		message_set(&why, "the statement is %s as ", ac_strerror(e));
		message_add_quoted(&why, line->statement.predicate_type);
		return refuse(refusal, problem_of(e), &why);
	}
	e = certificate_check_line(&key, line, &why);
	if (e != AC_OK)
		return refuse(refusal, e == AC_ERR_MEMORY ? PROBLEM_BUSY :
		    PROBLEM_SIGNATURE, &why);
	signer = spki_digest(&key);
	if ((u->kind == UNIT_REMOVAL || u->kind == UNIT_STATE) &&
	    !digest_equal(&signer, &a->options.own)) {
		message_set(&why, "only the registry itself says that; it is "
		    "signed by ");
		message_add_digest(&why, &signer);
		return refuse(refusal, PROBLEM_AUTHORITY, &why);
	}
	u->is_revoker = is_revoker(a->options.policy, &signer);
	if (fill_line(&u->line[0], line, &key, NULL) == AC_OK)
		return true;
	message_set(&why, "no memory for the statement");
	return refuse(refusal, PROBLEM_BUSY, &why);
}

static bool
admit_statement(struct admit *a, struct unit **out, struct reply *refusal,
    struct certificate_line *line, enum unit_kind kind)
{
	struct message why;
	struct unit *u = unit_new(1);

	if (u == NULL) {
		message_set(&why, "no memory for the statement");
		return refuse(refusal, PROBLEM_BUSY, &why);
	}
	u->kind = kind;
	u->bytes = line->raw.len;
	if (!admit_one(a, u, refusal, line)) {
		unit_free(u);
		return false;
	}
	*out = u;
	return true;
}

bool
admit_certificate(struct admit *a, struct unit **out, struct reply *refusal,
    struct span jsonl)
{
	struct certificate *c = &a->certificate;
	struct message why = { "" };
	struct certificate_line line;
	struct unit *u = NULL;
	enum unit_kind kind;
	bool good = false;
	enum ac_err e;

	e = certificate_decode(c, jsonl, &why);
	if (e != AC_OK && is_statement(&line, &kind, jsonl)) {
		good = admit_statement(a, out, refusal, &line, kind);
		bundle_free(&line.bundle);
		statement_free(&line.statement);
		return good;
	}
	if (e != AC_OK)
		return refuse(refusal, problem_of(e), &why);
	if (!check_room(c, refusal) || !check_builder(a, refusal) ||
	    (a->options.evidence && !check_evidence(a, refusal, jsonl)))
		goto out;
	u = unit_new(c->nlines);
	if (u == NULL || fill_line(&u->line[0], &c->line[0], &c->key,
	    &c->provenance) != AC_OK) {
		message_set(&why, "no memory for the certificate");
		good = refuse(refusal, PROBLEM_BUSY, &why);
		goto out;
	}
	u->has_evidence = c->has_evidence;
	u->bytes = jsonl.len;
	for (size_t i = 1; i < c->nlines; i++)
		if (!admit_line(a, u, refusal, i))
			goto out;
	*out = u;
	u = NULL; /* transferred */
	good = true;
out:
	unit_free(u);
	certificate_free(c);
	return good;
}
