/*
 * reply.h -- one HTTP answer as a value, before any HTTP library sees it.
 */
#ifndef AICERT_REGISTRY_REPLY_H
#define AICERT_REGISTRY_REPLY_H

#include <unistd.h>

#include "common/writer.h"

/* Values of Cache-Control. */
#define REPLY_FOREVER "public, max-age=31536000, immutable"
#define REPLY_SHORT "public, max-age=300"
#define REPLY_FRESH "no-cache"
#define REPLY_NEVER "no-store"

#define REPLY_TAG_MAX 24 /* bytes of an entity tag with its quotes and NUL */
#define REPLY_RANGE_MAX 80 /* of a Content-Range with its NUL */

/* How long the same target has the same answer. */
enum reply_keep {
	REPLY_ONCE,    /* ask again each time */
	REPLY_IN_HEAD, /* until the next head is published */
	REPLY_ALWAYS,
};

struct reply {
	unsigned status;
	unsigned problem;   /* 1 + its number where it is a refusal, else 0 */
	const char *type;   /* Content-Type */
	const char *cache;  /* Cache-Control */
	const char *allow;  /* Allow, or NULL */
	const char *policy; /* Content-Security-Policy, or NULL */
	const char *encoding; /* Content-Encoding, or NULL */
	bool varies;        /* with Accept-Encoding */
	enum reply_keep keep;
	uint64_t generation; /* of the head, where it counts */
	char tag[REPLY_TAG_MAX]; /* entity tag, or "" */
	bool ranges;        /* a part of it may be asked for */
	char range[REPLY_RANGE_MAX]; /* Content-Range, or "" */
	unsigned retry_after_s; /* 0: no such header */
	struct buf body;    /* owned */
	bool is_file;       /* the body is bytes bytes at first of file fd */
	int fd;             /* owned where is_file */
	uint64_t first, bytes;
};

static inline void
reply_free(struct reply *r)
{
	buf_free(&r->body);
	if (r->is_file)
		(void)close(r->fd);
	r->is_file = false;
}

/* A 200 that takes over body. */
static inline struct reply
reply_ok(const char *type, const char *cache, struct buf body)
{
	return (struct reply){ .status = 200, .type = type, .cache = cache,
		.body = body };
}

#endif
