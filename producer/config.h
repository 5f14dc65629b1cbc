/*
 * config.h -- aicert.yaml, version 2: read into a request and the places where
 * its inputs lie.  The one door to libyaml.
 *
 * Strict: what is not understood is refused with file, line and column.  No
 * anchors, aliases, tags, directives or second documents; no key twice.
 */
#ifndef AICERT_PRODUCER_CONFIG_H
#define AICERT_PRODUCER_CONFIG_H

#include "cert/request.h"
#include "common/message.h"

/* Where an input lies and where it is asked for. */
struct config_input {
	char *path;  /* of this machine, owned */
	size_t line; /* of its pin in the file, from 1 */
};

struct config {
	/*
	 * All but builder_key; what it points to is owned by this struct.
	 * rules_check() says AC_OK to it.
	 */
	struct request request;
	struct config_input *input; /* [request.ninputs] */
	struct buf bytes;           /* the file exactly as it was read */
	void *words;                /* private */
};

/*
 * Read the file path.  Relative uris are relative to its folder.  AC_ERR_FORMAT,
 * AC_ERR_UNSUPPORTED: something that this build lacks, by name; AC_ERR_LIMIT;
 * AC_ERR_NOT_FOUND; AC_ERR_IO; AC_ERR_MEMORY.  *why is set on failure: "file:
 * line:column: what was found, what was expected".
 */
AC_MUST_CHECK enum ac_err config_read(struct config *out, const char *path,
    struct message *why);

/*
 * The same for bytes that were read from path; they are copied.
 */
AC_MUST_CHECK enum ac_err config_parse(struct config *out, struct span bytes,
    const char *path, struct message *why);

void config_free(struct config *c);

#endif
