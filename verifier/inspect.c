/* inspect.c -- a certificate shown, not judged; see inspect.h. */
#include "cert/bundle.h"
#include "cert/dsse.h"
#include "cert/evidence.h"
#include "common/message.h"
#include "common/reader.h"
#include "common/text.h"
#include "verifier/inspect.h"

#define SHOWN_MAX 512 /* bytes of an event, subjects of a line */

/* Type and text of one event, of ours or of the first AICert. */
static void
put_event(struct writer *w, struct span line)
{
	struct json_doc doc = { 0 };

	wr_str(w, "    event ");
	if (json_parse(&doc, line) == AC_OK)
		wr_str(w, json_quoted(json_root(&doc), "event_type").text);
	else
		wr_str(w, "(no JSON)");
	wr_str(w, "\n      ");
	for (size_t i = 0; i < line.len && i < SHOWN_MAX; i++) {
		if (line.p[i] >= 0x20 && line.p[i] < 0x7f)
			wr_u8(w, line.p[i]);
		else
			wr_printf(w, "\\x%02x", line.p[i]);
	}
	wr_str(w, line.len > SHOWN_MAX ? "...\n" : "\n");
	json_free(&doc);
}

static void
put_events(struct writer *w, struct json list, const char *head)
{
	if (json_present(list))
		wr_printf(w, "  %s, %zu events\n", head, json_count(list));
	JSON_EACH(j, list) {
		struct span line;

		if (json_string(j, &line)) {
			put_event(w, line);
			continue;
		}
		wr_printf(w, "    event %s\n", json_quoted(j, "event_type").text);
	}
}

static void
put_subjects(struct writer *w, struct json subjects)
{
	size_t i = 0;

	for (struct json j = json_first(subjects);
	    json_present(j) && i < SHOWN_MAX; j = json_next(j), i++) {
		wr_printf(w, "  subject %s sha256 %s\n",
		    json_quoted(j, "name").text,
		    json_quoted(json_get(j, "digest"), "sha256").text);
	}
}

static void
put_dependencies(struct writer *w, struct json predicate)
{
	struct json list = json_at(predicate, "buildDefinition.resolvedDependencies");

	JSON_EACH(j, list)
		wr_printf(w, "  input %s from %s sha256 %s\n",
		    json_quoted(j, "name").text, json_quoted(j, "uri").text,
		    json_quoted(json_get(j, "digest"), "sha256").text);
}

static void
put_statement(struct writer *w, struct span bytes)
{
	struct statement s = { 0 };

	if (statement_decode(&s, bytes) != AC_OK) {
		wr_printf(w, "  payload %s\n", message_quoted(bytes).text);
		return;
	}
	wr_printf(w, "  type %s\n", message_quoted(s.predicate_type).text);
	put_subjects(w, s.subjects);
	put_dependencies(w, s.predicate);
	put_events(w, json_get(s.predicate, "inputsLog"), "inputsLog");
	put_events(w, json_get(s.predicate, "outputsLog"), "outputsLog");
	statement_free(&s);
}

static bool
put_line(struct writer *w, struct span raw, size_t number)
{
	struct bundle b = { 0 };
	struct digest d;
	enum ac_err e = bundle_decode(&b, raw, OMS_STATEMENT_MAX);

	wr_printf(w, "line %zu, %zu bytes", number, raw.len);
	if (e != AC_OK) {
		wr_printf(w, ": %s as a Sigstore bundle\n", ac_strerror(e));
		return false;
	}
	d = dsse_digest(buf_span(&b.statement));
	wr_printf(w, "\n  D %s\n  says that it is signed by %s",
	    message_digest(&d).text, message_quoted(span_str(b.hint)).text);
	if (b.logged) {
		struct reader r = rd_of(buf_span(&b.entry.checkpoint));
		struct span origin = { 0 };

		(void)!rd_line(&r, &origin);
		wr_printf(w, "\n  says that it is entry %llu of %s",
		    (unsigned long long)b.entry.index,
		    message_quoted(origin).text);
	} else {
		wr_str(w, "\n  not logged");
	}
	wr_u8(w, '\n');
	put_statement(w, buf_span(&b.statement));
	bundle_free(&b);
	return true;
}

bool
inspect_text(struct writer *w, struct span text)
{
	struct reader r = rd_of(text);
	struct json_doc doc = { 0 };
	struct span raw = text;
	bool ok = true;

	wr_str(w, "NOT JUDGED: what is written here, whoever wrote it\n\n");
	if (json_parse(&doc, text) == AC_OK) {
		struct json log = json_get(json_root(&doc), "event_log");

		put_events(w, log, "event_log");
		ok = json_present(log);
		json_free(&doc);
		if (ok)
			return true;
	}
	ok = text.len > 0;
	for (size_t n = 1; ok && !rd_end(&r); n++) {
		if (!rd_line(&r, &raw))
			raw = rd_rest(&r);
		ok = put_line(w, raw, n);
	}
	return ok;
}
