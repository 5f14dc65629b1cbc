/* Private keys of notes: what is made is read, and its lines hold. */
#include <sodium.h>

#include "cert/checkpoint.h"
#include "cert/notekey.h"
#include "tests/test.h"

#define TEXT "log.example.org\n1\n\
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

/* The note of TEXT with one line by k at time. */
static struct buf
signed_note(const struct notekey *k, uint64_t time)
{
	struct buf out = { 0 };
	struct writer w;

	wr_init(&w, NOTE_MAX);
	wr_str(&w, TEXT "\n");
	assert_ok(notekey_sign(&w, k, span_str(TEXT), time));
	assert_ok(wr_end(&w, &out));
	return out;
}

static void
round_trip(void **state)
{
	static const uint8_t types[] = { NOTE_ED25519, NOTE_COSIGNATURE };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf text = { 0 }, note = { 0 }, message = { 0 };
		struct notekey *k = NULL;
		struct note_key pub;
		uint8_t raw[72];
		struct note n;
		struct writer w;

		assert_ok(notekey_generate(&text, &pub, "w.example.org/1",
		    types[i]));
		assert_ok(notekey_parse(&k, buf_span(&text)));
		assert_memory_equal(notekey_public(k)->pub, pub.pub, 32);
		assert_string_equal(notekey_public(k)->name, pub.name);
		assert_int_equal(notekey_public(k)->type, types[i]);
		note = signed_note(k, 1234);
		assert_ok(note_parse(&n, buf_span(&note)));
		assert_int_equal(n.nsignatures, 1);
		assert_true(note_signature_is_by(&n.signature[0], &pub));
		wr_init(&w, NOTE_MAX);
		if (types[i] == NOTE_ED25519) {
			assert_true(note_signature_bytes(raw + 8, 64,
			    &n.signature[0]));
			wr_str(&w, TEXT);
		} else {
			assert_true(note_signature_bytes(raw, 72,
			    &n.signature[0]));
			checkpoint_cosigned(&w, 1234, span_str(TEXT));
		}
		assert_ok(wr_end(&w, &message));
		assert_int_equal(crypto_sign_verify_detached(raw + 8,
		    message.p, message.len, pub.pub), 0);
		buf_free(&message);
		buf_free(&note);
		buf_free(&text);
		notekey_free(k);
	}
}

/* Every truncation and every changed bit of a key file is refused. */
static void
damaged(void **state)
{
	struct buf text = { 0 };
	struct notekey *k = NULL;
	struct note_key pub;

	(void)state;
	assert_ok(notekey_generate(&text, &pub, "w", NOTE_COSIGNATURE));
	for (size_t n = 0; n < text.len; n++)
		assert_int_equal(notekey_parse(&k, span_of(text.p, n)),
		    AC_ERR_FORMAT);
	for (size_t i = 0; i < 8 * text.len; i++) {
		text.p[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(notekey_parse(&k, buf_span(&text)),
		    AC_ERR_FORMAT);
		text.p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	buf_free(&text);
}

static void
bad_names(void **state)
{
	static const char *const names[] = { "", "a b", "a+b", "a\nb" };
	char too_long[NOTE_NAME_MAX + 2];
	struct buf text = { 0 };
	struct note_key pub;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(notekey_generate(&text, &pub, names[i],
		    NOTE_ED25519), AC_ERR_FORMAT);
	memset(too_long, 'a', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(notekey_generate(&text, &pub, too_long, NOTE_ED25519),
	    AC_ERR_FORMAT);
	assert_int_equal(notekey_generate(&text, &pub, "a", 0x06),
	    AC_ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(damaged),
		cmocka_unit_test(bad_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
