/* http.c -- HTTP/1.1 by libmicrohttpd; see http.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "cert/limits.h"
#include "common/text.h"
#include "registry/hook.h"
#include "registry/http.h"

#define CONNECTIONS_MAX 16384
#define CONNECTIONS_PER_IP_MAX 4096
#define CONNECTION_MEMORY ((size_t)16 << 10) /* headers and buffers of one */
#define BODIES_MAX ((size_t)512 * MIB)       /* bodies being received, all */
#define SILENT_S 35                          /* without a byte either way */
#define HEADER_MS 10000
#define TRANSFER_MS 30000
#define DRAIN_STEP_MS 200
#define TRANSFER_RATE 65536 /* bytes a second */

/* An open connection and when it must have got on. */
struct connection {
	struct connection *next, **at;
	int fd;
	bool waits_for_us; /* no deadline then */
	int64_t deadline_ms;
};

struct http {
	struct http_options options;
	struct MHD_Daemon *daemon;
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t quiet;
	struct connection *connections;
	size_t reserved;  /* bytes of bodies */
	unsigned nactive; /* exchanges being answered */
	bool draining;
};

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- deadlines ---- */

static struct connection *
connection_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info == NULL ? NULL : info->socket_context;
}

/* From now the connection has ms, or all the time we need where ms < 0. */
static void
set_deadline(struct http *h, struct MHD_Connection *c, int64_t ms)
{
	struct connection *conn = connection_of(c);

	if (conn == NULL)
		return;
	(void)pthread_mutex_lock(&h->mutex);
	conn->waits_for_us = ms < 0;
	conn->deadline_ms = now_ms() + ms;
	(void)pthread_mutex_unlock(&h->mutex);
}

static int64_t
transfer_ms(uint64_t bytes)
{
	return TRANSFER_MS + (int64_t)(bytes / TRANSFER_RATE) * 1000;
}

void
http_reap(struct http *h)
{
	int64_t now = now_ms();

	(void)pthread_mutex_lock(&h->mutex);
	/* The library sees the end of the stream and closes its side. */
	for (struct connection *c = h->connections; c != NULL; c = c->next)
		if (!c->waits_for_us && c->deadline_ms < now)
			(void)shutdown(c->fd, SHUT_RDWR);
	(void)pthread_mutex_unlock(&h->mutex);
}

static void
on_connection(void *arg, struct MHD_Connection *mhd, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	struct http *h = arg;
	struct connection *c = *context;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		info = MHD_get_connection_info(mhd,
		    MHD_CONNECTION_INFO_CONNECTION_FD);
		c = calloc(1, sizeof(*c));
		*context = c;
		if (c == NULL || info == NULL) {
			free(c);
			*context = NULL;
			return;
		}
		c->fd = info->connect_fd;
		c->deadline_ms = now_ms() + HEADER_MS;
		(void)pthread_mutex_lock(&h->mutex);
		c->next = h->connections;
		c->at = &h->connections;
		if (c->next != NULL)
			c->next->at = &c->next;
		h->connections = c;
		(void)pthread_mutex_unlock(&h->mutex);
		return;
	}
	if (c == NULL)
		return;
	(void)pthread_mutex_lock(&h->mutex);
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	(void)pthread_mutex_unlock(&h->mutex);
	free(c);
	*context = NULL;
}

/* ---- replies ---- */

static void
add(struct MHD_Response *r, const char *name, const char *value)
{
	if (value != NULL)
		(void)MHD_add_response_header(r, name, value);
}

static struct MHD_Response *
make_response(struct reply *reply)
{
	struct MHD_Response *r;

	if (reply->is_file) {
		r = MHD_create_response_from_fd64(reply->bytes, reply->fd);
		if (r != NULL)
			reply->is_file = false; /* transferred */
	} else {
		r = MHD_create_response_from_buffer(reply->body.len,
		    reply->body.p, MHD_RESPMEM_MUST_FREE);
		if (r != NULL)
			reply->body = (struct buf){ 0 }; /* transferred */
	}
	return r;
}

/* Queue the reply of x. */
static enum MHD_Result
send_reply(struct http_exchange *x)
{
	struct reply *reply = &x->reply;
	uint64_t bytes = reply->is_file ? reply->bytes : reply->body.len;
	struct MHD_Response *r;
	enum MHD_Result result;
	char seconds[16];

	r = make_response(reply);
	if (r == NULL)
		return MHD_NO;
	add(r, "Content-Type", reply->type);
	add(r, "Cache-Control", reply->cache);
	add(r, "Allow", reply->allow);
	add(r, "Content-Security-Policy", reply->policy);
	add(r, "X-Content-Type-Options", "nosniff");
	add(r, "Access-Control-Allow-Origin", "*");
	if (reply->retry_after_s > 0) {
		(void)snprintf(seconds, sizeof(seconds), "%u",
		    reply->retry_after_s);
		add(r, "Retry-After", seconds);
		add(r, "Connection", "close");
	}
	x->stage = HTTP_REPLIED;
	set_deadline(x->http, x->connection, transfer_ms(bytes));
	result = MHD_queue_response(x->connection, reply->status, r);
	MHD_destroy_response(r);
	return result;
}

void
http_answer(struct http_exchange *x)
{
	MHD_resume_connection(x->connection);
}

/* ---- requests ---- */

/* Does the exchange still find room?  Else its reply is filled. */
static bool
reserve(struct http_exchange *x, size_t bytes)
{
	struct http *h = x->http;
	enum problem p = PROBLEM_COUNT;

	(void)pthread_mutex_lock(&h->mutex);
	if (h->draining) {
		p = PROBLEM_STOPPING;
	} else if (h->reserved + bytes > BODIES_MAX) {
		p = PROBLEM_BUSY;
	} else {
		h->reserved += bytes;
		x->reserved = bytes;
		h->nactive++;
		x->counted = true;
	}
	(void)pthread_mutex_unlock(&h->mutex);
	if (p == PROBLEM_COUNT)
		return true;
	problem_reply(&x->reply, p, p == PROBLEM_BUSY ? "More is being "
	    "received than there is memory for; post again later." :
	    "The registry is about to stop; ask again later.", NULL);
	return false;
}

static enum MHD_Result
count_length(void *arg, enum MHD_ValueKind kind, const char *name,
    const char *value)
{
	unsigned *n = arg;

	(void)kind;
	(void)value;
	*n += strcasecmp(name, "Content-Length") == 0;
	return MHD_YES;
}

/*
 * Content-Length.  A body without one, with two or with chunks beside it has
 * no length: what a proxy before us might read otherwise is refused.
 */
static void
get_length(struct MHD_Connection *c, struct route_request *req)
{
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND,
	    "Content-Length");
	const char *coding = MHD_lookup_connection_value(c, MHD_HEADER_KIND,
	    "Transfer-Encoding");
	unsigned n = 0;

	(void)MHD_get_connection_values(c, MHD_HEADER_KIND, count_length, &n);
	req->length = 0;
	if (length == NULL)
		/* Without either there is no body (RFC 9112 section 6.3). */
		req->has_length = coding == NULL &&
		    strcmp(req->method, "POST") != 0;
	else
		req->has_length = coding == NULL && n == 1 &&
		    text_undec(&req->length, span_str(length), UINT64_MAX);
}

/* The headers are there. */
static enum MHD_Result
on_head(struct http_exchange *x, const char *method)
{
	struct route_request req = { .method = method, .target = x->target };

	get_length(x->connection, &req);
	req.content_type = MHD_lookup_connection_value(x->connection,
	    MHD_HEADER_KIND, "Content-Type");
	x->refused = !route_parse(&x->route, &x->reply, &req) ||
	    !reserve(x, (size_t)req.length);
	/*
	 * A reply queued here is sent before the body is read, and ends the
	 * connection; without a body there is no need for that.
	 */
	if (x->refused && (!req.has_length || req.length > 0))
		return send_reply(x);
	x->stage = HTTP_BODY;
	set_deadline(x->http, x->connection, transfer_ms(req.length));
	if (req.length == 0)
		return MHD_YES;
	x->body.p = malloc((size_t)req.length + 1);
	if (x->body.p == NULL) {
		problem_reply(&x->reply, PROBLEM_BUSY, "There is no memory "
		    "for the body now; post again later.", NULL);
		return send_reply(x);
	}
	x->bodylen = (size_t)req.length;
	return MHD_YES;
}

/* The whole request is there. */
static enum MHD_Result
on_whole(struct http_exchange *x)
{
	const struct http_options *o = &x->http->options;

	if (x->refused || o->at_once(o->arg, x))
		return send_reply(x);
	set_deadline(x->http, x->connection, -1);
	x->stage = HTTP_WAITING;
	/* Before anybody else sees it, so that no answer comes too early. */
	MHD_suspend_connection(x->connection);
	o->take(o->arg, x);
	return MHD_YES;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *len,
    void **context)
{
	struct http_exchange *x = *context;

	(void)arg;
	(void)url;
	(void)version;
	if (x == NULL)
		return MHD_NO;
	switch (x->stage) {
	case HTTP_HEAD:
		x->connection = connection;
		return on_head(x, method);
	case HTTP_BODY:
		if (*len == 0)
			return on_whole(x);
		if (*len > x->bodylen - x->body.len)
			return MHD_NO;
		memcpy(x->body.p + x->body.len, data, *len);
		x->body.len += *len;
		x->body.p[x->body.len] = '\0';
		*len = 0;
		return MHD_YES;
	case HTTP_WAITING:
		return send_reply(x);
	case HTTP_REPLIED:
		break;
	}
	/* What a refused client goes on sending is thrown away. */
	*len = 0;
	return MHD_YES;
}

/* The request line is there: the exchange begins. */
static void *
on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
	struct http_exchange *x = calloc(1, sizeof(*x));

	(void)connection;
	if (x == NULL)
		return NULL;
	x->http = arg;
	x->item.subject = x;
	x->target = strdup(target);
	if (x->target == NULL) {
		free(x);
		return NULL;
	}
	return x;
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode code)
{
	struct http *h = arg;
	struct http_exchange *x = *context;

	if (x == NULL)
		return;
	if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK &&
	    x->route.place == ROUTE_SUBMIT && x->reply.status == 200)
		hook_at("answered");
	set_deadline(h, connection, HEADER_MS);
	(void)pthread_mutex_lock(&h->mutex);
	h->reserved -= x->reserved;
	if (x->counted && --h->nactive == 0)
		(void)pthread_cond_broadcast(&h->quiet);
	(void)pthread_mutex_unlock(&h->mutex);
	buf_free(&x->body);
	reply_free(&x->reply);
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

/* ---- life ---- */

static bool
init_locks(struct http *h)
{
	pthread_condattr_t attr;
	bool good;

	if (pthread_mutex_init(&h->mutex, NULL) != 0)
		return false;
	good = pthread_condattr_init(&attr) == 0;
	if (good) {
		good = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
		    pthread_cond_init(&h->quiet, &attr) == 0;
		(void)pthread_condattr_destroy(&attr);
	}
	if (!good)
		(void)pthread_mutex_destroy(&h->mutex);
	return good;
}

enum ac_err
http_start(struct http **out, const struct http_options *o,
    struct message *why)
{
	struct http *h = calloc(1, sizeof(*h));
	enum ac_err e = AC_ERR_MEMORY;

	if (h == NULL || !init_locks(h)) {
		message_set(why, "no memory for the HTTP server");
		free(h);
		return e;
	}
	h->options = *o;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD |
	    MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
	    on_request, h,
	    MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, o->listen_fd,
	    MHD_OPTION_THREAD_POOL_SIZE, o->nthreads,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    (unsigned)CONNECTIONS_PER_IP_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENT_S,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_URI_LOG_CALLBACK, on_target, h,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
	    MHD_OPTION_END);
	if (h->daemon == NULL) {
		message_set(why, "libmicrohttpd does not start");
		e = AC_ERR_IO;
		goto out;
	}
	*out = h;
	h = NULL; /* transferred */
	e = AC_OK;
out:
	if (h != NULL) {
		(void)pthread_cond_destroy(&h->quiet);
		(void)pthread_mutex_destroy(&h->mutex);
		free(h);
	}
	return e;
}

/* Wait until no exchange is being answered, or due has come. */
static void
wait_until_quiet(struct http *h, int64_t due)
{
	bool quiet = false;

	while (!quiet && now_ms() < due) {
		int64_t ms = now_ms() + DRAIN_STEP_MS;
		struct timespec t = { (time_t)(ms / 1000),
			(long)(ms % 1000) * 1000000 };

		http_reap(h);
		(void)pthread_mutex_lock(&h->mutex);
		if (h->nactive > 0)
			(void)pthread_cond_timedwait(&h->quiet, &h->mutex, &t);
		quiet = h->nactive == 0;
		(void)pthread_mutex_unlock(&h->mutex);
	}
}

void
http_drain(struct http *h, unsigned grace_ms)
{
	int64_t due = now_ms() + (int64_t)grace_ms;
	int fd;

	(void)pthread_mutex_lock(&h->mutex);
	h->draining = true;
	(void)pthread_mutex_unlock(&h->mutex);
	/* While those at hand are answered, new ones are told to come later. */
	wait_until_quiet(h, due);
	fd = MHD_quiesce_daemon(h->daemon);
	if (fd != MHD_INVALID_SOCKET)
		(void)close(fd);
}

void
http_stop(struct http *h)
{
	if (h == NULL)
		return;
	MHD_stop_daemon(h->daemon);
	(void)pthread_cond_destroy(&h->quiet);
	(void)pthread_mutex_destroy(&h->mutex);
	free(h);
}
