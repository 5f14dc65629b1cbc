/* problem.c -- RFC 9457 problem documents; see problem.h. */
#include "cert/limits.h"
#include "registry/problem.h"

#define DOCUMENT_MAX 4096
#define RETRY_S 2 /* a full pool is empty again after a few batches */
#define RETRY_HALTED_S 300 /* a person must act first */

static const struct problem_kind kinds[PROBLEM_COUNT] = {
	[PROBLEM_NOT_FOUND] = { 404, "not-found", "There is no such thing" },
	[PROBLEM_REMOVED] = { 451, "removed", "The content is withheld" },
	[PROBLEM_METHOD] = { 405, "method", "Method not allowed" },
	[PROBLEM_ARGUMENT] = { 400, "argument", "Malformed argument" },
	[PROBLEM_MEDIA_TYPE] = { 415, "media-type", "Unsupported media type" },
	[PROBLEM_NO_LENGTH] = { 411, "no-length", "Content-Length is needed" },
	[PROBLEM_TOO_LARGE] = { 413, "too-large", "Over a limit of size" },
	[PROBLEM_RANGE] = { 416, "range", "Nothing of that range is there" },
	[PROBLEM_MALFORMED] = { 400, "malformed", "Malformed certificate" },
	[PROBLEM_DISAGREEMENT] = { 422, "disagreement",
	    "The lines of the certificate contradict each other" },
	[PROBLEM_SIGNATURE] = { 422, "signature", "A signature is not valid" },
	[PROBLEM_OTHER_EVIDENCE] = { 409, "other-evidence",
	    "The statement is logged with other evidence" },
	[PROBLEM_RATE] = { 429, "rate", "Too many requests from one address" },
	[PROBLEM_EVIDENCE] = { 422, "evidence",
	    "The evidence does not satisfy this registry" },
	[PROBLEM_AUTHORITY] = { 403, "authority",
	    "The signer may not say that" },
	[PROBLEM_BUSY] = { 503, "busy", "Too much to do" },
	[PROBLEM_STOPPING] = { 503, "stopping", "The registry is stopping" },
	[PROBLEM_UNWITNESSED] = { 503, "unwitnessed",
	    "The log waits for its witnesses" },
	[PROBLEM_HALTED] = { 503, "halted", "The log signs nothing" },
	[PROBLEM_FROZEN] = { 410, "frozen", "The log is closed for ever" },
	[PROBLEM_UNHEALTHY] = { 503, "unhealthy",
	    "The registry does not publish" },
	[PROBLEM_INTERNAL] = { 500, "internal", "The registry failed" },
};

const struct problem_kind *
problem_kind(enum problem p)
{
	return &kinds[p];
}

void
problem_reply(struct reply *out, enum problem p, const char *detail,
    const struct digest *stored)
{
	const struct problem_kind *k = &kinds[p];
	struct reply r = { .status = k->status, .problem = (unsigned)p + 1,
		.type = "application/problem+json", .cache = REPLY_NEVER };
	struct writer w;

	if (k->status == 503)
		r.retry_after_s = p == PROBLEM_HALTED ? RETRY_HALTED_S :
		    RETRY_S;
	wr_init(&w, DOCUMENT_MAX);
	wr_printf(&w, "{\"type\":\"" AICERT_URI "/problem/%s\",\"title\":"
	    "\"%s\",\"status\":%u,\"detail\":", k->name, k->title, k->status);
	wr_json(&w, span_str(detail));
	if (stored != NULL) {
		wr_str(&w, ",\"stored\":\"");
		wr_hex(&w, span_digest(stored));
		wr_u8(&w, '"');
	}
	wr_str(&w, "}\n");
	/* Without memory for the document the status alone must do. */
	if (wr_end(&w, &r.body) != AC_OK)
		r.body = (struct buf){ 0 };
	*out = r;
}
