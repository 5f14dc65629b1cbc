/*
 * witness.h -- the log's side of C2SP tlog-witness: every new head goes to all
 * witnesses of a tlog-policy at once, and what they cosign is checked before
 * it counts.  Each witness has a thread of its own, so that a slow one keeps
 * nobody; none of them decides what the log signs.
 */
#ifndef AICERT_REGISTRY_WITNESS_H
#define AICERT_REGISTRY_WITNESS_H

#include "cert/note.h"
#include "registry/halt.h"

struct witness;

struct witness_options {
	const char *policy;          /* path of a C2SP tlog-policy file */
	const char *const *without;  /* names of witnesses not to ask */
	size_t nwithout;
	const struct note_key *log;  /* borrowed */
	const char *database;        /* consistency proofs come from there */
	struct halt *halt;           /* borrowed */
	const struct journal *journal; /* borrowed; may be NULL */
};

/*
 * Read the policy and start a thread for each witness.  AC_ERR_FORMAT,
 * AC_ERR_UNSUPPORTED: the file, with line and column; a witness without a
 * URL; one that is named in without and not there.
 */
AC_MUST_CHECK enum ac_err witness_start(struct witness **out,
    const struct witness_options *o, struct message *why);

/* End the threads, and requests under way with them. */
void witness_stop(struct witness *w);

/* Does the policy ask for any witness at all? */
bool witness_is_required(const struct witness *w);

/*
 * Ask for cosignatures of head; note is its checkpoint with the log's
 * signature.  Those who cosigned this head already are asked again where
 * again says so; what they said before still counts.  Returns when the quorum
 * is complete, or cannot become so, or wait_ms passed: AC_OK, or AC_ERR_BUSY
 * and *why says who is missing.  AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err witness_ask(struct witness *w,
    const struct store_head *head, struct span note, bool again,
    unsigned wait_ms, struct message *why);

/* Append the cosignature lines of the head that was asked for last. */
void witness_write(struct witness *w, struct writer *note);

/* How many witnesses there are, and how many cosigned the newest head. */
void witness_count(struct witness *w, size_t *all, size_t *cosigned);

#endif
