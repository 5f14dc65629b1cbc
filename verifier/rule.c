/* rule.c -- one line of a policy; see rule.h. */
#include "common/text.h"
#include "verifier/rule.h"

enum ac_err
rule_complain(const struct rule *x, size_t i, enum ac_err e,
    const char *expected)
{
	const struct rule_words *in = x->in;
	size_t at = i < in->n ? in->column[i] :
	    in->column[in->n - 1] + in->f[in->n - 1].len + 1;

	message_set(x->why, "line %zu, column %zu: %s", in->line, at, expected);
	if (i < in->n) {
		message_add(x->why, ", found %s",
		    message_quoted(in->f[i]).text);
	}
	return e;
}

enum ac_err
rule_unknown(const struct rule *x, size_t i, const char *const names[],
    size_t n)
{
	struct message expected = { "expected " };
	const char *nearest = i >= x->in->n ? NULL :
	    text_nearest(names, n, x->in->f[i]);
	enum ac_err e;

	for (size_t k = 0; k < n; k++)
		message_add(&expected, "%s%s", k == 0 ? "" :
		    k + 1 < n ? ", " : " or ", names[k]);
	e = rule_complain(x, i, AC_ERR_FORMAT, expected.text);
	if (nearest != NULL)
		message_add(x->why, "; did you mean \"%s\"?", nearest);
	return e;
}

static bool
is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

enum ac_err
rule_name(const struct rule *x, size_t i, struct policy_name *out)
{
	struct span s;

	if (i >= x->in->n)
		return rule_complain(x, i, AC_ERR_FORMAT, "expected a name");
	s = x->in->f[i];
	if (s.len > POLICY_NAME_MAX)
		return rule_complain(x, i, AC_ERR_LIMIT,
		    "a name has at most 64 characters");
	for (size_t k = 0; k < s.len; k++)
		if (!is_name_byte(s.p[k]))
			return rule_complain(x, i, AC_ERR_FORMAT,
			    "a name is of letters, digits, '.', '_' and '-'");
	memcpy(out->s, s.p, s.len);
	out->s[s.len] = '\0';
	return AC_OK;
}

enum ac_err
rule_digest(const struct rule *x, size_t i, struct digest *out)
{
	if (i >= x->in->n || !text_unhex_digest(out, x->in->f[i]))
		return rule_complain(x, i, AC_ERR_FORMAT,
		    "expected a SHA-256 of 64 lower-case hex digits");
	return AC_OK;
}

enum ac_err
rule_load(const struct rule *x, size_t i, struct buf *out, const char *expected)
{
	char path[4096];

	if (i >= x->in->n)
		return rule_complain(x, i, AC_ERR_FORMAT, expected);
	if (x->in->f[i].len >= sizeof(path))
		return rule_complain(x, i, AC_ERR_LIMIT, "path too long");
	memcpy(path, x->in->f[i].p, x->in->f[i].len);
	path[x->in->f[i].len] = '\0';
	if (x->loader == NULL ||
	    x->loader->load(x->loader->ctx, out, path) != AC_OK)
		return rule_complain(x, i, AC_ERR_FORMAT, expected);
	return AC_OK;
}

enum ac_err
rule_key(const struct rule *x, size_t i, struct digest *fingerprint,
    bool *has_key, struct spki *key)
{
	struct buf pem = { 0 };
	enum ac_err e;

	if (i >= x->in->n)
		return rule_complain(x, i, AC_ERR_FORMAT,
		    "expected a PEM file or the SHA-256 of a public key");
	*has_key = false;
	if (text_unhex_digest(fingerprint, x->in->f[i]))
		return AC_OK;
	e = rule_load(x, i, &pem, "expected a readable PEM file or a SHA-256");
	if (e != AC_OK)
		return e;
	*has_key = spki_from_pem(key, buf_span(&pem));
	buf_free(&pem);
	if (!*has_key)
		return rule_complain(x, i, AC_ERR_FORMAT,
		    "this file is not a P-256 public key in PEM");
	*fingerprint = spki_digest(key);
	return AC_OK;
}

enum ac_err
rule_end(const struct rule *x, size_t i)
{
	return i == x->in->n ? AC_OK : rule_complain(x, i, AC_ERR_FORMAT,
	    "expected the end of the line");
}

enum ac_err
rule_vkey(const struct rule *x, size_t i, struct note_key *out, uint8_t type)
{
	enum ac_err e;

	if (i >= x->in->n)
		return rule_complain(x, i, AC_ERR_FORMAT,
		    "expected a verifier key <name>+<id>+<base64>");
	e = note_key_parse(out, x->in->f[i]);
	if (e == AC_ERR_UNSUPPORTED)
		return rule_complain(x, i, e,
		    "this build cannot check keys of this "
		    "type; it knows Ed25519 (0x01) and Ed25519 cosignatures "
		    "(0x04)");
	if (e == AC_ERR_MISMATCH)
		return rule_complain(x, i, AC_ERR_FORMAT,
		    "the key's ID is not that of its name and bytes");
	if (e != AC_OK)
		return rule_complain(x, i, AC_ERR_FORMAT,
		    "expected a verifier key <name>+<id>+<base64>");
	if (out->type != type)
		return rule_complain(x, i, AC_ERR_FORMAT, type == NOTE_ED25519 ?
		    "a log's key has type 0x01 (Ed25519)" :
		    "a cosigner's key has type 0x04 (Ed25519 cosignature)");
	return AC_OK;
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
