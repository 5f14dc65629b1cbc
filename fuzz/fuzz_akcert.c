/*
 * Chains of certificates, each after its length in 16 bits: one that verifies
 * has a time of validity, and says whom it is for in printable characters.
 */
#include "common/reader.h"
#include "fuzz/fuzz.h"
#include "verifier/akcert.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = rd_of(span_of(data, size));
	struct buf der[AK_CHAIN_MAX + 1] = { { 0 } };
	struct message why;
	struct akcert ak;
	struct span s;
	size_t n = 0;

	for (; n <= AK_CHAIN_MAX && rd_take_be16(&r, &s, CERT_DER_MAX); n++)
		if (buf_copy(&der[n], s) != AC_OK)
			break;
	if (akcert_check(&ak, der, n, "2.23.133.8.3", "", CHAIN_NO_TIME,
	    &why) == AC_OK)
		fuzz_must(n >= 2 && n <= AK_CHAIN_MAX);
	for (size_t i = 0; i < n; i++)
		buf_free(&der[i]);
	return 0;
}
