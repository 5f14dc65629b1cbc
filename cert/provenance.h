/*
 * provenance.h -- line 1: SLSA provenance v1 of a training run
 * (formats.md section 2).
 */
#ifndef AICERT_CERT_PROVENANCE_H
#define AICERT_CERT_PROVENANCE_H

#include "cert/event.h"
#include "cert/statement.h"

#define BUILD_TYPE AICERT_URI "/training/v1"
#define BUILDER_MEASURED AICERT_URI "/builder/measured/v1"
#define BUILDER_SELF AICERT_URI "/builder/self-asserted/v1"
#define COMPUTE_MEMBER AICERT_URI "/compute/v1"

/* What S is written from; everything borrowed. */
struct provenance {
	const struct request *request;
	struct span sandbox;          /* JSON object: what was enforced */
	struct span checkpoint;       /* the whole signed note; empty: none */
	const struct measured *image; /* where request->has_image */
	const struct measured *input; /* [request->ninputs] */
	const struct outputs *outputs;
	bool measured;                /* by a TPM; else self-asserted */
	const char *version;          /* of the producer */
	bool has_image_root;
	struct digest image_root;     /* dm-verity root of the VM's image */
	const char *invocation_id;
	const struct timing *timing;
	const struct span *gpu;       /* names */
	size_t ngpus;
	const struct figure *figure;
	size_t nfigures;
};

/*
 * *out = S.  AC_ERR_LIMIT: over STATEMENT_MAX or WEIGHTS_MAX; AC_ERR_FORMAT: a
 * weight file of a name that none may have, text that is not UTF-8;
 * AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err provenance_encode(struct buf *out,
    const struct provenance *p);

/* S taken apart; borrows from the statement. */
struct provenance_view {
	struct digest root, manifest;   /* subjects 0 and 1 */
	struct json weights;            /* first weight subject */
	struct json external, internal, dependencies;
	struct json compute;            /* object of figures, or absent */
	struct json metadata;
	struct digest builder_key;      /* of externalParameters */
	bool measured;
	bool has_image_root;
	struct digest image_root;
	struct json checkpoint;         /* base64 string, or absent */
	size_t unjudged;                /* members that are not ours */
};

/* Take a decoded statement apart, checking its form.  AC_ERR_FORMAT. */
AC_MUST_CHECK enum ac_err provenance_view(struct provenance_view *out,
    const struct statement *s);

#endif
