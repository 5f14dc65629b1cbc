/*
 * Bundles: what is read is written as one line, which is read as the same
 * bundle and written as the same bytes.
 */
#include "cert/bundle.h"
#include "fuzz/fuzz.h"

static struct buf
line_of(const struct bundle *b)
{
	struct buf line = { 0 };
	struct writer w;

	wr_init(&w, SIZE_MAX / 4);
	bundle_write(&w, b);
	fuzz_must(wr_end(&w, &line) == AC_OK);
	return line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle b = { 0 }, again = { 0 };
	struct buf line, second;

	if (bundle_decode(&b, span_of(data, size), STATEMENT_MAX) != AC_OK)
		return 0;
	line = line_of(&b);
	fuzz_must(bundle_decode(&again, buf_span(&line), STATEMENT_MAX) ==
	    AC_OK);
	second = line_of(&again);
	fuzz_must(span_equal(buf_span(&line), buf_span(&second)));
	buf_free(&second);
	buf_free(&line);
	bundle_free(&again);
	bundle_free(&b);
	return 0;
}
