/*
 * cmd_mirror.c -- "aicert-audit mirror": a copy of a log that any web server
 * can serve.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auditor/cmd.h"
#include "auditor/mirror.h"

#define NAME "mirror"
#define TRIES 6
#define JSON_MAX (64 * KIB)

struct job {
	const char *policy, *log_keys;
	bool json, no_statements, progress;
	unsigned threads;
	struct timespec shown;
};

static int
help(void)
{
	(void)printf("usage: aicert-audit mirror URL|DIR COPY [--policy FILE | "
	    "--log-keys FILE]\n"
	    "           [--no-statements] [--threads N] [--json]\n\n"
	    "Copies a log into the folder COPY, or brings the copy up to date: "
	    "tiles, entries and\nstatements, laid out so that any web server "
	    "serves them as the log's does.  Everything is\nchecked and durable "
	    "before the checkpoint is replaced.  Interrupted, it goes on where "
	    "it\nwas.\n\n"
	    "  --policy FILE    whose signatures and quorum the checkpoint must "
	    "have; else as\n"
	    "                   aicert-verify\n"
	    "  --log-keys FILE  the log's keys alone, no quorum\n"
	    "  --no-statements  tiles and entries alone\n"
	    "  --threads N      requests at once (%u here)\n"
	    "  --json           what was done as JSON\n\n"
	    "Exit status: 0 the copy is whole, 1 it has gaps, or the log is not "
	    "what it says, 2 it\ncould not run, 3 the log could not be "
	    "reached.\n\n"
	    "Examples:\n"
	    "  aicert-audit mirror https://log.example.org /srv/log-copy "
	    "--policy policy\n"
	    "  aicert-audit fsck /srv/log-copy --policy policy\n",
	    cmd_threads());
	return CMD_GOOD;
}

static void
show_progress(void *arg, uint64_t done, uint64_t all)
{
	struct job *j = arg;
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (!j->progress || (done < all && now.tv_sec == j->shown.tv_sec))
		return;
	j->shown = now;
	(void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " entries\033[K%s",
	    done, all, done == all ? "\r\033[K" : "");
}

static void
show_bad(void *arg, const struct entry *e)
{
	(void)arg;
	(void)fprintf(stderr, "aicert-audit mirror: entry %" PRIu64 ": %s: "
	    "%s\n", e->index, entries_state_name(e->state), e->why.text);
}

static int
show(const struct job *j, const struct mirror_result *r)
{
	bool bad = r->ngaps > 0 || r->nbad > 0 || r->shrunk;
	struct writer w;

	wr_init(&w, JSON_MAX);
	if (j->json) {
		wr_str(&w, "{\"origin\":");
		wr_json(&w, span_str(r->origin));
		wr_printf(&w, ",\"before\":%" PRIu64 ",\"treeSize\":%" PRIu64
		    ",\"bundles\":%" PRIu64 ",\"statements\":%" PRIu64
		    ",\"bad\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"removed\":%"
		    PRIu64 ",\"shrunk\":%s}\n", r->before, r->size,
		    r->nbundles, r->nstatements, r->nbad, r->ngaps,
		    r->nremoved, r->shrunk ? "true" : "false");
	} else {
		wr_printf(&w, "%s: %" PRIu64 " entries, %" PRIu64 " before; "
		    "fetched %" PRIu64 " bundles and %" PRIu64 " statements; "
		    "%" PRIu64 " gaps, %" PRIu64 " removed\n", r->origin,
		    r->size, r->before, r->nbundles, r->nstatements, r->ngaps,
		    r->nremoved);
		if (r->shrunk)
			wr_str(&w, "the log serves a smaller checkpoint than "
			    "the copy has; the copy is left as it is\n");
		if (r->ngaps > 0)
			wr_str(&w, "what is missing is listed in mirror-gaps, "
			    "and asked for again in the next run\n");
	}
	return cmd_print(NAME, &w, bad ? CMD_BAD : CMD_GOOD);
}

static int
mirror(struct job *j, const char *place, const char *dir)
{
	struct source_options so = { .tries = TRIES };
	struct mirror_options o = { .dir = dir, .statements =
		!j->no_statements, .nthreads = j->threads, .found = show_bad,
		.progress = show_progress, .arg = j };
	struct policy *policy = NULL;
	struct mirror_result r;
	struct message why = { "" };
	enum ac_err e = AC_OK;
	int code;

	so.stop = o.stop = cmd_stop();
	if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
		message_set(&why, "cannot make the folder ");
		message_add_quoted(&why, span_str(dir));
		message_add(&why, ": %s", strerror(errno));
		e = AC_ERR_IO;
	}
	if (e == AC_OK)
		e = cmd_policy(&policy, j->policy, j->log_keys, &why);
	o.policy = policy;
	if (e == AC_OK)
		e = source_open(&o.log, place, &so, &why);
	if (e == AC_OK && !source_has_statements(o.log))
		o.statements = false;
	if (e != AC_OK) {
		code = cmd_failed(NAME, e, &why);
	} else {
		e = mirror_run(&r, &o, &why);
		code = e == AC_OK ? show(j, &r) : cmd_failed(NAME, e, &why);
		if (e == AC_ERR_MISMATCH || e == AC_ERR_NOT_FOUND)
			code = CMD_BAD;
	}
	source_close(o.log);
	policy_free(policy);
	return code;
}

int
cmd_mirror(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "log-keys", required_argument, NULL, 'k' },
		{ "no-statements", no_argument, NULL, 'n' },
		{ "threads", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct job j = { .threads = cmd_threads() };
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (c == 'p')
			j.policy = optarg;
		else if (c == 'k')
			j.log_keys = optarg;
		else if (c == 'n')
			j.no_statements = true;
		else if (c == 'j')
			j.json = true;
		else if (c == 'h')
			return help();
		else if (c != 't')
			return cmd_bad_option(NAME, c, argv);
		else if (!cmd_number(&j.threads, NAME, "--threads", optarg, 1,
		    32))
			return CMD_CANNOT;
	}
	if (argc - optind != 2)
		return cmd_usage(NAME, "name a log and the folder of the copy");
	j.progress = isatty(STDERR_FILENO) == 1;
	return mirror(&j, argv[optind], argv[optind + 1]);
}
