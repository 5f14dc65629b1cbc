/*
 * entry.h -- what a log says of one line of a certificate (verification steps
 * 3 to 5, design section 4): the leaf is about this statement, signature and
 * key; it is included; the checkpoint is the log's.  Which log is trusted, and
 * who witnessed it, is the policy's.
 *
 * Each returns AC_ERR_NOT_FOUND where the line has no log entry, and sets *why
 * on failure.
 */
#ifndef AICERT_VERIFIER_ENTRY_H
#define AICERT_VERIFIER_ENTRY_H

#include "cert/note.h"
#include "verifier/certificate.h"

/*
 * Step 3: canonicalizedBody is, byte for byte, the leaf of the line's D, its
 * signature and key.  AC_ERR_MISMATCH; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err entry_check_leaf(const struct certificate_line *line,
    const struct spki *key, struct message *why);

/*
 * Step 4: both logIndex are equal, rootHash and treeSize are those of the
 * checkpoint's text, and the proof, of exactly the right length, leads from
 * the body to that root.  Nothing is said of the checkpoint's signatures.
 * AC_ERR_FORMAT: the checkpoint is no note, or index and size cannot be;
 * AC_ERR_MISMATCH.
 */
AC_MUST_CHECK enum ac_err entry_check_inclusion(
    const struct certificate_line *line, struct message *why);

/*
 * Step 5: logId is the note key hash of log, an Ed25519 key (type 0x01); the
 * checkpoint's origin is its name; the note has a line by it, and every line
 * of its name and ID holds; rootHash and treeSize are the checkpoint's.
 * AC_ERR_FORMAT: the checkpoint is no note; AC_ERR_MISMATCH: anything else;
 * AC_ERR_CRYPTO.
 */
AC_MUST_CHECK enum ac_err entry_check_checkpoint(
    const struct certificate_line *line, const struct note_key *log,
    struct message *why);

#endif
