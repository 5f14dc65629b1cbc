/*
 * statement.h -- in-toto Statement v1: what every line says, as far as all
 * kinds of statement have it in common.
 */
#ifndef AICERT_CERT_STATEMENT_H
#define AICERT_CERT_STATEMENT_H

#include "cert/json.h"
#include "cert/limits.h"
#include "common/writer.h"

#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"

#define TYPE_PROVENANCE "https://slsa.dev/provenance/v1"
#define TYPE_EVIDENCE AICERT_URI "/tpm-evidence/v1"
#define TYPE_RELEASE AICERT_URI "/image-release/v1"
#define TYPE_OMS "https://model_signing/signature/v1.0"

/* Names of the two subjects of a provenance that are no files. */
#define SUBJECT_ROOT "oms-root"
#define SUBJECT_MANIFEST "oms-manifest"
#define SUBJECT_PROVENANCE "provenance"
/* Subjects of an image release. */
#define SUBJECT_UKI "uki"
#define SUBJECT_IMAGE_ROOT "root"

struct statement {
	struct json_doc doc;        /* owned; the rest borrows from it */
	struct span predicate_type;
	struct json subjects;       /* array of 1..SUBJECTS_MAX objects */
	struct json predicate;      /* an object, or absent */
};

/*
 * Decode S by in-toto's own rules: exact type, a closed top level, a digest
 * on every subject.  AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err statement_decode(struct statement *out,
    struct span bytes);

/* The same, with numbers as json_parse_protobuf() takes them. */
AC_MUST_CHECK enum ac_err statement_decode_protobuf(struct statement *out,
    struct span bytes);

void statement_free(struct statement *s);

/*
 * The stricter form of our own subjects: exactly a name and one SHA-256.
 * False for any other.
 */
AC_MUST_CHECK bool statement_subject(struct json subject, struct span *name,
    struct digest *sha256);

/* Write {"name":name,"digest":{"sha256":hex}}. */
void statement_write_subject(struct writer *w, struct span name,
    const struct digest *sha256);

/* Write the head up to and including "subject":[ */
void statement_write_head(struct writer *w);

/* Write ],"predicateType":type,"predicate": */
void statement_write_type(struct writer *w, const char *type);

#endif
