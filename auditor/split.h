/*
 * split.h -- evidence that a log showed two different pasts: two checkpoints
 * that it signed, and the hashes which show that the larger tree does not begin
 * with the smaller.  Anybody checks it offline, with the log's key alone.
 *
 * The file is one line of JSON: {"type":SPLIT_TYPE,"checkpoints":[the smaller
 * note, the larger],"hashes":[base64...]}.  Hashes are those that
 * merkle_roots_from_consistency() takes; there are none where both have the
 * same size.
 */
#ifndef AICERT_AUDITOR_SPLIT_H
#define AICERT_AUDITOR_SPLIT_H

#include "auditor/head.h"
#include "auditor/tiles.h"

#define SPLIT_TYPE AICERT_URI "/split-view/v1"
#define SPLIT_NODES_MAX (MERKLE_PROOF_MAX + 1)
#define SPLIT_FILE_MAX (4 * NOTE_MAX) /* bytes; JSON escapes take room */

struct split {
	struct buf note[2]; /* owned; the smaller first */
	size_t n;
	struct digest node[SPLIT_NODES_MAX];
};

void split_free(struct split *s);

/* Write the file, with its LF. */
void split_write(struct writer *w, struct span smaller, struct span larger,
    const struct digest node[], size_t n);

/* Read such a file.  AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_MEMORY. */
AC_MUST_CHECK enum ac_err split_decode(struct split *out, struct span file);

/*
 * Does it prove that a log of p signed two pasts?  head[0] and head[1] are then
 * the two; freed by the caller.  AC_ERR_MISMATCH: it proves nothing, *why says
 * why not; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err split_check(struct head head[2],
    const struct split *s, const struct policy *p, struct message *why);

/*
 * Is the tree (size2, root2) an extension of (size1, root1), by the tiles of
 * the larger tree?  size1 <= size2.  AC_OK: yes.  AC_ERR_MISMATCH: no, and
 * node[0..*n) shows it.  AC_ERR_FORMAT: the tiles do not lead to root2, so
 * nothing is known; else as tiles_consistency().  *why is set.
 */
AC_MUST_CHECK enum ac_err split_find(struct digest node[SPLIT_NODES_MAX],
    size_t *n, struct tiles *t, uint64_t size1, const struct digest *root1,
    uint64_t size2, const struct digest *root2, struct message *why);

#endif
