/* sha256lanes.c -- many streams at once; see sha256lanes.h. */
#include "common/sha256lanes.h"

#if !defined(__x86_64__)

unsigned
sha256lanes_ways(void)
{
	return 0;
}

void
sha256lanes_update(unsigned ways, struct sha256 *const s[],
    const struct span data[], size_t n)
{
	(void)ways;
	for (size_t i = 0; i < n; i++)
		sha256_update(s[i], data[i]);
}

#else
#include <cpuid.h>
#include <immintrin.h>

#define BLOCK 64 /* bytes */

static const uint32_t sha256_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

#define LOAD128(at) _mm_loadu_si128((const void *)(at))
#define TURN \
	_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3)

#define KERNEL compress16
#define TARGET __attribute__((target("avx512f,avx512bw")))
#define LANES 16
#define V __m512i
#define ADD _mm512_add_epi32
#define ROR _mm512_ror_epi32
#define SHR _mm512_srli_epi32
#define XOR3(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define CH(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xca)
#define MAJ(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xe8)
#define ONE(x) _mm512_set1_epi32((int)(x))
#define BYTES(v) _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(TURN))
#define ROWS(p, k) \
	_mm512_inserti32x4(_mm512_inserti32x4(_mm512_inserti32x4( \
	    _mm512_castsi128_si512(LOAD128(p[k] + at)), \
	    LOAD128(p[(k) + 4] + at), 1), LOAD128(p[(k) + 8] + at), 2), \
	    LOAD128(p[(k) + 12] + at), 3)
#define LO32 _mm512_unpacklo_epi32
#define HI32 _mm512_unpackhi_epi32
#define LO64 _mm512_unpacklo_epi64
#define HI64 _mm512_unpackhi_epi64
#include "common/sha256lanes.inc"

#define KERNEL compress8
#define TARGET __attribute__((target("avx2")))
#define LANES 8
#define V __m256i
#define ADD _mm256_add_epi32
#define ROR(x, n) \
	_mm256_or_si256(_mm256_srli_epi32(x, n), _mm256_slli_epi32(x, 32 - (n)))
#define SHR _mm256_srli_epi32
#define XOR3(x, y, z) _mm256_xor_si256(_mm256_xor_si256(x, y), z)
#define CH(x, y, z) \
	_mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z)))
#define MAJ(x, y, z) \
	_mm256_or_si256(_mm256_and_si256(x, y), \
	    _mm256_and_si256(z, _mm256_or_si256(x, y)))
#define ONE(x) _mm256_set1_epi32((int)(x))
#define BYTES(v) _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(TURN))
#define ROWS(p, k) \
	_mm256_inserti128_si256(_mm256_castsi128_si256(LOAD128(p[k] + at)), \
	    LOAD128(p[(k) + 4] + at), 1)
#define LO32 _mm256_unpacklo_epi32
#define HI32 _mm256_unpackhi_epi32
#define LO64 _mm256_unpacklo_epi64
#define HI64 _mm256_unpackhi_epi64
#include "common/sha256lanes.inc"

/*
 * Two streams in the SHA extensions.  Their instructions hold a state as the
 * words a, b, e, f and c, d, g, h, and do two rounds each.
 */
#define SHANI __attribute__((target("sha,sse4.1,ssse3")))

/* Rounds 4 * i to 4 * i + 3 of stream s. */
#define QUAD(s, i) \
	do { \
		__m128i k = _mm_add_epi32(m[s][(i) & 3], \
		    LOAD128(sha256_k + 4 * (i))); \
		cdgh[s] = _mm_sha256rnds2_epu32(cdgh[s], abef[s], k); \
		if ((i) >= 3 && (i) <= 14) \
			m[s][((i) + 1) & 3] = _mm_sha256msg2_epu32( \
			    _mm_add_epi32(m[s][((i) + 1) & 3], _mm_alignr_epi8( \
			    m[s][(i) & 3], m[s][((i) + 3) & 3], 4)), \
			    m[s][(i) & 3]); \
		abef[s] = _mm_sha256rnds2_epu32(abef[s], cdgh[s], \
		    _mm_shuffle_epi32(k, 0x0e)); \
		if ((i) >= 1 && (i) <= 12) \
			m[s][((i) + 3) & 3] = _mm_sha256msg1_epu32( \
			    m[s][((i) + 3) & 3], m[s][(i) & 3]); \
	} while (0)
#define QUADS(i) \
	do { \
		QUAD(0, i); QUAD(1, i); QUAD(0, (i) + 1); QUAD(1, (i) + 1); \
		QUAD(0, (i) + 2); QUAD(1, (i) + 2); \
		QUAD(0, (i) + 3); QUAD(1, (i) + 3); \
	} while (0)

SHANI static void
compress_pair(uint32_t h[static 2][8], const uint8_t *const p[static 2],
    size_t blocks)
{
	__m128i abef[2], cdgh[2], m[2][4];

	for (unsigned s = 0; s < 2; s++) {
		__m128i x = _mm_shuffle_epi32(LOAD128(h[s]), 0xb1);
		__m128i y = _mm_shuffle_epi32(LOAD128(h[s] + 4), 0x1b);

		abef[s] = _mm_alignr_epi8(x, y, 8);
		cdgh[s] = _mm_blend_epi16(y, x, 0xf0);
	}
	for (size_t at = 0; blocks > 0; blocks--, at += BLOCK) {
		__m128i old[4] = { abef[0], cdgh[0], abef[1], cdgh[1] };

		for (unsigned i = 0; i < 4; i++) {
			m[0][i] = _mm_shuffle_epi8(LOAD128(p[0] + at + 16 * i),
			    TURN);
			m[1][i] = _mm_shuffle_epi8(LOAD128(p[1] + at + 16 * i),
			    TURN);
		}
		QUADS(0);
		QUADS(4);
		QUADS(8);
		QUADS(12);
		abef[0] = _mm_add_epi32(abef[0], old[0]);
		cdgh[0] = _mm_add_epi32(cdgh[0], old[1]);
		abef[1] = _mm_add_epi32(abef[1], old[2]);
		cdgh[1] = _mm_add_epi32(cdgh[1], old[3]);
	}
	for (unsigned s = 0; s < 2; s++) {
		__m128i x = _mm_shuffle_epi32(abef[s], 0x1b);
		__m128i y = _mm_shuffle_epi32(cdgh[s], 0xb1);

		_mm_storeu_si128((void *)h[s], _mm_blend_epi16(x, y, 0xf0));
		_mm_storeu_si128((void *)(h[s] + 4), _mm_alignr_epi8(y, x, 8));
	}
}

/* ---- Which streams go which way ---- */

unsigned
sha256lanes_ways(void)
{
	unsigned a, b, c, d, ways = 0;

	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0)
		return 0;
	/* These two also ask whether the system saves the registers. */
	if (__builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512bw"))
		ways |= SHA256LANES_16;
	if (__builtin_cpu_supports("avx2"))
		ways |= SHA256LANES_8;
	if ((b & bit_SHA) != 0 && __builtin_cpu_supports("sse4.1"))
		ways |= SHA256LANES_PAIRS;
	return ways;
}

/* What is left to do: streams with whole blocks. */
struct work {
	struct sha256 *s[SHA256LANES_MAX];
	const uint8_t *p[SHA256LANES_MAX];
	size_t blocks[SHA256LANES_MAX];
	size_t n;
};

/* The first n streams have done blocks; leave out those without more. */
static void
advance(struct work *w, size_t n, size_t blocks)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (i < n) {
			w->p[i] += blocks * BLOCK;
			w->blocks[i] -= blocks;
		}
		if (w->blocks[i] == 0)
			continue;
		w->s[kept] = w->s[i];
		w->p[kept] = w->p[i];
		w->blocks[kept++] = w->blocks[i];
	}
	w->n = kept;
}

/* Blocks that each of the first n streams has. */
static size_t
common_blocks(const struct work *w, size_t n)
{
	size_t least = w->blocks[0];

	for (size_t i = 1; i < n; i++)
		if (w->blocks[i] < least)
			least = w->blocks[i];
	return least;
}

/*
 * The states with word i of all streams side by side, as the kernels have
 * them.  A lane without a stream repeats the first, for nothing.
 */
static void
step_wide(struct work *w, bool wide)
{
	size_t lanes = wide ? 16 : 8, n = w->n < lanes ? w->n : lanes;
	size_t blocks = common_blocks(w, n);
	const uint8_t *p[SHA256LANES_MAX];
	uint32_t h[SHA256LANES_MAX][8];
	union {
		uint32_t u[8 * SHA256LANES_MAX];
		__m256i v8[8];
		__m512i v16[8];
	} state;

	for (size_t i = 0; i < lanes; i++) {
		p[i] = w->p[i < n ? i : 0];
		sha256_state(h[i], w->s[i < n ? i : 0]);
		for (size_t k = 0; k < 8; k++)
			state.u[k * lanes + i] = h[i][k];
	}
	if (wide)
		compress16(state.v16, p, blocks);
	else
		compress8(state.v8, p, blocks);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < 8; k++)
			h[i][k] = state.u[k * lanes + i];
		sha256_resume(w->s[i], h[i], blocks);
	}
	advance(w, n, blocks);
}

static void
step_pair(struct work *w)
{
	size_t blocks = common_blocks(w, 2);
	uint32_t h[2][8];

	sha256_state(h[0], w->s[0]);
	sha256_state(h[1], w->s[1]);
	compress_pair(h, w->p, blocks);
	sha256_resume(w->s[0], h[0], blocks);
	sha256_resume(w->s[1], h[1], blocks);
	advance(w, 2, blocks);
}

/*
 * From how many streams on a way is the fastest, measured (bench/sha256.c): 16
 * lanes take the time of 7 streams in pairs; where there are no SHA extensions,
 * any lanes are faster than one stream at a time, which is then a fifth.
 */
static bool
worth16(unsigned ways, size_t n)
{
	return (ways & SHA256LANES_16) != 0 &&
	    n >= ((ways & SHA256LANES_PAIRS) != 0 ? 8 : 2);
}

static bool
worth8(unsigned ways, size_t n)
{
	return (ways & SHA256LANES_8) != 0 && n >= 2 &&
	    (ways & SHA256LANES_PAIRS) == 0;
}

void
sha256lanes_update(unsigned ways, struct sha256 *const s[],
    const struct span data[], size_t n)
{
	size_t rest[SHA256LANES_MAX];
	struct work w = { .n = n };

	for (size_t i = 0; i < n; i++) {
		/* To the end of a block that was begun, then whole blocks. */
		size_t first = sha256_wanting(s[i]);

		if (first >= data[i].len) {
			sha256_update(s[i], data[i]);
			w.blocks[i] = rest[i] = 0;
			continue;
		}
		sha256_update(s[i], span_of(data[i].p, first));
		w.s[i] = s[i];
		w.p[i] = data[i].p + first;
		w.blocks[i] = (data[i].len - first) / BLOCK;
		rest[i] = (data[i].len - first) % BLOCK;
	}
	advance(&w, 0, 0);
	while (w.n > 0) {
		if (worth16(ways, w.n))
			step_wide(&w, true);
		else if (worth8(ways, w.n))
			step_wide(&w, false);
		else if ((ways & SHA256LANES_PAIRS) != 0 && w.n >= 2)
			step_pair(&w);
		else {
			sha256_update(w.s[0], span_of(w.p[0],
			    w.blocks[0] * BLOCK));
			advance(&w, 1, w.blocks[0]);
		}
	}
	for (size_t i = 0; i < n; i++)
		if (rest[i] > 0)
			sha256_update(s[i], span_of(data[i].p + data[i].len -
			    rest[i], rest[i]));
}
#endif
