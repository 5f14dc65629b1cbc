/*
 * certificate.h -- aicert.jsonl taken apart: the lines, the agreement between
 * them, and the signatures by the one builder's key (verification steps 1
 * and 2, design section 4).  It knows no policy and no log: the registry
 * admits by it, the verifier begins with it.
 */
#ifndef AICERT_VERIFIER_CERTIFICATE_H
#define AICERT_VERIFIER_CERTIFICATE_H

#include "cert/bundle.h"
#include "cert/evidence.h"
#include "cert/provenance.h"
#include "common/message.h"

struct certificate_line {
	struct span raw;          /* without its LF, borrowed from the file */
	struct bundle bundle;     /* owned */
	struct digest d;          /* of the statement */
	struct statement statement; /* owned; zeroed where not judged */
};

struct certificate {
	size_t nlines;
	struct certificate_line line[CERTIFICATE_LINES_MAX];
	struct provenance_view provenance; /* line 1 */
	bool has_evidence;
	struct evidence evidence; /* line 2; owned */
	struct spki key;          /* the builder's, of lines 1 and 2 */
	bool has_key;             /* known only after the signatures */
};

/*
 * Step 1: every line a bundle, line 1 a provenance, line 2 an evidence about
 * it if and only if line 1 says measured, no further line of those two types.
 * *why says what is wrong on failure.  AC_ERR_FORMAT, AC_ERR_LIMIT,
 * AC_ERR_MISMATCH (downgrade, or evidence about another statement),
 * AC_ERR_MEMORY.  Large: allocate it on the heap.
 */
AC_MUST_CHECK enum ac_err certificate_decode(struct certificate *out,
    struct span jsonl, struct message *why);

/*
 * Step 2: one key signs lines 1 and 2, is what hint and keyid name and what
 * the statement calls builderKey.  key is used where given (its fingerprint
 * must match), else the one that the hint names is recovered from the
 * signature.  Sets key.  AC_ERR_MISMATCH: a signature or name is wrong.
 */
AC_MUST_CHECK enum ac_err certificate_check_builder(struct certificate *c,
    const struct spki *key, struct message *why);

/* The same under a key that is loaded, for who meets it often. */
struct sig_key;
AC_MUST_CHECK enum ac_err certificate_check_builder_by(struct certificate *c,
    const struct sig_key *key, struct message *why);

/*
 * The signature of a further line, by whatever key its hint names; that key
 * in *key.
 */
AC_MUST_CHECK enum ac_err certificate_check_line(struct spki *key,
    const struct certificate_line *line, struct message *why);

void certificate_free(struct certificate *c);

#endif
