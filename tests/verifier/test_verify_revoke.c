/*
 * Step 17: what revocations void, whose count, and snapshots that do not.
 */
#include <openssl/x509.h>

#include "cert/dsse.h"
#include "common/sha256.h"
#include "tests/verifier/rows.h"

#define TRUST                                                                 \
	"log @log\nlog-time @time\nquorum none\nbuilder test @builder\n"      \
	"ak-root @root sim simulated unmeasured-boot\n"
#define REGISTRY TRUST "registry log.example.org @registry\n"
#define REVOKER REGISTRY "revoker us @revoker\n"
#define FRESH REGISTRY "require revocation-state 36h\n"
#define FRESHER REGISTRY "require revocation-state 35h\n"

#define VOID .step = VERIFY_REVOCATION, .status = VERIFY_FAILED
#define VALID .step = VERIFY_REVOCATION, .status = VERIFY_OK
#define UNKNOWN .step = VERIFY_REVOCATION, .status = VERIFY_NOT_CHECKED
#define UNMET .step = VERIFY_REVOCATION, .status = VERIFY_NOT_ACCEPTED

static struct digest
fingerprint(EVP_PKEY *key)
{
	struct spki k = fixture_spki(key);

	return spki_digest(&k);
}

/* Add a revocation at the index, scope all unless an origin is given. */
static struct revocation *
revoke(struct fixture *f, EVP_PKEY *by, uint64_t index, const char *origin,
    uint64_t from)
{
	struct fixture_revocation *r = &f->revocation[f->nrevocations++];

	*r = (struct fixture_revocation){ .key = by, .index = index };
	r->r.digest = dsse_digest(buf_span(&f->line[0].statement));
	r->r.reason = span_str("key \"lost\"");
	r->r.from = origin != NULL;
	if (origin != NULL) {
		r->r.origin = span_str(origin);
		r->r.index = from;
	}
	return &r->r;
}

#define US f->keys->builder
#define OTHER f->keys->other_builder
#define HERE "log.example.org"
#define THERE "log.example.net"

/* At FIXTURE_SETUP there is a snapshot, at FIXTURE_REVOKE it is filled. */
#define SNAPSHOT(name, statement)                                             \
	static void name(struct fixture *f)                                   \
	{                                                                     \
		f->with_snapshot = true;                                      \
		if (f->stage == FIXTURE_REVOKE) {                             \
			statement;                                            \
		}                                                             \
	}

SNAPSHOT(none, (void)f)
SNAPSHOT(by_builder, (void)revoke(f, US, 9, NULL, 0))
SNAPSHOT(by_stranger, (void)revoke(f, OTHER, 9, NULL, 0))
SNAPSHOT(by_revoker, (void)revoke(f, f->keys->revoker, 9, NULL, 0))
SNAPSHOT(from_before, (void)revoke(f, US, 9, HERE, 1))
SNAPSHOT(from_line_1, (void)revoke(f, US, 9, HERE, FIXTURE_INDEX))
SNAPSHOT(from_line_2, (void)revoke(f, US, 9, HERE, FIXTURE_INDEX + 1))
SNAPSHOT(from_after, (void)revoke(f, US, 9, HERE, FIXTURE_INDEX + 2))
SNAPSHOT(from_elsewhere, (void)revoke(f, US, 9, THERE, 1000))

static void
key_revoked(struct fixture *f, EVP_PKEY *key, EVP_PKEY *by, uint64_t at,
    const char *origin, uint64_t from)
{
	struct revocation *r = revoke(f, by, at, origin, from);

	r->target = REVOCATION_KEY;
	r->digest = fingerprint(key);
}

SNAPSHOT(key_by_itself, key_revoked(f, US, US, 9, NULL, 0))
SNAPSHOT(key_by_other, key_revoked(f, US, OTHER, 9, NULL, 0))
SNAPSHOT(key_by_revoker, key_revoked(f, US, f->keys->revoker, 9, NULL, 0))
SNAPSHOT(key_from_after, key_revoked(f, US, US, 9, HERE, 5))
SNAPSHOT(key_from_line_2, key_revoked(f, US, US, 9, HERE, 4))
SNAPSHOT(other_key, key_revoked(f, OTHER, OTHER, 9, NULL, 0))

/* The attestation key cannot sign a revocation; a revoker can. */
static void
ak_by(struct fixture *f, EVP_PKEY *by)
{
	struct revocation *r = revoke(f, by, 9, NULL, 0);
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(f->keys->ak, &der);

	assert_true(len > 0);
	r->target = REVOCATION_KEY;
	r->digest = sha256_of(span_of(der, (size_t)len));
	OPENSSL_free(der);
}

SNAPSHOT(ak_by_revoker, ak_by(f, f->keys->revoker))
SNAPSHOT(ak_by_builder, ak_by(f, US))
SNAPSHOT(evidence, revoke(f, US, 9, NULL, 0)->digest =
    dsse_digest(buf_span(&f->line[1].statement)))
SNAPSHOT(evidence_as_image, { struct revocation *r = revoke(f, US, 9, NULL, 0);
    r->target = REVOCATION_IMAGE; })
SNAPSHOT(other_statement, revoke(f, US, 9, NULL, 0)->digest =
    sha256_of(span_str("another")))

/* Several of one target. */
SNAPSHOT(two_smallest, { (void)revoke(f, US, 9, HERE, 20);
    (void)revoke(f, US, 10, HERE, 4); })
SNAPSHOT(two_smallest_first, { (void)revoke(f, US, 9, HERE, 4);
    (void)revoke(f, US, 10, HERE, 20); })
SNAPSHOT(none_lifted, { (void)revoke(f, US, 9, NULL, 0);
    (void)revoke(f, US, 10, HERE, 20); })
SNAPSHOT(both_logs, { (void)revoke(f, US, 9, THERE, 1);
    (void)revoke(f, US, 10, HERE, 20); })
SNAPSHOT(both_logs_void, { (void)revoke(f, US, 9, HERE, 4);
    (void)revoke(f, US, 10, THERE, 20); })
SNAPSHOT(twice, { (void)revoke(f, US, 9, NULL, 0);
    (void)revoke(f, US, 12, NULL, 0); })
SNAPSHOT(under_two_keys, { (void)revoke(f, OTHER, 9, NULL, 0);
    (void)revoke(f, US, 12, NULL, 0); })

static const struct row revoked[] = {
	{ .name = "nothing revoked", .hook = none, .policy = REGISTRY, VALID,
	  .says = "none of 0 revocations concerns this, in the first 30 "
	  "entries of \"log.example.org\" as of 2026-01-02T00:00:00Z, 36 h "
	  "old" },
	{ .name = "the statement, by its builder", .hook = by_builder,
	  .policy = REGISTRY, VOID, .says = "the provenance is revoked by " },
	{ .name = "its reason is shown escaped", .hook = by_builder,
	  .policy = REGISTRY, VOID, .says = ": \"key \\x22lost\\x22\"" },
	{ .name = "the statement, by a stranger", .hook = by_stranger,
	  .policy = REGISTRY, VALID, .says = "1 ignored, for they are by" },
	{ .name = "the statement, by a revoker", .hook = by_revoker,
	  .policy = REVOKER, VOID, .says = "the provenance is revoked" },
	{ .name = "by the revoker of another policy", .hook = by_revoker,
	  .policy = REGISTRY, VALID, .says = "1 ignored" },
	{ .name = "from before", .hook = from_before, .policy = REGISTRY,
	  VOID, .says = "from entry 1 on, this has 4" },
	{ .name = "from line 1 on", .hook = from_line_1, .policy = REGISTRY,
	  VOID, .says = "from entry 3 on" },
	{ .name = "from line 2 on", .hook = from_line_2, .policy = REGISTRY,
	  VOID, .says = "from entry 4 on" },
	{ .name = "from after both on", .hook = from_after,
	  .policy = REGISTRY, VALID },
	{ .name = "from an entry of another log on", .hook = from_elsewhere,
	  .policy = REGISTRY, VOID, .says = "the provenance is revoked" },
	{ .name = "the builder's key, by itself", .hook = key_by_itself,
	  .policy = REGISTRY, VOID, .says = "the builder's key is revoked" },
	{ .name = "the builder's key, by another", .hook = key_by_other,
	  .policy = REGISTRY, VALID, .says = "1 ignored" },
	{ .name = "the builder's key, by a revoker", .hook = key_by_revoker,
	  .policy = REVOKER, VOID, .says = "the builder's key is revoked" },
	{ .name = "the builder's key from later on", .hook = key_from_after,
	  .policy = REGISTRY, VALID },
	{ .name = "the builder's key from line 2 on",
	  .hook = key_from_line_2, .policy = REGISTRY, VOID,
	  .says = "from entry 4 on, this has 4" },
	{ .name = "another key", .hook = other_key, .policy = REGISTRY,
	  VALID, .says = "none of 1 revocations" },
	{ .name = "the attestation key, by a revoker", .hook = ak_by_revoker,
	  .policy = REVOKER, VOID, .says = "the attestation key is revoked" },
	{ .name = "the attestation key, by the builder",
	  .hook = ak_by_builder, .policy = REVOKER, VALID,
	  .says = "1 ignored" },
	{ .name = "line 2", .hook = evidence, .policy = REGISTRY, VOID,
	  .says = "the evidence is revoked" },
	{ .name = "line 1, called an image release",
	  .hook = evidence_as_image, .policy = REGISTRY, VALID },
	{ .name = "another statement", .hook = other_statement,
	  .policy = REGISTRY, VALID },
	{ .name = "two, the second from earlier on", .hook = two_smallest,
	  .policy = REGISTRY, VOID, .says = "from entry 4 on" },
	{ .name = "two, the first from earlier on",
	  .hook = two_smallest_first, .policy = REGISTRY, VOID,
	  .says = "from entry 4 on" },
	{ .name = "a later one does not lift", .hook = none_lifted,
	  .policy = REGISTRY, VOID, .says = "is revoked by" },
	{ .name = "from on in both logs, later here", .hook = both_logs,
	  .policy = REGISTRY, VALID },
	{ .name = "from on in both logs, earlier here",
	  .hook = both_logs_void, .policy = REGISTRY, VOID,
	  .says = "from entry 4 on" },
	{ .name = "the same twice", .hook = twice, .policy = REGISTRY, VOID,
	  .says = "is revoked" },
	{ .name = "under two keys", .hook = under_two_keys,
	  .policy = REGISTRY, VOID, .says = "is revoked" },
};

/* ---- The image that booted ---- */

#define BOOTED .booted = true, .policy = "log @log\nlog-time @time\n"         \
	"quorum none\nbuilder test @builder\nak-root @root sim simulated\n"   \
	"pcr 0 @pcr0.\npcr 1 @pcr1.\npcr 3 @pcr3.\npcr 5 @pcr5.\n"            \
	"pcr 7 @pcr7.\nimage ours @release\n"                                 \
	"registry log.example.org @registry\nrevoker us @revoker\n"

/* Line 3, wherever from is. */
static void
revoke_image(struct fixture *f, EVP_PKEY *by, const char *origin,
    uint64_t from)
{
	struct revocation *r = revoke(f, by, 9, origin, from);

	r->target = REVOCATION_IMAGE;
	r->digest = dsse_digest(buf_span(&f->line[2].statement));
}

static void
revoke_publisher(struct fixture *f, EVP_PKEY *by)
{
	struct revocation *r = revoke(f, by, 9, NULL, 0);

	r->target = REVOCATION_KEY;
	r->digest = fingerprint(f->keys->publisher);
}

#define PUBLISHER f->keys->publisher

SNAPSHOT(image_by_publisher, revoke_image(f, PUBLISHER, NULL, 0))
SNAPSHOT(image_by_revoker, revoke_image(f, f->keys->revoker, NULL, 0))
SNAPSHOT(image_by_builder, revoke_image(f, US, NULL, 0))
SNAPSHOT(image_from_itself, revoke_image(f, PUBLISHER, HERE, 5))
SNAPSHOT(image_from_later, revoke_image(f, PUBLISHER, HERE, 6))
SNAPSHOT(other_image, { revoke_image(f, PUBLISHER, NULL, 0);
    f->revocation[0].r.digest.b[0] ^= 1; })
SNAPSHOT(publisher_by_itself, revoke_publisher(f, PUBLISHER))
SNAPSHOT(publisher_by_builder, revoke_publisher(f, US))

static const struct row images[] = {
	{ .name = "nothing revoked, of a real boot", .hook = none, BOOTED,
	  VALID },
	{ .name = "the image release, by its publisher",
	  .hook = image_by_publisher, BOOTED, VOID,
	  .says = "the image release is revoked" },
	{ .name = "the image release, by a revoker",
	  .hook = image_by_revoker, BOOTED, VOID,
	  .says = "the image release is revoked" },
	{ .name = "the image release, by the builder",
	  .hook = image_by_builder, BOOTED, VALID, .says = "1 ignored" },
	{ .name = "the image release, from its own entry on",
	  .hook = image_from_itself, BOOTED, VOID,
	  .says = "from entry 5 on" },
	{ .name = "the image release, from later on",
	  .hook = image_from_later, BOOTED, VALID },
	{ .name = "another image release", .hook = other_image, BOOTED,
	  VALID },
	{ .name = "the publisher's key, by itself",
	  .hook = publisher_by_itself, BOOTED, VOID,
	  .says = "the image's publisher is revoked" },
	{ .name = "the publisher's key, by the builder",
	  .hook = publisher_by_builder, BOOTED, VALID,
	  .says = "1 ignored" },
};

static void
run_always(const struct row rows[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct row r = rows[i];

		r.every = true;
		rows_run(&r, 1);
	}
}

static void
revocations(void **state)
{
	(void)state;
	run_always(ROWS(revoked));
}

static void
image_releases(void **state)
{
	(void)state;
	run_always(ROWS(images));
}

/* ---- Snapshots ---- */

/*
 * A revocation that voids nothing, for a stranger signs it, and a change at
 * the row's stage.
 */
static fixture_hook *change;
static enum fixture_stage change_at;

static void
changed(struct fixture *f)
{
	f->with_snapshot = true;
	if (f->stage == FIXTURE_REVOKE)
		(void)revoke(f, OTHER, 9, NULL, 0);
	if (f->stage == change_at)
		change(f);
}

HOOK(count_more, f->state.count++);
HOOK(count_less, f->state.count--);
HOOK(other_digest, f->state.digest.b[0] ^= 1);
HOOK(tree_beyond, f->state.tree_size = FIXTURE_STATE + 1);
HOOK(tree_before, f->state.tree_size = 9);
HOOK(dropped, f->nrevocations = 0);
HOOK(other_registry, f->registry = OTHER);
HOOK(other_origin, f->state.origin = span_str(THERE));
HOOK(state_sig, f->logged[0].sig[f->logged[0].siglen - 1] ^= 1);
HOOK(sig_by_stranger, fixture_sign(&f->logged[1], US));
HOOK(state_unlogged, f->logged[0].logged = false);
HOOK(unlogged, f->logged[1].logged = false);
HOOK(state_proof, f->logged[0].entry.proof[0].b[0] ^= 1);
HOOK(proof, f->logged[1].entry.proof[0].b[0] ^= 1);
HOOK(log_id, f->logged[0].entry.log_id.b[0] ^= 1);
HOOK(at_the_end, f->logged[1].entry.top_index = 30);
HOOK(broken_note, f->logged[1].entry.checkpoint.p[
    f->logged[1].entry.checkpoint.len - 90] ^= 1);

static void
other_origin_only(struct fixture *f)
{
	f->nrevocations = 0;
	f->state.count = 0;
	f->state.digest = revocation_list_digest(NULL, 0);
	f->state.origin = span_str(THERE);
}

/* Another statement in the revocation's place, or the state's. */
static void
state_again(struct fixture *f)
{
	fixture_set(&f->logged[1].statement, buf_span(&f->logged[0].statement));
	fixture_sign(&f->logged[1], OTHER);
}

static void
revocation_first(struct fixture *f)
{
	fixture_set(&f->logged[0].statement, buf_span(&f->logged[1].statement));
	fixture_sign(&f->logged[0], f->keys->registry);
}

HOOK(cut_off, f->snapshot.len--);
HOOK(half, f->snapshot.len /= 2);
HOOK(garbage, fixture_set(&f->snapshot, span_str("no line of ours\n")));
HOOK(line_feed, fixture_set(&f->snapshot, span_str("\n")));

static void
twice_the_line(struct fixture *f)
{
	const uint8_t *second = memchr(f->snapshot.p, '\n', f->snapshot.len);
	struct buf all = { 0 };
	struct writer w;

	assert_non_null(second);
	second++;
	wr_init(&w, REVOCATIONS_MAX);
	wr_bytes(&w, buf_span(&f->snapshot));
	wr_bytes(&w, span_of(second,
	    f->snapshot.len - (size_t)(second - f->snapshot.p)));
	assert_ok(wr_end(&w, &all));
	buf_free(&f->snapshot);
	f->snapshot = all;
}

static void
too_large(struct fixture *f)
{
	buf_free(&f->snapshot);
	f->snapshot.p = calloc(REVOCATIONS_MAX + 2, 1);
	assert_non_null(f->snapshot.p);
	f->snapshot.len = REVOCATIONS_MAX + 1;
}

static const struct row snapshot[] = {
	{ .name = "a revocation left out of the list", .at = FIXTURE_REVOKED,
	  .hook = dropped, VOID, .says = "has 0 revocations, which are not "
	  "the 1 of the logged state" },
	{ .name = "a count too large", .at = FIXTURE_STATES,
	  .hook = count_more, VOID, .says = "not the 2 of" },
	{ .name = "a count too small", .at = FIXTURE_STATES,
	  .hook = count_less, VOID, .says = "not the 0 of" },
	{ .name = "the digest of another list", .at = FIXTURE_STATES,
	  .hook = other_digest, VOID, .says = "which are not" },
	{ .name = "a line twice", .at = FIXTURE_RESULT,
	  .hook = twice_the_line, VOID, .says = "not in the order of the" },
	{ .name = "a state of more entries than there were",
	  .at = FIXTURE_STATES, .hook = tree_beyond, VOID,
	  .says = "of a larger tree, than it is logged in" },
	{ .name = "a revocation after what the state covers",
	  .at = FIXTURE_STATES, .hook = tree_before, VOID,
	  .says = "not among the entries that the state covers" },
	{ .name = "a state by another key", .hook = other_registry, UNKNOWN,
	  .says = "which is not the policy's registry of" },
	{ .name = "a state by another key, one is required",
	  .hook = other_registry, .policy = FRESH, UNMET,
	  .says = "does not count" },
	{ .name = "a state of another log", .at = FIXTURE_STATES,
	  .hook = other_origin, UNKNOWN, .says = "names no registry of" },
	{ .name = "a state of another log, whose registry is known",
	  .at = FIXTURE_STATES, .hook = other_origin,
	  .policy = TRUST "registry " THERE " @registry\n", VOID,
	  .says = "is of another log" },
	{ .name = "a state of another log, without revocations",
	  .at = FIXTURE_STATES, .hook = other_origin_only,
	  .policy = TRUST "registry " THERE " @registry\n", VOID,
	  .says = "is of another log" },
	{ .name = "a broken signature of the state", .at = FIXTURE_REVOKED,
	  .hook = state_sig, VOID, .says = "does not count: " },
	{ .name = "a revocation signed by another than it names",
	  .at = FIXTURE_REVOKED, .hook = sig_by_stranger, VOID,
	  .says = "revocation 1 of the snapshot" },
	{ .name = "a state that is not logged", .at = FIXTURE_SNAPSHOT,
	  .hook = state_unlogged, VOID, .says = "does not begin with a" },
	{ .name = "a revocation that is not logged", .at = FIXTURE_SNAPSHOT,
	  .hook = unlogged, VOID, .says = "it is no logged revocation" },
	{ .name = "a false proof of the state", .at = FIXTURE_SNAPSHOT,
	  .hook = state_proof, VOID, .says = "does not lead to" },
	{ .name = "a false proof of a revocation", .at = FIXTURE_SNAPSHOT,
	  .hook = proof, VOID, .says = "does not lead to" },
	{ .name = "a state of another log's key", .at = FIXTURE_SNAPSHOT,
	  .hook = log_id, VOID, .says = "logId is" },
	{ .name = "a revocation in two places", .at = FIXTURE_SNAPSHOT,
	  .hook = at_the_end, VOID, .says = "two places" },
	{ .name = "a revocation under a broken checkpoint",
	  .at = FIXTURE_SNAPSHOT, .hook = broken_note, VOID,
	  .says = "revocation 1 of" },
	{ .name = "a state in the place of a revocation",
	  .at = FIXTURE_REVOKED, .hook = state_again, VOID,
	  .says = "it is no logged revocation" },
	{ .name = "a revocation in the place of the state",
	  .at = FIXTURE_REVOKED, .hook = revocation_first, VOID,
	  .says = "does not begin with" },
	{ .name = "the last line feed missing", .at = FIXTURE_RESULT,
	  .hook = cut_off, VOID, .says = "the line is cut off" },
	{ .name = "half of it", .at = FIXTURE_RESULT, .hook = half, VOID,
	  .says = "revocation snapshot does not count" },
	{ .name = "garbage", .at = FIXTURE_RESULT, .hook = garbage, VOID,
	  .says = "does not begin with" },
	{ .name = "an empty line", .at = FIXTURE_RESULT, .hook = line_feed,
	  VOID, .says = "does not begin with" },
	{ .name = "over 32 MiB", .at = FIXTURE_RESULT, .hook = too_large,
	  VOID, .says = "the limit is" },
	{ .name = "no registry line", .hook = none, .policy = TRUST, UNKNOWN,
	  .says = "names no registry of \"log.example.org\"" },
};

static void
snapshots(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(snapshot) / sizeof(snapshot[0]); i++) {
		struct row r = snapshot[i];

		change = r.hook;
		change_at = r.at;
		r.hook = changed;
		r.every = true;
		if (r.policy == NULL)
			r.policy = REGISTRY;
		rows_run(&r, 1);
	}
}

/* ---- The age of the state ---- */

static void
no_snapshot(struct fixture *f)
{
	(void)f;
}

static const struct row age[] = {
	{ .name = "as old as it may be", .hook = none, .policy = FRESH,
	  VALID, .says = "36 h old" },
	{ .name = "older than it may be", .hook = none, .policy = FRESHER,
	  UNMET, .says = "not older than 35 h" },
	{ .name = "older in days",  .hook = none,
	  .policy = REGISTRY "require revocation-state 1d\n", UNMET,
	  .says = "not older than 24 h" },
	{ .name = "none, and one is required", .hook = no_snapshot,
	  .policy = FRESH, UNMET, .says = "no revocation snapshot at hand; "
	  "the policy asks for one" },
	{ .name = "none, and none is required", .hook = no_snapshot,
	  .policy = REVOKER, UNKNOWN, .says = "no revocation snapshot" },
};

static void
ages(void **state)
{
	(void)state;
	run_always(ROWS(age));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(revocations),
		cmocka_unit_test(image_releases),
		cmocka_unit_test(snapshots),
		cmocka_unit_test(ages),
	};

	return rows_main("verify_revoke", ROWS(tests));
}
