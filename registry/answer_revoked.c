/* answer_revoked.c -- the snapshot of revocations; see answer.h. */
#include <stdlib.h>

#include "cert/revocation.h"
#include "registry/answer_own.h"

#define SNAPSHOT_MAX ((size_t)64 * MIB)
#define AT_ONCE 256 /* revocations looked up together */

/*
 * *index = the newest revocation-state below size that the registry itself
 * made; others may stand among further lines.  AC_ERR_NOT_FOUND.
 */
static enum ac_err
find_state(struct answer *a, uint64_t *index, uint64_t size)
{
	struct store_query q = { .ncriteria = 2, .newest_first = true,
		.from = size, .size = size };
	struct store_found found = { 0 };
	uint64_t next = 0;
	bool more = false;
	size_t n = 0;
	enum ac_err e;

	q.criterion[0] = store_term_text(STORE_TYPE,
	    span_str(TYPE_REVOCATION_STATE));
	q.criterion[1] = store_term_builder(&a->log->own);
	e = store_search(a->store, &found, &n, 1, &more, &next, &q);
	if (e == AC_OK && n == 0)
		e = AC_ERR_NOT_FOUND;
	if (e == AC_OK)
		*index = found.index;
	if (n > 0)
		buf_free(&found.type);
	return e;
}

/* How many revocations the state at index counts, and below which size. */
static enum ac_err
read_state(struct answer *a, uint64_t *size, uint64_t *count, uint64_t index)
{
	struct store_row row = { 0 };
	struct revocation state = { 0 };
	enum ac_err e = store_row(a->store, &row, index);

	if (e == AC_OK && revocation_decode(&state, buf_span(&row.statement)) !=
	    AC_OK)
		e = AC_ERR_IO;
	if (e == AC_OK) {
		*size = state.tree_size;
		*count = state.count;
		revocation_free(&state);
	}
	store_row_free(&row);
	return e;
}

/* Append the line of every revocation below size; there are count. */
static enum ac_err
write_counted(struct answer *a, struct writer *w, uint64_t size, uint64_t count)
{
	uint64_t index[AT_ONCE], from = 0, written = 0;
	size_t n = AT_ONCE;
	enum ac_err e = AC_OK;

	while (e == AC_OK && n == AT_ONCE) {
		e = store_of_type(a->store, index, &n, AT_ONCE,
		    TYPE_REVOCATION, from, size);
		for (size_t i = 0; e == AC_OK && i < n; i++) {
			e = answer_line(a, w, index[i]);
			from = index[i] + 1;
			written++;
		}
	}
	/* A list that its own digest would not cover is of no use. */
	return e == AC_OK && written != count ? AC_ERR_IO : e;
}

void
answer_revocations(struct answer *a, struct reply *out)
{
	uint64_t generation = published_generation(a->log->published);
	uint64_t index = 0, size = 0, count = 0;
	struct writer w;
	enum ac_err e = find_state(a, &index, answer_size(a));

	if (e == AC_ERR_NOT_FOUND) {
		problem_reply(out, PROBLEM_NOT_FOUND, "The log has no state of "
		    "its revocations yet.", NULL);
		return;
	}
	wr_init(&w, SNAPSHOT_MAX);
	if (e == AC_OK)
		e = read_state(a, &size, &count, index);
	if (e == AC_OK)
		e = answer_line(a, &w, index);
	if (e == AC_OK)
		e = write_counted(a, &w, size, count);
	answer_finish(out, &w, e == AC_ERR_NOT_FOUND || e == AC_ERR_MISMATCH ?
	    AC_ERR_IO : e, JSONL, REPLY_FRESH);
	if (out->status == 200) {
		out->keep = REPLY_IN_HEAD;
		out->generation = generation;
	}
}
