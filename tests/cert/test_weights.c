/* Which files are weights. */
#include "cert/weights.h"
#include "tests/cert/wrong.h"
#include "tests/test.h"

static void
suffixes(void **state)
{
	static const char *const weights[] = { "a.safetensors", "a.gguf",
		"a.bin", "a.pt", "a.pth", "a.ckpt", "a.onnx", "a.h5", "a.npz",
		"a.msgpack", "a.tflite", "dir/x.bin", ".bin", "a.b.pt" };
	static const char *const others[] = { "a.SAFETENSORS", "a.safetensor",
		"a.safetensors.txt", "safetensors", "abin", "a.bin ", "a.ptx",
		"a.npy", "pt", "a.bin/README", "" };

	(void)state;
	for (size_t i = 0; i < COUNT(weights); i++)
		if (!weights_is(span_str(weights[i]), true))
			fail_msg("no weights: %s", weights[i]);
	for (size_t i = 0; i < COUNT(others); i++) {
		if (weights_is(span_str(others[i]), true))
			fail_msg("weights: %s", others[i]);
		assert_true(weights_is(span_str(others[i]), false));
	}
}

static void
counts(void **state)
{
	struct oms_file f[3] = { { .name = span_str("a.txt") },
		{ .name = span_str("b.txt") }, { .name = span_str("c.bin") } };

	(void)state;
	assert_true(weights_have_suffix(f, 3));
	assert_int_equal(weights_count(f, 3), 1);
	/* None has a suffix: every file is one. */
	assert_false(weights_have_suffix(f, 2));
	assert_int_equal(weights_count(f, 2), 2);
	assert_int_equal(weights_count(f, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suffixes),
		cmocka_unit_test(counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
