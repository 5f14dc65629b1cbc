/*
 * The verdicts of transparency-dev/merkle's vectors: inclusion and
 * consistency.  The subtree vectors beside them are those of tlog-mirror's
 * subtree proofs, another algorithm that AICert does not have.
 */
#include <sys/stat.h>
#include <sys/types.h>
#include <fts.h>

#include <cjson/cJSON.h>

#include "common/file.h"
#include "common/text.h"
#include "merkle/merkle.h"
#include "tests/test.h"

#define PROOF_MAX 256 /* hashes of a vector's proof */

/*
 * The one vector that upstream accepts and we cannot: equal sizes whose equal
 * "roots" are 12 bytes.  A hash here is 32 bytes by its type.
 */
static const char short_roots[] =
    "/consistency/additional/sizes-are-equal-one-and-proof-is-empty.json";

/*
 * A size or index.  "Minus one" is written as 2^64 - 1, which a double does
 * not hold: from 2^63 on it is taken as that, and refused all the same.
 */
static uint64_t
number(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	assert_true(cJSON_IsNumber(v));
	assert_true(v->valuedouble >= 0);
	return v->valuedouble < 9223372036854775808.0 ?
	    (uint64_t)v->valuedouble : UINT64_MAX;
}

static bool
hash(struct digest *out, const cJSON *v)
{
	return cJSON_IsString(v) && text_unbase64_exact(out->b,
	    sizeof(out->b), span_str(v->valuestring));
}

static enum ac_err
verdict(const cJSON *o, bool inclusion)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "proof"), *v;
	struct digest proof[PROOF_MAX], x, y;
	size_t n = 0;

	if (!hash(&x, cJSON_GetObjectItemCaseSensitive(o,
	    inclusion ? "leafHash" : "root1")) ||
	    !hash(&y, cJSON_GetObjectItemCaseSensitive(o,
	    inclusion ? "root" : "root2")))
		return AC_ERR_FORMAT;
	assert_true(cJSON_IsArray(list) || cJSON_IsNull(list));
	cJSON_ArrayForEach(v, list) {
		assert_in_range(n, 0, PROOF_MAX - 1);
		if (!hash(&proof[n++], v))
			return AC_ERR_FORMAT;
	}
	if (inclusion)
		return merkle_check_inclusion(number(o, "leafIdx"),
		    number(o, "treeSize"), &x, &y, proof, n);
	return merkle_check_consistency(number(o, "size1"),
	    number(o, "size2"), &x, &y, proof, n);
}

/* Does path end with suffix? */
static bool
ends_with(const char *path, const char *suffix)
{
	size_t len = strlen(path), n = strlen(suffix);

	return len >= n && strcmp(path + len - n, suffix) == 0;
}

/* Verdict of the file path, and what the file says it must be. */
static void
check_vector(const char *path, bool inclusion, bool *accept)
{
	const cJSON *want;
	struct buf text;
	enum ac_err e;
	cJSON *o;

	assert_ok(file_read(&text, path, 1 << 16));
	o = cJSON_ParseWithLength((char *)text.p, text.len);
	assert_non_null(o);
	want = cJSON_GetObjectItemCaseSensitive(o, "wantErr");
	assert_true(cJSON_IsBool(want));
	*accept = cJSON_IsFalse(want) && !ends_with(path, short_roots);
	e = verdict(o, inclusion);
	if ((e == AC_OK) != *accept)
		fail_msg("%s: %s", path, ac_strerror(e));
	cJSON_Delete(o);
	buf_free(&text);
}

/* Every file below the folder kind; they are found, so they are tested. */
static void
check_folder(const char *kind, bool inclusion)
{
	char folder[4096], *roots[] = { folder, NULL };
	size_t nfound = 0, ntested = 0, naccepted = 0, nshort = 0;
	FTS *walk;
	FTSENT *f;

	(void)snprintf(folder, sizeof(folder), "%s/merkle/%s", AICERT_CORPUS,
	    kind);
	walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	assert_non_null(walk);
	while ((f = fts_read(walk)) != NULL) {
		bool accept;

		if (f->fts_info == FTS_D || f->fts_info == FTS_DP)
			continue;
		nfound++;
		assert_int_equal(f->fts_info, FTS_F);
		if (!ends_with(f->fts_path, ".json"))
			continue;
		check_vector(f->fts_path, inclusion, &accept);
		ntested++;
		naccepted += accept ? 1 : 0;
		nshort += ends_with(f->fts_path, short_roots) ? 1 : 0;
	}
	(void)fts_close(walk);
	print_message("%s: %zu vectors, %zu accepted\n", kind, ntested,
	    naccepted);
	assert_int_equal(ntested, nfound);
	assert_true(ntested > 75); /* of each kind: more than 150 in all */
	assert_true(naccepted >= 5);
	assert_int_equal(nshort, inclusion ? 0 : 1);
}

static void
inclusion_vectors(void **state)
{
	(void)state;
	check_folder("inclusion", true);
}

static void
consistency_vectors(void **state)
{
	(void)state;
	check_folder("consistency", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inclusion_vectors),
		cmocka_unit_test(consistency_vectors),
	};
	struct stat st;

	if (stat(AICERT_CORPUS "/merkle", &st) != 0) {
		printf("skipped: no vectors in %s/merkle\n", AICERT_CORPUS);
		return TEST_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
