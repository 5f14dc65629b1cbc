/*
 * http.h -- the one door to libmicrohttpd: requests in, replies out.
 *
 * No thread of the network waits: a request whose reply is not at hand is
 * suspended and resumes when somebody has it.  Deadlines are our own, since
 * the library's one counts from the last byte and can be fed for ever:
 * headers have 10 s, bodies and replies 30 s and their size at 64 KiB/s.
 * Who is refused before the body hears that a second later, unread: to send
 * it all again at once then costs the sender a connection, and us nothing.
 * Replies that stay true are kept whole and given again without being made.
 */
#ifndef AICERT_REGISTRY_HTTP_H
#define AICERT_REGISTRY_HTTP_H

#include "registry/bucket.h"
#include "registry/route.h"
#include "registry/work.h"

struct MHD_Connection;
struct http;

/* One request and its reply; owned by http.c. */
struct http_exchange {
	struct route route;
	struct buf body;       /* of ROUTE_SUBMIT */
	struct reply reply;    /* filled by whoever answers */
	void *unit;            /* free for whoever answers */
	struct work_item item; /* likewise; its subject is the exchange */

	/* http.c's own */
	struct http *http;
	struct MHD_Connection *connection;
	const char *method;
	char *target;
	size_t targetlen;
	enum { HTTP_HEAD, HTTP_HELD, HTTP_BODY, HTTP_WAITING,
	    HTTP_REPLIED } stage;
	struct http_exchange *next; /* of those that are held */
	int64_t held_until_ms;
	bool refused;          /* before the body's end; the rest is dropped */
	bool counted;          /* among those that are being answered */
	bool gzip;             /* the client takes it */
	bool reads;            /* GET or HEAD without a body */
	const char *range;     /* the Range of a GET, or NULL */
	size_t reserved;       /* of the memory for bodies */
	size_t bodylen;        /* that was announced */
	int64_t began_us;      /* when its headers were there */
	unsigned status, problem; /* of the reply that was sent */
};

struct http_limits {
	unsigned connections;  /* open at once */
	unsigned per_address;  /* of them from one address */
	struct bucket_options bucket;
};

struct http_options {
	int listen_fd;  /* bound and listening; http.c closes it */
	unsigned nthreads;
	struct http_limits limits;
	/*
	 * A whole request is there; neither may wait.  at_once() fills the
	 * reply where that costs nothing and says whether it did; else take()
	 * takes the exchange, for which http_answer() will be called.
	 */
	bool (*at_once)(void *arg, struct http_exchange *x);
	void (*take)(void *arg, struct http_exchange *x);
	/* The number of the published head, for replies that it makes stale. */
	uint64_t (*generation)(void *arg);
	/* A request was answered, us after its headers were there. */
	void (*answered)(void *arg, const struct http_exchange *x, uint64_t us);
	void *arg;
};

AC_MUST_CHECK enum ac_err http_start(struct http **out,
    const struct http_options *o, struct message *why);

/*
 * The reply of a taken exchange is filled.  From any thread, also within
 * take().
 */
void http_answer(struct http_exchange *x);

/*
 * Close connections that are past their deadline, and let go those that were
 * held long enough; to be called every second.
 */
void http_reap(struct http *h);

/* What is counted of connections. */
struct http_counts {
	unsigned open;
	uint64_t accepted, overdue;
	size_t body_bytes;
};

struct http_counts http_count(struct http *h);

/*
 * Answer new requests with 503 from now on, and wait until those at hand are
 * answered or grace_ms have passed.
 */
void http_drain(struct http *h, unsigned grace_ms);

/* Close everything and free *h; nothing may be taken any more. */
void http_stop(struct http *h);

#endif
