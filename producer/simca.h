/*
 * simca.h -- the certificate authority of a simulated TPM.
 *
 * Makes, once, a root, an intermediate and the certificate of one
 * attestation key, each called SIMULATED in its subject; keeps nothing and
 * writes no files.  Standard: RFC 5280; the leaf's extended key usage is
 * TCG's tcg-kp-AIKCertificate.
 */
#ifndef AICERT_PRODUCER_SIMCA_H
#define AICERT_PRODUCER_SIMCA_H

#include "common/err.h"
#include "common/writer.h"

#define SIMCA_CA_DAYS 7300u /* the validity of root and intermediate */

/* What simca_issue() makes; simca_free() wipes and frees it. */
struct simca {
	struct buf root_key;         /* PEM, PKCS #8 */
	struct buf intermediate_key; /* PEM, PKCS #8 */
	struct buf root;             /* PEM */
	struct buf chain;            /* PEM: leaf, intermediate, root */
	struct buf leaf;             /* DER */
};

/*
 * Certify the RSA key of modulus (big-endian; the exponent is 65537) from
 * five minutes before now_s, for clocks differ, until days after it.
 * AC_ERR_LIMIT: no days, or more than the CA's; AC_ERR_CRYPTO.
 */
AC_MUST_CHECK enum ac_err simca_issue(struct simca *out, struct span modulus,
    int64_t now_s, unsigned days);

void simca_free(struct simca *s);

#endif
