/*
 * SNP reports, then the three certificates of their chain, each after its
 * length in 16 bits.
 */
#include "common/reader.h"
#include "fuzz/fuzz.h"
#include "verifier/chain.h"
#include "verifier/snp.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = rd_of(span_of(data, size));
	struct buf der[SNP_CHAIN_LEN] = { { 0 } };
	struct snp_signer by;
	struct message why;
	struct span s;
	struct snp report;
	size_t n = 0;

	if (!rd_take(&r, &s, SNP_REPORT_LEN) ||
	    snp_parse(&report, s, &why) != AC_OK)
		return 0;
	fuzz_must(report.version >= 2 && report.version <= 5);
	fuzz_must(report.signed_part.len + report.r.len + report.s.len + 368 ==
	    SNP_REPORT_LEN);
	for (; n < SNP_CHAIN_LEN && rd_take_be16(&r, &s, CERT_DER_MAX); n++)
		if (buf_copy(&der[n], s) != AC_OK)
			break;
	if (snp_check(&by, &report, der, n, CHAIN_NO_TIME, &why) == AC_OK)
		fuzz_must(snp_tcb_reaches(&by.tcb, &by.tcb) &&
		    report.vmpl == 0);
	for (size_t i = 0; i < n; i++)
		buf_free(&der[i]);
	return 0;
}
