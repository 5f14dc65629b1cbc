/* leaf.c -- the hashedrekord body; see leaf.h. */
#include "cert/leaf.h"
#include "cert/limits.h"

enum ac_err
leaf_encode(struct buf *out, const struct digest *d, struct span sig,
    const struct spki *key)
{
	struct writer w;

	wr_init(&w, LEAF_MAX);
	wr_str(&w, "{\"apiVersion\":\"" LEAF_VERSION "\",\"kind\":\"" LEAF_KIND
	    "\",\"spec\":{\"hashedRekordV002\":{\"data\":{\"algorithm\":"
	    "\"SHA2_256\",\"digest\":\"");
	wr_base64(&w, span_digest(d));
	wr_str(&w, "\"},\"signature\":{\"content\":\"");
	wr_base64(&w, sig);
	wr_str(&w, "\",\"verifier\":{\"keyDetails\":\"PKIX_ECDSA_P256_SHA_256\","
	    "\"publicKey\":{\"rawBytes\":\"");
	wr_base64(&w, span_of(key->b, SPKI_LEN));
	wr_str(&w, "\"}}}}}}");
	return wr_end(&w, out);
}
