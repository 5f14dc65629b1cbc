/*
 * hash.c -- the three hashes of the tree, and roots over rows of them.
 *
 * RFC 6962 section 2.1: the prefixes keep a leaf from ever being read as a
 * node.
 */
#include "common/sha256.h"
#include "merkle/merkle.h"

struct digest
merkle_leaf(struct span entry)
{
	static const uint8_t prefix[1] = { 0x00 };

	return sha256_of2(span_of(prefix, sizeof(prefix)), entry);
}

struct digest
merkle_node_hash(const struct digest *left, const struct digest *right)
{
	uint8_t in[1 + sizeof(left->b) + sizeof(right->b)];

	in[0] = 0x01;
	memcpy(in + 1, left->b, sizeof(left->b));
	memcpy(in + 1 + sizeof(left->b), right->b, sizeof(right->b));
	return sha256_of(span_of(in, sizeof(in)));
}

struct digest
merkle_empty(void)
{
	return sha256_of(span_of(NULL, 0));
}

struct digest
merkle_fold(const struct digest nodes[], size_t n)
{
	struct digest root = nodes[n - 1];

	for (size_t i = n - 1; i-- > 0;)
		root = merkle_node_hash(&nodes[i], &root);
	return root;
}

struct digest
merkle_perfect_root(const struct digest hashes[], size_t n)
{
	struct digest row[MERKLE_TILE_WIDTH];

	memcpy(row, hashes, n * sizeof(row[0]));
	for (; n > 1; n /= 2)
		for (size_t i = 0; i < n / 2; i++)
			row[i] = merkle_node_hash(&row[2 * i], &row[2 * i + 1]);
	return row[0];
}
