/*
 * fetch_layers.h -- the layers of a container image, one over the other, as a
 * tree stream: what a container of it would see.
 *
 * A layer is a tar, alone or in gzip or zstd.  ".wh.NAME" takes NAME away from
 * the layers below, ".wh..wh..opq" all that its folder had there (OCI image
 * specification, layer.md).  A path through a link leads on within the image
 * and never out of it, and nothing is ever followed on a disk: the tree is
 * made in memory from the names, and the files' bytes are read when it is
 * known which ones are left.  Owners, times, set-user-ID bits and extended
 * attributes are dropped, as are devices below dev, which is always fresh.
 */
#ifndef AICERT_PRODUCER_FETCH_LAYERS_H
#define AICERT_PRODUCER_FETCH_LAYERS_H

#include "common/message.h"

/*
 * Write the tree of the image in the folder, which is as image.h has it, to
 * out_fd: files first, then empty folders, then links.  AC_ERR_FORMAT: a layer
 * that is damaged, a path that leads out, a hard link to nothing, a special
 * file; AC_ERR_LIMIT; AC_ERR_IO: errno as write(2); AC_ERR_MEMORY; else as
 * image_manifest_decode().  *why names layer and entry.
 */
AC_MUST_CHECK enum ac_err fetch_layers(int out_fd, const char *folder,
    struct message *why);

#endif
