/*
 * answers.h -- what an agent says to requests (design section 5): who may ask
 * what, and every refusal as RFC 9457.  docs/agent.md says the same for
 * clients.
 */
#ifndef AICERT_PRODUCER_ANSWERS_H
#define AICERT_PRODUCER_ANSWERS_H

#include "common/door.h"
#include "producer/agent.h"

/* Connections at once, and of them from one address. */
#define ANSWERS_CONNECTIONS 128
#define ANSWERS_PER_ADDRESS 32
/* Challenges, and requests without the token: a second, and at once. */
#define ANSWERS_RATE 10
#define ANSWERS_BURST 40

struct answers;

/*
 * Answer for a, which outlives it, on listen_fd, which is closed with it.
 * AC_ERR_IO, AC_ERR_MEMORY; *why is set.
 */
AC_MUST_CHECK enum ac_err answers_open(struct answers **out, struct agent *a,
    int listen_fd, struct message *why);

/* Close what is past its deadline; to be called every second. */
void answers_reap(struct answers *s);

/* After agent_stop(). */
void answers_close(struct answers *s);

#endif
