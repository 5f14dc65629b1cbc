/*
 * measure.h -- the one place where inputs and outputs are hashed
 * (formats.md section 1, digest of an input).
 *
 * Whatever is measured was put there by others: names are opened beneath
 * their folder without following links, only regular files count, and a file
 * that changes while it is read is refused.
 */
#ifndef AICERT_PRODUCER_MEASURE_H
#define AICERT_PRODUCER_MEASURE_H

#include "cert/event.h"
#include "common/message.h"

/* Files in order of name; names and the array are owned. */
struct measure_files {
	struct oms_file *file;
	size_t n, cap;
};

/* Append a file; path is copied.  AC_ERR_MEMORY. */
AC_MUST_CHECK enum ac_err measure_files_add(struct measure_files *f,
    const char *path, const struct digest *sha256, uint64_t bytes);

void measure_files_sort(struct measure_files *f);
void measure_files_free(struct measure_files *f);

/*
 * Copy what fd is open on, a regular file or a folder, to the new name in the
 * folder store_fd, and measure the bytes of the copy.  A folder holds nothing
 * but folders and regular files with one link; its copy has no empty folders,
 * which no digest would name, and of a model nothing that its certificate does
 * not list: aicert.jsonl, model.sig and the rest of oms_ignore.  The copy is
 * read-only and 0444.  *why says which file and what to do.  AC_ERR_FORMAT: a
 * link, a special file, an empty folder, a name that no model may have;
 * AC_ERR_MISMATCH: a file changed while it was read; AC_ERR_LIMIT: over
 * FILES_MAX or FILE_PATH_MAX; AC_ERR_EXISTS; AC_ERR_IO; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err measure_input(struct measured *out, int fd,
    int store_fd, const char *name, bool model, struct message *why);

/*
 * Measure every file beneath the folder dir_fd that one of glob[0..n)
 * matches.  Links and special files count only where a glob matches them, and
 * are refused then, as are names that a certificate needs for itself.
 * AC_ERR_NOT_FOUND: no file matches; AC_ERR_LIMIT: over FILES_MAX, WEIGHTS_MAX
 * or FILE_PATH_MAX; else as above.
 */
AC_MUST_CHECK enum ac_err measure_outputs(struct measure_files *out,
    int dir_fd, const struct span glob[], size_t n, struct message *why);

/*
 * The names of those files, without a look at them; all else of *out is 0.
 * AC_ERR_LIMIT, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err measure_list(struct measure_files *out, int dir_fd,
    const struct span glob[], size_t n, struct message *why);

/*
 * The same checks without reading a file, while the training still writes:
 * only AC_ERR_LIMIT and AC_ERR_MEMORY fail.
 */
AC_MUST_CHECK enum ac_err measure_count(int dir_fd, const struct span glob[],
    size_t n, struct message *why);

#endif
