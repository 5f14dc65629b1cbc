/*
 * attest.h -- the TPM's part of one measured run: the event lines, the PCRs
 * they extend, the two quotes, and those that peers ask for in between.  It
 * keeps its own account of PCRs 8, 14 and 15, so that an extension by anybody
 * else is found before a quote is used.
 */
#ifndef AICERT_PRODUCER_ATTEST_H
#define AICERT_PRODUCER_ATTEST_H

#include "cert/evidence.h"
#include "common/message.h"

#define ATTEST_INPUTS_PCR 14
#define ATTEST_OUTPUTS_PCR 8
#define ATTEST_TLS_PCR 15
/* The AK's certificate outlasts the time limit by so much. */
#define ATTEST_AK_SPARE_S (INT64_C(14) * 24 * 60 * 60)

struct attest;

struct attest_options {
	const char *tcti;     /* how to reach the TPM */
	const char *ak_chain; /* PEM file */
	const char *reset;    /* what gives a new boot, for a message */
	bool accept_short_ak;
};

/*
 * Open the TPM and the AK's chain, and see that the chain is of its AK and
 * that PCRs 8, 14 and 15 are zero.  options outlive *out.  AC_ERR_EXISTS: a
 * PCR is not zero; others as tpm.h and akchain.h; with *why.
 */
AC_MUST_CHECK enum ac_err attest_open(struct attest **out,
    const struct attest_options *options, struct message *why);

void attest_free(struct attest *a);

/*
 * Does the AK's chain outlast a run from now_s of at most limit_s, and
 * ATTEST_AK_SPARE_S more?  AC_ERR_MISMATCH, unless a short one is accepted.
 */
AC_MUST_CHECK enum ac_err attest_check_lasting(const struct attest *a,
    int64_t now_s, uint64_t limit_s, struct message *why);

/* When the first certificate of the AK's chain ends; unix time. */
int64_t attest_not_after(const struct attest *a);

/*
 * Keep line in the log of pcr, which is ATTEST_INPUTS_PCR or
 * ATTEST_OUTPUTS_PCR, and extend that by its SHA-256.
 */
AC_MUST_CHECK enum ac_err attest_extend(struct attest *a, unsigned pcr,
    struct span line, struct message *why);

/*
 * The key of this machine's TLS, as DER SPKI: extend PCR 15 by its SHA-256 and
 * keep it for the evidence.  Before any event, once: AC_ERR_EXISTS.
 */
AC_MUST_CHECK enum ac_err attest_tls_key(struct attest *a, struct span spki,
    struct message *why);

/*
 * *out = the answer to the challenge of a peer (cert/evidence.h): a quote with
 * the nonce under its own tag, over the PCRs as they are, and the events so
 * far.  From any thread, at any time; fails as attest_quote().
 */
AC_MUST_CHECK enum ac_err attest_challenge(struct attest *a, struct buf *out,
    const uint8_t nonce[32], struct message *why);

/* Would the TPM's clock be stated as safe in a quote now? */
AC_MUST_CHECK enum ac_err attest_is_safe(struct attest *a, bool *safe,
    struct message *why);

/*
 * Quote with extra_data, once for each when.  AC_ERR_MISMATCH: PCR 8, 14 or
 * 15 is not what was extended here, or another changed since the START quote
 * or while it was quoted.
 */
AC_MUST_CHECK enum ac_err attest_quote(struct attest *a,
    enum evidence_when when, const struct digest *extra_data,
    struct message *why);

/* SHA-256 of the TPMS_ATTEST of the START quote. */
struct digest attest_start(const struct attest *a);

/*
 * *out = the evidence statement about S of digest d, whose outputs have root;
 * after both quotes.  The firmware's boot log is read here where the TPM is
 * the machine's own.
 */
AC_MUST_CHECK enum ac_err attest_evidence(struct buf *out, struct attest *a,
    const struct digest *d, const struct digest *root, struct message *why);

/*
 * May an evidence statement with the lines so far, and as much as later lines
 * take at least, be made within STATEMENT_MAX?
 */
AC_MUST_CHECK enum ac_err attest_check_room(const struct attest *a,
    struct message *why);

/*
 * The dm-verity root hash of this machine's image, from its kernel's command
 * line; false where there is none, or the TPM is not the machine's own.
 */
bool attest_image_root(const struct attest *a, struct digest *out);

#endif
