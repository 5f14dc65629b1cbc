/* submission.c -- add-checkpoint requests; see submission.h. */
#include "auditor/submission.h"
#include "common/reader.h"
#include "common/text.h"

#define OLD "old "

enum ac_err
submission_parse(struct submission *out, struct span body)
{
	struct submission s = { .nproof = 0 };
	struct reader r = rd_of(body), first;
	struct span line, word;

	if (body.len > SUBMISSION_MAX)
		return AC_ERR_LIMIT;
	if (!rd_line(&r, &line))
		return AC_ERR_FORMAT;
	first = rd_of(line);
	if (!rd_take(&first, &word, strlen(OLD)) || !span_is(word, OLD) ||
	    !text_undec(&s.old, first.left, MERKLE_SIZE_MAX))
		return AC_ERR_FORMAT;
	for (;;) {
		if (!rd_line(&r, &line))
			return AC_ERR_FORMAT;
		if (line.len == 0)
			break;
		if (s.nproof == SUBMISSION_PROOF_MAX ||
		    !text_unbase64_exact(s.proof[s.nproof].b,
		    sizeof(s.proof[0].b), line))
			return AC_ERR_FORMAT;
		s.nproof++;
	}
	s.note = r.left;
	*out = s;
	return AC_OK;
}
