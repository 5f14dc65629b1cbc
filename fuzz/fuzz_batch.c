/*
 * The body of a POST of many certificates: each is admitted or refused with a
 * whole problem document, and the answer is one array with a verdict for each.
 * What does not begin as an array is one certificate.
 */
#include "fuzz/fuzz.h"
#include "registry/admit.h"
#include "registry/batch.h"

/* Judge one certificate as the server does before it has an index. */
static struct unit *
judge(struct admit *a, struct reply *reply, struct span jsonl)
{
	struct buf same = { 0 };
	struct unit *u = NULL;

	if (!admit_certificate(a, &u, reply, jsonl)) {
		fuzz_must(u == NULL && reply->problem > 0);
		fuzz_must(reply->status >= 400 && reply->status < 500);
		return NULL;
	}
	fuzz_must(u->nlines >= 1);
	for (size_t i = 0; i < u->nlines; i++)
		fuzz_must(u->line[i].statement.len > 0 &&
		    u->line[i].type.len > 0 && u->line[i].nterms > 0);
	fuzz_must(buf_copy(&same, jsonl) == AC_OK);
	*reply = reply_ok("application/jsonl", REPLY_NEVER, same);
	return u;
}

static void
one(struct admit *a, struct span jsonl)
{
	struct reply reply = { 0 };

	unit_free(judge(a, &reply, jsonl));
	reply_free(&reply);
}

static void
many(struct admit *a, struct span body)
{
	struct json_doc doc = { 0 };
	struct reply answer = { 0 };
	struct batch *b = NULL;

	if (batch_parse(&b, body) != AC_OK)
		return;
	fuzz_must(b->n >= 1 && b->n <= BATCH_MAX);
	for (size_t i = 0; i < b->n; i++) {
		b->item[i].unit = judge(a, &b->item[i].reply,
		    b->item[i].jsonl);
		fuzz_must(!batch_is_last(b));
	}
	fuzz_must(batch_is_last(b));
	batch_reply(b, &answer);
	fuzz_must(answer.status == 200);
	fuzz_must(json_parse(&doc, buf_span(&answer.body)) == AC_OK);
	fuzz_must(json_is_array(json_root(&doc)));
	fuzz_must(json_count(json_root(&doc)) == b->n);
	json_free(&doc);
	reply_free(&answer);
	batch_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct admit_options o = { .evidence = false };
	struct admit *a = NULL;

	if (size == 0 || admit_new(&a, &o) != AC_OK)
		return 0;
	if (data[0] == '[')
		many(a, span_of(data, size));
	else
		one(a, span_of(data, size));
	admit_free(a);
	return 0;
}
