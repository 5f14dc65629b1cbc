/*
 * Steps 3 to 6: the leaf, its inclusion, the checkpoint, and the whole grammar
 * of quorums; which time the certificate is then judged by.
 */
#include "common/text.h"
#include "tests/verifier/rows.h"

#define LOG "log @log\n"
#define NONE LOG "log-time @time\nquorum none\n"
#define REST                                                                  \
	"builder test @builder\n"                                             \
	"ak-root @root sim simulated unmeasured-boot\n"
#define WITNESSES                                                             \
	LOG "witness w0 @w0\nwitness w1 @w1\nwitness w2 @w2\n"                \
	"witness w3 @w3\nwitness w4 @w4\n"

#define FAILS(s) .step = (s), .status = VERIFY_FAILED
#define REFUSED(s) .step = (s), .status = VERIFY_NOT_ACCEPTED

static void
relog(struct fixture *f, size_t i, bool logged)
{
	struct writer w;

	f->line[i].logged = logged;
	wr_init(&w, CERTIFICATE_MAX);
	for (size_t k = 0; k < f->nlines; k++) {
		bundle_write(&w, &f->line[k]);
		wr_u8(&w, '\n');
	}
	f->line[i].logged = true;
	buf_free(&f->jsonl);
	assert_ok(wr_end(&w, &f->jsonl));
}

HOOK(line_1_unlogged, relog(f, 0, false));
HOOK(line_2_unlogged, relog(f, 1, false));

/* The leaf of another signature by the same key: ECDSA has many. */
static void
sign_again(struct fixture *f)
{
	fixture_sign(&f->line[0], f->signer[0]);
}

static void
swap_leaves(struct fixture *f)
{
	struct buf b = f->leaf[0];

	f->leaf[0] = f->leaf[1];
	f->leaf[1] = b;
}

/* Somebody else logged this very signature under their key. */
static void
leaf_of_other_key(struct fixture *f)
{
	char ours[124], theirs[125];
	struct spki key = fixture_spki(f->keys->builder);

	text_base64(ours, span_of(key.b, SPKI_LEN));
	key = fixture_spki(f->keys->other_builder);
	text_base64(theirs, span_of(key.b, SPKI_LEN));
	theirs[124] = '\0';
	for (size_t i = 0; i + sizeof(ours) <= f->leaf[0].len; i++)
		if (memcmp(f->leaf[0].p + i, ours, sizeof(ours)) == 0)
			memcpy(f->leaf[0].p + i, theirs, sizeof(ours));
}

static const struct row leaf[] = {
	{ .name = "line 1 is not logged", .at = FIXTURE_RESULT,
	  .hook = line_1_unlogged, FAILS(VERIFY_LEAF),
	  .says = "line 1 is not logged; the builder runs \"aicert publish\"" },
	{ .name = "line 2 is not logged", .at = FIXTURE_RESULT,
	  .hook = line_2_unlogged, FAILS(VERIFY_LEAF),
	  .says = "line 2 is not logged" },
	{ .name = "leaf of another signature", .at = FIXTURE_CHECKPOINT,
	  .hook = sign_again, FAILS(VERIFY_LEAF),
	  .says = "line 1: the logged leaf has another signature" },
	{ .name = "leaves of the other line", .at = FIXTURE_LEAF,
	  .hook = swap_leaves, FAILS(VERIFY_LEAF),
	  .says = "about another statement" },
	{ .name = "leaf of another key", .at = FIXTURE_LEAF,
	  .hook = leaf_of_other_key, FAILS(VERIFY_LEAF),
	  .says = "names another key" },
	{ .name = "leaf with white space", .at = FIXTURE_LEAF,
	  .from = "{\"apiVersion\":", .to = "{ \"apiVersion\":",
	  FAILS(VERIFY_LEAF), .says = "canonical form" },
	{ .name = "leaf of another kind", .at = FIXTURE_LEAF,
	  .from = "\"kind\":\"hashedrekord\"", .to = "\"kind\":\"intoto\"",
	  FAILS(VERIFY_LEAF), .says = "canonical form" },
	{ .name = "leaf of another algorithm", .at = FIXTURE_LEAF,
	  .from = "SHA2_256", .to = "SHA2_512", FAILS(VERIFY_LEAF),
	  .says = "canonical form" },
	{ .name = "leaf of another kind of key", .at = FIXTURE_LEAF,
	  .from = "PKIX_ECDSA_P256_SHA_256", .to = "PKIX_ED25519",
	  FAILS(VERIFY_LEAF), .says = "canonical form" },
	{ .name = "leaf with one more member", .at = FIXTURE_LEAF,
	  .from = "\"spec\":", .to = "\"x\":1,\"spec\":", FAILS(VERIFY_LEAF),
	  .says = "canonical form" },
};

static void
leaves(void **state)
{
	(void)state;
	rows_run(ROWS(leaf));
}

#define ENTRY(n) f->line[n].entry

HOOK(top_index, ENTRY(0).top_index++);
HOOK(proof_index, ENTRY(0).index++);
HOOK(both_indices, ENTRY(0).top_index = ++ENTRY(0).index);
HOOK(index_beyond, ENTRY(0).top_index = ENTRY(0).index = FIXTURE_LEAVES);
HOOK(root_hash, ENTRY(0).root.b[31] ^= 1);
HOOK(tree_size, ENTRY(1).size++);
HOOK(proof_first, ENTRY(0).proof[0].b[0] ^= 0x80);
HOOK(proof_last, ENTRY(1).proof[ENTRY(1).nproof - 1].b[31] ^= 1);
HOOK(proof_short, ENTRY(0).nproof--);
HOOK(proof_long, ENTRY(0).proof[ENTRY(0).nproof++].b[0] = 1);
HOOK(proof_none, ENTRY(0).nproof = 0);
HOOK(tree_root, f->checkpoint.root.b[0] ^= 1);
HOOK(note_empty, fixture_set(&f->note, span_str("")));

static void
proof_swapped(struct fixture *f)
{
	struct digest d = ENTRY(0).proof[0];

	ENTRY(0).proof[0] = ENTRY(0).proof[1];
	ENTRY(0).proof[1] = d;
}

/* Sizes and roots of checkpoints that the log did sign, for another tree. */
static void
smaller_tree(struct fixture *f)
{
	f->checkpoint.size = FIXTURE_INDEX;
}

static const struct row inclusion[] = {
	{ .name = "logIndex of the entry", .at = FIXTURE_ENTRIES,
	  .hook = top_index, FAILS(VERIFY_INCLUSION), .says = "two places" },
	{ .name = "logIndex of the proof", .at = FIXTURE_ENTRIES,
	  .hook = proof_index, FAILS(VERIFY_INCLUSION),
	  .says = "two places" },
	{ .name = "both indices", .at = FIXTURE_ENTRIES,
	  .hook = both_indices, FAILS(VERIFY_INCLUSION),
	  .says = "does not lead" },
	{ .name = "an index beyond the tree", .at = FIXTURE_ENTRIES,
	  .hook = index_beyond, FAILS(VERIFY_INCLUSION), .says = "entry 7" },
	{ .name = "rootHash", .at = FIXTURE_ENTRIES, .hook = root_hash,
	  FAILS(VERIFY_INCLUSION), .says = "rootHash is" },
	{ .name = "treeSize of line 2", .at = FIXTURE_ENTRIES,
	  .hook = tree_size, FAILS(VERIFY_INCLUSION),
	  .says = "line 2: treeSize is" },
	{ .name = "first hash", .at = FIXTURE_ENTRIES, .hook = proof_first,
	  FAILS(VERIFY_INCLUSION), .says = "line 1: the inclusion proof" },
	{ .name = "last hash of line 2", .at = FIXTURE_ENTRIES,
	  .hook = proof_last, FAILS(VERIFY_INCLUSION),
	  .says = "line 2: the inclusion proof" },
	{ .name = "hashes in another order", .at = FIXTURE_ENTRIES,
	  .hook = proof_swapped, FAILS(VERIFY_INCLUSION),
	  .says = "does not lead" },
	{ .name = "a hash too few", .at = FIXTURE_ENTRIES,
	  .hook = proof_short, FAILS(VERIFY_INCLUSION),
	  .says = "no inclusion proof of 2" },
	{ .name = "a hash too many", .at = FIXTURE_ENTRIES,
	  .hook = proof_long, FAILS(VERIFY_INCLUSION),
	  .says = "no inclusion proof of 4" },
	{ .name = "no hashes", .at = FIXTURE_ENTRIES, .hook = proof_none,
	  FAILS(VERIFY_INCLUSION), .says = "no inclusion proof of 0" },
	{ .name = "a tree of another root", .at = FIXTURE_CHECKPOINT,
	  .hook = tree_root, FAILS(VERIFY_INCLUSION),
	  .says = "does not lead" },
	{ .name = "a tree that ends before", .at = FIXTURE_CHECKPOINT,
	  .hook = smaller_tree, FAILS(VERIFY_INCLUSION),
	  .says = "entry 3 of 3" },
	{ .name = "no checkpoint", .at = FIXTURE_NOTE, .hook = note_empty,
	  FAILS(VERIFY_INCLUSION), .says = "signed note" },
	{ .name = "a checkpoint without signatures", .at = FIXTURE_NOTE,
	  .from = "\n\n\xe2\x80\x94", .to = "\n\nx", FAILS(VERIFY_INCLUSION),
	  .says = "signed note" },
	{ .name = "a size with a leading zero", .at = FIXTURE_NOTE,
	  .from = "org\n7\n", .to = "org\n07\n", FAILS(VERIFY_INCLUSION),
	  .says = "signed note" },
};

static void
inclusions(void **state)
{
	(void)state;
	rows_run(ROWS(inclusion));
}

/* Change a character near the end of the line by name. */
static void
break_line(struct buf *note, const char *name)
{
	char head[64];
	uint8_t *at, *end;

	(void)snprintf(head, sizeof(head), "\xe2\x80\x94 %s ", name);
	at = memmem(note->p, note->len, head, strlen(head));
	assert_non_null(at);
	end = memchr(at, '\n', note->len - (size_t)(at - note->p));
	assert_non_null(end);
	end[-8] = end[-8] == 'A' ? 'B' : 'A';
}

static void
drop_line(struct buf *note, const char *name)
{
	char head[64];
	uint8_t *at, *end;

	(void)snprintf(head, sizeof(head), "\xe2\x80\x94 %s ", name);
	at = memmem(note->p, note->len, head, strlen(head));
	assert_non_null(at);
	end = memchr(at, '\n', note->len - (size_t)(at - note->p));
	assert_non_null(end);
	end++;
	memmove(at, end, note->len - (size_t)(end - note->p));
	note->len -= (size_t)(end - at);
}

/* Our key's name and ID over a signature by another. */
static void
forged_log_line(struct fixture *f)
{
	static struct fixture_cosigner forger;

	forger.key = f->keys->log.key;
	memcpy(forger.secret, f->keys->other_log.secret,
	    sizeof(forger.secret));
	f->log = &forger;
}

HOOK(other_log, f->log = &f->keys->other_log);
HOOK(broken_log_line, break_line(&f->note, "log.example.org"));
HOOK(dropped_log_line, drop_line(&f->note, "log.example.org"));
HOOK(log_id, ENTRY(0).log_id.b[5] ^= 1);

/* Line 2's checkpoint names another log. */
static void
two_logs(struct fixture *f)
{
	fixture_replace(&ENTRY(1).checkpoint, "log.example.org\n",
	    "log.example.com\n");
}

/* Of a checkpoint of this log somebody else renames the origin only. */
static void
renamed_origin(struct fixture *f)
{
	for (size_t i = 0; i < 2; i++)
		fixture_replace(&ENTRY(i).checkpoint, "log.example.org\n",
		    "log.example.com\n");
}

/* The log signs, with the key of its name, a checkpoint of another name. */
HOOK(other_origin, f->origin = "log.example.com");

static const struct row checkpoint[] = {
	{ .name = "by another key of the log's name",
	  .at = FIXTURE_CHECKPOINT, .hook = other_log,
	  FAILS(VERIFY_CHECKPOINT), .says = "logId" },
	{ .name = "by another key, under our key's ID",
	  .at = FIXTURE_CHECKPOINT, .hook = forged_log_line,
	  FAILS(VERIFY_CHECKPOINT), .says = "does not hold" },
	{ .name = "broken signature", .at = FIXTURE_NOTE,
	  .hook = broken_log_line, FAILS(VERIFY_CHECKPOINT),
	  .says = "does not hold" },
	{ .name = "no signature by the log", .at = FIXTURE_NOTE,
	  .hook = dropped_log_line, FAILS(VERIFY_CHECKPOINT),
	  .says = "no signature by the log" },
	{ .name = "logId", .at = FIXTURE_ENTRIES, .hook = log_id,
	  FAILS(VERIFY_CHECKPOINT), .says = "logId is" },
	{ .name = "lines in different logs", .at = FIXTURE_ENTRIES,
	  .hook = two_logs, FAILS(VERIFY_CHECKPOINT),
	  .says = "different logs" },
	{ .name = "the log's key over another origin", .hook = other_origin,
	  .cosigned = true, .policy = WITNESSES "quorum w0\n" REST,
	  FAILS(VERIFY_CHECKPOINT), .says = "log.example.com" },
	{ .name = "the log's key, another origin", .at = FIXTURE_ENTRIES,
	  .hook = renamed_origin, FAILS(VERIFY_CHECKPOINT),
	  .says = "log.example.com" },
	{ .name = "the text was changed", .at = FIXTURE_NOTE,
	  .from = "\n\n", .to = "\nextension\n\n", FAILS(VERIFY_CHECKPOINT),
	  .says = "does not hold" },
	{ .name = "no log line", .policy = "quorum none\n" REST,
	  REFUSED(VERIFY_CHECKPOINT), .says = "the policy names no log" },
	{ .name = "another key of the log in the policy",
	  .policy = "log @otherlog\nlog-time @time\nquorum none\n" REST,
	  FAILS(VERIFY_CHECKPOINT), .says = "logId" },
};

static void
checkpoints(void **state)
{
	(void)state;
	rows_run(ROWS(checkpoint));
}

/* A log of another name and key that the policy does not name. */
static void
stranger_log(struct fixture *f)
{
	static struct fixture_cosigner log;
	static const char name[] = "log.example.net";

	log = f->keys->other_log;
	memset(log.key.name, 0, sizeof(log.key.name));
	memcpy(log.key.name, name, sizeof(name));
	f->log = &log;
	f->origin = name;
}

static const struct row unknown[] = {
	{ .name = "a log that the policy does not name",
	  .hook = stranger_log, REFUSED(VERIFY_CHECKPOINT),
	  .says = "which the policy does not name" },
	{ .name = "the same, cosigned by a quorum", .hook = stranger_log,
	  .cosigned = true, .policy = WITNESSES "quorum w0\n" REST,
	  REFUSED(VERIFY_CHECKPOINT),
	  .says = "which the policy does not name" },
	{ .name = "the same, and a witness quorum", .hook = stranger_log,
	  .policy = WITNESSES "quorum w0\n" REST,
	  REFUSED(VERIFY_CHECKPOINT),
	  .says = "which the policy does not name" },
};

static void
unknown_logs(void **state)
{
	(void)state;
	rows_run(ROWS(unknown));
}

HOOK(w0, f->cosigned_s[0] = FIXTURE_TIME + 10);

static void
w0_w2(struct fixture *f)
{
	f->cosigned_s[0] = FIXTURE_TIME + 10;
	f->cosigned_s[2] = FIXTURE_TIME + 30;
}

static void
w0_broken(struct fixture *f)
{
	break_line(&f->note, "witness0.example");
}

HOOK(no_log_time, f->log_time = false);
HOOK(log_time_broken, break_line(&f->note, "log.example.org/time"));
HOOK(time_zero, f->time_s = 0);

#define GROUPS                                                                \
	WITNESSES "group a all w0 w1\ngroup b any w2 w3\n"                    \
	"group c 2 a b w4\nquorum c\n" REST

static const struct row quorum[] = {
	{ .name = "one witness", .at = FIXTURE_CHECKPOINT, .hook = w0,
	  .policy = WITNESSES "quorum w0\n" REST, .step = VERIFY_QUORUM,
	  .status = VERIFY_OK, .says = "quorum w0 complete" },
	{ .name = "the one witness is another", .at = FIXTURE_CHECKPOINT,
	  .hook = w0, .policy = WITNESSES "quorum w1\n" REST,
	  FAILS(VERIFY_QUORUM), .says = "the quorum w1 is not complete" },
	{ .name = "no witness", .policy = WITNESSES "quorum w0\n" REST,
	  FAILS(VERIFY_QUORUM), .says = "the quorum w0 is not complete" },
	{ .name = "the log's time counts towards no quorum",
	  .policy = WITNESSES "log-time @time\nquorum w0\n" REST,
	  FAILS(VERIFY_QUORUM), .says = "not complete" },
	{ .name = "any", .at = FIXTURE_CHECKPOINT, .hook = w0_w2,
	  .policy = WITNESSES "group g any w1 w2\nquorum g\n" REST,
	  .step = VERIFY_QUORUM, .status = VERIFY_OK },
	{ .name = "any of two others", .at = FIXTURE_CHECKPOINT,
	  .hook = w0_w2,
	  .policy = WITNESSES "group g any w1 w3\nquorum g\n" REST,
	  FAILS(VERIFY_QUORUM), .says = "not complete" },
	{ .name = "all", .at = FIXTURE_CHECKPOINT, .hook = w0_w2,
	  .policy = WITNESSES "group g all w0 w2\nquorum g\n" REST,
	  .step = VERIFY_QUORUM, .status = VERIFY_OK },
	{ .name = "all but one", .at = FIXTURE_CHECKPOINT, .hook = w0_w2,
	  .policy = WITNESSES "group g all w0 w1 w2\nquorum g\n" REST,
	  FAILS(VERIFY_QUORUM), .says = "not complete" },
	{ .name = "two of four", .at = FIXTURE_CHECKPOINT, .hook = w0_w2,
	  .policy = WITNESSES "group g 2 w0 w1 w2 w3\nquorum g\n" REST,
	  .step = VERIFY_QUORUM, .status = VERIFY_OK },
	{ .name = "three of four", .at = FIXTURE_CHECKPOINT, .hook = w0_w2,
	  .policy = WITNESSES "group g 3 w0 w1 w2 w3\nquorum g\n" REST,
	  FAILS(VERIFY_QUORUM), .says = "not complete" },
	{ .name = "nested groups", .cosigned = true, .policy = GROUPS, .step = VERIFY_QUORUM,
	  .status = VERIFY_OK, .says = "quorum c complete" },
	{ .name = "nested groups, one of three", .at = FIXTURE_CHECKPOINT,
	  .hook = w0_w2, .policy = GROUPS, FAILS(VERIFY_QUORUM),
	  .says = "the quorum c is not complete" },
	{ .name = "a known witness's broken line", .at = FIXTURE_NOTE,
	  .hook = w0_broken, .cosigned = true,
	  .policy = WITNESSES "group g any w1 w2\nquorum g\n" REST,
	  FAILS(VERIFY_QUORUM), .says = "witness w0 does not hold" },
	{ .name = "an unknown witness's broken line", .at = FIXTURE_NOTE,
	  .hook = w0_broken, .cosigned = true, .policy = LOG "witness w1 @w1\nwitness w2 @w2\n"
	  "group g any w1 w2\nquorum g\n" REST, .step = VERIFY_QUORUM,
	  .status = VERIFY_OK },
	{ .name = "a known witness's broken line under quorum none",
	  .at = FIXTURE_NOTE, .hook = w0_broken, .cosigned = true,
	  .policy = WITNESSES "log-time @time\nquorum none\n" REST,
	  FAILS(VERIFY_QUORUM), .says = "witness w0 does not hold" },
	{ .name = "quorum none, log-time", .policy = NONE REST,
	  .step = VERIFY_QUORUM, .status = VERIFY_OK,
	  .says = "the log's word" },
	{ .name = "quorum none, no log-time",
	  .policy = LOG "quorum none\n" REST, REFUSED(VERIFY_QUORUM),
	  .says = "no inclusion time" },
	{ .name = "quorum none, the log's time line is missing",
	  .hook = no_log_time, .policy = NONE REST, FAILS(VERIFY_QUORUM),
	  .says = "time cosignature is absent" },
	{ .name = "quorum none, the log's time line is broken",
	  .at = FIXTURE_NOTE, .hook = log_time_broken, .policy = NONE REST,
	  FAILS(VERIFY_QUORUM), .says = "time cosignature does not hold" },
	{ .name = "quorum none, a time of zero", .at = FIXTURE_CHECKPOINT,
	  .hook = time_zero, .policy = NONE REST, FAILS(VERIFY_QUORUM),
	  .says = "time cosignature does not hold" },
	{ .name = "require witness under quorum none",
	  .policy = NONE "require witness\n" REST, REFUSED(VERIFY_QUORUM),
	  .says = "no witness" },
	{ .name = "require witness under a quorum",
	  .at = FIXTURE_CHECKPOINT, .hook = w0,
	  .policy = WITNESSES "quorum w0\nrequire witness\n" REST },
};

static void
quorums(void **state)
{
	(void)state;
	rows_run(ROWS(quorum));
}

/* The time is the smallest at which the quorum is complete. */
static void
inclusion_time(void **state)
{
	static const struct {
		const char *policy;
		int64_t after_s;
	} times[] = {
		{ WITNESSES "quorum w4\n" REST, 50 },
		{ WITNESSES "group g any w3 w1 w4\nquorum g\n" REST, 20 },
		{ WITNESSES "group g all w3 w0\nquorum g\n" REST, 40 },
		{ WITNESSES "group g 2 w4 w2 w0\nquorum g\n" REST, 30 },
		{ GROUPS, 30 }, /* a at 20, b at 30, w4 at 50 */
		{ WITNESSES "group a all w0 w4\ngroup b all w1 w3\n"
		  "group c any a b\nquorum c\n" REST, 40 },
		{ WITNESSES "log-time @time\nquorum w1\n" REST, 20 },
		{ WITNESSES "log-time @time\nquorum none\n" REST, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct rows_result r = { 0 };
		struct fixture f;

		fixture_make(&f, &rows_keys, times[i].policy, rows_cosigned);
		rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
		assert_int_equal(r.verdict, VERIFY_VERIFIED);
		for (size_t k = 0; k < 2; k++) {
			assert_true(r.v->logged[k].known);
			assert_int_equal(r.v->logged[k].unix_s,
			    FIXTURE_TIME + times[i].after_s);
			assert_int_equal(r.v->logged[k].by_witnesses,
			    times[i].after_s != 0);
		}
		rows_free(&r);
		fixture_free(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves),
		cmocka_unit_test(inclusions),
		cmocka_unit_test(checkpoints),
		cmocka_unit_test(unknown_logs),
		cmocka_unit_test(quorums),
		cmocka_unit_test(inclusion_time),
	};

	return rows_main("verify_log", ROWS(tests));
}
