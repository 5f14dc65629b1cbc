/*
 * facts.h -- what the follower keeps of each entry: who signed which kind of
 * statement, and what it points to.  Pure.
 */
#ifndef AICERT_AUDITOR_FACTS_H
#define AICERT_AUDITOR_FACTS_H

#include "cert/leaf.h"
#include "cert/revocation.h"
#include "cert/statement.h"

#define FACTS_LEN 112 /* bytes of a record */

enum facts_kind {
	FACTS_UNKNOWN,    /* no content, or none of the kinds below */
	FACTS_PROVENANCE, /* about: root hash of the image, or zero */
	FACTS_EVIDENCE,   /* about: D of the provenance */
	FACTS_RELEASE,    /* about: root hash of the image */
	FACTS_REVOCATION, /* about: what is revoked; target, from, index */
	FACTS_REMOVAL,    /* about: D of what is removed */
	FACTS_STATE,      /* about: digest of the revocations; index: tree
			     size; count */
	FACTS_KINDS,
};

struct facts {
	enum facts_kind kind;
	struct digest d, key;  /* of the statement; SHA-256 of the SPKI */
	struct digest about;
	enum revocation_target target;
	bool from;             /* the revocation begins at index ... */
	bool here;             /* ... of this log; else it is for all */
	uint64_t index;
	uint32_t count;        /* of a state; saturates */
	bool content;          /* the statement was seen */
};

/*
 * *out = the facts of a statement signed as leaf says, in the log origin.  What
 * cannot be read is of an unknown kind.  doc is the decoded statement where it
 * is one, to be freed by the caller, else zeroed.  AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err facts_read(struct facts *out, struct statement *doc,
    const struct leaf *leaf, struct span statement, struct span origin);

/* Is it about something?  A provenance may name no image. */
bool facts_has_about(const struct facts *f);

/* A record of exactly FACTS_LEN bytes, and back.  False: it is none. */
void facts_encode(uint8_t out[FACTS_LEN], const struct facts *f);
AC_MUST_CHECK bool facts_decode(struct facts *out,
    const uint8_t in[FACTS_LEN]);

#endif
