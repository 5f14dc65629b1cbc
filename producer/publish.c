/* publish.c -- to the registry and back; see publish.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "cert/dsse.h"
#include "cert/json.h"
#include "common/reader.h"
#include "producer/publish.h"
#include "verifier/entry.h"

#define PROBLEM_TYPE "application/problem+json"

enum ac_err
publish_prepare(struct publish *out, struct span jsonl, struct message *why)
{
	struct certificate *c = calloc(1, sizeof(*c));
	struct publish p = { .sent = c };
	struct message what;
	enum ac_err e;

	if (c == NULL) {
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	e = certificate_decode(c, jsonl, why);
	if (e == AC_OK)
		e = certificate_check_builder(c, NULL, why);
	if (e != AC_OK)
		goto out;
	for (size_t i = 0; i < c->nlines; i++) {
		if (i == 0 || (i == 1 && c->has_evidence)) {
			p.key[i] = c->key;
			continue;
		}
		e = certificate_check_line(&p.key[i], &c->line[i], &what);
		if (e != AC_OK) {
			message_set(why, "line %zu: %s", i + 1, what.text);
			goto out;
		}
	}
	*out = p;
	p.sent = NULL; /* transferred */
out:
	publish_free(&p);
	return e;
}

void
publish_free(struct publish *p)
{
	if (p->sent != NULL)
		certificate_free(p->sent);
	free(p->sent);
	p->sent = NULL;
}

/* From the file that was named, else from the registry itself. */
enum ac_err
publish_keys(struct logkeys *out, unsigned *status, const char *registry,
    const char *file, unsigned timeout_s, struct message *why)
{
	struct http_answer a = { 0 };
	struct message what;
	char *url = NULL;
	enum ac_err e;

	if (file != NULL)
		return logkeys_read(out, file, why);
	e = http_url(&url, registry, "api/v1/log-keys", why);
	if (e != AC_OK)
		return e;
	e = http_get(&a, url, LOGKEYS_FILE_MAX, timeout_s, why);
	free(url);
	if (e != AC_OK)
		return e;
	*status = a.status;
	if (a.status != 200) {
		e = AC_ERR_MISMATCH;
		message_set(why, "the registry answered %u when asked for its "
		    "log's keys; is that the URL of an AICert registry?  Its "
		    "operator can give them too: --log-keys FILE", a.status);
	} else {
		e = logkeys_parse(out, buf_span(&a.body), &what);
		if (e != AC_OK)
			message_set(why, "the registry's answer is no list of "
			    "log keys: %s", what.text);
	}
	http_answer_free(&a);
	return e;
}

/* Append title and detail of an RFC 9457 problem, or the begin of a text. */
static void
add_problem(struct message *why, const struct http_answer *a)
{
	struct json_doc doc = { 0 };
	struct span title, detail;
	bool said = false;

	if (strcmp(a->type, PROBLEM_TYPE) == 0 &&
	    json_parse(&doc, buf_span(&a->body)) == AC_OK) {
		if (json_string(json_get(json_root(&doc), "title"), &title)) {
			message_add(why, ": ");
			message_add_quoted(why, title);
			said = true;
		}
		if (json_string(json_get(json_root(&doc), "detail"),
		    &detail)) {
			message_add(why, ": ");
			message_add_quoted(why, detail);
			said = true;
		}
		json_free(&doc);
	}
	if (!said && a->body.len > 0 && strncmp(a->type, "text/plain", 10) == 0) {
		message_add(why, ": ");
		message_add_quoted(why, buf_span(&a->body));
	}
}

/* A status other than 200: what it means for whoever publishes. */
static enum ac_err
refused(struct message *why, const struct http_answer *a)
{
	enum ac_err e = AC_ERR_MISMATCH;

	message_set(why, "the registry answered %u", a->status);
	add_problem(why, a);
	if (a->status == 409) {
		e = AC_ERR_EXISTS;
		message_add(why, ". Its log has this provenance already, with "
		    "another evidence; that one stands");
	} else if (a->status == 413) {
		e = AC_ERR_LIMIT;
		message_add(why, ". The certificate is larger than this "
		    "registry takes");
	} else if (a->status == 429 || a->status == 503) {
		e = AC_ERR_BUSY;
		if (a->has_retry)
			message_add(why, ". Run the same command again in "
			    "%" PRIu64 " s; what was logged meanwhile keeps "
			    "its place", a->retry_s);
		else
			message_add(why, ". Run the same command again later; "
			    "what was logged meanwhile keeps its place");
	} else if (a->status >= 500) {
		e = AC_ERR_BUSY;
		message_add(why, ". The fault is the registry's; run the same "
		    "command again later");
	} else if (a->status == 404 || a->status == 405) {
		message_add(why, ". Is that the URL of an AICert registry?");
	}
	return e;
}

enum ac_err
publish_send(struct http_answer *answer, const char *registry,
    struct span jsonl, unsigned timeout_s, struct message *why)
{
	char *url = NULL;
	enum ac_err e;

	*answer = (struct http_answer){ 0 };
	e = http_url(&url, registry, "api/v1/certificates", why);
	if (e != AC_OK)
		return e;
	e = http_post(answer, url, "application/jsonl", jsonl, CERTIFICATE_MAX,
	    timeout_s, why);
	free(url);
	if (e != AC_OK)
		return e;
	if (answer->status != 200)
		return refused(why, answer);
	if (strcmp(answer->type, "application/jsonl") != 0) {
		message_set(why, "the answer is of type ");
		message_add_quoted(why, span_str(answer->type));
		message_add(why, ", not application/jsonl; is that the URL of "
		    "an AICert registry?");
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

/* Line and step before what went wrong there. */
static enum ac_err
at_step(struct message *why, size_t i, const char *step,
    const struct message *what, enum ac_err e)
{
	message_set(why, "line %zu, %s: %s", i + 1, step, what->text);
	return e;
}

static enum ac_err
check_line(struct publish_line *out, const struct certificate_line *got,
    const struct certificate_line *sent, const struct spki *key,
    const struct logkeys *keys, size_t i, struct message *why)
{
	const struct bundle_entry *entry = &got->bundle.entry;
	struct publish_line l = { .d = got->d };
	struct message what;
	struct spki found;
	enum ac_err e;

	if (!span_equal(buf_span(&got->bundle.statement),
	    buf_span(&sent->bundle.statement))) {
		message_set(why, "line %zu: the registry answered another "
		    "statement than the one sent", i + 1);
		return AC_ERR_MISMATCH;
	}
	e = certificate_check_line(&found, got, &what);
	if (e != AC_OK)
		return at_step(why, i, "step 2 (signature)", &what, e);
	if (!ac_equal(found.b, key->b, SPKI_LEN)) {
		message_set(&what, "the registry answered a signature by "
		    "another key than the one sent");
		return at_step(why, i, "step 2 (signature)", &what,
		    AC_ERR_MISMATCH);
	}
	e = entry_check_leaf(got, key, &what);
	if (e != AC_OK)
		return at_step(why, i, "step 3 (leaf)", &what, e);
	e = entry_check_inclusion(got, &what);
	if (e != AC_OK)
		return at_step(why, i, "step 4 (inclusion)", &what, e);
	l.log = logkeys_by_id(keys, &entry->log_id);
	if (l.log == NULL) {
		message_set(&what, "the entry is of a log whose key was not "
		    "given (logId ");
		message_add_digest(&what, &entry->log_id);
		message_add(&what, ")");
		return at_step(why, i, "step 5 (checkpoint)", &what,
		    AC_ERR_NOT_FOUND);
	}
	e = entry_check_checkpoint(got, l.log, &what);
	if (e != AC_OK)
		return at_step(why, i, "step 5 (checkpoint)", &what, e);
	l.index = entry->index;
	l.size = entry->size;
	l.adopted = !span_equal(span_of(got->bundle.sig, got->bundle.siglen),
	    span_of(sent->bundle.sig, sent->bundle.siglen));
	*out = l;
	return AC_OK;
}

enum ac_err
publish_check(struct buf *file, struct publish_line line[CERTIFICATE_LINES_MAX],
    const struct publish *p, struct span answer, const struct logkeys *keys,
    struct message *why)
{
	struct publish_line found[CERTIFICATE_LINES_MAX];
	struct certificate *c = calloc(1, sizeof(*c));
	struct message what;
	struct writer w;
	enum ac_err e;

	if (c == NULL) {
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	e = certificate_decode(c, answer, &what);
	if (e != AC_OK) {
		message_set(why, "step 1 (format): %s", what.text);
		goto out;
	}
	if (c->nlines != p->sent->nlines) {
		e = AC_ERR_MISMATCH;
		message_set(why, "the registry answered %zu lines, %zu were "
		    "sent", c->nlines, p->sent->nlines);
		goto out;
	}
	wr_init(&w, CERTIFICATE_MAX);
	for (size_t i = 0; i < c->nlines; i++) {
		e = check_line(&found[i], &c->line[i], &p->sent->line[i],
		    &p->key[i], keys, i, why);
		if (e != AC_OK) {
			wr_free(&w);
			goto out;
		}
		if (found[i].log != found[0].log) {
			wr_free(&w);
			e = AC_ERR_MISMATCH;
			message_set(why, "line %zu, step 5 (checkpoint): it is "
			    "in another log than line 1", i + 1);
			goto out;
		}
		/* Our own encoding of what was checked, nothing else. */
		bundle_write(&w, &c->line[i].bundle);
		wr_u8(&w, '\n');
	}
	e = wr_end(&w, file);
	if (e != AC_OK) {
		message_set(why, "cannot write the logged certificate: %s",
		    ac_strerror(e));
		goto out;
	}
	memcpy(line, found, c->nlines * sizeof(found[0]));
out:
	certificate_free(c);
	free(c);
	return e;
}

/* A line and nothing after it, as a bundle. */
static enum ac_err
read_one(struct certificate_line *out, struct span text)
{
	struct reader r = rd_of(text);
	enum ac_err e;

	if (!rd_line(&r, &out->raw) || !rd_end(&r))
		return AC_ERR_FORMAT;
	e = bundle_decode(&out->bundle, out->raw, STATEMENT_MAX);
	if (e == AC_OK)
		out->d = dsse_digest(buf_span(&out->bundle.statement));
	return e;
}

enum ac_err
publish_check_one(struct buf *file, struct publish_line *line,
    struct span sent, struct span answer, const struct logkeys *keys,
    struct message *why)
{
	struct certificate_line ours = { 0 }, theirs = { 0 };
	struct publish_line found;
	struct spki key;
	struct writer w;
	enum ac_err e;

	e = read_one(&ours, sent);
	if (e == AC_OK)
		e = certificate_check_line(&key, &ours, why);
	if (e == AC_OK) {
		e = read_one(&theirs, answer);
		if (e != AC_OK)
			message_set(why, "step 1 (format): it is no single "
			    "bundle");
	}
	if (e == AC_OK)
		e = check_line(&found, &theirs, &ours, &key, keys, 0, why);
	if (e == AC_OK) {
		wr_init(&w, CERTIFICATE_MAX);
		bundle_write(&w, &theirs.bundle);
		wr_u8(&w, '\n');
		e = wr_end(&w, file);
	}
	if (e == AC_OK)
		*line = found;
	bundle_free(&theirs.bundle);
	bundle_free(&ours.bundle);
	return e;
}
