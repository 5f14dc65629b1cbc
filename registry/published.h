/*
 * published.h -- the head that everybody may see, shared by all threads.
 * Every read of the registry is bounded by its size.
 */
#ifndef AICERT_REGISTRY_PUBLISHED_H
#define AICERT_REGISTRY_PUBLISHED_H

#include "registry/store.h"

struct published;

AC_MUST_CHECK enum ac_err published_new(struct published **out);
void published_free(struct published *p);

/*
 * From now on this head and its note are public.  AC_ERR_MISMATCH, and
 * nothing changed: it is smaller than the one before, or another of the same
 * size.
 */
AC_MUST_CHECK enum ac_err published_set(struct published *p,
    const struct store_head *head, struct span note);

/*
 * Call grown(arg, entries) whenever a head follows that is so much larger than
 * the one before; not for the first.  To be set before there are threads.
 */
void published_watch(struct published *p,
    void (*grown)(void *arg, uint64_t entries), void *arg);

/* How often a head or note was set.  Costs nothing. */
uint64_t published_generation(struct published *p);

/* Milliseconds since one was set, or since the start. */
int64_t published_age_ms(struct published *p);

/* The head; size 0 and an empty root before the first is set. */
struct store_head published_head(struct published *p);

/* The head and a copy of its note. */
AC_MUST_CHECK enum ac_err published_note(struct published *p,
    struct store_head *head, struct buf *note);

#endif
