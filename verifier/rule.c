/* rule.c -- one line of a policy; see rule.h. */
#include "common/reader.h"
#include "common/text.h"
#include "verifier/rule.h"

#define VKEY_EXPECTED "expected a verifier key <name>+<id>+<base64>"

struct span
rule_word(const struct rule *x, size_t i)
{
	return i < x->in->n ? x->in->f[i] : span_of(NULL, 0);
}

enum ac_err
rule_complain(const struct rule *x, size_t i, enum ac_err e,
    const char *expected)
{
	const struct rule_words *in = x->in;
	size_t at = i < in->n ? in->column[i] :
	    in->column[in->n - 1] + in->f[in->n - 1].len + 1;

	message_set(x->why, "line %zu, column %zu: %s", in->line, at, expected);
	if (i < in->n)
		message_add(x->why, ", found %s",
		    message_quoted(in->f[i]).text);
	return e;
}

enum ac_err
rule_wrong(const struct rule *x, size_t i, const char *expected)
{
	return rule_complain(x, i, AC_ERR_FORMAT, expected);
}

enum ac_err
rule_choose(const struct rule *x, size_t i, size_t *which, const void *rows,
    size_t n, size_t size)
{
	struct message expected = { "expected " };
	const char *names[32], *nearest;

	for (size_t k = 0; k < n; k++) {
		memcpy(&names[k], (const char *)rows + k * size,
		    sizeof(names[k]));
		if (span_is(rule_word(x, i), names[k])) {
			*which = k;
			return AC_OK;
		}
		message_add(&expected, "%s%s", k == 0 ? "" :
		    k + 1 < n ? ", " : " or ", names[k]);
	}
	(void)rule_wrong(x, i, expected.text);
	nearest = text_nearest(names, n, rule_word(x, i));
	if (i < x->in->n && nearest != NULL)
		message_add(x->why, "; did you mean \"%s\"?", nearest);
	return AC_ERR_FORMAT;
}

bool
rule_made_of(struct span s, const char *set)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == 0 || strchr(set, s.p[i]) == NULL)
			return false;
	return true;
}

enum ac_err
rule_string(const struct rule *x, size_t i, char *out, size_t size,
    const char *expected, const char *too_long)
{
	struct span s = rule_word(x, i);

	if (s.len == 0)
		return rule_wrong(x, i, expected);
	if (s.len >= size)
		return rule_complain(x, i, AC_ERR_LIMIT, too_long);
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return AC_OK;
}

enum ac_err
rule_name(const struct rule *x, size_t i, void *out)
{
	struct policy_name *name = out;
	enum ac_err e = rule_string(x, i, name->s, sizeof(name->s),
	    "expected a name", "a name has at most 64 characters");

	return e != AC_OK || rule_made_of(rule_word(x, i), "abcdefghijklmnopqr"
	    "stuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ? e :
	    rule_wrong(x, i, "a name is of letters, digits, '.', '_' and '-'");
}

enum ac_err
rule_digest(const struct rule *x, size_t i, void *out)
{
	return text_unhex_digest(out, rule_word(x, i)) ? AC_OK :
	    rule_wrong(x, i,
	    "expected a SHA-256 of 64 lower-case hex digits");
}

enum ac_err
rule_prefixed(const struct rule *x, size_t i, void *out)
{
	struct reader r = rd_of(rule_word(x, i));

	return rd_text(&r, "sha256:") && text_unhex_digest(out, r.left) ?
	    AC_OK : rule_wrong(x, i, "expected sha256:<hex>");
}

enum ac_err
rule_load(const struct rule *x, size_t i, struct buf *out, const char *expected)
{
	char path[4096];
	enum ac_err e = rule_string(x, i, path, sizeof(path), expected,
	    "path too long");

	if (e == AC_OK && (x->loader == NULL ||
	    x->loader->load(x->loader->ctx, out, path) != AC_OK))
		e = rule_wrong(x, i, expected);
	return e;
}

enum ac_err
rule_key(const struct rule *x, size_t i, struct digest *fingerprint,
    bool *has_key, struct spki *key)
{
	struct buf pem = { 0 };
	enum ac_err e;

	*has_key = false;
	if (text_unhex_digest(fingerprint, rule_word(x, i)))
		return AC_OK;
	e = rule_load(x, i, &pem, i < x->in->n ?
	    "expected a readable PEM file or a SHA-256" :
	    "expected a PEM file or the SHA-256 of a public key");
	if (e != AC_OK)
		return e;
	*has_key = spki_from_pem(key, buf_span(&pem));
	buf_free(&pem);
	if (!*has_key)
		return rule_wrong(x, i,
		    "this file is not a P-256 public key in PEM");
	*fingerprint = spki_digest(key);
	return AC_OK;
}

enum ac_err
rule_fingerprint(const struct rule *x, size_t i, void *out)
{
	struct spki key;
	bool has_key;

	return rule_key(x, i, out, &has_key, &key);
}

enum ac_err
rule_end(const struct rule *x, size_t i)
{
	return i == x->in->n ? AC_OK :
	    rule_wrong(x, i, "expected the end of the line");
}

static enum ac_err
take_vkey(const struct rule *x, size_t i, struct note_key *out, uint8_t type,
    const char *typed)
{
	enum ac_err e = note_key_parse(out, rule_word(x, i));

	if (e == AC_ERR_UNSUPPORTED)
		return rule_complain(x, i, e, "this build cannot check keys of "
		    "this type; it knows Ed25519 (0x01) and Ed25519 "
		    "cosignatures (0x04)");
	if (e != AC_OK)
		return rule_wrong(x, i, e != AC_ERR_MISMATCH ? VKEY_EXPECTED :
		    "the key's ID is not that of its name and bytes");
	return out->type == type ? AC_OK : rule_wrong(x, i, typed);
}

enum ac_err
rule_log_key(const struct rule *x, size_t i, void *out)
{
	return take_vkey(x, i, out, NOTE_ED25519,
	    "a log's key has type 0x01 (Ed25519)");
}

enum ac_err
rule_cosigner(const struct rule *x, size_t i, void *out)
{
	return take_vkey(x, i, out, NOTE_COSIGNATURE,
	    "a cosigner's key has type 0x04 (Ed25519 cosignature)");
}

enum ac_err
rule_split(struct rule_words *out, struct span line, size_t number,
    struct message *why)
{
	size_t i = 0;

	*out = (struct rule_words){ .line = number };
	while (i < line.len) {
		size_t start = i;

		if (line.p[i] == ' ' || line.p[i] == '\t') {
			i++;
			continue;
		}
		while (i < line.len && line.p[i] > ' ' && line.p[i] != 0x7f)
			i++;
		if (i == start || (i < line.len && line.p[i] != ' ' &&
		    line.p[i] != '\t'))
			return BECAUSE(why, AC_ERR_FORMAT, "line %zu, column "
			    "%zu: byte 0x%02x is not allowed in a policy",
			    number, i + 1, line.p[i]);
		if (out->n == RULE_WORDS_MAX)
			return BECAUSE(why, AC_ERR_LIMIT, "line %zu: too many "
			    "words", number);
		out->f[out->n] = span_of(line.p + start, i - start);
		out->column[out->n++] = start + 1;
	}
	return AC_OK;
}
