/* leaf.c -- the hashedrekord body; see leaf.h. */
#include "cert/leaf.h"
#include "common/reader.h"
#include "common/text.h"

/* The body is this text with three values in base64 between its parts. */
static const char *const part[] = {
	("{\"apiVersion\":\"" LEAF_VERSION "\",\"kind\":\"" LEAF_KIND
	    "\",\"spec\":{\"hashedRekordV002\":{\"data\":{\"algorithm\":"
	    "\"SHA2_256\",\"digest\":\""),
	"\"},\"signature\":{\"content\":\"",
	("\",\"verifier\":{\"keyDetails\":\"PKIX_ECDSA_P256_SHA_256\","
	    "\"publicKey\":{\"rawBytes\":\""),
	"\"}}}}}}",
};

enum ac_err
leaf_encode(struct buf *out, const struct digest *d, struct span sig,
    const struct spki *key)
{
	struct writer w;

	wr_init(&w, LEAF_MAX);
	wr_str(&w, part[0]);
	wr_base64(&w, span_digest(d));
	wr_str(&w, part[1]);
	wr_base64(&w, sig);
	wr_str(&w, part[2]);
	wr_base64(&w, span_of(key->b, SPKI_LEN));
	wr_str(&w, part[3]);
	return wr_end(&w, out);
}

/* The part, then *len <= max bytes in base64; its quote stays. */
static bool
take(struct reader *r, const char *text, uint8_t *out, size_t *len, size_t max)
{
	uint8_t b[SPKI_LEN + 3];
	struct span quoted;
	size_t n = 0;

	if (!rd_text(r, text))
		return false;
	while (n < r->left.len && r->left.p[n] != '"')
		n++;
	if (!rd_take(r, &quoted, n) || quoted.len / 4 * 3 > sizeof(b) ||
	    !text_unbase64(b, len, quoted) || *len > max)
		return false;
	memcpy(out, b, *len);
	return true;
}

enum ac_err
leaf_decode(struct leaf *out, struct span body)
{
	struct reader r = rd_of(body);
	uint8_t der[SPKI_LEN];
	struct leaf l = { .siglen = 0 };
	size_t n, m;

	if (!take(&r, part[0], l.d.b, &n, sizeof(l.d.b)) ||
	    n != sizeof(l.d.b) ||
	    !take(&r, part[1], l.sig, &l.siglen, sizeof(l.sig)) ||
	    l.siglen == 0 ||
	    !take(&r, part[2], der, &m, sizeof(der)) ||
	    !spki_parse(&l.key, span_of(der, m)) ||
	    !rd_text(&r, part[3]) || !rd_end(&r))
		return AC_ERR_FORMAT;
	*out = l;
	return AC_OK;
}
