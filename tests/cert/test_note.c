/* Signed notes and vkeys by C2SP signed-note. */
#include "cert/note.h"
#include "tests/cert/sample.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

#define DASH "\xe2\x80\x94 "
#define LINE DASH "a.example AAAAAAA=\n" /* five bytes: the shortest */

/* The key and the ID that the specification itself gives as an example. */
#define SPEC_KEY "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define SPEC_VKEY "example.com/foo+530d903a+" SPEC_KEY

static enum ac_err
parse(struct span bytes)
{
	struct note note;

	return note_parse(&note, bytes);
}

static void
parsed(void **state)
{
	struct buf b = sample_note();
	struct note_key key = { "log.example.org", NOTE_ED25519, { 1 } };
	struct note note;
	uint8_t sig[72];

	(void)state;
	assert_ok(note_parse(&note, buf_span(&b)));
	assert_int_equal(note.nsignatures, 2);
	assert_int_equal(note.text.p[note.text.len - 1], '\n');
	assert_int_equal(b.p[note.text.len], '\n');
	assert_true(span_is(note.signature[0].name, "log.example.org"));
	assert_true(note_signature_is_by(&note.signature[0], &key));
	assert_false(note_signature_is_by(&note.signature[1], &key));
	assert_true(note_signature_bytes(sig, 64, &note.signature[0]));
	assert_int_equal(sig[0], 0xab);
	assert_false(note_signature_bytes(sig, 72, &note.signature[0]));
	assert_true(note_signature_bytes(sig, 72, &note.signature[1]));
	assert_int_equal(sig[4] << 24 | sig[5] << 16 | sig[6] << 8 | sig[7],
	    1795000000);
	/* The same name with another key or type is another signer. */
	key.pub[0] ^= 1;
	assert_false(note_signature_is_by(&note.signature[0], &key));
	key.pub[0] ^= 1;
	key.type = NOTE_COSIGNATURE;
	assert_false(note_signature_is_by(&note.signature[0], &key));
	buf_free(&b);
}

static void
accepted(void **state)
{
	static const char *const right[] = {
		"text\n\n" LINE,
		"two\n\nparagraphs\n\n" LINE LINE,
		"\n\n" LINE,
		"three empty\n\n\n\n" LINE,
		"\xc3\xa9\n\n" DASH "\xc3\xa9/w AAAAAAA=\n",
		"text\n\n" DASH "a.example AAAAAAAA\n",
		/* The last empty line separates: the first line is text. */
		LINE "\n" LINE,
		"text\n\n" LINE "\n" LINE,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++) {
		if (parse(span_str(right[i])) != AC_OK)
			fail_msg("refused: %s", right[i]);
	}
}

static void
refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "no empty line", "\n\n", "\n", 0 },
		{ "no text", "text\n\n", "\n", 0 },
		{ "no signature", "\n\n" LINE LINE, "\n\n", 0 },
		{ "no text and no signature", "text\n\n" LINE LINE, "", 0 },
		{ "last line without line feed", "AAAA=\n" LINE,
		    "AAAA=\n" DASH "a.example AAAAAAA=", 0 },
		{ "empty line at the end", NULL, "\n", 0 },
		{ "text after the signatures", NULL, "more\n", 0 },
		{ "carriage return", "text", "text\r", 0 },
		{ "carriage return in a signature", "=\n", "=\r\n", 0 },
		{ "tab in the text", "text", "te\txt", 0 },
		{ "escape character in the text", "text", "te\x1bxt", 0 },
		{ "text not UTF-8", "text", "te\xffxt", 0 },
		{ "hyphen for the dash", DASH, "- ", 0 },
		{ "en dash", DASH, "\xe2\x80\x93 ", 0 },
		{ "no space after the dash", DASH, "\xe2\x80\x94", 0 },
		{ "two spaces after the dash", DASH, DASH " ", 0 },
		{ "no name", "a.example ", " ", 0 },
		{ "no name, one space", "a.example ", "", 0 },
		{ "name with plus", "a.example", "a+b", 0 },
		{ "name with a no-break space", "a.example", "a\xc2\xa0" "b",
		    0 },
		{ "name with an ideographic space", "a.example",
		    "a\xe3\x80\x80" "b", 0 },
		{ "name with a next-line", "a.example", "a\xc2\x85", 0 },
		{ "no base64", " AAAAAAA=", " ", 0 },
		{ "no space before base64", " AAAAAAA=", "", 0 },
		{ "two spaces before base64", " AAAAAAA=", "  AAAAAAA=", 0 },
		{ "space after base64", "AAAAAAA=", "AAAAAAA= ", 0 },
		{ "base64 without padding", "AAAAAAA=", "AAAAAAA", 0 },
		{ "base64 with spare bits", "AAAAAAA=", "AAAAAAB=", 0 },
		{ "base64 for URLs", "AAAAAAA=", "AAAAA_A=", 0 },
		{ "key ID only", "AAAAAAA=", "AAAAAA==", 0 },
		{ "three bytes", "AAAAAAA=", "AAAA", 0 },
	};

	(void)state;
	wrong_check(span_str("text\n\n" LINE LINE), wrong, COUNT(wrong),
	    parse);
	assert_int_equal(parse(span_of("a\0b\n\n" LINE, 5 + strlen(LINE))),
	    AC_ERR_FORMAT);
}

/* A note of n lines whose blobs have len bytes. */
static enum ac_err
parse_sized(size_t n, size_t len, size_t name)
{
	struct buf b = { 0 }, blob = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, MIB);
	for (size_t i = 0; i < len; i++)
		wr_u8(&w, 0x5a);
	assert_ok(wr_end(&w, &blob));
	wr_str(&w, "text\n\n");
	for (size_t i = 0; i < n; i++) {
		wr_str(&w, DASH);
		for (size_t k = 0; k < name; k++)
			wr_u8(&w, 'n');
		wr_u8(&w, ' ');
		wr_base64(&w, buf_span(&blob));
		wr_u8(&w, '\n');
	}
	assert_ok(wr_end(&w, &b));
	e = parse(buf_span(&b));
	buf_free(&blob);
	buf_free(&b);
	return e;
}

static void
limits(void **state)
{
	(void)state;
	assert_ok(parse_sized(NOTE_SIGNATURES_MAX, 68, 20));
	assert_int_equal(parse_sized(NOTE_SIGNATURES_MAX + 1, 68, 20),
	    AC_ERR_LIMIT);
	/* Sixteen lines of ML-DSA-44 must pass. */
	assert_ok(parse_sized(16, 2432, 20));
	assert_int_equal(parse_sized(1, NOTE_BLOB_MAX + 1, 20), AC_ERR_LIMIT);
	assert_int_equal(parse_sized(1, 90000, 20), AC_ERR_LIMIT);
	assert_int_equal(parse_sized(60, 2432, 20), AC_ERR_LIMIT);
	assert_ok(parse_sized(1, 68, NOTE_NAME_MAX));
	assert_int_equal(parse_sized(1, 68, NOTE_NAME_MAX + 1), AC_ERR_FORMAT);
}

static void
untouched_on_failure(void **state)
{
	struct note note = { .nsignatures = 7 };

	(void)state;
	assert_int_equal(note_parse(&note, span_str("a\n\n" LINE "x\n")),
	    AC_ERR_FORMAT);
	assert_int_equal(note.nsignatures, 7);
	assert_null(note.text.p);
}

static bool
same(const struct note *a, const struct note *b)
{
	if (!span_equal(a->text, b->text) || a->nsignatures != b->nsignatures)
		return false;
	for (size_t i = 0; i < a->nsignatures; i++)
		if (!span_equal(a->signature[i].name, b->signature[i].name) ||
		    !ac_equal(a->signature[i].id, b->signature[i].id, 4) ||
		    !span_equal(a->signature[i].blob, b->signature[i].blob))
			return false;
	return true;
}

/* Every bit counts: a flip is refused, or it is another note. */
static void
bit_flips(void **state)
{
	struct buf b = sample_note(), copy;
	struct note right, other;
	size_t decoded = 0;

	(void)state;
	assert_ok(buf_copy(&copy, buf_span(&b)));
	assert_ok(note_parse(&right, buf_span(&b)));
	for (size_t i = 0; i < 8 * b.len; i++) {
		copy.p[i / 8] ^= (uint8_t)(1U << i % 8);
		if (note_parse(&other, buf_span(&copy)) == AC_OK) {
			decoded++;
			if (same(&right, &other))
				fail_msg("bit %zu of byte %zu does not count",
				    i % 8, i / 8);
		}
		copy.p[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	print_message("%zu flips, %zu of them another note\n", 8 * b.len,
	    decoded);
	buf_free(&copy);
	buf_free(&b);
}

/* Cut off after a whole signature line it is a note; nowhere else. */
static void
truncated(void **state)
{
	struct buf b = sample_note();
	struct note note;
	size_t notes = 0;

	(void)state;
	for (size_t len = 0; len < b.len; len++)
		if (note_parse(&note, span_of(b.p, len)) == AC_OK) {
			assert_int_equal(b.p[len - 1], '\n');
			assert_int_equal(note.nsignatures, 1);
			notes++;
		}
	assert_int_equal(notes, 1);
	buf_free(&b);
}

static enum ac_err
parse_key(struct span vkey)
{
	struct note_key key;

	return note_key_parse(&key, vkey);
}

static void
vkey(void **state)
{
	struct note_key key;
	struct writer w;
	struct buf b;
	uint8_t id[4];

	(void)state;
	assert_ok(note_key_parse(&key, span_str(SPEC_VKEY)));
	assert_string_equal(key.name, "example.com/foo");
	assert_int_equal(key.type, NOTE_ED25519);
	note_key_id(id, &key);
	assert_memory_equal(id, "\x53\x0d\x90\x3a", 4);
	wr_init(&w, 1000);
	note_key_write(&w, &key);
	assert_ok(wr_end(&w, &b));
	assert_true(span_is(buf_span(&b), SPEC_VKEY));
	buf_free(&b);
	/* The type is part of the ID, and a cosigner's key round-trips. */
	key.type = NOTE_COSIGNATURE;
	note_key_write(&w, &key);
	assert_ok(wr_end(&w, &b));
	assert_false(span_is(buf_span(&b), SPEC_VKEY));
	assert_ok(parse_key(buf_span(&b)));
	buf_free(&b);
}

static void
vkey_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "reserved type 0x00", "+Aeky", "+AOky", AC_ERR_UNSUPPORTED },
		{ "ECDSA, type 0x02", "+Aeky", "+Auky", AC_ERR_UNSUPPORTED },
		{ "tree head, type 0x05", "+Aeky", "+Beky",
		    AC_ERR_UNSUPPORTED },
		{ "ML-DSA, type 0x06", "+Aeky", "+Buky", AC_ERR_UNSUPPORTED },
		{ "the other type under this ID", "+Aeky", "+BOky",
		    AC_ERR_MISMATCH },
		{ "another ID", "530d903a", "530d903b", AC_ERR_MISMATCH },
		{ "another name", "/foo", "/fop", AC_ERR_MISMATCH },
		{ "another key", "3U2k", "3U2l", AC_ERR_MISMATCH },
		{ "capital hex", "530d903a", "530D903A", 0 },
		{ "seven hex digits", "530d903a", "530d903", 0 },
		{ "nine hex digits", "530d903a", "0530d903a", 0 },
		{ "ID not hex", "530d903a", "530d903g", 0 },
		{ "no ID", "530d903a+", "", 0 },
		{ "no name", "example.com/foo", "", 0 },
		{ "space in the name", "/foo", "/f oo", 0 },
		{ "plus in the name", "/foo", "/f+oo", 0 },
		{ "control character in the name", "/foo", "/f\x01oo", 0 },
		{ "name not UTF-8", "/foo", "/f\xffoo", 0 },
		{ "no key", SPEC_KEY, "", 0 },
		{ "a type only", SPEC_KEY, "AQ==", 0 },
		{ "a key too short", "3U2k", "", 0 },
		{ "a key too long", NULL, "AAAA", 0 },
		{ "padding too much", NULL, "=", 0 },
		{ "line feed at the end", NULL, "\n", 0 },
		{ "space at the end", NULL, " ", 0 },
		{ "space at the start", "example", " example", 0 },
	};

	(void)state;
	wrong_check(span_str(SPEC_VKEY), wrong, COUNT(wrong), parse_key);
	wrong_check_truncated(span_str(SPEC_VKEY), parse_key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsed),
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(untouched_on_failure),
		cmocka_unit_test(bit_flips),
		cmocka_unit_test(truncated),
		cmocka_unit_test(vkey),
		cmocka_unit_test(vkey_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
