/*
 * wrong.h -- wrong inputs made from a right one, each by one replacement and
 * named by what is wrong.
 */
#ifndef AICERT_TESTS_CERT_WRONG_H
#define AICERT_TESTS_CERT_WRONG_H

#include "common/writer.h"

struct wrong {
	const char *what; /* is wrong */
	const char *from; /* first occurrence; NULL: append to the end */
	const char *to;
	enum ac_err want; /* AC_OK stands for AC_ERR_FORMAT */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A copy of text with the first from replaced by to. */
struct buf wrong_make(struct span text, const char *from, const char *to);

/*
 * Is right decoded, and is each of list[0..n), made from it, refused as it
 * says?  Fails the test by the name of what is not.
 */
void wrong_check(struct span right, const struct wrong list[], size_t n,
    enum ac_err (*decode)(struct span));

/* Is every proper beginning of right refused? */
void wrong_check_truncated(struct span right,
    enum ac_err (*decode)(struct span));

#endif
