/*
 * build.h -- one build, from a configuration to a signed model folder: the
 * steps of aicert build, without its command line.
 */
#ifndef AICERT_PRODUCER_BUILD_H
#define AICERT_PRODUCER_BUILD_H

#include "producer/run.h"

struct build_options {
	const char *config; /* aicert.yaml */
	const char *image;  /* what it runs in; NULL: as config says */
	const char *out;    /* the folder to make; must not be there */
	const char *key;    /* the builder's private key */
	const char *log;    /* URL whose checkpoint is bound; NULL: none */
	const char *checkpoint; /* file with a signed note; NULL: none */
	const char *policy; /* for inputs with a certificate; NULL: the usual */
	struct recorder_options recorder; /* its folders are filled in here */
	struct run_watch watch;
	int cancel_fd;      /* readable: stop; -1: never */
};

struct build_result {
	struct digest d;    /* of line 1 */
	struct digest root; /* OMS root of the model */
	size_t nfiles;
	bool has_checkpoint;
};

/*
 * Build.  On AC_OK out is a whole model with its certificate; on any error it
 * is not there, nothing that ran is left, and no other file either.
 * AC_ERR_EXISTS: out is there already; AC_ERR_MISMATCH: the training failed,
 * or an input is not what its pin says; AC_ERR_BUSY: cancelled; else by its
 * cause.  *why is set on failure.
 */
AC_MUST_CHECK enum ac_err build_model(struct build_result *out,
    const struct build_options *options, struct message *why);

#endif
