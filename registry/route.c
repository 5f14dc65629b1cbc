/*
 * route.c -- the table of places; see route.h.  Targets are compared as they
 * come: nothing here needs percent-encoding, so nothing is decoded.
 */
#include <strings.h>

#include "common/reader.h"
#include "common/text.h"
#include "registry/batch.h"
#include "registry/route.h"

#define API "/api/v1/"
#define JSONL "application/jsonl"
#define JSON "application/json"

/* Fixed paths, and prefixes whose rest is an argument. */
static const struct {
	const char *path;
	enum route_place place;
	bool prefix;
} places[] = {
	{ "/", ROUTE_PAGE, false },
	{ "/certificate/", ROUTE_CERTIFICATE_PAGE, true },
	{ "/search", ROUTE_SEARCH_PAGE, false },
	{ "/healthz", ROUTE_HEALTH, false },
	{ "/metrics", ROUTE_METRICS, false },
	{ "/checkpoint", ROUTE_CHECKPOINT, false },
	{ "/tile/", ROUTE_TILE, true },
	{ "/trusted_root.json", ROUTE_TRUSTED_ROOT, false },
	{ API "log-keys", ROUTE_LOG_KEYS, false },
	{ API "openapi.json", ROUTE_OPENAPI, false },
	{ API "certificates", ROUTE_SUBMIT, false },
	{ API "statements/", ROUTE_STATEMENT, true },
	{ API "certificates/", ROUTE_CERTIFICATE, true },
	{ API "entries/", ROUTE_ENTRY, true },
	{ API "by-digest/", ROUTE_BY_DIGEST, true },
	{ API "search", ROUTE_SEARCH, false },
	{ API "feed.atom", ROUTE_FEED, false },
	{ API "proof/inclusion", ROUTE_INCLUSION, false },
	{ API "proof/consistency", ROUTE_CONSISTENCY, false },
	{ API "revocations", ROUTE_REVOCATIONS, false },
};

static const char *const names[ROUTE_COUNT] = {
	[ROUTE_NONE] = "none",
	[ROUTE_PAGE] = "page",
	[ROUTE_CERTIFICATE_PAGE] = "certificate_page",
	[ROUTE_SEARCH_PAGE] = "search_page",
	[ROUTE_HEALTH] = "healthz",
	[ROUTE_METRICS] = "metrics",
	[ROUTE_CHECKPOINT] = "checkpoint",
	[ROUTE_TILE] = "tile",
	[ROUTE_TRUSTED_ROOT] = "trusted_root",
	[ROUTE_LOG_KEYS] = "log_keys",
	[ROUTE_OPENAPI] = "openapi",
	[ROUTE_SUBMIT] = "submit",
	[ROUTE_STATEMENT] = "statement",
	[ROUTE_CERTIFICATE] = "certificate",
	[ROUTE_ENTRY] = "entry",
	[ROUTE_TLOG_PROOF] = "tlog_proof",
	[ROUTE_BY_DIGEST] = "by_digest",
	[ROUTE_SEARCH] = "search",
	[ROUTE_FEED] = "feed",
	[ROUTE_INCLUSION] = "inclusion",
	[ROUTE_CONSISTENCY] = "consistency",
	[ROUTE_REVOCATIONS] = "revocations",
};

const char *
route_name(enum route_place place)
{
	return names[place];
}

bool
route_is_static(enum route_place place)
{
	return place == ROUTE_CHECKPOINT || place == ROUTE_TILE ||
	    place == ROUTE_HEALTH || place == ROUTE_METRICS;
}

static struct span
trimmed(struct span s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_of(s.p + 1, s.len - 1);
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Is it "q=0", "q=0." or "q=0.000": not acceptable? */
static bool
is_never(struct span parameter)
{
	if (parameter.len < 3 || (parameter.p[0] | 0x20) != 'q' ||
	    parameter.p[1] != '=' || parameter.p[2] != '0')
		return false;
	for (size_t i = 3; i < parameter.len; i++)
		if (parameter.p[i] != '.' && parameter.p[i] != '0')
			return false;
	return true;
}

bool
route_takes_gzip(const char *accept)
{
	struct reader rd = rd_of(accept == NULL ? span_of("", 0) :
	    span_str(accept));

	while (!rd_end(&rd)) {
		struct span one, coding;
		struct reader part;

		if (!rd_until(&rd, &one, ',')) {
			one = rd.left;
			rd.left.len = 0;
		}
		part = rd_of(one);
		if (!rd_until(&part, &coding, ';')) {
			coding = part.left;
			part.left.len = 0;
		}
		coding = trimmed(coding);
		if (coding.len == 4 &&
		    strncasecmp((const char *)coding.p, "gzip", 4) == 0)
			return !is_never(trimmed(part.left));
	}
	return false;
}

/* "http://host/path" means "/path" (RFC 9112 section 3.2.2). */
static struct span
origin_form(const char *target)
{
	const char *rest = target, *slash;

	if (strncasecmp(target, "http://", 7) == 0)
		rest = target + 7;
	else if (strncasecmp(target, "https://", 8) == 0)
		rest = target + 8;
	if (rest == target)
		return span_str(target);
	slash = strchr(rest, '/');
	return slash == NULL ? span_str("/") : span_str(slash);
}

/* Is the Content-Type that one, with parameters or without? */
static bool
is_type(const char *type, const char *wanted)
{
	size_t n = strlen(wanted);

	return type != NULL && strncasecmp(type, wanted, n) == 0 &&
	    (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

/* "<alg>/<hex>" */
static bool
get_named(struct route *r, struct span rest)
{
	struct reader rd = rd_of(rest);
	struct span alg;

	if (!rd_until(&rd, &alg, '/') || alg.len == 0 ||
	    alg.len > STORE_ALG_MAX)
		return false;
	for (size_t i = 0; i < alg.len; i++) {
		uint8_t c = alg.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z') || c == '_' || c == '-'))
			return false;
		r->alg[i] = (char)c;
	}
	r->alg[alg.len] = '\0';
	r->valuelen = rd.left.len / 2;
	return r->valuelen > 0 && r->valuelen <= STORE_VALUE_MAX &&
	    rd.left.len % 2 == 0 && text_unhex(r->value, r->valuelen, rd.left);
}

/* Set *has and say whether it was not set before. */
static bool
once(bool *has)
{
	bool first = !*has;

	*has = true;
	return first;
}

static bool
get_size(bool *has, uint64_t *out, struct span value)
{
	return once(has) && text_undec(out, value, MERKLE_SIZE_MAX);
}

static bool
get_inclusion(struct route *r, struct span name, struct span value)
{
	if (span_is(name, "size"))
		return get_size(&r->has_size, &r->size, value);
	if (span_is(name, "index"))
		return get_size(&r->has_index, &r->index, value);
	return span_is(name, "hash") && once(&r->has_hash) &&
	    text_unhex_digest(&r->hash, value);
}

/* One argument of the query; each at most once. */
static bool
get_argument(struct route *r, struct span name, struct span value)
{
	switch (r->place) {
	case ROUTE_CERTIFICATE:
	case ROUTE_CERTIFICATE_PAGE:
		return span_is(name, "key") && once(&r->has_key) &&
		    text_unhex_digest(&r->key, value);
	case ROUTE_BY_DIGEST:
		return span_is(name, "from") &&
		    get_size(&r->has_from, &r->from, value);
	case ROUTE_INCLUSION:
		return get_inclusion(r, name, value);
	case ROUTE_CONSISTENCY:
		if (span_is(name, "from"))
			return get_size(&r->has_from, &r->from, value);
		return span_is(name, "to") &&
		    get_size(&r->has_size, &r->size, value);
	case ROUTE_SEARCH_PAGE:
		/* A form sends the fields that were left empty, too. */
		return value.len == 0 || search_take(&r->search, name, value);
	case ROUTE_SEARCH:
	case ROUTE_FEED:
		return search_take(&r->search, name, value);
	case ROUTE_NONE:
	case ROUTE_PAGE:
	case ROUTE_HEALTH:
	case ROUTE_METRICS:
	case ROUTE_CHECKPOINT:
	case ROUTE_TILE:
	case ROUTE_TRUSTED_ROOT:
	case ROUTE_LOG_KEYS:
	case ROUTE_OPENAPI:
	case ROUTE_SUBMIT:
	case ROUTE_STATEMENT:
	case ROUTE_ENTRY:
	case ROUTE_TLOG_PROOF:
	case ROUTE_REVOCATIONS:
	case ROUTE_COUNT:
		break;
	}
	return false;
}

/* Is everything there that the place needs, and nothing that contradicts? */
static bool
is_complete(const struct route *r)
{
	if (r->place == ROUTE_INCLUSION)
		return r->has_index != r->has_hash;
	if (r->place == ROUTE_CONSISTENCY)
		return r->has_from && r->from > 0 &&
		    (!r->has_size || r->from <= r->size);
	/* A feed goes from the newest backwards, and its pages are as long. */
	if (r->place == ROUTE_FEED)
		return r->search.given[SEARCH_ORDER].p == NULL;
	return true;
}

static bool
get_query(struct route *r, struct span query)
{
	struct reader rd = rd_of(query);

	search_init(&r->search);
	r->query = query;
	while (!rd_end(&rd)) {
		struct span part, name;
		struct reader one;

		if (!rd_until(&rd, &part, '&')) {
			part = rd.left;
			rd.left.len = 0;
		}
		one = rd_of(part);
		if (!rd_until(&one, &name, '=') ||
		    !get_argument(r, name, one.left))
			return false;
	}
	/* People look for what is new. */
	if (r->place == ROUTE_SEARCH_PAGE &&
	    r->search.given[SEARCH_ORDER].p == NULL) {
		r->search.given[SEARCH_ORDER] = span_str("newest");
		r->search.query.newest_first = true;
	}
	return is_complete(r);
}

static bool
refuse(struct reply *out, enum problem p, const char *detail)
{
	problem_reply(out, p, detail, NULL);
	return false;
}

/* "<index>" or "<index>/tlog-proof" */
static bool
get_entry(struct route *r, struct span rest)
{
	struct reader rd = rd_of(rest);
	struct span index;

	if (rd_until(&rd, &index, '/')) {
		if (!span_is(rd.left, "tlog-proof"))
			return false;
		r->place = ROUTE_TLOG_PROOF;
		rest = index;
	}
	return text_undec(&r->index, rest, MERKLE_SIZE_MAX);
}

/* The argument in the path: rest is what follows the place's prefix. */
static bool
get_path(struct route *r, struct reply *refusal, struct span path,
    struct span rest)
{
	/* Tiles are named by the path without its first slash. */
	if (r->place == ROUTE_TILE && !merkle_tile_parse(&r->tile, &r->entries,
	    span_of(path.p + 1, path.len - 1)))
		return refuse(refusal, PROBLEM_NOT_FOUND, "That is not the "
		    "path of a tile or entry bundle (C2SP tlog-tiles).");
	if ((r->place == ROUTE_STATEMENT || r->place == ROUTE_CERTIFICATE ||
	    r->place == ROUTE_CERTIFICATE_PAGE) &&
	    !text_unhex_digest(&r->d, rest))
		return refuse(refusal, PROBLEM_ARGUMENT, "A statement is named "
		    "by its D: 64 lower-case hex digits.");
	if (r->place == ROUTE_ENTRY && !get_entry(r, rest))
		return refuse(refusal, PROBLEM_ARGUMENT, "An entry is named "
		    "by its index, a decimal without leading zeros, and has "
		    "besides only /tlog-proof.");
	if (r->place == ROUTE_BY_DIGEST && !get_named(r, rest))
		return refuse(refusal, PROBLEM_ARGUMENT, "Expected "
		    "by-digest/<algorithm>/<lower-case hex>.");
	return true;
}

static bool
check_submit(struct reply *refusal, const struct route_request *req,
    bool *batch)
{
	*batch = is_type(req->content_type, JSON);
	if (!*batch && !is_type(req->content_type, JSONL))
		return refuse(refusal, PROBLEM_MEDIA_TYPE, "A certificate is "
		    "posted as " JSONL ", the bytes of aicert.jsonl; many of "
		    "them as " JSON ", an array of strings.");
	if (!req->has_length)
		return refuse(refusal, PROBLEM_NO_LENGTH, "Post the "
		    "certificate with a Content-Length.");
	if (req->length > (*batch ? BATCH_BODY_MAX : CERTIFICATE_MAX))
		return refuse(refusal, PROBLEM_TOO_LARGE, *batch ?
		    "An array of certificates has at most 16 MiB." :
		    "A certificate has at most 4 MiB.");
	return true;
}

/* Does the method fit the place, and the body the method? */
static bool
check_method(struct reply *refusal, enum route_place place, bool *batch,
    const struct route_request *req)
{
	bool submit = place == ROUTE_SUBMIT;
	bool fits = submit ? strcmp(req->method, "POST") == 0 :
	    strcmp(req->method, "GET") == 0 ||
	    strcmp(req->method, "HEAD") == 0;

	if (!fits) {
		problem_reply(refusal, PROBLEM_METHOD, submit ?
		    "Certificates are posted here." :
		    "This can only be read.", NULL);
		refusal->allow = submit ? "POST" : "GET, HEAD";
		return false;
	}
	if (submit)
		return check_submit(refusal, req, batch);
	if (!req->has_length || req->length > 0)
		return refuse(refusal, PROBLEM_TOO_LARGE,
		    "A request to read has no body.");
	return true;
}

bool
route_parse(struct route *out, struct reply *refusal,
    const struct route_request *req)
{
	struct span path = origin_form(req->target), query = { 0 };
	struct reader rd = rd_of(path);
	size_t nplaces = sizeof(places) / sizeof(places[0]), i, n = 0;
	struct route r = { 0 };
	struct span before;

	if (rd_until(&rd, &before, '?')) {
		path = before;
		query = rd.left;
	}
	for (i = 0; i < nplaces; i++) {
		n = strlen(places[i].path);
		if (path.len >= n && (places[i].prefix || path.len == n) &&
		    span_is(span_of(path.p, n), places[i].path))
			break;
	}
	if (i == nplaces)
		return refuse(refusal, PROBLEM_NOT_FOUND,
		    "There is nothing at this path.");
	r.place = places[i].place;
	r.gzip = req->gzip;
	if (!check_method(refusal, r.place, &r.batch, req) ||
	    !get_path(&r, refusal, path, span_of(path.p + n, path.len - n)))
		return false;
	if (!get_query(&r, query))
		return refuse(refusal, PROBLEM_ARGUMENT, "The query has an "
		    "argument that is unknown here, missing, given twice or "
		    "malformed.");
	*out = r;
	return true;
}
