/* certificate.c -- steps 1 and 2 of verification; see certificate.h. */
#include "cert/dsse.h"
#include "common/reader.h"
#include "common/text.h"
#include "verifier/certificate.h"
#include "verifier/check.h"
#include "verifier/sig.h"

static bool
is_ours(const struct statement *s)
{
	return span_is(s->predicate_type, TYPE_PROVENANCE) ||
	    span_is(s->predicate_type, TYPE_EVIDENCE);
}

/* A bundle and, where it is one, the statement in it. */
static enum ac_err
decode_line(struct certificate_line *line, struct span raw, size_t number,
    struct message *why)
{
	enum ac_err e;

	*line = (struct certificate_line){ .raw = raw };
	e = bundle_decode(&line->bundle, raw, STATEMENT_MAX);
	if (e != AC_OK)
		return BECAUSE(why, e, "line %zu: %s as a Sigstore bundle v0.3 "
		    "with one DSSE signature by a public key", number,
		    ac_strerror(e));
	line->d = dsse_digest(buf_span(&line->bundle.statement));
	e = statement_decode(&line->statement,
	    buf_span(&line->bundle.statement));
	if (e == AC_OK)
		return AC_OK;
	/* Further lines may be of kinds that are not read here. */
	if (number > 2 && e != AC_ERR_MEMORY &&
	    text_is_utf8(buf_span(&line->bundle.statement)))
		return AC_OK;
	return BECAUSE(why, e, "line %zu: the payload is %s as an in-toto "
	    "Statement v1", number, ac_strerror(e));
}

static enum ac_err
split_lines(struct certificate *c, struct span jsonl, struct message *why)
{
	struct reader r = rd_of(jsonl);
	struct span raw;
	enum ac_err e;

	if (jsonl.len > CERTIFICATE_MAX)
		return BECAUSE(why, AC_ERR_LIMIT, "the certificate has %zu "
		    "bytes, the limit is %zu", jsonl.len, CERTIFICATE_MAX);
	if (rd_end(&r))
		return BECAUSE(why, AC_ERR_FORMAT, "the certificate is empty");
	while (!rd_end(&r)) {
		if (c->nlines == CERTIFICATE_LINES_MAX)
			return BECAUSE(why, AC_ERR_LIMIT, "more than %d lines",
			    CERTIFICATE_LINES_MAX);
		if (!rd_line(&r, &raw))
			return BECAUSE(why, AC_ERR_FORMAT, "line %zu does not "
			    "end with a line feed: the file is cut off",
			    c->nlines + 1);
		e = decode_line(&c->line[c->nlines], raw, c->nlines + 1, why);
		c->nlines++;
		if (e != AC_OK)
			return e;
	}
	return AC_OK;
}

/* Which lines there are, and that line 2 is about line 1. */
static enum ac_err
check_set(struct certificate *c, struct message *why)
{
	const struct statement *second = &c->line[1].statement;
	enum ac_err e;

	if (provenance_view(&c->provenance, &c->line[0].statement) != AC_OK)
		return BECAUSE(why, AC_ERR_FORMAT, "line 1 is not a training "
		    "provenance: type, subjects, externalParameters or builder "
		    "are not of the form of " BUILD_TYPE);
	c->has_evidence = c->nlines > 1 &&
	    span_is(second->predicate_type, TYPE_EVIDENCE);
	for (size_t i = c->has_evidence ? 2 : 1; i < c->nlines; i++) {
		if (!CHECK(one_of_each, !is_ours(&c->line[i].statement)))
			return BECAUSE(why, AC_ERR_FORMAT, "line %zu is a "
			    "second provenance or evidence; only lines 1 and 2 "
			    "may be", i + 1);
	}
	if (!CHECK(downgrade, !c->provenance.measured || c->has_evidence))
		return BECAUSE(why, AC_ERR_MISMATCH, "downgrade: the "
		    "provenance says measured, but there is no TPM evidence in "
		    "line 2");
	if (!CHECK(upgrade, c->provenance.measured || !c->has_evidence))
		return BECAUSE(why, AC_ERR_MISMATCH, "the provenance says "
		    "self-asserted, but line 2 is TPM evidence");
	if (!c->has_evidence)
		return AC_OK;
	e = evidence_decode(&c->evidence, second);
	if (e != AC_OK)
		return BECAUSE(why, e, "line 2: %s as " TYPE_EVIDENCE,
		    ac_strerror(e));
	if (!CHECK(evidence_line, digest_equal(&c->evidence.bound,
	    &c->line[0].d)))
		return BECAUSE(why, AC_ERR_MISMATCH, "the evidence is about "
		    "another statement: it names %s, line 1 is %s",
		    message_digest(&c->evidence.bound).text,
		    message_digest(&c->line[0].d).text);
	return AC_OK;
}

/*
 * As zeroed, as far as anybody looks: the lines that there are not are left
 * alone, since all of them are 160 KB.
 */
static void
clear(struct certificate *c)
{
	memset(c, 0, offsetof(struct certificate, line));
	memset(&c->line[0], 0, 2 * sizeof(c->line[0]));
	memset((uint8_t *)c + offsetof(struct certificate, provenance), 0,
	    sizeof(*c) - offsetof(struct certificate, provenance));
}

enum ac_err
certificate_decode(struct certificate *out, struct span jsonl,
    struct message *why)
{
	enum ac_err e;

	clear(out);
	e = split_lines(out, jsonl, why);
	if (e == AC_OK)
		e = check_set(out, why);
	if (e != AC_OK)
		certificate_free(out);
	return e;
}

/* The key that hint and keyid name, from the signature itself. */
static enum ac_err
recover_key(struct spki *key, const struct certificate_line *line,
    struct message *why)
{
	const struct bundle *b = &line->bundle;
	struct digest fingerprint;

	if (!text_unbase64_exact(fingerprint.b, sizeof(fingerprint.b),
	    span_str(b->hint)))
		return BECAUSE(why, AC_ERR_MISMATCH, "the hint is not the "
		    "base64 SHA-256 of a key");
	if (sig_p256_recover(key, &line->d, span_of(b->sig, b->siglen),
	    &fingerprint) != AC_OK)
		return BECAUSE(why, AC_ERR_MISMATCH, "the signature is not by "
		    "the key that the hint %s names",
		    message_quoted(span_str(b->hint)).text);
	return AC_OK;
}

/*
 * The hint names key, keyid names it or nothing, and key signs the statement.
 * Nothing signs a keyid; the DSSE library of Sigstore's Go programs refuses
 * one that is not of its own making, so that ours are empty.
 */
static enum ac_err
check_signature(const struct certificate_line *line, const struct sig_key *key,
    struct message *why)
{
	const struct bundle *b = &line->bundle;
	char hint[SPKI_HINT_MAX];
	enum ac_err e;

	spki_hint(hint, sig_key_spki(key));
	if (!CHECK(line_hint, span_is(span_str(hint), b->hint) &&
	    (b->keyid[0] == '\0' || span_is(span_str(hint), b->keyid))))
		return BECAUSE(why, AC_ERR_MISMATCH, "the hint must be %s, the "
		    "builder's key, and keyid that or empty; found %s and %s",
		    message_quoted(span_str(hint)).text,
		    message_quoted(span_str(b->hint)).text,
		    message_quoted(span_str(b->keyid)).text);
	e = sig_p256(key, &line->d, span_of(b->sig, b->siglen));
	if (CHECK(line_signature, e == AC_OK))
		return AC_OK;
	return BECAUSE(why, e, "the signature does not hold");
}

static enum ac_err
load_key(struct sig_key **out, const struct spki *key, struct message *why)
{
	if (sig_key_new(out, key) == AC_OK)
		return AC_OK;
	return BECAUSE(why, AC_ERR_MISMATCH, "the public key is unusable");
}

enum ac_err
certificate_check_line(struct spki *key, const struct certificate_line *line,
    struct message *why)
{
	enum ac_err e = recover_key(key, line, why);
	struct sig_key *k = NULL;

	if (e == AC_OK)
		e = load_key(&k, key, why);
	if (e == AC_OK)
		e = check_signature(line, k, why);
	sig_key_free(k);
	return e;
}

enum ac_err
certificate_check_builder_by(struct certificate *c, const struct sig_key *key,
    struct message *why)
{
	const struct spki *spki = sig_key_spki(key);
	struct digest fingerprint = spki_digest(spki);
	struct message what;
	enum ac_err e;

	e = check_signature(&c->line[0], key, &what);
	if (e != AC_OK)
		return BECAUSE(why, e, "line 1: %s", what.text);
	if (!CHECK(builder_key, digest_equal(&fingerprint,
	    &c->provenance.builder_key)))
		return BECAUSE(why, AC_ERR_MISMATCH, "the statement's "
		    "builderKey is %s, it is signed by %s",
		    message_digest(&c->provenance.builder_key).text,
		    message_digest(&fingerprint).text);
	if (c->has_evidence) {
		e = check_signature(&c->line[1], key, &what);
		if (e != AC_OK)
			return BECAUSE(why, e, "line 2: %s", what.text);
	}
	c->key = *spki;
	c->has_key = true;
	return AC_OK;
}

enum ac_err
certificate_check_builder(struct certificate *c, const struct spki *key,
    struct message *why)
{
	struct sig_key *k = NULL;
	struct message what;
	struct spki found;
	enum ac_err e = AC_OK;

	if (key != NULL)
		found = *key;
	else
		e = recover_key(&found, &c->line[0], &what);
	if (e == AC_OK)
		e = load_key(&k, &found, &what);
	if (e != AC_OK)
		return BECAUSE(why, e, "line 1: %s", what.text);
	e = certificate_check_builder_by(c, k, why);
	sig_key_free(k);
	return e;
}

void
certificate_free(struct certificate *c)
{
	for (size_t i = 0; i < c->nlines; i++) {
		bundle_free(&c->line[i].bundle);
		statement_free(&c->line[i].statement);
	}
	evidence_free(&c->evidence);
	clear(c);
}
