/*
 * ask.h -- what an agent is asked: method, target and headers of a request,
 * taken apart.  Strangers write all of it.  Pure.
 *
 *   GET  /attestation?nonce=HEX          who are you, and what runs there
 *   POST /configuration?name=N&builder=HEX
 *   POST /run
 *   GET  /status
 *   GET  /certificate
 *   GET  /outputs, /outputs/PATH
 *   POST /upload?path=PATH
 */
#ifndef AICERT_PRODUCER_ASK_H
#define AICERT_PRODUCER_ASK_H

#include "cert/limits.h"
#include "common/bytes.h"
#include "common/err.h"

enum ask_place {
	ASK_ATTESTATION,
	ASK_CONFIGURATION,
	ASK_RUN,
	ASK_STATUS,
	ASK_CERTIFICATE,
	ASK_OUTPUTS, /* the list */
	ASK_OUTPUT,  /* one */
	ASK_UPLOAD,
};
#define ASK_PLACES 8

enum ask_result {
	ASK_OK,
	ASK_NOT_FOUND, /* no such place */
	ASK_METHOD,    /* it is there; place is set, *allow what it takes */
	ASK_ARGUMENT,  /* its arguments are not of their form; place is set */
};

struct ask {
	enum ask_place place;
	bool head;                     /* HEAD */
	uint8_t nonce[32];             /* of an attestation */
	struct digest builder;         /* of a configuration */
	char name[FILE_PATH_MAX + 1];  /* of a configuration; path of a file */
};

/*
 * Take method and target apart.  Arguments stand once, in the order above,
 * with the escapes of RFC 3986; names have no control characters.
 */
enum ask_result ask_parse(struct ask *out, const char **allow,
    const char *method, const char *target);

/*
 * "Bearer " and 64 hex digits: *out is the SHA-256 of the 32 bytes.  NULL is
 * no header.
 */
AC_MUST_CHECK bool ask_bearer(struct digest *out, const char *header);

/*
 * A Range over bytes bytes: *from and *count are what is asked for.  A header
 * that is not one range of bytes asks for all, and so does none (RFC 9110,
 * section 14.2).  False: nothing of it is there.
 */
AC_MUST_CHECK bool ask_range(uint64_t *from, uint64_t *count,
    const char *header, uint64_t bytes);

/* Last-Event-ID; 0 for anything that is no number. */
uint64_t ask_last_event(const char *header);

#endif
