/* http.c -- HTTP/1.1 by libmicrohttpd; see http.h. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "cert/limits.h"
#include "common/hook.h"
#include "common/text.h"
#include "registry/http.h"
#include "registry/keep.h"
#include "registry/range.h"

#define CONNECTION_MEMORY ((size_t)16 << 10) /* headers and buffers of one */
#define BODIES_MAX ((size_t)512 * MIB)       /* bodies being received, all */
#define BODY_STEP ((size_t)4 << 10)          /* memory of a body at first */
#define KEPT_BYTES ((size_t)64 * MIB)        /* of replies that are kept */
#define KEPT_MAX 65536
#define KEPT_FILE ((size_t)32 << 10)         /* what an open file counts as */
#define OTHER_FILES 256                      /* of the database and the like */
#define SILENT_S 35                          /* without a byte either way */
#define HEADER_MS 10000
#define CROWDED_MS 1000 /* in its place while most connections are taken */
#define TRANSFER_MS 30000
#define HOLD_MS 1000    /* before a refusal that comes before a body */
#define HOLD_BODY ((size_t)64 << 10) /* a body of which that is so */
#define HELD_MAX 1024   /* requests so held; others are refused at once */
#define DRAIN_STEP_MS 10
#define REAP_EVERY 20 /* such steps */
#define TRANSFER_RATE 65536 /* bytes a second */

/* An open connection and when it must have got on. */
struct connection {
	struct connection *next, **at;
	int fd;
	atomic_bool idle;             /* no request of its has begun */
	_Atomic int64_t deadline_ms;  /* INT64_MAX: it waits for us */
};

/* A reply that is kept. */
struct kept {
	struct MHD_Response *response;
	unsigned status;
	enum route_place place;
	enum reply_keep keep;
	uint64_t generation, bytes;
	char tag[REPLY_TAG_MAX];
};

struct http {
	struct http_options options;
	unsigned connections_max;
	struct MHD_Daemon *daemon;
	struct bucket *bucket;
	struct keep *keep;
	pthread_mutex_t mutex; /* guards the list */
	struct connection *connections;
	struct http_exchange *held, **held_end; /* likewise; oldest first */
	atomic_uint nheld;
	atomic_uint nconnections;
	atomic_ullong naccepted, noverdue;
	atomic_size_t reserved; /* bytes of bodies */
	atomic_uint nactive;    /* exchanges being answered */
	atomic_bool draining;
};

static int64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t
now_ms(void)
{
	return now_us() / 1000;
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
set_deadline(struct MHD_Connection *c, int64_t ms, bool idle)
{
	struct connection *conn = connection_of(c);

	if (conn == NULL)
		return;
	atomic_store(&conn->idle, idle);
	atomic_store(&conn->deadline_ms, ms < 0 ? INT64_MAX : now_ms() + ms);
}

static int64_t
transfer_ms(uint64_t bytes)
{
	return TRANSFER_MS + (int64_t)(bytes / TRANSFER_RATE) * 1000;
}

/* Let go the held requests that are due by then. */
static void
let_go(struct http *h, int64_t until_ms)
{
	struct http_exchange *due = NULL, **at = &due, *x;

	(void)pthread_mutex_lock(&h->mutex);
	while (h->held != NULL && h->held->held_until_ms <= until_ms) {
		*at = h->held;
		at = &h->held->next;
		h->held = *at;
		(void)atomic_fetch_sub(&h->nheld, 1);
	}
	*at = NULL;
	if (h->held == NULL)
		h->held_end = &h->held;
	(void)pthread_mutex_unlock(&h->mutex);
	while ((x = due) != NULL) {
		due = x->next;
		MHD_resume_connection(x->connection); /* x is another's */
	}
}

/*
 * Hold x, which is refused before its large body, where there is room.
 * Nothing of the body is read meanwhile, so its sender soon has to wait.
 */
static bool
hold(struct http_exchange *x)
{
	struct http *h = x->http;

	if (x->bodylen < HOLD_BODY || atomic_load(&h->draining) ||
	    atomic_load(&h->nconnections) > h->connections_max / 4 * 3)
		return false;
	if (atomic_fetch_add(&h->nheld, 1) >= HELD_MAX) {
		(void)atomic_fetch_sub(&h->nheld, 1);
		return false;
	}
	set_deadline(x->connection, -1, false);
	x->stage = HTTP_HELD;
	x->held_until_ms = now_ms() + HOLD_MS;
	MHD_suspend_connection(x->connection);
	(void)pthread_mutex_lock(&h->mutex);
	*h->held_end = x;
	h->held_end = &x->next;
	(void)pthread_mutex_unlock(&h->mutex);
	return true;
}

void
http_reap(struct http *h)
{
	unsigned n = atomic_load(&h->nconnections);
	int64_t now = now_ms();
	/* Who has asked for nothing makes room first. */
	int64_t earlier = n > h->connections_max / 4 * 3 ?
	    HEADER_MS - CROWDED_MS : 0;

	(void)pthread_mutex_lock(&h->mutex);
	/* The library sees the end of the stream and closes its side. */
	for (struct connection *c = h->connections; c != NULL; c = c->next) {
		int64_t due = atomic_load(&c->deadline_ms);

		if (atomic_load(&c->idle))
			due -= earlier;
		if (due >= now)
			continue;
		(void)shutdown(c->fd, SHUT_RDWR);
		atomic_store(&c->deadline_ms, INT64_MAX);
		(void)atomic_fetch_add(&h->noverdue, 1);
	}
	(void)pthread_mutex_unlock(&h->mutex);
	let_go(h, now);
}

struct http_counts
http_count(struct http *h)
{
	return (struct http_counts){
		.open = atomic_load(&h->nconnections),
		.accepted = atomic_load(&h->naccepted),
		.overdue = atomic_load(&h->noverdue),
		.body_bytes = atomic_load(&h->reserved),
	};
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
		atomic_store(&c->idle, true);
		atomic_store(&c->deadline_ms, now_ms() + HEADER_MS);
		(void)atomic_fetch_add(&h->nconnections, 1);
		(void)atomic_fetch_add(&h->naccepted, 1);
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
	(void)atomic_fetch_sub(&h->nconnections, 1);
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
		r = MHD_create_response_from_fd_at_offset64(reply->bytes,
		    reply->fd, reply->first);
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

static void
add_headers(struct MHD_Response *r, const struct reply *reply)
{
	char seconds[16];

	add(r, "Content-Type", reply->type);
	add(r, "Content-Encoding", reply->encoding);
	add(r, "Cache-Control", reply->cache);
	if (reply->tag[0] != '\0')
		add(r, "ETag", reply->tag);
	if (reply->varies)
		add(r, "Vary", "Accept-Encoding");
	if (reply->ranges)
		add(r, "Accept-Ranges", "bytes");
	if (reply->range[0] != '\0')
		add(r, "Content-Range", reply->range);
	add(r, "X-Content-Type-Options", "nosniff");
	add(r, "Access-Control-Allow-Origin", "*");
	add(r, "Allow", reply->allow);
	add(r, "Content-Security-Policy", reply->policy);
	if (reply->retry_after_s > 0) {
		(void)snprintf(seconds, sizeof(seconds), "%u",
		    reply->retry_after_s);
		add(r, "Retry-After", seconds);
		add(r, "Connection", "close");
	}
}

/*
 * Does If-None-Match name the tag?  A tag with its quotes stands in a list of
 * tags nowhere but as itself.
 */
static bool
is_known(struct MHD_Connection *c, const char *tag)
{
	const char *known = tag[0] == '\0' ? NULL :
	    MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match");

	return known != NULL && (strcmp(known, "*") == 0 ||
	    strstr(known, tag) != NULL);
}

/*
 * Answer with r of so many bytes; a client that has the body of that tag gets
 * the same headers with 304, with which the library sends no body.
 */
static enum MHD_Result
queue(struct http_exchange *x, unsigned status, uint64_t bytes,
    const char *tag, struct MHD_Response *r)
{
	if (x->reads && is_known(x->connection, tag))
		status = 304;
	x->stage = HTTP_REPLIED;
	x->status = status;
	set_deadline(x->connection, transfer_ms(bytes), false);
	return MHD_queue_response(x->connection, status, r);
}

/* Has its address asked for too much?  Then x is refused. */
static bool
is_too_fast(struct http_exchange *x)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	unsigned wait_s = info == NULL ? 0 : bucket_take(x->http->bucket,
	    info->client_addr, now_ms());

	if (wait_s == 0)
		return false;
	reply_free(&x->reply);
	problem_reply(&x->reply, PROBLEM_RATE, "This address asks for more "
	    "than is given to one; ask again later.", NULL);
	x->reply.retry_after_s = wait_s;
	return true;
}

static void
release(void *thing)
{
	struct kept *k = thing;

	MHD_destroy_response(k->response);
	free(k);
}

/* The name of what x asks for: its target, and what it takes. */
static struct span
kept_name(const struct http_exchange *x)
{
	return span_of(x->target, x->targetlen + 1);
}

/* Keep r, which is released; memory_bytes is what it costs. */
static void
keep_response(struct http_exchange *x, struct MHD_Response *r, uint64_t bytes,
    size_t memory_bytes)
{
	const struct reply *reply = &x->reply;
	struct kept *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		MHD_destroy_response(r);
		return;
	}
	k->response = r;
	k->status = reply->status;
	k->place = x->route.place;
	k->keep = reply->keep;
	k->generation = reply->generation;
	k->bytes = bytes;
	memcpy(k->tag, reply->tag, sizeof(k->tag));
	keep_put(x->http->keep, kept_name(x), k, memory_bytes + sizeof(*k));
}

struct use {
	struct http_exchange *x;
	bool good;
	enum MHD_Result result;
};

static void
use_kept(void *arg, void *thing)
{
	struct use *u = arg;
	struct http_exchange *x = u->x;
	const struct http_options *o = &x->http->options;
	const struct kept *k = thing;

	u->good = k->keep == REPLY_ALWAYS ||
	    k->generation == o->generation(o->arg);
	if (!u->good)
		return;
	x->route.place = k->place;
	x->refused = !route_is_static(k->place) && is_too_fast(x);
	if (x->refused)
		return;
	u->result = queue(x, k->status, k->bytes, k->tag, k->response);
}

/* Is the whole wanted unless it is still that of the tag?  (If-Range) */
static bool
is_part_wanted(const struct http_exchange *x)
{
	const char *tag = MHD_lookup_connection_value(x->connection,
	    MHD_HEADER_KIND, "If-Range");

	/* A date is none of our tags: nothing here has a date. */
	return x->range != NULL && x->reply.ranges &&
	    (tag == NULL || strcmp(tag, x->reply.tag) == 0) &&
	    !is_known(x->connection, x->reply.tag);
}

/* Leave of the reply what the client's Range asks for. */
static void
cut(struct http_exchange *x)
{
	struct reply *r = &x->reply;
	uint64_t total = r->is_file ? r->bytes : r->body.len, first = 0, len;
	enum range range = range_parse(&first, &len, x->range, total);

	if (range == RANGE_WHOLE)
		return;
	if (range == RANGE_OUTSIDE) {
		reply_free(r);
		problem_reply(r, PROBLEM_RANGE, "The answer ends before the "
		    "range begins; Content-Range says how long it is.", NULL);
		(void)snprintf(r->range, sizeof(r->range), "bytes */%" PRIu64,
		    total);
		return;
	}
	r->status = 206;
	r->keep = REPLY_ONCE;
	(void)snprintf(r->range, sizeof(r->range), "bytes %" PRIu64 "-%" PRIu64
	    "/%" PRIu64, first, first + len - 1, total);
	if (r->is_file) {
		r->first = first;
		r->bytes = len;
	} else {
		memmove(r->body.p, r->body.p + first, (size_t)len);
		r->body.len = (size_t)len;
	}
}

/* Queue the reply that was made for x. */
static enum MHD_Result
send_reply(struct http_exchange *x)
{
	struct reply *reply = &x->reply;
	struct MHD_Response *r;
	enum MHD_Result result;
	uint64_t bytes;
	size_t memory;

	if (is_part_wanted(x))
		cut(x);
	bytes = reply->is_file ? reply->bytes : reply->body.len;
	memory = reply->is_file ? KEPT_FILE : reply->body.len;
	x->problem = reply->problem;
	r = make_response(reply);
	if (r == NULL)
		return MHD_NO;
	add_headers(r, reply);
	result = queue(x, reply->status, bytes, reply->tag, r);
	if (x->reads && reply->keep != REPLY_ONCE)
		keep_response(x, r, bytes, memory);
	else
		MHD_destroy_response(r);
	return result;
}

void
http_answer(struct http_exchange *x)
{
	MHD_resume_connection(x->connection);
}

/* Send what is kept for x, if there is something. */
static bool
send_kept(struct http_exchange *x, enum MHD_Result *result)
{
	struct use u = { .x = x, .result = MHD_NO };

	if (!keep_use(x->http->keep, kept_name(x), use_kept, &u) || !u.good)
		return false;
	*result = x->refused ? send_reply(x) : u.result;
	return true;
}

/* ---- requests ---- */

/* Is there so much more memory for bodies? */
static bool
reserve(struct http_exchange *x, size_t bytes)
{
	struct http *h = x->http;

	if (atomic_fetch_add(&h->reserved, bytes) + bytes > BODIES_MAX) {
		(void)atomic_fetch_sub(&h->reserved, bytes);
		return false;
	}
	x->reserved += bytes;
	return true;
}

static void
refuse_body(struct http_exchange *x)
{
	problem_reply(&x->reply, PROBLEM_BUSY, "More is being received than "
	    "there is memory for; post again later.", NULL);
	x->refused = true;
	buf_free(&x->body);
	(void)atomic_fetch_sub(&x->http->reserved, x->reserved);
	x->reserved = 0;
}

/*
 * Take a part of the body.  Memory grows with what was received, never with
 * what was announced: to announce costs a client nothing.
 */
static void
take_body(struct http_exchange *x, const char *data, size_t len)
{
	size_t room = x->reserved, step = room == 0 ? BODY_STEP : room;
	uint8_t *p;

	if (len > room - x->body.len) {
		if (step < len)
			step = len;
		/* Room for a NUL behind the last byte. */
		p = reserve(x, step) ? realloc(x->body.p, room + step + 1) :
		    NULL;
		if (p == NULL) {
			refuse_body(x);
			return;
		}
		x->body.p = p;
	}
	memcpy(x->body.p + x->body.len, data, len);
	x->body.len += len;
	x->body.p[x->body.len] = '\0';
}

/* Is the registry about to stop?  Then x is refused. */
static bool
is_late(struct http_exchange *x)
{
	struct http *h = x->http;

	(void)atomic_fetch_add(&h->nactive, 1);
	x->counted = true;
	if (!atomic_load(&h->draining))
		return false;
	problem_reply(&x->reply, PROBLEM_STOPPING, "The registry is about to "
	    "stop; ask again later.", NULL);
	return true;
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

	req->length = 0;
	if (length == NULL) {
		/* Without either there is no body (RFC 9112 section 6.3). */
		req->has_length = coding == NULL &&
		    strcmp(req->method, "POST") != 0;
		return;
	}
	(void)MHD_get_connection_values(c, MHD_HEADER_KIND, count_length, &n);
	req->has_length = coding == NULL && n == 1 &&
	    text_undec(&req->length, span_str(length), UINT64_MAX);
}

/* What the headers say of x; req is filled but for its target. */
static void
read_head(struct http_exchange *x, struct route_request *req)
{
	req->method = x->method;
	get_length(x->connection, req);
	x->range = strcmp(x->method, "GET") != 0 ? NULL :
	    MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND,
	    "Range");
	/* A part is one of the bytes as they lie there. */
	x->gzip = req->gzip = x->range == NULL && route_takes_gzip(
	    MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND,
	    "Accept-Encoding"));
	/* One name for those who take gzip, another for the others. */
	x->target[x->targetlen] = x->gzip ? 'g' : 'i';
	x->reads = req->has_length && req->length == 0 &&
	    (strcmp(x->method, "GET") == 0 || strcmp(x->method, "HEAD") == 0);
}

/* Where does x lead?  Else it is refused. */
static void
find_route(struct http_exchange *x, struct route_request *req)
{
	char mark = x->target[x->targetlen];
	bool good;

	x->target[x->targetlen] = '\0';
	req->target = x->target;
	req->content_type = MHD_lookup_connection_value(x->connection,
	    MHD_HEADER_KIND, "Content-Type");
	good = route_parse(&x->route, &x->reply, req);
	if (!(good && route_is_static(x->route.place)) && is_too_fast(x))
		good = false;
	x->target[x->targetlen] = mark;
	x->refused = !good;
}

/* The headers are there. */
static enum MHD_Result
on_head(struct http_exchange *x, const char *method)
{
	struct route_request req = { .target = NULL };

	x->began_us = now_us();
	x->method = method;
	read_head(x, &req);
	x->stage = HTTP_BODY;
	x->bodylen = req.has_length ? (size_t)req.length : SIZE_MAX;
	set_deadline(x->connection, transfer_ms(req.length), false);
	/*
	 * A reply that is queued here is sent before the body is read, and
	 * ends the connection; without a body there is no need for that.
	 */
	if (x->reads)
		return MHD_YES;
	x->refused = is_late(x);
	if (!x->refused)
		find_route(x, &req);
	if (!x->refused || hold(x))
		return MHD_YES;
	return send_reply(x);
}

/* The whole request is there. */
static enum MHD_Result
on_whole(struct http_exchange *x)
{
	const struct http_options *o = &x->http->options;
	struct route_request req = { .target = NULL };
	enum MHD_Result result;

	if (x->reads) {
		x->refused = is_late(x);
		if (!x->refused && x->range == NULL && send_kept(x, &result))
			return result;
		read_head(x, &req);
		if (!x->refused)
			find_route(x, &req);
	}
	if (x->refused || o->at_once(o->arg, x))
		return send_reply(x);
	set_deadline(x->connection, -1, false);
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
		if (*len > x->bodylen)
			return MHD_NO;
		x->bodylen -= *len;
		if (!x->refused)
			take_body(x, data, *len);
		*len = 0;
		return MHD_YES;
	case HTTP_HELD:
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
	size_t n = strlen(target);
	struct http_exchange *x = calloc(1, sizeof(*x) + n + 2);

	(void)connection;
	if (x == NULL)
		return NULL;
	x->http = arg;
	x->item.subject = x;
	x->target = (char *)(x + 1);
	x->targetlen = n;
	memcpy(x->target, target, n);
	return x;
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode code)
{
	struct http *h = arg;
	struct http_exchange *x = *context;
	const struct http_options *o = &h->options;

	if (x == NULL)
		return;
	if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK &&
	    x->route.place == ROUTE_SUBMIT && x->status == 200)
		hook_at("answered");
	if (x->stage == HTTP_REPLIED)
		o->answered(o->arg, x, (uint64_t)(now_us() - x->began_us));
	set_deadline(connection, HEADER_MS, true);
	(void)atomic_fetch_sub(&h->reserved, x->reserved);
	if (x->counted)
		(void)atomic_fetch_sub(&h->nactive, 1);
	buf_free(&x->body);
	reply_free(&x->reply);
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

/* As many connections as there may be files, at most those asked for. */
static unsigned
fit_connections(unsigned wanted)
{
	rlim_t others = KEPT_BYTES / KEPT_FILE + OTHER_FILES;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return wanted;
	if (files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
		(void)getrlimit(RLIMIT_NOFILE, &files);
	}
	if (files.rlim_cur / 2 < others)
		others = files.rlim_cur / 2;
	return files.rlim_cur - others < wanted ?
	    (unsigned)(files.rlim_cur - others) : wanted;
}

enum ac_err
http_start(struct http **out, const struct http_options *o,
    struct message *why)
{
	struct http *h = calloc(1, sizeof(*h));
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory for the HTTP server");
	if (h == NULL || pthread_mutex_init(&h->mutex, NULL) != 0) {
		free(h);
		return e;
	}
	h->options = *o;
	h->held_end = &h->held;
	h->connections_max = fit_connections(o->limits.connections);
	e = bucket_new(&h->bucket, &o->limits.bucket);
	if (e == AC_OK)
		e = keep_new(&h->keep, KEPT_BYTES, KEPT_MAX, release);
	if (e != AC_OK)
		goto out;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD |
	    MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
	    on_request, h,
	    MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, o->listen_fd,
	    MHD_OPTION_THREAD_POOL_SIZE, o->nthreads,
	    MHD_OPTION_CONNECTION_LIMIT, h->connections_max,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->limits.per_address,
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
	http_stop(h);
	return e;
}

void
http_drain(struct http *h, unsigned grace_ms)
{
	struct timespec step = { 0, DRAIN_STEP_MS * 1000000L };
	int64_t due = now_ms() + (int64_t)grace_ms;

	/* While those at hand are answered, new ones are told to come later. */
	atomic_store(&h->draining, true);
	for (unsigned i = 1; atomic_load(&h->nactive) > 0 && now_ms() < due;
	    i++) {
		if (i % REAP_EVERY == 0)
			http_reap(h);
		(void)nanosleep(&step, NULL);
	}
}

void
http_stop(struct http *h)
{
	if (h == NULL)
		return;
	if (h->daemon != NULL) {
		let_go(h, INT64_MAX);
		MHD_stop_daemon(h->daemon);
	}
	keep_free(h->keep);
	bucket_free(h->bucket);
	(void)pthread_mutex_destroy(&h->mutex);
	free(h);
}
