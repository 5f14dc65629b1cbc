/*
 * problem.h -- every refusal of the registry, in one table, as an RFC 9457
 * problem document.  docs/registry-errors.md says the same for clients; a
 * test keeps the two together.
 */
#ifndef AICERT_REGISTRY_PROBLEM_H
#define AICERT_REGISTRY_PROBLEM_H

#include "common/message.h"
#include "registry/reply.h"

enum problem {
	PROBLEM_NOT_FOUND,
	PROBLEM_REMOVED,
	PROBLEM_METHOD,
	PROBLEM_ARGUMENT,
	PROBLEM_MEDIA_TYPE,
	PROBLEM_NO_LENGTH,
	PROBLEM_TOO_LARGE,
	PROBLEM_RANGE,
	PROBLEM_MALFORMED,
	PROBLEM_DISAGREEMENT,
	PROBLEM_SIGNATURE,
	PROBLEM_OTHER_EVIDENCE,
	PROBLEM_AUTHORITY,
	PROBLEM_EVIDENCE,
	PROBLEM_RATE,
	PROBLEM_BUSY,
	PROBLEM_STOPPING,
	PROBLEM_UNWITNESSED,
	PROBLEM_HALTED,
	PROBLEM_FROZEN,
	PROBLEM_UNHEALTHY,
	PROBLEM_INTERNAL,
	PROBLEM_COUNT
};

struct problem_kind {
	unsigned status;
	const char *name;  /* last part of the type URI */
	const char *title;
};

const struct problem_kind *problem_kind(enum problem p);

/*
 * *out = the document for p with that detail, which may hold text from
 * outside only as message.h escapes it.  stored, where not NULL, is the D
 * that a conflict names.
 */
void problem_reply(struct reply *out, enum problem p, const char *detail,
    const struct digest *stored);

#endif
