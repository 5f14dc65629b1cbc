/*
 * images.h -- the image releases among the lines of a certificate: statements
 * of their publishers, logged like others.  The policy trusts one by its D, so
 * whoever signed it; here is seen that it is whole and signed.
 */
#ifndef AICERT_VERIFIER_IMAGES_H
#define AICERT_VERIFIER_IMAGES_H

#include "cert/release.h"
#include "verifier/certificate.h"

struct image {
	size_t line;            /* of the certificate, from 0 */
	struct release release; /* owned */
	struct spki key;        /* whose it is; after images_check() */
};

struct images {
	size_t n;
	struct image *image; /* owned */
};

/* Decode every line of the type.  As release_decode(); *why names the line. */
AC_MUST_CHECK enum ac_err images_decode(struct images *out,
    const struct certificate *c, struct message *why);

/* Is each signed by the key that its hint names?  AC_ERR_MISMATCH. */
AC_MUST_CHECK enum ac_err images_check(struct images *images,
    const struct certificate *c, struct message *why);

void images_free(struct images *images);

#endif
