/* http.c -- HTTP requests by libcurl; see http.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "common/http.h"

#define FETCH_BUFFER 262144L /* bytes of a download at a time */
#define HEADERS_MAX ((size_t)64 << 10) /* bytes of an answer's headers */

struct http_client {
	CURL *curl;
	const volatile sig_atomic_t *stop;
	struct curl_slist *headers;
	const char *keep; /* a header's name, or NULL */
	char *kept;       /* owned */
	unsigned status;
};

struct transfer {
	struct writer body;
	size_t headers;
	bool too_large, headers_too_large;
};

static enum ac_err
bad_url(struct message *why, const char *url, const char *reason)
{
	message_set(why, "cannot use the URL ");
	message_add_quoted(why, span_str(url));
	message_add(why, ": %s", reason);
	return AC_ERR_FORMAT;
}

static bool
has_part(CURLU *u, CURLUPart part)
{
	char *s = NULL;
	bool has = curl_url_get(u, part, &s, 0) == CURLUE_OK;

	curl_free(s);
	return has;
}

static bool
is_http(CURLU *u)
{
	char *s = NULL;
	bool is = curl_url_get(u, CURLUPART_SCHEME, &s, 0) == CURLUE_OK &&
	    (strcmp(s, "http") == 0 || strcmp(s, "https") == 0);

	curl_free(s);
	return is;
}

enum ac_err
http_url(char **out, const char *base, const char *path, struct message *why)
{
	CURLU *u = curl_url();
	size_t n = strlen(base);
	enum ac_err e = AC_OK;

	if (u == NULL) {
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	if (curl_url_set(u, CURLUPART_URL, base,
	    CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK || !is_http(u))
		e = bad_url(why, base, "it must begin with https:// or http:// "
		    "and a host");
	else if (has_part(u, CURLUPART_USER) ||
	    has_part(u, CURLUPART_PASSWORD))
		e = bad_url(why, base, "leave out the user and password");
	else if (strpbrk(base, "?#") != NULL)
		e = bad_url(why, base, "leave out the query and fragment");
	curl_url_cleanup(u);
	if (e != AC_OK)
		return e;
	while (n > 0 && base[n - 1] == '/')
		n--;
	while (*path == '/')
		path++;
	if (asprintf(out, "%.*s/%s", (int)n, base, path) < 0) {
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	return AC_OK;
}

static size_t
take_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)size; /* always 1 */
	wr_bytes(&t->body, span_of(p, n));
	if (t->body.err == AC_ERR_LIMIT)
		t->too_large = true;
	return t->body.err == AC_OK ? n : 0;
}

static size_t
take_header(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)p;
	(void)size;
	t->headers += n;
	if (t->headers <= HEADERS_MAX)
		return n;
	t->headers_too_large = true;
	return 0;
}

/* libcurl asks this about once a second, and whenever bytes move. */
static int
is_stopped(void *arg, curl_off_t total, curl_off_t now, curl_off_t uptotal,
    curl_off_t upnow)
{
	const struct http_client *h = arg;

	(void)total;
	(void)now;
	(void)uptotal;
	(void)upnow;
	return h->stop != NULL && *h->stop != 0;
}

static const char *
env(const char *name)
{
	const char *s = getenv(name);

	return s != NULL && *s != '\0' ? s : NULL;
}

/* Options of every request.  The CA variables are those of the curl program. */
static bool
set_up(struct http_client *h, struct transfer *t, const char *url, size_t max,
    unsigned timeout_s, char *detail)
{
	/* What cannot be compressed becomes a little larger on its way. */
	curl_off_t on_the_way = (curl_off_t)(max + max / 64 + 1024);
	CURL *c = h->curl;
	const char *bundle = env("CURL_CA_BUNDLE"), *dir = NULL;

	if (bundle == NULL) {
		bundle = env("SSL_CERT_FILE");
		dir = env("SSL_CERT_DIR");
	}
	if ((bundle != NULL &&
	    curl_easy_setopt(c, CURLOPT_CAINFO, bundle) != CURLE_OK) ||
	    (dir != NULL &&
	    curl_easy_setopt(c, CURLOPT_CAPATH, dir) != CURLE_OK))
		return false;
	return curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT,
	    (long)HTTP_CONNECT_S) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)timeout_s) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, is_stopped) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_XFERINFODATA, h) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, on_the_way) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_USERAGENT, "aicert/" AICERT_VERSION) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HEADERDATA, t) == CURLE_OK;
}

/* Append a header to *list.  false: no memory. */
static bool
append(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer != NULL)
		*list = longer;
	return longer != NULL;
}

static bool
set_post(const struct http_client *h, struct curl_slist **headers,
    const char *type, struct span body)
{
	char line[HTTP_TYPE_MAX + 32];
	int n = snprintf(line, sizeof(line), "Content-Type: %s", type);
	struct curl_slist *list = NULL;
	bool ok = n >= 0 && (size_t)n < sizeof(line) && append(&list, line);
	CURL *c = h->curl;

	for (const struct curl_slist *s = h->headers; ok && s != NULL;
	    s = s->next)
		ok = append(&list, s->data);
	*headers = list;
	return ok && curl_easy_setopt(c, CURLOPT_HTTPHEADER, list) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)body.len) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.p) == CURLE_OK;
}

/* What went wrong, in our words, and what to do about it. */
static enum ac_err
explain(struct message *why, const char *url, CURLcode code,
    const struct transfer *t, size_t max, unsigned timeout_s,
    const char *detail)
{
	enum ac_err e = AC_ERR_BUSY;

	message_set(why, "cannot get an answer from ");
	message_add_quoted(why, span_str(url));
	if (t->too_large || code == CURLE_FILESIZE_EXCEEDED) {
		message_add(why, ": it is larger than %zu bytes; is that the "
		    "right server?", max);
		return AC_ERR_LIMIT;
	}
	if (t->headers_too_large) {
		message_add(why, ": its headers are larger than %zu bytes; is "
		    "that the right server?", HEADERS_MAX);
		return AC_ERR_LIMIT;
	}
	switch ((int)code) {
	case CURLE_OUT_OF_MEMORY:
		message_add(why, ": out of memory");
		return AC_ERR_MEMORY;
	case CURLE_URL_MALFORMAT:
		message_add(why, ": it must be an http or https URL");
		return AC_ERR_FORMAT;
	case CURLE_TOO_MANY_REDIRECTS:
		message_add(why, ": redirected more than %d times",
		    HTTP_REDIRECTS);
		return AC_ERR_MISMATCH;
	case CURLE_UNSUPPORTED_PROTOCOL: /* also a scheme that is not ours */
	case CURLE_WEIRD_SERVER_REPLY:
		message_add(why, ": what answers there does not speak HTTP; "
		    "check scheme and port");
		e = AC_ERR_FORMAT;
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		message_add(why, ": there is no such host; check the URL, the "
		    "network and the proxy variables");
		break;
	case CURLE_COULDNT_CONNECT:
		message_add(why, ": nobody answers there; is the server "
		    "running, and are host and port right?");
		break;
	case CURLE_OPERATION_TIMEDOUT:
		message_add(why, ": timed out (%d s to connect, %u s in all); "
		    "try again later", HTTP_CONNECT_S, timeout_s);
		break;
	case CURLE_ABORTED_BY_CALLBACK:
		message_add(why, ": stopped");
		return AC_ERR_BUSY;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CONNECT_ERROR:
		message_add(why, ": no trusted TLS connection; a private CA is "
		    "named by SSL_CERT_FILE");
		e = AC_ERR_CRYPTO;
		break;
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		message_add(why, ": the connection ended before the answer was "
		    "complete; try again");
		break;
	default:
		message_add(why, ": the request failed");
		break;
	}
	message_add(why, " (");
	message_add_quoted(why, span_str(*detail != '\0' ? detail :
	    curl_easy_strerror(code)));
	message_add(why, ")");
	return e;
}

/* The media type, lower case, without parameters and trailing blanks. */
static void
take_type(char out[HTTP_TYPE_MAX], const char *header)
{
	size_t n = 0;

	for (; header != NULL && n < HTTP_TYPE_MAX - 1; header++) {
		char c = *header;

		if (c == '\0' || c == ';' || c == ' ' || c == '\t')
			break;
		out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	out[n] = '\0';
}

/* What a client tells of the answer that it had last. */
static void
remember(struct http_client *h)
{
	struct curl_header *header;
	long status = 0;

	free(h->kept);
	h->kept = NULL;
	if (curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status) !=
	    CURLE_OK || status < 100 || status > 999)
		status = 0;
	h->status = (unsigned)status;
	if (h->keep != NULL && curl_easy_header(h->curl, h->keep, 0,
	    CURLH_HEADER, -1, &header) == CURLHE_OK)
		h->kept = strdup(header->value);
}

/* Status, type and Retry-After of a finished transfer. */
static enum ac_err
take_answer(struct http_answer *a, CURL *c, const char *url,
    struct message *why)
{
	char *type = NULL, *to = NULL;
	curl_off_t retry = 0;
	long status = 0;

	if (curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
	    curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type) != CURLE_OK ||
	    curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &retry) != CURLE_OK ||
	    curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &to) != CURLE_OK ||
	    status < 100 || status > 999) {
		message_set(why, "no HTTP answer from ");
		message_add_quoted(why, span_str(url));
		return AC_ERR_FORMAT;
	}
	if (status >= 300 && status < 400) {
		message_set(why, "will not follow a redirect (%ld) of ", status);
		message_add_quoted(why, span_str(url));
		if (to != NULL) {
			message_add(why, " to ");
			message_add_quoted(why, span_str(to));
		}
		message_add(why, "; name the right URL yourself");
		return AC_ERR_MISMATCH;
	}
	a->status = (unsigned)status;
	take_type(a->type, type);
	a->has_retry = retry > 0;
	a->retry_s = retry > 0 ? (uint64_t)retry : 0;
	return AC_OK;
}

static enum ac_err
perform(struct http_client *h, struct http_answer *out, const char *url,
    const char *type, struct span body, size_t max, unsigned timeout_s,
    struct message *why)
{
	char detail[CURL_ERROR_SIZE] = "";
	struct transfer t = { .headers = 0 };
	struct http_answer a = { 0 };
	struct curl_slist *headers = NULL;
	enum ac_err e = AC_ERR_MEMORY;
	CURLcode code;

	wr_init(&t.body, max);
	message_set(why, "out of memory");
	if (!set_up(h, &t, url, max, timeout_s, detail) ||
	    (type != NULL && !set_post(h, &headers, type, body)))
		goto out;
	code = curl_easy_perform(h->curl);
	if (code != CURLE_OK) {
		e = explain(why, url, code, &t, max, timeout_s, detail);
		goto out;
	}
	e = take_answer(&a, h->curl, url, why);
	if (e != AC_OK)
		goto out;
	e = wr_end(&t.body, &a.body);
	if (e != AC_OK) {
		message_set(why, "%s", ac_strerror(e));
		goto out;
	}
	*out = a;
out:
	wr_free(&t.body);
	remember(h);
	/* The connections stay; options point to what ends with this call. */
	curl_easy_reset(h->curl);
	curl_slist_free_all(headers);
	return e;
}

enum ac_err
http_client_new(struct http_client **out, const volatile sig_atomic_t *stop)
{
	struct http_client *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return AC_ERR_MEMORY;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(h);
		return AC_ERR_MEMORY;
	}
	h->curl = curl_easy_init();
	h->stop = stop;
	if (h->curl == NULL) {
		http_client_free(h);
		return AC_ERR_MEMORY;
	}
	*out = h;
	return AC_OK;
}

enum ac_err
http_client_get(struct http_client *h, struct http_answer *out,
    const char *url, size_t max, unsigned timeout_s, struct message *why)
{
	return perform(h, out, url, NULL, span_of(NULL, 0), max, timeout_s,
	    why);
}

enum ac_err
http_client_post(struct http_client *h, struct http_answer *out,
    const char *url, const char *type, struct span body, size_t max,
    unsigned timeout_s, struct message *why)
{
	return perform(h, out, url, type, body, max, timeout_s, why);
}

/* ---- downloads ---- */

struct download {
	struct http_client *h;
	const struct http_sink *sink;
	uint64_t have;  /* bytes handed on */
	uint64_t skip;  /* of this answer, which begins anew, to be dropped */
	uint64_t total; /* of the whole; 0: not said */
	bool begun;     /* this answer's status was looked at */
	long status;
	enum ac_err err; /* of the sink */
	size_t headers;
};

/* What this answer is: the rest, the whole once more, or none of it. */
static bool
begin_body(struct download *d)
{
	curl_off_t length = -1;
	long status = 0;

	d->begun = true;
	if (curl_easy_getinfo(d->h->curl, CURLINFO_RESPONSE_CODE, &status) !=
	    CURLE_OK || curl_easy_getinfo(d->h->curl,
	    CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) != CURLE_OK)
		return false;
	d->status = status;
	if (status == 200)
		d->skip = d->have;
	else if (status != 206 || d->have == 0)
		return false;
	if (length >= 0)
		d->total = (uint64_t)length + d->have - d->skip;
	return true;
}

static size_t
take_part(char *p, size_t size, size_t n, void *arg)
{
	struct download *d = arg;
	struct span s = span_of(p, n);

	(void)size; /* always 1 */
	if (!d->begun && !begin_body(d))
		return 0;
	if (d->skip > 0) {
		size_t drop = d->skip < s.len ? (size_t)d->skip : s.len;

		d->skip -= drop;
		s = span_of(s.p + drop, s.len - drop);
	}
	if (s.len > 0) {
		d->err = d->sink->write(d->sink->arg, s, d->total);
		if (d->err != AC_OK)
			return 0;
		d->have += s.len;
	}
	return n;
}

static size_t
count_header(char *p, size_t size, size_t n, void *arg)
{
	struct download *d = arg;

	(void)p;
	(void)size;
	d->headers += n;
	return d->headers <= HTTP_REDIRECTS * HEADERS_MAX ? n : 0;
}

static bool
set_fetch(struct download *d, const char *url, char *detail)
{
	static const struct transfer none;
	CURL *c = d->h->curl;
	char range[32];
	union {
		const struct transfer *given;
		struct transfer *unused;
	} t = { &none };

	(void)snprintf(range, sizeof(range), "%llu-",
	    (unsigned long long)d->have);
	/* Refused where a try that failed still has its buffer, which does. */
	(void)curl_easy_setopt(c, CURLOPT_BUFFERSIZE, FETCH_BUFFER);
	return set_up(d->h, t.unused, url, 0, 0, detail) &&
	    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)0) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, NULL) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR,
	    strncmp(url, "https:", 6) == 0 ? "https" : "http,https") ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)HTTP_SILENT_S) ==
	    CURLE_OK &&
	    (d->have == 0 ||
	    curl_easy_setopt(c, CURLOPT_RANGE, range) == CURLE_OK) &&
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_part) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, d) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, count_header) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HEADERDATA, d) == CURLE_OK;
}

/* The answer was no file. */
static enum ac_err
bad_status(const struct download *d, const char *url, struct message *why)
{
	message_set(why, "cannot fetch ");
	message_add_quoted(why, span_str(url));
	if (d->status == 416) {
		message_add(why, ": it became shorter while it was fetched");
		return AC_ERR_MISMATCH;
	}
	message_add(why, ": the server answered %ld", d->status);
	if (d->status == 404 || d->status == 410)
		return AC_ERR_NOT_FOUND;
	return d->status == 429 || d->status >= 500 ? AC_ERR_BUSY :
	    AC_ERR_MISMATCH;
}

/* One request.  AC_ERR_BUSY: may be tried again. */
static enum ac_err
fetch_once(struct download *d, const char *url, struct message *why)
{
	static const struct transfer none;
	char detail[CURL_ERROR_SIZE] = "";
	enum ac_err e = AC_OK;
	CURLcode code;

	d->begun = false;
	d->status = 0;
	d->skip = 0;
	d->headers = 0;
	message_set(why, "out of memory");
	if (!set_fetch(d, url, detail)) {
		curl_easy_reset(d->h->curl);
		return AC_ERR_MEMORY;
	}
	code = curl_easy_perform(d->h->curl);
	/* A file of no bytes, or a refusal without a body. */
	if (code == CURLE_OK && !d->begun && !begin_body(d))
		code = CURLE_WRITE_ERROR;
	if (d->err != AC_OK)
		e = d->err;
	else if (d->status != 0 && d->status != 200 &&
	    (d->status != 206 || d->have == 0))
		e = bad_status(d, url, why);
	else if (code != CURLE_OK)
		e = explain(why, url, code, &none, 0, HTTP_SILENT_S, detail);
	remember(d->h);
	curl_easy_reset(d->h->curl);
	return e;
}

enum ac_err
http_client_fetch(struct http_client *h, const char *url,
    const struct http_sink *sink, struct message *why)
{
	struct download d = { .h = h, .sink = sink };
	unsigned tries = 0;
	enum ac_err e;

	for (;;) {
		uint64_t before = d.have;
		struct timespec pause = { .tv_nsec = 100000000 };

		e = fetch_once(&d, url, why);
		if (e != AC_ERR_BUSY || d.err != AC_OK)
			return e;
		tries = d.have > before ? 1 : tries + 1;
		if (tries == HTTP_TRIES || (h->stop != NULL && *h->stop != 0))
			return e;
		for (unsigned i = 0; i < tries; i++)
			pause.tv_nsec *= 2;
		if (pause.tv_nsec >= 1000000000) {
			pause.tv_sec = pause.tv_nsec / 1000000000;
			pause.tv_nsec %= 1000000000;
		}
		(void)nanosleep(&pause, NULL);
	}
}

enum ac_err
http_client_headers(struct http_client *h, const char *const header[],
    size_t n)
{
	struct curl_slist *list = NULL;

	for (size_t i = 0; i < n; i++)
		if (!append(&list, header[i])) {
			curl_slist_free_all(list);
			return AC_ERR_MEMORY;
		}
	curl_slist_free_all(h->headers);
	h->headers = list; /* transferred */
	return AC_OK;
}

void
http_client_keep(struct http_client *h, const char *name)
{
	h->keep = name;
}

unsigned
http_client_status(const struct http_client *h)
{
	return h->status;
}

const char *
http_client_kept(const struct http_client *h)
{
	return h->kept;
}

void
http_client_free(struct http_client *h)
{
	if (h == NULL)
		return;
	curl_slist_free_all(h->headers);
	free(h->kept);
	curl_easy_cleanup(h->curl);
	curl_global_cleanup();
	free(h);
}

/* One request by a client of its own. */
static enum ac_err
once(struct http_answer *out, const char *url, const char *type,
    struct span body, size_t max, unsigned timeout_s, struct message *why)
{
	struct http_client *h = NULL;
	enum ac_err e = http_client_new(&h, NULL);

	if (e != AC_OK) {
		message_set(why, "out of memory");
		return e;
	}
	e = perform(h, out, url, type, body, max, timeout_s, why);
	http_client_free(h);
	return e;
}

enum ac_err
http_get(struct http_answer *out, const char *url, size_t max,
    unsigned timeout_s, struct message *why)
{
	return once(out, url, NULL, span_of(NULL, 0), max, timeout_s, why);
}

enum ac_err
http_post(struct http_answer *out, const char *url, const char *type,
    struct span body, size_t max, unsigned timeout_s, struct message *why)
{
	return once(out, url, type, body, max, timeout_s, why);
}

/* ---- an upload ---- */

struct upload {
	int fd;
	uint64_t sent;
	void (*tell)(void *arg, uint64_t sent);
	void *arg;
};

static size_t
give_part(char *p, size_t size, size_t n, void *arg)
{
	struct upload *u = arg;
	ssize_t got;

	(void)size; /* always 1 */
	do
		got = read(u->fd, p, n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return CURL_READFUNC_ABORT;
	u->sent += (uint64_t)got;
	u->tell(u->arg, u->sent);
	return (size_t)got;
}

enum ac_err
http_client_put(struct http_client *h, struct http_answer *out,
    const char *url, int fd, uint64_t bytes, size_t max,
    void (*tell)(void *arg, uint64_t sent), void *arg, struct message *why)
{
	/* Whoever has a signed URL may write there: it is in no message. */
	static const char shown[] = "the signed URL";
	char detail[CURL_ERROR_SIZE] = "";
	struct upload u = { .fd = fd, .tell = tell, .arg = arg };
	struct transfer t = { .headers = 0 };
	struct http_answer a = { 0 };
	CURL *c = h->curl;
	CURLcode code;
	enum ac_err e = AC_ERR_MEMORY;

	wr_init(&t.body, max);
	message_set(why, "out of memory");
	if (!set_up(h, &t, url, max, 0, detail) ||
	    curl_easy_setopt(c, CURLOPT_UPLOAD, 1L) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)bytes) !=
	    CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_READFUNCTION, give_part) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_READDATA, &u) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)HTTP_SILENT_S) !=
	    CURLE_OK)
		goto out;
	code = curl_easy_perform(c);
	if (code != CURLE_OK) {
		e = explain(why, shown, code, &t, max, HTTP_SILENT_S, detail);
		goto out;
	}
	e = take_answer(&a, c, shown, why);
	if (e == AC_OK)
		e = wr_end(&t.body, &a.body);
	if (e == AC_OK)
		*out = a;
out:
	wr_free(&t.body);
	curl_easy_reset(c);
	return e;
}

/* ---- a server that is known by its key ---- */

struct http_peer {
	struct http_client client;
	const char *base;
	bool greeting; /* only then a connection may be opened */
};

/* What take_asked() needs to know. */
struct asked {
	struct transfer t; /* first: take_header() has it */
	CURL *curl;
	const struct http_sink *sink;
	enum ac_err err;
	bool begun, sinks;
	uint64_t total;
};

enum ac_err
http_peer_new(struct http_peer **out, const char *base,
    const volatile sig_atomic_t *stop, struct message *why)
{
	struct http_peer *p;

	if (strncmp(base, "https://", 8) != 0)
		return bad_url(why, base, "it must begin with https://");
	p = calloc(1, sizeof(*p));
	message_set(why, "out of memory");
	if (p == NULL)
		return AC_ERR_MEMORY;
	p->base = base;
	p->client.stop = stop;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(p);
		return AC_ERR_MEMORY;
	}
	p->client.curl = curl_easy_init();
	if (p->client.curl == NULL) {
		http_peer_free(p);
		return AC_ERR_MEMORY;
	}
	*out = p;
	return AC_OK;
}

/* libcurl asks for a socket whenever it connects. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	const struct http_peer *p = arg;

	(void)purpose;
	return p->greeting ? socket(a->family, a->socktype | SOCK_CLOEXEC,
	    a->protocol) : CURL_SOCKET_BAD;
}

static size_t
take_asked(char *p, size_t size, size_t n, void *arg)
{
	struct asked *k = arg;
	curl_off_t total = 0;
	long status = 0;

	if (!k->begun) {
		k->begun = true;
		(void)curl_easy_getinfo(k->curl, CURLINFO_RESPONSE_CODE,
		    &status);
		(void)curl_easy_getinfo(k->curl,
		    CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &total);
		k->sinks = k->sink != NULL && (status == 200 || status == 206);
		k->total = total > 0 ? (uint64_t)total : 0;
	}
	if (!k->sinks)
		return take_body(p, size, n, &k->t);
	k->err = k->sink->write(k->sink->arg, span_of(p, n), k->total);
	return k->err == AC_OK ? n : 0;
}

static bool
set_peer(struct http_peer *p, struct asked *k, const char *url,
    const struct http_ask *ask, char *detail)
{
	CURL *c = p->client.curl;

	return set_up(&p->client, &k->t, url, ask->max, ask->timeout_s,
	    detail) &&
	    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)0) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, NULL) == CURLE_OK &&
	    /* The caller compares the key with what a TPM says. */
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_3) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_CERTINFO, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, p->greeting ? 1L :
	    0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_MAXCONNECTS, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, p) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)HTTP_SILENT_S) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_asked) ==
	    CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, k) == CURLE_OK;
}

/* The certificate of the server, of the connection that was just opened. */
static enum ac_err
take_certificate(struct http_peer *p, struct buf *pem)
{
	static const char name[] = "Cert:";
	struct curl_certinfo *chain = NULL;

	if (curl_easy_getinfo(p->client.curl, CURLINFO_CERTINFO, &chain) !=
	    CURLE_OK || chain == NULL || chain->num_of_certs < 1)
		return AC_ERR_FORMAT;
	for (struct curl_slist *s = chain->certinfo[0]; s != NULL; s = s->next)
		if (strncmp(s->data, name, sizeof(name) - 1) == 0)
			return buf_copy(pem, span_str(s->data + sizeof(name) -
			    1));
	return AC_ERR_FORMAT;
}

/* One request; pem is NULL but for a greeting. */
static enum ac_err
ask_peer(struct http_peer *p, struct http_answer *out, struct buf *pem,
    const struct http_ask *ask, struct message *why)
{
	char detail[CURL_ERROR_SIZE] = "", *url = NULL;
	struct asked k = { .curl = p->client.curl, .sink = ask->sink };
	struct http_answer a = { 0 };
	struct curl_slist *headers = NULL;
	enum ac_err e = AC_ERR_MEMORY;
	CURLcode code;

	wr_init(&k.t.body, ask->max);
	message_set(why, "out of memory");
	if (asprintf(&url, "%s%s", p->base, ask->path) < 0) {
		url = NULL;
		goto out;
	}
	if (http_client_headers(&p->client, ask->header, ask->nheaders) !=
	    AC_OK || !set_peer(p, &k, url, ask, detail) ||
	    (ask->type != NULL && !set_post(&p->client, &headers, ask->type,
	    ask->body)))
		goto out;
	code = curl_easy_perform(p->client.curl);
	if (k.err != AC_OK) {
		e = k.err;
		goto out;
	}
	if (code == CURLE_COULDNT_CONNECT && !p->greeting) {
		message_set(why, "the connection to ");
		message_add_quoted(why, span_str(p->base));
		message_add(why, " ended");
		e = AC_ERR_BUSY;
		goto out;
	}
	if (code != CURLE_OK) {
		e = explain(why, url, code, &k.t, ask->max, ask->timeout_s,
		    detail);
		/* No CA is asked: the handshake was cut off. */
		if (code == CURLE_SSL_CONNECT_ERROR)
			e = AC_ERR_BUSY;
		goto out;
	}
	if (pem != NULL && take_certificate(p, pem) != AC_OK) {
		message_set(why, "the server shows no certificate");
		e = AC_ERR_FORMAT;
		goto out;
	}
	e = take_answer(&a, p->client.curl, url, why);
	if (e == AC_OK)
		e = wr_end(&k.t.body, &a.body);
	if (e == AC_OK)
		*out = a;
out:
	wr_free(&k.t.body);
	/* Here too the connection stays. */
	curl_easy_reset(p->client.curl);
	curl_slist_free_all(headers);
	free(url);
	return e;
}

enum ac_err
http_peer_greet(struct http_peer *p, struct http_answer *out, struct buf *pem,
    const char *path, size_t max, unsigned timeout_s, struct message *why)
{
	const struct http_ask ask = { .path = path, .max = max,
		.timeout_s = timeout_s };
	enum ac_err e;

	p->greeting = true;
	e = ask_peer(p, out, pem, &ask, why);
	p->greeting = false;
	return e;
}

enum ac_err
http_peer_ask(struct http_peer *p, struct http_answer *out,
    const struct http_ask *ask, struct message *why)
{
	return ask_peer(p, out, NULL, ask, why);
}

void
http_peer_part(struct http_peer *p)
{
	CURL *fresh = curl_easy_init();

	/* Its connection goes with a handle; without memory for another one
	 * every further request fails. */
	curl_easy_cleanup(p->client.curl);
	p->client.curl = fresh;
}

void
http_peer_free(struct http_peer *p)
{
	if (p == NULL)
		return;
	curl_easy_cleanup(p->client.curl);
	curl_slist_free_all(p->client.headers);
	free(p->client.kept);
	curl_global_cleanup();
	free(p);
}

void
http_answer_free(struct http_answer *a)
{
	buf_free(&a->body);
	*a = (struct http_answer){ 0 };
}
