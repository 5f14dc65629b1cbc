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

struct wrong {
	const char *name, *text, *place, *says;
	enum ac_err err;
};

#define AT(text) HEAD "inputs:\n  - {" text "}\noutputs: [m]\n"
#define REST ", type: file, uri: u, role: code, pin: \"" PIN "\""

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
	{ "a reserved key", GOOD "image: x\n", ":7:1: ", "not built yet",
	    AC_ERR_UNSUPPORTED },
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
	{ "another trainer", "version: 2\ntrainer: axolotl\n", ":2:10: ",
	    "\"axolotl\" is not built yet", AC_ERR_UNSUPPORTED },
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
	{ "a pin of another kind", AT("name: a, pin: \"sha1:0123456789abcdef012"
	    "3456789abcdef01234567\""), ":5:20: ", "expected a pin",
	    AC_ERR_FORMAT },
	{ "a misspelt key of an input", AT("name: a, pim: x"), ":5:15: ",
	    "did you mean \"pin\"?", AC_ERR_FORMAT },
	{ "a key of an input twice", AT("name: a, name: b"), ":5:15: ",
	    "second time", AC_ERR_FORMAT },
	{ "a type for later", AT("name: a, type: git"), ":5:21: ",
	    "\"git\" is not built yet", AC_ERR_UNSUPPORTED },
	{ "an unknown type", AT("name: a, type: fil"), ":5:21: ",
	    "did you mean \"file\"?", AC_ERR_FORMAT },
	{ "an unknown role", AT("name: a, role: dateset"), ":5:21: ",
	    "did you mean \"dataset\"?", AC_ERR_FORMAT },
	{ "a key for later", AT("name: a, disclose: false"), ":5:15: ",
	    "not built yet", AC_ERR_UNSUPPORTED },
	{ "fetching", AT("name: a, uri: \"ftp://example.org/x\""), ":5:20: ",
	    "\"ftp:\" is not built yet", AC_ERR_UNSUPPORTED },
	{ "a password in a URL", AT("name: a, uri: \"https://me:pw@example.org"
	    "/x\""), ":5:20: ", "becomes public", AC_ERR_FORMAT },
	{ "a user in a URL", AT("name: a, uri: \"http://me@example.org\""),
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
	{ "a file of another machine", AT("name: a, uri: \"file://host/x\""),
	    ":5:20: ", "another machine", AC_ERR_FORMAT },
	{ "a half file URL", AT("name: a, uri: \"file:x\""), ":5:20: ",
	    "file:///absolute", AC_ERR_FORMAT },
	{ "a % that is none", AT("name: a, uri: \"file:///a%zz\""), ":5:20: ",
	    "two hex digits", AC_ERR_FORMAT },
	{ "a % at the end", AT("name: a, uri: \"file:///a%2\""), ":5:20: ",
	    "two hex digits", AC_ERR_FORMAT },
	{ "a NUL by %", AT("name: a, uri: \"file:///a%00\""), ":5:20: ",
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
		cmocka_unit_test(wrong),
		cmocka_unit_test(cut),
		cmocka_unit_test(caps),
		cmocka_unit_test(files),
		cmocka_unit_test(example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
