/*
 * resolve.h -- what a floating reference means now: a pin.  What is fetched
 * for that comes by way of a helper in its world, and is thrown away; nothing
 * of it is believed later, when a build fetches it again and checks the pin.
 */
#ifndef AICERT_PRODUCER_RESOLVE_H
#define AICERT_PRODUCER_RESOLVE_H

#include "producer/config.h"

/* Told how it goes; may be NULL. */
struct resolve_watch {
	void (*progress)(void *arg, struct span sentence);
	void *arg;
};

/*
 * *out = the pin, owned, of input i of c, whose pin floats; scratch is a
 * folder for copies, which are left there.  AC_ERR_BUSY: cancel_fd was
 * readable; else as what it fetches with.  *why is set.
 */
AC_MUST_CHECK enum ac_err resolve_pin(char **out, const struct config *c,
    size_t i, const char *scratch, int cancel_fd,
    const struct resolve_watch *watch, struct message *why);

#endif
