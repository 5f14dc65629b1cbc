/*
 * seeds.c -- writes the seed corpora of the fuzz targets, encoded from the
 * made-up training run of the tests: fuzz_seeds fuzz/corpus.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "cert/revocation.h"
#include "common/file.h"
#include "fuzz/fuzz.h"
#include "producer/stream.h"
#include "tests/cert/sample.h"
#include "tests/support/bootlog.h"

#define PATH_LEN 4096

static const char *folder;

/* Write the seed of a target; the bytes are freed. */
static void
seed(const char *target, const char *name, struct buf b)
{
	char path[PATH_LEN];

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
seed_text(const char *target, const char *name, const char *text)
{
	struct buf b = { 0 };

	fuzz_must(buf_copy(&b, span_str(text)) == AC_OK);
	seed(target, name, b);
}

static void
seed_bundle(const char *name, bool logged)
{
	struct bundle b = sample_bundle(span_str("{\"a\":1}"), logged);

	seed("bundle", name, sample_bundle_line(&b));
	bundle_free(&b);
}

static void
seed_statements(const char *evidence, const char *provenance, bool full)
{
	struct sample s;
	struct evidence ev;

	sample_fill(&s, full);
	ev = sample_evidence(&s, full);
	seed("evidence", evidence, sample_evidence_bytes(&ev));
	seed("evidence", provenance, sample_provenance(&s));
	evidence_free(&ev);
}

static void
seed_revocation(const char *name, struct revocation r)
{
	struct buf b = { 0 };

	fuzz_must(revocation_encode(&b, &r) == AC_OK);
	seed("revocation", name, b);
}

static void
seed_release(const char *name, bool full)
{
	struct release r = sample_release(full);

	seed("release", name, sample_release_bytes(&r));
}

static void
seed_bootlog(const char *name, bool secure_boot, bool sha1)
{
	struct bootlog b;

	bootlog_ovmf(&b, secure_boot);
	b.sha1 = sha1;
	seed("bootlog", name, bootlog_bytes(&b));
}

/* A tree, or one file without a name. */
static void
seed_stream(const char *name, bool alone)
{
	struct stream_writer *w = malloc(sizeof(*w));
	struct buf b = { 0 };
	FILE *f = tmpfile();

	fuzz_must(w != NULL && f != NULL);
	stream_begin(w, fileno(f));
	stream_file(w, span_str(alone ? "" : "a/b"), !alone);
	stream_data(w, span_str("bytes"));
	stream_data(w, span_str("more"));
	stream_file_end(w);
	if (!alone) {
		stream_file(w, span_str("empty"), false);
		stream_file_end(w);
		stream_link(w, span_str("link"), span_str("a/b"));
		stream_object(w, span_str(""), span_str("tree 00\n"));
	}
	fuzz_must(stream_finish(w) == AC_OK);
	rewind(f);
	fuzz_must(file_read_fd(&b, fileno(f), STREAM_BUFFER) == AC_OK);
	(void)fclose(f);
	free(w);
	seed("stream", name, b);
}

/* What a child says: a note, a report, progress, and a call denied. */
static void
seed_relay(void)
{
	static const char all[] = "n\0\0\0\5note\n" "o\0\0\0\13{\"a\":\"\xc3\xa9\"}"
	    "e\0\0\0\10\033[1mno\033[0m"
	    "p\0\0\0\20\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2" "d\0\0\0\4\0\0\0\51";
	struct buf b = { 0 };

	fuzz_must(buf_copy(&b, span_of(all, sizeof(all) - 1)) == AC_OK);
	seed("relay", "all", b);
}

int
main(int argc, char **argv)
{
	struct sample s;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	folder = argv[1];
	sample_fill(&s, true);
	seed_text("json", "values", "[null,true,false,0,-1,0.5,"
	    "9007199254740991,\"\",{},[[]]]");
	seed_text("json", "strings", "{\"\\u0061\\ud83d\\ude00\":"
	    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\xc3\xa9\"} ");
	seed("json", "event", sample_event(&s, EVENT_OUTPUTS));
	seed("note", "signed", sample_note());
	seed_text("note", "vkey", "example.com/foo+530d903a+"
	    "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
	seed_bundle("logged", true);
	seed_bundle("unlogged", false);
	seed("oms", "three", sample_oms(&s));
	for (enum event_type t = EVENT_CONFIGURATION; t <= EVENT_OUTPUTS; t++)
		seed("event", event_name(t), sample_event(&s, t));
	seed_bootlog("ovmf", false, false);
	seed_bootlog("secure-boot", true, true);
	seed_release("release", true);
	seed_release("release-least", false);
	seed_statements("evidence", "provenance", true);
	seed_statements("evidence-least", "provenance-least", false);
	seed_revocation("all", (struct revocation){ .reason = span_str("") });
	seed_revocation("from", (struct revocation){ .from = true,
	    .target = REVOCATION_KEY, .origin = span_str("log.example.org"),
	    .index = 7, .reason = span_str("\"\xc3\xa9\\") });
	seed_revocation("removal", (struct revocation){
	    .kind = REVOCATION_REMOVAL, .reason = span_str("law") });
	seed_revocation("state", (struct revocation){
	    .kind = REVOCATION_STATE, .origin = span_str("log.example.org"),
	    .tree_size = 9, .count = 1 });
	seed_stream("tree", false);
	seed_stream("file", true);
	seed_relay();
	return 0;
}
