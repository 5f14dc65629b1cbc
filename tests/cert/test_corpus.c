/*
 * The Sigstore vectors of the shared corpus, byte for byte; of its negatives,
 * which the form alone refuses and what shows the others to the verifier.
 */
#include <cjson/cJSON.h>

#include "cert/bundle.h"
#include "cert/checkpoint.h"
#include "cert/dsse.h"
#include "cert/leaf.h"
#include "cert/note.h"
#include "cert/oms.h"
#include "cert/statement.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "tests/test.h"

#define VECTORS AICERT_CORPUS "/sigstore/vectors.json"
#define VECTORS_MAX (8 * MIB)

static cJSON *root;

/* The value at a path of names and, for arrays, indices: "leaves.3.D_hex". */
static const cJSON *
at(const cJSON *from, const char *path)
{
	char word[64];

	while (from != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");

		assert_true(n < sizeof(word));
		memcpy(word, path, n);
		word[n] = '\0';
		from = cJSON_IsArray(from) ?
		    cJSON_GetArrayItem(from, (int)strtol(word, NULL, 10)) :
		    cJSON_GetObjectItemCaseSensitive(from, word);
		path += n + (path[n] == '.');
	}
	if (from == NULL)
		fail_msg("the vectors lack %s", path);
	return from;
}

static struct span
text(const cJSON *from, const char *path)
{
	const cJSON *j = at(from, path);

	assert_true(cJSON_IsString(j));
	return span_str(j->valuestring);
}

static struct digest
hex(const cJSON *from, const char *path)
{
	struct digest d = { { 0 } };

	assert_true(text_unhex_digest(&d, text(from, path)));
	return d;
}

/* The bytes of a base64 string, owned. */
static struct buf
base64(const cJSON *from, const char *path)
{
	struct span s = text(from, path);
	struct buf b = { malloc(s.len / 4 * 3 + 1), 0 };

	assert_non_null(b.p);
	assert_true(text_unbase64(b.p, &b.len, s));
	return b;
}

static void
assert_same(struct span got, struct span want)
{
	if (!span_equal(got, want))
		fail_msg("got  %.*s\nwant %.*s", (int)got.len,
		    (const char *)got.p, (int)want.len, (const char *)want.p);
}

static void
assert_digest(struct digest got, struct digest want)
{
	assert_memory_equal(got.b, want.b, sizeof(want.b));
}

static struct spki
builder(const char *name)
{
	struct spki key = { { 0 } };
	struct buf der = base64(at(at(root, "keys"), name), "spki_b64");

	assert_true(spki_parse(&key, buf_span(&der)));
	buf_free(&der);
	return key;
}

static struct note_key
note_key(const char *name, const char *member, uint8_t type)
{
	const cJSON *k = at(at(root, "keys"), name);
	struct note_key key = { .type = type };
	struct span s = text(k, member);

	assert_true(s.len < sizeof(key.name));
	memcpy(key.name, s.p, s.len);
	assert_true(text_unhex(key.pub, sizeof(key.pub),
	    text(k, "public_hex")));
	return key;
}

static struct note_key
log_key(void)
{
	return note_key("log", "noteName", NOTE_ED25519);
}

static void
builder_keys(void **state)
{
	static const char *const names[] = { "builder", "otherBuilder" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const cJSON *k = at(at(root, "keys"), names[i]);
		struct spki key = builder(names[i]), again = { { 0 } };
		char pem[SPKI_PEM_LEN + 1];

		spki_pem(pem, &key);
		assert_same(span_str(pem), text(k, "pem"));
		assert_true(spki_from_pem(&again, text(k, "pem")));
		assert_memory_equal(again.b, key.b, SPKI_LEN);
	}
}

static void
hints(void **state)
{
	const cJSON *k = at(root, "keys.builder");
	struct spki key = builder("builder");
	uint8_t point[SPKI_POINT_LEN];
	char hint[SPKI_HINT_MAX];
	struct spki again;

	(void)state;
	assert_digest(spki_digest(&key), hex(k, "sha256Spki_hex"));
	spki_hint(hint, &key);
	assert_same(span_str(hint), text(k, "hintCosign"));
	spki_hint_oms(hint, &key);
	assert_same(span_str(hint), text(k, "hintModelSigning"));
	assert_true(text_unhex(point, sizeof(point),
	    text(k, "uncompressedPoint_hex")));
	spki_from_point(&again, point);
	assert_memory_equal(again.b, key.b, SPKI_LEN);
}

static void
assert_key_id(const struct note_key *key, struct span want)
{
	uint8_t id[4], expected[4];

	note_key_id(id, key);
	assert_true(text_unhex(expected, sizeof(expected), want));
	assert_memory_equal(id, expected, sizeof(id));
}

static void
note_keys(void **state)
{
	struct note_key log = log_key(), again;
	struct note_key time = note_key("logTime", "name", NOTE_COSIGNATURE);
	struct note_key witness = note_key("witness", "name",
	    NOTE_COSIGNATURE);
	struct digest log_id;
	struct writer w;
	struct buf vkey;

	(void)state;
	assert_digest(note_key_hash(&log),
	    hex(root, "keys.log.noteKeyHashFull_hex"));
	assert_true(text_unbase64_exact(log_id.b, sizeof(log_id.b),
	    text(root, "keys.log.logId_b64")));
	assert_digest(note_key_hash(&log), log_id);
	assert_key_id(&log, text(root, "keys.log.noteKeyId_hex"));
	assert_key_id(&time, text(root, "keys.logTime.noteKeyId_hex"));
	assert_key_id(&witness, text(root, "keys.witness.noteKeyId_hex"));
	wr_init(&w, 1000);
	note_key_write(&w, &log);
	assert_ok(wr_end(&w, &vkey));
	assert_same(buf_span(&vkey), text(root, "keys.log.vkey"));
	assert_ok(note_key_parse(&again, buf_span(&vkey)));
	assert_string_equal(again.name, log.name);
	assert_memory_equal(again.pub, log.pub, sizeof(log.pub));
	buf_free(&vkey);
}

static void
leaves(void **state)
{
	const cJSON *list = at(root, "leaves");
	int n = cJSON_GetArraySize(list);

	(void)state;
	assert_int_equal(n, 5);
	for (int i = 0; i < n; i++) {
		const cJSON *v = cJSON_GetArrayItem(list, i);
		struct buf s = base64(v, "statement_b64"), body;
		struct buf pae = base64(v, "pae_b64");
		struct buf sig = base64(v, "signatureDer_b64");
		struct spki key = builder(at(v, "signedBy")->valuestring);
		struct digest d = dsse_digest(buf_span(&s));
		struct statement st = { 0 };

		assert_digest(sha256_of(buf_span(&s)),
		    hex(v, "statement_sha256_hex"));
		assert_digest(d, hex(v, "D_hex"));
		assert_digest(sha256_of(buf_span(&pae)), d);
		assert_ok(leaf_encode(&body, &d, buf_span(&sig), &key));
		assert_same(buf_span(&body), text(v, "body_utf8"));
		assert_digest(merkle_leaf(buf_span(&body)),
		    hex(v, "leafHash_hex"));
		assert_ok(statement_decode(&st, buf_span(&s)));
		statement_free(&st);
		buf_free(&body);
		buf_free(&sig);
		buf_free(&pae);
		buf_free(&s);
	}
}

static void
checkpoint(void **state)
{
	const cJSON *v = at(root, "checkpoint");
	struct checkpoint c = { 0 }, head = { span_str("log.example.org"), 5,
		hex(root, "roots_hex.5") };
	struct writer w;
	struct buf b;

	(void)state;
	wr_init(&w, NOTE_MAX);
	checkpoint_write(&w, &head);
	assert_ok(wr_end(&w, &b));
	assert_same(buf_span(&b), text(v, "text_utf8"));
	assert_ok(checkpoint_parse(&c, buf_span(&b)));
	assert_same(c.origin, head.origin);
	assert_int_equal(c.size, 5);
	assert_digest(c.root, head.root);
	buf_free(&b);
}

/* From its text and the raw signatures, the signed note again. */
static void
signed_note(void **state)
{
	const cJSON *v = at(root, "checkpoint");
	struct note_key key[3] = { log_key(),
		note_key("logTime", "name", NOTE_COSIGNATURE),
		note_key("witness", "name", NOTE_COSIGNATURE) };
	struct buf sig = base64(v, "logSignature_b64"), b;
	struct buf raw = base64(v, "signedNote_b64");
	struct note note;
	struct writer w;

	(void)state;
	assert_same(buf_span(&raw), text(v, "signedNote_utf8"));
	assert_ok(note_parse(&note, buf_span(&raw)));
	assert_same(note.text, text(v, "text_utf8"));
	assert_int_equal(note.nsignatures, 3);
	assert_int_equal(sig.len, 64);
	wr_init(&w, NOTE_MAX);
	wr_bytes(&w, text(v, "text_utf8"));
	wr_u8(&w, '\n');
	note_signature_write(&w, &key[0], 0, sig.p);
	for (size_t i = 1; i < 3; i++) {
		uint8_t timed[72];
		uint64_t time = (uint64_t)at(at(v, "cosignatures"),
		    i == 1 ? "0.time" : "1.time")->valuedouble;

		assert_true(note_signature_is_by(&note.signature[i], &key[i]));
		assert_true(note_signature_bytes(timed, sizeof(timed),
		    &note.signature[i]));
		note_signature_write(&w, &key[i], time, timed + 8);
	}
	assert_ok(wr_end(&w, &b));
	assert_same(buf_span(&b), buf_span(&raw));
	buf_free(&b);
	buf_free(&raw);
	buf_free(&sig);
}

static void
cosignature_messages(void **state)
{
	const cJSON *list = at(root, "checkpoint.cosignatures"), *v;
	struct writer w;
	struct buf b;

	(void)state;
	assert_int_equal(cJSON_GetArraySize(list), 2);
	wr_init(&w, NOTE_MAX);
	cJSON_ArrayForEach(v, list) {
		checkpoint_cosigned(&w, (uint64_t)at(v, "time")->valuedouble,
		    text(root, "checkpoint.text_utf8"));
		assert_ok(wr_end(&w, &b));
		assert_same(buf_span(&b), text(v, "message_utf8"));
		buf_free(&b);
	}
}

static void
bundle_line(void **state)
{
	struct span line = text(root, "bundle_index3_line");
	struct buf statement = base64(root, "leaves.3.statement_b64");
	struct bundle b = { 0 };
	struct writer w;
	struct buf again;

	(void)state;
	assert_ok(bundle_decode(&b, line, STATEMENT_MAX));
	assert_same(buf_span(&b.statement), buf_span(&statement));
	assert_true(b.logged);
	assert_int_equal(b.entry.index, 3);
	assert_int_equal(b.entry.size, 5);
	assert_int_equal(b.entry.nproof, 3);
	assert_digest(b.entry.root, hex(root, "roots_hex.5"));
	assert_same(buf_span(&b.entry.body), text(root, "leaves.3.body_utf8"));
	assert_same(buf_span(&b.entry.checkpoint),
	    text(root, "checkpoint.signedNote_utf8"));
	wr_init(&w, CERTIFICATE_MAX);
	bundle_write(&w, &b);
	assert_ok(wr_end(&w, &again));
	assert_same(buf_span(&again), line);
	buf_free(&again);
	buf_free(&statement);
	bundle_free(&b);
}

/* Its ignore list is the one before ".cache/huggingface" joined ours. */
static void
model_sig(void **state)
{
	static const char *const ignore[] = { "model.sig", "aicert.jsonl",
		".git", ".gitattributes", ".github", ".gitignore" };
	const cJSON *v = at(root, "modelSig"), *f;
	struct buf want = base64(v, "statement_b64"), s;
	struct oms_file file[8];
	struct oms o = { 0 };
	size_t n = 0;

	(void)state;
	cJSON_ArrayForEach(f, at(v, "files")) {
		assert_true(n < 8);
		file[n++] = (struct oms_file){ span_str(f->string),
			sha256_of(span_str(f->valuestring)), 0 };
	}
	qsort(file, n, sizeof(file[0]), oms_compare);
	assert_digest(oms_root(file, n), hex(v, "root_hex"));
	assert_ok(oms_encode(&s, file, n, ignore, 6));
	assert_same(buf_span(&s), buf_span(&want));
	assert_digest(dsse_digest(buf_span(&s)), hex(v, "D_hex"));
	/* A list that lacks one of our paths is as good. */
	assert_ok(oms_decode(&o, buf_span(&s)));
	assert_digest(o.root, hex(v, "root_hex"));
	oms_free(&o);
	buf_free(&s);
	/* The same files under our list. */
	assert_int_equal(OMS_NIGNORE, 7);
	assert_string_equal(oms_ignore[2], ".cache/huggingface");
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(oms_ignore[i < 2 ? i : i + 1], ignore[i]);
	assert_ok(oms_encode(&s, file, n, oms_ignore, OMS_NIGNORE));
	assert_ok(oms_decode(&o, buf_span(&s)));
	assert_digest(o.root, hex(v, "root_hex"));
	oms_free(&o);
	buf_free(&s);
	buf_free(&want);
}

/* A bundle of the vectors as the line it stands for; freed by cJSON_free. */
static char *
line_of(const cJSON *bundle)
{
	char *line = cJSON_PrintUnformatted(bundle);

	assert_non_null(line);
	return line;
}

static void
model_sig_bundle(void **state)
{
	const cJSON *v = at(root, "modelSig.bundle");
	char *line = line_of(v);
	struct bundle b = { 0 };
	struct writer w;
	struct buf again;

	(void)state;
	assert_ok(bundle_decode(&b, span_str(line), OMS_STATEMENT_MAX));
	assert_same(span_str(b.hint),
	    text(root, "keys.builder.hintModelSigning"));
	assert_string_equal(b.keyid, "");
	assert_false(b.logged);
	wr_init(&w, MODEL_SIG_MAX);
	bundle_write(&w, &b);
	assert_ok(wr_end(&w, &again));
	assert_same(buf_span(&again), span_str(line));
	buf_free(&again);
	bundle_free(&b);
	cJSON_free(line);
}

/* What shows that a bundle is wrong, in the order in which it is asked. */
enum shown {
	BY_FORM,     /* the decoder refuses it */
	BY_ABSENCE,  /* it is not logged */
	BY_LEAF,     /* the body is not that of this D, signature and key */
	BY_INDEX,    /* the two indices differ */
	BY_HEAD,     /* root or size are not the checkpoint's */
	BY_LOG,      /* origin, logId or the log's line are not the key's */
	BY_MATHS,    /* only a hash or signature can tell */
};

static bool
has_line_by(const struct note *note, const struct note_key *key)
{
	for (size_t i = 0; i < note->nsignatures; i++)
		if (note_signature_is_by(&note->signature[i], key))
			return true;
	return false;
}

static enum shown
shown_in(const struct bundle *b)
{
	struct digest d = dsse_digest(buf_span(&b->statement)), id;
	struct note_key log = log_key();
	struct spki key = builder("builder");
	struct checkpoint c;
	struct note note;
	struct buf body;
	bool same;

	if (!b->logged)
		return BY_ABSENCE;
	assert_ok(leaf_encode(&body, &d, span_of(b->sig, b->siglen), &key));
	same = span_equal(buf_span(&body), buf_span(&b->entry.body));
	buf_free(&body);
	if (!same)
		return BY_LEAF;
	if (b->entry.index != b->entry.top_index)
		return BY_INDEX;
	assert_ok(note_parse(&note, buf_span(&b->entry.checkpoint)));
	assert_ok(checkpoint_parse(&c, note.text));
	if (c.size != b->entry.size || !digest_equal(&c.root, &b->entry.root))
		return BY_HEAD;
	id = note_key_hash(&log);
	if (!span_is(c.origin, log.name) || !has_line_by(&note, &log) ||
	    !digest_equal(&id, &b->entry.log_id))
		return BY_LOG;
	return BY_MATHS;
}

static enum shown
shown_in_line(const char *line)
{
	struct bundle b = { 0 };
	enum shown shown;

	if (bundle_decode(&b, span_str(line), STATEMENT_MAX) != AC_OK)
		return BY_FORM;
	shown = shown_in(&b);
	bundle_free(&b);
	return shown;
}

static void
negatives(void **state)
{
	static const struct {
		const char *name;
		enum shown shown;
	} want[] = {
		{ "leaf-other-D", BY_LEAF },
		{ "leaf-sha256-of-payload-not-PAE", BY_LEAF },
		{ "leaf-other-signature", BY_LEAF },
		{ "leaf-other-key", BY_LEAF },
		{ "leaf-other-keyDetails", BY_LEAF },
		{ "leaf-not-canonical", BY_LEAF },
		{ "proof-index-wrong", BY_INDEX },
		{ "top-index-wrong", BY_INDEX },
		{ "both-indexes-wrong", BY_MATHS },
		{ "other-log-key", BY_LOG },
		{ "proof-bit-flipped", BY_MATHS },
		{ "proof-rootHash-wrong", BY_HEAD },
		{ "proof-treeSize-wrong", BY_HEAD },
		{ "checkpoint-origin-not-key-name", BY_LOG },
		{ "only-cosignatures-no-log-line", BY_LOG },
		{ "payload-changed", BY_LEAF },
		{ "envelope-signature-by-other-key", BY_LEAF },
		{ "entry-logId-wrong", BY_LOG },
		{ "entry-of-another-statement", BY_LEAF },
		{ "no-entries", BY_ABSENCE },
		{ "two-signatures", BY_FORM },
	};
	const cJSON *list = at(root, "negatives");
	int n = cJSON_GetArraySize(list);

	(void)state;
	assert_int_equal(n, sizeof(want) / sizeof(want[0]));
	for (int i = 0; i < n; i++) {
		const cJSON *v = cJSON_GetArrayItem(list, i);
		char *line = line_of(at(v, "bundle"));
		enum shown shown = shown_in_line(line);

		assert_same(text(v, "name"), span_str(want[i].name));
		if (shown != want[i].shown)
			fail_msg("%s: shown by %d, expected %d", want[i].name,
			    (int)shown, (int)want[i].shown);
		cJSON_free(line);
	}
	/* The right one shows nothing here. */
	assert_int_equal(shown_in_line(
	    at(root, "bundle_index3_line")->valuestring), BY_MATHS);
}

/* A well-formed bundle of a log whose origin is none of ours. */
static void
origin_with_path(void **state)
{
	char *line = line_of(at(root, "originWithPath.bundle"));
	struct bundle b = { 0 };
	struct checkpoint c;
	struct note note;

	(void)state;
	assert_ok(bundle_decode(&b, span_str(line), STATEMENT_MAX));
	assert_ok(note_parse(&note, buf_span(&b.entry.checkpoint)));
	assert_ok(checkpoint_parse(&c, note.text));
	assert_same(c.origin, span_str("log.example.org/aicert"));
	assert_false(checkpoint_origin_is_host(c.origin));
	bundle_free(&b);
	cJSON_free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(builder_keys),
		cmocka_unit_test(hints),
		cmocka_unit_test(note_keys),
		cmocka_unit_test(leaves),
		cmocka_unit_test(checkpoint),
		cmocka_unit_test(signed_note),
		cmocka_unit_test(cosignature_messages),
		cmocka_unit_test(bundle_line),
		cmocka_unit_test(model_sig),
		cmocka_unit_test(model_sig_bundle),
		cmocka_unit_test(negatives),
		cmocka_unit_test(origin_with_path),
	};
	struct buf file = { 0 };
	int failed;

	if (file_read(&file, VECTORS, VECTORS_MAX) != AC_OK) {
		(void)printf("skipped: %s cannot be read\n", VECTORS);
		return TEST_SKIPPED;
	}
	root = cJSON_ParseWithLength((const char *)file.p, file.len);
	buf_free(&file);
	if (root == NULL) {
		(void)printf("%s is not JSON\n", VECTORS);
		return 1;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	cJSON_Delete(root);
	return failed;
}
