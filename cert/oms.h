/*
 * oms.h -- OpenSSF Model Signing v1.0: the list of a model's files and its
 * root (specification sections 5 and 6).
 *
 * What we write has one form: method "files", sha256, no links, resources in
 * order of code points.  What we read may be another tool's: resources in any
 * order, method "shards", any part of our list of ignored paths.  The root does
 * not commit to names; the manifest, which is the list itself, does, and
 * decides about files.
 */
#ifndef AICERT_CERT_OMS_H
#define AICERT_CERT_OMS_H

#include "cert/json.h"
#include "common/writer.h"

struct oms_file {
	/* Path within the model, '/' between its parts; of a shard, with range */
	struct span name;
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

/* A decoded statement. */
struct oms {
	struct json_doc doc;   /* owned; names borrow from it */
	struct oms_file *file; /* owned, in the order signed; bytes are 0 */
	size_t nfiles;         /* resources: files, or shards of them */
	struct oms_file *sorted; /* owned: by path, shards by their place */
	uint64_t shard_bytes;  /* 0: every resource is a whole file */
	struct digest root;
};

/* Where the bytes of a resource are. */
struct oms_part {
	struct span path;
	uint64_t start, end; /* [start, end); of whole files 0, UINT64_MAX */
};

/*
 * Decode and check: valid paths, none twice, none that is ignored; root of the
 * subject right in the order signed; ignored paths of our list only.  Shards
 * are the bytes of each file without gap, all but its last of shard_bytes.
 * AC_ERR_FORMAT; AC_ERR_MISMATCH: the root is not that of the list;
 * AC_ERR_LIMIT; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err oms_decode(struct oms *out, struct span bytes);

void oms_free(struct oms *o);

/* The part of a file that f, of o, is. */
struct oms_part oms_part_of(const struct oms *o, const struct oms_file *f);

/* The first resource of the file path, in sorted, or NULL. */
const struct oms_file *oms_find(const struct oms *o, struct span path);

/* The resource of exactly that name, or NULL. */
const struct oms_file *oms_resource(const struct oms *o, struct span name);

#endif
