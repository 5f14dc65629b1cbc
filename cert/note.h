/*
 * note.h -- C2SP signed notes and their keys.
 *
 * The form only: a note's text and its signature lines as spans.  Which keys
 * are known, and whether their signatures hold, is the verifier's.
 */
#ifndef AICERT_CERT_NOTE_H
#define AICERT_CERT_NOTE_H

#include "cert/limits.h"
#include "common/writer.h"

/* Signature types of C2SP signed-note. */
#define NOTE_ED25519 0x01
#define NOTE_COSIGNATURE 0x04 /* timestamped Ed25519, tlog-cosignature */

#define NOTE_ED25519_BLOB 68    /* key ID, signature */
#define NOTE_COSIGNATURE_BLOB 76 /* key ID, time, signature */

struct note_signature {
	struct span name;
	uint8_t id[4];
	struct span blob; /* base64, canonical; decodes to id and the rest */
};

struct note {
	struct span text; /* what is signed, with its final LF */
	size_t nsignatures;
	struct note_signature signature[NOTE_SIGNATURES_MAX];
};

/* An Ed25519 key as a vkey names it. */
struct note_key {
	char name[NOTE_NAME_MAX + 1];
	uint8_t type;
	uint8_t pub[32];
};

/*
 * Parse a whole note of at most NOTE_MAX bytes; out borrows it.
 * AC_ERR_FORMAT, AC_ERR_LIMIT.
 */
AC_MUST_CHECK enum ac_err note_parse(struct note *out, struct span bytes);

/* The full 32 bytes of SHA-256(name || LF || type || key): a logId. */
struct digest note_key_hash(const struct note_key *key);

/* Its first four bytes: the key's ID in signature lines. */
void note_key_id(uint8_t id[4], const struct note_key *key);

/*
 * Parse "<name>+<8 hex>+<base64>" of type 0x01 or 0x04.  AC_ERR_FORMAT;
 * AC_ERR_UNSUPPORTED: well-formed, of another type; AC_ERR_MISMATCH: the ID is
 * not that of the key.
 */
AC_MUST_CHECK enum ac_err note_key_parse(struct note_key *out,
    struct span vkey);

/* Write the vkey. */
void note_key_write(struct writer *w, const struct note_key *key);

/* Is name one that keys may have: not empty, no white space, no '+'? */
bool note_name_is_valid(struct span name);

/* Is the line by the key of this name and ID? */
bool note_signature_is_by(const struct note_signature *s,
    const struct note_key *key);

/*
 * Decode the blob less its ID into out[0..len).  False where it is not of
 * that length.
 */
AC_MUST_CHECK bool note_signature_bytes(uint8_t *out, size_t len,
    const struct note_signature *s);

/*
 * Write the line "U+2014 <name> <base64>LF" for a signature by key, of type
 * 0x01 (time is not written) or 0x04.
 */
void note_signature_write(struct writer *w, const struct note_key *key,
    uint64_t time, const uint8_t sig[64]);

#endif
