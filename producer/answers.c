/* answers.c -- the endpoints of an agent; see answers.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "cert/limits.h"
#include "common/text.h"
#include "producer/answers.h"
#include "producer/ask.h"

#define SILENCE_MS 10000 /* a comment goes out after so long without events */
#define PROBLEM_LEN 4096

enum problem {
	NOT_FOUND, METHOD, ARGUMENT, UNAUTHORIZED, RATE, TOO_LARGE, MEDIA_TYPE,
	TAKEN, RUNNING, NOT_YET, FAILED, CONFIGURATION, CHECKPOINT, RANGE,
	INTERNAL,
};

static const struct kind {
	unsigned status;
	const char *name, *title;
} kinds[] = {
	[NOT_FOUND] = { 404, "not-found", "There is no such thing" },
	[METHOD] = { 405, "method", "Method not allowed" },
	[ARGUMENT] = { 400, "argument", "Malformed argument" },
	[UNAUTHORIZED] = { 401, "token", "Only its owner may ask that" },
	[RATE] = { 429, "rate", "Too many requests" },
	[TOO_LARGE] = { 413, "too-large", "Over a limit of size" },
	[MEDIA_TYPE] = { 415, "media-type", "Unsupported media type" },
	[TAKEN] = { 409, "taken", "There is a configuration already" },
	[RUNNING] = { 409, "running", "That has begun already" },
	[NOT_YET] = { 404, "not-yet", "It is not there yet" },
	[FAILED] = { 410, "failed", "The build failed" },
	[CONFIGURATION] = { 422, "configuration",
	    "The configuration cannot be built" },
	[CHECKPOINT] = { 422, "checkpoint", "That is no checkpoint" },
	[RANGE] = { 416, "range", "The file has no such part" },
	[INTERNAL] = { 500, "internal", "The agent failed" },
};

struct answers {
	struct agent *agent;
	struct door *door;
	pthread_mutex_t mutex; /* guards what follows */
	int64_t tokens_ms;     /* of time that requests may use up */
	int64_t at_ms;
};

/* ---- replies ---- */

static void
refuse(struct door_reply *out, enum problem p, const char *detail)
{
	const struct kind *k = &kinds[p];
	struct writer w;

	*out = (struct door_reply){ .status = k->status,
		.type = "application/problem+json", .cache = "no-store" };
	wr_init(&w, PROBLEM_LEN);
	wr_printf(&w, "{\"type\":\"" AICERT_URI "/problem/agent/%s\","
	    "\"title\":\"%s\",\"status\":%u,\"detail\":", k->name, k->title,
	    k->status);
	wr_json(&w, span_str(detail));
	wr_str(&w, "}\n");
	if (wr_end(&w, &out->body) != AC_OK)
		out->body = (struct buf){ 0 }; /* the status says it too */
}

static void
add_header(struct door_reply *out, const char *name, const char *value)
{
	struct door_header *h = &out->header[out->nheaders];

	if (out->nheaders == DOOR_HEADERS_MAX)
		return;
	h->name = name;
	(void)snprintf(h->value, sizeof(h->value), "%s", value);
	out->nheaders++;
}

static void
reply_json(struct door_reply *out, unsigned status, struct writer *w)
{
	struct buf body = { 0 };

	if (wr_end(w, &body) != AC_OK) {
		refuse(out, INTERNAL, "the answer cannot be written");
		return;
	}
	*out = (struct door_reply){ .status = status,
		.type = "application/json", .cache = "no-store",
		.body = body };
}

/* ---- who may ask ---- */

static int64_t
now_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* May a stranger ask now?  A bucket for all of them, as there is one TPM. */
static bool
may_ask(struct answers *s)
{
	const int64_t one_ms = 1000 / ANSWERS_RATE;
	int64_t now = now_ms();
	bool may;

	(void)pthread_mutex_lock(&s->mutex);
	s->tokens_ms += now - s->at_ms;
	if (s->tokens_ms > ANSWERS_BURST * one_ms)
		s->tokens_ms = ANSWERS_BURST * one_ms;
	s->at_ms = now;
	may = s->tokens_ms >= one_ms;
	if (may)
		s->tokens_ms -= one_ms;
	(void)pthread_mutex_unlock(&s->mutex);
	return may;
}

static bool
refuse_rate(struct answers *s, struct door_reply *out)
{
	if (may_ask(s))
		return false;
	refuse(out, RATE, "strangers ask for more than is answered; ask again "
	    "in a second");
	out->retry_after_s = 1;
	return true;
}

static void
refuse_token(struct door_reply *out, bool owned)
{
	refuse(out, UNAUTHORIZED, owned ? "this needs the token that came with "
	    "the configuration, as \"Authorization: Bearer\" and 64 hex digits" :
	    "this needs a configuration first, and the token that comes with "
	    "it, as \"Authorization: Bearer\" and 64 hex digits");
	add_header(out, "WWW-Authenticate", "Bearer");
}

/* Is the media type of a request what is expected, parameters aside? */
static bool
is_type(const struct door_request *r, const char *type)
{
	const char *given = door_header(r, "Content-Type");
	size_t n = strlen(type);

	return given != NULL && strncasecmp(given, type, n) == 0 &&
	    (given[n] == '\0' || given[n] == ';' || given[n] == ' ');
}

static bool
check_type(struct door_reply *out, const struct door_request *r,
    const char *type)
{
	struct message m;

	if (is_type(r, type))
		return true;
	message_set(&m, "the body has to be %s", type);
	refuse(out, MEDIA_TYPE, m.text);
	return false;
}

/* All but the challenge is the owner's, and a configuration makes one. */
static bool
check_owner(struct answers *s, struct door_reply *out,
    const struct door_request *r, const struct ask *ask)
{
	bool owned = agent_is_owned(s->agent), has_token;
	struct digest token;

	if (ask->place == ASK_ATTESTATION)
		return !refuse_rate(s, out);
	has_token = ask_bearer(&token, door_header(r, "Authorization"));
	if (has_token && agent_is_owner(s->agent, &token))
		return true;
	if (refuse_rate(s, out))
		return false;
	if (ask->place == ASK_CONFIGURATION && has_token && !owned)
		return true;
	if (ask->place == ASK_CONFIGURATION && owned)
		refuse(out, TAKEN, "this machine has a configuration already, "
		    "and one boot is for one build; whose it is stands in "
		    "/attestation");
	else
		refuse_token(out, owned);
	return false;
}

static bool
parse(struct ask *ask, struct door_reply *out, const struct door_request *r)
{
	static const char *const wanted[ASK_PLACES] = {
		[ASK_ATTESTATION] = "/attestation takes ?nonce= and 64 hex "
		    "digits",
		[ASK_CONFIGURATION] = "/configuration takes ?name= and the "
		    "file's name, then &builder= and the SHA-256 of the "
		    "builder's key in hex",
		[ASK_RUN] = "/run takes no arguments",
		[ASK_STATUS] = "/status takes no arguments",
		[ASK_CERTIFICATE] = "/certificate takes no arguments",
		[ASK_OUTPUTS] = "/outputs takes no arguments",
		[ASK_OUTPUT] = "/outputs/ takes a path, escaped, and no "
		    "arguments",
		[ASK_UPLOAD] = "/upload takes ?path= and the path of an output",
	};
	const char *allow = NULL;

	switch (ask_parse(ask, &allow, r->method, r->target)) {
	case ASK_OK:
		return true;
	case ASK_NOT_FOUND:
		refuse(out, NOT_FOUND, "there are /attestation, "
		    "/configuration, /run, /status, /certificate, /outputs and "
		    "/upload");
		return false;
	case ASK_METHOD:
		refuse(out, METHOD, "the header Allow says how to ask");
		out->allow = allow;
		return false;
	case ASK_ARGUMENT:
		refuse(out, ARGUMENT, wanted[ask->place]);
		return false;
	}
	return false;
}

/* Before a body is read. */
static bool
on_head(void *arg, struct door_reply *out, const struct door_request *r,
    size_t *body_max)
{
	struct answers *s = arg;
	struct ask ask;

	if (!parse(&ask, out, r))
		return false;
	if (!check_owner(s, out, r, &ask))
		return false;
	if (ask.place == ASK_CONFIGURATION) {
		if (agent_is_owned(s->agent)) {
			refuse(out, TAKEN, "yours is there already, and one "
			    "boot is for one build");
			return false;
		}
		*body_max = CONFIG_MAX;
		return check_type(out, r, "application/yaml");
	}
	*body_max = ask.place == ASK_RUN ? NOTE_MAX :
	    ask.place == ASK_UPLOAD ? WORD_MAX : 0;
	return (ask.place != ASK_RUN && ask.place != ASK_UPLOAD) ||
	    check_type(out, r, "text/plain");
}

static void
on_too_large(void *arg, struct door_reply *out)
{
	(void)arg;
	refuse(out, TOO_LARGE, "a configuration has at most 256 KiB, a "
	    "checkpoint 128 KiB, a URL 16 KiB, other requests no body");
}

/* ---- the places ---- */

static void
attestation(struct answers *s, struct door_reply *out, const struct ask *ask)
{
	struct message why = { "" };
	struct buf body = { 0 };

	if (agent_challenge(s->agent, &body, ask->nonce, &why) != AC_OK) {
		refuse(out, INTERNAL, why.text);
		return;
	}
	*out = (struct door_reply){ .status = 200, .type = "application/json",
		.cache = "no-store", .body = body };
}

static void
configuration(struct answers *s, struct door_reply *out,
    const struct door_request *r, const struct ask *ask)
{
	struct message why = { "" };
	struct digest token;
	struct writer w;
	enum ac_err e;

	if (!ask_bearer(&token, door_header(r, "Authorization"))) {
		refuse_token(out, false);
		return;
	}
	e = agent_configure(s->agent, &token, ask->name, &ask->builder,
	    r->body, &why);
	if (e == AC_OK) {
		wr_init(&w, PROBLEM_LEN);
		agent_write_status(s->agent, &w);
		reply_json(out, 201, &w);
	} else {
		refuse(out, e == AC_ERR_EXISTS ? TAKEN : e == AC_ERR_FORMAT ||
		    e == AC_ERR_LIMIT || e == AC_ERR_UNSUPPORTED ?
		    CONFIGURATION : INTERNAL, why.text);
	}
}

static void
run(struct answers *s, struct door_reply *out, const struct door_request *r)
{
	struct message why = { "" };
	struct writer w;
	enum ac_err e = agent_run(s->agent, r->body, &why);

	if (e == AC_OK) {
		wr_init(&w, PROBLEM_LEN);
		agent_write_status(s->agent, &w);
		reply_json(out, 202, &w);
	} else {
		refuse(out, e == AC_ERR_EXISTS ? RUNNING : e == AC_ERR_FORMAT ?
		    CHECKPOINT : e == AC_ERR_NOT_FOUND ? NOT_YET : INTERNAL,
		    why.text);
	}
}

/* A reader of the journal. */
struct reading {
	struct journal *journal;
	uint64_t at;
	bool begun;
};

static ssize_t
read_events(void *arg, uint64_t at, char *to, size_t max)
{
	static const char comment[] = ": nothing new\n\n";
	struct reading *r = arg;
	ssize_t n;

	(void)at;
	if (max < JOURNAL_EVENT_MAX)
		return -1;
	/* The first bytes at once: whoever connects sees that it works. */
	n = journal_read(r->journal, &r->at, to, max, r->begun ? SILENCE_MS :
	    0);
	r->begun = true;
	if (n != 0)
		return n < 0 ? 0 : n;
	memcpy(to, comment, sizeof(comment) - 1);
	return sizeof(comment) - 1;
}

static void
status(struct answers *s, struct door_reply *out,
    const struct door_request *r)
{
	const char *accept = door_header(r, "Accept");
	struct reading *reading;
	struct writer w;

	if (accept != NULL && strstr(accept, "application/json") != NULL) {
		wr_init(&w, PROBLEM_LEN + 6 * FILE_PATH_MAX);
		agent_write_status(s->agent, &w);
		reply_json(out, 200, &w);
		return;
	}
	reading = malloc(sizeof(*reading));
	if (reading == NULL) {
		refuse(out, INTERNAL, "no memory");
		return;
	}
	*reading = (struct reading){ .journal = agent_journal(s->agent),
		.at = ask_last_event(door_header(r, "Last-Event-ID")) };
	*out = (struct door_reply){ .status = 200, .type = "text/event-stream",
		.cache = "no-store", .source = { .read = read_events,
		.end = free, .arg = reading, .bytes = UINT64_MAX } };
}

/* Refuse what is asked for before it exists. */
static bool
get_result(struct answers *s, struct door_reply *out,
    const struct run_result **result, const struct oms **files)
{
	struct message m;
	enum agent_phase p;

	if (agent_result(s->agent, result, files))
		return true;
	p = agent_phase(s->agent);
	message_set(&m, "the build is in the phase \"%s\"; /status says when "
	    "it is done", agent_phase_name(p));
	if (p == AGENT_FAILED)
		refuse(out, FAILED, "there is no result, and there will be "
		    "none; /status says why");
	else
		refuse(out, NOT_YET, m.text);
	return false;
}

static void
certificate(struct answers *s, struct door_reply *out)
{
	const struct run_result *result;
	const struct oms *files;
	struct writer w;

	if (!get_result(s, out, &result, &files))
		return;
	wr_init(&w, 2 * WIRE_ANSWER_MAX);
	wr_str(&w, "{\"provenance\":\"");
	wr_base64(&w, buf_span(&result->provenance));
	wr_str(&w, "\",\"evidence\":\"");
	wr_base64(&w, buf_span(&result->evidence));
	wr_str(&w, "\",\"oms\":\"");
	wr_base64(&w, buf_span(&result->oms));
	wr_str(&w, "\"}");
	reply_json(out, 200, &w);
}

static void
outputs(struct answers *s, struct door_reply *out)
{
	const struct run_result *result;
	const struct oms *files;
	char path[FILE_PATH_MAX + 1];
	struct writer w;

	if (!get_result(s, out, &result, &files))
		return;
	wr_init(&w, 2 * OMS_STATEMENT_MAX);
	wr_str(&w, "{\"files\":[");
	for (size_t i = 0; i < files->nfiles; i++) {
		const struct span name = files->file[i].name;
		struct digest sha256;
		uint64_t bytes = 0;
		int fd;

		memcpy(path, name.p, name.len); /* checked: it fits */
		path[name.len] = '\0';
		if (agent_output(s->agent, path, &fd, &bytes, &sha256) !=
		    AC_OK) {
			wr_free(&w);
			refuse(out, INTERNAL, "an output cannot be read");
			return;
		}
		(void)close(fd);
		wr_str(&w, i == 0 ? "{\"path\":" : ",{\"path\":");
		wr_json(&w, name);
		wr_printf(&w, ",\"bytes\":%llu,\"sha256\":\"",
		    (unsigned long long)bytes);
		wr_hex(&w, span_digest(&sha256));
		wr_str(&w, "\"}");
	}
	wr_str(&w, "]}");
	reply_json(out, 200, &w);
}

/* A part of an output. */
struct part {
	int fd;
	uint64_t from, bytes;
};

static ssize_t
read_part(void *arg, uint64_t at, char *to, size_t max)
{
	const struct part *p = arg;
	uint64_t left = at < p->bytes ? p->bytes - at : 0;

	return pread(p->fd, to, max < left ? max : (size_t)left,
	    (off_t)(p->from + at));
}

static void
end_part(void *arg)
{
	struct part *p = arg;

	(void)close(p->fd);
	free(p);
}

/* Headers that say which file this is, and which part of it. */
static void
name_part(struct door_reply *out, const struct digest *sha256,
    const struct part *p, uint64_t bytes)
{
	char text[DOOR_VALUE_MAX] = { 0 };

	text[0] = '"';
	text_hex(text + 1, span_digest(sha256));
	text[65] = '"';
	text[66] = '\0';
	add_header(out, "ETag", text);
	/* RFC 9530: of the whole file, whatever part is sent. */
	memcpy(text, "sha-256=:", 9);
	text_base64(text + 9, span_digest(sha256));
	memcpy(text + 9 + text_base64_len(32), ":", 2);
	add_header(out, "Repr-Digest", text);
	add_header(out, "Accept-Ranges", "bytes");
	if (out->status != 206)
		return;
	(void)snprintf(text, sizeof(text), "bytes %llu-%llu/%llu",
	    (unsigned long long)p->from,
	    (unsigned long long)(p->from + p->bytes - 1),
	    (unsigned long long)bytes);
	add_header(out, "Content-Range", text);
}

static void
output(struct answers *s, struct door_reply *out,
    const struct door_request *r, const struct ask *ask)
{
	const char *range = door_header(r, "Range");
	const struct run_result *result;
	const struct oms *files;
	struct part *p;
	struct digest sha256;
	uint64_t bytes;
	char size[48];
	enum ac_err e;
	int fd;

	if (!get_result(s, out, &result, &files))
		return;
	e = agent_output(s->agent, ask->name, &fd, &bytes, &sha256);
	if (e != AC_OK) {
		refuse(out, e == AC_ERR_NOT_FOUND ? NOT_FOUND : INTERNAL,
		    e == AC_ERR_NOT_FOUND ? "the list of outputs has no such "
		    "path" : "the output cannot be read");
		return;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL) {
		(void)close(fd);
		refuse(out, INTERNAL, "no memory");
		return;
	}
	p->fd = fd;
	if (!ask_range(&p->from, &p->bytes, range, bytes)) {
		end_part(p);
		refuse(out, RANGE, "the range begins behind the end");
		(void)snprintf(size, sizeof(size), "bytes */%llu",
		    (unsigned long long)bytes);
		add_header(out, "Content-Range", size);
		return;
	}
	*out = (struct door_reply){ .status = p->bytes < bytes ? 206 : 200,
		.type = "application/octet-stream", .cache = "no-store",
		.source = { .read = read_part, .end = end_part, .arg = p,
		.bytes = p->bytes } };
	name_part(out, &sha256, p, bytes);
}

static void
upload(struct answers *s, struct door_reply *out,
    const struct door_request *r, const struct ask *ask)
{
	const struct run_result *result;
	const struct oms *files;
	struct message why = { "" };
	struct writer w;
	enum ac_err e;

	if (!get_result(s, out, &result, &files))
		return;
	e = agent_upload(s->agent, ask->name, r->body, &why);
	if (e == AC_OK) {
		wr_init(&w, PROBLEM_LEN + 6 * FILE_PATH_MAX);
		agent_write_status(s->agent, &w);
		reply_json(out, 202, &w);
	} else {
		refuse(out, e == AC_ERR_EXISTS ? RUNNING :
		    e == AC_ERR_NOT_FOUND ? NOT_FOUND : e == AC_ERR_FORMAT ?
		    ARGUMENT : INTERNAL, why.text);
	}
}

static void
on_answer(void *arg, struct door_reply *out, const struct door_request *r)
{
	struct answers *s = arg;
	struct ask ask;

	if (!parse(&ask, out, r))
		return;
	switch (ask.place) {
	case ASK_ATTESTATION:
		attestation(s, out, &ask);
		break;
	case ASK_CONFIGURATION:
		configuration(s, out, r, &ask);
		break;
	case ASK_RUN:
		run(s, out, r);
		break;
	case ASK_STATUS:
		status(s, out, r);
		break;
	case ASK_CERTIFICATE:
		certificate(s, out);
		break;
	case ASK_OUTPUTS:
		outputs(s, out);
		break;
	case ASK_OUTPUT:
		output(s, out, r, &ask);
		break;
	case ASK_UPLOAD:
		upload(s, out, r, &ask);
		break;
	}
}

/* ---- life ---- */

enum ac_err
answers_open(struct answers **out, struct agent *a, int listen_fd,
    struct message *why)
{
	const struct agentkey *key = agent_key(a);
	struct answers *s = calloc(1, sizeof(*s));
	struct door_options o = { .listen_fd = listen_fd,
		.connections = ANSWERS_CONNECTIONS,
		.per_address = ANSWERS_PER_ADDRESS, .body_max = CONFIG_MAX,
		.key = (const char *)key->key.p,
		.certificate = (const char *)key->certificate.p,
		.head = on_head, .too_large = on_too_large,
		.answer = on_answer, .arg = s };
	enum ac_err e;

	if (s == NULL || pthread_mutex_init(&s->mutex, NULL) != 0) {
		free(s);
		message_set(why, "no memory");
		return AC_ERR_MEMORY;
	}
	s->agent = a;
	s->at_ms = now_ms();
	s->tokens_ms = ANSWERS_BURST * (1000 / ANSWERS_RATE);
	e = door_open(&s->door, &o, why);
	if (e != AC_OK) {
		(void)pthread_mutex_destroy(&s->mutex);
		free(s);
		return e;
	}
	*out = s;
	return AC_OK;
}

void
answers_reap(struct answers *s)
{
	door_reap(s->door);
}

void
answers_close(struct answers *s)
{
	if (s == NULL)
		return;
	door_close(s->door);
	(void)pthread_mutex_destroy(&s->mutex);
	free(s);
}
