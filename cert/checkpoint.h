/*
 * checkpoint.h -- the text of a C2SP tlog-checkpoint, and what a cosigner
 * signs of it (tlog-cosignature).
 */
#ifndef AICERT_CERT_CHECKPOINT_H
#define AICERT_CERT_CHECKPOINT_H

#include "common/writer.h"

struct checkpoint {
	struct span origin; /* borrowed */
	uint64_t size;      /* leaves, at most MERKLE_SIZE_MAX */
	struct digest root;
};

/*
 * Parse the text of a note: origin, size, root, then extension lines, which
 * are not empty and are not kept.  AC_ERR_FORMAT.
 */
AC_MUST_CHECK enum ac_err checkpoint_parse(struct checkpoint *out,
    struct span text);

/* Write the text, without extension lines. */
void checkpoint_write(struct writer *w, const struct checkpoint *c);

/* Write the message of an Ed25519 cosignature of text at time (unix seconds). */
void checkpoint_cosigned(struct writer *w, uint64_t time, struct span text);

/*
 * Is it an origin that our logs may have: a bare host name, letters, digits,
 * '.' and '-' only?
 */
bool checkpoint_origin_is_host(struct span origin);

#endif
