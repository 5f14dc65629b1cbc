/*
 * steps_ak.c -- steps 8 and 9: whose word it is that the attestation key is
 * restricted to a TPM, and what the key states of itself.
 */
#include "verifier/check.h"
#include "verifier/steps.h"

/* May this AK's machine be: no vm lines, or one that names it. */
static bool
vm_is_listed(const struct policy *p, const struct digest *spki)
{
	for (size_t i = 0; i < p->nvm; i++)
		if (digest_equal(&p->vm[i], spki))
			return true;
	return p->nvm == 0;
}

/*
 * The reports of a confidential VM, where there are any: all that is there
 * must be right, whoever is trusted.  *what is what they show.
 */
static enum verify_status
check_reports(struct verification *v, int64_t at, struct message *what)
{
	const struct evidence *ev = &v->cert.evidence;
	struct snp report;

	message_set(what, "%s", "");
	if (ev->hcl.len == 0) {
		if (CHECK(hcl_there, ev->snp.len == 0 && ev->tdx.len == 0))
			return VERIFY_OK;
		return BECAUSE(what, VERIFY_FAILED, "an SNP report or TDX "
		    "quote without the HCL report that would bind it to the "
		    "AK");
	}
	if (hcl_parse(&v->hcl, buf_span(&ev->hcl), what) != AC_OK)
		return VERIFY_FAILED;
	v->has_hcl = true;
	if (ev->tdx.len > 0 && hcl_check_td_quote(&v->hcl,
	    buf_span(&ev->tdx), what) != AC_OK)
		return VERIFY_FAILED;
	if (ev->snp.len == 0)
		return BECAUSE(what, VERIFY_OK, ev->tdx.len > 0 ? "HCL report; "
		    "TDX quote present and bound, not verified" : "HCL report, "
		    "whose hardware report is not verified");
	if (!CHECK(hcl_has_snp, v->hcl.kind == HCL_SNP &&
	    span_equal(v->hcl.hardware, buf_span(&ev->snp))))
		return BECAUSE(what, VERIFY_FAILED, "the SNP report is not the "
		    "HCL report's");
	if (snp_parse(&report, buf_span(&ev->snp), what) != AC_OK ||
	    snp_check(&v->snp, &report, ev->snp_chain, SNP_CHAIN_LEN, at,
	    what) != AC_OK)
		return VERIFY_FAILED;
	v->has_snp = true;
	memcpy(v->id_key, report.id_key_digest.p, sizeof(v->id_key));
	message_set(what, "SEV-SNP %s, TCB ",
	    snp_product_name(v->snp.product));
	if (v->snp.product == SNP_TURIN)
		message_add(what, "%u.", v->snp.tcb.fmc);
	message_add(what, "%u.%u.%u.%u", v->snp.tcb.bootloader,
	    v->snp.tcb.tee, v->snp.tcb.snp, v->snp.tcb.microcode);
	return VERIFY_OK;
}

/* The policy's AMD root that vouches for the SNP report, or NULL. */
static const struct policy_ak_root *
root_of_snp(const struct verification *v, struct message *what)
{
	const struct policy_ak_root *root;
	bool listed = false;

	if (!v->has_snp)
		return NULL;
	root = policy_ak_root_by(v->policy, &v->snp.root);
	if (root == NULL || !root->snp) {
		message_add(what, ", whose root the policy does not name");
		return NULL;
	}
	for (size_t i = 0; i < root->nid_key; i++)
		listed = listed || ac_equal(root->id_key[i], v->id_key,
		    sizeof(v->id_key));
	if (!CHECK(snp_id_key, listed)) {
		message_add(what, ", running what no id-key of %s signed",
		    root->name.s);
		return NULL;
	}
	if (!CHECK(snp_floor, snp_tcb_reaches(&v->snp.tcb, &root->floor))) {
		message_add(what, ", below the TCB that %s asks for",
		    root->name.s);
		return NULL;
	}
	message_add(what, " under %s", root->name.s);
	return root;
}

/*
 * Either kind of root will do where both are named; `require confidential`
 * asks for AMD's, and then for the CA's too where one is named.
 */
static bool
roots_suffice(const struct policy *p, const struct policy_ak_root *ca,
    const struct policy_ak_root *amd)
{
	bool names_ca = false;

	for (size_t i = 0; i < p->nak_root; i++)
		names_ca = names_ca || !p->ak_root[i].snp;
	if (p->require_confidential)
		return amd != NULL && (ca != NULL || !names_ca);
	return ca != NULL || amd != NULL;
}

static const char *
machine_name(enum akcert_machine m)
{
	return m == AKCERT_CONFIDENTIAL_VM ? ", ConfidentialVM" :
	    m == AKCERT_TRUSTED_VM ? ", TrustedVM" : "";
}

enum verify_status
steps_ak_chain(struct verification *v, struct message *why)
{
	const struct evidence *ev = &v->cert.evidence;
	struct digest der = chain_root(ev->chain, ev->nchain);
	const struct policy_ak_root *ca = policy_ak_root_by(v->policy, &der);
	const struct policy_ak_root *amd;
	int64_t at = CHAIN_NO_TIME;
	struct message what;

	if (v->judged.known)
		at = v->judged.unix_s;
	else if (v->mode != VERIFY_MODE_LOGGED)
		at = v->unlogged_s;
	else if (v->logged[1].known)
		at = v->logged[1].unix_s;
	if (ca != NULL && ca->snp)
		ca = NULL;
	v->root = ca;
	v->simulated = ca != NULL && ca->simulated;
	if (akcert_check(&v->ak, ev->chain, ev->nchain, ca == NULL ?
	    "2.23.133.8.3" : ca->eku, ca == NULL ? "" : ca->policy, at, why) !=
	    AC_OK)
		return VERIFY_FAILED;
	if (check_reports(v, at, &what) != VERIFY_OK) {
		*why = what;
		return VERIFY_FAILED;
	}
	amd = root_of_snp(v, &what);
	if (ca != NULL) {
		message_set(why, "%sroot %s%s", ca->simulated ? "SIMULATED " :
		    "", ca->name.s, machine_name(v->ak.machine));
	} else {
		message_set(why, "root %s is not in the policy",
		    message_digest(&der).text);
		v->root = amd;
	}
	if (what.text[0] != '\0')
		message_add(why, "; %s", what.text);
	if (!CHECK(root_known, roots_suffice(v->policy, ca, amd))) {
		if (v->policy->require_confidential)
			message_add(why, "; the policy requires a confidential "
			    "VM");
		return VERIFY_NOT_ACCEPTED;
	}
	if (!CHECK(vm, vm_is_listed(v->policy, &v->ak.spki))) {
		message_add(why, "; the AK %s is on no vm line",
		    message_digest(&v->ak.spki).text);
		return VERIFY_NOT_ACCEPTED;
	}
	if (!CHECK(chain_time, at != CHAIN_NO_TIME)) {
		message_add(why, "; validity not judged: no inclusion time");
		return VERIFY_NOT_ACCEPTED;
	}
	message_add(why, "; valid until %s",
	    message_time(v->ak.not_after_s).text);
	return VERIFY_OK;
}

enum verify_status
steps_ak_public(struct verification *v, struct message *why)
{
	struct quote_public *k = &v->ak_public;

	if (quote_parse_public(k, buf_span(&v->cert.evidence.ak_public), why) !=
	    AC_OK || quote_check_attributes(k, why) != AC_OK)
		return VERIFY_FAILED;
	if (quote_check_spki(k, &v->ak.spki, why) != AC_OK)
		return VERIFY_FAILED;
	if (!CHECK(hcl_ak, !v->has_hcl ||
	    hcl_names_ak(&v->hcl, k->modulus)))
		return BECAUSE(why, VERIFY_FAILED, "the HCL report names "
		    "another AK");
	return BECAUSE(why, VERIFY_OK, "as stated by the AK's public area%s",
	    v->has_hcl ? "; the HCL report names it" : "");
}
