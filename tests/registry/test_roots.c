/* test_roots.c -- the root in the order of path components. */
#include <stdio.h>

#include "cert/oms.h"
#include "common/text.h"
#include "registry/roots.h"
#include "tests/test.h"

#define MAX 4

/* Weight subjects of these names, the i-th with the digest iiii… */
static void
fill(struct json_doc *doc, struct provenance_view *v, const char *const name[],
    size_t n)
{
	struct oms_file file[MAX] = { { .bytes = 0 } };
	struct writer w;
	struct buf b = { 0 };

	wr_init(&w, MIB);
	wr_u8(&w, '[');
	for (size_t i = 0; i < n; i++) {
		file[i].name = span_str(name[i]);
		memset(file[i].sha256.b, (int)i + 1, 32);
		wr_str(&w, i == 0 ? "" : ",");
		statement_write_subject(&w, file[i].name, &file[i].sha256);
	}
	wr_u8(&w, ']');
	assert_ok(wr_end(&w, &b));
	assert_ok(json_parse(doc, buf_span(&b)));
	buf_free(&b);
	v->weights = json_first(json_root(doc));
	qsort(file, n, sizeof(file[0]), oms_compare);
	v->root = oms_root(file, n);
}

static void
test_folders(void **state)
{
	/* By name: onnx-a, onnx.json, onnx/model; '/' comes last of them. */
	static const char *const name[] = { "onnx/model.onnx", "onnx.json",
		"onnx-a" };
	struct oms_file other[3] = { { .bytes = 0 } };
	struct provenance_view v = { .measured = false };
	struct json_doc doc = { 0 };
	struct digest root, expected;

	(void)state;
	fill(&doc, &v, name, 3);
	/* By components: onnx/model, onnx-a, onnx.json. */
	memset(other[0].sha256.b, 1, 32);
	memset(other[1].sha256.b, 3, 32);
	memset(other[2].sha256.b, 2, 32);
	expected = oms_root(other, 3);
	assert_ok(roots_other(&root, &v));
	assert_true(digest_equal(&root, &expected));
	assert_false(digest_equal(&root, &v.root));

	/* A file that S does not name: its root is over more. */
	v.root.b[0] ^= 1;
	assert_int_equal(roots_other(&root, &v), AC_ERR_NOT_FOUND);
	json_free(&doc);
}

static void
test_one_order(void **state)
{
	static const char *const flat[] = { "b.bin", "a.bin", "a.binx" };
	static const char *const deep[] = { "a/b", "a/b/c", "b/a", "b/aa" };
	struct provenance_view v = { .measured = false };
	struct json_doc doc = { 0 };
	struct digest root;

	(void)state;
	fill(&doc, &v, flat, 3);
	assert_int_equal(roots_other(&root, &v), AC_ERR_NOT_FOUND);
	json_free(&doc);
	fill(&doc, &v, deep, 4);
	assert_int_equal(roots_other(&root, &v), AC_ERR_NOT_FOUND);
	json_free(&doc);
	v.weights = (struct json){ NULL };
	assert_int_equal(roots_other(&root, &v), AC_ERR_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_one_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
