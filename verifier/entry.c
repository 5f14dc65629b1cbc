/* entry.c -- steps 3 to 5 of verification; see entry.h. */
#include <inttypes.h>

#include "cert/checkpoint.h"
#include "cert/leaf.h"
#include "common/text.h"
#include "verifier/check.h"
#include "verifier/entry.h"
#include "verifier/sig.h"

static enum ac_err
not_logged(struct message *why)
{
	return BECAUSE(why, AC_ERR_NOT_FOUND, "the line has no log entry: it "
	    "is not logged");
}

/* Does hay hold the base64 of needle, which is at most 96 bytes? */
static bool
holds_base64(const struct buf *hay, struct span needle)
{
	char text[128];
	size_t n = text_base64_len(needle.len);

	if (n > sizeof(text))
		return false;
	text_base64(text, needle);
	return memmem(hay->p, hay->len, text, n) != NULL;
}

enum ac_err
entry_check_leaf(const struct certificate_line *line, const struct spki *key,
    struct message *why)
{
	const struct bundle *b = &line->bundle;
	struct buf want = { 0 };
	struct span sig = span_of(b->sig, b->siglen);
	enum ac_err e;

	if (!b->logged)
		return not_logged(why);
	e = leaf_encode(&want, &line->d, sig, key);
	if (e != AC_OK)
		return BECAUSE(why, e, "cannot build the leaf: %s",
		    ac_strerror(e));
	if (CHECK(leaf, span_equal(buf_span(&want),
	    buf_span(&b->entry.body)))) {
		buf_free(&want);
		return AC_OK;
	}
	buf_free(&want);
	/* Only for the sentence: equality has decided. */
	if (!holds_base64(&b->entry.body, span_digest(&line->d))) {
		message_set(why, "the logged leaf is about another statement "
		    "than D %s", message_digest(&line->d).text);
	} else if (!holds_base64(&b->entry.body, sig)) {
		message_set(why, "the logged leaf has another signature than "
		    "the line");
	} else if (!holds_base64(&b->entry.body, span_of(key->b, SPKI_LEN))) {
		message_set(why, "the logged leaf names another key than the "
		    "one that signed the line");
	} else {
		message_set(why, "the logged leaf is not in the one canonical "
		    "form (hashedrekord 0.0.2) of this statement, signature "
		    "and key");
	}
	return AC_ERR_MISMATCH;
}

/* The note and its checkpoint, which says what the entry says. */
static enum ac_err
read_checkpoint(struct note *note, struct checkpoint *c,
    const struct bundle_entry *entry, struct message *why)
{
	enum ac_err e = note_parse(note, buf_span(&entry->checkpoint));

	if (e == AC_OK)
		e = checkpoint_parse(c, note->text);
	if (e != AC_OK)
		return BECAUSE(why, AC_ERR_FORMAT, "the checkpoint is %s as a "
		    "signed note of a log's size and root", ac_strerror(e));
	if (!CHECK(tree_size, entry->size == c->size))
		return BECAUSE(why, AC_ERR_MISMATCH, "treeSize is %" PRIu64 ", "
		    "the checkpoint says %" PRIu64, entry->size, c->size);
	if (!CHECK(root_hash, digest_equal(&entry->root, &c->root)))
		return BECAUSE(why, AC_ERR_MISMATCH, "rootHash is %s, the "
		    "checkpoint says %s", message_digest(&entry->root).text,
		    message_digest(&c->root).text);
	return AC_OK;
}

enum ac_err
entry_check_inclusion(const struct certificate_line *line, struct message *why)
{
	const struct bundle_entry *entry = &line->bundle.entry;
	struct checkpoint c;
	struct digest leaf;
	struct note note;
	enum ac_err e;

	if (!line->bundle.logged)
		return not_logged(why);
	if (!CHECK(log_index, entry->top_index == entry->index))
		return BECAUSE(why, AC_ERR_MISMATCH, "the entry has two "
		    "places: logIndex %" PRIu64 ", in its proof %" PRIu64,
		    entry->top_index, entry->index);
	e = read_checkpoint(&note, &c, entry, why);
	if (e != AC_OK)
		return e;
	leaf = merkle_leaf(buf_span(&entry->body));
	e = merkle_check_inclusion(entry->index, c.size, &leaf, &c.root,
	    entry->proof, entry->nproof);
	if (CHECK(inclusion, e == AC_OK))
		return AC_OK;
	if (e == AC_ERR_FORMAT)
		message_set(why, "no inclusion proof of %zu hashes can be for "
		    "entry %" PRIu64 " of %" PRIu64, entry->nproof,
		    entry->index, c.size);
	else
		message_set(why, "the inclusion proof of entry %" PRIu64 " does "
		    "not lead to the root of the %" PRIu64 " entries in the "
		    "checkpoint", entry->index, c.size);
	return e;
}

enum ac_err
entry_check_checkpoint(const struct certificate_line *line,
    const struct note_key *log, struct message *why)
{
	const struct bundle_entry *entry = &line->bundle.entry;
	struct digest id = note_key_hash(log);
	struct checkpoint c;
	struct note note;
	int64_t time_s;
	enum ac_err e;

	if (!line->bundle.logged)
		return not_logged(why);
	if (log->type != NOTE_ED25519)
		return BECAUSE(why, AC_ERR_MISMATCH, "the key %s is no log's: "
		    "a log signs with a plain Ed25519 key (type 1)",
		    message_quoted(span_str(log->name)).text);
	if (!CHECK(log_id, digest_equal(&entry->log_id, &id)))
		return BECAUSE(why, AC_ERR_MISMATCH, "logId is %s, the key of "
		    "the log %s has %s", message_digest(&entry->log_id).text,
		    message_quoted(span_str(log->name)).text,
		    message_digest(&id).text);
	e = read_checkpoint(&note, &c, entry, why);
	if (e != AC_OK)
		return e;
	if (!CHECK(origin, span_is(c.origin, log->name)))
		return BECAUSE(why, AC_ERR_MISMATCH, "the checkpoint is of the "
		    "log %s, not of %s", message_quoted(c.origin).text,
		    message_quoted(span_str(log->name)).text);
	e = sig_note(&time_s, &note, log);
	if (CHECK(log_signature, e == AC_OK))
		return AC_OK;
	message_set(why, e == AC_ERR_NOT_FOUND ?
	    "the checkpoint has no signature by the log " :
	    e == AC_ERR_MISMATCH ?
	    "a signature of the checkpoint does not hold under the key of " :
	    "cannot check the checkpoint's signature by the log ");
	message_add_quoted(why, span_str(log->name));
	return e == AC_ERR_CRYPTO ? e : AC_ERR_MISMATCH;
}
