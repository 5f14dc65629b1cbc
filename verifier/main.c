/*
 * main.c -- aicert-verify: finds the policy, opens what is to be read, and has
 * it verified by a confined child, whose report it prints.  All of the
 * verifier's input and output is here, in policyfile.c, walk.c and relay.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/reader.h"
#include "common/text.h"
#include "common/time.h"
#include "verifier/confine.h"
#include "verifier/inspect.h"
#include "verifier/policyfile.h"
#include "verifier/relay.h"
#include "verifier/report.h"
#include "verifier/vsa.h"
#include "verifier/walk.h"

#define ALLOW_MAX 64 /* --allow-extra */

/* Options that have no letter. */
enum { OPT_AT = 256, OPT_REVOCATIONS, OPT_LINEAGE, OPT_ALLOW_EXTRA };

static const char usage[] =
    "usage: aicert-verify [--policy FILE] [--at TIME] [--json] [--quiet]\n"
    "                     [--revocations FILE] [--lineage DIR] [--no-sandbox]\n"
    "                     [--certificate FILE] [--allow-extra GLOB]... [--vsa] MODEL\n"
    "       aicert-verify --inspect FILE\n"
    "       aicert-verify [--policy FILE] --tlog-policy\n"
    "\n"
    "Verify a model, a folder or one file of it, against its certificate\n"
    "(aicert.jsonl and model.sig, beside the files), offline, under one policy\n"
    "file.  Of one file nothing is said about the rest of the model.\n"
    "\n"
    "  -p, --policy FILE  whom to trust; else $AICERT_POLICY,\n"
    "                     ~/.config/aicert/policy, /etc/aicert/policy\n"
    "  -c, --certificate FILE\n"
    "                     the certificate, with its model.sig beside it\n"
    "      --allow-extra GLOB\n"
    "                     files that may be in the folder though the certificate\n"
    "                     does not list them; may be given more than once\n"
    "      --at TIME      judge certificates as of 2026-01-31T12:00:00Z and the\n"
    "                     like; for testing, never exit code 0\n"
    "      --revocations FILE  a registry's snapshot of revocations; else\n"
    "                     ~/.cache/aicert/ORIGIN.revocations.jsonl for each\n"
    "                     registry of the policy\n"
    "      --lineage DIR  certificates of inputs, each in a file D.jsonl\n"
    "  -j, --json         the report as JSON on stdout\n"
    "      --vsa          a SLSA verification summary on stdout, unsigned\n"
    "  -q, --quiet        nothing but the exit code\n"
    "      --inspect FILE  show a certificate, without judging it\n"
    "      --tlog-policy  print the C2SP tlog-policy lines of the policy\n"
    "      --no-sandbox   read the model unconfined, where the kernel cannot\n"
    "                     confine the process that does\n"
    "  -h, --help         this text\n"
    "  -V, --version      the version\n"
    "\n"
    "Exit codes: 0 verified, 1 not verified, 2 could not run, 3 not accepted\n"
    "by the policy.\n"
    "\n"
    "Examples:\n"
    "  aicert-verify ./my-model\n"
    "  aicert-verify ./my-model/model.gguf\n"
    "  aicert-verify --allow-extra README.md --allow-extra 'docs/**' ./my-model\n"
    "  aicert-verify --policy policy --json ./my-model | jq .verdict\n"
    "  aicert-verify --revocations log.jsonl --lineage certs ./my-model\n"
    "  aicert policy init --builder acme=acme.pub ... > policy\n";

struct options {
	const char *policy;
	const char *model;
	const char *certificate;
	const char *allow[ALLOW_MAX];
	size_t nallow;
	const char *revocations, *lineage;
	int json, quiet, no_sandbox, vsa, inspect, tlog_policy; /* 0 or 1 */
	bool colour, has_at;
	int64_t at_s;
};

/* What is read, opened before the confinement; -1 where it is not there. */
struct inputs {
	union {
		struct {
			int dir;     /* the model's folder, or its one file's */
			int blobs;   /* where its links lead */
			int alone;   /* the one file, unless blobs has it */
			int cert, sig;
			int lineage; /* a folder */
			int snapshot[VERIFY_SNAPSHOTS_MAX];
		};
		int fd[6 + VERIFY_SNAPSHOTS_MAX];
	};
	const char *name; /* of the one file, in dir; NULL: the whole folder */
	size_t nsnapshots;
};

static void
inputs_clear(struct inputs *in)
{
	*in = (struct inputs){ .nsnapshots = 0 };
	memset(in->fd, 0xff, sizeof(in->fd));
}

static void
inputs_close(struct inputs *in)
{
	for (size_t i = 0; i < AC_COUNT(in->fd); i++)
		if (in->fd[i] >= 0)
			(void)close(in->fd[i]);
}

static enum ac_err
cannot_open(struct message *why, const char *name)
{
	int saved = errno;

	return BECAUSE(why, AC_ERR_IO, "cannot open %s: %s",
	    message_quoted(span_str(name)).text, strerror(saved));
}

/* A file to read; one that is not there is left at -1. */
static enum ac_err
open_file(int *fd, int dir, const char *path, struct message *why)
{
	*fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return *fd >= 0 || errno == ENOENT ? AC_OK : cannot_open(why, path);
}

/* path is a file, in a folder that is opened in its place. */
static enum ac_err
open_alone(struct inputs *in, const char *path, struct message *why)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? strdup(".") :
	    strndup(path, (size_t)(slash + 1 - path));
	struct stat st;

	if (folder == NULL)
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	in->name = slash == NULL ? path : slash + 1;
	in->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	if (in->dir < 0 ||
	    fstatat(in->dir, in->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return cannot_open(why, path);
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return BECAUSE(why, AC_ERR_FORMAT, "neither a folder nor a "
		    "file: %s", message_quoted(span_str(path)).text);
	if (S_ISREG(st.st_mode))
		in->alone = openat(in->dir, in->name,
		    O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return AC_OK;
}

/* The certificate of the options, or that beside the model; and model.sig. */
static enum ac_err
open_certificate(struct inputs *in, const struct options *o,
    struct message *why)
{
	const char *path = o->certificate != NULL ? o->certificate :
	    "aicert.jsonl";
	const char *slash = strrchr(path, '/');
	int dir = o->certificate != NULL ? AT_FDCWD : in->dir;
	char *sig = NULL;
	enum ac_err e = open_file(&in->cert, dir, path, why);

	if (e == AC_OK && in->cert < 0 && o->certificate != NULL)
		return cannot_open(why, path);
	if (e == AC_OK && in->cert < 0)
		return BECAUSE(why, AC_ERR_NOT_FOUND, "there is no "
		    "aicert.jsonl in this folder; without a certificate there "
		    "is nothing to verify");
	if (e == AC_OK && asprintf(&sig, "%.*smodel.sig", slash == NULL ? 0 :
	    (int)(slash + 1 - path), path) < 0)
		e = BECAUSE(why, AC_ERR_MEMORY, "no memory");
	if (e == AC_OK)
		e = open_file(&in->sig, dir, sig, why);
	free(sig);
	return e;
}

/* The snapshots that are named, or kept for the policy's registries. */
static enum ac_err
open_snapshots(struct inputs *in, const struct options *o,
    const struct policy *p, struct message *why)
{
	const char *named = o->revocations;
	enum ac_err e = AC_OK;

	for (size_t i = 0; e == AC_OK && i < (named != NULL ? 1 :
	    p->nregistry) && in->nsnapshots < VERIFY_SNAPSHOTS_MAX; i++) {
		int *fd = &in->snapshot[in->nsnapshots];
		char *path = named != NULL ? strdup(named) :
		    policyfile_snapshot(p->registry[i].origin);

		if (path != NULL)
			e = open_file(fd, AT_FDCWD, path, why);
		if (e == AC_OK && *fd < 0 && named != NULL)
			e = cannot_open(why, named);
		in->nsnapshots += *fd >= 0;
		free(path);
	}
	return e;
}

static enum ac_err
open_inputs(struct inputs *in, const struct options *o, struct message *why)
{
	enum ac_err e;

	if (strlen(o->model) >= PATH_MAX)
		return BECAUSE(why, AC_ERR_LIMIT, "the path of the model has "
		    "%zu bytes, at most %d can be", strlen(o->model),
		    PATH_MAX - 1);
	if (o->lineage != NULL) {
		in->lineage = open(o->lineage,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (in->lineage < 0)
			return cannot_open(why, o->lineage);
	}
	in->dir = open(o->model, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->dir < 0) {
		if (errno != ENOTDIR)
			return cannot_open(why, o->model);
		e = open_alone(in, o->model, why);
		if (e != AC_OK)
			return e;
	}
	walk_open_blobs(&in->blobs, in->dir);
	return open_certificate(in, o, why);
}

/* Read what open_file() opened; nothing where it is not there. */
static enum ac_err
read_opened(struct buf *out, int fd, const char *name, size_t max,
    struct message *why)
{
	enum ac_err e;

	if (fd < 0)
		return AC_OK;
	e = file_read_fd(out, fd, max);
	if (e != AC_OK)
		message_set(why, "%s: %s", name, e == AC_ERR_IO ?
		    strerror(errno) : e == AC_ERR_FORMAT ?
		    "not a regular file" : ac_strerror(e));
	return e;
}

static void
send_progress(void *ctx, uint64_t done, uint64_t all)
{
	struct buf text = { 0 };
	struct writer w;

	(void)ctx;
	wr_init(&w, 16);
	wr_be64(&w, done);
	wr_be64(&w, all);
	if (wr_end(&w, &text) == AC_OK)
		(void)!relay_send(RELAY_PROGRESS, buf_span(&text));
	buf_free(&text);
}

/* The indexes of tensors among the files of w, each read whole. */
static enum ac_err
verify_indexes(struct verification *v, const struct walk *w,
    struct message *why)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		struct buf text = { 0 };
		enum ac_err e;
		int fd;

		if (!verification_is_index(w->file[i].name) ||
		    oms_find(&v->oms, w->file[i].name) == NULL)
			continue;
		e = open_file(&fd, w->place[i].dir_fd, w->place[i].path, why);
		if (e == AC_OK && fd < 0)
			e = cannot_open(why, w->place[i].path);
		if (e == AC_OK)
			e = read_opened(&text, fd, w->place[i].path, INDEX_MAX,
			    why);
		if (fd >= 0)
			(void)close(fd);
		if (e == AC_OK)
			verification_index(v, w->file[i].name,
			    buf_span(&text));
		buf_free(&text);
		if (e != AC_OK)
			return e;
	}
	return AC_OK;
}

/* Step 16, of the files that are there.  AC_OK: the step has a result. */
static enum ac_err
verify_files(struct verification *v, const struct inputs *in,
    const struct options *o, bool show, struct message *why)
{
	struct hashqueue_progress progress = { send_progress, NULL };
	struct verify_listing listing = { .alone = in->name != NULL,
		.allow = o->allow, .nallow = o->nallow };
	struct digest *got = NULL;
	struct walk w = { 0 };
	enum ac_err e;

	e = in->name == NULL ? walk_folder(&w, in->dir, in->blobs, why) :
	    walk_file(&w, in->dir, in->blobs, in->name, why);
	listing.file = w.file;
	listing.nfiles = w.nfiles;
	if (e == AC_OK && verification_list(v, &listing)) {
		got = calloc(v->nparts + 1, sizeof(*got));
		e = got == NULL ? AC_ERR_MEMORY : walk_hash(got, &w, v->part,
		    v->nparts, show ? &progress : NULL, why);
		if (e == AC_OK)
			verification_digests(v, got);
		if (e == AC_OK && in->name == NULL)
			e = verify_indexes(v, &w, why);
	}
	free(got);
	walk_free(&w);
	if (e == AC_ERR_FORMAT || e == AC_ERR_MISMATCH ||
	    e == AC_ERR_NOT_FOUND) {
		verification_files_failed(v, why);
		e = AC_OK;
	}
	return e;
}

/* Everything with a policy at hand; fills in *r. */
static enum verify_verdict
verify_model(struct report *r, struct verification *v,
    const struct inputs *in, const struct options *o, bool show,
    struct buf *cert, struct buf *sig, struct message *why)
{
	if (read_opened(cert, in->cert, "aicert.jsonl", CERTIFICATE_MAX,
	    why) != AC_OK ||
	    read_opened(sig, in->sig, "model.sig", MODEL_SIG_MAX, why) != AC_OK)
		return VERIFY_COULD_NOT_RUN;
	r->v = v;
	verification_certificate(v, buf_span(cert), buf_span(sig), 0);
	if (!verification_failed(v) &&
	    verify_files(v, in, o, show, why) != AC_OK)
		return VERIFY_COULD_NOT_RUN;
	message_set(why, "%s", "");
	return verification_verdict(v);
}

/* The certificate of that D in the folder of --lineage. */
static enum ac_err
find_ancestor(void *ctx, struct buf *out, const struct digest *d)
{
	const struct inputs *in = ctx;
	char name[64 + sizeof(".jsonl")] = "";
	enum ac_err e;
	int fd;

	text_hex(name, span_digest(d));
	memcpy(name + 64, ".jsonl", sizeof(".jsonl"));
	fd = in->lineage < 0 ? -1 : openat(in->lineage, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return in->lineage < 0 || errno == ENOENT ? AC_ERR_NOT_FOUND :
		    AC_ERR_IO;
	e = file_read_fd(out, fd, CERTIFICATE_MAX);
	(void)close(fd);
	return e;
}

static int64_t
unix_now(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_REALTIME, &now) == 0 ? (int64_t)now.tv_sec :
	    0;
}

/* Everything that steps 17 and 18 read; freed by the caller. */
static enum ac_err
add_others(struct verification *v, struct inputs *in, int64_t now_s,
    struct buf snapshot[VERIFY_SNAPSHOTS_MAX], struct message *why)
{
	for (size_t i = 0; i < in->nsnapshots; i++) {
		enum ac_err e = read_opened(&snapshot[i], in->snapshot[i],
		    "the revocation snapshot", REVOCATIONS_MAX, why);

		if (e == AC_OK)
			e = verification_revocations(v, buf_span(&snapshot[i]),
			    now_s);
		if (e != AC_OK)
			return e;
	}
	verification_ancestors(v, find_ancestor, in);
	return AC_OK;
}

/* The report of *r in the form that was asked for; where it is to go. */
static enum ac_err
write_report(struct buf *text, enum relay_kind *kind, const struct report *r,
    const struct options *o)
{
	struct writer w;

	*kind = o->json != 0 || (r->v != NULL && o->vsa == 0) ? RELAY_OUT :
	    RELAY_ERR;
	wr_init(&w, RELAY_MAX);
	/* Where nothing could be read there is nothing to summarise. */
	if (o->vsa != 0 && vsa_write(&w, r) == AC_OK)
		*kind = RELAY_OUT;
	else if (o->json != 0)
		report_json(&w, r);
	else
		report_text(&w, r);
	return wr_end(&w, text);
}

/* The same to the parent. */
static int
send_report(const struct report *r, const struct options *o)
{
	struct buf text = { 0 };
	enum relay_kind kind;
	enum ac_err e = AC_OK;

	if (o->quiet == 0)
		e = write_report(&text, &kind, r, o);
	if (o->quiet == 0 && e == AC_OK)
		e = relay_send(kind, buf_span(&text));
	buf_free(&text);
	/* Without its report no verdict is told. */
	return e == AC_OK ? (int)r->verdict : VERIFY_COULD_NOT_RUN;
}

#ifdef AICERT_DEBUG
/* For the tests of the confinement: do what it must stop, as asked. */
static void
attack(const char *what)
{
	char *argv[] = { NULL };
	int fd = -2;

	if (what == NULL)
		return;
	if (strcmp(what, "read") == 0)
		fd = open("/etc/passwd", O_RDONLY);
	else if (strcmp(what, "write") == 0)
		fd = open("attacked", O_WRONLY | O_CREAT, 0600);
	else if (strcmp(what, "socket") == 0)
		fd = (int)syscall(SYS_socket, 2, 1, 0);
	else if (strcmp(what, "exec") == 0)
		fd = execve("/bin/true", argv, argv);
	else if (strcmp(what, "fork") == 0)
		fd = fork();
	else if (strcmp(what, "code") == 0)
		fd = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
	else if (strcmp(what, "crash") == 0)
		__builtin_trap();
	else if (strcmp(what, "lie") == 0)
		(void)!relay_send(RELAY_OUT, span_str("VERIFIED\033]0;\007\n"));
	if (fd == -1)
		relay_denied(-errno);
	_exit(fd == -1 ? VERIFY_COULD_NOT_RUN : VERIFY_VERIFIED);
}
#endif

/* Nothing is lost where there is no Landlock but one of two fences. */
static enum ac_err
confine_to(const struct inputs *in, const struct options *o,
    struct message *why)
{
	/* Of one file's folder nothing but the file. */
	const int fd[] = { in->name == NULL ? in->dir : in->alone,
		in->name == NULL || in->alone < 0 ? in->blobs : -1,
		in->lineage };
	enum ac_err e;
	int abi;

	if (o->no_sandbox != 0)
		return AC_OK;
	e = confine(fd, AC_COUNT(fd), &abi, why);
	if (e == AC_OK && abi == 0 && o->quiet == 0)
		(void)!relay_send(RELAY_NOTE, span_str("note: this kernel has "
		    "no Landlock; what reads the model is confined by seccomp "
		    "alone"));
#ifdef AICERT_DEBUG
	if (e == AC_OK)
		attack(getenv("AICERT_ATTACK"));
#endif
	return e;
}

/*
 * The child: the policy is its user's own and read first; of the model and
 * its certificate no byte is read before the confinement.
 */
static int
run(const struct options *o, bool show)
{
	struct report r = { .verdict = VERIFY_COULD_NOT_RUN,
		.subject = o->model, .now_s = unix_now(),
		.colour = o->colour };
	struct inputs in;
	struct buf cert = { 0 }, sig = { 0 };
	struct buf snapshot[VERIFY_SNAPSHOTS_MAX] = { { 0 } };
	struct verification *v = NULL;
	struct policy *policy = NULL;
	struct message why = { "" };
	char *path = policyfile_find(o->policy);
	int code;

	inputs_clear(&in);
	r.policy = path;
	if (path == NULL) {
		message_set(&why, "no policy: none was named, and there is "
		    "none in ~/.config/aicert or /etc/aicert. A policy says "
		    "whom you trust; \"aicert policy init --help\" makes one");
	} else if (policyfile_load(&policy, path, &why) == AC_OK &&
	    open_inputs(&in, o, &why) == AC_OK &&
	    open_snapshots(&in, o, policy, &why) == AC_OK &&
	    confine_to(&in, o, &why) == AC_OK) {
		v = verification_new(policy, VERIFY_MODE_LOGGED);
		if (v == NULL)
			message_set(&why, "no memory");
		else if (o->has_at)
			verification_judge_at(v, o->at_s);
		if (v != NULL && add_others(v, &in, r.now_s, snapshot, &why) ==
		    AC_OK)
			r.verdict = verify_model(&r, v, &in, o, show,
			    &cert, &sig, &why);
		r.certificate = buf_span(&cert);
	}
	if (why.text[0] != '\0')
		r.problem = why.text;
	code = send_report(&r, o);
	verification_free(v);
	policy_free(policy);
	buf_free(&cert);
	buf_free(&sig);
	for (size_t i = 0; i < VERIFY_SNAPSHOTS_MAX; i++)
		buf_free(&snapshot[i]);
	inputs_close(&in);
	free(path);
	return code;
}

/* --inspect: nothing is judged, and no policy is read. */
static int
inspect(const struct options *o)
{
	struct report r = { .verdict = VERIFY_COULD_NOT_RUN,
		.subject = o->model };
	struct inputs in;
	struct buf cert = { 0 }, text = { 0 };
	struct message why = { "" };
	int code = VERIFY_COULD_NOT_RUN;
	struct writer w;

	inputs_clear(&in);
	in.cert = open(o->model, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (in.cert < 0) {
		(void)!cannot_open(&why, o->model);
	} else if (confine_to(&in, o, &why) == AC_OK &&
	    read_opened(&cert, in.cert, "the certificate", MODEL_SIG_MAX,
	    &why) == AC_OK) {
		wr_init(&w, RELAY_MAX);
		if (inspect_text(&w, buf_span(&cert)))
			code = 0;
		if (wr_end(&w, &text) == AC_OK &&
		    relay_send(RELAY_OUT, buf_span(&text)) != AC_OK)
			code = VERIFY_COULD_NOT_RUN;
	}
	if (why.text[0] != '\0') {
		r.problem = why.text;
		code = send_report(&r, o);
	}
	buf_free(&text);
	buf_free(&cert);
	inputs_close(&in);
	return code;
}

/* The child's process; it has the pipe as its standard output. */
static int
child(const struct options *o, int pipe_fd, bool show)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(pipe_fd, STDOUT_FILENO) < 0 ||
	    dup2(null, STDIN_FILENO) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return VERIFY_COULD_NOT_RUN;
	(void)close(pipe_fd);
#ifndef AICERT_SANITIZED
	/* Nothing but the parent prints. */
	if (dup2(null, STDERR_FILENO) < 0)
		return VERIFY_COULD_NOT_RUN;
#endif
	(void)close(null);
	/* The verdict does not depend on this machine's openssl.cnf. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return VERIFY_COULD_NOT_RUN;
	return o->inspect != 0 ? inspect(o) : run(o, show);
}

static double
now_s(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		return 0;
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* "hashing  37%  1280 of 3456 MiB  2712 MiB/s  1 s left", over itself. */
static void
draw_progress(struct span said, double *start)
{
	struct reader r = rd_of(said);
	uint64_t done, all;
	double took, rate;

	if (!rd_be64(&r, &done) || !rd_be64(&r, &all) || all == 0 ||
	    done > all)
		return;
	if (*start == 0)
		*start = now_s();
	took = now_s() - *start;
	rate = took > 0 ? (double)done / took : 0;
	(void)fprintf(stderr, "\rhashing %3.0f%%  %llu of %llu MiB",
	    100.0 * (double)done / (double)all,
	    (unsigned long long)(done / MIB), (unsigned long long)(all / MIB));
	if (rate > 0)
		(void)fprintf(stderr, "  %.0f MiB/s  %.0f s left\033[K",
		    rate / (double)MIB, (double)(all - done) / rate);
	if (done == all)
		(void)fputs("\r\033[K", stderr);
}

/* What the child said, as far as it is known. */
struct heard {
	enum relay_kind kind; /* RELAY_OUT or RELAY_ERR, where text.p is set */
	struct buf text;
	uint32_t denied; /* the system call, where has_denied */
	bool has_denied;
};

static enum ac_err
listen_to(struct heard *h, int fd, const struct options *o)
{
	enum relay_kind kind = RELAY_OUT;
	struct buf text = { 0 };
	double start = 0;
	enum ac_err e;

	while ((e = relay_next(&kind, &text, fd)) == AC_OK) {
		struct reader r = rd_of(buf_span(&text));

		switch (kind) {
		case RELAY_PROGRESS:
			draw_progress(buf_span(&text), &start);
			break;
		case RELAY_DENIED:
			h->has_denied = rd_be32(&r, &h->denied);
			break;
		case RELAY_NOTE:
			if (relay_is_plain(buf_span(&text), false, false))
				(void)fprintf(stderr, "aicert-verify: %s\n",
				    (const char *)text.p);
			break;
		case RELAY_OUT:
		case RELAY_ERR:
			buf_free(&h->text);
			h->kind = kind;
			h->text = text;
			text = (struct buf){ 0 }; /* transferred */
			break;
		}
		buf_free(&text);
	}
	if (e != AC_ERR_NOT_FOUND)
		return e;
	return h->text.p == NULL || relay_is_plain(buf_span(&h->text),
	    o->json != 0, isatty(h->kind == RELAY_OUT ? STDOUT_FILENO :
	    STDERR_FILENO) == 1) ? AC_OK : AC_ERR_FORMAT;
}

/* A report of the parent's own: why there is none of the child's. */
static int
print_failure(const struct options *o, const struct message *why)
{
	struct report r = { .verdict = VERIFY_COULD_NOT_RUN,
		.subject = o->model, .problem = why->text };
	struct buf text = { 0 };
	enum relay_kind kind;

	if (o->quiet == 0 && write_report(&text, &kind, &r, o) == AC_OK)
		(void)!file_write_all(kind == RELAY_OUT ? STDOUT_FILENO :
		    STDERR_FILENO, buf_span(&text));
	buf_free(&text);
	return VERIFY_COULD_NOT_RUN;
}

/* Of the system calls, those that attackers would want. */
static const char *
call_name(uint32_t nr)
{
	static const struct {
		uint32_t nr;
		const char *name;
	} known[] = { { SYS_socket, "socket" }, { SYS_connect, "connect" },
		{ SYS_execve, "execve" }, { SYS_execveat, "execveat" },
		{ SYS_clone, "clone" }, { SYS_openat, "openat" },
		{ SYS_mmap, "mmap" }, { SYS_mprotect, "mprotect" },
		{ SYS_ptrace, "ptrace" }, { SYS_kill, "kill" },
		{ SYS_unlinkat, "unlinkat" } };

	for (size_t i = 0; i < AC_COUNT(known); i++)
		if (known[i].nr == nr)
			return known[i].name;
	return "unnamed";
}

/* The parent: what the child said is printed once it has ended well. */
static int
parent(const struct options *o, int fd, pid_t pid)
{
	struct heard h = { 0 };
	struct message why = { "" };
	enum ac_err e = listen_to(&h, fd, o);
	int status = 0, code = VERIFY_COULD_NOT_RUN;

	(void)close(fd); /* a child that says more ends */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status))
		code = WEXITSTATUS(status);
	if (h.has_denied && h.denied > INT32_MAX) /* an errno, of attack() */
		message_set(&why, "the confined process was denied what it "
		    "asked for: %s", strerror((int)-h.denied));
	else if (h.has_denied)
		message_set(&why, "the confined process was stopped at system "
		    "call %u (%s), which reading a model does not need",
		    h.denied, call_name(h.denied));
	else if (WIFSIGNALED(status))
		message_set(&why, "the process that reads the model was ended "
		    "by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else if (e != AC_OK || code > VERIFY_REFUSED ||
	    (h.text.p == NULL && o->quiet == 0))
		message_set(&why, "the process that reads the model ended "
		    "without a report that can be printed: %s",
		    ac_strerror(e));
	if (why.text[0] != '\0')
		code = print_failure(o, &why);
	else if (h.text.p != NULL &&
	    file_write_all(h.kind == RELAY_OUT ? STDOUT_FILENO :
	    STDERR_FILENO, buf_span(&h.text)) != AC_OK) {
		(void)fprintf(stderr, "aicert-verify: cannot print the report: "
		    "%s\n", strerror(errno));
		code = VERIFY_COULD_NOT_RUN;
	}
	buf_free(&h.text);
	return code;
}

static int
start(const struct options *o)
{
	bool show = o->quiet == 0 && isatty(STDERR_FILENO) == 1;
	int ends[2], code;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		struct message why = { "" };

		message_set(&why, "cannot start a process: %s",
		    strerror(errno));
		return print_failure(o, &why);
	}
	if (pid > 0) {
		(void)close(ends[1]);
		return parent(o, ends[0], pid);
	}
	(void)close(ends[0]);
	code = child(o, ends[1], show);
	/* What runs at a normal end asks for more than is allowed. */
	if (o->no_sandbox == 0)
		_exit(code);
	return code;
}

/* What cannot be run; the exit code. */
static int
refuse(const char *why)
{
	(void)fprintf(stderr, "COULD NOT RUN: %s\n", why);
	return VERIFY_COULD_NOT_RUN;
}

static int
print_tlog_policy(const struct options *o)
{
	char *path = policyfile_find(o->policy);
	struct buf text = { 0 };
	struct message why = { "there is no policy" };
	enum ac_err e = AC_ERR_NOT_FOUND;

	if (path != NULL)
		e = policyfile_tlog(&text, path, &why);
	if (e == AC_OK)
		e = file_write_all(STDOUT_FILENO, buf_span(&text));
	buf_free(&text);
	free(path);
	return e == AC_OK ? 0 : refuse(why.text);
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	const struct option longs[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "certificate", required_argument, NULL, 'c' },
		{ "allow-extra", required_argument, NULL, OPT_ALLOW_EXTRA },
		{ "at", required_argument, NULL, OPT_AT },
		{ "revocations", required_argument, NULL, OPT_REVOCATIONS },
		{ "lineage", required_argument, NULL, OPT_LINEAGE },
		{ "vsa", no_argument, &o.vsa, 1 },
		{ "inspect", no_argument, &o.inspect, 1 },
		{ "tlog-policy", no_argument, &o.tlog_policy, 1 },
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "no-sandbox", no_argument, &o.no_sandbox, 1 },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	opterr = 0; /* the first line is ours */
	while ((c = getopt_long(argc, argv, "p:c:jqhV", longs, NULL)) != -1) {
		switch (c) {
		case 0: /* of longs, which stored it */
			break;
		case 'p':
			o.policy = optarg;
			break;
		case 'c':
			o.certificate = optarg;
			break;
		case OPT_ALLOW_EXTRA:
			if (o.nallow == ALLOW_MAX)
				return refuse("--allow-extra at most 64 times");
			o.allow[o.nallow++] = optarg;
			break;
		case OPT_AT:
			o.has_at = time_parse(&o.at_s, span_str(optarg));
			if (!o.has_at)
				return refuse("--at takes a time such as "
				    "2026-01-31T12:00:00Z");
			break;
		case OPT_REVOCATIONS:
			o.revocations = optarg;
			break;
		case OPT_LINEAGE:
			o.lineage = optarg;
			break;
		case 'j':
			o.json = 1;
			break;
		case 'q':
			o.quiet = 1;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		case 'V':
			(void)puts("aicert-verify " AICERT_VERSION);
			return 0;
		default:
			return refuse("unknown option, or one without its "
			    "value; see aicert-verify --help");
		}
	}
	if (o.tlog_policy != 0 && argc == optind)
		return print_tlog_policy(&o);
	if (o.vsa != 0 && o.json != 0)
		return refuse("--json and --vsa are two outputs; name one");
	if (argc - optind != 1 || argv[optind][0] == '\0')
		return refuse("name one model, a folder or a file; see "
		    "aicert-verify --help");
	o.colour = isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == NULL;
	o.model = argv[optind];
	return start(&o);
}
