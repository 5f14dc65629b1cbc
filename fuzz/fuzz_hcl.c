/*
 * HCL reports, and TDX quotes: of a report that is parsed the hardware's part
 * lies within it, and no more than zeros follow the claims.
 */
#include "fuzz/fuzz.h"
#include "verifier/hcl.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hcl zero = { .kind = HCL_TDX };
	struct message why;
	struct hcl h;

	(void)!hcl_check_td_quote(&zero, span_of(data, size), &why);
	if (hcl_parse(&h, span_of(data, size), &why) != AC_OK)
		return 0;
	fuzz_must(h.hardware.p == data + 32 && h.hardware.len <= 1184);
	fuzz_must(h.kind == HCL_SNP || h.kind == HCL_TDX);
	fuzz_must(strlen(h.ak_n) <= HCL_N_MAX);
	fuzz_must(!hcl_names_ak(&h, span_of(data, 0)));
	return 0;
}
