/* attested.c -- the steps of a peer's attestation, in order; attested.h. */
#include "cert/dsse.h"
#include "common/reader.h"
#include "verifier/attested.h"
#include "verifier/steps.h"

/* Image releases stand where a certificate has them: from line 3 on. */
static enum ac_err
take_releases(struct verification *v, struct span lines, struct message *why)
{
	struct certificate *c = &v->cert;
	struct reader r = rd_of(lines);
	struct span raw;
	enum ac_err e = AC_OK;

	c->nlines = 2;
	while (e == AC_OK && rd_line(&r, &raw)) {
		struct certificate_line *line = &c->line[c->nlines];

		if (c->nlines == CERTIFICATE_LINES_MAX)
			return BECAUSE(why, AC_ERR_LIMIT, "more image "
			    "releases than a certificate may have");
		line->raw = raw;
		e = bundle_decode(&line->bundle, raw, STATEMENT_MAX);
		if (e != AC_OK)
			break;
		c->nlines++; /* frees it from now on */
		line->d = dsse_digest(buf_span(&line->bundle.statement));
		e = statement_decode(&line->statement,
		    buf_span(&line->bundle.statement));
	}
	if (e == AC_OK && !rd_end(&r))
		e = AC_ERR_FORMAT;
	if (e != AC_OK)
		return BECAUSE(why, e, "line %zu of the image releases: %s as "
		    "a bundle with a statement, ended by a line feed",
		    c->nlines - 1, ac_strerror(e));
	e = images_decode(&v->images, c, why);
	return e == AC_OK ? images_check(&v->images, c, why) : e;
}

/* Keep what step s found; false: it did not hold. */
static bool
holds(struct verification *v, enum verify_step s, enum verify_status status,
    const struct message *found, struct message *why)
{
	v->step[s].status = status;
	v->step[s].text = *found;
	if (status == VERIFY_OK || status == VERIFY_NOT_ESTABLISHED)
		return true;
	return BECAUSE(why, false, "step %d, %s: %s", (int)s,
	    verify_step_name(s), found->text);
}

enum ac_err
attested_check(struct verification *v, const struct attested_peer *peer,
    struct message *why)
{
	struct provenance_view *p = &v->cert.provenance;
	struct message m = { "" };
	enum ac_err e = evidence_decode_challenge(&v->cert.evidence,
	    &p->has_image_root, &p->image_root, peer->answer);

	if (e != AC_OK)
		return BECAUSE(why, e, "what it shows of itself is %s as an "
		    "attestation", ac_strerror(e));
	v->unlogged_s = peer->now_s;
	e = take_releases(v, peer->releases, why);
	if (e != AC_OK)
		return e;
	if (!holds(v, VERIFY_AK_CHAIN, steps_ak_chain(v, &m), &m, why) ||
	    !holds(v, VERIFY_AK_PUBLIC, steps_ak_public(v, &m), &m, why) ||
	    !holds(v, VERIFY_QUOTES, steps_challenge(v, peer->nonce, &m), &m,
	    why) ||
	    !holds(v, VERIFY_BOOT_LOG, steps_boot_log(v, &m), &m, why) ||
	    !holds(v, VERIFY_BOOT, steps_boot(v, &m), &m, why) ||
	    !holds(v, VERIFY_REPLAY, steps_replay_so_far(v, peer->spki, &m),
	    &m, why))
		return AC_ERR_MISMATCH;
	return AC_OK;
}
