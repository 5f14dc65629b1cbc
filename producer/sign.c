/* sign.c -- bundles by the builder's key; see sign.h. */
#include "cert/bundle.h"
#include "cert/dsse.h"
#include "producer/sign.h"

/* b has its hint; sign, and write it with end after it. */
static enum ac_err
sign(struct buf *out, struct bundle *b, struct span statement, size_t max,
    const struct key *k, const char *end)
{
	struct digest d = dsse_digest(statement);
	struct writer w;
	enum ac_err e;

	if (statement.len > max)
		return AC_ERR_LIMIT;
	e = key_sign(k, &d, b->sig, &b->siglen);
	if (e != AC_OK)
		return e;
	e = buf_copy(&b->statement, statement);
	if (e != AC_OK)
		return e;
	/* Base64, and the rest of the bundle. */
	wr_init(&w, max / 3 * 4 + 64 * KIB);
	bundle_write(&w, b);
	wr_str(&w, end);
	bundle_free(b);
	return wr_end(&w, out);
}

enum ac_err
sign_line(struct buf *out, struct span statement, const struct key *k)
{
	struct bundle b = { .logged = false };

	spki_hint(b.hint, key_spki(k));
	return sign(out, &b, statement, STATEMENT_MAX, k, "\n");
}

enum ac_err
sign_model(struct buf *out, struct span statement, const struct key *k)
{
	struct bundle b = { .logged = false };

	spki_hint_oms(b.hint, key_spki(k));
	return sign(out, &b, statement, OMS_STATEMENT_MAX, k, "");
}

enum ac_err
sign_both(struct buf *jsonl, struct buf *sig, struct span provenance,
    struct span evidence, struct span oms, struct span lines,
    const struct key *k)
{
	struct buf line[2] = { { 0 } }, model = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, CERTIFICATE_MAX);
	e = sign_line(&line[0], provenance, k);
	if (e == AC_OK && evidence.len > 0)
		e = sign_line(&line[1], evidence, k);
	if (e == AC_OK)
		e = sign_model(&model, oms, k);
	wr_bytes(&w, buf_span(&line[0]));
	wr_bytes(&w, buf_span(&line[1]));
	wr_bytes(&w, lines);
	if (e == AC_OK)
		e = wr_end(&w, jsonl);
	else
		wr_free(&w);
	if (e == AC_OK) {
		*sig = model;
		model = (struct buf){ 0 }; /* transferred */
	}
	buf_free(&line[0]);
	buf_free(&line[1]);
	buf_free(&model);
	return e;
}
