/*
 * find.h -- the certificate of a model that came without one: what a registry
 * has logged about the digests of its files.  A candidate counts once its
 * signatures and log entries hold under the log's keys, and its manifest is
 * that of the files; whether it is to be trusted is the verifier's question.
 */
#ifndef AICERT_PRODUCER_FIND_H
#define AICERT_PRODUCER_FIND_H

#include "cert/oms.h"
#include "producer/publish.h"

#define FIND_MAX 16 /* certificates that are looked at */

/* Files of a model, in order of name, with their digests. */
struct find_model {
	const struct oms_file *file; /* borrowed */
	size_t nfiles;               /* >= 1 */
	struct digest root;          /* OMS root */
	struct digest manifest;      /* of the OMS statement that we make */
	struct span model_sig;       /* borrowed; empty: there is none */
};

/* A certificate in the log, and how it fits. */
enum find_fit {
	FIND_EXACT, /* its manifest is that of the files */
	FIND_NAMES, /* the digests are; names are in a manifest not at hand */
	FIND_OTHER, /* of a model with some of the files, or other names */
};

struct find_certificate {
	struct buf jsonl; /* as logged, ended by LF; owned */
	struct digest d;  /* of line 1 */
	struct spki key;  /* the builder's */
	struct digest manifest;
	bool measured;
	enum find_fit fit;
	size_t nlines;
	uint64_t index;   /* of line 1 in the log */
	const struct note_key *log; /* borrowed from the keys */
};

struct find {
	size_t n;
	struct find_certificate found[FIND_MAX]; /* by index in the log */
	bool more; /* there are others, which were not looked at */
};

/*
 * Set root and manifest of m, whose files are set.  AC_ERR_LIMIT,
 * AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err find_prepare(struct find_model *m);

/*
 * *out = what registry has logged of m: first by its root, and where nothing
 * is known by it by its weight files.  AC_ERR_NOT_FOUND: nothing; as
 * http_get(); AC_ERR_MISMATCH, AC_ERR_FORMAT: an answer that is none, or a
 * candidate that does not hold under keys; *why is set.
 */
AC_MUST_CHECK enum ac_err find_certificates(struct find *out,
    const struct find_model *m, const char *registry,
    const struct logkeys *keys, unsigned timeout_s, struct message *why);

/*
 * Is model_sig the OMS bundle that c names: its statement has c's manifest
 * digest, and c's key signed it?  AC_ERR_FORMAT, AC_ERR_MISMATCH; *why is set.
 */
AC_MUST_CHECK enum ac_err find_check_model_sig(struct span model_sig,
    const struct find_certificate *c, struct message *why);

void find_free(struct find *f);

#endif
