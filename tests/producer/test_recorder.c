/*
 * The recorder believes nobody: verbs out of order, malformed frames, pins
 * that differ.  What ran is seen by a file that the training would have made.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sha256.h"
#include "producer/recorder.h"
#include "producer/rules.h"
#include "producer/stream.h"
#include "producer/tree.h"
#include "producer/wire.h"
#include "tests/test.h"

struct rig {
	char top[40], store[64], workspace[64], text[64];
	struct recorder_options options;
	int sock;
	pid_t pid;
	struct wire_frame last; /* the answer that was received last */
	struct request_input input[2];
	struct span command[3], output[1];
	struct request request;
	char pin[72];
	size_t index; /* of the input that is sent next */
};

#define INPUT_MAX (1 << 20) /* bytes of a stream */
#define STALL_S 3

static const char content[] = "some text\n";

static int
begin_with(void **state, size_t ngpus)
{
	struct rig *t = calloc(1, sizeof(*t));
	struct digest d = sha256_of(span_str(content));
	int pair[2];

	assert_non_null(t);
	strcpy(t->top, "/tmp/aicert-recorder-XXXXXX");
	assert_non_null(mkdtemp(t->top));
	(void)snprintf(t->store, sizeof(t->store), "%s/store", t->top);
	(void)snprintf(t->workspace, sizeof(t->workspace), "%s/work", t->top);
	(void)snprintf(t->text, sizeof(t->text), "%s/text", t->top);
	assert_int_equal(mkdir(t->store, 0755), 0);
	assert_int_equal(mkdir(t->workspace, 0755), 0);
	assert_ok(file_create(t->text, span_str(content), 0600));
	t->options = (struct recorder_options){ .store = t->store,
		.workspace = t->workspace, .input_max = INPUT_MAX,
		.stall_s = STALL_S, .ngpus = ngpus, .nvml = FAKE_NVML,
		.sysfs = t->top, /* where no counter is */
		.limits = { .pids = 64, .wall_s = 30 } };
	strcpy(t->pin, "sha256:");
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(t->pin + 7 + 2 * i, 3, "%02x", d.b[i]);
	for (size_t i = 0; i < 2; i++)
		t->input[i] = (struct request_input){
			.name = span_str(i == 0 ? "a" : "b"),
			.type = span_str("file"), .uri = span_str("text"),
			.pin = span_str(t->pin), .role = span_str("dataset") };
	t->command[0] = span_str("sh");
	t->command[1] = span_str("-c");
	t->command[2] = span_str("cat /inputs/a /inputs/b > m.bin");
	t->output[0] = span_str("*.bin");
	t->request = (struct request){ .config_name = span_str("c.yaml"),
		.trainer = span_str("command"), .command = t->command,
		.ncommand = 3, .input = t->input, .ninputs = 2,
		.output = t->output, .noutputs = 1 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    pair), 0);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0) {
		(void)close(pair[0]);
		_exit(recorder_serve(pair[1], &t->options));
	}
	(void)close(pair[1]);
	t->sock = pair[0];
	t->last.fd = -1;
	*state = t;
	return 0;
}

static int
begin(void **state)
{
	return begin_with(state, 0);
}

static int
begin_gpus(void **state)
{
	assert_int_equal(setenv("FAKE_NVML_GPUS", "", 1), 0);
	return begin_with(state, 2);
}

/* It ends by itself once the socket is closed, whatever was said before. */
static int
finish(void **state)
{
	struct rig *t = *state;
	int status;

	wire_frame_free(&t->last);
	if (t->sock >= 0)
		(void)close(t->sock);
	(void)alarm(60);
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	(void)alarm(0);
	assert_true(WIFEXITED(status));
	assert_ok(tree_remove(t->top));
	free(t);
	return 0;
}

static enum wire_type
answer(struct rig *t)
{
	do {
		wire_frame_free(&t->last);
		if (wire_receive(&t->last, t->sock, WIRE_ANSWER_MAX) != AC_OK)
			fail_msg("no answer");
	} while (t->last.type == WIRE_PROGRESS || t->last.type == WIRE_OUTPUT);
	return t->last.type;
}

static const char *
text(const struct rig *t)
{
	return (const char *)t->last.body.p + 5;
}

static void
expect(struct rig *t, enum wire_type type)
{
	if (answer(t) != type)
		fail_msg("answer %d: %s", t->last.type, t->last.type ==
		    WIRE_FAILED ? text(t) : "");
}

/* It failed with that code and sentence, and serves nothing more. */
static void
expect_failure(struct rig *t, enum ac_err e, const char *says)
{
	expect(t, WIRE_FAILED);
	if (t->last.body.p[0] != e || strstr(text(t), says) == NULL)
		fail_msg("%d: %s", t->last.body.p[0], text(t));
	wire_frame_free(&t->last);
	assert_int_equal(wire_receive(&t->last, t->sock, WIRE_ANSWER_MAX),
	    AC_ERR_NOT_FOUND);
	t->last.fd = -1;
}

static void
send_configure(struct rig *t)
{
	struct buf b;
	struct writer w;

	wr_init(&w, WIRE_VERB_MAX);
	wire_write_configure(&w, &t->request, span_str("version: 2\n"));
	assert_ok(wr_end(&w, &b));
	assert_ok(wire_send(t->sock, WIRE_CONFIGURE, buf_span(&b), -1));
	buf_free(&b);
}

static void
configure(struct rig *t)
{
	expect(t, WIRE_READY);
	send_configure(t);
	expect(t, WIRE_READY);
}

static void
send_as(struct rig *t, enum wire_type verb, size_t index,
    enum wire_kind kind, int fd)
{
	struct buf b;
	struct writer w;

	wr_init(&w, WIRE_VERB_MAX);
	wire_write_input(&w, index, kind);
	assert_ok(wr_end(&w, &b));
	assert_ok(wire_send(t->sock, verb, buf_span(&b), fd));
	buf_free(&b);
}

static void
send_path(struct rig *t, enum wire_type verb, size_t index, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	send_as(t, verb, index, WIRE_LOCAL, fd);
	(void)close(fd);
}

static void
send_input(struct rig *t, const char *path)
{
	send_path(t, WIRE_INPUT, t->index++, path);
}

static void
give_inputs(struct rig *t)
{
	configure(t);
	for (size_t i = 0; i < 2; i++) {
		send_input(t, t->text);
		expect(t, WIRE_MEASURED);
	}
}

static void
verb(struct rig *t, enum wire_type type)
{
	assert_ok(wire_send(t->sock, type, span_str(""), -1));
}

static void
train(struct rig *t)
{
	give_inputs(t);
	verb(t, WIRE_START);
	expect(t, WIRE_EXIT);
	assert_int_equal(t->last.body.len, 1);
}

static bool
nothing_ran(const struct rig *t)
{
	DIR *d = opendir(t->workspace);
	struct dirent *e;
	bool empty = true;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		empty = empty && e->d_name[0] == '.';
	(void)closedir(d);
	return empty;
}

/* ---- the right order ---- */

static void
right(void **state)
{
	struct rig *t = *state;

	train(t);
	assert_int_equal(t->last.body.p[0], 0);
	verb(t, WIRE_END);
	expect(t, WIRE_RESULT);
	/* Nothing is asked twice. */
	verb(t, WIRE_END);
	expect_failure(t, AC_ERR_FORMAT, "end is out of order");
}

/* ---- verbs out of order ---- */

static bool
states(const struct rig *t, const char *what)
{
	return memmem(t->last.body.p, t->last.body.len, what,
	    strlen(what)) != NULL;
}

/* What counts is stated, and nothing else: never a 0. */
static void
gpus(void **state)
{
	struct rig *t = *state;

	train(t);
	verb(t, WIRE_END);
	expect(t, WIRE_RESULT);
	assert_true(states(t, "\"gpus\":[\"Test GPU 0\",\"Test GPU 1\"]"));
	assert_true(states(t, "\"gpuSeconds\":{\"value\":\""));
	assert_true(states(t, "\"gpuJoules\":{\"value\":\""));
	assert_false(states(t, "cpuJoules"));
	assert_false(states(t, "dramJoules"));
}

static void
no_gpus(void **state)
{
	struct rig *t = *state;

	train(t);
	verb(t, WIRE_END);
	expect(t, WIRE_RESULT);
	assert_true(states(t, "\"gpus\":[]"));
	assert_true(states(t, "\"wallSeconds\":{\"value\":\""));
	assert_false(states(t, "gpuSeconds"));
	assert_false(states(t, "Joules"));
}

static void
order(struct rig *t, enum wire_type type, const char *says)
{
	verb(t, type);
	expect_failure(t, AC_ERR_FORMAT, says);
}

static void
input_first(void **state)
{
	struct rig *t = *state;

	expect(t, WIRE_READY);
	order(t, WIRE_INPUT, "input is out of order");
}

static void
start_first(void **state)
{
	struct rig *t = *state;

	expect(t, WIRE_READY);
	order(t, WIRE_START, "start is out of order");
	assert_true(nothing_ran(t));
}

static void
end_first(void **state)
{
	struct rig *t = *state;

	expect(t, WIRE_READY);
	order(t, WIRE_END, "end is out of order");
}

static void
configure_twice(void **state)
{
	struct rig *t = *state;

	configure(t);
	send_configure(t);
	expect_failure(t, AC_ERR_FORMAT, "configure is out of order");
}

static void
start_before_inputs(void **state)
{
	struct rig *t = *state;

	configure(t);
	send_input(t, t->text);
	expect(t, WIRE_MEASURED);
	order(t, WIRE_START, "start before all inputs");
	assert_true(nothing_ran(t));
}

static void
end_before_start(void **state)
{
	struct rig *t = *state;

	give_inputs(t);
	order(t, WIRE_END, "end is out of order");
	assert_true(nothing_ran(t));
}

static void
input_too_many(void **state)
{
	struct rig *t = *state;

	give_inputs(t);
	send_input(t, t->text);
	expect_failure(t, AC_ERR_FORMAT, "does not have");
}

static void
input_after_start(void **state)
{
	struct rig *t = *state;

	train(t);
	send_input(t, t->text);
	expect_failure(t, AC_ERR_FORMAT, "input is out of order");
}

static void
start_twice(void **state)
{
	struct rig *t = *state;

	train(t);
	order(t, WIRE_START, "start is out of order");
}

/* A training that failed has no certificate. */
static void
end_after_failure(void **state)
{
	struct rig *t = *state;

	t->command[2] = span_str("echo x > m.bin; exit 3");
	train(t);
	assert_int_equal(t->last.body.p[0], 3);
	order(t, WIRE_END, "end is out of order");
}

static void
an_answer(void **state)
{
	struct rig *t = *state;

	expect(t, WIRE_READY);
	order(t, WIRE_RESULT, "an answer is out of order");
}

/* ---- malformed frames ---- */

static void
send_raw(struct rig *t, const void *bytes, size_t len)
{
	assert_int_equal(send(t->sock, bytes, len, MSG_NOSIGNAL),
	    (ssize_t)len);
}

static void
frame_of_no_type(void **state)
{
	struct rig *t = *state;

	expect(t, WIRE_READY);
	send_raw(t, "\x63\0\0\0\0", 5);
	expect_failure(t, AC_ERR_FORMAT, "malformed");
}

static void
frame_of_type_zero(void **state)
{
	struct rig *t = *state;

	expect(t, WIRE_READY);
	send_raw(t, "\0\0\0\0\0", 5);
	expect_failure(t, AC_ERR_FORMAT, "malformed");
}

/* The length alone is refused; nothing is allocated or waited for. */
static void
frame_too_long(void **state)
{
	struct rig *t = *state;

	expect(t, WIRE_READY);
	send_raw(t, "\1\xff\xff\xff\xff", 5);
	expect_failure(t, AC_ERR_LIMIT, "too long");
}

static void
frame_cut_off(void **state)
{
	struct rig *t = *state;

	expect(t, WIRE_READY);
	send_raw(t, "\1\0\0\1\0only", 9);
	assert_int_equal(shutdown(t->sock, SHUT_WR), 0);
	expect_failure(t, AC_ERR_FORMAT, "malformed");
}

static void
head_cut_off(void **state)
{
	struct rig *t = *state;

	expect(t, WIRE_READY);
	send_raw(t, "\1\0", 2);
	assert_int_equal(shutdown(t->sock, SHUT_WR), 0);
	expect_failure(t, AC_ERR_FORMAT, "malformed");
}

static void
request_cut_off(void **state)
{
	struct rig *t = *state;

	expect(t, WIRE_READY);
	assert_ok(wire_send(t->sock, WIRE_CONFIGURE, span_str("\0\0\0"), -1));
	expect_failure(t, AC_ERR_FORMAT, "malformed");
}

static void
input_without_descriptor(void **state)
{
	struct rig *t = *state;

	configure(t);
	order(t, WIRE_INPUT, "one descriptor");
}

static void
start_with_descriptor(void **state)
{
	struct rig *t = *state;

	give_inputs(t);
	assert_ok(wire_send(t->sock, WIRE_START, span_str(""), 0));
	expect_failure(t, AC_ERR_FORMAT, "one signed note");
	assert_true(nothing_ran(t));
}

/* Every cut of a right request, and every byte of it changed, parsed alone. */
static void
request_mutants(void **state)
{
	struct rig *t = *state;
	struct wire_request q;
	struct message why;
	struct writer w;
	struct buf b;

	wr_init(&w, WIRE_VERB_MAX);
	wire_write_configure(&w, &t->request, span_str("version: 2\n"));
	assert_ok(wr_end(&w, &b));
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(wire_read_configure(&q, span_of(b.p, i)),
		    AC_ERR_FORMAT);
	for (size_t i = 0; i < b.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			b.p[i] ^= (uint8_t)(1u << bit);
			if (wire_read_configure(&q, buf_span(&b)) == AC_OK) {
				(void)!rules_check(&q.request, &why);
				wire_request_free(&q);
			}
			b.p[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_ok(wire_read_configure(&q, buf_span(&b)));
	assert_int_equal(q.request.ninputs, 2);
	assert_true(span_is(q.request.command[2],
	    "cat /inputs/a /inputs/b > m.bin"));
	wire_request_free(&q);
	buf_free(&b);
}

/* ---- requests that no configuration gives ---- */

static void
refused_request(struct rig *t, enum ac_err e, const char *says)
{
	expect(t, WIRE_READY);
	send_configure(t);
	expect_failure(t, e, says);
}

static void
request_climbs(void **state)
{
	struct rig *t = *state;

	t->input[0].name = span_str("../../etc");
	refused_request(t, AC_ERR_FORMAT, "no name of an input");
}

static void
request_same_names(void **state)
{
	struct rig *t = *state;

	t->input[1].name = span_str("a");
	refused_request(t, AC_ERR_FORMAT, "two inputs");
}

static void
request_no_pin(void **state)
{
	struct rig *t = *state;

	t->input[0].pin = span_str("");
	refused_request(t, AC_ERR_FORMAT, "is no pin");
}

static void
request_variable(void **state)
{
	struct rig *t = *state;
	struct request_env env = { span_str("LD_PRELOAD"), span_str("x") };

	t->request.env = &env;
	t->request.nenv = 1;
	refused_request(t, AC_ERR_FORMAT, "no variable");
}

static void
request_no_outputs(void **state)
{
	struct rig *t = *state;

	t->request.noutputs = 0;
	refused_request(t, AC_ERR_FORMAT, "needs a command and outputs");
}

static void
request_nul(void **state)
{
	struct rig *t = *state;

	t->command[2] = span_of("a\0b", 3);
	refused_request(t, AC_ERR_FORMAT, "no word");
}

static void
request_type(void **state)
{
	struct rig *t = *state;

	t->input[0].type = span_str("oci");
	refused_request(t, AC_ERR_UNSUPPORTED, "\"oci\"");
}

static void
request_not_utf8(void **state)
{
	struct rig *t = *state;

	t->input[0].license = span_str("\xff");
	refused_request(t, AC_ERR_FORMAT, "UTF-8");
}

/* ---- inputs ---- */

static void
pin_differs(void **state)
{
	struct rig *t = *state;
	struct digest d = sha256_of(span_str("other"));
	char path[80], hex[65] = "";

	(void)snprintf(path, sizeof(path), "%s/other", t->top);
	assert_ok(file_create(path, span_str("other"), 0600));
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", d.b[i]);
	configure(t);
	send_input(t, path);
	expect(t, WIRE_FAILED);
	assert_int_equal(t->last.body.p[0], AC_ERR_MISMATCH);
	assert_non_null(strstr(text(t), t->pin));
	assert_non_null(strstr(text(t), hex));
	/* It does not get another chance, and start is not served. */
	(void)!wire_send(t->sock, WIRE_START, span_str(""), -1);
	wire_frame_free(&t->last);
	assert_int_equal(wire_receive(&t->last, t->sock, WIRE_ANSWER_MAX),
	    AC_ERR_NOT_FOUND);
	t->last = (struct wire_frame){ .fd = -1 };
	assert_true(nothing_ran(t));
}

static void
input_fifo(void **state)
{
	struct rig *t = *state;
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/fifo", t->top);
	assert_int_equal(mkfifo(path, 0600), 0);
	configure(t);
	send_input(t, path);
	expect_failure(t, AC_ERR_FORMAT, "neither a regular file");
}

static void
input_device(void **state)
{
	struct rig *t = *state;

	configure(t);
	send_input(t, "/dev/zero");
	expect_failure(t, AC_ERR_FORMAT, "neither a regular file");
}

/* ---- several at once, and streams ---- */

/* A pipe whose end to read is sent as input index; the end to write. */
static int
send_pipe(struct rig *t, enum wire_type verb, size_t index)
{
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	send_as(t, verb, index, WIRE_STREAM, p[0]);
	(void)close(p[0]);
	return p[1];
}

/* The stream of one file without a name that has text. */
static void
write_file_stream(int fd, const char *text)
{
	struct stream_writer *w = malloc(sizeof(*w));

	assert_non_null(w);
	stream_begin(w, fd);
	stream_file(w, span_str(""), false);
	stream_data(w, span_str(text));
	stream_file_end(w);
	assert_ok(stream_finish(w));
	free(w);
	(void)close(fd);
}

static void
expect_measured(struct rig *t, size_t index)
{
	struct measured m;
	size_t i;

	expect(t, WIRE_MEASURED);
	assert_true(wire_read_measured(&i, &m, buf_span(&t->last.body)));
	assert_int_equal(i, index);
	assert_int_equal(m.bytes, sizeof(content) - 1);
}

/* The second is here first, and answered second. */
static void
streams_in_order(void **state)
{
	struct rig *t = *state;
	struct pollfd p = { .events = POLLIN };
	int fd[2];

	configure(t);
	fd[0] = send_pipe(t, WIRE_INPUT, 0);
	fd[1] = send_pipe(t, WIRE_INPUT, 1);
	write_file_stream(fd[1], content);
	p.fd = t->sock;
	assert_int_equal(poll(&p, 1, 500), 0);
	write_file_stream(fd[0], content);
	expect_measured(t, 0);
	expect_measured(t, 1);
	verb(t, WIRE_START);
	expect(t, WIRE_EXIT);
	assert_int_equal(t->last.body.p[0], 0);
	verb(t, WIRE_END);
	expect(t, WIRE_RESULT);
}

/* Sent in any order, recorded in that of the request. */
static void
sent_backwards(void **state)
{
	struct rig *t = *state;

	configure(t);
	send_path(t, WIRE_INPUT, 1, t->text);
	send_path(t, WIRE_INPUT, 0, t->text);
	expect_measured(t, 0);
	expect_measured(t, 1);
}

static void
download(void **state)
{
	struct rig *t = *state;
	struct measured m;
	char bytes[16];
	size_t i;
	int fd;

	configure(t);
	fd = send_pipe(t, WIRE_DOWNLOAD, 0);
	write_file_stream(fd, "packed");
	expect(t, WIRE_FETCHED);
	assert_true(wire_read_measured(&i, &m, buf_span(&t->last.body)));
	assert_int_equal(m.bytes, 6);
	/* It can be read, and not written. */
	fd = t->last.fd;
	assert_true(fd >= 0);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 6);
	assert_int_equal(write(fd, "x", 1), -1);
	fd = send_pipe(t, WIRE_INPUT, 0);
	write_file_stream(fd, content);
	expect(t, WIRE_MEASURED);
	assert_true(wire_read_measured(&i, &m, buf_span(&t->last.body)));
	assert_true(m.has_download);
	assert_int_equal(m.download_bytes, 6);
	send_path(t, WIRE_INPUT, 1, t->text);
	expect_measured(t, 1);
	verb(t, WIRE_START);
	expect(t, WIRE_EXIT);
	verb(t, WIRE_END);
	expect(t, WIRE_RESULT);
}

/* Nobody gets to unpack what is not pinned. */
static void
download_differs(void **state)
{
	struct rig *t = *state;
	char pin[96];

	(void)snprintf(pin, sizeof(pin), "download:%s", t->pin);
	t->input[0].pin = span_str(pin);
	configure(t);
	write_file_stream(send_pipe(t, WIRE_DOWNLOAD, 0), "other");
	expect_failure(t, AC_ERR_MISMATCH, pin);
}

static void
download_pinned_and_missing(void **state)
{
	struct rig *t = *state;
	char pin[96];

	(void)snprintf(pin, sizeof(pin), "download:%s", t->pin);
	t->input[0].pin = span_str(pin);
	configure(t);
	send_input(t, t->text);
	expect_failure(t, AC_ERR_FORMAT, "there was none");
}

/* A model whose certificate nobody judged, and one that is no folder. */
static void
certificate_not_verified(void **state)
{
	struct rig *t = *state;

	t->input[0].type = span_str("certificate");
	configure(t);
	send_input(t, t->text);
	expect_failure(t, AC_ERR_FORMAT, "was not verified");
}

static void
certificate_of_another_form(void **state)
{
	struct rig *t = *state;

	t->input[0].type = span_str("certificate");
	t->input[0].certificate = span_str("D");
	refused_request(t, AC_ERR_FORMAT, "no D of a certificate");
}

static void
certificate_of_another_type(void **state)
{
	struct rig *t = *state;

	t->input[0].certificate = span_str(t->pin + 7);
	refused_request(t, AC_ERR_FORMAT, "no D of a certificate");
}

/* An archive is its files; its bytes alone are not taken for them. */
static void
archive_not_unpacked(void **state)
{
	struct rig *t = *state;

	t->input[0].type = span_str("archive");
	configure(t);
	send_input(t, t->text);
	expect_failure(t, AC_ERR_FORMAT, "was not unpacked");
}

static void
archive_to_one_file(void **state)
{
	struct rig *t = *state;

	t->input[0].type = span_str("archive");
	configure(t);
	send_path(t, WIRE_DOWNLOAD, 0, t->text);
	expect(t, WIRE_FETCHED);
	write_file_stream(send_pipe(t, WIRE_INPUT, 0), content);
	expect_failure(t, AC_ERR_FORMAT, "was not unpacked");
}

static void
download_of_a_tree(void **state)
{
	struct rig *t = *state;

	configure(t);
	assert_int_equal(write(send_pipe(t, WIRE_DOWNLOAD, 0),
	    STREAM_MAGIC "\1\0\0\1a\0\0\0\0\4", 24), 24);
	expect_failure(t, AC_ERR_FORMAT, "input \"a\", its download: \"a\" has "
	    "a name");
}

static void
download_twice(void **state)
{
	struct rig *t = *state;

	configure(t);
	send_path(t, WIRE_DOWNLOAD, 0, t->text);
	expect(t, WIRE_FETCHED);
	send_path(t, WIRE_DOWNLOAD, 0, t->text);
	expect_failure(t, AC_ERR_FORMAT, "a second time");
}

static void
download_after_input(void **state)
{
	struct rig *t = *state;

	configure(t);
	send_path(t, WIRE_INPUT, 0, t->text);
	expect_measured(t, 0);
	send_path(t, WIRE_DOWNLOAD, 0, t->text);
	expect_failure(t, AC_ERR_FORMAT, "a second time");
}

static void
input_twice(void **state)
{
	struct rig *t = *state;

	configure(t);
	(void)send_pipe(t, WIRE_INPUT, 0);
	send_path(t, WIRE_INPUT, 0, t->text);
	expect_failure(t, AC_ERR_FORMAT, "a second time");
}

static void
input_beyond(void **state)
{
	struct rig *t = *state;

	configure(t);
	send_path(t, WIRE_INPUT, UINT32_MAX, t->text);
	expect_failure(t, AC_ERR_FORMAT, "does not have");
}

static void
input_of_no_kind(void **state)
{
	struct rig *t = *state;

	configure(t);
	assert_ok(wire_send(t->sock, WIRE_INPUT, span_of("\0\0\0\0\2", 5), 0));
	expect_failure(t, AC_ERR_FORMAT, "a kind");
}

static void
start_while_they_come(void **state)
{
	struct rig *t = *state;

	configure(t);
	(void)send_pipe(t, WIRE_INPUT, 0);
	verb(t, WIRE_START);
	expect_failure(t, AC_ERR_FORMAT, "before all inputs");
	assert_true(nothing_ran(t));
}

/* The fetcher ended in the middle of a file. */
static void
stream_cut_off(void **state)
{
	struct rig *t = *state;
	int fd;

	configure(t);
	fd = send_pipe(t, WIRE_INPUT, 0);
	assert_int_equal(write(fd, STREAM_MAGIC "\1\0\0\0\0\0\0\5ab", 24),
	    24);
	(void)close(fd);
	expect_failure(t, AC_ERR_FORMAT, "cut off");
	assert_true(nothing_ran(t));
}

/* It lives and writes nothing. */
static void
stream_stalls(void **state)
{
	struct rig *t = *state;
	int fd;

	configure(t);
	fd = send_pipe(t, WIRE_INPUT, 0);
	expect_failure(t, AC_ERR_BUSY, "not a byte came in 3 seconds");
	(void)close(fd);
}

/* It writes for ever: it is cut at the cap, and hears of it. */
static void
stream_without_end(void **state)
{
	struct rig *t = *state;
	char block[4096] = "";
	struct stream_writer *w;
	int fd, status;
	pid_t pid;

	configure(t);
	fd = send_pipe(t, WIRE_INPUT, 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		w = malloc(sizeof(*w));
		if (w == NULL)
			_exit(1);
		stream_begin(w, fd);
		stream_file(w, span_str(""), false);
		while (w->err == AC_OK)
			stream_data(w, span_of(block, sizeof(block)));
		_exit(w->err == AC_ERR_IO ? 0 : 1);
	}
	(void)close(fd);
	expect_failure(t, AC_ERR_LIMIT, "more than 1048576 bytes");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A stream of another content than the pin. */
static void
stream_differs(void **state)
{
	struct rig *t = *state;

	configure(t);
	write_file_stream(send_pipe(t, WIRE_INPUT, 0), "other");
	expect_failure(t, AC_ERR_MISMATCH, t->pin);
	assert_true(nothing_ran(t));
}

/* While one waits, the failure of another ends all. */
static void
failure_of_another(void **state)
{
	struct rig *t = *state;
	int fd;

	configure(t);
	fd = send_pipe(t, WIRE_INPUT, 0);
	assert_int_equal(write(send_pipe(t, WIRE_INPUT, 1), "rubbish, no tree "
	    "stream", 23), 23);
	expect_failure(t, AC_ERR_FORMAT, "input \"b\": the tree stream");
	(void)close(fd);
}

/* ---- the end of a training ---- */

static void
output_is_link(void **state)
{
	struct rig *t = *state;

	t->command[2] = span_str("ln -s /etc/passwd m.bin");
	train(t);
	assert_int_equal(t->last.body.p[0], 0);
	verb(t, WIRE_END);
	expect_failure(t, AC_ERR_FORMAT, "\"m.bin\" is a link");
}

static void
no_outputs(void **state)
{
	struct rig *t = *state;

	t->command[2] = span_str("true");
	train(t);
	verb(t, WIRE_END);
	expect_failure(t, AC_ERR_NOT_FOUND, "no file that outputs match");
}

/* Is anything of that command line alive? */
static bool
is_alive(const char *needle)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	bool found = false;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char path[300], line[512];
		ssize_t n;
		int fd;

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/cmdline",
		    e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, line, sizeof(line));
		(void)close(fd);
		if (n > 0 && memmem(line, (size_t)n, needle,
		    strlen(needle)) != NULL)
			found = true;
	}
	(void)closedir(d);
	return found;
}

/* Whoever closes the socket ends the training. */
static void
abandoned(void **state)
{
	struct rig *t = *state;
	char command[80], needle[32];
	int status;

	(void)snprintf(needle, sizeof(needle), "7777.%d", (int)getpid());
	(void)snprintf(command, sizeof(command), "echo go; exec sleep %s",
	    needle);
	t->command[2] = span_str(command);
	give_inputs(t);
	verb(t, WIRE_START);
	do {
		wire_frame_free(&t->last);
		assert_ok(wire_receive(&t->last, t->sock, WIRE_ANSWER_MAX));
	} while (t->last.type != WIRE_OUTPUT);
	while (!is_alive(needle))
		continue;
	(void)close(t->sock);
	t->sock = -1;
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	assert_false(is_alive(needle));
	/* For finish(). */
	t->pid = fork();
	if (t->pid == 0)
		_exit(0);
}

static void
time_limit(void **state)
{
	struct rig *t = *state;

	(void)t;
	give_inputs(t);
	verb(t, WIRE_START);
	expect_failure(t, AC_ERR_LIMIT, "time limit of 1 seconds");
}

static int
begin_short(void **state)
{
	struct rig *t;
	int pair[2], status;

	/* The same, but the child of begin() has other options. */
	if (begin(state) != 0)
		return 1;
	t = *state;
	(void)close(t->sock);
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	t->options.limits.wall_s = 1;
	t->command[2] = span_str("sleep 100");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    pair), 0);
	t->pid = fork();
	if (t->pid == 0) {
		(void)close(pair[0]);
		_exit(recorder_serve(pair[1], &t->options));
	}
	(void)close(pair[1]);
	t->sock = pair[0];
	return 0;
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(right),
		cmocka_unit_test_setup_teardown(gpus, begin_gpus, finish),
		T(no_gpus),
		T(input_first),
		T(start_first),
		T(end_first),
		T(configure_twice),
		T(start_before_inputs),
		T(end_before_start),
		T(input_too_many),
		T(input_after_start),
		T(start_twice),
		T(end_after_failure),
		T(an_answer),
		T(frame_of_no_type),
		T(frame_of_type_zero),
		T(frame_too_long),
		T(frame_cut_off),
		T(head_cut_off),
		T(request_cut_off),
		T(input_without_descriptor),
		T(start_with_descriptor),
		T(request_mutants),
		T(request_climbs),
		T(request_same_names),
		T(request_no_pin),
		T(request_variable),
		T(request_no_outputs),
		T(request_nul),
		T(request_type),
		T(request_not_utf8),
		T(pin_differs),
		T(input_fifo),
		T(input_device),
		T(streams_in_order),
		T(sent_backwards),
		T(download),
		T(download_differs),
		T(download_pinned_and_missing),
		T(certificate_not_verified), T(certificate_of_another_form),
		T(certificate_of_another_type),
		T(archive_not_unpacked), T(archive_to_one_file),
		T(download_of_a_tree),
		T(download_twice),
		T(download_after_input),
		T(input_twice),
		T(input_beyond),
		T(input_of_no_kind),
		T(start_while_they_come),
		T(stream_cut_off),
		T(stream_stalls),
		T(stream_without_end),
		T(stream_differs),
		T(failure_of_another),
		T(output_is_link),
		T(no_outputs),
		T(abandoned),
		cmocka_unit_test_setup_teardown(time_limit, begin_short,
		    finish),
	};
	enum sandbox_how how;
	struct sandbox_why why;

	(void)signal(SIGPIPE, SIG_IGN);
	if (sandbox_check(&how, &why) != AC_OK) {
		(void)printf("skipped: %s\n", why.text);
		return TEST_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
