/*
 * web.h -- the pages for people, from what was looked up.  Pure; they judge
 * nothing, and everything from outside is escaped (html.h).
 */
#ifndef AICERT_REGISTRY_WEB_H
#define AICERT_REGISTRY_WEB_H

#include "registry/search.h"

/* What the pages show of the log; borrowed. */
struct web {
	const char *origin;
	const char *url;     /* where the curl lines point to */
	struct span keys;    /* policy lines of the log */
	struct store_head head;
	struct span note;    /* the checkpoint */
	const char *witnessing; /* "none", "fail-closed" or "fail-open" */
};

/* The page at "/". */
void web_home(struct writer *w, const struct web *web);

/* One entry of a certificate; borrowed. */
struct web_entry {
	uint64_t index;
	int64_t time_s; /* of its publication */
	const struct store_row *row;
	uint64_t removal; /* where it is withheld: the entry that says so */
};

/*
 * The page of statement d: its beginning, then a section for each entry; a
 * line for each statement about it; html_end().
 */
void web_certificate_begin(struct writer *w, const struct web *web,
    const struct digest *d);
void web_entry(struct writer *w, const struct web_entry *en);
void web_about(struct writer *w, const struct store_found *f);

/* What was found; borrowed. */
struct web_found {
	const struct store_found *found;
	size_t n;
	bool more;
	uint64_t next; /* the cursor that goes on */
};

/* The page at "/search". */
void web_search(struct writer *w, const struct web *web,
    const struct search *s, const struct web_found *f);

#endif
