/* provenance.c -- SLSA provenance v1; see provenance.h. */
#include "cert/provenance.h"
#include "cert/weights.h"
#include "common/time.h"

static void
write_annotation(struct writer *w, const char *name, struct span value)
{
	wr_printf(w, ",\"%s\":", name);
	wr_json(w, value);
}

static void
write_annotation_hex(struct writer *w, const char *name, const struct digest *d)
{
	wr_printf(w, ",\"%s\":\"", name);
	wr_hex(w, span_digest(d));
	wr_u8(w, '"');
}

static void
write_dependency(struct writer *w, const struct request_input *in,
    struct span role, const struct measured *m, bool image)
{
	wr_str(w, "{\"name\":");
	wr_json(w, in->name);
	wr_str(w, ",\"uri\":");
	wr_json(w, in->uri);
	wr_str(w, ",\"digest\":{\"sha256\":\"");
	wr_hex(w, span_digest(&m->sha256));
	wr_u8(w, '"');
	if (m->git_commit[0] != '\0')
		wr_printf(w, ",\"gitCommit\":\"%s\"", m->git_commit);
	wr_str(w, "},\"annotations\":{\"role\":");
	wr_json(w, role);
	if (in->license.len > 0)
		write_annotation(w, "license", in->license);
	if (in->certificate.len > 0)
		write_annotation(w, "certificate", in->certificate);
	if (image)
		write_annotation_hex(w, "root", &m->root);
	if (m->tree || image)
		write_annotation_hex(w, "manifest", &m->manifest);
	if (!image) {
		wr_str(w, ",\"bytes\":");
		wr_dec(w, m->bytes);
	}
	if (m->has_download) {
		wr_str(w, ",\"download\":");
		event_write_download(w, m);
	}
	wr_str(w, "}}");
}

static void
write_definition(struct writer *w, const struct provenance *p)
{
	const struct request *r = p->request;

	wr_str(w, "{\"buildDefinition\":{\"buildType\":\"" BUILD_TYPE
	    "\",\"externalParameters\":");
	request_write(w, r);
	wr_str(w, ",\"internalParameters\":{\"sandbox\":");
	wr_bytes(w, p->sandbox);
	wr_str(w, ",\"gpus\":");
	request_write_strings(w, p->gpu, p->ngpus);
	if (p->checkpoint.len > 0) {
		wr_str(w, ",\"logCheckpointAtStart\":\"");
		wr_base64(w, p->checkpoint);
		wr_u8(w, '"');
	}
	wr_str(w, "},\"resolvedDependencies\":[");
	if (r->has_image)
		write_dependency(w, &r->image, span_str("image"), p->image,
		    true);
	for (size_t i = 0; i < r->ninputs; i++) {
		if (i > 0 || r->has_image)
			wr_u8(w, ',');
		write_dependency(w, &r->input[i], r->input[i].role,
		    &p->input[i], false);
	}
	wr_str(w, "]}");
}

static void
write_details(struct writer *w, const struct provenance *p)
{
	char started[TIME_RFC3339_LEN + 1], finished[TIME_RFC3339_LEN + 1];

	if (time_format(started, p->timing->started_s) != AC_OK ||
	    time_format(finished, p->timing->finished_s) != AC_OK) {
		w->err = AC_ERR_LIMIT;
		return;
	}
	wr_printf(w, ",\"runDetails\":{\"builder\":{\"id\":\"%s\","
	    "\"version\":{\"aicert\":\"%s\"}",
	    p->measured ? BUILDER_MEASURED : BUILDER_SELF, p->version);
	if (p->has_image_root) {
		wr_str(w, ",\"builderDependencies\":[");
		statement_write_subject(w, span_str("image"), &p->image_root);
		wr_u8(w, ']');
	}
	wr_printf(w, "},\"metadata\":{\"invocationId\":\"%s\","
	    "\"startedOn\":\"%s\",\"finishedOn\":\"%s\"}}",
	    p->invocation_id, started, finished);
}

/* May a weight file be called so?  Two names are subjects that are no files. */
static bool
is_weight_name(struct span name)
{
	return oms_path_is_valid(name) && !span_is(name, SUBJECT_ROOT) &&
	    !span_is(name, SUBJECT_MANIFEST);
}

enum ac_err
provenance_encode(struct buf *out, const struct provenance *p)
{
	const struct outputs *o = p->outputs;
	bool suffixed = weights_have_suffix(o->file, o->nfiles);
	struct writer w;

	if (weights_count(o->file, o->nfiles) > WEIGHTS_MAX)
		return AC_ERR_LIMIT;
	wr_init(&w, STATEMENT_MAX);
	statement_write_head(&w);
	statement_write_subject(&w, span_str(SUBJECT_ROOT), &o->root);
	wr_u8(&w, ',');
	statement_write_subject(&w, span_str(SUBJECT_MANIFEST), &o->manifest);
	for (size_t i = 0; i < o->nfiles; i++) {
		if (!weights_is(o->file[i].name, suffixed))
			continue;
		if (!is_weight_name(o->file[i].name)) {
			wr_free(&w);
			return AC_ERR_FORMAT;
		}
		wr_u8(&w, ',');
		statement_write_subject(&w, o->file[i].name,
		    &o->file[i].sha256);
	}
	statement_write_type(&w, TYPE_PROVENANCE);
	write_definition(&w, p);
	write_details(&w, p);
	wr_str(&w, ",\"" COMPUTE_MEMBER "\":");
	event_write_figures(&w, p->figure, p->nfigures);
	wr_str(&w, "}}");
	return wr_end(&w, out);
}

/*
 * Subjects: root, manifest, then at least one weight file, of other names and
 * in the manifest's order.
 */
static bool
view_subjects(struct provenance_view *v, struct json subjects)
{
	struct json j = json_first(subjects);
	struct span name, before = { 0 };
	struct digest d;

	if (!statement_subject(j, &name, &v->root) ||
	    !span_is(name, SUBJECT_ROOT))
		return false;
	j = json_next(j);
	if (!statement_subject(j, &name, &v->manifest) ||
	    !span_is(name, SUBJECT_MANIFEST))
		return false;
	v->weights = json_next(j);
	if (!json_present(v->weights))
		return false;
	for (j = v->weights; json_present(j); j = json_next(j)) {
		if (!statement_subject(j, &name, &d) || !is_weight_name(name) ||
		    span_compare(before, name) >= 0)
			return false;
		before = name;
	}
	return true;
}

/* What has its place in a provenance; SLSA has much else, which is not read. */
#define DEPENDENCY "{name? * uri? * digest? * annotations? {role? * " \
    "license? * certificate? * root? * manifest? * bytes? * download? * " \
    "...} ...}"
#define DEFINITION "{buildType '" BUILD_TYPE "' externalParameters " \
    REQUEST_FORM " internalParameters {sandbox <*> gpus? * " \
    "logCheckpointAtStart? s ...} resolvedDependencies [" DEPENDENCY " 513] " \
    "...}"
#define BUILDER "{id '" BUILDER_MEASURED "'|'" BUILDER_SELF "' version? * " \
    "builderDependencies? [{name 'image' digest {sha256 x}} 1-1] ...}"
#define PREDICATE "{buildDefinition " DEFINITION " runDetails {builder " \
    BUILDER " metadata {invocationId s startedOn t finishedOn t ...} ...} " \
    COMPUTE_MEMBER "? " EVENT_FIGURES_FORM " ...}"

_Static_assert(INPUTS_MAX + 1 == 513, "dependencies: inputs and an image");

enum ac_err
provenance_view(struct provenance_view *out, const struct statement *s)
{
	struct json def = json_get(s->predicate, "buildDefinition");
	struct json run = json_get(s->predicate, "runDetails");
	struct json builder = json_get(run, "builder");
	struct json deps = json_get(builder, "builderDependencies");
	struct provenance_view v = { .metadata = json_get(run, "metadata") };
	struct span name;

	if (!span_is(s->predicate_type, TYPE_PROVENANCE) ||
	    !view_subjects(&v, s->subjects) ||
	    form_check(s->predicate, PREDICATE, &v.unjudged) != AC_OK)
		return AC_ERR_FORMAT;
	v.external = json_get(def, "externalParameters");
	v.internal = json_get(def, "internalParameters");
	v.dependencies = json_get(def, "resolvedDependencies");
	v.checkpoint = json_get(v.internal, "logCheckpointAtStart");
	v.compute = json_get(s->predicate, COMPUTE_MEMBER);
	v.measured = json_is(json_get(builder, "id"), BUILDER_MEASURED);
	v.has_image_root = json_present(deps);
	if (!json_digest(json_get(v.external, "builderKey"), &v.builder_key) ||
	    (v.has_image_root && !statement_subject(json_first(deps), &name,
	    &v.image_root)))
		return AC_ERR_FORMAT;
	*out = v;
	return AC_OK;
}
