/* bundle.c -- Sigstore bundle v0.3, JSON form; see bundle.h. */
#include "cert/bundle.h"
#include "cert/dsse.h"
#include "cert/json.h"
#include "cert/leaf.h"
#include "common/text.h"

#define MEDIA_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"

/* protojson writes 64-bit integers as strings. */
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
decode_proof(struct bundle_entry *entry, struct json proof)
{
	struct json checkpoint = json_get(proof, "checkpoint");
	struct span note;

	if (!json_closed(proof,
	    "logIndex rootHash treeSize hashes checkpoint") ||
	    !get_uint(json_get(proof, "logIndex"), &entry->index) ||
	    !json_digest64(json_get(proof, "rootHash"), &entry->root) ||
	    !get_uint(json_get(proof, "treeSize"), &entry->size) ||
	    !json_is_array(json_get(proof, "hashes")) ||
	    !json_closed(checkpoint, "envelope") ||
	    !json_string(json_get(checkpoint, "envelope"), &note))
		return AC_ERR_FORMAT;
	JSON_EACH(h, json_get(proof, "hashes")) {
		if (entry->nproof == MERKLE_PROOF_MAX)
			return AC_ERR_LIMIT;
		if (!json_digest64(h, &entry->proof[entry->nproof]))
			return AC_ERR_FORMAT;
		entry->nproof++;
	}
	if (note.len > NOTE_MAX)
		return AC_ERR_LIMIT;
	return buf_copy(&entry->checkpoint, note);
}

static enum ac_err
decode_entry(struct bundle_entry *entry, struct json j)
{
	struct json kind = json_get(j, "kindVersion");
	struct json id = json_get(j, "logId");
	enum ac_err e;

	if (!json_closed(j, "logIndex logId kindVersion integratedTime? "
	    "inclusionProof canonicalizedBody") ||
	    !get_uint(json_get(j, "logIndex"), &entry->top_index) ||
	    !json_closed(id, "keyId") ||
	    !json_digest64(json_get(id, "keyId"), &entry->log_id) ||
	    !json_closed(kind, "kind version") ||
	    !json_is(json_get(kind, "kind"), LEAF_KIND) ||
	    !json_is(json_get(kind, "version"), LEAF_VERSION) ||
	    (json_present(json_get(j, "integratedTime")) &&
	    !json_is(json_get(j, "integratedTime"), "0")))
		return AC_ERR_FORMAT;
	e = decode_proof(entry, json_get(j, "inclusionProof"));
	if (e != AC_OK)
		return e;
	return json_base64(&entry->body, json_get(j, "canonicalizedBody"),
	    LEAF_MAX);
}

static enum ac_err
decode_material(struct bundle *b, struct json j)
{
	struct json key = json_get(j, "publicKey");
	struct json entries = json_get(j, "tlogEntries");

	if (!json_closed(j, "publicKey tlogEntries") ||
	    !json_closed(key, "hint") ||
	    !get_hint(b->hint, json_get(key, "hint")) ||
	    !json_is_array(entries) || json_count(entries) > 1)
		return AC_ERR_FORMAT;
	b->logged = json_count(entries) == 1;
	return b->logged ? decode_entry(&b->entry, json_first(entries)) : AC_OK;
}

static enum ac_err
decode_envelope(struct bundle *b, struct json j, size_t max)
{
	struct json signatures = json_get(j, "signatures");
	struct json s = json_first(signatures);
	struct buf sig = { 0 };
	enum ac_err e;

	if (!json_closed(j, "payload payloadType signatures") ||
	    !json_is(json_get(j, "payloadType"), DSSE_PAYLOAD_TYPE) ||
	    !json_is_array(signatures) || json_count(signatures) != 1 ||
	    !json_closed(s, "sig keyid") ||
	    !get_hint(b->keyid, json_get(s, "keyid")))
		return AC_ERR_FORMAT;
	e = json_base64(&sig, json_get(s, "sig"), sizeof(b->sig));
	if (e != AC_OK)
		return e;
	memcpy(b->sig, sig.p, sig.len);
	b->siglen = sig.len;
	buf_free(&sig);
	return json_base64(&b->statement, json_get(j, "payload"), max);
}

enum ac_err
bundle_decode(struct bundle *out, struct span line, size_t max)
{
	struct json_doc doc = { 0 };
	struct bundle b = { 0 };
	struct json root;
	enum ac_err e;

	e = json_parse(&doc, line);
	if (e != AC_OK)
		return e;
	root = json_root(&doc);
	e = AC_ERR_FORMAT;
	if (!json_closed(root, "mediaType verificationMaterial dsseEnvelope") ||
	    !json_is(json_get(root, "mediaType"), MEDIA_TYPE))
		goto out;
	e = decode_material(&b, json_get(root, "verificationMaterial"));
	if (e != AC_OK)
		goto out;
	e = decode_envelope(&b, json_get(root, "dsseEnvelope"), max);
	if (e != AC_OK)
		goto out;
	*out = b;
	b = (struct bundle){ 0 }; /* transferred */
	e = AC_OK;
out:
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
