/* image.c -- what a container image says of itself; see image.h. */
#include <stdio.h>

#include "cert/limits.h"
#include "common/reader.h"
#include "common/text.h"
#include "producer/image.h"

#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
#define ARCHITECTURE "unknown"
#endif
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HUB "registry-1.docker.io"
#define PLATFORMS_SHOWN 8

static const char *const manifest_types[] = {
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
};
static const char *const index_types[] = {
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
};
/* How a layer is packed is seen from its bytes. */
static const char *const layer_types[] = {
	"application/vnd.oci.image.layer.v1.tar",
	"application/vnd.oci.image.layer.v1.tar+gzip",
	"application/vnd.oci.image.layer.v1.tar+zstd",
	"application/vnd.docker.image.rootfs.diff.tar",
	"application/vnd.docker.image.rootfs.diff.tar.gzip",
	"application/vnd.docker.image.rootfs.diff.tar.zstd",
};

/* ---- references ---- */

static enum ac_err
wrong(struct message *why, struct span text, const char *reason)
{
	message_set(why, "the image ");
	message_add_quoted(why, text);
	message_add(why, " %s", reason);
	return AC_ERR_FORMAT;
}

static bool
is_small(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_one_of(uint8_t c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/*
 * Parts of a-z and 0-9 with separators within, as the distribution
 * specification has them.
 */
static bool
is_repository(struct span s)
{
	bool inside = false; /* the byte before is of a-z and 0-9 */

	if (s.len == 0 || s.len > IMAGE_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];
		bool now = is_small(c);

		/* "__" and any number of '-' may stand between. */
		if (!now && !(is_one_of(c, "._-/") && (inside || (c != '/' &&
		    c != '.' && i > 0 && s.p[i - 1] == c))))
			return false;
		inside = now;
	}
	return inside;
}

static bool
is_host(struct span s)
{
	if (s.len == 0 || s.len > IMAGE_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_small(s.p[i]) && !(s.p[i] >= 'A' && s.p[i] <= 'Z') &&
		    !is_one_of(s.p[i], ".-:[]"))
			return false;
	return true;
}

/* Is the part before the first '/' a registry, by Docker's rule? */
static bool
has_host(struct span first, bool slash)
{
	for (size_t i = 0; slash && i < first.len; i++)
		if (first.p[i] == '.' || first.p[i] == ':')
			return true;
	return slash && span_is(first, "localhost");
}

static bool
skip(struct span *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->len < n || !span_is(span_of(s->p, n), prefix))
		return false;
	*s = span_of(s->p + n, s->len - n);
	return true;
}

/* Drop ":tag" from the end of a repository. */
static struct span
without_tag(struct span s)
{
	for (size_t i = s.len; i-- > 0 && s.p[i] != '/';)
		if (s.p[i] == ':' && i + 1 < s.len)
			return span_of(s.p, i);
	return s;
}

enum ac_err
image_reference_decode(struct image_reference *out, struct span text,
    struct message *why)
{
	struct image_reference ref;
	struct span rest = text, host;
	struct reader rd;
	bool plain = skip(&rest, "http://"), slash, official = false;
	bool named = plain || skip(&rest, "https://");

	rd = rd_of(rest);
	slash = rd_until(&rd, &host, '/');
	if (slash && (named || has_host(host, slash))) {
		rest = rd.left;
	} else if (named) {
		return wrong(why, text, "names no repository of the registry");
	} else {
		host = span_str(HUB);
		official = !slash;
	}
	if (span_is(host, "docker.io")) {
		host = span_str(HUB);
		official = memchr(rest.p, '/', rest.len) == NULL;
	}
	rest = without_tag(rest);
	if (!is_host(host) || !is_repository(rest))
		return wrong(why, text, "is no registry/repository with a "
		    "digest, such as docker.io/library/debian@sha256:...");
	(void)snprintf(ref.base, sizeof(ref.base), "%s://%.*s",
	    plain ? "http" : "https", (int)host.len, (const char *)host.p);
	if (snprintf(ref.repository, sizeof(ref.repository), "%s%.*s",
	    official ? "library/" : "", (int)rest.len,
	    (const char *)rest.p) > IMAGE_NAME_MAX)
		return wrong(why, text, "has too long a name");
	*out = ref;
	return AC_OK;
}

enum ac_err
image_split(struct span *place, struct span *pin, struct span text,
    struct message *why)
{
	struct digest d;

	for (size_t i = text.len; i-- > 0;) {
		struct span end = span_of(text.p + i + 1, text.len - i - 1);
		struct span hex = end;

		if (text.p[i] != '@')
			continue;
		if (i == 0 || !skip(&hex, "sha256:") ||
		    !text_unhex_digest(&d, hex))
			break;
		*place = span_of(text.p, i);
		*pin = end;
		return AC_OK;
	}
	return wrong(why, text, "has no digest: write NAME@sha256: and 64 "
	    "lower-case hex digits; a tag can be moved to other bytes");
}

bool
image_is_layout(struct span *out, struct span place)
{
	if (!skip(&place, "oci:") || place.len == 0)
		return false;
	*out = place;
	return true;
}

/* ---- manifests ---- */

static enum ac_err
malformed(struct message *why, enum ac_err e, const char *what)
{
	message_set(why, "%s", what);
	return e;
}

static bool
is_type(struct json j, const char *const types[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (json_is(j, types[i]))
			return true;
	return false;
}

static enum ac_err
take_blob(struct image_blob *out, struct json j, struct message *why)
{
	struct image_blob b;
	struct span digest;

	if (!json_is_object(j) || !json_string(json_get(j, "digest"),
	    &digest) || !json_uint(json_get(j, "size"), &b.bytes,
	    JSON_INT_MAX))
		return malformed(why, AC_ERR_FORMAT, "the image's manifest has "
		    "a descriptor without digest and size");
	if (!skip(&digest, "sha256:") ||
	    !text_unhex_digest(&b.sha256, digest)) {
		message_set(why, "the image's manifest has a digest that is "
		    "no sha256: ");
		message_add_quoted(why, digest);
		return AC_ERR_UNSUPPORTED;
	}
	*out = b;
	return AC_OK;
}

static enum ac_err
take_layers(struct image_manifest *m, struct json layers, struct message *why)
{
	enum ac_err e = AC_OK;

	if (json_count(layers) == 0)
		return malformed(why, AC_ERR_FORMAT, "the image has no layer");
	JSON_EACH(j, layers) {
		struct json type = json_get(j, "mediaType");

		if (m->nlayers == IMAGE_LAYERS_MAX) {
			message_set(why, "the image has more than %d layers",
			    IMAGE_LAYERS_MAX);
			return AC_ERR_LIMIT;
		}
		if (!is_type(type, layer_types, COUNT(layer_types)) ||
		    json_present(json_get(j, "urls"))) {
			struct span s = span_str("(none)");

			(void)!json_string(type, &s);
			message_set(why, "layer %zu of the image is none that "
			    "is unpacked here, but ", m->nlayers + 1);
			message_add_quoted(why, s);
			return AC_ERR_UNSUPPORTED;
		}
		e = take_blob(&m->layer[m->nlayers], j, why);
		if (e != AC_OK)
			return e;
		m->nlayers++;
	}
	return AC_OK;
}

/* The first for this machine; variants of one architecture are not told apart. */
static enum ac_err
choose(struct image_manifest *m, struct json manifests, struct message *why)
{
	unsigned shown = 0;

	message_set(why, "the image's index has no manifest for linux/"
	    ARCHITECTURE "; it has");
	JSON_EACH(j, manifests) {
		struct json platform = json_get(j, "platform");
		struct json type = json_get(j, "mediaType");
		struct json machine = json_get(platform, "architecture");
		struct span s;

		if (json_is(json_get(platform, "os"), "linux") &&
		    json_is(machine, ARCHITECTURE)) {
			if (json_present(type) && !is_type(type,
			    manifest_types, COUNT(manifest_types)))
				return malformed(why, AC_ERR_UNSUPPORTED,
				    "the image's index does not lead to a "
				    "manifest");
			m->is_index = true;
			return take_blob(&m->config, j, why);
		}
		if (shown < PLATFORMS_SHOWN && json_string(machine, &s)) {
			message_add(why, "%s ", shown++ == 0 ? "" : ",");
			message_add_quoted(why, s);
		}
	}
	if (shown == 0)
		message_add(why, " none");
	return AC_ERR_NOT_FOUND;
}

enum ac_err
image_manifest_decode(struct image_manifest *out, struct span text,
    struct message *why)
{
	struct image_manifest m = { .is_index = false };
	struct json_doc doc = { 0 };
	struct json root, type, manifests, layers;
	uint64_t version;
	enum ac_err e;

	message_set(why, "the image's manifest is no strict JSON");
	if (text.len > IMAGE_JSON_MAX)
		return malformed(why, AC_ERR_LIMIT, "the image's manifest is "
		    "too large");
	e = json_parse(&doc, text);
	if (e != AC_OK)
		return e;
	root = json_root(&doc);
	type = json_get(root, "mediaType");
	manifests = json_get(root, "manifests");
	layers = json_get(root, "layers");
	/* One document must not be both, to two readers. */
	if (!json_uint(json_get(root, "schemaVersion"), &version, 2) ||
	    version != 2)
		e = malformed(why, AC_ERR_FORMAT, "what stands there is no "
		    "manifest of an image of schema version 2");
	else if (json_is_array(manifests) && !json_present(layers) &&
	    !json_present(json_get(root, "config")) &&
	    (!json_present(type) || is_type(type, index_types,
	    COUNT(index_types))))
		e = choose(&m, manifests, why);
	else if (json_is_array(layers) && !json_present(manifests) &&
	    (!json_present(type) || is_type(type, manifest_types,
	    COUNT(manifest_types))))
		e = take_blob(&m.config, json_get(root, "config"), why);
	else
		e = malformed(why, AC_ERR_FORMAT, "what stands there is "
		    "neither a manifest of an image nor an index of such");
	if (e == AC_OK && !m.is_index)
		e = take_layers(&m, layers, why);
	json_free(&doc);
	if (e == AC_OK)
		*out = m;
	return e;
}

/* ---- configurations ---- */

/* NAME=value, of letters, digits and '_', no digit first. */
static bool
is_variable(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];

		if (c == '=')
			return i > 0 && text_is_utf8(s);
		if (c != '_' && !(c >= 'A' && c <= 'Z') &&
		    !(is_small(c) && (i > 0 || c > '9')))
			return false;
	}
	return false;
}

static enum ac_err
take_env(struct image_config *c, struct json env, struct message *why)
{
	JSON_EACH(j, env) {
		struct span s = span_str("");

		if (!json_string(j, &s) || !is_variable(s)) {
			message_set(why, "the image sets a variable in another "
			    "way than NAME=value: ");
			message_add_quoted(why, s);
			return AC_ERR_FORMAT;
		}
		if (c->nenv == IMAGE_ENV_MAX) {
			message_set(why, "the image sets more than %d "
			    "variables", IMAGE_ENV_MAX);
			return AC_ERR_LIMIT;
		}
		c->env[c->nenv++] = s;
	}
	return AC_OK;
}

enum ac_err
image_config_decode(struct image_config *out, struct span text,
    size_t nlayers, struct message *why)
{
	struct image_config c = { .nenv = 0 };
	struct json root;
	enum ac_err e;

	message_set(why, "the image's configuration is no strict JSON");
	if (text.len > IMAGE_JSON_MAX)
		return malformed(why, AC_ERR_LIMIT, "the image's "
		    "configuration is too large");
	e = json_parse(&c.doc, text);
	if (e != AC_OK)
		return e;
	root = json_root(&c.doc);
	if (!json_is(json_get(root, "os"), "linux") ||
	    !json_is(json_get(root, "architecture"), ARCHITECTURE)) {
		struct span os = span_str("?"), machine = span_str("?");

		(void)!json_string(json_get(root, "os"), &os);
		(void)!json_string(json_get(root, "architecture"), &machine);
		message_set(why, "the image is not for linux/" ARCHITECTURE
		    ", but for ");
		message_add_quoted(why, os);
		message_add(why, " on ");
		message_add_quoted(why, machine);
		e = AC_ERR_UNSUPPORTED;
	} else if (json_count(json_get(json_get(root, "rootfs"),
	    "diff_ids")) != nlayers) {
		message_set(why, "the image's configuration is of another "
		    "number of layers than its %zu", nlayers);
		e = AC_ERR_FORMAT;
	} else {
		e = take_env(&c, json_get(json_get(root, "config"), "Env"),
		    why);
	}
	if (e != AC_OK) {
		json_free(&c.doc);
		return e;
	}
	*out = c;
	return AC_OK;
}

void
image_config_free(struct image_config *c)
{
	json_free(&c->doc);
	*c = (struct image_config){ .nenv = 0 };
}

/* ---- tokens ---- */

static void
skip_blanks(struct reader *r)
{
	while (r->left.len > 0 && is_one_of(r->left.p[0], " \t"))
		r->left = span_of(r->left.p + 1, r->left.len - 1);
}

/* A token, or a quoted string without escapes. */
static bool
take_value(struct reader *r, struct span *out)
{
	size_t n = 0;
	struct span s = r->left;

	if (s.len > 0 && s.p[0] == '"') {
		r->left = span_of(s.p + 1, s.len - 1);
		return rd_until(r, out, '"') &&
		    memchr(out->p, '\\', out->len) == NULL;
	}
	while (n < s.len && !is_one_of(s.p[n], " \t,"))
		n++;
	*out = span_of(s.p, n);
	r->left = span_of(s.p + n, s.len - n);
	return n > 0;
}

static bool
is_word(struct span s, const char *lower)
{
	size_t n = strlen(lower);

	if (s.len != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((s.p[i] | 0x20) != (uint8_t)lower[i])
			return false;
	return true;
}

/* What stands in a URL's query as it is. */
static bool
is_plain_query(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_small(s.p[i]) && !(s.p[i] >= 'A' && s.p[i] <= 'Z') &&
		    !is_one_of(s.p[i], "._-:/"))
			return false;
	return true;
}

static bool
is_realm(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || is_one_of(s.p[i],
		    "\"#<>\\^`{|}@"))
			return false;
	return skip(&s, "https://") || skip(&s, "http://");
}

enum ac_err
image_challenge(char out[IMAGE_URL_MAX], struct span challenge,
    const char *repository, struct message *why)
{
	struct reader r = rd_of(challenge);
	struct span scheme, name, value, realm = { 0 }, service = { 0 };
	bool query;
	int n;

	message_set(why, "the registry asks for a token in a way that is not "
	    "understood: ");
	message_add_quoted(why, challenge);
	if (!rd_until(&r, &scheme, ' '))
		return AC_ERR_FORMAT;
	if (!is_word(scheme, "bearer")) {
		message_set(why, "the registry wants a user and password; "
		    "images are fetched anonymously here: copy it to a layout "
		    "(oci:FOLDER)");
		return AC_ERR_UNSUPPORTED;
	}
	for (skip_blanks(&r); r.left.len > 0; skip_blanks(&r)) {
		if (!rd_until(&r, &name, '=') || !take_value(&r, &value))
			return AC_ERR_FORMAT;
		if (is_word(name, "realm"))
			realm = value;
		else if (is_word(name, "service"))
			service = value;
		skip_blanks(&r);
		if (r.left.len > 0 && r.left.p[0] != ',')
			return AC_ERR_FORMAT;
		if (r.left.len > 0)
			r.left = span_of(r.left.p + 1, r.left.len - 1);
	}
	if (!is_realm(realm) || !is_plain_query(service))
		return AC_ERR_FORMAT;
	query = memchr(realm.p, '?', realm.len) != NULL;
	n = snprintf(out, IMAGE_URL_MAX, "%.*s%sservice=%.*s&scope="
	    "repository:%s:pull", (int)realm.len, (const char *)realm.p,
	    query ? "&" : "?", (int)service.len, service.len == 0 ? "" :
	    (const char *)service.p, repository);
	return n < 0 || n >= IMAGE_URL_MAX ? AC_ERR_LIMIT : AC_OK;
}

enum ac_err
image_token(char out[IMAGE_TOKEN_MAX + 1], struct span answer,
    struct message *why)
{
	struct json_doc doc = { 0 };
	struct span token = { 0 };
	enum ac_err e;

	message_set(why, "the registry's answer has no token");
	e = json_parse(&doc, answer);
	if (e != AC_OK)
		return e;
	e = AC_ERR_FORMAT;
	if (!json_string(json_get(json_root(&doc), "token"), &token) &&
	    !json_string(json_get(json_root(&doc), "access_token"), &token))
		goto out;
	if (token.len == 0)
		goto out;
	for (size_t i = 0; i < token.len; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			goto out;
	if (token.len > IMAGE_TOKEN_MAX) {
		e = AC_ERR_LIMIT;
		goto out;
	}
	memcpy(out, token.p, token.len);
	out[token.len] = '\0';
	e = AC_OK;
out:
	json_free(&doc);
	return e;
}
