/*
 * sha256lanes_kernel.h -- the compression function of FIPS 180-4 section 6.2
 * on LANES streams at once.  sha256lanes.c includes it once for each vector
 * type and defines what it is made of:
 *
 * KERNEL, TARGET      name of the function, its instruction sets
 * LANES, V            32-bit words of a vector, its type
 * ADD ROR SHR XOR3    + and the bit operations of 32-bit words
 * CH MAJ              (a & b) ^ (~a & c), majority
 * ONE(x)              the word x in every lane
 * BYTES(v)            every word of v with its bytes turned round
 * ROWS(p, k)          128 bits each of the lanes k, k + 4, k + 8, ...
 * LO32 HI32 LO64 HI64 interleave within 128 bits
 */
#define SUM0(x) XOR3(ROR(x, 2), ROR(x, 13), ROR(x, 22))
#define SUM1(x) XOR3(ROR(x, 6), ROR(x, 11), ROR(x, 25))
#define SIGMA0(x) XOR3(ROR(x, 7), ROR(x, 18), SHR(x, 3))
#define SIGMA1(x) XOR3(ROR(x, 17), ROR(x, 19), SHR(x, 10))

/*
 * Round t + i; the letters turn by one from call to call.  SUM1(e) comes last
 * wherever it is added: it is what takes longest from round to round.
 */
#define ROUND(a, b, c, d, e, f, g, h, i) \
	do { \
		V t1 = ADD(ADD(h, ADD(w[i], ONE(sha256_k[t + (i)]))), \
		    CH(e, f, g)); \
		V sum = SUM1(e); \
		d = ADD(ADD(d, t1), sum); \
		h = ADD(ADD(t1, sum), ADD(SUM0(a), MAJ(a, b, c))); \
	} while (0)

/* After round t + i: the word of round t + i + 16. */
#define EXPAND(i) \
	(w[i] = ADD(ADD(w[i], SIGMA0(w[((i) + 1) & 15])), \
	    ADD(w[((i) + 9) & 15], SIGMA1(w[((i) + 14) & 15]))))

#define ROUNDS(i, then) \
	do { \
		ROUND(a, b, c, d, e, f, g, h, i); then(i); \
		ROUND(h, a, b, c, d, e, f, g, (i) + 1); then((i) + 1); \
		ROUND(g, h, a, b, c, d, e, f, (i) + 2); then((i) + 2); \
		ROUND(f, g, h, a, b, c, d, e, (i) + 3); then((i) + 3); \
		ROUND(e, f, g, h, a, b, c, d, (i) + 4); then((i) + 4); \
		ROUND(d, e, f, g, h, a, b, c, (i) + 5); then((i) + 5); \
		ROUND(c, d, e, f, g, h, a, b, (i) + 6); then((i) + 6); \
		ROUND(b, c, d, e, f, g, h, a, (i) + 7); then((i) + 7); \
	} while (0)
#define NOTHING(i) (void)0

/* Words 4 * i to 4 * i + 3 of the block, each of all lanes. */
#define LOAD(i) \
	do { \
		V r0 = ROWS(p, 0), r1 = ROWS(p, 1), r2 = ROWS(p, 2), \
		  r3 = ROWS(p, 3), x, y; \
		x = LO32(r0, r1); \
		y = LO32(r2, r3); \
		w[4 * (i)] = BYTES(LO64(x, y)); \
		w[4 * (i) + 1] = BYTES(HI64(x, y)); \
		x = HI32(r0, r1); \
		y = HI32(r2, r3); \
		w[4 * (i) + 2] = BYTES(LO64(x, y)); \
		w[4 * (i) + 3] = BYTES(HI64(x, y)); \
		at += 16; \
	} while (0)

/* state[i] is word i of all lanes; p[lane] has 64 * blocks bytes. */
TARGET static void
KERNEL(V state[static 8], const uint8_t *const p[static LANES], size_t blocks)
{
	V a = state[0], b = state[1], c = state[2], d = state[3];
	V e = state[4], f = state[5], g = state[6], h = state[7];
	size_t at = 0;

	for (; blocks > 0; blocks--) {
		size_t t = 0;
		V w[16];

		LOAD(0);
		LOAD(1);
		LOAD(2);
		LOAD(3);
		for (; t < 48; t += 16) {
			ROUNDS(0, EXPAND);
			ROUNDS(8, EXPAND);
		}
		ROUNDS(0, NOTHING);
		ROUNDS(8, NOTHING);
		a = state[0] = ADD(a, state[0]);
		b = state[1] = ADD(b, state[1]);
		c = state[2] = ADD(c, state[2]);
		d = state[3] = ADD(d, state[3]);
		e = state[4] = ADD(e, state[4]);
		f = state[5] = ADD(f, state[5]);
		g = state[6] = ADD(g, state[6]);
		h = state[7] = ADD(h, state[7]);
	}
}

#undef SUM0
#undef SUM1
#undef SIGMA0
#undef SIGMA1
#undef ROUND
#undef EXPAND
#undef ROUNDS
#undef NOTHING
#undef LOAD
#undef KERNEL
#undef TARGET
#undef LANES
#undef V
#undef ADD
#undef ROR
#undef SHR
#undef XOR3
#undef CH
#undef MAJ
#undef ONE
#undef BYTES
#undef ROWS
#undef LO32
#undef HI32
#undef LO64
#undef HI64
