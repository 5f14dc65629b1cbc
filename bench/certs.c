/*
 * certs.c -- certificates as a registry gets them; see certs.h.
 *
 * Self-asserted ones are written here: a digest of their own, three subjects,
 * four dependencies, padded to their size.  Those with evidence come from the
 * tests' fixture: two lines, two RSA quotes by a software key under a
 * simulated root.
 */
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/certs.h"
#include "cert/dsse.h"
#include "cert/leaf.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "tests/support/fixture.h"

#define ALIGN 8
#define POLICY "quorum none\nak-root @root bench simulated unmeasured-boot\n"

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "bench: cannot %s\n", what);
	exit(2);
}

/* ---- the statement of a self-asserted certificate ---- */

static void
write_descriptor(struct writer *w, const char *name, const char *of,
    uint64_t number)
{
	struct digest d;
	char text[128];
	int n = snprintf(text, sizeof(text), "%s %s %llu", name, of,
	    (unsigned long long)number);

	d = sha256_of(span_of(text, (size_t)n));
	statement_write_subject(w, span_str(name), &d);
}

/*
 * A dependency: the digest is one of so many that are in use, as data sets and
 * base models are.
 */
static void
write_dependency(struct writer *w, const char *role, const char *license,
    uint64_t number, uint64_t variety)
{
	struct digest d;
	char text[128];
	int n = snprintf(text, sizeof(text), "%s-%llu", role,
	    (unsigned long long)(number * 7919 % variety));

	d = sha256_of(span_of(text, (size_t)n));
	wr_printf(w, "{\"name\":\"%s\",\"uri\":\"https://models.example/%s\","
	    "\"digest\":{\"sha256\":\"", role, text);
	wr_hex(w, span_digest(&d));
	wr_printf(w, "\"},\"annotations\":{\"role\":\"%s\",\"license\":\"%s\"}}",
	    role, license);
}

static void
write_statement(struct writer *w, const struct digest *builder,
    uint64_t number, size_t padding)
{
	struct digest config;
	char name[64];
	int n = snprintf(name, sizeof(name), "run-%llu",
	    (unsigned long long)number);

	config = sha256_of(span_of(name, (size_t)n));
	statement_write_head(w);
	write_descriptor(w, "oms-root", "of", number);
	wr_u8(w, ',');
	write_descriptor(w, "oms-manifest", "of", number);
	wr_u8(w, ',');
	write_descriptor(w, "model.safetensors", "of", number);
	statement_write_type(w, TYPE_PROVENANCE);
	wr_str(w, "{\"buildDefinition\":{\"buildType\":\"" BUILD_TYPE
	    "\",\"externalParameters\":{\"config\":{\"name\":\"aicert.yaml\","
	    "\"sha256\":\"");
	wr_hex(w, span_digest(&config));
	wr_str(w, "\"},\"builderKey\":\"");
	wr_hex(w, span_digest(builder));
	wr_str(w, "\",\"version\":2,\"trainer\":\"command\",\"command\":["
	    "\"./train\"],\"inputs\":[],\"outputs\":[\"*\"],\"env\":{}},"
	    "\"internalParameters\":{\"sandbox\":{\"note\":\"");
	for (size_t i = 0; i < padding; i++)
		wr_u8(w, (uint8_t)('a' + i % 26));
	wr_str(w, "\"},\"gpus\":[]},\"resolvedDependencies\":[");
	write_dependency(w, "base_model", "Apache-2.0", number, 100);
	wr_u8(w, ',');
	write_dependency(w, "dataset", "CC-BY-4.0", number, 1000);
	wr_u8(w, ',');
	write_dependency(w, "code", "MIT", number, 10000);
	wr_u8(w, ',');
	write_dependency(w, "tokenizer", "MIT", number, 100);
	wr_str(w, "]},\"runDetails\":{\"builder\":{\"id\":\"" BUILDER_SELF
	    "\",\"version\":{\"aicert\":\"0.1.0\"}},\"metadata\":{"
	    "\"invocationId\":");
	wr_json(w, span_of(name, (size_t)n));
	wr_str(w, ",\"startedOn\":\"2026-11-20T10:00:00Z\",\"finishedOn\":"
	    "\"2026-11-20T11:00:00Z\"},\"" COMPUTE_MEMBER "\":{\"flops\":{"
	    "\"value\":\"");
	wr_dec(w, (number + 1) * 1000000007);
	wr_str(w, "\",\"unit\":\"FLOP\",\"assurance\":\"reported\"}}}}}");
}

/* ---- the file ---- */

static void
write_all(FILE *f, const void *p, size_t n)
{
	must(fwrite(p, 1, n, f) == n, "write the certificates");
}

static void
put(FILE *f, struct certs_head *h, struct span body)
{
	static const uint8_t zero[ALIGN];

	h->len = body.len;
	write_all(f, h, sizeof(*h));
	write_all(f, body.p, body.len);
	write_all(f, zero, (ALIGN - body.len % ALIGN) % ALIGN);
}

static struct digest
leaf_of(const struct bundle *b, const struct spki *key)
{
	struct digest d = dsse_digest(buf_span(&b->statement)), leaf;
	struct buf body = { 0 };

	must(leaf_encode(&body, &d, span_of(b->sig, b->siglen), key) == AC_OK,
	    "make a leaf");
	leaf = merkle_leaf(buf_span(&body));
	buf_free(&body);
	return leaf;
}

static void
make_asserted(FILE *f, const struct certs_options *o, EVP_PKEY *const key[],
    uint64_t number)
{
	size_t k = (size_t)(number % o->builders);
	struct spki spki = fixture_spki(key[k]);
	struct digest fingerprint = spki_digest(&spki);
	struct certs_head h = { .nlines = 1 };
	struct bundle b = { 0 };
	struct buf body = { 0 };
	struct writer w;
	size_t bare;

	wr_init(&w, STATEMENT_MAX);
	write_statement(&w, &fingerprint, number, 0);
	bare = w.len;
	wr_free(&w);
	wr_init(&w, STATEMENT_MAX);
	write_statement(&w, &fingerprint, number, o->size > bare ?
	    o->size - bare : 0);
	must(wr_end(&w, &b.statement) == AC_OK, "write a statement");
	fixture_sign(&b, key[k]);
	h.wrong = o->wrong > 0 && number % o->wrong == o->wrong - 1;
	/* A signature that parses and does not hold. */
	if (h.wrong != 0)
		b.sig[b.siglen - 1] ^= 1;
	h.leaf[0] = leaf_of(&b, &spki);
	spki_hint(b.hint, &spki);
	wr_init(&w, CERTIFICATE_MAX);
	bundle_write(&w, &b);
	wr_u8(&w, '\n');
	must(wr_end(&w, &body) == AC_OK, "write a bundle");
	put(f, &h, buf_span(&body));
	buf_free(&body);
	bundle_free(&b);
}

/* What the hook of the fixture needs. */
static struct {
	uint64_t number;
	int64_t now_s;
	bool has_chain;
	struct buf chain[3];
	struct digest root;
} making;

/* One chain for all certificates, valid today; a run of its own for each. */
static void
vary(struct fixture *f)
{
	char text[32];

	if (f->stage == FIXTURE_SETUP) {
		int n = snprintf(text, sizeof(text), "run %llu",
		    (unsigned long long)making.number);

		f->request.config_sha256 = sha256_of(span_of(text, (size_t)n));
		for (size_t i = 0; i < 3; i++) {
			f->cert[i].not_before_s = making.now_s -
			    30 * FIXTURE_DAY;
			f->cert[i].not_after_s = making.now_s +
			    30 * FIXTURE_DAY;
		}
	}
	if (f->stage != FIXTURE_CHAIN)
		return;
	for (size_t i = 0; i < 3; i++) {
		if (!making.has_chain)
			fixture_set(&making.chain[i],
			    buf_span(&f->ev.chain[i]));
		fixture_set(&f->ev.chain[i], buf_span(&making.chain[i]));
	}
	if (!making.has_chain)
		making.root = f->root_der;
	f->root_der = making.root;
	making.has_chain = true;
}

static void
make_measured(FILE *f, const struct certs_options *o,
    const struct fixture_keys *keys, uint64_t number)
{
	struct certs_head h = { .nlines = 2 };
	struct fixture *made = calloc(1, sizeof(*made));
	struct buf body = { 0 };
	struct writer w;

	must(made != NULL, "find memory");
	making.number = number;
	fixture_make(made, keys, POLICY, vary);
	h.wrong = o->wrong > 0 && number % o->wrong == o->wrong - 1;
	if (h.wrong != 0)
		made->line[0].sig[made->line[0].siglen - 1] ^= 1;
	wr_init(&w, CERTIFICATE_MAX);
	for (size_t i = 0; i < 2; i++) {
		h.leaf[i] = leaf_of(&made->line[i], &made->builder);
		made->line[i].logged = false;
		bundle_write(&w, &made->line[i]);
		wr_u8(&w, '\n');
		made->line[i].logged = true;
	}
	must(wr_end(&w, &body) == AC_OK, "write a certificate");
	put(f, &h, buf_span(&body));
	buf_free(&body);
	if (number == o->first)
		must(file_write(o->policy, buf_span(&made->policy), 0644) ==
		    AC_OK, "write the policy");
	fixture_free(made);
	free(made);
}

void
certs_make(const struct certs_options *o)
{
	EVP_PKEY **key = calloc(o->builders, sizeof(EVP_PKEY *));
	FILE *f = fopen(o->path, "wb");
	struct fixture_keys keys;
	EVP_PKEY *own = NULL; /* builder's key of keys */

	must(f != NULL && key != NULL, "create the file of certificates");
	making.now_s = (int64_t)time(NULL);
	for (size_t i = 0; i < o->builders; i++) {
		key[i] = EVP_EC_gen("P-256");
		must(key[i] != NULL, "make a key");
	}
	if (o->evidence) {
		fixture_keys_new(&keys);
		own = keys.builder;
	}
	for (uint64_t i = o->first; i < o->first + o->count; i++) {
		if (!o->evidence) {
			make_asserted(f, o, key, i);
			continue;
		}
		keys.builder = key[i % o->builders];
		make_measured(f, o, &keys, i);
	}
	must(fclose(f) == 0, "write the certificates");
	if (o->evidence) {
		keys.builder = own;
		fixture_keys_free(&keys);
	}
	for (size_t i = 0; i < o->builders; i++)
		EVP_PKEY_free(key[i]);
	free(key);
}

void
certs_open(struct certs *c, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t max = 0;

	must(fd >= 0 && fstat(fd, &st) == 0, "open the certificates");
	*c = (struct certs){ .maplen = (size_t)st.st_size };
	c->map = mmap(NULL, c->maplen, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
	    fd, 0);
	must(c->map != MAP_FAILED, "map the certificates");
	(void)close(fd);
	for (size_t at = 0; at < c->maplen;) {
		const struct certs_head *h = (const void *)(c->map + at);

		if (c->n == max) {
			max = max == 0 ? 1024 : 2 * max;
			c->head = realloc(c->head, max * sizeof(*c->head));
			must(c->head != NULL, "find memory");
		}
		c->head[c->n++] = h;
		at += sizeof(*h) + h->len + (ALIGN - h->len % ALIGN) % ALIGN;
	}
}
