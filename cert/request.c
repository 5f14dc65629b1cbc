/* request.c -- externalParameters; see request.h. */
#include "cert/request.h"

void
request_write_strings(struct writer *w, const struct span s[], size_t n)
{
	wr_u8(w, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			wr_u8(w, ',');
		wr_json(w, s[i]);
	}
	wr_u8(w, ']');
}

static void
write_string(struct writer *w, const char *name, struct span value)
{
	wr_printf(w, ",\"%s\":", name);
	wr_json(w, value);
}

static void
write_input(struct writer *w, const struct request_input *in)
{
	wr_str(w, "{\"name\":");
	wr_json(w, in->name);
	write_string(w, "type", in->type);
	write_string(w, "uri", in->uri);
	write_string(w, "pin", in->pin);
	write_string(w, "role", in->role);
	if (in->license.len > 0)
		write_string(w, "license", in->license);
	if (in->certificate.len > 0)
		write_string(w, "certificate", in->certificate);
	wr_u8(w, '}');
}

void
request_write(struct writer *w, const struct request *r)
{
	wr_str(w, "{\"config\":{\"name\":");
	wr_json(w, r->config_name);
	wr_str(w, ",\"sha256\":\"");
	wr_hex(w, span_digest(&r->config_sha256));
	wr_str(w, "\"},\"builderKey\":\"");
	wr_hex(w, span_digest(&r->builder_key));
	wr_printf(w, "\",\"version\":%d", REQUEST_VERSION);
	write_string(w, "trainer", r->trainer);
	wr_str(w, ",\"command\":");
	request_write_strings(w, r->command, r->ncommand);
	if (r->has_image) {
		wr_str(w, ",\"image\":{\"name\":");
		wr_json(w, r->image.name);
		write_string(w, "uri", r->image.uri);
		write_string(w, "pin", r->image.pin);
		wr_u8(w, '}');
	}
	wr_str(w, ",\"inputs\":[");
	for (size_t i = 0; i < r->ninputs; i++) {
		if (i > 0)
			wr_u8(w, ',');
		write_input(w, &r->input[i]);
	}
	wr_str(w, "],\"outputs\":");
	request_write_strings(w, r->output, r->noutputs);
	wr_str(w, ",\"env\":{");
	for (size_t i = 0; i < r->nenv; i++) {
		if (i > 0)
			wr_u8(w, ',');
		wr_json(w, r->env[i].name);
		wr_u8(w, ':');
		wr_json(w, r->env[i].value);
	}
	wr_u8(w, '}');
	if (r->has_seed) {
		wr_str(w, ",\"seed\":");
		wr_dec(w, r->seed);
	}
	wr_u8(w, '}');
}

bool
request_check(struct json j)
{
	return form_check(j, REQUEST_FORM, NULL) == AC_OK;
}
