/* aicert.yaml: the one right form, and what is refused at which place. */
#include <unistd.h>

#include "cert/limits.h"
#include "common/file.h"
#include "common/sha256.h"
#include "producer/config.h"
#include "producer/fetch_yaml.h"
#include "producer/rules.h"
#include "tests/test.h"

#define PIN                                                                    \
	"sha256:"                                                              \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD "version: 2\ntrainer: command\ncommand: [sh, -c, run]\n"
#define INPUT "  - {name: a, type: file, uri: u, role: code, pin: \"" PIN "\"}\n"
#define ZEROS "00000000000000000000000000000000" \
	"00000000000000000000000000000000"
#define GOOD HEAD "inputs:\n" INPUT "outputs: [\"*.bin\"]\n"

/* As config_read() does it, in one process. */
static enum ac_err
parse_bytes(struct config *c, struct span bytes, const char *path,
    struct message *why)
{
	struct buf answer = { 0 };
	enum ac_err e = fetch_yaml(&answer, bytes, path, why);

	return e == AC_OK ? config_decode(c, bytes, path, answer, why) : e;
}

static enum ac_err
parse(struct config *c, const char *text, struct message *why)
{
	return parse_bytes(c, span_str(text), "dir/job.yaml", why);
}

static void
right(void **state)
{
	struct config c;
	struct message why = { "" };
	const struct request *r = &c.request;

	(void)state;
	if (parse(&c, "# a comment\n" HEAD "inputs:\n"
	    "  - name: code\n    type: file\n    uri: train.py\n"
	    "    pin: " PIN "\n    role: code\n    license: MIT\n"
	    "  - name: text-2\n    type: dataset\n"
	    "    uri: file:///srv/a%20b\n    pin: \"" PIN "\"\n"
	    "    role: dataset\n"
	    "outputs: [\"**/*.safetensors\", config.json]\n"
	    "env: {OMP_NUM_THREADS: 2, TZ: \"\"}\nseed: 7\n", &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_true(span_is(r->config_name, "job.yaml"));
	assert_true(span_is(r->trainer, "command"));
	assert_int_equal(r->ncommand, 3);
	assert_true(span_is(r->command[2], "run"));
	assert_int_equal(r->ninputs, 2);
	assert_true(span_is(r->input[0].license, "MIT"));
	assert_int_equal(r->input[1].license.len, 0);
	assert_true(span_is(r->input[1].uri, "file:///srv/a%20b"));
	assert_string_equal(c.input[0].path, "dir/train.py");
	assert_string_equal(c.input[1].path, "/srv/a b");
	assert_int_equal(c.input[0].line, 9);
	assert_int_equal(c.input[0].column, 10);
	assert_int_equal(c.input[0].compression, WIRE_NONE);
	assert_int_equal(r->noutputs, 2);
	assert_int_equal(r->nenv, 2);
	assert_true(span_is(r->env[0].value, "2"));
	assert_true(r->has_seed && r->seed == 7);
	config_free(&c);
}

/* The digest is of the bytes as they are; env and seed may be absent. */
static void
least(void **state)
{
	static const char text[] = HEAD "inputs: []\noutputs: [m]\n";
	struct digest d = sha256_of(span_str(text));
	struct config c;
	struct message why;

	(void)state;
	assert_ok(parse(&c, text, &why));
	assert_true(digest_equal(&d, &c.request.config_sha256));
	assert_int_equal(c.request.ninputs, 0);
	assert_false(c.request.has_seed);
	config_free(&c);
	assert_ok(parse_bytes(&c, span_str(GOOD), "job.yaml", &why));
	assert_string_equal(c.input[0].path, "u");
	config_free(&c);
}

/* What is fetched has no path here; what it is packed by. */
static void
remote(void **state)
{
	struct message why = { "" };
	struct config c;

	(void)state;
	if (parse(&c, HEAD "inputs:\n"
	    "  - {name: a, type: file, uri: \"https://example.org/a@b.gz\", "
	    "role: code, pin: \"" PIN "\", compression: gzip}\n"
	    "  - {name: b, type: file, uri: b.zst, "
	    "role: code, pin: \"" PIN "\", compression: zstd}\n"
	    "  - {name: c, type: dataset, uri: \"http://example.org\", "
	    "role: code, pin: \"" PIN "\", compression: none}\n"
	    "outputs: [m]\n", &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_string_equal(c.input[0].path, "");
	assert_int_equal(c.input[0].compression, WIRE_GZIP);
	assert_string_equal(c.input[1].path, "dir/b.zst");
	assert_int_equal(c.input[1].compression, WIRE_ZSTD);
	assert_string_equal(c.input[2].path, "");
	assert_int_equal(c.input[2].compression, WIRE_NONE);
	config_free(&c);
}

/* What is not disclosed is fetched all the same. */
static void
undisclosed(void **state)
{
	struct message why = { "" };
	struct config c;

	(void)state;
	if (parse(&c, HEAD "inputs:\n"
	    "  - {name: a, type: file, uri: \"https://example.org/secret\", "
	    "role: code, disclose: false, pin: \"" PIN "\"}\n"
	    "  - {name: b, type: file, disclose: false, uri: b, role: code, "
	    "pin: \"" PIN "\"}\n"
	    "  - {name: c, type: file, disclose: true, uri: c, role: code, "
	    "pin: \"" PIN "\"}\n"
	    "outputs: [m]\n", &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_true(span_is(c.request.input[0].uri, RULES_UNDISCLOSED));
	assert_string_equal(c.input[0].uri, "https://example.org/secret");
	assert_string_equal(c.input[0].path, "");
	assert_true(span_is(c.request.input[1].uri, RULES_UNDISCLOSED));
	assert_string_equal(c.input[1].path, "dir/b");
	assert_true(span_is(c.request.input[2].uri, "c"));
	config_free(&c);
}

static bool
has_env(const struct request *r, const char *name, const char *value)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nenv; i++)
		n += span_is(r->env[i].name, name) &&
		    span_is(r->env[i].value, value);
	return n == 1;
}

static void
trainers(void **state)
{
	struct message why = { "" };
	struct config c;

	(void)state;
	if (parse(&c, "version: 2\ntrainer: axolotl\nconfig: a\ninputs:\n"
	    INPUT "env: {HF_HUB_OFFLINE: \"0\"}\n", &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_int_equal(c.request.ncommand, 5);
	assert_true(span_is(c.request.command[0], "accelerate"));
	assert_true(span_is(c.request.command[4], "/inputs/a"));
	assert_int_equal(c.request.noutputs, 1);
	assert_true(span_is(c.request.output[0], "lora-out/**"));
	assert_int_equal(c.request.nenv, 4);
	/* What the file says is kept. */
	assert_true(has_env(&c.request, "HF_HUB_OFFLINE", "0"));
	assert_true(has_env(&c.request, "TRANSFORMERS_OFFLINE", "1"));
	config_free(&c);
	if (parse(&c, "version: 2\ntrainer: axolotl\ncommand: [a, b]\n"
	    "inputs: []\noutputs: [m]\n", &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_int_equal(c.request.ncommand, 2);
	assert_true(span_is(c.request.output[0], "m"));
	config_free(&c);
	if (parse(&c, "version: 2\ntrainer: hf-trainer\ncommand: [a]\n"
	    "inputs: []\noutputs: [m]\n", &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_true(has_env(&c.request, "HF_DATASETS_OFFLINE", "1"));
	config_free(&c);
}

/* ---- the original's file ---- */

#define SHA "0123456789abcdef0123456789abcdef01234567"
#define BASE "base_model: org/base@sha1:" SHA "\n"
#define DATA "datasets:\n  - path: org/data@sha1:" SHA "\n    type: alpaca\n"

/* What a file says, without a look at its types. */
struct original {
	struct buf answer;
	struct wire_request asked;
	struct wire_place place[INPUTS_MAX + 1];
};

static enum ac_err
parse_original(struct original *o, const char *text, struct message *why)
{
	enum ac_err e;

	*o = (struct original){ 0 };
	e = fetch_yaml(&o->answer, span_str(text), "dir/job.yaml", why);
	if (e == AC_OK)
		assert_ok(wire_read_config(&o->asked, o->place,
		    buf_span(&o->answer)));
	return e;
}

static void
free_original(struct original *o)
{
	wire_request_free(&o->asked);
	buf_free(&o->answer);
}

static bool
gets(const struct original *o, const char *line)
{
	struct span made = o->asked.request.command[4];

	return memmem(made.p, made.len, line, strlen(line)) != NULL;
}

static void
original(void **state)
{
	struct original *o = calloc(1, sizeof(*o));
	struct message why = { "" };
	const struct request *r;

	(void)state;
	assert_non_null(o);
	if (parse_original(o, "# by hand\n" BASE "strict: false\n"
	    "datasets:\n"
	    "  - path: org/data@sha1:" SHA "\n"
	    "    name: /sub/one.parquet\n    type: {a: [1, ~, \"2\"]}\n"
	    "  - {path: \"org/data@sha1:" SHA "\", name: two.parquet}\n"
	    "  - {path: \"data2@sha1:" SHA "\"}\n"
	    "test_datasets: [{path: \"org/base@sha1:" SHA "\"}]\n"
	    "tokenizer_config: org/tok@sha1:" SHA "\n"
	    "base_model_config: llama\nlora_model_dir:\n"
	    "output_dir: ./out/dir/\nseed: 7\n"
	    "lora_r: 1\nlora_r: 2\n", &why) != AC_OK)
		fail_msg("%s", why.text);
	r = &o->asked.request;
	assert_true(span_is(r->trainer, "axolotl"));
	assert_int_equal(r->ncommand, 5);
	assert_int_equal(r->ninputs, 5);
	assert_true(span_is(r->input[0].name, "model"));
	assert_true(span_is(r->input[0].type, "model"));
	assert_true(span_is(r->input[0].role, "base_model"));
	assert_true(span_is(r->input[0].uri, "https://huggingface.co/org/base"));
	assert_true(span_is(r->input[0].pin, "gitCommit:" SHA));
	assert_int_equal(o->place[0].line, 2);
	assert_int_equal(o->place[0].column, 13);
	assert_true(span_is(r->input[1].name, "dataset"));
	assert_true(span_is(r->input[1].uri,
	    "https://huggingface.co/datasets/org/data"));
	assert_true(span_is(r->input[2].name, "dataset-2"));
	assert_true(span_is(r->input[3].name, "evaluation"));
	/* The model's repository as a dataset is another input. */
	assert_true(span_is(r->input[3].uri,
	    "https://huggingface.co/datasets/org/base"));
	assert_true(span_is(r->input[4].role, "tokenizer"));
	assert_true(span_is(r->output[0], "out/dir/**"));
	assert_true(r->has_seed && r->seed == 7);
	assert_int_equal(r->nenv, 4);
	assert_true(gets(o, "base_model: /inputs/model\n"));
	assert_true(gets(o, "strict: false\n"));
	assert_true(gets(o, "path: /inputs/dataset/sub/one.parquet\n"));
	assert_true(gets(o, "type: {a: [1, null, \"2\"]}\n"));
	assert_true(gets(o, "{path: /inputs/dataset/two.parquet}\n"));
	assert_true(gets(o, "{path: /inputs/dataset-2}\n"));
	assert_true(gets(o, "test_datasets: [{path: /inputs/evaluation}]\n"));
	assert_true(gets(o, "tokenizer_config: /inputs/tokenizer\n"));
	assert_true(gets(o, "base_model_config: llama\n"));
	assert_true(gets(o, "lora_model_dir: null\n"));
	assert_true(gets(o, "lora_r: 1\nlora_r: 2\n"));
	assert_false(gets(o, "sha1"));
	assert_false(gets(o, "name"));
	free_original(o);
	assert_ok(parse_original(o, BASE DATA, &why));
	assert_true(gets(o, "output_dir: ./lora-out\n"));
	assert_true(span_is(o->asked.request.output[0], "lora-out/**"));
	free_original(o);
	assert_ok(parse_original(o, BASE "pretraining_dataset:\n- a@sha1:" SHA
	    "\noutput_dir:\n", &why));
	assert_true(gets(o, "- /inputs/pretraining\n"));
	assert_true(gets(o, "output_dir: ./lora-out\n"));
	free_original(o);
	free(o);
}

static void
wrong_original(void **state)
{
	static const struct {
		const char *name, *text, *place, *says;
	} cases[] = {
		{ "a model that floats", "base_model: org/base\n" DATA,
		    ":1:13: ", "expected repo@sha1:" },
		{ "a model by branch", "base_model: org/base@main\n" DATA,
		    ":1:13: ", "found \"org/base@main\"" },
		{ "a model by a short commit", "base_model: a@sha1:0123\n"
		    DATA, ":1:13: ", "40 digits" },
		{ "a model by a commit in capitals", "base_model: a@sha1:"
		    "0123456789ABCDEF0123456789abcdef01234567\n" DATA,
		    ":1:13: ", "expected repo" },
		{ "a model of three parts", "base_model: a/b/c@sha1:" SHA "\n"
		    DATA, ":1:13: ", "expected repo" },
		{ "a model that climbs", "base_model: ../b@sha1:" SHA "\n"
		    DATA, ":1:13: ", "expected repo" },
		{ "a model of no name", "base_model: \"@sha1:" SHA "\"\n"
		    DATA, ":1:13: ", "expected repo" },
		{ "a model that is a list", "base_model: [a]\n" DATA,
		    ":1:13: ", "expected a word" },
		{ "a model that is nothing", "base_model:\n" DATA, ":1:12: ",
		    "expected repo" },
		{ "two models", BASE BASE DATA, ":2:1: ", "second time" },
		{ "no dataset", BASE, ":1:1: ", "has no \"datasets\"" },
		{ "datasets that are a mapping", BASE "datasets: {a: b}\n",
		    ":2:11: ", "a list of datasets" },
		{ "a dataset without a path", BASE "datasets: [{name: a}]\n",
		    ":2:12: ", "has no \"path\"" },
		{ "a dataset that floats", BASE "datasets: [{path: a/b}]\n",
		    ":2:19: ", "found \"a/b\"" },
		{ "a dataset with two paths", BASE "datasets: [{path: a, "
		    "path: b}]\n", ":2:22: ", "second time" },
		{ "a file that climbs", BASE "datasets: [{path: \"a@sha1:" SHA
		    "\", name: ../b}]\n", ":2:76: ", "no file" },
		{ "an output that climbs", BASE DATA "output_dir: ../x\n",
		    ":5:13: ", "no folder below" },
		{ "an output from the root", BASE DATA "output_dir: /out\n",
		    ":5:13: ", "no folder below" },
		{ "an output with a star", BASE DATA "output_dir: a*\n",
		    ":5:13: ", "no folder below" },
		{ "an anchor", BASE DATA "a: &x 1\n", ":5:4: ", "an anchor" },
		{ "an alias", BASE DATA "a: *x\n", ":5:4: ", "an alias" },
		{ "a tag", BASE DATA "a: !!python/object:x 1\n", ":5:4: ",
		    "a tag" },
		{ "a second document", BASE DATA "---\n" BASE, ":5:1: ",
		    "second document" },
		{ "no YAML after it", BASE DATA "}\n", ":5:1: ", "not YAML" },
		{ "too deep", BASE "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]"
		    "]]]]]]]]]]]]]]]]]]]]]]]]]]\n", ":2:", "too deep" },
		{ "version 2 with a model", "version: 2\n" BASE, ":2:1: ",
		    "unknown key \"base_model\"" },
	};
	struct original *o = calloc(1, sizeof(*o));
	size_t bad = 0;

	(void)state;
	assert_non_null(o);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message why = { "" };
		enum ac_err e = parse_original(o, cases[i].text, &why);

		if (e == AC_OK || strncmp(why.text, "\"dir/job.yaml\"", 14) != 0 ||
		    strncmp(why.text + 14, cases[i].place,
		    strlen(cases[i].place)) != 0 ||
		    strstr(why.text, cases[i].says) == NULL) {
			print_error("%s: %d %s\n", cases[i].name, e, why.text);
			bad++;
		}
		free_original(o);
	}
	free(o);
	assert_int_equal(bad, 0);
}

/* Every cut of it, and one that says too much. */
static void
cut_original(void **state)
{
	static const char text[] = BASE DATA "output_dir: x\nb: [1, {c: d}]\n";
	struct original *o = calloc(1, sizeof(*o));
	struct message why = { "" };
	struct buf answer = { 0 };
	char *large;

	(void)state;
	assert_non_null(o);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		if (fetch_yaml(&answer, span_of(text, i), "f", &why) == AC_OK)
			buf_free(&answer);
	}
	large = malloc(CONFIG_MAX);
	assert_non_null(large);
	memset(large, 'x', WORD_MAX + 1);
	memcpy(large, BASE "k: ", sizeof(BASE "k: ") - 1);
	memcpy(large + WORD_MAX, "\n" DATA, sizeof("\n" DATA));
	assert_int_equal(parse_original(o, large, &why), AC_ERR_LIMIT);
	assert_non_null(strstr(why.text, "more than 16384 bytes"));
	free(large);
	free(o);
}

/* A repository, its lock file, and what a hub has. */
static void
commits(void **state)
{
	static const char file[] = HEAD "inputs:\n"
	    "  - {name: code, type: git, uri: \"https://a/b.git\", role: code,"
	    " pin: \"gitCommit:" SHA "\", dependencies: poetry}\n"
	    "  - {name: m, type: model, uri: org/m, role: base_model, "
	    "pin: \"gitCommit:" SHA "\", path: [\"*.json\", a/**]}\n"
	    "  - {name: d, type: dataset, uri: \"http://hub/datasets/x\", "
	    "role: dataset, pin: \"gitCommit:" SHA "\", path: \"*\"}\n"
	    "outputs: [m]\n";
	struct config c = { 0 };
	struct message why;
	const struct request *r = &c.request;
	struct span path;
	size_t of = 9;

	(void)state;
	if (parse_bytes(&c, span_str(file), "job.yaml", &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_int_equal(r->ninputs, 4);
	assert_true(span_is(r->input[0].uri, "https://a/b.git"));
	assert_true(rules_is_git(&r->input[0]));
	assert_false(rules_is_lock(r, 0, &of, &path));
	assert_true(span_is(r->input[1].name, "code.lock"));
	assert_true(span_is(r->input[1].role, "lockfile"));
	assert_true(span_is(r->input[1].uri, "https://a/b.git#poetry.lock"));
	assert_true(rules_is_lock(r, 1, &of, &path));
	assert_int_equal(of, 0);
	assert_true(span_is(path, "poetry.lock"));
	assert_true(span_is(r->input[2].uri, "https://huggingface.co/org/m"));
	assert_true(rules_is_hub(&r->input[2]));
	assert_string_equal(c.input[2].files, "*.json\na/**");
	assert_string_equal(c.input[2].uri, "https://huggingface.co/org/m");
	assert_true(span_is(r->input[3].uri, "http://hub/datasets/x"));
	assert_string_equal(c.input[3].files, "*");
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(c.input[i].path, "");
	config_free(&c);
}

struct wrong {
	const char *name, *text, *place, *says;
	enum ac_err err;
};

#define AT(text) HEAD "inputs:\n  - {" text "}\noutputs: [m]\n"
#define REST ", type: file, uri: u, role: code, pin: \"" PIN "\""
#define FILE_AT(uri) AT("name: a, uri: \"" uri "\", type: file, role: code, " \
	"pin: \"" PIN "\"")
#define COMMIT "gitCommit:0123456789abcdef0123456789abcdef01234567"
#define GIT_AT(uri) AT("name: a, uri: \"" uri "\", type: git, role: code, " \
	"pin: \"" COMMIT "\"")
#define MODEL_AT(uri) AT("name: a, uri: \"" uri "\", type: model, role: " \
	"code, pin: \"" COMMIT "\"")

static const struct wrong wrongs[] = {
	{ "an empty file", "", ":1:1: ", "empty", AC_ERR_FORMAT },
	{ "only a comment", "# x\n", ":2:1: ", "empty", AC_ERR_FORMAT },
	{ "a list", "- a\n", ":1:1: ", "expected a mapping", AC_ERR_FORMAT },
	{ "no YAML", "version: 2\n}\n", ":2:1: ", "not YAML", AC_ERR_FORMAT },
	{ "a version that is a list", "version: [\n", ":1:10: ",
	    "found a list", AC_ERR_FORMAT },
	{ "a tab", "version: 2\n\ttrainer: x\n", ":2:", "not YAML",
	    AC_ERR_FORMAT },
	{ "not UTF-8", "version: 2\n# \xff\n", ":", "not YAML",
	    AC_ERR_FORMAT },
	{ "version 1", "version: 1\n", ":1:10: ", "version 1; this aicert",
	    AC_ERR_UNSUPPORTED },
	{ "version 3", "version: 3\n", ":1:10: ", "version 3",
	    AC_ERR_UNSUPPORTED },
	{ "a version in quotes", "version: \"2\"\n", ":1:10: ", "whole number",
	    AC_ERR_FORMAT },
	{ "version 2.0", "version: 2.0\n", ":1:10: ", "\"2.0\"",
	    AC_ERR_FORMAT },
	{ "no version", "trainer: command\ncommand: [a]\noutputs: [m]\n",
	    ":1:1: ", "has no \"version\"", AC_ERR_FORMAT },
	{ "no inputs", HEAD "outputs: [m]\n", ":1:1: ",
	    "has no \"inputs\"", AC_ERR_FORMAT },
	{ "a misspelt key", GOOD "sede: 1\n", ":7:1: ",
	    "did you mean \"seed\"?", AC_ERR_FORMAT },
	{ "an unknown key", GOOD "gpu: 1\n", ":7:1: ", "unknown key \"gpu\"",
	    AC_ERR_FORMAT },
	{ "a key of another case", GOOD "Seed: 1\n", ":7:1: ", "\"seed\"",
	    AC_ERR_FORMAT },
	{ "a key twice", GOOD "seed: 1\nseed: 1\n", ":8:1: ", "second time",
	    AC_ERR_FORMAT },
	{ "an image without its digest", GOOD "image: debian:12\n", ":7:8: ",
	    "has no digest", AC_ERR_FORMAT },
	{ "an image by a part of its digest", GOOD "image: debian@sha256:00\n",
	    ":7:8: ", "has no digest", AC_ERR_FORMAT },
	{ "an image of no name", GOOD "image: A b@sha256:" ZEROS "\n",
	    ":7:8: ", "is no registry", AC_ERR_FORMAT },
	{ "a layout without a folder", GOOD "image: oci:@sha256:" ZEROS "\n",
	    ":7:8: ", "is no registry", AC_ERR_FORMAT },
	{ "an image that is a list", GOOD "image: [a]\n", ":7:8: ",
	    "expected an image", AC_ERR_FORMAT },
	{ "a key that is a list", GOOD "[a]: 1\n", ":7:1: ", "expected a key",
	    AC_ERR_FORMAT },
	{ "an anchor", HEAD "outputs: &x [m]\n", ":4:10: ", "anchor",
	    AC_ERR_FORMAT },
	{ "an alias", GOOD "seed: *x\n", ":7:7: ", "alias", AC_ERR_FORMAT },
	{ "a merge key", GOOD "<<: {seed: 1}\n", ":7:1: ", "unknown key",
	    AC_ERR_FORMAT },
	{ "a tag", GOOD "seed: !!int 1\n", ":7:7: ", "tag", AC_ERR_FORMAT },
	{ "a directive", "%YAML 1.1\n---\n" GOOD, ":1:1: ", "directive",
	    AC_ERR_FORMAT },
	{ "a second document", GOOD "---\n" GOOD, ":7:1: ", "second document",
	    AC_ERR_FORMAT },
	{ "a trainer without a preset", "version: 2\ntrainer: trl\n", ":2:10: ",
	    "write trainer: hf-trainer", AC_ERR_UNSUPPORTED },
	{ "no command", "version: 2\ntrainer: command\ninputs: []\n"
	    "outputs: [m]\n", ":1:1: ", "has no \"command\"", AC_ERR_FORMAT },
	{ "hf-trainer without outputs", "version: 2\ntrainer: hf-trainer\n"
	    "inputs: []\ncommand: [a]\n", ":1:1: ", "has no \"outputs\"",
	    AC_ERR_FORMAT },
	{ "axolotl without a configuration", "version: 2\ntrainer: axolotl\n"
	    "inputs: []\n", ":1:1: ", "has no \"config\"", AC_ERR_FORMAT },
	{ "axolotl, configured by no input", "version: 2\ntrainer: axolotl\n"
	    "config: ax\ninputs:\n" INPUT, ":3:9: ", "no input is called "
	    "\"ax\"", AC_ERR_FORMAT },
	{ "axolotl with both", "version: 2\ntrainer: axolotl\nconfig: a\n"
	    "command: [b]\ninputs:\n" INPUT, ":3:9: ", "not both",
	    AC_ERR_FORMAT },
	{ "a configuration of a command", GOOD "config: a\n", ":7:9: ",
	    "for the trainer axolotl", AC_ERR_FORMAT },
	{ "a configuration that is a list", GOOD "config: [a]\n", ":7:9: ",
	    "found a list", AC_ERR_FORMAT },
	{ "no trainer", "version: 2\ntrainer: comand\n", ":2:10: ",
	    "did you mean \"command\"?", AC_ERR_FORMAT },
	{ "a trainer that is nothing", "version: 2\ntrainer:\n", ":",
	    "found nothing", AC_ERR_FORMAT },
	{ "a command that is a string", "command: sh -c run\n", ":1:10: ",
	    "expected command, a list", AC_ERR_FORMAT },
	{ "an empty command", "command: []\n", ":1:10: ", "must not be empty",
	    AC_ERR_FORMAT },
	{ "a program without a name", "command: [\"\"]\n", ":1:10: ",
	    "must not be empty", AC_ERR_FORMAT },
	{ "a list in a command", "command: [a, [b]]\n", ":1:14: ",
	    "expected a word", AC_ERR_FORMAT },
	{ "a NUL in a command", "command: [\"a\\0b\"]\n", ":1:11: ",
	    "no word", AC_ERR_FORMAT },
	{ "an escape in a command", "command: [\"a\\x1bb\"]\n", ":1:11: ",
	    "no word", AC_ERR_FORMAT },
	{ "outputs that climb", "outputs: [../m]\n", ":1:11: ", "no pattern",
	    AC_ERR_FORMAT },
	{ "outputs from the root", "outputs: [/etc/passwd]\n", ":1:11: ",
	    "no pattern", AC_ERR_FORMAT },
	{ "outputs with a line feed", "outputs: [\"a\\nb\"]\n", ":1:11: ",
	    "no pattern", AC_ERR_FORMAT },
	{ "an input that is a string", HEAD "inputs: [a]\n", ":4:10: ",
	    "an input, which is a mapping", AC_ERR_FORMAT },
	{ "inputs that are a mapping", HEAD "inputs: {a: b}\n", ":4:9: ",
	    "a list of inputs", AC_ERR_FORMAT },
	{ "a name with a slash", AT("name: a/b" REST), ":5:12: ", "no name",
	    AC_ERR_FORMAT },
	{ "a name that climbs", AT("name: .." REST), ":5:12: ", "no name",
	    AC_ERR_FORMAT },
	{ "a name in capitals", AT("name: A" REST), ":5:12: ", "no name",
	    AC_ERR_FORMAT },
	{ "a name with a blank", AT("name: a b" REST), ":5:12: ", "no name",
	    AC_ERR_FORMAT },
	{ "two inputs of one name", HEAD "inputs:\n" INPUT INPUT, ":6:12: ",
	    "second input", AC_ERR_FORMAT },
	{ "no pin", AT("name: a, type: file, uri: u, role: code"), ":5:5: ",
	    "this input has no \"pin\"", AC_ERR_FORMAT },
	{ "no role", AT("name: a, type: file, uri: u, pin: \"" PIN "\""),
	    ":5:5: ", "this input has no \"role\"", AC_ERR_FORMAT },
	{ "an empty pin", AT("name: a, pin: "), ":5:", "found nothing",
	    AC_ERR_FORMAT },
	{ "a pin in capitals", AT("name: a, pin: \"sha256:0123456789ABCDEF0123"
	    "456789abcdef0123456789abcdef0123456789abcdef\""), ":5:20: ",
	    "expected a pin", AC_ERR_FORMAT },
	{ "a short pin", AT("name: a, pin: \"sha256:01\""), ":5:20: ",
	    "expected a pin", AC_ERR_FORMAT },
	{ "a pin that floats", HEAD "inputs:\n  - {name: a, type: file, "
	    "uri: u, role: code, pin: latest}\noutputs: [m]\n", ":5:52: ",
	    "\"latest\" floats, and no lock says", AC_ERR_FORMAT },
	{ "a pin of a branch", HEAD "inputs:\n  - {name: a, type: file, "
	    "uri: u, role: code, pin: \"branch:a/b\"}\noutputs: [m]\n",
	    ":5:52: ", "only a git, model or dataset", AC_ERR_FORMAT },
	{ "a pin that floats oddly", AT("name: a, pin: \"branch:-x\""),
	    ":5:20: ", "expected a pin", AC_ERR_FORMAT },
	{ "a pin of another kind", AT("name: a, pin: \"sha1:0123456789abcdef012"
	    "3456789abcdef01234567\""), ":5:20: ", "expected a pin",
	    AC_ERR_FORMAT },
	{ "a misspelt key of an input", AT("name: a, pim: x"), ":5:15: ",
	    "did you mean \"pin\"?", AC_ERR_FORMAT },
	{ "a key of an input twice", AT("name: a, name: b"), ":5:15: ",
	    "second time", AC_ERR_FORMAT },
	{ "a type for later", AT("name: a, type: oci"), ":5:21: ",
	    "\"oci\" is not built yet", AC_ERR_UNSUPPORTED },
	{ "a short commit", AT("name: a, pin: \"gitCommit:0123456\""),
	    ":5:20: ", "expected a pin", AC_ERR_FORMAT },
	{ "a commit in capitals", AT("name: a, pin: \"gitCommit:0123456789"
	    "ABCDEF0123456789abcdef01234567\""), ":5:20: ", "expected a pin",
	    AC_ERR_FORMAT },
	{ "a commit of 32 digits", AT("name: a, pin: \"gitCommit:0123456789"
	    "abcdef0123456789abcdef\""), ":5:20: ", "expected a pin",
	    AC_ERR_FORMAT },
	{ "a repository by its digest", AT("name: a, uri: \"https://a/b\", "
	    "type: git, role: code, pin: \"" PIN "\""), ":5:63: ",
	    "pinned by its commit", AC_ERR_FORMAT },
	{ "a file by a commit", AT("name: a, uri: \"https://a/b\", type: "
	    "file, role: code, pin: \"" COMMIT "\""), ":5:64: ",
	    "only a git, model or dataset", AC_ERR_FORMAT },
	{ "a repository of this machine", GIT_AT("../repo"), ":5:20: ",
	    "fetched from https://", AC_ERR_FORMAT },
	{ "a repository by file:", GIT_AT("file:///repo"), ":5:20: ",
	    "fetched from https://", AC_ERR_FORMAT },
	{ "a repository by ssh", GIT_AT("ssh://git@a/b"), ":5:20: ",
	    "fetched from https://", AC_ERR_FORMAT },
	{ "a repository as scp has it", GIT_AT("git@a:b"), ":5:20: ",
	    "fetched from https://", AC_ERR_FORMAT },
	{ "a repository by a program", GIT_AT("ext::sh -c id"), ":5:20: ",
	    "fetched from https://", AC_ERR_FORMAT },
	{ "a repository with a password", GIT_AT("https://a:b@c/d"),
	    ":5:20: ", "becomes public", AC_ERR_FORMAT },
	{ "a file by git:", FILE_AT("git://a/b"), ":5:20: ",
	    "\"git:\" is not built yet", AC_ERR_UNSUPPORTED },
	{ "a hub's name of three parts", MODEL_AT("a/b/c"), ":5:20: ",
	    "OWNER/NAME", AC_ERR_FORMAT },
	{ "a hub's name that climbs", MODEL_AT("../b"), ":5:20: ",
	    "OWNER/NAME", AC_ERR_FORMAT },
	{ "a hub's name that ends in a slash", MODEL_AT("a/"), ":5:20: ",
	    "OWNER/NAME", AC_ERR_FORMAT },
	{ "a hub with a password", MODEL_AT("https://a:b@c/d"), ":5:20: ",
	    "becomes public", AC_ERR_FORMAT },
	{ "unknown dependencies", AT("name: a, dependencies: poetri"),
	    ":5:29: ", "did you mean \"poetry\"?", AC_ERR_FORMAT },
	{ "dependencies of a file", AT("name: a" REST ", dependencies: pip"),
	    ":5:5: ", "of git inputs", AC_ERR_FORMAT },
	{ "a path of a file", AT("name: a" REST ", path: x"), ":5:5: ",
	    "of a hub's", AC_ERR_FORMAT },
	{ "a path that leads out", AT("name: a, path: ../x"), ":5:21: ",
	    "not a path", AC_ERR_FORMAT },
	{ "a path that is a mapping", AT("name: a, path: {x: y}"), ":5:21: ",
	    "found a mapping", AC_ERR_FORMAT },
	{ "no path", AT("name: a, path: []"), ":5:22: ", "found nothing",
	    AC_ERR_FORMAT },
	{ "a path in a path", AT("name: a, path: [x, [y]]"), ":5:25: ",
	    "found a list", AC_ERR_FORMAT },
	{ "a compression of a repository", AT("name: a, uri: \"https://a/b\""
	    ", type: git, role: code, pin: \"" COMMIT "\", compression: "
	    "gzip"), ":5:5: ", "no compression", AC_ERR_FORMAT },
	{ "the lock file as an input", AT("name: a.lock, type: git, role: "
	    "lockfile"), ":5:37: ", "unknown role", AC_ERR_FORMAT },
	{ "an unknown type", AT("name: a, type: fil"), ":5:21: ",
	    "did you mean \"file\"?", AC_ERR_FORMAT },
	{ "an unknown role", AT("name: a, role: dateset"), ":5:21: ",
	    "did you mean \"dataset\"?", AC_ERR_FORMAT },
	{ "a key for later", AT("name: a, certificate: x"), ":5:15: ",
	    "not built yet", AC_ERR_UNSUPPORTED },
	{ "disclose as a word", AT("name: a, disclose: no"), ":5:25: ",
	    "true or false", AC_ERR_FORMAT },
	{ "disclose that is nothing", AT("name: a, disclose: "), ":5:",
	    "found nothing", AC_ERR_FORMAT },
	{ "fetching", FILE_AT("ftp://example.org/x"), ":5:20: ",
	    "\"ftp:\" is not built yet", AC_ERR_UNSUPPORTED },
	{ "a password in a URL", FILE_AT("https://me:pw@example.org"
	    "/x"), ":5:20: ", "becomes public", AC_ERR_FORMAT },
	{ "a user in a URL", FILE_AT("http://me@example.org"),
	    ":5:20: ", "becomes public", AC_ERR_FORMAT },
	{ "the pin of a download of what is not unpacked", HEAD
	    "inputs:\n  - {name: a, type: file, uri: u, role: code, pin: "
	    "\"download:" PIN "\"}\noutputs: [m]\n", ":5:5: ",
	    "is not unpacked", AC_ERR_FORMAT },
	{ "the pin of a download of a download", AT("name: a, pin: "
	    "\"download:download:" PIN "\""), ":5:20: ", "expected a pin",
	    AC_ERR_FORMAT },
	{ "the pin of a download without a digest", AT("name: a, pin: "
	    "\"download:sha256:\""), ":5:20: ", "expected a pin",
	    AC_ERR_FORMAT },
	{ "an unknown compression", AT("name: a, compression: gz"),
	    ":5:28: ", "unknown compression \"gz\"", AC_ERR_FORMAT },
	{ "a compression that is a list", AT("name: a, compression: [gzip]"),
	    ":5:28: ", "found a list", AC_ERR_FORMAT },
	{ "two compressions", AT("name: a, compression: gzip, compression: "
	    "zstd"), ":5:34: ", "second time", AC_ERR_FORMAT },
	{ "a file of another machine", FILE_AT("file://host/x"),
	    ":5:20: ", "another machine", AC_ERR_FORMAT },
	{ "a half file URL", FILE_AT("file:x"), ":5:20: ",
	    "file:///absolute", AC_ERR_FORMAT },
	{ "a % that is none", FILE_AT("file:///a%zz"), ":5:20: ",
	    "two hex digits", AC_ERR_FORMAT },
	{ "a % at the end", FILE_AT("file:///a%2"), ":5:20: ",
	    "two hex digits", AC_ERR_FORMAT },
	{ "a NUL by %", FILE_AT("file:///a%00"), ":5:20: ",
	    "two hex digits", AC_ERR_FORMAT },
	{ "a variable not of the list", GOOD "env: {LD_PRELOAD: x}\n",
	    ":7:7: ", "unknown variable", AC_ERR_FORMAT },
	{ "a misspelt variable", GOOD "env: {OMP_NUM_THREAD: 1}\n", ":7:7: ",
	    "did you mean \"OMP_NUM_THREADS\"?", AC_ERR_FORMAT },
	{ "a secret", GOOD "env: {HF_TOKEN: hf_abc}\n", ":7:7: ",
	    "becomes public", AC_ERR_FORMAT },
	{ "a secret in small letters", GOOD "env: {my_password: x}\n",
	    ":7:7: ", "becomes public", AC_ERR_FORMAT },
	{ "a variable twice", GOOD "env: {TZ: a, TZ: b}\n", ":7:14: ",
	    "second time", AC_ERR_FORMAT },
	{ "a variable with a line feed", GOOD "env: {TZ: \"a\\nb\"}\n",
	    ":7:11: ", "printable", AC_ERR_FORMAT },
	{ "a list for env", GOOD "env: [TZ]\n", ":7:6: ", "mapping",
	    AC_ERR_FORMAT },
	{ "a negative seed", GOOD "seed: -1\n", ":7:7: ", "whole number",
	    AC_ERR_FORMAT },
	{ "a large seed", GOOD "seed: 9007199254740992\n", ":7:7: ",
	    "whole number", AC_ERR_FORMAT },
	{ "a seed with a zero in front", GOOD "seed: 042\n", ":7:7: ",
	    "whole number", AC_ERR_FORMAT },
};

static void
wrong(void **state)
{
	size_t bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		const struct wrong *w = &wrongs[i];
		struct message why = { "" };
		struct config c;
		enum ac_err e = parse(&c, w->text, &why);

		if (e == AC_OK)
			config_free(&c);
		if (e != w->err || strstr(why.text, w->says) == NULL ||
		    strncmp(why.text, "\"dir/job.yaml\"", 14) != 0 ||
		    strncmp(why.text + 14, w->place, strlen(w->place)) != 0) {
			print_error("%s: %d %s\n", w->name, e, why.text);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
}

/* Every cut of a right file is refused or is a right file, without a leak. */
static void
cut(void **state)
{
	static const char text[] = GOOD "env: {TZ: UTC}\nseed: 1\n";
	struct message why;
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		if (parse_bytes(&c, span_of(text, i), "f", &why) == AC_OK)
			config_free(&c);
}

static char *
repeated(const char *head, const char *each, size_t n, const char *tail)
{
	struct buf b;
	struct writer w;

	wr_init(&w, 64 * MIB);
	wr_str(&w, head);
	for (size_t i = 0; i < n; i++) {
		wr_str(&w, each);
		if (strchr(each, '#') != NULL) {
			w.len--;
			wr_dec(&w, i);
			wr_str(&w, REST "}\n");
		}
	}
	wr_str(&w, tail);
	assert_ok(wr_end(&w, &b));
	return (char *)b.p;
}

static void
caps(void **state)
{
	static const struct {
		const char *head, *each, *tail;
		size_t max;
	} cases[] = {
		{ "version: 2\ntrainer: command\ncommand: [a", ", b",
		    "]\ninputs: []\noutputs: [m]\n", WORDS_MAX - 1 },
		{ HEAD "inputs: []\noutputs: [m", ", n", "]\n",
		    WORDS_MAX - 1 },
		{ HEAD "inputs:\n", "  - {name: i#", "outputs: [m]\n",
		    INPUTS_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t more = 0; more < 2; more++) {
			char *text = repeated(cases[i].head, cases[i].each,
			    cases[i].max + more, cases[i].tail);
			struct message why = { "" };
			struct config c;
			enum ac_err e = parse(&c, text, &why);

			if (e != (more == 0 ? AC_OK : AC_ERR_LIMIT))
				fail_msg("case %zu, %zu more: %s", i, more,
				    why.text);
			if (e == AC_OK)
				config_free(&c);
			free(text);
		}
	}
}

static void
files(void **state)
{
	char path[] = "/tmp/aicert-config-XXXXXX";
	int fd = mkstemp(path);
	struct message why;
	struct config c;
	char *large;

	(void)state;
	assert_true(fd >= 0);
	assert_ok(file_write_all(fd, span_str(GOOD)));
	assert_ok(config_read(&c, path, -1, &why));
	assert_string_equal(c.input[0].path, "/tmp/u");
	config_free(&c);
	large = calloc(1, CONFIG_MAX + 1);
	assert_non_null(large);
	memset(large, '#', CONFIG_MAX + 1);
	assert_ok(file_write_all(fd, span_of(large, CONFIG_MAX + 1)));
	free(large);
	assert_int_equal(config_read(&c, path, -1, &why), AC_ERR_LIMIT);
	assert_non_null(strstr(why.text, "262144"));
	assert_int_equal(config_read(&c, "/tmp", -1, &why), AC_ERR_FORMAT);
	(void)close(fd);
	(void)unlink(path);
	assert_int_equal(config_read(&c, path, -1, &why), AC_ERR_NOT_FOUND);
}

static void
example(void **state)
{
	struct message why = { "" };
	struct config c;

	(void)state;
	if (config_read(&c, AICERT_SOURCE "/examples/charlm/aicert.yaml",
	    -1, &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_int_equal(c.request.ninputs, 2);
	config_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right),
		cmocka_unit_test(least),
		cmocka_unit_test(remote),
		cmocka_unit_test(undisclosed),
		cmocka_unit_test(trainers),
		cmocka_unit_test(original),
		cmocka_unit_test(wrong_original),
		cmocka_unit_test(cut_original),
		cmocka_unit_test(commits),
		cmocka_unit_test(wrong),
		cmocka_unit_test(cut),
		cmocka_unit_test(caps),
		cmocka_unit_test(files),
		cmocka_unit_test(example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
