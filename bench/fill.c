/*
 * fill.c -- a log of many entries in short time: statements of a few hundred
 * bytes under invented signatures, put by the transactions of the sequencer.
 * The server then signs and publishes it as it would after a crash.
 *
 *	bench_fill DATABASE SIZE     until the log has so many entries
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cert/leaf.h"
#include "cert/statement.h"
#include "common/sha256.h"
#include "common/text.h"
#include "registry/store.h"
#include "registry/tree.h"

#define BATCH 4096
#define KEYS 50
#define TERMS_MAX 24

static void
must(enum ac_err e, const char *what)
{
	if (e == AC_OK)
		return;
	(void)fprintf(stderr, "bench_fill: cannot %s: %s\n", what,
	    ac_strerror(e));
	exit(2);
}

static struct digest
digest_of(const char *what, uint64_t number)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s %" PRIu64, what, number);

	return sha256_of(span_of(text, (size_t)n));
}

/* The terms of a certificate with three subjects and four dependencies. */
static size_t
make_terms(struct store_term term[TERMS_MAX], uint64_t i)
{
	static const struct {
		const char *name;
		enum store_role role;
		uint64_t variety;
	} deps[] = { { "base_model", STORE_BASE_MODEL, 100 },
		{ "dataset", STORE_DATASET, 1000 },
		{ "code", STORE_CODE, 10000 },
		{ "tokenizer", STORE_DEPENDENCY, 100 } };
	static const char *const subjects[] = { "oms-root of",
		"oms-manifest of", "model.safetensors of" };
	struct span sha256 = span_str("sha256");
	size_t n = 0;
	struct digest d = digest_of("builder", i % KEYS);

	term[n++] = store_term_builder(&d);
	term[n++] = store_term_text(STORE_TYPE, span_str(TYPE_PROVENANCE));
	term[n++] = store_term_text(STORE_LICENSE, span_str(i % 2 == 0 ?
	    "MIT" : "Apache-2.0"));
	term[n++] = store_term_flops((double)(i + 1) * 1e9);
	for (size_t k = 0; k < 3; k++) {
		d = digest_of(subjects[k], i);
		term[n++] = store_term_digest(STORE_SUBJECT, sha256,
		    span_digest(&d));
	}
	for (size_t k = 0; k < 4; k++) {
		d = digest_of(deps[k].name, i * 7919 % deps[k].variety);
		term[n++] = store_term_digest(deps[k].role, sha256,
		    span_digest(&d));
		term[n++] = store_term_text(deps[k].role,
		    span_str(deps[k].name));
		term[n++] = store_term_text(deps[k].role, span_digest(&d));
	}
	return n;
}

static void
put(struct store *s, struct tree *t, uint64_t i)
{
	static uint8_t sig[70];
	char statement[512];
	struct store_term term[TERMS_MAX];
	struct store_entry e = { .index = i, .sig = span_of(sig, sizeof(sig)),
		.type = span_str(TYPE_PROVENANCE), .term = term,
		.has_flops = true, .flops = (double)(i + 1) * 1e9 };
	struct buf body = { 0 };
	uint64_t index;
	int n = snprintf(statement, sizeof(statement), "{\"number\":%" PRIu64
	    ",\"padding\":\"%0400d\"}", i, 0);

	e.d = digest_of("statement", i);
	e.statement = span_of(statement, (size_t)n);
	memset(e.key.b, (int)(i % KEYS), sizeof(e.key.b));
	memcpy(sig, e.d.b, sizeof(e.d.b));
	e.nterms = make_terms(term, i);
	must(leaf_encode(&body, &e.d, e.sig, &e.key), "make a leaf");
	e.leaf = merkle_leaf(buf_span(&body));
	buf_free(&body);
	must(store_put_entry(s, &index, &e), "put an entry");
	must(tree_push(t, s, &e.leaf), "grow the tree");
}

int
main(int argc, char **argv)
{
	struct message why = { "" };
	struct store *s = NULL;
	struct store_head head;
	struct tree tree;
	struct timespec from, to;
	bool published;
	uint64_t size, first;

	if (argc != 3 || !text_undec(&size, span_str(argv[2]), INT64_MAX)) {
		(void)fprintf(stderr, "usage: bench_fill DATABASE SIZE\n");
		return 2;
	}
	if (store_open(&s, argv[1], true, &why) != AC_OK) {
		(void)fprintf(stderr, "bench_fill: %s\n", why.text);
		return 2;
	}
	must(store_head(s, &head, &published), "read the head");
	must(tree_load(&tree, s, &head), "load the tree");
	first = head.size;
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	while (head.size < size) {
		struct store_head next;

		must(store_begin(s), "begin");
		for (unsigned i = 0; i < BATCH && tree.size < size; i++)
			put(s, &tree, tree.size);
		must(tree_save(&tree, s), "save the tree");
		next = (struct store_head){ tree.size, tree_root(&tree) };
		must(store_put_head(s, &head, &next), "put the head");
		must(store_commit(s), "commit");
		must(store_tidy(s), "tidy");
		head = next;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	(void)printf("{\"entries\":%" PRIu64 ",\"seconds\":%.1f}\n",
	    head.size - first, (double)(to.tv_sec - from.tv_sec) +
	    (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	store_close(s);
	return 0;
}
