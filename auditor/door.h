/*
 * door.h -- the auditor's one door to libmicrohttpd: small requests in, small
 * replies out, each answered where it arrives.
 *
 * Headers and body have DOOR_REQUEST_S in all, whatever drips in; a body over
 * the cap is refused before it is read where it says its length, and cut off
 * where it does not.
 */
#ifndef AICERT_AUDITOR_DOOR_H
#define AICERT_AUDITOR_DOOR_H

#include "common/message.h"
#include "common/writer.h"

#define DOOR_REQUEST_S 15 /* to send a request, or to take its reply */
#define DOOR_IDLE_S 60    /* between two requests of a connection */

struct door;

struct door_request {
	const char *method, *target; /* target as it was sent */
	struct span body;
};

struct door_reply {
	unsigned status;
	const char *type;   /* Content-Type */
	const char *cache;  /* Cache-Control, or NULL */
	const char *allow;  /* Allow, or NULL */
	unsigned retry_after_s; /* 0: no such header */
	struct buf body;    /* handed over */
};

struct door_options {
	int listen_fd;      /* bound and listening; the door closes it */
	unsigned nthreads;
	size_t body_max;
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
