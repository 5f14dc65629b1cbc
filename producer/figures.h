/*
 * figures.h -- what a run used and what its trainer says it did: the figures of
 * compute_consumed, each with how it is known.
 */
#ifndef AICERT_PRODUCER_FIGURES_H
#define AICERT_PRODUCER_FIGURES_H

#include "cert/event.h"
#include "common/message.h"
#include "producer/energy.h"

#define FIGURES_MAX 16

struct figures {
	struct figure figure[FIGURES_MAX];
	size_t n;
};

/* Add thousandths of a unit, which name and unit, our own text, say. */
void figures_add(struct figures *f, const char *name, uint64_t thousandths,
    const char *unit, const char *assurance);

/* Add what e knows by now; nothing where that is nothing. */
void figures_add_energy(struct figures *f, const struct energy *e,
    const char *assurance);

/*
 * Add what the trainer_state.json says that lies beneath dir_fd: that of the
 * fewest folders; of several, as those of checkpoints, the longest name, then
 * the last.  A helper reads it in its world; all of it is "reported".
 * AC_ERR_NOT_FOUND: there is none, or none in it; else as world_ask().  *why is set; nothing
 * is added then.
 */
AC_MUST_CHECK enum ac_err figures_add_reported(struct figures *f, int dir_fd,
    struct message *why);

#endif
