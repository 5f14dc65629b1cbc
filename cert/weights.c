/* weights.c -- the suffixes of weight files; see weights.h. */
#include "cert/weights.h"

static bool
has_suffix(struct span name)
{
	static const char *const suffix[] = { ".safetensors", ".gguf", ".bin",
		".pt", ".pth", ".ckpt", ".onnx", ".h5", ".npz", ".msgpack",
		".tflite" };

	for (size_t i = 0; i < AC_COUNT(suffix); i++)
		if (span_ends(name, suffix[i]))
			return true;
	return false;
}

bool
weights_have_suffix(const struct oms_file file[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_suffix(file[i].name))
			return true;
	return false;
}

bool
weights_is(struct span name, bool suffixed)
{
	return !suffixed || has_suffix(name);
}

size_t
weights_count(const struct oms_file file[], size_t n)
{
	bool suffixed = weights_have_suffix(file, n);
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += weights_is(file[i].name, suffixed);
	return count;
}
