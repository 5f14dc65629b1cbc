/* fetch_image.c -- the parts of a container image; see fetch_image.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/http.h"
#include "common/text.h"
#include "producer/fetch_image.h"
#include "producer/image.h"
#include "producer/stream.h"

#define TELL_S 2 /* between two words about how far it is */
#define BLOCK ((size_t)64 << 10)
#define ACCEPT "Accept: application/vnd.oci.image.manifest.v1+json, " \
	"application/vnd.oci.image.index.v1+json, " \
	"application/vnd.docker.distribution.manifest.v2+json, " \
	"application/vnd.docker.distribution.manifest.list.v2+json, */*"
#define TOKEN_S 60 /* seconds to get one */
#define AUTHORIZATION "Authorization: Bearer "

/* What comes is kept, or goes on as a file; or both are counted only. */
struct part {
	struct fetch *f;
	struct buf *keep;  /* NULL: into the stream */
	uint64_t max, bytes;
	uint64_t skip;     /* that came before a token ran out */
};

struct fetch {
	struct image_reference ref;
	char *layout; /* owned; NULL: a registry */
	struct http_client *h;
	struct stream_writer *w;
	struct message *why;
	void (*told)(const char *text);
	uint64_t bytes, total;
	time_t told_at;
	char token[IMAGE_TOKEN_MAX + 1];
};

static enum ac_err
no_memory(struct fetch *f)
{
	message_set(f->why, "out of memory");
	return AC_ERR_MEMORY;
}

static void
tell(struct fetch *f)
{
	struct timespec now = { 0 };
	struct message text;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < f->told_at + TELL_S)
		return;
	f->told_at = now.tv_sec;
	message_set(&text, "%llu bytes of %llu",
	    (unsigned long long)f->bytes, (unsigned long long)f->total);
	f->told(text.text);
}

/* ---- a part's bytes ---- */

static enum ac_err
too_large(struct part *p)
{
	message_set(p->f->why, "a part of the image is larger than the %llu "
	    "bytes that are said of it", (unsigned long long)p->max);
	return AC_ERR_LIMIT;
}

static enum ac_err
take_bytes(void *arg, struct span bytes, uint64_t total)
{
	struct part *p = arg;
	struct fetch *f = p->f;

	(void)total;
	if (p->skip > 0) {
		size_t drop = p->skip < bytes.len ? (size_t)p->skip :
		    bytes.len;

		p->skip -= drop;
		bytes = span_of(bytes.p + drop, bytes.len - drop);
	}
	if (bytes.len > p->max - p->bytes)
		return too_large(p);
	p->bytes += bytes.len;
	if (p->keep != NULL) {
		uint8_t *grown = realloc(p->keep->p, p->keep->len +
		    bytes.len + 1);

		if (grown == NULL)
			return no_memory(f);
		memcpy(grown + p->keep->len, bytes.p, bytes.len);
		p->keep->p = grown;
		p->keep->len += bytes.len;
		return AC_OK;
	}
	f->bytes += bytes.len;
	stream_data(f->w, bytes);
	tell(f);
	return f->w->err;
}

/* ---- a registry ---- */

/* A token for what the registry's challenge says, for all that follows. */
static enum ac_err
get_token(struct fetch *f)
{
	const char *challenge = http_client_kept(f->h);
	char url[IMAGE_URL_MAX], line[sizeof(AUTHORIZATION) + IMAGE_TOKEN_MAX];
	const char *headers[] = { ACCEPT, line };
	struct http_answer a = { 0 };
	enum ac_err e;

	if (challenge == NULL) {
		message_set(f->why, "the registry refuses, and does not say "
		    "how to get a token");
		return AC_ERR_MISMATCH;
	}
	e = image_challenge(url, span_str(challenge), f->ref.repository,
	    f->why);
	if (e == AC_OK && strncmp(f->ref.base, "https:", 6) == 0 &&
	    strncmp(url, "https:", 6) != 0) {
		message_set(f->why, "the registry sends to a server without "
		    "TLS for its token");
		e = AC_ERR_MISMATCH;
	}
	/* The old token is not for who gives the new one. */
	if (e == AC_OK && http_client_headers(f->h, NULL, 0) != AC_OK)
		e = no_memory(f);
	if (e == AC_OK)
		e = http_client_get(f->h, &a, url, IMAGE_JSON_MAX, TOKEN_S,
		    f->why);
	if (e != AC_OK)
		return e;
	if (a.status != 200) {
		message_set(f->why, "no token to pull ");
		message_add_quoted(f->why, span_str(f->ref.repository));
		message_add(f->why, ": the server answered %u", a.status);
		e = AC_ERR_MISMATCH;
	} else {
		e = image_token(f->token, buf_span(&a.body), f->why);
	}
	http_answer_free(&a);
	if (e != AC_OK)
		return e;
	(void)snprintf(line, sizeof(line), AUTHORIZATION "%s", f->token);
	e = http_client_headers(f->h, headers, 2);
	return e == AC_OK ? AC_OK : no_memory(f);
}

/* GET what is at kind/digest of the repository. */
static enum ac_err
get(struct fetch *f, struct part *p, const char *kind, const char *hex)
{
	const struct http_sink sink = { take_bytes, p };
	char *url;
	enum ac_err e;

	if (asprintf(&url, "%s/v2/%s/%s/sha256:%s", f->ref.base,
	    f->ref.repository, kind, hex) < 0)
		return no_memory(f);
	e = http_client_fetch(f->h, url, &sink, f->why);
	if (e == AC_ERR_MISMATCH && http_client_status(f->h) == 401) {
		e = get_token(f);
		p->skip = p->bytes;
		if (e == AC_OK)
			e = http_client_fetch(f->h, url, &sink, f->why);
	}
	free(url);
	return e;
}

/* ---- a layout ---- */

static enum ac_err
copy(struct fetch *f, struct part *p, const char *hex)
{
	char path[4096];
	uint8_t *block = malloc(BLOCK);
	enum ac_err e = AC_OK;
	ssize_t n;
	int fd;

	if (block == NULL)
		return no_memory(f);
	(void)snprintf(path, sizeof(path), "%s/blobs/sha256/%s", f->layout,
	    hex);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		free(block);
		message_set(f->why, "the layout has no blob sha256:%s (%s); is "
		    "it a folder in the OCI layout, and has it this image?",
		    hex, strerror(errno));
		return AC_ERR_NOT_FOUND;
	}
	while ((n = read(fd, block, BLOCK)) > 0) {
		e = take_bytes(p, span_of(block, (size_t)n), 0);
		if (e != AC_OK)
			break;
	}
	if (n < 0) {
		message_set(f->why, "the layout's blob sha256:%s cannot be "
		    "read: %s", hex, strerror(errno));
		e = AC_ERR_IO;
	}
	(void)close(fd);
	free(block);
	return e;
}

/* ---- the parts ---- */

static enum ac_err
take_part(struct fetch *f, struct part *p, const char *kind,
    const struct digest *sha256)
{
	char hex[65];

	text_hex(hex, span_digest(sha256));
	hex[64] = '\0';
	return f->layout != NULL ? copy(f, p, hex) : get(f, p, kind, hex);
}

/* The manifest or index of that digest, which goes into the stream as well. */
static enum ac_err
take_manifest(struct fetch *f, struct image_manifest *m,
    const struct digest *sha256)
{
	struct buf text = { 0 };
	struct part p = { .f = f, .keep = &text, .max = IMAGE_JSON_MAX };
	enum ac_err e = take_part(f, &p, "manifests", sha256);

	if (e == AC_OK)
		e = image_manifest_decode(m, buf_span(&text), f->why);
	if (e == AC_OK) {
		stream_file(f->w, span_str(m->is_index ? IMAGE_INDEX :
		    IMAGE_MANIFEST), false);
		stream_data(f->w, buf_span(&text));
		stream_file_end(f->w);
	}
	buf_free(&text);
	return e;
}

static enum ac_err
take_blob(struct fetch *f, const struct image_blob *b)
{
	struct part p = { .f = f, .max = b->bytes };
	char hex[64];
	enum ac_err e;

	text_hex(hex, span_digest(&b->sha256));
	stream_file(f->w, span_of(hex, sizeof(hex)), false);
	e = take_part(f, &p, "blobs", &b->sha256);
	stream_file_end(f->w);
	return e;
}

/* Each layer once, however often it is applied. */
static bool
is_there(const struct image_manifest *m, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (digest_equal(&m->layer[k].sha256, &m->layer[i].sha256))
			return true;
	return digest_equal(&m->config.sha256, &m->layer[i].sha256);
}

static enum ac_err
take_image(struct fetch *f, const struct digest *pin)
{
	struct image_manifest *m = calloc(1, sizeof(*m));
	enum ac_err e;

	if (m == NULL)
		return no_memory(f);
	e = take_manifest(f, m, pin);
	if (e == AC_OK && m->is_index) {
		struct digest chosen = m->config.sha256;

		e = take_manifest(f, m, &chosen);
		if (e == AC_OK && m->is_index) {
			message_set(f->why, "the image's index leads to "
			    "another index");
			e = AC_ERR_UNSUPPORTED;
		}
	}
	for (size_t i = 0; e == AC_OK && i < m->nlayers; i++)
		f->total += m->layer[i].bytes;
	f->total += m->config.bytes;
	if (e == AC_OK)
		e = take_blob(f, &m->config);
	for (size_t i = 0; e == AC_OK && i < m->nlayers; i++)
		if (!is_there(m, i))
			e = take_blob(f, &m->layer[i]);
	free(m);
	return e;
}

static enum ac_err
begin(struct fetch *f, struct span place)
{
	static const char *const headers[] = { ACCEPT };
	struct span folder;
	enum ac_err e;

	if (image_is_layout(&folder, place)) {
		f->layout = strndup((const char *)folder.p, folder.len);
		return f->layout == NULL ? no_memory(f) : AC_OK;
	}
	e = image_reference_decode(&f->ref, place, f->why);
	if (e != AC_OK)
		return e;
	if (http_client_new(&f->h, NULL) != AC_OK ||
	    http_client_headers(f->h, headers, 1) != AC_OK)
		return no_memory(f);
	http_client_keep(f->h, "WWW-Authenticate");
	return AC_OK;
}

enum ac_err
fetch_image(int out_fd, const char *text, void (*told)(const char *text),
    struct message *why)
{
	struct fetch *f = calloc(1, sizeof(*f));
	struct timespec now = { 0 };
	struct span place, pin;
	struct digest sha256;
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	if (f == NULL)
		return e;
	f->why = why;
	f->told = told;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	f->told_at = now.tv_sec;
	f->w = malloc(sizeof(*f->w));
	if (f->w == NULL)
		goto out;
	stream_begin(f->w, out_fd);
	e = image_split(&place, &pin, span_str(text), why);
	if (e == AC_OK && !text_unhex_digest(&sha256, span_of(pin.p + 7,
	    pin.len - 7)))
		e = AC_ERR_FORMAT;
	if (e == AC_OK)
		e = begin(f, place);
	if (e == AC_OK)
		e = take_image(f, &sha256);
	if (e == AC_OK)
		e = stream_finish(f->w);
	if (f->w->err != AC_OK)
		message_set(why, "nobody takes what is fetched");
out:
	http_client_free(f->h);
	free(f->layout);
	free(f->w);
	free(f);
	return e;
}
