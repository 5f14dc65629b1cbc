/*
 * steps_entail.c -- step 15: everything that the statement says of the run is
 * what the events say, and what the policy says of inputs holds.
 */
#include "verifier/steps.h"

#include "cert/form.h"
#include "cert/weights.h"
#include "common/reader.h"
#include "common/sha256.h"
#include "verifier/check.h"

/* What one side is compared with: the events of one run, decoded in turn. */
struct run {
	const struct verification *v;
	struct message *why;
	struct json external;
	struct json dependency; /* the next one to be matched */
	struct json input;      /* externalParameters.inputs, likewise */
};

static bool
differs(struct run *r, const char *what)
{
	return BECAUSE(r->why, false, "%s in the statement and in the events "
	    "differ", what);
}

/* Do both sides say the same, or nothing, at each of the n pairs of places? */
static bool
same(struct json statement, struct json event, const char *const places[][2],
    size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!json_equal(json_at(statement, places[i][0]),
		    json_at(event, places[i][1])))
			return false;
	return true;
}

/* Spec and resolved, by these names. */
static struct json
content(const struct event *ev)
{
	return json_get(json_root(&ev->doc), "content");
}

static bool
check_configuration(struct run *r, const struct event *ev)
{
	static const char *const places[][2] = {
		{ "config.sha256", "resolved.sha256" },
		{ "builderKey", "resolved.builderKey" },
	};

	return CHECK(entail_configuration, json_equal(ev->spec, r->external) &&
	    same(r->external, content(ev), places, AC_COUNT(places))) ? true :
	    differs(r, "externalParameters");
}

/* The pin's own algorithm must have led to what was measured. */
static bool
check_pin(struct run *r, const struct event *ev)
{
	struct span pin = { 0 }, found;
	struct reader rd;
	bool download;

	(void)!json_string(json_get(ev->spec, "pin"), &pin);
	rd = rd_of(pin);
	download = rd_text(&rd, "download:");
	if (!rd_text(&rd, "sha256:"))
		return true; /* a pin of another kind is the fetcher's */
	if (CHECK(entail_pin, json_string(json_at(ev->resolved, download ?
	    "download.sha256" : "sha256"), &found) &&
	    span_equal(found, rd.left)))
		return true;
	return BECAUSE(r->why, false, "an input was measured as another digest "
	    "than its pin");
}

/* A dependency says what the event of the input or image said. */
static bool
check_dependency(struct run *r, const struct event *ev)
{
	static const char *const places[][2] = {
		{ "name", "spec.name" },
		{ "uri", "spec.uri" },
		{ "digest.sha256", "resolved.sha256" },
		{ "digest.gitCommit", "resolved.gitCommit" },
		{ "annotations.manifest", "resolved.manifest" },
		{ "annotations.root", "resolved.root" },
		{ "annotations.bytes", "resolved.bytes" },
		{ "annotations.download", "resolved.download" },
		{ "annotations.license", "spec.license" },
		{ "annotations.certificate", "spec.certificate" },
		{ "annotations.role", "spec.role" }, /* not of an image */
	};
	bool image = ev->type == EVENT_INPUT_IMAGE;
	struct json dep = r->dependency;
	struct json want = image ? json_get(r->external, "image") : r->input;

	r->dependency = json_next(dep);
	if (!image)
		r->input = json_next(r->input);
	if (!check_pin(r, ev))
		return false;
	return CHECK(entail_dependency, json_present(want) &&
	    json_equal(ev->spec, want) && form_check(json_get(dep, "digest"),
	    "{sha256 x gitCommit? g}", NULL) == AC_OK &&
	    same(dep, content(ev), places, AC_COUNT(places) - image) &&
	    (!image || json_is(json_at(dep, "annotations.role"), "image"))) ?
	    true : differs(r, "dependencies");
}

static bool
check_timing(struct run *r, const struct event *ev)
{
	static const char *const places[][2] = {
		{ "startedOn", "resolved.startedOn" },
		{ "finishedOn", "resolved.finishedOn" },
	};
	struct json wall = json_get(r->v->cert.provenance.compute,
	    "wallSeconds");

	if (!CHECK(entail_times, same(r->v->cert.provenance.metadata,
	    content(ev), places, AC_COUNT(places))))
		return differs(r, "start and end of the run");
	return CHECK(entail_wall, !json_present(wall) ||
	    json_equal(json_get(wall, "value"),
	    json_get(ev->resolved, "wallSeconds"))) ? true :
	    differs(r, "wallSeconds");
}

static bool
check_outputs(struct run *r, const struct event *ev)
{
	static const char *const places[][2] = { { "name", "name" },
		{ "digest.sha256", "sha256" } };
	const struct provenance_view *p = &r->v->cert.provenance;
	struct json weight = json_first(json_get(ev->resolved, "weights"));
	struct digest d;
	uint64_t count;

	if (!CHECK(entail_outputs,
	    json_digest(json_get(ev->resolved, "root"), &d) &&
	    digest_equal(&d, &p->root) &&
	    json_digest(json_get(ev->resolved, "manifest"), &d) &&
	    digest_equal(&d, &p->manifest) &&
	    json_equal(json_get(ev->spec, "globs"),
	    json_get(r->external, "outputs")) &&
	    json_uint(json_get(ev->resolved, "count"), &count, FILES_MAX) &&
	    (r->v->alone || count == r->v->oms.nfiles)))
		return differs(r, "outputs");
	for (struct json s = p->weights; json_present(s); s = json_next(s)) {
		if (!CHECK(entail_weights, same(s, weight, places, 2)))
			return differs(r, "weights");
		weight = json_next(weight);
	}
	return CHECK(entail_weights_end, !json_present(weight)) ? true :
	    differs(r, "weights");
}

static bool
check_event(struct run *r, const struct event *ev)
{
	switch (ev->type) {
	case EVENT_CONFIGURATION:
		return check_configuration(r, ev);
	case EVENT_INPUT_IMAGE:
	case EVENT_INPUT_RESOURCE:
		return check_dependency(r, ev);
	case EVENT_START:
		return true; /* step 11 */
	case EVENT_TIMING:
		return check_timing(r, ev);
	case EVENT_COMPUTE:
		return CHECK(entail_figures, json_equal(ev->resolved,
		    r->v->cert.provenance.compute)) ? true :
		    differs(r, "figures");
	case EVENT_OUTPUTS:
		return check_outputs(r, ev);
	}
	return false;
}

static bool
check_lines(struct run *r, const struct buf lines[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct event ev;
		bool ok;

		if (event_decode(&ev, buf_span(&lines[i])) != AC_OK)
			return differs(r, "event lines");
		ok = check_event(r, &ev);
		event_free(&ev);
		if (!ok)
			return false;
	}
	return true;
}

/* All of the events, and nothing in the statement that has none. */
static bool
check_events(struct verification *v, struct message *why)
{
	const struct evidence *ev = &v->cert.evidence;
	const struct provenance_view *p = &v->cert.provenance;
	struct run r = { v, why, p->external, json_first(p->dependencies),
		json_first(json_get(p->external, "inputs")) };

	if (!check_lines(&r, ev->inputs_log, ev->ninputs) ||
	    !check_lines(&r, ev->outputs_log, ev->noutputs))
		return false;
	if (!CHECK(entail_end,
	    !json_present(r.dependency) && !json_present(r.input)))
		return differs(&r, "dependencies");
	return true;
}

/* Without evidence: one dependency for the image and for every input. */
static bool
check_self_asserted(const struct verification *v, struct message *why)
{
	static const char *const places[][2] = { { "name", "name" },
		{ "uri", "uri" } };
	const struct provenance_view *p = &v->cert.provenance;
	struct json input = json_first(json_get(p->external, "inputs"));
	size_t n = json_count(p->dependencies), image =
	    json_present(json_get(p->external, "image")) ? 1 : 0;

	if (!CHECK(self_count,
	    n == image + json_count(json_get(p->external, "inputs"))))
		return BECAUSE(why, false, "the dependencies are not the "
		    "inputs");
	JSON_EACH(d, p->dependencies) {
		if (image > 0) {
			image = 0;
			continue;
		}
		if (!CHECK(self_inputs, same(d, input, places, 2)))
			return BECAUSE(why, false, "the dependencies are not "
			    "the inputs");
		input = json_next(input);
	}
	JSON_EACH(f, p->compute) {
		if (!CHECK(self_figures,
		    json_is(json_get(f, "assurance"), "reported")))
			return BECAUSE(why, false, "without evidence a figure "
			    "is no more than reported: %s",
			    message_quoted(json_name(f)).text);
	}
	return true;
}

/* Has the manifest files of a weight suffix? */
static bool
has_suffixed(const struct oms *oms)
{
	for (size_t i = 0; i < oms->nfiles; i++)
		if (weights_is(oms_part_of(oms, &oms->file[i]).path, true))
			return true;
	return false;
}

/* Root and manifest are model.sig's; the subjects are all its weight files. */
static bool
check_subjects(const struct verification *v, struct message *why)
{
	const struct provenance_view *p = &v->cert.provenance;
	const struct oms *oms = &v->oms;
	bool suffixed = has_suffixed(oms);
	struct digest manifest = sha256_of(
	    buf_span(&v->model_sig.statement)), d;
	struct json s = p->weights;
	struct span name = { 0 };
	size_t n = 0, nweights = 0;

	if (!CHECK(oms_manifest, digest_equal(&manifest, &p->manifest) &&
	    digest_equal(&oms->root, &p->root)))
		return BECAUSE(why, false, "model.sig is not the manifest that "
		    "the statement names");
	for (; json_present(s); s = json_next(s), n++) {
		const struct oms_file *f = NULL;

		if (statement_subject(s, &name, &d))
			f = oms_resource(oms, name);
		if (CHECK(subjects, f != NULL && weights_is(oms_part_of(oms,
		    f).path, suffixed) && digest_equal(&d, &f->sha256)))
			continue;
		return BECAUSE(why, false, "the subjects are not the weight "
		    "files of the manifest: no weight file of that digest is "
		    "%s", message_quoted(name).text);
	}
	/* They stand in order, so none stands twice. */
	for (size_t i = 0; i < oms->nfiles; i++)
		nweights += weights_is(oms_part_of(oms, &oms->file[i]).path,
		    suffixed);
	if (!CHECK(subjects_end, n == nweights))
		return BECAUSE(why, false, "the subjects are not the weight "
		    "files of the manifest, which are %zu", nweights);
	return true;
}

static bool
licence_is_allowed(const struct policy *p, struct json licence)
{
	if (!p->allow_licence)
		return true;
	for (size_t i = 0; i < p->nlicence; i++)
		if (json_is(licence, p->licence[i].s))
			return true;
	return false;
}

static bool
is_denied(const struct policy *p, struct json digest)
{
	for (size_t i = 0; i < p->ndeny; i++)
		if (json_is(json_get(digest, p->deny[i].alg), p->deny[i].hex))
			return true;
	return false;
}

static bool
container_is_listed(const struct policy *p, struct json digest)
{
	struct digest d;

	return p->ncontainer == 0 ||
	    (json_digest(json_get(digest, "sha256"), &d) &&
	    policy_named_by(p->container, p->ncontainer, &d) != NULL);
}

/* What the policy says of dependencies. */
static enum verify_status
judge_dependencies(struct verification *v, struct message *why)
{
	const struct policy *p = v->policy;
	bool image = json_present(json_get(v->cert.provenance.external,
	    "image"));

	if (!CHECK(container, image || p->ncontainer == 0))
		return BECAUSE(why, VERIFY_NOT_ACCEPTED, "the policy lists "
		    "containers, and this run was in none");
	JSON_EACH(d, v->cert.provenance.dependencies) {
		struct json notes = json_get(d, "annotations");
		struct json digest = json_get(d, "digest");
		const char *what = NULL;

		if (!CHECK(denied, !is_denied(p, digest)))
			what = "denies input";
		else if (!CHECK(container_listed,
		    !image || container_is_listed(p, digest)))
			what = "lists no container";
		else if (!CHECK(licence, image || licence_is_allowed(p,
		    json_get(notes, "license"))))
			what = "does not allow the licence of";
		if (what != NULL)
			return BECAUSE(why, VERIFY_NOT_ACCEPTED,
			    "the policy %s %s", what,
			    json_quoted(d, "name").text);
		image = false;
	}
	return VERIFY_OK;
}

enum verify_status
steps_entailment(struct verification *v, struct message *why)
{
	if ((!v->alone && !check_subjects(v, why)) || !(v->cert.has_evidence ?
	    check_events(v, why) : check_self_asserted(v, why)))
		return VERIFY_FAILED;
	message_set(why, v->cert.has_evidence ?
	    "subjects, inputs, configuration and figures" :
	    "subjects and inputs, on the builder's word");
	return judge_dependencies(v, why);
}
