/*
 * cmd_compare.c -- "aicert-audit compare": do two views of a log tell one
 * story?  And "check-evidence": does a file prove that they did not?
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "auditor/cmd.h"
#include "auditor/split.h"
#include "cert/bundle.h"
#include "common/file.h"

#define COMPARE "compare"
#define CHECK "check-evidence"
#define TRIES 4
#define OUT "split-view.json"
#define JSON_MAX (64 * KIB)

/* One view: where it is from, and its checkpoint. */
struct view {
	const char *place;
	struct source *source; /* NULL: a checkpoint file alone */
	struct head head;
	bool has_head;
};

struct job {
	const char *policy, *log_keys, *out;
	bool json;
	struct view view[3]; /* A, B, and where --tiles are */
	struct tiles tiles;
	struct digest node[SPLIT_NODES_MAX];
	size_t n;
};

static int
help_compare(void)
{
	(void)printf("usage: aicert-audit compare A B [--tiles PLACE] "
	    "[--evidence FILE]\n"
	    "           [--policy FILE | --log-keys FILE] [--json]\n\n"
	    "Compares two views of a log, each a URL, a folder, a checkpoint "
	    "file or a logged\naicert.jsonl: does the larger tree begin with "
	    "the smaller?  If not, the log showed different\npasts to different "
	    "people, and a file is written that proves it to anybody.\n\n"
	    "  --tiles PLACE    take the tiles there, where both are checkpoint "
	    "files\n"
	    "  --evidence FILE  where the proof of a split view goes; \"" OUT
	    "\" unless said\n"
	    "  --policy FILE    whose signatures count; else as "
	    "aicert-verify\n"
	    "  --log-keys FILE  the log's keys alone\n"
	    "  --json           the result as JSON\n\n"
	    "Exit status: 0 consistent, 1 a split view, 2 it could not run, 3 "
	    "not decided: the tiles\ncannot be had, or do not fit.\n\n"
	    "Examples:\n"
	    "  aicert-audit compare https://log.example.org mirror --policy "
	    "policy\n"
	    "  aicert-audit compare model/aicert.jsonl https://log.example.org "
	    "--policy policy\n"
	    "  aicert-audit compare mine.checkpoint theirs.checkpoint "
	    "--tiles https://log.example.org\n");
	return CMD_GOOD;
}

static int
help_check(void)
{
	(void)printf("usage: aicert-audit check-evidence FILE [--policy FILE | "
	    "--log-keys FILE] [--json]\n\n"
	    "Checks, offline, whether FILE proves that a log signed two pasts "
	    "which contradict each\nother.  Such files are made by compare, "
	    "follow and witness.\n\n"
	    "  --policy FILE    the log's key; else as aicert-verify\n"
	    "  --log-keys FILE  the log's keys alone\n"
	    "  --json           the result as JSON\n\n"
	    "Exit status: 0 it proves a split view, 1 it proves nothing, 2 it "
	    "could not be checked.\n\n"
	    "Example: aicert-audit check-evidence split-view.json --log-keys "
	    "log-keys\n");
	return CMD_GOOD;
}

/* ---- compare ---- */

static bool
is_file(const char *place)
{
	struct stat st;

	return stat(place, &st) == 0 && S_ISREG(st.st_mode);
}

/*
 * The checkpoint in a file: the file itself, or where it is a certificate that
 * of its first line.
 */
static enum ac_err
read_note(struct buf *out, const char *path, struct message *why)
{
	struct buf file = { 0 };
	struct bundle b = { .logged = false };
	const uint8_t *end;
	enum ac_err e;

	e = file_read(&file, path, CERTIFICATE_MAX);
	if (e != AC_OK) {
		message_set(why, "%s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
		return e;
	}
	if (file.len == 0 || file.p[0] != '{') {
		*out = file;
		return AC_OK;
	}
	end = memchr(file.p, '\n', file.len);
	e = bundle_decode(&b, span_of(file.p, end == NULL ? file.len :
	    (size_t)(end - file.p)), STATEMENT_MAX);
	buf_free(&file);
	if (e != AC_OK || !b.logged) {
		message_set(why, e != AC_OK ? "its first line is no line of a "
		    "certificate" : "its first line is not logged");
		bundle_free(&b);
		return e == AC_ERR_MEMORY ? e : AC_ERR_FORMAT;
	}
	*out = b.entry.checkpoint;
	b.entry.checkpoint = (struct buf){ 0 }; /* transferred */
	bundle_free(&b);
	return AC_OK;
}

static enum ac_err
open_view(struct view *v, const struct policy *p, struct message *why)
{
	struct source_options so = { .tries = TRIES };
	struct buf note = { 0 };
	struct message what = { "" };
	enum ac_err e;

	so.stop = cmd_stop();
	if (is_file(v->place)) {
		e = read_note(&note, v->place, &what);
	} else {
		e = source_open(&v->source, v->place, &so, &what);
		if (e == AC_OK)
			e = source_get(v->source, &note, "checkpoint",
			    NOTE_MAX, &what);
	}
	if (e == AC_OK)
		e = head_check(&v->head, p, buf_span(&note), &what);
	buf_free(&note);
	v->has_head = e == AC_OK;
	if (e != AC_OK) {
		message_set(why, "cannot use the checkpoint of ");
		message_add_quoted(why, span_str(v->place));
		message_add(why, ": %s", what.text);
	}
	return e;
}

/* By the first tiles that fit the larger tree. */
static enum ac_err
decide(struct job *j, const struct view *small, const struct view *large,
    struct message *why)
{
	const struct view *from[] = { large, small, &j->view[2] };
	enum ac_err e, first = AC_OK; /* what was wrong with the first */
	struct message what;

	for (size_t i = 0; i < 3; i++) {
		/* Without tiles, two of one size are compared all the same. */
		if (from[i]->source == NULL &&
		    small->head.size != large->head.size)
			continue;
		j->tiles = (struct tiles){ .source = from[i]->source };
		e = split_find(j->node, &j->n, &j->tiles, small->head.size,
		    &small->head.root, large->head.size, &large->head.root,
		    &what);
		if (e == AC_OK || e == AC_ERR_MISMATCH) {
			*why = what;
			return e;
		}
		if (first == AC_OK) {
			first = e;
			*why = what;
		}
	}
	if (first == AC_OK) {
		message_set(why, "both are checkpoint files of different sizes; "
		    "name where the tiles are, with --tiles");
		first = AC_ERR_NOT_FOUND;
	}
	return first;
}

static enum ac_err
write_evidence(const struct job *j, const struct view *small,
    const struct view *large, struct message *why)
{
	struct buf file = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, SPLIT_FILE_MAX);
	split_write(&w, buf_span(&small->head.note),
	    buf_span(&large->head.note), j->node, j->n);
	e = wr_end(&w, &file);
	if (e == AC_OK)
		e = file_create(j->out, buf_span(&file), 0644);
	buf_free(&file);
	if (e == AC_OK)
		return e;
	message_set(why, "the log showed two pasts, but the evidence cannot be "
	    "written to ");
	message_add_quoted(why, span_str(j->out));
	message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
	    e == AC_ERR_EXISTS ? "it is there already; name another file with "
	    "--evidence" : ac_strerror(e));
	return e;
}

static int
show(const struct job *j, const struct view *small, const struct view *large,
    bool split, const struct message *what)
{
	const struct view *v[] = { small, large };
	struct writer w;

	wr_init(&w, JSON_MAX);
	if (j->json) {
		wr_printf(&w, "{\"verdict\":\"%s\",\"origin\":", split ?
		    "split-view" : "consistent");
		wr_json(&w, span_str(small->head.log->name));
		wr_str(&w, ",\"views\":[");
		for (size_t i = 0; i < 2; i++) {
			wr_str(&w, i == 0 ? "{\"place\":" : ",{\"place\":");
			wr_json(&w, span_str(v[i]->place));
			wr_str(&w, ",\"treeSize\":");
			wr_dec(&w, v[i]->head.size);
			wr_str(&w, ",\"rootHash\":\"");
			wr_hex(&w, span_digest(&v[i]->head.root));
			wr_printf(&w, "\",\"quorum\":%s}", v[i]->head.quorum ?
			    "true" : "false");
		}
		wr_u8(&w, ']');
		if (split) {
			wr_str(&w, ",\"message\":");
			wr_json(&w, span_str(what->text));
			wr_str(&w, ",\"evidence\":");
			wr_json(&w, span_str(j->out));
		}
		wr_str(&w, "}\n");
	} else if (split) {
		wr_printf(&w, "SPLIT VIEW of the log %s: %s\nthe proof is in ",
		    small->head.log->name, what->text);
		wr_str(&w, j->out);
		wr_str(&w, "; anybody checks it with \"aicert-audit "
		    CHECK "\"\n");
	} else {
		wr_printf(&w, "consistent: %s, sizes %" PRIu64 " and %" PRIu64
		    "\n", small->head.log->name, small->head.size,
		    large->head.size);
	}
	return cmd_print(COMPARE, &w, split ? CMD_BAD : CMD_GOOD);
}

static int
compare(struct job *j, const struct policy *p)
{
	const struct view *small = &j->view[0], *large = &j->view[1];
	struct message why = { "" };
	enum ac_err e;

	for (size_t i = 0; i < 3; i++) {
		if (j->view[i].place == NULL)
			continue;
		e = open_view(&j->view[i], p, &why);
		if (e != AC_OK)
			return cmd_failed(COMPARE, e, &why);
	}
	if (small->head.log != large->head.log) {
		message_set(&why, "these are two logs: %s and %s",
		    small->head.log->name, large->head.log->name);
		return cmd_failed(COMPARE, AC_ERR_MISMATCH, &why);
	}
	if (small->head.size > large->head.size) {
		small = &j->view[1];
		large = &j->view[0];
	}
	e = decide(j, small, large, &why);
	if (e == AC_OK)
		return show(j, small, large, false, &why);
	if (e == AC_ERR_MISMATCH) {
		struct message what = why;

		e = write_evidence(j, small, large, &why);
		return e == AC_OK ? show(j, small, large, true, &what) :
		    cmd_failed(COMPARE, AC_ERR_IO, &why);
	}
	(void)cmd_failed(COMPARE, e, &why);
	return e == AC_ERR_MEMORY ? CMD_CANNOT : CMD_LATER;
}

static void
close_views(struct job *j)
{
	for (size_t i = 0; i < 3; i++) {
		source_close(j->view[i].source);
		if (j->view[i].has_head)
			head_free(&j->view[i].head);
	}
}

/* Options of both commands; exit code, or -1 to go on. */
static int
get_options(struct job *j, const char *name, int argc, char **argv,
    int (*help)(void))
{
	static const struct option longs[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "log-keys", required_argument, NULL, 'k' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "tiles", required_argument, NULL, 't' },
		{ "evidence", required_argument, NULL, 'e' },
		{ 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (c == 'p')
			j->policy = optarg;
		else if (c == 'k')
			j->log_keys = optarg;
		else if (c == 'j')
			j->json = true;
		else if (c == 'h')
			return help();
		else if (c == 't' && strcmp(name, COMPARE) == 0)
			j->view[2].place = optarg;
		else if (c == 'e' && strcmp(name, COMPARE) == 0)
			j->out = optarg;
		else
			return cmd_bad_option(name, c, argv);
	}
	return -1;
}

int
cmd_compare(int argc, char **argv)
{
	struct job *j = calloc(1, sizeof(*j));
	struct policy *policy = NULL;
	struct message why = { "" };
	int code;
	enum ac_err e;

	if (j == NULL)
		return CMD_CANNOT;
	j->out = OUT;
	code = get_options(j, COMPARE, argc, argv, help_compare);
	if (code < 0 && argc - optind != 2)
		code = cmd_usage(COMPARE, "name two views of a log");
	if (code < 0) {
		j->view[0].place = argv[optind];
		j->view[1].place = argv[optind + 1];
		e = cmd_policy(&policy, j->policy, j->log_keys, &why);
		code = e == AC_OK ? compare(j, policy) :
		    cmd_failed(COMPARE, e, &why);
	}
	close_views(j);
	policy_free(policy);
	free(j);
	return code;
}

/* ---- check-evidence ---- */

static int
show_verdict(const struct job *j, const struct head head[2],
    const struct message *why, bool proves)
{
	struct writer w;

	wr_init(&w, JSON_MAX);
	if (j->json) {
		wr_printf(&w, "{\"verdict\":\"%s\"", proves ? "split-view" :
		    "proves-nothing");
		if (proves) {
			wr_str(&w, ",\"origin\":");
			wr_json(&w, span_str(head[0].log->name));
			wr_printf(&w, ",\"treeSizes\":[%" PRIu64 ",%" PRIu64
			    "]", head[0].size, head[1].size);
		} else {
			wr_str(&w, ",\"message\":");
			wr_json(&w, span_str(why->text));
		}
		wr_str(&w, "}\n");
	} else if (proves) {
		wr_printf(&w, "PROVED: the log %s signed two pasts: its tree of "
		    "size %" PRIu64 " does not begin with its tree of size %"
		    PRIu64 "\n", head[0].log->name, head[1].size,
		    head[0].size);
	} else {
		wr_printf(&w, "PROVES NOTHING: %s\n", why->text);
	}
	return cmd_print(CHECK, &w, proves ? CMD_GOOD : CMD_BAD);
}

static int
check(const struct job *j, const struct policy *p, const char *path)
{
	struct head head[2] = { { .size = 0 }, { .size = 0 } };
	struct split s = { .n = 0 };
	struct message why = { "" };
	struct buf file = { 0 };
	enum ac_err e;
	int code;

	e = file_read(&file, path, SPLIT_FILE_MAX);
	if (e != AC_OK) {
		message_set(&why, "cannot read ");
		message_add_quoted(&why, span_str(path));
		message_add(&why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
		return cmd_failed(CHECK, AC_ERR_IO, &why);
	}
	e = split_decode(&s, buf_span(&file));
	buf_free(&file);
	if (e == AC_OK)
		e = split_check(head, &s, p, &why);
	else if (e != AC_ERR_MEMORY)
		message_set(&why, "the file is no evidence: it is not of that "
		    "one form");
	split_free(&s);
	if (e == AC_ERR_MEMORY) {
		message_set(&why, "out of memory");
		return cmd_failed(CHECK, e, &why);
	}
	code = show_verdict(j, head, &why, e == AC_OK);
	if (e == AC_OK) {
		head_free(&head[0]);
		head_free(&head[1]);
	}
	return code;
}

int
cmd_check_evidence(int argc, char **argv)
{
	struct job *j = calloc(1, sizeof(*j));
	struct policy *policy = NULL;
	struct message why = { "" };
	int code;
	enum ac_err e;

	if (j == NULL)
		return CMD_CANNOT;
	code = get_options(j, CHECK, argc, argv, help_check);
	if (code < 0 && argc - optind != 1)
		code = cmd_usage(CHECK, "name one file");
	if (code < 0) {
		e = cmd_policy(&policy, j->policy, j->log_keys, &why);
		code = e == AC_OK ? check(j, policy, argv[optind]) :
		    cmd_failed(CHECK, e, &why);
	}
	policy_free(policy);
	free(j);
	return code;
}
