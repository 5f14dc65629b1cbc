/*
 * inputs.h -- the builder's side of the inputs: opens what is here, starts a
 * helper for what is not, hands each to the recorder, several at once.
 */
#ifndef AICERT_PRODUCER_INPUTS_H
#define AICERT_PRODUCER_INPUTS_H

#include "producer/config.h"
#include "producer/run.h"

/*
 * Give the recorder every input of c, and wait until all are recorded; each is
 * told to the run's watch.  scratch is an empty folder for what helpers need on
 * the disk, store the recorder's.  Errors as the recorder's or the helper's,
 * with *why, and *failed, the input that it is about (the image has the index
 * after the last), or WIRE_NO_INPUT.  AC_ERR_BUSY: cancelled.  No helper is
 * left.
 */
AC_MUST_CHECK enum ac_err inputs_give(struct run *r, const struct config *c,
    const char *scratch, const char *store, size_t *failed,
    struct message *why);

#endif
