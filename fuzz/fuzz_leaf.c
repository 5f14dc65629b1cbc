/*
 * Leaves of a log: what is read is what the encoder writes, and nothing else.
 */
#include "cert/leaf.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span body = span_of(data, size);
	struct buf again = { 0 };
	struct leaf l;

	if (leaf_decode(&l, body) != AC_OK)
		return 0;
	fuzz_must(leaf_encode(&again, &l.d, span_of(l.sig, l.siglen),
	    &l.key) == AC_OK);
	fuzz_must(span_equal(buf_span(&again), body));
	buf_free(&again);
	return 0;
}
