/* Image releases: what is read is written again as the same bytes. */
#include "cert/release.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct release r = { 0 };
	struct buf b = { 0 };

	if (release_decode(&r, span_of(data, size)) != AC_OK)
		return 0;
	fuzz_must(release_encode(&b, &r) == AC_OK);
	fuzz_must(span_equal(buf_span(&b), span_of(data, size)));
	buf_free(&b);
	release_free(&r);
	return 0;
}
