/*
 * compare.h -- what is different between two UKIs, and which PCR each
 * difference changed.
 */
#ifndef AICERT_VM_IMAGE_COMPARE_H
#define AICERT_VM_IMAGE_COMPARE_H

#include "vm-image/predict.h"

/* Of UKIs: their parts; the stub's own code; the headers; the signature. */
#define COMPARE_STUB UKI_PARTS
#define COMPARE_HEADERS (UKI_PARTS + 1)
#define COMPARE_SIGNATURE (UKI_PARTS + 2)
#define COMPARE_COMPONENTS (UKI_PARTS + 3)

struct compare {
	bool differs[COMPARE_COMPONENTS];
	uint32_t pcrs[COMPARE_COMPONENTS]; /* a bit for each it changed */
	struct predict a, b;
	uint32_t changed;                  /* PCRs that are not the same */
	bool same;                         /* every byte */
};

/* The name of a component: that of a section, or what it is. */
const char *compare_name(unsigned component);

/* Compare.  As predict_pcrs(). */
AC_MUST_CHECK enum ac_err compare_ukis(struct compare *out,
    const struct uki *a, const struct uki *b, bool secure_boot,
    struct message *why);

#endif
