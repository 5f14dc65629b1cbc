/* recorder.c -- the process that a certificate trusts; see recorder.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cert/dsse.h"
#include "cert/note.h"
#include "cert/provenance.h"
#include "cert/spki.h"
#include "common/sha256.h"
#include "common/time.h"
#include "producer/container.h"
#include "producer/figures.h"
#include "producer/intake.h"
#include "producer/measure.h"
#include "producer/recorder.h"
#include "producer/rules.h"
#include "producer/tree.h"
#include "producer/wire.h"

#define OUTPUT_CHUNK 65536 /* bytes of the training's output at a time */
#define COUNT_MS 5000      /* between two counts of the outputs, at least */
#define COUNT_SHARE 200    /* and so many times as long as a count takes */
#define ENERGY_MS 10000    /* between two looks at the counters of energy */
#define INVOCATION_LEN 36  /* a UUID */
#define SECOND_MS 1000
#define DOWNLOAD ".download-" /* before the name of what is unpacked */
/* The image's tree; as with RECORDER_LAYERS, no input's name begins so. */
#define ROOT ".root"

enum state { WANT_CONFIGURE, WANT_INPUTS, WANT_END, DONE };

struct recorder;

/* Where one input is on its way in. */
enum phase { ABSENT, AT_WORK, AT_DOWNLOAD, DOWNLOADED, HERE, RECORDED };

struct intake_job {
	struct recorder *r;
	size_t index;
	enum phase phase;
	enum wire_kind kind;
	int fd; /* of what comes; -1: none */
	pthread_t thread;
	/* Of the thread, until it is joined: */
	struct measured found;
	struct container container;
	enum ac_err err;
	struct message why;
};

struct recorder {
	const struct recorder_options *options;
	int sock;
	enum state state;
	struct message why;
	struct attest *attest;       /* NULL: self-asserted */
	bool has_key;                /* an agent's: peers may challenge it */
	int challenge_fd;            /* from where; -1: nobody does */
	pthread_t challenges;
	struct wire_frame configure; /* what the request borrows from */
	struct wire_request asked;
	struct intake_job job[INPUTS_MAX + 1]; /* the image's after the last */
	struct measured input[INPUTS_MAX + 1];
	struct container container; /* what the job gets of the image */
	size_t ninputs;              /* recorded so far, in their order */
	size_t nworking;
	int store_fd;
	int done[2];                 /* pipe: indices of threads that ended */
	int stop[2];                 /* pipe: readable, all threads give up */
	size_t failed;               /* the input an error is about */
	struct buf checkpoint;
	struct buf sandbox;          /* JSON: what was enforced */
	struct timing timing;
	struct figures figures;
	struct energy *energy; /* while it trains; else NULL */
	struct span gpu[ENERGY_GPUS_MAX]; /* their names, of energy */
	char invocation[INVOCATION_LEN + 1];
};

/* ---- answers ---- */

static enum ac_err
answer(const struct recorder *r, enum wire_type type, struct span body)
{
	return wire_send(r->sock, type, body, -1);
}

static enum ac_err
progress(const struct recorder *r, const char *text)
{
	return answer(r, WIRE_PROGRESS, span_str(text));
}

/* Say the error, as far as there is somebody to hear it. */
static void
answer_failed(struct recorder *r, enum ac_err e)
{
	struct buf body = { 0 };
	struct writer w;

	wr_init(&w, 2 * MESSAGE_MAX);
	wire_write_failed(&w, e, r->failed, span_str(r->why.text));
	if (wr_end(&w, &body) == AC_OK)
		(void)!answer(r, WIRE_FAILED, buf_span(&body));
	buf_free(&body);
}

static enum ac_err
said(struct recorder *r, enum ac_err e, const char *text)
{
	message_set(&r->why, "%s", text);
	return e;
}

/* Is the other end of the socket closed? */
static bool
is_alone(const struct recorder *r)
{
	struct pollfd p = { .fd = r->sock, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 &&
	    (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* ---- events ---- */

/* Extend pcr by the line in w, which is freed. */
static enum ac_err
record(struct recorder *r, unsigned pcr, struct writer *w)
{
	struct buf line = { 0 };
	enum ac_err e = wr_end(w, &line);

	if (e != AC_OK)
		message_set(&r->why, "an event cannot be written: %s",
		    ac_strerror(e));
	else if (r->attest != NULL)
		e = attest_extend(r->attest, pcr, buf_span(&line), &r->why);
	buf_free(&line);
	return e;
}

/* ---- the key of an agent, and the challenges of its peers ---- */

/* One challenge; false where nothing more can be said. */
static bool
serve_challenge(struct recorder *r, const struct wire_frame *f)
{
	struct message why = { "" };
	struct buf body = { 0 };
	struct writer w;
	enum ac_err e;

	if (f->type != WIRE_CHALLENGE || f->fd >= 0 || f->body.len != 32)
		return false;
	e = attest_challenge(r->attest, &body, f->body.p, &why);
	if (e == AC_OK) {
		e = wire_send(r->challenge_fd, WIRE_ATTESTED, buf_span(&body),
		    -1);
	} else {
		wr_init(&w, 2 * MESSAGE_MAX);
		wire_write_failed(&w, e, WIRE_NO_INPUT, span_str(why.text));
		e = wr_end(&w, &body);
		if (e == AC_OK)
			e = wire_send(r->challenge_fd, WIRE_FAILED,
			    buf_span(&body), -1);
	}
	buf_free(&body);
	return e == AC_OK;
}

/* A thread beside the verbs, since these take as long as a training does. */
static void *
serve_challenges(void *arg)
{
	struct recorder *r = arg;
	bool more = true;

	while (more) {
		struct wire_frame f = { .fd = -1 };

		more = wire_receive(&f, r->challenge_fd, 32) == AC_OK &&
		    serve_challenge(r, &f);
		wire_frame_free(&f);
	}
	return NULL;
}

static enum ac_err
serve_key(struct recorder *r, struct wire_frame *f)
{
	struct spki key;
	enum ac_err e;

	if (f->fd < 0 || !spki_parse(&key, buf_span(&f->body)))
		return said(r, AC_ERR_FORMAT, "key takes the SPKI of a key on "
		    "P-256 and a socket");
	if (r->attest == NULL)
		return said(r, AC_ERR_FORMAT, "a key, and no TPM to keep it");
	e = attest_tls_key(r->attest, buf_span(&f->body), &r->why);
	if (e != AC_OK)
		return e;
	r->challenge_fd = f->fd;
	f->fd = -1; /* transferred */
	if (pthread_create(&r->challenges, NULL, serve_challenges, r) != 0)
		return said(r, AC_ERR_MEMORY, "no thread for challenges");
	r->has_key = true;
	return answer(r, WIRE_READY, span_str(""));
}

/* Peers are answered for as long as the agent is there. */
static void
end_challenges(struct recorder *r)
{
	if (r->has_key) {
		(void)shutdown(r->challenge_fd, SHUT_RDWR);
		(void)pthread_join(r->challenges, NULL);
	}
	if (r->challenge_fd >= 0)
		(void)close(r->challenge_fd);
}

/* ---- configure ---- */

static enum ac_err
make_invocation(struct recorder *r)
{
	uint8_t id[16];
	struct buf text = { 0 };
	struct writer w;
	enum ac_err e;

	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return said(r, AC_ERR_IO, "no random bytes");
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40); /* RFC 9562, version 4 */
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	wr_init(&w, INVOCATION_LEN);
	for (size_t i = 0; i < sizeof(id); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			wr_u8(&w, '-');
		wr_hex(&w, span_of(&id[i], 1));
	}
	e = wr_end(&w, &text);
	if (e != AC_OK)
		return said(r, e, ac_strerror(e));
	memcpy(r->invocation, text.p, INVOCATION_LEN);
	buf_free(&text);
	return AC_OK;
}

static enum ac_err
serve_configure(struct recorder *r, struct wire_frame *f)
{
	struct writer w;
	enum ac_err e;

	if (f->fd >= 0)
		return said(r, AC_ERR_FORMAT, "configure takes no descriptor");
	r->configure = *f;
	*f = (struct wire_frame){ .fd = -1 }; /* transferred */
	e = wire_read_configure(&r->asked, buf_span(&r->configure.body));
	if (e != AC_OK)
		return said(r, e, "configure: the request is malformed");
	e = rules_check(&r->asked.request, &r->why);
	if (e == AC_OK)
		e = make_invocation(r);
	if (e != AC_OK)
		return e;
	wr_init(&w, STATEMENT_MAX);
	event_configuration(&w, &r->asked.request);
	e = record(r, ATTEST_INPUTS_PCR, &w);
	if (e != AC_OK)
		return e;
	r->state = WANT_INPUTS;
	return answer(r, WIRE_READY, span_str(""));
}

/* ---- input ---- */

static bool
is_image(const struct recorder *r, size_t index)
{
	return r->asked.request.has_image &&
	    index == r->asked.request.ninputs;
}

/* "input NAME", or what the image is called. */
static void
set_name(struct message *out, const struct recorder *r, size_t index)
{
	if (is_image(r, index)) {
		message_set(out, "the image");
		return;
	}
	message_set(out, "input ");
	message_add_quoted(out, r->asked.request.input[index].name);
}

/*
 * Is found what the pin says, where the pin is of such: of a download before
 * it is unpacked, or of what the training sees.
 */
static enum ac_err
check_pin(struct recorder *r, const struct request_input *in, bool download,
    const struct digest *found)
{
	const char *kind = download ? "download:sha256:" : "sha256:";
	struct span commit;
	struct digest pin;
	bool of_download;

	if (rules_git_pin(&commit, in->pin))
		return AC_OK; /* compared by the intake, or a hub's word */
	if (!rules_pin(&pin, &of_download, in->pin))
		return said(r, AC_ERR_FORMAT, "the pin is malformed");
	if (of_download != download || digest_equal(&pin, found))
		return AC_OK;
	message_set(&r->why, "input ");
	message_add_quoted(&r->why, in->name);
	message_add(&r->why, ": the pin is %s", kind);
	message_add_digest(&r->why, &pin);
	message_add(&r->why, ", but what is there is %s", kind);
	message_add_digest(&r->why, found);
	message_add(&r->why, "; nothing was run: find out why it changed, and "
	    "correct the pin only if you trust what is there");
	return AC_ERR_MISMATCH;
}

/* What is pinned by a commit was compared with one; at a hub it is a tree. */
static enum ac_err
check_commit(struct recorder *r, const struct intake_job *j,
    const struct measured *m)
{
	const struct request_input *in = &r->asked.request.input[j->index];
	struct span commit, path;
	size_t of;

	if (!rules_git_pin(&commit, in->pin) ||
	    rules_is_lock(&r->asked.request, j->index, &of, &path))
		return AC_OK;
	if (rules_is_git(in) ? !span_is(commit, m->git_commit) :
	    j->kind != WIRE_STREAM || !m->tree)
		return said(r, AC_ERR_FORMAT, "a commit is pinned, and no "
		    "commit was fetched");
	return AC_OK;
}

/* An input that is an archive, or whose pin is of a download, had one. */
static enum ac_err
check_downloaded(struct recorder *r, const struct request_input *in,
    const struct measured *m)
{
	struct span commit;
	struct digest pin;
	bool of_download;

	if (rules_is_archive(in) && (!m->has_download || !m->tree))
		return said(r, AC_ERR_FORMAT, "an archive was not unpacked");
	if (rules_is_certified(in) && (in->certificate.len == 0 || !m->tree))
		return said(r, AC_ERR_FORMAT, "a model whose certificate was "
		    "not verified");
	if (rules_git_pin(&commit, in->pin))
		return AC_OK;
	if (!rules_pin(&pin, &of_download, in->pin) ||
	    (of_download && !m->has_download))
		return said(r, AC_ERR_FORMAT, "the pin is of a download, and "
		    "there was none");
	return AC_OK;
}

/* Names in the store: rules_name() has no '.' in front. */
static void
store_name(char out[RULES_NAME_MAX + sizeof(DOWNLOAD)],
    const struct recorder *r, size_t index, bool download)
{
	struct span name;

	if (is_image(r, index))
		name = span_str(download ? RECORDER_LAYERS : ROOT);
	else
		name = r->asked.request.input[index].name;
	download = download && !is_image(r, index);
	(void)snprintf(out, RULES_NAME_MAX + sizeof(DOWNLOAD), "%s%.*s",
	    download ? DOWNLOAD : "", (int)name.len, (const char *)name.p);
}

/* What an input may have: what is unpacked also in proportion to its download. */
static uint64_t
bytes_max(const struct intake_job *j)
{
	const struct measured *m = &j->r->input[j->index];
	uint64_t max = j->r->options->input_max != 0 ?
	    j->r->options->input_max : INPUT_BYTES_MAX;
	uint64_t packed = m->download_bytes;

	if (!m->has_download || packed > max / UNPACK_RATIO_MAX ||
	    UNPACK_FREE + packed * UNPACK_RATIO_MAX > max)
		return max;
	return UNPACK_FREE + packed * UNPACK_RATIO_MAX;
}

/* What a part of an image may be, and a layer of it. */
static void
work_image(struct intake_job *j)
{
	const struct recorder *r = j->r;
	char name[RULES_NAME_MAX + sizeof(DOWNLOAD)];
	bool download = j->phase == AT_DOWNLOAD, of_download;
	struct measure_files files = { 0 };
	const struct intake_options options = {
		.bytes_max = bytes_max(j),
		.stall_s = r->options->stall_s != 0 ? r->options->stall_s :
		    RECORDER_STALL_S,
		.stop_fd = r->stop[0],
		.image = !download,
		.keep = download ? &files : NULL,
	};
	struct digest pin;
	int fd = -1;

	store_name(name, r, j->index, download);
	j->err = intake_stream(&j->found, j->fd, r->store_fd, name, &options,
	    &j->why);
	if (j->err == AC_OK && !j->found.tree)
		j->err = BECAUSE(&j->why, AC_ERR_FORMAT, "it came as one "
		    "file");
	if (j->err == AC_OK && download) {
		message_set(&j->why, "its parts cannot be read");
		fd = openat(r->store_fd, name, O_RDONLY | O_DIRECTORY |
		    O_NOFOLLOW | O_CLOEXEC);
		j->err = fd < 0 || !rules_pin(&pin, &of_download,
		    r->asked.request.image.pin) ? AC_ERR_IO :
		    container_check(&j->container, fd, &files, &pin, &j->why);
	}
	if (fd >= 0)
		(void)close(fd);
	measure_files_free(&files);
}

/* Copy or receive, and hash. */
static void
work_input(struct intake_job *j)
{
	const struct recorder *r = j->r;
	char name[RULES_NAME_MAX + sizeof(DOWNLOAD)];
	const struct request_input *in = &r->asked.request.input[j->index];
	bool download = j->phase == AT_DOWNLOAD;
	struct gittree_id commit;
	struct span hex;
	const struct intake_options options = {
		.bytes_max = bytes_max(j),
		/* git has a whole repository before its first file. */
		.stall_s = rules_is_git(in) ? 0 : r->options->stall_s != 0 ?
		    r->options->stall_s : RECORDER_STALL_S,
		.stop_fd = r->stop[0],
		.one_file = download,
		.git = rules_is_git(in) && rules_git_pin(&hex, in->pin) &&
		    gittree_id_parse(&commit, hex) ? &commit : NULL,
	};

	store_name(name, r, j->index, download);
	if (j->kind == WIRE_STREAM)
		j->err = intake_stream(&j->found, j->fd, r->store_fd, name,
		    &options, &j->why);
	else
		j->err = measure_input(&j->found, j->fd, r->store_fd, name,
		    rules_is_certified(in), &j->why);
}

/* A thread; touches nothing of the recorder but its job. */
static void *
work(void *arg)
{
	struct intake_job *j = arg;
	const struct recorder *r = j->r;

	if (is_image(r, j->index))
		work_image(j);
	else
		work_input(j);
	(void)close(j->fd); /* a writer that goes on hears of it */
	j->fd = -1;
	(void)!write(r->done[1], &j->index, sizeof(j->index));
	return NULL;
}

/*
 * A lock file lies in an input that is recorded: open it there, whatever
 * descriptor came.
 */
static enum ac_err
open_lock(struct recorder *r, size_t i, int *fd)
{
	const struct request *q = &r->asked.request;
	char path[RULES_NAME_MAX + 1 + FILE_PATH_MAX + 1];
	struct span file;
	size_t of;

	if (!rules_is_lock(q, i, &of, &file))
		return AC_OK;
	if (r->job[of].phase != RECORDED)
		return said(r, AC_ERR_FORMAT, "a lock file before its "
		    "repository");
	(void)snprintf(path, sizeof(path), "%.*s/%.*s",
	    (int)q->input[of].name.len, (const char *)q->input[of].name.p,
	    (int)file.len, (const char *)file.p);
	(void)close(*fd);
	*fd = tree_open(r->store_fd, path, O_RDONLY);
	if (*fd >= 0)
		return AC_OK;
	r->failed = i;
	message_set(&r->why, "input ");
	message_add_quoted(&r->why, q->input[of].name);
	message_add(&r->why, ": its commit has no ");
	message_add_quoted(&r->why, file);
	message_add(&r->why, ", the lock file of its dependencies; nothing "
	    "was run");
	return AC_ERR_NOT_FOUND;
}

static enum ac_err
serve_input(struct recorder *r, struct wire_frame *f)
{
	bool download = f->type == WIRE_DOWNLOAD;
	struct intake_job *j;
	enum wire_kind kind;
	enum ac_err e;
	size_t i;

	if (f->fd < 0 || !wire_read_input(&i, &kind, buf_span(&f->body)))
		return said(r, AC_ERR_FORMAT, "input takes an index, a kind "
		    "and one descriptor");
	if (i >= r->asked.request.ninputs && !is_image(r, i))
		return said(r, AC_ERR_FORMAT, "an input that the request does "
		    "not have");
	if (!is_image(r, i)) {
		e = open_lock(r, i, &f->fd);
		if (e != AC_OK)
			return e;
	} else if (kind != WIRE_STREAM ||
	    (!download && r->job[i].phase != DOWNLOADED)) {
		return said(r, AC_ERR_FORMAT, "an image comes as a stream of "
		    "its parts, then as one of what they make");
	}
	j = &r->job[i];
	if (j->phase != ABSENT && (download || j->phase != DOWNLOADED))
		return said(r, AC_ERR_FORMAT, "an input a second time");
	if (r->nworking == RECORDER_AT_ONCE)
		return said(r, AC_ERR_LIMIT, "too many inputs at once");
	j->r = r;
	j->index = i;
	j->kind = kind;
	j->phase = download ? AT_DOWNLOAD : AT_WORK;
	j->fd = f->fd;
	f->fd = -1; /* transferred */
	if (pthread_create(&j->thread, NULL, work, j) != 0) {
		(void)close(j->fd);
		j->phase = ABSENT;
		return said(r, AC_ERR_MEMORY, "no thread for an input");
	}
	r->nworking++;
	return AC_OK;
}

static enum ac_err
answer_measured(struct recorder *r, enum wire_type type, size_t index,
    const struct measured *m, int fd)
{
	struct buf body = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, WIRE_VERB_MAX);
	wire_write_measured(&w, index, m);
	e = wr_end(&w, &body);
	if (e == AC_OK)
		e = wire_send(r->sock, type, buf_span(&body), fd);
	buf_free(&body);
	return e == AC_OK ? AC_OK : said(r, e, "abandoned");
}

/* Hand a download back, to be read only. */
static enum ac_err
answer_fetched(struct recorder *r, struct intake_job *j)
{
	char name[RULES_NAME_MAX + sizeof(DOWNLOAD)];
	struct measured *m = &r->input[j->index];
	enum ac_err e;
	int fd;

	store_name(name, r, j->index, true);
	e = is_image(r, j->index) ? AC_OK :
	    check_pin(r, &r->asked.request.input[j->index], true,
	    &j->found.sha256);
	if (e != AC_OK)
		return e;
	m->has_download = true;
	m->download = j->found.sha256;
	m->download_bytes = j->found.bytes;
	fd = openat(r->store_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return said(r, AC_ERR_IO, "a download is gone");
	if (is_image(r, j->index)) {
		r->container = j->container;
		j->container = (struct container){ 0 }; /* transferred */
	} else {
		/* Nobody needs it longer than it is read. */
		(void)unlinkat(r->store_fd, name, 0);
	}
	e = answer_measured(r, WIRE_FETCHED, j->index, &j->found, fd);
	(void)close(fd);
	return e;
}

/* Check and record an input that is here. */
static enum ac_err
record_input(struct recorder *r, struct intake_job *j)
{
	const struct request_input *in = &r->asked.request.input[j->index];
	struct measured *m = &r->input[j->index];
	struct measured found = j->found;
	struct writer w;
	enum ac_err e;

	found.has_download = m->has_download;
	found.download = m->download;
	found.download_bytes = m->download_bytes;
	*m = found;
	e = check_pin(r, in, false, &m->sha256);
	if (e == AC_OK)
		e = check_commit(r, j, m);
	if (e == AC_OK)
		e = check_downloaded(r, in, m);
	if (e != AC_OK)
		return e;
	wr_init(&w, STATEMENT_MAX);
	event_input(&w, in, m);
	e = record(r, ATTEST_INPUTS_PCR, &w);
	if (e != AC_OK)
		return e;
	j->phase = RECORDED;
	r->ninputs++;
	return answer_measured(r, WIRE_MEASURED, j->index, m, -1);
}

/* Record an image that is here: it is what its pin says, part by part. */
static enum ac_err
record_image(struct recorder *r, struct intake_job *j)
{
	const struct request_input *image = &r->asked.request.image;
	struct measured *m = &r->input[j->index];
	char *layers = NULL;
	bool download;
	struct writer w;
	enum ac_err e;

	*m = (struct measured){ .tree = true, .root = j->found.sha256,
		.manifest = j->found.manifest, .bytes = j->found.bytes };
	if (!rules_pin(&m->sha256, &download, image->pin))
		return said(r, AC_ERR_FORMAT, "the pin is malformed");
	/* Nobody needs them longer than they are read. */
	if (asprintf(&layers, "%s/" RECORDER_LAYERS, r->options->store) < 0)
		return said(r, AC_ERR_MEMORY, "no memory");
	e = tree_remove(layers);
	free(layers);
	if (e != AC_OK)
		return said(r, e, "the image's layers cannot be removed");
	wr_init(&w, STATEMENT_MAX);
	event_image(&w, image, m);
	e = record(r, ATTEST_INPUTS_PCR, &w);
	if (e != AC_OK)
		return e;
	j->phase = RECORDED;
	return answer_measured(r, WIRE_MEASURED, j->index, m, -1);
}

/* Record what is here and whose turn it is: the image, then the inputs. */
static enum ac_err
record_all(struct recorder *r)
{
	size_t n = r->asked.request.ninputs;
	enum ac_err e = AC_OK;

	if (is_image(r, n) && r->job[n].phase == HERE) {
		r->failed = n;
		e = record_image(r, &r->job[n]);
	}
	if (e == AC_OK && is_image(r, n) && r->job[n].phase != RECORDED)
		return AC_OK;
	while (e == AC_OK && r->ninputs < n &&
	    r->job[r->ninputs].phase == HERE) {
		r->failed = r->ninputs;
		e = record_input(r, &r->job[r->ninputs]);
	}
	return e;
}

/*
 * Take a thread that ended.  Inputs are recorded in the order of the request,
 * whichever is here first.
 */
static enum ac_err
finish_input(struct recorder *r)
{
	struct intake_job *j;
	enum ac_err e = AC_OK;
	size_t i;

	if (read(r->done[0], &i, sizeof(i)) != (ssize_t)sizeof(i))
		return said(r, AC_ERR_IO, "a thread is lost");
	j = &r->job[i];
	(void)pthread_join(j->thread, NULL);
	r->nworking--;
	r->failed = i;
	if (j->err != AC_OK) {
		bool download = j->phase == AT_DOWNLOAD;

		j->phase = ABSENT;
		set_name(&r->why, r, i);
		message_add(&r->why, "%s: %s", download ? ", its download" :
		    "", j->why.text);
		return j->err;
	}
	if (j->phase == AT_DOWNLOAD) {
		j->phase = DOWNLOADED;
		e = answer_fetched(r, j);
	} else {
		j->phase = HERE;
	}
	if (e == AC_OK)
		e = record_all(r);
	if (e == AC_OK)
		r->failed = WIRE_NO_INPUT;
	return e;
}

/* Let every thread give up, and see them ended. */
static void
stop_inputs(struct recorder *r)
{
	if (r->nworking == 0)
		return;
	(void)!write(r->stop[1], "", 1);
	while (r->nworking > 0) {
		size_t i;

		if (read(r->done[0], &i, sizeof(i)) != (ssize_t)sizeof(i))
			return;
		(void)pthread_join(r->job[i].thread, NULL);
		r->nworking--;
	}
}

/* Take what threads have done until the socket has something to read. */
static enum ac_err
await_verb(struct recorder *r)
{
	while (r->nworking > 0) {
		struct pollfd p[2] = {
			{ .fd = r->done[0], .events = POLLIN },
			{ .fd = r->sock, .events = POLLIN },
		};
		enum ac_err e;

		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return said(r, AC_ERR_IO, "cannot wait");
		}
		if (p[0].revents != 0) {
			e = finish_input(r);
			if (e != AC_OK)
				return e;
			continue;
		}
		if (p[1].revents != 0)
			return AC_OK;
	}
	return AC_OK;
}

/* ---- start ---- */

/* Name the GPUs of the run, as far as they say what they are. */
static size_t
name_gpus(struct recorder *r)
{
	size_t n = r->energy == NULL ? 0 : energy_gpus(r->energy);

	for (size_t i = 0; i < n; i++) {
		struct span name = span_str(energy_gpu_name(r->energy, i));

		r->gpu[i] = rules_text(name) ? name : span_str("unnamed");
	}
	return n;
}

static enum ac_err
encode_provenance(struct recorder *r, struct buf *out,
    const struct outputs *outputs)
{
	struct provenance p = {
		.request = &r->asked.request,
		.sandbox = buf_span(&r->sandbox),
		.checkpoint = buf_span(&r->checkpoint),
		.input = r->input,
		.image = &r->input[r->asked.request.ninputs],
		.outputs = outputs,
		.measured = r->attest != NULL,
		.version = AICERT_VERSION,
		.invocation_id = r->invocation,
		.timing = &r->timing,
		.gpu = r->gpu,
		.ngpus = name_gpus(r),
		.figure = r->figures.figure,
		.nfigures = r->figures.n,
	};

	if (r->attest != NULL)
		p.has_image_root = attest_image_root(r->attest, &p.image_root);
	return provenance_encode(out, &p);
}

/*
 * Processor time is what the kernel adds up as processes are waited for.  A
 * training whose processes ignore SIGCHLD is not waited for and can so state
 * less than it used: the figure is the training's word, not a measurement.
 */
static void
set_figures(struct recorder *r, uint64_t wall_ms, uint64_t cpu_ms)
{
	/* Without a TPM nobody but the builder vouches for our clock. */
	const char *ours = r->attest != NULL ? "measured" : "reported";
	size_t ngpus = r->options->ngpus;

	r->figures.n = 0;
	figures_add(&r->figures, "wallSeconds", wall_ms, "s", ours);
	figures_add(&r->figures, "cpuSeconds", cpu_ms, "s", "reported");
	if (ngpus > 0)
		figures_add(&r->figures, "gpuSeconds", ngpus * wall_ms, "s",
		    ours);
	if (r->energy != NULL)
		figures_add_energy(&r->figures, r->energy, ours);
}

/* What the trainer says of itself, where it is of a kind that says it. */
static enum ac_err
add_reported(struct recorder *r)
{
	struct message why = { "" }, m;
	enum ac_err e = AC_ERR_IO;
	int fd;

	if (!rules_has_state(r->asked.request.trainer))
		return AC_OK;
	fd = open(r->options->workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return said(r, e, "the folder of the training is gone");
	e = figures_add_reported(&r->figures, fd, &why);
	(void)close(fd);
	if (e == AC_OK)
		return AC_OK;
	/* A day's training is not lost for a figure. */
	message_set(&m, "no FLOPs or tokens will be stated: %s", why.text);
	return progress(r, m.text) == AC_OK ? AC_OK :
	    said(r, AC_ERR_IO, "abandoned");
}

/* The caps that the inputs alone would break, before anything runs. */
static enum ac_err
check_room(struct recorder *r)
{
	const struct oms_file one = { .name = span_str("model.safetensors") };
	const struct outputs outputs = { .file = &one, .nfiles = 1 };
	struct buf s = { 0 };
	enum ac_err e;

	set_figures(r, 0, 0);
	while (r->figures.n < FIGURES_MAX)
		figures_add(&r->figures, "cumulativeFlops", UINT64_MAX, "FLOP",
		    "reported");
	e = encode_provenance(r, &s, &outputs);
	buf_free(&s);
	if (e != AC_OK) {
		message_set(&r->why, "the statement about these inputs would "
		    "be larger than %zu bytes (%s); use fewer inputs, or "
		    "folders instead of files", STATEMENT_MAX,
		    ac_strerror(e));
		return e;
	}
	return r->attest == NULL ? AC_OK :
	    attest_check_room(r->attest, &r->why);
}

static enum ac_err
wait_safe(struct recorder *r)
{
	struct message m;
	bool safe;
	enum ac_err e;

	for (unsigned waited = 0;; waited++) {
		struct pollfd p = { .fd = r->sock, .events = POLLRDHUP };

		e = attest_is_safe(r->attest, &safe, &r->why);
		if (e != AC_OK || safe)
			return e;
		if (waited == r->options->clock_s) {
			message_set(&r->why, "the TPM's clock is not safe after "
			    "%u seconds: the TPM was switched off without "
			    "being shut down; it is safe again %u minutes "
			    "after a start at the latest", waited,
			    RECORDER_CLOCK_S / 60);
			return AC_ERR_BUSY;
		}
		if (waited % 60 == 0) {
			message_set(&m, "waiting for the TPM's clock to be "
			    "safe (%u of at most %u seconds)", waited,
			    r->options->clock_s);
			if (progress(r, m.text) != AC_OK)
				return said(r, AC_ERR_IO, "abandoned");
		}
		if (poll(&p, 1, SECOND_MS) > 0)
			return said(r, AC_ERR_IO, "abandoned");
	}
}

static enum ac_err
quote_start(struct recorder *r)
{
	struct digest bind, attest;
	struct writer w;
	enum ac_err e;

	if (r->attest == NULL)
		return AC_OK;
	e = attest_check_lasting(r->attest, (int64_t)time(NULL),
	    r->options->limits.wall_s, &r->why);
	if (e == AC_OK)
		e = wait_safe(r);
	if (e != AC_OK)
		return e;
	bind = dsse_bind_start(&r->asked.request.config_sha256,
	    buf_span(&r->checkpoint));
	e = attest_quote(r->attest, EVIDENCE_START, &bind, &r->why);
	if (e != AC_OK)
		return e;
	attest = attest_start(r->attest);
	wr_init(&w, STATEMENT_MAX);
	event_start(&w, &attest);
	return record(r, ATTEST_INPUTS_PCR, &w);
}

/*
 * Until when the certificate can be published: whoever verifies asks that the
 * AK's certificates were valid when it was logged.
 */
static enum ac_err
tell_deadline(struct recorder *r)
{
	char end[TIME_RFC3339_LEN + 1];
	struct message m;

	if (r->attest == NULL ||
	    time_format(end, attest_not_after(r->attest)) != AC_OK)
		return AC_OK;
	message_set(&m, "publish before %s, when the attestation key's "
	    "certificates end", end);
	return progress(r, m.text) == AC_OK ? AC_OK :
	    said(r, AC_ERR_IO, "abandoned");
}

/* What is known before, so that nobody trains for nothing. */
static enum ac_err
tell_start(struct recorder *r)
{
	struct message m;
	enum ac_err e = tell_deadline(r);

	if (e != AC_OK)
		return e;
	message_set(&m, RECORDER_TRAINS "; it may leave at most %d files that outputs "
	    "match, %d of them weights", FILES_MAX, WEIGHTS_MAX);
	return progress(r, m.text) == AC_OK ? AC_OK :
	    said(r, AC_ERR_IO, "abandoned");
}

/* Everything that a spec borrows, in strings. */
struct job {
	struct sandbox_spec spec;
	char **argv, **env, **host, **name, *root;
	size_t nenv;
	struct sandbox_mount *mount;
};

static void
free_strings(char **s, size_t n)
{
	if (s != NULL)
		for (size_t i = 0; i < n; i++)
			free(s[i]);
	free(s);
}

static void
free_job(struct job *j, const struct request *q)
{
	free_strings(j->argv, q->ncommand);
	free_strings(j->env, j->nenv);
	free_strings(j->host, q->ninputs);
	free_strings(j->name, q->ninputs);
	free(j->mount);
	free(j->root);
	*j = (struct job){ 0 };
}

static char *
print_path(const char *dir, struct span name)
{
	char *s;

	return asprintf(&s, "%s/%.*s", dir, (int)name.len,
	    (const char *)name.p) < 0 ? NULL : s;
}

/* A variable that says where the sandbox has a folder to write. */
static bool
is_ours(const char *env)
{
	return strncmp(env, "HOME=", 5) == 0 ||
	    strncmp(env, "TMPDIR=", 7) == 0;
}

static enum ac_err
make_job(struct job *out, const struct recorder *r)
{
	const struct request *q = &r->asked.request;
	struct job j = { 0 };

	j.argv = calloc(q->ncommand + 1, sizeof(*j.argv));
	j.env = calloc(r->container.nenv + q->nenv + 1, sizeof(*j.env));
	j.host = calloc(q->ninputs + 1, sizeof(*j.host));
	j.name = calloc(q->ninputs + 1, sizeof(*j.name));
	j.mount = calloc(q->ninputs + 1, sizeof(*j.mount));
	if (j.argv == NULL || j.env == NULL || j.host == NULL ||
	    j.name == NULL || j.mount == NULL)
		goto no_memory;
	for (size_t i = 0; i < q->ncommand; i++) {
		j.argv[i] = strndup((const char *)q->command[i].p,
		    q->command[i].len);
		if (j.argv[i] == NULL)
			goto no_memory;
	}
	/* The image's come first, so that the configuration's count. */
	for (size_t i = 0; i < r->container.nenv; i++) {
		if (is_ours(r->container.env[i]))
			continue;
		j.env[j.nenv] = strdup(r->container.env[i]);
		if (j.env[j.nenv] == NULL)
			goto no_memory;
		j.nenv++;
	}
	for (size_t i = 0; i < q->nenv; i++, j.nenv++)
		if (asprintf(&j.env[j.nenv], "%.*s=%.*s",
		    (int)q->env[i].name.len, (const char *)q->env[i].name.p,
		    (int)q->env[i].value.len,
		    (const char *)q->env[i].value.p) < 0) {
			j.env[j.nenv] = NULL;
			goto no_memory;
		}
	if (q->has_image) {
		j.root = print_path(r->options->store, span_str(ROOT));
		if (j.root == NULL)
			goto no_memory;
	}
	for (size_t i = 0; i < q->ninputs; i++) {
		j.host[i] = print_path(r->options->store, q->input[i].name);
		j.name[i] = strndup((const char *)q->input[i].name.p,
		    q->input[i].name.len);
		if (j.host[i] == NULL || j.name[i] == NULL)
			goto no_memory;
		j.mount[i] = (struct sandbox_mount){ j.host[i], j.name[i] };
	}
	j.spec = (struct sandbox_spec){
		.argv = (const char *const *)j.argv,
		.env = (const char *const *)j.env,
		.nenv = j.nenv,
		.root = j.root,
		.inputs = j.mount,
		.ninputs = q->ninputs,
		.workspace = r->options->workspace,
		.limits = r->options->limits,
		.gpus = r->options->devices,
		.ngpus = r->options->ndevices,
	};
	*out = j;
	return AC_OK;
no_memory:
	free_job(&j, q);
	return AC_ERR_MEMORY;
}

static uint64_t
now_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_MS + (uint64_t)t.tv_nsec / 1000000;
}

/* Processor time of ended children so far. */
static uint64_t
children_ms(void)
{
	struct rusage u = { 0 };

	(void)getrusage(RUSAGE_CHILDREN, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * SECOND_MS +
	    (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static enum ac_err
count_outputs(struct recorder *r)
{
	const struct request *q = &r->asked.request;
	int fd = open(r->options->workspace, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	enum ac_err e;

	if (fd < 0)
		return said(r, AC_ERR_IO, "the folder of the training is gone");
	e = measure_count(fd, q->output, q->noutputs, &r->why);
	(void)close(fd);
	return e;
}

/* Hand the output on until it ends; stop where nobody listens any more. */
static enum ac_err
follow(struct recorder *r, struct sandbox *s)
{
	uint64_t limit_at = now_ms() + r->options->limits.wall_s * SECOND_MS;
	uint64_t count_at = now_ms() + COUNT_MS, energy_at = 0;
	uint8_t *chunk = malloc(OUTPUT_CHUNK);
	enum ac_err e = AC_ERR_MEMORY;
	size_t n;

	if (chunk == NULL)
		return said(r, e, "no memory");
	for (;;) {
		struct pollfd p[2] = {
			{ .fd = s->output_fd, .events = POLLIN },
			{ .fd = r->sock, .events = POLLRDHUP },
		};
		uint64_t now = now_ms();
		uint64_t until = limit_at < count_at ? limit_at : count_at;
		int ready;

		if (now >= energy_at) {
			energy_read(r->energy);
			energy_at = now + ENERGY_MS;
		}
		if (energy_at < until)
			until = energy_at;
		ready = poll(p, 2, until <= now ? 0 : (int)(until - now));
		if (ready < 0 && errno != EINTR) {
			e = said(r, AC_ERR_IO, "cannot wait for the training");
			break;
		}
		if (ready > 0 && p[1].revents != 0 && is_alone(r)) {
			e = said(r, AC_ERR_IO, "abandoned");
			break;
		}
		now = now_ms();
		if (now >= count_at) {
			uint64_t took;

			e = count_outputs(r);
			if (e != AC_OK)
				break;
			took = now_ms() - now;
			count_at = now_ms() + COUNT_MS + COUNT_SHARE * took;
		}
		/* Ends the training where its time is over. */
		if (ready <= 0 && now < limit_at)
			continue;
		if (ready > 0 && p[0].revents == 0 && now < limit_at)
			continue;
		e = sandbox_read(s, chunk, OUTPUT_CHUNK, &n);
		if (e != AC_OK) {
			e = said(r, e, "cannot read the training's output");
			break;
		}
		if (n == 0)
			break;
		e = answer(r, WIRE_OUTPUT, span_of(chunk, n));
		if (e != AC_OK) {
			e = said(r, e, "abandoned");
			break;
		}
	}
	free(chunk);
	return e;
}

static enum ac_err
describe_sandbox(struct recorder *r, const struct sandbox_spec *spec,
    enum sandbox_how how)
{
	struct writer w;
	enum ac_err e;

	buf_free(&r->sandbox);
	wr_init(&w, SANDBOX_DESCRIBE_MAX);
	e = sandbox_describe(&w, spec, how);
	if (e != AC_OK) {
		wr_free(&w);
		return said(r, e, "the sandbox cannot be described");
	}
	e = wr_end(&w, &r->sandbox);
	return e == AC_OK ? AC_OK : said(r, e, ac_strerror(e));
}

/*
 * Run the job.  On return, whatever it is, no process of it is left, or
 * nothing may be said about it.
 */
static enum ac_err
run_job(struct recorder *r, const struct job *j, int *exit_status)
{
	struct sandbox s = SANDBOX_NONE;
	struct sandbox_result result = { 0 };
	struct sandbox_why why = { "" };
	uint64_t began_ms, cpu_ms = children_ms();
	enum ac_err e, gone;

	r->timing.started_s = (int64_t)time(NULL);
	began_ms = now_ms();
	e = energy_open(&r->energy, r->options->sysfs != NULL ?
	    r->options->sysfs : ENERGY_SYSFS, r->options->ngpus == 0 ? NULL :
	    r->options->nvml != NULL ? r->options->nvml : ENERGY_NVML);
	if (e != AC_OK)
		return said(r, e, "no memory");
	e = sandbox_start(&s, &j->spec, &why);
	if (e != AC_OK)
		return said(r, e, why.text);
	e = describe_sandbox(r, &j->spec, s.how);
	if (e == AC_OK)
		e = follow(r, &s);
	if (e == AC_OK) {
		e = sandbox_wait(&s, &result);
		if (e == AC_ERR_NOT_FOUND)
			e = said(r, e, "the command cannot be executed in the "
			    "sandbox; see its last words");
		else if (e != AC_OK)
			e = said(r, e, "the sandbox was killed from outside");
	}
	gone = sandbox_end(&s);
	if (gone != AC_OK)
		return said(r, gone, "a process of the training did not end; "
		    "nothing can be said about its outputs: reboot");
	r->timing.wall_ms = now_ms() - began_ms;
	r->timing.finished_s = (int64_t)time(NULL);
	energy_read(r->energy);
	if (e != AC_OK)
		return e;
	if (result.timed_out) {
		message_set(&r->why, "the training was ended at the time limit "
		    "of %llu seconds; raise --time-limit",
		    (unsigned long long)r->options->limits.wall_s);
		return AC_ERR_LIMIT;
	}
	set_figures(r, r->timing.wall_ms, children_ms() - cpu_ms);
	*exit_status = result.exit_status;
	return result.exit_status == 0 ? add_reported(r) : AC_OK;
}

static enum ac_err
serve_start(struct recorder *r, struct wire_frame *f)
{
	const struct request *q = &r->asked.request;
	struct job j = { 0 };
	uint8_t status;
	int exit_status = 0;
	enum ac_err e;

	if (r->ninputs != q->ninputs ||
	    (q->has_image && r->job[q->ninputs].phase != RECORDED))
		return said(r, AC_ERR_FORMAT, "start before all inputs");
	if (f->fd >= 0 || f->body.len > NOTE_MAX)
		return said(r, AC_ERR_FORMAT, "start takes one signed note");
	r->checkpoint = f->body;
	f->body = (struct buf){ 0 }; /* transferred */
	e = make_job(&j, r);
	if (e != AC_OK)
		return said(r, e, "no memory");
	/* The description with either way of limiting is as long. */
	e = describe_sandbox(r, &j.spec, SANDBOX_RLIMIT);
	if (e == AC_OK)
		e = check_room(r);
	if (e == AC_OK)
		e = quote_start(r);
	if (e == AC_OK)
		e = tell_start(r);
	if (e == AC_OK)
		e = run_job(r, &j, &exit_status);
	free_job(&j, q);
	if (e != AC_OK)
		return e;
	/* A failed training has no certificate: end is not served. */
	r->state = exit_status == 0 ? WANT_END : DONE;
	status = (uint8_t)exit_status;
	return answer(r, WIRE_EXIT, span_of(&status, 1));
}

/* ---- end ---- */

static enum ac_err
record_run(struct recorder *r)
{
	struct writer w;
	enum ac_err e;

	wr_init(&w, STATEMENT_MAX);
	event_timing(&w, &r->timing);
	e = record(r, ATTEST_INPUTS_PCR, &w);
	if (e != AC_OK)
		return e;
	wr_init(&w, STATEMENT_MAX);
	event_compute(&w, r->figures.figure, r->figures.n);
	return record(r, ATTEST_INPUTS_PCR, &w);
}

static enum ac_err
hash_outputs(struct recorder *r, struct measure_files *files)
{
	const struct request *q = &r->asked.request;
	int fd = open(r->options->workspace, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	enum ac_err e;

	if (fd < 0)
		return said(r, AC_ERR_IO, "the folder of the training is gone");
	e = measure_outputs(files, fd, q->output, q->noutputs, &r->why);
	(void)close(fd);
	return e;
}

static enum ac_err
answer_result(const struct recorder *r, const struct buf part[3])
{
	struct buf body = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, WIRE_ANSWER_MAX);
	for (size_t i = 0; i < 3; i++) {
		wr_be32(&w, (uint32_t)part[i].len);
		wr_bytes(&w, buf_span(&part[i]));
	}
	e = wr_end(&w, &body);
	if (e == AC_OK)
		e = answer(r, WIRE_RESULT, buf_span(&body));
	buf_free(&body);
	return e;
}

static enum ac_err
serve_end(struct recorder *r, const struct wire_frame *f)
{
	struct measure_files files = { 0 };
	struct buf part[3] = { { 0 } }; /* S, OMS statement, evidence */
	struct outputs o = { 0 };
	struct digest d, bind;
	struct writer w;
	enum ac_err e;

	if (f->fd >= 0 || f->body.len != 0)
		return said(r, AC_ERR_FORMAT, "end takes nothing");
	r->state = DONE;
	e = record_run(r);
	if (e == AC_OK && progress(r, RECORDER_HASHES) != AC_OK)
		e = said(r, AC_ERR_IO, "abandoned");
	if (e == AC_OK)
		e = hash_outputs(r, &files);
	if (e != AC_OK)
		goto out;
	e = oms_encode(&part[1], files.file, files.n, oms_ignore,
	    OMS_NIGNORE);
	if (e != AC_OK) {
		message_set(&r->why, "the list of %zu output files: %s; at "
		    "most %zu bytes", files.n, ac_strerror(e),
		    OMS_STATEMENT_MAX);
		goto out;
	}
	o = (struct outputs){ .file = files.file, .nfiles = files.n,
		.root = oms_root(files.file, files.n),
		.manifest = sha256_of(buf_span(&part[1])) };
	wr_init(&w, STATEMENT_MAX);
	event_outputs(&w, &r->asked.request, &o);
	e = record(r, ATTEST_OUTPUTS_PCR, &w);
	if (e != AC_OK)
		goto out;
	e = encode_provenance(r, &part[0], &o);
	if (e != AC_OK) {
		message_set(&r->why, "the statement about inputs and outputs: "
		    "%s; at most %zu bytes", ac_strerror(e), STATEMENT_MAX);
		goto out;
	}
	if (r->attest != NULL) {
		d = dsse_digest(buf_span(&part[0]));
		bind = dsse_bind_end(&d);
		e = attest_quote(r->attest, EVIDENCE_END, &bind, &r->why);
		if (e == AC_OK)
			e = attest_evidence(&part[2], r->attest, &d, &o.root,
			    &r->why);
		if (e != AC_OK)
			goto out;
	}
	e = tell_deadline(r);
	if (e == AC_OK)
		e = answer_result(r, part);
out:
	for (size_t i = 0; i < 3; i++)
		buf_free(&part[i]);
	measure_files_free(&files);
	return e;
}

/* ---- the loop ---- */

static const char *
verb_name(enum wire_type type)
{
	static const char *const name[] = { "key", "configure", "input",
		"download", "start", "end" };

	return type >= WIRE_KEY && type <= WIRE_END ?
	    name[type - WIRE_KEY] : "an answer";
}

static enum ac_err
out_of_order(struct recorder *r, enum wire_type type)
{
	static const char *const wanted[] = { "configure", "input or start",
		"end", "nothing" };

	message_set(&r->why, "%s is out of order; what may come now is %s",
	    verb_name(type), wanted[r->state]);
	return AC_ERR_FORMAT;
}

static enum ac_err
serve(struct recorder *r, struct wire_frame *f)
{
	if (f->type == WIRE_KEY && r->state == WANT_CONFIGURE && !r->has_key)
		return serve_key(r, f);
	if (f->type == WIRE_CONFIGURE && r->state == WANT_CONFIGURE)
		return serve_configure(r, f);
	if ((f->type == WIRE_INPUT || f->type == WIRE_DOWNLOAD) &&
	    r->state == WANT_INPUTS)
		return serve_input(r, f);
	if (f->type == WIRE_START && r->state == WANT_INPUTS)
		return serve_start(r, f);
	if (f->type == WIRE_END && r->state == WANT_END)
		return serve_end(r, f);
	return out_of_order(r, f->type);
}

static enum ac_err
open_store(struct recorder *r)
{
	if (pipe2(r->done, O_CLOEXEC) != 0 || pipe2(r->stop, O_CLOEXEC) != 0)
		return said(r, AC_ERR_IO, "no pipe for the inputs");
	r->store_fd = open(r->options->store, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	return r->store_fd >= 0 ? AC_OK :
	    said(r, AC_ERR_IO, "the folder for inputs is gone");
}

static enum ac_err
open_machine(struct recorder *r)
{
	const struct recorder_options *o = r->options;
	enum ac_err e;

	if (!o->measured)
		return AC_OK;
	e = attest_open(&r->attest, &o->attest, &r->why);
	if (e == AC_OK)
		e = attest_check_lasting(r->attest, (int64_t)time(NULL),
		    o->limits.wall_s, &r->why);
	return e;
}

static void
free_recorder(struct recorder *r)
{
	stop_inputs(r);
	end_challenges(r);
	for (size_t i = 0; i < 2; i++) {
		if (r->done[i] >= 0)
			(void)close(r->done[i]);
		if (r->stop[i] >= 0)
			(void)close(r->stop[i]);
	}
	if (r->store_fd >= 0)
		(void)close(r->store_fd);
	energy_free(r->energy);
	for (size_t i = 0; i <= INPUTS_MAX; i++)
		container_free(&r->job[i].container);
	container_free(&r->container);
	attest_free(r->attest);
	wire_request_free(&r->asked);
	wire_frame_free(&r->configure);
	buf_free(&r->checkpoint);
	buf_free(&r->sandbox);
	free(r);
}

/* The build is over, well or not; peers may still ask what ran here. */
static void
await_close(struct recorder *r)
{
	struct pollfd p = { .fd = r->sock, .events = POLLRDHUP };

	while (!is_alone(r) && (poll(&p, 1, -1) > 0 || errno == EINTR))
		continue;
}

int
recorder_serve(int sock, const struct recorder_options *options)
{
	struct recorder *r = calloc(1, sizeof(*r));
	enum ac_err e;

	if (r == NULL)
		return 1;
	r->options = options;
	r->sock = sock;
	r->configure.fd = -1;
	r->challenge_fd = -1;
	r->store_fd = -1;
	r->done[0] = r->done[1] = r->stop[0] = r->stop[1] = -1;
	r->failed = WIRE_NO_INPUT;
	e = open_store(r);
	if (e == AC_OK)
		e = open_machine(r);
	if (e == AC_OK)
		e = answer(r, WIRE_READY, span_str(""));
	else
		answer_failed(r, e);
	while (e == AC_OK) {
		struct wire_frame f = { .fd = -1 };

		e = await_verb(r);
		if (e != AC_OK) {
			answer_failed(r, e);
			break;
		}
		e = wire_receive(&f, sock, WIRE_VERB_MAX);
		if (e == AC_ERR_NOT_FOUND) {
			e = AC_OK; /* nothing more is asked */
			break;
		}
		if (e != AC_OK)
			e = said(r, e, "a frame is malformed or too long");
		else
			e = serve(r, &f);
		wire_frame_free(&f);
		if (e != AC_OK)
			answer_failed(r, e);
	}
	if (r->has_key)
		await_close(r);
	free_recorder(r);
	return e == AC_OK ? 0 : 1;
}
