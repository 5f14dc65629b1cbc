/*
 * Evidence of split views: what is read can be written and read again, and no
 * input proves anything about a log whose key is not in it.
 */
#include "auditor/split.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The key of RFC 8032's first test vector: nobody signs by it here. */
	static const char keys[] = "log log.example.org+"
	    "99312e1c+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\n"
	    "quorum none\n";
	struct head head[2];
	struct policy *p = NULL;
	struct message why;
	struct buf file = { 0 };
	struct split s, again;
	struct writer w;

	if (split_decode(&s, span_of(data, size)) != AC_OK)
		return 0;
	wr_init(&w, 8 * SPLIT_FILE_MAX);
	split_write(&w, buf_span(&s.note[0]), buf_span(&s.note[1]), s.node,
	    s.n);
	/* Escapes may take more room than they did. */
	if (wr_end(&w, &file) == AC_OK && file.len <= SPLIT_FILE_MAX) {
		fuzz_must(split_decode(&again, buf_span(&file)) == AC_OK);
		fuzz_must(again.n == s.n && span_equal(
		    buf_span(&again.note[0]), buf_span(&s.note[0])));
		split_free(&again);
	}
	buf_free(&file);
	if (policy_parse(&p, span_str(keys), NULL, &why) == AC_OK)
		fuzz_must(split_check(head, &s, p, &why) == AC_ERR_MISMATCH);
	policy_free(p);
	split_free(&s);
	return 0;
}
