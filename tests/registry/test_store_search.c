/* test_store_search.c -- searches find what a plain look at all entries does,
 * in either order and in pieces; removals withhold; no query scans. */
#include "registry/store_db.h"
#include "tests/registry/folder.h"
#include "tests/test.h"

#define N 300
#define LARGE (2 * STORE_SEGMENT + 77) /* entries in three segments */

struct fixture {
	struct folder folder;
	struct store *s;
	struct tree tree;
	struct store_head head;
};

/* What entry i is: plain arithmetic, so that the test can say it too. */
static bool
has_dataset(uint64_t i)
{
	/* Sparse where the log is large, so that segments are without. */
	return i < N ? i % 3 == 0 : i % 5000 == 7;
}

static bool
has_license(uint64_t i)
{
	return i % 4 != 1;
}

static double
flops_of(uint64_t i)
{
	return 1000.0 + 100.0 * (double)((i * 37) % N);
}

static int
make(void **state, uint64_t size)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store_head to;
	bool published;

	assert_non_null(f);
	folder_make(&f->folder);
	f->s = folder_store(&f->folder);
	assert_ok(store_head(f->s, &f->head, &published));
	assert_ok(tree_load(&f->tree, f->s, &f->head));
	assert_ok(store_begin(f->s));
	for (uint64_t i = 0; i < size; i++) {
		struct store_entry e = folder_entry(i);
		struct store_term term[4];
		uint64_t index;

		e.nterms = 0;
		term[e.nterms++] = store_term_text(STORE_TYPE, e.type);
		if (has_dataset(i))
			term[e.nterms++] = store_term_text(STORE_DATASET,
			    span_str("data"));
		if (has_license(i))
			term[e.nterms++] = store_term_text(STORE_LICENSE,
			    span_str("MIT"));
		if (i % 2 == 0) {
			e.has_flops = true;
			e.flops = flops_of(i);
			term[e.nterms++] = store_term_flops(e.flops);
		}
		e.term = term;
		assert_ok(store_put_entry(f->s, &index, &e));
		assert_ok(tree_push(&f->tree, f->s, &e.leaf));
	}
	assert_ok(tree_save(&f->tree, f->s));
	to = (struct store_head){ size, tree_root(&f->tree) };
	assert_ok(store_put_head(f->s, &f->head, &to));
	assert_ok(store_commit(f->s));
	*state = f;
	return 0;
}

static int
setup(void **state)
{
	return make(state, N);
}

static int
setup_large(void **state)
{
	return make(state, LARGE);
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

/* Does entry i have all that mask asks for? */
static bool
wanted(unsigned mask, uint64_t i, double min)
{
	return ((mask & 1) == 0 || has_dataset(i)) &&
	    ((mask & 2) == 0 || has_license(i)) &&
	    ((mask & 4) == 0 || (i % 2 == 0 && flops_of(i) >= min));
}

static struct store_query
query_of(unsigned mask, double min)
{
	struct store_query q = { .size = N };

	if ((mask & 1) != 0)
		q.criterion[q.ncriteria++] = store_term_text(STORE_DATASET,
		    span_str("data"));
	if ((mask & 2) != 0)
		q.criterion[q.ncriteria++] = store_term_text(STORE_LICENSE,
		    span_str("MIT"));
	q.has_min_flops = (mask & 4) != 0;
	q.min_flops = min;
	return q;
}

/* All pages of the query, and what they must hold. */
static void
check_pages(struct fixture *f, unsigned mask, double min, bool down,
    size_t page, uint64_t size)
{
	struct store_query q = query_of(mask, min);
	uint64_t x = down ? size : 0;
	bool more = true;

	q.size = size;
	q.newest_first = down;
	q.from = down ? UINT64_MAX : 0;
	while (more) {
		struct store_found found[N];
		size_t n = 99;

		assert_ok(store_search(f->s, found, &n, page, &more, &q.from,
		    &q));
		assert_true(n == page || !more);
		for (size_t i = 0; i < n; i++) {
			do {
				assert_true(down ? x > 0 : x < size);
				x = down ? x - 1 : x + 1;
			} while (!wanted(mask, down ? x : x - 1, min));
			assert_int_equal(found[i].index, down ? x : x - 1);
			assert_string_equal((const char *)found[i].type.p,
			    "type");
			buf_free(&found[i].type);
		}
	}
	/* And nothing was left out at the end. */
	while (down ? x > 0 : x < size) {
		x = down ? x - 1 : x + 1;
		assert_false(wanted(mask, down ? x : x - 1, min));
	}
}

static void
test_search(void **state)
{
	static const double min[] = { 1, 1024, 5000, 16384.5, 30900, 1e9 };
	static const size_t page[] = { 1, 7, N };

	for (unsigned mask = 0; mask < 8; mask++)
		for (size_t m = 0; m < 6; m++)
			for (size_t p = 0; p < 3; p++)
				for (unsigned down = 0; down < 2; down++)
					check_pages(*state, mask, min[m],
					    down == 1, page[p], N);
}

static void
test_search_is_bounded_by_the_size(void **state)
{
	static const uint64_t size[] = { 0, 1, 2, 150, N - 1 };

	for (unsigned mask = 0; mask < 8; mask++)
		for (size_t s = 0; s < 5; s++)
			for (unsigned down = 0; down < 2; down++)
				check_pages(*state, mask, 5000, down == 1, 10,
				    size[s]);
}

/* From one segment of the index to the next, in either direction. */
static void
test_search_over_segments(void **state)
{
	static const uint64_t size[] = { STORE_SEGMENT - 1, STORE_SEGMENT,
		STORE_SEGMENT + 1, 2 * STORE_SEGMENT, LARGE };

	for (unsigned mask = 1; mask < 8; mask += 2)
		for (size_t s = 0; s < 5; s++)
			for (unsigned down = 0; down < 2; down++)
				check_pages(*state, mask, 20000, down == 1, 7,
				    size[s]);
}

/* A digest is found in its segment, and a leaf. */
static void
test_find_over_segments(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < LARGE; i += STORE_SEGMENT - 1) {
		struct store_entry e = folder_entry(i);
		uint64_t index = 0;

		assert_ok(store_find_leaf(f->s, &index, &e.leaf));
		assert_int_equal(index, i);
	}
}

/* What nobody has, in a role that it does not have, is not found. */
static void
test_not_found(void **state)
{
	struct fixture *f = *state;
	const struct store_term none[] = {
		store_term_text(STORE_DATASET, span_str("Data")),
		store_term_text(STORE_DATASET, span_str("dat")),
		store_term_text(STORE_DATASET, span_str("")),
		store_term_text(STORE_CODE, span_str("data")),
		store_term_text(STORE_DEPENDENCY, span_str("data")),
		store_term_text(STORE_LICENSE, span_str("data")),
		store_term_text(STORE_DATASET, span_str("MIT")),
		store_term_text(STORE_TYPE, span_str("typ")),
		store_term_digest(STORE_DATASET, span_str("sha256"),
		    span_str("data")),
		store_term_digest(STORE_DATASET, span_str("dat"),
		    span_str("a")),
	};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct store_query q = { .ncriteria = 1, .size = N,
			.criterion = { none[i] } };
		struct store_found found[2];
		uint64_t next;
		size_t n = 99;
		bool more = true;

		assert_ok(store_search(f->s, found, &n, 2, &more, &next, &q));
		assert_true(n == 0 && !more);
	}
}

static void
test_of_type(void **state)
{
	struct fixture *f = *state;
	uint64_t index[8];
	size_t n = 0;

	assert_ok(store_of_type(f->s, index, &n, 8, "type", 5, 9));
	assert_int_equal(n, 4);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(index[i], 5 + i);
	assert_ok(store_of_type(f->s, index, &n, 2, "type", 5, 9));
	assert_int_equal(n, 2);
	assert_ok(store_of_type(f->s, index, &n, 8, "another", 0, N));
	assert_int_equal(n, 0);
}

static void
test_removal(void **state)
{
	struct fixture *f = *state;
	struct store_entry e = folder_entry(7);
	struct digest stranger = { { 1 } };
	struct buf content = { 0 }, body;
	struct store_row row = { 0 };
	uint64_t entry = 0, index;

	assert_int_equal(store_removed(f->s, &entry, &e.d), AC_ERR_NOT_FOUND);
	assert_ok(store_begin(f->s));
	assert_int_equal(store_put_removal(f->s, &stranger, 9),
	    AC_ERR_NOT_FOUND);
	assert_ok(store_put_removal(f->s, &e.d, 9));
	assert_int_equal(store_put_removal(f->s, &e.d, 10), AC_ERR_EXISTS);
	/* Under another key its content does not come back. */
	e.index = N;
	e.key.b[5] ^= 1;
	assert_ok(store_put_entry(f->s, &index, &e));
	assert_ok(store_commit(f->s));
	assert_ok(store_removed(f->s, &entry, &e.d));
	assert_int_equal(entry, 9);
	assert_ok(store_statement(f->s, &content, &e.d, N));
	assert_int_equal(content.len, 0);
	buf_free(&content);
	for (uint64_t i = 7; i <= N; i += N - 7) {
		assert_ok(store_row(f->s, &row, i));
		assert_true(row.withheld && row.statement.len == 0);
		assert_true(digest_equal(&row.d, &e.d));
		/* The leaf stays what it was. */
		if (i == 7) {
			body = folder_body(7);
			assert_true(span_equal(buf_span(&row.body),
			    buf_span(&body)));
			buf_free(&body);
		}
		store_row_free(&row);
	}
	assert_ok(store_row(f->s, &row, 8));
	assert_false(row.withheld);
	store_row_free(&row);
}

/* Does a plan look at the whole of a table?  Rows of its own are none. */
static bool
scans(const char *plan)
{
	for (const char *at = plan; (at = strstr(at, "SCAN")) != NULL; at++)
		if (strncmp(at, "SCAN 32 CONSTANT ROWS",
		    strlen("SCAN 32 CONSTANT ROWS")) != 0)
			return true;
	return strstr(plan, "TEMP B-TREE") != NULL;
}

/* Every query goes by a key. */
static void
test_no_query_scans(void **state)
{
	struct fixture *f = *state;
	struct buf plan = { 0 };
	size_t q = 0;
	enum ac_err e;

	while ((e = store_plan(f->s, &plan, q)) == AC_OK) {
		if (plan.p != NULL && scans((char *)plan.p))
			fail_msg("query %zu:\n%s", q, (char *)plan.p);
		buf_free(&plan);
		q++;
	}
	assert_int_equal(e, AC_ERR_NOT_FOUND);
	assert_int_equal(q, Q_ALL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_search, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_search_is_bounded_by_the_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_search_over_segments,
		    setup_large, teardown),
		cmocka_unit_test_setup_teardown(test_find_over_segments,
		    setup_large, teardown),
		cmocka_unit_test_setup_teardown(test_not_found, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_of_type, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_query_scans, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
