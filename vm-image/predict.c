/* predict.c -- what PCRs hold after a UKI booted; see predict.h. */
#include <stdlib.h>

#include "common/sha256.h"
#include "common/text.h"
#include "vm-image/predict.h"

#define CALLING "Calling EFI Application from Boot Option"

static const char *const firmwares[] = { "ovmf", "azure" };

static void
extend(struct digest *pcr, struct digest d)
{
	*pcr = sha256_of2(span_digest(pcr), span_digest(&d));
}

static void
predict_pcr4(struct predict *p, const struct uki *u, bool secure_boot)
{
	p->pcr4 = (struct digest){ 0 };
	extend(&p->pcr4, sha256_of(span_str(CALLING)));
	extend(&p->pcr4, sha256_of(span_of("\0\0\0\0", 4)));
	extend(&p->pcr4, pe_authenticode(&u->pe));
	/* Under Secure Boot the stub checks the kernel, by what it is in. */
	if (!secure_boot)
		extend(&p->pcr4, pe_authenticode(&u->kernel));
}

/*
 * Stubs differ in how they treat control characters and blanks at the ends,
 * and need not keep what is not ASCII: nothing of that is guessed.
 */
static bool
is_plain(struct span cmdline)
{
	for (size_t i = 0; i < cmdline.len; i++)
		if (cmdline.p[i] < ' ' || cmdline.p[i] > '~')
			return false;
	return cmdline.p[0] != ' ' && cmdline.p[cmdline.len - 1] != ' ';
}

/* SHA-256 of the command line in UTF-16 with its NUL. */
static enum ac_err
hash_utf16(struct digest *out, struct span text)
{
	uint8_t *wide = calloc(text.len + 1, 2);

	if (wide == NULL)
		return AC_ERR_MEMORY;
	for (size_t i = 0; i < text.len; i++)
		wide[2 * i] = text.p[i];
	*out = sha256_of(span_of(wide, 2 * (text.len + 1)));
	free(wide);
	return AC_OK;
}

static enum ac_err
predict_pcr9(struct predict *p, const struct uki *u)
{
	struct digest d;
	enum ac_err e;

	p->no_pcr9 = u->stub == 257 ? "stub 257 adds files of its own to the "
	    "initrd" :
	    u->part[UKI_PCRSIG].p != NULL || u->part[UKI_PCRPKEY].p != NULL ?
	    "the stub adds .pcrsig and .pcrpkey to the initrd" :
	    !is_plain(u->part[UKI_CMDLINE]) ? "the command line has characters "
	    "that stubs change" : NULL;
	if (p->no_pcr9 != NULL)
		return AC_OK;
	e = hash_utf16(&d, u->part[UKI_CMDLINE]);
	if (e != AC_OK)
		return e;
	p->pcr9 = (struct digest){ 0 };
	extend(&p->pcr9, d);
	extend(&p->pcr9, sha256_of(u->part[UKI_INITRD]));
	return AC_OK;
}

static void
predict_pcr11(struct predict *p, const struct uki *u)
{
	p->pcr11 = (struct digest){ 0 };
	for (unsigned i = 0; i < UKI_PARTS; i++) {
		const char *name = uki_name(i);

		if (u->part[i].p == NULL || !uki_measures(u->stub, i))
			continue;
		extend(&p->pcr11, sha256_of(span_of(name, strlen(name) + 1)));
		extend(&p->pcr11, sha256_of(u->part[i]));
	}
}

enum ac_err
predict_pcrs(struct predict *out, const struct uki *u, bool secure_boot,
    struct message *why)
{
	struct predict p = { 0 };
	enum ac_err e;

	if (secure_boot && u->pe.signature == 0)
		return BECAUSE(why, AC_ERR_MISMATCH, "it is not signed: with "
		    "Secure Boot on the firmware does not start it; sign it "
		    "first, since that may change what is measured");
	predict_pcr4(&p, u, secure_boot);
	e = predict_pcr9(&p, u);
	if (e != AC_OK)
		return BECAUSE(why, e, "%s", ac_strerror(e));
	predict_pcr11(&p, u);
	*out = p;
	return AC_OK;
}

/* The tuples of one state of Secure Boot. */
static enum ac_err
add_tuples(struct release *r, const struct uki *u, const char *firmware,
    bool secure_boot, struct message *why)
{
	struct predict p;
	enum ac_err e = predict_pcrs(&p, u, secure_boot, why);

	if (e != AC_OK)
		return e;
	for (size_t i = 0; i < sizeof(firmwares) / sizeof(firmwares[0]); i++) {
		if (firmware != NULL && strcmp(firmware, firmwares[i]) != 0)
			continue;
		r->tuple[r->ntuples++] = (struct release_tuple){
			.firmware = span_str(firmwares[i]),
			.secure_boot = secure_boot,
			.has_pcr9 = p.no_pcr9 == NULL,
			.pcr4 = p.pcr4, .pcr9 = p.pcr9, .pcr11 = p.pcr11 };
	}
	return AC_OK;
}

enum ac_err
predict_release(struct release *r, const struct uki *u, const char *firmware,
    const bool *secure_boot, struct message *why)
{
	enum ac_err e = AC_OK;
	struct span root;

	*r = (struct release){ .uki = sha256_of(u->pe.file),
		.debug = uki_has_word(u, "aicert.debug"), .stub = u->version };
	if (!uki_option(u, "roothash", &root) ||
	    !text_unhex_digest(&r->root, root))
		return BECAUSE(why, AC_ERR_NOT_FOUND, "a release needs the root "
		    "hash of the image: expected roothash= and 64 lower-case "
		    "hex digits once on the command line in .cmdline");
	if (!uki_osrel(u, "IMAGE_ID", &r->name) ||
	    !uki_osrel(u, "IMAGE_VERSION", &r->version))
		return BECAUSE(why, AC_ERR_NOT_FOUND, "a release needs a name "
		    "and a version: expected IMAGE_ID= and IMAGE_VERSION= once "
		    "in .osrel");
	if (secure_boot == NULL || !*secure_boot)
		e = add_tuples(r, u, firmware, false, why);
	if (e == AC_OK && (secure_boot != NULL ? *secure_boot :
	    u->pe.signature != 0))
		e = add_tuples(r, u, firmware, true, why);
	return e;
}
