/* wire.c -- frames between aicert build and its recorder; see wire.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/reader.h"
#include "common/sha256.h"
#include "common/text.h"
#include "producer/wire.h"

#define HEAD_LEN 5 /* type, length */

/* ---- frames ---- */

/* All of data; fd goes with its first byte. */
static enum ac_err
send_all(int sock, struct span data, int fd)
{
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control;

	while (data.len > 0) {
		union {
			const uint8_t *given;
			void *base;
		} p = { data.p };
		struct iovec iov = { .iov_base = p.base, .iov_len = data.len };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		if (fd >= 0) {
			struct cmsghdr *c;

			memset(&control, 0, sizeof(control));
			m.msg_control = control.space;
			m.msg_controllen = sizeof(control.space);
			c = CMSG_FIRSTHDR(&m);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(c), &fd, sizeof(int));
		}
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return AC_ERR_IO;
		fd = -1; /* sent */
		data = span_of(data.p + n, data.len - (size_t)n);
	}
	return AC_OK;
}

enum ac_err
wire_send(int sock, enum wire_type type, struct span body, int fd)
{
	uint8_t head[HEAD_LEN] = { (uint8_t)type, (uint8_t)(body.len >> 24),
		(uint8_t)(body.len >> 16), (uint8_t)(body.len >> 8),
		(uint8_t)body.len };
	enum ac_err e;

	if (body.len > UINT32_MAX)
		return AC_ERR_LIMIT;
	e = send_all(sock, span_of(head, sizeof(head)), fd);
	return e == AC_OK ? send_all(sock, body, -1) : e;
}

/* Keep the one descriptor that m brought; close what is more. */
static enum ac_err
take_fds(struct msghdr *m, int *fd)
{
	enum ac_err e = (m->msg_flags & MSG_CTRUNC) != 0 ? AC_ERR_FORMAT :
	    AC_OK;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
	    c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int),
			    sizeof(int));
			if (*fd < 0) {
				*fd = got;
			} else {
				(void)close(got);
				e = AC_ERR_FORMAT;
			}
		}
	}
	return e;
}

/* Exactly p[0..len).  AC_ERR_NOT_FOUND: the end, before any byte. */
static enum ac_err
receive_all(int sock, uint8_t *p, size_t len, int *fd)
{
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(8 * sizeof(int))];
	} control;
	size_t have = 0;

	while (have < len) {
		struct iovec iov = { .iov_base = p + have,
			.iov_len = len - have };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control.space,
			.msg_controllen = sizeof(control.space) };
		ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ECONNRESET ? AC_ERR_NOT_FOUND :
			    AC_ERR_IO;
		if (take_fds(&m, fd) != AC_OK)
			return AC_ERR_FORMAT;
		if (n == 0)
			return have == 0 ? AC_ERR_NOT_FOUND : AC_ERR_FORMAT;
		have += (size_t)n;
	}
	return AC_OK;
}

enum ac_err
wire_receive(struct wire_frame *out, int sock, size_t max)
{
	struct wire_frame f = { .fd = -1 };
	struct reader r;
	uint8_t head[HEAD_LEN], type;
	uint32_t len;
	enum ac_err e;

	e = receive_all(sock, head, sizeof(head), &f.fd);
	if (e != AC_OK)
		goto out;
	e = AC_ERR_FORMAT;
	r = rd_of(span_of(head, sizeof(head)));
	if (!rd_u8(&r, &type) || !rd_be32(&r, &len) || !rd_end(&r) ||
	    type < WIRE_KEY || type > WIRE_RESULT)
		goto out;
	f.type = (enum wire_type)type;
	if (len > max) {
		e = AC_ERR_LIMIT;
		goto out;
	}
	f.body.p = malloc((size_t)len + 1);
	if (f.body.p == NULL) {
		e = AC_ERR_MEMORY;
		goto out;
	}
	f.body.len = len;
	f.body.p[len] = '\0';
	e = receive_all(sock, f.body.p, len, &f.fd);
	if (e == AC_ERR_NOT_FOUND)
		e = AC_ERR_FORMAT;
	if (e != AC_OK)
		goto out;
	*out = f;
	return AC_OK; /* transferred */
out:
	wire_frame_free(&f);
	return e;
}

void
wire_frame_free(struct wire_frame *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
	buf_free(&f->body);
}

/* ---- bodies ---- */

static void
write_span(struct writer *w, struct span s)
{
	if (s.len > UINT32_MAX)
		w->err = AC_ERR_LIMIT;
	wr_be32(w, (uint32_t)s.len);
	wr_bytes(w, s);
}

static void
write_spans(struct writer *w, const struct span s[], size_t n)
{
	wr_be32(w, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		write_span(w, s[i]);
}

void
wire_write_configure(struct writer *w, const struct request *r,
    struct span config)
{
	write_span(w, config);
	write_span(w, r->config_name);
	wr_bytes(w, span_digest(&r->builder_key));
	write_span(w, r->trainer);
	write_spans(w, r->command, r->ncommand);
	write_spans(w, r->output, r->noutputs);
	wr_be32(w, (uint32_t)r->ninputs);
	for (size_t i = 0; i < r->ninputs; i++) {
		const struct request_input *in = &r->input[i];

		write_span(w, in->name);
		write_span(w, in->type);
		write_span(w, in->uri);
		write_span(w, in->pin);
		write_span(w, in->role);
		write_span(w, in->license);
		write_span(w, in->certificate);
	}
	wr_be32(w, (uint32_t)r->nenv);
	for (size_t i = 0; i < r->nenv; i++) {
		write_span(w, r->env[i].name);
		write_span(w, r->env[i].value);
	}
	wr_u8(w, r->has_seed);
	wr_be64(w, r->has_seed ? r->seed : 0);
	wr_u8(w, r->has_image);
	if (r->has_image) {
		write_span(w, r->image.name);
		write_span(w, r->image.uri);
		write_span(w, r->image.pin);
	}
}

static bool
read_word(struct reader *r, struct span *out)
{
	return rd_take_be32(r, out, WORD_MAX);
}

static bool
read_count(struct reader *r, size_t *out, size_t max)
{
	uint32_t n;

	if (!rd_be32(r, &n) || n > max)
		return false;
	*out = n;
	return true;
}

static bool
read_words(struct reader *r, struct span *out, size_t *n)
{
	if (!read_count(r, n, WORDS_MAX))
		return false;
	for (size_t i = 0; i < *n; i++)
		if (!read_word(r, &out[i]))
			return false;
	return true;
}

static bool
read_digest(struct reader *r, struct digest *out)
{
	struct span s;

	if (!rd_take(r, &s, sizeof(out->b)))
		return false;
	memcpy(out->b, s.p, sizeof(out->b));
	return true;
}

static bool
read_bool(struct reader *r, bool *out)
{
	uint8_t v;

	if (!rd_u8(r, &v) || v > 1)
		return false;
	*out = v == 1;
	return true;
}

static bool
read_inputs(struct reader *r, struct request_input *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!read_word(r, &in[i].name) || !read_word(r, &in[i].type) ||
		    !read_word(r, &in[i].uri) || !read_word(r, &in[i].pin) ||
		    !read_word(r, &in[i].role) ||
		    !read_word(r, &in[i].license) ||
		    !read_word(r, &in[i].certificate))
			return false;
	return true;
}

static bool
read_env(struct reader *r, struct request_env *env, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!read_word(r, &env[i].name) ||
		    !read_word(r, &env[i].value))
			return false;
	return true;
}

/* What wire_write_configure() wrote, from *in on. */
static enum ac_err
read_request(struct wire_request *out, struct reader *in)
{
	struct wire_request q = { 0 };
	struct request *r = &q.request;
	enum ac_err e = AC_ERR_MEMORY;

	q.words = calloc(2 * WORDS_MAX, sizeof(*q.words));
	q.input = calloc(INPUTS_MAX, sizeof(*q.input));
	q.env = calloc(WORDS_MAX, sizeof(*q.env));
	if (q.words == NULL || q.input == NULL || q.env == NULL)
		goto out;
	e = AC_ERR_FORMAT;
	if (!rd_take_be32(in, &q.config, CONFIG_MAX) ||
	    !read_word(in, &r->config_name) ||
	    !read_digest(in, &r->builder_key) ||
	    !read_word(in, &r->trainer) ||
	    !read_words(in, q.words, &r->ncommand) ||
	    !read_words(in, q.words + WORDS_MAX, &r->noutputs) ||
	    !read_count(in, &r->ninputs, INPUTS_MAX) ||
	    !read_inputs(in, q.input, r->ninputs) ||
	    !read_count(in, &r->nenv, WORDS_MAX) ||
	    !read_env(in, q.env, r->nenv) ||
	    !read_bool(in, &r->has_seed) || !rd_be64(in, &r->seed) ||
	    !read_bool(in, &r->has_image) ||
	    (r->has_image && (!read_word(in, &r->image.name) ||
	    !read_word(in, &r->image.uri) || !read_word(in, &r->image.pin))))
		goto out;
	r->command = q.words;
	r->output = q.words + WORDS_MAX;
	r->input = q.input;
	r->env = q.env;
	r->config_sha256 = sha256_of(q.config);
	*out = q;
	q = (struct wire_request){ 0 }; /* transferred */
	e = AC_OK;
out:
	wire_request_free(&q);
	return e;
}

enum ac_err
wire_read_configure(struct wire_request *out, struct span body)
{
	struct wire_request q = { 0 };
	struct reader in = rd_of(body);
	enum ac_err e = read_request(&q, &in);

	if (e == AC_OK && !rd_end(&in)) {
		wire_request_free(&q);
		e = AC_ERR_FORMAT;
	}
	if (e == AC_OK)
		*out = q;
	return e;
}

void
wire_write_config(struct writer *w, const struct request *r,
    const struct wire_place place[])
{
	wire_write_configure(w, r, span_of(NULL, 0));
	for (size_t i = 0; i < r->ninputs + r->has_image; i++) {
		write_span(w, place[i].path);
		write_span(w, place[i].uri);
		write_span(w, place[i].files);
		wr_be32(w, place[i].line);
		wr_be32(w, place[i].column);
		wr_u8(w, (uint8_t)place[i].compression);
	}
}

enum ac_err
wire_read_config(struct wire_request *out, struct wire_place place[],
    struct span body)
{
	struct wire_request q = { 0 };
	struct reader in = rd_of(body);
	uint8_t compression;
	enum ac_err e = read_request(&q, &in);

	for (size_t i = 0; e == AC_OK && i < q.request.ninputs +
	    q.request.has_image; i++) {
		if (!read_word(&in, &place[i].path) ||
		    !read_word(&in, &place[i].uri) ||
		    !read_word(&in, &place[i].files) ||
		    !rd_be32(&in, &place[i].line) ||
		    !rd_be32(&in, &place[i].column) ||
		    !rd_u8(&in, &compression) || compression > WIRE_ZSTD)
			e = AC_ERR_FORMAT;
		else
			place[i].compression =
			    (enum wire_compression)compression;
	}
	if (e == AC_OK && !rd_end(&in))
		e = AC_ERR_FORMAT;
	if (e == AC_OK) {
		*out = q;
		q = (struct wire_request){ 0 }; /* transferred */
	}
	wire_request_free(&q);
	return e;
}

void
wire_request_free(struct wire_request *r)
{
	free(r->words);
	free(r->input);
	free(r->env);
	*r = (struct wire_request){ 0 };
}

void
wire_write_input(struct writer *w, size_t index, enum wire_kind kind)
{
	wr_be32(w, (uint32_t)index);
	wr_u8(w, (uint8_t)kind);
}

bool
wire_read_input(size_t *index, enum wire_kind *kind, struct span body)
{
	struct reader r = rd_of(body);
	uint32_t i;
	uint8_t k;

	if (!rd_be32(&r, &i) || !rd_u8(&r, &k) || !rd_end(&r) ||
	    k > WIRE_STREAM)
		return false;
	*index = i;
	*kind = (enum wire_kind)k;
	return true;
}

void
wire_write_measured(struct writer *w, size_t index, const struct measured *m)
{
	wr_be32(w, (uint32_t)index);
	wr_bytes(w, span_digest(&m->sha256));
	wr_u8(w, m->tree);
	wr_bytes(w, span_digest(&m->manifest));
	wr_be64(w, m->bytes);
	wr_u8(w, m->has_download);
	wr_bytes(w, span_digest(&m->download));
	wr_be64(w, m->download_bytes);
	write_span(w, span_str(m->git_commit));
}

/* The hex of a commit, or nothing. */
static bool
read_git_commit(struct reader *r, char out[65])
{
	uint8_t id[32];
	struct span s;

	if (!read_word(r, &s) || (s.len != 0 && s.len != 40 && s.len != 64) ||
	    !text_unhex(id, s.len / 2, s))
		return false;
	if (s.len > 0)
		memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return true;
}

bool
wire_read_measured(size_t *index, struct measured *out, struct span body)
{
	struct measured m = { .tree = false };
	struct reader r = rd_of(body);
	uint32_t i;

	if (!rd_be32(&r, &i) || !read_digest(&r, &m.sha256) ||
	    !read_bool(&r, &m.tree) || !read_digest(&r, &m.manifest) ||
	    !rd_be64(&r, &m.bytes) || !read_bool(&r, &m.has_download) ||
	    !read_digest(&r, &m.download) || !rd_be64(&r, &m.download_bytes) ||
	    !read_git_commit(&r, m.git_commit) || !rd_end(&r))
		return false;
	*index = i;
	*out = m;
	return true;
}

void
wire_write_failed(struct writer *w, enum ac_err e, size_t index,
    struct span sentence)
{
	wr_u8(w, (uint8_t)e);
	wr_be32(w, index == WIRE_NO_INPUT ? UINT32_MAX : (uint32_t)index);
	wr_bytes(w, sentence);
}

bool
wire_read_failed(enum ac_err *e, size_t *index, struct span *sentence,
    struct span body)
{
	struct reader r = rd_of(body);
	uint8_t code;
	uint32_t i;

	if (!rd_u8(&r, &code) || !rd_be32(&r, &i) || code == AC_OK ||
	    code > AC_ERR_UNSUPPORTED)
		return false;
	*e = (enum ac_err)code;
	*index = i == UINT32_MAX ? WIRE_NO_INPUT : i;
	*sentence = r.left;
	return true;
}
