/*
 * door.h -- a door to libmicrohttpd for servers of few clients: small requests
 * in, replies out, each answered where it arrives.  The registry, which serves
 * many at once, has its own.
 *
 * Headers and body have DOOR_REQUEST_S in all, whatever drips in; a body over
 * the cap is refused before it is read where it says its length, and cut off
 * where it does not.  With a key the door speaks TLS 1.3 and nothing older.
 */
#ifndef AICERT_COMMON_DOOR_H
#define AICERT_COMMON_DOOR_H

#include <sys/types.h>

#include "common/message.h"
#include "common/writer.h"

#define DOOR_REQUEST_S 15 /* to send a request, or to take its reply */
#define DOOR_IDLE_S 60    /* between two requests of a connection */
#define DOOR_HEADERS_MAX 6
#define DOOR_VALUE_MAX 256

struct door;

struct door_request {
	const char *method, *target; /* target as it was sent */
	struct span body;
	struct MHD_Connection *connection; /* private */
};

/* The value of a header that came once; NULL: none, or more than one. */
const char *door_header(const struct door_request *r, const char *name);

/* A header of a reply; name is of our own text. */
struct door_header {
	const char *name;
	char value[DOOR_VALUE_MAX];
};

/*
 * A body that is made while it is sent.  read() fills to[0..max) with some
 * bytes from position at on, and may take its time where the door has a thread
 * for each connection; 0: no more, negative: it broke off.  end() is called
 * once, whatever happened.
 */
struct door_source {
	ssize_t (*read)(void *arg, uint64_t at, char *to, size_t max);
	void (*end)(void *arg);
	void *arg;
	uint64_t bytes; /* of the whole; UINT64_MAX: nobody knows */
};

struct door_reply {
	unsigned status;
	const char *type;   /* Content-Type */
	const char *cache;  /* Cache-Control, or NULL */
	const char *allow;  /* Allow, or NULL */
	unsigned retry_after_s; /* 0: no such header */
	struct door_header header[DOOR_HEADERS_MAX];
	size_t nheaders;
	struct buf body;    /* handed over */
	struct door_source source; /* where read is set, in place of body */
};

struct door_options {
	int listen_fd;      /* bound and listening; the door closes it */
	unsigned nthreads;  /* 0: one for each connection */
	unsigned connections, per_address; /* at once; 0: as many as it can */
	size_t body_max;
	const char *key, *certificate; /* PEM, for TLS; NULL: without */
	/*
	 * The headers are there and no body is yet: false refuses with *out.
	 * May lower *body_max for this request.  NULL: all may go on.
	 */
	bool (*head)(void *arg, struct door_reply *out,
	    const struct door_request *r, size_t *body_max);
	/* Fill *out for a body over its cap; NULL: an empty reply of 413. */
	void (*too_large)(void *arg, struct door_reply *out);
	/* Fill *out; called from any of the threads. */
	void (*answer)(void *arg, struct door_reply *out,
	    const struct door_request *r);
	void *arg;
};

AC_MUST_CHECK enum ac_err door_open(struct door **out,
    const struct door_options *o, struct message *why);

/* Close connections that are past their deadline; call it every second. */
void door_reap(struct door *d);

/* Take no new connection, answer what is at hand, close. */
void door_close(struct door *d);

#endif
