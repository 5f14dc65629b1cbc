/* door.c -- requests by libmicrohttpd; see door.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "common/door.h"
#include "common/text.h"

#define CONNECTIONS_MAX 2048
#define CONNECTIONS_PER_IP_MAX 256
#define CONNECTION_MEMORY ((size_t)16 << 10) /* headers and buffers of one */
#define BLOCK ((size_t)64 << 10) /* of a source, at a time */
#define TRANSFER_RATE 65536 /* bytes a second that a reply may take */
/* As GnuTLS writes it. */
#define TLS_1_3_ONLY "NORMAL:-VERS-ALL:+VERS-TLS1.3"

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

/* A source on its way. */
struct transfer {
	struct door *door;
	struct MHD_Connection *mhd;
	struct door_source source;
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

struct found {
	const char *name, *value;
	unsigned n;
};

static enum MHD_Result
find_header(void *arg, enum MHD_ValueKind kind, const char *name,
    const char *value)
{
	struct found *f = arg;

	(void)kind;
	if (strcasecmp(name, f->name) == 0) {
		f->n++;
		f->value = value;
	}
	return MHD_YES;
}

const char *
door_header(const struct door_request *r, const char *name)
{
	struct found f = { .name = name };

	(void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND,
	    find_header, &f);
	return f.n == 1 ? f.value : NULL;
}

static ssize_t
read_source(void *arg, uint64_t at, char *to, size_t max)
{
	struct transfer *t = arg;
	ssize_t n = t->source.read(t->source.arg, at, to, max);

	/* Of one whose length nobody knows, each part has its own time. */
	if (t->source.bytes == UINT64_MAX)
		set_deadline(t->door, t->mhd, DOOR_IDLE_S);
	return n > 0 ? n : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM :
	    MHD_CONTENT_READER_END_WITH_ERROR;
}

static void
end_source(void *arg)
{
	struct transfer *t = arg;

	if (t->source.end != NULL)
		t->source.end(t->source.arg);
	free(t);
}

/* A response of reply's body, which is handed over in any case. */
static struct MHD_Response *
make_response(struct door *d, struct MHD_Connection *mhd,
    struct door_reply *reply)
{
	struct transfer *t;
	struct MHD_Response *r;

	if (reply->source.read != NULL) {
		t = malloc(sizeof(*t));
		if (t == NULL) {
			if (reply->source.end != NULL)
				reply->source.end(reply->source.arg);
			return NULL;
		}
		*t = (struct transfer){ d, mhd, reply->source };
		r = MHD_create_response_from_callback(
		    t->source.bytes == UINT64_MAX ? MHD_SIZE_UNKNOWN :
		    t->source.bytes, BLOCK, read_source, t, end_source);
		if (r == NULL)
			end_source(t);
		return r;
	}
	if (reply->body.p == NULL)
		return MHD_create_response_from_buffer(0, NULL,
		    MHD_RESPMEM_PERSISTENT);
	r = MHD_create_response_from_buffer(reply->body.len, reply->body.p,
	    MHD_RESPMEM_MUST_FREE);
	if (r == NULL)
		buf_free(&reply->body);
	return r;
}

static void
add_headers(struct MHD_Response *r, const struct door_reply *reply)
{
	char seconds[16];

	if (reply->type != NULL)
		(void)MHD_add_response_header(r, "Content-Type", reply->type);
	if (reply->cache != NULL)
		(void)MHD_add_response_header(r, "Cache-Control",
		    reply->cache);
	if (reply->allow != NULL)
		(void)MHD_add_response_header(r, "Allow", reply->allow);
	(void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	for (size_t i = 0; i < reply->nheaders; i++)
		(void)MHD_add_response_header(r, reply->header[i].name,
		    reply->header[i].value);
	if (reply->retry_after_s > 0) {
		(void)snprintf(seconds, sizeof(seconds), "%u",
		    reply->retry_after_s);
		(void)MHD_add_response_header(r, "Retry-After", seconds);
	}
}

static enum MHD_Result
send_reply(struct door *d, struct MHD_Connection *mhd, struct exchange *x,
    struct door_reply *reply)
{
	uint64_t bytes = reply->source.read != NULL &&
	    reply->source.bytes != UINT64_MAX ? reply->source.bytes : 0;
	struct MHD_Response *r = make_response(d, mhd, reply);
	enum MHD_Result result;

	x->replied = true;
	if (r == NULL)
		return MHD_NO;
	add_headers(r, reply);
	set_deadline(d, mhd, DOOR_REQUEST_S + (int64_t)(bytes /
	    TRANSFER_RATE));
	result = MHD_queue_response(mhd, reply->status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result
too_large(struct door *d, struct MHD_Connection *mhd, struct exchange *x)
{
	struct door_reply reply = { .status = 413 };

	if (d->o.too_large != NULL)
		d->o.too_large(d->o.arg, &reply);
	return send_reply(d, mhd, x, &reply);
}

/* The headers are there. */
static enum MHD_Result
on_head(struct door *d, struct MHD_Connection *mhd, struct exchange *x,
    const char *method)
{
	const char *length = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND,
	    "Content-Length");
	const struct door_request request = { .method = method,
		.target = x->target, .connection = mhd };
	struct door_reply reply = { .status = 500 };
	size_t max = d->o.body_max;
	uint64_t n;

	x->begun = true;
	set_deadline(d, mhd, DOOR_REQUEST_S);
	if (d->o.head != NULL &&
	    !d->o.head(d->o.arg, &reply, &request, &max))
		return send_reply(d, mhd, x, &reply);
	wr_init(&x->body, max);
	if (length != NULL && (!text_undec(&n, span_str(length), UINT64_MAX) ||
	    n > max))
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
		return on_head(d, mhd, x, method);
	if (*len > 0) {
		wr_bytes(&x->body, span_of(data, *len));
		*len = 0;
		return MHD_YES;
	}
	if (x->body.err != AC_OK)
		return too_large(d, mhd, x);
	request = (struct door_request){ method, x->target,
		span_of(x->body.p, x->body.len), mhd };
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

/* Start the library with what differs between doors. */
static struct MHD_Daemon *
start(struct door *d)
{
	const struct door_options *o = &d->o;
	struct MHD_OptionItem more[5];
	unsigned flags = MHD_USE_ERROR_LOG, n = 0;

	if (o->nthreads == 0) {
		flags |= MHD_USE_THREAD_PER_CONNECTION |
		    MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
	} else {
		flags |= MHD_USE_EPOLL_INTERNAL_THREAD;
		more[n++] = (struct MHD_OptionItem){
			MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->nthreads,
			NULL };
	}
	if (o->key != NULL) {
		union {
			const char *given;
			void *unused;
		} key = { o->key }, certificate = { o->certificate },
		    priorities = { TLS_1_3_ONLY };

		flags |= MHD_USE_TLS;
		more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY,
			0, key.unused };
		more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT,
			0, certificate.unused };
		more[n++] = (struct MHD_OptionItem){
			MHD_OPTION_HTTPS_PRIORITIES, 0, priorities.unused };
	}
	more[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, d,
	    MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, o->listen_fd,
	    MHD_OPTION_CONNECTION_LIMIT, o->connections != 0 ?
	    o->connections : (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->per_address != 0 ?
	    o->per_address : (unsigned)CONNECTIONS_PER_IP_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY +
	    (o->nthreads == 0 ? BLOCK : 0),
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)DOOR_IDLE_S,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_URI_LOG_CALLBACK, on_target, d,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, d,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, d,
	    MHD_OPTION_ARRAY, more,
	    MHD_OPTION_END);
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
	d->daemon = start(d);
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
