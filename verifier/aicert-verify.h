/*
 * aicert-verify.h -- libaicert-verify: was this model made as its certificate
 * says?  Bytes, a policy and a time go in; a verdict and a report come out.
 *
 * It opens no network connection, starts no process, keeps no state between
 * calls, and may be called from several threads at once.  Of files it reads
 * only the policy, where one is named, and the key files that it names.
 *
 * See aicert_verify(3).
 */
#ifndef AICERT_VERIFY_LIBRARY_H
#define AICERT_VERIFY_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Verdicts; the same numbers as the exit codes of aicert-verify(1). */
#define AICERT_VERIFIED 0
#define AICERT_NOT_VERIFIED 1
#define AICERT_COULD_NOT_RUN 2
#define AICERT_NOT_ACCEPTED 3

struct aicert_bytes {
	const void *p;
	size_t len;
};

/* A file of the model: its path in the folder, with '/', and its SHA-256. */
struct aicert_file {
	const char *name;
	unsigned char sha256[32];
};

/* Zero what is not used. */
struct aicert_request {
	size_t size;         /* sizeof(struct aicert_request) */
	const char *subject; /* what the report calls the model */
	/*
	 * The policy: the path of a file, or its text, in which keys are given
	 * by their fingerprints.
	 */
	const char *policy_file;
	struct aicert_bytes policy;
	struct aicert_bytes certificate; /* aicert.jsonl */
	struct aicert_bytes model_sig;   /* model.sig */
	/*
	 * All files of the folder but those that are ignored, in any order.
	 * Without them nothing is ever verified.
	 */
	const struct aicert_file *files;
	size_t nfiles;
	const struct aicert_bytes *revocations; /* snapshots, at most 8 */
	size_t nrevocations;
	const struct aicert_bytes *ancestors; /* certificates of inputs */
	size_t nancestors;
	int64_t now_s; /* Unix time: how old a revocation state is */
};

/*
 * The verdict.  *report, unless report is NULL, becomes the report as JSON
 * (share/aicert/report.schema.json), to be freed by aicert_verify_free(), or
 * NULL where there is no memory for it.
 */
int aicert_verify(const struct aicert_request *request, char **report);

void aicert_verify_free(char *report);

/* "0.1.0" */
const char *aicert_verify_version(void);

#ifdef __cplusplus
}
#endif

#endif
