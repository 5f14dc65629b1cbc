/* policyfile.c -- policies on disk; see policyfile.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "common/reader.h"
#include "verifier/policyfile.h"
#include "verifier/rule.h"

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

char *
policyfile_snapshot(const char *origin)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int n = -1;

	/* An origin may look like a path; what is kept is named by a host. */
	if (origin[0] == '.' || strchr(origin, '/') != NULL)
		return NULL;
	if (cache != NULL && cache[0] == '/')
		n = asprintf(&path, "%s/aicert/%s.revocations.jsonl", cache,
		    origin);
	else if (home != NULL)
		n = asprintf(&path, "%s/.cache/aicert/%s.revocations.jsonl",
		    home, origin);
	return n < 0 ? NULL : path;
}

/* Does the line begin with a word of tlog-policy? */
static bool
is_tlog(struct span line)
{
	static const char *const words[] = { "log", "witness", "group",
		"quorum" };
	struct rule_words in;
	struct message why;

	if (rule_split(&in, line, 0, &why) != AC_OK || in.n == 0)
		return false;
	for (size_t k = 0; k < AC_COUNT(words); k++)
		if (span_is(in.f[0], words[k]))
			return true;
	return false;
}

enum ac_err
policyfile_tlog(struct buf *out, const char *path, struct message *why)
{
	struct policy *p = NULL;
	struct buf text = { 0 };
	struct reader r;
	struct writer w;
	struct span line;
	enum ac_err e = policyfile_load(&p, path, why);

	policy_free(p);
	if (e == AC_OK)
		e = file_read(&text, path, POLICY_MAX);
	if (e != AC_OK)
		return e;
	wr_init(&w, 2 * POLICY_MAX);
	for (r = rd_of(buf_span(&text)); !rd_end(&r);) {
		if (!rd_line(&r, &line))
			line = rd_rest(&r);
		if (!is_tlog(line))
			continue;
		wr_bytes(&w, line);
		wr_u8(&w, '\n');
	}
	buf_free(&text);
	return wr_end(&w, out);
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
	if (e != AC_OK)
		return BECAUSE(why, e, "cannot read the policy %s: %s",
		    message_quoted(span_str(path)).text, e == AC_ERR_IO ?
		    strerror(errno) : ac_strerror(e));
	e = policy_parse(out, buf_span(&text), &loader, &what);
	if (e != AC_OK) {
		message_set(why, "policy %s, %s",
		    message_quoted(span_str(path)).text, what.text);
	}
	buf_free(&text);
	return e;
}
