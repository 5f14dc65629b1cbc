/*
 * build.c -- the steps of one build; see build.h.
 *
 * Everything happens in a scratch folder beside the result: inputs/ (the
 * recorder's copies), fetched/ (what helpers fetch with), workspace/ (where it
 * trains) and model/, which is renamed to the result at the very end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert/dsse.h"
#include "cert/note.h"
#include "common/file.h"
#include "producer/ancestor.h"
#include "producer/build.h"
#include "producer/config.h"
#include "common/http.h"
#include "producer/inputs.h"
#include "producer/key.h"
#include "producer/rules.h"
#include "producer/sign.h"
#include "producer/tree.h"

#define LOG_TIMEOUT_S 30

struct build {
	const struct build_options *options;
	struct message *why;
	char *scratch, *inputs, *fetched, *workspace, *model;
	char *parent; /* the folder that out lies in */
	struct recorder_options recorder;
	struct run run;
	struct key *key;
	struct config config;
	struct buf checkpoint;
	struct run_result result;
	struct build_result said;
};

static enum ac_err
failed(struct build *b, enum ac_err e, const char *what, const char *path)
{
	int error = errno;

	message_set(b->why, "%s ", what);
	message_add_quoted(b->why, span_str(path));
	if (e == AC_ERR_IO && error != 0)
		message_add(b->why, ": %s", strerror(error));
	else
		message_add(b->why, ": %s", ac_strerror(e));
	return e;
}

/* ---- folders ---- */

static enum ac_err
make_folder(struct build *b, char **path, const char *name)
{
	if (asprintf(path, "%s/%s", b->scratch, name) < 0) {
		*path = NULL;
		return failed(b, AC_ERR_MEMORY, "cannot make", name);
	}
	/* 0755: the job's user, who has no way here but the sandbox's. */
	if (mkdir(*path, 0755) != 0)
		return failed(b, AC_ERR_IO, "cannot make the folder", *path);
	return AC_OK;
}

static enum ac_err
make_scratch(struct build *b)
{
	const char *out = b->options->out;
	const char *slash = strrchr(out, '/');
	struct stat st;
	enum ac_err e;

	if (lstat(out, &st) == 0) {
		message_set(b->why, "the output folder ");
		message_add_quoted(b->why, span_str(out));
		message_add(b->why, " is there already, and nothing is "
		    "overwritten: choose another --out, or move it away");
		return AC_ERR_EXISTS;
	}
	b->parent = slash == NULL ? strdup(".") :
	    slash == out ? strdup("/") : strndup(out, (size_t)(slash - out));
	if (b->parent == NULL || asprintf(&b->scratch, "%s.partial-XXXXXX",
	    out) < 0) {
		b->scratch = NULL;
		return failed(b, AC_ERR_MEMORY, "cannot make", out);
	}
	if (mkdtemp(b->scratch) == NULL) {
		e = failed(b, AC_ERR_IO, "cannot make a folder in", b->parent);
		free(b->scratch);
		b->scratch = NULL;
		return e;
	}
	e = make_folder(b, &b->inputs, "inputs");
	if (e == AC_OK)
		e = make_folder(b, &b->fetched, "fetched");
	if (e == AC_OK)
		e = make_folder(b, &b->workspace, "workspace");
	if (e == AC_OK)
		e = make_folder(b, &b->model, "model");
	return e;
}

/* ---- what the build is asked with ---- */

/* A log's checkpoint, or what a file holds, is a signed note. */
static enum ac_err
read_checkpoint(struct build *b)
{
	const char *file = b->options->checkpoint;
	struct http_answer answer = { 0 };
	struct note note;
	char *url = NULL;
	enum ac_err e = AC_OK;

	if (file != NULL) {
		e = file_read(&b->checkpoint, file, NOTE_MAX);
		if (e != AC_OK)
			return failed(b, e, "cannot read the log's checkpoint",
			    file);
	} else if (b->options->log != NULL) {
		e = http_url(&url, b->options->log, "checkpoint", b->why);
		if (e == AC_OK)
			e = http_get(&answer, url, NOTE_MAX, LOG_TIMEOUT_S,
			    b->why);
		if (e == AC_OK && answer.status != 200) {
			message_set(b->why, "the log answered %u where its "
			    "checkpoint should be", answer.status);
			e = AC_ERR_NOT_FOUND;
		}
		if (e == AC_OK) {
			b->checkpoint = answer.body;
			answer.body = (struct buf){ 0 }; /* transferred */
			file = b->options->log;
		}
		http_answer_free(&answer);
		free(url);
		if (e != AC_OK)
			return e;
	} else {
		run_tell(&b->options->watch, "no log's checkpoint: this certificate will have no "
		    "earliest time (--log, --log-checkpoint)");
		return AC_OK;
	}
	if (b->checkpoint.len == 0 ||
	    note_parse(&note, buf_span(&b->checkpoint)) != AC_OK)
		return failed(b, AC_ERR_FORMAT, "no signed note of a log",
		    file);
	b->said.has_checkpoint = true;
	return AC_OK;
}

/* Has the input the certificate that it should, and is pinned as its model? */
static enum ac_err
judge_input(struct build *b, size_t i)
{
	const struct request_input *in = &b->config.request.input[i];
	const char *folder = b->config.input[i].path;
	struct digest d, root, pin;
	struct message said = { "" };
	bool download;
	enum ac_err e;

	if (folder[0] == '\0') {
		message_set(&said, "a model with its certificate is a folder "
		    "of this machine: fetch it first, and see aicert get");
		e = AC_ERR_UNSUPPORTED;
	} else {
		e = ancestor_verify(&d, &root, folder, b->options->policy,
		    b->options->cancel_fd, &said);
	}
	if (e == AC_OK && (!rules_pin(&pin, &download, in->pin) || download ||
	    !digest_equal(&pin, &root))) {
		message_set(&said, "the pin is %.*s, but its certificate is "
		    "of a model of root sha256:", (int)in->pin.len,
		    (const char *)in->pin.p);
		message_add_digest(&said, &root);
		e = AC_ERR_MISMATCH;
	}
	if (e == AC_OK)
		e = config_certify(&b->config, i, &d);
	if (e != AC_OK) {
		message_set(b->why, "input %s: %s; nothing was run",
		    message_quoted(in->name).text, said.text);
		config_place(&b->config.input[i], b->options->config, b->why);
		return e;
	}
	message_set(&said, "input %s: VERIFIED, its certificate is ",
	    message_quoted(in->name).text);
	message_add_digest(&said, &d);
	run_tell(&b->options->watch, "%s", said.text);
	return AC_OK;
}

static enum ac_err
configure(struct build *b)
{
	const struct build_options *o = b->options;
	enum ac_err e;

	/* The recorder is another process since before this. */
	e = key_load(&b->key, o->key, b->why);
	if (e == AC_OK)
		e = config_read(&b->config, o->config, o->cancel_fd,
		    b->why);
	if (e == AC_OK && o->image != NULL)
		e = config_set_image(&b->config, o->image, b->why);
	if (e == AC_OK)
		e = read_checkpoint(b);
	if (e != AC_OK)
		return e;
	for (size_t i = 0; i < b->config.request.ninputs; i++) {
		if (rules_is_certified(&b->config.request.input[i]))
			e = judge_input(b, i);
		if (e != AC_OK)
			return e;
	}
	b->config.request.builder_key = spki_digest(key_spki(b->key));
	return run_configure(&b->run, &b->config.request,
	    buf_span(&b->config.bytes), b->why);
}

/* ---- inputs ---- */

static enum ac_err
give_inputs(struct build *b)
{
	size_t failed;
	enum ac_err e = inputs_give(&b->run, &b->config, b->fetched,
	    b->inputs, &failed, b->why);

	if (e != AC_OK && failed != WIRE_NO_INPUT)
		config_place(&b->config.input[failed], b->options->config,
		    b->why);
	return e;
}

/* ---- training ---- */

static enum ac_err
train(struct build *b)
{
	int status;
	enum ac_err e = run_start(&b->run, &status, buf_span(&b->checkpoint),
	    b->why);

	if (e != AC_OK || status == 0)
		return e;
	if (status > 128)
		message_set(b->why, "the training was ended by signal %d "
		    "(exit status %d)", status - 128, status);
	else
		message_set(b->why, "the training failed with exit status %d",
		    status);
	message_add(b->why, "; its last words are above; no certificate was "
	    "written, and what it left was removed");
	return AC_ERR_MISMATCH;
}

/* ---- the result ---- */

static enum ac_err
write_file(struct build *b, const char *name, struct span bytes)
{
	char *path;
	enum ac_err e;

	if (asprintf(&path, "%s/%s", b->model, name) < 0)
		return failed(b, AC_ERR_MEMORY, "cannot write", name);
	e = file_create(path, bytes, 0644);
	if (e != AC_OK)
		(void)failed(b, e, "cannot write", path);
	free(path);
	return e;
}

/* Move the files of the manifest from the workspace to the model. */
static enum ac_err
move_files(struct build *b, const struct oms *oms, int from_fd, int to_fd)
{
	char path[FILE_PATH_MAX + 1];

	for (size_t i = 0; i < oms->nfiles; i++) {
		struct span name = oms->file[i].name; /* checked: it fits */

		memcpy(path, name.p, name.len);
		path[name.len] = '\0';
		if (tree_make_folders(to_fd, path) != AC_OK ||
		    renameat(from_fd, path, to_fd, path) != 0 ||
		    fchownat(to_fd, path, geteuid(), getegid(),
		    AT_SYMLINK_NOFOLLOW) != 0 ||
		    fchmodat(to_fd, path, 0644, 0) != 0)
			return failed(b, AC_ERR_IO, "cannot move the output",
			    path);
	}
	return AC_OK;
}

static enum ac_err
collect(struct build *b)
{
	struct oms oms = { 0 };
	int from_fd = -1, to_fd = -1;
	enum ac_err e = oms_decode(&oms, buf_span(&b->result.oms));

	if (e != AC_OK)
		return failed(b, e, "the list of outputs", b->workspace);
	from_fd = open(b->workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	to_fd = open(b->model, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from_fd < 0 || to_fd < 0)
		e = failed(b, AC_ERR_IO, "cannot open", b->scratch);
	else
		e = move_files(b, &oms, from_fd, to_fd);
	/* Durable before it gets its name. */
	if (e == AC_OK && syncfs(to_fd) != 0)
		e = failed(b, AC_ERR_IO, "cannot write", b->model);
	if (e == AC_OK) {
		b->said.root = oms.root;
		b->said.nfiles = oms.nfiles;
	}
	if (from_fd >= 0)
		(void)close(from_fd);
	if (to_fd >= 0)
		(void)close(to_fd);
	oms_free(&oms);
	return e;
}

/* aicert.jsonl and model.sig. */
static enum ac_err
sign(struct build *b)
{
	struct buf sig = { 0 }, both = { 0 };
	enum ac_err e = sign_both(&both, &sig,
	    buf_span(&b->result.provenance), buf_span(&b->result.evidence),
	    buf_span(&b->result.oms), span_of(NULL, 0), b->key);

	if (e != AC_OK)
		(void)failed(b, e, "cannot sign with", b->options->key);
	if (e == AC_OK)
		e = write_file(b, "aicert.jsonl", buf_span(&both));
	if (e == AC_OK)
		e = write_file(b, "model.sig", buf_span(&sig));
	b->said.d = dsse_digest(buf_span(&b->result.provenance));
	buf_free(&sig);
	buf_free(&both);
	return e;
}

static enum ac_err
publish_folder(struct build *b)
{
	const char *out = b->options->out;
	enum ac_err e;

	if (renameat2(AT_FDCWD, b->model, AT_FDCWD, out,
	    RENAME_NOREPLACE) != 0) {
		e = errno == EEXIST ? AC_ERR_EXISTS : AC_ERR_IO;
		return failed(b, e, "cannot put the model at", out);
	}
	/* It is there and whole; only a power cut now could lose its name. */
	(void)!file_sync_dir(b->parent);
	return AC_OK;
}

static enum ac_err
steps(struct build *b)
{
	enum ac_err e = make_scratch(b);

	if (e != AC_OK)
		return e;
	b->recorder = b->options->recorder;
	b->recorder.store = b->inputs;
	b->recorder.workspace = b->workspace;
	e = run_begin(&b->run, &b->recorder, &b->options->watch,
	    b->options->cancel_fd, b->why);
	if (e == AC_OK)
		e = configure(b);
	if (e == AC_OK)
		e = give_inputs(b);
	if (e == AC_OK)
		e = train(b);
	if (e == AC_OK)
		e = run_finish(&b->run, &b->result, b->why);
	run_end(&b->run);
	if (e == AC_OK)
		e = collect(b);
	if (e == AC_OK)
		e = sign(b);
	if (e == AC_OK)
		e = publish_folder(b);
	return e;
}

enum ac_err
build_model(struct build_result *out, const struct build_options *options,
    struct message *why)
{
	struct build b = { .options = options, .why = why, .run = RUN_NONE };
	enum ac_err e = steps(&b);

	run_end(&b.run);
	if (b.scratch != NULL && tree_remove(b.scratch) != AC_OK)
		run_tell(&b.options->watch, "cannot remove the scratch folder %s", b.scratch);
	if (e == AC_OK)
		*out = b.said;
	run_result_free(&b.result);
	buf_free(&b.checkpoint);
	config_free(&b.config);
	key_free(b.key);
	free(b.scratch);
	free(b.inputs);
	free(b.fetched);
	free(b.workspace);
	free(b.model);
	free(b.parent);
	return e;
}
