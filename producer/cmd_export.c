/*
 * cmd_export.c -- "aicert export": a certificate in a form that other tools,
 * or people, read; to standard output.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/text.h"
#include "producer/certfile.h"
#include "producer/cmd.h"
#include "producer/export.h"
#include "producer/find.h"

#define NAME "export"
#define TEXT_MAX_BYTES (64 * MIB)

enum format { CYCLONEDX, IN_TOTO, OMS, TLOG_PROOF, CARD, NFORMATS };

static const char *const formats[NFORMATS] = { "cyclonedx", "in-toto", "oms",
	"tlog-proof", "card" };

struct job {
	const char *path, *name;
	enum format format;
	uint64_t line; /* from 1 on */
	struct facts facts; /* owned */
};

static int
help(void)
{
	(void)printf("usage: aicert export DIR|FILE --format FORMAT "
	    "[--name NAME] [--line N]\n\n"
	    "Writes what a certificate states in another form to standard "
	    "output.  Nothing is\njudged.  FORMAT is one of\n\n"
	    "  cyclonedx   a CycloneDX 1.6 bill of materials, JSON\n"
	    "  in-toto     the signed statements as DSSE envelopes, one a "
	    "line\n"
	    "  oms         model.sig of the folder, once it was found to be of "
	    "this certificate\n"
	    "  tlog-proof  the log's proof of one line, for C2SP's tools\n"
	    "  card        a page in Markdown for a model hub; each figure "
	    "with how it is known\n\n"
	    "Options:\n\n"
	    "  --format FORMAT  as above\n"
	    "  --name NAME      what the model is called; else the OMS root\n"
	    "  --line N         of tlog-proof, 1 unless said\n\n"
	    "Examples:\n"
	    "  aicert export model --format cyclonedx --name acme/small "
	    "> model.cdx.json\n"
	    "  aicert export model --format card --name acme/small > "
	    "AICERT.md\n");
	return CMD_OK;
}

/* model.sig, if it is that of the certificate. */
static enum ac_err
export_oms(struct buf *out, const struct job *j, struct message *why)
{
	struct find_certificate c = { .key = j->facts.c->key,
		.manifest = j->facts.c->provenance.manifest };
	char *path = certfile_path(j->path, "model.sig");
	struct buf sig = { 0 };
	struct message what;
	enum ac_err e = path == NULL ? AC_ERR_MEMORY :
	    file_read(&sig, path, MODEL_SIG_MAX);

	free(path);
	if (e != AC_OK) {
		message_set(why, "cannot read model.sig: %s; name the folder "
		    "of the model, which has it", e == AC_ERR_IO ?
		    strerror(errno) : ac_strerror(e));
		return e;
	}
	e = find_check_model_sig(buf_span(&sig), &c, &what);
	if (e != AC_OK) {
		message_set(why, "model.sig is not of this certificate: %s",
		    what.text);
		buf_free(&sig);
		return e;
	}
	*out = sig;
	return AC_OK;
}

static enum ac_err
export(struct buf *out, const struct job *j, struct message *why)
{
	const struct facts *f = &j->facts;
	struct span name = span_str(j->name != NULL ? j->name : "");
	char root[65] = { 0 };
	struct writer w;
	enum ac_err e;

	text_hex(root, span_digest(&f->c->provenance.root));
	if (j->name == NULL)
		name = span_str(root);
	if (j->format == OMS)
		return export_oms(out, j, why);
	if (j->format == TLOG_PROOF && (j->line > f->c->nlines ||
	    !f->c->line[j->line - 1].bundle.logged)) {
		message_set(why, j->line > f->c->nlines ? "the certificate has "
		    "%zu lines" : "that line is not logged, of %zu; run "
		    "\"aicert publish\"", f->c->nlines);
		return AC_ERR_NOT_FOUND;
	}
	wr_init(&w, TEXT_MAX_BYTES);
	if (j->format == CYCLONEDX)
		export_cyclonedx(&w, f, name);
	else if (j->format == IN_TOTO)
		export_in_toto(&w, f);
	else if (j->format == TLOG_PROOF)
		export_tlog_proof(&w, f, (size_t)j->line - 1);
	else
		export_card(&w, f, name);
	e = wr_end(&w, out);
	if (e != AC_OK)
		message_set(why, "cannot write it: %s", ac_strerror(e));
	return e;
}

static int
run(struct job *j)
{
	struct buf jsonl = { 0 }, text = { 0 };
	struct message why, what;
	enum ac_err e = certfile_read(&jsonl, j->path, &why);

	if (e != AC_OK)
		return cmd_failed(NAME, &why);
	e = facts_read(&j->facts, buf_span(&jsonl), &what);
	if (e != AC_OK) {
		message_set(&why, "not a certificate that can be exported: ");
		message_add_quoted(&why, span_str(j->path));
		message_add(&why, ": %s", what.text);
		goto out;
	}
	e = export(&text, j, &why);
	if (e == AC_OK)
		(void)fwrite(text.p, 1, text.len, stdout);
out:
	buf_free(&text);
	facts_free(&j->facts);
	buf_free(&jsonl);
	return e == AC_OK ? CMD_OK : cmd_failed(NAME, &why);
}

static bool
parse_format(enum format *out, const char *word)
{
	for (size_t i = 0; i < NFORMATS; i++)
		if (strcmp(word, formats[i]) == 0) {
			*out = (enum format)i;
			return true;
		}
	return false;
}

int
cmd_export(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "format", required_argument, NULL, 'f' },
		{ "name", required_argument, NULL, 'n' },
		{ "line", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	struct job j = { .format = NFORMATS, .line = 1 };
	int c;

	optind = 0; /* a first call for this argv */
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			return help();
		case 'f':
			if (!parse_format(&j.format, optarg))
				return cmd_usage(NAME, "--format is cyclonedx, "
				    "in-toto, oms, tlog-proof or card");
			break;
		case 'n':
			j.name = optarg;
			if (optarg[0] == '\0' ||
			    !text_is_plain(span_str(optarg)))
				return cmd_usage(NAME, "--name is text of one "
				    "line");
			break;
		case 'l':
			if (!text_undec(&j.line, span_str(optarg),
			    CERTIFICATE_LINES_MAX) || j.line == 0)
				return cmd_usage(NAME, "--line is a number "
				    "from 1 to %d", CERTIFICATE_LINES_MAX);
			break;
		default:
			return cmd_bad_option(NAME, c, argv);
		}
	}
	if (argc - optind != 1 || argv[optind][0] == '\0')
		return cmd_usage(NAME, "name the one folder of a model, or its "
		    "certificate");
	if (j.format == NFORMATS)
		return cmd_usage(NAME, "name the form: --format cyclonedx, "
		    "in-toto, oms, tlog-proof or card");
	j.path = argv[optind];
	return run(&j);
}
