/*
 * form.h -- the form of a JSON value, written down as text: which members, of
 * which types, within which bounds.  A format of ours is such a text, beside
 * formats.md; who decodes it takes its values out of what has that form.
 *
 * What it says is exact: an object has the members named and no others.
 *
 *   s w T N      string; of at most WORD_MAX bytes; plain text of at most
 *                TEXT_MAX; the same, not empty
 *   x y h        SHA-256 in hex; in base64; any hex, not empty
 *   g t n d      commit of git in hex; time as in time.h; decimal figure;
 *                unsigned integer in decimal, as a string
 *   i =2 f F *   integer of 0 to 2^53 - 1; exactly 2; boolean; false; anything
 *   'a'|'b'      one of these strings
 *   [V]  <V>     array, object of whatever names, of values V
 *   [V 5] [V 2-5]  of at most 5, of 2 to 5; <V 5> likewise
 *   {a V b? V}   object with a, maybe with b, in any order
 *   {a V ...}    and whatever else
 *   (a V b? V)   object in this order
 */
#ifndef AICERT_CERT_FORM_H
#define AICERT_CERT_FORM_H

#include "cert/json.h"
#include "cert/limits.h"

/* The number that a macro stands for, as text. */
#define FORM_NUMBER(n) FORM_TEXT(n)
#define FORM_TEXT(n) #n

/*
 * Is j of the form?  *others, unless others is NULL, becomes the number of
 * members that the form lets through unnamed.  AC_ERR_FORMAT: it is not, or
 * has not as many values as it must have exactly; AC_ERR_LIMIT: it has more
 * values, or longer text, than it may.
 */
AC_MUST_CHECK enum ac_err form_check(struct json j, const char *form,
    size_t *others);

#endif
