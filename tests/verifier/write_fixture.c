/*
 * write_fixture.c -- writes a model's folder with a certificate, and a policy
 * that accepts it, for tests of the program.
 *
 * Of the kinds "snapshot" and "revoked" there is POLICY.revocations, too.
 *
 * usage: write_fixture KIND DIR POLICY
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert/dsse.h"
#include "tests/support/fixture.h"

#define EVIL "\x1b[2J\nVERIFIED\x7f\xc2\x9b"

#define REGISTRY                                                              \
	"log @log\nlog-time @time\nquorum none\nbuilder test @builder\n"      \
	"ak-root @root sim simulated unmeasured-boot\n"                       \
	"registry log.example.org @registry\n"

static const char *kind;

static const char confidential[] =
    "log @log\nlog-time @time\nquorum none\nbuilder test @builder\n"
    "ak-root @root sim simulated unmeasured-boot\n"
    "ak-root @ark amd snp tcb 4.0.24.219 id-key @idkey\n"
    "require confidential\n";

static void
vary(struct fixture *f)
{
	if (f->stage == FIXTURE_REVOKE && strcmp(kind, "revoked") == 0) {
		f->revocation[0] = (struct fixture_revocation){
			.key = f->keys->builder, .index = 9 };
		f->revocation[0].r.digest =
		    dsse_digest(buf_span(&f->line[0].statement));
		f->revocation[0].r.reason = span_str("withdrawn");
		f->nrevocations = 1;
	}
	if (f->stage != FIXTURE_SETUP)
		return;
	f->with_snapshot = strcmp(kind, "revoked") == 0 ||
	    strcmp(kind, "snapshot") == 0;
	/* An input whose certificate may be found, or not. */
	if (strcmp(kind, "lineage") == 0)
		f->input[1].certificate = span_str(
		    "00112233445566778899aabbccddeeff"
		    "00112233445566778899aabbccddeeff");
	if (strcmp(kind, "self-asserted") == 0)
		fixture_self_asserted(f);
	if (strcmp(kind, "confidential") == 0)
		fixture_with_snp(f);
	if (strcmp(kind, "evil-names") == 0) {
		f->input[0].name = span_str("corpus" EVIL);
		f->input[0].uri = span_str("https://example.org/" EVIL);
		f->input[0].license = span_str(EVIL);
		f->figure[1].name = "parameters" EVIL;
		f->figure[1].unit = EVIL;
	}
}

/* The lines as they were before they were logged. */
static void
unlog(struct fixture *f)
{
	struct writer w;

	wr_init(&w, CERTIFICATE_MAX);
	for (size_t i = 0; i < f->nlines; i++) {
		f->line[i].logged = false;
		bundle_write(&w, &f->line[i]);
		wr_u8(&w, '\n');
		f->line[i].logged = true;
	}
	buf_free(&f->jsonl);
	if (wr_end(&w, &f->jsonl) != AC_OK)
		abort();
}

int
main(int argc, char **argv)
{
	struct fixture_keys keys;
	struct fixture f;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: %s KIND DIR POLICY\n", argv[0]);
		return 2;
	}
	kind = argv[1];
	fixture_keys_new(&keys);
	fixture_make(&f, &keys, strcmp(kind, "confidential") == 0 ?
	    confidential : strcmp(kind, "revoked") == 0 ||
	    strcmp(kind, "snapshot") == 0 ? REGISTRY : NULL, vary);
	if (strcmp(kind, "unlogged") == 0)
		unlog(&f);
	fixture_write(&f, argv[2], argv[3]);
	fixture_free(&f);
	fixture_keys_free(&keys);
	return 0;
}
