/*
 * fake.h -- a TPM that answers as a test wants: a Unix socket served by a
 * child process, ended by fake_end().
 */
#ifndef AICERT_TESTS_PRODUCER_FAKE_H
#define AICERT_TESTS_PRODUCER_FAKE_H

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bytes.h"
#include "tests/test.h"

struct fake {
	char dir[32], path[48], tcti[64];
	int listener;
	pid_t pid; /* 0: nobody accepts */
};

/* A listening socket with room for one connection that nobody accepts. */
static inline void
fake_listen(struct fake *f)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	*f = (struct fake){ .dir = "/tmp/aicert-test-XXXXXX" };
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	(void)snprintf(f->tcti, sizeof(f->tcti), "swtpm:path=%s", f->path);
	memcpy(addr.sun_path, f->path, strlen(f->path));
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->listener >= 0);
	assert_int_equal(bind(f->listener, (const void *)&addr, sizeof(addr)),
	    0);
	assert_int_equal(listen(f->listener, 0), 0);
}

/*
 * Serve every connection: read a command, send answer in pieces of piece
 * bytes, then hold the connection open (hold) or close it.
 */
static inline void
fake_begin(struct fake *f, struct span answer, size_t piece, bool hold)
{
	fake_listen(f);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid > 0)
		return;
	for (;;) {
		uint8_t command[4096];
		struct span left = answer;
		int fd = accept(f->listener, NULL, NULL);
		struct pollfd gone = { .fd = fd };

		if (fd < 0 || read(fd, command, sizeof(command)) <= 0)
			_exit(1);
		while (left.len > 0) {
			size_t n = left.len < piece ? left.len : piece;

			if (send(fd, left.p, n, MSG_NOSIGNAL) != (ssize_t)n)
				break;
			left = span_of(left.p + n, left.len - n);
		}
		if (hold)
			(void)poll(&gone, 1, -1); /* until the client hangs up */
		(void)close(fd);
	}
}

static inline void
fake_end(struct fake *f)
{
	if (f->pid > 0) {
		assert_int_equal(kill(f->pid, SIGKILL), 0);
		assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
	}
	(void)close(f->listener);
	(void)unlink(f->path);
	assert_int_equal(rmdir(f->dir), 0);
}

#endif
