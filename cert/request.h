/*
 * request.h -- externalParameters: what the builder asked for, complete
 * (formats.md section 2).  The same object stands in the provenance and in
 * the configuration event, written by the one encoder here.
 */
#ifndef AICERT_CERT_REQUEST_H
#define AICERT_CERT_REQUEST_H

#include "cert/form.h"
#include "common/writer.h"

#define REQUEST_VERSION 2 /* of aicert.yaml */

/* As cert/form.h writes it. */
#define REQUEST_IMAGE_FORM "{name w uri w pin w}"
#define REQUEST_INPUT_FORM \
    "{name w type w uri w pin w role w license? w certificate? w}"
#define REQUEST_FORM "{config {name w sha256 x} builderKey x version =" \
    FORM_NUMBER(REQUEST_VERSION) " trainer w command [w " \
    FORM_NUMBER(WORDS_MAX) "] image? " REQUEST_IMAGE_FORM " inputs [" \
    REQUEST_INPUT_FORM " " FORM_NUMBER(INPUTS_MAX) "] outputs [w " \
    FORM_NUMBER(WORDS_MAX) "] env <w " FORM_NUMBER(WORDS_MAX) "> seed? i}"

/* Spans are borrowed; an optional one of length 0 is absent. */
struct request_input {
	struct span name, type, uri, pin, role;
	struct span license, certificate; /* optional */
};

struct request_env {
	struct span name, value;
};

struct request {
	struct span config_name;
	struct digest config_sha256; /* of the file exactly as received */
	struct digest builder_key;   /* SHA-256 of the 91-byte SPKI */
	struct span trainer;
	const struct span *command;
	size_t ncommand;
	bool has_image;
	struct request_input image; /* name, uri and pin only */
	const struct request_input *input;
	size_t ninputs;
	const struct span *output; /* globs */
	size_t noutputs;
	const struct request_env *env;
	size_t nenv;
	bool has_seed;
	uint64_t seed; /* at most JSON_INT_MAX */
};

/* Write the object. */
void request_write(struct writer *w, const struct request *r);

/* Write an array of strings. */
void request_write_strings(struct writer *w, const struct span s[], size_t n);

/* Has the object exactly that form? */
bool request_check(struct json j);

#endif
