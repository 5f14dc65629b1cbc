/*
 * Steps 3 to 5 against the Sigstore vectors: the good bundle, every wrong one
 * at the step that must refuse it, and every single-bit flip and truncation of
 * the good one.
 */
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "cert/dsse.h"
#include "common/file.h"
#include "common/text.h"
#include "tests/test.h"
#include "verifier/entry.h"

#define VECTORS AICERT_CORPUS "/sigstore/vectors.json"

/* Where a line is refused; 1 and 2 are format and signature. */
enum step { ACCEPTED = 0, FORMAT, SIGNATURE, LEAF, INCLUSION, CHECKPOINT };

static cJSON *vectors;
static struct spki builder;
static struct note_key log_key;

static const cJSON *
member(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	assert_non_null(v);
	return v;
}

/* Exactly the note's log key: another one of the same log is no help. */
static enum step
judge(struct span text, struct message *why)
{
	struct certificate_line line = { .raw = text };
	enum step at = FORMAT;
	struct spki key;

	why->text[0] = '\0';
	if (bundle_decode(&line.bundle, text, STATEMENT_MAX) != AC_OK)
		return FORMAT;
	line.d = dsse_digest(buf_span(&line.bundle.statement));
	if (certificate_check_line(&key, &line, why) != AC_OK ||
	    memcmp(key.b, builder.b, SPKI_LEN) != 0)
		at = SIGNATURE;
	else if (entry_check_leaf(&line, &builder, why) != AC_OK)
		at = LEAF;
	else if (entry_check_inclusion(&line, why) != AC_OK)
		at = INCLUSION;
	else if (entry_check_checkpoint(&line, &log_key, why) != AC_OK)
		at = CHECKPOINT;
	else
		at = ACCEPTED;
	bundle_free(&line.bundle);
	return at;
}

static void
good(void **state)
{
	const char *line = member(vectors, "bundle_index3_line")->valuestring;
	struct message why;

	(void)state;
	assert_int_equal(judge(span_str(line), &why), ACCEPTED);
}

/* A part of the sentence too: refused, and for its own reason. */
static void
negatives(void **state)
{
	static const struct {
		const char *name;
		enum step at;
		const char *says;
	} wanted[] = {
		{ "leaf-other-D", LEAF, "another statement" },
		{ "leaf-sha256-of-payload-not-PAE", LEAF, "another statement" },
		{ "leaf-other-signature", LEAF, "another signature" },
		{ "leaf-other-key", LEAF, "another key" },
		{ "leaf-other-keyDetails", LEAF, "canonical form" },
		{ "leaf-not-canonical", LEAF, "canonical form" },
		{ "proof-index-wrong", INCLUSION, "two places" },
		{ "top-index-wrong", INCLUSION, "two places" },
		{ "both-indexes-wrong", INCLUSION, "" },
		{ "other-log-key", CHECKPOINT, "" },
		{ "proof-bit-flipped", INCLUSION, "does not lead" },
		{ "proof-rootHash-wrong", INCLUSION, "rootHash" },
		{ "proof-treeSize-wrong", INCLUSION, "treeSize" },
		{ "checkpoint-origin-not-key-name", CHECKPOINT, "is of the log" },
		{ "only-cosignatures-no-log-line", CHECKPOINT, "no signature" },
		{ "payload-changed", SIGNATURE, "" },
		{ "envelope-signature-by-other-key", SIGNATURE, "" },
		{ "entry-logId-wrong", CHECKPOINT, "logId" },
		{ "entry-of-another-statement", LEAF, "another statement" },
		{ "no-entries", LEAF, "not logged" },
		{ "two-signatures", FORMAT, "" },
	};
	const cJSON *list = member(vectors, "negatives"), *v;
	size_t n = 0;

	(void)state;
	cJSON_ArrayForEach(v, list) {
		const char *name = member(v, "name")->valuestring;
		char *text = cJSON_PrintUnformatted(member(v, "bundle"));
		struct message why;
		enum step at;
		size_t i = 0;

		assert_non_null(text);
		while (i < sizeof(wanted) / sizeof(wanted[0]) &&
		    strcmp(wanted[i].name, name) != 0)
			i++;
		if (i == sizeof(wanted) / sizeof(wanted[0]))
			fail_msg("no verdict known for %s", name);
		at = judge(span_str(text), &why);
		if (at != wanted[i].at || strstr(why.text, wanted[i].says) == NULL)
			fail_msg("%s: refused at %d with \"%s\"", name, at,
			    why.text);
		free(text);
		n++;
	}
	assert_int_equal(n, sizeof(wanted) / sizeof(wanted[0]));
}

/* Does the flip only touch a cosignature line, which nobody here judges? */
static bool
in_cosignature(const char *line, size_t at)
{
	const char *from = strstr(line, "\xe2\x80\x94 log.example.org/time ");
	const char *to = from == NULL ? NULL : strstr(from, "\"}}");

	assert_non_null(to);
	return line + at >= from && line + at < to;
}

static void
every_bit(void **state)
{
	const char *line = member(vectors, "bundle_index3_line")->valuestring;
	size_t n = strlen(line), accepted = 0;
	struct message why;
	char *copy = strdup(line);

	(void)state;
	assert_non_null(copy);
	for (size_t i = 0; i < n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			copy[i] = (char)(line[i] ^ (1 << bit));
			if (judge(span_of(copy, n), &why) == ACCEPTED) {
				if (!in_cosignature(line, i))
					fail_msg("bit %u of byte %zu (%c)", bit,
					    i, line[i]);
				accepted++;
			}
		}
		copy[i] = line[i];
	}
	/* Signatures of unknown keys are ignored, as C2SP says. */
	assert_true(accepted > 0);
	for (size_t i = 0; i < n; i++)
		assert_int_not_equal(judge(span_of(line, i), &why), ACCEPTED);
	free(copy);
}

/* Proofs that are too short and too long; an entry beyond the tree. */
static void
proof_length(void **state)
{
	const char *text = member(vectors, "bundle_index3_line")->valuestring;
	struct certificate_line line = { .raw = span_str(text) };
	struct bundle_entry *entry = &line.bundle.entry;
	struct message why;
	size_t n;

	(void)state;
	assert_ok(bundle_decode(&line.bundle, line.raw, STATEMENT_MAX));
	n = entry->nproof;
	entry->nproof = n - 1;
	assert_int_equal(entry_check_inclusion(&line, &why), AC_ERR_FORMAT);
	entry->nproof = n + 1;
	entry->proof[n] = entry->proof[n - 1];
	assert_int_equal(entry_check_inclusion(&line, &why), AC_ERR_FORMAT);
	entry->nproof = 0;
	assert_int_equal(entry_check_inclusion(&line, &why), AC_ERR_FORMAT);
	entry->nproof = n;
	assert_ok(entry_check_inclusion(&line, &why));
	entry->index = entry->top_index = entry->size;
	assert_int_equal(entry_check_inclusion(&line, &why), AC_ERR_FORMAT);
	bundle_free(&line.bundle);
}

/* A wrong line by the log's key beside the right one; other log keys. */
static void
log_keys(void **state)
{
	const char *text = member(vectors, "bundle_index3_line")->valuestring;
	struct certificate_line line = { .raw = span_str(text) };
	struct note_key other = log_key;
	struct buf good_note, note;
	struct message why;
	struct writer w;
	uint8_t sig[64] = { 7 };

	(void)state;
	assert_ok(bundle_decode(&line.bundle, line.raw, STATEMENT_MAX));
	good_note = line.bundle.entry.checkpoint;
	wr_init(&w, NOTE_MAX);
	wr_bytes(&w, buf_span(&good_note));
	note_signature_write(&w, &log_key, 0, sig);
	assert_ok(wr_end(&w, &note));
	line.bundle.entry.checkpoint = note;
	assert_int_equal(entry_check_checkpoint(&line, &log_key, &why),
	    AC_ERR_MISMATCH);
	assert_non_null(strstr(why.text, "does not hold"));
	buf_free(&note);
	line.bundle.entry.checkpoint = good_note;
	assert_ok(entry_check_checkpoint(&line, &log_key, &why));

	other.type = NOTE_COSIGNATURE;
	assert_int_equal(entry_check_checkpoint(&line, &other, &why),
	    AC_ERR_MISMATCH);
	other = log_key;
	other.pub[0] ^= 1;
	assert_int_equal(entry_check_checkpoint(&line, &other, &why),
	    AC_ERR_MISMATCH);
	other = log_key;
	other.name[0] = 'L';
	assert_int_equal(entry_check_checkpoint(&line, &other, &why),
	    AC_ERR_MISMATCH);

	line.bundle.logged = false;
	assert_int_equal(entry_check_leaf(&line, &builder, &why),
	    AC_ERR_NOT_FOUND);
	assert_int_equal(entry_check_inclusion(&line, &why), AC_ERR_NOT_FOUND);
	assert_int_equal(entry_check_checkpoint(&line, &log_key, &why),
	    AC_ERR_NOT_FOUND);
	bundle_free(&line.bundle);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(negatives),
		cmocka_unit_test(every_bit),
		cmocka_unit_test(proof_length),
		cmocka_unit_test(log_keys),
	};
	const cJSON *keys;
	struct buf text;
	struct stat st;
	int failed;

	if (stat(VECTORS, &st) != 0) {
		(void)printf("skipped: no %s\n", VECTORS);
		return TEST_SKIPPED;
	}
	if (file_read(&text, VECTORS, 16 * MIB) != AC_OK ||
	    (vectors = cJSON_ParseWithLength((char *)text.p, text.len)) == NULL)
		return 1;
	buf_free(&text);
	keys = cJSON_GetObjectItemCaseSensitive(vectors, "keys");
	if (!spki_from_pem(&builder, span_str(member(member(keys, "builder"),
	    "pem")->valuestring)) ||
	    note_key_parse(&log_key, span_str(member(member(keys, "log"),
	    "vkey")->valuestring)) != AC_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	cJSON_Delete(vectors);
	return failed;
}
