/*
 * Statements of lines 1 and 2: evidence that is read is written, read and
 * written again as the same bytes; a view of provenance is within bounds.
 */
#include "cert/evidence.h"
#include "cert/provenance.h"
#include "fuzz/fuzz.h"

static void
evidence(const struct statement *s)
{
	struct evidence ev = { 0 }, again = { 0 };
	struct statement st = { 0 };
	struct buf b = { 0 }, second = { 0 };
	bool others;

	if (evidence_decode(&ev, s) != AC_OK)
		return;
	/* Reports that are not read are not written either. */
	others = ev.has_gpu;
	if (evidence_encode(&b, &ev) == AC_OK) {
		fuzz_must(statement_decode(&st, buf_span(&b)) == AC_OK);
		fuzz_must(evidence_decode(&again, &st) == AC_OK);
		fuzz_must(evidence_encode(&second, &again) == AC_OK);
		fuzz_must(span_equal(buf_span(&b), buf_span(&second)));
		fuzz_must(others ||
		    json_count(st.predicate) == json_count(s->predicate));
		statement_free(&st);
		evidence_free(&again);
	}
	buf_free(&second);
	buf_free(&b);
	evidence_free(&ev);
}

static void
provenance(const struct statement *s)
{
	struct provenance_view v;

	if (provenance_view(&v, s) != AC_OK)
		return;
	fuzz_must(request_check(v.external));
	fuzz_must(json_present(v.weights));
	fuzz_must(json_count(s->subjects) <= SUBJECTS_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct statement s = { 0 };

	if (statement_decode(&s, span_of(data, size)) != AC_OK)
		return 0;
	evidence(&s);
	provenance(&s);
	statement_free(&s);
	return 0;
}
