/* compare.c -- what is different between two UKIs; see compare.h. */
#include "common/sha256.h"
#include "vm-image/compare.h"

#define BIT(pcr) (1u << (pcr))

const char *
compare_name(unsigned component)
{
	switch (component) {
	case COMPARE_STUB:
		return "stub";
	case COMPARE_HEADERS:
		return "headers";
	case COMPARE_SIGNATURE:
		return "signature";
	default:
		return uki_name(component);
	}
}

static bool
is_part(const char *name)
{
	for (unsigned i = 0; i < UKI_PARTS; i++)
		if (strcmp(name, uki_name(i)) == 0)
			return true;
	return false;
}

/* A digest of the sections that came with the stub: names and contents. */
static struct digest
hash_stub(const struct uki *u)
{
	struct sha256 s;

	sha256_init(&s);
	for (size_t i = 0; i < u->pe.nsections; i++) {
		const struct pe_section *section = &u->pe.section[i];
		struct digest d = sha256_of(section->raw);

		if (is_part(section->name))
			continue;
		sha256_update(&s, span_of(section->name, PE_NAME_LEN));
		sha256_update(&s, span_digest(&d));
	}
	return sha256_final(&s);
}

static struct span
signature(const struct uki *u)
{
	size_t at = u->pe.file.len - u->pe.signature;

	return span_of(u->pe.file.p + at, u->pe.signature);
}

/* The PCRs that a part is measured into, by a stub. */
static uint32_t
pcrs_of(unsigned stub, unsigned part)
{
	uint32_t pcrs = BIT(4);

	if (uki_measures(stub, part))
		pcrs |= BIT(11);
	if (part == UKI_CMDLINE || part == UKI_INITRD)
		pcrs |= BIT(9);
	return pcrs;
}

/*
 * The digest that the firmware measures also covers what is in no section:
 * that something there differs is seen from what is left.
 */
static bool
headers_differ(const struct compare *c, const struct uki *a,
    const struct uki *b)
{
	struct digest x = pe_authenticode(&a->pe), y = pe_authenticode(&b->pe);

	for (unsigned i = 0; i <= COMPARE_STUB; i++)
		if (c->differs[i])
			return false;
	return !digest_equal(&x, &y);
}

enum ac_err
compare_ukis(struct compare *out, const struct uki *a, const struct uki *b,
    bool secure_boot, struct message *why)
{
	struct compare c = { .same = span_equal(a->pe.file, b->pe.file) };
	struct digest x = hash_stub(a), y = hash_stub(b);
	enum ac_err e = predict_pcrs(&c.a, a, secure_boot, why);

	if (e == AC_OK)
		e = predict_pcrs(&c.b, b, secure_boot, why);
	if (e != AC_OK)
		return e;
	for (unsigned i = 0; i < UKI_PARTS; i++) {
		c.differs[i] = (a->part[i].p == NULL) !=
		    (b->part[i].p == NULL) ||
		    !span_equal(a->part[i], b->part[i]);
		c.pcrs[i] = pcrs_of(a->stub, i) | pcrs_of(b->stub, i);
	}
	c.differs[COMPARE_STUB] = !digest_equal(&x, &y);
	/* Another stub may measure other parts. */
	c.pcrs[COMPARE_STUB] = a->stub == b->stub ? BIT(4) : BIT(4) | BIT(11);
	c.differs[COMPARE_HEADERS] = headers_differ(&c, a, b);
	c.pcrs[COMPARE_HEADERS] = BIT(4);
	c.differs[COMPARE_SIGNATURE] = !span_equal(signature(a), signature(b));
	if (!digest_equal(&c.a.pcr4, &c.b.pcr4))
		c.changed |= BIT(4);
	if ((c.a.no_pcr9 == NULL) != (c.b.no_pcr9 == NULL) ||
	    !digest_equal(&c.a.pcr9, &c.b.pcr9))
		c.changed |= BIT(9);
	if (!digest_equal(&c.a.pcr11, &c.b.pcr11))
		c.changed |= BIT(11);
	*out = c;
	return AC_OK;
}
