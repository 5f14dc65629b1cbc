/*
 * agent.c -- a build that is told by others what to do; see agent.h.
 *
 * A thread of its own runs the build once it is asked to; requests only look
 * at what it leaves.  The mutex guards everything but the run, which belongs to
 * whoever moved the phase.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cert/note.h"
#include "common/text.h"
#include "common/time.h"
#include "producer/agent.h"
#include "producer/fetch_put.h"
#include "producer/inputs.h"
#include "producer/rules.h"
#include "producer/tree.h"
#include "producer/world.h"

#define LINE_LEN 1024 /* bytes of the training's in one event */

struct agent {
	struct agent_options options;
	struct agentkey key;
	struct journal *journal;
	struct run run;
	int stop_fd;      /* readable: everything ends */
	int challenge_fd;
	pthread_mutex_t challenge_mutex; /* one at a time */
	char *scratch, *inputs, *fetched, *workspace;
	int workspace_fd;
	char line[LINE_LEN]; /* of the training's output, begun */
	size_t linelen;
	pthread_t thread;
	bool has_thread;

	pthread_mutex_t mutex; /* guards what follows */
	enum agent_phase phase;
	int64_t since_s;  /* in that phase */
	bool busy;        /* a configuration is being looked at */
	bool owned;
	struct digest token; /* SHA-256 of the owner's */
	struct digest builder;
	struct config config;
	struct buf checkpoint;
	struct run_result result;
	struct oms oms;
	struct message failure;
	/* The last upload, if there was one. */
	enum { NO_UPLOAD, UPLOADING, UPLOADED, NOT_UPLOADED } upload;
	char upload_path[FILE_PATH_MAX + 1];
	char *upload_env; /* with the URL; of the thread */
	int upload_fd;    /* likewise */
	struct message upload_why;
	pthread_t upload_thread;
	bool has_upload_thread;
};

const char *
agent_phase_name(enum agent_phase p)
{
	static const char *const name[] = { "waiting", "configured", "inputs",
		"start", "training", "outputs", "done", "failed" };

	return name[p];
}

/* ---- what is told ---- */

static void
add_event(struct agent *a, const char *name, struct writer *w)
{
	struct buf data = { 0 };

	if (wr_end(w, &data) == AC_OK)
		journal_add(a->journal, name, buf_span(&data));
	buf_free(&data);
}

static void
enter(struct agent *a, enum agent_phase p)
{
	struct writer w;
	int64_t now = (int64_t)time(NULL);

	(void)pthread_mutex_lock(&a->mutex);
	if (a->phase == p) {
		(void)pthread_mutex_unlock(&a->mutex);
		return;
	}
	a->phase = p;
	a->since_s = now;
	(void)pthread_mutex_unlock(&a->mutex);
	wr_init(&w, JOURNAL_EVENT_MAX);
	wr_printf(&w, "{\"phase\":\"%s\",\"time\":%" PRId64 "}",
	    agent_phase_name(p), now);
	add_event(a, "phase", &w);
	a->options.tell(a->options.arg, agent_phase_name(p));
}

static bool
begins(struct span s, const char *with)
{
	size_t n = strlen(with);

	return s.len >= n && span_is(span_of(s.p, n), with);
}

static void
on_progress(void *arg, struct span sentence)
{
	struct agent *a = arg;
	struct writer w;

	if (begins(sentence, RECORDER_TRAINS))
		enter(a, AGENT_TRAINING);
	if (begins(sentence, RECORDER_HASHES))
		enter(a, AGENT_OUTPUTS);
	wr_init(&w, JOURNAL_EVENT_MAX);
	wr_str(&w, "{\"text\":");
	wr_json(&w, sentence);
	wr_u8(&w, '}');
	add_event(a, "progress", &w);
}

/*
 * A line of the training's as an event.  What is no UTF-8 becomes '?': this is
 * for people to watch, and in no statement.
 */
static void
put_line(struct agent *a)
{
	struct writer w;

	if (!text_is_utf8(span_of(a->line, a->linelen)))
		for (size_t i = 0; i < a->linelen; i++)
			if ((uint8_t)a->line[i] >= 0x80)
				a->line[i] = '?';
	wr_init(&w, JOURNAL_EVENT_MAX);
	wr_str(&w, "{\"line\":");
	wr_json(&w, span_of(a->line, a->linelen));
	wr_u8(&w, '}');
	add_event(a, "output", &w);
	a->linelen = 0;
}

static void
on_output(void *arg, struct span bytes)
{
	struct agent *a = arg;

	for (size_t i = 0; i < bytes.len; i++) {
		char c = (char)bytes.p[i];

		/* A bar of progress ends its lines with CR. */
		if (c == '\r' && a->linelen == 0)
			continue;
		if (c != '\n' && c != '\r')
			a->line[a->linelen++] = c;
		if (c == '\n' || c == '\r' || a->linelen == LINE_LEN)
			put_line(a);
	}
}

static void
fail(struct agent *a, enum ac_err e, const struct message *why)
{
	struct writer w;

	(void)pthread_mutex_lock(&a->mutex);
	a->failure = *why;
	(void)pthread_mutex_unlock(&a->mutex);
	wr_init(&w, JOURNAL_EVENT_MAX);
	wr_printf(&w, "{\"error\":\"%s\",\"text\":", ac_strerror(e));
	wr_json(&w, span_str(why->text));
	wr_u8(&w, '}');
	add_event(a, "failure", &w);
	enter(a, AGENT_FAILED);
}

/* ---- life ---- */

static enum ac_err
make_folder(struct agent *a, char **path, const char *name,
    struct message *why)
{
	if (asprintf(path, "%s/%s", a->scratch, name) < 0) {
		*path = NULL;
		message_set(why, "no memory");
		return AC_ERR_MEMORY;
	}
	/* 0755: the job's user, who has no way here but the sandbox's. */
	if (mkdir(*path, 0755) == 0)
		return AC_OK;
	message_set(why, "cannot make a folder in ");
	message_add_quoted(why, span_str(a->options.work));
	message_add(why, ": %s", strerror(errno));
	return AC_ERR_IO;
}

static enum ac_err
make_scratch(struct agent *a, struct message *why)
{
	enum ac_err e;

	if (asprintf(&a->scratch, "%s/build-XXXXXX", a->options.work) < 0) {
		a->scratch = NULL;
		message_set(why, "no memory");
		return AC_ERR_MEMORY;
	}
	if (mkdtemp(a->scratch) == NULL) {
		message_set(why, "cannot make a folder in ");
		message_add_quoted(why, span_str(a->options.work));
		message_add(why, ": %s; name another with --work",
		    strerror(errno));
		free(a->scratch);
		a->scratch = NULL;
		return AC_ERR_IO;
	}
	e = make_folder(a, &a->inputs, "inputs", why);
	if (e == AC_OK)
		e = make_folder(a, &a->fetched, "fetched", why);
	if (e == AC_OK)
		e = make_folder(a, &a->workspace, "workspace", why);
	if (e != AC_OK)
		return e;
	a->workspace_fd = open(a->workspace, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	if (a->workspace_fd < 0) {
		message_set(why, "the folder of the training is gone");
		return AC_ERR_IO;
	}
	return AC_OK;
}

static enum ac_err
begin(struct agent *a, struct message *why)
{
	const struct run_watch watch = { on_progress, on_output, a };
	enum ac_err e = make_scratch(a, why);

	if (e != AC_OK)
		return e;
	a->options.recorder.store = a->inputs;
	a->options.recorder.workspace = a->workspace;
	e = run_begin(&a->run, &a->options.recorder, &watch, a->stop_fd, why);
	if (e == AC_OK)
		e = agentkey_make(&a->key, why);
	if (e == AC_OK)
		e = run_key(&a->run, span_of(a->key.spki.b, SPKI_LEN),
		    &a->challenge_fd, why);
	return e;
}

enum ac_err
agent_open(struct agent **out, const struct agent_options *options,
    struct message *why)
{
	struct agent *a = calloc(1, sizeof(*a));
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory");
	if (a == NULL)
		return e;
	a->options = *options;
	a->run = RUN_NONE;
	a->challenge_fd = a->workspace_fd = -1;
	a->since_s = (int64_t)time(NULL);
	(void)pthread_mutex_init(&a->mutex, NULL);
	(void)pthread_mutex_init(&a->challenge_mutex, NULL);
	a->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->journal = journal_new();
	if (a->stop_fd >= 0 && a->journal != NULL)
		e = begin(a, why);
	if (e == AC_OK)
		*out = a;
	else
		agent_close(a);
	return e;
}

void
agent_stop(struct agent *a)
{
	const uint64_t one = 1;

	(void)!write(a->stop_fd, &one, sizeof(one));
	if (a->has_thread)
		(void)pthread_join(a->thread, NULL);
	a->has_thread = false;
	if (a->has_upload_thread)
		(void)pthread_join(a->upload_thread, NULL);
	a->has_upload_thread = false;
	journal_close(a->journal);
}

void
agent_close(struct agent *a)
{
	if (a == NULL)
		return;
	run_end(&a->run);
	if (a->challenge_fd >= 0)
		(void)close(a->challenge_fd);
	if (a->workspace_fd >= 0)
		(void)close(a->workspace_fd);
	if (a->stop_fd >= 0)
		(void)close(a->stop_fd);
	if (a->scratch != NULL && tree_remove(a->scratch) != AC_OK)
		a->options.tell(a->options.arg, "what was built cannot be "
		    "removed");
	journal_free(a->journal);
	agentkey_free(&a->key);
	config_free(&a->config);
	run_result_free(&a->result);
	oms_free(&a->oms);
	buf_free(&a->checkpoint);
	free(a->scratch);
	free(a->inputs);
	free(a->fetched);
	free(a->workspace);
	(void)pthread_mutex_destroy(&a->mutex);
	(void)pthread_mutex_destroy(&a->challenge_mutex);
	free(a);
}

const struct agentkey *
agent_key(const struct agent *a)
{
	return &a->key;
}

struct journal *
agent_journal(struct agent *a)
{
	return a->journal;
}

enum agent_phase
agent_phase(struct agent *a)
{
	enum agent_phase p;

	(void)pthread_mutex_lock(&a->mutex);
	p = a->phase;
	(void)pthread_mutex_unlock(&a->mutex);
	return p;
}

enum ac_err
agent_challenge(struct agent *a, struct buf *out, const uint8_t nonce[32],
    struct message *why)
{
	enum ac_err e;

	(void)pthread_mutex_lock(&a->challenge_mutex);
	e = run_challenge(a->challenge_fd, out, nonce, why);
	(void)pthread_mutex_unlock(&a->challenge_mutex);
	return e;
}

/* ---- the owner ---- */

bool
agent_is_owned(struct agent *a)
{
	bool owned;

	(void)pthread_mutex_lock(&a->mutex);
	owned = a->owned || a->busy;
	(void)pthread_mutex_unlock(&a->mutex);
	return owned;
}

bool
agent_is_owner(struct agent *a, const struct digest *token)
{
	bool is;

	(void)pthread_mutex_lock(&a->mutex);
	is = a->owned && digest_equal(&a->token, token);
	(void)pthread_mutex_unlock(&a->mutex);
	return is;
}

/* Nothing of the builder's machine is here; the image stands after the inputs. */
static enum ac_err
check_places(const struct config *c, const char *name, struct message *why)
{
	size_t n = c->request.ninputs + (c->request.has_image ? 1 : 0);

	for (size_t i = 0; i < n; i++) {
		if (c->input[i].path[0] == '\0' && (i ==
		    c->request.ninputs ||
		    !rules_is_certified(&c->request.input[i])))
			continue;
		message_set(why, i < c->request.ninputs ? "input " : "image ");
		message_add_quoted(why, i < c->request.ninputs ?
		    c->request.input[i].name : span_str(c->input[i].path));
		message_add(why, " lies on the builder's own machine, from "
		    "which nothing comes here; name where it can be fetched");
		config_place(&c->input[i], name, why);
		return AC_ERR_UNSUPPORTED;
	}
	return AC_OK;
}

enum ac_err
agent_configure(struct agent *a, const struct digest *token,
    const char *name, const struct digest *builder, struct span bytes,
    struct message *why)
{
	struct config c = { .input = NULL };
	bool taken;
	enum ac_err e;

	(void)pthread_mutex_lock(&a->mutex);
	taken = a->owned || a->busy;
	a->busy = a->busy || !taken;
	(void)pthread_mutex_unlock(&a->mutex);
	if (taken) {
		message_set(why, "this machine has a configuration already, "
		    "and one boot is for one build");
		return AC_ERR_EXISTS;
	}
	e = config_parse(&c, bytes, name, a->stop_fd, why);
	if (e == AC_OK)
		e = check_places(&c, name, why);
	if (e == AC_OK) {
		c.request.builder_key = *builder;
		e = run_configure(&a->run, &c.request, bytes, why);
		if (e != AC_OK)
			fail(a, e, why);
	}
	(void)pthread_mutex_lock(&a->mutex);
	a->busy = false;
	if (e == AC_OK) {
		a->owned = true;
		a->token = *token;
		a->builder = *builder;
		a->config = c;
		c = (struct config){ .input = NULL }; /* transferred */
	}
	(void)pthread_mutex_unlock(&a->mutex);
	config_free(&c);
	if (e == AC_OK)
		enter(a, AGENT_CONFIGURED);
	return e;
}

/* ---- the build ---- */

static enum ac_err
train(struct agent *a, struct message *why)
{
	int status;
	enum ac_err e = run_start(&a->run, &status, buf_span(&a->checkpoint),
	    why);

	if (a->linelen > 0)
		put_line(a);
	if (e != AC_OK || status == 0)
		return e;
	if (status > 128)
		message_set(why, "the training was ended by signal %d (exit "
		    "status %d)", status - 128, status);
	else
		message_set(why, "the training failed with exit status %d",
		    status);
	message_add(why, "; there is no certificate");
	return AC_ERR_MISMATCH;
}

static enum ac_err
give_inputs(struct agent *a, struct message *why)
{
	size_t failed;
	enum ac_err e = inputs_give(&a->run, &a->config, a->fetched,
	    a->inputs, &failed, why);

	if (e != AC_OK && failed != WIRE_NO_INPUT)
		config_place(&a->config.input[failed], a->config.name, why);
	return e;
}

static void *
build(void *arg)
{
	struct agent *a = arg;
	struct run_result result = { .provenance = { 0 } };
	struct message why = { "" };
	struct oms oms = { 0 };
	enum ac_err e;

	enter(a, AGENT_INPUTS);
	e = give_inputs(a, &why);
	if (e == AC_OK) {
		enter(a, AGENT_START);
		e = train(a, &why);
	}
	if (e == AC_OK)
		e = run_finish(&a->run, &result, &why);
	if (e == AC_OK) {
		e = oms_decode(&oms, buf_span(&result.oms));
		if (e != AC_OK)
			message_set(&why, "the list of outputs: %s",
			    ac_strerror(e));
	}
	if (e != AC_OK) {
		run_result_free(&result);
		fail(a, e, &why);
		return NULL;
	}
	(void)pthread_mutex_lock(&a->mutex);
	a->result = result;
	a->oms = oms;
	(void)pthread_mutex_unlock(&a->mutex);
	enter(a, AGENT_DONE);
	return NULL;
}

enum ac_err
agent_run(struct agent *a, struct span checkpoint, struct message *why)
{
	struct note note;
	struct buf copy = { 0 };
	enum ac_err e = AC_OK;

	if (checkpoint.len > 0 && note_parse(&note, checkpoint) != AC_OK) {
		message_set(why, "the body is no signed note of a log; it may "
		    "be empty");
		return AC_ERR_FORMAT;
	}
	if (buf_copy(&copy, checkpoint) != AC_OK) {
		message_set(why, "no memory");
		return AC_ERR_MEMORY;
	}
	(void)pthread_mutex_lock(&a->mutex);
	if (a->phase == AGENT_WAITING) {
		message_set(why, "there is no configuration yet");
		e = AC_ERR_NOT_FOUND;
	} else if (a->phase != AGENT_CONFIGURED || a->has_thread) {
		message_set(why, "the run has begun already, and there is only "
		    "one");
		e = AC_ERR_EXISTS;
	} else {
		a->checkpoint = copy;
		copy = (struct buf){ 0 }; /* transferred */
		a->has_thread = pthread_create(&a->thread, NULL, build, a) ==
		    0;
		if (!a->has_thread) {
			message_set(why, "no thread for the build");
			e = AC_ERR_MEMORY;
		}
	}
	(void)pthread_mutex_unlock(&a->mutex);
	buf_free(&copy);
	return e;
}

/* ---- what is left of it ---- */

void
agent_write_status(struct agent *a, struct writer *w)
{
	(void)pthread_mutex_lock(&a->mutex);
	wr_printf(w, "{\"phase\":\"%s\",\"since\":%" PRId64,
	    agent_phase_name(a->phase), a->since_s);
	if (a->owned) {
		wr_str(w, ",\"configuration\":\"");
		wr_hex(w, span_digest(&a->config.request.config_sha256));
		wr_str(w, "\",\"builder\":\"");
		wr_hex(w, span_digest(&a->builder));
		wr_u8(w, '"');
	}
	if (a->phase == AGENT_FAILED) {
		wr_str(w, ",\"failure\":");
		wr_json(w, span_str(a->failure.text));
	}
	if (a->upload != NO_UPLOAD) {
		wr_str(w, ",\"upload\":{\"path\":");
		wr_json(w, span_str(a->upload_path));
		wr_printf(w, ",\"state\":\"%s\"", a->upload == UPLOADING ?
		    "running" : a->upload == UPLOADED ? "done" : "failed");
		if (a->upload == NOT_UPLOADED) {
			wr_str(w, ",\"text\":");
			wr_json(w, span_str(a->upload_why.text));
		}
		wr_u8(w, '}');
	}
	wr_u8(w, '}');
	(void)pthread_mutex_unlock(&a->mutex);
}

bool
agent_result(struct agent *a, const struct run_result **result,
    const struct oms **files)
{
	bool done;

	(void)pthread_mutex_lock(&a->mutex);
	done = a->phase == AGENT_DONE;
	(void)pthread_mutex_unlock(&a->mutex);
	/* Nothing changes them any more. */
	*result = &a->result;
	*files = &a->oms;
	return done;
}

enum ac_err
agent_output(struct agent *a, const char *path, int *fd, uint64_t *bytes,
    struct digest *sha256)
{
	const struct run_result *result;
	const struct oms *files;
	struct stat st;
	int got;

	if (!agent_result(a, &result, &files))
		return AC_ERR_NOT_FOUND;
	for (size_t i = 0; i < files->nfiles; i++) {
		if (!span_is(files->file[i].name, path))
			continue;
		got = tree_open(a->workspace_fd, path, O_RDONLY);
		if (got < 0 || fstat(got, &st) != 0 || !S_ISREG(st.st_mode)) {
			if (got >= 0)
				(void)close(got);
			return AC_ERR_IO;
		}
		*fd = got;
		*bytes = (uint64_t)st.st_size;
		*sha256 = files->file[i].sha256;
		return AC_OK;
	}
	return AC_ERR_NOT_FOUND;
}

/* ---- an output on its way to elsewhere ---- */

static void *
upload(void *arg)
{
	struct agent *a = arg;
	const char *const env[] = { a->upload_env };
	const struct world_spec spec = { .verb = "put", .task = "output",
		.in_fd = a->upload_fd, .network = true, .env = env,
		.nenv = 1 };
	struct message why = { "" };
	struct buf nothing = { 0 };
	enum ac_err e = world_ask(&nothing, &spec, KIB, a->stop_fd, &why);

	buf_free(&nothing);
	(void)close(a->upload_fd);
	free(a->upload_env);
	(void)pthread_mutex_lock(&a->mutex);
	a->upload_why = why;
	a->upload = e == AC_OK ? UPLOADED : NOT_UPLOADED;
	(void)pthread_mutex_unlock(&a->mutex);
	return NULL;
}

/* The thread of the last one has ended; begin the next. */
static enum ac_err
start_upload(struct agent *a, const char *path, int fd, char *env)
{
	if (a->has_upload_thread)
		(void)pthread_join(a->upload_thread, NULL);
	a->upload_env = env;
	a->upload_fd = fd;
	(void)snprintf(a->upload_path, sizeof(a->upload_path), "%s", path);
	a->has_upload_thread = pthread_create(&a->upload_thread, NULL, upload,
	    a) == 0;
	return a->has_upload_thread ? AC_OK : AC_ERR_MEMORY;
}

enum ac_err
agent_upload(struct agent *a, const char *path, struct span url,
    struct message *why)
{
	static const char scheme[] = "https://";
	const size_t n = sizeof(scheme) - 1;
	struct digest sha256;
	uint64_t bytes;
	char *env = NULL;
	int fd = -1;
	bool busy;
	enum ac_err e;

	if (url.len <= n || !span_is(span_of(url.p, n), scheme) ||
	    !text_is_plain(url))
		return BECAUSE(why, AC_ERR_FORMAT, "the body has to be an "
		    "https URL, signed for one PUT");
	e = agent_output(a, path, &fd, &bytes, &sha256);
	if (e != AC_OK)
		return BECAUSE(why, e, "the list of outputs has no such path");
	if (asprintf(&env, FETCH_PUT_URL "=%.*s", (int)url.len,
	    (const char *)url.p) < 0) {
		(void)close(fd);
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	}
	(void)pthread_mutex_lock(&a->mutex);
	busy = a->upload == UPLOADING;
	if (!busy)
		a->upload = UPLOADING;
	(void)pthread_mutex_unlock(&a->mutex);
	e = AC_ERR_EXISTS;
	if (!busy)
		e = start_upload(a, path, fd, env);
	if (e == AC_OK)
		return AC_OK; /* transferred */
	message_set(why, busy ? "another output is on its way; one at a "
	    "time" : "no thread for the upload");
	if (!busy) {
		(void)pthread_mutex_lock(&a->mutex);
		a->upload = NOT_UPLOADED;
		a->upload_why = *why;
		(void)pthread_mutex_unlock(&a->mutex);
	}
	(void)close(fd);
	free(env);
	return e;
}
