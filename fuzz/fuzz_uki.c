/*
 * A Unified Kernel Image: of one that parses, every part lies within the file,
 * prediction works, with Secure Boot exactly where there is a signature, and a
 * release that can be made can be read again.
 */
#include "fuzz/fuzz.h"
#include "vm-image/compare.h"

static bool
within(struct span part, struct span file)
{
	return part.p >= file.p && part.len <= file.len &&
	    (size_t)(part.p - file.p) <= file.len - part.len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span file = span_of(data, size);
	struct message why = { "" };
	struct buf bytes = { 0 };
	struct compare c;
	struct predict p;
	struct release r;
	struct uki u;

	if (uki_parse(&u, file, &why) != AC_OK) {
		fuzz_must(why.text[0] != '\0');
		return 0;
	}
	for (size_t i = 0; i < u.pe.nsections; i++)
		fuzz_must(within(u.pe.section[i].raw, file));
	for (unsigned i = 0; i < UKI_PARTS; i++)
		fuzz_must(u.part[i].p == NULL || within(u.part[i], file));
	fuzz_must(predict_pcrs(&p, &u, false, &why) == AC_OK);
	fuzz_must((predict_pcrs(&p, &u, true, &why) == AC_OK) ==
	    (u.pe.signature > 0));
	fuzz_must(compare_ukis(&c, &u, &u, false, &why) == AC_OK && c.same &&
	    c.changed == 0);
	if (predict_release(&r, &u, NULL, NULL, &why) != AC_OK ||
	    release_encode(&bytes, &r) != AC_OK)
		return 0;
	fuzz_must(release_decode(&r, buf_span(&bytes)) == AC_OK);
	release_free(&r);
	buf_free(&bytes);
	return 0;
}
