/* spki.c -- the 91-byte P-256 public key; see spki.h. */
#include "cert/spki.h"
#include "common/reader.h"
#include "common/sha256.h"
#include "common/text.h"

#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----\n"
#define PEM_END "-----END PUBLIC KEY-----\n"
#define PEM_COLUMNS 64
#define SPKI_BASE64_LEN 124 /* characters of the base64 of 91 bytes */

/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 04 ... */
static const uint8_t prefix[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a,
	0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
	0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };

_Static_assert(sizeof(prefix) + 64 == SPKI_LEN, "prefix, X and Y");

bool
spki_parse(struct spki *out, struct span der)
{
	if (der.len != SPKI_LEN || !ac_equal(der.p, prefix, sizeof(prefix)))
		return false;
	memcpy(out->b, der.p, SPKI_LEN);
	return true;
}

bool
spki_from_pem(struct spki *out, struct span pem)
{
	struct reader r = rd_of(pem);
	uint8_t text[SPKI_BASE64_LEN], der[SPKI_BASE64_LEN];
	size_t n = 0, len;
	struct span line;

	if (!rd_text(&r, PEM_BEGIN))
		return false;
	for (;;) {
		if (!rd_line(&r, &line))
			return false;
		if (line.len > 0 && line.p[0] == '-')
			break;
		if (line.len == 0 || line.len > sizeof(text) - n)
			return false;
		memcpy(text + n, line.p, line.len);
		n += line.len;
	}
	return span_is(line, "-----END PUBLIC KEY-----") && rd_end(&r) &&
	    n == sizeof(text) && text_unbase64(der, &len, span_of(text, n)) &&
	    spki_parse(out, span_of(der, len));
}

void
spki_from_point(struct spki *out, const uint8_t point[SPKI_POINT_LEN])
{
	memcpy(out->b, prefix, sizeof(prefix));
	memcpy(out->b + SPKI_LEN - SPKI_POINT_LEN, point, SPKI_POINT_LEN);
}

void
spki_pem(char out[SPKI_PEM_LEN + 1], const struct spki *key)
{
	char text[SPKI_BASE64_LEN];
	size_t n = strlen(PEM_BEGIN);

	text_base64(text, span_of(key->b, SPKI_LEN));
	memcpy(out, PEM_BEGIN, n);
	for (size_t i = 0; i < sizeof(text); i += PEM_COLUMNS) {
		size_t len = sizeof(text) - i;

		if (len > PEM_COLUMNS)
			len = PEM_COLUMNS;
		memcpy(out + n, text + i, len);
		n += len;
		out[n++] = '\n';
	}
	memcpy(out + n, PEM_END, strlen(PEM_END) + 1);
}

struct digest
spki_digest(const struct spki *key)
{
	return sha256_of(span_of(key->b, SPKI_LEN));
}

void
spki_hint(char out[SPKI_HINT_MAX], const struct spki *key)
{
	struct digest d = spki_digest(key);

	text_base64(out, span_digest(&d));
	out[text_base64_len(sizeof(d.b))] = '\0';
}

void
spki_hint_oms(char out[SPKI_HINT_MAX], const struct spki *key)
{
	char pem[SPKI_PEM_LEN + 1];
	struct digest d;

	spki_pem(pem, key);
	d = sha256_of(span_of(pem, SPKI_PEM_LEN));
	text_hex(out, span_digest(&d));
	out[2 * sizeof(d.b)] = '\0';
}
