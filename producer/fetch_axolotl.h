/*
 * fetch_axolotl.h -- a configuration of the original: axolotl's own file, in
 * which base_model and the datasets are "repo@sha1:commit" of a hub.  Part of
 * aicert-fetch.
 *
 * What names a repository becomes an input with that pin, and the file that
 * axolotl gets says where that input lies; it stands in the command, so that
 * everybody can read it.  All other keys are axolotl's business.
 */
#ifndef AICERT_PRODUCER_FETCH_AXOLOTL_H
#define AICERT_PRODUCER_FETCH_AXOLOTL_H

#include "common/message.h"
#include "common/writer.h"

/* What axolotl leaves where its file names no output_dir. */
#define FETCH_AXOLOTL_DIR "lora-out"
#define FETCH_AXOLOTL_OUTPUTS FETCH_AXOLOTL_DIR "/**"

/* Is it such a file: a mapping with base_model, and neither version nor trainer? */
bool fetch_axolotl_is(struct span bytes);

/* As fetch_yaml(), of such a file. */
AC_MUST_CHECK enum ac_err fetch_axolotl(struct buf *out, struct span bytes,
    const char *path, struct message *why);

#endif
