/* container.c -- the parts of an image against its pin; see container.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "producer/container.h"

struct parts {
	int dir_fd;
	const struct measure_files *files;
	size_t nused;
	struct message *why;
};

static const struct oms_file *
find(const struct parts *p, struct span name)
{
	for (size_t i = 0; i < p->files->n; i++)
		if (span_equal(p->files->file[i].name, name))
			return &p->files->file[i];
	return NULL;
}

/* The file of that name has that digest, and that many bytes where said. */
static enum ac_err
check_part(struct parts *p, struct span name, const struct digest *sha256,
    const uint64_t *bytes)
{
	const struct oms_file *f = find(p, name);

	if (f == NULL) {
		message_set(p->why, "a part of the image was not fetched: ");
		message_add_quoted(p->why, name);
		return AC_ERR_FORMAT;
	}
	if (!digest_equal(&f->sha256, sha256)) {
		message_set(p->why, "the image's %s should be sha256:",
		    name.len == 64 ? "blob" : "manifest");
		message_add_digest(p->why, sha256);
		message_add(p->why, ", but what was fetched is sha256:");
		message_add_digest(p->why, &f->sha256);
		message_add(p->why, "; nothing was run");
		return AC_ERR_MISMATCH;
	}
	if (bytes != NULL && f->bytes != *bytes) {
		message_set(p->why, "the image's blob sha256:");
		message_add_digest(p->why, sha256);
		message_add(p->why, " has %llu bytes, and its manifest says "
		    "%llu", (unsigned long long)f->bytes,
		    (unsigned long long)*bytes);
		return AC_ERR_MISMATCH;
	}
	p->nused++;
	return AC_OK;
}

static enum ac_err
check_blob(struct parts *p, const struct image_blob *b)
{
	char hex[64];

	text_hex(hex, span_digest(&b->sha256));
	return check_part(p, span_of(hex, sizeof(hex)), &b->sha256,
	    &b->bytes);
}

/* Our own copy, which nobody writes any more. */
static enum ac_err
read_part(const struct parts *p, struct buf *out, const char *name)
{
	int fd = openat(p->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	enum ac_err e = fd < 0 ? AC_ERR_NOT_FOUND :
	    file_read_fd(out, fd, IMAGE_JSON_MAX);

	if (fd >= 0)
		(void)close(fd);
	if (e != AC_OK)
		message_set(p->why, "the image's %s cannot be read: %s",
		    strlen(name) == 64 ? "configuration" : name,
		    ac_strerror(e));
	return e;
}

static enum ac_err
read_manifest(const struct parts *p, struct image_manifest *m,
    const char *name)
{
	struct buf text = { 0 };
	enum ac_err e = read_part(p, &text, name);

	if (e == AC_OK)
		e = image_manifest_decode(m, buf_span(&text), p->why);
	buf_free(&text);
	return e;
}

/* From the pin to the manifest, by way of an index where there is one. */
static enum ac_err
check_manifest(struct parts *p, struct image_manifest *m,
    const struct digest *pin)
{
	struct digest manifest = *pin;
	enum ac_err e = AC_OK;

	if (find(p, span_str(IMAGE_INDEX)) != NULL) {
		e = check_part(p, span_str(IMAGE_INDEX), pin, NULL);
		if (e == AC_OK)
			e = read_manifest(p, m, IMAGE_INDEX);
		if (e == AC_OK && !m->is_index)
			e = BECAUSE(p->why, AC_ERR_FORMAT, "the image's index "
			    "is none");
		if (e == AC_OK)
			manifest = m->config.sha256;
	}
	if (e == AC_OK)
		e = check_part(p, span_str(IMAGE_MANIFEST), &manifest, NULL);
	if (e == AC_OK)
		e = read_manifest(p, m, IMAGE_MANIFEST);
	if (e == AC_OK && m->is_index)
		e = BECAUSE(p->why, AC_ERR_FORMAT, "the image's manifest is "
		    "an index");
	return e;
}

static bool
is_repeated(const struct image_manifest *m, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (digest_equal(&m->layer[k].sha256, &m->layer[i].sha256))
			return true;
	return digest_equal(&m->config.sha256, &m->layer[i].sha256);
}

static enum ac_err
take_env(struct container *c, const struct image_config *config,
    struct message *why)
{
	message_set(why, "no memory");
	c->env = calloc(config->nenv + 1, sizeof(*c->env));
	if (c->env == NULL)
		return AC_ERR_MEMORY;
	for (size_t i = 0; i < config->nenv; i++) {
		c->env[i] = strndup((const char *)config->env[i].p,
		    config->env[i].len);
		if (c->env[i] == NULL)
			return AC_ERR_MEMORY;
		c->nenv++;
	}
	return AC_OK;
}

static enum ac_err
read_config(struct container *c, const struct parts *p,
    const struct image_manifest *m)
{
	struct image_config config = { .nenv = 0 };
	struct buf text = { 0 };
	char hex[65];
	enum ac_err e;

	text_hex(hex, span_digest(&m->config.sha256));
	hex[64] = '\0';
	e = read_part(p, &text, hex);
	if (e == AC_OK)
		e = image_config_decode(&config, buf_span(&text), m->nlayers,
		    p->why);
	if (e == AC_OK)
		e = take_env(c, &config, p->why);
	image_config_free(&config);
	buf_free(&text);
	return e;
}

enum ac_err
container_check(struct container *out, int dir_fd,
    const struct measure_files *files, const struct digest *pin,
    struct message *why)
{
	struct image_manifest *m = calloc(1, sizeof(*m));
	struct parts p = { .dir_fd = dir_fd, .files = files, .why = why };
	struct container c = { 0 };
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory");
	if (m == NULL)
		return e;
	e = check_manifest(&p, m, pin);
	if (e == AC_OK)
		e = check_blob(&p, &m->config);
	for (size_t i = 0; e == AC_OK && i < m->nlayers; i++)
		if (!is_repeated(m, i))
			e = check_blob(&p, &m->layer[i]);
	if (e == AC_OK && p.nused != files->n)
		e = BECAUSE(why, AC_ERR_FORMAT, "something else came with the "
		    "image");
	if (e == AC_OK)
		e = read_config(&c, &p, m);
	free(m);
	if (e == AC_OK)
		*out = c;
	else
		container_free(&c);
	return e;
}

void
container_free(struct container *c)
{
	for (size_t i = 0; i < c->nenv; i++)
		free(c->env[i]);
	free(c->env);
	*c = (struct container){ 0 };
}
