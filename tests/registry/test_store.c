/* test_store.c -- what was put is found, what contradicts is refused. */
#include <sys/stat.h>

#include "common/file.h"
#include "tests/registry/folder.h"
#include "tests/test.h"

struct fixture {
	struct folder folder;
	struct store *s;
	struct tree tree;
	struct store_head head;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	bool published;

	assert_non_null(f);
	folder_make(&f->folder);
	f->s = folder_store(&f->folder);
	assert_ok(store_head(f->s, &f->head, &published));
	assert_ok(tree_load(&f->tree, f->s, &f->head));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

static void
test_new_database(void **state)
{
	struct fixture *f = *state;
	struct digest empty = merkle_empty();
	struct store_log log = { 0 };
	struct message why = { "" };
	struct store_head head;
	bool published = true;

	assert_ok(store_log(f->s, &log));
	assert_string_equal((const char *)log.origin.p, "log.example");
	assert_int_equal(log.url.len, 0);
	assert_int_equal(log.created_s, 1000);
	store_log_free(&log);
	assert_ok(store_head(f->s, &head, &published));
	assert_true(head.size == 0 && !published);
	assert_true(digest_equal(&head.root, &empty));
	assert_int_equal(store_published(f->s, &head), AC_ERR_NOT_FOUND);
	assert_int_equal(store_create(folder_file(&f->folder, "registry.db"),
	    "x", "", 1, &why), AC_ERR_EXISTS);
}

static void
test_open_creates_nothing(void **state)
{
	struct fixture *f = *state;
	const char *path = folder_file(&f->folder, "none.db");
	struct message why = { "" };
	struct store *s = NULL;
	struct stat st;

	assert_int_equal(store_open(&s, path, true, &why), AC_ERR_IO);
	assert_int_equal(store_open(&s, path, false, &why), AC_ERR_IO);
	assert_int_equal(stat(path, &st), -1);
	assert_ok(file_create(path, span_str("no database"), 0600));
	assert_int_equal(store_open(&s, path, true, &why), AC_ERR_IO);
	assert_non_null(strstr(why.text, "none.db"));
	assert_null(s);
}

static void
test_entries(void **state)
{
	struct fixture *f = *state;
	struct store_entry e;
	struct store_row row = { 0 };
	struct buf content = { 0 }, body;
	struct spki other = { { 1 } };
	uint64_t index = 99, all[4];
	size_t n = 0;

	folder_grow(f->s, &f->tree, &f->head, 3);
	e = folder_entry(1);
	assert_ok(store_find(f->s, &index, &e.d, &e.key));
	assert_int_equal(index, 1);
	assert_int_equal(store_find(f->s, &index, &e.d, &other),
	    AC_ERR_NOT_FOUND);
	assert_ok(store_find_leaf(f->s, &index, &e.leaf));
	assert_int_equal(index, 1);
	assert_int_equal(store_find_leaf(f->s, &index, &e.d),
	    AC_ERR_NOT_FOUND);
	assert_ok(store_row(f->s, &row, 1));
	assert_true(digest_equal(&row.d, &e.d));
	assert_true(span_equal(buf_span(&row.statement), e.statement));
	body = folder_body(1);
	assert_true(span_equal(buf_span(&row.body), buf_span(&body)));
	buf_free(&body);
	assert_false(row.withheld);
	assert_true(span_equal(span_of(row.sig, row.siglen), e.sig));
	assert_memory_equal(row.key.b, e.key.b, SPKI_LEN);
	store_row_free(&row);
	assert_int_equal(store_row(f->s, &row, 3), AC_ERR_NOT_FOUND);

	/* Reads are bounded by the size that is asked for. */
	assert_ok(store_statement(f->s, &content, &e.d, 2));
	assert_true(span_equal(buf_span(&content), e.statement));
	buf_free(&content);
	assert_int_equal(store_statement(f->s, &content, &e.d, 1),
	    AC_ERR_NOT_FOUND);
	assert_ok(store_find_all(f->s, all, &n, 4, &e.d, 2));
	assert_true(n == 1 && all[0] == 1);
	assert_ok(store_find_all(f->s, all, &n, 4, &e.d, 1));
	assert_int_equal(n, 0);
}

static void
test_one_statement_under_two_keys(void **state)
{
	struct fixture *f = *state;
	struct store_entry e = folder_entry(0);
	struct store_head to;
	uint64_t all[4], index = 99;
	size_t n = 0;

	assert_ok(store_begin(f->s));
	for (uint64_t i = 0; i < 2; i++) {
		e.index = i;
		e.key.b[0] = (uint8_t)i;
		e.leaf.b[0] = (uint8_t)i;
		assert_ok(store_put_entry(f->s, &index, &e));
	}
	/* The same under the same key is found, not put. */
	e.index = 2;
	e.leaf.b[0] = 2;
	assert_int_equal(store_put_entry(f->s, &index, &e), AC_ERR_EXISTS);
	assert_int_equal(index, 1);
	to = (struct store_head){ 2, e.leaf };
	assert_ok(store_put_head(f->s, &f->head, &to));
	assert_ok(store_commit(f->s));
	assert_ok(store_find_all(f->s, all, &n, 4, &e.d, 9));
	assert_true(n == 2 && all[0] == 0 && all[1] == 1);
	assert_ok(store_find_all(f->s, all, &n, 1, &e.d, 9));
	assert_int_equal(n, 1);
}

static void
test_lines(void **state)
{
	struct fixture *f = *state;
	struct store_entry e = folder_entry(2);
	struct digest d2 = e.d, d;
	uint64_t line[8];
	size_t n = 0;

	folder_grow(f->s, &f->tree, &f->head, 6);
	assert_ok(store_begin(f->s));
	assert_ok(store_put_line(f->s, 1, STORE_LINE, 3));
	assert_ok(store_put_line(f->s, 1, STORE_OWN_LINE, 5));
	assert_ok(store_put_line(f->s, 1, STORE_EVIDENCE, 2));
	assert_ok(store_put_line(f->s, 1, STORE_EVIDENCE, 2));
	/* One evidence for a certificate. */
	assert_int_equal(store_put_line(f->s, 1, STORE_EVIDENCE, 4),
	    AC_ERR_IO);
	assert_ok(store_commit(f->s));
	assert_ok(store_lines(f->s, line, &n, 8, 1, 6));
	assert_true(n == 3 && line[0] == 2 && line[1] == 5 && line[2] == 3);
	assert_ok(store_lines(f->s, line, &n, 8, 1, 5));
	assert_true(n == 2 && line[0] == 2 && line[1] == 3);
	assert_ok(store_lines(f->s, line, &n, 8, 0, 6));
	assert_int_equal(n, 0);
	assert_ok(store_evidence(f->s, &d, 1));
	assert_true(digest_equal(&d, &d2));
	assert_int_equal(store_evidence(f->s, &d, 0), AC_ERR_NOT_FOUND);
}

static void
test_compare_and_swap(void **state)
{
	struct fixture *f = *state;
	struct store_head to = { 3, { { 1 } } }, from = f->head, head;
	bool published;

	folder_grow(f->s, &f->tree, &f->head, 2);
	assert_ok(store_begin(f->s));
	/* From the head before, from one of another root, backwards. */
	assert_int_equal(store_put_head(f->s, &from, &to), AC_ERR_MISMATCH);
	from = f->head;
	from.root.b[0] ^= 1;
	assert_int_equal(store_put_head(f->s, &from, &to), AC_ERR_MISMATCH);
	to.size = 2;
	assert_int_equal(store_put_head(f->s, &f->head, &to),
	    AC_ERR_MISMATCH);
	to.size = 1;
	assert_int_equal(store_put_head(f->s, &f->head, &to),
	    AC_ERR_MISMATCH);
	assert_ok(store_commit(f->s));
	assert_ok(store_head(f->s, &head, &published));
	assert_int_equal(head.size, 2);
	assert_true(digest_equal(&head.root, &f->head.root));
}

static void
test_notes(void **state)
{
	struct fixture *f = *state;
	struct store_head head;
	struct buf note = { 0 };
	bool published;

	folder_grow(f->s, &f->tree, &f->head, 2);
	folder_grow(f->s, &f->tree, &f->head, 5);
	assert_int_equal(store_first_head(f->s, &head, &note, 0),
	    AC_ERR_NOT_FOUND);
	assert_ok(store_keep_note(f->s, 2, span_str("note of 2"), true));
	/* Kept for ever: never another. */
	assert_int_equal(store_keep_note(f->s, 2, span_str("x"), true),
	    AC_ERR_EXISTS);
	assert_int_equal(store_keep_note(f->s, 4, span_str("x"), true),
	    AC_ERR_EXISTS);
	assert_ok(store_published(f->s, &head));
	assert_int_equal(head.size, 2);
	assert_ok(store_head(f->s, &head, &published));
	assert_true(head.size == 5 && !published);
	assert_int_equal(store_first_head(f->s, &head, &note, 2),
	    AC_ERR_NOT_FOUND);
	assert_ok(store_keep_note(f->s, 5, span_str("note of 5"), true));
	for (uint64_t i = 0; i < 5; i++) {
		assert_ok(store_first_head(f->s, &head, &note, i));
		assert_int_equal(head.size, i < 2 ? 2 : 5);
		assert_string_equal((const char *)note.p, i < 2 ?
		    "note of 2" : "note of 5");
		buf_free(&note);
	}
}

/* A note without its quorum gives way to the first that has it. */
static void
test_complete_notes(void **state)
{
	struct fixture *f = *state;
	struct store_head head;
	struct buf note = { 0 };
	bool complete;

	folder_grow(f->s, &f->tree, &f->head, 2);
	folder_grow(f->s, &f->tree, &f->head, 5);
	assert_int_equal(store_note(f->s, &note, &complete, 2),
	    AC_ERR_NOT_FOUND);
	assert_ok(store_keep_note(f->s, 2, span_str("open 2"), false));
	assert_int_equal(store_keep_note(f->s, 2, span_str("x"), false),
	    AC_ERR_EXISTS);
	assert_ok(store_note(f->s, &note, &complete, 2));
	assert_true(span_is(buf_span(&note), "open 2") && !complete);
	buf_free(&note);
	assert_ok(store_first_head(f->s, &head, &note, 0));
	assert_true(span_is(buf_span(&note), "open 2"));
	buf_free(&note);
	assert_ok(store_keep_note(f->s, 5, span_str("full 5"), true));
	assert_ok(store_first_head(f->s, &head, &note, 0));
	assert_true(head.size == 5 && span_is(buf_span(&note), "full 5"));
	buf_free(&note);
	assert_ok(store_keep_note(f->s, 2, span_str("full 2"), true));
	assert_ok(store_first_head(f->s, &head, &note, 0));
	assert_true(head.size == 2 && span_is(buf_span(&note), "full 2"));
	buf_free(&note);
	/* Of each index its own, and the same when it is asked for again. */
	for (uint64_t i = 0; i < 10; i++) {
		assert_ok(store_first_head(f->s, &head, &note, i % 5));
		assert_true(head.size == (i % 5 < 2 ? 2 : 5));
		assert_true(span_is(buf_span(&note), i % 5 < 2 ? "full 2" :
		    "full 5"));
		buf_free(&note);
	}
	assert_int_equal(store_keep_note(f->s, 2, span_str("x"), true),
	    AC_ERR_EXISTS);
	assert_int_equal(store_keep_note(f->s, 2, span_str("x"), false),
	    AC_ERR_EXISTS);
}

static void
test_by_digest(void **state)
{
	struct fixture *f = *state;
	struct store_entry e = folder_entry(4);
	struct store_found found[8];
	uint8_t shared[32];
	struct digest d = e.d;
	size_t n = 0;

	memset(shared, 9, sizeof(shared));
	folder_grow(f->s, &f->tree, &f->head, 6);
	assert_ok(store_by_digest(f->s, found, &n, 8, span_str("sha256"),
	    span_digest(&d), 0, 6));
	assert_int_equal(n, 1);
	assert_int_equal(found[0].index, 4);
	assert_int_equal(found[0].role, STORE_SUBJECT);
	assert_true(digest_equal(&found[0].d, &d));
	buf_free(&found[0].type);
	assert_ok(store_by_digest(f->s, found, &n, 8, span_str("sha1"),
	    span_digest(&d), 0, 6));
	assert_int_equal(n, 0);
	assert_ok(store_by_digest(f->s, found, &n, 3, span_str("sha256"),
	    span_of(shared, 32), 2, 5));
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(found[i].index, i + 2);
		assert_int_equal(found[i].role, STORE_DEPENDENCY);
		buf_free(&found[i].type);
	}
}

static void
test_bundles(void **state)
{
	struct fixture *f = *state;
	struct buf out = { 0 };
	struct writer w;
	size_t at = 0;

	folder_grow(f->s, &f->tree, &f->head, 3);
	wr_init(&w, 10000);
	assert_ok(store_bundle(f->s, &w, 1, 2));
	assert_ok(wr_end(&w, &out));
	for (uint64_t i = 1; i < 3; i++) {
		struct buf body = folder_body(i);

		assert_true(out.len >= at + 2 + body.len);
		assert_int_equal(out.p[at] << 8 | out.p[at + 1], body.len);
		assert_memory_equal(out.p + at + 2, body.p, body.len);
		at += 2 + body.len;
		buf_free(&body);
	}
	assert_int_equal(at, out.len);
	buf_free(&out);
	wr_init(&w, 10000);
	assert_int_equal(store_bundle(f->s, &w, 2, 2), AC_ERR_NOT_FOUND);
	wr_free(&w);
}

static void
test_reader_sees_commits_only(void **state)
{
	struct fixture *f = *state;
	struct store_entry e = folder_entry(0);
	struct message why = { "" };
	struct store *reader = NULL;
	struct store_head head;
	bool published;
	uint64_t index;

	assert_ok(store_open(&reader, folder_file(&f->folder, "registry.db"),
	    false, &why));
	assert_ok(store_begin(f->s));
	assert_ok(store_put_entry(f->s, &index, &e));
	assert_ok(store_find(f->s, &index, &e.d, &e.key));
	assert_int_equal(store_find(reader, &index, &e.d, &e.key),
	    AC_ERR_NOT_FOUND);
	assert_ok(tree_push(&f->tree, f->s, &e.leaf));
	assert_ok(tree_save(&f->tree, f->s));
	head = (struct store_head){ 1, tree_root(&f->tree) };
	assert_ok(store_put_head(f->s, &f->head, &head));
	assert_ok(store_commit(f->s));
	assert_ok(store_find(reader, &index, &e.d, &e.key));
	assert_ok(store_head(reader, &head, &published));
	assert_int_equal(head.size, 1);
	store_close(reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_database, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_open_creates_nothing,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_one_statement_under_two_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compare_and_swap, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_complete_notes, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_by_digest, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_bundles, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reader_sees_commits_only,
		    setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
