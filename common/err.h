/*
 * err.h -- the one error type of every room.
 *
 * A function that can fail returns enum ac_err and is declared
 * AC_MUST_CHECK; its outputs are written only when it returns AC_OK.  The
 * codes say what kind of thing went wrong; which thing it was is said by the
 * caller, who knows what was being done.
 */
#ifndef AICERT_COMMON_ERR_H
#define AICERT_COMMON_ERR_H

#define AC_MUST_CHECK __attribute__((warn_unused_result))
#define AC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum ac_err {
	AC_OK = 0,
	AC_ERR_FORMAT,      /* bytes are not of the one accepted form */
	AC_ERR_LIMIT,       /* over a cap of limits.h */
	AC_ERR_MISMATCH,    /* well-formed, but not what it must equal */
	AC_ERR_NOT_FOUND,   /* absent */
	AC_ERR_EXISTS,      /* present where it must not be */
	AC_ERR_IO,          /* the operating system said no; errno is set */
	AC_ERR_MEMORY,      /* no memory */
	AC_ERR_CRYPTO,      /* a cryptographic library failed on good input */
	AC_ERR_BUSY,        /* would work later */
	AC_ERR_UNSUPPORTED, /* known, but not in this build */
};

/* A short English noun phrase for e, never NULL. */
const char *ac_strerror(enum ac_err e);

#endif
