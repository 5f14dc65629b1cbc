/*
 * fetch_hub.h -- what a hub has of a model or dataset at one revision, as a
 * tree stream.  Part of aicert-fetch.
 */
#ifndef AICERT_PRODUCER_FETCH_HUB_H
#define AICERT_PRODUCER_FETCH_HUB_H

#include "common/message.h"

/* What is asked for; everything is borrowed. */
struct fetch_hub {
	bool dataset;       /* else a model */
	const char *commit; /* hex */
	const char *uri;    /* http(s)://HOST/[datasets/][OWNER/]NAME */
	const char *endpoint; /* of another hub than RULES_HUB; NULL: none */
	const char *token;    /* for that hub alone; NULL: none */
	const char *const *glob; /* files that are wanted; n is 0: all */
	size_t nglobs;
};

/*
 * Fetch them to out_fd, by the API of Hugging Face's hub; told is told how far
 * it is.  The hub must say that the revision is that commit; each file must
 * have the length and the id that its list says: an LFS file its SHA-256, any
 * other git's SHA-1.  AC_ERR_MISMATCH: they differ; AC_ERR_FORMAT: no such
 * uri, no such list, a path that leads out; AC_ERR_NOT_FOUND: no such
 * repository, revision or file; AC_ERR_LIMIT; AC_ERR_IO with errno: out_fd;
 * else as http_client_fetch().  *why is set.
 */
AC_MUST_CHECK enum ac_err fetch_hub(int out_fd, const struct fetch_hub *asked,
    void (*told)(const char *text), struct message *why);

/*
 * out[0..64] = the commit (hex, NUL) that the hub says the revision
 * asked->commit, a branch or tag, is now.  Errors as above.
 */
AC_MUST_CHECK enum ac_err fetch_hub_commit(char out[static 65],
    const struct fetch_hub *asked, struct message *why);

#endif
