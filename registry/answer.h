/*
 * answer.h -- what the registry says: replies made from the published part of
 * the store.  One per thread; nothing here waits for the sequencer.
 */
#ifndef AICERT_REGISTRY_ANSWER_H
#define AICERT_REGISTRY_ANSWER_H

#include "cert/note.h"
#include "registry/published.h"
#include "registry/route.h"
#include "registry/unit.h"

/* What all threads share; borrowed. */
struct answer_log {
	struct published *published;
	struct note_key log, time;
	const char *origin, *url; /* url: for people, never empty */
	const char *root_url;     /* baseUrl of the trusted root */
	int64_t created_s;
	const char *witnessing;   /* "none", "fail-closed" or "fail-open" */
	struct span keys;         /* policy lines */
	struct digest own;        /* fingerprint of the registry's own key */
	const char *page_policy;
};

struct answer;

/* Answers out of the database at path. */
AC_MUST_CHECK enum ac_err answer_new(struct answer **out,
    const struct answer_log *log, const char *path, struct message *why);
void answer_free(struct answer *a);

/* The reply to a read, tiles and checkpoint excepted. */
void answer_read(struct answer *a, struct reply *out, const struct route *r);

/* The reply to a certificate that has its verdict. */
void answer_unit(struct answer *a, struct reply *out, struct unit *u);

/*
 * Is the unit logged and public already, all of it, so that the sequencer
 * need not see it?  Then *out is the reply.  False where it is not, or where
 * only the sequencer can tell.
 */
AC_MUST_CHECK bool answer_duplicate(struct answer *a, struct reply *out,
    struct unit *u);

#endif
