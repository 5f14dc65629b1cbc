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
	if (e != AC_OK) {
		message_set(why, "line %zu: %s as a Sigstore bundle v0.3 with "
		    "one DSSE signature by a public key", number,
		    ac_strerror(e));
		return e;
	}
	line->d = dsse_digest(buf_span(&line->bundle.statement));
	e = statement_decode(&line->statement,
	    buf_span(&line->bundle.statement));
	if (e == AC_OK)
		return AC_OK;
	/* Further lines may be of kinds that are not read here. */
	if (number > 2 && e != AC_ERR_MEMORY &&
	    text_is_utf8(buf_span(&line->bundle.statement)))
		return AC_OK;
	message_set(why, "line %zu: the payload is %s as an in-toto Statement "
	    "v1", number, ac_strerror(e));
	return e;
}

static enum ac_err
split_lines(struct certificate *c, struct span jsonl, struct message *why)
{
	struct reader r = rd_of(jsonl);
	struct span raw;
	enum ac_err e;

	if (jsonl.len > CERTIFICATE_MAX) {
		message_set(why, "the certificate has %zu bytes, the limit is "
		    "%zu", jsonl.len, CERTIFICATE_MAX);
		return AC_ERR_LIMIT;
	}
	if (rd_end(&r)) {
		message_set(why, "the certificate is empty");
		return AC_ERR_FORMAT;
	}
	while (!rd_end(&r)) {
		if (c->nlines == CERTIFICATE_LINES_MAX) {
			message_set(why, "more than %d lines",
			    CERTIFICATE_LINES_MAX);
			return AC_ERR_LIMIT;
		}
		if (!rd_line(&r, &raw)) {
			message_set(why, "line %zu does not end with a line "
			    "feed: the file is cut off", c->nlines + 1);
			return AC_ERR_FORMAT;
		}
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

	if (provenance_view(&c->provenance, &c->line[0].statement) != AC_OK) {
		message_set(why, "line 1 is not a training provenance: type, "
		    "subjects, externalParameters or builder are not of the "
		    "form of " BUILD_TYPE);
		return AC_ERR_FORMAT;
	}
	c->has_evidence = c->nlines > 1 &&
	    span_is(second->predicate_type, TYPE_EVIDENCE);
	for (size_t i = c->has_evidence ? 2 : 1; i < c->nlines; i++) {
		if (!CHECK(one_of_each, !is_ours(&c->line[i].statement))) {
			message_set(why, "line %zu is a second provenance or "
			    "evidence; only lines 1 and 2 may be", i + 1);
			return AC_ERR_FORMAT;
		}
	}
	if (!CHECK(downgrade, !c->provenance.measured || c->has_evidence)) {
		message_set(why, "downgrade: the provenance says measured, but "
		    "there is no TPM evidence in line 2");
		return AC_ERR_MISMATCH;
	}
	if (!CHECK(upgrade, c->provenance.measured || !c->has_evidence)) {
		message_set(why, "the provenance says self-asserted, but line "
		    "2 is TPM evidence");
		return AC_ERR_MISMATCH;
	}
	if (!c->has_evidence)
		return AC_OK;
	e = evidence_decode(&c->evidence, second);
	if (e != AC_OK) {
		message_set(why, "line 2: %s as " TYPE_EVIDENCE,
		    ac_strerror(e));
		return e;
	}
	if (!CHECK(evidence_line, digest_equal(&c->evidence.bound,
	    &c->line[0].d))) {
		message_set(why, "the evidence is about another statement: it "
		    "names ");
		message_add_digest(why, &c->evidence.bound);
		message_add(why, ", line 1 is ");
		message_add_digest(why, &c->line[0].d);
		return AC_ERR_MISMATCH;
	}
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
	    span_str(b->hint))) {
		message_set(why, "the hint is not the base64 SHA-256 of a key");
		return AC_ERR_MISMATCH;
	}
	if (sig_p256_recover(key, &line->d, span_of(b->sig, b->siglen),
	    &fingerprint) != AC_OK) {
		message_set(why, "the signature is not by the key that the "
		    "hint ");
		message_add_quoted(why, span_str(b->hint));
		message_add(why, " names");
		return AC_ERR_MISMATCH;
	}
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
	    (b->keyid[0] == '\0' || span_is(span_str(hint), b->keyid)))) {
		message_set(why, "the hint must be ");
		message_add_quoted(why, span_str(hint));
		message_add(why, ", the builder's key, and keyid that or "
		    "empty; found ");
		message_add_quoted(why, span_str(b->hint));
		message_add(why, " and ");
		message_add_quoted(why, span_str(b->keyid));
		return AC_ERR_MISMATCH;
	}
	e = sig_p256(key, &line->d, span_of(b->sig, b->siglen));
	if (CHECK(line_signature, e == AC_OK))
		return AC_OK;
	message_set(why, "the signature does not hold");
	return e;
}

static enum ac_err
load_key(struct sig_key **out, const struct spki *key, struct message *why)
{
	if (sig_key_new(out, key) == AC_OK)
		return AC_OK;
	message_set(why, "the public key is unusable");
	return AC_ERR_MISMATCH;
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
	if (e != AC_OK) {
		message_set(why, "line 1: %s", what.text);
		return e;
	}
	if (!CHECK(builder_key, digest_equal(&fingerprint,
	    &c->provenance.builder_key))) {
		message_set(why, "the statement's builderKey is ");
		message_add_digest(why, &c->provenance.builder_key);
		message_add(why, ", it is signed by ");
		message_add_digest(why, &fingerprint);
		return AC_ERR_MISMATCH;
	}
	if (c->has_evidence) {
		e = check_signature(&c->line[1], key, &what);
		if (e != AC_OK) {
			message_set(why, "line 2: %s", what.text);
			return e;
		}
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
	if (e != AC_OK) {
		message_set(why, "line 1: %s", what.text);
		return e;
	}
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
