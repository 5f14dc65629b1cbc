/*
 * sha256.c -- what one core hashes, by the number of streams and the way they
 * are hashed: the table by which sha256lanes.c chooses.  Memory only, in
 * pieces of the size and with the gaps that common/hashqueue.c has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/sha256lanes.h"

#define PIECE ((size_t)64 << 10)
#define STRIDE (PIECE + 64)
#define ALL ((size_t)1 << 30) /* bytes for each figure */

static double
cpu_s(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
		return 0;
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
mb_per_s(unsigned ways, const uint8_t *bytes, size_t n)
{
	struct sha256 state[SHA256LANES_MAX], *s[SHA256LANES_MAX];
	struct span data[SHA256LANES_MAX];
	double start = cpu_s();
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		sha256_init(&state[i]);
		s[i] = &state[i];
		data[i] = span_of(bytes + i * STRIDE, PIECE);
	}
	for (; done < ALL; done += n * PIECE)
		sha256lanes_update(ways, s, data, n);
	return (double)done / (cpu_s() - start) / 1e6;
}

int
main(void)
{
	static const struct {
		const char *name;
		unsigned ways;
	} rows[] = { { "OpenSSL, in turn", 0 }, { "pairs", SHA256LANES_PAIRS },
		{ "8 lanes", SHA256LANES_8 }, { "16 lanes", SHA256LANES_16 },
		{ "as chosen", ~0U } };
	static const size_t streams[] = { 1, 2, 4, 6, 8, 9, 12, 16 };
	unsigned has = sha256lanes_ways();
	uint8_t *bytes = calloc(SHA256LANES_MAX, STRIDE);

	if (bytes == NULL)
		return 1;
	(void)printf("SHA-256 on one core, MB/s of CPU time (1e6 bytes)\n"
	    "%-18s", "streams");
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
		(void)printf("%7zu", streams[i]);
	(void)printf("\n");
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		unsigned ways = rows[r].ways & has;

		if (rows[r].ways != ~0U && ways != rows[r].ways)
			continue; /* this CPU lacks it */
		(void)printf("%-18s", rows[r].name);
		for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]);
		    i++)
			(void)printf("%7.0f", mb_per_s(ways, bytes,
			    streams[i]));
		(void)printf("\n");
	}
	free(bytes);
	return 0;
}
