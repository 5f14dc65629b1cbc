/*
 * batch.h -- one POST of many certificates: a JSON array of strings in, an
 * array of verdicts out, each as if it had been posted alone.
 */
#ifndef AICERT_REGISTRY_BATCH_H
#define AICERT_REGISTRY_BATCH_H

#include <stdatomic.h>

#include "cert/json.h"
#include "registry/reply.h"
#include "registry/unit.h"

#define BATCH_MAX 1000                       /* certificates in one POST */
#define BATCH_BODY_MAX ((size_t)16 << 20)    /* bytes of it */

struct batch;

/* One certificate of the array and what is said about it. */
struct batch_item {
	struct batch *batch;
	struct span jsonl;  /* borrowed from the batch */
	struct unit *unit;  /* while the sequencer has it; owned after */
	struct reply reply; /* owned */
};

struct batch {
	void *owner;           /* the request */
	struct json_doc doc;
	atomic_size_t waiting; /* items whose verdict is to come, and one */
	size_t n;
	struct batch_item item[];
};

/*
 * Take the array apart.  AC_ERR_FORMAT: it is none of strings, or empty;
 * AC_ERR_LIMIT: more than BATCH_MAX; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err batch_parse(struct batch **out, struct span body);
void batch_free(struct batch *b);

/* One item, or the reading of all, is done; true: it was the last. */
bool batch_is_last(struct batch *b);

/* *out = all the replies of the items as one. */
void batch_reply(struct batch *b, struct reply *out);

#endif
