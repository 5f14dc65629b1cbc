/*
 * bundle.h -- one line of a certificate: a Sigstore bundle v0.3 with a DSSE
 * envelope of exactly one signature by a named key, and at most one log entry.
 *
 * The form only: every member has exactly one allowed value or encoding, and
 * unknown members are refused.  Whether the parts agree with each other and
 * with D is decided by the verifier.
 */
#ifndef AICERT_CERT_BUNDLE_H
#define AICERT_CERT_BUNDLE_H

#include "cert/limits.h"
#include "cert/spki.h"
#include "common/writer.h"
#include "merkle/merkle.h"

/* What a log says of one statement. */
struct bundle_entry {
	uint64_t top_index;   /* logIndex of the entry */
	uint64_t index;       /* logIndex of the inclusion proof */
	struct digest log_id; /* note key hash of the log */
	struct digest root;
	uint64_t size;
	size_t nproof;
	struct digest proof[MERKLE_PROOF_MAX];
	struct buf checkpoint; /* the whole signed note, owned */
	struct buf body;       /* canonicalizedBody, owned */
};

struct bundle {
	char hint[SPKI_HINT_MAX];
	char keyid[SPKI_HINT_MAX];
	struct buf statement; /* the payload's bytes: S, owned */
	uint8_t sig[P256_SIG_MAX];
	size_t siglen;
	bool logged;
	struct bundle_entry entry; /* where logged */
};

/*
 * Decode one line, without its LF, whose statement is at most max bytes.
 * AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err bundle_decode(struct bundle *out, struct span line,
    size_t max);

/* Write the line, without a LF. */
void bundle_write(struct writer *w, const struct bundle *b);

/*
 * Write only the log entry, as in verificationMaterial.tlogEntries.
 */
void bundle_write_entry(struct writer *w, const struct bundle_entry *e);

/* Free what b owns and zero it. */
void bundle_free(struct bundle *b);

#endif
