/* report.c -- verdicts in words and in JSON; see report.h. */
#include "verifier/report.h"

#include "common/sha256.h"
#include "common/text.h"

static struct message
digest_of(struct json object)
{
	struct digest d;

	return json_digest(json_get(object, "sha256"), &d) ?
	    message_digest(&d) : (struct message){ "(none)" };
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
	put_coloured(w, r, colour_of(r), verify_verdict_name(r->verdict));
	wr_printf(w, "%s%s  %s\n",
	    r->v != NULL && r->v->one_file ? "  (this file alone)" : "",
	    r->v != NULL && r->v->simulated ? "  (SIMULATED machine)" : "",
	    message_quoted(span_str(r->subject)).text);
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

	wr_printf(w, "\nWHO   builder %s, key sha256:%s\n", v->builder != NULL ?
	    v->builder->name.s : "unknown to the policy",
	    message_digest(&d).text);
}

static void
put_what(struct writer *w, const struct verification *v)
{
	struct json s = v->cert.provenance.weights;

	wr_printf(w, "WHAT  %zu files, OMS root %s\n      statement D %s\n",
	    v->oms.nfiles, message_digest(&v->oms.root).text,
	    message_digest(&v->cert.line[0].d).text);
	for (size_t i = 0; json_present(s); i++, s = json_next(s)) {
		if (i == 8) {
			wr_str(w, "      ...\n");
			break;
		}
		wr_printf(w, "      weights %s sha256:%s\n",
		    json_quoted(s, "name").text,
		    digest_of(json_get(s, "digest")).text);
	}
}

static void
put_from(struct writer *w, const struct verification *v)
{
	const char *head = "FROM  ";

	JSON_EACH(d, v->cert.provenance.dependencies) {
		struct json notes = json_get(d, "annotations");

		wr_printf(w, "%s%s %s from %s\n        sha256:%s licence %s\n",
		    head, json_quoted(notes, "role").text, json_quoted(d, "name").text,
		    json_quoted(d, "uri").text,
		    digest_of(json_get(d, "digest")).text,
		    json_quoted(notes, "license").text);
		head = "      ";
		if (json_present(json_get(notes, "certificate")))
			wr_printf(w, "        said to have the certificate "
			    "%s%s", json_quoted(notes, "certificate").text,
			    passed(v, VERIFY_LINEAGE) ? ", verified\n" :
			    ": claimed, not verified\n");
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

		wr_printf(w, "image %s, %s %s%s, Secure Boot %s",
		    v->booted_pin->name.s, message_quoted(r->name).text,
		    message_quoted(r->version).text,
		    r->debug ? " (DEBUG: whoever ran it had a way in)" : "",
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

	wr_printf(w, "HOW   %s", v->cert.has_evidence ? v->simulated ?
	    "measured by a SIMULATED TPM" : "measured by a TPM" :
	    "SELF-ASSERTED: no machine vouches for any of it");
	put_booted(w, v);
	wr_str(w, "\n      command");
	for (; json_present(word); word = json_next(word)) {
		struct span s = { 0 };

		(void)!json_string(word, &s);
		wr_printf(w, " %s", message_quoted(s).text);
	}
	wr_u8(w, '\n');
	JSON_EACH(f, compute) {
		wr_printf(w, "      %s %s %s, %s\n",
		    message_quoted(json_name(f)).text, json_quoted(f, "value").text,
		    json_quoted(f, "unit").text, json_quoted(f, "assurance").text);
	}
}

static void
put_when(struct writer *w, const struct verification *v)
{
	const struct verify_time *t = &v->logged[0];

	wr_str(w, "WHEN  ");
	if (v->earliest.known) {
		wr_printf(w, "not before %s%s",
		    message_time(v->earliest.unix_s).text,
		    v->earliest.by_witnesses ? " (witnesses)" :
		    " (the log's word)");
	} else {
		wr_str(w, "no earliest time");
	}
	wr_str(w, "\n      ");
	if (t->known) {
		wr_printf(w, "in the log since %s%s", message_time(t->unix_s).text,
		    t->by_witnesses ? " (witnesses)" : " (the log's word)");
	} else {
		wr_str(w, "no time of inclusion");
	}
	if (passed(v, VERIFY_INCLUSION)) {
		wr_printf(w, ", entry %llu of %s", (unsigned long long)
		    v->cert.line[0].bundle.entry.index,
		    message_quoted(v->origin).text);
	}
	wr_printf(w, "\n      the run itself states %s to %s\n      "
	    "revocations ",
	    json_quoted(v->cert.provenance.metadata, "startedOn").text,
	    json_quoted(v->cert.provenance.metadata, "finishedOn").text);
	if (v->revocations.known) {
		wr_printf(w, "as of %s, entries before %llu of %s\n",
		    message_time(v->revocations.time.unix_s).text,
		    (unsigned long long)v->revocations.tree_size,
		    message_quoted(v->revocations.origin).text);
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
		wr_printf(w, "  policy %s\n",
		    message_quoted(span_str(r->policy)).text);
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
	wr_printf(w, ",\"%s\":", name);
	wr_json(w, text_is_utf8(s) ? s : span_str(message_quoted(s).text));
}

static void
json_put_digest(struct writer *w, const char *name, const struct digest *d)
{
	wr_printf(w, ",\"%s\":\"%s\"", name, message_digest(d).text);
}

/* Where a member of the report stands in what it is about. */
struct column {
	const char *name;
	const char *in; /* an object within; NULL: there */
	const char *member;
};

/* "name":[...], from first on, each as its columns say. */
static void
json_put_rows(struct writer *w, const char *name, const char *type,
    struct json first, const struct column column[], size_t n)
{
	const char *comma = "";

	wr_printf(w, ",\"%s\":[", name);
	for (struct json j = first; json_present(j); j = json_next(j)) {
		wr_printf(w, "%s{\"type\":\"%s\"", comma, type);
		comma = ",";
		for (size_t i = 0; i < n; i++) {
			struct json in = column[i].in == NULL ? j :
			    json_get(j, column[i].in);
			struct span s = json_name(j);

			if (column[i].member == NULL ||
			    json_string(json_get(in, column[i].member), &s))
				json_put(w, column[i].name, s);
		}
		wr_u8(w, '}');
	}
	wr_u8(w, ']');
}

static void
json_put_time(struct writer *w, const char *name, const struct verify_time *t)
{
	if (!t->known)
		return;
	wr_printf(w, ",\"%s\":{\"time\":\"%s\",\"by\":\"%s\"}", name,
	    message_time(t->unix_s).text, t->by_witnesses ? "witnesses" : "log");
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
	static const struct column weight[] = { { "name", NULL, "name" },
		{ "sha256", "digest", "sha256" } };
	static const struct column input[] = { { "name", NULL, "name" },
		{ "uri", NULL, "uri" }, { "sha256", "digest", "sha256" },
		{ "role", "annotations", "role" },
		{ "license", "annotations", "license" },
		{ "claimedCertificate", "annotations", "certificate" } };
	static const struct column figure[] = { { "name", NULL, NULL },
		{ "value", NULL, "value" }, { "unit", NULL, "unit" },
		{ "assurance", NULL, "assurance" } };

	wr_printf(w, ",\"builder\":{\"known\":%s", v->builder != NULL ?
	    "true" : "false");
	if (v->builder != NULL)
		json_put(w, "name", span_str(v->builder->name.s));
	json_put_digest(w, "key", &key);
	wr_printf(w, "},\"measured\":%s", v->cert.has_evidence ? "true" :
	    "false");
	json_put_digest(w, "statement", &v->cert.line[0].d);
	json_put_digest(w, "omsRoot", &v->oms.root);
	json_put_rows(w, "weights", "file", p->weights, weight,
	    AC_COUNT(weight));
	json_put_rows(w, "inputs", "dependency", json_first(p->dependencies),
	    input, AC_COUNT(input));
	json_put_rows(w, "figures", "figure", json_first(p->compute), figure,
	    AC_COUNT(figure));
	if (passed(v, VERIFY_INCLUSION)) {
		wr_printf(w, ",\"log\":{\"index\":%llu",
		    (unsigned long long)v->cert.line[0].bundle.entry.index);
		json_put(w, "origin", v->origin);
		wr_u8(w, '}');
	}
	json_put_booted(w, v);
	json_put_time(w, "notBefore", &v->earliest);
	json_put_time(w, "loggedSince", &v->logged[0]);
	if (v->revocations.known) {
		wr_printf(w,
		    ",\"revocations\":{\"treeSize\":%llu,\"count\":%llu",
		    (unsigned long long)v->revocations.tree_size,
		    (unsigned long long)v->revocations.count);
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
	wr_printf(w, ",\"fileAlone\":%s,\"simulated\":%s",
	    v != NULL && v->one_file ? "true" : "false",
	    v != NULL && v->simulated ? "true" : "false");
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
