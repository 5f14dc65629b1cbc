/*
 * run.h -- the builder's side of one run: forks the recorder and asks it the
 * verbs (recorder.h).  It believes the answers as far as it shows them;
 * what they are worth is in the quotes.
 */
#ifndef AICERT_PRODUCER_RUN_H
#define AICERT_PRODUCER_RUN_H

#include <sys/types.h>

#include "cert/event.h"
#include "producer/recorder.h"
#include "producer/wire.h"

/* Told of what happens; both may be called at any time during a verb. */
struct run_watch {
	void (*progress)(void *arg, struct span sentence);
	void (*output)(void *arg, struct span bytes); /* of the training */
	void *arg;
};

/* Say a sentence to who watches; without memory nothing is said. */
void run_tell(const struct run_watch *w, const char *fmt, ...)
    AC_PRINTF(2, 3);

struct run {
	int sock;
	int pidfd;
	pid_t pid;
	int cancel_fd;  /* readable: the user wants it to end; -1: none */
	bool training;  /* processes of the training may live */
	struct run_watch watch;
};

#define RUN_NONE ((struct run){ .sock = -1, .pidfd = -1, .cancel_fd = -1 })

/* What the recorder hands back; owned. */
struct run_result {
	struct buf provenance; /* S */
	struct buf oms;        /* statement of model.sig */
	struct buf evidence;   /* statement of line 2; empty: self-asserted */
};

/*
 * Fork the recorder and wait until it found its TPM ready.  To be called
 * before anything from outside is parsed and before a key is read; options and
 * cancel_fd outlive the run.  Every verb below fails with AC_ERR_BUSY when
 * cancel_fd is readable, AC_ERR_IO when the recorder is gone, else with the
 * recorder's own code; *why is set on failure.  After a failure only run_end()
 * may follow.
 */
AC_MUST_CHECK enum ac_err run_begin(struct run *out,
    const struct recorder_options *options, const struct run_watch *watch,
    int cancel_fd, struct message *why);

/*
 * Measure the key that this machine's peers see.  *challenge_fd is where they
 * are answered (run_challenge()), to be closed by the caller.
 */
AC_MUST_CHECK enum ac_err run_key(struct run *r, struct span spki,
    int *challenge_fd, struct message *why);

/*
 * *out = the answer to a challenge.  From any one thread at a time, beside the
 * verbs.  AC_ERR_IO: the recorder is gone; else its own code; *why is set.
 */
AC_MUST_CHECK enum ac_err run_challenge(int challenge_fd, struct buf *out,
    const uint8_t nonce[32], struct message *why);

AC_MUST_CHECK enum ac_err run_configure(struct run *r,
    const struct request *request, struct span config, struct message *why);

/*
 * Send the input, or what it will be unpacked from, that fd is of; run_take()
 * has the answer, of whatever input is next.  At most RECORDER_AT_ONCE are
 * unanswered.
 */
void run_send(struct run *r, enum wire_type verb, size_t index,
    enum wire_kind kind, int fd);

struct run_answer {
	enum wire_type type; /* WIRE_MEASURED or WIRE_FETCHED */
	size_t index;
	struct measured measured; /* the digest of a download likewise */
	int fd; /* of a download, to be closed by the caller; else -1 */
};

/*
 * Take one answer, when run's sock is readable; *answered is false where it
 * was told to the watch.  *index: the input that an error is about, or
 * WIRE_NO_INPUT.
 */
AC_MUST_CHECK enum ac_err run_take(struct run *r, struct run_answer *out,
    bool *answered, size_t *index, struct message *why);

/*
 * Train; checkpoint is a whole signed note, or empty.  *exit_status is what a
 * shell would say: 0, a code, or 128 and a signal.
 */
AC_MUST_CHECK enum ac_err run_start(struct run *r, int *exit_status,
    struct span checkpoint, struct message *why);

AC_MUST_CHECK enum ac_err run_finish(struct run *r, struct run_result *out,
    struct message *why);

void run_result_free(struct run_result *result);

/*
 * End the recorder, and with it what still runs of the training, and see both
 * gone; nothing for RUN_NONE.
 */
void run_end(struct run *r);

#endif
