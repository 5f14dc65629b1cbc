/*
 * html.h -- what all pages share: escaping, beginning and end, links to
 * searches.  No script, nothing from elsewhere, one style allowed by digest.
 */
#ifndef AICERT_REGISTRY_HTML_H
#define AICERT_REGISTRY_HTML_H

#include "registry/search.h"

/* Room for the Content-Security-Policy with its NUL. */
#define HTML_POLICY_MAX 224

/*
 * s as text of HTML or XML, also within quotes; control characters but LF are
 * left out.
 */
void html_text(struct writer *w, struct span s);

/* "?" and the arguments of a search, escaped, with another cursor or none. */
void html_query(struct writer *w, const struct search *s, bool go_on,
    uint64_t after);

/* What a predicate type is called by people; itself where nobody knows. */
struct span html_kind(struct span type);

/* All before and after what a page says; title is escaped. */
void html_begin(struct writer *w, struct span title, const char *origin);
void html_end(struct writer *w);

/* The pages' Content-Security-Policy. */
void html_policy(char out[HTML_POLICY_MAX]);

#endif
