/* event.c -- event lines; see event.h. */
#include "cert/event.h"
#include "cert/limits.h"
#include "cert/weights.h"
#include "common/text.h"
#include "common/time.h"

/* Indexed by enum event_type. */
static const struct {
	const char *name;
	const char *spec;     /* schema of the spec, NULL: checked apart */
	const char *resolved;
} kinds[] = {
	{ "configuration", NULL, "sha256 builderKey" },
	{ "input_image", "name uri pin", "sha256 root manifest" },
	{ "input_resource", "name type uri pin role license? certificate?",
	    "sha256 manifest? gitCommit? bytes download?" },
	{ "start", "", "attest" },
	{ "timing", "", "startedOn finishedOn wallSeconds" },
	{ "compute_consumed", "", NULL },
	{ "outputs", "globs", "root manifest count bytes weights" },
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

/* A decimal: digits, and at most nine more after a point. */
static bool
is_decimal(struct json j)
{
	size_t digits = 0, point = 0;
	struct span s;

	if (!json_string(j, &s) || s.len == 0 || s.len > 40)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '.' && point == 0 && digits > 0)
			point = i;
		else if (s.p[i] >= '0' && s.p[i] <= '9')
			digits++;
		else
			return false;
	}
	if (s.p[0] == '0' && s.len > 1 && point != 1)
		return false;
	return point == 0 || (point < s.len - 1 && s.len - 1 - point <= 9);
}

bool
event_check_figures(struct json j)
{
	struct span s;

	if (!json_is_object(j) || json_count(j) > WORDS_MAX)
		return false;
	JSON_EACH(f, j) {
		struct json how = json_get(f, "assurance");

		if (!json_closed(f, "value unit assurance") ||
		    !is_decimal(json_get(f, "value")) ||
		    !json_string(json_get(f, "unit"), &s) ||
		    (!json_is(how, "measured") && !json_is(how, "derived") &&
		    !json_is(how, "reported")))
			return false;
	}
	return true;
}

/* Every value of the object of the type its name has in any event. */
static bool
check_values(struct json object)
{
	JSON_EACH(v, object) {
		struct span name = json_name(v), s;
		struct digest d;
		uint64_t n;
		int64_t t;

		if (span_is(name, "bytes") || span_is(name, "count")) {
			if (!json_uint(v, &n, JSON_INT_MAX))
				return false;
		} else if (span_is(name, "startedOn") ||
		    span_is(name, "finishedOn")) {
			if (!json_string(v, &s) || !time_parse(&t, s))
				return false;
		} else if (span_is(name, "wallSeconds")) {
			if (!is_decimal(v))
				return false;
		} else if (span_is(name, "gitCommit")) {
			uint8_t id[32];

			if (!json_string(v, &s) ||
			    (!text_unhex(id, 20, s) && !text_unhex(id, 32, s)))
				return false;
		} else if (span_is(name, "download")) {
			if (!json_closed(v, "sha256 bytes") ||
			    !json_digest(json_get(v, "sha256"), &d) ||
			    !json_uint(json_get(v, "bytes"), &n, JSON_INT_MAX))
				return false;
		} else if (span_is(name, "weights")) {
			continue;
		} else if (!json_digest(v, &d)) {
			return false;
		}
	}
	return true;
}

static bool
check_strings(struct json j)
{
	struct span s;

	JSON_EACH(v, j)
		if (!json_string(v, &s) || s.len > WORD_MAX)
			return false;
	return true;
}

static bool
check_weights(struct json list)
{
	struct digest d;
	struct span s;
	uint64_t n;

	if (!json_is_array(list) || json_count(list) == 0 ||
	    json_count(list) > WEIGHTS_MAX)
		return false;
	JSON_EACH(j, list)
		if (!json_closed(j, "name sha256 bytes") ||
		    !json_string(json_get(j, "name"), &s) ||
		    !json_digest(json_get(j, "sha256"), &d) ||
		    !json_uint(json_get(j, "bytes"), &n, JSON_INT_MAX))
			return false;
	return true;
}

static bool
check_form(const struct event *ev)
{
	const char *spec = kinds[ev->type].spec;
	const char *resolved = kinds[ev->type].resolved;

	if (spec == NULL ? !request_check(ev->spec) :
	    !json_closed(ev->spec, spec))
		return false;
	if (resolved == NULL)
		return event_check_figures(ev->resolved);
	if (!json_closed(ev->resolved, resolved) || !check_values(ev->resolved))
		return false;
	if (ev->type == EVENT_INPUT_IMAGE || ev->type == EVENT_INPUT_RESOURCE)
		return check_strings(ev->spec);
	if (ev->type == EVENT_OUTPUTS)
		return json_is_array(json_get(ev->spec, "globs")) &&
		    check_strings(json_get(ev->spec, "globs")) &&
		    check_weights(json_get(ev->resolved, "weights"));
	return true;
}

enum ac_err
event_decode(struct event *out, struct span line)
{
	struct event ev = { 0 };
	struct json root, content;
	size_t i, n = sizeof(kinds) / sizeof(kinds[0]);
	enum ac_err e;

	e = json_parse(&ev.doc, line);
	if (e != AC_OK)
		return e;
	root = json_root(&ev.doc);
	content = json_get(root, "content");
	ev.spec = json_get(content, "spec");
	ev.resolved = json_get(content, "resolved");
	for (i = 0; i < n; i++)
		if (json_is(json_get(root, "event_type"), kinds[i].name))
			break;
	ev.type = (enum event_type)i;
	if (i == n || !json_closed(root, "event_type content") ||
	    !json_closed(content, "spec resolved") || !check_form(&ev)) {
		event_free(&ev);
		return AC_ERR_FORMAT;
	}
	*out = ev;
	return AC_OK;
}

void
event_free(struct event *ev)
{
	json_free(&ev->doc);
	*ev = (struct event){ 0 };
}
