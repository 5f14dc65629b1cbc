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

struct reply {
	unsigned status;
	const char *type;   /* Content-Type */
	const char *cache;  /* Cache-Control */
	const char *allow;  /* Allow, or NULL */
	const char *policy; /* Content-Security-Policy, or NULL */
	unsigned retry_after_s; /* 0: no such header */
	struct buf body;    /* owned */
	bool is_file;       /* the body is bytes bytes of the file fd */
	int fd;             /* owned where is_file */
	uint64_t bytes;
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
