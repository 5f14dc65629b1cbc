/*
 * event.h -- the event lines that PCR 14 and PCR 8 are extended with
 * (formats.md section 1).  A line is written once, from typed values, and
 * travels as bytes; its extension is its SHA-256.
 */
#ifndef AICERT_CERT_EVENT_H
#define AICERT_CERT_EVENT_H

#include "cert/oms.h"
#include "cert/request.h"

enum event_type {
	EVENT_CONFIGURATION,
	EVENT_INPUT_IMAGE,
	EVENT_INPUT_RESOURCE,
	EVENT_START,
	EVENT_TIMING,
	EVENT_COMPUTE,
	EVENT_OUTPUTS,
};

/* What was found of one input or of the image. */
struct measured {
	struct digest sha256;   /* of the file, or the OMS root of the tree */
	bool tree;
	struct digest manifest; /* of a tree */
	struct digest root;     /* of an image only: its unpacked tree's */
	char git_commit[65];    /* hex, or "" */
	uint64_t bytes;
	/* What was fetched before it was unpacked, where it was packed. */
	bool has_download;
	struct digest download;
	uint64_t download_bytes;
};

/* An object of figures, as cert/form.h writes it. */
#define EVENT_FIGURES_FORM "<{value n unit s assurance " \
    "'measured'|'derived'|'reported'} " FORM_NUMBER(WORDS_MAX) ">"

/* A figure and how it is known; the value is a plain decimal. */
struct figure {
	const char *name;
	char value[48];
	const char *unit;
	const char *assurance; /* "measured", "derived" or "reported" */
};

struct timing {
	int64_t started_s, finished_s; /* unix time */
	uint64_t wall_ms;              /* by the monotonic clock */
};

/* What the training left, in order of name. */
struct outputs {
	const struct oms_file *file;
	size_t nfiles;
	struct digest root;     /* OMS root */
	struct digest manifest; /* SHA-256 of the OMS statement's bytes */
};

/* Write one line, without LF. */
void event_configuration(struct writer *w, const struct request *r);
void event_image(struct writer *w, const struct request_input *image,
    const struct measured *m);
void event_input(struct writer *w, const struct request_input *in,
    const struct measured *m);
void event_start(struct writer *w, const struct digest *attest);
void event_timing(struct writer *w, const struct timing *t);
void event_compute(struct writer *w, const struct figure f[], size_t n);
void event_outputs(struct writer *w, const struct request *r,
    const struct outputs *o);

/* The object of a download, as in event_input() and in the provenance. */
void event_write_download(struct writer *w, const struct measured *m);

/* The object of figures, as in event_compute() and in the provenance. */
void event_write_figures(struct writer *w, const struct figure f[], size_t n);

/* A line taken apart; borrows from its own document. */
struct event {
	enum event_type type;
	struct json_doc doc; /* owned */
	struct json spec, resolved;
};

/*
 * Decode one line and check its form.  AC_ERR_FORMAT: not one of ours, or not
 * of its type's form; AC_ERR_LIMIT; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err event_decode(struct event *out, struct span line);

void event_free(struct event *ev);

/* Name of a type as it stands in lines. */
const char *event_name(enum event_type type);

#endif
