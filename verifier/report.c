/* report.c -- verdicts in words and in JSON; see report.h. */
#include "verifier/report.h"

#include "common/sha256.h"
#include "common/text.h"
#include "common/time.h"

/* Text from outside, for a terminal. */
static void
put_quoted(struct writer *w, struct span s)
{
	struct message m = { "" };

	message_add_quoted(&m, s);
	wr_str(w, m.text);
}

static void
put_member(struct writer *w, struct json object, const char *name)
{
	struct span s = { 0 };

	if (json_string(json_get(object, name), &s))
		put_quoted(w, s);
	else
		wr_str(w, "(none)");
}

static void
put_digest(struct writer *w, struct json object, const char *name)
{
	struct digest d;

	wr_str(w, "sha256:");
	if (json_digest(json_get(object, name), &d))
		wr_hex(w, span_digest(&d));
	else
		wr_str(w, "(none)");
}

static void
put_time(struct writer *w, int64_t unix_s)
{
	char text[TIME_RFC3339_LEN + 1];

	wr_str(w, time_format(text, unix_s) == AC_OK ? text : "(no time)");
}

static bool
passed(const struct verification *v, enum verify_step s)
{
	return v->step[s].status == VERIFY_OK;
}

/* The first step of that status, or 0. */
static unsigned
first_of(const struct verification *v, enum verify_status status)
{
	for (unsigned i = 1; i <= VERIFY_NSTEPS; i++)
		if (v->step[i].status == status)
			return i;
	return 0;
}

/* The step that decided a verdict other than VERIFIED, or 0. */
static unsigned
decisive(const struct report *r)
{
	if (r->v == NULL)
		return 0;
	if (r->verdict == VERIFY_NOT_VERIFIED)
		return first_of(r->v, VERIFY_FAILED);
	return r->verdict == VERIFY_REFUSED ?
	    first_of(r->v, VERIFY_NOT_ACCEPTED) : 0;
}

/* text in a colour of SGR, where there are colours. */
static void
put_coloured(struct writer *w, const struct report *r, int sgr,
    const char *text)
{
	if (r->colour)
		wr_printf(w, "\033[%dm%s\033[0m", sgr, text);
	else
		wr_str(w, text);
}

#define GREEN 32
#define RED 31
#define YELLOW 33

static int
colour_of(const struct report *r)
{
	if (r->verdict == VERIFY_VERIFIED)
		return r->v->simulated ? YELLOW : GREEN;
	return r->verdict == VERIFY_NOT_VERIFIED ? RED : YELLOW;
}

static void
put_headline(struct writer *w, const struct report *r)
{
	unsigned step = decisive(r);
	struct message m = { "" };

	message_add_quoted(&m, span_str(r->subject));
	put_coloured(w, r, colour_of(r), verify_verdict_name(r->verdict));
	wr_printf(w, "%s%s  %s\n",
	    r->v != NULL && r->v->one_file ? "  (this file alone)" : "",
	    r->v != NULL && r->v->simulated ? "  (SIMULATED machine)" : "",
	    m.text);
	if (r->problem != NULL)
		wr_printf(w, "  %s\n", r->problem);
	if (step != 0)
		wr_printf(w, "  step %u, %s: %s\n", step,
		    verify_step_name((enum verify_step)step),
		    r->v->step[step].text.text);
}

static void
put_who(struct writer *w, const struct verification *v)
{
	struct digest d = spki_digest(&v->cert.key);

	wr_str(w, "\nWHO   builder ");
	wr_str(w, v->builder != NULL ? v->builder->name.s :
	    "unknown to the policy");
	wr_str(w, ", key sha256:");
	wr_hex(w, span_digest(&d));
	wr_u8(w, '\n');
}

static void
put_what(struct writer *w, const struct verification *v)
{
	struct json s = v->cert.provenance.weights;

	wr_printf(w, "WHAT  %zu files, OMS root ", v->oms.nfiles);
	wr_hex(w, span_digest(&v->oms.root));
	wr_str(w, "\n      statement D ");
	wr_hex(w, span_digest(&v->cert.line[0].d));
	wr_u8(w, '\n');
	for (size_t i = 0; json_present(s); i++, s = json_next(s)) {
		if (i == 8) {
			wr_str(w, "      ...\n");
			break;
		}
		wr_str(w, "      weights ");
		put_member(w, s, "name");
		wr_u8(w, ' ');
		put_digest(w, json_get(s, "digest"), "sha256");
		wr_u8(w, '\n');
	}
}

static void
put_from(struct writer *w, const struct verification *v)
{
	const char *head = "FROM  ";

	for (struct json d = json_first(v->cert.provenance.dependencies);
	    json_present(d); d = json_next(d)) {
		struct json notes = json_get(d, "annotations");

		wr_str(w, head);
		head = "      ";
		put_member(w, notes, "role");
		wr_u8(w, ' ');
		put_member(w, d, "name");
		wr_str(w, " from ");
		put_member(w, d, "uri");
		wr_str(w, "\n        ");
		put_digest(w, json_get(d, "digest"), "sha256");
		wr_str(w, " licence ");
		put_member(w, notes, "license");
		wr_u8(w, '\n');
		if (json_present(json_get(notes, "certificate"))) {
			wr_str(w, "        said to have the certificate ");
			put_member(w, notes, "certificate");
			wr_str(w, passed(v, VERIFY_LINEAGE) ? ", verified\n" :
			    ": claimed, not verified\n");
		}
	}
}

/* What booted, as far as step 13 knows it. */
static void
put_booted(struct writer *w, const struct verification *v)
{
	if (!v->cert.has_evidence)
		return;
	wr_str(w, "\n      ");
	if (v->booted != NULL) {
		const struct release *r = &v->booted->release;

		wr_printf(w, "image %s, ", v->booted_pin->name.s);
		put_quoted(w, r->name);
		wr_u8(w, ' ');
		put_quoted(w, r->version);
		wr_printf(w, "%s, Secure Boot %s", r->debug ?
		    " (DEBUG: whoever ran it had a way in)" : "",
		    v->boot.secure_boot ? "on" : "off");
	} else if (v->measurements != NULL) {
		wr_printf(w, "image by the measurements of policy line %zu, "
		    "Secure Boot %s", v->measurements->line,
		    v->boot.secure_boot ? "on" : "off");
	} else {
		wr_str(w, "which software booted is not established");
	}
}

static void
put_how(struct writer *w, const struct verification *v)
{
	struct json compute = v->cert.provenance.compute;
	struct json word = json_first(json_get(v->cert.provenance.external,
	    "command"));

	wr_str(w, "HOW   ");
	wr_str(w, v->cert.has_evidence ? v->simulated ?
	    "measured by a SIMULATED TPM" : "measured by a TPM" :
	    "SELF-ASSERTED: no machine vouches for any of it");
	put_booted(w, v);
	wr_str(w, "\n      command");
	for (; json_present(word); word = json_next(word)) {
		struct span s = { 0 };

		(void)!json_string(word, &s);
		wr_u8(w, ' ');
		put_quoted(w, s);
	}
	wr_u8(w, '\n');
	for (struct json f = json_first(compute); json_present(f);
	    f = json_next(f)) {
		wr_str(w, "      ");
		put_quoted(w, json_name(f));
		wr_u8(w, ' ');
		put_member(w, f, "value");
		wr_u8(w, ' ');
		put_member(w, f, "unit");
		wr_str(w, ", ");
		put_member(w, f, "assurance");
		wr_u8(w, '\n');
	}
}

static void
put_when(struct writer *w, const struct verification *v)
{
	const struct verify_time *t = &v->logged[0];

	wr_str(w, "WHEN  ");
	if (v->earliest.known) {
		wr_str(w, "not before ");
		put_time(w, v->earliest.unix_s);
		wr_str(w, v->earliest.by_witnesses ? " (witnesses)" :
		    " (the log's word)");
	} else {
		wr_str(w, "no earliest time");
	}
	wr_str(w, "\n      ");
	if (t->known) {
		wr_str(w, "in the log since ");
		put_time(w, t->unix_s);
		wr_str(w, t->by_witnesses ? " (witnesses)" :
		    " (the log's word)");
	} else {
		wr_str(w, "no time of inclusion");
	}
	if (passed(v, VERIFY_INCLUSION)) {
		wr_printf(w, ", entry %llu of ", (unsigned long long)
		    v->cert.line[0].bundle.entry.index);
		put_quoted(w, v->origin);
	}
	wr_str(w, "\n      the run itself states ");
	put_member(w, v->cert.provenance.metadata, "startedOn");
	wr_str(w, " to ");
	put_member(w, v->cert.provenance.metadata, "finishedOn");
	wr_str(w, "\n      revocations ");
	if (v->revocations.known) {
		wr_str(w, "as of ");
		put_time(w, v->revocations.time.unix_s);
		wr_str(w, ", entries before ");
		wr_dec(w, v->revocations.tree_size);
		wr_str(w, " of ");
		put_quoted(w, v->revocations.origin);
		wr_u8(w, '\n');
	} else {
		wr_str(w, "not checked\n");
	}
}

static void
put_roster(struct writer *w, const struct report *r)
{
	const struct verification *v = r->v;

	wr_str(w, "\nCHECKS\n");
	for (unsigned i = 1; i <= VERIFY_NSTEPS; i++) {
		const struct verify_result *s = &v->step[i];

		wr_printf(w, "  %2u  %-36s ", i,
		    verify_step_name((enum verify_step)i));
		put_coloured(w, r, s->status == VERIFY_OK ? GREEN :
		    s->status == VERIFY_FAILED ? RED : YELLOW,
		    verify_status_name(s->status));
		wr_printf(w, "%s%s\n", s->text.text[0] != '\0' ? ": " : "",
		    s->text.text);
	}
}

static const char limits_text[] =
    "\nWHAT THIS DOES NOT SAY\n"
    "  that the training used its inputs well, or at all; what the data\n"
    "  contains or who may use it; that a figure called reported is true;\n"
    "  that the model is good for anything.\n";

void
report_text(struct writer *w, const struct report *r)
{
	const struct verification *v = r->v;

	put_headline(w, r);
	if (r->policy != NULL) {
		wr_str(w, "  policy ");
		put_quoted(w, span_str(r->policy));
		wr_u8(w, '\n');
	}
	if (v == NULL)
		return;
	/* What is shown below is signed, by whomever it names. */
	if (v->decoded && v->cert.has_key) {
		put_who(w, v);
		put_what(w, v);
		put_from(w, v);
		put_how(w, v);
		put_when(w, v);
	}
	put_roster(w, r);
	wr_str(w, limits_text);
}

/* ---- JSON ---- */

/*
 * A string from a parsed document or of ours; both are UTF-8.  A path given
 * by the user may not be, and is then shown escaped.
 */
static void
json_put(struct writer *w, const char *name, struct span s)
{
	struct message m = { "" };

	wr_printf(w, ",\"%s\":", name);
	if (text_is_utf8(s)) {
		wr_json(w, s);
		return;
	}
	message_add_quoted(&m, s);
	wr_json(w, span_str(m.text));
}

static void
json_put_digest(struct writer *w, const char *name, const struct digest *d)
{
	wr_printf(w, ",\"%s\":\"", name);
	wr_hex(w, span_digest(d));
	wr_u8(w, '"');
}

static void
json_put_member(struct writer *w, const char *name, struct json object,
    const char *member)
{
	struct span s;

	if (json_string(json_get(object, member), &s))
		json_put(w, name, s);
}

static void
json_put_time(struct writer *w, const char *name, const struct verify_time *t)
{
	if (!t->known)
		return;
	wr_printf(w, ",\"%s\":{\"time\":\"", name);
	put_time(w, t->unix_s);
	wr_printf(w, "\",\"by\":\"%s\"}", t->by_witnesses ? "witnesses" :
	    "log");
}

static void
json_put_booted(struct writer *w, const struct verification *v)
{
	if (v->has_boot)
		wr_printf(w, ",\"secureBoot\":%s", v->boot.secure_boot ?
		    "true" : "false");
	if (v->booted == NULL)
		return;
	wr_printf(w, ",\"image\":{\"debug\":%s", v->booted->release.debug ?
	    "true" : "false");
	json_put(w, "policyName", span_str(v->booted_pin->name.s));
	json_put(w, "name", v->booted->release.name);
	json_put(w, "version", v->booted->release.version);
	json_put(w, "firmware", v->booted_tuple->firmware);
	json_put_digest(w, "release", &v->cert.line[v->booted->line].d);
	json_put_digest(w, "root", &v->booted->release.root);
	wr_u8(w, '}');
}

static void
json_put_certificate(struct writer *w, const struct verification *v)
{
	const struct provenance_view *p = &v->cert.provenance;
	struct digest key = spki_digest(&v->cert.key);
	const char *comma = "";

	wr_printf(w, ",\"builder\":{\"known\":%s", v->builder != NULL ?
	    "true" : "false");
	if (v->builder != NULL)
		json_put(w, "name", span_str(v->builder->name.s));
	json_put_digest(w, "key", &key);
	wr_printf(w, "},\"measured\":%s", v->cert.has_evidence ? "true" :
	    "false");
	json_put_digest(w, "statement", &v->cert.line[0].d);
	json_put_digest(w, "omsRoot", &v->oms.root);
	wr_str(w, ",\"weights\":[");
	for (struct json s = p->weights; json_present(s); s = json_next(s)) {
		wr_printf(w, "%s{\"type\":\"file\"", comma);
		comma = ",";
		json_put_member(w, "name", s, "name");
		json_put_member(w, "sha256", json_get(s, "digest"), "sha256");
		wr_u8(w, '}');
	}
	wr_str(w, "],\"inputs\":[");
	comma = "";
	for (struct json d = json_first(p->dependencies); json_present(d);
	    d = json_next(d)) {
		struct json notes = json_get(d, "annotations");

		wr_printf(w, "%s{\"type\":\"dependency\"", comma);
		comma = ",";
		json_put_member(w, "name", d, "name");
		json_put_member(w, "uri", d, "uri");
		json_put_member(w, "sha256", json_get(d, "digest"), "sha256");
		json_put_member(w, "role", notes, "role");
		json_put_member(w, "license", notes, "license");
		json_put_member(w, "claimedCertificate", notes, "certificate");
		wr_u8(w, '}');
	}
	wr_str(w, "],\"figures\":[");
	comma = "";
	for (struct json f = json_first(p->compute); json_present(f);
	    f = json_next(f)) {
		wr_printf(w, "%s{\"type\":\"figure\"", comma);
		comma = ",";
		json_put(w, "name", json_name(f));
		json_put_member(w, "value", f, "value");
		json_put_member(w, "unit", f, "unit");
		json_put_member(w, "assurance", f, "assurance");
		wr_u8(w, '}');
	}
	wr_u8(w, ']');
	if (passed(v, VERIFY_INCLUSION)) {
		wr_str(w, ",\"log\":{\"index\":");
		wr_dec(w, v->cert.line[0].bundle.entry.index);
		json_put(w, "origin", v->origin);
		wr_u8(w, '}');
	}
	json_put_booted(w, v);
	json_put_time(w, "notBefore", &v->earliest);
	json_put_time(w, "loggedSince", &v->logged[0]);
	if (v->revocations.known) {
		wr_str(w, ",\"revocations\":{\"treeSize\":");
		wr_dec(w, v->revocations.tree_size);
		wr_str(w, ",\"count\":");
		wr_dec(w, v->revocations.count);
		json_put(w, "origin", v->revocations.origin);
		json_put_time(w, "loggedSince", &v->revocations.time);
		wr_u8(w, '}');
	}
}

/* "ok", "failed", "not accepted": as in text, in lower case. */
static void
json_put_status(struct writer *w, enum verify_status status)
{
	const char *s = verify_status_name(status);

	wr_str(w, ",\"status\":\"");
	for (; *s != '\0'; s++)
		wr_u8(w, *s >= 'A' && *s <= 'Z' ? (uint8_t)(*s - 'A' + 'a') :
		    (uint8_t)*s);
	wr_u8(w, '"');
}

void
report_json(struct writer *w, const struct report *r)
{
	const struct verification *v = r->v;
	unsigned step = decisive(r);

	wr_printf(w, "{\"verdict\":\"%s\",\"exitCode\":%d,"
	    "\"version\":\"%s\"", verify_verdict_name(r->verdict),
	    (int)r->verdict, AICERT_VERSION);
	json_put(w, "subject", span_str(r->subject));
	if (r->policy != NULL)
		json_put(w, "policy", span_str(r->policy));
	if (v != NULL)
		json_put_digest(w, "policySha256", &v->policy->text);
	if (r->problem != NULL)
		json_put(w, "problem", span_str(r->problem));
	wr_printf(w, ",\"fileAlone\":%s", v != NULL && v->one_file ? "true" :
	    "false");
	wr_printf(w, ",\"simulated\":%s", v != NULL && v->simulated ? "true" :
	    "false");
	if (step != 0)
		wr_printf(w, ",\"decidedBy\":%u", step);
	if (v != NULL && v->decoded && v->cert.has_key)
		json_put_certificate(w, v);
	wr_str(w, ",\"checks\":[");
	for (unsigned i = 1; v != NULL && i <= VERIFY_NSTEPS; i++) {
		wr_printf(w, "%s{\"step\":%u", i == 1 ? "" : ",", i);
		json_put(w, "name",
		    span_str(verify_step_name((enum verify_step)i)));
		json_put_status(w, v->step[i].status);
		json_put(w, "detail", span_str(v->step[i].text.text));
		wr_u8(w, '}');
	}
	wr_str(w, "]}\n");
}
