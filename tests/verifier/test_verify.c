/*
 * Steps 1 and 2, and the certificate that is right: format, downgrade, and
 * whose signatures they are.
 */
#include "common/sha256.h"
#include "tests/verifier/rows.h"

#define LOGGED "log @log\nlog-time @time\nquorum none\n"
#define ROOT "ak-root @root sim simulated unmeasured-boot\n"
#define BUILDER "builder test @builder\n"

static void
keyids(struct fixture *f)
{
	if (f->stage == FIXTURE_BUNDLES)
		for (size_t i = 0; i < 2; i++)
			memcpy(f->line[i].keyid, f->line[i].hint,
			    SPKI_HINT_MAX);
}

static void
right(void **state)
{
	struct rows_result r = { 0 };
	struct fixture f;

	(void)state;
	fixture_make(&f, &rows_keys, NULL, NULL);
	rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
	for (size_t i = 1; i <= VERIFY_NSTEPS; i++)
		if (r.v->step[i].status == VERIFY_FAILED)
			print_error("step %zu: %s\n", i,
			    r.v->step[i].text.text);
	assert_int_equal(r.verdict, VERIFY_VERIFIED);
	assert_true(r.v->simulated);
	assert_true(r.v->ak_name_matches);
	assert_true(r.v->logged[0].known && r.v->logged[1].known);
	assert_false(r.v->logged[0].by_witnesses);
	assert_int_equal(r.v->logged[0].unix_s, FIXTURE_TIME);
	assert_true(r.v->earliest.known);
	assert_int_equal(r.v->earliest.unix_s, FIXTURE_START_TIME);
	assert_int_equal(r.v->step[VERIFY_BOOT_LOG].status,
	    VERIFY_NOT_ESTABLISHED);
	assert_int_equal(r.v->step[VERIFY_BOOT].status,
	    VERIFY_NOT_ESTABLISHED);
	assert_int_equal(r.v->step[VERIFY_REVOCATION].status,
	    VERIFY_NOT_CHECKED);
	rows_free(&r);

	/* The same, not logged: whatever else is right, it is not verified. */
	rows_verify(&r, &f, VERIFY_MODE_UNLOGGED, FIXTURE_TIME);
	assert_int_equal(r.verdict, VERIFY_NOT_VERIFIED);
	assert_false(verification_failed(r.v));
	for (size_t i = VERIFY_LEAF; i <= VERIFY_QUORUM; i++)
		assert_int_equal(r.v->step[i].status, VERIFY_NOT_CHECKED);
	rows_free(&r);
	fixture_free(&f);

	/* A keyid that is the hint is as good as none. */
	fixture_make(&f, &rows_keys, NULL, keyids);
	rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
	assert_int_equal(r.verdict, VERIFY_VERIFIED);
	rows_free(&r);
	fixture_free(&f);
}

/* Without a policy that names anybody everything runs, and nobody is known. */
static void
nobody_known(void **state)
{
	struct rows_result r = { 0 };
	struct fixture f;

	(void)state;
	fixture_make(&f, &rows_keys, "quorum none\n", NULL);
	rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
	assert_int_equal(r.verdict, VERIFY_REFUSED);
	assert_false(verification_failed(r.v));
	assert_int_equal(r.v->step[VERIFY_BUILDER].status, VERIFY_NOT_ACCEPTED);
	assert_int_equal(r.v->step[VERIFY_CHECKPOINT].status,
	    VERIFY_NOT_ACCEPTED);
	assert_int_equal(r.v->step[VERIFY_AK_CHAIN].status,
	    VERIFY_NOT_ACCEPTED);
	assert_int_equal(r.v->step[VERIFY_BINDINGS].status, VERIFY_OK);
	assert_int_equal(r.v->step[VERIFY_REPLAY].status, VERIFY_OK);
	assert_int_equal(r.v->step[VERIFY_FILES].status, VERIFY_OK);
	rows_free(&r);
	fixture_free(&f);
}

static void
one_line(struct fixture *f)
{
	f->nlines = 1;
}

static void
says_self_asserted(struct fixture *f)
{
	f->measured = false;
}

static void
self_asserted(struct fixture *f)
{
	fixture_self_asserted(f);
}

static void
self_measured(struct fixture *f)
{
	fixture_self_asserted(f);
	f->figure[0].assurance = "measured";
}

static void
self_derived(struct fixture *f)
{
	fixture_self_asserted(f);
	f->figure[1].assurance = "derived";
}

static void
one_line_reported(struct fixture *f)
{
	fixture_self_asserted(f);
	f->measured = true;
}

static void
twice_line_1(struct fixture *f)
{
	fixture_set(&f->line[1].statement, buf_span(&f->line[0].statement));
	fixture_sign(&f->line[1], f->signer[1]);
}

static void
twice_line_2(struct fixture *f)
{
	struct buf jsonl = { 0 }, *b = &f->jsonl;
	const uint8_t *second = memchr(b->p, '\n', b->len);
	struct writer w;
	size_t first;

	assert_non_null(second);
	first = (size_t)(second - b->p) + 1;
	wr_init(&w, CERTIFICATE_MAX);
	wr_bytes(&w, buf_span(b));
	wr_bytes(&w, span_of(b->p + first, b->len - first));
	assert_ok(wr_end(&w, &jsonl));
	buf_free(b);
	*b = jsonl;
}

static void
lines_swapped(struct fixture *f)
{
	struct bundle b = f->line[0];

	f->line[0] = f->line[1];
	f->line[1] = b;
}

static void
about_another(struct fixture *f)
{
	f->ev.bound = sha256_of(span_str("another statement"));
}

static void
cut_line_feed(struct fixture *f)
{
	f->jsonl.len--;
}

static void
empty_line_after(struct fixture *f)
{
	struct writer w;

	wr_init(&w, CERTIFICATE_MAX);
	wr_bytes(&w, buf_span(&f->jsonl));
	wr_u8(&w, '\n');
	buf_free(&f->jsonl);
	assert_ok(wr_end(&w, &f->jsonl));
}

static void
byte_order_mark(struct fixture *f)
{
	fixture_replace(&f->jsonl, "{\"media", "\xef\xbb\xbf{\"media");
}

static void
empty(struct fixture *f)
{
	f->jsonl.len = 0;
}

static void
too_large(struct fixture *f)
{
	struct writer w;

	wr_init(&w, 2 * CERTIFICATE_MAX);
	wr_bytes(&w, buf_span(&f->jsonl));
	while (w.len <= CERTIFICATE_MAX)
		wr_u8(&w, ' ');
	buf_free(&f->jsonl);
	assert_ok(wr_end(&w, &f->jsonl));
}

static void
no_model_sig(struct fixture *f)
{
	f->sig.len = 0;
}

static void
model_sig_logged(struct fixture *f)
{
	struct writer w;

	f->model_sig.logged = true;
	f->model_sig.entry = f->line[0].entry;
	wr_init(&w, CERTIFICATE_MAX);
	bundle_write(&w, &f->model_sig);
	buf_free(&f->sig);
	assert_ok(wr_end(&w, &f->sig));
	f->model_sig.entry = (struct bundle_entry){ 0 };
}

static void
model_sig_line_feed(struct fixture *f)
{
	struct writer w;

	wr_init(&w, CERTIFICATE_MAX);
	wr_bytes(&w, buf_span(&f->sig));
	wr_u8(&w, '\n');
	buf_free(&f->sig);
	assert_ok(wr_end(&w, &f->sig));
}

static void
other_manifest_root(struct fixture *f)
{
	static const char before[] = "\"sha256\":\"";
	uint8_t *at = memmem(f->manifest.p, f->manifest.len, before,
	    strlen(before));

	assert_non_null(at);
	at += strlen(before);
	*at = *at == '0' ? '1' : '0';
}

static const struct row format[] = {
	{ .name = "measured without line 2", .hook = one_line,
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "downgrade" },
	{ .name = "self-asserted with line 2", .hook = says_self_asserted,
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "self-asserted, but line 2" },
	{ .name = "line 1 twice", .at = FIXTURE_BUNDLES, .hook = twice_line_1,
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "second provenance" },
	{ .name = "line 2 twice", .at = FIXTURE_RESULT, .hook = twice_line_2,
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "second provenance or evidence" },
	{ .name = "line 2 before line 1", .at = FIXTURE_BUNDLES,
	  .hook = lines_swapped, .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 1 is not" },
	{ .name = "evidence about another statement", .at = FIXTURE_EVIDENCE,
	  .hook = about_another, .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "about another statement" },
	{ .name = "no final line feed", .at = FIXTURE_RESULT,
	  .hook = cut_line_feed, .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "cut off" },
	{ .name = "an empty line", .at = FIXTURE_RESULT,
	  .hook = empty_line_after, .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 3" },
	{ .name = "byte order mark", .at = FIXTURE_RESULT,
	  .hook = byte_order_mark, .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 1" },
	{ .name = "empty", .at = FIXTURE_RESULT, .hook = empty,
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "is empty" },
	{ .name = "over 4 MiB", .at = FIXTURE_RESULT, .hook = too_large,
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "the limit is" },
	{ .name = "unknown member of a bundle", .at = FIXTURE_RESULT,
	  .from = "{\"mediaType\"", .to = "{\"x\":1,\"mediaType\"",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED, .says = "line 1" },
	{ .name = "integratedTime", .at = FIXTURE_RESULT,
	  .from = "\"integratedTime\":\"0\"",
	  .to = "\"integratedTime\":\"1767225600\"",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED, .says = "line 1" },
	{ .name = "another kind of entry", .at = FIXTURE_RESULT,
	  .from = "\"kind\":\"hashedrekord\"", .to = "\"kind\":\"dsse\"",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED, .says = "line 1" },
	{ .name = "unknown member of externalParameters",
	  .at = FIXTURE_STATEMENT, .from = "\"trainer\":",
	  .to = "\"extra\":1,\"trainer\":", .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 1" },
	{ .name = "another buildType", .at = FIXTURE_STATEMENT,
	  .from = "/training/v1", .to = "/training/v2",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED, .says = "line 1" },
	{ .name = "another builder id", .at = FIXTURE_STATEMENT,
	  .from = "/builder/measured/v1", .to = "/builder/trusted/v1",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED, .says = "line 1" },
	{ .name = "a figure of unknown assurance", .at = FIXTURE_STATEMENT,
	  .from = "\"assurance\":\"reported\"",
	  .to = "\"assurance\":\"proven\"", .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 1" },
	{ .name = "a member twice in the statement", .at = FIXTURE_STATEMENT,
	  .from = "\"predicateType\":",
	  .to = "\"predicateType\":\"x\",\"predicateType\":",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED, .says = "line 1" },
	{ .name = "unknown member of evidence",
	  .at = FIXTURE_EVIDENCE_STATEMENT, .from = "\"boundDigest\":",
	  .to = "\"x\":1,\"boundDigest\":", .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 2" },
	{ .name = "quotes in another order",
	  .at = FIXTURE_EVIDENCE_STATEMENT, .from = "\"when\":\"start\"",
	  .to = "\"when\":\"end\"", .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 2" },
	{ .name = "PCR 10 stated", .at = FIXTURE_EVIDENCE_STATEMENT,
	  .from = "\"11\":\"", .to = "\"10\":\"", .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 2" },
	{ .name = "no model.sig", .at = FIXTURE_RESULT, .hook = no_model_sig,
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "model.sig" },
	{ .name = "model.sig with a log entry", .at = FIXTURE_RESULT,
	  .hook = model_sig_logged, .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "model.sig" },
	{ .name = "model.sig allows links", .at = FIXTURE_MANIFEST,
	  .from = "\"allow_symlinks\":false", .to = "\"allow_symlinks\":true",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "model.sig" },
	{ .name = "model.sig ignores more", .at = FIXTURE_MANIFEST,
	  .from = "\".gitignore\"]", .to = "\".gitignore\",\"extra\"]",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "model.sig" },
	{ .name = "model.sig's root is not its list's",
	  .at = FIXTURE_MANIFEST, .hook = other_manifest_root,
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "is not that of its list" },
	/* What else may stand in a certificate that verifies. */
	{ .name = "model.sig with a line feed", .at = FIXTURE_RESULT,
	  .hook = model_sig_line_feed },
	{ .name = "a member that is not ours", .at = FIXTURE_STATEMENT,
	  .from = "\"runDetails\":{", .to = "\"runDetails\":{\"theirs\":1,",
	  .step = VERIFY_FORMAT, .status = VERIFY_OK,
	  .says = "1 members of the provenance not judged" },
	{ .name = "unknown members of a dependency and its annotations",
	  .at = FIXTURE_STATEMENT, .from = "\"annotations\":{",
	  .to = "\"mediaType\":\"x\",\"annotations\":{\"x\":1,",
	  .step = VERIFY_FORMAT, .status = VERIFY_OK,
	  .says = "2 members of the provenance not judged" },
};

static void
formats(void **state)
{
	(void)state;
	rows_run(ROWS(format));
}

/* A third line of the given kind, by another key, is not judged. */
static void
further_line(struct fixture *f, const char *statement)
{
	struct spki key = fixture_spki(f->keys->other_builder);
	struct bundle b = { 0 };
	struct writer w;

	fixture_set(&b.statement, span_str(statement));
	fixture_sign(&b, f->keys->other_builder);
	spki_hint(b.hint, &key);
	wr_init(&w, CERTIFICATE_MAX);
	wr_bytes(&w, buf_span(&f->jsonl));
	bundle_write(&w, &b);
	wr_u8(&w, '\n');
	buf_free(&f->jsonl);
	assert_ok(wr_end(&w, &f->jsonl));
	bundle_free(&b);
}

static void
third_line(struct fixture *f)
{
	further_line(f, "{\"_type\":\"https://in-toto.io/Statement/v1\","
	    "\"subject\":[{\"name\":\"x\",\"digest\":{\"sha256\":\"00\"}}],"
	    "\"predicateType\":\"https://in-toto.io/attestation/test-result/"
	    "v0.1\",\"predicate\":{}}");
}

static void
third_line_unreadable(struct fixture *f)
{
	further_line(f, "not even JSON");
}

static void
third_line_not_utf8(struct fixture *f)
{
	further_line(f, "\xff\xfe");
}

static void
signer_0(struct fixture *f)
{
	f->signer[0] = f->keys->other_builder;
}

static void
signer_1(struct fixture *f)
{
	f->signer[1] = f->keys->other_builder;
}

static void
signer_2(struct fixture *f)
{
	f->signer[2] = f->keys->other_builder;
}

static void
named_0(struct fixture *f)
{
	f->named[0] = f->keys->other_builder;
}

static void
named_1(struct fixture *f)
{
	f->named[1] = f->keys->other_builder;
}

static void
named_2(struct fixture *f)
{
	f->named[2] = f->keys->other_builder;
}

static void
all_of_line_0(struct fixture *f)
{
	f->signer[0] = f->named[0] = f->keys->other_builder;
}

static void
all_of_line_1(struct fixture *f)
{
	f->signer[1] = f->named[1] = f->keys->other_builder;
}

static void
all_of_model_sig(struct fixture *f)
{
	f->signer[2] = f->named[2] = f->keys->other_builder;
}

/* Somebody else's name on another's evidence: all signed by their key. */
static void
all_signed_by_other(struct fixture *f)
{
	for (size_t i = 0; i < 3; i++)
		f->signer[i] = f->named[i] = f->keys->other_builder;
}

static void
keyid_differs(struct fixture *f)
{
	memcpy(f->line[0].keyid, f->line[1].hint, SPKI_HINT_MAX);
	f->line[0].keyid[0] = f->line[0].keyid[0] == 'A' ? 'B' : 'A';
}

static void
hint_cut(struct fixture *f)
{
	f->line[0].hint[43] = '\0';
}

static void
keyid_of_model_sig(struct fixture *f)
{
	memcpy(f->model_sig.keyid, f->model_sig.hint,
	    sizeof(f->model_sig.keyid));
}

static void
other_builder_key(struct fixture *f)
{
	f->builder = fixture_spki(f->keys->other_builder);
}

#define FAILS .step = VERIFY_BUILDER, .status = VERIFY_FAILED
#define UNKNOWN .step = VERIFY_BUILDER, .status = VERIFY_NOT_ACCEPTED
#define STRANGER LOGGED ROOT "builder other @stranger\n"

static const struct row builder[] = {
	{ .name = "line 1 by another key", .hook = signer_0, FAILS,
	  .says = "line 1" },
	{ .name = "line 2 by another key", .hook = signer_1, FAILS,
	  .says = "line 2: the signature does not hold" },
	{ .name = "model.sig by another key", .hook = signer_2, FAILS,
	  .says = "model.sig: the signature does not hold" },
	{ .name = "line 1 by another key, the policy has the key's file",
	  .hook = signer_0, .policy = LOGGED ROOT "builder test builder.pem\n",
	  FAILS, .says = "line 1: the signature does not hold" },
	{ .name = "line 1 names another key", .hook = named_0, FAILS,
	  .says = "line 1" },
	{ .name = "line 2 names another key", .hook = named_1, FAILS,
	  .says = "line 2: the hint must be" },
	{ .name = "model.sig names another key", .hook = named_2, FAILS,
	  .says = "model.sig names another key" },
	{ .name = "line 1 whole by another key", .hook = all_of_line_0, FAILS,
	  .says = "builderKey is" },
	{ .name = "line 2 whole by another key", .hook = all_of_line_1, FAILS,
	  .says = "line 2" },
	{ .name = "model.sig whole by another key", .hook = all_of_model_sig,
	  FAILS, .says = "model.sig names" },
	{ .name = "everything by another key than builderKey",
	  .hook = all_signed_by_other, FAILS, .says = "builderKey is" },
	{ .name = "keyid is not the hint", .at = FIXTURE_BUNDLES,
	  .hook = keyid_differs, FAILS, .says = "and keyid that or empty" },
	{ .name = "hint cut off", .at = FIXTURE_BUNDLES, .hook = hint_cut,
	  FAILS, .says = "line 1" },
	{ .name = "keyid in model.sig", .at = FIXTURE_BUNDLES,
	  .hook = keyid_of_model_sig, FAILS, .says = "an empty keyid" },
	{ .name = "another builderKey", .hook = other_builder_key, FAILS,
	  .says = "builderKey is" },
	{ .name = "another builderKey, which is known",
	  .hook = other_builder_key, .policy = STRANGER, FAILS,
	  .says = "builderKey is" },
	/* The same wrongs under a policy that does not know the builder. */
	{ .name = "unknown builder, line 1 by another key", .hook = signer_0,
	  .policy = STRANGER, FAILS, .says = "line 1" },
	{ .name = "unknown builder, wrong hint", .hook = named_0,
	  .policy = STRANGER, FAILS, .says = "line 1" },
	{ .name = "unknown builder, line 2 by another key",
	  .hook = signer_1, .policy = STRANGER, FAILS, .says = "line 2" },
	{ .name = "unknown builder", .policy = STRANGER, UNKNOWN,
	  .says = "does not name" },
	{ .name = "no builder line", .policy = LOGGED ROOT, UNKNOWN,
	  .says = "the policy names no builder" },
	{ .name = "third line", .at = FIXTURE_RESULT, .hook = third_line,
	  .step = VERIFY_FORMAT, .status = VERIFY_OK,
	  .says = "1 further not judged" },
	{ .name = "third line of unreadable kind", .at = FIXTURE_RESULT,
	  .hook = third_line_unreadable, .step = VERIFY_FORMAT,
	  .status = VERIFY_OK, .says = "1 further not judged" },
	{ .name = "third line that is not UTF-8", .at = FIXTURE_RESULT,
	  .hook = third_line_not_utf8, .step = VERIFY_FORMAT,
	  .status = VERIFY_FAILED, .says = "line 3" },
	{ .name = "self-asserted", .hook = self_asserted, UNKNOWN,
	  .says = "SELF-ASSERTED, which the policy does not allow" },
	{ .name = "measured without line 2, no figure measured",
	  .hook = one_line_reported,
	  .policy = LOGGED BUILDER "allow self-asserted\n",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "downgrade" },
	{ .name = "self-asserted with line 2, all else allowed",
	  .hook = says_self_asserted,
	  .policy = LOGGED BUILDER ROOT "allow self-asserted\n",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "self-asserted, but line 2" },
	{ .name = "self-asserted, yet measured", .hook = self_measured,
	  .policy = LOGGED BUILDER "allow self-asserted\n", .step = VERIFY_ENTAILMENT,
	  .status = VERIFY_FAILED, .says = "no more than reported" },
	{ .name = "self-asserted, yet derived", .hook = self_derived,
	  .policy = LOGGED BUILDER "allow self-asserted\n", .step = VERIFY_ENTAILMENT,
	  .status = VERIFY_FAILED, .says = "no more than reported" },
	{ .name = "self-asserted, allowed", .hook = self_asserted,
	  .policy = LOGGED BUILDER "allow self-asserted\n" },
	{ .name = "self-asserted, allowed to this builder",
	  .hook = self_asserted,
	  .policy = LOGGED BUILDER "allow self-asserted test\n" },
	{ .name = "self-asserted, allowed to another builder",
	  .hook = self_asserted,
	  .policy = LOGGED BUILDER "allow self-asserted other\n", UNKNOWN,
	  .says = "does not allow" },
	{ .name = "self-asserted by an unknown builder",
	  .hook = self_asserted, .policy = STRANGER "allow self-asserted\n",
	  UNKNOWN, .says = "does not name" },
	{ .name = "self-asserted, allowed, line 2 as well",
	  .hook = says_self_asserted,
	  .policy = LOGGED BUILDER "allow self-asserted\n",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED },
	{ .name = "measured without line 2, self-asserted allowed",
	  .hook = one_line, .policy = LOGGED BUILDER "allow self-asserted\n",
	  .step = VERIFY_FORMAT, .status = VERIFY_FAILED,
	  .says = "downgrade" },
};

static void
builders(void **state)
{
	(void)state;
	rows_run(ROWS(builder));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right),
		cmocka_unit_test(nobody_known),
		cmocka_unit_test(formats),
		cmocka_unit_test(builders),
	};

	return rows_main("verify", ROWS(tests));
}
