/*
 * fetch_yaml.h -- aicert.yaml, version 2 or the original's axolotl file, read
 * into a request and the places where its inputs lie.  Part of aicert-fetch:
 * whoever wrote the file, what reads it holds nothing.
 *
 * Strict: what is not understood is refused with file, line and column.  No
 * anchors, aliases, tags, directives or second documents; no key twice.
 */
#ifndef AICERT_PRODUCER_FETCH_YAML_H
#define AICERT_PRODUCER_FETCH_YAML_H

#include "common/message.h"
#include "common/writer.h"

/*
 * *out = what wire_write_config() makes of the file's bytes, without a name of
 * the configuration.  path is for messages, and relative uris are relative to
 * its folder.  AC_ERR_FORMAT; AC_ERR_UNSUPPORTED: something that this build
 * lacks, by name; AC_ERR_LIMIT; AC_ERR_MEMORY.  *why is set on failure: "file:
 * line:column: what was found, what was expected".
 */
AC_MUST_CHECK enum ac_err fetch_yaml(struct buf *out, struct span bytes,
    const char *path, struct message *why);

#endif
