/*
 * Many streams at once against OpenSSL's EVP: 10^5 random streams, in random
 * company and random pieces, each way by itself and all together.
 */
#include <openssl/evp.h>

#include "common/sha256lanes.h"
#include "tests/test.h"

#define STREAMS 100000
#define LEN_MAX 3000

/* xorshift: the same on every run. */
static uint64_t
next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint64_t
below(uint64_t *seed, uint64_t n)
{
	return (next(seed) >> 16) % n;
}

/* One of the streams that are hashed side by side. */
struct stream {
	struct sha256 s;
	EVP_MD_CTX *want;
	size_t left;
};

static void
begin(struct stream *t, const EVP_MD *md, uint64_t *seed)
{
	/* Around whole blocks as often as anywhere. */
	t->left = below(seed, 2) == 0 ? below(seed, LEN_MAX) :
	    below(seed, 8) * 64 + below(seed, 3);
	sha256_init(&t->s);
	assert_int_equal(EVP_DigestInit_ex(t->want, md, NULL), 1);
}

static void
end(struct stream *t)
{
	struct digest d = sha256_final(&t->s);
	uint8_t want[32];

	assert_int_equal(EVP_DigestFinal_ex(t->want, want, NULL), 1);
	assert_memory_equal(d.b, want, 32);
}

/* n streams side by side by these ways, until all have been hashed. */
static void
hash_streams(unsigned ways, size_t n, size_t all, uint64_t seed)
{
	static uint8_t bytes[LEN_MAX + 64];
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
	struct stream t[SHA256LANES_MAX];
	size_t ended = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)next(&seed);
	for (size_t i = 0; i < n; i++) {
		t[i].want = EVP_MD_CTX_new();
		assert_non_null(t[i].want);
		begin(&t[i], md, &seed);
	}
	while (ended < all) {
		struct sha256 *s[SHA256LANES_MAX];
		struct span data[SHA256LANES_MAX];

		for (size_t i = 0; i < n; i++) {
			size_t len = below(&seed, 4) == 0 ? t[i].left :
			    below(&seed, t[i].left + 1);

			s[i] = &t[i].s;
			data[i] = span_of(bytes + below(&seed, 64), len);
			assert_int_equal(EVP_DigestUpdate(t[i].want,
			    data[i].p, len), 1);
			t[i].left -= len;
		}
		sha256lanes_update(ways, s, data, n);
		for (size_t i = 0; i < n; i++) {
			if (t[i].left > 0)
				continue;
			end(&t[i]);
			ended++;
			begin(&t[i], md, &seed);
		}
	}
	for (size_t i = 0; i < n; i++)
		EVP_MD_CTX_free(t[i].want);
	EVP_MD_free(md);
}

static void
every_way(void **state)
{
	unsigned has = sha256lanes_ways();
	static const struct {
		const char *name;
		unsigned ways;
	} rows[] = { { "none", 0 }, { "pairs", SHA256LANES_PAIRS },
		{ "8 lanes", SHA256LANES_8 }, { "16 lanes", SHA256LANES_16 },
		{ "16 lanes and pairs", SHA256LANES_16 | SHA256LANES_PAIRS },
		{ "all", ~0U } };

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		unsigned ways = rows[r].ways & has;

		if (rows[r].ways != ~0U && ways != rows[r].ways) {
			print_message("note: this CPU lacks: %s\n",
			    rows[r].name);
			continue;
		}
		for (size_t n = 1; n <= SHA256LANES_MAX; n++)
			hash_streams(ways, n, STREAMS / SHA256LANES_MAX,
			    0x9e3779b97f4a7c15 + 64 * r + n);
	}
}

/* The count of bits goes past 32 bits in the lanes as it does outside. */
static void
long_streams(void **state)
{
	enum { PIECE = 1 << 22, PIECES = 136 }; /* 544 MiB, 2^32 bits and more */
	uint8_t *bytes = calloc(1, PIECE);
	struct sha256 a, b, one, *s[] = { &a, &b };
	struct digest d, want;

	(void)state;
	assert_non_null(bytes);
	sha256_init(&a);
	sha256_init(&b);
	sha256_init(&one);
	for (int i = 0; i < PIECES; i++) {
		struct span data[] = { span_of(bytes, PIECE),
			span_of(bytes, PIECE) };

		sha256lanes_update(sha256lanes_ways(), s, data, 2);
		sha256_update(&one, data[0]);
	}
	want = sha256_final(&one);
	d = sha256_final(&a);
	assert_memory_equal(d.b, want.b, 32);
	d = sha256_final(&b);
	assert_memory_equal(d.b, want.b, 32);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_way),
		cmocka_unit_test(long_streams) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
