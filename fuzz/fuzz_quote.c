/*
 * TPMS_ATTEST, TPMT_PUBLIC and TPMT_SIGNATURE, each after its length in 16
 * bits: what is parsed lies within the input, and the checks that follow take
 * whatever was parsed.
 */
#include "common/reader.h"
#include "fuzz/fuzz.h"
#include "verifier/quote.h"

static bool
within(struct span outer, struct span inner)
{
	return inner.len == 0 || (inner.p >= outer.p &&
	    inner.len <= outer.len &&
	    (size_t)(inner.p - outer.p) <= outer.len - inner.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct digest pcr[16];
	struct reader r = rd_of(span_of(data, size));
	struct span attest, public, signature;
	struct quote_public k;
	struct message why;
	struct quote q;

	if (!rd_take_be16(&r, &attest, 4096) ||
	    !rd_take_be16(&r, &public, 4096) ||
	    !rd_take_be16(&r, &signature, 4096))
		return 0;
	if (quote_parse(&q, attest, &why) == AC_OK) {
		fuzz_must(within(attest, q.qualified_signer) &&
		    within(attest, q.extra_data) &&
		    within(attest, q.pcr_digest) && q.pcrs <= 0xffffff);
	} else {
		q = (struct quote){ 0 };
	}
	if (quote_parse_public(&k, public, &why) != AC_OK)
		return 0;
	fuzz_must(within(public, k.modulus) && within(public, k.x) &&
	    within(public, k.y) && k.key_bits >= 256 &&
	    quote_hash_name(&k) != NULL && quote_scheme_name(&k) != NULL);
	(void)!quote_check_attributes(&k, &why);
	(void)!quote_check_pcrs(&q, &k, q.pcrs & 0xffff, pcr, &why);
	(void)!quote_check_spki(&k, &pcr[0], &why);
	(void)!quote_check_signature(attest, signature, &k, &why);
	(void)quote_is_endorsement_primary(&q, &k);
	return 0;
}
