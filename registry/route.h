/*
 * route.h -- what a request asks for: method, target and headers in, one
 * place of the registry or one refusal out.  Pure; knows no HTTP library.
 */
#ifndef AICERT_REGISTRY_ROUTE_H
#define AICERT_REGISTRY_ROUTE_H

#include "registry/problem.h"
#include "registry/search.h"

enum route_place {
	ROUTE_NONE, /* refused before it was known */
	ROUTE_PAGE,
	ROUTE_CERTIFICATE_PAGE,
	ROUTE_SEARCH_PAGE,
	ROUTE_HEALTH,
	ROUTE_METRICS,
	ROUTE_CHECKPOINT,
	ROUTE_TILE,
	ROUTE_TRUSTED_ROOT,
	ROUTE_LOG_KEYS,
	ROUTE_OPENAPI,
	ROUTE_SUBMIT,
	ROUTE_STATEMENT,
	ROUTE_CERTIFICATE,
	ROUTE_ENTRY,
	ROUTE_TLOG_PROOF,
	ROUTE_BY_DIGEST,
	ROUTE_SEARCH,
	ROUTE_FEED,
	ROUTE_INCLUSION,
	ROUTE_CONSISTENCY,
	ROUTE_REVOCATIONS,
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
	bool batch;                   /* SUBMIT: an array of certificates */
	bool gzip;                    /* the client takes gzip */
	struct digest d;              /* STATEMENT, CERTIFICATE, its page */
	bool has_key;
	struct digest key;            /* the same: SHA-256 of an SPKI */
	struct merkle_tile tile;      /* TILE */
	bool entries;
	char alg[STORE_ALG_MAX + 1];  /* BY_DIGEST */
	uint8_t value[STORE_VALUE_MAX];
	size_t valuelen;
	bool has_from;                /* BY_DIGEST: first index; CONSISTENCY */
	uint64_t from;
	bool has_index, has_hash, has_size; /* INCLUSION; CONSISTENCY's to */
	uint64_t index, size;         /* ENTRY, TLOG_PROOF: index */
	struct digest hash;           /* of the leaf */
	struct search search;         /* SEARCH, its page, FEED */
	struct span query;            /* as it came; borrowed */
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
