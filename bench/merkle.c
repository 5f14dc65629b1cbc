/*
 * bench/merkle.c -- what the tree costs on this machine: one line a case,
 * nanoseconds for one operation, and how many SHA-256 of a node that is.
 */
#include <stdio.h>
#include <time.h>

#include "merkle/merkle.h"

#define LEAVES 1000000
#define ROUNDS 20000

static double
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
print(const char *what, double ns, double node_ns)
{
	printf("%-44s %9.0f ns %7.2f nodes\n", what, ns, ns / node_ns);
}

int
main(void)
{
	struct merkle_frontier f = { 0 };
	struct digest d = merkle_leaf(span_str("leaf")), proof[MERKLE_PROOF_MAX];
	struct merkle_plan plan = { 0 };
	enum ac_err e = AC_OK;
	double start, node;

	start = now_ns();
	for (size_t i = 0; i < LEAVES; i++)
		d = merkle_node_hash(&d, &d);
	node = (now_ns() - start) / LEAVES;
	print("hash of a node", node, node);

	start = now_ns();
	for (size_t i = 0; i < LEAVES && e == AC_OK; i++)
		e = merkle_push(&f, &d);
	print("push a leaf", (now_ns() - start) / LEAVES, node);

	/* One leaf short of 2^20: the most peaks that a million leaves have. */
	while (f.size < (1 << 20) - 1 && e == AC_OK)
		e = merkle_push(&f, &d);
	start = now_ns();
	for (size_t i = 0; i < ROUNDS; i++)
		d = merkle_root(&f);
	print("root of 2^20 - 1 leaves", (now_ns() - start) / ROUNDS, node);

	start = now_ns();
	for (size_t i = 0; i < ROUNDS && e == AC_OK; i++)
		e = merkle_plan_inclusion(&plan, i, f.size);
	print("plan an inclusion proof, 2^20 - 1 leaves",
	    (now_ns() - start) / ROUNDS, node);

	/* The hashes lead nowhere, which takes as long to find as a root. */
	for (size_t i = 0; i < MERKLE_PROOF_MAX; i++)
		proof[i] = d;
	start = now_ns();
	for (size_t i = 0; i < ROUNDS && e == AC_OK; i++)
		if (merkle_check_inclusion(i, f.size, &d, &d, proof,
		    plan.nhashes) != AC_ERR_MISMATCH)
			e = AC_ERR_FORMAT;
	print("check an inclusion proof, 2^20 - 1 leaves",
	    (now_ns() - start) / ROUNDS, node);

	if (e != AC_OK) {
		(void)fprintf(stderr, "bench_merkle: %s\n", ac_strerror(e));
		return 1;
	}
	return 0;
}
