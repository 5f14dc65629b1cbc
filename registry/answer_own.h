/*
 * answer_own.h -- what the files of answers share: the answerer itself, and
 * how a reply is finished.  Nobody else includes it.
 */
#ifndef AICERT_REGISTRY_ANSWER_OWN_H
#define AICERT_REGISTRY_ANSWER_OWN_H

#include "cert/bundle.h"
#include "registry/answer.h"
#include "registry/proof.h"

#define JSONL "application/jsonl"
#define JSON "application/json"
#define JSON_MAX (1 * MIB) /* bytes of an answer that is no certificate */

struct answer {
	const struct answer_log *log;
	struct store *store;
	struct proof *proof;
	struct bundle bundle; /* the one being written; large */
	struct note note;     /* the one being read; large */
};

/* The size that bounds every read. */
uint64_t answer_size(struct answer *a);

/* The reply where e kept us from making a better one. */
void answer_failed(struct reply *out, enum ac_err e);

/* The text of w as the body of a 200, or the reply for what went wrong. */
void answer_finish(struct reply *out, struct writer *w, enum ac_err e,
    const char *type, const char *cache);

/* The reply about statement d, whose content is withheld. */
void answer_removed(struct answer *a, struct reply *out,
    const struct digest *d);

/*
 * Append the line of entry index, with its LF.  AC_ERR_MISMATCH, and nothing
 * was written: its content is withheld.
 */
AC_MUST_CHECK enum ac_err answer_line(struct answer *a, struct writer *w,
    uint64_t index);

/* When entry index was first published, as the log says, in unix seconds. */
AC_MUST_CHECK enum ac_err answer_time(struct answer *a, int64_t *out,
    uint64_t index);

/* What a search found; owned. */
struct answer_found {
	struct store_found *found;
	size_t n;
	uint64_t size; /* of the log that was searched */
	bool more;
	uint64_t next; /* the cursor that goes on */
};

/* answer_find.c */
AC_MUST_CHECK enum ac_err answer_find(struct answer *a,
    struct answer_found *out, const struct search *search);
void answer_found_free(struct answer_found *f);
void answer_by_digest(struct answer *a, struct reply *out,
    const struct route *r);
void answer_search(struct answer *a, struct reply *out, const struct route *r);
void answer_feed(struct answer *a, struct reply *out, const struct route *r);

/* answer_proof.c */
void answer_entry(struct answer *a, struct reply *out, const struct route *r);
void answer_tlog_proof(struct answer *a, struct reply *out,
    const struct route *r);
void answer_inclusion(struct answer *a, struct reply *out,
    const struct route *r);
void answer_consistency(struct answer *a, struct reply *out,
    const struct route *r);

/* answer_revoked.c */
void answer_revocations(struct answer *a, struct reply *out);

/* answer_page.c */
void answer_home(struct answer *a, struct reply *out);
void answer_certificate_page(struct answer *a, struct reply *out,
    const struct route *r);
void answer_search_page(struct answer *a, struct reply *out,
    const struct route *r);

#endif
