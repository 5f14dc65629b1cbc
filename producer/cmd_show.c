/*
 * cmd_show.c -- "aicert show": what a certificate says, for people.  It is
 * read, and not judged; that is what aicert-verify is for.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "common/file.h"
#include "producer/certfile.h"
#include "producer/cmd.h"
#include "producer/facts.h"

#define NAME "show"
#define TEXT_MAX_BYTES (64 * MIB)

static int
help(void)
{
	(void)printf("usage: aicert show DIR|FILE [--json]\n\n"
	    "Says what a certificate states, for people: who, what, from, how, "
	    "when; each figure\nwith how it is known: measured, derived or "
	    "reported.  Nothing is judged; that is\nwhat aicert-verify is "
	    "for.\n\n"
	    "  --json  the same as JSON\n\n"
	    "Examples:\n"
	    "  aicert show model\n"
	    "  aicert show aicert.jsonl --json\n");
	return CMD_OK;
}

static void
write_text(struct writer *w, const struct facts *f)
{
	size_t section = FACTS_SECTIONS;

	wr_str(w, "NOT JUDGED: this is what the certificate says.  Whether to "
	    "believe it is\nfound by: aicert-verify DIR\n");
	for (size_t i = 0; i < f->n; i++) {
		const struct fact *row = &f->fact[i];

		if (row->section != section) {
			section = row->section;
			wr_printf(w, "\n%s\n", facts_heading(row->section));
		}
		wr_str(w, "  ");
		facts_write_plain(w, buf_span(&row->label));
		wr_str(w, ": ");
		facts_write_plain(w, buf_span(&row->value));
		wr_printf(w, " (%s)\n", row->how);
	}
	if (!f->c->provenance.measured)
		wr_str(w, "\nSELF-ASSERTED: all figures are the builder's own "
		    "word, those called measured too.\n");
}

static void
write_json(struct writer *w, const struct facts *f)
{
	wr_printf(w, "{\"judged\":false,\"selfAsserted\":%s,\"facts\":[",
	    f->c->provenance.measured ? "false" : "true");
	for (size_t i = 0; i < f->n; i++) {
		const struct fact *row = &f->fact[i];

		wr_printf(w, "%s{\"section\":\"%s\",\"label\":",
		    i > 0 ? "," : "", facts_heading(row->section));
		wr_json(w, buf_span(&row->label));
		wr_str(w, ",\"value\":");
		wr_json(w, buf_span(&row->value));
		wr_printf(w, ",\"how\":\"%s\"}", row->how);
	}
	wr_str(w, "]}\n");
}

static int
run(const char *path, bool json)
{
	struct buf jsonl = { 0 }, text = { 0 };
	struct facts f = { 0 };
	struct message why, what;
	struct writer w;
	enum ac_err e = certfile_read(&jsonl, path, &why);

	if (e != AC_OK)
		return cmd_failed(NAME, &why);
	e = facts_read(&f, buf_span(&jsonl), &what);
	if (e != AC_OK) {
		message_set(&why, "not a certificate that can be shown: ");
		message_add_quoted(&why, span_str(path));
		message_add(&why, ": %s.  aicert-verify --inspect shows what "
		    "there is of any", what.text);
		goto out;
	}
	wr_init(&w, TEXT_MAX_BYTES);
	if (json)
		write_json(&w, &f);
	else
		write_text(&w, &f);
	e = wr_end(&w, &text);
	if (e == AC_OK)
		(void)fwrite(text.p, 1, text.len, stdout);
	else
		message_set(&why, "cannot show it: %s", ac_strerror(e));
out:
	buf_free(&text);
	facts_free(&f);
	buf_free(&jsonl);
	return e == AC_OK ? CMD_OK : cmd_failed(NAME, &why);
}

int
cmd_show(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	bool json = false;
	int c;

	optind = 0; /* a first call for this argv */
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h')
			return help();
		if (c != 'j')
			return cmd_bad_option(NAME, c, argv);
		json = true;
	}
	if (argc - optind != 1 || argv[optind][0] == '\0')
		return cmd_usage(NAME, "name the one folder of a model, or its "
		    "certificate");
	return run(argv[optind], json);
}
