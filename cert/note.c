/* note.c -- C2SP signed-note v1.0.0; see note.h. */
#include "cert/note.h"
#include "common/reader.h"
#include "common/sha256.h"
#include "common/text.h"

#define NOTE_DASH "\xe2\x80\x94 " /* U+2014 and a space */

/* Offset of the separator: the last empty line, or SIZE_MAX. */
static size_t
find_separator(struct span bytes)
{
	for (size_t i = bytes.len; i >= 2; i--)
		if (bytes.p[i - 1] == '\n' && bytes.p[i - 2] == '\n')
			return i - 1;
	return SIZE_MAX;
}

/* UTF-8 without control characters other than LF. */
static bool
is_note_text(struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		if (bytes.p[i] < 0x20 && bytes.p[i] != '\n')
			return false;
	return text_is_utf8(bytes);
}

/*
 * Length of the white space character that s begins with, by the Unicode
 * White_Space property, or 0.
 */
static size_t
space_at(struct span s)
{
	static const char *const spaces[] = { " ", "\t", "\n", "\v", "\f", "\r",
		"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80",
		"\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84",
		"\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
		"\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9",
		"\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80" };

	for (size_t i = 0; i < AC_COUNT(spaces); i++) {
		if (span_begins(s, spaces[i]))
			return strlen(spaces[i]);
	}
	return 0;
}

bool
note_name_is_valid(struct span name)
{
	if (name.len == 0 || name.len > NOTE_NAME_MAX || !text_is_utf8(name))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] == '+' || name.p[i] < 0x20 ||
		    space_at(span_of(name.p + i, name.len - i)) > 0)
			return false;
	return true;
}

static enum ac_err
parse_signature(struct note_signature *out, struct span line)
{
	struct reader r = rd_of(line);
	struct note_signature s;
	uint8_t blob[NOTE_BLOB_MAX];
	size_t len;

	if (!rd_text(&r, NOTE_DASH) || !rd_until(&r, &s.name, ' ') ||
	    !note_name_is_valid(s.name))
		return AC_ERR_FORMAT;
	s.blob = r.left;
	if (s.blob.len / 4 * 3 > sizeof(blob))
		return AC_ERR_LIMIT;
	if (!text_unbase64(blob, &len, s.blob) || len < 5)
		return AC_ERR_FORMAT;
	memcpy(s.id, blob, sizeof(s.id));
	*out = s;
	return AC_OK;
}

enum ac_err
note_parse(struct note *out, struct span bytes)
{
	struct note n = { 0 };
	struct reader r;
	struct span line;
	size_t separator;
	enum ac_err e;

	if (bytes.len > NOTE_MAX)
		return AC_ERR_LIMIT;
	separator = find_separator(bytes);
	if (separator == SIZE_MAX || !is_note_text(bytes))
		return AC_ERR_FORMAT;
	n.text = span_of(bytes.p, separator);
	r = rd_of(span_of(bytes.p + separator + 1, bytes.len - separator - 1));
	if (rd_end(&r))
		return AC_ERR_FORMAT;
	while (!rd_end(&r)) {
		if (n.nsignatures == NOTE_SIGNATURES_MAX)
			return AC_ERR_LIMIT;
		if (!rd_line(&r, &line))
			return AC_ERR_FORMAT;
		e = parse_signature(&n.signature[n.nsignatures], line);
		if (e != AC_OK)
			return e;
		n.nsignatures++;
	}
	*out = n;
	return AC_OK;
}

struct digest
note_key_hash(const struct note_key *key)
{
	uint8_t rest[2] = { '\n', key->type };
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, span_str(key->name));
	sha256_update(&s, span_of(rest, sizeof(rest)));
	sha256_update(&s, span_of(key->pub, sizeof(key->pub)));
	return sha256_final(&s);
}

void
note_key_id(uint8_t id[4], const struct note_key *key)
{
	struct digest d = note_key_hash(key);

	memcpy(id, d.b, 4);
}

enum ac_err
note_key_parse(struct note_key *out, struct span vkey)
{
	struct reader r = rd_of(vkey);
	struct note_key key = { 0 };
	uint8_t id[4], want[4], b[2048];
	struct span name, hex;
	size_t len;

	if (!rd_until(&r, &name, '+') || !note_name_is_valid(name) ||
	    !rd_until(&r, &hex, '+') || !text_unhex(id, sizeof(id), hex) ||
	    r.left.len / 4 * 3 > sizeof(b) || !text_unbase64(b, &len, r.left) ||
	    len < 2)
		return AC_ERR_FORMAT;
	if (b[0] != NOTE_ED25519 && b[0] != NOTE_COSIGNATURE)
		return AC_ERR_UNSUPPORTED;
	if (len != 1 + sizeof(key.pub))
		return AC_ERR_FORMAT;
	memcpy(key.name, name.p, name.len);
	key.type = b[0];
	memcpy(key.pub, b + 1, sizeof(key.pub));
	note_key_id(want, &key);
	if (!ac_equal(id, want, sizeof(id)))
		return AC_ERR_MISMATCH;
	*out = key;
	return AC_OK;
}

void
note_key_write(struct writer *w, const struct note_key *key)
{
	uint8_t id[4], b[1 + sizeof(key->pub)];

	note_key_id(id, key);
	b[0] = key->type;
	memcpy(b + 1, key->pub, sizeof(key->pub));
	wr_str(w, key->name);
	wr_u8(w, '+');
	wr_hex(w, span_of(id, sizeof(id)));
	wr_u8(w, '+');
	wr_base64(w, span_of(b, sizeof(b)));
}

bool
note_signature_is_by(const struct note_signature *s, const struct note_key *key)
{
	uint8_t id[4];

	note_key_id(id, key);
	return span_is(s->name, key->name) && ac_equal(s->id, id, sizeof(id));
}

bool
note_signature_bytes(uint8_t *out, size_t len, const struct note_signature *s)
{
	uint8_t blob[128];

	if (len > sizeof(blob) - 4 ||
	    !text_unbase64_exact(blob, len + 4, s->blob))
		return false;
	memcpy(out, blob + 4, len);
	return true;
}

void
note_signature_write(struct writer *w, const struct note_key *key,
    uint64_t time, const uint8_t sig[64])
{
	uint8_t blob[NOTE_COSIGNATURE_BLOB];
	size_t n = 4;

	note_key_id(blob, key);
	if (key->type == NOTE_COSIGNATURE)
		for (int shift = 56; shift >= 0; shift -= 8)
			blob[n++] = (uint8_t)(time >> shift);
	memcpy(blob + n, sig, 64);
	wr_str(w, NOTE_DASH);
	wr_str(w, key->name);
	wr_u8(w, ' ');
	wr_base64(w, span_of(blob, n + 64));
	wr_u8(w, '\n');
}
