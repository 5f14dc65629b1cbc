/*
 * oms.h -- OpenSSF Model Signing v1.0: the list of a model's files and its
 * root (specification sections 5 and 6).
 *
 * Our one form: method "files", sha256, no links, resources in order of
 * code points.  The root does not commit to names; the manifest, which is the
 * list itself, does, and decides about files.
 */
#ifndef AICERT_CERT_OMS_H
#define AICERT_CERT_OMS_H

#include "cert/json.h"
#include "common/writer.h"

struct oms_file {
	struct span name; /* path within the model, '/' between its parts */
	struct digest sha256;
	uint64_t bytes;   /* not part of the statement */
};

/* The paths that a model's folder may hold beside its files, in our order. */
#define OMS_NIGNORE 7
extern const char *const oms_ignore[OMS_NIGNORE];

/*
 * Is path one a model's file may have: UTF-8, relative, no empty part, no "."
 * or "..", no control characters, at most FILE_PATH_MAX bytes?
 */
bool oms_path_is_valid(struct span path);

/* Is path below one of ignore[0..nignore), which are exact paths? */
bool oms_is_ignored(struct span path, const char *const ignore[],
    size_t nignore);

/* Order of two struct oms_file by name, for qsort. */
int oms_compare(const void *a, const void *b);

/*
 * SHA-256 over the raw digests of files[0..n) in that order (section 6.5.1).
 */
struct digest oms_root(const struct oms_file files[], size_t n);

/*
 * SHA-256 of the lines "<hex>  <path>LF" of files[0..n), which are in order:
 * the manifest digest of an input or of the outputs (formats.md section 1).
 */
struct digest oms_manifest(const struct oms_file files[], size_t n);

/*
 * The statement of files[0..n), in order, n >= 1.  AC_ERR_LIMIT: over
 * OMS_STATEMENT_MAX.
 */
AC_MUST_CHECK enum ac_err oms_encode(struct buf *out,
    const struct oms_file files[], size_t n, const char *const ignore[],
    size_t nignore);

/* A decoded statement of our form. */
struct oms {
	struct json_doc doc; /* owned; names borrow from it */
	struct oms_file *file; /* owned, in order of name; bytes are 0 */
	size_t nfiles;
	struct digest root;
};

/*
 * Decode and check: our form only, valid paths in strictly ascending order,
 * root of the subject right, our ignore list.  AC_ERR_FORMAT;
 * AC_ERR_MISMATCH: the root is not that of the list; AC_ERR_LIMIT.
 */
AC_MUST_CHECK enum ac_err oms_decode(struct oms *out, struct span bytes);

void oms_free(struct oms *o);

/* The file of that name, or NULL. */
const struct oms_file *oms_find(const struct oms *o, struct span name);

#endif
