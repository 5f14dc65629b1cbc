/*
 * unit.h -- one admitted certificate on its way into the log: what the
 * workers hand to the sequencer, and what it hands back.
 */
#ifndef AICERT_REGISTRY_UNIT_H
#define AICERT_REGISTRY_UNIT_H

#include "registry/store.h"

enum unit_verdict {
	UNIT_WAITING,
	UNIT_LOGGED,   /* every line has its index and is public */
	UNIT_CONFLICT, /* line 1 is logged with the evidence stored */
	UNIT_LOST,     /* the sequencer failed: whether it is logged is open */
	UNIT_UNWITNESSED, /* likewise, and the newest head lacks its quorum */
	UNIT_HALTED,   /* likewise, and nothing is signed */
	UNIT_STRANGER, /* a revocation by nobody who may */
	UNIT_NOTHING,  /* a removal of what is not there, or is removed */
};

enum unit_kind {
	UNIT_CERTIFICATE,
	UNIT_RELEASE,    /* what follows is one statement alone */
	UNIT_REVOCATION,
	UNIT_REMOVAL,    /* the registry's own, as is the next */
	UNIT_STATE,
};

/* One line, owned. */
struct unit_line {
	struct digest d;
	struct spki key;
	uint8_t sig[P256_SIG_MAX];
	size_t siglen;
	struct buf type, statement;
	struct digest leaf;
	bool has_flops;
	double flops;
	struct store_term *term;
	size_t nterms;
	uint64_t index; /* set by the sequencer */
	bool fresh;     /* likewise: it was put now, as it stands here */
};

struct unit {
	struct unit *next; /* in the pool */
	void *owner;       /* whoever waits for the verdict */
	void *item;        /* likewise, where it is one of many */
	enum unit_verdict verdict;
	struct digest stored; /* of UNIT_CONFLICT */
	size_t bytes;      /* of the body it came in: what it costs the pool */
	enum unit_kind kind;
	struct digest target; /* of UNIT_REVOCATION and UNIT_REMOVAL */
	bool of_key;          /* target is a key's fingerprint, no D */
	bool is_revoker;      /* the policy lets its signer revoke anything */
	bool has_evidence; /* line[1] */
	size_t nlines;
	struct unit_line *line;
};

/* A unit with room for n lines, or NULL. */
struct unit *unit_new(size_t n);
void unit_free(struct unit *u);

#endif
