/* bundle.c -- Sigstore bundle v0.3, JSON form; see bundle.h. */
#include "cert/bundle.h"
#include "cert/dsse.h"
#include "cert/form.h"
#include "cert/leaf.h"
#include "common/text.h"

#define MEDIA_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"

/* protojson writes 64-bit integers as strings. */
#define PROOF "{logIndex d rootHash y treeSize d hashes [y " \
    FORM_NUMBER(MERKLE_PROOF_MAX) "] checkpoint {envelope s}}"
#define ENTRY "{logIndex d logId {keyId y} kindVersion {kind '" LEAF_KIND \
    "' version '" LEAF_VERSION "'} integratedTime? '0' inclusionProof " PROOF \
    " canonicalizedBody s}"
#define BUNDLE "{mediaType '" MEDIA_TYPE "' verificationMaterial {publicKey " \
    "{hint s} tlogEntries [" ENTRY "]} dsseEnvelope {payload s payloadType '" \
    DSSE_PAYLOAD_TYPE "' signatures [{sig s keyid s} 1-1]}}"

static bool
get_uint(struct json j, uint64_t *out)
{
	struct span s;

	return json_string(j, &s) && text_undec(out, s, MERKLE_SIZE_MAX);
}

/* A string that fits the hint's array; NUL cannot be in it. */
static bool
get_hint(char out[SPKI_HINT_MAX], struct json j)
{
	struct span s;

	if (!json_string(j, &s) || s.len >= SPKI_HINT_MAX)
		return false;
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return true;
}

static enum ac_err
take_entry(struct bundle_entry *entry, struct json j)
{
	struct json proof = json_get(j, "inclusionProof");
	struct json checkpoint = json_get(proof, "checkpoint");
	struct span note;
	enum ac_err e;

	if (!get_uint(json_get(j, "logIndex"), &entry->top_index) ||
	    !json_digest64(json_at(j, "logId.keyId"), &entry->log_id) ||
	    !get_uint(json_get(proof, "logIndex"), &entry->index) ||
	    !json_digest64(json_get(proof, "rootHash"), &entry->root) ||
	    !get_uint(json_get(proof, "treeSize"), &entry->size) ||
	    !json_string(json_get(checkpoint, "envelope"), &note))
		return AC_ERR_FORMAT;
	JSON_EACH(h, json_get(proof, "hashes"))
		if (!json_digest64(h, &entry->proof[entry->nproof++]))
			return AC_ERR_FORMAT;
	if (note.len > NOTE_MAX)
		return AC_ERR_LIMIT;
	e = buf_copy(&entry->checkpoint, note);
	return e != AC_OK ? e : json_base64(&entry->body,
	    json_get(j, "canonicalizedBody"), LEAF_MAX);
}

static enum ac_err
take(struct bundle *b, struct json root, size_t max)
{
	struct json material = json_get(root, "verificationMaterial");
	struct json entries = json_get(material, "tlogEntries");
	struct json envelope = json_get(root, "dsseEnvelope");
	struct json signature = json_first(json_get(envelope, "signatures"));
	struct buf sig = { 0 };
	enum ac_err e = form_check(root, BUNDLE, NULL);

	if (e == AC_OK && (json_count(entries) > 1 ||
	    !get_hint(b->hint, json_at(material, "publicKey.hint")) ||
	    !get_hint(b->keyid, json_get(signature, "keyid"))))
		e = AC_ERR_FORMAT;
	b->logged = json_count(entries) == 1;
	if (e == AC_OK && b->logged)
		e = take_entry(&b->entry, json_first(entries));
	if (e == AC_OK)
		e = json_base64(&sig, json_get(signature, "sig"),
		    sizeof(b->sig));
	if (e != AC_OK)
		return e;
	memcpy(b->sig, sig.p, sig.len);
	b->siglen = sig.len;
	buf_free(&sig);
	return json_base64(&b->statement, json_get(envelope, "payload"), max);
}

enum ac_err
bundle_decode(struct bundle *out, struct span line, size_t max)
{
	struct json_doc doc = { 0 };
	struct bundle b = { 0 };
	enum ac_err e = json_parse(&doc, line);

	if (e == AC_OK)
		e = take(&b, json_root(&doc), max);
	if (e == AC_OK)
		*out = b; /* transferred */
	else
		bundle_free(&b);
	json_free(&doc);
	return e;
}

void
bundle_write_entry(struct writer *w, const struct bundle_entry *e)
{
	wr_str(w, "{\"logIndex\":\"");
	wr_dec(w, e->top_index);
	wr_str(w, "\",\"logId\":{\"keyId\":\"");
	wr_base64(w, span_digest(&e->log_id));
	wr_str(w, "\"},\"kindVersion\":{\"kind\":\"" LEAF_KIND
	    "\",\"version\":\"" LEAF_VERSION "\"},\"integratedTime\":\"0\","
	    "\"inclusionProof\":{\"logIndex\":\"");
	wr_dec(w, e->index);
	wr_str(w, "\",\"rootHash\":\"");
	wr_base64(w, span_digest(&e->root));
	wr_str(w, "\",\"treeSize\":\"");
	wr_dec(w, e->size);
	wr_str(w, "\",\"hashes\":[");
	for (size_t i = 0; i < e->nproof; i++) {
		wr_str(w, i == 0 ? "\"" : ",\"");
		wr_base64(w, span_digest(&e->proof[i]));
		wr_u8(w, '"');
	}
	wr_str(w, "],\"checkpoint\":{\"envelope\":");
	wr_json(w, buf_span(&e->checkpoint));
	wr_str(w, "}},\"canonicalizedBody\":\"");
	wr_base64(w, buf_span(&e->body));
	wr_str(w, "\"}");
}

void
bundle_write(struct writer *w, const struct bundle *b)
{
	wr_str(w, "{\"mediaType\":\"" MEDIA_TYPE
	    "\",\"verificationMaterial\":{\"publicKey\":{\"hint\":");
	wr_json(w, span_str(b->hint));
	wr_str(w, "},\"tlogEntries\":[");
	if (b->logged)
		bundle_write_entry(w, &b->entry);
	wr_str(w, "]},\"dsseEnvelope\":{\"payload\":\"");
	wr_base64(w, buf_span(&b->statement));
	wr_str(w, "\",\"payloadType\":\"" DSSE_PAYLOAD_TYPE
	    "\",\"signatures\":[{\"sig\":\"");
	wr_base64(w, span_of(b->sig, b->siglen));
	wr_str(w, "\",\"keyid\":");
	wr_json(w, span_str(b->keyid));
	wr_str(w, "}]}}");
}

void
bundle_free(struct bundle *b)
{
	buf_free(&b->statement);
	buf_free(&b->entry.checkpoint);
	buf_free(&b->entry.body);
	*b = (struct bundle){ 0 };
}
