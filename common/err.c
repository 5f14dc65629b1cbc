/* err.c -- names of the error codes; nothing else. */
#include "common/err.h"

const char *
ac_strerror(enum ac_err e)
{
	static const char *const names[] = {
		[AC_OK] = "success",
		[AC_ERR_FORMAT] = "malformed",
		[AC_ERR_LIMIT] = "over a limit",
		[AC_ERR_MISMATCH] = "does not match",
		[AC_ERR_NOT_FOUND] = "not found",
		[AC_ERR_EXISTS] = "already exists",
		[AC_ERR_IO] = "input/output error",
		[AC_ERR_MEMORY] = "out of memory",
		[AC_ERR_CRYPTO] = "cryptographic library failure",
		[AC_ERR_BUSY] = "busy",
		[AC_ERR_UNSUPPORTED] = "not supported by this build",
	};

	return (unsigned)e < sizeof(names) / sizeof(names[0]) ? names[e] :
	    "unknown error";
}
