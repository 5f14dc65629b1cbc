/* trustrules.c -- lines about whom and what is trusted; see trustrules.h. */
#include "common/reader.h"
#include "common/text.h"
#include "verifier/trustrules.h"

#define EKU_AK "2.23.133.8.3" /* tcg-kp-AIKCertificate */

/* Roots that a policy may call by name, by the SHA-256 of their DER. */
static const struct {
	const char *name, *der;
	bool snp;
} builtin_roots[] = {
	/* Azure Virtual TPM Root Certificate Authority 2023 */
	{ "azure-2023", "e6c596b17f8ffefba5c300f714cfb1260c6028704ecf7becc4ab50"
	    "18efb00e95", false },
	/* AMD's ARK-Milan, ARK-Genoa, ARK-Turin */
	{ "amd-milan", "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c956"
	    "39a540bcd", true },
	{ "amd-genoa", "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10"
	    "d103db2f1", true },
	{ "amd-turin", "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9"
	    "c73dd3f6a", true },
};

/* Keys that signed Azure's paravisor, of 2023 and since, by their SHA-384. */
static const char *const azure_id_keys[] = {
	("934f68bd8ba01938eec21475c872e3a942b60c59fafc6df9e9a76ee66bc47f2d"
	    "09c676f61c0315c578da26085fb13a71"),
	("942fd93ebde6ea7a96efadeafc60f1c6b3d10e703b1dafd7555b92f7f3d32d0e"
	    "006767648cba5b102af3d65756af4177"),
};

enum ac_err
trustrules_builder(const struct rule *x)
{
	struct policy *p = x->p;
	struct policy_builder b = { 0 };
	enum ac_err e;

	e = rule_name(x, 1, &b.name);
	if (e != AC_OK)
		return e;
	e = rule_key(x, 2, &b.fingerprint, &b.has_key, &b.key);
	if (e != AC_OK)
		return e;
	for (size_t i = 0; i < p->nbuilder; i++)
		if (span_is(span_str(p->builder[i].name.s), b.name.s) ||
		    digest_equal(&p->builder[i].fingerprint, &b.fingerprint))
			return rule_complain(x, 1, AC_ERR_FORMAT,
			    "this builder or its key stands above already");
	e = rule_end(x, 3);
	if (e == AC_OK)
		p->builder[p->nbuilder++] = b;
	return e;
}

/* The name of a log: what a checkpoint may have as its origin. */
static enum ac_err
get_origin(const struct rule *x, char out[NOTE_NAME_MAX + 1])
{
	struct span s;

	if (x->in->n < 2)
		return rule_complain(x, 1, AC_ERR_FORMAT,
		    "expected the origin of a log");
	s = x->in->f[1];
	if (s.len > NOTE_NAME_MAX || memchr(s.p, '+', s.len) != NULL)
		return rule_complain(x, 1, AC_ERR_FORMAT,
		    "an origin has at most 255 characters and no '+'");
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return AC_OK;
}

enum ac_err
trustrules_registry(const struct rule *x)
{
	struct policy *p = x->p;
	struct policy_registry *r = &p->registry[p->nregistry];
	struct spki key;
	bool has_key;
	enum ac_err e;

	e = get_origin(x, r->origin);
	if (e == AC_OK && policy_registry_by(p, x->in->f[1]) != NULL)
		return rule_complain(x, 1, AC_ERR_FORMAT,
		    "the registry of this log stands above already");
	if (e == AC_OK)
		e = rule_key(x, 2, &r->fingerprint, &has_key, &key);
	if (e == AC_OK)
		e = rule_end(x, 3);
	p->nregistry += e == AC_OK;
	return e;
}

enum ac_err
trustrules_revoker(const struct rule *x)
{
	struct policy *p = x->p;
	struct policy_named_digest *r = &p->revoker[p->nrevoker];
	struct spki key;
	bool has_key;
	enum ac_err e;

	e = rule_name(x, 1, &r->name);
	if (e == AC_OK)
		e = rule_key(x, 2, &r->d, &has_key, &key);
	if (e != AC_OK)
		return e;
	for (size_t i = 0; i < p->nrevoker; i++)
		if (span_is(span_str(p->revoker[i].name.s), r->name.s) ||
		    digest_equal(&p->revoker[i].d, &r->d))
			return rule_complain(x, 1, AC_ERR_FORMAT,
			    "this revoker or its key stands above already");
	e = rule_end(x, 3);
	p->nrevoker += e == AC_OK;
	return e;
}

static enum ac_err
get_oid(const struct rule *x, size_t i, char out[POLICY_OID_MAX + 1])
{
	struct span s;

	if (i >= x->in->n || x->in->f[i].len > POLICY_OID_MAX)
		return rule_complain(x, i, AC_ERR_FORMAT,
		    "expected a dotted OID");
	s = x->in->f[i];
	for (size_t k = 0; k < s.len; k++)
		if (s.p[k] != '.' && (s.p[k] < '0' || s.p[k] > '9'))
			return rule_complain(x, i, AC_ERR_FORMAT,
			    "expected a dotted OID");
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return AC_OK;
}

static bool
find_builtin(struct policy_ak_root *out, struct span name)
{
	for (size_t i = 0; i < sizeof(builtin_roots) / sizeof(builtin_roots[0]);
	    i++) {
		if (span_is(name, builtin_roots[i].name)) {
			out->snp = builtin_roots[i].snp;
			return text_unhex_digest(&out->der,
			    span_str(builtin_roots[i].der));
		}
	}
	return false;
}

/* <bootloader>.<tee>.<snp>.<microcode>, in Turin <fmc> before them. */
static enum ac_err
get_tcb(const struct rule *x, size_t i, struct snp_tcb *out)
{
	struct reader r = rd_of(i < x->in->n ? x->in->f[i] :
	    span_of(NULL, 0));
	uint8_t part[5] = { 0 };
	struct span number;
	uint64_t v;
	size_t n = 0;

	while (!rd_end(&r) && n < 5) {
		if (!rd_until(&r, &number, '.')) {
			number = r.left;
			r = rd_of(span_of(NULL, 0));
		}
		if (!text_undec(&v, number, 255))
			break;
		part[n++] = (uint8_t)v;
	}
	if (n < 4 || !rd_end(&r))
		return rule_complain(x, i, AC_ERR_FORMAT, "expected "
		    "[<fmc>.]<bootloader>.<tee>.<snp>.<microcode>");
	*out = (struct snp_tcb){ n == 5 ? part[0] : 0, part[n - 4],
		part[n - 3], part[n - 2], part[n - 1] };
	return AC_OK;
}

static bool
add_id_key(struct policy_ak_root *root, struct span hex)
{
	return root->nid_key < POLICY_ID_KEYS_MAX &&
	    text_unhex(root->id_key[root->nid_key], SNP_ID_KEY_LEN, hex) &&
	    ++root->nid_key > 0;
}

/* The words of an AMD root from number i on. */
static enum ac_err
parse_snp(const struct rule *x, size_t i, struct policy_ak_root *root)
{
	const struct rule_words *in = x->in;
	enum ac_err e;

	if (i < in->n && span_is(in->f[i], "tcb")) {
		e = get_tcb(x, i + 1, &root->floor);
		if (e != AC_OK)
			return e;
		i += 2;
	}
	for (; i < in->n && span_is(in->f[i], "id-key"); i += 2)
		if (i + 1 == in->n || !add_id_key(root, in->f[i + 1]))
			return rule_complain(x, i + 1, AC_ERR_FORMAT,
			    "expected at most 8 SHA-384 of 96 lower-case hex "
			    "digits");
	if (root->nid_key == 0)
		for (size_t k = 0; k < sizeof(azure_id_keys) /
		    sizeof(azure_id_keys[0]); k++)
			if (!add_id_key(root, span_str(azure_id_keys[k])))
				return AC_ERR_FORMAT;
	if (i < in->n)
		return rule_complain(x, i, AC_ERR_FORMAT,
		    "expected [tcb <numbers>] [id-key <sha384>]...");
	return AC_OK;
}

/* Those of any other. */
static enum ac_err
parse_ca(const struct rule *x, size_t i, struct policy_ak_root *root)
{
	const struct rule_words *in = x->in;
	enum ac_err e;

	if (i < in->n && span_is(in->f[i], "simulated")) {
		root->simulated = true;
		i++;
		if (i < in->n && span_is(in->f[i], "unmeasured-boot")) {
			root->unmeasured_boot = true;
			i++;
		}
	}
	if (i < in->n && span_is(in->f[i], "eku")) {
		e = get_oid(x, i + 1, root->eku);
		if (e != AC_OK)
			return e;
		i += 2;
	}
	if (i < in->n && span_is(in->f[i], "policy")) {
		e = get_oid(x, i + 1, root->policy);
		if (e != AC_OK)
			return e;
		i += 2;
	}
	if (i < in->n)
		return rule_complain(x, i, AC_ERR_FORMAT, "expected [simulated "
		    "[unmeasured-boot]] [eku <oid>] [policy <oid>], or snp");
	return AC_OK;
}

enum ac_err
trustrules_ak_root(const struct rule *x)
{
	struct policy *p = x->p;
	struct policy_ak_root root = { .eku = EKU_AK };
	const struct rule_words *in = x->in;
	size_t i = 3;
	enum ac_err e;

	if (in->n < 2 || (!find_builtin(&root, in->f[1]) &&
	    !text_unhex_digest(&root.der, in->f[1])))
		return rule_complain(x, 1, AC_ERR_FORMAT, "expected the "
		    "SHA-256 of the root certificate's DER, azure-2023, "
		    "amd-milan, amd-genoa or amd-turin");
	e = rule_name(x, 2, &root.name);
	if (e != AC_OK)
		return e;
	if (!root.snp && i < in->n && span_is(in->f[i], "snp")) {
		root.snp = true;
		i++;
	}
	e = root.snp ? parse_snp(x, i, &root) : parse_ca(x, i, &root);
	if (e != AC_OK)
		return e;
	if (policy_ak_root_by(p, &root.der) != NULL)
		return rule_complain(x, 1, AC_ERR_FORMAT,
		    "this root stands above already");
	p->ak_root[p->nak_root++] = root;
	return AC_OK;
}

enum ac_err
trustrules_vm(const struct rule *x)
{
	enum ac_err e = rule_digest(x, 1, &x->p->vm[x->p->nvm]);

	if (e == AC_OK)
		e = rule_end(x, 2);
	if (e == AC_OK)
		x->p->nvm++;
	return e;
}

enum ac_err
trustrules_container(const struct rule *x)
{
	struct policy_named_digest c = { 0 };
	struct span s;
	enum ac_err e = rule_name(x, 1, &c.name);

	if (e != AC_OK)
		return e;
	s = x->in->n > 2 ? x->in->f[2] : span_of(NULL, 0);
	if (s.len < 7 || !span_is(span_of(s.p, 7), "sha256:") ||
	    !text_unhex_digest(&c.d, span_of(s.p + 7, s.len - 7)))
		return rule_complain(x, 2, AC_ERR_FORMAT,
		    "expected sha256:<hex>");
	e = rule_end(x, 3);
	if (e == AC_OK)
		x->p->container[x->p->ncontainer++] = c;
	return e;
}

enum ac_err
trustrules_deny(const struct rule *x)
{
	struct policy_deny d = { 0 };
	struct reader r;
	struct span alg;

	if (x->in->n < 2 || !span_is(x->in->f[1], "input"))
		return rule_complain(x, 1, AC_ERR_FORMAT, "expected input");
	if (x->in->n < 3)
		return rule_complain(x, 2, AC_ERR_FORMAT,
		    "expected <alg>:<hex>");
	r = rd_of(x->in->f[2]);
	if (!rd_until(&r, &alg, ':') || alg.len == 0 ||
	    alg.len >= sizeof(d.alg) || r.left.len == 0 ||
	    r.left.len >= sizeof(d.hex))
		return rule_complain(x, 2, AC_ERR_FORMAT,
		    "expected <alg>:<hex>");
	for (size_t i = 0; i < r.left.len; i++)
		if (memchr("0123456789abcdef", r.left.p[i], 16) == NULL)
			return rule_complain(x, 2, AC_ERR_FORMAT,
			    "expected lower-case hex");
	memcpy(d.alg, alg.p, alg.len);
	memcpy(d.hex, r.left.p, r.left.len);
	x->p->deny[x->p->ndeny++] = d;
	return rule_end(x, 3);
}

enum ac_err
trustrules_allow(const struct rule *x)
{
	static const char *const names[] = { "licence", "self-asserted",
		"debug-image" };
	struct policy *p = x->p;
	struct span what = x->in->n > 1 ? x->in->f[1] : span_of(NULL, 0);
	enum ac_err e = AC_OK;

	if (span_is(what, "debug-image")) {
		p->allow_debug_image = true;
		return rule_end(x, 2);
	}
	if (span_is(what, "licence")) {
		if (x->in->n < 3)
			return rule_complain(x, 2, AC_ERR_FORMAT,
			    "expected SPDX licence identifiers");
		p->allow_licence = true;
		for (size_t i = 2; i < x->in->n && e == AC_OK; i++) {
			if (p->nlicence == POLICY_LIST_MAX)
				return rule_complain(x, i, AC_ERR_LIMIT,
				    "too many licences");
			e = rule_name(x, i, &p->licence[p->nlicence]);
			p->nlicence += e == AC_OK;
		}
		return e;
	}
	if (!span_is(what, "self-asserted"))
		return rule_unknown(x, 1, names,
		    sizeof(names) / sizeof(names[0]));
	if (x->in->n == 2) {
		p->allow_self_asserted_any = true;
		return AC_OK;
	}
	e = rule_name(x, 2, &p->self_asserted[p->nself_asserted]);
	if (e == AC_OK)
		e = rule_end(x, 3);
	p->nself_asserted += e == AC_OK;
	return e;
}

/* "36h", "7d": at most ten years. */
static enum ac_err
get_age(const struct rule *x, size_t i, int64_t *out)
{
	struct span s = i < x->in->n ? x->in->f[i] : span_of(NULL, 0);
	uint8_t unit = s.len > 0 ? s.p[s.len - 1] : 0;
	int64_t unit_s = unit == 'd' ? 86400 : 3600;
	uint64_t n;

	if ((unit != 'h' && unit != 'd') ||
	    !text_undec(&n, span_of(s.p, s.len - 1),
	    3653 * (uint64_t)86400 / (uint64_t)unit_s) || n == 0)
		return rule_complain(x, i, AC_ERR_FORMAT, "expected an age in "
		    "hours or days, such as 36h or 7d, of at most ten years");
	*out = (int64_t)n * unit_s;
	return AC_OK;
}

enum ac_err
trustrules_require(const struct rule *x)
{
	static const char *const names[] = { "witness", "certified-inputs",
		"earliest-time", "ak-name", "confidential",
		"revocation-state" };
	struct policy *p = x->p;
	struct span what = x->in->n > 1 ? x->in->f[1] : span_of(NULL, 0);

	if (span_is(what, "witness"))
		p->require_witness = true;
	else if (span_is(what, "earliest-time"))
		p->require_earliest_time = true;
	else if (span_is(what, "ak-name"))
		p->require_ak_name = true;
	else if (span_is(what, "certified-inputs"))
		p->require_certified_inputs = true;
	else if (span_is(what, "confidential"))
		p->require_confidential = true;
	else if (span_is(what, "revocation-state")) {
		enum ac_err e = get_age(x, 2, &p->revocation_state_s);

		p->require_revocation_state = e == AC_OK;
		return e == AC_OK ? rule_end(x, 3) : e;
	} else
		return rule_unknown(x, 1, names,
		    sizeof(names) / sizeof(names[0]));
	return rule_end(x, 2);
}
