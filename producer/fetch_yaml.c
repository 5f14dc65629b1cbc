/*
 * fetch_yaml.c -- aicert.yaml to a request; see fetch_yaml.h.  With
 * fetch_axolotl.c, the door to libyaml.
 *
 * The file has one shape, so the parser is that shape written down: each
 * function expects the next event, and anything else is an error at its
 * place.  Nothing is nested deeper than an input's values.
 */
#include <stdlib.h>

#include <yaml.h>

#include "cert/limits.h"
#include "common/text.h"
#include "producer/fetch_axolotl.h"
#include "producer/fetch_yaml.h"
#include "producer/image.h"
#include "producer/rules.h"
#include "producer/wire.h"

/* Every string of the file, kept for as long as the request. */
struct words {
	char **p;
	size_t n, cap;
};

struct parser {
	yaml_parser_t yaml;
	yaml_event_t event; /* the one that was read last; owned */
	const char *path;
	struct message *why;
	struct words words;
	struct request request;
	enum ac_err err; /* of fail() */
	struct span *command, *output;
	struct span config;   /* the input that a trainer is configured by */
	yaml_mark_t config_at;
	struct request_input *input;
	struct request_env *env;
	struct wire_place *place; /* of each input, and the image's */
	struct wire_place image;
};

/* Keys of one mapping, in the order of their bits. */
enum top { TOP_VERSION, TOP_TRAINER, TOP_INPUTS, TOP_COMMAND, TOP_OUTPUTS,
	TOP_CONFIG, TOP_ENV, TOP_SEED, TOP_IMAGE, TOP_N };
static const char *const top_keys[] = { "version", "trainer", "inputs",
	"command", "outputs", "config", "env", "seed", "image" };

enum in { IN_NAME, IN_TYPE, IN_URI, IN_PIN, IN_ROLE, IN_LICENSE,
	IN_COMPRESSION, IN_DISCLOSE, IN_DEPENDENCIES, IN_PATH, IN_N };
static const char *const in_keys[] = { "name", "type", "uri", "pin", "role",
	"license", "compression", "disclose", "dependencies", "path" };

/* Known words of version 2 that this build does not carry out. */
static const char *const reserved_in[] = { "certificate" };
static const char *const reserved_types[] = { "oci" };
/* They run as hf-trainer, which knows what they all write. */
static const char *const other_trainers[] = { "trl", "llamafactory",
	"unsloth", "torchtune" };

/* In the order of enum wire_compression. */
static const char *const compressions[] = { "none", "gzip", "zstd" };
static const char *const types[] = { "file", "git", "model", "dataset",
	"archive", "certificate" };
/* What writes them, and the lock files that a repository has then. */
static const char *const managers[] = { "poetry", "pip", "npm" };
static const char *const locks[] = { "poetry.lock", "requirements.txt",
	"package-lock.json" };
static const char *const trainers[] = { "command", RULES_AXOLOTL,
	"hf-trainer" };
static const char *const roles[] = { "base_model", "dataset", "code",
	"tokenizer", "config", "lock", "evaluation", "other" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- errors ---- */

/* Begin the message with the place of mark; err is what will be returned. */
static bool
fail_at(struct parser *p, enum ac_err err, yaml_mark_t mark)
{
	message_set(p->why, "%s", "");
	message_add_quoted(p->why, span_str(p->path));
	message_add(p->why, ":%zu:%zu: ", mark.line + 1, mark.column + 1);
	p->err = err;
	return false;
}

static bool
fail(struct parser *p, enum ac_err err)
{
	return fail_at(p, err, p->event.start_mark);
}

static bool
fail_there(struct parser *p, yaml_mark_t mark, const char *text)
{
	(void)fail_at(p, AC_ERR_FORMAT, mark);
	message_add(p->why, "%s", text);
	return false;
}

static bool
fail_with(struct parser *p, enum ac_err err, const char *text)
{
	(void)fail(p, err);
	message_add(p->why, "%s", text);
	return false;
}

static bool
no_memory(struct parser *p)
{
	message_set(p->why, "no memory");
	p->err = AC_ERR_MEMORY;
	return false;
}

/* What stands there, for "found ...". */
static const char *
found(const struct parser *p)
{
	switch (p->event.type) {
	case YAML_MAPPING_START_EVENT:
		return "a mapping";
	case YAML_SEQUENCE_START_EVENT:
		return "a list";
	case YAML_SCALAR_EVENT:
		return "a plain value";
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	case YAML_ALIAS_EVENT:
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		break;
	}
	return "nothing";
}

static bool
fail_expected(struct parser *p, const char *what)
{
	(void)fail(p, AC_ERR_FORMAT);
	message_add(p->why, "expected %s, found %s", what, found(p));
	return false;
}

static bool
is_one_of(struct span s, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(s, names[i]))
			return true;
	return false;
}

/* "word" is none of names: say which it may have been, and all of them. */
static bool
fail_unknown(struct parser *p, const char *what, struct span word,
    const char *const names[], size_t n)
{
	const char *nearest = text_nearest(names, n, word);

	(void)fail(p, AC_ERR_FORMAT);
	message_add(p->why, "unknown %s ", what);
	message_add_quoted(p->why, word);
	if (nearest != NULL)
		message_add(p->why, "; did you mean \"%s\"?", nearest);
	message_add(p->why, " (known: ");
	for (size_t i = 0; i < n; i++)
		message_add(p->why, "%s%s", i == 0 ? "" : ", ", names[i]);
	message_add(p->why, ")");
	return false;
}

static bool
fail_reserved(struct parser *p, const char *what, struct span word)
{
	(void)fail(p, AC_ERR_UNSUPPORTED);
	message_add(p->why, "%s ", what);
	message_add_quoted(p->why, word);
	message_add(p->why, " is not built yet");
	return false;
}

/* ---- events ---- */

static bool
check_plainness(struct parser *p)
{
	const yaml_event_t *ev = &p->event;
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (ev->type == YAML_ALIAS_EVENT)
		return fail_with(p, AC_ERR_FORMAT, "an alias (*name) is "
		    "refused: write the value out");
	if (ev->type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	}
	if (anchor != NULL)
		return fail_with(p, AC_ERR_FORMAT, "an anchor (&name) is "
		    "refused: write the value out");
	if (tag != NULL)
		return fail_with(p, AC_ERR_FORMAT, "a tag (!name) is refused: "
		    "write the plain value");
	return true;
}

/* Read the next event, which replaces the last one. */
static bool
next(struct parser *p)
{
	yaml_event_delete(&p->event);
	p->event = (yaml_event_t){ .type = YAML_NO_EVENT };
	if (!yaml_parser_parse(&p->yaml, &p->event)) {
		if (p->yaml.error == YAML_MEMORY_ERROR)
			return no_memory(p);
		(void)fail_at(p, AC_ERR_FORMAT, p->yaml.problem_mark);
		message_add(p->why, "not YAML: %s", p->yaml.problem == NULL ?
		    "unreadable" : p->yaml.problem);
		return false;
	}
	return check_plainness(p);
}

static struct span
scalar(const struct parser *p)
{
	return span_of(p->event.data.scalar.value,
	    p->event.data.scalar.length);
}

/* *out = a copy of s, kept. */
static bool
keep_copy(struct parser *p, struct span *out, struct span s)
{
	struct words *w = &p->words;
	char *copy;

	if (s.len > WORD_MAX) {
		(void)fail(p, AC_ERR_LIMIT);
		message_add(p->why, "a value of %zu bytes; at most %zu",
		    s.len, WORD_MAX);
		return false;
	}
	if (w->n == w->cap) {
		size_t cap = w->cap == 0 ? 64 : w->cap * 2;
		char **grown = realloc(w->p, cap * sizeof(*grown));

		if (grown == NULL)
			return no_memory(p);
		w->p = grown;
		w->cap = cap;
	}
	copy = malloc(s.len + 1);
	if (copy == NULL)
		return no_memory(p);
	if (s.len > 0)
		memcpy(copy, s.p, s.len);
	copy[s.len] = '\0';
	w->p[w->n++] = copy;
	*out = span_of(copy, s.len);
	return true;
}

/* *out = the scalar, kept. */
static bool
keep(struct parser *p, struct span *out)
{
	return keep_copy(p, out, scalar(p));
}

/* Read a scalar; a plain one that is empty stands for nothing in YAML. */
static bool
read_scalar(struct parser *p, const char *what)
{
	struct span s;

	if (!next(p))
		return false;
	if (p->event.type != YAML_SCALAR_EVENT)
		return fail_expected(p, what);
	s = scalar(p);
	if (p->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (s.len == 0 || span_is(s, "~") || span_is(s, "null"))) {
		(void)fail(p, AC_ERR_FORMAT);
		message_add(p->why, "expected %s, found nothing", what);
		return false;
	}
	return true;
}

static bool
read_text(struct parser *p, struct span *out, const char *what)
{
	if (!read_scalar(p, what) || !keep(p, out))
		return false;
	if (rules_text(*out))
		return true;
	(void)fail(p, AC_ERR_FORMAT);
	message_add(p->why, "%s must be printable UTF-8 and not empty", what);
	return false;
}

/*
 * The next key of a mapping: *key = its index, or n at the end.  seen has a
 * bit for each key that was there.
 */
static bool
next_key(struct parser *p, size_t *key, const char *const names[], size_t n,
    const char *const reserved[], size_t nreserved, unsigned *seen)
{
	struct span word;

	if (!next(p))
		return false;
	if (p->event.type == YAML_MAPPING_END_EVENT) {
		*key = n;
		return true;
	}
	if (p->event.type != YAML_SCALAR_EVENT)
		return fail_expected(p, "a key");
	word = scalar(p);
	for (size_t i = 0; i < n; i++) {
		if (!span_is(word, names[i]))
			continue;
		if ((*seen >> i & 1) != 0) {
			(void)fail(p, AC_ERR_FORMAT);
			message_add(p->why, "key \"%s\" stands here a second "
			    "time", names[i]);
			return false;
		}
		*seen |= 1u << i;
		*key = i;
		return true;
	}
	if (is_one_of(word, reserved, nreserved))
		return fail_reserved(p, "key", word);
	return fail_unknown(p, "key", word, names, n);
}

/* At mark a mapping began that lacks a key. */
static bool
check_seen(struct parser *p, yaml_mark_t mark, const char *const names[],
    size_t nneeded, unsigned seen, const char *what)
{
	for (size_t i = 0; i < nneeded; i++) {
		if ((seen >> i & 1) != 0)
			continue;
		(void)fail_at(p, AC_ERR_FORMAT, mark);
		message_add(p->why, "%s has no \"%s\"", what, names[i]);
		return false;
	}
	return true;
}

/* ---- values ---- */

static bool
read_number(struct parser *p, uint64_t *out, const char *what)
{
	if (!read_scalar(p, what))
		return false;
	if (p->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    text_undec(out, scalar(p), JSON_INT_MAX))
		return true;
	(void)fail(p, AC_ERR_FORMAT);
	message_add(p->why, "expected %s, a whole number of at most 2^53 - 1; "
	    "found ", what);
	message_add_quoted(p->why, scalar(p));
	return false;
}

static bool
read_version(struct parser *p)
{
	uint64_t v;

	if (!read_number(p, &v, "version"))
		return false;
	if (v == REQUEST_VERSION)
		return true;
	(void)fail(p, AC_ERR_UNSUPPORTED);
	message_add(p->why, "version %llu; this aicert reads version %d",
	    (unsigned long long)v, REQUEST_VERSION);
	return false;
}

static bool
read_trainer(struct parser *p)
{
	struct request *r = &p->request;

	if (!read_text(p, &r->trainer, "a trainer"))
		return false;
	if (is_one_of(r->trainer, trainers, COUNT(trainers)))
		return true;
	if (is_one_of(r->trainer, other_trainers, COUNT(other_trainers)))
		return fail_with(p, AC_ERR_UNSUPPORTED, "this trainer has no "
		    "preset; write trainer: hf-trainer, and its command");
	return fail_unknown(p, "trainer", r->trainer, trainers,
	    COUNT(trainers));
}

/* A list of words of a command, or of globs. */
static bool
read_list(struct parser *p, struct span *out, size_t *n, const char *what,
    bool globs)
{
	yaml_mark_t mark;

	if (!next(p))
		return false;
	if (p->event.type != YAML_SEQUENCE_START_EVENT)
		return fail_expected(p, what);
	mark = p->event.start_mark;
	for (;;) {
		if (!next(p))
			return false;
		if (p->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (p->event.type != YAML_SCALAR_EVENT)
			return fail_expected(p, "a word");
		if (*n == WORDS_MAX) {
			(void)fail(p, AC_ERR_LIMIT);
			message_add(p->why, "more than %d in %s", WORDS_MAX,
			    what);
			return false;
		}
		if (!keep(p, &out[*n]))
			return false;
		if (globs ? !rules_glob(out[*n]) : !rules_word(out[*n])) {
			(void)fail(p, AC_ERR_FORMAT);
			message_add_quoted(p->why, out[*n]);
			message_add(p->why, globs ? " is no pattern: a path "
			    "below the folder where the training starts, with "
			    "*, ** and ?, without \"..\" or a / in front" :
			    " is no word of a command: UTF-8 without control "
			    "characters but line feed and tab");
			return false;
		}
		++*n;
	}
	if (*n > 0 && out[0].len > 0)
		return true;
	(void)fail_at(p, AC_ERR_FORMAT, mark);
	message_add(p->why, "%s must not be empty", what);
	return false;
}

static bool
read_variable(struct parser *p)
{
	struct request *r = &p->request;
	struct request_env *v = &p->env[r->nenv];

	if (r->nenv == WORDS_MAX)
		return fail_with(p, AC_ERR_LIMIT, "too many variables");
	if (!keep(p, &v->name))
		return false;
	if (!rules_env(v->name)) {
		const char *names[64];
		size_t n = 0;

		if (rules_is_secret(v->name)) {
			(void)fail(p, AC_ERR_FORMAT);
			message_add_quoted(p->why, v->name);
			message_add(p->why, " looks like the name of a "
			    "secret, and everything in this file becomes "
			    "public; remove it, and revoke what stood there "
			    "if it was shared");
			return false;
		}
		for (; n < COUNT(names) && rules_env_name(n) != NULL; n++)
			names[n] = rules_env_name(n);
		return fail_unknown(p, "variable", v->name, names, n);
	}
	for (size_t i = 0; i < r->nenv; i++)
		if (span_equal(r->env[i].name, v->name))
			return fail_with(p, AC_ERR_FORMAT, "this variable "
			    "stands here a second time");
	if (!read_scalar(p, "a value") || !keep(p, &v->value))
		return false;
	if (v->value.len > 0 && !rules_text(v->value))
		return fail_with(p, AC_ERR_FORMAT, "a variable's value must "
		    "be printable UTF-8");
	r->nenv++;
	return true;
}

static bool
read_env(struct parser *p)
{
	if (!next(p))
		return false;
	if (p->event.type != YAML_MAPPING_START_EVENT)
		return fail_expected(p, "a mapping of variables");
	for (;;) {
		if (!next(p))
			return false;
		if (p->event.type == YAML_MAPPING_END_EVENT)
			return true;
		if (p->event.type != YAML_SCALAR_EVENT)
			return fail_expected(p, "a variable's name");
		if (!read_variable(p))
			return false;
	}
}

/* ---- inputs ---- */

/* Decode %XX of a file: URL in place. */
static bool
unescape(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++) {
		uint8_t c;
		char low[2];

		if (*s != '%') {
			*out++ = *s;
			continue;
		}
		for (size_t i = 0; i < 2; i++) {
			low[i] = s[1 + i];
			if (low[i] >= 'A' && low[i] <= 'F')
				low[i] = (char)(low[i] - 'A' + 'a');
			if (low[i] == '\0')
				return false;
		}
		if (!text_unhex(&c, 1, span_of(low, 2)) || c == 0)
			return false;
		*out++ = (char)c;
		s += 2;
	}
	*out = '\0';
	return true;
}

/* Characters of the scheme before ':', 0 where there is none. */
static size_t
scheme_len(struct span uri)
{
	size_t i = 0;

	while (i < uri.len && ((uri.p[i] | 0x20) >= 'a' &&
	    (uri.p[i] | 0x20) <= 'z'))
		i++;
	while (i > 0 && i < uri.len && ((uri.p[i] >= '0' && uri.p[i] <= '9') ||
	    uri.p[i] == '+' || uri.p[i] == '-' || uri.p[i] == '.'))
		i++;
	return i < uri.len && uri.p[i] == ':' ? i : 0;
}

/* Of a scheme that a fetcher speaks: where it lies is the uri itself. */
static bool
is_remote(const struct request_input *in, size_t n)
{
	struct span scheme = span_of(in->uri.p, n);

	return span_is(scheme, "http") || span_is(scheme, "https") ||
	    (rules_is_git(in) && span_is(scheme, "git"));
}

/* Is there an '@' before the path of the URL? */
static bool
has_user(struct span uri)
{
	size_t slashes = 0;

	for (size_t i = 0; i < uri.len && slashes < 3; i++) {
		if (uri.p[i] == '@')
			return true;
		slashes += uri.p[i] == '/';
	}
	return false;
}

/* Where a hub has it: the uri, or the name of what HUB has. */
static bool
locate_hub(struct parser *p, struct request_input *in, yaml_mark_t at)
{
	char *uri;
	bool ok;

	if (!rules_hub_name(in->uri))
		return fail_there(p, at, "a hub's repository is NAME, "
		    "OWNER/NAME or an http(s) URL; with a path of this "
		    "machine the pin is sha256:");
	if (asprintf(&uri, RULES_HUB "/%s%.*s", span_is(in->type, "dataset") ?
	    "datasets/" : "", (int)in->uri.len, (const char *)in->uri.p) < 0)
		return no_memory(p);
	ok = keep_copy(p, &in->uri, span_str(uri));
	free(uri);
	return ok;
}

/* *out = a path beside the file. */
static bool
beside(struct parser *p, struct span *out, struct span path)
{
	const char *slash = strrchr(p->path, '/');
	size_t dirlen = slash == NULL || path.p[0] == '/' ? 0 :
	    (size_t)(slash - p->path) + 1;
	char *whole;
	bool ok;

	if (asprintf(&whole, "%.*s%.*s", (int)dirlen, p->path, (int)path.len,
	    (const char *)path.p) < 0)
		return no_memory(p);
	ok = keep_copy(p, out, span_str(whole));
	free(whole);
	return ok;
}

/*
 * *out = the path of this machine that in's uri, which stands at, means; empty:
 * it is remote.
 */
static bool
locate(struct parser *p, struct span *out, struct request_input *in,
    yaml_mark_t at)
{
	struct span uri = in->uri;
	size_t n = scheme_len(uri);
	char *path;
	bool ok;

	if (is_remote(in, n)) {
		*out = span_of(NULL, 0);
		return !has_user(uri) ||
		    fail_there(p, at, "a URL with a user or a password, and "
		    "everything in this file becomes public; leave them out");
	}
	if (rules_is_hub(in))
		return locate_hub(p, in, at);
	if (rules_is_git(in))
		return fail_there(p, at, "a repository is fetched from "
		    "https://, http:// or git://");
	if (n > 0) {
		static const char prefix[] = "file://";
		size_t k = sizeof(prefix) - 1;

		if (uri.len <= k || !span_is(span_of(uri.p, k), prefix)) {
			if (n == 4 && span_is(span_of(uri.p, 4), "file"))
				return fail_there(p, at, "a file: URL is "
				    "file:///absolute/path");
			(void)fail_at(p, AC_ERR_UNSUPPORTED, at);
			message_add(p->why, "fetching ");
			message_add_quoted(p->why, span_of(uri.p, n + 1));
			message_add(p->why, " is not built yet");
			return false;
		}
		if (uri.p[k] != '/')
			return fail_there(p, at, "a file: URL of another "
			    "machine; write file:///absolute/path");
		path = strndup((const char *)uri.p + k, uri.len - k);
		if (path == NULL)
			return no_memory(p);
		ok = unescape(path) ||
		    fail_there(p, at, "a % in a file: URL that no two hex "
		    "digits follow");
	} else {
		return beside(p, out, uri);
	}
	ok = ok && keep_copy(p, out, span_str(path));
	free(path);
	return ok;
}

/* NAME@sha256:HEX, or oci:FOLDER@sha256:HEX. */
static bool
read_image(struct parser *p)
{
	struct request_input *image = &p->request.image;
	struct message why = { "" };
	struct span text, folder;

	if (!read_text(p, &text, "an image"))
		return false;
	image->name = span_str(RULES_IMAGE);
	if (image_split(&image->uri, &image->pin, text, &why) != AC_OK ||
	    rules_check_image(image, &why) != AC_OK) {
		(void)fail(p, AC_ERR_FORMAT);
		message_add(p->why, "%s", why.text);
		return false;
	}
	p->request.has_image = true;
	p->image.uri = image->uri;
	p->image.line = (uint32_t)p->event.start_mark.line + 1;
	p->image.column = (uint32_t)p->event.start_mark.column + 1;
	return !image_is_layout(&folder, image->uri) ||
	    beside(p, &p->image.path, folder);
}

static bool
check_name(struct parser *p, struct span name)
{
	const struct request *r = &p->request;

	if (!rules_name(name)) {
		(void)fail(p, AC_ERR_FORMAT);
		message_add_quoted(p->why, name);
		message_add(p->why, " is no name of an input: use a-z, 0-9 "
		    "and . _ -, a letter or digit first, at most %d",
		    RULES_NAME_MAX);
		return false;
	}
	for (size_t i = 0; i < r->ninputs; i++)
		if (span_equal(r->input[i].name, name)) {
			(void)fail(p, AC_ERR_FORMAT);
			message_add(p->why, "a second input is called ");
			message_add_quoted(p->why, name);
			return false;
		}
	return true;
}

static bool
check_pin(struct parser *p, struct span pin)
{
	struct span commit;
	struct digest d;
	bool download;

	if (rules_pin(&d, &download, pin) || rules_floats(pin) ||
	    rules_git_pin(&commit, pin))
		return true;
	(void)fail(p, AC_ERR_FORMAT);
	message_add(p->why, "expected a pin, sha256: and 64 lower-case hex "
	    "digits, or gitCommit: and 40 or 64; found ");
	message_add_quoted(p->why, pin);
	return false;
}

static bool
read_compression(struct parser *p, enum wire_compression *out)
{
	struct span word;

	if (!read_text(p, &word, "a compression"))
		return false;
	for (size_t i = 0; i < COUNT(compressions); i++)
		if (span_is(word, compressions[i])) {
			*out = (enum wire_compression)i;
			return true;
		}
	return fail_unknown(p, "compression", word, compressions,
	    COUNT(compressions));
}

static bool
read_disclose(struct parser *p, bool *out)
{
	if (!read_scalar(p, "true or false"))
		return false;
	*out = span_is(scalar(p), "true");
	return *out || span_is(scalar(p), "false") ||
	    fail_with(p, AC_ERR_FORMAT, "disclose is true or false");
}

static bool
read_manager(struct parser *p, const char **lock)
{
	struct span word;

	if (!read_text(p, &word, "what writes the lock file"))
		return false;
	for (size_t i = 0; i < COUNT(managers); i++)
		if (span_is(word, managers[i])) {
			*lock = locks[i];
			return true;
		}
	return fail_unknown(p, "dependencies", word, managers,
	    COUNT(managers));
}

/* A glob, or a list of them; *out = all, an LF between them. */
static bool
read_paths(struct parser *p, struct span *out)
{
	struct buf all = { 0 };
	struct writer w;
	bool list, ok = true;
	size_t n = 0;

	if (!next(p))
		return false;
	list = p->event.type == YAML_SEQUENCE_START_EVENT;
	wr_init(&w, WORD_MAX);
	for (;;) {
		if (list && !next(p)) {
			ok = false;
			break;
		}
		if (list && n > 0 && p->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		ok = p->event.type == YAML_SCALAR_EVENT ||
		    fail_expected(p, "a path with or without *, ** and ?");
		if (ok && !rules_glob(scalar(p)))
			ok = fail_with(p, AC_ERR_FORMAT, "not a path of files "
			    "at the hub, with or without *, ** and ?");
		if (ok && n++ == RULES_PATHS_MAX)
			ok = fail_with(p, AC_ERR_LIMIT, "too many paths; "
			    "use * and **");
		if (!ok)
			break;
		wr_str(&w, n > 1 ? "\n" : "");
		wr_bytes(&w, scalar(p));
		if (!list)
			break;
	}
	if (wr_end(&w, &all) != AC_OK)
		ok = ok && fail_with(p, AC_ERR_LIMIT, "these paths are too "
		    "long");
	ok = ok && keep_copy(p, out, buf_span(&all));
	buf_free(&all);
	return ok;
}

/* What else an input says, and where. */
struct details {
	bool disclose;
	bool compressed; /* says how */
	yaml_mark_t uri_at, pin_at;
	const char *lock; /* NULL: none */
};

static bool
read_input_value(struct parser *p, size_t key, struct request_input *in,
    struct wire_place *where, struct details *d)
{
	switch ((enum in)key) {
	case IN_NAME:
		return read_text(p, &in->name, "a name") &&
		    check_name(p, in->name);
	case IN_TYPE:
		if (!read_text(p, &in->type, "a type"))
			return false;
		if (is_one_of(in->type, reserved_types,
		    COUNT(reserved_types)))
			return fail_reserved(p, "type", in->type);
		return is_one_of(in->type, types, COUNT(types)) ||
		    fail_unknown(p, "type", in->type, types, COUNT(types));
	case IN_URI:
		if (!read_text(p, &in->uri, "a uri"))
			return false;
		d->uri_at = p->event.start_mark;
		return true;
	case IN_PIN:
		if (!read_text(p, &in->pin, "a pin"))
			return false;
		d->pin_at = p->event.start_mark;
		where->line = (uint32_t)p->event.start_mark.line + 1;
		where->column = (uint32_t)p->event.start_mark.column + 1;
		return check_pin(p, in->pin);
	case IN_ROLE:
		return read_text(p, &in->role, "a role") &&
		    (is_one_of(in->role, roles, COUNT(roles)) ||
		    fail_unknown(p, "role", in->role, roles, COUNT(roles)));
	case IN_LICENSE:
		return read_text(p, &in->license, "a licence");
	case IN_COMPRESSION:
		d->compressed = true;
		return read_compression(p, &where->compression);
	case IN_DISCLOSE:
		return read_disclose(p, &d->disclose);
	case IN_DEPENDENCIES:
		return read_manager(p, &d->lock);
	case IN_PATH:
		return read_paths(p, &where->files);
	case IN_N:
		break;
	}
	return false;
}

/* Do type, pin and the keys that only some inputs have go together? */
static bool
check_kind(struct parser *p, const struct request_input *in,
    const struct wire_place *where, const struct details *d, yaml_mark_t mark)
{
	struct digest digest;
	struct span commit;
	bool download, git = rules_git_pin(&commit, in->pin) ||
	    rules_floats_as(&commit, in->pin, "branch") ||
	    rules_floats_as(&commit, in->pin, "tag") ||
	    rules_floats_as(&commit, in->pin, "revision");
	bool packed = where->compression != WIRE_NONE;

	if (rules_is_git(in) && !git)
		return fail_there(p, d->pin_at, "a repository is pinned by "
		    "its commit: gitCommit: and 40 or 64 hex digits");
	if (git && !rules_is_git(in) && !rules_is_hub(in))
		return fail_there(p, d->pin_at, "only a git, model or dataset "
		    "input is pinned by a commit");
	if (git && packed)
		return fail_there(p, mark, "what is pinned by a commit has "
		    "no compression");
	if (rules_is_archive(in) && d->compressed)
		return fail_there(p, mark, "an archive has no key "
		    "\"compression\": how it is packed is found out");
	if (d->lock != NULL && !rules_is_git(in))
		return fail_there(p, mark, "\"dependencies\" is of git "
		    "inputs");
	if (where->files.len > 0 && !rules_is_hub(in))
		return fail_there(p, mark, "\"path\" is of a hub's models "
		    "and datasets, which are pinned by gitCommit:");
	if (rules_pin(&digest, &download, in->pin) && download && !packed &&
	    !rules_is_archive(in))
		return fail_there(p, mark, "the pin is of a download, but "
		    "this input is not unpacked: pin what is there, without "
		    "\"download:\", or say its compression");
	return true;
}

/* The lock file of the input before it, as an input of its own. */
static bool
add_lock(struct parser *p, const struct request_input *of, const char *lock,
    yaml_mark_t mark)
{
	struct request *r = &p->request;
	struct request_input *in = &p->input[r->ninputs];
	struct wire_place *where = &p->place[r->ninputs];
	char *name = NULL, *uri = NULL;
	bool ok = false;

	if (r->ninputs == INPUTS_MAX)
		return fail_there(p, mark, "its lock file would be one input "
		    "too many");
	*in = *of;
	in->role = span_str(RULES_LOCK_ROLE);
	in->license = span_of(NULL, 0);
	*where = *(where - 1);
	if (asprintf(&name, "%.*s" RULES_LOCK, (int)of->name.len,
	    (const char *)of->name.p) < 0) {
		name = NULL;
		return no_memory(p);
	}
	if (asprintf(&uri, "%.*s#%s", (int)of->uri.len,
	    (const char *)of->uri.p, lock) < 0) {
		uri = NULL;
		ok = no_memory(p);
	} else {
		ok = check_name(p, span_str(name)) &&
		    keep_copy(p, &in->name, span_str(name)) &&
		    keep_copy(p, &in->uri, span_str(uri));
	}
	free(name);
	free(uri);
	r->ninputs += ok;
	return ok;
}

static bool
read_input(struct parser *p)
{
	struct request *r = &p->request;
	struct request_input *in = &p->input[r->ninputs];
	struct wire_place *where = &p->place[r->ninputs];
	yaml_mark_t mark = p->event.start_mark;
	struct details d = { .disclose = true };
	unsigned seen = 0;
	size_t key;

	if (r->ninputs == INPUTS_MAX) {
		(void)fail(p, AC_ERR_LIMIT);
		message_add(p->why, "more than %d inputs; put files into a "
		    "folder and pin that", INPUTS_MAX);
		return false;
	}
	for (;;) {
		if (!next_key(p, &key, in_keys, IN_N, reserved_in,
		    COUNT(reserved_in), &seen))
			return false;
		if (key == IN_N)
			break;
		if (!read_input_value(p, key, in, where, &d))
			return false;
	}
	if (!check_seen(p, mark, in_keys, IN_LICENSE, seen, "this input") ||
	    !check_kind(p, in, where, &d, mark) ||
	    !locate(p, &where->path, in, d.uri_at))
		return false;
	where->uri = in->uri;
	if (!d.disclose)
		in->uri = span_str(RULES_UNDISCLOSED);
	r->ninputs++;
	return d.lock == NULL || add_lock(p, in, d.lock, mark);
}

static bool
read_inputs(struct parser *p)
{
	if (!next(p))
		return false;
	if (p->event.type != YAML_SEQUENCE_START_EVENT)
		return fail_expected(p, "a list of inputs");
	for (;;) {
		if (!next(p))
			return false;
		if (p->event.type == YAML_SEQUENCE_END_EVENT)
			return true;
		if (p->event.type != YAML_MAPPING_START_EVENT)
			return fail_expected(p, "an input, which is a mapping");
		if (!read_input(p))
			return false;
	}
}

/* ---- trainers ---- */

/* Set a variable, where the file does not. */
static void
preset(struct parser *p, const struct rules_variable *v)
{
	struct request *r = &p->request;

	for (size_t i = 0; i < r->nenv; i++)
		if (span_is(r->env[i].name, v->name))
			return;
	if (r->nenv < WORDS_MAX)
		p->env[r->nenv++] = (struct request_env){ span_str(v->name),
			span_str(v->value) };
}

/* The command of axolotl, by the input that configures it. */
static bool
configure_axolotl(struct parser *p)
{
	static const char *const words[] = { "accelerate", "launch", "-m",
		"axolotl.cli.train" };
	struct request *r = &p->request;
	char *path;
	bool ok;

	for (size_t i = 0; i < r->ninputs; i++) {
		if (!span_equal(r->input[i].name, p->config))
			continue;
		for (size_t k = 0; k < COUNT(words); k++)
			p->command[k] = span_str(words[k]);
		if (asprintf(&path, "/inputs/%.*s", (int)p->config.len,
		    (const char *)p->config.p) < 0)
			return no_memory(p);
		ok = keep_copy(p, &p->command[COUNT(words)], span_str(path));
		free(path);
		r->ncommand = COUNT(words) + 1;
		return ok;
	}
	(void)fail_at(p, AC_ERR_FORMAT, p->config_at);
	message_add(p->why, "no input is called ");
	message_add_quoted(p->why, p->config);
	return false;
}

/* What a trainer knows by itself, and what it needs to be told. */
static bool
settle_trainer(struct parser *p, yaml_mark_t mark, unsigned seen)
{
	struct request *r = &p->request;
	bool axolotl = span_is(r->trainer, RULES_AXOLOTL);
	bool has_command = (seen >> TOP_COMMAND & 1) != 0;
	bool has_config = (seen >> TOP_CONFIG & 1) != 0;

	if (has_config && (!axolotl || has_command)) {
		(void)fail_at(p, AC_ERR_FORMAT, p->config_at);
		message_add(p->why, axolotl ? "command or config, not both" :
		    "config is for the trainer axolotl; others are "
		    "configured by their command");
		return false;
	}
	if (!has_command && !has_config) {
		(void)fail_at(p, AC_ERR_FORMAT, mark);
		message_add(p->why, "the configuration has no \"%s\"",
		    axolotl ? "config" : "command");
		return false;
	}
	if (has_config && !configure_axolotl(p))
		return false;
	if (axolotl && (seen >> TOP_OUTPUTS & 1) == 0) {
		p->output[0] = span_str(FETCH_AXOLOTL_OUTPUTS);
		r->noutputs = 1;
	} else if (!check_seen(p, mark, top_keys, TOP_CONFIG, seen |
	    1u << TOP_COMMAND, "the configuration")) {
		return false;
	}
	if (rules_has_state(r->trainer))
		for (size_t i = 0; rules_offline(i) != NULL; i++)
			preset(p, rules_offline(i));
	return true;
}

/* ---- the whole ---- */

static bool
read_top_value(struct parser *p, size_t key)
{
	struct request *r = &p->request;

	switch ((enum top)key) {
	case TOP_VERSION:
		return read_version(p);
	case TOP_TRAINER:
		return read_trainer(p);
	case TOP_COMMAND:
		return read_list(p, p->command, &r->ncommand,
		    "command, a list of words", false);
	case TOP_INPUTS:
		return read_inputs(p);
	case TOP_OUTPUTS:
		return read_list(p, p->output, &r->noutputs,
		    "outputs, a list of patterns", true);
	case TOP_CONFIG:
		if (!read_text(p, &p->config, "the name of an input"))
			return false;
		p->config_at = p->event.start_mark;
		return true;
	case TOP_ENV:
		return read_env(p);
	case TOP_IMAGE:
		return read_image(p);
	case TOP_SEED:
		r->has_seed = true;
		return read_number(p, &r->seed, "seed");
	case TOP_N:
		break;
	}
	return false;
}

static bool
expect(struct parser *p, yaml_event_type_t type, const char *what)
{
	return next(p) && (p->event.type == type || fail_expected(p, what));
}

static bool
read_document(struct parser *p)
{
	yaml_mark_t mark;
	unsigned seen = 0;
	size_t key;

	if (!expect(p, YAML_STREAM_START_EVENT, "YAML") || !next(p))
		return false;
	if (p->event.type != YAML_DOCUMENT_START_EVENT)
		return fail_with(p, AC_ERR_FORMAT, "the file is empty; see "
		    "aicert.yaml(5)");
	if (p->event.data.document_start.version_directive != NULL ||
	    p->event.data.document_start.tag_directives.start !=
	    p->event.data.document_start.tag_directives.end)
		return fail_with(p, AC_ERR_FORMAT, "a directive (%name) is "
		    "refused");
	if (!expect(p, YAML_MAPPING_START_EVENT, "a mapping of keys to values"))
		return false;
	mark = p->event.start_mark;
	for (;;) {
		if (!next_key(p, &key, top_keys, TOP_N, NULL, 0, &seen))
			return false;
		if (key == TOP_N)
			break;
		if (!read_top_value(p, key))
			return false;
	}
	if (!check_seen(p, mark, top_keys, TOP_COMMAND, seen,
	    "the configuration") || !settle_trainer(p, mark, seen))
		return false;
	if (!expect(p, YAML_DOCUMENT_END_EVENT, "the end") || !next(p))
		return false;
	return p->event.type == YAML_STREAM_END_EVENT ||
	    fail_with(p, AC_ERR_FORMAT, "a second document; one file "
	    "describes one build");
}

static void
free_parser(struct parser *p)
{
	for (size_t i = 0; i < p->words.n; i++)
		free(p->words.p[i]);
	free(p->words.p);
	free(p->command);
	free(p->output);
	free(p->input);
	free(p->env);
	free(p->place);
}

enum ac_err
fetch_yaml(struct buf *out, struct span bytes, const char *path,
    struct message *why)
{
	struct parser p = { .path = path, .why = why, .err = AC_ERR_MEMORY };
	enum ac_err e = AC_ERR_MEMORY;
	struct writer w;
	bool begun = false;

	if (fetch_axolotl_is(bytes))
		return fetch_axolotl(out, bytes, path, why);
	message_set(why, "no memory");
	p.command = calloc(WORDS_MAX, sizeof(*p.command));
	p.output = calloc(WORDS_MAX, sizeof(*p.output));
	p.input = calloc(INPUTS_MAX, sizeof(*p.input));
	p.env = calloc(WORDS_MAX, sizeof(*p.env));
	p.place = calloc(INPUTS_MAX + 1, sizeof(*p.place));
	p.request.command = p.command;
	p.request.output = p.output;
	p.request.input = p.input;
	p.request.env = p.env;
	if (p.command == NULL || p.output == NULL || p.input == NULL ||
	    p.env == NULL || p.place == NULL ||
	    !yaml_parser_initialize(&p.yaml))
		goto out;
	begun = true;
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.yaml, bytes.p, bytes.len);
	if (!read_document(&p)) {
		e = p.err;
		goto out;
	}
	p.place[p.request.ninputs] = p.image;
	wr_init(&w, WIRE_VERB_MAX);
	wire_write_config(&w, &p.request, p.place);
	e = wr_end(&w, out);
	if (e != AC_OK) {
		message_set(why, "the configuration says too much: %s",
		    ac_strerror(e));
		goto out;
	}
	e = AC_OK;
out:
	if (begun) {
		yaml_event_delete(&p.event);
		yaml_parser_delete(&p.yaml);
	}
	free_parser(&p);
	return e;
}
