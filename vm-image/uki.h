/*
 * uki.h -- a Unified Kernel Image: a PE file of systemd's boot stub with the
 * kernel, its initrd, its command line and the release of the system as
 * sections (UAPI Group, specification of UKIs).  Only stubs whose measurements
 * are known are read; every other is refused by its name.
 */
#ifndef AICERT_VM_IMAGE_UKI_H
#define AICERT_VM_IMAGE_UKI_H

#include "vm-image/pe.h"

/* In the order in which stubs measure them. */
enum uki_part {
	UKI_LINUX,
	UKI_OSREL,
	UKI_CMDLINE,
	UKI_INITRD,
	UKI_UCODE,
	UKI_SPLASH,
	UKI_DTB,
	UKI_UNAME,
	UKI_SBAT,
	UKI_PCRSIG,
	UKI_PCRPKEY,
	UKI_PARTS
};

struct uki {
	struct pe pe;
	unsigned stub;               /* its major version: 252, 254 or 257 */
	struct span version;         /* the whole of it */
	struct span part[UKI_PARTS]; /* as in memory; p is NULL: not there */
	struct pe kernel;            /* of UKI_LINUX */
};

/* The section's name, with its dot. */
const char *uki_name(enum uki_part part);

/* Does this stub measure that part into PCR 11, where it is there? */
bool uki_measures(unsigned stub, enum uki_part part);

/*
 * Parse; *why says what is wrong.  AC_ERR_FORMAT: no PE file (pe.h), no stub,
 * a section missing or there twice, or cut off in the file; AC_ERR_UNSUPPORTED:
 * a stub, or a part, whose measurements are not known; AC_ERR_LIMIT.
 */
AC_MUST_CHECK enum ac_err uki_parse(struct uki *out, struct span file,
    struct message *why);

/*
 * The value of the word name=VALUE of the command line, of which there must be
 * exactly one.
 */
AC_MUST_CHECK bool uki_option(const struct uki *u, const char *name,
    struct span *value);

/* Does the command line have this word? */
bool uki_has_word(const struct uki *u, const char *word);

/* The next word of the command line that is left; false after the last. */
AC_MUST_CHECK bool uki_word(struct span *left, struct span *word);

/* The value of the line KEY=VALUE of .osrel, without its quotes; only one. */
AC_MUST_CHECK bool uki_osrel(const struct uki *u, const char *key,
    struct span *value);

#endif
