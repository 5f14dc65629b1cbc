/* Image releases: exactly two subjects, whole tuples, nothing twice. */
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

/* 32 times the byte. */
#define HEX(byte) byte byte byte byte byte byte byte byte byte byte byte byte \
    byte byte byte byte byte byte byte byte byte byte byte byte byte byte \
    byte byte byte byte byte byte

static enum ac_err
decode(struct span bytes)
{
	struct release r = { 0 };
	enum ac_err e = release_decode(&r, bytes);

	release_free(&r);
	return e;
}

static bool
same_tuple(const struct release_tuple *a, const struct release_tuple *b)
{
	return span_equal(a->firmware, b->firmware) &&
	    a->secure_boot == b->secure_boot && a->has_pcr9 == b->has_pcr9 &&
	    digest_equal(&a->pcr4, &b->pcr4) &&
	    digest_equal(&a->pcr9, &b->pcr9) &&
	    digest_equal(&a->pcr11, &b->pcr11);
}

static void
round_trip(void **state)
{
	(void)state;
	for (int full = 0; full <= 1; full++) {
		struct release r = sample_release(full == 1), again = { 0 };
		struct buf b = sample_release_bytes(&r), second;

		assert_ok(release_decode(&again, buf_span(&b)));
		assert_true(digest_equal(&r.uki, &again.uki) &&
		    digest_equal(&r.root, &again.root));
		assert_true(span_equal(r.name, again.name) &&
		    span_equal(r.version, again.version) &&
		    span_equal(r.stub, again.stub));
		assert_int_equal(r.debug, again.debug);
		assert_int_equal(r.ntuples, again.ntuples);
		for (size_t i = 0; i < r.ntuples; i++)
			assert_true(same_tuple(&r.tuple[i], &again.tuple[i]));
		assert_int_equal(r.ncontainers, again.ncontainers);
		for (size_t i = 0; i < r.ncontainers; i++)
			assert_true(span_equal(r.container[i].name,
			    again.container[i].name) &&
			    digest_equal(&r.container[i].sha256,
			    &again.container[i].sha256));
		second = sample_release_bytes(&again);
		assert_true(span_equal(buf_span(&b), buf_span(&second)));
		buf_free(&second);
		release_free(&again);
		buf_free(&b);
	}
}

/* The bytes are what formats.md says, not only what we read again. */
static void
exact_bytes(void **state)
{
	static const char want[] = "{\"_type\":\"https://in-toto.io/Statement/"
	    "v1\",\"subject\":[{\"name\":\"uki\",\"digest\":{\"sha256\":\""
	    HEX("31") "\"}},{\"name\":\"root\",\"digest\":{\"sha256\":\""
	    HEX("32") "\"}}],\"predicateType\":\"https://aicert."
	    "mithrilsecurity.io/image-release/v1\",\"predicate\":{\"name\":"
	    "\"aicert-vm\",\"version\":\"1.0\",\"debug\":true,\"stub\":"
	    "\"252.39-1~deb12u2\",\"tuples\":[{\"firmware\":\"ovmf\","
	    "\"secureBoot\":false,\"pcrs\":{\"4\":\"" HEX("44") "\",\"11\":\""
	    HEX("4b") "\"}},{\"firmware\":\"ovmf\",\"secureBoot\":true,"
	    "\"pcrs\":{\"4\":\"" HEX("54") "\",\"9\":\"" HEX("59") "\",\"11\":\""
	    HEX("4b") "\"}}],\"containers\":[{\"name\":\"trainer\",\"sha256\":\""
	    HEX("c0") "\"}]}}";
	struct release r = sample_release(true);
	struct buf b = sample_release_bytes(&r);

	(void)state;
	assert_string_equal((const char *)b.p, want);
	buf_free(&b);
}

static void
refused_subjects(void **state)
{
	static const struct wrong wrong[] = {
		{ "other predicate type", "/image-release/v1",
		    "/image-release/v2", 0 },
		{ "type without its version", "/image-release/v1",
		    "/image-release", 0 },
		{ "other first subject", "\"uki\"", "\"UKI\"", 0 },
		{ "other second subject", "\"name\":\"root\"",
		    "\"name\":\"oms-root\"", 0 },
		{ "UKI twice", "\"name\":\"root\"", "\"name\":\"uki\"", 0 },
		{ "a third subject", "}],\"predicateType\"", "},{\"name\":\"x\","
		    "\"digest\":{\"sha256\":\"" HEX("00") "\"}}],"
		    "\"predicateType\"", 0 },
		{ "no root", ",{\"name\":\"root\",\"digest\":{\"sha256\":\""
		    HEX("32") "\"}}", "", 0 },
		{ "root by SHA-1", "{\"sha256\":\"" HEX("32") "\"}",
		    "{\"sha1\":\"3232323232323232323232323232323232323232\"}", 0 },
		{ "root by two digests", "{\"sha256\":\"" HEX("32") "\"}",
		    "{\"sha256\":\"" HEX("32") "\",\"sha1\":\"32\"}", 0 },
		{ "root with annotations", "{\"name\":\"root\",",
		    "{\"name\":\"root\",\"annotations\":{},", 0 },
		{ "root in capitals", HEX("32"), "AA32323232323232323232323232"
		    "323232323232323232323232323232323232", 0 },
		{ "subjects in other order", "{\"name\":\"uki\",\"digest\":{"
		    "\"sha256\":\"" HEX("31") "\"}},", "", 0 },
	};
	struct release r = sample_release(true);
	struct buf b = sample_release_bytes(&r);

	(void)state;
	wrong_check(buf_span(&b), wrong, COUNT(wrong), decode);
	wrong_check_truncated(buf_span(&b), decode);
	buf_free(&b);
}

static void
refused_predicate(void **state)
{
	static const struct wrong wrong[] = {
		{ "no predicate", "\"predicate\":{", "\"predicates\":{", 0 },
		{ "white space", "\"predicate\":", "\"predicate\": ", 0 },
		{ "a line feed at the end", NULL, "\n", 0 },
		{ "members in other order", "\"name\":\"aicert-vm\","
		    "\"version\":\"1.0\"", "\"version\":\"1.0\","
		    "\"name\":\"aicert-vm\"", 0 },
		{ "another escape", "aicert-vm", "aicert\\u002dvm", 0 },
		{ "unknown member", "{\"name\":\"aicert-vm\"",
		    "{\"x\":1,\"name\":\"aicert-vm\"", 0 },
		{ "name missing", "\"name\":\"aicert-vm\",", "", 0 },
		{ "name empty", "\"aicert-vm\"", "\"\"", 0 },
		{ "name a number", "\"aicert-vm\"", "1", 0 },
		{ "name with a line feed", "aicert-vm", "aicert\\nvm", 0 },
		{ "name with an escape sequence", "aicert-vm",
		    "\\u001b[32mVERIFIED", 0 },
		{ "name with C1 control", "aicert-vm", "\\u009b32m", 0 },
		{ "name with NUL", "aicert-vm", "aicert\\u0000vm", 0 },
		{ "version missing", "\"version\":\"1.0\",", "", 0 },
		{ "version a number", "\"1.0\"", "1", 0 },
		{ "version null", "\"1.0\"", "null", 0 },
		{ "debug missing", "\"debug\":true,", "", 0 },
		{ "debug a string", "\"debug\":true", "\"debug\":\"false\"", 0 },
		{ "debug 0", "\"debug\":true", "\"debug\":0", 0 },
		{ "debug null", "\"debug\":true", "\"debug\":null", 0 },
		{ "debug twice", "\"debug\":true", "\"debug\":true,"
		    "\"debug\":false", 0 },
		{ "Debug", "\"debug\"", "\"Debug\"", 0 },
		{ "stub missing", "\"stub\":\"252.39-1~deb12u2\",", "", 0 },
		{ "stub empty", "\"252.39-1~deb12u2\"", "\"\"", 0 },
		{ "tuples missing", "\"tuples\"", "\"tuple\"", 0 },
		{ "tuples an object", "\"tuples\":[", "\"tuples\":{},\"x\":[", 0 },
		{ "no tuple", "\"tuples\":[", "\"tuples\":[],\"x\":[", 0 },
		{ "containers missing", "\"containers\"", "\"images\"", 0 },
		{ "containers null", "\"containers\":[", "\"containers\":null,"
		    "\"x\":[", 0 },
		{ "a container null", "\"containers\":[",
		    "\"containers\":[null,", 0 },
		{ "a container without digest", ",\"sha256\":\"" HEX("c0") "\"",
		    "", 0 },
		{ "a container with a tag", "{\"name\":\"trainer\"",
		    "{\"tag\":\"latest\",\"name\":\"trainer\"", 0 },
		{ "a container of SHA-1", HEX("c0"),
		    "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0", 0 },
		{ "a container with a prefix", "\"" HEX("c0"),
		    "\"sha256:" HEX("c0"), 0 },
		{ "one name, two containers", "\"containers\":[",
		    "\"containers\":[{\"name\":\"trainer\",\"sha256\":\""
		    HEX("c1") "\"},", 0 },
	};
	struct release r = sample_release(true);
	struct buf b = sample_release_bytes(&r);

	(void)state;
	wrong_check(buf_span(&b), wrong, COUNT(wrong), decode);
	buf_free(&b);
}

static void
refused_tuples(void **state)
{
	static const struct wrong wrong[] = {
		{ "a tuple null", "\"tuples\":[", "\"tuples\":[null,", 0 },
		{ "a tuple a list", "\"tuples\":[", "\"tuples\":[[],", 0 },
		{ "firmware missing", "\"firmware\":\"ovmf\",", "", 0 },
		{ "firmware empty", "\"ovmf\"", "\"\"", 0 },
		{ "firmware a list", "\"ovmf\"", "[\"ovmf\"]", 0 },
		{ "secureBoot missing", "\"secureBoot\":false,", "", 0 },
		{ "secureBoot a string", "\"secureBoot\":false",
		    "\"secureBoot\":\"off\"", 0 },
		{ "one state twice", "\"secureBoot\":false",
		    "\"secureBoot\":true", 0 },
		{ "unknown member", "\"pcrs\"", "\"x\":0,\"pcrs\"", 0 },
		{ "pcrs missing", "\"pcrs\"", "\"PCRs\"", 0 },
		{ "pcrs a list", "\"pcrs\":{", "\"pcrs\":[],\"x\":{", 0 },
		{ "PCR 4 missing", "\"4\":\"" HEX("44") "\",", "", 0 },
		{ "PCR 11 missing", ",\"11\":\"" HEX("4b") "\"", "", 0 },
		{ "PCR 12 too", "\"11\"", "\"12\":\"" HEX("00") "\",\"11\"", 0 },
		{ "PCR 04", "\"4\"", "\"04\"", 0 },
		{ "PCR 4 twice", "\"4\"", "\"4\":\"" HEX("45") "\",\"4\"", 0 },
		{ "PCR 4 zero", HEX("44"), HEX("00"), 0 },
		{ "PCR 9 zero", HEX("59"), HEX("00"), 0 },
		{ "PCR 11 zero", HEX("4b"), HEX("00"), 0 },
		{ "PCR 9 null", "\"" HEX("59") "\"", "null", 0 },
		{ "PCR 9 empty", "\"" HEX("59") "\"", "\"\"", 0 },
		{ "PCR 4 short", HEX("44"), "44444444", 0 },
		{ "PCR 11 in capitals", HEX("4b"), "4B4B4B4B4B4B4B4B4B4B4B4B4B4B"
		    "4B4B4B4B4B4B4B4B4B4B4B4B4B4B4B4B4B4B", 0 },
		{ "PCR 4 a list of values", "\"" HEX("44") "\"",
		    "[\"" HEX("44") "\"]", 0 },
	};
	struct release r = sample_release(true);
	struct buf b = sample_release_bytes(&r);

	(void)state;
	wrong_check(buf_span(&b), wrong, COUNT(wrong), decode);
	buf_free(&b);
}

static void
not_written(void **state)
{
	struct release r = sample_release(true);
	struct buf b = { 0 };

	(void)state;
	r.tuple[1].secure_boot = false;
	assert_int_equal(release_encode(&b, &r), AC_ERR_FORMAT);
	r = sample_release(true);
	r.tuple[0].pcr4 = sample_digest(0);
	assert_int_equal(release_encode(&b, &r), AC_ERR_FORMAT);
	r = sample_release(true);
	r.name = span_str("two\nlines");
	assert_int_equal(release_encode(&b, &r), AC_ERR_FORMAT);
	r.name = span_str("\xff");
	assert_int_equal(release_encode(&b, &r), AC_ERR_FORMAT);
	r = sample_release(false);
	r.ntuples = 0;
	assert_int_equal(release_encode(&b, &r), AC_ERR_FORMAT);
	assert_null(b.p);
}

static void
limits(void **state)
{
	char text[TEXT_MAX + 1], name[2][RELEASE_CONTAINERS_MAX + 1];
	struct release r = sample_release(false);
	struct buf b = { 0 }, wider;

	(void)state;
	memset(text, 'v', sizeof(text));
	r.version = span_of(text, sizeof(text));
	assert_int_equal(release_encode(&b, &r), AC_ERR_LIMIT);
	r.version.len--;
	memset(name, 'n', sizeof(name));
	for (size_t i = 0; i < RELEASE_TUPLES_MAX; i++) {
		r.tuple[i] = r.tuple[0];
		r.tuple[i].firmware = span_of(name[0], i + 1);
	}
	for (size_t i = 0; i < RELEASE_CONTAINERS_MAX; i++)
		r.container[i] = (struct release_container){
			span_of(name[1], i + 1), sample_digest(1) };
	r.ntuples = RELEASE_TUPLES_MAX;
	r.ncontainers = RELEASE_CONTAINERS_MAX;
	assert_ok(release_encode(&b, &r));
	wider = wrong_make(buf_span(&b), "\"containers\":[",
	    "\"containers\":[{\"name\":\"x\",\"sha256\":\"\"},");
	assert_int_equal(decode(buf_span(&wider)), AC_ERR_FORMAT);
	buf_free(&wider);
	wider = wrong_make(buf_span(&b), "\"containers\":[",
	    "\"containers\":[{\"name\":\"x\",\"sha256\":\"" HEX("01") "\"},");
	assert_int_equal(decode(buf_span(&wider)), AC_ERR_LIMIT);
	buf_free(&wider);
	wider = wrong_make(buf_span(&b), "\"tuples\":[", "\"tuples\":["
	    "{\"firmware\":\"x\",\"secureBoot\":true,\"pcrs\":{\"4\":\""
	    HEX("44") "\",\"11\":\"" HEX("44") "\"}},");
	assert_int_equal(decode(buf_span(&wider)), AC_ERR_LIMIT);
	buf_free(&wider);
	buf_free(&b);
	r.ntuples++;
	assert_int_equal(release_encode(&b, &r), AC_ERR_LIMIT);
	r.ntuples--;
	r.ncontainers++;
	assert_int_equal(release_encode(&b, &r), AC_ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(exact_bytes),
		cmocka_unit_test(refused_subjects),
		cmocka_unit_test(refused_predicate),
		cmocka_unit_test(refused_tuples),
		cmocka_unit_test(not_written),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
