/*
 * main.c -- aicert-verify: reads a model's folder and a policy, verifies, and
 * reports.  All of the verifier's input and output is here, in policyfile.c and
 * in walk.c.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "common/time.h"
#include "verifier/policyfile.h"
#include "verifier/report.h"
#include "verifier/walk.h"

#define REPORT_MAX_BYTES (4 * MIB)

static const char usage[] =
    "usage: aicert-verify [--policy FILE] [--at TIME] [--json] [--quiet] MODEL\n"
    "\n"
    "Verify a model's folder against the certificate in it (aicert.jsonl and\n"
    "model.sig), offline, under one policy file.\n"
    "\n"
    "  -p, --policy FILE  whom to trust; else $AICERT_POLICY,\n"
    "                     ~/.config/aicert/policy, /etc/aicert/policy\n"
    "      --at TIME      judge certificates as of 2026-01-31T12:00:00Z and the\n"
    "                     like; for testing, never exit code 0\n"
    "  -j, --json         the report as JSON on stdout\n"
    "  -q, --quiet        nothing but the exit code\n"
    "  -h, --help         this text\n"
    "  -V, --version      the version\n"
    "\n"
    "Exit codes: 0 verified, 1 not verified, 2 could not run, 3 not accepted\n"
    "by the policy.\n"
    "\n"
    "Examples:\n"
    "  aicert-verify ./my-model\n"
    "  aicert-verify --policy policy --json ./my-model | jq .verdict\n"
    "  aicert policy init --builder acme=acme.pub ... > policy\n";

struct options {
	const char *policy;
	const char *model;
	bool json, quiet;
	bool has_at;
	int64_t at_s;
};

/* A file beside the model's own; *missing where it is not there. */
static enum ac_err
read_beside(struct buf *out, const char *dir, const char *name, size_t max,
    struct message *why)
{
	char *path = NULL;
	enum ac_err e;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return AC_ERR_MEMORY;
	e = file_read(out, path, max);
	free(path);
	if (e != AC_OK)
		message_set(why, "%s: %s", name, e == AC_ERR_IO ?
		    strerror(errno) : e == AC_ERR_FORMAT ?
		    "not a regular file" : ac_strerror(e));
	return e;
}

static void
tell_progress(void *ctx, uint64_t done, uint64_t all)
{
	const bool *show = ctx;

	if (*show && all > 64 * MIB)
		(void)fprintf(stderr, "\rhashing %3d%% of %llu MiB%s",
		    (int)(done / (all / 100 + 1)),
		    (unsigned long long)(all / MIB), done == all ? "\n" : "");
}

/* Everything with a policy at hand; fills in *r. */
static enum verify_verdict
verify_model(struct report *r, struct verification *v,
    const struct options *o, struct buf *cert, struct buf *sig,
    struct message *why)
{
	bool show = !o->quiet && isatty(STDERR_FILENO) == 1;
	struct walk_progress progress = { tell_progress, &show };
	struct walk files = { 0 };
	enum ac_err e;

	e = read_beside(cert, o->model, "aicert.jsonl", CERTIFICATE_MAX, why);
	if (e == AC_ERR_NOT_FOUND)
		message_set(why, "there is no aicert.jsonl in this folder; "
		    "without a certificate there is nothing to verify");
	if (e != AC_OK)
		return VERIFY_COULD_NOT_RUN;
	e = read_beside(sig, o->model, "model.sig", MODEL_SIG_MAX, why);
	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		return VERIFY_COULD_NOT_RUN;
	r->v = v;
	verification_certificate(v, buf_span(cert), buf_span(sig), 0);
	if (!verification_failed(v)) {
		e = walk_dir(&files, o->model, &progress, why);
		if (e == AC_ERR_MEMORY)
			return VERIFY_COULD_NOT_RUN;
		if (e != AC_OK)
			verification_files_failed(v, why);
		else
			verification_files(v, files.file, files.nfiles);
	}
	message_set(why, "%s", "");
	walk_free(&files);
	return verification_verdict(v);
}

static int
print_report(const struct report *r, const struct options *o)
{
	struct buf text = { 0 };
	struct writer w;
	enum ac_err e;

	if (o->quiet)
		return (int)r->verdict;
	wr_init(&w, REPORT_MAX_BYTES);
	if (o->json)
		report_json(&w, r);
	else
		report_text(&w, r);
	e = wr_end(&w, &text);
	if (e == AC_OK)
		e = file_write_all(r->v == NULL && !o->json ? STDERR_FILENO :
		    STDOUT_FILENO, buf_span(&text));
	buf_free(&text);
	if (e != AC_OK) {
		(void)fprintf(stderr, "aicert-verify: cannot print the report: "
		    "%s\n", ac_strerror(e));
		return VERIFY_COULD_NOT_RUN;
	}
	return (int)r->verdict;
}

static int
run(const struct options *o)
{
	struct report r = { .verdict = VERIFY_COULD_NOT_RUN,
		.subject = o->model };
	struct buf cert = { 0 }, sig = { 0 };
	struct verification *v = NULL;
	struct policy *policy = NULL;
	struct message why = { "" };
	char *path = policyfile_find(o->policy);
	int code;

	r.policy = path;
	if (strlen(o->model) >= PATH_MAX) {
		message_set(&why, "the path of the model has %zu bytes, at "
		    "most %d can be", strlen(o->model), PATH_MAX - 1);
	} else if (path == NULL) {
		message_set(&why, "no policy: none was named, and there is "
		    "none in ~/.config/aicert or /etc/aicert. A policy says "
		    "whom you trust; \"aicert policy init --help\" makes one");
	} else if (policyfile_load(&policy, path, &why) == AC_OK) {
		v = verification_new(policy, VERIFY_MODE_LOGGED);
		if (v == NULL)
			message_set(&why, "no memory");
		else if (o->has_at)
			verification_judge_at(v, o->at_s);
		if (v != NULL)
			r.verdict = verify_model(&r, v, o, &cert, &sig, &why);
	}
	if (why.text[0] != '\0')
		r.problem = why.text;
	code = print_report(&r, o);
	verification_free(v);
	policy_free(policy);
	buf_free(&cert);
	buf_free(&sig);
	free(path);
	return code;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "at", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct options o = { 0 };
	int c;

	opterr = 0; /* the first line is ours */
	while ((c = getopt_long(argc, argv, "p:jqhV", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			o.policy = optarg;
			break;
		case 't':
			o.has_at = time_parse(&o.at_s, span_str(optarg));
			if (o.has_at)
				break;
			(void)fputs("COULD NOT RUN: --at takes a time such as "
			    "2026-01-31T12:00:00Z\n", stderr);
			return VERIFY_COULD_NOT_RUN;
		case 'j':
			o.json = true;
			break;
		case 'q':
			o.quiet = true;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		case 'V':
			(void)puts("aicert-verify " AICERT_VERSION);
			return 0;
		default:
			(void)fputs("COULD NOT RUN: unknown option, or one "
			    "without its value; see aicert-verify --help\n",
			    stderr);
			return VERIFY_COULD_NOT_RUN;
		}
	}
	if (argc - optind != 1 || argv[optind][0] == '\0') {
		(void)fputs("COULD NOT RUN: name one model folder; see "
		    "aicert-verify --help\n", stderr);
		return VERIFY_COULD_NOT_RUN;
	}
	o.model = argv[optind];
	return run(&o);
}
