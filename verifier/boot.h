/*
 * boot.h -- what the events of a boot log mean: a grammar for each PCR, and the
 * state of Secure Boot (TCG PC Client Platform Firmware Profile, section 3.3;
 * what OVMF and systemd's boot stub do).
 *
 * A log that replays holds the digests that the TPM was given, in order.  Types
 * and data are no part of that: so a digest of which we know what it means may
 * stand under its own type only, and data is read only where the digest is the
 * data's own.  Which software is trusted is not decided here: the grammar
 * explains the values, equality with reference values decides.
 */
#ifndef AICERT_VERIFIER_BOOT_H
#define AICERT_VERIFIER_BOOT_H

#include "verifier/eventlog.h"

/* PCRs that a boot log accounts for: 0-7, 9 and 11-13. */
#define BOOT_PCRS 0x3affu

struct boot {
	bool secure_boot;
	size_t failed;          /* boot options that were tried before */
	struct digest image;    /* Authenticode digest of what was started */
	bool has_kernel;        /* measured apart: not under Secure Boot */
	struct digest kernel;
};

/*
 * Do the events follow the grammar of their PCRs?  *why names the event and
 * what is wrong; AC_ERR_MISMATCH.
 */
AC_MUST_CHECK enum ac_err boot_check(struct boot *out,
    const struct eventlog *log, struct message *why);

#endif
