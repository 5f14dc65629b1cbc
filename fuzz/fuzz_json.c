/*
 * The JSON gate: a document or a refusal, which is never for want of memory,
 * and a value equals itself.
 */
#include "cert/json.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc = { 0 };
	enum ac_err e = json_parse(&doc, span_of(data, size));

	fuzz_must(e != AC_ERR_MEMORY);
	fuzz_must((e == AC_OK) == (doc.root != NULL));
	if (e == AC_OK)
		fuzz_must(json_equal(json_root(&doc), json_root(&doc)));
	json_free(&doc);
	return 0;
}
