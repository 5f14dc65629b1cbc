/*
 * fetch_image.h -- the parts of a container image, as a tree stream: from a
 * registry that speaks the OCI distribution API, or from a folder in the OCI
 * layout.
 *
 * The files are as image.h names them: the manifest, perhaps the index that
 * chose it, and the configuration and each layer by its digest.  Nothing is
 * hashed here: who takes the stream does.
 */
#ifndef AICERT_PRODUCER_FETCH_IMAGE_H
#define AICERT_PRODUCER_FETCH_IMAGE_H

#include "common/message.h"

/*
 * Write the parts of the image text, "PLACE@sha256:HEX", to out_fd.  told
 * hears how far it is.  Errors as http_client_fetch() and image.h's, with *why.
 */
AC_MUST_CHECK enum ac_err fetch_image(int out_fd, const char *text,
    void (*told)(const char *text), struct message *why);

#endif
