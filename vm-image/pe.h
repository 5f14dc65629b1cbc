/*
 * pe.h -- a PE32+ image for x86-64 as UEFI firmware reads it (Microsoft's PE
 * format and its appendix on Authenticode): headers, sections, and the digest
 * that the firmware measures.  Views into the file's bytes, no allocation.
 *
 * Refused is what two readers could understand differently: sections that
 * overlap in the file or in memory or lie outside of it, and a signature that
 * is not the end of the file.
 */
#ifndef AICERT_VM_IMAGE_PE_H
#define AICERT_VM_IMAGE_PE_H

#include "cert/limits.h"
#include "common/message.h"

#define PE_NAME_LEN 8

struct pe_section {
	char name[PE_NAME_LEN + 1];
	uint32_t address, size;  /* in memory */
	struct span raw;         /* in the file; shorter or longer than size */
};

struct pe {
	struct span file;
	size_t checksum;         /* where it stands */
	size_t cert_entry;       /* where the signature is named, or 0 */
	size_t headers;          /* bytes of all headers */
	size_t signature;        /* bytes of it at the end of the file, or 0 */
	size_t nsections;
	struct pe_section section[PE_SECTIONS_MAX]; /* in the table's order */
};

/*
 * Parse the headers; *why says what is wrong.  AC_ERR_FORMAT;
 * AC_ERR_UNSUPPORTED: a PE for another machine; AC_ERR_LIMIT: over
 * PE_SECTIONS_MAX sections.
 */
AC_MUST_CHECK enum ac_err pe_parse(struct pe *out, struct span file,
    struct message *why);

/* The Authenticode SHA-256: of all but the checksum and the signature. */
struct digest pe_authenticode(const struct pe *pe);

#endif
