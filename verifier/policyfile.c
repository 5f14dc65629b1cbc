/* policyfile.c -- policies on disk; see policyfile.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "verifier/policyfile.h"

/* Folder of the policy file, for the PEM paths in it. */
struct policy_dir {
	const char *path;
};

static enum ac_err
load_pem(void *ctx, struct buf *out, const char *path)
{
	const struct policy_dir *dir = ctx;
	const char *slash = strrchr(dir->path, '/');
	char *full = NULL;
	enum ac_err e;

	if (path[0] == '/' || slash == NULL)
		return file_read(out, path, PEM_MAX);
	if (asprintf(&full, "%.*s/%s", (int)(slash - dir->path), dir->path,
	    path) < 0)
		return AC_ERR_MEMORY;
	e = file_read(out, full, PEM_MAX);
	free(full);
	return e;
}

char *
policyfile_find(const char *option)
{
	const char *from_env = getenv("AICERT_POLICY");
	const char *home = getenv("HOME");
	char *path = NULL;

	if (option != NULL)
		return strdup(option);
	if (from_env != NULL && from_env[0] != '\0')
		return strdup(from_env);
	if (home != NULL && asprintf(&path, "%s/.config/aicert/policy",
	    home) >= 0) {
		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	if (access("/etc/aicert/policy", F_OK) == 0)
		return strdup("/etc/aicert/policy");
	return NULL;
}

enum ac_err
policyfile_load(struct policy **out, const char *path, struct message *why)
{
	struct policy_dir dir = { path };
	struct policy_loader loader = { load_pem, &dir };
	struct buf text = { 0 };
	struct message what = { "" };
	enum ac_err e;

	e = file_read(&text, path, POLICY_MAX);
	if (e != AC_OK) {
		message_set(why, "cannot read the policy ");
		message_add_quoted(why, span_str(path));
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
		return e;
	}
	e = policy_parse(out, buf_span(&text), &loader, &what);
	if (e != AC_OK) {
		message_set(why, "policy ");
		message_add_quoted(why, span_str(path));
		message_add(why, ", %s", what.text);
	}
	buf_free(&text);
	return e;
}
