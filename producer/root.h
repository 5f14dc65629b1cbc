/*
 * root.h -- a root certificate that a person names by a PEM file: what a
 * policy pins of it.
 */
#ifndef AICERT_PRODUCER_ROOT_H
#define AICERT_PRODUCER_ROOT_H

#include "common/message.h"

#define ROOT_SUBJECT_MAX 256

struct root {
	struct digest der;              /* SHA-256 of the DER */
	char subject[ROOT_SUBJECT_MAX]; /* RFC 2253, ASCII; from outside */
};

/*
 * Read the one certificate of the PEM file path, a CA's that signs itself.
 * AC_ERR_FORMAT: no certificate, or more than one; AC_ERR_MISMATCH: not a root;
 * AC_ERR_NOT_FOUND, AC_ERR_LIMIT, AC_ERR_IO, AC_ERR_MEMORY.  *why is set.
 */
AC_MUST_CHECK enum ac_err root_read(struct root *out, const char *path,
    struct message *why);

#endif
