/*
 * steps_ak.c -- steps 8 and 9: whose word it is that the attestation key is
 * restricted to a TPM, and what the key states of itself.
 */
#include "common/time.h"
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

enum verify_status
steps_ak_chain(struct verification *v, int64_t unlogged_s, struct message *why)
{
	static const struct policy_ak_root anybody = { .eku = "2.23.133.8.3" };
	const struct evidence *ev = &v->cert.evidence;
	struct digest der = chain_root(ev->chain, ev->nchain);
	const struct policy_ak_root *root = policy_ak_root_by(v->policy, &der);
	char until[TIME_RFC3339_LEN + 1];
	int64_t at = CHAIN_NO_TIME;

	if (v->judged.known)
		at = v->judged.unix_s;
	else if (v->mode == VERIFY_MODE_UNLOGGED)
		at = unlogged_s;
	else if (v->logged[1].known)
		at = v->logged[1].unix_s;
	v->root = root;
	v->simulated = root != NULL && root->simulated;
	if (root == NULL)
		root = &anybody;
	if (akcert_check(&v->ak, ev->chain, ev->nchain, root->eku,
	    root->policy, at, why) != AC_OK)
		return VERIFY_FAILED;
	if (!CHECK(root_known, v->root != NULL)) {
		message_set(why, "root ");
		message_add_digest(why, &der);
		message_add(why, " is not in the policy");
		return VERIFY_NOT_ACCEPTED;
	}
	message_set(why, "%sroot %s", root->simulated ? "SIMULATED " : "",
	    root->name.s);
	if (!CHECK(vm, vm_is_listed(v->policy, &v->ak.spki))) {
		message_add(why, "; the AK ");
		message_add_digest(why, &v->ak.spki);
		message_add(why, " is on no vm line");
		return VERIFY_NOT_ACCEPTED;
	}
	if (!CHECK(chain_time, at != CHAIN_NO_TIME)) {
		message_add(why, "; validity not judged: no inclusion time");
		return VERIFY_NOT_ACCEPTED;
	}
	if (time_format(until, v->ak.not_after_s) == AC_OK)
		message_add(why, ", valid until %s", until);
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
	message_set(why, "as stated by the AK's public area");
	return VERIFY_OK;
}
