/*
 * config.h -- the settings of a server: from a file, from the environment,
 * from the command line.  The later of these wins; one setting is spelled the
 * same in all three, as a long option.  Values are checked by whoever takes
 * them.
 *
 * The file has one "key = value" a line, blank lines, and lines that begin
 * with '#'.  A flag is written "key = yes" or "key = no".
 */
#ifndef AICERT_REGISTRY_CONFIG_H
#define AICERT_REGISTRY_CONFIG_H

#include "common/message.h"

#define CONFIG_FILE_MAX ((size_t)64 << 10)
#define CONFIG_ENV "AICERT_REGISTRY_"

/* Takes one setting; false: *why says what is wrong with it. */
struct config_taker {
	bool (*take)(void *arg, struct span key, struct span value,
	    struct message *why);
	void *arg;
};

/*
 * Give every setting of text to t.  AC_ERR_FORMAT: *why begins with the line's
 * number.
 */
AC_MUST_CHECK enum ac_err config_parse(struct span text,
    const struct config_taker *t, struct message *why);

/* config_parse() of the file at path. */
AC_MUST_CHECK enum ac_err config_load(const char *path,
    const struct config_taker *t, struct message *why);

/*
 * Give the setting key to t, if the environment has its variable: CONFIG_ENV
 * and key in capitals, with '_' for '-'.  An empty one counts as absent.
 */
AC_MUST_CHECK enum ac_err config_env(const char *key,
    const struct config_taker *t, struct message *why);

/* Is value "yes" (true) or "no"?  False where it is neither. */
AC_MUST_CHECK bool config_flag(bool *out, struct span value);

#endif
