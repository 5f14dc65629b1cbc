/*
 * Lists of files: those that are read stay within the model and are found by
 * name; files written again have the same root.
 */
#include "cert/limits.h"
#include "cert/oms.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oms o = { 0 }, again = { 0 };
	struct buf b = { 0 };

	if (oms_decode(&o, span_of(data, size)) != AC_OK)
		return 0;
	fuzz_must(o.nfiles > 0 && o.nfiles <= FILES_MAX);
	for (size_t i = 0; i < o.nfiles; i++) {
		struct oms_part p = oms_part_of(&o, &o.sorted[i]);

		fuzz_must(oms_path_is_valid(p.path) && p.start < p.end);
		if (p.start == 0)
			fuzz_must(oms_find(&o, p.path) == &o.sorted[i]);
	}
	if (o.shard_bytes > 0) {
		oms_free(&o);
		return 0;
	}
	fuzz_must(oms_encode(&b, o.file, o.nfiles, oms_ignore, OMS_NIGNORE) ==
	    AC_OK);
	fuzz_must(oms_decode(&again, buf_span(&b)) == AC_OK);
	fuzz_must(digest_equal(&o.root, &again.root));
	oms_free(&again);
	oms_free(&o);
	buf_free(&b);
	return 0;
}
