/*
 * ancestor.h -- the certificate of an input, judged before anything uses it.
 *
 * aicert-verify does it, the program that anybody else would ask: confined,
 * under a policy, with the registries' snapshots that are kept on this
 * machine.  What it says of one moment is bound to the bytes by the input's
 * pin, which is the root of the files that it found.
 */
#ifndef AICERT_PRODUCER_ANCESTOR_H
#define AICERT_PRODUCER_ANCESTOR_H

#include "common/bytes.h"
#include "common/message.h"

/*
 * *d = the D of the certificate in the model's folder, *root = the OMS root of
 * its files, where aicert-verify says VERIFIED; policy is a file, or NULL for
 * the one that it finds by itself.  AC_ERR_MISMATCH: it says otherwise, and
 * *why why; AC_ERR_NOT_FOUND: there is no such program; AC_ERR_BUSY: cancel_fd
 * (-1: none) was readable; AC_ERR_FORMAT, AC_ERR_IO, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err ancestor_verify(struct digest *d,
    struct digest *root, const char *folder, const char *policy,
    int cancel_fd, struct message *why);

#endif
