/* The list of a model's files: one form, and paths that stay within it. */
#include "cert/limits.h"
#include "common/sha256.h"
#include "common/text.h"
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

static enum ac_err
decode(struct span bytes)
{
	struct oms o = { 0 };
	enum ac_err e = oms_decode(&o, bytes);

	oms_free(&o);
	return e;
}

static void
round_trip(void **state)
{
	struct sample s;
	struct buf b;
	struct oms o = { 0 };

	(void)state;
	sample_fill(&s, true);
	b = sample_oms(&s);
	assert_ok(oms_decode(&o, buf_span(&b)));
	assert_int_equal(o.nfiles, SAMPLE_NFILES);
	assert_true(digest_equal(&o.root, &s.outputs.root));
	for (size_t i = 0; i < o.nfiles; i++) {
		assert_true(span_equal(o.file[i].name, s.file[i].name));
		assert_true(digest_equal(&o.file[i].sha256,
		    &s.file[i].sha256));
		assert_non_null(oms_find(&o, s.file[i].name));
		assert_true(digest_equal(&oms_find(&o, s.file[i].name)->sha256,
		    &s.file[i].sha256));
	}
	assert_null(oms_find(&o, span_str("config")));
	assert_null(oms_find(&o, span_str("config.json ")));
	assert_null(oms_find(&o, span_str("")));
	oms_free(&o);
	buf_free(&b);
}

static void
paths(void **state)
{
	static const char *const right[] = { "a", "a/b", ".a", "..a", "a..",
		"a.", "...", "a b", "a\\b", "a:b", "\xc3\xa9", "a/.b/..c/d",
		"\xc2\xa0", "~", "*", "\"" };
	static const struct {
		const char *what, *path;
	} wrong[] = {
		{ "empty", "" },
		{ "absolute", "/a" },
		{ "root", "/" },
		{ "slash at the end", "a/" },
		{ "two slashes", "a//b" },
		{ "two slashes at the start", "//a" },
		{ "dot", "." },
		{ "dot first", "./a" },
		{ "dot within", "a/./b" },
		{ "dot last", "a/." },
		{ "up", ".." },
		{ "up first", "../a" },
		{ "up within", "a/../b" },
		{ "up last", "a/.." },
		{ "line feed", "a\nb" },
		{ "carriage return", "a\r" },
		{ "tab", "a\tb" },
		{ "escape", "a\x1b[31m" },
		{ "delete", "a\x7f" },
		{ "control sequence introducer", "a\xc2\x9b" "31m" },
		{ "first of Latin-1's control characters", "\xc2\x80" },
		{ "Latin-1", "a\xe9" },
		{ "UTF-8 cut off", "a\xc3" },
		{ "overlong slash", "a\xc0\xaf" "b" },
		{ "surrogate", "a\xed\xa0\x80" },
	};
	char longest[FILE_PATH_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++)
		if (!oms_path_is_valid(span_str(right[i])))
			fail_msg("refused: %s", right[i]);
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (oms_path_is_valid(span_str(wrong[i].path)))
			fail_msg("accepted: %s", wrong[i].what);
	assert_false(oms_path_is_valid(span_of("a\0b", 3)));
	memset(longest, 'a', sizeof(longest));
	assert_true(oms_path_is_valid(span_of(longest, FILE_PATH_MAX)));
	assert_false(oms_path_is_valid(span_of(longest, FILE_PATH_MAX + 1)));
}

static void
ignored(void **state)
{
	static const char *const yes[] = { "model.sig", "aicert.jsonl",
		".git", ".git/config", ".gitattributes", ".github/a/b",
		".cache/huggingface", ".cache/huggingface/x", ".gitignore" };
	static const char *const no[] = { "model.sig2", "amodel.sig",
		"a/model.sig", ".gitx", ".cache", ".cache/hugging",
		".cache/huggingfaces", ".GIT", "Model.sig", "" };

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++)
		if (!oms_is_ignored(span_str(yes[i]), oms_ignore, OMS_NIGNORE))
			fail_msg("not ignored: %s", yes[i]);
	for (size_t i = 0; i < COUNT(no); i++)
		if (oms_is_ignored(span_str(no[i]), oms_ignore, OMS_NIGNORE))
			fail_msg("ignored: %s", no[i]);
	/* An input's tree has an empty list. */
	assert_false(oms_is_ignored(span_str(".git"), NULL, 0));
}

#define LIST "\"model.sig\",\"aicert.jsonl\",\".cache/huggingface\",\".git\"," \
    "\".gitattributes\",\".github\",\".gitignore\""
#define A1X16 "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define A1 A1X16 A1X16

static void
refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "another file's digest", A1, "b1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
		    A1X16, AC_ERR_MISMATCH },
		{ "a file left out", "{\"name\":\"config.json\",\"algorithm\":"
		    "\"sha256\",\"digest\":\"" A1 "\"},", "",
		    AC_ERR_MISMATCH },
		{ "a file more", "\"resources\":[", "\"resources\":[{\"name\":"
		    "\"a\",\"algorithm\":\"sha256\",\"digest\":\"" A1 "\"},",
		    AC_ERR_MISMATCH },
		{ "a name twice", "a/b.safetensors", "config.json", 0 },
		{ "absolute path", "a/b.safetensors", "/b.safetensors", 0 },
		{ "path upwards", "a/b.safetensors", "../b.safetensors", 0 },
		{ "two slashes", "a/b.safetensors", "a//b.safetensors", 0 },
		{ "slash at the end", "a/b.safetensors", "a/b/", 0 },
		{ "empty path", "a/b.safetensors", "", 0 },
		{ "control character", "a/b.safetensors", "a/\\u001b[m", 0 },
		{ "model.sig is listed", "model.safetensors", "model.sig", 0 },
		{ "aicert.jsonl is listed", "config.json", "aicert.jsonl", 0 },
		{ "a file of .git is listed", "a/b.safetensors", ".git/config",
		    0 },
		{ "name a number", "\"config.json\"", "7", 0 },
		{ "blake2b", "\"algorithm\":\"sha256\"",
		    "\"algorithm\":\"blake2b\"", 0 },
		{ "blake3 for all", "\"hash_type\":\"sha256\"",
		    "\"hash_type\":\"blake3\"", 0 },
		{ "shards", "\"method\":\"files\"", "\"method\":\"shards\"",
		    0 },
		{ "size of shards", "\"method\":\"files\"",
		    "\"method\":\"files\",\"shard_size\":1", 0 },
		{ "shards of files", "\"method\":\"files\"",
		    "\"method\":\"shards\",\"shard_size\":1", 0 },
		{ "links", "\"allow_symlinks\":false",
		    "\"allow_symlinks\":true", 0 },
		{ "links a string", "\"allow_symlinks\":false",
		    "\"allow_symlinks\":\"false\"", 0 },
		{ "links null", "\"allow_symlinks\":false",
		    "\"allow_symlinks\":null", 0 },
		{ "links missing", "\"allow_symlinks\":false,", "", 0 },
		{ "ignore list longer", LIST, LIST ",\"x\"", 0 },
		{ "a path ignored twice", LIST, LIST ",\".git\"", 0 },
		{ "a path of the list, further down", "\".github\"",
		    "\"a/.github\"", 0 },
		{ "another name ignored", "\".github\"", "\"weights\"", 0 },
		{ "ignore list an object", "[" LIST "]", "{}", 0 },
		{ "digest in capitals", A1, "A1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
		    A1X16, 0 },
		{ "digest too short", A1, A1X16, 0 },
		{ "a resource's unknown member", "{\"name\":\"config.json\"",
		    "{\"size\":1,\"name\":\"config.json\"", 0 },
		{ "a resource's member missing", ",\"digest\":\"" A1 "\"", "",
		    0 },
		{ "unknown member of the predicate", "\"resources\"",
		    "\"x\":1,\"resources\"", 0 },
		{ "two subjects", "\"subject\":[", "\"subject\":[{\"name\":"
		    "\"model\",\"digest\":{\"sha256\":\"00\"}},", 0 },
		{ "another predicate type", "signature/v1.0", "signature/v1.1",
		    0 },
		{ "another statement type", "Statement/v1", "Statement/v0.1",
		    0 },
	};
	struct sample s;
	struct buf b;

	(void)state;
	sample_fill(&s, true);
	b = sample_oms(&s);
	wrong_check(buf_span(&b), wrong, COUNT(wrong), decode);
	wrong_check_truncated(buf_span(&b), decode);
	buf_free(&b);
}

static void
no_files(void **state)
{
	struct buf b;

	(void)state;
	assert_ok(oms_encode(&b, NULL, 0, oms_ignore, OMS_NIGNORE));
	assert_int_equal(decode(buf_span(&b)), AC_ERR_FORMAT);
	buf_free(&b);
}

/* A wrong root of the right form: only the recomputation shows it. */
static void
wrong_root(void **state)
{
	struct sample s;
	struct buf b, other;
	char hex[65] = { 0 };

	(void)state;
	sample_fill(&s, true);
	b = sample_oms(&s);
	text_hex(hex, span_digest(&s.outputs.root));
	other = wrong_make(buf_span(&b), hex, A1);
	assert_int_equal(decode(buf_span(&other)), AC_ERR_MISMATCH);
	buf_free(&other);
	buf_free(&b);
}

#define X8(s) s s s s s s s s

static void
digests(void **state)
{
	struct oms_file f[3] = { { span_str("a-b"), sample_digest(1), 0 },
		{ span_str("a/b"), sample_digest(2), 0 },
		{ span_str("a0"), sample_digest(3), 0 } };
	struct digest want, got;
	uint8_t raw[96];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		memset(raw + 32 * i, (int)i + 1, 32);
	want = sha256_of(span_of(raw, sizeof(raw)));
	got = oms_root(f, 3);
	assert_true(digest_equal(&got, &want));
	want = sha256_of(span_str(X8("01010101") "  a-b\n"
	    X8("02020202") "  a/b\n" X8("03030303") "  a0\n"));
	got = oms_manifest(f, 3);
	assert_true(digest_equal(&got, &want));
}

/* As many files as we allow are read; one more is not. */
static void
limits(void **state)
{
	struct oms_file *f = calloc(FILES_MAX + 1, sizeof(*f));
	char (*name)[12] = calloc(FILES_MAX + 1, sizeof(*name));
	struct buf b = { 0 };
	enum ac_err e;

	(void)state;
	assert_non_null(f);
	assert_non_null(name);
	for (size_t i = 0; i <= FILES_MAX; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "%06zx", i);
		f[i].name = span_str(name[i]);
	}
	assert_ok(oms_encode(&b, f, FILES_MAX, oms_ignore, OMS_NIGNORE));
	assert_ok(decode(buf_span(&b)));
	buf_free(&b);
	e = oms_encode(&b, f, FILES_MAX + 1, oms_ignore, OMS_NIGNORE);
	if (e == AC_OK)
		e = decode(buf_span(&b));
	assert_int_equal(e, AC_ERR_LIMIT);
	buf_free(&b);
	free(name);
	free(f);
}

/* What other tools write: another order, another subject, less ignored. */
static void
other_forms(void **state)
{
	static const struct {
		const char *what, *from, *to;
	} rows[] = {
		{ "not in order", "a/b.safetensors", "z/b.safetensors" },
		{ "capitals sort first", "model.safetensors",
		    "Model.safetensors" },
		{ "nothing ignored", LIST, "" },
		{ "less ignored", ",\".gitignore\"", "" },
		{ "ignored in another order", "\"model.sig\",\"aicert.jsonl\"",
		    "\"aicert.jsonl\",\"model.sig\"" },
		{ "no list of what is ignored", ",\"ignore_paths\":[" LIST "]",
		    "" },
		{ "the folder's name as subject", "\"name\":\"model\"",
		    "\"name\":\"my-model\"" },
	};
	struct sample s;
	struct buf b;

	(void)state;
	sample_fill(&s, true);
	b = sample_oms(&s);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf changed = wrong_make(buf_span(&b), rows[i].from,
		    rows[i].to);
		struct oms o = { 0 };

		if (oms_decode(&o, buf_span(&changed)) != AC_OK)
			fail_msg("refused: %s", rows[i].what);
		assert_true(digest_equal(&o.root, &s.outputs.root));
		for (size_t k = 0; k < o.nfiles; k++) {
			assert_ptr_equal(oms_find(&o, o.sorted[k].name),
			    &o.sorted[k]);
			if (k > 0)
				assert_true(oms_compare(&o.sorted[k - 1],
				    &o.sorted[k]) < 0);
		}
		oms_free(&o);
		buf_free(&changed);
	}
	buf_free(&b);
}

/* The statement of these shards, of 10 bytes each, names ended by NULL. */
static enum ac_err
decode_shards(struct oms *o, const char *const name[])
{
	struct oms_file file[16] = { 0 };
	struct buf b = { 0 }, shards;
	size_t n = 0;
	enum ac_err e;

	for (; name[n] != NULL; n++)
		file[n] = (struct oms_file){ .name = span_str(name[n]),
			.sha256 = sha256_of(span_str(name[n])) };
	assert_ok(oms_encode(&b, file, n, oms_ignore, OMS_NIGNORE));
	shards = wrong_make(buf_span(&b), "\"files\"",
	    "\"shards\",\"shard_size\":10");
	e = oms_decode(o, buf_span(&shards));
	buf_free(&b);
	buf_free(&shards);
	return e;
}

static void
shards(void **state)
{
	static const char *const right[][6] = {
		{ "a:0:10", "a:10:20", "a:20:21" },
		{ "a:0:1" },
		{ "a:0:10", "b:0:10", "b:10:11" },
		/* As model_signing orders them, and as text. */
		{ "b:0:10", "b:10:20", "a:0:3" },
		{ "a:0:10", "a:10:20", "a:20:30", "a/b:0:1" },
		{ "a:b:0:10" }, /* a colon in the name */
	};
	static const struct {
		const char *what, *name[4];
	} wrong[] = {
		{ "no range", { "a" } },
		{ "half a range", { "a:10" } },
		{ "no name", { ":0:10" } },
		{ "two of a place", { "a:0:10", "a:0:10" } },
		{ "a gap", { "a:0:10", "a:11:20" } },
		{ "one over another", { "a:0:10", "a:5:15" } },
		{ "not from the beginning", { "a:10:20" } },
		{ "a short one within", { "a:0:9", "a:9:19" } },
		{ "a long one", { "a:0:11" } },
		{ "an empty one", { "a:0:0" } },
		{ "backwards", { "a:10:0" } },
		{ "a leading zero", { "a:0:010" } },
		{ "a sign", { "a:+0:10" } },
		{ "a blank", { "a:0: 10" } },
		{ "beyond 2^53", { "a:0:9007199254740993" } },
		{ "beyond 2^64", { "a:0:18446744073709551626" } },
		{ "a path upwards", { "../a:0:10" } },
		{ "an ignored path", { ".git/a:0:10" } },
		{ "a name twice, by another path", { "a:0:10", "a/:0:10" } },
	};
	struct oms o = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++) {
		if (decode_shards(&o, right[i]) != AC_OK)
			fail_msg("refused: shards %zu", i);
		for (size_t k = 0; k < o.nfiles; k++) {
			struct oms_part p = oms_part_of(&o, &o.sorted[k]);

			assert_true(p.end - p.start <= 10);
			assert_ptr_equal(oms_resource(&o, o.sorted[k].name),
			    &o.sorted[k]);
			if (p.start == 0)
				assert_ptr_equal(oms_find(&o, p.path),
				    &o.sorted[k]);
		}
		assert_null(oms_resource(&o, span_str("a")));
		assert_null(oms_resource(&o, span_str("a:0:9")));
		assert_null(oms_resource(&o, span_str("a:1000:1010")));
		assert_null(oms_resource(&o, span_str("a:00:10")));
		oms_free(&o);
	}
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (decode_shards(&o, wrong[i].name) != AC_ERR_FORMAT)
			fail_msg("accepted: %s", wrong[i].what);
}

/* The size of shards and the name of their hash, as model_signing has them. */
static void
shards_by_protobuf(void **state)
{
	static const struct {
		const char *size, *algorithm;
		enum ac_err want;
	} rows[] = {
		{ "10", "sha256", AC_OK },
		{ "10.0", "sha256-sharded-10", AC_OK },
		{ "10", "sha256-sharded-10", AC_OK },
		{ "10.0", "sha256-sharded-11", AC_ERR_FORMAT },
		{ "10.0", "sha256-sharded-", AC_ERR_FORMAT },
		{ "10.0", "sha256-sharded-010", AC_ERR_FORMAT },
		{ "10.0", "sha256-sharded", AC_ERR_FORMAT },
		{ "10.0", "blake3-sharded-10", AC_ERR_FORMAT },
		{ "10.5", "sha256", AC_ERR_FORMAT },
		{ "10.00", "sha256", AC_ERR_FORMAT },
		{ "1e1", "sha256", AC_ERR_FORMAT },
		{ "\"10\"", "sha256", AC_ERR_FORMAT },
		{ "0.0", "sha256", AC_ERR_FORMAT },
		{ "-10.0", "sha256", AC_ERR_FORMAT },
		{ "9", "sha256", AC_ERR_FORMAT },
	};
	struct oms_file file = { .name = span_str("a:0:10") };
	struct buf b = { 0 };

	(void)state;
	assert_ok(oms_encode(&b, &file, 1, oms_ignore, OMS_NIGNORE));
	for (size_t i = 0; i < COUNT(rows); i++) {
		char method[64], algorithm[64];
		struct buf sized, named;
		struct oms o = { 0 };

		(void)snprintf(method, sizeof(method),
		    "\"shards\",\"shard_size\":%s", rows[i].size);
		(void)snprintf(algorithm, sizeof(algorithm),
		    "\"algorithm\":\"%s\"", rows[i].algorithm);
		sized = wrong_make(buf_span(&b), "\"files\"", method);
		named = wrong_make(buf_span(&sized),
		    "\"algorithm\":\"sha256\"", algorithm);
		if (oms_decode(&o, buf_span(&named)) != rows[i].want)
			fail_msg("%s, %s", rows[i].size, rows[i].algorithm);
		oms_free(&o);
		buf_free(&sized);
		buf_free(&named);
	}
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(paths),
		cmocka_unit_test(ignored),
		cmocka_unit_test(refused),
		cmocka_unit_test(other_forms),
		cmocka_unit_test(shards),
		cmocka_unit_test(shards_by_protobuf),
		cmocka_unit_test(no_files),
		cmocka_unit_test(wrong_root),
		cmocka_unit_test(digests),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
