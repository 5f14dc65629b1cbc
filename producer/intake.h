/*
 * intake.h -- a tree stream, written beneath the recorder's store and measured
 * as it is written.
 *
 * Whoever writes the stream is a stranger: files are made new, beneath their
 * folder, without following a link; links are refused but for an image's, and
 * so is whatever stands there already.
 *
 * With a git commit the tree is compared with it: ids are computed from the
 * files that were written (gittree.h), and the commit that came in the stream
 * must be the one asked for.
 */
#ifndef AICERT_PRODUCER_INTAKE_H
#define AICERT_PRODUCER_INTAKE_H

#include "cert/event.h"
#include "common/message.h"
#include "producer/gittree.h"

struct intake_options {
	uint64_t bytes_max; /* of all files together */
	unsigned stall_s;   /* without a byte: given up; 0: never */
	int stop_fd;        /* readable: give up; -1: never */
	bool one_file;      /* a stream of one file without a name, no tree */
	const struct gittree_id *git; /* the tree is that commit's; NULL: of
	                               * no commit */
	/*
	 * A container's root: more files, other names of one file, empty
	 * folders, and links, which are measured as their target's bytes at
	 * their path and an '@'.  Folders and links come after all files.
	 */
	bool image;
	struct measure_files *keep; /* takes a tree's files; NULL: nobody */
};

/*
 * Read the stream that comes from fd into the new file or folder name of
 * store_fd, read-only.  AC_ERR_FORMAT: no tree stream, cut off, a link, a file
 * in the place of a folder; AC_ERR_EXISTS: a path twice; AC_ERR_LIMIT: over a
 * cap; AC_ERR_MISMATCH: another commit, or not its files; AC_ERR_BUSY: it
 * stalled, or was to stop; AC_ERR_IO; AC_ERR_MEMORY; with *why.  What was
 * written stays.
 */
AC_MUST_CHECK enum ac_err intake_stream(struct measured *out, int fd,
    int store_fd, const char *name, const struct intake_options *options,
    struct message *why);

#endif
