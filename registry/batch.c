/* batch.c -- many certificates in one request; see batch.h. */
#include <stdlib.h>

#include "registry/batch.h"
#include "registry/problem.h"

#define ANSWER_MAX (4 * BATCH_BODY_MAX) /* entries and proofs are added */

enum ac_err
batch_parse(struct batch **out, struct span body)
{
	struct json_doc doc = { 0 };
	struct batch *b = NULL;
	struct json array;
	size_t n;
	enum ac_err e = json_parse(&doc, body);

	if (e != AC_OK)
		return e;
	array = json_root(&doc);
	n = json_count(array);
	e = json_is_array(array) && n > 0 ? n > BATCH_MAX ? AC_ERR_LIMIT :
	    AC_OK : AC_ERR_FORMAT;
	if (e != AC_OK)
		goto out;
	e = AC_ERR_MEMORY;
	b = calloc(1, sizeof(*b) + n * sizeof(b->item[0]));
	if (b == NULL)
		goto out;
	e = AC_ERR_FORMAT;
	for (struct json j = json_first(array); json_present(j);
	    j = json_next(j)) {
		b->item[b->n].batch = b;
		if (!json_string(j, &b->item[b->n].jsonl))
			goto out;
		b->n++;
	}
	atomic_init(&b->waiting, n + 1);
	b->doc = doc;
	doc = (struct json_doc){ 0 }; /* transferred */
	*out = b;
	b = NULL; /* transferred */
	e = AC_OK;
out:
	free(b);
	json_free(&doc);
	return e;
}

void
batch_free(struct batch *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->n; i++) {
		unit_free(b->item[i].unit);
		reply_free(&b->item[i].reply);
	}
	json_free(&b->doc);
	free(b);
}

bool
batch_is_last(struct batch *b)
{
	return atomic_fetch_sub(&b->waiting, 1) == 1;
}

void
batch_reply(struct batch *b, struct reply *out)
{
	struct buf body = { 0 };
	struct writer w;

	wr_init(&w, ANSWER_MAX);
	for (size_t i = 0; i < b->n; i++) {
		struct span said = buf_span(&b->item[i].reply.body);
		unsigned status = b->item[i].reply.status;

		wr_printf(&w, "%s{\"status\":%u,\"%s\":", i == 0 ? "[" : ",",
		    status, status == 200 ? "certificate" : "problem");
		if (status == 200)
			wr_json(&w, said);
		else if (said.len > 1) /* a document without its line feed */
			wr_bytes(&w, span_of(said.p, said.len - 1));
		else
			wr_str(&w, "null");
		wr_u8(&w, '}');
	}
	wr_str(&w, "]\n");
	if (wr_end(&w, &body) == AC_OK)
		*out = reply_ok("application/json", REPLY_NEVER, body);
	else
		problem_reply(out, PROBLEM_BUSY, "There is no memory for the "
		    "answer; what was logged keeps its index, post again in "
		    "smaller batches.", NULL);
}
