/*
 * publish.h -- the public folder: tiles, entry bundles and the checkpoint as
 * files that any web server can serve (C2SP tlog-tiles).  Tiles never change
 * once written; a file that differs is an error, never replaced.
 */
#ifndef AICERT_REGISTRY_PUBLISH_H
#define AICERT_REGISTRY_PUBLISH_H

#include "registry/store.h"

struct publish;

/* Publish into folder dir, which exists.  AC_ERR_MEMORY. */
AC_MUST_CHECK enum ac_err publish_new(struct publish **out, const char *dir);
void publish_free(struct publish *p);

/*
 * Write every tile and entry bundle that a log of size to has and one of size
 * from has not, and make them durable.  AC_ERR_MISMATCH: a file is there and
 * differs.
 */
AC_MUST_CHECK enum ac_err publish_tiles(struct publish *p, struct store *s,
    uint64_t from, uint64_t to, struct message *why);

/* Replace the checkpoint, durably. */
AC_MUST_CHECK enum ac_err publish_checkpoint(struct publish *p,
    struct span note, struct message *why);

/*
 * The size that the checkpoint file states, 0 where there is none yet.
 * AC_ERR_FORMAT: it is no checkpoint.
 */
AC_MUST_CHECK enum ac_err publish_size(struct publish *p, uint64_t *size,
    struct digest *root, struct message *why);

/*
 * Open the file of a tile.  AC_ERR_NOT_FOUND.  The caller closes *fd.
 */
AC_MUST_CHECK enum ac_err publish_open(struct publish *p, int *fd,
    uint64_t *bytes, const struct merkle_tile *tile, bool entries);

#endif
