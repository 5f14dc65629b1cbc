/*
 * image.h -- what a container image says of itself, in the words of the OCI
 * image specification 1.1 and of Docker's schema 2: a reference, a manifest or
 * an index, a configuration, and what a registry answers to who has no token.
 *
 * Everything is outside bytes: form and caps are checked here; that bytes have
 * the digests that are said of them is for the one who hashes.  Members that
 * are not needed are ignored, as the specification asks.
 */
#ifndef AICERT_PRODUCER_IMAGE_H
#define AICERT_PRODUCER_IMAGE_H

#include "cert/json.h"
#include "common/message.h"

#define IMAGE_JSON_MAX ((size_t)4 << 20) /* as the specification advises */
#define IMAGE_LAYERS_MAX 256
#define IMAGE_ENV_MAX 128
#define IMAGE_NAME_MAX 255  /* of a repository */
#define IMAGE_TOKEN_MAX 16384
#define IMAGE_URL_MAX 2048

/* Names of the files of an image that was fetched; a blob's is its digest. */
#define IMAGE_MANIFEST "manifest"
#define IMAGE_INDEX "index"

/* What a reference names: "REGISTRY/REPOSITORY@sha256:HEX". */
struct image_reference {
	char base[IMAGE_URL_MAX]; /* https://registry, or http:// if so said */
	char repository[IMAGE_NAME_MAX + 1];
};

/*
 * "[http://|https://]host[:port]/repository[:tag]", where Docker's short forms
 * "name" and "user/name" are of Docker Hub; the tag is dropped: the digest
 * decides.  AC_ERR_FORMAT, with *why.
 */
AC_MUST_CHECK enum ac_err image_reference_decode(struct image_reference *out,
    struct span text, struct message *why);

/*
 * Split "PLACE@sha256:HEX" and what pins it.  AC_ERR_FORMAT: no digest is at
 * its end; with *why.
 */
AC_MUST_CHECK enum ac_err image_split(struct span *place, struct span *pin,
    struct span text, struct message *why);

/* A folder in the OCI layout, "oci:FOLDER"?  Then *out is FOLDER. */
bool image_is_layout(struct span *out, struct span place);

struct image_blob {
	struct digest sha256;
	uint64_t bytes;
};

struct image_manifest {
	bool is_index; /* then config is the manifest that it chooses */
	struct image_blob config;
	struct image_blob layer[IMAGE_LAYERS_MAX]; /* the lowest first */
	size_t nlayers;
};

/*
 * Decode a manifest, or an index, of which the first manifest for Linux on
 * this machine's architecture is chosen.  AC_ERR_FORMAT; AC_ERR_LIMIT: too
 * many layers; AC_ERR_NOT_FOUND: the index has no such manifest;
 * AC_ERR_UNSUPPORTED: another digest than SHA-256, a layer that is kept
 * elsewhere or packed in an unknown way; AC_ERR_MEMORY; with *why.
 */
AC_MUST_CHECK enum ac_err image_manifest_decode(struct image_manifest *out,
    struct span text, struct message *why);

/* Variables NAME=value of the configuration; they borrow from it. */
struct image_config {
	struct json_doc doc; /* owned */
	struct span env[IMAGE_ENV_MAX];
	size_t nenv;
};

/*
 * Decode the configuration of an image of nlayers layers.  AC_ERR_FORMAT;
 * AC_ERR_LIMIT: too many variables; AC_ERR_UNSUPPORTED: for another machine;
 * AC_ERR_MEMORY; with *why.
 */
AC_MUST_CHECK enum ac_err image_config_decode(struct image_config *out,
    struct span text, size_t nlayers, struct message *why);

void image_config_free(struct image_config *c);

/*
 * *out = the URL, NUL-terminated, that the challenge of a registry
 * (WWW-Authenticate, RFC 9110 section 11.6.1) sends to for a token to pull the
 * repository.  AC_ERR_FORMAT; AC_ERR_UNSUPPORTED: no Bearer, but a password is
 * wanted; AC_ERR_LIMIT; with *why.
 */
AC_MUST_CHECK enum ac_err image_challenge(char out[IMAGE_URL_MAX],
    struct span challenge, const char *repository, struct message *why);

/*
 * *out = the token, NUL-terminated, of the answer there: printable ASCII
 * without blanks.  AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_MEMORY; with *why.
 */
AC_MUST_CHECK enum ac_err image_token(char out[IMAGE_TOKEN_MAX + 1],
    struct span answer, struct message *why);

#endif
