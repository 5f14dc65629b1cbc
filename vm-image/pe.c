/* pe.c -- a PE32+ image as UEFI firmware reads it; see pe.h. */
#include <stdlib.h>

#include "common/reader.h"
#include "common/sha256.h"
#include "vm-image/pe.h"

#define DOS_LEN 64
#define LFANEW 60            /* where the PE header's place stands */
#define COFF_LEN 24          /* with the four bytes before it */
#define OPTIONAL_LEN 112     /* of PE32+, without data directories */
#define CHECKSUM 64          /* in there */
#define DIRECTORY_LEN 8
#define DIRECTORIES_MAX 16
#define SIGNATURE_DIRECTORY 4
#define SECTION_LEN 40
#define MACHINE 0x8664       /* x86-64 */
#define PE32PLUS 0x20b
#define ALIGN 8              /* of the PE header and of the signature */

/* What says where the rest is. */
struct headers {
	size_t at;           /* of the PE header */
	uint16_t nsections, optional_len;
	uint32_t len, ndirectories;
};

/* A reader of the len bytes from offset on; of none where they are not all. */
static struct reader
reader_at(struct span file, size_t offset, size_t len)
{
	struct reader r = rd_of(file);
	struct span before, wanted;

	if (!rd_take(&r, &before, offset) || !rd_take(&r, &wanted, len))
		wanted = span_of(file.p, 0);
	return rd_of(wanted);
}

static enum ac_err
parse_coff(struct headers *h, struct span file, struct message *why)
{
	struct reader r = reader_at(file, 0, DOS_LEN);
	struct span mark, skipped;
	uint16_t machine;
	uint32_t at;

	if (!rd_take(&r, &mark, 2) || !span_is(mark, "MZ") ||
	    !rd_take(&r, &skipped, LFANEW - 2) || !rd_le32(&r, &at))
		return BECAUSE(why, AC_ERR_FORMAT, "no PE file: it begins with "
		    "no DOS header");
	r = reader_at(file, at, COFF_LEN);
	if (at < DOS_LEN || at % ALIGN != 0 || !rd_take(&r, &mark, 4) ||
	    !ac_equal(mark.p, "PE\0\0", 4) || !rd_le16(&r, &machine) ||
	    !rd_le16(&r, &h->nsections) || !rd_take(&r, &skipped, 12) ||
	    !rd_le16(&r, &h->optional_len))
		return BECAUSE(why, AC_ERR_FORMAT, "no PE file: no whole PE "
		    "header at offset %lu", (unsigned long)at);
	if (machine != MACHINE)
		return BECAUSE(why, AC_ERR_UNSUPPORTED, "a PE file for machine "
		    "0x%04x, expected 0x%04x (x86-64)", machine, MACHINE);
	if (h->nsections > PE_SECTIONS_MAX)
		return BECAUSE(why, AC_ERR_LIMIT, "%u sections, at most %d are "
		    "read", h->nsections, PE_SECTIONS_MAX);
	h->at = at;
	return AC_OK;
}

/* The optional header: firmware asks that it ends with its directories. */
static enum ac_err
parse_optional(struct headers *h, struct span file, struct message *why)
{
	struct reader r = reader_at(file, h->at + COFF_LEN, OPTIONAL_LEN);
	struct span skipped;
	uint16_t magic;
	size_t end = h->at + COFF_LEN + h->optional_len +
	    (size_t)h->nsections * SECTION_LEN;

	if (!rd_le16(&r, &magic) || magic != PE32PLUS ||
	    !rd_take(&r, &skipped, 58) || !rd_le32(&r, &h->len) ||
	    !rd_take(&r, &skipped, 44) || !rd_le32(&r, &h->ndirectories))
		return BECAUSE(why, AC_ERR_FORMAT, "the optional header is cut "
		    "off, or not that of PE32+");
	if (h->ndirectories > DIRECTORIES_MAX || h->optional_len !=
	    OPTIONAL_LEN + DIRECTORY_LEN * h->ndirectories)
		return BECAUSE(why, AC_ERR_FORMAT, "the optional header of %u "
		    "bytes does not end with its %lu data directories",
		    h->optional_len, (unsigned long)h->ndirectories);
	if (h->len < end || h->len > file.len)
		return BECAUSE(why, AC_ERR_FORMAT, "the headers are stated to "
		    "have %lu bytes; their tables end at %zu, the file at %zu",
		    (unsigned long)h->len, end, file.len);
	return AC_OK;
}

/* Plain text, padded with NULs? */
static bool
take_name(struct pe_section *s, struct span name)
{
	size_t len;

	memcpy(s->name, name.p, PE_NAME_LEN);
	len = strlen(s->name);
	for (size_t i = 0; i < PE_NAME_LEN; i++)
		if (i < len ? name.p[i] <= ' ' || name.p[i] > '~' :
		    name.p[i] != '\0')
			return false;
	return true;
}

/* The entry at the offset at of the table. */
static enum ac_err
parse_section(struct pe_section *out, const struct pe *pe, size_t at,
    struct message *why)
{
	struct reader r = reader_at(pe->file, at, SECTION_LEN);
	struct pe_section s = { 0 };
	uint32_t len, offset;
	struct span name;

	if (!rd_take(&r, &name, PE_NAME_LEN) || !rd_le32(&r, &s.size) ||
	    !rd_le32(&r, &s.address) || !rd_le32(&r, &len) ||
	    !rd_le32(&r, &offset))
		return BECAUSE(why, AC_ERR_FORMAT, "the table of sections is "
		    "cut off");
	if (!take_name(&s, name))
		return BECAUSE(why, AC_ERR_FORMAT, "the name of section %zu is "
		    "not plain text padded with NULs", pe->nsections + 1);
	if (len > 0 && (offset < pe->headers || offset > pe->file.len ||
	    len > pe->file.len - offset))
		return BECAUSE(why, AC_ERR_FORMAT, "section %s: %lu bytes at "
		    "%lu of the file, expected between the headers' end at "
		    "%zu and the file's at %zu", s.name, (unsigned long)len,
		    (unsigned long)offset, pe->headers, pe->file.len);
	s.raw = span_of(pe->file.p + (len > 0 ? offset : 0), len);
	*out = s;
	return AC_OK;
}

/* Do alen items from a and blen from b on have one in common? */
static bool
overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return alen > 0 && blen > 0 && a < b + blen && b < a + alen;
}

/* Where the section begins in the file. */
static size_t
place(const struct pe *pe, const struct pe_section *s)
{
	return (size_t)(s->raw.p - pe->file.p);
}

/* May s stand beside those before it? */
static enum ac_err
check_apart(const struct pe *pe, const struct pe_section *s,
    struct message *why)
{
	for (size_t i = 0; i < pe->nsections; i++) {
		const struct pe_section *t = &pe->section[i];

		if (overlap(place(pe, s), s->raw.len, place(pe, t), t->raw.len))
			return BECAUSE(why, AC_ERR_FORMAT, "sections %s and %s "
			    "overlap in the file", t->name, s->name);
		if (overlap(s->address, s->size, t->address, t->size))
			return BECAUSE(why, AC_ERR_FORMAT, "sections %s and %s "
			    "overlap in memory", t->name, s->name);
	}
	return AC_OK;
}

/* Where the signature is: the end of the file, behind all sections. */
static enum ac_err
parse_signature(struct pe *pe, const struct headers *h, struct message *why)
{
	size_t entry = h->at + COFF_LEN + OPTIONAL_LEN +
	    SIGNATURE_DIRECTORY * DIRECTORY_LEN;
	struct reader r = reader_at(pe->file, entry, DIRECTORY_LEN);
	uint32_t at, len;

	if (h->ndirectories <= SIGNATURE_DIRECTORY)
		return AC_OK;
	if (!rd_le32(&r, &at) || !rd_le32(&r, &len))
		return BECAUSE(why, AC_ERR_FORMAT, "the data directories are "
		    "cut off");
	pe->cert_entry = entry;
	if (at == 0 && len == 0)
		return AC_OK;
	if (len == 0 || at % ALIGN != 0 || at < pe->headers ||
	    at > pe->file.len || len != pe->file.len - at)
		return BECAUSE(why, AC_ERR_FORMAT, "the signature: %lu bytes "
		    "at %lu, expected the end of the file of %zu",
		    (unsigned long)len, (unsigned long)at, pe->file.len);
	for (size_t i = 0; i < pe->nsections; i++) {
		const struct pe_section *s = &pe->section[i];

		if (s->raw.len > 0 && place(pe, s) + s->raw.len > at)
			return BECAUSE(why, AC_ERR_FORMAT, "section %s reaches "
			    "into the signature", s->name);
	}
	pe->signature = len;
	return AC_OK;
}

enum ac_err
pe_parse(struct pe *out, struct span file, struct message *why)
{
	struct pe pe = { .file = file };
	struct headers h = { 0 };
	enum ac_err e = parse_coff(&h, file, why);

	if (e == AC_OK)
		e = parse_optional(&h, file, why);
	if (e != AC_OK)
		return e;
	pe.checksum = h.at + COFF_LEN + CHECKSUM;
	pe.headers = h.len;
	while (pe.nsections < h.nsections) {
		struct pe_section *s = &pe.section[pe.nsections];

		e = parse_section(s, &pe, h.at + COFF_LEN + h.optional_len +
		    pe.nsections * SECTION_LEN, why);
		if (e == AC_OK)
			e = check_apart(&pe, s, why);
		if (e != AC_OK)
			return e;
		pe.nsections++;
	}
	e = parse_signature(&pe, &h, why);
	if (e == AC_OK)
		*out = pe;
	return e;
}

/* Sections are hashed in the order of the file. */
static int
by_place(const void *a, const void *b)
{
	const struct span *s = a, *t = b;

	return s->p < t->p ? -1 : s->p > t->p;
}

/* Hash the file's bytes from one offset to another. */
static void
hash(struct sha256 *s, const struct pe *pe, size_t from, size_t to)
{
	sha256_update(s, span_of(pe->file.p + from, to - from));
}

struct digest
pe_authenticode(const struct pe *pe)
{
	size_t hashed = pe->headers, end = pe->file.len - pe->signature, n = 0;
	size_t from = pe->checksum + 4;
	struct span raw[PE_SECTIONS_MAX];
	struct sha256 s;

	sha256_init(&s);
	hash(&s, pe, 0, pe->checksum);
	if (pe->cert_entry != 0) {
		hash(&s, pe, from, pe->cert_entry);
		from = pe->cert_entry + DIRECTORY_LEN;
	}
	hash(&s, pe, from, pe->headers);
	for (size_t i = 0; i < pe->nsections; i++)
		if (pe->section[i].raw.len > 0)
			raw[n++] = pe->section[i].raw;
	qsort(raw, n, sizeof(raw[0]), by_place);
	for (size_t i = 0; i < n; i++) {
		sha256_update(&s, raw[i]);
		hashed += raw[i].len;
	}
	/*
	 * What follows begins, by the rule, after as many bytes as were hashed:
	 * where there are gaps that is before the last section's end.
	 */
	if (hashed < end)
		hash(&s, pe, hashed, end);
	return sha256_final(&s);
}
