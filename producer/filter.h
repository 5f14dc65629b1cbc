/*
 * filter.h -- the system calls a confined process is refused, as a BPF program.
 */
#ifndef AICERT_PRODUCER_FILTER_H
#define AICERT_PRODUCER_FILTER_H

#include "common/bytes.h"
#include "common/err.h"

/* What is refused besides. */
enum filter_kind {
	FILTER_JOB,
	/*
	 * For who shares the host's network, and with it the abstract sockets
	 * of every service: no Unix socket but a connected pair.
	 */
	FILTER_NETWORK,
};

/*
 * *fd = a new memfd, close-on-exec, at offset 0, that holds the seccomp
 * program for this machine's architecture; *digest = SHA-256 of its bytes,
 * the same for each call of one build and kind.  The caller closes *fd.
 * AC_ERR_MEMORY, AC_ERR_IO (errno is set), AC_ERR_UNSUPPORTED: libseccomp
 * cannot express it on this architecture.
 */
AC_MUST_CHECK enum ac_err filter_new(int *fd, struct digest *digest,
    enum filter_kind kind);

#endif
