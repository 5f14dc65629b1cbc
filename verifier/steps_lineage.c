/*
 * steps_lineage.c -- step 18: an input that is said to have a certificate.
 *
 * The claim is a pointer, and believed by itself nowhere.  It holds where the
 * certificate is at hand, verifies under the same policy, and its OMS root is
 * the digest with which the input was measured; then its own inputs' claims
 * are looked at in the same way.  A claim that does not hold is no fault of
 * the certificate: it is reported, and decides only where the policy asks.
 */
#include <stdlib.h>

#include "verifier/check.h"
#include "verifier/steps.h"

/* A claim to be looked at. */
struct claim {
	struct digest d;     /* of the certificate that is named */
	struct digest input; /* what its root has to be */
	unsigned depth;      /* 1: of the certificate at hand */
};

/* A certificate that was looked at. */
struct seen {
	struct digest d, root;
	bool verified;
};

struct lineage {
	const struct verification *v;
	size_t nclaims, nseen, nheld;
	struct claim claim[LINEAGE_MAX];
	struct seen seen[LINEAGE_MAX];
	bool open;            /* some claim does not hold, or is missing */
	struct message first; /* of those */
};

static void
doubt(struct lineage *l, const struct digest *d, const char *what)
{
	if (!l->open) {
		message_set(&l->first, "claimed, not verified: the certificate "
		    "%s %s", message_digest(d).text, what);
	}
	l->open = true;
}

/* The claims of one certificate's inputs; depth is theirs. */
static void
add_claims(struct lineage *l, const struct verification *v, unsigned depth)
{
	bool image = json_present(json_get(v->cert.provenance.external,
	    "image"));

	JSON_EACH(j, v->cert.provenance.dependencies) {
		struct json named = json_at(j, "annotations.certificate");
		struct claim c = { .depth = depth };

		if (image) { /* the container comes first */
			image = false;
			continue;
		}
		if (!json_present(named)) {
			/* The policy asks it of this certificate's own. */
			if (!CHECK(input_certified, depth > 1 ||
			    !v->policy->require_certified_inputs) && !l->open) {
				l->open = true;
				message_set(&l->first, "no certificate is "
				    "named for the input %s",
				    json_quoted(j, "name").text);
			}
			continue;
		}
		if (!json_digest(named, &c.d) ||
		    !json_sha256(json_get(j, "digest"), &c.input))
			doubt(l, &c.d, "is named by no digest");
		else if (l->nclaims == LINEAGE_MAX || depth > LINEAGE_DEPTH_MAX)
			doubt(l, &c.d, "is beyond the depth or number that is "
			    "followed");
		else
			l->claim[l->nclaims++] = c;
	}
}

/* Verify the certificate of that D, if it is at hand. */
static enum ac_err
look_at(struct lineage *l, struct seen *out, const struct claim *c)
{
	const struct verification *v = l->v;
	struct verification *p = verification_new(v->policy, v->mode);
	struct buf jsonl = { 0 };
	enum verify_verdict verdict;
	enum ac_err e = AC_ERR_MEMORY;

	if (p == NULL)
		goto out;
	e = v->ancestors == NULL ? AC_ERR_NOT_FOUND :
	    v->ancestors(v->ancestors_ctx, &jsonl, &c->d);
	if (e != AC_OK)
		goto out;
	p->alone = true;
	p->judged = v->judged;
	p->nsnapshots = v->nsnapshots;
	memcpy(p->snapshot, v->snapshot, sizeof(p->snapshot));
	p->now_s = v->now_s;
	verification_certificate(p, buf_span(&jsonl), span_of(NULL, 0), 0);
	verdict = verification_verdict(p);
	out->verified = p->decoded && verdict == VERIFY_VERIFIED &&
	    CHECK(ancestor_named, digest_equal(&p->cert.line[0].d, &c->d));
	out->root = p->cert.provenance.root;
	if (out->verified)
		add_claims(l, p, c->depth + 1);
out:
	buf_free(&jsonl);
	verification_free(p);
	return e;
}

/* Does the claim hold? */
static void
follow(struct lineage *l, const struct claim *c)
{
	struct seen *s = l->seen;
	enum ac_err e = AC_OK;

	/* One certificate may be an input of several; it is verified once. */
	while (s < l->seen + l->nseen && !digest_equal(&s->d, &c->d))
		s++;
	if (s == l->seen + l->nseen) {
		l->nseen++;
		s->d = c->d;
		e = look_at(l, s, c);
	}
	if (e != AC_OK)
		doubt(l, &c->d, e == AC_ERR_NOT_FOUND ? "is not at hand" :
		    ac_strerror(e));
	else if (!CHECK(ancestor, s->verified))
		doubt(l, &c->d, "does not verify under this policy");
	else if (!CHECK(ancestor_root, digest_equal(&s->root, &c->input)))
		doubt(l, &c->d, "is of another model than the input");
	else
		l->nheld++;
}

enum verify_status
steps_lineage(struct verification *v, struct message *why)
{
	enum verify_status s = VERIFY_NOT_NEEDED;
	struct lineage *l;

	if (v->alone)
		return VERIFY_NOT_NEEDED;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return BECAUSE(why, VERIFY_FAILED, "no memory");
	l->v = v;
	add_claims(l, v, 1);
	for (size_t i = 0; i < l->nclaims; i++)
		follow(l, &l->claim[i]);
	if (l->nclaims == 0)
		message_set(why, "no input claims a certificate");
	else
		message_set(why, "%zu of %zu claims of inputs to have a "
		    "certificate hold", l->nheld, l->nclaims);
	if (l->nclaims > 0 && !l->open)
		s = VERIFY_OK;
	if (l->open) {
		s = VERIFY_NOT_CHECKED;
		if (l->nclaims == 0)
			*why = l->first;
		else
			message_add(why, "; %s", l->first.text);
	}
	if (l->open && !CHECK(certified_inputs,
	    !v->policy->require_certified_inputs))
		s = VERIFY_NOT_ACCEPTED;
	free(l);
	return s;
}
