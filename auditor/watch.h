/*
 * watch.h -- what a follower looks out for: builders, images, inputs, models.
 * Pure.
 *
 * A list is text, a line each, "#" begins a comment:
 *
 *	builder <SHA-256 of the SPKI, hex> [label]
 *	image <SHA-256, hex: D of its release, or its root hash> [label]
 *	dataset|base-model|code|input <value> [label]
 *	model <alg>:<hex> [label]
 *
 * A value is <alg>:<hex>, a digest; or a uri, and where it ends in "*" every
 * uri that begins so.  "input" is one of any role, "model" a subject.
 */
#ifndef AICERT_AUDITOR_WATCH_H
#define AICERT_AUDITOR_WATCH_H

#include "auditor/facts.h"
#include "common/message.h"

#define WATCH_LINES_MAX 1024
#define WATCH_WORD_MAX 256 /* bytes of a value, of a label */
#define WATCH_FILE_MAX (1 * MIB)

struct watch;

/* An empty list.  AC_ERR_MEMORY. */
AC_MUST_CHECK enum ac_err watch_new(struct watch **out);
void watch_free(struct watch *w);

/*
 * Add the lines of text.  AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_MEMORY; *why
 * names line and fault.
 */
AC_MUST_CHECK enum ac_err watch_add(struct watch *w, struct span text,
    struct message *why);

size_t watch_count(const struct watch *w);

/* Label of line i, or the value where it has none. */
const char *watch_label(const struct watch *w, size_t i);

/* The lines that a statement matches, one bit each. */
struct watch_hits {
	uint64_t bits[WATCH_LINES_MAX / 64];
};

static inline bool
watch_is_hit(const struct watch_hits *h, size_t i)
{
	return (h->bits[i / 64] >> i % 64 & 1) != 0;
}

/*
 * Add to hits the lines about inputs and models that s matches, whose facts are
 * f; s is zeroed where the statement could not be read.  From any thread.
 */
void watch_match(const struct watch *w, struct watch_hits *hits,
    const struct facts *f, const struct statement *s);

/*
 * Add those about builders and images, which facts alone tell.  An image that
 * is watched by its release is known by its root hash once the release was
 * seen.
 */
void watch_match_facts(struct watch *w, struct watch_hits *hits,
    const struct facts *f);

#endif
