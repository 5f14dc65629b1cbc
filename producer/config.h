/*
 * config.h -- a configuration file, read into a request and the places where
 * its inputs lie.  The file is parsed by aicert-fetch in a world of its own;
 * here its answer is checked like anybody's.
 */
#ifndef AICERT_PRODUCER_CONFIG_H
#define AICERT_PRODUCER_CONFIG_H

#include "common/message.h"
#include "producer/lock.h"
#include "producer/wire.h"

/* Where an input lies and where it is asked for. */
struct config_input {
	char *path;  /* of this machine, owned; "": uri is fetched */
	char *uri;   /* owned; the request's may not disclose it */
	char *files; /* owned; patterns of those asked for, LF between them */
	size_t line, column; /* of its pin in the file, from 1 */
	enum wire_compression compression;
	char *certificate; /* owned; NULL: none */
};

struct config {
	/*
	 * All but builder_key; what it points to is owned by this struct.
	 * rules_check() says AC_OK to it.
	 */
	struct request request;
	struct config_input *input; /* [request.ninputs], and the image's */
	struct buf bytes;           /* the file exactly as it was read */
	struct lock lock;           /* what pins that float mean */
	struct wire_request asked;  /* private */
	struct buf answer;
	char *name;
};

/*
 * Read the file path, and where pins float also its lock, beside it, which
 * says what they mean.  Relative uris are relative to its folder.  AC_ERR_FORMAT,
 * AC_ERR_UNSUPPORTED: something that this build lacks, by name; AC_ERR_LIMIT;
 * AC_ERR_NOT_FOUND; AC_ERR_IO; AC_ERR_MEMORY; AC_ERR_BUSY: cancel_fd (-1: none)
 * was readable.  *why is set on failure: "file:line:column: what was found,
 * what was expected".
 */
AC_MUST_CHECK enum ac_err config_read(struct config *out, const char *path,
    int cancel_fd, struct message *why);

/* The same of bytes that are called path. */
AC_MUST_CHECK enum ac_err config_parse(struct config *out, struct span bytes,
    const char *path, int cancel_fd, struct message *why);

/*
 * The same, but pins may float, and stay as they stand in the file; the lock
 * is not looked at.
 */
AC_MUST_CHECK enum ac_err config_read_floating(struct config *out,
    const char *path, int cancel_fd, struct message *why);

/*
 * The configuration of those bytes, of which answer, which is handed over even
 * on failure, says what they say.  AC_ERR_FORMAT, AC_ERR_LIMIT,
 * AC_ERR_UNSUPPORTED, AC_ERR_MEMORY; *why is set.
 */
AC_MUST_CHECK enum ac_err config_decode(struct config *out, struct span bytes,
    const char *path, struct buf answer, struct message *why);

/*
 * Let the training run in this image, NAME@sha256:HEX or
 * oci:FOLDER@sha256:HEX, which outlives c, as if the file had said so.
 * AC_ERR_EXISTS: the file names one; AC_ERR_FORMAT, AC_ERR_MEMORY; *why is
 * set.
 */
AC_MUST_CHECK enum ac_err config_set_image(struct config *c, const char *text,
    struct message *why);

/* Put "path:line:column: " of the input's pin in front of *why. */
void config_place(const struct config_input *in, const char *path,
    struct message *why);

/*
 * Input i has the certificate d, which was verified.  AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err config_certify(struct config *c, size_t i,
    const struct digest *d);

void config_free(struct config *c);

#endif
