/*
 * shelf.h -- what of the public folder is answered over HTTP: the checkpoint,
 * tiles and entry bundles, as C2SP tlog-tiles wants them.  The same bytes lie
 * in the folder for any other web server; only the gzip form of bundles is
 * made here, when somebody first asks for it, since most are never read.
 */
#ifndef AICERT_REGISTRY_SHELF_H
#define AICERT_REGISTRY_SHELF_H

#include "registry/publish.h"
#include "registry/published.h"
#include "registry/route.h"

/* *out = the newest checkpoint. */
void shelf_checkpoint(struct reply *out, struct published *published);

/*
 * *out = the tile or bundle of the route, or why there is none.  False, and
 * *out untouched: it takes longer than a thread of the network may take, so
 * that a worker is to call shelf_bundle().
 */
AC_MUST_CHECK bool shelf_tile(struct reply *out, struct published *published,
    struct publish *files, const struct route *route);

/* *out = the bundle of the route as gzip. */
void shelf_bundle(struct reply *out, struct publish *files,
    const struct route *route);

#endif
