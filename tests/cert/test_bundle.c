/* One line of a certificate: exactly one form. */
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

#define STATEMENT "{\"a\":1}" /* what a bundle carries is not its matter */
#define PAYLOAD "eyJhIjoxfQ=="
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static enum ac_err
decode(struct span line)
{
	struct bundle b = { 0 };
	enum ac_err e = bundle_decode(&b, line, STATEMENT_MAX);

	bundle_free(&b);
	return e;
}

static bool
same_entry(const struct bundle_entry *a, const struct bundle_entry *b)
{
	if (a->top_index != b->top_index || a->index != b->index ||
	    a->size != b->size || a->nproof != b->nproof ||
	    !digest_equal(&a->log_id, &b->log_id) ||
	    !digest_equal(&a->root, &b->root) ||
	    !span_equal(buf_span(&a->checkpoint), buf_span(&b->checkpoint)) ||
	    !span_equal(buf_span(&a->body), buf_span(&b->body)))
		return false;
	for (size_t i = 0; i < a->nproof; i++)
		if (!digest_equal(&a->proof[i], &b->proof[i]))
			return false;
	return true;
}

static bool
same(const struct bundle *a, const struct bundle *b)
{
	return strcmp(a->hint, b->hint) == 0 &&
	    strcmp(a->keyid, b->keyid) == 0 &&
	    span_equal(buf_span(&a->statement), buf_span(&b->statement)) &&
	    span_equal(span_of(a->sig, a->siglen),
	    span_of(b->sig, b->siglen)) && a->logged == b->logged &&
	    (!a->logged || same_entry(&a->entry, &b->entry));
}

static void
round_trip(void **state)
{
	(void)state;
	for (int logged = 0; logged <= 1; logged++) {
		struct bundle b = sample_bundle(span_str(STATEMENT),
		    logged == 1), again = { 0 };
		struct buf line = sample_bundle_line(&b), second;

		assert_ok(bundle_decode(&again, buf_span(&line), 100));
		assert_true(same(&b, &again));
		second = sample_bundle_line(&again);
		assert_true(span_equal(buf_span(&line), buf_span(&second)));
		buf_free(&second);
		buf_free(&line);
		bundle_free(&again);
		bundle_free(&b);
	}
}

static void
integrated_time_may_be_absent(void **state)
{
	struct bundle b = sample_bundle(span_str(STATEMENT), true);
	struct buf line = sample_bundle_line(&b);
	struct buf other = wrong_make(buf_span(&line),
	    "\"integratedTime\":\"0\",", "");
	struct bundle again = { 0 };

	(void)state;
	assert_ok(bundle_decode(&again, buf_span(&other), 100));
	assert_true(same(&b, &again));
	bundle_free(&again);
	bundle_free(&b);
	buf_free(&other);
	buf_free(&line);
}

/* The replacement in line, refused under that name. */
static void
check_refused(struct span line, const char *from, const char *to)
{
	struct buf other = wrong_make(line, from, to);

	if (decode(buf_span(&other)) == AC_OK)
		fail_msg("accepted: %s for %s", to, from);
	buf_free(&other);
}

/* Every member renamed, in other case, beside another, of another type. */
static void
members(void **state)
{
	static const char *const names[] = { "mediaType",
		"verificationMaterial", "publicKey", "hint", "tlogEntries",
		"logIndex", "logId", "keyId", "kindVersion", "kind", "version",
		"inclusionProof", "rootHash", "treeSize", "hashes",
		"checkpoint", "envelope", "canonicalizedBody", "dsseEnvelope",
		"payload", "payloadType", "signatures", "sig", "keyid" };
	static const char *const values[] = { "null", "0", "true", "{}", "[{}]",
		"[[]]" };
	struct bundle b = sample_bundle(span_str(STATEMENT), true);
	struct buf line = sample_bundle_line(&b);

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char from[40], to[64];

		(void)snprintf(from, sizeof(from), "\"%s\":", names[i]);
		(void)snprintf(to, sizeof(to), "\"x%s\":", names[i]);
		check_refused(buf_span(&line), from, to);
		(void)snprintf(to, sizeof(to), "\"%s\":", names[i]);
		to[1] = (char)(to[1] ^ 0x20);
		check_refused(buf_span(&line), from, to);
		(void)snprintf(to, sizeof(to), "\"x\":0,\"%s\":", names[i]);
		check_refused(buf_span(&line), from, to);
		(void)snprintf(to, sizeof(to), "\"%s\":\"\",\"%s\":", names[i],
		    names[i]);
		check_refused(buf_span(&line), from, to);
	}
	/* In the envelope, whose members end the line: other types. */
	for (size_t k = 0; k < COUNT(values); k++) {
		static const char *const strings[][2] = {
			{ "\"mediaType\":", "\"application/vnd.dev.sigstore."
			    "bundle.v0.3+json\"" },
			{ "\"payload\":", "\"" PAYLOAD "\"" },
			{ "\"payloadType\":",
			    "\"application/vnd.in-toto+json\"" },
			{ "\"logIndex\":", "\"3\"" },
			{ "\"treeSize\":", "\"5\"" },
			{ "\"kind\":", "\"hashedrekord\"" },
			{ "\"version\":", "\"0.0.2\"" },
			{ "\"integratedTime\":", "\"0\"" },
		};

		for (size_t i = 0; i < COUNT(strings); i++) {
			char from[96], to[64];

			(void)snprintf(from, sizeof(from), "%s%s",
			    strings[i][0], strings[i][1]);
			(void)snprintf(to, sizeof(to), "%s%s", strings[i][0],
			    values[k]);
			check_refused(buf_span(&line), from, to);
		}
	}
	bundle_free(&b);
	buf_free(&line);
}

static void
refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "media type of v0.2", "bundle.v0.3", "bundle.v0.2", 0 },
		{ "media type of the older form", "bundle.v0.3+json",
		    "bundle+json;version=0.3", 0 },
		{ "certificate for the key", "\"publicKey\":{\"hint\":",
		    "\"certificate\":{\"rawBytes\":", 0 },
		{ "key and certificate", "\"publicKey\":{",
		    "\"certificate\":{},\"publicKey\":{", 0 },
		{ "timestamps", "\"tlogEntries\":[",
		    "\"timestampVerificationData\":{},\"tlogEntries\":[", 0 },
		{ "hint too long", "\"hint\":\"", "\"hint\":\"0123456789012345"
		    "678901234567890123456789012345678901234567890123456789",
		    0 },
		{ "NUL in the hint", "\"hint\":\"", "\"hint\":\"\\u0000", 0 },
		{ "an empty entry", "\"tlogEntries\":[{",
		    "\"tlogEntries\":[{},{", 0 },
		{ "a null entry", "\"tlogEntries\":[{",
		    "\"tlogEntries\":[null,{", 0 },
		{ "logIndex with a leading zero", "\"logIndex\":\"3\"",
		    "\"logIndex\":\"03\"", 0 },
		{ "logIndex negative", "\"logIndex\":\"3\"",
		    "\"logIndex\":\"-3\"", 0 },
		{ "logIndex empty", "\"logIndex\":\"3\"", "\"logIndex\":\"\"",
		    0 },
		{ "logIndex of 2^63", "\"logIndex\":\"3\"",
		    "\"logIndex\":\"9223372036854775808\"", 0 },
		{ "logIndex with a space", "\"logIndex\":\"3\"",
		    "\"logIndex\":\" 3\"", 0 },
		{ "logIndex hex", "\"logIndex\":\"3\"", "\"logIndex\":\"0x3\"",
		    0 },
		{ "logIndex a number", "\"logIndex\":\"3\"", "\"logIndex\":3",
		    0 },
		{ "logIndex missing", "\"logIndex\":\"3\",", "", 0 },
		{ "inner logIndex missing", "\"inclusionProof\":{\"logIndex\":"
		    "\"3\",", "\"inclusionProof\":{", 0 },
		{ "inner logIndex a number", "\"inclusionProof\":{\"logIndex\":"
		    "\"3\",", "\"inclusionProof\":{\"logIndex\":3,", 0 },
		{ "logId of 35 bytes", "\"keyId\":\"ZmZm",
		    "\"keyId\":\"ZmZmZmZm", 0 },
		{ "logId of 29 bytes", "\"keyId\":\"ZmZm", "\"keyId\":\"", 0 },
		{ "kind dsse", "\"kind\":\"hashedrekord\"", "\"kind\":\"dsse\"",
		    0 },
		{ "version 0.0.1", "\"version\":\"0.0.2\"",
		    "\"version\":\"0.0.1\"", 0 },
		{ "integratedTime 1", "\"integratedTime\":\"0\"",
		    "\"integratedTime\":\"1\"", 0 },
		{ "integratedTime 00", "\"integratedTime\":\"0\"",
		    "\"integratedTime\":\"00\"", 0 },
		{ "integratedTime empty", "\"integratedTime\":\"0\"",
		    "\"integratedTime\":\"\"", 0 },
		{ "inclusion promise", "\"integratedTime\"",
		    "\"inclusionPromise\":{},\"integratedTime\"", 0 },
		{ "inclusion promise null", "\"integratedTime\"",
		    "\"inclusionPromise\":null,\"integratedTime\"", 0 },
		{ "rootHash too short", "\"rootHash\":\"mZmZ",
		    "\"rootHash\":\"", 0 },
		{ "rootHash with spare bits", "mZk=\",\"treeSize\"",
		    "mZl=\",\"treeSize\"", 0 },
		{ "treeSize with a leading zero", "\"treeSize\":\"5\"",
		    "\"treeSize\":\"05\"", 0 },
		{ "treeSize of 2^63", "\"treeSize\":\"5\"",
		    "\"treeSize\":\"9223372036854775808\"", 0 },
		{ "a proof hash of 3 bytes", "\"hashes\":[",
		    "\"hashes\":[\"AAAA\",", 0 },
		{ "an empty proof hash", "\"hashes\":[", "\"hashes\":[\"\",",
		    0 },
		{ "a proof hash in hex", "\"hashes\":[", "\"hashes\":[\""
		    "00000000000000000000000000000000"
		    "00000000000000000000000000000000\",", 0 },
		{ "a null proof hash", "\"hashes\":[", "\"hashes\":[null,",
		    0 },
		{ "body not base64", "\"canonicalizedBody\":\"",
		    "\"canonicalizedBody\":\"{", 0 },
		{ "body base64 for URLs", "\"canonicalizedBody\":\"",
		    "\"canonicalizedBody\":\"__--", 0 },
		{ "payload with spare bits", PAYLOAD, "eyJhIjoxfR==", 0 },
		{ "payload without padding", PAYLOAD, "eyJhIjoxfQ", 0 },
		{ "payload with a line feed", PAYLOAD, "eyJhIjox\\nfQ==", 0 },
		{ "payload twice, once escaped", "\"payload\":",
		    "\"p\\u0061yload\":\"" PAYLOAD "\",\"payload\":", 0 },
		{ "other payload type", "vnd.in-toto+json", "json", 0 },
		{ "two signatures", "\"signatures\":[", "\"signatures\":["
		    "{\"sig\":\"MDAw\",\"keyid\":\"\"},", 0 },
		{ "an empty signature object", "\"signatures\":[",
		    "\"signatures\":[{},", 0 },
		{ "sig not base64", "\"sig\":\"", "\"sig\":\"*", 0 },
		{ "sig of 73 bytes", "\"sig\":\"", "\"sig\":\"MDAw",
		    AC_ERR_LIMIT },
		{ "extra member of a signature", "\"keyid\":",
		    "\"cert\":\"\",\"keyid\":", 0 },
		{ "value after the line", NULL, "{}", 0 },
		{ "garbage after the line", NULL, "x", 0 },
	};
	struct bundle b = sample_bundle(span_str(STATEMENT), true);
	struct buf line = sample_bundle_line(&b);

	(void)state;
	wrong_check(buf_span(&line), wrong, COUNT(wrong), decode);
	wrong_check_truncated(buf_span(&line), decode);
	bundle_free(&b);
	buf_free(&line);
}

/* Everything from "name":[ to the bracket's end replaced by an empty array. */
static void
no_signature(void **state)
{
	struct bundle b = sample_bundle(span_str(STATEMENT), true);
	struct buf line = sample_bundle_line(&b), cut, other;
	static const char head[] = "\"signatures\":[";
	const uint8_t *at = memmem(line.p, line.len, head, strlen(head));

	(void)state;
	assert_non_null(at);
	assert_ok(buf_copy(&cut, span_of(line.p, (size_t)(at - line.p))));
	other = wrong_make(buf_span(&cut), NULL, "\"signatures\":[]}}");
	assert_int_equal(decode(buf_span(&other)), AC_ERR_FORMAT);
	buf_free(&other);
	buf_free(&cut);
	buf_free(&line);
	bundle_free(&b);
}

static void
two_entries(void **state)
{
	struct bundle b = sample_bundle(span_str(STATEMENT), true);
	struct buf line = sample_bundle_line(&b), to;
	struct writer w;

	(void)state;
	wr_init(&w, MIB);
	wr_str(&w, "\"tlogEntries\":[");
	bundle_write_entry(&w, &b.entry);
	wr_u8(&w, ',');
	assert_ok(wr_end(&w, &to));
	check_refused(buf_span(&line), "\"tlogEntries\":[",
	    (const char *)to.p);
	buf_free(&to);
	buf_free(&line);
	bundle_free(&b);
}

static void
limits(void **state)
{
	struct bundle b = sample_bundle(span_str(STATEMENT), true);
	struct bundle again = { 0 };
	struct buf line, other;

	(void)state;
	b.entry.nproof = MERKLE_PROOF_MAX;
	b.entry.size = b.entry.index = b.entry.top_index = MERKLE_SIZE_MAX;
	line = sample_bundle_line(&b);
	assert_ok(bundle_decode(&again, buf_span(&line), strlen(STATEMENT)));
	assert_true(same(&b, &again));
	bundle_free(&again);
	/* A payload of one byte more than the caller allows. */
	assert_int_equal(bundle_decode(&again, buf_span(&line),
	    strlen(STATEMENT) - 1), AC_ERR_LIMIT);
	other = wrong_make(buf_span(&line), "\"hashes\":[",
	    "\"hashes\":[\"" ZEROS "\",");
	assert_int_equal(decode(buf_span(&other)), AC_ERR_LIMIT);
	buf_free(&other);
	buf_free(&line);
	bundle_free(&b);
}

static void
untouched_on_failure(void **state)
{
	struct bundle b = sample_bundle(span_str(STATEMENT), true);
	struct buf line = sample_bundle_line(&b);
	struct bundle out = { .siglen = 7 };

	(void)state;
	assert_int_equal(bundle_decode(&out, span_of(line.p, line.len - 1),
	    100), AC_ERR_FORMAT);
	assert_int_equal(out.siglen, 7);
	assert_null(out.statement.p);
	bundle_free(&b);
	buf_free(&line);
}

/* Every bit counts: a flip is refused, or it is another value. */
static void
bit_flips(void **state)
{
	struct bundle right = sample_bundle(span_str(STATEMENT), true);
	struct buf line = sample_bundle_line(&right);
	size_t decoded = 0;

	(void)state;
	for (size_t i = 0; i < 8 * line.len; i++) {
		struct bundle other = { 0 };

		line.p[i / 8] ^= (uint8_t)(1U << i % 8);
		if (bundle_decode(&other, buf_span(&line), 100) == AC_OK) {
			decoded++;
			if (same(&right, &other))
				fail_msg("bit %zu of byte %zu does not count",
				    i % 8, i / 8);
		}
		bundle_free(&other);
		line.p[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	print_message("%zu flips, %zu of them another bundle\n", 8 * line.len,
	    decoded);
	buf_free(&line);
	bundle_free(&right);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(integrated_time_may_be_absent),
		cmocka_unit_test(members),
		cmocka_unit_test(refused),
		cmocka_unit_test(no_signature),
		cmocka_unit_test(two_entries),
		cmocka_unit_test(limits),
		cmocka_unit_test(untouched_on_failure),
		cmocka_unit_test(bit_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
