/*
 * cmd_follow.c -- "aicert-audit follow": tail a log and tell what is wrong and
 * what is watched for; and "affected": whom a revocation concerns.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "auditor/cmd.h"
#include "auditor/follow.h"
#include "auditor/ledger.h"
#include "auditor/mark.h"
#include "common/file.h"
#include "common/text.h"

#define NAME "follow"
#define AFFECTED "affected"
#define TRIES 4
#define INTERVAL_S 60
#define MAX_AGE_S 3600
#define PATIENCE_S 600
#define BACKOFF_MAX_S 300
#define SECONDS_MAX 31536000u
#define JSON_MAX (64 * KIB)

struct job {
	const char *policy, *log_keys, *state, *alerts, *on_alert;
	struct watch *watch;
	unsigned interval_s, max_age_s, patience_s, threads;
	bool once, json;
	struct ledger_target target; /* of affected */
	bool has_target;
	uint64_t n;
};

static int
help_follow(void)
{
	(void)printf("usage: aicert-audit follow URL|DIR --state DIR "
	    "[--policy FILE | --log-keys FILE]\n"
	    "           [--once | --interval SECONDS] [--watch FILE] "
	    "[--builder HEX] [--image HEX]\n"
	    "           [--dataset VALUE] [--base-model VALUE] "
	    "[--model ALG:HEX] [--alerts FILE]\n"
	    "           [--on-alert COMMAND] [--max-age SECONDS] "
	    "[--patience SECONDS] [--threads N]\n"
	    "           [--json]\n\n"
	    "Tails a log: every checkpoint, that it extends the last, every "
	    "leaf against its\nstatement.  Alerts are lines of JSON.  The state "
	    "moves only past what was checked and\ntold.\n\n"
	    "  --state DIR           how far it is; made if it is not there\n"
	    "  --policy FILE         whose signatures count, and whose quorum; "
	    "else as aicert-verify\n"
	    "  --log-keys FILE       the log's keys alone, no quorum\n"
	    "  --once                one look, for cron and tests\n"
	    "  --interval SECONDS    between two looks (%d)\n"
	    "  --watch FILE          tell entries that a line of FILE matches; "
	    "aicert-audit(1) has the form\n"
	    "  --builder HEX         ... signed by the key of that SHA-256\n"
	    "  --image HEX           ... made on that image: root hash, or D of "
	    "its release\n"
	    "  --dataset VALUE       ... made from that dataset: ALG:HEX, a "
	    "uri, or a uri's beginning*\n"
	    "  --base-model VALUE    ... from that base model\n"
	    "  --model ALG:HEX       ... about that file or model\n"
	    "  --alerts FILE         append alerts to FILE, not standard "
	    "output\n"
	    "  --on-alert COMMAND    run by the shell with the alert on "
	    "standard input; must succeed\n"
	    "  --max-age SECONDS     older checkpoints are stale (%d); 0: any "
	    "age\n"
	    "  --patience SECONDS    so long unreachable is told (%d)\n"
	    "  --threads N           requests and signatures at once (%u "
	    "here)\n"
	    "  --json                with --once: a last line that says how far "
	    "it is\n\n"
	    "Exit status: 0 nothing to tell, 1 an alert was given or a fault "
	    "lasts, 2 it could not\nrun, 3 the log could not be reached.\n\n"
	    "Examples:\n"
	    "  aicert-audit follow https://log.example.org --policy policy "
	    "--state follow \\\n"
	    "      --on-alert 'mail -s log admin'\n"
	    "  aicert-audit follow https://log.example.org --log-keys log-keys "
	    "--state follow --once \\\n"
	    "      --dataset 'https://data.example.org/*' || echo look\n",
	    INTERVAL_S, MAX_AGE_S, PATIENCE_S, cmd_threads());
	return CMD_GOOD;
}

static int
help_affected(void)
{
	(void)printf("usage: aicert-audit affected --state DIR (--statement D | "
	    "--key HEX | --image D)\n"
	    "           [--from INDEX] [--json]\n\n"
	    "Lists the certificates that a revocation affects, or would: of a "
	    "statement, of all that\na key signed, of all that were made on a "
	    "recalled image.  Reads what follow checked; needs\nno network.\n\n"
	    "  --state DIR    the folder of follow\n"
	    "  --statement D  a statement is revoked\n"
	    "  --key HEX      a key is, by the SHA-256 of its SPKI\n"
	    "  --image D      an image is recalled, by the D of its release\n"
	    "  --from INDEX   only what has a line at or after that entry\n"
	    "  --json         lines of JSON\n\n"
	    "Exit status: 0 none is affected, 1 some are, 2 it could not "
	    "run.\n\n"
	    "Example: aicert-audit affected --state follow --key "
	    "0e631a24b3b79f857423b5a6c4d459d3bb5fc35918fdce65d38115a67a49fe61"
	    "\n");
	return CMD_GOOD;
}

/* ---- follow ---- */

static enum ac_err
watch_option(struct job *j, const char *kind, const char *value,
    struct message *why)
{
	struct message what = { "" };
	char *line = NULL;
	enum ac_err e = AC_ERR_FORMAT;

	if (strpbrk(value, " \t\n") != NULL)
		message_set(&what, "the value has blanks");
	else if (asprintf(&line, "%s %s\n", kind, value) < 0)
		e = AC_ERR_MEMORY;
	else
		e = watch_add(j->watch, span_str(line), &what);
	free(line);
	if (e != AC_OK) {
		message_set(why, "cannot watch for ");
		message_add_quoted(why, span_str(value));
		message_add(why, ": %s", what.text);
	}
	return e;
}

static enum ac_err
watch_file(struct job *j, const char *path, struct message *why)
{
	struct message what = { "" };
	struct buf text = { 0 };
	enum ac_err e;

	e = file_read(&text, path, WATCH_FILE_MAX);
	if (e == AC_OK)
		e = watch_add(j->watch, buf_span(&text), &what);
	else
		message_set(&what, "%s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
	buf_free(&text);
	if (e != AC_OK) {
		message_set(why, "cannot use the list ");
		message_add_quoted(why, span_str(path));
		message_add(why, ": %s", what.text);
	}
	return e;
}

static void
sleep_s(unsigned s, const volatile sig_atomic_t *stop)
{
	struct timespec end, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (time_t)s;
	do {
		struct timespec t = { 0, 100 * 1000000 };

		(void)nanosleep(&t, NULL);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while (*stop == 0 && (now.tv_sec < end.tv_sec ||
	    (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec)));
}

static int
show_once(const struct job *j, const struct follow_result *r, uint64_t alerts,
    enum ac_err e)
{
	int code = r->open || alerts > 0 ? CMD_BAD :
	    e == AC_ERR_BUSY ? CMD_LATER : CMD_GOOD;
	struct writer w;

	if (!j->json)
		return code;
	wr_init(&w, JSON_MAX);
	wr_printf(&w, "{\"treeSize\":%" PRIu64 ",\"checked\":%" PRIu64
	    ",\"alerts\":%" PRIu64 ",\"fault\":%s,\"reached\":%s",
	    r->size, r->checked, alerts, r->open ? "true" : "false",
	    r->reached ? "true" : "false");
	if (e == AC_ERR_BUSY) {
		wr_str(&w, ",\"message\":");
		wr_json(&w, span_str(r->why.text));
	}
	wr_str(&w, "}\n");
	return cmd_print(NAME, &w, code);
}

/* Look again and again, until told to stop. */
static int
loop(const struct job *j, struct follow *f, struct alerts *alerts,
    const volatile sig_atomic_t *stop)
{
	unsigned backoff_s = 1;

	for (;;) {
		struct follow_result r = { .reached = false };
		struct message why;
		enum ac_err e = follow_pass(f, &r, (int64_t)time(NULL), &why);

		if (*stop != 0 && !j->once)
			return CMD_GOOD;
		if (e != AC_OK) {
			(void)fprintf(stderr, "aicert-audit follow: %s\n",
			    why.text);
			(void)fflush(stderr);
		}
		if (e != AC_OK && e != AC_ERR_BUSY && (j->once ||
		    e != AC_ERR_IO))
			return CMD_CANNOT;
		if (j->once)
			return show_once(j, &r, alerts_count(alerts), e);
		if (e == AC_OK) {
			backoff_s = 1;
			sleep_s(j->interval_s, stop);
		} else {
			sleep_s(backoff_s, stop);
			if (backoff_s < BACKOFF_MAX_S)
				backoff_s *= 2;
		}
		if (*stop != 0)
			return CMD_GOOD;
	}
}

static int
follow(struct job *j, const char *place)
{
	const volatile sig_atomic_t *stop = cmd_stop();
	struct source_options so = { .tries = TRIES, .stop = stop };
	struct alerts_options ao = { j->alerts, j->on_alert, stop };
	struct follow_options o = { .watch = j->watch, .dir = j->state,
		.nthreads = j->threads, .max_age_s = j->max_age_s,
		.patience_s = j->patience_s, .stop = stop };
	struct policy *policy = NULL;
	struct follow *f = NULL;
	struct message why = { "" };
	enum ac_err e = AC_OK;
	int code = CMD_CANNOT;

	if (mkdir(j->state, 0755) != 0 && errno != EEXIST) {
		message_set(&why, "cannot make the state folder ");
		message_add_quoted(&why, span_str(j->state));
		message_add(&why, ": %s", strerror(errno));
		e = AC_ERR_IO;
	}
	if (e == AC_OK)
		e = cmd_policy(&policy, j->policy, j->log_keys, &why);
	o.policy = policy;
	if (e == AC_OK)
		e = source_open(&o.log, place, &so, &why);
	if (e == AC_OK)
		e = alerts_open(&o.alerts, &ao, &why);
	if (e == AC_OK && !source_has_statements(o.log))
		(void)fprintf(stderr, "aicert-audit follow: there are no "
		    "statements in this folder, only leaves are checked\n");
	if (e == AC_OK)
		e = follow_open(&f, &o, &why);
	if (e == AC_OK)
		code = loop(j, f, o.alerts, stop);
	else
		(void)cmd_failed(NAME, e, &why);
	follow_close(f);
	alerts_close(o.alerts);
	source_close(o.log);
	policy_free(policy);
	return code;
}

/* An option that names something to watch; -1 to go on. */
static int
take_watch(struct job *j, int c)
{
	static const char *const kinds[] = { "builder", "image", "dataset",
		"base-model", "model" };
	struct message why;
	enum ac_err e = c == 'w' ? watch_file(j, optarg, &why) :
	    watch_option(j, kinds[c - '0'], optarg, &why);

	return e == AC_OK ? -1 : cmd_usage(NAME, "%s", why.text);
}

static int
take_option(struct job *j, int c, char **argv)
{
	switch (c) {
	case 'p':
		j->policy = optarg;
		return -1;
	case 'k':
		j->log_keys = optarg;
		return -1;
	case 's':
		j->state = optarg;
		return -1;
	case 'a':
		j->alerts = optarg;
		return -1;
	case 'x':
		j->on_alert = optarg;
		return -1;
	case 'o':
		j->once = true;
		return -1;
	case 'j':
		j->json = true;
		return -1;
	case 'i':
		return cmd_number(&j->interval_s, NAME, "--interval", optarg, 1,
		    SECONDS_MAX) ? -1 : CMD_CANNOT;
	case 'm':
		return cmd_number(&j->max_age_s, NAME, "--max-age", optarg, 0,
		    SECONDS_MAX) ? -1 : CMD_CANNOT;
	case 'e':
		return cmd_number(&j->patience_s, NAME, "--patience", optarg,
		    0, SECONDS_MAX) ? -1 : CMD_CANNOT;
	case 't':
		return cmd_number(&j->threads, NAME, "--threads", optarg, 1,
		    32) ? -1 : CMD_CANNOT;
	case 'h':
		return help_follow();
	case 'w':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
		return take_watch(j, c);
	default:
		return cmd_bad_option(NAME, c, argv);
	}
}

int
cmd_follow(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "log-keys", required_argument, NULL, 'k' },
		{ "state", required_argument, NULL, 's' },
		{ "once", no_argument, NULL, 'o' },
		{ "interval", required_argument, NULL, 'i' },
		{ "watch", required_argument, NULL, 'w' },
		{ "builder", required_argument, NULL, '0' },
		{ "image", required_argument, NULL, '1' },
		{ "dataset", required_argument, NULL, '2' },
		{ "base-model", required_argument, NULL, '3' },
		{ "model", required_argument, NULL, '4' },
		{ "alerts", required_argument, NULL, 'a' },
		{ "on-alert", required_argument, NULL, 'x' },
		{ "max-age", required_argument, NULL, 'm' },
		{ "patience", required_argument, NULL, 'e' },
		{ "threads", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct job j = { .interval_s = INTERVAL_S, .max_age_s = MAX_AGE_S,
		.patience_s = PATIENCE_S, .threads = cmd_threads() };
	int c, code = -1;

	opterr = 0;
	if (watch_new(&j.watch) != AC_OK)
		return CMD_CANNOT;
	while (code < 0 &&
	    (c = getopt_long(argc, argv, ":", longs, NULL)) != -1)
		code = take_option(&j, c, argv);
	if (code < 0 && (argc - optind != 1 || j.state == NULL))
		code = cmd_usage(NAME, "name one log, and --state DIR");
	if (code < 0)
		code = follow(&j, argv[optind]);
	watch_free(j.watch);
	return code;
}

/* ---- affected ---- */

static enum ac_err
show_affected(void *arg, uint64_t index, const struct facts *f)
{
	struct job *j = arg;
	char d[65] = "", key[65] = "";

	text_hex(d, span_digest(&f->d));
	text_hex(key, span_digest(&f->key));
	j->n++;
	(void)printf(j->json ? "{\"index\":%" PRIu64 ",\"statement\":\"%s\","
	    "\"builder\":\"%s\"}\n" : "%" PRIu64 " %s builder %s\n", index, d,
	    key);
	return AC_OK;
}

static int
affected(struct job *j)
{
	char *mark_path = NULL, *path = NULL;
	struct ledger *ledger = NULL;
	struct message why = { "out of memory" };
	struct mark *mark = NULL;
	enum ac_err e = AC_ERR_MEMORY;

	if (asprintf(&mark_path, "%s/state", j->state) < 0)
		mark_path = NULL;
	if (asprintf(&path, "%s/ledger", j->state) < 0)
		path = NULL;
	if (mark_path != NULL && path != NULL)
		e = mark_read(&mark, mark_path, &why);
	if (e == AC_OK)
		e = ledger_open(&ledger, path, mark->checked.size, true, &why);
	if (e == AC_OK)
		e = ledger_affected(ledger, &j->target, show_affected, j,
		    &why);
	ledger_close(ledger);
	mark_free(mark);
	free(mark_path);
	free(path);
	if (e != AC_OK)
		return cmd_failed(AFFECTED, e, &why);
	return j->n == 0 ? CMD_GOOD : CMD_BAD;
}

static int
take_target(struct job *j, enum revocation_target kind)
{
	if (j->has_target)
		return cmd_usage(AFFECTED, "one of --statement, --key and "
		    "--image at a time");
	if (!text_unhex_digest(&j->target.d, span_str(optarg)))
		return cmd_usage(AFFECTED, "a target is 64 lower-case hex "
		    "digits");
	j->target.kind = kind;
	j->has_target = true;
	return -1;
}

int
cmd_affected(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "state", required_argument, NULL, 's' },
		{ "statement", required_argument, NULL, 'd' },
		{ "key", required_argument, NULL, 'k' },
		{ "image", required_argument, NULL, 'i' },
		{ "from", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct job j = { .n = 0 };
	int c, code = -1;

	opterr = 0;
	while (code < 0 &&
	    (c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (c == 's')
			j.state = optarg;
		else if (c == 'd')
			code = take_target(&j, REVOCATION_STATEMENT);
		else if (c == 'k')
			code = take_target(&j, REVOCATION_KEY);
		else if (c == 'i')
			code = take_target(&j, REVOCATION_IMAGE);
		else if (c == 'j')
			j.json = true;
		else if (c == 'h')
			code = help_affected();
		else if (c == 'f' && text_undec(&j.target.index,
		    span_str(optarg), MERKLE_SIZE_MAX))
			j.target.from = true;
		else if (c == 'f')
			code = cmd_usage(AFFECTED, "--from wants an index");
		else
			code = cmd_bad_option(AFFECTED, c, argv);
	}
	if (code < 0 && (argc != optind || j.state == NULL || !j.has_target))
		code = cmd_usage(AFFECTED, "--state and a target are needed");
	return code < 0 ? affected(&j) : code;
}
