/* Paths of tiles both ways, which tiles there are, and proofs from them. */
#include "merkle/merkle.h"
#include "tests/merkle/tree.h"
#include "tests/test.h"

static const struct {
	const char *path;
	struct merkle_tile tile;
	bool entries;
} good[] = {
	{ "tile/0/000", { 0, 0, 256 }, false },
	{ "tile/0/000.p/1", { 0, 0, 1 }, false },
	{ "tile/0/067", { 0, 67, 256 }, false },
	{ "tile/0/067.p/112", { 0, 67, 112 }, false },
	{ "tile/1/999", { 1, 999, 256 }, false },
	{ "tile/1/x001/000", { 1, 1000, 256 }, false },
	{ "tile/2/x001/x234/067", { 2, 1234067, 256 }, false },
	{ "tile/2/x001/x234/067.p/255", { 2, 1234067, 255 }, false },
	{ "tile/7/x001/x000/000", { 7, 1000000, 256 }, false },
	{ "tile/63/000.p/10", { 63, 0, 10 }, false },
	{ "tile/entries/000", { 0, 0, 256 }, true },
	{ "tile/entries/273.p/112", { 0, 273, 112 }, true },
	{ "tile/entries/x001/x234/067", { 0, 1234067, 256 }, true },
	{ "tile/0/x009/x223/x372/x036/x854/x775/807",
	    { 0, MERKLE_SIZE_MAX, 256 }, false },
};

static const char *const bad[] = {
	"", "/", "tile", "tile/", "tile/0", "tile/0/", "tile//067",
	"/tile/0/067",			 /* absolute */
	"TILE/0/067", "tiles/0/067", "tile/Entries/067",
	"tile/entries", "tile/entries/", "tile/entry/067",
	"tile/data/067",
	"tile/0/67", "tile/0/7",	 /* not three digits */
	"tile/0/0067", "tile/0/1234067",
	"tile/0/x000/067",		 /* leading zeros */
	"tile/0/x000/x001/067", "tile/0/x000",
	"tile/0/001/234/067",		 /* missing x */
	"tile/0/x001/234/067", "tile/0/001/x234/067", "tile/0/001/234",
	"tile/0/x067", "tile/0/x001/x234/x067", "tile/0/x001/x234",
	"tile/0/xx001/067", "tile/0/X001/067", "tile/0/x1/067",
	"tile/0/x01/067", "tile/0/x0001/067",
	"tile/0/x001/x234/067/",	 /* more */
	"tile/0/067/000", "tile/0/067 ", "tile/0/067\n", " tile/0/067",
	"tile/0/x001//067", "tile/0//067",
	"tile/0/..", "tile/0/../067", "tile/../067", "../tile/0/067",
	"tile/0/x001/../067", "tile/0/..p/1", "tile/0/.p/1", "tile/0/./067",
	"tile/0/%30%36%37", "tile/0/0x7", "tile/0/+67", "tile/0/-67",
	"tile/0/06a",
	"tile/00/067", "tile/01/067", "tile/64/067", "tile/-1/067",
	"tile/+1/067", "tile/256/067", "tile/x/067", "tile/ 0/067",
	"tile/18446744073709551616/067",
	"tile/0/067.p", "tile/0/067.p/", "tile/0/067.p/0", "tile/0/067.p/256",
	"tile/0/067.p/007", "tile/0/067.p/07", "tile/0/067.p/-1",
	"tile/0/067.p/1/", "tile/0/067.p/1.p/1", "tile/0/067.p/1 ",
	"tile/0/067.p/x1", "tile/0/067.P/1", "tile/0/067.q/1",
	"tile/0/067/1", "tile/0/067p/1", "tile/0/067.p/18446744073709551617",
	"tile/entries/67", "tile/entries/067.p/256", "tile/entries/0/067",
	"tile/0/entries/067",
	/* 2^63, 2^64, 2^64 + 67, and far beyond */
	"tile/0/x009/x223/x372/x036/x854/x775/808",
	"tile/0/x018/x446/x744/x073/x709/x551/616",
	"tile/0/x018/x446/x744/x073/x709/x551/683",
	"tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/067",
};

static void
paths(void **state)
{
	char path[MERKLE_TILE_PATH_MAX];
	struct merkle_tile tile;
	bool entries;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		merkle_tile_path(path, &good[i].tile, good[i].entries);
		assert_string_equal(path, good[i].path);
		assert_true(merkle_tile_parse(&tile, &entries,
		    span_str(path)));
		assert_true(entries == good[i].entries);
		assert_int_equal(tile.level, good[i].tile.level);
		assert_true(tile.index == good[i].tile.index);
		assert_int_equal(tile.width, good[i].tile.width);
	}
}

static void
paths_refused(void **state)
{
	static const char nul[] = "tile/0/067\0";
	struct merkle_tile tile = { 5, 6, 7 };
	bool entries = true;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (merkle_tile_parse(&tile, &entries, span_str(bad[i])))
			fail_msg("accepted: \"%s\"", bad[i]);
	assert_false(merkle_tile_parse(&tile, &entries,
	    span_of(nul, sizeof(nul) - 1)));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		for (size_t n = 0; n < 8; n++) /* "tile/0/0" at most */
			assert_false(merkle_tile_parse(&tile, &entries,
			    span_of(good[i].path, n)));
	assert_int_equal(tile.level, 5);
	assert_true(tile.index == 6 && entries);
	assert_int_equal(tile.width, 7);
}

/* A path with one byte changed names another tile, by its one name, or none. */
static void
paths_changed(void **state)
{
	char again[MERKLE_TILE_PATH_MAX];
	uint8_t path[MERKLE_TILE_PATH_MAX];
	struct merkle_tile tile;
	bool entries;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t len = strlen(good[i].path);

		for (size_t k = 0; k < len; k++)
			for (unsigned c = 0; c < 256; c++) {
				memcpy(path, good[i].path, len);
				path[k] = (uint8_t)c;
				if (!merkle_tile_parse(&tile, &entries,
				    span_of(path, len)))
					continue;
				merkle_tile_path(again, &tile, entries);
				assert_int_equal(strlen(again), len);
				assert_memory_equal(path, again, len);
			}
	}
}

/* The longest path of any value of the fields ends within its buffer. */
static void
longest_path(void **state)
{
	struct merkle_tile tile = { UINT32_MAX, UINT64_MAX, 255 };
	char path[MERKLE_TILE_PATH_MAX];

	(void)state;
	merkle_tile_path(path, &tile, false);
	assert_string_equal(path,
	    "tile/4294967295/x018/x446/x744/x073/x709/x551/615.p/255");
}

/* Whether a log of size leaves has a tile, asked of all there could be. */
static void
exists(void **state)
{
	static const struct {
		uint64_t size;
		uint64_t nfull[4]; /* by level */
		unsigned partial[4]; /* width of the last tile; 0: none */
	} log[] = {
		{ 0, { 0 }, { 0 } },
		{ 1, { 0 }, { 1 } },
		{ 255, { 0 }, { 255 } },
		{ 256, { 1 }, { 0, 1 } },
		{ 257, { 1 }, { 1, 1 } },
		{ 65535, { 255 }, { 255, 255 } },
		{ 65536, { 256, 1 }, { 0, 0, 1 } },
		{ 70000, { 273, 1 }, { 112, 17, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(log) / sizeof(log[0]); i++)
		for (unsigned level = 0; level < 70; level++)
			for (uint64_t index = 0; index < 300; index++)
				for (unsigned w = 0; w <= 300; w++) {
					struct merkle_tile t = { level, index,
						w };
					uint64_t nfull = level < 4 ?
					    log[i].nfull[level] : 0;
					unsigned partial = level < 4 ?
					    log[i].partial[level] : 0;
					bool want = index < nfull ? w == 256 :
					    index == nfull && w > 0 &&
					    w == partial;

					if (merkle_tile_exists(&t,
					    log[i].size) != want)
						fail_msg("size %u: %u/%u.p/%u",
						    (unsigned)log[i].size,
						    level, (unsigned)index, w);
				}
}

static void
exists_huge(void **state)
{
	struct merkle_tile t = { 0, MERKLE_SIZE_MAX >> 8, 255 };

	(void)state;
	assert_true(merkle_tile_exists(&t, MERKLE_SIZE_MAX));
	t.width = 256;
	assert_false(merkle_tile_exists(&t, MERKLE_SIZE_MAX));
	t.index--;
	assert_true(merkle_tile_exists(&t, MERKLE_SIZE_MAX));
	t = (struct merkle_tile){ 7, 0, 127 };
	assert_true(merkle_tile_exists(&t, MERKLE_SIZE_MAX));
	t.level = 8;
	assert_false(merkle_tile_exists(&t, MERKLE_SIZE_MAX));
	t = (struct merkle_tile){ 0, UINT64_MAX, 256 };
	assert_false(merkle_tile_exists(&t, MERKLE_SIZE_MAX));
}

/* A log as its tiles: row[L] are the hashes of all tiles of level L. */
struct log {
	uint64_t size;
	struct digest *row[3];
};

static struct log
log_new(uint64_t size)
{
	struct log log = { .size = size };

	for (unsigned level = 0; level < 3; level++) {
		uint64_t n = size >> (8 * level);

		log.row[level] = calloc((size_t)n + 1, sizeof(struct digest));
		assert_non_null(log.row[level]);
		for (uint64_t i = 0; i < n; i++)
			log.row[level][i] = level == 0 ? tree_leaf(i) :
			    tree_root(&log.row[level - 1][256 * i], 256);
	}
	return log;
}

static void
log_free(struct log *log)
{
	for (unsigned level = 0; level < 3; level++)
		free(log->row[level]);
}

/* The hash of node, read from the one tile that size names for it. */
static struct digest
log_node(const struct log *log, struct merkle_node node, uint64_t size)
{
	char path[MERKLE_TILE_PATH_MAX];
	unsigned offset, count;
	struct merkle_tile tile;
	bool entries;

	merkle_tile_of_node(&tile, &offset, &count, node, size);
	assert_true(merkle_tile_exists(&tile, size));
	assert_in_range(count, 1, 128);
	assert_int_equal(count & (count - 1), 0);
	assert_in_range(offset + count, 1, tile.width);

	merkle_tile_path(path, &tile, false);
	memset(&tile, 0, sizeof(tile));
	assert_true(merkle_tile_parse(&tile, &entries, span_str(path)));
	assert_false(entries);
	assert_in_range(tile.level, 0, 2);
	return merkle_perfect_root(
	    &log->row[tile.level][256 * tile.index + offset], count);
}

static size_t
log_proof(struct digest proof[], const struct log *log,
    const struct merkle_plan *plan, uint64_t size)
{
	for (size_t i = 0; i < plan->nhashes; i++) {
		struct digest part[MERKLE_PROOF_MAX];
		size_t n = 0;

		for (size_t k = plan->first[i]; k < plan->first[i + 1]; k++)
			part[n++] = log_node(log, plan->nodes[k], size);
		proof[i] = merkle_fold(part, n);
	}
	return plan->nhashes;
}

/* Both proofs of leaf index, and from index + 1, in the tree of size. */
static void
check_proofs(const struct log *log, uint64_t index, uint64_t size,
    const struct digest *root1, const struct digest *root)
{
	struct digest proof[MERKLE_PROOF_MAX];
	struct merkle_plan plan;
	size_t n;

	assert_ok(merkle_plan_inclusion(&plan, index, size));
	n = log_proof(proof, log, &plan, size);
	assert_ok(merkle_check_inclusion(index, size, &log->row[0][index],
	    root, proof, n));
	assert_ok(merkle_plan_consistency(&plan, index + 1, size));
	n = log_proof(proof, log, &plan, size);
	assert_ok(merkle_check_consistency(index + 1, size, root1, root, proof,
	    n));
}

static void
every_proof_of_1000(void **state)
{
	struct merkle_frontier f = { 0 };
	struct log log = log_new(1000);
	struct digest root = tree_root(log.row[0], 1000);

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		struct digest root1;

		assert_ok(merkle_push(&f, &log.row[0][i]));
		root1 = merkle_root(&f);
		check_proofs(&log, i, 1000, &root1, &root);
	}
	log_free(&log);
}

/* Also of the sizes on the way, whose tiles are narrower. */
static void
proofs_of_70000(void **state)
{
	static const uint64_t size[] = { 256, 257, 511, 512, 4095, 65535,
		65536, 65537, 65792, 69888, 69999, 70000 };
	struct log log = log_new(70000);
	struct digest *root;
	struct merkle_frontier f = { 0 };
	uint64_t seed = 4;

	(void)state;
	root = calloc(70001, sizeof(*root)); /* by size */
	assert_non_null(root);
	for (size_t i = 0; i < 70000; i++) {
		assert_ok(merkle_push(&f, &log.row[0][i]));
		root[i + 1] = merkle_root(&f);
	}
	for (size_t k = 0; k < sizeof(size) / sizeof(size[0]); k++) {
		struct digest want = tree_root(log.row[0], size[k]);

		assert_true(digest_equal(&root[size[k]], &want));
		for (size_t n = 0; n < 400; n++) {
			uint64_t i = n < 3 ? n : n < 6 ? size[k] - n + 2 :
			    n < 15 ? size[k] >> (n - 5) :
			    tree_random(&seed) % size[k];

			check_proofs(&log, i, size[k], &root[i + 1],
			    &root[size[k]]);
		}
	}
	free(root);
	log_free(&log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(paths_refused),
		cmocka_unit_test(paths_changed),
		cmocka_unit_test(longest_path),
		cmocka_unit_test(exists),
		cmocka_unit_test(exists_huge),
		cmocka_unit_test(every_proof_of_1000),
		cmocka_unit_test(proofs_of_70000),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
