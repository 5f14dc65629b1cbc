/*
 * roots.h -- the OMS root in the other order: other tools list a model's files
 * by the components of their paths, the specification by their whole names, so
 * that a model in folders has two roots.  S states one of them.
 */
#ifndef AICERT_REGISTRY_ROOTS_H
#define AICERT_REGISTRY_ROOTS_H

#include "cert/provenance.h"

/*
 * *out = the root of v's files in the order of path components.
 * AC_ERR_NOT_FOUND: it is the one that S states, or S does not name all files,
 * which its own root tells; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err roots_other(struct digest *out,
    const struct provenance_view *v);

#endif
