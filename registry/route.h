/*
 * route.h -- what a request asks for: method, target and headers in, one
 * place of the registry or one refusal out.  Pure; knows no HTTP library.
 */
#ifndef AICERT_REGISTRY_ROUTE_H
#define AICERT_REGISTRY_ROUTE_H

#include "registry/problem.h"
#include "registry/store.h"

enum route_place {
	ROUTE_NONE, /* refused before it was known */
	ROUTE_PAGE,
	ROUTE_HEALTH,
	ROUTE_METRICS,
	ROUTE_CHECKPOINT,
	ROUTE_TILE,
	ROUTE_TRUSTED_ROOT,
	ROUTE_LOG_KEYS,
	ROUTE_SUBMIT,
	ROUTE_STATEMENT,
	ROUTE_CERTIFICATE,
	ROUTE_BY_DIGEST,
	ROUTE_INCLUSION,
	ROUTE_COUNT
};

/* Its name in metrics. */
const char *route_name(enum route_place place);

/*
 * Does it read what any web server or cache could hold as well, so that it
 * is not counted against its address?
 */
bool route_is_static(enum route_place place);

struct route {
	enum route_place place;
	bool gzip;                    /* the client takes gzip */
	struct digest d;              /* STATEMENT, CERTIFICATE */
	bool has_key;
	struct digest key;            /* CERTIFICATE: SHA-256 of an SPKI */
	struct merkle_tile tile;      /* TILE */
	bool entries;
	char alg[STORE_ALG_MAX + 1];  /* BY_DIGEST */
	uint8_t value[STORE_VALUE_MAX];
	size_t valuelen;
	bool has_from;                /* BY_DIGEST: first index */
	uint64_t from;
	bool has_index, has_hash, has_size; /* INCLUSION */
	uint64_t index, size;
	struct digest hash;           /* of the leaf */
};

/* What of a request decides; has_length is false for a chunked body. */
struct route_request {
	const char *method, *target;
	const char *content_type; /* or NULL */
	bool gzip;                /* as route_takes_gzip() says */
	bool has_length;
	uint64_t length;          /* of the body */
};

/* Does an Accept-Encoding of that value, NULL if there is none, take gzip? */
bool route_takes_gzip(const char *accept);

/* True: *out says where; false: *refusal says why not. */
AC_MUST_CHECK bool route_parse(struct route *out, struct reply *refusal,
    const struct route_request *req);

#endif
