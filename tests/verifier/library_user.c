/*
 * library_user.c -- a program that knows libaicert-verify from its header
 * only.  usage: library_user POLICY DIR [-r SNAPSHOT] [-a ANCESTOR] NAME=SHA256...
 */
#include <aicert-verify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES 16

static struct aicert_bytes
slurp(const char *dir, const char *name)
{
	struct aicert_bytes b = { NULL, 0 };
	char path[4096];
	FILE *f;
	char *p;

	snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "", name);
	f = fopen(path, "rb");
	p = malloc(1 << 20);
	if (f == NULL || p == NULL)
		exit(9);
	b.len = fread(p, 1, 1 << 20, f);
	b.p = p;
	fclose(f);
	return b;
}

int
main(int argc, char **argv)
{
	struct aicert_file files[FILES];
	struct aicert_bytes snapshot, ancestor;
	struct aicert_request q;
	char *report;
	int verdict, i;

	if (argc < 3 || argc > FILES)
		return 9;
	memset(&q, 0, sizeof(q));
	q.size = sizeof(q);
	q.subject = argv[2];
	q.policy = slurp("", argv[1]);
	q.certificate = slurp(argv[2], "aicert.jsonl");
	q.model_sig = slurp(argv[2], "model.sig");
	q.now_s = 1767400000;
	q.files = files;
	for (i = 3; i < argc; i++) {
		struct aicert_file *f = &files[q.nfiles];
		char *hex = strchr(argv[i], '=');
		unsigned byte;
		int k;

		if (strcmp(argv[i], "-r") == 0) {
			snapshot = slurp("", argv[++i]);
			q.revocations = &snapshot;
			q.nrevocations = 1;
			continue;
		}
		if (strcmp(argv[i], "-a") == 0) {
			ancestor = slurp("", argv[++i]);
			q.ancestors = &ancestor;
			q.nancestors = 1;
			continue;
		}
		if (hex == NULL)
			return 9;
		*hex++ = '\0';
		f->name = argv[i];
		for (k = 0; k < 32; k++) {
			if (sscanf(hex + 2 * k, "%2x", &byte) != 1)
				return 9;
			f->sha256[k] = (unsigned char)byte;
		}
		q.nfiles++;
	}
	if (q.nfiles == 0)
		q.files = NULL;
	verdict = aicert_verify(&q, &report);
	if (report == NULL || aicert_verify(&q, NULL) != verdict)
		return 9;
	fputs(report, stdout);
	aicert_verify_free(report);
	q.size--;
	if (aicert_verify(&q, NULL) != AICERT_COULD_NOT_RUN ||
	    aicert_verify(NULL, NULL) != AICERT_COULD_NOT_RUN)
		return 9;
	return verdict;
}
