/*
 * errand.h -- a build on another machine, from here: what aicert build
 * --remote and aicert attach do.  What has to outlive this process (the token,
 * what was sent and to whom) lies beside the result as OUT.remote, mode 0600,
 * from before anything is sent until the model is whole.
 */
#ifndef AICERT_PRODUCER_ERRAND_H
#define AICERT_PRODUCER_ERRAND_H

#include "producer/build.h"
#include "producer/remote.h"

struct errand_options {
	const char *address;    /* of the machine */
	const char *policy;     /* file: which machines are trusted */
	const char *releases;   /* file with image releases; NULL: none */
	/*
	 * Where the machine shall send each output: an https URL signed
	 * beforehand, in which {path} stands for its path; NULL: nowhere.
	 */
	const char *upload;
	const char *config, *out, *key, *log, *checkpoint; /* as build.h */
	struct run_watch watch;
	int cancel_fd;          /* for the parser of the configuration */
	const volatile sig_atomic_t *stop; /* not 0: leave it alone */
};

struct errand_result {
	struct build_result build;
	bool simulated;       /* the policy says so of its TPM */
	struct message notes; /* what the policy leaves open, or "" */
};

/*
 * Build.  On AC_OK out is a whole model, as with build_model().  AC_ERR_BUSY:
 * stopped, or out of reach for too long; where *away the build goes on without
 * us, and errand_attach() comes back to it.  Else nothing is left here.
 * AC_ERR_MISMATCH: the machine is refused, or its result is; the rest as
 * build_model() and remote.h; *why is set.
 */
AC_MUST_CHECK enum ac_err errand_build(struct errand_result *result,
    const struct errand_options *options, bool *away, struct message *why);

/*
 * Come back to the build whose result will be options->out; of options only
 * that, upload, watch and stop are looked at, and address where it is not NULL: the
 * machine may be reached in another way.  AC_ERR_NOT_FOUND: there is none.
 */
AC_MUST_CHECK enum ac_err errand_attach(struct errand_result *result,
    const struct errand_options *options, bool *away, struct message *why);

#endif
