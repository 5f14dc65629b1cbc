/*
 * fetch_axolotl.c -- the original's file to a request; see fetch_axolotl.h.
 *
 * The events of the file are kept in one list.  Those that name a repository
 * or a folder are replaced in it, and what it then says is written out again.
 * Keys that stand twice are passed on like all that is axolotl's, whose reader
 * takes the last; of those that are read here each stands once.
 */
#include <stdarg.h>
#include <stdlib.h>

#include <yaml.h>

#include "cert/limits.h"
#include "cert/oms.h"
#include "common/text.h"
#include "producer/fetch_axolotl.h"
#include "producer/rules.h"
#include "producer/wire.h"

#define DEPTH_MAX 32
#define HUB RULES_HUB "/"
#define PRESETS_MAX 8 /* variables */

/* A script, so that the file is where a person would put it. */
#define SCRIPT                                                                 \
	"printf %s \"$1\" > axolotl.yml && "                                   \
	"exec accelerate launch -m axolotl.cli.train axolotl.yml"

struct axolotl {
	const char *path;
	struct message *why;
	enum ac_err err; /* of fail() */
	yaml_event_t *event;
	size_t n, cap;
	size_t end;      /* of the mapping that is the file */
	char **text;     /* everything that was made, owned */
	size_t ntexts, textcap;
	struct span repo[INPUTS_MAX], commit[INPUTS_MAX]; /* of each input */
	bool whole[INPUTS_MAX]; /* all files of it are used */
	struct request_input *input;
	struct wire_place *place;
	struct request request;
	struct span output;
	unsigned seen;
	struct buf made; /* what axolotl gets */
};

/* Keys of the file that are read here; a repository's before OUTPUT_DIR. */
enum key { BASE_MODEL, BASE_CONFIG, TOKENIZER, ADAPTER, DATASETS, EVALUATION,
	PRETRAINING, OUTPUT_DIR, SEED, NKEYS };

static const struct {
	const char *key;
	const char *type, *name, *role;
} keys[NKEYS] = {
	[BASE_MODEL] = { "base_model", "model", "model", "base_model" },
	[BASE_CONFIG] = { "base_model_config", "model", "config", "config" },
	[TOKENIZER] = { "tokenizer_config", "model", "tokenizer",
	    "tokenizer" },
	[ADAPTER] = { "lora_model_dir", "model", "adapter", "base_model" },
	[DATASETS] = { "datasets", "dataset", "dataset", "dataset" },
	[EVALUATION] = { "test_datasets", "dataset", "evaluation",
	    "evaluation" },
	[PRETRAINING] = { "pretraining_dataset", "dataset", "pretraining",
	    "dataset" },
	[OUTPUT_DIR] = { .key = "output_dir" },
	[SEED] = { .key = "seed" },
};

/* ---- errors and memory ---- */

static bool
fail(struct axolotl *a, enum ac_err err, yaml_mark_t mark)
{
	message_set(a->why, "%s", "");
	message_add_quoted(a->why, span_str(a->path));
	message_add(a->why, ":%zu:%zu: ", mark.line + 1, mark.column + 1);
	a->err = err;
	return false;
}

static bool
fail_with(struct axolotl *a, enum ac_err err, yaml_mark_t mark,
    const char *text)
{
	(void)fail(a, err, mark);
	message_add(a->why, "%s", text);
	return false;
}

static bool
no_memory(struct axolotl *a)
{
	message_set(a->why, "no memory");
	a->err = AC_ERR_MEMORY;
	return false;
}

/* *out = the formatted text, kept. */
static bool keep(struct axolotl *a, struct span *out, const char *fmt, ...)
    AC_PRINTF(3, 4);

static bool
keep(struct axolotl *a, struct span *out, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	if (a->ntexts == a->textcap) {
		size_t cap = a->textcap == 0 ? 64 : 2 * a->textcap;
		char **grown = reallocarray(a->text, cap, sizeof(*grown));

		if (grown == NULL)
			return no_memory(a);
		a->text = grown;
		a->textcap = cap;
	}
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return no_memory(a);
	a->text[a->ntexts++] = text;
	*out = span_of(text, (size_t)n);
	return true;
}

/* ---- the list of events ---- */

static struct span
scalar(const yaml_event_t *ev)
{
	return span_of(ev->data.scalar.value, ev->data.scalar.length);
}

/* Nothing, as YAML has it? */
static bool
is_null(const yaml_event_t *ev)
{
	struct span s = scalar(ev);

	return ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (s.len == 0 || span_is(s, "~") || span_is(s, "null"));
}

static bool
begins(const yaml_event_t *ev)
{
	return ev->type == YAML_MAPPING_START_EVENT ||
	    ev->type == YAML_SEQUENCE_START_EVENT;
}

static bool
ends(const yaml_event_t *ev)
{
	return ev->type == YAML_MAPPING_END_EVENT ||
	    ev->type == YAML_SEQUENCE_END_EVENT;
}

/* The event after the value that begins at i. */
static size_t
after(const struct axolotl *a, size_t i)
{
	size_t depth = 0;

	do {
		depth += begins(&a->event[i]);
		depth -= ends(&a->event[i]);
		i++;
	} while (depth > 0);
	return i;
}

/* Is it without anchor, alias and tag? */
static bool
check_plainness(struct axolotl *a, const yaml_event_t *ev)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (ev->type == YAML_ALIAS_EVENT)
		return fail_with(a, AC_ERR_FORMAT, ev->start_mark, "an alias "
		    "(*name) is refused: write the value out");
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
		return fail_with(a, AC_ERR_FORMAT, ev->start_mark, "an anchor "
		    "(&name) is refused: write the value out");
	return tag == NULL ||
	    fail_with(a, AC_ERR_FORMAT, ev->start_mark, "a tag (!name) is "
	    "refused: write the plain value");
}

/* Let the scalar at i say text instead. */
static bool
replace(struct axolotl *a, size_t i, struct span text)
{
	union {
		const uint8_t *given;
		yaml_char_t *value;
	} p = { text.p };
	yaml_event_t ev;

	if (!yaml_scalar_event_initialize(&ev, NULL, NULL, p.value,
	    (int)text.len, 1, 1, YAML_PLAIN_SCALAR_STYLE))
		return no_memory(a);
	ev.start_mark = a->event[i].start_mark;
	yaml_event_delete(&a->event[i]);
	a->event[i] = ev;
	return true;
}

/* Append ev, which is handed over even on failure. */
static bool
append(struct axolotl *a, yaml_event_t *ev)
{
	if (a->n == a->cap) {
		size_t cap = a->cap == 0 ? 256 : 2 * a->cap;
		yaml_event_t *grown = reallocarray(a->event, cap,
		    sizeof(*grown));

		if (grown == NULL) {
			yaml_event_delete(ev);
			return no_memory(a);
		}
		a->event = grown;
		a->cap = cap;
	}
	a->event[a->n++] = *ev;
	return true;
}

static bool
read_events(struct axolotl *a, yaml_parser_t *yaml)
{
	size_t depth = 0;

	for (;;) {
		yaml_event_t ev = { .type = YAML_NO_EVENT };

		if (!yaml_parser_parse(yaml, &ev)) {
			if (yaml->error == YAML_MEMORY_ERROR)
				return no_memory(a);
			(void)fail(a, AC_ERR_FORMAT, yaml->problem_mark);
			message_add(a->why, "not YAML: %s",
			    yaml->problem == NULL ? "unreadable" :
			    yaml->problem);
			return false;
		}
		if (!append(a, &ev) ||
		    !check_plainness(a, &a->event[a->n - 1]))
			return false;
		/* In a list in brackets, nothing would become a string. */
		if (ev.type == YAML_SCALAR_EVENT && is_null(&ev) &&
		    !replace(a, a->n - 1, span_str("null")))
			return false;
		depth += begins(&ev);
		depth -= ends(&ev);
		if (depth > DEPTH_MAX)
			return fail_with(a, AC_ERR_LIMIT, ev.start_mark,
			    "too deep");
		if (ev.type == YAML_DOCUMENT_START_EVENT && a->n > 2)
			return fail_with(a, AC_ERR_FORMAT, ev.start_mark,
			    "a second document; one file describes one build");
		if (ev.type == YAML_STREAM_END_EVENT)
			return true;
	}
}

static bool
load(struct axolotl *a, struct span bytes)
{
	yaml_parser_t yaml;
	bool ok;

	if (!yaml_parser_initialize(&yaml))
		return no_memory(a);
	yaml_parser_set_encoding(&yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&yaml, bytes.p, bytes.len);
	ok = read_events(a, &yaml);
	yaml_parser_delete(&yaml);
	return ok;
}

/* Drop the events from i up to k. */
static void
drop(struct axolotl *a, size_t i, size_t k)
{
	for (; i < k; i++) {
		yaml_event_delete(&a->event[i]);
		a->event[i].type = YAML_NO_EVENT;
	}
}

/* ---- repositories ---- */

/* "name" or "owner/name", as a hub has them. */
static bool
is_repo(struct span s)
{
	size_t slashes = 0, part = 0;

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];

		if (c == '/') {
			if (part == 0 || ++slashes > 1)
				return false;
			part = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || (part > 0 && (c == '.' ||
		    c == '_' || c == '-'))))
			return false;
		part++;
	}
	return part > 0 && s.len <= 192;
}

static bool
is_commit(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') ||
		    (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return s.len == 40 || s.len == 64;
}

/* "repo@sha1:commit". */
static bool
split_pin(struct span *repo, struct span *commit, struct span s)
{
	static const char kind[] = "@sha1:";
	size_t n = sizeof(kind) - 1;

	for (size_t i = 0; i + n <= s.len; i++) {
		if (!span_is(span_of(s.p + i, n), kind))
			continue;
		*repo = span_of(s.p, i);
		*commit = span_of(s.p + i + n, s.len - i - n);
		return is_repo(*repo) && is_commit(*commit);
	}
	return false;
}

/* *index = the input of that repository, a new one where it has none. */
static bool
find_input(struct axolotl *a, size_t *index, enum key key, yaml_mark_t mark,
    struct span repo, struct span commit)
{
	struct request *r = &a->request;
	struct request_input *in = &a->input[r->ninputs];
	struct wire_place *where = &a->place[r->ninputs];
	size_t same = 1;

	for (size_t i = 0; i < r->ninputs; i++) {
		if (span_is(a->input[i].type, keys[key].type) &&
		    span_equal(a->repo[i], repo) &&
		    span_equal(a->commit[i], commit)) {
			*index = i;
			return true;
		}
		same += span_is(a->input[i].role, keys[key].role) &&
		    span_is(a->input[i].type, keys[key].type);
	}
	if (r->ninputs == INPUTS_MAX)
		return fail_with(a, AC_ERR_LIMIT, mark, "too many inputs");
	a->repo[r->ninputs] = repo;
	a->commit[r->ninputs] = commit;
	in->type = span_str(keys[key].type);
	in->role = span_str(keys[key].role);
	where->line = (uint32_t)mark.line + 1;
	where->column = (uint32_t)mark.column + 1;
	*index = r->ninputs++;
	return (same == 1 ? keep(a, &in->name, "%s", keys[key].name) :
	    keep(a, &in->name, "%s-%zu", keys[key].name, same)) &&
	    keep(a, &in->uri, HUB "%s%.*s", span_is(in->type, "dataset") ?
	    "datasets/" : "", (int)repo.len, (const char *)repo.p) &&
	    keep(a, &in->pin, "gitCommit:%.*s", (int)commit.len,
	    (const char *)commit.p) &&
	    (where->uri = in->uri, true);
}

/* Of the input only this file is used, and those said before; or all. */
static bool
use_file(struct axolotl *a, size_t index, struct span file)
{
	struct wire_place *where = &a->place[index];
	struct span before = where->files;

	if (file.len == 0)
		a->whole[index] = true;
	if (a->whole[index]) {
		where->files = span_of(NULL, 0);
		return true;
	}
	return keep(a, &where->files, "%.*s%s%.*s", (int)before.len,
	    (const char *)before.p, before.len > 0 ? "\n" : "",
	    (int)file.len, (const char *)file.p);
}

/*
 * The scalar at i names a repository, of which file, or all where that is
 * empty, is used: an input, where it will be instead.
 */
static bool
take_repo(struct axolotl *a, enum key key, size_t i, struct span file)
{
	const yaml_event_t *ev = &a->event[i];
	yaml_mark_t mark = ev->start_mark;
	struct span repo, commit, text, copy;
	size_t index = 0;

	if (!split_pin(&repo, &commit, scalar(ev))) {
		(void)fail(a, AC_ERR_FORMAT, mark);
		message_add(a->why, "expected repo@sha1: and the 40 digits of "
		    "a commit, found ");
		message_add_quoted(a->why, scalar(ev));
		return false;
	}
	/* What is replaced is freed. */
	if (!keep(a, &copy, "%.*s", (int)scalar(ev).len,
	    (const char *)scalar(ev).p) || !split_pin(&repo, &commit, copy) ||
	    !find_input(a, &index, key, mark, repo, commit) ||
	    !use_file(a, index, file))
		return false;
	return keep(a, &text, "/inputs/%.*s%s%.*s",
	    (int)a->input[index].name.len,
	    (const char *)a->input[index].name.p, file.len > 0 ? "/" : "",
	    (int)file.len, (const char *)file.p) && replace(a, i, text);
}

/* One entry of datasets, a mapping that begins at i. */
static bool
take_dataset(struct axolotl *a, enum key key, size_t i)
{
	yaml_mark_t mark = a->event[i].start_mark;
	size_t end = after(a, i) - 1, path = 0, name = 0;
	struct span file = { 0 };

	for (size_t k = i + 1; k < end; k = after(a, k + 1)) {
		size_t *found;

		if (a->event[k].type != YAML_SCALAR_EVENT)
			return fail_with(a, AC_ERR_FORMAT,
			    a->event[k].start_mark, "expected a key");
		if (span_is(scalar(&a->event[k]), "path"))
			found = &path;
		else if (span_is(scalar(&a->event[k]), "name"))
			found = &name;
		else
			continue;
		if (*found != 0)
			return fail_with(a, AC_ERR_FORMAT,
			    a->event[k].start_mark, "this key stands here a "
			    "second time");
		if (a->event[k + 1].type != YAML_SCALAR_EVENT)
			return fail_with(a, AC_ERR_FORMAT,
			    a->event[k + 1].start_mark, "expected a word");
		*found = k;
	}
	if (path == 0)
		return fail_with(a, AC_ERR_FORMAT, mark, "this dataset has no "
		    "\"path\"");
	if (name != 0 && !is_null(&a->event[name + 1])) {
		file = scalar(&a->event[name + 1]);
		while (file.len > 0 && file.p[0] == '/')
			file = span_of(file.p + 1, file.len - 1);
		if (!oms_path_is_valid(file))
			return fail_with(a, AC_ERR_FORMAT,
			    a->event[name + 1].start_mark, "name is no file "
			    "of that dataset");
	}
	if (!take_repo(a, key, path + 1, file))
		return false;
	if (name != 0)
		drop(a, name, name + 2);
	return true;
}

/* A list of datasets, or the name of one. */
static bool
take_datasets(struct axolotl *a, enum key key, size_t i)
{
	const struct span none = { 0 };

	if (a->event[i].type == YAML_SCALAR_EVENT)
		return is_null(&a->event[i]) || take_repo(a, key, i, none);
	if (a->event[i].type != YAML_SEQUENCE_START_EVENT)
		return fail_with(a, AC_ERR_FORMAT, a->event[i].start_mark,
		    "expected a list of datasets");
	for (size_t k = i + 1; !ends(&a->event[k]);) {
		size_t next = after(a, k);

		if (a->event[k].type == YAML_SCALAR_EVENT) {
			if (!take_repo(a, key, k, none))
				return false;
		} else if (a->event[k].type != YAML_MAPPING_START_EVENT) {
			return fail_with(a, AC_ERR_FORMAT,
			    a->event[k].start_mark, "expected a dataset, "
			    "which is a mapping");
		} else if (!take_dataset(a, key, k)) {
			return false;
		}
		k = next;
	}
	return true;
}

/* ---- the other keys ---- */

static bool
take_output(struct axolotl *a, size_t i)
{
	struct span s = scalar(&a->event[i]);

	if (is_null(&a->event[i]))
		return replace(a, i, span_str("./" FETCH_AXOLOTL_DIR));
	while (s.len > 2 && s.p[0] == '.' && s.p[1] == '/')
		s = span_of(s.p + 2, s.len - 2);
	while (s.len > 1 && s.p[s.len - 1] == '/')
		s = span_of(s.p, s.len - 1);
	if (!rules_glob(s) || memchr(s.p, '*', s.len) != NULL ||
	    memchr(s.p, '?', s.len) != NULL)
		return fail_with(a, AC_ERR_FORMAT, a->event[i].start_mark,
		    "output_dir is no folder below the one where the training "
		    "starts");
	return keep(a, &a->output, "%.*s/**", (int)s.len, (const char *)s.p);
}

static bool
take_seed(struct axolotl *a, size_t i)
{
	struct request *r = &a->request;

	/* What is no number of ours is axolotl's business. */
	r->has_seed = text_undec(&r->seed, scalar(&a->event[i]), JSON_INT_MAX);
	return true;
}

static bool
take_value(struct axolotl *a, enum key key, size_t i)
{
	const struct span none = { 0 };
	struct span repo, commit;

	if (key == DATASETS || key == EVALUATION || key == PRETRAINING)
		return take_datasets(a, key, i);
	if (a->event[i].type != YAML_SCALAR_EVENT)
		return fail_with(a, AC_ERR_FORMAT, a->event[i].start_mark,
		    "expected a word");
	if (key == OUTPUT_DIR)
		return take_output(a, i);
	if (key == SEED)
		return take_seed(a, i);
	/* Of a tokenizer and the like a name may be a part of the model. */
	if (key != BASE_MODEL &&
	    !split_pin(&repo, &commit, scalar(&a->event[i])))
		return true;
	return take_repo(a, key, i, none);
}

static bool
take_key(struct axolotl *a, size_t i)
{
	const yaml_event_t *ev = &a->event[i];

	if (ev->type != YAML_SCALAR_EVENT)
		return fail_with(a, AC_ERR_FORMAT, ev->start_mark,
		    "expected a key");
	for (size_t k = 0; k < NKEYS; k++) {
		if (!span_is(scalar(ev), keys[k].key))
			continue;
		if ((a->seen >> k & 1) != 0) {
			(void)fail(a, AC_ERR_FORMAT, ev->start_mark);
			message_add(a->why, "key \"%s\" stands here a second "
			    "time", keys[k].key);
			return false;
		}
		a->seen |= 1u << k;
		return take_value(a, (enum key)k, i + 1);
	}
	return true;
}

static bool
take_keys(struct axolotl *a)
{
	size_t top = 2; /* after the starts of the stream and the document */

	if (a->event[top].type != YAML_MAPPING_START_EVENT)
		return fail_with(a, AC_ERR_FORMAT, a->event[top].start_mark,
		    "expected a mapping of keys to values");
	a->output = span_str(FETCH_AXOLOTL_OUTPUTS);
	a->end = after(a, top) - 1;
	for (size_t i = top + 1; i < a->end;) {
		size_t next = after(a, i + 1);

		if (!take_key(a, i))
			return false;
		i = next;
	}
	if ((a->seen >> DATASETS & 1) == 0 &&
	    (a->seen >> PRETRAINING & 1) == 0)
		return fail_with(a, AC_ERR_FORMAT, a->event[top].start_mark,
		    "the configuration has no \"datasets\"");
	return true;
}

/* ---- what axolotl gets ---- */

static int
write_part(void *arg, unsigned char *p, size_t len)
{
	struct writer *w = arg;

	wr_bytes(w, span_of(p, len));
	return w->err == AC_OK;
}

/* The emitter takes the event over, whatever becomes of it. */
static bool
emit(yaml_emitter_t *out, yaml_event_t *ev)
{
	yaml_event_t given = *ev;

	ev->type = YAML_NO_EVENT;
	return given.type == YAML_NO_EVENT || yaml_emitter_emit(out, &given);
}

static bool
emit_word(yaml_emitter_t *out, const char *word)
{
	char copy[64];
	yaml_char_t *p = (yaml_char_t *)copy;
	yaml_event_t ev;
	size_t len = strlen(word);

	memcpy(copy, word, len);
	return yaml_scalar_event_initialize(&ev, NULL, NULL, p, (int)len, 1, 1,
	    YAML_PLAIN_SCALAR_STYLE) && emit(out, &ev);
}

static bool
write_out(struct axolotl *a)
{
	bool ok = true, named = (a->seen >> OUTPUT_DIR & 1) != 0;
	yaml_emitter_t out;
	struct writer w;

	if (!yaml_emitter_initialize(&out))
		return no_memory(a);
	wr_init(&w, WORD_MAX);
	yaml_emitter_set_output(&out, write_part, &w);
	yaml_emitter_set_unicode(&out, 1);
	yaml_emitter_set_width(&out, -1);
	for (size_t i = 0; ok && i < a->n; i++) {
		if (i == a->end && !named)
			ok = emit_word(&out, keys[OUTPUT_DIR].key) &&
			    emit_word(&out, "./" FETCH_AXOLOTL_DIR);
		ok = ok && emit(&out, &a->event[i]);
	}
	yaml_emitter_delete(&out);
	if (!ok || wr_end(&w, &a->made) != AC_OK) {
		wr_free(&w);
		message_set(a->why, "%s", "");
		message_add_quoted(a->why, span_str(a->path));
		message_add(a->why, ": what axolotl would get has more than "
		    "%zu bytes", WORD_MAX);
		a->err = AC_ERR_LIMIT;
		return false;
	}
	if (!rules_word(buf_span(&a->made))) {
		message_set(a->why, "%s", "");
		message_add_quoted(a->why, span_str(a->path));
		message_add(a->why, ": a value with control characters");
		a->err = AC_ERR_FORMAT;
		return false;
	}
	return true;
}

static enum ac_err
encode(struct axolotl *a, struct buf *out)
{
	const struct span command[] = { span_str("sh"), span_str("-c"),
		span_str(SCRIPT), span_str("axolotl"), buf_span(&a->made) };
	struct request_env env[PRESETS_MAX];
	struct request *r = &a->request;
	struct writer w;

	for (; r->nenv < PRESETS_MAX && rules_offline(r->nenv) != NULL;
	    r->nenv++)
		env[r->nenv] = (struct request_env){
			span_str(rules_offline(r->nenv)->name),
			span_str(rules_offline(r->nenv)->value) };
	r->trainer = span_str(RULES_AXOLOTL);
	r->command = command;
	r->ncommand = sizeof(command) / sizeof(command[0]);
	r->input = a->input;
	r->output = &a->output;
	r->noutputs = 1;
	r->env = env;
	wr_init(&w, WIRE_VERB_MAX);
	wire_write_config(&w, r, a->place);
	return wr_end(&w, out);
}

enum ac_err
fetch_axolotl(struct buf *out, struct span bytes, const char *path,
    struct message *why)
{
	struct axolotl *a = calloc(1, sizeof(*a));
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "no memory");
	if (a == NULL)
		return e;
	a->path = path;
	a->why = why;
	a->input = calloc(INPUTS_MAX, sizeof(*a->input));
	a->place = calloc(INPUTS_MAX, sizeof(*a->place));
	if (a->input == NULL || a->place == NULL)
		goto out;
	if (!load(a, bytes) || !take_keys(a) || !write_out(a)) {
		e = a->err;
		goto out;
	}
	e = encode(a, out);
	if (e != AC_OK)
		message_set(why, "the configuration says too much: %s",
		    ac_strerror(e));
out:
	for (size_t i = 0; i < a->n; i++)
		yaml_event_delete(&a->event[i]);
	free(a->event);
	for (size_t i = 0; i < a->ntexts; i++)
		free(a->text[i]);
	free(a->text);
	free(a->input);
	free(a->place);
	buf_free(&a->made);
	free(a);
	return e;
}

bool
fetch_axolotl_is(struct span bytes)
{
	bool model = false, ours = false, key = true;
	yaml_parser_t yaml;
	size_t depth = 0;

	if (!yaml_parser_initialize(&yaml))
		return false;
	yaml_parser_set_encoding(&yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&yaml, bytes.p, bytes.len);
	for (;;) {
		yaml_event_t ev;
		bool last;

		if (!yaml_parser_parse(&yaml, &ev))
			break;
		if (depth == 1 && key && ev.type == YAML_SCALAR_EVENT) {
			struct span s = scalar(&ev);

			model = model || span_is(s, "base_model");
			ours = ours || span_is(s, "version") ||
			    span_is(s, "trainer");
		}
		/* Keys and values of the outermost mapping take turns. */
		depth -= ends(&ev);
		if (depth == 1 && (ends(&ev) || ev.type == YAML_SCALAR_EVENT ||
		    ev.type == YAML_ALIAS_EVENT))
			key = !key;
		depth += begins(&ev);
		last = ev.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&ev);
		if (last)
			break;
	}
	yaml_parser_delete(&yaml);
	return model && !ours;
}
