/* logkeys.c -- a registry's public keys; see logkeys.h. */
#include <errno.h>

#include "common/file.h"
#include "common/reader.h"
#include "producer/logkeys.h"

/* Is every line blank, a comment, or of one of the three kinds? */
static enum ac_err
check_kinds(struct span text, struct message *why)
{
	struct reader r = rd_of(text);
	struct span line, word;

	for (size_t number = 1; !rd_end(&r); number++) {
		struct reader words;

		if (!rd_line(&r, &line)) {
			line = r.left;
			r = rd_of(span_of(NULL, 0));
		}
		while (line.len > 0 && (*line.p == ' ' || *line.p == '\t'))
			line = span_of(line.p + 1, line.len - 1);
		if (line.len == 0 || *line.p == '#')
			continue;
		for (size_t i = 0; i < line.len; i++)
			if (line.p[i] == '\t')
				line.len = i;
		words = rd_of(line);
		if (!rd_until(&words, &word, ' '))
			word = line;
		if (span_is(word, "log") || span_is(word, "log-time") ||
		    span_is(word, "registry"))
			continue;
		message_set(why, "line %zu: expected \"log <key>\", "
		    "\"log-time <key>\" or \"registry <origin> <key>\", "
		    "as a registry serves them at /api/v1/log-keys; found ",
		    number);
		message_add_quoted(why, word);
		return AC_ERR_FORMAT;
	}
	return AC_OK;
}

/* No line that is let through names a file. */
static enum ac_err
load_nothing(void *ctx, struct buf *out, const char *path)
{
	(void)ctx;
	(void)out;
	(void)path;
	return AC_ERR_UNSUPPORTED;
}

enum ac_err
logkeys_parse(struct logkeys *out, struct span text, struct message *why)
{
	const struct policy_loader loader = { load_nothing, NULL };
	struct policy *p = NULL;
	struct buf whole = { 0 };
	struct writer w;
	enum ac_err e = check_kinds(text, why);

	if (e != AC_OK)
		return e;
	/* The verifier's own parser, which wants a quorum line at the end. */
	wr_init(&w, LOGKEYS_FILE_MAX + 16);
	wr_bytes(&w, text);
	wr_str(&w, "\nquorum none\n");
	e = wr_end(&w, &whole);
	if (e != AC_OK) {
		message_set(why, "too large for a list of log keys");
		return e;
	}
	e = policy_parse(&p, buf_span(&whole), &loader, why);
	buf_free(&whole);
	if (e != AC_OK)
		return e;
	e = AC_ERR_FORMAT;
	if (p->nlog == 0) {
		message_set(why, "there is no \"log <key>\" line");
		goto out;
	}
	if (p->nlog > LOGKEYS_MAX || p->nlog_time > LOGKEYS_MAX ||
	    p->nregistry > LOGKEYS_MAX) {
		e = AC_ERR_LIMIT;
		message_set(why, "more than %d keys of one kind", LOGKEYS_MAX);
		goto out;
	}
	memcpy(out->log, p->log, p->nlog * sizeof(p->log[0]));
	memcpy(out->time, p->log_time, p->nlog_time * sizeof(p->log_time[0]));
	memcpy(out->registry, p->registry,
	    p->nregistry * sizeof(p->registry[0]));
	out->nlog = p->nlog;
	out->ntime = p->nlog_time;
	out->nregistry = p->nregistry;
	e = AC_OK;
out:
	policy_free(p);
	return e;
}

enum ac_err
logkeys_read(struct logkeys *out, const char *path, struct message *why)
{
	struct message what;
	struct buf text;
	enum ac_err e = file_read(&text, path, LOGKEYS_FILE_MAX);

	if (e == AC_OK) {
		e = logkeys_parse(out, buf_span(&text), &what);
		buf_free(&text);
	} else {
		message_set(&what, "%s", e == AC_ERR_IO ? strerror(errno) :
		    e == AC_ERR_FORMAT ? "not a regular file" :
		    ac_strerror(e));
	}
	if (e != AC_OK) {
		message_set(why, "cannot use the log keys in ");
		message_add_quoted(why, span_str(path));
		message_add(why, ": %s", what.text);
	}
	return e;
}

const struct note_key *
logkeys_by_id(const struct logkeys *k, const struct digest *log_id)
{
	for (size_t i = 0; i < k->nlog; i++) {
		struct digest id = note_key_hash(&k->log[i]);

		if (digest_equal(&id, log_id))
			return &k->log[i];
	}
	return NULL;
}
