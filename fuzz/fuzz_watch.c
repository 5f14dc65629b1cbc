/*
 * Watch lists: whatever is read is bounded, has labels, and matches without
 * harm a statement that says nothing.
 */
#include "auditor/watch.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct statement none = { .predicate = { NULL } };
	struct watch_hits hits = { { 0 } };
	struct facts f = { .kind = FACTS_PROVENANCE };
	struct watch *w = NULL;
	struct message why;

	if (watch_new(&w) != AC_OK)
		return 0;
	if (watch_add(w, span_of(data, size), &why) == AC_OK) {
		fuzz_must(watch_count(w) <= WATCH_LINES_MAX);
		for (size_t i = 0; i < watch_count(w); i++)
			fuzz_must(watch_label(w, i)[0] != '\0' &&
			    strlen(watch_label(w, i)) <= WATCH_WORD_MAX);
		watch_match(w, &hits, &f, &none);
		watch_match_facts(w, &hits, &f);
	}
	watch_free(w);
	return 0;
}
