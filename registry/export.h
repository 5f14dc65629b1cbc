/*
 * export.h -- copies of a log for others: a folder with its tiles, its
 * checkpoint and its statements, and a copy of its database.  Both may be made
 * while a server runs.
 */
#ifndef AICERT_REGISTRY_EXPORT_H
#define AICERT_REGISTRY_EXPORT_H

#include "common/message.h"

struct export_result {
	uint64_t size;       /* of the head that was exported */
	uint64_t statements; /* that were written */
	uint64_t without;    /* entries whose content is withheld or missing */
};

/*
 * Write the published log of dir into the folder to, which any web server can
 * serve under the paths of the log itself:
 *
 *	checkpoint  tile/...         C2SP tlog-tiles
 *	api/v1/log-keys              its policy lines
 *	api/v1/statements/<D>        the bytes of each statement
 *	api/v1/certificates/<D>      each line 1 with its further lines, as posted
 *
 * A folder that holds an older export of the same log is continued.
 * AC_ERR_MISMATCH: it holds another.
 */
AC_MUST_CHECK enum ac_err export_run(const char *dir, const char *to,
    struct export_result *out, struct message *why);

/*
 * Copy the database of the log in dir to the new file to, as of one head,
 * whose size is *size.
 */
AC_MUST_CHECK enum ac_err export_backup(const char *dir, const char *to,
    uint64_t *size, struct message *why);

#endif
