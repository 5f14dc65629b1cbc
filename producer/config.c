/* config.c -- a configuration file, by its parser; see config.h. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cert/limits.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "producer/config.h"
#include "producer/image.h"
#include "producer/rules.h"
#include "producer/world.h"

#define PARSE_S 60 /* a file of CONFIG_MAX bytes takes milliseconds */

static struct span
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return span_str(slash == NULL ? path : slash + 1);
}

/* *out = s, which has no NUL in it. */
static enum ac_err
take_text(char **out, struct span s)
{
	*out = s.len == 0 ? strdup("") : strndup((const char *)s.p, s.len);
	if (*out == NULL)
		return AC_ERR_MEMORY;
	return strlen(*out) == s.len ? AC_OK : AC_ERR_FORMAT;
}

static enum ac_err
take_places(struct config *c, const struct wire_place place[])
{
	c->input = calloc(c->request.ninputs + 1, sizeof(*c->input));
	if (c->input == NULL)
		return AC_ERR_MEMORY;
	for (size_t i = 0; i < c->request.ninputs +
	    c->request.has_image; i++) {
		struct config_input *in = &c->input[i];
		enum ac_err e = take_text(&in->path, place[i].path);

		if (e == AC_OK)
			e = take_text(&in->uri, place[i].uri);
		if (e == AC_OK)
			e = take_text(&in->files, place[i].files);
		if (e != AC_OK)
			return e;
		in->line = place[i].line;
		in->column = place[i].column;
		in->compression = place[i].compression;
	}
	return AC_OK;
}

/* ---- pins that float ---- */

void
config_place(const struct config_input *in, const char *path,
    struct message *why)
{
	struct message what = *why;

	message_set(why, "%s", "");
	message_add_quoted(why, span_str(path));
	message_add(why, ":%zu:%zu: %s", in->line, in->column, what.text);
}

static bool
floats(const struct request *r)
{
	for (size_t i = 0; i < r->ninputs; i++)
		if (rules_floats(r->input[i].pin))
			return true;
	return false;
}

/* The pin that the lock has for input i. */
static enum ac_err
take_locked(struct config *c, size_t i, struct message *why)
{
	struct request_input *in = &c->asked.input[i];
	const struct lock_entry *found = lock_find(&c->lock, in->name);

	/* A lock file's is that of its repository, which is before it. */
	if (span_is(in->role, RULES_LOCK_ROLE) && i > 0) {
		in->pin = c->asked.input[i - 1].pin;
		return AC_OK;
	}
	message_set(why, "the pin ");
	message_add_quoted(why, in->pin);
	message_add(why, " floats, and ");
	if (found == NULL) {
		message_add(why, "no lock says what it means; run: aicert pin");
		return AC_ERR_FORMAT;
	}
	if (!span_is(found->uri, c->input[i].uri) ||
	    !span_equal(found->reference, in->pin)) {
		message_add(why, "the lock is of ");
		message_add_quoted(why, found->reference);
		message_add(why, " of ");
		message_add_quoted(why, found->uri);
		message_add(why, "; run: aicert pin");
		return AC_ERR_MISMATCH;
	}
	in->pin = found->pin;
	return AC_OK;
}

/* Let every pin that floats be what the lock beside path says. */
static enum ac_err
apply_lock(struct config *c, const char *path, struct message *why)
{
	char *name = lock_path(path);
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory");
	if (name != NULL)
		e = lock_read(&c->lock, name, why);
	free(name);
	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		return e;
	for (size_t i = 0; i < c->request.ninputs; i++) {
		if (!rules_floats(c->request.input[i].pin))
			continue;
		e = take_locked(c, i, why);
		if (e != AC_OK) {
			config_place(&c->input[i], path, why);
			return e;
		}
	}
	return AC_OK;
}

/* ---- what the parser says ---- */

/* The form of what the parser says, but not what rules.h says of it. */
static enum ac_err
decode(struct config *out, struct span bytes, const char *path,
    struct buf answer, struct message *why)
{
	struct wire_place *place = calloc(INPUTS_MAX + 1, sizeof(*place));
	struct config c = { .answer = answer };
	struct span name = base_name(path);
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "what the parser says of the configuration is "
	    "malformed");
	c.name = strndup((const char *)name.p, name.len);
	if (place == NULL || c.name == NULL ||
	    buf_copy(&c.bytes, bytes) != AC_OK)
		goto out;
	e = wire_read_config(&c.asked, place, buf_span(&c.answer));
	if (e != AC_OK)
		goto out;
	c.request = c.asked.request;
	c.request.config_name = span_str(c.name);
	c.request.config_sha256 = sha256_of(bytes);
	e = take_places(&c, place);
	if (e != AC_OK)
		goto out;
	*out = c;
	c = (struct config){ 0 }; /* transferred */
	e = AC_OK;
out:
	free(place);
	config_free(&c);
	return e;
}

enum ac_err
config_decode(struct config *out, struct span bytes, const char *path,
    struct buf answer, struct message *why)
{
	struct config c = { 0 };
	enum ac_err e = decode(&c, bytes, path, answer, why);

	if (e == AC_OK && floats(&c.request))
		e = apply_lock(&c, path, why);
	if (e == AC_OK)
		e = rules_check(&c.request, why);
	if (e == AC_OK)
		*out = c;
	else
		config_free(&c);
	return e;
}

static enum ac_err
decode_floating(struct config *out, struct span bytes, const char *path,
    struct buf answer, struct message *why)
{
	struct config c = { 0 };
	enum ac_err e = decode(&c, bytes, path, answer, why);

	if (e == AC_OK)
		e = rules_check_floating(&c.request, why);
	if (e == AC_OK)
		*out = c;
	else
		config_free(&c);
	return e;
}

/* Let a world of its own parse the bytes. */
static enum ac_err
parse(struct buf *answer, struct span bytes, const char *path, int cancel_fd,
    struct message *why)
{
	struct world_spec spec = { .verb = "yaml", .task = path,
		.wall_s = PARSE_S };
	enum ac_err e = AC_ERR_IO;

	spec.in_fd = memfd_create("configuration", MFD_CLOEXEC);
	if (spec.in_fd < 0 || file_write_all(spec.in_fd, bytes) != AC_OK ||
	    lseek(spec.in_fd, 0, SEEK_SET) != 0)
		message_set(why, "no memory for the configuration");
	else
		e = world_ask(answer, &spec, WIRE_VERB_MAX, cancel_fd, why);
	if (spec.in_fd >= 0)
		(void)close(spec.in_fd);
	return e;
}

enum ac_err
config_parse(struct config *out, struct span bytes, const char *path,
    int cancel_fd, struct message *why)
{
	struct buf answer = { 0 };
	enum ac_err e = parse(&answer, bytes, path, cancel_fd, why);

	if (e == AC_OK)
		e = config_decode(out, bytes, path, answer, why);
	return e;
}

static enum ac_err
read_by(enum ac_err (*by)(struct config *, struct span, const char *,
    struct buf, struct message *), struct config *out, const char *path,
    int cancel_fd, struct message *why)
{
	struct buf bytes = { 0 }, answer = { 0 };
	enum ac_err e = file_read(&bytes, path, CONFIG_MAX);

	if (e != AC_OK) {
		message_set(why, "cannot read the configuration ");
		message_add_quoted(why, span_str(path));
		if (e == AC_ERR_FORMAT)
			message_add(why, ": it is no regular file");
		else if (e == AC_ERR_LIMIT)
			message_add(why, ": it has more than %zu bytes",
			    CONFIG_MAX);
		else
			message_add(why, ": %s", ac_strerror(e));
		return e;
	}
	e = parse(&answer, buf_span(&bytes), path, cancel_fd, why);
	if (e == AC_OK)
		e = by(out, buf_span(&bytes), path, answer, why);
	buf_free(&bytes);
	return e;
}

enum ac_err
config_read(struct config *out, const char *path, int cancel_fd,
    struct message *why)
{
	return read_by(config_decode, out, path, cancel_fd, why);
}

enum ac_err
config_read_floating(struct config *out, const char *path, int cancel_fd,
    struct message *why)
{
	return read_by(decode_floating, out, path, cancel_fd, why);
}

enum ac_err
config_certify(struct config *c, size_t i, const struct digest *d)
{
	char *hex = malloc(64);

	if (hex == NULL)
		return AC_ERR_MEMORY;
	text_hex(hex, span_digest(d));
	free(c->input[i].certificate);
	c->input[i].certificate = hex; /* transferred */
	c->asked.input[i].certificate = span_of(hex, 64);
	return AC_OK;
}

enum ac_err
config_set_image(struct config *c, const char *text, struct message *why)
{
	struct request_input image = { .name = span_str(RULES_IMAGE) };
	struct config_input *where = &c->input[c->request.ninputs];
	struct span folder = span_of(NULL, 0);
	enum ac_err e;

	if (c->request.has_image)
		return BECAUSE(why, AC_ERR_EXISTS, "the configuration names "
		    "its image; leave --image out");
	e = image_split(&image.uri, &image.pin, span_str(text), why);
	if (e == AC_OK)
		e = rules_check_image(&image, why);
	if (e != AC_OK)
		return e;
	(void)!image_is_layout(&folder, image.uri);
	c->request.has_image = true; /* what is there is freed with it */
	c->request.image = image;
	message_set(why, "no memory");
	e = take_text(&where->path, folder);
	if (e == AC_OK)
		e = take_text(&where->uri, image.uri);
	return e == AC_OK ? take_text(&where->files, span_of(NULL, 0)) : e;
}

void
config_free(struct config *c)
{
	if (c->input != NULL)
		for (size_t i = 0; i < c->request.ninputs +
		    c->request.has_image; i++) {
			free(c->input[i].path);
			free(c->input[i].uri);
			free(c->input[i].files);
			free(c->input[i].certificate);
		}
	free(c->input);
	free(c->name);
	lock_free(&c->lock);
	wire_request_free(&c->asked);
	buf_free(&c->answer);
	buf_free(&c->bytes);
	*c = (struct config){ 0 };
}
