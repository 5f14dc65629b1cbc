/* door.c -- requests by libmicrohttpd; see door.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "auditor/door.h"
#include "common/text.h"

#define CONNECTIONS_MAX 2048
#define CONNECTIONS_PER_IP_MAX 256
#define CONNECTION_MEMORY ((size_t)16 << 10) /* headers and buffers of one */

/* An open connection and when it must have got on. */
struct connection {
	struct connection *next, **at;
	int fd;
	int64_t deadline_s;
};

struct door {
	struct door_options o;
	struct MHD_Daemon *daemon;
	pthread_mutex_t mutex; /* guards connections */
	struct connection *connections;
};

/* One request. */
struct exchange {
	char *target;
	struct writer body;
	bool begun, replied;
};

static int64_t
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec;
}

static void
set_deadline(struct door *d, struct MHD_Connection *mhd, int64_t s)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *c = info == NULL ? NULL : info->socket_context;

	if (c == NULL)
		return;
	(void)pthread_mutex_lock(&d->mutex);
	c->deadline_s = now_s() + s;
	(void)pthread_mutex_unlock(&d->mutex);
}

void
door_reap(struct door *d)
{
	int64_t now = now_s();

	(void)pthread_mutex_lock(&d->mutex);
	/* The library sees the end of the stream and closes its side. */
	for (struct connection *c = d->connections; c != NULL; c = c->next)
		if (c->deadline_s < now)
			(void)shutdown(c->fd, SHUT_RDWR);
	(void)pthread_mutex_unlock(&d->mutex);
}

static void
on_connection(void *arg, struct MHD_Connection *mhd, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	struct door *d = arg;
	struct connection *c = *context;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		info = MHD_get_connection_info(mhd,
		    MHD_CONNECTION_INFO_CONNECTION_FD);
		c = info == NULL ? NULL : calloc(1, sizeof(*c));
		*context = c;
		if (c == NULL)
			return;
		c->fd = info->connect_fd;
		c->deadline_s = now_s() + DOOR_REQUEST_S;
		(void)pthread_mutex_lock(&d->mutex);
		c->next = d->connections;
		c->at = &d->connections;
		if (c->next != NULL)
			c->next->at = &c->next;
		d->connections = c;
		(void)pthread_mutex_unlock(&d->mutex);
		return;
	}
	if (c == NULL)
		return;
	(void)pthread_mutex_lock(&d->mutex);
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	(void)pthread_mutex_unlock(&d->mutex);
	free(c);
	*context = NULL;
}

static enum MHD_Result
send_reply(struct door *d, struct MHD_Connection *mhd, struct exchange *x,
    struct door_reply *reply)
{
	struct MHD_Response *r;
	enum MHD_Result result;
	char seconds[16];

	x->replied = true;
	if (reply->body.p == NULL)
		r = MHD_create_response_from_buffer(0, NULL,
		    MHD_RESPMEM_PERSISTENT);
	else
		r = MHD_create_response_from_buffer(reply->body.len,
		    reply->body.p, MHD_RESPMEM_MUST_FREE);
	if (r == NULL) {
		buf_free(&reply->body);
		return MHD_NO;
	}
	if (reply->type != NULL)
		(void)MHD_add_response_header(r, "Content-Type", reply->type);
	if (reply->cache != NULL)
		(void)MHD_add_response_header(r, "Cache-Control",
		    reply->cache);
	if (reply->allow != NULL)
		(void)MHD_add_response_header(r, "Allow", reply->allow);
	(void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (reply->retry_after_s > 0) {
		(void)snprintf(seconds, sizeof(seconds), "%u",
		    reply->retry_after_s);
		(void)MHD_add_response_header(r, "Retry-After", seconds);
	}
	set_deadline(d, mhd, DOOR_REQUEST_S);
	result = MHD_queue_response(mhd, reply->status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result
too_large(struct door *d, struct MHD_Connection *mhd, struct exchange *x)
{
	struct door_reply reply = { .status = 413 };

	return send_reply(d, mhd, x, &reply);
}

/* The headers are there. */
static enum MHD_Result
on_head(struct door *d, struct MHD_Connection *mhd, struct exchange *x)
{
	const char *length = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND,
	    "Content-Length");
	uint64_t n;

	x->begun = true;
	wr_init(&x->body, d->o.body_max);
	set_deadline(d, mhd, DOOR_REQUEST_S);
	if (length != NULL && (!text_undec(&n, span_str(length), UINT64_MAX) ||
	    n > d->o.body_max))
		return too_large(d, mhd, x);
	return MHD_YES;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *data, size_t *len,
    void **context)
{
	struct door *d = arg;
	struct exchange *x = *context;
	struct door_reply reply = { .status = 500 };
	struct door_request request;

	(void)url;
	(void)version;
	if (x == NULL)
		return MHD_NO;
	if (x->replied) {
		*len = 0; /* what a refused client goes on sending */
		return MHD_YES;
	}
	if (!x->begun)
		return on_head(d, mhd, x);
	if (*len > 0) {
		wr_bytes(&x->body, span_of(data, *len));
		*len = 0;
		return MHD_YES;
	}
	if (x->body.err != AC_OK)
		return too_large(d, mhd, x);
	request = (struct door_request){ method, x->target,
		span_of(x->body.p, x->body.len) };
	d->o.answer(d->o.arg, &reply, &request);
	return send_reply(d, mhd, x, &reply);
}

static void *
on_target(void *arg, const char *target, struct MHD_Connection *mhd)
{
	struct exchange *x = calloc(1, sizeof(*x));

	(void)arg;
	(void)mhd;
	if (x != NULL && (x->target = strdup(target)) == NULL) {
		free(x);
		x = NULL;
	}
	return x;
}

static void
on_completed(void *arg, struct MHD_Connection *mhd, void **context,
    enum MHD_RequestTerminationCode code)
{
	struct door *d = arg;
	struct exchange *x = *context;

	(void)code;
	if (x == NULL)
		return;
	set_deadline(d, mhd, DOOR_IDLE_S);
	wr_free(&x->body);
	free(x->target);
	free(x);
	*context = NULL;
}

/* The library's own messages concern single clients; they are not ours. */
static void
on_log(void *arg, const char *fmt, va_list ap)
{
	(void)arg;
	(void)fmt;
	(void)ap;
}

enum ac_err
door_open(struct door **out, const struct door_options *o, struct message *why)
{
	struct door *d = calloc(1, sizeof(*d));

	if (d == NULL || pthread_mutex_init(&d->mutex, NULL) != 0) {
		free(d);
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	d->o = *o;
	d->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD |
	    MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, d,
	    MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, o->listen_fd,
	    MHD_OPTION_THREAD_POOL_SIZE, o->nthreads,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    (unsigned)CONNECTIONS_PER_IP_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)DOOR_IDLE_S,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_URI_LOG_CALLBACK, on_target, d,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, d,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, d,
	    MHD_OPTION_END);
	if (d->daemon == NULL) {
		(void)pthread_mutex_destroy(&d->mutex);
		free(d);
		message_set(why, "libmicrohttpd does not start");
		return AC_ERR_IO;
	}
	*out = d;
	return AC_OK;
}

void
door_close(struct door *d)
{
	if (d == NULL)
		return;
	MHD_stop_daemon(d->daemon);
	(void)pthread_mutex_destroy(&d->mutex);
	free(d);
}
