/*
 * cmd_fsck.c -- "aicert-audit fsck": derive a whole log anew and say what
 * differs, and where.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "auditor/cmd.h"
#include "auditor/fsck.h"

#define NAME "fsck"
#define TRIES 6
#define PROGRESS_MS 500
#define JSON_MAX ((size_t)64 * MIB)

struct job {
	const char *policy, *log_keys, *statements;
	bool json, no_statements, progress;
	unsigned threads;
	struct timespec began, shown;
	struct writer findings; /* of the JSON result */
	uint64_t nfindings;
};

static int
help(void)
{
	(void)printf("usage: aicert-audit fsck URL|DIR [--policy FILE | "
	    "--log-keys FILE]\n"
	    "           [--statements URL|DIR | --no-statements] "
	    "[--threads N] [--json]\n\n"
	    "Derives a log from its entries: each leaf is compared with its "
	    "statement, each bundle\nwith its tile, tiles of every level with "
	    "those below, the root with the checkpoint.\nGoes on where "
	    "something differs, and says where.  DIR is laid out as tlog-tiles "
	    "says, or\nthe directory of an aicert-registry.\n\n"
	    "  --policy FILE       whose signatures the checkpoint must have; "
	    "else as aicert-verify\n"
	    "  --log-keys FILE     the log's keys alone, no quorum\n"
	    "  --statements PLACE  where the statements are, if not in the "
	    "same place\n"
	    "  --no-statements     leave the statements out\n"
	    "  --threads N         requests and signatures at once (%u here)\n"
	    "  --json              the result as one JSON object\n\n"
	    "Exit status: 0 nothing differs, 1 something does, 2 it could not "
	    "run, 3 the log could\nnot be reached.\n\n"
	    "Examples:\n"
	    "  aicert-audit fsck https://log.example.org --policy policy\n"
	    "  aicert-audit fsck /var/lib/aicert --log-keys "
	    "/var/lib/aicert/log-keys \\\n"
	    "      --statements https://log.example.org\n", cmd_threads());
	return CMD_GOOD;
}

static double
seconds_since(const struct timespec *t)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - t->tv_sec) +
	    (double)(now.tv_nsec - t->tv_nsec) / 1e9;
}

static void
show_progress(void *arg, uint64_t done, uint64_t all)
{
	struct job *j = arg;
	double took = seconds_since(&j->began), rate;

	if (!j->progress || (done < all &&
	    seconds_since(&j->shown) < PROGRESS_MS / 1000.0))
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &j->shown);
	rate = took > 0 ? (double)done / took : 0;
	(void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " entries, %.0f/s, "
	    "%.0f s to go \033[K%s", done, all, rate,
	    rate > 0 ? (double)(all - done) / rate : 0.0,
	    done == all ? "\r\033[K" : "");
}

static void
write_finding(struct writer *w, const struct fsck_finding *f)
{
	wr_printf(w, "{\"kind\":\"%s\",\"path\":", f->kind);
	wr_json(w, span_str(f->path));
	if (f->has_index) {
		wr_str(w, ",\"index\":");
		wr_dec(w, f->index);
	}
	wr_str(w, ",\"message\":");
	wr_json(w, span_str(f->what->text));
	wr_u8(w, '}');
}

static void
show_finding(void *arg, const struct fsck_finding *f)
{
	struct job *j = arg;

	if (j->json) {
		size_t before = j->findings.len;

		/* Those that no longer fit are counted. */
		if (before > JSON_MAX - 4096)
			return;
		if (j->nfindings++ > 0)
			wr_u8(&j->findings, ',');
		write_finding(&j->findings, f);
		return;
	}
	if (j->progress)
		(void)fputs("\r\033[K", stderr);
	(void)printf("%s %s", f->kind, f->path);
	if (f->has_index)
		(void)printf(" entry %" PRIu64, f->index);
	(void)printf(": %s\n", f->what->text);
}

static int
show_json(struct job *j, const struct fsck_result *r, bool content)
{
	struct buf findings = { 0 };
	struct writer w;
	enum ac_err e = wr_end(&j->findings, &findings);

	wr_init(&w, JSON_MAX + 4096);
	wr_str(&w, "{\"origin\":");
	wr_json(&w, span_str(r->origin));
	wr_str(&w, ",\"treeSize\":");
	wr_dec(&w, r->size);
	wr_str(&w, ",\"rootHash\":\"");
	wr_hex(&w, span_digest(&r->root));
	wr_printf(&w, "\",\"complete\":%s,\"tiles\":%" PRIu64
	    ",\"bundles\":%" PRIu64, r->whole ? "true" : "false", r->ntiles,
	    r->nbundles);
	if (content)
		wr_printf(&w, ",\"statements\":%" PRIu64 ",\"removed\":%" PRIu64,
		    r->nstatements, r->nremoved);
	wr_printf(&w, ",\"seconds\":%.3f,\"nfindings\":%" PRIu64
	    ",\"findings\":[", seconds_since(&j->began), r->nfindings);
	if (e == AC_OK)
		wr_bytes(&w, buf_span(&findings));
	wr_str(&w, "]}\n");
	buf_free(&findings);
	return cmd_print(NAME, &w, r->nfindings == 0 ? CMD_GOOD : CMD_BAD);
}

static int
show(struct job *j, const struct fsck_result *r, bool content)
{
	if (j->json)
		return show_json(j, r, content);
	(void)printf("%s: %" PRIu64 " entries, %" PRIu64 " bundles and %" PRIu64
	    " tiles compared", r->origin, r->size, r->nbundles, r->ntiles);
	if (content)
		(void)printf(", %" PRIu64 " statements, %" PRIu64 " removed",
		    r->nstatements, r->nremoved);
	else
		(void)printf(", statements not looked at");
	(void)printf(", %.1f s\n", seconds_since(&j->began));
	if (!r->whole)
		(void)printf("it could not go on to the end: neither bundle "
		    "nor tile is there\n");
	if (r->nfindings > 0) {
		(void)printf("%" PRIu64 " findings\n", r->nfindings);
		return CMD_BAD;
	}
	(void)printf("nothing differs\n");
	return CMD_GOOD;
}

static int
check(struct job *j, const char *place)
{
	struct source_options so = { .tries = TRIES };
	struct source *log = NULL, *other = NULL;
	struct policy *policy = NULL;
	struct fsck_result r;
	struct message why = { "" };
	int code = CMD_CANNOT;
	enum ac_err e;

	so.stop = cmd_stop();
	e = cmd_policy(&policy, j->policy, j->log_keys, &why);
	if (e == AC_OK)
		e = source_open(&log, place, &so, &why);
	if (e == AC_OK && j->statements != NULL)
		e = source_open(&other, j->statements, &so, &why);
	if (e == AC_OK) {
		const struct source *content = j->no_statements ? NULL :
		    other != NULL ? other :
		    source_has_statements(log) ? log : NULL;
		struct fsck_options o = { log, content, policy, j->threads,
			show_finding, show_progress, j };

		e = fsck_run(&r, &o, &why);
		if (e == AC_OK)
			code = show(j, &r, content != NULL);
	}
	if (e != AC_OK)
		code = cmd_failed(NAME, e, &why);
	source_close(other);
	source_close(log);
	policy_free(policy);
	return code;
}

int
cmd_fsck(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "log-keys", required_argument, NULL, 'k' },
		{ "statements", required_argument, NULL, 's' },
		{ "no-statements", no_argument, NULL, 'n' },
		{ "threads", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct job j = { .threads = cmd_threads() };
	int c, code;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			j.policy = optarg;
			break;
		case 'k':
			j.log_keys = optarg;
			break;
		case 's':
			j.statements = optarg;
			break;
		case 'n':
			j.no_statements = true;
			break;
		case 't':
			if (!cmd_number(&j.threads, NAME, "--threads", optarg,
			    1, 32))
				return CMD_CANNOT;
			break;
		case 'j':
			j.json = true;
			break;
		case 'h':
			return help();
		default:
			return cmd_bad_option(NAME, c, argv);
		}
	}
	if (argc - optind != 1)
		return cmd_usage(NAME, "name one log, a URL or a folder");
	if (j.statements != NULL && j.no_statements)
		return cmd_usage(NAME, "--statements and --no-statements "
		    "exclude each other");
	j.progress = isatty(STDERR_FILENO) == 1;
	(void)clock_gettime(CLOCK_MONOTONIC, &j.began);
	wr_init(&j.findings, JSON_MAX);
	code = check(&j, argv[optind]);
	wr_free(&j.findings);
	return code;
}
