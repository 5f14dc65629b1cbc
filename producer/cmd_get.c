/*
 * cmd_get.c -- "aicert get": the certificate of a model that was downloaded
 * without one, from a registry, by the digests of the files; and the log's
 * revocations, kept for aicert-verify.  Nothing is judged here.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/text.h"
#include "producer/certfile.h"
#include "producer/cmd.h"
#include "producer/find.h"
#include "producer/snapshot.h"

#define NAME "get"
#define TIMEOUT_MAX_S 3600

struct job {
	const char *dir, *registry, *log_keys, *from;
	bool named;           /* the statement is */
	struct digest statement;
	unsigned timeout_s;
	bool json;

	struct logkeys keys;
	struct buf model_sig; /* owned */
	bool had_certificate, had_model_sig;
	struct find found;    /* owned */
	const struct find_certificate *chosen; /* of found */
	bool wrote_certificate, wrote_model_sig;
	bool has_snapshot;
	struct snapshot snapshot;
	char *snapshot_path;  /* owned */
	struct message no_snapshot; /* why, where it is so */
};

static int
help(void)
{
	(void)printf("usage: aicert get DIR --registry URL [--log-keys FILE] "
	    "[--statement D]\n"
	    "           [--from URL] [--timeout SECONDS] [--json]\n\n"
	    "For a model that came without a certificate: hashes the files of "
	    "DIR, finds what\n"
	    "the registry's log has about them, and writes DIR/aicert.jsonl.  "
	    "The log's\n"
	    "revocations are kept in the cache, where aicert-verify finds "
	    "them; where DIR has\n"
	    "a certificate already, only they are fetched.\n\n"
	    "The list of files with the builder's signature, model.sig, is in "
	    "no log.  It comes\n"
	    "from where the builder publishes the model: --from.  Nothing is "
	    "judged here; that\n"
	    "is what aicert-verify is for.\n\n"
	    "  --registry URL     where the registry is\n"
	    "  --log-keys FILE    the log's keys, from its operator; without "
	    "it the registry's\n"
	    "                     own word about its key is taken\n"
	    "  --statement D      the one to take, where there are several\n"
	    "  --from URL         a folder on the web that has model.sig\n"
	    "  --timeout SECONDS  for each request, %d unless said\n"
	    "  --json             say what was done as JSON\n\n"
	    "Examples:\n"
	    "  aicert get model --registry https://log.example.org "
	    "--log-keys log-keys\n"
	    "  aicert get model --registry https://log.example.org \\\n"
	    "      --from https://hub.example.org/acme/model/resolve/main\n",
	    HTTP_TIMEOUT_S);
	return CMD_OK;
}

/* Read a file of the model's folder that may be absent. */
static enum ac_err
read_present(struct buf *out, bool *present, const struct job *j,
    const char *name, size_t max, struct message *why)
{
	char *path = certfile_path(j->dir, name);
	enum ac_err e = path == NULL ? AC_ERR_MEMORY :
	    file_read(out, path, max);

	free(path);
	*present = e == AC_OK;
	if (e == AC_OK || e == AC_ERR_NOT_FOUND)
		return AC_OK;
	message_set(why, "cannot read %s in ", name);
	message_add_quoted(why, span_str(j->dir));
	message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
	    ac_strerror(e));
	return e;
}

/* model.sig from where the builder publishes it. */
static enum ac_err
fetch_model_sig(struct job *j, struct message *why)
{
	struct http_answer a = { 0 };
	char *url = NULL;
	enum ac_err e = http_url(&url, j->from, "model.sig", why);

	if (e != AC_OK)
		return e;
	e = http_get(&a, url, MODEL_SIG_MAX, j->timeout_s, why);
	free(url);
	if (e != AC_OK)
		return e;
	if (a.status == 200 && a.body.len > 0) {
		j->model_sig = a.body;
		a.body = (struct buf){ 0 }; /* transferred */
	} else {
		e = AC_ERR_NOT_FOUND;
		message_set(why, "no model.sig at the URL of --from: it "
		    "answered %u%s", a.status, a.status == 200 ?
		    " with nothing" : "");
	}
	http_answer_free(&a);
	return e;
}

static void
add_found(struct message *m, const struct find_certificate *c)
{
	struct digest key = spki_digest(&c->key);

	message_add(m, "\n  --statement ");
	message_add_digest(m, &c->d);
	message_add(m, "\n    entry %" PRIu64 ", %s, signed by key ", c->index,
	    c->measured ? "measured by a TPM as it says" : "SELF-ASSERTED");
	message_add_digest(m, &key);
}

/* The one certificate of exactly these files. */
static enum ac_err
choose(struct job *j, struct message *why)
{
	size_t nfit = 0, shown = 0, nother = 0;
	const struct find *f = &j->found;

	for (size_t i = 0; i < f->n; i++) {
		const struct find_certificate *c = &f->found[i];

		if (c->fit == FIND_OTHER) {
			nother++;
			continue;
		}
		if (j->named && !digest_equal(&c->d, &j->statement))
			continue;
		j->chosen = c;
		nfit++;
	}
	if (nfit == 1 && (j->named || !f->more))
		return AC_OK;
	j->chosen = NULL;
	if (nfit == 0) {
		message_set(why, j->named ? "the certificate that --statement "
		    "names is not among those of these files" : "no "
		    "certificate fits");
		message_add(why, ": the log has %zu of a model with some of "
		    "these files, or with other names; compared with it a "
		    "file is missing, extra or different here%s", nother,
		    f->more ? "; there are more, which were not looked at" :
		    "");
		return AC_ERR_MISMATCH;
	}
	message_set(why, "several certificates are of these files, and which "
	    "builder to believe is for you to say:");
	for (size_t i = 0; i < f->n && shown < 3; i++)
		if (f->found[i].fit != FIND_OTHER && (!j->named ||
		    digest_equal(&f->found[i].d, &j->statement))) {
			add_found(why, &f->found[i]);
			shown++;
		}
	if (f->more || nfit > shown)
		message_add(why, "\n  and others");
	return AC_ERR_EXISTS;
}

static enum ac_err
create(const struct job *j, const char *name, struct span data,
    struct message *why)
{
	char *path = certfile_path(j->dir, name);
	enum ac_err e = path == NULL ? AC_ERR_MEMORY :
	    file_create(path, data, 0644);

	free(path);
	if (e != AC_OK)
		message_set(why, "cannot write %s: %s", name, e == AC_ERR_IO ?
		    strerror(errno) : ac_strerror(e));
	return e;
}

/* Find the certificate, and write what of it and model.sig is missing. */
static enum ac_err
get_certificate(struct job *j, struct message *why)
{
	struct find_model m = { 0 };
	struct walk w = { 0 };
	struct message what;
	enum ac_err e = certfile_hash(&w, j->dir, why);

	if (e != AC_OK)
		return e;
	m.file = w.file;
	m.nfiles = w.nfiles;
	m.model_sig = buf_span(&j->model_sig);
	e = find_prepare(&m);
	if (e != AC_OK)
		message_set(why, "cannot list the files: %s", ac_strerror(e));
	else
		e = find_certificates(&j->found, &m, j->registry, &j->keys,
		    j->timeout_s, why);
	walk_free(&w);
	if (e == AC_OK)
		e = choose(j, why);
	if (e == AC_OK && j->model_sig.len > 0) {
		e = find_check_model_sig(buf_span(&j->model_sig), j->chosen,
		    &what);
		if (e != AC_OK)
			message_set(why, "model.sig %s does not fit: %s",
			    j->had_model_sig ? "in the folder" : "from --from",
			    what.text);
	}
	if (e == AC_OK && j->model_sig.len > 0 && !j->had_model_sig) {
		e = create(j, "model.sig", buf_span(&j->model_sig), why);
		j->wrote_model_sig = e == AC_OK;
	}
	if (e == AC_OK) {
		e = create(j, "aicert.jsonl", buf_span(&j->chosen->jsonl),
		    why);
		j->wrote_certificate = e == AC_OK;
	}
	return e;
}

static enum ac_err
get(struct job *j, struct message *why)
{
	struct buf certificate = { 0 };
	unsigned status = 0;
	enum ac_err e;

	e = read_present(&certificate, &j->had_certificate, j, "aicert.jsonl",
	    CERTIFICATE_MAX, why);
	buf_free(&certificate);
	if (e == AC_OK)
		e = read_present(&j->model_sig, &j->had_model_sig, j,
		    "model.sig", MODEL_SIG_MAX, why);
	if (e == AC_OK && j->had_certificate && (j->named ||
	    (j->from != NULL && !j->had_model_sig))) {
		e = AC_ERR_EXISTS;
		message_set(why, "there is an aicert.jsonl in the folder; it "
		    "is never replaced.  Move it away to get another");
	}
	if (e == AC_OK)
		e = publish_keys(&j->keys, &status, j->registry, j->log_keys,
		    j->timeout_s, why);
	if (e == AC_OK && j->from != NULL && !j->had_model_sig)
		e = fetch_model_sig(j, why);
	if (e == AC_OK && !j->had_certificate)
		e = get_certificate(j, why);
	if (e != AC_OK)
		return e;
	e = snapshot_keep(&j->snapshot, &j->snapshot_path, j->registry,
	    &j->keys, j->timeout_s, &j->no_snapshot);
	j->has_snapshot = e == AC_OK;
	if (e != AC_OK && e != AC_ERR_NOT_FOUND) {
		*why = j->no_snapshot;
		return e;
	}
	return AC_OK;
}

/* Is all there that aicert-verify needs? */
static bool
is_whole(const struct job *j)
{
	return j->had_model_sig || j->wrote_model_sig;
}

static void
print_text(const struct job *j)
{
	struct message m = { "" };

	if (j->had_certificate)
		message_set(&m, "The folder's aicert.jsonl stays as it is.\n");
	if (j->chosen != NULL) {
		struct digest key = spki_digest(&j->chosen->key);

		message_set(&m, "Found: entry %" PRIu64 " of the log ",
		    j->chosen->index);
		message_add_quoted(&m, span_str(j->chosen->log->name));
		message_add(&m, ", %zu lines, in aicert.jsonl.\n  D ",
		    j->chosen->nlines);
		message_add_digest(&m, &j->chosen->d);
		message_add(&m, "\n  signed by key ");
		message_add_digest(&m, &key);
		message_add(&m, "\n  it says that the run was %s\n%s",
		    j->chosen->measured ? "measured by a TPM" :
		    "SELF-ASSERTED: the builder's own word",
		    j->chosen->fit == FIND_NAMES ? "  its list of names is in "
		    "model.sig alone, and was not compared\n" : "");
	}
	(void)fputs(m.text, stdout);
	if (j->wrote_model_sig)
		(void)printf("The list of files that the builder signed is in "
		    "model.sig.\n");
	if (j->has_snapshot) {
		message_set(&m, "Revocations: %" PRIu64 ", of %" PRIu64
		    " entries of the log, kept in ", j->snapshot.count,
		    j->snapshot.tree_size);
		message_add_quoted(&m, span_str(j->snapshot_path));
		(void)printf("%s.\n", m.text);
	} else {
		(void)printf("No revocations are known: %s.\n",
		    j->no_snapshot.text);
	}
	if (j->log_keys == NULL)
		(void)printf("The log's key is only this registry's word: "
		    "compare it with its operator's,\nand name it with "
		    "--log-keys FILE.\n");
	if (is_whole(j))
		(void)printf("Nothing was judged.  Next: aicert-verify DIR\n");
}

static enum ac_err
print_json(const struct job *j, const struct message *why)
{
	struct writer w;

	wr_init(&w, 1 * MIB);
	wr_printf(&w, "{\"judged\":false,\"complete\":%s,"
	    "\"certificate\":\"%s\",\"modelSig\":\"%s\",\"logKeysFrom\":"
	    "\"%s\"", why == NULL && is_whole(j) ? "true" : "false",
	    j->had_certificate ? "kept" :
	    j->wrote_certificate ? "written" : "missing",
	    j->had_model_sig ? "kept" :
	    j->wrote_model_sig ? "written" : "missing",
	    j->log_keys != NULL ? "file" : "registry");
	if (j->chosen != NULL) {
		struct digest key = spki_digest(&j->chosen->key);

		wr_str(&w, ",\"statement\":\"");
		wr_hex(&w, span_digest(&j->chosen->d));
		wr_str(&w, "\",\"builderKey\":\"");
		wr_hex(&w, span_digest(&key));
		wr_str(&w, "\",\"log\":");
		wr_json(&w, span_str(j->chosen->log->name));
		wr_printf(&w, ",\"index\":%" PRIu64 ",\"lines\":%zu,"
		    "\"says\":\"%s\",\"namesCompared\":%s", j->chosen->index,
		    j->chosen->nlines, j->chosen->measured ? "measured" :
		    "self-asserted", j->chosen->fit == FIND_EXACT ? "true" :
		    "false");
	}
	if (j->has_snapshot) {
		wr_str(&w, ",\"revocations\":{\"file\":");
		wr_json(&w, span_str(j->snapshot_path));
		wr_printf(&w, ",\"treeSize\":%" PRIu64 ",\"count\":%" PRIu64
		    "}", j->snapshot.tree_size, j->snapshot.count);
	}
	if (why != NULL) {
		wr_str(&w, ",\"error\":");
		wr_json(&w, span_str(why->text));
	}
	wr_str(&w, "}\n");
	return cmd_print(&w);
}

static int
run(struct job *j)
{
	struct message why = { "" };
	enum ac_err e = get(j, &why);
	int code = CMD_OK;

	if (e != AC_OK)
		code = cmd_failed(NAME, &why);
	else if (!j->json)
		print_text(j);
	if (j->json && print_json(j, e == AC_OK ? NULL : &why) != AC_OK)
		code = CMD_FAILED;
	if (e == AC_OK && !is_whole(j)) {
		(void)fprintf(stderr, "aicert get: model.sig is missing.  No "
		    "log has it: it is published with the model, by its "
		    "builder.\nWithout it aicert-verify answers NOT VERIFIED "
		    "(step 1).  Put it into the folder%s.\n",
		    j->had_certificate ? "" : ", or take aicert.jsonl\naway "
		    "and run this again with --from URL");
		code = CMD_FAILED;
	}
	find_free(&j->found);
	buf_free(&j->model_sig);
	free(j->snapshot_path);
	return code;
}

/* Is everything said that has to be? */
static int
check(const struct job *j)
{
	const char *urls[] = { j->registry, j->from };
	struct message why;

	if (j->registry == NULL)
		return cmd_usage(NAME, "name the registry: --registry "
		    "https://log.example.org");
	for (size_t i = 0; i < 2; i++) {
		char *url = NULL;

		if (urls[i] == NULL)
			continue;
		if (http_url(&url, urls[i], "", &why) != AC_OK)
			return cmd_usage(NAME, "%s", why.text);
		free(url);
	}
	return CMD_OK;
}

static int
parse(struct job *j, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "registry", required_argument, NULL, 'r' },
		{ "log-keys", required_argument, NULL, 'k' },
		{ "statement", required_argument, NULL, 's' },
		{ "from", required_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t seconds;
	int c;

	optind = 0; /* a first call for this argv */
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			j->dir = NULL;
			return help();
		case 'r':
			j->registry = optarg;
			break;
		case 'k':
			j->log_keys = optarg;
			break;
		case 's':
			j->named = true;
			if (!text_unhex_digest(&j->statement,
			    span_str(optarg)))
				return cmd_usage(NAME, "D is a SHA-256 of 64 "
				    "lower-case hex digits");
			break;
		case 'f':
			j->from = optarg;
			break;
		case 't':
			if (!text_undec(&seconds, span_str(optarg),
			    TIMEOUT_MAX_S) || seconds == 0)
				return cmd_usage(NAME, "--timeout is a number "
				    "of seconds from 1 to %d", TIMEOUT_MAX_S);
			j->timeout_s = (unsigned)seconds;
			break;
		case 'j':
			j->json = true;
			break;
		default:
			return cmd_bad_option(NAME, c, argv);
		}
	}
	if (argc - optind != 1 || argv[optind][0] == '\0')
		return cmd_usage(NAME, "name the one folder of the model");
	j->dir = argv[optind];
	return check(j);
}

int
cmd_get(int argc, char **argv)
{
	struct job *j = calloc(1, sizeof(*j));
	struct message why;
	int code;

	if (j == NULL) {
		message_set(&why, "out of memory");
		return cmd_failed(NAME, &why);
	}
	j->timeout_s = HTTP_TIMEOUT_S;
	code = parse(j, argc, argv);
	if (code == CMD_OK && j->dir != NULL)
		code = run(j);
	free(j);
	return code;
}
