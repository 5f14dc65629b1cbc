/*
 * weights.h -- which files of a model are its weights (formats.md section 2):
 * those of a known suffix, or every file if there is none of them.
 */
#ifndef AICERT_CERT_WEIGHTS_H
#define AICERT_CERT_WEIGHTS_H

#include "cert/oms.h"

/* Has any of file[0..n) a weight suffix? */
bool weights_have_suffix(const struct oms_file file[], size_t n);

/*
 * Is name a weight file of a model for which weights_have_suffix() said
 * suffixed?
 */
bool weights_is(struct span name, bool suffixed);

/* How many of file[0..n) are. */
size_t weights_count(const struct oms_file file[], size_t n);

#endif
