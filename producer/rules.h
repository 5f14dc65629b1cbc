/*
 * rules.h -- what a request may say: names, pins, variables and globs of a
 * build, decided in one place for whoever reads a configuration and for the
 * recorder, which believes no reader.  Pure.
 */
#ifndef AICERT_PRODUCER_RULES_H
#define AICERT_PRODUCER_RULES_H

#include "cert/request.h"
#include "common/message.h"

#define RULES_NAME_MAX 128 /* bytes of an input's name */
#define RULES_IMAGE "image" /* the name of the image */
#define RULES_AXOLOTL "axolotl" /* the trainer */
#define RULES_LATEST "latest" /* a pin that floats: what is there now */
#define RULES_UNDISCLOSED "urn:aicert:undisclosed" /* for a uri */

/* [a-z0-9][a-z0-9._-]*, at most RULES_NAME_MAX bytes? */
bool rules_name(struct span name);

/*
 * "sha256:" and 64 lower-case hex digits: of what the training sees; or that
 * with "download:" in front: of what was fetched, before it was unpacked.
 */
AC_MUST_CHECK bool rules_pin(struct digest *out, bool *download,
    struct span pin);

/* Is the input what the files of an archive are, unpacked? */
bool rules_is_archive(const struct request_input *in);

/* Is it a model with its own certificate, which is judged first? */
bool rules_is_certified(const struct request_input *in);

/*
 * A pin that floats, which "aicert pin" resolves: RULES_LATEST, or "branch:",
 * "tag:" or "revision:" and a name?
 */
bool rules_floats(struct span pin);

/* Is it kind, ':' and a name, of those?  *name borrows. */
bool rules_floats_as(struct span *name, struct span pin, const char *kind);

/*
 * "gitCommit:" and 40 or 64 lower-case hex digits: which commit of a
 * repository, or which revision at a hub.  *hex borrows the digits.
 */
AC_MUST_CHECK bool rules_git_pin(struct span *hex, struct span pin);

/* Is the input a commit of a repository, or a lock file in one? */
bool rules_is_git(const struct request_input *in);

/* Is the input what a hub has of a model or dataset at a revision? */
bool rules_is_hub(const struct request_input *in);

/* NAME or OWNER/NAME, as hubs call a repository? */
bool rules_hub_name(struct span name);
#define RULES_HUB "https://huggingface.co" /* where no other is named */
#define RULES_PATHS_MAX 64 /* patterns of files that are asked for at a hub */

/*
 * Is input i the lock file of an earlier one, *of?  Then it is called as that
 * with RULES_LOCK behind, has its pin, and its uri with '#' and *path behind.
 */
#define RULES_LOCK ".lock"
#define RULES_LOCK_ROLE "lockfile"
bool rules_is_lock(const struct request *r, size_t i, size_t *of,
    struct span *path);

/*
 * Is it the image that a training runs in: a name that image.h reads, or the
 * folder of a layout, and "sha256:" and its digest?
 */
AC_MUST_CHECK enum ac_err rules_check_image(const struct request_input *image,
    struct message *why);

/* UTF-8 without control characters, 1 to WORD_MAX bytes? */
bool rules_text(struct span s);

/* The same, but LF and tab may be in it, and it may be empty. */
bool rules_word(struct span s);

/* A relative path with or without '*', '**' and '?', as a file may have? */
bool rules_glob(struct span glob);

/* May a configuration, which becomes public, set this variable? */
bool rules_env(struct span name);

/* Does the variable's name look as if its value were a secret? */
bool rules_is_secret(struct span name);

/* Is it a trainer that writes trainer_state.json, as those of Hugging Face? */
bool rules_has_state(struct span trainer);

struct rules_variable {
	const char *name, *value;
};

/* The i-th variable that such a trainer needs without a network, or NULL. */
const struct rules_variable *rules_offline(size_t i);

/* The i-th name that rules_env() allows, NULL after the last. */
const char *rules_env_name(size_t i);

/*
 * Is r a request that this build carries out, everything in it of the forms
 * above and within the caps?  AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_UNSUPPORTED,
 * with *why.
 */
AC_MUST_CHECK enum ac_err rules_check(const struct request *r,
    struct message *why);

/* The same, but pins may float. */
AC_MUST_CHECK enum ac_err rules_check_floating(const struct request *r,
    struct message *why);

#endif
