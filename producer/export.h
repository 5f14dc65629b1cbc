/*
 * export.h -- a certificate in other forms, for other tools and for people.
 * What goes out is what the certificate states; nothing is added to it, and
 * nothing is judged.
 */
#ifndef AICERT_PRODUCER_EXPORT_H
#define AICERT_PRODUCER_EXPORT_H

#include "producer/facts.h"

/*
 * A CycloneDX 1.6 bill of materials in JSON: the model with its weight files,
 * and every input with its digest.  name is what the model is to be called.
 */
void export_cyclonedx(struct writer *w, const struct facts *f,
    struct span name);

/* A page in Markdown (CommonMark with tables), for a model hub. */
void export_card(struct writer *w, const struct facts *f, struct span name);

/* An in-toto attestation bundle: the DSSE envelopes, one a line. */
void export_in_toto(struct writer *w, const struct facts *f);

/*
 * The log's proof of line i, which must be logged, as a C2SP tlog-proof.
 */
void export_tlog_proof(struct writer *w, const struct facts *f, size_t i);

#endif
