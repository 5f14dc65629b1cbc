/* uki.c -- a Unified Kernel Image; see uki.h. */
#include "common/reader.h"
#include "common/text.h"
#include "vm-image/uki.h"

#define MAGIC ".sdmagic"
#define MAGIC_BEGIN "#### LoaderInfo: systemd-stub "
#define MAGIC_END " ####"

#define BIT(part) (1u << (part))
/* What a UKI cannot be without. */
#define NEEDED (BIT(UKI_LINUX) | BIT(UKI_OSREL) | BIT(UKI_CMDLINE) | \
    BIT(UKI_INITRD))

static const char *const names[UKI_PARTS] = {
	[UKI_LINUX] = ".linux", [UKI_OSREL] = ".osrel",
	[UKI_CMDLINE] = ".cmdline", [UKI_INITRD] = ".initrd",
	[UKI_UCODE] = ".ucode", [UKI_SPLASH] = ".splash", [UKI_DTB] = ".dtb",
	[UKI_UNAME] = ".uname", [UKI_SBAT] = ".sbat",
	[UKI_PCRSIG] = ".pcrsig", [UKI_PCRPKEY] = ".pcrpkey",
};

/* Sections by which a stub chooses among several: not predicted. */
static const char *const choices[] = { ".profile", ".dtbauto", ".hwids",
	".efifw" };

static const struct stub {
	unsigned major;
	unsigned measured; /* parts */
} stubs[] = {
	{ 252, NEEDED | BIT(UKI_SPLASH) | BIT(UKI_DTB) | BIT(UKI_PCRPKEY) },
	{ 254, NEEDED | BIT(UKI_SPLASH) | BIT(UKI_DTB) | BIT(UKI_PCRPKEY) |
	  BIT(UKI_UNAME) | BIT(UKI_SBAT) },
	{ 257, NEEDED | BIT(UKI_SPLASH) | BIT(UKI_DTB) | BIT(UKI_PCRPKEY) |
	  BIT(UKI_UNAME) | BIT(UKI_SBAT) | BIT(UKI_UCODE) },
};
#define NSTUBS (sizeof(stubs) / sizeof(stubs[0]))

const char *
uki_name(enum uki_part part)
{
	return names[part];
}

bool
uki_measures(unsigned stub, enum uki_part part)
{
	for (size_t i = 0; i < NSTUBS; i++)
		if (stubs[i].major == stub)
			return (stubs[i].measured & BIT(part)) != 0;
	return false;
}

/*
 * What memory holds of the section of that name.  A section that is larger in
 * memory than in the file would be filled up with zeros: no tool makes that.
 */
static enum ac_err
take_section(struct span *out, const struct pe *pe, const char *name,
    struct message *why)
{
	const struct pe_section *found = NULL;

	for (size_t i = 0; i < pe->nsections; i++) {
		if (strcmp(pe->section[i].name, name) != 0)
			continue;
		if (found != NULL)
			return BECAUSE(why, AC_ERR_FORMAT, "section %s stands "
			    "there twice", name);
		found = &pe->section[i];
	}
	if (found == NULL)
		return AC_OK;
	if (found->size == 0 || found->size > found->raw.len)
		return BECAUSE(why, AC_ERR_FORMAT, "section %s has %lu bytes "
		    "in memory, expected 1 to the %zu that the file has of it",
		    name, (unsigned long)found->size, found->raw.len);
	*out = span_of(found->raw.p, found->size);
	return AC_OK;
}

/* "#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####" and a NUL. */
static bool
take_version(struct uki *u, struct span magic)
{
	size_t begin = strlen(MAGIC_BEGIN), end = strlen(MAGIC_END), n = 0;
	struct span v;
	uint64_t major;

	while (magic.len > 0 && magic.p[magic.len - 1] == '\0')
		magic.len--;
	if (magic.len <= begin + end ||
	    !ac_equal(magic.p, MAGIC_BEGIN, begin) ||
	    !ac_equal(magic.p + magic.len - end, MAGIC_END, end))
		return false;
	v = span_of(magic.p + begin, magic.len - begin - end);
	while (n < v.len && v.p[n] >= '0' && v.p[n] <= '9')
		n++;
	if (v.len > TEXT_MAX || !text_is_plain(v) ||
	    !text_undec(&major, span_of(v.p, n), UINT16_MAX))
		return false;
	u->version = v;
	u->stub = (unsigned)major;
	return true;
}

static enum ac_err
take_stub(struct uki *u, struct message *why)
{
	struct span magic = { 0 };
	enum ac_err e = take_section(&magic, &u->pe, MAGIC, why);

	if (e != AC_OK)
		return e;
	if (!take_version(u, magic))
		return BECAUSE(why, AC_ERR_FORMAT, "no UKI of systemd's stub: "
		    "its section " MAGIC " with \"" MAGIC_BEGIN "VERSION"
		    MAGIC_END "\" is missing");
	for (size_t i = 0; i < NSTUBS; i++)
		if (stubs[i].major == u->stub)
			return AC_OK;
	message_set(why, "what systemd-stub ");
	message_add_quoted(why, u->version);
	message_add(why, " measures is not known here; 252, 254 and 257 are");
	return AC_ERR_UNSUPPORTED;
}

static enum ac_err
take_parts(struct uki *u, struct message *why)
{
	enum ac_err e = AC_OK;

	for (size_t i = 0; e == AC_OK && i < sizeof(choices) /
	    sizeof(choices[0]); i++)
		for (size_t k = 0; k < u->pe.nsections; k++)
			if (strcmp(u->pe.section[k].name, choices[i]) == 0)
				return BECAUSE(why, AC_ERR_UNSUPPORTED, "what "
				    "a stub measures of section %s is not "
				    "known here", choices[i]);
	for (unsigned i = 0; e == AC_OK && i < UKI_PARTS; i++) {
		e = take_section(&u->part[i], &u->pe, names[i], why);
		if (e == AC_OK && u->part[i].p == NULL &&
		    (NEEDED & BIT(i)) != 0)
			e = BECAUSE(why, AC_ERR_FORMAT, "section %s is missing",
			    names[i]);
	}
	return e;
}

enum ac_err
uki_parse(struct uki *out, struct span file, struct message *why)
{
	struct uki u = { .stub = 0 };
	struct message inner = { "" };
	enum ac_err e = pe_parse(&u.pe, file, why);

	if (e == AC_OK)
		e = take_stub(&u, why);
	if (e == AC_OK)
		e = take_parts(&u, why);
	if (e != AC_OK)
		return e;
	e = pe_parse(&u.kernel, u.part[UKI_LINUX], &inner);
	if (e != AC_OK)
		return BECAUSE(why, e, "the kernel in .linux: %s", inner.text);
	*out = u;
	return AC_OK;
}

bool
uki_word(struct span *left, struct span *word)
{
	while (left->len > 0 && left->p[0] <= ' ')
		*left = span_of(left->p + 1, left->len - 1);
	*word = span_of(left->p, 0);
	while (left->len > 0 && left->p[0] > ' ') {
		word->len++;
		*left = span_of(left->p + 1, left->len - 1);
	}
	return word->len > 0;
}

/* *value = what follows name and "=" at the beginning of s. */
static bool
value_of(struct span s, const char *name, struct span *value)
{
	size_t n = strlen(name);

	if (s.len <= n || !ac_equal(s.p, name, n) || s.p[n] != '=')
		return false;
	*value = span_of(s.p + n + 1, s.len - n - 1);
	return true;
}

bool
uki_option(const struct uki *u, const char *name, struct span *value)
{
	struct span left = u->part[UKI_CMDLINE], word, found = { 0 }, v;

	while (uki_word(&left, &word)) {
		if (!value_of(word, name, &v))
			continue;
		if (found.p != NULL)
			return false;
		found = v;
	}
	if (found.p != NULL)
		*value = found;
	return found.p != NULL;
}

bool
uki_has_word(const struct uki *u, const char *word)
{
	struct span left = u->part[UKI_CMDLINE], w;

	while (uki_word(&left, &w))
		if (span_is(w, word))
			return true;
	return false;
}

bool
uki_osrel(const struct uki *u, const char *key, struct span *value)
{
	struct reader r = rd_of(u->part[UKI_OSREL]);
	struct span line, v, found = { 0 };

	while (rd_line(&r, &line)) {
		if (!value_of(line, key, &v))
			continue;
		if (found.p != NULL)
			return false;
		if (v.len >= 2 && v.p[0] == '"' && v.p[v.len - 1] == '"')
			v = span_of(v.p + 1, v.len - 2);
		found = v;
	}
	if (found.p != NULL)
		*value = found;
	return found.p != NULL;
}
