/*
 * keep.h -- a bounded cache of things by name, for many threads: what was used
 * longest ago goes first.  It knows neither what the things are nor what makes
 * them stale; its user does.
 */
#ifndef AICERT_REGISTRY_KEEP_H
#define AICERT_REGISTRY_KEEP_H

#include "common/bytes.h"
#include "common/err.h"

struct keep;

/* A cache of things that together count at most max bytes and max things. */
AC_MUST_CHECK enum ac_err keep_new(struct keep **out, size_t max_bytes,
    size_t max_things, void (*release)(void *thing));
void keep_free(struct keep *k);

/*
 * Is there a thing of this name?  Then use(arg, thing) has been called, during
 * which it is not released.
 */
AC_MUST_CHECK bool keep_use(struct keep *k, struct span name,
    void (*use)(void *arg, void *thing), void *arg);

/*
 * Take over thing, in place of the one that has the name.  Where there is no
 * room or no memory for it, it is released at once.
 */
void keep_put(struct keep *k, struct span name, void *thing, size_t bytes);

#endif
