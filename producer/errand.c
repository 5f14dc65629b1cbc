/* errand.c -- a build on another machine, from here; see errand.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cert/dsse.h"
#include "cert/note.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "common/time.h"
#include "producer/config.h"
#include "producer/errand.h"
#include "producer/judge.h"
#include "producer/key.h"
#include "producer/sign.h"
#include "producer/tree.h"
#include "verifier/policyfile.h"

#define LOG_TIMEOUT_S 30
#define TELL_EVERY_MS 2000 /* of a download */
#define STATE_MAX (2 * MIB)
#define RELEASES_MAX (1 * MIB)
#define STATE "address token config builder key? name bytes checkpoint " \
    "policy keyFile releases began"

struct errand {
	const struct errand_options *options;
	struct message *why;
	char *state, *partial; /* paths */
	char *address, *name, *policy_path, *key_path; /* owned */
	struct remote_build build;
	struct buf bytes, checkpoint, releases;
	bool began;            /* the run was asked for */
	bool kept;             /* the state is on the disk */
	struct policy *policy;
	struct key *key;
	struct remote_options remote_options;
	struct remote *remote;
	struct run_result result;
	struct oms oms;
	struct errand_result said;
	/* What is told on the way. */
	char phase[32];
	int64_t phase_ms, told_ms, begun_ms;
	uint64_t moved, moved_here, total; /* bytes of the download */
};

static enum ac_err
failed(const struct errand *d, enum ac_err e, const char *what,
    const char *path)
{
	int error = errno;

	message_set(d->why, "%s ", what);
	message_add_quoted(d->why, span_str(path));
	message_add(d->why, ": %s", e == AC_ERR_IO && error != 0 ?
	    strerror(error) : ac_strerror(e));
	return e;
}

static enum ac_err
no_memory(const struct errand *d)
{
	return BECAUSE(d->why, AC_ERR_MEMORY, "no memory");
}

static int64_t
now_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- what outlives us ---- */

static enum ac_err
keep_state(struct errand *d)
{
	struct buf text = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, STATE_MAX);
	wr_str(&w, "{\"address\":");
	wr_json(&w, span_str(d->address));
	wr_str(&w, ",\"token\":\"");
	wr_hex(&w, span_of(d->build.token, sizeof(d->build.token)));
	wr_str(&w, "\",\"config\":\"");
	wr_hex(&w, span_digest(&d->build.config));
	wr_str(&w, "\",\"builder\":\"");
	wr_hex(&w, span_digest(&d->build.builder));
	if (d->build.has_key) {
		wr_str(&w, "\",\"key\":\"");
		wr_hex(&w, span_digest(&d->build.key));
	}
	wr_str(&w, "\",\"name\":");
	wr_json(&w, span_str(d->name));
	wr_str(&w, ",\"bytes\":\"");
	wr_base64(&w, buf_span(&d->bytes));
	wr_str(&w, "\",\"checkpoint\":\"");
	wr_base64(&w, buf_span(&d->checkpoint));
	wr_str(&w, "\",\"policy\":");
	wr_json(&w, span_str(d->policy_path));
	wr_str(&w, ",\"keyFile\":");
	wr_json(&w, span_str(d->key_path));
	wr_str(&w, ",\"releases\":\"");
	wr_base64(&w, buf_span(&d->releases));
	wr_printf(&w, "\",\"began\":%s}\n", d->began ? "true" : "false");
	e = wr_end(&w, &text);
	if (e == AC_OK)
		e = file_write(d->state, buf_span(&text), 0600);
	buf_wipe(&text);
	if (e != AC_OK)
		return failed(d, e, "cannot keep what leads back to the build",
		    d->state);
	d->kept = true;
	return AC_OK;
}

static bool
take_string(char **out, struct json j)
{
	struct span s;

	if (!json_string(j, &s) || memchr(s.p, 0, s.len) != NULL)
		return false;
	*out = strndup((const char *)s.p, s.len);
	return *out != NULL;
}

static bool
take_state(struct errand *d, struct json j)
{
	struct json key = json_get(j, "key");
	struct span token;

	d->build.has_key = json_present(key);
	return json_closed(j, STATE) &&
	    take_string(&d->address, json_get(j, "address")) &&
	    json_string(json_get(j, "token"), &token) &&
	    text_unhex(d->build.token, sizeof(d->build.token), token) &&
	    json_digest(json_get(j, "config"), &d->build.config) &&
	    json_digest(json_get(j, "builder"), &d->build.builder) &&
	    (!d->build.has_key || json_digest(key, &d->build.key)) &&
	    take_string(&d->name, json_get(j, "name")) &&
	    json_base64(&d->bytes, json_get(j, "bytes"), CONFIG_MAX) ==
	    AC_OK &&
	    json_base64(&d->checkpoint, json_get(j, "checkpoint"),
	    NOTE_MAX) == AC_OK &&
	    take_string(&d->policy_path, json_get(j, "policy")) &&
	    take_string(&d->key_path, json_get(j, "keyFile")) &&
	    json_base64(&d->releases, json_get(j, "releases"),
	    RELEASES_MAX) == AC_OK &&
	    json_bool(json_get(j, "began"), &d->began);
}

static enum ac_err
read_state(struct errand *d)
{
	struct json_doc doc = { 0 };
	struct buf text = { 0 };
	enum ac_err e = file_read(&text, d->state, STATE_MAX);

	if (e == AC_ERR_NOT_FOUND) {
		(void)failed(d, e, "no build leads to", d->options->out);
		message_add(d->why, "; there is no such file as it and "
		    "\".remote\"");
		return e;
	}
	if (e == AC_OK)
		e = json_parse(&doc, buf_span(&text));
	if (e == AC_OK && !take_state(d, json_root(&doc)))
		e = AC_ERR_FORMAT;
	json_free(&doc);
	buf_wipe(&text);
	d->kept = true;
	return e == AC_OK ? AC_OK : failed(d, e, "cannot read", d->state);
}

/* ---- what the build is asked with ---- */

static enum ac_err
make_paths(struct errand *d)
{
	if (asprintf(&d->state, "%s.remote", d->options->out) < 0) {
		d->state = NULL;
		return no_memory(d);
	}
	if (asprintf(&d->partial, "%s.partial", d->options->out) < 0) {
		d->partial = NULL;
		return no_memory(d);
	}
	return AC_OK;
}

static enum ac_err
check_absent(struct errand *d, const char *path, const char *what)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return AC_OK;
	message_set(d->why, "%s", "");
	message_add_quoted(d->why, span_str(path));
	message_add(d->why, " is there already: %s", what);
	return AC_ERR_EXISTS;
}

/* A log's checkpoint, or what a file holds, is a signed note. */
static enum ac_err
read_checkpoint(struct errand *d)
{
	const struct errand_options *o = d->options;
	struct http_answer answer = { 0 };
	struct note note;
	char *url = NULL;
	enum ac_err e = AC_OK;

	if (o->checkpoint != NULL) {
		e = file_read(&d->checkpoint, o->checkpoint, NOTE_MAX);
		if (e != AC_OK)
			return failed(d, e, "cannot read the log's checkpoint",
			    o->checkpoint);
	} else if (o->log != NULL) {
		e = http_url(&url, o->log, "checkpoint", d->why);
		if (e == AC_OK)
			e = http_get(&answer, url, NOTE_MAX, LOG_TIMEOUT_S,
			    d->why);
		if (e == AC_OK && answer.status != 200)
			e = BECAUSE(d->why, AC_ERR_NOT_FOUND, "the log "
			    "answered %u where its checkpoint should be",
			    answer.status);
		if (e == AC_OK) {
			d->checkpoint = answer.body;
			answer.body = (struct buf){ 0 }; /* transferred */
		}
		http_answer_free(&answer);
		free(url);
		if (e != AC_OK)
			return e;
	} else {
		run_tell(&d->options->watch, "no log's checkpoint: this certificate will have no "
		    "earliest time (--log, --log-checkpoint)");
		return AC_OK;
	}
	if (d->checkpoint.len == 0 ||
	    note_parse(&note, buf_span(&d->checkpoint)) != AC_OK)
		return failed(d, AC_ERR_FORMAT, "no signed note of a log",
		    o->checkpoint != NULL ? o->checkpoint : o->log);
	return AC_OK;
}

static enum ac_err
load(struct errand *d)
{
	enum ac_err e = policyfile_load(&d->policy, d->policy_path, d->why);

	if (e == AC_OK)
		e = key_load(&d->key, d->key_path, d->why);
	return e;
}

/* Everything that can be wrong here is found before the machine is asked. */
static enum ac_err
prepare(struct errand *d)
{
	const struct errand_options *o = d->options;
	struct config config = { .input = NULL };
	enum ac_err e = check_absent(d, o->out, "nothing is overwritten; "
	    "choose another --out, or move it away");

	if (e == AC_OK)
		e = check_absent(d, d->state, "a build is on its way there; "
		    "aicert attach comes back to it, without the file it is "
		    "lost");
	if (e != AC_OK)
		return e;
	d->address = strdup(o->address);
	d->policy_path = realpath(o->policy, NULL);
	if (d->policy_path == NULL)
		return failed(d, AC_ERR_IO, "cannot read the policy",
		    o->policy);
	d->key_path = realpath(o->key, NULL);
	if (d->key_path == NULL)
		return failed(d, AC_ERR_IO, "cannot read the key", o->key);
	e = load(d);
	if (e == AC_OK)
		e = config_read(&config, o->config, o->cancel_fd, d->why);
	if (e != AC_OK)
		return e;
	d->name = strdup(config.name);
	d->bytes = config.bytes;
	config.bytes = (struct buf){ 0 }; /* transferred */
	d->build.config = config.request.config_sha256;
	config_free(&config);
	if (d->name == NULL || d->address == NULL)
		return no_memory(d);
	d->build.builder = spki_digest(key_spki(d->key));
	if (getrandom(d->build.token, sizeof(d->build.token), 0) !=
	    (ssize_t)sizeof(d->build.token))
		return BECAUSE(d->why, AC_ERR_IO, "no random bytes");
	if (o->releases != NULL) {
		e = file_read(&d->releases, o->releases, RELEASES_MAX);
		if (e != AC_OK)
			return failed(d, e, "cannot read the image releases",
			    o->releases);
	}
	return read_checkpoint(d);
}

static void
on_tell(void *arg, const char *text)
{
	const struct errand *d = arg;

	run_tell(&d->options->watch, "%s", text);
}

static enum ac_err
open_remote(struct errand *d)
{
	d->remote_options = (struct remote_options){ .address = d->address,
		.policy = d->policy, .releases = buf_span(&d->releases),
		.patience_s = REMOTE_PATIENCE_S, .stop = d->options->stop,
		.tell = on_tell, .arg = d };
	return remote_new(&d->remote, &d->remote_options, &d->build, d->why);
}

static void
tell_machine(const struct errand *d)
{
	const struct verification *v = remote_shown(d->remote);

	run_tell(&d->options->watch, "attested: %s; %s", v->step[VERIFY_AK_CHAIN].text.text,
	    v->step[VERIFY_BOOT].text.text);
}

/* ---- while it goes on ---- */

static void
on_phase(void *arg, struct span name, int64_t since_s)
{
	struct errand *d = arg;
	char at[TIME_RFC3339_LEN + 1] = "";
	int64_t now = now_ms();

	if (time_format(at, since_s) != AC_OK)
		at[0] = '\0';
	if (name.len >= sizeof(d->phase) || !text_is_plain(name))
		return;
	run_tell(&d->options->watch, "phase %.*s, %s", (int)name.len, (const char *)name.p, at);
	memcpy(d->phase, name.p, name.len);
	d->phase[name.len] = '\0';
	d->phase_ms = now;
}

static void
on_progress(void *arg, struct span sentence)
{
	const struct errand *d = arg;

	d->options->watch.progress(d->options->watch.arg, sentence);
}

static void
on_line(void *arg, struct span line)
{
	const struct run_watch *w = &((const struct errand *)arg)->
	    options->watch;

	w->output(w->arg, line);
	w->output(w->arg, span_str("\n"));
}

/* "1.2 GB" */
static void
put_bytes(char out[16], uint64_t bytes)
{
	static const char *const unit[] = { "B", "kB", "MB", "GB", "TB" };
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1000 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
		v /= 1000;
		i++;
	}
	(void)snprintf(out, 16, i == 0 ? "%.0f %s" : "%.1f %s", v, unit[i]);
}

static void
on_moved(void *arg, uint64_t bytes)
{
	struct errand *d = arg;
	char have[16], all[16], rate[16];
	int64_t now = now_ms(), took = now - d->begun_ms;
	uint64_t per_s;

	d->moved += bytes;
	d->moved_here += bytes;
	if (now - d->told_ms < TELL_EVERY_MS || took <= 0)
		return;
	d->told_ms = now;
	per_s = d->moved_here * 1000 / (uint64_t)took;
	put_bytes(have, d->moved);
	put_bytes(all, d->total);
	put_bytes(rate, per_s);
	run_tell(&d->options->watch, "downloading: %s of %s, %s/s, %" PRIu64 " s left", have, all,
	    rate, per_s == 0 ? 0 : (d->total - d->moved) / per_s);
}

/* ---- the result ---- */

/* A file of the folder, open where its download left off. */
static enum ac_err
open_part(struct errand *d, int dir, const char *path, uint64_t bytes,
    int *fd, uint64_t *have)
{
	struct stat st;
	int got;

	if (tree_make_folders(dir, path) != AC_OK)
		return failed(d, AC_ERR_IO, "cannot write", path);
	got = openat(dir, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
	    0644);
	if (got < 0 || fstat(got, &st) != 0 || !S_ISREG(st.st_mode)) {
		if (got >= 0)
			(void)close(got);
		return failed(d, AC_ERR_IO, "cannot write", path);
	}
	*have = (uint64_t)st.st_size;
	if (*have > bytes) {
		*have = 0;
		if (ftruncate(got, 0) != 0)
			*have = bytes; /* its digest will tell */
	}
	(void)lseek(got, (off_t)*have, SEEK_SET);
	*fd = got;
	return AC_OK;
}

/* Fetch one file; what an earlier try left counts if the whole is right. */
static enum ac_err
fetch(struct errand *d, int dir, const struct oms_file *f, uint64_t bytes)
{
	char path[FILE_PATH_MAX + 1];
	struct digest got = { { 0 } };
	uint64_t have = 0, n;
	enum ac_err e;
	int fd = -1;

	memcpy(path, f->name.p, f->name.len); /* checked: it fits */
	path[f->name.len] = '\0';
	e = open_part(d, dir, path, bytes, &fd, &have);
	if (e != AC_OK)
		return e;
	for (unsigned tries = 0; e == AC_OK; tries++) {
		bool fresh = have == 0;

		d->moved += have;
		e = remote_download(d->remote, path, fd, &have, bytes,
		    on_moved, d, d->why);
		if (e != AC_OK)
			break;
		(void)lseek(fd, 0, SEEK_SET);
		e = file_hash_fd(&got, &n, fd);
		if (e != AC_OK) {
			e = failed(d, e, "cannot read", path);
			break;
		}
		if (digest_equal(&got, &f->sha256))
			break;
		e = BECAUSE(d->why, AC_ERR_MISMATCH, "what came of %s is not "
		    "what the machine measured", message_quoted(
		    span_str(path)).text);
		if (fresh || tries > 0 || ftruncate(fd, 0) != 0)
			break;
		/* Left by an earlier try: once more, from the beginning. */
		(void)lseek(fd, 0, SEEK_SET);
		d->moved -= have;
		have = 0;
		e = AC_OK;
	}
	(void)close(fd);
	return e;
}

static enum ac_err
download(struct errand *d, int dir)
{
	uint64_t *bytes = calloc(d->oms.nfiles + 1, sizeof(*bytes));
	char all[16];
	enum ac_err e;

	if (bytes == NULL)
		return no_memory(d);
	e = remote_sizes(d->remote, bytes, &d->oms, d->why);
	for (size_t i = 0; e == AC_OK && i < d->oms.nfiles; i++)
		d->total += bytes[i];
	put_bytes(all, d->total);
	if (e == AC_OK)
		run_tell(&d->options->watch, "downloading: %zu file%s, %s", d->oms.nfiles,
		    d->oms.nfiles == 1 ? "" : "s", all);
	d->begun_ms = d->told_ms = now_ms();
	for (size_t i = 0; e == AC_OK && i < d->oms.nfiles; i++)
		e = fetch(d, dir, &d->oms.file[i], bytes[i]);
	free(bytes);
	return e;
}

/* template with path, escaped, in the place of "{path}"; NULL: no memory. */
static char *
fill_in(const char *template, const char *path)
{
	static const char mark[] = "{path}", hex[] = "0123456789ABCDEF";
	const char *at = strstr(template, mark);
	size_t n = at == NULL ? 0 : (size_t)(at - template);
	char *out = malloc(strlen(template) + 3 * strlen(path) + 1);

	if (out == NULL || at == NULL) {
		free(out);
		return strdup(template);
	}
	memcpy(out, template, n);
	for (; *path != '\0'; path++) {
		uint8_t c = (uint8_t)*path;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-._~/", c) != NULL) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	memcpy(out + n, at + sizeof(mark) - 1, strlen(at + sizeof(mark) - 1) +
	    1);
	return out;
}

/* Let the machine send what it made to where its builder wants it. */
static enum ac_err
upload(struct errand *d)
{
	const char *template = d->options->upload;
	char path[FILE_PATH_MAX + 1];
	enum ac_err e = AC_OK;

	if (template == NULL)
		return AC_OK;
	if (d->oms.nfiles > 1 && strstr(template, "{path}") == NULL)
		return BECAUSE(d->why, AC_ERR_FORMAT, "there are %zu outputs, "
		    "and the URL of the upload has no {path} for theirs",
		    d->oms.nfiles);
	for (size_t i = 0; e == AC_OK && i < d->oms.nfiles; i++) {
		struct span name = d->oms.file[i].name; /* checked: it fits */
		char *url;

		memcpy(path, name.p, name.len);
		path[name.len] = '\0';
		run_tell(&d->options->watch, "uploading %s", message_quoted(name).text);
		url = fill_in(template, path);
		e = url == NULL ? no_memory(d) :
		    remote_upload(d->remote, path, url, d->why);
		free(url);
	}
	return e;
}

static enum ac_err
write_file(struct errand *d, const char *name, struct span bytes)
{
	char *path;
	enum ac_err e;

	if (asprintf(&path, "%s/%s", d->partial, name) < 0)
		return no_memory(d);
	e = file_write(path, bytes, 0644);
	if (e != AC_OK)
		(void)failed(d, e, "cannot write", path);
	free(path);
	return e;
}

/*
 * Sign, judge what that makes with the files that came, and only then write
 * it: no signature of a result that does not verify leaves this function.
 */
static enum ac_err
sign(struct errand *d)
{
	struct buf jsonl = { 0 }, sig = { 0 };
	struct judge j;
	enum ac_err e = sign_both(&jsonl, &sig,
	    buf_span(&d->result.provenance), buf_span(&d->result.evidence),
	    buf_span(&d->result.oms), buf_span(&d->releases), d->key);

	if (e != AC_OK)
		return failed(d, e, "cannot sign with", d->key_path);
	j = (struct judge){ .policy = d->policy, .build = &d->build,
		.jsonl = buf_span(&jsonl), .model_sig = buf_span(&sig),
		.checkpoint = buf_span(&d->checkpoint), .file = d->oms.file,
		.nfiles = d->oms.nfiles, .now_s = (int64_t)time(NULL) };
	e = judge_result(&j, &d->said.notes, d->why);
	if (e == AC_OK)
		e = write_file(d, "aicert.jsonl", buf_span(&jsonl));
	if (e == AC_OK)
		e = write_file(d, "model.sig", buf_span(&sig));
	buf_free(&jsonl);
	buf_free(&sig);
	return e;
}

static enum ac_err
collect(struct errand *d)
{
	const char *out = d->options->out;
	enum ac_err e;
	int dir;

	e = remote_result(d->remote, &d->result, d->why);
	if (e != AC_OK)
		return e;
	e = oms_decode(&d->oms, buf_span(&d->result.oms));
	if (e != AC_OK)
		return failed(d, e, "the list of outputs of", d->address);
	if (mkdir(d->partial, 0755) != 0 && errno != EEXIST)
		return failed(d, AC_ERR_IO, "cannot make", d->partial);
	dir = open(d->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    O_NOFOLLOW);
	if (dir < 0)
		return failed(d, AC_ERR_IO, "cannot open", d->partial);
	e = download(d, dir);
	if (e == AC_OK)
		e = sign(d);
	/* Only what verified goes anywhere. */
	if (e == AC_OK)
		e = upload(d);
	if (e == AC_OK && syncfs(dir) != 0)
		e = failed(d, AC_ERR_IO, "cannot write", d->partial);
	(void)close(dir);
	if (e == AC_OK && renameat2(AT_FDCWD, d->partial, AT_FDCWD, out,
	    RENAME_NOREPLACE) != 0)
		e = failed(d, errno == EEXIST ? AC_ERR_EXISTS : AC_ERR_IO,
		    "cannot put the model at", out);
	return e;
}

/* ---- an errand ---- */

/* From wherever the build stands to its end. */
static enum ac_err
go_on(struct errand *d, bool *away)
{
	const struct remote_watch watch = { on_phase, on_progress, on_line,
		d };
	enum ac_err e = remote_configure(d->remote, d->name,
	    buf_span(&d->bytes), d->why);

	/* Where the connection ended as it was sent, it may have arrived. */
	*away = e == AC_OK || e == AC_ERR_BUSY;
	if (e != AC_OK)
		return e;
	e = keep_state(d);
	if (e == AC_OK && !d->began) {
		e = remote_run(d->remote, buf_span(&d->checkpoint), d->why);
		if (e == AC_OK) {
			d->began = true;
			e = keep_state(d);
		}
	}
	if (e == AC_OK) {
		e = remote_follow(d->remote, &watch, d->why);
		/* A build that failed is nothing to come back to. */
		*away = e != AC_ERR_IO;
	}
	return e == AC_OK ? collect(d) : e;
}

static void
finish(struct errand *d, enum ac_err e, bool away)
{
	if (e == AC_OK) {
		d->said.build.d = dsse_digest(buf_span(
		    &d->result.provenance));
		d->said.build.root = d->oms.root;
		d->said.build.nfiles = d->oms.nfiles;
		d->said.build.has_checkpoint = d->checkpoint.len > 0;
		d->said.simulated = remote_shown(d->remote)->simulated;
	}
	/* What cannot be come back to leaves nothing. */
	if (d->kept && (e == AC_OK || !away))
		(void)unlink(d->state);
	remote_free(d->remote);
	policy_free(d->policy);
	key_free(d->key);
	run_result_free(&d->result);
	oms_free(&d->oms);
	buf_free(&d->bytes);
	buf_free(&d->checkpoint);
	buf_free(&d->releases);
	free(d->state);
	free(d->partial);
	free(d->address);
	free(d->name);
	free(d->policy_path);
	free(d->key_path);
}

enum ac_err
errand_build(struct errand_result *result,
    const struct errand_options *options, bool *away, struct message *why)
{
	struct errand d = { .options = options, .why = why };
	enum ac_err e = make_paths(&d);

	*away = false;
	if (e == AC_OK)
		e = prepare(&d);
	if (e == AC_OK)
		e = open_remote(&d);
	/* The machine first: nothing of ours leaves before it is known. */
	if (e == AC_OK)
		e = remote_connect(d.remote, why);
	if (e == AC_OK) {
		tell_machine(&d);
		e = keep_state(&d);
	}
	if (e == AC_OK)
		e = go_on(&d, away);
	finish(&d, e, *away);
	if (e == AC_OK)
		*result = d.said;
	return e;
}

enum ac_err
errand_attach(struct errand_result *result,
    const struct errand_options *options, bool *away, struct message *why)
{
	struct errand d = { .options = options, .why = why };
	enum ac_err e = make_paths(&d);

	*away = false;
	if (e == AC_OK)
		e = check_absent(&d, options->out, "that build is done");
	if (e == AC_OK)
		e = read_state(&d);
	if (e == AC_OK && options->address != NULL) {
		free(d.address);
		d.address = strdup(options->address);
		if (d.address == NULL)
			e = no_memory(&d);
	}
	if (e == AC_OK)
		e = load(&d);
	/* Whatever goes wrong before it is asked, the way back stays. */
	*away = d.kept;
	if (e == AC_OK)
		e = open_remote(&d);
	if (e == AC_OK)
		e = remote_connect(d.remote, why);
	if (e == AC_OK) {
		tell_machine(&d);
		e = go_on(&d, away);
	}
	finish(&d, e, *away);
	if (e == AC_OK)
		*result = d.said;
	return e;
}
