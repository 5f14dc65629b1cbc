/*
 * world.h -- a helper that parses what strangers wrote, in a world of its own:
 * the sandbox of a training with other limits, the network where it fetches.
 * It sees the host's programs and libraries, an empty home, a fresh /tmp, its
 * own program and what is named here; no key, no TPM, no socket.
 *
 * The helper is aicert-fetch.  Its task stands on its command line, its
 * 0 what it reads (or nothing), its 1 what it answers; on 2 it says how it
 * goes, in lines: '+' and a sentence, or '!', a code (enum ac_err, decimal), a
 * space and why it failed.  It is believed in nothing: what it answers is
 * checked by who asked, and its sentences are shown with everything that is
 * not printable replaced.
 */
#ifndef AICERT_PRODUCER_WORLD_H
#define AICERT_PRODUCER_WORLD_H

#include "common/message.h"
#include "producer/sandbox.h"

#define WORLD_LINE_MAX (MESSAGE_MAX + 16) /* bytes of a line on 2 */
#define WORLD_ENV_MAX 16
#define WORLD_FOLDER "/inputs/folder"
#define WORLD_WORDS_MAX 80 /* of a task */

struct world_spec {
	const char *program; /* of the host; NULL: world_program() */
	const char *verb;    /* what it shall do, and its task */
	const char *task;
	const char *const *more; /* words behind the task, then NULL; NULL:
	                          * none */
	int in_fd;           /* its 0; -1: nothing */
	int out_fd;          /* its 1 */
	bool network;
	const char *scratch; /* a folder for it to write; NULL: in memory */
	const char *folder;  /* of the host, to read at WORLD_FOLDER; NULL: none */
	const char *const *env; /* NAME=value besides those of proxies */
	size_t nenv;
	uint64_t wall_s;     /* 0: none */
};

struct world {
	struct sandbox sandbox;
	char line[WORLD_LINE_MAX + 1]; /* begun; cut off there */
	size_t len;
	bool failed;     /* it said why */
	enum ac_err err;
	struct message why;
};

#define WORLD_NONE ((struct world){ .sandbox = SANDBOX_NONE })

/*
 * *out = the path of aicert-fetch: beside the program that runs, else where
 * it is installed; owned by the caller.  AC_ERR_NOT_FOUND, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err world_program(char **out, struct message *why);

/*
 * Start it; spec's descriptors may be closed after that.  Errors as
 * sandbox_start(), with *why.  world_end() must follow.
 */
AC_MUST_CHECK enum ac_err world_start(struct world *out,
    const struct world_spec *spec, struct message *why);

/* Readable when world_read() has something to do; -1: it has ended. */
int world_fd(const struct world *w);

/*
 * Read what it says, once; progress may be NULL.  *ended: no more comes.
 * AC_ERR_IO.
 */
AC_MUST_CHECK enum ac_err world_read(struct world *w,
    void (*progress)(void *arg, struct span sentence), void *arg,
    bool *ended);

/*
 * After it ended: AC_OK where it did its task, else what it said, or what
 * became of it.
 */
AC_MUST_CHECK enum ac_err world_result(struct world *w, struct message *why);

/*
 * Kill whatever is left and see it gone; nothing for WORLD_NONE.
 */
void world_end(struct world *w);

/*
 * Start it, read at most max bytes of what it answers, and end it.  spec's
 * out_fd is not looked at.  AC_ERR_LIMIT: it answers more; AC_ERR_BUSY:
 * cancel_fd (-1: none) was readable; else as world_start(), world_result().
 */
AC_MUST_CHECK enum ac_err world_ask(struct buf *out,
    const struct world_spec *spec, size_t max, int cancel_fd,
    struct message *why);

#endif
