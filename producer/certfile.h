/*
 * certfile.h -- the certificate of a model's folder, where a person names
 * either; and the files of the folder beside it, hashed.
 */
#ifndef AICERT_PRODUCER_CERTFILE_H
#define AICERT_PRODUCER_CERTFILE_H

#include "verifier/walk.h"

/* dir/name, owned by the caller; NULL: no memory. */
char *certfile_path(const char *dir, const char *name);

/*
 * Read the certificate at path, or path/aicert.jsonl where that is a folder.
 * As file_read(); *why is set.
 */
AC_MUST_CHECK enum ac_err certfile_read(struct buf *out, const char *path,
    struct message *why);

/*
 * *out = the files of a model's folder, at least one, with their digests; its
 * places are of no further use.  As walk_folder() and walk_hash();
 * AC_ERR_NOT_FOUND: there are none; *why is set.
 */
AC_MUST_CHECK enum ac_err certfile_hash(struct walk *out, const char *dir,
    struct message *why);

#endif
