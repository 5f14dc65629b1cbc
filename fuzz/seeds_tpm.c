/*
 * seeds_tpm.c -- writes the seed corpora of the fuzz targets whose parsers
 * need keys to be of use, out of certificates that the tests make:
 * fuzz_seeds_tpm fuzz/corpus.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "common/file.h"
#include "fuzz/fuzz.h"
#include "tests/support/fixture.h"

#define PATH_LEN 4096

/* A line of every kind. */
#define POLICY                                                                \
	"# all\nlog @log https://log.example.org\nlog-time @time\n"            \
	"witness w0 @w0 https://w.example\nwitness w1 @w1\n"                   \
	"group g 1 w0 w1\nquorum g\nbuilder test @builder\n"                  \
	"registry log.example.org @registry\nrevoker them @revoker\n"         \
	"ak-root @root sim simulated unmeasured-boot eku 2.23.133.8.3\n"      \
	"ak-root @ark amd snp tcb 1.2.3.4 id-key @idkey\n"                    \
	"image ours @release\ncontainer c sha256:@image\n"                   \
	"pcr 0 @pcr0.\npcr 7 @pcr7.\nmeasurements m.json\nvm @vm\n"          \
	"deny input sha256:@stranger\nallow licence Apache-2.0 MIT\n"        \
	"allow self-asserted test\nallow debug-image\nrequire witness\n"     \
	"require certified-inputs\nrequire earliest-time\n"                  \
	"require ak-name\nrequire revocation-state 2d\n"
#define MEASUREMENTS                                                          \
	"{\"measurements\":{\"4\":\"@pcr4.\",\"9\":\"@pcr9.\","                    \
	"\"11\":\"@pcr11.\"}}"

static const char *folder;

/* Write what w holds as the seed of a target. */
static void
seed(const char *target, const char *name, struct writer *w)
{
	char path[PATH_LEN];
	struct buf b;

	fuzz_must(wr_end(w, &b) == AC_OK);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, target);
	(void)mkdir(path, 0777);
	(void)snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
	if (file_write(path, buf_span(&b), 0644) != AC_OK) {
		(void)fprintf(stderr, "%s cannot be written\n", path);
		exit(1);
	}
	buf_free(&b);
}

static void
put(struct writer *w, const struct buf *b)
{
	wr_be16(w, (uint16_t)b->len);
	wr_bytes(w, buf_span(b));
}

static void
pss(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		f->ak_scheme = FIXTURE_RSAPSS;
}

static void
ecdsa(struct fixture *f)
{
	if (f->stage != FIXTURE_SETUP)
		return;
	f->ak = f->certified = f->keys->ec_ak;
	f->ak_scheme = FIXTURE_ECDSA;
}

static void
snp(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		fixture_with_snp(f);
}

static void
snp_5(struct fixture *f)
{
	snp(f);
	f->cvm.version = 5;
}

static void
tdx(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		fixture_with_tdx(f);
}

/* As posted: alone, and as an array with a second that is none. */
static void
write_batch(const char *name, const struct fixture *f)
{
	char many[64];
	struct writer w;

	wr_init(&w, MIB);
	wr_bytes(&w, buf_span(&f->jsonl));
	seed("batch", name, &w);
	(void)snprintf(many, sizeof(many), "%s-many", name);
	wr_init(&w, MIB);
	wr_u8(&w, '[');
	wr_json(&w, buf_span(&f->jsonl));
	wr_str(&w, ",\"{}\\n\"]");
	seed("batch", many, &w);
}

/* The policy, and after a NUL the file of its line "measurements". */
static void
write_policy(const char *name, const struct fixture *f)
{
	struct writer w;

	wr_init(&w, MIB);
	wr_bytes(&w, buf_span(&f->policy));
	wr_u8(&w, '\0');
	wr_bytes(&w, buf_span(&f->measurements));
	seed("policy", name, &w);
}

static void
write_seeds(const char *name, const struct fixture *f)
{
	const struct evidence *ev = &f->ev;
	struct writer w;

	wr_init(&w, MIB);
	put(&w, &ev->quote[1].attest);
	put(&w, &ev->ak_public);
	put(&w, &ev->quote[1].signature);
	seed("quote", name, &w);
	wr_init(&w, MIB);
	for (size_t i = 0; i < ev->nchain; i++)
		put(&w, &ev->chain[i]);
	seed("akcert", name, &w);
	if (ev->hcl.len > 0) {
		wr_init(&w, MIB);
		wr_bytes(&w, buf_span(&ev->hcl));
		seed("hcl", name, &w);
	}
	if (ev->tdx.len > 0) {
		wr_init(&w, MIB);
		wr_bytes(&w, buf_span(&ev->tdx));
		seed("hcl", "td-quote", &w);
	}
	if (ev->snp.len > 0) {
		wr_init(&w, MIB);
		wr_bytes(&w, buf_span(&ev->snp));
		for (size_t i = 0; i < SNP_CHAIN_LEN; i++)
			put(&w, &ev->snp_chain[i]);
		seed("snp", name, &w);
	}
}

static void
measured(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP)
		f->measurements_form = MEASUREMENTS;
}

static void
self_asserted(struct fixture *f)
{
	measured(f);
	if (f->stage == FIXTURE_SETUP)
		fixture_self_asserted(f);
}

static void
release(struct fixture *f)
{
	measured(f);
	if (f->stage == FIXTURE_SETUP)
		fixture_with_release(f);
}

static void
write_posted(const struct fixture_keys *keys, const char *name,
    fixture_hook *hook)
{
	struct fixture f;

	fixture_make(&f, keys, POLICY, hook);
	write_batch(name, &f);
	if (f.with_release)
		write_policy("all", &f);
	fixture_free(&f);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		fixture_hook *hook;
	} kinds[] = { { "rsassa", NULL }, { "rsapss", pss },
		{ "ecdsa", ecdsa }, { "snp", snp }, { "snp-5", snp_5 },
		{ "tdx", tdx } };
	struct fixture_keys keys;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	folder = argv[1];
	fixture_keys_new(&keys);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct fixture f;

		fixture_make(&f, &keys, NULL, kinds[i].hook);
		write_seeds(kinds[i].name, &f);
		fixture_free(&f);
	}
	write_posted(&keys, "measured", measured);
	write_posted(&keys, "self-asserted", self_asserted);
	write_posted(&keys, "release", release);
	fixture_keys_free(&keys);
	return 0;
}
