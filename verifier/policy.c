/* policy.c -- the policy file; see policy.h. */
#include <stdlib.h>

#include "cert/limits.h"
#include "common/reader.h"
#include "common/text.h"
#include "verifier/policy.h"

#define FIELDS_MAX (POLICY_NODES_MAX + 3)
#define EKU_AK "2.23.133.8.3" /* tcg-kp-AIKCertificate */

/* One line, cut at white space. */
struct fields {
	size_t line;
	size_t n;
	struct span f[FIELDS_MAX];
	size_t column[FIELDS_MAX]; /* from 1 */
};

struct parser {
	struct policy *p;
	const struct policy_loader *loader;
	struct message *why;
	const struct fields *in;
};

/* Roots that a policy may call by name. */
static const struct {
	const char *name;
	uint8_t der[32];
} builtin_roots[] = {
	/* Azure Virtual TPM Root Certificate Authority 2023 */
	{ "azure-2023", { 0xe6, 0xc5, 0x96, 0xb1, 0x7f, 0x8f, 0xfe, 0xfb, 0xa5,
	    0xc3, 0x00, 0xf7, 0x14, 0xcf, 0xb1, 0x26, 0x0c, 0x60, 0x28, 0x70,
	    0x4e, 0xcf, 0x7b, 0xec, 0xc4, 0xab, 0x50, 0x18, 0xef, 0xb0, 0x0e,
	    0x95 } },
};

/* A complaint about field i of the line. */
static enum ac_err
complain(const struct parser *x, size_t i, enum ac_err e, const char *expected)
{
	const struct fields *in = x->in;
	size_t at = i < in->n ? in->column[i] :
	    in->column[in->n - 1] + in->f[in->n - 1].len + 1;

	message_set(x->why, "line %zu, column %zu: %s", in->line, at, expected);
	if (i < in->n) {
		message_add(x->why, ", found ");
		message_add_quoted(x->why, in->f[i]);
	}
	return e;
}

static bool
is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* A word of the line that a later build judges. */
static enum ac_err
lacks(const struct parser *x, size_t i, unsigned step)
{
	message_set(x->why, "line %zu, column %zu: ", x->in->line,
	    x->in->column[i]);
	message_add_quoted(x->why, x->in->f[i]);
	message_add(x->why, " needs verification step %u, which this build "
	    "does not have", step);
	return AC_ERR_UNSUPPORTED;
}

static enum ac_err
get_name(const struct parser *x, size_t i, struct policy_name *out)
{
	struct span s;

	if (i >= x->in->n)
		return complain(x, i, AC_ERR_FORMAT, "expected a name");
	s = x->in->f[i];
	if (s.len > POLICY_NAME_MAX)
		return complain(x, i, AC_ERR_LIMIT,
		    "a name has at most 64 characters");
	for (size_t k = 0; k < s.len; k++)
		if (!is_name_byte(s.p[k]))
			return complain(x, i, AC_ERR_FORMAT,
			    "a name is of letters, digits, '.', '_' and '-'");
	memcpy(out->s, s.p, s.len);
	out->s[s.len] = '\0';
	return AC_OK;
}

/* Witness and group names: opaque bytes in tlog-policy. */
static enum ac_err
get_node_name(const struct parser *x, size_t i, struct policy_name *out)
{
	struct span s;

	if (i >= x->in->n)
		return complain(x, i, AC_ERR_FORMAT, "expected a name");
	s = x->in->f[i];
	if (s.len > POLICY_NAME_MAX)
		return complain(x, i, AC_ERR_LIMIT,
		    "a name has at most 64 characters");
	if (span_is(s, "none"))
		return complain(x, i, AC_ERR_FORMAT, "\"none\" is reserved");
	memcpy(out->s, s.p, s.len);
	out->s[s.len] = '\0';
	for (size_t k = 0; k < x->p->nnode; k++)
		if (span_is(s, x->p->node[k].name.s))
			return complain(x, i, AC_ERR_FORMAT,
			    "this name is taken");
	return AC_OK;
}

static enum ac_err
get_digest(const struct parser *x, size_t i, struct digest *out)
{
	if (i >= x->in->n || !text_unhex_digest(out, x->in->f[i]))
		return complain(x, i, AC_ERR_FORMAT,
		    "expected a SHA-256 of 64 lower-case hex digits");
	return AC_OK;
}

static enum ac_err
get_end(const struct parser *x, size_t i)
{
	return i == x->in->n ? AC_OK : complain(x, i, AC_ERR_FORMAT,
	    "expected the end of the line");
}

static bool
same_key(const struct note_key *a, const struct note_key *b)
{
	return ac_equal(a->pub, b->pub, sizeof(a->pub));
}

static enum ac_err
get_vkey(const struct parser *x, size_t i, struct note_key *out, uint8_t type)
{
	enum ac_err e;

	if (i >= x->in->n)
		return complain(x, i, AC_ERR_FORMAT,
		    "expected a verifier key <name>+<id>+<base64>");
	e = note_key_parse(out, x->in->f[i]);
	if (e == AC_ERR_UNSUPPORTED)
		return complain(x, i, e, "this build cannot check keys of this "
		    "type; it knows Ed25519 (0x01) and Ed25519 cosignatures "
		    "(0x04)");
	if (e == AC_ERR_MISMATCH)
		return complain(x, i, AC_ERR_FORMAT,
		    "the key's ID is not that of its name and bytes");
	if (e != AC_OK)
		return complain(x, i, AC_ERR_FORMAT,
		    "expected a verifier key <name>+<id>+<base64>");
	if (out->type != type)
		return complain(x, i, AC_ERR_FORMAT, type == NOTE_ED25519 ?
		    "a log's key has type 0x01 (Ed25519)" :
		    "a cosigner's key has type 0x04 (Ed25519 cosignature)");
	return AC_OK;
}

static enum ac_err
parse_log(const struct parser *x)
{
	struct policy *p = x->p;
	struct note_key key;
	enum ac_err e = get_vkey(x, 1, &key, NOTE_ED25519);

	if (e != AC_OK)
		return e;
	for (size_t i = 0; i < p->nlog; i++)
		if (same_key(&p->log[i], &key) ||
		    span_is(span_str(p->log[i].name), key.name))
			return complain(x, 1, AC_ERR_FORMAT,
			    "this log or its key stands above already");
	/* An optional URL is for clients that fetch. */
	e = get_end(x, x->in->n > 2 ? 3 : 2);
	if (e == AC_OK)
		p->log[p->nlog++] = key;
	return e;
}

static enum ac_err
parse_log_time(const struct parser *x)
{
	struct policy *p = x->p;
	struct note_key key;
	enum ac_err e = get_vkey(x, 1, &key, NOTE_COSIGNATURE);

	if (e == AC_OK)
		e = get_end(x, 2);
	if (e == AC_OK)
		p->log_time[p->nlog_time++] = key;
	return e;
}

static enum ac_err
parse_witness(const struct parser *x)
{
	struct policy *p = x->p;
	struct policy_node *node = &p->node[p->nnode];
	enum ac_err e;

	*node = (struct policy_node){ 0 };
	e = get_node_name(x, 1, &node->name);
	if (e == AC_OK)
		e = get_vkey(x, 2, &node->key, NOTE_COSIGNATURE);
	if (e != AC_OK)
		return e;
	for (size_t i = 0; i < p->nnode; i++)
		if (!p->node[i].group && same_key(&p->node[i].key, &node->key))
			return complain(x, 2, AC_ERR_FORMAT,
			    "this witness's key stands above already");
	e = get_end(x, x->in->n > 3 ? 4 : 3);
	if (e == AC_OK)
		p->nnode++;
	return e;
}

/* Index of the node of that name, or nnode. */
static size_t
find_node(const struct policy *p, struct span name)
{
	size_t i = 0;

	while (i < p->nnode && !span_is(name, p->node[i].name.s))
		i++;
	return i;
}

static enum ac_err
parse_group(const struct parser *x)
{
	struct policy *p = x->p;
	struct policy_node *node = &p->node[p->nnode];
	uint64_t need;
	enum ac_err e;

	*node = (struct policy_node){ .group = true };
	e = get_node_name(x, 1, &node->name);
	if (e != AC_OK)
		return e;
	if (x->in->n < 4)
		return complain(x, x->in->n, AC_ERR_FORMAT, "expected group "
		    "<name> all|any|<k> <member>...");
	node->nmembers = x->in->n - 3;
	for (size_t i = 0; i < node->nmembers; i++) {
		size_t m = find_node(p, x->in->f[3 + i]);

		if (m == p->nnode)
			return complain(x, 3 + i, AC_ERR_FORMAT, "a member is "
			    "a witness or group of an earlier line");
		if (p->node[m].has_parent)
			return complain(x, 3 + i, AC_ERR_FORMAT,
			    "this one is a member of a group already");
		p->node[m].has_parent = true;
		node->member[i] = m;
	}
	if (span_is(x->in->f[2], "all"))
		need = node->nmembers;
	else if (span_is(x->in->f[2], "any"))
		need = 1;
	else if (!text_undec(&need, x->in->f[2], node->nmembers) || need == 0)
		return complain(x, 2, AC_ERR_FORMAT, "expected all, any or a "
		    "number from 1 to that of the members");
	node->need = (size_t)need;
	p->nnode++;
	return AC_OK;
}

static enum ac_err
parse_quorum(const struct parser *x)
{
	struct policy *p = x->p;

	if (p->has_quorum)
		return complain(x, 0, AC_ERR_FORMAT,
		    "there is a quorum line already");
	if (x->in->n < 2)
		return complain(x, 1, AC_ERR_FORMAT,
		    "expected the name of a group or witness, or none");
	p->quorum_none = span_is(x->in->f[1], "none");
	p->quorum = find_node(p, x->in->f[1]);
	if (!p->quorum_none && p->quorum == p->nnode)
		return complain(x, 1, AC_ERR_FORMAT, "expected a group or "
		    "witness of an earlier line, or none");
	p->has_quorum = true;
	return get_end(x, 2);
}

/* A PEM file, or a fingerprint. */
static enum ac_err
parse_builder(const struct parser *x)
{
	struct policy *p = x->p;
	struct policy_builder b = { 0 };
	struct buf pem = { 0 };
	char path[4096];
	enum ac_err e;

	e = get_name(x, 1, &b.name);
	if (e != AC_OK)
		return e;
	if (x->in->n < 3)
		return complain(x, 2, AC_ERR_FORMAT,
		    "expected a PEM file or the SHA-256 of a public key");
	if (!text_unhex_digest(&b.fingerprint, x->in->f[2])) {
		if (x->in->f[2].len >= sizeof(path))
			return complain(x, 2, AC_ERR_LIMIT, "path too long");
		memcpy(path, x->in->f[2].p, x->in->f[2].len);
		path[x->in->f[2].len] = '\0';
		e = x->loader->load(x->loader->ctx, &pem, path);
		if (e != AC_OK)
			return complain(x, 2, AC_ERR_FORMAT,
			    "expected a readable PEM file or a SHA-256");
		b.has_key = spki_from_pem(&b.key, buf_span(&pem));
		buf_free(&pem);
		if (!b.has_key)
			return complain(x, 2, AC_ERR_FORMAT,
			    "this file is not a P-256 public key in PEM");
		b.fingerprint = spki_digest(&b.key);
	}
	for (size_t i = 0; i < p->nbuilder; i++)
		if (span_is(span_str(p->builder[i].name.s), b.name.s) ||
		    digest_equal(&p->builder[i].fingerprint, &b.fingerprint))
			return complain(x, 1, AC_ERR_FORMAT,
			    "this builder or its key stands above already");
	e = get_end(x, 3);
	if (e == AC_OK)
		p->builder[p->nbuilder++] = b;
	return e;
}

static enum ac_err
get_oid(const struct parser *x, size_t i, char out[POLICY_OID_MAX + 1])
{
	struct span s;

	if (i >= x->in->n || x->in->f[i].len > POLICY_OID_MAX)
		return complain(x, i, AC_ERR_FORMAT, "expected a dotted OID");
	s = x->in->f[i];
	for (size_t k = 0; k < s.len; k++)
		if (s.p[k] != '.' && (s.p[k] < '0' || s.p[k] > '9'))
			return complain(x, i, AC_ERR_FORMAT,
			    "expected a dotted OID");
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return AC_OK;
}

static bool
find_builtin(struct digest *out, struct span name)
{
	for (size_t i = 0; i < sizeof(builtin_roots) / sizeof(builtin_roots[0]);
	    i++) {
		if (span_is(name, builtin_roots[i].name)) {
			memcpy(out->b, builtin_roots[i].der, sizeof(out->b));
			return true;
		}
	}
	return false;
}

static enum ac_err
parse_ak_root(const struct parser *x)
{
	struct policy *p = x->p;
	struct policy_ak_root root = { .eku = EKU_AK };
	const struct fields *in = x->in;
	size_t i = 3;
	enum ac_err e;

	if (in->n > 1 && (span_is(in->f[1], "amd-milan") ||
	    span_is(in->f[1], "amd-genoa") || span_is(in->f[1], "amd-turin")))
		return lacks(x, 1, 8);
	if (in->n < 2 || (!find_builtin(&root.der, in->f[1]) &&
	    !text_unhex_digest(&root.der, in->f[1])))
		return complain(x, 1, AC_ERR_FORMAT, "expected the SHA-256 of "
		    "the root certificate's DER, or azure-2023");
	e = get_name(x, 2, &root.name);
	if (e != AC_OK)
		return e;
	if (i < in->n && span_is(in->f[i], "simulated")) {
		root.simulated = true;
		i++;
		if (i < in->n && span_is(in->f[i], "unmeasured-boot")) {
			root.unmeasured_boot = true;
			i++;
		}
	}
	if (i < in->n && span_is(in->f[i], "eku")) {
		e = get_oid(x, i + 1, root.eku);
		if (e != AC_OK)
			return e;
		i += 2;
	}
	if (i < in->n && span_is(in->f[i], "policy")) {
		e = get_oid(x, i + 1, root.policy);
		if (e != AC_OK)
			return e;
		i += 2;
	}
	if (i < in->n)
		return complain(x, i, AC_ERR_FORMAT, "expected [simulated "
		    "[unmeasured-boot]] [eku <oid>] [policy <oid>]");
	if (policy_ak_root_by(p, &root.der) != NULL)
		return complain(x, 1, AC_ERR_FORMAT,
		    "this root stands above already");
	p->ak_root[p->nak_root++] = root;
	return AC_OK;
}

static enum ac_err
parse_vm(const struct parser *x)
{
	enum ac_err e = get_digest(x, 1, &x->p->vm[x->p->nvm]);

	if (e == AC_OK)
		e = get_end(x, 2);
	if (e == AC_OK)
		x->p->nvm++;
	return e;
}

static enum ac_err
parse_container(const struct parser *x)
{
	struct policy_named_digest c = { 0 };
	struct span s;
	enum ac_err e = get_name(x, 1, &c.name);

	if (e != AC_OK)
		return e;
	s = x->in->n > 2 ? x->in->f[2] : span_of(NULL, 0);
	if (s.len < 7 || !span_is(span_of(s.p, 7), "sha256:") ||
	    !text_unhex_digest(&c.d, span_of(s.p + 7, s.len - 7)))
		return complain(x, 2, AC_ERR_FORMAT, "expected sha256:<hex>");
	e = get_end(x, 3);
	if (e == AC_OK)
		x->p->container[x->p->ncontainer++] = c;
	return e;
}

static enum ac_err
parse_deny(const struct parser *x)
{
	struct policy_deny d = { 0 };
	struct reader r;
	struct span alg;

	if (x->in->n < 2 || !span_is(x->in->f[1], "input"))
		return complain(x, 1, AC_ERR_FORMAT, "expected input");
	if (x->in->n < 3)
		return complain(x, 2, AC_ERR_FORMAT, "expected <alg>:<hex>");
	r = rd_of(x->in->f[2]);
	if (!rd_until(&r, &alg, ':') || alg.len == 0 ||
	    alg.len >= sizeof(d.alg) || r.left.len == 0 ||
	    r.left.len >= sizeof(d.hex))
		return complain(x, 2, AC_ERR_FORMAT, "expected <alg>:<hex>");
	for (size_t i = 0; i < r.left.len; i++)
		if (memchr("0123456789abcdef", r.left.p[i], 16) == NULL)
			return complain(x, 2, AC_ERR_FORMAT,
			    "expected lower-case hex");
	memcpy(d.alg, alg.p, alg.len);
	memcpy(d.hex, r.left.p, r.left.len);
	x->p->deny[x->p->ndeny++] = d;
	return get_end(x, 3);
}

static enum ac_err
parse_allow(const struct parser *x)
{
	struct policy *p = x->p;
	struct span what = x->in->n > 1 ? x->in->f[1] : span_of(NULL, 0);
	enum ac_err e = AC_OK;

	if (span_is(what, "debug-image"))
		return lacks(x, 1, 13);
	if (span_is(what, "licence")) {
		if (x->in->n < 3)
			return complain(x, 2, AC_ERR_FORMAT,
			    "expected SPDX licence identifiers");
		p->allow_licence = true;
		for (size_t i = 2; i < x->in->n && e == AC_OK; i++) {
			if (p->nlicence == POLICY_LIST_MAX)
				return complain(x, i, AC_ERR_LIMIT,
				    "too many licences");
			e = get_name(x, i, &p->licence[p->nlicence]);
			p->nlicence += e == AC_OK;
		}
		return e;
	}
	if (!span_is(what, "self-asserted"))
		return complain(x, 1, AC_ERR_FORMAT,
		    "expected licence, self-asserted or debug-image");
	if (x->in->n == 2) {
		p->allow_self_asserted_any = true;
		return AC_OK;
	}
	e = get_name(x, 2, &p->self_asserted[p->nself_asserted]);
	if (e == AC_OK)
		e = get_end(x, 3);
	p->nself_asserted += e == AC_OK;
	return e;
}

static enum ac_err
parse_require(const struct parser *x)
{
	struct policy *p = x->p;
	struct span what = x->in->n > 1 ? x->in->f[1] : span_of(NULL, 0);

	if (span_is(what, "witness"))
		p->require_witness = true;
	else if (span_is(what, "earliest-time"))
		p->require_earliest_time = true;
	else if (span_is(what, "ak-name"))
		p->require_ak_name = true;
	else if (span_is(what, "certified-inputs"))
		return lacks(x, 1, 18);
	else if (span_is(what, "confidential"))
		return lacks(x, 1, 8);
	else if (span_is(what, "revocation-state"))
		return lacks(x, 1, 17);
	else
		return complain(x, 1, AC_ERR_FORMAT, "expected witness, "
		    "certified-inputs, earliest-time, ak-name, confidential or "
		    "revocation-state");
	return get_end(x, 2);
}

static enum ac_err
parse_line(const struct parser *x)
{
	struct policy *p = x->p;
	const struct {
		const char *word;
		enum ac_err (*parse)(const struct parser *);
		unsigned lacks; /* step that this build does not have */
		const size_t *n;
	} kinds[] = {
		{ "log", parse_log, 0, &p->nlog },
		{ "witness", parse_witness, 0, &p->nnode },
		{ "group", parse_group, 0, &p->nnode },
		{ "quorum", parse_quorum, 0, NULL },
		{ "log-time", parse_log_time, 0, &p->nlog_time },
		{ "builder", parse_builder, 0, &p->nbuilder },
		{ "ak-root", parse_ak_root, 0, &p->nak_root },
		{ "vm", parse_vm, 0, &p->nvm },
		{ "container", parse_container, 0, &p->ncontainer },
		{ "deny", parse_deny, 0, &p->ndeny },
		{ "allow", parse_allow, 0, &p->nself_asserted },
		{ "require", parse_require, 0, NULL },
		{ "registry", NULL, 17, NULL },
		{ "revoker", NULL, 17, NULL },
		{ "image", NULL, 13, NULL },
		{ "pcr", NULL, 13, NULL },
		{ "measurements", NULL, 13, NULL },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!span_is(x->in->f[0], kinds[i].word))
			continue;
		if (kinds[i].parse == NULL)
			return lacks(x, 0, kinds[i].lacks);
		if (kinds[i].n != NULL && *kinds[i].n ==
		    (kinds[i].n == &p->nnode ? POLICY_NODES_MAX :
		    POLICY_LIST_MAX))
			return complain(x, 0, AC_ERR_LIMIT,
			    "too many lines of this kind");
		return kinds[i].parse(x);
	}
	return complain(x, 0, AC_ERR_FORMAT, "expected log, witness, group, "
	    "quorum, log-time, builder, ak-root, vm, container, deny, allow or "
	    "require");
}

/* Cut at spaces and tabs; false for a byte that a policy may not hold. */
static enum ac_err
split(struct fields *out, struct span line, size_t number, struct message *why)
{
	size_t i = 0;

	*out = (struct fields){ .line = number };
	while (i < line.len) {
		size_t start = i;

		if (line.p[i] == ' ' || line.p[i] == '\t') {
			i++;
			continue;
		}
		while (i < line.len && line.p[i] > ' ' && line.p[i] != 0x7f)
			i++;
		if (i == start || (i < line.len && line.p[i] != ' ' &&
		    line.p[i] != '\t')) {
			message_set(why, "line %zu, column %zu: byte 0x%02x is "
			    "not allowed in a policy", number, i + 1,
			    line.p[i]);
			return AC_ERR_FORMAT;
		}
		if (out->n == FIELDS_MAX) {
			message_set(why, "line %zu: too many words", number);
			return AC_ERR_LIMIT;
		}
		out->f[out->n] = span_of(line.p + start, i - start);
		out->column[out->n++] = start + 1;
	}
	return AC_OK;
}

/* A log-time key vouches for a log's clock and must be nobody else's. */
static enum ac_err
check_log_time(const struct policy *p, struct message *why)
{
	for (size_t i = 0; i < p->nlog_time; i++) {
		bool taken = false;

		for (size_t k = 0; k < p->nlog; k++)
			taken = taken || same_key(&p->log_time[i], &p->log[k]);
		for (size_t k = 0; k < p->nnode; k++)
			taken = taken || (!p->node[k].group &&
			    same_key(&p->log_time[i], &p->node[k].key));
		if (taken) {
			message_set(why, "the log-time key ");
			message_add_quoted(why, span_str(p->log_time[i].name));
			message_add(why, " equals a log's or witness's key");
			return AC_ERR_FORMAT;
		}
	}
	return AC_OK;
}

enum ac_err
policy_parse(struct policy **out, struct span text,
    const struct policy_loader *loader, struct message *why)
{
	struct reader r = rd_of(text);
	struct policy *p = calloc(1, sizeof(*p));
	struct fields fields;
	struct parser x = { p, loader, why, &fields };
	enum ac_err e = AC_ERR_MEMORY;
	struct span line;

	if (p == NULL)
		goto out;
	for (size_t number = 1; !rd_end(&r); number++) {
		if (!rd_line(&r, &line)) {
			line = r.left;
			r = rd_of(span_of(NULL, 0));
		}
		if (line.len > 0 && line.p[0] == '#')
			continue;
		e = split(&fields, line, number, why);
		if (e == AC_OK && fields.n > 0 && fields.f[0].p[0] != '#')
			e = parse_line(&x);
		if (e != AC_OK)
			goto out;
	}
	if (!p->has_quorum) {
		e = AC_ERR_FORMAT;
		message_set(why, "there is no quorum line; expected one, "
		    "\"quorum <name>\" or \"quorum none\"");
		goto out;
	}
	e = check_log_time(p, why);
	if (e != AC_OK)
		goto out;
	*out = p;
	p = NULL; /* transferred */
out:
	policy_free(p);
	return e;
}

void
policy_free(struct policy *p)
{
	free(p);
}

const struct policy_builder *
policy_builder_by(const struct policy *p, const struct digest *fingerprint)
{
	for (size_t i = 0; i < p->nbuilder; i++)
		if (digest_equal(&p->builder[i].fingerprint, fingerprint))
			return &p->builder[i];
	return NULL;
}

const struct note_key *
policy_log_by(const struct policy *p, struct span origin)
{
	for (size_t i = 0; i < p->nlog; i++)
		if (span_is(origin, p->log[i].name))
			return &p->log[i];
	return NULL;
}

const struct policy_ak_root *
policy_ak_root_by(const struct policy *p, const struct digest *der)
{
	for (size_t i = 0; i < p->nak_root; i++)
		if (digest_equal(&p->ak_root[i].der, der))
			return &p->ak_root[i];
	return NULL;
}

bool
policy_allows_self_asserted(const struct policy *p,
    const struct policy_builder *b)
{
	if (p->allow_self_asserted_any)
		return true;
	for (size_t i = 0; b != NULL && i < p->nself_asserted; i++)
		if (span_is(span_str(b->name.s), p->self_asserted[i].s))
			return true;
	return false;
}
