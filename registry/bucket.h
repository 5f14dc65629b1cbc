/*
 * bucket.h -- how much one address may ask: a token bucket for each, in a
 * table of fixed size.  The clock is an argument; nothing here waits.
 */
#ifndef AICERT_REGISTRY_BUCKET_H
#define AICERT_REGISTRY_BUCKET_H

#include "common/bytes.h"
#include "common/err.h"

struct sockaddr;
struct bucket;

struct bucket_options {
	unsigned rate;  /* requests a second; 0: no limit */
	unsigned burst; /* that a rested address may send at once, >= 1 */
	bool loopback;  /* count this machine's own addresses, too */
};

AC_MUST_CHECK enum ac_err bucket_new(struct bucket **out,
    const struct bucket_options *o);
void bucket_free(struct bucket *b);

/*
 * One request from that address at now_ms.  0: it may be answered; else so
 * many seconds are left until the next may.  An IPv6 network of 64 bits is
 * one address; one of another family is not limited.
 */
unsigned bucket_take(struct bucket *b, const struct sockaddr *from,
    int64_t now_ms);

#endif
