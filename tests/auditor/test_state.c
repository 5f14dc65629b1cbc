/*
 * What a follower keeps: the mark is read as it was written and refused when
 * damaged; the ledger finds who is affected, and who may revoke.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "auditor/ledger.h"
#include "auditor/mark.h"
#include "common/file.h"
#include "common/sha256.h"
#include "tests/test.h"

static char folder[] = "/tmp/aicert-state-XXXXXX";
static struct message why;

static void
path_of(char out[256], const char *name)
{
	(void)snprintf(out, 256, "%s/%s", folder, name);
}

static struct digest
digest_of(const char *s)
{
	return sha256_of(span_str(s));
}

/* ---- mark ---- */

#define NOTE "log.example.org\n9\n\
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\
\xe2\x80\x94 log.example.org AAAAAAA=\n"

static struct mark *
make_mark(void)
{
	struct mark *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	(void)snprintf(m->origin, sizeof(m->origin), "log.example.org");
	assert_ok(buf_copy(&m->note, span_str(NOTE)));
	m->size = 9;
	for (unsigned i = 0; i < 7; i++) {
		struct digest d = digest_of(i % 2 == 0 ? "a" : "b");

		assert_ok(merkle_push(&m->checked, &d));
	}
	m->since[MARK_STALE] = 1234;
	m->since[MARK_FORKED] = 99;
	m->missing[0] = (struct mark_missing){ 3, digest_of("x"), true };
	m->missing[1] = (struct mark_missing){ 5, digest_of("y"), false };
	m->nmissing = 2;
	return m;
}

static void
mark_round_trip(void **state)
{
	struct mark *m = make_mark(), *n = NULL;
	struct digest a, b;
	char path[256];

	(void)state;
	path_of(path, "mark");
	assert_ok(mark_write(m, path, &why));
	assert_ok(mark_read(&n, path, &why));
	assert_string_equal(n->origin, m->origin);
	assert_true(span_equal(buf_span(&n->note), buf_span(&m->note)));
	assert_int_equal(n->size, 9);
	a = merkle_root(&m->checked);
	b = merkle_root(&n->checked);
	assert_true(digest_equal(&a, &b));
	assert_memory_equal(n->since, m->since, sizeof(m->since));
	assert_int_equal(n->nmissing, 2);
	assert_memory_equal(n->missing[0].d.b, m->missing[0].d.b, 32);
	assert_true(n->missing[0].told && !n->missing[1].told);
	assert_int_equal(n->missing[1].index, 5);
	mark_free(m);
	mark_free(n);
	/* Where there is none yet, everything is still to be checked. */
	path_of(path, "none");
	assert_ok(mark_read(&n, path, &why));
	assert_int_equal(n->checked.size, 0);
	assert_int_equal(n->note.len, 0);
	mark_free(n);
}

/* Every truncation of the file but those of the note's signatures. */
static void
mark_damaged(void **state)
{
	static const char *const texts[] = {
		"", "aicert-follow/v2\n\nchecked 0\n\n",
		"aicert-follow/v1\nlog.example.org\nchecked 0\n\n",
		"aicert-follow/v1\n\nchecked 1\n\n",
		"aicert-follow/v1\n\nchecked 01\n\n",
		"aicert-follow/v1\n\nchecked -1\n\n",
		"aicert-follow/v1\n\nchecked 0\nsince today 5\n\n",
		"aicert-follow/v1\n\nchecked 0\nsince stale x\n\n",
		"aicert-follow/v1\n\nchecked 0\nmissing 1\n\n",
		"aicert-follow/v1\n\nchecked 0\nmissing 1 ab\n\n",
		"aicert-follow/v1\n\nchecked 0\nhello 1 2\n\n",
		"aicert-follow/v1\nother.example.org\nchecked 0\n\n" NOTE,
		"aicert-follow/v1\nlog.example.org\nchecked 16\n"
		    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n" NOTE,
	};
	struct mark *m = make_mark(), *n = NULL;
	struct buf whole = { 0 };
	char path[256];

	(void)state;
	path_of(path, "mark");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_ok(file_write(path, span_str(texts[i]), 0644));
		if (mark_read(&n, path, &why) != AC_ERR_FORMAT)
			fail_msg("accepted: %s", texts[i]);
	}
	assert_ok(mark_write(m, path, &why));
	assert_ok(file_read(&whole, path, 1 << 20));
	for (size_t len = 0; len < whole.len; len++) {
		assert_ok(file_write(path, span_of(whole.p, len), 0644));
		assert_int_equal(mark_read(&n, path, &why), AC_ERR_FORMAT);
	}
	buf_free(&whole);
	mark_free(m);
}

/* ---- facts ---- */

static void
facts_round_trip(void **state)
{
	struct facts f = { .kind = FACTS_REVOCATION, .d = digest_of("d"),
		.key = digest_of("k"), .about = digest_of("a"),
		.target = REVOCATION_KEY, .from = true, .here = true,
		.index = 1234567890123, .count = 77, .content = true }, g;
	uint8_t b[FACTS_LEN];

	(void)state;
	facts_encode(b, &f);
	assert_true(facts_decode(&g, b));
	assert_int_equal(g.kind, f.kind);
	assert_int_equal(g.target, f.target);
	assert_true(g.from && g.here && g.content);
	assert_true(g.index == f.index && g.count == 77);
	assert_memory_equal(g.d.b, f.d.b, 32);
	assert_memory_equal(g.key.b, f.key.b, 32);
	assert_memory_equal(g.about.b, f.about.b, 32);
	b[0] = FACTS_KINDS;
	assert_false(facts_decode(&g, b));
	facts_encode(b, &f);
	b[1] = REVOCATION_KEY + 1;
	assert_false(facts_decode(&g, b));
	facts_encode(b, &f);
	b[2] = 8;
	assert_false(facts_decode(&g, b));
	facts_encode(b, &f);
	b[3] = 1;
	assert_false(facts_decode(&g, b));
}

/* ---- ledger ---- */

static enum ac_err
collect(void *arg, uint64_t index, const struct facts *f)
{
	char *text = arg;
	size_t n = strlen(text);

	(void)f;
	(void)snprintf(text + n, 64 - n, "%d,", (int)index);
	return AC_OK;
}

static struct facts
fact(enum facts_kind kind, const char *d, const char *key, const char *about)
{
	struct facts f = { .kind = kind, .d = digest_of(d),
		.key = digest_of(key), .content = true };

	if (about != NULL)
		f.about = digest_of(about);
	return f;
}

static void
affected(struct ledger *l, enum revocation_target kind, const char *of,
    int64_t from, const char *want)
{
	struct ledger_target t = { kind, digest_of(of), from >= 0,
		from < 0 ? 0 : (uint64_t)from };
	char got[64] = "";

	assert_ok(ledger_affected(l, &t, collect, got, &why));
	assert_string_equal(got, want);
}

static void
ledger_finds(void **state)
{
	struct facts f[] = {
		fact(FACTS_RELEASE, "rel", "pub", "root"),
		fact(FACTS_PROVENANCE, "p1", "k1", "root"),
		fact(FACTS_EVIDENCE, "e1", "k1", "p1"),
		fact(FACTS_PROVENANCE, "p2", "k2", NULL),
		fact(FACTS_PROVENANCE, "p3", "k1", "other"),
		fact(FACTS_EVIDENCE, "e9", "k1", "p9"),
		fact(FACTS_UNKNOWN, "u", "k1", NULL),
		fact(FACTS_PROVENANCE, "p4", "k3", "root"),
	};
	struct ledger *l = NULL;
	char path[256];

	(void)state;
	path_of(path, "ledger");
	assert_ok(ledger_open(&l, path, 0, false, &why));
	assert_ok(ledger_append(l, f, 3, &why));
	assert_ok(ledger_append(l, f + 3, 5, &why));
	affected(l, REVOCATION_STATEMENT, "p1", -1, "1,");
	affected(l, REVOCATION_STATEMENT, "e1", -1, "1,");
	affected(l, REVOCATION_STATEMENT, "e9", -1, "");
	affected(l, REVOCATION_STATEMENT, "u", -1, "");
	affected(l, REVOCATION_KEY, "k1", -1, "1,4,");
	affected(l, REVOCATION_KEY, "k1", 2, "1,4,");
	affected(l, REVOCATION_KEY, "k1", 3, "4,");
	affected(l, REVOCATION_KEY, "k1", 5, "");
	affected(l, REVOCATION_KEY, "k3", 7, "7,");
	affected(l, REVOCATION_KEY, "nobody", -1, "");
	affected(l, REVOCATION_IMAGE, "rel", -1, "1,7,");
	affected(l, REVOCATION_IMAGE, "rel", 3, "7,");
	affected(l, REVOCATION_IMAGE, "p1", -1, "");
	affected(l, REVOCATION_IMAGE, "root", -1, "");
	ledger_close(l);
	/* What stands beyond the state's size does not count, and goes. */
	assert_ok(ledger_open(&l, path, 4, false, &why));
	affected(l, REVOCATION_KEY, "k1", -1, "1,");
	assert_ok(ledger_append(l, f + 7, 1, &why));
	affected(l, REVOCATION_IMAGE, "rel", -1, "1,4,");
	ledger_close(l);
	assert_int_equal(ledger_open(&l, path, 9, false, &why),
	    AC_ERR_FORMAT);
}

static void
ledger_judges(void **state)
{
	struct facts f[] = {
		fact(FACTS_PROVENANCE, "p1", "k1", NULL),
		fact(FACTS_REVOCATION, "r1", "k1", "p1"),
		fact(FACTS_REVOCATION, "r2", "k2", "p1"),
	};
	struct facts s = fact(FACTS_STATE, "s", "reg", NULL), key;
	struct policy *p = calloc(1, sizeof(*p));
	struct digest d[2] = { f[1].d, f[2].d };
	struct ledger *l = NULL;
	char path[256];
	bool is = false;

	(void)state;
	assert_non_null(p);
	path_of(path, "ledger2");
	assert_ok(ledger_open(&l, path, 0, false, &why));
	assert_ok(ledger_append(l, f, 3, &why));
	assert_ok(ledger_counts(l, &is, &f[1], p, &why));
	assert_true(is); /* by the signer of the target */
	assert_ok(ledger_counts(l, &is, &f[2], p, &why));
	assert_false(is); /* by a stranger */
	p->nrevoker = 1;
	p->revoker[0].d = digest_of("k2");
	assert_ok(ledger_counts(l, &is, &f[2], p, &why));
	assert_true(is); /* by a revoker */
	key = fact(FACTS_REVOCATION, "r3", "k9", "k9");
	key.target = REVOCATION_KEY;
	assert_ok(ledger_counts(l, &is, &key, p, &why));
	assert_true(is); /* a key revokes itself */
	key.about = digest_of("k1");
	assert_ok(ledger_counts(l, &is, &key, p, &why));
	assert_false(is); /* and no other */

	s.here = true;
	s.index = 3;
	s.count = 2;
	s.about = revocation_list_digest(d, 2);
	ledger_check_state(l, &is, &s);
	assert_true(is);
	s.count = 1;
	ledger_check_state(l, &is, &s);
	assert_false(is); /* another number */
	s.count = 2;
	s.index = 2;
	ledger_check_state(l, &is, &s);
	assert_false(is); /* one of them is not below that size */
	s.index = 4;
	ledger_check_state(l, &is, &s);
	assert_false(is); /* a size that the log has not */
	s.index = 3;
	s.here = false;
	ledger_check_state(l, &is, &s);
	assert_false(is); /* of another log */
	ledger_close(l);

	/* The list is there after a restart, and follows what is taken back. */
	s.here = true;
	assert_ok(ledger_open(&l, path, 3, false, &why));
	ledger_check_state(l, &is, &s);
	assert_true(is);
	ledger_rewind(l, 2);
	s.index = 2;
	s.count = 1;
	s.about = revocation_list_digest(d, 1);
	ledger_check_state(l, &is, &s);
	assert_true(is);
	/* One that was missing at first takes its place in the list. */
	d[1] = d[0];
	d[0] = key.d;
	assert_ok(ledger_replace(l, 0, &key, &why));
	assert_ok(ledger_replace(l, 0, &key, &why));
	s.count = 2;
	s.about = revocation_list_digest(d, 2);
	ledger_check_state(l, &is, &s);
	assert_true(is);
	ledger_close(l);
	free(p);
}

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int
tear_down(void **state)
{
	static const char *const names[] = { "mark", "ledger", "ledger2" };
	char path[256];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		path_of(path, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mark_round_trip),
		cmocka_unit_test(mark_damaged),
		cmocka_unit_test(facts_round_trip),
		cmocka_unit_test(ledger_finds),
		cmocka_unit_test(ledger_judges),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
