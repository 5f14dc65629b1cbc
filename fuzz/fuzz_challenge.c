/*
 * Answers to a challenge: what is understood is written again as the same
 * bytes, where it was written by us.
 */
#include "cert/evidence.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct evidence ev = { .has_gpu = false }, again = { .has_gpu = false };
	struct digest image = { { 0 } };
	struct buf text = { 0 };
	bool has;

	if (evidence_decode_challenge(&ev, &has, &image, span_of(data, len)) !=
	    AC_OK)
		return 0;
	if (ev.nchain < 2 || ev.nchain > AK_CHAIN_MAX)
		abort();
	if (evidence_encode_challenge(&text, &ev, has ? &image : NULL) !=
	    AC_OK)
		abort();
	if (evidence_decode_challenge(&again, &has, &image,
	    buf_span(&text)) != AC_OK)
		abort();
	buf_free(&text);
	evidence_free(&ev);
	evidence_free(&again);
	return 0;
}
