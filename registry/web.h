/*
 * web.h -- the one page for people.  Static HTML: no script, nothing from
 * elsewhere, its one style allowed by digest.
 */
#ifndef AICERT_REGISTRY_WEB_H
#define AICERT_REGISTRY_WEB_H

#include "common/writer.h"
#include "registry/store.h"

/* Room for the Content-Security-Policy with its NUL. */
#define WEB_POLICY_MAX 192

/* What the page shows; borrowed. */
struct web {
	const char *origin;
	const char *url;     /* where the curl lines point to */
	struct span keys;    /* policy lines of the log */
	struct store_head head;
	struct span note;    /* the checkpoint */
	const char *witnessing; /* "none", "fail-closed" or "fail-open" */
};

/* *out = the page, owned by the caller.  AC_ERR_MEMORY, AC_ERR_FORMAT. */
AC_MUST_CHECK enum ac_err web_page(struct buf *out, const struct web *web);

/* Its Content-Security-Policy. */
void web_policy(char out[WEB_POLICY_MAX]);

#endif
