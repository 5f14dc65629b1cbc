/* snapshot.c -- what a registry says is revoked, kept; see snapshot.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cert/revocation.h"
#include "common/file.h"
#include "common/reader.h"
#include "producer/snapshot.h"
#include "verifier/policyfile.h"

#define REVOCATIONS_N (REVOCATIONS_MAX / KIB) /* a line has more than 1 KiB */

/* The statement of one line, which is logged as found says. */
static enum ac_err
check_line(struct revocation *out, struct publish_line *found,
    struct span line, const struct logkeys *keys, struct message *why)
{
	struct buf again = { 0 };
	struct bundle b = { 0 };
	enum ac_err e = publish_check_one(&again, found, line, line, keys, why);

	buf_free(&again);
	if (e != AC_OK)
		return e;
	e = bundle_decode(&b, span_of(line.p, line.len - 1), STATEMENT_MAX);
	if (e == AC_OK)
		e = revocation_decode(out, buf_span(&b.statement));
	bundle_free(&b);
	if (e != AC_OK)
		message_set(why, "it is none of the statements about "
		    "revocations");
	return e;
}

/* The lines after the first: as many as stated, with the stated digest. */
static enum ac_err
check_counted(struct reader *r, const struct revocation *state,
    const struct note_key *log, const struct logkeys *keys,
    struct message *why)
{
	struct digest *d = calloc((size_t)state->count + 1, sizeof(*d)), all;
	uint64_t after = 0;
	struct span line;
	size_t n = 0;
	enum ac_err e = d == NULL ? AC_ERR_MEMORY : AC_OK;

	while (e == AC_OK && !rd_end(r)) {
		const uint8_t *start = r->left.p;
		struct publish_line found;
		struct revocation one = { 0 };

		e = AC_ERR_FORMAT;
		if (n == state->count || !rd_line(r, &line)) {
			message_set(why, "it has more than the lines counted");
			break;
		}
		e = check_line(&one, &found, span_of(start, line.len + 1),
		    keys, why);
		if (e != AC_OK)
			break;
		if (one.kind != REVOCATION || found.log != log ||
		    found.index >= state->tree_size ||
		    (n > 0 && found.index <= after)) {
			e = AC_ERR_MISMATCH;
			message_set(why, "line %zu is no revocation of that "
			    "log, in its order", n + 2);
		}
		after = found.index;
		d[n++] = found.d;
		revocation_free(&one);
	}
	if (e == AC_OK) {
		all = revocation_list_digest(d, n);
		if (n != state->count || !digest_equal(&all, &state->digest)) {
			e = AC_ERR_MISMATCH;
			message_set(why, "its revocations are not those that "
			    "its first line counts");
		}
	}
	free(d);
	return e;
}

enum ac_err
snapshot_check(struct snapshot *out, struct span text,
    const struct logkeys *keys, struct message *why)
{
	struct reader r = rd_of(text);
	struct revocation state = { 0 };
	struct publish_line found = { 0 };
	struct snapshot s = { 0 };
	struct span line;
	enum ac_err e;

	if (!rd_line(&r, &line)) {
		message_set(why, "it is empty, or its line does not end");
		return AC_ERR_FORMAT;
	}
	e = check_line(&state, &found, span_of(text.p, line.len + 1), keys,
	    why);
	if (e != AC_OK)
		return e;
	e = AC_ERR_MISMATCH;
	if (state.kind != REVOCATION_STATE ||
	    !span_is(state.origin, found.log->name)) {
		message_set(why, "its first line is no state of this log's "
		    "revocations");
		goto out;
	}
	e = AC_ERR_LIMIT;
	if (state.count > REVOCATIONS_N) {
		message_set(why, "it counts more revocations than can be read");
		goto out;
	}
	e = check_counted(&r, &state, found.log, keys, why);
	if (e != AC_OK)
		goto out;
	(void)snprintf(s.origin, sizeof(s.origin), "%s", found.log->name);
	s.tree_size = state.tree_size;
	s.count = state.count;
	s.index = found.index;
	*out = s;
out:
	revocation_free(&state);
	return e;
}

/* The folders that path is in, from the root on. */
static enum ac_err
make_folders(char *path)
{
	for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
		int failed;

		*at = '\0';
		failed = mkdir(path, 0700) != 0 && errno != EEXIST;
		*at = '/';
		if (failed)
			return AC_ERR_IO;
	}
	return AC_OK;
}

/* Write text to path, unless a larger one is there, which *s then is. */
static enum ac_err
keep(struct snapshot *s, char *path, struct span text,
    const struct logkeys *keys)
{
	struct snapshot kept;
	struct buf old = { 0 };
	struct message ignored;
	bool newer = file_read(&old, path, REVOCATIONS_MAX) == AC_OK &&
	    snapshot_check(&kept, buf_span(&old), keys, &ignored) == AC_OK &&
	    strcmp(kept.origin, s->origin) == 0 &&
	    (kept.tree_size > s->tree_size || kept.index > s->index);
	enum ac_err e = AC_OK;

	buf_free(&old);
	if (newer) {
		*s = kept;
		return AC_OK;
	}
	e = make_folders(path);
	return e == AC_OK ? file_write(path, text, 0600) : e;
}

enum ac_err
snapshot_keep(struct snapshot *out, char **path, const char *registry,
    const struct logkeys *keys, unsigned timeout_s, struct message *why)
{
	struct http_answer a = { 0 };
	struct snapshot s = { 0 };
	struct message what;
	char *url = NULL, *place = NULL;
	enum ac_err e = http_url(&url, registry, "api/v1/revocations", why);

	if (e != AC_OK)
		return e;
	e = http_get(&a, url, REVOCATIONS_MAX, timeout_s, why);
	free(url);
	if (e != AC_OK)
		return e;
	if (a.status != 200) {
		e = a.status == 404 ? AC_ERR_NOT_FOUND : AC_ERR_MISMATCH;
		message_set(why, a.status == 404 ? "the registry has no state "
		    "of its revocations yet (%u)" : "the registry answered %u "
		    "when asked for its revocations", a.status);
		goto out;
	}
	e = snapshot_check(&s, buf_span(&a.body), keys, &what);
	if (e != AC_OK) {
		message_set(why, "the registry's list of revocations does not "
		    "hold: %s", what.text);
		/* NOT_FOUND is a registry that has no list. */
		e = e == AC_ERR_NOT_FOUND ? AC_ERR_MISMATCH : e;
		goto out;
	}
	place = policyfile_snapshot(s.origin);
	e = place == NULL ? AC_ERR_UNSUPPORTED :
	    keep(&s, place, buf_span(&a.body), keys);
	if (e != AC_OK) {
		message_set(why, "cannot keep the list of revocations in ");
		message_add_quoted(why, span_str(place != NULL ? place :
		    "$XDG_CACHE_HOME/aicert"));
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    place == NULL ? "neither XDG_CACHE_HOME nor HOME is set" :
		    ac_strerror(e));
		goto out;
	}
	*out = s;
	*path = place;
	place = NULL; /* transferred */
out:
	free(place);
	http_answer_free(&a);
	return e;
}
