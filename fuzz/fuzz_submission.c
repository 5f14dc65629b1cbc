/*
 * Requests to a witness: what is read is written back as the same bytes, so
 * each request has one encoding.
 */
#include "auditor/submission.h"
#include "common/writer.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span body = span_of(data, size);
	struct buf again = { 0 };
	struct submission s;
	struct writer w;

	if (submission_parse(&s, body) != AC_OK)
		return 0;
	fuzz_must(s.nproof <= SUBMISSION_PROOF_MAX);
	wr_init(&w, SUBMISSION_MAX);
	wr_str(&w, "old ");
	wr_dec(&w, s.old);
	wr_u8(&w, '\n');
	for (size_t i = 0; i < s.nproof; i++) {
		wr_base64(&w, span_digest(&s.proof[i]));
		wr_u8(&w, '\n');
	}
	wr_u8(&w, '\n');
	wr_bytes(&w, s.note);
	fuzz_must(wr_end(&w, &again) == AC_OK);
	fuzz_must(span_equal(buf_span(&again), body));
	buf_free(&again);
	return 0;
}
