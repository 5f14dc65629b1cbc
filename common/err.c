/* err.c -- names of the error codes; nothing else. */
#include "common/err.h"

const char *
ac_strerror(enum ac_err e)
{
	switch (e) {
	case AC_OK:
		return "success";
	case AC_ERR_FORMAT:
		return "malformed";
	case AC_ERR_LIMIT:
		return "over a limit";
	case AC_ERR_MISMATCH:
		return "does not match";
	case AC_ERR_NOT_FOUND:
		return "not found";
	case AC_ERR_EXISTS:
		return "already exists";
	case AC_ERR_IO:
		return "input/output error";
	case AC_ERR_MEMORY:
		return "out of memory";
	case AC_ERR_CRYPTO:
		return "cryptographic library failure";
	case AC_ERR_BUSY:
		return "busy";
	case AC_ERR_UNSUPPORTED:
		return "not supported by this build";
	}
	return "unknown error";
}
