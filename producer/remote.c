/* remote.c -- requests to an agent, attested; see remote.h. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "cert/limits.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "producer/events.h"
#include "producer/remote.h"
#include "verifier/attested.h"

#define ASK_S 120          /* for a request that is no transfer */
#define CONFIGURE_S 180    /* the agent parses it meanwhile */
#define PAUSE_MS 250       /* between two tries, at first */
#define PAUSE_MAX_MS 5000
#define PROBLEM_MAX (64 * KIB)
#define PATH_MAX_LEN (3 * FILE_PATH_MAX + 64)
#define AUTHORIZATION "Authorization: Bearer "

struct remote {
	const struct remote_options *options;
	struct remote_build *build;
	struct http_peer *peer;
	char *base;
	bool connected;
	struct verification *shown;
	struct buf answer;     /* what shown borrows from */
	char header[sizeof(AUTHORIZATION) + 64];
};

static void
tell(const struct remote *r, const struct message *m)
{
	r->options->tell(r->options->arg, m->text);
}

static bool
is_stopped(const struct remote *r)
{
	return r->options->stop != NULL && *r->options->stop != 0;
}

enum ac_err
remote_new(struct remote **out, const struct remote_options *options,
    struct remote_build *build, struct message *why)
{
	static const char scheme[] = "https://";
	bool has = strncmp(options->address, scheme, sizeof(scheme) - 1) == 0;
	struct remote *r = calloc(1, sizeof(*r));
	size_t n;
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory");
	if (r == NULL)
		return e;
	r->options = options;
	r->build = build;
	if (asprintf(&r->base, "%s%s", has ? "" : scheme, options->address) <
	    0) {
		r->base = NULL;
		goto out;
	}
	n = strlen(r->base);
	while (n > 0 && r->base[n - 1] == '/')
		r->base[--n] = '\0';
	(void)snprintf(r->header, sizeof(r->header), "%s", AUTHORIZATION);
	n = strlen(r->header);
	text_hex(r->header + n, span_of(build->token, sizeof(build->token)));
	r->header[n + 64] = '\0';
	e = http_peer_new(&r->peer, r->base, options->stop, why);
	if (e != AC_OK)
		goto out;
	*out = r;
	return AC_OK; /* transferred */
out:
	remote_free(r);
	return e;
}

void
remote_free(struct remote *r)
{
	if (r == NULL)
		return;
	http_peer_free(r->peer);
	verification_free(r->shown);
	buf_free(&r->answer);
	free(r->base);
	free(r);
}

const struct verification *
remote_shown(const struct remote *r)
{
	return r->shown;
}

/* ---- attestation ---- */

/* The SPKI of a certificate that the peer showed. */
static enum ac_err
take_spki(struct buf *out, const struct buf *pem)
{
	BIO *bio = pem->len > INT32_MAX ? NULL :
	    BIO_new_mem_buf(pem->p, (int)pem->len);
	X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL,
	    NULL);
	uint8_t *der = NULL;
	int n = x == NULL ? -1 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x),
	    &der);
	enum ac_err e = n <= 0 ? AC_ERR_FORMAT :
	    buf_copy(out, span_of(der, (size_t)n));

	OPENSSL_free(der);
	X509_free(x);
	BIO_free(bio);
	return e;
}

/*
 * Has the machine a configuration, and is it ours?  One that never arrived may
 * be sent again: nothing is taken back from PCR 14 within a boot.
 */
static enum ac_err
check_configuration(const struct remote *r, const struct evidence *ev,
    struct message *why)
{
	struct event event;
	struct digest config, builder;
	bool ours;

	r->build->configured = ev->ninputs > 0;
	if (ev->ninputs == 0 && ev->noutputs == 0)
		return AC_OK;
	if (ev->ninputs == 0 ||
	    event_decode(&event, buf_span(&ev->inputs_log[0])) != AC_OK)
		return BECAUSE(why, AC_ERR_FORMAT, "the first event of the "
		    "machine is malformed");
	ours = event.type == EVENT_CONFIGURATION &&
	    json_digest(json_get(event.resolved, "sha256"), &config) &&
	    json_digest(json_get(event.resolved, "builderKey"), &builder) &&
	    digest_equal(&config, &r->build->config) &&
	    digest_equal(&builder, &r->build->builder);
	event_free(&event);
	if (ours)
		return AC_OK;
	return BECAUSE(why, AC_ERR_MISMATCH, "somebody else has sent this "
	    "machine a configuration already: the one in PCR 14 is not ours; "
	    "it has to boot anew, and yours to be the first");
}

/* The machine behind the connection that was just made. */
static enum ac_err
check_machine(struct remote *r, const uint8_t nonce[32],
    const struct buf *pem, struct message *why)
{
	struct attested_peer peer = { .answer = buf_span(&r->answer),
		.releases = r->options->releases,
		.now_s = (int64_t)time(NULL) };
	struct buf spki = { 0 };
	struct digest key;
	enum ac_err e = take_spki(&spki, pem);

	if (e != AC_OK)
		return BECAUSE(why, e, "the certificate of the connection "
		    "cannot be read");
	verification_free(r->shown);
	r->shown = verification_new(r->options->policy, VERIFY_MODE_UNLOGGED);
	if (r->shown == NULL) {
		buf_free(&spki);
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	}
	memcpy(peer.nonce, nonce, sizeof(peer.nonce));
	peer.spki = buf_span(&spki);
	key = sha256_of(peer.spki);
	e = attested_check(r->shown, &peer, why);
	buf_free(&spki);
	if (e != AC_OK)
		return e;
	if (r->build->has_key && !digest_equal(&key, &r->build->key))
		return BECAUSE(why, AC_ERR_MISMATCH, "the machine has another "
		    "TLS key than on the first connection, and each boot makes "
		    "its own: it was restarted, or is another one");
	e = check_configuration(r, &r->shown->cert.evidence, why);
	if (e != AC_OK)
		return e;
	r->build->key = key;
	r->build->has_key = true;
	return AC_OK;
}

enum ac_err
remote_connect(struct remote *r, struct message *why)
{
	struct http_answer answer = { 0 };
	uint8_t nonce[32];
	struct buf pem = { 0 };
	struct message what;
	char path[128] = "/attestation?nonce=";
	size_t n = strlen(path);
	enum ac_err e;

	r->connected = false;
	if (getrandom(nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		return BECAUSE(why, AC_ERR_IO, "no random bytes");
	text_hex(path + n, span_of(nonce, sizeof(nonce)));
	path[n + 64] = '\0';
	e = http_peer_greet(r->peer, &answer, &pem, path, STATEMENT_MAX,
	    ASK_S, why);
	if (e == AC_OK && answer.status == 429)
		e = BECAUSE(why, AC_ERR_BUSY, "too many ask this machine who "
		    "it is");
	else if (e == AC_OK && (answer.status != 200 ||
	    strcmp(answer.type, "application/json") != 0))
		e = BECAUSE(why, AC_ERR_FORMAT, "what answers there is no "
		    "agent: it answered the challenge with %u", answer.status);
	if (e == AC_OK) {
		buf_free(&r->answer);
		r->answer = answer.body;
		answer.body = (struct buf){ 0 }; /* transferred */
		e = check_machine(r, nonce, &pem, why);
		if (e != AC_OK) {
			what = *why;
			message_set(why, "the machine at ");
			message_add_quoted(why, span_str(r->options->address));
			message_add(why, " is refused, and was sent nothing "
			    "more: %s", what.text);
		}
	}
	http_answer_free(&answer);
	buf_free(&pem);
	r->connected = e == AC_OK;
	if (e != AC_OK)
		http_peer_part(r->peer);
	return e;
}

/* ---- requests ---- */

/* A sentence of an agent's: it has quotes of its own. */
static void
add_sentence(struct message *m, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		message_add(m, "%c", s.p[i] >= 0x20 && s.p[i] < 0x7f ?
		    s.p[i] : '?');
}

/* What an agent refused, in its own words. */
static enum ac_err
take_problem(const struct http_answer *a, struct message *why)
{
	struct json_doc doc = { 0 };
	struct span detail = { NULL, 0 };
	enum ac_err e = a->status == 409 ? AC_ERR_EXISTS :
	    a->status == 404 ? AC_ERR_NOT_FOUND : a->status == 410 ? AC_ERR_IO :
	    a->status == 413 ? AC_ERR_LIMIT : a->status == 429 ||
	    a->status >= 500 ? AC_ERR_BUSY : AC_ERR_FORMAT;

	message_set(why, "the machine answered %u", a->status);
	if (a->body.len > 0 && json_parse(&doc, buf_span(&a->body)) == AC_OK &&
	    json_string(json_get(json_root(&doc), "detail"), &detail)) {
		message_add(why, ": ");
		add_sentence(why, detail);
	}
	json_free(&doc);
	return e;
}

/* One request over an attested connection; connects where there is none. */
static enum ac_err
ask_once(struct remote *r, struct http_answer *out, struct http_ask *ask,
    struct message *why)
{
	enum ac_err e = r->connected ? AC_OK : remote_connect(r, why);

	if (e != AC_OK)
		return e;
	e = http_peer_ask(r->peer, out, ask, why);
	if (e != AC_OK) {
		r->connected = false;
		return e;
	}
	if (out->status == 200 || out->status == 201 || out->status == 202 ||
	    out->status == 206)
		return AC_OK;
	e = take_problem(out, why);
	http_answer_free(out);
	/* A refusal ends the connection where it came before the body. */
	r->connected = false;
	return e;
}

static void
pause_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

static int64_t
now_s(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec;
}

/* How long an agent has been out of reach. */
struct waiting {
	int64_t since_s;
	unsigned pause_ms;
	bool told;
};

/* After e: wait before another try, or give up (false). */
static bool
again(const struct remote *r, struct waiting *w, enum ac_err e,
    const struct message *why)
{
	struct message m;

	if (e != AC_ERR_BUSY || is_stopped(r))
		return false;
	if (w->pause_ms == 0) {
		w->since_s = now_s();
		w->pause_ms = PAUSE_MS;
	} else if (now_s() - w->since_s > (int64_t)r->options->patience_s) {
		return false;
	} else if (!w->told) {
		w->told = true;
		message_set(&m, "%s; trying again for %u seconds", why->text,
		    r->options->patience_s);
		tell(r, &m);
	}
	pause_ms(w->pause_ms);
	if (w->pause_ms < PAUSE_MAX_MS)
		w->pause_ms *= 2;
	return !is_stopped(r);
}

/* A request that may be sent twice. */
static enum ac_err
get(struct remote *r, struct http_answer *out, const char *path, size_t max,
    struct message *why)
{
	const char *header[] = { r->header };
	struct http_ask ask = { .path = path, .header = header, .nheaders = 1,
		.max = max, .timeout_s = 0 };
	struct waiting w = { .pause_ms = 0 };
	enum ac_err e;

	do
		e = ask_once(r, out, &ask, why);
	while (again(r, &w, e, why));
	return e;
}

/* Escape for a target all but what RFC 3986 leaves unreserved, and '/'. */
static void
escape(char out[PATH_MAX_LEN], const char *before, const char *name)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = strlen(before);

	memcpy(out, before, n);
	for (; *name != '\0' && n + 4 < PATH_MAX_LEN; name++) {
		uint8_t c = (uint8_t)*name;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-._~/", c) != NULL) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	out[n] = '\0';
}

enum ac_err
remote_configure(struct remote *r, const char *name, struct span bytes,
    struct message *why)
{
	const char *header[] = { r->header };
	char path[PATH_MAX_LEN + 128];
	struct http_answer answer = { 0 };
	struct http_ask ask = { .path = path, .type = "application/yaml",
		.body = bytes, .header = header, .nheaders = 1,
		.max = PROBLEM_MAX, .timeout_s = CONFIGURE_S };
	struct waiting w = { .pause_ms = 0 };
	size_t n;
	enum ac_err e;

	escape(path, "/configuration?name=", name);
	n = strlen(path);
	n += (size_t)snprintf(path + n, sizeof(path) - n, "&builder=");
	text_hex(path + n, span_digest(&r->build->builder));
	path[n + 64] = '\0';
	do {
		/* Whether it arrived, each attestation tells. */
		e = r->connected ? AC_OK : remote_connect(r, why);
		if (e == AC_OK && r->build->configured)
			return AC_OK;
		if (e == AC_OK)
			e = ask_once(r, &answer, &ask, why);
		http_answer_free(&answer);
		if (e == AC_OK)
			r->build->configured = true;
	} while (again(r, &w, e, why));
	return e;
}

enum ac_err
remote_run(struct remote *r, struct span checkpoint, struct message *why)
{
	const char *header[] = { r->header };
	struct http_answer answer = { 0 };
	struct http_ask ask = { .path = "/run", .type = "text/plain",
		.body = checkpoint.len == 0 ? span_str("") : checkpoint,
		.header = header, .nheaders = 1, .max = PROBLEM_MAX,
		.timeout_s = ASK_S };
	struct waiting w = { .pause_ms = 0 };
	enum ac_err e;

	do {
		e = ask_once(r, &answer, &ask, why);
		http_answer_free(&answer);
	} while (again(r, &w, e, why));
	/* Only we could have begun it. */
	return e == AC_ERR_EXISTS ? AC_OK : e;
}

/* ---- events ---- */

struct following {
	struct events events;
	const struct remote_watch *watch;
	struct message failure;
	bool done, failed;
};

static enum ac_err
take_event(void *arg, struct span name, struct span data)
{
	struct following *f = arg;
	const struct remote_watch *w = f->watch;
	struct json_doc doc = { 0 };
	struct json j;
	struct span text;
	uint64_t since = 0;

	if (json_parse(&doc, data) != AC_OK)
		return AC_OK; /* not ours; nothing depends on it */
	j = json_root(&doc);
	if (span_is(name, "phase") &&
	    json_string(json_get(j, "phase"), &text)) {
		if (!json_uint(json_get(j, "time"), &since, INT64_MAX))
			since = 0;
		w->phase(w->arg, text, (int64_t)since);
		f->done = span_is(text, "done");
		f->failed = span_is(text, "failed");
	} else if (span_is(name, "output") &&
	    json_string(json_get(j, "line"), &text)) {
		w->line(w->arg, text);
	} else if (json_string(json_get(j, "text"), &text)) {
		if (span_is(name, "failure")) {
			message_set(&f->failure, "%s", "");
			add_sentence(&f->failure, text);
		} else {
			w->progress(w->arg, text);
		}
	}
	json_free(&doc);
	/* Nothing more comes; the stream would only be silent. */
	return f->done || f->failed ? AC_ERR_EXISTS : AC_OK;
}

static enum ac_err
take_bytes(void *arg, struct span bytes, uint64_t total)
{
	struct following *f = arg;

	(void)total;
	return events_feed(&f->events, bytes, take_event, f);
}

static enum ac_err
follow_once(struct remote *r, struct following *f, struct message *why)
{
	const struct http_sink sink = { take_bytes, f };
	char last[64];
	const char *header[] = { r->header, "Accept: text/event-stream", last };
	struct http_answer answer = { 0 };
	struct http_ask ask = { .path = "/status", .header = header,
		.nheaders = 3, .max = PROBLEM_MAX, .sink = &sink };
	enum ac_err e;

	events_restart(&f->events);
	(void)snprintf(last, sizeof(last), "Last-Event-ID: %llu",
	    (unsigned long long)f->events.id);
	e = ask_once(r, &answer, &ask, why);
	http_answer_free(&answer);
	if (e == AC_ERR_EXISTS && (f->done || f->failed)) {
		r->connected = false; /* its answer was not read to the end */
		return AC_OK;
	}
	if (e == AC_OK)
		e = BECAUSE(why, AC_ERR_BUSY, "the events of the build ended "
		    "early");
	return e;
}

enum ac_err
remote_follow(struct remote *r, const struct remote_watch *watch,
    struct message *why)
{
	struct following *f = calloc(1, sizeof(*f));
	struct waiting w = { .pause_ms = 0 };
	uint64_t before;
	enum ac_err e;

	if (f == NULL)
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	f->watch = watch;
	do {
		before = f->events.id;
		e = follow_once(r, f, why);
		if (f->events.id > before)
			w = (struct waiting){ .pause_ms = 0 };
	} while (again(r, &w, e, why));
	if (e == AC_OK && f->failed) {
		message_set(why, "%s", f->failure.text[0] != '\0' ?
		    f->failure.text : "the build failed");
		e = AC_ERR_IO;
	}
	free(f);
	return e;
}

/* ---- the result ---- */

enum ac_err
remote_result(struct remote *r, struct run_result *out, struct message *why)
{
	struct run_result got = { .provenance = { 0 } };
	struct http_answer answer = { 0 };
	struct json_doc doc = { 0 };
	struct json j;
	enum ac_err e = get(r, &answer, "/certificate", 2 * WIRE_ANSWER_MAX,
	    why);

	if (e != AC_OK)
		return e;
	e = json_parse(&doc, buf_span(&answer.body));
	j = json_root(&doc);
	if (e == AC_OK && !json_closed(j, "provenance evidence oms"))
		e = AC_ERR_FORMAT;
	if (e == AC_OK)
		e = json_base64(&got.provenance, json_get(j, "provenance"),
		    STATEMENT_MAX);
	if (e == AC_OK)
		e = json_base64(&got.evidence, json_get(j, "evidence"),
		    STATEMENT_MAX);
	if (e == AC_OK)
		e = json_base64(&got.oms, json_get(j, "oms"),
		    OMS_STATEMENT_MAX);
	json_free(&doc);
	http_answer_free(&answer);
	if (e == AC_OK)
		*out = got;
	else
		run_result_free(&got);
	return e == AC_OK ? e : BECAUSE(why, e, "the machine's certificate is "
	    "not of its form");
}

enum ac_err
remote_sizes(struct remote *r, uint64_t bytes[], const struct oms *oms,
    struct message *why)
{
	struct http_answer answer = { 0 };
	struct json_doc doc = { 0 };
	struct json files;
	size_t i = 0;
	enum ac_err e = get(r, &answer, "/outputs", 2 * OMS_STATEMENT_MAX,
	    why);

	if (e != AC_OK)
		return e;
	e = json_parse(&doc, buf_span(&answer.body));
	files = json_get(json_root(&doc), "files");
	if (e == AC_OK && json_count(files) != oms->nfiles)
		e = AC_ERR_FORMAT;
	if (e == AC_OK)
		JSON_EACH(j, files) {
			struct span path;

			if (!json_string(json_get(j, "path"), &path) ||
			    !span_equal(path, oms->file[i].name) ||
			    !json_uint(json_get(j, "bytes"), &bytes[i],
			    JSON_INT_MAX)) {
				e = AC_ERR_FORMAT;
				break;
			}
			i++;
		}
	json_free(&doc);
	http_answer_free(&answer);
	return e == AC_OK ? e : BECAUSE(why, e, "the machine's list of files "
	    "is not that of the certificate");
}

struct download {
	int fd;
	uint64_t *have, bytes;
	void (*moved)(void *arg, uint64_t bytes);
	void *arg;
};

static enum ac_err
take_part(void *arg, struct span bytes, uint64_t total)
{
	struct download *d = arg;

	(void)total;
	if (bytes.len > d->bytes - *d->have)
		return AC_ERR_LIMIT;
	if (file_write_all(d->fd, bytes) != AC_OK)
		return AC_ERR_IO;
	*d->have += bytes.len;
	d->moved(d->arg, bytes.len);
	return AC_OK;
}

enum ac_err
remote_download(struct remote *r, const char *path, int fd, uint64_t *have,
    uint64_t bytes, void (*moved)(void *arg, uint64_t bytes), void *arg,
    struct message *why)
{
	struct download d = { fd, have, bytes, moved, arg };
	const struct http_sink sink = { take_part, &d };
	char target[PATH_MAX_LEN], range[64];
	const char *header[] = { r->header, range };
	struct http_ask ask = { .path = target, .header = header,
		.nheaders = 2, .max = PROBLEM_MAX, .sink = &sink };
	struct waiting w = { .pause_ms = 0 };
	uint64_t before;
	enum ac_err e = AC_OK;

	escape(target, "/outputs/", path);
	while (e == AC_OK && *have < bytes) {
		struct http_answer answer = { 0 };

		before = *have;
		(void)snprintf(range, sizeof(range), "Range: bytes=%llu-",
		    (unsigned long long)*have);
		e = ask_once(r, &answer, &ask, why);
		http_answer_free(&answer);
		if (*have > before)
			w = (struct waiting){ .pause_ms = 0 };
		if (e == AC_OK && *have < bytes)
			e = BECAUSE(why, AC_ERR_BUSY, "a file ended early");
		if (e == AC_ERR_LIMIT)
			message_set(why, "a file is longer than it should be");
		if (e == AC_ERR_IO)
			message_set(why, "a file cannot be written here");
		if (e != AC_OK && again(r, &w, e, why))
			e = AC_OK;
	}
	return e;
}

/* ---- an output on its way to elsewhere ---- */

/* How does the upload of path go? */
static enum ac_err
ask_upload(struct remote *r, const char *path, bool *done,
    struct message *why)
{
	const char *header[] = { r->header, "Accept: application/json" };
	struct http_ask ask = { .path = "/status", .header = header,
		.nheaders = 2, .max = PROBLEM_MAX };
	struct http_answer answer = { 0 };
	struct waiting w = { .pause_ms = 0 };
	struct json_doc doc = { 0 };
	struct json upload;
	struct span text;
	enum ac_err e;

	do
		e = ask_once(r, &answer, &ask, why);
	while (again(r, &w, e, why));
	if (e != AC_OK)
		return e;
	e = json_parse(&doc, buf_span(&answer.body));
	upload = json_get(json_root(&doc), "upload");
	if (e != AC_OK || !json_is(json_get(upload, "path"), path)) {
		e = BECAUSE(why, AC_ERR_FORMAT, "the machine does not say how "
		    "the upload goes");
	} else if (json_is(json_get(upload, "state"), "failed")) {
		message_set(why, "the machine cannot send ");
		message_add_quoted(why, span_str(path));
		if (json_string(json_get(upload, "text"), &text)) {
			message_add(why, ": ");
			add_sentence(why, text);
		}
		e = AC_ERR_MISMATCH;
	} else {
		*done = json_is(json_get(upload, "state"), "done");
	}
	json_free(&doc);
	http_answer_free(&answer);
	return e;
}

enum ac_err
remote_upload(struct remote *r, const char *path, const char *url,
    struct message *why)
{
	const char *header[] = { r->header };
	char target[PATH_MAX_LEN];
	struct http_answer answer = { 0 };
	struct http_ask ask = { .path = target, .type = "text/plain",
		.body = span_str(url), .header = header, .nheaders = 1,
		.max = PROBLEM_MAX, .timeout_s = ASK_S };
	struct waiting w = { .pause_ms = 0 };
	bool done = false;
	enum ac_err e;

	escape(target, "/upload?path=", path);
	do {
		e = ask_once(r, &answer, &ask, why);
		http_answer_free(&answer);
	} while (again(r, &w, e, why));
	/* Begun before the connection ended: then it is this one. */
	if (e == AC_ERR_EXISTS)
		e = AC_OK;
	while (e == AC_OK && !done) {
		e = ask_upload(r, path, &done, why);
		if (e == AC_OK && !done) {
			pause_ms(PAUSE_MS);
			if (is_stopped(r))
				e = BECAUSE(why, AC_ERR_BUSY, "stopped");
		}
	}
	return e;
}
