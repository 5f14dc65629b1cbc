/*
 * write_fixture.c -- writes a model's folder with a certificate, and a policy
 * that accepts it, for tests of the program.
 *
 * usage: write_fixture KIND DIR POLICY [KEY]
 *
 * KEY is the builder's private key.  "around" makes the certificate of the
 * files that are in DIR; "foreign" takes the files and the model.sig that
 * another program made of DIR with KEY.
 * Of the kinds "snapshot" and "revoked" there is POLICY.revocations, too.
 *
 * usage: write_fixture KIND DIR POLICY
 */
#include <dirent.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cert/dsse.h"
#include "cert/limits.h"
#include "common/file.h"
#include "common/sha256.h"
#include "tests/support/fixture.h"

#define FILES_HERE 1000
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
must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "write_fixture: %s\n", what);
	exit(1);
}

/* A model of one file of a thousand bytes, in shards of 300. */
static void
shard(struct fixture *f)
{
	static char content[1001], name[4][40];
	static struct oms_file shards[4];

	for (size_t i = 0; i < FIXTURE_FILES; i++)
		f->content[i] = NULL;
	memset(content, 'w', 1000);
	f->file[0].name = span_str("model.safetensors");
	f->content[0] = content;
	for (size_t i = 0; i < 4; i++) {
		size_t end = i < 3 ? 300 * i + 300 : 1000;

		(void)snprintf(name[i], sizeof(name[i]),
		    "model.safetensors:%zu:%zu", 300 * i, end);
		shards[i] = (struct oms_file){ .name = span_str(name[i]),
			.sha256 = sha256_of(span_of(content + 300 * i,
			    end - 300 * i)) };
	}
	f->listed = shards;
	f->nlisted = 4;
}

/* An index of tensors, which is one of the files. */
static void
index_of(struct fixture *f, const char *map)
{
	static char text[1000];

	(void)snprintf(text, sizeof(text), "{\"metadata\":{\"total_size\":9},"
	    "\"weight_map\":%s}", map);
	/* It comes after "model.safetensors" in order of name. */
	f->file[2] = (struct oms_file){
		.name = span_str("model.safetensors.index.json"),
		.sha256 = sha256_of(span_str(text)), .bytes = strlen(text) };
	f->content[2] = text;
}

/* What another program signed. */
static struct {
	struct buf text;
	struct bundle b;
	struct oms o;
} foreign;

static void
read_foreign(const char *dir)
{
	char path[4096];
	struct span line;

	(void)snprintf(path, sizeof(path), "%s/model.sig", dir);
	must(file_read(&foreign.text, path, MODEL_SIG_MAX) == AC_OK, path);
	line = buf_span(&foreign.text);
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	must(bundle_decode(&foreign.b, line, OMS_STATEMENT_MAX) == AC_OK,
	    "no bundle of our form");
	must(oms_decode(&foreign.o, buf_span(&foreign.b.statement)) == AC_OK,
	    "no OMS statement of our form");
}

/* The files that are in a folder already. */
static struct {
	struct dirent **entry; /* has the names; lasts as long as the program */
	struct oms_file file[FILES_HERE];
	size_t n;
} here;

static void
list_files(const char *dir)
{
	int n = scandir(dir, &here.entry, NULL, alphasort);
	struct dirent **entry = here.entry;

	must(n >= 0, "no folder");
	for (int i = 0; i < n; i++) {
		struct oms_file *f = &here.file[here.n];
		char *path = NULL;
		int fd;

		if (entry[i]->d_type != DT_REG ||
		    oms_is_ignored(span_str(entry[i]->d_name), oms_ignore,
		    OMS_NIGNORE))
			continue;
		must(here.n++ < FILES_HERE && asprintf(&path, "%s/%s", dir,
		    entry[i]->d_name) > 0, "too many files");
		f->name = span_str(entry[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		must(fd >= 0 && file_hash_fd(&f->sha256, &f->bytes, fd) ==
		    AC_OK, path);
		(void)close(fd);
		free(path);
	}
}

static void
around(struct fixture *f)
{
	for (size_t i = 0; i < FIXTURE_FILES; i++)
		f->content[i] = NULL;
	f->listed = here.file;
	f->nlisted = here.n;
}

static void
adopt(struct fixture *f)
{
	if (f->stage == FIXTURE_SETUP) {
		for (size_t i = 0; i < FIXTURE_FILES; i++)
			f->content[i] = NULL;
		/* Subjects are in order of name. */
		qsort(foreign.o.file, foreign.o.nfiles,
		    sizeof(foreign.o.file[0]), oms_compare);
		f->listed = foreign.o.file;
		f->nlisted = foreign.o.nfiles;
	} else if (f->stage == FIXTURE_START_CHECKPOINT)
		f->outputs.root = foreign.o.root; /* in the order signed */
	else if (f->stage == FIXTURE_MANIFEST)
		fixture_set(&f->manifest, buf_span(&foreign.b.statement));
	else if (f->stage == FIXTURE_RESULT)
		fixture_set(&f->sig, buf_span(&foreign.text));
}

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
	if (strcmp(kind, "foreign") == 0)
		adopt(f);
	if (strcmp(kind, "shards") == 0 && f->stage == FIXTURE_MANIFEST)
		fixture_replace(&f->manifest, "\"files\"",
		    "\"shards\",\"shard_size\":300");
	if (f->stage != FIXTURE_SETUP)
		return;
	f->with_snapshot = strcmp(kind, "revoked") == 0 ||
	    strcmp(kind, "snapshot") == 0;
	/* An input whose certificate may be found, or not. */
	if (strcmp(kind, "lineage") == 0)
		f->input[1].certificate = span_str(
		    "00112233445566778899aabbccddeeff"
		    "00112233445566778899aabbccddeeff");
	if (strcmp(kind, "shards") == 0)
		shard(f);
	if (strcmp(kind, "around") == 0)
		around(f);
	if (strcmp(kind, "index") == 0)
		index_of(f, "{\"a\":\"model.safetensors\","
		    "\"b\":\"model.safetensors\"}");
	if (strcmp(kind, "index-absent") == 0)
		index_of(f, "{\"a\":\"model.safetensors\","
		    "\"b\":\"model-2.safetensors\"}");
	if (strcmp(kind, "index-no-weights") == 0)
		index_of(f, "{\"a\":\"config.json\"}");
	if (strcmp(kind, "index-number") == 0)
		index_of(f, "{\"a\":7}");
	if (strcmp(kind, "index-up") == 0)
		index_of(f, "{\"a\":\"../model.safetensors\"}");
	if (strcmp(kind, "index-empty") == 0)
		index_of(f, "{}");
	if (strcmp(kind, "index-twice") == 0)
		index_of(f, "{\"a\":\"model.safetensors\","
		    "\"a\":\"model.safetensors\"}");
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

	if (argc != 4 && argc != 5) {
		(void)fprintf(stderr, "usage: %s KIND DIR POLICY [KEY]\n", argv[0]);
		return 2;
	}
	kind = argv[1];
	fixture_keys_new(&keys);
	if (argc == 5) {
		FILE *pem = fopen(argv[4], "r");

		must(pem != NULL, "no key");
		EVP_PKEY_free(keys.builder);
		keys.builder = PEM_read_PrivateKey(pem, NULL, NULL, NULL);
		(void)fclose(pem);
		must(keys.builder != NULL, "no private key");
	}
	if (strcmp(kind, "foreign") == 0)
		read_foreign(argv[2]);
	if (strcmp(kind, "around") == 0)
		list_files(argv[2]);
	fixture_make(&f, &keys, strcmp(kind, "confidential") == 0 ?
	    confidential : strcmp(kind, "revoked") == 0 ||
	    strcmp(kind, "snapshot") == 0 ? REGISTRY : NULL, vary);
	if (strcmp(kind, "unlogged") == 0)
		unlog(&f);
	fixture_write(&f, argv[2], argv[3]);
	fixture_free(&f);
	fixture_keys_free(&keys);
	oms_free(&foreign.o);
	bundle_free(&foreign.b);
	buf_free(&foreign.text);
	return 0;
}
