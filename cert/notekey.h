/*
 * notekey.h -- private keys of signed notes: the text of their files, and the
 * lines that they sign.
 *
 * A file holds one line, the private key text of C2SP note tools:
 * "PRIVATE+KEY+<name>+<ID>+<base64 of type and seed>".  Secrets are in guarded
 * memory and wiped.  Whether something may be signed is the caller's.
 */
#ifndef AICERT_CERT_NOTEKEY_H
#define AICERT_CERT_NOTEKEY_H

#include "cert/note.h"

#define NOTEKEY_FILE_MAX 1024 /* bytes */

struct notekey;

/*
 * *text = the file of a new key; *pub its public half.  name is valid in
 * notes, type NOTE_ED25519 or NOTE_COSIGNATURE.  The caller wipes *text.
 * AC_ERR_CRYPTO, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err notekey_generate(struct buf *text,
    struct note_key *pub, const char *name, uint8_t type);

/* Take the text of a file.  AC_ERR_FORMAT, AC_ERR_MEMORY, AC_ERR_CRYPTO. */
AC_MUST_CHECK enum ac_err notekey_parse(struct notekey **out,
    struct span text);

void notekey_free(struct notekey *k);

/* The public half. */
const struct note_key *notekey_public(const struct notekey *k);

/*
 * Append to w the signature line for the note's text: of type 0x01 over the
 * text, of type 0x04 over time_s and text.  AC_ERR_LIMIT, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err notekey_sign(struct writer *w, const struct notekey *k, struct span text,
    uint64_t time_s);

#endif
