/* event.c -- event lines; see event.h. */
#include "cert/event.h"
#include "cert/limits.h"
#include "cert/weights.h"
#include "common/time.h"

#define EVENT(spec, resolved) \
    "{event_type s content {spec " spec " resolved " resolved "}}"
#define DOWNLOAD "{sha256 x bytes i}"
#define WEIGHTS "[{name s sha256 x bytes i} 1-" FORM_NUMBER(WEIGHTS_MAX) "]"

/* Indexed by enum event_type. */
static const struct {
	const char *name, *form;
} kinds[] = {
	{ "configuration", EVENT(REQUEST_FORM, "{sha256 x builderKey x}") },
	{ "input_image", EVENT(REQUEST_IMAGE_FORM,
	    "{sha256 x root x manifest x}") },
	{ "input_resource", EVENT(REQUEST_INPUT_FORM, "{sha256 x manifest? x "
	    "gitCommit? g bytes i download? " DOWNLOAD "}") },
	{ "start", EVENT("{}", "{attest x}") },
	{ "timing", EVENT("{}", "{startedOn t finishedOn t wallSeconds n}") },
	{ "compute_consumed", EVENT("{}", EVENT_FIGURES_FORM) },
	{ "outputs", EVENT("{globs [w]}",
	    "{root x manifest x count i bytes i weights " WEIGHTS "}") },
};

const char *
event_name(enum event_type type)
{
	return kinds[type].name;
}

static void
write_head(struct writer *w, enum event_type type)
{
	wr_printf(w, "{\"event_type\":\"%s\",\"content\":{\"spec\":",
	    kinds[type].name);
}

static void
write_hex(struct writer *w, const char *before, const struct digest *d)
{
	wr_str(w, before);
	wr_hex(w, span_digest(d));
	wr_u8(w, '"');
}

void
event_configuration(struct writer *w, const struct request *r)
{
	write_head(w, EVENT_CONFIGURATION);
	request_write(w, r);
	write_hex(w, ",\"resolved\":{\"sha256\":\"", &r->config_sha256);
	write_hex(w, ",\"builderKey\":\"", &r->builder_key);
	wr_str(w, "}}}");
}

static void
write_member(struct writer *w, const char *name, struct span value)
{
	wr_printf(w, "\"%s\":", name);
	wr_json(w, value);
}

void
event_image(struct writer *w, const struct request_input *image,
    const struct measured *m)
{
	write_head(w, EVENT_INPUT_IMAGE);
	wr_u8(w, '{');
	write_member(w, "name", image->name);
	wr_u8(w, ',');
	write_member(w, "uri", image->uri);
	wr_u8(w, ',');
	write_member(w, "pin", image->pin);
	write_hex(w, "},\"resolved\":{\"sha256\":\"", &m->sha256);
	write_hex(w, ",\"root\":\"", &m->root);
	write_hex(w, ",\"manifest\":\"", &m->manifest);
	wr_str(w, "}}}");
}

void
event_write_download(struct writer *w, const struct measured *m)
{
	write_hex(w, "{\"sha256\":\"", &m->download);
	wr_str(w, ",\"bytes\":");
	wr_dec(w, m->download_bytes);
	wr_u8(w, '}');
}

void
event_input(struct writer *w, const struct request_input *in,
    const struct measured *m)
{
	write_head(w, EVENT_INPUT_RESOURCE);
	wr_u8(w, '{');
	write_member(w, "name", in->name);
	wr_u8(w, ',');
	write_member(w, "type", in->type);
	wr_u8(w, ',');
	write_member(w, "uri", in->uri);
	wr_u8(w, ',');
	write_member(w, "pin", in->pin);
	wr_u8(w, ',');
	write_member(w, "role", in->role);
	if (in->license.len > 0) {
		wr_u8(w, ',');
		write_member(w, "license", in->license);
	}
	if (in->certificate.len > 0) {
		wr_u8(w, ',');
		write_member(w, "certificate", in->certificate);
	}
	write_hex(w, "},\"resolved\":{\"sha256\":\"", &m->sha256);
	if (m->tree)
		write_hex(w, ",\"manifest\":\"", &m->manifest);
	if (m->git_commit[0] != '\0')
		wr_printf(w, ",\"gitCommit\":\"%s\"", m->git_commit);
	wr_str(w, ",\"bytes\":");
	wr_dec(w, m->bytes);
	if (m->has_download) {
		wr_str(w, ",\"download\":");
		event_write_download(w, m);
	}
	wr_str(w, "}}}");
}

void
event_start(struct writer *w, const struct digest *attest)
{
	write_head(w, EVENT_START);
	write_hex(w, "{},\"resolved\":{\"attest\":\"", attest);
	wr_str(w, "}}}");
}

void
event_timing(struct writer *w, const struct timing *t)
{
	char started[TIME_RFC3339_LEN + 1], finished[TIME_RFC3339_LEN + 1];

	if (time_format(started, t->started_s) != AC_OK ||
	    time_format(finished, t->finished_s) != AC_OK) {
		w->err = AC_ERR_LIMIT;
		return;
	}
	write_head(w, EVENT_TIMING);
	wr_printf(w, "{},\"resolved\":{\"startedOn\":\"%s\","
	    "\"finishedOn\":\"%s\",\"wallSeconds\":\"%llu.%03u\"}}}",
	    started, finished, (unsigned long long)(t->wall_ms / 1000),
	    (unsigned)(t->wall_ms % 1000));
}

void
event_write_figures(struct writer *w, const struct figure f[], size_t n)
{
	wr_u8(w, '{');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			wr_u8(w, ',');
		wr_json(w, span_str(f[i].name));
		wr_str(w, ":{");
		write_member(w, "value", span_str(f[i].value));
		wr_u8(w, ',');
		write_member(w, "unit", span_str(f[i].unit));
		wr_u8(w, ',');
		write_member(w, "assurance", span_str(f[i].assurance));
		wr_u8(w, '}');
	}
	wr_u8(w, '}');
}

void
event_compute(struct writer *w, const struct figure f[], size_t n)
{
	write_head(w, EVENT_COMPUTE);
	wr_str(w, "{},\"resolved\":");
	event_write_figures(w, f, n);
	wr_str(w, "}}");
}

void
event_outputs(struct writer *w, const struct request *r,
    const struct outputs *o)
{
	bool suffixed = weights_have_suffix(o->file, o->nfiles);
	bool first = true;
	uint64_t bytes = 0;

	for (size_t i = 0; i < o->nfiles; i++)
		if (__builtin_add_overflow(bytes, o->file[i].bytes, &bytes) ||
		    bytes > JSON_INT_MAX)
			w->err = AC_ERR_LIMIT;
	write_head(w, EVENT_OUTPUTS);
	wr_str(w, "{\"globs\":");
	request_write_strings(w, r->output, r->noutputs);
	write_hex(w, "},\"resolved\":{\"root\":\"", &o->root);
	write_hex(w, ",\"manifest\":\"", &o->manifest);
	wr_str(w, ",\"count\":");
	wr_dec(w, o->nfiles);
	wr_str(w, ",\"bytes\":");
	wr_dec(w, bytes);
	wr_str(w, ",\"weights\":[");
	for (size_t i = 0; i < o->nfiles; i++) {
		const struct oms_file *f = &o->file[i];

		if (!weights_is(f->name, suffixed))
			continue;
		wr_str(w, first ? "{" : ",{");
		first = false;
		write_member(w, "name", f->name);
		write_hex(w, ",\"sha256\":\"", &f->sha256);
		wr_str(w, ",\"bytes\":");
		wr_dec(w, f->bytes);
		wr_u8(w, '}');
	}
	wr_str(w, "]}}}");
}

enum ac_err
event_decode(struct event *out, struct span line)
{
	struct event ev = { 0 };
	size_t i = 0, n = AC_COUNT(kinds);
	struct json root, content;
	enum ac_err e = json_parse(&ev.doc, line);

	if (e != AC_OK)
		return e;
	root = json_root(&ev.doc);
	while (i < n && !json_is(json_get(root, "event_type"), kinds[i].name))
		i++;
	if (i == n || form_check(root, kinds[i].form, NULL) != AC_OK) {
		event_free(&ev);
		return AC_ERR_FORMAT;
	}
	content = json_get(root, "content");
	ev.type = (enum event_type)i;
	ev.spec = json_get(content, "spec");
	ev.resolved = json_get(content, "resolved");
	*out = ev;
	return AC_OK;
}

void
event_free(struct event *ev)
{
	json_free(&ev->doc);
	*ev = (struct event){ 0 };
}
