/* run.c -- the builder's side of a run; see run.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/reader.h"
#include "producer/run.h"
#include "producer/wire.h"

void
run_tell(const struct run_watch *w, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	w->progress(w->arg, span_of(text, (size_t)n));
	free(text);
}

/* The recorder needs up to a minute to see a training gone. */
#define END_MS 130000

/* ---- the recorder's process ---- */

static void
ignore_signal(int number)
{
	(void)number;
}

/*
 * Signals of the terminal are for the builder's side, which closes the socket.
 * They are caught and not ignored: a handler ends at exec, so that the
 * training has the usual dispositions.
 */
static void
settle_signals(void)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT,
		SIGPIPE, SIGTSTP };
	struct sigaction act = { .sa_handler = ignore_signal };
	sigset_t none;

	(void)sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		(void)sigaction(caught[i], &act, NULL);
	act.sa_handler = SIG_DFL;
	(void)sigaction(SIGCHLD, &act, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Keep only 0 (nothing), 1, 2 and sock; *sock is its new number. */
static bool
settle_descriptors(int *sock)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return false;
	if (*sock != STDERR_FILENO + 1) {
		if (dup3(*sock, STDERR_FILENO + 1, O_CLOEXEC) < 0)
			return false;
		*sock = STDERR_FILENO + 1;
	}
	return close_range(STDERR_FILENO + 2, ~0U, 0) == 0;
}

/* A TPM that is reached by TCP is the one reason to keep the network. */
static bool
needs_network(const struct recorder_options *o)
{
	return o->measured && strstr(o->attest.tcti, "host=") != NULL;
}

static void
become_recorder(int sock, const struct recorder_options *options,
    pid_t parent)
{
	settle_signals();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
	    /* bwrap ends before the sandbox's process 1: its processor time
	     * comes to whoever reaps that. */
	    prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ||
	    !settle_descriptors(&sock))
		_exit(1);
	/* The copies of inputs are read by the job's user. */
	(void)umask(022);
	/* Its own group: the terminal's Ctrl-C does not reach the training. */
	(void)setpgid(0, 0);
	/* Who is not root cannot, and has the sandbox's own all the same. */
	if (!needs_network(options))
		(void)unshare(CLONE_NEWNET);
	/* Nothing of the builder's side is flushed or run twice. */
	_exit(recorder_serve(sock, options));
}

/* ---- frames ---- */

static enum ac_err
gone(struct message *why)
{
	message_set(why, "the recorder ended without a word; was it killed, "
	    "or is memory short?");
	return AC_ERR_IO;
}

/* Wait for a frame, or for the user's wish. */
static enum ac_err
await(const struct run *r, struct message *why)
{
	for (;;) {
		struct pollfd p[2] = {
			{ .fd = r->sock, .events = POLLIN },
			{ .fd = r->cancel_fd, .events = POLLIN },
		};

		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return gone(why);
		}
		if (p[1].revents != 0) {
			message_set(why, "interrupted; nothing was kept");
			return AC_ERR_BUSY;
		}
		if (p[0].revents != 0)
			return AC_OK;
	}
}

static enum ac_err
take_failure(const struct wire_frame *f, size_t *index, struct message *why)
{
	struct span sentence;
	enum ac_err e;

	if (!wire_read_failed(&e, index, &sentence, buf_span(&f->body)) ||
	    sentence.len >= MESSAGE_MAX)
		return gone(why);
	message_set(why, "%.*s", (int)sentence.len, (const char *)sentence.p);
	return e;
}

/* What may come before any answer. */
static enum ac_err
take_other(struct run *r, const struct wire_frame *f, size_t *index,
    struct message *why)
{
	if (f->type == WIRE_FAILED)
		return take_failure(f, index, why);
	if (f->type == WIRE_PROGRESS)
		r->watch.progress(r->watch.arg, buf_span(&f->body));
	else if (f->type == WIRE_OUTPUT)
		r->watch.output(r->watch.arg, buf_span(&f->body));
	else
		return gone(why);
	return AC_OK;
}

/* The answer of that type; what comes before it goes to the watch. */
static enum ac_err
receive(struct run *r, struct wire_frame *out, enum wire_type type,
    struct message *why)
{
	size_t index;

	for (;;) {
		struct wire_frame f = { .fd = -1 };
		enum ac_err e = await(r, why);

		if (e != AC_OK)
			return e;
		if (wire_receive(&f, r->sock, WIRE_ANSWER_MAX) != AC_OK)
			return gone(why);
		if (f.type == type && f.fd < 0) {
			*out = f; /* transferred */
			return AC_OK;
		}
		e = take_other(r, &f, &index, why);
		wire_frame_free(&f);
		if (e != AC_OK)
			return e;
	}
}

/*
 * Ask and wait for the answer.  Where the recorder said why it failed before
 * it heard the question, that is the answer.
 */
static enum ac_err
ask(struct run *r, struct wire_frame *out, enum wire_type verb,
    struct span body, int fd, enum wire_type type, struct message *why)
{
	(void)!wire_send(r->sock, verb, body, fd);
	return receive(r, out, type, why);
}

/* ---- verbs ---- */

enum ac_err
run_begin(struct run *out, const struct recorder_options *options,
    const struct run_watch *watch, int cancel_fd, struct message *why)
{
	struct run r = { .sock = -1, .pidfd = -1, .cancel_fd = cancel_fd,
		.watch = *watch };
	struct wire_frame f = { .fd = -1 };
	pid_t parent = getpid();
	int pair[2];
	enum ac_err e;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		message_set(why, "no socket pair for the recorder");
		return AC_ERR_IO;
	}
	r.pid = fork();
	if (r.pid == 0) {
		(void)close(pair[0]);
		become_recorder(pair[1], options, parent);
	}
	(void)close(pair[1]);
	r.sock = pair[0];
	if (r.pid < 0) {
		(void)close(r.sock);
		message_set(why, "the recorder cannot be forked");
		return AC_ERR_IO;
	}
	r.pidfd = pidfd_open(r.pid, 0);
	e = receive(&r, &f, WIRE_READY, why);
	wire_frame_free(&f);
	if (e != AC_OK) {
		run_end(&r);
		return e;
	}
	*out = r;
	return AC_OK;
}

enum ac_err
run_key(struct run *r, struct span spki, int *challenge_fd,
    struct message *why)
{
	struct wire_frame f = { .fd = -1 };
	int pair[2];
	enum ac_err e;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		message_set(why, "no socket pair for challenges");
		return AC_ERR_IO;
	}
	e = ask(r, &f, WIRE_KEY, spki, pair[1], WIRE_READY, why);
	wire_frame_free(&f);
	(void)close(pair[1]);
	if (e == AC_OK)
		*challenge_fd = pair[0];
	else
		(void)close(pair[0]);
	return e;
}

enum ac_err
run_challenge(int challenge_fd, struct buf *out, const uint8_t nonce[32],
    struct message *why)
{
	struct wire_frame f = { .fd = -1 };
	size_t index;
	enum ac_err e;

	if (wire_send(challenge_fd, WIRE_CHALLENGE, span_of(nonce, 32), -1) !=
	    AC_OK || wire_receive(&f, challenge_fd, WIRE_ANSWER_MAX) != AC_OK)
		return gone(why);
	if (f.type == WIRE_ATTESTED && f.fd < 0) {
		*out = f.body;
		f.body = (struct buf){ 0 }; /* transferred */
		e = AC_OK;
	} else {
		e = f.type == WIRE_FAILED ? take_failure(&f, &index, why) :
		    gone(why);
	}
	wire_frame_free(&f);
	return e;
}

enum ac_err
run_configure(struct run *r, const struct request *request,
    struct span config, struct message *why)
{
	struct wire_frame f = { .fd = -1 };
	struct buf body = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, WIRE_VERB_MAX);
	wire_write_configure(&w, request, config);
	e = wr_end(&w, &body);
	if (e != AC_OK) {
		message_set(why, "the configuration is too large");
		return e;
	}
	e = ask(r, &f, WIRE_CONFIGURE, buf_span(&body), -1, WIRE_READY, why);
	wire_frame_free(&f);
	buf_free(&body);
	return e;
}

void
run_send(struct run *r, enum wire_type verb, size_t index,
    enum wire_kind kind, int fd)
{
	struct buf body = { 0 };
	struct writer w;

	wr_init(&w, WIRE_VERB_MAX);
	wire_write_input(&w, index, kind);
	/* Where the recorder is gone, run_take() says so. */
	if (wr_end(&w, &body) == AC_OK)
		(void)!wire_send(r->sock, verb, buf_span(&body), fd);
	buf_free(&body);
}

enum ac_err
run_take(struct run *r, struct run_answer *out, bool *answered, size_t *index,
    struct message *why)
{
	struct run_answer a = { .fd = -1 };
	struct wire_frame f = { .fd = -1 };
	enum ac_err e = AC_OK;

	*index = WIRE_NO_INPUT;
	*answered = false;
	if (wire_receive(&f, r->sock, WIRE_ANSWER_MAX) != AC_OK)
		return gone(why);
	a.type = f.type;
	if (f.type != WIRE_MEASURED && f.type != WIRE_FETCHED) {
		e = take_other(r, &f, index, why);
	} else if ((f.type == WIRE_FETCHED) != (f.fd >= 0) ||
	    !wire_read_measured(&a.index, &a.measured, buf_span(&f.body))) {
		e = gone(why);
	} else {
		a.fd = f.fd;
		f.fd = -1; /* transferred */
		*answered = true;
		*out = a;
	}
	wire_frame_free(&f);
	return e;
}

enum ac_err
run_start(struct run *r, int *exit_status, struct span checkpoint,
    struct message *why)
{
	struct wire_frame f = { .fd = -1 };
	struct reader in;
	uint8_t status;
	enum ac_err e;

	r->training = true;
	e = ask(r, &f, WIRE_START, checkpoint, -1, WIRE_EXIT, why);
	if (e == AC_OK) {
		r->training = false; /* seen gone by the recorder */
		in = rd_of(buf_span(&f.body));
		if (rd_u8(&in, &status) && rd_end(&in))
			*exit_status = status;
		else
			e = gone(why);
	}
	wire_frame_free(&f);
	return e;
}

static bool
read_part(struct reader *in, struct buf *out, size_t max)
{
	struct span s;

	return rd_take_be32(in, &s, max) && buf_copy(out, s) == AC_OK;
}

enum ac_err
run_finish(struct run *r, struct run_result *out, struct message *why)
{
	struct wire_frame f = { .fd = -1 };
	struct run_result got = { 0 };
	struct reader in;
	enum ac_err e = ask(r, &f, WIRE_END, span_str(""), -1, WIRE_RESULT,
	    why);

	if (e == AC_OK) {
		in = rd_of(buf_span(&f.body));
		if (!read_part(&in, &got.provenance, STATEMENT_MAX) ||
		    !read_part(&in, &got.oms, OMS_STATEMENT_MAX) ||
		    !read_part(&in, &got.evidence, STATEMENT_MAX) ||
		    !rd_end(&in))
			e = gone(why);
	}
	wire_frame_free(&f);
	if (e == AC_OK) {
		*out = got;
		got = (struct run_result){ 0 }; /* transferred */
	}
	run_result_free(&got);
	return e;
}

void
run_result_free(struct run_result *result)
{
	buf_free(&result->provenance);
	buf_free(&result->oms);
	buf_free(&result->evidence);
}

/* Did the recorder end within ms? */
static bool
await_end(const struct run *r, int ms)
{
	struct pollfd p = { .fd = r->pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

void
run_end(struct run *r)
{
	if (r->sock < 0)
		return;
	(void)close(r->sock);
	/*
	 * With a training it gets the time to see that gone.  Else it may be
	 * hashing for hours, and there is nothing to wait for.
	 */
	if (r->pidfd < 0 || !await_end(r, r->training ? END_MS : 1000))
		(void)kill(r->pid, SIGKILL);
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	if (r->pidfd >= 0)
		(void)close(r->pidfd);
	*r = RUN_NONE;
}
