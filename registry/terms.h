/*
 * terms.h -- by what a statement is found in the log: digests of its subjects,
 * names and licences of what it was made from, its signer, its type.
 */
#ifndef AICERT_REGISTRY_TERMS_H
#define AICERT_REGISTRY_TERMS_H

#include "cert/provenance.h"
#include "cert/statement.h"
#include "registry/unit.h"

/*
 * Set the line's terms and FLOPs: everything that s, signed by line->key, is
 * found by; provenance is NULL for other kinds.  AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err terms_of(struct unit_line *line,
    const struct statement *s, const struct provenance_view *provenance);

#endif
