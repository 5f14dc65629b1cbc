/*
 * publish.h -- a certificate goes to a registry and comes back logged
 * (formats.md section 5).  What comes back is believed only as far as steps 2
 * to 5 of verification show it; pure but for publish_send().
 */
#ifndef AICERT_PRODUCER_PUBLISH_H
#define AICERT_PRODUCER_PUBLISH_H

#include "common/http.h"
#include "producer/logkeys.h"
#include "verifier/certificate.h"

/* One line as it was logged. */
struct publish_line {
	struct digest d;
	const struct note_key *log; /* borrowed from the keys */
	uint64_t index, size;
	bool adopted; /* the stored signature replaces the one that was sent */
};

/* What was sent, and under which keys. */
struct publish {
	struct certificate *sent; /* owned */
	struct spki key[CERTIFICATE_LINES_MAX]; /* of line i */
};

/*
 * Take apart the certificate that is to be sent: its form, and a signature on
 * every line that holds.  jsonl must outlive *out.  AC_ERR_FORMAT,
 * AC_ERR_LIMIT, AC_ERR_MISMATCH, AC_ERR_MEMORY, AC_ERR_CRYPTO; *why is set.
 */
AC_MUST_CHECK enum ac_err publish_prepare(struct publish *out,
    struct span jsonl, struct message *why);

void publish_free(struct publish *p);

/*
 * A log's keys: those of file where it is not NULL, else what registry says
 * they are, which is its own word; *status is that of its answer.  As
 * logkeys_read(), http_get(); AC_ERR_MISMATCH: another status than 200.  *why
 * is set.
 */
AC_MUST_CHECK enum ac_err publish_keys(struct logkeys *out, unsigned *status,
    const char *registry, const char *file, unsigned timeout_s,
    struct message *why);

/*
 * POST the certificate to registry.  On AC_OK *answer is 200 and
 * application/jsonl.  AC_ERR_BUSY: later, as *answer says where it has a
 * status; AC_ERR_EXISTS: 409; AC_ERR_LIMIT: 413, or an answer that is too
 * large; AC_ERR_MISMATCH: refused otherwise; as http_post(); *why is set.
 * *answer is set, and to be freed, in every case.
 */
AC_MUST_CHECK enum ac_err publish_send(struct http_answer *answer,
    const char *registry, struct span jsonl, unsigned timeout_s,
    struct message *why);

/*
 * Check that answer is the certificate of p, logged: the same statements in
 * the same order, each signed by the same key, each with one entry that holds
 * in steps 3, 4 and 5 under one of keys.  *file is aicert.jsonl with it, owned;
 * line[0..p->sent->nlines) what was found.  AC_ERR_FORMAT, AC_ERR_LIMIT,
 * AC_ERR_MISMATCH, AC_ERR_NOT_FOUND (an entry, or the key of its log),
 * AC_ERR_MEMORY, AC_ERR_CRYPTO; *why names line and step.
 */
AC_MUST_CHECK enum ac_err publish_check(struct buf *file,
    struct publish_line line[CERTIFICATE_LINES_MAX], const struct publish *p,
    struct span answer, const struct logkeys *keys, struct message *why);

/*
 * The same for one statement of its own, such as a revocation: answer is that
 * of sent, a line with its LF, logged.
 */
AC_MUST_CHECK enum ac_err publish_check_one(struct buf *file,
    struct publish_line *line, struct span sent, struct span answer,
    const struct logkeys *keys, struct message *why);

#endif
