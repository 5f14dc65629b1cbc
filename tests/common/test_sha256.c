/* SHA-256 against EVP on every length around a block, and in pieces. */
#include <openssl/evp.h>

#include "common/sha256.h"
#include "tests/test.h"

static void
equals_evp(void **state)
{
	uint8_t in[300];
	unsigned char want[32];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 31 + 7);
	for (size_t len = 0; len <= sizeof(in); len++) {
		struct digest d = sha256_of(span_of(in, len));
		struct sha256 s;

		assert_int_equal(EVP_Digest(in, len, want, NULL, EVP_sha256(),
		    NULL), 1);
		assert_memory_equal(d.b, want, 32);
		d = sha256_of2(span_of(in, len / 3),
		    span_of(in + len / 3, len - len / 3));
		assert_memory_equal(d.b, want, 32);
		sha256_init(&s);
		for (size_t i = 0; i < len; i++)
			sha256_update(&s, span_of(in + i, 1));
		d = sha256_final(&s);
		assert_memory_equal(d.b, want, 32);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(equals_evp) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
