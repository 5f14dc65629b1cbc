/* advance.c -- from committed to public; see advance.h. */
#include <inttypes.h>

#include "registry/advance.h"
#include "registry/hook.h"

static enum ac_err
store_failed(const struct advance *a, enum ac_err e, const char *what,
    struct message *why)
{
	message_set(why, "cannot %s: %s", what, e == AC_ERR_MEMORY ?
	    ac_strerror(e) : store_error(a->store));
	return e;
}

enum ac_err
advance_check(struct advance *a, struct message *why)
{
	struct store_head last = signer_last(a->signer), head, public;
	bool published;
	enum ac_err e;

	e = store_head(a->store, &head, &published);
	if (e != AC_OK)
		return store_failed(a, e, "read the newest head", why);
	e = publish_size(a->publish, &public.size, &public.root, why);
	if (e != AC_OK)
		return e;
	if (last.size > head.size || (last.size == head.size &&
	    !digest_equal(&last.root, &head.root))) {
		message_set(why, "the signer signed a head of size %" PRIu64
		    ", the newest of the database has size %" PRIu64
		    ": the database was replaced or went back in time; "
		    "restore the newer one, nothing is signed without it",
		    last.size, head.size);
		return AC_ERR_MISMATCH;
	}
	if (public.size > head.size || (public.size == head.size &&
	    !digest_equal(&public.root, &head.root))) {
		message_set(why, "the public checkpoint has size %" PRIu64
		    ", the newest head of the database has size %" PRIu64
		    ": the database was replaced or went back in time; "
		    "restore the newer one, nothing is signed without it",
		    public.size, head.size);
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

/* Append the signed checkpoint of head. */
static enum ac_err
sign(struct advance *a, struct writer *note, const struct store_head *head,
    struct message *why)
{
	struct store_head last = signer_last(a->signer);
	struct digest proof[MERKLE_PROOF_MAX];
	size_t nproof = 0;

	if (last.size > 0 && last.size < head->size) {
		enum ac_err e = proof_consistency(a->proof, proof, &nproof,
		    last.size, head->size);

		if (e != AC_OK)
			return store_failed(a, e, "prove consistency", why);
	}
	return signer_sign(a->signer, note, head, proof, nproof, why);
}

static enum ac_err
write_tiles(struct advance *a, const struct store_head *head,
    struct message *why)
{
	struct store_head before = { 0 };
	enum ac_err e = store_published(a->store, &before);

	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		return store_failed(a, e, "read the published head", why);
	return publish_tiles(a->publish, a->store, before.size, head->size,
	    why);
}

enum ac_err
advance_head(struct advance *a, int64_t now_s, bool batch, struct message *why)
{
	struct store_head head;
	struct buf note = { 0 };
	struct writer w;
	bool published;
	enum ac_err e;

	wr_init(&w, NOTE_MAX);
	e = store_head(a->store, &head, &published);
	if (e != AC_OK) {
		e = store_failed(a, e, "read the newest head", why);
		goto out;
	}
	e = sign(a, &w, &head, why);
	if (e != AC_OK)
		goto out;
	if (batch)
		hook_at("signed");
	if (!published)
		e = write_tiles(a, &head, why);
	if (e != AC_OK)
		goto out;
	if (batch)
		hook_at("tiles");
	e = signer_cosign(a->signer, &w, &head, now_s, why);
	if (e != AC_OK)
		goto out;
	e = wr_end(&w, &note);
	if (e == AC_OK && !published)
		e = store_keep_note(a->store, head.size, buf_span(&note));
	if (e != AC_OK) {
		e = store_failed(a, e, "keep the checkpoint", why);
		goto out;
	}
	if (batch)
		hook_at("cosigned");
	e = publish_checkpoint(a->publish, buf_span(&note), why);
	if (e != AC_OK)
		goto out;
	if (batch)
		hook_at("published");
	e = published_set(a->published, &head, buf_span(&note));
	if (e != AC_OK)
		message_set(why, "the head of size %" PRIu64 " cannot follow "
		    "the one that is public: %s", head.size, ac_strerror(e));
out:
	wr_free(&w);
	buf_free(&note);
	return e;
}
