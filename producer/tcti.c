/* tcti.c -- the way to a TPM, with a clock; see tcti.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>

#include "common/reader.h"
#include "producer/tcti.h"

#define TCTI_MAGIC 0x4149434552545443u /* any constant of our own */
#define TCTI_HEADER 10u       /* tag, size, code: Part 1, section 18 */
#define TCTI_ANSWER_MAX 4096u /* TPM2_MAX_RESPONSE_SIZE of tpm2-tss */
#define TCTI_POLLS 4          /* handles a module may have */
#define TCTI_PATIENCE_MS 60000u
#define TCTI_RECONNECT_MS 5 /* between attempts while a backlog is full */

struct tcti {
	TSS2_TCTI_CONTEXT_COMMON_V2 head; /* first: tpm2-tss holds its address */
	TSS2_TCTI_CONTEXT *module;        /* NULL: the socket below */
	struct sockaddr_un addr;
	int fd; /* -1 between commands */
	unsigned patience_ms;
	int64_t deadline_ms; /* of the command under way, on the clock below */
	int error;
	size_t len;
	uint8_t answer[TCTI_ANSWER_MAX];
};

static struct tcti *
tcti_of(TSS2_TCTI_CONTEXT *context)
{
	return (struct tcti *)(void *)context;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Milliseconds until the deadline, never negative. */
static int
left_ms(const struct tcti *t)
{
	int64_t left = t->deadline_ms - now_ms();

	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/* End the exchange, with the errno value of what went wrong or 0. */
static TSS2_RC
tcti_end(struct tcti *t, int error)
{
	t->error = error;
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
	t->len = 0;
	return TSS2_TCTI_RC_IO_ERROR;
}

/* Wait until one of fds is ready; false with errno where time runs out. */
static bool
tcti_wait(const struct tcti *t, struct pollfd *fds, size_t n)
{
	for (;;) {
		int r = poll(fds, (nfds_t)n, left_ms(t));

		if (r > 0)
			return true;
		if (r == 0)
			errno = ETIMEDOUT;
		if (r == 0 || errno != EINTR)
			return false;
	}
}

/*
 * Connect without ever blocking: connect(2) of a Unix socket says EAGAIN
 * while the listener's backlog is full, and nothing can be polled for that.
 */
static bool
socket_connect(struct tcti *t)
{
	const struct sockaddr *addr = (const void *)&t->addr;

	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0)
		return false;
	while (connect(t->fd, addr, sizeof(t->addr)) != 0) {
		if (errno != EAGAIN && errno != EINTR)
			return false;
		if (left_ms(t) == 0) {
			errno = ETIMEDOUT;
			return false;
		}
		(void)poll(NULL, 0, TCTI_RECONNECT_MS);
	}
	return true;
}

static bool
socket_send(const struct tcti *t, const uint8_t *p, size_t len)
{
	struct pollfd fd = { .fd = t->fd, .events = POLLOUT };

	while (len > 0) {
		ssize_t n = send(t->fd, p, len, MSG_NOSIGNAL);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (!tcti_wait(t, &fd, 1))
				return false;
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

/* Receive until t->answer holds want bytes. */
static bool
socket_receive(struct tcti *t, size_t want)
{
	struct pollfd fd = { .fd = t->fd, .events = POLLIN };

	while (t->len < want) {
		ssize_t n = recv(t->fd, t->answer + t->len, want - t->len, 0);

		if (n > 0) {
			t->len += (size_t)n;
		} else if (n == 0) {
			errno = ECONNRESET;
			return false;
		} else if (errno == EAGAIN) {
			if (!tcti_wait(t, &fd, 1))
				return false;
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

/* The whole answer: its header says how long it is. */
static bool
socket_answer(struct tcti *t)
{
	struct reader r;
	uint16_t tag;
	uint32_t size;

	if (!socket_receive(t, TCTI_HEADER))
		return false;
	r = rd_of(span_of(t->answer, TCTI_HEADER));
	if (!rd_be16(&r, &tag) || !rd_be32(&r, &size) || size < TCTI_HEADER ||
	    size > TCTI_ANSWER_MAX) {
		errno = EPROTO;
		return false;
	}
	return socket_receive(t, size);
}

static TSS2_RC
tcti_transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
	struct tcti *t = tcti_of(context);

	t->error = 0;
	t->deadline_ms = now_ms() + t->patience_ms;
	if (t->module != NULL)
		return Tss2_Tcti_Transmit(t->module, size, command);
	(void)tcti_end(t, 0); /* what an abandoned command left behind */
	if (!socket_connect(t) || !socket_send(t, command, size))
		return tcti_end(t, errno);
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
module_receive(struct tcti *t, size_t *size, uint8_t *response)
{
	struct pollfd fds[TCTI_POLLS];
	size_t n = 0;

	if (Tss2_Tcti_GetPollHandles(t->module, NULL, &n) == TSS2_RC_SUCCESS &&
	    n > 0 && n <= TCTI_POLLS &&
	    Tss2_Tcti_GetPollHandles(t->module, fds, &n) == TSS2_RC_SUCCESS &&
	    !tcti_wait(t, fds, n)) {
		/* TRY_AGAIN would be true, and make ESYS ask for ever. */
		t->error = errno;
		return TSS2_TCTI_RC_IO_ERROR;
	}
	return Tss2_Tcti_Receive(t->module, size, response,
	    TSS2_TCTI_TIMEOUT_BLOCK);
}

/*
 * The caller's timeout counts for nothing: ESYS always passes "for ever",
 * and the deadline stands since the command was sent.  Without response
 * only the answer's size is told (section 3.2.5.2).
 */
static TSS2_RC
tcti_receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response,
    int32_t timeout)
{
	struct tcti *t = tcti_of(context);
	size_t room = *size;

	(void)timeout;
	if (t->module != NULL)
		return module_receive(t, size, response);
	if (t->fd < 0)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	if (t->len == 0 && !socket_answer(t))
		return tcti_end(t, errno);
	*size = t->len;
	if (response == NULL)
		return TSS2_RC_SUCCESS;
	if (room < t->len)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(response, t->answer, t->len);
	(void)tcti_end(t, 0); /* the exchange is over */
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
tcti_cancel(TSS2_TCTI_CONTEXT *context)
{
	(void)context;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
tcti_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles,
    size_t *n)
{
	(void)context;
	(void)handles;
	(void)n;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
tcti_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
	(void)context;
	(void)locality;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
tcti_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
	(void)context;
	(void)handle;
	(void)sticky;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

enum ac_err
tcti_open(struct tcti **out, const char *name)
{
	static const char swtpm[] = "swtpm:path=";
	enum ac_err e = AC_ERR_MEMORY;
	struct tcti *t = calloc(1, sizeof(*t));

	if (t == NULL)
		goto out;
	t->fd = -1;
	t->patience_ms = TCTI_PATIENCE_MS;
	t->head.v1 = (TSS2_TCTI_CONTEXT_COMMON_V1){
		.magic = TCTI_MAGIC,
		.version = 2,
		.transmit = tcti_transmit,
		.receive = tcti_receive,
		.cancel = tcti_cancel,
		.getPollHandles = tcti_handles,
		.setLocality = tcti_locality,
	};
	t->head.makeSticky = tcti_sticky;
	if (strncmp(name, swtpm, strlen(swtpm)) == 0) {
		const char *path = name + strlen(swtpm);

		e = AC_ERR_LIMIT;
		if (strlen(path) >= sizeof(t->addr.sun_path))
			goto out;
		t->addr.sun_family = AF_UNIX;
		memcpy(t->addr.sun_path, path, strlen(path) + 1);
	} else {
		e = AC_ERR_IO;
		errno = 0;
		if (Tss2_TctiLdr_Initialize(name, &t->module) !=
		    TSS2_RC_SUCCESS)
			goto out;
	}
	*out = t;
	t = NULL; /* transferred */
	e = AC_OK;
out:
	free(t);
	return e;
}

void
tcti_close(struct tcti *t)
{
	if (t == NULL)
		return;
	if (t->module != NULL)
		Tss2_TctiLdr_Finalize(&t->module);
	if (t->fd >= 0)
		(void)close(t->fd);
	free(t);
}

struct TSS2_TCTI_OPAQUE_CONTEXT_BLOB *
tcti_context(struct tcti *t)
{
	return (TSS2_TCTI_CONTEXT *)(void *)&t->head;
}

void
tcti_set_patience(struct tcti *t, unsigned ms)
{
	t->patience_ms = ms;
}

int
tcti_errno(const struct tcti *t)
{
	return t->error;
}
