/*
 * http.h -- one HTTP request and its whole answer, by libcurl: the client's
 * side of every program, and the one door to that library.
 *
 * http and https only, no redirects but of downloads, no cookies.  An answer may be compressed
 * by gzip, as logs do with entry bundles; caps count what comes out.  Proxies
 * are those of the usual variables (http_proxy, https_proxy, no_proxy), trusted
 * CAs those of CURL_CA_BUNDLE or SSL_CERT_FILE and SSL_CERT_DIR, else the
 * system's.
 */
#ifndef AICERT_COMMON_HTTP_H
#define AICERT_COMMON_HTTP_H

#include "common/message.h"
#include "common/writer.h"

#include <signal.h>

#define HTTP_CONNECT_S 10  /* seconds to a connection */
#define HTTP_TIMEOUT_S 120 /* seconds for a whole request, where not said */
#define HTTP_REDIRECTS 10
#define HTTP_SILENT_S 60
#define HTTP_TRIES 5
#define HTTP_TYPE_MAX 128  /* bytes of a Content-Type that are kept */

struct http_answer {
	unsigned status;         /* 100 to 999; never 3xx */
	char type[HTTP_TYPE_MAX]; /* media type without parameters, lower case */
	bool has_retry;
	uint64_t retry_s;        /* Retry-After, in seconds from now */
	struct buf body;         /* owned */
};

/*
 * The URL base/path with one slash between, owned by the caller.
 * AC_ERR_FORMAT: base is not an http or https URL of a host, or it has a user,
 * query or fragment; AC_ERR_MEMORY.  *why is set on failure.
 */
AC_MUST_CHECK enum ac_err http_url(char **out, const char *base,
    const char *path, struct message *why);

/*
 * GET url, or POST body of media type to it, within timeout_s seconds.  Any
 * status but 3xx is an answer.  AC_ERR_LIMIT: the body of the answer is larger
 * than max bytes; AC_ERR_MISMATCH: a redirect; AC_ERR_FORMAT: no HTTP, or no
 * http URL; AC_ERR_CRYPTO: TLS refused the peer; AC_ERR_BUSY: not reached,
 * timed out or cut off, may work later; AC_ERR_MEMORY.  *why is set on
 * failure and says what to do next.
 */
AC_MUST_CHECK enum ac_err http_get(struct http_answer *out, const char *url,
    size_t max, unsigned timeout_s, struct message *why);
AC_MUST_CHECK enum ac_err http_post(struct http_answer *out, const char *url,
    const char *type, struct span body, size_t max, unsigned timeout_s,
    struct message *why);

/*
 * A client whose requests reuse the connections of earlier ones; for one
 * thread at a time.  Where stop is not NULL, *stop != 0 ends the request under
 * way with AC_ERR_BUSY.  http_client_get() and _post() are http_get() and
 * http_post() by it.  AC_ERR_MEMORY.
 */
struct http_client;

AC_MUST_CHECK enum ac_err http_client_new(struct http_client **out,
    const volatile sig_atomic_t *stop);
AC_MUST_CHECK enum ac_err http_client_get(struct http_client *h,
    struct http_answer *out, const char *url, size_t max, unsigned timeout_s,
    struct message *why);
AC_MUST_CHECK enum ac_err http_client_post(struct http_client *h,
    struct http_answer *out, const char *url, const char *type,
    struct span body, size_t max, unsigned timeout_s, struct message *why);

/*
 * A download of any length, handed on as it comes; total is the length that
 * the whole has, 0 where the server does not say.
 */
struct http_sink {
	enum ac_err (*write)(void *arg, struct span bytes, uint64_t total);
	void *arg;
};

/*
 * GET url, following up to HTTP_REDIRECTS redirects but none from https to
 * http.  A connection that ends early or is silent for HTTP_SILENT_S is taken
 * up where it ended (a Range request), HTTP_TRIES times without a byte in
 * between.  The bytes may be of two versions then: check their digest.
 * AC_ERR_NOT_FOUND: 404 or 410; AC_ERR_MISMATCH: another status, or a file
 * that became shorter; sink's own errors; else as http_get().  *why is set
 * but for the sink's.
 */
AC_MUST_CHECK enum ac_err http_client_fetch(struct http_client *h,
    const char *url, const struct http_sink *sink, struct message *why);

/*
 * Send header[0..n), each "Name: value", with every request from now on, in
 * the place of those before; a redirect to another host is not sent an
 * Authorization.  AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err http_client_headers(struct http_client *h,
    const char *const header[], size_t n);

/* Keep the header of that name, borrowed, of every answer from now on. */
void http_client_keep(struct http_client *h, const char *name);

/* Of the last answer: its status, 0 for none, and the header that was kept. */
unsigned http_client_status(const struct http_client *h);
const char *http_client_kept(const struct http_client *h);

/*
 * PUT the next bytes bytes of fd to url, which is in no message; tell is told of
 * all that is sent so far, now and then.  Silence for HTTP_SILENT_S ends it.  Fails as http_get(),
 * with max for the body of the answer.
 */
AC_MUST_CHECK enum ac_err http_client_put(struct http_client *h,
    struct http_answer *out, const char *url, int fd, uint64_t bytes,
    size_t max, void (*tell)(void *arg, uint64_t sent), void *arg,
    struct message *why);

void http_client_free(struct http_client *h);

/*
 * A server that is known by its key, whoever signed its certificate: the key is
 * judged by the caller, on each connection and before anything else goes over
 * it.  TLS 1.3 only, one connection at a time.  base is "https://HOST:PORT";
 * stop as above, and both outlive *out.  AC_ERR_FORMAT, AC_ERR_MEMORY; *why is
 * set.
 */
struct http_peer;

AC_MUST_CHECK enum ac_err http_peer_new(struct http_peer **out,
    const char *base, const volatile sig_atomic_t *stop, struct message *why);

/*
 * Connect anew and GET path, which begins with '/': *pem is the certificate
 * that the server showed on this connection, owned.  Fails as http_get().
 */
AC_MUST_CHECK enum ac_err http_peer_greet(struct http_peer *p,
    struct http_answer *out, struct buf *pem, const char *path, size_t max,
    unsigned timeout_s, struct message *why);

/* Forget the connection: nothing more goes over it. */
void http_peer_part(struct http_peer *p);

struct http_ask {
	const char *path;
	const char *type;    /* of body: POST; NULL: GET */
	struct span body;
	const char *const *header; /* "Name: value" */
	size_t nheaders;
	size_t max;          /* bytes of the answer */
	unsigned timeout_s;  /* of the whole; 0: HTTP_SILENT_S of silence */
	/* Takes the body of 200 and 206 in its place; NULL: none does. */
	const struct http_sink *sink;
};

/*
 * Ask over the connection of the last greeting and over no other.
 * AC_ERR_BUSY: there is none any more, or it ended on the way; greet it again.
 * sink's own errors; else as http_get().
 */
AC_MUST_CHECK enum ac_err http_peer_ask(struct http_peer *p,
    struct http_answer *out, const struct http_ask *ask, struct message *why);

void http_peer_free(struct http_peer *p);

void http_answer_free(struct http_answer *a);

#endif
