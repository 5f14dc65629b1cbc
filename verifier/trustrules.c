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
trustrules_builder(const struct rule *x, size_t i, void *out)
{
	struct policy_builder *b = out;

	return rule_key(x, i, &b->fingerprint, &b->has_key, &b->key);
}

/* The name of a log: what a checkpoint may have as its origin. */
enum ac_err
trustrules_origin(const struct rule *x, size_t i, void *out)
{
	struct policy_registry *r = out;
	struct span s = rule_word(x, i);

	if (s.len == 0)
		return rule_wrong(x, i, "expected the origin of a log");
	if (s.len > NOTE_NAME_MAX || memchr(s.p, '+', s.len) != NULL)
		return rule_wrong(x, i,
		    "an origin has at most 255 characters and no '+'");
	memcpy(r->origin, s.p, s.len);
	return AC_OK;
}

static enum ac_err
take_oid(const struct rule *x, size_t i, char out[POLICY_OID_MAX + 1])
{
	struct span s = rule_word(x, i);

	if (s.len == 0 || s.len > POLICY_OID_MAX ||
	    !rule_made_of(s, ".0123456789"))
		return rule_wrong(x, i, "expected a dotted OID");
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return AC_OK;
}

/* <bootloader>.<tee>.<snp>.<microcode>, in Turin <fmc> before them. */
static enum ac_err
take_tcb(const struct rule *x, size_t i, struct snp_tcb *out)
{
	struct reader r = rd_of(rule_word(x, i));
	uint8_t part[5] = { 0 };
	struct span number;
	uint64_t v;
	size_t n = 0;

	while (!rd_end(&r) && n < 5) {
		if (!rd_until(&r, &number, '.'))
			number = rd_rest(&r);
		if (!text_undec(&v, number, 255))
			break;
		part[n++] = (uint8_t)v;
	}
	if (n < 4 || !rd_end(&r))
		return rule_wrong(x, i, "expected "
		    "[<fmc>.]<bootloader>.<tee>.<snp>.<microcode>");
	*out = (struct snp_tcb){ n == 5 ? part[0] : 0, part[n - 4],
		part[n - 3], part[n - 2], part[n - 1] };
	return AC_OK;
}

static bool
add_id_key(struct policy_ak_root *root, struct span hex)
{
	return root->nid_key < POLICY_ID_KEYS_MAX &&
	    text_unhex(root->id_key[root->nid_key++], SNP_ID_KEY_LEN, hex);
}

/* Is word i that one?  Then *i is behind it. */
static bool
skip(const struct rule *x, size_t *i, const char *word)
{
	bool is = span_is(rule_word(x, *i), word);

	*i += is;
	return is;
}

/* The words of an AMD root. */
static enum ac_err
take_snp(const struct rule *x, size_t i, struct policy_ak_root *root)
{
	enum ac_err e;

	if (skip(x, &i, "tcb") &&
	    (e = take_tcb(x, i++, &root->floor)) != AC_OK)
		return e;
	while (skip(x, &i, "id-key"))
		if (!add_id_key(root, rule_word(x, i++)))
			return rule_wrong(x, i - 1, "expected at most 8 "
			    "SHA-384 of 96 lower-case hex digits");
	if (root->nid_key == 0)
		for (size_t k = 0; k < AC_COUNT(azure_id_keys); k++)
			if (!add_id_key(root, span_str(azure_id_keys[k])))
				return AC_ERR_FORMAT;
	return i == x->in->n ? AC_OK : rule_wrong(x, i,
	    "expected [tcb <numbers>] [id-key <sha384>]...");
}

enum ac_err
trustrules_root(const struct rule *x, size_t i, void *out)
{
	struct policy_ak_root *root = out;
	struct span hex = rule_word(x, i);

	for (size_t k = 0; k < AC_COUNT(builtin_roots); k++)
		if (span_is(rule_word(x, i), builtin_roots[k].name)) {
			root->snp = builtin_roots[k].snp;
			hex = span_str(builtin_roots[k].der);
		}
	return text_unhex_digest(&root->der, hex) ? AC_OK : rule_wrong(x, i,
	    "expected the SHA-256 of the root certificate's DER, azure-2023, "
	    "amd-milan, amd-genoa or amd-turin");
}

enum ac_err
trustrules_ak_root(const struct rule *x, size_t i, void *out)
{
	struct policy_ak_root *root = out;
	enum ac_err e = AC_OK;

	if (root->snp || (root->snp = skip(x, &i, "snp")))
		return take_snp(x, i, root);
	memcpy(root->eku, EKU_AK, sizeof(EKU_AK));
	root->simulated = skip(x, &i, "simulated");
	root->unmeasured_boot = root->simulated &&
	    skip(x, &i, "unmeasured-boot");
	if (skip(x, &i, "eku"))
		e = take_oid(x, i++, root->eku);
	if (e == AC_OK && skip(x, &i, "policy"))
		e = take_oid(x, i++, root->policy);
	return e != AC_OK || i == x->in->n ? e : rule_wrong(x, i, "expected "
	    "[simulated [unmeasured-boot]] [eku <oid>] [policy <oid>], or snp");
}

enum ac_err
trustrules_input(const struct rule *x, size_t i, void *out)
{
	(void)out;
	return span_is(rule_word(x, i), "input") ? AC_OK :
	    rule_wrong(x, i, "expected input");
}

enum ac_err
trustrules_deny(const struct rule *x, size_t i, void *out)
{
	struct reader r = rd_of(rule_word(x, i));
	struct policy_deny *d = out;
	struct span alg;

	if (!rd_until(&r, &alg, ':') || alg.len == 0 ||
	    alg.len >= sizeof(d->alg) || r.left.len == 0 ||
	    r.left.len >= sizeof(d->hex))
		return rule_wrong(x, i, "expected <alg>:<hex>");
	if (!rule_made_of(r.left, "0123456789abcdef"))
		return rule_wrong(x, i, "expected lower-case hex");
	memcpy(d->alg, alg.p, alg.len);
	memcpy(d->hex, r.left.p, r.left.len);
	return AC_OK;
}

enum ac_err
trustrules_allow(const struct rule *x, size_t i, void *out)
{
	enum { LICENCE, SELF_ASSERTED, DEBUG_IMAGE };
	static const char *const names[] = { "licence", "self-asserted",
		"debug-image" };
	struct policy *p = x->p;
	size_t which;
	enum ac_err e = rule_choose(x, i, &which, names, AC_COUNT(names),
	    sizeof(names[0]));

	(void)out;
	if (e != AC_OK)
		return e;
	i++;
	if (which == DEBUG_IMAGE) {
		p->allow_debug_image = true;
	} else if (which == LICENCE) {
		p->allow_licence = true;
		if (i == x->in->n)
			return rule_wrong(x, i,
			    "expected SPDX licence identifiers");
		for (; e == AC_OK && i < x->in->n; i++) {
			if (p->nlicence == POLICY_LIST_MAX)
				return rule_complain(x, i, AC_ERR_LIMIT,
				    "too many licences");
			e = rule_name(x, i, &p->licence[p->nlicence++]);
		}
	} else if (i == x->in->n) {
		p->allow_self_asserted_any = true;
	} else if (p->nself_asserted == POLICY_LIST_MAX) {
		return rule_complain(x, i, AC_ERR_LIMIT,
		    "too many lines of this kind");
	} else {
		e = rule_name(x, i++, &p->self_asserted[p->nself_asserted++]);
	}
	return e != AC_OK ? e : rule_end(x, i);
}

/* "36h", "7d": at most ten years. */
static enum ac_err
take_age(const struct rule *x, size_t i, int64_t *out)
{
	struct span s = rule_word(x, i);
	uint8_t unit = s.len > 0 ? s.p[s.len - 1] : 0;
	int64_t unit_s = unit == 'd' ? 86400 : 3600;
	uint64_t n;

	if ((unit != 'h' && unit != 'd') ||
	    !text_undec(&n, span_of(s.p, s.len - 1),
	    3653 * (uint64_t)86400 / (uint64_t)unit_s) || n == 0)
		return rule_wrong(x, i, "expected an age in hours or days, "
		    "such as 36h or 7d, of at most ten years");
	*out = (int64_t)n * unit_s;
	return AC_OK;
}

enum ac_err
trustrules_require(const struct rule *x, size_t i, void *out)
{
	struct policy *p = x->p;
	const struct {
		const char *name;
		bool *flag;
	} rows[] = {
		{ "witness", &p->require_witness },
		{ "certified-inputs", &p->require_certified_inputs },
		{ "earliest-time", &p->require_earliest_time },
		{ "ak-name", &p->require_ak_name },
		{ "confidential", &p->require_confidential },
		{ "revocation-state", &p->require_revocation_state },
	};
	size_t which;
	enum ac_err e = rule_choose(x, i++, &which, rows, AC_COUNT(rows),
	    sizeof(rows[0]));

	(void)out;
	if (e == AC_OK && rows[which].flag == &p->require_revocation_state)
		e = take_age(x, i++, &p->revocation_state_s);
	if (e == AC_OK)
		*rows[which].flag = true;
	return e != AC_OK ? e : rule_end(x, i);
}
