/*
 * cmd_diff.c -- "aicert-image diff": which component of two images differs,
 * and which PCR that changed.
 */
#include <getopt.h>
#include <stdio.h>

#include "vm-image/cmd.h"
#include "vm-image/compare.h"

#define NAME "diff"
#define RESULT_MAX (1 * MIB)
#define WORDS_SHOWN_MAX 32 /* of each command line */

static int
help(void)
{
	(void)printf("usage: aicert-image diff A B [--secure-boot] [--json]\n\n"
	    "Compares two Unified Kernel Images: which component differs, and "
	    "which of PCRs 4, 9 and\n11 it changed.\n\n"
	    "  --secure-boot  predict for Secure Boot on: both must be signed\n"
	    "  --json         the result as JSON\n\n"
	    "Exit status: 0 every byte is the same, 1 something differs, 2 it "
	    "could not be compared.\n\n"
	    "Example: aicert-image diff published.efi mine.efi\n");
	return CMD_GOOD;
}

/* Write the numbers of the PCRs of a mask, with a comma between. */
static void
write_pcrs(struct writer *w, uint32_t pcrs, const char *between)
{
	const char *before = "";

	for (unsigned i = 0; i < 32; i++) {
		if ((pcrs >> i & 1) == 0)
			continue;
		wr_printf(w, "%s%u", before, i);
		before = between;
	}
}

static bool
has_word(struct span cmdline, struct span word)
{
	struct span w;

	while (uki_word(&cmdline, &w))
		if (span_equal(w, word))
			return true;
	return false;
}

/* The words of one command line that the other has not. */
static void
write_words(struct writer *w, const char *sign, struct span these,
    struct span others)
{
	struct message m;
	struct span word;
	unsigned n = 0;

	while (uki_word(&these, &word) && n < WORDS_SHOWN_MAX) {
		if (has_word(others, word))
			continue;
		m = message_quoted(word);
		wr_printf(w, "    %s %s\n", sign, m.text);
		n++;
	}
}

static void
write_pcr(struct writer *w, unsigned pcr, const struct digest *a,
    const struct digest *b)
{
	bool same = digest_equal(a, b);

	wr_printf(w, "PCR %-2u %s ", pcr, same ? "same" : "A");
	wr_hex(w, span_digest(a));
	if (!same) {
		wr_str(w, "\n       B ");
		wr_hex(w, span_digest(b));
	}
	wr_u8(w, '\n');
}

static void
write_text(struct writer *w, const struct compare *c, const struct uki *a,
    const struct uki *b)
{
	if (c->same) {
		wr_str(w, "the same, every byte\n");
		return;
	}
	for (unsigned i = 0; i < COMPARE_COMPONENTS; i++) {
		if (!c->differs[i])
			continue;
		wr_printf(w, "%-10s", compare_name(i));
		wr_str(w, c->pcrs[i] != 0 ? " changed PCR " :
		    " changed none of PCRs 4, 9 and 11");
		write_pcrs(w, c->pcrs[i], ", ");
		wr_u8(w, '\n');
		if (i != UKI_CMDLINE)
			continue;
		write_words(w, "A", a->part[i], b->part[i]);
		write_words(w, "B", b->part[i], a->part[i]);
	}
	write_pcr(w, 4, &c->a.pcr4, &c->b.pcr4);
	if (c->a.no_pcr9 == NULL && c->b.no_pcr9 == NULL)
		write_pcr(w, 9, &c->a.pcr9, &c->b.pcr9);
	else
		wr_str(w, "PCR 9  not predictable\n");
	write_pcr(w, 11, &c->a.pcr11, &c->b.pcr11);
}

static void
write_json(struct writer *w, const struct compare *c)
{
	const char *before = "";

	wr_printf(w, "{\"same\":%s,\"components\":[",
	    c->same ? "true" : "false");
	for (unsigned i = 0; i < COMPARE_COMPONENTS; i++) {
		if (!c->differs[i])
			continue;
		wr_printf(w, "%s{\"name\":\"%s\",\"pcrs\":[", before,
		    compare_name(i));
		write_pcrs(w, c->pcrs[i], ",");
		wr_str(w, "]}");
		before = ",";
	}
	wr_str(w, "],\"pcrs\":[");
	write_pcrs(w, c->changed, ",");
	wr_str(w, "]}\n");
}

static int
run(const char *const path[2], bool secure_boot, bool json)
{
	struct message why = { "" };
	struct buf file[2] = { { 0 } };
	struct uki u[2];
	struct compare c;
	struct writer w;
	enum ac_err e = cmd_uki(&u[0], &file[0], path[0], &why);
	int code;

	if (e == AC_OK)
		e = cmd_uki(&u[1], &file[1], path[1], &why);
	if (e == AC_OK)
		e = compare_ukis(&c, &u[0], &u[1], secure_boot, &why);
	if (e != AC_OK) {
		code = cmd_failed(NAME, &why);
	} else {
		wr_init(&w, RESULT_MAX);
		if (json)
			write_json(&w, &c);
		else
			write_text(&w, &c, &u[0], &u[1]);
		code = cmd_print(NAME, &w, c.same ? CMD_GOOD : CMD_DIFFERS);
	}
	buf_free(&file[0]);
	buf_free(&file[1]);
	return code;
}

int
cmd_diff(int argc, char **argv)
{
	static const struct option options[] = {
		{ "secure-boot", no_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool secure_boot = false, json = false;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 's':
			secure_boot = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return help();
		default:
			return cmd_bad_option(NAME, c, argv);
		}
	}
	if (argc - optind != 2)
		return cmd_usage(NAME, "two UKIs, files, are needed");
	return run((const char *const[]){ argv[optind], argv[optind + 1] },
	    secure_boot, json);
}
